//! Files that are made to hurt: `weir check` answers all of them, and stays small and quick. It starts no process and
//! opens no connection.

use crate::support::{Ended, Folder, ended, folder};
use std::fmt::Write;
use std::process::Command;

/// Address space of the checker in KiB: 256 MiB, and what two threads reserve as stacks.
const KIB: u32 = 256 * 1024 + 24 * 1024;

/// Seconds of processor time. A debug build is some ten times slower than what people run.
const SECONDS: u32 = if cfg!(debug_assertions) { 20 } else { 1 };

/// `weir check` under limits of memory and processor time that the kernel holds it to.
fn limited(here: &Folder, args: &[&str]) -> Ended {
    let line = format!("ulimit -v {KIB} && ulimit -t {SECONDS} && exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &line, "sh", env!("CARGO_BIN_EXE_weir"), "check", "--format", "human"]).args(args);
    command.current_dir(here.dir.path()).env("RAYON_NUM_THREADS", "2");
    ended(&command.output().unwrap())
}

fn body(expression: &str) -> String {
    format!("coordinator main(x: int, xs: [int], s: string) -> json {{\n  y = {expression}\n  return y\n}}\n")
}

/// Lines `make(1)`, `make(2)`, … .
fn lines(count: usize, make: impl Fn(usize) -> String) -> String {
    (1..=count).fold(String::new(), |mut all, at| {
        let _ = writeln!(all, "{}", make(at));
        all
    })
}

/// `"v0" | "v1" | …`
fn union(count: usize, name: &str) -> String {
    (0..count).map(|at| format!("\"{name}{at}\"")).collect::<Vec<_>>().join(" | ")
}

fn flows() -> Vec<(&'static str, String)> {
    let deep = |open: &str, inner: &str, close: &str, depth: usize| {
        body(&format!("{}{inner}{}", open.repeat(depth), close.repeat(depth)))
    };
    vec![
        ("parens", deep("(", "x", ")", 100_000)),
        ("parens that stay open", body(&"(".repeat(200_000))),
        ("lists", deep("[", "x", "]", 60_000)),
        ("records", deep("{ a: ", "x", " }", 60_000)),
        ("choices", deep("if x > 1 then 1 else ", "x", "", 5_000)),
        ("nots", deep("not ", "true", "", 100_000)),
        ("minuses", deep("-", "x", "", 100_000)),
        ("lambdas", deep("a => ", "x", "", 60_000)),
        ("sums", deep("x + ", "x", "", 30_000)),
        ("fields", body(&format!("s{}", ".a".repeat(100_000)))),
        ("indices", body(&format!("xs{}", "[0]".repeat(20_000)))),
        ("pipes", body(&format!("xs{}", " |> reverse()".repeat(10_000)))),
        ("templates", deep("\"{", "x", "}\"", 20_000)),
        ("matches", deep("match x { 1 => ", "x", " else => 2 }", 10_000)),
        ("blocks", format!("coordinator main() {{\n{}{}\n}}\n", "if true {\n".repeat(20_000), "}\n".repeat(20_000))),
        ("type lists", format!("type T = {}int{}\n", "[".repeat(100_000), "]".repeat(100_000))),
        ("type marks", format!("type T = int{}\n", "?".repeat(100_000))),
        ("backticks", "`".repeat(200_000)),
        ("quotes", "\"".repeat(500_000)),
        ("slashes", "/".repeat(500_000)),
        ("nuls", "\0".repeat(200_000)),
        ("comments", "//\n".repeat(100_000)),
        ("one comment", format!("// {}", "x".repeat(1_000_000))),
        ("a mebibyte and more", "x".repeat(1_100_000)),
        ("one text", body(&format!("\"{}\"", "x".repeat(300_000)))),
        ("one name", body(&"x".repeat(300_000))),
        ("one number", body(&"9".repeat(900_000))),
        ("many unknown names", lines(8_000, |at| format!("const C{at} = nothing{at}"))),
        ("many names that are nearly known", lines(8_000, |at| format!("const nothing{at} = nothinh{at}"))),
        (
            "one name bound again and again",
            format!("coordinator main() {{\n{}}}\n", lines(8_000, |_| "  x = 1".into())),
        ),
        (
            "unions of many literals",
            format!(
                "type T = {0}\ntype U = {0}\ncoordinator main(x: T) -> U {{ return x }}\n",
                (0..8_000).map(|at| format!("\"v{at}\"")).collect::<Vec<_>>().join(" | ")
            ),
        ),
        ("characters that cannot be seen", body(&format!("\"{}\"", "\u{200b}".repeat(100_000)))),
        ("look-alikes under comments", lines(4_000, |at| format!("// \u{441}omment\nconst \u{441}onst{at} = \"a\""))),
        (
            "many suppressions",
            lines(4_000, |at| format!("// weir: allow(unused-declaration) because\nconst C{at} = 1")),
        ),
        ("many flows", lines(6_000, |at| format!("transformer f{at}(x: int) -> int {{ return x }}"))),
        ("many arms", body(&format!("match x {{ {} else => 0 }}", lines(20_000, |at| format!("{at} => {at}"))))),
        (
            "types that double",
            format!(
                "type T0 = {{ a: int }}\n{}{}",
                lines(300, |at| format!("type T{at} = {{ a: T{}, b: T{} }}", at - 1, at - 1)),
                "coordinator main(x: T300) -> T299 { return x.a }\n"
            ),
        ),
        (
            "unions that double",
            format!(
                "type T0 = 1 | 2\n{}{}",
                lines(300, |at| format!("type T{at} = {{ a: T{} }} | {{ b: T{} }}", at - 1, at - 1)),
                "coordinator main(x: T300) -> T300 { return x }\n"
            ),
        ),
        (
            "intersections that double",
            format!("type T0 = {{ a: int }}\n{}", lines(300, |at| format!("type T{at} = T{} & T{}", at - 1, at - 1))),
        ),
        ("types in a ring", lines(3_000, |at| format!("type T{at} = {{ next: T{} }}", at % 3_000 + 1))),
        (
            "constants that double",
            format!("const C0 = [1, 2]\n{}", lines(80, |at| format!("const C{at} = [...C{}, ...C{}]", at - 1, at - 1))),
        ),
        (
            "texts that double",
            format!(
                "const C0 = \"xy\"\n{}",
                lines(80, |at| format!("const C{at} = \"{{C{}}}{{C{}}}\"", at - 1, at - 1))
            ),
        ),
        ("constants in a ring", lines(3_000, |at| format!("const C{at} = C{}", at % 3_000 + 1))),
        ("a range without end", "const C = [x * x for x in 0..9000000000000000000]\n".into()),
        ("a large power", "const C = fold(0..100000000, 1, (a, b) => a + b)\n".into()),
        ("repetition in a pattern", "type T = string matching /((((a{1,1000}){1,1000}){1,1000}){1,1000})/\n".into()),
        ("nested patterns", format!("type T = string matching /{}a{}/\n", "(".repeat(50_000), ")*".repeat(50_000))),
        (
            "flows in a ring",
            lines(2_000, |at| format!("coordinator f{at}(x: int) -> int {{ return f{}(x) }}", at % 2_000 + 1)),
        ),
        (
            "flows that call twice",
            format!(
                "coordinator f0(xs: [int]) -> [int] {{ return xs }}\n{}",
                lines(400, |at| format!(
                    "coordinator f{at}(xs: [int]) -> [int] budget 5 calls {{\n  a = f{}(xs)\n  b = f{}(a)\n  return a + b\n}}",
                    at - 1,
                    at - 1
                ))
            ),
        ),
        (
            "loops in loops",
            format!(
                "tool a.b(x: int) can a.read\ncoordinator main(xs: [int]) can a.read budget 9 calls {{\n{}a.b(x: 1)\n{}}}\n",
                lines(40, |at| format!("for x{at} in xs {{")),
                "}\n".repeat(40)
            ),
        ),
        (
            "steps one behind the other",
            format!(
                "coordinator main(x0: int) -> int {{\n{}  return x9000\n}}\n",
                lines(9_000, |at| format!("  x{at} = x{} + 1", at - 1))
            ),
        ),
        (
            "records that grow",
            format!(
                "coordinator main(x0: {{ a0: int }}) -> json {{\n{}  return x600\n}}\n",
                lines(600, |at| format!("  x{at} = {{ ...x{}, a{at}: {at} }}", at - 1))
            ),
        ),
        (
            "values that double",
            format!(
                "coordinator main(x0: [int]) -> json {{\n{}  return x60\n}}\n",
                lines(60, |at| format!("  x{at} = {{ a: x{}, b: x{} }}", at - 1, at - 1))
            ),
        ),
        ("names of names", format!("{}type T12001 = int\n", lines(12_000, |at| format!("type T{at} = T{}", at + 1)))),
        (
            "joined types in a chain",
            format!(
                "{}type T8001 = {{ z: int }}\n",
                lines(8_000, |at| format!("type T{at} = T{} & {{ a{at}: int }}", at + 1))
            ),
        ),
        ("syntax errors in many flows", lines(8_000, |at| format!("coordinator f{at}(x: int) {{ y = = 1 (\n}}"))),
        ("texts that stay open", lines(15_000, |at| format!("const C{at} = \"abc"))),
        ("a list of little things", body(&format!("[{}0]", "0,".repeat(500_000)))),
        (
            "records that grow without end",
            format!(
                "coordinator main(x0: {{ a0: int }}) -> json {{\n{}  return x2000\n}}\n",
                lines(2_000, |at| format!("  x{at} = {{ ...x{}, a{at}: {at} }}", at - 1))
            ),
        ),
        (
            "choices of records that grow",
            format!(
                "coordinator main(x: int) -> json {{\n  x0 = {{ a: 1 }}\n{}  return x6000\n}}\n",
                lines(6_000, |at| format!("  x{at} = if x > {at} then x{} else {{ a{at}: 1 }}", at - 1))
            ),
        ),
        (
            "many regular expressions",
            lines(8_000, |at| format!("type T{at} = string matching /(a|b|[\\w]{{1,50}}){{1,9}}{at}/")),
        ),
        (
            "a match as wide as a file",
            format!(
                "type T = {}\ncoordinator m(x: T) -> int {{\n  return match x {{\n{}  }}\n}}\n",
                (0..15_000).map(|at| format!("\"v{at}\"")).collect::<Vec<_>>().join(" | "),
                lines(15_000, |at| format!("\"v{at}\" => {at}"))
            ),
        ),
        (
            "many parameters",
            format!(
                "coordinator m({}) {{ }}\n",
                (0..30_000).map(|at| format!("p{at}: int")).collect::<Vec<_>>().join(", ")
            ),
        ),
        (
            "a long chain of flows to a trusted place",
            format!(
                "tool a.b(x: trusted int) can a.write\n{}coordinator f6001(x: int) can a.write {{ a.b(x: x) }}\n",
                lines(6_000, |at| format!("coordinator f{at}(x: int) can a.write {{ f{}(x) }}", at + 1))
            ),
        ),
        (
            "facts upon facts",
            format!(
                "coordinator m(r: {{ {} }}) -> int {{\n{}  return r.f1\n}}\n",
                (1..=1_500).map(|at| format!("f{at}: int?")).collect::<Vec<_>>().join(", "),
                lines(1_500, |at| format!("  require r.f{at} != null"))
            ),
        ),
        (
            "a case more on each line",
            format!(
                "coordinator main(x: int) -> json {{\n  x0 = \"a\"\n{}  return x9000\n}}\n",
                lines(9_000, |at| format!("  x{at} = if x > {at} then x{} else \"v{at}\"", at - 1))
            ),
        ),
        (
            "a case less on each line",
            format!(
                "type T = {}\ncoordinator m(x: T) -> int {{\n{}  return 1\n}}\n",
                union(4_000, "v"),
                lines(4_000, |at| format!("  require x != \"v{at}\""))
            ),
        ),
        (
            "wide types that are never equal",
            format!(
                "type T = {}\ntype S = {}\ncoordinator m(x: T, y: S) {{\n{}}}\n",
                union(4_000, "v"),
                union(4_000, "w"),
                lines(4_000, |at| format!("  y{at} = x == y"))
            ),
        ),
        (
            "records told apart by a field",
            format!(
                "type T = {}\ncoordinator m(x: T) -> int {{\n  return match x.kind {{\n{}  }}\n}}\n",
                (0..2_000).map(|at| format!("{{ kind: \"k{at}\", v{at}: int }}")).collect::<Vec<_>>().join(" | "),
                lines(2_000, |at| format!("    \"k{at}\" => x.v{at}"))
            ),
        ),
        (
            "unions of records that do not fit",
            format!(
                "type T = {}\ntype S = {}\n{}",
                (0..3_000).map(|at| format!("{{ kind: \"t{at}\" }}")).collect::<Vec<_>>().join(" | "),
                (0..3_000).map(|at| format!("{{ kind: \"s{at}\" }}")).collect::<Vec<_>>().join(" | "),
                lines(300, |at| format!("transformer f{at}(x: T) -> S {{ return x }}"))
            ),
        ),
        (
            "types that lead to each other",
            format!(
                "{}coordinator m(x: T1) -> T2 {{ return x }}\n",
                lines(3_000, |at| format!(
                    "type T{at} = {{ a: T{}, b: [T{}], c: T{}? }}",
                    at * 7 % 3_000 + 1,
                    at * 3 % 3_000 + 1,
                    at * 5 % 3_000 + 1
                ))
            ),
        ),
        (
            "arguments under wrong names",
            format!(
                "tool a.b({}) can a.read\ncoordinator m() can a.read {{\n{}}}\n",
                (0..3_900).map(|at| format!("p{at}: int")).collect::<Vec<_>>().join(", "),
                lines(6, |_| format!(
                    "  a.b({})",
                    (0..3_900).map(|at| format!("q{at}: 1")).collect::<Vec<_>>().join(", ")
                ))
            ),
        ),
        (
            "arguments that are missing",
            format!(
                "tool a.b({}) can a.read\ncoordinator m() can a.read {{\n{}}}\n",
                (0..3_900).map(|at| format!("p{at}: int")).collect::<Vec<_>>().join(", "),
                lines(3_000, |_| "  a.b()".into())
            ),
        ),
        (
            "capabilities up a chain",
            format!(
                "{}{}coordinator f1501() {{ }}\n",
                lines(1_500, |at| format!("tool t{at}.a() can c{at}.read")),
                lines(1_500, |at| format!("coordinator f{at}() {{\n  t{at}.a()\n  f{}()\n}}", at + 1))
            ),
        ),
        (
            "wrong error codes",
            format!(
                "tool a.b() can a.read fails {}\n{}",
                (0..6_000).map(|at| format!("c{at}")).collect::<Vec<_>>().join(", "),
                lines(4_000, |at| format!("coordinator f{at}() can a.read {{ a.b() catch {{ d{at} => 1 }} }}"))
            ),
        ),
        ("flows that stay open", lines(15_000, |at| format!("coordinator f{at}(x: int) {{"))),
        (
            "time zones that are none",
            format!(
                "coordinator m() {{ }}\n{}",
                lines(6_000, |at| format!("campaign c{at} {{ cron \"*/5 * * * *\" zone \"Europe/Osl{at}\" run m() }}"))
            ),
        ),
        (
            "capabilities that are lacking",
            format!(
                "{}coordinator m() can x.read {{\n{}}}\n",
                lines(6_000, |at| format!("tool t{at}.a() can c{at}.write")),
                lines(6_000, |at| format!("  t{at}.a()"))
            ),
        ),
        (
            "many trusted places",
            format!(
                "tool a.b(x: trusted string) can a.write\ncoordinator m(xs: [string]) can a.write {{\n{}}}\n",
                lines(4_000, |at| format!("  a.b(x: xs[{at}] ?? \"\")"))
            ),
        ),
        ("more errors than anybody reads", lines(40_000, |at| format!("const c{at} = nothing{at}"))),
        ("bidi and look-alikes", body("\"\u{202e}\u{2066}\" == \"\u{430}\"")),
    ]
}

/// A project with one locked tool of this schema.
fn locked(schema: &str) -> String {
    format!(
        "{{\"version\":1,\"servers\":{{\"crm\":{{\"kind\":\"mcp\",\"server\":\"x\",\"tools\":{{\"find\":{{\"description\":\"d\",\"input\":{schema}}}}}}}}}}}"
    )
}

fn schemas() -> Vec<(&'static str, String)> {
    let deep = |depth: usize, open: &str, close: &str| {
        format!("{}{{\"type\":\"string\"}}{}", open.repeat(depth), close.repeat(depth))
    };
    let doubling = (0..40).fold(String::from("{\"type\":\"object\"}"), |all, _| {
        if all.len() > 200_000 { all } else { format!("{{\"allOf\":[{all},{all}]}}") }
    });
    let ladder: Vec<String> = (0..200)
        .map(|at| {
            format!(
                "\"d{at}\":{{\"allOf\":[{{\"$ref\":\"#/$defs/d{}\"}},{{\"$ref\":\"#/$defs/d{}\"}}]}}",
                at + 1,
                at + 1
            )
        })
        .collect();
    let ladder =
        format!("{{\"$ref\":\"#/$defs/d0\",\"$defs\":{{{},\"d200\":{{\"type\":\"object\"}}}}}}", ladder.join(","));
    let wide: Vec<String> = (0..9_000)
        .map(|at| format!("\"p{at}\":{{\"anyOf\":[{{\"type\":\"string\"}},{{\"type\":\"null\"}}]}}"))
        .collect();
    vec![
        ("deep properties", deep(5_000, "{\"type\":\"object\",\"properties\":{\"a\":", "}}")),
        ("deep lists", deep(5_000, "{\"type\":\"array\",\"items\":", "}")),
        ("deep not", deep(5_000, "{\"not\":", "}")),
        ("allOf that doubles", doubling),
        ("references that double", ladder),
        ("a reference to itself", "{\"$ref\":\"#\"}".into()),
        ("references in a ring", "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}}}".into()),
        ("a reference elsewhere", "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"http://127.0.0.1:9/x.json\"},\"b\":{\"$ref\":\"file:///etc/passwd\"}}}".into()),
        ("nine thousand properties", format!("{{\"type\":\"object\",\"properties\":{{{}}}}}", wide.join(","))),
        ("a pattern that repeats", "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"((a{1,1000}){1,1000}){1,1000}\"}}}".into()),
        ("a large enum", format!("{{\"enum\":[{}]}}", (0..60_000).map(|at| at.to_string()).collect::<Vec<_>>().join(","))),
    ]
}

/// Every eighth of them, from one on.
fn answered(from: usize) {
    let mut wrong = Vec::new();
    for (name, text) in flows().into_iter().skip(from).step_by(8) {
        let here = folder(&[("a.flow", &text)]);
        // What does not parse comes no further than that, whatever is asked.
        let parses = !weir_lang::parse(weir_lang::span::FileId(0), &text)
            .diagnostics
            .iter()
            .any(|one| matches!(one.rule.name(), "syntax" | "too-deep" | "too-large"));
        let all = [&["a.flow"][..], &["a.flow", "--bounds"], &["a.flow", "--trust"]];
        for args in all.iter().take(if parses { 3 } else { 1 }) {
            let ended = limited(&here, args);
            if !(0..=1).contains(&ended.code) {
                wrong.push(format!(
                    "{name} {args:?}: {} {}",
                    ended.code,
                    ended.stderr.chars().take(300).collect::<String>()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn hostile_flows_are_answered_in_bounded_time_and_memory() {
    answered(0);
}

#[test]
fn hostile_flows_are_answered_second_part() {
    answered(1);
}

#[test]
fn hostile_flows_are_answered_third_part() {
    answered(2);
}

#[test]
fn hostile_flows_are_answered_fourth_part() {
    answered(3);
}

#[test]
fn hostile_flows_are_answered_fifth_part() {
    answered(4);
}

#[test]
fn hostile_flows_are_answered_sixth_part() {
    answered(5);
}

#[test]
fn hostile_flows_are_answered_seventh_part() {
    answered(6);
}

#[test]
fn hostile_flows_are_answered_eighth_part() {
    answered(7);
}

#[test]
fn hostile_schemas_are_answered_in_bounded_time_and_memory() {
    let mut wrong = Vec::new();
    let flow = "coordinator main() -> json can crm.write {\n  return crm.find()\n}\n";
    for (name, schema) in schemas() {
        let config = "[project]\nflows = [\"flows\"]\n\n[tools.crm]\ncommand = [\"crm\"]\n";
        let here = folder(&[("weir.toml", config), ("flows/main.flow", flow), ("weir.lock.json", &locked(&schema))]);
        let ended = limited(&here, &[]);
        if !(0..=1).contains(&ended.code) {
            wrong.push(format!("{name}: {} {}", ended.code, ended.stderr.chars().take(300).collect::<String>()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Project files that are made to hurt.
fn project_files() -> Vec<(&'static str, &'static str, String)> {
    vec![
        ("deep", "weir.toml", format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000))),
        ("dotted", "weir.toml", format!("{} = 1\n", vec!["a"; 200_000].join("."))),
        ("grants", "weir.toml", format!("[grants]\n{}", lines(15_000, |at| format!("f{at} = [\"a.read\"]")))),
        ("sections", "weir.toml", lines(10_000, |at| format!("[tools.t{at}]\ncommand = [\"x\"]"))),
        (
            "servers",
            ".mcp.json",
            format!(
                "{{\"mcpServers\":{{{}}}}}",
                (0..15_000).map(|at| format!("\"s{at}\":{{\"command\":\"x\"}}")).collect::<Vec<_>>().join(",")
            ),
        ),
        ("brackets", "weir.lock.json", "[".repeat(1_000_000)),
    ]
}

#[test]
fn hostile_project_files_are_answered_in_bounded_time_and_memory() {
    let mut wrong = Vec::new();
    for (name, path, text) in project_files() {
        let mut files = vec![("flows/main.flow", "coordinator main() { }\n")];
        if path != "weir.toml" {
            files.push(("weir.toml", "[project]\nflows = [\"flows\"]\n"));
        }
        files.push((path, &text));
        let ended = limited(&folder(&files), &[]);
        if !(0..=1).contains(&ended.code) {
            wrong.push(format!("{name}: {} {}", ended.code, ended.stderr.chars().take(300).collect::<String>()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Lock files of megabytes, beside a flow that calls as much of them as it can.
fn locks() -> Vec<(&'static str, String)> {
    let lock = |tools: Vec<String>| {
        format!("{{\"version\":1,\"servers\":{{\"crm\":{{\"kind\":\"openapi\",\"tools\":{{{}}}}}}}}}", tools.join(","))
    };
    let all = |count: usize, make: &dyn Fn(usize) -> String| {
        lock((0..count).map(|at| format!("\"t{at}\":{{{}}}", make(at))).collect())
    };
    let fields =
        |count: usize| (0..count).map(|at| format!("\"p{at}\":{{\"type\":\"string\"}}")).collect::<Vec<_>>().join(",");
    let wide = format!("\"input\":{{\"type\":\"object\",\"properties\":{{{}}}}}", fields(200));
    let places = (0..40).map(|at| format!("\"p{at}\":{{\"in\":\"query\"}}")).collect::<Vec<_>>().join(",");
    let http = format!("\"input\":{{}},\"http\":{{\"method\":\"GET\",\"path\":\"/x\",\"params\":{{{places}}}}}");
    vec![
        ("many wide tools", all(1_000, &|_| wide.clone())),
        ("more parts than types may have", all(5_000, &|_| wide.clone())),
        ("many little tools", all(300_000, &|_| "\"input\":{\"type\":\"object\"}".into())),
        ("operations of many parameters", all(20_000, &|_| http.clone())),
        (
            "a schema of megabytes",
            lock(vec![format!("\"t1\":{{\"input\":{{\"default\":[{}{{}}]}}}}", "{},".repeat(6_000_000))]),
        ),
        ("tools that cannot be called", all(40_000, &|_| "\"input\":1".into())),
        (
            "many servers",
            format!(
                "{{\"version\":1,\"servers\":{{{}}}}}",
                (0..300_000).map(|at| format!("\"s{at}\":{{\"kind\":\"mcp\"}}")).collect::<Vec<_>>().join(",")
            ),
        ),
    ]
}

#[test]
fn hostile_lock_files_are_answered_in_bounded_time_and_memory() {
    let flow = format!("coordinator main() can crm.write {{\n{}}}\n", lines(5_000, |at| format!("  crm.t{at}()")));
    let config = "[project]\nflows = [\"flows\"]\n\n[tools.crm]\nurl = \"https://crm.example.com\"\n";
    let mut wrong = Vec::new();
    for (name, text) in locks() {
        let here = folder(&[("weir.toml", config), ("flows/main.flow", &flow), ("weir.lock.json", &text)]);
        let ended = limited(&here, &[]);
        if !(0..=1).contains(&ended.code) {
            wrong.push(format!("{name}: {} {}", ended.code, ended.stderr.chars().take(300).collect::<String>()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_limits_do_limit() {
    let here = folder(&[("a.flow", "")]);
    let line = format!("ulimit -v {KIB} && ulimit -t 1 && exec \"$@\"");
    let run = |args: &[&str]| {
        let mut command = Command::new("sh");
        ended(&command.args(["-c", &line, "sh"]).args(args).current_dir(here.dir.path()).output().unwrap()).code
    };
    assert_ne!(run(&["sh", "-c", "while :; do :; done"]), 0);
    assert_ne!(run(&["sh", "-c", "x=xxxxxxxxxxxxxxxx; while [ ${#x} -lt 900000000 ]; do x=$x$x$x$x; done"]), 0);
    assert_eq!(run(&[env!("CARGO_BIN_EXE_weir"), "check", "a.flow"]), 0);
}

/// What a program did that `weir check` must not do: processes and connections, as the kernel saw them.
#[cfg(target_os = "linux")]
fn reached_out(here: &Folder, command: &[&str]) -> Vec<String> {
    let calls = "trace=execve,execveat,fork,vfork,clone,clone3,socket,connect,sendto";
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", calls, "-o", "trace.txt"]).args(command).current_dir(here.dir.path());
    let ended = ended(&strace.output().unwrap());
    assert!((0..=1).contains(&ended.code), "{ended:?}");
    let trace = here.read("trace.txt");
    let begun = trace.lines().filter(|line| line.contains("execve(")).take(1).count();
    assert_eq!(begun, 1, "strace saw nothing: {trace}");
    let mut execs = 0;
    let own = |line: &&str| {
        execs += usize::from(line.contains("execve("));
        let thread = line.contains("CLONE_THREAD") || line.contains("resumed>");
        let first = line.contains("execve(") && execs == 1;
        !(first || thread || line.contains("+++") || line.contains("---"))
    };
    trace.lines().filter(own).map(str::to_owned).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn checking_starts_no_process_and_opens_no_connection() {
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!("`strace` is missing: `scripts/install-strace` brings it");
        return;
    }
    let config = "[project]\nflows = [\"flows\"]\n\n[tools.crm]\ncommand = [\"touch\", \"started\"]\n\n[tools.web]\nurl = \"http://127.0.0.1:9/mcp\"\n";
    let flow = "coordinator main() -> json can crm.write, shell.exec {\n  return nothing\n}\n";
    let here = folder(&[
        ("weir.toml", config),
        ("flows/main.flow", flow),
        ("weir.lock.json", &locked("{\"$ref\":\"http://127.0.0.1:9/x.json\"}")),
    ]);
    let weir = env!("CARGO_BIN_EXE_weir");
    for args in [&[weir, "check"][..], &[weir, "check", "--trust"], &[weir, "check", "--bounds"]] {
        assert_eq!(reached_out(&here, args), Vec::<String>::new());
    }
    // The same project reaches out where it should, and what is looked for is seen.
    let started = reached_out(&here, &[weir, "tools", "sync", "crm"]);
    assert!(started.iter().any(|line| line.contains("\"started\"")), "{started:#?}");
    assert!(!reached_out(&here, &["sh", "-c", "true | true"]).is_empty());
    assert!(!reached_out(&here, &["bash", "-c", "(exec 3<>/dev/udp/127.0.0.1/9) || true"]).is_empty());
}
