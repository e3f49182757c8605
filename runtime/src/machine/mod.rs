//! The machine: a run as the fold of its events. It awaits nothing, reads no clock, opens no file and draws no
//! random number; told the same events, it owes the same effects. An engine appends an event, applies it, and
//! carries out the effects.
//!
//! Limits (T24, T25): at most [`LIVE`] steps under way, [`WIDTH`] rounds of one loop at once, [`DEPTH`] flows inside
//! each other, [`STEPS`] steps in one run, [`MAIL`] received events waiting. What would go beyond fails with `budget`.

mod act;
mod allowance;
mod ambient;
mod attention;
mod beside;
mod check;
mod code;
mod drive;
mod event;
mod failure;
mod flow;
mod handle;
mod hooks;
mod loops;
mod merge;
mod note;
mod outcome;
pub mod path;
mod run;
mod saga;
mod scope;
mod slab;
mod started;
mod state;
mod steps;
mod stop;
mod tell;
mod unfinished;

pub use code::Code;
pub use event::{
    Allowance, AskEffect, AttendEffect, CallEffect, Claim, Decision, Effect, Event, Key, ReceiveEffect, SpawnEffect,
    Started, Timer,
};
pub use note::{Note, NoteKind};
pub use run::Status;
pub(crate) use run::{Run, trace_id};

use crate::envelope::Envelope;
use beside::Beside;
use ecow::EcoString;
use hooks::Outbox;
use jiff::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};
use slab::Slab;
use started::StartedRuns;
use state::{Block, Flow, FlowId, Frame, Task, TaskId, Waiter, Work};
use std::collections::VecDeque;
use std::sync::Arc;
use weir_compiler::plan::Plan;
use weir_stdlib::value::Value;

/// Steps under way at once.
pub const LIVE: usize = 200_000;
/// Rounds of one loop at once.
pub const WIDTH: usize = 10_000;
/// Flows inside each other.
pub const DEPTH: u64 = 64;
/// Steps in one run.
pub const STEPS: u64 = 50_000_000;
/// Received events that nobody has waited for yet.
pub const MAIL: usize = 10_000;

/// What an event led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// Newly due work, in a fixed order.
    pub effects: Vec<Effect>,
    /// Decisions with their reasons.
    pub notes: Vec<Note>,
    /// What was to be done and is not allowed: nothing was called.
    pub refused: Vec<Refusal>,
}

/// A call, start or run that is not allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// Step and attempt; of the run as a whole, an empty step.
    pub key: Key,
    /// The tool, or the flow that was to be started.
    pub what: EcoString,
    /// `permission`, `budget`, or `disabled` for a closed gate.
    pub code: EcoString,
    /// Why, secrets masked.
    pub reason: String,
}

/// A run.
#[derive(Debug)]
pub struct Machine {
    code: Arc<Code>,
    frames: Slab<Frame>,
    blocks: Slab<Block>,
    tasks: Slab<Task>,
    flows: Slab<Flow>,
    work: VecDeque<Work>,
    /// Who waits for a step's event. For look-ups only, never walked.
    waiters: FxHashMap<EcoString, Waiter>,
    /// Whose clocks these are. For look-ups only.
    clocks: FxHashMap<EcoString, FlowId>,
    inbox: VecDeque<Mail>,
    /// Ids of received events. For look-ups only.
    seen: FxHashSet<EcoString>,
    /// Steps that receive, in the order in which they began.
    receivers: Vec<TaskId>,
    paused: bool,
    /// Emitted while paused, or while an outcome is unknown.
    held: Vec<Effect>,
    /// Calls that may have happened and that nobody looks up: an operator has to say.
    unknowns: usize,
    entry: Option<FlowId>,
    /// Why a run that has not begun is not to begin.
    called_off: Option<EcoString>,
    /// Runs that are to be started because a flow has ended: the run ends when all of them exist.
    hooks: Vec<Effect>,
    /// How the run will have ended then.
    ending: Option<Status>,
    /// An archiver that is run again: the attempt, and its clock.
    outbox: Outbox,
    /// Runs that its steps have started.
    started: StartedRuns,
    /// Monitors that nobody waits for.
    beside: Beside,
    /// Flows that undo.
    undoings: usize,
    /// How often something was stopped while steps of it were under way.
    stops: u64,
    run: Run,
    out: Applied,
    detail: bool,
}

