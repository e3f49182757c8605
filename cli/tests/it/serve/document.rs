//! The OpenAPI document is true: every route is in it, real answers fit it, and our own reader of such documents takes it.

use super::support::{Answer, served};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::BTreeSet;

struct Held {
    document: Value,
    seen: BTreeSet<String>,
}

impl Held {
    /// Holds an answer against what the document says of it.
    #[track_caller]
    fn holds(&mut self, method: &str, path: &str, answer: &Answer) {
        let operation = &self.document["paths"][path][method];
        assert!(operation.is_object(), "{method} {path} is not described");
        self.seen.insert(operation["operationId"].as_str().unwrap().to_owned());
        let response = &operation["responses"][answer.status.to_string()];
        assert!(response.is_object(), "{method} {path}: {} is not described: {answer:?}", answer.status);
        let schema = &response["content"]["application/json"]["schema"];
        if schema.is_null() {
            return;
        }
        let whole = json!({ "components": self.document["components"], "allOf": [schema] });
        let validator: Validator = jsonschema::draft202012::new(&whole).unwrap();
        let json = answer.json();
        let wrong: Vec<String> =
            validator.iter_errors(&json).map(|error| format!("{error} at {}", error.instance_path())).collect();
        assert!(wrong.is_empty(), "{method} {path}: {wrong:?} in {json}");
    }
}

#[test]
fn every_route_and_its_answers_are_described() {
    let server = served("");
    let document = server.get("/openapi.json").ok(200);
    let page = std::fs::read_to_string(crate::support::repository().join("docs/serve.md")).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let row = format!("| `{}` | `{path}` |", method.to_uppercase());
            assert!(page.contains(&row), "docs/serve.md has no row {row}");
        }
    }
    let mut held = Held { document, seen: BTreeSet::new() };
    for path in ["/healthz", "/metrics", "/openapi.json", "/v1/flows", "/v1/runs"] {
        held.holds("get", path, &server.get(path));
    }
    held.holds("get", "/v1/flows/{flow}", &server.get("/v1/flows/shop.careful"));
    held.holds("get", "/v1/flows/{flow}", &server.get("/v1/flows/none"));
    let start = "/v1/flows/{flow}/runs";
    let started = server.post("/v1/flows/shop.careful/runs", &json!({ "args": { "what": "it" }, "thread": "t" }));
    held.holds("post", start, &started);
    held.holds("post", start, &server.post("/v1/flows/shop.careful/runs", &json!({})));
    held.holds("post", start, &server.post("/v1/flows/none/runs", &json!({})));
    let run_id = started.json()["run_id"].as_str().unwrap().to_owned();
    server.until(&run_id, &["waiting"]);
    held.holds("get", "/v1/runs", &server.get("/v1/runs"));
    held.holds("get", "/v1/runs", &server.get("/v1/runs?progress=true"));
    held.holds("get", "/metrics", &server.get("/metrics"));
    held.holds("post", "/v1/events", &server.post("/v1/events", &json!({ "event": "none" })));
    held.holds("post", "/hooks/{path}", &server.post("/hooks/none", &json!({})));
    held.holds("get", "/v1/threads/{thread}/events", &server.get("/v1/threads/t/events"));
    held.holds("get", "/v1/threads/{thread}/events", &server.get("/v1/threads/t/events?after=1&limit=2"));
    held.holds("get", "/v1/threads/{thread}/events", &server.get("/v1/threads/t/events?after=x"));
    held.holds("get", "/v1/threads/{thread}/events", &server.get("/v1/threads/none/events"));
    held.holds("get", "/v1/runs", &server.get("/v1/runs?x=1"));
    held.holds("get", "/v1/runs/{run_id}", &server.get(&format!("/v1/runs/{run_id}")));
    held.holds("get", "/v1/runs/{run_id}", &server.get("/v1/runs/none"));
    held.holds("get", "/v1/runs/{run_id}/events", &server.get(&format!("/v1/runs/{run_id}/events")));
    let steer = [
        ("pause", json!({})),
        ("resume", json!({})),
        ("signal", json!({ "event": "e" })),
        ("decide", json!({ "decision": "again" })),
        ("decide", json!({ "decision": "agian" })),
        ("retry", json!({})),
        ("answer", json!({ "value": 1 })),
        ("answer", json!({ "value": { "approved": true } })),
        ("cancel", json!({ "raeson": "" })),
        ("cancel", json!({ "reason": "enough" })),
    ];
    for (what, body) in steer {
        held.holds(
            "post",
            &format!("/v1/runs/{{run_id}}/{what}"),
            &server.post(&format!("/v1/runs/{run_id}/{what}"), &body),
        );
    }
    held.holds("get", "/v1/events", &server.send("GET", "/v1/events", &["Last-Event-ID: x"], b""));
    let operations =
        held.document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let all: BTreeSet<String> =
        operations.map(|operation| operation["operationId"].as_str().unwrap().to_owned()).collect();
    assert_eq!(held.seen, all, "an operation was not tried");
    server.kill();
}

#[test]
fn our_own_reader_of_such_documents_takes_it_and_calls_by_it() {
    let server = served("");
    let document = server.get("/openapi.json").ok(200);
    let toml = format!("[tools.weir]\nopenapi = \"weir.openapi.json\"\nbase_url = \"http://{}\"\n", server.address);
    let here = crate::support::folder(&[("weir.toml", &toml), ("weir.openapi.json", &document.to_string())]);
    let synced = here.weir(&["tools", "sync"]);
    assert_eq!(synced.code, 0, "{synced:?}");
    let listed = here.weir(&["tools", "list", "--format", "json"]);
    for name in ["weir.start_run", "weir.show_run", "weir.answer_run"] {
        assert!(listed.stdout.contains(name), "{name} in {}", listed.stdout);
    }
    let called =
        here.weir(&["tools", "call", "weir.list_flows", "--format", "json", "--grant", "weir.read,weir.write"]);
    assert!(called.code == 0 && called.stdout.contains("shop.careful"), "{called:?}");
    server.kill();
}
