//! A server whose tools are held against the lock file before the first call (T4): a definition that has changed since
//! is never called.

use super::{Server, drift};
use crate::tool::{Call, Continuation, Fault, Outcome, Tool};
use async_trait::async_trait;
use ecow::EcoString;
use futures_util::FutureExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use weir_compiler::registry::Definition;
use weir_stdlib::value::Value;

/// A server, and what the lock file says of the tools that a run can call.
pub struct Verified {
    server: Arc<dyn Server>,
    /// Full name, own name, definition.
    locked: Vec<(EcoString, EcoString, Arc<Definition>)>,
    patience: Duration,
    /// Filled once the server was asked; holds what has changed.
    asked: OnceCell<Vec<String>>,
}

/// Why a server is not, or not yet, what the lock file says.
#[derive(Debug)]
pub enum Unverified {
    /// It has changed: a line a tool.
    Drifted(Vec<String>),
    /// It could not be asked.
    Silent(Fault),
}

impl Verified {
    /// Nothing is asked yet. `locked` are the tools that can be called, by their full names; `patience` is how long the
    /// server may take to say what it offers.
    pub fn new(server: Arc<dyn Server>, locked: Vec<(EcoString, Arc<Definition>)>, patience: Duration) -> Self {
        let own = |name: &EcoString| name.split_once('.').map_or(name.as_str(), |(_, own)| own).into();
        let locked = locked.into_iter().map(|(name, definition)| (name.clone(), own(&name), definition)).collect();
        Verified { server, locked, patience, asked: OnceCell::new() }
    }

    /// Asks the server, once, what it offers now, and compares that.
    ///
    /// # Errors
    /// [`Unverified`]; a server that could not be asked is asked again the next time.
    pub async fn verify(&self) -> Result<(), Unverified> {
        if self.locked.is_empty() {
            return Ok(());
        }
        let changes = self.asked.get_or_try_init(|| self.ask()).await.map_err(Unverified::Silent)?;
        if changes.is_empty() { Ok(()) } else { Err(Unverified::Drifted(changes.clone())) }
    }

    /// The line of each tool that has changed.
    async fn ask(&self) -> Result<Vec<String>, Fault> {
        let listed = tokio::time::timeout(self.patience, self.server.list()).boxed().await;
        let listing = listed.map_err(|_| {
            let message = format!("it did not say what it offers within {} s", self.patience.as_secs());
            Fault::clean("timeout", message)
        })??;
        let changed = self.locked.iter().filter_map(|(full, own, locked)| drift(full, locked, listing.tools.get(own)));
        Ok(changed.collect())
    }

    /// Whether its tools may be called.
    async fn permit(&self) -> Result<(), Fault> {
        self.verify().await.map_err(|why| match why {
            Unverified::Drifted(lines) => Fault::clean("permission", lines.join("; ")),
            Unverified::Silent(fault) => fault,
        })
    }

    /// The server itself.
    pub fn server(&self) -> &Arc<dyn Server> {
        &self.server
    }
}

#[async_trait]
impl Tool for Verified {
    fn describe(&self) -> Vec<EcoString> {
        self.server.describe()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        self.permit().await?;
        self.server.call(call).await
    }

    async fn attempt(&self, call: &Call, rest: Option<&Continuation>) -> Result<Outcome, Fault> {
        self.permit().await?;
        self.server.attempt(call, rest).await
    }
}
