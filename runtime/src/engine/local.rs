//! The engine inside one process: a loop for each run, tools called as tasks.

use super::carry::Message;
use super::run::RunLoop;
use super::{Engine, EngineError, History, Signal, StartRequest, Toolbox, validate};
use crate::envelope::Envelope;
use crate::journal::{Created, Filter, Journal, NewRun, RunRecord, Ticket};
use crate::machine::{Code, Decision, Effect, Event, Machine, Started, Status};
use crate::observe::Observed;
use async_trait::async_trait;
use ecow::EcoString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use weir_compiler::plan::Plan;
use weir_lang::types::Type;
use weir_stdlib::value::Value;

/// How often it is looked whether another process has left word.
const EAR: Duration = Duration::from_millis(200);

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The computer's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A question for a person.
#[derive(Clone, Debug)]
pub struct Question {
    /// Of which run.
    pub run_id: EcoString,
    /// Path of the step.
    pub step: EcoString,
    /// The question, secrets masked.
    pub text: String,
    /// What the answer must fit.
    pub ty: Type,
    /// Who is asked.
    pub from: Option<EcoString>,
    /// When it is too late.
    pub until: Option<Timestamp>,
    /// What was wrong with the last answer.
    pub problem: Option<String>,
}

/// Somebody who may answer questions while a run waits.
#[async_trait]
pub trait Answerer: Send + Sync {
    /// The answer; None: nobody is there, the run is left waiting.
    async fn answer(&self, question: &Question) -> Option<Value>;
}

/// The engine.
#[derive(Clone)]
pub struct LocalEngine {
    pub(super) inner: Arc<Inner>,
    /// On whose behalf.
    pub(super) by: Option<EcoString>,
}

pub(super) struct Inner {
    pub journal: Arc<dyn Journal>,
    pub tools: Toolbox,
    pub clock: Arc<dyn Clock>,
    pub answerer: Option<Arc<dyn Answerer>>,
    /// Runs that wait stay with their loop instead of being left.
    pub stays: bool,
    pub runs: Mutex<BTreeMap<EcoString, UnboundedSender<Message>>>,
    pub watchers: Mutex<Vec<UnboundedSender<Observed>>>,
    /// Other processes' words are listened to.
    pub listens: AtomicBool,
    /// The plan that was started last, worked out: many runs of one plan share it.
    pub worked_out: Mutex<Option<WorkedOut>>,
}

/// A plan, worked out.
pub(super) struct WorkedOut {
    program: EcoString,
    entry: u32,
    code: Arc<Code>,
    text: Arc<str>,
}

impl Inner {
    /// The plan worked out, and as JSON; remembered for the next run.
    fn work_out(&self, plan: Arc<Plan>, program: &EcoString) -> (Arc<Code>, Arc<str>) {
        let mut last = self.worked_out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.program == *program && last.entry == plan.entry) {
            return (Arc::clone(&last.code), Arc::clone(&last.text));
        }
        let text: Arc<str> = serde_json::to_string(&*plan).unwrap_or_default().into();
        let entry = plan.entry;
        let code = Code::new(plan);
        *last = Some(WorkedOut { program: program.clone(), entry, code: Arc::clone(&code), text: Arc::clone(&text) });
        (code, text)
    }
}

impl LocalEngine {
    /// An engine with these tools and this journal.
    pub fn new(journal: Arc<dyn Journal>, tools: Toolbox) -> Self {
        let inner = Inner {
            journal,
            tools,
            clock: Arc::new(SystemClock),
            answerer: None,
            stays: false,
            runs: Mutex::default(),
            watchers: Mutex::default(),
            listens: AtomicBool::default(),
            worked_out: Mutex::default(),
        };
        LocalEngine { inner: Arc::new(inner), by: None }
    }

    /// The same engine on somebody's behalf: the audit says so of what is started, answered and decided through it.
    pub fn by(&self, who: impl Into<EcoString>) -> Self {
        LocalEngine { inner: Arc::clone(&self.inner), by: Some(who.into()) }
    }

