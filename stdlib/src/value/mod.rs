//! Values: immutable, cloned in O(1), each with its labels. A list, record or long text that ten thousand rounds
//! share is stored, hashed and narrowed once: the shared part remembers its hash and the type it already fits.

mod labels;

pub use labels::{Labels, Origin};

use ecow::EcoString;
use indexmap::IndexMap;
use rust_decimal::Decimal;
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
    pub fields: IndexMap<EcoString, Value, rustc_hash::FxBuildHasher>,
    memo: Memo,
}

/// A content hash (SHA-256 of a canonical form; labels do not count).
pub type Hash = [u8; 32];

/// What a shared part remembers about itself.
#[derive(Debug, Default)]
pub struct Memo {
    /// Its content hash.
    pub hash: OnceLock<Hash>,
    /// The key of the boundary type that it was found to fit unchanged (see `narrow`).
    pub fits: OnceLock<u64>,
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
        Value::new(Data::List(Arc::new(List { items: items.into(), memo: Memo::default() })))
    }

    /// A record.
    pub fn record<N: Into<EcoString>>(fields: impl IntoIterator<Item = (N, Value)>) -> Self {
        let fields = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Value::new(Data::Record(Arc::new(Record { fields, memo: Memo::default() })))
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
