//! Operators, and the type that two branches have in common.

use super::body::Body;
use super::errors;
use ecow::EcoString;
use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashSet};
use std::sync::Arc;
use weir_lang::ast::{BinaryOp, Expr, ExprKind, Lit, UnaryOp};
use weir_lang::span::Span;
use weir_lang::types::{FieldType, Literal, RecordType, Type, TypeTable, fits};

/// The one of two types that the other fits, else their union.
pub fn join(a: &Type, b: &Type, types: &TypeTable) -> Type {
    let literal = |ty: &Type| matches!(ty, Type::Literal(_));
    if matches!(a, Type::Never) || matches!(b, Type::Never) || literal(a) || literal(b) {
        return Type::union([a.clone(), b.clone()]);
    }
    if fits_plainly(b, a, types) {
        return a.clone();
    }
    if fits_plainly(a, b, types) {
        return b.clone();
    }
    match Type::union([a.clone(), b.clone()]) {
        Type::Union(members) if members.iter().filter(|one| matches!(one, Type::Record(_))).count() > MOST_JOINED => {
            Type::Json
        }
        joined => joined,
    }
}

/// Fits without losing a field and without a conversion.
fn fits_plainly(from: &Type, to: &Type, types: &TypeTable) -> bool {
    match (types.head(from), types.head(to)) {
        (Type::Record(a), Type::Record(b)) => {
            a.fields.keys().all(|name| b.fields.contains_key(name)) && fits(from, to, types).is_ok()
        }
        (Type::List(a), Type::List(b)) => matches!(**a, Type::Never) || fits_plainly(a, b, types),
        (a, b) => {
            std::mem::discriminant(a) == std::mem::discriminant(b)
                && fits(from, to, types).is_ok()
                && fits(to, from, types).is_ok()
        }
    }
}

/// How many distinct literals of one kind, or records of the same fields, a union keeps apart. Beyond it they are
/// what they have in common: a table of ten thousand rows is a list of one record.
const MOST_APART: usize = 1_024;
const MOST_RECORDS: usize = 64;
/// How many different records a value may be before nothing is known of it any more.
const MOST_JOINED: usize = 128;

/// [`join`] of all; [`Type::Never`] of none.
pub fn join_all(types: Vec<Type>, table: &TypeTable) -> Type {
    if types.len() <= 2 {
        let mut types = types.into_iter();
        let Some(first) = types.next() else { return Type::Never };
        return types.fold(first, |joined, ty| join(&joined, &ty, table));
    }
    let mut seen: FxHashSet<Type> = FxHashSet::default();
    let distinct: Vec<Type> = types.into_iter().filter(|ty| seen.insert(ty.clone())).collect();
    let (literals, others): (Vec<Type>, Vec<Type>) =
        distinct.into_iter().partition(|ty| matches!(ty, Type::Literal(_)));
    let literals = match literals.len() > MOST_APART {
        true => Type::union(literals.iter().map(Type::base).collect::<FxHashSet<Type>>()),
        false => Type::union(literals),
    };
    let others = if others.len() > MOST_RECORDS { merge_records(others, table) } else { others };
    let mut others = others.into_iter();
    let Some(first) = others.next() else { return literals };
    let others = others.fold(first, |joined, ty| join(&joined, &ty, table));
    if matches!(literals, Type::Never) { others } else { Type::union([others, literals]) }
}

/// Records of the same fields as one record each, field by field.
fn merge_records(types: Vec<Type>, table: &TypeTable) -> Vec<Type> {
    let mut groups: IndexMap<Vec<(EcoString, bool)>, Vec<Arc<RecordType>>, FxBuildHasher> = IndexMap::default();
    let mut out = Vec::new();
    for ty in types {
        match ty {
            Type::Record(record) => {
                let names = record.fields.iter().map(|(name, field)| (name.clone(), field.optional)).collect();
                groups.entry(names).or_default().push(record);
            }
            other => out.push(other),
        }
    }
    for (names, records) in groups {
        let field = |(name, optional): (EcoString, bool)| {
            let types =
                records.iter().filter_map(|record| record.fields.get(&name)).map(|field| field.ty.clone()).collect();
            (name, FieldType { ty: join_all(types, table), optional, doc: None })
        };
        out.push(Type::Record(Arc::new(RecordType { fields: names.into_iter().map(field).collect() })));
    }
    out
}

/// What a value is for arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int,
    Number,
    Decimal,
    Text,
    Time,
    Date,
    Duration,
    List,
    Bool,
    Broken,
    Other,
}

