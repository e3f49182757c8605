//! The suite for engines, on journals in memory and in SQLite files; and on engines that break a promise each.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use async_trait::async_trait;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;
use weir_compiler::plan::Plan;
use weir_runtime::engine::conformance::{Home, check};
use weir_runtime::engine::{
    Begun, Engine, EngineError, History, LocalEngine, Signal, StartRequest, ThreadEvent, ThreadStream, Toolbox,
};
use weir_runtime::envelope::Envelope;
use weir_runtime::journal::{Filter, Journal, MemoryJournal, RunRecord, SqliteJournal};
use weir_runtime::machine::Decision;
use weir_runtime::observe::Observed;
use weir_stdlib::value::Value;

struct Memory(Arc<MemoryJournal>);

impl Home for Memory {
    fn open(&self, tools: Toolbox) -> Result<Arc<dyn Engine>, String> {
        let journal: Arc<dyn Journal> = self.0.clone();
        Ok(Arc::new(LocalEngine::new(journal, tools)))
    }
}

struct File(tempfile::TempDir);

impl File {
    fn path(&self) -> PathBuf {
        self.0.path().join(".weir/weir.db")
    }
}

impl Home for File {
    fn open(&self, tools: Toolbox) -> Result<Arc<dyn Engine>, String> {
        let journal = SqliteJournal::open(self.path()).map_err(|error| error.to_string())?;
        Ok(Arc::new(LocalEngine::new(Arc::new(journal), tools)))
    }
}

#[tokio::test]
async fn memory_conforms() {
    check(&|| Ok(Box::new(Memory(Arc::default())))).await.unwrap();
}

#[tokio::test]
async fn sqlite_conforms() {
    check(&|| Ok(Box::new(File(tempfile::tempdir().map_err(|error| error.to_string())?)))).await.unwrap();
}

/// What is wrong with an engine.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    /// It starts again whatever the key says.
    ForgetsKeys,
    /// It says that it has cancelled, and has not.
    NeverCancels,
    /// It takes an event as often as it is sent.
    CountsTwice,
    /// It goes on with a paused run without being told.
    GoesOn,
    /// It reads a thread from the start whatever is asked.
    StartsOver,
    /// Who follows a thread hears nothing of runs that begin later.
    HearsNoMore,
    /// Its next process knows of nothing.
    Forgets,
}

/// The real engine behind a fault.
struct Broken(LocalEngine, Wrong);

struct BrokenHome(Arc<MemoryJournal>, Wrong);

impl Home for BrokenHome {
    fn open(&self, tools: Toolbox) -> Result<Arc<dyn Engine>, String> {
        let journal = match self.1 {
            Wrong::Forgets => Arc::default(),
            _ => Arc::clone(&self.0),
        };
        Ok(Arc::new(Broken(LocalEngine::new(journal, tools), self.1)))
    }
}

type Done<T> = Result<T, EngineError>;

#[async_trait]
impl Engine for Broken {
    async fn start(&self, plan: Arc<Plan>, mut request: StartRequest) -> Done<Envelope> {
        request.key = request.key.filter(|_| !matches!(self.1, Wrong::ForgetsKeys));
        self.0.start(plan, request).await
    }

    async fn begin(&self, plan: Arc<Plan>, request: StartRequest) -> Done<Begun> {
        self.0.begin(plan, request).await
    }

    async fn begin_retry(&self, run_id: &str, args: Option<Value>) -> Done<Begun> {
        self.0.begin_retry(run_id, args).await
    }

    async fn answer(&self, run_id: &str, step: &str, value: Value) -> Done<()> {
        self.0.answer(run_id, step, value).await
    }

    async fn decide(&self, run_id: &str, step: &str, decision: Decision) -> Done<()> {
        self.0.decide(run_id, step, decision).await
    }

    async fn signal(&self, run_id: &str, mut signal: Signal) -> Done<()> {
        signal.id = signal.id.filter(|_| !matches!(self.1, Wrong::CountsTwice));
        self.0.signal(run_id, signal).await
    }

    async fn cancel(&self, run_id: &str, reason: &str) -> Done<()> {
        match self.1 {
            Wrong::NeverCancels => self.0.status(run_id).await.map(drop),
            _ => self.0.cancel(run_id, reason).await,
        }
    }

    async fn pause(&self, run_id: &str) -> Done<()> {
        self.0.pause(run_id).await
    }

    async fn resume(&self, run_id: &str) -> Done<Envelope> {
        self.0.resume(run_id).await
    }

    async fn carry_on(&self, run_id: &str) -> Done<Envelope> {
        match self.1 {
            Wrong::GoesOn => self.0.resume(run_id).await,
            _ => self.0.carry_on(run_id).await,
        }
    }

    async fn retry(&self, run_id: &str, args: Option<Value>) -> Done<Envelope> {
        self.0.retry(run_id, args).await
    }

    async fn list(&self, filter: &Filter) -> Done<Vec<RunRecord>> {
        self.0.list(filter).await
    }

    async fn history(&self, run_id: &str) -> Done<History> {
        self.0.history(run_id).await
    }

    async fn thread_events(&self, thread: &str, after: u64, limit: usize) -> Done<Vec<ThreadEvent>> {
        match self.1 {
            Wrong::StartsOver if limit < usize::MAX => self.0.thread_events(thread, after / 2, limit).await,
            _ => self.0.thread_events(thread, after, limit).await,
        }
    }

    async fn follow_thread(&self, thread: &str, after: u64) -> Done<ThreadStream> {
        match self.1 {
            Wrong::HearsNoMore => {
                let events = self.0.thread_events(thread, after, usize::MAX).await?;
                Ok(Box::pin(futures_util::stream::iter(events.into_iter().map(Ok))))
            }
            _ => self.0.follow_thread(thread, after).await,
        }
    }

    async fn status(&self, run_id: &str) -> Done<Envelope> {
        self.0.status(run_id).await
    }

    fn watch(&self) -> UnboundedReceiver<Observed> {
        self.0.watch()
    }
}

#[tokio::test]
async fn engines_that_break_a_promise_are_found() {
    for (wrong, promise) in [
        (Wrong::ForgetsKeys, "one start key is one run"),
        (Wrong::NeverCancels, "cancelling takes back"),
        (Wrong::CountsTwice, "an event is kept"),
        (Wrong::GoesOn, "a paused run"),
        (Wrong::StartsOver, "the events of a thread"),
        (Wrong::HearsNoMore, "a thread is followed"),
        (Wrong::Forgets, "one start key is one run"),
    ] {
        let found = check(&|| Ok(Box::new(BrokenHome(Arc::default(), wrong)))).await.unwrap_err();
        assert!(found.starts_with(promise), "{wrong:?}: {found}");
    }
}
