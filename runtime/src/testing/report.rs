//! What came of a test: which expectations do not hold and why, what was called, how the runs ended.

use crate::envelope::{Problem, Waiting};
use ecow::EcoString;
use weir_lang::diagnostic::Label;
use weir_lang::span::Loc;
use weir_stdlib::value::Value;

/// What came of one test.
#[derive(Clone, Debug)]
pub struct TestReport {
    /// Its name.
    pub name: EcoString,
    /// The module that it stands in; empty for a file alone.
    pub module: EcoString,
    /// Where its name stands.
    pub loc: Loc,
    /// Why it failed, in the order in which that came up. None: it passed.
    pub failures: Vec<Failure>,
    /// What is worth knowing where it failed.
    pub remarks: Vec<Remark>,
    /// Its runs, in order; those that runs started behind them.
    pub runs: Vec<RunTold>,
    /// Every attempt of a call, in order.
    pub calls: Vec<CallTold>,
    /// How much virtual time passed, in milliseconds.
    pub virtual_ms: i64,
}

impl TestReport {
    /// Whether everything held.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Why a test failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which kind.
    pub reason: Reason,
    /// What is wrong, lower case, user text in backticks.
    pub message: String,
    /// The places, the first one where it has to be looked at.
    pub labels: Vec<Label>,
    /// What to do next.
    pub help: Option<String>,
    /// What to write into the test, ready to be pasted.
    pub write: Option<String>,
    /// What was expected, where it is a value.
    pub expected: Option<Value>,
    /// What was found instead.
    pub actual: Option<Value>,
    /// The lines in which the two differ, where they have several.
    pub diff: Vec<(Change, String)>,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// An `expect` does not hold.
    Expectation,
    /// An expression of the test could not be computed.
    Expression,
    /// A tool was called that has no mock.
    MissingMock,
    /// A mock answers what its tool cannot.
    MockMisfit,
    /// An answer does not fit its question.
    AnswerMisfit,
    /// A flow could not be started.
    Refused,
    /// A run did not succeed, in a test that expects nothing.
    Unsuccessful,
    /// A `crash after` that was never reached.
    NotReached,
    /// It does not end.
    Endless,
    /// The engine broke down: a bug of ours.
    Broken,
}

/// Something worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// About which place.
    pub loc: Loc,
    /// What.
    pub text: String,
}

/// A line of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// In both.
    Same,
    /// Expected and not there.
    Missing,
    /// There and not expected.
    Extra,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct RunTold {
    /// The name that the test gave it; None: another run started it.
    pub name: Option<EcoString>,
    /// Its flow.
    pub flow: EcoString,
    /// How it is, as the language names it.
    pub status: &'static str,
    /// Why it is blocked.
    pub reason: Option<String>,
    /// What failed.
    pub error: Option<Problem>,
    /// Where the step stands that failed.
    pub place: Option<Loc>,
    /// What it waits for.
    pub waiting: Vec<Waiting>,
    /// What a failed compensation left.
    pub not_undone: Vec<String>,
    /// What it returned.
    pub value: Option<Value>,
}

/// One attempt of a call.
#[derive(Clone, Debug)]
pub struct CallTold {
    /// The tool's full name.
    pub tool: EcoString,
    /// Its arguments, narrowed to what the tool takes, without the key.
    pub args: Value,
    /// The idempotency key that it was sent.
    pub key: Option<EcoString>,
    /// Of which run.
    pub run_id: EcoString,
    /// The step's path.
    pub step: EcoString,
    /// From 1.
    pub attempt: u32,
    /// Milliseconds since the test began.
    pub at_ms: i64,
    /// What its mock said.
    pub end: CallEnd,
}

/// What a mock said.
#[derive(Clone, Debug, PartialEq)]
pub enum CallEnd {
    /// A result.
    Answered(Value),
    /// A failure: its code and message.
    Failed(EcoString, String),
    /// There is no mock for it.
    Unmocked,
}
