//! What follows a flow that has ended: `after` and `on error` start runs of their own with its envelope, and an archiver
//! that failed is run again until it succeeds. The run ends when each of these runs exists, so nothing is lost when the
//! process dies in between; none of them changes its result.

use super::ambient::{self, backoff, later};
use super::code::Code;
use super::event::{Allowance, Effect, Key, SpawnEffect, Timer};
use super::failure::Failure;
use super::flow::common;
use super::note::NoteKind;
use super::run::Status;
use super::state::{BlockId, Caller, FlowId, Place, TaskId, Waiter};
use super::{Machine, Refusal};
use crate::envelope::{Envelope, Problem, records};
use crate::tool::Fault;
use ecow::EcoString;
use jiff::Timestamp;
use std::sync::Arc;
use weir_lang::ast::Role;
use weir_stdlib::value::{Labels, Value};

/// First and longest delay before an archiver is run again, in milliseconds.
const OUTBOX_BACKOFF: (u64, u64) = (10_000, 600_000);

/// An archiver that is run until it succeeds.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// What the run follows, where it is a hook or an outbox.
    pub behind: Option<EcoString>,
    /// The next attempt's clock.
    pub clock: Option<Effect>,
    /// The archiver's arguments; None: the run is no outbox.
    args: Option<Vec<Value>>,
    attempts: u32,
}

impl Outbox {
    /// The arguments that it is run with each time.
    pub(super) fn remember(&mut self, is_outbox: bool, args: &[Value]) {
        self.args = is_outbox.then(|| args.to_vec());
    }
}

/// What a hook is started for.
struct Hook<'a> {
    flow: u32,
    /// Path of the effect.
    step: EcoString,
    word: &'a str,
    args: Value,
    can: Arc<[EcoString]>,
}

impl Machine {
    /// A flow ends: what hangs on it is started.
    pub(super) fn hook(&mut self, code: &Code, id: FlowId, end: Result<&Value, &Failure>) {
        let Some(plan) = self.flows.get(id).and_then(|flow| code.flow(flow.code)) else { return };
        let on_error = plan.clauses.on_error.filter(|_| end.is_err_and(|failure| failure.code != "blocked"));
        let hooks = [(plan.clauses.after, "after"), (on_error, "on error")];
        if hooks.iter().all(|(flow, _)| flow.is_none()) {
            return;
        }
        let (envelope, labels) = self.envelope_of(id, end);
        let path = self.flows.get(id).map(|flow| self.frame_path(flow.frame)).unwrap_or_default();
        for (flow, word) in hooks {
            let Some(flow) = flow else { continue };
            let can = self.flows.get(id).map(|flow| Arc::clone(&flow.can)).unwrap_or_default();
            let step = below(&path, &format!("hook:{}", word.replace(' ', "_")));
            let args = self.for_param(code, flow, envelope.clone().joined(&labels));
            self.start_hook(code, Hook { flow, step, word, args, can }, &plan.name);
        }
    }

    fn for_param(&self, code: &Code, flow: u32, value: Value) -> Value {
        let name = code.flow(flow).and_then(|flow| flow.params.first()).map(|param| param.name.clone());
        Value::record([(name.unwrap_or_else(|| "envelope".into()), value)])
    }

    /// The envelope of a flow that ends, and the labels of what is in it.
    fn envelope_of(&mut self, id: FlowId, end: Result<&Value, &Failure>) -> (Value, Labels) {
        let Some(flow) = self.flows.get(id) else { return (Value::NULL, Labels::NONE) };
        let path = self.frame_path(flow.frame);
        let entry = matches!(flow.caller, Caller::Entry);
        let saga = self.code.flow(flow.code).is_some_and(|plan| plan.role == Role::Saga);
        let status = match end {
            Ok(_) => Status::Succeeded,
            Err(failure) => self.run.end_of(failure, saga),
        };
        let mut envelope = Envelope::at(self, &self.run, status);
        let metadata = &mut envelope.metadata;
        metadata.flow = self.flow_name(id);
        metadata.finished_at = Some(self.run.now.to_string().into());
        metadata.partial = flow.partial;
        metadata.waiting.clear();
        if !entry {
            metadata.started_at = Some(flow.began.to_string().into());
            (metadata.steps, metadata.attempts) = (flow.steps, flow.calls);
            metadata.side_effects.retain(|effect| inside(&effect.step, &path));
            metadata.report.retain(|line| inside(&line.step, &path));
            metadata.budget_left = None;
        }
        for effect in &mut metadata.side_effects {
            effect.id = if effect.id.is_null() { Value::NULL } else { Value::text(effect.id.display_text()) };
        }
        let labels = match end {
            Ok(value) => {
                envelope.records = records(Some(value).filter(|value| !value.is_null()));
                value.deep_labels()
            }
            Err(failure) => {
                metadata.blocked = failure.code == "blocked";
                metadata.reason = metadata.blocked.then(|| failure.text());
                metadata.error = (!metadata.blocked).then(|| Problem {
                    code: failure.code.clone(),
                    message: failure.text(),
                    step: failure.step.clone(),
                });
                failure.message.labels.clone()
            }
        };
        // Secret parts are masked, so the labels say only where the rest comes from.
        let labels = if labels.untrusted() { Labels::NONE.as_untrusted() } else { Labels::NONE };
        (Value::from_json(&envelope.to_json()).unwrap_or(Value::NULL), labels)
    }

