//! Carrying out effects: calls as tasks with a time limit, questions, starts.

use super::keys::conflict;
use super::local::{Child, LocalEngine, Question, Word};
use super::queue::When;
use super::run::RunLoop;
use super::{EngineError, Toolbox};
use crate::envelope::{Envelope, Waiting};
use crate::journal::Claimed;
use crate::limits::{Change, Permit};
use crate::machine::{AskEffect, CallEffect, Key, NoteKind, SpawnEffect, Started};
use crate::observe::Observed;
use crate::tool::{Call, Fault, Outcome, Progress};
use ecow::EcoString;
use futures_util::FutureExt;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use weir_compiler::plan::{Plan, ToolPlan};
use weir_stdlib::value::{Data, Value};

/// How often at most it is told how far a call is.
const PROGRESS: Duration = Duration::from_millis(250);

/// What a run's loop is sent.
pub(super) enum Message {
    /// A call has ended.
    Called { key: Key, outcome: Result<Outcome, Fault>, recorded: bool, misfit: Option<EcoString> },
    /// A tool says how far a call is.
    Progressed { key: Key, progress: Progress },
    /// It is the turn of a call that waited at its server's gate, or it is refused.
    Turn { call: Box<CallEffect>, answer: Result<Permit, Fault> },
    /// A person has answered, or nobody is there.
    Answered { key: Key, value: Option<Value> },
    /// From outside. The answer: whether that was new.
    Told { word: Word, reply: oneshot::Sender<Result<bool, EngineError>> },
    /// From another process.
    Posted { number: i64, word: Option<Word> },
    /// The process is ending: nothing new is begun, and another one goes on.
    Drain,
    /// The journal cannot be used.
    Stop(EngineError),
    /// How is it?
    Status(oneshot::Sender<Envelope>),
    /// Which of its calls wait in line?
    Lines(oneshot::Sender<Vec<Waiting>>),
}

impl Message {
    /// A call that was made now.
    pub(super) fn called(key: Key, outcome: Result<Outcome, Fault>) -> Message {
        Message::Called { key, outcome, recorded: false, misfit: None }
    }
}

impl RunLoop {
    /// Makes a call, or answers it by what its key says.
    pub(super) fn begin(&mut self, call: CallEffect, permit: Option<Permit>, claimed: Claimed) {
        let key = call.key.clone();
        let claim = call.claim.clone().filter(|_| !matches!(claimed, Claimed::New));
        self.was_told(&call, claim.is_none());
        let Some(claim) = claim else { return self.call(call, permit) };
        let name = claim.key;
        let answer = match claimed {
            Claimed::New => return,
            Claimed::Recorded(value) => {
                let plan = self.plan.tools.get(&call.tool);
                let misfit = plan.and_then(|plan| self.engine.inner.tools.misfit(plan, &value));
                Message::Called { key, outcome: Ok(Outcome::Done(value)), recorded: true, misfit }
            }
            Claimed::InFlight { run_id, since } => {
                let why = format!(
                    "run {run_id} holds the key `{name}` since {since} and has not ended: look at it with `weir runs show {run_id}`"
                );
                Message::called(key, Err(Fault::open("unknown", why)))
            }
            Claimed::Conflict => Message::called(key, Err(conflict(&name))),
        };
        let _ = self.sender.send(answer);
    }

