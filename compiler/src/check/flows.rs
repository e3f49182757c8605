//! Flows: clauses, body, result.

use super::Checker;
use super::body::{BlockType, Body};
use super::errors;
use super::outline::{self, Node, SiteKind};
use super::program::{Callee, flow_item};
use ecow::EcoString;
use weir_lang::ast::{BudgetPart, CapabilityRef, Expr, Flow, FlowClause, FlowClauseKind, Path, Role, StepKind};
use weir_lang::types::{Type, fits};

impl Checker {
    pub(super) fn check_flows(&mut self) {
        self.collect_placed();
        let mut by_module = vec![Vec::new(); self.program.modules.len()];
        for (place, flow) in self.program.flows.iter().enumerate() {
            if let Some(places) = by_module.get_mut(flow.at.module) {
                places.push(place);
            }
        }
        for (module, places) in by_module.into_iter().enumerate() {
            if self.stopped() {
                return;
            }
            self.check_bodies(module, &places);
        }
    }

    /// Checks the flow at a place.
    pub(super) fn check_flow_at(&mut self, place: usize) {
        let Some(at) = self.program.flows.get(place).map(|flow| flow.at) else { return };
        let ast = self.program.ast(at.module);
        if let Some(flow) = flow_item(&ast, at.item) {
            self.check_flow(place, flow);
        }
    }

    fn check_flow(&mut self, place: usize, flow: &Flow) {
        let Some(decl) = self.program.flows.get(place).cloned() else { return };
        let module = decl.at.module;
        for (at, clause) in flow.clauses.iter().enumerate() {
            let same = |other: &FlowClause| std::mem::discriminant(&other.kind) == std::mem::discriminant(&clause.kind);
            if flow.clauses.iter().take(at).any(same) {
                let loc = self.program.loc(module, clause.span);
                self.report(errors::invalid_clause(loc, "this clause stands here twice", "join the two into one"));
            }
            self.check_flow_clause(module, &decl.params, decl.role, clause);
        }
        let fixed = self.placed.contains(&place);
        let mut body = Body::new(self, module, Some(decl.role));
        body.flow = flow.name.name.clone();
        body.returns = decl.returns.clone();
        let mark = body.scope.enter();
        for (param, tree) in decl.params.iter().zip(&flow.params) {
            if let Some(default) = &tree.default {
                let context = format!("the default of `{}`", param.name);
                body.expect(default, &param.ty, &context);
            }
            let ty = if param.nullable { param.ty.clone().nullable() } else { param.ty.clone() };
            body.bind(&tree.name, ty, !fixed);
            body.scope.mark_parameter();
        }
        let inner = body.scope.enter();
        let result = body.steps(&flow.body, decl.returns.as_ref());
        body.check_result(flow, &decl, &result);
        body.leave(inner);
        body.leave(mark);
        body.finish(flow.body.span);
        self.check_purity(module, flow);
        self.check_role(place, flow);
    }

    /// Lambdas, comprehensions and guards are pure.
    fn check_purity(&mut self, module: usize, flow: &Flow) {
        let mut wrong = Vec::new();
        {
            let nodes = outline::outline(&self.program, module, &flow.body);
            outline::sites(&nodes, &mut |site| {
                if let Some(place) = site.pure_place
                    && let Some(what) = self.impure(&site.kind)
                {
                    wrong.push((site.span, what, place));
                }
            });
        }
        for (span, what, place) in wrong {
            let loc = self.program.loc(module, span);
            self.report(errors::impure_step(loc, &what, place));
        }
    }

    /// A place that must be pure as a whole.
    pub(super) fn require_pure(&mut self, module: usize, expr: &Expr, place: &str) {
        let mut wrong = Vec::new();
        {
            let nodes: Vec<Node> = outline::outline_expr(&self.program, module, expr);
            outline::sites(&nodes, &mut |site| {
                if let Some(what) = self.impure(&site.kind) {
                    wrong.push((site.span, what));
                }
            });
        }
        for (span, what) in wrong {
            let loc = self.program.loc(module, span);
            self.report(errors::impure_step(loc, &what, place));
        }
    }

    /// What a site is called when it may not stand in a pure place; None when it may.
    pub(super) fn impure(&self, kind: &SiteKind) -> Option<String> {
        Some(match kind {
            SiteKind::Tool(tool) => format!("a call of `{tool}`"),
            SiteKind::Flow(flow) => {
                let flow = self.program.flows.get(*flow)?;
                if flow.role == Role::Transformer {
                    return None;
                }
                format!("a call of the {} `{}`", flow.role.word(), flow.name)
            }
            SiteKind::Check(_) => "`check`".to_string(),
            SiteKind::Start(_) => "`start`".to_string(),
            SiteKind::Ask => "`ask`".to_string(),
            SiteKind::Receive => "`receive`".to_string(),
            SiteKind::Wait => "`wait`".to_string(),
            SiteKind::Ambient(ambient) => format!("`{}()`", ambient.name()),
            _ => return None,
        })
    }

