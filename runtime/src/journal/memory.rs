//! Journals in memory: for tests, and for runs that leave no trace but their keys.

mod queue;
mod threads;

use super::{
    Admitted, Appended, AuditPage, Batch, Claimed, Created, Depth, Due, Filter, Journal, JournalError, KeyChange,
    KeyClaim, Line, Loaded, NO_RUN, NewRun, Place, Post, RUN_EXISTS, RunRecord, SqliteJournal, Standing, ThreadLine,
    Ticket, Trouble,
};
use ecow::EcoString;
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use threads::Threads;
use weir_stdlib::value::{Hash, Value};

/// Runs and keys in memory, gone with the process. Whoever uses it is one and the same owner.
#[derive(Default)]
pub struct MemoryJournal {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    plans: BTreeMap<EcoString, String>,
    runs: IndexMap<EcoString, Run>,
    starts: BTreeMap<EcoString, EcoString>,
    keys: BTreeMap<(EcoString, EcoString), Held>,
    posts: Vec<Post>,
    posted: i64,
    queue: IndexMap<EcoString, Place>,
    /// When runs of a flow that has a limit began.
    begun: Vec<(EcoString, i64)>,
    memory: BTreeMap<String, String>,
    audit: AuditPage,
    threads: Threads,
}

struct Run {
    record: RunRecord,
    lines: Vec<Line>,
    token: u64,
    /// Somebody carries it on.
    held: bool,
    /// It has begun, and neither ended nor waits.
    holds: bool,
    slot: Option<(EcoString, u64)>,
}

struct Held {
    args: Hash,
    run_id: EcoString,
    since: EcoString,
    value: Option<Value>,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        MemoryJournal::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn error(what: String, why: impl Into<String>, trouble: Trouble) -> JournalError {
    JournalError { what, why: why.into(), trouble }
}

fn no_run(what: String) -> JournalError {
    error(what, NO_RUN, Trouble::NoRun)
}

impl State {
    fn create(&mut self, new: NewRun) -> Result<Created, JournalError> {
        if let Some(known) = new.start_key.as_ref().and_then(|key| self.starts.get(key)) {
            return Ok(Created::Known(known.clone()));
        }
        let run_id = new.run.run_id.clone();
        if self.runs.contains_key(&run_id) {
            return Err(error(format!("cannot start run {run_id}"), RUN_EXISTS, Trouble::Unusable));
        }
        self.plans.entry(new.run.program.clone()).or_insert_with(|| new.plan.to_string());
        if let Some(key) = new.start_key {
            self.starts.insert(key, run_id.clone());
        }
        self.threads.append(new.run.thread.as_ref(), &run_id, 0..new.lines.len() as u64);
        self.runs
            .insert(run_id, Run { record: new.run, lines: new.lines, token: 1, held: true, holds: false, slot: None });
        self.audit(new.audit);
        Ok(Created::New)
    }

    /// Whether the batch is the next one, from whoever carries the run on.
    fn in_turn(&self, batch: &Batch) -> Result<(), JournalError> {
        let what = || format!("cannot write line {} of run {}", batch.seq, batch.run_id);
        let run = self.runs.get(&batch.run_id).ok_or_else(|| no_run(what()))?;
        let next = run.lines.len() as u64;
        if run.token != batch.token {
            return Err(error(what(), super::overtaken(), Trouble::Held));
        }
        if next != batch.seq {
            return Err(error(what(), super::out_of_turn(next, batch.seq), Trouble::Held));
        }
        Ok(())
    }

    fn append(&mut self, batch: Batch) -> Result<Appended, JournalError> {
        self.in_turn(&batch)?;
        self.settle(&batch.run_id, &batch.keys)?;
        let (mut lines, mut audit) = (batch.lines, batch.audit);
        let mut claimed = Vec::with_capacity(batch.calls.len());
        for call in batch.calls {
            let answer = self.maybe(&batch.run_id, call.claim.as_ref());
            if matches!(answer, Claimed::New) {
                lines.extend(call.line);
                audit.extend(call.audit);
            }
            claimed.push(answer);
        }
        self.posts.retain(|post| !batch.posts.contains(&post.number));
        let Some(run) = self.runs.get_mut(&batch.run_id) else { return Err(no_run(String::new())) };
        run.lines.append(&mut lines);
        self.threads.append(run.record.thread.as_ref(), &batch.run_id, batch.seq..run.lines.len() as u64);
        if let Some(change) = batch.status {
            run.record.status = change.status.into();
            run.record.finished_at = change.finished_at;
        }
        run.held &= !batch.release;
        run.holds &= !(batch.release && batch.frees);
        let seq = run.lines.len() as u64;
        match batch.wake.filter(|_| batch.release) {
            Some(due) => drop(self.queue.insert(batch.run_id.clone(), Place { due, ..Place::default() })),
            None if batch.release || batch.seq == 0 => drop(self.queue.shift_remove(&batch.run_id)),
            None => {}
        }
        self.audit(audit);
        Ok(Appended { seq, claimed })
    }

