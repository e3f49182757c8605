//! Engines move data: they append an event to the journal, apply it to the machine and carry out the effects. Every way
//! in (command line, HTTP, campaigns) goes through [`Engine`].

mod audit;
mod carry;
pub mod conformance;
mod elsewhere;
mod followed;
mod keys;
mod line;
mod local;
mod look;
mod queue;
mod recover;
mod retry;
mod run;
mod standing;
mod started;
mod threads;
mod timers;
mod toolbox;
mod turn;
mod turns;
mod validate;

pub use followed::Followed;
pub use local::{Answerer, Clock, LocalEngine, Question, SystemClock};
pub(crate) use look::ended_call;
pub use queue::{Queued, When};
pub use threads::ThreadReader;
pub use toolbox::Toolbox;
pub use validate::{check_args, from_outside, validate};

use crate::envelope::Envelope;
use crate::journal::{Filter, JournalError, RunRecord, Trouble};
use crate::machine::Decision;
use crate::observe::Observed;
use async_trait::async_trait;
use ecow::EcoString;
use futures_util::Stream;
use indexmap::IndexMap;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;
use weir_compiler::plan::Plan;
use weir_lang::types::Type;
use weir_stdlib::value::Value;

/// Runs flows.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Starts a run and gives its envelope once it has ended or only a person or an event can bring it further. The
    /// runs that it started at once are waited for. The run goes on when this is no longer awaited: to end it, cancel it.
    ///
    /// # Errors
    /// [`EngineError::Refused`] before anything has started; a journal that cannot be written.
    async fn start(&self, plan: Arc<Plan>, request: StartRequest) -> Result<Envelope, EngineError>;

    /// Writes a run down and sets it going (where runs are dispatched: puts it into the queue); gives its id as soon as
    /// that is durable. From then on it is carried on, here or by whoever takes over.
    ///
    /// # Errors
    /// As [`Engine::start`], before anything has started.
    async fn begin(&self, plan: Arc<Plan>, request: StartRequest) -> Result<Begun, EngineError>;

    /// What [`Engine::begin`] is to `start`, to [`Engine::retry`].
    ///
    /// # Errors
    /// As [`Engine::retry`].
    async fn begin_retry(&self, run_id: &str, args: Option<Value>) -> Result<Begun, EngineError>;

    /// Answers an open question. A run that is not under way here keeps the answer until it is resumed.
    ///
    /// # Errors
    /// No such run or question, or an answer that does not fit.
    async fn answer(&self, run_id: &str, step: &str, value: Value) -> Result<(), EngineError>;

    /// Decides about a step that waits for an operator. A run that is not under way here keeps the decision until it is
    /// resumed.
    ///
    /// # Errors
    /// No such run or step, or a decision that does not fit.
    async fn decide(&self, run_id: &str, step: &str, decision: Decision) -> Result<(), EngineError>;

    /// Sends an event, counted once by its id. A run that is not under way here keeps it until it is resumed.
    ///
    /// # Errors
    /// No such run, or one that has ended.
    async fn signal(&self, run_id: &str, signal: Signal) -> Result<(), EngineError>;

    /// Ends a run: what is in flight is awaited, what sagas did is undone, and the runs that its steps started are
    /// cancelled with it, as far as they are not over. A run that is not under way here does so when it is resumed.
    ///
    /// # Errors
    /// No such run, or one that has ended.
    async fn cancel(&self, run_id: &str, reason: &str) -> Result<(), EngineError>;

    /// Calls nothing new until the run is resumed.
    ///
    /// # Errors
    /// No such run, or one that has ended.
    async fn pause(&self, run_id: &str) -> Result<(), EngineError>;

    /// Goes on with a run that is paused, that waits, or whose process died, and gives its envelope as
    /// [`Engine::start`] does. A run that has ended gives its envelope.
    ///
    /// # Errors
    /// No such run, a damaged journal, a journal that cannot be written.
    async fn resume(&self, run_id: &str) -> Result<Envelope, EngineError>;

    /// Goes on with a run that nobody carries on, as [`Engine::resume`] does, but leaves a paused one paused. Where
    /// somebody carries it on, or it has ended: how it is.
    ///
    /// # Errors
    /// As [`Engine::resume`].
    async fn carry_on(&self, run_id: &str) -> Result<Envelope, EngineError>;

    /// Starts a failed run again from the step that failed it: a new run that takes over what the old one had finished,
    /// with these arguments if there are any. Where the old one has undone what it did, everything is done again.
    ///
    /// # Errors
    /// No such run, one that has not failed, a failed call that may have happened, arguments that change what is done.
    async fn retry(&self, run_id: &str, args: Option<Value>) -> Result<Envelope, EngineError>;

    /// Runs that this engine's journal knows, newest first.
    ///
    /// # Errors
    /// A journal that cannot be read.
    async fn list(&self, filter: &Filter) -> Result<Vec<RunRecord>, EngineError>;

    /// Everything that is known about a run: every decision in it, in order.
    ///
    /// # Errors
    /// No such run, a damaged journal.
    async fn history(&self, run_id: &str) -> Result<History, EngineError>;

    /// The events of a thread, those of all its runs, in the order in which they were written down: those behind this
    /// position, as many as are wanted and those that stand at the position of the last of them. Where there are none, the
    /// list ends there; it only grows at its end, and loses the events of runs that are forgotten.
    ///
    /// # Errors
    /// No such thread, a damaged journal.
    async fn thread_events(&self, thread: &str, after: u64, limit: usize) -> Result<Vec<ThreadEvent>, EngineError>;

    /// The events of a thread behind this position, as they come: also those of runs that begin later, and of runs that
    /// others carry on. It ends with an error only.
    ///
    /// # Errors
    /// No such thread, a damaged journal.
    async fn follow_thread(&self, thread: &str, after: u64) -> Result<ThreadStream, EngineError>;

    /// How a run is.
    ///
    /// # Errors
    /// No such run, a damaged journal.
    async fn status(&self, run_id: &str) -> Result<Envelope, EngineError>;

    /// Everything that is observed from now on, of all runs of this engine.
    fn watch(&self) -> UnboundedReceiver<Observed>;
}

