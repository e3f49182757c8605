//! A disk in virtual time. What is handed over is committed a little later, in groups, and answered then; what was not
//! synced is lost when the power fails. Behind it stands a real journal, in memory or in an SQLite file.

use crate::chance::Chance;
use crate::fuse::Fuse;
use crate::op::Op;
use crate::planted::Planted;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use weir_runtime::journal::{
    Admitted, Appended, AuditPage, Batch, Created, Depth, Due, Filter, Journal, JournalError, Line, Loaded, NewRun,
    Place, Post, RunRecord, ThreadLine, Ticket, Trouble,
};

/// A journal that knows how much of it a loss of power leaves.
pub trait Platter: Send + Sync {
    /// As it is committed.
    fn journal(&self) -> &dyn Journal;

    /// This was committed just now; `synced`: with everything before, it stays.
    fn committed(&mut self, ops: &[Op], synced: bool);

    /// The process has died. `power`: so has the computer. Gives what the next one finds, and how much was lost.
    fn crash(self: Box<Self>, chance: &mut Chance, power: bool) -> Result<(Box<dyn Platter>, u64), String>;

    /// Whether what it holds is whole.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

type Answer = Box<dyn FnOnce() + Send>;
type Work = Box<dyn FnOnce(Result<&dyn Journal, JournalError>, Op) -> Answer + Send>;

/// The journal that one life of the process works with.
#[derive(Clone)]
pub struct Disk(Arc<Inner>);

struct Inner {
    platter: Mutex<Option<Box<dyn Platter>>>,
    queue: Mutex<Vec<(Op, Work)>>,
    news: Notify,
    fuse: Arc<Fuse>,
    planted: Planted,
    chance: Mutex<Chance>,
    /// In percent: commits that fail.
    full: u64,
    failed: Mutex<u64>,
}

impl Disk {
    pub fn new(platter: Box<dyn Platter>, fuse: Arc<Fuse>, planted: Planted, chance: Chance, full: u64) -> Disk {
        Disk(Arc::new(Inner {
            platter: Mutex::new(Some(platter)),
            queue: Mutex::default(),
            news: Notify::new(),
            fuse,
            planted,
            chance: Mutex::new(chance),
            full,
            failed: Mutex::default(),
        }))
    }

    fn platter(&self) -> MutexGuard<'_, Option<Box<dyn Platter>>> {
        self.0.platter.lock().unwrap()
    }

    /// What is committed.
    fn read<T>(&self, look: impl FnOnce(&dyn Journal) -> T) -> T {
        look(self.platter().as_ref().unwrap().journal())
    }

    fn submit<T: Send + 'static>(
        &self,
        op: Op,
        run: impl FnOnce(&dyn Journal, Op) -> Ticket<T> + Send + 'static,
    ) -> Ticket<T> {
        let (reply, ticket) = Ticket::open();
        let work: Work = Box::new(move |journal, op| {
            let result = journal.and_then(|journal| now(run(journal, op)));
            Box::new(move || drop(reply.send(result)))
        });
        self.0.queue.lock().unwrap().push((op, work));
        self.0.news.notify_one();
        ticket
    }

    /// The writer: commits what has come in, then answers.
    pub async fn write(self) {
        loop {
            self.0.news.notified().await;
            while !self.0.queue.lock().unwrap().is_empty() {
                let (pause, fails) = {
                    let mut chance = self.0.chance.lock().unwrap();
                    (chance.below(4), chance.percent(self.0.full))
                };
                match pause {
                    0 => tokio::task::yield_now().await,
                    millis => tokio::time::sleep(Duration::from_millis(millis)).await,
                }
                // Dead before the commit, or after it, before anybody was told.
                self.0.fuse.act().await;
                let answers = self.commit(fails);
                self.0.fuse.act().await;
                answers.into_iter().for_each(|answer| answer());
            }
        }
    }

    fn commit(&self, fails: bool) -> Vec<Answer> {
        let group = std::mem::take(&mut *self.0.queue.lock().unwrap());
        if fails {
            *self.0.failed.lock().unwrap() += 1;
            return group.into_iter().map(|(op, work)| work(Err(full()), op)).collect();
        }
        let mut platter = self.platter();
        let Some(platter) = platter.as_mut() else { return Vec::new() };
        let (mut answers, mut ops) = (Vec::with_capacity(group.len()), Vec::with_capacity(group.len()));
        let synced = !self.0.planted.never_syncs() && group.iter().any(|(op, _)| op.syncs());
        for (op, work) in group {
            ops.push(op.clone());
            answers.push(work(Ok(platter.journal()), op));
        }
        platter.committed(&ops, synced);
        answers
    }

    /// Takes the platter out of a process that has died, and how many of its commits failed.
    pub fn take(&self) -> (Box<dyn Platter>, u64) {
        (self.platter().take().unwrap(), *self.0.failed.lock().unwrap())
    }
}

