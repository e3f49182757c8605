//! Steps, order, branches, loops.
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
use weir_stdlib::value::Value;

#[test]
fn two_reads_are_in_flight_at_once_and_two_writes_never() {
    let mut hand = Hand::start(one(
        Role::Coordinator,
        vec![read("a", 0).to(0), read("b", 1).to(1), write("c", 2), write("d", 3), read("e", 4), read("f", 5)],
    ));
    assert_eq!(hand.owing(), ["a", "b"]);
    hand.ok("b");
    assert_eq!(hand.owing(), ["a"], "a write waits for every earlier read");
    hand.ok("a");
    assert_eq!(hand.owing(), ["c"]);
    hand.ok("c");
    assert_eq!(hand.owing(), ["d"]);
    hand.ok("d");
    assert_eq!(hand.owing(), ["e", "f"]);
    hand.ok("e");
    hand.ok("f");
    assert_eq!(hand.status(), "succeeded");
    assert_eq!(hand.envelope().exit_code(), 0);
}

#[test]
fn the_first_event_for_a_key_counts() {
    let plan = one(Role::Coordinator, vec![read("a", 0).to(0), return_(slot(0))]);
    let mut hand = Hand::start(plan);
    let key = hand.owed[0].key().unwrap().clone();
    hand.done("a", Value::int(1));
    let at = hand.now;
    let again =
        hand.tell(weir_runtime::machine::Event::Done { at, key, value: Value::int(2), recorded: false, misfit: None });
    assert!(again.effects.is_empty());
    assert_eq!(hand.envelope().records[0].value.as_int(), Some(1));
}

#[test]
fn of_several_failed_reads_the_first_in_the_text_is_reported() {
    let mut hand = Hand::start(one(Role::Coordinator, vec![read("a", 0), read("b", 1), read("c", 2), write("d", 3)]));
    hand.fail("b", "not_found");
    assert_eq!(hand.owing(), ["a", "c"], "what is in flight is awaited");
    hand.fail("a", "conflict");
    hand.ok("c");
    assert_eq!((hand.status(), hand.code().as_str()), ("failed", "conflict"));
    assert_eq!(hand.envelope().metadata.error.unwrap().step, "a");
}

#[test]
fn a_read_that_would_have_been_tried_again_has_not_failed() {
    let plan = one(Role::Coordinator, vec![read("a", 0).retry(&["timeout"], 3), read("b", 1), write("c", 2)]);
    let mut hand = Hand::start(plan);
    hand.fail("b", "not_found");
    hand.fail("a", "timeout");
    assert_eq!((hand.status(), hand.code().as_str()), ("failed", "not_found"));
    assert_eq!(hand.envelope().metadata.error.unwrap().step, "b");
}

#[test]
fn a_branch_shares_its_frame_and_says_which_way_it_went() {
    let then = block(vec![write("x", 1).to(1)]).value(field(slot(1), "id"));
    let mut hand = Hand::start(one(
        Role::Coordinator,
        vec![branch("b", eq(int(1), int(1)), then, value_block(text("other"))).to(0), return_(slot(0))],
    ));
    assert_eq!(hand.owing(), ["x"]);
    hand.ok("x");
    assert_eq!(hand.envelope().records[0].value.as_str(), Some("id-x"));
    assert_eq!(hand.noted("routing.decision"), ["b: took `true`"]);
}

#[test]
fn return_in_a_branch_ends_the_flow() {
    let then = block(vec![return_(text("early"))]);
    let mut hand =
        Hand::start(one(Role::Coordinator, vec![branch("b", yes(), then, block(vec![])), write("never", 1)]));
    assert_eq!(hand.envelope().records[0].value.as_str(), Some("early"));
    assert!(hand.tell(weir_runtime::machine::Event::Paused { at: epoch() }).effects.is_empty());
}

#[test]
fn parallel_rounds_run_so_many_at_once_and_keep_the_order_of_the_list() {
    let body = block(vec![read("p", 2).to(2), yields(field(slot(2), "id"))]);
    let mut hand =
        Hand::start(one(Role::Coordinator, vec![each("all", numbers(12), Some(3), 4, body).to(0), return_(slot(0))]));
    assert_eq!(hand.owing(), ["all[0]/p", "all[1]/p", "all[2]/p"]);
    hand.ok("all[2]/p");
    hand.ok("all[1]/p");
    assert_eq!(hand.owing(), ["all[0]/p", "all[3]/p", "all[4]/p"]);
    for index in [0, 4, 3, 6, 5, 7, 9, 8, 11, 10] {
        hand.ok(&format!("all[{index}]/p"));
    }
    let ids: Vec<String> = hand.envelope().records.iter().map(|r| r.value.as_str().unwrap().to_owned()).collect();
    let wanted: Vec<String> = (0..12).map(|index| format!("id-all[{index}]/p")).collect();
    assert_eq!(ids, wanted);
}

