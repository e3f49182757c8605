//! Calls of servers with several instances: where a call has to go, and whether one that failed goes on to another
//! instance. That is done only where it cannot happen twice: nothing has happened, or calling again changes nothing more.
//! A call that only its key makes repeatable stays with the instance that was given the key, unless `shared_keys` says
//! that all of them know it.

use super::run::RunLoop;
use super::turn::Turn;
use crate::limits::{Gate, Wish};
use crate::machine::{CallEffect, Effect, Event, Key, NoteKind};
use crate::observe::Observed;
use crate::tool::{Fault, Happened, Outcome};
use ecow::EcoString;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// An attempt that has been at other instances.
#[derive(Debug, Default)]
pub(super) struct Moved {
    not: Vec<EcoString>,
    /// It may have happened at one of them.
    maybe: bool,
    /// What is left of its time.
    left: Duration,
}

/// Where a step's call may have happened, and in which attempt.
#[derive(Clone, Debug)]
pub(super) struct Pin {
    pub instance: EcoString,
    pub attempt: u32,
}

impl RunLoop {
    /// Which instance a call wants.
    pub(super) fn wish(&self, call: &CallEffect) -> Wish {
        let began = call.rest.as_ref().and_then(|rest| rest.instance.clone());
        let pinned = || self.pins.get(&call.key.step).map(|pin| pin.instance.clone());
        let not = self.moved.get(&call.key).map(|moved| moved.not.clone()).unwrap_or_default();
        Wish { only: began.or_else(pinned), not }
    }

    /// A call is written down as about to be made at this instance; gives what a resume has to know of it.
    pub(super) fn pin(&mut self, call: &CallEffect, instance: &EcoString) -> Option<EcoString> {
        if instance.is_empty() || call.reads {
            return None;
        }
        if self.by_key_only(call) {
            let pin = || Pin { instance: instance.clone(), attempt: call.key.attempt };
            self.pins.entry(call.key.step.clone()).or_insert_with(pin);
        }
        Some(instance.clone())
    }

    /// A call was written down as about to be made at this instance, when the run was carried on before.
    pub(super) fn claimed_at(&mut self, key: &Key, instance: EcoString) {
        let call = self.owed_call(key);
        let Some(call) = call.filter(|call| self.by_key_only(call)) else { return };
        let several = self.engine.gate(&call.tool).is_some_and(|gate| gate.has_several());
        // Made when the server had but one, it is bound to that one, whichever it was.
        if several || !instance.is_empty() {
            let pin = Pin { instance, attempt: key.attempt };
            match self.pins.get_mut(&key.step) {
                // It went on to another one before anything had happened.
                Some(known) if known.attempt == key.attempt => *known = pin,
                Some(_) => {}
                None => drop(self.pins.insert(key.step.clone(), pin)),
            }
        }
    }

    /// What became of such a call then.
    pub(super) fn settled_at(&mut self, event: &Event) {
        match event {
            Event::Done { key, .. } => drop(self.pins.remove(&key.step)),
            Event::Failed { key, fault, .. } => self.unpin(key, &Err(fault.clone())),
            _ => {}
        }
    }

    /// Whether nothing but its key makes a call repeatable, and the key counts at one instance only.
    pub(super) fn by_key_only(&self, call: &CallEffect) -> bool {
        let idempotent = self.plan.tools.get(&call.tool).is_some_and(|tool| tool.idempotent);
        let shared = self.engine.gate(&call.tool).is_some_and(|gate| gate.shares_keys());
        call.repeatable && !call.reads && !idempotent && !shared
    }

    /// What has become of a call says whether its step is still bound to an instance.
    pub(super) fn unpin(&mut self, key: &Key, outcome: &Result<Outcome, Fault>) {
        let free = match outcome {
            Ok(Outcome::Done(_)) => true,
            Ok(Outcome::Unfinished(_)) => false,
            Err(fault) => {
                let this = self.pins.get(&key.step).is_some_and(|pin| pin.attempt == key.attempt);
                fault.happened == Happened::No && this
            }
        };
        if free {
            self.pins.remove(&key.step);
        }
        self.moved.remove(key);
    }

