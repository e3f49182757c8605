//! Opening the hostile server and calling its tools.

use indexmap::IndexMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use weir_compiler::project::ToolSection;
use weir_compiler::registry::{Definition, Listing};
use weir_runtime::servers::{Server, mcp};
use weir_runtime::tool::{Call, Fault};
use weir_stdlib::Value;

/// No test waits longer.
pub const HANG: Duration = Duration::from_secs(60);

/// A folder with a log of what the server was told.
pub struct Place {
    pub folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Waits for a line in the log.
    pub async fn logged(&self, line: &str) {
        for _ in 0..500 {
            if self.log().lines().any(|known| known.starts_with(line)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("`{line}` is not in the log:\n{}", self.log());
    }

    /// The hostile server in a mode.
    pub fn hostile(&self, mode: &[&str]) -> Arc<dyn Server> {
        self.open(self.section(mode), None)
    }

    /// The same with a credential in its environment.
    pub fn with_token(&self, mode: &str) -> Arc<dyn Server> {
        std::fs::write(self.folder.path().join("token"), "s3cret-token\n").unwrap();
        let mut section = self.section(&[mode]);
        section.env.insert("HOSTILE_TOKEN".into(), "file:token".to_owned());
        self.open(section, None)
    }

    pub fn section(&self, mode: &[&str]) -> ToolSection {
        let mut command = vec![env!("CARGO_BIN_EXE_weir-hostile-mcp").to_owned(), mode[0].to_owned()];
        command.push(self.log_file().display().to_string());
        command.extend(mode[1..].iter().map(|part| (*part).to_owned()));
        ToolSection { command: Some(command), ..ToolSection::default() }
    }

    pub fn open(&self, section: ToolSection, locked: Option<Listing>) -> Arc<dyn Server> {
        mcp::open("hostile", &section, self.folder.path(), locked).unwrap()
    }
}

pub fn call(tool: &str) -> Call {
    Call {
        tool: tool.into(),
        args: Value::record([("n", Value::int(1))]),
        key: None,
        run_id: "0190-run".into(),
        step: "a/b".into(),
        attempt: 1,
        timeout: Duration::from_secs(30),
        grants: Vec::new(),
        definition: None,
        instance: Default::default(),
        progress: None,
    }
}

pub fn locked(tool: &str, definition: Option<&Definition>) -> Call {
    Call { definition: definition.cloned().map(Arc::new), ..call(tool) }
}

/// Calls with a guard against hanging.
pub async fn run(server: &Arc<dyn Server>, call: &Call) -> Result<Value, Fault> {
    tokio::time::timeout(HANG, server.call(call)).await.unwrap_or_else(|_| panic!("`{}` hangs", call.tool))
}

pub async fn listed(server: &Arc<dyn Server>) -> Result<Listing, Fault> {
    tokio::time::timeout(HANG, server.list()).await.unwrap_or_else(|_| panic!("the listing hangs"))
}

pub fn tools(listing: &Listing) -> IndexMap<ecow::EcoString, Definition> {
    listing.tools.clone()
}

/// Whether a process is there.
#[cfg(target_os = "linux")]
pub fn runs(pid: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = state.rsplit(") ").next().and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

/// The largest memory that this process has held, in bytes (Linux).
pub fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}
