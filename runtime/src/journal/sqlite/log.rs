//! The log: lines of runs and records of the audit, what is written together in one row as far as it stays short. It grows
//! at its end only; each row names the run's row before, and the end of each run is kept apart.

use super::audit::{RECORDS, Records, Tail};
use super::sum;
use super::writer::{Desk, Known, Stop};
use crate::journal::Line;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeSet;
use std::iter::Peekable;
use std::ops::Range;

/// Bytes of lines, and of records, in a row of several: a longer row would take a page of its own.
const TOGETHER: usize = 1_500;
/// Bytes of records in a row that has no lines any more: a page holds one.
const CLOSE: usize = 3_900;

/// Lines of a run that stand in one row.
struct Lines {
    run: Option<i64>,
    /// Number of the first.
    seq: u64,
    before: Option<i64>,
    text: String,
    large: Option<String>,
    sum: i64,
}

impl Lines {
    /// The columns `run, seq, before, lines, large, sum`.
    fn of(row: &Row<'_>) -> Result<Lines, rusqlite::Error> {
        Ok(Lines {
            run: row.get(0)?,
            seq: row.get::<_, Option<u64>>(1)?.unwrap_or_default(),
            before: row.get(2)?,
            text: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
            large: row.get(4)?,
            sum: row.get::<_, Option<i64>>(5)?.unwrap_or_default(),
        })
    }

    /// Number of the line behind the last.
    fn next(&self) -> u64 {
        self.seq + count(&self.text)
    }

    /// The large value of its only line.
    fn value(&self, sql: &Connection, run_id: &str) -> Result<Option<String>, Stop> {
        let Some(name) = &self.large else { return Ok(None) };
        let what = format_args!("the value {name} of line {} of run {run_id}", self.seq);
        let mut look = sql.prepare_cached("SELECT json FROM payloads WHERE hash = ?1")?;
        match look.query_row([name], |row| row.get::<_, String>(0)).optional()? {
            None => Err(Stop::damaged(format_args!("{what} is missing"))),
            Some(json) if sum::name(&json) != *name => Err(Stop::damaged(format_args!("{what} does not fit its hash"))),
            found => Ok(found),
        }
    }
}

/// How many texts stand in a row.
pub(super) fn count(text: &str) -> u64 {
    text.split('\n').count() as u64
}

/// What is said of a line that has to be there.
fn missing(run_id: &str, seq: u64) -> Stop {
    Stop::damaged(format_args!("line {seq} of run {run_id} is missing"))
}

/// The lines of a run from this one on, read from its end.
pub(super) fn lines(sql: &Connection, known: &Known, run_id: &str, from: u64) -> Result<Vec<Line>, Stop> {
    between(sql, known.number, run_id, from..known.next, known.row)
}

/// These lines of a run, the last of which ends the row `at`.
pub(super) fn between(
    sql: &Connection,
    run: i64,
    run_id: &str,
    lines: Range<u64>,
    mut at: Option<i64>,
) -> Result<Vec<Line>, Stop> {
    let mut look = sql.prepare_cached("SELECT run, seq, before, lines, large, sum FROM log WHERE number = ?1")?;
    let (from, mut next, mut found) = (lines.start, lines.end, Vec::new());
    while next > from {
        let row = at.map(|number| look.query_row([number], Lines::of).optional()).transpose()?.flatten();
        let row = row.ok_or_else(|| missing(run_id, next - 1))?;
        if row.sum != sum::lines(run_id, row.seq, &row.text, row.large.as_deref()) {
            return Err(Stop::damaged(format_args!("line {} of run {run_id} does not fit its checksum", row.seq)));
        }
        if row.run != Some(run) || row.next() != next {
            return Err(missing(run_id, next - 1));
        }
        (next, at) = (row.seq, row.before);
        found.push(row);
    }
    let mut lines = Vec::new();
    for row in found.iter().rev() {
        let large = row.value(sql, run_id)?;
        let skipped = usize::try_from(from.saturating_sub(row.seq)).unwrap_or(usize::MAX);
        let read = |text: &str| Line { text: text.to_owned(), large: large.clone() };
        lines.extend(row.text.split('\n').skip(skipped).map(read));
    }
    Ok(lines)
}

