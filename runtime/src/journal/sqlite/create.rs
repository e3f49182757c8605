//! New runs, and word that is left for runs.

use super::keys;
use super::lease;
use super::log;
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
    if !sql.prepare_cached("SELECT 1 FROM plans WHERE hash = ?1")?.exists([run.program.as_str()])? {
        sql.prepare_cached("INSERT INTO plans (hash, json, sum) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
            .execute(params![run.program.as_str(), new.plan, sum::sum(&[&run.program, &new.plan])])?;
    }
    sql.prepare_cached(
        "INSERT INTO runs (run_id, flow, program, status, started_at, finished_at, parent, start_key, owner, \
         token, sum, thread) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?11)",
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
        desk.me,
        sum::run(&run.run_id, &run.flow, &run.program, &run.started_at),
        run.thread.as_deref(),
    ])?;
    let number = sql.last_insert_rowid();
    let (owner, thread) = (Some(desk.me.clone()), run.thread.as_deref().map(Into::into));
    let mut known = Known { number, next: 0, row: None, owner, token: 1, thread };
    log::begin(sql, number, &run.run_id)?;
    log::append(sql, desk, &run.run_id, &mut known, new.lines.iter(), new.audit.iter())?;
    threads::append(sql, &known, &run.run_id, 0)?;
    desk.audit.is_due();
    desk.last = Some((run.run_id.clone(), known.next));
    desk.known.insert(run.run_id.clone(), known);
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
