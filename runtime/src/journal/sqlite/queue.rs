//! The queue: runs that begin later, runs that sleep, and whether there is room for one.

use super::create;
use super::lease;
use super::sum;
use super::writer::{Desk, Stop};
use crate::journal::{Admitted, Created, Depth, Due, NO_RUN, NewRun, Place, Standing, Trouble};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use std::path::Path;

/// Runs that count as going: somebody has them, or they were cut off in the middle.
const GOING: &str = "finished_at IS NULL AND (owner IS NOT NULL OR holds = 1)";

/// Writes down a run that nobody carries on yet.
pub(super) fn enqueue(sql: &Connection, desk: &mut Desk, new: &NewRun, place: &Place) -> Result<Created, Stop> {
    let created = create::create(sql, desk, new)?;
    if created != Created::New {
        return Ok(created);
    }
    let run_id = new.run.run_id.as_str();
    desk.known.remove(run_id);
    let (slot, most) = place.slot.clone().unzip();
    sql.prepare_cached("UPDATE runs SET owner = NULL, token = 0, slot = ?2, most = ?3 WHERE run_id = ?1")?
        .execute(params![run_id, slot.as_deref(), most])?;
    let number: i64 =
        sql.prepare_cached("SELECT number FROM runs WHERE run_id = ?1")?.query_row([run_id], |row| row.get(0))?;
    insert(sql, number, run_id, place)?;
    Ok(Created::New)
}

fn insert(sql: &Connection, number: i64, run_id: &str, place: &Place) -> Result<(), Stop> {
    let (count, per) = place.rate.unzip();
    sql.prepare_cached(
        "INSERT OR REPLACE INTO queue (run, due, priority, source, count, per, started, sum, behind) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        number,
        place.due,
        place.priority,
        place.source.as_str(),
        count,
        per,
        place.started,
        sum_of(run_id, place.started.as_deref()),
        place.behind.as_deref(),
    ])?;
    Ok(())
}

fn sum_of(run_id: &str, started: Option<&str>) -> i64 {
    sum::sum(&[run_id, started.unwrap_or("")])
}

/// A run rests until a time.
pub(super) fn sleep(sql: &Connection, number: i64, run_id: &str, until: i64) -> Result<(), Stop> {
    insert(sql, number, run_id, &Place { due: until, ..Place::default() })
}

/// Word was left for a run, or it was let go of in the middle: where nobody carries it on, and it has begun, it is woken.
pub(super) fn rouse(sql: &Connection, run_id: &str) -> Result<(), Stop> {
    sql.prepare_cached(
        "INSERT INTO queue (run, due, priority, source, sum) SELECT number, 0, 0, '', ?2 FROM runs \
         WHERE run_id = ?1 AND owner IS NULL AND finished_at IS NULL AND EXISTS (SELECT 1 FROM ends WHERE run = number AND next > 0) \
         ON CONFLICT (run) DO UPDATE SET due = 0 WHERE started IS NULL",
    )?
    .execute(params![run_id, sum_of(run_id, None)])?;
    Ok(())
}

/// A run has begun, has ended, or rests until somebody outside says something.
pub(super) fn leave(sql: &Connection, number: i64) -> Result<(), Stop> {
    sql.prepare_cached("DELETE FROM queue WHERE run = ?1")?.execute([number])?;
    Ok(())
}

