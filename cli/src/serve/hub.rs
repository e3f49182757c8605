//! What is observed, for those who follow it: the last events of all runs by number, and a wake-up for each run that
//! somebody follows. Readers take what they need when they can, so a slow one holds up nobody.

use ecow::EcoString;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use weir_runtime::metrics::Metrics;
use weir_runtime::observe::Observed;

/// So many events of all runs are kept at hand.
const KEPT: usize = 65_536;
/// At most so many are handed out at once.
const AT_ONCE: usize = 256;

/// Where everybody listens.
pub struct Hub {
    /// Tells this process apart from the one before.
    pub epoch: EcoString,
    state: Mutex<State>,
    latest: watch::Sender<u64>,
    /// What it comes to in figures.
    pub metrics: Metrics,
}

#[derive(Default)]
struct State {
    recent: VecDeque<Arc<Observed>>,
    /// Number of the event behind the last one.
    next: u64,
    followed: BTreeMap<EcoString, watch::Sender<u64>>,
}

/// Events of all runs from some number on.
pub enum Taken {
    /// The first one's number, and the events.
    Some(u64, Vec<Arc<Observed>>),
    /// There is none yet.
    Nothing,
    /// Some of them are no longer at hand.
    Behind,
}

impl Hub {
    /// A hub that tells what comes in.
    pub fn new() -> Arc<Hub> {
        let epoch = format!("{:x}", jiff::Timestamp::now().as_millisecond()).into();
        let metrics = Metrics::new();
        Arc::new(Hub { epoch, state: Mutex::default(), latest: watch::Sender::new(0), metrics })
    }

    /// Takes in what is observed, until nothing more can come.
    pub async fn pump(self: Arc<Hub>, mut observed: UnboundedReceiver<Observed>) {
        let mut batch = Vec::new();
        while observed.recv_many(&mut batch, AT_ONCE).await > 0 {
            batch.iter().for_each(|one| self.metrics.see(one));
            let next = self.add(batch.drain(..));
            self.latest.send_replace(next);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, events: impl Iterator<Item = Observed>) -> u64 {
        let mut state = self.state();
        for event in events {
            if let Some(wake) = state.followed.get(&event.run_id) {
                wake.send_modify(|times| *times += 1);
            }
            state.recent.push_back(Arc::new(event));
            state.next += 1;
        }
        let over = state.recent.len().saturating_sub(KEPT);
        state.recent.drain(..over);
        state.next
    }

    /// The number that the next event of any run gets.
    pub fn next(&self) -> u64 {
        self.state().next
    }

    /// Events from a number on.
    pub fn take(&self, from: u64) -> Taken {
        let state = self.state();
        let first = state.next - state.recent.len() as u64;
        if from < first || from > state.next {
            return Taken::Behind;
        }
        let skip = usize::try_from(from - first).unwrap_or(usize::MAX);
        let events: Vec<Arc<Observed>> = state.recent.iter().skip(skip).take(AT_ONCE).cloned().collect();
        if events.is_empty() { Taken::Nothing } else { Taken::Some(from, events) }
    }

    /// Changes whenever something was observed.
    pub fn any(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }

    /// Changes whenever something was observed of this run.
    pub fn of(&self, run_id: &str) -> watch::Receiver<u64> {
        let mut state = self.state();
        state.followed.retain(|_, wake| wake.receiver_count() > 0);
        let wake = state.followed.entry(run_id.into()).or_insert_with(|| watch::Sender::new(0));
        wake.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_runtime::machine::NoteKind;

    fn event(run_id: &str, seq: u64) -> Observed {
        Observed {
            seq,
            event: NoteKind::StepStarted,
            run_id: run_id.into(),
            parent: None,
            flow: "f".into(),
            step: "s".into(),
            attempt: None,
            reason: None,
            tool: EcoString::new(),
            calls: 0,
            arm: None,
            instance: EcoString::new(),
            retry_in_ms: None,
            duration_ms: None,
            at: jiff::Timestamp::UNIX_EPOCH,
            trace_id: EcoString::new(),
        }
    }

    #[test]
    fn events_are_taken_in_order_and_old_ones_are_known_to_be_gone() {
        let hub = Hub::new();
        assert!(matches!(hub.take(0), Taken::Nothing));
        hub.add((1..=300).map(|seq| event("a", seq)));
        let Taken::Some(0, first) = hub.take(0) else { panic!("the first ones") };
        let Taken::Some(256, rest) = hub.take(256) else { panic!("the rest") };
        let seqs: Vec<u64> = first.iter().chain(&rest).map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=300).collect::<Vec<_>>());
        assert!(matches!(hub.take(300), Taken::Nothing) && matches!(hub.take(301), Taken::Behind));
        hub.add((0..KEPT as u64).map(|seq| event("b", seq)));
        assert!(matches!(hub.take(299), Taken::Behind) && matches!(hub.take(300), Taken::Some(300, _)));
    }

    #[test]
    fn only_who_follows_a_run_is_woken() {
        let hub = Hub::new();
        let (mut a, mut b) = (hub.of("a"), hub.of("b"));
        hub.add([event("a", 1)].into_iter());
        assert!(a.has_changed().unwrap() && !b.has_changed().unwrap());
        a.mark_unchanged();
        b.mark_unchanged();
        drop(b);
        let _c = hub.of("c");
        assert_eq!(hub.state().followed.len(), 2, "who has gone is forgotten");
    }
}
