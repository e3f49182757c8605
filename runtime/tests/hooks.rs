//! `before`, `after` and `on error`; archivers that are run until they succeed, monitors that hold nobody up.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_compiler::plan::Plan;
use weir_compiler::project::{ProjectSource, SourceFile};
use weir_runtime::dispatch::{Dispatcher, Settings};
use weir_runtime::engine::{Clock, Engine, LocalEngine, StartRequest, Toolbox};
use weir_runtime::envelope::Envelope;
use weir_runtime::journal::{Filter, Journal, MemoryJournal, NewRun, RunRecord};
use weir_runtime::machine::{NoteKind, Status};
use weir_runtime::tool::{Call, Fault, Tool};
use weir_stdlib::value::Value;

const TOOLS: &str = "
tool t.get(n: int) -> { n: int } can t.read
tool t.put(what: string) -> { id: int } can t.write idempotent
tool t.once(what: string) -> { id: int } can t.write
tool t.down(what: string) -> { id: int } can t.write idempotent
";

fn plan(flow: &str, text: &str) -> Arc<Plan> {
    let file = SourceFile { path: "a.flow".into(), module: "".into(), text: format!("{TOOLS}\n{text}") };
    let checked = weir_compiler::check(ProjectSource { files: vec![file], ..ProjectSource::default() });
    Arc::new(checked.plan(flow).unwrap_or_else(|| panic!("{flow}: {:#?}", checked.diagnostics)))
}

/// Remembers what it was called with; `down` fails so often first.
#[derive(Default)]
struct Fake {
    said: Mutex<Vec<String>>,
    down: Mutex<u32>,
}

#[async_trait]
impl Tool for Fake {
    fn describe(&self) -> Vec<ecow::EcoString> {
        ["get", "put", "once", "down"].map(Into::into).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        let what = call.args.field("what").display_text();
        if call.tool == "down" {
            let mut down = self.down.lock().unwrap();
            if *down > 0 {
                *down -= 1;
                return Err(Fault::clean("not_found", "the shelf is gone"));
            }
        }
        if call.tool != "get" {
            self.said.lock().unwrap().push(what);
        }
        Ok(Value::record([("n", Value::int(1)), ("id", Value::int(7))]))
    }
}

