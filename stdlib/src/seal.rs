//! Sealing all boundaries inside pure code, when a plan is loaded.

use crate::narrow::Boundary;
use crate::pure::{Function, Pure, PureBlock, PureBlockExpr, PureEntry, PureExit, PureItem, PureStep};

impl Pure {
    /// Gives every boundary in it its key (see [`Boundary::seal`]).
    pub fn seal(&mut self, table_key: u64) {
        match self {
            Pure::Const(_) | Pure::Slot { .. } | Pure::Local(_) | Pure::Regex(_) => {}
            Pure::Field(a, _) | Pure::Unary(_, a) | Pure::Lambda { body: a, .. } | Pure::Raise { message: a, .. } => {
                a.seal(table_key);
            }
            Pure::Index(a, b) | Pure::Binary(_, a, b) | Pure::Range(a, b) | Pure::Let(a, b) => {
                a.seal(table_key);
                b.seal(table_key);
            }
            Pure::If(a, b, c) => [a, b, c].into_iter().for_each(|one| one.seal(table_key)),
            Pure::Call(_, all) | Pure::Apply(_, all) | Pure::Template(all) => {
                all.iter_mut().for_each(|one| one.seal(table_key));
            }
            Pure::Match(subject, arms) => {
                subject.seal(table_key);
                for arm in arms {
                    arm.guard.iter_mut().for_each(|guard| guard.seal(table_key));
                    arm.body.seal(table_key);
                }
            }
            Pure::List(items) => items.iter_mut().for_each(|item| match item {
                PureItem::One(one) | PureItem::Spread(one) => one.seal(table_key),
            }),
            Pure::Record(entries) => entries.iter_mut().for_each(|entry| match entry {
                PureEntry::Field(_, one) | PureEntry::Spread(one) => one.seal(table_key),
            }),
            Pure::Each { source, cond, value, .. } => {
                source.seal(table_key);
                cond.iter_mut().for_each(|cond| cond.seal(table_key));
                value.seal(table_key);
            }
            Pure::Cast { value, ty, .. } | Pure::Narrow(value, ty) => {
                value.seal(table_key);
                ty.seal(table_key);
            }
        }
    }
}

impl Function {
    /// Gives every boundary in it its key (see [`Boundary::seal`]).
    pub fn seal(&mut self, table_key: u64) {
        let boundaries = self.inputs.iter_mut().chain(&mut self.output);
        boundaries.for_each(|boundary: &mut Boundary| boundary.seal(table_key));
        self.body.seal(table_key);
    }
}

impl PureBlock {
    /// Gives every boundary in it its key (see [`Boundary::seal`]).
    pub fn seal(&mut self, table_key: u64) {
        self.steps.iter_mut().for_each(|step| seal_step(step, table_key));
        self.value.iter_mut().for_each(|value| value.seal(table_key));
    }
}

fn seal_step(step: &mut PureStep, table_key: u64) {
    match step {
        PureStep::Bind(pure) | PureStep::Yield(pure) | PureStep::Annotate(pure) => pure.seal(table_key),
        PureStep::BindBlock(expr) | PureStep::Do(expr) => seal_expr(expr, table_key),
        PureStep::Require { cond, otherwise } => {
            cond.seal(table_key);
            seal_exit(otherwise, table_key);
        }
        PureStep::Exit(exit) => seal_exit(exit, table_key),
        PureStep::Return(value) => value.iter_mut().for_each(|value| value.seal(table_key)),
    }
}

fn seal_exit(exit: &mut PureExit, table_key: u64) {
    match exit {
        PureExit::Drop(message) | PureExit::Raise { message, .. } => message.seal(table_key),
    }
}

fn seal_expr(expr: &mut PureBlockExpr, table_key: u64) {
    match expr {
        PureBlockExpr::Value(pure) => pure.seal(table_key),
        PureBlockExpr::If { cond, then, otherwise } => {
            cond.seal(table_key);
            then.seal(table_key);
            otherwise.seal(table_key);
        }
        PureBlockExpr::Match { subject, arms } => {
            subject.seal(table_key);
            for (_, guard, block) in arms {
                guard.iter_mut().for_each(|guard| guard.seal(table_key));
                block.seal(table_key);
            }
        }
        PureBlockExpr::For { source, body } => {
            source.seal(table_key);
            body.seal(table_key);
        }
    }
}
