//! The types of the language: structural, with names looked up in a [`TypeTable`] so that they may be recursive.

mod fits;
mod show;
mod work;

pub use fits::{Mismatch, Why, fits};
pub use work::Work;

use crate::ast::Mark;
use ecow::EcoString;
use indexmap::{IndexMap, IndexSet};
use rust_decimal::Decimal;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A type. Compare with [`fits`], not `==`, unless spelling matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// The unknown: any value fits it, it fits nothing else until cast.
    Json,
    /// `null`
    Null,
    /// `bool`
    Bool,
    /// `int`, `int in lo..hi`
    Int(Range),
    /// `number`, `number in lo..hi`
    Number(Range),
    /// `decimal`, `decimal in lo..hi`
    Decimal(Range),
    /// `string`, `string matching /…/`
    String(Option<EcoString>),
    /// `time`: an instant
    Time,
    /// `date`: a calendar day
    Date,
    /// `duration`
    Duration,
    /// `"lead"`, `3`, `true`
    Literal(Literal),
    /// `[T]`
    List(Arc<Type>),
    /// `map<T>`
    Map(Arc<Type>),
    /// `{ a: T, b?: U }`
    Record(Arc<RecordType>),
    /// `A | B`: at least two members, flat, without duplicates
    Union(Arc<Vec<Type>>),
    /// A declared type by its full name (`leads.intake.Lead`), looked up in the table.
    Named(EcoString),
    /// `untrusted T` and its like; the mark does not matter for what fits.
    Marked(Mark, Arc<Type>),
    /// A regular expression, an argument of pure functions only.
    Regex,
    /// A lambda, an argument of pure functions only.
    Lambda(Arc<LambdaType>),
    /// A type variable of a pure function's signature.
    Var(EcoString),
    /// No value: `fail`, `block`, `[]`'s element.
    Never,
    /// Broken source, already reported: fits and is fitted by everything.
    Broken,
}

/// Bounds of a number, both included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Range {
    /// Smallest value.
    pub lo: Option<Decimal>,
    /// Largest value.
    pub hi: Option<Decimal>,
}

impl Range {
    /// Whether `value` lies within.
    pub fn holds(&self, value: Decimal) -> bool {
        self.lo.is_none_or(|lo| value >= lo) && self.hi.is_none_or(|hi| value <= hi)
    }

    /// Whether every value is allowed.
    pub fn is_full(&self) -> bool {
        self.lo.is_none() && self.hi.is_none()
    }
}

/// The one value of a literal type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Literal {
    /// `true`
    Bool(bool),
    /// `3`
    Int(i64),
    /// `0.5`
    Number(Decimal),
    /// `"lead"`
    String(EcoString),
}

/// The fields of a record type, in the order declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordType {
    /// Field by name.
    pub fields: IndexMap<EcoString, FieldType>,
}

impl std::hash::Hash for RecordType {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        for (name, field) in &self.fields {
            name.hash(state);
            field.hash(state);
        }
    }
}

/// A field of a record type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FieldType {
    /// What it holds.
    pub ty: Type,
    /// Whether it may be absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Its documentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc: Option<EcoString>,
}

impl FieldType {
    /// The type that reading the field gives: absent reads as null.
    pub fn read(&self) -> Type {
        if self.optional { self.ty.clone().nullable() } else { self.ty.clone() }
    }
}

/// Parameter types and result of a lambda.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LambdaType {
    /// Parameters.
    pub params: Vec<Type>,
    /// Result.
    pub returns: Type,
}

/// What the names stand for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TypeTable {
    /// Type by full name.
    pub types: IndexMap<EcoString, Type>,
    /// How much comparing wide unions may cost, and has.
    #[serde(skip)]
    pub work: Work,
}

impl TypeTable {
    /// The type behind names and marks. A name that stands only for itself is [`Type::Broken`].
    pub fn head<'a>(&'a self, ty: &'a Type) -> &'a Type {
        let mut at = ty;
        for _ in 0..self.types.len() + 2 {
            at = match at {
                Type::Named(name) => match self.types.get(name) {
                    Some(found) => found,
                    None => return &Type::Broken,
                },
                Type::Marked(_, inner) => inner,
                _ => return at,
            };
            while let Type::Marked(_, inner) = at {
                at = inner;
            }
        }
        &Type::Broken
    }

    /// The members of a union (unions of named unions included), or the type alone, names and marks taken off.
    pub fn members<'a>(&'a self, ty: &'a Type) -> Vec<&'a Type> {
        let mut out = Vec::new();
        self.collect_members(ty, &mut out, 0);
        out
    }

    fn collect_members<'a>(&'a self, ty: &'a Type, out: &mut Vec<&'a Type>, depth: usize) {
        match self.head(ty) {
            Type::Union(members) if depth < 64 => {
                for member in members.iter().take(self.work.looked_at(members.len(), 16)) {
                    self.collect_members(member, out, depth + 1);
                }
            }
            other => out.push(other),
        }
    }
}

impl Type {
    /// `int`
    pub const INT: Type = Type::Int(Range { lo: None, hi: None });
    /// `number`
    pub const NUMBER: Type = Type::Number(Range { lo: None, hi: None });
    /// `decimal`
    pub const DECIMAL: Type = Type::Decimal(Range { lo: None, hi: None });
    /// `string`
    pub const STRING: Type = Type::String(None);

    /// The base type of that name.
    pub fn base_named(name: &str) -> Option<Type> {
        Some(match name {
            "string" => Type::STRING,
            "int" => Type::INT,
            "number" => Type::NUMBER,
            "decimal" => Type::DECIMAL,
            "bool" => Type::Bool,
            "null" => Type::Null,
            "json" => Type::Json,
            "time" => Type::Time,
            "date" => Type::Date,
            "duration" => Type::Duration,
            _ => return None,
        })
    }

