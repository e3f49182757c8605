//! For a person: each mistake with its source, what to write instead, and one line that counts them.

use super::shown::Shown;
use super::{Findings, Totals, counted};
use crate::out::{Style, styled};
use miette::{GraphicalReportHandler, GraphicalTheme};
use weir_lang::diagnostic::{Diagnostic, Severity};

/// More than this many in one go help nobody.
const MOST: usize = 100;

/// The whole report.
pub fn human(findings: &[Findings<'_>], colour: bool) -> String {
    let handler = handler(colour);
    let mut text = String::new();
    let all = findings.iter().flat_map(|project| project.diagnostics.iter().map(move |one| (project, *one)));
    for (project, one) in all.take(MOST) {
        render(&handler, project, one, &mut text);
    }
    let told: usize = findings.iter().map(|project| project.diagnostics.len()).sum();
    if told > MOST {
        text.push_str(&format!("and {} more; `--format short` lists them all\n\n", told - MOST));
    }
    text.push_str(&summary(findings));
    text
}

pub(super) fn handler(colour: bool) -> GraphicalReportHandler {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let width = terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0));
    GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(width.clamp(40, 120))
        .without_syntax_highlighting()
}

fn render(handler: &GraphicalReportHandler, project: &Findings<'_>, one: &Diagnostic, text: &mut String) {
    let labels = one.labels.iter().map(|label| (label.loc, label.text.as_str()));
    let severity = match one.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
    };
    let rule = format!("{}[{}]", one.severity.word(), one.rule.name());
    Shown::new(project, one.loc().file, &one.message, one.help.as_deref(), labels)
        .with_rule(severity, rule.clone())
        .render(handler, text, |message| format!("{}: {rule}: {message}\n", project.place_text(one.loc())));
    text.push('\n');
}

/// `2 errors, 1 warning in 3 files`, and where to read more.
fn summary(findings: &[Findings<'_>]) -> String {
    let Totals { errors, warnings, files } = Totals::of(findings);
    let files = counted(files, "file");
    let mut parts = Vec::new();
    if errors > 0 {
        parts.push(styled(Style::Red, &counted(errors, "error")));
    }
    if warnings > 0 {
        parts.push(styled(Style::Yellow, &counted(warnings, "warning")));
    }
    if parts.is_empty() {
        return format!("{} in {files}\n", styled(Style::Green, "no problems"));
    }
    let more = styled(Style::Dim, &format!("(more: {})", pages(findings)));
    format!("{} in {files} {more}\n", parts.join(", "))
}

/// `weir explain a`, for at most three of the rules.
fn pages(findings: &[Findings<'_>]) -> String {
    let mut rules: Vec<&str> = Vec::new();
    for one in findings.iter().flat_map(|project| &project.diagnostics) {
        if !rules.contains(&one.rule.name()) && rules.len() < 3 {
            rules.push(one.rule.name());
        }
    }
    let commands: Vec<String> = rules.iter().map(|rule| format!("weir explain {rule}")).collect();
    commands.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_compiler::project::SourceFile;
    use weir_lang::rules::Rule;
    use weir_lang::span::{FileId, Loc, Span};

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), module: Default::default(), text: text.into() }
    }

    fn place(file: u32, start: usize, end: usize) -> Loc {
        Loc { file: FileId(file), span: Span::new(start, end) }
    }

    fn told(files: Vec<SourceFile>, diagnostics: Vec<Diagnostic>) -> String {
        let findings = Findings::some(&files, &diagnostics, |_| true);
        anstream::adapter::strip_str(&human(&[findings], false)).to_string()
    }

    #[test]
    fn source_labels_help_and_count() {
        let files = vec![file("a.flow", "use b\nx = 1\nx = 2\n"), file("b.flow", "const y = 1\n")];
        let one = Diagnostic::new(Rule::DuplicateName, place(0, 12, 13), "`x` is bound twice")
            .here("again here")
            .label(place(0, 6, 7), "first here")
            .label(place(1, 6, 7), "and there")
            .help("give the second one a name of its own");
        let text = told(files, vec![one]);
        for part in [
            "error[duplicate-name]",
            "a.flow:3:1",
            "again here",
            "first here",
            "b.flow:1:7: and there",
            "of its own",
            "1 error in 2 files",
            "weir explain duplicate-name",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }

    #[test]
    fn a_long_line_and_hostile_text_stay_small_and_harmless() {
        let line = format!("{}\u{1b}[2J{}", "a".repeat(100_000), "b".repeat(100_000));
        let one = Diagnostic::new(Rule::Syntax, place(0, 100_000, 150_000), "bad \u{1b}[2J");
        let text = told(vec![file("a.flow", &line)], vec![one]);
        assert!(text.len() < 4000 && !text.contains('\u{1b}'), "{text:?}");
        assert!(text.contains("a.flow:1:100001") && text.contains("bad \\u{1b}[2J"), "{text}");
    }

    #[test]
    fn odd_places_do_no_harm() {
        let odd = [place(0, 0, 0), place(0, 4, 4), place(0, 3, 99), place(7, 1, 2), place(0, 1, 2)];
        let diagnostics = odd.iter().map(|place| Diagnostic::new(Rule::Syntax, *place, "odd")).collect();
        let text = told(vec![file("a.flow", "blå\n\n")], diagnostics);
        assert!(text.contains("5 errors in 1 file"), "{text}");
        let text = told(vec![file("a.flow", "")], vec![Diagnostic::new(Rule::Syntax, place(0, 0, 0), "empty")]);
        assert!(text.contains("a.flow:1:1"), "{text}");
    }
}
