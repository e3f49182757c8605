//! One JSON object: diagnostics and counts. Lines and columns from 1, columns in characters, ends exclusive.

use super::{Findings, Totals};
use serde::Serialize;
use weir_lang::span::Loc;

#[derive(Serialize)]
struct Report<'a> {
    diagnostics: Vec<Entry<'a>>,
    errors: usize,
    warnings: usize,
    files: usize,
}

#[derive(Serialize)]
struct Entry<'a> {
    rule: &'a str,
    severity: &'a str,
    message: &'a str,
    help: Option<&'a str>,
    #[serde(flatten)]
    at: At<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<Related<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<Change<'a>>,
}

/// Another place that has to do with it.
#[derive(Serialize)]
struct Related<'a> {
    text: &'a str,
    #[serde(flatten)]
    at: At<'a>,
}

/// What mends it: `--fix` does the same.
#[derive(Serialize)]
struct Change<'a> {
    title: &'a str,
    edits: Vec<Edit<'a>>,
}

#[derive(Serialize)]
struct Edit<'a> {
    #[serde(flatten)]
    at: At<'a>,
    text: &'a str,
}

/// Where something is.
#[derive(Serialize)]
pub(super) struct At<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

impl<'a> At<'a> {
    pub(super) fn of(project: &'a Findings<'_>, loc: Loc) -> Self {
        let place = project.place(loc);
        At {
            file: project.path(loc.file),
            line: place.line,
            column: place.column,
            end_line: place.end_line,
            end_column: place.end_column,
        }
    }
}

/// The object as one line.
pub fn json(findings: &[Findings<'_>]) -> String {
    let Totals { errors, warnings, files } = Totals::of(findings);
    let diagnostics = findings.iter().flat_map(entries).collect();
    serde_json::to_string(&Report { diagnostics, errors, warnings, files }).unwrap_or_default()
}

fn entries<'a>(project: &'a Findings<'a>) -> impl Iterator<Item = Entry<'a>> {
    project.diagnostics.iter().map(|one| Entry {
        rule: one.rule.name(),
        severity: one.severity.word(),
        message: &one.message,
        help: one.help.as_deref(),
        at: At::of(project, one.loc()),
        labels: one
            .labels
            .iter()
            .skip(1)
            .map(|label| Related { text: &label.text, at: At::of(project, label.loc) })
            .collect(),
        fix: one.fix.as_ref().map(|fix| Change {
            title: &fix.title,
            edits: fix.edits.iter().map(|(loc, text)| Edit { at: At::of(project, *loc), text }).collect(),
        }),
    })
}
