//! Runs that a run starts, and what becomes of them when it is cancelled.

use super::lab::{Lab, Opened, Verdict, ok, plan, refused, request, same, status, until};
use crate::engine::{EngineError, StartRequest};
use crate::envelope::Envelope;
use crate::journal::Filter;
use crate::machine::Status;
use ecow::EcoString;
use weir_stdlib::value::Value;

/// What is started at once and waits, has something to take back, or is over; and what is started for later. One is kept.
const FAMILY: &str = r#"
coordinator main() can t.write {
  start part()
  start over()
  start part() after 3d
  start part() after 4d final
  ask "Go on?" as bool
}
saga part() can t.write {
  b = t.put(n: "part")
    undo t.del(id: b.id)
  ask "Go on here?" as bool
}
coordinator over() {
  start leaf()
}
coordinator leaf() {
  ask "Go on below?" as bool
}"#;

/// The runs of [`FAMILY`].
struct Family {
    main: EcoString,
    part: EcoString,
    over: EcoString,
    leaf: EcoString,
    later: EcoString,
    kept: EcoString,
}

/// Runs that a run started, the first one first.
async fn below(engine: &Opened, run_id: &str) -> Result<Vec<EcoString>, String> {
    let filter = Filter { parent: Some(run_id.into()), ..Filter::default() };
    Ok(ok(engine.list(&filter).await)?.into_iter().rev().map(|run| run.run_id).collect())
}

/// The only run that a run started.
async fn child(engine: &Opened, run_id: &str) -> Result<EcoString, String> {
    match below(engine, run_id).await?.as_slice() {
        [only] => Ok(only.clone()),
        several => Err(format!("it started {} runs, not one", several.len())),
    }
}

/// Begins the family, and waits until all of it is at rest.
async fn begun(engine: &Opened) -> Result<Family, String> {
    let main = ok(engine.begin(plan(FAMILY)?, request()).await)?.run_id;
    until(engine, &main, Status::Waiting).await?;
    let started = below(engine, &main).await?;
    let [part, over, later, kept] = started.as_slice() else {
        return Err(format!("it started {} runs, not four", started.len()));
    };
    until(engine, part, Status::Waiting).await?;
    until(engine, over, Status::Succeeded).await?;
    let leaf = child(engine, over).await?;
    until(engine, &leaf, Status::Waiting).await?;
    let [part, over, later, kept] = [part, over, later, kept].map(Clone::clone);
    Ok(Family { main, part, over, leaf, later, kept })
}

/// A run has ended like this, for this reason.
fn ended(envelope: &Envelope, how: Status, why: &str) -> Verdict {
    status(envelope, how)?;
    let error = envelope.metadata.error.as_ref().map(|error| error.message.as_str());
    same("why it ended", error, Some(why))
}

/// How the family is once its first run is cancelled.
async fn all_cancelled(lab: &Lab, engine: &Opened, family: &Family) -> Verdict {
    let main = ok(engine.resume(&family.main).await)?;
    status(&main, Status::Cancelled)?;
    let why = format!("cancelled with its parent, run {}", family.main);
    ended(&ok(engine.resume(&family.part).await)?, Status::Compensated, &why)?;
    ended(&ok(engine.status(&family.later).await)?, Status::Cancelled, &why)?;
    status(&ok(engine.status(&family.kept).await)?, Status::Queued)?;
    status(&ok(engine.status(&family.over).await)?, Status::Succeeded)?;
    let why = format!("cancelled with its ancestor, run {}", family.main);
    ended(&ok(engine.resume(&family.leaf).await)?, Status::Cancelled, &why)?;
    let mut also = main.metadata.also_cancelled.clone();
    also.sort();
    let mut reached = [&family.part, &family.later, &family.leaf].map(Clone::clone).to_vec();
    reached.sort();
    same("what was cancelled with it", also, reached)?;
    same("what was called", lab.tools.calls(), ["put part", "del made part"].map(String::from).to_vec())
}

pub(super) async fn cancel(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let family = begun(&engine).await?;
    ok(engine.cancel(&family.main, "by hand").await)?;
    all_cancelled(lab, &engine, &family).await?;
    let again = engine.cancel(&family.main, "again").await;
    refused("a second cancellation", again, |error| matches!(error, EngineError::Ended { .. }))
}

pub(super) async fn cancel_later(lab: &Lab) -> Verdict {
    let first = lab.open()?;
    let family = begun(&first).await?;
    drop(first);
    let second = lab.open()?;
    // What follows is left to whoever goes on: as if the process had died right behind it.
    ok(second.cancel(&family.main, "by hand").await)?;
    ok(second.cancel(&family.main, "once more").await)?;
    drop(second);
    all_cancelled(lab, &lab.open()?, &family).await
}

pub(super) async fn outlives(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let text = r#"
coordinator main(fails: bool = false) {
  start leaf()
  if fails {
    fail conflict "too bad"
  }
}
coordinator leaf() {
  ask "Go on?" as bool
}"#;
    let plan = plan(text)?;
    let ends = ok(engine.start(plan.clone(), request()).await)?;
    status(&ends, Status::Succeeded)?;
    let args = Value::record([("fails", Value::bool(true))]);
    let fails = ok(engine.start(plan, StartRequest { args, ..request() }).await)?;
    status(&fails, Status::Failed)?;
    for run in [ends, fails] {
        let leaf = child(&engine, &run.metadata.run_id).await?;
        until(&engine, &leaf, Status::Waiting).await?;
    }
    Ok(())
}

pub(super) async fn retried(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let text = r#"
coordinator main() -> string can t.write {
  run = start leaf()
  t.moody(n: "m")
  ask "Go on?" as bool
  return run
}
coordinator leaf() {
  ask "Go on below?" as bool
}"#;
    let failed = ok(engine.start(plan(text)?, request()).await)?;
    status(&failed, Status::Failed)?;
    let leaf = child(&engine, &failed.metadata.run_id).await?;
    let again = ok(engine.retry(&failed.metadata.run_id, None).await)?;
    status(&again, Status::Waiting)?;
    same("what is started anew", below(&engine, &again.metadata.run_id).await?, vec![])?;
    ok(engine.cancel(&again.metadata.run_id, "by hand").await)?;
    let again = ok(engine.resume(&again.metadata.run_id).await)?;
    same("what was cancelled with it", again.metadata.also_cancelled, vec![leaf.clone()])?;
    status(&ok(engine.resume(&leaf).await)?, Status::Cancelled)
}
