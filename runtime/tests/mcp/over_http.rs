//! MCP over streamable HTTP: both protocols, credentials, redirects, and what HTTP can do wrong (T8, T9, T17, T21).

use crate::support::{call, listed, run};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_compiler::project::ToolSection;
use weir_runtime::servers::{Server, mcp};
use weir_runtime::tool::Happened::{self, Maybe, No};

/// A server over HTTP in a mode, and what it was sent.
struct Site {
    at: SocketAddr,
    seen: Seen,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Seen {
    mode: &'static str,
    other: String,
    headers: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn site(mode: &'static str, other: &str) -> Site {
    let seen = Seen { mode, other: other.to_owned(), headers: Arc::default() };
    let app = Router::new()
        .route("/mcp", routing::any(answer))
        .route("/elsewhere", routing::any(answer))
        .with_state(seen.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    Site { at, seen, task }
}

impl Site {
    fn open(&self) -> Arc<dyn Server> {
        let mut section = ToolSection { url: vec![format!("http://{}/mcp", self.at)], ..ToolSection::default() };
        section.auth = Some("bearer-token".to_owned());
        section.headers.insert("x-team".into(), "blue".to_owned());
        mcp::open("site", &section, std::path::Path::new("/"), None).unwrap()
    }
}

fn rpc(message: &Json, result: Json) -> Response {
    axum::Json(json!({"jsonrpc": "2.0", "id": message["id"], "result": result})).into_response()
}

async fn answer(
    State(seen): State<Seen>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Response {
    seen.headers.lock().unwrap().push(headers.clone());
    let Ok(message) = serde_json::from_slice::<Json>(&body) else {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    };
    let new = seen.mode == "new";
    match (seen.mode, message["method"].as_str().unwrap_or_default()) {
        ("redirect", _) if uri.path() == "/mcp" => {
            (StatusCode::TEMPORARY_REDIRECT, [("location", "/elsewhere")]).into_response()
        }
        ("away", _) => (StatusCode::TEMPORARY_REDIRECT, [("location", seen.other.as_str())]).into_response(),
        ("login", _) => (StatusCode::UNAUTHORIZED, [("www-authenticate", "Bearer")]).into_response(),
        ("forbidden", _) => StatusCode::FORBIDDEN.into_response(),
        ("busy", _) => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]).into_response(),
        ("gone", _) => StatusCode::NOT_FOUND.into_response(),
        ("page", _) => ([("content-type", "text/html")], "<html>hello</html>").into_response(),
        (_, "server/discover") if new => rpc(
            &message,
            json!({
            "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "resultType": "complete",
            "serverInfo": {"name": "site", "version": "1"}, "ttlMs": 0, "cacheScope": "private"}),
        ),
        (_, "server/discover") => {
            let refused = json!({"jsonrpc": "2.0", "id": message["id"],
                "error": {"code": -32601, "message": "Method not found"}});
            axum::Json(refused).into_response()
        }
        (_, "initialize") => {
            let mut response = rpc(
                &message,
                json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                "serverInfo": {"name": "site", "version": "1"}}),
            );
            response.headers_mut().insert("mcp-session-id", "s-1".parse().unwrap());
            response
        }
        (_, "tools/list") => {
            let names =
                ["echo", "huge", "huge_event", "silent", "broken", "slow_down", "dies", "html", "wrong_id", "noise"];
            let tools: Vec<Json> =
                names.iter().map(|name| json!({"name": name, "inputSchema": {"type": "object"}})).collect();
            let mut list = json!({"tools": tools});
            if new {
                list["resultType"] = json!("complete");
                list["ttlMs"] = json!(0);
                list["cacheScope"] = json!("private");
            }
            rpc(&message, list)
        }
        (_, "tools/call") => called(&message).await,
        _ => StatusCode::ACCEPTED.into_response(),
    }
}

fn events(text: String) -> Response {
    ([("content-type", "text/event-stream")], text).into_response()
}

