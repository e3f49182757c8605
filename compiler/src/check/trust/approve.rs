//! Approval by a person: what a question showed whole is trusted where the answer to it is required to be yes.

use super::label::Label;
use super::walk::{Mode, Walk, root_of};
use weir_lang::ast::{ArmBody, BinaryOp, Clause, ClauseKind, Expr, ExprKind, Ident, Lit, Part, RecordEntry};
use weir_lang::span::Span;
use weir_lang::types::Type;

impl<'a> Walk<'_, 'a> {
    /// Remembers which names and fields a question showed, for the name that the answer is bound to.
    pub fn shown(&mut self, answer: &Ident, value: &'a Expr) {
        let (value, clauses): (_, &[Clause]) = match &value.kind {
            ExprKind::Claused { value, clauses } => (value.unparen(), clauses),
            _ => (value.unparen(), &[]),
        };
        let ExprKind::Ask { question, .. } = &value.kind else { return };
        let ExprKind::Template(parts) = &question.unparen().kind else { return };
        if self.mode != Mode::Trust || !clauses.iter().all(only_a_person_agrees) {
            return;
        }
        let mut shown = Vec::new();
        for part in parts {
            let Part::Expr(path) = part else { continue };
            let id = root_of(path).and_then(|name| self.id_of(&name.name));
            if let (Some(id), Some(_)) = (id, super::super::scope::path_of(path)) {
                shown.push((id, path));
            }
        }
        if let (Some(answer), false) = (self.id_of(&answer.name), shown.is_empty()) {
            self.approvals.push((answer, shown));
        }
    }

    /// What a condition that holds says that a person agreed to: `answer.approved`, `answer`, either `== true`.
    pub fn approved_by(&self, cond: &'a Expr) -> Vec<&'a Expr> {
        let cond = match &cond.unparen().kind {
            ExprKind::Binary { op: BinaryOp::Eq, left, right, .. }
                if matches!(right.unparen().kind, ExprKind::Lit(Lit::Bool(true))) =>
            {
                left.unparen()
            }
            _ => cond.unparen(),
        };
        let answer = match &cond.kind {
            ExprKind::Field { base, optional: false, .. } => base.unparen(),
            _ => cond,
        };
        let ExprKind::Name(answer) = &answer.kind else { return Vec::new() };
        let types = &self.world.checker.program.types;
        if !matches!(types.head(&self.type_of(cond)).base(), Type::Bool) {
            return Vec::new();
        }
        let answer = self.id_of(&answer.name);
        let known = self.approvals.iter().find(|(id, _)| Some(*id) == answer);
        let shown = known.map(|(_, shown)| shown.as_slice()).unwrap_or_default();
        let same = |(id, path): &&(u32, &'a Expr)| root_of(path).and_then(|name| self.id_of(&name.name)) == Some(*id);
        shown.iter().filter(same).map(|(_, path)| *path).collect()
    }

    /// The same of conditions that must all hold.
    pub fn all_approved(&self, cond: &'a Expr) -> Vec<&'a Expr> {
        match &cond.kind {
            ExprKind::Paren(inner) => self.all_approved(inner),
            ExprKind::Binary { op: BinaryOp::And, left, right, .. } => {
                let mut all = self.all_approved(left);
                all.extend(self.all_approved(right));
                all
            }
            _ => self.approved_by(cond),
        }
    }

    /// Endorses what was approved.
    pub fn approve(&mut self, paths: &[&'a Expr], span: Span) {
        if self.mode != Mode::Trust {
            return;
        }
        for path in paths {
            let before = self.expr(path).deep();
            self.note_endorsed(path, span, "a person saw it and agreed", &before);
            self.endorse_path(path, &mut |_, _| Label::default());
        }
    }
}

/// Whether a clause of an `ask` leaves it to a person to say yes.
fn only_a_person_agrees(clause: &Clause) -> bool {
    match &clause.kind {
        ClauseKind::Fallback(value) => declines(value),
        ClauseKind::Catch(arms) => arms.iter().all(|arm| match &arm.body {
            ArmBody::Expr(value) => declines(value),
            ArmBody::Block(_) => false,
        }),
        ClauseKind::Optional | ClauseKind::Timeout(_) | ClauseKind::From(_) => true,
        _ => false,
    }
}

/// Whether a value agrees to nothing, whatever of it is looked at.
fn declines(value: &Expr) -> bool {
    match &value.unparen().kind {
        ExprKind::Lit(lit) => !matches!(lit, Lit::Bool(true)),
        ExprKind::Fail { .. } | ExprKind::Block(_) => true,
        ExprKind::Record(entries) => entries.iter().all(|entry| match entry {
            RecordEntry::Field { value: Some(value), .. } => declines(value),
            RecordEntry::Field { value: None, .. } | RecordEntry::Spread(_) => false,
        }),
        _ => false,
    }
}
