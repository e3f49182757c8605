//! Tests of flows: the engine on a journal in memory, with a clock that stands still until there is nothing left to do,
//! and tools that are mocks. Nothing is started, opened or written; what happens depends on the text alone.

mod cut;
mod explain;
mod notation;
mod place;
mod report;
mod sample;
mod settle;
mod stage;
mod steps;
mod world;

pub use notation::{one_line, quoted, several_lines};
pub use place::step_place;
pub use report::{CallEnd, CallTold, Change, Failure, Reason, Remark, RunTold, TestReport};

use ecow::EcoString;
use indexmap::IndexMap;
use weir_compiler::test_plan::{TestPlan, TestSuite};

/// When the clock of a test begins.
pub const BEGIN: &str = "2026-01-01T00:00:00Z";

/// Calls that a test may make; one that makes more is taken for endless.
pub const MOST_CALLS: usize = 10_000;

/// Runs that a test may start; one that starts more is taken for endless.
pub const MOST_RUNS: usize = 1_000;

/// What a test takes from its project.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// The project's name: the scope of idempotency keys.
    pub project: EcoString,
    /// For `flag(name)`.
    pub flags: IndexMap<EcoString, bool>,
    /// The engine is killed again behind each of these calls, counted from 0 in the order in which they are made.
    pub kill_after: Vec<usize>,
}

/// Carries out one test. It blocks, and takes as long as computing does: waiting takes no time. Tests know nothing of
/// each other, so any number may run side by side.
pub fn run(suite: &TestSuite, test: &TestPlan, setting: &Setting) -> TestReport {
    steps::TestRun::new(suite, test, setting).carry_out()
}
