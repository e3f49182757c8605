//! A sliding window: how many calls began in the last stretch of time. In no stretch of that length do more begin than
//! are allowed, however they are spread.

use std::collections::VecDeque;

/// Beginnings that lie closer together than this part of the window count as one moment (the later one), so that the
/// memory of a window is bounded whatever is allowed in it.
const PARTS: i64 = 1024;

/// So many beginnings in so many milliseconds.
#[derive(Clone, Debug)]
pub struct Window {
    most: u32,
    per_ms: i64,
    total: u32,
    /// Time in milliseconds and how many began then, oldest first.
    begun: VecDeque<(i64, u32)>,
}

impl Window {
    /// An empty window; what is remembered from before may be given.
    pub fn new((most, per_ms): (u32, i64), begun: impl IntoIterator<Item = (i64, u32)>) -> Window {
        let begun: VecDeque<(i64, u32)> = begun.into_iter().collect();
        let total = begun.iter().fold(0, |total: u32, (_, count)| total.saturating_add(*count));
        Window { most, per_ms, total, begun }
    }

    /// When another one may begin; None: now.
    pub fn room_at(&mut self, now: i64) -> Option<i64> {
        self.forget(now);
        let oldest = self.begun.front()?;
        (self.total >= self.most).then_some(oldest.0.saturating_add(self.per_ms))
    }

    /// One begins.
    pub fn take(&mut self, now: i64) {
        self.total = self.total.saturating_add(1);
        match self.begun.back_mut() {
            Some((at, count)) if now - *at < self.per_ms / PARTS => {
                *at = now;
                *count += 1;
            }
            _ => self.begun.push_back((now, 1)),
        }
    }

    /// One that was about to begin did not.
    pub fn give_back(&mut self) {
        if let Some((_, count)) = self.begun.back_mut() {
            *count -= 1;
            self.total = self.total.saturating_sub(1);
            if *count == 0 {
                self.begun.pop_back();
            }
        }
    }

    /// What has to be remembered.
    pub fn begun(&self) -> impl Iterator<Item = (i64, u32)> + '_ {
        self.begun.iter().copied()
    }

    /// How long it is, in milliseconds.
    pub fn per_ms(&self) -> i64 {
        self.per_ms
    }

    fn forget(&mut self, now: i64) {
        // A clock that was set back: nothing has begun in the future.
        for (at, _) in self.begun.iter_mut().rev().take_while(|(at, _)| *at > now) {
            *at = now;
        }
        while let Some((at, count)) = self.begun.front().copied()
            && at.saturating_add(self.per_ms) <= now
        {
            self.begun.pop_front();
            self.total = self.total.saturating_sub(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Begins as early as it may, `count` times; gives the times.
    fn greedy(window: &mut Window, count: usize) -> Vec<i64> {
        let mut now = 0;
        (0..count)
            .map(|_| {
                while let Some(at) = window.room_at(now) {
                    assert!(at > now, "{at} is not later than {now}");
                    now = at;
                }
                window.take(now);
                now
            })
            .collect()
    }

    #[test]
    fn in_no_stretch_do_more_begin_than_are_allowed() {
        for (most, per) in [(1, 1_000), (10, 1_000), (3, 7), (5_000, 60_000)] {
            let times = greedy(&mut Window::new((most, per), []), most as usize * 4);
            for pair in times.windows(most as usize + 1) {
                assert!(pair[most as usize] - pair[0] >= per, "{most} per {per}: {pair:?}");
            }
            assert!(times.last().unwrap() <= &(per * 3 + per / 100), "{most} per {per} is too slow");
        }
    }

    #[test]
    fn what_was_begun_before_counts() {
        let mut before = Window::new((2, 1_000), []);
        before.take(100);
        before.take(200);
        let mut after = Window::new((2, 1_000), before.begun().collect::<Vec<_>>());
        assert_eq!(after.room_at(900), Some(1_100));
        assert_eq!(after.room_at(1_100), None);
    }

    #[test]
    fn what_did_not_begin_does_not_count_and_a_clock_set_back_stops_nothing_for_long() {
        let mut window = Window::new((1, 1_000), []);
        window.take(5_000_000);
        assert_eq!(window.room_at(1_000), Some(2_000));
        window.give_back();
        assert_eq!(window.room_at(1_000), None);
    }
}
