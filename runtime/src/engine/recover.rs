//! Going on where a run was: its journal read back, keys and calls that were under way when the process died.

use super::EngineError;
use super::line::{Line, hex};
use super::local::LocalEngine;
use super::run::RunLoop;
use crate::journal::{Claimed, KeyClaim};
use crate::machine::{CallEffect, Claim, Code, Effect, Event, Key, Machine};
use crate::tool::Fault;
use ecow::EcoString;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use weir_compiler::plan::Plan;

impl RunLoop {
    /// The loop of a run that is in the journal, at rest: what it owes is carried out when it is driven.
    pub(super) fn load(engine: &LocalEngine, run_id: &str) -> Result<RunLoop, EngineError> {
        let run_id = EcoString::from(run_id);
        let failed = |source| EngineError::Journal { run_id: run_id.clone(), source };
        let (_, plan, lines) =
            engine.inner.journal.load(&run_id).map_err(failed)?.ok_or_else(|| EngineError::NoRun(run_id.clone()))?;
        let damaged = |seq, why: String| EngineError::Damaged { run_id: run_id.clone(), seq, why };
        let plan: Plan = serde_json::from_str(&plan).map_err(|error| damaged(0, format!("its plan: {error}")))?;
        let mut run = RunLoop::new(engine, run_id.clone(), Machine::of(Code::new(Arc::new(plan))));
        let mut with_keys = FxHashMap::default();
        for (seq, line) in lines.iter().enumerate() {
            match serde_json::from_str(line).map_err(|error| damaged(seq, error.to_string()))? {
                Line::Event(event) => run.replay(&event, &mut with_keys),
                Line::Claimed { key, args } => {
                    run.claimed.insert(key, args);
                }
            }
        }
        run.seq = lines.len() as u64;
        Ok(run)
    }

    /// Applies an event that was written down before, and keeps in mind which keys it may have left open.
    fn replay(&mut self, event: &Event, with_keys: &mut FxHashMap<Key, Claim>) {
        if let Event::Done { key, value, recorded: false, .. } = event
            && let Some(claim) = with_keys.remove(key)
        {
            self.unclosed.insert(key.clone(), (claim, value.clone()));
        }
        if let Event::Unfinished { key, .. } = event {
            // That call has come back; whether it was made again, the next record says.
            self.claimed.remove(key);
        }
        for effect in self.machine.apply(event).effects {
            match effect {
                Effect::Call(call) => {
                    if let Some(claim) = call.claim {
                        with_keys.insert(call.key, claim);
                    }
                }
                Effect::Release { claim, .. } => self.unclosed.retain(|_, (held, _)| *held != claim),
                _ => {}
            }
        }
    }

    /// Tells keys about results that were written down just before the process died.
    fn close_keys(&mut self) -> Result<(), EngineError> {
        for (key, (claim, value)) in std::mem::take(&mut self.unclosed) {
            let asked = KeyClaim {
                scope: claim.scope.clone(),
                key: claim.key.clone(),
                args: claim.args,
                run_id: self.run_id.clone(),
                step: key.step,
            };
            let journal = &self.engine.inner.journal;
            let closed = match journal.claim(&asked) {
                Ok(Claimed::New) => journal.complete(&claim.scope, &claim.key, &self.run_id, &value),
                Ok(Claimed::InFlight { run_id, .. }) if run_id == self.run_id => {
                    journal.complete(&claim.scope, &claim.key, &self.run_id, &value)
                }
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            closed.map_err(|source| self.journal_error(source))?;
        }
        Ok(())
    }

    /// Carries out what the run owes: all of it at the start, what was under way when the process died included.
    pub(super) fn pick_up(&mut self) -> Result<(), EngineError> {
        self.close_keys()?;
        let mut unknown = Vec::new();
        let mut owed = Vec::new();
        for effect in self.machine.pending() {
            match &effect {
                Effect::Call(call) => match self.claimed.remove(&call.key) {
                    Some(args) if !again(call, &args) => unknown.push(call.clone()),
                    _ => owed.push(effect),
                },
                _ => owed.push(effect),
            }
        }
        let at = self.engine.inner.clock.now();
        let events: Vec<Event> = unknown
            .into_iter()
            .map(|call| {
                let why = if call.repeatable {
                    "the arguments are not those of the call that was under way when the process died"
                } else {
                    "the process died during the call"
                };
                Event::Failed { at, key: call.key, fault: Fault::open("unknown", why) }
            })
            .collect();
        self.carry_out(owed)?;
        if events.is_empty() { Ok(()) } else { self.write(&events) }
    }
}

/// Whether a call that was under way when the process died is made again. Looking at a task changes nothing.
fn again(call: &CallEffect, args: &str) -> bool {
    let looks = call.rest.as_ref().is_some_and(|rest| rest.task.is_some() && rest.answers.is_empty());
    looks || (call.repeatable && args == hex(&call.args.hash()))
}
