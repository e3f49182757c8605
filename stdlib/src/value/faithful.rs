//! The form in which plans and journals keep values: plain JSON where that is unambiguous, otherwise a record of one
//! key (`{"$decimal": "1.50"}`). A record whose first key starts with a dollar is wrapped in `{"$record": …}`, so
//! that a first key with a dollar is always a tag. Labels are not kept.

use super::{Data, Fields, Value};
use crate::value::write::{duration_text, parse_duration};
use ecow::EcoString;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.data {
            Data::Null => serializer.serialize_unit(),
            Data::Bool(flag) => serializer.serialize_bool(*flag),
            Data::Int(number) => serializer.serialize_i64(*number),
            Data::Number(number) => serializer.serialize_f64(*number),
            Data::Decimal(number) => tagged(serializer, "$decimal", &number.to_string()),
            Data::RawNumber(text) => tagged(serializer, "$number", text),
            Data::String(text) => serializer.serialize_str(&text.text),
            Data::Time(time) => tagged(serializer, "$time", &time.to_string()),
            Data::Date(date) => tagged(serializer, "$date", &date.to_string()),
            Data::Duration(millis) => tagged(serializer, "$duration", &duration_text(*millis)),
            Data::List(list) => {
                let mut seq = serializer.serialize_seq(Some(list.items.len()))?;
                list.items.iter().try_for_each(|item| seq.serialize_element(item))?;
                seq.end()
            }
            Data::Record(record) if ambiguous(&record.fields) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("$record", &Plain(&record.fields))?;
                map.end()
            }
            Data::Record(record) => Plain(&record.fields).serialize(serializer),
        }
    }
}

/// Fields as they are.
struct Plain<'a>(&'a Fields);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0)
    }
}

fn tagged<S: Serializer>(serializer: S, tag: &'static str, text: &str) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(tag, text)?;
    map.end()
}

fn ambiguous(fields: &Fields) -> bool {
    fields.first().is_some_and(|(name, _)| name.starts_with('$'))
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Faithful)
    }
}

struct Faithful;

impl<'de> Visitor<'de> for Faithful {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::NULL)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::NULL)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        let raw = || Data::RawNumber(value.to_string().into());
        Ok(Value::new(i64::try_from(value).map_or_else(|_| raw(), Data::Int)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        if value.is_finite() { Ok(Value::new(Data::Number(value))) } else { Err(E::custom("a number is not finite")) }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::list(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Fields::default();
        while let Some(name) = map.next_key::<EcoString>()? {
            if name == "$record" && fields.is_empty() {
                fields.insert(name, Value::from_fields(map.next_value::<Wrapped>()?.0));
                continue;
            }
            let value = map.next_value::<Value>()?;
            if fields.insert(name.clone(), value).is_some() {
                return Err(A::Error::custom(format!("the key `{name}` stands twice")));
            }
        }
        untag(fields).map_err(A::Error::custom)
    }
}

/// The fields inside `$record`, in which a single key with a dollar is just a key.
struct Wrapped(Fields);

impl<'de> Deserialize<'de> for Wrapped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Fields::deserialize(deserializer).map(Wrapped)
    }
}

fn untag(fields: Fields) -> Result<Value, String> {
    let Some((tag, value)) = fields.first().filter(|(tag, _)| tag.starts_with('$')) else {
        return Ok(Value::from_fields(fields));
    };
    if fields.len() > 1 {
        return Err(format!("`{tag}` does not stand alone"));
    }
    if tag == "$record" {
        return Ok(value.clone());
    }
    let text = value.as_str().ok_or_else(|| format!("`{tag}` is no text"))?;
    let data = match tag.as_str() {
        "$decimal" => text.parse().ok().map(Data::Decimal),
        "$number" => super::number::Exact::parse(text).map(|_| Data::RawNumber(text.into())),
        "$time" => text.parse().ok().map(Data::Time),
        "$date" => text.parse().ok().map(Data::Date),
        "$duration" => parse_duration(text).map(Data::Duration),
        _ => return Err(format!("unknown tag `{tag}`")),
    };
    data.map(Value::new).ok_or_else(|| format!("`{text}` is no `{tag}`"))
}
