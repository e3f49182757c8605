//! Trust: small programs that are accepted or refused, and what is said about them.

#![allow(clippy::disallowed_methods, clippy::print_stderr, reason = "tests read files and print figures")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use weir_compiler::project::{ProjectSource, SourceFile};

/// Tools that the programs below share.
const TOOLS: &str = r#"
type Page = { body: untrusted string, title: untrusted string, size: int }
type Mail = { sender: untrusted string, subject: untrusted string, id: string }
tool web.fetch(url: string) -> Page can web.read
tool web.search(text: string) -> { hits: untrusted [{ url: string, owner: string }], total: int } can web.read
tool box.mails() -> { mails: [Mail] } can box.read
tool staff.find(name: string) -> { known: bool, email: string, boss: string? } can staff.read
tool staff.names() -> { names: [string] } can staff.read
tool desk.assign(owner: trusted string, note?: string) -> { id: string } can desk.write idempotent
tool desk.pay(order: { account: trusted string, text: string }) can desk.write idempotent
tool desk.run(args: trusted [string]) can desk.exec
tool desk.note(text: string) can desk.write
const TEAM = ["ann", "bob"]
"#;

fn project(text: &str, config: &str) -> ProjectSource {
    let file = SourceFile { path: "main.flow".into(), module: "".into(), text: text.to_string() };
    let config = (!config.is_empty()).then(|| ("weir.toml".into(), config.to_string()));
    ProjectSource { files: vec![file], config }
}

/// Every diagnostic as `rule: underlined text`, in order. Rules that are not about trust count too.
fn said(text: &str, config: &str) -> Vec<String> {
    let text = format!("{TOOLS}\n{text}");
    let checked = weir_compiler::check(project(&text, config));
    let line = |diagnostic: &weir_lang::diagnostic::Diagnostic| {
        let span = diagnostic.loc().span;
        let under = text.get(span.start as usize..span.end as usize).unwrap_or("");
        format!("{}: {under}", diagnostic.rule.name())
    };
    checked.diagnostics.iter().map(line).collect()
}

/// A coordinator with that body.
fn flow(body: &str) -> String {
    format!(
        "coordinator main(url: string, known: [string], who: string) -> json? can web.read, box.read, staff.read, desk.write, desk.exec {{\n{body}\n}}\n"
    )
}

/// Rules that say nothing about trust and that short programs break.
const IGNORED: [&str; 6] = [
    "unused-capability",
    "unused-binding",
    "write-without-undo",
    "undo-never-runs",
    "empty-validator",
    "missing-return",
];

#[track_caller]
fn accepts(text: &str) {
    let said: Vec<String> =
        said(text, "").into_iter().filter(|line| !IGNORED.iter().any(|rule| line.starts_with(rule))).collect();
    assert!(said.is_empty(), "{text}\nis refused: {said:#?}");
}

#[track_caller]
fn refuses(text: &str, under: &[&str]) {
    let said: Vec<String> =
        said(text, "").into_iter().filter(|line| !IGNORED.iter().any(|rule| line.starts_with(rule))).collect();
    let wanted: Vec<String> = under.iter().map(|under| format!("untrusted-to-trusted: {under}")).collect();
    assert_eq!(said, wanted, "{text}");
}

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn flow_files(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            flow_files(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "flow") {
            out.push(path);
        }
    }
}

#[test]
fn the_examples_are_clean() {
    let mut told = String::new();
    for entry in std::fs::read_dir(workspace("examples")).unwrap() {
        let root = entry.unwrap().path();
        if !root.join("weir.toml").exists() {
            continue;
        }
        let mut paths = Vec::new();
        flow_files(&root.join("flows"), &mut paths);
        let files = paths.iter().map(|path| {
            let module = path.strip_prefix(root.join("flows")).unwrap().with_extension("");
            let module = module.to_string_lossy().replace('/', ".");
            SourceFile {
                path: path.to_string_lossy().as_ref().into(),
                module: module.into(),
                text: std::fs::read_to_string(path).unwrap(),
            }
        });
        let config = Some(("weir.toml".into(), std::fs::read_to_string(root.join("weir.toml")).unwrap()));
        let checked = weir_compiler::check(ProjectSource { files: files.collect(), config });
        for diagnostic in &checked.diagnostics {
            writeln!(told, "{}: {} {diagnostic:#?}", root.display(), diagnostic.rule.name()).unwrap();
        }
    }
    assert!(told.is_empty(), "{told}");
}

#[test]
fn the_rule_pages_hold() {
    for rule in weir_lang::rules::Rule::ALL {
        for (part, wrong) in [("## Wrong", true), ("## Right", false)] {
            let Some((_, rest)) = rule.page().split_once(part) else { continue };
            let rest = rest.split("\n## ").next().unwrap_or_default();
            let Some(source) = rest.split("```flow\n").nth(1).and_then(|rest| rest.split("```").next()) else {
                continue;
            };
            let checked = weir_compiler::check(project(source, ""));
            for diagnostic in &checked.diagnostics {
                let trust = matches!(diagnostic.rule.name(), "untrusted-to-trusted" | "endorses-by-form");
                assert!(!trust || (wrong && diagnostic.rule == *rule), "{} {part}: {diagnostic:#?}", rule.name());
            }
            if matches!(rule.name(), "untrusted-to-trusted" | "endorses-by-form") && wrong {
                assert_eq!(checked.diagnostics.len(), 1, "{}: {:#?}", rule.name(), checked.diagnostics);
            }
        }
    }
}

mod direct {
    use super::*;

    #[test]
    fn a_marked_field_reaches_a_trusted_parameter() {
        refuses(&flow("page = web.fetch(url: url)\n desk.assign(owner: page.body)"), &["page.body"]);
    }

    #[test]
    fn what_is_not_marked_is_trusted() {
        accepts(&flow("page = web.fetch(url: url)\n desk.assign(owner: \"{page.size}\")"));
    }

    #[test]
    fn a_parameter_that_is_not_marked_takes_anything() {
        accepts(&flow(
            "page = web.fetch(url: url)\n desk.assign(owner: \"ann\", note: page.body)\n desk.note(text: page.body)",
        ));
    }
}

mod values {
    use super::*;

    #[track_caller]
    fn bad(body: &str, under: &str) {
        refuses(&flow(&format!("page = web.fetch(url: url)\n{body}")), &[under]);
    }

    #[track_caller]
    fn good(body: &str) {
        accepts(&flow(&format!("page = web.fetch(url: url)\n{body}")));
    }