    /// `[T]`
    pub fn list(element: Type) -> Type {
        Type::List(Arc::new(element))
    }

    /// `map<T>`
    pub fn map(value: Type) -> Type {
        Type::Map(Arc::new(value))
    }

    /// A record of required fields.
    pub fn record<N: Into<EcoString>>(fields: impl IntoIterator<Item = (N, Type)>) -> Type {
        let fields = fields.into_iter().map(|(name, ty)| (name.into(), FieldType { ty, optional: false, doc: None }));
        Type::Record(Arc::new(RecordType { fields: fields.collect() }))
    }

    /// The type of a string literal.
    pub fn text(literal: impl Into<EcoString>) -> Type {
        Type::Literal(Literal::String(literal.into()))
    }

    /// `T?`
    pub fn nullable(self) -> Type {
        Type::union([self, Type::Null])
    }

    /// The union of `members`, flat and without members that another one covers by its base.
    pub fn union(members: impl IntoIterator<Item = Type>) -> Type {
        let mut flat: Vec<Type> = Vec::new();
        for member in members {
            match member {
                Type::Union(inner) => flat.extend(inner.iter().cloned()),
                Type::Never => {}
                one => flat.push(one),
            }
        }
        for whole in [Type::Broken, Type::Json] {
            if flat.contains(&whole) {
                return whole;
            }
        }
        let mut kept = without_covered(without_doubles(flat));
        match kept.len() {
            0 => Type::Never,
            1 => kept.pop().unwrap_or(Type::Never),
            _ => Type::Union(Arc::new(kept)),
        }
    }

    /// How many types it is made of, itself included; a name counts one.
    pub fn parts(&self) -> usize {
        let inner = match self {
            Type::List(inner) | Type::Map(inner) | Type::Marked(_, inner) => inner.parts(),
            Type::Record(record) => record.fields.values().map(|field| field.ty.parts()).sum(),
            Type::Union(members) => members.iter().map(Type::parts).sum(),
            Type::Lambda(lambda) => lambda.params.iter().chain([&lambda.returns]).map(Type::parts).sum(),
            _ => 0,
        };
        inner.saturating_add(1)
    }

    /// Whether `null` is a member.
    pub fn has_null(&self, table: &TypeTable) -> bool {
        table.members(self).iter().any(|member| matches!(member, Type::Null | Type::Json | Type::Broken))
    }

    /// The type without `null`.
    pub fn non_null(&self, table: &TypeTable) -> Type {
        match table.head(self) {
            Type::Null => Type::Never,
            Type::Union(_) if self.has_null(table) => {
                let kept = self.keep(table, &|member| !matches!(member, Type::Null));
                Type::union(kept)
            }
            _ => self.clone(),
        }
    }

    /// The members that `keep` holds on to, names kept where a member is a name of a type that is no union.
    pub fn keep(&self, table: &TypeTable, keep: &dyn Fn(&Type) -> bool) -> Vec<Type> {
        let mut out = Vec::new();
        keep_members(self, table, keep, &mut out, 0);
        out
    }

    /// The base of a literal, the bare type of a refinement; anything else as it is.
    pub fn base(&self) -> Type {
        match self {
            Type::Literal(Literal::Bool(_)) => Type::Bool,
            Type::Literal(Literal::Int(_)) | Type::Int(_) => Type::INT,
            Type::Literal(Literal::Number(_)) | Type::Number(_) => Type::NUMBER,
            Type::Literal(Literal::String(_)) | Type::String(_) => Type::STRING,
            Type::Decimal(_) => Type::DECIMAL,
            other => other.clone(),
        }
    }

    /// Whether it is a literal or refinement of one of these base types.
    fn refines(&self, bases: &[Type]) -> bool {
        let refined =
            matches!(self, Type::Literal(_) | Type::Int(_) | Type::Number(_) | Type::String(_) | Type::Decimal(_));
        refined && !bases.contains(self) && bases.contains(&self.base())
    }

    /// The type with the literals at its top replaced by their bases.
    pub fn widened(&self) -> Type {
        match self {
            Type::Union(members) => Type::union(members.iter().map(Type::widened)),
            Type::Literal(_) => self.base(),
            Type::List(element) => Type::list(element.widened()),
            other => other.clone(),
        }
    }
}

/// Few members are compared with each other, which is cheap where they share their parts; many are looked up, for
/// which each has to be gone through to its end.
const FEW: usize = 8;

fn without_doubles(members: Vec<Type>) -> Vec<Type> {
    if members.len() > FEW {
        let distinct: IndexSet<Type, FxBuildHasher> = members.into_iter().collect();
        return distinct.into_iter().collect();
    }
    let mut kept: Vec<Type> = Vec::with_capacity(members.len());
    for member in members {
        if !kept.contains(&member) {
            kept.push(member);
        }
    }
    kept
}

/// Without literals and refinements beside their bases.
fn without_covered(mut members: Vec<Type>) -> Vec<Type> {
    let bases = [Type::Bool, Type::INT, Type::NUMBER, Type::STRING, Type::DECIMAL];
    let bases: Vec<Type> = bases.into_iter().filter(|base| members.contains(base)).collect();
    if !bases.is_empty() {
        members.retain(|one| !one.refines(&bases));
    }
    members
}

fn keep_members(ty: &Type, table: &TypeTable, keep: &dyn Fn(&Type) -> bool, out: &mut Vec<Type>, depth: usize) {
    match table.head(ty) {
        Type::Union(members) if depth < 64 => {
            for member in members.iter().take(table.work.looked_at(members.len(), 4)) {
                keep_members(member, table, keep, out, depth + 1);
            }
        }
        head if keep(head) => out.push(ty.clone()),
        _ => {}
    }
}
