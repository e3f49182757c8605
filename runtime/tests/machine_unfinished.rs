//! Calls that come back unfinished: questions that are open like those of an `ask`, tasks that are looked at again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails may panic")]

mod build;

use build::*;
use weir_lang::ast::Role;
use weir_lang::types::Type;
use weir_runtime::machine::{Applied, Effect, Event, Key};
use weir_runtime::tool::{Fault, ToolQuestion, Unfinished};
use weir_stdlib::value::Value;

fn comes_back(hand: &mut Hand, step: &str, left: Unfinished) -> Applied {
    let key = hand.take(step).key().unwrap().clone();
    let at = hand.tick(1);
    hand.tell(Event::Unfinished { at, key, left: Box::new(left) })
}

fn asks(id: &str) -> Unfinished {
    let ty = Type::record([("sure", Type::Bool)]);
    let question = ToolQuestion { id: id.into(), text: "sure?".to_owned(), ty };
    Unfinished { questions: vec![question], state: Some("s".to_owned()), ..Unfinished::default() }
}

fn sure() -> Value {
    Value::record([("sure", Value::bool(true))])
}

#[test]
fn a_tools_question_waits_like_an_ask_and_the_call_goes_on_with_the_answer() {
    let plan = one(Role::Coordinator, vec![write("a", 0).to(0), return_(slot(0))]);
    let mut hand = Hand::start(plan.clone());
    comes_back(&mut hand, "a", asks("q"));
    hand.replays(&plan);
    assert_eq!(hand.status(), "waiting");
    let waiting = hand.envelope().metadata.waiting;
    assert_eq!(waiting[0].kind, "ask");
    assert_eq!(waiting[0].question.as_deref(), Some("`crm.add` asks: sure?"));
    assert_eq!(waiting[0].ty.as_deref(), Some("{ sure: bool }?"));
    hand.answer("a", Value::text("what?"));
    assert_eq!(hand.status(), "waiting");
    hand.answer("a", sure());
    hand.replays(&plan);
    let Effect::Call(call) = &hand.owed[0] else { panic!("{:?}", hand.owed) };
    let rest = call.rest.as_ref().unwrap();
    assert_eq!((call.key.attempt, rest.state.as_deref(), rest.declined), (1, Some("s"), false));
    assert_eq!(rest.answers["q"].to_json(), "{\"sure\":true}");
    // It may ask again.
    comes_back(&mut hand, "a", asks("r"));
    hand.replays(&plan);
    hand.answer("a", sure());
    hand.ok("a");
    hand.replays(&plan);
    assert_eq!((hand.status(), hand.envelope().metadata.attempts), ("succeeded", 1));
}

#[test]
fn several_questions_are_one_and_null_declines() {
    let plan = one(Role::Coordinator, vec![write("a", 0)]);
    let mut hand = Hand::start(plan.clone());
    let mut two = asks("p");
    two.questions.extend(asks("q").questions);
    comes_back(&mut hand, "a", two);
    assert_eq!(hand.envelope().metadata.waiting[0].ty.as_deref(), Some("{ p: { sure: bool }, q: { sure: bool } }?"));
    hand.answer("a", Value::NULL);
    let Effect::Call(call) = &hand.owed[0] else { panic!("{:?}", hand.owed) };
    assert!(call.rest.as_ref().unwrap().declined);
    hand.fault("a", Fault::clean("permission", "declined"));
    hand.replays(&plan);
    assert_eq!((hand.status(), hand.code().as_str()), ("failed", "permission"));
}

#[test]
fn a_task_is_called_again_by_its_id() {
    let plan = one(Role::Coordinator, vec![write("a", 0).to(0), return_(slot(0))]);
    let mut hand = Hand::start(plan.clone());
    comes_back(&mut hand, "a", Unfinished { task: Some("t-1".into()), ..Unfinished::default() });
    hand.replays(&plan);
    let Effect::Call(call) = &hand.machine.pending()[0] else { panic!() };
    assert_eq!(call.rest.as_ref().unwrap().task.as_deref(), Some("t-1"));
    assert_eq!(hand.status(), "running");
    hand.ok("a");
    assert_eq!(hand.status(), "succeeded");
}

#[test]
fn a_call_that_comes_back_without_end_fails() {
    let plan = one(Role::Coordinator, vec![read("a", 0)]);
    let mut hand = Hand::start(plan.clone());
    for _ in 0..16 {
        comes_back(&mut hand, "a", Unfinished { state: Some("s".to_owned()), ..Unfinished::default() });
    }
    assert_eq!(hand.status(), "running");
    comes_back(&mut hand, "a", Unfinished { state: Some("s".to_owned()), ..Unfinished::default() });
    hand.replays(&plan);
    assert_eq!((hand.status(), hand.code().as_str()), ("failed", "bad_response"));
}

#[test]
fn a_run_that_is_cancelled_while_a_tool_asks_tells_it_so() {
    let plan = one(Role::Saga, vec![done("w", 0).to(0), write("a", 1).last()]);
    let mut hand = Hand::start(plan.clone());
    hand.ok("w");
    comes_back(&mut hand, "a", asks("q"));
    hand.cancel();
    hand.replays(&plan);
    let call = hand.take_call("a");
    assert!(call.rest.unwrap().declined);
    let at = hand.tick(1);
    hand.tell(Event::Failed { at, key: call.key, fault: Fault::clean("permission", "declined") });
    assert_eq!(hand.owing(), ["w/undo"]);
    hand.ok("w/undo");
    hand.replays(&plan);
    assert_eq!(hand.status(), "compensated");
}

#[test]
fn an_undo_may_work_on_but_not_ask() {
    let plan = one(Role::Saga, vec![done("w", 0).to(0), write("a", 1).last()]);
    for (left, status) in [
        (Unfinished { task: Some("t".into()), ..Unfinished::default() }, "compensated"),
        (asks("q"), "compensation_failed"),
    ] {
        let mut hand = Hand::start(plan.clone());
        hand.ok("w");
        hand.fail("a", "conflict");
        let asked = !left.questions.is_empty();
        comes_back(&mut hand, "w/undo", left);
        if !asked {
            hand.ok("w/undo");
        }
        hand.replays(&plan);
        assert_eq!(hand.status(), status);
    }
}

#[test]
fn an_event_for_another_attempt_changes_nothing() {
    let mut hand = Hand::start(one(Role::Coordinator, vec![read("a", 0)]));
    let at = hand.tick(1);
    let applied =
        hand.tell(Event::Unfinished { at, key: Key { step: "a".into(), attempt: 2 }, left: Box::new(asks("q")) });
    assert!(applied.effects.is_empty());
}
