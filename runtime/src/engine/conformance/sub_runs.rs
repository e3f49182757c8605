//! Runs that runs start, and flows that they call.

use super::lab::{Lab, Verdict, ok, plan, request, same, status, until};
use crate::engine::StartRequest;
use crate::journal::Filter;
use crate::machine::Status;

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
