//! Monitors beside a run: nobody waits for them, and what becomes of them changes nothing for the run. What the language
//! reference says of `monitor` is proven here, sentence by sentence.
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
use weir_lang::types::Type;
use weir_runtime::machine::{Effect, Event};
use weir_runtime::tool::{Fault, ToolQuestion, Unfinished};
use weir_stdlib::value::Value;

/// A flow of these steps that may call the monitor, which is flow 1.
fn told(steps: Vec<StepPlan>, monitor: Vec<StepPlan>) -> Plan {
    plan(vec![flow(Role::Coordinator, "main", block(steps)), flow(Role::Monitor, "tells", block(monitor))])
}

fn tells() -> StepPlan {
    call("tell", 1, &[], 9)
}

fn pause(hand: &mut Hand) {
    let at = hand.tick(1);
    hand.tell(Event::Paused { at });
}

fn resume(hand: &mut Hand) {
    let at = hand.tick(1);
    hand.tell(Event::Resumed { at });
}

#[test]
fn the_flow_goes_on_at_once_and_the_run_ends_when_the_call_is_back() {
    let plan = told(vec![tells(), write("after", 1), return_(text("done"))], vec![write("log", 0)]);
    let mut hand = Hand::start(plan.clone());
    assert_eq!(hand.owing(), ["after", "tell/log"]);
    hand.ok("after");
    assert_eq!((hand.status(), hand.owing()), ("running", vec!["tell/log".to_owned()]));
    hand.ok("tell/log");
    let metadata = hand.envelope().metadata;
    assert_eq!((hand.status(), metadata.attempts, metadata.side_effects.len()), ("succeeded", 2, 2));
    assert!(hand.noted("step.succeeded").iter().any(|note| note.starts_with("tell:")));
    hand.replays(&plan);
}

#[test]
fn its_value_is_null() {
    let hand = Hand::start(told(vec![tells().to(0), return_(slot(0))], vec![let_("x", int(1), 0)]));
    assert_eq!((hand.status(), hand.envelope().value), ("succeeded", Some(Value::NULL)));
}

#[test]
fn whatever_becomes_of_it_the_run_ends_as_without_it() {
    let faults = [
        Fault::clean("failed", "no"),
        Fault::open("timeout", "perhaps"),
        Fault::clean("unavailable", "down"),
        Fault::open("unknown", "the process died during the call"),
    ];
    for fault in faults {
        let steps = vec![write("before", 0), tells(), write("after", 1), return_(text("done"))];
        let plan = told(steps, vec![write("log", 0)]);
        let mut hand = Hand::start(plan.clone());
        hand.ok("before");
        hand.fault("tell/log", fault);
        hand.ok("after");
        let envelope = hand.envelope();
        assert_eq!((hand.status(), envelope.exit_code(), envelope.metadata.partial), ("succeeded", 0, false));
        assert_eq!((envelope.metadata.error, hand.noted("run.needs_attention").len()), (None, 0));
        assert!(hand.noted("step.skipped")[0].starts_with("tell: monitor `tells` failed and was left out"));
        hand.replays(&plan);
    }
}

#[test]
fn a_run_that_waits_says_so_while_a_monitor_is_under_way() {
    let plan = told(vec![tells(), ask("sure", "Sure?", Type::Bool, 0)], vec![write("log", 0)]);
    let mut hand = Hand::start(plan.clone());
    assert_eq!((hand.status(), hand.owing()), ("waiting", vec!["sure".to_owned(), "tell/log".to_owned()]));
    hand.answer("sure", Value::bool(true));
    hand.ok("tell/log");
    assert_eq!(hand.status(), "succeeded");
    hand.replays(&plan);
}