fn kind(ty: &Type, types: &TypeTable) -> Kind {
    let mut kinds = types.members(ty).into_iter().map(|member| match member {
        Type::Int(_) | Type::Literal(Literal::Int(_)) => Kind::Int,
        Type::Number(_) | Type::Literal(Literal::Number(_)) => Kind::Number,
        Type::Decimal(_) => Kind::Decimal,
        Type::String(_) | Type::Literal(Literal::String(_)) => Kind::Text,
        Type::Time => Kind::Time,
        Type::Date => Kind::Date,
        Type::Duration => Kind::Duration,
        Type::List(_) => Kind::List,
        Type::Bool | Type::Literal(Literal::Bool(_)) => Kind::Bool,
        Type::Broken | Type::Never => Kind::Broken,
        _ => Kind::Other,
    });
    let Some(first) = kinds.next() else { return Kind::Other };
    kinds.fold(first, |had, one| match (had, one) {
        (a, b) if a == b => a,
        (Kind::Int, Kind::Number) | (Kind::Number, Kind::Int) => Kind::Number,
        _ => Kind::Other,
    })
}

impl Body<'_> {
    pub(super) fn unary(&mut self, expr: &Expr, op: UnaryOp, operand: &Expr) -> Type {
        if op == UnaryOp::Not {
            self.condition(operand, "`not`");
            return Type::Bool;
        }
        let ty = self.infer_claused(operand, None, None);
        match (&ty, kind(&ty, &self.checker.program.types)) {
            (Type::Literal(Literal::Int(value)), _) => {
                value.checked_neg().map_or(Type::INT, |value| Type::Literal(Literal::Int(value)))
            }
            (Type::Literal(Literal::Number(value)), _) => Type::Literal(Literal::Number(-*value)),
            (_, Kind::Int) => Type::INT,
            (_, Kind::Number) => Type::NUMBER,
            (_, Kind::Decimal) => Type::DECIMAL,
            (_, Kind::Duration) => Type::Duration,
            (_, Kind::Broken) => Type::Broken,
            _ => {
                let loc = self.loc(expr.span);
                self.report(errors::wants(loc, "`-`", "a number, never null", &ty));
                Type::Broken
            }
        }
    }

    pub(super) fn binary(
        &mut self,
        expr: &Expr,
        op: BinaryOp,
        op_span: Span,
        left: &Expr,
        right: &Expr,
        expected: Option<&Type>,
    ) -> Type {
        match op {
            BinaryOp::And | BinaryOp::Or => self.logic(op, left, right),
            BinaryOp::Coalesce => self.coalesce(left, right, expected),
            BinaryOp::Matches => {
                self.expect(left, &Type::STRING, "`matches`");
                let ty = self.infer(right, Some(&Type::Regex));
                self.fit(right.span, &ty, &Type::Regex, "`matches`");
                Type::Bool
            }
            BinaryOp::In | BinaryOp::NotIn => self.membership(op_span, left, right),
            BinaryOp::Eq | BinaryOp::Ne => self.equality(op_span, left, right),
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                let (l, r) = self.operands(left, right);
                self.ordered(op, op_span, &l, &r);
                Type::Bool
            }
            _ => {
                let (l, r) = self.operands(left, right);
                self.arithmetic(expr, op, op_span, &l, &r, left, right)
            }
        }
    }

    fn logic(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Type {
        let word = format!("`{}`", op.word());
        self.condition(left, &word);
        let mark = self.scope.enter();
        let facts = self.facts(left, op == BinaryOp::And);
        self.assume(left.span, facts);
        self.condition(right, &word);
        self.leave(mark);
        Type::Bool
    }

    fn coalesce(&mut self, left: &Expr, right: &Expr, expected: Option<&Type>) -> Type {
        let wanted = expected.map(|expected| expected.clone().nullable());
        let l = self.infer_claused(left, wanted.as_ref(), None);
        self.check_default(left, &l, right);
        let l = l.non_null(&self.checker.program.types);
        let hint = expected.cloned().unwrap_or_else(|| l.clone());
        let r = self.infer_claused(right, Some(&hint), None);
        join(&l, &r, &self.checker.program.types)
    }

    /// Both operands; a number literal beside a decimal is a decimal.
    fn operands(&mut self, left: &Expr, right: &Expr) -> (Type, Type) {
        let is_literal = |expr: &Expr| matches!(expr.unparen().kind, ExprKind::Lit(Lit::Int(_) | Lit::Number(_)));
        if is_literal(left) && !is_literal(right) {
            let r = self.infer_claused(right, None, None);
            let l = self.infer_claused(left, Some(&r), None);
            return (l, r);
        }
        let l = self.infer_claused(left, None, None);
        let r = self.infer_claused(right, Some(&l), None);
        (l, r)
    }

    fn membership(&mut self, op_span: Span, left: &Expr, right: &Expr) -> Type {
        let l = self.infer_claused(left, None, None);
        let r = self.infer_claused(right, Some(&Type::list(l.clone())), None);
        let types = &self.checker.program.types;
        let fine = match types.head(&r) {
            Type::List(element) => comparable(&l, element, types),
            Type::Map(_) | Type::Record(_) => kind(&l, types) == Kind::Text,
            Type::String(_) | Type::Literal(Literal::String(_)) => kind(&l, types) == Kind::Text,
            Type::Broken => true,
            _ => false,
        };
        if !fine {
            let loc = self.loc(op_span);
            self.report(errors::operator_mismatch(loc, "in", &l, &r, "right of `in` stands a list, a map or `lo..hi`"));
        }
        Type::Bool
    }

    fn equality(&mut self, op_span: Span, left: &Expr, right: &Expr) -> Type {
        let (l, r) = self.operands(left, right);
        if !comparable(&l, &r, &self.checker.program.types) {
            let loc = self.loc(op_span);
            self.report(errors::never_equal(loc, &l, &r));
        }
        Type::Bool
    }

    fn ordered(&mut self, op: BinaryOp, op_span: Span, l: &Type, r: &Type) {
        let types = &self.checker.program.types;
        let (a, b) = (kind(l, types), kind(r, types));
        let numeric = |kind: Kind| matches!(kind, Kind::Int | Kind::Number | Kind::Decimal);
        let fine = a == Kind::Broken
            || b == Kind::Broken
            || (numeric(a) && numeric(b) && !mixes(l, r, a, b))
            || (a == b && matches!(a, Kind::Text | Kind::Time | Kind::Date | Kind::Duration));
        if !fine {
            let nullable = l.has_null(types) || r.has_null(types);
            let help = if nullable { "one side can be null: use `?? …`, or check it first" } else { "" };
            let loc = self.loc(op_span);
            self.report(errors::operator_mismatch(loc, op.word(), l, r, help));
        }
    }

    #[allow(clippy::too_many_arguments, reason = "an operator is its two sides, with types and places")]
    fn arithmetic(
        &mut self,
        expr: &Expr,
        op: BinaryOp,
        op_span: Span,
        l: &Type,
        r: &Type,
        left: &Expr,
        right: &Expr,
    ) -> Type {
        let types = &self.checker.program.types;
        let (a, b) = (kind(l, types), kind(r, types));
        if a == Kind::Broken || b == Kind::Broken {
            return Type::Broken;
        }
        if (a == Kind::Decimal || b == Kind::Decimal) && !mixes(l, r, a, b) {
            for (ty, side) in [(l, left), (r, right)] {
                if matches!(ty, Type::Literal(_)) {
                    self.checker.decimals.insert((self.module, side.unparen().id));
                }
            }
        }
        let result = match (op, a, b) {
            _ if mixes(l, r, a, b) => None,
            (BinaryOp::Add, Kind::List, Kind::List) => {
                match (self.checker.program.types.head(l), self.checker.program.types.head(r)) {
                    (Type::List(x), Type::List(y)) => Some(Type::list(join(x, y, &self.checker.program.types))),
                    _ => None,
                }
            }
            _ => arithmetic_result(op, a, b),
        };
        let Some(result) = result else {
            let help = arithmetic_help(op, a, b, l, r, &self.checker.program.types);
            let loc = self.loc(op_span);
            self.report(errors::operator_mismatch(loc, op.word(), l, r, help));
            return Type::Broken;
        };
        let zero = matches!(right.unparen().kind, ExprKind::Lit(Lit::Int(0)));
        if zero && matches!(op, BinaryOp::Div | BinaryOp::Rem) {
            let loc = self.loc(expr.span);
            self.report(errors::invalid_constant(loc, "this divides by zero"));
        }
        result
    }
}

