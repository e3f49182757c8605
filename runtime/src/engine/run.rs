//! The loop of one run: take what came in, write it down, apply it, carry out what follows.

use super::EngineError;
use super::carry::Message;
use super::line::{Line, hex};
use super::local::{LocalEngine, Told};
use super::timers::Timers;
use crate::envelope::Envelope;
use crate::journal::JournalError;
use crate::machine::{CallEffect, Claim, Effect, Event, Key, Machine, Note, NoteKind, Status, Timer};
use crate::observe::Observed;
use crate::tool::Outcome;
use ecow::EcoString;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::Instant;
use weir_compiler::plan::Plan;
use weir_stdlib::value::Value;

/// Longest nap: a clock that is set while we sleep is noticed.
const NAP: Duration = Duration::from_secs(60);
/// Messages taken at once: their events are made durable together.
const BATCH: usize = 256;

/// One run under way.
pub(super) struct RunLoop {
    pub engine: LocalEngine,
    pub run_id: EcoString,
    pub plan: Arc<Plan>,
    pub machine: Machine,
    pub sender: UnboundedSender<Message>,
    receiver: UnboundedReceiver<Message>,
    pub tasks: JoinSet<()>,
    pub children: Vec<JoinHandle<()>>,
    timers: Timers,
    /// Calls in flight: what is to do when they end.
    pub calls: FxHashMap<Key, InFlight>,
    /// Keys that this run holds, and for which step.
    pub held: BTreeMap<(EcoString, EcoString), EcoString>,
    /// Questions that somebody has been asked.
    pub asking: FxHashMap<Key, AbortHandle>,
    /// Calls that were about to be made when the process died.
    pub claimed: FxHashMap<Key, String>,
    /// Calls whose results are in the journal while their keys may not have heard of it.
    pub unclosed: BTreeMap<Key, (Claim, Value)>,
    /// When the time of each call in flight is over.
    pub until: FxHashMap<Key, Instant>,
    /// Lines in the journal.
    pub seq: u64,
    status: &'static str,
    registered: bool,
}

/// A call in flight.
pub(super) struct InFlight {
    reads: bool,
    claim: Option<Claim>,
}

impl RunLoop {
    /// The loop of a new run.
    pub(super) fn new(engine: &LocalEngine, run_id: EcoString, machine: Machine) -> RunLoop {
        let (sender, receiver) = unbounded_channel();
        RunLoop {
            engine: engine.clone(),
            run_id,
            plan: machine.plan(),
            machine,
            sender,
            receiver,
            tasks: JoinSet::new(),
            children: Vec::new(),
            timers: Timers::default(),
            calls: FxHashMap::default(),
            held: BTreeMap::new(),
            asking: FxHashMap::default(),
            claimed: FxHashMap::default(),
            unclosed: BTreeMap::new(),
            until: FxHashMap::default(),
            seq: 0,
            status: "running",
            registered: false,
        }
    }

    pub(super) fn over(&self) -> bool {
        self.machine.over()
    }

    pub(super) fn envelope(&self) -> Envelope {
        self.machine.envelope()
    }

    pub(super) fn journal_error(&self, source: JournalError) -> EngineError {
        EngineError::Journal { run_id: self.run_id.clone(), source }
    }

    /// Runs until the end, or until only a person or an event can bring it further.
    pub(super) async fn drive(mut self) -> Result<Envelope, EngineError> {
        self.register();
        let result = self.follow().await;
        self.unregister();
        self.tasks.abort_all();
        for child in std::mem::take(&mut self.children) {
            let _ = child.await;
        }
        result.map(|()| self.envelope())
    }

    async fn follow(&mut self) -> Result<(), EngineError> {
        self.pick_up()?;
        let mut batch = Vec::new();
        loop {
            self.set_status()?;
            if self.machine.over() || self.parks() {
                return Ok(());
            }
            let nap = self.nap();
            tokio::select! {
                biased;
                taken = self.receiver.recv_many(&mut batch, BATCH) => {
                    if taken > 0 {
                        self.take(std::mem::take(&mut batch))?;
                    }
                }
                () = tokio::time::sleep(nap) => {}
            }
            while self.tasks.try_join_next().is_some() {}
            self.ring()?;
        }
    }

