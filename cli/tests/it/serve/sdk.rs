//! Flows as MCP tools for the official SDK of Python, where `scripts/install-mcp-servers` has installed it: both
//! protocols, over HTTP and over stdio.

use super::support::{FLOWS, Served, again, served};
use crate::support::{folder, repository};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// The SDK's Python; None, and said so, where it is not there.
fn python() -> Option<std::path::PathBuf> {
    let python = repository().join(".tools/mcp/python/bin/python");
    if python.exists() {
        return Some(python);
    }
    eprintln!("no MCP SDK for Python: `scripts/install-mcp-servers` installs it");
    None
}

/// What the client saw.
fn seen(python: &Path, args: &[&str]) -> Value {
    let script = repository().join("cli/tests/clients/mcp_client.py");
    let output = Command::new(python).arg(script).args(args).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"))
}

/// What every protocol and transport shows.
fn holds(seen: &Value) {
    let names = ["shop_hello", "shop_careful", "shop_waits", "shop_paid", "shop_fails", "weir_run"];
    assert_eq!(seen["tools"], json!(names));
    assert_eq!(seen["schema"]["required"], json!(["name"]));
    assert_eq!(seen["hello"], json!({ "text": "hello Ann", "times": 1 }));
    assert!(seen["wrong"][0] == true && seen["wrong"][1].as_str().unwrap().contains("did you mean `name`?"), "{seen}");
    assert_eq!((&seen["careful"], &seen["asked"]), (&json!({ "result": "this" }), &json!(["really this?"])));
    let told: Vec<&str> = seen["told"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(told.iter().any(|line| line.starts_with("run.")), "{told:?}");
    assert_eq!(seen["declined"], json!(["really that?"]));
    assert!(seen["refused"][0] == true && seen["refused"][1].as_str().unwrap().contains("nobody answered"), "{seen}");
    assert_eq!(seen["cancelled"], true);
}

/// The run whose call was given up is cancelled; the one whose question was declined waits for somebody else.
fn leaves(server: &Served) {
    let of = |flow: &str| server.get(&format!("/v1/runs?flow={flow}")).ok(200)["runs"].as_array().unwrap().clone();
    let id = |run: &Value| run["run_id"].as_str().unwrap().to_owned();
    let waits = of("shop.waits");
    assert_eq!(waits.len(), 1);
    server.until(&id(&waits[0]), &["cancelled"]);
    let careful = of("shop.careful");
    assert_eq!(careful.len(), 2);
    server.listed(&id(&careful[0]), "waiting");
    server.post(&format!("/v1/runs/{}/answer", id(&careful[0])), &json!({ "value": { "approved": true } })).ok(200);
    server.until(&id(&careful[0]), &["succeeded"]);
}

#[test]
fn the_new_protocol_asks_in_its_answer() {
    let Some(python) = python() else { return };
    let server = served("");
    let seen = seen(&python, &["auto", &format!("http://{}/mcp", server.address)]);
    assert_eq!(seen["protocol"], "2026-07-28");
    holds(&seen);
    leaves(&server);
    server.kill();
}

#[test]
fn the_old_protocol_is_asked_beside_the_call() {
    let Some(python) = python() else { return };
    let server = served("");
    let seen = seen(&python, &["legacy", &format!("http://{}/mcp", server.address)]);
    assert_eq!(seen["protocol"], "2025-11-25");
    holds(&seen);
    leaves(&server);
    server.kill();
}

#[test]
fn both_over_stdio() {
    let Some(python) = python() else { return };
    for mode in ["auto", "legacy"] {
        let here = folder(&[("flows/shop.flow", FLOWS), ("weir.toml", "")]);
        let (place, weir) = (here.dir.path().to_str().unwrap().to_owned(), env!("CARGO_BIN_EXE_weir"));
        holds(&seen(&python, &[mode, "stdio", &place, weir, "serve", "--mcp"]));
        let server = again(here, &[]);
        leaves(&server);
        server.kill();
    }
}
