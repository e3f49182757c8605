//! What a machine is told and what it asks for. Both are data: an engine appends the events to a journal and carries
//! out the effects; a machine that is told the same events owes the same effects.

use crate::tool::{Continuation, Fault, Unfinished};
use ecow::EcoString;
use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use weir_lang::types::Type;
use weir_stdlib::value::{Hash, Value};

/// What an effect and the event that answers it have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Path of the step.
    pub step: EcoString,
    /// From 1; 0 for the clocks of a flow.
    pub attempt: u32,
}

/// Which clock a [`Effect::Sleep`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// Before another attempt.
    Retry,
    /// Before `until` looks again.
    Poll,
    /// `wait`
    Wait,
    /// The time limit of an `ask`, a `receive` or one attempt of a flow call.
    Limit,
    /// A flow's `timeout`.
    Deadline,
    /// A flow's `budget` of time.
    Budget,
    /// Before an archiver is run again.
    Outbox,
}

/// Something that happened. The first event for a key counts, later ones are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The run began.
    Started(Box<Started>),
    /// A call gave a value, a run was started (the value is its id), a key was released.
    Done {
        /// When.
        at: Timestamp,
        /// Of which effect.
        key: Key,
        /// The result as it came; the machine narrows it.
        value: Value,
        /// It was recorded earlier under the idempotency key; nothing was called.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        recorded: bool,
        /// Why the result breaks what its server said of it: the call has happened, and its step fails with
        /// `bad_response`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        misfit: Option<EcoString>,
    },
    /// A call failed.
    Failed {
        /// When.
        at: Timestamp,
        /// Of which effect.
        key: Key,
        /// How.
        fault: Fault,
    },
    /// A call came back unfinished: it asks something, or works on.
    Unfinished {
        /// When.
        at: Timestamp,
        /// Of which effect.
        key: Key,
        /// What it needs to go on.
        left: Box<Unfinished>,
    },
    /// A sleep is over.
    Woke {
        /// When.
        at: Timestamp,
        /// Of which effect.
        key: Key,
        /// Which clock.
        timer: Timer,
    },
    /// A person answered.
    Answered {
        /// When.
        at: Timestamp,
        /// Of which effect.
        key: Key,
        /// The answer; the machine narrows it, and one that does not fit leaves the question open.
        value: Value,
    },
    /// An event from outside came in.
    Received {
        /// When.
        at: Timestamp,
        /// Counted once by this id.
        id: EcoString,
        /// Its name.
        event: EcoString,
        /// Its key, matched with that of a `receive`.
        key: Option<EcoString>,
        /// What it carries.
        value: Value,
    },
    /// An operator decided about a step that waits for one.
    Decided {
        /// When.
        at: Timestamp,
        /// Of which effect.
        key: Key,
        /// What.
        decision: Decision,
    },
    /// Nothing new is called until `Resumed`.
    Paused {
        /// When.
        at: Timestamp,
    },
    /// The run goes on.
    Resumed {
        /// When.
        at: Timestamp,
    },
    /// The run is to end: what is in flight is awaited, what sagas did is undone.
    Cancelled {
        /// When.
        at: Timestamp,
        /// Who or why.
        reason: EcoString,
        /// The runs that its steps have started are cancelled with it. An earlier Weir did not reach them.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        started: bool,
    },
}

impl Event {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Event::Started(started) => started.at,
            Event::Done { at, .. }
            | Event::Failed { at, .. }
            | Event::Unfinished { at, .. }
            | Event::Woke { at, .. }
            | Event::Answered { at, .. }
            | Event::Received { at, .. }
            | Event::Decided { at, .. }
            | Event::Paused { at }
            | Event::Resumed { at }
            | Event::Cancelled { at, .. } => *at,
        }
    }
}

/// What a run begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// When.
    pub at: Timestamp,
    /// UUID v7.
    pub run_id: EcoString,
    /// Hash of the plan.
    pub program: EcoString,
    /// The project's name: the scope of idempotency keys.
    pub project: EcoString,
    /// A record of the entry flow's arguments.
    pub args: Value,
    /// Capabilities granted to the run.
    pub grants: Vec<EcoString>,
    /// Whether deliveries really send.
    pub delivery: bool,
    /// For `flag(name)`.
    pub flags: IndexMap<EcoString, bool>,
    /// Whether the arguments come from outside (a served flow, a run started with untrusted arguments).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untrusted: bool,
    /// Whether the arguments hold secrets (a run started with secret arguments).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// Runs of one conversation or subject have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<EcoString>,
    /// What it follows, where it is a hook or an archiver's outbox; its failure raises an alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<EcoString>,
    /// The run whose steps it takes over: `uuid()` and `random()` give again what they gave there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<EcoString>,
    /// What it has from the flow whose step started it; nothing where no step did. None: an earlier Weir wrote this, which
    /// held no start to a budget of depth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowance: Option<Allowance>,
    /// Flows do not wait for the monitors that they call. An earlier Weir let them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
}

