//! Random schemas and random values: the type and the check together agree with the `jsonschema` crate as it comes, and
//! the type alone accepts whatever is valid. What is called exact lets nothing through that is not valid.

use crate::both;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use std::sync::atomic::{AtomicUsize, Ordering};

const NAMES: [&str; 4] = ["a", "b", "id", "zip-code"];

fn leaf() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-3i64..6).prop_map(Json::from),
        prop::sample::select(vec![0.5, 1.0, 2.5, -1.5, 1e9]).prop_map(Json::from),
        prop::sample::select(vec!["", "a", "ab", "lead", "2026-11-21", "ø", "a1", "A\n"]).prop_map(Json::from),
    ]
}

fn value() -> impl Strategy<Value = Json> {
    leaf().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec((prop::sample::select(NAMES.to_vec()), inner), 0..4).prop_map(|fields| Json::Object(
                fields.into_iter().map(|(name, value)| (name.into(), value)).collect()
            )),
        ]
    })
}

/// Keywords for one schema; which of them apply is chance.
fn keywords(inner: BoxedStrategy<Json>) -> impl Strategy<Value = Json> {
    let kind = prop::sample::select(vec!["object", "array", "string", "integer", "number", "boolean", "null"]);
    let list = |inner: BoxedStrategy<Json>| prop::collection::vec(inner, 1..4).prop_map(Json::Array).boxed();
    let named = |inner: BoxedStrategy<Json>| {
        prop::collection::vec((prop::sample::select(NAMES.to_vec()), inner), 0..3)
            .prop_map(|fields| {
                Json::Object(fields.into_iter().map(|(name, value)| (name.into(), value)).collect::<Map<_, _>>())
            })
            .boxed()
    };
    let number = (-2i64..5).prop_map(Json::from).boxed();
    let count = (0i64..4).prop_map(Json::from).boxed();
    let pattern = prop::sample::select(vec!["^a", "b$", "^[a-z]+$", r"^\d{4}-\d\d", r"^\w*$", r"^(?!a)", r"\S", "^.$"]);
    let one = prop_oneof![
        6 => kind.clone().prop_map(|kind| ("type", json!(kind))),
        2 => (kind.clone(), kind).prop_filter("two", |(a, b)| a != b).prop_map(|(a, b)| ("type", json!([a, b]))),
        2 => prop::collection::vec(leaf(), 1..4).prop_map(|values| ("enum", unique(values))),
        1 => value().prop_map(|value| ("const", value)),
        3 => named(inner.clone()).prop_map(|fields| ("properties", fields)),
        2 => prop::collection::hash_set(prop::sample::select(NAMES.to_vec()), 0..3)
            .prop_map(|names| ("required", json!(sorted(names)))),
        2 => inner.clone().prop_map(|schema| ("additionalProperties", schema)),
        1 => Just(("additionalProperties", json!(false))),
        1 => inner.clone().prop_map(|schema| ("patternProperties", json!({ "^[ab]$": schema }))),
        1 => Just(("propertyNames", json!({ "maxLength": 2 }))),
        2 => inner.clone().prop_map(|schema| ("items", schema)),
        1 => list(inner.clone()).prop_map(|schemas| ("prefixItems", schemas)),
        1 => inner.clone().prop_map(|schema| ("contains", schema)),
        1 => any::<bool>().prop_map(|unique| ("uniqueItems", json!(unique))),
        1 => (prop::sample::select(vec!["minItems", "maxItems", "minLength", "maxLength", "minProperties"]), count),
        2 => (prop::sample::select(vec!["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]), number),
        1 => Just(("multipleOf", json!(2))),
        2 => pattern.prop_map(|pattern| ("pattern", json!(pattern))),
        2 => list(inner.clone()).prop_map(|schemas| ("anyOf", schemas)),
        2 => list(inner.clone()).prop_map(|schemas| ("oneOf", schemas)),
        2 => list(inner.clone()).prop_map(|schemas| ("allOf", schemas)),
        1 => inner.clone().prop_map(|schema| ("not", schema)),
        1 => inner.clone().prop_map(|schema| ("then", schema)),
        1 => inner.clone().prop_map(|schema| ("else", schema)),
        1 => inner.clone().prop_map(|schema| ("if", schema)),
        1 => inner.prop_map(|schema| ("dependentSchemas", json!({ "a": schema }))),
        1 => Just(("dependentRequired", json!({ "a": ["b"] }))),
        1 => Just(("unevaluatedProperties", json!(false))),
        1 => Just(("unevaluatedItems", json!(false))),
        2 => prop::sample::select(vec!["#/$defs/tree", "#/$defs/id"]).prop_map(|name| ("$ref", json!(name))),
    ];
    prop::collection::vec(one, 0..4)
        .prop_map(|chosen| Json::Object(chosen.into_iter().map(|(key, json)| (key.to_owned(), json)).collect()))
}

fn unique(values: Vec<Json>) -> Json {
    let mut out: Vec<Json> = Vec::new();
    for value in values {
        if !out.iter().any(|had| had == &value || had.as_f64().is_some() && had.as_f64() == value.as_f64()) {
            out.push(value);
        }
    }
    Json::Array(out)
}

fn sorted(names: std::collections::HashSet<&'static str>) -> Vec<&'static str> {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    names
}

fn schema() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(json!(true)),
        Just(json!({})),
        Just(json!({ "type": "string" })),
        Just(json!({ "$ref": "#/$defs/id" }))
    ];
    let inner = leaf.prop_recursive(3, 24, 3, |inner| keywords(inner.boxed()));
    keywords(inner.boxed()).prop_map(|mut schema| {
        schema["$defs"] = json!({
            "id": { "type": "string", "minLength": 1 },
            "tree": { "type": "object", "properties": { "id": { "$ref": "#/$defs/id" }, "a": { "$ref": "#/$defs/tree" } } },
        });
        schema
    })
}

static SEEN: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];

fn count(place: usize, yes: bool) {
    SEEN[place].fetch_add(usize::from(yes), Ordering::Relaxed);
}

#[test]
fn the_boundary_agrees_with_the_jsonschema_crate() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1_500);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let found = runner.run(&(schema(), prop::collection::vec(value(), 8)), |(schema, values)| {
        let Ok(plain) = jsonschema::options().should_validate_formats(false).build(&schema) else { return Ok(()) };
        let both = match both(&schema) {
            Ok(both) => both,
            Err(why) => return Err(TestCaseError::fail(format!("{schema}: {why}"))),
        };
        for value in &values {
            let (valid, fits) = (plain.is_valid(value), both.fits(value));
            [true, valid, fits, both.widened.is_empty()].into_iter().enumerate().for_each(|(at, yes)| count(at, yes));
            prop_assert!(fits || !valid, "the type `{}` refuses {value}", both.ty);
            if let (true, Some(narrowed)) = (both.widened.is_empty(), both.narrowed(value)) {
                prop_assert!(plain.is_valid(&narrowed), "`{}` is called exact and lets {narrowed} through", both.ty);
            }
            prop_assert_eq!(fits && both.holds(value), valid, "{} as `{}`", value, both.ty);
        }
        Ok(())
    });
    let [all, valid, fitting, exact] = [0, 1, 2, 3].map(|place| SEEN[place].load(Ordering::Relaxed));
    println!("{all} values: {valid} valid, {fitting} accepted by the type, {exact} under schemas that are exact types");
    if let Err(why) = found {
        panic!("{why}");
    }
    assert!(valid > all / 50 && valid < all, "the values say little: {valid} of {all} valid");
}

/// What random schemas found: such a schema lets nothing through, and no type says so.
#[test]
fn a_closed_record_has_no_field_that_is_only_required() {
    let closed = |more: Json| {
        let mut schema = json!({ "type": "object", "required": ["a"], "unevaluatedProperties": false });
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        both(&schema).unwrap()
    };
    for more in [json!({}), json!({ "properties": { "b": true } }), json!({ "allOf": [{ "required": ["c"] }] })] {
        let both = closed(more.clone());
        assert!(!both.widened.is_empty(), "{more}: `{}` is called exact", both.ty);
    }
    for more in [json!({ "properties": { "a": true } }), json!({ "properties": { "a": { "type": "string" } } })] {
        let both = closed(more.clone());
        assert!(both.widened.is_empty(), "{more}: {:?}", both.widened);
    }
}
