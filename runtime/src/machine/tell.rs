//! Taking events in: finding who waits for them, starting, cancelling, and how a run ends.

use super::code::{Code, Deed};
use super::event::{Effect, Event, Key, Started, Timer};
use super::failure::Failure;
use super::note::NoteKind;
use super::run::Status;
use super::state::{Caller, FlowId, Phase, Place, State, Stop, TaskId, Waiter};
use super::{MAIL, Machine, Mail, Refusal};
use crate::tool::Unfinished;
use ecow::EcoString;
use weir_lang::ast::Role;
use weir_stdlib::narrow::Boundary;
use weir_stdlib::value::{Labels, Origin, Value};

impl Machine {
    pub(super) fn told(&mut self, code: &Code, event: &Event) {
        if let Event::Started(started) = event {
            if self.run.started_at.is_none() {
                self.start(code, started);
            }
            return;
        }
        if self.run.started_at.is_none() {
            if let Event::Cancelled { reason, .. } = event {
                self.called_off = Some(reason.clone());
            }
            return;
        }
        match event {
            Event::Started(_) => {}
            Event::Done { key, value, recorded, misfit, .. } => {
                self.done(code, key, value, *recorded, misfit.as_deref());
            }
            Event::Failed { key, fault, .. } => match self.waiters.get(&key.step).copied() {
                Some(Waiter::Hook) => self.hook_settled(key, Some(fault)),
                Some(Waiter::Task(id)) if self.helped(id, key) => {
                    let reason = format!("nobody could be told: {fault}");
                    self.note_task(id, &key.step, NoteKind::Alert, Some(reason));
                }
                Some(Waiter::Task(id)) if self.take_in_flight(id, key).is_some() => self.call_failed(code, id, fault),
                Some(Waiter::Undo(id)) if self.undo_settle(id, key, None).is_some() => self.undo_fault(id, fault),
                _ => {}
            },
            Event::Unfinished { key, left, .. } => self.unfinished(code, key, left),
            Event::Woke { key, timer, .. } => self.woke(code, key, *timer),
            Event::Answered { key, value, .. } => self.answered(code, key, value),
            Event::Received { id, event, key, value, .. } => self.mail(code, id, event, key.as_ref(), value),
            Event::Decided { key, decision, .. } => self.decided(code, key, decision),
            Event::Paused { .. } => {
                self.paused = true;
                self.note_run(NoteKind::RunPaused, None);
            }
            Event::Resumed { .. } => self.resume(),
            Event::Cancelled { reason, started, .. } => self.cancel(code, reason, *started),
        }
    }

    fn start(&mut self, code: &Code, started: &Started) {
        self.run.begin(started);
        self.outbox.behind = started.behind.clone();
        self.note_run(NoteKind::RunStarted, None);
        let number = code.plan.entry;
        if let Some(reason) = self.called_off.take() {
            return self.run_failed(cancelled(&reason), false, false);
        }
        let Some(plan) = code.flow(number) else {
            return self.run_failed(Failure::new("failed", "the plan has no entry flow"), false, false);
        };
        if let Some(missing) = plan.can.iter().find(|capability| !started.grants.contains(capability)) {
            let message = format!(
                "`{}` needs `{missing}`, which the run was not granted: add it under `[grants]` in weir.toml or run with \
                 `--grant {missing}`",
                plan.name
            );
            self.out.refused.push(Refusal {
                key: Key::new(EcoString::new(), 0),
                what: plan.name.clone(),
                code: "permission".into(),
                reason: message.clone(),
            });
            return self.run_failed(Failure::new("permission", message), false, false);
        }
        let mut labels = Labels::NONE;
        if started.untrusted {
            labels = labels.as_untrusted();
        }
        if started.secret {
            labels = labels.as_secret();
        }
        let args = started.args.clone().joined(&labels);
        let bound = match self.bind_args(code, number, &args) {
            Ok(bound) => bound,
            Err(failure) => return self.run_failed(failure, false, false),
        };
        if let Some(function) = plan.function {
            return match self.call_function(code, function, bound, &plan.name) {
                Ok(value) => self.run_succeeded(value, false),
                Err(failure) => self.run_failed(failure, false, false),
            };
        }
        self.outbox.remember(started.behind.is_some() && plan.role == Role::Archiver, &bound);
        match self.open_flow(code, number, bound, Place::Entry, Caller::Entry, None) {
            Ok(flow) => self.entry = Some(flow),
            Err(failure) => self.run_failed(failure, false, false),
        }
    }

    fn done(&mut self, code: &Code, key: &Key, value: &Value, recorded: bool, misfit: Option<&str>) {
        match self.waiters.get(&key.step).copied() {
            Some(Waiter::Task(id)) if self.helped(id, key) => {}
            Some(Waiter::Task(id)) => match self.take_in_flight(id, key) {
                Some(Effect::Call(call)) => self.call_done(code, id, &call, value, (recorded, misfit)),
                Some(Effect::Spawn(spawn)) => {
                    // A run that was started again has taken over what the one before it had started.
                    let run_id = value.as_str().map_or(spawn.run_id, EcoString::from);
                    self.has_started(code, id, run_id.clone());
                    self.act_value(code, id, Value::text(run_id.as_str()), false);
                }
                _ => {}
            },
            Some(Waiter::Undo(id)) => match self.undo_settle(id, key, None) {
                Some(Effect::Release { .. }) => self.undo_released(id),
                Some(_) => self.undo_done(id),
                None => {}
            },
            Some(Waiter::Hook) => self.hook_settled(key, None),
            Some(Waiter::Started) => self.started_told(key, value),
            None => {}
        }
    }

