//! Clauses of calls: retries, timeouts, until, catch, keys, unknown outcomes, questions, events, starts, budgets.
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
use weir_runtime::machine::{Allowance, Effect, Event, Key, Timer};
use weir_runtime::tool::Fault;
use weir_stdlib::value::Value;

fn until_of(effect: &Effect) -> i64 {
    match effect {
        Effect::Sleep { until, .. } => until.duration_since(epoch()).as_millis() as i64,
        other => panic!("{other:?}"),
    }
}

#[test]
fn transient_errors_are_retried_with_backoff_that_replays() {
    let plan = one(Role::Coordinator, vec![read("a", 0).retry(&["timeout", "unavailable"], 3).to(0), return_(slot(0))]);
    let mut hand = Hand::start(plan.clone());
    for attempt in 1..=3 {
        assert!(matches!(&hand.owed[0], Effect::Call(call) if call.key.attempt == attempt));
        hand.fail("a", "timeout");
        let slept = until_of(&hand.owed[0]) - hand.now.duration_since(epoch()).as_millis() as i64;
        assert!(slept >= 0 && slept <= 200 << (attempt - 1), "{slept}");
        hand.replays(&plan);
        hand.wake("a");
    }
    hand.fail("a", "unavailable");
    assert_eq!((hand.status(), hand.code().as_str()), ("failed", "unavailable"));
    assert_eq!(hand.envelope().metadata.attempts, 4);
    assert_eq!(hand.noted("step.attempt_failed").len(), 4);
    assert!(hand.noted("step.attempt_failed")[0].contains("retry 1 of 3"));
}

#[test]
fn a_servers_patience_is_honoured() {
    let mut hand = Hand::start(one(Role::Coordinator, vec![read("a", 0).retry(&["rate_limited"], 3)]));
    hand.fault("a", Fault { retry_after_ms: Some(9_000), ..Fault::clean("rate_limited", "slow down") });
    assert_eq!(until_of(&hand.owed[0]), 9_001);
}

#[test]
fn other_codes_are_not_retried() {
    let mut hand = Hand::start(one(Role::Coordinator, vec![read("a", 0).retry(&["timeout"], 3)]));
    hand.fail("a", "not_found");
    assert_eq!(hand.code(), "not_found");
}

#[test]
fn a_call_that_is_not_repeatable_is_retried_only_when_it_did_not_happen() {
    let plan = one(Role::Coordinator, vec![write("a", 0).retry(&["rate_limited", "unavailable"], 3)]);
    let mut hand = Hand::start(plan.clone());
    hand.fault("a", Fault::clean("unavailable", "refused"));
    hand.wake("a");
    assert_eq!(hand.take_call("a").key.attempt, 2);
    let mut hand = Hand::start(plan);
    hand.fault("a", Fault::open("unavailable", "connection lost"));
    assert_eq!((hand.status(), hand.code().as_str()), ("needs_attention", "unknown"));
    assert_eq!(hand.envelope().exit_code(), 5);
    assert_eq!(hand.noted("step.unknown").len(), 1);
    assert_eq!(hand.owing(), ["a"], "an operator has to say");
}

#[test]
fn catch_takes_by_code_and_an_error_in_one_layer_goes_to_the_next() {
    let step = read("a", 0).catch(&["not_found"], block(vec![raise("again", "conflict", "no")])).fallback(text("last"));
    let mut hand = Hand::start(one(Role::Coordinator, vec![step.to(0), return_(slot(0))]));
    hand.fail("a", "not_found");
    assert_eq!(hand.envelope().records[0].value.as_str(), Some("last"));
    assert!(!hand.envelope().metadata.partial);
}

#[test]
fn the_error_is_bound() {
    let mut step = read("a", 0).catch(&["not_found"], value_block(field(slot(5), "message"))).to(0);
    step = step.with(|act| act.handlers[0].arms[0].error = Some(5));
    let mut hand = Hand::start(one(Role::Coordinator, vec![step, return_(slot(0))]));
    hand.fail("a", "not_found");
    assert_eq!(hand.envelope().records[0].value.as_str(), Some("not_found of a"));
}

