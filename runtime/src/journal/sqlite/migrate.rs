//! From each earlier version of the journal's tables to the newest.

use super::sum;
use super::threads;
use rusqlite::{Transaction, params};
use rusqlite_migration::{HookResult, M, Migrations};

/// The newest version.
pub(super) const VERSION: i64 = 5;

/// Version 1: plans, runs, events, keys. Version 2: checksums, large values, workers, posts. Version 3: the queue, limits,
/// memory. Version 4: the audit. Version 5: the log, the lists of threads.
pub(super) fn migrations() -> Migrations<'static> {
    Migrations::new(vec![
        M::up(include_str!("../migrations/journal_1.sql")),
        M::up_with_hook(include_str!("../migrations/journal_2.sql"), with_sums),
        M::up(include_str!("../migrations/journal_3.sql")),
        M::up(include_str!("../migrations/journal_4.sql")),
        M::up_with_hook(include_str!("../migrations/journal_5.sql"), with_threads),
    ])
}

/// Copies what version 1 held, with its checksums.
fn with_sums(sql: &Transaction<'_>) -> HookResult {
    plans(sql)?;
    runs(sql)?;
    keys(sql)?;
    // Nobody carries on what an older Weir left: statuses that a run ended with then may be waited in now.
    sql.execute("UPDATE runs SET finished_at = NULL WHERE status = 'needs_attention'", [])?;
    sql.execute_batch("DROP TABLE events_1; DROP TABLE runs_1; DROP TABLE plans_1; DROP TABLE keys_1;")?;
    Ok(())
}

fn plans(sql: &Transaction<'_>) -> HookResult {
    let mut old = sql.prepare("SELECT hash, json FROM plans_1")?;
    let mut rows = old.query([])?;
    while let Some(row) = rows.next()? {
        let (hash, json): (String, String) = (row.get(0)?, row.get(1)?);
        sql.execute("INSERT INTO plans VALUES (?1, ?2, ?3)", params![hash, json, sum::sum(&[&hash, &json])])?;
    }
    Ok(())
}

fn runs(sql: &Transaction<'_>) -> HookResult {
    let mut old = sql.prepare("SELECT number, run_id, flow, program, status, started_at, finished_at FROM runs_1")?;
    let mut rows = old.query([])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let (run_id, flow, program): (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let (status, started_at): (String, String) = (row.get(4)?, row.get(5)?);
        let finished_at: Option<String> = row.get(6)?;
        let next = events(sql, number, &run_id)?;
        let sum = sum::run_with_next(&run_id, &flow, &program, &started_at, next);
        sql.execute(
            "INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, NULL, ?8, NULL, 0, ?9)",
            params![number, run_id, flow, program, status, started_at, finished_at, next, sum],
        )?;
    }
    Ok(())
}

fn events(sql: &Transaction<'_>, number: i64, run_id: &str) -> Result<u64, rusqlite::Error> {
    let mut old = sql.prepare_cached("SELECT seq, json FROM events_1 WHERE run_id = ?1 ORDER BY seq")?;
    let mut rows = old.query([run_id])?;
    let mut next = 0;
    while let Some(row) = rows.next()? {
        let (seq, json): (u64, String) = (row.get(0)?, row.get(1)?);
        sql.prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, NULL, ?4)")?.execute(params![
            number,
            seq,
            json,
            sum::lines(run_id, seq, &json, None)
        ])?;
        next = seq + 1;
    }
    Ok(next)
}

fn keys(sql: &Transaction<'_>) -> HookResult {
    let mut old = sql.prepare("SELECT scope, key, args, run_id, step, since, value FROM keys_1")?;
    let mut rows = old.query([])?;
    while let Some(row) = rows.next()? {
        let text = |at: usize| row.get::<_, String>(at);
        let (scope, key, args, run_id) = (text(0)?, text(1)?, text(2)?, text(3)?);
        let value: Option<String> = row.get(6)?;
        let sum = sum::key(&scope, &key, &args, &run_id, value.as_deref());
        sql.execute(
            "INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![scope, key, args, run_id, text(4)?, text(5)?, value, sum, sum::sum(&[&scope, &key])],
        )?;
    }
    Ok(())
}

/// Fills the lists of threads, and makes the sums anew.
fn with_threads(sql: &Transaction<'_>) -> HookResult {
    threads::fill(sql)?;
    without_next(sql)
}

/// How many lines a run has stood in its record: what does not fit stays what does not fit.
fn without_next(sql: &Transaction<'_>) -> HookResult {
    let mut old = sql.prepare(
        "SELECT number, run_id, flow, program, started_at, runs.next, runs.sum, row FROM runs JOIN ends ON run = number",
    )?;
    let mut rows = old.query([])?;
    while let Some(row) = rows.next()? {
        let text = |at: usize| row.get::<_, String>(at);
        let (number, run_id): (i64, String) = (row.get(0)?, row.get(1)?);
        let (flow, program, started_at, next) = (text(2)?, text(3)?, text(4)?, row.get(5)?);
        if row.get::<_, i64>(6)? == sum::run_with_next(&run_id, &flow, &program, &started_at, next) {
            sql.prepare_cached("UPDATE runs SET sum = ?2 WHERE number = ?1")?
                .execute(params![number, sum::run(&run_id, &flow, &program, &started_at)])?;
            sql.prepare_cached("UPDATE ends SET sum = ?2 WHERE run = ?1")?
                .execute(params![number, sum::end(&run_id, row.get(7)?, next)])?;
        }
    }
    drop(rows);
    drop(old);
    sql.execute_batch("ALTER TABLE runs DROP COLUMN next")?;
    Ok(())
}
