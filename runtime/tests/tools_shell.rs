//! `shell.run` with real programs: what may run, what they see, how they end.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod common;

use common::{Project, call};
use std::path::Path;
use std::time::{Duration, Instant};
use weir_runtime::tool::{Fault, Happened};
use weir_stdlib::Value;
use weir_stdlib::value::Data;

fn sh(script: &str, more: &[(&str, Value)]) -> Value {
    let mut fields = vec![
        ("command".to_owned(), Value::text("sh")),
        ("args".to_owned(), Value::list(vec![Value::text("-c"), Value::text(script)])),
    ];
    fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Value::record(fields)
}

async fn run(project: &Project, script: &str, more: &[(&str, Value)]) -> Result<Value, Fault> {
    project.call_value("shell.run", sh(script, more)).await
}

#[tokio::test]
async fn code_and_streams_are_values() {
    let project = Project::new();
    let value = run(&project, "cat; echo err >&2; pwd; exit 3", &[("stdin", Value::text("in\n"))]).await.unwrap();
    let folder = project.folder.path().canonicalize().unwrap();
    let expected = format!(r#"{{"code":3,"stdout":"in\n{}\n","stderr":"err\n"}}"#, folder.display());
    assert_eq!(value.to_json(), expected);
    let value = run(&project, "kill -TERM $$", &[]).await.unwrap();
    assert_eq!(value.field("code").as_int(), Some(128 + 15));
    let value = run(&project, "printf 'a\\377b'; pwd", &[("folder", Value::text("data"))]).await.unwrap();
    let stdout = value.field("stdout");
    assert!(stdout.as_str().unwrap().starts_with("a\u{fffd}b") && stdout.as_str().unwrap().ends_with("data\n"));
    project.put("tool.sh", "#!/bin/sh\necho own");
    std::fs::set_permissions(project.path("tool.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let ran = project.ok("shell.run", r#"{"command": "./tool.sh", "folder": "data"}"#).await;
    assert!(ran.contains(r#""stdout":"own\n""#), "{ran}");
}

#[tokio::test]
async fn only_named_and_granted_commands_run() {
    let project = Project::new();
    for command in ["git", "sh -c true", "/bin/sh", "sh;true", "../sh", ""] {
        let fault = project.fault("shell.run", &format!(r#"{{"command": "{command}"}}"#)).await;
        assert_eq!(fault.code, "permission", "{command}");
        assert!(fault.message.contains("`[tools.shell]` `commands = ["), "{fault}");
    }
    let (_, mut ungranted) = call("shell.run", sh("true", &[]));
    ungranted.grants = vec!["files.read".into(), "shell.read".into()];
    let fault = project.tools["shell"].call(&ungranted).await.unwrap_err();
    assert!(fault.code == "permission" && fault.message.contains("--grant shell.exec"), "{fault}");
    assert_eq!(project.code("shell.run", r#"{"command": "nosuch"}"#).await, "not_found");
    for (folder, code) in [("..", "permission"), ("/", "permission"), ("data/none", "not_found")] {
        assert_eq!(project.code("shell.run", &format!(r#"{{"command": "env", "folder": "{folder}"}}"#)).await, code);
    }
}

#[tokio::test]
async fn arguments_are_never_read_by_a_shell() {
    let project = Project::new();
    let hostile =
        ["; touch pwned", "$(touch pwned)", "`touch pwned`", "&& touch pwned", "| touch pwned", "> pwned", "*"];
    let args = hostile.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(",");
    let value = project.call("shell.run", &format!(r#"{{"command": "./tool.sh", "args": [{args}]}}"#)).await;
    assert_eq!(value.unwrap_err().code, "not_found");
    let script = r#"for arg in "$@"; do printf '%s\n' "$arg"; done"#;
    let mut words = vec![Value::text("-c"), Value::text(script), Value::text("sh")];
    words.extend(hostile.iter().map(|text| Value::text(*text)));
    let args = Value::record([("command", Value::text("sh")), ("args", Value::list(words))]);
    let value = project.call_value("shell.run", args).await.unwrap();
    assert_eq!(value.field("stdout").as_str().unwrap().lines().collect::<Vec<_>>(), hostile);
    assert!(!project.path("pwned").exists());
}

#[tokio::test]
async fn a_program_sees_five_variables_of_our_environment() {
    let project = Project::new();
    let seen = project.call("shell.run", r#"{"command": "env"}"#).await.unwrap().field("stdout");
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    for line in seen.as_str().unwrap().lines() {
        let name = line.split('=').next().unwrap();
        assert!(["PATH", "HOME", "USER", "LANG", "TMPDIR"].contains(&name), "{line}");
    }
}

/// Whether a process is there and not just waiting to be reaped.
fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

async fn gone(project: &Project, file: &str) -> bool {
    let pid = project.read(file);
    for _ in 0..100 {
        if !alive(&pid) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn a_timeout_ends_grandchildren_too() {
    let project = Project::new();
    let timeout = ("timeout", Value::new(Data::Duration(300)));
    let start = Instant::now();
    let fault = run(&project, "sh -c 'sleep 60 & echo $! > pid; wait' & wait", &[timeout]).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!((fault.code.as_str(), fault.happened), ("timeout", Happened::Maybe));
    assert!(gone(&project, "pid").await);
}

#[tokio::test]
async fn dropping_the_call_ends_grandchildren_too() {
    let project = Project::new();
    let script = "sh -c 'sleep 60 & echo $! > pid; wait' & wait";
    let dropped = tokio::time::timeout(Duration::from_millis(300), run(&project, script, &[])).await;
    assert!(dropped.is_err());
    assert!(gone(&project, "pid").await);
}

#[tokio::test]
async fn what_a_program_leaves_behind_ends_with_it() {
    let project = Project::new();
    let start = Instant::now();
    let value = run(&project, "sleep 60 & echo $! > pid; echo done", &[]).await.unwrap();
    assert_eq!(value.field("stdout").as_str(), Some("done\n"));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(gone(&project, "pid").await);
}

#[tokio::test]
async fn a_flood_is_stopped() {
    let project = Project::new();
    for stream in ["", " >&2"] {
        let start = Instant::now();
        let fault = run(&project, &format!("echo $$ > pid; exec cat /dev/zero{stream}"), &[]).await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.happened), ("bad_response", Happened::Maybe), "{fault}");
        assert!(start.elapsed() < Duration::from_secs(5));
        assert!(gone(&project, "pid").await);
    }
    let value = run(&project, "head -c 1048576 /dev/zero", &[]).await.unwrap();
    assert_eq!(value.field("stdout").as_str().unwrap().len(), 1024 * 1024);
}

#[tokio::test]
async fn input_that_is_not_read_and_output_that_is_not_awaited_do_not_hang() {
    let project = Project::new();
    let much = ("stdin", Value::text("x".repeat(8 * 1024 * 1024)));
    let value = run(&project, "echo early", std::slice::from_ref(&much)).await.unwrap();
    assert_eq!(value.field("stdout").as_str(), Some("early\n"));
    let value = run(&project, "cat | wc -c", &[much]).await.unwrap();
    assert_eq!(value.field("stdout").as_str().unwrap().trim(), "8388608");
}
