//! Which flow is meant, and its arguments: everything is told before anything runs.

use crate::support::{Folder, GREET, folder};

fn here() -> Folder {
    folder(&[("a.flow", GREET)])
}

fn value(here: &Folder, args: &[&str]) -> serde_json::Value {
    let mut all = vec!["run", "a.flow"];
    all.extend(args);
    here.weir(&all).code(0).json()["records"][0]["value"].clone()
}

#[test]
fn a_string_takes_the_text_as_it_is() {
    let here = here();
    assert_eq!(value(&here, &["--arg", "name=3"])["text"], "Hello, 3");
    assert_eq!(value(&here, &["--arg", "name=a=b"])["text"], "Hello, a=b");
    assert_eq!(value(&here, &["--arg", "name="])["text"], "Hello, ");
}

#[test]
fn a_union_tries_json_first() {
    let flow = "coordinator main(x: int | string) -> { x: int | string } {\n  return { x }\n}\n";
    let here = folder(&[("a.flow", flow)]);
    assert_eq!(value(&here, &["--arg", "x=3"])["x"], 3);
    assert_eq!(value(&here, &["--arg", "x=three"])["x"], "three");
    assert_eq!(value(&here, &["--arg", "x=\"3\""])["x"], "3");
}

#[test]
fn input_takes_all_and_arg_wins() {
    let here = here();
    here.write("in.json", r#"{ "name": "Ann", "times": 2 }"#);
    assert_eq!(value(&here, &["--input", "in.json"])["text"], "Hello, Ann");
    assert_eq!(value(&here, &["--input", "in.json", "--arg", "name=Bo"])["text"], "Hello, Bo");
    let ended = here.weir_reading(&["run", "a.flow", "--input", "-"], r#"{ "name": "Cy" }"#).code(0);
    assert_eq!(ended.json()["records"][0]["value"]["text"], "Hello, Cy");
}

#[test]
fn all_wrong_arguments_are_told_at_once() {
    let ended =
        here().weir(&["run", "a.flow", "--arg", "nmae=x", "--arg", "times=many", "--arg", "loud=1"]).code(2).silent();
    ended.says(&["nmae", "did you mean `name`?", "`times`", "int in 1..3", "`loud`", "bool"]);
}

#[test]
fn bounds_hold() {
    here()
        .weir(&["run", "a.flow", "--arg", "name=x", "--arg", "times=9"])
        .code(2)
        .silent()
        .says(&["`times`", "int in 1..3"]);
}

#[test]
fn malformed_arguments_are_told() {
    let here = here();
    here.weir(&["run", "a.flow", "--arg", "name"]).code(2).silent().says(&["--arg name=…"]);
    here.weir(&["run", "a.flow", "--arg", "name=a", "--arg", "name=b"]).code(2).silent().says(&["twice"]);
    here.weir(&["run", "a.flow", "--input", "no.json"]).code(2).silent().says(&["no.json"]);
    for (text, word) in [
        ("[1]", "object"),
        ("{", "JSON"),
        ("", "is empty"),
        ("{\"nam\": 1}", "did you mean `name`?"),
        ("\"x\"", "object"),
    ] {
        here.write("in.json", text);
        here.weir(&["run", "a.flow", "--input", "in.json"]).code(2).silent().says(&[word]);
    }
}

#[test]
fn flows_are_named_in_four_ways() {
    let here = folder(&[
        ("p/weir.toml", "[project]\nflows = [\"flows\"]\n"),
        ("p/flows/main.flow", "coordinator main() -> int {\n  return 1\n}\n"),
        (
            "p/flows/b.flow",
            "coordinator two() -> int {\n  return 2\n}\n\ncoordinator three() -> int {\n  return 3\n}\n",
        ),
        (
            "alone.flow",
            "transformer inner() -> int {\n  return 4\n}\n\ncoordinator outer() -> int {\n  return inner()\n}\n",
        ),
    ]);
    let value = |flow: &str| here.weir(&["run", flow]).code(0).json()["records"][0]["value"].clone();
    assert_eq!(value("p"), 1);
    assert_eq!(value("p/flows/b.flow:two"), 2);
    assert_eq!(value("alone.flow"), 4);
    let mut inside = here.command(&["run", "b.three"]);
    inside.current_dir(here.path("p/flows"));
    let ended = crate::support::ended(&inside.output().unwrap()).code(0);
    assert_eq!(ended.json()["records"][0]["value"], 3);
    assert!(here.path("p/.weir/weir.db").exists() && !here.path("p/flows/.weir").exists());
}

#[test]
fn unknown_flows_are_told_with_a_guess() {
    let here = folder(&[
        ("weir.toml", ""),
        ("b.flow", "coordinator two() -> int {\n  return 2\n}\n\ncoordinator three() -> int {\n  return 3\n}\n"),
    ]);
    here.weir(&["run", "b.flow:tow"]).code(2).silent().says(&["there is no flow `tow`", "did you mean `two`?"]);
    here.weir(&["run", "b.tow"]).code(2).silent().says(&["did you mean `b.two`?"]);
    here.weir(&["run", "b.flow"]).code(2).silent().says(&["b.two", "b.three"]);
    here.weir(&["run", "."]).code(2).silent().says(&["no flow named `main`"]);
    here.weir(&["run", "x.flow"]).code(2).silent().says(&["there is no `x.flow`"]);
    here.write("empty.flow", "");
    here.weir(&["run", "empty.flow"]).code(2).silent().says(&["no flow in `empty.flow`"]);
}
