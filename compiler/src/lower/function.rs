//! Transformers and pure validators: whole bodies of pure steps, with locals instead of slots.

use super::Lower;
use super::block::Place;
use super::exprs::{Names, Site, bind_local, expr, has_blocks, patterns};
use ecow::EcoString;
use weir_lang::ast::{ArmBody, BinaryOp, Block, Expr, ExprKind, Otherwise, Role, Step, StepKind};
use weir_stdlib::pure::{Function, Pure, PureBlock, PureBlockExpr, PureExit, PurePattern, PureStep};
use weir_stdlib::value::Value;

/// The function of a transformer or pure validator.
pub(super) fn function(lower: &mut Lower<'_>, place: usize) -> Option<Function> {
    let program = lower.program;
    let decl = program.flows.get(place)?;
    let tree = program.flow_ast(place)?;
    let inputs = decl.params.iter().map(|param| {
        let ty = if param.nullable { param.ty.clone().nullable() } else { param.ty.clone() };
        lower.boundary(&ty)
    });
    let inputs = inputs.collect();
    let output = decl.returns.as_ref().map(|ty| lower.boundary(ty));
    let mut body = FunctionBody { lower, module: decl.at.module, names: Names::default(), steps: Vec::new() };
    for param in &decl.params {
        bind_local(&mut body, &param.name);
    }
    let block = body.block(&tree.body, decl.role == Role::Transformer);
    let params = u16::try_from(decl.params.len()).unwrap_or(u16::MAX);
    Some(Function { name: decl.name.clone(), params, inputs, output, body: block })
}

struct FunctionBody<'l, 'a> {
    lower: &'l mut Lower<'a>,
    module: usize,
    names: Names,
    steps: Vec<PureStep>,
}

impl<'a> Site<'a> for FunctionBody<'_, 'a> {
    fn lower(&mut self) -> &mut Lower<'a> {
        self.lower
    }
    fn module(&self) -> usize {
        self.module
    }
    fn names(&mut self) -> &mut Names {
        &mut self.names
    }

    /// Blocks inside an expression are bound before it.
    fn act(&mut self, expr: &Expr) -> Pure {
        let value = self.block_expr(expr);
        let at = self.names.locals;
        self.names.locals = at.saturating_add(1);
        self.steps.push(PureStep::BindBlock(value));
        Pure::Local(at)
    }
}

impl FunctionBody<'_, '_> {
    /// A block's steps and value; its locals and names end with it.
    fn block(&mut self, block: &Block, wants_value: bool) -> PureBlock {
        let outer = std::mem::take(&mut self.steps);
        let (mark, locals) = (self.names.mark(), self.names.locals);
        let mut value = None;
        for (at, step) in block.steps.iter().enumerate() {
            match &step.kind {
                StepKind::Expr(last) if wants_value && at + 1 == block.steps.len() => value = Some(self.value(last)),
                _ => self.step(step),
            }
        }
        self.names.reset(mark);
        self.names.locals = locals;
        PureBlock { steps: std::mem::replace(&mut self.steps, outer), value }
    }

    /// An expression; blocks in it come first, so that locals of lambdas do not move.
    fn value(&mut self, value: &Expr) -> Pure {
        let before = self.names.replaced.len();
        self.hoist(value);
        let pure = expr(self, value);
        self.names.replaced.truncate(before);
        pure
    }

