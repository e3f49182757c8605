//! The idioms of OpenAPI 3.0 and draft-04 in the words of JSON Schema, so that the types and the check at run time read
//! the same.

use serde_json::{Map, Value as Json, json};

/// The schema without `nullable` and without `true` for an exclusive bound. Callers have checked its depth.
pub fn normal(schema: &Json) -> Json {
    match schema {
        Json::Object(map) => object(map),
        other => other.clone(),
    }
}

fn object(map: &Map<String, Json>) -> Json {
    let mut out: Map<String, Json> = map.iter().map(|(key, value)| (key.clone(), keyword(key, value))).collect();
    for (flag, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if let Some(Json::Bool(exclusive)) = map.get(flag) {
            out.shift_remove(flag);
            if let (true, Some(limit)) = (*exclusive, out.shift_remove(bound)) {
                out.insert(flag.into(), limit);
            }
        }
    }
    if out.get("nullable").is_some_and(Json::is_boolean) {
        let nullable = out.shift_remove("nullable") == Some(Json::Bool(true));
        return if nullable { or_null(out) } else { Json::Object(out) };
    }
    Json::Object(out)
}

/// The schema, or null. A type in words takes null beside it, so that references into the schema still lead there.
fn or_null(mut schema: Map<String, Json>) -> Json {
    let Some(Json::String(ty)) = schema.get("type").filter(|_| !schema.contains_key("const")).cloned() else {
        return wrapped(schema);
    };
    if schema.keys().any(|key| matches!(key.as_str(), "$ref" | "allOf" | "anyOf" | "oneOf")) {
        return wrapped(schema);
    }
    schema.insert("type".into(), json!([ty, "null"]));
    if let Some(Json::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Json::Null)
    {
        values.push(Json::Null);
    }
    Json::Object(schema)
}

/// The same around it; what names and defines parts stays outside.
fn wrapped(mut inner: Map<String, Json>) -> Json {
    let mut out = Map::new();
    for key in ["$schema", "$id", "$defs", "definitions", "title", "description", "default"] {
        if let Some(value) = inner.shift_remove(key) {
            out.insert(key.into(), value);
        }
    }
    out.insert("anyOf".into(), json!([Json::Object(inner), { "type": "null" }]));
    Json::Object(out)
}

/// The value of a keyword: schemas inside it are made normal, data is left alone.
fn keyword(key: &str, value: &Json) -> Json {
    match (key, value) {
        ("enum" | "const" | "default" | "example" | "examples" | "required" | "type", _) => value.clone(),
        ("properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" | "dependencies", _) => {
            match value {
                Json::Object(named) => named.iter().map(|(name, schema)| (name.clone(), normal(schema))).collect(),
                other => other.clone(),
            }
        }
        (_, Json::Array(list)) => list.iter().map(normal).collect(),
        (_, Json::Object(_)) => normal(value),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::normal;
    use serde_json::json;

    #[test]
    fn the_idioms_of_openapi_become_json_schema() {
        let schema = json!({ "type": "object", "properties": {
            "nullable": { "type": "string", "nullable": true, "enum": ["a"] },
            "score": { "type": "number", "minimum": 0, "exclusiveMinimum": true },
            "owner": { "$ref": "#/$defs/o", "nullable": true } } });
        let expected = json!({ "type": "object", "properties": {
            "nullable": { "type": ["string", "null"], "enum": ["a", null] },
            "score": { "type": "number", "exclusiveMinimum": 0 },
            "owner": { "anyOf": [{ "$ref": "#/$defs/o" }, { "type": "null" }] } } });
        assert_eq!(normal(&schema), expected);
        assert_eq!(normal(&expected), expected);
    }

    #[test]
    fn data_in_a_schema_stays_as_it_is() {
        let schema = json!({ "enum": [{ "nullable": true, "type": "string" }], "default": { "nullable": true } });
        assert_eq!(normal(&schema), schema);
    }
}
