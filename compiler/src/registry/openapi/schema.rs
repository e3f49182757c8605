//! OpenAPI schemas to JSON Schema 2020-12, with the components that they refer to bundled into `$defs`. Circles stay
//! references. What goes beyond the limits becomes the schema of anything, deepest parts first.

use super::document::{Document, reference};
use super::names::{Taken, identifier};
use super::shortened;
use ecow::EcoString;
use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};
use std::collections::VecDeque;

/// How deep a schema may nest.
const DEEPEST: usize = 64;
/// Letters of a part's description that are kept.
pub(super) const DOC_LETTERS: usize = 300;
/// The most values of an `enum` that are kept; a longer one is left out.
const ENUM_VALUES: usize = 2_000;

/// Whether values go to the server or come from it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// `readOnly` properties are left out.
    Request,
    /// `writeOnly` properties are left out.
    Response,
}

/// One self-contained schema under construction.
pub(super) struct Bundle<'d, 'a> {
    document: &'d Document<'a>,
    direction: Direction,
    /// Nodes that may still be written.
    left: usize,
    /// Names in `$defs` by reference.
    names: IndexMap<EcoString, EcoString>,
    taken: Taken,
    waiting: VecDeque<(EcoString, &'a Json)>,
    problem: Option<String>,
}

impl<'d, 'a> Bundle<'d, 'a> {
    pub(super) fn new(document: &'d Document<'a>, direction: Direction, nodes: usize) -> Self {
        Bundle {
            document,
            direction,
            left: nodes,
            names: IndexMap::new(),
            taken: Taken::default(),
            waiting: VecDeque::new(),
            problem: None,
        }
    }

    /// Whether a property does not go this way.
    pub(super) fn hidden(&self, schema: &'a Json) -> bool {
        let key = match self.direction {
            Direction::Request => "readOnly",
            Direction::Response => "writeOnly",
        };
        let says = |schema: &Json| schema.get(key) == Some(&Json::Bool(true));
        says(schema) || self.document.follow(schema).is_ok_and(says)
    }

    /// The root with everything that it refers to.
    pub(super) fn finish(mut self, root: Json) -> Result<Json, String> {
        let mut defs = Map::new();
        while let Some((name, schema)) = self.waiting.pop_front() {
            let converted = self.convert(schema, 0);
            defs.insert(name.into(), converted);
        }
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        Ok(with_defs(root, defs))
    }

    /// One schema. Nodes beyond the limits become anything.
    pub(super) fn convert(&mut self, schema: &'a Json, depth: usize) -> Json {
        let fields = match schema {
            Json::Bool(flag) => return Json::Bool(*flag),
            Json::Object(fields) => fields,
            _ => return json!({}),
        };
        if self.left == 0 || depth > DEEPEST {
            return json!({ "$comment": "left out by weir: the whole schema is too large" });
        }
        self.left -= 1;
        let mut out = Map::new();
        let refers = reference(schema).and_then(|reference| self.refer(reference));
        if let Some(name) = &refers {
            out.insert("$ref".into(), format!("#/$defs/{name}").into());
        }
        if refers.is_none() || self.document.siblings {
            self.keywords(fields, &mut out, depth);
        }
        docs(fields, &mut out);
        match fields.get("nullable") == Some(&Json::Bool(true)) {
            true => or_null(out),
            false => Json::Object(out),
        }
    }

    /// The name in `$defs` that a reference has.
    fn refer(&mut self, reference: &str) -> Option<EcoString> {
        if let Some(name) = self.names.get(reference) {
            return Some(name.clone());
        }
        match self.document.at(reference) {
            Ok(schema) => {
                let name = self.taken.unique(&identifier(reference.rsplit('/').next().unwrap_or(reference)));
                self.names.insert(reference.into(), name.clone());
                self.waiting.push_back((name.clone(), schema));
                Some(name)
            }
            Err(problem) => {
                self.problem.get_or_insert(problem);
                None
            }
        }
    }