    #[test]
    fn interpolation() {
        bad("desk.assign(owner: \"x-{page.body}\")", "\"x-{page.body}\"");
        good("desk.assign(owner: \"x-{url}\")");
    }

    #[test]
    fn names_in_between() {
        bad("a = page.body\n b = a\n desk.assign(owner: b)", "b");
    }

    #[test]
    fn pure_functions() {
        bad("desk.assign(owner: lower(trim(page.body)))", "lower(trim(page.body))");
        bad("a = page.body |> trim |> lower\n desk.assign(owner: a)", "a");
        bad("a = replace(\"x-y\", \"y\", page.body)\n desk.assign(owner: a)", "a");
    }

    #[test]
    fn a_pipe_into_a_tool() {
        refuses(&flow("page = web.fetch(url: url)\n page.body |> desk.assign"), &["page.body"]);
    }

    #[test]
    fn records_by_field() {
        bad("r = { to: page.body, of: who }\n desk.assign(owner: r.to)", "r.to");
        good("r = { to: page.body, of: who }\n desk.assign(owner: r.of, note: r.to)");
        good("r = { a: { to: page.body, of: who } }\n desk.assign(owner: r.a.of)");
        bad("r = { a: { to: page.body, of: who } }\n desk.assign(owner: r.a.to)", "r.a.to");
    }

    #[test]
    fn spreads() {
        good("r = { ...page, body: who }\n desk.assign(owner: r.body)");
        bad("r = { ...page, size: 1 }\n desk.assign(owner: r.title)", "r.title");
        good("r = { ...page, extra: who }\n desk.assign(owner: r.extra)");
        bad("a = { to: who }\n r = { ...a, ...{ to: page.body } }\n desk.assign(owner: r.to)", "r.to");
    }

    #[test]
    fn parts_of_a_parameter() {
        bad("desk.pay(order: { account: page.body, text: who })", "{ account: page.body, text: who }");
        good("desk.pay(order: { account: who, text: page.body })");
        good("o = { account: who, text: page.body }\n desk.pay(order: o)");
    }

    #[test]
    fn lists() {
        bad("desk.run(args: [\"-x\", page.body])", "[\"-x\", page.body]");
        bad("xs = [who, page.body]\n desk.assign(owner: xs[0] ?? who)", "xs[0] ?? who");
        bad("xs = [who] + [page.body]\n desk.run(args: xs)", "xs");
        good("xs = [who, url]\n desk.run(args: [...xs, \"-v\"])");
    }

    #[test]
    fn a_value_that_an_index_chooses() {
        bad("n = parse_int(page.body) ?? 0\n desk.assign(owner: known[n] ?? who)", "known[n] ?? who");
        good("desk.assign(owner: known[0] ?? who, note: page.body)");
        bad("m = { a: who, b: url }\n desk.assign(owner: get(m, page.body) ?? who)", "get(m, page.body) ?? who");
        good("m = { a: who, b: page.body }\n desk.assign(owner: get(m, \"a\") ?? who)");
    }

    #[test]
    fn a_value_that_a_condition_chooses() {
        bad(
            "desk.assign(owner: if page.body == \"x\" then \"ann\" else \"bob\")",
            "if page.body == \"x\" then \"ann\" else \"bob\"",
        );
        good("desk.assign(owner: if page.size > 3 then \"ann\" else \"bob\")");
        bad("owner = match page.body { \"x\" => \"ann\" else => \"bob\" }\n desk.assign(owner: owner)", "owner");
        good("owner = match page.size { 1 => \"ann\" else => \"bob\" }\n desk.assign(owner: owner)");
        bad(
            "owner = match page.size { 1 when page.body == \"\" => \"ann\" else => \"bob\" }\n desk.assign(owner: owner)",
            "owner",
        );
        bad("owner = if page.body == \"x\" { \"ann\" } else { \"bob\" }\n desk.assign(owner: owner)", "owner");
        bad("found = staff.find(name: who)\n desk.assign(owner: found.boss ?? page.body)", "found.boss ?? page.body");
    }

    #[test]
    fn a_step_that_a_condition_chooses_is_fine() {
        good("if page.body == \"x\" { desk.assign(owner: \"ann\") } else { desk.assign(owner: \"bob\") }");
        good("match page.body { \"x\" => desk.assign(owner: \"ann\") else => desk.assign(owner: \"bob\") }");
    }

    #[test]
    fn filters() {
        bad(
            "xs = [t for t in TEAM if contains(page.body, t)]\n desk.assign(owner: first(xs) ?? who)",
            "first(xs) ?? who",
        );
        bad("xs = [t for t in TEAM if contains(page.body, t)]\n for t in xs { desk.assign(owner: t) }", "t");
        good("xs = [t for t in TEAM if t != who]\n for t in xs { desk.assign(owner: t, note: page.body) }");
        bad("xs = take(TEAM, len(page.body))\n for t in xs { desk.assign(owner: t) }", "t");
        bad("xs = difference(TEAM, [page.body])\n for t in xs { desk.assign(owner: t) }", "t");
    }

    #[test]
    fn order_matters_where_a_place_chooses() {
        bad(
            "ms = box.mails().mails\n s = sort(ms, by: m => m.subject)\n desk.assign(owner: first(s)?.id ?? who)",
            "first(s)?.id ?? who",
        );
        good(
            "ms = box.mails().mails\n s = sort(ms, by: m => m.subject)\n for m in s { desk.assign(owner: m.id, note: page.body) }",
        );
        good("ms = box.mails().mails\n desk.assign(owner: first(ms)?.id ?? who, note: page.body)");
        bad(
            "ms = box.mails().mails\n m = min(ms, by: m => m.subject)\n desk.assign(owner: m?.id ?? who)",
            "m?.id ?? who",
        );
    }

    #[test]
    fn what_only_counts() {
        good("ms = box.mails().mails\n desk.assign(owner: \"{len(ms)}-{count(ms)}\", note: page.body)");
        bad("desk.assign(owner: \"{len(page.body)}\")", "\"{len(page.body)}\"");
        bad(
            "ms = box.mails().mails\n desk.assign(owner: \"{count(ms, m => m.subject == \"x\")}\")",
            "\"{count(ms, m => m.subject == \"x\")}\"",
        );
        bad(
            "hits = web.search(text: who).hits\n desk.assign(owner: \"{len(hits)}\", note: page.body)",
            "\"{len(hits)}\"",
        );
    }

