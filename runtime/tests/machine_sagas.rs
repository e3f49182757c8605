//! Sagas: what is undone, when, in which order, and how the run is called afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that fails may panic"
)]

mod build;

use build::*;
use serde_json::json;
use weir_compiler::plan::*;
use weir_lang::ast::Role;
use weir_runtime::machine::{Effect, Timer};
use weir_runtime::tool::Fault;

fn undone(hand: &Hand) -> Vec<(String, bool)> {
    let effects = hand.envelope().metadata.side_effects;
    effects.iter().map(|effect| (effect.step.to_string(), effect.undone)).collect()
}

#[test]
fn a_failed_saga_undoes_in_reverse_order_of_completion() {
    let plan = one(Role::Saga, vec![done("a", 0), done("b", 1), write("c", 2).last()]);
    let mut hand = Hand::start(plan.clone());
    hand.ok("a");
    hand.ok("b");
    hand.fail("c", "conflict");
    assert_eq!(hand.status(), "compensating");
    let undo = hand.take_call("b/undo");
    assert_eq!((undo.tool.as_str(), undo.args.to_serde(), undo.repeatable), ("crm.del", json!({"q": "id-b"}), true));
    hand.owed.push(Effect::Call(Box::new(undo)));
    hand.replays(&plan);
    hand.ok("b/undo");
    hand.ok("a/undo");
    assert_eq!((hand.status(), hand.envelope().exit_code()), ("compensated", 4));
    assert_eq!(hand.code(), "conflict");
    assert_eq!(undone(&hand), [("a".into(), true), ("b".into(), true)]);
    assert_eq!(hand.noted("step.undone").len(), 2);
}

#[test]
fn a_failed_saga_that_did_nothing_is_failed() {
    let mut hand = Hand::start(one(Role::Saga, vec![done("a", 0)]));
    hand.fail("a", "conflict");
    assert_eq!((hand.status(), hand.envelope().exit_code()), ("failed", 1));
    let hand = Hand::start(one(Role::Saga, vec![require("r", no(), "blocked", "no")]));
    assert_eq!(hand.status(), "blocked");
}

#[test]
fn a_blocked_saga_that_undid_something_is_compensated() {
    let mut hand = Hand::start(one(Role::Saga, vec![done("a", 0), require("r", no(), "blocked", "no")]));
    hand.ok("a");
    hand.ok("a/undo");
    let metadata = hand.envelope().metadata;
    assert_eq!(
        (metadata.status.word(), metadata.blocked, metadata.reason.as_deref()),
        ("compensated", true, Some("no"))
    );
}

#[test]
fn after_final_nothing_is_undone() {
    let mut hand = Hand::start(one(Role::Saga, vec![done("a", 0), write("b", 1).last(), done("c", 2), done("d", 3)]));
    for step in ["a", "b", "c"] {
        hand.ok(step);
    }
    hand.fail("d", "conflict");
    assert_eq!(hand.status(), "failed");
    assert_eq!(undone(&hand), [("a".into(), false), ("b".into(), false), ("c".into(), false)]);
}

#[test]
fn a_sub_flow_hands_its_undos_up_to_the_saga() {
    let open = flow(Role::Executor, "open", block(vec![done("acc", 0).to(0), return_(slot(0))]));
    let main = |role| {
        plan(vec![
            flow(role, "main", block(vec![call("one", 1, &[], 0), call("two", 1, &[], 1), raise("r", "failed", "no")])),
            open.clone(),
        ])
    };
    let mut hand = Hand::start(main(Role::Saga));
    hand.ok("one/acc");
    hand.ok("two/acc");
    hand.ok("two/acc/undo");
    hand.ok("one/acc/undo");
    assert_eq!(hand.status(), "compensated");
    let mut hand = Hand::start(main(Role::Coordinator));
    hand.ok("one/acc");
    hand.ok("two/acc");
    assert_eq!(hand.status(), "failed", "outside a saga it never runs");
}

#[test]
fn a_failed_flow_undoes_before_the_callers_catch_sees_the_error() {
    let sub = flow(Role::Executor, "sub", block(vec![done("x", 0), done("y", 1)]));
    let step = call("s", 1, &[], 0).catch(&[], block(vec![done("z", 2)]));
    let plan = plan(vec![flow(Role::Saga, "main", block(vec![done("a", 3), step, raise("r", "failed", "no")])), sub]);
    let mut hand = Hand::start(plan.clone());
    hand.ok("a");
    hand.ok("s/x");
    hand.fail("s/y", "conflict");
    assert_eq!(hand.owing(), ["s/x/undo"]);
    hand.ok("s/x/undo");
    assert_eq!(hand.owing(), ["z"]);
    hand.ok("z");
    hand.ok("z/undo");
    hand.ok("a/undo");
    assert_eq!(hand.status(), "compensated");
    hand.replays(&plan);
}

