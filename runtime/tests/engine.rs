//! The local engine: calls, time limits, panics, keys, questions, starts, resuming after a crash.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that fails may panic"
)]

mod build;
#[macro_use]
#[path = "build/pass_on.rs"]
mod pass_on;

use async_trait::async_trait;
use build::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_compiler::plan::*;
use weir_lang::ast::Role;
use weir_lang::types::Type;
use weir_runtime::engine::{
    Answerer, Engine, EngineError, LocalEngine, Question, Signal, StartRequest, Toolbox, When, validate,
};
use weir_runtime::journal::{
    Appended, Batch, Filter, Journal, JournalError, Loaded, MemoryJournal, NewRun, SqliteJournal, Ticket, Trouble,
};
use weir_runtime::machine::NoteKind;
use weir_runtime::tool::{Call, Continuation, Fault, Outcome, Progress, Tool, ToolQuestion, Unfinished};
use weir_stdlib::value::Value;

type Script = Box<dyn Fn(&Call, u32) -> Reply + Send + Sync>;

enum Reply {
    Now(Result<Value, Fault>),
    Slowly(Duration),
    /// Says how far it is, oftener than anybody wants to hear, before it is through.
    Telling(f64),
    Panic,
}

/// A server that does what a script says, and remembers what it was asked.
struct Fake {
    script: Script,
    calls: Mutex<Vec<String>>,
    counts: Mutex<BTreeMap<String, u32>>,
    at_once: Mutex<(u32, u32)>,
}

fn fake(script: impl Fn(&Call, u32) -> Reply + Send + Sync + 'static) -> Arc<Fake> {
    Arc::new(Fake {
        script: Box::new(script),
        calls: Mutex::default(),
        counts: Mutex::default(),
        at_once: Mutex::default(),
    })
}

fn obliging() -> Arc<Fake> {
    fake(|call, _| Reply::Now(Ok(Value::record([("id", Value::text(format!("id-{}", call.step)))]))))
}

