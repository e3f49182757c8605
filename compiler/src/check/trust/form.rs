//! Whether a validator's condition knows anything, or only looks at a value's form: a forged account number has the
//! right form too.

use super::walk::Walk;
use crate::check::program::Callee;
use weir_lang::ast::{Arg, BinaryOp, Expr, ExprKind, Lit, Part, Path};
use weir_lang::types::Type;

/// How much of a condition is looked at before it counts as knowing something.
const FUEL: u32 = 512;

impl<'a> Walk<'_, 'a> {
    /// Whether a condition compares with something that is known, or asks a tool.
    pub fn knows(&self, cond: &Expr) -> bool {
        Looking { walk: self, fuel: std::cell::Cell::new(FUEL) }.knows(cond)
    }
}

struct Looking<'l, 'w, 'a> {
    walk: &'l Walk<'w, 'a>,
    fuel: std::cell::Cell<u32>,
}

impl Looking<'_, '_, '_> {
    fn spent(&self) -> bool {
        self.fuel.set(self.fuel.get().saturating_sub(1));
        self.fuel.get() == 0
    }

    fn knows(&self, cond: &Expr) -> bool {
        if self.spent() {
            return true;
        }
        match &cond.kind {
            ExprKind::Paren(inner) => self.knows(inner),
            ExprKind::Unary { operand, .. } => self.knows(operand),
            ExprKind::Binary { op, left, right, .. } => self.compares(*op, left, right),
            ExprKind::Call { callee, args } => self.call_knows(callee, args, None),
            ExprKind::Pipe { value, stage } => self.call_knows(&stage.callee, &stage.args, Some(value)),
            ExprKind::Claused { value, .. } => self.knows(value),
            ExprKind::Name(name) => self.bound(&name.name).is_none_or(|value| self.knows(value)),
            _ => true,
        }
    }

    fn compares(&self, op: BinaryOp, left: &Expr, right: &Expr) -> bool {
        let reads = || self.reads(left) || self.reads(right);
        match op {
            BinaryOp::And => self.knows(left) || self.knows(right),
            BinaryOp::Or => self.knows(left) && self.knows(right),
            BinaryOp::Matches => reads(),
            BinaryOp::Eq if is_nothing(left) || is_nothing(right) || self.measures(left) || self.measures(right) => {
                reads()
            }
            BinaryOp::Ne if is_constant(left) || is_constant(right) => reads(),
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                !(self.measures(left) || self.measures(right) || self.is_text(left)) || reads()
            }
            BinaryOp::In if self.measures(left) || self.is_text(right) => reads(),
            BinaryOp::NotIn if is_constant(right) || self.is_text(right) => reads(),
            _ => true,
        }
    }

    fn is_text(&self, expr: &Expr) -> bool {
        let ty = self.walk.type_of(expr);
        matches!(self.walk.world.checker.program.types.head(&ty).base(), Type::String(_))
    }

    /// The length of something, or where in it something stands.
    fn measures(&self, expr: &Expr) -> bool {
        match &expr.unparen().kind {
            ExprKind::Call { callee, .. } => matches!(callee.text().as_str(), "len" | "index_of" | "count"),
            ExprKind::Pipe { stage, .. } => matches!(stage.callee.text().as_str(), "len" | "index_of" | "count"),
            ExprKind::Name(name) => !self.spent() && self.bound(&name.name).is_some_and(|value| self.measures(value)),
            _ => false,
        }
    }

    fn call_knows(&self, callee: &Path, args: &[Arg], piped: Option<&Expr>) -> bool {
        match self.walk.world.checker.program.callee(self.walk.module, callee) {
            Some(Callee::Function(_)) => {
                let values = args.iter().map(|arg| &arg.value).chain(piped);
                values.into_iter().any(|value| match &value.unparen().kind {
                    ExprKind::Lambda { body, .. } => self.knows(body),
                    _ => self.reads(value),
                })
            }
            _ => true,
        }
    }

    /// What a name of the validator stands for; none for a parameter.
    fn bound(&self, name: &str) -> Option<&Expr> {
        self.walk.lets.iter().rev().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Whether a tool or flow was asked for a value, or for a part of it.
    fn reads(&self, expr: &Expr) -> bool {
        if self.spent() {
            return true;
        }
        let args = |args: &[Arg]| args.iter().any(|arg| self.reads(&arg.value));
        match &expr.kind {
            ExprKind::Paren(inner) => self.reads(inner),
            ExprKind::Field { base, .. } => self.reads(base),
            ExprKind::Index { base, index } => self.reads(base) || self.reads(index),
            ExprKind::Unary { operand, .. } => self.reads(operand),
            ExprKind::Binary { left, right, .. } => self.reads(left) || self.reads(right),
            ExprKind::Claused { value, .. } | ExprKind::Cast { value, .. } => self.reads(value),
            ExprKind::Choose { cond, then, otherwise } => self.reads(cond) || self.reads(then) || self.reads(otherwise),
            ExprKind::Template(parts) => parts.iter().any(|part| matches!(part, Part::Expr(expr) if self.reads(expr))),
            ExprKind::List(items) => items.iter().any(|item| self.reads(&item.value)),
            ExprKind::Comprehension { value, source, .. } => self.reads(value) || self.reads(source),
            ExprKind::Name(name) => self.bound(&name.name).is_some_and(|value| self.reads(value)),
            ExprKind::Call { callee, args: given } => self.asks(callee) || args(given),
            ExprKind::Pipe { value, stage } => {
                !stage.check && self.asks(&stage.callee) || self.reads(value) || args(&stage.args)
            }
            _ => false,
        }
    }

    /// Whether a tool is called, or a flow that may call one.
    fn asks(&self, callee: &Path) -> bool {
        let checker = self.walk.world.checker;
        match checker.program.callee(self.walk.module, callee) {
            Some(Callee::Tool(_)) => true,
            Some(Callee::Flow(flow)) => checker.effects.get(flow).is_some_and(|effects| !effects.needs.is_empty()),
            _ => false,
        }
    }
}

fn is_nothing(expr: &Expr) -> bool {
    match &expr.unparen().kind {
        ExprKind::Lit(Lit::Null) => true,
        ExprKind::Lit(Lit::String(text)) => text.is_empty(),
        _ => false,
    }
}

fn is_constant(expr: &Expr) -> bool {
    match &expr.unparen().kind {
        ExprKind::Lit(_) => true,
        ExprKind::List(items) => items.iter().all(|item| !item.spread && is_constant(&item.value)),
        _ => false,
    }
}
