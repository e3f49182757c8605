//! The guarded HTTP client: each hop is checked before it is made, redirects are followed here, and everything that a
//! server sends has a limit.

use super::fault::of_transport;
use super::guard::{Guard, read_url};
use super::resolve::{Guarded, Lookup, System};
use crate::tool::{Fault, Happened};
use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Method, Proxy, redirect};
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use weir_stdlib::value::Value;

/// The largest body that is read or sent, after unpacking.
pub(crate) const LARGEST_BODY: usize = 16 * 1024 * 1024;
/// How often a request is led on.
const MOST_REDIRECTS: usize = 5;
/// Headers of one answer.
const MOST_HEADERS: usize = 128;
/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How a client reaches out.
pub(crate) struct Reach {
    /// `http://…`, `https://…` or `socks5://…`.
    pub(crate) proxy: Option<String>,
    /// Where addresses come from.
    pub(crate) lookup: Arc<dyn Lookup>,
    /// Certificates to believe beside the system's.
    pub(crate) roots: Vec<reqwest::Certificate>,
}

impl Default for Reach {
    fn default() -> Self {
        Reach { proxy: None, lookup: Arc::new(System), roots: Vec::new() }
    }
}

/// A client that reaches only what its guard opens.
#[derive(Clone)]
pub(crate) struct Client {
    inner: reqwest::Client,
    guard: Arc<Guard>,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
    /// A server has answered a write with a redirect: it may be done.
    led_on: bool,
}

/// An answer, of whatever status.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Makes *ring* the cryptography of this process, once.
pub(crate) fn use_ring() {
    // An error says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Client {
    /// A client behind `guard`.
    ///
    /// # Errors
    /// In the reader's words, where the proxy or the system's certificates cannot be used.
    pub(crate) fn new(guard: Guard, reach: Reach) -> Result<Client, String> {
        use_ring();
        let guard = Arc::new(guard);
        let proxy = reach.proxy.as_deref().map(proxy).transpose()?;
        let name = proxy.as_ref().and_then(|(_, url)| url.host_str().map(str::to_owned));
        let resolver = Guarded { lookup: reach.lookup, guard: guard.clone(), proxy: name };
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .http1_max_headers(MOST_HEADERS)
            .dns_resolver(Arc::new(resolver));
        if let Some((proxy, _)) = proxy {
            builder = builder.proxy(proxy);
        }
        if !reach.roots.is_empty() {
            builder = builder.tls_certs_merge(reach.roots);
        }
        let inner = builder.build().map_err(|error| format!("HTTP cannot be used here: {error}"))?;
        Ok(Client { inner, guard })
    }

    /// Sends a request, follows redirects, and reads the answer whole; `credentials` gives the headers that go to one
    /// address and to no other.
    pub(crate) async fn send(
        &self,
        sent: Sent,
        limit: Duration,
        credentials: &(dyn Fn(&Url) -> HeaderMap + Send + Sync),
    ) -> Result<Received, Fault> {
        let (shown, happened) = (sent.shown(), sent.happened());
        match tokio::time::timeout(limit, self.follow(sent, credentials)).await {
            Ok(result) => result,
            Err(_) => {
                let message = format!("{shown} took longer than {} s", limit.as_secs_f64());
                Err(Fault { happened, ..Fault::clean("timeout", message) })
            }
        }
    }

    async fn follow(
        &self,
        mut sent: Sent,
        credentials: &(dyn Fn(&Url) -> HeaderMap + Send + Sync),
    ) -> Result<Received, Fault> {
        for _ in 0..=MOST_REDIRECTS {
            self.guard.check(&sent.url).map_err(|fault| sent.later(fault))?;
            let response = self.once(&sent, credentials(&sent.url)).await?;
            match led_to(&sent, &response)? {
                Some(next) => sent = next,
                None => return read(&sent, response).await,
            }
        }
        Err(sent.later(Fault::clean("failed", format!("{} was led on more than {MOST_REDIRECTS} times", sent.shown()))))
    }

    async fn once(&self, sent: &Sent, credentials: HeaderMap) -> Result<reqwest::Response, Fault> {
        let mut headers = sent.headers.clone();
        headers.extend(credentials);
        let mut request = self.inner.request(sent.method.clone(), sent.url.clone()).headers(headers);
        if let Some(body) = &sent.body {
            request = request.body(body.clone());
        }
        request.send().await.map_err(|error| sent.later(of_transport(sent, &error)))
    }
}

fn proxy(text: &str) -> Result<(Proxy, Url), String> {
    let wrong = |why: &str| format!("the proxy {why}; write `http://host:3128` or `socks5://host:1080`");
    let url = Url::parse(text).map_err(|_| wrong("is no address"))?;
    if !matches!(url.scheme(), "http" | "https" | "socks5") {
        return Err(wrong(&format!("has the scheme `{}`", url.scheme())));
    }
    let proxy = Proxy::all(url.clone()).map_err(|_| wrong("cannot be used"))?;
    Ok((proxy, url))
}

