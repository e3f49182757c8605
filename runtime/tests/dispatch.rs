//! The queue and the dispatcher: delayed starts, priorities, turns, limits over runs, restarts, stopping; in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that fails may panic"
)]

mod build;
#[macro_use]
#[path = "build/pass_on.rs"]
mod pass_on;

use async_trait::async_trait;
use build::*;
use ecow::EcoString;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;
use weir_compiler::plan::*;
use weir_lang::ast::Role;
use weir_lang::types::Type;
use weir_runtime::dispatch::{Dispatcher, Settings};
use weir_runtime::engine::{Engine, EngineError, LocalEngine, Signal, StartRequest, Toolbox, When};
use weir_runtime::journal::{Filter, Journal, JournalError, MemoryJournal, SqliteJournal, Ticket, Trouble};
use weir_runtime::machine::{Decision, NoteKind, Status};
use weir_runtime::tool::{Call, Fault, Tool};
use weir_stdlib::value::Value;

/// A server that remembers who called when, and how many at once by the argument `q`.
struct Log {
    began: Instant,
    takes: Duration,
    calls: Mutex<Vec<(u64, EcoString, String)>>,
    at_once: Mutex<BTreeMap<String, (u32, u32)>>,
}

impl Log {
    fn new(takes: u64) -> Arc<Log> {
        Arc::new(Log {
            began: Instant::now(),
            takes: Duration::from_millis(takes),
            calls: Mutex::default(),
            at_once: Mutex::default(),
        })
    }

    fn runs(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|(_, run, _)| run.to_string()).collect()
    }

    fn seconds(&self) -> Vec<u64> {
        self.calls.lock().unwrap().iter().map(|(at, _, _)| at / 1_000).collect()
    }

    fn most(&self) -> Vec<u32> {
        self.at_once.lock().unwrap().values().map(|(_, most)| *most).collect()
    }
}

#[async_trait]
impl Tool for Log {
    fn describe(&self) -> Vec<EcoString> {
        ["get", "add", "del", "send"].map(Into::into).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        let what = call.args.to_json();
        let at = u64::try_from(self.began.elapsed().as_millis()).unwrap();
        self.calls.lock().unwrap().push((at, call.run_id.clone(), what.clone()));
        {
            let mut all = self.at_once.lock().unwrap();
            let at_once = all.entry(what.clone()).or_default();
            at_once.0 += 1;
            at_once.1 = at_once.1.max(at_once.0);
        }
        tokio::time::sleep(self.takes).await;
        self.at_once.lock().unwrap().get_mut(&what).unwrap().0 -= 1;
        Ok(Value::record([("id", Value::text("x"))]))
    }
}

fn engine(journal: Arc<dyn Journal>, log: &Arc<Log>) -> LocalEngine {
    let tool = || Arc::clone(log) as Arc<dyn Tool>;
    let tools = Toolbox::new().with("src", tool()).with("crm", tool()).with("mail", tool());
    LocalEngine::new(journal, tools).with_clock(Arc::new(Virtual(log.began)))
}

fn memory(log: &Arc<Log>) -> LocalEngine {
    engine(Arc::new(MemoryJournal::new()), log)
}

fn sqlite(file: &Path, log: &Arc<Log>) -> LocalEngine {
    engine(Arc::new(SqliteJournal::open(file).unwrap()), log)
}

fn request(run_id: &str) -> StartRequest {
    let grants = ["crm.write", "src.read", "mail.send"].map(Into::into).to_vec();
    StartRequest { grants, run_id: Some(run_id.into()), ..StartRequest::new("test") }
}

/// One write.
fn writes() -> Arc<Plan> {
    Arc::new(one(Role::Coordinator, vec![write("add", 0)]))
}

/// A dispatcher that works until the test has what it wants.
struct Working {
    dispatcher: Arc<Dispatcher>,
    stop: oneshot::Sender<()>,
    work: tokio::task::JoinHandle<()>,
}

