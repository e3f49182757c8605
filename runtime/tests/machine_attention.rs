//! What an operator decides: a call that may have happened, a failure that a policy escalates.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails may panic")]

mod build;

use build::*;
use weir_compiler::plan::*;
use weir_lang::ast::Role;
use weir_lang::types::Type;
use weir_runtime::machine::Decision;
use weir_runtime::tool::Fault;
use weir_stdlib::value::Value;

fn lost(hand: &mut Hand, step: &str) {
    hand.fault(step, Fault::open("timeout", "no answer"));
}

fn id(text: &str) -> Value {
    Value::record([("id", Value::text(text))])
}

/// A saga whose second call may have happened.
fn in_doubt() -> (Hand, Plan) {
    let plan = one(Role::Saga, vec![done("a", 0), done("b", 1), done("c", 2)]);
    let mut hand = Hand::start(plan.clone());
    hand.ok("a");
    lost(&mut hand, "b");
    assert_eq!((hand.status(), hand.owing()), ("needs_attention", vec!["b".to_owned()]));
    let waiting = &hand.envelope().metadata.waiting[0];
    assert_eq!((waiting.step.as_str(), waiting.kind), ("b", "unknown"));
    (hand, plan)
}

#[test]
fn it_happened_with_this_result() {
    let (mut hand, plan) = in_doubt();
    hand.decide("b", Decision::Happened(id("found")));
    hand.fail("c", "conflict");
    assert_eq!(hand.take_call("b/undo").args.field("q").as_str(), Some("found"), "the undo knows the result");
    hand.replays(&plan);
}

#[test]
fn it_did_not_call_again() {
    let (mut hand, plan) = in_doubt();
    hand.decide("b", Decision::Again);
    assert_eq!(hand.take_call("b").key.attempt, 2);
    hand.replays(&plan);
}

#[test]
fn given_up_what_was_done_is_undone_and_what_may_be_left_is_listed() {
    let (mut hand, plan) = in_doubt();
    hand.decide("b", Decision::GiveUp);
    hand.ok("a/undo");
    assert_eq!(hand.status(), "compensation_failed");
    let left = hand.envelope().metadata.not_undone;
    assert!(left[0].starts_with("`b` may have happened and was given up"), "{left:?}");
    hand.replays(&plan);
}

#[test]
fn given_up_outside_a_saga_the_run_has_failed() {
    let mut hand = Hand::start(one(Role::Coordinator, vec![write("a", 0)]));
    lost(&mut hand, "a");
    hand.decide("a", Decision::GiveUp);
    assert_eq!((hand.status(), hand.code().as_str()), ("failed", "unknown"));
}

#[test]
fn what_does_not_fit_is_refused() {
    let (hand, _) = in_doubt();
    let refused = |step: &str, decision: Decision| hand.machine.check_decision(step, &decision).unwrap_err();
    assert!(refused("a", Decision::Again).contains("does not wait for an operator"));
    assert!(refused("b", Decision::Skip(Value::NULL)).contains("may have happened"));
    assert!(hand.machine.check_decision("b", &Decision::Happened(id("x"))).is_ok());
}

#[test]
fn cancelled_while_nobody_knows_it_is_still_asked_first() {
    let (mut hand, plan) = in_doubt();
    hand.cancel();
    assert_eq!(hand.owing(), ["b"], "nothing is undone before it is known");
    hand.decide("b", Decision::Happened(id("found")));
    hand.ok("b/undo");
    hand.ok("a/undo");
    assert_eq!(hand.status(), "compensated");
    hand.replays(&plan);
}

#[test]
fn two_in_doubt_are_both_asked_for_and_nothing_goes_on_before() {
    let body = block(vec![done("w", 2)]);
    let plan = one(Role::Saga, vec![each("all", numbers(4), Some(2), 3, body)]);
    let mut hand = Hand::start(plan.clone());
    lost(&mut hand, "all[0]/w");
    lost(&mut hand, "all[1]/w");
    assert_eq!(hand.owing(), ["all[0]/w", "all[1]/w"]);
    hand.decide("all[0]/w", Decision::Happened(id("0")));
    assert_eq!(hand.owing(), ["all[1]/w"]);
    hand.decide("all[1]/w", Decision::Again);
    assert_eq!(hand.owing(), ["all[1]/w", "all[2]/w"], "what was held is sent now");
    hand.replays(&plan);
}