    fn unfinished(&mut self, code: &Code, key: &Key, left: &Unfinished) {
        match self.waiters.get(&key.step).copied() {
            Some(Waiter::Task(id)) => {
                if let Some(Effect::Call(call)) = self.take_in_flight(id, key) {
                    self.call_unfinished(code, id, *call, left.clone());
                }
            }
            Some(Waiter::Undo(id)) => {
                if let Some(Effect::Call(call)) = self.undo_settle(id, key, None) {
                    self.undo_unfinished(id, *call, left.clone());
                }
            }
            Some(Waiter::Hook | Waiter::Started) | None => {}
        }
    }

    /// The effect in flight that an event answers.
    fn take_in_flight(&mut self, id: TaskId, key: &Key) -> Option<Effect> {
        let owed = &self.tasks.get(id)?.owed;
        let effect = owed.iter().find(|effect| effect.in_flight() && effect.key() == Some(key))?.clone();
        self.settle_owed(id, Some(&effect));
        Some(effect)
    }

    fn woke(&mut self, code: &Code, key: &Key, timer: Timer) {
        if matches!(timer, Timer::Deadline | Timer::Budget) {
            return self.flow_clock(code, key, timer);
        }
        if timer == Timer::Outbox {
            return self.archive_again(code, key);
        }
        match self.waiters.get(&key.step).copied() {
            Some(Waiter::Undo(id)) if self.undo_settle(id, key, Some(timer)).is_some() => self.undo_woke(code, id),
            Some(Waiter::Task(id)) => self.task_woke(code, id, key, timer),
            _ => {}
        }
    }