impl Fake {
    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

#[async_trait]
impl Tool for Fake {
    fn describe(&self) -> Vec<ecow::EcoString> {
        ["get", "add", "del", "send"].map(Into::into).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        let name = format!("{} {}", call.tool, call.step);
        let count = {
            let mut counts = self.counts.lock().unwrap();
            let count = counts.entry(call.step.to_string()).or_default();
            *count += 1;
            *count
        };
        self.calls.lock().unwrap().push(name);
        {
            let mut at_once = self.at_once.lock().unwrap();
            at_once.0 += 1;
            at_once.1 = at_once.1.max(at_once.0);
        }
        tokio::task::yield_now().await;
        let reply = (self.script)(call, count);
        let reply = match reply {
            Reply::Now(reply) => reply,
            Reply::Slowly(time) => {
                tokio::time::sleep(time).await;
                Ok(Value::record([("id", Value::text("slow"))]))
            }
            Reply::Telling(total) => {
                let progress = call.progress.as_ref().unwrap();
                for done in 1..=1000 {
                    progress.send_replace(Progress { done: f64::from(done), total: Some(total), text: None });
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Ok(Value::record([("id", Value::text("told"))]))
            }
            Reply::Panic => panic!("the tool fell over"),
        };
        self.at_once.lock().unwrap().0 -= 1;
        reply
    }
}

fn toolbox(fake: &Arc<Fake>) -> Toolbox {
    let tool = || Arc::clone(fake) as Arc<dyn Tool>;
    Toolbox::new().with("src", tool()).with("crm", tool()).with("mail", tool())
}

fn request() -> StartRequest {
    let grants = ["crm.write", "src.read", "mail.send"].map(Into::into).to_vec();
    StartRequest { grants, delivery: true, ..StartRequest::new("test") }
}

fn engine(fake: &Arc<Fake>) -> LocalEngine {
    LocalEngine::new(Arc::new(MemoryJournal::new()), toolbox(fake))
}

#[tokio::test]
async fn a_flow_runs_and_is_watched() {
    let fake = obliging();
    let engine = engine(&fake);
    let mut watch = engine.watch();
    let plan = one(Role::Coordinator, vec![read("a", 0).to(0), read("b", 1), write("c", 2), return_(slot(0))]);
    let envelope = engine.start(Arc::new(plan), request()).await.unwrap();
    assert_eq!(envelope.exit_code(), 0);
    assert_eq!(envelope.records[0].value.to_serde(), json!({"id": "id-a"}));
    assert_eq!(fake.calls().last().map(String::as_str), Some("add c"));
    let mut events = Vec::new();
    while let Ok(observed) = watch.try_recv() {
        events.push(serde_json::to_value(&observed).unwrap());
    }
    assert_eq!(events[0]["event"], json!("run.started"));
    assert_eq!(events.last().unwrap()["event"], json!("run.succeeded"));
    assert_eq!(events[1]["step"], json!("a"));
    assert_eq!(events[1]["trace_id"], json!(envelope.metadata.trace_id));
    let status = engine.status(&envelope.metadata.run_id).await.unwrap();
    assert_eq!(status.to_json(), envelope.to_json());
}

#[tokio::test]
async fn arguments_from_outside_do_not_steer_what_must_be_trusted() {
    let mut plan = one(Role::Coordinator, vec![write("w", 0)]);
    plan.flows[0].steered = vec!["`to` reaches `to` of `mail.send`".into()];
    let plan = Arc::new(plan);
    let fake = obliging();
    let outside = StartRequest { untrusted: true, ..request() };
    let refused = engine(&fake).start(Arc::clone(&plan), outside).await;
    let Err(EngineError::Refused(lines)) = refused else { panic!("{refused:?}") };
    assert!(lines[0].starts_with("`to` reaches `to` of `mail.send`, and the arguments"), "{lines:?}");
    assert!(fake.calls().is_empty());
    assert_eq!(engine(&fake).start(plan, request()).await.unwrap().exit_code(), 0);
    let open = one(Role::Coordinator, vec![write("w", 0)]);
    let outside = StartRequest { untrusted: true, ..request() };
    assert_eq!(engine(&fake).start(Arc::new(open), outside).await.unwrap().exit_code(), 0);
}

#[tokio::test]
async fn reads_are_called_side_by_side() {
    let fake = obliging();
    let plan = one(Role::Coordinator, vec![read("a", 0), read("b", 1), read("c", 2), write("d", 3), write("e", 4)]);
    engine(&fake).start(Arc::new(plan), request()).await.unwrap();
    assert_eq!(fake.at_once.lock().unwrap().1, 3);
}

#[tokio::test]
async fn time_limits_panics_and_retries() {
    let fake = fake(|call, count| match (call.step.as_str(), count) {
        ("slow", 1) => Reply::Slowly(Duration::from_secs(60)),
        ("bad", 1) => Reply::Panic,
        _ => Reply::Now(Ok(Value::NULL)),
    });
    let quick = |step: StepPlan| {
        step.retry(&["timeout", "failed"], 2).with(|act| {
            act.timeout = Some(ms(30));
            let retry = act.policy[0].retry.as_mut().unwrap();
            (retry.lo_ms, retry.hi_ms) = (1, 2);
        })
    };
    let plan = one(Role::Coordinator, vec![quick(read("slow", 0)), quick(read("bad", 1))]);
    let envelope = engine(&fake).start(Arc::new(plan), request()).await.unwrap();
    assert_eq!((envelope.exit_code(), envelope.metadata.attempts), (0, 4));
}

#[tokio::test]
async fn a_tool_that_says_how_far_it_is_is_heard_now_and_then() {
    let fake = fake(|_, _| Reply::Telling(1000.0));
    let engine = engine(&fake);
    let mut watch = engine.watch();
    let envelope = engine.start(Arc::new(one(Role::Coordinator, vec![write("w", 0)])), request()).await.unwrap();
    let mut told = Vec::new();
    while let Ok(one) = watch.try_recv() {
        told.extend((one.event == NoteKind::StepProgress).then_some(one));
    }
    assert!((1..100).contains(&told.len()), "{}", told.len());
    assert_eq!((told[0].step.as_str(), told[0].flow.as_str(), told[0].attempt), ("w", "main", Some(1)));
    assert!(told[0].reason.as_ref().unwrap().ends_with(" of 1000"), "{told:?}");
    let kept = engine.history(&envelope.metadata.run_id).await.unwrap().events;
    assert!(!kept.iter().any(|one| one.event == NoteKind::StepProgress));
}

#[tokio::test]
async fn a_write_that_gives_no_answer_in_time_is_unknown() {
    let fake = fake(|_, _| Reply::Slowly(Duration::from_secs(60)));
    let plan = one(Role::Coordinator, vec![write("w", 0).with(|act| act.timeout = Some(ms(20)))]);
    let envelope = engine(&fake).start(Arc::new(plan), request()).await.unwrap();
    assert_eq!(envelope.metadata.status.word(), "needs_attention");
    assert_eq!(fake.calls().len(), 1);
}

#[tokio::test]
async fn a_key_is_used_once_across_runs() {
    let fake = obliging();
    let engine = engine(&fake);
    let plan = |arg| {
        Arc::new(one(
            Role::Coordinator,
            vec![
                write("w", 0)
                    .key(text("k1"))
                    .with(|act| {
                        act.target = Target::Tool { tool: "crm.add".into(), args: rec(&[("q", arg)]) };
                    })
                    .to(0),
                return_(slot(0)),
            ],
        ))
    };
    for _ in 0..2 {
        let envelope = engine.start(plan(text("same")), request()).await.unwrap();
        assert_eq!(envelope.records[0].value.to_serde(), json!({"id": "id-w"}));
    }
    assert_eq!(fake.calls().len(), 1);
    let envelope = engine.start(plan(text("other")), request()).await.unwrap();
    assert_eq!(envelope.metadata.error.unwrap().code, "conflict");
}

#[tokio::test]
async fn a_failed_keyed_call_gives_its_key_back_and_an_undone_one_too() {
    let fake = fake(|call, count| match (call.step.as_str(), count) {
        ("w", 1) => Reply::Now(Err(Fault::clean("conflict", "no"))),
        _ => Reply::Now(Ok(Value::record([("id", Value::text("x"))]))),
    });
    let engine = engine(&fake);
    let plan = Arc::new(one(Role::Saga, vec![done("w", 0).key(text("k1")), raise("r", "failed", "no")]));
    assert_eq!(engine.start(plan.clone(), request()).await.unwrap().metadata.status.word(), "failed");
    for _ in 0..2 {
        assert_eq!(engine.start(plan.clone(), request()).await.unwrap().metadata.status.word(), "compensated");
    }
    assert_eq!(fake.calls(), ["add w", "add w", "del w/undo", "add w", "del w/undo"]);
}

#[tokio::test]
async fn the_delivery_gate_and_the_same_key_again() {
    let args = rec(&[("to", text("ann@acme.test"))]);
    let send = step("send", act(Target::Tool { tool: "mail.send".into(), args }, 1, false), EffectClass::Barrier);
    let key = step("key", StepKind::Key { key: text("welcome-1"), per_run: false }, EffectClass::Barrier);
    let welcome = flow(Role::Delivery, "welcome", block(vec![key, send.to(1)]));
    let main = flow(Role::Coordinator, "main", block(vec![call("w", 1, &[], 0).to(0), return_(slot(0))]));
    let plan = Arc::new(plan(vec![main, welcome]));
    let fake = obliging();
    let engine = engine(&fake);
    for (delivery, status) in [(false, "disabled"), (true, "sent"), (true, "duplicate")] {
        let envelope = engine.start(plan.clone(), StartRequest { delivery, ..request() }).await.unwrap();
        assert_eq!(envelope.records[0].value.field("status").as_str(), Some(status));
        assert_eq!(envelope.metadata.partial, !delivery);
    }
    assert_eq!(fake.calls(), ["send w/send"]);
}

struct Says(Mutex<Vec<Option<Value>>>, Mutex<Vec<Question>>);

#[async_trait]
impl Answerer for Says {
    async fn answer(&self, question: &Question) -> Option<Value> {
        self.1.lock().unwrap().push(question.clone());
        self.0.lock().unwrap().remove(0)
    }
}

fn asking() -> Arc<Plan> {
    Arc::new(one(Role::Coordinator, vec![write("w", 1), ask("ok", "Sure?", Type::Bool, 0).to(0), return_(slot(0))]))
}

#[tokio::test]
async fn questions_are_asked_until_the_answer_fits() {
    let says = Arc::new(Says(Mutex::new(vec![Some(Value::text("what?")), Some(Value::bool(true))]), Mutex::default()));
    let engine = engine(&obliging()).with_answerer(says.clone());
    let envelope = engine.start(asking(), request()).await.unwrap();
    assert_eq!(envelope.records[0].value.as_bool(), Some(true));
    let asked = says.1.lock().unwrap();
    assert_eq!((asked.len(), asked[0].text.as_str(), asked[0].problem.is_none()), (2, "Sure?", true));
    assert!(asked[1].problem.as_ref().unwrap().contains("does not fit `bool`"));
}

#[tokio::test]
async fn without_anyone_to_ask_the_run_is_left_waiting_and_goes_on_when_answered() {
    let fake = obliging();
    let engine = engine(&fake);
    let envelope = engine.start(asking(), request()).await.unwrap();
    assert_eq!((envelope.metadata.status.word(), envelope.exit_code()), ("waiting", 5));
    assert_eq!(envelope.metadata.waiting[0].question.as_deref(), Some("Sure?"));
    let id = envelope.metadata.run_id;
    let unfit = engine.answer(&id, "ok", Value::int(1)).await.unwrap_err();
    assert!(matches!(unfit, EngineError::Unfit(_)), "{unfit}");
    engine.answer(&id, "ok", Value::bool(false)).await.unwrap();
    let envelope = engine.resume(&id).await.unwrap();
    assert_eq!((envelope.exit_code(), envelope.records[0].value.as_bool()), (0, Some(false)));
    assert_eq!(fake.calls(), ["add w"], "what was done is not done again");
    assert!(matches!(engine.cancel(&id, "").await, Err(EngineError::Ended { .. })));
}

#[tokio::test]
async fn what_was_said_first_is_heard_first_whoever_had_the_run_then() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weir.db");
    let engine = LocalEngine::new(Arc::new(SqliteJournal::open(&file).unwrap()), toolbox(&obliging()));
    let id = engine.start(asking(), request()).await.unwrap().metadata.run_id;
    let other = SqliteJournal::open(&file).unwrap();
    let token = other.claim(&id).await.unwrap();
    engine.cancel(&id, "enough").await.unwrap();
    // Whoever had it lets go without having heard it.
    other.release(&id, token).await.unwrap();
    let late = engine.answer(&id, "ok", Value::bool(true)).await.unwrap_err();
    assert!(matches!(late, EngineError::Ended { status: "cancelled", .. }), "{late}");
    assert_eq!(engine.status(&id).await.unwrap().metadata.status.word(), "cancelled");
}

#[tokio::test]
async fn a_key_that_may_have_been_used_is_remembered_by_a_run_that_goes_on() {
    let fake = fake(|_, _| Reply::Now(Err(Fault::open("unavailable", "the line went dead"))));
    let engine = engine(&fake);
    let keyed = |name| {
        let args = rec(&[("q", text("same"))]);
        let same = write(name, 1).with(|act| act.target = Target::Tool { tool: "crm.add".into(), args });
        same.key(text("k1")).once().catch(&["unknown"], value_block(null()))
    };
    let steps = vec![keyed("a"), ask("ok", "Sure?", Type::Bool, 0), keyed("b")];
    let id = engine.start(Arc::new(one(Role::Coordinator, steps)), request()).await.unwrap().metadata.run_id;
    engine.answer(&id, "ok", Value::bool(true)).await.unwrap();
    let envelope = engine.resume(&id).await.unwrap();
    assert_eq!(envelope.exit_code(), 0);
    assert_eq!(fake.calls(), ["add a"], "nobody knows whether it happened");
}

#[tokio::test]
async fn a_staying_engine_takes_signals_and_cancels() {
    let engine = engine(&obliging()).staying();
    let plan = Arc::new(one(Role::Coordinator, vec![receive("r", "paid", Type::INT, 0).to(0), return_(slot(0))]));
    let id = LocalEngine::new_run_id();
    let start = |id: &ecow::EcoString| {
        let (engine, plan) = (engine.clone(), plan.clone());
        let request = StartRequest { run_id: Some(id.clone()), ..request() };
        tokio::spawn(async move { engine.start(plan, request).await })
    };
    let run = start(&id);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(engine.status(&id).await.unwrap().metadata.status.word(), "waiting");
    let signal = Signal { id: None, event: "paid".into(), key: None, value: Value::int(7) };
    engine.signal(&id, signal).await.unwrap();
    assert_eq!(run.await.unwrap().unwrap().records[0].value.as_int(), Some(7));
    let other = LocalEngine::new_run_id();
    let run = start(&other);
    tokio::time::sleep(Duration::from_millis(20)).await;
    engine.cancel(&other, "enough").await.unwrap();
    assert_eq!(run.await.unwrap().unwrap().exit_code(), 130);
    assert!(matches!(engine.status("nobody").await, Err(EngineError::NoRun(_))));
}

#[tokio::test]
async fn started_runs_are_waited_for() {
    let child = flow(Role::Coordinator, "child", block(vec![write("w", 1)])).params(vec![param("n", Type::INT)]);
    let main =
        flow(Role::Coordinator, "main", block(vec![start("go", 1, &[("n", int(3))], 0).to(0), return_(slot(0))]));
    let fake = obliging();
    let engine = engine(&fake);
    let envelope = engine.start(Arc::new(plan(vec![main, child])), request()).await.unwrap();
    assert_eq!(fake.calls(), ["add w"]);
    let child = envelope.records[0].value.as_str().unwrap();
    let child = engine.status(child).await.unwrap();
    assert_eq!((child.metadata.flow.as_str(), child.metadata.status.word()), ("child", "succeeded"));
}

#[tokio::test]
async fn what_cannot_be_done_yet_is_refused_before_anything_starts() {
    let fake = obliging();
    let plan = one(Role::Agent, vec![write("a", 0)]);
    assert_eq!(validate(&plan).len(), 1);
    let error = engine(&fake).start(Arc::new(plan), request()).await.unwrap_err();
    assert!(error.to_string().contains("`main`: `agent` cannot be carried out yet"), "{error}");
    let error = LocalEngine::new(Arc::new(MemoryJournal::new()), Toolbox::new())
        .start(Arc::new(one(Role::Coordinator, vec![])), request())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("`src.get` has no server: add `[tools.src]`"), "{error}");
    assert!(fake.calls().is_empty());
}

