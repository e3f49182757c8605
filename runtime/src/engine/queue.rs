//! Runs that begin later, or when there is room for them: writing them down, taking their turn, and going on with those
//! that rest. What decides is in the journal, so it holds over all processes on it.

use super::carry::Message;
use super::local::{LocalEngine, Word, spawned};
use super::run::RunLoop;
use super::turn::Turn;
use super::{EngineError, StartRequest, from_outside, validate};
use crate::envelope::Envelope;
use crate::journal::{Admitted, Created, Depth, Due, Filter, NewRun, Place, RunRecord};
use crate::machine::{Allowance, Effect, Event, Note, NoteKind, Started, Status, Timer};
use crate::observe::Observed;
use ecow::EcoString;
use jiff::Timestamp;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use weir_compiler::plan::Plan;

/// How often a run that is waited for looks whether there is room for it.
const LOOK: Duration = Duration::from_millis(100);

/// A run that sleeps longer than this is laid aside where a dispatcher wakes it, in milliseconds.
const LONG: i64 = 10_000;

/// Runs that are looked at for outboxes.
const MOST_STARTED: usize = 1_000;

/// When a run is to begin, and before which others.
#[derive(Clone, Debug, Default)]
pub struct When {
    /// Not before this time; None: as soon as there is room.
    pub due: Option<Timestamp>,
    /// Who starts it, e.g. `campaign leads.monday`. Sources of one priority take turns.
    pub source: EcoString,
    /// Larger goes first; None: what the flow's own `priority` says.
    pub priority: Option<i64>,
    /// Not before this run is over.
    pub behind: Option<EcoString>,
}

/// A run in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Its id.
    pub run_id: EcoString,
    /// Whether it was written down now; else a run was started under this key before, and this is it.
    pub new: bool,
}

/// A run that is carried on while it is awaited.
pub(crate) type Driven = Pin<Box<dyn Future<Output = Result<Envelope, EngineError>> + Send>>;

/// What came of a run's turn.
pub(super) enum Taken {
    /// It is ours.
    Go(Box<RunLoop>),
    /// It has ended.
    Over(Box<Envelope>),
    /// There is no room for it now.
    Full(String),
    /// Its time has not come.
    Later,
    /// Another process carries it on.
    Elsewhere,
}

impl LocalEngine {
    /// Writes down a run that begins when its time has come and there is room for it: a dispatcher starts it. When this
    /// gives its id, it is durable.
    ///
    /// # Errors
    /// [`EngineError::Refused`] before anything was written; a journal that cannot be written.
    pub async fn enqueue(&self, plan: Arc<Plan>, request: StartRequest, when: When) -> Result<Queued, EngineError> {
        self.may_start(&plan, &request)?;
        let key = request.start_key();
        let started = self.started(&plan, request);
        let run_id = started.run_id.clone();
        Ok(match self.put(Arc::clone(&plan), &started, None, key, &when).await? {
            Created::New => Queued { run_id, new: true },
            Created::Known(run_id) => Queued { run_id: self.same_flow(&plan, run_id)?, new: false },
        })
    }

    /// A run that was started under the key before: a key stands for one flow only.
    pub(super) fn same_flow(&self, plan: &Plan, run_id: EcoString) -> Result<EcoString, EngineError> {
        let flow = plan.entry_flow().map(|flow| flow.name.as_str()).unwrap_or_default();
        match self.listed(&run_id)?.filter(|known| known.flow != flow) {
            Some(known) => Err(super::refused(format!(
                "run {run_id} of `{}` was started under this key: start `{flow}` under one of its own",
                known.flow
            ))),
            None => Ok(run_id),
        }
    }

    /// Whether a run of this plan can be started with this request.
    pub(super) fn may_start(&self, plan: &Plan, request: &StartRequest) -> Result<(), EngineError> {
        let mut refused = validate(plan);
        refused.extend(self.inner.tools.missing(plan));
        if request.untrusted {
            refused.extend(from_outside(plan));
        }
        if request.ephemeral {
            refused.extend(super::validate::delayed(plan));
        }
        if refused.is_empty() {
            return Ok(());
        }
        self.refused(plan, &refused);
        Err(EngineError::Refused(refused))
    }