impl Sent {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Sent { method, url, headers: HeaderMap::new(), body: None, led_on: false }
    }

    /// `GET https://host/path`: without the query, which may hold a credential.
    pub(crate) fn shown(&self) -> String {
        let url = &self.url;
        format!("`{} {}{}`", self.method, url.origin().ascii_serialization(), url.path())
    }

    fn writes(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }

    /// Whether the request can have had its effect once it is on its way.
    pub(crate) fn happened(&self) -> Happened {
        if self.writes() || self.led_on { Happened::Maybe } else { Happened::No }
    }

    /// A fault of this hop: behind a redirect of a write, the write may be done.
    fn later(&self, fault: Fault) -> Fault {
        if self.led_on { Fault { happened: Happened::Maybe, ..fault } } else { fault }
    }

    /// The next hop.
    fn next(&self, status: u16, url: Url) -> Result<Sent, Fault> {
        let refused = |why: &str| {
            let message = format!("{} leads to `{}`, {why}", self.shown(), url.origin().ascii_serialization());
            Fault { happened: self.happened(), ..Fault::clean("failed", message) }
        };
        if self.url.scheme() == "https" && url.scheme() == "http" {
            return Err(refused("from https down to http: not followed"));
        }
        let same = self.url.origin() == url.origin();
        let as_get =
            status == 303 && self.method != Method::HEAD || matches!(status, 301 | 302) && self.method == Method::POST;
        let mut next = Sent { url: url.clone(), led_on: self.led_on || self.writes(), ..self.clone() };
        if as_get {
            next.method = Method::GET;
            next.body = None;
            next.headers.remove(CONTENT_TYPE);
        } else if self.writes() && !same {
            return Err(refused("another server, with a request that writes: not followed"));
        }
        if !same {
            next.headers = kept(&self.headers);
        }
        Ok(next)
    }
}

/// Headers that may go to another server.
fn kept(headers: &HeaderMap) -> HeaderMap {
    let open = [ACCEPT, ACCEPT_LANGUAGE];
    headers.iter().filter(|(name, _)| open.contains(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn led_to(sent: &Sent, response: &reqwest::Response) -> Result<Option<Sent>, Fault> {
    let status = response.status().as_u16();
    let Some(location) = response.headers().get(LOCATION).filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308))
    else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(location.as_bytes()).into_owned();
    let wrong = || {
        let message = format!("{} leads to something that is no address", sent.shown());
        Fault { happened: sent.happened(), ..Fault::clean("bad_response", message) }
    };
    let joined = sent.url.join(text.trim()).map_err(|_| wrong())?;
    let url = read_url(joined.as_str()).map_err(|_| wrong())?;
    sent.next(status, url).map(Some)
}

async fn read(sent: &Sent, mut response: reqwest::Response) -> Result<Received, Fault> {
    let broken = |code: &str, why: String| {
        let message = format!("{}: {why}", sent.shown());
        Fault { happened: sent.happened(), ..Fault::clean(code, message) }
    };
    let too_large = || broken("bad_response", format!("the answer is larger than {} MiB", LARGEST_BODY >> 20));
    if response.content_length().is_some_and(|length| length > LARGEST_BODY as u64) && sent.method != Method::HEAD {
        return Err(too_large());
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => break,
            Ok(Some(chunk)) if body.len() + chunk.len() > LARGEST_BODY => return Err(too_large()),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(error) if cannot_be_unpacked(&error) => {
                return Err(broken("bad_response", "the answer cannot be unpacked".into()));
            }
            Err(_) => return Err(broken("unavailable", "the answer broke off in the middle".into())),
        }
    }
    let headers = std::mem::take(response.headers_mut());
    Ok(Received { status: response.status().as_u16(), headers, body })
}

/// Whether the bytes are not what `content-encoding` says; a connection that breaks looks similar.
fn cannot_be_unpacked(error: &reqwest::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput};
    let bad = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| matches!(error.kind(), InvalidData | InvalidInput))
    };
    error.is_decode() && super::fault::causes(error).any(bad)
}

impl Received {
    /// The body's value: JSON with its numbers exact, else text, null where there is none.
    pub(crate) fn value(&self, sent: &Sent) -> Result<Value, Fault> {
        let broken = |why: String| {
            let message = format!("{} answered {why}", sent.shown());
            Fault { happened: sent.happened(), ..Fault::clean("bad_response", message) }
        };
        if self.body.is_empty() {
            return Ok(Value::NULL);
        }
        let text = std::str::from_utf8(&self.body).map_err(|_| broken("with bytes that are no UTF-8 text".into()))?;
        match self.is_json() {
            true => Value::from_json(text).map_err(|error| broken(format!("with broken JSON: {error}"))),
            false if self.kind().is_empty() => Ok(Value::from_json(text).unwrap_or_else(|_| Value::text(text))),
            false => Ok(Value::text(text)),
        }
    }

    /// Its content type without parameters, in lower case.
    pub(crate) fn kind(&self) -> String {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Whether it says that it is JSON.
    pub(crate) fn is_json(&self) -> bool {
        let kind = self.kind();
        kind.ends_with("/json") || kind.ends_with("+json")
    }

    /// Whether it says that it is text.
    pub(crate) fn is_text(&self) -> bool {
        let kind = self.kind();
        kind.starts_with("text/plain") || kind.is_empty()
    }
}
