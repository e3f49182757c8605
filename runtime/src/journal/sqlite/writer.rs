//! Who writes takes what has come in meanwhile, does it in one transaction, commits once, and then answers everybody.

use super::mark::Mark;
use super::{Durability, KIND, audit, database, ends, lease};
use crate::journal::ticket::Reply;
use crate::journal::{JournalError, Ticket, Trouble};
use ecow::EcoString;
use rusqlite::Connection;
use rustc_hash::FxHashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a worker says that it lives.
pub(super) const BEAT: Duration = Duration::from_secs(5);
/// A commit that takes longer than this waits for the disk, and not for anything that could be spared.
const BRISK: Duration = Duration::from_millis(1);

/// Why work was not done.
pub(super) enum Stop {
    /// Nothing was written yet.
    Said(Trouble, String),
    /// Everything that was committed together fails.
    Sql(rusqlite::Error),
    /// The same, in words.
    Broken(Trouble, String),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Stop::Sql(error)
    }
}

impl Stop {
    /// What is in the file is not what was written.
    pub(super) fn damaged(why: impl std::fmt::Display) -> Stop {
        Stop::Broken(Trouble::Damaged, format!("it is damaged: {why}; nothing was changed"))
    }

    fn told(&self) -> (Trouble, String) {
        match self {
            Stop::Said(trouble, why) | Stop::Broken(trouble, why) => (*trouble, why.clone()),
            Stop::Sql(error) => {
                let damaged = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt);
                let trouble = if damaged { Trouble::Damaged } else { Trouble::Unusable };
                (trouble, database::explain(error, KIND.note))
            }
        }
    }

    pub(super) fn error(&self, what: &str, file: &Path) -> JournalError {
        let (trouble, why) = self.told();
        JournalError { what: format!("{what} in the journal {}", file.display()), why, trouble }
    }
}

/// Told after the commit, or that there was none.
type Finish = Box<dyn FnOnce(Option<(Trouble, String)>) + Send>;
/// `None` where no transaction could be begun.
type Work =
    Box<dyn FnOnce(Result<(&Connection, &mut Desk), (Trouble, String)>) -> Result<Option<Finish>, Broken> + Send>;
/// The whole transaction has to be given up.
type Broken = ((Trouble, String), Finish);

/// Something to write.
pub(super) struct Job {
    /// The answer may be given only when it is durable.
    pub sync: bool,
    work: Work,
}

impl Job {
    pub(super) fn new<T: Send + 'static>(
        sync: bool,
        file: Arc<Path>,
        what: impl FnOnce() -> String + Send + 'static,
        work: impl FnOnce(&Connection, &mut Desk) -> Result<T, Stop> + Send + 'static,
    ) -> (Job, Ticket<T>) {
        let (reply, ticket): (Reply<T>, Ticket<T>) = Ticket::open();
        let fail = move |reply: Reply<T>, (trouble, why): (Trouble, String)| {
            let what = format!("{} in the journal {}", what(), file.display());
            let _ = reply.send(Err(JournalError { what, why, trouble }));
        };
        let work: Work = Box::new(move |begun| match begun {
            Err(why) => {
                fail(reply, why);
                Ok(None)
            }
            Ok((sql, desk)) => match work(sql, desk) {
                Ok(value) => Ok(Some(Box::new(move |failed| match failed {
                    None => drop(reply.send(Ok(value))),
                    Some(why) => fail(reply, why),
                }))),
                Err(stop @ Stop::Said(..)) => {
                    fail(reply, stop.told());
                    Ok(None)
                }
                Err(stop) => {
                    let why = stop.told();
                    Err((why.clone(), Box::new(move |_| fail(reply, why))))
                }
            },
        });
        (Job { sync, work }, ticket)
    }
}

/// What work needs besides the connection.
pub(super) struct Desk {
    /// This worker's id.
    pub me: String,
    /// The journal's file.
    pub file: PathBuf,
    /// Held while this worker lives, once it carries a run on.
    pub living: Option<fs_err::File>,
    /// Runs as they were last seen; forgotten when another process has written.
    pub known: FxHashMap<EcoString, Known>,
    /// The run that was written last, and how many lines it has.
    pub last: Option<(EcoString, u64)>,
    /// The end of the audit.
    pub audit: audit::Tail,
    /// Ends of runs that are not written down.
    pub ends: ends::Unsaid,
    /// Runs were forgotten: the witness may speak of one of them.
    pub forgot: bool,
}

/// A run as it was last seen.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub number: i64,
    /// How many lines it has.
    pub next: u64,
    /// Its last row in the log.
    pub row: Option<i64>,
    pub owner: Option<String>,
    pub token: u64,
    pub thread: Option<String>,
}

impl Desk {
    pub(super) fn new(me: String, file: PathBuf) -> Desk {
        Desk {
            me,
            file,
            living: None,
            known: FxHashMap::default(),
            last: None,
            audit: audit::Tail::default(),
            ends: ends::Unsaid::default(),
            forgot: false,
        }
    }

    /// What was known of the file may be otherwise by now.
    fn forget(&mut self) {
        self.known.clear();
        self.audit.forget();
        self.ends.forget();
    }
}