    fn keywords(&mut self, fields: &'a Map<String, Json>, out: &mut Map<String, Json>, depth: usize) {
        for (key, value) in fields {
            let converted = match key.as_str() {
                "type" => kind(value),
                "enum" => self.values(value),
                "required" => self.required(fields, value),
                "properties" => self.properties(value, depth),
                "patternProperties" | "dependentSchemas" => self.each(value, depth),
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => self.list(key, fields, value, depth),
                "items"
                | "additionalProperties"
                | "not"
                | "if"
                | "then"
                | "else"
                | "contains"
                | "propertyNames"
                | "unevaluatedProperties"
                | "unevaluatedItems" => self.one(value, depth),
                _ => plain(key, value, self.direction),
            };
            if let Some(converted) = converted {
                out.insert(key.clone(), converted);
            }
        }
        bounds(fields, out);
    }

    fn one(&mut self, value: &'a Json, depth: usize) -> Option<Json> {
        (value.is_object() || value.is_boolean()).then(|| self.convert(value, depth + 1))
    }

    fn each(&mut self, value: &'a Json, depth: usize) -> Option<Json> {
        let schemas = value.as_object()?;
        let converted = schemas.iter().map(|(name, schema)| (name.clone(), self.convert(schema, depth + 1)));
        Some(Json::Object(converted.collect()))
    }

    fn properties(&mut self, value: &'a Json, depth: usize) -> Option<Json> {
        let mut out = Map::new();
        for (name, schema) in value.as_object()? {
            if !self.hidden(schema) {
                out.insert(name.clone(), self.convert(schema, depth + 1));
            }
        }
        Some(Json::Object(out))
    }

    /// The names that must be there, without those that do not go this way.
    fn required(&self, fields: &'a Map<String, Json>, value: &'a Json) -> Option<Json> {
        let properties = fields.get("properties");
        let goes = |name: &str| properties.and_then(|all| all.get(name)).is_none_or(|schema| !self.hidden(schema));
        let mut names: Vec<&str> =
            value.as_array()?.iter().filter_map(Json::as_str).filter(|name| goes(name)).collect();
        names.sort_unstable();
        names.dedup();
        (!names.is_empty()).then(|| Json::from(names))
    }

