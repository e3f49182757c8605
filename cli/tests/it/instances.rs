//! Several instances of one HTTP API, with real servers behind the program: spread, one that dies in the middle of an
//! answer, and where it can be seen which instance was called.

use crate::serve::support::again;
use crate::support::{Folder, folder};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const DOCUMENT: &str = r#"{"openapi": "3.1.0", "info": {"title": "shop", "version": "1"}, "paths": {
  "/stock": {"get": {"operationId": "stock", "parameters": [{"name": "n", "in": "query", "schema": {"type": "integer"}}],
    "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"type": "integer"}}}}}}},
  "/orders": {"post": {"operationId": "order",
    "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": {"type": "integer"}}}}}}}}}"#;

const FLOWS: &str = "coordinator main(count: int) -> int can shop.read {\n  all = for n in 1..count {\n    found = shop.stock(n: n)\n    yield found\n  }\n  return len(all)\n}\n";

const ORDER: &str = "coordinator main() -> int can shop.write {\n  placed = shop.order()\n  return placed\n}\n";

/// An HTTP API: one number for every request.
struct Api {
    at: String,
    seen: Arc<Mutex<Vec<String>>>,
    /// Breaks every connection off after it has read the request.
    breaks: Arc<AtomicBool>,
}

impl Api {
    fn new() -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let (seen, breaks) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let api = Api { at, seen: Arc::clone(&seen), breaks: Arc::clone(&breaks) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, breaks) = (Arc::clone(&seen), Arc::clone(&breaks));
                std::thread::spawn(move || answer(stream, &seen, &breaks));
            }
        });
        api
    }

    /// What was asked of it: methods and paths.
    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    fn calls(&self) -> usize {
        self.seen().iter().filter(|line| !line.starts_with("HEAD") && !line.contains("/healthz")).count()
    }
}

fn answer(stream: TcpStream, seen: &Mutex<Vec<String>>, breaks: &AtomicBool) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                break;
            }
            if let Some(text) = line.to_lowercase().strip_prefix("content-length:") {
                length = text.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        let _ = reader.read_exact(&mut body);
        seen.lock().unwrap().push(first.trim().to_owned());
        if breaks.load(Ordering::SeqCst) {
            return;
        }
        let content = if first.starts_with("HEAD") { "" } else { "7" };
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n";
        if stream.write_all(format!("{head}{content}").as_bytes()).is_err() {
            return;
        }
    }
}

/// A project whose API is these instances.
fn project(flows: &str, apis: &[&Api], more: &str) -> Folder {
    let bases: Vec<String> = apis.iter().map(|api| format!("\"http://{}\"", api.at)).collect();
    let toml = format!("[tools.shop]\nopenapi = \"shop.json\"\nbase_url = [{}]\n{more}", bases.join(", "));
    let here = folder(&[("weir.toml", &toml), ("shop.json", DOCUMENT), ("a.flow", flows)]);
    here.weir(&["tools", "sync"]).code(0);
    here.weir(&["check", "--deny-warnings"]).code(0);
    here
}

#[test]
fn calls_are_spread_and_seen_where_they_went() {
    let (a, b) = (Api::new(), Api::new());
    let here = project(FLOWS, &[&a, &b], "");
    let ran = here.weir(&["run", "a.flow", "--arg", "count=10", "--events"]).code(0);
    assert_eq!(ran.json()["records"][0]["value"], 10);
    assert_eq!((a.calls(), b.calls()), (5, 5));
    ran.says(&[
        "\"event\":\"step.sent\"",
        &format!("\"instance\":\"{}\"", a.at),
        &format!("\"instance\":\"{}\"", b.at),
    ]);
    let audit = here.weir(&["audit", "list", "--what", "call.attempted"]).code(0);
    audit.prints(&[&format!(" on {}", a.at), &format!(" on {}", b.at)]);
    let list = here.weir(&["tools", "list"]).code(0);
    list.prints(&[&format!("shop: 2 instances: {}, {}", a.at, b.at)]);
    let list = here.weir(&["tools", "list", "--format", "json"]).code(0).json();
    assert_eq!(list["instances"]["shop"], json!([a.at, b.at]));
}