    /// Capabilities of a flow's `can`, checked for form and repetition.
    pub(super) fn flow_can(&mut self, module: usize, clauses: &[FlowClause]) -> Vec<EcoString> {
        let mut out = Vec::new();
        for clause in clauses {
            if let FlowClauseKind::Can(capabilities) = &clause.kind {
                out.extend(self.capabilities(module, capabilities));
            }
        }
        out
    }

    pub(super) fn capabilities(&mut self, module: usize, capabilities: &[CapabilityRef]) -> Vec<EcoString> {
        let mut out: Vec<EcoString> = Vec::new();
        for capability in capabilities {
            let text = capability.path.text();
            let loc = self.program.loc(module, capability.path.span);
            let verb = capability.path.parts.last().map(|part| part.name.as_str()).unwrap_or("");
            if capability.path.parts.len() < 2 || !matches!(verb, "read" | "write" | "send" | "exec") {
                self.report(errors::unknown_verb(loc, &text));
            } else if !out.contains(&text) {
                out.push(text);
            }
        }
        out
    }

    fn check_flow_clause(&mut self, module: usize, params: &[super::program::Param], role: Role, clause: &FlowClause) {
        match &clause.kind {
            FlowClauseKind::Can(_) => {}
            FlowClauseKind::Timeout(expr) => {
                self.constant_ms(module, expr, "`timeout`");
            }
            FlowClauseKind::Limit { count, per } => {
                self.constant_count(module, count, "`limit`");
                self.constant_ms(module, per, "`per`");
            }
            FlowClauseKind::Concurrency { count, by } => {
                self.constant_count(module, count, "`concurrency`");
                if let Some(by) = by {
                    let mut body = Body::new(self, module, None);
                    for param in params {
                        body.scope.bind(&param.name, param.ty.clone(), Default::default(), false);
                    }
                    body.key_value(by);
                }
            }
            FlowClauseKind::Priority(expr) => {
                if self.program.constant_int(module, expr).is_none() {
                    let loc = self.program.loc(module, expr.span);
                    self.report(errors::not_constant(loc, "`priority`"));
                }
            }
            FlowClauseKind::Budget(parts) => parts.iter().for_each(|part| self.check_budget(module, part)),
            FlowClauseKind::Before(path) => self.check_hook(module, role, path, "before", Some(params)),
            FlowClauseKind::After(path) => self.check_hook(module, role, path, "after", None),
            FlowClauseKind::OnError(path) => self.check_hook(module, role, path, "on error", None),
            FlowClauseKind::Sample(expr) => {
                let share = self.program.constant_f64(module, expr);
                let loc = self.program.loc(module, clause.span);
                if role != Role::Monitor {
                    self.report(errors::invalid_clause(loc, "`sample` is for monitors", "take it out"));
                } else if !share.is_some_and(|share| (0.0..=1.0).contains(&share)) {
                    self.report(errors::invalid_constant(loc, "`sample` wants a share from `0%` to `100%`"));
                }
            }
            FlowClauseKind::Model(expr) => {
                Body::new(self, module, None).text(expr);
                self.only_agents(module, clause, role, "model");
            }
            FlowClauseKind::Tools(paths) => {
                self.only_agents(module, clause, role, "tools");
                paths.iter().for_each(|path| self.check_listed_tool(module, path));
            }
            FlowClauseKind::With(policy) => {
                self.policy_named(module, policy);
            }
        }
    }

    fn only_agents(&mut self, module: usize, clause: &FlowClause, role: Role, word: &str) {
        if role != Role::Agent {
            let loc = self.program.loc(module, clause.span);
            self.report(errors::invalid_clause(
                loc,
                format!("`{word}` is for agents"),
                "take it out, or make this an `agent`",
            ));
        }
    }

    fn check_listed_tool(&mut self, module: usize, path: &Path) {
        match self.program.callee(module, path) {
            Some(Callee::Tool(tool)) => {
                let loc = self.program.loc(module, path.span);
                self.called.entry(tool).or_insert(loc);
                return;
            }
            Some(Callee::Flow(_)) => return,
            _ => {}
        }
        let text = path.text();
        let loc = self.program.loc(module, path.span);
        let diagnostic = if path.parts.len() == 1 {
            let near = self.near(&text, self.program.tools.keys().map(EcoString::as_str));
            Some(errors::unknown_flow(loc, &text, near))
        } else {
            self.absent_tool(loc, &text)
        };
        diagnostic.into_iter().for_each(|diagnostic| self.report(diagnostic));
    }

