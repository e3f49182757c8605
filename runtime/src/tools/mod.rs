//! The built-in tools: files, store, http, mail, log, runs, shell. They need no server. What they take and give is declared
//! in the compiler's `builtin.flow`; a test holds the two together.

mod args;
mod atomic;
mod fault;
mod files;
pub(crate) mod http;
mod log;
mod mail;
mod runs;
mod sandbox;
mod shell;
mod store;

pub use files::{Files, FilesConfig};
pub use http::{Http, HttpConfig};
pub use log::{Log, LogLine, LogSink};
pub use mail::{Mail, MailConfig};
pub use runs::{RunControl, RunControlSlot, Runs};
pub use shell::{Shell, ShellConfig};
pub use store::Store;

use crate::tool::Tool;
use camino::Utf8Path;
use ecow::EcoString;
use indexmap::IndexMap;
use std::sync::Arc;

/// What the built-in tools are told: their sections of `weir.toml`, and what the engine and the command line lend them.
#[derive(Clone, Default)]
pub struct BuiltinConfig {
    /// `[tools.files]`
    pub files: FilesConfig,
    /// `[tools.http]`
    pub http: HttpConfig,
    /// `[tools.mail]`
    pub mail: MailConfig,
    /// `[tools.shell]`
    pub shell: ShellConfig,
    /// Filled by the engine; until then `runs.cancel` is `unavailable`.
    pub run_control: RunControlSlot,
    /// Sees every line of `log.write`.
    pub log_sink: Option<LogSink>,
}

/// Every built-in tool server by its name. Nothing is opened before a first call.
pub fn builtins(project_root: &Utf8Path, config: &BuiltinConfig) -> IndexMap<EcoString, Arc<dyn Tool>> {
    let servers: [(&str, Arc<dyn Tool>); 7] = [
        ("files", Arc::new(Files::new(project_root, config.files.clone()))),
        ("store", Arc::new(Store::new(project_root))),
        ("http", Arc::new(Http::new(config.http.clone()))),
        ("mail", Arc::new(Mail::new(project_root, config.mail.clone(), &config.files))),
        ("log", Arc::new(Log::new(project_root, config.log_sink.clone()))),
        ("runs", Arc::new(Runs::new(config.run_control.clone()))),
        ("shell", Arc::new(Shell::new(project_root, config.shell.clone()))),
    ];
    servers.into_iter().map(|(name, tool)| (name.into(), tool)).collect()
}