fn work(engine: &LocalEngine, most: usize) -> Working {
    let dispatcher = Arc::new(Dispatcher::new(
        engine.clone(),
        Settings { most, poll: Duration::from_secs(60), ..Settings::default() },
    ));
    let (stop, stopped) = oneshot::channel::<()>();
    let works = Arc::clone(&dispatcher);
    let work = tokio::spawn(async move { works.run(async { drop(stopped.await) }).await });
    Working { dispatcher, stop, work }
}

impl Working {
    async fn stop(self) {
        let _ = self.stop.send(());
        self.work.await.unwrap();
    }
}

/// Waits until every run of these has this status.
async fn until(engine: &LocalEngine, status: &str, count: usize) {
    let filter = Filter { status: vec![status.into()], ..Filter::default() };
    for look in 1..5_000 {
        if engine.list(&filter).await.unwrap().len() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis((look * 10).min(60_000))).await;
    }
    let found: Vec<_> = engine.list(&Filter { limit: 9, ..Filter::default() }).await.unwrap();
    panic!("not {count} runs {status}: {:?}", found.iter().map(|run| &run.status).collect::<Vec<_>>());
}

fn from(source: &str) -> When {
    When { source: source.into(), ..When::default() }
}

#[tokio::test(start_paused = true)]
async fn what_is_started_for_later_is_queued_and_begins_when_its_time_has_come() {
    let log = Log::new(10);
    let engine = memory(&log);
    let delayed = start("job", 1, &[], 0).with(|act| {
        if let Target::Start { delay, .. } = &mut act.target {
            *delay = Some(ms(259_200_000));
        }
    });
    let main = flow(Role::Scheduler, "main", block(vec![delayed, return_(slot(0))]));
    let later = flow(Role::Coordinator, "later", block(vec![write("add", 0)]));
    let later = later.clauses(|clauses| clauses.timeout_ms = Some(60_000));
    let plan = Arc::new(plan(vec![main, later]));
    let envelope = engine.start(Arc::clone(&plan), request("parent")).await.unwrap();
    assert_eq!(envelope.metadata.status, Status::Succeeded);
    let child = envelope.records[0].value.as_str().unwrap().to_owned();
    let queued = engine.status(&child).await.unwrap().metadata;
    assert_eq!(
        (queued.status, queued.run_id.as_str(), queued.flow.as_str()),
        (Status::Queued, child.as_str(), "later")
    );
    let working = work(&engine, 4);
    assert_eq!(working.dispatcher.depth().unwrap().later, 1);
    tokio::time::sleep(Duration::from_secs(259_100)).await;
    assert!(log.runs().is_empty());
    until(&engine, "succeeded", 2).await;
    // The flow's own time counts from when it begins.
    assert_eq!((log.runs(), log.seconds()), (vec![child.clone()], vec![259_200]));
    let record = engine.list(&Filter { id: Some(child.into()), ..Filter::default() }).await.unwrap();
    assert_eq!(record[0].parent.as_deref(), Some("parent"));
    working.stop().await;
    let mut ephemeral = request("ephemeral");
    ephemeral.ephemeral = true;
    let Err(EngineError::Refused(why)) = engine.start(plan, ephemeral).await else { panic!() };
    assert!(why[0].contains("leave out `--ephemeral`"), "{why:?}");
}

