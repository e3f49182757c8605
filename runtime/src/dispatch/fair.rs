//! Whose turn it is: runs that have begun before runs that have not, then by priority; among sources of one priority
//! whoever was served least, so that a campaign that queues ten thousand runs holds up another by a single one.

use crate::journal::Due;
use ecow::EcoString;
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

/// Runs of one priority by their source, in order.
type Class = BTreeMap<EcoString, VecDeque<EcoString>>;

/// Runs that may be carried on.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// Whether they have begun, and their priority; what goes first stands first.
    classes: BTreeMap<Reverse<(bool, i64)>, Class>,
    /// How often each source was served. One that was away counts from where the others are.
    served: BTreeMap<EcoString, u64>,
    /// How often the source that was served last had been served before.
    level: u64,
}

impl Ready {
    pub(super) fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// These instead of those that were left.
    pub(super) fn fill(&mut self, due: Vec<Due>) {
        self.classes.clear();
        for one in due {
            let class = self.classes.entry(Reverse((one.woken, one.priority))).or_default();
            class.entry(one.source).or_default().push_back(one.run_id);
        }
        // Who is ahead stays so, also where nobody could be served for a while.
        self.served.retain(|_, served| *served > self.level);
        for source in self.classes.values().flat_map(Class::keys) {
            self.served.entry(source.clone()).or_insert(self.level);
        }
    }

    /// The next one.
    pub(super) fn pick(&mut self) -> Option<EcoString> {
        let mut class = self.classes.first_entry()?;
        let served = |source: &EcoString| self.served.get(source).copied().unwrap_or(0);
        let source = class.get().keys().min_by_key(|source| served(source))?.clone();
        let served = self.served.entry(source.clone()).or_default();
        self.level = self.level.max(*served);
        *served += 1;
        let line = class.get_mut().get_mut(&source)?;
        let next = line.pop_front();
        if line.is_empty() {
            class.get_mut().remove(&source);
            if class.get().is_empty() {
                class.remove();
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(source: &str, run: &str, priority: i64, woken: bool) -> Due {
        Due { run_id: run.into(), due: 0, priority, source: source.into(), woken }
    }

    fn all(ready: &mut Ready) -> Vec<String> {
        std::iter::from_fn(|| ready.pick()).map(|run| run.to_string()).collect()
    }

    #[test]
    fn begun_runs_go_first_then_priority_then_in_turn() {
        let mut ready = Ready::default();
        ready.fill(vec![
            due("a", "a1", 0, false),
            due("a", "a2", 0, false),
            due("a", "a3", 0, false),
            due("b", "b1", 0, false),
            due("c", "c1", 5, false),
            due("", "w1", 0, true),
        ]);
        assert_eq!(all(&mut ready), ["w1", "c1", "a1", "b1", "a2", "a3"]);
        assert!(ready.is_empty());
    }

    #[test]
    fn turns_are_kept_from_one_look_at_the_queue_to_the_next() {
        let mut ready = Ready::default();
        let mut order = Vec::new();
        for round in 0..6 {
            let of = |source: &str| due(source, &format!("{source}{round}"), 0, false);
            ready.fill(vec![of("a"), of("b"), of("c")]);
            order.extend(ready.pick());
        }
        assert_eq!(order, ["a0", "b1", "c2", "a3", "b4", "c5"]);
    }

    #[test]
    fn who_comes_late_does_not_catch_up() {
        let mut ready = Ready::default();
        for n in 0..10 {
            ready.fill(vec![due("a", &n.to_string(), 0, false)]);
            ready.pick();
        }
        let many = |source: &str| (0..3).map(|n| due(source, &format!("{source}{n}"), 0, false)).collect::<Vec<_>>();
        ready.fill([many("a"), many("b")].concat());
        assert_eq!(all(&mut ready), ["b0", "a0", "b1", "a1", "b2", "a2"]);
    }

    #[test]
    fn whose_turn_it_is_outlasts_a_time_without_room() {
        let mut ready = Ready::default();
        let mut order = Vec::new();
        for round in 0..6 {
            let of = |source: &str| due(source, &format!("{source}{round}"), 0, false);
            ready.fill(vec![of("big"), of("small")]);
            order.extend(ready.pick());
            ready.fill(Vec::new());
            assert!(ready.is_empty());
        }
        assert_eq!(order, ["big0", "small1", "big2", "small3", "big4", "small5"]);
    }
}
