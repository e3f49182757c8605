//! Starting a run again from the step that failed it: a new run that takes over what the old one had finished.

use super::line::Line;
use super::local::LocalEngine;
use super::queue::{When, is_limited};
use super::run::RunLoop;
use super::{EngineError, refused};
use crate::journal::{Created, NewRun, RunRecord};
use crate::machine::{Effect, Event, Key, Started, Status};
use crate::tool::Happened;
use ecow::EcoString;
use std::collections::BTreeMap;
use weir_stdlib::hex;
use weir_stdlib::value::Value;

/// A run that was started again.
pub(super) enum Anew {
    /// It goes at once.
    Ours(Box<RunLoop>),
    /// It waits for its turn.
    Queued(EcoString),
}

/// What an old run leaves to a new one.
struct Old {
    started: Started,
    events: Vec<Event>,
    /// Hashes of the arguments of calls that were made.
    claimed: BTreeMap<Key, String>,
}

impl LocalEngine {
    /// A new run that begins where the old one failed, perhaps with other arguments. Where its flow limits its runs, it
    /// waits for its turn like any other.
    pub(super) async fn anew(&self, run_id: &str, args: Option<Value>) -> Result<Anew, EngineError> {
        let (old_run, loaded, _) = RunLoop::replayed(self, run_id)?;
        let metadata = old_run.envelope().metadata;
        let Some(error) = metadata.error.filter(|_| old_run.over()) else {
            let status = metadata.status.word();
            return Err(refused(format!("run {run_id} is {status}: only a run that has failed can be retried")));
        };
        let mut old = read(&loaded.lines, run_id)?;
        if metadata.side_effects.iter().any(|effect| effect.undone) {
            // What it did was undone, so nothing is left to take over.
            old.events.clear();
        }
        let first = old.started.seed.clone().unwrap_or_else(|| old.started.run_id.clone());
        let seed = (!old.events.is_empty()).then_some(first);
        let started = Started {
            at: self.inner.clock.now(),
            run_id: LocalEngine::new_run_id(),
            args: args.unwrap_or_else(|| old.started.args.clone()),
            seed,
            ..old.started.clone()
        };
        let (mut run, record, plan) = self.prepare(old_run.machine.plan(), &started);
        let mut lines = vec![run.begin_with(Event::Started(Box::new(started.clone())))];
        lines.extend(run.take_over_from(&old, &error.step)?);
        run.seq = lines.len() as u64;
        let audit = run.begun_anew(run_id);
        // A run is retried once: what it left is taken over by one run only.
        let start_key = Some(format!("retry of {run_id}").into());
        if is_limited(&run.plan) {
            let place = self.place(&run, &started, &When::default())?;
            let record = RunRecord { status: Status::Queued.word().into(), ..record };
            let new = NewRun { run: record, plan, start_key, lines, audit };
            let queued = self.inner.journal.enqueue(new, place).await;
            once(run_id, queued.map_err(|source| EngineError::of(run_id, source))?)?;
            self.inner.news.notify_one();
            return Ok(Anew::Queued(run.run_id.clone()));
        }
        run.taking = self.taking(&run.run_id);
        run.register();
        let created = self.inner.journal.create(NewRun { run: record, plan, start_key, lines, audit }).await;
        once(run_id, created.map_err(|source| EngineError::of(run_id, source))?)?;
        Ok(Anew::Ours(Box::new(run)))
    }
}

/// A second retry of a run would do again what the first one did.
fn once(run_id: &str, created: Created) -> Result<(), EngineError> {
    match created {
        Created::New => Ok(()),
        Created::Known(anew) => Err(refused(format!(
            "run {run_id} was retried before, as run {anew}: look at that one with `weir runs show {anew}`, and retry it \
             where it has failed"
        ))),
    }
}

fn read(lines: &[crate::journal::Line], run_id: &str) -> Result<Old, EngineError> {
    let mut found = None;
    let (mut events, mut claimed) = (Vec::new(), BTreeMap::new());
    for (seq, line) in lines.iter().enumerate() {
        let damaged =
            |error: serde_json::Error| EngineError::Damaged { run_id: run_id.into(), seq, why: error.to_string() };
        match Line::read(line).map_err(damaged)? {
            Line::Event(Event::Started(started)) => found = Some(*started),
            Line::Event(event) => events.push(event),
            Line::Claimed { key, args, .. } => drop(claimed.insert(key, args)),
        }
    }
    let started = found.ok_or_else(|| refused(format!("run {run_id} never began")))?;
    Ok(Old { started, events, claimed })
}

impl RunLoop {
    /// Applies what the old run knew, in its order, save what the step that failed came to; gives the lines to write.
    fn take_over_from(&mut self, old: &Old, failed: &EcoString) -> Result<Vec<crate::journal::Line>, EngineError> {
        let mut lines = Vec::new();
        for event in &old.events {
            let Some(key) = settles(event) else { continue };
            if key.step == *failed {
                self.may_repeat(event, failed)?;
                continue;
            }
            let owed = self.machine.owed().find(|effect| effect.key() == Some(key)).cloned();
            let Some(owed) = owed else { continue };
            if let (Effect::Call(call), Some(args)) = (&owed, old.claimed.get(key))
                && *args != hex(&call.args.hash())
            {
                return Err(refused(format!(
                    "step `{}` has been done with other input, so this run cannot take it over: start the flow anew",
                    key.step
                )));
            }
            lines.push(Line::event(event));
            self.told += self.machine.apply(event).notes.len() as u64;
        }
        Ok(lines)
    }

    /// A failed call that may have happened is not made again by a retry.
    fn may_repeat(&self, event: &Event, failed: &EcoString) -> Result<(), EngineError> {
        let Event::Failed { key, fault, .. } = event else { return Ok(()) };
        let call = self.machine.owed().find_map(|effect| match effect {
            Effect::Call(call) if call.key.step == key.step => Some(call.clone()),
            _ => None,
        });
        match call {
            Some(call) if !call.repeatable && fault.happened == Happened::Maybe => Err(refused(format!(
                "the call of step `{failed}` may have happened, so it is not made again: find out, and start the flow anew"
            ))),
            _ => Ok(()),
        }
    }
}

/// The key of what an event settled; None for what only concerned the old run.
fn settles(event: &Event) -> Option<&Key> {
    match event {
        Event::Done { key, .. }
        | Event::Failed { key, .. }
        | Event::Answered { key, .. }
        | Event::Decided { key, .. }
        | Event::Woke { key, .. } => Some(key),
        _ => None,
    }
}