/// What a run that has not begun begins with.
pub(super) fn started(sql: &Connection, run_id: &str) -> Result<Option<String>, Stop> {
    let mut look = sql.prepare_cached(
        "SELECT started, queue.sum FROM queue JOIN runs ON number = run WHERE run_id = ?1 AND started IS NOT NULL",
    )?;
    let found = look.query_row([run_id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).optional()?;
    match found {
        Some((started, found)) if found != sum_of(run_id, Some(&started)) => {
            Err(Stop::damaged(format_args!("the place of run {run_id} in the queue does not fit its checksum")))
        }
        found => Ok(found.map(|(started, _)| started)),
    }
}

/// What decides about room for a run.
struct Wish {
    number: i64,
    flow: String,
    /// Where it has not begun.
    due: Option<i64>,
    slot: Option<String>,
    most: Option<u64>,
    count: Option<u64>,
    per: Option<i64>,
    /// The run that has to be over first, and is not.
    behind: Option<String>,
}

/// Takes a run over, where there is room for it.
pub(super) fn admit(sql: &Connection, desk: &mut Desk, run_id: &str, now: i64) -> Result<Admitted, Stop> {
    let Some(wish) = wish(sql, run_id)? else { return Err(Stop::Said(Trouble::NoRun, NO_RUN.into())) };
    if let Some(due) = wish.due.filter(|due| *due > now) {
        return Ok(Admitted::Later(due));
    }
    if let Some(why) = no_room(sql, &wish, now)? {
        return Ok(Admitted::Full(why));
    }
    let token = lease::claim(sql, desk, run_id)?;
    if wish.slot.is_some() {
        sql.prepare_cached("UPDATE runs SET holds = 1 WHERE number = ?1")?.execute([wish.number])?;
    }
    if let (Some(_), Some(per)) = (wish.due, wish.per) {
        sql.prepare_cached("DELETE FROM starts WHERE flow = ?1 AND at <= ?2")?
            .execute(params![wish.flow, now - per])?;
        sql.prepare_cached("INSERT INTO starts (flow, at) VALUES (?1, ?2)")?.execute(params![wish.flow, now])?;
    }
    Ok(Admitted::Go(token))
}

fn wish(sql: &Connection, run_id: &str) -> Result<Option<Wish>, Stop> {
    let mut look = sql.prepare_cached(
        "SELECT number, flow, slot, most, count, per, iif(started IS NULL, NULL, due), \
         (SELECT run_id FROM runs before WHERE before.run_id = behind AND before.finished_at IS NULL) FROM runs \
         LEFT JOIN queue ON run = number WHERE run_id = ?1",
    )?;
    let found = look.query_row([run_id], |row| {
        Ok(Wish {
            number: row.get(0)?,
            flow: row.get(1)?,
            slot: row.get(2)?,
            most: row.get(3)?,
            count: row.get(4)?,
            per: row.get(5)?,
            due: row.get(6)?,
            behind: row.get(7)?,
        })
    });
    Ok(found.optional()?)
}

fn no_room(sql: &Connection, wish: &Wish, now: i64) -> Result<Option<String>, Stop> {
    if let Some(before) = &wish.behind {
        return Ok(Some(format!("run {before} is not over yet")));
    }
    if let (Some(slot), Some(most)) = (&wish.slot, wish.most) {
        let query = format!("SELECT count(*) FROM runs WHERE slot = ?1 AND number <> ?2 AND {GOING}");
        let going: u64 = sql.prepare_cached(&query)?.query_row(params![slot, wish.number], |row| row.get(0))?;
        if going >= most {
            return Ok(Some(format!("{going} of {most} runs of `{}` go already (`concurrency`)", wish.flow)));
        }
    }
    if let (Some(_), Some(count), Some(per)) = (wish.due, wish.count, wish.per) {
        let mut look = sql.prepare_cached("SELECT count(*) FROM starts WHERE flow = ?1 AND at > ?2")?;
        let begun: u64 = look.query_row(params![wish.flow, now - per], |row| row.get(0))?;
        if begun >= count {
            return Ok(Some(format!("{begun} runs of `{}` have begun in the last {per} ms (`limit`)", wish.flow)));
        }
    }
    Ok(None)
}

/// Runs whose time has come and for which there is room, those that have begun first, then by priority; sources of one
/// priority in turn.
pub(super) fn due(sql: &Connection, file: &Path, now: i64, limit: usize) -> Result<Vec<Due>, Stop> {
    let dead = lease::dead(sql, file)?;
    let marks = vec!["?"; dead.len()].join(", ");
    let query = format!(
        "WITH going AS (SELECT slot, count(*) AS n FROM runs WHERE slot IS NOT NULL AND {GOING} GROUP BY slot), \
         used AS (SELECT r.number, count(*) AS n FROM queue q JOIN runs r ON r.number = q.run \
           JOIN starts s ON s.flow = r.flow AND s.at > ?1 - q.per WHERE q.started IS NOT NULL AND q.due <= ?1 GROUP BY r.number) \
         SELECT r.run_id, q.due, q.priority, q.source, q.started IS NULL AS woken, \
           row_number() OVER (PARTITION BY q.started IS NULL, q.priority, q.source ORDER BY q.due, q.run) AS turn \
         FROM queue q JOIN runs r ON r.number = q.run LEFT JOIN going ON going.slot = r.slot \
           LEFT JOIN used ON used.number = r.number \
         WHERE q.due <= ?1 AND (r.owner IS NULL OR r.owner IN ({marks})) \
           AND (r.slot IS NULL OR coalesce(going.n, 0) - (r.owner IS NOT NULL OR r.holds = 1) < r.most) \
           AND (q.count IS NULL OR q.started IS NULL OR coalesce(used.n, 0) < q.count) \
           AND NOT EXISTS (SELECT 1 FROM runs b WHERE b.run_id = q.behind AND b.finished_at IS NULL) \
         ORDER BY woken DESC, q.priority DESC, turn, q.due, q.run LIMIT {limit}"
    );
    let mut given = vec![rusqlite::types::Value::Integer(now)];
    given.extend(dead.into_iter().map(rusqlite::types::Value::Text));
    let mut look = sql.prepare_cached(&query)?;
    let found = look.query_map(params_from_iter(given), read)?.collect::<Result<_, _>>()?;
    Ok(found)
}

fn read(row: &Row<'_>) -> Result<Due, rusqlite::Error> {
    Ok(Due {
        run_id: row.get::<_, String>(0)?.into(),
        due: row.get(1)?,
        priority: row.get(2)?,
        source: row.get::<_, String>(3)?.into(),
        woken: row.get(4)?,
    })
}

pub(super) fn depth(sql: &Connection, now: i64) -> Result<Depth, Stop> {
    let mut look = sql.prepare_cached(
        "SELECT count(*) FILTER (WHERE started IS NOT NULL AND due <= ?1), \
         count(*) FILTER (WHERE started IS NOT NULL AND due > ?1), count(*) FILTER (WHERE started IS NULL) FROM queue",
    )?;
    let depth = look.query_row([now], |row| {
        Ok(Depth { ready: row.get(0)?, later: row.get(1)?, asleep: row.get(2)?, next: None })
    })?;
    let mut next = sql.prepare_cached("SELECT min(due) FROM queue WHERE due > ?1")?;
    Ok(Depth { next: next.query_row([now], |row| row.get(0))?, ..depth })
}

pub(super) fn remember(sql: &Connection, name: &str, text: &str) -> Result<(), Stop> {
    sql.prepare_cached(
        "INSERT INTO memory (name, json, sum) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET json = ?2, sum = ?3",
    )?
    .execute(params![name, text, sum::sum(&[name, text])])?;
    Ok(())
}

pub(super) fn recall(sql: &Connection, name: &str) -> Result<Option<String>, Stop> {
    let mut look = sql.prepare_cached("SELECT json, sum FROM memory WHERE name = ?1")?;
    let found = look.query_row([name], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))).optional()?;
    match found {
        Some((text, found)) if found != sum::sum(&[name, &text]) => {
            Err(Stop::damaged(format_args!("what is remembered as `{name}` does not fit its checksum")))
        }
        found => Ok(found.map(|(text, _)| text)),
    }
}

