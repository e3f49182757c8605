//! Going on where a run was: its journal read back, and calls that were under way when the process died.

use super::EngineError;
use super::carry::{go, take_turn};
use super::line::Line;
use super::local::LocalEngine;
use super::run::RunLoop;
use super::turn::Turn;
use crate::journal::{Filter, Loaded};
use crate::machine::{CallEffect, Effect, Event, Machine, Note, Started, Status};
use crate::tool::Fault;
use ecow::EcoString;
use weir_stdlib::hex;

impl RunLoop {
    /// The loop of a run that is in the journal, at rest: what it owes is carried out when it is driven.
    pub(super) fn load(engine: &LocalEngine, run_id: &str) -> Result<RunLoop, EngineError> {
        Ok(RunLoop::replayed(engine, run_id)?.0)
    }

    /// The same, with how the run is listed and every decision that was made in it.
    pub(super) fn replayed(engine: &LocalEngine, run_id: &str) -> Result<(RunLoop, Loaded, Vec<Note>), EngineError> {
        let run_id = EcoString::from(run_id);
        let loaded = engine.inner.journal.load(&run_id).map_err(|source| EngineError::of(&run_id, source))?;
        let loaded = loaded.ok_or_else(|| EngineError::NoRun(run_id.clone()))?;
        let damaged = |seq, why: String| EngineError::Damaged { run_id: run_id.clone(), seq, why };
        let code = engine.inner.work_out_again(&loaded.run.program, &loaded.plan);
        let code = code.map_err(|error| damaged(0, format!("its plan: {error}")))?;
        let mut run = RunLoop::new(engine, run_id.clone(), Machine::of(code));
        let several = engine.inner.gates.values().any(|gate| gate.has_several());
        let mut notes = Vec::new();
        for (seq, line) in loaded.lines.iter().enumerate() {
            match Line::read(line).map_err(|error| damaged(seq, error.to_string()))? {
                Line::Event(event) => {
                    if let Event::Unfinished { key, .. } = &event {
                        // That call has come back; whether it was made again, the next record says.
                        run.claimed.remove(key);
                    }
                    run.hold_again(&event);
                    run.settled_at(&event);
                    notes.extend(run.machine.apply(&event).notes);
                }
                Line::Claimed { key, args, instance } => {
                    if several || instance.is_some() {
                        run.claimed_at(&key, instance.unwrap_or_default());
                    }
                    run.claimed.insert(key, args);
                }
            }
        }
        run.seq = loaded.lines.len() as u64;
        run.told = notes.len() as u64;
        run.thread = loaded.run.thread.clone();
        run.parent = loaded.run.parent.clone();
        if loaded.lines.is_empty() {
            run.queued = queued(engine, &run_id)?;
        }
        run.status = if run.machine.status().word() == loaded.run.status { run.machine.status().word() } else { "" };
        Ok((run, loaded, notes))
    }

    /// Carries out what the run owes: all of it at the start, what was under way when the process died included.
    pub(super) async fn pick_up(&mut self) -> Result<(), EngineError> {
        if self.seq != 1 {
            self.hear_what_was_left()?;
        }
        let mut first = Turn::default();
        if self.begin_now(&mut first) {
            return self.end_turn(first).await;
        }
        self.pick_up_children().await?;
        let mut unknown = Vec::new();
        let mut turn = Turn::default();
        for effect in self.machine.pending() {
            match &effect {
                Effect::Call(call) => match self.claimed.remove(&call.key) {
                    Some(args) if !again(call, &args) => unknown.push(call.clone()),
                    Some(_) => {
                        self.again.insert(call.key.clone());
                        self.hold(call);
                        turn.effects.push(effect);
                    }
                    None => turn.effects.push(effect),
                },
                _ => turn.effects.push(effect),
            }
        }
        self.claimed.clear();
        for call in unknown {
            self.hold_unknown(&call);
            let event = self.nobody_knows(&call);
            turn.audit.extend(self.found_unknown(&call, &event));
            self.hear(&mut turn, event);
        }
        self.end_turn(turn).await
    }

    fn nobody_knows(&self, call: &CallEffect) -> Event {
        let why = if call.repeatable {
            "the arguments are not those of the call that was under way when the process died"
        } else {
            "the process died during the call"
        };
        let at = self.engine.inner.clock.now();
        Event::Failed { at, key: call.key.clone(), fault: Fault::open("unknown", why) }
    }

    /// Runs that this one started and that have not ended go on too, unless somebody else carries them on.
    async fn pick_up_children(&mut self) -> Result<(), EngineError> {
        if self.seq <= 1 {
            return Ok(());
        }
        let filter = Filter { parent: Some(self.run_id.clone()), unfinished: true, ..Filter::default() };
        let children = self.engine.inner.journal.list(&filter).map_err(|source| self.journal_error(source))?;
        for child in children {
            if self.engine.is_under_way(&child.run_id) {
                continue;
            }
            if child.status == Status::Queued.word() {
                let engine = self.engine.clone();
                self.children.push(tokio::spawn(async move { take_turn(engine, child.run_id).await }));
                continue;
            }
            if let Ok(run) = self.engine.take_over(&child.run_id).await {
                self.children.push(tokio::spawn(go(self.engine.clone(), run)));
            }
        }
        Ok(())
    }
}

/// What a run that has no lines begins with.
fn queued(engine: &LocalEngine, run_id: &EcoString) -> Result<Option<Box<Started>>, EngineError> {
    let text = engine.inner.journal.queued(run_id).map_err(|source| EngineError::of(run_id, source))?;
    let started = text.map(|text| serde_json::from_str(&text)).transpose();
    started.map_err(|error| EngineError::Damaged {
        run_id: run_id.clone(),
        seq: 0,
        why: format!("its place in the queue: {error}"),
    })
}

/// Whether a call that was under way when the process died is made again. Looking at a task changes nothing.
fn again(call: &CallEffect, args: &str) -> bool {
    let looks = call.rest.as_ref().is_some_and(|rest| rest.task.is_some() && rest.answers.is_empty());
    looks || (call.repeatable && args == hex(&call.args.hash()))
}
