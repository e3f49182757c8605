//! Journals with a planted fault each, to show that the sweep finds it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use weir_runtime::journal::{Appended, Batch, Claimed, Journal, JournalError, Loaded, SqliteJournal, Ticket};

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
    pass_on! { [journal] create claim release post posts list audit audited thread_lines forget enqueue admit queued due depth remember recall }

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
