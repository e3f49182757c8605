//! Who carries a run on. A worker holds a lock on a file of its own as long as its process lives, and says every few
//! seconds that it lives; a run whose worker has neither can be taken over. Each holder has a higher token than the one
//! before, and what comes with an older token is refused.

use super::append;
use super::ends;
use super::queue;
use super::writer::{Desk, Stop};
use crate::journal::{NO_RUN, Trouble};
use rusqlite::{Connection, OptionalExtension, params};
use std::fs::TryLockError;
use std::path::{Path, PathBuf};

/// How long a worker is believed to live without a word, in milliseconds.
const TRUST: i64 = 30_000;

/// After this long without a word a dead worker is forgotten, in milliseconds.
const FORGET: i64 = 86_400_000;

/// Takes a run over from nobody, from a dead worker, or from ourselves.
pub(super) fn claim(sql: &Connection, desk: &mut Desk, run_id: &str) -> Result<u64, Stop> {
    let Some(mut known) = append::look(sql, run_id)? else {
        return Err(Stop::Said(Trouble::NoRun, NO_RUN.into()));
    };
    if let Some(owner) = known.owner.as_deref().filter(|owner| *owner != desk.me)
        && lives(sql, &desk.file, owner)?
    {
        let why = "another process carries the run on; what you tell the run reaches it there";
        return Err(Stop::Said(Trouble::Held, why.into()));
    }
    live(sql, desk)?;
    known.token += 1;
    known.owner = Some(desk.me.clone());
    sql.prepare_cached("UPDATE runs SET owner = ?2, token = ?3 WHERE number = ?1")?.execute(params![
        known.number,
        desk.me,
        known.token
    ])?;
    let token = known.token;
    desk.known.insert(run_id.into(), known);
    Ok(token)
}

pub(super) fn release(sql: &Connection, desk: &mut Desk, run_id: &str, token: u64) -> Result<(), Stop> {
    ends::say(sql, desk)?;
    let mut release =
        sql.prepare_cached("UPDATE runs SET owner = NULL WHERE run_id = ?1 AND owner = ?2 AND token = ?3")?;
    let released = release.execute(params![run_id, desk.me, token])?;
    desk.known.remove(run_id);
    if released == 0 { Ok(()) } else { queue::rouse(sql, run_id) }
}

/// From the first run on, this worker lives where others can see it.
pub(super) fn live(sql: &Connection, desk: &mut Desk) -> Result<(), Stop> {
    if desk.living.is_none() {
        let path = lock_file(&desk.file, &desk.me);
        let failed = |error: std::io::Error| Stop::Broken(Trouble::Unusable, error.to_string());
        let file = fs_err::OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        file.file().lock().map_err(failed)?;
        desk.living = Some(file);
        // Those that died without taking leave, long ago.
        sql.execute("DELETE FROM workers WHERE until < ?1", [now() - FORGET])?;
    }
    Ok(beat(sql, desk)?)
}

/// Says that this worker lives.
pub(super) fn beat(sql: &Connection, desk: &Desk) -> Result<(), rusqlite::Error> {
    sql.prepare_cached("INSERT INTO workers (id, until) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET until = ?2")?
        .execute(params![desk.me, now() + TRUST])?;
    Ok(())
}

fn lives(sql: &Connection, file: &Path, owner: &str) -> Result<bool, Stop> {
    let mut until = sql.prepare_cached("SELECT until FROM workers WHERE id = ?1")?;
    let until: Option<i64> = until.query_row([owner], |row| row.get(0)).optional()?;
    Ok(until.is_some_and(|until| until > now()) && locked(&lock_file(file, owner)))
}

/// Workers that are named as carrying runs on, and do not live.
pub(super) fn dead(sql: &Connection, file: &Path) -> Result<Vec<String>, Stop> {
    let mut owners = sql.prepare_cached("SELECT DISTINCT owner FROM runs WHERE owner IS NOT NULL")?;
    let owners: Vec<String> = owners.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut dead = Vec::new();
    for owner in owners {
        if !lives(sql, file, &owner)? {
            dead.push(owner);
        }
    }
    Ok(dead)
}

/// Whether the process that made this file still lives; the file of one that does not is taken away.
fn locked(path: &Path) -> bool {
    let Ok(file) = fs_err::File::open(path) else { return false };
    match file.file().try_lock() {
        Err(TryLockError::WouldBlock) => true,
        // Who cannot be asked is left alone, until its time is up.
        Err(TryLockError::Error(_)) => true,
        Ok(()) => {
            let _ = fs_err::remove_file(path);
            false
        }
    }
}

/// The worker ends in good order, and has no runs any more.
pub(super) fn leave(sql: &Connection, desk: &Desk) -> Result<(), rusqlite::Error> {
    sql.execute("UPDATE runs SET owner = NULL WHERE owner = ?1", [&desk.me])?;
    sql.execute("DELETE FROM workers WHERE id = ?1", [&desk.me]).map(drop)
}

/// Others see that this worker does not live.
pub(super) fn unlock(desk: &mut Desk) {
    if desk.living.take().is_some() {
        let _ = fs_err::remove_file(lock_file(&desk.file, &desk.me));
    }
}

fn lock_file(file: &Path, worker: &str) -> PathBuf {
    file.with_file_name(format!("worker-{worker}"))
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
