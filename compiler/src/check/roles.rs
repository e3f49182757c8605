//! Role contracts: one table says what each role's body may contain, one function holds bodies to it.

use super::Checker;
use super::errors;
use super::outline::{self, Node, Site, SiteKind};
use weir_lang::ast::{Block, Expr, ExprKind, Flow, Role, Step, StepKind};
use weir_lang::diagnostic::Diagnostic;
use weir_lang::span::Span;
use weir_lang::types::Type;

/// What a role's body may contain.
struct Contract {
    role: Role,
    /// Verbs of the capabilities that its tool calls may need.
    verbs: &'static [&'static str],
    /// `wait`, `ask`, `receive`
    waits: bool,
    /// `start`
    starts: bool,
    /// Calls of flows (validators by `check` and transformers are always allowed where reads are).
    flows: Flows,
    /// `now()` and its like
    ambient: bool,
    /// The role that fits what is not allowed here.
    instead: &'static str,
}

/// Which flows may be called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flows {
    Any,
    ReadOnly,
    Pure,
}

const ALL: &[&str] = &["read", "write", "exec"];
const READ: &[&str] = &["read"];

#[rustfmt::skip]
const CONTRACTS: [Contract; 13] = [
    Contract { role: Role::Coordinator, verbs: ALL,                 waits: true,  starts: true,  flows: Flows::Any,      ambient: true,  instead: "delivery" },
    Contract { role: Role::Aggregator,  verbs: READ,                waits: false, starts: false, flows: Flows::ReadOnly, ambient: false, instead: "coordinator" },
    Contract { role: Role::Enricher,    verbs: READ,                waits: false, starts: false, flows: Flows::ReadOnly, ambient: true,  instead: "coordinator" },
    Contract { role: Role::Transformer, verbs: &[],                 waits: false, starts: false, flows: Flows::Pure,     ambient: false, instead: "enricher (reads) or a coordinator" },
    Contract { role: Role::Validator,   verbs: READ,                waits: false, starts: false, flows: Flows::ReadOnly, ambient: true,  instead: "coordinator" },
    Contract { role: Role::Router,      verbs: READ,                waits: false, starts: false, flows: Flows::Any,      ambient: true,  instead: "coordinator" },
    Contract { role: Role::Executor,    verbs: ALL,                 waits: false, starts: false, flows: Flows::ReadOnly, ambient: true,  instead: "saga or a coordinator" },
    Contract { role: Role::Saga,        verbs: ALL,                 waits: true,  starts: true,  flows: Flows::Any,      ambient: true,  instead: "delivery" },
    Contract { role: Role::Delivery,    verbs: &["read", "send"],   waits: false, starts: false, flows: Flows::ReadOnly, ambient: true,  instead: "executor" },
    Contract { role: Role::Scheduler,   verbs: &[],                 waits: false, starts: true,  flows: Flows::Pure,     ambient: true,  instead: "coordinator" },
    Contract { role: Role::Archiver,    verbs: &["read", "write"],  waits: false, starts: false, flows: Flows::ReadOnly, ambient: true,  instead: "coordinator" },
    Contract { role: Role::Monitor,     verbs: &["write"],          waits: false, starts: false, flows: Flows::Pure,     ambient: true,  instead: "coordinator" },
    Contract { role: Role::Agent,       verbs: &[],                 waits: false, starts: false, flows: Flows::Pure,     ambient: true,  instead: "coordinator" },
];

impl Checker {
    /// Holds a flow to its role.
    pub(super) fn check_role(&mut self, place: usize, flow: &Flow) {
        let Some(module) = self.program.flows.get(place).map(|decl| decl.at.module) else { return };
        let Some(contract) = CONTRACTS.iter().find(|contract| contract.role == flow.role) else { return };
        let mut found = Vec::new();
        {
            let nodes = outline::outline(&self.program, module, &flow.body);
            outline::sites(&nodes, &mut |site| {
                if site.pure_place.is_none() {
                    found.extend(self.check_site(module, contract, site));
                }
            });
            if !self.is_broken(place) {
                found.extend(self.check_shape(module, flow, &nodes));
            }
        }
        let mut places = Vec::new();
        for diagnostic in found {
            if !places.contains(&diagnostic.loc().span.start) {
                places.push(diagnostic.loc().span.start);
                self.report(diagnostic);
            }
        }
    }

