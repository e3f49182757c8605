//! The lists of threads: what a batch brings to a run that has a thread gets positions in its list, in the transaction of
//! the batch. A row stands for all lines of the batch, and refers to them by run and number.

use super::append;
use super::rows;
use super::sum;
use super::writer::{Known, Stop};
use crate::journal::{Line, ThreadLine};
use ecow::EcoString;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use rusqlite_migration::HookResult;
use std::collections::BTreeMap;

/// Lines of one run that stand close together in a list.
struct Span {
    /// Of the last of them.
    position: u64,
    run: i64,
    run_id: String,
    first: u64,
    /// Behind the last of them.
    next: u64,
}

/// The lines of a run from `first` on were appended.
pub(super) fn append(sql: &Connection, known: &Known, run_id: &str, first: u64) -> Result<(), Stop> {
    match known.thread.as_deref().filter(|_| known.next > first) {
        Some(thread) => Ok(insert(sql, thread, known.number, run_id, first, known.next)?),
        None => Ok(()),
    }
}

fn insert(
    sql: &Connection,
    thread: &str,
    run: i64,
    run_id: &str,
    first: u64,
    next: u64,
) -> Result<(), rusqlite::Error> {
    // Also where the last rows are gone: a position is given out once.
    let mut last =
        sql.prepare_cached("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'thread_events'")?;
    let position = last.query_row([], |row| row.get::<_, u64>(0))? + (next - first);
    sql.prepare_cached(
        "INSERT INTO thread_events (position, thread, run, first, next, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![position, thread, run, first, next, sum_of(position, thread, run_id, first, next)])?;
    Ok(())
}

fn sum_of(position: u64, thread: &str, run_id: &str, first: u64, next: u64) -> i64 {
    sum::sum(&[&position.to_string(), thread, run_id, &first.to_string(), &next.to_string()])
}

/// A run is forgotten.
pub(super) fn forget(sql: &Connection, run: i64) -> Result<(), rusqlite::Error> {
    sql.prepare_cached("DELETE FROM thread_events WHERE run = ?1")?.execute([run]).map(drop)
}

/// At most so many lines of a thread behind a position, in order.
pub(super) fn page(sql: &Connection, thread: &str, after: u64, limit: usize) -> Result<Vec<ThreadLine>, Stop> {
    let transaction = sql.unchecked_transaction()?;
    let spans = spans(&transaction, thread, after, limit)?;
    let mut runs: BTreeMap<i64, Part> = BTreeMap::new();
    for span in &spans {
        let begins = span.begins(after);
        let part = runs.entry(span.run).or_insert_with(|| Part::new(span, begins));
        if part.next != span.first {
            return Err(gap(thread, &span.run_id, part.next.min(span.first)));
        }
        part.next = span.next;
    }
    for (run, part) in &mut runs {
        part.read(&transaction, *run, thread)?;
    }
    let mut lines = Vec::new();
    for span in &spans {
        let Some(part) = runs.get(&span.run) else { continue };
        let run_id = EcoString::from(span.run_id.as_str());
        for seq in span.begins(after)..span.next {
            let at = usize::try_from(seq - part.from).unwrap_or(usize::MAX);
            let Some(line) = part.lines.get(at).cloned() else { return Err(gap(thread, &span.run_id, seq)) };
            lines.push(ThreadLine {
                position: span.position - (span.next - 1 - seq),
                run_id: run_id.clone(),
                seq,
                line,
            });
        }
    }
    lines.truncate(limit);
    Ok(lines)
}

impl Span {
    /// Its first line behind a position.
    fn begins(&self, after: u64) -> u64 {
        self.first.max(self.next.saturating_sub(self.position.saturating_sub(after)))
    }
}

/// Rows of the list behind a position that hold, together, at least as many lines as are wanted, if there are so many.
fn spans(sql: &Connection, thread: &str, after: u64, limit: usize) -> Result<Vec<Span>, Stop> {
    let mut look = sql.prepare_cached(
        "SELECT position, list.thread, run, first, list.next, list.sum, run_id FROM thread_events list \
         LEFT JOIN runs ON number = run WHERE list.thread = ?1 AND position > ?2 ORDER BY position LIMIT ?3",
    )?;
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = look.query(params![thread, i64::try_from(after).unwrap_or(i64::MAX), most])?;
    let (mut spans, mut found) = (Vec::new(), 0);
    while let Some(row) = rows.next()?.filter(|_| found < limit as u64) {
        let span = span(row, thread)?;
        found += span.next - span.begins(after);
        spans.push(span);
    }
    Ok(spans)
}

fn span(row: &Row<'_>, asked: &str) -> Result<Span, Stop> {
    let position: u64 = row.get(0)?;
    let (thread, run_id): (String, Option<String>) = (row.get(1)?, row.get(6)?);
    let Some(run_id) = run_id else {
        return Err(Stop::damaged(format_args!("the run at position {position} of thread `{asked}` is missing")));
    };
    let span = Span { position, run: row.get(2)?, run_id, first: row.get(3)?, next: row.get(4)? };
    if row.get::<_, i64>(5)? != sum_of(position, &thread, &span.run_id, span.first, span.next) {
        return Err(Stop::damaged(format_args!("position {position} of thread `{asked}` does not fit its checksum")));
    }
    Ok(span)
}

fn gap(thread: &str, run_id: &str, seq: u64) -> Stop {
    Stop::damaged(format_args!("line {seq} of run {run_id} is missing in the list of thread `{thread}`"))
}

/// What a page shows of one run.
struct Part {
    run_id: String,
    /// The first line of the first row.
    first: u64,
    /// The first line that is shown.
    from: u64,
    /// Behind the last line.
    next: u64,
    /// From `from` on.
    lines: Vec<Line>,
}

impl Part {
    fn new(span: &Span, from: u64) -> Part {
        Part { run_id: span.run_id.clone(), first: span.first, from, next: span.first, lines: Vec::new() }
    }

    /// Reads the lines, where nothing of the run is missing in the list before them or behind.
    fn read(&mut self, sql: &Connection, run: i64, thread: &str) -> Result<(), Stop> {
        let mut before = sql.prepare_cached("SELECT thread = ?3 FROM thread_events WHERE run = ?1 AND next = ?2")?;
        let before: Option<bool> = before.query_row(params![run, self.first, thread], |row| row.get(0)).optional()?;
        if self.first > 0 && before != Some(true) {
            return Err(gap(thread, &self.run_id, self.first - 1));
        }
        let known = append::look(sql, &self.run_id)?;
        let known = known.ok_or_else(|| Stop::damaged(format_args!("run {} is missing", self.run_id)))?;
        let mut behind =
            sql.prepare_cached("SELECT first FROM thread_events WHERE run = ?1 AND next > ?2 ORDER BY next LIMIT 1")?;
        let behind: Option<u64> = behind.query_row(params![run, self.next], |row| row.get(0)).optional()?;
        if behind.unwrap_or(known.next) != self.next {
            return Err(gap(thread, &self.run_id, self.next));
        }
        self.lines = rows::between(sql, run, &self.run_id, self.from, Some(self.next))?;
        Ok(())
    }
}

/// Fills the lists of a journal of version 4, each line of which has a row of its own: the lines of its threads by their times, as well as these tell.
pub(super) fn fill(sql: &Transaction<'_>) -> HookResult {
    let mut look = sql.prepare("SELECT number, run_id, thread FROM runs WHERE thread IS NOT NULL ORDER BY number")?;
    let mut rows = look.query([])?;
    let mut runs = BTreeMap::new();
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let run: i64 = row.get(0)?;
        runs.insert(run, (row.get::<_, String>(1)?, row.get::<_, String>(2)?));
        times(sql, run, &mut all)?;
    }
    // Stable: what was written at one time keeps the order of the runs, and of their lines.
    all.sort_by_key(|(at, ..)| *at);
    let mut lines = all.into_iter().peekable();
    while let Some((_, run, first)) = lines.next() {
        let mut next = first + 1;
        while lines.next_if(|(_, other, seq)| *other == run && *seq == next).is_some() {
            next += 1;
        }
        if let Some((run_id, thread)) = runs.get(&run) {
            insert(sql, thread, run, run_id, first, next)?;
        }
    }
    Ok(())
}

/// When each line of a run was written, as its event says; one that does not say came with the one before it.
fn times(sql: &Connection, run: i64, all: &mut Vec<(Timestamp, i64, u64)>) -> Result<(), rusqlite::Error> {
    let mut look = sql.prepare_cached("SELECT seq, lines FROM events WHERE run = ?1 ORDER BY seq")?;
    let mut rows = look.query([run])?;
    let mut last = Timestamp::UNIX_EPOCH;
    while let Some(row) = rows.next()? {
        last = time(&row.get::<_, String>(1)?).map_or(last, |at| at.max(last));
        all.push((last, run, row.get(0)?));
    }
    Ok(())
}

fn time(json: &str) -> Option<Timestamp> {
    let line: serde_json::Value = serde_json::from_str(json).ok()?;
    let event = line.get("event")?.as_object()?.values().next()?;
    event.get("at")?.as_str()?.parse().ok()
}
