//! `runs.cancel`: the only built-in tool that needs the engine, which lends it a [`RunControl`].

use crate::tool::{Call, Fault, Tool};
use async_trait::async_trait;
use ecow::EcoString;
use std::sync::{Arc, OnceLock, Weak};
use weir_stdlib::value::Value;

/// What an engine lets tools do with runs.
#[async_trait]
pub trait RunControl: Send + Sync {
    /// Cancels a run: whether it was still under way; None where the project has no such run.
    async fn cancel(&self, run_id: &str) -> Result<Option<bool>, Fault>;
}

/// Where the engine, which is made after its tools, puts its [`RunControl`]. Clones share the place.
#[derive(Clone, Default)]
pub struct RunControlSlot(Arc<OnceLock<Weak<dyn RunControl>>>);

impl RunControlSlot {
    /// Fills the place; a second time changes nothing. The slot does not keep the engine alive.
    pub fn fill(&self, control: &Arc<dyn RunControl>) {
        let _ = self.0.set(Arc::downgrade(control));
    }
}

/// The server `runs`.
pub struct Runs {
    control: RunControlSlot,
}

impl Runs {
    /// With the place that the engine fills.
    pub fn new(control: RunControlSlot) -> Self {
        Runs { control }
    }
}

#[async_trait]
impl Tool for Runs {
    fn describe(&self) -> Vec<EcoString> {
        vec!["cancel".into()]
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        if call.tool != "cancel" {
            return Err(call.no_such_tool("runs", &["cancel"]));
        }
        let id = call.text("id")?;
        let Some(control) = self.control.0.get().and_then(Weak::upgrade) else {
            return Err(Fault::clean(
                "unavailable",
                format!("run `{id}` cannot be cancelled here: no engine is running"),
            ));
        };
        match control.cancel(&id).await? {
            Some(cancelled) => Ok(Value::record([("cancelled", Value::bool(cancelled))])),
            None => {
                let message = format!("the project has no run `{id}`; `weir runs list` shows those that it has");
                Err(Fault::clean("not_found", message))
            }
        }
    }
}
