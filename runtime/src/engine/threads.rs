//! The events of a thread: those of all its runs, in the order in which they were written down, read on from a position or
//! followed. Nothing is kept of them but the list of lines: what was decided follows from the lines, as it does for a run.

use super::line::Line;
use super::local::LocalEngine;
use super::{EngineError, ThreadEvent, ThreadStream};
use crate::journal::{Filter, JournalError, ThreadLine, Trouble};
use crate::machine::{Code, Machine};
use crate::observe::Observed;
use ecow::EcoString;
use futures_util::stream::unfold;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Lines that are read at once.
const LINES: usize = 256;
/// Runs that are kept in memory while a thread is read; of more than that, some are read again.
const KEPT: usize = 64;
/// How soon it is looked again whether there is more: what is told is perhaps not yet written down.
const SOON: Duration = Duration::from_millis(5);
/// How often it is looked where nothing was told here: another process may carry the runs on.
const LOOK: Duration = Duration::from_secs(1);

/// Those who follow a thread, woken when one of its runs has something written down.
#[derive(Default)]
pub(super) struct Followers(Mutex<BTreeMap<EcoString, watch::Sender<u64>>>);

impl Followers {
    fn of(&self, thread: &EcoString) -> watch::Receiver<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, wake| wake.receiver_count() > 0);
        all.entry(thread.clone()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    pub(super) fn wake(&self, thread: &EcoString) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wake) = all.get(thread) {
            wake.send_modify(|times| *times += 1);
        }
    }
}

/// A run of the thread, as far as it has been read.
struct Replay {
    machine: Machine,
    parent: Option<EcoString>,
    trace: EcoString,
    /// Lines that were read.
    seq: u64,
    /// Decisions in them.
    told: u64,
}

impl Replay {
    /// What follows from the next line.
    fn apply(&mut self, run_id: &EcoString, line: &crate::journal::Line) -> Result<Vec<Observed>, EngineError> {
        let read = Line::read(line).map_err(|error| EngineError::Damaged {
            run_id: run_id.clone(),
            seq: usize::try_from(self.seq).unwrap_or(usize::MAX),
            why: error.to_string(),
        })?;
        self.seq += 1;
        let Line::Event(event) = read else { return Ok(Vec::new()) };
        let notes = self.machine.apply(&event).notes;
        if self.trace.is_empty() {
            self.trace = self.machine.trace_id();
        }
        let first = self.told + 1;
        self.told += notes.len() as u64;
        let told = |(seq, note)| Observed::of(seq, note, run_id, &self.trace).below(self.parent.as_ref());
        Ok((first..).zip(notes).map(told).collect())
    }
}

/// A thread, as far as it has been read: runs that have not ended are kept, so that reading on costs what is new.
pub struct ThreadReader {
    engine: LocalEngine,
    thread: EcoString,
    /// The position that was read last.
    after: u64,
    runs: BTreeMap<EcoString, Replay>,
    plans: BTreeMap<EcoString, Arc<Code>>,
}

impl ThreadReader {
    /// Reads on behind a position.
    pub(super) fn new(engine: &LocalEngine, thread: &str, after: u64) -> Result<ThreadReader, EngineError> {
        let filter = Filter { thread: Some(thread.into()), limit: 1, ..Filter::default() };
        if engine.inner.journal.list(&filter).map_err(EngineError::Unread)?.is_empty() {
            return Err(EngineError::NoThread(thread.into()));
        }
        let (runs, plans) = (BTreeMap::new(), BTreeMap::new());
        Ok(ThreadReader { engine: engine.clone(), thread: thread.into(), after, runs, plans })
    }

    /// The next events: as many as are wanted and those that stand beside the last of them, or as many as there are.
    ///
    /// # Errors
    /// A journal that cannot be read, or is damaged.
    pub fn more(&mut self, limit: usize) -> Result<Vec<ThreadEvent>, EngineError> {
        let mut events = Vec::new();
        while events.len() < limit {
            let journal = &self.engine.inner.journal;
            let lines = journal.thread_lines(&self.thread, self.after, LINES).map_err(EngineError::Unread)?;
            if lines.is_empty() {
                break;
            }
            for line in lines {
                if events.len() >= limit {
                    break;
                }
                let told = self.take(&line)?;
                events.extend(told.into_iter().map(|event| ThreadEvent { position: line.position, event }));
                self.after = line.position;
            }
        }
        Ok(events)
    }

