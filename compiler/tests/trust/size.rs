//! Large programs.

use super::*;
use std::time::{Duration, Instant};

/// Longest time in a debug build on a busy machine; in a release build it is a small part of this.
const LONG: Duration = Duration::from_secs(20);

#[track_caller]
fn quick(text: &str) -> Vec<String> {
    let start = Instant::now();
    let keep = |line: &String| line.starts_with("untrusted") || line.starts_with("endorses");
    let said = said(text, "").into_iter().filter(keep).collect();
    assert!(start.elapsed() < LONG, "took {:?}", start.elapsed());
    said
}

#[test]
fn nested_branches() {
    let open = "if page.body == \"x\" { ".repeat(24);
    let close = " } else { \"bob\" }".repeat(24);
    let body = format!("page = web.fetch(url: url)\n o = {open} \"ann\" {close}\n desk.assign(owner: o)");
    assert_eq!(quick(&flow(&body)), ["untrusted-to-trusted: o"]);
    let body = format!(
        "page = web.fetch(url: url)\n o = {}\"ann\"{}\n desk.assign(owner: o)",
        "if page.body == \"x\" then (".repeat(20),
        ") else \"bob\"".repeat(20)
    );
    assert_eq!(quick(&flow(&body)), ["untrusted-to-trusted: o"]);
}

#[test]
fn nested_conditions() {
    let open = "require (match page.size { 1 => { ".repeat(12);
    let close = "\n true } else => false }) ".repeat(12);
    let body = format!(
        "page = web.fetch(url: url)\n {open} require page.body in TEAM {close}\n desk.assign(owner: page.title)"
    );
    assert_eq!(quick(&flow(&body)), ["untrusted-to-trusted: page.title"]);
}

#[test]
fn nested_repeats() {
    let mut body = String::from("page = web.fetch(url: url)\n");
    for at in 0..16 {
        let before = if at == 0 { "who".to_string() } else { format!("s{}", at - 1) };
        writeln!(body, "repeat s{at} = {before} at most 3 {{").unwrap();
    }
    body += "desk.assign(owner: s15)\n next \"{page.body}{s0}\"";
    body += &"\n}".repeat(16);
    assert_eq!(quick(&flow(&body)), ["untrusted-to-trusted: s15"]);
}

#[test]
fn records_that_share_parts() {
    let mut body = String::from("page = web.fetch(url: url)\n r0 = { a: page.body, b: who }\n");
    for at in 1..60 {
        writeln!(body, "r{at} = {{ a: r{}, b: r{}, c: r{} }}", at - 1, at - 1, at - 1).unwrap();
    }
    body += "desk.assign(owner: to_json(r59))";
    let said = said(&flow(&body), "");
    assert!(said.iter().any(|line| line.starts_with("untrusted")), "{said:#?}");
    let mut body = String::from("page = web.fetch(url: url)\n x0 = page.body\n");
    for at in 1..200 {
        writeln!(body, "x{at} = \"{{x{}}}{{x{}}}\"", at - 1, at - 1).unwrap();
    }
    body += "desk.assign(owner: x199)";
    assert_eq!(quick(&flow(&body)), ["untrusted-to-trusted: x199"]);
}

#[test]
fn long_chains_of_flows() {
    let mut text =
        String::from("coordinator f0(a: string, b: string) can desk.write { desk.assign(owner: a, note: b) }\n");
    for at in 1..400 {
        writeln!(text, "coordinator f{at}(a: string, b: string) can desk.write {{ f{}(b, a) }}", at - 1).unwrap();
    }
    text += &flow("page = web.fetch(url: url)\n f399(page.body, who)\n f399(who, page.body)");
    assert_eq!(quick(&text), ["untrusted-to-trusted: page.body"]);
}

#[test]
fn many_parameters() {
    let names: Vec<String> = (0..100).map(|at| format!("p{at}")).collect();
    let params = names.iter().map(|name| format!("{name}: string")).collect::<Vec<_>>().join(", ");
    let calls = names.iter().map(|name| format!("desk.assign(owner: {name})")).collect::<Vec<_>>().join("\n");
    let mut text = format!("coordinator f0({params}) can desk.write {{ {calls} }}\n");
    for at in 1..30 {
        let args = names.join(", ");
        writeln!(text, "coordinator f{at}({params}) can desk.write {{ f{}({args}) }}", at - 1).unwrap();
    }
    let args = vec!["page.body"; 100].join(", ");
    text += &flow(&format!("page = web.fetch(url: url)\n f29({args})"));
    assert_eq!(quick(&text), ["untrusted-to-trusted: page.body"]);
}

