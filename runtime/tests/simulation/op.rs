//! What can be written to a journal, as something that can be written again.

use weir_runtime::journal::{Batch, Journal, NewRun, Place};

/// One thing that was written.
#[derive(Clone, Debug)]
pub enum Op {
    Create(Box<NewRun>),
    Append(Box<Batch>),
    Claim(String),
    Release(String, u64),
    Post(String, String),
    Audit(Vec<String>),
    Forget(String, usize),
    Enqueue(Box<(NewRun, Place)>),
    Admit(String, i64),
    Remember(String, String),
}

impl Op {
    /// Whether it is answered only when it, and everything before it, has reached the disk: what the SQLite journal
    /// promises.
    pub fn syncs(&self) -> bool {
        match self {
            Op::Append(batch) => batch.sync,
            Op::Post(..) | Op::Audit(_) | Op::Enqueue(_) => true,
            Op::Create(_) | Op::Claim(_) | Op::Release(..) | Op::Forget(..) | Op::Admit(..) | Op::Remember(..) => false,
        }
    }

    /// Writes it; what it comes to is known.
    pub fn again(&self, journal: &dyn Journal) {
        match self.clone() {
            Op::Create(run) => drop(journal.create(*run)),
            Op::Append(batch) => drop(journal.append(*batch)),
            Op::Claim(run_id) => drop(journal.claim(&run_id)),
            Op::Release(run_id, token) => drop(journal.release(&run_id, token)),
            Op::Post(run_id, text) => drop(journal.post(&run_id, text)),
            Op::Audit(lines) => drop(journal.audit(lines)),
            Op::Forget(before, limit) => drop(journal.forget(&before, limit)),
            Op::Enqueue(queued) => drop(journal.enqueue(queued.0, queued.1)),
            Op::Admit(run_id, now) => drop(journal.admit(&run_id, now)),
            Op::Remember(name, text) => drop(journal.remember(&name, text)),
        }
    }
}