    fn hoist(&mut self, value: &Expr) {
        if !has_blocks(value) {
            return;
        }
        let is_block = match &value.kind {
            ExprKind::If { .. } | ExprKind::For { .. } | ExprKind::Repeat { .. } => true,
            ExprKind::Match { arms, .. } => arms.iter().any(|arm| matches!(arm.body, ArmBody::Block(_))),
            _ => false,
        };
        if is_block {
            let pure = self.act(value);
            self.names.replaced.push((value.id, pure));
            return;
        }
        match &value.kind {
            ExprKind::Paren(inner) | ExprKind::Unary { operand: inner, .. } | ExprKind::Field { base: inner, .. } => {
                self.hoist(inner)
            }
            ExprKind::Cast { value, .. } => self.hoist(value),
            ExprKind::Binary { left, right, .. } => {
                self.hoist(left);
                self.hoist(right);
            }
            ExprKind::Call { args, .. } => args.iter().for_each(|arg| self.hoist(&arg.value)),
            ExprKind::Pipe { value, stage } => {
                self.hoist(value);
                stage.args.iter().for_each(|arg| self.hoist(&arg.value));
            }
            ExprKind::List(items) => items.iter().for_each(|item| self.hoist(&item.value)),
            ExprKind::Comprehension { source, .. } => self.hoist(source),
            ExprKind::Record(entries) => entries.iter().for_each(|entry| match entry {
                weir_lang::ast::RecordEntry::Field { value: Some(value), .. }
                | weir_lang::ast::RecordEntry::Spread(value) => self.hoist(value),
                weir_lang::ast::RecordEntry::Field { value: None, .. } => {}
            }),
            _ => {}
        }
    }

    fn block_expr(&mut self, value: &Expr) -> PureBlockExpr {
        match &value.kind {
            ExprKind::If { cond, then, otherwise } => {
                let cond = self.value(cond);
                let then = self.block(then, true);
                let otherwise = otherwise.as_ref().map(|block| self.block(block, true)).unwrap_or_default();
                PureBlockExpr::If { cond, then, otherwise }
            }
            ExprKind::Match { subject, arms } => {
                let subject = self.value(subject);
                let mut out = Vec::new();
                for arm in arms {
                    let guard = arm.guard.as_ref().map(|guard| expr(self, guard));
                    let block = match &arm.body {
                        ArmBody::Block(block) => self.block(block, true),
                        ArmBody::Expr(body) => self.expr_block(body),
                    };
                    out.push((patterns(&arm.patterns), guard, block));
                }
                PureBlockExpr::Match { subject, arms: out }
            }
            ExprKind::For { var, index, source, body, .. } => {
                let source = self.value(source);
                let (mark, locals) = (self.names.mark(), self.names.locals);
                bind_local(self, &var.name);
                let index = index.as_ref().map(|index| index.name.clone()).unwrap_or_else(|| EcoString::from(""));
                bind_local(self, &index);
                let body = self.block(body, false);
                self.names.reset(mark);
                self.names.locals = locals;
                PureBlockExpr::For { source, body }
            }
            ExprKind::Choose { cond, then, otherwise } => {
                let cond = self.value(cond);
                PureBlockExpr::If { cond, then: self.expr_block(then), otherwise: self.expr_block(otherwise) }
            }
            ExprKind::Binary { op, left, right, .. } => self.short_circuit(*op, left, right),
            ExprKind::Paren(inner) => self.block_expr(inner),
            _ => PureBlockExpr::Value(Pure::Const(Value::NULL)),
        }
    }