#[test]
fn one_that_dies_in_the_middle_of_answers_costs_no_read_and_repeats_no_write() {
    let (a, b) = (Api::new(), Api::new());
    let here = project(FLOWS, &[&a, &b], "");
    a.breaks.store(true, Ordering::SeqCst);
    let ran = here.weir(&["run", "a.flow", "--arg", "count=20", "--events"]).code(0);
    assert_eq!((ran.json()["records"][0]["value"].clone(), b.calls()), (20.into(), 20));
    assert!(a.calls() >= 1);
    ran.says(&[&format!("to {}: {} did not carry it out", b.at, a.at)]);
    let here = project(ORDER, &[&a, &b], "");
    let (before, others) = (a.calls(), b.calls());
    here.weir(&["run", "a.flow"]).code(5);
    assert_eq!((a.calls() - before, b.calls() - others), (1, 0), "a write that may have happened is made once");
    // Nothing listens: nothing has happened, and another one carries it out.
    let nobody = Api { at: "127.0.0.1:1".to_owned(), ..Api::new() };
    let here = project(ORDER, &[&nobody, &b], "");
    assert_eq!(here.weir(&["run", "a.flow"]).code(0).json()["metadata"]["attempts"], 1);
    assert_eq!(b.calls() - others, 1);
}

#[test]
fn a_server_tells_how_its_instances_are_and_asks_them_where_it_is_told_to() {
    let (a, b) = (Api::new(), Api::new());
    let more = "health = \"100ms\"\nhealth_path = \"/healthz\"\nbreaker = \"1 failure per 1m open 1h\"\n[serve]\nflows = [\"a.main\"]\n";
    let server = again(project(FLOWS, &[&a, &b], more), &[]);
    let run = |count: i64| {
        let begun = server.post("/v1/flows/a.main/runs", &json!({ "args": { "count": count } })).ok(201);
        server.until(begun["run_id"].as_str().unwrap(), &["succeeded", "failed"])
    };
    run(2);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !a.seen().iter().chain(&b.seen()).any(|line| line.starts_with("GET /healthz")) {
        assert!(std::time::Instant::now() < until, "{:?}", a.seen());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    b.breaks.store(true, Ordering::SeqCst);
    let down = format!("weir_instance_up{{tool=\"shop\",instance=\"{}\"}} 0", b.at);
    let open = format!("weir_breaker_state{{tool=\"shop\",instance=\"{}\",state=\"open\"}} 1", b.at);
    loop {
        let text = server.get("/metrics").body;
        if text.contains(&down) && text.contains(&open) {
            assert!(text.contains("weir_breaker_state{tool=\"shop\",state=\"closed\"} 1"), "{text}");
            assert!(text.contains(&format!("weir_instance_up{{tool=\"shop\",instance=\"{}\"}} 1", a.at)), "{text}");
            break;
        }
        assert!(std::time::Instant::now() < until, "{text}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let (before, others) = (a.calls(), b.calls());
    assert_eq!(run(5)["metadata"]["status"], "succeeded");
    assert_eq!((a.calls() - before, b.calls() - others), (5, 0));
    server.kill();
}

#[test]
fn instances_that_do_not_offer_the_same_are_not_locked() {
    let program = "while read line; do id=$(echo \"$line\" | sed 's/.*\"id\":\\([0-9]*\\).*/\\1/'); case $line in *initialize\\\"*) echo \"{\\\"jsonrpc\\\":\\\"2.0\\\",\\\"id\\\":$id,\\\"result\\\":{\\\"protocolVersion\\\":\\\"2025-06-18\\\",\\\"capabilities\\\":{\\\"tools\\\":{}},\\\"serverInfo\\\":{\\\"name\\\":\\\"x\\\",\\\"version\\\":\\\"1\\\"}}}\" ;; *tools/list*) echo \"{\\\"jsonrpc\\\":\\\"2.0\\\",\\\"id\\\":$id,\\\"result\\\":{\\\"tools\\\":[{\\\"name\\\":\\\"t$WEIR_INSTANCE\\\",\\\"inputSchema\\\":{\\\"type\\\":\\\"object\\\"}}]}}\" ;; *\\\"id\\\"*) echo \"{\\\"jsonrpc\\\":\\\"2.0\\\",\\\"id\\\":$id,\\\"error\\\":{\\\"code\\\":-32601,\\\"message\\\":\\\"no\\\"}}\" ;; esac; done\n";
    let toml = "[tools.x]\ncommand = [\"sh\", \"x.sh\"]\ninstances = 2\n";
    let here = folder(&[("weir.toml", toml), ("x.sh", program)]);
    here.weir(&["tools", "sync"])
        .code(1)
        .prints(&["its instances 1 and 2 do not offer the same", "only the first has `t1`"]);
    assert!(!here.path("weir.lock.json").exists());
}
