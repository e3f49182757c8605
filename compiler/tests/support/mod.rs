//! Reads the corpus under `tests/check` and shows what checking says about it.

#![allow(clippy::disallowed_methods, reason = "a test reads its files")]
#![allow(clippy::unwrap_used, dead_code, reason = "for tests, each of which uses a part")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use weir_compiler::Checked;
use weir_compiler::project::{ProjectSource, SourceFile};
use weir_lang::span::{Lines, Loc};

/// A program of the corpus: one file, or a folder that is a project.
pub struct Case {
    /// `area/name`
    pub name: String,
    /// The file or folder.
    pub path: PathBuf,
    /// What is checked.
    pub source: ProjectSource,
}

/// The folder of the corpus.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/check")
}

/// Every program of the corpus, sorted by name.
pub fn cases() -> Vec<Case> {
    let mut out = Vec::new();
    for area in entries(&root()) {
        for path in entries(&area) {
            if path.is_dir() || path.extension().is_some_and(|extension| extension == "flow") {
                let name = path.strip_prefix(root()).unwrap().with_extension("").display().to_string();
                let source = if path.is_dir() { project(&path) } else { file(&path) };
                out.push(Case { name, path, source });
            }
        }
    }
    out
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn file(path: &Path) -> ProjectSource {
    alone(path.file_name().unwrap().to_str().unwrap(), &std::fs::read_to_string(path).unwrap())
}

/// A file without a project.
pub fn alone(name: &str, text: &str) -> ProjectSource {
    let file = SourceFile { path: name.into(), module: Default::default(), text: text.into() };
    ProjectSource { files: vec![file], ..ProjectSource::default() }
}

/// A folder with flow files (those under `flows/` are named from there) and perhaps a `weir.toml`, a lock file and a
/// `.mcp.json`.
fn project(folder: &Path) -> ProjectSource {
    let mut source = ProjectSource::default();
    let mut open = vec![folder.to_path_buf()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(entries(&path).into_iter().rev());
            continue;
        }
        let shown = path.strip_prefix(folder).unwrap().display().to_string();
        if !(matches!(shown.as_str(), "weir.toml" | "weir.lock.json" | ".mcp.json") || shown.ends_with(".flow")) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        if shown == "weir.toml" {
            source.config = Some((shown.into(), text));
        } else if shown == "weir.lock.json" {
            source.lock = Some((shown.into(), text));
        } else if shown == ".mcp.json" {
            source.mcp.push((shown.into(), text));
        } else if let Some(stem) = shown.strip_suffix(".flow") {
            let module = stem.strip_prefix("flows/").unwrap_or(stem).replace('/', ".");
            source.files.push(SourceFile { path: shown.clone().into(), module: module.into(), text });
        }
    }
    source
}

/// A line for each diagnostic, with the text that is underlined; then its help and the other places.
pub fn said(checked: &Checked) -> String {
    let mut out = String::new();
    for diagnostic in &checked.diagnostics {
        let _ = write!(out, "{} {} {}", place(checked, diagnostic.loc()), diagnostic.rule.name(), diagnostic.message);
        let text = checked.files.get(diagnostic.loc().file.0 as usize).map(|file| file.text.as_str()).unwrap_or("");
        let underlined = text.get(diagnostic.loc().span.start as usize..diagnostic.loc().span.end as usize);
        match underlined {
            Some(text) if !text.is_empty() && !text.contains('\n') => out += &format!(" [{text}]\n"),
            Some(text) if !text.is_empty() => out += &format!(" [{} …]\n", text.lines().next().unwrap_or("")),
            _ => out.push('\n'),
        }
        if let Some(help) = &diagnostic.help {
            let _ = writeln!(out, "  help: {help}");
        }
        if let Some(fix) = &diagnostic.fix {
            let _ = writeln!(out, "  fix: {}", fix.title);
            for (loc, text) in &fix.edits {
                let gone = checked.files.get(loc.file.0 as usize).map_or("", |file| loc.span.text(&file.text));
                let _ = writeln!(out, "    {} {gone:?} -> {text:?}", place(checked, *loc));
            }
        }
        for label in diagnostic.labels.iter().skip(1) {
            let _ = writeln!(out, "  {} {}", place(checked, label.loc), label.text);
        }
    }
    out
}

fn place(checked: &Checked, loc: Loc) -> String {
    let Some(file) = checked.files.get(loc.file.0 as usize) else { return "?".into() };
    let (line, column) = Lines::new(&file.text).position(&file.text, loc.span.start);
    if checked.files.len() > 1 { format!("{}:{line}:{column}", file.path) } else { format!("{line}:{column}") }
}

/// The projects under `examples/`.
pub fn examples() -> Vec<(String, ProjectSource)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let projects = entries(&folder).into_iter().filter(|path| path.is_dir());
    projects.map(|path| (path.display().to_string(), project(&path))).collect()
}