    /// What a call that has come back says in the end: one that may have happened at an earlier instance still may have,
    /// and one that is to be gone on with is gone on with where it began.
    pub(super) fn in_the_end(&self, key: &Key, mut outcome: Result<Outcome, Fault>) -> Result<Outcome, Fault> {
        match &mut outcome {
            Err(fault) if self.moved.get(key).is_some_and(|moved| moved.maybe) => fault.happened = Happened::Maybe,
            Ok(Outcome::Unfinished(left)) => {
                let instance = self.calls.get(key).map(|call| call.instance.clone());
                left.instance = instance.filter(|instance| !instance.is_empty());
            }
            _ => {}
        }
        outcome
    }

    /// A call that failed goes on to another instance, where that is safe and one is well. Gives whether it does.
    pub(super) fn goes_elsewhere(&mut self, turn: &mut Turn, key: &Key, outcome: &Result<Outcome, Fault>) -> bool {
        let Some((call, wish, fault)) = self.elsewhere(key, outcome) else { return false };
        if self.pinned_now(key) {
            self.pins.remove(&key.step);
        }
        let left = self.until.get(key).map(|until| until.saturating_duration_since(Instant::now()));
        let moved = self.moved.entry(key.clone()).or_default();
        moved.not = wish.not;
        moved.maybe |= fault.happened == Happened::Maybe;
        moved.left = left.unwrap_or_default();
        if let Some(in_flight) = self.calls.remove(key) {
            turn.audit.extend(self.came_of(&in_flight, key, outcome, false));
        }
        turn.effects.push(Effect::Call(Box::new(call)));
        true
    }

    fn elsewhere(&self, key: &Key, outcome: &Result<Outcome, Fault>) -> Option<(CallEffect, Wish, Fault)> {
        let fault = outcome.as_ref().err()?;
        let in_flight = self.calls.get(key).filter(|call| !call.instance.is_empty())?;
        let call = self.owed_call(key)?;
        if self.drains || self.machine.holds() || call.rest.is_some() || self.machine.is_stopped(key) {
            return None;
        }
        let gate = self.engine.gate(&call.tool)?;
        if !may_move(self, gate, &call, &in_flight.instance, fault) {
            return None;
        }
        let mut wish = self.wish(&call);
        wish.not.push(in_flight.instance.clone());
        wish.only = wish.only.filter(|only| *only != in_flight.instance || !self.pinned_now(key));
        (wish.only.is_none() && gate.has_another(&wish)).then(|| (call, wish, fault.clone()))
    }

    /// Whether this attempt, and no earlier one, has bound its step.
    fn pinned_now(&self, key: &Key) -> bool {
        self.pins.get(&key.step).is_some_and(|pin| pin.attempt == key.attempt)
    }

    /// The time that is left to a call that has been elsewhere.
    pub(super) fn time_elsewhere(&self, key: &Key) -> Option<Duration> {
        self.moved.get(key).map(|moved| moved.left)
    }

    /// Tells where a call goes, and why it does not stay where it was.
    pub(super) fn tell_where(&self, key: &Key, instance: &EcoString) {
        let reason = match self.moved.get(key) {
            Some(moved) => format!("to {instance}: {} did not carry it out", moved.not.join(", ")),
            None => format!("to {instance}"),
        };
        let told = self.observed(key, NoteKind::StepSent, reason);
        self.engine.observe([Observed { instance: instance.clone(), ..told }]);
    }
}

/// Whether a call that failed so at an instance can be made at another one without being made twice.
fn may_move(run: &RunLoop, gate: &Arc<Gate>, call: &CallEffect, instance: &EcoString, fault: &Fault) -> bool {
    match fault.happened {
        Happened::No => fault.code == "unavailable" || gate.is_out(instance),
        Happened::Maybe => fault.code == "unavailable" && call.repeatable && !run.by_key_only(call),
    }
}