fn full() -> JournalError {
    JournalError { what: "cannot write the journal".into(), why: "the disk is full".into(), trouble: Trouble::Unusable }
}

/// Waits without giving way, so that virtual time stands still meanwhile.
fn now<T>(mut ticket: Ticket<T>) -> Result<T, JournalError> {
    loop {
        if let Some(result) = ticket.now() {
            return result;
        }
        std::thread::yield_now();
    }
}

impl Journal for Disk {
    fn create(&self, run: NewRun) -> Ticket<Created> {
        let run = self.0.planted.create(run);
        self.submit(Op::Create(Box::new(run)), |journal, op| match op {
            Op::Create(run) => journal.create(*run),
            _ => unreachable!(),
        })
    }

    fn append(&self, batch: Batch) -> Ticket<Appended> {
        let (batch, skipped) = self.0.planted.append(batch);
        self.submit(Op::Append(Box::new(batch)), move |journal, op| match op {
            Op::Append(batch) => match now(journal.append(*batch)) {
                Ok(done) => Ticket::known(Ok(Appended { seq: done.seq - skipped, ..done })),
                Err(error) => Ticket::known(Err(error)),
            },
            _ => unreachable!(),
        })
    }

    fn claim(&self, run_id: &str) -> Ticket<u64> {
        let run_id = run_id.to_owned();
        self.submit(Op::Claim(run_id.clone()), move |journal, _| journal.claim(&run_id))
    }

    fn release(&self, run_id: &str, token: u64) -> Ticket<()> {
        let run_id = run_id.to_owned();
        self.submit(Op::Release(run_id.clone(), token), move |journal, _| journal.release(&run_id, token))
    }

    fn post(&self, run_id: &str, text: String) -> Ticket<()> {
        let run_id = run_id.to_owned();
        self.submit(Op::Post(run_id.clone(), text.clone()), move |journal, _| journal.post(&run_id, text))
    }

    fn posts(&self) -> Result<Vec<Post>, JournalError> {
        self.read(|journal| journal.posts())
    }

    fn load(&self, run_id: &str) -> Result<Option<Loaded>, JournalError> {
        self.0.planted.load(run_id, self.read(|journal| journal.load(run_id))?)
    }

    fn lines(&self, run_id: &str, from: u64) -> Result<Vec<Line>, JournalError> {
        self.read(|journal| journal.lines(run_id, from))
    }

    fn thread_lines(&self, thread: &str, after: u64, limit: usize) -> Result<Vec<ThreadLine>, JournalError> {
        self.read(|journal| journal.thread_lines(thread, after, limit))
    }

    fn list(&self, filter: &Filter) -> Result<Vec<RunRecord>, JournalError> {
        self.read(|journal| journal.list(filter))
    }

    fn audit(&self, lines: Vec<String>) -> Ticket<()> {
        self.submit(Op::Audit(lines.clone()), move |journal, _| journal.audit(lines))
    }

    fn audited(&self, after: u64, limit: usize) -> Result<AuditPage, JournalError> {
        self.read(|journal| journal.audited(after, limit))
    }

    fn forget(&self, before: &str, limit: usize) -> Ticket<usize> {
        let before = before.to_owned();
        self.submit(Op::Forget(before.clone(), limit), move |journal, _| journal.forget(&before, limit))
    }

    fn enqueue(&self, run: NewRun, place: Place) -> Ticket<Created> {
        let run = self.0.planted.create(run);
        self.submit(Op::Enqueue(Box::new((run, place))), |journal, op| match op {
            Op::Enqueue(queued) => journal.enqueue(queued.0, queued.1),
            _ => unreachable!(),
        })
    }

    fn admit(&self, run_id: &str, now: i64) -> Ticket<Admitted> {
        let run_id = run_id.to_owned();
        self.submit(Op::Admit(run_id.clone(), now), move |journal, _| journal.admit(&run_id, now))
    }

    fn queued(&self, run_id: &str) -> Result<Option<String>, JournalError> {
        self.read(|journal| journal.queued(run_id))
    }

    fn due(&self, now: i64, limit: usize) -> Result<Vec<Due>, JournalError> {
        self.read(|journal| journal.due(now, limit))
    }

    fn depth(&self, now: i64) -> Result<Depth, JournalError> {
        self.read(|journal| journal.depth(now))
    }

    fn remember(&self, name: &str, text: String) -> Ticket<()> {
        let name = name.to_owned();
        self.submit(Op::Remember(name.clone(), text.clone()), move |journal, _| journal.remember(&name, text))
    }

    fn recall(&self, name: &str) -> Result<Option<String>, JournalError> {
        self.read(|journal| journal.recall(name))
    }
}
