//! Ending early: a failure, `return`, a time limit, a cancellation. Nothing new starts, what is in flight is awaited,
//! what merely waits is withdrawn, sagas inside are compensated.

use super::Machine;
use super::code::Code;
use super::event::Effect;
use super::failure::Failure;
use super::state::Caller;
use super::state::{BlockId, FlowId, Owner, Phase, State, Stop, TaskId, Work};
use weir_lang::ast::Role;

impl Machine {
    /// A step of the block stops it. Of several failures the first in the text counts.
    pub(super) fn stop_block(&mut self, code: &Code, id: BlockId, node: u32, stop: Stop) {
        let cause = cause_of(&stop);
        let Some(block) = self.blocks.get_mut(id) else { return };
        match (&block.stop, &stop) {
            (None, _) => block.stop = Some((node, stop)),
            (Some((first, had)), Stop::Fail(failure)) => {
                let counts = match had {
                    Stop::Fail(_) => node < *first,
                    Stop::Beside(_) => true,
                    _ => false,
                };
                if counts && failure.code != "cancelled" {
                    block.stop = Some((node, stop));
                }
                return;
            }
            _ => return,
        }
        let live: Vec<TaskId> = block.live.iter().map(|(_, task)| *task).collect();
        self.stops += u64::from(!live.is_empty());
        for task in live {
            self.abort_task(code, task, &cause);
        }
        self.work.push_back(Work::Pump(id));
    }

    /// Something around the block ended, or beside it.
    pub(super) fn abort_block(&mut self, code: &Code, id: BlockId, cause: &Stop) {
        self.stop_block(code, id, u32::MAX, cause.clone());
    }

    /// Lets a step come to rest.
    pub(super) fn abort_task(&mut self, code: &Code, id: TaskId, cause: &Stop) {
        let Some(task) = self.tasks.get(id) else { return };
        match &task.state {
            State::Owed | State::Beside => {
                if !self.in_flight(id) && !self.answer_nothing(id) {
                    if let Some((_, act)) = self.act_of(code, id) {
                        // It was to be tried again.
                        self.may_stay(code, id, act, "it was not tried again");
                    }
                    self.close_task(id);
                }
            }
            // Whether the call happened has to be known before anything is taken back.
            State::Attention { escalated: false, .. } => {}
            State::Attention { .. } => {
                self.close_task(id);
            }
            State::Flow(flow) | State::Check { flow, .. } => self.abort_flow(code, *flow, cause),
            State::Arm(block) => self.abort_block(code, *block, cause),
            // Whether the call happened has to be known before anything is taken back.
            State::Handler { lookup: true, .. } => {}
            State::Handler { block, .. } => self.abort_block(code, *block, cause),
            State::Loop(rounds) => {
                let live: Vec<BlockId> = rounds.live.values().copied().collect();
                for block in &live {
                    self.abort_block(code, *block, cause);
                }
                if live.is_empty() {
                    self.close_task(id);
                }
            }
            State::Checks(checks) => {
                let live: Vec<FlowId> = checks.live.values().copied().collect();
                for flow in &live {
                    self.abort_flow(code, *flow, cause);
                }
                if live.is_empty() {
                    self.close_task(id);
                }
            }
        }
    }

    /// Lets a flow come to rest. One that undoes goes on: cancelling while undoing changes nothing.
    pub(super) fn abort_flow(&mut self, code: &Code, id: FlowId, cause: &Stop) {
        let Some(flow) = self.flows.get(id).filter(|flow| !flow.exempt) else { return };
        if let Phase::Running(Some(root)) = flow.phase {
            self.abort_block(code, root, cause);
        }
    }

    /// Whether a step has something in flight that was really sent.
    fn in_flight(&self, id: TaskId) -> bool {
        let owed = self.tasks.get(id).map(|task| task.owed.as_slice()).unwrap_or_default();
        owed.iter().any(|effect| effect.in_flight() && !self.is_held(effect))
    }

    /// Whether a handler around a step takes `unknown`: one of its own that is left, or one of a call around it, up to
    /// the nearest saga, which must not undo anything while an outcome is unknown.
    pub(super) fn looked_up(&self, code: &Code, mut id: TaskId) -> bool {
        loop {
            let Some(task) = self.tasks.get(id) else { return false };
            let Some(block) = self.blocks.get(task.block) else { return false };
            let layers = code.act(block.code, task.node).map(|act| act.layers.as_slice()).unwrap_or_default();
            let used = task.act.as_ref().map_or(0, |act| act.layer);
            let named = |codes: &[ecow::EcoString]| codes.iter().any(|code| code == "unknown");
            if layers.iter().skip(used).any(|layer| layer.arms.iter().any(|arm| named(&arm.codes))) {
                return true;
            }
            id = match block.owner {
                Owner::Arm(task) | Owner::Handler(task) | Owner::Round(task, _) => task,
                Owner::Flow(flow) => {
                    let Some(flow) = self.flows.get(flow) else { return false };
                    match (code.flow(flow.code).map(|flow| flow.role), flow.caller) {
                        (Some(Role::Monitor | Role::Archiver), Caller::Act(_)) => return true,
                        (Some(Role::Saga), _) | (_, Caller::Entry) => return false,
                        (_, Caller::Undo(_) | Caller::Beside(_)) => return true,
                        (_, Caller::Act(task) | Caller::Check(task) | Caller::Checks(task, _)) => task,
                    }
                }
            };
        }
    }

    /// Takes effects back that nobody waits for; those that were held are simply forgotten.
    pub(super) fn withdraw(&mut self, owed: &[Effect]) {
        for effect in owed {
            if let Some(at) = self.held.iter().position(|held| held == effect) {
                self.held.remove(at);
            } else if let Some(key) = effect.key() {
                self.out.effects.push(Effect::Drop { key: key.clone(), timer: effect.timer() });
            }
        }
    }

    /// Whether an effect waits for the run to be resumed.
    pub(super) fn is_held(&self, effect: &Effect) -> bool {
        !self.held.is_empty() && self.held.contains(effect)
    }
}

/// What the steps are told that come to rest: nobody catches it, nothing is looked up because of it.
pub(super) fn cause_of(stop: &Stop) -> Stop {
    let told = |failure: &Failure| {
        let at = if failure.step.is_empty() { String::new() } else { format!(" at `{}`", failure.step) };
        Failure::new("cancelled", format!("stopped{at}: {}", failure.shown()))
    };
    match stop {
        Stop::Abort(failure) if failure.code == "cancelled" => stop.clone(),
        Stop::Abort(failure) => Stop::Abort(told(failure)),
        Stop::Beside(_) => stop.clone(),
        Stop::Fail(failure) => Stop::Beside(told(failure)),
        Stop::Return | Stop::Drop => Stop::Beside(Failure::new("cancelled", "stopped: the flow has returned")),
    }
}
