//! What is known about the run as a whole: who, since when, what it did, how it ended.

use super::code::Code;
use super::event::{Allowance, Started};
use super::failure::Failure;
use crate::tool::Happened;
use ecow::EcoString;
use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use weir_stdlib::ReportKind;
use weir_stdlib::hex;
use weir_stdlib::value::Value;

/// The statuses of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not begun.
    Queued,
    /// Under way.
    Running,
    /// For a person, an event or a time.
    Waiting,
    /// Nothing new is called.
    Paused,
    /// Ended well.
    Succeeded,
    /// A rule stopped it.
    Blocked,
    /// Ended with an error.
    Failed,
    /// A saga takes back what it did.
    Compensating,
    /// A saga took back what it did.
    Compensated,
    /// Something could not be taken back.
    CompensationFailed,
    /// Cancelled.
    Cancelled,
    /// A call may have happened; an operator has to say.
    NeedsAttention,
}

impl Status {
    /// As the language names it.
    pub fn word(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Running => "running",
            Status::Waiting => "waiting",
            Status::Paused => "paused",
            Status::Succeeded => "succeeded",
            Status::Blocked => "blocked",
            Status::Failed => "failed",
            Status::Compensating => "compensating",
            Status::Compensated => "compensated",
            Status::CompensationFailed => "compensation_failed",
            Status::Cancelled => "cancelled",
            Status::NeedsAttention => "needs_attention",
        }
    }

    /// Whether nothing more happens by itself.
    pub fn is_final(self) -> bool {
        !matches!(
            self,
            Status::Queued
                | Status::Running
                | Status::Waiting
                | Status::Paused
                | Status::Compensating
                | Status::NeedsAttention
        )
    }
}

/// The run as a whole.
#[derive(Debug)]
pub(crate) struct Run {
    pub flow: EcoString,
    pub id: EcoString,
    /// What `uuid()` and `random()` are made from.
    pub seed: EcoString,
    pub program: EcoString,
    pub project: EcoString,
    pub trace: EcoString,
    pub delivery: bool,
    pub flags: IndexMap<EcoString, bool>,
    pub grants: Vec<EcoString>,
    /// What it has from the flow whose step started it.
    pub allowance: Option<Allowance>,
    /// As in [`Started::beside`].
    pub beside: bool,
    /// Attempts and cost that count for its budget.
    pub charged: (u64, f64),
    pub now: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub ended: Option<Status>,
    pub partial: bool,
    pub failure: Option<Box<Failure>>,
    pub value: Option<Value>,
    pub steps: u64,
    pub attempts: u64,
    pub worked: u64,
    pub seq: u64,
    pub effects: Vec<SideEffect>,
    pub report: Vec<ReportLine>,
    pub left: Vec<String>,
    /// Something was taken back.
    pub undone: bool,
}

/// A call that changed something.
#[derive(Clone, Debug)]
pub(crate) struct SideEffect {
    pub step: EcoString,
    pub tool: EcoString,
    pub id: Value,
    pub undone: bool,
}

/// A line of the report.
#[derive(Clone, Debug)]
pub(crate) struct ReportLine {
    pub step: EcoString,
    pub kind: ReportKind,
    pub record: Value,
    pub reason: Value,
}

impl Run {
    pub(super) fn new(code: &Code) -> Run {
        Run {
            flow: code.plan.entry_flow().map(|flow| flow.name.clone()).unwrap_or_default(),
            id: EcoString::new(),
            seed: EcoString::new(),
            program: EcoString::new(),
            project: EcoString::new(),
            trace: EcoString::new(),
            delivery: false,
            flags: IndexMap::new(),
            grants: Vec::new(),
            allowance: None,
            beside: false,
            charged: (0, 0.0),
            now: Timestamp::UNIX_EPOCH,
            started_at: None,
            finished_at: None,
            ended: None,
            partial: false,
            failure: None,
            value: None,
            steps: 0,
            attempts: 0,
            worked: 0,
            seq: 0,
            effects: Vec::new(),
            report: Vec::new(),
            left: Vec::new(),
            undone: false,
        }
    }

    pub(super) fn begin(&mut self, started: &Started) {
        self.id = started.run_id.clone();
        self.seed = started.seed.clone().unwrap_or_else(|| started.run_id.clone());
        self.program = started.program.clone();
        self.project = started.project.clone();
        self.trace = trace_id(&started.run_id);
        self.delivery = started.delivery;
        self.flags = started.flags.clone();
        self.grants = started.grants.clone();
        self.allowance = started.allowance.clone();
        self.beside = started.beside;
        self.started_at = Some(self.now);
    }

    pub(super) fn over(&self) -> bool {
        self.ended.is_some()
    }

    /// Time never runs backwards.
    pub(super) fn tick(&mut self, at: Timestamp) {
        self.now = if self.started_at.is_none() { at } else { self.now.max(at) };
    }

    /// The next place in the order of completion.
    pub(super) fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// How a run whose entry flow failed is called.
    ///
    /// A failed compensation comes first. An entry saga counts as `compensated` when
    /// at least one call of the run was undone, whatever the cause; else the cause decides.
    pub(super) fn end_of(&self, failure: &Failure, entry_saga: bool) -> Status {
        let undone = self.undone;
        match failure.code.as_str() {
            _ if !self.left.is_empty() => Status::CompensationFailed,
            _ if entry_saga && undone => Status::Compensated,
            "blocked" => Status::Blocked,
            "cancelled" => Status::Cancelled,
            _ => Status::Failed,
        }
    }
}

/// The trace id of a run: 32 hexadecimal digits, the same wherever it is asked for.
pub(crate) fn trace_id(run_id: &str) -> EcoString {
    let mut id = hex(&Sha256::digest(run_id.as_bytes()));
    id.truncate(32);
    id.into()
}

/// What stands where nothing is known.
impl Default for Failure {
    fn default() -> Self {
        Failure {
            code: "failed".into(),
            message: Value::text("the step failed"),
            step: EcoString::new(),
            happened: Happened::No,
            retry_after_ms: None,
            lasting: false,
        }
    }
}
