//! Large numbers: a fan-out of 10,000 calls in one run, 10,000 queued runs, 100,000 runs that wait for a time (memory, and
//! how late they wake), and how much of the file a step takes. On a real disk, every acknowledged effect flushed.

use crate::lab::{Lab, request};
use crate::out::{line, resident};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use weir_compiler::plan::Plan;
use weir_runtime::dispatch::{Dispatcher, Settings};
use weir_runtime::engine::{Engine, LocalEngine, When};
use weir_runtime::journal::Durability;
use weir_runtime::tool::{Call, Fault, Tool};
use weir_stdlib::value::Value;

const FLOWS: &str = r#"
tool t.get(n: int) -> { n: int } can t.read
tool t.put(n: int) -> { n: int } can t.write
tool t.woke(due: int) -> { n: int } can t.write

coordinator reads(n: int) -> int can t.read {
  xs = for i in range(1, n) parallel 10000 { x = t.get(n: i) yield x.n }
  return len(xs)
}
coordinator writes(n: int) -> int can t.write {
  xs = for i in range(1, n) parallel 10000 { x = t.put(n: i) yield x.n }
  return len(xs)
}
coordinator sequence(n: int) -> int can t.write {
  xs = for i in range(1, n) { x = t.put(n: i) yield x.n }
  return len(xs)
}
coordinator nap(n: int) -> int can t.write {
  wait until from_unix(n)
  x = t.woke(due: n)
  return x.n
}
"#;

/// Answers at once; remembers how late it was woken.
#[derive(Default)]
struct Counting {
    calls: AtomicUsize,
    late: Mutex<Vec<i64>>,
}

