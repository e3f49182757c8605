//! What only some roles do: deliveries and their gate, validators, monitors, archivers, aggregators, routers.
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
use weir_runtime::tool::Fault;
use weir_stdlib::pure::{Function, Pure, PureBlock, PureExit, PureStep};
use weir_stdlib::value::Value;

fn delivery() -> Plan {
    let args = rec(&[("to", text("ann@acme.test"))]);
    let send = step("send", act(Target::Tool { tool: "mail.send".into(), args }, 1, false), EffectClass::Barrier);
    let key = step("key", StepKind::Key { key: text("welcome-1"), per_run: false }, EffectClass::Barrier);
    let mut welcome = flow(Role::Delivery, "welcome", block(vec![key, send.to(1)]));
    welcome.returns = None;
    plan(vec![
        flow(Role::Coordinator, "main", block(vec![call("w", 1, &[], 0).last().to(0), return_(slot(0))])),
        welcome,
    ])
}

#[test]
fn a_closed_gate_disables_the_delivery_and_leaves_its_caller_partial() {
    let hand = Hand::with(delivery(), |started| started.delivery = false);
    let envelope = hand.envelope();
    assert_eq!(envelope.records[0].value.to_serde(), json!({"status": "disabled", "id": null}));
    assert!(envelope.metadata.partial);
    assert!(!hand.all.iter().any(|effect| matches!(effect, Effect::Call(_))));
    assert_eq!(hand.noted("delivery.gated").len(), 1);
}

#[test]
fn an_open_gate_sends_once_for_a_key() {
    let mut hand = Hand::start(delivery());
    let Effect::Call(call) = hand.owed[0].clone() else { panic!() };
    let claim = call.claim.clone().unwrap();
    assert_eq!((claim.scope.as_str(), claim.key.as_str()), ("project:test:welcome", "welcome-1"));
    hand.done("w/send", Value::record([("id", Value::text("m1"))]));
    let envelope = hand.envelope();
    assert_eq!(envelope.records[0].value.to_serde(), json!({"status": "sent", "id": "m1"}));
    assert!(!envelope.metadata.partial);
    assert_eq!(envelope.metadata.side_effects[0].id.as_str(), Some("m1"));
    let mut hand = Hand::start(delivery());
    let value = Value::record([("id", Value::text("m1"))]);
    let at = hand.now;
    hand.take("w/send");
    hand.tell(Event::Done { at, key: call.key, value, recorded: true, misfit: None });
    assert_eq!(hand.envelope().records[0].value.to_serde(), json!({"status": "duplicate", "id": "m1"}));
}

/// `require n == 1 else "not one"`
fn pure_validator() -> Function {
    let cond = Pure::Binary(weir_lang::ast::BinaryOp::Eq, Box::new(Pure::Local(0)), Box::new(int(1)));
    let otherwise = PureExit::Raise { code: "blocked".into(), message: text("not one") };
    let body = PureBlock { steps: vec![PureStep::Require { cond, otherwise }], value: None };
    let inputs = vec![weir_stdlib::Boundary::new(Type::INT)];
    Function { name: "one".into(), params: 1, inputs, output: None, body }
}

fn check(first: Pure, each: bool) -> StepPlan {
    let plan = CheckPlan { flow: 1, first, rest: rec(&[]), each };
    step("check", StepKind::Check(Box::new(plan)), EffectClass::Barrier)
}

fn checking(step: StepPlan) -> Plan {
    let mut validator = flow(Role::Validator, "one", block(vec![])).params(vec![param("n", Type::INT)]);
    validator.function = Some(0);
    validator.can.clear();
    let main = flow(Role::Coordinator, "main", block(vec![step.to(0), return_(slot(0))]));
    let mut plan = plan(vec![main, validator]);
    plan.functions.push(pure_validator());
    plan
}

#[test]
fn a_pure_validator_blocks_its_caller() {
    assert_eq!(Hand::start(checking(check(int(1), false))).status(), "succeeded");
    let metadata = Hand::start(checking(check(int(2), false))).envelope().metadata;
    assert_eq!((metadata.status.word(), metadata.reason.as_deref()), ("blocked", Some("not one")));
    let hand = Hand::start(checking(check(text("x"), false)));
    assert_eq!(
        (hand.status(), hand.code().as_str()),
        ("failed", "invalid_input"),
        "an error is never a pass or a block"
    );
}

#[test]
fn on_each_element_a_validator_sorts_out() {
    let hand = Hand::start(checking(check(list(&[int(1), int(2), int(1)]), true)));
    let envelope = hand.envelope();
    assert_eq!(envelope.records.len(), 2);
    let report = &envelope.metadata.report[0];
    assert_eq!((report.step.as_str(), report.record.as_int(), report.reason.as_str()), ("check", Some(2), "not one"));
    assert_eq!(serde_json::to_value(report.kind).unwrap(), json!("rejected"));
}

#[test]
fn a_validator_that_reads_is_a_flow() {
    let mut reader = checking(check(numbers(3), true));
    let cond = eq(field(slot(1), "ok"), yes());
    reader.flows[1].function = None;
    reader.flows[1].can = vec!["src.read".into()];
    reader.flows[1].body = block(vec![read("look", 1).to(1), require("r", cond, "blocked", "no")]);
    let mut hand = Hand::start(reader.clone());
    assert_eq!(hand.owing(), ["check[0]/look", "check[1]/look", "check[2]/look"]);
    let ok = |ok| Value::record([("ok", Value::bool(ok))]);
    hand.done("check[2]/look", ok(true));
    hand.done("check[1]/look", ok(false));
    hand.done("check[0]/look", ok(true));
    let values: Vec<_> = hand.envelope().records.iter().map(|record| record.value.as_int()).collect();
    assert_eq!(values, [Some(0), Some(2)]);
    assert_eq!(hand.envelope().metadata.report[0].step, "check[1]");
    let mut hand = Hand::start(reader.clone());
    hand.fail("check[1]/look", "not_found");
    hand.done("check[0]/look", ok(true));
    hand.done("check[2]/look", ok(true));
    assert_eq!(hand.code(), "not_found");
    hand.replays(&reader);
}