    fn audit(&mut self, lines: Vec<String>) {
        for line in lines {
            let link = self.audit.head.next(line);
            self.audit.links.push(link);
        }
    }

    fn maybe(&mut self, run_id: &EcoString, claim: Option<&KeyClaim>) -> Claimed {
        let Some(claim) = claim else { return Claimed::New };
        let place = (claim.scope.clone(), claim.key.clone());
        match self.keys.get(&place) {
            Some(held) if held.args != claim.args => Claimed::Conflict,
            Some(Held { value: Some(value), .. }) => Claimed::Recorded(value.clone()),
            Some(held) if held.run_id == *run_id => Claimed::New,
            Some(held) => Claimed::InFlight { run_id: held.run_id.clone(), since: held.since.clone() },
            None => {
                let (run_id, since) = (run_id.clone(), super::now().into());
                self.keys.insert(place, Held { args: claim.args, run_id, since, value: None });
                Claimed::New
            }
        }
    }

    fn settle(&mut self, run_id: &EcoString, changes: &[KeyChange]) -> Result<(), JournalError> {
        for change in changes {
            match change {
                KeyChange::Complete(scope, key, value) => {
                    let held = self.keys.get_mut(&(scope.clone(), key.clone()));
                    let Some(held) = held.filter(|held| held.run_id == *run_id) else {
                        let why = format!("run {run_id} does not hold it: it was given up, or another run has it");
                        let what = format!("cannot record the result under key `{key}`");
                        return Err(error(what, why, Trouble::Held));
                    };
                    held.value = Some(value.clone());
                }
                KeyChange::Affirm(scope, key, value) => {
                    let held = self.keys.get_mut(&(scope.clone(), key.clone()));
                    if let Some(held) = held.filter(|held| held.run_id == *run_id) {
                        held.value = Some(value.clone());
                    }
                }
                KeyChange::Release(scope, key) => {
                    let place = (scope.clone(), key.clone());
                    if self.keys.get(&place).is_some_and(|held| held.run_id == *run_id) {
                        self.keys.remove(&place);
                    }
                }
            }
        }
        Ok(())
    }

    fn list(&self, filter: &Filter) -> Vec<RunRecord> {
        let fits = |run: &&RunRecord| {
            (filter.status.is_empty() || filter.status.contains(&run.status))
                && filter.flow.as_ref().is_none_or(|flow| *flow == run.flow)
                && filter.parent.as_ref().is_none_or(|parent| run.parent.as_ref() == Some(parent))
                && filter.thread.as_ref().is_none_or(|thread| run.thread.as_ref() == Some(thread))
                && filter.id.as_ref().is_none_or(|id| run.run_id.starts_with(id.as_str()))
                && (!filter.unfinished || run.finished_at.is_none())
                && filter
                    .active_since
                    .as_ref()
                    .is_none_or(|since| run.finished_at.as_ref().is_none_or(|at| at >= since))
                && !filter.cut_off
        };
        let most = if filter.limit == 0 { usize::MAX } else { filter.limit };
        self.runs.values().rev().map(|run| &run.record).filter(fits).take(most).cloned().collect()
    }
}

impl Journal for MemoryJournal {
    fn create(&self, run: NewRun) -> Ticket<Created> {
        Ticket::known(self.state().create(run))
    }

    fn append(&self, batch: Batch) -> Ticket<Appended> {
        Ticket::known(self.state().append(batch))
    }

    fn claim(&self, run_id: &str) -> Ticket<u64> {
        let mut state = self.state();
        let token = state.runs.get_mut(run_id).map(|run| {
            run.token += 1;
            run.held = true;
            run.token
        });
        Ticket::known(token.ok_or_else(|| no_run(format!("cannot take over run {run_id}"))))
    }

