//! No input makes the parser panic, overflow or crawl.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests read files and may fail"
)]

use proptest::prelude::*;
use std::path::Path;
use weir_lang::rules::Rule;
use weir_lang::span::FileId;
use weir_lang::{Parsed, format, parse};

fn corpus() -> Vec<String> {
    let mut texts = Vec::new();
    for area in ["parse", "errors"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus").join(area);
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "flow"));
        files.sort();
        texts.extend(files.into_iter().map(|path| std::fs::read_to_string(path).unwrap()));
    }
    texts
}

/// Parses, and formats what is sound: the formatter must never refuse its own output.
fn survive(source: &str) {
    let parsed = parse(FileId(0), source);
    for diagnostic in &parsed.diagnostics {
        let span = diagnostic.loc().span;
        assert!(span.start <= span.end && span.end as usize <= source.len(), "{diagnostic:?}");
        assert!(source.get(span.start as usize..span.end as usize).is_some(), "{diagnostic:?} in {source:?}");
    }
    if parsed.diagnostics.is_empty() {
        let once = format(source).unwrap_or_else(|found| panic!("{found:?}\n{source}"));
        assert_eq!(format(&once).unwrap(), once, "not stable for:\n{source}");
    }
}

#[test]
fn every_prefix_survives() {
    for text in corpus() {
        let step = 1 + text.len() / 200;
        for end in (0..text.len()).step_by(step).filter(|end| text.is_char_boundary(*end)) {
            survive(&text[..end]);
        }
    }
}