#[test]
fn blocked_budget_and_unknown_are_caught_only_by_name() {
    for code in ["blocked", "budget"] {
        let callee = flow(Role::Coordinator, "callee", block(vec![raise("r", code, "no")]));
        let main = |step: StepPlan| {
            plan(vec![flow(Role::Coordinator, "main", block(vec![step.to(0), return_(slot(0))])), callee.clone()])
        };
        let hand = Hand::start(main(call("sub", 1, &[], 0).fallback(text("caught"))));
        assert_ne!(hand.status(), "succeeded", "{code}");
        let hand = Hand::start(main(call("sub", 1, &[], 0).catch(&[code], value_block(text("caught")))));
        assert_eq!(hand.status(), "succeeded", "{code}");
    }
}

#[test]
fn optional_leaves_the_flow_and_its_caller_partial() {
    let callee = flow(Role::Coordinator, "callee", block(vec![read("a", 0).optional().to(0), return_(slot(0))]));
    let main = flow(Role::Coordinator, "main", block(vec![call("sub", 1, &[], 0).to(0), return_(slot(0))]));
    let mut hand = Hand::start(plan(vec![main, callee]));
    hand.fail("sub/a", "not_found");
    let envelope = hand.envelope();
    assert!(envelope.metadata.partial && envelope.records[0].value.is_null());
    assert_eq!(hand.noted("step.skipped"), ["sub/a: optional: not_found: not_found of sub/a"]);
}

#[test]
fn an_enrichers_failed_optional_annotates_the_record() {
    let body = block(vec![read("firm", 2).optional().to(2), yields(slot(0))]);
    let mut hand =
        Hand::start(one(Role::Enricher, vec![each("all", numbers(2), Some(8), 3, body).to(0), return_(slot(0))]));
    hand.fail("all[1]/firm", "not_found");
    hand.ok("all[0]/firm");
    let metadata = hand.envelope().metadata;
    assert!(metadata.partial);
    assert_eq!((metadata.report[0].step.as_str(), metadata.report[0].record.as_int()), ("all[1]/firm", Some(1)));
}

#[test]
fn until_polls_and_gives_up_in_time() {
    let job = |within| {
        read("job", 0)
            .with(|act| {
                let cond = eq(field(slot(0), "done"), yes());
                act.until = Some(UntilPlan { cond, every: ms(10_000), within });
            })
            .to(0)
    };
    let pending = || Value::record([("done", Value::bool(false))]);
    let mut hand = Hand::start(one(Role::Coordinator, vec![job(None), return_(slot(0))]));
    hand.done("job", pending());
    assert!(matches!(&hand.owed[0], Effect::Sleep { timer: Timer::Poll, .. }));
    hand.wake("job");
    hand.done("job", Value::record([("done", Value::bool(true))]));
    assert_eq!(hand.status(), "succeeded");
    let mut hand = Hand::start(one(Role::Coordinator, vec![job(Some(ms(15_000)))]));
    for _ in 0..2 {
        hand.done("job", pending());
        hand.wake("job");
    }
    hand.done("job", pending());
    assert_eq!(hand.code(), "timeout");
}

#[test]
fn a_key_is_claimed_in_the_scope_of_project_and_tool_or_run() {
    let plan = |per_run| {
        one(
            Role::Coordinator,
            vec![
                write("a", 0).key(text("k1")).with(|act| act.key.as_mut().unwrap().per_run = per_run).to(0),
                return_(slot(0)),
            ],
        )
    };
    let mut hand = Hand::start(plan(false));
    let claim = hand.take_call("a").claim.unwrap();
    assert_eq!((claim.scope.as_str(), claim.key.as_str()), ("project:test:crm.add", "k1"));
    let mut hand = Hand::start(plan(true));
    assert!(hand.take_call("a").claim.unwrap().scope.starts_with("run:0192f0c8"));
}

