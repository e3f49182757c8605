//! `http.*` against real servers, hostile ones among them.

use super::resolve::Lookup;
use super::*;
use crate::tool::Happened;
use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A server that answers each connection with these bytes, then with `more` for ever, slowly where it is small.
async fn raw(first: Vec<u8>, more: Option<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (first, more) = (first.clone(), more.clone());
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&first).await;
                while let Some(more) = &more {
                    if stream.write_all(more).await.is_err() {
                        break;
                    }
                    if more.len() < 100 {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            });
        }
    });
    address
}

/// Answers every name, with another address each time.
struct Names {
    answers: Vec<IpAddr>,
    asked: AtomicUsize,
}

#[async_trait]
impl Lookup for Names {
    async fn lookup(&self, _name: &str) -> std::io::Result<Vec<IpAddr>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(vec![self.answers[turn % self.answers.len()]])
    }
}

fn names(answers: &[&str]) -> Arc<Names> {
    Arc::new(Names { answers: answers.iter().map(|one| one.parse().unwrap()).collect(), asked: AtomicUsize::new(0) })
}

async fn call(http: &Http, tool: &str, args: &str) -> Result<Value, Fault> {
    call_in(http, tool, args, Duration::from_secs(20)).await
}

async fn call_in(http: &Http, tool: &str, args: &str, timeout: Duration) -> Result<Value, Fault> {
    let call = Call {
        tool: tool.into(),
        args: Value::from_json(args).unwrap(),
        key: None,
        run_id: "r".into(),
        step: "s".into(),
        attempt: 1,
        timeout,
        grants: Vec::new(),
        definition: None,
        instance: Default::default(),
        progress: None,
    };
    http.call(&call).await
}

