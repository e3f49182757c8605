//! How values carry it.

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
    bad("xs = [t for t in TEAM if contains(page.body, t)]\n desk.assign(owner: first(xs) ?? who)", "first(xs) ?? who");
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
    bad("ms = box.mails().mails\n m = min(ms, by: m => m.subject)\n desk.assign(owner: m?.id ?? who)", "m?.id ?? who");
}

#[test]
fn what_only_counts() {
    good("ms = box.mails().mails\n desk.assign(owner: \"{len(ms)}-{count(ms)}\", note: page.body)");
    bad("desk.assign(owner: \"{len(page.body)}\")", "\"{len(page.body)}\"");
    bad(
        "ms = box.mails().mails\n desk.assign(owner: \"{count(ms, m => m.subject == \"x\")}\")",
        "\"{count(ms, m => m.subject == \"x\")}\"",
    );
    bad("hits = web.search(text: who).hits\n desk.assign(owner: \"{len(hits)}\", note: page.body)", "\"{len(hits)}\"");
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
    good("m = first(box.mails().mails)\n desk.assign(owner: if m == null then \"ann\" else \"bob\", note: page.body)");
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

#[test]
fn which_look_was_the_last_one() {
    let seen = "tool web.watch(url: string) -> { body: untrusted string, owner: string, done: bool } can web.read\n";
    let by = |cond: &str| {
        format!(
            "{seen}{}",
            flow(&format!(
                "page = web.watch(url: url) until {cond} every 1s within 1m\n desk.assign(owner: page.owner)"
            ))
        )
    };
    refuses(&by("it.body == \"x\""), &["page.owner"]);
    refuses(&by("it.done and len(page.body) > 3"), &["page.owner"]);
    accepts(&by("it.done"));
    accepts(&by("it.owner == who"));
}
