//! Several instances of one tool server: how calls are spread, what goes on to another instance and what must not, after
//! a crash too; in virtual time. `tests/mcp/instances.rs` has real servers.
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
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use weir_compiler::plan::*;
use weir_compiler::project::{parse_breaker, parse_limit};
use weir_lang::ast::Role;
use weir_runtime::engine::{Engine, LocalEngine, StartRequest, Toolbox};
use weir_runtime::journal::{Journal, MemoryJournal};
use weir_runtime::limits::Limits;
use weir_runtime::machine::{NoteKind, Status};
use weir_runtime::observe::Observed;
use weir_runtime::tool::{Call, Continuation, Fault, Outcome, Tool, Unfinished};
use weir_stdlib::value::Value;

/// What an instance does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Well,
    /// Nothing, and says so.
    Refuses,
    /// Breaks off in the middle.
    Breaks,
    Hangs,
    /// Offers something else than the lock file holds.
    Changed,
    /// Works on as a task.
    Begins,
}

/// Instances `a`, `b`, … of one server.
struct Fleet {
    began: Instant,
    names: Vec<&'static str>,
    does: Mutex<BTreeMap<&'static str, Does>>,
    calls: Mutex<Vec<(EcoString, EcoString)>>,
    looks: Mutex<Vec<(String, u64)>>,
    restarts: Mutex<Vec<String>>,
    at_once: Mutex<(u32, u32)>,
    takes: Duration,
}