#[test]
fn it_sees_its_arguments_as_they_were_and_a_server_gets_four_calls_at_once_in_order() {
    let body = block(vec![call("tell", 1, &[("n", slot(0))], 3)]);
    let log = step("log", act(Target::Tool { tool: "crm.add".into(), args: rec(&[("q", slot(0))]) }, 1, false), {
        EffectClass::Barrier
    });
    let mut plan = told(vec![each("all", numbers(6), None, 8, body), return_(text("done"))], vec![log]);
    plan.flows[1].params = vec![param("n", Type::INT)];
    let mut hand = Hand::start(plan.clone());
    let first = ["all[0]/tell/log", "all[1]/tell/log", "all[2]/tell/log", "all[3]/tell/log"];
    assert_eq!(hand.owing(), first);
    hand.ok("all[2]/tell/log");
    assert_eq!(hand.owing()[3], "all[4]/tell/log");
    hand.replays(&plan);
    for round in [0, 1, 3, 4] {
        hand.ok(&format!("all[{round}]/tell/log"));
    }
    assert_eq!(hand.status(), "running");
    hand.ok("all[5]/tell/log");
    assert_eq!(hand.status(), "succeeded");
    let calls = hand.all.iter().filter_map(|effect| match effect {
        Effect::Call(call) => Some(call.args.to_serde()),
        _ => None,
    });
    assert_eq!(calls.collect::<Vec<_>>(), (0..6).map(|n| json!({ "q": n })).collect::<Vec<_>>());
}

#[test]
fn of_more_than_ten_thousand_at_once_one_is_left_out() {
    let body = block(vec![tells()]);
    let mut hand = Hand::start(told(vec![each("all", numbers(10_001), None, 12, body)], vec![write("log", 0)]));
    let left_out = hand.noted("step.skipped");
    assert_eq!(left_out.len(), 1);
    assert!(
        left_out[0].starts_with("all[10000]/tell:") && left_out[0].contains("10000 monitors of the run"),
        "{left_out:?}"
    );
    assert_eq!(hand.owing().len(), 4);
    hand.tick(2_000);
    while let Some(key) = hand.owed.first().and_then(Effect::key).cloned() {
        hand.ok(&key.step);
    }
    assert_eq!(hand.status(), "succeeded");
}

#[test]
fn at_the_end_of_the_run_it_has_a_second() {
    let steps = vec![tells(), return_(text("done"))];
    let plan = told(steps, vec![write("one", 0), write("two", 1), write("three", 2)]);
    let mut hand = Hand::start(plan.clone());
    hand.tick(600);
    hand.ok("tell/one");
    let Effect::Call(two) = hand.owed[0].clone() else { panic!() };
    assert_eq!(two.timeout_ms, 399, "no call takes longer than what is left");
    hand.tick(500);
    hand.ok("tell/two");
    assert_eq!(hand.status(), "succeeded");
    assert_eq!(
        hand.noted("step.skipped"),
        ["tell: monitor `tells` failed and was left out: timeout: its time is over"]
    );
    assert_eq!(hand.envelope().metadata.side_effects.len(), 2, "what it did is told all the same");
    hand.replays(&plan);
}

#[test]
fn it_has_ten_seconds_in_all_and_a_call_of_it_one() {
    let steps = vec![tells(), ask("sure", "Sure?", Type::Bool, 0)];
    let mut hand = Hand::start(told(steps, vec![write("one", 0), write("two", 1)]));
    let Effect::Call(one) = hand.owed[1].clone() else { panic!() };
    assert_eq!((one.key.step.as_str(), one.timeout_ms), ("tell/one", 1_000));
    hand.tick(10_000);
    hand.ok("tell/one");
    assert_eq!(hand.owing(), ["sure"]);
    assert_eq!(hand.noted("step.skipped").len(), 1);
}

#[test]
fn one_that_only_looks_again_later_is_left_out_at_the_end() {
    let looks = write("log", 0).with(|act| {
        act.repeatable = true;
        act.until = Some(UntilPlan { cond: no(), every: ms(100), within: None });
    });
    let plan = told(vec![tells(), write("after", 1)], vec![looks]);
    let mut hand = Hand::start(plan.clone());
    hand.ok("tell/log");
    assert_eq!(hand.owing(), ["after", "tell/log"]);
    hand.ok("after");
    assert_eq!((hand.status(), hand.owed.len()), ("succeeded", 0));
    assert_eq!(hand.noted("step.skipped"), ["tell: monitor `tells` was left out, not finished: the run has ended"]);
    hand.replays(&plan);
}