    fn check_site(&self, module: usize, contract: &Contract, site: &Site) -> Option<Diagnostic> {
        let loc = self.program.loc(module, site.span);
        let role = contract.role.word();
        let refuse = |what: String| {
            Some(errors::role_violation(
                loc,
                role,
                &format!("may not {what}"),
                &format!("use {} {}", errors::article(contract.instead), contract.instead),
            ))
        };
        match &site.kind {
            SiteKind::Tool(name) => {
                let tool = self.program.tools.get(name)?;
                if contract.role == Role::Transformer {
                    return Some(errors::impure_step(loc, &format!("a call of `{name}`"), "a transformer"));
                }
                let verb = |capability: &str| capability.rsplit('.').next().unwrap_or("").to_string();
                let wrong = tool
                    .capabilities
                    .iter()
                    .map(|one| verb(one))
                    .find(|verb| !contract.verbs.contains(&verb.as_str()))?;
                if wrong == "send" {
                    return Some(errors::send_outside_delivery(loc, name, role));
                }
                refuse(format!("{} (`{name}`)", if wrong == "exec" { "execute" } else { &wrong }))
            }
            SiteKind::Flow(flow) | SiteKind::Check(flow) => {
                let called = self.program.flows.get(*flow)?;
                let fine = match contract.flows {
                    Flows::Any => true,
                    Flows::ReadOnly => {
                        called.can.iter().all(|capability| capability.ends_with(".read"))
                            && called.role != Role::Scheduler
                    }
                    Flows::Pure => {
                        called.role == Role::Transformer || (called.role == Role::Validator && called.can.is_empty())
                    }
                };
                if fine {
                    return None;
                }
                if contract.role == Role::Transformer {
                    return Some(errors::impure_step(
                        loc,
                        &format!("a call of the {} `{}`", called.role.word(), called.name),
                        "a transformer",
                    ));
                }
                refuse(format!("call the {} `{}`", called.role.word(), called.name))
            }
            SiteKind::Start(_) if !contract.starts => refuse("start flows".into()),
            SiteKind::Wait if !contract.waits => refuse("wait".into()),
            SiteKind::Ask if !contract.waits => refuse("ask".into()),
            SiteKind::Receive if !contract.waits => refuse("wait for events".into()),
            SiteKind::Ambient(ambient) if !contract.ambient => {
                Some(errors::impure_step(loc, &format!("`{}()`", ambient.name()), &format!("a {role}")))
            }
            SiteKind::Key if contract.role != Role::Delivery => {
                Some(errors::invalid_clause(loc, "a `key` step is for deliveries", "behind a call, `key` is a clause"))
            }
            SiteKind::Prompt if contract.role != Role::Agent => {
                Some(errors::invalid_clause(loc, "`prompt` is for agents", ""))
            }
            SiteKind::From | SiteKind::Merge if contract.role != Role::Aggregator => {
                Some(errors::invalid_clause(loc, "`from` and `merge` are for aggregators", "bind the call to a name"))
            }
            _ => None,
        }
    }

