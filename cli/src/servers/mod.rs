//! The tool servers of a project: which section is one, opening those that are needed, ending them.

mod builtin;
mod needed;

pub use builtin::builtin_servers;
pub use needed::needed;

use crate::exit::{Error, Exit};
use ecow::EcoString;
use futures_util::future::join_all;
use indexmap::IndexMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use weir_compiler::project::{Config, ToolSection};
use weir_compiler::registry::Listing;
use weir_runtime::limits::Limits;
pub use weir_runtime::servers::Instances;
use weir_runtime::servers::{Server, Unverified, Verified, open_each};
use weir_runtime::tool::Tool;

/// How long a server may take to start and say what it offers.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long servers may take to end before they are made to.
const FAREWELL: Duration = Duration::from_secs(5);

/// Tools by the name of their server.
pub type Tools = IndexMap<EcoString, Arc<dyn Tool>>;

/// Servers outside this process, by name, held against the lock file.
pub type Outside = IndexMap<EcoString, Arc<Verified>>;

/// What `weir.toml` limits the servers to.
pub fn limits(config: &Config) -> Vec<(EcoString, Limits)> {
    config.tools.iter().map(|(name, section)| (name.clone(), Limits::of(section))).collect()
}

/// Opens one server of the project, each instance of it; nothing is started.
pub fn opened(name: &str, section: &ToolSection, root: &Path, listing: Option<&Listing>) -> Result<Instances, Error> {
    open_each(name, section, root, listing).map_err(|why| {
        let help = format!("look at `[tools.{name}]` in weir.toml; nothing was started");
        Error::failed(format!("the server `{name}` cannot be opened: {why}")).help(help)
    })
}

/// Asks all servers at once what they offer, and refuses where that is not what the lock file says. Servers that are
/// down for now, and instances that are left out, are named in the result: they are asked again when they are called.
pub async fn verify(outside: &Outside) -> Result<Vec<String>, Error> {
    let asked = outside.iter().map(|(name, server)| async move { (name, server.verify().await) });
    let (mut messages, mut down) = (Vec::new(), Vec::new());
    for (name, verified) in join_all(asked).await {
        match verified {
            Ok(left_out) => down.extend(left_out.iter().map(|line| format!("of the server `{name}` {line}"))),
            Err(Unverified::Drifted(lines)) => messages.extend(lines),
            Err(Unverified::Silent(fault)) if matches!(fault.code.as_str(), "unavailable" | "rate_limited") => {
                down.push(format!("the server `{name}` is not there now: {}", fault.message));
            }
            Err(Unverified::Silent(fault)) => {
                messages.push(format!("the server `{name}` did not say what it offers: {}", fault.message));
            }
        }
    }
    if messages.is_empty() {
        return Ok(down);
    }
    Err(Error { exit: Exit::Failed, messages, help: Some("nothing was called".to_owned()), code: None })
}

/// Ends all servers side by side, within bounds.
pub async fn close<'a>(servers: impl IntoIterator<Item = &'a Arc<dyn Server>>) {
    let closing = join_all(servers.into_iter().map(|server| server.close()));
    // What does not end by itself is ended with its process group.
    let _ = tokio::time::timeout(FAREWELL, closing).await;
}
