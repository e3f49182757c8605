//! What the promises are tried with: a place for engines, and a tool server that remembers what it was asked.

use crate::engine::{Engine, EngineError, StartRequest, Toolbox};
use crate::envelope::Envelope;
use crate::machine::Status;
use crate::tool::{Call, Fault, Tool};
use crate::tools::{RunControl, RunControlSlot, Runs};
use async_trait::async_trait;
use ecow::EcoString;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use weir_compiler::plan::Plan;
use weir_compiler::project::{ProjectSource, SourceFile};
use weir_stdlib::value::Value;

/// What went wrong, in words.
pub type Verdict = Result<(), String>;

/// Where runs are kept. The suite opens engines on it one after the other, as processes come and go.
pub trait Home: Send + Sync {
    /// An engine on what is there, with these tools.
    ///
    /// # Errors
    /// Why there is none.
    fn open(&self, tools: Toolbox) -> Result<Arc<dyn Engine>, String>;
}

/// How long something is waited for that has to come: a guard, not a promise.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(2);

const TOOLS: &str = "
tool t.get(n: string) -> { n: string } can t.read
tool t.put(n: string) -> { id: string } can t.write
tool t.del(id: string) can t.write idempotent
tool t.slow(n: string) -> { id: string } can t.write
tool t.lost(n: string) -> { id: string } can t.write
tool t.moody(n: string) -> { id: string } can t.write
";

/// A place with its tools.
pub(super) struct Lab {
    home: Box<dyn Home>,
    pub tools: Arc<Probe>,
}

/// Remembers what it was asked.
#[derive(Default)]
pub(super) struct Probe {
    calls: Mutex<Vec<String>>,
    gate: Notify,
}

impl Probe {
    /// `tool argument` of each call, in order, reads left out.
    pub(super) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets one call of `slow` through.
    pub(super) fn let_through(&self) {
        self.gate.notify_one();
    }

    fn note(&self, call: &Call) -> usize {
        let line = format!("{} {}{}", call.tool, given(call, "n"), given(call, "id"));
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let before = calls.iter().filter(|made| **made == line).count();
        calls.push(line);
        before
    }
}

/// An argument; empty where there is none.
fn given(call: &Call, name: &str) -> String {
    call.args.field(name).as_str().unwrap_or_default().to_owned()
}

#[async_trait]
impl Tool for Probe {
    fn describe(&self) -> Vec<EcoString> {
        ["get", "put", "del", "slow", "lost", "moody"].map(Into::into).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        if call.tool == "get" {
            return Ok(Value::record([("n", call.args.field("n"))]));
        }
        let made = Value::record([("id", Value::text(format!("made {}", given(call, "n"))))]);
        let before = self.note(call);
        match call.tool.as_str() {
            "slow" => self.gate.notified().await,
            "lost" if before == 0 => return Err(Fault::open("unavailable", "the connection is gone")),
            "moody" if before == 0 => return Err(Fault::clean("conflict", "not today")),
            _ => {}
        }
        Ok(made)
    }
}

/// `runs.cancel`, by way of the engine.
struct Control(Weak<dyn Engine>);

#[async_trait]
impl RunControl for Control {
    async fn cancel(&self, run_id: &str) -> Result<Option<bool>, Fault> {
        let Some(engine) = self.0.upgrade() else { return Err(Fault::clean("unavailable", "the engine is gone")) };
        match engine.cancel(run_id, "its start was undone").await {
            Ok(()) => Ok(Some(true)),
            Err(EngineError::Ended { .. }) => Ok(Some(false)),
            Err(EngineError::NoRun(_)) => Ok(None),
            Err(error) => Err(Fault::clean("unavailable", error.to_string())),
        }
    }
}

/// An engine, and what its tools need of it.
pub(super) struct Opened {
    engine: Arc<dyn Engine>,
    _control: Arc<dyn RunControl>,
}

impl std::ops::Deref for Opened {
    type Target = dyn Engine;

    fn deref(&self) -> &Self::Target {
        &*self.engine
    }
}

impl Lab {
    pub(super) fn new(home: Box<dyn Home>) -> Lab {
        Lab { home, tools: Arc::default() }
    }

    /// The next process.
    pub(super) fn open(&self) -> Result<Opened, String> {
        let slot = RunControlSlot::default();
        let tools =
            Toolbox::new().with("t", Arc::clone(&self.tools) as _).with("runs", Arc::new(Runs::new(slot.clone())));
        let engine = self.home.open(tools)?;
        let control: Arc<dyn RunControl> = Arc::new(Control(Arc::downgrade(&engine)));
        slot.fill(&control);
        Ok(Opened { engine, _control: control })
    }
}

/// A flow as a plan; its entry is `main`.
pub(super) fn plan(text: &str) -> Result<Arc<Plan>, String> {
    let file = SourceFile { path: "suite.flow".into(), module: "".into(), text: format!("{TOOLS}{text}") };
    let checked = weir_compiler::check(ProjectSource { files: vec![file], ..ProjectSource::default() });
    let errors = checked.diagnostics.iter().filter(|one| one.severity.word() == "error");
    let errors: Vec<&str> = errors.map(|one| one.message.as_str()).collect();
    match checked.plan("main") {
        Some(plan) if errors.is_empty() => Ok(Arc::new(plan)),
        _ => Err(format!("the suite's own flow cannot be compiled: {}", errors.join("; "))),
    }
}

/// A request with everything granted.
pub(super) fn request() -> StartRequest {
    let grants = ["t.read", "t.write", "runs.write"].map(Into::into).to_vec();
    StartRequest { grants, ..StartRequest::new("suite") }
}

/// Waits until a run is in this status.
pub(super) async fn until(engine: &Opened, run_id: &str, status: Status) -> Result<Envelope, String> {
    let look = async {
        loop {
            let envelope = ok(engine.status(run_id).await)?;
            if envelope.metadata.status == status {
                return Ok(envelope);
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(found) => found,
        Err(_) => Err(format!("run {run_id} does not become {}", status.word())),
    }
}

/// Waits until this was called.
pub(super) async fn until_called(lab: &Lab, call: &str) -> Verdict {
    let look = async {
        while !lab.tools.calls().iter().any(|made| made == call) {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.map_err(|_| format!("`{call}` is never called"))
}

/// The run's value as JSON.
pub(super) fn value(envelope: &Envelope) -> String {
    envelope.value.as_ref().map(Value::to_json).unwrap_or_default()
}

pub(super) fn ok<T>(result: Result<T, EngineError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

pub(super) fn status(envelope: &Envelope, expected: Status) -> Verdict {
    same("its status", envelope.metadata.status, expected)
}

pub(super) fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Verdict {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, not {expected:?}")) }
}

/// What has to be refused, and in which way.
pub(super) fn refused<T>(what: &str, result: Result<T, EngineError>, how: fn(&EngineError) -> bool) -> Verdict {
    match result {
        Ok(_) => Err(format!("{what} was taken and had to be refused")),
        Err(error) if how(&error) => Ok(()),
        Err(error) => Err(format!("{what} was refused for another reason: {error}")),
    }
}