#[test]
fn validators_that_name_much() {
    let mut text = String::from("validator v(x: string) {\n a0 = x\n");
    for at in 1..100 {
        writeln!(text, "a{at} = starts_with(\"{{a{}}}{{a{}}}\", \"x\")", at - 1, at - 1).unwrap();
    }
    text += "require a99 }\n";
    text += &flow("page = web.fetch(url: url)\n o = page.body\n check v(o)\n desk.assign(owner: o)");
    assert!(quick(&text).len() <= 1);
}

#[test]
fn types_that_hold_themselves() {
    let tree = "type Tree = { name: string, kids: [Tree], up: untrusted string }\n";
    let walk = "transformer names(t: Tree) -> [string] { return [k.name for k in t.kids] }\ntransformer deep(t: Tree) -> string { k = first(t.kids)\n m = first(k?.kids ?? [])\n n = first(m?.kids ?? [])\n o = first(n?.kids ?? [])\n p = first(o?.kids ?? [])\n q = first(p?.kids ?? [])\n return q?.up ?? \"\" }\n";
    let text = |what: &str| {
        format!(
            "{tree}{walk}tool trees.get(id: string) -> Tree can trees.read\ncoordinator main(who: string) can trees.read, desk.write, desk.exec {{ t = trees.get(id: who)\n {what} }}"
        )
    };
    assert_eq!(quick(&text("desk.run(args: names(t))")), [""; 0]);
    assert_eq!(quick(&text("desk.assign(owner: deep(t))")), ["untrusted-to-trusted: deep(t)"]);
    assert_eq!(quick(&text("desk.assign(owner: t.up)")), ["untrusted-to-trusted: t.up"]);
}

#[test]
fn agents_that_call_each_other() {
    let agents = "agent a(goal: string) -> { to: string } can web.read model \"m\" tools web.fetch, b budget 3 calls, depth 2 { prompt \"{goal}\" }\nagent b(goal: string) -> { to: string } can web.read model \"m\" tools a budget 3 calls, depth 2 { prompt \"{goal}\" }\n";
    assert_eq!(
        quick(&format!("{agents}{}", flow("x = a(who)\n desk.assign(owner: x.to)"))),
        ["untrusted-to-trusted: x.to"]
    );
}

/// Prints how long a large project takes; `cargo test --release -p weir-compiler --test trust -- figures --nocapture`.
#[test]
fn figures() {
    let sizes: &[usize] = if cfg!(debug_assertions) { &[1_000] } else { &[10_000, 40_000] };
    for &lines in sizes {
        let mut text = String::from(TOOLS);
        let mut at = 0;
        while text.lines().count() < lines {
            for _ in 0..50 {
                at += 1;
                let before = if at % 10 > 1 {
                    format!("step_{}(page.title, who)", at - 1)
                } else {
                    "desk.note(text: who)".into()
                };
                writeln!(text, "validator ok_{at}(m: Mail) can staff.read {{\n  entry = staff.find(name: m.sender)\n  require entry.known else \"no\"\n}}\n\ntransformer tidy_{at}(ms: [Mail]) -> [{{ to: string, key: string }}] {{\n  for m in ms {{\n    require m.subject != \"\" else drop \"x\"\n    yield {{ to: lower(m.sender), key: m.id }}\n  }}\n}}\n\ncoordinator step_{at}(who: string, to: string) can web.read, box.read, staff.read, desk.write {{\n  page = web.fetch(url: who)\n  ms = box.mails().mails |> check ok_{at}\n  rows = tidy_{at}(ms)\n  for m in ms {{\n    desk.assign(owner: m.sender, note: page.body)\n  }}\n  for r in rows {{\n    desk.note(text: \"{{r.key}} {{r.to}}\")\n  }}\n  {before}\n  desk.assign(owner: to)\n}}\n").unwrap();
            }
        }
        let start = Instant::now();
        let checked = weir_compiler::check(project(&text, ""));
        eprintln!("{} lines, {} diagnostics: {:?}", text.lines().count(), checked.diagnostics.len(), start.elapsed());
    }
}
