//! What a machine remembers: frames of slots, running blocks, steps that wait, flows, sagas' undos.

use super::beside::Called;
use super::event::{Claim, Effect, Key};
use super::failure::Failure;
use super::slab::Id;
use super::unfinished::Suspended;
use ecow::EcoString;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_stdlib::value::Value;

pub(super) type FrameId = Id<Frame>;
pub(super) type BlockId = Id<Block>;
pub(super) type TaskId = Id<Task>;
pub(super) type FlowId = Id<Flow>;

/// Slots of a flow or of a loop's round.
#[derive(Debug)]
pub(super) struct Frame {
    pub slots: Vec<Value>,
    /// The frame around a round.
    pub up: Option<FrameId>,
    pub place: Place,
    pub round: Option<Box<Round>>,
}

/// Where a frame's paths begin.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Entry,
    /// A flow called by a step; a second attempt's path is `step@2`.
    Call {
        task: TaskId,
        attempt: u32,
    },
    /// `step[index]`
    Round {
        task: TaskId,
        index: usize,
    },
    /// `step/undo`, and where a step is not waited for.
    At {
        path: EcoString,
        attempt: u32,
    },
}

/// What a round has said so far.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// With their place in the text.
    pub yields: Vec<(u32, Value)>,
    pub next: Option<Value>,
}

/// A block that runs.
#[derive(Debug)]
pub(super) struct Block {
    /// Its number in the code.
    pub code: u32,
    pub frame: FrameId,
    pub flow: FlowId,
    pub owner: Owner,
    /// How many each node still waits for.
    pub waits_for: Vec<u32>,
    /// Nodes that may start, the first in the text last.
    pub ready: Vec<u32>,
    /// Nodes that are not through.
    pub unfinished: usize,
    /// Steps under way, by node.
    pub live: Vec<(u32, TaskId)>,
    /// Why nothing new starts here, and which node said so.
    pub stop: Option<(u32, Stop)>,
}

/// Who gets a block's value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owner {
    Flow(FlowId),
    Arm(TaskId),
    Handler(TaskId),
    Round(TaskId, usize),
}

/// Why a block ends early.
#[derive(Debug, Clone)]
pub(super) enum Stop {
    /// A step failed for good.
    Fail(Box<Failure>),
    /// `return`
    Return,
    /// `drop`
    Drop,
    /// Another step beside it failed. A failure of its own, should it turn up, counts more.
    Beside(Box<Failure>),
    /// Something around it ended: a time limit, a cancellation.
    Abort(Box<Failure>),
}

/// A step under way.
#[derive(Debug)]
pub(super) struct Task {
    pub block: BlockId,
    pub node: u32,
    pub attempt: u32,
    pub began: Timestamp,
    pub state: State,
    pub act: Option<Box<ActRun>>,
    /// What it has asked for and not had answered.
    pub owed: Vec<Effect>,
}

/// What a step waits for.
#[derive(Debug)]
pub(super) enum State {
    /// The event of what it owes.
    Owed,
    /// A flow that it called.
    Flow(FlowId),
    /// Nothing: the monitor that it called is carried on beside it.
    Beside,
    /// A branch's arm.
    Arm(BlockId),
    /// A handler; whether it looks up an `unknown`.
    Handler {
        block: BlockId,
        lookup: bool,
    },
    /// An operator.
    Attention {
        failure: Box<Failure>,
        /// A policy handed it over; else nobody knows whether the call happened.
        escalated: bool,
    },
    Loop(Box<LoopRun>),
    Checks(Box<ChecksRun>),
    /// A validator.
    Check {
        flow: FlowId,
        value: Value,
    },
}

/// A call with its clauses, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct ActRun {
    /// Narrowed arguments of a tool or a started flow.
    pub args: Value0,
    /// Bound parameters of a called flow.
    pub bound: Vec<Value>,
    pub timeout_ms: Option<u64>,
    pub claim: Option<Claim>,
    /// The key as the tool is to see it.
    pub sent_key: Option<EcoString>,
    /// When a run that is started is to begin.
    pub due: Option<Timestamp>,
    /// When `until` gives up.
    pub within: Option<Timestamp>,
    /// Its arguments are known: it can be tried (again).
    pub ready: bool,
    /// Retries made.
    pub retries: u32,
    /// Calls of the tool that were made.
    pub calls: u32,
    /// An attempt that may be made again failed and may have changed something.
    pub maybe: bool,
    /// Handler layers that are used up.
    pub layer: usize,
    /// How often this attempt has come back unfinished.
    pub rounds: u32,
    /// The call that waits for an answer to what it asked.
    pub suspended: Option<Box<Suspended>>,
}

/// A value that begins as null.
#[derive(Debug)]
pub(super) struct Value0(pub Value);

