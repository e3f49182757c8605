//! Monitors beside a run, on the real engine: with tools that are slow, never answer, fail, break down, and that are under
//! way when the process dies.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod build;

use async_trait::async_trait;
use build::Virtual;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use weir_compiler::plan::Plan;
use weir_compiler::project::{ProjectSource, SourceFile};
use weir_runtime::engine::{Engine, LocalEngine, StartRequest, Toolbox};
use weir_runtime::envelope::Envelope;
use weir_runtime::journal::{Journal, MemoryJournal};
use weir_runtime::machine::{NoteKind, Status};
use weir_runtime::timeline::steps;
use weir_runtime::tool::{Call, Fault, Tool};
use weir_stdlib::value::Value;

const TEXT: &str = r#"
tool t.put(what: string) -> { id: int } can t.write idempotent
tool m.tell(what: string) -> { id: int } can m.write
tool m.set(what: string) -> { id: int } can m.write idempotent

monitor tells(what: string) can m.write { m.tell(what: what) }
monitor sets(what: string) can m.write { m.set(what: what) }
monitor both(what: string) can m.write {
  m.tell(what: "{what} one")
  m.tell(what: "{what} two")
}

coordinator main(what: string) -> int can t.write, m.write {
  tells(what)
  made = t.put(what: "work")
  return made.id
}
coordinator twice(what: string) -> int can t.write, m.write {
  both(what)
  made = t.put(what: "work")
  return made.id
}
coordinator asks(what: string) -> bool can m.write {
  tells(what)
  sets(what)
  yes = ask "Go on?" as bool
  return yes
}
saga provision(what: string) -> int can t.write, m.write {
  made = t.put(what: "work")
    undo t.put(what: "undone")
  noted(what)
  fail conflict "as planned"
}
monitor noted(what: string) can m.write {
  m.set(what: what) undo m.set(what: "not {what}")
}
"#;

fn plan(flow: &str) -> Arc<Plan> {
    let file = SourceFile { path: "a.flow".into(), module: "".into(), text: TEXT.into() };
    let checked = weir_compiler::check(ProjectSource { files: vec![file], ..ProjectSource::default() });
    Arc::new(checked.plan(flow).unwrap_or_else(|| panic!("{flow}: {:#?}", checked.diagnostics)))
}

/// What was called and when, in milliseconds. `m` does what it is told: `slow`, `never`, `fails`, `down`, `breaks`.
struct World {
    calls: Mutex<Vec<(String, u128)>>,
    began: Instant,
}

impl World {
    fn new() -> Arc<World> {
        Arc::new(World { calls: Mutex::default(), began: Instant::now() })
    }

    fn calls(&self) -> Vec<(String, u128)> {
        self.calls.lock().unwrap().clone()
    }

    /// What was called, in no order: what is due at one time may go in any.
    fn called(&self) -> Vec<String> {
        let mut called: Vec<String> = self.calls().into_iter().map(|(what, _)| what).collect();
        called.sort();
        called
    }
}

#[async_trait]
impl Tool for World {
    fn describe(&self) -> Vec<ecow::EcoString> {
        ["put", "tell", "set"].map(Into::into).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        let what = call.args.field("what").display_text();
        self.calls.lock().unwrap().push((format!("{} {what}", call.tool), self.began.elapsed().as_millis()));
        if call.tool != "put" {
            match what.split(' ').next().unwrap_or_default() {
                "slow" => tokio::time::sleep(Duration::from_millis(700)).await,
                "never" => std::future::pending().await,
                "fails" => return Err(Fault::clean("conflict", "no")),
                "down" => return Err(Fault::clean("unavailable", "nobody is there")),
                "breaks" => panic!("as planned"),
                _ => {}
            }
        }
        Ok(Value::record([("id", Value::int(7))]))
    }
}

fn engine(journal: &Arc<MemoryJournal>, world: &Arc<World>) -> LocalEngine {
    let tools = Toolbox::new().with("t", world.clone()).with("m", world.clone());
    LocalEngine::new(Arc::clone(journal) as Arc<dyn Journal>, tools).with_clock(Arc::new(Virtual(world.began)))
}

fn request(what: &str) -> StartRequest {
    StartRequest {
        run_id: Some("run".into()),
        args: Value::record([("what", Value::text(what))]),
        grants: vec!["t.write".into(), "m.write".into()],
        ..StartRequest::new("test")
    }
}

async fn run(flow: &str, what: &str) -> (Envelope, Arc<World>, LocalEngine, Arc<MemoryJournal>) {
    let (journal, world) = (Arc::new(MemoryJournal::new()), World::new());
    let engine = engine(&journal, &world);
    let envelope = engine.start(plan(flow), request(what)).await.unwrap();
    (envelope, world, engine, journal)
}

/// What became of a step, and why.
async fn line(engine: &LocalEngine, step: &str) -> (&'static str, Vec<String>) {
    let lines = steps(&engine.history("run").await.unwrap());
    let line = lines.into_iter().find(|line| line.step == step).unwrap();
    (line.state, line.reasons)
}

