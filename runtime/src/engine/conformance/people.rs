//! What people and events do to runs.

use super::lab::{Lab, Opened, Verdict, ok, plan, refused, request, same, status, until, until_called, value};
use crate::engine::{EngineError, Signal};
use crate::machine::{Decision, Status};
use weir_stdlib::value::Value;

const ASKS: &str = r#"
saga main() -> bool can t.write {
  a = t.put(n: "a")
    undo t.del(id: a.id)
  yes = ask "Go on?" as bool
  b = t.put(n: "b")
    undo t.del(id: b.id)
  return yes
}"#;

/// Begins a run and waits until it is in this status.
async fn begun(engine: &Opened, text: &str, expected: Status) -> Result<ecow::EcoString, String> {
    let run_id = ok(engine.begin(plan(text)?, request()).await)?.run_id;
    until(engine, &run_id, expected).await?;
    Ok(run_id)
}

pub(super) async fn cancel(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let run_id = begun(&engine, ASKS, Status::Waiting).await?;
    ok(engine.cancel(&run_id, "by hand").await)?;
    let envelope = ok(engine.resume(&run_id).await)?;
    status(&envelope, Status::Compensated)?;
    same("what was called", lab.tools.calls(), ["put a", "del made a"].map(String::from).to_vec())?;
    let ended = |error: &EngineError| matches!(error, EngineError::Ended { .. });
    refused("a second cancellation", engine.cancel(&run_id, "again").await, ended)?;
    refused("a pause of what has ended", engine.pause(&run_id).await, ended)?;
    let nothing = begun(&engine, "coordinator main() { ask \"Go on?\" as bool }", Status::Waiting).await?;
    ok(engine.cancel(&nothing, "by hand").await)?;
    status(&ok(engine.resume(&nothing).await)?, Status::Cancelled)
}

pub(super) async fn pause(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let text = r#"
coordinator main() -> string can t.write {
  a = t.slow(n: "a")
  b = t.put(n: "b")
  return b.id
}"#;
    let run_id = ok(engine.begin(plan(text)?, request()).await)?.run_id;
    until_called(lab, "slow a").await?;
    ok(engine.pause(&run_id).await)?;
    lab.tools.let_through();
    until(&engine, &run_id, Status::Paused).await?;
    status(&ok(engine.carry_on(&run_id).await)?, Status::Paused)?;
    same("what was called", lab.tools.calls(), vec!["slow a".to_owned()])?;
    ok(engine.resume(&run_id).await)?;
    let envelope = until(&engine, &run_id, Status::Succeeded).await?;
    same("its value", value(&envelope), "\"made b\"".to_owned())?;
    same("what was called then", lab.tools.calls(), ["slow a", "put b"].map(String::from).to_vec())
}

pub(super) async fn answer(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let run_id = begun(&engine, ASKS, Status::Waiting).await?;
    let waits = ok(engine.status(&run_id).await)?.metadata.waiting;
    let waits: Vec<_> = waits.iter().map(|wait| (&*wait.step, wait.kind, wait.question.as_deref())).collect();
    same("what it waits for", waits, vec![("yes", "ask", Some("Go on?"))])?;
    let history = ok(engine.history(&run_id).await)?;
    same("what its answer must fit", history.asks("yes").map(|ty| ty.to_string()), Some("bool".into()))?;
    let unfit = |error: &EngineError| matches!(error, EngineError::Unfit(_));
    refused("an answer that does not fit", engine.answer(&run_id, "yes", Value::int(1)).await, unfit)?;
    refused("an answer to no question", engine.answer(&run_id, "no", Value::bool(true)).await, unfit)?;
    ok(engine.answer(&run_id, "yes", Value::bool(true)).await)?;
    let envelope = ok(engine.resume(&run_id).await)?;
    status(&envelope, Status::Succeeded)?;
    same("its value", value(&envelope), "true".to_owned())?;
    same("what was called", lab.tools.calls(), ["put a", "put b"].map(String::from).to_vec())
}

fn event(id: &str, key: &str, n: i64) -> Signal {
    let value = Value::record([("n", Value::int(n))]);
    Signal { id: Some(id.into()), event: "paid".into(), key: Some(key.into()), value }
}

