//! Questions at a place: each with a small project, the cursor where `$0` stands.

use super::client::{Editor, cursor, position, uri};
use crate::support::{Folder, folder};
use serde_json::{Value, json};
use std::path::PathBuf;

const TOOLS: &str = r#"
/// Opens accounts.
tool crm.create(name: string, plan: "solo" | "team", note?: string) -> { id: string, name: string } can crm.write
tool crm.delete(id: string) can crm.write idempotent
tool crm.find(q: string) -> { rows: [{ id: string, score: int }] } can crm.read fails quota_spent
tool shop.stock(sku: string) -> { count: int } can shop.read
"#;

struct Session {
    editor: Editor,
    path: PathBuf,
    at: usize,
    _folder: Folder,
}

/// A file alone, with the tools above in front of it.
fn session(marked: &str) -> Session {
    let folder = folder(&[]);
    let path = folder.dir.path().canonicalize().unwrap().join("a.flow");
    let (text, at) = cursor(&format!("{marked}\n{TOOLS}"));
    let mut editor = Editor::start(&folder);
    editor.open(&path, &text);
    Session { editor, path, at, _folder: folder }
}

fn offered(marked: &str) -> Vec<String> {
    let mut session = session(marked);
    session.editor.completions(&session.path, session.at)
}

fn ask(marked: &str, method: &str) -> Value {
    let mut session = session(marked);
    session.editor.at(method, &session.path, session.at).unwrap()
}