    #[test]
    fn elements_keep_their_fields() {
        bad("ms = box.mails().mails\n desk.assign(owner: last(ms)?.sender ?? who)", "last(ms)?.sender ?? who");
        good("ms = box.mails().mails\n ids = [m.id for m in ms]\n desk.run(args: ids)");
        bad("ms = box.mails().mails\n xs = [m.sender for m in ms]\n desk.run(args: xs)", "xs");
        good("ms = box.mails().mails\n for p in zip(ms, TEAM) { desk.assign(owner: p.right, note: p.left.sender) }");
        bad("ms = box.mails().mails\n for p in zip(TEAM, ms) { desk.assign(owner: p.right.sender) }", "p.right.sender");
    }

    #[test]
    fn groups_and_maps() {
        bad("g = group(box.mails().mails, by: m => m.sender)\n for k in keys(g) { desk.assign(owner: k) }", "k");
        good("g = group(box.mails().mails, by: m => m.id)\n for e in entries(g) { desk.assign(owner: e.key) }");
        bad(
            "g = group(box.mails().mails, by: m => m.id)\n for e in entries(g) { for m in e.value { desk.assign(owner: m.sender) } }",
            "m.sender",
        );
        bad(
            "m = index_by(box.mails().mails, by: m => m.sender)\n desk.assign(owner: get(m, \"x\")?.id ?? who)",
            "get(m, \"x\")?.id ?? who",
        );
        bad(
            "ps = join_by(TEAM, box.mails().mails, t => t, m => m.sender)\n for p in ps { desk.assign(owner: p.left) }",
            "p.left",
        );
    }

    #[test]
    fn folds_and_lambdas() {
        bad("x = fold(box.mails().mails, \"\", (a, m) => \"{a}{m.sender}\")\n desk.assign(owner: x)", "x");
        good("x = fold(box.mails().mails, \"\", (a, m) => \"{a}{m.id}\")\n desk.assign(owner: x, note: page.body)");
        bad("x = fold(TEAM, \"\", (a, t) => if t == page.body then t else a)\n desk.assign(owner: x)", "x");
    }

    #[test]
    fn casts() {
        bad("x = parse_json(page.body) as { to: string }\n desk.assign(owner: x.to)", "x.to");
        bad("x = parse_json(page.body) as? { to: string }\n desk.assign(owner: x?.to ?? who)", "x?.to ?? who");
        bad("x = parse_json(who) as { to: untrusted string }\n desk.assign(owner: x.to)", "x.to");
        good("x = parse_json(who) as { to: string }\n desk.assign(owner: x.to, note: page.body)");
    }

    #[test]
    fn whether_something_is_there() {
        good(
            "m = first(box.mails().mails)\n desk.assign(owner: if m == null then \"ann\" else \"bob\", note: page.body)",
        );
        bad(
            "m = first(web.search(text: who).hits)\n desk.assign(owner: if m == null then \"ann\" else \"bob\")",
            "if m == null then \"ann\" else \"bob\"",
        );
    }

    #[test]
    fn numbers_too() {
        bad("n = page.size + (parse_int(page.body) ?? 0)\n desk.assign(owner: \"{n}\")", "\"{n}\"");
        bad("n = -(parse_int(page.body) ?? 0)\n desk.assign(owner: \"{n}\")", "\"{n}\"");
    }
}

mod places {
    use super::*;

    #[test]
    fn loops_and_branches() {
        refuses(&flow("for m in box.mails().mails { desk.assign(owner: m.sender) }"), &["m.sender"]);
        refuses(&flow("for m in box.mails().mails parallel 4 { desk.assign(owner: m.sender) }"), &["m.sender"]);
        refuses(
            &flow("page = web.fetch(url: url)\n if page.size > 1 { desk.assign(owner: page.body) }"),
            &["page.body"],
        );
        refuses(
            &flow(
                "page = web.fetch(url: url)\n match page.size { 1 => desk.assign(owner: page.body) else => desk.note(text: who) }",
            ),
            &["page.body"],
        );
        accepts(&flow("for m, i in box.mails().mails { desk.assign(owner: \"{i}\", note: m.sender) }"));
        refuses(&flow("for h, i in web.search(text: who).hits { desk.assign(owner: \"{i}\") }"), &["\"{i}\""]);
    }

    #[test]
    fn what_a_loop_yields() {
        refuses(&flow("xs = for m in box.mails().mails { yield m.sender }\n desk.run(args: xs)"), &["xs"]);
        accepts(&flow("xs = for m in box.mails().mails { yield m.id }\n desk.run(args: xs)"));
        refuses(
            &flow(
                "xs = for m in box.mails().mails { if m.sender == who { yield m.id } }\n for x in xs { desk.assign(owner: x) }",
            ),
            &["x"],
        );
    }

    #[test]
    fn the_state_of_a_repeat() {
        refuses(
            &flow(
                "xs = repeat at = who at most 9 { page = web.fetch(url: at)\n desk.assign(owner: at)\n yield at\n next page.body }",
            ),
            &["at"],
        );
        accepts(&flow(
            "repeat at = 1 at most 9 { page = web.fetch(url: url)\n desk.assign(owner: \"{at}\", note: page.body)\n next at + 1 }",
        ));
        refuses(
            &flow(
                "repeat s = { a: who, b: who, c: who } at most 9 { page = web.fetch(url: url)\n desk.assign(owner: s.a)\n next { a: s.b, b: s.c, c: page.body } }",
            ),
            &["s.a"],
        );
    }

    #[test]
    fn undo_counts() {
        refuses(
            &flow(
                "page = web.fetch(url: url)\n a = desk.assign(owner: who) undo desk.assign(owner: page.title)\n desk.note(text: a.id)",
            ),
            &["page.title"],
        );
        accepts(&flow("a = desk.assign(owner: who) undo desk.assign(owner: a.id)\n desk.note(text: a.id)"));
    }

    #[test]
    fn messages_of_errors() {
        let body = "x = staff.find(name: who) catch { else as e => ({ known: false, email: E, boss: null }) }\n desk.assign(owner: x.email)";
        refuses(&flow(&body.replace('E', "e.message")), &["x.email"]);
        accepts(&flow(&body.replace('E', "e.code")));
        let body = "desk.note(text: who) catch { else as e => { desk.assign(owner: e.message) } }";
        refuses(&flow(body), &["e.message"]);
    }