    /// `and`, `or`, `??` with blocks on the right, which is looked at only where the left does not say it all.
    fn short_circuit(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> PureBlockExpr {
        let left = self.value(left);
        let at = self.names.locals;
        self.names.locals = at.saturating_add(1);
        self.steps.push(PureStep::Bind(left));
        let left = Pure::Local(at);
        let kept = PureBlock { steps: Vec::new(), value: Some(left.clone()) };
        let right = self.expr_block(right);
        let pattern = match op {
            BinaryOp::And => Value::bool(true),
            BinaryOp::Or => Value::bool(false),
            _ => Value::NULL,
        };
        PureBlockExpr::Match {
            subject: left,
            arms: vec![(vec![PurePattern::Is(pattern)], None, right), (Vec::new(), None, kept)],
        }
    }

    /// An arm's expression as a block of its own.
    fn expr_block(&mut self, body: &Expr) -> PureBlock {
        let outer = std::mem::take(&mut self.steps);
        let locals = self.names.locals;
        let value = Some(self.value(body));
        self.names.locals = locals;
        PureBlock { steps: std::mem::replace(&mut self.steps, outer), value }
    }

    fn step(&mut self, step: &Step) {
        match &step.kind {
            StepKind::Bind { name, value } => self.bind(&name.name, value),
            StepKind::Expr(value) => {
                if has_blocks(value) {
                    let block = self.block_expr(value);
                    self.steps.push(PureStep::Do(block));
                } else {
                    let value = self.value(value);
                    self.steps.push(PureStep::Do(PureBlockExpr::Value(value)));
                }
            }
            StepKind::Yield(value) => {
                let value = self.value(value);
                self.steps.push(PureStep::Yield(value));
            }
            StepKind::Return(value) => {
                let value = value.as_ref().map(|value| self.value(value));
                self.steps.push(PureStep::Return(value));
            }
            StepKind::Require { cond, otherwise } => self.require(cond, otherwise.as_ref()),
            StepKind::Check { callee, args } => {
                let span = step.span;
                let call = weir_lang::ast::Expr {
                    kind: ExprKind::Call { callee: callee.clone(), args: args.clone() },
                    span,
                    id: weir_lang::ast::ExprId(u32::MAX),
                };
                let pure = self.apply_check(&call);
                self.steps.push(PureStep::Do(PureBlockExpr::Value(pure)));
            }
            StepKind::Drop(reason) => {
                let reason = self.value(reason);
                self.steps.push(PureStep::Exit(PureExit::Drop(reason)));
            }
            StepKind::Annotate(reason) => {
                let reason = self.value(reason);
                self.steps.push(PureStep::Annotate(reason));
            }
            _ => {}
        }
    }

    fn bind(&mut self, name: &EcoString, value: &Expr) {
        if matches!(value.kind, ExprKind::If { .. } | ExprKind::For { .. }) {
            let Pure::Local(at) = self.act(value) else { return };
            self.names.bind(name, Place::Local(at));
            return;
        }
        let value = self.value(value);
        self.steps.push(PureStep::Bind(value));
        bind_local(self, name);
    }

    /// `check v(x)` of a pure validator inside a pure body.
    fn apply_check(&mut self, call: &Expr) -> Pure {
        let ExprKind::Call { callee, args } = &call.kind else { return Pure::Const(Value::NULL) };
        let Some(crate::check::program::Callee::Flow(flow)) = self.lower.program.callee(self.module, callee) else {
            return Pure::Const(Value::NULL);
        };
        let names: Vec<EcoString> = self
            .lower
            .program
            .flows
            .get(flow)
            .into_iter()
            .flat_map(|flow| flow.params.iter().map(|param| param.name.clone()))
            .collect();
        let args = super::exprs::placed(self, &names, args, None);
        let args = args.into_iter().map(|arg| arg.unwrap_or(Pure::Const(Value::NULL))).collect();
        Pure::Apply(self.lower.function(flow), args)
    }

    fn require(&mut self, cond: &Expr, otherwise: Option<&Otherwise>) {
        let text = super::steps::requirement_text(self.lower, self.module, cond);
        let cond = self.value(cond);
        let otherwise = match otherwise {
            Some(Otherwise::Reason(reason)) => PureExit::Raise { code: "blocked".into(), message: self.value(reason) },
            Some(Otherwise::Drop(reason)) => PureExit::Drop(self.value(reason)),
            Some(Otherwise::Exit(exit)) => match self.value(exit) {
                Pure::Raise { code, message } => PureExit::Raise { code, message: *message },
                other => PureExit::Raise { code: "failed".into(), message: other },
            },
            None => PureExit::Raise { code: "blocked".into(), message: Pure::Const(Value::text(text)) },
        };
        self.steps.push(PureStep::Require { cond, otherwise });
    }
}
