//! The steps of a run as people look at them: when each began, what its attempts came to, how it ended.

use crate::machine::NoteKind;
use crate::observe::Observed;
use ecow::EcoString;
use rustc_hash::FxHashMap;
use serde::Serialize;

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepLine {
    /// Its path.
    pub step: EcoString,
    /// The flow that it stands in.
    pub flow: EcoString,
    /// `running`, `waiting`, `succeeded`, `failed`, `skipped`, `undone`, `unknown`, `needs_attention`.
    pub state: &'static str,
    /// Attempts so far.
    pub attempts: u32,
    /// RFC 3339.
    pub started_at: jiff::Timestamp,
    /// How long it took, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// What was decided about it, and why, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// The steps, in the order in which they began.
pub fn timeline(events: &[Observed]) -> Vec<StepLine> {
    let mut lines: Vec<StepLine> = Vec::new();
    // For look-ups only.
    let mut places: FxHashMap<EcoString, usize> = FxHashMap::default();
    for event in events.iter().filter(|event| !event.step.is_empty()) {
        let state = state(event.event);
        let at = places.get(&event.step).copied();
        let line = match at.and_then(|at| lines.get_mut(at)) {
            Some(line) => line,
            None => {
                places.insert(event.step.clone(), lines.len());
                lines.push(begun(event));
                let Some(line) = lines.last_mut() else { continue };
                line
            }
        };
        line.attempts = line.attempts.max(event.attempt.unwrap_or(0));
        line.state = state.unwrap_or(line.state);
        line.duration_ms = event.duration_ms.or(line.duration_ms);
        line.reasons.extend(event.reason.clone());
    }
    lines
}

fn begun(event: &Observed) -> StepLine {
    StepLine {
        step: event.step.clone(),
        flow: event.flow.clone(),
        state: "running",
        attempts: 0,
        started_at: event.at,
        duration_ms: None,
        reasons: Vec::new(),
    }
}

fn state(kind: NoteKind) -> Option<&'static str> {
    Some(match kind {
        NoteKind::StepStarted => "running",
        NoteKind::RunWaiting => "waiting",
        NoteKind::StepSucceeded => "succeeded",
        NoteKind::StepFailed => "failed",
        NoteKind::StepSkipped => "skipped",
        NoteKind::StepUndone => "undone",
        NoteKind::StepUnknown => "unknown",
        NoteKind::RunNeedsAttention => "needs_attention",
        _ => return None,
    })
}
