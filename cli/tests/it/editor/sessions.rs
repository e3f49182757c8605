//! Editing sessions: texts, projects, diagnostics, cancelling.

use super::client::{Editor, rules, uri};
use crate::support::folder;
use serde_json::{Value, json};

const PROJECT: &[(&str, &str)] = &[
    ("weir.toml", "[project]\nname = \"p\"\nflows = [\"flows\"]\n"),
    ("flows/kinds.flow", "type Lead = { name: string }\n"),
    ("flows/main.flow", "use kinds.{Lead}\n\ntransformer main(lead: Lead) -> string {\n  lead.name\n}\n"),
];

#[test]
fn an_unsaved_text_stands_above_the_disk_for_the_whole_project() {
    let folder = folder(PROJECT);
    let root = folder.dir.path().canonicalize().unwrap();
    let (kinds, main) = (root.join("flows/kinds.flow"), root.join("flows/main.flow"));
    let mut editor = Editor::start(&folder);
    editor.open(&main, &folder.read("flows/main.flow"));
    assert_eq!(editor.diagnostics(&main), Vec::<Value>::new());
    editor.open(&kinds, "type Lead = { title: string }\n");
    editor.wait(&main, |found| rules(found) == ["unknown-field"]);
    // Closed without saving, the disk counts again.
    editor.close(&kinds);
    editor.wait(&main, <[Value]>::is_empty);
    assert_eq!(editor.stop(), 0);
}

#[test]
fn broken_texts_are_told_while_they_are_typed() {
    let folder = folder(&[]);
    let path = folder.dir.path().canonicalize().unwrap().join("a.flow");
    let mut editor = Editor::start(&folder);
    editor.open(&path, "");
    let text = "transformer double(x: int) -> int {\n  return x * 2\n}\n";
    for (at, letter) in text.char_indices() {
        editor.edit(&path, at, at, &letter.to_string());
        let found = editor.diagnostics(&path);
        assert!(found.iter().all(|one| one["source"] == "weir"));
    }
    assert_eq!(editor.diagnostics(&path), Vec::<Value>::new());
    editor.edit(&path, 0, 11, "transformr");
    assert_eq!(rules(&editor.diagnostics(&path)), ["syntax"]);
    // Another version of the same text is told of, too: that is the version that the editor waits for.
    editor.edit(&path, 3, 3, "");
    assert_eq!(rules(&editor.diagnostics(&path)), ["syntax"]);
    assert_eq!(editor.stop(), 0);
}

#[test]
fn files_come_and_go() {
    let folder = folder(PROJECT);
    let root = folder.dir.path().canonicalize().unwrap();
    let main = root.join("flows/main.flow");
    let mut editor = Editor::start(&folder);
    editor.open(&main, &folder.read("flows/main.flow"));
    assert!(editor.diagnostics(&main).is_empty());
    std::fs::rename(root.join("flows/kinds.flow"), root.join("flows/sorts.flow")).unwrap();
    editor.notify("workspace/didRenameFiles", json!({ "files": [] }));
    editor.wait(&main, |found| rules(found).contains(&"unknown-name"));
    // A file that was never saved is a module too.
    let fresh = root.join("flows/kinds.flow");
    editor.open(&fresh, "type Lead = { name: string }\n");
    editor.wait(&main, <[Value]>::is_empty);
    editor.close(&fresh);
    editor.wait(&main, |found| !found.is_empty());
    editor.close(&main);
    editor.wait(&main, <[Value]>::is_empty);
    assert_eq!(editor.stop(), 0);
}

#[test]
fn several_projects_do_not_know_each_other() {
    let folder = folder(&[
        ("a/weir.toml", "[project]\nname = \"a\"\n"),
        ("a/x.flow", "transformer alpha() -> int {\n  1\n}\n"),
        ("b/weir.toml", "[project]\nname = \"b\"\n"),
        ("b/y.flow", "use x.{alpha}\n\ntransformer y() -> int {\n  alpha()\n}\n"),
    ]);
    let root = folder.dir.path().canonicalize().unwrap();
    let mut editor = Editor::start(&folder);
    for path in ["a/x.flow", "b/y.flow"] {
        editor.open(&root.join(path), &folder.read(path));
    }
    assert!(editor.diagnostics(&root.join("a/x.flow")).is_empty());
    assert_eq!(rules(&editor.diagnostics(&root.join("b/y.flow"))), ["unknown-name"]);
    let found = editor.request("workspace/symbol", json!({ "query": "alpha" })).unwrap();
    assert_eq!(found[0]["name"], "alpha");
    assert_eq!(editor.stop(), 0);
}

