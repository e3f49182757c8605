//! The clocks of one run: what is due, and when the next one is.

use crate::machine::{Key, Timer};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Clocks by time.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeSet<(Timestamp, Key, Timer)>,
    by_key: BTreeMap<(Key, Timer), Timestamp>,
}

impl Timers {
    pub(super) fn set(&mut self, key: Key, timer: Timer, until: Timestamp) {
        self.by_key.insert((key.clone(), timer), until);
        self.by_time.insert((until, key, timer));
    }

    pub(super) fn stop(&mut self, key: &Key, timer: Timer) {
        if let Some(until) = self.by_key.remove(&(key.clone(), timer)) {
            self.by_time.remove(&(until, key.clone(), timer));
        }
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(until, _, _)| *until)
    }

    /// The next clock that has run.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<(Key, Timer)> {
        if self.next().is_none_or(|until| until > now) {
            return None;
        }
        let (_, key, timer) = self.by_time.pop_first()?;
        self.by_key.remove(&(key.clone(), timer));
        Some((key, timer))
    }
}
