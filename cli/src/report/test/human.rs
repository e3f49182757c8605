//! For a person: each test, each expectation that does not hold with its source and the values, what was called, and one
//! line that counts.

use super::{Count, Tested};
use crate::escape;
use crate::out::{Style, styled};
use crate::report::counted;
use crate::report::human::handler;
use crate::report::shown::Shown;
use miette::GraphicalReportHandler;
use weir_runtime::testing::{Change, Failure, RunTold, TestReport, quoted};

/// With more tests than this, those that passed are only counted.
const LISTED: usize = 200;

/// More failing tests than this in one go help nobody.
const MOST: usize = 50;

/// Calls that are shown of one test.
const CALLS: usize = 30;

/// Longest line that is shown of a call, in characters.
const WIDE: usize = 160;

/// The whole report.
pub fn human(tested: &[Tested<'_>], colour: bool) -> String {
    let count = Count::of(tested);
    let mut text = list(tested, count.passed + count.failed <= LISTED);
    let handler = handler(colour);
    let failed = tested.iter().flat_map(|project| project.reports.iter().map(move |report| (project, report)));
    for (project, report) in failed.filter(|(_, report)| !report.passed()).take(MOST) {
        text.push_str(&format!("{} {}\n\n", styled(Style::Red, "test"), styled(Style::Bold, &named(&report.name))));
        one(&handler, project, report, &mut text);
    }
    if count.failed > MOST {
        text.push_str(&format!("and {} more; `--format short` lists them all\n\n", count.failed - MOST));
    }
    text.push_str(&summary(count));
    text
}

/// The tests by file, with a sign each.
fn list(tested: &[Tested<'_>], all: bool) -> String {
    let mut text = String::new();
    for project in tested {
        for reports in project.reports.chunk_by(|one, next| one.loc.file == next.loc.file) {
            let shown: Vec<&TestReport> = reports.iter().filter(|report| all || !report.passed()).collect();
            if let Some(first) = shown.first() {
                text.push_str(&format!("{}\n", escape::line(project.file(first))));
            }
            for report in shown {
                let sign = if report.passed() { styled(Style::Green, "✓") } else { styled(Style::Red, "✗") };
                text.push_str(&format!("  {sign} {}\n", escape::line(&report.name)));
            }
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn one(handler: &GraphicalReportHandler, project: &Tested<'_>, report: &TestReport, text: &mut String) {
    for failure in &report.failures {
        let place = super::place_of(report, failure);
        let labels = failure.labels.iter().map(|label| (label.loc, label.text.as_str()));
        Shown::new(&project.findings, place.file, &failure.message, failure.help.as_deref(), labels).render(
            handler,
            text,
            |message| format!("{}: {message}\n", project.findings.place_text(place)),
        );
        difference(failure, text);
        text.push('\n');
    }
    let before = text.len();
    let lines: Vec<&str> = report.failures.iter().filter_map(|failure| failure.write.as_deref()).collect();
    if lines.is_empty() {
        report.runs.iter().for_each(|run| ended(project, run, text));
        calls(report, text);
    } else {
        // What followed from answers that were made up says nothing.
        text.push_str(&format!(
            "  {}\n",
            styled(Style::Bold, "write into the test, with the values that matter to it:")
        ));
        lines.iter().for_each(|line| text.push_str(&format!("    {}\n", escape::line(line))));
    }
    for remark in &report.remarks {
        let place = project.findings.place_text(remark.loc);
        text.push_str(&format!("  note: {} ({place})\n", escape::line(&remark.text)));
    }
    if text.len() > before {
        text.push('\n');
    }
}

/// The lines in which what was found differs from what was expected.
fn difference(failure: &Failure, text: &mut String) {
    if failure.diff.is_empty() {
        return;
    }
    let (minus, plus) = (styled(Style::Red, "- expected"), styled(Style::Green, "+ found"));
    text.push_str(&format!("  {minus}  {plus}\n"));
    for (change, line) in &failure.diff {
        let line = format!("{} {}", super::sign(*change), escape::line(line));
        text.push_str(&match change {
            Change::Same => format!("  {line}\n"),
            Change::Missing => format!("  {}\n", styled(Style::Red, &line)),
            Change::Extra => format!("  {}\n", styled(Style::Green, &line)),
        });
    }
}

/// How a run ended, and why.
fn ended(project: &Tested<'_>, run: &RunTold, text: &mut String) {
    let name = run
        .name
        .as_ref()
        .map_or_else(|| format!("the run of `{}` that was started", run.flow), |name| format!("`{name}`"));
    let mut line = format!("{name} is `{}`", run.status);
    if let Some(error) = &run.error {
        line.push_str(&format!(": {}: {}", error.code, error.message));
        if let Some(place) = run.place {
            line.push_str(&format!(" ({})", project.findings.place_text(place)));
        }
    } else if let Some(reason) = &run.reason {
        line.push_str(&format!(": {reason}"));
    }
    text.push_str(&format!("  {}\n", escape::short(&line, WIDE * 2)));
    for wait in &run.waiting {
        let what = wait.question.as_deref().unwrap_or_default();
        let written = quoted(what);
        let key = wait
            .from
            .as_ref()
            .filter(|_| wait.kind == "receive")
            .map_or_else(String::new, |key| format!(" key {}", quoted(key)));
        let line = match wait.kind {
            "ask" => format!("nobody answers {written}: `answer {written} => …`"),
            "receive" => format!("nobody sends {written}: `signal {written}{key} => …`"),
            kind => format!("waits ({kind}) at `{}`: {what}", wait.step),
        };
        text.push_str(&format!("    {}\n", escape::short(&line, WIDE)));
    }
    for left in &run.not_undone {
        text.push_str(&format!("    not undone: {}\n", escape::short(left, WIDE)));
    }
}

fn calls(report: &TestReport, text: &mut String) {
    if report.calls.is_empty() {
        return;
    }
    text.push_str(&format!("  {}\n", styled(Style::Dim, "calls, in order")));
    let alike: Vec<(String, usize)> = report
        .calls
        .chunk_by(|one, next| one.line() == next.line())
        .filter_map(|calls| Some((calls.first()?.line(), calls.len())))
        .collect();
    for (line, times) in alike.iter().take(CALLS) {
        let times = if *times > 1 { format!(", {times} times") } else { String::new() };
        text.push_str(&format!("    {}{times}\n", escape::short(line, WIDE)));
    }
    if let Some(more) = alike.len().checked_sub(CALLS).filter(|more| *more > 0) {
        text.push_str(&format!("    and {more} more; `--format json` has them all\n"));
    }
}

/// `3 passed, 1 failed in 2 files`
fn summary(count: Count) -> String {
    let files = counted(count.files, "file");
    if count.passed + count.failed == 0 {
        return format!("{} in {files}\n", styled(Style::Yellow, "no tests"));
    }
    let mut parts = Vec::new();
    if count.failed > 0 {
        parts.push(styled(Style::Red, &format!("{} failed", count.failed)));
    }
    if count.passed > 0 || count.failed == 0 {
        parts.push(styled(Style::Green, &format!("{} passed", count.passed)));
    }
    format!("{} in {files}\n", parts.join(", "))
}

fn named(name: &str) -> String {
    format!("\"{}\"", escape::line(name))
}