    #[test]
    fn fallbacks() {
        refuses(
            &flow(
                "page = web.fetch(url: url)\n n = staff.find(name: who).email fallback page.body\n desk.assign(owner: n)",
            ),
            &["n"],
        );
        accepts(&flow("n = staff.find(name: who).email fallback \"ann\"\n desk.assign(owner: n)"));
        refuses(&flow("n = web.fetch(url: url).body optional\n desk.assign(owner: n ?? who)"), &["n ?? who"]);
    }

    #[test]
    fn answers_and_events() {
        accepts(&flow("a = ask \"who?\" as { name: string } from \"desk\"\n desk.assign(owner: a.name)"));
        accepts(&flow(
            "page = web.fetch(url: url)\n a = ask \"{page.body}?\" as { name: string } from \"desk\"\n desk.assign(owner: a.name)",
        ));
        refuses(&flow("a = receive \"named\" as { name: string } key who\n desk.assign(owner: a.name)"), &["a.name"]);
    }

    #[test]
    fn store_by_its_declaration() {
        let text = |body: &str| {
            format!("coordinator main(who: string) can store.read, store.write, desk.write {{\n{body}\n}}")
        };
        refuses(
            &text("x = store.get(collection: \"a\", id: who).value as { to: string }\n desk.assign(owner: x.to)"),
            &["x.to"],
        );
        refuses(&text("x = store.put(collection: \"a\", id: who, value: 1)\n desk.assign(owner: x.id)"), &["x.id"]);
        accepts(&text("x = store.count(collection: \"a\")\n desk.assign(owner: \"{x.count}\")"));
    }

    #[test]
    fn files_that_were_listed() {
        let text = |body: &str| format!("coordinator main(who: string) can files.read, files.write {{\n{body}\n}}");
        accepts(&text(
            "for f in files.list(folder: \"in\").files { t = files.read(path: f.path)\n files.write(path: \"out/{f.name}\", text: t.text) }",
        ));
        refuses(&text("t = files.read(path: who)\n files.read(path: trim(t.text))"), &["trim(t.text)"]);
    }

    #[test]
    fn agents() {
        let agent = "agent helper(goal: string) -> { to: string } can web.read model \"m\" tools web.fetch budget 3 calls { prompt \"{goal}\" }\n";
        refuses(&format!("{agent}{}", flow("a = helper(who)\n desk.assign(owner: a.to)")), &["a.to"]);
        let offers = agent
            .replace("tools web.fetch", "tools web.fetch, desk.assign")
            .replace("can web.read", "can web.read, desk.write");
        refuses(&offers, &["desk.assign"]);
        let through = "coordinator set(who: string) can desk.write { require who in TEAM\n desk.assign(owner: who) }\n";
        let safe = agent
            .replace("tools web.fetch", "tools web.fetch, set")
            .replace("can web.read", "can web.read, desk.write");
        accepts(&format!("{through}{safe}"));
        refuses(&format!("{}{safe}", through.replace("require who in TEAM", "")), &["set"]);
    }

    #[test]
    fn campaigns() {
        let set = "coordinator set(who: string) can desk.write { desk.assign(owner: who) }\n";
        let run = |part: &str, arg: &str| format!("{set}campaign c {{ {part}\n run set(who: {arg}) }}");
        refuses(&run("on event \"x\" as { to: string }", "event.to"), &["event.to"]);
        refuses(&run("on webhook \"/x\" as { to: string }", "event.to"), &["event.to"]);
        accepts(&run("every 15m", "\"ann\""));
        accepts(&format!(
            "{}",
            run("on event \"x\" as { to: string }", "event.to")
                .replace("desk.assign(owner: who)", "require who in TEAM\n desk.assign(owner: who)")
        ));
    }

    #[test]
    fn hooks_and_escalation() {
        let flow = |what: &str| {
            format!(
                "coordinator page_ops(error: Error) can desk.write {{ desk.assign(owner: error.{what}) }}\npolicy p {{ else => escalate page_ops }}\n"
            )
        };
        refuses(&flow("message"), &["page_ops"]);
        accepts(&flow("code"));
        let hook = |what: &str| {
            format!(
                "coordinator told(e: Envelope) can desk.write {{ desk.assign(owner: e.metadata.{what}) }}\ncoordinator main() can desk.write after told {{ desk.note(text: \"x\") }}\n"
            )
        };
        refuses(&hook("reason ?? \"ann\""), &["told"]);
        accepts(&hook("run_id"));
    }

    #[test]
    fn constants_are_trusted() {
        accepts(&flow("desk.run(args: TEAM)"));
    }

    #[test]
    fn marks_on_parameters_and_results() {
        refuses("coordinator f(x: untrusted string) can desk.write { desk.assign(owner: x) }", &["x"]);
        refuses(
            "transformer t(x: string) -> untrusted string { return x }\ncoordinator f(x: string) can desk.write { desk.assign(owner: t(x)) }",
            &["t(x)"],
        );
    }
}

mod flows {
    use super::*;

    const SET: &str =
        "coordinator set(who: string, note: string) can desk.write { desk.assign(owner: who, note: note) }\n";

    #[test]
    fn through_one_flow() {
        refuses(&format!("{SET}{}", flow("page = web.fetch(url: url)\n set(page.body, \"x\")")), &["page.body"]);
        accepts(&format!("{SET}{}", flow("page = web.fetch(url: url)\n set(who, page.body)")));
        refuses(&format!("{SET}{}", flow("page = web.fetch(url: url)\n start set(page.body, \"x\")")), &["page.body"]);
        refuses(&format!("{SET}{}", flow("page = web.fetch(url: url)\n page.body |> set(\"x\")")), &["page.body"]);
    }

    #[test]
    fn through_three_flows() {
        let chain = format!(
            "{SET}coordinator b(x: {{ to: string, of: string }}) can desk.write {{ set(x.to, x.of) }}\ncoordinator a(y: string, z: string) can desk.write {{ b({{ to: y, of: z }}) }}\n"
        );
        refuses(&format!("{chain}{}", flow("page = web.fetch(url: url)\n a(page.body, who)")), &["page.body"]);
        accepts(&format!("{chain}{}", flow("page = web.fetch(url: url)\n a(who, page.body)")));
    }

