//! The list of a thread's events over HTTP: read page by page, and followed by readers that come back.

use super::support::{Event, Served, Stream, again, served};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PLACE: &str = "/v1/threads/order%2F7/events";

/// Starts a run in a thread.
#[track_caller]
fn start(server: &Served, flow: &str, thread: &str, args: &Value) -> String {
    let body = json!({ "args": args, "thread": thread });
    let begun = server.post(&format!("/v1/flows/shop.{flow}/runs"), &body).ok(201);
    begun["run_id"].as_str().unwrap().to_owned()
}

/// The same, to its end.
#[track_caller]
fn hello(server: &Served, thread: &str) -> String {
    let run_id = start(server, "hello", thread, &json!({ "name": "Ann" }));
    server.until(&run_id, &["succeeded"]);
    run_id
}

fn page(server: &Served, query: &str) -> Vec<Value> {
    let page = server.get(&format!("{PLACE}{query}")).ok(200);
    assert_eq!(page["thread"], "order/7");
    page["events"].as_array().unwrap().clone()
}

/// Run and number of an event.
fn key(event: &Value) -> (String, u64) {
    (event["run_id"].as_str().unwrap().to_owned(), event["seq"].as_u64().unwrap())
}

fn keys(events: &[Value]) -> Vec<(String, u64)> {
    events.iter().map(key).collect()
}

/// The next events of a stream, up to this one of a run.
#[track_caller]
fn until(stream: &mut Stream, run_id: &str, what: &str) -> Vec<Event> {
    let mut told: Vec<Event> = Vec::new();
    while !told.last().is_some_and(|last| last.data["run_id"] == run_id && last.data["event"] == what) {
        told.push(stream.next().expect("the stream goes on"));
    }
    told
}

fn told(events: &[Event]) -> Vec<(String, u64)> {
    events.iter().map(|event| key(&event.data)).collect()
}

#[test]
fn a_thread_is_read_page_by_page() {
    let server = served("");
    let runs: Vec<String> = (0..3).map(|_| hello(&server, "order/7")).collect();
    hello(&server, "order/8");
    let all = page(&server, "");
    let expected: Vec<_> = runs.iter().flat_map(|run| [(run.clone(), 1), (run.clone(), 2)]).collect();
    assert_eq!(keys(&all), expected);
    for limit in [1, 2, 3, 100] {
        let (mut seen, mut after) = (Vec::new(), 0);
        loop {
            let next = page(&server, &format!("?after={after}&limit={limit}"));
            let Some(last) = next.last() else { break };
            assert!(next.len() < limit + 2, "{limit}: {next:?}");
            after = last["position"].as_u64().unwrap();
            seen.extend(next);
        }
        assert_eq!(seen, all, "{limit}");
    }
    assert_eq!(server.get("/v1/threads/none/events").problem(404), "no_thread");
    for wrong in ["?after=x", "?limit=-1", "?behind=1"] {
        assert_eq!(server.get(&format!("{PLACE}{wrong}")).problem(400), "bad_query");
    }
    // What has been read stays where it was, whatever comes, and whoever serves it.
    let last = hello(&server, "order/7");
    let server = again(server.kill(), &[]);
    let grown = page(&server, "");
    assert_eq!((&grown[..6], keys(&grown[6..])), (&all[..], vec![(last.clone(), 1), (last, 2)]));
    server.kill();
}

#[test]
fn a_thread_is_followed_and_a_reader_comes_back_even_to_another_server() {
    let server = served("");
    let first = start(&server, "careful", "order/7", &json!({ "what": "this" }));
    let mut stream = server.stream(PLACE, &[]);
    let mut seen = until(&mut stream, &first, "run.waiting");
    // One that begins later, one of another thread, and one of another process, which goes on with the first one too.
    let second = hello(&server, "order/7");
    seen.extend(until(&mut stream, &second, "run.succeeded"));
    hello(&server, "order/8");
    let ended = server.here.weir(&["run", "shop.hello", "--arg", "name=Bob", "--thread", "order/7"]).code(0).json();
    let third = ended["metadata"]["run_id"].as_str().unwrap().to_owned();
    seen.extend(until(&mut stream, &third, "run.succeeded"));
    server.here.weir(&["runs", "answer", &first, r#"{"approved": true}"#]).code(0);
    seen.extend(until(&mut stream, &first, "run.succeeded"));
    drop(stream);
    let all = page(&server, "");
    assert_eq!(told(&seen), keys(&all));
    assert_eq!(told(&seen).into_iter().collect::<BTreeSet<_>>().len(), seen.len(), "none comes twice");
    // Behind any event comes exactly what follows it, also at the same position.
    let server = again(server.kill(), &[]);
    for (at, event) in seen.iter().enumerate().take(seen.len() - 1) {
        let mut back = server.stream(PLACE, &[&format!("Last-Event-ID: {}", event.id)]);
        assert_eq!(told(&until(&mut back, &first, "run.succeeded")), told(&seen[at + 1..]), "{}", event.id);
    }
    let position = all[1]["position"].as_u64().unwrap();
    let behind: Vec<Value> =
        all.iter().filter(|event| event["position"].as_u64().unwrap() > position).cloned().collect();
    for mut back in [
        server.stream(PLACE, &[&format!("Last-Event-ID: {position}")]),
        server.stream(&format!("{PLACE}?after={position}"), &[]),
    ] {
        assert_eq!(told(&until(&mut back, &first, "run.succeeded")), keys(&behind));
    }
    server.kill();
}

#[test]
fn who_follows_a_thread_wrongly_is_told_and_a_server_ends_with_its_readers() {
    let server = served("");
    hello(&server, "order/7");
    assert_eq!(server.stream(PLACE, &["Last-Event-ID: seven"]).status, 400);
    assert_eq!(server.stream("/v1/threads/none/events", &[]).status, 404);
    let mut stream = server.stream(PLACE, &[]);
    assert!(stream.next().is_some() && stream.next().is_some());
    let (code, said, _) = server.end();
    assert_eq!((code, stream.rest()), (0, Vec::new()), "{said}");
}