    /// Makes one attempt of a call in a task of its own. A panic in a tool is a fault like any other.
    pub(super) fn call(&mut self, call: CallEffect, permit: Option<Permit>) {
        let tools = Arc::clone(&self.engine.inner.tools);
        let sender = self.sender.clone();
        let timeout = self.time_left(&call);
        let name = call.tool.clone();
        let (progress, heard) = watch::channel(Progress::default());
        let plan = Arc::clone(&self.plan);
        let tool = plan.tools.get(&name);
        let ask = Call {
            tool: name.split_once('.').map_or(name.as_str(), |(_, tool)| tool).into(),
            args: with_key(call.args, tool, call.send_key.as_ref()),
            key: call.send_key,
            run_id: self.run_id.clone(),
            step: call.key.step.clone(),
            attempt: call.key.attempt,
            timeout,
            grants: call.grants.to_vec(),
            instance: permit.as_ref().map(|permit| permit.instance().clone()).unwrap_or_default(),
            definition: tool.and_then(|tool| tool.definition.clone()),
            progress: Some(progress),
        };
        let (key, rest) = (call.key, call.rest);
        let gated = permit.map(|mut permit| {
            permit.sent();
            if !permit.instance().is_empty() {
                self.tell_where(&key, permit.instance());
            }
            let instance = permit.instance().clone();
            let told = Observed { instance, ..self.observed(&key, NoteKind::BreakerOpened, String::new()) };
            self.engine.observe(permit.change().map(|change| changed(&told, change)));
            (permit, self.engine.clone(), told)
        });
        let attempt =
            Attempt { key, name: name.clone(), timeout, plan: Arc::clone(&plan), tools: Arc::clone(&tools), gated };
        let make = async move {
            let tool = plan.tools.get(&name).map(|tool| (tool, &plan.types));
            tools.call(&name, &ask, rest.as_deref(), tool).await
        };
        let mut make = AssertUnwindSafe(make).catch_unwind().boxed();
        // What has its answer at once needs no task.
        if let Some(ended) = (&mut make).now_or_never() {
            let _ = sender.send(attempt.ended(Some(ended)));
            return;
        }
        self.tasks.spawn(async move {
            let tell = pass_on(heard, sender.clone(), attempt.key.clone());
            let ended = tokio::select! {
                biased;
                ended = tokio::time::timeout(timeout, make) => ended.ok(),
                never = tell => match never {},
            };
            let _ = sender.send(attempt.ended(ended));
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
            _ if self.time_elsewhere(&call.key).is_some() => now + self.time_elsewhere(&call.key).unwrap_or_default(),
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

    /// Creates a run that this one starts, once, and sets it going. The answer comes as that of a call does.
    pub(super) fn spawn(&mut self, spawn: SpawnEffect) {
        let plan = self.plan_of(spawn.flow);
        let at = self.engine.inner.clock.now();
        let source = self.machine.record().flow.clone();
        let when = When { due: spawn.due.filter(|due| *due > at), source, ..When::default() };
        let started = Started {
            at,
            run_id: spawn.run_id.clone(),
            program: self.engine.inner.program_of(&plan),
            project: spawn.project,
            args: spawn.args,
            grants: spawn.grants,
            delivery: spawn.delivery,
            flags: spawn.flags,
            untrusted: spawn.untrusted,
            secret: spawn.secret,
            thread: self.thread.clone(),
            behind: spawn.behind,
            seed: None,
            allowance: Some(spawn.allowance),
            beside: true,
        };
        let (engine, sender, parent) = (self.engine.clone(), self.sender.clone(), self.run_id.clone());
        let key = spawn.key;
        let (run_id, name) = (spawn.run_id, spawn.name);
        self.calls.insert(key.clone(), super::run::InFlight::start());
        self.children.push(tokio::spawn(async move {
            let child = engine.child(plan, started, parent, when).await;
            let (outcome, child) = match child {
                Ok(child) => (Ok(Outcome::Done(Value::text(run_id.as_str()))), child),
                Err(error @ (EngineError::Journal { .. } | EngineError::Damaged { .. })) => {
                    // What cannot be written down did not fail: the run stops, and is gone on with later.
                    let _ = sender.send(Message::Stop(error));
                    return;
                }
                Err(error) => {
                    let why = format!("`{name}` was not started: {error}");
                    (Err(Fault::clean("unavailable", why)), Child::Settled)
                }
            };
            let _ = sender.send(Message::called(key, outcome));
            match child {
                Child::Ours(run) => go(engine, *run).await,
                Child::Queued(run_id) => take_turn(engine, run_id).await,
                Child::Settled => {}
            }
        }));
    }

    fn plan_of(&self, flow: u32) -> Arc<Plan> {
        Arc::new(Plan { entry: flow, ..(*self.plan).clone() })
    }
}

/// An attempt of a call, and what has to be known when it ends.
struct Attempt {
    key: Key,
    name: EcoString,
    timeout: Duration,
    plan: Arc<Plan>,
    tools: Arc<Toolbox>,
    gated: Option<(Permit, LocalEngine, Observed)>,
}

impl Attempt {
    /// What it came to, as the run is told. None: its time is up; an error: the tool broke down.
    fn ended(self, ended: Option<std::thread::Result<Result<Outcome, Fault>>>) -> Message {
        let Attempt { key, name, timeout, plan, tools, gated } = self;
        let outcome = match ended {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(Fault::open("failed", format!("`{name}` broke down in the middle of the call"))),
            None => Err(Fault::open("timeout", format!("`{name}` gave no answer within {} ms", timeout.as_millis()))),
        };
        if let Some((permit, engine, told)) = gated {
            let changes = permit.end(outcome.as_ref().err());
            engine.observe(changes.into_iter().map(|change| changed(&told, change)));
        }
        let misfit = match &outcome {
            Ok(Outcome::Done(value)) => plan.tools.get(&name).and_then(|tool| tools.misfit(tool, value)),
            _ => None,
        };
        Message::Called { key, outcome, recorded: false, misfit }
    }
}

/// What became of a server's breaker, told of the call that made it so.
fn changed(told: &Observed, change: Change) -> Observed {
    let (event, why) = match change {
        Change::Opened(why) => (NoteKind::BreakerOpened, why),
        Change::HalfOpen(why) => (NoteKind::BreakerHalfOpen, why),
        Change::Closed(why) => (NoteKind::BreakerClosed, why),
    };
    Observed { event, reason: Some(why), ..told.clone() }
}

/// Passes on how far a call is, not oftener than is good for anybody, until it ends.
async fn pass_on(mut heard: watch::Receiver<Progress>, sender: UnboundedSender<Message>, key: Key) -> Infallible {
    while heard.changed().await.is_ok() {
        let progress = heard.borrow_and_update().clone();
        let _ = sender.send(Message::Progressed { key: key.clone(), progress });
        tokio::time::sleep(PROGRESS).await;
    }
    std::future::pending().await
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
pub(super) fn go(engine: LocalEngine, run: RunLoop) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let id: EcoString = run.run_id.clone();
        if let Err(error) = run.drive().await {
            engine.lost(&id, &error);
        }
    })
}

/// Waits for the turn of a run that another one started, then drives it; boxed, since it may start others.
pub(super) fn take_turn(engine: LocalEngine, run_id: EcoString) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if let Err(error) = engine.in_turn(&run_id).await {
            engine.lost(&run_id, &error);
        }
    })
}

/// Goes on with a run that another one has cancelled; boxed, since it may have started others.
pub(super) fn carry_on(engine: LocalEngine, run_id: EcoString) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if let Err(error) = super::Engine::carry_on(&engine, &run_id).await {
            engine.lost(&run_id, &error);
        }
    })
}
