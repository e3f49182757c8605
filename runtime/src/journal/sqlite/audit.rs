//! The audit's chain: its records stand in the log, beside the lines of the calls that they tell of. The head, kept apart,
//! follows when a run begins, ends or changes otherwise, and after some records; until then the witness beside the journal
//! knows the end.

use super::log;
use super::writer::{Desk, Stop};
use crate::audit::{Head, Link};
use crate::journal::AuditPage;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::iter::Peekable;
use weir_stdlib::value::Hash;

/// So many records may be written that the head does not know.
const BEHIND: u64 = 32;

/// The end of the chain, as this writer knows it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tail {
    head: Option<Head>,
    /// How far the head that is kept apart has come, as far as is known.
    kept: u64,
    /// The head is to be kept with this transaction.
    due: bool,
    /// The end that the witness knew when the journal was opened.
    marked: Option<Head>,
}

impl Tail {
    pub(super) fn new(marked: Option<Head>) -> Tail {
        Tail { marked, ..Tail::default() }
    }

    /// Another process has written, or a transaction was given up.
    pub(super) fn forget(&mut self) {
        *self = Tail::new(self.marked);
    }

    /// The head is kept with this transaction.
    pub(super) fn is_due(&mut self) {
        self.due = true;
    }

    /// The last record, where it is known.
    pub(super) fn head(&self) -> Option<Head> {
        self.head
    }

    /// The next records that go into one row.
    pub(super) fn together<'a>(
        &mut self,
        sql: &Connection,
        records: &mut Peekable<impl Iterator<Item = &'a String>>,
    ) -> Result<Option<Records>, Stop> {
        let Some(first) = records.next() else { return Ok(None) };
        let mut head = match self.head {
            Some(head) => head,
            None => end(sql, self.marked)?,
        };
        let (record, link) = (head.number + 1, head.hash);
        let text = log::joined(first, records, |next| Some(next.as_str()));
        text.split('\n').for_each(|one| head.follow(one));
        self.head = Some(head);
        Ok(Some(Records { record, link, hash: head.hash, records: text }))
    }
}

/// Sets the head, where it is due.
pub(super) fn seal(sql: &Connection, desk: &mut Desk) -> Result<(), rusqlite::Error> {
    let tail = &mut desk.audit;
    let due = std::mem::take(&mut tail.due);
    let Some(head) = tail.head.filter(|head| head.number >= tail.kept + if due { 1 } else { BEHIND }) else {
        return Ok(());
    };
    sql.prepare_cached("INSERT OR REPLACE INTO audit_head (one, number, hash) VALUES (1, ?1, ?2)")?
        .execute(params![head.number, head.hash])?;
    tail.kept = head.number;
    Ok(())
}

/// Where the next record goes: behind the head, also where records before it are missing, so that the gap stays.
fn end(sql: &Connection, marked: Option<Head>) -> Result<Head, rusqlite::Error> {
    let query = format!("SELECT {RECORDS} FROM log WHERE record IS NOT NULL ORDER BY number DESC LIMIT 1");
    let last = sql.prepare_cached(&query)?.query_row([], Records::of).optional()?.map(|records| records.end());
    let kept = kept(sql, marked)?;
    Ok(last.filter(|last| last.number > kept.number).unwrap_or(kept))
}

/// The head, which is at least the one that was marked.
fn kept(sql: &Connection, marked: Option<Head>) -> Result<Head, rusqlite::Error> {
    let mut kept = sql.prepare_cached("SELECT number, hash FROM audit_head")?;
    let kept = kept.query_row([], |row| Ok(Head { number: row.get(0)?, hash: digest(row, 1)? })).optional()?;
    let kept = kept.unwrap_or_default();
    Ok(marked.filter(|marked| marked.number > kept.number).unwrap_or(kept))
}

/// A hash; one of another length stands for none, and does not fit.
fn digest(row: &Row<'_>, at: usize) -> Result<Hash, rusqlite::Error> {
    Ok(row.get::<_, Option<Vec<u8>>>(at)?.and_then(|bytes| bytes.try_into().ok()).unwrap_or_default())
}

/// The columns of [`Records`].
pub(super) const RECORDS: &str = "record, link, hash, records";

/// Records that stand in one row.
pub(super) struct Records {
    /// Number of the first.
    pub record: u64,
    /// Hash of the one before the first.
    pub link: Hash,
    /// Hash of the last.
    pub hash: Hash,
    /// JSON texts, one a line.
    pub records: String,
}

impl Records {
    pub(super) fn of(row: &Row<'_>) -> Result<Records, rusqlite::Error> {
        let records = row.get::<_, Option<String>>(3)?.unwrap_or_default();
        Ok(Records { record: row.get(0)?, link: digest(row, 1)?, hash: digest(row, 2)?, records })
    }

    /// The last of them.
    pub(super) fn end(&self) -> Head {
        Head { number: self.record.saturating_add(log::count(&self.records) - 1), hash: self.hash }
    }

    /// One by one. What does not fit shows in the last, whose hash is the one that was written.
    fn links(self) -> Vec<Link> {
        let mut head = Head { number: self.record.saturating_sub(1), hash: self.link };
        let mut links: Vec<Link> = self.records.split('\n').map(|one| head.next(one.to_owned())).collect();
        if let Some(last) = links.last_mut() {
            last.hash = self.hash;
        }
        links
    }
}

/// So many records behind this number, and the head.
pub(super) fn page(sql: &Connection, after: u64, limit: usize, marked: Option<Head>) -> Result<AuditPage, Stop> {
    let transaction = sql.unchecked_transaction()?;
    let query = format!("SELECT {RECORDS} FROM log WHERE number >= ?1 AND record IS NOT NULL ORDER BY number");
    let mut look = transaction.prepare_cached(&query)?;
    let mut rows = look.query([row_of(&transaction, after)?])?;
    let mut links = Vec::new();
    while links.len() < limit
        && let Some(row) = rows.next()?
    {
        links.extend(Records::of(row)?.links().into_iter().filter(|link| link.number > after));
    }
    links.truncate(limit);
    Ok(AuditPage { links, head: kept(&transaction, marked)? })
}

/// A row at or before the one that holds this record: their order is that of the rows.
fn row_of(sql: &Connection, record: u64) -> Result<i64, rusqlite::Error> {
    let mut look = sql.prepare_cached(
        "SELECT number, record FROM log WHERE number >= ?1 AND record IS NOT NULL ORDER BY number LIMIT 1",
    )?;
    let last = sql.prepare_cached("SELECT max(number) FROM log")?.query_row([], |row| row.get::<_, Option<i64>>(0))?;
    let (mut low, mut high) = (0, last.unwrap_or_default());
    while low < high {
        let middle = low + (high - low + 1) / 2;
        let found = look.query_row([middle], |row| Ok((row.get(0)?, row.get::<_, u64>(1)?))).optional()?;
        match found {
            Some((number, first)) if first <= record => low = number,
            _ => high = middle - 1,
        }
    }
    Ok(low)
}