#[test]
fn a_recorded_result_is_replayed_and_changes_nothing() {
    let mut hand = Hand::start(one(Role::Saga, vec![done("a", 0).key(text("k1")).to(0), raise("r", "failed", "no")]));
    let key = hand.take("a").key().unwrap().clone();
    let value = Value::record([("id", Value::text("old"))]);
    hand.tell(Event::Done { at: hand.now, key, value, recorded: true, misfit: None });
    assert_eq!(hand.status(), "failed", "nothing of its own to undo");
    assert!(hand.envelope().metadata.side_effects.is_empty());
}

#[test]
fn what_a_tool_answers_has_to_fit_its_type() {
    let mut plan = one(Role::Coordinator, vec![read("a", 0).to(0), return_(slot(0))]);
    plan.tools["src.get"].output = weir_stdlib::Boundary::new(Type::record([("id", Type::INT)]));
    let mut hand = Hand::start(plan.clone());
    hand.ok("a");
    assert_eq!(hand.code(), "bad_response");
    let mut hand = Hand::start(plan);
    hand.done("a", Value::record([("id", Value::int(1)), ("more", Value::int(2))]));
    assert_eq!(hand.envelope().records[0].value.to_serde(), json!({"id": 1}));
}

#[test]
fn arguments_have_to_fit_and_errors_are_mapped_by_the_tools_table() {
    let mut plan = one(Role::Coordinator, vec![read("a", 0).to(0)]);
    plan.tools["src.get"].input = weir_stdlib::Boundary::new(Type::record([("q", Type::INT)]));
    let hand = Hand::start(plan);
    assert_eq!(hand.code(), "invalid_input");
    let mut plan = one(Role::Coordinator, vec![write("a", 0)]);
    plan.tools["crm.add"].errors.insert("already exists".into(), "conflict".into());
    let mut hand = Hand::start(plan);
    hand.fault("a", Fault::clean("failed", "contact already exists"));
    assert_eq!(hand.code(), "conflict");
}

#[test]
fn no_tool_is_called_without_its_capability() {
    let hand = Hand::with(one(Role::Coordinator, vec![write("a", 0)]), |started| started.grants.clear());
    assert_eq!((hand.status(), hand.code().as_str()), ("failed", "permission"));
    let mut callee = flow(Role::Coordinator, "callee", block(vec![write("a", 0)]));
    callee.can = vec!["src.read".into()];
    let hand = Hand::start(plan(vec![flow(Role::Coordinator, "main", block(vec![call("sub", 1, &[], 0)])), callee]));
    assert_eq!(hand.code(), "permission");
    assert!(!hand.all.iter().any(|effect| matches!(effect, Effect::Call(_))), "refused calls are never emitted");
}

#[test]
fn unknown_is_looked_up_and_what_is_found_counts_as_done() {
    let lookup = block(vec![read("find", 4).to(4)]).value(slot(4));
    let step = done("a", 0).catch(&["unknown"], lookup).to(0);
    let plan = one(Role::Saga, vec![step, write("b", 1).last()]);
    let mut hand = Hand::start(plan.clone());
    hand.fault("a", Fault::open("timeout", "no answer"));
    assert_eq!(hand.owing(), ["find"]);
    hand.done("find", Value::record([("id", Value::text("found"))]));
    hand.fail("b", "conflict");
    let undo = hand.take_call("a/undo");
    assert_eq!(undo.args.to_serde(), json!({"q": "found"}));
    let mut hand = Hand::start(plan);
    hand.fault("a", Fault::open("timeout", "no answer"));
    hand.done("find", Value::NULL);
    hand.fail("b", "conflict");
    assert_eq!(hand.status(), "failed", "it did not happen: no undo");
}

