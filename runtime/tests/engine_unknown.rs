//! While nobody knows whether a call happened, a run holds; what was under way elsewhere in it goes on afterwards: undos,
//! calls that may be made again, keys that several steps want.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use async_trait::async_trait;
use ecow::EcoString;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_compiler::plan::Plan;
use weir_compiler::project::{ProjectSource, SourceFile};
use weir_runtime::engine::{Engine, LocalEngine, StartRequest, Toolbox};
use weir_runtime::envelope::Envelope;
use weir_runtime::journal::{Journal, MemoryJournal, NewRun};
use weir_runtime::machine::{Decision, NoteKind};
use weir_runtime::tool::{Call, Fault, Tool};
use weir_stdlib::value::Value;

const TOOLS: &str = r#"
tool t.put(n: string) -> { id: string } can t.write
tool t.set(n: string) -> { id: string } can t.write idempotent
tool t.pay(n: string, request?: string) -> { id: string } can t.write accepts key request
tool t.del(id: string) can t.write idempotent
"#;

/// Nothing here takes long; what hangs is to fail.
const PATIENCE: Duration = Duration::from_secs(60);

const RUN: &str = "00000000-0001-7000-8000-000000000000";

/// Gives an id made of tool and argument, unless the step's first call is to hang until the process dies.
struct Server {
    hangs: Vec<&'static str>,
    /// What a step's calls fail with.
    fails: Option<(&'static str, Fault)>,
    /// Nothing is answered meanwhile.
    shut: AtomicBool,
    calls: Mutex<Vec<String>>,
}

#[async_trait]
impl Tool for Server {
    fn describe(&self) -> Vec<EcoString> {
        ["put", "set", "pay", "del"].map(Into::into).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        self.calls.lock().unwrap().push(call.step.to_string());
        if self.hangs.contains(&call.step.as_str()) {
            return std::future::pending().await;
        }
        tokio::task::yield_now().await;
        while self.shut.load(Ordering::Acquire) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if let Some((_, fault)) = self.fails.as_ref().filter(|(step, _)| *step == call.step) {
            return Err(fault.clone());
        }
        Ok(Value::record([("id", Value::text(format!("{}-{}", call.tool, call.step)))]))
    }
}

impl Server {
    fn new(hangs: &[&'static str]) -> Arc<Server> {
        Arc::new(Server { hangs: hangs.to_vec(), fails: None, shut: AtomicBool::new(false), calls: Mutex::default() })
    }

    fn answering(step: &'static str, fault: Fault) -> Arc<Server> {
        let calls = Mutex::default();
        Arc::new(Server { hangs: Vec::new(), fails: Some((step, fault)), shut: AtomicBool::new(false), calls })
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    async fn is_asked(&self, steps: &[&str]) {
        let asked = || steps.iter().all(|step| self.calls().iter().any(|call| call == step));
        let waits = async {
            while !asked() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, waits).await;
        assert!(came.is_ok(), "{steps:?} were not all called: {:?}", self.calls());
    }
}

async fn guard<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it does not come to an end")
}

fn plan(body: &str) -> Arc<Plan> {
    let text = format!("{TOOLS}{body}\n");
    let file = SourceFile { path: "unknown.flow".into(), module: "".into(), text };
    let checked = weir_compiler::check(ProjectSource { files: vec![file], ..ProjectSource::default() });
    let errors: Vec<_> = checked.diagnostics.iter().filter(|one| one.severity.word() == "error").collect();
    assert!(errors.is_empty(), "{errors:#?}");
    Arc::new(checked.plan("main").unwrap())
}

fn request() -> StartRequest {
    StartRequest { run_id: Some(RUN.into()), grants: vec!["t.write".into()], ..StartRequest::new("test") }
}

fn engine(journal: &Arc<MemoryJournal>, server: &Arc<Server>) -> LocalEngine {
    let tools = Toolbox::new().with("t", Arc::clone(server) as Arc<dyn Tool>);
    LocalEngine::new(Arc::clone(journal) as Arc<dyn Journal>, tools)
}

/// Runs until these steps have called, and dies: gives the journal as it is then.
async fn dies_in(plan: &Arc<Plan>, server: &Arc<Server>, steps: &[&str]) -> Arc<MemoryJournal> {
    let journal = Arc::new(MemoryJournal::new());
    let (engine, plan) = (engine(&journal, server).staying(), Arc::clone(plan));
    let life = tokio::spawn(async move { engine.start(plan, request()).await });
    server.is_asked(steps).await;
    let loaded = journal.load(RUN).unwrap().unwrap();
    life.abort();
    let next = Arc::new(MemoryJournal::new());
    let (plan, lines) = (loaded.plan.as_str().into(), loaded.lines);
    next.create(NewRun { run: loaded.run, plan, start_key: None, lines, audit: vec![] }).await.unwrap();
    next
}

/// Another process goes on with it, whose operator decides about these steps in turn.
async fn goes_on(journal: &Arc<MemoryJournal>, server: &Arc<Server>, decisions: &[(&str, Decision)]) -> Envelope {
    let engine = engine(journal, server).staying();
    let life = tokio::spawn({
        let engine = engine.clone();
        async move { engine.resume(RUN).await }
    });
    for (step, decision) in decisions {
        guard(async {
            while engine.decide(RUN, step, decision.clone()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
    guard(life).await.unwrap().unwrap()
}

fn undone(envelope: &Envelope) -> Vec<(&str, bool)> {
    envelope.metadata.side_effects.iter().map(|effect| (effect.step.as_str(), effect.undone)).collect()
}

const ROUNDS: &str = r#"
coordinator main() can t.write {
  for n in ["a", "b"] parallel 2 {
    one(n: n)
  }
}
saga one(n: string) can t.write {
  a = t.put(n: n)
    undo t.del(id: a.id)
  require n != "a" else fail conflict "no"
}"#;

#[tokio::test]
async fn an_undo_under_way_when_the_process_died_goes_on_when_an_operator_has_decided_beside_it() {
    let (plan, put) = (plan(ROUNDS), "for[1]/one/a");
    let undo = "for[0]/one/a/undo";
    let journal = dies_in(&plan, &Server::new(&[put, undo]), &[put, undo]).await;
    let server = Server::new(&[]);
    let envelope = goes_on(&journal, &server, &[(put, Decision::GiveUp)]).await;
    assert_eq!(server.calls(), [undo], "held while nobody knew, and made then");
    assert_eq!(undone(&envelope), [("for[0]/one/a", true)]);
    assert_eq!(envelope.metadata.not_undone.len(), 1, "{:?}", envelope.metadata.not_undone);
}

const BESIDE: &str = r#"
saga main() can t.write {
  for n in ["a", "b"] parallel 2 {
    one(n: n)
  }
}
saga one(n: string) can t.write {
  if n == "a" {
    a = t.set(n: n)
      undo t.del(id: a.id)
  } else {
    b = t.put(n: n)
      undo t.del(id: b.id)
  }
}"#;

#[tokio::test]
async fn a_call_under_way_when_the_process_died_is_made_again_though_the_run_stopped_while_it_was_held() {
    let plan = plan(BESIDE);
    let (set, put) = ("for[0]/one/a", "for[1]/one/b");
    let journal = dies_in(&plan, &Server::new(&[set, put]), &[set, put]).await;
    let server = Server::new(&[]);
    let envelope = goes_on(&journal, &server, &[(put, Decision::GiveUp)]).await;
    assert_eq!(server.calls(), [set.to_owned(), format!("{set}/undo")], "only its result can take it back");
    assert_eq!(undone(&envelope), [(set, true)]);
    let left = &envelope.metadata.not_undone;
    assert!(left.len() == 1 && left[0].starts_with(&format!("`{put}`")), "{left:?}");
}

/// Three rounds want one key at once.
fn three(tool: &str, clauses: &str) -> Arc<Plan> {
    plan(&format!(
        r#"
coordinator main() can t.write {{
  for n in ["a", "b", "c"] parallel 3 {{
    t.{tool}(n: "same") key "k" {clauses}
  }}
  ask "Go on?" as bool
  t.{tool}(n: "same") key "k"
}}"#
    ))
}

#[tokio::test]
async fn a_step_waits_for_the_one_that_holds_its_key_and_takes_what_is_recorded() {
    let (journal, server) = (Arc::new(MemoryJournal::new()), Server::new(&[]));
    let engine = engine(&journal, &server);
    let mut watch = engine.watch();
    let envelope = guard(engine.start(three("put", ""), request())).await.unwrap();
    assert_eq!(envelope.metadata.status.word(), "waiting", "{}", envelope.to_json());
    let mut said = Vec::new();
    while let Ok(one) = watch.try_recv() {
        if one.event == NoteKind::StepQueued {
            said.push(format!("{} of {}: {}", one.step, one.tool, one.reason.unwrap()));
        }
    }
    let why = "step `for[0]/t.put` is calling under the same key, `k`";
    assert_eq!(said, [1, 2].map(|n| format!("for[{n}]/t.put of t.put: {why}")));
    engine.answer(RUN, "ask", Value::bool(true)).await.unwrap();
    let envelope = guard(engine.resume(RUN)).await.unwrap();
    assert_eq!(envelope.exit_code(), 0, "{}", envelope.to_json());
    assert_eq!(server.calls(), ["for[0]/t.put"], "what was recorded under the key is replayed");
}

#[tokio::test]
async fn where_the_first_did_nothing_the_next_one_calls_and_other_arguments_are_a_conflict() {
    let server = Server::answering("for[0]/t.put", Fault::clean("not_found", "it is not there"));
    let engine = engine(&Arc::new(MemoryJournal::new()), &server);
    let envelope = guard(engine.start(three("put", "optional"), request())).await.unwrap();
    assert_eq!(envelope.metadata.status.word(), "waiting", "{}", envelope.to_json());
    assert_eq!(server.calls(), ["for[0]/t.put", "for[1]/t.put"]);
    let plan = plan(
        r#"
coordinator main() can t.write {
  for n in ["a", "b"] parallel 2 {
    t.put(n: n) key "k"
  }
}"#,
    );
    let server = Server::new(&[]);
    let envelope = guard(self::engine(&Arc::new(MemoryJournal::new()), &server).start(plan, request())).await.unwrap();
    assert_eq!(envelope.metadata.error.unwrap().code, "conflict");
    assert_eq!(server.calls(), ["for[0]/t.put"]);
}

/// The step that was refused has no say about the key, in the next process either.
#[tokio::test]
async fn where_the_first_may_have_happened_nobody_else_calls() {
    let plan = three("put", "catch { unknown => null }");
    let server = Server::answering("for[0]/t.put", Fault::open("timeout", "no answer"));
    let journal = Arc::new(MemoryJournal::new());
    let envelope = guard(engine(&journal, &server).start(plan, request())).await.unwrap();
    assert_eq!(envelope.metadata.status.word(), "waiting", "{}", envelope.to_json());
    let next = engine(&journal, &server);
    next.answer(RUN, "ask", Value::bool(true)).await.unwrap();
    let envelope = guard(next.resume(RUN)).await.unwrap();
    let waits: Vec<&str> = envelope.metadata.waiting.iter().filter_map(|wait| wait.question.as_deref()).collect();
    assert!(waits.len() == 1 && waits[0].contains("step `for[0]/t.put` of this run called"), "{waits:?}");
    assert_eq!(server.calls(), ["for[0]/t.put"]);
}

/// Nobody knows, an operator says that it happened: then the others need not call.
#[tokio::test]
async fn what_an_operator_says_of_the_first_holds_for_the_others() {
    let server = Server::answering("for[0]/t.put", Fault::open("timeout", "no answer"));
    let engine = engine(&Arc::new(MemoryJournal::new()), &server);
    let envelope = guard(engine.start(three("put", ""), request())).await.unwrap();
    assert_eq!(envelope.metadata.status.word(), "needs_attention", "{}", envelope.to_json());
    let waits: Vec<&str> = envelope.metadata.waiting.iter().map(|wait| wait.step.as_str()).collect();
    assert_eq!(waits, ["for[0]/t.put"], "one question is enough");
    let happened = Decision::Happened(Value::record([("id", Value::text("x"))]));
    engine.decide(RUN, "for[0]/t.put", happened).await.unwrap();
    let envelope = guard(engine.resume(RUN)).await.unwrap();
    assert_eq!(envelope.metadata.status.word(), "waiting", "{}", envelope.to_json());
    assert_eq!(server.calls(), ["for[0]/t.put"]);
}

/// The process dies while the first is calling and the others wait: none of them has claimed anything.
#[tokio::test]
async fn after_a_crash_the_others_wait_again() {
    let plan = three("pay", "");
    let first = "for[0]/t.pay";
    let journal = dies_in(&plan, &Server::new(&[first]), &[first]).await;
    let claimed = journal.load(RUN).unwrap().unwrap().lines;
    assert_eq!(claimed.iter().filter(|line| line.text.contains("\"claimed\"")).count(), 1);
    let server = Server::new(&[]);
    let envelope = guard(engine(&journal, &server).resume(RUN)).await.unwrap();
    assert_eq!(envelope.metadata.status.word(), "waiting", "{}", envelope.to_json());
    assert_eq!(server.calls(), [first]);
}

#[tokio::test]
async fn a_run_that_is_paused_or_cancelled_meanwhile_calls_no_more() {
    for cancels in [false, true] {
        let (journal, server) = (Arc::new(MemoryJournal::new()), Server::new(&[]));
        server.shut.store(true, Ordering::Release);
        let engine = engine(&journal, &server);
        let life = tokio::spawn({
            let engine = engine.clone();
            async move { engine.start(three("put", ""), request()).await }
        });
        server.is_asked(&["for[0]/t.put"]).await;
        let history = engine.history(RUN).await.unwrap();
        let lines: Vec<&str> = history.envelope.metadata.waiting.iter().map(|wait| wait.step.as_str()).collect();
        assert_eq!(lines, ["for[1]/t.put", "for[2]/t.put"]);
        match cancels {
            false => engine.pause(RUN).await.map(drop).unwrap(),
            true => engine.cancel(RUN, "enough").await.map(drop).unwrap(),
        }
        server.shut.store(false, Ordering::Release);
        let mut envelope = guard(life).await.unwrap().unwrap();
        if !cancels {
            assert_eq!(envelope.metadata.status.word(), "paused");
            envelope = guard(engine.resume(RUN)).await.unwrap();
        }
        let ends = if cancels { "cancelled" } else { "waiting" };
        assert_eq!(envelope.metadata.status.word(), ends, "{}", envelope.to_json());
        assert_eq!(server.calls(), ["for[0]/t.put"]);
    }
}

#[tokio::test]
async fn a_monitor_does_not_wait_for_a_key() {
    let plan = plan(
        r#"
coordinator main() can t.write {
  for n in ["a", "b"] parallel 2 {
    if n == "a" { t.put(n: "same") key "k" } else { counts() }
  }
}

monitor counts() can t.write {
  t.put(n: "same") key "k"
}"#,
    );
    let server = Server::new(&[]);
    let engine = engine(&Arc::new(MemoryJournal::new()), &server);
    let envelope = guard(engine.start(plan, request())).await.unwrap();
    assert_eq!(envelope.exit_code(), 0, "{}", envelope.to_json());
    assert_eq!(server.calls().len(), 1, "{:?}", server.calls());
    let reasons: Vec<String> =
        engine.history(RUN).await.unwrap().events.into_iter().filter_map(|one| one.reason).collect();
    assert!(reasons.iter().any(|reason| reason.contains("and a monitor does not wait")), "{reasons:#?}");
}

/// The step with other arguments comes first, and is told of what the journal knows of the key; so is the one after it.
#[tokio::test]
async fn other_arguments_do_not_hinder_a_step_that_asks_in_the_same_turn() {
    let plan = plan(
        r#"
coordinator main() -> [string] can t.write {
  t.put(n: "same") key "k"
  ids = for n in ["other", "same"] parallel 2 {
    made = t.put(n: n) key "k" catch { conflict => ({ id: "refused" }) }
    yield made.id
  }
  return ids
}"#,
    );
    let server = Server::new(&[]);
    let engine = engine(&Arc::new(MemoryJournal::new()), &server);
    let envelope = guard(engine.start(plan, request())).await.unwrap();
    assert_eq!(envelope.exit_code(), 0, "{}", envelope.to_json());
    let json = envelope.to_json();
    let values: Vec<&str> = json.split(r#"{"value":""#).skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(values, ["refused", "put-t.put"], "{json}");
    assert_eq!(server.calls(), ["t.put"]);
}
