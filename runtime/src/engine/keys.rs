//! The idempotency keys that a run holds while nobody knows, or nobody can know, whether the calls under them happened.

use super::run::{InFlight, RunLoop};
use crate::journal::KeyChange;
use crate::machine::{CallEffect, Claim, Decision, Effect, Event, Key};
use crate::tool::{Fault, Happened, Outcome};
use ecow::EcoString;
use weir_stdlib::value::{Hash, Value};

/// Who holds a key.
pub(super) struct Holder {
    /// The step's path.
    step: EcoString,
    /// Hash of the arguments.
    args: Hash,
    /// The call came to an end, and may have happened.
    ended: bool,
}

impl Holder {
    fn of(claim: &Claim, step: &EcoString, ended: bool) -> Holder {
        Holder { step: step.clone(), args: claim.args, ended }
    }
}

/// What is said of a key that was used with other arguments.
pub(super) fn conflict(key: &str) -> Fault {
    Fault::clean("conflict", format!("the key `{key}` was used with other arguments before"))
}

impl RunLoop {
    /// The call is about to be made under its key.
    pub(super) fn hold(&mut self, call: &CallEffect) {
        self.hold_as(call, false);
    }

    fn hold_as(&mut self, call: &CallEffect, ended: bool) {
        if let Some(claim) = &call.claim {
            self.held.insert((claim.scope.clone(), claim.key.clone()), Holder::of(claim, &call.key.step, ended));
        }
    }

    /// What is said of a call whose key another step of this run holds: it is not made.
    pub(super) fn held_beside(&self, call: &CallEffect) -> Option<Fault> {
        let claim = call.claim.as_ref()?;
        let holder = self.held.get(&(claim.scope.clone(), claim.key.clone()))?;
        if holder.step == call.key.step {
            return None;
        }
        if holder.args != claim.args {
            return Some(conflict(&claim.key));
        }
        let (step, key) = (&holder.step, &claim.key);
        Some(Fault::open(
            "unknown",
            match holder.ended {
                false => format!("step `{step}` of this run holds the key `{key}` and has not ended"),
                true => format!("step `{step}` of this run called under the key `{key}`, and that may have happened"),
            },
        ))
    }

    /// What a call that has ended means for its key. One that may have happened and is repeatable gives it back to
    /// this run, which may call again under it; for other runs it stays claimed.
    /// A step that was refused because another one holds the key has nothing to say about it.
    pub(super) fn settled(&mut self, key: &Key, call: InFlight, outcome: &Result<Outcome, Fault>) -> Option<KeyChange> {
        let again = self.may_call_again(&call.tool, call.repeatable);
        let claim = call.claim?;
        let place = (claim.scope.clone(), claim.key.clone());
        let holder = self.held.get_mut(&place).filter(|holder| holder.step == key.step)?;
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
            Event::Failed { key, fault, .. } if fault.happened != Happened::No => {
                let owed = self.machine.owed().find_map(|effect| match effect {
                    Effect::Call(call) if call.key == *key => Some(call.clone()),
                    _ => None,
                });
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
