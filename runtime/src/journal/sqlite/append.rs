//! Appending a batch to a run: its lines, its keys, its status.

use super::audit;
use super::keys;
use super::queue;
use super::sum;
use super::threads;
use super::writer::{Desk, Known, Stop};
use crate::journal::{Appended, Batch, Claimed, Line, NO_RUN, Trouble, out_of_turn, overtaken};
use rusqlite::{Connection, OptionalExtension, params};

pub(super) fn append(sql: &Connection, desk: &mut Desk, batch: &Batch) -> Result<Appended, Stop> {
    let run_id = batch.run_id.as_str();
    // Taken out: it is put back as it is then, and looked up again where nothing could be written.
    let known = known(sql, desk, run_id)?;
    if known.owner.as_deref() != Some(&desk.me) || known.token != batch.token {
        return Err(Stop::Said(Trouble::Held, overtaken()));
    }
    if known.next != batch.seq {
        return Err(Stop::Said(Trouble::Held, out_of_turn(known.next, batch.seq)));
    }
    let mut seq = batch.seq;
    for text in &batch.lines {
        line(sql, known.number, run_id, seq, text)?;
        seq += 1;
    }
    keys::settle(sql, run_id, &batch.keys)?;
    audit::append(sql, desk, &batch.audit)?;
    let mut claimed = Vec::with_capacity(batch.calls.len());
    for call in &batch.calls {
        let answer = keys::maybe(sql, run_id, call.claim.as_ref())?;
        if matches!(answer, Claimed::New) {
            audit::append(sql, desk, &call.audit)?;
            if let Some(text) = &call.line {
                line(sql, known.number, run_id, seq, text)?;
                seq += 1;
            }
        }
        claimed.push(answer);
    }
    for post in &batch.posts {
        sql.prepare_cached("DELETE FROM posts WHERE number = ?1")?.execute([post])?;
    }
    threads::append(sql, &known, run_id, batch.seq, seq)?;
    finish(sql, desk, batch, known, seq)?;
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
        "SELECT number, flow, program, started_at, next, owner, token, thread, sum FROM runs WHERE run_id = ?1",
    )?;
    let found = look
        .query_row([run_id], |row| {
            let known = Known {
                number: row.get(0)?,
                flow: row.get(1)?,
                program: row.get(2)?,
                started_at: row.get(3)?,
                next: row.get(4)?,
                owner: row.get(5)?,
                token: row.get(6)?,
                thread: row.get(7)?,
            };
            Ok((known, row.get::<_, i64>(8)?))
        })
        .optional()?;
    match found {
        Some((known, found)) if found != sum_of(run_id, &known, known.next) => {
            Err(Stop::damaged(format_args!("the record of run {run_id} does not fit its checksum")))
        }
        // The index may be what is damaged.
        None if sql.prepare_cached("SELECT 1 FROM runs NOT INDEXED WHERE run_id = ?1")?.exists([run_id])? => {
            Err(Stop::damaged(format_args!("run {run_id} is not where it has to be")))
        }
        found => Ok(found.map(|(known, _)| known)),
    }
}

fn sum_of(run_id: &str, known: &Known, next: u64) -> i64 {
    sum::run(run_id, &known.flow, &known.program, &known.started_at, next)
}

pub(super) fn line(sql: &Connection, number: i64, run_id: &str, seq: u64, line: &Line) -> Result<(), Stop> {
    let large = line.large.as_deref().map(sum::name);
    if let (Some(name), Some(text)) = (&large, &line.large) {
        sql.prepare_cached("INSERT INTO payloads (hash, json) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![name, text])?;
    }
    let sum = sum::line(run_id, seq, &line.text, large.as_deref());
    sql.prepare_cached("INSERT INTO events (run, seq, json, large, sum) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![number, seq, line.text, large, sum])?;
    Ok(())
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
fn finish(sql: &Connection, desk: &mut Desk, batch: &Batch, mut known: Known, seq: u64) -> Result<(), Stop> {
    let sum = sum_of(&batch.run_id, &known, seq);
    // The owner stands in an index, which is written again whether or not it is another one.
    match &batch.status {
        None => {
            sql.prepare_cached("UPDATE runs SET next = ?2, sum = ?3 WHERE number = ?1")?.execute(params![
                known.number,
                seq,
                sum
            ])?;
        }
        Some(change) => {
            sql.prepare_cached("UPDATE runs SET next = ?2, sum = ?3, status = ?4, finished_at = ?5 WHERE number = ?1")?
                .execute(params![known.number, seq, sum, change.status, change.finished_at.as_deref()])?;
        }
    }
    if batch.release {
        sql.prepare_cached("UPDATE runs SET owner = NULL WHERE number = ?1")?.execute([known.number])?;
    }
    if batch.release || batch.seq == 0 {
        at_rest(sql, batch, known.number)?;
    }
    known.next = seq;
    desk.last = Some((batch.run_id.clone(), seq));
    if !batch.release {
        desk.known.insert(batch.run_id.clone(), known);
    }
    Ok(())
}
