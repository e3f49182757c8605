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
        let Ok(mut bare) = Bare::open(&lab, durability) else { return line("the bare loop cannot run") };
        for kind in ["writes", "reads"] {
            let plans = (lab.plan(&format!("s_{kind}")), lab.plan(&format!("p_{kind}")));
            let (Some(sequential), Some(parallel)) = plans else { return };
            lab.block_on(measure(&lab, durability, kind, &sequential, &parallel, &mut bare));
        }
    }
}

/// Warms up, then takes the best of a few, in turns with the bare loop: a disk has better and worse moments.
async fn measure(
    lab: &Lab,
    durability: Durability,
    kind: &str,
    sequential: &Arc<Plan>,
    parallel: &Arc<Plan>,
    bare: &mut Bare,
) {
    let Some(engine) = lab.engine(durability, Arc::new(Instant)) else { return };
    best(&engine, sequential, 20, 1, 3).await;
    bare.commits(20, 2);
    let (mut s, mut p, mut m) = ([Duration::MAX; 2], [Duration::MAX; 2], [Duration::MAX; 2]);
    for _ in 0..30 {
        s = least(s, [best(&engine, sequential, 100, 1, 1).await, bare.commits(100, 2)]);
        p = least(p, [best(&engine, parallel, 100, 1, 1).await, bare.commits(2, 200)]);
    }
    for _ in 0..8 {
        m = least(m, [best(&engine, sequential, 10, 200, 1).await, bare.commits(10, 400)]);
    }
    let d = best(&engine, sequential, 1, 1, 60).await;
    let figures = |at: usize| {
        let of = |times: [Duration; 2]| times.get(at).copied().unwrap_or_default();
        let (s, p, m) = (ms(of(s)) / 100.0, ms(of(p)), 2_000.0 / of(m).as_secs_f64());
        format!("S {s:>7.3} ms a step   P {p:>7.2} ms   M {m:>7.0} steps/s")
    };
    let times = ms(s[0]) / ms(s[1]);
    line(&format!("  {kind:<7} {}   D {:>6.3} ms   S is {times:.2} x bare", figures(0), ms(d)));
    line(&format!("  bare    {}", figures(1)));
}

/// The shorter of each.
fn least(one: [Duration; 2], other: [Duration; 2]) -> [Duration; 2] {
    [one[0].min(other[0]), one[1].min(other[1])]
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

/// What the disk and SQLite alone need: a loop that only appends, two rows a step.
struct Bare {
    sql: Connection,
    seq: i64,
    text: String,
}

impl Bare {
    fn open(lab: &Lab, durability: Durability) -> Result<Bare, rusqlite::Error> {
        let sync = if durability == Durability::Full { "full" } else { "normal" };
        let sql = Connection::open(lab.fresh().join("bare.db"))?;
        sql.pragma_update(None, "journal_mode", "wal")?;
        sql.pragma_update(None, "synchronous", sync)?;
        sql.execute_batch(
            "CREATE TABLE t (run INTEGER, seq INTEGER, json TEXT, PRIMARY KEY (run, seq)) WITHOUT ROWID",
        )?;
        Ok(Bare { sql, seq: 0, text: "x".repeat(180) })
    }

    /// The time of so many commits of so many rows each.
    fn commits(&mut self, count: usize, rows: usize) -> Duration {
        let commit = |seq: &mut i64| {
            self.sql.execute_batch("BEGIN IMMEDIATE")?;
            for _ in 0..rows {
                *seq += 1;
                let mut insert = self.sql.prepare_cached("INSERT INTO t VALUES (1, ?1, ?2)")?;
                insert.execute(rusqlite::params![*seq, self.text])?;
            }
            self.sql.execute_batch("COMMIT")
        };
        let (result, took) = once(|| (0..count).try_for_each(|_| commit(&mut self.seq)));
        if let Err(error) = result {
            line(&format!("the bare loop: {error}"));
        }
        took
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
