//! `http.*`, and the guarded client that servers with an HTTP API use too.

mod address;
mod client;
mod config;
mod fault;
mod guard;
mod resolve;
#[cfg(test)]
mod tests;

pub use config::HttpConfig;

pub(crate) use client::{Client, LARGEST_BODY, Reach, Received, Sent, use_ring};
pub(crate) use fault::of_status;
pub(crate) use guard::{Guard, read_url};

use crate::tool::{Call, Fault, Tool};
use async_trait::async_trait;
use ecow::EcoString;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use std::sync::{Arc, OnceLock};
use url::Url;
use weir_stdlib::value::{Fields, Value};

const NAMES: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];
/// Headers that are this client's own.
const OWN_HEADERS: [&str; 9] =
    ["host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer", "keep-alive", "expect"];

/// The server `http`.
#[derive(Clone)]
pub struct Http {
    config: HttpConfig,
    /// Made at the first call.
    client: Arc<OnceLock<Result<Client, String>>>,
}

impl Http {
    /// HTTP as `[tools.http]` opens it.
    pub fn new(config: HttpConfig) -> Self {
        Http { config, client: Arc::new(OnceLock::new()) }
    }

    #[cfg(test)]
    fn with(config: HttpConfig, reach: Reach) -> Self {
        let http = Http::new(config);
        let guard = Guard::new("http", &http.config.hosts, None).unwrap();
        assert!(http.client.set(Client::new(guard, reach)).is_ok());
        http
    }

    fn client(&self) -> Result<&Client, Fault> {
        let open = || {
            let guard = Guard::new("http", &self.config.hosts, None)?;
            Client::new(guard, Reach { proxy: self.config.proxy.clone(), ..Reach::default() })
        };
        self.client.get_or_init(open).as_ref().map_err(|why| Fault::clean("failed", why.clone()))
    }
}

#[async_trait]
impl Tool for Http {
    fn describe(&self) -> Vec<EcoString> {
        NAMES.map(EcoString::from).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        if !NAMES.contains(&call.tool.as_str()) {
            return Err(call.no_such_tool("http", &NAMES));
        }
        let sent = request(call)?;
        let credentials = |url: &Url| self.config.credentials(url);
        let received = self.client()?.send(sent.clone(), call.timeout, &credentials).await?;
        answer(&sent, &received)
    }
}

fn request(call: &Call) -> Result<Sent, Fault> {
    let mut url = read_url(&call.text("url")?)?;
    query(&mut url, call)?;
    let method = Method::from_bytes(call.tool.to_ascii_uppercase().as_bytes());
    let mut sent = Sent::new(method.map_err(|_| call.no_such_tool("http", &NAMES))?, url);
    sent.headers = headers(call)?;
    if let Some(key) = &call.key {
        let value =
            HeaderValue::from_bytes(key.as_bytes()).map_err(|_| call.wrong("key", "a text without line breaks"))?;
        sent.headers.insert(HeaderName::from_static("idempotency-key"), value);
    }
    let trace = HeaderValue::from_str(&crate::traces::traceparent(call)).ok();
    if let (Some(trace), false) = (trace, sent.headers.contains_key("traceparent")) {
        sent.headers.insert("traceparent", trace);
    }
    body(&mut sent, call)?;
    Ok(sent)
}

fn query(url: &mut Url, call: &Call) -> Result<(), Fault> {
    let asked = call.args.field("query");
    let Some(record) = asked.as_record().filter(|record| !record.fields.is_empty()) else { return Ok(()) };
    let mut pairs = url.query_pairs_mut();
    for (name, value) in &record.fields {
        let items = value.as_list().unwrap_or_else(|| std::slice::from_ref(value));
        for item in items.iter().filter(|item| !item.is_null()) {
            if item.as_list().is_some() || item.as_record().is_some() {
                return Err(call.wrong(&format!("query.{name}"), "a text, number or truth value, or a list of them"));
            }
            pairs.append_pair(name, &item.display_text());
        }
    }
    Ok(())
}

fn headers(call: &Call) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
    let asked = call.args.field("headers");
    for (name, value) in asked.as_record().into_iter().flat_map(|record| record.fields.iter()) {
        let lower = name.to_ascii_lowercase();
        let own = OWN_HEADERS.contains(&lower.as_str()) || lower.starts_with("proxy-");
        let key = HeaderName::from_bytes(name.as_bytes()).ok().filter(|_| !own);
        let value = value.as_str().and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
        match (key, value) {
            (Some(key), Some(value)) => drop(headers.insert(key, value)),
            _ => {
                return Err(
                    call.wrong("headers", &format!("headers; `{}` is none that can be set", name.escape_debug()))
                );
            }
        }
    }
    Ok(headers)
}

fn body(sent: &mut Sent, call: &Call) -> Result<(), Fault> {
    let text = call.optional_text("text")?;
    let json = call.args.as_record().and_then(|args| args.fields.get("body"));
    let kind = call.optional_text("content_type")?;
    let (bytes, kind) = match (json, text) {
        (Some(_), Some(_)) => return Err(call.wrong("text", "absent where `body` is given: one of them is sent")),
        (Some(json), None) => (json.to_json(), "application/json".to_owned()),
        (None, Some(text)) => (text, kind.unwrap_or_else(|| "text/plain; charset=utf-8".to_owned())),
        (None, None) => return Ok(()),
    };
    if bytes.len() > LARGEST_BODY {
        return Err(call.wrong("body", &format!("at most {} MiB long", LARGEST_BODY >> 20)));
    }
    let kind = HeaderValue::from_bytes(kind.as_bytes()).map_err(|_| call.wrong("content_type", "a content type"))?;
    sent.headers.insert(CONTENT_TYPE, kind);
    sent.body = Some(bytes.into_bytes());
    Ok(())
}

fn answer(sent: &Sent, received: &Received) -> Result<Value, Fault> {
    if !(200..300).contains(&received.status) {
        return Err(of_status(sent, received));
    }
    let mut headers = Fields::default();
    for name in received.headers.keys() {
        let values: Vec<_> =
            received.headers.get_all(name).iter().map(|one| String::from_utf8_lossy(one.as_bytes())).collect();
        headers.insert(name.as_str().into(), Value::text(values.join(", ")));
    }
    let mut fields = vec![("status", Value::int(received.status.into())), ("headers", Value::from_fields(headers))];
    if sent.method != Method::HEAD {
        fields.push(("body", received.value(sent)?));
    }
    Ok(Value::record(fields))
}
