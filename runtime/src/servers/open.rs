//! Which kind of server a section of `weir.toml` names, and opening it.

use super::{Server, mcp, program};
use std::path::Path;
use std::sync::Arc;
use weir_compiler::project::ToolSection;
use weir_compiler::registry::Listing;

/// Opens the server of a section. Nothing is started or connected: that waits for the first listing or call.
///
/// # Errors
/// In the reader's words: no server or several in one section, a credential that is not there.
pub fn open(
    name: &str,
    section: &ToolSection,
    root: &Path,
    listing: Option<Listing>,
) -> Result<Arc<dyn Server>, String> {
    match section.kinds().as_slice() {
        ["command" | "url"] => mcp::open(name, section, root, listing),
        ["exec"] => Ok(Arc::new(program::open(name, section, root, listing)?)),
        [] => Err("it names no server: add a `command`, `url`, `openapi` or `exec`".to_owned()),
        [kind] => Err(format!("this version cannot open a server by `{kind}` yet")),
        [first, second, ..] => Err(format!("it has both `{first}` and `{second}`: a section is one server")),
    }
}
