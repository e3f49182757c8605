//! The steps of a run as people look at them: when each began, what its attempts came to, how it ended.

use crate::engine::History;
use crate::machine::{NoteKind, Status};
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
    /// `running`, `waiting`, `held` (not called while the run is paused, or while nobody knows what became of another
    /// call), `succeeded`, `failed`, `skipped`, `undone`, `unknown`, `needs_attention`, `cancelled` (the run ended around it).
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

/// The steps of a run as it is now: with what stands in line, what is held back, and what ended with the run.
pub fn steps(history: &History) -> Vec<StepLine> {
    let mut lines = timeline(&history.events);
    let metadata = &history.envelope.metadata;
    for line in lines.iter_mut().filter(|line| OPEN.contains(&line.state)) {
        let in_line = metadata.waiting.iter().find(|wait| wait.kind == "queue" && wait.step == line.step);
        if metadata.status.is_final() {
            line.state = if metadata.status == Status::Succeeded { "succeeded" } else { "cancelled" };
        } else if let Some(wait) = in_line {
            line.state = "waiting";
            line.reasons.extend(wait.question.clone());
        } else if history.held.contains(&line.step) {
            line.state = "held";
        }
    }
    lines
}

/// States of steps that have not ended.
const OPEN: [&str; 3] = ["running", "waiting", "needs_attention"];

/// The steps, in the order in which they began.
pub fn timeline(events: &[Observed]) -> Vec<StepLine> {
    let mut lines: Vec<StepLine> = Vec::new();
    // For look-ups only.
    let mut places: FxHashMap<EcoString, usize> = FxHashMap::default();
    for event in events.iter().filter(|event| !event.step.is_empty()) {
        // That a branch has chosen is all that its own step does.
        let state = if event.arm.is_some() { Some("succeeded") } else { state(event.event) };
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
        // The last attempt, the step and the run fail for the same reason: once is enough.
        line.reasons.extend(event.reason.clone().filter(|reason| line.reasons.last() != Some(reason)));
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
