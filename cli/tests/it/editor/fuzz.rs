//! Random edits on every example: each state is answered, and what the server says in the end is what a fresh check says.
//! `WEIR_EDITS` sets how many edits each file gets; without it a share that a build can afford.

use super::client::{Editor, uri};
use crate::support::{folder, repository};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Edits for each example where nothing is said.
const SHARE: usize = 25;

/// A small generator: the same edits on every machine (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides.max(1) as u64).unwrap()
    }
}

const PIECES: [&str; 26] = [
    "{", "}", "(", ")", "[", "]", "\"", "\"\"\"", "\n", " ", ".", ",", ":", "=", "|>", "=> ", "x", "if ", "match ",
    "undo ", "saga ", "æ𝄞", "\0", "\u{202e}", "// ", "/",
];

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// One edit: a letter or piece put in, a stretch taken out, or one copied elsewhere.
fn edit(dice: &mut Dice, text: &str) -> (usize, usize, String) {
    let at = boundary(text, dice.roll(text.len() + 1));
    let far = boundary(text, (at + dice.roll(12)).min(text.len()));
    match dice.roll(4) {
        0 => (at, far, String::new()),
        1 => {
            let from = boundary(text, dice.roll(text.len() + 1));
            let to = boundary(text, (from + dice.roll(40)).min(text.len()));
            (at, at, text[from..to].to_owned())
        }
        _ => (at, at, PIECES[dice.roll(PIECES.len())].to_owned()),
    }
}

const ASKED: [&str; 9] = [
    "textDocument/completion",
    "textDocument/hover",
    "textDocument/signatureHelp",
    "textDocument/definition",
    "textDocument/references",
    "textDocument/documentHighlight",
    "textDocument/prepareRename",
    "textDocument/prepareCallHierarchy",
    "textDocument/onTypeFormatting",
];
const WHOLE: [&str; 8] = [
    "textDocument/documentSymbol",
    "textDocument/semanticTokens/full",
    "textDocument/foldingRange",
    "textDocument/inlayHint",
    "textDocument/codeAction",
    "textDocument/codeLens",
    "textDocument/formatting",
    "textDocument/rangeFormatting",
];

/// Line, rule and message: what both outputs tell alike.
type Told = (u64, String, String);

fn told_by_server(found: &[Value]) -> Vec<Told> {
    let one = |one: &Value| {
        let message = one["message"].as_str().unwrap().split("\nhelp: ").next().unwrap().to_owned();
        (one["range"]["start"]["line"].as_u64().unwrap() + 1, one["code"].as_str().unwrap().to_owned(), message)
    };
    sorted(found.iter().map(one).collect())
}

fn told_by_check(root: &Path, file: &Path) -> Vec<Told> {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_weir"));
    let output = command.args(["check", "--format", "json", "."]).current_dir(root).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let shown = file.strip_prefix(root).unwrap().to_str().unwrap();
    let of_file = report["diagnostics"].as_array().unwrap().iter().filter(|one| one["file"] == shown);
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    sorted(of_file.map(|one| (one["line"].as_u64().unwrap(), text(one, "rule"), text(one, "message"))).collect())
}

fn sorted(mut told: Vec<Told>) -> Vec<Told> {
    told.sort();
    told
}

fn examples() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join("examples")).unwrap().flatten();
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.join("weir.toml").is_file()).collect();
    found.sort();
    found
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

fn flow_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "flow") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn random_edits_are_answered_and_end_like_a_fresh_check() {
    let edits: usize = std::env::var("WEIR_EDITS").ok().and_then(|text| text.parse().ok()).unwrap_or(SHARE);
    for (number, example) in examples().iter().enumerate() {
        let folder = folder(&[]);
        copy_folder(example, folder.dir.path());
        let root = folder.dir.path().canonicalize().unwrap();
        let mut editor = Editor::start_at(&root);
        let files = flow_files(&root);
        let sound: Vec<String> = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        files.iter().zip(&sound).for_each(|(path, text)| editor.open(path, text));
        let mut dice = Dice(number as u64);
        for round in 0..edits {
            let path = &files[dice.roll(files.len())];
            // From time to time all is well again, so that not every state is hopeless.
            if round % 12 == 11 {
                files.iter().zip(&sound).for_each(|(path, text)| editor.set(path, text));
            }
            let (from, to, new) = edit(&mut dice, &editor.texts[path].clone());
            editor.edit(path, from, to, &new);
            let at = boundary(&editor.texts[path], (from + new.len()).min(editor.texts[path].len()));
            let asked = ASKED[round % ASKED.len()];
            editor.at(asked, path, at).map_err(|error| refused_rightly(&error)).ok();
            editor.of(WHOLE[round % WHOLE.len()], path).unwrap();
        }
        let bugs: Vec<&Value> = editor.notes.iter().filter(|note| note["method"] == "window/logMessage").collect();
        assert!(bugs.is_empty(), "{bugs:?}");
        for path in &files {
            std::fs::write(path, &editor.texts[path]).unwrap();
        }
        all_again(&mut editor, &files);
        for path in &files {
            let found = told_by_server(&editor.diagnostics(path));
            assert_eq!(found, told_by_check(&root, path), "{} after {edits} edits", path.display());
        }
        // Sound again, it is clean again.
        for (path, text) in files.iter().zip(&sound) {
            editor.set(path, text);
        }
        all_again(&mut editor, &files);
        files.iter().for_each(|path| assert_eq!(editor.diagnostics(path), Vec::<Value>::new(), "{}", path.display()));
        assert_eq!(editor.stop(), 0);
    }
}

/// What was told of a file may be from before the last edit of another: with a new version of each, it is told again.
fn all_again(editor: &mut Editor, files: &[PathBuf]) {
    files.iter().for_each(|path| editor.edit(path, 0, 0, ""));
}

/// A refusal says why; a mistake of ours does not hide behind one.
fn refused_rightly(error: &Value) {
    let message = error["message"].as_str().unwrap();
    assert!(!message.contains("a mistake in weir"), "{message}");
}

#[test]
fn a_flow_is_typed_letter_by_letter() {
    let folder = folder(&[]);
    let root = folder.dir.path().canonicalize().unwrap();
    let path = root.join("typed.flow");
    let mut editor = Editor::start_at(&root);
    editor.open(&path, "");
    let text = std::fs::read_to_string(repository().join("examples/approval/flows/main.flow")).unwrap();
    let every = std::env::var("WEIR_EDITS").map_or(7, |_| 1);
    for (at, letter) in text.char_indices() {
        editor.edit(&path, at, at, &letter.to_string());
        if at % every == 0 {
            let end = at + letter.len_utf8();
            editor.at("textDocument/completion", &path, end).unwrap();
            editor.at("textDocument/hover", &path, end).unwrap();
        }
    }
    let found = editor.diagnostics(&path);
    assert!(found.iter().all(|one| one["severity"] != 1), "{found:?}");
    let asked = json!({ "textDocument": { "uri": uri(&path) } });
    assert!(
        editor.request("textDocument/documentSymbol", asked).unwrap().as_array().is_some_and(|all| !all.is_empty())
    );
    assert!(editor.notes.iter().all(|note| note["method"] != "window/logMessage"));
    assert_eq!(editor.stop(), 0);
}
