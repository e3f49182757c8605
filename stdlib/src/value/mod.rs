//! Values: immutable, cloned in O(1), each with its labels. A list, record or long text that ten thousand rounds
//! share is stored, hashed and narrowed once: the shared part remembers its hash and the type it already fits.

mod compare;
mod faithful;
mod foreign;
mod labels;
pub(crate) mod number;
mod read;
mod write;

pub use compare::{compare, equals};
pub use labels::{Labels, Origin};
pub use read::JsonError;
#[cfg(test)]
pub(crate) use read::number_from_text;
#[cfg(test)]
pub(crate) mod tests;
pub use write::{duration_text, parse_duration};

use ecow::EcoString;
use indexmap::IndexMap;
use rust_decimal::Decimal;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// A value with its labels.
#[derive(Clone, Debug)]
pub struct Value {
    /// What it is.
    pub data: Data,
    /// Where it comes from, whether it is untrusted, whether it is secret.
    pub labels: Labels,
}

/// The kinds of value.
#[derive(Clone, Debug)]
pub enum Data {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A 64 bit integer.
    Int(i64),
    /// A double, always finite.
    Number(f64),
    /// An exact decimal.
    Decimal(Decimal),
    /// A JSON number that is neither a 64 bit integer nor a double's shortest text: kept as its text until a type
    /// says what it is.
    RawNumber(EcoString),
    /// A text.
    String(Arc<Text>),
    /// An instant.
    Time(jiff::Timestamp),
    /// A calendar day.
    Date(jiff::civil::Date),
    /// A duration in milliseconds.
    Duration(i64),
    /// A list.
    List(Arc<List>),
    /// A record or map: fields in order.
    Record(Arc<Record>),
}

/// A shared text.
#[derive(Debug)]
pub struct Text {
    /// The text.
    pub text: Box<str>,
    hash: OnceLock<Hash>,
}

/// A shared list.
#[derive(Debug)]
pub struct List {
    /// The elements.
    pub items: Vec<Value>,
    memo: Memo,
}

/// A shared record or map.
#[derive(Debug)]
pub struct Record {
    /// The fields in order.
    pub fields: Fields,
    memo: Memo,
}

/// Fields by name, in order.
pub type Fields = IndexMap<EcoString, Value, rustc_hash::FxBuildHasher>;

/// How deep values may nest; what would be deeper is refused where it is read or made.
pub const MAX_DEPTH: usize = 128;

/// A content hash (SHA-256 of a canonical form; labels do not count).
pub type Hash = [u8; 32];

/// What a shared part remembers about itself.
#[derive(Debug)]
pub struct Memo {
    /// Its content hash.
    pub hash: OnceLock<Hash>,
    /// The keys of boundary types that it was found to fit unchanged (see `narrow`).
    pub fits: Fits,
    /// The joined labels of all its parts.
    labels: OnceLock<Labels>,
    /// How deep its parts nest: 1 for a list of scalars.
    depth: u16,
}

/// The last few keys that fitted; zero is no key.
#[derive(Debug, Default)]
pub struct Fits([AtomicU64; 4], AtomicU8);

impl Fits {
    /// Whether the key is remembered.
    pub fn has(&self, key: u64) -> bool {
        key != 0 && self.0.iter().any(|slot| slot.load(Ordering::Relaxed) == key)
    }

    /// Remembers a key in place of the oldest.
    pub fn add(&self, key: u64) {
        if key == 0 || self.has(key) {
            return;
        }
        let next = usize::from(self.1.fetch_add(1, Ordering::Relaxed)) % self.0.len();
        if let Some(slot) = self.0.get(next) {
            slot.store(key, Ordering::Relaxed);
        }
    }
}

impl Memo {
    fn of<'a>(parts: impl Iterator<Item = &'a Value>) -> Memo {
        let depth = parts.map(Value::depth).max().unwrap_or(0);
        let depth = u16::try_from(depth).unwrap_or(u16::MAX).saturating_add(1);
        Memo { hash: OnceLock::new(), fits: Fits::default(), labels: OnceLock::new(), depth }
    }
}

