//! Where runs are written down: plans, events, and the idempotency keys that are shared by all runs of a project.

pub mod conformance;
pub(crate) mod database;
mod memory;
mod sqlite;

pub use memory::{EphemeralJournal, MemoryJournal};
pub use sqlite::SqliteJournal;

use ecow::EcoString;
use weir_stdlib::value::{Hash, Value};

/// A store of runs and keys. Every method is durable when it returns, unless it says otherwise.
pub trait Journal: Send + Sync {
    /// Writes down a new run. Starting one id twice is an error.
    fn create(&self, run: &RunRecord, plan_json: &str) -> Result<(), JournalError>;

    /// Appends events (each one JSON text) behind the `seq` events that are there already; `sync` makes them, and all
    /// before them, durable before it returns. Another number than there are is an error: someone else continues the run.
    fn append(&self, run_id: &str, seq: u64, events: &[String], sync: bool) -> Result<(), JournalError>;

    /// Sets the run's status.
    fn set_status(&self, run_id: &str, status: &str, finished_at: Option<&str>) -> Result<(), JournalError>;

    /// The run, its plan and its events in order.
    fn load(&self, run_id: &str) -> Result<Option<Loaded>, JournalError>;

    /// Newest runs first, at most `limit`.
    fn list(&self, limit: usize) -> Result<Vec<RunRecord>, JournalError>;

    /// Claims an idempotency key before a call. Of several claims at once, in whichever processes, one is `New`.
    fn claim(&self, claim: &KeyClaim) -> Result<Claimed, JournalError>;

    /// Records the result of the call that holds the key; an error where `run_id` does not hold it.
    fn complete(&self, scope: &str, key: &str, run_id: &str, value: &Value) -> Result<(), JournalError>;

    /// Gives the key up: the call did not happen, or was undone. Where `run_id` does not hold it, nothing happens.
    fn release(&self, scope: &str, key: &str, run_id: &str) -> Result<(), JournalError>;
}

/// A run, its plan and its events in order.
pub type Loaded = (RunRecord, String, Vec<String>);

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
    /// Who claims.
    pub run_id: EcoString,
    /// The step's path.
    pub step: EcoString,
}

/// The answer to a claim.
#[derive(Clone, Debug)]
pub enum Claimed {
    /// It is yours: call, then `complete` or `release`.
    New,
    /// A call under this key has succeeded with this result.
    Recorded(Value),
    /// Another run (or an earlier attempt that never ended) holds it: whether it happened is unknown.
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
#[derive(Debug, thiserror::Error)]
#[error("{what}: {why}")]
pub struct JournalError {
    /// What could not be done, with the file.
    pub what: String,
    /// Why, and what to do next.
    pub why: String,
}

const NO_RUN: &str = "it holds no such run; `weir runs list` shows those that it holds";
const RUN_EXISTS: &str = "there is a run of this id already";

fn out_of_turn(next: u64) -> String {
    format!("the next event of the run is {next}: another process continues it; leave it to that one")
}

fn not_held(run_id: &str) -> String {
    format!("run {run_id} does not hold it: it was given up, or another run has it")
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}
