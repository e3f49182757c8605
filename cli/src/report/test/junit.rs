//! JUnit XML, which build servers read: a suite for each file, a case for each test.

use super::{Count, Tested, place_of, words};
use crate::report::Findings;
use std::fmt::Write;
use weir_lang::diagnostic::Severity;
use weir_runtime::testing::TestReport;

/// One document. What keeps a project from being tested is a case with an error.
pub fn junit(tested: &[Tested<'_>], broken: &[Findings<'_>]) -> String {
    let count = Count::of(tested);
    let errors: usize = broken.iter().map(|project| mistakes(project).count()).sum();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let tests = count.passed + count.failed + errors;
    let failed = count.failed;
    let _ =
        writeln!(out, "<testsuites name=\"weir test\" tests=\"{tests}\" failures=\"{failed}\" errors=\"{errors}\">");
    broken.iter().for_each(|project| checked(project, &mut out));
    for project in tested {
        for reports in project.reports.chunk_by(|one, next| one.loc.file == next.loc.file) {
            suite(project, reports, &mut out);
        }
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(project: &Tested<'_>, reports: &[TestReport], out: &mut String) {
    let Some(first) = reports.first() else { return };
    let (file, tests) = (text(project.file(first)), reports.len());
    let failed = reports.iter().filter(|report| !report.passed()).count();
    let _ = writeln!(out, "  <testsuite name=\"{file}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"0\">");
    for report in reports {
        let line = project.findings.place(report.loc).line;
        let class = if report.module.is_empty() { &file } else { &text(&report.module) };
        let name = text(&report.name);
        let _ = write!(out, "    <testcase classname=\"{class}\" name=\"{name}\" file=\"{file}\" line=\"{line}\"");
        out.push_str(if report.passed() { "/>\n" } else { ">\n" });
        for failure in &report.failures {
            let place = project.findings.place_text(place_of(report, failure));
            let message = text(&failure.message);
            let _ = writeln!(
                out,
                "      <failure message=\"{message}\">{}</failure>",
                text(&format!("{place}: {}", words(failure)))
            );
        }
        if !report.passed() {
            out.push_str("    </testcase>\n");
        }
    }
    out.push_str("  </testsuite>\n");
}

fn mistakes<'a>(project: &'a Findings<'_>) -> impl Iterator<Item = &'a weir_lang::diagnostic::Diagnostic> {
    project.diagnostics.iter().copied().filter(|one| one.severity == Severity::Error)
}

fn checked(project: &Findings<'_>, out: &mut String) {
    let errors = mistakes(project).count();
    let _ = writeln!(out, "  <testsuite name=\"weir check\" tests=\"{errors}\" failures=\"0\" errors=\"{errors}\">");
    for one in mistakes(project) {
        let (file, place) = (text(project.path(one.loc().file)), text(&project.place_text(one.loc())));
        let (rule, message) = (one.rule.name(), text(&one.message));
        let _ = writeln!(out, "    <testcase classname=\"{file}\" name=\"{rule} at {place}\">");
        let _ = writeln!(out, "      <error message=\"{message}\">{place}: {message}</error>\n    </testcase>");
    }
    out.push_str("  </testsuite>\n");
}

/// Text for XML; what XML has no word for is left out as `\u{1b}`.
fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in crate::escape::lines(raw).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
