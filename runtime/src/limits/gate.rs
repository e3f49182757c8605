//! The gate of one server: who may call now, who waits, who is refused. What must outlive the process (an open breaker,
//! how much of a long limit is used up) is remembered in the journal.

use super::breaker::Trip;
use super::instances::{Choice, Slots, Wish};
use super::line::Lines;
use super::{GateState, InstanceState, Limits, Window};
use crate::engine::Clock;
use crate::journal::Journal;
use crate::tool::{Fault, Tool};
use ecow::EcoString;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::oneshot;

/// Windows shorter than this are over before a process is back.
const SHORT_MS: i64 = 10_000;
/// How often the use of a long window is remembered at most.
const OFTEN_MS: i64 = 1_000;

/// The gate of one server.
pub struct Gate {
    server: EcoString,
    pub(super) limits: Limits,
    clock: Arc<dyn Clock>,
    journal: Arc<dyn Journal>,
    /// Its tools; None: their instances are not asked how they are.
    pub(super) tool: Option<Arc<dyn Tool>>,
    pub(super) me: Weak<Gate>,
    state: Mutex<State>,
}

pub(super) struct State {
    window: Option<Window>,
    pub slots: Slots,
    lines: Lines<Ticket>,
    /// Changes of breakers that nobody has been told of.
    pub news: Vec<Change>,
    /// When it is looked again.
    alarm: Option<i64>,
    /// When it was remembered last.
    saved: i64,
    unsaved: bool,
}

/// A call in line.
struct Ticket {
    wish: Wish,
    turn: oneshot::Sender<Result<Permit, Fault>>,
}

/// What has to outlive the process.
#[derive(Default, Serialize, Deserialize)]
struct Memory {
    #[serde(flatten)]
    server: Tripped,
    #[serde(default)]
    begun: Vec<(i64, u32)>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    instances: BTreeMap<EcoString, Tripped>,
}

/// How a breaker stood.
#[derive(Default, Serialize, Deserialize)]
struct Tripped {
    #[serde(default)]
    failures: Vec<i64>,
    #[serde(default)]
    open_until: Option<i64>,
}

impl Tripped {
    fn of(trip: &Trip) -> Tripped {
        Tripped { failures: trip.failures.iter().copied().collect(), open_until: trip.open_until }
    }
}

/// How breakers stood when the process ended.
#[derive(Default)]
pub(super) struct Remembered {
    server: Tripped,
    instances: BTreeMap<EcoString, Tripped>,
}

impl Remembered {
    /// That of an instance; the only one is the server.
    pub(super) fn trip(&mut self, name: &EcoString) -> Trip {
        let known = if name.is_empty() {
            std::mem::take(&mut self.server)
        } else {
            self.instances.remove(name).unwrap_or_default()
        };
        Trip::new(known.failures, known.open_until)
    }
}

/// What the gate says to a call.
pub enum Admission {
    /// It may be made.
    Go(Permit),
    /// It has to wait.
    Wait(Waiting),
    /// It is not made: the server's breaker is open, or the instance that it needs is gone.
    Refused(Fault),
}

/// A call that waits for its turn. Dropped, it waits no more.
pub struct Waiting {
    /// For what, in the reader's words.
    pub reason: String,
    turn: oneshot::Receiver<Result<Permit, Fault>>,
}

