//! Looking after instances: one that failed is asked whether it is well, until it is; where `health` says so each is
//! asked that often. What an instance answers counts like the answer of a call; a breaker that has run out is tried so
//! and not by a call.

use super::breaker::Verdict;
use super::gate::{Gate, State};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// The first pause before one that failed is asked; it doubles.
const FIRST: Duration = Duration::from_millis(250);
/// The longest, where `health` says nothing.
const LONGEST: Duration = Duration::from_secs(10);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// One that has not answered so often, and that nobody uses, is started again.
const GIVEN_UP: u32 = 2;

impl Gate {
    /// Sees to it that each instance is looked after, where that is asked for or needed: also those that calls go past,
    /// because they were failing when the process before this one ended.
    pub(super) fn watch_all(&self, state: &mut State) {
        (0..state.slots.all.len()).for_each(|at| self.watch(state, at));
    }

    /// Sees to it that an instance is looked after, where that is asked for or needed.
    pub(super) fn watch(&self, state: &mut State, at: usize) {
        let wanted = self.limits.health_ms.is_some();
        let several = state.slots.several();
        let Some(slot) = state.slots.get(at) else { return };
        if slot.watched || !(wanted || several && slot.failing) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        slot.watched = true;
        runtime.spawn(look_after(self.me.clone(), at));
    }

    /// What to do next for an instance: None where it is well and nobody wants it watched, else how long to wait first.
    fn due(&self, at: usize, round: u32) -> Option<Duration> {
        let now = self.now();
        let mut state = self.state();
        let slot = state.slots.get(at)?;
        let every = self.limits.health_ms.and_then(|ms| ms.try_into().ok()).map(Duration::from_millis);
        if !slot.failing && every.is_none() {
            slot.watched = false;
            return None;
        }
        let pause = match (slot.failing, every) {
            // Its breaker decides when it is asked first.
            (true, _) if round == 0 && slot.trip.open_until.is_some() => Duration::ZERO,
            (true, every) => FIRST.saturating_mul(1 << round.min(10)).min(every.unwrap_or(LONGEST)),
            (false, every) => every.unwrap_or(LONGEST),
        };
        let open = slot.trip.open_until.and_then(|until| u64::try_from(until - now).ok());
        Some(pause.max(Duration::from_millis(open.unwrap_or(0))))
    }

    /// Asks an instance; gives whether it is well.
    async fn ask(self: &Arc<Self>, at: usize) -> bool {
        let (Some(tool), Some((name, tries))) = (&self.tool, self.begin_look(at)) else { return false };
        let well = matches!(tokio::time::timeout(PATIENCE, tool.look(&name)).await, Ok(Ok(())));
        let now = self.now();
        let mut state = self.state();
        if let Some(slot) = state.slots.get(at) {
            slot.failing = !well;
        }
        if let Some(change) = self.learn(&mut state, at, tries, !well, now) {
            state.news.push(change);
        }
        drop(state);
        self.pump();
        well
    }

    /// Its name, and whether the answer decides about its breaker.
    fn begin_look(&self, at: usize) -> Option<(String, bool)> {
        let now = self.now();
        let mut state = self.state();
        let slot = state.slots.get(at)?;
        let tries = self.limits.breaker.is_some_and(|rule| slot.trip.verdict(rule, now) == Verdict::Try);
        if tries {
            slot.trip.begin_try();
        }
        Some((slot.name.to_string(), tries))
    }

    /// Starts an instance again that does not answer, unless calls are under way there.
    async fn give_up(&self, at: usize) {
        let idle = self.state().slots.get(at).filter(|slot| slot.active == 0).map(|slot| slot.name.clone());
        if let (Some(tool), Some(name)) = (&self.tool, idle) {
            tool.restart(&name).await;
        }
    }
}

/// Looks after one instance as long as that is needed and its gate is there.
async fn look_after(gate: Weak<Gate>, at: usize) {
    let mut round = 0;
    loop {
        let Some(pause) = gate.upgrade().and_then(|gate| gate.due(at, round)) else { return };
        tokio::time::sleep(pause).await;
        let Some(gate) = gate.upgrade() else { return };
        if gate.ask(at).await {
            round = 0;
            continue;
        }
        round += 1;
        if round % GIVEN_UP == 0 {
            gate.give_up(at).await;
        }
    }
}
