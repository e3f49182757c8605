//! What a person has to decide: whether a call that may have happened did, and what becomes of a failure that a policy
//! hands to an operator. While nobody knows whether a call happened, nothing new is sent: calls, starts, questions and
//! undos are held, what is in flight is awaited.

use super::Machine;
use super::code::{ActCode, Code, Deed};
use super::event::{Allowance, AttendEffect, Decision, Effect, Key, SpawnEffect};
use super::failure::{Failure, Fallible};
use super::note::NoteKind;
use super::state::{State, Stop, TaskId, Waiter};
use super::{ambient, path};
use ecow::EcoString;
use weir_compiler::plan::PolicyEndPlan;
use weir_lang::types::Type;
use weir_stdlib::narrow::Boundary;
use weir_stdlib::value::{Labels, Origin, Value};

impl Machine {
    /// A step failed without anybody knowing whether its call happened, and nobody looks it up: it waits for an
    /// operator. False: it is none of that.
    pub(super) fn attend_unknown(&mut self, code: &Code, id: TaskId, failure: &Failure) -> bool {
        let has_act = self.tasks.get(id).is_some_and(|task| task.act.is_some());
        if !has_act || failure.code != "unknown" || failure.lasting || self.looked_up(code, id) {
            return false;
        }
        self.unknowns += 1;
        self.attend(code, id, failure.clone(), false);
        true
    }

    /// A policy hands the failure to an operator: the flow that it names is started, and the step waits. False: it does
    /// not.
    pub(super) fn escalate(&mut self, code: &Code, id: TaskId, act: &ActCode, failure: &Failure) -> bool {
        let arm = act.policy.iter().find(|arm| failure.taken_by(&arm.codes));
        let Some(PolicyEndPlan::Escalate(flow)) = arm.map(|arm| &arm.then) else { return false };
        // Nobody waits for a monitor, so nobody is asked about it.
        if failure.code == "unknown" || self.is_beside(id) {
            return false;
        }
        let flow = *flow;
        self.attend(code, id, failure.clone(), true);
        if let Some(spawn) = self.call_for_help(code, id, flow, failure) {
            self.owe(id, Effect::Spawn(Box::new(spawn)));
        }
        true
    }

    fn attend(&mut self, code: &Code, id: TaskId, failure: Failure, escalated: bool) {
        let path = self.task_path(id);
        let Some(task) = self.tasks.get_mut(id) else { return };
        let attempt = task.attempt.max(1);
        let claim = task.act.as_ref().and_then(|run| run.claim.clone());
        task.state = State::Attention { failure: Box::new(failure.clone()), escalated };
        let (tool, ty) = self.subject(code, id);
        self.note_task(id, &path, NoteKind::RunNeedsAttention, Some(failure.shown()));
        let effect = AttendEffect {
            key: Key::new(path, attempt),
            tool,
            code: failure.code.clone(),
            message: failure.message,
            ty,
            escalated,
            claim,
        };
        self.owe(id, Effect::Attend(Box::new(effect)));
    }

    /// The tool that a step calls, and what its result must fit.
    fn subject(&self, code: &Code, id: TaskId) -> (Option<EcoString>, Option<Type>) {
        match self.act_of(code, id).map(|(_, act)| &act.target) {
            Some(Deed::Tool { tool, .. }) => {
                let tool = code.tool(*tool);
                (tool.map(|tool| tool.name.clone()), tool.map(|tool| tool.output.ty.clone()))
            }
            Some(Deed::Flow { flow, .. }) => {
                let returns = code.flow(*flow).and_then(|flow| flow.returns.as_ref());
                (None, returns.map(|returns| returns.ty.clone()))
            }
            Some(Deed::Ask { ty, .. } | Deed::Receive { ty, .. }) => (None, Some(ty.ty.clone())),
            _ => (None, None),
        }
    }

