//! Bodies of flows: steps, blocks, loops and branches, each step with what it waits for.

use super::Lower;
use super::block::{Builder, Frame, Place};
use super::exprs::{Names, Site, expr, patterns};
use super::reads::{class_of, stronger};
use crate::check::outline::core_of;
use crate::check::program::FlowDecl;
use crate::plan::{
    ArmPlan, BlockPlan, CheckPlan, EffectClass, Exit, ForPlan, ParamPlan, RepeatPlan, StepKind as Kind, StepPlan,
};
use ecow::EcoString;
use weir_lang::ast::{
    ArmBody, BinaryOp, Block, Expr, ExprKind, Flow, Ident, MatchArm, Otherwise, Path, Step, StepKind,
};
use weir_lang::span::Span;
use weir_stdlib::pure::{Pure, PurePattern};
use weir_stdlib::value::Value;

/// Lowering the body of one flow.
pub(super) struct FlowBody<'l, 'a> {
    pub(super) lower: &'l mut Lower<'a>,
    decl: &'a FlowDecl,
    tree: &'a Flow,
    pub(super) names: Names,
    /// The flow's own frame.
    outer: Frame,
    /// Frames of the loops around, innermost last.
    rounds: Vec<Frame>,
    blocks: Vec<Builder>,
    /// The aggregator's sources so far: name and slot.
    sources: Vec<(EcoString, u16)>,
}

impl<'a> Site<'a> for FlowBody<'_, 'a> {
    fn lower(&mut self) -> &mut Lower<'a> {
        self.lower
    }
    fn module(&self) -> usize {
        self.decl.at.module
    }
    fn names(&mut self) -> &mut Names {
        &mut self.names
    }
    fn act(&mut self, expr: &Expr) -> Pure {
        let slot = self.frame().slot();
        self.value_into(expr, None, slot);
        Pure::Slot { up: 0, at: slot }
    }
}

impl<'l, 'a> FlowBody<'l, 'a> {
    pub fn new(lower: &'l mut Lower<'a>, decl: &'a FlowDecl, tree: &'a Flow) -> Self {
        let mut body = FlowBody {
            lower,
            decl,
            tree,
            names: Names::default(),
            outer: Frame::default(),
            rounds: Vec::new(),
            blocks: Vec::new(),
            sources: Vec::new(),
        };
        for param in &decl.params {
            let at = body.frame().slot();
            body.names.bind(&param.name, Place::Slot { level: 0, at });
        }
        body
    }

    /// The flow's parameters with their defaults.
    pub fn params(&mut self) -> Vec<ParamPlan> {
        let mut out = Vec::new();
        for (at, param) in self.tree.params.iter().enumerate() {
            let default = param.default.as_ref().map(|default| self.parameter_expr(default));
            out.extend(self.lower.param_plan(self.decl, at, default));
        }
        out
    }

    /// A pure expression over the parameters.
    pub fn parameter_expr(&mut self, value: &Expr) -> Pure {
        expr(self, value)
    }

    /// Slots of the flow's own frame.
    pub fn slots(&self) -> u16 {
        self.outer.slots
    }

    /// The whole body, behind the validator that `before` names.
    pub fn body(&mut self, before: Option<&Path>) -> BlockPlan {
        let tree = self.tree;
        self.block_behind(before, &tree.body)
    }

    /// The innermost frame.
    pub(super) fn frame(&mut self) -> &mut Frame {
        self.rounds.last_mut().unwrap_or(&mut self.outer)
    }