    /// What a run of this plan begins with.
    pub(super) fn started(&self, plan: &Arc<Plan>, request: StartRequest) -> Started {
        Started {
            at: self.inner.clock.now(),
            run_id: request.run_id.unwrap_or_else(LocalEngine::new_run_id),
            program: self.inner.program_of(plan),
            project: request.project,
            args: request.args,
            grants: request.grants,
            delivery: request.delivery,
            flags: request.flags,
            untrusted: request.untrusted,
            secret: false,
            thread: request.thread,
            behind: None,
            seed: None,
            allowance: Some(Allowance::default()),
            beside: true,
        }
    }

    /// Puts a run into the queue.
    pub(super) async fn put(
        &self,
        plan: Arc<Plan>,
        started: &Started,
        parent: Option<EcoString>,
        start_key: Option<EcoString>,
        when: &When,
    ) -> Result<Created, EngineError> {
        let run_id = started.run_id.clone();
        let (run, record, text) = self.prepare(plan, started);
        let place = self.place(&run, started, when)?;
        let reason = when.due.map(|due| format!("begins at {due}"));
        let audit = vec![self.put_down(&record.flow, started, parent.as_ref(), when)];
        let record = RunRecord { parent, status: Status::Queued.word().into(), ..record };
        let new = NewRun { run: record, plan: text, start_key, lines: Vec::new(), audit };
        let created = self.inner.journal.enqueue(new, place).await;
        let created = created.map_err(|source| EngineError::of(&run_id, source))?;
        if created == Created::New {
            self.observe([self.noted(&run_id, &run.machine.record().flow, NoteKind::RunQueued, reason)]);
            self.inner.news.notify_one();
        }
        Ok(created)
    }

    /// Where a run stands in the queue.
    pub(super) fn place(&self, run: &RunLoop, started: &Started, when: &When) -> Result<Place, EngineError> {
        let clauses = run.plan.entry_flow().map(|flow| flow.clauses.clone()).unwrap_or_default();
        Ok(Place {
            due: when.due.unwrap_or(started.at).as_millisecond(),
            priority: when.priority.unwrap_or(clauses.priority),
            source: when.source.clone(),
            slot: run.machine.slot(&started.args).map_err(super::refused)?,
            rate: clauses.limit,
            behind: when.behind.clone(),
            started: Some(serde_json::to_string(started).unwrap_or_default()),
        })
    }

    /// Takes a run over where its time has come and there is room for it.
    pub(super) async fn take_due(&self, run_id: &str) -> Result<Taken, EngineError> {
        if self.is_under_way(run_id) {
            return Ok(Taken::Elsewhere);
        }
        let Some(taking) = self.taking(run_id) else { return Ok(Taken::Elsewhere) };
        let now = self.inner.clock.now().as_millisecond();
        let admitted = self.inner.journal.admit(run_id, now).await;
        let token = match admitted.map_err(|source| EngineError::of(run_id, source)) {
            Ok(Admitted::Go(token)) => token,
            Ok(Admitted::Full(why)) => return Ok(Taken::Full(why)),
            Ok(Admitted::Later(_)) => return Ok(Taken::Later),
            Err(EngineError::Held(_)) => return Ok(Taken::Elsewhere),
            Err(error) => return Err(error),
        };
        let mut run = self.loaded_with(run_id, token)?;
        run.taking = Some(taking);
        if run.over() {
            run.rest().await?;
            return Ok(Taken::Over(Box::new(run.envelope())));
        }
        let missing = self.inner.tools.missing(&run.plan);
        if !missing.is_empty() {
            run.rest().await?;
            return Err(EngineError::Refused(missing));
        }
        Ok(Taken::Go(Box::new(run)))
    }

