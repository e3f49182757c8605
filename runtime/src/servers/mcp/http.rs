//! MCP over streamable HTTP: the SDK's transport with a client that keeps credentials to one origin (T21).

use super::fate::Fate;
use super::ledger::Guarded;
use super::lines::MESSAGE;
use crate::tool::{Fault, Happened};
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use rmcp::service::ClientInitializeError;
use rmcp::transport::streamable_http_client::{
    StreamableHttpClientTransport, StreamableHttpClientTransportConfig, StreamableHttpError,
};
use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(10);
/// Most redirects within one origin.
const REDIRECTS: usize = 5;
/// Calls under way at once.
const AT_ONCE: usize = 64;
/// Longest patience that a server is believed to ask for, in seconds.
const PATIENCE: u64 = 3600;

/// Where a server is, and what it is told of us.
#[derive(Clone)]
pub(super) struct Address {
    pub url: Url,
    pub headers: HashMap<HeaderName, HeaderValue>,
    pub bearer: Option<String>,
    pub proxy: Option<String>,
}

type Http = Guarded<StreamableHttpClientTransport<reqwest::Client>>;

/// A connection's transport; nothing is sent yet.
pub(super) fn transport(address: &Address, fate: &Arc<Fate>) -> Result<Http, Fault> {
    // Whoever came first has installed the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut client = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(CONNECT)
        // The SDK found stalls of 40 ms on connections that it used again.
        .pool_max_idle_per_host(0)
        .redirect(same_origin());
    if let Some(proxy) = &address.proxy {
        client = client.proxy(reqwest::Proxy::all(proxy).map_err(|error| unusable(&error))?);
    }
    let client = client.build().map_err(|error| unusable(&error))?;
    let mut config = StreamableHttpClientTransportConfig::with_uri(address.url.as_str())
        .custom_headers(address.headers.clone())
        .max_concurrent_requests(AT_ONCE)
        .max_sse_event_size(MESSAGE);
    if let Some(bearer) = &address.bearer {
        config = config.auth_header(bearer.clone());
    }
    Ok(Guarded::new(StreamableHttpClientTransport::with_client(client, config), Arc::clone(fate)))
}

fn unusable(error: &reqwest::Error) -> Fault {
    Fault::clean("failed", format!("no HTTP client can be made of this section: {error}"))
}

/// Only redirects that keep the message and stay with the server that the credentials are for.
fn same_origin() -> Policy {
    Policy::custom(|attempt| {
        let first = attempt.previous().first().map(Url::origin);
        if first != Some(attempt.url().origin()) {
            let to = attempt.url().origin().ascii_serialization();
            return attempt
                .error(format!("it redirects to {to}, which is not followed; name that address in weir.toml"));
        }
        let keeps = matches!(attempt.status().as_u16(), 307 | 308);
        if keeps && attempt.previous().len() <= REDIRECTS { attempt.follow() } else { attempt.stop() }
    })
}

type Failed = StreamableHttpError<reqwest::Error>;

/// Why a session could not begin, where HTTP says so.
pub(super) fn refused(name: &str, error: &ClientInitializeError) -> Option<Fault> {
    match error {
        ClientInitializeError::TransportError { error, .. } => fault(name, error.error.as_ref()),
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => refused(name, fallback),
        _ => None,
    }
}

/// Whether another protocol cannot do better: what HTTP says of who we are or how busy it is.
pub(super) fn is_final(error: &ClientInitializeError) -> bool {
    refused("", error).is_some_and(|fault| matches!(fault.code.as_str(), "permission" | "rate_limited" | "timeout"))
}

/// The fault for an HTTP failure; None where it is none.
pub(super) fn fault(name: &str, error: &(dyn Error + Send + Sync + 'static)) -> Option<Fault> {
    let failed = error.downcast_ref::<Failed>()?;
    let about = |what: String| format!("the server `{name}` {what}");
    Some(match failed {
        Failed::AuthRequired(_) => Fault::clean("permission", about(login(401))),
        Failed::InsufficientScope(_) => Fault::clean("permission", about(login(403))),
        Failed::HttpStatus(status) => of_status(status.status, status.retry_after.as_deref(), &about),
        Failed::Client(error) => match error.status() {
            Some(status) => of_status(status.as_u16(), None, &about),
            None => Fault {
                happened: if error.is_connect() || error.is_builder() { Happened::No } else { Happened::Maybe },
                ..Fault::clean("unavailable", about(format!("cannot be reached: {}", innermost(error))))
            },
        },
        Failed::UnexpectedServerResponse(text) if status_in(text).is_some() => {
            of_status(status_in(text).unwrap_or_default(), None, &about)
        }
        Failed::ResponseBodyTooLarge { .. } | Failed::Sse(_) => {
            Fault::open("bad_response", about(format!("answered more or other than MCP allows: {failed}")))
        }
        Failed::UnexpectedContentType(kind) => {
            let kind = kind.as_deref().unwrap_or("no content type");
            Fault::open("bad_response", about(format!("does not speak MCP at this address: it answers with {kind}")))
        }
        Failed::Deserialize(_) | Failed::UnexpectedServerResponse(_) => {
            Fault::open("bad_response", about(format!("answers with what is not MCP: {failed}")))
        }
        Failed::ReservedHeaderConflict(header) => {
            Fault::clean("invalid_input", about(format!("cannot be given the header `{header}`; MCP sets it itself")))
        }
        _ => Fault::open("unavailable", about(format!("lost the connection: {failed}"))),
    })
}

/// The SDK tells some statuses as text only: `HTTP 403 Forbidden: …`.
fn status_in(text: &str) -> Option<u16> {
    text.split_once("HTTP ")?.1.get(..3)?.parse().ok()
}

fn login(status: u16) -> String {
    format!("refuses us (HTTP {status}); check `auth` and `headers` of its section in weir.toml")
}

fn of_status(status: u16, retry_after: Option<&str>, about: &dyn Fn(String) -> String) -> Fault {
    let said = |what: &str| about(format!("{what} (HTTP {status})"));
    let mut fault = match status {
        401 | 403 => Fault::clean("permission", about(login(status))),
        404 | 405 | 410 => Fault::clean("not_found", said("has nothing at this address")),
        408 => Fault::open("timeout", said("took too long")),
        413 => Fault::clean("invalid_input", said("finds the message too large")),
        429 => Fault::clean("rate_limited", said("asks us to slow down")),
        400..=499 => Fault::clean("failed", said("refuses the message")),
        503 => Fault::clean("unavailable", said("is not ready")),
        _ => Fault::open("unavailable", said("broke down")),
    };
    let seconds = retry_after.and_then(|text| text.trim().parse::<u64>().ok());
    fault.retry_after_ms = seconds.map(|seconds| seconds.min(PATIENCE) * 1000);
    fault
}

/// The last reason in the chain: the first ones only say that sending failed. Never an address, which may hold secrets.
fn innermost(error: &reqwest::Error) -> String {
    let mut inner: &dyn Error = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}
