//! The flows that are simulated. Each step that is in a saga brings its undo; `t.once` is always called with its argument
//! as its key.

use std::sync::{Arc, OnceLock};
use weir_compiler::plan::Plan;
use weir_compiler::project::{ProjectSource, SourceFile};

/// Tools of the world.
const TOOLS: &str = r#"
tool t.get(n: string) -> { n: string } can t.read
tool t.find(n: string) -> { id: string }? can t.read
tool t.put(n: string) -> { id: string } can t.write
tool t.once(n: string) -> { id: string } can t.write
tool t.set(n: string) -> { id: string } can t.write idempotent
tool t.pay(n: string, request?: string) -> { id: string } can t.write accepts key request
tool t.del(id: string) can t.write idempotent
tool t.send(to: trusted string) -> { id: string } can t.send
tool t.tell(n: string) -> { id: string } can t.write
tool t.count(n: string) -> { id: string } can t.write idempotent
"#;

/// Name and text; the entry is `main`.
const FLOWS: [(&str, &str); 28] = [
    (
        "saga",
        r#"
saga main() -> string can t.read, t.write {
  seen = t.get(n: "first")
  a = t.put(n: "a")
    undo t.del(id: a.id)
  b = t.put(n: "b")
    undo t.del(id: b.id)
  return b.id
}"#,
    ),
    (
        "long_saga",
        r#"
saga main() -> int can t.write {
  all = for n in range(1, 6) {
    made = t.put(n: "{n}")
      undo t.del(id: made.id)
    wait 1s
    yield made.id
  }
  last = t.set(n: "last")
    undo t.del(id: last.id)
  return len(all)
}"#,
    ),
    (
        "nested_saga",
        r#"
saga main() -> string can t.write {
  a = t.put(n: "a")
    undo t.del(id: a.id)
  inner() catch { conflict => null }
  c = t.put(n: "c")
    undo t.del(id: c.id)
  return c.id
}
saga inner() can t.write {
  b = t.put(n: "b")
    undo t.del(id: b.id)
  deep() catch { permission => null }
  fail conflict "as planned"
}
saga deep() can t.write {
  d = t.set(n: "d")
    undo t.del(id: d.id)
  e = t.put(n: "e")
    undo t.del(id: e.id)
}"#,
    ),
    (
        "compensates",
        r#"
saga main() can t.write {
  a = t.put(n: "a")
    undo t.del(id: a.id)
  b = t.put(n: "b") retry 2 backoff 10ms..1s on rate_limited
    undo t.del(id: b.id)
  c = t.pay(n: "c") key "c" per run
    undo t.del(id: c.id)
  fail conflict "as planned"
}"#,
    ),
    (
        "undone_by_a_flow",
        r#"
executor take_back(id: string) can t.write {
  t.del(id: id) final
}
saga main() can t.write {
  a = t.put(n: "a")
    undo take_back(a.id)
  b = t.put(n: "b")
    undo take_back(b.id)
  fail conflict "as planned"
}"#,
    ),
    (
        "final_step",
        r#"
saga main() -> string can t.write {
  a = t.put(n: "a")
    undo t.del(id: a.id)
  b = t.put(n: "b") final
  c = t.set(n: "c") final fallback null
  return b.id
}"#,
    ),
    (
        "parallel_loop",
        r#"
coordinator main() -> int can t.write {
  ids = for n in ["a", "b", "c", "d"] parallel 2 {
    made = t.put(n: n)
    yield made.id
  }
  return len(ids)
}"#,
    ),
    (
        "parallel_sagas",
        r#"
coordinator main() -> int can t.write {
  ids = for n in ["a", "b", "c"] parallel 3 {
    yield one(n: n)
  }
  return len(ids)
}
saga one(n: string) -> string can t.write {
  a = t.put(n: n)
    undo t.del(id: a.id)
  b = t.set(n: n)
    undo t.del(id: b.id)
  return b.id
}"#,
    ),
    (
        "approval",
        r#"
saga main() -> bool can t.write {
  before = t.put(n: "before")
    undo t.del(id: before.id)
  yes = ask "Go on?" as bool
  require yes else fail conflict "no"
  after = t.put(n: "after")
    undo t.del(id: after.id)
  return yes
}"#,
    ),
    (
        "timer",
        r#"
coordinator main() -> string can t.write {
  t.put(n: "before")
  wait 45s
  after = t.put(n: "after")
  return after.id
}"#,
    ),
    (
        "receive",
        r#"
coordinator main() -> int can t.write {
  t.put(n: "before")
  got = receive "settled" as { n: int } key "k"
  t.put(n: "after")
  return got.n
}"#,
    ),
    (
        "receive_in_time",
        r#"
saga main() -> int can t.write {
  a = t.put(n: "before")
    undo t.del(id: a.id)
  got = receive "settled" as { n: int } key "k" timeout 2s fallback { n: 0 }
  b = t.put(n: "after")
    undo t.del(id: b.id)
  return got.n
}"#,
    ),
    (
        "delivery",
        r#"
delivery welcome(who: trusted string) can t.send {
  key "welcome-{who}"
  t.send(to: who)
}
coordinator main() -> string can t.send {
  one = welcome(who: "ann")
  two = welcome(who: "bob")
  return two.status
}"#,
    ),
    (
        "sub_runs",
        r#"
coordinator main() -> string can t.write {
  start part(n: "x")
  start part(n: "y")
  last = t.put(n: "main")
  return last.id
}
saga part(n: string) can t.write {
  a = t.put(n: n)
    undo t.del(id: a.id)
  b = t.set(n: n)
    undo t.del(id: b.id)
}"#,
    ),
    (
        "schedule",
        r#"
coordinator main() -> string can t.write {
  t.put(n: "before")
  start part(n: "later") after 30s
  last = t.put(n: "after")
  return last.id
}
coordinator part(n: string) limit 5 per 1m concurrency 1 by n can t.write {
  made = t.put(n: n)
  t.put(n: made.id)
}"#,
    ),
    (
        "keyed",
        r#"
coordinator main() -> string can t.write {
  one = t.once(n: "a") key "a"
  again = part()
  return again
}
coordinator part() -> string can t.write {
  two = t.once(n: "a") key "a"
  paid = t.pay(n: "b") key "b"
  return two.id
}"#,
    ),
    (
        "keyed_saga",
        r#"
saga main() can t.write {
  one = t.once(n: "shared") key "shared"
    undo t.del(id: one.id)
  two = t.put(n: "mine")
    undo t.del(id: two.id)
  fail conflict "as planned"
}"#,
    ),
    (
        "retries",
        r#"
policy patient {
  timeout, rate_limited, unavailable => retry 5 backoff 200ms..5s
  else => fail
  timeout 3s
}
coordinator main() -> string can t.read, t.write {
  seen = t.get(n: "a") with patient optional
  made = t.set(n: "a") with patient
  last = t.put(n: "b") retry 3 backoff 10ms..1s on rate_limited
  return last.id
}"#,
    ),
    (
        "looked_up",
        r#"
coordinator main() -> string can t.read, t.write {
  a = t.put(n: "a") catch { unknown => t.find(n: "a") }
  b = t.put(n: "b") catch { not_found, permission => ({ id: "none" }) }
  return b.id
}"#,
    ),
    (
        "looked_up_saga",
        r#"
saga main() can t.read, t.write {
  a = t.put(n: "a") catch { unknown => t.find(n: "a") }
    undo t.del(id: a.id)
  b = t.put(n: "b") catch { unknown => t.find(n: "b") }
    undo t.del(id: b.id)
  fail conflict "as planned"
}"#,
    ),
    (
        "long_loop",
        r#"
coordinator main() -> int can t.read, t.write timeout 10m {
  all = for n in range(1, 12) {
    seen = t.get(n: "{n}")
    also = t.get(n: "also {n}")
    made = t.set(n: "{n}")
    yield made.id
  }
  return len(all)
}"#,
    ),
    (
        "monitors",
        r#"
coordinator main() -> string can t.write {
  tells(n: "begun")
  made = t.put(n: "a")
  all = for n in range(1, 8) parallel 3 {
    counts(n: "{n}")
    yield n
  }
  wait 1500ms
  counts(n: "done")
  tells(n: "done")
  return made.id
}
monitor tells(n: string) can t.write {
  t.tell(n: n)
  t.tell(n: "{n} again") optional
}
monitor counts(n: string) can t.write {
  t.count(n: n)
}"#,
    ),
    (
        "monitors_in_a_saga",
        r#"
saga main() can t.write {
  counts(n: "begun")
  a = t.put(n: "a")
    undo t.del(id: a.id)
  part()
  counts(n: "failed")
  fail conflict "as planned"
}
saga part() can t.write {
  counts(n: "part")
  b = t.set(n: "b")
    undo t.del(id: b.id)
}
monitor counts(n: string) can t.write {
  one = t.count(n: n)
    undo t.del(id: one.id)
  two = t.tell(n: n)
    undo t.del(id: two.id)
}"#,
    ),
    (
        "one_key",
        r#"
coordinator main() -> string can t.write {
  ids = for n in ["a", "b", "c", "d"] parallel 4 {
    k_one_a_put1 = t.put(n: "same") key "one" per run retry 2 backoff 10ms..1s on rate_limited
    yield k_one_a_put1.id
  }
  wait 1s
  k_one_a_put2 = t.put(n: "same") key "one" per run
  k_one_b_put3 = t.put(n: "other") key "one" per run catch { conflict => ({ id: "refused" }) }
  return k_one_a_put2.id
}"#,
    ),
    (
        "one_key_of_others",
        r#"
coordinator main() -> int can t.write {
  ids = for n in range(0, 4) parallel 2 {
    made = if n == 2 { other() } else { same() }
    yield made
  }
  return len(ids)
}
coordinator same() -> string? can t.write {
  k_one_a_pay1 = t.pay(n: "same") key "one" per run retry 3 backoff 10ms..1s on rate_limited, unavailable, timeout optional
  return k_one_a_pay1?.id
}
coordinator other() -> string? can t.write {
  k_one_b_pay2 = t.pay(n: "other") key "one" per run optional
  return k_one_b_pay2?.id
}"#,
    ),
    (
        "one_key_in_sagas",
        r#"
coordinator main() -> int can t.write {
  all = for n in range(0, 4) parallel 4 {
    one(n: n) catch { conflict => null }
    yield n
  }
  return len(all)
}
saga one(n: int) can t.write {
  k_one_a_put1 = t.put(n: "same") key "one" per run
    undo t.del(id: k_one_a_put1.id)
  b = t.set(n: "{n}")
    undo t.del(id: b.id)
  require n == 3 else fail conflict "as planned"
}"#,
    ),
    (
        "one_key_in_a_saga",
        r#"
saga main() can t.write {
  ids = for n in ["a", "b", "c"] parallel 3 {
    k_one_a_set1 = t.set(n: "same") key "one" per run
      undo t.del(id: k_one_a_set1.id)
    made = t.put(n: n)
      undo t.del(id: made.id)
    yield made.id
  }
  fail conflict "as planned"
}"#,
    ),
    (
        "one_key_in_time",
        r#"
coordinator main() -> string can t.write {
  part() fallback null
  k_one_a_put2 = t.put(n: "same") key "one" per run
  return k_one_a_put2.id
}
coordinator part() can t.write timeout 50ms {
  for n in ["a", "b", "c"] parallel 3 {
    k_one_a_put1 = t.put(n: "same") key "one" per run
  }
}"#,
    ),
];