#[test]
fn what_is_wrong_in_the_project_file_is_told_there() {
    let folder = folder(PROJECT);
    let root = folder.dir.path().canonicalize().unwrap();
    let (main, config) = (root.join("flows/main.flow"), root.join("weir.toml"));
    let mut editor = Editor::start(&folder);
    editor.open(&main, &folder.read("flows/main.flow"));
    editor.open(&config, "[project]\nnmae = \"p\"\nflows = [\"flows\"]\n");
    assert_eq!(rules(&editor.diagnostics(&config)), ["invalid-project"]);
    editor.set(&config, &folder.read("weir.toml"));
    assert!(editor.diagnostics(&config).is_empty());
    assert_eq!(editor.stop(), 0);
}

#[test]
fn positions_are_counted_in_utf_16_where_the_editor_knows_nothing_else() {
    let folder = folder(&[]);
    let root = folder.dir.path().canonicalize().unwrap();
    let path = root.join("a.flow");
    let mut editor = Editor::spawn(&root);
    let answer =
        editor.request("initialize", json!({ "processId": null, "rootUri": null, "capabilities": {} })).unwrap();
    assert_eq!(answer["capabilities"]["positionEncoding"], "utf-16");
    editor.notify("initialized", json!({}));
    editor.open(&path, "const A = \"𝄞𝄞\" + b\n");
    let found = editor.diagnostics(&path);
    let unknown = found.iter().find(|one| one["code"] == "unknown-name").unwrap();
    assert_eq!(unknown["range"]["start"], json!({ "line": 0, "character": 19 }));
    // An edit in the middle, counted so too.
    let range = json!({ "start": { "line": 0, "character": 19 }, "end": { "line": 0, "character": 20 } });
    let change = json!({ "range": range, "text": "\"c\"" });
    let document = json!({ "uri": uri(&path), "version": 2 });
    editor.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [change] }));
    editor.wait(&path, |found| found.iter().all(|one| one["code"] != "unknown-name"));
}

#[test]
fn a_cancelled_request_is_answered_as_such_and_the_next_one_rightly() {
    let folder = folder(&[]);
    let path = folder.dir.path().canonicalize().unwrap().join("a.flow");
    let mut editor = Editor::start(&folder);
    let flow = |name: usize| format!("transformer f{name}(x: int) -> int {{\n  return x + {name}\n}}\n\n");
    let text: String = (0..300).map(flow).collect();
    editor.open(&path, &text);
    let params = json!({ "textDocument": { "uri": uri(&path) } });
    // The first one makes the server check; the second is cancelled while it waits.
    let first = editor.ask("textDocument/documentSymbol", params.clone());
    let second = editor.ask("textDocument/documentSymbol", params.clone());
    editor.notify("$/cancelRequest", json!({ "id": second }));
    assert_eq!(editor.answer(first).unwrap().as_array().unwrap().len(), 300);
    // It may have been answered before the news of its end arrived; then it is answered in full.
    match editor.answer(second) {
        Ok(found) => assert_eq!(found.as_array().unwrap().len(), 300),
        Err(error) => assert_eq!(error["code"], -32800),
    }
    let third = editor.request("textDocument/documentSymbol", params).unwrap();
    assert_eq!(third.as_array().unwrap().len(), 300);
    assert_eq!(editor.stop(), 0);
}

#[test]
fn what_makes_no_sense_is_refused_and_the_server_goes_on() {
    let folder = folder(&[]);
    let root = folder.dir.path().canonicalize().unwrap();
    let path = root.join("a.flow");
    let mut editor = Editor::spawn(&root);
    assert_eq!(editor.request("textDocument/hover", json!({})).unwrap_err()["code"], -32002);
    editor.request("initialize", json!({ "processId": null, "rootUri": null, "capabilities": {} })).unwrap();
    editor.raw(b"Content-Length: 4\r\n\r\n\xff\xfe{}");
    editor.raw(b"Content-Length: 9\r\n\r\n[1, 2, 3]");
    assert_eq!(editor.request("textDocument/hover", json!([1])).unwrap_err()["code"], -32602);
    assert_eq!(editor.request("no/such", json!({})).unwrap_err()["code"], -32601);
    assert_eq!(
        editor
            .request(
                "textDocument/hover",
                json!({
        "textDocument": { "uri": "file:///nowhere.flow" }, "position": { "line": 0, "character": 0 } })
            )
            .unwrap_err()["code"],
        -32602
    );
    editor.notify("textDocument/didChange", json!({ "what": 1 }));
    editor.open(&path, "transformer one() -> int {\n  1\n}\n");
    let far =
        json!({ "textDocument": { "uri": uri(&path) }, "position": { "line": 4_000_000, "character": 4_000_000 } });
    for method in ["textDocument/hover", "textDocument/completion", "textDocument/signatureHelp", "textDocument/rename"]
    {
        let _ = editor.request(method, far.clone());
    }
    assert!(editor.diagnostics(&path).is_empty());
    assert_eq!(editor.stop(), 0);
}
