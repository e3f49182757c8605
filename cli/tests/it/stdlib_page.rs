//! The page of the standard library: fresh, and every example in it is what a flow gives.

use crate::support::{folder, repository};
use weir_stdlib::functions::{all, reference_page};

#[test]
fn the_page_is_fresh() {
    let path = repository().join("docs/stdlib.md");
    if std::env::var_os("WEIR_BLESS").is_some() {
        std::fs::write(&path, reference_page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == reference_page(), "docs/stdlib.md is not what the table says: run this with WEIR_BLESS=1");
}

/// One flow a function: the example, and its result held against it as JSON.
#[test]
fn every_example_gives_its_result_in_a_flow() {
    let mut flows = String::new();
    for (at, entry) in all().iter().enumerate() {
        let result = entry.result.trim();
        flows.push_str(&format!("transformer example_{at}() -> json {{\n  return {}\n}}\n\n", entry.example));
        flows.push_str(&format!("transformer result_{at}() -> json {{\n  return {result}\n}}\n\n"));
    }
    let pairs = |at: usize| format!("{{ found: example_{at}(), wanted: result_{at}() }}");
    let list: Vec<String> = (0..all().len()).map(pairs).collect();
    flows.push_str(&format!("coordinator main() -> [json] {{\n  return [\n    {}\n  ]\n}}\n", list.join(",\n    ")));
    let here = folder(&[("a.flow", &flows)]);
    let ended = here.weir(&["run", "a.flow"]).code(0);
    let records = ended.json()["records"].as_array().unwrap().clone();
    assert_eq!(records.len(), all().len());
    let mut failures = Vec::new();
    for (record, entry) in records.iter().zip(all()) {
        let (found, wanted) = (&record["value"]["found"], &record["value"]["wanted"]);
        if !same(found, wanted) {
            failures.push(format!("{} gives {found}, and the table says {wanted}", entry.example));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Equal, whatever form a number has.
fn same(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (a, b) {
        (Number(a), Number(b)) => a.as_f64() == b.as_f64(),
        (Array(a), Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Object(a), Object(b)) => a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b))),
        _ => a == b,
    }
}