#[test]
fn wrong_arguments_are_named_before_anything_runs() {
    use weir_runtime::engine::check_args;
    let main =
        flow(Role::Coordinator, "main", block(vec![])).params(vec![param("n", Type::INT), param("s", Type::STRING)]);
    let plan = plan(vec![main]);
    let lines = check_args(&plan, &Value::record([("n", Value::text("x")), ("m", Value::int(1))]));
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("argument `n: int` of `main`: "), "{}", lines[0]);
    assert_eq!(lines[1], "argument `s: string` of `main` is missing");
    assert_eq!(lines[2], "`main` has no argument `m`; it takes `n`, `s`");
}

/// A journal that fails from the `n`th append on, or loses everything behind it.
struct Failing {
    journal: MemoryJournal,
    appends: Mutex<u32>,
    from: u32,
}

impl Journal for Failing {
    fn append(&self, batch: Batch) -> Ticket<Appended> {
        let mut appends = self.appends.lock().unwrap();
        *appends += 1;
        if *appends >= self.from {
            let (what, why) = ("cannot write the journal".into(), "the disk is full".into());
            return Ticket::known(Err(JournalError { what, why, trouble: Trouble::Unusable }));
        }
        self.journal.append(batch)
    }

    pass_on! { [journal] create claim release post posts load list thread_lines forget audit audited enqueue admit queued due depth remember recall }
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_stops_the_run_before_its_next_call() {
    let plan = Arc::new(one(Role::Coordinator, vec![write("a", 0), write("b", 1), write("c", 2)]));
    for from in 1..5 {
        let fake = obliging();
        let journal = Failing { journal: MemoryJournal::new(), appends: Mutex::default(), from };
        let engine = LocalEngine::new(Arc::new(journal), toolbox(&fake));
        let result = engine.start(plan.clone(), request()).await;
        // The first call, then each result with the call that follows it.
        assert_eq!(fake.calls().len() as u32, from - 1, "{from}");
        match result {
            Ok(envelope) => panic!("{from}: {}", envelope.to_json()),
            Err(error) => assert!(error.to_string().ends_with("the disk is full"), "{error}"),
        }
    }
}

/// A journal that holds the first lines of a run.
async fn cut_off(loaded: &Loaded, cut: usize) -> Arc<MemoryJournal> {
    let journal = Arc::new(MemoryJournal::new());
    let (plan, lines) = (loaded.plan.as_str().into(), loaded.lines[..cut].to_vec());
    journal.create(NewRun { run: loaded.run.clone(), plan, start_key: None, lines, audit: vec![] }).await.unwrap();
    journal
}

/// Kills the run after every line of its journal in turn and resumes it: it ends as it should, nothing unsafe is
/// repeated.
#[tokio::test]
async fn a_run_that_died_anywhere_ends_right_when_resumed() {
    let plan = Arc::new(one(
        Role::Saga,
        vec![read("r", 4), done("a", 0), done("b", 1).key(text("k")), wait("nap", ms(1)), raise("x", "conflict", "no")],
    ));
    let whole = Arc::new(MemoryJournal::new());
    let envelope = LocalEngine::new(whole.clone(), toolbox(&obliging())).start(plan.clone(), request()).await.unwrap();
    assert_eq!(envelope.metadata.status.word(), "compensated");
    let loaded = whole.load(&envelope.metadata.run_id).unwrap().unwrap();
    let lines = loaded.lines.clone();
    for cut in 1..=lines.len() {
        let journal = cut_off(&loaded, cut).await;
        let fake = obliging();
        let engine = LocalEngine::new(journal.clone(), toolbox(&fake));
        let resumed = engine.resume(&loaded.run.run_id).await.unwrap();
        let status = resumed.metadata.status.word();
        let in_flight = lines[cut - 1].text.contains("claimed") && !lines[cut - 1].text.contains("undo");
        assert_eq!(
            status,
            if in_flight { "needs_attention" } else { "compensated" },
            "cut at {cut}: {}",
            lines[cut - 1].text
        );
        let added: Vec<_> = fake.calls().into_iter().filter(|call| call.starts_with("add")).collect();
        let before =
            lines[..cut].iter().filter(|line| line.text.contains("claimed") && !line.text.contains("undo")).count();
        assert_eq!(added.len(), if in_flight { 0 } else { 2 - before }, "cut at {cut}");
    }
}

/// The process died during a call that may be made again, and it is refused when it is made again: the first time it may
/// have happened all the same.
#[tokio::test]
async fn what_is_refused_when_it_is_made_again_may_have_happened_before() {
    let put = |name, slot| write(name, slot).undo("crm.del", rec(&[])).with(|act| act.repeatable = true);
    let plan = Arc::new(one(Role::Saga, vec![put("a", 0), raise("x", "failed", "no")]));
    let whole = Arc::new(MemoryJournal::new());
    let envelope = LocalEngine::new(whole.clone(), toolbox(&obliging())).start(plan, request()).await.unwrap();
    let loaded = whole.load(&envelope.metadata.run_id).unwrap().unwrap();
    let claimed = loaded.lines.iter().position(|line| line.text.contains("claimed")).unwrap();
    let fake = fake(|_, _| Reply::Now(Err(Fault::clean("conflict", "it is there already"))));
    for (cut, status) in [(claimed, "failed"), (claimed + 1, "compensation_failed")] {
        let engine = LocalEngine::new(cut_off(&loaded, cut).await, toolbox(&fake));
        let resumed = engine.resume(&loaded.run.run_id).await.unwrap();
        assert_eq!(resumed.metadata.status.word(), status, "cut at {cut}");
        assert_eq!(resumed.metadata.not_undone.len(), cut - claimed);
    }
}

/// A tool that asks, then works on as a task, then is done.
struct Slow(Mutex<Vec<String>>);

#[async_trait]
impl Tool for Slow {
    fn describe(&self) -> Vec<ecow::EcoString> {
        ["get", "add", "del", "send"].map(Into::into).to_vec()
    }

