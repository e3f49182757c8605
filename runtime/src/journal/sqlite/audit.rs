//! The audit's chain: records are appended in the transaction of the calls that they tell of, and the head is set once
//! before it is committed.

use super::writer::{Desk, Stop};
use crate::audit::{Head, Link};
use crate::journal::AuditPage;
use rusqlite::{Connection, OptionalExtension, Row, params};
use weir_stdlib::value::Hash;

/// The end of the chain, as this writer knows it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tail {
    head: Option<Head>,
    moved: bool,
}

impl Tail {
    /// Another process has written, or a transaction was given up.
    pub(super) fn forget(&mut self) {
        *self = Tail::default();
    }
}

/// Appends records.
pub(super) fn append<'a>(
    sql: &Connection,
    desk: &mut Desk,
    lines: impl IntoIterator<Item = &'a String>,
) -> Result<(), Stop> {
    for line in lines {
        let mut head = match desk.audit.head {
            Some(head) => head,
            None => end(sql)?,
        };
        let link = head.next(line.clone());
        sql.prepare_cached("INSERT INTO audit (number, before, hash, json) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![link.number, link.before, link.hash, link.text])?;
        desk.audit = Tail { head: Some(head), moved: true };
    }
    Ok(())
}

/// Sets the head, where records were appended.
pub(super) fn seal(sql: &Connection, desk: &mut Desk) -> Result<(), rusqlite::Error> {
    let Some(head) = desk.audit.head.filter(|_| desk.audit.moved) else { return Ok(()) };
    sql.prepare_cached("INSERT OR REPLACE INTO audit_head (one, number, hash) VALUES (1, ?1, ?2)")?
        .execute(params![head.number, head.hash])?;
    desk.audit.moved = false;
    Ok(())
}

/// Where the next record goes: behind the head, also where records before it are missing, so that the gap stays.
fn end(sql: &Connection) -> Result<Head, Stop> {
    let kept = kept(sql)?;
    let last = sql.prepare_cached("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")?;
    Ok(one(last)?.filter(|last| last.number > kept.number).unwrap_or(kept))
}

fn kept(sql: &Connection) -> Result<Head, Stop> {
    let kept = sql.prepare_cached("SELECT number, hash FROM audit_head")?;
    Ok(one(kept)?.unwrap_or_default())
}

fn one(mut look: rusqlite::CachedStatement<'_>) -> Result<Option<Head>, rusqlite::Error> {
    look.query_row([], |row| Ok(Head { number: row.get(0)?, hash: digest(row, 1)? })).optional()
}

/// A hash; one of another length stands for none, and does not fit.
fn digest(row: &Row<'_>, at: usize) -> Result<Hash, rusqlite::Error> {
    Ok(row.get::<_, Vec<u8>>(at)?.try_into().unwrap_or_default())
}

/// So many records behind this number, and the head.
pub(super) fn page(sql: &Connection, after: u64, limit: usize) -> Result<AuditPage, Stop> {
    let transaction = sql.unchecked_transaction()?;
    let mut look = transaction
        .prepare_cached("SELECT number, before, hash, json FROM audit WHERE number > ?1 ORDER BY number LIMIT ?2")?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let links = look.query_map(params![after, limit], |row| {
        Ok(Link { number: row.get(0)?, before: digest(row, 1)?, hash: digest(row, 2)?, text: row.get(3)? })
    })?;
    let links = links.collect::<Result<_, _>>()?;
    Ok(AuditPage { links, head: kept(&transaction)? })
}
