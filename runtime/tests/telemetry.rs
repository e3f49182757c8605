//! Metrics, read by Prometheus' own parser (`scripts/install-prometheus`), and traces, received by an HTTP server that decodes
//! them with OpenTelemetry's own types.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that fails may panic"
)]

use async_trait::async_trait;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_compiler::plan::Plan;
use weir_compiler::project::{ProjectSource, SourceFile};
use weir_runtime::engine::{Engine, LocalEngine, StartRequest, Toolbox};
use weir_runtime::envelope::Envelope;
use weir_runtime::journal::MemoryJournal;
use weir_runtime::metrics::{BreakerState, Metrics};
use weir_runtime::tool::{Call, Fault, Tool};
use weir_runtime::traces::{Exporter, Otlp, span_id};
use weir_stdlib::value::Value;

const FLOWS: &str = r#"
tool t.get(n: int) -> { n: int } can t.read
tool t.put(n: int) -> { id: int } can t.write
tool mail.send(to: trusted string) -> { id: string } can mail.send

coordinator main(n: int) -> int can t.read, t.write {
  xs = for i in range(1, 3) {
    got = t.get(n: i)
    yield got.n
  }
  inner = write(n)
  return len(xs) + inner
}

coordinator poor(n: int) -> int can t.read budget 2 calls {
  got = t.get(n)
  return got.n
}

coordinator write(n: int) -> int can t.write {
  made = t.put(n)
  return made.id
}

coordinator asks() -> bool {
  yes = ask "Well?" as bool
  return yes
}

coordinator starts() -> string can t.write {
  id = start write(7)
  return id
}

coordinator watched(n: int) -> int can t.write {
  counts(n)
  made = t.put(7)
  return made.id
}

monitor counts(n: int) can t.write {
  t.put(n)
}

delivery tells() can mail.send {
  key "k"
  mail.send(to: "ann@acme.test")
}
"#;

fn plan(flow: &str) -> Arc<Plan> {
    let file = SourceFile { path: "a.flow".into(), module: "".into(), text: FLOWS.into() };
    let checked = weir_compiler::check(ProjectSource { files: vec![file], ..ProjectSource::default() });
    Arc::new(checked.plan(flow).unwrap_or_else(|| panic!("{flow}: {:?}", checked.diagnostics)))
}

/// `get` of 2 is down twice; `put` of 9 fails.
#[derive(Default)]
struct Fake(Mutex<u32>);

#[async_trait]
impl Tool for Fake {
    fn describe(&self) -> Vec<ecow::EcoString> {
        ["get", "put", "send"].map(Into::into).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        let n = call.args.field("n").to_json();
        if call.tool == "get" && n == "2" && call.attempt < 3 {
            return Err(Fault::clean("unavailable", "down"));
        }
        if n == "8" {
            return Err(Fault::clean("budget", "the server's own is used up"));
        }
        if n == "9" {
            return Err(Fault::clean("not_found", "there is no 9"));
        }
        *self.0.lock().unwrap() += 1;
        Ok(Value::record([("n", Value::int(1)), ("id", Value::int(1))]))
    }
}

fn engine(journal: &Arc<MemoryJournal>) -> LocalEngine {
    let fake = Arc::new(Fake::default());
    LocalEngine::new(journal.clone(), Toolbox::new().with("t", fake.clone()).with("mail", fake))
}

async fn run(engine: &LocalEngine, flow: &str, n: Option<i64>) -> Envelope {
    let grants = ["t.read", "t.write", "mail.send"].map(Into::into).to_vec();
    let args = Value::record(n.map(|n| ("n", Value::int(n))));
    engine.start(plan(flow), StartRequest { args, grants, ..StartRequest::new("test") }).await.unwrap()
}

/// Samples by name and labels.
fn parsed(text: &str) -> Option<BTreeMap<String, f64>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = tests.join("../target/prometheus/bin/python");
    if !python.exists() {
        eprintln!("no parser of metrics: `scripts/install-prometheus` installs it");
        return None;
    }
    let mut child = Command::new(python)
        .arg(tests.join("tests/metrics/parse.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the parser refuses:\n{text}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let samples = lines.lines().map(|line| {
        let sample: Json = serde_json::from_str(line).unwrap();
        let labels: BTreeMap<String, String> = serde_json::from_value(sample["labels"].clone()).unwrap();
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (format!("{} {}", sample["name"].as_str().unwrap(), labels.join(",")), sample["value"].as_f64().unwrap())
    });
    Some(samples.collect())
}

