//! The servers that a plan can call, and what is refused before any of them is opened.

use super::{Outside, PATIENCE, Tools, opened};
use crate::exit::{Error, Exit};
use ecow::EcoString;
use indexmap::IndexMap;
use std::path::Path;
use std::sync::Arc;
use weir_compiler::plan::{Plan, ToolPlan};
use weir_compiler::project::{Config, ToolSection};
use weir_compiler::registry::{Definition, Listing, Lock, ServerKind};
use weir_runtime::servers::Verified;

/// The servers outside that a plan can call, with the tools that it can call there.
pub struct Needed<'a> {
    servers: IndexMap<&'a str, (&'a ToolSection, Vec<&'a ToolPlan>)>,
    lock: &'a Lock,
}

/// Finds out who carries out each tool of a plan.
///
/// # Errors
/// Tools without a server, and tools of a server that was never asked what it offers.
pub fn needed<'a>(plan: &'a Plan, builtin: &Tools, config: &'a Config, lock: &'a Lock) -> Result<Needed<'a>, Error> {
    let mut servers: IndexMap<&str, (&ToolSection, Vec<&ToolPlan>)> = IndexMap::new();
    let (mut without, mut unlocked) = (Vec::new(), Vec::new());
    for tool in plan.tools.values() {
        let (server, own) = parts(tool);
        if builtin.get(server).is_some_and(|server| server.describe().iter().any(|known| known == own)) {
            continue;
        }
        match config.tools.get(server).map(|section| (section, section.kinds())) {
            Some((section, kinds)) if !kinds.is_empty() => {
                if kinds != ["exec"] && definition(tool, lock).is_none() {
                    unlocked.push(tool);
                }
                servers.entry(server).or_insert_with(|| (section, Vec::new())).1.push(tool);
            }
            _ => without.push(tool),
        }
    }
    if !without.is_empty() {
        return Err(unserved(&without));
    }
    if let Some(first) = unlocked.first() {
        return Err(never_asked(&unlocked, parts(first).0));
    }
    Ok(Needed { servers, lock })
}

impl Needed<'_> {
    /// Opens them; nothing is started.
    ///
    /// # Errors
    /// A section that names no server or several, a credential that is not there.
    pub fn open(&self, root: &Path) -> Result<Outside, Error> {
        let mut outside = Outside::new();
        for (name, (section, tools)) in &self.servers {
            let listing = self.listing(name, section, tools);
            let servers = opened(name, section, root, Some(&listing))?;
            let locked = |tool: &&ToolPlan| Some((tool.name.clone(), definition(tool, self.lock)?));
            let locked: Vec<(EcoString, Arc<Definition>)> = tools.iter().filter_map(locked).collect();
            outside.insert((*name).into(), Arc::new(Verified::several(servers, locked, PATIENCE)));
        }
        Ok(outside)
    }

    /// What the lock file says of a server. A program also carries out what is only declared.
    fn listing(&self, name: &str, section: &ToolSection, tools: &[&ToolPlan]) -> Listing {
        let empty = || Listing {
            kind: ServerKind::Program,
            server: None,
            protocol: None,
            base_url: None,
            tools: IndexMap::new(),
        };
        let mut listing = self.lock.servers.get(name).cloned().unwrap_or_else(empty);
        if section.exec.is_some() {
            for tool in tools {
                listing.tools.entry(parts(tool).1.into()).or_default();
            }
        }
        listing
    }
}

/// Server and own name.
fn parts(tool: &ToolPlan) -> (&str, &str) {
    tool.name.split_once('.').unwrap_or((&tool.name, ""))
}

fn definition(tool: &ToolPlan, lock: &Lock) -> Option<Arc<Definition>> {
    let (server, own) = parts(tool);
    let locked = || Some(Arc::new(lock.servers.get(server)?.tools.get(own)?.clone()));
    tool.definition.clone().or_else(locked)
}

fn unserved(tools: &[&ToolPlan]) -> Error {
    let messages = tools.iter().map(|tool| format!("`{}` is declared, but no server carries it out", tool.name));
    let mut sections: Vec<String> = tools.iter().map(|tool| format!("`[tools.{}]`", parts(tool).0)).collect();
    sections.sort_unstable();
    sections.dedup();
    let help = format!(
        "add {} to weir.toml, with a `command`, `url`, `openapi` or `exec`; nothing was started",
        sections.join(" and ")
    );
    Error { exit: Exit::Failed, messages: messages.collect(), help: Some(help), code: None }
}

fn never_asked(tools: &[&ToolPlan], server: &str) -> Error {
    let messages =
        tools.iter().map(|tool| format!("`{}` is not in weir.lock.json: its server was never asked for it", tool.name));
    let help = format!("`weir tools sync {server}` asks it and writes the file; nothing was started");
    Error { exit: Exit::Failed, messages: messages.collect(), help: Some(help), code: None }
}
