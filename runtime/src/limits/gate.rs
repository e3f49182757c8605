//! The gate of one server: who may call now, who waits, who is refused. What must outlive the process (an open breaker,
//! how much of a long limit is used up) is remembered in the journal.

use super::breaker::{Trip, Verdict};
use super::line::Lines;
use super::{GateState, Limits, Window};
use crate::engine::Clock;
use crate::journal::Journal;
use crate::tool::Fault;
use ecow::EcoString;
use serde::{Deserialize, Serialize};
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
    limits: Limits,
    clock: Arc<dyn Clock>,
    journal: Arc<dyn Journal>,
    me: Weak<Gate>,
    state: Mutex<State>,
}

struct State {
    active: u32,
    window: Option<Window>,
    trip: Trip,
    lines: Lines<oneshot::Sender<Result<Permit, Fault>>>,
    /// When it is looked again.
    alarm: Option<i64>,
    /// When it was remembered last.
    saved: i64,
    unsaved: bool,
}

/// What has to outlive the process.
#[derive(Default, Serialize, Deserialize)]
struct Memory {
    #[serde(default)]
    failures: Vec<i64>,
    #[serde(default)]
    open_until: Option<i64>,
    #[serde(default)]
    begun: Vec<(i64, u32)>,
}

/// What the gate says to a call.
pub enum Admission {
    /// It may be made.
    Go(Permit),
    /// It has to wait.
    Wait(Waiting),
    /// It is not made: the server's breaker is open.
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
    tries: bool,
    sent: bool,
    ended: bool,
}

/// The breaker has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Calls are refused from now on; why, and for how long.
    Opened(String),
    /// Calls pass again.
    Closed(String),
}

/// What the next call in line meets.
enum Next {
    Go { tries: bool },
    Wait { until: Option<i64>, why: String },
    Refuse(i64),
}

impl Gate {
    /// The gate of a server; what was remembered of it counts.
    pub fn new(server: EcoString, limits: Limits, clock: Arc<dyn Clock>, journal: Arc<dyn Journal>) -> Arc<Gate> {
        let text = journal.recall(&memory_name(&server)).ok().flatten();
        let known: Memory = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let state = State {
            active: 0,
            window: limits.rate.map(|rate| Window::new(rate, known.begun)),
            trip: Trip::new(known.failures, known.open_until),
            lines: Lines::default(),
            alarm: None,
            saved: 0,
            unsaved: false,
        };
        let state = Mutex::new(state);
        Arc::new_cyclic(|me| Gate { server, limits, clock, journal, me: me.clone(), state })
    }

    /// A call of this run wants to be made.
    pub fn enter(self: &Arc<Self>, run_id: &EcoString) -> Admission {
        let now = self.now();
        let mut state = self.state();
        let why = match self.next(&mut state, now) {
            Next::Go { tries } if state.lines.len() == 0 => return Admission::Go(self.admit(&mut state, tries, now)),
            Next::Go { .. } => format!("{} others wait for `{}`", state.lines.len(), self.server),
            Next::Refuse(millis) => return Admission::Refused(self.refusal(millis)),
            Next::Wait { why, .. } => why,
        };
        let (sender, turn) = oneshot::channel();
        state.lines.push(run_id, sender);
        drop(state);
        self.pump();
        Admission::Wait(Waiting { reason: why, turn })
    }

    /// How it stands.
    pub fn look(&self) -> GateState {
        let (now, state) = (self.now(), self.state());
        GateState {
            server: self.server.clone(),
            active: state.active,
            waiting: state.lines.len(),
            breaker: self.limits.breaker.map(|_| state.trip.word(now)),
        }
    }

    fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, state: &mut State, now: i64) -> Next {
        let server = &self.server;
        let tries = match self.limits.breaker.map(|rule| state.trip.verdict(rule, now)) {
            None | Some(Verdict::Pass) => false,
            Some(Verdict::Try) => true,
            Some(Verdict::Refuse(millis)) => return Next::Refuse(millis),
            Some(Verdict::Wait) => {
                let why = format!("another call tries whether `{server}` answers again");
                return Next::Wait { until: None, why };
            }
        };
        if let Some(most) = self.limits.concurrency.filter(|most| state.active >= *most) {
            let why = format!("`{server}` takes {most} at once (`concurrency`)");
            return Next::Wait { until: None, why };
        }
        if let Some(until) = state.window.as_mut().and_then(|window| window.room_at(now)) {
            let (most, per) = self.limits.rate.unwrap_or_default();
            let why = format!("`{server}` takes {most} in {per} ms (`limit`)");
            return Next::Wait { until: Some(until), why };
        }
        Next::Go { tries }
    }

    fn admit(self: &Arc<Self>, state: &mut State, tries: bool, now: i64) -> Permit {
        state.active += 1;
        if tries {
            state.trip.begin_try();
        }
        if let Some(window) = &mut state.window {
            window.take(now);
            let long = window.per_ms() >= SHORT_MS;
            state.unsaved |= long;
            if long && now - state.saved >= OFTEN_MS {
                self.save(state, now);
            }
        }
        Permit { gate: Arc::clone(self), tries, sent: false, ended: false }
    }

    fn refusal(&self, millis: i64) -> Fault {
        let server = &self.server;
        let message = format!(
            "`{server}` has failed too often, so it is not called for another {millis} ms (`breaker`): see to the server"
        );
        Fault { retry_after_ms: millis.try_into().ok(), ..Fault::clean("unavailable", message) }
    }

    /// Lets in whoever may go now.
    fn pump(self: &Arc<Self>) {
        let now = self.now();
        let mut turns = Vec::new();
        let mut state = self.state();
        while state.lines.len() > 0 {
            match self.next(&mut state, now) {
                Next::Go { tries } => {
                    let Some(turn) = state.lines.pop() else { break };
                    if !turn.is_closed() {
                        turns.push((turn, Ok(self.admit(&mut state, tries, now))));
                    }
                }
                Next::Refuse(millis) => {
                    let Some(turn) = state.lines.pop() else { break };
                    turns.push((turn, Err(self.refusal(millis))));
                }
                Next::Wait { until, .. } => {
                    self.wake_at(&mut state, until, now);
                    break;
                }
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
    fn leave(self: &Arc<Self>, permit: &Permit, learnt: Option<bool>) -> Option<Change> {
        let now = self.now();
        let mut state = self.state();
        state.active = state.active.saturating_sub(1);
        if let Some(window) = state.window.as_mut().filter(|_| !permit.sent) {
            window.give_back();
        }
        let change = match learnt {
            Some(down) => self.learn(&mut state, permit.tries, down, now),
            None if permit.tries => {
                state.trip.nothing_learnt();
                None
            }
            None => None,
        };
        drop(state);
        self.pump();
        change
    }

    /// What a call says about the server.
    fn learn(&self, state: &mut State, tried: bool, down: bool, now: i64) -> Option<Change> {
        let rule = self.limits.breaker?;
        let server = &self.server;
        let change = if down {
            let opened = state.trip.failed(rule, tried, now);
            let again = if tried { "it has failed again" } else { "too many of its calls have failed" };
            opened.then(|| Change::Opened(format!("`{server}` is not called for {} ms: {again}", rule.open_ms)))
        } else {
            state.trip.answered(tried).then(|| Change::Closed(format!("`{server}` answers again")))
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
        let memory = Memory {
            failures: self.trip.failures.iter().copied().collect(),
            open_until: self.trip.open_until,
            begun: begun.collect(),
        };
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

    /// The call has ended so; says whether the breaker changed. A server that answers, be it with a refusal, is up; one
    /// that is `unavailable` or gives no answer in time is down.
    pub fn end(mut self, fault: Option<&Fault>) -> Option<Change> {
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
