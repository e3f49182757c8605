//! Schemas made to hurt: each is answered at once, in little memory, and says what is wrong with it.

use crate::both;
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

/// Far above what any of them takes; only an endless one gets there.
const GUARD: Duration = Duration::from_secs(60);

/// What is said of a schema, how long it took, and the most memory that the process has had.
fn said(name: &str, schema: Json) -> Option<String> {
    let began = Instant::now();
    let found = both(&schema).err();
    let took = began.elapsed();
    println!("{name}: {:?} in {took:?}, {} KiB at most", found.as_deref().unwrap_or("typed"), most_kib());
    assert!(took < GUARD, "{name} took {took:?}");
    // Dropping a value of such depth would itself overflow the stack.
    std::mem::forget(schema);
    found
}

/// Most memory that this process has had, in KiB; 0 where the system does not say.
fn most_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

/// `a0` leads twice to `a1`, which leads twice to `a2`, …
fn doubling(levels: usize, wrap: fn(Json, Json) -> Json) -> Json {
    let mut defs = serde_json::Map::new();
    for level in 0..levels {
        let next = json!({ "$ref": format!("#/$defs/a{}", level + 1) });
        defs.insert(format!("a{level}"), wrap(next.clone(), next));
    }
    defs.insert(format!("a{levels}"), json!({ "type": "string" }));
    json!({ "$defs": defs, "$ref": "#/$defs/a0" })
}

fn nested(depth: usize, wrap: fn(Json) -> Json) -> Json {
    (0..depth).fold(json!({ "type": "string" }), |inner, _| wrap(inner))
}

/// `{ key: inner }`, which is moved and not copied.
fn under(key: &str, inner: Json) -> Json {
    Json::Object([(key.to_owned(), inner)].into_iter().collect())
}

fn says(name: &str, schema: Json, part: &str) {
    let found = said(name, schema);
    assert!(found.as_ref().is_some_and(|found| found.contains(part)), "{name}: {found:?}");
}

#[test]
fn doubling_schemas_are_refused_or_shared() {
    says("doubling allOf", doubling(20, |a, b| json!({ "allOf": [a, b] })), "more than 10000 parts");
    says("doubling anyOf", doubling(20, |a, b| json!({ "anyOf": [a, b] })), "more than 10000 parts");
    says("doubling not", doubling(20, |a, b| json!({ "if": a, "then": b, "else": true })), "more than 10000 parts");
    let shared =
        said("doubling properties", doubling(24, |a, b| json!({ "type": "object", "properties": { "a": a, "b": b } })));
    assert_eq!(shared, None, "each part is typed once and has a name");
}

#[test]
fn deep_schemas_are_refused() {
    for depth in [200, 20_000] {
        says("deep properties", nested(depth, |inner| under("properties", under("a", inner))), "deeper than 64");
        says("deep items", nested(depth, |inner| under("items", inner)), "deeper than 64");
        says("deep allOf", nested(depth, |inner| under("allOf", Json::Array(vec![inner]))), "deeper than 64");
        says("deep data", under("const", nested(depth, |inner| Json::Array(vec![inner]))), "deeper than 64");
    }
    let fine = nested(60, |inner| under("properties", under("a", inner)));
    assert_eq!(said("60 levels", fine), None);
    let chain: serde_json::Map<String, Json> =
        (0..5000).map(|at| (format!("a{at}"), json!({ "$ref": format!("#/$defs/a{}", at + 1) }))).collect();
    let mut chain = chain;
    chain.insert("a5000".into(), json!({ "type": "string" }));
    says("a long chain of references", json!({ "$defs": chain, "$ref": "#/$defs/a0" }), "deeper than 64");
}

