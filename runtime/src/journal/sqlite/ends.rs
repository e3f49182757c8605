//! Where each run ends in the log. A run that goes on alone does not say so with each row, which would cost a page: what is
//! not said stands among the last rows of the log, and whoever reads looks there too. Whoever writes says it first.

use super::log::{Lines, missing};
use super::sum;
use super::writer::{Desk, Known, Stop};
use ecow::EcoString;
use rusqlite::{Connection, OptionalExtension, params};

/// So many rows may be written before it is said where their run ends.
const BEHIND: i64 = 32;
/// So many rows at the end of the log are looked through for what was not said.
const TAIL: i64 = 64;

/// The run of which it is not said where it ends.
#[derive(Debug)]
struct Behind {
    run_id: EcoString,
    number: i64,
    row: Option<i64>,
    next: u64,
    /// Rows that were written since it was said.
    rows: i64,
}

/// What this writer has not said.
#[derive(Debug, Default)]
pub(super) struct Unsaid {
    behind: Option<Behind>,
    /// Nobody else has left anything unsaid.
    sure: bool,
}

impl Unsaid {
    /// Another process has written, or a transaction was given up.
    pub(super) fn forget(&mut self) {
        *self = Unsaid::default();
    }
}

/// Where a run ends: its last row and how many lines it has.
pub(super) fn of(sql: &Connection, number: i64, run_id: &str) -> Result<(Option<i64>, u64), Stop> {
    let mut look = sql.prepare_cached("SELECT row, next, sum FROM ends WHERE run = ?1")?;
    let end = look.query_row([number], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?))).optional()?;
    let Some((mut last, mut next)) =
        end.filter(|(row, next, found)| *found == sum::end(run_id, *row, *next)).map(|(row, next, _)| (row, next))
    else {
        return Err(Stop::damaged(format_args!("the end of run {run_id} is not what was written")));
    };
    let mut tail = sql.prepare_cached(
        "SELECT run, seq, before, lines, large, sum, number FROM log \
         WHERE number > max(?2, (SELECT max(number) FROM log) - ?3) AND run = ?1 ORDER BY number",
    )?;
    let mut rows = tail.query(params![number, last.unwrap_or_default(), TAIL])?;
    while let Some(row) = rows.next()? {
        let lines = Lines::of(row)?;
        lines.fits(run_id)?;
        if lines.before != last || lines.seq != next {
            return Err(missing(run_id, next));
        }
        (last, next) = (row.get(6)?, lines.next());
    }
    Ok((last, next))
}

/// A run is there, and ends here.
pub(super) fn begin(sql: &Connection, run_id: &str, known: &Known) -> Result<(), Stop> {
    sql.prepare_cached("INSERT OR REPLACE INTO ends (run, row, next, sum) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![known.number, known.row, known.next, sum::end(run_id, known.row, known.next)])?;
    Ok(())
}

/// Rows of a run are about to be written: what is not said of another one is said.
pub(super) fn turn_to(sql: &Connection, desk: &mut Desk, number: Option<i64>) -> Result<(), Stop> {
    match &desk.ends.behind {
        Some(behind) if Some(behind.number) != number => say(sql, desk),
        _ => Ok(()),
    }
}

/// So many rows of a run were written; where it ends is said now, or later.
pub(super) fn goes_on(sql: &Connection, desk: &mut Desk, run_id: &str, known: &Known, rows: i64) -> Result<(), Stop> {
    if rows == 0 {
        return Ok(());
    }
    let rows = rows + desk.ends.behind.as_ref().map_or(0, |behind| behind.rows);
    let Known { number, row, next, .. } = *known;
    desk.ends.behind = Some(Behind { run_id: run_id.into(), number, row, next, rows });
    if rows > BEHIND { say(sql, desk) } else { Ok(()) }
}

/// Says what is not said.
pub(super) fn say(sql: &Connection, desk: &mut Desk) -> Result<(), Stop> {
    let Some(Behind { run_id, number, row, next, .. }) = desk.ends.behind.take() else { return Ok(()) };
    write(sql, number, &run_id, row, next)
}

fn write(sql: &Connection, number: i64, run_id: &str, row: Option<i64>, next: u64) -> Result<(), Stop> {
    sql.prepare_cached("UPDATE ends SET row = ?2, next = ?3, sum = ?4 WHERE run = ?1")?.execute(params![
        number,
        row,
        next,
        sum::end(run_id, row, next)
    ])?;
    Ok(())
}

/// Says what another process, or this one before, has left unsaid: rows that are written now would hide it.
pub(super) fn settle(sql: &Connection, desk: &mut Desk) -> Result<(), Stop> {
    if std::mem::replace(&mut desk.ends.sure, true) {
        return Ok(());
    }
    let mut look = sql.prepare_cached(
        "SELECT runs.number, run_id FROM log JOIN ends ON ends.run = log.run JOIN runs ON runs.number = log.run \
         WHERE log.number > (SELECT max(number) FROM log) - ?1 AND log.number > coalesce(ends.row, 0) GROUP BY log.run",
    )?;
    let unsaid = look.query_map([TAIL], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    let unsaid: Vec<_> = unsaid.collect::<Result<_, _>>()?;
    for (number, run_id) in unsaid {
        match of(sql, number, &run_id) {
            Ok((row, next)) => write(sql, number, &run_id, row, next)?,
            // It stays so, and is named when the run is read.
            Err(Stop::Broken(..)) => {}
            Err(stop) => return Err(stop),
        }
    }
    Ok(())
}
