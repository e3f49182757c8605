//! `weir check` for machines: SARIF, GitHub's annotations, JSON with fixes, `--caps`.

use crate::support::{folder, repository};
use serde_json::Value;

const TYPO: &str = "coordinator main(name: string) -> string {\n  return \"ü {nmae}\"\n}\n";
const WARNED: &str = "transformer main(name: string, loud: bool) -> string {\n  return name ?? \"\"\n}\n";

fn schema() -> jsonschema::Validator {
    let text = std::fs::read_to_string(repository().join("tests/data/sarif-2.1.0.schema.json")).unwrap();
    // One of its patterns has a bracket too many, which JavaScript forgives and this library does not.
    let text = text.replace("^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$", "^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}$");
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[track_caller]
fn valid(log: &Value) {
    let wrong: Vec<String> =
        schema().iter_errors(log).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}\n{log:#}");
}

#[test]
fn sarif_is_valid_and_says_everything() {
    let here = folder(&[
        ("weir.toml", "[project]\nflows = [\"flows\"]\n"),
        ("flows/blå bær.flow", TYPO),
        ("flows/b.flow", WARNED),
    ]);
    let log = here.weir(&["check", "--format", "sarif"]).code(1).json();
    valid(&log);
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    let typo = results.iter().find(|one| one["ruleId"] == "unknown-name").unwrap();
    let place = &typo["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "flows/bl%C3%A5%20b%C3%A6r.flow");
    assert_eq!(place["artifactLocation"]["uriBaseId"], "SRCROOT");
    assert_eq!(
        place["region"],
        serde_json::json!({ "startLine": 2, "startColumn": 14, "endLine": 2, "endColumn": 18 })
    );
    let replacement = &typo["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!((&replacement["insertedContent"]["text"], &typo["level"]), (&"name".into(), &"error".into()));
    // Each rule that is broken is described by its page.
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for one in results {
        let rule = &rules[usize::try_from(one["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], one["ruleId"]);
        assert!(rule["help"]["markdown"].as_str().unwrap().contains("## Wrong"), "{rule:#}");
        assert!(rule["fullDescription"]["text"].as_str().unwrap().len() > 20);
    }
}

#[test]
fn sarif_of_every_program_of_the_corpus_is_valid() {
    let here = folder(&[]);
    let corpus = repository().join("tests/check");
    let areas = std::fs::read_dir(&corpus).unwrap().map(|area| area.unwrap().path());
    let mut found = 0;
    for area in areas.filter(|area| area.is_dir()) {
        let log = here.weir(&["check", area.to_str().unwrap(), "--format", "sarif"]).json();
        valid(&log);
        found += log["runs"][0]["results"].as_array().unwrap().len();
    }
    assert!(found > 200, "{found} results");
}

#[test]
fn nothing_found_is_a_valid_log_too() {
    let here = folder(&[("a.flow", crate::support::GREET)]);
    let log = here.weir(&["check", "--format", "sarif"]).code(0).json();
    valid(&log);
    assert_eq!(log["runs"][0]["results"], serde_json::json!([]));
}

#[test]
fn github_annotations_are_a_line_each() {
    let here = folder(&[("a.flow", TYPO), ("b.flow", WARNED)]);
    let text = here.weir(&["check", "--format", "github"]).code(1).stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0]
            .starts_with("::error file=a.flow,line=2,endLine=2,col=14,endColumn=17,title=unknown-name::nothing here"),
        "{}",
        lines[0]
    );
    assert!(lines[0].ends_with("%0Adid you mean `name`?"), "{}", lines[0]);
    assert!(lines[1].starts_with("::warning file=b.flow,line=1,"), "{}", lines[1]);
}

#[test]
fn json_tells_what_the_fix_changes_and_the_other_places() {
    let here = folder(&[("a.flow", TYPO), ("b.flow", "transformer f(x: int) -> int {\n  x = 2\n  return x\n}\n")]);
    let report = here.weir(&["check", "--format", "json"]).code(1).json();
    let all = report["diagnostics"].as_array().unwrap();
    let typo = all.iter().find(|one| one["rule"] == "unknown-name").unwrap();
    assert_eq!(typo["fix"]["title"], "replace with `name`");
    assert_eq!((&typo["fix"]["edits"][0]["text"], &typo["fix"]["edits"][0]["column"]), (&"name".into(), &14.into()));
    let other = all.iter().find(|one| one["file"] == "b.flow" && one["labels"].is_array()).unwrap();
    assert_eq!((&other["labels"][0]["file"], &other["labels"][0]["line"]), (&"b.flow".into(), &1.into()));
}

const CAPS: &str = "tool a.get(x: int) -> { v: int } can a.read
tool a.add(x: int) -> { id: string } can a.write idempotent
coordinator inner(x: int) -> int can a.read, a.write { return a.get(x: x).v }
coordinator outer(x: int) -> int { return inner(x) + len(a.add(x: x).id) }
transformer pure(x: int) -> int { return x }
";

#[test]
fn caps_are_the_least_that_each_flow_needs() {
    let here = folder(&[("a.flow", CAPS)]);
    let ended = here.weir(&["check", "a.flow", "--caps"]).code(1);
    let lines: Vec<String> =
        ended.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "inner can a.read (declares more: a.write)",
            "outer can a.read, a.write (does not declare a.read, a.write)",
            "pure nothing",
        ]
    );
    ended.says(&["undeclared-capability"]);
    let told = here.weir(&["check", "a.flow", "--caps", "--format", "json"]).code(1).json();
    assert_eq!(told["flows"][1]["needs"], serde_json::json!(["a.read", "a.write"]));
    assert_eq!((&told["flows"][1]["file"], &told["flows"][1]["line"]), (&"a.flow".into(), &4.into()));
    here.weir(&["check", "a.flow", "--caps", "--format", "short"]).code(2);
}

#[test]
fn a_folder_without_flows_is_told_so() {
    let here = folder(&[("weir.toml", "[project]\nname = \"x\"\n")]);
    here.weir(&["check"]).code(2).silent().says(&["nothing to check", "weir new"]);
}