fn hover(marked: &str) -> String {
    ask(marked, "textDocument/hover")["contents"]["value"].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn offers(marked: &str, wanted: &[&str], unwanted: &[&str]) {
    let found = offered(marked);
    for one in wanted {
        assert!(found.iter().any(|label| label == one), "`{one}` is missing from {found:?}");
    }
    for one in unwanted {
        assert!(!found.iter().any(|label| label == one), "`{one}` does not belong to {found:?}");
    }
}

#[test]
fn completion_knows_tools_and_their_missing_arguments() {
    offers("coordinator a() can crm.write {\n  x = crm.$0\n}", &["create", "delete", "find"], &["stock", "if"]);
    offers("coordinator a() {\n  x = crm.create(name: \"n\", $0)\n}", &["plan:", "note:"], &["name:"]);
    offers("coordinator a() {\n  x = crm.create(plan: $0)\n}", &["\"solo\"", "\"team\""], &["plan:"]);
    offers("coordinator a() {\n  x = crm.create(plan: \"$0\")\n}", &["\"solo\"", "\"team\""], &["a"]);
    offers("coordinator a() {\n  $0\n}", &["crm", "require", "for", "a"], &["can", "budget"]);
}

#[test]
fn completion_knows_fields_and_names_in_reach() {
    let lead = "type Lead = { email: string, firm?: { name: string } }\n";
    offers(
        &format!("{lead}transformer a(lead: Lead) -> string {{\n  lead.$0\n}}"),
        &["email", "firm"],
        &["name", "len"],
    );
    offers(&format!("{lead}transformer a(lead: Lead) -> string {{\n  lead.firm.n$0\n}}"), &["name"], &["email"]);
    offers(&format!("{lead}transformer a(ls: [Lead]) -> [string] {{\n  [l.$0 for l in ls]\n}}"), &["email"], &[]);
    offers(
        "coordinator a() can crm.read {\n  found = crm.find(q: \"x\")\n  y = found.rows[0].$0\n}",
        &["id", "score"],
        &[],
    );
    offers(&format!("{lead}transformer a(ls: [Lead]) -> [Lead] {{\n  sort(ls, by: l => l.$0"), &["email"], &["sort"]);
    offers("coordinator a(n: int) {\n  before = 1\n  x = $0\n  behind = 2\n}", &["n", "before"], &["behind"]);
    offers("coordinator a(xs: [int]) {\n  for x in xs {\n    y = 1\n  }\n  z = $0\n}", &["xs"], &["x", "y"]);
}

#[test]
fn completion_knows_what_may_stand_where() {
    offers("coordinator a() $0 {\n}", &["can", "timeout", "before"], &["model", "sample", "require"]);
    offers("agent a() -> string $0 {\n  prompt \"x\"\n}", &["model", "tools"], &["sample"]);
    offers("coordinator a() can $0 {\n  crm.find(q: \"x\")\n}", &["crm.read", "crm.write"], &["can"]);
    offers(
        "saga a() {\n  x = crm.create(name: \"n\", plan: \"solo\") $0\n}",
        &["undo", "final", "retry"],
        &["require"],
    );
    offers("saga a() {\n  crm.find(q: \"n\") retry 3 on $0\n}", &["timeout", "quota_spent"], &["crm"]);
    offers("saga a() {\n  crm.find(q: \"n\") catch {\n    $0\n  }\n}", &["not_found", "quota_spent", "else"], &["crm"]);
    offers("type T = string\ntransformer a(x: $0)", &["T", "int", "trusted"], &["crm", "if"]);
    offers("$0", &["saga", "tool", "use"], &["require", "crm"]);
    offers("policy p {\n  $0\n}", &["timeout", "quota_spent", "else"], &["crm"]);
    offers("// weir: allow($0", &["missing-undo"], &["crm"]);
    offers("// a word $0", &[], &["crm", "if"]);
    offers("const A = \"some text $0\"", &[], &["crm", "if"]);
    let choice = "type M = { kind: \"bug\" | \"lead\" }\n";
    offers(&format!("{choice}transformer a(m: M) -> bool {{\n  m.kind == $0\n}}"), &["\"bug\"", "\"lead\""], &[]);
}

#[test]
fn completion_knows_what_stands_in_tests() {
    let test = |step: &str| format!("coordinator a(n: int) -> int {{\n  return n\n}}\ntest \"t\" {{\n  {step}\n}}\n");
    offers(&test("$0"), &["mock", "expect", "crash"], &["require", "yield", "wait"]);
    offers(&test("mock crm.$0"), &["create", "find"], &["mock"]);
    offers(&test("mock crm.create(plan: $0"), &["\"solo\""], &["mock"]);
    offers(&test("mock crm.create => $0"), &["fail"], &["require"]);
    offers(&test("mock crm.create => fail $0"), &["timeout", "quota_spent"], &["crm"]);
    offers(&test("crash after crm.$0"), &["create"], &["mock"]);
    offers(&test("run = $0"), &["a"], &["mock"]);
    offers(&test("run = a(1)\n  expect $0"), &["run", "calls", "attempts", "len"], &["mock"]);
    offers(&test("run = a(1)\n  expect run.$0"), &["status", "value", "error", "envelope"], &["run"]);
    offers(&test("run = a(1)\n  expect run.status == $0"), &["\"succeeded\"", "\"compensated\""], &[]);
    offers(&test("run = a(1)\n  expect len(calls($0)) == 1"), &["crm.create"], &["mock", "run"]);
    offers(&test("run = a(1)\n  expect attempts(crm.$0) == 1"), &["create"], &["mock"]);
}

#[test]
fn hover_tells_what_words_mean_in_tests() {
    let flow = "coordinator a() -> int can crm.read {\n  return len(crm.find(q: \"x\").rows)\n}\n";
    let test =
        |step: &str| format!("{flow}test \"t\" {{\n  mock crm.find => {{ rows: [] }}\n  run = a()\n  {step}\n}}\n");
    assert!(hover(&test("expect cal$0ls(crm.find) == []")).contains("arguments of each call"));
    assert!(hover(&test("expect att$0empts(crm.find) == 1")).contains("how often it was tried"));
    assert!(hover(&test("expect ru$0n.status == \"succeeded\"")).contains("status"));
    assert!(hover(&test("expect calls(crm.fi$0nd) == []")).contains("crm.read"));
    assert!(hover(&test("exp$0ect run.partial")).contains("must be true"));
}

#[test]
fn capabilities_that_are_needed_come_first() {
    let mut session = session("coordinator a() can $0 {\n  crm.find(q: \"x\")\n}");
    let found = session.editor.at("textDocument/completion", &session.path, session.at).unwrap();
    let first =
        found["items"].as_array().unwrap().iter().min_by_key(|item| item["sortText"].as_str().unwrap().to_owned());
    assert_eq!(first.unwrap()["label"], "crm.read");
}

#[test]
fn a_completion_fills_in_what_is_wanted() {
    let mut session = session("coordinator a() can crm.write {\n  x = crm.cr$0\n}");
    let found = session.editor.at("textDocument/completion", &session.path, session.at).unwrap();
    let item = found["items"].as_array().unwrap().iter().find(|item| item["label"] == "create").unwrap();
    assert_eq!(item["textEdit"]["newText"], "create(name: ${1}, plan: ${2})$0");
    let start = position(&session.editor.texts[&session.path], session.at - 2);
    assert_eq!(item["textEdit"]["range"]["start"], start);
    assert_eq!(item["documentation"]["value"], "Opens accounts.");
}

#[test]
fn hover_tells_types_contracts_and_effects() {
    let flow = "/// Looks it up.\ncoordinator look(q: string) -> int can crm.read {\n  found = crm.find(q: q)\n  return len(found.rows)\n}\n";
    let at = |word: &str, nth: usize| {
        let place = flow.match_indices(word).nth(nth).unwrap().0;
        format!("{}$0{}", &flow[..place], &flow[place..])
    };
    let text = hover(&at("look", 0));
    for part in [
        "coordinator look(q: string) -> int can crm.read",
        "Looks it up.",
        "**coordinator**",
        "Needs `crm.read`",
        "Only reads",
    ] {
        assert!(text.contains(part), "{part} is missing from {text}");
    }
    let text = hover(&at("find", 0));
    for part in
        ["tool crm.find(q: string)", "Changes nothing outside.", "Its results are trusted.", "Declared in a flow file."]
    {
        assert!(text.contains(part), "{part} is missing from {text}");
    }
    assert!(hover(&at("found", 0)).contains("found: { rows: [{ id: string, score: int }] }"));
    assert!(hover(&at("len", 0)).contains("len("));
    assert!(hover(&at("coordinator", 0)).contains("Stops at the first fatal error"));
    assert!(hover(&at("crm.read", 0)).contains("Needed by `crm.find`"));
    assert!(hover(&at("return", 0)).contains("Ends the flow with a value"));
    assert!(hover(&at("int", 0)).contains("64 bits"));
}

#[test]
fn hover_tells_of_the_rule_that_is_broken() {
    let text = hover("saga a() can crm.write {\n  x = crm.$0create(name: \"n\", plan: \"solo\")\n}");
    assert!(text.contains("**missing-undo**") && text.contains("weir explain missing-undo"), "{text}");
}

#[test]
fn signatures_follow_the_argument() {
    let help = ask("coordinator a() {\n  x = crm.create(\"n\", $0\n}", "textDocument/signatureHelp");
    let signature = &help["signatures"][0];
    let label = "crm.create(name: string, plan: \"solo\" | \"team\", note?: string) -> { id: string, name: string }";
    assert_eq!(signature["label"], label);
    assert_eq!(help["activeParameter"], 1);
    let help = ask("coordinator a() {\n  x = crm.create(note: $0)\n}", "textDocument/signatureHelp");
    assert_eq!(help["activeParameter"], 2);
    let help = ask("transformer a(xs: [int]) -> int {\n  xs |> take($0)\n}", "textDocument/signatureHelp");
    assert_eq!(help["activeParameter"], 1);
    assert_eq!(ask("transformer a() -> int {\n  $0 1\n}", "textDocument/signatureHelp"), Value::Null);
}

#[test]
fn names_lead_to_their_declarations_and_back() {
    let source = "type Lead = { name: string }\n\ntransformer first(lead: Lead) -> string {\n  lead.name\n}\n\ntransformer second(lead: Lead) -> string {\n  first(lead: lead)\n}\n";
    let marked = |word: &str, nth: usize| {
        let place = source.match_indices(word).nth(nth).unwrap().0;
        format!("{}$0{}", &source[..place], &source[place..])
    };
    let line = |value: &Value| value["range"]["start"]["line"].as_u64().unwrap();
    assert_eq!(line(&ask(&marked("first(lead: lead", 0), "textDocument/definition")), 2);
    assert_eq!(line(&ask(&marked("Lead)", 1), "textDocument/definition")), 0);
    assert_eq!(line(&ask(&marked("name\n", 0), "textDocument/definition")), 0);
    // The argument's name is the called flow's parameter, the value behind it the caller's.
    assert_eq!(line(&ask(&marked("lead: lead)", 0), "textDocument/definition")), 2);
    assert_eq!(line(&ask(&marked("lead)\n}", 0), "textDocument/definition")), 6);
    assert_eq!(line(&ask(&marked("lead.name", 0), "textDocument/typeDefinition")), 0);
    assert_eq!(ask(&marked("first", 0), "textDocument/documentHighlight").as_array().unwrap().len(), 2);
    let tool = ask("coordinator a() can crm.read {\n  crm.$0find(q: \"x\")\n}", "textDocument/definition");
    assert_eq!(line(&tool), 7);
}

#[test]
fn renaming_goes_over_all_files_and_keeps_the_meaning() {
    let folder = folder(&[
        ("weir.toml", "[project]\nname = \"p\"\nflows = [\"flows\"]\n"),
        ("flows/kinds.flow", "type Lead = { name: string }\n\ntransformer tidy(lead: Lead) -> Lead {\n  lead\n}\n"),
        (
            "flows/main.flow",
            "use kinds.{Lead, tidy}\n\ntransformer main(lead: Lead) -> { lead: Lead } {\n  other = tidy(lead: lead)\n  { lead }\n}\n",
        ),
    ]);
    let root = folder.dir.path().canonicalize().unwrap();
    let (kinds, main) = (root.join("flows/kinds.flow"), root.join("flows/main.flow"));
    let mut editor = Editor::start(&folder);
    let texts = [folder.read("flows/kinds.flow"), folder.read("flows/main.flow")];
    editor.open(&main, &texts[1]);
    let rename = |editor: &mut Editor, at: usize, name: &str| {
        let place =
            json!({ "textDocument": { "uri": uri(&main) }, "position": position(&texts[1], at), "newName": name });
        editor.request("textDocument/rename", place)
    };
    let edits = rename(&mut editor, texts[1].find("tidy(").unwrap(), "clean").unwrap();
    assert_eq!(edits["changes"][uri(&main)].as_array().unwrap().len(), 2);
    assert_eq!(edits["changes"][uri(&kinds)].as_array().unwrap().len(), 1);
    // A shorthand says the field's name from then on.
    let edits = rename(&mut editor, texts[1].find("lead: Lead) -> {").unwrap(), "given").unwrap();
    let new: Vec<&str> =
        edits["changes"][uri(&main)].as_array().unwrap().iter().map(|edit| edit["newText"].as_str().unwrap()).collect();
    assert_eq!(new, ["given", "given", "lead: given"]);
    for (name, why) in [("lead", "already"), ("if", "word of the language"), ("a b", "no name")] {
        let error = rename(&mut editor, texts[1].find("other").unwrap(), name).unwrap_err();
        assert!(error["message"].as_str().unwrap().contains(why), "{error}");
    }
    let error = rename(&mut editor, texts[1].find("kinds").unwrap(), "x").unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("rename the file"));
}