    #[test]
    fn one_mistake_is_told_once() {
        refuses(
            &flow(
                "page = web.fetch(url: url)\n desk.assign(owner: page.body)\n desk.assign(owner: page.body)\n desk.run(args: [page.body])",
            ),
            &["page.body"],
        );
        let twice = "coordinator two(who: string) can desk.write, desk.exec { desk.assign(owner: who)\n desk.run(args: [who]) }\n";
        refuses(&format!("{twice}{}", flow("page = web.fetch(url: url)\n two(page.body)")), &["page.body"]);
    }

    #[test]
    fn a_trusted_parameter_of_a_flow_is_a_promise() {
        let set = "coordinator set(who: trusted string) can desk.write { desk.assign(owner: who) }\n";
        refuses(&format!("{set}{}", flow("page = web.fetch(url: url)\n set(page.body)")), &["page.body"]);
        accepts(&format!("{set}{}", flow("set(who)")));
        let log = "coordinator log(who: trusted string) can desk.write { desk.note(text: who) }\n";
        refuses(&format!("{log}{}", flow("page = web.fetch(url: url)\n log(page.body)")), &["page.body"]);
    }

    #[test]
    fn what_a_flow_gives_back() {
        let pick =
            "transformer pick(a: string, b: string) -> { x: string, y: string } { return { x: lower(a), y: b } }\n";
        refuses(
            &format!(
                "{pick}{}",
                flow("page = web.fetch(url: url)\n r = pick(page.body, who)\n desk.assign(owner: r.x)")
            ),
            &["r.x"],
        );
        accepts(&format!(
            "{pick}{}",
            flow("page = web.fetch(url: url)\n r = pick(page.body, who)\n desk.assign(owner: r.y)")
        ));
        let read =
            "coordinator read(url: string) -> string can web.read { page = web.fetch(url: url)\n return page.body }\n";
        refuses(&format!("{read}{}", flow("x = read(url)\n desk.assign(owner: x)")), &["x"]);
        let size = read.replace("page.body", "\"{page.size}\"");
        accepts(&format!("{size}{}", flow("x = read(url)\n desk.assign(owner: x)")));
    }

    #[test]
    fn the_same_flow_for_trusted_and_untrusted() {
        let tidy = "transformer tidy(x: string) -> string { return lower(trim(x)) }\n";
        refuses(
            &format!(
                "{tidy}{}",
                flow(
                    "page = web.fetch(url: url)\n desk.assign(owner: tidy(who), note: tidy(page.body))\n desk.assign(owner: tidy(page.body))"
                )
            ),
            &["tidy(page.body)"],
        );
    }

    #[test]
    fn a_value_that_a_branch_returns() {
        let choose = "transformer choose(x: string) -> string { if x == \"a\" { return \"ann\" }\n return \"bob\" }\n";
        refuses(
            &format!("{choose}{}", flow("page = web.fetch(url: url)\n desk.assign(owner: choose(page.body))")),
            &["choose(page.body)"],
        );
        accepts(&format!("{choose}{}", flow("desk.assign(owner: choose(who))")));
    }

    #[test]
    fn routers_choose() {
        let router = "coordinator a(x: string) -> string { return \"ann\" }\ncoordinator b(x: string) -> string { return \"bob\" }\nrouter r(x: string) -> string { match x { \"a\" => a(x) else => b(x) } }\n";
        let text = router
            .replace("coordinator a(x: string)", "coordinator a(_x: string)")
            .replace("coordinator b(x: string)", "coordinator b(_x: string)");
        refuses(
            &format!("{text}{}", flow("page = web.fetch(url: url)\n desk.assign(owner: r(page.body))")),
            &["r(page.body)"],
        );
    }

    #[test]
    fn transformers_over_records() {
        let tidy = "transformer tidy(ms: [Mail]) -> [{ to: string, key: string }] { for m in ms { yield { to: lower(m.sender), key: m.id } } }\n";
        refuses(&format!("{tidy}{}", flow("for r in tidy(box.mails().mails) { desk.assign(owner: r.to) }")), &["r.to"]);
        accepts(&format!("{tidy}{}", flow("for r in tidy(box.mails().mails) { desk.assign(owner: r.key) }")));
        let some = "transformer some(ms: [Mail]) -> [{ key: string }] { for m in ms { require m.subject != \"\" else drop \"x\"\n yield { key: m.id } } }\n";
        refuses(
            &format!("{some}{}", flow("for r in some(box.mails().mails) { desk.assign(owner: r.key) }")),
            &["r.key"],
        );
        let team = "transformer team(ms: [Mail]) -> [{ to: string }] { for m in ms { require m.sender in TEAM else drop \"x\"\n yield { to: m.sender } } }\n";
        accepts(&format!("{team}{}", flow("for r in team(box.mails().mails) { desk.assign(owner: r.to) }")));
    }

    #[test]
    fn enrichers_keep_what_they_are_given() {
        let with = "enricher with_boss(xs: [{ name: string }]) -> [{ name: string, boss: string? }] can staff.read { for x in xs { found = staff.find(name: x.name)\n yield { ...x, boss: found.boss } } }\n";
        refuses(
            &format!(
                "{with}{}",
                flow(
                    "page = web.fetch(url: url)\n rows = [{ name: who, more: page.body }]\n xs = with_boss(rows)\n for x in xs { desk.assign(owner: x.more) }"
                )
            ),
            &["x.more"],
        );
        accepts(&format!(
            "{with}{}",
            flow(
                "page = web.fetch(url: url)\n rows = [{ name: who, more: page.body }]\n xs = with_boss(rows)\n for x in xs { desk.assign(owner: x.boss ?? x.name) }"
            )
        ));
    }

    #[test]
    fn aggregators() {
        let merge = "aggregator all() -> [Mail] can box.read { from box.mails().mails as a\n from box.mails().mails as b\n merge by m => m.id prefer a }\n";
        refuses(&format!("{merge}{}", flow("for m in all() { desk.assign(owner: m.sender) }")), &["m.sender"]);
        accepts(&format!("{merge}{}", flow("for m in all() { desk.assign(owner: m.id) }")));
    }

    #[test]
    fn deliveries() {
        let text = "delivery tell(to: string, body: string) can mail.send { key \"k-{to}\"\n mail.send(to: to, subject: \"x\", body: body) }\ncoordinator main(who: string) can web.read, mail.send { page = web.fetch(url: who)\n tell(TO, page.body) }";
        refuses(&text.replace("TO", "page.title"), &["page.title"]);
        accepts(&text.replace("TO", "who"));
    }

