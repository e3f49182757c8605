//! Assignability: whether every value of one type may stand where another is wanted.

#![allow(clippy::result_large_err, reason = "a mismatch ends the search; boxing it would only hide that")]

use super::work::FEW;
use super::{Literal, RecordType, Type, TypeTable};
use ecow::EcoString;
use indexmap::IndexSet;
use rust_decimal::Decimal;
use rustc_hash::FxBuildHasher;

/// Why one type does not fit another, and where inside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// Field names and `[]` from the outside in.
    pub path: Vec<EcoString>,
    /// What stands there.
    pub found: Type,
    /// What is wanted there.
    pub expected: Type,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong in a [`Mismatch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Another kind of value.
    Kind,
    /// A required field is missing; `expected` is its type and the last of `path` its name.
    MissingField,
    /// `null` can come where it must not.
    Null,
    /// The unknown needs a cast.
    Unknown,
    /// A constant outside the bounds, pattern or literals wanted.
    Constant,
}

/// Whether `found` fits `expected`. Bounds and patterns of values that are not constant are checked when they run,
/// so they do not matter here.
pub fn fits(found: &Type, expected: &Type, table: &TypeTable) -> Result<(), Mismatch> {
    Fit { table, seen: IndexSet::default(), path: Vec::new() }.fit(found, expected)
}

/// What lies behind more names than this, together or behind each other, is checked when it runs.
const MOST_PAIRS: usize = 10_000;

struct Fit<'a> {
    table: &'a TypeTable,
    /// Pairs of names that fit, unless what they are looked at for does not.
    seen: IndexSet<(EcoString, EcoString), FxBuildHasher>,
    path: Vec<EcoString>,
}

impl Fit<'_> {
    fn fit(&mut self, found: &Type, expected: &Type) -> Result<(), Mismatch> {
        // Names may lead on for ever, or for thousands of declarations: what lies deeper is checked when it runs.
        if self.path.len() > 128 {
            return Ok(());
        }
        if let (Type::Named(a), Type::Named(b)) = (found, expected) {
            let before = self.seen.len();
            if a == b || !self.seen.insert((a.clone(), b.clone())) {
                return Ok(());
            }
            if before > MOST_PAIRS || (before > FEW && !self.table.work.may(1)) {
                return Ok(());
            }
            let result = self.fit_heads(found, expected);
            if result.is_err() {
                self.seen.truncate(before);
            }
            return result;
        }
        self.fit_heads(found, expected)
    }

    fn fit_heads(&mut self, found: &Type, expected: &Type) -> Result<(), Mismatch> {
        let table = self.table;
        let (from, to) = (table.head(found), table.head(expected));
        if is_among(found, to) || !self.may(from, to) {
            return Ok(());
        }
        match (from, to) {
            (Type::Broken | Type::Never, _) | (_, Type::Broken | Type::Json | Type::Var(_)) => Ok(()),
            (Type::Union(members), Type::Union(_)) if members.len() > FEW => {
                let literals: IndexSet<&Literal, FxBuildHasher> =
                    table.members(to).into_iter().filter_map(literal).collect();
                let mut others = members.iter().filter(|one| !literal(one).is_some_and(|one| literals.contains(one)));
                others.try_for_each(|member| self.fit_member(member, found, expected))
            }
            (Type::Union(members), _) => members.iter().try_for_each(|member| self.fit_member(member, found, expected)),
            (_, Type::Union(members)) => self.fit_any(found, from, members, expected),
            (Type::Json, _) => Err(self.wrong(found, expected, Why::Unknown)),
            (Type::Null, Type::Null) => Ok(()),
            (Type::Null, _) => Err(self.wrong(found, expected, Why::Null)),
            (Type::Literal(literal), _) => self.fit_literal(literal, from, to, expected),
            (Type::List(a), Type::List(b)) => self.inside("[]", |fit| fit.fit(a, b)),
            (Type::Map(a), Type::Map(b)) => self.inside("[]", |fit| fit.fit(a, b)),
            (Type::Record(record), Type::Map(value)) => {
                record.fields.iter().try_for_each(|(name, field)| self.inside(name, |fit| fit.fit(&field.ty, value)))
            }
            (Type::Record(a), Type::Record(b)) => self.fit_record(a, b),
            (Type::Lambda(a), Type::Lambda(b)) => self.fit(&a.returns, &b.returns),
            _ if same_base(from, to) => Ok(()),
            _ => Err(self.wrong(found, expected, Why::Kind)),
        }
    }

    /// Whether wide unions and records may still be compared.
    fn may(&self, from: &Type, to: &Type) -> bool {
        let size = |ty: &Type| match ty {
            Type::Union(members) => members.len(),
            Type::Record(record) => record.fields.len() / 4,
            _ => 1,
        };
        let size = size(from).max(size(to));
        // The literals of both are looked up; what else there is counts by itself.
        let both = matches!((from, to), (Type::Union(_), Type::Union(_)));
        size <= FEW || self.table.work.may(if both { size / 8 } else { size })
    }

    /// A member of a union; what is reported is the union.
    fn fit_member(&mut self, member: &Type, whole: &Type, expected: &Type) -> Result<(), Mismatch> {
        let depth = self.path.len();
        self.fit(member, expected).map_err(|mut wrong| {
            if wrong.path.len() == depth {
                wrong.found = whole.clone();
            }
            wrong
        })
    }

    fn fit_any(&mut self, found: &Type, from: &Type, members: &[Type], expected: &Type) -> Result<(), Mismatch> {
        let mut near = None;
        for member in members {
            match self.fit(found, member) {
                Ok(()) => return Ok(()),
                Err(wrong) => near = closer(near, wrong, self.path.len()),
            }
        }
        match near {
            Some(wrong) if wrong.path.len() > self.path.len() => Err(wrong),
            Some(wrong) if wrong.why == Why::Constant => Err(self.wrong(found, expected, Why::Constant)),
            _ if matches!(from, Type::Json) => Err(self.wrong(found, expected, Why::Unknown)),
            _ if matches!(from, Type::Null) => Err(self.wrong(found, expected, Why::Null)),
            _ => Err(self.wrong(found, expected, Why::Kind)),
        }
    }

    fn fit_literal(&self, literal: &Literal, from: &Type, to: &Type, expected: &Type) -> Result<(), Mismatch> {
        let constant = |good: bool| if good { Ok(()) } else { Err(self.wrong(from, expected, Why::Constant)) };
        match (literal, to) {
            (a, Type::Literal(b)) if std::mem::discriminant(a) == std::mem::discriminant(b) => constant(a == b),
            (Literal::Int(n), Type::Int(range) | Type::Number(range) | Type::Decimal(range)) => {
                constant(range.holds(Decimal::from(*n)))
            }
            (Literal::Number(n), Type::Number(range) | Type::Decimal(range)) => constant(range.holds(*n)),
            (Literal::String(text), Type::String(Some(pattern))) => constant(matches(pattern, text)),
            (Literal::String(_), Type::String(None) | Type::Time | Type::Date | Type::Duration) => Ok(()),
            (Literal::Bool(_), Type::Bool) => Ok(()),
            _ => Err(self.wrong(from, expected, Why::Kind)),
        }
    }

    fn fit_record(&mut self, from: &RecordType, to: &RecordType) -> Result<(), Mismatch> {
        for (name, wanted) in &to.fields {
            match from.fields.get(name) {
                Some(field) => {
                    let found = if wanted.optional { field.read().non_null(self.table) } else { field.read() };
                    self.inside(name, |fit| fit.fit(&found, &wanted.ty))?;
                }
                None if wanted.optional => {}
                None => {
                    let found = Type::Null;
                    return self.inside(name, |fit| Err(fit.wrong(&found, &wanted.ty, Why::MissingField)));
                }
            }
        }
        Ok(())
    }

    fn inside<T>(&mut self, name: &str, body: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(name.into());
        let result = body(self);
        self.path.pop();
        result
    }

    fn wrong(&self, found: &Type, expected: &Type, why: Why) -> Mismatch {
        Mismatch { path: self.path.clone(), found: found.clone(), expected: expected.clone(), why }
    }
}

/// Whether a union has a literal or a name as it is.
fn is_among(found: &Type, to: &Type) -> bool {
    match (found, to) {
        (Type::Literal(_) | Type::Named(_), Type::Union(members)) => members.contains(found),
        _ => false,
    }
}

fn literal(ty: &Type) -> Option<&Literal> {
    match ty {
        Type::Literal(literal) => Some(literal),
        _ => None,
    }
}

fn closer(near: Option<Mismatch>, wrong: Mismatch, depth: usize) -> Option<Mismatch> {
    match near {
        Some(had) if had.path.len() >= wrong.path.len() && (had.path.len() > depth || had.why == Why::Constant) => {
            Some(had)
        }
        _ => Some(wrong),
    }
}

fn same_base(from: &Type, to: &Type) -> bool {
    matches!(
        (from, to),
        (Type::Bool, Type::Bool)
            | (Type::Int(_), Type::Int(_) | Type::Number(_) | Type::Decimal(_))
            | (Type::Number(_), Type::Number(_))
            | (Type::Decimal(_), Type::Decimal(_))
            | (Type::String(_), Type::String(_))
            | (Type::Time, Type::Time)
            | (Type::Date, Type::Date)
            | (Type::Duration, Type::Duration)
            | (Type::Regex, Type::Regex)
            | (Type::Var(_), Type::Var(_))
    )
}

fn matches(pattern: &str, text: &str) -> bool {
    regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_for_an_optional_field_means_absent() {
        let table = TypeTable::default();
        let from = Type::record([("b", Type::STRING.nullable())]);
        let mut to = RecordType::default();
        to.fields.insert("b".into(), super::super::FieldType { ty: Type::STRING, optional: true, doc: None });
        assert!(fits(&from, &Type::Record(to.into()), &table).is_ok());
        assert_eq!(fits(&from, &Type::record([("b", Type::STRING)]), &table).map_err(|m| m.why), Err(Why::Null));
    }

    #[test]
    fn constants_are_held_to_bounds_and_values_are_not() {
        let table = TypeTable::default();
        let score = Type::Int(super::super::Range { lo: Some(0.into()), hi: Some(100.into()) });
        assert_eq!(fits(&Type::Literal(Literal::Int(101)), &score, &table).map_err(|m| m.why), Err(Why::Constant));
        assert!(fits(&Type::INT, &score, &table).is_ok());
        assert!(fits(&Type::NUMBER, &Type::INT, &table).is_err());
    }

    #[test]
    fn wide_unions_are_compared_as_long_as_that_is_allowed() {
        let union = |from: i64| {
            Type::union((from..from + 100).map(|at| Type::record([("kind", Type::Literal(Literal::Int(at)))])))
        };
        let few = TypeTable { work: super::super::Work::at_most(5_000), ..TypeTable::default() };
        assert!(
            fits(&union(0), &union(0), &few).is_ok() && fits(&union(1), &union(0), &few).is_ok() && few.work.is_spent()
        );
        let many = TypeTable::default();
        assert!(fits(&union(1), &union(0), &many).is_err() && !many.work.is_spent());
    }

    #[test]
    fn recursive_types_end() {
        let mut table = TypeTable::default();
        for name in ["A", "B"] {
            let children = Type::list(Type::Named(name.into()));
            table.types.insert(name.into(), Type::record([("children", children)]));
        }
        assert!(fits(&Type::Named("A".into()), &Type::Named("B".into()), &table).is_ok());
        table.types.insert("C".into(), Type::Named("C".into()));
        assert!(fits(&Type::Named("C".into()), &Type::INT, &table).is_ok());
    }
}