#[test]
fn hints_say_what_nobody_wrote() {
    let mut session = session(
        "$0saga a() can crm.read, crm.write, shop.read {\n  found = crm.find(q: \"x\")\n  stock = shop.stock(sku: \"y\")\n  last = shop.stock(sku: \"{stock.count}\")\n  made = crm.create(name: \"n\", plan: \"solo\") final\n}",
    );
    let hints = session.editor.of("textDocument/inlayHint", &session.path).unwrap();
    let labels: Vec<&str> = hints.as_array().unwrap().iter().map(|hint| hint["label"].as_str().unwrap()).collect();
    assert!(labels.contains(&": { count: int }"), "{labels:?}");
    assert!(labels.contains(&" ∥ found"), "{labels:?}");
    assert_eq!(labels.iter().filter(|label| label.contains('∥')).count(), 2, "{labels:?}");
    assert_eq!(labels.iter().filter(|label| label.contains("point of no return")).count(), 1, "{labels:?}");
}

#[test]
fn mistakes_come_with_changes_that_mend_them() {
    let mut session = session("coordinator a(name: string) -> string {\n  return $0nmae\n}");
    let actions = session.editor.of("textDocument/codeAction", &session.path).unwrap();
    let action = actions.as_array().unwrap().iter().find(|one| one["kind"] == "quickfix").expect("no quick fix");
    let edit = &action["edit"]["changes"][uri(&session.path)][0];
    assert_eq!(edit["newText"], "name");
    assert_eq!(action["diagnostics"][0]["code"], "unknown-name");
}

