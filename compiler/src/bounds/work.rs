//! What steps come to at most: calls, attempts, time and what is taken back, with the ways to put it together.

use super::sum::{Atom, Sum};
use ecow::EcoString;
use std::collections::{BTreeMap, BTreeSet};

/// How often a tool is called at most.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Calls {
    /// Times that a step calls it.
    pub calls: Sum,
    /// The same with retries and polls.
    pub attempts: Sum,
}

/// An upper bound of what some steps do.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Work {
    /// By tool.
    pub tools: BTreeMap<EcoString, Calls>,
    /// Attempts of all tools.
    pub attempts: Sum,
    /// Billionths.
    pub cost: Sum,
    /// Milliseconds.
    pub time: Sum,
    /// Milliseconds until what is under way has come to rest when nothing new starts.
    pub rest: Sum,
    /// Runs of their own that are started, by flow.
    pub starts: BTreeMap<EcoString, Sum>,
    /// Questions to people.
    pub asks: Sum,
    /// Calls that take something back, by tool, each counted once however often it is tried.
    pub undo: BTreeMap<EcoString, Sum>,
    /// How long they take where each succeeds at once.
    pub undo_time: Sum,
    /// What a saga around would have to take back.
    pub owed: BTreeMap<EcoString, Sum>,
    /// How long that takes.
    pub owed_time: Sum,
    /// Flow calls inside each other.
    pub depth: Sum,
    /// Why something has no bound.
    pub why: BTreeSet<EcoString>,
}

/// How many reasons are kept.
const REASONS: usize = 8;

impl Work {
    /// Without a bound.
    pub fn because(mut self, why: EcoString) -> Self {
        if self.why.len() < REASONS {
            self.why.insert(why);
        }
        self
    }

    /// Both, one after the other.
    pub fn then(&mut self, next: &Work) {
        self.beside(next);
        self.time = self.time.plus(&next.time);
    }

    /// Both; the time is for whoever knows which waits for which.
    pub fn beside(&mut self, next: &Work) {
        for (tool, calls) in &next.tools {
            let slot = self.tools.entry(tool.clone()).or_default();
            slot.calls = slot.calls.plus(&calls.calls);
            slot.attempts = slot.attempts.plus(&calls.attempts);
        }
        for (here, there) in
            [(&mut self.starts, &next.starts), (&mut self.undo, &next.undo), (&mut self.owed, &next.owed)]
        {
            for (name, count) in there {
                let slot = here.entry(name.clone()).or_default();
                *slot = slot.plus(count);
            }
        }
        self.attempts = self.attempts.plus(&next.attempts);
        self.cost = self.cost.plus(&next.cost);
        self.asks = self.asks.plus(&next.asks);
        self.undo_time = self.undo_time.plus(&next.undo_time);
        self.owed_time = self.owed_time.plus(&next.owed_time);
        self.join(next);
    }

    /// One or the other.
    pub fn or(&mut self, other: &Work) {
        for (tool, calls) in &other.tools {
            let slot = self.tools.entry(tool.clone()).or_default();
            slot.calls = slot.calls.or(&calls.calls, false);
            slot.attempts = slot.attempts.or(&calls.attempts, false);
        }
        for (here, there) in
            [(&mut self.starts, &other.starts), (&mut self.undo, &other.undo), (&mut self.owed, &other.owed)]
        {
            for (name, count) in there {
                let slot = here.entry(name.clone()).or_default();
                *slot = slot.or(count, false);
            }
        }
        self.attempts = self.attempts.or(&other.attempts, false);
        self.cost = self.cost.or(&other.cost, false);
        self.asks = self.asks.or(&other.asks, false);
        self.time = self.time.or(&other.time, true);
        self.undo_time = self.undo_time.or(&other.undo_time, true);
        self.owed_time = self.owed_time.or(&other.owed_time, true);
        self.join(other);
    }

    fn join(&mut self, other: &Work) {
        self.rest = self.rest.or(&other.rest, true);
        self.depth = self.depth.or(&other.depth, false);
        for why in &other.why {
            if self.why.len() < REASONS {
                self.why.insert(why.clone());
            }
        }
    }

    /// So many times, one after the other or `beside` each other in so many.
    pub fn times(&self, count: &Sum, beside: u64) -> Work {
        if count.is_zero() {
            return Work::default();
        }
        let all =
            |map: &BTreeMap<EcoString, Sum>| map.iter().map(|(name, sum)| (name.clone(), sum.times(count))).collect();
        let calls = |calls: &Calls| Calls { calls: calls.calls.times(count), attempts: calls.attempts.times(count) };
        Work {
            tools: self.tools.iter().map(|(tool, had)| (tool.clone(), calls(had))).collect(),
            attempts: self.attempts.times(count),
            cost: self.cost.times(count),
            time: self.time.times(&count.shared_by(beside)),
            rest: self.rest.clone(),
            starts: all(&self.starts),
            asks: self.asks.times(count),
            undo: all(&self.undo),
            undo_time: self.undo_time.times(count),
            owed: all(&self.owed),
            owed_time: self.owed_time.times(count),
            depth: self.depth.clone(),
            why: self.why.clone(),
        }
    }

    /// With every source replaced by what it stands for.
    pub fn with(&self, stands: &mut dyn FnMut(&Atom) -> Sum) -> Work {
        let mut all = |map: &BTreeMap<EcoString, Sum>| -> BTreeMap<EcoString, Sum> {
            map.iter().map(|(name, sum)| (name.clone(), sum.with(stands))).collect()
        };
        let (starts, undo, owed) = (all(&self.starts), all(&self.undo), all(&self.owed));
        let mut tools = BTreeMap::new();
        for (tool, had) in &self.tools {
            tools.insert(tool.clone(), Calls { calls: had.calls.with(stands), attempts: had.attempts.with(stands) });
        }
        Work {
            tools,
            starts,
            undo,
            owed,
            attempts: self.attempts.with(stands),
            cost: self.cost.with(stands),
            time: self.time.with(stands),
            rest: self.rest.with(stands),
            asks: self.asks.with(stands),
            undo_time: self.undo_time.with(stands),
            owed_time: self.owed_time.with(stands),
            depth: self.depth.clone(),
            why: self.why.clone(),
        }
    }
}