#[tokio::test]
async fn prometheus_reads_the_metrics() {
    let journal = Arc::new(MemoryJournal::new());
    let engine = engine(&journal);
    let metrics = Metrics::new();
    let mut observed = engine.watch();
    run(&engine, "main", Some(1)).await;
    run(&engine, "main", Some(9)).await;
    run(&engine, "asks", None).await;
    run(&engine, "tells", None).await;
    run(&engine, "watched", Some(1)).await;
    run(&engine, "watched", Some(9)).await;
    while let Ok(one) = observed.try_recv() {
        metrics.see(&one);
    }
    metrics.breaker("t", BreakerState::Open);
    metrics.breaker("t", BreakerState::HalfOpen);
    let text = metrics.text(&*journal);
    let Some(samples) = parsed(&text) else { return };
    for (sample, value) in [
        ("weir_runs_started_total flow=main", 2.0),
        ("weir_runs_ended_total flow=main,status=succeeded", 1.0),
        ("weir_runs_ended_total flow=main,status=failed", 1.0),
        ("weir_runs status=waiting", 1.0),
        ("weir_runs status=running", 0.0),
        ("weir_runs status=queued", 0.0),
        ("weir_run_duration_seconds_count flow=main,status=failed", 1.0),
        // Three rounds in two runs; one of three needs three attempts.
        ("weir_steps_total flow=main,outcome=succeeded,step=got,tool=t.get", 6.0),
        ("weir_step_attempts_total flow=main,step=got,tool=t.get", 10.0),
        ("weir_step_duration_seconds_count flow=main,step=got,tool=t.get", 6.0),
        ("weir_steps_total flow=write,outcome=failed,step=made,tool=t.put", 1.0),
        ("weir_deliveries_gated_total flow=tells", 1.0),
        // A monitor's step succeeds when the monitor has, and is skipped where it was left out.
        ("weir_steps_total flow=watched,outcome=succeeded,step=counts", 1.0),
        ("weir_steps_total flow=watched,outcome=skipped,step=counts", 1.0),
        ("weir_runs_ended_total flow=watched,status=succeeded", 2.0),
        ("weir_breaker_state state=half_open,tool=t", 1.0),
        ("weir_breaker_state state=open,tool=t", 0.0),
    ] {
        assert_eq!(samples.get(sample), Some(&value), "{sample} in\n{text}");
    }
    let labels = |name: &str| samples.keys().filter(|sample| sample.contains(name)).count();
    assert_eq!(labels("got["), 0, "a round is no label of its own");
}

#[tokio::test]
async fn an_attempt_that_a_budget_or_a_grant_refuses_is_none() {
    let engine = engine(&Arc::new(MemoryJournal::new()));
    let metrics = Metrics::new();
    let mut observed = engine.watch();
    let mut attempts = Vec::new();
    // Down twice, with the third attempt refused; a tool with a budget of its own; no grant.
    for (n, grants) in [(2, &["t.read"][..]), (8, &["t.read"]), (1, &[])] {
        let grants = grants.iter().copied().map(Into::into).collect();
        let args = Value::record([("n", Value::int(n))]);
        let request = StartRequest { args, grants, ..StartRequest::new("test") };
        assert_eq!(engine.start(plan("poor"), request).await.unwrap().metadata.status.word(), "failed");
        while let Ok(one) = observed.try_recv() {
            assert!(!one.to_json().contains("\"calls\":"), "{}", one.to_json());
            metrics.see(&one);
        }
        let text = metrics.text(&MemoryJournal::new());
        let counted = text.lines().find(|line| line.starts_with("weir_step_attempts_total{flow=\"poor\""));
        attempts.push(counted.unwrap().rsplit(' ').next().unwrap().to_owned());
    }
    assert_eq!(attempts, ["2", "3", "3"]);
}

