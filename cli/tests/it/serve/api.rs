//! Starting runs over HTTP and steering them.

use super::support::{again, served};
use crate::support::folder;
use serde_json::json;

#[test]
fn a_flow_is_described_started_and_looked_at() {
    let server = served("");
    let flows = server.get("/v1/flows").ok(200);
    let names: Vec<&str> =
        flows["flows"].as_array().unwrap().iter().map(|flow| flow["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["shop.hello", "shop.careful", "shop.waits", "shop.paid", "shop.fails"]);
    let flow = server.get("/v1/flows/shop.hello").ok(200);
    assert_eq!(flow["params"][1]["type"], "int in 1..5");
    assert_eq!(flow["input_schema"]["required"], json!(["name"]));
    let started = server.post("/v1/flows/shop.hello/runs", &json!({ "args": { "name": "Ann", "times": 2 } }));
    let begun = started.ok(201);
    let run_id = begun["run_id"].as_str().unwrap();
    assert!(started.head.contains(&format!("location: /v1/runs/{run_id}")), "{}", started.head);
    let run = server.until(run_id, &["succeeded"]);
    assert_eq!(run["records"][0]["value"], json!({ "text": "hello Ann", "times": 2 }));
    assert_eq!(run["seq"], 2);
    let listed = server.listed(run_id, "succeeded");
    assert_eq!(listed["flow"], "shop.hello");
    assert_eq!(server.get("/v1/runs?status=failed").ok(200), json!({ "runs": [] }));
    let events = server.get(&format!("/v1/runs/{run_id}/events?after=1")).ok(200);
    assert_eq!(events["events"][0]["event"], "run.succeeded");
    server.kill();
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_started() {
    let server = served("");
    let runs = "/v1/flows/shop.hello/runs";
    let wrong = server.post(runs, &json!({ "args": { "nmae": "Ann", "times": 9 } }));
    assert_eq!(wrong.problem(422), "bad_arguments");
    let details = wrong.json()["error"]["details"].to_string();
    assert!(details.contains("did you mean `name`?") && details.contains("`int in 1..5`"), "{details}");
    assert!(
        server.post(runs, &json!({})).json()["error"]["details"][0].as_str().unwrap().contains("`name` is missing")
    );
    assert_eq!(server.post(runs, &json!({ "args": [1] })).problem(422), "bad_arguments");
    assert_eq!(server.post(runs, &json!({ "agrs": {} })).problem(400), "unknown_field");
    let json = ["Content-Type: application/json"];
    assert_eq!(server.send("POST", runs, &json, b"{\"args\": {").problem(400), "bad_json");
    assert_eq!(server.send("POST", runs, &json, b"[]").problem(400), "bad_json");
    assert_eq!(server.send("POST", runs, &json, &[b'"', 0xff, b'"']).problem(400), "bad_json");
    assert_eq!(server.send("POST", runs, &["Content-Type: text/plain"], b"{}").problem(415), "not_json");
    assert_eq!(server.send("POST", runs, &json, &vec![b' '; 5_000_000]).problem(413), "too_large");
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    assert_eq!(server.send("POST", runs, &json, &deep).problem(400), "bad_json");
    let long = format!("Idempotency-Key: {}", "k".repeat(300));
    assert_eq!(server.send("POST", runs, &[json[0], &long], b"{\"args\":{\"name\":\"a\"}}").problem(400), "bad_key");
    assert_eq!(server.post("/v1/flows/shop.helo/runs", &json!({})).problem(404), "no_flow");
    assert_eq!(server.get("/v1/runs/nope").problem(404), "no_run");
    assert_eq!(server.get("/v1/runs?statsu=failed").problem(400), "bad_query");
    assert_eq!(server.get("/v1/runs?status=faild").problem(400), "bad_query");
    assert_eq!(server.get("/v1/runs?limit=many").problem(400), "bad_query");
    assert_eq!(server.get("/nowhere").problem(404), "no_such_place");
    assert_eq!(server.send("DELETE", "/v1/runs", &[], b"").problem(405), "wrong_method");
    assert_eq!(server.get("/v1/runs").ok(200), json!({ "runs": [] }));
    server.kill();
}

#[test]
fn a_key_starts_once() {
    let server = served("");
    let start = |name: &str| {
        let body = json!({ "args": { "name": name } }).to_string();
        let headers = ["Content-Type: application/json", "Idempotency-Key: order 7"];
        server.send("POST", "/v1/flows/shop.hello/runs", &headers, body.as_bytes())
    };
    let first = start("Ann").ok(201);
    server.until(first["run_id"].as_str().unwrap(), &["succeeded"]);
    let second = start("Bob").ok(200);
    assert_eq!((&second["run_id"], &second["known"]), (&first["run_id"], &json!(true)));
    assert_eq!(second["status"], "succeeded");
    assert_eq!(server.get("/v1/runs").ok(200)["runs"].as_array().unwrap().len(), 1);
    server.kill();
}

#[test]
fn a_question_is_answered_here_or_by_another_process() {
    let server = served("");
    let tell =
        |run_id: &str, what: &str, body: serde_json::Value| server.post(&format!("/v1/runs/{run_id}/{what}"), &body);
    let run_id = server.start("careful", &json!({ "what": "this" }));
    let run = server.until(&run_id, &["waiting"]);
    assert_eq!(run["metadata"]["waiting"][0]["question"], "really this?");
    assert_eq!(tell(&run_id, "answer", json!({ "value": { "approved": "yes" } })).problem(422), "unfit");
    assert_eq!(tell(&run_id, "answer", json!({})).problem(422), "unfit");
    assert_eq!(tell(&run_id, "answer", json!({ "step": "no", "value": 1 })).problem(409), "not_waiting");
    assert_eq!(tell(&run_id, "decide", json!({ "decision": "again" })).problem(409), "not_waiting");
    assert_eq!(tell(&run_id, "pause", json!({})).ok(200)["status"], "paused");
    assert_eq!(tell(&run_id, "resume", json!({})).ok(200)["status"], "waiting");
    tell(&run_id, "answer", json!({ "value": { "approved": true } })).ok(200);
    assert_eq!(server.until(&run_id, &["succeeded"])["records"][0]["value"], "this");
    assert_eq!(tell(&run_id, "answer", json!({ "value": { "approved": true } })).problem(409), "ended");
    assert_eq!(tell(&run_id, "cancel", json!({})).problem(409), "ended");
    assert_eq!(tell(&run_id, "resume", json!({})).problem(409), "ended");
    let other = server.start("careful", &json!({ "what": "that" }));
    server.until(&other, &["waiting"]);
    server.here.weir(&["runs", "answer", &other, "{\"approved\": false}"]);
    assert_eq!(server.until(&other, &["blocked"])["metadata"]["reason"], "not approved");
    server.kill();
}

#[test]
fn runs_are_signalled_cancelled_and_retried() {
    let server = served("");
    let tell =
        |run_id: &str, what: &str, body: serde_json::Value| server.post(&format!("/v1/runs/{run_id}/{what}"), &body);
    let paid = server.start("paid", &json!({}));
    server.until(&paid, &["waiting"]);
    tell(&paid, "signal", json!({ "event": "payment", "value": { "by": "Ann" }, "id": "p1" })).ok(200);
    assert_eq!(server.until(&paid, &["succeeded"])["records"][0]["value"], "Ann");
    let waits = server.start("waits", &json!({}));
    tell(&waits, "cancel", json!({ "reason": "no more" })).ok(200);
    server.until(&waits, &["cancelled"]);
    let fails = server.start("fails", &json!({ "file": "a" }));
    assert_eq!(server.until(&fails, &["failed"])["metadata"]["error"]["code"], "not_found");
    server.here.write("nowhere.txt", "here now");
    assert_eq!(tell(&fails, "retry", json!({ "args": { "fiel": "b" } })).problem(422), "bad_arguments");
    let again = tell(&fails, "retry", json!({})).ok(201);
    let run = server.until(again["run_id"].as_str().unwrap(), &["succeeded", "failed"]);
    assert_eq!(run["records"][0]["value"], "here now", "{run}");
    server.kill();
}

const FAMILY: &str = r#"
coordinator family() {
  start errand()
  start errand() after 3d
  wait 10m
}

coordinator errand() {
  wait 10m
}
"#;

#[test]
fn cancelling_reaches_runs_that_were_started() {
    let server = again(folder(&[("flows/shop.flow", FAMILY), ("weir.toml", "")]), &[]);
    let family = server.start("family", &json!({}));
    server.until(&family, &["waiting"]);
    let started = server.get(&format!("/v1/runs?parent={family}")).ok(200);
    let started: Vec<&str> =
        started["runs"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect();
    assert_eq!(started.len(), 2);
    server.post(&format!("/v1/runs/{family}/cancel"), &json!({ "reason": "no more" })).ok(200);
    let run = server.until(&family, &["cancelled"]);
    assert_eq!(run["metadata"]["also_cancelled"].as_array().unwrap().len(), 2, "{run}");
    for id in started {
        let why = server.until(id, &["cancelled"])["metadata"]["error"]["message"].clone();
        assert_eq!(why, format!("cancelled with its parent, run {family}"));
    }
    server.kill();
}

#[test]
fn a_good_end_leaves_runs_that_the_next_server_goes_on_with() {
    let server = served("");
    let run_id = server.start("careful", &json!({ "what": "this" }));
    let waits = server.start("waits", &json!({}));
    server.until(&run_id, &["waiting"]);
    let (code, said, here) = server.end();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("SIGTERM"), "{said}");
    let listed = here.weir(&["runs", "list", "--unfinished", "--format", "json"]).json();
    assert_eq!(listed["runs"].as_array().unwrap().len(), 2);
    let server = again(here, &[]);
    let answer = json!({ "value": { "approved": true } });
    server.post(&format!("/v1/runs/{run_id}/answer"), &answer).ok(200);
    server.until(&run_id, &["succeeded"]);
    server.until(&waits, &["waiting"]);
    server.kill();
}

#[test]
fn a_run_that_another_process_leaves_is_gone_on_with() {
    let server = served("");
    let left = server.here.weir(&["run", "shop.careful", "--arg", "what=this"]);
    assert_eq!(left.code, 5, "{left:?}");
    let run_id = left.json()["metadata"]["run_id"].as_str().unwrap().to_owned();
    server.post(&format!("/v1/runs/{run_id}/answer"), &json!({ "value": { "approved": true } })).ok(200);
    server.until(&run_id, &["succeeded"]);
    server.kill();
}

#[test]
fn runs_of_one_thread_are_found_together() {
    let server = served("");
    let start = |name: &str, thread: &str| {
        let body = json!({ "args": { "name": name }, "thread": thread });
        let begun = server.post("/v1/flows/shop.hello/runs", &body).ok(201);
        let run_id = begun["run_id"].as_str().unwrap().to_owned();
        server.until(&run_id, &["succeeded"]);
        run_id
    };
    let (a, _, c) = (start("a", "order/7"), start("b", "order/8"), start("c", "order/7"));
    let runs = server.get("/v1/runs?thread=order/7").ok(200);
    let ids: Vec<&str> = runs["runs"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [c.as_str(), a.as_str()]);
    assert_eq!(runs["runs"][0]["thread"], "order/7");
    let told = server.get("/v1/threads/order%2F7/events").ok(200);
    let told: Vec<&str> =
        told["events"].as_array().unwrap().iter().map(|event| event["run_id"].as_str().unwrap()).collect();
    assert_eq!(told, [a.as_str(), a.as_str(), c.as_str(), c.as_str()]);
    assert_eq!(server.get("/v1/threads/none/events").problem(404), "no_thread");
    let long = json!({ "args": { "name": "a" }, "thread": "x".repeat(300) });
    assert_eq!(server.post("/v1/flows/shop.hello/runs", &long).problem(422), "unfit");
    server.kill();
}

#[test]
fn the_runs_of_a_thread_are_listed_by_the_command_too() {
    let server = served("");
    for (name, thread) in [("Ann", "t-1"), ("Bob", "t-2"), ("Cid", "t-1")] {
        let body = json!({ "args": { "name": name }, "thread": thread });
        server.post("/v1/flows/shop.hello/runs", &body).ok(201);
    }
    let of = |thread: &str| {
        let listed = server.here.weir(&["runs", "list", "--thread", thread, "--format", "json"]).code(0).json();
        listed["runs"].as_array().unwrap().len()
    };
    assert_eq!((of("t-1"), of("t-2"), of("t-3")), (2, 1, 0));
}

#[cfg(unix)]
#[test]
fn a_flow_whose_tool_is_again_what_it_was_can_be_started_again() {
    let tools =
        r#"{"tools": [{"name": "score", "inputSchema": {"type": "object"}, "outputSchema": {"type": "integer"}}]}"#;
    let program = "case $1 in --describe) cat tools.json ;; *) cat >/dev/null; echo 7 ;; esac\n";
    let flow = "coordinator main() -> int can risk.write {\n  found = risk.score()\n  return found\n}\n";
    let toml = "[tools.risk]\nexec = [\"sh\", \"risk.sh\"]\n";
    let files = [("weir.toml", toml), ("risk.sh", program), ("tools.json", tools), ("flows/a.flow", flow)];
    let here = crate::support::folder(&files);
    here.weir(&["tools", "sync"]).code(0);
    here.write("tools.json", &tools.replace("score\"", "score\", \"description\": \"other\""));
    let server = super::support::again(here, &[]);
    let start = || server.post("/v1/flows/a.main/runs", &json!({ "args": {} }));
    assert_eq!(start().problem(409), "tool_changed");
    server.here.write("tools.json", tools);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while start().status != 201 {
        assert!(std::time::Instant::now() < until, "it stays refused");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}
