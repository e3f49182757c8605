//! Campaigns and grants: what starts flows by itself, and what `weir.toml` allows.

use super::Checker;
use super::body::Body;
use super::program::Callee;
use super::{errors, hints};
use ecow::EcoString;
use weir_lang::ast::{Campaign, CampaignPart, CampaignPartKind, Expr, ExprKind, ItemKind, Lit};
use weir_lang::types::Type;

/// What a run can be, in the words of envelopes.
pub const STATUSES: [&str; 12] = [
    "queued",
    "running",
    "waiting",
    "paused",
    "succeeded",
    "blocked",
    "failed",
    "compensating",
    "compensated",
    "compensation_failed",
    "cancelled",
    "needs_attention",
];

impl Checker {
    pub(super) fn check_campaigns(&mut self) {
        for module in 0..self.program.modules.len() {
            for item in &self.program.ast(module).items {
                if let ItemKind::Campaign(campaign) = &item.kind {
                    self.check_campaign(module, campaign);
                }
            }
        }
        self.check_grants();
    }

    fn check_campaign(&mut self, module: usize, campaign: &Campaign) {
        let name = self.program.loc(module, campaign.name.span);
        let mut event = None;
        let (mut clocks, mut triggers, mut runs) = (0, 0, 0);
        for part in &campaign.parts {
            match &part.kind {
                CampaignPartKind::Cron { schedule, zone } => {
                    clocks += 1;
                    self.check_cron(module, schedule);
                    if let Some(zone) = zone {
                        self.check_zone(module, zone);
                    }
                }
                CampaignPartKind::Every(every) => {
                    clocks += 1;
                    self.constant_ms(module, every, "`every`");
                }
                CampaignPartKind::OnEvent { event: text, ty } | CampaignPartKind::OnWebhook { path: text, ty } => {
                    triggers += 1;
                    self.check_text(module, text, "what starts a campaign");
                    if matches!(part.kind, CampaignPartKind::OnWebhook { .. }) {
                        self.check_webhook(module, text);
                    }
                    let ty = self.resolve_type(module, ty);
                    self.events.insert((module, campaign.name.span.start), ty.clone());
                    event = Some(ty);
                }
                CampaignPartKind::Run { .. } => runs += 1,
                _ => self.check_campaign_part(module, part),
            }
        }
        for part in &campaign.parts {
            if let CampaignPartKind::Run { callee, args } = &part.kind {
                let mut body = Body::new(self, module, None);
                if let Some(ty) = &event {
                    body.scope.bind(&"event".into(), ty.clone(), Default::default(), false);
                } else {
                    body.clock = true;
                }
                match body.checker.program.callee(module, callee) {
                    Some(Callee::Flow(flow)) => {
                        body.flow_call(flow, args, None, callee);
                    }
                    _ => {
                        let flows: Vec<_> = body.checker.program.flows.iter().map(|flow| flow.name.clone()).collect();
                        let near = body
                            .checker
                            .near(&callee.text(), flows.iter().map(|name| name.as_str()))
                            .map(str::to_string);
                        let loc = body.loc(callee.span);
                        body.report(errors::unknown_flow(loc, &callee.text(), near.as_deref()));
                    }
                }
            }
        }
        if runs != 1 {
            self.report(errors::invalid_clause(name, "a campaign says what it runs, once", "add `run flow(…)`"));
        }
        if clocks + triggers != 1 {
            let help = "one of `cron \"…\"`, `every 15m`, `on event \"…\" as T`, `on webhook \"/…\" as T`";
            self.report(errors::invalid_clause(name, "a campaign has one clock or trigger", help));
        }
    }

