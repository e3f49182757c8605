//! Events and webhooks start campaigns, once; figures for Prometheus tell of it.

use super::support::{Served, again};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const FLOWS: &str = r#"
coordinator note(text: string) -> string {
  return text
}

campaign heard {
  on event "heard" as { text: string }
  run note(text: event.text)
}

campaign named {
  on webhook "/hooks/named" as { text: string }
  run note(text: event.text)
}

campaign pushed {
  on webhook "/push" as { text: string }
  run note(text: event.text)
}
"#;

const TOML: &str = "[project]\nname = \"t\"\n\n[webhooks.\"/push\"]\nsecret = \"file:secret\"\nsignature = \"github\"\n\n[webhooks.\"/hooks/named\"]\nsecret = \"file:secret\"\nsignature = \"github\"\n";
const SECRET: &[u8] = b"a-secret-of-some-length";

fn served() -> Served {
    let secret = std::str::from_utf8(SECRET).unwrap();
    again(crate::support::folder(&[("a.flow", FLOWS), ("weir.toml", TOML), ("secret", secret)]), &[])
}

/// HMAC-SHA-256, as RFC 2104 has it.
fn signature(body: &[u8]) -> String {
    let pad = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(SECRET).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(body).finalize();
    let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn run_of(came: &Value) -> &str {
    came["campaigns"][0]["run_id"].as_str().unwrap_or_else(|| panic!("{came}"))
}

#[test]
fn an_event_starts_its_campaign_once() {
    let server = served();
    let event = json!({ "event": "heard", "id": "e1", "value": { "text": "hi" } });
    let came = server.post("/v1/events", &event).ok(202);
    assert_eq!(server.until(run_of(&came), &["succeeded"])["records"][0]["value"], "hi");
    let again = server.post("/v1/events", &event).ok(202);
    assert_eq!((run_of(&again), &again["campaigns"][0]["known"]), (run_of(&came), &json!(true)));
    assert_eq!(server.post("/v1/events", &json!({ "event": "other" })).ok(202)["campaigns"], json!([]));
    let figures = server.get("/metrics");
    assert!(figures.status == 200 && figures.body.contains("weir_"), "{figures:?}");
    server.kill();
}

#[test]
fn a_webhook_is_taken_where_it_is_genuine() {
    let server = served();
    let body = br#"{ "text": "pushed" }"#;
    let send = |signed: &str, body: &[u8]| {
        let header = format!("X-Hub-Signature-256: sha256={signed}");
        server.send("POST", "/hooks/push", &["Content-Type: application/json", &header], body)
    };
    let came = send(&signature(body), body).ok(202);
    assert_eq!(server.until(run_of(&came), &["succeeded"])["records"][0]["value"], "pushed");
    assert_eq!(run_of(&send(&signature(body), body).ok(202)), run_of(&came), "a call counts once");
    assert_eq!(send(&signature(body), b"{ \"text\": \"forged\" }").problem(401), "not_genuine");
    assert_eq!(send("", body).problem(401), "not_genuine");
    assert_eq!(send(&signature(body), &vec![b' '; 2_000_000]).problem(413), "too_large");
    let signed = format!("X-Hub-Signature-256: sha256={}", signature(body));
    let named = server.send("POST", "/hooks/named", &["Content-Type: application/json", &signed], body).ok(202);
    assert_eq!(server.until(run_of(&named), &["succeeded"])["records"][0]["value"], "pushed");
    assert_eq!(server.send("POST", "/hooks/other", &[], body).problem(404), "no_hook");
    assert_eq!(server.get("/v1/runs").ok(200)["runs"].as_array().unwrap().len(), 2);
    server.kill();
}
