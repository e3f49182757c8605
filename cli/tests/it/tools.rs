//! `weir tools`

use crate::support::folder;

const DECLARED: &str = "/// Finds people.\ntool crm.search(\n  /// Part of a name.\n  q: trusted string, limit?: int\n) -> { names: [untrusted string] } can crm.read idempotent timeout 2s costs 0.5\n";

#[test]
fn built_in_and_declared_tools_are_listed() {
    let here = folder(&[("weir.toml", ""), ("a.flow", DECLARED)]);
    let ended = here.weir(&["tools", "list"]).code(0);
    ended.prints(&["files.read", "mail.send", "crm.search", "crm.read", "declared", "built in", "Finds people"]);
    let listed = here.weir(&["tools", "list", "--format", "json"]).code(0).json();
    assert!(listed["tools"].as_array().unwrap().iter().any(|tool| tool["name"] == "store.put"));
}

#[test]
fn outside_a_project_there_are_the_built_in_ones() {
    let here = folder(&[("a.flow", DECLARED)]);
    let ended = here.weir(&["tools", "list"]).code(0).prints(&["files.read"]);
    assert!(!ended.stdout.contains("crm.search"));
}

#[test]
fn show_is_a_declaration_that_reads_back() {
    let here = folder(&[("weir.toml", ""), ("a.flow", DECLARED)]);
    let shown = here.weir(&["tools", "show", "crm.search"]).code(0).stdout;
    for part in [
        "/// Finds people.",
        "/// Part of a name.",
        "q: trusted string",
        "limit?: int",
        "can crm.read",
        "idempotent",
        "timeout 2s",
        "costs 0.5",
    ] {
        assert!(shown.contains(part), "no {part:?} in\n{shown}");
    }
    let names = here.weir(&["tools", "list", "--format", "json"]).json();
    for tool in names["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        let shown = here.weir(&["tools", "show", name]).code(0).stdout;
        let again = folder(&[("b.flow", &shown)]);
        again.weir(&["check", "b.flow"]).code(0);
        again.weir(&["fmt", "--check", "b.flow"]).code(0);
    }
}

#[test]
fn a_typo_in_a_tool_is_guessed() {
    let here = folder(&[]);
    here.weir(&["tools", "show", "files.raed"]).code(2).silent().says(&["did you mean `files.read`?"]);
    here.weir(&["tools", "lst"]).code(2).says(&["list"]);
    here.weir(&["tools", "list", "--project", "nowhere"]).code(2).says(&["nowhere"]);
}

const LOCK: &str = r##"{ "version": 1, "servers": { "crm": { "kind": "mcp", "tools": {
  "find-people": {
    "description": "Finds people.",
    "input": { "type": "object", "required": ["q"], "properties": {
      "q": { "type": "string", "minLength": 2, "description": "Part of a name." },
      "limit": { "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "null" }], "default": null },
      "day": { "type": "string", "pattern": "^\\\\d{4}\\\\/\\\\d\\\\d$" },
      "kind": { "enum": ["it's {new}", "old"] } } },
    "output": { "$ref": "#/$defs/node", "$defs": { "node": { "type": "object", "required": ["name"], "properties": {
      "name": { "type": "string" }, "children": { "type": "array", "items": { "$ref": "#/$defs/node" } } } } } },
    "annotations": { "read_only": true, "idempotent": true } },
  "note": { "input": { "type": "object" } } } } } }"##;

const PROJECT: &str = "[tools.crm]\ncommand = [\"crm\"]\n";

#[test]
fn a_locked_tool_is_shown_with_what_no_type_says_and_what_its_server_claims() {
    let lock = LOCK.replace("\\\\\\\\", "\\\\");
    let here = folder(&[("weir.toml", PROJECT), ("weir.lock.json", &lock)]);
    here.weir(&["tools", "list"]).code(0).prints(&["crm.find-people", "crm.write", "locked", "Finds people"]);
    let shown = here.weir(&["tools", "show", "crm.find-people"]).code(0).prints(&[
        "type Node = { name: string, children?: [Node] }",
        "tool crm.`find-people`(",
        "/// Part of a name.",
        "q: string",
        "limit?: int in 1..?",
        "day?: string matching /^[0-9]{4}\\/[0-9][0-9]$/",
        r#"kind?: "it's \{new}" | "old""#,
        "-> untrusted Node can crm.write",
        "// checked when it runs, since no type says it:",
        "//   input `q`: at least 2 characters (`minLength`)",
        "// the server claims that it only reads, may be repeated",
        "`annotations = \"trust\"` in `[tools.crm]`",
    ]);
    let again = folder(&[("b.flow", &shown.stdout)]);
    again.weir(&["check", "b.flow"]).code(0);
    again.weir(&["fmt", "--check", "b.flow"]).code(0);
    let json = here.weir(&["tools", "show", "crm.find-people", "--format", "json"]).code(0).json();
    assert_eq!(json["widened"][0]["keyword"], "minLength");
    assert_eq!(json["claims"]["read_only"], true);
    assert_eq!(json["types"]["crm.find-people.Node"], "{ name: string, children?: [Node] }");
    assert!(json["accept"].as_str().unwrap().contains("trust"));
}

#[test]
fn claims_that_are_accepted_need_no_line() {
    let trusting = format!("{PROJECT}annotations = \"trust\"\nuntrusted = false\n");
    let lock = LOCK.replace("\\\\\\\\", "\\\\");
    let here = folder(&[("weir.toml", &trusting), ("weir.lock.json", &lock)]);
    let shown = here.weir(&["tools", "show", "crm.find-people"]).code(0).prints(&["-> Node can crm.read idempotent"]);
    assert!(!shown.stdout.contains("to believe"), "{}", shown.stdout);
    let note = here.weir(&["tools", "show", "crm.note"]).code(0).prints(&["tool crm.note() -> string can crm.write"]);
    assert!(!note.stdout.contains("//"), "{}", note.stdout);
}
