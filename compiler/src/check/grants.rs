//! `[grants]` of the project file, held against what entry flows and campaigns can do.

use super::Checker;
use super::{errors, hints};
use ecow::EcoString;
use indexmap::IndexMap;
use rustc_hash::FxHashSet;
use weir_lang::ast::CampaignPartKind;
use weir_lang::diagnostic::Diagnostic;
use weir_lang::span::Loc;

/// A campaign: its full name, where that stands, the flow that it runs.
struct Started {
    name: EcoString,
    loc: Loc,
    flow: Option<usize>,
}

impl Checker {
    /// Entries are flows or campaigns, allow what these need, and no more.
    pub(super) fn check_grants(&mut self) {
        let config = self.config.clone();
        let started = self.started();
        for (name, capabilities) in config.grants.iter().flatten() {
            let said = self.said();
            self.check_entry(name, &started);
            self.check_form(name, capabilities);
            if said == self.said() {
                self.check_width(name, capabilities, &started);
            }
        }
        let mut found = Vec::new();
        for campaign in &started {
            self.check_campaign_grant(campaign, config.grants.as_ref(), &mut found);
        }
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
    }

    fn started(&self) -> Vec<Started> {
        let one = |(module, campaign): (usize, &weir_lang::ast::Campaign)| {
            let flow = campaign.parts.iter().find_map(|part| match &part.kind {
                CampaignPartKind::Run { callee, .. } => match self.program.callee(module, callee) {
                    Some(super::program::Callee::Flow(flow)) => Some(flow),
                    _ => None,
                },
                _ => None,
            });
            let name = super::program::full_name(self.program.module_name(module), &campaign.name.name);
            Started { name, loc: self.program.loc(module, campaign.name.span), flow }
        };
        self.program.campaigns().map(one).collect()
    }

    /// An entry names a flow or a campaign.
    fn check_entry(&mut self, name: &EcoString, started: &[Started]) {
        let campaigns: FxHashSet<&EcoString> = started.iter().map(|one| &one.name).collect();
        if name == "*" || self.program.flow_places.contains_key(name) || campaigns.contains(name) {
            return;
        }
        let known = || self.program.flows.iter().map(|flow| &flow.name).chain(started.iter().map(|one| &one.name));
        let own = known().find(|full| full.rsplit('.').next() == Some(name));
        let near = own.map(EcoString::as_str).or_else(|| self.near(name, known().map(EcoString::as_str)));
        let near = near.map(str::to_string);
        let message = format!("`[grants]` names `{name}`, and there is no such flow or campaign");
        let loc = self.config_key(&["grants", name]);
        let found = errors::invalid_project(loc, &message, near.as_deref());
        self.report(match near {
            Some(near) => found.fix(format!("replace with `{near}`"), vec![(loc, format!("{near:?}"))]),
            None => {
                let example = known().next().map_or("shop.main", EcoString::as_str);
                found.help(format!(
                    "it names flows and campaigns in full, or all with `*`: `\"{example}\" = [\"store.write\"]`"
                ))
            }
        });
    }

    /// A capability is `resource.verb`.
    fn check_form(&mut self, name: &EcoString, capabilities: &[EcoString]) {
        for (at, capability) in capabilities.iter().enumerate() {
            let verb = capability.rsplit('.').next().unwrap_or("");
            if !capability.contains('.') || !matches!(verb, "read" | "write" | "send" | "exec") {
                let message = format!(
                    "`{capability}` is no capability: `resource.verb`, the verb `read`, `write`, `send` or `exec`"
                );
                let loc = self.config_entry(&["grants", name], at);
                self.report(errors::invalid_project(loc, &message, None));
            }
        }
    }