#[test]
fn a_sequential_for_runs_one_round_at_a_time() {
    let body = block(vec![write("w", 2).to(2), yields(add(slot(0), slot(1)))]);
    let mut hand =
        Hand::start(one(Role::Coordinator, vec![each("all", numbers(3), None, 4, body).to(0), return_(slot(0))]));
    for index in 0..3 {
        assert_eq!(hand.owing(), [format!("all[{index}]/w")]);
        hand.ok(&format!("all[{index}]/w"));
    }
    let values: Vec<i64> = hand.envelope().records.iter().map(|r| r.value.as_int().unwrap()).collect();
    assert_eq!(values, [0, 2, 4]);
}

#[test]
fn one_failing_round_starts_no_new_ones_and_the_first_is_reported() {
    let body = block(vec![read("p", 2).to(2), write("q", 3)]);
    let mut hand = Hand::start(one(Role::Coordinator, vec![each("all", numbers(9), Some(3), 4, body)]));
    hand.ok("all[1]/p");
    hand.fail("all[2]/p", "not_found");
    assert_eq!(hand.owing(), ["all[0]/p", "all[1]/q"]);
    hand.ok("all[1]/q");
    assert_eq!(hand.status(), "running");
    hand.fail("all[0]/p", "conflict");
    assert_eq!(hand.envelope().metadata.error.unwrap().step, "all[0]/p");
    assert_eq!(hand.envelope().metadata.side_effects.len(), 1, "finished calls stand");
}

#[test]
fn repeat_carries_its_state_and_reaching_its_maximum_is_partial() {
    let body = |stop: i64| {
        block(vec![
            read("page", 1).to(1),
            yields(slot(0)),
            step(
                "next",
                StepKind::Next(Pure::If(
                    Box::new(eq(slot(0), int(stop))),
                    Box::new(null()),
                    Box::new(add(slot(0), int(1))),
                )),
                EffectClass::Pure,
            ),
        ])
    };
    use weir_stdlib::pure::Pure;
    for (stop, partial, rounds) in [(2, false, 3), (99, true, 5)] {
        let mut hand = Hand::start(one(
            Role::Coordinator,
            vec![repeat("pages", int(0), 5, 4, body(stop)).to(0), return_(slot(0))],
        ));
        for round in 0..rounds {
            hand.ok(&format!("pages[{round}]/page"));
        }
        let envelope = hand.envelope();
        assert_eq!((envelope.metadata.partial, envelope.records.len()), (partial, rounds));
        assert_eq!(envelope.metadata.status.word(), "succeeded");
    }
}

#[test]
fn drop_and_annotate_go_into_the_report() {
    let dropped = Exit::Drop(text("odd"));
    let keep = StepKind::Require { cond: eq(slot(0), int(1)), otherwise: dropped };
    let body = block(vec![
        step("note", StepKind::Annotate(text("seen")), EffectClass::Pure),
        step("keep", keep, EffectClass::Barrier),
        yields(slot(0)),
    ]);
    let hand = Hand::start(one(Role::Enricher, vec![each("all", numbers(3), None, 2, body).to(0), return_(slot(0))]));
    let envelope = hand.envelope();
    let report: Vec<String> = envelope
        .metadata
        .report
        .iter()
        .map(|line| {
            format!(
                "{} {} {} {}",
                line.step,
                serde_json::to_value(line.kind).unwrap(),
                line.record.to_json(),
                line.reason
            )
        })
        .collect();
    assert_eq!(
        report,
        [
            "all[0] \"dropped\" 0 odd",
            "all[0]/note \"annotated\" 0 seen",
            "all[1]/note \"annotated\" 1 seen",
            "all[2] \"dropped\" 2 odd",
            "all[2]/note \"annotated\" 2 seen",
        ]
    );
    assert_eq!(envelope.records.len(), 1);
}

#[test]
fn a_block_ends_the_run_as_blocked() {
    let hand = Hand::start(one(Role::Coordinator, vec![require("r", no(), "blocked", "only 3 left"), write("w", 0)]));
    let metadata = hand.envelope().metadata;
    assert_eq!(
        (metadata.status.word(), metadata.blocked, metadata.reason.as_deref()),
        ("blocked", true, Some("only 3 left"))
    );
    assert_eq!(hand.envelope().exit_code(), 3);
}