impl Waiting {
    /// Its turn.
    ///
    /// # Errors
    /// The breaker has opened meanwhile.
    pub async fn turn(self) -> Result<Permit, Fault> {
        let gone = || Fault::clean("unavailable", "the gate of the server is gone: the engine is ending");
        self.turn.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// A call may be made. Dropped before [`Permit::end`], it counts as one that said nothing about the server; dropped
/// before [`Permit::sent`], as none.
pub struct Permit {
    gate: Arc<Gate>,
    at: usize,
    instance: EcoString,
    tries: bool,
    sent: bool,
    ended: bool,
}

/// The breaker has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Calls are refused from now on; why, and for how long.
    Opened(String),
    /// A call tries whether the server is back.
    HalfOpen(String),
    /// Calls pass again.
    Closed(String),
}

/// The fault of a call that only an instance knows which is not there.
pub(crate) fn gone(server: &str, instance: &str) -> Fault {
    let place = match instance {
        "" => "before it had several instances".to_owned(),
        name => format!("at its instance {name}, which is no longer in weir.toml"),
    };
    let message = format!("the call of `{server}` was made {place}: look there whether it happened");
    Fault::open("unknown", message)
}

/// What the next call in line meets.
enum Next {
    Go { at: usize, tries: bool },
    Wait { until: Option<i64>, why: String },
    Refuse(Fault),
}

impl Gate {
    /// The gate of a server; what was remembered of it counts. `tool` carries its calls out, and says which instances
    /// there are.
    pub fn new(
        server: EcoString,
        limits: Limits,
        clock: Arc<dyn Clock>,
        journal: Arc<dyn Journal>,
        tool: Option<Arc<dyn Tool>>,
    ) -> Arc<Gate> {
        let text = journal.recall(&memory_name(&server)).ok().flatten();
        let known: Memory = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let names = tool.as_ref().map(|tool| tool.instances()).unwrap_or_default();
        let remembered = Remembered { server: known.server, instances: known.instances };
        let state = State {
            window: limits.rate.map(|rate| Window::new(rate, known.begun)),
            slots: Slots::new(names, remembered),
            lines: Lines::default(),
            news: Vec::new(),
            alarm: None,
            saved: 0,
            unsaved: false,
        };
        let state = Mutex::new(state);
        Arc::new_cyclic(|me| Gate { server, limits, clock, journal, tool, me: me.clone(), state })
    }

    /// A call of this run wants to be made.
    pub fn enter(self: &Arc<Self>, run_id: &EcoString, wish: Wish) -> Admission {
        let now = self.now();
        let mut state = self.state();
        let why = match self.next(&mut state, &wish, now) {
            Next::Go { at, tries } if state.lines.len() == 0 => {
                return Admission::Go(self.admit(&mut state, at, tries, now));
            }
            Next::Go { .. } => format!("{} others wait for `{}`", state.lines.len(), self.server),
            Next::Refuse(fault) => return Admission::Refused(fault),
            Next::Wait { why, .. } => why,
        };
        let (sender, turn) = oneshot::channel();
        state.lines.push(run_id, Ticket { wish, turn: sender });
        drop(state);
        self.pump();
        Admission::Wait(Waiting { reason: why, turn })
    }

    /// Whether a call that was at these instances could go to another one now that is well.
    pub fn has_another(&self, wish: &Wish) -> bool {
        let (now, state) = (self.now(), self.state());
        let choice = state.slots.choose(self.limits.breaker, wish, &|name| self.is_out(name), now);
        let Choice::Take { at, tries: false } = choice else { return false };
        state.slots.all.get(at).is_some_and(|slot| !self.is_out(&slot.name))
    }

    /// Whether the server has several instances.
    pub fn has_several(&self) -> bool {
        self.state().slots.several()
    }

    /// Whether a repeated key counts at whichever instance it comes to.
    pub fn shares_keys(&self) -> bool {
        self.limits.shared_keys
    }

    /// Whether an instance is not what the lock file holds.
    pub fn is_out(&self, instance: &str) -> bool {
        self.tool.as_ref().is_some_and(|tool| tool.is_out(instance))
    }

    /// How it stands.
    pub fn look(&self) -> GateState {
        let (now, state) = (self.now(), self.state());
        let rule = self.limits.breaker;
        let one = |slot: &super::instances::Slot| InstanceState {
            instance: slot.name.clone(),
            active: slot.active,
            breaker: rule.map(|_| slot.trip.word(now)),
            state: match slot.failing {
                _ if self.is_out(&slot.name) => "changed",
                true => "failing",
                false => "up",
            },
        };
        GateState {
            server: self.server.clone(),
            active: state.slots.active(),
            waiting: state.lines.len(),
            breaker: rule.map(|_| state.slots.word(now)),
            instances: state.slots.all.iter().filter(|_| state.slots.several()).map(one).collect(),
        }
    }

