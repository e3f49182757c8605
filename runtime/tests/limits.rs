//! Limits of tool servers over all runs: calls at once, calls in a stretch of time, breakers; in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that fails may panic"
)]

mod build;

use async_trait::async_trait;
use build::*;
use ecow::EcoString;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use weir_compiler::plan::*;
use weir_compiler::project::{parse_breaker, parse_limit};
use weir_lang::ast::Role;
use weir_runtime::engine::{Engine, LocalEngine, StartRequest, Toolbox};
use weir_runtime::journal::{Journal, MemoryJournal, SqliteJournal};
use weir_runtime::limits::Limits;
use weir_runtime::machine::{NoteKind, Status};
use weir_runtime::observe::Observed;
use weir_runtime::tool::{Call, Fault, Tool};
use weir_stdlib::value::Value;

/// A server whose calls take a while, and that is down for some of them.
struct Slow {
    takes: Duration,
    began: Instant,
    down: Mutex<u32>,
    calls: Mutex<Vec<(u128, EcoString)>>,
    at_once: Mutex<(u32, u32)>,
}

impl Slow {
    fn new(takes: u64) -> Arc<Slow> {
        Arc::new(Slow {
            takes: Duration::from_millis(takes),
            began: Instant::now(),
            down: Mutex::default(),
            calls: Mutex::default(),
            at_once: Mutex::default(),
        })
    }

    fn times(&self) -> Vec<u128> {
        self.calls.lock().unwrap().iter().map(|(at, _)| *at).collect()
    }

    fn runs(&self) -> Vec<EcoString> {
        self.calls.lock().unwrap().iter().map(|(_, run)| run.clone()).collect()
    }
}

#[async_trait]
impl Tool for Slow {
    fn describe(&self) -> Vec<EcoString> {
        ["get", "add", "del", "send"].map(Into::into).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        self.calls.lock().unwrap().push((self.began.elapsed().as_millis(), call.run_id.clone()));
        {
            let mut at_once = self.at_once.lock().unwrap();
            at_once.0 += 1;
            at_once.1 = at_once.1.max(at_once.0);
        }
        tokio::time::sleep(self.takes).await;
        self.at_once.lock().unwrap().0 -= 1;
        let mut down = self.down.lock().unwrap();
        if *down > 0 {
            *down -= 1;
            return Err(Fault::clean("unavailable", "down"));
        }
        Ok(Value::record([("id", Value::text("x"))]))
    }
}

fn limits(concurrency: Option<u32>, rate: &str, breaker: &str) -> Limits {
    Limits { concurrency, rate: parse_limit(rate), breaker: parse_breaker(breaker), ..Limits::default() }
}

fn engine_on(journal: Arc<dyn Journal>, slow: &Arc<Slow>, limits: Limits) -> LocalEngine {
    let tool = || Arc::clone(slow) as Arc<dyn Tool>;
    let mut tools = Toolbox::new().with("src", tool()).with("crm", tool()).with("mail", tool());
    tools.limit("src", limits);
    tools.limit("crm", limits);
    LocalEngine::new(journal, tools).with_clock(Arc::new(Virtual(slow.began)))
}

fn engine(slow: &Arc<Slow>, limits: Limits) -> LocalEngine {
    engine_on(Arc::new(MemoryJournal::new()), slow, limits)
}

fn request(run_id: &str) -> StartRequest {
    let grants = ["crm.write", "src.read", "mail.send"].map(Into::into).to_vec();
    StartRequest { grants, run_id: Some(run_id.into()), ..StartRequest::new("test") }
}

/// So many reads side by side.
fn reads(count: i64) -> Arc<Plan> {
    let round = block(vec![read("get", 5), yields(slot(5))]);
    Arc::new(one(Role::Coordinator, vec![each("all", numbers(count), Some(10_000), 8, round)]))
}