impl List {
    /// What it remembers.
    pub fn memo(&self) -> &Memo {
        &self.memo
    }
}

impl Record {
    /// What it remembers.
    pub fn memo(&self) -> &Memo {
        &self.memo
    }
}

impl Value {
    /// `null`
    pub const NULL: Value = Value { data: Data::Null, labels: Labels::NONE };

    /// A value without labels.
    pub fn new(data: Data) -> Self {
        Value { data, labels: Labels::NONE }
    }

    /// A text.
    pub fn text(text: impl Into<Box<str>>) -> Self {
        Value::new(Data::String(Arc::new(Text { text: text.into(), hash: OnceLock::new() })))
    }

    /// An integer.
    pub fn int(value: i64) -> Self {
        Value::new(Data::Int(value))
    }

    /// A truth value.
    pub fn bool(value: bool) -> Self {
        Value::new(Data::Bool(value))
    }

    /// A list.
    pub fn list(items: impl Into<Vec<Value>>) -> Self {
        let items = items.into();
        let memo = Memo::of(items.iter());
        Value::new(Data::List(Arc::new(List { items, memo })))
    }

    /// A record.
    pub fn record<N: Into<EcoString>>(fields: impl IntoIterator<Item = (N, Value)>) -> Self {
        Value::from_fields(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// A record of these fields.
    pub fn from_fields(fields: Fields) -> Self {
        let memo = Memo::of(fields.values());
        Value::new(Data::Record(Arc::new(Record { fields, memo })))
    }

    /// How deep it nests: 0 for a scalar.
    pub fn depth(&self) -> usize {
        match &self.data {
            Data::List(list) => usize::from(list.memo.depth),
            Data::Record(record) => usize::from(record.memo.depth),
            _ => 0,
        }
    }

    /// The labels of the value and all its parts, joined; a shared part joins them once.
    pub fn deep_labels(&self) -> Labels {
        let parts = match &self.data {
            Data::List(list) => list.memo.labels.get_or_init(|| joined_labels(list.items.iter())),
            Data::Record(record) => record.memo.labels.get_or_init(|| joined_labels(record.fields.values())),
            _ => return self.labels.clone(),
        };
        self.labels.join(parts)
    }

    /// What kind of value it is, for messages: `int`, `list`, `record`.
    pub fn kind(&self) -> &'static str {
        match &self.data {
            Data::Null => "null",
            Data::Bool(_) => "bool",
            Data::Int(_) => "int",
            Data::Number(_) | Data::RawNumber(_) => "number",
            Data::Decimal(_) => "decimal",
            Data::String(_) => "string",
            Data::Time(_) => "time",
            Data::Date(_) => "date",
            Data::Duration(_) => "duration",
            Data::List(_) => "list",
            Data::Record(_) => "record",
        }
    }

    /// The same value with other labels.
    pub fn with_labels(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.data, Data::Null)
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(&text.text),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.data {
            Data::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self.data {
            Data::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The elements, if it is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match &self.data {
            Data::List(list) => Some(&list.items),
            _ => None,
        }
    }

    /// The record, if it is one.
    pub fn as_record(&self) -> Option<&Record> {
        match &self.data {
            Data::Record(record) => Some(record),
            _ => None,
        }
    }

    /// The field of a record; absent, or not a record, reads as null. The value's own labels join the field's.
    pub fn field(&self, name: &str) -> Value {
        match self.as_record().and_then(|record| record.fields.get(name)) {
            Some(value) => value.clone().joined(&self.labels),
            None => Value::NULL.with_labels(self.labels.clone()),
        }
    }

    /// The same value with `labels` added.
    pub fn joined(mut self, labels: &Labels) -> Self {
        self.labels = self.labels.join(labels);
        self
    }
}

fn joined_labels<'a>(parts: impl Iterator<Item = &'a Value>) -> Labels {
    parts.fold(Labels::NONE, |labels, part| labels.join(&part.deep_labels()))
}
