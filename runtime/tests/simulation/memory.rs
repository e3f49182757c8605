//! A journal in memory that remembers in which groups it was written, and so can go back to any of them.

use crate::chance::Chance;
use crate::disk::Platter;
use crate::op::Op;
use std::collections::BTreeSet;
use weir_runtime::journal::{Filter, Journal, JournalError, MemoryJournal, RunRecord, Ticket};

/// Groups that were committed together.
#[derive(Default)]
pub struct Memory {
    journal: Owned,
    groups: Vec<Vec<Op>>,
    /// Groups that a loss of power leaves.
    synced: usize,
}

impl Platter for Memory {
    fn journal(&self) -> &dyn Journal {
        &self.journal
    }

    fn committed(&mut self, ops: &[Op], synced: bool) {
        ops.iter().for_each(|op| self.journal.took(op));
        self.groups.push(ops.to_vec());
        if synced {
            self.synced = self.groups.len();
        }
    }

    fn crash(mut self: Box<Self>, chance: &mut Chance, power: bool) -> Result<(Box<dyn Platter>, u64), String> {
        let all = self.groups.len();
        if power {
            // As often as not, nothing but what was promised.
            let left =
                if chance.percent(50) { self.synced } else { chance.between(self.synced as u64, all as u64) as usize };
            self.groups.truncate(left);
        }
        let lost = (all - self.groups.len()) as u64;
        let mut next = Memory { synced: self.groups.len(), groups: self.groups, journal: Owned::default() };
        next.groups.iter().flatten().for_each(|op| {
            op.again(&next.journal.inner);
            next.journal.took(op);
        });
        next.journal.mine.retain(|run_id| next.journal.inner.load(run_id).is_ok_and(|run| run.is_some()));
        let left = next.journal.let_go();
        next.groups.push(left);
        next.synced += 1;
        Ok((Box::new(next), lost))
    }
}

/// The journal in memory, which has one owner only, told apart by process: what an earlier one left is nobody's.
#[derive(Default)]
struct Owned {
    inner: MemoryJournal,
    mine: BTreeSet<String>,
    theirs: BTreeSet<String>,
}

impl Owned {
    /// What was this process's is a dead one's now.
    fn let_go(&mut self) -> Vec<Op> {
        self.theirs.append(&mut self.mine);
        let mut ops = Vec::new();
        for run_id in &self.theirs {
            if let Some(Ok(token)) = self.inner.claim(run_id).now() {
                drop(self.inner.release(run_id, token));
                ops.extend([Op::Claim(run_id.clone()), Op::Release(run_id.clone(), token)]);
            }
        }
        ops
    }

    fn took(&mut self, op: &Op) {
        if let Op::Claim(run_id) | Op::Admit(run_id, _) = op {
            self.theirs.remove(run_id);
        }
        match op {
            Op::Create(run) => drop(self.mine.insert(run.run.run_id.to_string())),
            Op::Claim(run_id) | Op::Admit(run_id, _) => drop(self.mine.insert(run_id.clone())),
            Op::Release(run_id, _) => drop(self.mine.remove(run_id)),
            Op::Append(batch) if batch.release => drop(self.mine.remove(batch.run_id.as_str())),
            _ => {}
        }
    }
}

impl Journal for Owned {
    fn list(&self, filter: &Filter) -> Result<Vec<RunRecord>, JournalError> {
        let mut found = self.inner.list(&Filter {
            cut_off: false,
            unfinished: filter.unfinished || filter.cut_off,
            ..filter.clone()
        })?;
        if filter.cut_off {
            found.retain(|run| {
                let goes = ["running", "compensating"].contains(&run.status.as_str());
                !self.mine.contains(run.run_id.as_str()) && (goes || self.theirs.contains(run.run_id.as_str()))
            });
        }
        Ok(found)
    }

    pass_on! { [inner] create append claim release post posts load thread_lines forget audit audited enqueue admit queued due depth remember recall }
}