#[test]
fn every_deletion_survives() {
    for text in corpus() {
        let step = 1 + text.len() / 60;
        for at in (0..text.len()).step_by(step) {
            let end = (at + 1 + at % 7).min(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(end) {
                survive(&format!("{}{}", &text[..at], &text[end..]));
            }
        }
    }
}

#[test]
fn every_flipped_byte_survives() {
    let signs = b"(){}[]\"`/\\\n.,:=|?-+ aZ9_";
    for text in corpus() {
        let step = 1 + text.len() / 60;
        for at in (0..text.len()).step_by(step) {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = signs[(at * 31 + text.len()) % signs.len()];
            survive(&String::from_utf8_lossy(&bytes));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_survives(text in "\\PC{0,200}") {
        survive(&text);
        survive(&format!("coordinator a() {{\n{text}\n}}\n"));
    }

    #[test]
    fn any_words_survive(words in prop::collection::vec(prop::sample::select(WORDS), 0..60)) {
        let text = words.join(" ");
        survive(&text);
        survive(&format!("saga a(x: int) {{\n{text}\n}}\n"));
    }
}

const WORDS: &[&str] = &[
    "if",
    "then",
    "else",
    "match",
    "for",
    "in",
    "and",
    "or",
    "not",
    "matches",
    "as",
    "return",
    "yield",
    "require",
    "check",
    "fail",
    "block",
    "wait",
    "ask",
    "receive",
    "true",
    "null",
    "x",
    "y.z",
    "f(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "(",
    "=",
    "=>",
    "==",
    "|>",
    "??",
    "..",
    "...",
    ",",
    ":",
    "\n",
    "\"a\"",
    "\"{x}\"",
    "\"\"\"",
    "/a/",
    "3",
    "5s",
    "10%",
    "retry",
    "timeout",
    "catch",
    "fallback",
    "undo",
    "final",
    "optional",
    "key",
    "until",
    "from",
    "start",
    "repeat",
    "at most",
    "next",
    "drop",
    "+",
    "-",
    "*",
    "/",
    "// c\n",
    "/// d\n",
    "\ncoordinator b() {",
    "\ntype T =",
    "string",
    "?",
    "|",
    "&",
];

fn deep(open: &str, middle: &str, close: &str, count: usize) -> String {
    format!("coordinator a() {{\n  x = {}{middle}{}\n}}\n", open.repeat(count), close.repeat(count))
}

/// In a debug build, on the stack that a thread gets by default.
fn on_a_thread(source: String) -> Parsed {
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    thread
        .spawn(move || {
            let _ = format(&source);
            parse(FileId(0), &source)
        })
        .unwrap()
        .join()
        .unwrap()
}

const NESTINGS: &[(&str, &str, &str)] = &[
    ("(", "1", ")"),
    ("[", "1", "]"),
    ("{ a: ", "1", " }"),
    ("f(", "1", ")"),
    ("f(a: ", "1", ")"),
    ("a[", "1", "]"),
    ("\"{", "x", "}\""),
    ("if a { ", "1", " }"),
    ("if a then ", "1", " else 2"),
    ("if a { 1 } else ", "{ 1 }", ""),
    ("if a then 1 else ", "2", ""),
    ("match x { 1 => ", "1", " }"),
    ("match x { 1 => { ", "1", " } }"),
    ("for x in xs { ", "1", " }"),
    ("for x in ", "xs", " { 1 }"),
    ("repeat s = 1 at most 2 { ", "1", " }"),
    ("repeat s = ", "1", " at most 2 { 1 }"),
    ("[x for x in ", "xs", "]"),
    ("not ", "x", ""),
    ("- ", "x", ""),
    ("x => ", "x", ""),
    ("(a, b) => ", "x", ""),
    ("block ", "x", ""),
    ("fail ", "x", ""),
    ("ask ", "\"a\"", " as int"),
    ("f(x) fallback (", "1", ")"),
    ("f(x) catch { else => ", "1", " }"),
    ("f(x) undo ", "g()", ""),
    ("x as [", "int", "]"),
    ("x as map<", "int", ">"),
    ("x as { a: ", "int", " }"),
    ("x as (", "int", ")"),
    ("x as trusted ", "int", ""),
    ("start f(", "1", ")"),
    ("y = ", "1", ""),
    ("if ", "x", " { 1 }"),
    ("match ", "x", " { 1 => 2 }"),
    ("...", "x", ""),
    ("[...", "x", "]"),
    ("((a", "1", "))"),
    ("x |> f(", "1", ")"),
    ("\"\"\"{", "x", "}\"\"\""),
    ("return ", "1", ""),
    ("(x => ", "1", ")"),
    ("{ ...", "x", " }"),
    ("retry ", "1", ""),
    ("until ", "1", ""),
    ("((", "", ""),
    ("{", "", ""),
    ("\"{\"", "", ""),
];

#[test]
fn no_nesting_overflows() {
    for (open, middle, close) in NESTINGS {
        for count in [40, 300, 10_000] {
            on_a_thread(deep(open, middle, close, count));
            on_a_thread(deep(open, middle, "", count));
        }
    }
}

#[test]
fn no_chain_overflows() {
    for link in ["1 + ", "a ?? ", "a and ", "a == ", "a * b + ", "a |> ", "a in ", "a or b and "] {
        on_a_thread(deep(link, "1", "", 10_000));
    }
    for link in [".a", "?.a", "[1]", "(1)", " |> f", " as int", "\n    undo g()", " timeout 5s"] {
        let parsed = on_a_thread(deep("", "f(x)", link, 10_000));
        assert!(!parsed.diagnostics.is_empty() || link.contains("undo") || link.contains("timeout"), "{link}");
    }
    on_a_thread(format!("type T = int{}\n", "?".repeat(10_000)));
    on_a_thread(format!("type T = int{}\n", " | int".repeat(10_000)));
    on_a_thread(format!("type T = int{}\n", " in 0..5".repeat(10_000)));
}

#[test]
fn the_limits_hold_and_what_is_within_them_parses() {
    let ok = on_a_thread(deep("f(", "1", ")", 60));
    assert_eq!(ok.diagnostics, []);
    let rule = |parsed: Parsed| parsed.diagnostics.first().map(|first| first.rule);
    assert_eq!(rule(on_a_thread(deep("(", "1", ")", 65))), Some(Rule::TooDeep));
    assert_eq!(rule(on_a_thread(deep("", "a", " + a", 300))), Some(Rule::TooDeep));
    assert_eq!(on_a_thread(deep("", "a", " + a", 200)).diagnostics, []);
    assert_eq!(rule(parse(FileId(0), &" ".repeat((1 << 20) + 1))), Some(Rule::TooLarge));
    assert_eq!(rule(parse(FileId(0), &format!("const A = \"{}\"", "a".repeat(70_000)))), Some(Rule::TooLarge));
    assert_eq!(rule(parse(FileId(0), "")), None);
}

/// Broken things inside broken things must not be read again at every level.
#[test]
fn no_shape_is_read_again_and_again() {
    for (open, close) in [
        ("return if a { ", " } + "),
        ("x = f(y) fallback if a { ", " } )"),
        ("key if a { ", " } + "),
        ("f(a: [b, match x { 1 => { ", " } }"),
    ] {
        parse(FileId(0), &deep(open, "1", close, 50));
    }
}