#[test]
fn a_lookup_that_fails_leaves_the_outcome_unknown() {
    let lookup = block(vec![read("find", 4).to(4)]).value(slot(4));
    let mut hand =
        Hand::start(one(Role::Saga, vec![done("z", 1), done("a", 0).catch(&["unknown"], lookup).fallback(null())]));
    hand.ok("z");
    hand.fault("a", Fault::open("timeout", "no answer"));
    hand.fail("find", "unavailable");
    assert_eq!(hand.status(), "needs_attention");
    assert!(!hand.envelope().metadata.side_effects[0].undone, "before anything is compensated");
}

#[test]
fn unknown_in_a_sub_flow_can_be_caught_by_its_caller_up_to_the_nearest_saga() {
    let callee = |role| flow(role, "callee", block(vec![done("a", 0)]));
    let main = |role, callee| {
        plan(vec![
            flow(role, "main", block(vec![call("sub", 1, &[], 0).catch(&["unknown"], value_block(null()))])),
            callee,
        ])
    };
    let mut hand = Hand::start(main(Role::Coordinator, callee(Role::Executor)));
    hand.fault("sub/a", Fault::open("timeout", "no answer"));
    assert_eq!(hand.status(), "succeeded");
    let mut hand = Hand::start(main(Role::Coordinator, callee(Role::Saga)));
    hand.fault("sub/a", Fault::open("timeout", "no answer"));
    assert_eq!(hand.status(), "needs_attention");
}

#[test]
fn ask_waits_for_an_answer_that_fits() {
    let ty = Type::record([("approved", Type::Bool)]);
    let mut hand = Hand::start(one(
        Role::Coordinator,
        vec![ask("ok", "Refund?", ty, 0).with(|act| act.timeout = Some(ms(60_000))).to(0), return_(slot(0))],
    ));
    assert_eq!(hand.status(), "waiting");
    let waiting = hand.envelope().metadata.waiting;
    assert_eq!((waiting[0].kind, waiting[0].question.as_deref()), ("ask", Some("Refund?")));
    assert_eq!(waiting[0].ty.as_deref(), Some("{ approved: bool }"));
    assert_eq!(waiting[0].until.as_deref(), Some("2026-11-21T00:01:00Z"));
    hand.answer("ok", Value::text("yes"));
    assert_eq!(hand.status(), "waiting");
    hand.answer("ok", Value::record([("approved", Value::bool(true))]));
    assert_eq!(hand.envelope().records[0].value.to_serde(), json!({"approved": true}));
    assert!(matches!(hand.all[hand.all.len() - 2], Effect::Drop { timer: Some(Timer::Limit), .. }));
}

#[test]
fn a_question_that_nobody_answers_in_time_falls_back() {
    let step = ask("ok", "Refund?", Type::Bool, 0).with(|act| act.timeout = Some(ms(60_000))).fallback(no());
    let mut hand = Hand::start(one(Role::Coordinator, vec![step.to(0), return_(slot(0))]));
    hand.wake("ok");
    assert_eq!(hand.envelope().records[0].value.as_bool(), Some(false));
    assert!(hand.owed.is_empty());
}

fn event(id: &str, name: &str, key: Option<&str>, value: i64) -> Event {
    Event::Received {
        at: epoch(),
        id: id.into(),
        event: name.into(),
        key: key.map(Into::into),
        value: Value::int(value),
    }
}

#[test]
fn events_are_kept_from_the_start_matched_by_name_and_key_and_used_once() {
    let paid = |name: &str, slot| receive(name, "paid", Type::INT, slot).key(text("a1")).to(slot);
    let plan = one(
        Role::Coordinator,
        vec![write("w", 9), paid("first", 0), paid("second", 1), return_(list(&[slot(0), slot(1)]))],
    );
    let mut hand = Hand::start(plan.clone());
    hand.tell(event("1", "paid", Some("a1"), 10));
    hand.tell(event("1", "paid", Some("a1"), 10));
    hand.tell(event("2", "paid", Some("b7"), 99));
    hand.ok("w");
    assert_eq!(hand.owing(), ["second"], "the first was there already; the same id counts once");
    hand.tell(event("3", "other", Some("a1"), 99));
    hand.owed.clear();
    hand.tell(event("4", "paid", Some("a1"), 20));
    let values: Vec<_> = hand.envelope().records.iter().map(|record| record.value.as_int()).collect();
    assert_eq!(values, [Some(10), Some(20)]);
    hand.replays(&plan);
}

