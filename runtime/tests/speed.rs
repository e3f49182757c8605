//! How fast the machine is and whether a step costs the same in a long run. Printed, not asserted:
//! `cargo test --release -p weir-runtime --test speed -- --ignored --nocapture`
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that fails may panic"
)]

mod build;

use build::*;
use std::sync::Arc;
use std::time::Instant;
use weir_compiler::plan::*;
use weir_lang::ast::Role;
use weir_runtime::machine::{Effect, Event, Machine};
use weir_stdlib::value::Value;

fn machine(plan: Plan) -> Machine {
    Machine::new(Arc::new(plan)).without_step_notes()
}

fn begin(machine: &mut Machine, args: Value) -> Vec<Effect> {
    machine.apply(&Event::Started(Box::new(started(args)))).effects
}

#[test]
#[ignore = "prints speeds; run it in release"]
fn pure_steps() {
    for rounds in [100, 1_000, 10_000, 100_000] {
        let body = block((0..10).map(|at| let_("x", add(slot(0), int(at)), 2)).collect());
        let plan = one(Role::Coordinator, vec![each("all", numbers(rounds), None, 4, body)]);
        let mut machine = machine(plan);
        let clock = Instant::now();
        begin(&mut machine, Value::record::<ecow::EcoString>([]));
        let took = clock.elapsed();
        assert!(machine.over());
        println!("{:>8} pure steps in rounds: {:>9.0} steps/s", rounds * 10, rounds as f64 * 10.0 / took.as_secs_f64());
    }
    for steps in [1_000, 100_000] {
        let plan =
            one(Role::Coordinator, (0..steps).map(|at| let_(&format!("x{at}"), add(int(at), int(1)), 1)).collect());
        let mut machine = machine(plan);
        let clock = Instant::now();
        begin(&mut machine, Value::record::<ecow::EcoString>([]));
        println!("{steps:>8} pure steps in a row: {:>10.0} steps/s", steps as f64 / clock.elapsed().as_secs_f64());
    }
}

fn calls(rounds: i64, parallel: Option<i64>, reads: bool) -> f64 {
    let step = if reads { read("call", 2) } else { done("call", 2) };
    let body = block(vec![step.to(2), yields(slot(2))]);
    let role = if reads { Role::Coordinator } else { Role::Saga };
    let mut machine = machine(one(role, vec![each("all", numbers(rounds), parallel, 4, body)]));
    let value = Value::record([("id", Value::text("x"))]);
    let clock = Instant::now();
    let mut owed: std::collections::VecDeque<Effect> = begin(&mut machine, Value::record::<ecow::EcoString>([])).into();
    let mut count = 0_u32;
    while let Some(effect) = owed.pop_front() {
        let Effect::Call(call) = effect else { continue };
        count += 1;
        let event = Event::Done { at: epoch(), key: call.key, value: value.clone(), recorded: false };
        owed.extend(machine.apply(&event).effects);
    }
    assert!(machine.over() && i64::from(count) == rounds);
    f64::from(count) / clock.elapsed().as_secs_f64()
}

#[test]
#[ignore = "prints speeds; run it in release"]
fn no_op_calls() {
    for rounds in [1_000, 10_000, 100_000] {
        for (what, parallel, reads) in [
            ("one by one", None, true),
            ("8 at once", Some(8), true),
            ("10000 at once", Some(10_000), true),
            ("writes of a saga", None, false),
        ] {
            println!("{rounds:>8} calls, {what:<18} {:>9.0} calls/s", calls(rounds, parallel, reads));
        }
    }
}

#[test]
#[ignore = "prints speeds; run it in release"]
fn a_large_payload_is_passed_through_rounds() {
    let row = |at: i64| Value::record([("id", Value::int(at)), ("text", Value::text("x".repeat(100)))]);
    let payload = Value::list((0..80_000).map(row).collect::<Vec<_>>());
    use weir_lang::types::Type;
    let ty = Type::list(Type::record([("id", Type::INT), ("text", Type::STRING)]));
    let sub =
        flow(Role::Coordinator, "sub", block(vec![let_("x", slot(0), 1)])).params(vec![param("rows", ty.clone())]);
    let body = block(vec![call("s", 1, &[("rows", outer(0))], 2)]);
    let main = flow(Role::Coordinator, "main", block(vec![each("all", numbers(10_000), None, 4, body)]))
        .params(vec![param("rows", ty)]);
    let mut machine = machine(plan(vec![main, sub]));
    let clock = Instant::now();
    begin(&mut machine, Value::record([("rows", payload)]));
    assert!(machine.over());
    println!("10,000 flow calls with 10 MB each: {:?}", clock.elapsed());
}

#[tokio::test]
#[ignore = "prints speeds; run it in release"]
async fn the_engine_with_a_memory_journal() {
    use weir_runtime::engine::{Engine, LocalEngine, StartRequest, Toolbox};
    use weir_runtime::tool::{Call, Fault, Tool};
    struct Nothing;
    #[async_trait::async_trait]
    impl Tool for Nothing {
        fn describe(&self) -> Vec<ecow::EcoString> {
            ["get", "add", "del", "send"].map(Into::into).to_vec()
        }
        async fn call(&self, _: &Call) -> Result<Value, Fault> {
            Ok(Value::NULL)
        }
    }
    for (rounds, parallel) in [(1_000, 8), (10_000, 8), (10_000, 1_000)] {
        let tools = Toolbox::new()
            .with("src", Arc::new(Nothing))
            .with("crm", Arc::new(Nothing))
            .with("mail", Arc::new(Nothing));
        let engine = LocalEngine::new(Arc::new(weir_runtime::journal::MemoryJournal::new()), tools);
        let body = block(vec![read("call", 2).to(2), yields(slot(2))]);
        let plan = one(Role::Coordinator, vec![each("all", numbers(rounds), Some(parallel), 4, body)]);
        let grants = ["crm.write", "src.read", "mail.send"].map(Into::into).to_vec();
        let clock = Instant::now();
        engine.start(Arc::new(plan), StartRequest { grants, ..StartRequest::new("test") }).await.unwrap();
        println!(
            "engine: {rounds} reads, {parallel} at once: {:.0} calls/s",
            rounds as f64 / clock.elapsed().as_secs_f64()
        );
    }
}
