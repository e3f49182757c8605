//! Maps, and records where any field will do.

use super::call::Call;
use super::{Entry, Keeps, row};
use crate::raise::Raise;
use crate::value::{Fields, Record, Value};

type Made = Result<Value, Raise>;

#[rustfmt::skip]
pub(super) fn entries() -> Vec<Entry> {
    vec![
        row("keys(map: map<T>) -> [string]", "The keys in order.", "keys({ a: 1, b: 2 })", r#"["a", "b"]"#, |call| { let keys = record(call)?.fields.keys().map(|key| Value::text(key.as_str())).collect(); call.make_list(keys) }).keeps(),
        row("values(map: map<T>) -> [T]", "The values in order.", "values({ a: 1, b: 2 })", "[1, 2]", |call| { let values = record(call)?.fields.values().cloned().collect(); call.make_list(values) }).keeps(),
        row("entries(map: map<T>) -> [{ key: string, value: T }]", "Key and value of each in order.", "entries({ a: 1 })", r#"[{ key: "a", value: 1 }]"#, entries_of).keeps(),
        row("has(map: map<T>, key: string) -> bool", "Whether the key has a value that is not null.", r#"has({ a: 1 }, "a")"#, "true", |call| { let key = call.text(1)?; Ok(Value::bool(record(call)?.fields.get(key).is_some_and(|value| !value.is_null()))) }).keeps(),
        row("get(map: map<T>, key: string) -> T?", "The value of the key, or null; the same as `map[key]`.", r#"get({ a: 1 }, "b")"#, "null", |call| { let key = call.text(1)?; Ok(record(call)?.fields.get(key).cloned().unwrap_or(Value::NULL)) }).keeps(),
        row("from_entries(entries: [{ key: string, value: T }]) -> map<T>", "The map of these keys and values; the last of equal keys stays.", r#"from_entries([{ key: "a", value: 1 }])"#, "{ a: 1 }", from_entries).labels(Keeps::Keyed),
    ]
}

fn record<'c>(call: &'c Call<'_, '_>) -> Result<&'c Record, Raise> {
    call.value(0).as_record().ok_or_else(|| call.unfit(0, "a map"))
}

fn entries_of(call: &mut Call<'_, '_>) -> Made {
    let entry = |(key, value): (&ecow::EcoString, &Value)| {
        Value::record([("key", Value::text(key.as_str())), ("value", value.clone())])
    };
    let entries = record(call)?.fields.iter().map(entry).collect();
    call.make_list(entries)
}

fn from_entries(call: &mut Call<'_, '_>) -> Made {
    let list = call.list(0)?;
    let mut fields = Fields::default();
    for item in list.as_list().unwrap_or_default() {
        let key = item.field("key");
        call.see(&key);
        let name = key.as_str().ok_or_else(|| Raise::kind("a text as `key` of each entry", key.kind()))?;
        fields.insert(name.into(), item.field("value"));
    }
    Ok(Value::from_fields(fields))
}
