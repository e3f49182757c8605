//! `weir tools sync|diff|call`, the lock file, and what is refused when a server is not what it was.
#![cfg(unix)]

use crate::support::{Folder, ended, folder};
use std::process::{Command, Stdio};

/// A program of one tool; what it describes stands in a file, so that it can change.
const PROGRAM: &str = "case $1 in\n  --describe) cat tools.json ;;\n  *) cat >/dev/null; touch called; echo '{\"value\": 0.5}' ;;\nesac\n";

const TOOLS: &str = r#"{"tools": [{"name": "score", "description": "How risky.", "annotations": {"readOnlyHint": true},
  "inputSchema": {"type": "object", "properties": {"email": {"type": "string"}}, "required": ["email"]},
  "outputSchema": {"type": "object", "properties": {"value": {"type": "number"}}, "required": ["value"]}}]}"#;

const FLOW: &str = "coordinator main(email: string = \"ann@acme.test\") -> number can risk.write {\n  found = risk.score(email: email)\n  return found.value\n}\n";

fn project() -> Folder {
    let toml = "[tools.risk]\nexec = [\"sh\", \"risk.sh\"]\n";
    folder(&[("weir.toml", toml), ("risk.sh", PROGRAM), ("tools.json", TOOLS), ("a.flow", FLOW)])
}

fn synced() -> Folder {
    let here = project();
    here.weir(&["tools", "sync"]).code(0);
    here
}

#[test]
fn sync_writes_the_lock_and_then_flows_check_and_run() {
    let here = project();
    let unasked = here.weir(&["check"]).code(1);
    assert!(unasked.stdout.contains("weir tools sync") || unasked.stderr.contains("weir tools sync"), "{unasked:?}");
    let told = here.weir(&["tools", "sync"]).code(0);
    told.prints(&[
        "risk",
        "is new: 1 tool",
        "only read: score",
        "`annotations = \"trust\"` under `[tools.risk]`",
        "wrote",
    ]);
    here.weir(&["check", "--deny-warnings"]).code(0);
    assert_eq!(here.weir(&["run", "a.flow"]).code(0).json()["records"][0]["value"], 0.5);
    let before = here.read("weir.lock.json");
    here.weir(&["tools", "sync", "risk"]).code(0).prints(&["unchanged", "as it was"]);
    assert_eq!(here.read("weir.lock.json"), before);
    let json = here.weir(&["tools", "sync", "--format", "json"]).code(0).json();
    assert_eq!(json["servers"][0]["status"], "unchanged");
    assert_eq!(json["written"], false);
}

#[test]
fn a_server_that_fails_does_not_keep_others_from_being_written() {
    let here = project();
    here.write(
        "weir.toml",
        "[tools.risk]\nexec = [\"sh\", \"risk.sh\"]\n[tools.gone]\nexec = [\"nosuchprogram\"]\n[tools.key]\nexec = [\"sh\"]\nenv = { A = \"env:WEIR_NO_SUCH_VARIABLE\" }\n[tools.mute]\nexec = [\"sh\", \"-c\", \"echo no; #\"]\n",
    );
    let told = here.weir(&["tools", "sync"]).code(1);
    told.prints(&["`nosuchprogram` is not installed", "`WEIR_NO_SUCH_VARIABLE` is not set", "does not describe tools"]);
    assert!(here.read("weir.lock.json").contains("\"score\""));
    here.weir(&["tools", "sync", "rsik"]).code(2).silent().says(&["there is no server `rsik`", "did you mean `risk`?"]);
    here.weir(&["tools", "sync", "risk.score"]).code(2).says(&["whole servers", "`risk`"]);
    folder(&[]).weir(&["tools", "sync"]).code(2).says(&["no project here"]);
    let before = here.read("weir.lock.json");
    here.weir(&["tools", "sync", "gone"]).code(1).prints(&["as it was"]);
    assert_eq!(here.read("weir.lock.json"), before);
    let here = folder(&[("weir.toml", "[tools.gone]\nexec = [\"nosuchprogram\"]\n")]);
    here.weir(&["tools", "sync"]).code(1).prints(&["nothing was written"]);
    assert!(!here.path("weir.lock.json").exists());
}

