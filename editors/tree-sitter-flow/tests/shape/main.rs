//! The editors' grammar and the compiler's give every sound flow file of the repository the same shape: the same
//! declarations, steps, expressions, clauses and types at the same places.

mod compiler;
mod editor;
mod edits;

use std::fs;
use std::path::{Path, PathBuf};
use weir_lang::span::FileId;

/// A node of either tree: what it is, where it begins and ends.
type Node = (&'static str, u32, u32);

#[test]
fn both_grammars_give_the_same_shape() {
    let (mut files, mut nodes) = (0, 0);
    let mut wrong = Vec::new();
    for path in flow_files() {
        let text = fs::read_to_string(&path).unwrap();
        let parsed = weir_lang::parse(FileId(0), &text);
        if !parsed.diagnostics.is_empty() {
            continue;
        }
        let (ours, theirs) = (compiler::shape(&parsed.module), editor::shape(&text));
        files += 1;
        nodes += ours.len();
        if ours != theirs {
            wrong.push(difference(&path, &text, &ours, &theirs));
        }
    }
    println!("{files} files, {nodes} nodes, {} files differ", wrong.len());
    assert!(files > 200, "only {files} sound flow files were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_text_breaks_the_grammar() {
    let mut parser = editor::parser();
    for path in flow_files() {
        let text = fs::read_to_string(&path).unwrap();
        let bytes = text.as_bytes();
        for at in (0..bytes.len()).step_by(29) {
            let cut = [&bytes[..at], &bytes[(at + 3).min(bytes.len())..]].concat();
            assert!(parser.parse(&cut, None).is_some(), "{} cut at {at}", path.display());
        }
    }
}

/// The first few places where the two trees are not the same.
fn difference(path: &Path, text: &str, ours: &[Node], theirs: &[Node]) -> String {
    let show = |node: &Node| {
        let line = text[..node.1 as usize].lines().count();
        let part: String = text[node.1 as usize..node.2 as usize].chars().take(60).collect();
        format!("{} on line {line}: {part:?}", node.0)
    };
    let only = |these: &[Node], those: &[Node]| -> Vec<String> {
        these.iter().filter(|node| !those.contains(node)).take(4).map(show).collect()
    };
    format!("{}\n  compiler only: {:#?}\n  editors only: {:#?}", path.display(), only(ours, theirs), only(theirs, ours))
}

fn flow_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["examples", "tests/corpus/parse", "tests/check", "tests/run"] {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    files
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "flow" || extension == "formatted") {
            into.push(path);
        }
    }
}