    fn release(&self, run_id: &str, token: u64) -> Ticket<()> {
        self.state().release(run_id, token);
        Ticket::known(Ok(()))
    }

    fn post(&self, run_id: &str, text: String) -> Ticket<()> {
        let mut state = self.state();
        if !state.runs.contains_key(run_id) {
            return Ticket::known(Err(no_run(format!("cannot leave word for run {run_id}"))));
        }
        state.posted += 1;
        let number = state.posted;
        state.posts.push(Post { number, run_id: run_id.into(), text });
        Ticket::known(Ok(()))
    }

    fn posts(&self) -> Result<Vec<Post>, JournalError> {
        Ok(self.state().posts.clone())
    }

    fn load(&self, run_id: &str) -> Result<Option<Loaded>, JournalError> {
        let state = self.state();
        Ok(state.runs.get(run_id).map(|run| {
            let plan = state.plans.get(&run.record.program).cloned().unwrap_or_default();
            Loaded { run: run.record.clone(), plan, lines: run.lines.clone() }
        }))
    }

    fn thread_lines(&self, thread: &str, after: u64, limit: usize) -> Result<Vec<ThreadLine>, JournalError> {
        Ok(self.state().thread_lines(thread, after, limit))
    }

    fn list(&self, filter: &Filter) -> Result<Vec<RunRecord>, JournalError> {
        Ok(self.state().list(filter))
    }

    fn audit(&self, lines: Vec<String>) -> Ticket<()> {
        self.state().audit(lines);
        Ticket::known(Ok(()))
    }

    fn audited(&self, after: u64, limit: usize) -> Result<AuditPage, JournalError> {
        let page = &self.state().audit;
        let links = page.links.iter().filter(|link| link.number > after).take(limit).cloned().collect();
        Ok(AuditPage { links, head: page.head })
    }

    fn forget(&self, before: &str, limit: usize) -> Ticket<usize> {
        let mut state = self.state();
        let old = |run: &Run| run.record.finished_at.as_ref().is_some_and(|at| at.as_str() < before);
        let ids: Vec<EcoString> =
            state.runs.values().filter(|run| old(run)).take(limit).map(|run| run.record.run_id.clone()).collect();
        ids.iter().for_each(|id| drop(state.runs.shift_remove(id)));
        ids.iter().for_each(|id| drop(state.queue.shift_remove(id)));
        state.threads.forget(&ids);
        Ticket::known(Ok(ids.len()))
    }

    fn enqueue(&self, run: NewRun, place: Place) -> Ticket<Created> {
        Ticket::known(self.state().enqueue(run, place))
    }

    fn admit(&self, run_id: &str, now: i64) -> Ticket<Admitted> {
        Ticket::known(self.state().admit(run_id, now))
    }

    fn standing(&self, run_id: &str, now: i64) -> Result<Option<Standing>, JournalError> {
        Ok(self.state().standing(run_id, now))
    }

    fn queued(&self, run_id: &str) -> Result<Option<String>, JournalError> {
        Ok(self.state().queue.get(run_id).and_then(|place| place.started.clone()))
    }

    fn due(&self, now: i64, limit: usize) -> Result<Vec<Due>, JournalError> {
        Ok(self.state().due(now, limit))
    }

    fn depth(&self, now: i64) -> Result<Depth, JournalError> {
        Ok(self.state().depth(now))
    }

    fn remember(&self, name: &str, text: String) -> Ticket<()> {
        self.state().memory.insert(name.to_owned(), text);
        Ticket::known(Ok(()))
    }

