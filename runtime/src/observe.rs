//! What people and programs see of runs: every decision as one event, in the shape of `weir run --events`.

use crate::machine::{Note, NoteKind};
use ecow::EcoString;
use serde::Serialize;

/// One observed event; what does not apply is left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Observed {
    /// Counts the run's decisions, from 1, the same each time they are read; 0: it stands in no journal. Not shown: who
    /// numbers events for others does so in a shape of its own.
    #[serde(skip)]
    pub seq: u64,
    /// `step.started`, `run.failed`, …
    pub event: NoteKind,
    /// Of which run.
    pub run_id: EcoString,
    /// The run that started it, for what concerns the run as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<EcoString>,
    /// Full name of the flow.
    pub flow: EcoString,
    /// Path of the step.
    #[serde(skip_serializing_if = "EcoString::is_empty")]
    pub step: EcoString,
    /// Which attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The tool that the step calls.
    #[serde(skip_serializing_if = "EcoString::is_empty")]
    pub tool: EcoString,
    /// How many calls of it the step has made. Not shown: attempts are.
    #[serde(skip)]
    pub calls: u32,
    /// The arm that a branch took. Not shown: the reason says it.
    #[serde(skip)]
    pub arm: Option<EcoString>,
    /// Which instance of its server, where there are several.
    #[serde(skip_serializing_if = "EcoString::is_empty")]
    pub instance: EcoString,
    /// When the next attempt begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_in_ms: Option<u64>,
    /// How long the step or run took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// RFC 3339.
    pub at: jiff::Timestamp,
    /// 32 hexadecimal digits.
    pub trace_id: EcoString,
}

impl Observed {
    /// A decision of a run's machine.
    pub fn of(seq: u64, note: Note, run_id: &EcoString, trace_id: &EcoString) -> Observed {
        Observed {
            seq,
            event: note.event,
            run_id: run_id.clone(),
            parent: None,
            flow: note.flow,
            step: note.step,
            attempt: note.attempt,
            reason: note.reason,
            tool: note.tool,
            calls: note.calls,
            arm: note.arm,
            instance: EcoString::new(),
            retry_in_ms: note.retry_in_ms,
            duration_ms: note.duration_ms,
            at: note.at,
            trace_id: trace_id.clone(),
        }
    }

    /// The same with the run that started its run.
    pub(crate) fn below(mut self, parent: Option<&EcoString>) -> Observed {
        self.parent = parent.filter(|_| self.step.is_empty()).cloned();
        self
    }

    /// One line of JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
