//! The idempotency keys that a run holds while nobody knows, or nobody can know, whether the calls under them happened.

use super::run::{InFlight, InLine, RunLoop, Waits};
use super::turn::Turn;
use crate::journal::KeyChange;
use crate::machine::{CallEffect, Claim, Decision, Effect, Event, Key, NoteKind, path};
use crate::observe::Observed;
use crate::tool::{Fault, Happened, Outcome};
use ecow::EcoString;
use weir_stdlib::value::{Hash, Value};

/// Who holds a key.
pub(super) struct Holder {
    /// The call.
    call: Key,
    /// Hash of the arguments.
    args: Hash,
    /// The journal has not said yet whether the call may be made.
    asked: bool,
    /// The call came to an end, and may have happened.
    ended: bool,
}

impl Holder {
    fn of(claim: &Claim, call: &Key, ended: bool) -> Holder {
        Holder { call: call.clone(), args: claim.args, asked: false, ended }
    }
}

/// What becomes of a call whose key another step of its run holds.
pub(super) enum Beside {
    /// It waits for that step, and takes what is recorded then, or calls where nothing happened. In the reader's words.
    Waits(String),
    /// That step asks for the key in the same turn, with other arguments: it depends on what the journal says to that.
    Asks(String),
    /// It is not made.
    Refused(Fault),
}

/// What is said of a key that was used with other arguments.
pub(super) fn conflict(key: &str) -> Fault {
    Fault::clean("conflict", format!("the key `{key}` was used with other arguments before"))
}

impl RunLoop {
    /// The journal is asked whether the call may be made under its key.
    pub(super) fn ask_for(&mut self, call: &CallEffect) {
        self.hold(call);
        if let Some(holder) = self.holder(call) {
            holder.asked = true;
        }
    }

    /// It may, or not.
    pub(super) fn was_told(&mut self, call: &CallEffect, may: bool) {
        let Some(holder) = self.holder(call) else { return };
        holder.asked = false;
        if let Some(claim) = call.claim.as_ref().filter(|_| !may) {
            self.held.remove(&(claim.scope.clone(), claim.key.clone()));
        }
    }

    /// The call itself, where it holds its key.
    fn holder(&mut self, call: &CallEffect) -> Option<&mut Holder> {
        let claim = call.claim.as_ref()?;
        let holder = self.held.get_mut(&(claim.scope.clone(), claim.key.clone()))?;
        (holder.call == call.key).then_some(holder)
    }

    /// The call is about to be made under its key.
    pub(super) fn hold(&mut self, call: &CallEffect) {
        self.hold_as(call, false);
    }

    fn hold_as(&mut self, call: &CallEffect, ended: bool) {
        if let Some(claim) = &call.claim {
            self.held.insert((claim.scope.clone(), claim.key.clone()), Holder::of(claim, &call.key, ended));
        }
    }

    /// What becomes of a call whose key another step of this run holds.
    pub(super) fn held_beside(&self, call: &CallEffect) -> Option<Beside> {
        let claim = call.claim.as_ref()?;
        let holder = self.held.get(&(claim.scope.clone(), claim.key.clone()))?;
        let (step, key) = (&holder.call.step, &claim.key);
        if *step == call.key.step {
            return None;
        }
        if holder.args != claim.args && holder.asked {
            // What the journal knows of the key may be of these arguments, and not of the holder's.
            return Some(Beside::Asks(format!("step `{step}` asks for the same key, `{key}`")));
        }
        if holder.args != claim.args {
            return Some(Beside::Refused(conflict(key)));
        }
        if self.is_under_way(holder) {
            return Some(Beside::Waits(format!("step `{step}` is calling under the same key, `{key}`")));
        }
        let why = match holder.ended {
            false => format!("step `{step}` of this run holds the key `{key}` and has not ended"),
            true => format!("step `{step}` of this run called under the key `{key}`, and that may have happened"),
        };
        Some(Beside::Refused(Fault::open("unknown", why)))
    }

    /// Whether the holder's call comes to an end by itself: one that asks a person may never.
    fn is_under_way(&self, holder: &Holder) -> bool {
        if holder.ended {
            return false;
        }
        let owed = || self.machine.owed().filter(|effect| effect.key().is_some_and(|key| key.step == holder.call.step));
        self.calls.contains_key(&holder.call)
            || owed().next().is_some() && !owed().any(|effect| matches!(effect, Effect::Ask(_) | Effect::Attend(_)))
    }

    /// A call waits for the step that holds its key; a monitor's waits for nothing.
    pub(super) fn stand_behind(&mut self, call: CallEffect, why: String) {
        if self.machine.is_telemetry(&call.key) {
            return self.refuse(&call, Fault::clean("unavailable", format!("{why}, and a monitor does not wait")));
        }
        let told = self.observed(&call.key, NoteKind::StepQueued, why.clone());
        self.engine.observe([Observed { tool: call.tool.clone(), ..told }]);
        self.calls.remove(&call.key);
        self.behind_keys.insert(call.key.clone());
        self.waiting.insert(call.key.clone(), InLine { waits: Waits::Behind(Box::new(call)), why });
    }

