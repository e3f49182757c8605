//! Narrowing: what a condition says about names when it holds, and when it does not.

use super::body::Body;
use super::scope::path_of;
use super::types::literal_type;
use ecow::EcoString;
use rustc_hash::FxHashSet;
use weir_lang::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use weir_lang::types::{Literal, Type};

/// Facts: path to type.
pub type Facts = Vec<(EcoString, Type)>;

impl Body<'_> {
    /// What is known where `cond` is `holds`. Types must have been inferred for the condition's parts.
    pub(super) fn facts(&mut self, cond: &Expr, holds: bool) -> Facts {
        match &cond.kind {
            _ if self.checker.overgrown() => Vec::new(),
            ExprKind::Paren(inner) => self.facts(inner, holds),
            ExprKind::Unary { op: UnaryOp::Not, operand } => self.facts(operand, !holds),
            ExprKind::Binary { op: BinaryOp::And, left, right, .. } if holds => self.both(left, right, true),
            ExprKind::Binary { op: BinaryOp::Or, left, right, .. } if !holds => self.both(left, right, false),
            ExprKind::Binary { op: BinaryOp::Eq, left, right, .. } => self.equal_facts(left, right, holds),
            ExprKind::Binary { op: BinaryOp::Ne, left, right, .. } => self.equal_facts(left, right, !holds),
            ExprKind::Binary { op: BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge, .. } => Vec::new(),
            ExprKind::Binary { op: BinaryOp::In, left, right, .. } if holds => self.in_facts(left, right),
            _ => Vec::new(),
        }
    }

    fn both(&mut self, left: &Expr, right: &Expr, holds: bool) -> Facts {
        let mut facts = self.facts(left, holds);
        facts.extend(self.facts(right, holds));
        facts
    }

    /// Facts of `left == right` (or of `!=` when it does not hold).
    fn equal_facts(&mut self, left: &Expr, right: &Expr, equal: bool) -> Facts {
        let (subject, other) = match (literal_of(left), literal_of(right)) {
            (None, Some(literal)) => (left, literal),
            (Some(literal), None) => (right, literal),
            (None, None) if equal => return self.non_null_facts(left, right),
            _ => return Vec::new(),
        };
        let mut facts = Vec::new();
        let ty = self.type_of(subject);
        if let Some(path) = path_of(subject) {
            facts.push((path, self.narrow_literal(&ty, &other, equal)));
        }
        if let ExprKind::Field { base, name, .. } = &subject.unparen().kind
            && let Some(path) = path_of(base)
        {
            let base_ty = self.type_of(base);
            facts.push((path, self.narrow_by_field(&base_ty, &name.name, &other, equal)));
        }
        facts
    }

    /// `a == b`: where `b` is never null, `a` is not either.
    fn non_null_facts(&mut self, left: &Expr, right: &Expr) -> Facts {
        let mut facts = Vec::new();
        for (one, other) in [(left, right), (right, left)] {
            let (ty, other) = (self.type_of(one), self.type_of(other));
            let types = &self.checker.program.types;
            if let (Some(path), true, false) = (path_of(one), ty.has_null(types), other.has_null(types)) {
                facts.push((path, ty.non_null(types)));
            }
        }
        facts
    }

    fn in_facts(&mut self, left: &Expr, right: &Expr) -> Facts {
        let Some(path) = path_of(left) else { return Vec::new() };
        let ty = self.type_of(left);
        let list = self.type_of(right);
        let types = &self.checker.program.types;
        match types.head(&list) {
            Type::List(element) if !element.has_null(types) => {
                let members = types.members(element);
                if members.iter().all(|member| matches!(member, Type::Literal(_))) {
                    let literals: FxHashSet<&Type> = members.into_iter().collect();
                    let narrowed = ty.keep(types, &|member| literals.contains(member));
                    if !narrowed.is_empty() {
                        return vec![(path, Type::union(narrowed))];
                    }
                }
                vec![(path, ty.non_null(types))]
            }
            _ => Vec::new(),
        }
    }

    /// A type where its value equals (or does not equal) a literal.
    pub(super) fn narrow_literal(&self, ty: &Type, literal: &Type, equal: bool) -> Type {
        let types = &self.checker.program.types;
        if *literal == Type::Null {
            return if equal { Type::Null } else { ty.non_null(types) };
        }
        if matches!(types.head(ty), Type::Json | Type::Broken) {
            return ty.clone();
        }
        if equal {
            let covers = |member: &Type| {
                member == literal || (!matches!(member, Type::Literal(_)) && member.base() == literal.base())
            };
            return if ty.keep(types, &covers).is_empty() { ty.non_null(types) } else { literal.clone() };
        }
        let other = match literal {
            Type::Literal(Literal::Bool(value)) => Some(Type::Literal(Literal::Bool(!value))),
            _ => None,
        };
        let mut kept = ty.keep(types, &|member| member != literal);
        if let Some(other) = other {
            kept.iter_mut().filter(|member| **member == Type::Bool).for_each(|member| *member = other.clone());
            return Type::union(kept);
        }
        // What is left of a union needs no second look for doubles: a `match` of a thousand arms comes here each time.
        if kept.len() > 1 { Type::Union(std::sync::Arc::new(kept)) } else { kept.pop().unwrap_or(Type::Never) }
    }

    /// A union of records where a field equals (or does not equal) a literal.
    pub(super) fn narrow_by_field(&self, ty: &Type, field: &str, literal: &Type, equal: bool) -> Type {
        let types = &self.checker.program.types;
        let kept = ty.keep(types, &|member| match member {
            Type::Record(record) => {
                let found = record.fields.get(field).map_or(Type::Null, |found| found.read());
                match (types.head(&found), equal) {
                    (head @ (Type::Literal(_) | Type::Null), true) => head == literal,
                    (head @ (Type::Literal(_) | Type::Null), false) => head != literal,
                    (Type::Union(_), true) => {
                        !found.keep(types, &|one| one == literal || one.base() == literal.base()).is_empty()
                    }
                    _ => true,
                }
            }
            Type::Null => (*literal == Type::Null) == equal,
            _ => true,
        });
        if kept.is_empty() { ty.clone() } else { Type::union(kept) }
    }
}

fn literal_of(expr: &Expr) -> Option<Type> {
    match &expr.unparen().kind {
        ExprKind::Lit(lit) => match literal_type(lit) {
            literal @ (Type::Literal(_) | Type::Null) => Some(literal),
            _ => None,
        },
        _ => None,
    }
}
