//! Carrying out effects: calls as tasks with a time limit, questions, starts.

use super::EngineError;
use super::local::{LocalEngine, Question, Told};
use super::run::RunLoop;
use crate::envelope::Envelope;
use crate::journal::Claimed;
use crate::machine::{AskEffect, CallEffect, Key, SpawnEffect, Started};
use crate::tool::{Call, Fault};
use ecow::EcoString;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use weir_compiler::plan::Plan;
use weir_stdlib::value::Value;

/// What a run's loop is sent.
pub(super) enum Message {
    /// A call has ended.
    Called { key: Key, outcome: Result<Value, Fault>, recorded: bool },
    /// A person has answered, or nobody is there.
    Answered { key: Key, value: Option<Value> },
    /// From outside.
    Told { what: Told, reply: oneshot::Sender<Result<(), EngineError>> },
    /// From another process.
    Posted { number: i64, what: Option<Told> },
    /// The journal cannot be used.
    Stop(EngineError),
    /// How is it?
    Status(oneshot::Sender<Envelope>),
}

impl RunLoop {
    /// A call whose key another step of this run holds is answered without being made.
    pub(super) fn held_beside(&mut self, call: &CallEffect) -> Option<Message> {
        let claim = call.claim.as_ref()?;
        let step = self.held.get(&(claim.scope.clone(), claim.key.clone()))?;
        if *step == call.key.step {
            return None;
        }
        let why = format!("step `{step}` of this run holds the key `{}` and has not ended", claim.key);
        Some(Message::Called { key: call.key.clone(), outcome: Err(Fault::open("unknown", why)), recorded: false })
    }

    /// Makes a call, or answers it by what its key says.
    pub(super) fn begin(&mut self, call: CallEffect, claimed: Claimed) {
        let key = call.key.clone();
        let Some(claim) = call.claim.clone().filter(|_| !matches!(claimed, Claimed::New)) else {
            return self.call(call);
        };
        let name = claim.key.clone();
        self.held.remove(&(claim.scope, claim.key));
        let (outcome, recorded) = match claimed {
            Claimed::New => return,
            Claimed::Recorded(value) => (Ok(value), true),
            Claimed::InFlight { run_id, since } => {
                let why = format!(
                    "run {run_id} holds the key `{name}` since {since} and has not ended: look at it with `weir runs show {run_id}`"
                );
                (Err(Fault::open("unknown", why)), false)
            }
            Claimed::Conflict => {
                let why = format!("the key `{name}` was used with other arguments before");
                (Err(Fault::clean("conflict", why)), false)
            }
        };
        let _ = self.sender.send(Message::Called { key, outcome, recorded });
    }

    /// Makes one attempt of a call in a task of its own. A panic in a tool is a fault like any other.
    pub(super) fn call(&mut self, call: CallEffect) {
        let tools = self.engine.inner.tools.clone();
        let sender = self.sender.clone();
        let timeout = Duration::from_millis(call.timeout_ms);
        let name = call.tool.clone();
        let ask = Call {
            tool: name.split_once('.').map_or(name.as_str(), |(_, tool)| tool).into(),
            args: call.args,
            key: call.send_key,
            run_id: self.run_id.clone(),
            step: call.key.step.clone(),
            attempt: call.key.attempt,
            timeout,
            grants: call.grants.to_vec(),
            definition: self.plan.tools.get(&name).and_then(|tool| tool.definition.clone()),
        };
        let key = call.key;
        self.tasks.spawn(async move {
            let work = AssertUnwindSafe(tools.call(&name, &ask)).catch_unwind();
            let outcome = match tokio::time::timeout(timeout, work).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(Fault::open("failed", format!("`{name}` broke down in the middle of the call"))),
                Err(_) => {
                    Err(Fault::open("timeout", format!("`{name}` gave no answer within {} ms", timeout.as_millis())))
                }
            };
            let _ = sender.send(Message::Called { key, outcome, recorded: false });
        });
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

    /// Creates a run that this one starts, once, and sets it going. The answer comes as that of a call does.
    pub(super) fn spawn(&mut self, spawn: SpawnEffect) {
        let plan = self.plan_of(spawn.flow);
        let started = Started {
            at: self.engine.inner.clock.now(),
            run_id: spawn.run_id.clone(),
            program: plan.hash(),
            project: spawn.project,
            args: spawn.args,
            grants: spawn.grants,
            delivery: spawn.delivery,
            flags: spawn.flags,
            untrusted: spawn.untrusted,
            secret: spawn.secret,
        };
        let (engine, sender, parent) = (self.engine.clone(), self.sender.clone(), self.run_id.clone());
        let key = spawn.key;
        let (run_id, name) = (spawn.run_id, spawn.name);
        self.calls.insert(key.clone(), super::run::InFlight { reads: false, claim: None });
        self.children.push(tokio::spawn(async move {
            let run = engine.child(plan, started, parent).await;
            let (outcome, run) = match run {
                Ok(run) => (Ok(Value::text(run_id.as_str())), run),
                Err(error @ (EngineError::Journal { .. } | EngineError::Damaged { .. })) => {
                    // What cannot be written down did not fail: the run stops, and is gone on with later.
                    let _ = sender.send(Message::Stop(error));
                    return;
                }
                Err(error) => {
                    let why = format!("`{name}` was not started: {error}");
                    (Err(Fault::clean("unavailable", why)), None)
                }
            };
            let _ = sender.send(Message::Called { key, outcome, recorded: false });
            if let Some(run) = run {
                go(engine, run).await;
            }
        }));
    }

    fn plan_of(&self, flow: u32) -> Arc<Plan> {
        Arc::new(Plan { entry: flow, ..(*self.plan).clone() })
    }
}

/// Drives a run that another one started; boxed, since it may start others.
pub(super) fn go(engine: LocalEngine, run: RunLoop) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let id: EcoString = run.run_id.clone();
        if let Err(error) = run.drive().await {
            engine.lost(&id, &error);
        }
    })
}
