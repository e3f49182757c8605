//! The durable engine on a real disk, beside a bare loop that only appends to SQLite: S, sequential steps in one run; P,
//! parallel steps and a join; M, many runs started together; D, one step. For steps that write and steps that only read,
//! with every acknowledged effect flushed (`full`) and without (`normal`).

use crate::lab::{Lab, request};
use crate::out::{line, once};
use rusqlite::Connection;
use std::sync::Arc;
use std::time::Duration;
use weir_compiler::plan::Plan;
use weir_runtime::engine::{Engine, LocalEngine};
use weir_runtime::journal::Durability;
use weir_runtime::tool::{Call, Fault, Tool};
use weir_stdlib::value::Value;

const FLOWS: &str = r#"
tool t.get(n: int) -> { n: int } can t.read
tool t.put(n: int) -> { n: int } can t.write

coordinator s_writes(n: int) -> int can t.write {
  xs = for i in range(1, n) {
    x = t.put(n: i)
    yield x.n
  }
  return len(xs)
}
coordinator s_reads(n: int) -> int can t.read {
  xs = for i in range(1, n) {
    x = t.get(n: i)
    yield x.n
  }
  return len(xs)
}
coordinator p_writes(n: int) -> int can t.write {
  xs = for i in range(1, n) parallel 100 {
    x = t.put(n: i)
    yield x.n
  }
  return len(xs)
}
coordinator p_reads(n: int) -> int can t.read {
  xs = for i in range(1, n) parallel 100 {
    x = t.get(n: i)
    yield x.n
  }
  return len(xs)
}
"#;

/// Answers at once.
struct Instant;

#[async_trait::async_trait]
impl Tool for Instant {
    fn describe(&self) -> Vec<ecow::EcoString> {
        vec!["get".into(), "put".into()]
    }

    async fn call(&self, _: &Call) -> Result<Value, Fault> {
        Ok(Value::record([("n", Value::int(1))]))
    }
}

/// Prints the figures.
pub fn run() {
    let Some(lab) = Lab::new("engine", FLOWS) else { return };
    for durability in [Durability::Full, Durability::Normal] {
        line(&format!("{durability:?}:"));
        bare(&lab, durability);
        for kind in ["writes", "reads"] {
            let plans = (lab.plan(&format!("s_{kind}")), lab.plan(&format!("p_{kind}")));
            let (Some(sequential), Some(parallel)) = plans else { return };
            lab.block_on(measure(&lab, durability, kind, &sequential, &parallel));
        }
    }
}

async fn measure(lab: &Lab, durability: Durability, kind: &str, sequential: &Arc<Plan>, parallel: &Arc<Plan>) {
    let Some(engine) = lab.engine(durability, Arc::new(Instant)) else { return };
    // Warm up, then the best of a few.
    best(&engine, sequential, 20, 1, 3).await;
    let s = best(&engine, sequential, 100, 1, 8).await;
    let p = best(&engine, parallel, 100, 1, 8).await;
    let m = best(&engine, sequential, 10, 200, 5).await;
    let d = best(&engine, sequential, 1, 1, 30).await;
    line(&format!(
        "  {kind:<7} S {:>7.3} ms a step   P {:>7.2} ms   M {:>7.0} steps/s   D {:>6.3} ms",
        ms(s) / 100.0,
        ms(p),
        2_000.0 / m.as_secs_f64(),
        ms(d)
    ));
}

/// The shortest time of `rounds`, each with `runs` runs of `n` steps started together.
async fn best(engine: &LocalEngine, plan: &Arc<Plan>, n: i64, runs: usize, rounds: usize) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        let begun = std::time::Instant::now();
        let started: Vec<_> = (0..runs)
            .map(|_| {
                let (engine, plan) = (engine.clone(), Arc::clone(plan));
                tokio::spawn(async move { engine.start(plan, request(n)).await.is_ok_and(|end| end.exit_code() == 0) })
            })
            .collect();
        for run in started {
            if !run.await.unwrap_or(false) {
                line("a run did not succeed");
            }
        }
        best = best.min(begun.elapsed());
    }
    best
}

/// What the disk and SQLite alone need: one committed row a step, and many rows in one commit.
fn bare(lab: &Lab, durability: Durability) {
    let file = lab.fresh().join("bare.db");
    let sync = if durability == Durability::Full { "full" } else { "normal" };
    let opened = Connection::open(file).and_then(|sql| {
        sql.pragma_update(None, "journal_mode", "wal")?;
        sql.pragma_update(None, "synchronous", sync)?;
        sql.execute_batch(
            "CREATE TABLE t (run INTEGER, seq INTEGER, json TEXT, PRIMARY KEY (run, seq)) WITHOUT ROWID",
        )?;
        Ok(sql)
    });
    let Ok(sql) = opened else { return line("the bare loop cannot run") };
    let text = "x".repeat(180);
    let mut seq = 0_i64;
    let mut commit = |rows: i64| {
        let _ = sql.execute_batch("BEGIN IMMEDIATE");
        for _ in 0..rows {
            seq += 1;
            let insert = sql.prepare_cached("INSERT INTO t VALUES (1, ?1, ?2)");
            let _ = insert.and_then(|mut insert| insert.execute(rusqlite::params![seq, text]));
        }
        let _ = sql.execute_batch("COMMIT");
    };
    (0..20).for_each(|_| commit(1));
    let mut s = Duration::MAX;
    for _ in 0..8 {
        s = s.min(once(|| (0..100).for_each(|_| commit(2))).1);
    }
    let mut m = Duration::MAX;
    for _ in 0..5 {
        m = m.min(once(|| (0..10).for_each(|_| commit(400))).1);
    }
    line(&format!(
        "  bare    S {:>7.3} ms a step   P {:>7.2} ms   M {:>7.0} steps/s",
        ms(s) / 100.0,
        ms(once(|| (0..2).for_each(|_| commit(200))).1),
        2_000.0 / m.as_secs_f64()
    ));
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