    fn change(self, change: impl FnOnce(&mut Inner)) -> Self {
        let old = &self.inner;
        let mut inner = Inner {
            journal: Arc::clone(&old.journal),
            tools: old.tools.clone(),
            clock: Arc::clone(&old.clock),
            answerer: old.answerer.clone(),
            stays: old.stays,
            runs: Mutex::default(),
            watchers: Mutex::default(),
            listens: AtomicBool::default(),
            worked_out: Mutex::default(),
        };
        change(&mut inner);
        LocalEngine { inner: Arc::new(inner), by: self.by }
    }

    /// The same with somebody who answers questions. Set up before runs are started and watched.
    pub fn with_answerer(self, answerer: Arc<dyn Answerer>) -> Self {
        self.change(|inner| inner.answerer = Some(answerer))
    }

    /// The same by another clock. Set up before runs are started and watched.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        self.change(|inner| inner.clock = clock)
    }

    /// The same, but a run that waits for a person or an event stays under way until it is answered, signalled or
    /// cancelled. Set up before runs are started and watched.
    pub fn staying(self) -> Self {
        self.change(|inner| inner.stays = true)
    }

    /// A new run id: UUID v7.
    pub fn new_run_id() -> EcoString {
        uuid::Uuid::now_v7().to_string().into()
    }

    fn sender(&self, run_id: &str) -> Option<UnboundedSender<Message>> {
        let runs = self.inner.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.get(run_id).cloned()
    }

    /// Whether a run has its loop here.
    pub(super) fn is_under_way(&self, run_id: &str) -> bool {
        self.sender(run_id).is_some()
    }

    /// Tells a run something: its loop when it is under way here, the process that carries it on where there is one,
    /// else its journal.
    async fn tell(&self, run_id: &str, what: Told) -> Result<(), EngineError> {
        let word = Word { by: self.by.clone(), what };
        if let Some(sender) = self.sender(run_id) {
            let (reply, answer) = tokio::sync::oneshot::channel();
            if sender.send(Message::Told { word: word.clone(), reply }).is_ok()
                && let Ok(result) = answer.await
            {
                return result;
            }
        }
        match self.take_over(run_id).await {
            Ok(mut run) => {
                let told = match run.event_of(&word.what) {
                    Ok(event) => run.note_down(event, word.by).await,
                    Err(error) => Err(error),
                };
                let rested = run.rest().await;
                told.and(rested)
            }
            Err(EngineError::Held(_)) => {
                RunLoop::load(self, run_id)?.event_of(&word.what)?;
                let text = serde_json::to_string(&word).unwrap_or_default();
                let posted = self.inner.journal.post(run_id, text).await;
                posted.map_err(|source| EngineError::of(run_id, source))
            }
            Err(error) => Err(error),
        }
    }

    /// The loop of a run that nobody else carries on, at rest.
    pub(super) async fn take_over(&self, run_id: &str) -> Result<RunLoop, EngineError> {
        let claimed = self.inner.journal.claim(run_id).await;
        let token = claimed.map_err(|source| EngineError::of(run_id, source))?;
        match RunLoop::load(self, run_id) {
            Ok(mut run) => {
                run.token = token;
                Ok(run)
            }
            Err(error) => {
                drop(self.inner.journal.release(run_id, token));
                Err(error)
            }
        }
    }

    /// Hears what other processes leave for the runs that are under way here.
    pub(super) fn listen(&self) {
        if !self.inner.journal.is_shared() || self.inner.listens.swap(true, Ordering::Relaxed) {
            return;
        }
        let engine = Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(EAR).await;
                let Some(inner) = engine.upgrade() else { return };
                let posts = inner.journal.posts().unwrap_or_default();
                let runs = inner.runs.lock().unwrap_or_else(PoisonError::into_inner);
                for post in posts {
                    if let Some(run) = runs.get(&post.run_id) {
                        let word = Word::read(&post.text);
                        let _ = run.send(Message::Posted { number: post.number, word });
                    }
                }
            }
        });
    }

    pub(super) fn observe(&self, observed: impl IntoIterator<Item = Observed>) {
        let mut watchers = self.inner.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if watchers.is_empty() {
            return;
        }
        for one in observed {
            watchers.retain(|watcher| watcher.send(one.clone()).is_ok());
        }
    }

    /// Hands a new run over to the journal and gives its loop.
    pub(super) fn create(
        &self,
        plan: Arc<Plan>,
        started: Started,
        parent: Option<EcoString>,
        start_key: Option<EcoString>,
    ) -> (RunLoop, Ticket<Created>) {
        let (mut run, record, plan) = self.prepare(plan, &started);
        let lines = vec![run.begin_with(Event::Started(Box::new(started)))];
        let run_record = RunRecord { parent, ..record };
        let audit = run.begun(parent_of(&run_record));
        let created = self.inner.journal.create(NewRun { run: run_record, plan, start_key, lines, audit });
        (run, created)
    }

    /// The loop of a run that nobody knows of yet, how it will be listed, and its plan's text.
    pub(super) fn prepare(&self, plan: Arc<Plan>, started: &Started) -> (RunLoop, RunRecord, Arc<str>) {
        let flow = plan.entry_flow().map(|flow| flow.name.clone()).unwrap_or_default();
        let (code, text) = self.inner.work_out(plan, &started.program);
        let record = RunRecord {
            run_id: started.run_id.clone(),
            flow,
            program: started.program.clone(),
            status: "running".into(),
            started_at: started.at.to_string().into(),
            finished_at: None,
            parent: None,
        };
        (RunLoop::new(self, started.run_id.clone(), Machine::of(code)), record, text)
    }

    /// The loop of a run that another one starts. None: it is known already and has ended, or somebody carries it on.
    pub(super) async fn child(
        &self,
        plan: Arc<Plan>,
        started: Started,
        parent: EcoString,
    ) -> Result<Option<RunLoop>, EngineError> {
        let run_id = started.run_id.clone();
        let filter = Filter { id: Some(run_id.clone()), ..Filter::default() };
        let known = self.inner.journal.list(&filter).map_err(|source| EngineError::of(&run_id, source))?;
        match known.first() {
            None => {
                let (run, created) = self.create(plan, started, Some(parent), None);
                created.await.map_err(|source| EngineError::of(&run_id, source))?;
                Ok(Some(run))
            }
            Some(known) if known.finished_at.is_some() || self.is_under_way(&run_id) => Ok(None),
            Some(_) => match self.take_over(&run_id).await {
                Ok(run) => Ok(Some(run)),
                Err(EngineError::Held(_)) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }
}

/// Drives a run in a task of its own: it goes on whether or not somebody still waits for its envelope.
async fn spawned(run: RunLoop) -> Result<Envelope, EngineError> {
    let run_id = run.run_id.clone();
    match tokio::spawn(run.drive()).await {
        Ok(result) => result,
        Err(_) => Err(EngineError::Broken(run_id)),
    }
}

/// Who starts a run that another run starts.
fn parent_of(record: &RunRecord) -> Option<EcoString> {
    record.parent.as_ref().map(|parent| format!("run {parent}").into())
}

/// What a run is told, and by whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Word {
    pub by: Option<EcoString>,
    pub what: Told,
}

