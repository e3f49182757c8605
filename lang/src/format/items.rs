//! Declarations.

use super::clauses::attr_start;
use super::doc::{Doc, cat, group, indent, text};
use super::layout::Layout;
use crate::ast::{
    Campaign, CampaignPart, CampaignPartKind, Flow, Item, ItemKind, Policy, PolicyArm, PolicyEnd, Test, ToolDecl,
    TypeExpr, Use,
};
use crate::span::Span;

impl Layout<'_> {
    /// The whole file.
    pub(super) fn file(&mut self, items: &[Item]) -> Doc {
        let mut docs = Vec::new();
        let mut before: Option<&Item> = None;
        for item in items {
            docs.push(self.lead_item(item, before));
            docs.push(self.item(item));
            docs.push(self.trail(item.span.end));
            docs.push(Doc::Hard);
            before = Some(item);
        }
        let end = u32::try_from(self.source.len()).unwrap_or(u32::MAX);
        docs.push(self.lead(end, before.is_none()));
        cat(docs)
    }

    /// An empty line before anything with a body; short declarations stay as close as they were.
    fn lead_item(&mut self, item: &Item, before: Option<&Item>) -> Doc {
        let apart = before.is_some_and(|before| has_body(item) || has_body(before));
        let lead = self.lead(item.span.start, before.is_none());
        if apart { cat([Doc::Blank, lead]) } else { lead }
    }

    fn item(&mut self, item: &Item) -> Doc {
        match &item.kind {
            ItemKind::Use(used) => self.used(used, item.span),
            ItemKind::Const(constant) => {
                cat([text("const "), self.name(&constant.name), text(" = "), self.expr(&constant.value)])
            }
            ItemKind::Type(ty) => cat([text("type "), self.name(&ty.name), text(" = "), self.ty(&ty.ty)]),
            ItemKind::Tool(tool) => self.tool(tool),
            ItemKind::Flow(flow) => self.flow(flow),
            ItemKind::Policy(policy) => self.policy(policy, item.span),
            ItemKind::Campaign(campaign) => self.campaign(campaign, item.span),
            ItemKind::Test(test) => self.test(test, item.span),
            ItemKind::Error(_) => self.slice(item.span),
        }
    }

    fn used(&mut self, used: &Use, whole: Span) -> Doc {
        let path = self.path(&used.path);
        let Some(names) = &used.names else {
            return cat([text("use "), path]);
        };
        let at = whole.text(self.source).find('{').unwrap_or(0) as u32;
        let place = Span { start: whole.start + at, end: whole.end };
        let names = self.entries(
            super::layout::NAMES,
            place,
            names,
            |name| name.name.span,
            |layout, name| match &name.alias {
                Some(alias) => cat([layout.name(&name.name), text(" as "), layout.name(alias)]),
                None => layout.name(&name.name),
            },
        );
        cat([text("use "), path, text("."), names])
    }

    /// Where the parentheses behind a name stand.
    fn parens(&self, from: u32, last: Option<u32>) -> Span {
        let open = Span { start: from, end: self.source.len() as u32 }.text(self.source);
        let start = from + open.find('(').unwrap_or(0) as u32;
        let after = last.unwrap_or(start + 1);
        let mut end = after;
        // A comment may hold a `)` of its own.
        while let Some(at) = (Span { start: end, end: self.source.len() as u32 }).text(self.source).find(')') {
            end += at as u32 + 1;
            if !self.in_comment(end) {
                break;
            }
        }
        Span { start, end }
    }

    fn returns(&mut self, returns: Option<&TypeExpr>) -> Doc {
        match returns {
            Some(ty) => cat([text(" -> "), self.ty(ty)]),
            None => cat([]),
        }
    }

    fn tool(&mut self, tool: &ToolDecl) -> Doc {
        let last = tool.params.last().map(|param| param.default.as_ref().map_or(param.ty.span, |value| value.span).end);
        let place = self.parens(tool.path.span.end, last);
        let head = cat([text("tool "), self.path(&tool.path), self.params(&tool.params, place)]);
        let returns = self.returns(tool.returns.as_ref());
        let end = tool.returns.as_ref().map_or(place.end, |ty| ty.span.end);
        let broken = tool.attrs.first().is_some_and(|attr| self.breaks_between(end, attr_start(attr).start));
        let mut attrs = Vec::new();
        for attr in &tool.attrs {
            if !attrs.is_empty() {
                attrs.push(text(" "));
            }
            attrs.push(self.tool_attr(attr));
        }
        if attrs.is_empty() {
            return cat([head, returns]);
        }
        cat([head, returns, group(indent(cat([Doc::Line, cat(attrs)])), broken)])
    }

    fn flow(&mut self, flow: &Flow) -> Doc {
        let last = flow.params.last().map(|param| param.default.as_ref().map_or(param.ty.span, |value| value.span).end);
        let place = self.parens(flow.name.span.end, last);
        let head = cat([text(flow.role.word()), text(" "), self.name(&flow.name), self.params(&flow.params, place)]);
        let returns = self.returns(flow.returns.as_ref());
        let mut end = flow.returns.as_ref().map_or(place.end, |ty| ty.span.end);
        let mut docs = Vec::new();
        let first = flow.clauses.first().map(|clause| clause.span.start);
        let broken = first.is_some_and(|first| self.breaks_between(end, first));
        for clause in &flow.clauses {
            let before = self.trail(end);
            let lead = if before.forces() || self.breaks_between(end, clause.span.start) {
                self.lead(clause.span.start, true)
            } else {
                cat([])
            };
            docs.extend([before, Doc::Line, lead, self.flow_clause(&clause.kind)]);
            end = clause.span.end;
        }
        docs.push(self.trail(end));
        let brace = if flow.clauses.is_empty() { text(" ") } else { Doc::Line };
        let header = group(cat([head, returns, indent(cat(docs)), brace, text("{")]), broken);
        cat([header, self.body(flow)])
    }

    /// The body behind its opening brace, which belongs to the header's line.
    fn body(&mut self, flow: &Flow) -> Doc {
        let block = &flow.body;
        if block.steps.is_empty() && !self.has_comment(block.span) {
            return text("}");
        }
        let inline = block.steps.len() == 1 && !self.breaks_between(block.span.start, block.span.end);
        let close = block.span.end.saturating_sub(1);
        if inline && !self.has_comment(block.span) {
            let place = |step: &crate::ast::Step| step.span;
            let mut docs = Vec::new();
            for step in &block.steps {
                docs.extend([Doc::Line, self.one_step(step)]);
                self.trail(place(step).end);
            }
            return group(cat([indent(cat(docs)), Doc::Line, text("}")]), false);
        }
        let opening = indent(self.trail(block.span.start + 1));
        let steps = self.lines(&block.steps, |step| step.span, close, Self::one_step);
        cat([opening, steps, Doc::Hard, text("}")])
    }

    fn policy(&mut self, policy: &Policy, whole: Span) -> Doc {
        enum Part<'p> {
            Arm(&'p PolicyArm),
            Timeout(&'p crate::ast::Expr),
        }
        let span: fn(&Part<'_>) -> Span = |part| match part {
            Part::Arm(arm) => arm.span,
            Part::Timeout(value) => value.span,
        };
        let mut parts: Vec<Part<'_>> = policy.arms.iter().map(Part::Arm).collect();
        parts.extend(policy.timeout.iter().map(Part::Timeout));
        parts.sort_by_key(|part| span(part).start);
        let opening = indent(self.trail_open(Span { start: policy.name.span.end, end: whole.end }));
        let body = self.lines(&parts, span, whole.end.saturating_sub(1), |layout, part| match part {
            Part::Arm(arm) => layout.policy_arm(arm),
            Part::Timeout(value) => cat([text("timeout "), layout.expr(value)]),
        });
        cat([text("policy "), self.name(&policy.name), text(" {"), opening, body, Doc::Hard, text("}")])
    }

    fn policy_arm(&mut self, arm: &PolicyArm) -> Doc {
        let mut docs = vec![self.codes(&arm.codes), text(" => ")];
        if let Some(retry) = &arm.retry {
            docs.push(self.retry(retry));
        }
        if arm.retry.is_some() && arm.then.is_some() {
            docs.push(text(" then "));
        }
        docs.push(match &arm.then {
            Some(PolicyEnd::Fail) => text("fail"),
            Some(PolicyEnd::Fallback) => text("fallback"),
            Some(PolicyEnd::Escalate(path)) => cat([text("escalate "), self.path(path)]),
            None => cat([]),
        });
        cat(docs)
    }

    fn campaign(&mut self, campaign: &Campaign, whole: Span) -> Doc {
        let opening = indent(self.trail_open(Span { start: campaign.name.span.end, end: whole.end }));
        let body = self.lines(&campaign.parts, |part| part.span, whole.end.saturating_sub(1), Self::campaign_part);
        cat([text("campaign "), self.name(&campaign.name), text(" {"), opening, body, Doc::Hard, text("}")])
    }

    fn campaign_part(&mut self, part: &CampaignPart) -> Doc {
        match &part.kind {
            CampaignPartKind::Cron { schedule, zone } => {
                let mut docs = vec![text("cron "), self.expr(schedule)];
                if let Some(zone) = zone {
                    docs.extend([text(" zone "), self.expr(zone)]);
                }
                cat(docs)
            }
            CampaignPartKind::Every(value) => cat([text("every "), self.expr(value)]),
            CampaignPartKind::OnEvent { event, ty } => {
                cat([text("on event "), self.expr(event), text(" as "), self.ty(ty)])
            }
            CampaignPartKind::OnWebhook { path, ty } => {
                cat([text("on webhook "), self.expr(path), text(" as "), self.ty(ty)])
            }
            CampaignPartKind::Run { callee, args } => {
                let place = Span { start: callee.span.end, end: part.span.end };
                cat([text("run "), self.path(callee), self.args(args, place)])
            }
            CampaignPartKind::Delivery(on) => text(if *on { "delivery on" } else { "delivery off" }),
            CampaignPartKind::Flag(value) => cat([text("flag "), self.expr(value)]),
            CampaignPartKind::Overlap(word) => cat([text("overlap "), self.name(word)]),
            CampaignPartKind::Priority(value) => cat([text("priority "), self.expr(value)]),
        }
    }

    fn test(&mut self, test: &Test, whole: Span) -> Doc {
        let opening = indent(self.trail_open(Span { start: test.name_span.end, end: whole.end }));
        let body = self.lines(&test.steps, |step| step.span, whole.end.saturating_sub(1), Self::test_step);
        cat([text("test "), self.slice(test.name_span), text(" {"), opening, body, Doc::Hard, text("}")])
    }
}

fn has_body(item: &Item) -> bool {
    !matches!(item.kind, ItemKind::Use(_) | ItemKind::Const(_) | ItemKind::Type(_) | ItemKind::Tool(_))
}
