//! What a run answers: its metadata and its records, in the shape of the language definition. Parts with a `secret`
//! label are masked.

use crate::machine::path;
use crate::machine::{Allowance, Effect, Machine, Run, Status, Timer};
use ecow::EcoString;
use serde::ser::Error;
use serde::{Serialize, Serializer};
use weir_stdlib::ReportKind;
use weir_stdlib::value::{Labels, Origin, Value};

/// `{ metadata, records }`
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Envelope {
    /// About the run.
    pub metadata: Metadata,
    /// What the entry flow returned: the elements of a list, anything else as one record.
    pub records: Vec<Record>,
    /// The same as it was returned, secrets masked; None while there is nothing.
    #[serde(skip)]
    pub value: Option<Value>,
}

/// About a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metadata {
    /// UUID v7.
    pub run_id: EcoString,
    /// Full name of the entry flow.
    pub flow: EcoString,
    /// Hash of the plan.
    pub program: EcoString,
    /// How the run is.
    pub status: Status,
    /// RFC 3339.
    pub started_at: Option<EcoString>,
    /// RFC 3339, once it has ended.
    pub finished_at: Option<EcoString>,
    /// Something optional is missing, a delivery was disabled, a loop reached its maximum.
    pub partial: bool,
    /// A rule stopped it.
    pub blocked: bool,
    /// The rule's reason.
    pub reason: Option<String>,
    /// What failed; null for a block, whose `reason` says it all.
    pub error: Option<Problem>,
    /// Calls, questions, receipts and starts begun.
    pub steps: u64,
    /// Attempts of tool calls, undos included.
    pub attempts: u64,
    /// What was changed outside, in the order of completion.
    pub side_effects: Vec<SideEffect>,
    /// What happened to single records.
    pub report: Vec<ReportEntry>,
    /// While it waits: for what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    /// What a failed compensation left, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_undone: Vec<String>,
    /// Runs that it had started, and that were cancelled with it because they were not over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also_cancelled: Vec<EcoString>,
    /// How deep it is: one level more than the flow whose step started it. None: no step did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u64>,
    /// What the run may still use up of its budget, and of that of the flow that started it. None: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_left: Option<BudgetLeft>,
    /// 32 hexadecimal digits.
    pub trace_id: EcoString,
}

/// What is left of a budget, without its time; only parts that there are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BudgetLeft {
    /// Attempts of tool calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// The sum of their costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Levels of flows and started runs below its entry flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u64>,
}

/// `{ code, message, step }`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `timeout`, `not_found`, …
    pub code: EcoString,
    /// For people.
    pub message: String,
    /// Path of the step that failed first.
    pub step: EcoString,
}

/// A call that changed something.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SideEffect {
    /// Path of the step.
    pub step: EcoString,
    /// The tool.
    pub tool: EcoString,
    /// The result's `id`, or null.
    #[serde(serialize_with = "plain")]
    pub id: Value,
    /// Whether it was taken back.
    pub undone: bool,
}

/// What happened to a record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReportEntry {
    /// Path of the step.
    pub step: EcoString,
    /// What.
    pub kind: ReportKind,
    /// The record.
    #[serde(serialize_with = "plain")]
    pub record: Value,
    /// Why.
    pub reason: String,
}

/// What a run waits for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Waiting {
    /// Path of the step; empty for the run as a whole.
    pub step: EcoString,
    /// `ask`, `receive`, `wait`; `unknown` or `escalated` for an operator; `outbox` for an archiver that is run again;
    /// `queue` for a run or a call that stands in a line.
    pub kind: &'static str,
    /// The question, the name of the event, or why the line does not move.
    pub question: Option<String>,
    /// What the answer must fit, in Weir's notation.
    #[serde(rename = "type")]
    pub ty: Option<String>,
    /// Who is asked, or the key of the event.
    pub from: Option<EcoString>,
    /// When it is too late, or over.
    pub until: Option<EcoString>,
}

/// A record and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// The value.
    #[serde(serialize_with = "plain")]
    pub value: Value,
    /// The calls that it comes from.
    pub provenance: Vec<Origin>,
}

fn plain<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    let raw = serde_json::value::RawValue::from_string(value.to_json()).map_err(S::Error::custom)?;
    raw.serialize(serializer)
}

impl BudgetLeft {
    /// What is left to a machine's run that begins, or has begun, with this.
    pub(crate) fn of(machine: &Machine, allowance: Option<&Allowance>) -> Option<BudgetLeft> {
        let (calls, cost, depth) = machine.budget_left(allowance)?;
        Some(BudgetLeft { calls, cost, depth })
    }
}

impl Envelope {
    /// What a machine's run has come to.
    pub(crate) fn of(machine: &Machine) -> Envelope {
        let run = machine.record();
        let status = machine.status();
        Envelope::at(machine, run, status)
    }

