//! Appending a batch to a run: its lines with their records, its keys, its status.

use super::ends;
use super::keys;
use super::log;
use super::queue;
use super::sum;
use super::threads;
use super::writer::{Desk, Known, Stop};
use crate::journal::{Appended, Batch, Claimed, NO_RUN, Trouble, out_of_turn, overtaken};
use rusqlite::{Connection, OptionalExtension, params};

pub(super) fn append(sql: &Connection, desk: &mut Desk, batch: &Batch) -> Result<Appended, Stop> {
    let run_id = batch.run_id.as_str();
    // Taken out: it is put back as it is then, and looked up again where nothing could be written.
    let mut known = known(sql, desk, run_id)?;
    if known.owner.as_deref() != Some(&desk.me) || known.token != batch.token {
        return Err(Stop::Said(Trouble::Held, overtaken()));
    }
    if known.next != batch.seq {
        return Err(Stop::Said(Trouble::Held, out_of_turn(known.next, batch.seq)));
    }
    keys::settle(sql, run_id, &batch.keys)?;
    let mut claimed = Vec::with_capacity(batch.calls.len());
    let mut due = Vec::with_capacity(batch.calls.len());
    for call in &batch.calls {
        let answer = keys::maybe(sql, run_id, call.claim.as_ref())?;
        if matches!(answer, Claimed::New) {
            due.push(call);
        }
        claimed.push(answer);
    }
    let lines = batch.lines.iter().chain(due.iter().filter_map(|call| call.line.as_ref()));
    let records = batch.audit.iter().chain(due.iter().filter_map(|call| call.audit.as_ref()));
    ends::turn_to(sql, desk, Some(known.number))?;
    let rows = log::append(sql, desk, run_id, &mut known, lines, records)?;
    ends::goes_on(sql, desk, run_id, &known, rows)?;
    for post in &batch.posts {
        sql.prepare_cached("DELETE FROM posts WHERE number = ?1")?.execute([post])?;
    }
    threads::append(sql, &known, run_id, batch.seq)?;
    let seq = known.next;
    finish(sql, desk, batch, known)?;
    Ok(Appended { seq, claimed })
}

/// The run as it is.
fn known(sql: &Connection, desk: &mut Desk, run_id: &str) -> Result<Known, Stop> {
    match desk.known.remove(run_id) {
        Some(known) => Ok(known),
        None => look(sql, run_id)?.ok_or_else(|| Stop::Said(Trouble::NoRun, NO_RUN.into())),
    }
}

/// The run as it stands in the file, if there is one.
pub(super) fn look(sql: &Connection, run_id: &str) -> Result<Option<Known>, Stop> {
    let mut look = sql.prepare_cached(
        "SELECT number, flow, program, started_at, owner, token, sum, thread FROM runs WHERE run_id = ?1",
    )?;
    let found = look
        .query_row([run_id], |row| {
            let text = |at: usize| row.get::<_, String>(at);
            let fits = row.get::<_, i64>(6)? == sum::run(run_id, &text(1)?, &text(2)?, &text(3)?);
            let (number, owner, token, thread) = (row.get(0)?, row.get(4)?, row.get(5)?, row.get(7)?);
            let known = Known { number, owner, token, thread, next: 0, row: None };
            Ok((fits, known))
        })
        .optional()?;
    match found {
        Some((false, _)) => Err(Stop::damaged(format_args!("the record of run {run_id} does not fit its checksum"))),
        Some((true, mut known)) => {
            (known.row, known.next) = ends::of(sql, known.number, run_id)?;
            Ok(Some(known))
        }
        // The index may be what is damaged.
        None if sql.prepare_cached("SELECT 1 FROM runs NOT INDEXED WHERE run_id = ?1")?.exists([run_id])? => {
            Err(Stop::damaged(format_args!("run {run_id} is not where it has to be")))
        }
        None => Ok(None),
    }
}

/// What the queue is told of a run that has begun, or is let go of.
fn at_rest(sql: &Connection, batch: &Batch, number: i64) -> Result<(), Stop> {
    match batch.wake.filter(|_| batch.release) {
        Some(until) => queue::sleep(sql, number, &batch.run_id, until)?,
        None => queue::leave(sql, number)?,
    }
    if batch.release && batch.frees {
        sql.prepare_cached("UPDATE runs SET holds = 0 WHERE number = ?1 AND holds = 1")?.execute([number])?;
    }
    let over = batch.status.as_ref().is_some_and(|change| change.finished_at.is_some());
    if batch.release && !over && sql.prepare_cached("SELECT 1 FROM posts WHERE run = ?1")?.exists([number])? {
        queue::sleep(sql, number, &batch.run_id, 0)?;
    }
    Ok(())
}

/// The run's own row.
fn finish(sql: &Connection, desk: &mut Desk, batch: &Batch, known: Known) -> Result<(), Stop> {
    if let Some(change) = &batch.status {
        sql.prepare_cached("UPDATE runs SET status = ?2, finished_at = ?3 WHERE number = ?1")?.execute(params![
            known.number,
            change.status,
            change.finished_at.as_deref()
        ])?;
        desk.audit.is_due();
    }
    if batch.release {
        ends::say(sql, desk)?;
        sql.prepare_cached("UPDATE runs SET owner = NULL WHERE number = ?1")?.execute([known.number])?;
    }
    if batch.release || batch.seq == 0 {
        at_rest(sql, batch, known.number)?;
    }
    desk.last = Some((batch.run_id.clone(), known.next));
    if !batch.release {
        desk.known.insert(batch.run_id.clone(), known);
    }
    Ok(())
}