    fn start_hook(&mut self, code: &Code, hook: Hook<'_>, of: &str) {
        let Some(plan) = code.flow(hook.flow) else { return };
        let behind = format!("{} {of} of run {}", hook.word, self.run.id);
        let key = Key::new(hook.step.clone(), 1);
        if let Some(missing) = plan.can.iter().find(|capability| !hook.can.contains(capability)) {
            let reason = format!("`{}` needs `{missing}`, which was not passed on to `{of}`", plan.name);
            let refusal = Refusal { key, what: plan.name.clone(), code: "permission".into(), reason: reason.clone() };
            self.out.refused.push(refusal);
            return self.alert_at(hook.step, format!("`{}` ({behind}) was not started: {reason}", plan.name));
        }
        let labels = hook.args.deep_labels();
        let spawn = SpawnEffect {
            run_id: ambient::child_run(&self.run.id, &hook.step, 1, self.run.now),
            key,
            flow: hook.flow,
            name: plan.name.clone(),
            args: hook.args,
            grants: plan.can.to_vec(),
            delivery: self.run.delivery,
            flags: self.run.flags.clone(),
            project: self.run.project.clone(),
            untrusted: labels.untrusted(),
            secret: labels.secret(),
            behind: Some(behind.into()),
            due: None,
            // What tells of an end, or keeps it, does so also where a budget is used up.
            allowance: Allowance::default(),
        };
        let effect = Effect::Spawn(Box::new(spawn));
        self.waiters.insert(hook.step, Waiter::Hook);
        self.hooks.push(effect.clone());
        self.emit(effect);
    }

    fn alert_at(&mut self, step: EcoString, reason: String) {
        let flow = self.run.flow.clone();
        self.note(NoteKind::Alert, flow, step, None, Some(reason));
    }

    /// A hook's run exists, or could not be started.
    pub(super) fn hook_settled(&mut self, key: &Key, fault: Option<&Fault>) {
        let before = self.hooks.len();
        self.hooks.retain(|effect| effect.key() != Some(key));
        if self.hooks.len() == before {
            return;
        }
        self.waiters.remove(&key.step);
        if let Some(fault) = fault {
            self.alert_at(key.step.clone(), fault.to_string());
        }
        self.end_when_hooked();
    }

    /// Ends the run, once every run that hangs on it exists, and is told where it is cancelled, and no monitor is under way.
    pub(super) fn end_when_hooked(&mut self) {
        let settled = self.hooks.is_empty() && self.started.settled() && self.beside.is_empty();
        let Some(status) = self.ending.filter(|_| settled) else { return };
        self.run.ended = Some(status);
        self.run.finished_at = Some(self.run.now);
        if let Some(behind) = self.outbox.behind.clone().filter(|_| status != Status::Succeeded) {
            let why = self.run.failure.as_ref().map(|failure| failure.shown()).unwrap_or_default();
            let reason = format!("`{}`, {behind}, is {}: {why}", self.run.flow, status.word());
            self.note_run(NoteKind::Alert, Some(reason));
        }
        self.note_end(status);
        self.out.effects.push(Effect::Finish);
    }

    /// Counts a step, and for flows with hooks in each of those around it.
    pub(super) fn count_act(&mut self, code: &Code, block: BlockId) {
        self.run.steps += 1;
        if !code.hooked {
            return;
        }
        let mut at = self.blocks.get(block).map(|block| block.flow);
        while let Some(id) = at {
            at = self.flow_around(id);
            if let Some(flow) = self.flows.get_mut(id) {
                flow.steps += 1;
            }
        }
    }