    /// The run that tells an operator.
    fn call_for_help(&mut self, code: &Code, id: TaskId, flow: u32, failure: &Failure) -> Option<SpawnEffect> {
        let step: EcoString = format!("{}/escalate", self.task_path(id)).into();
        let plan = code.flow(flow)?;
        let attempt = self.tasks.get(id)?.attempt.max(1);
        let param = plan.params.first().map(|param| param.name.clone()).unwrap_or_else(|| "error".into());
        let args = Value::record([(param, failure.record())]);
        let labels = args.deep_labels();
        Some(SpawnEffect {
            run_id: ambient::child_run(&self.run.id, &step, attempt, self.run.now),
            key: Key::new(step, attempt),
            flow,
            name: plan.name.clone(),
            args,
            grants: plan.can.iter().filter(|capability| self.run.grants.contains(capability)).cloned().collect(),
            delivery: self.run.delivery,
            flags: self.run.flags.clone(),
            project: self.run.project.clone(),
            untrusted: labels.untrusted(),
            secret: labels.secret(),
            due: None,
            behind: None,
            allowance: Allowance::default(),
        })
    }

    /// Whether an event answers the start of the run that tells an operator; nothing follows from it.
    pub(super) fn helped(&mut self, id: TaskId, key: &Key) -> bool {
        let Some(task) = self.tasks.get_mut(id) else { return false };
        if !matches!(task.state, State::Attention { .. }) {
            return false;
        }
        let before = task.owed.len();
        task.owed.retain(|effect| !(matches!(effect, Effect::Spawn(_)) && effect.key() == Some(key)));
        if task.owed.len() < before {
            self.waiters.remove(&key.step);
        }
        true
    }

    /// An operator has decided.
    pub(super) fn decided(&mut self, code: &Code, key: &Key, decision: &Decision) {
        let Some(Waiter::Task(id)) = self.waiters.get(&key.step).copied() else { return };
        let Some(task) = self.tasks.get_mut(id) else { return };
        let attends = |effect: &Effect| matches!(effect, Effect::Attend(attend) if attend.key == *key);
        if !task.owed.iter().any(attends) {
            return;
        }
        let State::Attention { failure, escalated } = std::mem::replace(&mut task.state, State::Owed) else { return };
        let answered = task.owed.iter().find(|effect| attends(effect)).cloned();
        self.waiters.remove(&EcoString::from(format!("{}/escalate", key.step)));
        self.settle_owed(id, answered.as_ref());
        self.unknowns -= usize::from(!escalated);
        self.note_task(id, &key.step, NoteKind::Routing, Some(format!("an operator decided: {}", decision.words())));
        match decision {
            Decision::Happened(value) => self.it_happened(code, id, key, value),
            Decision::Again => self.once_more(code, id),
            Decision::Skip(value) => self.left_out(code, id, key, value),
            Decision::GiveUp if escalated => {
                if let Some((_, act)) = self.act_of(code, id) {
                    self.handle(code, id, act, failure);
                }
            }
            Decision::GiveUp => self.never_known(code, id, failure),
        }
        self.let_go();
    }

    /// Hands out what was held, when nothing holds it any more.
    pub(super) fn let_go(&mut self) {
        if !self.paused && self.unknowns == 0 {
            let held = std::mem::take(&mut self.held);
            self.out.effects.extend(held);
        }
    }

    /// The call did happen, with this result.
    fn it_happened(&mut self, code: &Code, id: TaskId, key: &Key, raw: &Value) {
        match self.said(code, id, key, raw) {
            Ok(value) => {
                self.delivered_by(code, id, &value);
                self.act_value(code, id, value, false);
            }
            Err(failure) => self.act_failed(code, id, failure),
        }
    }

    /// What an operator gave for the result of a step.
    fn said(&mut self, code: &Code, id: TaskId, key: &Key, raw: &Value) -> Fallible<Value> {
        let (tool, ty) = self.subject(code, id);
        let value = match ty {
            Some(ty) => {
                Machine::narrow(code, raw, &Boundary::new(ty)).map_err(|misfit| Failure::new("bad_response", misfit))?
            }
            None => raw.clone(),
        };
        let at = self.run.now.to_string().into();
        let tool = tool.unwrap_or_else(|| "operator".into());
        let origin = Origin { step: key.step.clone(), tool, attempt: key.attempt, at };
        Ok(value.joined(&Labels::of(origin, false)))
    }

