//! Exporting spans over OTLP (protobuf over HTTP), as the environment says. A collector that is slow or down costs spans,
//! which are counted, and nothing else: what is observed is always taken at once, and nobody waits for an answer.

use super::{Span, Spans};
use crate::observe::Observed;
use ecow::EcoString;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Status, span, status};
use prost::Message;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Spans that wait to be sent; more are dropped.
const WAITING: usize = 8_192;
/// Spans sent in one request.
const TOGETHER: usize = 512;
/// How long the first span of a request waits for others.
const GATHER: Duration = Duration::from_millis(500);
/// Longest time of one request.
const PATIENCE: Duration = Duration::from_secs(5);
/// Attempts to send a request.
const ATTEMPTS: u32 = 3;

/// Where spans go.
#[derive(Clone, Debug)]
pub struct Otlp {
    endpoint: url::Url,
    headers: HeaderMap,
    service: String,
}

impl Otlp {
    /// What the environment says, by OpenTelemetry's names: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_SDK_DISABLED`. None: nothing
    /// is exported.
    ///
    /// # Errors
    /// In words, where a variable cannot be read.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Otlp>, String> {
        let given = |name: &str| variable(name).filter(|text| !text.trim().is_empty());
        if given("OTEL_SDK_DISABLED").is_some_and(|text| text.trim().eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let own = given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let base = given("OTEL_EXPORTER_OTLP_ENDPOINT");
        let Some(text) = own.clone().or_else(|| base.map(|base| format!("{}/v1/traces", base.trim_end_matches('/'))))
        else {
            return Ok(None);
        };
        let endpoint = url::Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let name = if own.is_some() { "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" } else { "OTEL_EXPORTER_OTLP_ENDPOINT" };
        let endpoint = endpoint
            .ok_or_else(|| format!("`{name}` is no `http://` or `https://` address: no traces are exported"))?;
        let protocol = given("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL").or_else(|| given("OTEL_EXPORTER_OTLP_PROTOCOL"));
        if let Some(protocol) = protocol.filter(|protocol| protocol != "http/protobuf") {
            return Err(format!(
                "traces are exported as `http/protobuf`, not as `{protocol}`: change `OTEL_EXPORTER_OTLP_PROTOCOL`"
            ));
        }
        let headers = given("OTEL_EXPORTER_OTLP_TRACES_HEADERS").or_else(|| given("OTEL_EXPORTER_OTLP_HEADERS"));
        let headers = headers.map(|text| headers_of(&text)).transpose()?.unwrap_or_default();
        let service = given("OTEL_SERVICE_NAME").unwrap_or_else(|| "weir".to_owned());
        Ok(Some(Otlp { endpoint, headers, service }))
    }

    fn request(&self, spans: Vec<Span>) -> Vec<u8> {
        let resource = Resource { attributes: vec![attribute("service.name", &self.service)], ..Resource::default() };
        let scope = InstrumentationScope {
            name: "weir".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let spans = spans.into_iter().map(message).collect();
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }
}

/// `key=value,key=value`, values with `%20` and its like.
fn headers_of(text: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
        let read = || {
            let (name, value) = pair.split_once('=')?;
            let query = format!("v={}", value.trim().replace('+', "%2B"));
            let (_, value) = url::form_urlencoded::parse(query.as_bytes()).next()?;
            let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(&value).ok()?))
        };
        let (name, value) = read().ok_or("`OTEL_EXPORTER_OTLP_HEADERS` is not of the form `name=value,name=value`")?;
        headers.insert(name, value);
    }
    Ok(headers)
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

/// A span of another trace.
fn link((trace, id): &(EcoString, [u8; 8])) -> span::Link {
    span::Link { trace_id: bytes_of(trace), span_id: id.to_vec(), ..span::Link::default() }
}