    async fn call(&self, _: &Call) -> Result<Value, Fault> {
        Err(Fault::clean("failed", "only attempts"))
    }

    async fn attempt(&self, _: &Call, rest: Option<&Continuation>) -> Result<Outcome, Fault> {
        let (said, left) = match rest {
            None => {
                let ty = Type::record([("sure", Type::Bool)]);
                let question = ToolQuestion { id: "q".into(), text: "sure?".to_owned(), ty };
                ("call", Some(Unfinished { questions: vec![question], ..Unfinished::default() }))
            }
            Some(rest) if rest.declined => ("declined", None),
            Some(rest) if rest.task.is_none() => {
                assert_eq!(rest.answers["q"].to_json(), "{\"sure\":true}");
                ("answered", Some(Unfinished { task: Some("t".into()), ..Unfinished::default() }))
            }
            Some(_) => ("look", None),
        };
        self.0.lock().unwrap().push(said.to_owned());
        match left {
            Some(left) => Ok(Outcome::Unfinished(Box::new(left))),
            None if said == "declined" => Err(Fault::clean("permission", "nobody wanted to")),
            None => Ok(Outcome::Done(Value::record([("id", Value::text("7"))]))),
        }
    }
}

fn slow() -> (Arc<Slow>, Toolbox) {
    let slow = Arc::new(Slow(Mutex::default()));
    let tool = || slow.clone() as Arc<dyn Tool>;
    let tools = Toolbox::new().with("src", tool()).with("crm", tool()).with("mail", tool());
    (slow, tools)
}

/// Kills the run after every line of its journal: nothing is called twice that is not repeatable, an answer is never
/// asked for again, a task is looked at and not begun again.
#[tokio::test]
async fn a_tool_that_asks_and_works_on_survives_death_at_any_point() {
    let plan = Arc::new(one(Role::Coordinator, vec![write("w", 0).key(text("k")).to(0), return_(slot(0))]));
    let whole = Arc::new(MemoryJournal::new());
    let (tool, tools) = slow();
    let engine = LocalEngine::new(whole.clone(), tools);
    let waiting = engine.start(plan.clone(), request()).await.unwrap();
    assert_eq!(waiting.metadata.status.word(), "waiting");
    let id = waiting.metadata.run_id.clone();
    engine.answer(&id, "w", Value::record([("sure", Value::bool(true))])).await.unwrap();
    let ended = engine.resume(&id).await.unwrap();
    assert_eq!((ended.metadata.status.word(), ended.metadata.attempts), ("succeeded", 1));
    assert_eq!(*tool.0.lock().unwrap(), ["call", "answered", "look"]);
    let loaded = whole.load(&id).unwrap().unwrap();
    let lines = loaded.lines.clone();
    let mut seen = BTreeMap::new();
    for cut in 1..=lines.len() {
        let journal = cut_off(&loaded, cut).await;
        let (tool, tools) = slow();
        let engine = LocalEngine::new(journal, tools);
        let mut envelope = engine.resume(&id).await.unwrap();
        if envelope.metadata.status.word() == "waiting" {
            engine.answer(&id, "w", Value::record([("sure", Value::bool(true))])).await.unwrap();
            envelope = engine.resume(&id).await.unwrap();
        }
        let last = lines[cut - 1].text.split('"').nth(3).unwrap_or_default().to_owned();
        let kind = if lines[cut - 1].text.contains("claimed") { "claimed".to_owned() } else { last };
        seen.entry(format!("{kind} {}", tool.0.lock().unwrap().join(" ")))
            .or_insert_with(Vec::new)
            .push(envelope.metadata.status.word());
    }
    let seen: Vec<String> = seen.into_iter().map(|(key, words)| format!("{key}: {}", words.join(", "))).collect();
    assert_eq!(
        seen,
        [
            "answered answered look: succeeded",
            "claimed : needs_attention, needs_attention",
            "claimed look: succeeded",
            "done : succeeded",
            "started call answered look: succeeded",
            "unfinished answered look: succeeded",
            "unfinished look: succeeded",
        ]
    );
}

#[tokio::test]
async fn a_tools_question_that_is_declined_gives_its_key_back() {
    let plan = Arc::new(one(Role::Coordinator, vec![write("w", 0).key(text("k"))]));
    let journal = Arc::new(MemoryJournal::new());
    let (tool, tools) = slow();
    let engine = LocalEngine::new(journal, tools);
    for _ in 0..2 {
        let waiting = engine.start(plan.clone(), request()).await.unwrap();
        assert_eq!(waiting.metadata.status.word(), "waiting");
        engine.answer(&waiting.metadata.run_id, "w", Value::NULL).await.unwrap();
        let ended = engine.resume(&waiting.metadata.run_id).await.unwrap();
        assert_eq!(ended.metadata.error.unwrap().code, "permission");
    }
    assert_eq!(*tool.0.lock().unwrap(), ["call", "declined", "call", "declined"]);
}

#[tokio::test]
async fn a_run_that_begins_is_written_down_and_goes_on_by_itself() {
    let fake = obliging();
    let engine = engine(&fake);
    let mut watch = engine.watch();
    let plan = Arc::new(one(Role::Coordinator, vec![read("a", 0).to(0), write("c", 1), return_(slot(0))]));
    let keyed = || StartRequest { key: Some("k".into()), thread: Some("t".into()), ..request() };
    let begun = engine.begin(Arc::clone(&plan), keyed()).await.unwrap();
    assert!(!begun.known);
    let listed = engine.list(&Filter { thread: Some("t".into()), ..Filter::default() }).await.unwrap();
    assert_eq!(listed[0].run_id, begun.run_id);
    let mut told = Vec::new();
    while told.last().is_none_or(|last: &weir_runtime::observe::Observed| last.event != NoteKind::RunSucceeded) {
        told.push(tokio::time::timeout(Duration::from_secs(60), watch.recv()).await.unwrap().unwrap());
    }
    let seqs: Vec<u64> = told.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=told.len() as u64).collect::<Vec<_>>());
    assert_eq!(engine.history(&begun.run_id).await.unwrap().events, told, "they are the same when they are read again");
    let again = engine.begin(plan, keyed()).await.unwrap();
    assert!(again.known && again.run_id == begun.run_id);
    assert!(watch.try_recv().is_err(), "a start that is known tells nothing");
}

