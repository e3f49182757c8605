//! Threads: runs that are listed together, and the list of their events.

use super::lab::{Lab, Opened, PATIENCE, Verdict, ok, plan, refused, request, same, status, until};
use crate::engine::{EngineError, StartRequest, ThreadEvent, ThreadStream};
use crate::journal::Filter;
use crate::machine::{NoteKind, Status};
use crate::observe::Observed;
use ecow::EcoString;
use futures_util::StreamExt;
use weir_stdlib::value::Value;

const FLOWS: &str = r#"
coordinator main() -> bool can t.write {
  t.put(n: "main")
  start part()
  yes = ask "Go on?" as bool
  return yes
}
coordinator part() can t.write {
  t.put(n: "part")
}"#;

const QUICK: &str = r#"
coordinator main() can t.write {
  t.put(n: "quick")
}"#;

fn of(thread: &str) -> StartRequest {
    StartRequest { thread: Some(thread.into()), ..request() }
}

pub(super) async fn listed(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let one = ok(engine.start(plan(FLOWS)?, of("one")).await)?;
    ok(engine.start(plan(QUICK)?, of("two")).await)?;
    ok(engine.start(plan(QUICK)?, request()).await)?;
    let listed = ok(engine.list(&Filter { thread: Some("one".into()), ..Filter::default() }).await)?;
    let flows: Vec<&str> = listed.iter().map(|run| &*run.flow).collect();
    same("the runs of the thread, newest first", flows, vec!["part", "main"])?;
    let first = listed.last().map(|run| run.run_id.clone());
    same("the first of them", first, Some(one.metadata.run_id))?;
    same("all runs", ok(engine.list(&Filter::default()).await)?.len(), 4)
}

/// Every event of a thread.
async fn all(engine: &Opened, thread: &str) -> Result<Vec<ThreadEvent>, String> {
    ok(engine.thread_events(thread, 0, usize::MAX).await)
}

/// That the list holds the events of these runs, each once and in its order, and no others.
async fn holds(engine: &Opened, events: &[ThreadEvent], runs: &[&EcoString]) -> Verdict {
    for run_id in runs {
        let told: Vec<Observed> =
            events.iter().filter(|one| one.event.run_id == **run_id).map(|one| one.event.clone()).collect();
        same("what a run has told", told, ok(engine.history(run_id).await)?.events)?;
    }
    let others = events.iter().filter(|one| !runs.contains(&&one.event.run_id)).count();
    same("events of other runs", others, 0)?;
    let in_order = |one: &ThreadEvent, next: &ThreadEvent| {
        one.position < next.position
            || (one.position == next.position
                && one.event.run_id == next.event.run_id
                && one.event.seq + 1 == next.event.seq)
    };
    same("whether positions rise", events.is_sorted_by(in_order), true)
}

pub(super) async fn events(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let main = ok(engine.start(plan(FLOWS)?, of("one")).await)?.metadata;
    let two = ok(engine.start(plan(QUICK)?, of("two")).await)?.metadata.run_id;
    let last = ok(engine.start(plan(QUICK)?, of("one")).await)?.metadata.run_id;
    ok(engine.start(plan(QUICK)?, request()).await)?;
    ok(engine.answer(&main.run_id, "yes", Value::bool(true)).await)?;
    status(&ok(engine.resume(&main.run_id).await)?, Status::Succeeded)?;
    let children = Filter { parent: Some(main.run_id.clone()), ..Filter::default() };
    let part = ok(engine.list(&children).await)?.first().map(|run| run.run_id.clone()).ok_or("it started no run")?;
    let one = all(&engine, "one").await?;
    holds(&engine, &one, &[&main.run_id, &part, &last]).await?;
    holds(&engine, &all(&engine, "two").await?, &[&two]).await?;
    let began = one.iter().filter(|one| one.event.event == NoteKind::RunStarted).map(|one| one.event.run_id.clone());
    same("the runs in the order of their beginnings", began.collect(), vec![main.run_id.clone(), part, last])?;
    let ended = one.last().map(|one| (one.event.run_id.clone(), one.event.event));
    same("the last event", ended, Some((main.run_id.clone(), NoteKind::RunSucceeded)))?;
    for limit in [1, 2, 5] {
        same("the pages together", pages(&engine, "one", limit).await?, one.clone())?;
    }
    let nobody = |error: &EngineError| matches!(error, EngineError::NoThread(_));
    refused("a thread that never was", engine.thread_events("three", 0, 9).await, nobody)?;
    refused("following it", engine.follow_thread("three", 0).await.map(drop), nobody)?;
    drop(engine);
    same("in the next process", all(&lab.open()?, "one").await?, one)
}

/// A thread, read page by page.
async fn pages(engine: &Opened, thread: &str, limit: usize) -> Result<Vec<ThreadEvent>, String> {
    let (mut seen, mut after) = (Vec::new(), 0);
    loop {
        let page = ok(engine.thread_events(thread, after, limit).await)?;
        let Some(last) = page.last() else { return Ok(seen) };
        if last.position <= after {
            return Err(format!("behind position {after} comes position {}", last.position));
        }
        after = last.position;
        seen.extend(page);
    }
}

/// What comes until a run has ended.
async fn hear(stream: &mut ThreadStream, run_id: &EcoString) -> Result<Vec<ThreadEvent>, String> {
    let mut told: Vec<ThreadEvent> = Vec::new();
    let over = |one: &ThreadEvent| one.event.run_id == *run_id && one.event.event == NoteKind::RunSucceeded;
    let heard = async {
        while !told.last().is_some_and(over) {
            match stream.next().await {
                Some(next) => told.push(ok(next)?),
                None => return Err("it ended".to_owned()),
            }
        }
        Ok(())
    };
    match tokio::time::timeout(PATIENCE, heard).await {
        Ok(heard) => heard.map(|()| told),
        Err(_) => Err("the end of a run is never told".into()),
    }
}

pub(super) async fn followed(lab: &Lab) -> Verdict {
    let engine = lab.open()?;
    let main = ok(engine.start(plan(FLOWS)?, of("one")).await)?.metadata.run_id;
    let mut stream = ok(engine.follow_thread("one", 0).await)?;
    let before = all(&engine, "one").await?;
    // One that begins later, one of another thread, and one that goes on.
    let later = ok(engine.begin(plan(QUICK)?, of("one")).await)?.run_id;
    let mut told = hear(&mut stream, &later).await?;
    ok(engine.start(plan(QUICK)?, of("two")).await)?;
    ok(engine.answer(&main, "yes", Value::bool(true)).await)?;
    ok(engine.resume(&main).await)?;
    until(&engine, &main, Status::Succeeded).await?;
    told.extend(hear(&mut stream, &main).await?);
    same("what is told, read again", told.clone(), all(&engine, "one").await?)?;
    let position = before.last().map(|one| one.position).unwrap_or_default();
    let mut behind = ok(engine.follow_thread("one", position).await)?;
    let rest: Vec<ThreadEvent> = told.into_iter().filter(|one| one.position > position).collect();
    same("what is told behind a position", hear(&mut behind, &main).await?, rest)
}
