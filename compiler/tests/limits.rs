//! Limits of what one check works out: each is told where it is met, and no honest project meets it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fmt::Write;
use weir_compiler::project::{ProjectSource, SourceFile};
use weir_compiler::{Checked, check};
use weir_lang::diagnostic::Severity;

/// Lines `make(0)`, `make(1)`, … .
fn lines(count: usize, make: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut all, at| {
        let _ = writeln!(all, "{}", make(at));
        all
    })
}

fn joined(count: usize, between: &str, make: impl Fn(usize) -> String) -> String {
    (0..count).map(make).collect::<Vec<_>>().join(between)
}

fn alone(text: String) -> Checked {
    check(with_lock(text, None))
}

fn with_lock(text: String, lock: Option<String>) -> ProjectSource {
    let config = "[tools.crm]\ncommand = [\"crm\"]\n";
    ProjectSource {
        files: vec![SourceFile { path: "a.flow".into(), module: "a".into(), text }],
        config: lock.is_some().then(|| ("weir.toml".into(), config.into())),
        lock: lock.map(|lock| ("weir.lock.json".into(), lock)),
        ..ProjectSource::default()
    }
}

fn errors(checked: &Checked) -> Vec<String> {
    let errors = checked.diagnostics.iter().filter(|one| one.severity == Severity::Error);
    errors.map(|one| format!("{}: {}", one.rule.name(), one.message)).collect()
}

#[track_caller]
fn told(checked: &Checked, part: &str) {
    let errors = errors(checked);
    assert!(errors.iter().any(|one| one.contains(part)), "{part}: {:?}", errors.get(..3.min(errors.len())));
}

#[test]
fn types_that_grow_are_told_once() {
    let records = lines(3_000, |at| format!("  x{} = {{ ...x{at}, a{at}: {at} }}", at + 1));
    let records = alone(format!("coordinator m(x0: {{ b: int }}) -> json {{\n{records}  return x3000\n}}\n"));
    assert_eq!(errors(&records).len(), 1);
    told(&records, "too-large: the types of values have grown to more than");

    let cases = lines(9_000, |at| format!("  x{} = if n > {at} then x{at} else \"v{at}\"", at + 1));
    let cases = alone(format!("coordinator m(n: int) -> json {{\n  x0 = \"a\"\n{cases}  return x9000\n}}\n"));
    assert_eq!(errors(&cases).len(), 1);
    told(&cases, "too-large: the types of values have grown to more than");

    let known = lines(3_000, |at| format!("  require x != \"v{at}\""));
    let all = joined(4_000, " | ", |at| format!("\"v{at}\""));
    let known = alone(format!("type T = {all}\ncoordinator m(x: T) -> int {{\n{known}  return 1\n}}\n"));
    told(&known, "too-large: the types of values have grown to more than");
}

#[test]
fn wide_unions_are_looked_through_so_often_and_no_more() {
    let union =
        |kind: &dyn Fn(usize) -> usize| joined(2_000, " | ", |at| format!("{{ kind: \"k{}\", a: int }}", kind(at)));
    let flows = lines(50, |at| format!("transformer f{at}(x: T) -> S {{ return x }}"));
    let wide = alone(format!("type T = {}\ntype S = {}\n{flows}", union(&|at| at), union(&|at| 1_999 - at)));
    told(&wide, "too-large: types of many cases are compared too often");
}

/// All countries, in every line of a long program.
#[test]
fn an_honest_union_meets_no_limit() {
    let all = joined(249, " | ", |at| format!("\"c{at}\""));
    let flows = lines(1_000, |at| {
        format!(
            "transformer f{at}(x: Country, y: {{ home: Country }}) -> Country | \"none\" {{\n  z = if x == \"c1\" then \"none\" else x\n  \
             w = if y.home != z then y.home else x\n  return w\n}}"
        )
    });
    assert_eq!(errors(&alone(format!("type Country = {all}\n{flows}"))), Vec::<String>::new());
}

#[test]
fn types_that_lead_to_each_other_are_compared_once() {
    let types = lines(600, |at| {
        format!("type T{at} = {{ a: T{}?, b: [T{}], c: T{}? }}", (at * 7 + 1) % 600, (at * 3 + 2) % 600, (at * 5) % 600)
    });
    let checked = alone(format!("{types}coordinator m(x: T0) -> T1 {{ return x }}\n"));
    assert_eq!(errors(&checked), Vec::<String>::new());
    let other =
        alone(format!("{types}type S = {{ a: T1?, b: [T2], c: int? }}\ncoordinator m(x: T0) -> S {{ return x }}\n"));
    told(&other, "type-mismatch");
}

#[test]
fn capabilities_through_other_flows_are_counted() {
    let tools = lines(1_500, |at| format!("tool t{at}.a() can c{at}.read"));
    let flows = |count: usize| {
        let next = |at: usize| if at + 1 < count { format!("f{}()", at + 1) } else { String::new() };
        lines(count, |at| format!("coordinator f{at}() {{\n  t{at}.a()\n  {}\n}}", next(at)))
    };
    told(
        &alone(format!("{tools}{}", flows(1_500))),
        "too-large: the flows need more than 400000 capabilities together",
    );
    let few = errors(&alone(format!("{tools}{}", flows(300))));
    assert!(few.iter().all(|one| one.starts_with("undeclared-capability")) && few.len() == 300, "{:?}", few.first());
}