#[tokio::test]
async fn a_run_that_is_let_go_of_ends_its_call_and_begins_no_other() {
    let fake = fake(|_, _| Reply::Slowly(Duration::from_millis(100)));
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::new());
    let engine = LocalEngine::new(Arc::clone(&journal), toolbox(&fake));
    let plan = one(Role::Coordinator, vec![write("b", 0), write("c", 1)]);
    let begun = engine.begin(Arc::new(plan), request()).await.unwrap();
    while fake.calls().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(engine.leave(Duration::from_secs(60)).await, 0);
    assert_eq!(fake.calls(), ["add b"]);
    let next = LocalEngine::new(journal, toolbox(&fake));
    let envelope = next.carry_on(&begun.run_id).await.unwrap();
    assert_eq!(envelope.exit_code(), 0, "{envelope:?}");
    assert_eq!(fake.calls().len(), 2, "each call was made once");
}

#[tokio::test]
async fn a_key_stands_for_one_flow() {
    let of = |name: &str| Arc::new(plan(vec![flow(Role::Coordinator, name, block(vec![write("a", 0)]))]));
    let fake = obliging();
    let engine = LocalEngine::new(Arc::new(MemoryJournal::new()), toolbox(&fake));
    let keyed = || StartRequest { key: Some("k".into()), ..request() };
    let first = engine.start(of("one"), keyed()).await.unwrap();
    assert_eq!(engine.start(of("one"), keyed()).await.unwrap().metadata.run_id, first.metadata.run_id);
    for error in [
        engine.start(of("other"), keyed()).await.unwrap_err(),
        engine.begin(of("other"), keyed()).await.map(drop).unwrap_err(),
        engine.enqueue(of("other"), keyed(), When::default()).await.map(drop).unwrap_err(),
    ] {
        assert!(error.to_string().contains("of `one` was started under this key: start `other` under"), "{error}");
    }
    assert_eq!(fake.calls().len(), 1);
}
