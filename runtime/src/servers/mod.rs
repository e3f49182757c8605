//! Tool servers that `weir.toml` names: MCP servers, HTTP APIs, programs.

mod contract;
mod credential;
mod drift;
mod expand;
pub mod mcp;
mod open;
pub mod openapi;
pub mod program;
mod verified;

pub use contract::{Contract, Contracts, read_text};
pub use credential::credential;
pub use drift::{changes, drift};
pub use expand::expand;
pub use open::{open, open_each};
pub use verified::{Unverified, Verified};

use crate::tool::{Fault, Tool};
use async_trait::async_trait;
use ecow::EcoString;
use std::sync::Arc;
use weir_compiler::registry::Listing;

/// The instances of one server, by name; the only one has none.
pub type Instances = Vec<(EcoString, Arc<dyn Server>)>;

/// A tool server outside this process. Nothing is started or opened before the first listing or call; one process or
/// session serves all steps.
#[async_trait]
pub trait Server: Tool {
    /// What it offers now.
    async fn list(&self) -> Result<Listing, Fault>;

    /// Says whether it is well, as cheaply as it can be asked; with what it offers, where that is how it was asked.
    async fn health(&self) -> Result<Option<Listing>, Fault> {
        self.list().await.map(Some)
    }

    /// Ends its process or session. A later call starts it again.
    async fn close(&self);
}
