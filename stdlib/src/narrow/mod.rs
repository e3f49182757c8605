//! Boundaries: a value is narrowed to the declared type, undeclared fields do not pass, bounds and patterns hold.
//! A shared part that already fits comes back as it is and remembers so, for the same boundary.

mod scalar;
#[cfg(test)]
mod tests;

use crate::value::{Data, Fields, List, Record, Value};
use ecow::EcoString;
use rustc_hash::FxHasher;
use scalar::{Fit, expected, fit_scalar};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use weir_lang::ast::Mark;
use weir_lang::types::{FieldType, RecordType, Type, TypeTable};

/// A type at a boundary, with a key that stands for its expanded structure (for [`crate::value::Memo::fits`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Boundary {
    /// The type.
    pub ty: Type,
    /// Set by `seal` with the plan's type table; zero: not sealed, nothing is remembered.
    #[serde(skip)]
    pub key: u64,
}

impl PartialEq for Boundary {
    fn eq(&self, other: &Self) -> bool {
        self.ty == other.ty
    }
}

/// Why a value does not fit a boundary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if path.is_empty() { String::new() } else { format!("`{path}`: ") })]
pub struct Misfit {
    /// Where inside the value, such as `leads[3].email`; empty for the value itself.
    pub path: String,
    /// What was expected and what was found.
    pub message: String,
}

impl Boundary {
    /// A boundary that remembers nothing until it is sealed.
    pub fn new(ty: Type) -> Self {
        Boundary { ty, key: 0 }
    }

    /// Gives the boundary its key. `table_key` stands for the type table (its hash): the same type under the same
    /// table gets the same key.
    pub fn seal(&mut self, table_key: u64) {
        let mut hasher = FxHasher::default();
        table_key.hash(&mut hasher);
        self.ty.hash(&mut hasher);
        self.key = hasher.finish().max(1);
    }
}

/// A key for a type table, for [`Boundary::seal`].
pub fn table_key(types: &TypeTable) -> u64 {
    let mut hasher = FxHasher::default();
    for (name, ty) in &types.types {
        (name, ty).hash(&mut hasher);
    }
    hasher.finish()
}

/// The part of `value` that the type declares, or why it does not fit. Unchanged shared parts come back as they are.
///
/// # Errors
/// [`Misfit`] with the path inside the value.
pub fn narrow(value: &Value, boundary: &Boundary, types: &TypeTable) -> Result<Value, Misfit> {
    match (Narrower { types, depth: 0 }).narrow(value, &boundary.ty, boundary.key) {
        Ok(changed) => Ok(changed.unwrap_or_else(|| value.clone())),
        Err(wrong) => Err(wrong.into_misfit()),
    }
}

/// The same, with the fields that the type does not declare kept: an enricher hands on what its caller knows of a record.
///
/// # Errors
/// [`Misfit`] with the path inside the value.
pub fn narrow_open(value: &Value, boundary: &Boundary, types: &TypeTable) -> Result<Value, Misfit> {
    narrow(value, boundary, types).map(|narrowed| with_rest(narrowed, value))
}

/// Gives a narrowed value back the fields that it has lost.
fn with_rest(narrowed: Value, whole: &Value) -> Value {
    let labels = narrowed.labels.clone();
    let joined = match (&narrowed.data, &whole.data) {
        (Data::Record(kept), Data::Record(all)) if Arc::ptr_eq(kept, all) => return narrowed,
        (Data::List(kept), Data::List(all)) if Arc::ptr_eq(kept, all) => return narrowed,
        (Data::Record(kept), Data::Record(all)) => {
            let mut fields = all.fields.clone();
            for (name, value) in &kept.fields {
                let value = match all.fields.get(name) {
                    Some(before) => with_rest(value.clone(), before),
                    None => value.clone(),
                };
                fields.insert(name.clone(), value);
            }
            Value::from_fields(fields)
        }
        (Data::List(kept), Data::List(all)) => {
            let items = kept.items.iter().zip(&all.items).map(|(kept, all)| with_rest(kept.clone(), all));
            Value::list(items.collect::<Vec<_>>())
        }
        _ => return narrowed,
    };
    joined.with_labels(labels)
}

/// A step into a value.
enum Segment {
    Field(EcoString),
    At(usize),
}

/// A misfit on its way out: segments from the inside.
struct Wrong {
    path: Vec<Segment>,
    message: String,
}

