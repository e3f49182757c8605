//! `exec`: programs as tools, well behaved and not.
#![cfg(unix)]

use crate::support::{Ended, Folder, ended, folder};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A project whose tool `p.go` is this shell script.
fn project(script: &str, more: &str) -> Folder {
    let toml = format!("[tools.p]\nexec = [\"sh\", \"p.sh\"]\n{more}");
    folder(&[("weir.toml", &toml), ("p.sh", script), ("a.flow", READ)])
}

const READ: &str = "tool p.go(text: string) -> json can p.read\n\ncoordinator main(text: string = \"hi\") -> json can p.read {\n  got = p.go(text: text)\n  return got\n}\n";

const WRITE: &str = "tool p.go(text: string) -> json can p.write\n\ncoordinator main(text: string = \"hi\") -> json can p.write {\n  got = p.go(text: text)\n  return got\n}\n";

fn run(here: &Folder) -> Ended {
    here.weir(&["run", "a.flow"])
}

fn error(here: &Folder) -> (String, String) {
    let envelope = run(here).code(1).json();
    let error = &envelope["metadata"]["error"];
    (error["code"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
}

/// Whether a process lives.
fn lives(pid: &str) -> bool {
    Command::new("kill").args(["-0", pid.trim()]).stderr(Stdio::null()).status().unwrap().success()
}

fn dies(pid: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    while lives(pid) {
        assert!(Instant::now() < until, "process {pid} was left behind");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_program_is_told_what_it_needs_and_nothing_of_ours() {
    let here = project(
        "input=$(cat)\nprintf '{\"tool\": \"%s\", \"input\": %s, \"step\": \"%s\", \"attempt\": \"%s\", \"own\": \"%s\", \
         \"leak\": \"%s\", \"trace\": \"%s\"}' \"$1\" \"$input\" \"$WEIR_STEP\" \"$WEIR_ATTEMPT\" \"$OWN\" \"$LEAK\" \
         \"$TRACEPARENT\"\n",
        "env = { OWN = \"env:GIVEN\" }\n",
    );
    let mut command = here.command(&["run", "a.flow"]);
    let envelope = ended(&command.env("GIVEN", "mine").env("LEAK", "secret").output().unwrap()).code(0).json();
    let value = &envelope["records"][0]["value"];
    assert_eq!(value["tool"], "go");
    assert_eq!(value["input"], serde_json::json!({ "text": "hi" }));
    assert_eq!((&value["step"], &value["attempt"]), (&"got".into(), &"1".into()));
    assert_eq!((&value["own"], &value["leak"]), (&"mine".into(), &"".into()));
    let trace = envelope["metadata"]["trace_id"].as_str().unwrap();
    assert!(value["trace"].as_str().unwrap().starts_with(&format!("00-{trace}-")), "{value}");
}

#[test]
fn exit_codes_are_error_codes() {
    for (exit, code) in [
        (64, "invalid_input"),
        (65, "invalid_input"),
        (66, "not_found"),
        (69, "unavailable"),
        (75, "unavailable"),
        (77, "permission"),
        (1, "failed"),
        (70, "failed"),
    ] {
        let here = project(&format!("echo why it is so >&2\nexit {exit}\n"), "");
        let (found, message) = error(&here);
        assert_eq!(found, code, "{exit}");
        assert!(message.contains(&format!("exit code {exit}")) && message.contains("why it is so"), "{message}");
    }
    let (code, message) = error(&project("kill -9 $$\n", ""));
    assert!(code == "failed" && message.contains("signal 9"), "{message}");
}

#[test]
fn a_program_that_knows_why_says_so() {
    let here = project(
        "echo '{\"error\": {\"code\": \"conflict\", \"message\": \"taken \\u001b[2J already\"}}'\nexit 1\n",
        "",
    );
    let (code, message) = error(&here);
    assert_eq!(code, "conflict");
    assert!(message.contains("taken \\u{1b}[2J already"), "{message}");
    // It may have happened, and it must not happen twice: a person is asked.
    for script in ["echo '{\"error\": {\"code\": \"conflict\", \"happened\": true}}'\nexit 1\n", "exit 1\n"] {
        let here = project(script, "");
        here.write("a.flow", WRITE);
        let envelope = run(&here).code(5).json();
        assert_eq!(envelope["metadata"]["status"], "needs_attention");
    }
    let here = project("echo '{\"error\": {\"code\": \"conflict\"}}'\nexit 1\n", "");
    here.write("a.flow", WRITE);
    assert_eq!(error(&here).0, "conflict");
}

#[test]
fn what_is_no_single_json_value_is_a_bad_response() {
    for (script, why) in [
        ("echo hello\n", "must print one JSON value"),
        ("echo 1; echo 2\n", "must print one JSON value"),
        ("printf '\\377\\n'\n", "must print UTF-8"),
        ("head -c 17000000 /dev/zero | tr '\\0' '1'\n", "more than 16 MiB"),
        ("yes '[' | head -c 200000 | tr -d '\\n'\n", "must print one JSON value"),
        ("yes\n", "more than 16 MiB"),
    ] {
        let (code, message) = error(&project(script, ""));
        assert_eq!(code, "bad_response", "{script}");
        assert!(message.contains(why) && message.len() < 3000, "{script}: {message}");
    }
    let envelope = run(&project("true\n", "")).code(0).json();
    assert!(envelope["records"][0]["value"].is_null(), "nothing printed is null");
}

#[test]
fn numbers_keep_their_digits() {
    let here = project("cat >/dev/null; echo '{\"sum\": 0.1234567890123456789012345, \"n\": 9007199254740993}'\n", "");
    here.write(
        "a.flow",
        "tool p.go(text: string) -> { sum: decimal, n: int } can p.read\n\ncoordinator main() -> { sum: decimal, n: int } can p.read {\n  return p.go(text: \"\")\n}\n",
    );
    let ended = run(&here).code(0);
    ended.prints(&["0.1234567890123456789012345", "9007199254740993"]);
}

#[test]
fn input_that_nobody_reads_and_streams_that_stay_open_do_no_harm() {
    let here = project("echo 1\n", "");
    here.write("big.json", &format!("{{\"text\": \"{}\"}}", "x".repeat(2_000_000)));
    here.weir(&["run", "a.flow", "--input", "big.json"]).code(0);
    let here = project("sleep 1000 &\necho $! >pid\necho 2\n", "");
    run(&here).code(0);
    dies(&here.read("pid"));
    let here = project("exec >&-\nyes x | head -c 3000000 >&2\n", "");
    run(&here).code(0);
}

#[test]
fn a_time_limit_ends_the_program_and_its_children() {
    let here = project("sleep 1000 &\necho $! >pid\nwait\n", "");
    here.write("a.flow", &READ.replace("text: text)\n", "text: text) timeout 500ms retry 0\n"));
    let (code, message) = error(&here);
    assert!(code == "timeout" && message.contains("500 ms"), "{message}");
    dies(&here.read("pid"));
}

#[test]
fn ctrl_c_leaves_no_process() {
    let here = project("sleep 1000 &\necho $! >pid.new\nmv pid.new pid\nwait\n", "");
    let mut command = here.command(&["run", "a.flow"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while !here.path("pid").exists() {
        assert!(Instant::now() < until, "the program never started");
        std::thread::sleep(Duration::from_millis(20));
    }
    let interrupt = || Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    interrupt();
    std::thread::sleep(Duration::from_millis(200));
    interrupt();
    let pid = here.read("pid");
    ended(&child.wait_with_output().unwrap()).code(130);
    dies(&pid);
}

#[test]
fn what_is_missing_is_said_before_anything_starts() {
    let here = project("echo 1\n", "env = { KEY = \"env:WEIR_NO_SUCH_VARIABLE\" }\n");
    run(&here).code(1).silent().says(&["`WEIR_NO_SUCH_VARIABLE` is not set", "`[tools.p]`", "nothing was started"]);
    let here = project("echo 1\n", "cwd = \"nowhere\"\n");
    run(&here).code(1).silent().says(&["no folder `nowhere`"]);
    let here = project("echo 1\n", "url = \"http://x\"\n");
    run(&here).code(1).silent().says(&["`exec`", "`url`"]);
    let here = project("echo 1\n", "");
    here.write("weir.toml", "[tools.p]\nexec = [\"nosuchprogram\"]\n");
    let (code, message) = error(&here);
    assert!(code == "not_found" && message.contains("`nosuchprogram` is not installed"), "{message}");
}

#[test]
fn credentials_are_masked_in_what_a_program_says() {
    let here = project("echo the key is $KEY >&2; exit 1\n", "env = { KEY = \"env:GIVEN\" }\n");
    let mut command = here.command(&["run", "a.flow"]);
    let ended = ended(&command.env("GIVEN", "hunter2hunter2").output().unwrap()).code(1);
    assert!(!ended.stdout.contains("hunter2") && !ended.stderr.contains("hunter2"), "{ended:?}");
    ended.prints(&["the key is ***"]);
}

#[test]
fn a_dry_run_starts_nothing() {
    let here = project("touch started\necho 1\n", "");
    here.weir(&["run", "a.flow", "--dry-run"]).code(0).prints(&["p.go"]);
    assert!(!here.path("started").exists());
}