#[test]
fn large_schemas_are_refused() {
    says("10 MB of text", json!({ "description": "x".repeat(10 << 20) }), "longer than 512 KiB");
    let listed: Vec<Json> = (0..1_000_000).map(|at| json!(format!("value-{at}"))).collect();
    says("10 MB of values", json!({ "enum": listed }), "longer than 512 KiB");
    let fields: serde_json::Map<String, Json> = (0..20_000).map(|at| (format!("f{at}"), json!({}))).collect();
    says("20,000 fields", json!({ "type": "object", "properties": fields }), "more than 10000 parts");
    assert!(most_kib() < 512 << 10, "{} KiB", most_kib());
}

#[test]
fn circles_that_no_value_ends_are_refused() {
    let part = "refers to itself";
    says("itself", json!({ "$ref": "#" }), part);
    says(
        "two",
        json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" }),
        part,
    );
    says("through anyOf", json!({ "anyOf": [{ "type": "null" }, { "$ref": "#" }] }), part);
    says("through not", json!({ "not": { "$ref": "#" } }), part);
    says("through then", json!({ "if": true, "then": { "allOf": [{ "$ref": "#" }] } }), part);
    says("inside", json!({ "properties": { "a": { "oneOf": [{ "$ref": "#/properties/a" }] } } }), part);
}

#[test]
fn circles_through_parts_are_types() {
    let tree = json!({ "type": "object", "properties": { "children": { "type": "array", "items": { "$ref": "#" } } } });
    let both = both(&tree).unwrap();
    assert_eq!(both.ty.to_string(), "Output");
    assert!(
        both.fits(&json!({ "children": [{ "children": [] }] }))
            && !both.fits(&json!({ "children": [{ "children": 1 }] }))
    );
    assert!(both.holds(&json!({ "children": [{}] })) && !both.holds(&json!({ "children": [{ "children": 1 }] })));
}

#[test]
fn nothing_outside_is_ever_read() {
    for address in [
        "https://schemas.test/a.json",
        "http://127.0.0.1:1/a",
        "file:///etc/passwd",
        "other.json#/a",
        "//schemas.test/a",
    ] {
        says(address, json!({ "properties": { "a": { "$ref": address } } }), "nothing is fetched");
        says(address, json!({ "$defs": { "unused": { "not": { "$ref": address } } } }), "nothing is fetched");
    }
    says("own dialect", json!({ "$schema": "https://schemas.test/dialect" }), "is not known");
    says("nowhere", json!({ "$ref": "#/$defs/a" }), "nothing in it is called so");
    says("no schema", json!({ "properties": { "a": 3 } }), "where a schema should stand");
}

#[test]
fn patterns_that_blow_up_do_not() {
    let schema = json!({ "type": "string", "pattern": "^(?=(a+)+$)(a+)+$" });
    let both = both(&schema).unwrap();
    let value = json!(format!("{}b", "a".repeat(60)));
    let began = Instant::now();
    assert!(!both.holds(&value));
    println!("a pattern with backtracking: {:?}", began.elapsed());
    assert!(began.elapsed() < GUARD);
    says("a large pattern", json!({ "pattern": "((a{1000}){1000}){1000}" }), "breaks the rules of schemas");
    let many: serde_json::Map<String, Json> = (0..5000).map(|at| (format!("x{at}{{900}}"), json!({}))).collect();
    says("many patterns", json!({ "patternProperties": many }), "more than 200 patterns");
    assert!(most_kib() < 512 << 10, "{} KiB", most_kib());
}

#[test]
fn unions_of_unions_are_met_within_bounds() {
    fn union(depth: usize, field: &str) -> Json {
        if depth == 0 {
            return json!({ "type": "string" });
        }
        let member =
            |at: usize| json!({ "type": "object", "properties": { format!("{field}{at}"): union(depth - 1, field) } });
        json!({ "anyOf": (0..9).map(member).collect::<Vec<_>>() })
    }
    let schema = json!({ "allOf": [union(3, "a"), union(3, "a"), union(3, "b")] });
    assert_eq!(said("unions of unions", schema), None);
}
