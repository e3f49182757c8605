//! The journal in one SQLite file (`.weir/weir.db`), which several processes may have open at once. One thread writes
//! and commits together what has come in; reading has a connection of its own.

mod append;
mod audit;
mod create;
mod inbox;
mod keys;
mod lease;
mod log;
mod mark;
mod migrate;
mod queue;
mod read;
mod retain;
mod sum;
mod threads;
mod writer;

use super::database::{self, Kind};
use super::{
    Admitted, Appended, AuditPage, Batch, Created, Depth, Due, Filter, Journal, JournalError, KeyChange, KeyClaim,
    Loaded, NewRun, Place, Post, RunRecord, Standing, ThreadLine, Ticket, Trouble,
};
use crate::journal::Claimed;
use inbox::{Haste, Inbox};
use mark::Mark;
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use writer::{Desk, Job, Stop, Writer};

const KIND: Kind = Kind {
    name: "journal",
    note: "runs and keys are kept there (with `--ephemeral` the keys still are, so that nothing is sent twice)",
    application_id: i32::from_be_bytes(*b"WEIR"),
    migrations: migrate::migrations,
    version: migrate::VERSION,
};

/// What survives what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// What is acknowledged survives a loss of power.
    #[default]
    Full,
    /// What is acknowledged survives the end of the process, not of the computer.
    Normal,
}

/// Runs and keys in an SQLite file. Any `sqlite3` can read it.
pub struct SqliteJournal {
    inbox: Arc<Inbox>,
    thread: Option<JoinHandle<()>>,
    reader: Mutex<Option<Connection>>,
    me: String,
    file: Arc<Path>,
}

impl SqliteJournal {
    /// Opens the journal, made with its folder where there is none.
    ///
    /// # Errors
    /// A folder that cannot be written, a file of another program, of a newer Weir, or a damaged one.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        SqliteJournal::open_with(path, Durability::Full)
    }

    /// The same with another durability.
    ///
    /// # Errors
    /// As [`SqliteJournal::open`].
    pub fn open_with(path: impl AsRef<Path>, durability: Durability) -> Result<Self, JournalError> {
        let file = path.as_ref().to_path_buf();
        let me = uuid::Uuid::now_v7().to_string();
        let inbox = Arc::new(Inbox::new(Writer::open(Desk::new(me.clone(), file.clone()), durability)?));
        let failed = |why: String| JournalError {
            what: format!("cannot open the journal {}", file.display()),
            why,
            trouble: Trouble::Unusable,
        };
        let reader = read::open(&file).map_err(|error| failed(database::explain(&error, KIND.note)))?;
        let writes = Arc::clone(&inbox);
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || writes.run());
        let thread = thread.map_err(|error| failed(error.to_string()))?;
        Ok(SqliteJournal { inbox, thread: Some(thread), reader: Mutex::new(Some(reader)), me, file: file.into() })
    }

    /// Hands work to the writer. `what` says what could not be done, should it fail.
    fn submit<T: Send + 'static>(
        &self,
        sync: bool,
        what: impl FnOnce() -> String + Send + 'static,
        work: impl FnOnce(&Connection, &mut Desk) -> Result<T, Stop> + Send + 'static,
    ) -> Ticket<T> {
        self.hand_in(Haste::Soon, sync, what, work)
    }

    fn hand_in<T: Send + 'static>(
        &self,
        haste: Haste,
        sync: bool,
        what: impl FnOnce() -> String + Send + 'static,
        work: impl FnOnce(&Connection, &mut Desk) -> Result<T, Stop> + Send + 'static,
    ) -> Ticket<T> {
        let (job, ticket) = Job::new(sync, Arc::clone(&self.file), what, work);
        self.inbox.hand_in(job, haste);
        ticket
    }

    /// Reads with the reader's connection.
    fn read<T>(&self, what: &str, work: impl FnOnce(&Connection) -> Result<T, Stop>) -> Result<T, JournalError> {
        let reader: MutexGuard<'_, Option<Connection>> = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match reader.as_ref() {
            Some(connection) => work(connection),
            None => Err(Stop::Said(Trouble::Unusable, "it is closed".into())),
        };
        found.map_err(|stop| stop.error(what, &self.file))
    }

    /// Claims and settles keys for a run that is not in this journal, and records what it does. `due` stands beside
    /// `claims`: what is recorded of a call that is made.
    pub(super) fn keys(
        &self,
        run_id: &str,
        claims: Vec<Option<KeyClaim>>,
        changes: Vec<KeyChange>,
        mut audit: Vec<String>,
        due: Vec<Option<String>>,
    ) -> Ticket<Vec<Claimed>> {
        let run_id = run_id.to_owned();
        self.hand_in(
            Haste::Now,
            true,
            || "cannot claim or record a key".into(),
            move |sql, desk| {
                keys::settle(sql, &run_id, &changes)?;
                let mut claimed = Vec::with_capacity(claims.len());
                for (claim, line) in claims.iter().zip(due) {
                    let answer = keys::maybe(sql, &run_id, claim.as_ref())?;
                    audit.extend(line.filter(|_| matches!(answer, Claimed::New)));
                    claimed.push(answer);
                }
                log::record(sql, &mut desk.audit, audit.iter())?;
                desk.audit.is_due();
                Ok(claimed)
            },
        )
    }
}