    #[test]
    fn narrowing_takes_fields_off() {
        let set = "coordinator set(x: { to: string }) can desk.write { desk.pay(order: { account: to_json(x), text: \"\" }) }\n";
        accepts(&format!("{set}{}", flow("page = web.fetch(url: url)\n r = { to: who, body: page.body }\n set(r)")));
    }

    #[test]
    fn checked_in_the_flow_that_uses_it() {
        let set = "coordinator set(who: string) can desk.write { require who in TEAM\n desk.assign(owner: who) }\n";
        accepts(&format!("{set}{}", flow("page = web.fetch(url: url)\n set(page.body)")));
        let of = "coordinator set(who: string, of: [string]) can desk.write { require who in of\n desk.assign(owner: who) }\n";
        accepts(&format!("{of}{}", flow("page = web.fetch(url: url)\n set(page.body, TEAM)")));
        refuses(
            &format!(
                "{of}{}",
                flow("page = web.fetch(url: url)\n set(who, [page.body])\n set(page.title, [page.body])")
            ),
            &["[page.body]", "[page.body]"],
        );
    }
}

mod endorsement {
    use super::*;

    #[track_caller]
    fn bad(extra: &str, body: &str, under: &str) {
        refuses(&format!("{extra}\n{}", flow(&format!("page = web.fetch(url: url)\n{body}"))), &[under]);
    }

    #[track_caller]
    fn good(extra: &str, body: &str) {
        accepts(&format!("{extra}\n{}", flow(&format!("page = web.fetch(url: url)\n{body}"))));
    }

    #[test]
    fn by_membership_and_equality() {
        good("", "o = page.body\n require o in TEAM\n desk.assign(owner: o)");
        good("", "require page.body in known\n desk.assign(owner: page.body)");
        good("", "require page.body == who\n desk.assign(owner: page.body)");
        good("", "require who == page.body\n desk.assign(owner: page.body)");
        good("", "require page.size > 3 and page.body in TEAM\n desk.assign(owner: page.body)");
        good("", "require page.body in staff.names().names\n desk.assign(owner: page.body)");
        good("", "require page.body in { ann: 1, bob: 2 }\n desk.assign(owner: page.body)");
    }

    #[test]
    fn not_by_anything_else() {
        bad("", "require page.body in [page.title]\n desk.assign(owner: page.body)", "page.body");
        bad("", "require page.body == page.title\n desk.assign(owner: page.body)", "page.body");
        bad("", "require page.body != \"bob\"\n desk.assign(owner: page.body)", "page.body");
        bad("", "require page.body not in [\"bob\"]\n desk.assign(owner: page.body)", "page.body");
        bad("", "require page.body in TEAM or page.size > 3\n desk.assign(owner: page.body)", "page.body");
        bad("", "require page.body matches /[a-z]+/\n desk.assign(owner: page.body)", "page.body");
        bad("", "require page.body in \"ann bob\"\n desk.assign(owner: page.body)", "page.body");
        bad("", "require lower(page.body) in TEAM\n desk.assign(owner: page.body)", "page.body");
        bad("", "if page.body in TEAM { desk.assign(owner: page.body) }", "page.body");
        bad("", "for o in [page.body] { if o == \"ann\" { desk.assign(owner: o) } }", "o");
    }

    #[test]
    fn only_that_name_and_only_from_there_on() {
        bad("", "o = page.body\n require o in TEAM\n desk.assign(owner: page.body)", "page.body");
        bad("", "desk.assign(owner: page.body)\n require page.body in TEAM", "page.body");
        bad("", "require page.title in TEAM\n desk.assign(owner: page.body)", "page.body");
        good("", "require page.title in TEAM\n p = page\n desk.assign(owner: p.title)");
        bad("", "require page.title in TEAM\n p = page\n desk.assign(owner: p.body)", "p.body");
    }

    #[test]
    fn only_where_it_happened() {
        bad("", "if page.size > 1 { require page.body in TEAM }\n desk.assign(owner: page.body)", "page.body");
        good(
            "",
            "if page.size > 1 { require page.body in TEAM } else { require page.body == who }\n desk.assign(owner: page.body)",
        );
        good("", "if page.size > 1 { require page.body in TEAM } else { return null }\n desk.assign(owner: page.body)");
        bad(
            "",
            "for t in known { require page.body in TEAM\n desk.note(text: t) }\n desk.assign(owner: page.body)",
            "page.body",
        );
        good("", "for t in known { require page.body in TEAM\n desk.assign(owner: page.body, note: t) }");
        good(
            "",
            "match page.size { 1 => { require page.body in TEAM } else => { require page.body in known } }\n desk.assign(owner: page.body)",
        );
        bad(
            "",
            "match page.size { 1 => { require page.body in TEAM } else => { desk.note(text: who) } }\n desk.assign(owner: page.body)",
            "page.body",
        );
    }

    const WORKS: &str = "validator works(name: string) can staff.read { entry = staff.find(name: name)\n require entry.known else \"no\" }";

    #[test]
    fn by_a_validator_through_a_read() {
        good(WORKS, "o = page.body\n check works(o)\n desk.assign(owner: o)");
        good(WORKS, "check works(page.body)\n desk.assign(owner: page.body)");
        bad(WORKS, "check works(page.body)\n desk.assign(owner: page.title)", "page.title");
        bad(WORKS, "check works(trim(page.body))\n desk.assign(owner: page.body)", "page.body");
        good(WORKS, "o = page.body |> check works\n desk.assign(owner: o)");
        good(WORKS, "o = page.body\n o |> check works\n desk.assign(owner: o)");
        good(
            WORKS,
            "check works(page.body)\n o = page.title |> check works\n desk.assign(owner: o)\n desk.run(args: [page.body, page.title])",
        );
    }

    #[test]
    fn of_exactly_the_fields_that_conditions_depend_on() {
        let v = "validator v(p: { body: string, title: string }) can staff.read { entry = staff.find(name: p.body)\n require entry.known else \"{p.title}\" }";
        good(v, "check v(page)\n desk.assign(owner: page.body)");
        bad(v, "check v(page)\n desk.assign(owner: page.title)", "page.title");
        let let_in = "validator v(p: { body: string, title: string }) can staff.read { b = lower(p.title)\n entry = staff.find(name: b)\n require entry.known }";
        good(let_in, "check v(page)\n desk.assign(owner: page.title)");
        bad(let_in, "check v(page)\n desk.assign(owner: page.body)", "page.body");
        let whole = "validator v(p: { body: string }) { require to_json(p) in TEAM }";
        good(whole, "check v(page)\n desk.assign(owner: page.body)");
        bad(whole, "check v(page)\n desk.assign(owner: page.title)", "page.title");
        let cond = "validator v(p: { body: string, title: string }) { if p.title == \"x\" { require p.body in TEAM } }";
        bad(cond, "check v(page)\n desk.assign(owner: page.title)", "page.title");
    }