    /// What a role's body must have, beside what it may not.
    fn check_shape(&self, module: usize, flow: &Flow, nodes: &[Node]) -> Vec<Diagnostic> {
        let name = self.program.loc(module, flow.name.span);
        let violation = |message: &str, help: &str| vec![errors::role_violation(name, flow.role.word(), message, help)];
        match flow.role {
            Role::Aggregator => self.aggregator(module, flow, name),
            Role::Enricher => self.enricher(module, flow),
            Role::Validator => self.validator_shape(module, flow, nodes),
            Role::Router => self.router(module, flow),
            Role::Executor => self.executor(module, flow, nodes),
            Role::Delivery => self.delivery(module, flow, nodes),
            Role::Scheduler if count(nodes, &|site| matches!(site.kind, SiteKind::Start(_))) == 0 => {
                violation("starts a flow, and this one starts none", "add `start flow(…) after 3d`")
            }
            Role::Archiver if self.count_effects(nodes) == 0 => {
                violation("writes to a store, and this one writes nothing", "add the write, or use a validator")
            }
            Role::Agent => self.agent(module, flow, nodes),
            _ => Vec::new(),
        }
    }

    fn aggregator(&self, module: usize, flow: &Flow, name: weir_lang::span::Loc) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let (mut sources, mut merges) = (0, 0);
        for step in &flow.body.steps {
            match &step.kind {
                StepKind::From { .. } => sources += 1,
                StepKind::Merge { .. } => merges += 1,
                StepKind::Bind { value, .. } if is_pure_value(self, module, value) => {}
                StepKind::Error => return found,
                _ => found.push(self.shape_error(
                    module,
                    step,
                    flow.role,
                    "has only `from` sources, pure steps and one `merge by`",
                    "use a coordinator",
                )),
            }
        }
        if merges != 1 || sources == 0 {
            let help = "`from source(…) as name` for each source, then `merge by record => key`";
            found.push(errors::role_violation(
                name,
                "aggregator",
                "merges its `from` sources with one `merge by`",
                help,
            ));
        }
        found
    }

    fn enricher(&self, module: usize, flow: &Flow) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let mut loops = 0;
        for step in &flow.body.steps {
            let value = match &step.kind {
                StepKind::Expr(expr) | StepKind::Return(Some(expr)) => expr,
                StepKind::Bind { value, .. } if !matches!(value.kind, ExprKind::For { .. }) => continue,
                StepKind::Bind { value, .. } => value,
                StepKind::Require { .. } | StepKind::Error => continue,
                _ => {
                    found.push(self.shape_error(
                        module,
                        step,
                        flow.role,
                        "is one `for` over its records",
                        "use a coordinator",
                    ));
                    continue;
                }
            };
            if let ExprKind::For { var, source, body, .. } = &value.kind {
                loops += 1;
                let over = flow.params.first().is_some_and(
                    |param| matches!(&source.unparen().kind, ExprKind::Name(name) if name.name == param.name.name),
                );
                if !over {
                    let loc = self.program.loc(module, source.span);
                    found.push(errors::role_violation(
                        loc,
                        "enricher",
                        "goes over its first parameter",
                        "make the records the first parameter",
                    ));
                }
                self.keeps_fields(module, &var.name, body, &mut found);
            }
        }
        if loops != 1 {
            let loc = self.program.loc(module, flow.name.span);
            found.push(errors::role_violation(
                loc,
                "enricher",
                "is one `for` over its records",
                "`for record in records { … yield { ...record, field } }`",
            ));
        }
        found
    }

    /// Every yield of an enricher keeps the record's fields.
    fn keeps_fields(&self, module: usize, var: &str, body: &Block, found: &mut Vec<Diagnostic>) {
        each_step(body, &mut |step| {
            let StepKind::Yield(value) = &step.kind else { return };
            let keeps = match &value.unparen().kind {
                ExprKind::Name(name) => name.name == var,
                ExprKind::Record(entries) => entries.iter().any(|entry| {
                    matches!(entry, weir_lang::ast::RecordEntry::Spread(spread) if matches!(&spread.unparen().kind, ExprKind::Name(name) if name.name == var))
                }),
                _ => false,
            };
            if !keeps {
                let loc = self.program.loc(module, value.span);
                let help = format!("start the record with `...{var}`");
                found.push(errors::role_violation(
                    loc,
                    "enricher",
                    "keeps every field of the record it is given",
                    &help,
                ));
            }
        });
    }

    fn validator_shape(&self, module: usize, flow: &Flow, nodes: &[Node]) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        if let Some(returns) = &flow.returns {
            let loc = self.program.loc(module, returns.span);
            found.push(errors::role_violation(
                loc,
                "validator",
                "returns nothing: it blocks or lets pass",
                "use a transformer for a value",
            ));
        }
        let requires = |site: &Site| matches!(site.kind, SiteKind::Require | SiteKind::Raise | SiteKind::Check(_));
        if count(nodes, &requires) == 0 {
            let loc = self.program.loc(module, flow.name.span);
            found.push(errors::empty_validator(loc, &flow.name.name));
        }
        each_step(&flow.body, &mut |step| {
            if matches!(step.kind, StepKind::Yield(_) | StepKind::Return(Some(_))) {
                found.push(self.shape_error(
                    module,
                    step,
                    Role::Validator,
                    "returns nothing: it blocks or lets pass",
                    "use `require`",
                ));
            }
        });
        found
    }

    fn router(&self, module: usize, flow: &Flow) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let Some((last, before)) = flow.body.steps.split_last() else {
            let loc = self.program.loc(module, flow.name.span);
            return vec![errors::role_violation(
                loc,
                "router",
                "ends with one `match` or `if`",
                "`match x { … => flow(…) }`",
            )];
        };
        for step in before {
            match &step.kind {
                StepKind::Bind { .. } | StepKind::Require { .. } | StepKind::Check { .. } => {}
                _ => found.push(self.shape_error(
                    module,
                    step,
                    Role::Router,
                    "only decides before its last step",
                    "use a coordinator",
                )),
            }
        }
        let value = match &last.kind {
            StepKind::Expr(expr) | StepKind::Return(Some(expr)) => expr,
            _ => {
                found.push(self.shape_error(
                    module,
                    last,
                    Role::Router,
                    "ends with one `match` or `if`",
                    "`match x { … => flow(…) }`",
                ));
                return found;
            }
        };
        self.router_branches(module, value, &mut found);
        found
    }

    fn router_branches(&self, module: usize, value: &Expr, found: &mut Vec<Diagnostic>) {
        let bodies: Vec<(Span, Option<&Expr>)> = match &value.unparen().kind {
            ExprKind::Match { arms, .. } => arms
                .iter()
                .map(|arm| match &arm.body {
                    weir_lang::ast::ArmBody::Expr(expr) => (arm.span, Some(expr)),
                    weir_lang::ast::ArmBody::Block(block) => (block.span, only_expr(block)),
                })
                .collect(),
            ExprKind::If { then, otherwise, .. } => {
                let otherwise = otherwise.iter().map(|block| (block.span, only_expr(block)));
                std::iter::once((then.span, only_expr(then))).chain(otherwise).collect()
            }
            ExprKind::Choose { then, otherwise, .. } => {
                vec![(then.span, Some(then)), (otherwise.span, Some(otherwise))]
            }
            _ => {
                let loc = self.program.loc(module, value.span);
                found.push(errors::role_violation(
                    loc,
                    "router",
                    "ends with one `match` or `if`",
                    "`match x { … => flow(…) }`",
                ));
                return;
            }
        };
        for (span, body) in bodies {
            let body = body.map(|body| match &body.kind {
                ExprKind::Claused { value, .. } => outline::core_of(value),
                _ => outline::core_of(body),
            });
            match body.map(|body| &body.kind) {
                Some(ExprKind::If { .. } | ExprKind::Match { .. } | ExprKind::Choose { .. }) => {
                    if let Some(body) = body {
                        self.router_branches(module, body, found);
                    }
                }
                Some(ExprKind::Call { callee, .. })
                    if matches!(self.program.callee(module, callee), Some(super::program::Callee::Flow(_)) | None) => {}
                Some(ExprKind::Block(_) | ExprKind::Fail { .. } | ExprKind::Error) => {}
                _ => {
                    let loc = self.program.loc(module, span);
                    let help = "put what this branch does into a flow, and call that";
                    found.push(errors::role_violation(loc, "router", "calls one flow in each branch", help));
                }
            }
        }
    }

    fn executor(&self, module: usize, flow: &Flow, nodes: &[Node]) -> Vec<Diagnostic> {
        let name = self.program.loc(module, flow.name.span);
        let mut effects: Vec<&Site> = Vec::new();
        outline::sites(nodes, &mut |site| {
            if self.has_effect(site) {
                effects.push(site);
            }
        });
        if nodes.iter().any(|node| matches!(node, Node::Loop { body, .. } if self.count_effects(body) > 0)) {
            return vec![errors::role_violation(
                name,
                "executor",
                "makes exactly one write or exec call, not one a round",
                "use a saga, or loop around the executor",
            )];
        }
        match effects.as_slice() {
            [only] if !only.settled() => {
                let what = match &only.kind {
                    SiteKind::Tool(tool) => format!("`{tool}`"),
                    _ => "this call".to_string(),
                };
                let opposite = match &only.kind {
                    SiteKind::Tool(tool) => self.opposite(tool),
                    _ => None,
                };
                let loc = self.program.loc(module, only.span);
                let found = errors::missing_undo(loc, &what, "executor", opposite.as_deref());
                vec![self.with_undo(found, module, only, opposite.as_deref())]
            }
            [_] => Vec::new(),
            [] => vec![errors::role_violation(
                name,
                "executor",
                "makes exactly one write or exec call, and this makes none",
                "use a coordinator for reads",
            )],
            [_, second, ..] => {
                let loc = self.program.loc(module, second.span);
                vec![errors::role_violation(
                    loc,
                    "executor",
                    "makes exactly one write or exec call, and this is a second",
                    "use a saga",
                )]
            }
        }
    }

    /// Proposes a key from the parameter that most likely tells one delivery from another.
    fn with_key(&self, found: Diagnostic, module: usize, flow: &Flow) -> Diagnostic {
        let types = &self.program.types;
        let decl =
            self.program.flows.iter().find(|decl| {
                decl.at.module == module && self.program.loc(module, flow.name.span) == self.name_loc(decl)
            });
        let params = decl.map(|decl| decl.params.as_slice()).unwrap_or_default();
        let plain = |param: &&super::program::Param| {
            !param.optional && matches!(types.head(&param.ty), Type::String(_) | Type::Int(_))
        };
        let known = |name: &str| name == "id" || name.ends_with("_id");
        let best = params.iter().filter(plain).find(|param| known(&param.name));
        let Some(param) = best.or_else(|| params.iter().find(plain)) else { return found };
        let key = format!("key \"{}-{{{}}}\"", flow.name.name, param.name);
        let inside = Span { start: flow.body.span.start + 1, end: flow.body.span.start + 1 };
        let edits = super::fixes::insert(self.program.loc(module, inside), format!("\n  {key}\n"));
        found.fix(format!("add `{key}`"), edits)
    }

    fn name_loc(&self, decl: &super::program::FlowDecl) -> weir_lang::span::Loc {
        let name = self.program.item(decl.at).and_then(|item| match &item.kind {
            weir_lang::ast::ItemKind::Flow(flow) => Some(flow.name.span),
            _ => None,
        });
        self.program.loc(decl.at.module, name.unwrap_or_default())
    }

    fn delivery(&self, module: usize, flow: &Flow, nodes: &[Node]) -> Vec<Diagnostic> {
        let name = self.program.loc(module, flow.name.span);
        if let Some(returns) = &flow.returns {
            let loc = self.program.loc(module, returns.span);
            let help =
                "leave the type out: its value is `{ status: \"sent\" | \"duplicate\" | \"disabled\", id: string? }`";
            return vec![errors::role_violation(loc, "delivery", "has a value of its own", help)];
        }
        if !matches!(flow.body.steps.first().map(|step| &step.kind), Some(StepKind::Key { .. })) {
            return vec![self.with_key(errors::missing_key(name), module, flow)];
        }
        let sends = |site: &Site| match &site.kind {
            SiteKind::Tool(tool) => self
                .program
                .tools
                .get(tool)
                .is_some_and(|tool| tool.capabilities.iter().any(|one| one.ends_with(".send"))),
            _ => false,
        };
        let looped = nodes.iter().any(|node| matches!(node, Node::Loop { body, .. } if count(body, &sends) > 0));
        match count(nodes, &sends) {
            1 if !looped => Vec::new(),
            0 => vec![errors::role_violation(
                name,
                "delivery",
                "sends once, and this sends nothing",
                "add the call that sends",
            )],
            _ => vec![errors::role_violation(
                name,
                "delivery",
                "sends once under its key",
                "make a delivery for each, and call them",
            )],
        }
    }

    fn agent(&self, module: usize, flow: &Flow, nodes: &[Node]) -> Vec<Diagnostic> {
        let name = self.program.loc(module, flow.name.span);
        let other = |step: &&Step| {
            !matches!(
                step.kind,
                StepKind::Bind { .. } | StepKind::Prompt(_) | StepKind::Require { .. } | StepKind::Error
            )
        };
        if let Some(step) = flow.body.steps.iter().find(other) {
            let help =
                "the model's answer is its value; what comes before or after belongs into the flow that calls it";
            return vec![self.shape_error(module, step, Role::Agent, "has pure steps and one `prompt`", help)];
        }
        match count(nodes, &|site| site.kind == SiteKind::Prompt) {
            1 => Vec::new(),
            _ => vec![errors::role_violation(name, "agent", "has one `prompt`", "`prompt \"\"\" … \"\"\"`")],
        }
    }

    fn shape_error(&self, module: usize, step: &Step, role: Role, message: &str, help: &str) -> Diagnostic {
        errors::role_violation(self.program.loc(module, step.span), role.word(), message, help)
    }

    /// Whether a site writes, sends or executes, itself or through a flow.
    pub(super) fn has_effect(&self, site: &Site) -> bool {
        match &site.kind {
            SiteKind::Tool(tool) => self.program.tools.get(tool).is_some_and(|tool| !tool.reads_only()),
            SiteKind::Flow(flow) => self
                .program
                .flows
                .get(*flow)
                .is_some_and(|flow| flow.can.iter().any(|capability| !capability.ends_with(".read"))),
            SiteKind::Start(_) => true,
            _ => false,
        }
    }

    fn count_effects(&self, nodes: &[Node]) -> usize {
        count(nodes, &|site| self.has_effect(site))
    }
}

