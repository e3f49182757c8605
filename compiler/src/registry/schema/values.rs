//! `enum` and `const`: values as types.

use super::meet::plain;
use super::objects::decimal;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value as Json};
use weir_lang::types::{Literal, Type};

/// Values listed one by one up to here; beyond, their kinds.
const MOST: usize = 512;

/// What `const` and `enum` of a schema leave.
pub(super) struct Listed {
    pub keyword: &'static str,
    pub ty: Type,
    /// Whether the type takes more than the values listed.
    pub loose: bool,
}

/// The type of the values that a schema lists.
pub(super) fn listed(map: &Map<String, Json>) -> Option<Listed> {
    let mut loose = false;
    if let Some(value) = map.get("const") {
        let ty = of(value, &mut loose);
        return Some(Listed { keyword: "const", ty, loose });
    }
    let values = map.get("enum")?.as_array()?;
    let mut ty = plain(values.iter().map(|value| of(value, &mut loose)).collect());
    if values.len() > MOST {
        loose = true;
        ty = ty.widened();
    }
    Some(Listed { keyword: "enum", ty, loose })
}

fn of(value: &Json, loose: &mut bool) -> Type {
    match value {
        Json::Null => Type::Null,
        Json::Bool(flag) => Type::Literal(Literal::Bool(*flag)),
        Json::String(text) => Type::text(text.as_str()),
        Json::Number(number) => match decimal(number) {
            Some(value) => number_type(value, loose),
            None => wide(loose, Type::NUMBER),
        },
        Json::Array(items) => {
            let elements = plain(items.iter().map(|item| of(item, loose)).collect());
            wide(loose, Type::list(if elements == Type::Never { Type::Json } else { elements }))
        }
        Json::Object(fields) if fields.is_empty() => wide(loose, Type::map(Type::Json)),
        Json::Object(fields) => {
            let fields: Vec<(&str, Type)> =
                fields.iter().map(|(name, value)| (name.as_str(), of(value, loose))).collect();
            wide(loose, Type::record(fields))
        }
    }
}

fn wide(loose: &mut bool, ty: Type) -> Type {
    *loose = true;
    ty
}

/// `3` and `3.0` are one value.
fn number_type(value: Decimal, loose: &mut bool) -> Type {
    if !value.is_integer() {
        return Type::Literal(Literal::Number(value.normalize()));
    }
    match value.to_i64() {
        Some(whole) => Type::Literal(Literal::Int(whole)),
        None => wide(loose, Type::Json),
    }
}
