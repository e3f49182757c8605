//! Which kind of server a section of `weir.toml` names, and opening it.

use super::{Instances, Server, expand, mcp, openapi, program};
use ecow::EcoString;
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
    let section = &resolved(section, root)?;
    match section.kinds().as_slice() {
        ["command" | "url"] => mcp::open(name, section, root, listing),
        ["openapi"] => openapi::open(name, section, root, listing),
        ["exec"] => Ok(Arc::new(program::open(name, section, root, listing)?)),
        [] => Err("it names no server: add a `command`, `url`, `openapi` or `exec`".to_owned()),
        [kind] => Err(format!("this version cannot open a server by `{kind}` yet")),
        [first, second, ..] => Err(format!("it has both `{first}` and `{second}`: a section is one server")),
    }
}

/// The same for each instance of a server, by name; the only one has none.
///
/// # Errors
/// As [`open`].
pub fn open_each(
    name: &str,
    section: &ToolSection,
    root: &Path,
    listing: Option<&Listing>,
) -> Result<Instances, String> {
    let one = |(instance, section): (EcoString, ToolSection)| {
        let opened = open(name, &section, root, listing.cloned());
        opened.map(|server| (instance, server))
    };
    section.each_instance().into_iter().map(one).collect()
}

/// A section from a file like `.mcp.json` with the references in its command or address resolved.
fn resolved(section: &ToolSection, root: &Path) -> Result<ToolSection, String> {
    let mut section = section.clone();
    if section.references {
        let own = |text: &String| expand(text, root);
        section.command = section.command.map(|words| words.iter().map(own).collect()).transpose()?;
        section.url = section.url.iter().map(own).collect::<Result<_, _>>()?;
        section.cwd = section.cwd.as_ref().map(own).transpose()?;
    }
    Ok(section)
}