/// What a collector has been sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<(Vec<ExportTraceServiceRequest>, Vec<String>)>>);

impl Collector {
    /// Answers with these statuses, then with 200.
    async fn listen(&self, statuses: Vec<u16>) -> String {
        let (collector, statuses) = (self.clone(), Arc::new(Mutex::new(statuses)));
        let take = |State((collector, statuses)): State<(Collector, Arc<Mutex<Vec<u16>>>)>,
                    headers: HeaderMap,
                    body: axum::body::Bytes| async move {
            let mut statuses = statuses.lock().unwrap();
            if !statuses.is_empty() {
                return StatusCode::from_u16(statuses.remove(0)).unwrap();
            }
            let request = ExportTraceServiceRequest::decode(body).unwrap();
            let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            let mut got = collector.0.lock().unwrap();
            got.0.push(request);
            got.1.extend(header("authorization"));
            assert_eq!(header("content-type").as_deref(), Some("application/x-protobuf"));
            StatusCode::OK
        };
        let app = axum::Router::new().route("/v1/traces", axum::routing::post(take)).with_state((collector, statuses));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }

    fn spans(&self) -> Vec<Span> {
        let got = self.0.lock().unwrap();
        let scopes = got.0.iter().flat_map(|request| &request.resource_spans).flat_map(|one| &one.scope_spans);
        scopes.flat_map(|one| one.spans.clone()).collect()
    }
}

fn otlp(endpoint: &str) -> Otlp {
    let variable = |name: &str| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.to_owned()),
        "OTEL_EXPORTER_OTLP_HEADERS" => Some("authorization=Bearer%20abc".to_owned()),
        _ => None,
    };
    Otlp::from_env(variable).unwrap().unwrap()
}

#[tokio::test]
async fn runs_steps_and_attempts_are_spans() {
    let collector = Collector::default();
    let address = collector.listen(vec![503]).await;
    let journal = Arc::new(MemoryJournal::new());
    let engine = engine(&journal);
    let exporter = Exporter::start(otlp(&address), engine.watch()).unwrap();
    let envelope = run(&engine, "main", Some(9)).await;
    let id = envelope.metadata.run_id.as_str();
    assert_eq!(exporter.end(Duration::from_secs(30)).await, 0, "all were sent");
    let spans = collector.spans();
    assert_eq!(collector.0.lock().unwrap().1[0], "Bearer abc");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert!(spans.iter().all(|span| hex(&span.trace_id) == envelope.metadata.trace_id.as_str()));
    let find = |step: &str, attempt: u32| {
        let wanted = span_id(id, step, attempt);
        spans.iter().find(|span| span.span_id == wanted).unwrap_or_else(|| panic!("no span of {step}@{attempt}"))
    };
    let of = |span: &Span| span.status.as_ref().unwrap().code;
    let whole = find("", 0);
    assert_eq!((whole.name.as_str(), whole.parent_span_id.len(), of(whole)), ("main", 0, 2));
    assert!(whole.status.as_ref().unwrap().message.contains("there is no 9"));
    // The second round needs three attempts, one after the other.
    let step = find("xs[1]/got", 0);
    assert_eq!((step.parent_span_id.as_slice(), of(step)), (whole.span_id.as_slice(), 1));
    let attempts: Vec<&Span> = (1..=3).map(|attempt| find("xs[1]/got", attempt)).collect();
    assert_eq!(attempts.iter().map(|span| of(span)).collect::<Vec<_>>(), [2, 2, 1]);
    assert!(attempts.iter().all(|span| span.parent_span_id == step.span_id && span.name == "t.get"));
    assert!(attempts.windows(2).all(|two| two[0].end_time_unix_nano <= two[1].start_time_unix_nano));
    assert!(attempts[2].end_time_unix_nano <= whole.end_time_unix_nano);
    // A step of a called flow hangs below the step that calls it.
    let called = find("inner", 0);
    assert_eq!(called.parent_span_id, whole.span_id);
    let inside = find("inner/made", 0);
    assert_eq!((inside.parent_span_id.as_slice(), of(inside)), (called.span_id.as_slice(), 2));
    assert_eq!(find("inner/made", 1).parent_span_id, inside.span_id);
    let ids: std::collections::BTreeSet<_> = spans.iter().map(|span| span.span_id.clone()).collect();
    assert_eq!(ids.len(), spans.len(), "each span once");
}