/// A clock that a test sets.
struct Hands(Mutex<Timestamp>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct World {
    engine: LocalEngine,
    fake: Arc<Fake>,
    journal: Arc<MemoryJournal>,
    hands: Arc<Hands>,
}

fn world() -> World {
    let (fake, journal) = (Arc::new(Fake::default()), Arc::new(MemoryJournal::new()));
    let hands = Arc::new(Hands(Mutex::new("2026-11-21T03:00:00Z".parse().unwrap())));
    let engine = LocalEngine::new(journal.clone(), Toolbox::new().with("t", fake.clone())).with_clock(hands.clone());
    World { engine, fake, journal, hands }
}

fn request() -> StartRequest {
    StartRequest { grants: vec!["t.read".into(), "t.write".into()], ..StartRequest::new("test") }
}

impl World {
    async fn run(&self, plan: &Arc<Plan>, args: Value) -> Envelope {
        self.engine.start(Arc::clone(plan), StartRequest { args, ..request() }).await.unwrap()
    }

    fn said(&self) -> Vec<String> {
        let mut said = self.fake.said.lock().unwrap().clone();
        said.sort();
        said
    }

    fn runs(&self) -> Vec<RunRecord> {
        self.journal.list(&Filter::default()).unwrap()
    }

    async fn alerts(&self) -> Vec<String> {
        let mut alerts = Vec::new();
        for run in self.runs() {
            let events = self.engine.history(&run.run_id).await.unwrap().events;
            let alert = events.into_iter().filter(|event| event.event == NoteKind::Alert);
            alerts.extend(alert.map(|event| event.reason.unwrap()));
        }
        alerts
    }
}

fn none() -> Value {
    Value::record::<&str>([])
}

fn n(n: i64) -> Value {
    Value::record([("n", Value::int(n))])
}

const HOOKED: &str = r#"
validator small(count: int) can t.read {
  most = t.get(n: count)
  require count <= most.n + 4 else "{count} is too many"
}

executor told(e: Envelope) -> int can t.write {
  sure = t.put(what: "{e.metadata.status} {e.metadata.flow} {e.metadata.steps} {len(e.metadata.side_effects)} {len(e.records)}") final
  return sure.id
}

executor failed(e: Envelope) -> int can t.write {
  sure = t.put(what: "error {e.metadata.error?.code ?? "none"}") final
  return sure.id
}

coordinator main(n: int) -> int can t.read, t.write before small after told on error failed {
  a = t.put(what: "body {n}")
  require n != 3 else fail conflict "three"
  return a.id + n
}
"#;

#[tokio::test]
async fn a_flow_is_checked_before_and_followed_by_its_hooks() {
    let plan = plan("main", HOOKED);
    for (given, status, said) in [
        (1, Status::Succeeded, vec!["body 1", "succeeded main 2 1 1"]),
        (3, Status::Failed, vec!["body 3", "error conflict", "failed main 2 1 0"]),
        (9, Status::Blocked, vec!["blocked main 1 0 0"]),
    ] {
        let world = world();
        let envelope = world.run(&plan, n(given)).await;
        assert_eq!(envelope.metadata.status, status, "{envelope:?}");
        assert_eq!(world.said(), said, "{given}");
        if status == Status::Blocked {
            assert_eq!(envelope.metadata.reason.as_deref(), Some("9 is too many"));
        }
        let hooks: Vec<_> = world.runs().into_iter().filter(|run| run.parent.is_some()).collect();
        assert!(hooks.iter().all(|run| run.status == "succeeded"), "{hooks:?}");
        assert!(world.alerts().await.is_empty());
    }
}

const INSIDE: &str = r#"
executor told(e: Envelope) -> int can t.write {
  sure = t.put(what: "{e.metadata.flow} {e.metadata.status} {e.metadata.attempts} {len(e.metadata.side_effects)}") final
  return sure.id
}

coordinator step(n: int) -> int can t.write, t.read after told {
  seen = t.get(n)
  a = t.put(what: "step {n}")
  require n > seen.n else fail conflict "small"
  return a.id
}

coordinator main() -> int can t.read, t.write {
  one = step(1) fallback 0
  two = step(2)
  return one + two
}
"#;

#[tokio::test]
async fn a_flow_inside_has_its_own_envelope_and_its_hook_delays_nobody() {
    let world = world();
    let envelope = world.run(&plan("main", INSIDE), none()).await;
    assert_eq!(envelope.metadata.status, Status::Succeeded, "{envelope:?}");
    assert_eq!(world.said(), ["step 1", "step 2", "step failed 2 1", "step succeeded 2 1"]);
}

const FAILING: &str = r#"
executor told(e: Envelope) -> int can t.write {
  sure = t.down(what: "told") final
  return sure.id
}
coordinator main() -> int can t.write after told {
  a = t.put(what: "body")
  return a.id
}
"#;

#[tokio::test]
async fn a_hook_that_fails_raises_an_alert_and_changes_nothing() {
    let world = world();
    *world.fake.down.lock().unwrap() = 1_000;
    let envelope = world.run(&plan("main", FAILING), none()).await;
    assert_eq!((envelope.metadata.status, envelope.metadata.error), (Status::Succeeded, None));
    let alerts = world.alerts().await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert!(alerts[0].contains("`told`, after main of run"), "{alerts:?}");
    assert!(alerts[0].contains("the shelf is gone"), "{alerts:?}");
}

/// The first lines of a run, as if the process had died behind them.
async fn cut_off(world: &World, run_id: &str, lines: usize) -> World {
    let loaded = world.journal.load(run_id).unwrap().unwrap();
    let cut = self::world();
    let run = RunRecord { status: "running".into(), finished_at: None, ..loaded.run };
    let lines = loaded.lines[..lines].to_vec();
    let new = NewRun { run, plan: loaded.plan.into(), start_key: None, lines, audit: vec![] };
    cut.journal.create(new).await.unwrap();
    cut
}

#[tokio::test]
async fn any_prefix_of_a_journal_resumes_to_the_same_end_with_each_hook_once() {
    let plan = plan("main", HOOKED);
    for (given, status, hooks) in [(1, Status::Succeeded, 1), (3, Status::Failed, 2), (9, Status::Blocked, 1)] {
        let whole = world();
        let run_id = whole.run(&plan, n(given)).await.metadata.run_id;
        let lines = whole.journal.load(&run_id).unwrap().unwrap().lines.len();
        assert!(lines >= 3, "{lines}");
        for cut in 1..=lines {
            let world = cut_off(&whole, &run_id, cut).await;
            let envelope = world.engine.resume(&run_id).await.unwrap();
            assert_eq!(envelope.metadata.status, status, "{given}, cut behind {cut}");
            let started: Vec<_> = world.runs().into_iter().filter(|run| run.parent.is_some()).collect();
            // Those that the journal knows as started stand in the journal that was lost with the test.
            let known = whole.journal.load(&run_id).unwrap().unwrap().lines[..cut]
                .iter()
                .filter(|line| line.text.contains("hook:") && !line.text.contains("hook:before"))
                .count();
            assert_eq!(started.len() + known, hooks, "{given}, cut behind {cut}: {started:?}");
            let ids: Vec<_> = started.iter().map(|run| run.run_id.clone()).collect();
            assert!(ids.iter().all(|id| whole.runs().iter().any(|run| run.run_id == *id)), "the same ids");
        }
    }
}

const ARCHIVED: &str = r#"
archiver keep(e: Envelope) can t.write {
  t.down(what: "kept {e.metadata.flow}")
}
archiver note(what: string) can t.write {
  t.down(what)
}
archiver half(what: string) can t.write {
  t.once(what)
  t.down(what)
}
coordinator main() -> int can t.write after keep {
  a = t.put(what: "body")
  return a.id
}
coordinator calls() -> int can t.write {
  note("noted")
  a = t.put(what: "body")
  return a.id
}
coordinator halves() -> int can t.write {
  half("half")
  return 1
}
"#;

#[tokio::test]
async fn an_archiver_that_fails_is_run_again_until_it_succeeds() {
    for (flow, said) in [("main", "kept main"), ("calls", "noted")] {
        let world = world();
        *world.fake.down.lock().unwrap() = if flow == "calls" { 4 } else { 3 };
        let envelope = world.run(&plan(flow, ARCHIVED), none()).await;
        assert_eq!(envelope.metadata.status, Status::Succeeded, "{envelope:?}");
        assert_eq!(world.said(), ["body"]);
        let waiting = world.runs().into_iter().find(|run| run.parent.is_some()).unwrap();
        assert_eq!(waiting.status, "waiting");
        for left in [2, 1, 0] {
            let status = world.engine.status(&waiting.run_id).await.unwrap();
            assert_eq!(status.metadata.waiting[0].kind, "outbox", "{left}");
            // Too early: nothing is called.
            let down = *world.fake.down.lock().unwrap();
            assert_eq!(world.engine.carry_on(&waiting.run_id).await.unwrap().metadata.status, Status::Waiting);
            assert_eq!(*world.fake.down.lock().unwrap(), down);
            let later = world.hands.now().checked_add(SignedDuration::from_mins(11)).unwrap();
            *world.hands.0.lock().unwrap() = later;
            world.engine.carry_on(&waiting.run_id).await.unwrap();
        }
        let ended = world.engine.status(&waiting.run_id).await.unwrap();
        assert_eq!(ended.metadata.status, Status::Succeeded, "{flow}: {ended:?}");
        assert_eq!(world.said(), ["body", said]);
        let alerts = world.alerts().await;
        assert_eq!(alerts.len(), if flow == "calls" { 4 } else { 3 }, "one for each failure: {alerts:?}");
        assert!(alerts.iter().any(|alert| alert.contains("failed and is kept")), "{alerts:?}");
    }
}

#[tokio::test]
async fn what_was_written_in_part_is_not_written_again_by_itself() {
    let world = world();
    *world.fake.down.lock().unwrap() = 100;
    let envelope = world.run(&plan("halves", ARCHIVED), none()).await;
    assert_eq!(envelope.metadata.status, Status::Succeeded);
    assert_eq!(world.runs().len(), 1, "no outbox");
    assert_eq!(world.alerts().await.len(), 1);
    assert_eq!(world.said(), ["half"]);
}

#[tokio::test]
async fn an_outbox_can_be_given_up() {
    let world = world();
    *world.fake.down.lock().unwrap() = 100;
    world.run(&plan("main", ARCHIVED), none()).await;
    let waiting = world.runs().into_iter().find(|run| run.parent.is_some()).unwrap();
    world.engine.cancel(&waiting.run_id, "the shelf will not come back").await.unwrap();
    let ended = world.engine.status(&waiting.run_id).await.unwrap();
    assert_eq!(ended.metadata.status, Status::Cancelled);
    assert!(ended.metadata.waiting.is_empty());
}

const MONITORED: &str = r#"
monitor count(what: string) can t.write {
  t.down(what)
}
coordinator main() -> int can t.write {
  count("seen")
  a = t.put(what: "body")
  return a.id
}
"#;

#[tokio::test]
async fn a_monitor_that_fails_is_dropped_and_counted() {
    let world = world();
    *world.fake.down.lock().unwrap() = 1;
    let envelope = world.run(&plan("main", MONITORED), none()).await;
    assert_eq!(envelope.metadata.status, Status::Succeeded);
    let history = world.engine.history(&envelope.metadata.run_id).await.unwrap();
    let dropped = history.events.iter().filter(|event| event.event == NoteKind::StepSkipped).count();
    assert_eq!((dropped, world.runs().len()), (1, 1));
    assert_eq!(world.said(), ["body"], "it was not tried again");
}

#[tokio::test]
async fn an_outbox_is_tried_once_more_before_the_process_ends() {
    let world = world();
    *world.fake.down.lock().unwrap() = 3;
    let envelope = world.run(&plan("main", ARCHIVED), none()).await;
    let mut left = Vec::new();
    for _ in 0..4 {
        left.push(world.engine.try_outboxes(&envelope.metadata.run_id).await.unwrap());
    }
    assert_eq!(left, [1, 1, 0, 0]);
    assert_eq!(world.said(), ["body", "kept main"]);
    assert!(world.runs().iter().all(|run| run.status == "succeeded"), "{:?}", world.runs());
}

#[tokio::test]
async fn a_dispatcher_wakes_an_outbox_when_its_time_has_come() {
    let world = world();
    *world.fake.down.lock().unwrap() = 2;
    world.run(&plan("main", ARCHIVED), none()).await;
    let waiting = world.runs().into_iter().find(|run| run.parent.is_some()).unwrap().run_id;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let dispatcher =
        Dispatcher::new(world.engine.clone(), Settings { poll: Duration::from_millis(5), ..Settings::default() });
    let working = tokio::spawn(async move { dispatcher.run(async { drop(stopped.await) }).await });
    // Nothing is called before its time.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(*world.fake.down.lock().unwrap(), 1);
    for _ in 0..2 {
        let later = world.hands.now().checked_add(SignedDuration::from_mins(11)).unwrap();
        *world.hands.0.lock().unwrap() = later;
        let down = *world.fake.down.lock().unwrap();
        let tried = async {
            loop {
                let status = world.engine.status(&waiting).await.unwrap().metadata.status;
                if status == Status::Succeeded || (*world.fake.down.lock().unwrap() < down && status == Status::Waiting)
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), tried).await.expect("nobody woke the outbox");
    }
    assert_eq!(world.engine.status(&waiting).await.unwrap().metadata.status, Status::Succeeded);
    assert_eq!(world.said(), ["body", "kept main"]);
    drop(stop);
    working.await.unwrap();
}