#[test]
fn a_saga_compensated_inside_a_coordinator_leaves_it_failed() {
    let saga = flow(Role::Saga, "saga", block(vec![done("a", 0), raise("r", "conflict", "no")]));
    let mut hand = Hand::start(plan(vec![flow(Role::Coordinator, "main", block(vec![call("s", 1, &[], 0)])), saga]));
    hand.ok("s/a");
    hand.ok("s/a/undo");
    assert_eq!((hand.status(), hand.envelope().exit_code(), hand.code().as_str()), ("failed", 1, "conflict"));
    assert_eq!(undone(&hand), [("s/a".into(), true)]);
}

#[test]
fn final_in_a_sub_flow_counts_for_the_caller() {
    let sub = flow(Role::Executor, "sub", block(vec![write("x", 0).last()]));
    let body = vec![done("a", 0), call("s", 1, &[], 1), raise("r", "failed", "no")];
    let mut hand = Hand::start(plan(vec![flow(Role::Saga, "main", block(body)), sub]));
    hand.ok("a");
    hand.ok("s/x");
    assert_eq!(hand.status(), "failed");
    assert_eq!(undone(&hand), [("a".into(), false), ("s/x".into(), false)]);
}

#[test]
fn undos_are_retried_until_they_succeed_and_not_found_is_undone() {
    let plan = one(Role::Saga, vec![done("a", 0), done("b", 1), raise("r", "failed", "no")]);
    let mut hand = Hand::start(plan.clone());
    hand.ok("a");
    hand.ok("b");
    for attempt in 1..30 {
        let fault = Fault::open("timeout", "no answer");
        hand.fault("b/undo", fault);
        let Effect::Sleep { key, timer: Timer::Retry, until } = &hand.owed[0] else { panic!("{:?}", hand.owed) };
        assert_eq!(key.attempt, attempt + 1);
        assert!(until.duration_since(hand.now).as_millis() <= 30_000);
        hand.wake("b/undo");
    }
    hand.replays(&plan);
    hand.fail("b/undo", "not_found");
    hand.ok("a/undo");
    assert_eq!(hand.status(), "compensated");
}

#[test]
fn a_failed_compensation_lists_what_is_left_and_cannot_be_caught() {
    let saga = flow(Role::Saga, "saga", block(vec![done("a", 0), done("b", 1), raise("r", "conflict", "no")]));
    let main = flow(Role::Saga, "main", block(vec![done("z", 3), call("s", 1, &[], 0).fallback(null())]));
    let mut hand = Hand::start(plan(vec![main, saga]));
    hand.ok("z");
    hand.ok("s/a");
    hand.ok("s/b");
    hand.fail("s/b/undo", "permission");
    hand.ok("s/a/undo");
    hand.ok("z/undo");
    assert_eq!((hand.status(), hand.envelope().exit_code()), ("compensation_failed", 1));
    assert_eq!(undone(&hand), [("z".into(), true), ("s/a".into(), true), ("s/b".into(), false)]);
    assert!(hand.envelope().metadata.not_undone[0].starts_with("`s/b` was not undone: permission"));
    assert_eq!(hand.noted("alert.raised").len(), 1);
}

#[test]
fn unknown_stops_everything_before_anything_is_undone() {
    let body = block(vec![done("w", 2)]);
    let plan = one(Role::Saga, vec![done("a", 9), each("all", numbers(4), Some(2), 3, body)]);
    let mut hand = Hand::start(plan.clone());
    hand.ok("a");
    hand.fault("all[1]/w", Fault::open("timeout", "perhaps"));
    assert_eq!(
        hand.owing(),
        ["all[0]/w", "all[1]/w"],
        "in flight is awaited, nothing new starts, an operator has to say"
    );
    hand.ok("all[0]/w");
    assert_eq!((hand.status(), hand.code().as_str()), ("needs_attention", "unknown"));
    assert_eq!(hand.envelope().metadata.error.unwrap().step, "all[1]/w");
    assert!(undone(&hand).iter().all(|(_, undone)| !undone));
    hand.replays(&plan);
}

#[test]
fn cancelling_awaits_what_is_in_flight_and_undoes() {
    let mut hand = Hand::start(one(Role::Saga, vec![done("a", 0), done("b", 1), done("c", 2)]));
    hand.ok("a");
    hand.cancel();
    assert_eq!(hand.owing(), ["b"]);
    hand.ok("b");
    hand.ok("b/undo");
    hand.cancel();
    hand.ok("a/undo");
    assert_eq!((hand.status(), hand.code().as_str()), ("compensated", "cancelled"));
    let mut hand = Hand::start(one(Role::Coordinator, vec![wait("w", ms(1000)), done("a", 0)]));
    hand.cancel();
    assert_eq!((hand.status(), hand.envelope().exit_code()), ("cancelled", 130));
    assert!(hand.owed.is_empty());
}

#[test]
fn cancelling_after_final_stops_and_lists() {
    let mut hand = Hand::start(one(Role::Saga, vec![done("a", 0), write("b", 1).last(), wait("w", ms(1000))]));
    hand.ok("a");
    hand.ok("b");
    hand.cancel();
    assert_eq!(hand.status(), "cancelled");
    assert_eq!(undone(&hand), [("a".into(), false), ("b".into(), false)]);
}