#[test]
fn a_lock_file_without_end_is_not_read() {
    let here = synced();
    let lock = std::fs::File::options().write(true).open(here.path("weir.lock.json")).unwrap();
    lock.set_len(1 << 40).unwrap();
    for args in [&["check"][..], &["run", "a.flow"], &["tools", "list"], &["tools", "sync"]] {
        here.weir(args).code(2).says(&["weir.lock.json` is larger than 32 MiB", "move it away"]);
    }
}

#[test]
fn a_server_that_is_gone_from_the_project_leaves_the_lock() {
    let here = synced();
    here.write("weir.toml", "");
    here.weir(&["tools", "sync"]).code(0).prints(&["- risk is no longer in weir.toml"]);
    assert!(!here.read("weir.lock.json").contains("score"));
}

#[test]
fn a_changed_definition_is_refused_and_shown_with_the_lines_that_it_breaks() {
    let here = synced();
    here.write("tools.json", &TOOLS.replace("\"value\"", "\"score\"").replace("[\"email\"]", "[\"email\", \"age\"]"));
    let refused = here.weir(&["run", "a.flow"]).code(1).silent();
    refused.says(&["`risk.score` is not what weir.lock.json holds", "`value` is gone", "weir tools sync"]);
    assert!(!here.path("called").exists(), "nothing may be called");
    here.weir(&["run", "a.flow", "--dry-run"]).code(0);
    let shown = here.weir(&["tools", "diff"]).code(1);
    shown.prints(&[
        "breaks calls",
        "the result's field `value` is gone",
        "a.flow:3:",
        "unknown-field",
        "weir tools sync",
    ]);
    let json = here.weir(&["tools", "diff", "--format", "json"]).code(1).json();
    assert_eq!(json["broken"][0]["file"], "a.flow");
    assert_eq!(json["changes"][0]["tool"], "risk.score");
    here.weir(&["tools", "sync"]).code(0).prints(&["~ score"]);
    here.weir(&["tools", "diff"]).code(0).prints(&["is what the servers offer"]);
    here.weir(&["check"]).code(1);
}

#[test]
fn a_harmless_change_is_told_and_breaks_nothing() {
    let here = synced();
    here.write("tools.json", &TOOLS.replace("How risky.", "Says how risky."));
    here.weir(&["tools", "diff"]).code(0).prints(&["stay right", "its description changed", "breaks no line"]);
    // It is still not what somebody has looked at.
    here.weir(&["run", "a.flow"]).code(1).says(&["its description changed"]);
    here.write("tools.json", "{\"tools\": []}");
    here.weir(&["tools", "diff"]).code(1).prints(&["- risk.score is gone"]);
    here.write("tools.json", "no json \u{1b}[2J");
    let told = here.weir(&["tools", "diff"]).code(1).prints(&["was not asked"]);
    assert!(!told.stdout.contains('\u{1b}'), "{told:?}");
    here.weir(&["run", "a.flow"]).code(1).silent().says(&["did not say what it offers", "nothing was called"]);
}

#[test]
fn call_makes_one_call_under_the_same_checks() {
    let here = synced();
    here.weir(&["tools", "call", "risk.score", "--arg", "email=a"]).code(0).prints(&["{\"value\":0.5}"]);
    here.weir(&["tools", "call", "risk.scroe"]).code(2).silent().says(&["did you mean `risk.score`?"]);
    let told = here.weir(&["tools", "call", "risk.score", "--arg", "emial=a"]).code(2).silent();
    told.says(&["did you mean `email`?", "weir tools show risk.score"]);
    here.weir(&["tools", "call", "risk.score"]).code(2).silent().says(&["`email` is missing"]);
    here.write("in.json", "{\"email\": 3}");
    here.weir(&["tools", "call", "risk.score", "--input", "in.json"]).code(2).says(&["must be `string`"]);
    // Flows with mistakes do not matter to it.
    here.write("broken.flow", "coordinator x( {\n");
    here.weir(&["tools", "call", "risk.score", "--arg", "email=a"]).code(0);
    // Grants are those of a run.
    here.write("weir.toml", "[grants]\n[tools.risk]\nexec = [\"sh\", \"risk.sh\"]\n");
    let refused = here.weir(&["tools", "call", "risk.score", "--arg", "email=a"]).code(1).silent();
    refused.says(&["needs risk.write", "--grant risk.write"]);
    here.weir(&["tools", "call", "risk.score", "--arg", "email=a", "--grant", "risk.write"]).code(0);
    here.write("tools.json", &TOOLS.replace("How risky.", "Else."));
    here.weir(&["tools", "call", "risk.score", "--arg", "email=a", "--grant", "risk.write"]).code(1).says(&["sync"]);
}