impl Word {
    /// As it was left for the run; what an earlier Weir left says nobody.
    fn read(text: &str) -> Option<Word> {
        let plain = || serde_json::from_str(text).ok().map(|what| Word { by: None, what });
        serde_json::from_str(text).ok().or_else(plain)
    }
}

/// What a run can be told from outside.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told {
    Answer { step: EcoString, value: Value },
    Signal(Signal),
    Cancel(EcoString),
    Decide { step: EcoString, decision: Decision },
    Pause,
    Resume,
}

#[async_trait]
impl Engine for LocalEngine {
    async fn start(&self, plan: Arc<Plan>, request: StartRequest) -> Result<Envelope, EngineError> {
        let mut refused = validate(&plan);
        refused.extend(self.inner.tools.missing(&plan));
        if !refused.is_empty() {
            self.refused(&plan, &refused);
            return Err(EngineError::Refused(refused));
        }
        let run_id = request.run_id.unwrap_or_else(LocalEngine::new_run_id);
        let key = request.key.map(|key| format!("{}:{key}", request.project).into());
        let started = Started {
            at: self.inner.clock.now(),
            run_id: run_id.clone(),
            program: plan.hash(),
            project: request.project,
            args: request.args,
            grants: request.grants,
            delivery: request.delivery,
            flags: request.flags,
            untrusted: request.untrusted,
            secret: false,
            behind: None,
            seed: None,
        };
        let once = key.is_some();
        let (mut run, created) = self.create(plan, started, None, key);
        if once {
            match created.await.map_err(|source| EngineError::of(&run_id, source))? {
                Created::New => {}
                Created::Known(known) => return self.status(&known).await,
            }
        } else {
            run.created = Some(created);
        }
        spawned(run).await
    }

