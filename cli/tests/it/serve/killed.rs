//! `kill -9`: every start that was accepted is found again.

use super::support::{again, served};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[test]
fn every_accepted_start_is_found_after_kill_9() {
    let server = served("");
    let accepted: Mutex<Vec<String>> = Mutex::default();
    let over = AtomicBool::new(false);
    let pid = server.child.0.id().to_string();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (server, accepted, over) = (&server, &accepted, &over);
            scope.spawn(move || {
                for n in 0.. {
                    if over.load(Ordering::Relaxed) || std::net::TcpStream::connect(&server.address).is_err() {
                        return;
                    }
                    let flow = if n % 2 == 0 { "hello" } else { "careful" };
                    let args = if n % 2 == 0 { json!({ "name": "a" }) } else { json!({ "what": "b" }) };
                    let body = json!({ "args": args }).to_string();
                    let key = format!("Idempotency-Key: {worker}-{n}");
                    let headers = ["Content-Type: application/json", &key];
                    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        server.send("POST", &format!("/v1/flows/shop.{flow}/runs"), &headers, body.as_bytes())
                    }));
                    let Ok(answer) = done else { return };
                    if answer.status == 201
                        && let Ok(begun) = serde_json::from_str::<serde_json::Value>(&answer.body)
                    {
                        accepted.lock().unwrap().push(begun["run_id"].as_str().unwrap().to_owned());
                    }
                }
            });
        }
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while accepted.lock().unwrap().len() < 60 {
            assert!(std::time::Instant::now() < until, "too few starts");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
        over.store(true, Ordering::Relaxed);
    });
    let accepted = accepted.into_inner().unwrap();
    let server = again(server.kill(), &[]);
    let found = server.get("/v1/runs?limit=1000").ok(200);
    let found: BTreeSet<&str> =
        found["runs"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect();
    let lost: Vec<&String> = accepted.iter().filter(|id| !found.contains(id.as_str())).collect();
    assert!(lost.is_empty(), "{} of {} were lost: {lost:?}", lost.len(), accepted.len());
    for run_id in accepted.iter().take(20) {
        server.until(run_id, &["succeeded", "waiting"]);
    }
    server.kill();
}
