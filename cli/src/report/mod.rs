//! What a check found, in the formats that it can be told in.

mod baseline;
pub mod bounds;
mod caps;
mod github;
mod human;
mod json;
mod sarif;
mod short;
mod shown;
mod snippet;
pub mod test;
pub mod trust;

pub use baseline::{Baseline, Known, seen_from};
pub use caps::{caps_human, caps_json};
pub use github::github;
pub use human::human;
pub use json::json;
pub use sarif::sarif;
pub use short::short;

use std::cell::{Cell, OnceCell};
use weir_compiler::Checked;
use weir_compiler::project::SourceFile;
use weir_lang::diagnostic::{Diagnostic, Severity};
use weir_lang::span::{FileId, Lines, Loc};

/// What is told about one project.
pub struct Findings<'a> {
    /// Files whose state was asked for.
    pub files: usize,
    /// What is told, ordered by file and place.
    pub diagnostics: Vec<&'a Diagnostic>,
    sources: Vec<Source<'a>>,
}

/// A file with its line starts, which are only read when something is told about it.
struct Source<'a> {
    file: &'a SourceFile,
    lines: OnceCell<Lines>,
    /// The last offset told, with its line and column: the next one mostly stands behind it on the same line.
    last: Cell<(u32, u32, u32)>,
}

impl Source<'_> {
    /// Line and column of a byte offset.
    fn position(&self, offset: u32) -> (u32, u32) {
        let text = &self.file.text;
        let lines = self.lines.get_or_init(|| Lines::new(text));
        let (from, line, column) = self.last.get();
        let (line, column) = if line == lines.line(offset) && from <= offset {
            let between = text.get(from as usize..offset as usize).unwrap_or("").chars().count();
            (line, column.saturating_add(u32::try_from(between).unwrap_or(u32::MAX)))
        } else {
            lines.position(text, offset)
        };
        self.last.set((offset, line, column));
        (line, column)
    }
}

/// Line and column, from 1, columns in characters, the end exclusive.
#[derive(Clone, Copy)]
pub struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) end_line: u32,
    pub(crate) end_column: u32,
}

impl<'a> Findings<'a> {
    /// Everything about a project.
    pub fn all(checked: &'a Checked) -> Self {
        Self::some(&checked.files, &checked.diagnostics, |_| true)
    }

    /// What is wrong in the files that `wanted` picks; `weir.toml` and what stands beside it always count.
    pub fn some(files: &'a [SourceFile], diagnostics: &'a [Diagnostic], wanted: impl Fn(usize) -> bool) -> Self {
        let of_project = |at: usize| files.get(at).is_none_or(|file| !file.path.ends_with(".flow"));
        let told = |at: usize| of_project(at) || wanted(at);
        let diagnostics = diagnostics.iter().filter(|one| told(one.loc().file.0 as usize)).collect();
        let count = (0..files.len()).filter(|at| !of_project(*at) && wanted(*at)).count();
        let sources =
            files.iter().map(|file| Source { file, lines: OnceCell::new(), last: Cell::new((0, 0, 0)) }).collect();
        Findings { files: count, diagnostics, sources }
    }

    fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|one| one.severity == severity).count()
    }

    fn source(&self, file: FileId) -> Option<&Source<'a>> {
        self.sources.get(file.0 as usize)
    }

    /// The file's name, as it is shown.
    fn path(&self, file: FileId) -> &str {
        self.source(file).map_or("?", |source| &source.file.path)
    }

    fn place(&self, loc: Loc) -> Place {
        let Some(source) = self.source(loc.file) else {
            return Place { line: 1, column: 1, end_line: 1, end_column: 1 };
        };
        let (line, column) = source.position(loc.span.start);
        let (end_line, end_column) = source.position(loc.span.end);
        Place { line, column, end_line, end_column }
    }

    /// The text of the line on which a place begins.
    fn line_text(&self, loc: Loc) -> &str {
        let text = self.source(loc.file).map_or("", |source| source.file.text.as_str());
        let start = (loc.span.start as usize).min(text.len());
        let (before, after) = text.split_at_checked(start).unwrap_or((text, ""));
        let from = before.rfind('\n').map_or(0, |at| at + 1);
        let to = start + after.find('\n').unwrap_or(after.len());
        text.get(from..to).unwrap_or("")
    }

    /// `file:line:column`
    fn place_text(&self, loc: Loc) -> String {
        let place = self.place(loc);
        format!("{}:{}:{}", self.path(loc.file), place.line, place.column)
    }
}

/// How many there are over all projects.
pub struct Totals {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// Files looked at.
    pub files: usize,
}

impl Totals {
    /// Counts.
    pub fn of(findings: &[Findings<'_>]) -> Self {
        Totals {
            errors: findings.iter().map(|one| one.count(Severity::Error)).sum(),
            warnings: findings.iter().map(|one| one.count(Severity::Warning)).sum(),
            files: findings.iter().map(|one| one.files).sum(),
        }
    }
}

/// `1 error`, `2 errors`
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
