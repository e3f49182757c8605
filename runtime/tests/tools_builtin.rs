//! The declarations in `builtin.flow` and what is built are the same tools; `log.write` and `runs.cancel`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod common;

use async_trait::async_trait;
use common::{Project, call, config};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use weir_runtime::tool::Fault;
use weir_runtime::tools::{FilesConfig, MailConfig, RunControl, ShellConfig};
use weir_stdlib::Value;
use weir_stdlib::value::Labels;

#[test]
fn every_declared_tool_is_there_and_no_other() {
    let source = include_str!("../../compiler/src/registry/builtin.flow");
    let pattern = regex::Regex::new(r"(?m)^tool (\w+\.\w+)\(").unwrap();
    let declared: BTreeSet<String> = pattern.captures_iter(source).map(|found| found[1].to_owned()).collect();
    let project = Project::new();
    let built = project
        .tools
        .iter()
        .flat_map(|(server, tool)| tool.describe().into_iter().map(move |name| format!("{server}.{name}")));
    assert!(declared.len() > 20);
    assert_eq!(built.collect::<BTreeSet<_>>(), declared);
}

#[tokio::test]
async fn an_unknown_tool_is_a_fault() {
    let project = Project::new();
    for server in ["files", "store", "http", "mail", "log", "runs", "shell"] {
        let fault = project.fault(&format!("{server}.nothing"), "{}").await;
        assert!(fault.code == "not_found" && fault.message.contains("has no tool `nothing`"), "{fault}");
    }
}

#[test]
fn settings_take_what_they_know_and_nothing_else() {
    let read = |text: &str| toml::from_str::<FilesConfig>(text);
    assert_eq!(read("roots = ['data']").unwrap().roots, ["data"]);
    assert!(read("").unwrap().roots.is_empty());
    assert!(read("rots = []").unwrap_err().to_string().contains("unknown field `rots`"));
    assert_eq!(toml::from_str::<MailConfig>("").unwrap().outbox, "outbox");
    assert!(toml::from_str::<MailConfig>("allow = true").is_err());
    assert!(toml::from_str::<ShellConfig>("command = 'git'").is_err());
}

#[tokio::test]
async fn log_lines_are_json_with_secrets_masked_and_controls_escaped() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let mut config = config();
    config.log_sink = Some(Arc::new(move |line| sink.lock().unwrap().push(line.json.clone())));
    let project = Project::with(config);
    let secret = Value::text("hunter2").with_labels(Labels::NONE.as_secret());
    let args = Value::record([
        ("level", Value::text("warn")),
        ("message", Value::text("a\u{1b}[2J\n\u{9b}b\u{202e}c")),
        ("fields", Value::record([("token", secret), ("n", Value::int(1))])),
    ]);
    assert!(project.call_value("log.write", args).await.unwrap().is_null());
    project.ok("log.write", r#"{"level": "info", "message": "two"}"#).await;
    let log = project.read(".weir/log.jsonl");
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].contains(r#""message":"a\u001b[2J\n\u009bb\u202ec","fields":{"token":"•••","n":1}"#),
        "{}",
        lines[0]
    );
    assert!(lines[1].ends_with(r#""level":"info","message":"two","run_id":"run-1","step":"step"}"#), "{}", lines[1]);
    assert_eq!(*seen.lock().unwrap(), lines);
    assert_eq!(project.code("log.write", r#"{"level": "loud", "message": "x"}"#).await, "invalid_input");
}

struct One;

#[async_trait]
impl RunControl for One {
    async fn cancel(&self, run_id: &str) -> Result<Option<bool>, Fault> {
        Ok((run_id == "r1").then_some(true))
    }
}

#[tokio::test]
async fn cancelling_needs_an_engine() {
    let config = config();
    let slot = config.run_control.clone();
    let project = Project::with(config);
    assert_eq!(project.code("runs.cancel", r#"{"id": "r1"}"#).await, "unavailable");
    let engine: Arc<dyn RunControl> = Arc::new(One);
    slot.fill(&engine);
    assert_eq!(project.ok("runs.cancel", r#"{"id": "r1"}"#).await, r#"{"cancelled":true}"#);
    assert_eq!(project.code("runs.cancel", r#"{"id": "r2"}"#).await, "not_found");
    drop(engine);
    let (_, late) = call("runs.cancel", Value::from_json(r#"{"id": "r1"}"#).unwrap());
    assert_eq!(project.tools["runs"].call(&late).await.unwrap_err().code, "unavailable");
}