/// What a run has from the flow whose step started it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Allowance {
    /// How deep it is: one level more than that flow. 0: no step started it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub depth: u64,
    /// Attempts of tool calls that were left there: no more are made here. None: as many as there may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// The same for the sum of their costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// How many levels of flows, and of runs that they start, there may be below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Something that an engine is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Call a tool; answered by `Done`, `Failed` or `Unfinished`.
    Call(Box<CallEffect>),
    /// Wake at a time; answered by `Woke`.
    Sleep {
        /// Of the step, or of the flow with attempt 0.
        key: Key,
        /// Which clock.
        timer: Timer,
        /// When to wake.
        until: Timestamp,
    },
    /// Ask a person; answered by `Answered`.
    Ask(Box<AskEffect>),
    /// Wait for an event; answered by any `Received` that matches.
    Receive(Box<ReceiveEffect>),
    /// Wait for an operator; answered by `Decided`.
    Attend(Box<AttendEffect>),
    /// Start a run of its own; answered by `Done` once it exists.
    Spawn(Box<SpawnEffect>),
    /// Give an idempotency key back, its call is undone; answered by `Done`.
    Release {
        /// Of the undo.
        key: Key,
        /// What is released.
        claim: Claim,
    },
    /// Cancel runs that steps have started, as far as they are not over; answered by `Done` with those that were not.
    CancelStarted {
        /// Of the run itself.
        key: Key,
        /// Their ids.
        runs: Vec<EcoString>,
    },
    /// Withdraws an effect: nobody waits for it any more.
    Drop {
        /// Of which effect.
        key: Key,
        /// Which clock, where it is one.
        timer: Option<Timer>,
    },
    /// The run has ended; its envelope is ready.
    Finish,
}

impl Effect {
    /// The key that its event must bear.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Effect::Call(call) => Some(&call.key),
            Effect::Ask(ask) => Some(&ask.key),
            Effect::Receive(receive) => Some(&receive.key),
            Effect::Attend(attend) => Some(&attend.key),
            Effect::Spawn(spawn) => Some(&spawn.key),
            Effect::Sleep { key, .. }
            | Effect::Release { key, .. }
            | Effect::CancelStarted { key, .. }
            | Effect::Drop { key, .. } => Some(key),
            Effect::Finish => None,
        }
    }

    /// The clock, where it is one.
    pub fn timer(&self) -> Option<Timer> {
        match self {
            Effect::Sleep { timer, .. } => Some(*timer),
            _ => None,
        }
    }

    /// Whether it is in flight once emitted: it is awaited, whatever else happens.
    pub fn in_flight(&self) -> bool {
        matches!(self, Effect::Call(_) | Effect::Spawn(_) | Effect::Release { .. } | Effect::CancelStarted { .. })
    }
}

/// One attempt of a tool call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallEffect {
    /// Step and attempt.
    pub key: Key,
    /// `server.tool`
    pub tool: EcoString,
    /// Narrowed to the tool's input.
    pub args: Value,
    /// Time limit of this attempt in milliseconds.
    pub timeout_ms: u64,
    /// To be claimed before the call.
    pub claim: Option<Claim>,
    /// Idempotency key to send along, where the tool accepts one.
    pub send_key: Option<EcoString>,
    /// May be made again when nobody knows whether it happened.
    pub repeatable: bool,
    /// Whether it only reads.
    pub reads: bool,
    /// Capabilities in force.
    pub grants: Arc<[EcoString]>,
    /// It came back unfinished and goes on with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Box<Continuation>>,
}

/// An idempotency key with its scope and the arguments that it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Project and tool, flow of a delivery, or run.
    pub scope: EcoString,
    /// The key.
    pub key: EcoString,
    /// Hash of the arguments.
    pub args: Hash,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskEffect {
    /// Step and attempt.
    pub key: Key,
    /// The question.
    pub question: Value,
    /// What the answer must fit.
    pub ty: Type,
    /// Who is asked.
    pub from: Option<EcoString>,
    /// When it is too late.
    pub until: Option<Timestamp>,
}

/// An event that is waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReceiveEffect {
    /// Step and attempt.
    pub key: Key,
    /// Its name.
    pub event: EcoString,
    /// Its key; None: any.
    pub with: Option<EcoString>,
    /// What it must fit.
    pub ty: Type,
    /// When it is too late.
    pub until: Option<Timestamp>,
}

impl ReceiveEffect {
    /// Whether it waits for such an event.
    pub(crate) fn takes(&self, event: &str, key: Option<&EcoString>) -> bool {
        self.event == event && self.with.as_ref().is_none_or(|with| Some(with) == key)
    }
}

/// What an operator has to decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttendEffect {
    /// Step and attempt.
    pub key: Key,
    /// The tool, where the step calls one.
    pub tool: Option<EcoString>,
    /// What the step failed with.
    pub code: EcoString,
    /// Why, for people.
    pub message: Value,
    /// What a result must fit.
    pub ty: Option<Type>,
    /// A policy handed it over; else nobody knows whether the call happened.
    pub escalated: bool,
    /// The idempotency key of the call.
    pub claim: Option<Claim>,
}

/// What an operator decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The call happened, with this result.
    Happened(Value),
    /// Call again: it did not happen, or what hindered it is gone.
    Again,
    /// Leave the failed step out; this stands for its result.
    Skip(Value),
    /// The step fails, and what a saga had done is undone.
    GiveUp,
}

/// A run to start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpawnEffect {
    /// Step and attempt.
    pub key: Key,
    /// Derived from this run and the step: starting it twice starts it once.
    pub run_id: EcoString,
    /// The flow, by its place in the plan.
    pub flow: u32,
    /// Its full name.
    pub name: EcoString,
    /// A record of its arguments.
    pub args: Value,
    /// Capabilities passed on.
    pub grants: Vec<EcoString>,
    /// The delivery gate, passed on.
    pub delivery: bool,
    /// The flags, passed on.
    pub flags: IndexMap<EcoString, bool>,
    /// The project, passed on.
    pub project: EcoString,
    /// Whether an argument is untrusted.
    pub untrusted: bool,
    /// Whether an argument is secret.
    pub secret: bool,
    /// Not before this time; None: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// As in [`Started::behind`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<EcoString>,
    /// As in [`Started::allowance`].
    #[serde(default)]
    pub allowance: Allowance,
}