    fn take(&mut self, line: &ThreadLine) -> Result<Vec<Observed>, EngineError> {
        let known = self.runs.remove(&line.run_id).filter(|run| run.seq == line.seq);
        let Some(mut run) = known.map_or_else(|| self.before(line), |run| Ok(Some(run)))? else {
            // Forgotten meanwhile.
            return Ok(Vec::new());
        };
        let told = run.apply(&line.run_id, &line.line)?;
        if !run.machine.over() {
            if self.runs.len() >= KEPT {
                self.runs.pop_first();
            }
            self.runs.insert(line.run_id.clone(), run);
        }
        Ok(told)
    }

    /// The run as it was before a line.
    fn before(&mut self, line: &ThreadLine) -> Result<Option<Replay>, EngineError> {
        let loaded = self.engine.inner.journal.load(&line.run_id).map_err(EngineError::Unread)?;
        let Some(loaded) = loaded else { return Ok(None) };
        let program = loaded.run.program;
        let code =
            match self.plans.get(&program) {
                Some(code) => Arc::clone(code),
                None => self.engine.inner.work_out_again(&program, &loaded.plan).map_err(|error| {
                    EngineError::Damaged { run_id: line.run_id.clone(), seq: 0, why: format!("its plan: {error}") }
                })?,
            };
        self.plans.insert(program, Arc::clone(&code));
        let (machine, trace) = (Machine::of(code), EcoString::new());
        let mut run = Replay { machine, parent: loaded.run.parent, trace, seq: 0, told: 0 };
        for earlier in loaded.lines.iter().take(usize::try_from(line.seq).unwrap_or(usize::MAX)) {
            run.apply(&line.run_id, earlier)?;
        }
        Ok(Some(run))
    }

    /// The same as [`ThreadReader::more`], where it may take its time.
    pub(super) async fn read(mut self, limit: usize) -> Result<(ThreadReader, Vec<ThreadEvent>), EngineError> {
        let thread = self.thread.clone();
        let read = tokio::task::spawn_blocking(move || self.more(limit).map(|events| (self, events))).await;
        let what = format!("cannot read thread `{thread}`");
        let broken = |_| JournalError {
            what,
            why: "reading it broke off; please report this".into(),
            trouble: Trouble::Unusable,
        };
        read.map_err(|error| EngineError::Unread(broken(error)))?
    }
}

impl std::fmt::Debug for ThreadReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ThreadReader").field(&self.thread).field(&self.after).finish()
    }
}

impl LocalEngine {
    /// Reads a thread on behind a position, by whoever has the time to wait for it.
    ///
    /// # Errors
    /// No such thread; a journal that cannot be read.
    pub fn read_thread(&self, thread: &str, after: u64) -> Result<ThreadReader, EngineError> {
        ThreadReader::new(self, thread, after)
    }
}

/// A thread that is followed.
struct Following {
    /// None: it could not be read on.
    reader: Option<ThreadReader>,
    ready: VecDeque<ThreadEvent>,
    wake: watch::Receiver<u64>,
    pause: Duration,
}

impl Following {
    async fn next(&mut self) -> Option<Result<ThreadEvent, EngineError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            self.wake.mark_unchanged();
            match self.reader.take()?.read(LINES).await {
                Ok((reader, events)) => {
                    self.reader = Some(reader);
                    self.ready.extend(events);
                }
                Err(error) => return Some(Err(error)),
            }
            if self.ready.is_empty() {
                self.wait().await;
            }
        }
    }

    /// Until there may be more.
    async fn wait(&mut self) {
        let told = tokio::time::timeout(self.pause, self.wake.changed()).await;
        self.pause = if told.is_ok() { SOON } else { (self.pause * 2).min(LOOK) };
    }
}

/// Follows a thread from where it has been read.
pub(super) fn follow(reader: ThreadReader) -> ThreadStream {
    let wake = reader.engine.inner.followers.of(&reader.thread);
    let following = Following { reader: Some(reader), ready: VecDeque::new(), wake, pause: SOON };
    Box::pin(unfold(following, |mut following| async move {
        let next = following.next().await?;
        Some((next, following))
    }))
}