    fn recall(&self, name: &str) -> Result<Option<String>, JournalError> {
        Ok(self.state().memory.get(name).cloned())
    }
}

/// `weir run --ephemeral`: the run is forgotten; its keys are not, so that nothing is sent twice, nor is its audit.
pub struct EphemeralJournal {
    /// Where the runs are.
    pub runs: MemoryJournal,
    /// Where the keys are: the project's own journal.
    pub keys: SqliteJournal,
}

impl EphemeralJournal {
    /// Asks the keys' journal first, then writes down what it said.
    fn with_keys(&self, mut batch: Batch) -> Result<Appended, JournalError> {
        self.runs.state().in_turn(&batch)?;
        let keys = std::mem::take(&mut batch.keys);
        let claims: Vec<Option<KeyClaim>> = batch.calls.iter().map(|call| call.claim.clone()).collect();
        let audit = std::mem::take(&mut batch.audit);
        let due: Vec<Option<String>> = batch.calls.iter_mut().map(|call| call.audit.take()).collect();
        let nothing = keys.is_empty() && audit.is_empty();
        let claimed = match nothing && claims.iter().all(Option::is_none) && due.iter().all(Option::is_none) {
            true => vec![Claimed::New; claims.len()],
            false => keys_now(self.keys.keys(&batch.run_id, claims, keys, audit, due))?,
        };
        let calls = std::mem::take(&mut batch.calls).into_iter().zip(&claimed);
        let made = calls.filter(|(_, claimed)| matches!(claimed, Claimed::New));
        batch.lines.extend(made.filter_map(|(call, _)| call.line));
        let seq = self.runs.state().append(batch)?.seq;
        Ok(Appended { seq, claimed })
    }
}

/// Waits on a thread of its own: a runtime's thread may not wait.
fn keys_now<T: Send>(ticket: Ticket<T>) -> Result<T, JournalError> {
    std::thread::scope(|scope| {
        scope.spawn(|| ticket.wait()).join().unwrap_or_else(|_| {
            Err(error("cannot claim a key".into(), "the thread that waited broke down", Trouble::Unusable))
        })
    })
}

impl Journal for EphemeralJournal {
    fn create(&self, mut run: NewRun) -> Ticket<Created> {
        let audit = std::mem::take(&mut run.audit);
        let mut created = self.runs.create(run);
        let result = created.now().unwrap_or_else(|| Ok(Created::New));
        if matches!(result, Ok(Created::New)) {
            // What cannot be written now cannot be before the first call either, and that one is waited for.
            drop(self.keys.audit(audit));
        }
        Ticket::known(result)
    }

    fn append(&self, batch: Batch) -> Ticket<Appended> {
        Ticket::known(self.with_keys(batch))
    }

    fn claim(&self, run_id: &str) -> Ticket<u64> {
        self.runs.claim(run_id)
    }

    fn release(&self, run_id: &str, token: u64) -> Ticket<()> {
        self.runs.release(run_id, token)
    }

    fn post(&self, run_id: &str, text: String) -> Ticket<()> {
        self.runs.post(run_id, text)
    }

    fn posts(&self) -> Result<Vec<Post>, JournalError> {
        self.runs.posts()
    }

    fn load(&self, run_id: &str) -> Result<Option<Loaded>, JournalError> {
        self.runs.load(run_id)
    }

    fn thread_lines(&self, thread: &str, after: u64, limit: usize) -> Result<Vec<ThreadLine>, JournalError> {
        self.runs.thread_lines(thread, after, limit)
    }

    fn list(&self, filter: &Filter) -> Result<Vec<RunRecord>, JournalError> {
        self.runs.list(filter)
    }

    fn audit(&self, lines: Vec<String>) -> Ticket<()> {
        self.keys.audit(lines)
    }

    fn audited(&self, after: u64, limit: usize) -> Result<AuditPage, JournalError> {
        self.keys.audited(after, limit)
    }

    fn forget(&self, before: &str, limit: usize) -> Ticket<usize> {
        self.runs.forget(before, limit)
    }

    fn enqueue(&self, mut run: NewRun, place: Place) -> Ticket<Created> {
        drop(self.keys.audit(std::mem::take(&mut run.audit)));
        self.runs.enqueue(run, place)
    }

    fn admit(&self, run_id: &str, now: i64) -> Ticket<Admitted> {
        self.runs.admit(run_id, now)
    }

    fn standing(&self, run_id: &str, now: i64) -> Result<Option<Standing>, JournalError> {
        self.runs.standing(run_id, now)
    }

    fn queued(&self, run_id: &str) -> Result<Option<String>, JournalError> {
        self.runs.queued(run_id)
    }

    fn due(&self, now: i64, limit: usize) -> Result<Vec<Due>, JournalError> {
        self.runs.due(now, limit)
    }

    fn depth(&self, now: i64) -> Result<Depth, JournalError> {
        self.runs.depth(now)
    }

    fn remember(&self, name: &str, text: String) -> Ticket<()> {
        self.keys.remember(name, text)
    }

    fn recall(&self, name: &str) -> Result<Option<String>, JournalError> {
        self.keys.recall(name)
    }
}