#[test]
fn an_argument_that_does_not_fit_leaves_it_out() {
    let mut plan = told(vec![call("tell", 1, &[("n", text("x"))], 0), write("after", 1)], vec![write("log", 0)]);
    plan.flows[1].params = vec![param("n", Type::INT)];
    let mut hand = Hand::start(plan);
    assert_eq!(hand.owing(), ["after"]);
    assert!(hand.noted("step.skipped")[0].contains("invalid_input: argument `n` of `tells`"));
    hand.ok("after");
    assert_eq!(hand.status(), "succeeded");
}

#[test]
fn what_it_lacks_does_not_make_the_run_partial() {
    let mut hand = Hand::start(told(vec![tells(), write("after", 1)], vec![write("log", 0).optional()]));
    hand.fail("tell/log", "failed");
    hand.ok("after");
    assert_eq!((hand.status(), hand.envelope().metadata.partial), ("succeeded", false));
}

#[test]
fn its_calls_count_for_its_own_budget_only() {
    let two = vec![tells(), write("a", 0), write("b", 1)];
    let mut plan = told(two, vec![write("one", 0), write("two", 1)]);
    plan.flows[0].clauses.budget.calls = Some(2);
    let mut hand = Hand::start(plan.clone());
    for step in ["tell/one", "tell/two", "a", "b"] {
        hand.ok(step);
    }
    let metadata = hand.envelope().metadata;
    assert_eq!((hand.status(), metadata.attempts, metadata.budget_left.unwrap().calls), ("succeeded", 4, Some(0)));
    plan.flows[1].clauses.budget.calls = Some(1);
    let mut hand = Hand::start(plan);
    hand.ok("tell/one");
    assert_eq!(hand.owing(), ["a"]);
    assert!(hand.noted("step.skipped")[0].contains("budget"));
}

#[test]
fn cancelled_it_begins_nothing_new() {
    let plan = told(vec![tells(), write("after", 2)], vec![write("one", 0), write("two", 1)]);
    let mut hand = Hand::start(plan.clone());
    hand.cancel();
    hand.ok("after");
    assert_eq!((hand.status(), hand.owing()), ("running", vec!["tell/one".to_owned()]));
    hand.ok("tell/one");
    assert_eq!((hand.status(), hand.envelope().exit_code()), ("cancelled", 130));
    assert_eq!(hand.noted("step.skipped"), ["tell: monitor `tells` was left out, not finished: the run was cancelled"]);
    hand.replays(&plan);
}

#[test]
fn paused_its_next_call_waits_and_the_end_of_the_run_does_not() {
    let steps = || vec![tells(), write("after", 2), write("last", 3)];
    let plan = told(steps(), vec![write("one", 0), write("two", 1)]);
    let mut hand = Hand::start(plan.clone());
    pause(&mut hand);
    hand.ok("tell/one");
    assert_eq!((hand.status(), hand.owing()), ("paused", vec!["after".to_owned()]));
    resume(&mut hand);
    assert_eq!(hand.owing(), ["after", "tell/two"]);
    hand.replays(&plan);
    let plan = told(vec![tells(), write("after", 2)], vec![write("one", 0), write("two", 1)]);
    let mut hand = Hand::start(plan.clone());
    pause(&mut hand);
    hand.ok("tell/one");
    hand.ok("after");
    assert_eq!(hand.status(), "succeeded", "a call that is held is not waited for");
    assert_eq!(hand.noted("step.skipped").len(), 1);
    hand.replays(&plan);
    let mut hand = Hand::start(plan);
    hand.ok("after");
    pause(&mut hand);
    hand.ok("tell/one");
    assert_eq!(hand.status(), "succeeded", "neither is one that would be");
}

