//! The engine inside one process: a loop for each run, tools called as tasks.

use super::carry::{Message, go};
use super::queue::{Taken, When, is_limited};
use super::retry::Anew;
use super::run::RunLoop;
use super::threads::{self, Followers, ThreadReader};
use super::{Begun, Engine, EngineError, History, Signal, StartRequest, ThreadEvent, ThreadStream, Toolbox};
use crate::envelope::Envelope;
use crate::journal::{Appended, Batch, Created, Filter, Journal, NewRun, RunRecord, Ticket};
use crate::limits::{Gate, GateState};
use crate::machine::{Code, Decision, Effect, Event, Machine, Started, Status};
use crate::observe::Observed;
use crate::tool::Tool;
use async_trait::async_trait;
use ecow::EcoString;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use weir_compiler::plan::Plan;
use weir_lang::types::Type;
use weir_stdlib::value::Value;

/// How often it is looked whether another process has left word.
const EAR: Duration = Duration::from_millis(200);

/// How often somebody else in this process is waited for who has a run, before word is left for them.
const HANDOVERS: usize = 500;

/// How soon it is tried again to let go of a run.
const AGAIN: Duration = Duration::from_secs(1);

/// How often it is looked whether runs have been let go of.
const LEAVING: Duration = Duration::from_millis(10);

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Whether somebody may set it while a run sleeps, so that it has to be looked at now and then.
    fn may_be_set(&self) -> bool {
        true
    }
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
    pub tools: Arc<Toolbox>,
    /// By server; what is not limited has none.
    pub gates: BTreeMap<EcoString, Arc<Gate>>,
    pub clock: Arc<dyn Clock>,
    pub answerer: Option<Arc<dyn Answerer>>,
    /// Runs that wait stay with their loop instead of being left.
    pub stays: bool,
    pub runs: Mutex<BTreeMap<EcoString, UnboundedSender<Message>>>,
    pub watchers: Mutex<Vec<UnboundedSender<Observed>>>,
    /// Other processes' words are listened to.
    pub listens: AtomicBool,
    /// Runs that were taken over here and not let go of.
    pub taken: Mutex<BTreeSet<EcoString>>,
    /// Nothing new is begun: the process is ending.
    pub drains: AtomicBool,
    /// A dispatcher wakes runs that sleep.
    pub dispatched: AtomicBool,
    /// Something was put into the queue.
    pub news: tokio::sync::Notify,
    /// The plan that was started last, worked out: many runs of one plan share it.
    pub worked_out: Mutex<Option<WorkedOut>>,
    /// The run that broke off last, as it was known.
    pub broke: Mutex<Option<Envelope>>,
    /// Who follows a thread.
    pub followers: Followers,
}

/// A plan, worked out.
pub(super) struct WorkedOut {
    program: EcoString,
    entry: u32,
    code: Arc<Code>,
    text: Arc<str>,
}

impl Inner {
    /// The plan's hash; remembered of the one that was started last.
    pub(super) fn program_of(&self, plan: &Arc<Plan>) -> EcoString {
        let last = self.worked_out.lock().unwrap_or_else(PoisonError::into_inner);
        let known = last.as_ref().filter(|last| Arc::ptr_eq(&last.code.plan, plan)).map(|last| last.program.clone());
        drop(last);
        known.unwrap_or_else(|| plan.hash())
    }

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

    /// A plan that was written down, worked out; remembered for the next run of it.
    pub(super) fn work_out_again(&self, program: &EcoString, text: &str) -> Result<Arc<Code>, serde_json::Error> {
        let mut last = self.worked_out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.program == *program && *last.text == *text) {
            return Ok(Arc::clone(&last.code));
        }
        let plan: Plan = serde_json::from_str(text)?;
        let entry = plan.entry;
        let code = Code::new(Arc::new(plan));
        *last = Some(WorkedOut { program: program.clone(), entry, code: Arc::clone(&code), text: text.into() });
        Ok(code)
    }
}