    /// Turns messages into events, writes these down together, applies them.
    fn take(&mut self, batch: Vec<Message>) -> Result<(), EngineError> {
        let mut events = Vec::with_capacity(batch.len());
        let mut claims = Vec::new();
        let mut replies = Vec::new();
        let mut again = Vec::new();
        let at = self.engine.inner.clock.now();
        for message in batch {
            match message {
                Message::Called { key, outcome, recorded, misfit } => {
                    if let Some(claim) = self.calls.get(&key).and_then(|call| call.claim.clone()).filter(|_| !recorded)
                    {
                        claims.push((claim, outcome.clone()));
                    }
                    events.push(match outcome {
                        Ok(Outcome::Done(value)) => Event::Done { at, key, value, recorded, misfit },
                        Ok(Outcome::Unfinished(left)) => Event::Unfinished { at, key, left },
                        Err(fault) => Event::Failed { at, key, fault },
                    });
                }
                Message::Answered { key, value } => {
                    self.asking.remove(&key);
                    if let Some(value) = value {
                        match self.machine.check_answer(&key.step, &value) {
                            Ok(key) => events.push(Event::Answered { at, key, value }),
                            Err(problem) => again.push((key, problem)),
                        }
                    }
                }
                Message::Told { what, reply } => match self.event_of(&what) {
                    Ok(event) => {
                        events.push(event);
                        replies.push(reply);
                    }
                    Err(error) => {
                        let _ = reply.send(Err(error));
                    }
                },
                Message::Resume => events.push(Event::Resumed { at }),
                Message::Status(reply) => {
                    let _ = reply.send(self.machine.envelope());
                }
            }
        }
        if !events.is_empty() {
            self.journal(&events)?;
            for (claim, outcome) in &claims {
                self.close_claim(claim, outcome)?;
            }
            self.apply(&events)?;
        }
        for reply in replies {
            let _ = reply.send(Ok(()));
        }
        self.ask_again(again);
        Ok(())
    }

    /// What somebody outside says, as an event.
    pub(super) fn event_of(&self, what: &Told) -> Result<Event, EngineError> {
        let at = self.engine.inner.clock.now();
        if self.machine.over() {
            let status = self.machine.status().word();
            return Err(EngineError::Ended { run_id: self.run_id.clone(), status });
        }
        Ok(match what {
            Told::Answer { step, value } => {
                let key = self.machine.check_answer(step, value).map_err(EngineError::Unfit)?;
                Event::Answered { at, key, value: value.clone() }
            }
            Told::Signal(signal) => Event::Received {
                at,
                id: signal.id.clone().unwrap_or_else(LocalEngine::new_run_id),
                event: signal.event.clone(),
                key: signal.key.clone(),
                value: signal.value.clone(),
            },
            Told::Cancel(reason) => Event::Cancelled { at, reason: reason.clone() },
            Told::Pause => Event::Paused { at },
        })
    }

    /// Goes on if it was paused.
    pub(super) fn unpause(&mut self) -> Result<(), EngineError> {
        if self.machine.status() != Status::Paused {
            return Ok(());
        }
        let at = self.engine.inner.clock.now();
        let event = Event::Resumed { at };
        self.journal(std::slice::from_ref(&event))?;
        let applied = self.machine.apply(&event);
        self.tell_watchers(applied.notes);
        Ok(())
    }

    /// Writes events down and applies them.
    pub(super) fn write(&mut self, events: &[Event]) -> Result<(), EngineError> {
        self.journal(events)?;
        self.apply(events)
    }

    /// Appends events. Results of reads and clocks that have run may be lost in a crash, they come again; everything
    /// else is durable before anything that depends on it.
    fn journal(&mut self, events: &[Event]) -> Result<(), EngineError> {
        let again = |event: &Event| match event {
            Event::Woke { .. } => true,
            Event::Done { key, .. } | Event::Failed { key, .. } => self.calls.get(key).is_some_and(|call| call.reads),
            _ => false,
        };
        let sync = !events.iter().all(again);
        let lines: Vec<String> = events.iter().map(Line::event).collect();
        self.append(&lines, sync)
    }

    fn append(&mut self, lines: &[String], sync: bool) -> Result<(), EngineError> {
        let journal = &self.engine.inner.journal;
        journal.append(&self.run_id, self.seq, lines, sync).map_err(|source| self.journal_error(source))?;
        self.seq += lines.len() as u64;
        Ok(())
    }

    fn apply(&mut self, events: &[Event]) -> Result<(), EngineError> {
        for event in events {
            if let Event::Done { key, .. } | Event::Failed { key, .. } = event {
                self.calls.remove(key);
                self.until.remove(key);
            }
            if let Event::Unfinished { key, .. } = event {
                self.calls.remove(key);
            }
            if let Event::Answered { key, .. } = event {
                self.ask_no_more(key);
            }
            let applied = self.machine.apply(event);
            self.tell_watchers(applied.notes);
            if self.registered {
                self.carry_out(applied.effects)?;
            }
        }
        Ok(())
    }

    fn tell_watchers(&self, notes: Vec<Note>) {
        let trace = self.machine.trace_id();
        self.engine.observe(notes.into_iter().map(|note| Observed::of(note, &self.run_id, &trace)));
    }