async fn fetch(http: &Http, url: &str) -> Result<Value, Fault> {
    call(http, "get", &format!(r#"{{"url": "{url}"}}"#)).await
}

fn here() -> Http {
    Http::new(HttpConfig::of(&["127.0.0.1:*", "localhost:*"]))
}

async fn echo(method: axum::http::Method, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let own = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let json = serde_json::json!({ "method": method.as_str(), "uri": uri.to_string(), "type": own("content-type"),
        "auth": own("authorization"), "key": own("x-key"), "body": body });
    ([("content-type", "application/json"), ("x-a", "1")], json.to_string()).into_response()
}

#[tokio::test]
async fn what_is_sent_and_what_comes_back() {
    let at = serve(Router::new().fallback(any(echo))).await;
    let http = here();
    let args = format!(
        r#"{{"url": "http://{at}/x?a=1", "query": {{"b": ["x y", 2], "c": null}}, "headers": {{"X-Key": "k"}}}}"#
    );
    let got = call(&http, "get", &args).await.unwrap();
    assert_eq!(got.field("status").as_int(), Some(200));
    assert_eq!(got.field("headers").field("x-a").as_str(), Some("1"));
    let body = got.field("body").to_serde();
    assert_eq!((body["uri"].as_str(), body["key"].as_str()), (Some("/x?a=1&b=x+y&b=2"), Some("k")));
    for (tool, extra, kind, sent) in [
        ("post", r#", "body": {"a": 1.5}"#, Some("application/json"), r#"{"a":1.5}"#),
        ("put", r#", "text": "hi""#, Some("text/plain; charset=utf-8"), "hi"),
        ("patch", r#", "text": "a,b", "content_type": "text/csv""#, Some("text/csv"), "a,b"),
        ("delete", "", None, ""),
    ] {
        let got = call(&http, tool, &format!(r#"{{"url": "http://{at}/"{extra}}}"#)).await.unwrap();
        let body = got.field("body").to_serde();
        assert_eq!((body["type"].as_str(), body["body"].as_str()), (kind, Some(sent)), "{tool}");
        assert_eq!(body["method"].as_str(), Some(tool.to_uppercase().as_str()));
    }
    let head = call(&http, "head", &format!(r#"{{"url": "http://{at}/"}}"#)).await.unwrap();
    assert!(head.as_record().unwrap().fields.get("body").is_none());
    for wrong in [
        r#""headers": {"Host": "x"}"#,
        r#""headers": {"X-A": "a\r\nB: c"}"#,
        r#""body": 1, "text": "x""#,
        r#""query": {"a": {"b": 1}}"#,
    ] {
        let fault = call(&http, "post", &format!(r#"{{"url": "http://{at}/", {wrong}}}"#)).await.unwrap_err();
        assert_eq!(fault.code, "invalid_input", "{wrong}");
    }
}

#[tokio::test]
async fn without_hosts_nothing_is_reached() {
    let fault = fetch(&Http::new(HttpConfig::default()), "https://example.com/").await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.happened), ("permission", Happened::No));
    assert!(fault.message.contains(r#"add `hosts = ["example.com"]`"#), "{fault}");
}

/// The name is allowed; its address is not, at the first look or at a later one.
#[tokio::test]
async fn a_name_that_leads_inside_or_changes_its_mind_is_refused() {
    let at = serve(Router::new().fallback(any(echo))).await;
    let port = at.port();
    for answers in
        [&["127.0.0.1"][..], &["10.0.0.1"], &["169.254.169.254"], &["::1"], &["::ffff:127.0.0.1"], &["0.0.0.0"]]
    {
        let reach = Reach { lookup: names(answers), ..Reach::default() };
        let http = Http::with(HttpConfig::of(&["evil.test:*"]), reach);
        let fault = fetch(&http, &format!("http://evil.test:{port}/")).await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.happened), ("permission", Happened::No), "{answers:?}: {fault}");
    }
    // Named with its address it is reached; each connection asks once and goes where that answer said.
    let rebinding = names(&["127.0.0.1", "10.9.9.9"]);
    let reach = Reach { lookup: rebinding.clone(), ..Reach::default() };
    let http = Http::with(HttpConfig::of(&["inside.test:*", "127.0.0.1"]), reach);
    assert!(fetch(&http, &format!("http://inside.test:{port}/")).await.is_ok());
    assert_eq!(rebinding.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn redirects_are_checked_at_each_hop() {
    let other = serve(Router::new().fallback(any(echo))).await;
    let to = move |location: &'static str| any(move || async move { Redirect::temporary(location) });
    let out = format!("http://127.0.0.1:{}/there", other.port());
    let (out_get, out_write) = (out.clone(), out.clone());
    let router = Router::new()
        .route("/meta", to("http://169.254.169.254/latest/meta-data"))
        .route("/file", to("file:///etc/passwd"))
        .route("/user", to("http://ann:pw@127.0.0.1/"))
        .route("/loop", to("/loop"))
        .route("/same", any(|| async { Redirect::temporary("echo") }))
        .route("/made", any(|| async { Redirect::to("/echo") }))
        .route(
            "/out",
            any(move || {
                let out = out_get.clone();
                async move { Redirect::temporary(&out) }
            }),
        )
        .route(
            "/out303",
            any(move || {
                let out = out_write.clone();
                async move { Redirect::to(&out) }
            }),
        )
        .route("/none", any(|| async { StatusCode::FOUND }))
        .route("/echo", any(echo));
    let at = serve(router).await;
    let http = here();
    let go = async |tool: &str, path: &str, more: &str| {
        call(&http, tool, &format!(r#"{{"url": "http://{at}{path}", "headers": {{"X-Key": "k"}}{more}}}"#)).await
    };
    for (path, code) in [
        ("/meta", "permission"),
        ("/file", "bad_response"),
        ("/user", "bad_response"),
        ("/loop", "failed"),
        ("/none", "failed"),
    ] {
        let fault = go("get", path, "").await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.happened), (code, Happened::No), "{path}: {fault}");
        assert_eq!(go("delete", path, "").await.unwrap_err().happened, Happened::Maybe, "{path}");
    }
    let body = |value: Value| value.field("body").to_serde();
    let same = body(go("post", "/same", r#", "body": 1"#).await.unwrap());
    assert_eq!(
        (same["method"].as_str(), same["body"].as_str(), same["key"].as_str()),
        (Some("POST"), Some("1"), Some("k"))
    );
    let made = body(go("post", "/made", r#", "body": 1"#).await.unwrap());
    assert_eq!((made["method"].as_str(), made["body"].as_str()), (Some("GET"), Some("")));
    let out = body(go("get", "/out", "").await.unwrap());
    assert_eq!((out["uri"].as_str(), out["key"].as_str()), (Some("/there"), None));
    let fault = go("post", "/out", r#", "body": 1"#).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.happened), ("failed", Happened::Maybe));
    let out = body(go("post", "/out303", r#", "body": 1"#).await.unwrap());
    assert_eq!((out["method"].as_str(), out["body"].as_str(), out["key"].as_str()), (Some("GET"), Some(""), None));
}

#[tokio::test]
async fn credentials_go_to_their_host_alone() {
    let at = serve(
        Router::new().route("/go", get(|| async { Redirect::temporary("http://localhost:1/x") })).fallback(any(echo)),
    )
    .await;
    let root = std::path::Path::new(".");
    let config = |toml: &str| HttpConfig::from_section(&toml::from_str(toml).unwrap(), root);
    let two = config("hosts = ['127.0.0.1:*', 'localhost:*']\nheaders = { '127.0.0.1:* Authorization' = 'Bearer s' }")
        .unwrap();
    let auth = async |http: &Http, url: String| {
        fetch(http, &url).await.unwrap().field("body").to_serde()["auth"].as_str().map(str::to_owned)
    };
    let http = Http::new(two);
    assert_eq!(auth(&http, format!("http://{at}/")).await.as_deref(), Some("Bearer s"));
    assert_eq!(auth(&http, format!("http://localhost:{}/", at.port())).await, None);
    let http = Http::new(config(&format!("hosts = ['{at}']\nauth = 't'")).unwrap());
    assert_eq!(auth(&http, format!("http://{at}/")).await.as_deref(), Some("Bearer t"));
    let unsafe_scheme = config("hosts = ['a.test']\nauth = 't'").unwrap();
    assert!(unsafe_scheme.credentials(&Url::parse("http://a.test/").unwrap()).is_empty());
    assert_eq!(unsafe_scheme.credentials(&Url::parse("https://a.test/").unwrap()).len(), 1);
    for (toml, part) in [
        ("hosts = ['a.test', 'b.test']\nauth = 't'", "would go to every host"),
        ("hosts = ['*.test']\nheaders = { X = 't' }", "would go to every host"),
        ("hosts = ['a.test']\nheaders = { X = 'env:WEIR_TEST_IS_NOT_SET' }", "WEIR_TEST_IS_NOT_SET"),
        ("hosts = ['a b']", "does not read as a host"),
    ] {
        let error = config(toml).map(|_| ()).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n";

#[tokio::test]
async fn endless_and_broken_answers_end_in_a_fault() {
    let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let endless =
        raw(format!("{HEAD}transfer-encoding: chunked\r\n\r\n").into(), Some(chunk(&vec![b'x'; 1 << 16]))).await;
    let claimed = raw(format!("{HEAD}content-length: 99999999999\r\n\r\n").into(), Some(vec![b'x'; 1 << 16])).await;
    let short = raw(format!("{HEAD}content-length: 100\r\n\r\nabc").into(), None).await;
    let many = raw(HEAD.into(), Some(format!("x-a: {}\r\n", "y".repeat(4096)).into())).await;
    let garbage = raw(b"\x16\x03\x01 this is no HTTP\r\n\r\n".to_vec(), None).await;
    let silent = raw(Vec::new(), None).await;
    let bad_gzip = raw(format!("{HEAD}content-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd").into(), None).await;
    let http = here();
    for (at, code, what) in [
        (endless, "bad_response", "endless body"),
        (claimed, "bad_response", "huge content-length"),
        (short, "unavailable", "too short"),
        (many, "unavailable", "endless headers"),
        (garbage, "unavailable", "garbage"),
        (silent, "unavailable", "closed without a word"),
        (bad_gzip, "bad_response", "no gzip"),
    ] {
        let fault = fetch(&http, &format!("http://{at}/")).await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.happened), (code, Happened::No), "{what}: {fault}");
        let fault = call(&http, "post", &format!(r#"{{"url": "http://{at}/", "body": 1}}"#)).await.unwrap_err();
        assert_eq!(fault.happened, Happened::Maybe, "{what}: {fault}");
    }
}

#[tokio::test]
async fn a_drip_ends_with_the_time_limit() {
    let drip = raw(format!("{HEAD}content-length: 1000000\r\n\r\n").into(), Some(b"x".to_vec())).await;
    let headers = raw(HEAD.into(), Some(b"x-a: b\r\n".to_vec())).await;
    for at in [drip, headers] {
        let args = format!(r#"{{"url": "http://{at}/"}}"#);
        let fault = call_in(&here(), "get", &args, Duration::from_millis(500)).await.unwrap_err();
        assert!(matches!(fault.code.as_str(), "timeout" | "unavailable"), "{fault}");
    }
}

/// 64 MiB of zeros in a few KiB: unpacked only as far as the limit.
#[tokio::test]
async fn a_gzip_bomb_is_not_unpacked() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        std::io::Write::write_all(&mut packed, &vec![0; 1 << 20]).unwrap();
    }
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 100_000);
    let head = format!("{HEAD}content-encoding: gzip\r\ncontent-length: {}\r\n\r\n", packed.len());
    let at = raw([head.into_bytes(), packed].concat(), None).await;
    let fault = fetch(&here(), &format!("http://{at}/")).await.unwrap_err();
    assert!(fault.code == "bad_response" && fault.message.contains("larger than 16 MiB"), "{fault}");
}

#[tokio::test]
async fn a_proxy_is_used_only_where_it_is_named() {
    let proxy = raw(format!("{HEAD}content-length: 5\r\n\r\nproxy").into(), None).await;
    let mut config = HttpConfig::of(&["a.test"]);
    config.proxy = Some(format!("http://{proxy}"));
    let got = fetch(&Http::new(config.clone()), "http://a.test/").await.unwrap();
    assert_eq!(got.field("body").as_str(), Some("proxy"));
    assert_eq!(fetch(&Http::new(config), "http://b.test/").await.unwrap_err().code, "permission");
    for (text, part) in [("socks5h://127.0.0.1:1", "scheme `socks5h`"), ("x", "no address")] {
        let mut config = HttpConfig::of(&["a.test"]);
        config.proxy = Some(text.into());
        let fault = fetch(&Http::new(config), "http://a.test/").await.unwrap_err();
        assert!(fault.message.contains(part), "{fault}");
    }
}