#[test]
fn call_reaches_built_in_tools_and_nobody_unasked() {
    let here = folder(&[("weir.toml", "[project]\nallow_delivery = true\n"), ("a.txt", "hi")]);
    let json = here.weir(&["tools", "call", "files.read", "--arg", "path=a.txt"]).code(0).json();
    assert_eq!(json["text"], "hi");
    let mail = ["tools", "call", "mail.send", "--arg", "to=a@b.test", "--arg", "subject=s", "--arg", "body=b"];
    here.weir(&mail).code(0).prints(&["disabled"]).says(&["--allow-delivery"]);
    let mut sent = mail.to_vec();
    sent.extend(["--allow-delivery", "--key", "k"]);
    here.weir(&sent).code(0).prints(&["\"sent\""]);
    here.weir(&sent).code(0).prints(&["duplicate"]);
    here.weir(&["tools", "call", "shell.run", "--arg", "command=ls"]).code(1).says(&["shell.exec", "by name only"]);
    let failed = here.weir(&["tools", "call", "files.read", "--arg", "path=b", "--format", "json"]).code(1);
    assert_eq!(failed.json()["error"]["code"], "not_found");
}

#[test]
fn an_interrupt_writes_nothing_and_leaves_no_process() {
    let here = project();
    here.write("risk.sh", "sleep 1000 &\necho $! >pid.new; mv pid.new pid\nwait\n");
    let mut command = here.command(&["tools", "sync"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !here.path("pid").exists() {
        assert!(std::time::Instant::now() < until, "the program never started");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    ended(&child.wait_with_output().unwrap()).code(130).says(&["nothing was written"]);
    assert!(!here.path("weir.lock.json").exists());
    let pid = here.read("pid");
    while Command::new("kill").args(["-0", pid.trim()]).stderr(Stdio::null()).status().unwrap().success() {
        assert!(std::time::Instant::now() < until, "a process was left behind");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// T22: neither a flow, nor a project file, nor a file of MCP servers makes `check` start or reach anything.
#[test]
fn check_starts_no_process_and_opens_no_network() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: strace is not here");
        return;
    }
    let here = synced();
    here.write(".mcp.json", "{\"mcpServers\": {\"m\": {\"command\": \"touch\", \"args\": [\"started\"]}, \"w\": {\"url\": \"http://127.0.0.1:9/mcp\"}}}");
    here.write("trace", "");
    let weir = here.command(&[]).get_program().to_owned();
    for args in
        [vec!["check"], vec!["tools", "list"], vec!["tools", "show", "risk.score"], vec!["run", "a.flow", "--dry-run"]]
    {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", "trace=execve,execveat,socket,connect", "-o", "trace"]).arg(&weir).args(&args);
        let status = command.current_dir(here.dir.path()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        let trace = here.read("trace");
        if !trace.contains("execve(") {
            eprintln!("skipped: strace may not trace here");
            return;
        }
        assert!(status.success(), "{args:?}");
        let calls: Vec<&str> = trace
            .lines()
            .filter(|line| line.contains("exec") || line.contains("socket") || line.contains("connect"))
            .collect();
        assert_eq!(calls.len(), 1, "{args:?}: only the program itself is started: {calls:#?}");
    }
    assert!(!here.path("started").exists());
}
