//! Calls against a real server that says what it was sent.

use super::*;
use crate::tool::Happened;
use axum::body::Bytes;
use axum::http::{Method, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::any;
use axum::{Router, extract::Path as UrlPath};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Serves a router on a free port; it ends with the test.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Answers with what it was sent.
async fn echo(method: Method, uri: Uri, headers: axum::http::HeaderMap, body: Bytes) -> impl IntoResponse {
    let trace = headers.get("traceparent").map(|trace| String::from_utf8_lossy(trace.as_bytes()).into_owned());
    let headers: serde_json::Map<String, Json> = headers
        .iter()
        .filter(|(name, _)| {
            let every = ["host", "user-agent", "accept-encoding", "content-length", "accept", "traceparent"];
            !every.contains(&name.as_str())
        })
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    let json = json!({ "method": method.as_str(), "path": uri.path(), "query": uri.query(), "headers": headers, "trace": trace,
        "body": String::from_utf8_lossy(&body) });
    ([("content-type", "application/json")], json.to_string())
}

struct Project {
    folder: tempfile::TempDir,
    server: OpenApi,
}

impl Project {
    /// A server whose document has these paths; `toml` is the rest of its section.
    async fn new(base: &str, paths: Json, toml: &str) -> Project {
        let folder = tempfile::tempdir().unwrap();
        let document = json!({ "openapi": "3.1.0", "info": { "title": "t", "version": "1" }, "paths": paths,
            "components": { "securitySchemes": {
                "basic": { "type": "http", "scheme": "basic" },
                "query": { "type": "apiKey", "in": "query", "name": "api key" },
                "header": { "type": "apiKey", "in": "header", "name": "X-Key" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": "sid" } } } });
        std::fs::write(folder.path().join("api.json"), document.to_string()).unwrap();
        let section: ToolSection =
            toml::from_str(&format!("openapi = 'api.json'\nbase_url = '{base}'\n{toml}")).unwrap();
        let server = OpenApi::of("crm", &section, folder.path(), None).unwrap();
        Project { folder, server }
    }

    async fn call_with(&self, tool: &str, args: &str, key: Option<&str>) -> Result<Value, Fault> {
        let call = Call {
            tool: tool.into(),
            args: Value::from_json(args).unwrap(),
            key: key.map(Into::into),
            run_id: "r".into(),
            step: "s".into(),
            attempt: 1,
            timeout: Duration::from_secs(20),
            grants: Vec::new(),
            definition: None,
            instance: Default::default(),
            progress: None,
        };
        self.server.call(&call).await
    }

    async fn call(&self, tool: &str, args: &str) -> Result<Value, Fault> {
        self.call_with(tool, args, None).await
    }

    async fn json(&self, tool: &str, args: &str) -> Json {
        self.call(tool, args).await.unwrap().to_serde()
    }
}

fn parameter(place: &str, name: &str) -> Json {
    json!({ "in": place, "name": name, "schema": {} })
}

#[tokio::test]
async fn arguments_go_to_their_places() {
    let base = serve(Router::new().fallback(any(echo))).await;
    let paths = json!({
        "/pets/{id}/x": { "get": { "operationId": "get", "responses": {}, "parameters": [parameter("path", "id"),
            parameter("query", "tags"), parameter("header", "X-Trace"), parameter("cookie", "mode"),
            { "in": "query", "name": "filter", "style": "deepObject", "explode": true, "schema": {} }] } },
        "/pets": { "post": { "operationId": "create", "responses": {},
            "parameters": [parameter("header", "Idempotency-Key")],
            "requestBody": { "required": true, "content": { "application/json": { "schema": { "type": "object", "properties":
                { "pet name": { "type": "string" }, "price": { "type": "number" }, "note": { "type": ["string", "null"] } } } } } } } },
    });
    let project =
        Project::new(&format!("{base}/v1/?fixed=1"), paths, "headers = { X-Team = 'red' }\nauth = 'hunter2'").await;
    let got = project
        .json("get", r#"{"id": "a/b ?#%2e", "tags": ["x", "y&z"], "x_trace": 7, "mode": "a;b", "filter": {"a": [1]}}"#)
        .await;
    assert_eq!(got["path"], "/v1/pets/a%2Fb%20%3F%23%252e/x");
    assert!(got["trace"].as_str().is_some_and(|trace| trace.starts_with("00-") && trace.len() == 55), "{got}");
    assert_eq!(got["query"], "fixed=1&tags=x&tags=y%26z&filter[a][0]=1");
    assert_eq!(
        got["headers"],
        json!({ "x-trace": "7", "cookie": "mode=a%3Bb", "x-team": "red", "authorization": "Bearer hunter2" })
    );
    let args = r#"{"pet_name": "Rex", "price": 12345678901234567.1000, "note": null}"#;
    let got = project.call_with("create", args, Some("k-1")).await.unwrap().to_serde();
    assert_eq!(got["body"], r#"{"pet name":"Rex","price":12345678901234567.1000,"note":null}"#);
    assert_eq!(got["headers"]["idempotency-key"], "k-1");
    assert_eq!(got["headers"]["content-type"], "application/json");
    assert_eq!(project.json("create", "{}").await["body"], "{}");

    let body = json!({ "type": "object", "properties": { "a": {}, "request_id": { "type": "string" } } });
    let paths = json!({ "/p": { "post": { "responses": {}, "requestBody": { "content": { "application/json": { "schema": body } } } } } });
    for (key, header, body) in
        [("request_id", Json::Null, r#"{"a":1,"request_id":"k-2"}"#), ("header:X-Once", "k-2".into(), r#"{"a":1}"#)]
    {
        let project = Project::new(&base, paths.clone(), &format!("tool.post_p.accepts_key = '{key}'")).await;
        let got = project.call_with("post_p", r#"{"a": 1}"#, Some("k-2")).await.unwrap().to_serde();
        assert_eq!((&got["headers"]["x-once"], got["body"].as_str()), (&header, Some(body)));
    }
}

#[tokio::test]
async fn no_argument_leads_elsewhere() {
    let base = serve(Router::new().fallback(any(echo))).await;
    let paths = json!({ "/a/{id}": { "get": { "operationId": "get", "responses": {},
        "parameters": [parameter("path", "id"), parameter("header", "X-A")] } } });
    let project = Project::new(&base, paths, "").await;
    for args in [r#"{"id": ".."}"#, r#"{"id": "."}"#, r#"{"id": ""}"#, "{}", r#"{"id": "1", "x_a": "a\r\nEvil: 1"}"#] {
        let fault = project.call("get", args).await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.happened), ("invalid_input", Happened::No), "{args}");
    }
    assert_eq!(project.json("get", r#"{"id": "../../etc"}"#).await["path"], "/a/..%2F..%2Fetc");
}

#[tokio::test]
async fn credentials_go_where_the_document_says() {
    let base = serve(Router::new().fallback(any(echo))).await;
    let with =
        |scheme: &str| json!({ "get": { "operationId": scheme, "security": [{ scheme: [] }], "responses": {} } });
    let paths = json!({ "/b": with("basic"), "/q": with("query"), "/h": with("header"), "/c": with("cookie"),
        "/n": { "get": { "operationId": "none", "security": [], "responses": {} } } });
    let project = Project::new(&base, paths, "auth = 'ann:pw'").await;
    assert_eq!(project.json("basic", "{}").await["headers"], json!({ "authorization": "Basic YW5uOnB3" }));
    assert_eq!(project.json("query", "{}").await["query"], "api%20key=ann%3Apw");
    assert_eq!(project.json("header", "{}").await["headers"], json!({ "x-key": "ann:pw" }));
    assert_eq!(project.json("cookie", "{}").await["headers"], json!({ "cookie": "sid=ann%3Apw" }));
    assert_eq!(project.json("none", "{}").await["headers"], json!({}));
}

#[tokio::test]
async fn forms_multipart_and_text() {
    let base = serve(Router::new().fallback(any(echo))).await;
    let body = |kind: &str, schema: Json| {
        json!({ "post": { "operationId": kind.rsplit('/').next(), "responses": {},
        "requestBody": { "content": { kind: { "schema": schema } } } } })
    };
    let fields = json!({ "type": "object", "properties": { "a": {}, "b": {}, "file": { "type": "string", "format": "binary" } } });
    let paths = json!({ "/f": body("application/x-www-form-urlencoded", fields.clone()),
        "/m": body("multipart/form-data", fields), "/t": body("text/csv", json!({ "type": "string" })) });
    let project = Project::new(&base, paths, "").await;
    let form = project.json("x_www_form_urlencoded", r#"{"a": ["x y", "&"], "b": {"c": 1}}"#).await;
    assert_eq!(form["body"], "a=x%20y&a=%26&b=%7B%22c%22%3A1%7D");
    let multipart = project.json("form_data", r#"{"a": "x\"y", "b": {"c": 1}, "file": "hello"}"#).await;
    let kind = multipart["headers"]["content-type"].as_str().unwrap().to_owned();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\"y\r\n--{boundary}\r\nContent-Disposition: \
         form-data; name=\"b\"\r\nContent-Type: application/json\r\n\r\n{{\"c\":1}}\r\n--{boundary}\r\nContent-Disposition: \
         form-data; name=\"file\"; filename=\"file\"\r\nContent-Type: application/octet-stream\r\n\r\nhello\r\n--{boundary}--\r\n"
    );
    assert_eq!(multipart["body"], expected);
    assert_eq!(project.json("csv", r#"{"body": "a,b\n1,2"}"#).await["body"], "a,b\n1,2");
    assert_eq!(project.json("csv", "{}").await["body"], "");
}

async fn answer(UrlPath(which): UrlPath<String>) -> axum::response::Response {
    let json = [("content-type", "application/problem+json; charset=utf-8")];
    let wait = |value: &'static str| [("retry-after", value), ("content-type", "text/plain")];
    match which.as_str() {
        "exact" => (json, r#"{"price": 0.10, "big": 123456789012345678901234567890}"#).into_response(),
        "none" => StatusCode::NO_CONTENT.into_response(),
        "text" => "plain".into_response(),
        "broken" => (json, "{\"a\":").into_response(),
        "bytes" => ([("content-type", "image/png")], vec![0xff_u8, 0xfe]).into_response(),
        "400" => (StatusCode::BAD_REQUEST, json, r#"{"error": {"code": 3, "message": "no\nsuch \u001b[31mfield"}}"#)
            .into_response(),
        "409" => (StatusCode::CONFLICT, json, r#"{"errors": [{"detail": "already exists"}]}"#).into_response(),
        "429" => (StatusCode::TOO_MANY_REQUESTS, wait("2"), "slow down").into_response(),
        "503" => (StatusCode::SERVICE_UNAVAILABLE, wait("Sun, 06 Nov 1994 08:49:37 GMT"), "").into_response(),
        status => StatusCode::from_u16(status.parse().unwrap()).unwrap().into_response(),
    }
}

#[tokio::test]
async fn answers_by_type_and_status() {
    let base = serve(Router::new().route("/{which}", any(answer))).await;
    let operation =
        |id: &str| json!({ "operationId": id, "responses": {}, "parameters": [parameter("path", "which")] });
    let paths =
        json!({ "/{which}": { "get": operation("get"), "post": operation("post"), "head": operation("head") } });
    let project = Project::new(&base, paths, "").await;
    let get = async |which: &str| project.call("get", &format!(r#"{{"which": "{which}"}}"#)).await;
    assert_eq!(get("exact").await.unwrap().to_json(), r#"{"price":0.1,"big":123456789012345678901234567890}"#);
    assert!(get("none").await.unwrap().is_null());
    assert_eq!(get("text").await.unwrap().as_str(), Some("plain"));
    assert!(project.call("head", r#"{"which": "exact"}"#).await.unwrap().is_null());
    for (which, code, happened, words) in [
        ("broken", "bad_response", Happened::Maybe, "broken JSON"),
        ("bytes", "bad_response", Happened::Maybe, "no UTF-8"),
        ("400", "invalid_input", Happened::No, "answered 400: no such [31mfield"),
        ("401", "permission", Happened::No, "401"),
        ("403", "permission", Happened::No, "403"),
        ("404", "not_found", Happened::No, "404"),
        ("410", "not_found", Happened::No, "410"),
        ("408", "timeout", Happened::Maybe, "408"),
        ("409", "conflict", Happened::No, "already exists"),
        ("412", "conflict", Happened::No, "412"),
        ("418", "failed", Happened::No, "418"),
        ("422", "invalid_input", Happened::No, "422"),
        ("429", "rate_limited", Happened::No, "slow down"),
        ("500", "unavailable", Happened::Maybe, "500"),
        ("501", "failed", Happened::Maybe, "501"),
        ("502", "unavailable", Happened::Maybe, "502"),
        ("503", "unavailable", Happened::Maybe, "503"),
        ("504", "timeout", Happened::Maybe, "504"),
        ("304", "failed", Happened::Maybe, "304"),
    ] {
        let fault = project.call("post", &format!(r#"{{"which": "{which}"}}"#)).await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.happened), (code, happened), "{which}: {fault}");
        assert!(fault.message.contains(words) && !fault.message.contains('\u{1b}'), "{fault}");
        assert_eq!(get(which).await.unwrap_err().happened, Happened::No);
    }
    assert_eq!(get("429").await.unwrap_err().retry_after_ms, Some(2000));
    assert_eq!(get("503").await.unwrap_err().retry_after_ms, Some(0));
}

#[tokio::test]
async fn a_refused_connection_proves_that_nothing_happened() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let project = Project::new(&base, json!({ "/a": { "post": { "responses": {} } } }), "auth = 'hunter2'").await;
    let fault = project.call("post_a", "{}").await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.happened), ("unavailable", Happened::No), "{fault}");
    assert!(!fault.message.contains("hunter2"));
}

#[tokio::test]
async fn the_document_is_read_again_and_alone_names_no_private_server() {
    let project = Project::new("http://127.0.0.1:1", json!({ "/a": { "get": { "responses": {} } } }), "").await;
    assert_eq!(project.server.list().await.unwrap().tools.len(), 1);
    let file = project.folder.path().join("api.json");
    std::fs::write(&file, "openapi: 3.0.0\nservers: [{url: 'http://127.0.0.1:9'}]\npaths: {/a: {get: {responses: {}}, put: {responses: {}}}}").unwrap();
    assert_eq!(project.server.list().await.unwrap().tools.len(), 2);
    let section: ToolSection = toml::from_str("openapi = 'api.json'").unwrap();
    let server = OpenApi::of("crm", &section, project.folder.path(), None).unwrap();
    let project = Project { folder: project.folder, server };
    let fault = project.call("get_a", "{}").await.unwrap_err();
    assert!(fault.message.contains("add `base_url"), "{fault}");
    std::fs::write(&file, "[]").unwrap();
    assert!(project.server.list().await.unwrap_err().message.contains("no OpenAPI document"));
    std::fs::remove_file(&file).unwrap();
    assert!(project.server.list().await.unwrap_err().message.contains("cannot read `api.json`"));
}

#[test]
fn settings_that_cannot_be_used_are_named_at_once() {
    for (toml, part) in [
        (
            "openapi = 'a.json'\nauth = 'env:WEIR_TEST_IS_NOT_SET'",
            "`auth` of `[tools.crm]`: the variable `WEIR_TEST_IS_NOT_SET`",
        ),
        ("openapi = 'a.json'\nbase_url = 'localhost:80'", "`base_url` of `[tools.crm]`"),
        ("openapi = 'a.json'\nbase_url = 'https://u:p@a.test'", "credentials stand in weir.toml"),
        ("openapi = 'a.json'\nhosts = ['https://a.test']", "host alone"),
        ("openapi = 'a.json'\nheaders = { 'a b' = 'x' }", "`headers.a b` of `[tools.crm]`"),
        ("url = 'x'", "names no `openapi`"),
    ] {
        let section: ToolSection = toml::from_str(toml).unwrap();
        let error = OpenApi::of("crm", &section, Path::new("."), None).map(|_| ()).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}