#[tokio::test(start_paused = true)]
async fn larger_priorities_go_first_and_sources_take_turns() {
    let log = Log::new(1_000);
    let engine = memory(&log);
    for n in 0..6 {
        engine.enqueue(writes(), request(&format!("many{n}")), from("many")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for n in 0..2 {
        engine.enqueue(writes(), request(&format!("few{n}")), from("few")).await.unwrap();
        let urgent = When { priority: Some(9), ..from("many") };
        engine.enqueue(writes(), request(&format!("urgent{n}")), urgent).await.unwrap();
    }
    let working = work(&engine, 1);
    until(&engine, "succeeded", 10).await;
    let runs = log.runs();
    assert_eq!(&runs[..2], ["urgent0", "urgent1"]);
    assert!(runs.iter().position(|run| run == "few1").unwrap() <= 6, "{runs:?}");
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn of_one_key_no_more_go_than_the_flow_says_and_other_keys_go_beside() {
    let log = Log::new(1_000);
    let engine = memory(&log);
    let step =
        write("add", 1).with(|act| act.target = Target::Tool { tool: "crm.add".into(), args: rec(&[("q", slot(0))]) });
    let main = flow(Role::Coordinator, "main", block(vec![step])).params(vec![param("order", Type::STRING)]);
    let main = main.clauses(|clauses| clauses.concurrency = Some((1, Some(slot(0)))));
    let plan = Arc::new(plan(vec![main]));
    let ask =
        |id: &str, order: &str| StartRequest { args: Value::record([("order", Value::text(order))]), ..request(id) };
    for n in 0..5 {
        for order in ["a", "b"] {
            engine.enqueue(Arc::clone(&plan), ask(&format!("{order}{n}"), order), When::default()).await.unwrap();
        }
    }
    let working = work(&engine, 50);
    until(&engine, "succeeded", 10).await;
    assert_eq!(log.most(), [1, 1]);
    assert!(log.began.elapsed() < Duration::from_millis(7_500), "{:?}", log.began.elapsed());
    working.stop().await;
    // What is started by hand waits its turn as well, with or without a dispatcher.
    let engine = memory(&log);
    let (one, two) =
        tokio::join!(engine.start(Arc::clone(&plan), ask("c0", "c")), engine.start(Arc::clone(&plan), ask("c1", "c")));
    assert_eq!((one.unwrap().exit_code(), two.unwrap().exit_code()), (0, 0));
    assert_eq!(log.most(), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_a_person_frees_its_place_and_takes_one_again() {
    let log = Log::new(1_000);
    let engine = memory(&log);
    let steps = vec![ask("ask", "go on?", Type::Bool, 0), write("add", 1)];
    let main = flow(Role::Coordinator, "main", block(steps)).clauses(|clauses| clauses.concurrency = Some((1, None)));
    let plan = Arc::new(plan(vec![main]));
    let working = work(&engine, 50);
    for run in ["one", "two", "three"] {
        engine.enqueue(Arc::clone(&plan), request(run), When::default()).await.unwrap();
    }
    until(&engine, "waiting", 3).await;
    assert_eq!(working.dispatcher.going(), 0);
    for run in ["one", "two", "three"] {
        engine.answer(run, "ask", Value::bool(true)).await.unwrap();
    }
    until(&engine, "succeeded", 3).await;
    assert_eq!(log.most(), [1]);
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn in_no_hour_more_runs_begin_than_the_flow_says() {
    let log = Log::new(10);
    let engine = memory(&log);
    let main = flow(Role::Coordinator, "main", block(vec![write("add", 0)]));
    let plan = Arc::new(plan(vec![main.clauses(|clauses| clauses.limit = Some((2, 3_600_000)))]));
    let working = work(&engine, 50);
    for n in 0..5 {
        engine.enqueue(Arc::clone(&plan), request(&n.to_string()), When::default()).await.unwrap();
    }
    until(&engine, "succeeded", 5).await;
    let seconds = log.seconds();
    assert!(seconds.windows(3).all(|some| some[2] - some[0] >= 3_600), "{seconds:?}");
    assert!(seconds[4] < 7_400, "{seconds:?}");
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_called_flow_that_limits_its_runs_is_refused() {
    let engine = memory(&Log::new(0));
    let called =
        flow(Role::Coordinator, "called", block(vec![])).clauses(|clauses| clauses.concurrency = Some((1, None)));
    let main = flow(Role::Coordinator, "main", block(vec![call("call", 1, &[], 0)]));
    let Err(EngineError::Refused(why)) = engine.start(Arc::new(plan(vec![main, called])), request("a")).await else {
        panic!()
    };
    assert!(why[0].contains("a call is no run of its own"), "{why:?}");
}

#[tokio::test]
async fn a_start_key_queues_once_and_what_is_queued_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weir.db");
    let log = Log::new(1);
    {
        let engine = sqlite(&file, &log);
        for (run, key) in [("a", "k"), ("b", "k"), ("c", "l")] {
            let request = StartRequest { key: Some(key.into()), ..request(run) };
            let queued = engine.enqueue(writes(), request, When::default()).await.unwrap();
            assert_eq!((queued.run_id.as_str(), queued.new), if run == "b" { ("a", false) } else { (run, true) });
        }
    }
    let engine = sqlite(&file, &log);
    let other = sqlite(&file, &log);
    assert_eq!(engine.list(&Filter::default()).await.unwrap().len(), 2);
    let (one, two) = (work(&engine, 4), work(&other, 4));
    // Each has to find what the other one's process has queued.
    for n in 0..30 {
        let by = if n % 2 == 0 { &engine } else { &other };
        by.enqueue(writes(), request(&format!("more{n}")), When::default()).await.unwrap();
    }
    until(&engine, "succeeded", 32).await;
    let mut runs = log.runs();
    runs.sort();
    runs.dedup();
    assert_eq!((runs.len(), log.runs().len()), (32, 32), "a run was carried out twice");
    one.stop().await;
    two.stop().await;
    assert_eq!(engine.list(&Filter { unfinished: true, ..Filter::default() }).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_calls_under_way_and_begins_none() {
    let log = Log::new(1_000);
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let before = engine(Arc::clone(&journal), &log);
    let plan = Arc::new(one(Role::Coordinator, (0..5).map(|n| write(&format!("add{n}"), n)).collect()));
    for n in 0..3 {
        before.enqueue(Arc::clone(&plan), request(&n.to_string()), When::default()).await.unwrap();
    }
    let working = work(&before, 2);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    working.stop().await;
    assert_eq!(log.runs().len(), 4);
    assert_eq!(log.at_once.lock().unwrap().values().map(|(now, _)| now).sum::<u32>(), 0);
    let after = engine(journal, &log);
    let working = work(&after, 2);
    until(&after, "succeeded", 3).await;
    assert_eq!(log.runs().len(), 15);
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn runs_that_sleep_are_not_under_way_and_wake_in_time() {
    let log = Log::new(0);
    let engine = memory(&log);
    let plan = Arc::new(one(Role::Coordinator, vec![wait("wait", ms(86_400_000)), write("add", 0)]));
    for n in 0..300 {
        engine.enqueue(Arc::clone(&plan), request(&n.to_string()), When::default()).await.unwrap();
    }
    let working = work(&engine, 10);
    until(&engine, "waiting", 300).await;
    tokio::time::sleep(Duration::from_secs(70_000)).await;
    assert_eq!((working.dispatcher.going(), working.dispatcher.depth().unwrap().asleep), (0, 300));
    until(&engine, "succeeded", 300).await;
    let seconds = log.seconds();
    assert!(seconds.iter().all(|at| (86_400..86_460).contains(at)), "{seconds:?}");
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_question_whose_time_is_over_is_noticed_without_anybody_asking() {
    let engine = memory(&Log::new(0));
    let question = ask("ask", "go on?", Type::Bool, 0).with(|act| act.timeout = Some(ms(3_600_000))).fallback(no());
    let plan = Arc::new(one(Role::Coordinator, vec![question, return_(slot(0))]));
    engine.enqueue(plan, request("asks"), When::default()).await.unwrap();
    let working = work(&engine, 10);
    until(&engine, "waiting", 1).await;
    until(&engine, "succeeded", 1).await;
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_queued_run_can_be_cancelled_and_sent_events() {
    let log = Log::new(0);
    let engine = memory(&log);
    let later = When { due: Some(epoch() + SignedDuration::from_secs(60)), ..When::default() };
    engine.enqueue(writes(), request("never"), later.clone()).await.unwrap();
    let hears = Arc::new(one(Role::Coordinator, vec![receive("hear", "paid", Type::INT, 0), return_(slot(0))]));
    engine.enqueue(hears, request("hears"), later).await.unwrap();
    assert!(matches!(engine.pause("never").await, Err(EngineError::Unfit(_))));
    engine.cancel("never", "enough").await.unwrap();
    let signal = Signal { id: None, event: "paid".into(), key: None, value: Value::int(7) };
    engine.signal("hears", signal).await.unwrap();
    assert_eq!(engine.status("hears").await.unwrap().metadata.status, Status::Queued);
    assert_eq!(engine.resume("hears").await.unwrap().metadata.status, Status::Queued);
    let working = work(&engine, 10);
    until(&engine, "succeeded", 1).await;
    let never = engine.status("never").await.unwrap().metadata;
    assert_eq!((never.status, never.run_id.as_str(), log.runs().len()), (Status::Cancelled, "never", 0));
    assert_eq!(engine.status("hears").await.unwrap().records[0].value.to_json(), "7");
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_cannot_be_carried_on_raises_an_alert_and_others_go() {
    let log = Log::new(0);
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let before = engine(Arc::clone(&journal), &log);
    before.enqueue(writes(), request("stuck"), When::default()).await.unwrap();
    let poor = LocalEngine::new(journal, Toolbox::new()).with_clock(Arc::new(Virtual(log.began)));
    let mut watch = poor.watch();
    let mut pure = one(Role::Coordinator, vec![return_(int(1))]);
    pure.tools.clear();
    poor.enqueue(Arc::new(pure), request("fine"), When::default()).await.unwrap();
    let working = work(&poor, 10);
    until(&poor, "succeeded", 1).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let alerts: Vec<_> =
        std::iter::from_fn(|| watch.try_recv().ok()).filter(|one| one.event == NoteKind::Alert).collect();
    assert_eq!(alerts.len(), 1);
    assert!(alerts[0].reason.as_ref().unwrap().contains("add `[tools.crm]`"), "{:?}", alerts[0].reason);
    assert_eq!(poor.status("stuck").await.unwrap().metadata.status, Status::Queued);
    working.stop().await;
}

#[tokio::test]
async fn what_was_under_way_when_the_process_died_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weir.db");
    let log = Log::new(50);
    let plan = Arc::new(one(Role::Coordinator, vec![read("a", 0), read("b", 1), wait("w", ms(50)), write("add", 2)]));
    {
        // The journal ends as a process does that is killed: nobody lets go of the run.
        let engine = sqlite(&file, &log);
        engine.enqueue(plan, request("dies"), When::default()).await.unwrap();
        let working = work(&engine, 4);
        until(&engine, "running", 1).await;
        working.work.abort();
    }
    let engine = sqlite(&file, &log);
    let working = work(&engine, 4);
    until(&engine, "succeeded", 1).await;
    assert_eq!(log.calls.lock().unwrap().iter().filter(|(_, _, args)| args.contains("add")).count(), 1);
    working.stop().await;
}

/// Adds, then fails.
fn fails(change: impl FnOnce(&mut FlowClauses)) -> Arc<Plan> {
    let main = flow(Role::Coordinator, "main", block(vec![write("add", 0), raise("no", "failed", "it is like that")]));
    Arc::new(plan(vec![main.clauses(change)]))
}

#[tokio::test]
async fn a_retry_waits_until_there_is_room_for_it() {
    let folder = tempfile::tempdir().unwrap();
    for journal in [
        Arc::new(MemoryJournal::new()) as Arc<dyn Journal>,
        Arc::new(SqliteJournal::open(folder.path().join("weir.db")).unwrap()),
    ] {
        let log = Log::new(300);
        let engine = engine(journal, &log);
        let plan = fails(|clauses| clauses.concurrency = Some((1, None)));
        engine.start(Arc::clone(&plan), request("first")).await.unwrap();
        let other = tokio::spawn({
            let engine = engine.clone();
            async move { engine.start(plan, request("other")).await }
        });
        while log.runs().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let again = engine.retry("first", None).await.unwrap();
        assert_eq!(again.metadata.status, Status::Failed);
        // It has taken over what was done, and began only when the other one was through.
        assert_eq!(engine.status("other").await.unwrap().metadata.status, Status::Failed);
        assert_eq!(log.runs(), ["first", "other"]);
        let listed = engine.list(&Filter { id: Some(again.metadata.run_id), ..Filter::default() }).await.unwrap();
        assert_eq!(listed[0].status, "failed");
        // It was taken over by that one, and by no other.
        let twice = engine.retry("first", None).await.unwrap_err();
        assert!(twice.to_string().starts_with("run first was retried before, as run "), "{twice}");
        other.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_counts_as_a_start() {
    let log = Log::new(10);
    let engine = memory(&log);
    let plan = fails(|clauses| clauses.limit = Some((2, 3_600_000)));
    for run in ["a", "b"] {
        engine.start(Arc::clone(&plan), request(run)).await.unwrap();
    }
    engine.retry("a", None).await.unwrap();
    assert!(log.began.elapsed().as_secs() >= 3_600, "{:?}", log.began.elapsed());
    // Where a dispatcher works, it is taken from the queue.
    let working = work(&engine, 10);
    let begun = engine.begin_retry("b", None).await.unwrap();
    until(&engine, "failed", 4).await;
    assert_eq!(engine.status(&begun.run_id).await.unwrap().metadata.status, Status::Failed);
    assert_eq!(log.runs(), ["a", "b"]);
    working.stop().await;
}

/// A journal whose disk is full for one write, and is not before and after.
struct Full {
    journal: MemoryJournal,
    writes: AtomicU32,
    at: u32,
}

impl Full {
    fn write<T>(&self, write: impl FnOnce(&MemoryJournal) -> Ticket<T>) -> Ticket<T> {
        if self.writes.fetch_add(1, Ordering::Relaxed) + 1 != self.at {
            return write(&self.journal);
        }
        let (what, why) = ("cannot write the journal".into(), "the disk is full".into());
        Ticket::known(Err(JournalError { what, why, trouble: Trouble::Unusable }))
    }
}

impl Journal for Full {
    pass_on! { (write) create append claim release admit }

    pass_on! { [journal] post posts load list thread_lines forget audit audited enqueue queued due depth remember recall }
}

/// Whichever write fails, the run is gone on with by itself when the disk has room again.
#[tokio::test(start_paused = true)]
async fn a_run_whose_journal_failed_for_a_moment_is_gone_on_with() {
    let steps = || vec![read("a", 0), write("b", 1), wait("c", ms(1)), return_(text("done"))];
    let plan = Arc::new(one(Role::Coordinator, steps()));
    for at in 1..12 {
        let log = Log::new(1);
        let journal = MemoryJournal::new();
        let engine = engine(Arc::new(Full { journal, writes: AtomicU32::new(0), at }), &log);
        let dispatcher = Dispatcher::new(engine.clone(), Settings::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let works = tokio::spawn(async move { dispatcher.run(async { drop(stopped.await) }).await });
        let queued = engine.enqueue(Arc::clone(&plan), request("r1"), When::default()).await.unwrap();
        let ended = async {
            loop {
                let metadata = engine.status(&queued.run_id).await.unwrap().metadata;
                match metadata.status {
                    _ if metadata.finished_at.is_some() => return,
                    Status::NeedsAttention => engine.decide(&queued.run_id, "b", Decision::Again).await.unwrap(),
                    _ => {}
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(3_600), ended).await.unwrap_or_else(|_| panic!("write {at}"));
        drop(stop);
        works.await.unwrap();
    }
}
