//! Journals with a planted fault each, to show that the sweep finds it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use weir_runtime::journal::{
    Admitted, Appended, AuditPage, Batch, Claimed, Created, Depth, Due, Filter, Journal, JournalError, Loaded, NewRun,
    Place, Post, RunRecord, SqliteJournal, Ticket,
};

/// Which journal a process works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The real one.
    Right,
    /// Does not write down that a call is about to be made.
    Forgets,
    /// Says that something is written before it is: it goes to the disk with what comes next.
    Late,
    /// Passes over such records when a run is read back.
    Skips,
}

impl Which {
    pub fn word(self) -> &'static str {
        match self {
            Which::Right => "right",
            Which::Forgets => "forgets",
            Which::Late => "late",
            Which::Skips => "skips",
        }
    }

    pub fn of(word: &str) -> Which {
        [Which::Right, Which::Forgets, Which::Late, Which::Skips]
            .into_iter()
            .find(|which| which.word() == word)
            .unwrap()
    }
}

/// The real journal behind a fault.
pub struct Broken {
    pub journal: SqliteJournal,
    pub which: Which,
    pub waiting: Mutex<Option<Batch>>,
    pub skipped: AtomicU64,
}

impl Broken {
    pub fn new(journal: SqliteJournal, which: Which) -> Broken {
        Broken { journal, which, waiting: Mutex::default(), skipped: AtomicU64::default() }
    }

    fn late(&self, batch: Batch) -> Ticket<Appended> {
        let before = self.waiting.lock().unwrap().take();
        if let Some(before) = before {
            drop(self.journal.append(before));
        }
        if batch.release {
            return self.journal.append(batch);
        }
        let lines = batch.lines.len() + batch.calls.iter().filter(|call| call.line.is_some()).count();
        let appended = Appended { seq: batch.seq + lines as u64, claimed: vec![Claimed::New; batch.calls.len()] };
        *self.waiting.lock().unwrap() = Some(batch);
        Ticket::known(Ok(appended))
    }
}

impl Journal for Broken {
    fn create(&self, run: NewRun) -> Ticket<Created> {
        self.journal.create(run)
    }

    fn append(&self, mut batch: Batch) -> Ticket<Appended> {
        match self.which {
            Which::Right => {}
            Which::Forgets => batch.calls.iter_mut().for_each(|call| call.line = None),
            Which::Late => return self.late(batch),
            Which::Skips => {
                let skipped = self.skipped.load(Ordering::Relaxed);
                batch.seq += skipped;
                let appended = Ticket::wait_elsewhere(self.journal.append(batch));
                return Ticket::known(appended.map(|done| Appended { seq: done.seq - skipped, ..done }));
            }
        }
        self.journal.append(batch)
    }

    fn load(&self, run_id: &str) -> Result<Option<Loaded>, JournalError> {
        let mut loaded = self.journal.load(run_id)?;
        if let (Which::Skips, Some(loaded)) = (self.which, &mut loaded) {
            let before = loaded.lines.len();
            loaded.lines.retain(|line| !line.text.starts_with("{\"claimed\""));
            self.skipped.store((before - loaded.lines.len()) as u64, Ordering::Relaxed);
        }
        Ok(loaded)
    }

    fn claim(&self, run_id: &str) -> Ticket<u64> {
        self.journal.claim(run_id)
    }

    fn release(&self, run_id: &str, token: u64) -> Ticket<()> {
        self.journal.release(run_id, token)
    }

    fn post(&self, run_id: &str, text: String) -> Ticket<()> {
        self.journal.post(run_id, text)
    }

    fn posts(&self) -> Result<Vec<Post>, JournalError> {
        self.journal.posts()
    }

    fn list(&self, filter: &Filter) -> Result<Vec<RunRecord>, JournalError> {
        self.journal.list(filter)
    }

    fn audit(&self, lines: Vec<String>) -> Ticket<()> {
        self.journal.audit(lines)
    }

    fn audited(&self, after: u64, limit: usize) -> Result<AuditPage, JournalError> {
        self.journal.audited(after, limit)
    }

    fn forget(&self, before: &str, limit: usize) -> Ticket<usize> {
        self.journal.forget(before, limit)
    }

    fn enqueue(&self, run: NewRun, place: Place) -> Ticket<Created> {
        self.journal.enqueue(run, place)
    }

    fn admit(&self, run_id: &str, now: i64) -> Ticket<Admitted> {
        self.journal.admit(run_id, now)
    }

    fn queued(&self, run_id: &str) -> Result<Option<String>, JournalError> {
        self.journal.queued(run_id)
    }

    fn due(&self, now: i64, limit: usize) -> Result<Vec<Due>, JournalError> {
        self.journal.due(now, limit)
    }

    fn depth(&self, now: i64) -> Result<Depth, JournalError> {
        self.journal.depth(now)
    }

    fn remember(&self, name: &str, text: String) -> Ticket<()> {
        self.journal.remember(name, text)
    }

    fn recall(&self, name: &str) -> Result<Option<String>, JournalError> {
        self.journal.recall(name)
    }
}

/// Waits on a thread of its own: a runtime's thread may not wait.
trait Elsewhere<T> {
    fn wait_elsewhere(self) -> Result<T, JournalError>;
}

impl<T: Send> Elsewhere<T> for Ticket<T> {
    fn wait_elsewhere(self) -> Result<T, JournalError> {
        std::thread::scope(|scope| scope.spawn(|| self.wait()).join().unwrap())
    }
}
