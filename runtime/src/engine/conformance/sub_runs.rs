//! Runs that runs start, and flows that they call.

use super::lab::{Lab, Verdict, ok, plan, request, same, status, until};
use crate::engine::StartRequest;
use crate::envelope::{BudgetLeft, Envelope};
use crate::journal::Filter;
use crate::machine::Status;
use weir_stdlib::value::Value;

pub(super) async fn parent(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let text = r#"
coordinator main() -> string can t.write {
  run = start part(n: "x")
  t.put(n: "main")
  return run
}
coordinator part(n: string) can t.write {
  t.put(n: n)
  start leaf()
}
coordinator leaf() can t.write {
  t.put(n: "leaf")
}"#;
    let envelope = ok(engine.start(plan(text)?, request()).await)?;
    let of = |parent: &str| Filter { parent: Some(parent.into()), ..Filter::default() };
    let parts = ok(engine.list(&of(&envelope.metadata.run_id)).await)?;
    let Some(part) = parts.first().filter(|_| parts.len() == 1) else {
        return Err(format!("it started {} runs, not one", parts.len()));
    };
    same("its value", super::lab::value(&envelope), format!("\"{}\"", part.run_id))?;
    same("how the run that it started is when it has ended", (&*part.flow, &*part.status), ("part", "succeeded"))?;
    let leaves = ok(engine.list(&of(&part.run_id)).await)?;
    same("the one that was started by that", leaves.iter().map(|run| &*run.flow).collect(), vec!["leaf"])?;
    let mut calls = lab.tools.calls();
    calls.sort();
    same("what was called", calls, ["put leaf", "put main", "put x"].map(String::from).to_vec())
}

pub(super) async fn grants(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let text = r#"
coordinator main() can t.read, t.write {
  t.get(n: "x")
  start part()
}
coordinator part() can t.write {
  t.put(n: "part")
}"#;
    let narrow = StartRequest { grants: vec!["t.read".into()], ..request() };
    // Refused as a whole, or where it would do more: in no case is anything written.
    let _ = engine.start(plan(text)?, narrow).await;
    same("what was called", lab.tools.calls(), vec![])
}

pub(super) async fn budget(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let calls = r#"
coordinator main(ns: [string] = ["a", "b"]) can t.write budget 3 calls {
  for n in ns {
    part(n: n)
  }
}
coordinator part(n: string) can t.write {
  t.put(n: n)
  t.put(n: "{n} again")
}"#;
    let envelope = ok(engine.start(plan(calls)?, request()).await)?;
    let code = envelope.metadata.error.map(|error| error.code.to_string());
    same("its error", code, Some("budget".into()))?;
    same("what was called", lab.tools.calls(), ["put a", "put a again", "put b"].map(String::from).to_vec())?;
    let deep = r#"
coordinator main(deep: bool = true) can t.write budget depth 1 { one(deep: deep) }
coordinator one(deep: bool) can t.write { if deep { two() } }
coordinator two() can t.write { t.put(n: "deep") }"#;
    let envelope = ok(engine.start(plan(deep)?, request()).await)?;
    same("its error", envelope.metadata.error.map(|error| error.code.to_string()), Some("budget".into()))?;
    same("what was called", lab.tools.calls().len(), 3)
}

pub(super) async fn handed_on(lab: &Lab) -> Verdict {
    let first = lab.open()?;
    let text = r#"
coordinator main() can t.write budget 4 calls, depth 2 {
  t.put(n: "main")
  start one()
  t.put(n: "main again")
}
coordinator one() can t.write budget 20 calls {
  t.put(n: "one")
  ask "Go on?" as bool
  start two()
}
coordinator two() can t.write {
  t.put(n: "two")
  t.put(n: "two again")
  t.put(n: "too much")
}"#;
    let main = ok(first.start(plan(text)?, request()).await)?;
    status(&main, Status::Succeeded)?;
    same("what the first run has left", left(&main), (None, Some(2), Some(2)))?;
    let one = ok(first.list(&of(&main.metadata.run_id)).await)?.pop().ok_or("nothing was started")?.run_id;
    until(&first, &one, Status::Waiting).await?;
    drop(first);
    let second = lab.open()?;
    ok(second.answer(&one, "ask", Value::bool(true)).await)?;
    let ended = ok(second.resume(&one).await)?;
    status(&ended, Status::Succeeded)?;
    same("what the run that it started has left", left(&ended), (Some(1), Some(2), Some(1)))?;
    let two = ok(second.list(&of(&one)).await)?.pop().ok_or("nothing was started below")?.run_id;
    let ended = ok(second.resume(&two).await)?;
    same("the error of the run below", error(&ended), Some("budget".into()))?;
    same("what that has left", left(&ended), (Some(2), Some(0), Some(0)))?;
    same("the error of another try", error(&ok(second.retry(&two, None).await)?), Some("budget".into()))?;
    let calls = ["put main", "put main again", "put one", "put two", "put two again"].map(String::from);
    let mut made = lab.tools.calls();
    made.sort();
    same("what was called", made, calls.to_vec())?;
    let deep = r#"
coordinator main() can t.write budget depth 1 { start one() }
coordinator one() can t.write { start two() }
coordinator two() can t.write { t.put(n: "deep") }"#;
    let main = ok(second.start(plan(deep)?, request()).await)?;
    status(&main, Status::Succeeded)?;
    let one = ok(second.list(&of(&main.metadata.run_id)).await)?.pop().ok_or("nothing was started")?.run_id;
    same("the error of what started too deep", error(&ok(second.resume(&one).await)?), Some("budget".into()))?;
    same("what was called", lab.tools.calls().len(), 5)
}

/// Runs that a run started.
fn of(parent: &str) -> Filter {
    Filter { parent: Some(parent.into()), ..Filter::default() }
}

/// How deep a run is, and what is left of its calls and its depth.
fn left(envelope: &Envelope) -> (Option<u64>, Option<u64>, Option<u64>) {
    let left = envelope.metadata.budget_left.unwrap_or(BudgetLeft { calls: None, cost: None, depth: None });
    (envelope.metadata.depth, left.calls, left.depth)
}

fn error(envelope: &Envelope) -> Option<String> {
    envelope.metadata.error.as_ref().map(|error| error.code.to_string())
}

pub(super) async fn cancel(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let text = r#"
saga main() can t.write, runs.write {
  run = start part()
    undo runs.cancel(id: it)
  inner()
}
saga inner() can t.write {
  a = t.put(n: "inner")
    undo t.del(id: a.id)
  ask "Go on?" as bool
}
saga part() can t.write {
  b = t.put(n: "part")
    undo t.del(id: b.id)
  ask "Go on here?" as bool
}"#;
    let run_id = ok(engine.begin(plan(text)?, request()).await)?.run_id;
    until(&engine, &run_id, Status::Waiting).await?;
    let of = Filter { parent: Some(run_id.clone()), ..Filter::default() };
    let parts = ok(engine.list(&of).await)?;
    let Some(part) = parts.first() else { return Err("nothing was started".into()) };
    until(&engine, &part.run_id, Status::Waiting).await?;
    ok(engine.cancel(&run_id, "by hand").await)?;
    status(&ok(engine.resume(&run_id).await)?, Status::Compensated)?;
    status(&ok(engine.resume(&part.run_id).await)?, Status::Compensated)?;
    let mut undone: Vec<String> = lab.tools.calls().into_iter().filter(|call| call.starts_with("del")).collect();
    undone.sort();
    same("what was undone", undone, ["del made inner", "del made part"].map(String::from).to_vec())
}