    #[test]
    fn further_arguments_must_be_trusted() {
        let v = "validator among(x: string, of: [string]) { require x in of }";
        good(v, "o = page.body\n check among(o, TEAM)\n desk.assign(owner: o)");
        good(v, "o = page.body\n check among(o, known)\n desk.assign(owner: o)");
        bad(v, "o = page.body\n check among(o, [page.title])\n desk.assign(owner: o)", "o");
        bad(
            v,
            "check among(who, [page.title])\n xs = [page.title]\n check among(page.body, xs)\n desk.run(args: xs)",
            "xs",
        );
        good(v, "check among(who, [page.title])\n desk.assign(owner: who)");
    }

    #[test]
    fn a_validator_without_a_condition_on_it_endorses_nothing() {
        let empty = "validator v(x: string) can staff.read { staff.find(name: x) }";
        bad(empty, "o = page.body\n check v(o)\n desk.assign(owner: o)", "o");
        let other = "validator v(x: string, n: int) { require n > 3 else \"{x}\" }";
        bad(other, "o = page.body\n check v(o, 5)\n desk.assign(owner: o)", "o");
        let second = "validator v(n: int, x: string) { require n > 3\n require x in TEAM }";
        bad(second, "o = page.body\n check v(5, o)\n desk.assign(owner: o)", "o");
    }

    #[test]
    fn a_check_that_may_have_failed_endorses_nothing() {
        bad(
            WORKS,
            "o = page.body\n x = o |> check works catch { blocked => \"ann\" }\n desk.assign(owner: x)\n desk.assign(owner: o)",
            "o",
        );
        bad(WORKS, "o = page.body\n x = o |> check works catch { blocked => o }\n desk.assign(owner: x)", "x");
        bad(WORKS, "o = page.body\n if page.size > 1 { check works(o) }\n desk.assign(owner: o)", "o");
    }

    const SENDER: &str =
        "validator of_us(m: Mail) can staff.read { entry = staff.find(name: m.sender)\n require entry.known }";

    #[test]
    fn element_by_element() {
        good(
            SENDER,
            "ms = box.mails().mails |> check of_us\n for m in ms { desk.assign(owner: m.sender, note: page.body) }",
        );
        bad(
            SENDER,
            "ms = box.mails().mails |> check of_us\n for m in ms { desk.assign(owner: m.subject, note: page.body) }",
            "m.subject",
        );
        good(SENDER, "for m in box.mails().mails { check of_us(m)\n desk.assign(owner: m.sender, note: page.body) }");
        let hit = "validator owned(h: { url: string, owner: string }) { require h.owner in TEAM }";
        good(
            hit,
            "hs = web.search(text: who).hits |> check owned\n for h in hs { desk.assign(owner: h.owner, note: page.body) }",
        );
        bad(
            hit,
            "hs = web.search(text: who).hits |> check owned\n for h in hs { desk.assign(owner: h.url, note: page.body) }",
            "h.url",
        );
        bad(
            hit,
            "hs = web.search(text: who).hits |> check owned\n desk.assign(owner: \"{len(hs)}\", note: page.body)",
            "\"{len(hs)}\"",
        );
        bad(
            SENDER,
            "raw = box.mails().mails\n ms = raw |> check of_us\n for m in ms { desk.note(text: m.id) }\n for m in raw { desk.assign(owner: m.sender, note: page.body) }",
            "m.sender",
        );
    }

    #[test]
    fn lists_as_a_whole() {
        let all = "validator all_ours(xs: [string]) { require all(xs, x => x in TEAM) }";
        good(all, "xs = [page.body, page.title]\n check all_ours(xs)\n desk.run(args: xs)");
        let each = "validator all_ours(xs: [string]) { for x in xs { require x in TEAM } }";
        good(each, "xs = [page.body, page.title]\n check all_ours(xs)\n for x in xs { desk.assign(owner: x) }");
        let size = "validator few(xs: [string]) { require len(xs) < 4 }";
        bad(size, "xs = [page.body, page.title]\n check few(xs)\n desk.run(args: xs)", "xs");
    }

    #[test]
    fn validators_that_use_validators() {
        let v = format!(
            "{WORKS}\nvalidator v(p: {{ body: string, title: string }}) can staff.read {{ check works(p.body) }}"
        );
        good(&v, "check v(page)\n desk.assign(owner: page.body)");
        bad(&v, "check v(page)\n desk.assign(owner: page.title)", "page.title");
        let t = "coordinator known_name(name: string) -> bool can staff.read { entry = staff.find(name: name)\n return entry.known }\nvalidator v(p: { body: string, title: string }) can staff.read { require known_name(p.body) }";
        good(t, "check v(page)\n desk.assign(owner: page.body)");
        bad(t, "check v(page)\n desk.assign(owner: page.title)", "page.title");
    }

    #[test]
    fn before_is_no_check() {
        let v = "validator v(x: string) { require x in TEAM }";
        let set = format!("{v}\ncoordinator set(x: string) can desk.write before v {{ desk.assign(owner: x) }}");
        bad(&set, "set(page.body)", "page.body");
        let reads = "tool notes.read(path: trusted string) -> { ok: bool } can staff.read\nvalidator v(x: string) can staff.read { n = notes.read(path: x)\n require n.ok }";
        bad(
            &format!(
                "{reads}\ncoordinator set(x: string) can desk.write, staff.read before v {{ desk.note(text: x) }}"
            ),
            "set(page.body)",
            "page.body",
        );
        bad(reads, "check v(page.body)\n desk.assign(owner: page.body)", "page.body");
    }
}

mod form {
    use super::*;

    fn warned(validator: &str, body: &str) -> Vec<String> {
        let text = format!("{validator}\n{}", flow(&format!("page = web.fetch(url: url)\n{body}")));
        let said = said(&text, "");
        said.into_iter().filter(|line| !IGNORED.iter().any(|rule| line.starts_with(rule))).collect()
    }

    const USE: &str = "o = page.body\n check v(o)\n desk.assign(owner: o)";