    /// The step is left out: this stands for its call's result, from which the fields behind the call are read.
    fn left_out(&mut self, code: &Code, id: TaskId, key: &Key, raw: &Value) {
        let Some((block, act)) = self.act_of(code, id) else { return };
        let value = self.said(code, id, key, raw).and_then(|value| match &act.value {
            None => Ok(value),
            Some(pure) => {
                self.set_slot(block, act.result, value);
                self.eval(code, block, "value", pure)
            }
        });
        match value {
            Ok(value) => self.finish_task(code, id, value),
            Err(failure) => self.handle(code, id, act, failure.at(&key.step)),
        }
    }

    /// A delivery that is now known to have sent.
    fn delivered_by(&mut self, code: &Code, id: TaskId, value: &Value) {
        if let Some((block, act)) = self.act_of(code, id)
            && let Deed::Tool { tool, .. } = &act.target
            && let Some(tool) = code.tool(*tool)
        {
            self.deliver(code, block, tool, value, false);
        }
    }

    /// The call did not happen: it is made again, unless the flow around it is being stopped.
    fn once_more(&mut self, code: &Code, id: TaskId) {
        let Some((block, act)) = self.act_of(code, id) else { return };
        if self.stopping(block) {
            self.close_task(id);
            return;
        }
        if let Err(failure) = self.attempt(code, id, act) {
            self.act_failed(code, id, failure);
        }
    }

    /// It will never be known: the run fails, and sagas say that this may be left.
    fn never_known(&mut self, code: &Code, id: TaskId, mut failure: Box<Failure>) {
        failure.lasting = true;
        let flow = self.task_flow(id).and_then(|flow| self.flows.get(flow));
        let changes =
            !matches!(self.act_of(code, id).map(|(_, act)| &act.target), Some(Deed::Ask { .. } | Deed::Receive { .. }));
        if changes && flow.is_some_and(|flow| flow.in_saga && !flow.passed_final) {
            let step = self.task_path(id);
            self.run.left.push(format!("`{step}` may have happened and was given up: {}", failure.text()));
        }
        self.stop_task(code, id, Stop::Fail(failure));
    }

    /// What an operator is asked for first, by path.
    pub(crate) fn attention(&self) -> Option<(&Key, &Failure)> {
        let asked = self.tasks.iter().filter_map(|task| {
            let State::Attention { failure, .. } = &task.state else { return None };
            let key = task.owed.iter().find(|effect| matches!(effect, Effect::Attend(_)))?.key()?;
            Some((key, &**failure))
        });
        asked.min_by(|(a, _), (b, _)| path::compare(&a.step, &b.step))
    }

    /// Whether a decision can be made about the step. `Err` says what does not fit.
    ///
    /// # Errors
    /// No such step, a decision that is none here, a value that does not fit.
    pub fn check_decision(&self, step: &str, decision: &Decision) -> Result<Key, String> {
        let open = self.owed().find_map(|effect| match effect {
            Effect::Attend(attend) if attend.key.step == step => Some(attend),
            _ => None,
        });
        let attend = open
            .ok_or_else(|| format!("step `{step}` does not wait for an operator: `weir runs show` tells what does"))?;
        let fits = |value: &Value| match &attend.ty {
            Some(ty) => weir_stdlib::narrow(value, &Boundary::new(ty.clone()), &self.code.plan.types)
                .map(drop)
                .map_err(|misfit| format!("the result of step `{step}` does not fit `{ty}`: {misfit}")),
            None => Ok(()),
        };
        match (decision, attend.escalated) {
            (Decision::Happened(value), false) | (Decision::Skip(value), true) => fits(value)?,
            (Decision::Happened(_), true) => {
                return Err(format!(
                    "step `{step}` has failed, so it did not happen: retry it, skip it or let it fail"
                ));
            }
            (Decision::Skip(_), false) => {
                return Err(format!("step `{step}` may have happened: say that it did, call again, or give up"));
            }
            (Decision::Again | Decision::GiveUp, _) => {}
        }
        Ok(attend.key.clone())
    }
}

impl Decision {
    /// For people.
    pub(crate) fn words(&self) -> &'static str {
        match self {
            Decision::Happened(_) => "it happened",
            Decision::Again => "call again",
            Decision::Skip(_) => "skip it",
            Decision::GiveUp => "give up",
        }
    }

    /// What it carries.
    pub(crate) fn value(&self) -> Option<&Value> {
        match self {
            Decision::Happened(value) | Decision::Skip(value) => Some(value),
            Decision::Again | Decision::GiveUp => None,
        }
    }
}
