//! What an operator sees of a server: metrics, and who did what.

use super::support::{again, served};
use crate::support::folder;
use serde_json::json;

const TOKENS: &str = r#"
[serve.tokens.night]
token = "env:WEIR_TEST_TOKEN"
roles = ["operator", "approver"]
"#;

#[test]
fn metrics_tell_what_ran_and_what_waits() {
    let server = served("");
    let value = |text: &str, sample: &str| {
        let line = text.lines().find(|line| line.starts_with(sample));
        line.and_then(|line| line.rsplit(' ').next()).and_then(|value| value.parse::<f64>().ok())
    };
    server.start("hello", &json!({ "name": "Ann" }));
    server.start("careful", &json!({ "what": "it" }));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let answer = server.get("/metrics");
        assert!(answer.head.contains("application/openmetrics-text"), "{}", answer.head);
        let text = &answer.body;
        assert!(text.ends_with("# EOF\n"), "{text}");
        let ended = value(text, "weir_runs_ended_total{flow=\"shop.hello\",status=\"succeeded\"}");
        let waits = value(text, "weir_runs{status=\"waiting\"}");
        if (ended, waits) == (Some(1.0), Some(1.0)) {
            break;
        }
        assert!(std::time::Instant::now() < until, "{text}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    server.kill();
}

#[test]
fn the_audit_names_the_token_that_was_used() {
    let server = served(TOKENS);
    let token = "Authorization: Bearer a-token-of-some-length";
    let send = |method: &str, path: &str, body: serde_json::Value| {
        server.send(method, path, &["Content-Type: application/json", token], body.to_string().as_bytes())
    };
    assert_eq!(server.get("/metrics").problem(401), "unauthorized");
    let begun = send("POST", "/v1/flows/shop.careful/runs", json!({ "args": { "what": "it" } })).ok(201);
    let run_id = begun["run_id"].as_str().unwrap();
    let place = format!("/v1/runs/{run_id}/answer");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while send("POST", &place, json!({ "value": { "approved": false, "note": "no" } })).status != 200 {
        assert!(std::time::Instant::now() < until, "the question was never open");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let list = server.here.weir(&["audit", "list", "--what", "question", "--format", "json"]).code(0).json();
    assert_eq!((&list["by"], &list["reason"]), (&"night".into(), &"really it?".into()));
    let queued = server.here.weir(&["audit", "list", "--what", "run.queued", "--format", "json"]).code(0).json();
    assert_eq!((&queued["by"], &queued["run_id"]), (&"night".into(), &run_id.into()));
    server.here.weir(&["audit", "verify"]).code(0).prints(&["each follows the one before"]);
    server.kill();
}

const LINED: &str = "tool h.go(n: int) can h.write

coordinator main(n: int) can h.write {
  h.go(n: n)
}
";

#[test]
#[cfg(unix)]
fn a_call_that_waits_for_its_tool_says_so() {
    let program = "while ! test -e go; do sleep 0.05; done; echo null\n";
    let toml = "[project]\nname = \"t\"\n[tools.h]\nexec = [\"sh\", \"h.sh\"]\nconcurrency = 1\n";
    let server = again(folder(&[("flows/shop.flow", LINED), ("h.sh", program), ("weir.toml", toml)]), &[]);
    let runs = [1, 2].map(|n| server.start("main", &json!({ "n": n })));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let waits = loop {
        let seen = runs.each_ref().map(|id| server.get(&format!("/v1/runs/{id}")).ok(200));
        let found = seen
            .into_iter()
            .find(|run| run["metadata"]["waiting"][0]["kind"] == "queue" && run["steps"][0].is_object());
        if let Some(run) = found {
            break run;
        }
        assert!(std::time::Instant::now() < until, "no call was ever in line");
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert_eq!(waits["metadata"]["status"], "running");
    assert_eq!((&waits["steps"][0]["state"], &waits["progress"]["waiting"]), (&"waiting".into(), &1.into()), "{waits}");
    let moves = waits["moves"][0].as_str().unwrap();
    assert!(moves.contains("waits for its turn: `h` takes 1 at once (`concurrency`)"), "{moves}");
    server.here.write("go", "");
    for id in &runs {
        let run = server.until(id, &["succeeded"]);
        assert_eq!((&run["moves"], &run["progress"]["share"]), (&json!([]), &1.0.into()));
    }
    server.kill();
}

#[test]
fn an_event_that_does_not_fit_is_refused_over_http_too() {
    let server = served("");
    let id = server.start("paid", &json!({}));
    server.until(&id, &["waiting"]);
    let place = format!("/v1/runs/{id}/signal");
    assert_eq!(server.post(&place, &json!({ "event": "payment", "value": { "by": 1 } })).problem(422), "unfit");
    assert_eq!(server.post(&place, &json!({ "event": "" })).problem(422), "unfit");
    assert_eq!(server.post("/v1/events", &json!({ "event": "" })).problem(422), "unfit");
    let run = server.until(&id, &["waiting"]);
    assert!(run["moves"][0].as_str().unwrap().contains("weir runs signal"), "{run}");
    // Nobody waits for this one yet, so nobody says that it does not fit.
    server.post(&place, &json!({ "event": "other", "value": 1 })).ok(200);
    server.post(&place, &json!({ "event": "payment", "value": { "by": "Ann" } })).ok(200);
    assert_eq!(server.until(&id, &["succeeded"])["records"][0]["value"], "Ann");
    server.kill();
}

#[test]
fn a_call_that_a_budget_refused_counts_as_no_attempt() {
    let flow = "coordinator main(count: int) -> int can files.read budget 1 calls {\n  all = for n in 1..count {\n    found = files.read(path: \"a.txt\")\n    yield found.text\n  }\n  return len(all)\n}\n";
    let toml = "[project]\nname = \"t\"\n";
    let server = again(folder(&[("flows/shop.flow", flow), ("a.txt", "x"), ("weir.toml", toml)]), &[]);
    let id = server.start("main", &json!({ "count": 2 }));
    let run = server.until(&id, &["failed"]);
    assert_eq!(run["metadata"]["error"]["code"], "budget", "{run}");
    let labels = "flow=\"shop.main\",step=\"found\",tool=\"files.read\"";
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let text = server.get("/metrics").body;
        let failed = text.contains(&format!("weir_steps_total{{{labels},outcome=\"failed\"}}"));
        if failed && text.contains(&format!("weir_step_attempts_total{{{labels}}} 1\n")) {
            break;
        }
        assert!(std::time::Instant::now() < until, "{text}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    server.kill();
}

#[test]
fn a_flow_that_is_not_ready_is_listed_with_the_reason() {
    let flow = "coordinator main() can files.read {\n  text = files.read(path: \"a\")\n}\n";
    let toml = "[project]\nname = \"t\"\n[grants]\n\"shop.main\" = []\n";
    let server = again(folder(&[("flows/shop.flow", flow), ("weir.toml", toml)]), &[]);
    let flow = server.get("/v1/flows").ok(200)["flows"][0].clone();
    assert_eq!(flow["ready"], false);
    assert!(flow["refused"][0].as_str().unwrap().contains("files.read"), "{flow}");
    server.kill();
}

#[test]
fn whatever_is_too_old_is_forgotten_however_much_it_is() {
    let toml = "[project]\nname = \"t\"\n";
    let server = again(folder(&[("flows/shop.flow", super::support::FLOWS), ("weir.toml", toml)]), &[]);
    let id = server.start("hello", &json!({ "name": "Ann" }));
    server.until(&id, &["succeeded"]);
    let here = server.kill();
    // As many as no single bite takes.
    let database = rusqlite::Connection::open(here.path(".weir/weir.db")).unwrap();
    let columns = "flow, program, status, started_at, finished_at, token, sum";
    let many = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
         INSERT INTO runs (run_id, {columns}) SELECT run_id || i, {columns} FROM n, runs"
    );
    assert_eq!(database.execute(&many, []).unwrap(), 2500);
    here.write("weir.toml", &format!("{toml}[runs]\nkeep = \"1ms\"\n"));
    let server = again(here, &[]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while database.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0)).unwrap() > 0 {
        assert!(std::time::Instant::now() < until, "old runs are left");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    server.kill();
}
