//! Where work for the journal is handed in. A thread writes what has come in. Where only one at a time has something to
//! write, and the disk is quick, it is written by whoever hands it in: waking the thread, and being woken by it, takes
//! longer than the work.

use super::writer::{BEAT, Job, Writer};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Work done in one transaction, at most.
const TOGETHER: usize = 2_000;
/// How long work that nobody waits for may lie, so that more of it is written in one go.
const LIES: Duration = Duration::from_millis(2);

/// How soon work has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    /// Nobody waits for it.
    Behind,
    /// Somebody waits for it, or will soon.
    Soon,
    /// Whoever hands it in can do nothing else before it is done.
    Now,
}

#[derive(Default)]
struct Waiting {
    jobs: Vec<Job>,
    /// The thread waits for the first of them.
    idle: bool,
    /// Somebody waits for one of them.
    hurry: bool,
    closed: bool,
}

/// What waits to be written, and the writer, whom one holds at a time.
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    news: Condvar,
    writer: Mutex<Writer>,
    /// The last transaction was one writer's alone, and quickly done.
    alone: AtomicBool,
}

impl Inbox {
    pub(super) fn new(writer: Writer) -> Inbox {
        Inbox {
            waiting: Mutex::default(),
            news: Condvar::new(),
            writer: Mutex::new(writer),
            alone: AtomicBool::new(true),
        }
    }

    /// Takes work on, and does it where that is what is quickest.
    pub(super) fn hand_in(&self, job: Job, haste: Haste) {
        if haste == Haste::Now
            && self.alone.load(Ordering::Relaxed)
            && let Ok(mut writer) = self.writer.try_lock()
        {
            // What was handed in before is done before.
            let mut jobs = self.take(usize::MAX);
            jobs.push(job);
            return self.write(&mut writer, jobs);
        }
        let mut waiting = self.waiting();
        if waiting.closed {
            // Dropped, it tells so.
            return;
        }
        waiting.jobs.push(job);
        waiting.hurry |= haste != Haste::Behind;
        if waiting.idle || waiting.hurry {
            waiting.idle = false;
            self.news.notify_one();
        }
    }

    /// Writes what comes in, until the inbox is closed.
    pub(super) fn run(&self) {
        // Also where this thread breaks down: nobody waits for ever.
        let closing = Closing(self);
        while self.wait() {
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            // Taken only now: who wrote meanwhile has taken what was there before.
            let jobs = self.take(TOGETHER);
            self.write(&mut writer, jobs);
        }
        drop(closing);
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).leave();
    }

    /// Nothing is handed in any more; what was is still written.
    pub(super) fn close(&self) {
        self.waiting().closed = true;
        self.news.notify_one();
    }

    /// Until there is work, or a word that this worker lives is due. False: there will be none.
    fn wait(&self) -> bool {
        let mut waiting = self.waiting();
        if waiting.jobs.is_empty() && !waiting.closed {
            waiting.idle = true;
            waiting = self.news.wait_timeout(waiting, BEAT).unwrap_or_else(PoisonError::into_inner).0;
            waiting.idle = false;
        }
        if !waiting.jobs.is_empty() {
            let lies = |waiting: &mut Waiting| !waiting.hurry && !waiting.closed;
            let waited = self.news.wait_timeout_while(waiting, LIES, lies);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        !(waiting.closed && waiting.jobs.is_empty())
    }

    /// The first of what waits.
    fn take(&self, most: usize) -> Vec<Job> {
        let mut waiting = self.waiting();
        if waiting.jobs.len() > most {
            return waiting.jobs.drain(..most).collect();
        }
        waiting.hurry = false;
        std::mem::take(&mut waiting.jobs)
    }

    fn write(&self, writer: &mut Writer, jobs: Vec<Job>) {
        let nothing = jobs.is_empty();
        let alone = writer.together(jobs);
        if !nothing {
            self.alone.store(alone, Ordering::Relaxed);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the inbox, and tells whoever still waits that nothing is written any more.
struct Closing<'a>(&'a Inbox);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
        drop(self.0.take(usize::MAX));
    }
}
