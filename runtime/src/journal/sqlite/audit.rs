//! The audit's chain: records are written in the transaction of the calls that they tell of, those that are written
//! together in rows of several. The head, kept apart, follows when a run begins, ends or changes otherwise, and after some
//! records; until then the witness beside the journal knows the end.

use super::writer::{Desk, Stop};
use crate::audit::{Head, Link};
use crate::journal::AuditPage;
use rusqlite::{Connection, OptionalExtension, Row, params};
use weir_stdlib::value::Hash;

/// Bytes of records in a row of several.
const TOGETHER: usize = 3_000;
/// So many records may be written that the head does not know.
const BEHIND: u64 = 32;

/// The end of the chain, as this writer knows it.
#[derive(Debug, Default)]
pub(super) struct Tail {
    head: Option<Head>,
    /// How far the head that is kept apart has come, as far as is known.
    kept: u64,
    /// The head is to be kept with this transaction.
    due: bool,
    /// Records of this transaction.
    new: Vec<String>,
}

impl Tail {
    /// Another process has written, or a transaction was given up.
    pub(super) fn forget(&mut self) {
        *self = Tail::default();
    }

    /// The head is kept with this transaction.
    pub(super) fn is_due(&mut self) {
        self.due = true;
    }

    /// The last record, where it is known.
    pub(super) fn head(&self) -> Option<Head> {
        self.head
    }
}

/// Takes records on, which are written when the transaction ends.
pub(super) fn append<'a>(desk: &mut Desk, lines: impl IntoIterator<Item = &'a String>) {
    desk.audit.new.extend(lines.into_iter().cloned());
}

/// Writes what was taken on, and the head where it is due.
pub(super) fn seal(sql: &Connection, desk: &mut Desk) -> Result<(), rusqlite::Error> {
    let tail = &mut desk.audit;
    let mut head = match tail.head {
        Some(head) => head,
        None if tail.new.is_empty() => return Ok(()),
        None => end(sql)?,
    };
    let mut new = std::mem::take(&mut tail.new).into_iter().peekable();
    while let Some(line) = new.next() {
        let (number, before) = (head.number + 1, head.hash);
        let mut text = head.next(line).text;
        while let Some(line) = new.next_if(|line| text.len() + line.len() < TOGETHER) {
            text.push('\n');
            text.push_str(&head.next(line).text);
        }
        sql.prepare_cached("INSERT INTO audit (number, before, hash, lines) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![number, before, head.hash, text])?;
    }
    tail.head = Some(head);
    if head.number >= tail.kept + if std::mem::take(&mut tail.due) { 1 } else { BEHIND } {
        sql.prepare_cached("INSERT OR REPLACE INTO audit_head (one, number, hash) VALUES (1, ?1, ?2)")?
            .execute(params![head.number, head.hash])?;
        tail.kept = head.number;
    }
    Ok(())
}

/// Where the next record goes: behind the head, also where records before it are missing, so that the gap stays.
fn end(sql: &Connection) -> Result<Head, rusqlite::Error> {
    let kept = kept(sql)?;
    let mut last = sql.prepare_cached("SELECT number, before, hash, lines FROM audit ORDER BY number DESC LIMIT 1")?;
    let last = last.query_row([], Records::of).optional()?.map(|records| records.end());
    Ok(last.filter(|last| last.number > kept.number).unwrap_or(kept))
}

fn kept(sql: &Connection) -> Result<Head, rusqlite::Error> {
    let mut kept = sql.prepare_cached("SELECT number, hash FROM audit_head")?;
    let kept = kept.query_row([], |row| Ok(Head { number: row.get(0)?, hash: digest(row, 1)? })).optional()?;
    Ok(kept.unwrap_or_default())
}

/// A hash; one of another length stands for none, and does not fit.
fn digest(row: &Row<'_>, at: usize) -> Result<Hash, rusqlite::Error> {
    Ok(row.get::<_, Vec<u8>>(at)?.try_into().unwrap_or_default())
}

/// A row: records that were written together.
struct Records {
    /// Of the first.
    number: u64,
    before: Hash,
    /// Of the last.
    hash: Hash,
    lines: String,
}

impl Records {
    /// The columns `number, before, hash, lines`.
    fn of(row: &Row<'_>) -> Result<Records, rusqlite::Error> {
        Ok(Records { number: row.get(0)?, before: digest(row, 1)?, hash: digest(row, 2)?, lines: row.get(3)? })
    }

    fn end(&self) -> Head {
        Head { number: self.number + self.lines.split('\n').count() as u64 - 1, hash: self.hash }
    }

    /// One by one. What does not fit shows in the last, whose hash is the one that was written.
    fn links(self) -> Vec<Link> {
        let mut head = Head { number: self.number.saturating_sub(1), hash: self.before };
        let mut links: Vec<Link> = self.lines.split('\n').map(|line| head.next(line.to_owned())).collect();
        if let Some(last) = links.last_mut() {
            last.hash = self.hash;
        }
        links
    }
}

/// So many records behind this number, and the head, which is at least the one that was marked.
pub(super) fn page(sql: &Connection, after: u64, limit: usize, marked: Option<Head>) -> Result<AuditPage, Stop> {
    let transaction = sql.unchecked_transaction()?;
    let mut look = transaction.prepare_cached(
        "SELECT number, before, hash, lines FROM audit \
         WHERE number >= coalesce((SELECT max(number) FROM audit WHERE number <= ?1), 0) ORDER BY number",
    )?;
    let mut rows = look.query([after])?;
    let mut links = Vec::new();
    while links.len() < limit
        && let Some(row) = rows.next()?
    {
        links.extend(Records::of(row)?.links().into_iter().filter(|link| link.number > after));
    }
    links.truncate(limit);
    let kept = kept(&transaction)?;
    Ok(AuditPage { links, head: marked.filter(|marked| marked.number > kept.number).unwrap_or(kept) })
}