#[test]
fn steps_can_be_made_a_flow_of_their_own() {
    let mut session = session(
        "coordinator a(name: string) -> string can crm.write {\n  $0made = crm.create(name: name, plan: \"solo\")\n    undo crm.delete(id: made.id)\n  return made.id\n}",
    );
    let text = session.editor.texts[&session.path].clone();
    let end = text.find("\n  return").unwrap();
    let range = json!({ "start": position(&text, session.at), "end": position(&text, end) });
    let params =
        json!({ "textDocument": { "uri": uri(&session.path) }, "range": range, "context": { "diagnostics": [] } });
    let actions = session.editor.request("textDocument/codeAction", params).unwrap();
    let action =
        actions.as_array().unwrap().iter().find(|one| one["kind"] == "refactor.extract").expect("no extraction");
    let mut edits: Vec<Value> = action["edit"]["changes"][uri(&session.path)].as_array().unwrap().clone();
    edits.reverse();
    for edit in &edits {
        let (from, to) = (
            offset(&session.editor.texts[&session.path], &edit["range"]["start"]),
            offset(&session.editor.texts[&session.path], &edit["range"]["end"]),
        );
        session.editor.edit(&session.path, from, to, edit["newText"].as_str().unwrap());
    }
    let changed = session.editor.texts[&session.path].clone();
    assert!(changed.contains("made = made_step(name: name)"), "{changed}");
    let found = session.editor.diagnostics(&session.path);
    assert!(found.iter().all(|one| one["severity"] != 1), "{found:?}\n{changed}");
}

