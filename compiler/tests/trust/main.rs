//! Trust: small programs that are accepted or refused, and what is said about them.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests read files, print figures, and a panic is their failure"
)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use weir_compiler::project::{ProjectSource, SourceFile};

/// Tools that the programs below share.
const TOOLS: &str = r#"
type Page = { body: untrusted string, title: untrusted string, size: int }
type Mail = { sender: untrusted string, subject: untrusted string, id: string }
tool web.fetch(url: string) -> Page can web.read
tool web.search(text: string) -> { hits: untrusted [{ url: string, owner: string }], total: int } can web.read
tool box.mails() -> { mails: [Mail] } can box.read
tool staff.find(name: string) -> { known: bool, email: string, boss: string? } can staff.read
tool staff.names() -> { names: [string] } can staff.read
tool desk.assign(owner: trusted string, note?: string) -> { id: string } can desk.write idempotent
tool desk.pay(order: { account: trusted string, text: string }) can desk.write idempotent
tool desk.run(args: trusted [string]) can desk.exec
tool desk.note(text: string) can desk.write
const TEAM = ["ann", "bob"]
"#;

fn project(text: &str, config: &str) -> ProjectSource {
    let file = SourceFile { path: "main.flow".into(), module: "".into(), text: text.to_string() };
    let config = (!config.is_empty()).then(|| ("weir.toml".into(), config.to_string()));
    ProjectSource { files: vec![file], config, ..ProjectSource::default() }
}

/// Every diagnostic as `rule: underlined text`, in order. Rules that are not about trust count too.
fn said(text: &str, config: &str) -> Vec<String> {
    let text = format!("{TOOLS}\n{text}");
    let checked = weir_compiler::check(project(&text, config));
    let line = |diagnostic: &weir_lang::diagnostic::Diagnostic| {
        let span = diagnostic.loc().span;
        let under = text.get(span.start as usize..span.end as usize).unwrap_or("");
        format!("{}: {under}", diagnostic.rule.name())
    };
    // The tools above bring a constant that not every program needs, and programs take more than they use.
    let unused = ["unused-declaration", "unused-parameter", "unused-binding"];
    let told = checked.diagnostics.iter().filter(|one| !unused.contains(&one.rule.name()));
    told.map(line).collect()
}

/// A coordinator with that body.
fn flow(body: &str) -> String {
    format!(
        "coordinator main(url: string, known: [string], who: string) -> json? can web.read, box.read, staff.read, desk.write, desk.exec {{\n{body}\n}}\n"
    )
}

/// Rules that say nothing about trust and that short programs break.
const IGNORED: [&str; 6] = [
    "unused-capability",
    "unused-binding",
    "write-without-undo",
    "undo-never-runs",
    "empty-validator",
    "missing-return",
];

#[track_caller]
fn accepts(text: &str) {
    let said: Vec<String> =
        said(text, "").into_iter().filter(|line| !IGNORED.iter().any(|rule| line.starts_with(rule))).collect();
    assert!(said.is_empty(), "{text}\nis refused: {said:#?}");
}

#[track_caller]
fn refuses(text: &str, under: &[&str]) {
    let said: Vec<String> =
        said(text, "").into_iter().filter(|line| !IGNORED.iter().any(|rule| line.starts_with(rule))).collect();
    let wanted: Vec<String> = under.iter().map(|under| format!("untrusted-to-trusted: {under}")).collect();
    assert_eq!(said, wanted, "{text}");
}

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn flow_files(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            flow_files(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "flow") {
            out.push(path);
        }
    }
}

#[test]
fn the_examples_are_clean() {
    let mut told = String::new();
    for entry in std::fs::read_dir(workspace("examples")).unwrap() {
        let root = entry.unwrap().path();
        if !root.join("weir.toml").exists() {
            continue;
        }
        let mut paths = Vec::new();
        flow_files(&root.join("flows"), &mut paths);
        let files = paths.iter().map(|path| {
            let module = path.strip_prefix(root.join("flows")).unwrap().with_extension("");
            let module = module.to_string_lossy().replace('/', ".");
            SourceFile {
                path: path.to_string_lossy().as_ref().into(),
                module: module.into(),
                text: std::fs::read_to_string(path).unwrap(),
            }
        });
        let config = Some(("weir.toml".into(), std::fs::read_to_string(root.join("weir.toml")).unwrap()));
        let lock = std::fs::read_to_string(root.join("weir.lock.json")).ok();
        let lock = lock.map(|text| ("weir.lock.json".into(), text));
        let source = ProjectSource { files: files.collect(), config, lock, ..ProjectSource::default() };
        let checked = weir_compiler::check(source);
        for diagnostic in &checked.diagnostics {
            writeln!(told, "{}: {} {diagnostic:#?}", root.display(), diagnostic.rule.name()).unwrap();
        }
    }
    assert!(told.is_empty(), "{told}");
}

#[test]
fn the_rule_pages_hold() {
    for rule in weir_lang::rules::Rule::ALL {
        for (part, wrong) in [("## Wrong", true), ("## Right", false)] {
            let Some((_, rest)) = rule.page().split_once(part) else { continue };
            let rest = rest.split("\n## ").next().unwrap_or_default();
            let Some(source) = rest.split("```flow\n").nth(1).and_then(|rest| rest.split("```").next()) else {
                continue;
            };
            let checked = weir_compiler::check(project(source, ""));
            for diagnostic in &checked.diagnostics {
                let trust = matches!(diagnostic.rule.name(), "untrusted-to-trusted" | "endorses-by-form");
                assert!(!trust || (wrong && diagnostic.rule == *rule), "{} {part}: {diagnostic:#?}", rule.name());
            }
            if matches!(rule.name(), "untrusted-to-trusted" | "endorses-by-form") && wrong {
                assert_eq!(checked.diagnostics.len(), 1, "{}: {:#?}", rule.name(), checked.diagnostics);
            }
        }
    }
}

mod direct;

mod values;

mod places;

mod flows;

mod endorsement;

mod form;

mod served;

mod strict;

mod size;
