//! Where runs are written down: plans, events, the idempotency keys that all runs of a project share, and who carries
//! a run on.
//!
//! Writing goes in two steps: a call hands its work over and gives a [`Ticket`]; the ticket tells when it is done. Work
//! that was handed over earlier is done earlier, so whoever need not know need not wait.

pub mod conformance;
pub(crate) mod database;
mod memory;
mod queue;
mod sqlite;
mod threads;
mod ticket;

pub use memory::{EphemeralJournal, MemoryJournal};
pub use queue::{Admitted, Depth, Due, Place, Standing};
pub use sqlite::{Durability, SqliteJournal};
pub use threads::ThreadLine;
pub use ticket::{Reply, Ticket};

use crate::audit::{Head, Link};
use ecow::EcoString;
use std::sync::Arc;
use weir_stdlib::value::{Hash, Value};

/// A store of runs and keys.
pub trait Journal: Send + Sync {
    /// Writes down a new run. The caller carries it on, with fencing token 1.
    fn create(&self, run: NewRun) -> Ticket<Created>;

    /// Appends to a run, all of the batch or nothing. An error where the run is carried on by somebody else, or where
    /// another number of lines is there than the batch says.
    fn append(&self, batch: Batch) -> Ticket<Appended>;

    /// Takes a run over, if nobody living carries it on; gives the fencing token. What earlier holders still write is
    /// refused from then on.
    fn claim(&self, run_id: &str) -> Ticket<u64>;

    /// Lets go of a run in the middle: where it has begun and not ended, it is due at once. Where the token is not the
    /// last one, nothing happens.
    fn release(&self, run_id: &str, token: u64) -> Ticket<()>;

    /// Leaves word for whoever carries the run on; read with [`Journal::posts`].
    fn post(&self, run_id: &str, text: String) -> Ticket<()>;

    /// What was left for the runs that this journal's owner carries on, oldest first. A post stays until a batch names
    /// it.
    ///
    /// # Errors
    /// A journal that cannot be read.
    fn posts(&self) -> Result<Vec<Post>, JournalError>;

    /// The run, its plan and its lines in order.
    ///
    /// # Errors
    /// A journal that cannot be read, or is damaged: the record is named.
    fn load(&self, run_id: &str) -> Result<Option<Loaded>, JournalError>;

    /// The lines of a run from this one on, in order.
    ///
    /// # Errors
    /// No such run; as [`Journal::load`].
    fn lines(&self, run_id: &str, from: u64) -> Result<Vec<Line>, JournalError> {
        let loaded = self.load(run_id)?;
        let loaded = loaded.ok_or_else(|| JournalError {
            what: format!("cannot read run {run_id}"),
            why: NO_RUN.into(),
            trouble: Trouble::NoRun,
        })?;
        Ok(loaded.lines.into_iter().skip(usize::try_from(from).unwrap_or(usize::MAX)).collect())
    }

    /// At most so many lines of the runs of a thread behind this position, in the order in which they were committed. Every
    /// line of a run that has a thread stands there once, from the commit on that wrote it down; those of runs that were
    /// forgotten no more. Nothing where there is no such thread.
    ///
    /// # Errors
    /// A journal that cannot be read, or is damaged: the record is named.
    fn thread_lines(&self, thread: &str, after: u64, limit: usize) -> Result<Vec<ThreadLine>, JournalError>;

    /// Newest runs first.
    ///
    /// # Errors
    /// A journal that cannot be read.
    fn list(&self, filter: &Filter) -> Result<Vec<RunRecord>, JournalError>;

    /// Writes records of the audit that belong to no batch; see [`crate::audit`].
    fn audit(&self, lines: Vec<String>) -> Ticket<()>;

    /// At most so many records of the audit behind this number, in order, and its end.
    ///
    /// # Errors
    /// A journal that cannot be read.
    fn audited(&self, after: u64, limit: usize) -> Result<AuditPage, JournalError>;

    /// Whether others, too, write to this journal.
    fn is_shared(&self) -> bool {
        false
    }

    /// Forgets runs that finished before this time (RFC 3339), at most `limit`; gives their number. Idempotency keys
    /// stay.
    fn forget(&self, before: &str, limit: usize) -> Ticket<usize>;

