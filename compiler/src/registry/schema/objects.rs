//! What a schema says of each kind of value: numbers, texts, lists, records.

use super::convert::{Converted, Converter};
use super::document::{Place, map_of};
use super::meet::{integer_range, plain};
use super::pattern;
use ecow::{EcoString, eco_format};
use indexmap::IndexMap;
use rust_decimal::Decimal;
use serde_json::{Map, Number, Value as Json};
use std::str::FromStr;
use weir_lang::types::{FieldType, Range, RecordType, Type};

const NUMERIC: [&str; 5] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
const TEXTS: [&str; 3] = ["pattern", "minLength", "maxLength"];
const LISTS: [&str; 9] = [
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "minContains",
    "maxContains",
    "minItems",
    "maxItems",
    "uniqueItems",
];
const RECORDS: [&str; 7] = [
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
];

impl<'s> Converter<'_, 's> {
    /// The union of the kinds that `type` lets through, each as far as its own keywords limit it.
    pub(super) fn kinds(&mut self, place: Place<'s>, map: &'s Map<String, Json>) -> Converted {
        let named: Option<Vec<&str>> = match map.get("type") {
            Some(Json::String(one)) => Some(vec![one]),
            Some(Json::Array(several)) => Some(several.iter().filter_map(Json::as_str).collect()),
            _ => None,
        };
        let some = |keywords: &[&str]| keywords.iter().any(|keyword| map.contains_key(*keyword));
        if named.is_none() && !(some(&NUMERIC) || some(&TEXTS) || some(&LISTS) || some(&RECORDS)) {
            return Ok(Type::Json);
        }
        let has = |kind: &str| named.as_ref().is_none_or(|named| named.contains(&kind));
        let mut kinds = Vec::new();
        if has("object") {
            kinds.push(self.record(place, map)?);
        }
        if has("array") {
            kinds.push(self.items(place, map)?);
        }
        if has("string") {
            kinds.push(self.text(map));
        }
        if has("number") {
            kinds.push(Type::Number(self.range(map)));
        } else if has("integer") {
            let range = self.range(map);
            kinds.push(integer_range(&range).map_or(Type::Never, Type::Int));
        }
        if has("boolean") {
            kinds.push(Type::Bool);
        }
        if has("null") {
            kinds.push(Type::Null);
        }
        Ok(plain(kinds))
    }

    fn range(&mut self, map: &Map<String, Json>) -> Range {
        let step = map.get("multipleOf").filter(|step| step.as_f64() != Some(1.0) || !is_integer(map));
        if let Some(step) = step {
            self.widen("multipleOf", eco_format!("must be a multiple of {step}"));
        }
        let lo = self.bound(map, "minimum", "exclusiveMinimum", Decimal::ONE);
        let hi = self.bound(map, "maximum", "exclusiveMaximum", Decimal::NEGATIVE_ONE);
        Range { lo, hi }
    }

    fn bound(&mut self, map: &Map<String, Json>, open: &str, closed: &str, inward: Decimal) -> Option<Decimal> {
        let outer = map.get(open).and_then(Json::as_number);
        let exclusive = map.get(closed).and_then(Json::as_number);
        for (keyword, number) in [(open, outer), (closed, exclusive)] {
            if let Some(number) = number.filter(|number| decimal(number).is_none()) {
                self.widen(keyword, eco_format!("the bound {number} has more digits than a type keeps"));
            }
        }
        let exclusive = exclusive.and_then(decimal).map(|bound| {
            if is_integer(map) {
                // The nearest whole number inside.
                let whole = if inward.is_sign_positive() { bound.floor() } else { bound.ceil() };
                return whole.checked_add(inward).unwrap_or(bound);
            }
            self.widen(closed, eco_format!("the bound {bound} itself is not allowed"));
            bound
        });
        let bounds = [outer.and_then(decimal), exclusive].into_iter().flatten();
        if inward.is_sign_positive() { bounds.max() } else { bounds.min() }
    }

    fn text(&mut self, map: &Map<String, Json>) -> Type {
        for (keyword, word) in [("minLength", "at least"), ("maxLength", "at most")] {
            if let Some(length) =
                map.get(keyword).filter(|length| keyword == "maxLength" || length.as_f64() != Some(0.0))
            {
                self.widen(keyword, eco_format!("{word} {length} characters"));
            }
        }
        let Some(Json::String(text)) = map.get("pattern") else { return Type::STRING };
        let found = pattern::to_weir(text);
        if found.is_none() {
            self.widen("pattern", eco_format!("Weir's patterns cannot say `{}`", super::limits::shown(text)));
        }
        Type::String(found)
    }

    fn items(&mut self, place: Place<'s>, map: &'s Map<String, Json>) -> Converted {
        self.list_limits(map);
        let first = map.get("prefixItems").or_else(|| map.get("items")).and_then(Json::as_array);
        let rest = match map.get("items") {
            Some(Json::Array(_)) => map.get("additionalItems"),
            other => other,
        };
        let mut elements = Vec::new();
        for element in first.into_iter().flatten() {
            elements.push(self.part("[]".into(), place.inside(element))?);
        }
        match rest {
            Some(rest) => elements.push(self.part("[]".into(), place.inside(rest))?),
            None => elements.push(Type::Json),
        }
        let element = plain(elements);
        if first.is_some_and(|first| !first.is_empty()) {
            self.widen("prefixItems", "what each place of the list holds is checked when it runs");
        } else if element == Type::Never {
            self.widen("items", "the list must be empty");
        }
        Ok(Type::list(if element == Type::Never { Type::Json } else { element }))
    }

    fn list_limits(&mut self, map: &Map<String, Json>) {
        for (keyword, word) in [("minItems", "at least"), ("maxItems", "at most")] {
            if let Some(count) = map.get(keyword).filter(|count| keyword == "maxItems" || count.as_f64() != Some(0.0)) {
                self.widen(keyword, eco_format!("{word} {count} elements"));
            }
        }
        if map.get("uniqueItems") == Some(&Json::Bool(true)) {
            self.widen("uniqueItems", "no element may stand twice");
        }
        if map.contains_key("contains") {
            self.widen("contains", "some elements must be of a certain form");
        }
    }

    fn record(&mut self, place: Place<'s>, map: &'s Map<String, Json>) -> Converted {
        self.record_limits(map);
        let declared = map_of(map, "properties");
        let required: Vec<&str> = super::convert::list(map, "required").iter().filter_map(Json::as_str).collect();
        let others = self.other_fields(place, map)?;
        if declared.is_none_or(Map::is_empty) && required.is_empty() {
            return Ok(others.map_or_else(empty, Type::map));
        }
        let mut fields: IndexMap<EcoString, FieldType> = IndexMap::new();
        for (name, schema) in declared.into_iter().flatten() {
            let ty = self.part(segment(name), place.inside(schema))?;
            let optional = !required.contains(&name.as_str());
            match ty {
                Type::Never if optional => self.widen("false", eco_format!("the field `{name}` must not be there")),
                Type::Never => return Ok(Type::Never),
                ty => {
                    fields.insert(name.as_str().into(), FieldType { ty, optional, doc: description(schema) });
                }
            }
        }
        for name in required.into_iter().filter(|name| declared.is_none_or(|declared| !declared.contains_key(*name))) {
            let Some(ty) = others.clone() else { return Ok(Type::Never) };
            fields.insert(name.into(), FieldType { ty, optional: false, doc: None });
        }
        Ok(Type::Record(RecordType { fields }.into()))
    }

    /// The type of fields that `properties` does not name; None: there are none.
    fn other_fields(&mut self, place: Place<'s>, map: &'s Map<String, Json>) -> Result<Option<Type>, super::Refused> {
        let named = map_of(map, "properties").is_some_and(|fields| !fields.is_empty());
        let patterns = map_of(map, "patternProperties");
        let mut members = Vec::new();
        for schema in patterns.into_iter().flat_map(Map::values) {
            members.push(self.part(".*".into(), place.inside(schema))?);
        }
        if patterns.is_some_and(|patterns| !patterns.is_empty()) {
            let why = if named {
                "fields beside the declared ones do not pass"
            } else {
                "what a field holds depends on its name"
            };
            self.widen("patternProperties", why);
        }
        match map.get("additionalProperties") {
            None => members.push(Type::Json),
            Some(schema) => {
                if named && schema.is_object() && schema.as_object().is_some_and(|map| !map.is_empty()) {
                    self.widen("additionalProperties", "fields beside the declared ones do not pass");
                }
                members.push(self.part(".*".into(), place.inside(schema))?);
            }
        }
        Ok(match plain(members) {
            Type::Never => None,
            ty => Some(ty),
        })
    }

    fn record_limits(&mut self, map: &Map<String, Json>) {
        for (keyword, word) in [("minProperties", "at least"), ("maxProperties", "at most")] {
            if let Some(count) =
                map.get(keyword).filter(|count| keyword == "maxProperties" || count.as_f64() != Some(0.0))
            {
                self.widen(keyword, eco_format!("{word} {count} fields"));
            }
        }
        if map.get("propertyNames").is_some_and(|names| *names != Json::Bool(true)) {
            self.widen("propertyNames", "the names of fields are checked when it runs");
        }
    }
}

fn empty() -> Type {
    Type::Record(RecordType::default().into())
}

/// Whether only whole numbers are meant.
fn is_integer(map: &Map<String, Json>) -> bool {
    match map.get("type") {
        Some(Json::String(one)) => one == "integer",
        Some(Json::Array(several)) => {
            let has = |kind: &str| several.iter().any(|one| one == kind);
            has("integer") && !has("number")
        }
        _ => false,
    }
}

/// The number, where a decimal holds it exactly.
pub(super) fn decimal(number: &Number) -> Option<Decimal> {
    let text = number.to_string();
    Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text)).ok()
}

/// A field on a path.
fn segment(name: &str) -> EcoString {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { eco_format!(".{name}") } else { eco_format!(".`{name}`") }
}

pub(super) fn description(schema: &Json) -> Option<EcoString> {
    schema.get("description").and_then(Json::as_str).filter(|text| !text.trim().is_empty()).map(EcoString::from)
}