/// The connection that writes.
pub(super) struct Writer {
    connection: Connection,
    desk: Desk,
    mark: Mark,
    durability: Durability,
    synced: bool,
    seen: i64,
    /// Another process has written since the transaction before.
    others: bool,
    beat: Instant,
}

impl Writer {
    pub(super) fn open(mut desk: Desk, durability: Durability) -> Result<Writer, JournalError> {
        let connection = database::open(&desk.file, &KIND)?;
        let mark = Mark::open(&desk.file);
        let failed = |stop: Stop| stop.error("cannot go on", &desk.file);
        mark.check(&connection).map_err(failed)?;
        desk.audit = audit::Tail::new(mark.audit());
        Ok(Writer { connection, desk, mark, durability, synced: true, seen: 0, others: false, beat: Instant::now() })
    }

    /// Nobody can hand over work any more: others may go on with the runs. Where that cannot be said, they see that this
    /// worker does not live.
    pub(super) fn leave(&mut self) {
        if self.desk.living.is_none() {
            return;
        }
        let left = Transaction::begin(&self.connection).map_err(Stop::Sql).and_then(|transaction| {
            catch_up(transaction.0, &mut self.desk, &mut self.seen)?;
            // A run that nobody has says where it ends.
            ends::say(transaction.0, &mut self.desk)?;
            self.desk.audit.is_due();
            audit::seal(transaction.0, &mut self.desk)?;
            lease::leave(transaction.0, &self.desk)?;
            Ok(transaction.commit()?)
        });
        drop(left);
        lease::unlock(&mut self.desk);
    }

    /// Does this work in one transaction. Gives whether it was one writer's alone, and quickly done.
    pub(super) fn together(&mut self, jobs: Vec<Job>) -> bool {
        let beats = self.desk.living.is_some() && self.beat.elapsed() >= BEAT;
        if jobs.is_empty() && !beats {
            return true;
        }
        let begun = Instant::now();
        let awaited = jobs.iter().filter(|job| job.sync).count();
        let sync = self.durability == Durability::Full && awaited > 0;
        let mut finishes = Vec::with_capacity(jobs.len());
        let failed = self.transact(jobs, sync, beats, &mut finishes).err();
        if failed.is_some() {
            self.desk.forget();
            // It was not written: the witness must not speak of it.
            self.desk.last = None;
        } else if sync && let Some((run_id, next)) = self.desk.last.take() {
            self.mark.set(&run_id, next, self.desk.audit.head());
        }
        for finish in finishes {
            finish(failed.clone());
        }
        awaited <= 1 && !self.others && begun.elapsed() < BRISK
    }

    fn transact(
        &mut self,
        jobs: Vec<Job>,
        sync: bool,
        beats: bool,
        finishes: &mut Vec<Finish>,
    ) -> Result<(), (Trouble, String)> {
        let mut jobs = jobs.into_iter();
        let told = |error: rusqlite::Error| Stop::Sql(error).told();
        let prepared = self.prepare(sync).and_then(|()| Transaction::begin(&self.connection));
        let begun = prepared.map_err(Stop::Sql).and_then(|transaction| {
            // Only now can no other process write any more.
            self.others = catch_up(transaction.0, &mut self.desk, &mut self.seen)?;
            if beats {
                self.desk.audit.is_due();
                lease::beat(transaction.0, &self.desk)?;
                self.beat = Instant::now();
            }
            Ok(transaction)
        });
        let transaction = match begun {
            Ok(transaction) => transaction,
            Err(stop) => {
                let why = stop.told();
                jobs.for_each(|job| drop((job.work)(Err(why.clone()))));
                return Err(why);
            }
        };
        while let Some(job) = jobs.next() {
            match (job.work)(Ok((transaction.0, &mut self.desk))) {
                Ok(Some(finish)) => finishes.push(finish),
                Ok(None) => {}
                Err((why, finish)) => {
                    finishes.push(finish);
                    jobs.for_each(|job| drop((job.work)(Err(why.clone()))));
                    return Err(why);
                }
            }
        }
        if std::mem::take(&mut self.desk.forgot) {
            self.mark.clear();
        }
        audit::seal(transaction.0, &mut self.desk).map_err(told)?;
        transaction.commit().map_err(told)
    }

    /// Sets how far a commit goes.
    fn prepare(&mut self, sync: bool) -> Result<(), rusqlite::Error> {
        if self.synced != sync {
            let how = if sync { "full" } else { "normal" };
            self.connection.pragma_update(None, "synchronous", how)?;
            self.synced = sync;
        }
        Ok(())
    }
}

/// A transaction that writes, from its beginning on; given up where it is not committed. Its statements are kept prepared.
struct Transaction<'a>(&'a Connection);

impl<'a> Transaction<'a> {
    fn begin(sql: &'a Connection) -> Result<Self, rusqlite::Error> {
        sql.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Transaction(sql))
    }

    fn commit(self) -> Result<(), rusqlite::Error> {
        self.0.prepare_cached("COMMIT")?.execute([]).map(drop)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

/// Takes note of what others have written since this was asked last. Gives whether any have.
fn catch_up(sql: &Connection, desk: &mut Desk, seen: &mut i64) -> Result<bool, Stop> {
    let version = sql.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
    let others = std::mem::replace(seen, version) != version;
    if others {
        desk.forget();
    }
    ends::settle(sql, desk)?;
    Ok(others)
}