    /// What the journal said to the step that asked first decides about one with other arguments.
    pub(super) fn ask_after(&mut self, call: CallEffect, why: String) {
        match self.held_beside(&call) {
            Some(Beside::Refused(fault)) => self.refuse(&call, fault),
            _ => self.stand_behind(call, why),
        }
    }

    /// Calls that need not wait for their key any longer are due.
    pub(super) fn come_forward(&mut self, turn: &mut Turn) {
        if self.behind_keys.is_empty() {
            return;
        }
        let mut due = Vec::new();
        for key in std::mem::take(&mut self.behind_keys) {
            let Some(InLine { waits: Waits::Behind(call), .. }) = self.waiting.get(&key) else { continue };
            if self.machine.is_stopped(&key) || matches!(self.held_beside(call), Some(Beside::Waits(_))) {
                self.behind_keys.insert(key);
            } else {
                due.push((**call).clone());
                self.waiting.remove(&key);
            }
        }
        due.sort_by(|a, b| path::compare(&a.key.step, &b.key.step));
        // Those that have waited come before those that are new.
        turn.effects.splice(0..0, due.into_iter().map(|call| Effect::Call(Box::new(call))));
    }

    /// What a call that has ended means for its key. One that may have happened and is repeatable gives it back to
    /// this run, which may call again under it; for other runs it stays claimed.
    /// A step that was refused because another one holds the key has nothing to say about it.
    pub(super) fn settled(&mut self, key: &Key, call: InFlight, outcome: &Result<Outcome, Fault>) -> Option<KeyChange> {
        let again = self.may_call_again(&call.tool, call.repeatable);
        let Some(claim) = call.claim else {
            // Refused at the gate. An earlier attempt may have held the key: the step calls no more.
            if again && outcome.is_err() {
                self.held.retain(|_, holder| holder.ended || holder.call.step != key.step);
            }
            return None;
        };
        let place = (claim.scope.clone(), claim.key.clone());
        let holder = self.held.get_mut(&place).filter(|holder| holder.call.step == key.step)?;
        let change = match outcome {
            Ok(Outcome::Unfinished(_)) => return None,
            Err(fault) if fault.happened != Happened::No && !again => {
                holder.ended = true;
                return None;
            }
            Ok(Outcome::Done(value)) => Some(KeyChange::Complete(claim.scope, claim.key, value.clone())),
            Err(fault) if fault.happened == Happened::No => Some(KeyChange::Release(claim.scope, claim.key)),
            Err(_) => None,
        };
        self.held.remove(&place);
        change
    }

    /// Whether another step may call again under the key of a call that may have happened: not where only the key
    /// makes that safe and the call may go to another instance of the server, which does not know the key.
    fn may_call_again(&self, tool: &EcoString, repeatable: bool) -> bool {
        let idempotent = self.plan.tools.get(tool).is_some_and(|tool| tool.idempotent);
        let gate = self.engine.gate(tool);
        let strangers = gate.is_some_and(|gate| gate.has_several() && !gate.shares_keys());
        repeatable && (idempotent || !strangers)
    }

    /// The key of a call that is now known to have happened.
    pub(super) fn affirmed(&mut self, key: &Key, value: &Value) -> Option<KeyChange> {
        let claim = self.attended(key)?;
        self.held.remove(&(claim.scope.clone(), claim.key.clone()));
        Some(KeyChange::Affirm(claim.scope, claim.key, value.clone()))
    }

    fn attended(&self, key: &Key) -> Option<Claim> {
        self.machine.owed().find_map(|effect| match effect {
            Effect::Attend(attend) if attend.key == *key => attend.claim.clone(),
            _ => None,
        })
    }

    /// Nobody knows whether the call happened that was under way when the process died.
    pub(super) fn hold_unknown(&mut self, call: &CallEffect) {
        self.hold_as(call, true);
    }

    /// Before an event is applied that the journal holds: what it means for the keys that this run holds.
    pub(super) fn hold_again(&mut self, event: &Event) {
        match event {
            Event::Unfinished { key, .. } => {
                if let Some(call) = self.owed_call(key) {
                    self.hold(&call);
                }
            }
            Event::Done { key, .. } => self.held.retain(|_, holder| holder.call.step != key.step),
            Event::Failed { key, fault, .. } => {
                self.held.retain(|_, holder| holder.ended || holder.call.step != key.step);
                let owed = self.owed_call(key).filter(|_| fault.happened != Happened::No);
                // A call that was refused because another step held its key was never made, and holds nothing.
                let made = |call: &CallEffect| call.reads || self.claimed.contains_key(key);
                let owed = owed.filter(|call| made(call) && !self.may_call_again(&call.tool, call.repeatable));
                if let Some(call) = owed {
                    self.hold_as(&call, true);
                }
            }
            Event::Decided { key, decision: Decision::Happened(_), .. } => {
                if let Some(claim) = self.attended(key) {
                    self.held.remove(&(claim.scope, claim.key));
                }
            }
            _ => {}
        }
    }
}
