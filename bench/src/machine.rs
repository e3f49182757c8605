//! The machine alone, without engine, journal or tools: steps and calls a second, memory a step, and a large value
//! that passes through many rounds. One core.

use crate::out::{line, once, resident};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use weir_compiler::plan::Plan;
use weir_compiler::project::{ProjectSource, SourceFile};
use weir_runtime::machine::{Effect, Event, Machine, Started, Status};
use weir_stdlib::value::Value;

const FLOWS: &str = r#"
type Payload = { head: { name: string, size: int }, rows: [{ id: int, text: string }] }

tool t.get(n: int) -> { n: int } can t.read
tool t.put(n: int) -> { n: int } can t.write idempotent
tool t.load() -> Payload can t.read
tool t.keep(payload: Payload, n: int) -> { n: int } can t.write idempotent

coordinator pure(n: int) -> int {
  xs = for i in range(1, n) {
    a = i * 2
    b = a + 1
    c = if b > 100 then b - 100 else b
    yield c
  }
  return len(xs)
}

coordinator reads(n: int) -> int can t.read {
  xs = for i in range(1, n) {
    x = t.get(n: i)
    yield x.n
  }
  return len(xs)
}

coordinator writes(n: int) -> int can t.write {
  xs = for i in range(1, n) parallel 100 {
    x = t.put(n: i)
    yield x.n
  }
  return len(xs)
}

coordinator passing(n: int) -> int can t.read, t.write {
  payload = t.load()
  xs = for i in range(1, n) {
    x = t.keep(payload: payload, n: i)
    yield x.n
  }
  return len(xs)
}
"#;

/// Prints the figures.
pub fn run() {
    let file = SourceFile { path: "bench.flow".into(), module: "".into(), text: FLOWS.into() };
    let checked = weir_compiler::check(ProjectSource { files: vec![file], ..ProjectSource::default() });
    let plan = |flow: &str| checked.plan(flow).map(Arc::new);
    let rows = [
        ("pure", "pure steps", 4),
        ("reads", "no-op calls, one after the other", 1),
        ("writes", "no-op calls, 100 at once", 1),
    ];
    line("                                    in one run     a second   bytes of memory a step");
    for (flow, what, steps) in rows {
        let Some(plan) = plan(flow) else {
            line("the flows of the benchmark do not check");
            return;
        };
        for count in [1_000_i64, 100_000] {
            let before = resident();
            let ((), time) = once(|| drive(&plan, count / steps, &Value::NULL));
            let grown = resident().saturating_sub(before);
            let rate = count as f64 / time.as_secs_f64();
            line(&format!("{what:<34} {count:>11} {rate:>12.0} {:>12}", grown / count.unsigned_abs()));
        }
    }
    passing(plan("passing"));
}

/// A payload of 10 MB through 10, then 10,000 calls: the second may not cost a thousand times the first.
fn passing(plan: Option<Arc<Plan>>) {
    let Some(plan) = plan else { return };
    let text = "x".repeat(1_000);
    let rows = (0..10_000).map(|id| Value::record([("id", Value::int(id)), ("text", Value::text(text.as_str()))]));
    let head = Value::record([("name", Value::text("ten")), ("size", Value::int(10_000_000))]);
    let payload = Value::record([("head", head), ("rows", Value::list(rows.collect::<Vec<_>>()))]);
    for count in [10, 100, 10_000] {
        // Taken apart and put together again, so that no round finds what an earlier one remembered.
        let fresh = Value::from_json(&payload.to_json()).unwrap_or(Value::NULL);
        let before = resident();
        let ((), time) = once(|| drive(&plan, count, &fresh));
        let grown = resident().saturating_sub(before) / 1_000_000;
        let each = time / u32::try_from(count).unwrap_or(1);
        line(&format!("10 MB through {count:>6} calls: {:>9.2} ms, {each:?} a call, {grown} MB more memory", ms(time)));
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Runs a plan to its end; every call answers at once with `{ n: 1 }`, `t.load` with the payload.
fn drive(plan: &Arc<Plan>, n: i64, payload: &Value) {
    let mut machine = Machine::new(plan.clone()).without_step_notes();
    let answer = Value::record([("n", Value::int(1))]);
    let mut due: VecDeque<Effect> = machine.apply(&started(n)).effects.into();
    while let Some(effect) = due.pop_front() {
        if let Effect::Call(call) = effect {
            let value = if call.tool == "t.load" { payload.clone() } else { answer.clone() };
            let done = Event::Done { at: now(), key: call.key.clone(), value, recorded: false, misfit: None };
            due.extend(machine.apply(&done).effects);
        }
    }
    if !machine.over() {
        line("the run did not end");
    }
    let status = machine.status();
    if status != Status::Succeeded {
        line(&format!("the run ended {status:?}"));
    }
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::UNIX_EPOCH
}

fn started(n: i64) -> Event {
    Event::Started(Box::new(Started {
        at: now(),
        run_id: "00000000-0000-7000-8000-000000000000".into(),
        program: "sha256:0".into(),
        project: "bench".into(),
        args: Value::record([("n", Value::int(n))]),
        grants: vec!["t.read".into(), "t.write".into()],
        delivery: false,
        flags: Default::default(),
        untrusted: false,
        secret: false,
        thread: None,
        behind: None,
        seed: None,
        allowance: None,
        beside: true,
    }))
}