/// Where a run ends: its last row and how many lines it has.
pub(super) fn end(sql: &Connection, number: i64, run_id: &str) -> Result<(Option<i64>, u64), Stop> {
    let mut look = sql.prepare_cached("SELECT row, next, sum FROM ends WHERE run = ?1")?;
    let end = look.query_row([number], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?))).optional()?;
    match end {
        Some((row, next, found)) if found == sum::end(run_id, row, next) => Ok((row, next)),
        _ => Err(Stop::damaged(format_args!("the end of run {run_id} is not what was written"))),
    }
}

/// A run that has no lines yet.
pub(super) fn begin(sql: &Connection, number: i64, run_id: &str) -> Result<(), Stop> {
    sql.prepare_cached("INSERT OR REPLACE INTO ends (run, row, next, sum) VALUES (?1, NULL, 0, ?2)")?
        .execute(params![number, sum::end(run_id, None, 0)])?;
    Ok(())
}

/// Appends lines to a run, and records to the audit.
pub(super) fn append<'a>(
    sql: &Connection,
    desk: &mut Desk,
    run_id: &str,
    known: &mut Known,
    lines: impl Iterator<Item = &'a Line>,
    records: impl Iterator<Item = &'a String>,
) -> Result<(), Stop> {
    let (mut lines, mut records) = (lines.peekable(), records.peekable());
    let begun = known.next;
    while let Some((text, large)) = together(&mut lines) {
        let name = keep(sql, large)?;
        let sum = sum::lines(run_id, known.next, &text, name.as_deref());
        let audit = desk.audit.together(sql, &mut records)?;
        sql.prepare_cached(
            "INSERT INTO log (run, seq, before, lines, large, sum, record, link, hash, records) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            known.number,
            known.next,
            known.row,
            text,
            name,
            sum,
            audit.as_ref().map(|row| row.record),
            audit.as_ref().map(|row| row.link),
            audit.as_ref().map(|row| row.hash),
            audit.as_ref().map(|row| &row.records),
        ])?;
        known.row = Some(sql.last_insert_rowid());
        known.next += count(&text);
    }
    if known.next > begun {
        let end = params![known.number, known.row, known.next, sum::end(run_id, known.row, known.next)];
        sql.prepare_cached("UPDATE ends SET row = ?2, next = ?3, sum = ?4 WHERE run = ?1")?.execute(end)?;
    }
    record(sql, &mut desk.audit, records)
}

/// Appends records to the audit that stand beside no line.
pub(super) fn record<'a>(
    sql: &Connection,
    audit: &mut Tail,
    records: impl Iterator<Item = &'a String>,
) -> Result<(), Stop> {
    let mut records = records.peekable();
    while let Some(row) = audit.together(sql, &mut records)? {
        sql.prepare_cached("INSERT INTO log (record, link, hash, records) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![row.record, row.link, row.hash, row.records])?;
    }
    Ok(())
}

/// The next lines that go into one row, and the large value of the only one.
fn together<'a>(lines: &mut Peekable<impl Iterator<Item = &'a Line>>) -> Option<(String, Option<&'a str>)> {
    let first = lines.next()?;
    let text = match first.large {
        None => joined(&first.text, lines, |line| line.large.is_none().then_some(line.text.as_str())),
        Some(_) => first.text.clone(),
    };
    Some((text, first.large.as_deref()))
}