fn message(span: Span) -> opentelemetry_proto::tonic::trace::v1::Span {
    let code = if span.error.is_some() { status::StatusCode::Error } else { status::StatusCode::Ok };
    let kind = if span.calls { span::SpanKind::Client } else { span::SpanKind::Internal };
    opentelemetry_proto::tonic::trace::v1::Span {
        trace_id: bytes_of(&span.trace_id),
        span_id: span.id.to_vec(),
        parent_span_id: span.parent.map(Vec::from).unwrap_or_default(),
        links: span.link.iter().map(link).collect(),
        name: span.name,
        kind: kind.into(),
        start_time_unix_nano: span.start,
        end_time_unix_nano: span.end,
        attributes: span.attributes.iter().map(|(key, value)| attribute(key, value)).collect(),
        status: Some(Status { message: span.error.unwrap_or_default(), code: code.into() }),
        ..Default::default()
    }
}

/// The bytes of hexadecimal digits.
fn bytes_of(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2).map(|at| digits.get(at..at + 2));
    pairs.filter_map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

/// Exports what an engine's runs do, as long as it lives.
#[derive(Debug)]
pub struct Exporter {
    stop: oneshot::Sender<()>,
    work: JoinHandle<()>,
    dropped: Arc<AtomicU64>,
}

impl Exporter {
    /// Begins, with what [`crate::engine::Engine::watch`] gives. Needs a tokio runtime.
    ///
    /// # Errors
    /// In words, where no HTTP client can be made.
    pub fn start(otlp: Otlp, mut observed: UnboundedReceiver<Observed>) -> Result<Exporter, String> {
        // Whoever came first has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(PATIENCE).build();
        let client = client.map_err(|error| format!("no traces are exported: {error}"))?;
        let (spans, waiting) = channel(WAITING);
        let (stop, mut stopped) = oneshot::channel();
        let dropped = Arc::new(AtomicU64::new(0));
        let sending = tokio::spawn(send(otlp, client, waiting, Arc::clone(&dropped)));
        let lost = Arc::clone(&dropped);
        let work = tokio::spawn(async move {
            let mut fold = Spans::default();
            let mut take = |one: &Observed| {
                for span in fold.see(one) {
                    if spans.try_send(span).is_err() {
                        lost.fetch_add(1, Ordering::Relaxed);
                    }
                }
            };
            loop {
                tokio::select! {
                    biased;
                    one = observed.recv() => match one {
                        Some(one) => take(&one),
                        None => break,
                    },
                    _ = &mut stopped => break,
                }
            }
            drop(spans);
            let _ = sending.await;
        });
        Ok(Exporter { stop, work, dropped })
    }

    /// Spans that could not be exported so far.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Sends what is left, for no longer than this; gives the number of spans that were lost.
    pub async fn end(self, within: Duration) -> u64 {
        let _ = self.stop.send(());
        let abort = self.work.abort_handle();
        if tokio::time::timeout(within, self.work).await.is_err() {
            abort.abort();
        }
        self.dropped.load(Ordering::Relaxed)
    }
}

async fn send(otlp: Otlp, client: reqwest::Client, mut waiting: Receiver<Span>, dropped: Arc<AtomicU64>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, TOGETHER).await > 0 {
        let until = tokio::time::Instant::now() + GATHER;
        while batch.len() < TOGETHER {
            let room = TOGETHER - batch.len();
            match tokio::time::timeout_at(until, waiting.recv_many(&mut batch, room)).await {
                Ok(taken) if taken > 0 => {}
                _ => break,
            }
        }
        let count = batch.len() as u64;
        // Counted as lost until the collector has them: whoever stops waiting does not lose count.
        dropped.fetch_add(count, Ordering::Relaxed);
        if post(&otlp, &client, otlp.request(std::mem::take(&mut batch))).await {
            dropped.fetch_sub(count, Ordering::Relaxed);
        }
    }
}

/// Whether the collector has taken it. What it refuses for good is not sent again.
async fn post(otlp: &Otlp, client: &reqwest::Client, body: Vec<u8>) -> bool {
    for attempt in 0..ATTEMPTS {
        let request = client.post(otlp.endpoint.clone()).headers(otlp.headers.clone());
        let sent = request.header(CONTENT_TYPE, "application/x-protobuf").body(body.clone()).send().await;
        match sent.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => return true,
            Ok(status) if !matches!(status.as_u16(), 429 | 502..=504) => return false,
            _ => tokio::time::sleep(Duration::from_millis(100 << attempt)).await,
        }
    }
    false
}
