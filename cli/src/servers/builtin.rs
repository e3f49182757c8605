//! The built-in tools with their sections of `weir.toml`.

use super::Tools;
use crate::exit::Error;
use camino::Utf8Path;
use std::path::Path;
use weir_compiler::project::Config;
use weir_runtime::tools::{BuiltinConfig, FilesConfig, MailConfig, RunControlSlot, ShellConfig, builtins};

/// The built-in tools, and the place where the engine lends itself to `runs.cancel`.
pub fn builtin_servers(root: &Path, config: &Config) -> Result<(Tools, RunControlSlot), Error> {
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