/// A text with those that follow, as long as they fit.
pub(super) fn joined<'a, T: 'a>(
    first: &str,
    rest: &mut Peekable<impl Iterator<Item = &'a T>>,
    one: impl Fn(&'a T) -> Option<&'a str>,
) -> String {
    // Mostly two of them.
    let mut text = String::with_capacity(first.len() + rest.peek().and_then(|next| one(next)).map_or(0, str::len) + 1);
    text.push_str(first);
    while let Some(next) = rest.peek().and_then(|next| one(next))
        && text.len() + next.len() < TOGETHER
    {
        text.push('\n');
        text.push_str(next);
        rest.next();
    }
    text
}

/// Keeps a large value under its name.
fn keep(sql: &Connection, large: Option<&str>) -> Result<Option<String>, Stop> {
    let Some(json) = large else { return Ok(None) };
    let name = sum::name(json);
    sql.prepare_cached("INSERT INTO payloads (hash, json) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![name, json])?;
    Ok(Some(name))
}

/// What a forgotten run leaves.
#[derive(Default)]
pub(super) struct Left {
    /// Rows that hold only records of the audit now.
    pub rows: BTreeSet<i64>,
    /// Names of large values that it had.
    pub large: BTreeSet<String>,
}

/// Forgets the lines of a run, also of a damaged one; what the audit tells of it stays.
pub(super) fn forget(sql: &Connection, number: i64, left: &mut Left) -> Result<(), Stop> {
    let mut end = sql.prepare_cached("SELECT row FROM ends WHERE run = ?1")?;
    let mut at: Option<i64> = end.query_row([number], |row| row.get(0)).optional()?.flatten();
    let mut look =
        sql.prepare_cached("SELECT before, large, records IS NULL FROM log WHERE number = ?1 AND run = ?2")?;
    while let Some(row) = at {
        let found = look.query_row([row, number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        let Some((before, large, empty)): Option<(Option<i64>, Option<String>, bool)> = found else { break };
        left.large.extend(large);
        if empty {
            sql.prepare_cached("DELETE FROM log WHERE number = ?1")?.execute([row])?;
        } else {
            sql.prepare_cached(
                "UPDATE log SET run = NULL, seq = NULL, before = NULL, lines = NULL, large = NULL, sum = NULL \
                 WHERE number = ?1",
            )?
            .execute([row])?;
            left.rows.insert(row);
        }
        at = before.filter(|before| *before < row);
    }
    sql.prepare_cached("DELETE FROM ends WHERE run = ?1")?.execute([number])?;
    Ok(())
}

/// Brings records of the audit that stand alone in their rows together, so that the room of what was forgotten becomes
/// free.
pub(super) fn close_up(sql: &Connection, rows: &BTreeSet<i64>) -> Result<(), Stop> {
    let mut before = sql.prepare_cached("SELECT max(number) FROM log WHERE number < ?1")?;
    let mut behind = sql.prepare_cached("SELECT min(number) FROM log WHERE number > ?1")?;
    for row in rows {
        let first: Option<i64> = before.query_row([row], |found| found.get(0))?;
        let at = match first {
            Some(first) if close(sql, first, *row)? => first,
            _ => *row,
        };
        while let Some(next) = behind.query_row([at], |found| found.get::<_, Option<i64>>(0))? {
            if !close(sql, at, next)? {
                break;
            }
        }
    }
    Ok(())
}

/// Takes the records of the second row into the first, where both have no lines, the one follows the other and there is
/// room.
fn close(sql: &Connection, first: i64, second: i64) -> Result<bool, Stop> {
    let mut look = sql.prepare_cached(&format!(
        "SELECT {RECORDS} FROM log WHERE number = ?1 AND run IS NULL AND record IS NOT NULL"
    ))?;
    let mut records = |number: i64| look.query_row([number], Records::of).optional();
    let (Some(one), Some(other)) = (records(first)?, records(second)?) else { return Ok(false) };
    let follows = one.end().number + 1 == other.record && one.hash == other.link;
    if !follows || one.records.len() + other.records.len() >= CLOSE {
        return Ok(false);
    }
    sql.prepare_cached("UPDATE log SET records = ?2, hash = ?3 WHERE number = ?1")?.execute(params![
        first,
        format!("{}\n{}", one.records, other.records),
        other.hash
    ])?;
    sql.prepare_cached("DELETE FROM log WHERE number = ?1")?.execute([second])?;
    Ok(true)
}