    fn task_woke(&mut self, code: &Code, id: TaskId, key: &Key, timer: Timer) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        let fits = |effect: &Effect| effect.timer() == Some(timer) && effect.key() == Some(key);
        let Some(at) = task.owed.iter().position(fits) else { return };
        task.owed.remove(at);
        match timer {
            Timer::Wait => {
                self.waiters.remove(&key.step);
                self.finish_task(code, id, Value::NULL);
            }
            Timer::Retry | Timer::Poll => {
                self.waiters.remove(&key.step);
                let number = self.tasks.get(id).and_then(|task| Some((self.blocks.get(task.block)?.code, task.node)));
                let Some(act) = number.and_then(|(number, node)| code.act(number, node)) else { return };
                if let Err(failure) = self.attempt(code, id, act) {
                    self.act_failed(code, id, failure);
                }
            }
            Timer::Limit => {
                let failure = Failure::new("timeout", "no answer came in time");
                match self.tasks.get(id).map(|task| &task.state) {
                    Some(State::Flow(flow)) => {
                        let flow = *flow;
                        let failure = Failure::new("timeout", format!("`{}` took too long", self.flow_name(flow)));
                        self.abort_flow(code, flow, &Stop::Abort(failure));
                    }
                    _ => self.act_failed(code, id, failure),
                }
            }
            Timer::Deadline | Timer::Budget | Timer::Outbox => {}
        }
    }

    fn flow_clock(&mut self, code: &Code, key: &Key, timer: Timer) {
        let Some(id) = self.clocks.get(&key.step).copied() else { return };
        let Some(flow) = self.flows.get_mut(id) else { return };
        let Some(at) = flow.clocks.iter().position(|clock| clock.timer() == Some(timer)) else { return };
        flow.clocks.remove(at);
        let name = self.flow_name(id);
        let failure = match timer {
            Timer::Budget => self.spent(id, "its time"),
            _ => Failure::new("timeout", format!("`{name}` took longer than its `timeout`")),
        };
        let failure = failure.at(&key.step);
        self.abort_flow(code, id, &Stop::Abort(failure));
    }

    fn answered(&mut self, code: &Code, key: &Key, value: &Value) {
        let Some(Waiter::Task(id)) = self.waiters.get(&key.step).copied() else { return };
        let asks = |effect: &&Effect| matches!(effect, Effect::Ask(ask) if ask.key == *key);
        let found = self.tasks.get(id).and_then(|task| task.owed.iter().find(asks).cloned());
        let Some(effect @ Effect::Ask(_)) = found else { return };
        let Effect::Ask(ask) = &effect else { return };
        match Machine::narrow(code, value, &Boundary::new(ask.ty.clone())) {
            Ok(value) => {
                self.settle_owed(id, Some(&effect));
                if self.call_answered(id, &value) {
                    return;
                }
                let labels = self.origin(key, "ask", false);
                self.act_value(code, id, value.joined(&labels), false);
            }
            Err(misfit) => {
                let reason = format!("the answer does not fit `{}`, the question stays open: {misfit}", ask.ty);
                self.note_task(id, &key.step, NoteKind::AttemptFailed, Some(reason));
            }
        }
    }

    fn origin(&self, key: &Key, tool: &str, untrusted: bool) -> Labels {
        let at = self.run.now.to_string().into();
        Labels::of(Origin { step: key.step.clone(), tool: tool.into(), attempt: key.attempt, at }, untrusted)
    }

    /// An event came in: for the first step that waits for it, else for later.
    fn mail(&mut self, code: &Code, id: &EcoString, event: &EcoString, key: Option<&EcoString>, value: &Value) {
        if !self.seen.insert(id.clone()) {
            return;
        }
        let mut found = None;
        let mut receivers = std::mem::take(&mut self.receivers);
        receivers.retain(|task| {
            let Some(task_owed) = self.tasks.get(*task).map(|task| &task.owed) else { return false };
            let waits = task_owed.iter().find_map(|effect| match effect {
                Effect::Receive(receive) => Some(receive),
                _ => None,
            });
            let Some(receive) = waits else { return false };
            if receive.takes(event, key) && found.is_none() {
                found = Some((*task, Effect::Receive(receive.clone())));
                return false;
            }
            true
        });
        self.receivers = receivers;
        match found {
            Some((task, effect)) => {
                self.settle_owed(task, Some(&effect));
                self.received(code, task, value.clone());
            }
            None if self.inbox.len() < MAIL => {
                let (event, key) = (event.clone(), key.cloned());
                self.inbox.push_back(Mail { event, key, value: value.clone() });
            }
            None => {
                let reason = format!("the event `{event}` was refused: {MAIL} others wait already");
                self.note_run(NoteKind::Alert, Some(reason));
            }
        }
    }

    /// An event that came in before anyone waited for it.
    pub(super) fn take_mail(&mut self, event: &EcoString, with: Option<&EcoString>) -> Option<Value> {
        let fits = |mail: &Mail| mail.event == *event && with.is_none_or(|with| mail.key.as_ref() == Some(with));
        let at = self.inbox.iter().position(fits)?;
        self.inbox.remove(at).map(|mail| mail.value)
    }

    /// A step has its event.
    pub(super) fn received(&mut self, code: &Code, id: TaskId, value: Value) {
        let Some(task) = self.tasks.get(id) else { return };
        let (node, attempt) = (task.node, task.attempt);
        let number = self.blocks.get(task.block).map(|block| block.code);
        let Some(Deed::Receive { ty, .. }) = number.and_then(|number| code.act(number, node)).map(|act| &act.target)
        else {
            return;
        };
        let key = Key::new(self.task_path(id), attempt);
        match Machine::narrow(code, &value, ty) {
            Ok(value) => {
                let labels = self.origin(&key, "receive", true);
                self.act_value(code, id, value.joined(&labels), false);
            }
            Err(misfit) => {
                let message = format!("the event does not fit `{}`: {misfit}", ty.ty);
                self.act_failed(code, id, Failure::new("bad_response", message));
            }
        }
    }

    fn resume(&mut self) {
        if self.paused {
            self.paused = false;
            self.let_go();
            self.note_run(NoteKind::RunResumed, None);
        }
    }

    /// Ends the run: what is in flight is awaited, sagas undo what they did, and what it started is cancelled with it.
    /// While the entry flow undoes, nothing else changes.
    fn cancel(&mut self, code: &Code, reason: &str, started: bool) {
        if started {
            self.cancel_started();
        }
        if self.leave_outbox(reason) {
            return;
        }
        self.cancel_beside(code);
        let Some(entry) = self.entry else { return };
        if self.flows.get(entry).is_some_and(|flow| matches!(flow.phase, Phase::Running(_))) {
            self.abort_flow(code, entry, &Stop::Abort(cancelled(reason)));
        }
        self.paused = false;
        self.let_go();
    }

    pub(super) fn run_succeeded(&mut self, value: Value, partial: bool) {
        let returns = self.code.plan.entry_flow().is_some_and(|flow| flow.returns.is_some());
        self.run.value = (returns || !value.is_null()).then_some(value);
        self.finish(Status::Succeeded, partial);
    }

    pub(super) fn run_failed(&mut self, failure: Box<Failure>, entry_saga: bool, partial: bool) {
        let status = self.run.end_of(&failure, entry_saga);
        self.run.failure = Some(failure);
        self.finish(status, partial);
    }

    fn finish(&mut self, status: Status, partial: bool) {
        self.run.partial = partial;
        self.ending = Some(status);
        self.last_of_beside();
        self.end_when_hooked();
    }

    /// Which flow a flow's step belongs to, for notes.
    pub(super) fn task_flow(&self, id: TaskId) -> Option<FlowId> {
        Some(self.blocks.get(self.tasks.get(id)?.block)?.flow)
    }
}

fn cancelled(reason: &str) -> Box<Failure> {
    Failure::new("cancelled", if reason.is_empty() { "the run was cancelled" } else { reason })
}
