//! Forgetting runs that ended long ago, a few at a time, while others go on. The space is used again, and given back
//! to the disk where the file allows it.

use super::keys;
use super::log::{self, Left};
use super::threads;
use super::writer::{Desk, Stop};
use rusqlite::{Connection, params};

/// Pages given back beside those that became free now: what was free before goes too, little by little.
const PAGES: i64 = 200;

/// Forgets at most `limit` runs that finished before this time, with what only they had.
pub(super) fn forget(sql: &Connection, desk: &mut Desk, before: &str, limit: usize) -> Result<usize, Stop> {
    let mut old = sql.prepare_cached(
        "SELECT number, run_id, start_key FROM runs WHERE finished_at < ?1 AND owner IS NULL ORDER BY number LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let old: Vec<(i64, String, Option<String>)> = old
        .query_map(params![before, limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let (before, mut left) = (free(sql)?, Left::default());
    for (number, run_id, start_key) in &old {
        if let Some(key) = start_key {
            keys::keep_start(sql, run_id, key)?;
        }
        log::forget(sql, *number, &mut left)?;
        threads::forget(sql, *number)?;
        sql.prepare_cached("DELETE FROM posts WHERE run = ?1")?.execute([number])?;
        sql.prepare_cached("DELETE FROM queue WHERE run = ?1")?.execute([number])?;
        sql.prepare_cached("DELETE FROM runs WHERE number = ?1")?.execute([number])?;
        desk.known.remove(run_id.as_str());
    }
    if !old.is_empty() {
        desk.forgot = true;
        sql.execute("DELETE FROM plans WHERE hash NOT IN (SELECT program FROM runs)", [])?;
        log::close_up(sql, &left.rows)?;
        for name in left.large {
            sql.prepare_cached(
                "DELETE FROM payloads WHERE hash = ?1 AND NOT EXISTS (SELECT 1 FROM log WHERE large = ?1)",
            )?
            .execute([name])?;
        }
        let pages = PAGES + (free(sql)? - before).max(0);
        // Each row that it gives is a page.
        let mut give_back = sql.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
        let mut given = give_back.query([])?;
        while given.next()?.is_some() {}
    }
    Ok(old.len())
}

/// Pages of the file that nothing uses.
fn free(sql: &Connection) -> Result<i64, rusqlite::Error> {
    sql.query_row("PRAGMA freelist_count", [], |row| row.get(0))
}
