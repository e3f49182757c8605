//! Streams of events: nothing is missing, nothing comes twice, whoever comes back.

use super::support::{Event, again, served};
use serde_json::json;

fn seqs(events: &[Event]) -> Vec<u64> {
    events.iter().filter(|event| event.name.is_empty()).map(|event| event.data["seq"].as_u64().unwrap()).collect()
}

/// The next event that stands in a journal.
fn numbered(stream: &mut super::support::Stream) -> Event {
    loop {
        let event = stream.next().expect("the stream goes on");
        if event.data["seq"] != 0 {
            return event;
        }
    }
}

#[test]
fn a_run_is_followed_to_its_end_and_a_reader_comes_back() {
    let server = served("");
    let run_id = server.start("careful", &json!({ "what": "this" }));
    let place = format!("/v1/runs/{run_id}/events");
    let mut stream = server.stream(&place, &[]);
    let first: Vec<Event> = std::iter::from_fn(|| stream.next()).take(3).collect();
    assert_eq!(seqs(&first), [1, 2, 3]);
    assert_eq!(first[2].data["event"], "run.waiting");
    drop(stream);
    let back = server.stream(&place, &["Last-Event-ID: 2"]);
    server.post(&format!("/v1/runs/{run_id}/answer"), &json!({ "value": { "approved": true } })).ok(200);
    let rest = back.rest();
    assert_eq!(seqs(&rest), [3, 4, 5]);
    let end = rest.last().unwrap();
    assert_eq!((end.name.as_str(), &end.data["metadata"]["status"]), ("end", &json!("succeeded")));
    assert_eq!(server.stream(&place, &["Last-Event-ID: 5"]).status, 204);
    assert_eq!(server.stream(&place, &["Last-Event-ID: five"]).status, 400);
    assert_eq!(seqs(&server.stream(&place, &[]).rest()), [1, 2, 3, 4, 5]);
    server.kill();
}

#[test]
fn a_run_of_another_process_is_followed_too() {
    let server = served("");
    let left = server.here.weir(&["run", "shop.hello", "--arg", "name=Ann"]);
    let run_id = left.json()["metadata"]["run_id"].as_str().unwrap().to_owned();
    assert_eq!(seqs(&server.stream(&format!("/v1/runs/{run_id}/events"), &[]).rest()), [1, 2]);
    server.kill();
}

#[test]
fn a_start_is_followed_at_once() {
    let server = served("");
    let headers = ["Content-Type: application/json", "Accept: text/event-stream"];
    let answer = server.send("POST", "/v1/flows/shop.hello/runs", &headers, b"{\"args\":{\"name\":\"Ann\"}}");
    assert_eq!(answer.status, 201);
    assert!(answer.body.contains("run.started") && answer.body.contains("event: end"), "{}", answer.body);
    assert!(answer.body.contains("hello Ann"), "{}", answer.body);
    server.kill();
}

#[test]
fn all_runs_are_followed_and_a_reader_comes_back_even_to_another_server() {
    let server = served("");
    let mut stream = server.stream("/v1/events", &[]);
    let start = |server: &super::support::Served, name: &str| server.start("hello", &json!({ "name": name }));
    let first = start(&server, "a");
    let seen = [numbered(&mut stream), numbered(&mut stream)];
    assert!(seen.iter().all(|event| event.data["run_id"] == first.as_str()));
    drop(stream);
    let second = start(&server, "b");
    let mut back = server.stream("/v1/events", &[&format!("Last-Event-ID: {}", seen[1].id)]);
    let more = [numbered(&mut back), numbered(&mut back)];
    assert!(more.iter().all(|event| event.data["run_id"] == second.as_str()), "{more:?}");
    let third = start(&server, "c");
    server.until(&third, &["succeeded"]);
    let here = server.kill();
    let server = again(here, &[]);
    let mut back = server.stream("/v1/events", &[&format!("Last-Event-ID: {}", more[1].id)]);
    let fourth = start(&server, "d");
    let mut missing = vec![(third.clone(), 1), (third, 2), (fourth.clone(), 1), (fourth, 2)];
    let mut seen = Vec::new();
    while !missing.is_empty() {
        let event = numbered(&mut back);
        let key = (event.data["run_id"].as_str().unwrap().to_owned(), event.data["seq"].as_i64().unwrap());
        assert!(!seen.contains(&key), "{key:?} came twice on one stream");
        missing.retain(|wanted| *wanted != key);
        seen.push(key);
    }
    server.kill();
}

#[test]
fn a_reader_that_does_not_read_holds_up_nobody() {
    let server = served("");
    let _stuck: Vec<_> = (0..8).map(|_| server.stream("/v1/events", &[])).collect();
    let ids: Vec<String> = (0..100).map(|n| server.start("hello", &json!({ "name": "x".repeat(n) }))).collect();
    server.until(ids.last().unwrap(), &["succeeded"]);
    server.kill();
}
