//! Conditions that are always true or always false, whatever the data.

use super::body::Body;
use super::hints;
use super::program::Entity;
use super::scope::path_of;
use rust_decimal::Decimal;
use weir_lang::ast::{BinaryOp, Expr, ExprKind, Lit};
use weir_lang::types::{Literal, Range, Type};

impl Body<'_> {
    /// Reports a condition that the types decide. Types must have been inferred for its parts.
    pub(super) fn check_constant(&mut self, cond: &Expr) {
        if self.test {
            return;
        }
        if let Some((holds, why)) = self.always(cond.unparen()) {
            let loc = self.loc(cond.span);
            self.report(hints::constant_condition(loc, holds, &why));
        }
    }

    /// What a condition always is, and why. Parts of `and`, `or` and `not` are conditions of their own.
    fn always(&self, cond: &Expr) -> Option<(bool, String)> {
        match &cond.kind {
            ExprKind::Lit(Lit::Bool(value)) => Some((*value, "it is written so".into())),
            ExprKind::Binary { op: op @ (BinaryOp::Eq | BinaryOp::Ne), left, right, .. } => {
                let (same, why) = self.always_same(left, right)?;
                Some((same == (*op == BinaryOp::Eq), why))
            }
            ExprKind::Binary {
                op: op @ (BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge),
                left,
                right,
                ..
            } => self.always_ordered(*op, left, right),
            ExprKind::Binary { op: op @ (BinaryOp::In | BinaryOp::NotIn), right, .. } => {
                let empty = matches!(&right.unparen().kind, ExprKind::List(items) if items.is_empty());
                empty.then(|| (*op == BinaryOp::NotIn, "the list is empty".into()))
            }
            _ => None,
        }
    }

    fn always_same(&self, left: &Expr, right: &Expr) -> Option<(bool, String)> {
        if self.is_const(left) || self.is_const(right) {
            return None;
        }
        if let (Some(one), Some(other)) = (path_of(left), path_of(right))
            && one == other
        {
            return Some((true, "both sides are the same".into()));
        }
        let types = &self.checker.program.types;
        let (a, b) = (self.type_of(left), self.type_of(right));
        let null = |expr: &Expr| matches!(expr.unparen().kind, ExprKind::Lit(Lit::Null));
        for (side, ty) in [(left, &b), (right, &a)].into_iter().filter(|(side, _)| null(side)) {
            let other = if std::ptr::eq(side, left) { right } else { left };
            let name = path_of(other).map_or("the other side".to_string(), |path| format!("`{path}`"));
            match types.head(ty) {
                Type::Null => return Some((true, format!("{name} is always null"))),
                Type::Never => return None,
                _ if !ty.has_null(types) => return Some((false, format!("{name} is never null"))),
                _ => {}
            }
        }
        match (types.head(&a), types.head(&b)) {
            (Type::Literal(one), Type::Literal(other)) if one == other => {
                Some((true, format!("the left side is always `{a}`")))
            }
            _ => None,
        }
    }

    fn always_ordered(&self, op: BinaryOp, left: &Expr, right: &Expr) -> Option<(bool, String)> {
        if self.is_const(left) || self.is_const(right) {
            return None;
        }
        if let (Some(one), Some(other)) = (path_of(left), path_of(right))
            && one == other
        {
            return Some((matches!(op, BinaryOp::Le | BinaryOp::Ge), "both sides are the same".into()));
        }
        let (a, b) = (self.type_of(left), self.type_of(right));
        let (l, r) = (self.bounds(&a)?, self.bounds(&b)?);
        let (l, r, strict) = match op {
            BinaryOp::Lt => (l, r, true),
            BinaryOp::Le => (l, r, false),
            BinaryOp::Gt => (r, l, true),
            _ => (r, l, false),
        };
        let below = |x: Option<Decimal>, y: Option<Decimal>, strict: bool| match (x, y) {
            (Some(x), Some(y)) => x < y || (!strict && x == y),
            _ => false,
        };
        let (shown, literal) = if matches!(a, Type::Literal(_)) { (right, &b) } else { (left, &a) };
        let name = path_of(shown).map_or("it".to_string(), |path| format!("`{path}`"));
        let why = format!("{name} is `{}`", super::errors::brief(literal));
        if below(l.hi, r.lo, strict) {
            return Some((true, why));
        }
        below(r.hi, l.lo, !strict).then_some((false, why))
    }

    /// The range that a number's type gives; None where it gives none.
    fn bounds(&self, ty: &Type) -> Option<Range> {
        match self.checker.program.types.head(ty) {
            Type::Int(range) | Type::Number(range) | Type::Decimal(range) => Some(range.clone()),
            Type::Literal(Literal::Int(value)) => {
                Some(Range { lo: Some(Decimal::from(*value)), hi: Some(Decimal::from(*value)) })
            }
            _ => None,
        }
    }

    /// A named constant is there to be changed: what follows from its value today is no mistake.
    fn is_const(&self, expr: &Expr) -> bool {
        match &expr.unparen().kind {
            ExprKind::Name(name) => {
                self.scope.get(&name.name).is_none()
                    && matches!(self.checker.program.entity(self.module, &name.name), Some(Entity::Const(_)))
            }
            ExprKind::Field { base, .. } => self.is_const(base),
            _ => false,
        }
    }

    /// `a ?? b` where `a` is never null.
    pub(super) fn check_default(&mut self, left: &Expr, ty: &Type, right: &Expr) {
        let types = &self.checker.program.types;
        if self.test || matches!(types.head(ty), Type::Never | Type::Broken) || ty.has_null(types) {
            return;
        }
        let (loc, before) = (self.loc(right.span), self.loc(left.span));
        let gone = self.loc(weir_lang::span::Span { start: left.span.end, end: right.span.end });
        let found = hints::never_null_default(loc, before).fix("take it out", vec![(gone, String::new())]);
        self.report(found);
    }

    /// `a?.b` where `a` is never null.
    pub(super) fn check_optional_field(&mut self, base: &Expr, ty: &Type, name: &weir_lang::ast::Ident) {
        let types = &self.checker.program.types;
        if self.test || matches!(types.head(ty), Type::Never | Type::Broken | Type::Json) || ty.has_null(types) {
            return;
        }
        let between = weir_lang::span::Span { start: base.span.end, end: name.span.start };
        let sign = self.text_at(between).find("?.").map(|at| between.start as usize + at);
        let span = sign.map_or(between, |at| weir_lang::span::Span::new(at, at + 2));
        let loc = self.loc(span);
        self.report(hints::never_null_field(loc).fix("write `.`", vec![(loc, ".".into())]));
    }
}
