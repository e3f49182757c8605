//! The loop of one run: take what came in, write it down with what follows from it, carry that out.

use super::EngineError;
use super::carry::Message;
use super::elsewhere::{Moved, Pin};
use super::keys::Holder;
use super::line;
use super::local::{LocalEngine, Taking, Told, Word};
use super::timers::Timers;
use super::turn::Turn;
use crate::envelope::{BudgetLeft, Envelope};
use crate::journal::{Appended, Created, JournalError, Line, Ticket};
use crate::machine::{CallEffect, Claim, Effect, Event, Key, Machine, NoteKind, Started, Status, Timer};
use crate::observe::Observed;
use crate::tool::{Happened, Outcome, Progress};
use ecow::EcoString;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::Instant;
use weir_compiler::plan::Plan;

/// Longest nap: a clock that is set while we sleep is noticed.
const NAP: Duration = Duration::from_secs(60);
/// The same where nobody sets the clock: tokio's are not made for much more.
const YEAR: Duration = Duration::from_secs(365 * 86_400);
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
    pub timers: Timers,
    /// Calls in flight: what is to do when they end.
    pub calls: FxHashMap<Key, InFlight>,
    /// Keys that this run holds.
    pub held: BTreeMap<(EcoString, EcoString), Holder>,
    /// Attempts that go on at another instance of their server.
    pub moved: FxHashMap<Key, Moved>,
    /// Steps whose call may have happened at one instance, and that only their key makes repeatable.
    pub pins: BTreeMap<EcoString, Pin>,
    /// Calls that wait at the gates of their servers, or for a key.
    pub waiting: FxHashMap<Key, InLine>,
    /// Those that wait for a key; some may have left the line since.
    pub behind_keys: FxHashSet<Key>,
    /// Calls that are not made while the run holds.
    pub held_back: FxHashMap<Key, CallEffect>,
    /// How many stops of the machine have been looked at.
    pub stops: u64,
    /// Questions that somebody has been asked.
    pub asking: FxHashMap<Key, AbortHandle>,
    /// Calls that were about to be made when the process died.
    pub claimed: FxHashMap<Key, String>,
    /// Those of them that were made again: the first time, they may have happened.
    pub again: FxHashSet<Key>,
    /// When the time of each call in flight is over.
    pub until: FxHashMap<Key, Instant>,
    /// Lines in the journal.
    pub seq: u64,
    /// Runs that it starts have the same.
    pub thread: Option<EcoString>,
    /// The run that started it.
    pub parent: Option<EcoString>,
    /// Decisions in it so far.
    pub told: u64,
    /// Decisions that nobody has been told of: the run may turn out to be known.
    untold: Vec<Observed>,
    /// Says that the run is ours.
    pub token: u64,
    /// The run is being written down.
    pub created: Option<Ticket<Created>>,
    /// What was handed over to the journal and not waited for, oldest first.
    pub behind: VecDeque<Ticket<Appended>>,
    pub status: &'static str,
    /// Nobody else here takes the run over, as long as it is there.
    pub taking: Option<Taking>,
    /// Everybody may find the loop, as long as it is there.
    listed: Option<Listed>,
    /// What was refused before the first call: goes into the audit with the run itself.
    pub first_refusals: Vec<String>,
    /// Let go of already.
    pub released: bool,
    /// What the run begins with, where it has not begun.
    pub queued: Option<Box<Started>>,
    /// Nothing new is begun: the process is ending, and another one goes on.
    pub drains: bool,
}

/// The loop's entry among the runs that are under way; gone with it.
struct Listed {
    engine: LocalEngine,
    run_id: EcoString,
    sender: UnboundedSender<Message>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut runs = self.engine.inner.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.get(&self.run_id).is_some_and(|known| known.same_channel(&self.sender)) {
            runs.remove(&self.run_id);
        }
    }
}

/// A call in flight.
pub(super) struct InFlight {
    /// Empty for what is no call of a tool.
    pub tool: EcoString,
    pub repeatable: bool,
    pub reads: bool,
    pub claim: Option<Claim>,
    /// Where it is, where its server has several.
    pub instance: EcoString,
}

/// A call that waits: it has not been made.
pub(super) struct InLine {
    pub waits: Waits,
    /// For what, in the reader's words.
    pub why: String,
}

