//! Starting runs, and what is known of them.

use super::lab::{Lab, Verdict, ok, plan, refused as refuse, request, same, status, until, value};
use crate::engine::{EngineError, Signal, StartRequest};
use crate::journal::Filter;
use crate::machine::{Decision, NoteKind, Status};
use std::time::Duration;
use weir_stdlib::value::Value;

const TWO_CALLS: &str = r#"
coordinator main(n: string = "a") -> string can t.read, t.write {
  seen = t.get(n: n)
  made = t.put(n: seen.n)
  return made.id
}"#;

pub(super) async fn start(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let args = Value::record([("n", Value::text("x"))]);
    let envelope = ok(engine.start(plan(TWO_CALLS)?, StartRequest { args, ..request() }).await)?;
    status(&envelope, Status::Succeeded)?;
    same("its value", value(&envelope), "\"made x\"".to_owned())?;
    same("what was called", lab.tools.calls(), vec!["put x".to_owned()])?;
    let effects: Vec<String> = envelope.metadata.side_effects.iter().map(|effect| effect.step.to_string()).collect();
    same("its side effects", effects, vec!["made".to_owned()])?;
    let run_id = envelope.metadata.run_id.clone();
    same("its status afterwards", ok(engine.status(&run_id).await)?.to_json(), envelope.to_json())?;
    same("the envelope of one that has ended", ok(engine.resume(&run_id).await)?.to_json(), envelope.to_json())?;
    let history = ok(engine.history(&run_id).await)?;
    same("the run's plan", history.plan.hash(), envelope.metadata.program.clone())?;
    same("the envelope of its history", history.envelope.to_json(), envelope.to_json())?;
    let listed = ok(engine.list(&Filter::default()).await)?;
    let listed: Vec<_> = listed.iter().map(|run| (&*run.run_id, &*run.status)).collect();
    same("the list", listed, vec![(&*run_id, "succeeded")])
}

pub(super) async fn refused(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let nobody = plan("tool u.put() can u.write\ncoordinator main() can u.write { u.put() }")?;
    let started = engine.start(nobody, request()).await;
    refuse("a tool that nobody carries out", started, |error| matches!(error, EngineError::Refused(_)))?;
    let denied = StartRequest { grants: vec!["t.read".into()], ..request() };
    match engine.start(plan(TWO_CALLS)?, denied).await {
        Ok(envelope) => status(&envelope, Status::Failed)?,
        Err(EngineError::Refused(_)) => {}
        Err(error) => return Err(error.to_string()),
    }
    same("what was called", lab.tools.calls(), vec![])
}

pub(super) async fn start_with_key_once(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let keyed =
        |n: &str| StartRequest { key: Some("once".into()), args: Value::record([("n", Value::text(n))]), ..request() };
    let first = ok(engine.start(plan(TWO_CALLS)?, keyed("a")).await)?;
    let again = ok(engine.start(plan(TWO_CALLS)?, keyed("b")).await)?;
    same("the second start", again.to_json(), first.to_json())?;
    let begun = ok(engine.begin(plan(TWO_CALLS)?, keyed("c")).await)?;
    same("the third", (begun.run_id, begun.known), (first.metadata.run_id.clone(), true))?;
    drop(engine);
    let engine = lab.open()?;
    let begun = ok(engine.begin(plan(TWO_CALLS)?, keyed("d")).await)?;
    same("in the next process", (begun.run_id, begun.known), (first.metadata.run_id, true))?;
    let other = StartRequest { project: "other".into(), ..keyed("e") };
    same("in another project", ok(engine.begin(plan(TWO_CALLS)?, other.clone()).await)?.known, false)?;
    same("there again", ok(engine.begin(plan(TWO_CALLS)?, other).await)?.known, true)?;
    let puts = |call: &String| call == "put a";
    same("calls of the first", lab.tools.calls().iter().filter(|call| puts(call)).count(), 1)
}

