//! Monitors are carried on beside the flow that called them: it goes on at once, and what becomes of them changes nothing
//! for it. They see their arguments as these were, and have so much time. A server gets the calls of a run's monitors in
//! the order in which they come, so many at once. When the run's own steps are over they have a moment to come to their
//! end; what is not done by then is left out, and told so. What they did with an `undo` belongs to the saga around them.

use super::Machine;
use super::ambient::later;
use super::code::{Code, Deed};
use super::event::Effect;
use super::failure::{Failure, Fallible};
use super::flow::{Born, common};
use super::note::NoteKind;
use super::state::{BlockId, Caller, Flow, FlowId, Place, State, Stop, TaskId};
use ecow::EcoString;
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use weir_lang::ast::Role;
use weir_stdlib::value::Value;

/// Time of one call of a monitor, in milliseconds.
const CALL_MS: u64 = 1_000;
/// Time of a monitor, from when it is called, in milliseconds.
const MONITOR_MS: u64 = 10_000;
/// Time of all monitors of a run, from when its own steps are over, in milliseconds.
const LAST_MS: i64 = 1_000;
/// Monitors of one run under way; one more is left out.
const MOST: usize = 10_000;
/// Calls of a run's monitors that are under way at one server.
const AT_ONCE: usize = 4;

/// The monitors of a run.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// Under way, in the order in which they were called.
    live: Vec<FlowId>,
    /// Their calls, by server.
    lanes: BTreeMap<EcoString, Lane>,
}

/// The calls of monitors at one server.
#[derive(Debug, Default)]
struct Lane {
    under_way: Vec<TaskId>,
    line: VecDeque<TaskId>,
}

/// What a monitor has from the flow that called it.
#[derive(Debug)]
pub(super) struct Called {
    /// Full name of that flow.
    by: EcoString,
    /// Path of the step.
    step: EcoString,
    attempt: u32,
    /// When its time is over.
    until: Timestamp,
}

impl Beside {
    /// Whether none is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty()
    }
}

impl Machine {
    /// Whether the flow that calls this one goes on at once. It does not where it is given a value, nor in a run that an
    /// earlier Weir began.
    pub(super) fn goes_beside(&self, code: &Code, flow: u32) -> bool {
        let plan = code.flow(flow).filter(|plan| plan.role == Role::Monitor && plan.returns.is_none());
        self.run.beside && plan.is_some()
    }

