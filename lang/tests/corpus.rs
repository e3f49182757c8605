//! The corpus: every file in `tests/corpus/parse` parses without a word and is formatted as written beside it,
//! every file in `tests/corpus/errors` says what stands beside it. `WEIR_BLESS=1` writes the expected files.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests read files and may fail"
)]

use std::path::{Path, PathBuf};
use weir_lang::span::{FileId, Lines};
use weir_lang::{Parsed, format, parse, same_tree};

fn corpus(area: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus").join(area);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "flow"));
    files.sort();
    files.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

fn check(path: &Path, extension: &str, found: &str) {
    let expected = path.with_extension(extension);
    if std::env::var("WEIR_BLESS").is_ok() {
        std::fs::write(&expected, found).unwrap();
    }
    let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
    assert!(wanted == found, "{} differs; WEIR_BLESS=1 writes:\n{found}", expected.display());
}

fn said(source: &str, parsed: &Parsed) -> String {
    let lines = Lines::new(source);
    let mut text = String::new();
    for diagnostic in &parsed.diagnostics {
        let span = diagnostic.loc().span;
        let (line, column) = lines.position(source, span.start);
        text += &format!("{line}:{column} {} {}", diagnostic.rule.name(), diagnostic.message);
        let at = span.text(source);
        if !at.is_empty() && !at.contains('\n') {
            text += &format!(" [{at}]");
        }
        text += "\n";
        if let Some(help) = &diagnostic.help {
            text += &format!("  help: {help}\n");
        }
        for label in diagnostic.labels.iter().skip(1) {
            let (line, column) = lines.position(source, label.loc.span.start);
            text += &format!("  {line}:{column} {}\n", label.text);
        }
    }
    text
}

#[test]
fn sound_files_parse_to_the_tree_beside_them() {
    for (path, source) in corpus("parse") {
        let parsed = parse(FileId(0), &source);
        assert!(parsed.diagnostics.is_empty(), "{}:\n{}", path.display(), said(&source, &parsed));
        let mut tree = String::new();
        for item in &parsed.module.items {
            tree += &format!("{item:?}\n");
        }
        check(&path, "tree", &tree);
    }
}

#[test]
fn formatting_is_stable_and_keeps_tree_and_comments() {
    for (path, source) in corpus("parse") {
        let once = format(&source).unwrap_or_else(|found| panic!("{}: {found:?}", path.display()));
        check(&path, "formatted", &once);
        assert_eq!(once, format(&once).unwrap(), "{} is not stable", path.display());
        let (a, b) = (parse(FileId(0), &source), parse(FileId(0), &once));
        assert!(same_tree(&a.module, &b.module), "{}", path.display());
    }
}

#[test]
fn the_language_definition_is_already_formatted() {
    for (path, source) in corpus("parse") {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("language_")) {
            assert_eq!(format(&source).unwrap(), source, "{}", path.display());
        }
    }
}

#[test]
fn broken_files_say_what_stands_beside_them() {
    for (path, source) in corpus("errors") {
        let parsed = parse(FileId(0), &source);
        assert!(!parsed.diagnostics.is_empty(), "{} is sound", path.display());
        assert!(format(&source).is_err());
        check(&path, "out", &said(&source, &parsed));
    }
}

#[test]
fn crlf_and_a_byte_order_mark_change_nothing() {
    for (path, source) in corpus("parse") {
        let windows = format!("\u{FEFF}{}", source.replace('\n', "\r\n"));
        let parsed = parse(FileId(0), &windows);
        assert!(parsed.diagnostics.is_empty(), "{}:\n{}", path.display(), said(&windows, &parsed));
        assert!(same_tree(&parse(FileId(0), &source).module, &parsed.module), "{}", path.display());
        assert_eq!(format(&windows).unwrap(), format(&source).unwrap());
    }
}

#[test]
fn ids_are_unique_and_spans_end_in_no_blank() {
    for (_, source) in corpus("parse") {
        let module = parse(FileId(0), &source).module;
        let text = format!("{:?}", module.items);
        let mut ids: Vec<u32> =
            text.split("ExprId(").skip(1).map(|rest| rest.split(')').next().unwrap().parse().unwrap()).collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all);
        assert!(ids.last().is_none_or(|last| *last < module.exprs));
        for rest in text.split("Span { start: ").skip(1) {
            let (start, rest) = rest.split_once(", end: ").unwrap();
            let end = rest.split(' ').next().unwrap();
            let slice = &source[start.parse().unwrap()..end.parse().unwrap()];
            assert_eq!(slice, slice.trim(), "{slice:?}");
        }
    }
}