    /// Writes down a run that nobody carries on until there is room for it and its time has come. It has no lines; the
    /// first batch, at line 0, takes it out of the queue.
    fn enqueue(&self, run: NewRun, place: Place) -> Ticket<Created>;

    /// As [`Journal::claim`], where there is room for the run at this time (milliseconds since 1970).
    fn admit(&self, run_id: &str, now: i64) -> Ticket<Admitted>;

    /// What [`Journal::admit`] would say of a run that has not begun; nothing is taken. None: it has begun, or this journal
    /// does not tell.
    ///
    /// # Errors
    /// A journal that cannot be read.
    fn standing(&self, run_id: &str, now: i64) -> Result<Option<Standing>, JournalError> {
        let _ = (run_id, now);
        Ok(None)
    }

    /// What a run that has not begun begins with, as [`Place::started`].
    ///
    /// # Errors
    /// A journal that cannot be read, or is damaged.
    fn queued(&self, run_id: &str) -> Result<Option<String>, JournalError>;

    /// At most so many runs whose time has come, that nobody carries on and for which there is room, in the order in
    /// which they should go: those that have begun first, then by priority; sources of one priority in turn.
    ///
    /// # Errors
    /// A journal that cannot be read.
    fn due(&self, now: i64, limit: usize) -> Result<Vec<Due>, JournalError>;

    /// How the queue is at this time.
    ///
    /// # Errors
    /// A journal that cannot be read.
    fn depth(&self, now: i64) -> Result<Depth, JournalError>;

    /// Remembers a text under a name, in place of what was remembered there. What a crash takes of it is at most the
    /// last moments.
    fn remember(&self, name: &str, text: String) -> Ticket<()>;

    /// What was remembered under a name.
    ///
    /// # Errors
    /// A journal that cannot be read, or is damaged.
    fn recall(&self, name: &str) -> Result<Option<String>, JournalError>;
}

/// A run that begins.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// How it is listed.
    pub run: RunRecord,
    /// Its plan as JSON, stored once under its hash.
    pub plan: Arc<str>,
    /// Starting with the same key again starts nothing.
    pub start_key: Option<EcoString>,
    /// Its first lines.
    pub lines: Vec<Line>,
    /// Records of the audit, written with it where it is new.
    pub audit: Vec<String>,
}

/// What came of a new run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is written down.
    New,
    /// A run was started under this key before.
    Known(EcoString),
}

/// What is appended to a run in one go.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Of which run.
    pub run_id: EcoString,
    /// The fencing token of whoever writes.
    pub token: u64,
    /// Lines that are there already.
    pub seq: u64,
    /// New lines.
    pub lines: Vec<Line>,
    /// Calls that are about to be made.
    pub calls: Vec<DueCall>,
    /// Records of the audit.
    pub audit: Vec<String>,
    /// Keys whose calls have ended.
    pub keys: Vec<KeyChange>,
    /// Posts that are dealt with.
    pub posts: Vec<i64>,
    /// The run's new status.
    pub status: Option<StatusChange>,
    /// Let go of the run: it has ended or rests.
    pub release: bool,
    /// With `release`: the run has ended or waits, so its place among those that go at once is free.
    pub frees: bool,
    /// When a run that rests is to be woken, in milliseconds since 1970. None: by nobody.
    pub wake: Option<i64>,
    /// The ticket tells when this, and everything before it, has reached the disk.
    pub sync: bool,
}

/// One line of a run: a JSON text, and a large value that stands beside it, stored once for all lines that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// JSON.
    pub text: String,
    /// JSON.
    pub large: Option<String>,
}

/// A call that is about to be made.
#[derive(Clone, Debug)]
pub struct DueCall {
    /// Written down behind the batch's lines, where the key (if there is one) is the caller's.
    pub line: Option<Line>,
    /// The idempotency key to claim.
    pub claim: Option<KeyClaim>,
    /// Record of the audit, written where the call is made.
    pub audit: Option<String>,
}

/// Records of the audit, and its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// In order.
    pub links: Vec<Link>,
    /// Kept apart from them.
    pub head: Head,
}