    fn check_campaign_part(&mut self, module: usize, part: &CampaignPart) {
        match &part.kind {
            CampaignPartKind::Flag(flag) => self.check_text(module, flag, "`flag`"),
            CampaignPartKind::Priority(priority) if self.program.constant_int(module, priority).is_none() => {
                let loc = self.program.loc(module, priority.span);
                self.report(errors::not_constant(loc, "`priority`"));
            }
            CampaignPartKind::Overlap(word) if !matches!(word.name.as_str(), "skip" | "queue" | "allow") => {
                let loc = self.program.loc(module, word.span);
                self.report(errors::invalid_clause(
                    loc,
                    format!("`overlap` cannot be `{}`", word.name),
                    "`skip`, `queue` or `allow`",
                ));
            }
            _ => {}
        }
    }

    /// A text that is known before anything runs.
    fn check_text(&mut self, module: usize, text: &Expr, what: &str) {
        let said = self.said();
        Body::new(self, module, None).text(text);
        if said == self.said() && self.program.constant_text(module, text).is_none() {
            let loc = self.program.loc(module, text.span);
            self.report(errors::not_constant(loc, what));
        }
    }

    /// A webhook that `weir.toml` says nothing of is closed.
    fn check_webhook(&mut self, module: usize, path: &Expr) {
        let Some(name) = self.program.constant_text(module, path) else { return };
        if !self.has_config || self.unreadable || self.config.webhooks.contains_key(&name) {
            return;
        }
        let config = self.config.clone();
        let near = self.near(&name, config.webhooks.keys().map(EcoString::as_str));
        let loc = self.program.loc(module, path.span);
        self.report(hints::unserved_webhook(loc, &name, near));
    }

    fn check_zone(&mut self, module: usize, zone: &Expr) {
        self.check_text(module, zone, "`zone`");
        let ExprKind::Lit(Lit::String(name)) = &zone.unparen().kind else { return };
        if !weir_stdlib::functions::is_zone(name) {
            let loc = self.program.loc(module, zone.span);
            let known = weir_stdlib::functions::zones();
            let city = |zone: &&String| zone.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(name));
            let near = if name.contains('/') { None } else { known.iter().find(city).map(String::as_str) };
            let near = near.or_else(|| self.near(name, known.iter().map(String::as_str))).map(str::to_string);
            self.report(errors::unknown_zone(loc, name, near.as_deref()));
        }
    }

    fn check_cron(&mut self, module: usize, schedule: &Expr) {
        let loc = self.program.loc(module, schedule.span);
        let ExprKind::Lit(Lit::String(text)) = &schedule.unparen().kind else {
            self.report(errors::not_constant(loc, "`cron`"));
            return;
        };
        let parsed =
            croner::parser::CronParser::builder().seconds(croner::parser::Seconds::Disallowed).build().parse(text);
        match parsed {
            Err(error) => self.report(errors::invalid_cron(loc, error.to_string().trim_end_matches('.'))),
            Ok(cron) if never(&cron.pattern) => self.report(errors::empty_cron(loc)),
            Ok(_) => {}
        }
    }

    /// The type of a run in a test.
    pub(super) fn run_type(value: Type) -> Type {
        Type::record([
            ("status", Type::union(STATUSES.map(Type::text))),
            ("partial", Type::Bool),
            ("blocked", Type::Bool),
            ("reason", Type::STRING.nullable()),
            ("value", value.nullable()),
            ("error", Type::Named("Error".into()).nullable()),
            ("steps", Type::INT),
            ("attempts", Type::INT),
            ("envelope", Type::Named("Envelope".into())),
        ])
    }
}

/// Days of each month, in a leap year.
const LONGEST: [u16; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Whether the months of a schedule never have its days.
fn never(pattern: &croner::CronPattern) -> bool {
    if !pattern.is_dow_wildcard() || pattern.days.has_modifiers() {
        return false;
    }
    let first = pattern.days.values().into_iter().min().unwrap_or(1);
    let longest =
        pattern.months.values().into_iter().filter_map(|month| LONGEST.get(usize::from(month).checked_sub(1)?));
    longest.max().is_some_and(|longest| *longest < first)
}