/// A received event that nobody has waited for yet.
#[derive(Debug)]
struct Mail {
    event: EcoString,
    key: Option<EcoString>,
    value: Value,
}

impl Machine {
    /// A machine for a plan that has not started.
    pub fn new(plan: Arc<Plan>) -> Self {
        Machine::of(Code::new(plan))
    }

    /// The same for a plan that is worked out already.
    pub fn of(code: Arc<Code>) -> Self {
        Machine {
            run: Run::new(&code),
            code,
            frames: Slab::default(),
            blocks: Slab::default(),
            tasks: Slab::default(),
            flows: Slab::default(),
            work: VecDeque::new(),
            waiters: FxHashMap::default(),
            clocks: FxHashMap::default(),
            inbox: VecDeque::new(),
            seen: FxHashSet::default(),
            receivers: Vec::new(),
            paused: false,
            held: Vec::new(),
            unknowns: 0,
            entry: None,
            called_off: None,
            hooks: Vec::new(),
            ending: None,
            outbox: Outbox::default(),
            started: StartedRuns::default(),
            beside: Beside::default(),
            undoings: 0,
            stops: 0,
            out: Applied::default(),
            detail: true,
        }
    }

    /// Leaves out the notes about single steps; those about the run, alerts and budgets stay.
    pub fn without_step_notes(mut self) -> Self {
        self.detail = false;
        self
    }

    /// What the event leads to. An event that nobody waits for leads to nothing.
    pub fn apply(&mut self, event: &Event) -> Applied {
        let code = Arc::clone(&self.code);
        if !self.run.over() {
            self.run.tick(event.at());
            self.told(&code, event);
            self.drive(&code);
        }
        std::mem::take(&mut self.out)
    }

    /// Everything that is owed now, by path. Resuming after a crash is replaying the events and carrying this out.
    pub fn pending(&self) -> Vec<Effect> {
        if self.run.over() {
            return Vec::new();
        }
        let steps = self.tasks.iter().flat_map(|task| task.owed.iter());
        let flows = self.flows.iter().flat_map(|flow| flow.clocks.iter());
        let undos = self.flows.iter().filter_map(Flow::undo_owed);
        let hooks = self.hooks.iter().chain(&self.outbox.clock).chain(self.started.owed());
        let mut owed: Vec<Effect> =
            steps.chain(flows).chain(undos).chain(hooks).filter(|effect| !self.is_held(effect)).cloned().collect();
        owed.sort_by(|a, b| {
            let (x, y) = (a.key(), b.key());
            let by_path = match (x, y) {
                (Some(x), Some(y)) => path::compare(&x.step, &y.step).then(x.attempt.cmp(&y.attempt)),
                _ => x.is_some().cmp(&y.is_some()),
            };
            by_path.then(a.timer().cmp(&b.timer()))
        });
        owed
    }

    /// How the run is.
    pub fn status(&self) -> Status {
        if let Some(status) = self.run.ended {
            return status;
        }
        let archives_later = self.outbox.clock.is_some();
        if self.entry.is_none() && !archives_later {
            return Status::Queued;
        }
        if self.paused {
            return Status::Paused;
        }
        if archives_later {
            return Status::Waiting;
        }
        if self.unknowns > 0 {
            return Status::NeedsAttention;
        }
        if self.undoings > 0 {
            return Status::Compensating;
        }
        let (mut waits, mut attends) = (false, false);
        let tasks = self.tasks.iter().filter(|task| !self.is_in_monitor(task.block));
        for effect in tasks.flat_map(|task| task.owed.iter()) {
            match effect {
                Effect::Ask(_) | Effect::Receive(_) | Effect::Sleep { timer: Timer::Wait, .. } => waits = true,
                Effect::Attend(_) => attends = true,
                Effect::Sleep { timer: Timer::Limit, .. } => {}
                _ => return Status::Running,
            }
        }
        match (attends, waits) {
            (true, _) => Status::NeedsAttention,
            (false, true) => Status::Waiting,
            (false, false) => Status::Running,
        }
    }

