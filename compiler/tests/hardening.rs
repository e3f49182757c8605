//! Checking never panics, and takes time in proportion to what it is given.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests read files and clocks, and print"
)]

#[path = "../../bench/src/source.rs"]
mod source;
mod support;

use std::time::{Duration, Instant};
use support::alone;
use weir_compiler::check;
use weir_compiler::project::ProjectSource;

/// Small, fast and the same every time (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit.max(1) as u64).unwrap_or(0)
    }
}

/// Words, numbers, texts and signs with their blanks.
fn tokens(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let end = match first {
            c if word(c) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        out.push(&rest[..end]);
        rest = &rest[end..];
    }
    out
}

/// One to three random deletions, doublings, swaps and insertions of tokens.
fn spoil(text: &str, others: &[&str], dice: &mut Dice) -> String {
    let mut tokens = tokens(text);
    for _ in 0..=dice.below(3) {
        let (at, other) = (dice.below(tokens.len()), dice.below(tokens.len()));
        if tokens.is_empty() {
            break;
        }
        match dice.below(5) {
            0 => {
                tokens.remove(at);
            }
            1 => tokens.swap(at, other),
            2 => tokens.insert(at, tokens[other]),
            3 => tokens[at] = others[dice.below(others.len())],
            _ => tokens.truncate(at.max(tokens.len() / 2)),
        }
    }
    tokens.concat()
}

