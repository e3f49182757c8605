//! The lists of threads: what a batch brings to a run that has a thread gets positions in its list, in the transaction of
//! the batch. A row stands for all lines of the batch, and says where in the log they are.

use super::append;
use super::log;
use super::sum;
use super::writer::{Known, Stop};
use crate::journal::ThreadLine;
use ecow::EcoString;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use rusqlite_migration::HookResult;
use std::collections::BTreeMap;

/// At most so many lines of an older journal stand in one row of a list.
const TOGETHER: u64 = 100;

/// Lines of one run that stand close together in a list.
struct Span {
    /// Of the last of them.
    position: u64,
    run: i64,
    run_id: String,
    first: u64,
    /// Behind the last of them.
    next: u64,
    /// Where in the log the last of them stands.
    row: i64,
}

impl Span {
    /// The columns `position, run, first, next, row`.
    fn of(row: &Row<'_>, run_id: String) -> Result<Span, rusqlite::Error> {
        let (position, run, first, next, row) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        Ok(Span { position, run, run_id, first, next, row })
    }

    fn sum(&self, thread: &str) -> i64 {
        let numbers = [self.position, self.first, self.next].map(|number| number.to_string());
        let [position, first, next] = &numbers;
        sum::sum(&[position, thread, &self.run_id, first, next, &self.row.to_string()])
    }

    /// Its first line behind a position.
    fn begins(&self, after: u64) -> u64 {
        self.first.max(self.next.saturating_sub(self.position.saturating_sub(after)))
    }
}

/// The lines of a run from `first` on were appended.
pub(super) fn append(sql: &Connection, known: &Known, run_id: &str, first: u64) -> Result<(), Stop> {
    let (Some(thread), Some(row)) = (&known.thread, known.row) else { return Ok(()) };
    if known.next > first {
        let (run, run_id, next) = (known.number, run_id.to_owned(), known.next);
        insert(sql, thread, Span { position: 0, run, run_id, first, next, row })?;
    }
    Ok(())
}

