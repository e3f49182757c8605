//! Runs that steps have started. When a run is cancelled, those of them that are not over are cancelled with it: the run
//! ends when each has been told so, and a crash in between forgets none.

use super::Machine;
use super::code::Code;
use super::event::{Effect, Key};
use super::state::{TaskId, Waiter};
use ecow::EcoString;
use weir_stdlib::value::Value;

/// Path of the effect.
const STEP: &str = "cancel:started";

/// Runs that steps have started.
#[derive(Debug, Default)]
pub(super) struct StartedRuns {
    /// In the order in which they were started. Hooks, calls for help, what an undo starts and what was started with
    /// `final` are not among them: they go on.
    runs: Vec<EcoString>,
    /// How many of them are told that the run is cancelled.
    told: usize,
    /// The run is cancelled, and they with it.
    cancelled: bool,
    /// Telling them.
    telling: Option<Effect>,
    times: u32,
    /// Those that were not over.
    reached: Vec<EcoString>,
}

impl StartedRuns {
    /// Whether nobody has to be told.
    pub(super) fn settled(&self) -> bool {
        self.telling.is_none() && !(self.cancelled && self.told < self.runs.len())
    }

    /// What is owed to them.
    pub(super) fn owed(&self) -> Option<&Effect> {
        self.telling.as_ref()
    }
}

impl Machine {
    /// A step has started a run.
    pub(super) fn has_started(&mut self, code: &Code, id: TaskId, run_id: EcoString) {
        let keeps = self.act_of(code, id).is_some_and(|(_, act)| act.is_final);
        let undoes = self.task_flow(id).and_then(|flow| self.flows.get(flow)).is_some_and(|flow| flow.exempt);
        if !keeps && !undoes {
            self.started.runs.push(run_id);
            self.tell_started();
        }
    }

    /// The run is cancelled, and what it started with it.
    pub(super) fn cancel_started(&mut self) {
        self.started.cancelled = true;
        self.tell_started();
    }

    /// Those that are not told yet are told next. One that is just being started is told once it exists.
    fn tell_started(&mut self) {
        let started = &mut self.started;
        if !started.cancelled || started.telling.is_some() || started.told == started.runs.len() {
            return;
        }
        started.times += 1;
        let runs = started.runs.get(started.told..).unwrap_or_default().to_vec();
        started.told = started.runs.len();
        let effect = Effect::CancelStarted { key: Key::new(STEP.into(), started.times), runs };
        started.telling = Some(effect.clone());
        self.waiters.insert(STEP.into(), Waiter::Started);
        self.out.effects.push(effect);
    }

    /// They are told; the value lists those that were not over.
    pub(super) fn started_told(&mut self, key: &Key, value: &Value) {
        if self.started.telling.as_ref().and_then(Effect::key) != Some(key) {
            return;
        }
        self.started.telling = None;
        self.waiters.remove(STEP);
        let reached = value.as_list().map(|runs| runs.iter()).into_iter().flatten();
        self.started.reached.extend(reached.filter_map(|run| run.as_str().map(EcoString::from)));
        self.tell_started();
        self.end_when_hooked();
    }

    /// Runs that its steps have started and that are cancelled with it.
    pub(crate) fn started_runs(&self) -> &[EcoString] {
        &self.started.runs
    }

    /// Runs that were not over when they were cancelled with this one.
    pub(crate) fn also_cancelled(&self) -> &[EcoString] {
        &self.started.reached
    }

    /// Whether to cancel it once more would change nothing.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.started.cancelled && !self.paused
    }
}