#[test]
fn spoilt_programs_never_panic() {
    let cases = support::cases();
    let words: Vec<&str> =
        cases.iter().flat_map(|case| &case.source.files).flat_map(|file| tokens(&file.text)).collect();
    let mut dice = Dice(7);
    let begun = Instant::now();
    let mut count = 0;
    let limit = std::env::var("WEIR_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    // At least so many, however busy the machine is.
    while count < 1_000 || begun.elapsed() < Duration::from_secs(limit) && count < 1_000_000 {
        let mut source = cases[dice.below(cases.len())].source.clone();
        let at = dice.below(source.files.len());
        if let (Some((_, config)), 0) = (&mut source.config, dice.below(4)) {
            *config = spoil(config, &words, &mut dice);
        } else {
            source.files[at].text = spoil(&source.files[at].text, &words, &mut dice);
        }
        let checked = check(source);
        for diagnostic in &checked.diagnostics {
            assert!((diagnostic.loc().file.0 as usize) < checked.files.len(), "{diagnostic:?}");
        }
        // What has no errors can be lowered.
        if let Some(flow) = checked.flows.keys().next() {
            checked.plan(flow);
        }
        checked.bounds();
        count += 1;
    }
    eprintln!("{count} spoilt programs in {:?}", begun.elapsed());
}

/// On the stack of a thread that nobody enlarged.
fn on_small_stack(text: String) -> usize {
    let check = move || check(alone("deep.flow", &text)).diagnostics.len();
    std::thread::Builder::new().stack_size(2 << 20).spawn(check).unwrap().join().unwrap()
}

/// The deepest form of a nesting that still parses.
fn deepest(make: impl Fn(usize) -> String) -> (usize, String) {
    let mut best = (0, make(0));
    for depth in 1..400 {
        let text = make(depth);
        let parsed = weir_lang::parse(weir_lang::span::FileId(0), &text);
        if parsed.diagnostics.iter().any(|one| matches!(one.rule.name(), "too-deep" | "syntax")) {
            break;
        }
        best = (depth, text);
    }
    best
}

#[test]
fn legal_nesting_fits_a_small_stack() {
    let body = |inner: String| format!("coordinator run(x: int, xs: [int]) -> json {{\n{inner}\n}}\n");
    type Form = Box<dyn Fn(usize) -> String>;
    let forms: Vec<(&str, Form)> = vec![
        ("parens", Box::new(move |n| body(format!("return {}x{}", "(".repeat(n), ")".repeat(n))))),
        ("lists", Box::new(move |n| body(format!("return {}x{}", "[".repeat(n), "]".repeat(n))))),
        ("records", Box::new(move |n| body(format!("return {}x{}", "{ a: ".repeat(n), " }".repeat(n))))),
        ("ifs", Box::new(move |n| body(format!("{}wait 1s{}\nreturn x", "if x > 1 { ".repeat(n), " }".repeat(n))))),
        ("fors", Box::new(move |n| body(format!("{}wait 1s{}\nreturn x", "for y in xs { ".repeat(n), " }".repeat(n))))),
        (
            "repeats",
            Box::new(move |n| {
                body(format!("{}next null{}\nreturn x", "repeat c = null at most 3 { ".repeat(n), " }".repeat(n)))
            }),
        ),
        ("chooses", Box::new(move |n| body(format!("return {}x", "if x > 1 then x else ".repeat(n))))),
        (
            "matches",
            Box::new(move |n| body(format!("return {}x{}", "match x { 1 => 2 else => ".repeat(n), " }".repeat(n)))),
        ),
        ("sums", Box::new(move |n| body(format!("return {}x", "x + ".repeat(n))))),
        ("pipes", Box::new(move |n| body(format!("return xs{}", " |> reverse()".repeat(n))))),
        ("calls", Box::new(move |n| body(format!("return {}x{}", "abs(".repeat(n), ")".repeat(n))))),
        ("types", Box::new(move |n| format!("type T = {}int{}\n", "[".repeat(n), "]".repeat(n)))),
        ("templates", Box::new(move |n| body(format!("return {}x{}", "\"{".repeat(n), "}\"".repeat(n))))),
    ];
    for (name, make) in forms {
        let (depth, text) = deepest(make);
        let begun = Instant::now();
        on_small_stack(text);
        eprintln!("{name}: {depth} deep in {:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(20), "{name} takes too long");
    }
}

#[test]
fn circles_end() {
    for text in [
        "type A = B\ntype B = C\ntype C = A\n",
        "type A = A & { x: int }\ntype B = { b: B? } & A\n",
        "type A = [A] | map<A> | { a: A }\ntransformer run(a: A) -> A { return a }\n",
        "const A = B\nconst B = C\nconst C = [A]\n",
        "coordinator a() { b() }\ncoordinator b() { c() }\ncoordinator c() { a() start b() after 1h }\n",
        "type N = int in A..\nconst A = B\nconst B = A\n",
        "tool a.b(x: a.b.input) -> a.b.output can a.read\n",
        "policy p { else => escalate f }\ncoordinator f(e: Error) can log.write with p { log.write(level: \"info\", message: e.code) }\n",
    ] {
        check(alone("circle.flow", text));
    }
    let file = |module: &str, text: &str| weir_compiler::project::SourceFile {
        path: module.into(),
        module: module.into(),
        text: text.into(),
    };
    check(ProjectSource {
        files: vec![file("a", "use b.{X as Y}\nuse a.{Y}\n"), file("b", "use a.{Y as X}\nuse b\n")],
        ..ProjectSource::default()
    });
    check(ProjectSource { files: vec![file("a", "use a\n"), file("a", "use a\n")], ..ProjectSource::default() });
}

fn timed(name: &str, text: String) {
    let lines = text.lines().count();
    let begun = Instant::now();
    let said = check(alone("large.flow", &text)).diagnostics.len();
    eprintln!("{name}: {lines} lines, {:?}, {said} diagnostics", begun.elapsed());
}

/// `cargo test --release -p weir-compiler --test hardening -- --ignored --nocapture figures`
#[test]
#[ignore = "prints figures; nothing is asserted"]
fn figures() {
    for lines in [1_000, 10_000, 100_000] {
        let (project, bytes, lines) = source::project(lines);
        let (mut best, mut parse) = (Duration::MAX, Duration::MAX);
        for _ in 0..if lines > 50_000 { 3 } else { 20 } {
            let copy = project.clone();
            let begun = Instant::now();
            let checked = check(copy);
            best = best.min(begun.elapsed());
            assert_eq!(support::said(&checked), "");
            let begun = Instant::now();
            for file in &project.files {
                std::hint::black_box(weir_lang::parse(weir_lang::span::FileId(0), &file.text));
            }
            parse = parse.min(begun.elapsed());
        }
        let speed = lines as f64 / best.as_secs_f64();
        eprintln!(
            "{lines} lines, {bytes} bytes: check {best:?} (parse alone, one thread: {parse:?}), {speed:.0} lines/s"
        );
    }
    for n in [500, 5_000] {
        let chain: String = (0..n).map(|i| format!("coordinator f{i}() {{\n  f{}()\n}}\n", i + 1)).collect();
        timed("chain of flows", chain + &format!("coordinator f{n}() {{ wait 1s }}\n"));
        let ring: String = (0..n).map(|i| format!("coordinator f{i}() {{\n  f{}()\n}}\n", (i + 1) % n)).collect();
        timed("ring of flows", ring);
        let wrong: String = (0..n).map(|i| format!("coordinator f{i}() -> int {{\n  return valeu{i}\n}}\n")).collect();
        timed("flows with a typo each", wrong);
        let consts: String = (1..n).map(|i| format!("const C{i} = C{} + C{}\n", i - 1, i - 1)).collect();
        timed("chain of constants", format!("const C0 = 1\n{consts}"));
        let types: String = (1..n).map(|i| format!("type T{i} = {{ a: T{}, b: [T{i}] }}\n", i - 1)).collect();
        timed(
            "chain of types",
            format!("type T0 = int\n{types}transformer run(x: T{}) -> T{} {{ return x }}\n", n - 1, n - 2),
        );
        let steps: String = (0..n).map(|i| format!("  x{i} = crm.get(id: \"{i}\")\n  require x{i}.n > 1\n")).collect();
        timed(
            "steps in a flow",
            format!(
                "tool crm.get(id: string) -> {{ n: int }} can crm.read\ncoordinator run() can crm.read {{\n{steps}}}\n"
            ),
        );
    }
    for n in [100, 1_000] {
        let cases = |i: usize| format!("\"case{i}\"");
        let union = (0..n).map(cases).collect::<Vec<_>>().join(" | ");
        let arms: String = (0..n).map(|i| format!("    \"case{i}\" => \"text{i}\"\n")).collect();
        timed(
            "arms of a match",
            format!("transformer run(x: {union}) -> string {{\n  return match x {{\n{arms}  }}\n}}\n"),
        );
        let arms: String = (0..n).map(|i| format!("    {i} => {i}\n")).collect();
        timed(
            "arms on a range",
            format!("transformer run(x: int in 0..{}) -> int {{\n  return match x {{\n{arms}  }}\n}}\n", n - 1),
        );
    }
    for n in [1_000, 10_000] {
        let list = (0..n).map(|i| format!("{i}")).collect::<Vec<_>>().join(",\n");
        timed("numbers in a list", format!("const XS = [{list}]\n"));
        let list = (0..n).map(|i| format!("\"{i}\"")).collect::<Vec<_>>().join(",\n");
        timed("texts in a list", format!("const XS = [{list}]\ntransformer run() -> [string] {{ return XS }}\n"));
        let list = (0..n).map(|i| format!("{{ id: {i}, name: \"n{i}\" }}")).collect::<Vec<_>>().join(",\n");
        timed(
            "records in a list",
            format!("const XS = [{list}]\ntransformer run() -> [{{ id: int, name: string }}] {{ return XS }}\n"),
        );
        let fields = (0..n).map(|i| format!("f{i}: {i}")).collect::<Vec<_>>().join(",\n");
        timed("fields of a record", format!("const X = {{ {fields} }}\n"));
    }
}