#[async_trait::async_trait]
impl Tool for Counting {
    fn describe(&self) -> Vec<ecow::EcoString> {
        ["get", "put", "woke"].map(Into::into).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        if let Some(due) = call.args.field("due").as_int() {
            let late = jiff::Timestamp::now().as_millisecond() - due * 1_000;
            self.late.lock().unwrap_or_else(PoisonError::into_inner).push(late);
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        Ok(Value::record([("n", Value::int(1))]))
    }
}

/// Prints the figures.
pub fn run() {
    let Some(lab) = Lab::new("scale", FLOWS) else { return };
    let plans = (lab.plan("reads"), lab.plan("writes"), lab.plan("sequence"), lab.plan("nap"));
    let (Some(reads), Some(writes), Some(sequence), Some(nap)) = plans else { return };
    lab.block_on(async {
        for (name, plan) in [("reads", &reads), ("writes", &writes)] {
            fan_out(&lab, name, plan).await;
        }
        size(&lab, &sequence).await;
        queued(&lab, &sequence).await;
        timers(&lab, &nap).await;
    });
}

/// An engine on a new file, every acknowledged effect flushed.
fn engine(lab: &Lab) -> Option<(LocalEngine, Arc<Counting>)> {
    let counting = Arc::new(Counting::default());
    let engine = lab.engine(Durability::Full, Arc::clone(&counting) as Arc<dyn Tool>)?;
    Some((engine, counting))
}

async fn fan_out(lab: &Lab, name: &str, plan: &Arc<Plan>) {
    for n in [1_000, 10_000] {
        let Some((engine, _)) = engine(lab) else { return };
        let (before, begun) = (resident(), Instant::now());
        let ended = engine.start(Arc::clone(plan), request(n)).await;
        let took = begun.elapsed();
        let well = ended.is_ok_and(|end| end.exit_code() == 0);
        line(&format!(
            "  fan-out {n:>6} {name:<7} {:>8.1} ms  {:>6.1} us a call  {:>4} MiB  {}",
            took.as_secs_f64() * 1e3,
            took.as_secs_f64() * 1e6 / n as f64,
            resident().saturating_sub(before) >> 20,
            if well { "" } else { "it did not succeed" }
        ));
    }
}

async fn size(lab: &Lab, plan: &Arc<Plan>) {
    let Some((engine, counting)) = engine(lab) else { return };
    let file = lab.file();
    for _ in 0..20 {
        let _ = engine.start(Arc::clone(plan), request(500)).await;
    }
    let steps = counting.calls.load(Ordering::Relaxed).max(1);
    drop(engine);
    // The last one that closes the file writes it out whole.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let bytes: u64 = ["", "-wal"]
        .iter()
        .filter_map(|end| std::fs::metadata(format!("{}{end}", file.display())).ok())
        .map(|file| file.len())
        .sum();
    line(&format!("  file     {steps:>6} steps that write: {:.0} bytes a step", bytes as f64 / steps as f64));
}

async fn queued(lab: &Lab, plan: &Arc<Plan>) {
    let Some((engine, counting)) = engine(lab) else { return };
    let runs = 10_000;
    let begun = Instant::now();
    let put = put_all(&engine, plan, (0..runs).map(|_| 1)).await;
    let accepted = begun.elapsed();
    let begun = Instant::now();
    dispatch(&engine, |_| counting.calls.load(Ordering::Relaxed) >= put).await;
    line(&format!(
        "  queue    {put:>6} runs: accepted {:>6.0} a second, carried out {:>6.0} a second",
        put as f64 / accepted.as_secs_f64(),
        put as f64 / begun.elapsed().as_secs_f64()
    ));
}

/// Puts a run into the queue for each of these arguments; 100 at once, as callers of a server do.
async fn put_all(engine: &LocalEngine, plan: &Arc<Plan>, args: impl Iterator<Item = i64>) -> usize {
    let mut put = 0;
    let mut args = args.peekable();
    while args.peek().is_some() {
        let some = args.by_ref().take(100).map(|n| engine.enqueue(Arc::clone(plan), request(n), When::default()));
        put += futures_util::future::join_all(some).await.iter().filter(|one| one.is_ok()).count();
    }
    put
}

/// Works until `done`, or for ten minutes.
async fn dispatch(engine: &LocalEngine, done: impl Fn(&Dispatcher) -> bool + Sync) {
    let dispatcher = Dispatcher::new(engine.clone(), Settings::default());
    let begun = Instant::now();
    dispatcher
        .run(async {
            while !done(&dispatcher) && begun.elapsed() < Duration::from_secs(600) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
}

async fn timers(lab: &Lab, plan: &Arc<Plan>) {
    let Some((engine, counting)) = engine(lab) else { return };
    let runs: i64 = 100_000;
    // All of them sleep before the first one wakes; then so many a second wake for a minute.
    let first = jiff::Timestamp::now().as_second() + 120;
    let before = resident();
    let begun = Instant::now();
    let put = put_all(&engine, plan, (0..runs).map(|run| first + run * 60 / runs)).await;
    let accepted = begun.elapsed();
    let asleep = AtomicUsize::new(0);
    let most = AtomicUsize::new(0);
    dispatch(&engine, |dispatcher| {
        if asleep.load(Ordering::Relaxed) == 0 && jiff::Timestamp::now().as_second() >= first - 2 {
            let depth = dispatcher.depth().map_or(0, |depth| depth.asleep);
            asleep.store(usize::try_from(depth).unwrap_or_default().max(1), Ordering::Relaxed);
            most.store(usize::try_from(resident().saturating_sub(before)).unwrap_or_default(), Ordering::Relaxed);
        }
        counting.calls.load(Ordering::Relaxed) >= put
    })
    .await;
    let mut late = std::mem::take(&mut *counting.late.lock().unwrap_or_else(PoisonError::into_inner));
    late.sort_unstable();
    let share = |of: f64| late.get(((late.len() as f64 * of) as usize).min(late.len().saturating_sub(1))).copied();
    line(&format!(
        "  timers   {put:>6} runs (accepted {:.0} a second), {} asleep in {} MiB; woken over a minute: {} of them, late p50 {} ms, p99 {} ms, at most {} ms",
        put as f64 / accepted.as_secs_f64(),
        asleep.load(Ordering::Relaxed),
        most.load(Ordering::Relaxed) >> 20,
        late.len(),
        share(0.5).unwrap_or_default(),
        share(0.99).unwrap_or_default(),
        late.last().copied().unwrap_or_default(),
    ));
}
