//! The lists of threads of a journal in memory.

use super::State;
use crate::journal::ThreadLine;
use ecow::EcoString;
use std::collections::BTreeMap;
use std::ops::{Bound, Range};

/// By thread, the lines by position: run and number.
#[derive(Default)]
pub(super) struct Threads {
    last: u64,
    lists: BTreeMap<EcoString, BTreeMap<u64, (EcoString, u64)>>,
}

impl Threads {
    /// These lines were appended to a run.
    pub(super) fn append(&mut self, thread: Option<&EcoString>, run_id: &EcoString, lines: Range<u64>) {
        let Some(thread) = thread.filter(|_| !lines.is_empty()) else { return };
        let list = self.lists.entry(thread.clone()).or_default();
        for seq in lines {
            self.last += 1;
            list.insert(self.last, (run_id.clone(), seq));
        }
    }

    /// These runs are forgotten.
    pub(super) fn forget(&mut self, runs: &[EcoString]) {
        self.lists.retain(|_, list| {
            list.retain(|_, (run_id, _)| !runs.contains(run_id));
            !list.is_empty()
        });
    }
}

impl State {
    pub(super) fn thread_lines(&self, thread: &str, after: u64, limit: usize) -> Vec<ThreadLine> {
        let list = self.threads.lists.get(thread);
        let behind = list.into_iter().flat_map(|list| list.range((Bound::Excluded(after), Bound::Unbounded)));
        let line = |(position, (run_id, seq)): (&u64, &(EcoString, u64))| {
            let line = self.runs.get(run_id)?.lines.get(usize::try_from(*seq).ok()?)?.clone();
            Some(ThreadLine { position: *position, run_id: run_id.clone(), seq: *seq, line })
        };
        behind.filter_map(line).take(limit).collect()
    }
}
