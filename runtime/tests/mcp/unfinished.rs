//! Calls that come back: questions for a person, and tasks (2026-07-28).

use crate::support::{Place, call, run};
use std::sync::Arc;
use std::time::Duration;
use weir_runtime::servers::{Server, Verified};
use weir_runtime::tool::{Continuation, Fault, Happened, Outcome, Tool, Unfinished};
use weir_stdlib::Value;

async fn attempt(server: &Arc<dyn Server>, tool: &str, rest: Option<&Continuation>) -> Result<Outcome, Fault> {
    tokio::time::timeout(crate::support::HANG, server.attempt(&call(tool), rest)).await.unwrap()
}

async fn unfinished(server: &Arc<dyn Server>, tool: &str, rest: Option<&Continuation>) -> Unfinished {
    match attempt(server, tool, rest).await.unwrap() {
        Outcome::Unfinished(left) => *left,
        Outcome::Done(value) => panic!("done with {}", value.to_json()),
    }
}

fn answer(left: &Unfinished, json: &str) -> Continuation {
    let answers = left.questions.iter().map(|one| (one.id.clone(), Value::from_json(json).unwrap()));
    Continuation {
        answers: answers.collect(),
        state: left.state.clone(),
        task: left.task.clone(),
        ..Continuation::default()
    }
}

#[tokio::test]
async fn a_question_is_answered_and_the_call_made_again() {
    let place = Place::new();
    let server = place.hostile(&["new"]);
    let left = unfinished(&server, "ask_twice", None).await;
    assert_eq!(left.questions[0].ty.to_string(), "{ sure: bool, why?: string, how_often?: int in 1..3 }");
    assert!(
        left.questions[0].text.contains("delete everything?") && left.questions[0].text.contains("why: the reason")
    );
    let left = unfinished(&server, "ask_twice", Some(&answer(&left, "{\"sure\": true}"))).await;
    assert_eq!(left.state.as_deref(), Some("2"));
    let rest = answer(&left, "{\"sure\": true, \"why\": null, \"how_often\": 2}");
    let Outcome::Done(value) = attempt(&server, "ask_twice", Some(&rest)).await.unwrap() else { panic!() };
    let told: serde_json::Value = serde_json::from_str(value.as_str().unwrap()).unwrap();
    assert_eq!(told, serde_json::json!({"q": {"action": "accept", "content": {"sure": true, "how_often": 2}}}));
    let rest = Continuation { declined: true, ..answer(&left, "null") };
    let fault = attempt(&server, "ask", Some(&rest)).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.happened), ("permission", Happened::No));
    let fault = attempt(&server, "ask_model", None).await.unwrap_err();
    assert!(fault.message.contains("does not lend"), "{fault}");
    // Outside of a run there is nobody to answer.
    assert_eq!(run(&server, &call("ask")).await.unwrap_err().code, "permission");
    server.close().await;
}

#[tokio::test]
async fn a_task_is_looked_at_until_it_is_done() {
    let place = Place::new();
    let server = place.hostile(&["task"]);
    let left = unfinished(&server, "task", None).await;
    assert_eq!(left.task.as_deref(), Some("t-1"));
    let Outcome::Done(value) = attempt(&server, "task", Some(&answer(&left, "null"))).await.unwrap() else { panic!() };
    assert_eq!(value.as_str(), Some("the task is done"));
    assert_eq!(place.log().matches("poll").count(), 4);
    assert_eq!(run(&server, &call("task")).await.unwrap().as_str(), Some("the task is done"));
    server.close().await;
}

#[tokio::test]
async fn a_task_asks_fails_and_is_cancelled() {
    let place = Place::new();
    let server = place.hostile(&["task", "asks"]);
    let left = unfinished(&server, "task", None).await;
    let left = unfinished(&server, "task", Some(&Continuation { task: left.task, ..Continuation::default() })).await;
    assert_eq!((left.questions.len(), left.task.as_deref()), (1, Some("t-1")));
    let Outcome::Done(value) = attempt(&server, "task", Some(&answer(&left, "{\"sure\": true}"))).await.unwrap() else {
        panic!()
    };
    assert_eq!(value.as_str(), Some("the task is done"));
    assert!(place.log().contains("task answered"));
    server.close().await;

    let server = place.hostile(&["task", "fails"]);
    let fault = run(&server, &call("task")).await.unwrap_err();
    assert!(fault.message.contains("the task broke"), "{fault}");
    server.close().await;

    let server = place.hostile(&["task", "for_ever"]);
    let left = unfinished(&server, "task", None).await;
    let rest = Continuation { task: left.task, ..Continuation::default() };
    let dropped = tokio::time::timeout(Duration::from_millis(300), server.attempt(&call("task"), Some(&rest))).await;
    assert!(dropped.is_err());
    place.logged("task cancelled").await;
    server.close().await;
}

/// A server that is held against its lock first still asks and works on.
#[tokio::test]
async fn what_comes_back_passes_through_the_lock() {
    let place = Place::new();
    let server = place.hostile(&["new"]);
    let listing = crate::support::listed(&server).await.unwrap();
    let locked = vec![("hostile.ask".into(), Arc::new(listing.tools["ask"].clone()))];
    let verified = Verified::new(Arc::clone(&server), locked, crate::support::HANG);
    let outcome = verified.attempt(&call("ask"), None).await.unwrap();
    assert!(matches!(outcome, Outcome::Unfinished(left) if left.questions.len() == 1));
    server.close().await;
}