#[tokio::test(start_paused = true)]
async fn a_slow_one_holds_nobody_up() {
    let (envelope, world, engine, _) = run("main", "slow").await;
    assert_eq!((world.called(), world.calls()[1].1), (vec!["put work".to_owned(), "tell slow".to_owned()], 0));
    assert_eq!((envelope.metadata.status, envelope.exit_code()), (Status::Succeeded, 0));
    assert_eq!(world.began.elapsed(), Duration::from_millis(700), "the run ends when its call is back");
    assert_eq!(line(&engine, "tells").await, ("succeeded", Vec::new()));
    assert_eq!(envelope.metadata.side_effects.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn whatever_becomes_of_its_call_the_run_ends_well_within_a_second() {
    for (what, why) in [
        ("never", "no answer within 1000 ms"),
        ("fails", "conflict"),
        ("down", "unavailable"),
        ("breaks", "broke down"),
    ] {
        let (envelope, world, engine, journal) = run("main", what).await;
        assert_eq!((envelope.metadata.status, envelope.metadata.partial), (Status::Succeeded, false), "{what}");
        assert_eq!(envelope.value, Some(Value::int(7)));
        assert_eq!(world.calls().iter().find(|(call, _)| call == "put work").unwrap().1, 0);
        assert!(world.began.elapsed() <= Duration::from_secs(1), "the clock is virtual: {:?}", world.began.elapsed());
        assert_eq!(world.called().len(), 2, "it is not tried again");
        let (state, reasons) = line(&engine, "tells").await;
        assert_eq!(state, "skipped");
        assert!(reasons.last().unwrap().contains(why), "{what}: {reasons:?}");
        let audit = journal.audited(0, 100).unwrap().links;
        let of_call: Vec<&str> =
            audit.iter().map(|record| record.text.as_str()).filter(|text| text.contains("m.tell")).collect();
        assert_eq!(of_call.len(), 2, "attempted, and what came of it: {of_call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_done_when_the_run_ends_is_told() {
    let (envelope, world, engine, _) = run("twice", "slow").await;
    assert_eq!((envelope.metadata.status, world.began.elapsed()), (Status::Succeeded, Duration::from_secs(1)));
    assert_eq!(world.called(), ["put work", "tell slow one", "tell slow two"]);
    let (state, reasons) = line(&engine, "both").await;
    assert_eq!(state, "skipped");
    assert!(reasons.last().unwrap().starts_with("monitor `both` failed and was left out"), "{reasons:?}");
}

#[tokio::test(start_paused = true)]
async fn a_saga_that_undoes_takes_back_what_it_told() {
    let (envelope, world, ..) = run("provision", "slow").await;
    assert_eq!((envelope.metadata.status, envelope.exit_code()), (Status::Compensated, 4));
    assert_eq!(world.called(), ["put undone", "put work", "set not slow", "set slow"]);
    assert_eq!(world.calls()[2], ("set not slow".to_owned(), 700), "the call is awaited before it is taken back");
    let (envelope, world, ..) = run("provision", "never").await;
    assert_eq!(envelope.metadata.status, Status::Compensated);
    assert_eq!(world.called(), ["put undone", "put work", "set never"], "and not made again");
}

#[tokio::test(start_paused = true)]
async fn cut_off_by_a_crash_it_is_made_again_only_where_that_is_safe() {
    let (journal, world) = (Arc::new(MemoryJournal::new()), World::new());
    let first = engine(&journal, &world);
    let died = tokio::time::timeout(Duration::from_millis(500), first.start(plan("asks"), request("never"))).await;
    assert!(died.is_err());
    drop(first);
    assert_eq!(world.called(), ["set never", "tell never"]);
    let second = engine(&journal, &world);
    let envelope = second.resume("run").await.unwrap();
    assert_eq!(envelope.metadata.status, Status::Waiting);
    assert_eq!(world.called(), ["set never", "set never", "tell never"]);
    let (state, reasons) = line(&second, "tells").await;
    assert!(state == "skipped" && reasons[0].contains("the process died during the call"), "{state} {reasons:?}");
    second.answer("run", "yes", Value::bool(true)).await.unwrap();
    let envelope = second.resume("run").await.unwrap();
    assert_eq!((envelope.metadata.status, envelope.value), (Status::Succeeded, Some(Value::bool(true))));
    assert_eq!(world.called().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_died_when_its_own_steps_were_over_ends_as_it_would_have() {
    let (journal, world) = (Arc::new(MemoryJournal::new()), World::new());
    let first = engine(&journal, &world);
    let died = tokio::time::timeout(Duration::from_millis(500), first.start(plan("main"), request("never"))).await;
    assert!(died.is_err());
    drop(first);
    let second = engine(&journal, &world);
    let envelope = second.resume("run").await.unwrap();
    assert_eq!((envelope.metadata.status, envelope.value), (Status::Succeeded, Some(Value::int(7))));
    assert_eq!(world.called(), ["put work", "tell never"], "nothing is done twice");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_begins_no_more_of_it() {
    let (journal, world) = (Arc::new(MemoryJournal::new()), World::new());
    let engine = engine(&journal, &world);
    let mut watch = engine.watch();
    let running = tokio::spawn({
        let engine = engine.clone();
        async move { engine.start(plan("twice"), request("slow")).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    engine.cancel("run", "enough").await.unwrap();
    let envelope = running.await.unwrap();
    // Its own steps were over: it had succeeded.
    assert_eq!((envelope.metadata.status, world.began.elapsed()), (Status::Succeeded, Duration::from_millis(700)));
    assert_eq!(world.called(), ["put work", "tell slow one"]);
    let mut skipped = Vec::new();
    while let Ok(one) = watch.try_recv() {
        if one.event == NoteKind::StepSkipped {
            skipped.push(one.reason.clone().unwrap());
        }
    }
    assert_eq!(skipped, ["monitor `both` was left out, not finished: the run was cancelled"]);
}
