//! `weir run`: envelopes, exit codes, grants, deliveries, dry runs, events.

use crate::support::{Folder, GREET, folder};
use serde_json::Value;

const MAIL: &str = r#"
delivery tell(to: string) can mail.send {
  key "tell-{to}"
  mail.send(to: to, subject: "Hello", body: "There.")
}

coordinator main(to: string = "ann@acme.test") -> { told: string } can mail.send {
  told = tell(to)
  return { told: told.status }
}
"#;

fn mailer(allowed: bool) -> Folder {
    folder(&[("weir.toml", &format!("[project]\nname = \"m\"\nallow_delivery = {allowed}\n")), ("main.flow", MAIL)])
}

fn mails(here: &Folder) -> usize {
    std::fs::read_dir(here.path("outbox")).map_or(0, |entries| {
        entries.flatten().filter(|entry| entry.path().extension().is_some_and(|extension| extension == "eml")).count()
    })
}

#[test]
fn stdout_is_one_envelope() {
    let here = folder(&[("a.flow", GREET)]);
    let ended = here.weir(&["run", "a.flow", "--arg", "name=Ann"]).code(0);
    assert_eq!(ended.stdout.trim_end().lines().count(), 1, "one line without a terminal");
    let envelope = ended.json();
    for field in [
        "run_id",
        "flow",
        "program",
        "status",
        "started_at",
        "finished_at",
        "partial",
        "blocked",
        "reason",
        "error",
        "steps",
        "attempts",
        "side_effects",
        "report",
        "trace_id",
    ] {
        assert!(envelope["metadata"].get(field).is_some(), "no {field} in {envelope}");
    }
    assert_eq!(envelope["metadata"]["flow"], "main");
    assert!(ended.stderr.contains("succeeded"), "{}", ended.stderr);
}

#[test]
fn exit_codes_tell_how_it_ended() {
    let cases = [
        ("coordinator main() -> int {\n  block \"closed today\"\n}\n", 3, "blocked", "closed today"),
        ("coordinator main() -> int {\n  fail conflict \"no\"\n}\n", 1, "failed", "no"),
        (
            "coordinator main() -> string {\n  answer = ask \"Go on?\" as { approved: bool }\n  return \"{answer.approved}\"\n}\n",
            5,
            "waiting",
            "Go on?",
        ),
        (
            "saga main() can store.write {\n  store.put(collection: \"a\", id: \"1\", value: 1)\n    undo store.delete(collection: \"a\", id: \"1\")\n  fail conflict \"too late\"\n}\n",
            4,
            "compensated",
            "too late",
        ),
    ];
    for (text, code, status, word) in cases {
        let here = folder(&[("a.flow", text)]);
        let ended = here.weir(&["run", "a.flow"]).code(code).says(&[word]);
        assert_eq!(ended.json()["metadata"]["status"], status);
    }
}

#[test]
fn what_a_waiting_run_asks_is_in_the_envelope() {
    let flow = "coordinator main() -> string {\n  answer = ask \"Go on?\" as { approved: bool } from \"finance\"\n  return \"{answer.approved}\"\n}\n";
    let here = folder(&[("a.flow", flow)]);
    let waiting = here.weir(&["run", "a.flow"]).code(5).json()["metadata"]["waiting"].clone();
    assert_eq!(waiting[0]["question"], "Go on?");
    assert_eq!(waiting[0]["from"], "finance");
    assert_eq!(waiting[0]["kind"], "ask");
}

#[test]
fn a_delivery_needs_both_halves_and_sends_once() {
    let here = mailer(true);
    let ended = here.weir(&["run", "."]).code(0).says(&["--allow-delivery"]);
    assert_eq!(ended.json()["records"][0]["value"]["told"], "disabled");
    assert_eq!(ended.json()["metadata"]["partial"], true);
    assert_eq!(mails(&here), 0);
    let sent = here.weir(&["run", ".", "--allow-delivery"]).code(0).json();
    assert_eq!((sent["records"][0]["value"]["told"].as_str(), mails(&here)), (Some("sent"), 1));
    let again = here.weir(&["run", ".", "--allow-delivery"]).code(0).json();
    assert_eq!((again["records"][0]["value"]["told"].as_str(), mails(&here)), (Some("duplicate"), 1));
    let forbidden = mailer(false);
    forbidden.weir(&["run", ".", "--allow-delivery"]).code(0).says(&["allow_delivery = true", "weir.toml"]);
    assert_eq!(mails(&forbidden), 0);
}

#[test]
fn keys_outlive_an_ephemeral_run() {
    let here = mailer(true);
    here.weir(&["run", ".", "--allow-delivery", "--ephemeral"]).code(0);
    let again = here.weir(&["run", ".", "--allow-delivery", "--ephemeral"]).code(0).json();
    assert_eq!((again["records"][0]["value"]["told"].as_str(), mails(&here)), (Some("duplicate"), 1));
}

