//! A project in a folder of its own, and calls on its built-in tools.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use camino::Utf8PathBuf;
use indexmap::IndexMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use weir_runtime::tool::{Call, Fault, Happened, Tool};
use weir_runtime::tools::{BuiltinConfig, FilesConfig, ShellConfig, builtins};
use weir_stdlib::value::Value;

/// A project with the roots `data` and `out`.
pub struct Project {
    pub folder: tempfile::TempDir,
    pub tools: IndexMap<ecow::EcoString, Arc<dyn Tool>>,
}

impl Project {
    pub fn new() -> Self {
        Project::with(config())
    }

    pub fn with(config: BuiltinConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let tools = builtins(&root(&folder), &config);
        Project { folder, tools }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn put(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    /// Calls a tool with arguments in JSON.
    pub async fn call(&self, tool: &str, args: &str) -> Result<Value, Fault> {
        self.call_value(tool, Value::from_json(args).unwrap()).await
    }

    pub async fn call_value(&self, tool: &str, args: Value) -> Result<Value, Fault> {
        let (server, call) = call(tool, args);
        self.tools[server.as_str()].call(&call).await
    }

    /// The result as JSON.
    pub async fn ok(&self, tool: &str, args: &str) -> String {
        match self.call(tool, args).await {
            Ok(value) => value.to_json(),
            Err(fault) => panic!("{tool} {args}: {fault}"),
        }
    }

    /// The fault, which must say that nothing happened.
    pub async fn fault(&self, tool: &str, args: &str) -> Fault {
        match self.call(tool, args).await {
            Ok(value) => panic!("{tool} {args} gave {}", value.to_json()),
            Err(fault) => {
                assert_eq!(fault.happened, Happened::No, "{fault}");
                fault
            }
        }
    }

    /// The code of the fault.
    pub async fn code(&self, tool: &str, args: &str) -> String {
        self.fault(tool, args).await.code.to_string()
    }
}

pub fn call(tool: &str, args: Value) -> (String, Call) {
    let (server, name) = tool.split_once('.').unwrap();
    let call = Call {
        tool: name.into(),
        args,
        key: None,
        run_id: "run-1".into(),
        step: "step".into(),
        attempt: 1,
        timeout: Duration::from_secs(30),
        grants: vec!["files.write".into(), "shell.exec".into()],
        definition: None,
        instance: Default::default(),
        progress: None,
    };
    (server.to_owned(), call)
}

pub fn config() -> BuiltinConfig {
    BuiltinConfig {
        files: FilesConfig { roots: vec!["data".into(), "out".into()] },
        shell: ShellConfig {
            commands: vec!["sh".into(), "cat".into(), "env".into(), "./tool.sh".into(), "nosuch".into()],
        },
        ..BuiltinConfig::default()
    }
}

pub fn root(folder: &tempfile::TempDir) -> Utf8PathBuf {
    Utf8PathBuf::from_path_buf(folder.path().to_path_buf()).unwrap()
}
