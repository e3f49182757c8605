//! Where a value does not fit: at the innermost part that is wrong, not at the whole.

use super::body::Body;
use super::errors;
use super::outline::each_yield;
use weir_lang::ast::{ArmBody, BinaryOp, Block, ClauseKind, Expr, ExprKind, RecordEntry, StepKind};
use weir_lang::span::Span;
use weir_lang::types::{Mismatch, Type, Why, fits};

/// A part that is wrong, and who wants something else there (None: who wants the whole).
struct Blame {
    span: Span,
    wrong: Mismatch,
    context: Option<String>,
}

impl Body<'_> {
    /// Reports at the innermost part that is wrong. Says whether all fits.
    pub(super) fn check_fit(&mut self, expr: &Expr, ty: &Type, expected: &Type, context: &str) -> bool {
        let Err(wrong) = fits(ty, expected, &self.checker.program.types) else {
            return true;
        };
        let blame = self.inner(expr, expected).unwrap_or(Blame { span: expr.span, wrong, context: None });
        let loc = self.loc(blame.span);
        if blame.wrong.why == Why::MissingField && self.checker.is_wrong(loc) {
            // A field under a wrong name was reported; the right one is missing for that reason.
            return false;
        }
        self.report(errors::mismatch(loc, &blame.wrong, blame.context.as_deref().unwrap_or(context)));
        false
    }

    /// The value of a block, reported at the part that is wrong.
    pub(super) fn check_block_fit(&mut self, block: &Block, value: &Type, expected: &Type, context: &str) {
        match block.steps.last().map(|step| &step.kind) {
            Some(StepKind::Expr(expr)) => {
                self.check_fit(expr, value, expected, context);
            }
            last => {
                let span = if last.is_some() { block.steps.last().map(|step| step.span) } else { None };
                self.fit(span.unwrap_or(block.span), value, expected, context);
            }
        }
    }

    fn blame(&self, expr: &Expr, expected: &Type) -> Option<Blame> {
        let wrong = fits(&self.type_of(expr), expected, &self.checker.program.types).err()?;
        let inner = self.inner(expr, expected);
        Some(inner.unwrap_or(Blame { span: expr.span, wrong, context: None }))
    }

    /// The part inside that is wrong; None when it is the expression itself.
    fn inner(&self, expr: &Expr, expected: &Type) -> Option<Blame> {
        match &expr.kind {
            ExprKind::Paren(inner) => self.blame(inner, expected),
            ExprKind::Claused { clauses, .. } => clauses.iter().find_map(|clause| match &clause.kind {
                ClauseKind::Fallback(value) => self.blame(value, expected),
                ClauseKind::Catch(arms) => arms.iter().find_map(|arm| self.blame_arm(&arm.body, expected)),
                _ => None,
            }),
            ExprKind::Record(entries) => self.blame_field(entries, expected),
            ExprKind::List(items) => {
                let element = self.element(expected)?;
                items.iter().filter(|item| !item.spread).find_map(|item| self.blame(&item.value, &element))
            }
            ExprKind::Comprehension { value, .. } => self.blame(value, &self.element(expected)?),
            ExprKind::Choose { then, otherwise, .. } => {
                self.blame(then, expected).or_else(|| self.blame(otherwise, expected))
            }
            ExprKind::If { then, otherwise, .. } => {
                self.blame_block(then, expected).or_else(|| self.blame_block(otherwise.as_ref()?, expected))
            }
            ExprKind::Match { arms, .. } => arms.iter().find_map(|arm| self.blame_arm(&arm.body, expected)),
            ExprKind::Binary { op: BinaryOp::Coalesce, right, .. } => self.blame(right, expected),
            ExprKind::For { body, .. } | ExprKind::Repeat { body, .. } => {
                let element = self.element(expected)?;
                let mut found = None;
                each_yield(body, &mut |value| found = found.take().or_else(|| self.blame(value, &element)));
                found
            }
            _ => None,
        }
    }

    fn blame_arm(&self, body: &ArmBody, expected: &Type) -> Option<Blame> {
        match body {
            ArmBody::Expr(expr) => self.blame(expr, expected),
            ArmBody::Block(block) => self.blame_block(block, expected),
        }
    }

    fn blame_block(&self, block: &Block, expected: &Type) -> Option<Blame> {
        match block.steps.last().map(|step| &step.kind) {
            Some(StepKind::Expr(expr)) => self.blame(expr, expected),
            _ => None,
        }
    }

    fn blame_field(&self, entries: &[RecordEntry], expected: &Type) -> Option<Blame> {
        let wanted = self.expected_records(Some(expected));
        let [record] = wanted.as_slice() else { return None };
        entries.iter().find_map(|entry| {
            let RecordEntry::Field { name, value: Some(value) } = entry else { return None };
            let field = record.fields.get(&name.name)?;
            let wanted = if field.optional { field.read() } else { field.ty.clone() };
            let mut blame = self.blame(value, &wanted)?;
            if blame.wrong.why != Why::MissingField {
                blame.context.get_or_insert_with(|| format!("the field `{}`", name.name));
            }
            Some(blame)
        })
    }

    /// The element type of the list that is expected.
    pub(super) fn element(&self, expected: &Type) -> Option<Type> {
        let members = self.checker.program.types.members(expected);
        members.into_iter().find_map(|member| match member {
            Type::List(element) => Some((**element).clone()),
            _ => None,
        })
    }
}