fn count(nodes: &[Node], is: &dyn Fn(&Site) -> bool) -> usize {
    let mut total = 0;
    outline::sites(nodes, &mut |site| total += usize::from(is(site)));
    total
}

fn is_pure_value(checker: &Checker, module: usize, value: &Expr) -> bool {
    let nodes = outline::outline_expr(&checker.program, module, value);
    count(&nodes, &|site| checker.impure(&site.kind).is_some()) == 0
}

fn only_expr(block: &Block) -> Option<&Expr> {
    match block.steps.as_slice() {
        [Step { kind: StepKind::Expr(expr), .. }] => Some(expr),
        _ => None,
    }
}

/// Every step of a block and of the blocks inside.
fn each_step(block: &Block, visit: &mut dyn FnMut(&Step)) {
    for step in &block.steps {
        visit(step);
        if let StepKind::Expr(expr) | StepKind::Bind { value: expr, .. } = &step.kind {
            match &expr.kind {
                ExprKind::If { then, otherwise, .. } => {
                    each_step(then, visit);
                    if let Some(block) = otherwise {
                        each_step(block, visit);
                    }
                }
                ExprKind::Match { arms, .. } => {
                    for arm in arms {
                        if let weir_lang::ast::ArmBody::Block(block) = &arm.body {
                            each_step(block, visit);
                        }
                    }
                }
                ExprKind::For { body, .. } | ExprKind::Repeat { body, .. } => each_step(body, visit),
                _ => {}
            }
        }
    }
}
