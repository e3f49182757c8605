//! Whether a tool is still what the lock file holds (T4), and in words what changed.

use serde_json::Value as Json;
use weir_compiler::registry::Definition;

/// Most changes that a message names.
const SHOWN: usize = 8;

/// What changed between the locked definition and the live one, in the reader's words; None: nothing that counts.
/// `live` is None where the server has no such tool any more.
pub fn drift(tool: &str, locked: &Definition, live: Option<&Definition>) -> Option<String> {
    let Some(live) = live else {
        return Some(format!(
            "`{tool}` is in weir.lock.json, but its server has no such tool now: `weir tools diff` shows what changed, \
             `weir tools sync` accepts it"
        ));
    };
    if locked == live || locked.hash() == live.hash() {
        return None;
    }
    Some(format!(
        "`{tool}` is not what weir.lock.json holds: {}; `weir tools diff` shows it whole, `weir tools sync` accepts it",
        changes(locked, live).join(", ")
    ))
}

/// Each change in a few words, the first [`SHOWN`] of them.
pub fn changes(locked: &Definition, live: &Definition) -> Vec<String> {
    let mut out = Vec::new();
    if locked.description != live.description {
        out.push("its description changed".to_owned());
    }
    schema("argument", &locked.input, &live.input, &mut out);
    match (&locked.output, &live.output) {
        (Some(before), Some(now)) => schema("result field", before, now, &mut out),
        (None, Some(_)) => out.push("its result has a schema now".to_owned()),
        (Some(_), None) => out.push("its result has no schema any more".to_owned()),
        (None, None) => {}
    }
    if locked.annotations != live.annotations {
        out.push("what it claims about its effects changed".to_owned());
    }
    if locked.http != live.http {
        out.push("how it is called over HTTP changed".to_owned());
    }
    let more = out.len().saturating_sub(SHOWN);
    out.truncate(SHOWN);
    if more > 0 {
        out.push(format!("{more} more"));
    }
    out
}

/// The fields of an object's schema that were added, removed or changed.
fn schema(what: &str, before: &Json, now: &Json, out: &mut Vec<String>) {
    let length = out.len();
    let fields = |schema: &Json| schema.get("properties").and_then(Json::as_object).cloned().unwrap_or_default();
    let (old, new) = (fields(before), fields(now));
    for (name, field) in &new {
        match old.get(name) {
            None => out.push(format!("the {what} `{name}` is new")),
            Some(known) if known != field => out.push(format!("the {what} `{name}` changed")),
            Some(_) => {}
        }
    }
    out.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("the {what} `{name}` is gone")));
    let (must, must_now) = (required(before), required(now));
    let newly = must_now.iter().filter(|name| !must.contains(*name) && old.contains_key(**name));
    out.extend(newly.map(|name| format!("the {what} `{name}` must be there now")));
    let no_more = must.iter().filter(|name| !must_now.contains(*name) && new.contains_key(**name));
    out.extend(no_more.map(|name| format!("the {what} `{name}` may be left out now")));
    if out.len() == length && sorted(before) != sorted(now) {
        out.push(format!("the schema of its {} changed", if what == "argument" { "arguments" } else { "result" }));
    }
}

fn required(schema: &Json) -> Vec<&str> {
    schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect()
}

fn sorted(schema: &Json) -> String {
    Definition { input: schema.clone(), ..Definition::default() }.hash().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definition(input: Json) -> Definition {
        Definition { input, ..Definition::default() }
    }

    #[test]
    fn order_and_layout_do_not_count() {
        let a = definition(json!({"type": "object", "properties": {"a": {}, "b": {}}}));
        let b = definition(json!({"properties": {"b": {}, "a": {}}, "type": "object"}));
        assert_eq!(drift("crm.x", &a, Some(&b)), None);
    }

    #[test]
    fn every_kind_of_change_is_named() {
        let a = definition(json!({"properties": {"a": {}, "b": {}, "c": {}}, "required": ["c"]}));
        let mut b = definition(json!({"properties": {"a": {"type": "string"}, "c": {}, "d": {}}}));
        b.description = Some("other".into());
        b.output = Some(json!({"type": "object"}));
        b.annotations.read_only = Some(true);
        let message = drift("crm.x", &a, Some(&b)).unwrap();
        for part in [
            "its description changed",
            "the argument `a` changed",
            "the argument `d` is new",
            "the argument `b` is gone",
            "the argument `c` may be left out now",
            "its result has a schema now",
            "claims",
            "`weir tools diff`",
            "`weir tools sync`",
        ] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(drift("crm.x", &a, None).unwrap().contains("no such tool"));
    }

    #[test]
    fn a_change_beside_the_fields_is_still_one() {
        let a = definition(json!({"properties": {"a": {}}}));
        let b = definition(json!({"properties": {"a": {}}, "additionalProperties": false}));
        assert!(drift("crm.x", &a, Some(&b)).unwrap().contains("the schema of its arguments changed"));
    }
}
