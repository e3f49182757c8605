//! New runs, and word that is left for runs.

use super::append;
use super::audit;
use super::keys;
use super::lease;
use super::queue;
use super::sum;
use super::threads;
use super::writer::{Desk, Known, Stop};
use crate::journal::{Created, NO_RUN, NewRun, RUN_EXISTS, Trouble};
use rusqlite::{Connection, OptionalExtension, params};

pub(super) fn create(sql: &Connection, desk: &mut Desk, new: &NewRun) -> Result<Created, Stop> {
    let run = &new.run;
    if let Some(known) = started(sql, new.start_key.as_deref())? {
        return Ok(Created::Known(known.into()));
    }
    if sql.prepare_cached("SELECT 1 FROM runs WHERE run_id = ?1")?.exists([run.run_id.as_str()])? {
        return Err(Stop::Said(Trouble::Unusable, RUN_EXISTS.into()));
    }
    lease::live(sql, desk)?;
    let next = new.lines.len() as u64;
    if !sql.prepare_cached("SELECT 1 FROM plans WHERE hash = ?1")?.exists([run.program.as_str()])? {
        sql.prepare_cached("INSERT INTO plans (hash, json, sum) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
            .execute(params![run.program.as_str(), new.plan, sum::sum(&[&run.program, &new.plan])])?;
    }
    sql.prepare_cached(
        "INSERT INTO runs (run_id, flow, program, status, started_at, finished_at, parent, start_key, next, owner, \
         token, sum, thread) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1, ?11, ?12)",
    )?
    .execute(params![
        run.run_id.as_str(),
        run.flow.as_str(),
        run.program.as_str(),
        run.status.as_str(),
        run.started_at.as_str(),
        run.finished_at.as_deref(),
        run.parent.as_deref(),
        new.start_key.as_deref(),
        next,
        desk.me,
        sum::run(&run.run_id, &run.flow, &run.program, &run.started_at, next),
        run.thread.as_deref(),
    ])?;
    let number = sql.last_insert_rowid();
    for (seq, line) in (0..).zip(&new.lines) {
        append::line(sql, number, &run.run_id, seq, line)?;
    }
    audit::append(sql, desk, &new.audit)?;
    let known = Known {
        number,
        flow: run.flow.to_string(),
        program: run.program.to_string(),
        started_at: run.started_at.to_string(),
        next,
        owner: Some(desk.me.clone()),
        token: 1,
        thread: run.thread.as_deref().map(Into::into),
    };
    threads::append(sql, &known, &run.run_id, 0, next)?;
    desk.known.insert(run.run_id.clone(), known);
    desk.last = Some((run.run_id.clone(), next));
    Ok(Created::New)
}

fn started(sql: &Connection, key: Option<&str>) -> Result<Option<String>, Stop> {
    let Some(key) = key else { return Ok(None) };
    let mut known = sql.prepare_cached("SELECT run_id FROM runs WHERE start_key = ?1")?;
    match known.query_row([key], |row| row.get(0)).optional()? {
        Some(known) => Ok(Some(known)),
        None => keys::forgotten(sql, key),
    }
}

/// Leaves word for a run.
pub(super) fn post(sql: &Connection, run_id: &str, text: &str) -> Result<(), Stop> {
    let mut insert =
        sql.prepare_cached("INSERT INTO posts (run, json, sum) SELECT number, ?2, ?3 FROM runs WHERE run_id = ?1")?;
    match insert.execute(params![run_id, text, sum::sum(&[run_id, text])])? {
        0 => Err(Stop::Said(Trouble::NoRun, NO_RUN.into())),
        _ => queue::rouse(sql, run_id),
    }
}