fn seen(watch: &mut tokio::sync::mpsc::UnboundedReceiver<Observed>, kind: NoteKind) -> Vec<String> {
    let all = std::iter::from_fn(|| watch.try_recv().ok());
    all.filter(|one| one.event == kind).map(|one| one.reason.unwrap_or_default()).collect()
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_at_once_than_the_server_takes() {
    let slow = Slow::new(50);
    let engine = engine(&slow, limits(Some(3), "", ""));
    let mut watch = engine.watch();
    let (a, b) = tokio::join!(engine.start(reads(20), request("a")), engine.start(reads(20), request("b")));
    assert_eq!((a.unwrap().exit_code(), b.unwrap().exit_code()), (0, 0));
    assert_eq!(slow.at_once.lock().unwrap().1, 3);
    assert_eq!(slow.times().len(), 40);
    let waited = seen(&mut watch, NoteKind::StepQueued);
    assert_eq!(waited.len(), 37);
    assert!(waited[0].contains("takes 3 at once"), "{}", waited[0]);
    assert_eq!(engine.gates()[0].active + engine.gates()[1].active, 0);
}

#[tokio::test(start_paused = true)]
async fn in_no_second_more_calls_than_the_limit_and_waiting_does_not_count_as_the_attempts_time() {
    let slow = Slow::new(10);
    let engine = engine(&slow, limits(None, "10 per 1s", ""));
    let round = block(vec![read("get", 5).with(|act| act.timeout = Some(ms(100))), yields(slot(5))]);
    let plan = one(Role::Coordinator, vec![each("all", numbers(45), Some(100), 8, round)]);
    let envelope = engine.start(Arc::new(plan), request("a")).await.unwrap();
    assert_eq!((envelope.exit_code(), envelope.metadata.attempts), (0, 45));
    let times = slow.times();
    assert!(times.windows(11).all(|some| some[10] - some[0] >= 1_000), "{times:?}");
    assert!(times[44] < 4_200, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_with_many_calls_does_not_hold_up_one_with_few() {
    let slow = Slow::new(50);
    let engine = engine(&slow, limits(Some(1), "", ""));
    let many = tokio::spawn({
        let engine = engine.clone();
        async move { engine.start(reads(200), request("many")).await }
    });
    tokio::time::sleep(Duration::from_millis(120)).await;
    engine.start(reads(2), request("few")).await.unwrap();
    let done = slow.runs().iter().filter(|run| *run == "many").count();
    assert!(done <= 7, "{done} calls of the other run came first");
    many.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_breaker_opens_is_tried_by_one_call_and_closes() {
    let slow = Slow::new(10);
    *slow.down.lock().unwrap() = 4;
    let engine = engine(&slow, limits(None, "", "3 failures per 1m open 30s"));
    let mut watch = engine.watch();
    for n in 0..3 {
        let envelope = engine.start(reads(1), request(&format!("down-{n}"))).await.unwrap();
        assert_eq!(envelope.metadata.status, Status::Failed);
    }
    assert_eq!(engine.gates()[1].breaker, Some("open"));
    let refused = engine.start(reads(1), request("refused")).await.unwrap().metadata.error.unwrap();
    assert!(refused.message.contains("failed too often"), "{}", refused.message);
    assert_eq!((refused.code.as_str(), slow.times().len()), ("unavailable", 3));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(engine.gates()[1].breaker, Some("half_open"));
    // One tries and fails; who waited behind it is refused.
    let envelope = engine.start(reads(5), request("tries")).await.unwrap();
    assert_eq!((envelope.metadata.status, slow.times().len()), (Status::Failed, 4));
    tokio::time::sleep(Duration::from_secs(30)).await;
    let envelope = engine.start(reads(5), request("again")).await.unwrap();
    assert_eq!((envelope.metadata.status, slow.times().len()), (Status::Succeeded, 9));
    assert_eq!(engine.gates()[1].breaker, Some("closed"));
    let told: Vec<Observed> = std::iter::from_fn(|| watch.try_recv().ok()).collect();
    let of = |kind: NoteKind| told.iter().filter(|one| one.event == kind).collect::<Vec<_>>();
    let (opened, tried) = (of(NoteKind::BreakerOpened), of(NoteKind::BreakerHalfOpen));
    assert_eq!((opened.len(), tried.len(), of(NoteKind::BreakerClosed).len()), (2, 2, 1));
    assert!(tried[0].reason.as_ref().unwrap().contains("tries whether `src` answers again"));
    assert!(opened[0].reason.as_ref().unwrap().contains("`src` is not called for 30000 ms"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_an_open_breaker_refused_is_retried_when_it_may_pass() {
    let slow = Slow::new(10);
    *slow.down.lock().unwrap() = 1;
    let engine = engine(&slow, limits(None, "", "1 failure per 1m open 30s"));
    let plan = one(Role::Coordinator, vec![read("get", 0).retry(&["unavailable"], 3)]);
    let envelope = engine.start(Arc::new(plan), request("a")).await.unwrap();
    assert_eq!((envelope.exit_code(), slow.times().len()), (0, 2));
    assert!(slow.times()[1] >= 30_000);
}

#[tokio::test]
async fn an_open_breaker_and_a_used_up_limit_are_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weir.db");
    let slow = Slow::new(0);
    let strict = limits(None, "2 per 1d", "1 failure per 1m open 1h");
    {
        let engine = engine_on(Arc::new(SqliteJournal::open(&file).unwrap()), &slow, strict);
        engine.start(reads(1), request("up")).await.unwrap();
        *slow.down.lock().unwrap() = 1;
        engine.start(reads(1), request("down")).await.unwrap();
    }
    let engine = engine_on(Arc::new(SqliteJournal::open(&file).unwrap()), &slow, strict);
    assert_eq!(engine.gates()[1].breaker, Some("open"));
    let error = engine.start(reads(1), request("refused")).await.unwrap().metadata.error.unwrap();
    assert_eq!((error.code.as_str(), slow.times().len()), ("unavailable", 2));
    // The limit alone: nothing is left of it today.
    let only = limits(None, "2 per 1d", "");
    let engine = engine_on(Arc::new(SqliteJournal::open(&file).unwrap()), &slow, only);
    let (_, waits) = tokio::join!(
        async {
            while engine.gates()[1].waiting == 0 {
                tokio::task::yield_now().await;
            }
            engine.cancel("waits", "enough").await.unwrap();
        },
        engine.start(reads(1), request("waits"))
    );
    assert_eq!((waits.unwrap().metadata.status, slow.times().len()), (Status::Cancelled, 2));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_is_given_up_with_its_flow_and_leaves_no_doubt() {
    let slow = Slow::new(10);
    let engine = engine(&slow, limits(None, "1 per 1d", ""));
    engine.start(Arc::new(one(Role::Coordinator, vec![write("first", 0)])), request("first")).await.unwrap();
    let late = flow(Role::Coordinator, "main", block(vec![write("late", 0)])).clauses(|c| c.timeout_ms = Some(5_000));
    let envelope = engine.start(Arc::new(plan(vec![late])), request("late")).await.unwrap();
    assert_eq!(envelope.metadata.status, Status::Failed);
    assert_eq!(envelope.metadata.error.unwrap().code, "timeout");
    assert_eq!((slow.times().len(), slow.began.elapsed().as_secs()), (1, 5));
    assert_eq!(engine.gates().iter().map(|gate| gate.active).sum::<u32>(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_waited_when_the_process_died_is_made_once_and_is_not_unknown() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let slow = Slow::new(10);
    let before = engine_on(Arc::clone(&journal), &slow, limits(None, "1 per 1d", ""));
    before.start(Arc::new(one(Role::Coordinator, vec![write("first", 0)])), request("first")).await.unwrap();
    let plan = Arc::new(one(Role::Coordinator, vec![write("second", 0)]));
    let died = tokio::time::timeout(Duration::from_secs(5), before.start(plan, request("second"))).await;
    assert!(died.is_err());
    let after = engine_on(journal, &slow, limits(Some(1), "", ""));
    let envelope = after.resume("second").await.unwrap();
    assert_eq!((envelope.metadata.status, slow.times().len()), (Status::Succeeded, 2));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_at_the_gate_is_not_made_while_the_run_is_paused() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let slow = Slow::new(1_000);
    let engine = engine_on(Arc::clone(&journal), &slow, limits(Some(1), "", "")).staying();
    let plan = one(Role::Coordinator, vec![read("one", 0), read("two", 1), read("three", 2), write("last", 3)]);
    let running = tokio::spawn({
        let engine = engine.clone();
        async move { engine.start(Arc::new(plan), request("a")).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    engine.pause("a").await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    // The one that was under way has come back; the two in line have not been made.
    assert_eq!(slow.times().len(), 1);
    assert_eq!(engine.status("a").await.unwrap().metadata.status, Status::Paused);
    let gate = engine.gates().into_iter().find(|gate| gate.server == "src").unwrap();
    assert_eq!((gate.active, gate.waiting), (0, 0));
    engine.resume("a").await.unwrap();
    let envelope = running.await.unwrap().unwrap();
    assert_eq!((envelope.metadata.status, slow.times().len()), (Status::Succeeded, 4));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_paused_with_calls_in_line_is_left_and_gone_on_with() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let slow = Slow::new(1_000);
    let before = engine_on(Arc::clone(&journal), &slow, limits(Some(1), "", ""));
    let running = tokio::spawn({
        let before = before.clone();
        async move { before.start(reads(3), request("a")).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    before.pause("a").await.unwrap();
    assert_eq!(running.await.unwrap().unwrap().metadata.status, Status::Paused);
    assert_eq!((slow.times().len(), before.under_way()), (1, 0));
    // Who only looks after runs that were left leaves it paused.
    let after = engine_on(journal, &slow, limits(Some(1), "", ""));
    assert_eq!(after.carry_on("a").await.unwrap().metadata.status, Status::Paused);
    assert_eq!(slow.times().len(), 1);
    assert_eq!(after.resume("a").await.unwrap().metadata.status, Status::Succeeded);
    assert_eq!(slow.times().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_while_it_is_paused_makes_no_call_more() {
    let slow = Slow::new(1_000);
    let engine = engine(&slow, limits(Some(1), "", "")).staying();
    let running = tokio::spawn({
        let engine = engine.clone();
        async move { engine.start(reads(3), request("a")).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    engine.pause("a").await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    engine.cancel("a", "enough").await.unwrap();
    let envelope = running.await.unwrap().unwrap();
    assert_eq!((envelope.metadata.status, slow.times().len()), (Status::Cancelled, 1));
}

#[tokio::test(start_paused = true)]
async fn a_monitor_waits_in_no_line() {
    for limits in [limits(Some(1), "", ""), limits(None, "1 per 1h", "")] {
        let slow = Slow::new(200);
        let engine = engine(&slow, limits);
        let mut watch = engine.watch();
        // Somebody else has taken what the server gives.
        let busy = tokio::spawn({
            let engine = engine.clone();
            let plan = one(Role::Coordinator, vec![write("busy", 0)]);
            async move { engine.start(Arc::new(plan), request("busy")).await.unwrap() }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let count = flow(Role::Monitor, "count", block(vec![write("add", 0)]));
        let main = flow(Role::Coordinator, "main", block(vec![call("told", 1, &[], 0), return_(text("done"))]));
        let began = Instant::now();
        let envelope = engine.start(Arc::new(plan(vec![main, count])), request("tells")).await.unwrap();
        assert_eq!(envelope.metadata.status, Status::Succeeded, "{}", envelope.to_json());
        assert_eq!((began.elapsed(), slow.runs().len()), (Duration::ZERO, 1));
        let why = seen(&mut watch, NoteKind::StepSkipped);
        assert!(why.iter().any(|why| why.contains("a monitor does not wait")), "{why:?}");
        busy.await.unwrap();
    }
}
