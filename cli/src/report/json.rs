//! One JSON object: diagnostics and counts. Lines and columns from 1, columns in characters, ends exclusive.

use super::{Findings, Totals};
use serde::Serialize;

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
    file: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

/// The object as one line.
pub fn json(findings: &[Findings<'_>]) -> String {
    let Totals { errors, warnings, files } = Totals::of(findings);
    let diagnostics = findings.iter().flat_map(entries).collect();
    serde_json::to_string(&Report { diagnostics, errors, warnings, files }).unwrap_or_default()
}

fn entries<'a>(project: &'a Findings<'a>) -> impl Iterator<Item = Entry<'a>> {
    project.diagnostics.iter().map(|one| {
        let place = project.place(one.loc());
        Entry {
            rule: one.rule.name(),
            severity: one.severity.word(),
            message: &one.message,
            help: one.help.as_deref(),
            file: project.path(one.loc().file),
            line: place.line,
            column: place.column,
            end_line: place.end_line,
            end_column: place.end_column,
        }
    })
}