    /// An archiver failed and its caller goes on: a run of its own archives what it was given.
    pub(super) fn archive_later(&mut self, code: &Code, task: TaskId) {
        let Some((_, act)) = self.act_of(code, task) else { return };
        let super::code::Deed::Flow { flow, .. } = &act.target else { return };
        let (flow, path) = (*flow, self.task_path(task));
        let Some(plan) = code.flow(flow) else { return };
        let bound = self.tasks.get(task).and_then(|task| task.act.as_ref()).map(|run| run.bound.clone());
        let args = Value::record(plan.params.iter().map(|param| param.name.clone()).zip(bound.unwrap_or_default()));
        let around = self.task_flow(task);
        let can = around.and_then(|around| self.flows.get(around)).map(|flow| common(&plan.can, &flow.can));
        let of = around.map(|around| self.flow_name(around)).unwrap_or_default();
        let attempt = self.tasks.get(task).map_or(1, |task| task.attempt);
        let step = below(&path, &format!("hook:outbox@{attempt}"));
        let hook = Hook { flow, step, word: "outbox of", args, can: can.unwrap_or_default() };
        self.start_hook(code, hook, &of);
    }

    /// The entry flow is an archiver that follows a flow and has failed: it is run again later.
    pub(super) fn put_into_outbox(&mut self, id: FlowId, failure: &Failure) -> bool {
        let entry = self.flows.get(id).is_some_and(|flow| matches!(flow.caller, Caller::Entry));
        // What has been written in part is not written again by itself.
        let risky = self.flows.get(id).is_some_and(|flow| flow.risky);
        let stays = risky || failure.lasting || matches!(failure.code.as_str(), "cancelled" | "permission");
        if !entry || stays || self.outbox.args.is_none() {
            return false;
        }
        self.outbox.attempts += 1;
        let (tries, (lo, hi)) = (self.outbox.attempts, OUTBOX_BACKOFF);
        // Never at once: half of the delay is certain.
        let delay = lo.saturating_mul(1 << tries.min(16)).min(hi) / 2;
        let delay = delay + backoff(&self.run.id, "outbox", tries, lo, hi) / 2;
        let until = later(self.run.now, i64::try_from(delay).unwrap_or(i64::MAX));
        let behind = self.outbox.behind.clone().unwrap_or_default();
        let reason =
            format!("`{}`, {behind}, failed and is kept: {}; next try at {until}", self.run.flow, failure.shown());
        self.note_run(NoteKind::Alert, Some(reason));
        self.close_flow(id);
        let clock = Effect::Sleep { key: Key::new("hook:outbox".into(), tries), timer: Timer::Outbox, until };
        self.outbox.clock = Some(clock.clone());
        self.entry = None;
        self.out.effects.push(clock);
        true
    }

    /// The next try is due.
    pub(super) fn archive_again(&mut self, code: &Code, key: &Key) {
        if self.outbox.clock.as_ref().and_then(Effect::key) != Some(key) {
            return;
        }
        self.outbox.clock = None;
        let Some(args) = self.outbox.args.clone() else { return };
        let place = Place::At { path: EcoString::new(), attempt: self.outbox.attempts + 1 };
        match self.open_flow(code, code.plan.entry, args, place, Caller::Entry, None) {
            Ok(flow) => self.entry = Some(flow),
            Err(failure) => self.run_failed(failure, false, false),
        }
    }

    /// When the archiver is run again.
    pub(crate) fn outbox_until(&self) -> Option<(&Key, Timestamp)> {
        match self.outbox.clock.as_ref()? {
            Effect::Sleep { key, until, .. } => Some((key, *until)),
            _ => None,
        }
    }

    /// Somebody gives the outbox up.
    pub(super) fn leave_outbox(&mut self, reason: &str) -> bool {
        let Some(clock) = self.outbox.clock.take() else { return false };
        self.withdraw(&[clock]);
        self.paused = false;
        let message = if reason.is_empty() { "the run was cancelled" } else { reason };
        self.run_failed(Failure::new("cancelled", message), false, false);
        true
    }
}

/// A path below another.
fn below(path: &str, name: &str) -> EcoString {
    if path.is_empty() { name.into() } else { format!("{path}/{name}").into() }
}

/// Whether a step belongs to the flow of that path.
fn inside(step: &str, path: &str) -> bool {
    path.is_empty() || step.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
}