#[test]
fn what_is_not_told_is_counted() {
    let unknown = alone(format!("const c = [{}]\n", joined(40_000, ", ", |at| format!("n{at}"))));
    let errors = errors(&unknown);
    assert!((20_000..40_000).contains(&errors.len()), "{}", errors.len());
    let left = 40_000 - errors.len();
    let last = unknown.diagnostics.last().unwrap().help.clone().unwrap();
    assert_eq!(last, format!("{left} more errors are not told: mend these first"));
    // Warnings do not push errors out.
    let unused = lines(30_000, |at| format!("  x{at} = {at}"));
    let both = alone(format!("coordinator a() {{\n{unused}}}\ncoordinator m() -> int {{ return nothing }}\n"));
    assert!(both.has_errors());
}

fn lock(tools: &str) -> String {
    format!("{{\"version\":1,\"servers\":{{\"crm\":{{\"kind\":\"mcp\",\"tools\":{{{tools}}}}}}}}}")
}

/// A lock file of more than 2 MiB.
fn large() -> String {
    let fields = joined(40, ",", |at| format!("\"p{at}\":{{\"type\":\"string\"}}"));
    lock(&joined(3_000, ",", |at| {
        format!(
            "\"find-{at}\":{{\"input\":{{\"type\":\"object\",\"properties\":{{{fields}}}}},\"annotations\":{{\"read_only\":true}}}}"
        )
    }))
}

#[test]
fn a_large_lock_gives_types_of_the_tools_that_are_named() {
    let flow =
        "coordinator m() -> string can crm.write {\n  a = crm.find_7(p1: \"x\")\n  return crm.`find-9`(p1: 3)\n}\n";
    let source = with_lock(flow.into(), Some(large()));
    let checked = check(source.clone());
    assert_eq!(errors(&checked), ["type-mismatch: the argument `p1` of `crm.find-9` wants `string?`, found `3`"]);
    let params = |checked: &Checked, name: &str| checked.tools.get(name).unwrap().params.len();
    assert_eq!(checked.tools.keys().filter(|name| name.starts_with("crm.")).count(), 3_000);
    assert_eq!(
        (params(&checked, "crm.find-7"), params(&checked, "crm.find-9"), params(&checked, "crm.find-8")),
        (40, 40, 0)
    );
    let all = check(ProjectSource { every_tool: true, ..source });
    assert_eq!((params(&all, "crm.find-8"), errors(&all)), (40, errors(&checked)));
}

#[test]
fn what_is_wrong_with_a_lock_is_placed() {
    let flow = "coordinator m() { }\n";
    let servers = joined(501, ",", |at| format!("\"s{at}\":{{\"kind\":\"mcp\"}}"));
    let servers = format!("{{\"version\":1,\"servers\":{{{servers}}}}}");
    told(&check(with_lock(flow.into(), Some(servers))), "more than 500 servers");
    let tools = lock(&joined(30_001, ",", |at| format!("\"t{at}\":{{\"input\":{{}}}}")));
    told(&check(with_lock(flow.into(), Some(tools))), "more than 30000 tools");
    let broken = lock("\"a\":{\"input\":{},\"inputs\":1}");
    let checked = check(with_lock(flow.into(), Some(broken.clone())));
    told(&checked, "unknown field `inputs`");
    let at =
        checked.diagnostics.iter().find(|one| one.rule.name() == "invalid-lock").unwrap().loc().span.start as usize;
    assert!(broken.find("inputs").unwrap().abs_diff(at) < 16, "{at}");
    // The name of the tool, not the same word elsewhere.
    let unusable = lock(
        "\"a\":{\"input\":{\"type\":\"object\"},\"description\":\"\\\"b\\\":\"},\"b\":{\"input\":{\"type\":\"string\"}}",
    );
    let checked = check(with_lock(flow.into(), Some(unusable.clone())));
    let place = checked.diagnostics.iter().find(|one| one.rule.name() == "unusable-tool").unwrap().loc().span;
    assert_eq!((place.text(&unusable), place.start as usize), ("\"b\"", unusable.rfind("\"b\"").unwrap()));
}

#[test]
fn the_schemas_of_all_named_tools_have_so_many_parts() {
    let fields = joined(9_000, ",", |at| format!("\"p{at}\":{{\"type\":\"string\"}}"));
    let tools = lock(&joined(40, ",", |at| {
        format!("\"find_{at}\":{{\"input\":{{\"type\":\"object\",\"properties\":{{{fields}}}}}}}")
    }));
    let calls = |count: usize| {
        format!("coordinator m() can crm.write {{\n{}}}\n", lines(count, |at| format!("  crm.find_{at}()")))
    };
    let checked = check(with_lock(calls(40), Some(tools)));
    told(&checked, "have more than 300000 parts together");
    let refused: Vec<usize> =
        (0..40).filter(|at| !checked.tools.contains_key(format!("crm.find_{at}").as_str())).collect();
    assert_eq!(refused, (33..40).collect::<Vec<_>>());
    let long = lock(&format!("\"find_0\":{{\"input\":{{\"default\":[{}]}}}}", joined(800_000, ",", |_| "{}".into())));
    told(&check(with_lock(calls(1), Some(long))), "its schema is longer than 512 KiB");
}