fn offset(text: &str, position: &Value) -> usize {
    let line = usize::try_from(position["line"].as_u64().unwrap()).unwrap();
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    start + usize::try_from(position["character"].as_u64().unwrap()).unwrap()
}

#[test]
fn the_shape_of_a_file_is_told() {
    let source = "$0// One.\n// Two.\ntype Lead = {\n  name: string\n}\n\nsaga a(lead: Lead) can crm.write {\n  x = crm.create(\n    name: lead.name,\n    plan: \"solo\",\n  ) final\n}\n\ntest \"it works\" {\n  run = a({ name: \"n\" })\n}\n";
    let mut session = session(source);
    let path = session.path.clone();
    let symbols = session.editor.of("textDocument/documentSymbol", &path).unwrap();
    let names: Vec<&str> =
        symbols.as_array().unwrap().iter().take(3).map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Lead", "a", "it works"]);
    assert_eq!(symbols[0]["children"][0]["name"], "name");
    let folds = session.editor.of("textDocument/foldingRange", &path).unwrap();
    let lines: Vec<u64> = folds.as_array().unwrap().iter().map(|one| one["startLine"].as_u64().unwrap()).collect();
    assert_eq!(lines, [0, 2, 6, 7, 13]);
    let lenses = session.editor.of("textDocument/codeLens", &path).unwrap();
    let commands: Vec<&str> =
        lenses.as_array().unwrap().iter().map(|one| one["command"]["command"].as_str().unwrap()).collect();
    assert_eq!(commands, ["weir.run", "weir.dryRun", "weir.graph", "weir.test"]);
    let args = &lenses[3]["command"]["arguments"][0]["args"];
    assert_eq!((&args[0], &args[1], &args[2]), (&json!("test"), &json!(path.to_str().unwrap()), &json!("it works")));
    let tokens = session.editor.of("textDocument/semanticTokens/full", &path).unwrap();
    assert_eq!(tokens["data"].as_array().unwrap().len() % 5, 0);
    assert!(tokens["data"].as_array().unwrap().len() > 100);
    let text = session.editor.texts[&path].clone();
    let at = position(&text, text.find("lead.name").unwrap());
    let params = json!({ "textDocument": { "uri": uri(&path) }, "positions": [at] });
    let mut chain = &session.editor.request("textDocument/selectionRange", params).unwrap()[0];
    let mut deep = 0;
    while !chain.is_null() {
        deep += 1;
        chain = &chain["parent"];
    }
    assert!(deep >= 6, "{deep}");
}