#[test]
fn a_scope_that_is_left_leaves_it_alone() {
    let fails = branch("b", eq(slot(1), int(1)), block(vec![raise("no", "conflict", "no")]), block(vec![]));
    let body = block(vec![call("tell", 1, &[], 3), fails, write("work", 4)]);
    let caught = plan(vec![
        flow(Role::Coordinator, "main", block(vec![call("all", 2, &[], 0).fallback(null()), write("after", 1)])),
        flow(Role::Monitor, "tells", block(vec![write("one", 0), write("two", 1)])),
        flow(Role::Coordinator, "inner", block(vec![each("rounds", numbers(2), Some(2), 8, body)])),
    ]);
    let mut hand = Hand::start(caught.clone());
    hand.ok("all/rounds[0]/work");
    assert_eq!(hand.owing(), ["after", "all/rounds[0]/tell/one", "all/rounds[1]/tell/one"]);
    for step in ["all/rounds[0]/tell/one", "all/rounds[1]/tell/one", "all/rounds[0]/tell/two", "all/rounds[1]/tell/two"]
    {
        hand.ok(step);
    }
    hand.ok("after");
    assert_eq!((hand.status(), hand.noted("step.skipped").len()), ("succeeded", 0));
    hand.replays(&caught);
}

#[test]
fn a_flow_that_has_called_one_is_not_called_again_by_a_retry() {
    let flows = |inner: Vec<StepPlan>| {
        plan(vec![
            flow(Role::Coordinator, "main", block(vec![call("inner", 2, &[], 0).retry(&["conflict"], 2)])),
            flow(Role::Monitor, "tells", block(vec![write("log", 0)])),
            flow(Role::Coordinator, "inner", block(inner)),
        ])
    };
    let hand = Hand::start(flows(vec![raise("no", "conflict", "no")]));
    assert_eq!(hand.owed.len(), 1, "the clock of the next attempt");
    let mut hand = Hand::start(flows(vec![tells(), raise("no", "conflict", "no")]));
    assert_eq!(hand.owing(), ["inner/tell/log"]);
    hand.ok("inner/tell/log");
    assert_eq!((hand.status(), hand.code().as_str()), ("failed", "conflict"));
}

fn saga(steps: Vec<StepPlan>, monitor: Vec<StepPlan>) -> Plan {
    plan(vec![flow(Role::Saga, "main", block(steps)), flow(Role::Monitor, "tells", block(monitor))])
}

#[test]
fn a_saga_takes_back_what_a_monitor_did() {
    let plan = saga(vec![done("a", 0), tells(), write("b", 2).last()], vec![done("log", 0)]);
    let mut hand = Hand::start(plan.clone());
    hand.ok("a");
    hand.ok("tell/log");
    hand.fail("b", "conflict");
    hand.ok("tell/log/undo");
    hand.ok("a/undo");
    assert_eq!(hand.status(), "compensated");
    hand.replays(&plan);
    // It had not come to its end: it has a moment before anything is taken back.
    let plan = saga(vec![done("a", 0), tells(), write("b", 2).last()], vec![done("log", 0), done("more", 1)]);
    let mut hand = Hand::start(plan.clone());
    hand.ok("a");
    hand.fail("b", "conflict");
    assert_eq!((hand.status(), hand.owing()), ("running", vec!["tell/log".to_owned()]));
    hand.tick(600);
    hand.ok("tell/log");
    hand.tick(600);
    hand.ok("tell/more");
    assert_eq!((hand.status(), hand.owing()), ("compensating", vec!["tell/more/undo".to_owned()]));
    for undo in ["tell/more/undo", "tell/log/undo", "a/undo"] {
        hand.ok(undo);
    }
    assert_eq!((hand.status(), hand.noted("step.skipped").len()), ("compensated", 0));
    hand.replays(&plan);
    // Cancelled, it begins nothing new.
    let mut hand = Hand::start(plan);
    hand.ok("a");
    hand.cancel();
    hand.fail("b", "conflict");
    hand.ok("tell/log");
    assert_eq!((hand.status(), hand.owing()), ("compensating", vec!["tell/log/undo".to_owned()]));
    assert_eq!(hand.noted("step.skipped"), ["tell: monitor `tells` was left out, not finished: the run was cancelled"]);
}

