//! Calls at the gates of their servers: who may go goes, who has to wait waits, and is let out of the line when the flow
//! around it has ended; so is a call that waits for its key. A call that waits has not been made, and nothing says that it was.

use super::carry::Message;
use super::keys::Beside;
use super::run::{InFlight, InLine, RunLoop, Waits};
use super::turn::{Due, Turn};
use crate::limits::{Admission, Waiting, gone};
use crate::machine::{CallEffect, Effect, Key, Note, NoteKind, path};
use crate::observe::Observed;
use crate::tool::Fault;
use ecow::EcoString;

impl RunLoop {
    /// A call that is due goes through its server's gate, where there is one.
    pub(super) fn knock(&mut self, call: CallEffect, due: &mut Due) {
        match self.held_beside(&call).filter(|_| !due.knows(&call)) {
            Some(Beside::Waits(why)) => return self.stand_behind(call, why),
            Some(Beside::Asks(why)) => return due.others.push((call, why)),
            Some(Beside::Refused(_)) | None => {}
        }
        let wish = self.wish(&call);
        let Some(gate) = self.engine.gate(&call.tool) else {
            return match wish.only {
                Some(only) => self.refuse(&call, gone(&call.tool, &only)),
                None => self.due(call, None, due),
            };
        };
        let admission = gate.enter(&self.run_id, wish);
        match admission {
            Admission::Go(permit) => self.due(call, Some(permit), due),
            Admission::Wait(waiting) if self.machine.is_telemetry(&call.key) => {
                let why = format!("{}, and a monitor does not wait", waiting.reason);
                self.refuse(&call, Fault::clean("unavailable", why));
            }
            Admission::Wait(waiting) => self.wait(call, waiting),
            Admission::Refused(fault) => self.refuse(&call, fault),
        }
    }

    /// A call that is not made.
    pub(super) fn refuse(&mut self, call: &CallEffect, fault: Fault) {
        self.calls.insert(call.key.clone(), InFlight::at_the_gate(call));
        let _ = self.sender.send(Message::called(call.key.clone(), Err(fault)));
    }

    fn wait(&mut self, call: CallEffect, waiting: Waiting) {
        self.engine.observe([self.observed(&call.key, NoteKind::StepQueued, waiting.reason.clone())]);
        self.calls.insert(call.key.clone(), InFlight { tool: EcoString::new(), ..InFlight::at_the_gate(&call) });
        let why = waiting.reason.clone();
        let (sender, key, call) = (self.sender.clone(), call.key.clone(), Box::new(call));
        let waits = self.tasks.spawn(async move {
            let answer = waiting.turn().await;
            let _ = sender.send(Message::Turn { call, answer });
        });
        self.waiting.insert(key, InLine { waits: Waits::Gate(waits), why });
    }

    /// Calls that still wait, and whose flow has been stopped meanwhile (a time limit, a cancellation, a failure beside
    /// them), are not made any more.
    pub(super) fn let_out(&mut self) {
        let stops = self.machine.stops();
        if self.waiting.is_empty() || stops == self.stops {
            return;
        }
        self.stops = stops;
        let out: Vec<Key> = self.waiting.keys().filter(|key| self.machine.is_stopped(key)).cloned().collect();
        for key in out {
            if let Some(line) = self.waiting.remove(&key) {
                line.leave();
            }
            let fault = Fault::clean("cancelled", "the call was not made: what it was part of ended while it waited");
            let _ = self.sender.send(Message::called(key, Err(fault)));
        }
    }

    /// While the run holds (it is paused, or nobody knows what became of a call) nothing new is called: what waits in
    /// line leaves it, what was about to be made is not.
    pub(super) fn hold_back(&mut self, turn: &mut Turn) {
        for (key, line) in std::mem::take(&mut self.waiting) {
            line.leave();
            self.calls.remove(&key);
            self.held_back.extend(self.owed_call(&key).map(|call| (key, call)));
        }
        for (call, _) in turn.admitted.drain(..) {
            self.calls.remove(&call.key);
            self.held_back.insert(call.key.clone(), call);
        }
        for effect in std::mem::take(&mut turn.effects) {
            match effect {
                Effect::Call(call) => drop(self.held_back.insert(call.key.clone(), *call)),
                other => turn.effects.push(other),
            }
        }
    }

    /// Goes on with what was held back.
    pub(super) fn let_go(&mut self, turn: &mut Turn) {
        let mut held: Vec<CallEffect> = std::mem::take(&mut self.held_back).into_values().collect();
        held.retain(|call| self.machine.owed().any(|effect| effect.key() == Some(&call.key)));
        held.sort_by(|a, b| path::compare(&a.key.step, &b.key.step).then(a.key.attempt.cmp(&b.key.attempt)));
        for call in held {
            // What was under way when the process died is made again all the same: it may have happened, and only its
            // result can take it back.
            if self.machine.is_stopped(&call.key) && !self.again.contains(&call.key) {
                let fault = Fault::clean("cancelled", "the call was not made: what it was part of ended before");
                self.refuse(&call, fault);
            } else {
                turn.effects.push(Effect::Call(Box::new(call)));
            }
        }
    }

    /// The call that is owed under a key.
    pub(super) fn owed_call(&self, key: &Key) -> Option<CallEffect> {
        self.machine.owed().find_map(|effect| match effect {
            Effect::Call(call) if call.key == *key => Some((**call).clone()),
            _ => None,
        })
    }

    /// The process is ending: nothing new is begun, and what waits is left to whoever goes on.
    pub(super) fn drain(&mut self) {
        self.drains = true;
        for (key, line) in self.waiting.drain() {
            line.leave();
            self.calls.remove(&key);
        }
    }

    /// Something about a step that the machine does not decide.
    pub(super) fn observed(&self, key: &Key, event: NoteKind, reason: String) -> Observed {
        let note = Note {
            event,
            flow: self.machine.flow_of(key).unwrap_or_else(|| self.machine.record().flow.clone()),
            step: key.step.clone(),
            attempt: Some(key.attempt),
            reason: Some(reason),
            tool: self.calls.get(key).map(|call| call.tool.clone()).unwrap_or_default(),
            calls: 0,
            arm: None,
            retry_in_ms: None,
            duration_ms: None,
            at: self.engine.inner.clock.now(),
        };
        Observed::of(0, note, &self.run_id, &self.machine.trace_id())
    }
}