    /// A flow's or campaign's entry allows what it needs, and no more.
    fn check_width(&mut self, name: &EcoString, capabilities: &[EcoString], started: &[Started]) {
        let campaign = started.iter().find(|one| one.name == *name).and_then(|one| one.flow);
        let flow = self.program.flow_places.get(name).copied();
        let Some(flow) = flow.or(campaign).filter(|flow| !self.is_broken(*flow)) else { return };
        let Some(decl) = self.program.flows.get(flow) else { return };
        let entries: Vec<Loc> = (0..capabilities.len()).map(|at| self.config_entry(&["grants", name], at)).collect();
        let mut found = Vec::new();
        for (at, capability) in capabilities.iter().enumerate() {
            if !decl.can.contains(capability) && !self.needs(flow, capability) {
                let loc = entries.get(at).copied().unwrap_or_default();
                let warning = hints::unused_grant(loc, name, capability);
                let near = decl
                    .can
                    .iter()
                    .find(|one| !capabilities.contains(one) && errors::nearest(capability, [one.as_str()]).is_some());
                found.push(match (near, self.without_entry(&entries, at)) {
                    (Some(near), _) => warning
                        .help(format!("did you mean `{near}`?"))
                        .fix(format!("replace with `{near}`"), vec![(loc, format!("{:?}", near.as_str()))]),
                    (None, Some(edits)) => warning.fix(format!("take `{capability}` out"), edits),
                    (None, None) => warning.fix(format!("take `{capability}` out"), vec![(loc, String::new())]),
                });
            }
        }
        let all = self.config.grants.as_ref().and_then(|table| table.get("*"));
        let all = all.into_iter().flatten().filter(|capability| !capability.ends_with(".exec"));
        let granted: Vec<&EcoString> = capabilities.iter().chain(all).collect();
        // One typo is one warning: what was meant by an entry that nothing needs is not missing as well.
        if found.is_empty() && campaign.is_none() {
            let loc = self.config_key(&["grants", name]);
            let last = entries.last().copied();
            if let Some(missing) = decl.can.iter().find(|capability| !granted.contains(capability)) {
                let warning = self.lacks(loc, name, flow, missing);
                found.push(match last {
                    Some(last) => {
                        let behind = Loc { span: weir_lang::span::Span { start: last.span.end, ..last.span }, ..last };
                        let edits = super::fixes::insert(behind, format!(", {:?}", missing.as_str()));
                        warning.fix(format!("grant `{missing}`"), edits)
                    }
                    None => warning,
                });
            }
        }
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
    }

    /// A campaign starts by itself, so nobody can grant what its entries lack.
    fn check_campaign_grant(
        &self,
        campaign: &Started,
        table: Option<&IndexMap<EcoString, Vec<EcoString>>>,
        found: &mut Vec<Diagnostic>,
    ) {
        let Some(flow) = campaign.flow.filter(|flow| !self.is_broken(*flow)) else { return };
        let Some(decl) = self.program.flows.get(flow) else { return };
        let granted = |capability: &EcoString| {
            let code = capability.ends_with(".exec");
            let Some(table) = table else { return !code };
            let named = [&campaign.name, &decl.name].into_iter().filter_map(|name| table.get(name)).flatten();
            let all = table.get("*").into_iter().flatten().filter(|_| !code);
            named.chain(all).any(|one| one == capability)
        };
        if let Some(missing) = decl.can.iter().find(|capability| !granted(capability)) {
            found.push(self.lacks(campaign.loc, &campaign.name, flow, missing));
        }
    }

    fn needs(&self, flow: usize, capability: &str) -> bool {
        self.effects.get(flow).is_some_and(|effects| effects.needs.contains_key(capability))
    }

    fn lacks(&self, loc: Loc, entry: &str, flow: usize, capability: &str) -> Diagnostic {
        let via = self.effects.get(flow).and_then(|effects| effects.needs.get(capability)).map(|(_, via)| via);
        let way = via.map(|via| self.way_to(via, capability)).unwrap_or_default();
        let names: Vec<String> = way.iter().map(|one| format!("`{one}`")).collect();
        let way = match names.split_first() {
            Some((first, rest)) if !rest.is_empty() => format!("{first} (through {})", rest.join(", ")),
            Some((first, _)) => first.clone(),
            None => "its `can`".to_string(),
        };
        hints::missing_grant(loc, entry, capability, &way)
    }
}
