//! The breaker of one server: after so many failures in a stretch of time its calls are refused for a while, then one
//! call tries.

use std::collections::VecDeque;
use weir_compiler::project::Breaker;

/// What a breaker says of the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may be made.
    Pass,
    /// It may be made, and decides whether the breaker closes.
    Try,
    /// It waits for the one that tries.
    Wait,
    /// It is refused; in so many milliseconds it may be worth while.
    Refuse(i64),
}

/// How a breaker stands.
#[derive(Clone, Debug, Default)]
pub struct Trip {
    /// Times of the last failures, oldest first.
    pub(super) failures: VecDeque<i64>,
    /// Until when calls are refused; then one tries.
    pub(super) open_until: Option<i64>,
    trying: bool,
}

impl Trip {
    /// As it was remembered.
    pub(super) fn new(failures: impl IntoIterator<Item = i64>, open_until: Option<i64>) -> Trip {
        Trip { failures: failures.into_iter().collect(), open_until, trying: false }
    }

    pub(super) fn verdict(&self, rule: Breaker, now: i64) -> Verdict {
        match self.open_until {
            None => Verdict::Pass,
            // A clock that was set back opens nothing for longer than was said.
            Some(until) if until > now => Verdict::Refuse((until - now).min(rule.open_ms)),
            Some(_) if self.trying => Verdict::Wait,
            Some(_) => Verdict::Try,
        }
    }

    pub(super) fn word(&self, now: i64) -> &'static str {
        match self.open_until {
            None => "closed",
            Some(until) if until > now => "open",
            Some(_) => "half_open",
        }
    }

    /// A call that decides begins.
    pub(super) fn begin_try(&mut self) {
        self.trying = true;
    }

    /// The call that was to decide said nothing about the server.
    pub(super) fn nothing_learnt(&mut self) {
        self.trying = false;
    }

    /// A call has failed: whether the breaker opens now.
    pub(super) fn failed(&mut self, rule: Breaker, tried: bool, now: i64) -> bool {
        let since = now.saturating_sub(rule.per_ms);
        self.failures.retain(|at| *at > since && *at <= now);
        self.failures.push_back(now);
        let full = self.failures.len() >= rule.failures as usize;
        let opens = if tried { true } else { self.open_until.is_none() && full };
        if tried {
            self.trying = false;
        }
        if opens {
            self.open_until = Some(now.saturating_add(rule.open_ms));
            self.failures.clear();
        }
        opens
    }

    /// A call was answered: whether the breaker closes now.
    pub(super) fn answered(&mut self, tried: bool) -> bool {
        if tried {
            self.trying = false;
            self.failures.clear();
            self.open_until = None;
        }
        tried
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Breaker = Breaker { failures: 3, per_ms: 1_000, open_ms: 500 };

    #[test]
    fn failures_that_lie_far_apart_open_nothing() {
        let mut trip = Trip::default();
        for at in [0, 600, 1_200, 1_800, 2_400] {
            assert!(!trip.failed(RULE, false, at));
        }
        assert!(trip.failed(RULE, false, 2_500));
        assert_eq!(trip.verdict(RULE, 2_600), Verdict::Refuse(400));
    }

    #[test]
    fn one_call_tries_and_decides() {
        let mut trip = Trip::new([], Some(1_000));
        assert_eq!(trip.verdict(RULE, 1_000), Verdict::Try);
        trip.begin_try();
        assert_eq!(trip.verdict(RULE, 1_001), Verdict::Wait);
        assert!(trip.failed(RULE, true, 1_002));
        assert_eq!(trip.verdict(RULE, 1_003), Verdict::Refuse(499));
        trip.begin_try();
        assert!(trip.answered(true));
        assert_eq!(trip.verdict(RULE, 1_503), Verdict::Pass);
    }

    #[test]
    fn a_straggler_changes_nothing_while_it_is_open() {
        let mut trip = Trip::new([], Some(1_000));
        assert!(!trip.failed(RULE, false, 900));
        assert!(!trip.answered(false));
        assert_eq!(trip.open_until, Some(1_000));
    }

    #[test]
    fn a_clock_set_back_does_not_keep_it_open() {
        assert_eq!(Trip::new([], Some(9_000_000)).verdict(RULE, 1_000), Verdict::Refuse(500));
    }
}