/// What [`admit`] would say of a run that has not begun.
pub(super) fn standing(sql: &Connection, run_id: &str, now: i64) -> Result<Option<Standing>, Stop> {
    let Some((wish, due)) = wish(sql, run_id)?.and_then(|wish| wish.due.map(|due| (wish, due))) else {
        return Ok(None);
    };
    if due > now {
        return Ok(Some(Standing::Later(due)));
    }
    Ok(Some(match no_room(sql, &wish, now)? {
        None => Standing::Ready,
        Some(why) => Standing::Full { why, until: room_at(sql, &wish)? },
    }))
}

/// When the limit of a run's flow lets it begin, where that alone holds it up.
fn room_at(sql: &Connection, wish: &Wish) -> Result<Option<i64>, Stop> {
    let Some((count, per)) = wish.count.zip(wish.per).filter(|(count, _)| *count > 0) else { return Ok(None) };
    let mut look = sql.prepare_cached("SELECT at FROM starts WHERE flow = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2")?;
    let last: Option<i64> = look.query_row(params![wish.flow, count - 1], |row| row.get(0)).optional()?;
    let Some(until) = last.map(|last| last.saturating_add(per)) else { return Ok(None) };
    Ok(no_room(sql, wish, until)?.is_none().then_some(until))
}
