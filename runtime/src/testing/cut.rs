//! A journal that breaks off behind one result, as it does when the process dies there: the result is written down,
//! what would have followed from it is not, and nothing is answered any more.

use super::world::World;
use crate::engine::ended_call;
use crate::journal::{
    Admitted, Appended, AuditPage, Batch, Created, Depth, Due, Filter, Journal, JournalError, Loaded, MemoryJournal,
    NewRun, Place, Post, RunRecord, ThreadLine, Ticket,
};
use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

/// The journal of a test.
pub(super) struct CutJournal {
    pub runs: Arc<MemoryJournal>,
    pub world: Arc<World>,
    /// Keeps what is never answered from being told so.
    silent: Mutex<Vec<Box<dyn Any + Send>>>,
}

impl CutJournal {
    pub fn new(runs: Arc<MemoryJournal>, world: Arc<World>) -> Self {
        CutJournal { runs, world, silent: Mutex::default() }
    }

    fn never<T: Send + 'static>(&self) -> Ticket<T> {
        let (reply, ticket) = Ticket::open();
        self.silent.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(reply));
        ticket
    }

    /// The process is dead: who writes gets no answer.
    fn living<T: Send + 'static>(&self, work: impl FnOnce(&MemoryJournal) -> Ticket<T>) -> Ticket<T> {
        if self.world.is_stopped() { self.never() } else { work(&self.runs) }
    }
}

impl Journal for CutJournal {
    fn append(&self, mut batch: Batch) -> Ticket<Appended> {
        if self.world.is_stopped() {
            return self.never();
        }
        let ended = batch.lines.iter().filter_map(ended_call);
        let run_id = batch.run_id.clone();
        if !ended.into_iter().any(|(step, attempt)| self.world.is_cut(&run_id, &step, attempt)) {
            return self.runs.append(batch);
        }
        batch.calls.clear();
        drop(self.runs.append(batch));
        self.world.die();
        self.never()
    }

    fn create(&self, run: NewRun) -> Ticket<Created> {
        self.living(|runs| runs.create(run))
    }

    fn claim(&self, run_id: &str) -> Ticket<u64> {
        self.living(|runs| runs.claim(run_id))
    }

    fn release(&self, run_id: &str, token: u64) -> Ticket<()> {
        self.living(|runs| runs.release(run_id, token))
    }

    fn post(&self, run_id: &str, text: String) -> Ticket<()> {
        self.living(|runs| runs.post(run_id, text))
    }

    fn posts(&self) -> Result<Vec<Post>, JournalError> {
        self.runs.posts()
    }

    fn load(&self, run_id: &str) -> Result<Option<Loaded>, JournalError> {
        self.runs.load(run_id)
    }

    fn thread_lines(&self, thread: &str, after: u64, limit: usize) -> Result<Vec<ThreadLine>, JournalError> {
        self.runs.thread_lines(thread, after, limit)
    }

    fn list(&self, filter: &Filter) -> Result<Vec<RunRecord>, JournalError> {
        self.runs.list(filter)
    }

    fn audit(&self, lines: Vec<String>) -> Ticket<()> {
        self.living(|runs| runs.audit(lines))
    }

    fn audited(&self, after: u64, limit: usize) -> Result<AuditPage, JournalError> {
        self.runs.audited(after, limit)
    }

    fn forget(&self, before: &str, limit: usize) -> Ticket<usize> {
        self.living(|runs| runs.forget(before, limit))
    }

    fn enqueue(&self, run: NewRun, place: Place) -> Ticket<Created> {
        self.living(|runs| runs.enqueue(run, place))
    }

    fn admit(&self, run_id: &str, now: i64) -> Ticket<Admitted> {
        self.living(|runs| runs.admit(run_id, now))
    }

    fn queued(&self, run_id: &str) -> Result<Option<String>, JournalError> {
        self.runs.queued(run_id)
    }

    fn due(&self, now: i64, limit: usize) -> Result<Vec<Due>, JournalError> {
        self.runs.due(now, limit)
    }

    fn depth(&self, now: i64) -> Result<Depth, JournalError> {
        self.runs.depth(now)
    }

    fn remember(&self, name: &str, text: String) -> Ticket<()> {
        self.living(|runs| runs.remember(name, text))
    }

    fn recall(&self, name: &str) -> Result<Option<String>, JournalError> {
        self.runs.recall(name)
    }
}