pub(super) async fn signal(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let text = r#"
coordinator main() -> [int] can t.write {
  yes = ask "Go on?" as bool
  one = receive "paid" as { n: int } key "k"
  two = receive "paid" as { n: int } key "k"
  return [one.n, two.n]
}"#;
    let run_id = begun(&engine, text, Status::Waiting).await?;
    // Before anybody waits for it, for somebody else, and twice.
    for one in [event("1", "k", 1), event("2", "other", 2), event("1", "k", 1)] {
        ok(engine.signal(&run_id, one).await)?;
    }
    ok(engine.answer(&run_id, "yes", Value::bool(true)).await)?;
    let envelope = ok(engine.resume(&run_id).await)?;
    status(&envelope, Status::Waiting)?;
    let waits: Vec<_> = envelope.metadata.waiting.iter().map(|wait| (&*wait.step, wait.kind)).collect();
    same("what it waits for", waits, vec![("two", "receive")])?;
    ok(engine.signal(&run_id, event("3", "k", 3)).await)?;
    let envelope = ok(engine.resume(&run_id).await)?;
    same("its value", value(&envelope), "[1,3]".to_owned())?;
    let ended = |error: &EngineError| matches!(error, EngineError::Ended { .. });
    refused("an event for a run that has ended", engine.signal(&run_id, event("4", "k", 4)).await, ended)
}

const LOSES: &str = r#"
saga main() -> string can t.write {
  before = t.put(n: "before")
    undo t.del(id: before.id)
  a = t.lost(n: "a")
    undo t.del(id: a.id)
  return a.id
}"#;

pub(super) async fn decide(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let unfit = |error: &EngineError| matches!(error, EngineError::Unfit(_));
    let happened = begun(&engine, LOSES, Status::NeedsAttention).await?;
    let misfit = engine.decide(&happened, "a", Decision::Happened(Value::int(1))).await;
    refused("a result that does not fit", misfit, unfit)?;
    refused("a value for what did not fail", engine.decide(&happened, "a", Decision::Skip(Value::NULL)).await, unfit)?;
    let result = Value::record([("id", Value::text("found"))]);
    ok(engine.decide(&happened, "a", Decision::Happened(result)).await)?;
    let envelope = ok(engine.resume(&happened).await)?;
    same("where it happened", value(&envelope), "\"found\"".to_owned())?;
    same("calls then", lab.tools.calls(), ["put before", "lost a"].map(String::from).to_vec())?;
    // The tool gives an answer from the second time on.
    let again = LOSES.replace("\"a\"", "\"b\"");
    let again = begun(&engine, &again, Status::NeedsAttention).await?;
    ok(engine.decide(&again, "a", Decision::Again).await)?;
    same("where it is called again", value(&ok(engine.resume(&again).await)?), "\"made b\"".to_owned())?;
    let never = LOSES.replace("\"a\"", "\"c\"");
    let never = begun(&engine, &never, Status::NeedsAttention).await?;
    ok(engine.decide(&never, "a", Decision::GiveUp).await)?;
    let envelope = ok(engine.resume(&never).await)?;
    status(&envelope, Status::CompensationFailed)?;
    let left = envelope.metadata.not_undone.iter().filter(|left| left.starts_with("`a`")).count();
    same("what is left", left, 1)
}

pub(super) async fn resume_after_reopen(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let asks = begun(&engine, ASKS, Status::Waiting).await?;
    let loses = begun(&engine, LOSES, Status::NeedsAttention).await?;
    let before = ok(engine.status(&asks).await)?.to_json();
    drop(engine);
    let engine = lab.open()?;
    same("how it is in the next process", ok(engine.status(&asks).await)?.to_json(), before)?;
    status(&ok(engine.resume(&asks).await)?, Status::Waiting)?;
    ok(engine.answer(&asks, "yes", Value::bool(false)).await)?;
    ok(engine.cancel(&loses, "enough").await)?;
    drop(engine);
    // What was said before is not said again.
    let engine = lab.open()?;
    same("its value", value(&ok(engine.resume(&asks).await)?), "false".to_owned())?;
    ok(engine.decide(&loses, "a", Decision::Happened(Value::record([("id", Value::text("x"))]))).await)?;
    status(&ok(engine.resume(&loses).await)?, Status::Compensated)?;
    let expected = ["put a", "put before", "lost a", "put b", "del x", "del made before"];
    same("what was called", lab.tools.calls(), expected.map(String::from).to_vec())
}
