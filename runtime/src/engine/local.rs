//! The engine inside one process: a loop for each run, tools called as tasks.

use super::carry::Message;
use super::run::RunLoop;
use super::{Engine, EngineError, Signal, StartRequest, Toolbox, validate};
use crate::envelope::Envelope;
use crate::journal::{Journal, RunRecord};
use crate::machine::{Code, Event, Machine, Started};
use crate::observe::Observed;
use async_trait::async_trait;
use ecow::EcoString;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use weir_compiler::plan::Plan;
use weir_lang::types::Type;
use weir_stdlib::value::Value;

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
        };
        LocalEngine { inner: Arc::new(inner) }
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
        };
        change(&mut inner);
        LocalEngine { inner: Arc::new(inner) }
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

    /// Tells a run something: its loop when it is under way here, else its journal.
    async fn tell(&self, run_id: &str, what: Told) -> Result<(), EngineError> {
        if let Some(sender) = self.sender(run_id) {
            let (reply, answer) = tokio::sync::oneshot::channel();
            if sender.send(Message::Told { what: what.clone(), reply }).is_ok()
                && let Ok(result) = answer.await
            {
                return result;
            }
        }
        let mut run = RunLoop::load(self, run_id)?;
        let event = run.event_of(&what)?;
        run.write(&[event])
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

    /// Writes a run down and gives its loop.
    pub(super) fn create(&self, plan: Arc<Plan>, started: Started) -> Result<RunLoop, EngineError> {
        let failed = |source| EngineError::Journal { run_id: started.run_id.clone(), source };
        let record = RunRecord {
            run_id: started.run_id.clone(),
            flow: plan.entry_flow().map(|flow| flow.name.clone()).unwrap_or_default(),
            program: started.program.clone(),
            status: "running".into(),
            started_at: started.at.to_string().into(),
            finished_at: None,
        };
        let text = serde_json::to_string(&*plan).unwrap_or_default();
        self.inner.journal.create(&record, &text).map_err(failed)?;
        let machine = Machine::of(Code::new(plan));
        let mut run = RunLoop::new(self, started.run_id.clone(), machine);
        run.write(&[Event::Started(Box::new(started))])?;
        Ok(run)
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

/// What a run can be told from outside.
#[derive(Clone, Debug)]
pub(super) enum Told {
    Answer { step: EcoString, value: Value },
    Signal(Signal),
    Cancel(EcoString),
    Pause,
}

#[async_trait]
impl Engine for LocalEngine {
    async fn start(&self, plan: Arc<Plan>, request: StartRequest) -> Result<Envelope, EngineError> {
        let mut refused = validate(&plan);
        refused.extend(self.inner.tools.missing(&plan));
        if !refused.is_empty() {
            return Err(EngineError::Refused(refused));
        }
        let started = Started {
            at: self.inner.clock.now(),
            run_id: request.run_id.unwrap_or_else(LocalEngine::new_run_id),
            program: plan.hash(),
            project: request.project,
            args: request.args,
            grants: request.grants,
            delivery: request.delivery,
            flags: request.flags,
            untrusted: request.untrusted,
            secret: false,
        };
        spawned(self.create(plan, started)?).await
    }

    async fn answer(&self, run_id: &str, step: &str, value: Value) -> Result<(), EngineError> {
        self.tell(run_id, Told::Answer { step: step.into(), value }).await
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
        if let Some(sender) = self.sender(run_id) {
            let _ = sender.send(Message::Resume);
            return self.status(run_id).await;
        }
        let mut run = RunLoop::load(self, run_id)?;
        if run.over() {
            run.set_status()?;
            return Ok(run.envelope());
        }
        run.unpause()?;
        spawned(run).await
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

    fn watch(&self) -> UnboundedReceiver<Observed> {
        let (sender, receiver) = unbounded_channel();
        self.inner.watchers.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }
}