#[test]
fn a_monitor_that_breaks_off_in_a_saga_compensates_nothing() {
    let plan = saga(vec![done("a", 0), tells(), done("b", 2)], vec![done("log", 0), done("more", 1)]);
    let mut hand = Hand::start(plan.clone());
    hand.ok("a");
    hand.ok("tell/log");
    hand.fault("tell/more", Fault::open("timeout", "perhaps"));
    assert_eq!((hand.status(), hand.owing()), ("running", vec!["b".to_owned()]));
    hand.ok("b");
    assert_eq!((hand.status(), hand.envelope().metadata.not_undone.len()), ("succeeded", 0));
    hand.replays(&plan);
    let mut hand = Hand::start(plan);
    hand.ok("a");
    hand.ok("tell/log");
    hand.fault("tell/more", Fault::open("timeout", "perhaps"));
    hand.fail("b", "conflict");
    hand.ok("tell/log/undo");
    hand.ok("a/undo");
    assert_eq!(hand.status(), "compensated", "what may have been told leaves nothing to be taken back");
}

#[test]
fn an_inner_sagas_monitor_belongs_to_the_outer_one_when_the_inner_one_is_over() {
    let plan = plan(vec![
        flow(Role::Saga, "main", block(vec![call("inner", 2, &[], 0), write("b", 2).last()])),
        flow(Role::Monitor, "tells", block(vec![done("log", 0)])),
        flow(Role::Saga, "inner", block(vec![tells(), done("a", 0)])),
    ]);
    let mut hand = Hand::start(plan.clone());
    hand.ok("inner/a");
    hand.ok("inner/tell/log");
    hand.fail("b", "conflict");
    hand.ok("inner/tell/log/undo");
    hand.ok("inner/a/undo");
    assert_eq!(hand.status(), "compensated");
    hand.replays(&plan);
}

#[test]
fn final_in_a_monitor_is_no_point_of_no_return_for_its_saga() {
    let mut hand = Hand::start(saga(vec![done("a", 0), tells(), write("b", 2).last()], vec![write("log", 0).last()]));
    hand.ok("a");
    hand.ok("tell/log");
    hand.fail("b", "conflict");
    hand.ok("a/undo");
    assert_eq!(hand.status(), "compensated");
}

#[test]
fn nobody_is_asked_about_it() {
    let escalates = write("log", 0).with(|act| {
        act.policy.push(PolicyArmPlan { codes: Vec::new(), retry: None, then: PolicyEndPlan::Escalate(0) });
    });
    let mut hand = Hand::start(told(vec![tells(), write("after", 1)], vec![escalates]));
    hand.fail("tell/log", "conflict");
    assert_eq!((hand.owing(), hand.noted("run.needs_attention").len()), (vec!["after".to_owned()], 0));
    let mut hand = Hand::start(told(vec![tells(), write("after", 1)], vec![write("log", 0)]));
    let call = hand.take_call("tell/log");
    let question = ToolQuestion { id: "name".into(), text: "Who?".into(), ty: Type::STRING };
    let left = Unfinished { questions: vec![question], ..Unfinished::default() };
    let at = hand.tick(1);
    hand.tell(Event::Unfinished { at, key: call.key, left: Box::new(left) });
    let again = hand.take_call("tell/log");
    assert!(again.rest.unwrap().declined, "its tool is told that there is no answer");
}

#[test]
fn one_that_gives_a_value_is_waited_for() {
    let mut plan = told(vec![tells().to(0), return_(slot(0))], vec![write("log", 0).to(0), return_(slot(0))]);
    plan.flows[1].returns = plan.flows[0].returns.clone();
    let mut hand = Hand::start(plan);
    assert_eq!(hand.owing(), ["tell/log"]);
    hand.ok("tell/log");
    assert_eq!(hand.envelope().value.unwrap().to_serde(), json!({ "id": "id-tell/log" }));
}

#[test]
fn a_run_that_an_earlier_weir_began_waits_for_its_monitors() {
    let plan = told(vec![tells(), write("after", 1)], vec![write("log", 0)]);
    let mut hand = Hand::with(plan.clone(), |started| started.beside = false);
    assert_eq!(hand.owing(), ["tell/log"]);
    hand.fail("tell/log", "conflict");
    assert_eq!(hand.owing(), ["after"]);
    hand.ok("after");
    assert_eq!(hand.status(), "succeeded");
    hand.replays(&plan);
    let written = serde_json::to_string(&hand.events[0]).unwrap();
    assert!(!written.contains("beside"), "as it was written then: {written}");
}
