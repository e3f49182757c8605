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