impl Default for Value0 {
    fn default() -> Self {
        Value0(Value::NULL)
    }
}

/// `for` and `repeat`, as far as they have come.
#[derive(Debug)]
pub(super) struct LoopRun {
    /// The list; null for `repeat`.
    pub items: Value,
    /// `repeat`: the next state, while there is one.
    pub state: Option<Value>,
    pub next: usize,
    pub total: usize,
    pub width: usize,
    pub live: BTreeMap<usize, BlockId>,
    /// Results of finished rounds that an earlier one is still awaited for.
    pub early: BTreeMap<usize, Vec<Value>>,
    /// Rounds whose results are in `out`.
    pub merged: usize,
    pub out: Vec<Value>,
    pub failed: Option<(usize, Stop)>,
}

/// `check` on each element of a list, as far as it has come.
#[derive(Debug)]
pub(super) struct ChecksRun {
    pub items: Value,
    pub next: usize,
    pub live: BTreeMap<usize, FlowId>,
    pub kept: BTreeMap<usize, Value>,
    pub failed: Option<(usize, Box<Failure>)>,
}

/// A flow that runs.
#[derive(Debug)]
pub(super) struct Flow {
    /// Its number in the code.
    pub code: u32,
    pub frame: FrameId,
    pub caller: Caller,
    pub can: Arc<[EcoString]>,
    pub depth: u64,
    pub partial: bool,
    /// `return`ed.
    pub value: Option<Value>,
    /// A delivery's key; whether it holds for the run only.
    pub key: Option<(EcoString, bool)>,
    /// A delivery's status record.
    pub delivered: Option<Value>,
    pub undos: Vec<Undo>,
    pub passed_final: bool,
    /// It, or a flow around it, is a saga.
    pub in_saga: bool,
    /// It undoes something: budget, time limits and cancellation do not count.
    pub exempt: bool,
    /// A call that does not only read has been made, or a flow started.
    pub touched: bool,
    /// A call that must not be repeated has succeeded.
    pub risky: bool,
    pub calls: u64,
    /// Steps in it, where hooks are told of them.
    pub steps: u64,
    pub began: Timestamp,
    pub cost: f64,
    pub clocks: Vec<Effect>,
    pub phase: Phase,
    /// A monitor that nobody waits for.
    pub called: Option<Box<Called>>,
    /// It has failed, and undoes when its monitors are at rest.
    pub failed: Option<Box<Failure>>,
}

/// Who called a flow.
#[derive(Debug, Clone, Copy)]
pub(super) enum Caller {
    Entry,
    Act(TaskId),
    Check(TaskId),
    Checks(TaskId, usize),
    Undo(FlowId),
    /// The flow that is to undo what it did; nobody waits for it.
    Beside(FlowId),
}

/// How far a flow is.
#[derive(Debug)]
pub(super) enum Phase {
    Running(Option<BlockId>),
    Undoing(Box<Undoing>),
}

/// A saga that takes back what it did.
#[derive(Debug)]
pub(super) struct Undoing {
    /// Why.
    pub failure: Box<Failure>,
    /// Newest last.
    pub left: Vec<Undo>,
    pub current: Option<Undo>,
    pub attempt: u32,
    pub owed: Option<Effect>,
    pub began: Timestamp,
    /// One could not be undone.
    pub lost: bool,
}

/// How to take one call back.
#[derive(Debug, Clone)]
pub(super) struct Undo {
    /// Order of completion.
    pub seq: u64,
    /// Path of the step that is taken back.
    pub step: EcoString,
    pub deed: Result<UndoDeed, EcoString>,
    pub claim: Option<Claim>,
    pub can: Arc<[EcoString]>,
    /// Its line among the run's side effects; None: all below the step.
    pub effect: Option<usize>,
}

impl Flow {
    /// What its undo in progress has asked for.
    pub(super) fn undo_owed(&self) -> Option<&Effect> {
        match &self.phase {
            Phase::Undoing(undoing) => undoing.owed.as_ref(),
            Phase::Running(_) => None,
        }
    }
}

/// The call that takes it back, with its arguments.
#[derive(Debug, Clone)]
pub(super) enum UndoDeed {
    Tool { tool: u32, args: Value },
    Flow { flow: u32, args: Value },
}

/// Who waits for a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Waiter {
    Task(TaskId),
    Undo(FlowId),
    /// The start of a run because a flow has ended.
    Hook,
    /// Cancelling the runs that steps have started.
    Started,
}

/// What is left to do inside one `apply`, first in first out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    Pump(BlockId),
    Undo(FlowId),
}

impl Key {
    pub(super) fn new(step: EcoString, attempt: u32) -> Key {
        Key { step, attempt }
    }
}