impl Wrong {
    fn new(message: String) -> Self {
        Wrong { path: Vec::new(), message }
    }

    fn within(mut self, segment: Segment) -> Self {
        self.path.push(segment);
        self
    }

    fn into_misfit(self) -> Misfit {
        let mut path = String::new();
        for segment in self.path.iter().rev() {
            let written = match segment {
                Segment::Field(name) if path.is_empty() => write!(path, "{name}"),
                Segment::Field(name) => write!(path, ".{name}"),
                Segment::At(at) => write!(path, "[{at}]"),
            };
            debug_assert!(written.is_ok(), "writing to a string does not fail");
        }
        Misfit { path, message: self.message }
    }
}

/// None: fits as it is.
type Narrowed = Result<Option<Value>, Wrong>;

struct Narrower<'a> {
    types: &'a TypeTable,
    depth: usize,
}

impl Narrower<'_> {
    fn narrow(&mut self, value: &Value, ty: &Type, key: u64) -> Narrowed {
        match ty {
            Type::Marked(mark, inner) => {
                let narrowed = self.narrow(value, inner, key);
                let narrowed = narrowed.map_err(|wrong| if *mark == Mark::Secret { hidden(inner) } else { wrong })?;
                Ok(marked(value, narrowed, *mark))
            }
            Type::Named(name) => {
                self.depth += 1;
                let found = self.types.types.get(name).filter(|_| self.depth <= 512);
                let narrowed = found.map_or(Ok(None), |inner| self.narrow(value, inner, key));
                self.depth -= 1;
                narrowed.map_err(|wrong| named(wrong, found, ty, value))
            }
            Type::Union(members) => self.union(value, ty, members, key),
            Type::List(element) => self.list(value, ty, element, key),
            Type::Map(element) => self.map(value, ty, element, key),
            Type::Record(record) => self.record(value, ty, record, key),
            _ => match fit_scalar(&value.data, ty) {
                Fit::Same => Ok(None),
                Fit::As(data) => Ok(Some(Value { data, labels: value.labels.clone() })),
                Fit::Not(why) => Err(Wrong::new(expected(ty, value, why))),
            },
        }
    }

    fn list(&mut self, value: &Value, ty: &Type, element: &Type, key: u64) -> Narrowed {
        let Data::List(list) = &value.data else { return Err(Wrong::new(expected(ty, value, None))) };
        if list.memo().fits.has(key) {
            return Ok(None);
        }
        let inner = child(key, "[]");
        let mut changed: Option<Vec<Value>> = None;
        for (at, item) in list.items.iter().enumerate() {
            let narrowed = self.narrow(item, element, inner).map_err(|wrong| wrong.within(Segment::At(at)))?;
            match (&mut changed, narrowed) {
                (Some(items), narrowed) => items.push(narrowed.unwrap_or_else(|| item.clone())),
                (None, None) => {}
                (None, Some(narrowed)) => {
                    let mut items: Vec<Value> = list.items.iter().take(at).cloned().collect();
                    items.push(narrowed);
                    changed = Some(items);
                }
            }
        }
        Ok(finish(changed.map(Value::list), value, |fresh| remember_list(fresh, list, key)))
    }

    fn map(&mut self, value: &Value, ty: &Type, element: &Type, key: u64) -> Narrowed {
        let Data::Record(record) = &value.data else { return Err(Wrong::new(expected(ty, value, None))) };
        if record.memo().fits.has(key) {
            return Ok(None);
        }
        let inner = child(key, "{}");
        let mut changed: Option<Fields> = None;
        for (name, item) in &record.fields {
            let narrowed =
                self.narrow(item, element, inner).map_err(|wrong| wrong.within(Segment::Field(name.clone())))?;
            if let Some(narrowed) = narrowed {
                changed.get_or_insert_with(|| record.fields.clone()).insert(name.clone(), narrowed);
            }
        }
        Ok(finish(changed.map(Value::from_fields), value, |fresh| remember_record(fresh, record, key)))
    }

    fn record(&mut self, value: &Value, ty: &Type, wanted: &RecordType, key: u64) -> Narrowed {
        let Data::Record(record) = &value.data else { return Err(Wrong::new(expected(ty, value, None))) };
        if record.memo().fits.has(key) {
            return Ok(None);
        }
        let mut changed: Option<Fields> = None;
        for (name, field) in &wanted.fields {
            let inner = if key == 0 { 0 } else { child(key, name) };
            let narrowed =
                self.field(record, name, field, inner).map_err(|wrong| wrong.within(Segment::Field(name.clone())))?;
            match narrowed {
                Field::Same => {}
                Field::Becomes(value) => {
                    changed.get_or_insert_with(|| record.fields.clone()).insert(name.clone(), value);
                }
                Field::Absent => {
                    changed.get_or_insert_with(|| record.fields.clone()).shift_remove(name);
                }
            }
        }
        if record.fields.keys().any(|name| !wanted.fields.contains_key(name)) {
            let fields = changed.get_or_insert_with(|| record.fields.clone());
            fields.retain(|name, _| wanted.fields.contains_key(name));
        }
        Ok(finish(changed.map(Value::from_fields), value, |fresh| remember_record(fresh, record, key)))
    }

    fn field(&mut self, record: &Record, name: &str, field: &FieldType, key: u64) -> Result<Field, Wrong> {
        let nullable = || self.has_null(&field.ty, 0);
        match record.fields.get(name) {
            None if field.optional => Ok(Field::Same),
            None if nullable() => Ok(Field::Becomes(Value::NULL)),
            None => Err(Wrong::new(format!("expected `{}`, found nothing", field.ty))),
            Some(value) if value.is_null() && field.optional && !nullable() => Ok(Field::Absent),
            Some(value) => {
                self.narrow(value, &field.ty, key).map(|changed| changed.map_or(Field::Same, Field::Becomes))
            }
        }
    }

    /// Fields of every member that fits stay; a scalar prefers the member that leaves it as it is.
    fn union(&mut self, value: &Value, ty: &Type, members: &[Type], key: u64) -> Narrowed {
        if remembered(value, key) {
            return Ok(None);
        }
        let mut fitting: Option<Value> = None;
        let mut near: Option<Wrong> = None;
        for (at, member) in members.iter().enumerate() {
            let inner = if key == 0 { 0 } else { child(key, at) };
            match self.narrow(value, member, inner) {
                Ok(None) => {
                    remember(value, key);
                    return Ok(None);
                }
                Ok(Some(one)) => {
                    fitting = Some(match fitting.take() {
                        Some(had) => merge(had, one),
                        None => one,
                    });
                }
                Err(wrong) => {
                    let deeper = near.as_ref().is_none_or(|near| wrong.path.len() > near.path.len());
                    let candidate = !matches!(self.bare(member), Type::Null);
                    near = if deeper && candidate { Some(wrong) } else { near };
                }
            }
        }
        match (fitting, near) {
            (Some(merged), _) if same_fields(&merged, value) => Ok(None),
            (Some(merged), _) => Ok(Some(merged)),
            (None, Some(near)) if !near.path.is_empty() || self.only_one(members) => Err(near),
            (None, _) => Err(Wrong::new(expected(ty, value, None))),
        }
    }

    /// Whether all members but one are null, so that its own message says the most.
    fn only_one(&self, members: &[Type]) -> bool {
        members.iter().filter(|member| !matches!(self.bare(member), Type::Null)).count() == 1
    }

    /// The type behind names and marks.
    fn bare<'t>(&'t self, ty: &'t Type) -> &'t Type {
        let mut at = ty;
        for _ in 0..512 {
            at = match at {
                Type::Marked(_, inner) => inner,
                Type::Named(name) => match self.types.types.get(name) {
                    Some(found) => found,
                    None => return &Type::Broken,
                },
                _ => return at,
            };
        }
        &Type::Broken
    }

    /// Whether null fits.
    fn has_null(&self, ty: &Type, depth: usize) -> bool {
        match self.bare(ty) {
            Type::Null | Type::Json | Type::Broken => true,
            Type::Union(members) => depth < 64 && members.iter().any(|member| self.has_null(member, depth + 1)),
            _ => false,
        }
    }
}