/// A decimal and a double do not mix; a literal is whatever the other side is.
fn mixes(l: &Type, r: &Type, a: Kind, b: Kind) -> bool {
    matches!((a, b), (Kind::Decimal, Kind::Number) if !matches!(r, Type::Literal(_)))
        || matches!((a, b), (Kind::Number, Kind::Decimal) if !matches!(l, Type::Literal(_)))
}

fn arithmetic_result(op: BinaryOp, a: Kind, b: Kind) -> Option<Type> {
    use BinaryOp::{Add, Div, Mul, Rem, Sub};
    let numeric = |kind: Kind| matches!(kind, Kind::Int | Kind::Number | Kind::Decimal);
    Some(match (op, a, b) {
        (Div, a, b) if numeric(a) && numeric(b) => match a == Kind::Decimal || b == Kind::Decimal {
            true => Type::DECIMAL,
            false => Type::NUMBER,
        },
        (Add | Sub | Mul | Rem, a, b) if numeric(a) && numeric(b) => match (a, b) {
            (Kind::Int, Kind::Int) => Type::INT,
            (Kind::Decimal, _) | (_, Kind::Decimal) => Type::DECIMAL,
            _ => Type::NUMBER,
        },
        (Add | Sub, Kind::Time, Kind::Duration) | (Add, Kind::Duration, Kind::Time) => Type::Time,
        (Add | Sub, Kind::Date, Kind::Duration) | (Add, Kind::Duration, Kind::Date) => Type::Date,
        (Sub, Kind::Time, Kind::Time) | (Sub, Kind::Date, Kind::Date) => Type::Duration,
        (Add | Sub, Kind::Duration, Kind::Duration) => Type::Duration,
        (Mul, Kind::Duration, Kind::Int | Kind::Number) | (Mul, Kind::Int | Kind::Number, Kind::Duration) => {
            Type::Duration
        }
        (Div, Kind::Duration, Kind::Int | Kind::Number) => Type::Duration,
        (Div, Kind::Duration, Kind::Duration) => Type::NUMBER,
        _ => return None,
    })
}