/// A key whose call has ended.
#[derive(Clone, Debug)]
pub enum KeyChange {
    /// Records the result of the call that holds the key.
    Complete(EcoString, EcoString, Value),
    /// Records a result where the run holds the key, which it may not.
    Affirm(EcoString, EcoString, Value),
    /// Gives the key up: the call did not happen, or was undone. Where the run does not hold it, nothing happens.
    Release(EcoString, EcoString),
}

/// A run's new status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusChange {
    /// See the status names of the language.
    pub status: &'static str,
    /// RFC 3339, once it has ended.
    pub finished_at: Option<EcoString>,
}

/// What came of a batch.
#[derive(Clone, Debug)]
pub struct Appended {
    /// Lines that are there now.
    pub seq: u64,
    /// For each due call, what its key said; `New` where it has none.
    pub claimed: Vec<Claimed>,
}

/// Word that was left for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Named by the batch that deals with it.
    pub number: i64,
    /// For which run.
    pub run_id: EcoString,
    /// JSON.
    pub text: String,
}

/// A run, its plan and its lines in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// How it is listed.
    pub run: RunRecord,
    /// Its plan as JSON.
    pub plan: String,
    /// In order.
    pub lines: Vec<Line>,
}

/// A run as the journal lists it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RunRecord {
    /// UUID v7.
    pub run_id: EcoString,
    /// Full name of the entry flow.
    pub flow: EcoString,
    /// Hash of the plan.
    pub program: EcoString,
    /// See the status names of the language.
    pub status: EcoString,
    /// RFC 3339.
    pub started_at: EcoString,
    /// RFC 3339, once it has ended.
    pub finished_at: Option<EcoString>,
    /// The run that started it.
    pub parent: Option<EcoString>,
    /// Runs of one conversation or subject have the same; those that a run starts have its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<EcoString>,
}

/// Which runs to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of these statuses; empty: of any.
    pub status: Vec<EcoString>,
    /// Of this entry flow.
    pub flow: Option<EcoString>,
    /// Started by this run.
    pub parent: Option<EcoString>,
    /// Of this thread.
    pub thread: Option<EcoString>,
    /// Whose id begins with this.
    pub id: Option<EcoString>,
    /// Only those that have not ended.
    pub unfinished: bool,
    /// Only those that were under way and that nobody carries on.
    pub cut_off: bool,
    /// Only those that have not ended, or have ended since this time (RFC 3339).
    pub active_since: Option<EcoString>,
    /// At most so many; 0: all.
    pub limit: usize,
}

/// A claim on an idempotency key.
#[derive(Clone, Debug)]
pub struct KeyClaim {
    /// Project and tool, flow of a delivery, or run.
    pub scope: EcoString,
    /// The key.
    pub key: EcoString,
    /// Hash of the arguments.
    pub args: Hash,
    /// The step's path.
    pub step: EcoString,
}

/// The answer to a claim. Of several claims on one key at once, in whichever processes, one is `New`.
#[derive(Clone, Debug)]
pub enum Claimed {
    /// It is yours: call, then complete or release.
    New,
    /// A call under this key has succeeded with this result.
    Recorded(Value),
    /// Another run holds it: whether its call happened is unknown.
    InFlight {
        /// Who holds it.
        run_id: EcoString,
        /// Since when, RFC 3339.
        since: EcoString,
    },
    /// The key is known with other arguments.
    Conflict,
}

/// A journal that cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct JournalError {
    /// What could not be done, with the file.
    pub what: String,
    /// Why, and what to do next.
    pub why: String,
    /// Which kind of trouble.
    pub trouble: Trouble,
}

/// Kinds of trouble with a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It cannot be read or written.
    Unusable,
    /// What is in it is not what was written.
    Damaged,
    /// There is no such run.
    NoRun,
    /// Somebody else carries the run on.
    Held,
}

const RUN_EXISTS: &str = "there is a run of this id already";
const NO_RUN: &str = "it holds no such run; `weir runs list` shows those that it holds";

fn out_of_turn(next: u64, seq: u64) -> String {
    format!("the run has {next} lines, not {seq}: another process has carried it on; leave it to that one")
}

fn overtaken() -> String {
    "another process carries the run on, so nothing more is written here; `weir runs show` tells how it is".into()
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}