#[test]
fn start_spawns_a_run_once_with_what_it_may_do() {
    let mut audit = flow(Role::Coordinator, "audit", block(vec![])).params(vec![param("n", Type::INT)]);
    audit.can = vec!["src.read".into()];
    let main =
        flow(Role::Coordinator, "main", block(vec![start("go", 1, &[("n", int(3))], 0).to(0), return_(slot(0))]));
    let plan = plan(vec![main, audit]);
    let mut hand = Hand::start(plan.clone());
    let Effect::Spawn(spawn) = hand.owed[0].clone() else { panic!() };
    assert_eq!((spawn.name.as_str(), spawn.args.to_serde()), ("audit", json!({"n": 3})));
    assert_eq!(spawn.grants, ["src.read"]);
    assert_eq!(uuid::Uuid::parse_str(&spawn.run_id).unwrap().get_version_num(), 7);
    hand.done("go", Value::NULL);
    assert_eq!(hand.envelope().records[0].value.as_str(), Some(spawn.run_id.as_str()));
    hand.replays(&plan);
}

#[test]
fn a_run_that_is_started_has_what_was_left_then() {
    let part = flow(Role::Coordinator, "part", block(vec![start("go", 2, &[], 0), write("late", 1)]));
    let main = flow(Role::Coordinator, "main", block(vec![write("w", 0), call("part", 1, &[], 1)]))
        .clauses(|clauses| (clauses.budget.cost, clauses.budget.depth) = (Some(0.05), Some(2)));
    let mut plan = plan(vec![
        main,
        part.clauses(|clauses| clauses.budget.calls = Some(9)),
        flow(Role::Coordinator, "audit", block(vec![])),
    ]);
    plan.tools["crm.add"].cost = 0.02;
    let mut hand = Hand::start(plan.clone());
    hand.ok("w");
    let Effect::Spawn(spawn) = hand.owed[0].clone() else { panic!() };
    let allowance = Allowance { depth: 2, calls: Some(9), cost: Some(0.03), levels: Some(0) };
    assert_eq!(spawn.allowance, allowance);
    hand.replays(&plan);
}

#[test]
fn what_was_left_to_the_starter_holds_beside_the_own_budget() {
    let plan = || {
        let main = flow(Role::Coordinator, "main", block(vec![write("a", 0), write("b", 1)]));
        let mut plan = plan(vec![main.clauses(|clauses| clauses.budget.calls = Some(5))]);
        plan.tools["crm.add"].cost = 0.02;
        plan
    };
    let left = |calls, cost, levels| Some(Allowance { depth: 3, calls, cost, levels });
    let mut hand = Hand::with(plan(), |started| started.allowance = left(Some(1), None, None));
    hand.ok("a");
    assert_eq!((hand.status(), hand.code().as_str()), ("failed", "budget"));
    let said = hand.noted("budget.spent");
    assert!(said[0].contains("`main` is used up: 1 calls, all that was left to the run that started"), "{said:?}");
    let metadata = hand.envelope().metadata;
    assert_eq!((metadata.depth, metadata.budget_left.unwrap().calls), (Some(3), Some(0)));
    let mut hand = Hand::with(plan(), |started| started.allowance = left(Some(7), Some(0.02), None));
    hand.ok("a");
    assert_eq!((hand.code().as_str(), hand.envelope().metadata.budget_left.unwrap().cost), ("budget", Some(0.0)));
    let deep = one(Role::Coordinator, vec![start("go", 0, &[], 0)]);
    let hand = Hand::with(deep.clone(), |started| started.allowance = left(None, None, Some(0)));
    assert_eq!((hand.code().as_str(), hand.owed.len()), ("budget", 0));
    let hand = Hand::with(deep, |started| started.allowance = None);
    assert_eq!(hand.owed.len(), 1, "an earlier Weir held no start to that");
}