    /// A step calls a monitor: it begins, or is left out, and the step is through.
    pub(super) fn call_beside(&mut self, code: &Code, id: TaskId, around: FlowId, step: EcoString, callee: u32) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        task.state = State::Beside;
        let attempt = task.attempt;
        let run = task.act.as_ref();
        let own = run.and_then(|run| run.timeout_ms).unwrap_or(MONITOR_MS).min(MONITOR_MS);
        let args = run.map(|run| run.args.0.clone()).unwrap_or(Value::NULL);
        let until = later(self.run.now, i64::try_from(own).unwrap_or(i64::MAX));
        let called = Called { by: self.flow_name(around), step, attempt, until };
        self.touch(around);
        if let Err((called, failure)) = self.open_beside(code, callee, &args, around, called) {
            let name = code.flow(callee).map(|plan| plan.name.clone()).unwrap_or_default();
            self.leave_out(&called, &name, self.run.now, &failure);
        }
        self.act_value(code, id, Value::NULL, false);
    }

    fn open_beside(
        &mut self,
        code: &Code,
        callee: u32,
        args: &Value,
        around: FlowId,
        called: Called,
    ) -> Result<(), (Called, Box<Failure>)> {
        let bound = self.may_go_beside(code, around).and_then(|()| self.bind_args(code, callee, args));
        let bound = match bound {
            Ok(bound) => bound,
            Err(failure) => return Err((called, failure)),
        };
        let Some(parent) = self.flows.get(around) else { return Ok(()) };
        let can = code.flow(callee).map(|plan| common(&plan.can, &parent.can)).unwrap_or_default();
        let in_saga = parent.in_saga && !parent.passed_final;
        let depth = parent.depth + 1;
        let place = Place::At { path: called.step.clone(), attempt: called.attempt };
        let born = Born { caller: Caller::Beside(around), can, depth, in_saga, exempt: false };
        let flow = self.insert_flow(code, callee, bound, place, born);
        if let Some(flow) = self.flows.get_mut(flow) {
            flow.called = Some(Box::new(called));
        }
        self.beside.live.push(flow);
        Ok(())
    }

    /// Whether one more monitor may begin.
    fn may_go_beside(&mut self, code: &Code, around: FlowId) -> Fallible<()> {
        if self.beside.live.len() >= MOST {
            let message = format!("{MOST} monitors of the run are under way, which is the most");
            return Err(Failure::new("budget", message));
        }
        match self.flows.get(around).filter(|flow| !flow.exempt).map(|flow| flow.depth + 1) {
            Some(depth) => self.deep_enough(code, Some(around), depth),
            None => Ok(()),
        }
    }

    /// Whether a step belongs to a monitor that is carried on beside.
    pub(super) fn is_beside(&self, id: TaskId) -> bool {
        self.tasks.get(id).is_some_and(|task| self.is_in_monitor(task.block))
    }

    /// The same of a block.
    pub(super) fn is_in_monitor(&self, block: BlockId) -> bool {
        !self.beside.is_empty() && self.blocks.get(block).is_some_and(|block| self.monitor(block.flow).is_some())
    }

    fn monitor(&self, flow: FlowId) -> Option<&Called> {
        self.flows.get(flow)?.called.as_deref()
    }

    /// A monitor's call stands behind those that came before it at its server.
    pub(super) fn stand_behind(&mut self, id: TaskId, server: &str) {
        self.beside.lanes.entry(server.into()).or_default().line.push_back(id);
    }

    /// Makes the calls of monitors whose turn it is. Gives whether there were any.
    pub(super) fn next_beside(&mut self, code: &Code) -> bool {
        if self.beside.lanes.is_empty() {
            return false;
        }
        let mut next = Vec::new();
        let mut lanes = std::mem::take(&mut self.beside.lanes);
        lanes.retain(|_, lane| {
            lane.under_way.retain(|id| self.calls(*id));
            while lane.under_way.len() < AT_ONCE
                && let Some(id) = lane.line.pop_front()
            {
                if self.tasks.get(id).is_some() {
                    lane.under_way.push(id);
                    next.push(id);
                }
            }
            !lane.under_way.is_empty()
        });
        self.beside.lanes = lanes;
        next.iter().for_each(|id| self.call_in_turn(code, *id));
        !next.is_empty()
    }

    /// Whether a step's call has not come back.
    fn calls(&self, id: TaskId) -> bool {
        self.tasks.get(id).is_some_and(|task| task.owed.iter().any(|effect| matches!(effect, Effect::Call(_))))
    }

    fn call_in_turn(&mut self, code: &Code, id: TaskId) {
        let Some((_, act)) = self.act_of(code, id) else { return };
        let (Deed::Tool { tool, .. }, Some(flow)) = (&act.target, self.task_flow(id)) else { return };
        let path = self.task_path(id);
        if let Err(failure) = self.make_call(code, id, flow, path, *tool, act) {
            self.act_failed(code, id, failure);
        }
    }

    /// The time of a call that a flow makes now, where it is a monitor: in milliseconds.
    pub(super) fn time_beside(&self, flow: FlowId, role: Option<Role>) -> Fallible<u64> {
        let Some(called) = self.monitor(flow) else {
            return Ok(if role == Some(Role::Monitor) { CALL_MS } else { u64::MAX });
        };
        if self.ending.is_some() && self.holds() {
            return Err(Failure::new("cancelled", "the run has ended"));
        }
        match u64::try_from(called.until.duration_since(self.run.now).as_millis()) {
            Ok(left) if left > 0 => Ok(left.min(CALL_MS)),
            _ => Err(Failure::new("timeout", "its time is over")),
        }
    }

    /// Whether a monitor's step may sleep until then; any other may.
    pub(super) fn may_sleep_beside(&self, id: TaskId, until: Timestamp) -> bool {
        self.task_flow(id).and_then(|flow| self.monitor(flow)).is_none_or(|called| until < called.until)
    }

    /// A flow goes: what it called belongs to the one around it.
    pub(super) fn hand_on_beside(&mut self, from: FlowId) {
        if self.beside.is_empty() {
            return;
        }
        let Some(up) = self.flow_around(from) else { return };
        for id in &self.beside.live {
            if let Some(flow) = self.flows.get_mut(*id).filter(|flow| called_by(flow, from)) {
                flow.caller = Caller::Beside(up);
            }
        }
    }

    /// A flow in a saga has failed, and its monitors are under way: they have a moment, and it undoes when they are at rest.
    pub(super) fn waits_for_beside(&mut self, saga: FlowId, failure: &Failure) -> bool {
        let of_saga = |id: &&FlowId| self.flows.get(**id).is_some_and(|flow| called_by(flow, saga));
        let live: Vec<FlowId> = self.beside.live.iter().filter(of_saga).copied().collect();
        if live.is_empty() {
            return false;
        }
        if let Some(flow) = self.flows.get_mut(saga) {
            flow.failed = Some(Box::new(failure.clone()));
        }
        self.last_of(&live, "the saga undoes what it did");
        true
    }

    /// A monitor has come to its end, and is taken away.
    pub(super) fn ended_beside(&mut self, code: &Code, id: FlowId, flow: Flow, end: Result<(), &Failure>) {
        self.beside.live.retain(|live| *live != id);
        let name = code.flow(flow.code).map(|plan| plan.name.clone()).unwrap_or_default();
        if let Some(called) = &flow.called {
            match end {
                Ok(()) => self.note_beside(called, NoteKind::StepSucceeded, flow.began, None),
                Err(failure) => self.leave_out(called, &name, flow.began, failure),
            }
        }
        let Caller::Beside(around) = flow.caller else { return };
        if let Some(saga) = self.flows.get_mut(around).filter(|saga| saga.in_saga && !saga.passed_final) {
            saga.undos.extend(flow.undos);
        }
        self.undo_at_rest(code, around);
        self.end_when_hooked();
    }

    /// A flow that has failed undoes, once none of its monitors is under way.
    fn undo_at_rest(&mut self, code: &Code, saga: FlowId) {
        if self.flows.get(saga).is_none_or(|flow| flow.failed.is_none()) {
            return;
        }
        let rests = !self.beside.live.iter().any(|id| self.flows.get(*id).is_some_and(|flow| called_by(flow, saga)));
        if let Some(failure) = self.flows.get_mut(saga).filter(|_| rests).and_then(|flow| flow.failed.take()) {
            self.flow_failed(code, saga, failure);
        }
    }

    /// The run's own steps are over: its monitors have a moment.
    pub(super) fn last_of_beside(&mut self) {
        if !self.beside.is_empty() {
            let live = self.beside.live.clone();
            self.last_of(&live, "the run has ended");
        }
    }

    /// These monitors have a moment. Those that only wait for something are left out now.
    fn last_of(&mut self, live: &[FlowId], why: &str) {
        let (code, until) = (Arc::clone(&self.code), later(self.run.now, LAST_MS));
        let cause = Stop::Abort(Failure::new("cancelled", why));
        for id in live {
            if let Some(called) = self.flows.get_mut(*id).and_then(|flow| flow.called.as_mut()) {
                called.until = called.until.min(until);
            }
        }
        let mut waiting = self.waiting_beside();
        waiting.retain(|id| live.contains(id));
        waiting.into_iter().for_each(|id| self.abort_flow(&code, id, &cause));
    }

    /// Monitors of which a step waits for more than a call that was sent.
    fn waiting_beside(&self) -> Vec<FlowId> {
        let waits = |effect: &Effect| !effect.in_flight() || self.is_held(effect);
        let tasks = self.tasks.iter().filter(|task| self.is_in_monitor(task.block) && task.owed.iter().any(waits));
        tasks.filter_map(|task| Some(self.blocks.get(task.block)?.flow)).collect()
    }

    /// The run is cancelled: monitors begin nothing new.
    pub(super) fn cancel_beside(&mut self, code: &Code) {
        let cause = Stop::Abort(Failure::new("cancelled", "the run was cancelled"));
        self.beside.live.clone().into_iter().for_each(|id| self.abort_flow(code, id, &cause));
    }

    fn leave_out(&mut self, called: &Called, name: &str, began: Timestamp, failure: &Failure) {
        let reason = match failure.code.as_str() {
            "cancelled" => format!("monitor `{name}` was left out, not finished: {}", failure.text()),
            _ => format!("monitor `{name}` failed and was left out: {}", failure.shown()),
        };
        self.note_beside(called, NoteKind::StepSkipped, began, Some(reason));
    }

    fn note_beside(&mut self, called: &Called, event: NoteKind, began: Timestamp, reason: Option<String>) {
        if !self.detail {
            return;
        }
        let took = self.run.now.duration_since(began).as_millis();
        self.note(event, called.by.clone(), called.step.clone(), Some(called.attempt), reason);
        if let Some(note) = self.out.notes.last_mut() {
            note.duration_ms = i64::try_from(took).ok();
        }
    }
}

fn called_by(flow: &Flow, by: FlowId) -> bool {
    matches!(flow.caller, Caller::Beside(around) if around == by)
}
