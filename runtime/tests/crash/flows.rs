//! The flows that are swept.

use crate::sweep;
use weir_compiler::Checked;
use weir_compiler::plan::{CampaignPlan, Plan};
use weir_compiler::project::{ProjectSource, SourceFile};

/// The one that campaigns start, by the clock and by events.
pub const CAMPAIGN: &str = "campaign";

/// Tools that write a line for each call into their own log.
const TOOLS: &str = r#"
tool t.get(n: string) -> { n: string } can t.read
tool t.put(n: string) -> { id: string } can t.write
tool t.del(id: string) can t.write idempotent
tool t.flaky(n: string) -> { id: string } can t.write idempotent
tool t.send(to: trusted string) -> { id: string } can t.send
tool t.tell(n: string) -> { id: string } can t.write idempotent
"#;

/// The plan of a flow by its name.
pub fn plan(name: &str) -> Plan {
    checked(name).plan("main").unwrap()
}

/// The campaigns that are swept.
pub fn campaigns() -> Vec<CampaignPlan> {
    checked(CAMPAIGN).campaigns().unwrap()
}

fn checked(name: &str) -> Checked {
    let file = SourceFile { path: "crash.flow".into(), module: "".into(), text: text(name) };
    let checked = weir_compiler::check(ProjectSource { files: vec![file], ..ProjectSource::default() });
    let errors: Vec<_> = checked.diagnostics.iter().filter(|one| one.severity.word() == "error").collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}");
    checked
}

/// Its text; the entry is `main`.
fn text(name: &str) -> String {
    let body = match name {
        "saga" => {
            r#"
saga main() -> string can t.read, t.write {
  seen = t.get(n: "first")
  a = t.put(n: "a")
    undo t.del(id: a.id)
  b = t.put(n: "b")
    undo t.del(id: b.id)
  return b.id
}"#
        }
        "nested_saga" => {
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
  fail conflict "as planned"
}"#
        }
        "compensates" => {
            r#"
saga main() can t.write {
  a = t.put(n: "a")
    undo t.del(id: a.id)
  b = t.put(n: "b")
    undo t.del(id: b.id)
  fail conflict "as planned"
}"#
        }
        "parallel_loop" => {
            r#"
coordinator main() -> int can t.write {
  ids = for n in ["a", "b", "c", "d"] parallel 2 {
    made = t.put(n: n)
    yield made.id
  }
  return len(ids)
}"#
        }
        "approval" => {
            r#"
coordinator main() -> bool can t.write {
  t.put(n: "before")
  yes = ask "Go on?" as bool
  t.put(n: "after")
  return yes
}"#
        }
        "timer" => {
            r#"
coordinator main() -> string can t.write {
  t.put(n: "before")
  wait 5ms
  after = t.put(n: "after")
  return after.id
}"#
        }
        "receive" => {
            r#"
coordinator main() -> int can t.write {
  t.put(n: "before")
  got = receive "settled" as { n: int } key "k"
  t.put(n: "after")
  return got.n
}"#
        }
        "delivery" => {
            r#"
delivery welcome(who: trusted string) can t.send {
  key "welcome-{who}"
  t.send(to: who)
}
coordinator main() -> string can t.send {
  one = welcome(who: "ann")
  two = welcome(who: "bob")
  return two.status
}"#
        }
        "sub_runs" => {
            r#"
coordinator main() -> string can t.write {
  start part(n: "x")
  start part(n: "y")
  last = t.put(n: "main")
  return last.id
}
coordinator part(n: string) can t.write {
  t.put(n: n)
  called(n: n)
  start last(n: n)
}
coordinator called(n: string) can t.write {
  t.put(n: n)
}
coordinator last(n: string) can t.write {
  t.put(n: n)
}"#
        }
        "thread" => {
            r#"
coordinator main() -> string can t.write {
  start part()
  last = t.put(n: "main")
  return last.id
}
coordinator part() can t.write {
  t.put(n: "part")
}"#
        }
        "schedule" => {
            r#"
coordinator main() -> string can t.write {
  t.put(n: "before")
  start part(n: "later") after 5ms
  last = t.put(n: "after")
  return last.id
}
coordinator part(n: string) limit 5 per 1m concurrency 1 by n can t.write {
  made = t.put(n: n)
  t.put(n: made.id)
}"#
        }
        CAMPAIGN => {
            r#"
campaign quarters { cron "*/15 * * * *" zone "UTC" overlap queue run main(n: "quarter") }
campaign halves { every 30m overlap allow run main(n: "half") }
campaign told { on event "came" as { n: string } overlap allow run main(n: event.n) }
coordinator main(n: string) -> string can t.write {
  begun = now()
  t.put(n: n)
  return "{n} at {begun}"
}"#
        }
        "keyed" => {
            r#"
coordinator main() -> string can t.write {
  one = t.put(n: "a") key "once"
  again = part()
  return again
}
coordinator part() -> string can t.write {
  two = t.put(n: "a") key "once"
  return two.id
}"#
        }
        "retries" => {
            r#"
coordinator main() -> string can t.read, t.write {
  made = t.flaky(n: "a") retry 3 backoff 1ms..2ms on unavailable
  last = t.put(n: "b")
  return last.id
}"#
        }
        "monitors" => {
            r#"
coordinator main() -> string can t.write {
  tells(n: "begun")
  a = t.put(n: "a")
  tells(n: "half")
  b = t.put(n: "b")
  tells(n: "done")
  return b.id
}
monitor tells(n: string) can t.write {
  t.tell(n: n)
  t.tell(n: "{n} again")
}"#
        }
        "long_loop" => {
            r#"
coordinator main() -> int can t.read, t.write {
  all = for n in range(1, ROUNDS) {
    seen = t.get(n: "{n}")
    made = t.put(n: "{n}")
    yield made.id
  }
  return len(all)
}"#
        }
        other => panic!("no flow {other}"),
    };
    let rounds = if sweep::is_long() { "13" } else { "5" };
    format!("{TOOLS}{}\n", body.replace("ROUNDS", rounds))
}