/// Where a call waits.
pub(super) enum Waits {
    /// At its server's gate.
    Gate(AbortHandle),
    /// Behind the step of its run that holds its key.
    Behind(Box<CallEffect>),
}

impl InLine {
    /// It waits no more.
    pub(super) fn leave(self) {
        if let Waits::Gate(waits) = self.waits {
            waits.abort();
        }
    }
}

impl InFlight {
    /// The start of a run.
    pub(super) fn start() -> InFlight {
        InFlight { tool: EcoString::new(), repeatable: true, reads: false, claim: None, instance: EcoString::new() }
    }

    /// A call that its server's gate has not let through.
    pub(super) fn at_the_gate(call: &CallEffect) -> InFlight {
        InFlight {
            tool: call.tool.clone(),
            repeatable: true,
            reads: call.reads,
            claim: None,
            instance: EcoString::new(),
        }
    }
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
            moved: FxHashMap::default(),
            pins: BTreeMap::new(),
            waiting: FxHashMap::default(),
            behind_keys: FxHashSet::default(),
            held_back: FxHashMap::default(),
            stops: 0,
            asking: FxHashMap::default(),
            claimed: FxHashMap::default(),
            again: FxHashSet::default(),
            until: FxHashMap::default(),
            seq: 0,
            thread: None,
            parent: None,
            told: 0,
            untold: Vec::new(),
            token: 1,
            created: None,
            behind: VecDeque::new(),
            status: "running",
            taking: None,
            listed: None,
            first_refusals: Vec::new(),
            released: false,
            queued: None,
            drains: false,
        }
    }

    /// The first event of a run that is being created, as a line. What follows from it is carried out when the run is
    /// driven.
    pub(super) fn begin_with(&mut self, event: Event) -> Line {
        let applied = self.machine.apply(&event);
        self.first_refusals = self.refusals(applied.refused);
        self.untold = self.numbered(applied.notes);
        self.seq = 1;
        line::Line::event(&event)
    }

    pub(super) fn over(&self) -> bool {
        self.machine.over()
    }

    pub(super) fn envelope(&self) -> Envelope {
        let mut envelope = self.machine.envelope();
        if let Some(started) = &self.queued {
            envelope.metadata.run_id = started.run_id.clone();
            envelope.metadata.program = started.program.clone();
            envelope.metadata.trace_id = crate::machine::trace_id(&started.run_id);
            envelope.metadata.depth =
                started.allowance.as_ref().map(|allowance| allowance.depth).filter(|depth| *depth > 0);
            envelope.metadata.budget_left = BudgetLeft::of(&self.machine, started.allowance.as_ref());
        }
        envelope
    }

    pub(super) fn journal_error(&self, source: JournalError) -> EngineError {
        EngineError::of(&self.run_id, source)
    }

    /// Runs until the end, or until only a person or an event can bring it further.
    pub(super) async fn drive(mut self) -> Result<Envelope, EngineError> {
        self.register();
        let result = self.follow().await;
        if result.is_err() && self.parent.is_none() {
            self.engine.keep_last(self.envelope());
        }
        self.listed = None;
        self.tasks.abort_all();
        if !self.released {
            self.engine.let_go(&self.run_id, self.token);
        }
        self.taking = None;
        for child in std::mem::take(&mut self.children) {
            let _ = child.await;
        }
        result.map(|()| self.envelope())
    }

    async fn follow(&mut self) -> Result<(), EngineError> {
        self.engine.observe(std::mem::take(&mut self.untold));
        self.pick_up().await?;
        let mut batch = Vec::new();
        loop {
            if self.machine.over() || self.parks() || (self.drains && self.calls.is_empty()) {
                return self.rest().await;
            }
            let nap = self.nap();
            tokio::select! {
                biased;
                taken = self.receiver.recv_many(&mut batch, BATCH) => {
                    if taken > 0 {
                        self.take(std::mem::take(&mut batch)).await?;
                    }
                }
                () = tokio::time::sleep(nap) => {}
            }
            while self.tasks.try_join_next().is_some() {}
            self.ring().await?;
        }
    }

    /// A tool says how far it is. Nothing hangs on it, so it is told and not kept.
    fn progressed(&self, key: &Key, progress: &Progress) {
        if self.calls.contains_key(key) {
            self.engine.observe([self.observed(key, NoteKind::StepProgress, progress.to_string())]);
        }
    }

    /// Turns messages into events, and takes these in together.
    async fn take(&mut self, batch: Vec<Message>) -> Result<(), EngineError> {
        let mut turn = Turn::default();
        let mut replies = Vec::new();
        let mut again = Vec::new();
        let at = self.engine.inner.clock.now();
        for message in batch {
            match message {
                Message::Called { key, mut outcome, recorded, misfit } => {
                    if let Err(fault) = &mut outcome
                        && self.again.remove(&key)
                    {
                        fault.happened = Happened::Maybe;
                    }
                    let outcome = self.in_the_end(&key, outcome);
                    if self.goes_elsewhere(&mut turn, &key, &outcome) {
                        continue;
                    }
                    self.unpin(&key, &outcome);
                    let event = match &outcome {
                        Ok(Outcome::Done(value)) => {
                            Event::Done { at, key: key.clone(), value: value.clone(), recorded, misfit }
                        }
                        Ok(Outcome::Unfinished(left)) => Event::Unfinished { at, key: key.clone(), left: left.clone() },
                        Err(fault) => Event::Failed { at, key: key.clone(), fault: fault.clone() },
                    };
                    self.called(&mut turn, &key, &outcome, recorded, &event);
                }
                Message::Progressed { key, progress } => self.progressed(&key, &progress),
                Message::Turn { call, answer } => {
                    if self.waiting.remove(&call.key).is_some() {
                        match answer {
                            Ok(permit) => turn.admitted.push((*call, permit)),
                            Err(fault) => drop(self.sender.send(Message::called(call.key, Err(fault)))),
                        }
                    }
                }
                Message::Answered { key, value } => {
                    self.asking.remove(&key);
                    if let Some(value) = value {
                        match self.machine.check_answer(&key.step, &value) {
                            Ok(key) => self.heed(&mut turn, Event::Answered { at, key, value }, self.engine.whom()),
                            Err(problem) => again.push((key, problem)),
                        }
                    }
                }
                Message::Told { word, reply } => match self.event_of(&word.what) {
                    Ok(event) => {
                        let new = event.is_some();
                        event.into_iter().for_each(|event| self.heed(&mut turn, event, word.by.clone()));
                        replies.push((reply, new));
                    }
                    Err(error) => drop(reply.send(Err(error))),
                },
                Message::Posted { number, word } => {
                    turn.posts.push(number);
                    if let Some((event, by)) = word.and_then(|word| Some((self.heard(&word.what).ok()??, word.by))) {
                        self.heed(&mut turn, event, by);
                    }
                }
                Message::Drain => self.drain(),
                Message::Stop(error) => return Err(error),
                Message::Status(reply) => drop(reply.send(self.machine.envelope())),
                Message::Lines(reply) => drop(reply.send(self.in_line())),
            }
        }
        self.end_turn(turn).await?;
        for (reply, new) in replies {
            let _ = reply.send(Ok(new));
        }
        self.ask_again(again);
        Ok(())
    }

    /// What somebody outside says, as an event; None: the run knows that already. An event that does not fit the step that
    /// waits for it is refused.
    pub(super) fn event_of(&self, what: &Told) -> Result<Option<Event>, EngineError> {
        let event = self.heard(what)?;
        if let Told::Signal(signal) = what {
            let (id, key) = (signal.id.as_ref(), signal.key.as_ref());
            self.machine.check_signal(id, &signal.event, key, &signal.value).map_err(EngineError::Unfit)?;
        }
        Ok(event)
    }

    /// The same of what was taken already, when it was sent.
    fn heard(&self, what: &Told) -> Result<Option<Event>, EngineError> {
        let at = self.engine.inner.clock.now();
        if self.machine.over() {
            let status = self.machine.status().word();
            return Err(EngineError::Ended { run_id: self.run_id.clone(), status });
        }
        if self.queued.is_some() && !matches!(what, Told::Cancel(_) | Told::Signal(_)) {
            let id = &self.run_id;
            return Err(EngineError::Unfit(format!(
                "run {id} has not begun: it can be cancelled, with `weir runs cancel {id}`, and sent events"
            )));
        }
        Ok(Some(match what {
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
            Told::Cancel(_) if self.machine.is_cancelled() => return Ok(None),
            Told::Cancel(reason) => Event::Cancelled { at, reason: reason.clone(), started: true },
            Told::Decide { step, decision } => {
                let key = self.machine.check_decision(step, decision).map_err(EngineError::Unfit)?;
                Event::Decided { at, key, decision: decision.clone() }
            }
            Told::Pause => Event::Paused { at },
            Told::Resume => Event::Resumed { at },
        }))
    }

    /// Writes an event down without carrying out what follows: that is done when the run is driven. A run that has not
    /// begun is told before it begins: it is cancelled, and does nothing.
    pub(super) async fn note_down(&mut self, event: Event, by: Option<EcoString>) -> Result<(), EngineError> {
        let mut turn = Turn::default();
        self.heed(&mut turn, event, by);
        self.begin_now(&mut turn);
        turn.effects.clear();
        self.end_turn(turn).await
    }

    /// Writes down, in the same way, what was left for the run while somebody else had it: it was said before.
    pub(super) async fn note_what_was_left(&mut self) -> Result<(), EngineError> {
        if self.queued.is_some() {
            // It hears that when it begins.
            return Ok(());
        }
        let mut posts = self.engine.inner.journal.posts().map_err(|source| self.journal_error(source))?;
        let mut turn = Turn::default();
        posts.retain(|post| post.run_id == self.run_id);
        for post in posts {
            turn.posts.push(post.number);
            if let Some((event, by)) =
                Word::read(&post.text).and_then(|word| Some((self.event_of(&word.what).ok()??, word.by)))
            {
                self.heed(&mut turn, event, by);
            }
        }
        if turn.posts.is_empty() {
            return Ok(());
        }
        turn.effects.clear();
        self.end_turn(turn).await
    }

    /// Clocks that have run.
    async fn ring(&mut self) -> Result<(), EngineError> {
        let at = self.engine.inner.clock.now();
        let mut turn = Turn::default();
        while let Some((key, timer)) = self.timers.due(at) {
            self.hear(&mut turn, Event::Woke { at, key, timer });
        }
        self.end_turn(turn).await
    }

    fn nap(&self) -> Duration {
        let now = self.engine.inner.clock.now();
        let until = self.timers.next().map(|until| until.duration_since(now));
        let until = until.map(|until| Duration::try_from(until).unwrap_or(Duration::ZERO));
        let longest = if self.engine.inner.clock.may_be_set() { NAP } else { YEAR };
        until.unwrap_or(longest).min(longest)
    }

    /// Whether only somebody outside can bring the run further, and nobody here is asked.
    pub(super) fn parks(&self) -> bool {
        if self.engine.inner.stays || !self.asking.is_empty() || !self.calls.is_empty() || !self.receiver.is_empty() {
            return false;
        }
        let now = self.engine.inner.clock.now();
        if self.timers.next().is_some_and(|until| until <= now) {
            return false;
        }
        let mut waits = self.machine.status() == Status::Paused;
        for effect in self.machine.pending() {
            match effect {
                Effect::Ask(_) | Effect::Receive(_) | Effect::Attend(_) => waits = true,
                // An archiver's next try is left to whoever carries the run on then.
                Effect::Sleep { timer: Timer::Outbox, until, .. } if until > self.engine.inner.clock.now() => {
                    waits = true
                }
                Effect::Sleep { timer: Timer::Limit | Timer::Deadline | Timer::Budget, .. } => {}
                Effect::Sleep { until, .. } if self.may_lie(until) => waits = true,
                Effect::Call(call) if self.held_back.contains_key(&call.key) => waits = true,
                _ => return false,
            }
        }
        waits
    }

    /// A question that nobody needs an answer to any more ends at once.
    pub(super) fn ask_no_more(&mut self, key: &Key) {
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

    /// From now on everybody finds the loop. A new run's before it is written down, so that nobody takes it for one that
    /// was left.
    pub(super) fn register(&mut self) {
        self.engine.listen();
        let (engine, run_id, sender) = (self.engine.clone(), self.run_id.clone(), self.sender.clone());
        let mut runs = self.engine.inner.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.insert(run_id.clone(), sender.clone());
        drop(runs);
        self.drains = self.engine.inner.drains.load(Ordering::Acquire);
        if self.listed.is_none() {
            self.listed = Some(Listed { engine, run_id, sender });
        }
    }
}

impl LocalEngine {
    /// A run that was started by another one could not go on.
    pub(crate) fn lost(&self, run_id: &EcoString, error: &EngineError) {
        self.observe([self.noted(run_id, "", NoteKind::Alert, Some(error.to_string()))]);
    }
}
