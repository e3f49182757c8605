//! What an operator sees of a server: metrics, and who did what.

use super::support::served;
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