#[test]
fn calls_are_followed_both_ways() {
    let source = "transformer low(x: int) -> int {\n  x\n}\n\ntransformer $0mid(x: int) -> int {\n  low(x: x) + low(x: 2)\n}\n\ntransformer top(x: int) -> int {\n  mid(x: x)\n}\n";
    let mut session = session(source);
    let item = session.editor.at("textDocument/prepareCallHierarchy", &session.path, session.at).unwrap()[0].clone();
    assert_eq!(item["name"], "mid");
    let callers = session.editor.request("callHierarchy/incomingCalls", json!({ "item": item })).unwrap();
    assert_eq!((callers.as_array().unwrap().len(), &callers[0]["from"]["name"]), (1, &json!("top")));
    let callees = session.editor.request("callHierarchy/outgoingCalls", json!({ "item": item })).unwrap();
    assert_eq!(callees[0]["to"]["name"], "low");
    assert_eq!(callees[0]["fromRanges"].as_array().unwrap().len(), 2);
}

#[test]
fn formatting_changes_what_it_must() {
    let mut session = session("$0transformer a(x:int)->int {\n  return x\n}\n");
    let path = session.path.clone();
    let edits = session.editor.of("textDocument/formatting", &path).unwrap();
    assert!(!edits.as_array().unwrap().is_empty());
    for edit in edits.as_array().unwrap().iter().rev() {
        let text = session.editor.texts[&path].clone();
        let (from, to) = (offset(&text, &edit["range"]["start"]), offset(&text, &edit["range"]["end"]));
        session.editor.edit(&path, from, to, edit["newText"].as_str().unwrap());
    }
    let text = session.editor.texts[&path].clone();
    assert_eq!(weir_lang::format::format(&text).unwrap(), text);
    assert_eq!(session.editor.of("textDocument/formatting", &path).unwrap(), json!([]));
    let at = text.find("  return").unwrap();
    session.editor.edit(&path, at, at + 2, "\t\t\t");
    let edits = session.editor.at("textDocument/onTypeFormatting", &path, at + 3).unwrap();
    assert_eq!(edits[0]["newText"], "  ");
}