/// Runs that a run of the flow starts.
pub fn starts(name: &str) -> usize {
    match name {
        "sub_runs" => 2,
        "schedule" => 1,
        _ => 0,
    }
}

/// What the world is told of a run's steps.
pub struct Program {
    pub name: String,
    pub plan: Arc<Plan>,
    /// Its entry is a saga.
    pub saga: bool,
    /// Runs that it starts, where that is known.
    pub starts: Option<usize>,
}

/// All of them, once.
pub fn all() -> &'static [Arc<Program>] {
    static ALL: OnceLock<Vec<Arc<Program>>> = OnceLock::new();
    ALL.get_or_init(|| FLOWS.iter().map(|(name, text)| Arc::new(program(name, text, Some(starts(name))))).collect())
}

/// From text to plan.
pub fn program(name: &str, body: &str, starts: Option<usize>) -> Program {
    let text = format!("{TOOLS}{body}\n");
    let file = SourceFile { path: format!("{name}.flow").into(), module: "".into(), text };
    let checked = weir_compiler::check(ProjectSource { files: vec![file], ..ProjectSource::default() });
    let errors: Vec<_> = checked.diagnostics.iter().filter(|one| one.severity.word() == "error").collect();
    let errors: Vec<_> = errors.iter().map(|one| &one.message).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{body}");
    let saga = body.contains("saga main(");
    Program { name: name.to_owned(), plan: Arc::new(checked.plan("main").unwrap()), saga, starts }
}
