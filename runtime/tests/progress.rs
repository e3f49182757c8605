//! How far a run has come, at each place where it rests.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails may panic")]

use async_trait::async_trait;
use std::sync::Arc;
use weir_compiler::plan::Plan;
use weir_compiler::project::{ProjectSource, SourceFile};
use weir_runtime::engine::{Engine, LocalEngine, StartRequest, Toolbox};
use weir_runtime::journal::MemoryJournal;
use weir_runtime::progress::Progress;
use weir_runtime::tool::{Call, Fault, Tool};
use weir_stdlib::value::Value;

const FLOWS: &str = r#"
tool t.get(n: int) -> { n: int } can t.read
tool t.put(n: int) -> { id: int } can t.write idempotent

coordinator main(ns: [int]) -> int can t.read, t.write {
  got = for n in ns {
    one = t.get(n)
    sure = ask "{n}?" as bool
    yield if sure then one.n else 0
  }
  if len(ns) > 9 {
    t.put(n: 1)
    t.put(n: 2)
  } else {
    t.put(n: 3)
  }
  last = inner()
  return last + len(got)
}

coordinator inner() -> int can t.write {
  a = t.put(n: 4)
  b = t.put(n: 5)
  go = ask "Go?" as bool
  return if go then a.id + b.id else 0
}
"#;

fn plan() -> Arc<Plan> {
    let file = SourceFile { path: "a.flow".into(), module: "".into(), text: FLOWS.into() };
    let checked = weir_compiler::check(ProjectSource { files: vec![file], ..ProjectSource::default() });
    Arc::new(checked.plan("main").unwrap_or_else(|| panic!("{:?}", checked.diagnostics)))
}

struct Fake;

#[async_trait]
impl Tool for Fake {
    fn describe(&self) -> Vec<ecow::EcoString> {
        vec!["get".into(), "put".into()]
    }

    async fn call(&self, _: &Call) -> Result<Value, Fault> {
        Ok(Value::record([("n", Value::int(1)), ("id", Value::int(1))]))
    }
}

#[tokio::test]
async fn loops_count_by_their_rounds_and_branches_by_the_arm_that_is_taken() {
    let engine = LocalEngine::new(Arc::new(MemoryJournal::new()), Toolbox::new().with("t", Arc::new(Fake)));
    let args = Value::record([("ns", Value::list((1..=3).map(Value::int).collect::<Vec<_>>()))]);
    let grants = vec!["t.read".into(), "t.write".into()];
    let started = engine.start(plan(), StartRequest { args, grants, ..StartRequest::new("test") }).await.unwrap();
    let id = started.metadata.run_id;
    let mut seen = Vec::new();
    let mut share = -1.0;
    loop {
        let history = engine.history(&id).await.unwrap();
        let progress = Progress::of(&history);
        assert!(progress.share > share, "{progress:?}");
        share = progress.share;
        seen.push((progress.done, progress.running, progress.waiting, progress.total));
        let Some(waits) = history.envelope.metadata.waiting.first() else { break };
        engine.answer(&id, &waits.step, Value::bool(true)).await.unwrap();
        engine.carry_on(&id).await.unwrap();
    }
    // Three rounds of two; the longer arm has two steps, the one that is taken has one; three inside `inner`.
    assert_eq!(seen, [(1, 0, 1, 11), (3, 0, 1, 11), (5, 0, 1, 11), (9, 0, 1, 10), (10, 0, 0, 10)]);
    assert!((share - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_run_that_is_followed_tells_each_decision_once() {
    let engine = LocalEngine::new(Arc::new(MemoryJournal::new()), Toolbox::new().with("t", Arc::new(Fake)));
    let args = Value::record([("ns", Value::list(vec![Value::int(1)]))]);
    let grants = vec!["t.read".into(), "t.write".into()];
    let started = engine.start(plan(), StartRequest { args, grants, ..StartRequest::new("test") }).await.unwrap();
    let id = started.metadata.run_id;
    let (mut followed, mut events) = engine.follow(&id).unwrap();
    for _ in 0..2 {
        let waits = followed.envelope().metadata.waiting[0].step.clone();
        engine.answer(&id, &waits, Value::bool(true)).await.unwrap();
        engine.carry_on(&id).await.unwrap();
        events.extend(followed.more().unwrap());
    }
    assert!(followed.more().unwrap().is_empty());
    assert_eq!(events, engine.history(&id).await.unwrap().events);
    assert_eq!(followed.envelope(), engine.status(&id).await.unwrap());
}