    fn values(&mut self, value: &Json) -> Option<Json> {
        let mut values: Vec<Json> = Vec::new();
        for value in value.as_array()?.iter().take(ENUM_VALUES + 1) {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        self.left = self.left.saturating_sub(values.len() / 4);
        (!values.is_empty() && values.len() <= ENUM_VALUES).then_some(Json::Array(values))
    }

    fn list(&mut self, key: &str, fields: &'a Map<String, Json>, value: &'a Json, depth: usize) -> Option<Json> {
        let schemas = value.as_array().filter(|schemas| !schemas.is_empty())?;
        let tags = fields.get("discriminator").filter(|_| matches!(key, "oneOf" | "anyOf"));
        let mut out = Vec::new();
        for schema in schemas {
            let converted = self.convert(schema, depth + 1);
            out.push(tags.and_then(|tags| tagged(tags, schema, &converted)).unwrap_or(converted));
        }
        Some(Json::Array(out))
    }
}

/// A member of a choice, told apart by the values that `discriminator.mapping` gives it.
fn tagged(discriminator: &Json, schema: &Json, converted: &Json) -> Option<Json> {
    let property = discriminator.get("propertyName")?.as_str()?;
    let own = reference(schema)?;
    let name = own.rsplit('/').next()?;
    let mapping = discriminator.get("mapping")?.as_object()?;
    let mine = mapping.iter().filter(|(_, target)| target.as_str().is_some_and(|to| to == own || to == name));
    let values: Vec<&str> = mine.map(|(value, _)| value.as_str()).collect();
    let tag = match values.as_slice() {
        [] => return None,
        [one] => json!({ "const": one }),
        several => json!({ "enum": several }),
    };
    let tag = json!({ "type": "object", "properties": { property: tag }, "required": [property] });
    Some(json!({ "allOf": [converted, tag] }))
}

fn with_defs(root: Json, defs: Map<String, Json>) -> Json {
    match root {
        root if defs.is_empty() => root,
        Json::Object(mut fields) => {
            fields.insert("$defs".into(), Json::Object(defs));
            Json::Object(fields)
        }
        other => other,
    }
}

fn docs(fields: &Map<String, Json>, out: &mut Map<String, Json>) {
    if let Some(text) = fields.get("description").and_then(Json::as_str).map(str::trim).filter(|text| !text.is_empty())
    {
        out.insert("description".into(), shortened(text, DOC_LETTERS).as_str().into());
    }
    if fields.get("deprecated") == Some(&Json::Bool(true)) {
        out.insert("deprecated".into(), true.into());
    }
}

/// The types of JSON Schema that a `type` names; others say nothing.
fn kind(value: &Json) -> Option<Json> {
    const KINDS: [&str; 7] = ["string", "number", "integer", "boolean", "array", "object", "null"];
    let known = |kind: &&str| KINDS.contains(kind);
    match value {
        Json::String(kind) if known(&kind.as_str()) => Some(value.clone()),
        Json::Array(kinds) => {
            let mut names: Vec<&str> = kinds.iter().filter_map(Json::as_str).collect();
            names.dedup();
            (!names.is_empty() && names.len() == kinds.len() && names.iter().all(known)).then(|| Json::from(names))
        }
        _ => None,
    }
}

/// Keywords whose values are no schemas, where they have the right shape.
fn plain(key: &str, value: &Json, direction: Direction) -> Option<Json> {
    let count = |value: &Json| value.as_u64().or_else(|| whole(value));
    match key {
        "const" | "dependentRequired" => Some(value.clone()),
        "default" => {
            (direction == Direction::Request && !value.is_object() && !value.is_array()).then(|| value.clone())
        }
        "pattern" | "format" | "contentEncoding" | "contentMediaType" => value.is_string().then(|| value.clone()),
        "uniqueItems" => value.is_boolean().then(|| value.clone()),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" | "minContains"
        | "maxContains" => count(value).map(Json::from),
        "multipleOf" => value.as_f64().filter(|step| *step > 0.0).map(|_| value.clone()),
        _ => None,
    }
}

fn whole(value: &Json) -> Option<u64> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..9.0e15).contains(number))?;
    format!("{number}").parse().ok()
}

/// Bounds, with OpenAPI 3.0's `exclusiveMinimum: true` as a number.
fn bounds(fields: &Map<String, Json>, out: &mut Map<String, Json>) {
    for (bound, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        let limit = fields.get(bound).filter(|limit| limit.is_number());
        match (limit, fields.get(exclusive)) {
            (Some(limit), Some(Json::Bool(true))) => drop(out.insert(exclusive.into(), limit.clone())),
            (limit, other) => {
                if let Some(limit) = limit {
                    out.insert(bound.into(), limit.clone());
                }
                if let Some(number) = other.filter(|other| other.is_number()) {
                    out.insert(exclusive.into(), number.clone());
                }
            }
        }
    }
}

/// `nullable: true`.
fn or_null(mut out: Map<String, Json>) -> Json {
    if let Some(values) = out.get_mut("enum").and_then(Json::as_array_mut)
        && !values.contains(&Json::Null)
    {
        values.push(Json::Null);
    }
    let by_others = ["$ref", "allOf", "anyOf", "oneOf", "const"].iter().any(|key| out.contains_key(*key));
    match out.get_mut("type") {
        Some(kind @ Json::String(_)) if *kind != "null" => *kind = json!([kind, "null"]),
        Some(Json::Array(kinds)) if !kinds.contains(&"null".into()) => kinds.push("null".into()),
        Some(_) => {}
        None if by_others => return choice_of_null(out),
        None => {}
    }
    Json::Object(out)
}

fn choice_of_null(mut out: Map<String, Json>) -> Json {
    let description = out.remove("description");
    let mut whole = Map::new();
    whole.insert("anyOf".into(), json!([Json::Object(out), { "type": "null" }]));
    if let Some(description) = description {
        whole.insert("description".into(), description);
    }
    Json::Object(whole)
}
