//! Reading: a run with its lines, the list of runs, word that was left. What does not fit its checksum is named and
//! refused.

use super::append;
use super::lease;
use super::log;
use super::sum;
use super::writer::Stop;
use crate::journal::{Filter, Line, Loaded, NO_RUN, Post, RunRecord, Trouble};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params, params_from_iter};
use std::path::Path;
use std::time::Duration;

const RUN: &str = "run_id, flow, program, status, started_at, finished_at, parent, thread";

/// A connection that only reads.
pub(super) fn open(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

pub(super) fn load(sql: &Connection, run_id: &str) -> Result<Option<Loaded>, Stop> {
    let transaction = sql.unchecked_transaction()?;
    let Some(known) = append::look(&transaction, run_id)? else { return Ok(None) };
    let query = format!("SELECT {RUN} FROM runs WHERE number = ?1");
    let run = transaction.prepare_cached(&query)?.query_row([known.number], record)?;
    let plan = plan(&transaction, &run)?;
    let lines = log::lines(&transaction, &known, run_id, 0)?;
    Ok(Some(Loaded { run, plan, lines }))
}

fn plan(sql: &Connection, run: &RunRecord) -> Result<String, Stop> {
    let hash = run.program.as_str();
    let mut look = sql.prepare_cached("SELECT json, sum FROM plans WHERE hash = ?1")?;
    let found = look.query_row([hash], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).optional()?;
    match found {
        None => Err(Stop::damaged(format_args!("plan {hash} of run {} is missing", run.run_id))),
        Some((json, found)) if found != sum::sum(&[hash, &json]) => {
            Err(Stop::damaged(format_args!("plan {hash} does not fit its checksum")))
        }
        Some((json, _)) => Ok(json),
    }
}

/// The lines of a run from this one on.
pub(super) fn from(sql: &Connection, run_id: &str, from: u64) -> Result<Vec<Line>, Stop> {
    let transaction = sql.unchecked_transaction()?;
    let known = append::look(&transaction, run_id)?.ok_or_else(|| Stop::Said(Trouble::NoRun, NO_RUN.into()))?;
    log::lines(&transaction, &known, run_id, from)
}

pub(super) fn list(sql: &Connection, filter: &Filter, file: &Path) -> Result<Vec<RunRecord>, Stop> {
    let mut query = format!("SELECT {RUN} FROM runs WHERE 1");
    let mut given: Vec<String> = Vec::new();
    if !filter.status.is_empty() {
        let marks = vec!["?"; filter.status.len()].join(", ");
        query.push_str(&format!(" AND status IN ({marks})"));
        given.extend(filter.status.iter().map(ToString::to_string));
    }
    for (column, wanted) in [("flow", &filter.flow), ("parent", &filter.parent), ("thread", &filter.thread)] {
        if let Some(wanted) = wanted {
            query.push_str(&format!(" AND {column} = ?"));
            given.push(wanted.to_string());
        }
    }
    if let Some(id) = &filter.id {
        query.push_str(" AND run_id >= ? AND run_id < ?");
        given.extend([id.to_string(), format!("{id}{}", char::MAX)]);
    }
    if filter.cut_off {
        let dead = lease::dead(sql, file)?;
        query.push_str(" AND finished_at IS NULL AND (owner IS NULL AND status IN ('running', 'compensating')");
        dead.iter().for_each(|_| query.push_str(" OR owner = ?"));
        query.push(')');
        given.extend(dead);
    }
    if let Some(since) = &filter.active_since {
        query.push_str(" AND (finished_at IS NULL OR finished_at >= ?)");
        given.push(since.to_string());
    }
    if filter.unfinished {
        query.push_str(" AND finished_at IS NULL");
    }
    // With an id the index of ids is used, not the order of the rows.
    query.push_str(if filter.id.is_some() { " ORDER BY +number DESC" } else { " ORDER BY number DESC" });
    if filter.limit > 0 {
        query.push_str(&format!(" LIMIT {}", filter.limit));
    }
    let mut statement = sql.prepare_cached(&query)?;
    let found = statement.query_map(params_from_iter(given), record)?.collect::<Result<_, _>>()?;
    Ok(found)
}

fn record(row: &Row<'_>) -> Result<RunRecord, rusqlite::Error> {
    let text = |at: usize| row.get::<_, String>(at).map(Into::into);
    let maybe = |at: usize| row.get::<_, Option<String>>(at).map(|text| text.map(Into::into));
    Ok(RunRecord {
        run_id: text(0)?,
        flow: text(1)?,
        program: text(2)?,
        status: text(3)?,
        started_at: text(4)?,
        finished_at: maybe(5)?,
        parent: maybe(6)?,
        thread: maybe(7)?,
    })
}

pub(super) fn posts(sql: &Connection, me: &str) -> Result<Vec<Post>, Stop> {
    let mut statement = sql.prepare_cached(
        "SELECT posts.number, run_id, json, posts.sum FROM posts JOIN runs ON runs.number = posts.run \
         WHERE owner = ?1 ORDER BY posts.number",
    )?;
    let mut rows = statement.query(params![me])?;
    let mut posts = Vec::new();
    while let Some(row) = rows.next()? {
        let (run_id, text): (String, String) = (row.get(1)?, row.get(2)?);
        if row.get::<_, i64>(3)? != sum::sum(&[&run_id, &text]) {
            return Err(Stop::damaged(format_args!("what was left for run {run_id} does not fit its checksum")));
        }
        posts.push(Post { number: row.get(0)?, run_id: run_id.into(), text });
    }
    Ok(posts)
}
