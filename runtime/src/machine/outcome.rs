//! What a call came to: narrowing, polling, registering; or failing, retrying, handing over to the handlers.

use super::Machine;
use super::ambient::{self, backoff, later};
use super::code::{ActCode, Code, Deed};
use super::event::{CallEffect, Effect, Key, Timer};
use super::failure::{Failure, by_name, transient};
use super::note::NoteKind;
use super::state::{BlockId, Stop, TaskId};
use crate::tool::{Fault, Happened};
use ecow::EcoString;
use weir_compiler::plan::{RetryPlan, ToolPlan};
use weir_lang::ast::Role;
use weir_stdlib::value::{Labels, Origin, Value};

/// Longest patience that a server may ask for: an hour.
const PATIENCE_MS: u64 = 3_600_000;

impl Machine {
    pub(super) fn act_of<'a>(&self, code: &'a Code, id: TaskId) -> Option<(BlockId, &'a ActCode)> {
        let task = self.tasks.get(id)?;
        let act = code.act(self.blocks.get(task.block)?.code, task.node)?;
        Some((task.block, act))
    }

    /// A tool has answered. `how`: whether that was recorded earlier, and why the result breaks the server's own schema.
    pub(super) fn call_done(
        &mut self,
        code: &Code,
        id: TaskId,
        call: &CallEffect,
        raw: &Value,
        (recorded, misfit): (bool, Option<&str>),
    ) {
        let Some((block, act)) = self.act_of(code, id) else { return };
        let Deed::Tool { tool, .. } = &act.target else { return };
        let Some(tool) = code.tool(*tool) else { return };
        let origin = Origin {
            step: call.key.step.clone(),
            tool: tool.name.clone(),
            attempt: call.key.attempt,
            at: self.run.now.to_string().into(),
        };
        let labels = Labels::of(origin, tool.untrusted);
        let narrowed = match misfit {
            Some(misfit) => Err(misfit.to_owned()),
            None => Machine::narrow(code, raw, &tool.output)
                .map_err(|misfit| format!("the result of `{}` does not fit its type: {misfit}", tool.name)),
        };
        match narrowed {
            Ok(value) => {
                let value = value.joined(&labels);
                self.deliver(code, block, tool, &value, recorded);
                self.act_value(code, id, value, recorded);
            }
            Err(message) => {
                self.set_slot(block, act.result, raw.clone().joined(&labels));
                self.completed(code, id, act, raw, recorded);
                let mut failure = Failure::new("bad_response", message);
                failure.happened = Happened::Maybe;
                self.act_failed(code, id, failure);
            }
        }
    }

    /// What a delivery answers when its send is through.
    pub(super) fn deliver(&mut self, code: &Code, block: BlockId, tool: &ToolPlan, value: &Value, recorded: bool) {
        let Some(flow) = self.blocks.get(block).and_then(|block| self.flows.get_mut(block.flow)) else { return };
        if tool.sends() && code.flow(flow.code).is_some_and(|plan| plan.role == Role::Delivery) {
            let status = if recorded { "duplicate" } else { "sent" };
            let id = value.field("id");
            let id = if id.is_null() { id } else { Value::text(id.display_text()).with_labels(id.labels) };
            flow.delivered = Some(super::act::delivery_status(status, id));
        }
    }

    /// The call's own value is known: poll again, or register what it did and finish the step.
    pub(super) fn act_value(&mut self, code: &Code, id: TaskId, value: Value, recorded: bool) {
        let Some((block, act)) = self.act_of(code, id) else { return };
        self.settle_owed(id, None);
        self.set_slot(block, act.result, value.clone());
        let stopping = self.stopping(block);
        if !stopping {
            match self.satisfied(code, block, act) {
                Ok(true) => {}
                Ok(false) => return self.poll(code, id, block, act),
                Err(failure) => return self.until_failed(code, id, act, failure),
            }
        }
        self.completed(code, id, act, &value, recorded);
        if stopping {
            self.close_task(id);
            return;
        }
        match &act.value {
            None => self.finish_task(code, id, value),
            Some(pure) => match self.eval(code, block, "value", pure) {
                Ok(value) => self.finish_task(code, id, value),
                Err(mut failure) => {
                    failure.happened = Happened::Maybe;
                    self.act_failed(code, id, failure);
                }
            },
        }
    }

    fn satisfied(&mut self, code: &Code, block: BlockId, act: &ActCode) -> Result<bool, Box<Failure>> {
        match &act.until {
            None => Ok(true),
            Some(until) => Ok(self.eval(code, block, "until", &until.cond)?.as_bool() == Some(true)),
        }
    }

    /// `until` does not hold yet: look again later, the last time when `within` ends.
    fn poll(&mut self, code: &Code, id: TaskId, block: BlockId, act: &ActCode) {
        let Some(until) = &act.until else { return };
        let every =
            match self.eval(code, block, "every", &until.every).and_then(|every| ambient::millis(&every, "`every`")) {
                Ok(every) => every,
                Err(failure) => return self.until_failed(code, id, act, failure),
            };
        let now = self.run.now;
        let Some(task) = self.tasks.get_mut(id) else { return };
        let Some(run) = task.act.as_mut() else { return };
        run.retries = 0;
        let mut at = later(now, every);
        if let Some(within) = run.within {
            if now >= within {
                let failure = Failure::new("timeout", "what `until` waits for did not come about in time");
                return self.until_failed(code, id, act, failure);
            }
            at = at.min(within);
        }
        let next = task.attempt + 1;
        if !self.may_sleep_beside(id, at) {
            return self.until_failed(code, id, act, Failure::new("timeout", "its time is over"));
        }
        let path = self.task_path(id);
        self.owe(id, Effect::Sleep { key: Key::new(path, next), timer: Timer::Poll, until: at });
    }

    /// `until` stands behind `retry`: what fails there goes to the handlers.
    fn until_failed(&mut self, code: &Code, id: TaskId, act: &ActCode, failure: Box<Failure>) {
        self.settle_owed(id, None);
        let failure = failure.at(&self.task_path(id));
        self.handle(code, id, act, failure);
    }

    /// A tool has failed.
    pub(super) fn call_failed(&mut self, code: &Code, id: TaskId, fault: &Fault) {
        let Some((_, act)) = self.act_of(code, id) else { return };
        let mut failure = Failure::fault(fault);
        if let Deed::Tool { tool, .. } = &act.target
            && let Some(tool) = code.tool(*tool)
        {
            failure.code = error_code(tool, fault);
            if !act.repeatable && fault.happened == Happened::Maybe && failure.code != "unknown" {
                failure.message = Value::text(format!("`{}` may have happened: {}", tool.name, failure.shown()))
                    .with_labels(failure.message.labels.clone());
                failure.code = "unknown".into();
            }
        }
        if failure.code == "unknown" {
            let path = self.task_path(id);
            self.note_task(id, &path, NoteKind::StepUnknown, Some(failure.text()));
        } else if fault.happened == Happened::Maybe
            && let Some(run) = self.tasks.get_mut(id).and_then(|task| task.act.as_mut())
        {
            run.maybe = true;
        }
        self.act_failed(code, id, failure);
    }

    /// An attempt failed: retry by policy, else the handlers.
    pub(super) fn act_failed(&mut self, code: &Code, id: TaskId, failure: Box<Failure>) {
        let Some((block, act)) = self.act_of(code, id) else { return };
        self.settle_owed(id, None);
        let path = self.task_path(id);
        let failure = failure.at(&path);
        let again = self.retry(id, act, &failure, &path);
        if again.is_some() && self.stopping(block) {
            // It has not failed for good: nobody knows what the next attempt would have come to.
            self.note_task(id, &path, NoteKind::AttemptFailed, Some(failure.shown()));
            self.may_stay(code, id, act, &failure.shown());
            self.close_task(id);
            return;
        }
        if let Some((next, at, reason)) = again {
            self.note_task(id, &path, NoteKind::AttemptFailed, Some(reason));
            let delay = at.duration_since(self.run.now).as_millis();
            if let Some(note) = self.out.notes.last_mut() {
                note.retry_in_ms = u64::try_from(delay).ok();
            }
            self.owe(id, Effect::Sleep { key: Key::new(path, next), timer: Timer::Retry, until: at });
            return;
        }
        if matches!(act.target, Deed::Tool { .. }) {
            self.note_task(id, &path, NoteKind::AttemptFailed, Some(failure.shown()));
        }
        if failure.code != "unknown" {
            self.may_stay(code, id, act, &failure.shown());
        }
        if !self.stopping(block) && self.escalate(code, id, act, &failure) {
            return;
        }
        self.handle(code, id, act, failure);
    }

    /// The next attempt, when, and why, if the policy gives one.
    fn retry(
        &mut self,
        id: TaskId,
        act: &ActCode,
        failure: &Failure,
        path: &EcoString,
    ) -> Option<(u32, jiff::Timestamp, String)> {
        if !matches!(act.target, Deed::Tool { .. } | Deed::Flow { .. }) || failure.code == "unknown" {
            return None;
        }
        let flow = self.task_flow(id).and_then(|flow| self.flows.get(flow)).and_then(|flow| self.code.flow(flow.code));
        if flow.is_some_and(|flow| flow.role == Role::Monitor) {
            return None;
        }
        let plan = act.policy.iter().find(|arm| failure.taken_by(&arm.codes))?.retry.as_ref()?;
        if plan.only_if_not_happened && failure.happened == Happened::Maybe {
            return None;
        }
        let task = self.tasks.get_mut(id)?;
        let next = task.attempt + 1;
        let run = task.act.as_mut().filter(|run| run.ready)?;
        if plan.count.is_some_and(|count| run.retries >= count) {
            return None;
        }
        run.retries += 1;
        let retries = run.retries;
        let delay = self.delay(path, next, retries, plan, failure);
        let of = plan.count.map_or(String::new(), |count| format!(" of {count}"));
        let reason = format!("{}; retry {retries}{of} in {delay} ms", failure.shown());
        Some((next, later(self.run.now, i64::try_from(delay).unwrap_or(i64::MAX)), reason))
    }

    fn delay(&self, path: &str, attempt: u32, retry: u32, plan: &RetryPlan, failure: &Failure) -> u64 {
        let seed = format!("{path}#{attempt}");
        let own = backoff(&self.run.id, &seed, retry, plan.lo_ms, plan.hi_ms);
        own.max(failure.retry_after_ms.unwrap_or(0).min(PATIENCE_MS))
    }

    /// Forgets what a step owed: its event has come, or nobody needs it any more. `got` has had its answer.
    pub(super) fn settle_owed(&mut self, id: TaskId, got: Option<&Effect>) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        let limited = matches!(task.state, super::state::State::Flow(_));
        if task.owed.is_empty() && !limited {
            return;
        }
        let mut owed = std::mem::take(&mut task.owed);
        if let Some(at) = got.and_then(|got| owed.iter().position(|effect| effect == got)) {
            owed.remove(at);
        }
        let path = self.task_path(id);
        self.waiters.remove(&path);
        self.withdraw(&owed);
    }

    /// Stops a step that cannot go on, whatever its handlers say.
    pub(super) fn give_up(&mut self, code: &Code, id: TaskId, failure: Box<Failure>) {
        self.settle_owed(id, None);
        self.stop_task(code, id, Stop::Fail(failure));
    }
}

/// The code that the tool's table gives to a message, for faults that carry no telling code of their own.
fn error_code(tool: &ToolPlan, fault: &Fault) -> EcoString {
    let telling = transient(&fault.code) || by_name(&fault.code) || fault.code == "cancelled";
    let known = tool.errors.iter().find(|(part, _)| !telling && fault.message.contains(part.as_str()));
    known.map_or_else(|| fault.code.clone(), |(_, code)| code.clone())
}