fn escalating() -> Plan {
    let policy = PolicyArmPlan { codes: vec![], retry: None, then: PolicyEndPlan::Escalate(1) };
    let main = flow(
        Role::Coordinator,
        "main",
        block(vec![write("a", 0).with(|act| act.policy = vec![policy]).to(0), read("b", 1)]),
    );
    let page = flow(Role::Coordinator, "page", block(vec![])).params(vec![param("error", Type::Json)]);
    plan(vec![main, page])
}

#[test]
fn an_escalation_tells_somebody_and_waits() {
    let plan = escalating();
    let mut hand = Hand::start(plan.clone());
    hand.fail("a", "conflict");
    assert_eq!(hand.owing(), ["a", "a/escalate"]);
    assert_eq!(hand.status(), "running", "the other run is being started");
    hand.done("a/escalate", Value::text("run"));
    assert_eq!(hand.status(), "needs_attention");
    assert_eq!(hand.envelope().metadata.waiting[0].kind, "escalated");
    hand.decide("a", Decision::Again);
    assert_eq!(hand.take_call("a").key.attempt, 2);
    hand.replays(&plan);
}

#[test]
fn an_escalated_step_is_skipped_or_fails() {
    let escalated = || {
        let mut hand = Hand::start(escalating());
        hand.fail("a", "conflict");
        hand.done("a/escalate", Value::text("run"));
        hand
    };
    let mut hand = escalated();
    assert!(hand.machine.check_decision("a", &Decision::Happened(id("x"))).unwrap_err().contains("has failed"));
    hand.decide("a", Decision::Skip(id("instead")));
    assert_eq!(hand.owing(), ["b"]);
    let mut hand = escalated();
    hand.decide("a", Decision::GiveUp);
    assert_eq!((hand.status(), hand.code().as_str()), ("failed", "conflict"));
}

#[test]
fn what_stands_for_a_skipped_call_is_its_result_and_not_the_field_behind_it() {
    let policy = PolicyArmPlan { codes: vec![], retry: None, then: PolicyEndPlan::Escalate(1) };
    let with = |act: &mut Act| {
        act.policy = vec![policy];
        act.value = Some(field(slot(1), "id"));
    };
    let main = flow(Role::Coordinator, "main", block(vec![write("a", 1).with(with).to(0), return_(slot(0))]));
    let page = flow(Role::Coordinator, "page", block(vec![])).params(vec![param("error", Type::Json)]);
    let mut hand = Hand::start(plan(vec![main, page]));
    hand.fail("a", "conflict");
    hand.done("a/escalate", Value::text("run"));
    hand.decide("a", Decision::Skip(id("instead")));
    assert_eq!(hand.envelope().records[0].value.as_str(), Some("instead"));
}

#[test]
fn an_escalation_that_reaches_nobody_waits_all_the_same() {
    let mut hand = Hand::start(escalating());
    hand.fail("a", "conflict");
    hand.fail("a/escalate", "unavailable");
    assert_eq!((hand.status(), hand.noted("alert.raised").len()), ("needs_attention", 1));
    hand.decide("a", Decision::Again);
    hand.ok("a");
    hand.ok("b");
    assert_eq!(hand.status(), "succeeded");
}

#[test]
fn a_delivery_that_is_found_to_have_sent_says_so() {
    let args = rec(&[("to", text("ann@acme.test"))]);
    let send = step("send", act(Target::Tool { tool: "mail.send".into(), args }, 1, false), EffectClass::Barrier);
    let key = step("key", StepKind::Key { key: text("welcome-1"), per_run: false }, EffectClass::Barrier);
    let welcome = flow(Role::Delivery, "welcome", block(vec![key, send.to(1)]));
    let main = flow(Role::Coordinator, "main", block(vec![call("w", 1, &[], 0).to(0), return_(slot(0))]));
    let mut hand = Hand::with(plan(vec![main, welcome]), |started| started.delivery = true);
    lost(&mut hand, "w/send");
    hand.decide("w/send", Decision::Happened(id("m1")));
    let sent = &hand.envelope().records[0].value;
    assert_eq!((sent.field("status").as_str(), sent.field("id").as_str()), (Some("sent"), Some("m1")));
}