    fn check_budget(&mut self, module: usize, part: &BudgetPart) {
        match part {
            BudgetPart::Calls(count) | BudgetPart::Depth(count) => self.constant_count(module, count, "`budget`"),
            BudgetPart::Time(time) => {
                self.constant_ms(module, time, "`budget`");
            }
            BudgetPart::Cost(cost) => {
                if self.program.constant_f64(module, cost).is_none() {
                    let loc = self.program.loc(module, cost.span);
                    self.report(errors::not_constant(loc, "`cost`"));
                }
            }
        }
    }

    fn constant_count(&mut self, module: usize, expr: &Expr, what: &str) {
        let loc = self.program.loc(module, expr.span);
        match self.program.constant_int(module, expr) {
            Some(count) if count > 0 => {}
            Some(_) => self.report(errors::invalid_constant(loc, format!("{what} counts from 1"))),
            None => self.report(errors::not_constant(loc, what)),
        }
    }

    /// `before` takes a validator with the flow's parameters, the others a flow of one `Envelope`.
    fn check_hook(
        &mut self,
        module: usize,
        role: Role,
        path: &Path,
        word: &str,
        params: Option<&[super::program::Param]>,
    ) {
        let loc = self.program.loc(module, path.span);
        if matches!(role, Role::Transformer | Role::Validator) {
            let message =
                format!("`{word}` cannot stand at a {}, which is evaluated in the flow that uses it", role.word());
            self.report(errors::invalid_clause(loc, message, "give the clause to that flow"));
            return;
        }
        let Some(Callee::Flow(flow)) = self.program.callee(module, path) else {
            let flows = self.program.flows.iter().map(|flow| flow.name.as_str());
            let near = self.near(&path.text(), flows).map(str::to_string);
            self.report(errors::unknown_flow(loc, &path.text(), near.as_deref()));
            return;
        };
        let Some(decl) = self.program.flows.get(flow).cloned() else { return };
        let envelope = [super::program::Param {
            name: "envelope".into(),
            ty: Type::Named("Envelope".into()),
            optional: false,
            nullable: false,
        }];
        if params.is_some() && decl.role != Role::Validator {
            self.report(errors::invalid_clause(
                loc,
                format!("`{word}` takes a validator, and `{}` is none", decl.name),
                "make it a `validator`",
            ));
        }
        let wanted = params.unwrap_or(&envelope);
        let same = wanted.len() == decl.params.len()
            && wanted
                .iter()
                .zip(&decl.params)
                .all(|(given, taken)| fits(&given.ty, &taken.ty, &self.program.types).is_ok());
        let other_role = params.is_some() && decl.role != Role::Validator;
        if !same && !other_role {
            let text = wanted
                .iter()
                .map(|param| format!("`{}: {}`", param.name, errors::brief(&param.ty)))
                .collect::<Vec<_>>();
            let message = format!(
                "`{word}` calls `{}` with {}",
                decl.name,
                if text.is_empty() { "nothing".into() } else { text.join(", ") }
            );
            self.report(errors::invalid_clause(loc, message, "give it these parameters"));
        }
    }
}

impl Body<'_> {
    /// The value of the last expression is the flow's, where it declares one.
    fn check_result(&mut self, flow: &Flow, decl: &super::program::FlowDecl, result: &BlockType) {
        let Some(expected) = &decl.returns else { return };
        let sources = flow.role == Role::Aggregator
            && !flow.body.steps.iter().any(|step| matches!(step.kind, StepKind::Merge { .. }));
        let settled = sources || matches!(flow.role, Role::Agent | Role::Delivery | Role::Validator);
        if settled || result.leaves || matches!(result.value, Type::Broken | Type::Never) || has_broken_step(&flow.body)
        {
            return;
        }
        let merges = matches!(flow.body.steps.last().map(|step| &step.kind), Some(StepKind::Merge { .. }));
        let branches = self.returned && matches!(result.value, Type::Null);
        if self.checker.is_wrong(self.loc(flow.body.span)) && (branches || !result.has_value) {
            return;
        }
        if (!result.has_value && !merges) || (branches && !expected.has_null(&self.checker.program.types)) {
            let loc = self.loc(flow.name.span);
            self.report(errors::missing_return(loc, &flow.name.name, expected));
            return;
        }
        self.check_block_fit(&flow.body, &result.value, expected, &format!("`{}`", flow.name.name));
    }
}

fn has_broken_step(block: &weir_lang::ast::Block) -> bool {
    block.steps.iter().any(|step| matches!(step.kind, StepKind::Error))
}
