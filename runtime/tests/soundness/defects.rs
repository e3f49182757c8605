//! The reverse: programs that check, each with one defect put in, one for every rule. How many are caught?

use super::generate;
use super::judge::check;
use std::collections::BTreeMap;

/// A defect: the rule, what is declared beside `main`, and a step that goes somewhere into `main`.
type Defect = (&'static str, &'static str, &'static str);

const DEFECTS: &[Defect] = &[
    ("syntax", "", "z1 = (who"),
    ("unknown-name", "", "z1 = nowhere"),
    ("duplicate-name", "const TEAM = [\"x\"]", ""),
    ("shadowed-name", "", "who = \"again\""),
    ("unknown-tool", "", "z1 = src.nothing(q: who)"),
    ("unknown-field", "", "z1 = src.page(q: who)\n  z2 = z1.bodie"),
    ("missing-argument", "", "z1 = src.page()"),
    ("unknown-argument", "", "z1 = src.page(q: who, w: 1)"),
    ("type-mismatch", "", "z1 = src.page(q: n)"),
    ("type-mismatch", "", "z1 = for z2 in n { yield z2 }"),
    ("invalid-constant", "tool lim.it(v: int in 0..3) can src.read", "lim.it(v: 9)"),
    ("not-exhaustive", "", "z1 = match n > 1 { true => 1 }"),
    ("unknown-error-code", "", "z1 = src.page(q: who).n catch { nonsense => 1 }"),
    (
        "role-violation",
        "router zz(a: string) can db.write {\n  db.set(owner: a, note: a)\n  db.set(owner: a, note: a)\n}",
        "",
    ),
    ("undeclared-capability", "coordinator zz(a: string) -> int can db.write {\n  return src.page(q: a).n\n}", ""),
    ("undeclared-capability", "tool oth.er(a: string) can oth.write", "oth.er(a: who)"),
    ("send-outside-delivery", "tool wire.tell(to: trusted string) can mail.send", "wire.tell(to: \"ann\")"),
    (
        "missing-key",
        "tool wire.tell(to: trusted string) can mail.send\ndelivery zz(a: string) can mail.send {\n  wire.tell(to: a)\n}",
        "",
    ),
    ("missing-undo", "saga zz(a: string) can db.write {\n  db.put(name: a, v: 1)\n}", ""),
    (
        "missing-undo",
        "saga zz(a: [string]) can db.write {\n  for x in a { if x == \"b\" { db.put(name: x, v: 1) } }\n}",
        "",
    ),
    (
        "fallible-after-final",
        "saga zz(a: string) -> int can db.write, src.read {\n  db.put(name: a, v: 1) final\n  return src.page(q: a).n\n}",
        "",
    ),
    (
        "undo-not-idempotent",
        "tool bad.back(a: string) can db.write\nsaga zz(a: string) can db.write {\n  db.put(name: a, v: 1) undo bad.back(a: a)\n}",
        "",
    ),
    ("unsafe-retry", "", "job.run(cmd: [\"go\"]) retry 3 on timeout"),
    ("unsafe-retry", "tool una.safe(a: string) can db.write", "una.safe(a: who) retry forever on unavailable, timeout"),
    ("impure-step", "", "z1 = [src.page(q: z2).n for z2 in names]"),
    ("untrusted-to-trusted", "", "z1 = src.page(q: who)\n  db.set(owner: z1.body, note: \"x\")"),
    (
        "untrusted-to-trusted",
        "",
        "z1 = src.list(n: n)\n  for z2 in z1.items { db.set(owner: \"{z2.note}!\", note: \"x\") }",
    ),
    (
        "untrusted-to-trusted",
        "coordinator zz(a: string) can db.write {\n  db.set(owner: a, note: a)\n}",
        "z1 = src.page(q: who)\n  zz(lower(first(z1.tags) ?? \"x\"))",
    ),
    ("unbounded-recursion", "coordinator zz(a: int) -> int can src.read {\n  return zz(a + 1)\n}", ""),
    ("missing-fallback", "policy zp {\n  not_found => fallback\n}", "z1 = src.page(q: who) with zp"),
    ("invalid-duration", "", "wait 90min"),
    ("invalid-regex", "", "require who matches /(/ else \"no\""),
    ("invalid-cron", "campaign zc {\n  cron \"61 9 * * MON\"\n  run zz()\n}\ncoordinator zz() -> int { return 1 }", ""),
    ("missing-return", "coordinator zz(a: int) -> int {\n  b = a + 1\n}", ""),
    ("invalid-clause", "", "z1 = src.page(q: who) timeout 1s timeout 2s"),
    (
        "budget-exceeded",
        "coordinator zz(a: string) -> int can src.read budget 1 calls {\n  b = src.page(q: a)\n  c = src.page(q: b.owner)\n  return b.n + c.n\n}",
        "",
    ),
    ("unused-binding", "", "unused_z = src.page(q: who).n"),
    ("unused-capability", "coordinator zz(a: int) -> int can db.write {\n  return a\n}", ""),
    ("unreachable-arm", "", "z1 = match who { \"a\" => 1 \"a\" => 2 else => 3 }"),
    (
        "write-without-undo",
        "tool una.safe(a: string) can db.write\ncoordinator zz(a: string) can db.write {\n  una.safe(a: a)\n  una.safe(a: \"b\")\n}",
        "",
    ),
    ("undo-never-runs", "", "z1 = db.put(name: who, v: 1) undo db.del(id: z1.id)"),
    ("shadowed-name", "", "z1 = [who for who in names]"),
    ("empty-validator", "validator zz(a: string) {\n  b = len(a)\n}", ""),
    ("key-not-sent", "", "db.put(name: who, v: 1) key \"k\""),
    (
        "endorses-by-form",
        "validator zz(a: string) {\n  require a matches /.+/\n}",
        "z1 = src.page(q: who)\n  z2 = z1.body\n  check zz(z2)\n  db.set(owner: z2, note: \"x\")",
    ),
];

/// A program that checks, with everything allowed that defects need.
fn base(seed: u64) -> Option<(String, usize)> {
    let text = generate::program(seed).text;
    let at = text.find("coordinator main(")?;
    let (before, main) = text.split_at(at);
    let arrow = main.find(") -> ")?;
    let brace = main[arrow..].find(" {\n").map(|found| arrow + found)?;
    let returns = main[arrow..brace].split(" can ").next()?.split(" budget ").next()?;
    let can = " can src.read, db.write, pay.write, job.exec";
    let text = format!("{before}{}{returns}{can}{}", &main[..arrow], &main[brace..]);
    let errors = check(&text).has_errors();
    let start = text.find("coordinator main(")?;
    (!errors).then_some((text, start))
}

/// The step at the `which`-th top step of `main`, the declaration in front.
fn with(text: &str, start: usize, defect: &Defect, which: usize) -> String {
    let (before, main) = text.split_at(start);
    let lines: Vec<&str> = main.lines().collect();
    let places: Vec<usize> = (1..lines.len())
        .filter(|at| lines[*at].starts_with("  ") && !lines[*at].starts_with("   ") && !lines[*at].starts_with("  }"))
        .collect();
    let place = places[which % places.len()];
    let mut out = format!("{before}{}\n", defect.1);
    for (at, line) in lines.iter().enumerate() {
        if at == place && !defect.2.is_empty() {
            out += &format!("  {}\n", defect.2);
        }
        out += &format!("{line}\n");
    }
    out
}

#[test]
fn one_defect_of_each_rule_is_caught() {
    let programs: Vec<(String, usize)> = (0..200).filter_map(base).take(12).collect();
    assert_eq!(programs.len(), 12);
    let mut missed: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let (mut caught, mut by_its_rule, mut all) = (0, 0, 0);
    for defect in DEFECTS {
        for (which, (text, start)) in programs.iter().enumerate() {
            all += 1;
            let before: Vec<String> = check(text).diagnostics.iter().map(|one| one.rule.name().to_owned()).collect();
            let broken = with(text, *start, defect, which);
            let after: Vec<String> = check(&broken).diagnostics.iter().map(|one| one.rule.name().to_owned()).collect();
            let count = |all: &[String], rule: &str| all.iter().filter(|one| *one == rule).count();
            let own = count(&after, defect.0) > count(&before, defect.0);
            let any = after.iter().any(|rule| count(&after, rule) > count(&before, rule));
            by_its_rule += u32::from(own);
            caught += u32::from(any);
            if !own {
                missed.entry(defect.0).or_default().push(format!("{after:?}\n{broken}"));
            }
        }
    }
    println!("{all} programs with one defect: {caught} caught, {by_its_rule} by the rule of the defect");
    for (rule, programs) in &missed {
        println!("{rule} was missed {} times: {}", programs.len(), programs[0]);
    }
    assert!(missed.is_empty(), "missed: {:?}", missed.keys());
}