    pub(super) fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, state: &mut State, wish: &Wish, now: i64) -> Next {
        let server = &self.server;
        let (at, tries) = match state.slots.choose(self.limits.breaker, wish, &|name| self.is_out(name), now) {
            Choice::Take { at, tries } => (at, tries),
            Choice::Refuse(millis) => return Next::Refuse(self.refusal(millis)),
            Choice::Gone => return Next::Refuse(self.gone(wish)),
            Choice::Wait => {
                let why = format!("another call tries whether `{server}` answers again");
                return Next::Wait { until: None, why };
            }
        };
        if let Some(most) = self.limits.concurrency.filter(|most| state.slots.active() >= *most) {
            let why = format!("`{server}` takes {most} at once (`concurrency`)");
            return Next::Wait { until: None, why };
        }
        if let Some(until) = state.window.as_mut().and_then(|window| window.room_at(now)) {
            let (most, per) = self.limits.rate.unwrap_or_default();
            let why = format!("`{server}` takes {most} in {per} ms (`limit`)");
            return Next::Wait { until: Some(until), why };
        }
        Next::Go { at, tries }
    }

    fn admit(self: &Arc<Self>, state: &mut State, at: usize, tries: bool, now: i64) -> Permit {
        state.slots.take(at, tries);
        self.watch_all(state);
        if let Some(window) = &mut state.window {
            window.take(now);
            let long = window.per_ms() >= SHORT_MS;
            state.unsaved |= long;
            if long && now - state.saved >= OFTEN_MS {
                self.save(state, now);
            }
        }
        let instance = state.slots.get(at).map(|slot| slot.name.clone()).unwrap_or_default();
        Permit { gate: Arc::clone(self), at, instance, tries, sent: false, ended: false }
    }

    fn refusal(&self, millis: i64) -> Fault {
        let server = &self.server;
        let message = format!(
            "`{server}` has failed too often, so it is not called for another {millis} ms (`breaker`): see to the server"
        );
        Fault { retry_after_ms: millis.try_into().ok(), ..Fault::clean("unavailable", message) }
    }

    /// The instance that a call needs is not in `weir.toml` any more; nobody else knows what became of the call.
    fn gone(&self, wish: &Wish) -> Fault {
        gone(&self.server, wish.only.as_deref().unwrap_or_default())
    }

    /// Lets in whoever may go now.
    pub(super) fn pump(self: &Arc<Self>) {
        let now = self.now();
        let mut turns = Vec::new();
        let mut state = self.state();
        while let Some(wish) = state.lines.first().map(|ticket| ticket.wish.clone()) {
            let next = self.next(&mut state, &wish, now);
            if let Next::Wait { until, .. } = next {
                self.wake_at(&mut state, until, now);
                break;
            }
            let Some(Ticket { turn, .. }) = state.lines.pop() else { break };
            match next {
                Next::Go { at, tries } if !turn.is_closed() => {
                    turns.push((turn, Ok(self.admit(&mut state, at, tries, now))));
                }
                Next::Refuse(fault) => turns.push((turn, Err(fault))),
                _ => {}
            }
        }
        drop(state);
        // A permit that nobody takes any more gives its place back, for which the state has to be free.
        turns.into_iter().for_each(|(turn, answer)| drop(turn.send(answer)));
    }

