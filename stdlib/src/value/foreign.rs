//! Values to and from `serde_json`, for tools whose libraries have already parsed their JSON.

use super::{Data, Fields, Value};
use serde_json::Value as Json;

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Value::NULL,
            Json::Bool(flag) => Value::bool(flag),
            Json::Number(number) => Value::new(number_data(&number)),
            Json::String(text) => Value::text(text),
            Json::Array(items) => Value::list(items.into_iter().map(Value::from).collect::<Vec<_>>()),
            Json::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| (name.into(), Value::from(value)));
                Value::from_fields(fields.collect::<Fields>())
            }
        }
    }
}

fn number_data(number: &serde_json::Number) -> Data {
    match (number.as_i64(), number.as_f64()) {
        (Some(value), _) => Data::Int(value),
        (None, Some(value)) if number.is_f64() => Data::Number(if value == 0.0 { 0.0 } else { value }),
        _ => Data::RawNumber(number.to_string().into()),
    }
}

impl Value {
    /// As `serde_json`'s own value, the way [`Value::to_json`] shows it. Numbers that it cannot hold (decimals with
    /// more digits than a double keeps, integers beyond 64 bit) become texts rather than other numbers.
    pub fn to_serde(&self) -> Json {
        match &self.data {
            Data::Null => Json::Null,
            Data::Bool(flag) => Json::Bool(*flag),
            Data::Int(number) => Json::from(*number),
            Data::Number(number) => Json::from(*number),
            Data::Decimal(_) | Data::RawNumber(_) => number_json(&self.to_json()),
            Data::String(text) => Json::from(&*text.text),
            Data::Time(_) | Data::Date(_) | Data::Duration(_) => Json::String(self.display_text()),
            Data::List(list) => Json::Array(list.items.iter().map(Value::to_serde).collect()),
            Data::Record(record) => {
                let fields = record.fields.iter().map(|(name, value)| (name.to_string(), value.to_serde()));
                Json::Object(fields.collect())
            }
        }
    }
}

fn number_json(text: &str) -> Json {
    match super::read::number_from_text(text) {
        Some(Data::Int(value)) => Json::from(value),
        Some(Data::Number(value)) => Json::from(value),
        _ => text.parse::<u64>().map_or_else(|_| Json::from(text), Json::from),
    }
}