    /// A run that may be carried on now, as what is to be awaited. None: it has ended, somebody has it, or there is no
    /// room for it.
    pub(crate) async fn turn_of(&self, run_id: &str) -> Result<Option<Driven>, EngineError> {
        match self.take_due(run_id).await? {
            Taken::Go(run) => Ok(Some(Box::pin(run.drive()))),
            Taken::Over(_) | Taken::Full(_) | Taken::Later | Taken::Elsewhere => Ok(None),
        }
    }

    /// From now on a dispatcher wakes runs that sleep for long, so they need not stay in memory.
    pub(crate) fn will_be_dispatched(&self) {
        self.inner.dispatched.store(true, Ordering::Relaxed);
    }

    /// Something was put into the queue.
    pub(crate) async fn news(&self) {
        self.inner.news.notified().await;
    }

    /// No run begins anything from now on; each lets go of itself once its calls have ended.
    pub(crate) fn drain(&self) {
        self.inner.drains.store(true, Ordering::Release);
        let runs = self.inner.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.values().for_each(|run| drop(run.send(Message::Drain)));
    }

    /// The engine's time, in milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.inner.clock.now().as_millisecond()
    }

    /// At most so many runs that may be carried on now.
    pub(crate) fn due(&self, limit: usize) -> Result<Vec<Due>, EngineError> {
        self.inner.journal.due(self.now(), limit).map_err(|source| EngineError::of("", source))
    }

    /// How the queue is.
    pub(crate) fn depth(&self) -> Result<Depth, EngineError> {
        self.inner.journal.depth(self.now()).map_err(|source| EngineError::of("", source))
    }

    /// Waits for a run's turn, then for the run, as [`super::Engine::start`] does.
    pub(super) async fn in_turn(&self, run_id: &EcoString) -> Result<Envelope, EngineError> {
        let mut told = None;
        loop {
            match self.take_due(run_id).await? {
                Taken::Go(run) => return spawned(*run).await,
                Taken::Over(envelope) => return Ok(*envelope),
                Taken::Later => return super::Engine::status(self, run_id).await,
                Taken::Elsewhere => {
                    let envelope = super::Engine::status(self, run_id).await?;
                    if !matches!(envelope.metadata.status, Status::Queued | Status::Running | Status::Compensating) {
                        return Ok(envelope);
                    }
                }
                // Cancelled meanwhile: there is no room for it, and none is needed.
                Taken::Full(_) if self.has_ended(run_id)? => return super::Engine::status(self, run_id).await,
                Taken::Full(why) if told.as_ref() == Some(&why) => {}
                Taken::Full(why) => {
                    self.observe([self.noted(run_id, "", NoteKind::RunQueued, Some(why.clone()))]);
                    told = Some(why);
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Tries once more what the archivers of this run, and of the runs that it started, could not keep: before a process
    /// ends after which perhaps nobody does for a long time. Gives how many are kept for later all the same.
    ///
    /// # Errors
    /// A journal that cannot be read or written.
    pub async fn try_outboxes(&self, run_id: &str) -> Result<usize, EngineError> {
        let (mut looked_at, mut left) = (0, 0);
        let mut runs = vec![EcoString::from(run_id)];
        while let Some(run_id) = runs.pop().filter(|_| looked_at < MOST_STARTED) {
            looked_at += 1;
            let filter = Filter { parent: Some(run_id), limit: MOST_STARTED, ..Filter::default() };
            for run in super::Engine::list(self, &filter).await? {
                runs.push(run.run_id.clone());
                if run.status == Status::Waiting.word() && self.try_outbox(&run.run_id).await? {
                    left += 1;
                }
            }
        }
        Ok(left)
    }

    /// The same for one run; whether it is kept for later.
    async fn try_outbox(&self, run_id: &str) -> Result<bool, EngineError> {
        let mut run = match self.take_over(run_id).await {
            Ok(run) => run,
            Err(EngineError::Held(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        let Some(key) = run.machine.outbox_until().map(|(key, _)| key.clone()) else {
            run.rest().await?;
            return Ok(false);
        };
        let at = self.inner.clock.now();
        run.note_down(Event::Woke { at, key, timer: Timer::Outbox }, None).await?;
        let envelope = spawned(run).await?;
        Ok(envelope.metadata.status == Status::Waiting)
    }

    /// What was remembered under a name.
    pub(crate) fn recall(&self, name: &str) -> Result<Option<String>, EngineError> {
        self.inner.journal.recall(name).map_err(|source| EngineError::of("", source))
    }

    /// Remembers a text under a name.
    pub(crate) async fn remember(&self, name: &str, text: String) -> Result<(), EngineError> {
        self.inner.journal.remember(name, text).await.map_err(|source| EngineError::of("", source))
    }

    /// Lets those who watch know of something.
    pub(crate) fn tell_of(&self, run_id: &EcoString, flow: &str, event: NoteKind, reason: String) {
        self.observe([self.noted(run_id, flow, event, Some(reason))]);
    }

    /// Something about a run that its machine does not decide.
    pub(super) fn noted(&self, run_id: &EcoString, flow: &str, event: NoteKind, reason: Option<String>) -> Observed {
        let note = Note {
            event,
            flow: flow.into(),
            step: EcoString::new(),
            attempt: None,
            reason,
            tool: EcoString::new(),
            calls: 0,
            arm: None,
            retry_in_ms: None,
            duration_ms: None,
            at: self.inner.clock.now(),
        };
        Observed::of(0, note, run_id, &crate::machine::trace_id(run_id))
    }
}

impl StartRequest {
    /// The key that starts once, in its project.
    pub(super) fn start_key(&self) -> Option<EcoString> {
        self.key.as_ref().map(|key| format!("{}:{key}", self.project).into())
    }
}

/// Whether runs of a plan need room.
pub(super) fn is_limited(plan: &Plan) -> bool {
    plan.entry_flow().is_some_and(|flow| flow.clauses.limit.is_some() || flow.clauses.concurrency.is_some())
}

impl RunLoop {
    /// A run that has not begun begins now.
    pub(super) fn begin_now(&mut self, turn: &mut Turn) -> bool {
        let Some(mut started) = self.queued.take() else { return false };
        started.at = self.engine.inner.clock.now();
        started.beside = true;
        let said = turn.audit.len();
        self.hear(turn, Event::Started(started));
        let begun = self.begun(None);
        turn.audit.splice(said..said, begun);
        true
    }

    /// Hears what was left for the run while nobody carried it on.
    pub(super) fn hear_what_was_left(&self) -> Result<(), EngineError> {
        let posts = self.engine.inner.journal.posts().map_err(|source| self.journal_error(source))?;
        for post in posts.into_iter().filter(|post| post.run_id == self.run_id) {
            let _ = self.sender.send(Message::Posted { number: post.number, word: Word::read(&post.text) });
        }
        Ok(())
    }

    /// When a run that rests is to be woken: at once where there is something to do, else when its next clock rings.
    pub(super) fn wake(&self) -> Option<i64> {
        if self.machine.over() || self.machine.status() == Status::Paused {
            return None;
        }
        let now = self.engine.inner.clock.now().as_millisecond();
        let mut next: Option<i64> = None;
        for effect in self.machine.pending() {
            match effect {
                Effect::Ask(_) | Effect::Receive(_) | Effect::Attend(_) => {}
                Effect::Sleep { until, .. } => {
                    // Rather late by a millisecond than too early.
                    let until = until.as_millisecond() + 1;
                    next = Some(next.map_or(until, |next| next.min(until)));
                }
                _ => next = Some(now),
            }
        }
        next
    }

    /// Whether a clock of the run may ring in another process: a dispatcher wakes it.
    pub(super) fn may_lie(&self, until: Timestamp) -> bool {
        let engine = &self.engine.inner;
        engine.dispatched.load(Ordering::Relaxed) && until.as_millisecond() - engine.clock.now().as_millisecond() > LONG
    }
}