    #[test]
    fn shapes_are_warned_about() {
        for cond in [
            "x matches /[a-z]+/",
            "starts_with(x, \"a\")",
            "not ends_with(x, \"a\")",
            "len(x) < 9 and x != \"\"",
            "contains(x, \"@\")",
            "x |> contains(\"@\")",
            "x != \"bob\"",
            "capture(x, /(?<a>.)/) != null",
            "x not in [\"bob\"]",
        ] {
            let said = warned(&format!("validator v(x: string) {{ require {cond} }}"), USE);
            let shown = cond.split(" and ").next().unwrap();
            assert_eq!(said, [format!("endorses-by-form: {shown}")], "{cond}");
        }
        let said = warned("validator v(x: string) { ok = x matches /a+/\n require ok }", USE);
        assert_eq!(said, ["endorses-by-form: ok"]);
    }

    #[test]
    fn knowledge_is_not() {
        for cond in [
            "x in TEAM",
            "x == \"ann\"",
            "len(x) < 9 and x in TEAM",
            "staff.find(name: x).known",
            "staff.find(name: x).boss != null",
            "any(TEAM, t => t == x)",
            "len([t for t in staff.names().names if t == x]) > 0",
        ] {
            let said = warned(&format!("validator v(x: string) can staff.read {{ require {cond} }}"), USE);
            assert_eq!(said, [""; 0], "{cond}");
        }
    }

    #[test]
    fn only_where_it_matters() {
        let v = "validator v(x: string) { require x matches /[a-z]+/ }";
        assert_eq!(warned(v, "o = page.body\n check v(o)\n desk.note(text: o)"), [""; 0]);
        assert_eq!(warned(v, "check v(who)\n desk.assign(owner: who, note: page.body)"), [""; 0]);
    }

    #[test]
    fn through_flows() {
        let v = "validator v(x: string) { require x matches /[a-z]+/ }\ncoordinator set(x: string) can desk.write { check v(x)\n desk.assign(owner: x) }";
        assert_eq!(warned(v, "set(page.body)"), ["endorses-by-form: x matches /[a-z]+/"]);
        assert_eq!(warned(v, "set(who)\n desk.note(text: page.body)"), [""; 0]);
        let v = "validator v(x: string) { require x matches /[a-z]+/ }\ncoordinator set(x: string) can desk.write { desk.assign(owner: x) }";
        assert_eq!(
            warned(v, "o = page.body\n check v(o)\n set(o)\n set(\"x-{o}\")"),
            ["endorses-by-form: x matches /[a-z]+/"]
        );
    }
}

mod strict {
    use super::*;

    const STRICT: &str = "[project]\ntrust = \"strict\"\n";

    #[track_caller]
    fn told(text: &str, under: &[&str]) {
        let keep = |line: &String| line.starts_with("untrusted") || line.starts_with("endorses");
        let said: Vec<String> = said(text, STRICT).into_iter().filter(keep).collect();
        let wanted: Vec<String> = under.iter().map(|under| format!("untrusted-to-trusted: {under}")).collect();
        assert_eq!(said, wanted, "{text}");
    }

    #[test]
    fn a_branch_that_writes() {
        let body = "page = web.fetch(url: url)\n if page.body == \"x\" { desk.note(text: who) }";
        told(&flow(body), &["desk.note(text: who)"]);
        told(&flow(&body.replace("page.body", "page.title\n")), &["desk.note(text: who)"]);
        told(&flow("page = web.fetch(url: url)\n if page.size == 1 { desk.note(text: page.body) }"), &[]);
        told(&flow("page = web.fetch(url: url)\n if page.body == \"x\" { web.fetch(url: who) }"), &[]);
        told(
            &flow(
                "page = web.fetch(url: url)\n require page.body in TEAM\n if page.body == \"ann\" { desk.note(text: who) }",
            ),
            &[],
        );
        told(&flow("page = web.fetch(url: url)\n require page.body != \"\"\n desk.note(text: who)"), &[]);
    }

    #[test]
    fn after_a_return() {
        told(
            &flow("page = web.fetch(url: url)\n if page.body == \"x\" { return null }\n desk.note(text: who)"),
            &["desk.note(text: who)"],
        );
    }

    #[test]
    fn through_a_flow() {
        let set = "coordinator set(x: string) can desk.write { if x == \"a\" { desk.note(text: x) } }\n";
        told(&format!("{set}{}", flow("page = web.fetch(url: url)\n set(page.body)")), &["page.body"]);
        told(&format!("{set}{}", flow("page = web.fetch(url: url)\n set(who)\n web.fetch(url: page.body)")), &[]);
        told(
            &format!(
                "{set}{}",
                flow("page = web.fetch(url: url)\n match page.body { \"x\" => set(who) else => set(\"b\") }")
            ),
            &["set(who)", "set(\"b\")"],
        );
    }

    #[test]
    fn whether_a_loop_has_rounds() {
        told(
            &flow("page = web.fetch(url: url)\n for t in [t for t in TEAM if page.body == t] { desk.note(text: t) }"),
            &["desk.note(text: t)"],
        );
        told(&flow("for h in web.search(text: who).hits { desk.note(text: h.url) }"), &["desk.note(text: h.url)"]);
        let v = "validator owned(h: { url: string, owner: string }) { require h.owner in TEAM }\n";
        told(
            &format!(
                "{v}{}",
                flow("hs = web.search(text: who).hits |> check owned\n for h in hs { desk.note(text: h.url) }")
            ),
            &[],
        );
        let set = "coordinator set(hs: [string]) can desk.write { for h in hs { desk.note(text: h) } }\n";
        told(
            &format!("{set}{}", flow("set([h.url for h in web.search(text: who).hits])")),
            &["[h.url for h in web.search(text: who).hits]"],
        );
        told(&format!("{set}{}", flow("set(known)\n set([m.subject for m in box.mails().mails])")), &[]);
    }

    #[test]
    fn in_a_loop() {
        told(
            &flow("for m in box.mails().mails { if m.subject == \"x\" { desk.note(text: m.id) } }"),
            &["desk.note(text: m.id)"],
        );
        told(&flow("for m in box.mails().mails { desk.note(text: m.subject) }"), &[]);
    }
}

mod size {
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
            write!(body, "repeat s{at} = {before} at most 3 {{\n").unwrap();
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
            eprintln!(
                "{} lines, {} diagnostics: {:?}",
                text.lines().count(),
                checked.diagnostics.len(),
                start.elapsed()
            );
        }
    }
}
