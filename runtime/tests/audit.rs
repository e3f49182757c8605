//! The audit: what a run leaves in it, that it cannot be changed without a trace, and that nothing is done that it cannot
//! tell.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails may panic")]

use async_trait::async_trait;
use rusqlite::Connection;
use serde_json::Value as Json;
use std::path::Path;
use std::sync::{Arc, Mutex};
use weir_compiler::plan::Plan;
use weir_compiler::project::{ProjectSource, SourceFile};
use weir_runtime::audit::{BreakKind, Chain, Verified};
use weir_runtime::engine::{Engine, EngineError, LocalEngine, Signal, StartRequest, Toolbox};
use weir_runtime::envelope::Envelope;
use weir_runtime::journal::{EphemeralJournal, Journal, MemoryJournal, SqliteJournal};
use weir_runtime::machine::{Decision, Status};
use weir_runtime::tool::{Call, Fault, Tool};
use weir_stdlib::value::Value;

const FLOWS: &str = r#"
tool t.get(n: int) -> { n: int } can t.read
tool t.put(n: int, pin?: secret string) -> { n: int } can t.write
tool t.keyed(n: int, id?: string) -> { n: int } can t.write accepts key id
tool mail.send(to: trusted string) -> { id: string } can mail.send

coordinator main() -> int can t.read, t.write {
  a = t.get(n: 1)
  b = t.put(n: 2, pin: "1234")
  return a.n + b.n
}
coordinator fails() can t.write {
  t.put(n: 7)
}
coordinator denied() can t.write {
  t.put(n: 8)
}
coordinator doubtful() can t.write {
  t.put(n: 9)
}
coordinator keyed(n: int) can t.write {
  t.keyed(n) key "k"
}
coordinator poor(ns: [int]) can t.read budget 1 calls {
  for n in ns {
    x = t.get(n)
    yield x.n
  }
}
coordinator asks() -> bool {
  yes = ask "Pay?" as bool
  got = receive "go" as { n: int }
  return yes and got.n > 0
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

/// Fails for some numbers, remembers what it was called with.
#[derive(Default)]
struct Fake(Mutex<Vec<String>>);

#[async_trait]
impl Tool for Fake {
    fn describe(&self) -> Vec<ecow::EcoString> {
        ["get", "put", "keyed", "send"].map(Into::into).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        self.0.lock().unwrap().push(call.tool.to_string());
        match call.args.field("n").to_json().as_str() {
            "7" => Err(Fault::clean("not_found", "there is no 7")),
            "8" => Err(Fault::clean("permission", "8 is not yours")),
            "9" => Err(Fault::open("failed", "it broke off")),
            _ => Ok(Value::record([("n", Value::int(1)), ("id", Value::text("m1"))])),
        }
    }
}

fn engine(journal: Arc<dyn Journal>) -> (LocalEngine, Arc<Fake>) {
    let fake = Arc::new(Fake::default());
    let tools = Toolbox::new().with("t", fake.clone()).with("mail", fake.clone());
    (LocalEngine::new(journal, tools), fake)
}

fn request() -> StartRequest {
    let grants = ["t.read", "t.write", "mail.send"].map(Into::into).to_vec();
    StartRequest { grants, ..StartRequest::new("test") }
}

async fn run(engine: &LocalEngine, flow: &str) -> Envelope {
    let ns = Value::list([Value::int(1), Value::int(2)]);
    let args = if flow == "poor" { Value::record([("ns", ns)]) } else { Value::record::<&str>([]) };
    engine.start(plan(flow), StartRequest { args, ..request() }).await.unwrap()
}

fn records(journal: &dyn Journal) -> Vec<Json> {
    let page = journal.audited(0, 10_000).unwrap();
    page.links.iter().map(|link| serde_json::from_str(&link.text).unwrap()).collect()
}

fn told(journal: &dyn Journal) -> Vec<String> {
    let text = |record: &Json, field: &str| record[field].as_str().unwrap_or_default().to_owned();
    let line = |record: &Json| format!("{} {} {}", text(record, "what"), text(record, "tool"), text(record, "code"));
    records(journal).iter().map(|record| line(record).trim_end().to_owned()).collect()
}

fn verified(journal: &dyn Journal) -> Verified {
    let page = journal.audited(0, 10_000).unwrap();
    let mut chain = Chain::default();
    page.links.iter().for_each(|link| chain.follow(link));
    chain.end(page.head)
}

#[tokio::test]
async fn calls_are_told_before_they_are_made_and_secrets_are_not() {
    let journal = Arc::new(MemoryJournal::new());
    let (engine, _) = engine(journal.clone());
    run(&engine.by("ann"), "main").await;
    let expected = ["run.started", "call.attempted t.get", "call.attempted t.put", "call.succeeded t.put"];
    assert_eq!(told(&*journal), expected);
    let records = records(&*journal);
    assert_eq!(records[0]["by"], "ann");
    assert_eq!(records[0]["grants"][0], "t.read");
    assert_eq!(records[2]["value"], serde_json::json!({ "n": 2, "pin": "•••" }));
    assert_eq!(records[2]["hash"].as_str().unwrap().len(), 64);
    assert_eq!(records[2]["step"], "b");
    assert_eq!(verified(&*journal).breaks, []);
}

#[tokio::test]
async fn what_failed_is_unknown_or_was_refused_is_told_as_that() {
    for (flow, last) in [
        ("fails", "call.failed t.put not_found"),
        ("denied", "call.refused t.put permission"),
        ("doubtful", "call.unknown t.put failed"),
        ("poor", "call.refused t.get budget"),
        ("tells", "call.refused mail.send disabled"),
    ] {
        let journal = Arc::new(MemoryJournal::new());
        let (engine, fake) = engine(journal.clone());
        run(&engine, flow).await;
        assert_eq!(told(&*journal).last().unwrap(), last);
        let attempted = told(&*journal).iter().filter(|line| line.starts_with("call.attempted")).count();
        assert_eq!(fake.0.lock().unwrap().len(), attempted, "{flow}: what is called was attempted");
    }
}

#[tokio::test]
async fn a_run_without_its_grants_is_told_as_refused() {
    let journal = Arc::new(MemoryJournal::new());
    let (engine, fake) = engine(journal.clone());
    engine.start(plan("main"), StartRequest::new("test")).await.unwrap();
    assert_eq!(told(&*journal), ["run.started", "run.refused  permission"]);
    assert!(fake.0.lock().unwrap().is_empty());
    let bare = LocalEngine::new(journal.clone(), Toolbox::new());
    assert!(matches!(bare.start(plan("main"), request()).await, Err(EngineError::Refused(_))));
    assert_eq!(told(&*journal).last().unwrap(), "run.refused");
}

#[tokio::test]
async fn a_recorded_key_is_told_as_replayed_and_another_use_of_it_as_refused() {
    let journal = Arc::new(MemoryJournal::new());
    let (engine, fake) = engine(journal.clone());
    for n in [1, 1, 2] {
        let args = Value::record([("n", Value::int(n))]);
        engine.start(plan("keyed"), StartRequest { args, ..request() }).await.unwrap();
    }
    assert_eq!(fake.0.lock().unwrap().len(), 1);
    let expected = [
        "run.started",
        "call.attempted t.keyed",
        "call.succeeded t.keyed",
        "run.started",
        "call.replayed t.keyed",
        "run.started",
        "call.refused t.keyed conflict",
    ];
    assert_eq!(told(&*journal), expected);
}

#[tokio::test]
async fn decisions_are_told_with_who_made_them() {
    let journal = Arc::new(MemoryJournal::new());
    let (engine, _) = engine(journal.clone());
    let id = run(&engine, "asks").await.metadata.run_id;
    let ann = engine.by("ann");
    ann.pause(&id).await.unwrap();
    assert_eq!(ann.resume(&id).await.unwrap().metadata.status, Status::Waiting);
    ann.answer(&id, "yes", Value::bool(true)).await.unwrap();
    engine.carry_on(&id).await.unwrap();
    let signal = Signal { id: None, event: "go".into(), key: None, value: Value::record([("n", Value::int(1))]) };
    engine.by("bob").signal(&id, signal).await.unwrap();
    let id = run(&engine, "doubtful").await.metadata.run_id;
    engine.by("bob").decide(&id, "t.put", Decision::GiveUp).await.unwrap();
    let id = run(&engine, "asks").await.metadata.run_id;
    ann.cancel(&id, "not today").await.unwrap();
    let decided: Vec<(String, String, String)> = records(&*journal)
        .iter()
        .filter(|record| record["by"].is_string())
        .map(|record| {
            let text = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
            (text("what"), text("by"), text("reason"))
        })
        .collect();
    let expected = [
        ("run.paused", "ann", ""),
        ("run.resumed", "ann", ""),
        ("question.answered", "ann", "Pay?"),
        ("event.received", "bob", "go"),
        ("step.decided", "bob", "give up"),
        ("run.cancelled", "ann", "not today"),
    ];
    let expected = expected.map(|(what, by, why)| (what.to_owned(), by.to_owned(), why.to_owned()));
    assert_eq!(decided, expected);
    assert_eq!(verified(&*journal).breaks, []);
}

fn file(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join(".weir/weir.db")
}

fn sql(file: &Path, text: &str) {
    Connection::open(file).unwrap().execute_batch(text).unwrap();
}

#[tokio::test]
async fn a_record_that_cannot_be_written_stops_the_run_before_its_call() {
    for (what, puts) in [("run.started", 0), ("call.attempted", 0), ("call.succeeded", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let journal = Arc::new(SqliteJournal::open(file(&folder)).unwrap());
        sql(
            &file(&folder),
            &format!(
                "CREATE TRIGGER full BEFORE INSERT ON log WHEN NEW.records LIKE '%{what}%' \
                 BEGIN SELECT RAISE(ABORT, 'the audit cannot be written'); END;"
            ),
        );
        let (engine, fake) = engine(journal.clone());
        let ended = engine.start(plan("main"), request()).await;
        let Err(EngineError::Journal { source, .. }) = ended else { panic!("{what}: {ended:?}") };
        assert!(source.why.contains("the audit cannot be written"), "{source}");
        // Only what changes something has to wait for its record.
        let put = fake.0.lock().unwrap().iter().filter(|tool| *tool == "put").count();
        assert_eq!(put, puts, "{what}");
        sql(&file(&folder), "DROP TRIGGER full");
        assert_eq!(verified(&*journal).breaks, []);
        if what == "call.succeeded" {
            // What was done and could not be told is asked about.
            let runs = journal.list(&weir_runtime::journal::Filter::default()).unwrap();
            let resumed = engine.resume(&runs[0].run_id).await.unwrap();
            assert_eq!(resumed.metadata.status, Status::NeedsAttention);
            assert_eq!(told(&*journal).last().unwrap(), "call.unknown t.put unknown");
        }
    }
}

#[tokio::test]
async fn what_is_changed_in_the_file_is_found() {
    let cases = [
        ("UPDATE log SET records = replace(records, '\"n\":3', '\"n\":9')", 3, BreakKind::Altered),
        ("UPDATE log SET records = replace(records, '\"n\":2', '\"n\":9')", 3, BreakKind::Altered),
        ("UPDATE log SET records = replace(records, char(10), '') WHERE record = 2", 2, BreakKind::Altered),
        ("DELETE FROM log WHERE record = 2", 2, BreakKind::Missing),
        ("UPDATE log SET record = NULL, records = NULL WHERE record = 2", 2, BreakKind::Missing),
        ("DELETE FROM log WHERE record > 2", 4, BreakKind::Truncated),
        (
            "UPDATE log SET number = -1 WHERE record = 2; UPDATE log SET number = 2 WHERE record = 4; \
             UPDATE log SET number = 3 WHERE number = -1",
            2,
            BreakKind::Missing,
        ),
        (
            "UPDATE log SET record = -1 WHERE record = 2; UPDATE log SET record = 2 WHERE record = 4; \
             UPDATE log SET record = 3 WHERE record = -1",
            2,
            BreakKind::Missing,
        ),
        ("UPDATE log SET hash = x'00' WHERE record = 2", 3, BreakKind::Altered),
        ("DELETE FROM log", 1, BreakKind::Truncated),
    ];
    for (change, number, kind) in cases {
        let folder = tempfile::tempdir().unwrap();
        let journal = Arc::new(SqliteJournal::open(file(&folder)).unwrap());
        let (engine, _) = engine(journal.clone());
        // Three rows: what is written together stands together.
        for together in [1..2, 2..4, 4..5] {
            journal.audit(together.map(|n| format!("{{\"n\":{n}}}")).collect()).await.unwrap();
        }
        assert_eq!(verified(&*journal).records, 4);
        assert_eq!(verified(&*journal).breaks, []);
        sql(&file(&folder), change);
        let first = verified(&*journal).breaks.into_iter().next().unwrap_or_else(|| panic!("{change} is not found"));
        assert_eq!((first.number, first.kind), (number, kind), "{change}: {}", first.message);
        // Later records go behind the gap: they do not hide it.
        run(&engine, "main").await;
        assert!(verified(&*journal).breaks.iter().any(|one| one.number == number), "{change}");
    }
}

#[tokio::test]
async fn two_processes_write_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let journals: Vec<_> = (0..2).map(|_| Arc::new(SqliteJournal::open(file(&folder)).unwrap())).collect();
    let mut runs = Vec::new();
    for journal in &journals {
        for _ in 0..10 {
            let (engine, _) = engine(journal.clone());
            runs.push(tokio::spawn(async move { run(&engine, "main").await.metadata.status }));
        }
    }
    for run in runs {
        assert_eq!(run.await.unwrap(), Status::Succeeded);
    }
    let found = verified(&*journals[0]);
    assert_eq!((found.records, found.breaks), (80, vec![]));
}

#[tokio::test]
async fn a_run_that_is_not_kept_is_audited_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let keys = SqliteJournal::open(file(&folder)).unwrap();
    let journal = Arc::new(EphemeralJournal { runs: MemoryJournal::new(), keys });
    let (engine, _) = engine(journal.clone());
    run(&engine, "main").await;
    drop((engine, journal));
    let journal = SqliteJournal::open(file(&folder)).unwrap();
    assert_eq!(told(&journal).len(), 4);
    assert_eq!(verified(&journal).breaks, []);
}