enum Field {
    Same,
    Becomes(Value),
    Absent,
}

/// A message about a whole named type speaks of its name when its own spelling is that of a record.
fn named(wrong: Wrong, found: Option<&Type>, name: &Type, value: &Value) -> Wrong {
    match found {
        Some(Type::Record(_) | Type::Union(_)) if wrong.path.is_empty() => Wrong::new(expected(name, value, None)),
        _ => wrong,
    }
}

/// The message about a secret part does not tell it.
fn hidden(ty: &Type) -> Wrong {
    let secret = Value::NULL.with_labels(crate::value::Labels::NONE.as_secret());
    Wrong::new(expected(ty, &secret, None))
}

fn marked(value: &Value, narrowed: Option<Value>, mark: Mark) -> Option<Value> {
    let missing = match mark {
        Mark::Trusted => false,
        Mark::Untrusted => !value.labels.untrusted(),
        Mark::Secret => !value.labels.secret(),
    };
    if !missing {
        return narrowed;
    }
    let value = narrowed.unwrap_or_else(|| value.clone());
    let labels = if mark == Mark::Secret { value.labels.as_secret() } else { value.labels.as_untrusted() };
    Some(value.with_labels(labels))
}

/// The key of a part of a boundary's type.
fn child(key: u64, segment: impl Hash) -> u64 {
    if key == 0 {
        return 0;
    }
    let mut hasher = FxHasher::default();
    key.hash(&mut hasher);
    segment.hash(&mut hasher);
    hasher.finish().max(1)
}