#[test]
fn wait_sleeps_and_ambient_values_come_from_run_and_path() {
    let plan = one(
        Role::Coordinator,
        vec![
            wait("nap", ms(2000)),
            step("t", StepKind::Ambient(Ambient::Now), EffectClass::Barrier).to(0),
            step("u", StepKind::Ambient(Ambient::Uuid), EffectClass::Barrier).to(1),
            step("v", StepKind::Ambient(Ambient::Uuid), EffectClass::Barrier).to(2),
            step("f", StepKind::Ambient(Ambient::Flag(text("on"))), EffectClass::Barrier).to(3),
            step("d", StepKind::Ambient(Ambient::Today(text("Europe/Oslo"))), EffectClass::Barrier).to(4),
            return_(rec(&[("t", slot(0)), ("u", slot(1)), ("v", slot(2)), ("f", slot(3)), ("d", slot(4))])),
        ],
    );
    let mut hand = Hand::start(plan.clone());
    assert_eq!(hand.status(), "waiting");
    assert_eq!(hand.envelope().metadata.waiting[0].kind, "wait");
    hand.wake("nap");
    let value = hand.envelope().records[0].value.to_serde();
    assert_eq!(value["t"], json!("2026-11-21T00:00:02Z"));
    assert_eq!(value["d"], json!("2026-11-21"));
    assert_eq!(value["f"], json!(true));
    assert_ne!(value["u"], value["v"]);
    hand.replays(&plan);
}

#[test]
fn a_called_flow_has_its_own_frame_and_path() {
    let callee = flow(
        Role::Coordinator,
        "callee",
        block(vec![
            write("w", 4).to(4),
            return_(rec(&[("got", slot(0)), ("made", slot(1)), ("id", field(slot(4), "id"))])),
        ]),
    );
    let mut with_default = param("b", Type::INT);
    with_default.default = Some(add(slot(0), int(1)));
    let callee = callee.params(vec![param("a", Type::INT), with_default]);
    let main =
        flow(Role::Coordinator, "main", block(vec![call("sub", 1, &[("a", int(7))], 0).to(0), return_(slot(0))]));
    let mut hand = Hand::start(plan(vec![main, callee]));
    assert_eq!(hand.owing(), ["sub/w"]);
    hand.ok("sub/w");
    assert_eq!(hand.envelope().records[0].value.to_serde(), json!({"got": 7, "made": 8, "id": "id-sub/w"}));
}

#[test]
fn arguments_and_results_are_narrowed() {
    let callee = flow(Role::Coordinator, "callee", block(vec![return_(rec(&[("id", text("x")), ("more", int(1))]))]))
        .params(vec![param("a", Type::INT)])
        .returns(Type::record([("id", Type::STRING)]));
    let main =
        |arg| flow(Role::Coordinator, "main", block(vec![call("sub", 1, &[("a", arg)], 0).to(0), return_(slot(0))]));
    let hand = Hand::start(plan(vec![main(int(1)), callee.clone()]));
    assert_eq!(hand.envelope().records[0].value.to_serde(), json!({"id": "x"}));
    let hand = Hand::start(plan(vec![main(text("no")), callee]));
    assert_eq!((hand.status(), hand.code().as_str()), ("failed", "invalid_input"));
    assert_eq!(hand.envelope().metadata.error.unwrap().step, "sub");
}

#[test]
fn provenance_names_the_call_that_a_record_comes_from() {
    let mut hand = Hand::start(one(Role::Coordinator, vec![read("a", 0).to(0), return_(field(slot(0), "hits"))]));
    hand.done("a", Value::record([("hits", Value::list(vec![Value::int(1), Value::int(2)]))]));
    let envelope = hand.envelope();
    assert_eq!(envelope.records.len(), 2);
    let origin = &envelope.records[1].provenance[0];
    assert_eq!((origin.step.as_str(), origin.tool.as_str(), origin.attempt), ("a", "src.get", 1));
    let json: serde_json::Value = serde_json::from_str(&envelope.to_json()).unwrap();
    assert_eq!(json["records"][1]["provenance"][0]["at"], json!("2026-11-21T00:00:00.001Z"));
    assert_eq!(json["metadata"]["status"], json!("succeeded"));
}

#[test]
fn secrets_are_masked_by_label() {
    let hand = Hand::with(one(Role::Coordinator, vec![return_(rec(&[("a", slot(0))]))]), |_| {});
    drop(hand);
    let main = flow(Role::Coordinator, "main", block(vec![return_(rec(&[("a", slot(0)), ("b", int(1))]))]))
        .params(vec![param("a", Type::STRING)]);
    let hand = Hand::with(plan(vec![main]), |started| {
        started.args = Value::record([("a", Value::text("hunter2"))]);
        started.secret = true;
    });
    assert!(!hand.envelope().to_json().contains("hunter2"));
}
