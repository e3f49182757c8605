//! Carrying out effects: calls as tasks with a time limit, questions, starts.

use super::EngineError;
use super::local::{LocalEngine, Question, Told};
use super::run::RunLoop;
use crate::envelope::Envelope;
use crate::journal::{Claimed, KeyClaim};
use crate::machine::{AskEffect, CallEffect, Claim, Key, SpawnEffect, Started};
use crate::tool::{Call, Fault, Outcome};
use ecow::EcoString;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;
use weir_compiler::plan::{Plan, ToolPlan};
use weir_stdlib::value::{Data, Value};

/// What a run's loop is sent.
pub(super) enum Message {
    /// A call has ended.
    Called { key: Key, outcome: Result<Outcome, Fault>, recorded: bool, misfit: Option<EcoString> },
    /// A person has answered, or nobody is there.
    Answered { key: Key, value: Option<Value> },
    /// From outside.
    Told { what: Told, reply: oneshot::Sender<Result<(), EngineError>> },
    /// Go on.
    Resume,
    /// How is it?
    Status(oneshot::Sender<Envelope>),
}

impl Message {
    /// A call that was made now.
    pub(super) fn called(key: Key, outcome: Result<Outcome, Fault>) -> Message {
        Message::Called { key, outcome, recorded: false, misfit: None }
    }
}

impl RunLoop {
    /// Claims the key of a call, if it has one. `Some`: the call is answered without being made.
    pub(super) fn claim(&mut self, call: &CallEffect) -> Result<Option<Message>, EngineError> {
        let Some(claim) = &call.claim else { return Ok(None) };
        let place = (claim.scope.clone(), claim.key.clone());
        match self.held.get(&place) {
            Some(step) if *step == call.key.step => return Ok(None),
            Some(step) => {
                let why = format!("step `{step}` of this run holds the key `{}` and has not ended", claim.key);
                return Ok(Some(self.refused(call, Fault::open("unknown", why))));
            }
            None => {}
        }
        let asked = KeyClaim {
            scope: claim.scope.clone(),
            key: claim.key.clone(),
            args: claim.args,
            run_id: self.run_id.clone(),
            step: call.key.step.clone(),
        };
        let claimed = self.engine.inner.journal.claim(&asked).map_err(|source| self.journal_error(source))?;
        Ok(match claimed {
            Claimed::New => {
                self.held.insert(place, call.key.step.clone());
                None
            }
            Claimed::InFlight { run_id, .. } if run_id == self.run_id => {
                self.held.insert(place, call.key.step.clone());
                None
            }
            Claimed::Recorded(value) => {
                let plan = self.plan.tools.get(&call.tool);
                let misfit = plan.and_then(|plan| self.engine.inner.tools.misfit(plan, &value));
                let outcome = Ok(Outcome::Done(value));
                Some(Message::Called { key: call.key.clone(), outcome, recorded: true, misfit })
            }
            Claimed::InFlight { run_id, since } => {
                let why = format!(
                    "run {run_id} holds the key `{}` since {since} and has not ended: look at it with `weir runs show {run_id}`",
                    claim.key
                );
                Some(self.refused(call, Fault::open("unknown", why)))
            }
            Claimed::Conflict => {
                let why = format!("the key `{}` was used with other arguments before", claim.key);
                Some(self.refused(call, Fault::clean("conflict", why)))
            }
        })
    }

    fn refused(&mut self, call: &CallEffect, fault: Fault) -> Message {
        self.calls.remove(&call.key);
        Message::called(call.key.clone(), Err(fault))
    }