fn insert(sql: &Connection, thread: &str, mut span: Span) -> Result<(), rusqlite::Error> {
    // Also where the last rows are gone: a position is given out once.
    let mut last =
        sql.prepare_cached("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'thread_events'")?;
    span.position = last.query_row([], |row| row.get::<_, u64>(0))? + (span.next - span.first);
    sql.prepare_cached(
        "INSERT INTO thread_events (position, thread, run, first, next, row, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![span.position, thread, span.run, span.first, span.next, span.row, span.sum(thread)])?;
    Ok(())
}

/// A run is forgotten.
pub(super) fn forget(sql: &Connection, run: i64) -> Result<(), rusqlite::Error> {
    sql.prepare_cached("DELETE FROM thread_events WHERE run = ?1")?.execute([run]).map(drop)
}

/// At most so many lines of a thread behind a position, in order.
pub(super) fn page(sql: &Connection, thread: &str, after: u64, limit: usize) -> Result<Vec<ThreadLine>, Stop> {
    let transaction = sql.unchecked_transaction()?;
    let spans = spans(&transaction, thread, after, limit)?;
    if spans.is_empty() && after == 0 && limit > 0 {
        empty(&transaction, thread)?;
    }
    whole(&transaction, thread, &spans)?;
    let mut lines = Vec::new();
    for span in &spans {
        let shown = span.begins(after)..span.next;
        let run_id = EcoString::from(span.run_id.as_str());
        let read = log::between(&transaction, span.run, &run_id, shown.clone(), Some(span.row))?;
        lines.extend(shown.zip(read).map(|(seq, line)| {
            let position = span.position - (span.next - 1 - seq);
            ThreadLine { position, run_id: run_id.clone(), seq, line }
        }));
    }
    lines.truncate(limit);
    Ok(lines)
}

/// Rows of the list behind a position that hold, together, at least as many lines as are wanted, if there are so many.
fn spans(sql: &Connection, thread: &str, after: u64, limit: usize) -> Result<Vec<Span>, Stop> {
    let mut look = sql.prepare_cached(
        "SELECT position, run, first, next, row, list.sum, list.thread, run_id FROM thread_events list \
         LEFT JOIN runs ON number = run WHERE list.thread = ?1 AND position > ?2 ORDER BY position LIMIT ?3",
    )?;
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = look.query(params![thread, i64::try_from(after).unwrap_or(i64::MAX), most])?;
    let (mut spans, mut found) = (Vec::new(), 0);
    while found < limit as u64
        && let Some(row) = rows.next()?
    {
        let span = span(row, thread)?;
        found += span.next - span.begins(after);
        spans.push(span);
    }
    Ok(spans)
}

fn span(row: &Row<'_>, asked: &str) -> Result<Span, Stop> {
    let position: u64 = row.get(0)?;
    let Some(run_id) = row.get::<_, Option<String>>(7)? else {
        return Err(Stop::damaged(format_args!("the run at position {position} of thread `{asked}` is missing")));
    };
    let span = Span::of(row, run_id)?;
    if row.get::<_, i64>(5)? != span.sum(&row.get::<_, String>(6)?) {
        return Err(Stop::damaged(format_args!("position {position} of thread `{asked}` does not fit its checksum")));
    }
    Ok(span)
}

/// A list is empty only where no run of the thread has a line.
fn empty(sql: &Connection, thread: &str) -> Result<(), Stop> {
    let mut look =
        sql.prepare_cached("SELECT run_id FROM runs JOIN ends ON run = number WHERE thread = ?1 AND next > 0")?;
    match look.query_row([thread], |row| row.get::<_, String>(0)).optional()? {
        Some(run_id) => Err(gap(thread, &run_id, 0)),
        None => Ok(()),
    }
}

/// Whether nothing of the runs that stand on a page is missing in the list: before what stands there, between, and behind.
fn whole(sql: &Connection, thread: &str, spans: &[Span]) -> Result<(), Stop> {
    let mut ends: BTreeMap<i64, &Span> = BTreeMap::new();
    for span in spans {
        let before = ends.insert(span.run, span);
        let follows = match before {
            Some(before) => before.next == span.first,
            None => span.first == 0 || stands_before(sql, thread, span)?,
        };
        if !follows {
            return Err(gap(thread, &span.run_id, span.first.saturating_sub(1)));
        }
    }
    ends.into_values().try_for_each(|last| {
        if ends_or_goes_on(sql, thread, last)? { Ok(()) } else { Err(gap(thread, &last.run_id, last.next)) }
    })
}

fn stands_before(sql: &Connection, thread: &str, span: &Span) -> Result<bool, Stop> {
    let mut before = sql.prepare_cached("SELECT 1 FROM thread_events WHERE run = ?1 AND next = ?2 AND thread = ?3")?;
    Ok(before.exists(params![span.run, span.first, thread])?)
}

fn ends_or_goes_on(sql: &Connection, thread: &str, last: &Span) -> Result<bool, Stop> {
    let mut behind = sql.prepare_cached(
        "SELECT first, thread = ?3 FROM thread_events WHERE run = ?1 AND next > ?2 ORDER BY next LIMIT 1",
    )?;
    let read = |row: &Row<'_>| Ok((row.get::<_, u64>(0)?, row.get::<_, bool>(1)?));
    Ok(match behind.query_row(params![last.run, last.next, thread], read).optional()? {
        Some((first, same)) => same && first == last.next,
        None => append::look(sql, &last.run_id)?.is_some_and(|known| known.next == last.next),
    })
}

fn gap(thread: &str, run_id: &str, seq: u64) -> Stop {
    Stop::damaged(format_args!("line {seq} of run {run_id} is missing in the list of thread `{thread}`"))
}

/// A line of an older journal.
struct Old {
    at: Timestamp,
    run: i64,
    seq: u64,
    row: i64,
}

/// Fills the lists of a journal that had none, each line of which has a row of its own in the log: the lines of its threads
/// by their times, as well as these tell.
pub(super) fn fill(sql: &Transaction<'_>) -> HookResult {
    let mut look = sql.prepare("SELECT number, run_id, thread FROM runs WHERE thread IS NOT NULL")?;
    let runs = look.query_map([], |row| Ok((row.get::<_, i64>(0)?, (row.get(1)?, row.get(2)?))))?;
    let runs: BTreeMap<i64, (String, String)> = runs.collect::<Result<_, _>>()?;
    let mut all = old(sql)?;
    // Stable: what was written at one time keeps the order of the runs, and of their lines.
    all.sort_by_key(|line| line.at);
    let mut lines = all.into_iter().peekable();
    while let Some(line) = lines.next() {
        let (run, first, mut next, mut row) = (line.run, line.seq, line.seq + 1, line.row);
        while let Some(one) = lines.next_if(|one| one.run == run && one.seq == next && next - first < TOGETHER) {
            (next, row) = (next + 1, one.row);
        }
        if let Some((run_id, thread)) = runs.get(&run) {
            insert(sql, thread, Span { position: 0, run, run_id: run_id.clone(), first, next, row })?;
        }
    }
    Ok(())
}

/// The lines of all runs of threads, with the times that their events say; one that does not say came with the one before
/// it.
fn old(sql: &Connection) -> Result<Vec<Old>, rusqlite::Error> {
    let mut look = sql.prepare(
        "SELECT log.number, run, seq, lines FROM log JOIN runs ON runs.number = run WHERE thread IS NOT NULL \
         ORDER BY log.number",
    )?;
    let mut rows = look.query([])?;
    let mut all: Vec<Old> = Vec::new();
    while let Some(row) = rows.next()? {
        let (run, seq) = (row.get(1)?, row.get(2)?);
        let last = all.last().filter(|last| last.run == run).map_or(Timestamp::UNIX_EPOCH, |last| last.at);
        let at = time(&row.get::<_, String>(3)?).map_or(last, |at| at.max(last));
        all.push(Old { at, run, seq, row: row.get(0)? });
    }
    Ok(all)
}

fn time(json: &str) -> Option<Timestamp> {
    let line: serde_json::Value = serde_json::from_str(json).ok()?;
    let event = line.get("event")?.as_object()?.values().next()?;
    event.get("at")?.as_str()?.parse().ok()
}
