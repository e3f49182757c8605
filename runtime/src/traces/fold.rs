//! Spans from what is observed. A span is made when what it tells of has ended; its beginning is known from how long that
//! took, so a run that goes on in another process has its spans too.

use super::span_id;
use crate::machine::{NoteKind, trace_id};
use crate::observe::Observed;
use ecow::EcoString;
use std::collections::BTreeMap;

/// Something that took time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// 32 hexadecimal digits.
    pub trace_id: EcoString,
    /// Its own id.
    pub id: [u8; 8],
    /// The span around it; None: it is the run's.
    pub parent: Option<[u8; 8]>,
    /// Another trace's span that led to it: the run that started this run, by trace and span.
    pub link: Option<(EcoString, [u8; 8])>,
    /// The flow, or the step's path.
    pub name: String,
    /// A call of a tool: it leaves this process.
    pub calls: bool,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// Nanoseconds since 1970.
    pub end: u64,
    /// What it failed with.
    pub error: Option<String>,
    /// By the names of the events' fields, with `weir.` before them.
    pub attributes: Vec<(&'static str, String)>,
}

/// What is known of the steps under way.
#[derive(Debug, Default)]
pub struct Spans {
    runs: BTreeMap<EcoString, BTreeMap<EcoString, u64>>,
}

impl Spans {
    /// The spans that end with this.
    pub fn see(&mut self, one: &Observed) -> Vec<Span> {
        let at = nanos(one);
        match one.event {
            NoteKind::StepStarted => {
                self.runs.entry(one.run_id.clone()).or_default().insert(one.step.clone(), at);
                Vec::new()
            }
            NoteKind::AttemptFailed if !one.tool.is_empty() => self.attempt_failed(one, at),
            NoteKind::StepSucceeded | NoteKind::StepFailed => self.step_ended(one, at),
            // A monitor that was left out. Any other step that is skipped comes to its own end.
            NoteKind::StepSkipped if one.duration_ms.is_some() => self.step_ended(one, at),
            NoteKind::StepUndone => vec![self.step(one, at, format!("undo {}", one.step))],
            NoteKind::RunSucceeded
            | NoteKind::RunBlocked
            | NoteKind::RunFailed
            | NoteKind::RunCompensated
            | NoteKind::RunCompensationFailed
            | NoteKind::RunCancelled => {
                self.runs.remove(&one.run_id);
                vec![run(one, at)]
            }
            _ => Vec::new(),
        }
    }

    fn attempt_failed(&mut self, one: &Observed, at: u64) -> Vec<Span> {
        let steps = self.runs.entry(one.run_id.clone()).or_default();
        let begun = steps.get(&one.step).copied().unwrap_or(at);
        let next = one.retry_in_ms.map(|millis| at.saturating_add(millis.saturating_mul(1_000_000)));
        steps.insert(one.step.clone(), next.unwrap_or(at));
        vec![attempt(one, begun, at)]
    }

    fn step_ended(&mut self, one: &Observed, at: u64) -> Vec<Span> {
        let begun = self.runs.get_mut(&one.run_id).and_then(|steps| steps.remove(&one.step));
        let step = self.step(one, at, one.step.to_string());
        let mut spans = Vec::new();
        // A failed call has told of its last attempt already.
        if !one.tool.is_empty() && one.event == NoteKind::StepSucceeded {
            spans.push(attempt(one, begun.unwrap_or(step.start).min(at), at));
        }
        spans.push(step);
        spans
    }

    fn step(&self, one: &Observed, at: u64, name: String) -> Span {
        let undo = one.event == NoteKind::StepUndone;
        let place = if undo { format!("{}/undo", one.step) } else { one.step.to_string() };
        Span {
            id: span_id(&one.run_id, &place, 0),
            parent: Some(self.around(one)),
            name,
            calls: false,
            start: at.saturating_sub(took(one)),
            ..run(one, at)
        }
    }

    /// The nearest step around it that is under way, else the run.
    fn around(&self, one: &Observed) -> [u8; 8] {
        let known = self.runs.get(&one.run_id);
        let mut path = one.step.as_str();
        while let Some((outer, _)) = path.rsplit_once('/') {
            let step = outer.trim_end_matches(|letter: char| letter.is_ascii_digit()).trim_end_matches('@');
            let found = [outer, step].into_iter().find(|step| known.is_some_and(|known| known.contains_key(*step)));
            if let Some(step) = found {
                return span_id(&one.run_id, step, 0);
            }
            path = outer;
        }
        span_id(&one.run_id, "", 0)
    }
}

fn run(one: &Observed, at: u64) -> Span {
    let failed = !matches!(one.event, NoteKind::RunSucceeded | NoteKind::StepSucceeded | NoteKind::StepUndone);
    Span {
        trace_id: one.trace_id.clone(),
        id: span_id(&one.run_id, "", 0),
        parent: None,
        link: one.parent.as_ref().map(|parent| (trace_id(parent), span_id(parent, "", 0))),
        name: one.flow.to_string(),
        calls: false,
        start: at.saturating_sub(took(one)),
        end: at,
        error: failed.then(|| one.reason.clone().unwrap_or_default()),
        attributes: attributes(one),
    }
}

fn attempt(one: &Observed, start: u64, end: u64) -> Span {
    let number = one.attempt.unwrap_or(1);
    Span {
        id: span_id(&one.run_id, &one.step, number),
        parent: Some(span_id(&one.run_id, &one.step, 0)),
        name: one.tool.to_string(),
        calls: true,
        start,
        ..run(one, end)
    }
}

fn attributes(one: &Observed) -> Vec<(&'static str, String)> {
    let mut all = vec![("weir.run_id", one.run_id.to_string()), ("weir.flow", one.flow.to_string())];
    if !one.step.is_empty() {
        all.push(("weir.step", one.step.to_string()));
    }
    all.extend(one.attempt.map(|attempt| ("weir.attempt", attempt.to_string())));
    if !one.tool.is_empty() {
        all.push(("weir.tool", one.tool.to_string()));
    }
    all
}

fn nanos(one: &Observed) -> u64 {
    u64::try_from(one.at.as_nanosecond()).unwrap_or(0)
}

fn took(one: &Observed) -> u64 {
    u64::try_from(one.duration_ms.unwrap_or(0)).unwrap_or(0).saturating_mul(1_000_000)
}