    async fn answer(&self, run_id: &str, step: &str, value: Value) -> Result<(), EngineError> {
        self.tell(run_id, Told::Answer { step: step.into(), value }).await
    }

    async fn decide(&self, run_id: &str, step: &str, decision: Decision) -> Result<(), EngineError> {
        self.tell(run_id, Told::Decide { step: step.into(), decision }).await
    }

    async fn signal(&self, run_id: &str, signal: Signal) -> Result<(), EngineError> {
        self.tell(run_id, Told::Signal(signal)).await
    }

    async fn cancel(&self, run_id: &str, reason: &str) -> Result<(), EngineError> {
        self.tell(run_id, Told::Cancel(reason.into())).await
    }

    async fn pause(&self, run_id: &str) -> Result<(), EngineError> {
        self.tell(run_id, Told::Pause).await
    }

    async fn resume(&self, run_id: &str) -> Result<Envelope, EngineError> {
        if self.status(run_id).await?.metadata.status == Status::Paused {
            self.tell(run_id, Told::Resume).await?;
        }
        self.carry_on(run_id).await
    }

    async fn carry_on(&self, run_id: &str) -> Result<Envelope, EngineError> {
        if self.is_under_way(run_id) {
            return self.status(run_id).await;
        }
        let mut run = match self.take_over(run_id).await {
            Err(EngineError::Held(_)) => return self.status(run_id).await,
            taken => taken?,
        };
        if run.over() {
            run.rest().await?;
            return Ok(run.envelope());
        }
        let missing = self.inner.tools.missing(&run.plan);
        if !missing.is_empty() {
            run.rest().await?;
            return Err(EngineError::Refused(missing));
        }
        spawned(run).await
    }

    async fn retry(&self, run_id: &str, args: Option<Value>) -> Result<Envelope, EngineError> {
        spawned(self.anew(run_id, args).await?).await
    }

    async fn status(&self, run_id: &str) -> Result<Envelope, EngineError> {
        if let Some(sender) = self.sender(run_id) {
            let (reply, answer) = tokio::sync::oneshot::channel();
            if sender.send(Message::Status(reply)).is_ok()
                && let Ok(envelope) = answer.await
            {
                return Ok(envelope);
            }
        }
        Ok(RunLoop::load(self, run_id)?.envelope())
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<RunRecord>, EngineError> {
        self.inner.journal.list(filter).map_err(|source| EngineError::of("", source))
    }

    async fn history(&self, run_id: &str) -> Result<History, EngineError> {
        let (run, loaded, notes) = RunLoop::replayed(self, run_id)?;
        let trace = run.machine.trace_id();
        let events = notes.into_iter().map(|note| Observed::of(note, &run.run_id, &trace)).collect();
        let (envelope, plan) = (run.envelope(), run.machine.plan());
        let questions = run.machine.owed().filter_map(|effect| match effect {
            Effect::Ask(ask) => Some((ask.key.step.clone(), ask.ty.clone())),
            _ => None,
        });
        let questions = questions.collect();
        let rounds = run.machine.rounds();
        Ok(History { record: loaded.run, envelope, lines: loaded.lines.len(), plan, events, questions, rounds })
    }

    fn watch(&self) -> UnboundedReceiver<Observed> {
        let (sender, receiver) = unbounded_channel();
        self.inner.watchers.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }
}