    /// The flow's own clauses.
    pub(super) fn flow_clauses(&self) -> &'a [weir_lang::ast::FlowClause] {
        &self.tree.clauses
    }

    pub(super) fn level(&self) -> usize {
        self.names.level
    }

    /// A block of its own, in the frame that is open; the last expression is its value.
    pub(super) fn block(&mut self, block: &Block) -> BlockPlan {
        self.block_behind(None, block)
    }

    fn block_behind(&mut self, before: Option<&Path>, block: &Block) -> BlockPlan {
        self.in_block(|body| {
            if let Some(validator) = before {
                body.check_parameters(validator);
            }
            let mut value = None;
            for (at, step) in block.steps.iter().enumerate() {
                match &step.kind {
                    StepKind::Expr(last) if at + 1 == block.steps.len() => value = Some(body.last_value(last)),
                    StepKind::Merge { .. } if at + 1 == block.steps.len() => value = body.merge(step),
                    _ => body.step(step),
                }
            }
            value
        })
    }

    /// Builds a block of whatever `fill` adds; it gives the block's value.
    pub(super) fn in_block(&mut self, fill: impl FnOnce(&mut Self) -> Option<Pure>) -> BlockPlan {
        self.blocks.push(Builder::default());
        let mark = self.names.mark();
        let value = fill(self);
        self.names.reset(mark);
        self.blocks.pop().unwrap_or_default().finish(value)
    }

    pub(super) fn last_value(&mut self, value: &Expr) -> Pure {
        if let ExprKind::Block(_) | ExprKind::Fail { .. } = &value.unparen().kind {
            let exit = self.exit(value);
            self.add(exit_name(&exit), value.span, None, Kind::Exit(exit), EffectClass::Barrier, &[]);
            return Pure::Const(Value::NULL);
        }
        expr(self, value)
    }

    /// Adds a step to the innermost block.
    pub(super) fn add(
        &mut self,
        name: &str,
        span: Span,
        bind: Option<u16>,
        kind: Kind,
        effect: EffectClass,
        writes: &[u16],
    ) {
        let name = self.frame().unique(name);
        let loc = self.lower.program.loc(self.decl.at.module, span);
        let mut slots: Vec<u16> = writes.to_vec();
        slots.extend(bind);
        if let Some(block) = self.blocks.last_mut() {
            block.add(StepPlan { name, loc, bind, kind, effect }, &slots);
        }
    }

    fn step(&mut self, step: &Step) {
        match &step.kind {
            StepKind::Bind { name, value } => self.bind(name, value),
            StepKind::Expr(value) => self.expr_step(value),
            StepKind::Yield(value) => {
                let value = expr(self, value);
                self.add("yield", step.span, None, Kind::Yield(value), EffectClass::Pure, &[]);
            }
            StepKind::Return(value) => {
                let value = value.as_ref().map(|value| expr(self, value));
                self.add("return", step.span, None, Kind::Return(value), EffectClass::Barrier, &[]);
            }
            StepKind::Require { cond, otherwise } => self.require(step, cond, otherwise.as_ref()),
            StepKind::Check { callee, args } => self.check(step.span, callee, args),
            StepKind::Wait(value) | StepKind::WaitUntil(value) => {
                let value = expr(self, value);
                self.add("wait", step.span, None, Kind::Wait(value), EffectClass::Barrier, &[]);
            }
            StepKind::Next(value) => {
                let value = expr(self, value);
                self.add("next", step.span, None, Kind::Next(value), EffectClass::Pure, &[]);
            }
            StepKind::Drop(reason) => {
                let reason = expr(self, reason);
                self.add("drop", step.span, None, Kind::Exit(Exit::Drop(reason)), EffectClass::Barrier, &[]);
            }
            StepKind::Annotate(reason) => {
                let reason = expr(self, reason);
                self.add("annotate", step.span, None, Kind::Annotate(reason), EffectClass::Pure, &[]);
            }
            StepKind::Key { key, per_run } => {
                let key = expr(self, key);
                self.add("key", step.span, None, Kind::Key { key, per_run: *per_run }, EffectClass::Barrier, &[]);
            }
            StepKind::Prompt(text) => {
                let text = expr(self, text);
                self.add("prompt", step.span, None, Kind::Let(text), EffectClass::Pure, &[]);
            }
            StepKind::From { source, name } => {
                self.bind(name, source);
                if let Some(Pure::Slot { at, .. }) = self.slot_of(&name.name) {
                    self.sources.push((name.name.clone(), at));
                }
            }
            StepKind::Merge { .. } => {
                self.merge(step);
            }
            StepKind::Error => {}
        }
    }

    fn slot_of(&mut self, name: &EcoString) -> Option<Pure> {
        let ident = Ident { name: name.clone(), span: Span::default() };
        let probe = Expr { kind: ExprKind::Name(ident), span: Span::default(), id: weir_lang::ast::ExprId(u32::MAX) };
        match expr(self, &probe) {
            slot @ Pure::Slot { .. } => Some(slot),
            _ => None,
        }
    }

    fn bind(&mut self, name: &Ident, value: &Expr) {
        let slot = self.frame().slot();
        self.value_into(value, Some(&name.name), slot);
        let level = self.level();
        self.names.bind(&name.name, Place::Slot { level, at: slot });
    }

    fn expr_step(&mut self, value: &Expr) {
        match &value.unparen().kind {
            ExprKind::Block(_) | ExprKind::Fail { .. } => {
                let exit = self.exit(value);
                self.add(exit_name(&exit), value.span, None, Kind::Exit(exit), EffectClass::Barrier, &[]);
            }
            _ => {
                let slot = self.frame().slot();
                self.value_into(value, None, slot);
            }
        }
    }

    /// Lowers an expression so that its value is in a slot. `name` is the step's, where the source gives one.
    pub(super) fn value_into(&mut self, value: &Expr, name: Option<&EcoString>, slot: u16) {
        match &value.kind {
            ExprKind::Paren(inner) => self.value_into(inner, name, slot),
            ExprKind::Claused { value: inner, clauses } => self.act_into(inner, clauses, name, slot),
            ExprKind::If { cond, then, otherwise } => {
                let subject = expr(self, cond);
                let then = self.block(then);
                let otherwise = otherwise.as_ref().map(|block| self.block(block)).unwrap_or_default();
                self.branch(
                    value.span,
                    name.map_or("if", |name| name),
                    slot,
                    subject,
                    vec![(yes(), None, "true", then), (Vec::new(), None, "else", otherwise)],
                );
            }
            ExprKind::Choose { cond, then, otherwise } => {
                let subject = expr(self, cond);
                let then = self.in_block(|body| Some(body.last_value(then)));
                let otherwise = self.in_block(|body| Some(body.last_value(otherwise)));
                self.branch(
                    value.span,
                    name.map_or("if", |name| name),
                    slot,
                    subject,
                    vec![(yes(), None, "true", then), (Vec::new(), None, "else", otherwise)],
                );
            }
            ExprKind::Match { subject, arms } if super::exprs::acts(self, value) => {
                self.match_into(value.span, subject, arms, name, slot)
            }
            ExprKind::Binary { op: op @ (BinaryOp::And | BinaryOp::Or | BinaryOp::Coalesce), left, right, .. }
                if super::exprs::acts(self, right) || leaves(right) =>
            {
                self.short_circuit(value.span, *op, left, right, name, slot);
            }
            ExprKind::For { var, index, source, parallel, body } => {
                self.for_into(value.span, var, index.as_ref(), source, parallel.as_deref(), body, name, slot);
            }
            ExprKind::Repeat { var, init, at_most, body } => {
                self.repeat_into(value.span, var, init, at_most, body, name, slot)
            }
            _ => match &core_of(value).kind {
                ExprKind::Call { .. }
                | ExprKind::Pipe { .. }
                | ExprKind::Ask { .. }
                | ExprKind::Receive { .. }
                | ExprKind::Start { .. }
                    if super::exprs::acts(self, core_of(value)) =>
                {
                    self.act_into(value, &[], name, slot);
                }
                _ => self.let_into(value, name, slot),
            },
        }
    }

    /// A step that only computes.
    pub(super) fn let_into(&mut self, value: &Expr, name: Option<&EcoString>, slot: u16) {
        let pure = expr(self, value);
        let name = name.map_or("value", |name| name);
        self.add(name, value.span, Some(slot), Kind::Let(pure), EffectClass::Pure, &[]);
    }

    fn branch(
        &mut self,
        span: Span,
        name: &str,
        slot: u16,
        subject: Pure,
        arms: Vec<(Vec<PurePattern>, Option<Pure>, &str, BlockPlan)>,
    ) {
        let arms: Vec<ArmPlan> = arms
            .into_iter()
            .map(|(patterns, guard, label, block)| ArmPlan { patterns, guard, label: label.into(), block })
            .collect();
        let effect = class_of(arms.iter().map(|arm| &arm.block));
        self.add(name, span, Some(slot), Kind::Branch { subject, arms }, effect, &[]);
    }

    fn match_into(&mut self, span: Span, subject: &Expr, arms: &[MatchArm], name: Option<&EcoString>, slot: u16) {
        let subject = expr(self, subject);
        let mut out = Vec::new();
        for arm in arms {
            let guard = arm.guard.as_ref().map(|guard| expr(self, guard));
            let block = match &arm.body {
                ArmBody::Block(block) => self.block(block),
                ArmBody::Expr(body) => self.in_block(|this| Some(this.last_value(body))),
            };
            let label = if arm.patterns.is_empty() {
                "else".into()
            } else {
                self.source_text(
                    arm.patterns.first().map(|one| one.span).unwrap_or(arm.span).to(arm
                        .patterns
                        .last()
                        .map(|one| one.span)
                        .unwrap_or(arm.span)),
                )
            };
            out.push(ArmPlan { patterns: patterns(&arm.patterns), guard, label, block });
        }
        let effect = class_of(out.iter().map(|arm| &arm.block));
        self.add(name.map_or("match", |name| name), span, Some(slot), Kind::Branch { subject, arms: out }, effect, &[]);
    }

    /// The source of a span, as one line.
    pub(super) fn source_text(&self, span: Span) -> EcoString {
        source_text(self.lower, self.decl.at.module, span)
    }

    fn short_circuit(
        &mut self,
        span: Span,
        op: BinaryOp,
        left: &Expr,
        right: &Expr,
        name: Option<&EcoString>,
        slot: u16,
    ) {
        let left_slot = self.frame().slot();
        self.value_into(left, None, left_slot);
        let left = Pure::Slot { up: 0, at: left_slot };
        let right = self.in_block(|body| Some(body.last_value(right)));
        let (keep, take) = match op {
            BinaryOp::And => (PurePattern::Is(Value::bool(false)), right),
            BinaryOp::Or => (PurePattern::Is(Value::bool(true)), right),
            _ => {
                let kept = BlockPlan { value: Some(left.clone()), ..Default::default() };
                let arms =
                    vec![(vec![PurePattern::Is(Value::NULL)], None, "null", right), (Vec::new(), None, "else", kept)];
                self.branch(span, name.map_or("value", |name| name), slot, left, arms);
                return;
            }
        };
        let kept = BlockPlan { value: Some(left.clone()), ..Default::default() };
        let arms = vec![(vec![keep], None, "left", kept), (Vec::new(), None, "right", take)];
        self.branch(span, name.map_or("value", |name| name), slot, left, arms);
    }

    /// A round's frame: what `fill` builds in it, and how many slots it took.
    fn round(&mut self, bound: &[&EcoString], body: &Block) -> (BlockPlan, u16) {
        let mark = self.names.mark();
        self.rounds.push(Frame::default());
        self.names.level += 1;
        let level = self.level();
        for name in bound {
            let at = self.frame().slot();
            self.names.bind(name, Place::Slot { level, at });
        }
        let block = self.block(body);
        self.names.reset(mark);
        self.names.level -= 1;
        let slots = self.rounds.pop().map(|frame| frame.slots).unwrap_or(0);
        (block, slots)
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of a loop, its name and where its value goes")]
    fn for_into(
        &mut self,
        span: Span,
        var: &Ident,
        index: Option<&Ident>,
        source: &Expr,
        parallel: Option<&Expr>,
        body: &Block,
        name: Option<&EcoString>,
        slot: u16,
    ) {
        let source = expr(self, source);
        let parallel = parallel.map(|parallel| expr(self, parallel));
        let none = EcoString::from("");
        let index = index.map_or(&none, |index| &index.name);
        let (body, slots) = self.round(&[&var.name, index], body);
        let effect = class_of([&body]);
        let plan = ForPlan { source, parallel, slots, body };
        self.add(name.map_or("for", |name| name), span, Some(slot), Kind::For(Box::new(plan)), effect, &[]);
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of a loop, its name and where its value goes")]
    fn repeat_into(
        &mut self,
        span: Span,
        var: &Ident,
        init: &Expr,
        at_most: &Expr,
        body: &Block,
        name: Option<&EcoString>,
        slot: u16,
    ) {
        let init = expr(self, init);
        let at_most = expr(self, at_most);
        let (body, slots) = self.round(&[&var.name], body);
        let effect = class_of([&body]);
        let plan = RepeatPlan { init, at_most, slots, body };
        self.add(name.map_or("repeat", |name| name), span, Some(slot), Kind::Repeat(Box::new(plan)), effect, &[]);
    }

    fn require(&mut self, step: &Step, cond: &Expr, otherwise: Option<&Otherwise>) {
        let text = requirement_text(self.lower, self.decl.at.module, cond);
        let cond = expr(self, cond);
        let otherwise = match otherwise {
            Some(Otherwise::Reason(reason)) => Exit::Raise { code: "blocked".into(), message: expr(self, reason) },
            Some(Otherwise::Drop(reason)) => Exit::Drop(expr(self, reason)),
            Some(Otherwise::Exit(exit)) => self.exit(exit),
            None => Exit::Raise { code: "blocked".into(), message: Pure::Const(Value::text(text)) },
        };
        self.add("require", step.span, None, Kind::Require { cond, otherwise }, EffectClass::Barrier, &[]);
    }

    /// `fail …` or `block …`
    fn exit(&mut self, exit: &Expr) -> Exit {
        match expr(self, exit) {
            Pure::Raise { code, message } => Exit::Raise { code, message: *message },
            other => Exit::Raise { code: "failed".into(), message: other },
        }
    }

    fn check(&mut self, span: Span, callee: &Path, args: &[weir_lang::ast::Arg]) {
        let Some((flow, names)) = self.validator(callee) else { return };
        let mut placed = super::exprs::placed(self, &names, args, None).into_iter();
        let first = placed.next().flatten().unwrap_or(Pure::Const(Value::NULL));
        let rest = super::acts::record(names.iter().skip(1).zip(placed));
        let plan = CheckPlan { flow, first, rest, each: false };
        self.add(&callee.text(), span, None, Kind::Check(Box::new(plan)), EffectClass::Barrier, &[]);
    }

    /// `before`: the flow's parameters, in their order, are checked first.
    fn check_parameters(&mut self, callee: &Path) {
        let Some((flow, names)) = self.validator(callee) else { return };
        let mut slots = (0..self.decl.params.len()).map(|at| {
            let at = u16::try_from(at).unwrap_or(u16::MAX);
            Some(Pure::Slot { up: 0, at })
        });
        let first = slots.next().flatten().unwrap_or(Pure::Const(Value::NULL));
        let rest = super::acts::record(names.iter().skip(1).zip(slots));
        let plan = CheckPlan { flow, first, rest, each: false };
        self.add("hook:before", callee.span, None, Kind::Check(Box::new(plan)), EffectClass::Barrier, &[]);
    }

    /// The plan's place of a validator and the names of its parameters.
    pub(super) fn validator(&mut self, callee: &Path) -> Option<(u32, Vec<EcoString>)> {
        let program = self.lower.program;
        match program.callee(self.decl.at.module, callee)? {
            crate::check::program::Callee::Flow(flow) => {
                let names = program.flows.get(flow)?.params.iter().map(|param| param.name.clone()).collect();
                Some((self.lower.flow(flow), names))
            }
            _ => None,
        }
    }

    fn merge(&mut self, step: &Step) -> Option<Pure> {
        let StepKind::Merge { key, prefer } = &step.kind else { return None };
        let mut sources: Vec<(EcoString, u16)> = Vec::new();
        for name in prefer.iter().map(|name| &name.name) {
            sources.extend(self.sources.iter().find(|(known, _)| known == name).cloned());
        }
        for source in &self.sources {
            if !sources.contains(source) {
                sources.push(source.clone());
            }
        }
        let element = self.frame().slot();
        let slot = self.frame().slot();
        let ExprKind::Lambda { params, body } = &key.unparen().kind else { return None };
        let mark = self.names.mark();
        let level = self.level();
        for param in params {
            self.names.bind(&param.name, Place::Slot { level, at: element });
        }
        let key = expr(self, body);
        self.names.reset(mark);
        self.add("merge", step.span, Some(slot), Kind::Merge { sources, element, key }, EffectClass::Pure, &[]);
        Some(Pure::Slot { up: 0, at: slot })
    }

    /// The class of a call of a flow: a barrier when it is one, else what its steps are.
    pub(super) fn flow_class(&self, flow: usize) -> EffectClass {
        match self.lower.checked.facts.effects.get(flow) {
            Some(effects) if effects.barrier => EffectClass::Barrier,
            Some(effects) if effects.impure => EffectClass::Read,
            _ => EffectClass::Pure,
        }
    }

    /// The class of a step with handlers: the strongest of its own and theirs.
    pub(super) fn with_handlers(&self, own: EffectClass, handlers: &[crate::plan::HandlerPlan]) -> EffectClass {
        let blocks = handlers.iter().flat_map(|handler| &handler.arms).map(|arm| &arm.block);
        stronger(own, class_of(blocks))
    }
}

/// What a step that leaves is called.
fn exit_name(exit: &Exit) -> &'static str {
    match exit {
        Exit::Raise { code, .. } if code == "blocked" => "block",
        Exit::Raise { .. } => "fail",
        Exit::Drop(_) => "drop",
    }
}

fn yes() -> Vec<PurePattern> {
    vec![PurePattern::Is(Value::bool(true))]
}

/// Whether an expression always leaves: `?? block "…"`.
fn leaves(expr: &Expr) -> bool {
    matches!(expr.unparen().kind, ExprKind::Block(_) | ExprKind::Fail { .. })
}

/// What a `require` without words says.
pub(super) fn requirement_text(lower: &Lower<'_>, module: usize, cond: &Expr) -> String {
    let text = source_text(lower, module, cond.span);
    format!("required: {text}")
}

fn source_text(lower: &Lower<'_>, module: usize, span: Span) -> EcoString {
    let file = lower.program.loc(module, span).file;
    let text = lower.checked.files.get(file.0 as usize).map(|file| span.text(&file.text)).unwrap_or("");
    text.split_whitespace().collect::<Vec<_>>().join(" ").into()
}
