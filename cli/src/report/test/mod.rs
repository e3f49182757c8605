//! What came of tests, in the formats that it can be told in.

mod github;
mod human;
mod json;
mod junit;
mod short;

pub use github::github;
pub use human::human;
pub use json::json;
pub use junit::junit;
pub use short::short;

use super::Findings;
use weir_lang::span::Loc;
use weir_runtime::testing::{Failure, TestReport};

/// The tests of one project.
pub struct Tested<'a> {
    /// Its sources.
    pub findings: Findings<'a>,
    /// Its tests, in order.
    pub reports: Vec<TestReport>,
    /// Files in which tests were looked for.
    pub files: usize,
}

/// How many there are over all projects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Everything held.
    pub passed: usize,
    /// Something did not.
    pub failed: usize,
    /// Files looked at.
    pub files: usize,
}

impl Count {
    /// Counts.
    pub fn of(tested: &[Tested<'_>]) -> Self {
        let all = || tested.iter().flat_map(|project| &project.reports);
        let passed = all().filter(|report| report.passed()).count();
        Count { passed, failed: all().count() - passed, files: tested.iter().map(|project| project.files).sum() }
    }
}

impl Tested<'_> {
    /// The file that a test stands in.
    fn file(&self, report: &TestReport) -> &str {
        self.findings.path(report.loc.file)
    }
}

/// Where a failure has to be looked at.
fn place_of(report: &TestReport, failure: &Failure) -> Loc {
    failure.labels.first().map_or(report.loc, |label| label.loc)
}

/// A failure in words: what is wrong, the difference, what to do next.
fn words(failure: &Failure) -> String {
    let mut text = failure.message.clone();
    for (change, line) in &failure.diff {
        text.push_str(&format!("\n{} {line}", sign(*change)));
    }
    if let Some(write) = &failure.write {
        text.push_str(&format!("\nhelp: write `{write}`"));
    }
    if let Some(help) = &failure.help {
        text.push_str(&format!("\nhelp: {help}"));
    }
    text
}

fn sign(change: weir_runtime::testing::Change) -> char {
    match change {
        weir_runtime::testing::Change::Same => ' ',
        weir_runtime::testing::Change::Missing => '-',
        weir_runtime::testing::Change::Extra => '+',
    }
}