fn with_watcher(role: Role) -> Plan {
    let watcher = flow(role, "watcher", block(vec![write("log", 0)]));
    plan(vec![flow(Role::Coordinator, "main", block(vec![call("watch", 1, &[], 0), write("after", 1)])), watcher])
}

#[test]
fn a_monitor_never_fails_its_caller() {
    for fault in [Fault::clean("failed", "no"), Fault::open("timeout", "perhaps")] {
        let mut hand = Hand::start(with_watcher(Role::Monitor));
        assert_eq!(hand.owing(), ["after", "watch/log"]);
        hand.fault("watch/log", fault);
        assert_eq!(hand.owing(), ["after"]);
        assert!(hand.noted("step.skipped")[0].contains("monitor `watcher` failed"));
    }
}

#[test]
fn a_monitors_sample_is_drawn_from_run_and_path() {
    let mut plan = with_watcher(Role::Monitor);
    plan.flows[1].clauses.sample = Some(0.0);
    let hand = Hand::start(plan.clone());
    assert_eq!(hand.owing(), ["after"]);
    plan.flows[1].clauses.sample = Some(1.0);
    assert_eq!(Hand::start(plan).owing(), ["after", "watch/log"]);
}

#[test]
fn an_archiver_that_fails_raises_an_alert() {
    let mut hand = Hand::start(with_watcher(Role::Archiver));
    hand.fail("watch/log", "failed");
    // What it was given is archived by a run of its own.
    assert_eq!(hand.owing(), ["after", "watch/hook:outbox@1"]);
    assert_eq!(hand.noted("alert.raised").len(), 1);
}

#[test]
fn an_aggregator_merges_by_key_and_prefers_the_first_source() {
    let source = |name: &str, slot: u16| read(name, slot).optional().to(slot);
    let sources = vec![("crm".into(), 0), ("web".into(), 1), ("old".into(), 2)];
    let merge = StepKind::Merge { sources, element: 3, key: field(slot(3), "email") };
    let mut hand = Hand::start(one(
        Role::Aggregator,
        vec![
            source("crm", 0),
            source("web", 1),
            source("old", 2),
            step("merge", merge, EffectClass::Pure).to(4),
            return_(slot(4)),
        ],
    ));
    assert_eq!(hand.owing(), ["crm", "old", "web"]);
    let lead = |email: &str, name: &str| Value::record([("email", Value::text(email)), ("name", Value::text(name))]);
    hand.done("web", Value::list(vec![lead("a", "web a"), lead("b", "web b")]));
    hand.fail("old", "unavailable");
    hand.done("crm", Value::list(vec![lead("a", "crm a")]));
    let envelope = hand.envelope();
    assert!(envelope.metadata.partial);
    let names: Vec<_> = envelope.records.iter().map(|record| record.value.field("name").display_text()).collect();
    assert_eq!(names, ["crm a", "web b"]);
    let steps: Vec<_> = envelope.records[0].provenance.iter().map(|origin| origin.step.as_str()).collect();
    assert_eq!(steps, ["crm", "web"], "provenance is joined");
}

#[test]
fn a_router_returns_the_branchs_value() {
    let arm = |flow| block(vec![call("go", flow, &[], 1).to(1)]).value(slot(1));
    let mut router = flow(Role::Router, "route", block(vec![branch("b", no(), arm(2), arm(3)).to(0)]).value(slot(0)));
    router.returns = None;
    let main = flow(Role::Coordinator, "main", block(vec![call("r", 1, &[], 0).to(0), return_(slot(0))]));
    let leaf = |name: &str| flow(Role::Coordinator, name, value_block(text(name)));
    let hand = Hand::start(plan(vec![main, router, leaf("left"), leaf("right")]));
    assert_eq!(hand.envelope().records[0].value.as_str(), Some("right"));
}

#[test]
fn a_transformer_reports_what_it_drops() {
    use weir_stdlib::pure::PureBlockExpr;
    let cond = Pure::Binary(weir_lang::ast::BinaryOp::Eq, Box::new(Pure::Local(1)), Box::new(int(1)));
    let body = PureBlock {
        steps: vec![
            PureStep::Require { cond, otherwise: PureExit::Drop(text("odd")) },
            PureStep::Yield(Pure::Local(1)),
        ],
        value: None,
    };
    let all = PureStep::BindBlock(PureBlockExpr::For { source: Pure::Local(0), body });
    let function = Function {
        name: "tidy".into(),
        params: 1,
        inputs: vec![weir_stdlib::Boundary::new(Type::list(Type::INT))],
        output: None,
        body: PureBlock { steps: vec![all], value: Some(Pure::Local(1)) },
    };
    let mut tidy = flow(Role::Transformer, "tidy", block(vec![])).params(vec![param("ns", Type::list(Type::INT))]);
    tidy.function = Some(0);
    tidy.can.clear();
    let called = call("t", 1, &[("ns", numbers(3))], 0);
    let applied = let_("l", Pure::Apply(0, vec![numbers(3)]), 0);
    for step in [called.to(0), applied] {
        let mut plan = plan(vec![flow(Role::Coordinator, "main", block(vec![step, return_(slot(0))])), tidy.clone()]);
        plan.functions.push(function.clone());
        let envelope = Hand::start(plan).envelope();
        assert_eq!((envelope.records.len(), envelope.metadata.report.len()), (1, 2));
    }
}