/// A run that was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its id.
    pub run_id: EcoString,
    /// It was started under this key before, so nothing was started now.
    pub known: bool,
}

/// An event of a run, as it stands in the list of the run's thread.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ThreadEvent {
    /// Where it stands. Positions rise, with gaps, and none is used twice; what was decided at once stands at one position,
    /// in the order of `seq`.
    pub position: u64,
    /// What was decided.
    #[serde(flatten)]
    pub event: Observed,
}

/// The events of a thread as they come.
pub type ThreadStream = Pin<Box<dyn Stream<Item = Result<ThreadEvent, EngineError>> + Send>>;

/// Everything that is known about a run.
#[derive(Clone, Debug)]
pub struct History {
    /// How it is listed.
    pub record: RunRecord,
    /// What it has come to.
    pub envelope: Envelope,
    /// Lines in its journal.
    pub lines: usize,
    /// Its plan.
    pub plan: Arc<Plan>,
    /// Every decision, in order.
    pub events: Vec<Observed>,
    /// What the open questions ask for, by step.
    pub(crate) questions: Vec<(EcoString, Type)>,
    /// Steps whose calls are not made: the run is paused, or nobody knows what became of another one.
    pub(crate) held: Vec<EcoString>,
    /// Rounds of the lists that are being gone through.
    pub(crate) rounds: Vec<(EcoString, usize)>,
}

impl History {
    /// What an answer to the open question of a step must fit.
    pub fn asks(&self, step: &str) -> Option<Type> {
        self.questions.iter().find(|(open, _)| open == step).map(|(_, ty)| ty.clone())
    }
}

