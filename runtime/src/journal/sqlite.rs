//! The journal in one SQLite file (`.weir/weir.db`), which several processes may have open at once.

use super::database::{self, Kind};
use super::{Claimed, Journal, JournalError, KeyClaim, Loaded, RunRecord};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use rusqlite_migration::{M, Migrations};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use weir_stdlib::value::{Hash, Value};

const MIGRATIONS: &[M<'static>] = &[M::up(include_str!("migrations/journal_1.sql"))];
const KIND: Kind = Kind {
    name: "journal",
    note: "runs and keys are kept there (with `--ephemeral` the keys still are, so that nothing is sent twice)",
    application_id: i32::from_be_bytes(*b"WEIR"),
    migrations: Migrations::from_slice(MIGRATIONS),
    version: MIGRATIONS.len() as i64,
};

const RUN: &str = "run_id, flow, program, status, started_at, finished_at";

/// Runs and keys in an SQLite file. Any `sqlite3` can read it.
pub struct SqliteJournal {
    state: Mutex<State>,
    file: PathBuf,
}

struct State {
    connection: Connection,
    /// Whether a commit waits for the disk.
    synced: bool,
}

impl SqliteJournal {
    /// Opens the journal, made with its folder where there is none.
    ///
    /// # Errors
    /// A folder that cannot be written, a file of another program, of a newer Weir, or a damaged one.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let file = path.as_ref().to_path_buf();
        let connection = database::open(&file, &KIND)?;
        Ok(SqliteJournal { state: Mutex::new(State { connection, synced: true }), file })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` in one transaction that excludes other writers; on an error nothing of it stays.
    fn write<T>(
        &self,
        what: &dyn Fn() -> String,
        sync: bool,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Trouble>,
    ) -> Result<T, JournalError> {
        let done = self.state().write(sync, work);
        done.map_err(|trouble| self.error(what(), trouble))
    }

    fn error(&self, what: String, trouble: Trouble) -> JournalError {
        let why = match trouble {
            Trouble::Sql(error) => database::explain(&error, KIND.note),
            Trouble::Said(why) => why,
        };
        JournalError { what: format!("{what} in the journal {}", self.file.display()), why }
    }
}

/// Why a transaction was given up.
enum Trouble {
    Sql(rusqlite::Error),
    Said(String),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Trouble::Sql(error)
    }
}

impl State {
    fn write<T>(
        &mut self,
        sync: bool,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        if self.synced != sync {
            self.connection.pragma_update(None, "synchronous", if sync { "full" } else { "normal" })?;
            self.synced = sync;
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}

impl Journal for SqliteJournal {
    fn create(&self, run: &RunRecord, plan_json: &str) -> Result<(), JournalError> {
        self.write(&|| format!("cannot start run {}", run.run_id), true, |sql| create(sql, run, plan_json))
    }

    fn append(&self, run_id: &str, seq: u64, events: &[String], sync: bool) -> Result<(), JournalError> {
        self.write(&|| format!("cannot write event {seq} of run {run_id}"), sync, |sql| {
            append(sql, run_id, seq, events)
        })
    }

    fn set_status(&self, run_id: &str, status: &str, finished_at: Option<&str>) -> Result<(), JournalError> {
        self.write(&|| format!("cannot set run {run_id} to `{status}`"), true, |sql| {
            let changed = sql
                .prepare_cached("UPDATE runs SET status = ?2, finished_at = ?3 WHERE run_id = ?1")?
                .execute(params![run_id, status, finished_at])?;
            if changed == 0 { Err(Trouble::Said(NO_RUN.into())) } else { Ok(()) }
        })
    }

    fn load(&self, run_id: &str) -> Result<Option<Loaded>, JournalError> {
        let read = |state: &mut State| {
            let transaction = state.connection.transaction()?;
            load(&transaction, run_id)
        };
        let loaded = read(&mut self.state());
        loaded.map_err(|trouble| self.error(format!("cannot read run {run_id}"), trouble))
    }

    fn list(&self, limit: usize) -> Result<Vec<RunRecord>, JournalError> {
        let listed = list(&self.state().connection, limit);
        listed.map_err(|error| self.error("cannot list the runs".into(), error.into()))
    }

    fn claim(&self, claim: &KeyClaim) -> Result<Claimed, JournalError> {
        self.write(&|| format!("cannot claim key `{}`", claim.key), true, |sql| take(sql, claim))
    }

    fn complete(&self, scope: &str, key: &str, run_id: &str, value: &Value) -> Result<(), JournalError> {
        self.write(&|| format!("cannot record the result under key `{key}`"), true, |sql| {
            let json = serde_json::to_string(value).map_err(|error| Trouble::Said(error.to_string()))?;
            let changed = sql
                .prepare_cached("UPDATE keys SET value = ?4 WHERE scope = ?1 AND key = ?2 AND run_id = ?3")?
                .execute(params![scope, key, run_id, json])?;
            if changed == 0 { Err(Trouble::Said(super::not_held(run_id))) } else { Ok(()) }
        })
    }

    fn release(&self, scope: &str, key: &str, run_id: &str) -> Result<(), JournalError> {
        self.write(&|| format!("cannot give up key `{key}`"), true, |sql| {
            sql.prepare_cached("DELETE FROM keys WHERE scope = ?1 AND key = ?2 AND run_id = ?3")?
                .execute(params![scope, key, run_id])?;
            Ok(())
        })
    }
}

const NO_RUN: &str = super::NO_RUN;

fn create(sql: &Transaction<'_>, run: &RunRecord, plan_json: &str) -> Result<(), Trouble> {
    sql.prepare_cached("INSERT INTO plans (hash, json) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![run.program.as_str(), plan_json])?;
    let inserted = sql
        .prepare_cached(&format!("INSERT INTO runs ({RUN}) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING"))?
        .execute(params![
            run.run_id.as_str(),
            run.flow.as_str(),
            run.program.as_str(),
            run.status.as_str(),
            run.started_at.as_str(),
            run.finished_at.as_deref(),
        ])?;
    if inserted == 0 { Err(Trouble::Said(super::RUN_EXISTS.into())) } else { Ok(()) }
}

fn append(sql: &Transaction<'_>, run_id: &str, seq: u64, events: &[String]) -> Result<(), Trouble> {
    let mut known = sql.prepare_cached("SELECT 1 FROM runs WHERE run_id = ?1")?;
    if !known.exists([run_id])? {
        return Err(Trouble::Said(NO_RUN.into()));
    }
    let next: u64 = sql
        .prepare_cached("SELECT coalesce(max(seq) + 1, 0) FROM events WHERE run_id = ?1")?
        .query_row([run_id], |row| row.get(0))?;
    if next != seq {
        return Err(Trouble::Said(super::out_of_turn(next)));
    }
    let mut insert = sql.prepare_cached("INSERT INTO events (run_id, seq, json) VALUES (?1, ?2, ?3)")?;
    for (seq, event) in (seq..).zip(events) {
        insert.execute(params![run_id, seq, event])?;
    }
    Ok(())
}

fn load(sql: &Transaction<'_>, run_id: &str) -> Result<Option<Loaded>, Trouble> {
    let query = format!("SELECT {RUN} FROM runs WHERE run_id = ?1");
    let Some(run) = sql.prepare_cached(&query)?.query_row([run_id], run_record).optional()? else {
        return Ok(None);
    };
    let plan = sql
        .prepare_cached("SELECT json FROM plans WHERE hash = ?1")?
        .query_row([run.program.as_str()], |row| row.get::<_, String>(0))
        .optional()?
        .ok_or_else(|| Trouble::Said(format!("it is damaged: plan {} is missing", run.program)))?;
    let mut statement = sql.prepare_cached("SELECT seq, json FROM events WHERE run_id = ?1 ORDER BY seq")?;
    let mut rows = statement.query([run_id])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let (seq, event) = (row.get::<_, u64>(0)?, row.get::<_, String>(1)?);
        check_event(events.len() as u64, seq, &event).map_err(Trouble::Said)?;
        events.push(event);
    }
    Ok(Some((run, plan, events)))
}

/// A journal with a hole, or with an event that is no JSON, is refused, never guessed at.
fn check_event(expected: u64, seq: u64, event: &str) -> Result<(), String> {
    if seq != expected {
        return Err(format!("it is damaged: event {expected} is missing"));
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(event) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("it is damaged: event {seq} cannot be read ({error})")),
    }
}

fn list(connection: &Connection, limit: usize) -> Result<Vec<RunRecord>, rusqlite::Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection
        .prepare_cached(&format!("SELECT {RUN} FROM runs ORDER BY number DESC LIMIT ?1"))?
        .query_map([limit], run_record)?
        .collect()
}

fn run_record(row: &Row<'_>) -> Result<RunRecord, rusqlite::Error> {
    let text = |at: usize| row.get::<_, String>(at).map(Into::into);
    Ok(RunRecord {
        run_id: text(0)?,
        flow: text(1)?,
        program: text(2)?,
        status: text(3)?,
        started_at: text(4)?,
        finished_at: row.get::<_, Option<String>>(5)?.map(Into::into),
    })
}

fn take(sql: &Transaction<'_>, claim: &KeyClaim) -> Result<Claimed, Trouble> {
    let held = sql
        .prepare_cached("SELECT args, run_id, since, value FROM keys WHERE scope = ?1 AND key = ?2")?
        .query_row(params![claim.scope.as_str(), claim.key.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let args = hex(&claim.args);
    match held {
        Some(held) => answer(&args, held),
        None => insert_claim(sql, claim, &args),
    }
}

fn insert_claim(sql: &Transaction<'_>, claim: &KeyClaim, args: &str) -> Result<Claimed, Trouble> {
    sql.prepare_cached("INSERT INTO keys (scope, key, args, run_id, step, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            claim.scope.as_str(),
            claim.key.as_str(),
            args,
            claim.run_id.as_str(),
            claim.step.as_str(),
            super::now(),
        ])?;
    Ok(Claimed::New)
}

fn answer(args: &str, held: (String, String, String, Option<String>)) -> Result<Claimed, Trouble> {
    match held {
        (known, ..) if known != args => Ok(Claimed::Conflict),
        (_, run_id, since, None) => Ok(Claimed::InFlight { run_id: run_id.into(), since: since.into() }),
        (.., Some(json)) => serde_json::from_str(&json)
            .map(Claimed::Recorded)
            .map_err(|error| Trouble::Said(format!("it is damaged: the recorded result cannot be read ({error})"))),
    }
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
