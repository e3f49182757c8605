//! The language's `==`, ordering, and the content hash that agrees with `==`.

use super::number::{Exact, compare_numbers};
use super::{Data, Hash, Record, Value};
use sha2::{Digest, Sha256};
use std::cmp::Ordering;
use std::sync::Arc;

/// Texts up to this many bytes go into a hash as they are; longer ones by their own, remembered hash.
const SHORT: usize = 64;

/// The language's `==`: deep, numbers of all kinds by value, an absent field like one that is null.
pub fn equals(a: &Value, b: &Value) -> bool {
    match (&a.data, &b.data) {
        (Data::Null, Data::Null) => true,
        (Data::Bool(a), Data::Bool(b)) => a == b,
        (Data::String(a), Data::String(b)) => Arc::ptr_eq(a, b) || a.text == b.text,
        (Data::Time(a), Data::Time(b)) => a == b,
        (Data::Date(a), Data::Date(b)) => a == b,
        (Data::Duration(a), Data::Duration(b)) => a == b,
        (Data::List(a), Data::List(b)) => {
            Arc::ptr_eq(a, b)
                || a.items.len() == b.items.len() && a.items.iter().zip(&b.items).all(|(a, b)| equals(a, b))
        }
        (Data::Record(a), Data::Record(b)) => Arc::ptr_eq(a, b) || (covers(a, b) && covers(b, a)),
        (a, b) => compare_numbers(a, b) == Some(Ordering::Equal),
    }
}

/// Whether every field of `a` that is not null is equal in `b`.
fn covers(a: &Record, b: &Record) -> bool {
    a.fields.iter().all(|(name, value)| value.is_null() || b.fields.get(name).is_some_and(|other| equals(value, other)))
}

impl PartialEq for Value {
    /// [`equals`]; labels do not count.
    fn eq(&self, other: &Self) -> bool {
        equals(self, other)
    }
}

/// The order of two values: numbers, texts by code point, times, dates, durations, truth values (`false` first),
/// lists element by element. None for anything else, and for values of different kinds.
pub fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (&a.data, &b.data) {
        (Data::String(a), Data::String(b)) => Some(a.text.cmp(&b.text)),
        (Data::Time(a), Data::Time(b)) => Some(a.cmp(b)),
        (Data::Date(a), Data::Date(b)) => Some(a.cmp(b)),
        (Data::Duration(a), Data::Duration(b)) => Some(a.cmp(b)),
        (Data::Bool(a), Data::Bool(b)) => Some(a.cmp(b)),
        (Data::List(a), Data::List(b)) => {
            for (a, b) in a.items.iter().zip(&b.items) {
                match compare(a, b)? {
                    Ordering::Equal => {}
                    other => return Some(other),
                }
            }
            Some(a.items.len().cmp(&b.items.len()))
        }
        (a, b) => compare_numbers(a, b),
    }
}

impl Value {
    /// The content hash: equal values have equal hashes, whatever their labels and the order of their fields. A
    /// shared part computes it once.
    pub fn hash(&self) -> Hash {
        match &self.data {
            Data::List(list) => *list.memo.hash.get_or_init(|| {
                let mut hasher = start(b'[');
                list.items.iter().for_each(|item| item.feed(&mut hasher));
                hasher.finalize().into()
            }),
            Data::Record(record) => *record.memo.hash.get_or_init(|| hash_record(record)),
            Data::String(text) => *text.hash.get_or_init(|| {
                let mut hasher = start(b'"');
                hasher.update(text.text.as_bytes());
                hasher.finalize().into()
            }),
            _ => {
                let mut hasher = start(b'.');
                self.feed(&mut hasher);
                hasher.finalize().into()
            }
        }
    }

    fn feed(&self, hasher: &mut Sha256) {
        match &self.data {
            Data::Null => hasher.update(b"n"),
            Data::Bool(flag) => hasher.update(if *flag { b"t" } else { b"f" }),
            Data::Int(_) | Data::Number(_) | Data::Decimal(_) | Data::RawNumber(_) => {
                let text = Exact::of(&self.data).map(|exact| exact.canonical()).unwrap_or_default();
                feed_bytes(hasher, b'0', text.as_bytes());
            }
            Data::String(text) if text.text.len() <= SHORT => feed_bytes(hasher, b's', text.text.as_bytes()),
            Data::String(_) => feed_bytes(hasher, b'S', &self.hash()),
            Data::Time(time) => feed_bytes(hasher, b'T', &time.as_nanosecond().to_be_bytes()),
            Data::Date(date) => feed_bytes(hasher, b'D', date.to_string().as_bytes()),
            Data::Duration(millis) => feed_bytes(hasher, b'P', &millis.to_be_bytes()),
            Data::List(_) => feed_bytes(hasher, b'[', &self.hash()),
            Data::Record(_) => feed_bytes(hasher, b'{', &self.hash()),
        }
    }
}

fn start(kind: u8) -> Sha256 {
    let mut hasher = Sha256::new();
    hasher.update([kind]);
    hasher
}

fn feed_bytes(hasher: &mut Sha256, kind: u8, bytes: &[u8]) {
    hasher.update([kind]);
    hasher.update((bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
}

fn hash_record(record: &Record) -> Hash {
    let mut fields: Vec<_> = record.fields.iter().filter(|(_, value)| !value.is_null()).collect();
    fields.sort_by(|a, b| a.0.cmp(b.0));
    let mut hasher = start(b'{');
    for (name, value) in fields {
        feed_bytes(&mut hasher, b'k', name.as_bytes());
        value.feed(&mut hasher);
    }
    hasher.finalize().into()
}