pub(super) async fn begin_and_watch(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let mut watch = engine.watch();
    let begun = ok(engine.begin(plan(TWO_CALLS)?, request()).await)?;
    same("that it is known", begun.known, false)?;
    let mut told = Vec::new();
    let hear = async {
        while let Some(one) = watch.recv().await {
            let over = one.event == NoteKind::RunSucceeded;
            told.extend((one.run_id == begun.run_id && one.seq > 0).then_some(one));
            if over {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), hear).await.map_err(|_| "its end is never told".to_owned())?;
    until(&engine, &begun.run_id, Status::Succeeded).await?;
    let numbers: Vec<u64> = told.iter().map(|one| one.seq).collect();
    same("the numbers of what is told", numbers, (1..=told.len() as u64).collect())?;
    same("what is told, read again", ok(engine.history(&begun.run_id).await)?.events, told)
}

pub(super) async fn compensates(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let text = r#"
saga main() can t.write {
  a = t.put(n: "a")
    undo t.del(id: a.id)
  inner() catch { conflict => null }
  fail permission "as planned"
}
saga inner() can t.write {
  b = t.put(n: "b")
    undo t.del(id: b.id)
  c = t.put(n: "c")
    undo t.del(id: c.id)
  fail conflict "as planned"
}"#;
    let envelope = ok(engine.start(plan(text)?, request()).await)?;
    status(&envelope, Status::Compensated)?;
    let expected = ["put a", "put b", "put c", "del made c", "del made b", "del made a"];
    same("what was called", lab.tools.calls(), expected.map(String::from).to_vec())?;
    let undone = envelope.metadata.side_effects.iter().filter(|effect| effect.undone).count();
    same("side effects undone", (undone, envelope.metadata.side_effects.len()), (3, 3))
}

pub(super) async fn retry(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let text = r#"
coordinator main() -> string can t.write {
  t.put(n: "first")
  b = t.moody(n: "second")
  return b.id
}"#;
    let failed = ok(engine.start(plan(text)?, request()).await)?;
    status(&failed, Status::Failed)?;
    let code = failed.metadata.error.as_ref().map(|error| error.code.to_string());
    same("its error", code, Some("conflict".into()))?;
    let retried = ok(engine.retry(&failed.metadata.run_id, None).await)?;
    status(&retried, Status::Succeeded)?;
    same(
        "what was called",
        lab.tools.calls(),
        ["put first", "moody second", "moody second"].map(String::from).to_vec(),
    )?;
    same("that it is another run", retried.metadata.run_id == failed.metadata.run_id, false)?;
    let twice = engine.retry(&failed.metadata.run_id, None).await;
    refuse("a second retry of the same run", twice, |error| matches!(error, EngineError::Refused(_)))?;
    let again = engine.retry(&retried.metadata.run_id, None).await;
    refuse("a retry of a run that has succeeded", again, |error| matches!(error, EngineError::Refused(_)))
}

pub(super) async fn unknown_run(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let nobody = "00000000-0000-7000-8000-000000000000";
    let none = |error: &EngineError| matches!(error, EngineError::NoRun(_));
    let signal = Signal { id: None, event: "e".into(), key: None, value: Value::NULL };
    refuse("its status", engine.status(nobody).await, none)?;
    refuse("its history", engine.history(nobody).await, none)?;
    refuse("going on with it", engine.resume(nobody).await, none)?;
    refuse("carrying it on", engine.carry_on(nobody).await, none)?;
    refuse("a retry", engine.retry(nobody, None).await, none)?;
    refuse("an answer", engine.answer(nobody, "s", Value::NULL).await, none)?;
    refuse("a decision", engine.decide(nobody, "s", Decision::Again).await, none)?;
    refuse("an event", engine.signal(nobody, signal).await, none)?;
    refuse("a cancellation", engine.cancel(nobody, "why").await, none)?;
    refuse("a pause", engine.pause(nobody).await, none)?;
    same("the list", ok(engine.list(&Filter::default()).await)?.len(), 0)
}
