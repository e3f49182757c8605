//! The names in flows' heads, tool declarations, policies, campaigns and tests.

use super::names::Walk;
use super::symbol::{LocalKind, Symbol};
use weir_lang::ast::{
    BudgetPart, Campaign, CampaignPartKind, Flow, FlowClause, FlowClauseKind, MockOutcome, Policy, PolicyEnd, Test,
    TestStepKind, ToolAttr, ToolDecl,
};
use weir_lang::span::{Loc, Span};

impl Walk<'_> {
    pub(super) fn tool(&mut self, decl: &ToolDecl) {
        let name = decl.path.text();
        if let [server, .., own] = decl.path.parts.as_slice() {
            self.mention(server.span, Symbol::Server(server.name.clone()));
            self.declare(own.span, Symbol::Tool(name.clone()));
        }
        for param in &decl.params {
            self.declare(param.name.span, Symbol::ToolParam(name.clone(), param.name.name.clone()));
            self.ty(&param.ty);
        }
        decl.returns.iter().for_each(|ty| self.ty(ty));
        for attr in &decl.attrs {
            match attr {
                ToolAttr::Can(capabilities) => self.capabilities(capabilities),
                ToolAttr::AcceptsKey(key) => self.mention(key.span, Symbol::ToolParam(name.clone(), key.name.clone())),
                ToolAttr::Fails(codes) => {
                    codes.iter().for_each(|code| self.declare(code.span, Symbol::Code(code.name.clone())));
                }
                ToolAttr::Timeout(expr) | ToolAttr::Costs(expr) => self.expr(expr),
                ToolAttr::Idempotent(_) => {}
            }
        }
    }

    pub(super) fn flow(&mut self, flow: &Flow, item: Span) {
        if let Some(place) = self.program.flow_in(self.module, &flow.name.name) {
            self.declare(flow.name.span, Symbol::Flow(place));
        }
        let extent = Span { start: flow.name.span.end, end: flow.body.span.end.max(item.end) };
        self.scoped(extent, |walk| {
            walk.params(&flow.params, extent);
            flow.returns.iter().for_each(|ty| walk.ty(ty));
            flow.clauses.iter().for_each(|clause| walk.flow_clause(clause));
            walk.block(&flow.body);
        });
    }

    fn flow_clause(&mut self, clause: &FlowClause) {
        match &clause.kind {
            FlowClauseKind::Can(capabilities) => self.capabilities(capabilities),
            FlowClauseKind::Timeout(expr)
            | FlowClauseKind::Priority(expr)
            | FlowClauseKind::Sample(expr)
            | FlowClauseKind::Model(expr) => self.expr(expr),
            FlowClauseKind::Limit { count, per } => {
                self.expr(count);
                self.expr(per);
            }
            FlowClauseKind::Concurrency { count, by } => {
                self.expr(count);
                by.iter().for_each(|by| self.expr(by));
            }
            FlowClauseKind::Budget(parts) => parts.iter().for_each(|part| match part {
                BudgetPart::Calls(expr) | BudgetPart::Time(expr) | BudgetPart::Cost(expr) | BudgetPart::Depth(expr) => {
                    self.expr(expr);
                }
            }),
            FlowClauseKind::Before(path) | FlowClauseKind::After(path) | FlowClauseKind::OnError(path) => {
                self.callee(path);
            }
            FlowClauseKind::Tools(paths) => paths.iter().for_each(|path| {
                self.callee(path);
            }),
            FlowClauseKind::With(name) => self.policy_name(name),
        }
    }

    pub(super) fn policy(&mut self, policy: &Policy) {
        policy.timeout.iter().for_each(|timeout| self.expr(timeout));
        for arm in &policy.arms {
            self.codes(&arm.codes);
            if let Some(retry) = &arm.retry {
                retry.count.iter().for_each(|count| self.expr(count));
            }
            if let Some(PolicyEnd::Escalate(path)) = &arm.then {
                self.callee(path);
            }
        }
    }

    fn declare_item(&mut self, name: Span) {
        let loc: Loc = self.program.loc(self.module, name);
        self.declare(name, Symbol::Item(loc));
    }

    pub(super) fn campaign(&mut self, campaign: &Campaign, item: Span) {
        self.declare_item(campaign.name.span);
        self.scoped(item, |walk| {
            let typed = campaign.parts.iter().find_map(|part| match &part.kind {
                CampaignPartKind::OnEvent { ty, .. } | CampaignPartKind::OnWebhook { ty, .. } => Some(ty.span),
                _ => None,
            });
            if let Some(span) = typed {
                walk.bind_hidden("event", span, item);
            }
            campaign.parts.iter().for_each(|part| walk.campaign_part(&part.kind));
        });
    }

    fn campaign_part(&mut self, part: &CampaignPartKind) {
        match part {
            CampaignPartKind::OnEvent { event: text, ty } | CampaignPartKind::OnWebhook { path: text, ty } => {
                self.expr(text);
                self.ty(ty);
            }
            CampaignPartKind::Run { callee, args } => self.call(callee, args),
            CampaignPartKind::Every(expr) | CampaignPartKind::Flag(expr) | CampaignPartKind::Priority(expr) => {
                self.expr(expr);
            }
            CampaignPartKind::Cron { schedule, zone } => {
                self.expr(schedule);
                zone.iter().for_each(|zone| self.expr(zone));
            }
            CampaignPartKind::Delivery(_) | CampaignPartKind::Overlap(_) => {}
        }
    }

    pub(super) fn test(&mut self, test: &Test, item: Span) {
        self.declare_item(test.name_span);
        self.scoped(item, |walk| {
            for step in &test.steps {
                walk.test_step(&step.kind, step.span);
            }
        });
    }

    fn test_step(&mut self, step: &TestStepKind, span: Span) {
        match step {
            TestStepKind::Mock { tool, args, outcomes } => {
                self.call(tool, args.as_deref().unwrap_or_default());
                outcomes.iter().for_each(|outcome| match outcome {
                    MockOutcome::Value(value) => self.expr(value),
                    MockOutcome::Fail { code, message } => {
                        self.codes(std::slice::from_ref(code));
                        message.iter().for_each(|message| self.expr(message));
                    }
                });
            }
            TestStepKind::Bind { name, value } => {
                self.expr(value);
                let extent = self.onward(span.end);
                self.bind(name, LocalKind::Step, extent);
            }
            TestStepKind::Expect(expr) => self.expr(expr),
            TestStepKind::Answer { question, value } => {
                self.expr(question);
                self.expr(value);
            }
            TestStepKind::Signal { event, key, value } => {
                self.expr(event);
                key.iter().for_each(|key| self.expr(key));
                self.expr(value);
            }
            TestStepKind::Crash(path) => {
                self.callee(path);
            }
            TestStepKind::Error => {}
        }
    }
}