#[tokio::test]
async fn a_monitor_that_was_left_out_has_its_span() {
    let collector = Collector::default();
    let address = collector.listen(Vec::new()).await;
    let engine = engine(&Arc::new(MemoryJournal::new()));
    let exporter = Exporter::start(otlp(&address), engine.watch()).unwrap();
    let envelope = run(&engine, "watched", Some(9)).await;
    assert_eq!(exporter.end(Duration::from_secs(30)).await, 0, "all were sent");
    let spans = collector.spans();
    let id = envelope.metadata.run_id.as_str();
    let find = |step: &str| spans.iter().find(|span| span.span_id == span_id(id, step, 0)).unwrap();
    let (whole, called, inside) = (find(""), find("counts"), find("counts/t.put"));
    assert_eq!((whole.status.as_ref().unwrap().code, called.status.as_ref().unwrap().code), (1, 2));
    assert_eq!((&called.parent_span_id, &inside.parent_span_id), (&whole.span_id, &called.span_id));
}

#[tokio::test]
async fn a_run_that_another_one_started_is_linked_to_it() {
    let collector = Collector::default();
    let address = collector.listen(Vec::new()).await;
    let journal = Arc::new(MemoryJournal::new());
    let engine = engine(&journal);
    let exporter = Exporter::start(otlp(&address), engine.watch()).unwrap();
    let envelope = run(&engine, "starts", None).await;
    let (parent, child) = (envelope.metadata.run_id.as_str(), envelope.records[0].value.as_str().unwrap());
    assert_eq!(exporter.end(Duration::from_secs(30)).await, 0);
    let spans = collector.spans();
    let find = |run: &str, step: &str| {
        let wanted = span_id(run, step, 0);
        spans.iter().find(|span| span.span_id == wanted).unwrap_or_else(|| panic!("no span of {step} of {run}"))
    };
    let (from, whole) = (find(parent, ""), find(child, ""));
    assert_eq!(whole.links.len(), 1);
    assert_eq!((&whole.links[0].trace_id, &whole.links[0].span_id), (&from.trace_id, &from.span_id));
    assert_ne!(whole.trace_id, from.trace_id);
    // Nothing else is: steps hang below their own run.
    assert_eq!(spans.iter().filter(|span| !span.links.is_empty()).count(), 1);
    let history = engine.history(child).await.unwrap();
    assert!(history.events.iter().all(|one| one.parent.is_some() == one.step.is_empty()));
}

#[tokio::test]
async fn a_collector_that_is_down_or_silent_costs_spans_and_nothing_else() {
    // Nobody listens; somebody listens and never answers; somebody refuses.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refusing = Collector::default().listen(vec![400; 100]).await;
    for address in ["http://127.0.0.1:9".to_owned(), format!("http://{}", silent.local_addr().unwrap()), refusing] {
        let journal = Arc::new(MemoryJournal::new());
        let engine = engine(&journal);
        let exporter = Exporter::start(otlp(&address), engine.watch()).unwrap();
        let envelope = run(&engine, "main", Some(1)).await;
        assert_eq!(envelope.exit_code(), 0);
        let lost = exporter.end(Duration::from_millis(1_500)).await;
        // Of what was handed over nothing arrived.
        assert!(lost > 0, "{address}");
    }
}

#[test]
fn the_environment_says_where_to() {
    let with = |pairs: &[(&str, &str)]| {
        Otlp::from_env(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    };
    assert!(with(&[]).unwrap().is_none());
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
    assert!(with(&[endpoint]).unwrap().is_some());
    assert!(with(&[endpoint, ("OTEL_SDK_DISABLED", "true")]).unwrap().is_none());
    for (pair, word) in [
        (("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost"), "is no `http://`"),
        (("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), "not as `grpc`"),
        (("OTEL_EXPORTER_OTLP_HEADERS", "no"), "name=value"),
    ] {
        let error = with(&[pair, endpoint]).unwrap_err();
        assert!(error.contains(word), "{error}");
    }
}