impl Journal for SqliteJournal {
    fn create(&self, run: NewRun) -> Ticket<Created> {
        let run_id = run.run.run_id.clone();
        let what = move || format!("cannot start run {run_id}");
        self.submit(false, what, move |sql, desk| create::create(sql, desk, &run))
    }

    fn append(&self, batch: Batch) -> Ticket<Appended> {
        let (seq, run_id) = (batch.seq, batch.run_id.clone());
        let what = move || format!("cannot write line {seq} of run {run_id}");
        let haste = if batch.sync { Haste::Now } else { Haste::Behind };
        self.hand_in(haste, batch.sync, what, move |sql, desk| append::append(sql, desk, &batch))
    }

    fn claim(&self, run_id: &str) -> Ticket<u64> {
        let run_id = run_id.to_owned();
        let shown = run_id.clone();
        let what = move || format!("cannot take over run {shown}");
        self.submit(false, what, move |sql, desk| lease::claim(sql, desk, &run_id))
    }

    fn release(&self, run_id: &str, token: u64) -> Ticket<()> {
        let run_id = run_id.to_owned();
        self.submit(
            false,
            || "cannot let go of a run".into(),
            move |sql, desk| lease::release(sql, desk, &run_id, token),
        )
    }

    fn post(&self, run_id: &str, text: String) -> Ticket<()> {
        let run_id = run_id.to_owned();
        let shown = run_id.clone();
        let what = move || format!("cannot leave word for run {shown}");
        self.submit(true, what, move |sql, _| create::post(sql, &run_id, &text))
    }

    fn posts(&self) -> Result<Vec<Post>, JournalError> {
        self.read("cannot read what was left for the runs", |sql| read::posts(sql, &self.me))
    }

    fn load(&self, run_id: &str) -> Result<Option<Loaded>, JournalError> {
        self.read(&format!("cannot read run {run_id}"), |sql| read::load(sql, run_id))
    }

    fn lines(&self, run_id: &str, from: u64) -> Result<Vec<crate::journal::Line>, JournalError> {
        self.read(&format!("cannot read run {run_id}"), |sql| read::from(sql, run_id, from))
    }

    fn thread_lines(&self, thread: &str, after: u64, limit: usize) -> Result<Vec<ThreadLine>, JournalError> {
        self.read(&format!("cannot read thread `{thread}`"), |sql| threads::page(sql, thread, after, limit))
    }

    fn list(&self, filter: &Filter) -> Result<Vec<RunRecord>, JournalError> {
        self.read("cannot list the runs", |sql| read::list(sql, filter, &self.file))
    }

    fn audit(&self, lines: Vec<String>) -> Ticket<()> {
        self.submit(
            true,
            || "cannot write the audit".into(),
            move |sql, desk| {
                desk.audit.is_due();
                log::record(sql, &mut desk.audit, lines.iter())
            },
        )
    }

    fn audited(&self, after: u64, limit: usize) -> Result<AuditPage, JournalError> {
        // Read before the records are: they are at least as many then.
        let marked = Mark::open(&self.file).audit();
        self.read("cannot read the audit", |sql| audit::page(sql, after, limit, marked))
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn forget(&self, before: &str, limit: usize) -> Ticket<usize> {
        let before = before.to_owned();
        self.submit(
            false,
            || "cannot forget old runs".into(),
            move |sql, desk| retain::forget(sql, desk, &before, limit),
        )
    }

    fn enqueue(&self, run: NewRun, place: Place) -> Ticket<Created> {
        let run_id = run.run.run_id.clone();
        let what = move || format!("cannot queue run {run_id}");
        self.submit(true, what, move |sql, desk| queue::enqueue(sql, desk, &run, &place))
    }

    fn admit(&self, run_id: &str, now: i64) -> Ticket<Admitted> {
        let run_id = run_id.to_owned();
        let shown = run_id.clone();
        let what = move || format!("cannot take over run {shown}");
        self.submit(false, what, move |sql, desk| queue::admit(sql, desk, &run_id, now))
    }

    fn standing(&self, run_id: &str, now: i64) -> Result<Option<Standing>, JournalError> {
        self.read("cannot read the queue", |sql| queue::standing(sql, run_id, now))
    }

    fn queued(&self, run_id: &str) -> Result<Option<String>, JournalError> {
        self.read(&format!("cannot read run {run_id}"), |sql| queue::started(sql, run_id))
    }

    fn due(&self, now: i64, limit: usize) -> Result<Vec<Due>, JournalError> {
        self.read("cannot read the queue", |sql| queue::due(sql, &self.file, now, limit))
    }

    fn depth(&self, now: i64) -> Result<Depth, JournalError> {
        self.read("cannot read the queue", |sql| queue::depth(sql, now))
    }

    fn remember(&self, name: &str, text: String) -> Ticket<()> {
        let (name, what) = (name.to_owned(), || "cannot remember a breaker, limit or campaign".into());
        self.submit(false, what, move |sql, _| queue::remember(sql, &name, &text))
    }

    fn recall(&self, name: &str) -> Result<Option<String>, JournalError> {
        self.read("cannot recall a breaker, limit or campaign", |sql| queue::recall(sql, name))
    }
}

impl Drop for SqliteJournal {
    /// What was handed over is still written.
    fn drop(&mut self) {
        self.inbox.close();
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
