//! The rows of a run's lines: lines that are written together stand in one row, as far as it stays short, and the last row
//! of a run says that it is the last.

use super::sum;
use super::writer::{Known, Stop};
use crate::journal::Line;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Bytes of lines in a row of several: a longer row would take a page of its own.
const TOGETHER: usize = 800;

/// A row.
pub(super) struct Lines {
    /// Number of its first line.
    pub seq: u64,
    pub text: String,
    large: Option<String>,
    last: bool,
    sum: i64,
}

impl Lines {
    /// The columns `seq, lines, large, sum, last`.
    pub(super) fn of(row: &Row<'_>) -> Result<Lines, rusqlite::Error> {
        Ok(Lines { seq: row.get(0)?, text: row.get(1)?, large: row.get(2)?, sum: row.get(3)?, last: row.get(4)? })
    }

    /// Number of the line behind its last.
    pub(super) fn next(&self) -> u64 {
        self.seq + self.text.split('\n').count() as u64
    }

    /// Whether it is what was written, where it was written.
    pub(super) fn fits(&self, run_id: &str) -> Result<(), Stop> {
        if self.sum == sum::lines(run_id, self.seq, &self.text, self.large.as_deref()) {
            return Ok(());
        }
        Err(Stop::damaged(format_args!("line {} of run {run_id} does not fit its checksum", self.seq)))
    }
}

/// What is said of a line that has to be there.
pub(super) fn missing(run_id: &str, seq: u64) -> Stop {
    Stop::damaged(format_args!("line {seq} of run {run_id} is missing"))
}

/// The last row of a run and how many lines the run has; None: it has none.
pub(super) fn end(sql: &Connection, number: i64, run_id: &str) -> Result<Option<(u64, u64)>, Stop> {
    let mut look =
        sql.prepare_cached("SELECT seq, lines, large, sum, last FROM events WHERE run = ?1 ORDER BY seq DESC LIMIT 1")?;
    let Some(end) = look.query_row([number], Lines::of).optional()? else { return Ok(None) };
    end.fits(run_id)?;
    if end.last { Ok(Some((end.seq, end.next()))) } else { Err(missing(run_id, end.next())) }
}

/// The lines of a run from this one on.
pub(super) fn from(sql: &Connection, number: i64, run_id: &str, from: u64) -> Result<Vec<Line>, Stop> {
    between(sql, number, run_id, from, None)
}

/// The same, up to another one.
pub(super) fn between(
    sql: &Connection,
    number: i64,
    run_id: &str,
    from: u64,
    until: Option<u64>,
) -> Result<Vec<Line>, Stop> {
    let mut statement = sql.prepare_cached(
        "SELECT seq, lines, large, sum, last, json FROM events LEFT JOIN payloads ON hash = large WHERE run = ?1 \
         AND seq >= coalesce((SELECT max(seq) FROM events WHERE run = ?1 AND seq <= ?2), 0) ORDER BY seq",
    )?;
    let mut rows = statement.query(params![number, from])?;
    let (mut lines, mut next, mut over) = (Vec::new(), None, false);
    while let Some(row) = rows.next()? {
        let found = Lines::of(row)?;
        let expected = next.unwrap_or(if found.seq <= from { found.seq } else { 0 });
        if found.seq != expected || over {
            return Err(missing(run_id, expected));
        }
        found.fits(run_id)?;
        (next, over) = (Some(found.next()), found.last);
        let large = large(run_id, &found, row.get(5)?)?;
        let skipped = usize::try_from(from.saturating_sub(found.seq)).unwrap_or(usize::MAX);
        let read = |text: &str| Line { text: text.to_owned(), large: large.clone() };
        lines.extend(found.text.split('\n').skip(skipped).map(read));
        if until.is_some_and(|until| found.next() >= until) {
            lines.truncate(until.map_or(0, |until| usize::try_from(until.saturating_sub(from)).unwrap_or(usize::MAX)));
            return Ok(lines);
        }
    }
    match next {
        Some(next) if !over => Err(missing(run_id, next)),
        _ => Ok(lines),
    }
}

/// The large value of a row.
fn large(run_id: &str, of: &Lines, found: Option<String>) -> Result<Option<String>, Stop> {
    let Some(name) = &of.large else { return Ok(None) };
    let what = format_args!("the value {name} of line {} of run {run_id}", of.seq);
    match found {
        None => Err(Stop::damaged(format_args!("{what} is missing"))),
        Some(json) if sum::name(&json) != *name => Err(Stop::damaged(format_args!("{what} does not fit its hash"))),
        found => Ok(found),
    }
}

/// Appends lines behind those that the run has.
pub(super) fn append<'a>(
    sql: &Connection,
    run_id: &str,
    known: &mut Known,
    lines: impl Iterator<Item = &'a Line>,
) -> Result<(), Stop> {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return Ok(());
    }
    let before = match known.last {
        None => sql.prepare_cached("UPDATE runs SET begun = 1 WHERE number = ?1")?.execute([known.number])?,
        Some(seq) => sql
            .prepare_cached("UPDATE events SET last = 0 WHERE run = ?1 AND seq = ?2")?
            .execute(params![known.number, seq])?,
    };
    if before == 0 {
        return Err(missing(run_id, known.last.unwrap_or_default()));
    }
    let (mut text, mut joins) = (String::new(), false);
    while let Some(line) = lines.next() {
        if joins {
            text.push('\n');
        }
        text.push_str(&line.text);
        let fits =
            |next: &&Line| line.large.is_none() && next.large.is_none() && text.len() + next.text.len() < TOGETHER;
        joins = lines.peek().is_some_and(fits);
        if !joins {
            row(sql, run_id, known, &text, line.large.as_deref(), lines.peek().is_none())?;
            text.clear();
        }
    }
    Ok(())
}

fn row(
    sql: &Connection,
    run_id: &str,
    known: &mut Known,
    text: &str,
    large: Option<&str>,
    last: bool,
) -> Result<(), Stop> {
    let name = large.map(sum::name);
    if let (Some(name), Some(text)) = (&name, large) {
        sql.prepare_cached("INSERT INTO payloads (hash, json) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![name, text])?;
    }
    let seq = known.next;
    let sum = sum::lines(run_id, seq, text, name.as_deref());
    sql.prepare_cached("INSERT INTO events (run, seq, lines, large, sum, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![known.number, seq, text, name, sum, last])?;
    known.last = Some(seq);
    known.next += text.split('\n').count() as u64;
    Ok(())
}