fn finish(changed: Option<Value>, value: &Value, remember: impl FnOnce(Option<&Value>)) -> Option<Value> {
    remember(changed.as_ref());
    changed.map(|changed| changed.with_labels(value.labels.clone()))
}

fn remember_list(fresh: Option<&Value>, list: &Arc<List>, key: u64) {
    match fresh {
        Some(fresh) => remember(fresh, key),
        None => list.memo().fits.add(key),
    }
}

fn remember_record(fresh: Option<&Value>, record: &Arc<Record>, key: u64) {
    match fresh {
        Some(fresh) => remember(fresh, key),
        None => record.memo().fits.add(key),
    }
}

fn remember(value: &Value, key: u64) {
    match &value.data {
        Data::List(list) => list.memo().fits.add(key),
        Data::Record(record) => record.memo().fits.add(key),
        _ => {}
    }
}

fn remembered(value: &Value, key: u64) -> bool {
    match &value.data {
        Data::List(list) => list.memo().fits.has(key),
        Data::Record(record) => record.memo().fits.has(key),
        _ => false,
    }
}

/// What two members of a union keep of one value, together.
fn merge(a: Value, b: Value) -> Value {
    match (&a.data, &b.data) {
        (Data::Record(left), Data::Record(right)) => {
            let mut fields = left.fields.clone();
            for (name, value) in &right.fields {
                let merged = match fields.get(name) {
                    Some(had) => merge(had.clone(), value.clone()),
                    None => value.clone(),
                };
                fields.insert(name.clone(), merged);
            }
            Value::from_fields(fields).with_labels(a.labels.join(&b.labels))
        }
        (Data::List(left), Data::List(right)) if left.items.len() == right.items.len() => {
            let items = left.items.iter().zip(&right.items).map(|(a, b)| merge(a.clone(), b.clone()));
            Value::list(items.collect::<Vec<_>>()).with_labels(a.labels.join(&b.labels))
        }
        _ => a,
    }
}

/// Whether a merged record has all that the value has, so that the shared original may stay.
fn same_fields(merged: &Value, value: &Value) -> bool {
    match (&merged.data, &value.data) {
        (Data::Record(a), Data::Record(b)) => {
            merged.labels == value.labels
                && a.fields.len() == b.fields.len()
                && a.fields.iter().all(|(name, one)| b.fields.get(name).is_some_and(|two| identical(one, two)))
        }
        _ => false,
    }
}

/// Whether two values are the same in kind, content and labels, without looking far.
fn identical(a: &Value, b: &Value) -> bool {
    a.labels == b.labels
        && match (&a.data, &b.data) {
            (Data::List(a), Data::List(b)) => Arc::ptr_eq(a, b),
            (Data::Record(a), Data::Record(b)) => Arc::ptr_eq(a, b) || same_fields_of(a, b),
            (one, two) => std::mem::discriminant(one) == std::mem::discriminant(two) && a == b,
        }
}

fn same_fields_of(a: &Record, b: &Record) -> bool {
    a.fields.len() == b.fields.len()
        && a.fields.iter().all(|(name, one)| b.fields.get(name).is_some_and(|two| identical(one, two)))
}
