//! Who carries out the tools of a flow: the built-in ones, with their sections of `weir.toml`.

use crate::exit::Error;
use camino::Utf8Path;
use ecow::EcoString;
use indexmap::IndexMap;
use std::path::Path;
use std::sync::Arc;
use weir_compiler::plan::Plan;
use weir_compiler::project::Config;
use weir_runtime::tool::Tool;
use weir_runtime::tools::{BuiltinConfig, FilesConfig, MailConfig, RunControlSlot, ShellConfig, builtins};

/// Tool servers by name.
pub type Servers = IndexMap<EcoString, Arc<dyn Tool>>;

/// Every server that the project has, and the place where the engine lends itself to `runs.cancel`.
pub fn servers(root: &Path, config: &Config) -> Result<(Servers, RunControlSlot), Error> {
    let root = Utf8Path::from_path(root).ok_or_else(|| {
        Error::usage(format!("the folder `{}` has a name that is not UTF-8", root.display())).help("rename it")
    })?;
    let section = |name: &str| config.tools.get(name);
    let slot = RunControlSlot::default();
    let outbox = section("mail").and_then(|mail| mail.outbox.clone());
    let config = BuiltinConfig {
        files: FilesConfig {
            roots: section("files").and_then(|files| files.roots.clone()).unwrap_or_else(project_folder),
        },
        mail: outbox.map_or_else(MailConfig::default, |outbox| MailConfig { outbox }),
        shell: ShellConfig { commands: section("shell").and_then(|shell| shell.commands.clone()).unwrap_or_default() },
        run_control: slot.clone(),
        log_sink: None,
    };
    Ok((builtins(root, &config), slot))
}

/// Without `[tools.files] roots` the project's own folder is the root.
fn project_folder() -> Vec<String> {
    vec![".".to_string()]
}

/// Refused where the plan may call a tool that nobody carries out.
pub fn all_served(plan: &Plan, servers: &Servers, config: &Config) -> Result<(), Error> {
    let served = |name: &str| {
        let (server, tool) = name.split_once('.').unwrap_or((name, ""));
        servers.get(server).is_some_and(|server| server.describe().iter().any(|known| known == tool))
    };
    let without: Vec<&str> = plan.tools.keys().map(|name| name.as_str()).filter(|name| !served(name)).collect();
    let mut sections: Vec<&str> = without.iter().map(|name| name.split('.').next().unwrap_or(name)).collect();
    sections.sort_unstable();
    sections.dedup();
    let Some(first) = sections.first() else { return Ok(()) };
    let messages = without.iter().map(|name| format!("`{name}` is declared, but no server carries it out")).collect();
    let help = if config.tools.contains_key(*first) {
        format!("`[tools.{first}]` in weir.toml names a server that this version cannot start yet; nothing was started")
    } else {
        let named: Vec<String> = sections.iter().map(|section| format!("`[tools.{section}]`")).collect();
        format!(
            "add {} to weir.toml, with a `command`, `url`, `openapi` or `exec`; nothing was started",
            named.join(" and ")
        )
    };
    Err(Error { exit: crate::exit::Exit::Failed, messages, help: Some(help) })
}
