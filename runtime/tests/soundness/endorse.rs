//! How the reference makes a value trusted: by its name, or a field of it.

use super::reference::{Frame, Reference, Stop};
use super::value::{D, V};
use weir_lang::ast::*;

impl<'a> Reference<'a> {
    /// After a `require`.
    pub fn endorse(&mut self, frame: &mut Frame<'a>, cond: &'a Expr) -> Result<(), Stop> {
        match &cond.kind {
            ExprKind::Paren(inner) => self.endorse(frame, inner),
            ExprKind::Binary { op: BinaryOp::And, left, right, .. } => {
                self.endorse(frame, left)?;
                self.endorse(frame, right)
            }
            ExprKind::Name(answer) => {
                self.approve(frame, &answer.name);
                Ok(())
            }
            ExprKind::Binary { op: BinaryOp::Eq, left, right, .. } => {
                let (a, b) = (self.pure(frame, left)?.deep(), self.pure(frame, right)?.deep());
                if !b {
                    set_clean(frame, left);
                } else if !a {
                    set_clean(frame, right);
                }
                Ok(())
            }
            ExprKind::Binary { op: BinaryOp::In, left, right, .. } => {
                if !self.pure(frame, right)?.deep() {
                    set_clean(frame, left);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A person saw it and said yes.
    fn approve(&mut self, frame: &mut Frame<'a>, answer: &str) {
        let shown = frame.approvals.iter().find(|(name, _)| name == answer).map(|(_, paths)| paths.clone());
        shown.unwrap_or_default().into_iter().for_each(|path| set_clean(frame, path));
    }

    /// In the block of an `if`: what persons agreed to.
    pub fn approve_all(&mut self, frame: &mut Frame<'a>, cond: &'a Expr) {
        match &cond.kind {
            ExprKind::Paren(inner) => self.approve_all(frame, inner),
            ExprKind::Binary { op: BinaryOp::And, left, right, .. } => {
                self.approve_all(frame, left);
                self.approve_all(frame, right);
            }
            ExprKind::Name(answer) => self.approve(frame, &answer.name),
            _ => {}
        }
    }

    /// Exactly the fields that the validator's conditions speak of.
    pub fn endorse_by(&mut self, frame: &mut Frame<'a>, validator: &'a Flow, subject: &'a Expr) {
        let first = &validator.params[0].name.name;
        for step in &validator.body.steps {
            let StepKind::Require { cond, .. } = &step.kind else { continue };
            for field in ["a", "b"] {
                if mentions(cond, first, field) {
                    set_clean_at(frame, subject, Some(field));
                }
            }
        }
    }
}

/// Whether a condition speaks of a field of a parameter.
pub fn mentions(cond: &Expr, param: &str, field: &str) -> bool {
    match &cond.kind {
        ExprKind::Field { base, name, .. } => {
            name.name == field && matches!(&base.kind, ExprKind::Name(base) if base.name == param)
        }
        ExprKind::Binary { left, right, .. } => mentions(left, param, field) || mentions(right, param, field),
        ExprKind::Call { args, .. } => args.iter().any(|arg| mentions(&arg.value, param, field)),
        ExprKind::Paren(inner) => mentions(inner, param, field),
        _ => false,
    }
}

pub fn set_clean(frame: &mut Frame<'_>, path: &Expr) {
    set_clean_at(frame, path, None);
}

/// Makes a name, or a field of it, trusted from here on.
pub fn set_clean_at(frame: &mut Frame<'_>, path: &Expr, below: Option<&str>) {
    let mut fields: Vec<&str> = below.into_iter().collect();
    let mut at = path;
    let root = loop {
        match &at.kind {
            ExprKind::Name(name) => break name,
            ExprKind::Field { base, name, .. } => {
                fields.push(&name.name);
                at = base;
            }
            ExprKind::Paren(inner) => at = inner,
            _ => return,
        }
    };
    let found = frame.names.iter_mut().rev().find(|(name, _)| name == root.name.as_str());
    let Some((_, value)) = found else { return };
    fn clean(value: &V, fields: &[&str]) -> V {
        let Some((last, rest)) = fields.split_last() else { return value.clone().clean() };
        let mut out = value.clone();
        if out.t {
            // The parts are told apart from here on.
            out = out.tainted(true);
            out.t = false;
        }
        if let D::Rec(fields) = &mut out.d
            && let Some(part) = fields.get_mut(*last)
        {
            *part = clean(part, rest);
        }
        out
    }
    *value = clean(value, &fields);
}
