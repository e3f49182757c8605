//! Every place that a sink can stand.

use super::*;

#[test]
fn loops_and_branches() {
    refuses(&flow("for m in box.mails().mails { desk.assign(owner: m.sender) }"), &["m.sender"]);
    refuses(&flow("for m in box.mails().mails parallel 4 { desk.assign(owner: m.sender) }"), &["m.sender"]);
    refuses(&flow("page = web.fetch(url: url)\n if page.size > 1 { desk.assign(owner: page.body) }"), &["page.body"]);
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
    let text =
        |body: &str| format!("coordinator main(who: string) can store.read, store.write, desk.write {{\n{body}\n}}");
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
    let safe =
        agent.replace("tools web.fetch", "tools web.fetch, set").replace("can web.read", "can web.read, desk.write");
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
    accepts(
        &run("on event \"x\" as { to: string }", "event.to")
            .replace("desk.assign(owner: who)", "require who in TEAM\n desk.assign(owner: who)")
            .to_string(),
    );
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