impl Fleet {
    fn new(names: &[&'static str]) -> Arc<Fleet> {
        Fleet::taking(names, 10)
    }

    fn taking(names: &[&'static str], millis: u64) -> Arc<Fleet> {
        Arc::new(Fleet {
            began: Instant::now(),
            names: names.to_vec(),
            does: Mutex::default(),
            calls: Mutex::default(),
            looks: Mutex::default(),
            restarts: Mutex::default(),
            at_once: Mutex::default(),
            takes: Duration::from_millis(millis),
        })
    }

    fn set(&self, name: &'static str, does: Does) {
        self.does.lock().unwrap().insert(name, does);
    }

    fn of(&self, name: &str) -> Does {
        self.does.lock().unwrap().get(name).copied().unwrap_or(Does::Well)
    }

    /// Where calls went, in order.
    fn went(&self) -> String {
        let calls = self.calls.lock().unwrap();
        calls.iter().map(|(instance, _)| if instance.is_empty() { "-" } else { instance }).collect()
    }
}

#[async_trait]
impl Tool for Fleet {
    fn describe(&self) -> Vec<EcoString> {
        ["get", "add", "del", "send"].map(Into::into).to_vec()
    }

    fn instances(&self) -> Vec<EcoString> {
        self.names.iter().map(|name| (*name).into()).filter(|_| self.names.len() > 1).collect()
    }

    fn is_out(&self, instance: &str) -> bool {
        self.of(instance) == Does::Changed
    }

    async fn look(&self, instance: &str) -> Result<(), Fault> {
        self.looks.lock().unwrap().push((instance.to_owned(), self.began.elapsed().as_secs()));
        match self.of(instance) {
            Does::Well | Does::Changed | Does::Begins => Ok(()),
            Does::Hangs => std::future::pending().await,
            Does::Refuses | Does::Breaks => Err(Fault::clean("unavailable", "down")),
        }
    }

    async fn restart(&self, instance: &str) {
        self.restarts.lock().unwrap().push(instance.to_owned());
    }

    async fn call(&self, _: &Call) -> Result<Value, Fault> {
        panic!("attempts are made")
    }

    async fn attempt(&self, call: &Call, rest: Option<&Continuation>) -> Result<Outcome, Fault> {
        self.calls.lock().unwrap().push((call.instance.clone(), call.key.clone().unwrap_or_default()));
        let count = |by: i32| {
            let mut at_once = self.at_once.lock().unwrap();
            at_once.0 = at_once.0.saturating_add_signed(by);
            at_once.1 = at_once.1.max(at_once.0);
        };
        count(1);
        tokio::time::sleep(self.takes).await;
        count(-1);
        match self.of(&call.instance) {
            Does::Well => Ok(Outcome::Done(Value::record([("id", Value::text("x"))]))),
            Does::Refuses => Err(Fault::clean("unavailable", "refused")),
            Does::Breaks => Err(Fault::open("unavailable", "broke off")),
            Does::Hangs => std::future::pending().await,
            Does::Changed => Err(Fault::clean("permission", "it is not what weir.lock.json holds")),
            Does::Begins if rest.is_some() => Ok(Outcome::Done(Value::record([("id", Value::text("task"))]))),
            Does::Begins => {
                Ok(Outcome::Unfinished(Box::new(Unfinished { task: Some("t".into()), ..Unfinished::default() })))
            }
        }
    }
}

fn engine_on(journal: Arc<dyn Journal>, fleet: &Arc<Fleet>, limits: Limits) -> LocalEngine {
    let tool = || Arc::clone(fleet) as Arc<dyn Tool>;
    let mut tools = Toolbox::new().with("src", tool()).with("crm", tool()).with("mail", tool());
    tools.limit("src", limits);
    tools.limit("crm", limits);
    LocalEngine::new(journal, tools).with_clock(Arc::new(Virtual(fleet.began)))
}

fn engine(fleet: &Arc<Fleet>, limits: Limits) -> LocalEngine {
    engine_on(Arc::new(MemoryJournal::new()), fleet, limits)
}

fn breaker(text: &str) -> Limits {
    Limits { breaker: parse_breaker(text), ..Limits::default() }
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

/// So many reads one after the other.
fn in_turn(count: i64) -> Arc<Plan> {
    let round = block(vec![read("get", 5), yields(slot(5))]);
    Arc::new(one(Role::Coordinator, vec![each("all", numbers(count), None, 8, round)]))
}

/// One write, as this makes it.
fn writing(change: impl FnOnce(StepPlan) -> StepPlan) -> Arc<Plan> {
    Arc::new(one(Role::Coordinator, vec![change(write("add", 0))]))
}

/// A write that only its key makes repeatable.
fn keyed() -> Arc<Plan> {
    let step = write("add", 0).with(|act| act.repeatable = true).key(text("k")).retry(&["unavailable", "timeout"], 3);
    let mut plan = one(Role::Coordinator, vec![step.with(|act| act.timeout = Some(ms(1_000)))]);
    plan.tools.get_mut("crm.add").unwrap().accepts_key = Some("request_id".into());
    Arc::new(plan)
}

fn seen(watch: &mut tokio::sync::mpsc::UnboundedReceiver<Observed>, kind: NoteKind) -> Vec<Observed> {
    std::iter::from_fn(|| watch.try_recv().ok()).filter(|one| one.event == kind).collect()
}

async fn audited(journal: &Arc<dyn Journal>, what: &str) -> Vec<String> {
    let links = journal.audited(0, 1_000).unwrap().links;
    let read = links.iter().map(|link| serde_json::from_str::<serde_json::Value>(&link.text).unwrap());
    let of = read.filter(|entry| entry["what"] == what);
    of.map(|entry| entry["instance"].as_str().unwrap_or("-").to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn calls_go_to_the_least_busy_and_then_in_turn_and_limits_count_over_all() {
    let fleet = Fleet::new(&["a", "b", "c"]);
    let limits = Limits { concurrency: Some(6), rate: parse_limit("30 per 1s"), ..Limits::default() };
    let engine = engine(&fleet, limits);
    let mut watch = engine.watch();
    assert_eq!(engine.start(reads(60), request("a")).await.unwrap().exit_code(), 0);
    let went = fleet.went();
    assert_eq!(&went[..6], "abcabc");
    for name in ["a", "b", "c"] {
        assert_eq!(went.matches(name).count(), 20, "{went}");
    }
    assert_eq!(fleet.at_once.lock().unwrap().1, 6);
    assert!(fleet.began.elapsed() >= Duration::from_secs(1));
    let sent = seen(&mut watch, NoteKind::StepSent);
    assert_eq!((sent.len(), sent[1].instance.as_str()), (60, "b"));
    let gate = engine.gates().into_iter().find(|gate| gate.server == "src").unwrap();
    assert_eq!(gate.instances.iter().map(|one| one.state).collect::<Vec<_>>(), ["up", "up", "up"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_did_not_happen_goes_on_elsewhere_in_the_same_attempt() {
    for plan in [writing(StepPlan::once), keyed(), reads(1)] {
        let fleet = Fleet::new(&["a", "b", "c"]);
        fleet.set("a", Does::Refuses);
        fleet.set("b", Does::Refuses);
        let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
        let engine = engine_on(Arc::clone(&journal), &fleet, Limits::default());
        let mut watch = engine.watch();
        let envelope = engine.start(plan, request("a")).await.unwrap();
        assert_eq!((envelope.metadata.status, envelope.metadata.attempts), (Status::Succeeded, 1));
        assert_eq!(fleet.went(), "abc");
        assert_eq!(audited(&journal, "call.attempted").await, ["a", "b", "c"]);
        assert_eq!(audited(&journal, "call.failed").await, ["a", "b"]);
        let why: Vec<String> = seen(&mut watch, NoteKind::StepSent).into_iter().filter_map(|one| one.reason).collect();
        assert_eq!(why, ["to a", "to b: a did not carry it out", "to c: a, b did not carry it out"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_may_have_happened_is_made_nowhere_else() {
    let fleet = Fleet::new(&["a", "b"]);
    fleet.set("a", Does::Breaks);
    let engine = engine(&fleet, Limits::default());
    let envelope = engine.start(writing(StepPlan::once), request("a")).await.unwrap();
    assert_eq!((envelope.metadata.status, fleet.went().as_str()), (Status::NeedsAttention, "a"));
}

#[tokio::test(start_paused = true)]
async fn what_may_be_repeated_goes_on_elsewhere_and_keeps_its_doubt() {
    let idempotent = || {
        let mut plan = (*writing(|step| step.with(|act| act.repeatable = true))).clone();
        plan.tools.get_mut("crm.add").unwrap().idempotent = true;
        Arc::new(plan)
    };
    for plan in [idempotent(), reads(1)] {
        let fleet = Fleet::new(&["a", "b"]);
        fleet.set("a", Does::Breaks);
        let engine = engine(&fleet, Limits::default());
        let envelope = engine.start(plan, request("a")).await.unwrap();
        assert_eq!((envelope.metadata.status, envelope.metadata.attempts), (Status::Succeeded, 1));
        assert_eq!(fleet.went(), "ab");
    }
    // The second one says that nothing has happened there, which says nothing about the first.
    let fleet = Fleet::new(&["a", "b"]);
    fleet.set("a", Does::Breaks);
    fleet.set("b", Does::Refuses);
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let engine = engine_on(Arc::clone(&journal), &fleet, Limits::default());
    let envelope = engine.start(idempotent(), request("a")).await.unwrap();
    assert_eq!((envelope.metadata.status, fleet.went().as_str()), (Status::Failed, "ab"));
    let lines: Vec<String> = journal.load("a").unwrap().unwrap().lines.into_iter().map(|line| line.text).collect();
    assert!(
        lines.iter().any(|line| line.contains("\"failed\"") && line.contains("\"happened\":\"maybe\"")),
        "{lines:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_counts_where_it_was_given() {
    let fleet = Fleet::new(&["a", "b"]);
    fleet.set("a", Does::Breaks);
    let engine = engine(&fleet, Limits::default());
    let heals = async {
        tokio::time::sleep(Duration::from_millis(15)).await;
        fleet.set("a", Does::Well);
    };
    let (envelope, ()) = tokio::join!(engine.start(keyed(), request("a")), heals);
    let envelope = envelope.unwrap();
    assert_eq!((envelope.metadata.status, fleet.went().as_str()), (Status::Succeeded, "aa"));
    // Where it stays down, no other one is called.
    let fleet = Fleet::new(&["a", "b"]);
    fleet.set("a", Does::Hangs);
    let limits = breaker("2 failures per 1m open 1s");
    let engine = self::engine(&fleet, limits);
    let envelope = engine.start(keyed(), request("a")).await.unwrap();
    assert_ne!(envelope.metadata.status, Status::Succeeded);
    assert!(fleet.went().starts_with("aa") && !fleet.went().contains('b'), "{}", fleet.went());
    // All instances know all keys: it goes on at once.
    let fleet = Fleet::new(&["a", "b"]);
    fleet.set("a", Does::Breaks);
    let engine = self::engine(&fleet, Limits { shared_keys: true, ..Limits::default() });
    let envelope = engine.start(keyed(), request("a")).await.unwrap();
    assert_eq!((envelope.metadata.status, fleet.went().as_str()), (Status::Succeeded, "ab"));
}

/// The process dies while the call is at `a`; another process goes on.
async fn resumed(plan: Arc<Plan>, before: &Arc<Fleet>, after: &Arc<Fleet>, limits: Limits) -> Status {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let dying = engine_on(Arc::clone(&journal), before, limits);
    let running = tokio::spawn(async move { dying.start(plan, request("run")).await });
    while before.went().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    running.abort();
    engine_on(journal, after, limits).resume("run").await.unwrap().metadata.status
}

#[tokio::test]
async fn after_a_crash_a_keyed_call_goes_to_the_instance_that_knows_its_key() {
    let none = Limits::default();
    let hanging = || {
        let fleet = Fleet::new(&["a", "b"]);
        fleet.set("a", Does::Hangs);
        fleet
    };
    // In another order, so that `b` would be the first choice.
    let after = Fleet::new(&["b", "a"]);
    assert_eq!(resumed(keyed(), &hanging(), &after, none).await, Status::Succeeded);
    assert_eq!(after.went(), "a");
    // It is gone: nobody else knows what became of the call.
    let after = Fleet::new(&["b", "c"]);
    assert_eq!(resumed(keyed(), &hanging(), &after, none).await, Status::NeedsAttention);
    assert_eq!(after.went(), "");
    let after = Fleet::new(&["b"]);
    assert_eq!(resumed(keyed(), &hanging(), &after, none).await, Status::NeedsAttention);
    assert_eq!(after.went(), "");
    // It was made when the server had but one.
    let alone = Fleet::new(&["a"]);
    alone.set("", Does::Hangs);
    let after = Fleet::new(&["a", "b"]);
    assert_eq!(resumed(keyed(), &alone, &after, none).await, Status::NeedsAttention);
    assert_eq!(after.went(), "");
    // What is idempotent, or keyed for all, goes anywhere.
    let after = Fleet::new(&["b", "c"]);
    let shared = Limits { shared_keys: true, ..none };
    assert_eq!(resumed(keyed(), &hanging(), &after, shared).await, Status::Succeeded);
    assert_eq!(after.went(), "b");
}

#[tokio::test(start_paused = true)]
async fn what_works_on_as_a_task_is_gone_on_with_where_it_began() {
    let fleet = Fleet::new(&["a", "b"]);
    fleet.set("a", Does::Begins);
    fleet.set("b", Does::Begins);
    let engine = engine(&fleet, Limits::default());
    engine.start(reads(3), request("a")).await.unwrap();
    let mut went: Vec<char> = fleet.went().chars().collect();
    assert_eq!(went[..3], ['a', 'b', 'a']);
    went.sort_unstable();
    assert_eq!(went, ['a', 'a', 'a', 'a', 'b', 'b']);
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_is_passed_over_until_it_answers() {
    let fleet = Fleet::new(&["a", "b"]);
    fleet.set("a", Does::Refuses);
    let engine = engine(&fleet, Limits::default());
    engine.start(in_turn(10), request("one")).await.unwrap();
    assert_eq!(fleet.went(), "abbbbbbbbbb");
    assert_eq!(engine.gates().iter().find(|gate| gate.server == "src").unwrap().instances[0].state, "failing");
    tokio::time::sleep(Duration::from_secs(60)).await;
    let asked = fleet.looks.lock().unwrap().len();
    assert!(asked >= 5, "{asked}");
    assert!(fleet.looks.lock().unwrap().iter().all(|(name, _)| name == "a"));
    fleet.set("a", Does::Well);
    tokio::time::sleep(Duration::from_secs(30)).await;
    engine.start(in_turn(4), request("two")).await.unwrap();
    assert_eq!(fleet.went(), "abbbbbbbbbbabab");
    // It is well, and nobody wants it watched.
    let asked = fleet.looks.lock().unwrap().len();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(fleet.looks.lock().unwrap().len(), asked);
}

#[tokio::test(start_paused = true)]
async fn one_that_hangs_is_started_again_once_nobody_uses_it() {
    let fleet = Fleet::new(&["a", "b"]);
    fleet.set("a", Does::Hangs);
    let engine = engine(&fleet, Limits::default());
    let step = read("get", 0).with(|act| act.timeout = Some(ms(1_000))).retry(&["timeout"], 2);
    let envelope = engine.start(Arc::new(one(Role::Coordinator, vec![step])), request("one")).await.unwrap();
    // Its time is over with the first one, so that the second is another attempt.
    assert_eq!((envelope.metadata.status, envelope.metadata.attempts), (Status::Succeeded, 2));
    assert_eq!(fleet.went(), "ab");
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(fleet.restarts.lock().unwrap().iter().all(|name| name == "a"));
    assert!(!fleet.restarts.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn each_has_its_breaker_and_the_answer_to_a_question_closes_it() {
    let fleet = Fleet::new(&["a", "b"]);
    fleet.set("a", Does::Refuses);
    let engine = engine(&fleet, breaker("1 failure per 1m open 30s"));
    let mut watch = engine.watch();
    engine.start(in_turn(3), request("one")).await.unwrap();
    let stands = |engine: &LocalEngine| {
        let gate = engine.gates().into_iter().find(|gate| gate.server == "src").unwrap();
        let own: Vec<&str> = gate.instances.iter().filter_map(|one| one.breaker).collect();
        (gate.breaker.unwrap(), own.join(" "))
    };
    assert_eq!(stands(&engine), ("closed", "open closed".to_owned()));
    let opened = seen(&mut watch, NoteKind::BreakerOpened);
    assert!(opened[0].reason.as_ref().unwrap().starts_with("`src` at a is not called for 30000 ms"));
    assert!(opened.len() == 1 && opened[0].instance == "a" && opened[0].tool.starts_with("src."), "{opened:?}");
    assert!(opened[0].to_json().contains(r#""instance":"a""#), "{}", opened[0].to_json());
    fleet.set("b", Does::Refuses);
    let envelope = engine.start(in_turn(1), request("two")).await.unwrap();
    assert_eq!((envelope.metadata.status, stands(&engine).0), (Status::Failed, "open"));
    let before = fleet.went();
    let refused = engine.start(in_turn(1), request("three")).await.unwrap().metadata.error.unwrap();
    assert!(refused.message.contains("failed too often"), "{}", refused.message);
    assert_eq!(fleet.went(), before);
    fleet.set("b", Does::Well);
    tokio::time::sleep(Duration::from_secs(45)).await;
    assert_eq!(stands(&engine), ("closed", "open closed".to_owned()));
    engine.start(in_turn(2), request("four")).await.unwrap();
    assert_eq!(fleet.went(), format!("{before}bb"));
    let closed = seen(&mut watch, NoteKind::BreakerClosed);
    assert_eq!(closed.iter().map(|one| one.instance.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_has_changed_is_not_called() {
    let fleet = Fleet::new(&["a", "b"]);
    fleet.set("a", Does::Changed);
    let engine = engine(&fleet, Limits::default());
    assert_eq!(engine.start(in_turn(3), request("one")).await.unwrap().exit_code(), 0);
    assert_eq!(fleet.went(), "bbb");
    fleet.set("b", Does::Changed);
    let error = engine.start(in_turn(1), request("two")).await.unwrap().metadata.error.unwrap();
    assert_eq!(error.code, "permission");
    fleet.set("a", Does::Well);
    assert_eq!(engine.start(in_turn(1), request("three")).await.unwrap().exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn where_it_is_asked_for_each_is_asked_how_it_is() {
    let fleet = Fleet::new(&["a", "b"]);
    let engine = engine(&fleet, Limits { health_ms: Some(5_000), ..Limits::default() });
    engine.start(in_turn(2), request("one")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(21)).await;
    let looks = fleet.looks.lock().unwrap().clone();
    assert_eq!(looks.len(), 8, "{looks:?}");
    fleet.set("b", Does::Refuses);
    tokio::time::sleep(Duration::from_secs(6)).await;
    // It was found without a call.
    engine.start(in_turn(3), request("two")).await.unwrap();
    assert_eq!(fleet.went(), "abaaa");
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_was_down_when_the_process_ended_is_called_again_when_it_is_well() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let limits = breaker("1 failure per 1m open 2s");
    let before = Fleet::new(&["a", "b"]);
    before.set("a", Does::Refuses);
    let engine = engine_on(Arc::clone(&journal), &before, limits);
    assert_eq!(engine.start(in_turn(4), request("one")).await.unwrap().exit_code(), 0);
    assert_eq!(before.went(), "abbbb");
    let gate = |engine: &LocalEngine| engine.gates().into_iter().find(|gate| gate.server == "src").unwrap();
    drop(engine);
    // Another process, while the breaker is open, and when it has run out: nobody calls it, so it has to be asked.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = Fleet { began: before.began, ..Arc::into_inner(Fleet::new(&["a", "b"])).unwrap() };
    let after = Arc::new(after);
    let engine = engine_on(Arc::clone(&journal), &after, limits);
    let states: Vec<&str> = gate(&engine).instances.iter().map(|one| one.state).collect();
    assert_eq!(states, ["failing", "up"]);
    assert_eq!(engine.start(in_turn(2), request("two")).await.unwrap().exit_code(), 0);
    assert_eq!(after.went(), "bb");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(after.looks.lock().unwrap().iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(engine.start(in_turn(4), request("three")).await.unwrap().exit_code(), 0);
    assert_eq!(after.went().matches('a').count(), 2, "{}", after.went());
    assert_eq!(gate(&engine).instances.iter().map(|one| one.breaker).collect::<Vec<_>>(), [Some("closed"); 2]);
}