/// What a run is started with.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// A UUID v7 of the caller's; None: a new one.
    pub run_id: Option<EcoString>,
    /// Starting with the same key again, in the same project, gives the run that was started the first time.
    pub key: Option<EcoString>,
    /// A record of the entry flow's arguments.
    pub args: Value,
    /// Capabilities granted.
    pub grants: Vec<EcoString>,
    /// Whether deliveries really send: the project and the run allow it.
    pub delivery: bool,
    /// For `flag(name)`.
    pub flags: IndexMap<EcoString, bool>,
    /// The project's name: the scope of idempotency keys.
    pub project: EcoString,
    /// The journal forgets the run with the process, so nothing can be left for later.
    pub ephemeral: bool,
    /// The arguments come from outside (a served flow): refused where one reaches what such data must not steer.
    pub untrusted: bool,
    /// Runs of one conversation or subject have the same.
    pub thread: Option<EcoString>,
}

impl StartRequest {
    /// A request without arguments, grants, flags, deliveries.
    pub fn new(project: impl Into<EcoString>) -> Self {
        StartRequest {
            run_id: None,
            key: None,
            args: Value::record::<EcoString>([]),
            grants: Vec::new(),
            delivery: false,
            flags: IndexMap::new(),
            project: project.into(),
            ephemeral: false,
            untrusted: false,
            thread: None,
        }
    }
}

/// An event for a run.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Signal {
    /// Counted once by this id; None: a new one.
    pub id: Option<EcoString>,
    /// Its name.
    pub event: EcoString,
    /// Matched with the key of a `receive`.
    pub key: Option<EcoString>,
    /// What it carries.
    pub value: Value,
}

/// Why an engine could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Nothing was started; each line says why.
    #[error("{}", .0.join("\n"))]
    Refused(Vec<String>),
    /// There is no run of that id.
    #[error("there is no run {0}: `weir runs list` shows those that there are")]
    NoRun(EcoString),
    /// No run is of that thread.
    #[error("there is no thread `{0}`: a run is put into one when it is started, with `--thread` or `thread`")]
    NoThread(EcoString),
    /// A list of events, or of runs, that cannot be read.
    #[error("{0}")]
    Unread(JournalError),
    /// The run has ended.
    #[error("run {run_id} has ended: it is {status}")]
    Ended {
        /// Which.
        run_id: EcoString,
        /// How.
        status: &'static str,
    },
    /// Another process carries the run on.
    #[error("another process carries run {0} on: what it is told with `weir runs` reaches it there")]
    Held(EcoString),
    /// The engine itself broke down; what is in the journal is whole.
    #[error("run {0} broke off: `weir runs resume {0}` goes on with it; please report this")]
    Broken(EcoString),
    /// What was sent does not fit.
    #[error("{0}")]
    Unfit(String),
    /// A journal that cannot be read or written: the run stopped before its next call.
    #[error("run {run_id} stopped before its next call: {source}")]
    Journal {
        /// Which run.
        run_id: EcoString,
        /// What went wrong.
        source: JournalError,
    },
    /// A journal that does not say what a journal says.
    #[error("the journal of run {run_id} cannot be followed at event {seq}: {why}")]
    Damaged {
        /// Which run.
        run_id: EcoString,
        /// Which event, from 0.
        seq: usize,
        /// What is wrong with it.
        why: String,
    },
}

fn refused(line: String) -> EngineError {
    EngineError::Refused(vec![line])
}

impl EngineError {
    /// What a journal's trouble means for a run.
    fn of(run_id: &str, source: JournalError) -> EngineError {
        let run_id = EcoString::from(run_id);
        match source.trouble {
            Trouble::NoRun => EngineError::NoRun(run_id),
            Trouble::Held => EngineError::Held(run_id),
            Trouble::Unusable | Trouble::Damaged => EngineError::Journal { run_id, source },
        }
    }
}