impl LocalEngine {
    /// An engine with these tools and this journal.
    pub fn new(journal: Arc<dyn Journal>, tools: Toolbox) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let inner = Inner {
            gates: gates(&tools, &clock, &journal),
            journal,
            tools: Arc::new(tools),
            clock,
            answerer: None,
            stays: false,
            runs: Mutex::default(),
            watchers: Mutex::default(),
            listens: AtomicBool::default(),
            taken: Mutex::default(),
            drains: AtomicBool::default(),
            dispatched: AtomicBool::default(),
            news: tokio::sync::Notify::new(),
            worked_out: Mutex::default(),
            broke: Mutex::default(),
            followers: Followers::default(),
        };
        LocalEngine { inner: Arc::new(inner), by: None }
    }

    /// The same engine on somebody's behalf: the audit says so of what is started, answered and decided through it.
    pub fn by(&self, who: impl Into<EcoString>) -> Self {
        LocalEngine { inner: Arc::clone(&self.inner), by: Some(who.into()) }
    }

    /// On whose behalf something is done now.
    pub(super) fn whom(&self) -> Option<EcoString> {
        self.by.clone().or_else(crate::audit::acting)
    }

    fn change(self, change: impl FnOnce(&mut Inner)) -> Self {
        let old = &self.inner;
        let mut inner = Inner {
            journal: Arc::clone(&old.journal),
            tools: Arc::clone(&old.tools),
            gates: BTreeMap::new(),
            clock: Arc::clone(&old.clock),
            answerer: old.answerer.clone(),
            stays: old.stays,
            runs: Mutex::default(),
            watchers: Mutex::default(),
            listens: AtomicBool::default(),
            taken: Mutex::default(),
            drains: AtomicBool::default(),
            dispatched: AtomicBool::default(),
            news: tokio::sync::Notify::new(),
            worked_out: Mutex::default(),
            broke: Mutex::default(),
            followers: Followers::default(),
        };
        change(&mut inner);
        inner.gates = gates(&inner.tools, &inner.clock, &inner.journal);
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

    /// How the gates of the limited servers stand: calls under way, calls that wait, breakers.
    pub fn gates(&self) -> Vec<GateState> {
        self.inner.gates.values().map(|gate| gate.look()).collect()
    }

    /// The gate of a tool's server.
    pub(super) fn gate(&self, tool: &str) -> Option<&Arc<Gate>> {
        self.inner.gates.get(tool.split_once('.').map_or(tool, |(server, _)| server))
    }

    /// A new run id: UUID v7.
    pub fn new_run_id() -> EcoString {
        uuid::Uuid::now_v7().to_string().into()
    }

    /// Lets go of every run that is under way, as soon as its calls in flight have come back, and waits for that, at most
    /// for `patience`. Nothing new is called. Whoever opens the journal next goes on with them; a call that has not come
    /// back by then may have happened. Gives the number of runs that were not let go of.
    pub async fn leave(&self, patience: Duration) -> usize {
        self.drain();
        let left = async {
            while self.under_way() > 0 {
                tokio::time::sleep(LEAVING).await;
            }
        };
        let _ = tokio::time::timeout(patience, left).await;
        self.under_way()
    }

    /// How many runs are under way here.
    pub fn under_way(&self) -> usize {
        self.inner.runs.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(super) fn sender(&self, run_id: &str) -> Option<UnboundedSender<Message>> {
        let runs = self.inner.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.get(run_id).cloned()
    }

    /// Whether a run has its loop here.
    pub fn is_under_way(&self, run_id: &str) -> bool {
        self.sender(run_id).is_some()
    }

    /// Tells a run something: its loop when it is under way here, the process that carries it on where there is one,
    /// else its journal. Gives whether that was new to the run.
    pub(super) async fn tell(&self, run_id: &str, what: Told) -> Result<bool, EngineError> {
        // Somebody in this process is just taking the run over, or lets go of it: then it is heard at once, or is ours.
        for _ in 0..HANDOVERS {
            if self.is_under_way(run_id) || !self.is_taken(run_id) {
                break;
            }
            tokio::time::sleep(LEAVING).await;
        }
        let word = Word { by: self.whom(), what };
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
                let left = run.note_what_was_left().await;
                let told = match left.and_then(|()| run.event_of(&word.what)) {
                    // It is told when it has begun.
                    Ok(Some(Event::Received { .. })) if run.queued.is_some() => {
                        self.post(run_id, &word).await.map(|()| true)
                    }
                    Ok(Some(event)) => run.note_down(event, word.by).await.map(|()| true),
                    Ok(None) => Ok(false),
                    Err(error) => Err(error),
                };
                if matches!(told, Err(EngineError::Journal { .. } | EngineError::Held(_))) {
                    // What could not be written down has not happened: how the run is now is not how it is.
                    self.let_go(run_id, run.token);
                    return told;
                }
                let rested = run.rest().await;
                told.and_then(|new| rested.map(|()| new))
            }
            Err(EngineError::Held(_)) => match RunLoop::load(self, run_id)?.event_of(&word.what)? {
                Some(_) => self.post(run_id, &word).await.map(|()| true),
                None => Ok(false),
            },
            Err(error) => Err(error),
        }
    }

    /// A run that is paused is told that it is no more; it goes on when somebody carries it on.
    ///
    /// # Errors
    /// As [`Engine::resume`].
    pub async fn unpause(&self, run_id: &str) -> Result<(), EngineError> {
        if self.status(run_id).await?.metadata.status == Status::Paused {
            self.tell(run_id, Told::Resume).await?;
        }
        Ok(())
    }

    /// Leaves word for whoever carries a run on.
    async fn post(&self, run_id: &str, word: &Word) -> Result<(), EngineError> {
        let text = serde_json::to_string(word).unwrap_or_default();
        let posted = self.inner.journal.post(run_id, text).await;
        posted.map_err(|source| EngineError::of(run_id, source))
    }

    /// The loop of a run that nobody else carries on, at rest.
    pub(super) async fn take_over(&self, run_id: &str) -> Result<RunLoop, EngineError> {
        let Some(taking) = self.taking(run_id) else { return Err(EngineError::Held(run_id.into())) };
        let claimed = self.inner.journal.claim(run_id).await;
        let mut run = self.loaded_with(run_id, claimed.map_err(|source| EngineError::of(run_id, source))?)?;
        run.taking = Some(taking);
        Ok(run)
    }

    /// Whether somebody in this process has the run, or is about to.
    fn is_taken(&self, run_id: &str) -> bool {
        self.inner.taken.lock().unwrap_or_else(PoisonError::into_inner).contains(run_id)
    }

    /// The right to take a run over, as long as it is kept; None: somebody here has it.
    pub(super) fn taking(&self, run_id: &str) -> Option<Taking> {
        let mut taken = self.inner.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let run_id = EcoString::from(run_id);
        taken.insert(run_id.clone()).then(|| Taking { engine: Arc::clone(&self.inner), run_id })
    }

    /// The loop of a run that is ours by this token.
    pub(super) fn loaded_with(&self, run_id: &str, token: u64) -> Result<RunLoop, EngineError> {
        match RunLoop::load(self, run_id) {
            Ok(mut run) => {
                run.token = token;
                Ok(run)
            }
            Err(error) => {
                self.let_go(run_id, token);
                Err(error)
            }
        }
    }

    /// Lets go of a run that stops here, so that somebody else can go on with it. Where that cannot be written down now,
    /// it is tried again: as long as the journal names this process, nobody else would ever take the run.
    pub(super) fn let_go(&self, run_id: &str, token: u64) {
        let (engine, run_id) = (Arc::downgrade(&self.inner), EcoString::from(run_id));
        let mut released = self.inner.journal.release(&run_id, token);
        tokio::spawn(async move {
            while released.await.is_err() {
                tokio::time::sleep(AGAIN).await;
                let Some(inner) = engine.upgrade() else { return };
                released = inner.journal.release(&run_id, token);
            }
        });
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

    pub(super) fn is_watched(&self) -> bool {
        !self.inner.watchers.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
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
        run.parent.clone_from(&parent);
        let lines = vec![run.begin_with(Event::Started(Box::new(started)))];
        run.taking = self.taking(&run.run_id);
        run.register();
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
            thread: started.thread.clone(),
        };
        let mut run = RunLoop::new(self, started.run_id.clone(), Machine::of(code));
        run.thread = started.thread.clone();
        (run, record, text)
    }

    /// What is to do about a run that another one starts, once it is written down.
    pub(super) async fn child(
        &self,
        plan: Arc<Plan>,
        started: Started,
        parent: EcoString,
        when: When,
    ) -> Result<Child, EngineError> {
        let run_id = started.run_id.clone();
        match self.listed(&run_id)? {
            None if when.due.is_some() || is_limited(&plan) => {
                self.put(plan, &started, Some(parent), None, &when).await?;
                Ok(if when.due.is_some() { Child::Settled } else { Child::Queued(run_id) })
            }
            None => {
                let (run, created) = self.create(plan, started, Some(parent), None);
                created.await.map_err(|source| EngineError::of(&run_id, source))?;
                Ok(Child::Ours(Box::new(run)))
            }
            Some(known) if known.finished_at.is_some() || self.is_under_way(&run_id) => Ok(Child::Settled),
            Some(known) if known.status == Status::Queued.word() => Ok(Child::Queued(run_id)),
            Some(_) => match self.take_over(&run_id).await {
                Ok(run) => Ok(Child::Ours(Box::new(run))),
                Err(EngineError::Held(_)) => Ok(Child::Settled),
                Err(error) => Err(error),
            },
        }
    }
}