    /// Makes one attempt of a call in a task of its own. A panic in a tool is a fault like any other.
    pub(super) fn call(&mut self, call: CallEffect) {
        let tools = self.engine.inner.tools.clone();
        let sender = self.sender.clone();
        let timeout = self.time_left(&call);
        let name = call.tool.clone();
        let plan = self.plan.tools.get(&name).cloned();
        let types = Arc::clone(&self.plan);
        let ask = Call {
            tool: name.split_once('.').map_or(name.as_str(), |(_, tool)| tool).into(),
            args: with_key(call.args, plan.as_ref(), call.send_key.as_ref()),
            key: call.send_key,
            run_id: self.run_id.clone(),
            step: call.key.step.clone(),
            attempt: call.key.attempt,
            timeout,
            grants: call.grants.to_vec(),
            definition: plan.as_ref().and_then(|tool| tool.definition.clone()),
        };
        let (key, rest) = (call.key, call.rest);
        self.tasks.spawn(async move {
            let work =
                AssertUnwindSafe(tools.call(&name, &ask, rest.as_deref(), plan.as_ref().zip(Some(&types.types))))
                    .catch_unwind();
            let outcome = match tokio::time::timeout(timeout, work).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(Fault::open("failed", format!("`{name}` broke down in the middle of the call"))),
                Err(_) => {
                    Err(Fault::open("timeout", format!("`{name}` gave no answer within {} ms", timeout.as_millis())))
                }
            };
            let misfit = match &outcome {
                Ok(Outcome::Done(value)) => plan.as_ref().and_then(|plan| tools.misfit(plan, value)),
                _ => None,
            };
            let _ = sender.send(Message::Called { key, outcome, recorded: false, misfit });
        });
    }

    /// The time of an attempt. One that works on as a task goes on with what is left of it; a person's time does not
    /// count.
    fn time_left(&mut self, call: &CallEffect) -> Duration {
        let whole = Duration::from_millis(call.timeout_ms);
        let works_on = call.rest.as_ref().is_some_and(|rest| rest.task.is_some() && rest.answers.is_empty());
        let now = Instant::now();
        let until = match self.until.get(&call.key) {
            Some(until) if works_on => *until,
            _ => now + whole,
        };
        self.until.insert(call.key.clone(), until);
        until.saturating_duration_since(now)
    }

    /// Asks whoever may answer. Nobody: the question stays open.
    pub(super) fn ask(&mut self, ask: &AskEffect, problem: Option<String>) {
        let Some(answerer) = self.engine.inner.answerer.clone() else { return };
        let question = Question {
            run_id: self.run_id.clone(),
            step: ask.key.step.clone(),
            text: ask.question.mask().display_text(),
            ty: ask.ty.clone(),
            from: ask.from.clone(),
            until: ask.until,
            problem,
        };
        let (sender, key) = (self.sender.clone(), ask.key.clone());
        let asked = ask.key.clone();
        let asking = self.tasks.spawn(async move {
            let value = AssertUnwindSafe(answerer.answer(&question)).catch_unwind().await.unwrap_or(None);
            let _ = sender.send(Message::Answered { key, value });
        });
        self.asking.insert(asked, asking);
    }

    /// Creates a run that this one starts, once, and sets it going.
    pub(super) fn spawn(&mut self, spawn: &SpawnEffect) -> Result<Value, Fault> {
        let plan = self.plan_of(spawn.flow);
        let started = Started {
            at: self.engine.inner.clock.now(),
            run_id: spawn.run_id.clone(),
            program: plan.hash(),
            project: spawn.project.clone(),
            args: spawn.args.clone(),
            grants: spawn.grants.clone(),
            delivery: spawn.delivery,
            flags: spawn.flags.clone(),
            untrusted: spawn.untrusted,
            secret: spawn.secret,
        };
        let known = self.engine.inner.journal.load(&spawn.run_id).ok().flatten().is_some();
        let run = if known { RunLoop::load(&self.engine, &spawn.run_id) } else { self.engine.create(plan, started) };
        let run =
            run.map_err(|error| Fault::clean("unavailable", format!("`{}` was not started: {error}", spawn.name)))?;
        let engine = self.engine.clone();
        self.children.push(tokio::spawn(go(engine, run)));
        Ok(Value::text(spawn.run_id.as_str()))
    }

    fn plan_of(&self, flow: u32) -> Arc<Plan> {
        Arc::new(Plan { entry: flow, ..(*self.plan).clone() })
    }

    /// What follows once a call's outcome is in the journal: its key is completed, or given back when nothing
    /// happened.
    pub(super) fn close_claim(&mut self, claim: &Claim, outcome: &Result<Outcome, Fault>) -> Result<(), EngineError> {
        let place = (claim.scope.clone(), claim.key.clone());
        if !self.held.contains_key(&place) {
            return Ok(());
        }
        let journal = Arc::clone(&self.engine.inner.journal);
        let result = match outcome {
            Ok(Outcome::Unfinished(_)) => return Ok(()),
            Ok(Outcome::Done(value)) => journal.complete(&claim.scope, &claim.key, &self.run_id, value),
            Err(fault) if fault.happened == crate::tool::Happened::No => {
                journal.release(&claim.scope, &claim.key, &self.run_id)
            }
            Err(_) => return Ok(()),
        };
        self.held.remove(&place);
        result.map_err(|source| self.journal_error(source))
    }
}

/// The arguments with the idempotency key in the parameter that takes it. A key that goes into a header is left to the
/// server, which has it beside the arguments.
fn with_key(args: Value, plan: Option<&ToolPlan>, key: Option<&EcoString>) -> Value {
    let place = plan.and_then(|plan| plan.accepts_key.as_ref()).filter(|place| !place.starts_with("header:"));
    let (Some(place), Some(key), Data::Record(record)) = (place, key, &args.data) else { return args };
    let mut fields = record.fields.clone();
    fields.insert(place.clone(), Value::text(key.as_str()));
    Value::from_fields(fields).with_labels(args.labels.clone())
}

/// Drives a run that another one started; boxed, since it may start others.
fn go(engine: LocalEngine, run: RunLoop) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let id: EcoString = run.run_id.clone();
        if let Err(error) = run.drive().await {
            engine.lost(&id, &error);
        }
    })
}