#[test]
fn one_failing_round_compensates_the_sagas_of_unfinished_rounds() {
    let saga = flow(Role::Saga, "saga", block(vec![done("a", 0), done("b", 1)]));
    let body = block(vec![call("s", 1, &[], 2)]);
    let plan =
        plan(vec![flow(Role::Coordinator, "main", block(vec![each("all", numbers(5), Some(3), 3, body)])), saga]);
    let mut hand = Hand::start(plan.clone());
    hand.ok("all[0]/s/a");
    hand.ok("all[0]/s/b");
    hand.ok("all[1]/s/a");
    hand.fail("all[2]/s/a", "conflict");
    assert_eq!(hand.owing(), ["all[1]/s/b", "all[3]/s/a"]);
    hand.ok("all[3]/s/a");
    assert_eq!(hand.owing(), ["all[1]/s/b", "all[3]/s/a/undo"]);
    hand.ok("all[1]/s/b");
    hand.ok("all[1]/s/b/undo");
    hand.ok("all[3]/s/a/undo");
    hand.ok("all[1]/s/a/undo");
    assert_eq!((hand.status(), hand.envelope().metadata.error.unwrap().step.as_str()), ("failed", "all[2]/s/a"));
    let stands: Vec<_> = undone(&hand).into_iter().filter(|(_, undone)| !undone).map(|(step, _)| step).collect();
    assert_eq!(stands, ["all[0]/s/a", "all[0]/s/b"], "finished rounds stand");
    hand.replays(&plan);
}

#[test]
fn in_a_saga_finished_rounds_are_undone_with_the_rest() {
    let body = block(vec![done("w", 2)]);
    let mut hand = Hand::start(one(Role::Saga, vec![each("all", numbers(3), Some(2), 3, body)]));
    hand.ok("all[1]/w");
    hand.ok("all[0]/w");
    hand.fail("all[2]/w", "conflict");
    hand.ok("all[0]/w/undo");
    hand.ok("all[1]/w/undo");
    assert_eq!(hand.status(), "compensated");
}

#[test]
fn an_undo_may_be_a_flow_and_its_paths_nest() {
    let take_back = flow(Role::Coordinator, "take_back", block(vec![write("del", 1)]))
        .params(vec![param("id", weir_lang::types::Type::STRING)]);
    let target = Target::Flow { flow: 1, args: rec(&[("id", field(slot(0), "id"))]) };
    let step = write("a", 0).with(|act| act.undo = Some(Box::new(UndoPlan { target })));
    let main = flow(Role::Saga, "main", block(vec![step, raise("r", "failed", "no")]));
    let main = main.clauses(|clauses| clauses.budget.calls = Some(1));
    let plan = plan(vec![main, take_back]);
    let mut hand = Hand::start(plan.clone());
    hand.ok("a");
    assert_eq!(hand.owing(), ["a/undo/del"]);
    hand.fail("a/undo/del", "unavailable");
    assert_eq!(hand.owing(), ["a/undo"]);
    hand.wake("a/undo");
    assert_eq!(hand.owing(), ["a/undo@2/del"]);
    hand.cancel();
    hand.ok("a/undo@2/del");
    assert_eq!(hand.status(), "compensated", "budget and cancellation do not count");
    assert_eq!(undone(&hand), [("a".into(), true)]);
    hand.replays(&plan);
}

#[test]
fn undoing_gives_the_key_back() {
    let plan = one(Role::Saga, vec![done("a", 0).key(text("k")), raise("r", "failed", "no")]);
    let mut hand = Hand::start(plan.clone());
    hand.ok("a");
    hand.ok("a/undo");
    let Effect::Release { claim, .. } = &hand.owed[0] else { panic!("{:?}", hand.owed) };
    assert_eq!(claim.key, "k");
    hand.replays(&plan);
    hand.done("a/undo", weir_stdlib::value::Value::NULL);
    assert_eq!(hand.status(), "compensated");
}

#[test]
fn a_result_that_breaks_its_schema_is_undone_as_far_as_it_can_be() {
    let plan = |undo_args| {
        let mut plan = one(Role::Saga, vec![write("a", 0).undo("crm.del", undo_args)]);
        let ty = weir_lang::types::Type::record([
            ("id", weir_lang::types::Type::STRING),
            ("n", weir_lang::types::Type::INT),
        ]);
        plan.tools["crm.add"].output = weir_stdlib::Boundary::new(ty);
        let ty = weir_lang::types::Type::record([("q", weir_lang::types::Type::STRING)]);
        plan.tools["crm.del"].input = weir_stdlib::Boundary::new(ty);
        plan
    };
    let mut hand = Hand::start(plan(rec(&[("q", field(slot(0), "id"))])));
    hand.ok("a");
    hand.ok("a/undo");
    assert_eq!((hand.status(), hand.code().as_str()), ("compensated", "bad_response"));
    let mut hand = Hand::start(plan(rec(&[("q", field(slot(0), "n"))])));
    hand.ok("a");
    assert_eq!(hand.status(), "compensation_failed");
}