    /// The same with another word on how the run is.
    pub(crate) fn at(machine: &Machine, run: &Run, status: Status) -> Envelope {
        let failure = run.failure.as_deref().or_else(|| machine.attention().map(|(_, failure)| failure));
        let blocked = failure.is_some_and(|failure| failure.code == "blocked");
        let left = run.left.clone();
        let metadata = Metadata {
            run_id: run.id.clone(),
            flow: run.flow.clone(),
            program: run.program.clone(),
            status,
            started_at: run.started_at.map(|at| at.to_string().into()),
            finished_at: run.finished_at.map(|at| at.to_string().into()),
            partial: run.partial,
            blocked,
            reason: failure.filter(|_| blocked).map(|failure| failure.text()),
            error: failure.filter(|_| status != Status::Blocked).map(|failure| Problem {
                code: failure.code.clone(),
                message: failure.text(),
                step: failure.step.clone(),
            }),
            steps: run.steps,
            attempts: run.attempts,
            side_effects: run
                .effects
                .iter()
                .map(|effect| SideEffect {
                    step: effect.step.clone(),
                    tool: effect.tool.clone(),
                    id: effect.id.mask(),
                    undone: effect.undone,
                })
                .collect(),
            report: report(machine),
            waiting: waiting(machine),
            not_undone: left,
            also_cancelled: machine.also_cancelled().to_vec(),
            depth: run.allowance.as_ref().map(|allowance| allowance.depth).filter(|depth| *depth > 0),
            budget_left: BudgetLeft::of(machine, run.allowance.as_ref()),
            trace_id: run.trace.clone(),
        };
        let value = run.value.as_ref().map(Value::mask);
        Envelope { metadata, records: records(run.value.as_ref()), value }
    }

    /// The exit code of `weir run`: 0 done, 1 failed, 3 blocked, 4 compensated, 5 somebody has to act, 130 cancelled.
    pub fn exit_code(&self) -> i32 {
        match self.metadata.status {
            Status::Succeeded => 0,
            Status::Failed | Status::CompensationFailed => 1,
            Status::Blocked => 3,
            Status::Compensated => 4,
            Status::Cancelled => 130,
            Status::Queued | Status::Running | Status::Compensating => 5,
            Status::Waiting | Status::Paused | Status::NeedsAttention => 5,
        }
    }

    /// One line of JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Indented JSON, for people.
    pub fn to_json_pretty(&self) -> String {
        let line = self.to_json();
        Value::from_json(&line).map_or(line, |value| value.to_json_pretty())
    }
}

pub(crate) fn records(value: Option<&Value>) -> Vec<Record> {
    let record = |value: &Value, around: &Labels| Record {
        value: value.clone().joined(around).mask(),
        provenance: around.join(&value.deep_labels()).origins().cloned().collect(),
    };
    match value {
        None => Vec::new(),
        Some(value) => match value.as_list() {
            Some(items) => items.iter().map(|item| record(item, &value.labels)).collect(),
            None => vec![record(value, &Labels::NONE)],
        },
    }
}

fn report(machine: &Machine) -> Vec<ReportEntry> {
    let mut lines: Vec<ReportEntry> = machine
        .record()
        .report
        .iter()
        .map(|line| ReportEntry {
            step: line.step.clone(),
            kind: line.kind,
            record: line.record.mask(),
            reason: line.reason.mask().display_text(),
        })
        .collect();
    lines.sort_by(|a, b| path::compare(&a.step, &b.step));
    lines
}

fn waiting(machine: &Machine) -> Vec<Waiting> {
    let mut waiting: Vec<Waiting> = machine.owed().filter_map(waits_for).collect();
    waiting.sort_by(|a, b| path::compare(&a.step, &b.step));
    waiting.extend(machine.outbox_until().map(|(key, until)| Waiting {
        step: key.step.clone(),
        kind: "outbox",
        question: None,
        ty: None,
        from: None,
        until: Some(until.to_string().into()),
    }));
    if machine.over() { Vec::new() } else { waiting }
}

fn waits_for(effect: &Effect) -> Option<Waiting> {
    let shown = |until: Option<jiff::Timestamp>| until.map(|until| until.to_string().into());
    Some(match effect {
        Effect::Ask(ask) => Waiting {
            step: ask.key.step.clone(),
            kind: "ask",
            question: Some(ask.question.mask().display_text()),
            ty: Some(ask.ty.to_string()),
            from: ask.from.clone(),
            until: shown(ask.until),
        },
        Effect::Receive(receive) => Waiting {
            step: receive.key.step.clone(),
            kind: "receive",
            question: Some(receive.event.to_string()),
            ty: Some(receive.ty.to_string()),
            from: receive.with.clone(),
            until: shown(receive.until),
        },
        Effect::Attend(attend) => Waiting {
            step: attend.key.step.clone(),
            kind: if attend.escalated { "escalated" } else { "unknown" },
            question: Some(format!("{}: {}", attend.code, attend.message.mask().display_text())),
            ty: attend.ty.as_ref().map(ToString::to_string),
            from: None,
            until: None,
        },
        Effect::Sleep { key, timer: Timer::Wait, until } => Waiting {
            step: key.step.clone(),
            kind: "wait",
            question: None,
            ty: None,
            from: None,
            until: shown(Some(*until)),
        },
        _ => return None,
    })
}