#[test]
fn grants_are_held_before_any_call() {
    let flow = "coordinator main() can store.write {\n  store.put(collection: \"a\", id: \"1\", value: 1)\n}\n";
    let here = folder(&[("weir.toml", "[grants]\n\"main.main\" = [\"files.read\"]\n"), ("main.flow", flow)]);
    here.weir(&["run", "."]).code(1).silent().says(&["store.write", "main.main", "--grant store.write"]);
    here.weir(&["run", ".", "--grant", "store.write"]).code(0);
    here.weir(&["run", ".", "--grant", "store"]).code(2).silent().says(&["resource.verb"]);
    let star = folder(&[("weir.toml", "[grants]\n\"*\" = [\"store.write\"]\n"), ("main.flow", flow)]);
    star.weir(&["run", "."]).code(0);
}

#[test]
fn exec_is_granted_by_name_only() {
    let flow =
        "coordinator main() -> int can shell.exec {\n  done = shell.run(command: \"true\")\n  return done.code\n}\n";
    let toml = "[tools.shell]\ncommands = [\"true\"]\n";
    let here = folder(&[("weir.toml", toml), ("main.flow", flow)]);
    here.weir(&["run", "."]).code(1).silent().says(&["shell.exec"]);
    here.weir(&["run", ".", "--grant", "shell.exec"]).code(0);
    let star = folder(&[("weir.toml", &format!("{toml}[grants]\n\"*\" = [\"shell.exec\"]\n")), ("main.flow", flow)]);
    star.weir(&["run", "."]).code(1).silent().says(&["shell.exec"]);
}

#[test]
fn a_declared_tool_without_a_server_is_refused_by_name() {
    let flow = "tool crm.search(q: string) -> { n: int } can crm.read\n\ncoordinator main() -> int can crm.read {\n  return crm.search(q: \"x\").n\n}\n";
    let here = folder(&[("a.flow", flow)]);
    here.weir(&["check", "a.flow"]).code(0);
    here.weir(&["run", "a.flow"]).code(1).silent().says(&["crm.search", "[tools.crm]"]);
}

#[test]
fn a_dry_run_calls_nothing() {
    let here = mailer(true);
    let ended = here.weir(&["run", ".", "--dry-run", "--allow-delivery"]).code(0).prints(&["mail.send"]);
    assert!(!ended.stdout.contains('\u{1b}'));
    assert_eq!(mails(&here), 0);
    let json: Value = here.weir(&["run", ".", "--dry-run", "--format", "json"]).code(0).json();
    assert!(json.to_string().contains("mail.send"));
    assert!(!here.path(".weir/weir.db").exists());
}

#[test]
fn events_are_json_lines_on_stderr() {
    let here = mailer(true);
    let ended = here.weir(&["run", ".", "--events"]).code(0);
    let events: Vec<Value> = ended.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(names.first(), Some(&"run.started"), "{}", ended.stderr);
    assert!(names.contains(&"delivery.gated"), "{names:?}");
    assert_eq!(names.last(), Some(&"run.succeeded"), "{names:?}");
    let id = ended.json()["metadata"]["run_id"].clone();
    assert!(events.iter().all(|event| event["run_id"].is_string() && event["at"].is_string()), "{events:?}");
    assert!(events.iter().any(|event| event["run_id"] == id));
    assert_eq!(ended.stderr.lines().count(), events.len(), "nothing but events: {}", ended.stderr);
}

#[test]
fn what_is_bad_in_the_data_is_reported_with_its_reason() {
    let flow = "transformer tidy(rows: [int]) -> [int] {\n  for row in rows {\n    require row > 0 else drop \"row {row} is not above zero\"\n    yield row\n  }\n}\n\ncoordinator main(rows: [int]) -> [int] {\n  return tidy(rows)\n}\n";
    let here = folder(&[("a.flow", flow)]);
    let ended =
        here.weir(&["run", "a.flow:main", "--arg", "rows=[1,-2,3]"]).code(0).says(&["row -2 is not above zero"]);
    let report = &ended.json()["metadata"]["report"];
    assert_eq!((report[0]["kind"].as_str(), report.as_array().unwrap().len()), (Some("dropped"), 1));
}

#[test]
fn escapes_from_data_do_not_reach_the_terminal() {
    let flow = "coordinator main() -> int {\n  fail conflict \"bad \\u{1B}[2J end\"\n}\n";
    let here = folder(&[("a.flow", flow)]);
    let ended = here.weir(&["run", "a.flow"]).code(1);
    assert!(!ended.stderr.contains('\u{1b}') && !ended.stdout.contains('\u{1b}'), "{ended:?}");
}

#[test]
#[cfg(unix)]
fn a_folder_that_cannot_be_written_is_told() {
    let here = folder(&[("weir.toml", ""), ("main.flow", MAIL), (".weir", "a file where the folder should be")]);
    here.weir(&["run", ".", "--allow-delivery"]).code(1).silent().says(&[".weir"]);
}

#[test]
fn a_file_that_does_not_check_does_not_run() {
    let here = folder(&[("a.flow", "coordinator main() -> int {\n  return nmae\n}\n")]);
    here.weir(&["run", "a.flow"]).code(1).silent().says(&["unknown-name", "nothing was started"]);
}