/// Says that a run is somebody's in this process: in the journal all of them are one.
pub(super) struct Taking {
    engine: Arc<Inner>,
    run_id: EcoString,
}

impl Drop for Taking {
    fn drop(&mut self) {
        self.engine.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.run_id);
    }
}

impl LocalEngine {
    /// Tells when everything that was handed over for a run so far is durable.
    fn durable(&self, run: &RunLoop) -> Ticket<Appended> {
        let (run_id, token, seq) = (run.run_id.clone(), run.token, run.seq);
        self.inner.journal.append(Batch { run_id, token, seq, sync: true, ..Batch::default() })
    }

    /// Drives a run as soon as it is durable, whether or not anybody waits. One that may not be is left to whoever finds
    /// it.
    async fn set_going(&self, run: RunLoop, durable: Ticket<Appended>) -> Result<Begun, EngineError> {
        let run_id = run.run_id.clone();
        if let Err(source) = durable.await {
            self.let_go(&run_id, run.token);
            return Err(run.journal_error(source));
        }
        tokio::spawn(go(self.clone(), run));
        Ok(Begun { run_id, known: false })
    }
}

/// A run that another one has started.
pub(super) enum Child {
    /// It is carried on here.
    Ours(Box<RunLoop>),
    /// It waits for its turn.
    Queued(EcoString),
    /// It has ended, begins later, or somebody else carries it on.
    Settled,
}