async fn called(message: &Json) -> Response {
    let text = |text: &str| json!({"resultType": "complete", "content": [{"type": "text", "text": text}]});
    match message["params"]["name"].as_str().unwrap_or_default() {
        "echo" => rpc(message, text(&message["params"]["arguments"].to_string())),
        "huge" => rpc(message, text(&"x".repeat(40 * 1024 * 1024))),
        "huge_event" => {
            let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>("x".repeat(64 * 1024)));
            let start = futures_util::stream::once(async { Ok("data: ".to_owned()) });
            use futures_util::StreamExt;
            let body = Body::from_stream(start.chain(endless));
            ([("content-type", "text/event-stream")], body).into_response()
        }
        "silent" => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            StatusCode::OK.into_response()
        }
        "broken" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        "slow_down" => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]).into_response(),
        "dies" => {
            let cut = futures_util::stream::iter([Ok("{\"jsonrpc\":"), Err(std::io::Error::other("cut"))]);
            ([("content-type", "application/json")], Body::from_stream(cut)).into_response()
        }
        "html" => ([("content-type", "text/html")], "<html>").into_response(),
        "wrong_id" => axum::Json(json!({"jsonrpc": "2.0", "id": 4711, "result": text("not yours")})).into_response(),
        _ => {
            let noise = json!({"jsonrpc": "2.0", "method": "notifications/progress",
                "params": {"progressToken": 0, "progress": 1}});
            let done = json!({"jsonrpc": "2.0", "id": message["id"], "result": text("after the noise")});
            events(format!(": comment\n\ndata: {noise}\n\ndata: {noise}\n\ndata: {done}\n\n"))
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_protocols_are_spoken_with_the_credentials() {
    for (mode, protocol) in [("new", "2026-07-28"), ("old", "2025-06-18"), ("redirect", "2025-06-18")] {
        let site = site(mode, "").await;
        let server = site.open();
        let listing = listed(&server).await.unwrap_or_else(|fault| panic!("{mode}: {fault}"));
        assert_eq!(listing.protocol.as_deref(), Some(protocol), "{mode}");
        assert_eq!(run(&server, &call("echo")).await.unwrap().as_str(), Some("{\"n\":1}"));
        assert_eq!(run(&server, &call("noise")).await.unwrap().as_str(), Some("after the noise"));
        server.close().await;
        for headers in site.seen.headers.lock().unwrap().iter() {
            assert_eq!(headers["authorization"], "Bearer bearer-token");
            assert_eq!(headers["x-team"], "blue");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_credential_follows_a_redirect_to_another_server() {
    let other = site("old", "").await;
    let site = site("away", &format!("http://{}/mcp", other.at)).await;
    let fault = run(&site.open(), &call("echo")).await.unwrap_err();
    assert!(fault.message.contains("redirects to") && fault.message.contains("name that address"), "{fault}");
    assert!(other.seen.headers.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_has_its_fault() {
    for (mode, code, part) in [
        ("login", "permission", "check `auth`"),
        ("forbidden", "permission", "check `auth`"),
        ("busy", "rate_limited", "slow down"),
        ("gone", "not_found", "nothing at this address"),
        ("page", "bad_response", "does not speak MCP"),
    ] {
        let site = site(mode, "").await;
        let fault = run(&site.open(), &call("echo")).await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.happened), (code, No), "{mode}: {fault}");
        assert!(fault.message.contains(part), "{mode}: {fault}");
        assert!(!fault.message.contains("bearer-token"));
    }
    let nobody = ToolSection { url: vec!["http://127.0.0.1:1/mcp".to_owned()], ..ToolSection::default() };
    let server = mcp::open("site", &nobody, std::path::Path::new("/"), None).unwrap();
    let fault = run(&server, &call("echo")).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.happened), ("unavailable", No), "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_misdeed_in_a_call_has_its_fault() {
    let expected: [(&str, &str, Happened); 7] = [
        ("huge", "bad_response", Maybe),
        ("huge_event", "unavailable", Maybe),
        ("broken", "unavailable", Maybe),
        ("slow_down", "rate_limited", No),
        ("dies", "unavailable", Maybe),
        ("html", "bad_response", Maybe),
        ("wrong_id", "unavailable", Maybe),
    ];
    for mode in ["old", "new"] {
        let site = site(mode, "").await;
        let server = site.open();
        for (tool, code, happened) in expected {
            let fault = run(&server, &call(tool)).await.unwrap_err();
            assert_eq!((fault.code.as_str(), fault.happened), (code, happened), "{mode} {tool}: {fault}");
            if tool == "slow_down" {
                assert_eq!(fault.retry_after_ms, Some(7_000));
            }
        }
        let dropped = tokio::time::timeout(Duration::from_millis(300), server.call(&call("silent"))).await;
        assert!(dropped.is_err());
        assert_eq!(run(&server, &call("echo")).await.unwrap().as_str(), Some("{\"n\":1}"));
        server.close().await;
    }
}

#[test]
fn a_section_that_cannot_work_is_refused_before_anything_starts() {
    let open = |change: &dyn Fn(&mut ToolSection)| {
        let mut section = ToolSection { url: vec!["https://mcp.example.com".to_owned()], ..ToolSection::default() };
        change(&mut section);
        mcp::open("site", &section, std::path::Path::new("/"), None).err().unwrap_or_default()
    };
    assert_eq!(open(&|_| {}), "");
    for (message, part) in [
        (open(&|section| section.url = vec!["ftp://a.b".to_owned()]), "must begin with `https://`"),
        (open(&|section| section.url = vec!["https://me:pw@a.b".to_owned()]), "put it into `auth`"),
        (
            open(&|section| section.auth = Some("env:NO_SUCH_VARIABLE_HERE".to_owned())),
            "`NO_SUCH_VARIABLE_HERE` is not set",
        ),
        (
            open(&|section| drop(section.headers.insert("Mcp-Session-Id".into(), "x".to_owned()))),
            "by the protocol itself",
        ),
        (open(&|section| drop(section.headers.insert("a b".into(), "x".to_owned()))), "no name of a header"),
        (open(&|section| section.url = Vec::new()), "needs a `command` or a `url`"),
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}