    /// Looks again at that time.
    fn wake_at(&self, state: &mut State, until: Option<i64>, now: i64) {
        let Some(until) = until.filter(|until| state.alarm.is_none_or(|alarm| alarm > *until)) else { return };
        state.alarm = Some(until);
        let (me, wait) = (self.me.clone(), Duration::from_millis(until.saturating_sub(now).try_into().unwrap_or(0)));
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let Some(gate) = me.upgrade() else { return };
            let mut state = gate.state();
            if state.alarm == Some(until) {
                state.alarm = None;
            }
            drop(state);
            gate.pump();
        });
    }

    /// A call is over.
    fn leave(self: &Arc<Self>, permit: &Permit, learnt: Option<bool>) -> Vec<Change> {
        let now = self.now();
        let mut state = self.state();
        if let Some(window) = state.window.as_mut().filter(|_| !permit.sent) {
            window.give_back();
        }
        if let Some(slot) = state.slots.get(permit.at) {
            slot.active = slot.active.saturating_sub(1);
            slot.failing = learnt.unwrap_or(slot.failing);
            if permit.tries && learnt.is_none() {
                slot.trip.nothing_learnt();
            }
        }
        let change = learnt.and_then(|down| self.learn(&mut state, permit.at, permit.tries, down, now));
        self.watch(&mut state, permit.at);
        let mut news = std::mem::take(&mut state.news);
        news.extend(change);
        drop(state);
        self.pump();
        news
    }

    /// What a call, or the answer of an instance that was asked, says about the instance.
    pub(super) fn learn(&self, state: &mut State, at: usize, tried: bool, down: bool, now: i64) -> Option<Change> {
        let rule = self.limits.breaker?;
        let slot = state.slots.get(at)?;
        let server = match slot.name.as_str() {
            "" => format!("`{}`", self.server),
            name => format!("`{}` at {name}", self.server),
        };
        let change = if down {
            let opened = slot.trip.failed(rule, tried, now);
            let again = if tried { "it has failed again" } else { "too many of its calls have failed" };
            opened.then(|| Change::Opened(format!("{server} is not called for {} ms: {again}", rule.open_ms)))
        } else {
            slot.trip.answered(tried).then(|| Change::Closed(format!("{server} answers again")))
        };
        if down || change.is_some() {
            self.save(state, now);
        }
        change
    }

    /// Remembers what must outlive the process. Handed over and not waited for: what a crash takes of it is at most the
    /// last moments.
    fn save(&self, state: &mut State, now: i64) {
        state.saved = now;
        drop(self.journal.remember(&memory_name(&self.server), state.memory()));
    }
}

impl State {
    fn memory(&mut self) -> String {
        self.unsaved = false;
        let begun = self.window.iter().filter(|window| window.per_ms() >= SHORT_MS).flat_map(Window::begun);
        let begun = begun.collect();
        let trips = self.slots.all.iter().map(|slot| (slot.name.clone(), Tripped::of(&slot.trip)));
        let mut instances: BTreeMap<EcoString, Tripped> = trips.collect();
        let memory = Memory { server: instances.remove("").unwrap_or_default(), begun, instances };
        serde_json::to_string(&memory).unwrap_or_default()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = state.unsaved.then(|| state.memory()) {
            drop(self.journal.remember(&memory_name(&self.server), text));
        }
    }
}

impl Permit {
    /// The call is made now.
    pub fn sent(&mut self) {
        self.sent = true;
    }

    /// The instance that the call goes to; empty: the server's only one.
    pub fn instance(&self) -> &EcoString {
        &self.instance
    }

    /// What begins with the call: it tries whether the server is back.
    pub fn change(&self) -> Option<Change> {
        let server = &self.gate.server;
        self.tries.then(|| Change::HalfOpen(format!("this call tries whether `{server}` answers again")))
    }

    /// The call has ended so; says how breakers changed. A server that answers, be it with a refusal, is up; one that is
    /// `unavailable` or gives no answer in time is down.
    pub fn end(mut self, fault: Option<&Fault>) -> Vec<Change> {
        self.ended = true;
        let down = fault.is_some_and(|fault| matches!(fault.code.as_str(), "unavailable" | "timeout"));
        Arc::clone(&self.gate).leave(&self, Some(down))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.ended {
            self.ended = true;
            Arc::clone(&self.gate).leave(self, None);
        }
    }
}

fn memory_name(server: &str) -> String {
    format!("server {server}")
}