/// Starts two runs, one of them for good, and waits for a third to exist.
fn starts() -> Plan {
    let steps = vec![
        start("one", 1, &[], 0).to(0),
        start("kept", 1, &[], 1).to(1).last(),
        start("late", 1, &[], 2).to(2),
        ask("ask", "go on?", Type::Bool, 3),
    ];
    plan(vec![
        flow(Role::Coordinator, "main", block(steps)),
        flow(Role::Coordinator, "audit", block(vec![wait("wait", ms(1_000))])),
    ])
}

fn told_of(hand: &Hand) -> Vec<Vec<String>> {
    let runs = |effect: &Effect| match effect {
        Effect::CancelStarted { runs, .. } => Some(runs.iter().map(ToString::to_string).collect()),
        _ => None,
    };
    hand.machine.pending().iter().filter_map(runs).collect()
}

#[test]
fn a_cancelled_run_ends_when_the_runs_that_it_started_are_told() {
    let plan = starts();
    let mut hand = Hand::start(plan.clone());
    hand.done("one", Value::text("run 1"));
    hand.done("kept", Value::text("run 2"));
    hand.cancel();
    assert_eq!((hand.status(), told_of(&hand)), ("running", vec![vec!["run 1".to_owned()]]));
    hand.replays(&plan);
    hand.done("cancel:started", Value::list([Value::text("run 1")]));
    assert_eq!((hand.status(), hand.owing()), ("running", vec!["late".to_owned()]), "the start in flight is awaited");
    hand.done("late", Value::text("run 3"));
    assert_eq!(told_of(&hand), [["run 3"]]);
    hand.replays(&plan);
    hand.done("cancel:started", Value::list([]));
    assert_eq!((hand.status(), hand.envelope().exit_code()), ("cancelled", 130));
    assert_eq!(hand.envelope().metadata.also_cancelled, ["run 1"], "the other one was over");
    hand.replays(&plan);
}

#[test]
fn a_journal_of_an_earlier_weir_says_nothing_of_the_runs_that_were_started() {
    let mut hand = Hand::start(starts());
    for step in ["one", "kept", "late"] {
        hand.done(step, Value::text(step));
    }
    let cancelled = json!({ "cancelled": { "at": "2026-01-01T00:00:10Z", "reason": "by hand" } });
    hand.tell(serde_json::from_value(cancelled).unwrap());
    assert_eq!((hand.status(), told_of(&hand).len()), ("cancelled", 0));
}

#[test]
fn budgets_count_attempts_of_everything_below() {
    let callee = flow(Role::Coordinator, "callee", block(vec![read("a", 0).retry(&["timeout"], 9)]));
    let main = flow(Role::Coordinator, "main", block(vec![call("sub", 1, &[], 0)]))
        .clauses(|clauses| clauses.budget.calls = Some(2));
    let mut hand = Hand::start(plan(vec![main, callee]));
    for _ in 0..2 {
        hand.fail("sub/a", "timeout");
        hand.wake("sub/a");
    }
    assert_eq!((hand.status(), hand.code().as_str()), ("failed", "budget"));
    assert_eq!(hand.noted("budget.spent").len(), 1);
}

#[test]
fn cost_and_depth_are_budgets_too() {
    let main = flow(Role::Coordinator, "main", block(vec![write("a", 0), write("b", 1)]))
        .clauses(|clauses| clauses.budget.cost = Some(0.03));
    let mut costly = plan(vec![main]);
    costly.tools["crm.add"].cost = 0.02;
    let mut hand = Hand::start(costly);
    hand.ok("a");
    assert_eq!(hand.code(), "budget");
    let leaf = flow(Role::Coordinator, "leaf", block(vec![]));
    let mid = flow(Role::Coordinator, "mid", block(vec![call("leaf", 2, &[], 0)]));
    let main = flow(Role::Coordinator, "main", block(vec![call("mid", 1, &[], 0)]))
        .clauses(|clauses| clauses.budget.depth = Some(1));
    let hand = Hand::start(plan(vec![main, mid, leaf]));
    assert_eq!(hand.code(), "budget");
}

