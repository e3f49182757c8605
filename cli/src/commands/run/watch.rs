//! What is observed of a run on its way: as JSON lines for a program, as one moving line for a person.

use super::progress::{Progress, Seen};
use crate::escape;
use crate::out;
use ecow::EcoString;
use std::sync::{Arc, Mutex, PoisonError};
use weir_runtime::machine::NoteKind;
use weir_runtime::observe::Observed;

/// The moving line, where there is one; shared with whoever has to clear it.
#[derive(Clone)]
pub struct Line(Arc<Mutex<Option<Progress>>>);

impl Line {
    fn with(&self, body: impl FnOnce(&mut Progress)) {
        if let Some(progress) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            body(progress);
        }
    }

    /// Takes the line away while a person is asked.
    pub fn hide(&self) {
        self.with(Progress::hide);
    }

    /// Brings it back.
    pub fn show(&self) {
        self.with(Progress::show);
    }
}

/// Sees everything that is observed.
pub struct Watch {
    events: bool,
    line: Line,
    under_way: Vec<EcoString>,
    gated: Vec<String>,
    /// It was said that the run waits for its turn.
    queued: bool,
}

impl Watch {
    /// With events as JSON lines, or a moving line on a terminal.
    pub fn new(flow: &str, events: bool) -> Self {
        let progress = if events { None } else { Progress::start(flow) };
        Watch {
            events,
            line: Line(Arc::new(Mutex::new(progress))),
            under_way: Vec::new(),
            gated: Vec::new(),
            queued: false,
        }
    }

    /// The moving line.
    pub fn line(&self) -> Line {
        self.line.clone()
    }

    /// Ids of the runs that have begun and not ended.
    pub fn under_way(&self) -> Vec<EcoString> {
        self.under_way.clone()
    }

    /// One event.
    pub fn see(&mut self, one: &Observed) {
        self.remember(one);
        if self.events {
            out::note_line(&escape::json(&one.to_json()));
            return;
        }
        if let Some(seen) = seen(one) {
            self.line.with(|progress| progress.see(&seen));
        }
        if one.event == NoteKind::Alert {
            self.aside(&format!("alert: {}", escape::line(one.reason.as_deref().unwrap_or("no reason given"))));
        }
        self.tell_of_queue(one);
        self.tell_of_child(one);
    }

    /// The run waits for its turn: said once, since it may be long.
    fn tell_of_queue(&mut self, one: &Observed) {
        let own = self.under_way.first().is_none_or(|own| *own == one.run_id);
        let Some(reason) = one.reason.as_deref().filter(|_| one.event == NoteKind::RunQueued && own && !self.queued)
        else {
            return;
        };
        self.queued = true;
        let (id, reason) = (&one.run_id, escape::line(reason));
        self.aside(&format!(
            "run {id} waits for its turn: {reason}. Ctrl-C cancels it, from elsewhere `weir runs cancel {id}`"
        ));
    }

    /// A run that this one started has not ended well. Nothing else says so here.
    fn tell_of_child(&self, one: &Observed) {
        if one.parent.is_none() || !fails(one.event) {
            return;
        }
        let (id, flow) = (&one.run_id, escape::line(&one.flow));
        let reason = one.reason.as_deref().map(|reason| format!(": {}", escape::line(reason))).unwrap_or_default();
        self.aside(&format!("run {id} of {flow}, which was started here, did not succeed{reason}"));
    }

    /// This run is under way, or about to be.
    pub fn expect(&mut self, run_id: &EcoString) {
        if !self.under_way.contains(run_id) {
            self.under_way.push(run_id.clone());
        }
    }

    fn remember(&mut self, one: &Observed) {
        match one.event {
            NoteKind::RunStarted => self.expect(&one.run_id),
            NoteKind::DeliveryGated => self.gated.push(one.step.to_string()),
            event if ends(event) => self.under_way.retain(|run_id| *run_id != one.run_id),
            _ => {}
        }
    }

    /// A line for the reader that stays.
    pub fn aside(&self, text: &str) {
        if self.events {
            return;
        }
        self.line.hide();
        out::note_line(text);
        self.line.show();
    }

    /// The run is over: takes the line away, gives the steps whose delivery was held back.
    pub fn end(self) -> Vec<String> {
        self.line.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.gated
    }
}

fn fails(event: NoteKind) -> bool {
    ends(event) && !matches!(event, NoteKind::RunSucceeded | NoteKind::RunCancelled)
}

fn ends(event: NoteKind) -> bool {
    matches!(
        event,
        NoteKind::RunSucceeded
            | NoteKind::RunBlocked
            | NoteKind::RunFailed
            | NoteKind::RunCompensated
            | NoteKind::RunCompensationFailed
            | NoteKind::RunCancelled
    )
}

fn seen(one: &Observed) -> Option<Seen<'_>> {
    let (step, reason) = (one.step.as_str(), one.reason.as_deref().unwrap_or(""));
    Some(match one.event {
        NoteKind::StepStarted => Seen::Started { step, attempt: one.attempt.unwrap_or(1) },
        NoteKind::StepSucceeded | NoteKind::StepFailed | NoteKind::StepSkipped => Seen::Ended { step },
        NoteKind::AttemptFailed => Seen::Retrying { step, reason },
        NoteKind::StepProgress => Seen::Progress { step, reason },
        NoteKind::RunWaiting | NoteKind::RunQueued | NoteKind::StepQueued => Seen::Waiting { reason },
        NoteKind::StepUndone => Seen::Undone { step },
        _ => return None,
    })
}
