//! Annotations of GitHub's workflow runs: `::error file=a.flow,line=1::message`, one a line, escaped as its runner
//! reads them back.

use super::Findings;
use crate::escape;
use weir_lang::diagnostic::Diagnostic;
use weir_lang::span::Loc;

/// All annotations.
pub fn github(findings: &[Findings<'_>]) -> String {
    let mut text = String::new();
    for project in findings {
        for one in &project.diagnostics {
            text.push_str(&annotation(project, one));
            text.push('\n');
        }
    }
    text
}

fn annotation(project: &Findings<'_>, one: &Diagnostic) -> String {
    let said = match &one.help {
        Some(help) => format!("{}\n{help}", one.message),
        None => one.message.clone(),
    };
    annotation_at(project, one.loc(), one.severity.word(), one.rule.name(), &said)
}

/// An annotation at a place.
pub(super) fn annotation_at(project: &Findings<'_>, loc: Loc, level: &str, title: &str, said: &str) -> String {
    let place = project.place(loc);
    let mut properties =
        format!("file={},line={},endLine={}", property(project.path(loc.file)), place.line, place.end_line);
    // Columns only count where the place lies in one line; the last one is part of it.
    if place.line == place.end_line {
        let end = place.end_column.saturating_sub(1).max(place.column);
        properties.push_str(&format!(",col={},endColumn={end}", place.column));
    }
    properties.push_str(&format!(",title={}", property(title)));
    format!("::{level} {properties}::{}", data(said))
}

fn data(text: &str) -> String {
    escape::lines(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_compiler::project::SourceFile;
    use weir_lang::rules::Rule;
    use weir_lang::span::{FileId, Span};

    #[test]
    fn nothing_leaves_its_annotation() {
        let file = SourceFile { path: "a,b:c.flow".into(), module: Default::default(), text: "abc\ndef\n".into() };
        let place = |start, end| Loc { file: FileId(0), span: Span::new(start, end) };
        let all = [
            Diagnostic::new(Rule::Syntax, place(1, 2), "50% wrong\n::error::gotcha").help("do\r\nthis"),
            Diagnostic::new(Rule::UnusedBinding, place(0, 6), "two lines"),
        ];
        let text = github(&[Findings::some(std::slice::from_ref(&file), &all, |_| true)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        let first = "::error file=a%2Cb%3Ac.flow,line=1,endLine=1,col=2,endColumn=2,title=syntax::50%25 wrong%0A::error::gotcha%0Ado";
        assert!(lines[0].starts_with(first) && lines[0].ends_with("this"), "{}", lines[0]);
        assert_eq!(lines[1], "::warning file=a%2Cb%3Ac.flow,line=1,endLine=2,title=unused-binding::two lines");
    }
}