#[test]
fn a_flows_timeout_awaits_what_is_in_flight() {
    let main = flow(Role::Coordinator, "main", block(vec![read("a", 0), read("b", 1), write("c", 2)]))
        .clauses(|clauses| clauses.timeout_ms = Some(5_000));
    let plan = plan(vec![main]);
    let mut hand = Hand::start(plan.clone());
    hand.wake("timeout-of-nothing-else".strip_prefix("timeout-of-nothing-else").unwrap());
    assert_eq!(hand.status(), "running");
    hand.replays(&plan);
    hand.ok("a");
    hand.ok("b");
    assert_eq!((hand.status(), hand.code().as_str()), ("failed", "timeout"));
}

#[test]
fn the_timeout_of_a_flow_call_is_for_each_attempt() {
    let callee = flow(Role::Coordinator, "callee", block(vec![read("a", 0).to(0), return_(slot(0))]));
    let step = call("sub", 1, &[], 0).with(|act| act.timeout = Some(ms(1_000))).retry(&["timeout"], 1);
    let step = step.with(|act| act.policy[0].retry.as_mut().unwrap().only_if_not_happened = false);
    let plan = plan(vec![flow(Role::Coordinator, "main", block(vec![step.to(0), return_(slot(0))])), callee]);
    let mut hand = Hand::start(plan.clone());
    hand.wake("sub");
    assert_eq!(hand.owing(), ["sub/a"]);
    hand.ok("sub/a");
    hand.wake("sub");
    assert_eq!(hand.owing(), ["sub", "sub@2/a"], "a second attempt has paths of its own");
    hand.ok("sub@2/a");
    assert_eq!(hand.status(), "succeeded");
    assert!(hand.owed.is_empty());
    hand.replays(&plan);
}

#[test]
fn while_paused_nothing_new_is_called() {
    let plan = one(Role::Coordinator, vec![write("a", 0), write("b", 1)]);
    let mut hand = Hand::start(plan.clone());
    hand.tell(Event::Paused { at: epoch() });
    hand.ok("a");
    assert_eq!((hand.status(), hand.owing().len()), ("paused", 0));
    hand.replays(&plan);
    hand.tell(Event::Resumed { at: epoch() });
    assert_eq!(hand.owing(), ["b"]);
    hand.tell(Event::Paused { at: epoch() });
    hand.cancel();
    hand.ok("b");
    assert_eq!(hand.status(), "cancelled");
}

#[test]
fn pausing_then_cancelling_forgets_what_was_held() {
    let mut hand = Hand::start(one(Role::Coordinator, vec![write("a", 0), write("b", 1)]));
    hand.tell(Event::Paused { at: epoch() });
    hand.ok("a");
    hand.cancel();
    assert_eq!((hand.status(), hand.envelope().exit_code()), ("cancelled", 130));
    assert_eq!(hand.all.iter().filter(|effect| matches!(effect, Effect::Call(_))).count(), 1);
}

#[test]
fn events_for_nothing_lead_to_nothing() {
    let mut hand = Hand::start(one(Role::Coordinator, vec![read("a", 0)]));
    for step in ["b", "a/undo", ""] {
        let key = Key { step: step.into(), attempt: 1 };
        let at = hand.now;
        assert!(
            hand.machine
                .apply(&Event::Done { at, key: key.clone(), value: Value::NULL, recorded: false, misfit: None })
                .effects
                .is_empty()
        );
        assert!(hand.machine.apply(&Event::Woke { at, key, timer: Timer::Deadline }).effects.is_empty());
    }
    let key = Key { step: "a".into(), attempt: 2 };
    assert!(
        hand.machine
            .apply(&Event::Done { at: hand.now, key, value: Value::NULL, recorded: false, misfit: None })
            .effects
            .is_empty()
    );
    assert_eq!(hand.owing(), ["a"]);
}