    /// What the run came to, or has come to so far.
    pub fn envelope(&self) -> Envelope {
        Envelope::of(self)
    }

    /// Whether the run has ended.
    pub fn over(&self) -> bool {
        self.run.over()
    }

    /// The time of the last event.
    pub fn now(&self) -> Timestamp {
        self.run.now
    }

    /// Whether an answer fits the question that is open under this key. `Err` says what does not.
    ///
    /// # Errors
    /// No such question, or the place inside the answer that does not fit.
    pub fn check_answer(&self, step: &str, value: &Value) -> Result<Key, String> {
        let open = self.tasks.iter().flat_map(|task| task.owed.iter()).find_map(|effect| match effect {
            Effect::Ask(ask) if ask.key.step == step => Some(ask),
            _ => None,
        });
        let ask =
            open.ok_or_else(|| format!("no question is open at step `{step}`: `weir runs show` lists those that are"))?;
        let boundary = weir_stdlib::narrow::Boundary::new(ask.ty.clone());
        match weir_stdlib::narrow(value, &boundary, &self.code.plan.types) {
            Ok(_) => Ok(ask.key.clone()),
            Err(misfit) => Err(format!("the answer to step `{step}` does not fit `{}`: {misfit}", ask.ty)),
        }
    }

    /// Whether an event fits the step that waits for it; where none does, it is kept for later.
    ///
    /// # Errors
    /// In words, for who sends it.
    pub fn check_signal(
        &self,
        id: Option<&EcoString>,
        event: &str,
        key: Option<&EcoString>,
        value: &Value,
    ) -> Result<(), String> {
        if id.is_some_and(|id| self.seen.contains(id)) {
            return Ok(());
        }
        let owed = self.receivers.iter().filter_map(|task| self.tasks.get(*task)).flat_map(|task| task.owed.iter());
        let receive = owed.into_iter().find_map(|effect| match effect {
            Effect::Receive(receive) if receive.takes(event, key) => Some(receive),
            _ => None,
        });
        let Some(receive) = receive else { return Ok(()) };
        let boundary = weir_stdlib::narrow::Boundary::new(receive.ty.clone());
        let fits = weir_stdlib::narrow(value, &boundary, &self.code.plan.types);
        fits.map(drop).map_err(|misfit| {
            format!("step `{}` waits for `{event}`, and this does not fit `{}`: {misfit}", receive.key.step, receive.ty)
        })
    }

    /// The plan that it runs.
    pub fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.code.plan)
    }

    /// 32 hexadecimal digits.
    pub fn trace_id(&self) -> EcoString {
        self.run.trace.clone()
    }

    /// What steps and undos have asked for and not had answered, whether it is held or not.
    pub(crate) fn owed(&self) -> impl Iterator<Item = &Effect> {
        let undos = self.flows.iter().filter_map(Flow::undo_owed);
        self.tasks.iter().flat_map(|task| task.owed.iter()).chain(undos)
    }

    /// Whether nothing new is called: the run is paused, or nobody knows what became of a call.
    pub(crate) fn holds(&self) -> bool {
        self.paused || self.unknowns > 0
    }

    /// How often something was stopped while steps of it were under way; grows.
    pub(crate) fn stops(&self) -> u64 {
        self.stops
    }

    /// Whether a step is only awaited: what it is part of has been stopped. An undo never is.
    pub(crate) fn is_stopped(&self, key: &Key) -> bool {
        let Some(Waiter::Task(id)) = self.waiters.get(&key.step) else { return false };
        let block = self.tasks.get(*id).and_then(|task| self.blocks.get(task.block));
        block.is_some_and(|block| block.stop.is_some())
    }

    pub(crate) fn record(&self) -> &Run {
        &self.run
    }
}
