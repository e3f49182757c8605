//! Those who wait for their turn: run by run, and within a run in the order in which they came. A run that waits with ten
//! thousand calls holds up another run's one call by a single call.

use ecow::EcoString;
use std::collections::{BTreeMap, VecDeque};

/// Waiting lines by run.
#[derive(Debug)]
pub(super) struct Lines<T> {
    runs: BTreeMap<EcoString, VecDeque<T>>,
    /// Runs that have a line; whose turn is next stands first.
    turns: VecDeque<EcoString>,
    len: usize,
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Lines { runs: BTreeMap::new(), turns: VecDeque::new(), len: 0 }
    }
}

impl<T> Lines<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, run_id: &EcoString, one: T) {
        self.len += 1;
        if !self.runs.contains_key(run_id) {
            self.turns.push_back(run_id.clone());
        }
        self.runs.entry(run_id.clone()).or_default().push_back(one);
    }

    /// The one that is next.
    pub(super) fn first(&self) -> Option<&T> {
        self.runs.get(self.turns.front()?)?.front()
    }

    /// The next one; its run goes to the end.
    pub(super) fn pop(&mut self) -> Option<T> {
        let run_id = self.turns.pop_front()?;
        let line = self.runs.get_mut(&run_id)?;
        let one = line.pop_front()?;
        self.len = self.len.saturating_sub(1);
        if line.is_empty() {
            self.runs.remove(&run_id);
        } else {
            self.turns.push_back(run_id);
        }
        Some(one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_take_turns() {
        let mut lines = Lines::default();
        for (run, one) in [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5), ("c", 6)] {
            lines.push(&run.into(), one);
        }
        assert_eq!(lines.len(), 6);
        let order: Vec<i32> = std::iter::from_fn(|| lines.pop()).collect();
        assert_eq!(order, [1, 4, 5, 2, 6, 3]);
        assert_eq!((lines.len(), lines.pop()), (0, None));
    }
}