    /// Carries effects out in order. Calls that change something are recorded before the first of them is made.
    pub(super) fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), EngineError> {
        let mut calls = Vec::new();
        for effect in effects {
            match effect {
                Effect::Call(call) => calls.push(*call),
                Effect::Sleep { key, timer, until } => self.timers.set(key, timer, until),
                Effect::Ask(ask) => self.ask(&ask, None),
                Effect::Spawn(spawn) => {
                    let outcome = self.spawn(&spawn).map(Outcome::Done);
                    let _ = self.sender.send(Message::called(spawn.key, outcome));
                }
                Effect::Release { key, claim } => {
                    let journal = &self.engine.inner.journal;
                    journal
                        .release(&claim.scope, &claim.key, &self.run_id)
                        .map_err(|source| self.journal_error(source))?;
                    let _ = self.sender.send(Message::called(key, Ok(Outcome::Done(Value::NULL))));
                }
                Effect::Drop { key, timer: Some(timer) } => self.timers.stop(&key, timer),
                Effect::Drop { key, timer: None } => self.ask_no_more(&key),
                Effect::Receive(_) | Effect::Finish => {}
            }
        }
        self.make_calls(calls)
    }

    fn make_calls(&mut self, calls: Vec<CallEffect>) -> Result<(), EngineError> {
        let mut due = Vec::with_capacity(calls.len());
        for call in calls {
            let in_flight = InFlight { reads: call.reads, claim: call.claim.clone() };
            match self.claim(&call)? {
                Some(answer) => {
                    let _ = self.sender.send(answer);
                }
                None => {
                    self.calls.insert(call.key.clone(), in_flight);
                    due.push(call);
                }
            }
        }
        let records: Vec<String> = due
            .iter()
            .filter(|call| !call.reads)
            .map(|call| Line::Claimed { key: call.key.clone(), args: hex(&call.args.hash()) }.text())
            .collect();
        if !records.is_empty() {
            self.append(&records, true)?;
        }
        for call in due {
            self.call(call);
        }
        Ok(())
    }

    /// Clocks that have run.
    fn ring(&mut self) -> Result<(), EngineError> {
        let at = self.engine.inner.clock.now();
        let mut events = Vec::new();
        while let Some((key, timer)) = self.timers.due(at) {
            events.push(Event::Woke { at, key, timer });
        }
        if events.is_empty() { Ok(()) } else { self.write(&events) }
    }

    fn nap(&self) -> Duration {
        let now = self.engine.inner.clock.now();
        let until = self.timers.next().map(|until| until.duration_since(now));
        let until = until.map(|until| Duration::try_from(until).unwrap_or(Duration::ZERO));
        until.unwrap_or(NAP).min(NAP)
    }

    /// Whether only somebody outside can bring the run further, and nobody here is asked.
    fn parks(&self) -> bool {
        if self.engine.inner.stays || !self.asking.is_empty() || !self.calls.is_empty() {
            return false;
        }
        let mut waits = self.machine.status() == Status::Paused;
        for effect in self.machine.pending() {
            match effect {
                Effect::Ask(_) | Effect::Receive(_) => waits = true,
                Effect::Sleep { timer: Timer::Limit | Timer::Deadline | Timer::Budget, .. } => {}
                _ => return false,
            }
        }
        waits
    }

    /// A question that nobody needs an answer to any more ends at once.
    fn ask_no_more(&mut self, key: &Key) {
        if let Some(asking) = self.asking.remove(key) {
            asking.abort();
        }
    }

    fn ask_again(&mut self, again: Vec<(Key, String)>) {
        for (key, problem) in again {
            let found = self.machine.pending().into_iter().find_map(|effect| match effect {
                Effect::Ask(ask) if ask.key == key => Some(ask),
                _ => None,
            });
            if let Some(ask) = found {
                self.ask(&ask, Some(problem));
            }
        }
    }

    /// Tells the journal how the run is, when that has changed.
    pub(super) fn set_status(&mut self) -> Result<(), EngineError> {
        let status = self.machine.status();
        if status.word() == self.status {
            return Ok(());
        }
        self.status = status.word();
        let finished = self.machine.over().then(|| self.machine.now().to_string());
        let journal = &self.engine.inner.journal;
        journal.set_status(&self.run_id, self.status, finished.as_deref()).map_err(|source| self.journal_error(source))
    }

    fn register(&mut self) {
        self.registered = true;
        let mut runs = self.engine.inner.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.insert(self.run_id.clone(), self.sender.clone());
    }

    fn unregister(&mut self) {
        let mut runs = self.engine.inner.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.remove(&self.run_id);
    }
}

impl LocalEngine {
    /// A run that was started by another one could not go on.
    pub(super) fn lost(&self, run_id: &EcoString, error: &EngineError) {
        let note = Note {
            event: NoteKind::Alert,
            flow: EcoString::new(),
            step: EcoString::new(),
            attempt: None,
            reason: Some(error.to_string()),
            duration_ms: None,
            at: self.inner.clock.now(),
        };
        let trace = crate::machine::trace_id(run_id);
        self.observe([Observed::of(note, run_id, &trace)]);
    }
}