fn arithmetic_help(op: BinaryOp, a: Kind, b: Kind, l: &Type, r: &Type, types: &TypeTable) -> &'static str {
    let has = |kind: Kind| a == kind || b == kind;
    if l.has_null(types) || r.has_null(types) {
        "one side can be null: use `?? …`, or check it first"
    } else if op == BinaryOp::Add && has(Kind::Text) {
        "`+` does not join texts: write `\"{a}{b}\"`"
    } else if has(Kind::Decimal) && has(Kind::Number) {
        "a decimal is exact and a number is not: make both decimal, `parse_decimal(…)` reads a text"
    } else if op == BinaryOp::Add && has(Kind::List) {
        "`+` joins two lists: `xs + [x]`"
    } else {
        ""
    }
}

/// Whether values of two types can be equal at all.
fn comparable(l: &Type, r: &Type, types: &TypeTable) -> bool {
    // A null beside something that is never null: comparing is harmless and common.
    let null = |ty: &Type| matches!(types.head(ty), Type::Null);
    if null(l) || null(r) {
        return true;
    }
    let (left, right) = (types.members(l), types.members(r));
    if left.len() * right.len() <= MOST_APART {
        return left.iter().any(|a| right.iter().any(|b| comparable_members(a, b, types)));
    }
    let literals: FxHashSet<&Type> = left.iter().copied().filter(|one| matches!(one, Type::Literal(_))).collect();
    let (left, right) = (one_of_each(&left), one_of_each(&right));
    if left.len().max(right.len()) >= MOST_RECORDS {
        return true;
    }
    types.members(r).iter().any(|one| literals.contains(one))
        || left.iter().any(|a| right.iter().any(|b| different_literals(a, b) && comparable_members(a, b, types)))
}

/// Two literals of one kind, of unions that share none, are never equal, whichever two they are.
fn different_literals(a: &Type, b: &Type) -> bool {
    !matches!((a, b), (Type::Literal(a), Type::Literal(b)) if std::mem::discriminant(a) == std::mem::discriminant(b))
}

/// One member for all literals of a kind, and as many of the others as are looked at.
fn one_of_each<'t>(members: &[&'t Type]) -> Vec<&'t Type> {
    let mut kinds = FxHashSet::default();
    let literal = |one: &&&Type| match one {
        Type::Literal(literal) => kinds.insert(std::mem::discriminant(literal)),
        _ => true,
    };
    members.iter().filter(literal).copied().take(MOST_RECORDS).collect()
}

fn comparable_members(a: &Type, b: &Type, types: &TypeTable) -> bool {
    match (a, b) {
        (Type::Json | Type::Broken | Type::Never | Type::Var(_), _)
        | (_, Type::Json | Type::Broken | Type::Never | Type::Var(_)) => true,
        (Type::Literal(x), Type::Literal(y)) if std::mem::discriminant(x) == std::mem::discriminant(y) => x == y,
        (Type::Record(_), Type::Record(_) | Type::Map(_)) | (Type::Map(_), Type::Record(_) | Type::Map(_)) => true,
        (Type::List(x), Type::List(y)) => comparable(x, y, types),
        (Type::Null, Type::Null) => true,
        (Type::Time | Type::Date | Type::Duration, Type::Literal(Literal::String(_))) => true,
        _ => {
            let (x, y) = (kind(a, types), kind(b, types));
            let numeric = |kind: Kind| matches!(kind, Kind::Int | Kind::Number | Kind::Decimal);
            (x == y && x != Kind::Other) || (numeric(x) && numeric(y))
        }
    }
}
