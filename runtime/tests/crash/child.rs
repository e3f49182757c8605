//! What the swept process does: starts the run, once, and brings it and those that it started to their end. It answers
//! what is asked, and where nobody knows whether a call happened, it looks into the tool's log.

use crate::broken::{Broken, Which};
use crate::flows;
use crate::ticks::{self, Hands};
use async_trait::async_trait;
use ecow::EcoString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use weir_compiler::plan::Plan;
use weir_runtime::engine::{
    Answerer, Clock, Engine, EngineError, LocalEngine, Question, Signal, StartRequest, Toolbox,
};
use weir_runtime::envelope::Envelope;
use weir_runtime::journal::{Filter, SqliteJournal};
use weir_runtime::machine::{Decision, Status};
use weir_runtime::tool::{Call, Fault, Tool};
use weir_stdlib::value::Value;

/// The tool's log.
pub const LOG: &str = "tool.log";

struct Logged(PathBuf);

#[async_trait]
impl Tool for Logged {
    fn describe(&self) -> Vec<EcoString> {
        ["get", "put", "del", "flaky", "send", "tell"].map(Into::into).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(&self.0).unwrap();
        let line = format!("{} {} {} {}\n", call.tool, call.run_id, call.step, call.attempt);
        log.write_all(line.as_bytes()).unwrap();
        if call.tool == "flaky" && call.attempt < 3 {
            return Err(Fault::clean("unavailable", "not now"));
        }
        Ok(result(&call.step))
    }
}

fn result(step: &str) -> Value {
    let id = Value::text(format!("id of {step}"));
    Value::record([("id", id.clone()), ("n", id)])
}

struct Yes;

#[async_trait]
impl Answerer for Yes {
    async fn answer(&self, _: &Question) -> Option<Value> {
        Some(Value::bool(true))
    }
}

/// The flow whose runs belong to a thread, and that thread.
const THREAD: &str = "thread";

/// Ends the process: 0 when all is done, 3 when the journal could not be written.
pub fn run(folder: &Path) {
    // Whoever watches is ready now.
    let _ = std::io::stdin().read(&mut [0]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let code = match runtime.block_on(go(folder)) {
        Ok(lines) => {
            std::fs::write(folder.join("outcome"), lines.join("\n")).unwrap();
            0
        }
        Err(why) => {
            eprintln!("{why}");
            3
        }
    };
    drop(runtime);
    std::process::exit(code);
}

async fn go(folder: &Path) -> Result<Vec<String>, String> {
    let which = Which::of(&std::env::var("WEIR_CRASH_JOURNAL").unwrap());
    let journal = SqliteJournal::open(folder.join(".weir/weir.db")).map_err(|error| error.to_string())?;
    let journal = Arc::new(Broken::new(journal, which));
    let tools = Toolbox::new().with("t", Arc::new(Logged(folder.join(LOG))));
    let engine = LocalEngine::new(journal, tools).with_answerer(Arc::new(Yes));
    if std::env::var("WEIR_CRASH_FLOW").is_ok_and(|name| name == flows::CAMPAIGN) {
        let clock = Hands::new(folder);
        let engine = engine.with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
        ticks::go(&engine, &clock, folder).await?;
        return outcome(&engine).await.map_err(|error| error.to_string());
    }
    let plan: Plan = serde_json::from_str(&std::fs::read_to_string(folder.join("plan.json")).unwrap()).unwrap();
    let grants = ["t.read", "t.write", "t.send"].map(Into::into).to_vec();
    let threaded = std::env::var("WEIR_CRASH_FLOW").is_ok_and(|name| name == THREAD);
    let (key, thread) = (Some("once".into()), threaded.then(|| THREAD.into()));
    let request = StartRequest { key, thread, grants, delivery: true, ..StartRequest::new("crash") };
    let said = |error: EngineError| error.to_string();
    engine.start(Arc::new(plan), request).await.map_err(said)?;
    for _ in 0..50 {
        let open = engine.list(&Filter { unfinished: true, ..Filter::default() }).await.map_err(said)?;
        if open.is_empty() {
            if threaded {
                listed(&engine).await?;
            }
            return outcome(&engine).await.map_err(said);
        }
        for run in open {
            let envelope = engine.carry_on(&run.run_id).await.map_err(said)?;
            help(&engine, &envelope, folder).await.map_err(said)?;
            if envelope.metadata.status == Status::Queued {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    Err("the runs do not come to an end".into())
}

/// Does what the run waits for.
pub async fn help(engine: &LocalEngine, envelope: &Envelope, folder: &Path) -> Result<(), EngineError> {
    let run_id = &envelope.metadata.run_id;
    for wait in &envelope.metadata.waiting {
        match wait.kind {
            "receive" => {
                let value = Value::record([("n", Value::int(7))]);
                let signal = Signal { id: Some("s1".into()), event: "settled".into(), key: Some("k".into()), value };
                engine.signal(run_id, signal).await?;
            }
            "unknown" => {
                let log = std::fs::read_to_string(folder.join(LOG)).unwrap_or_default();
                let made = log.lines().any(|line| line.contains(&format!("{run_id} {} ", wait.step)));
                let decision = if made { Decision::Happened(result(&wait.step)) } else { Decision::Again };
                engine.decide(run_id, &wait.step, decision).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The list of the thread holds every event of every run, once and in its order.
async fn listed(engine: &LocalEngine) -> Result<(), String> {
    let said = |error: EngineError| error.to_string();
    let mut left = engine.thread_events(THREAD, 0, usize::MAX).await.map_err(said)?;
    for run in engine.list(&Filter::default()).await.map_err(said)? {
        let of_run = left.extract_if(.., |one| one.event.run_id == run.run_id);
        let told: Vec<_> = of_run.map(|one| one.event).collect();
        let events = engine.history(&run.run_id).await.map_err(said)?.events;
        if told != events {
            return Err(format!("run {} stands in its thread as {told:?}, not {events:?}", run.run_id));
        }
    }
    if left.is_empty() { Ok(()) } else { Err(format!("the thread has more than its runs: {left:?}")) }
}

/// How each run ended, without its id.
async fn outcome(engine: &LocalEngine) -> Result<Vec<String>, EngineError> {
    let mut lines = Vec::new();
    for run in engine.list(&Filter::default()).await? {
        let envelope = engine.status(&run.run_id).await?;
        let value = envelope.records.iter().map(|record| record.value.to_json()).collect::<Vec<_>>().join(",");
        let undone = envelope.metadata.side_effects.iter().filter(|effect| effect.undone).count();
        lines.push(format!("{} {} {undone} undone {value}", run.flow, envelope.metadata.status.word()));
    }
    lines.sort();
    Ok(lines)
}
