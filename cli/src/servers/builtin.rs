//! The built-in tools with their sections of `weir.toml`.

use super::Tools;
use crate::exit::Error;
use camino::Utf8Path;
use std::path::Path;
use weir_compiler::plan::Plan;
use weir_compiler::project::Config;
use weir_runtime::tools::{BuiltinConfig, FilesConfig, HttpConfig, MailConfig, RunControlSlot, ShellConfig, builtins};

/// The built-in tools, and the place where the engine lends itself to `runs.cancel`. Credentials of sections that the plan
/// does not touch are left alone.
///
/// # Errors
/// A section that the plan needs and that cannot be used: a credential that is not there, an address that is none.
pub fn builtin_servers(root: &Path, config: &Config, plan: &Plan) -> Result<(Tools, RunControlSlot), Error> {
    let root = Utf8Path::from_path(root).ok_or_else(|| {
        Error::usage(format!("the folder `{}` has a name that is not UTF-8", root.display())).help("rename it")
    })?;
    let section = |name: &str| config.tools.get(name);
    let used = |server: &str| plan.tools.keys().any(|tool| tool.split('.').next() == Some(server));
    let needed = |name: &'static str| section(name).filter(|_| used(name));
    let slot = RunControlSlot::default();
    let config = BuiltinConfig {
        files: FilesConfig {
            roots: section("files").and_then(|files| files.roots.clone()).unwrap_or_else(project_folder),
        },
        http: match needed("http") {
            Some(http) => HttpConfig::from_section(http, root.as_std_path()).map_err(Error::usage)?,
            None => HttpConfig::default(),
        },
        mail: match needed("mail") {
            Some(mail) => MailConfig::from_section(mail, root.as_std_path()).map_err(Error::usage)?,
            None => MailConfig::default(),
        },
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