fn gates(tools: &Toolbox, clock: &Arc<dyn Clock>, journal: &Arc<dyn Journal>) -> BTreeMap<EcoString, Arc<Gate>> {
    let gate = |(server, limits, tool): (&EcoString, _, &Arc<dyn Tool>)| {
        let gate = Gate::new(server.clone(), limits, Arc::clone(clock), Arc::clone(journal), Some(Arc::clone(tool)));
        (server.clone(), gate)
    };
    tools.gated().map(gate).collect()
}

/// Drives a run in a task of its own: it goes on whether or not somebody still waits for its envelope.
pub(super) async fn spawned(run: RunLoop) -> Result<Envelope, EngineError> {
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
    pub(super) fn read(text: &str) -> Option<Word> {
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
        self.may_start(&plan, &request)?;
        let key = request.start_key();
        let started = self.started(&plan, request);
        let run_id = started.run_id.clone();
        if is_limited(&plan) {
            return match self.put(Arc::clone(&plan), &started, None, key, &When::default()).await? {
                Created::New => self.in_turn(&run_id).await,
                Created::Known(known) => self.status(&self.same_flow(&plan, known)?).await,
            };
        }
        let once = key.is_some();
        let (mut run, created) = self.create(Arc::clone(&plan), started, None, key);
        if once {
            match created.await.map_err(|source| run.journal_error(source))? {
                Created::New => {}
                Created::Known(known) => return self.status(&self.same_flow(&plan, known)?).await,
            }
        } else {
            run.created = Some(created);
        }
        spawned(run).await
    }

    async fn begin(&self, plan: Arc<Plan>, request: StartRequest) -> Result<Begun, EngineError> {
        if is_limited(&plan) || self.inner.dispatched.load(Ordering::Relaxed) {
            let queued = self.enqueue(plan, request, When::default()).await?;
            return Ok(Begun { run_id: queued.run_id, known: !queued.new });
        }
        self.may_start(&plan, &request)?;
        let key = request.start_key();
        let started = self.started(&plan, request);
        let (run, created) = self.create(Arc::clone(&plan), started, None, key);
        let durable = self.durable(&run);
        if let Created::Known(run_id) = created.await.map_err(|source| run.journal_error(source))? {
            return Ok(Begun { run_id: self.same_flow(&plan, run_id)?, known: true });
        }
        self.set_going(run, durable).await
    }

    async fn begin_retry(&self, run_id: &str, args: Option<Value>) -> Result<Begun, EngineError> {
        let run = match self.anew(run_id, args).await? {
            Anew::Ours(run) => *run,
            Anew::Queued(run_id) => return Ok(Begun { run_id, known: false }),
        };
        let durable = self.durable(&run);
        self.set_going(run, durable).await
    }

    async fn answer(&self, run_id: &str, step: &str, value: Value) -> Result<(), EngineError> {
        self.tell(run_id, Told::Answer { step: step.into(), value }).await.map(drop)
    }

    async fn decide(&self, run_id: &str, step: &str, decision: Decision) -> Result<(), EngineError> {
        self.tell(run_id, Told::Decide { step: step.into(), decision }).await.map(drop)
    }

    async fn signal(&self, run_id: &str, signal: Signal) -> Result<(), EngineError> {
        self.tell(run_id, Told::Signal(signal)).await.map(drop)
    }

    async fn cancel(&self, run_id: &str, reason: &str) -> Result<(), EngineError> {
        self.tell(run_id, Told::Cancel(reason.into())).await.map(drop)
    }

    async fn pause(&self, run_id: &str) -> Result<(), EngineError> {
        self.tell(run_id, Told::Pause).await.map(drop)
    }

    async fn resume(&self, run_id: &str) -> Result<Envelope, EngineError> {
        self.unpause(run_id).await?;
        self.carry_on(run_id).await
    }

    async fn carry_on(&self, run_id: &str) -> Result<Envelope, EngineError> {
        if self.is_under_way(run_id) {
            return self.status(run_id).await;
        }
        match self.take_due(run_id).await? {
            Taken::Go(run) => spawned(*run).await,
            Taken::Over(envelope) => Ok(*envelope),
            Taken::Full(_) | Taken::Later | Taken::Elsewhere => self.status(run_id).await,
        }
    }

    async fn retry(&self, run_id: &str, args: Option<Value>) -> Result<Envelope, EngineError> {
        match self.anew(run_id, args).await? {
            Anew::Ours(run) => spawned(*run).await,
            Anew::Queued(run_id) => self.in_turn(&run_id).await,
        }
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
        Ok(self.with_standing(RunLoop::load(self, run_id)?.envelope()))
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<RunRecord>, EngineError> {
        self.inner.journal.list(filter).map_err(|source| EngineError::of("", source))
    }

    async fn history(&self, run_id: &str) -> Result<History, EngineError> {
        let mut lines = self.lines(run_id).await;
        let (run, loaded, notes) = RunLoop::replayed(self, run_id)?;
        let trace = run.machine.trace_id();
        let told = |(seq, note)| Observed::of(seq, note, &run.run_id, &trace).below(run.parent.as_ref());
        let events = (1..).zip(notes).map(told).collect();
        let (mut envelope, plan) = (self.with_standing(run.envelope()), run.machine.plan());
        lines.retain(|line| run.machine.owed().any(|effect| effect.key().is_some_and(|key| key.step == line.step)));
        envelope.metadata.waiting.extend(lines);
        let held = run.not_made();
        let questions = run.machine.owed().filter_map(|effect| match effect {
            Effect::Ask(ask) => Some((ask.key.step.clone(), ask.ty.clone())),
            _ => None,
        });
        let questions = questions.collect();
        let rounds = run.machine.rounds();
        Ok(History { record: loaded.run, envelope, lines: loaded.lines.len(), plan, events, questions, held, rounds })
    }

    async fn thread_events(&self, thread: &str, after: u64, limit: usize) -> Result<Vec<ThreadEvent>, EngineError> {
        ThreadReader::new(self, thread, after)?.read(limit).await.map(|(_, events)| events)
    }

    async fn follow_thread(&self, thread: &str, after: u64) -> Result<ThreadStream, EngineError> {
        ThreadReader::new(self, thread, after).map(threads::follow)
    }

    fn watch(&self) -> UnboundedReceiver<Observed> {
        let (sender, receiver) = unbounded_channel();
        self.inner.watchers.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }
}
