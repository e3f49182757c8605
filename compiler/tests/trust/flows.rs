//! Through flows.

use super::*;

const SET: &str = "coordinator set(who: string, note: string) can desk.write { desk.assign(owner: who, note: note) }\n";

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
    let twice =
        "coordinator two(who: string) can desk.write, desk.exec { desk.assign(owner: who)\n desk.run(args: [who]) }\n";
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
    let pick = "transformer pick(a: string, b: string) -> { x: string, y: string } { return { x: lower(a), y: b } }\n";
    refuses(
        &format!("{pick}{}", flow("page = web.fetch(url: url)\n r = pick(page.body, who)\n desk.assign(owner: r.x)")),
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
    refuses(&format!("{some}{}", flow("for r in some(box.mails().mails) { desk.assign(owner: r.key) }")), &["r.key"]);
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
    let set =
        "coordinator set(x: { to: string }) can desk.write { desk.pay(order: { account: to_json(x), text: \"\" }) }\n";
    accepts(&format!("{set}{}", flow("page = web.fetch(url: url)\n r = { to: who, body: page.body }\n set(r)")));
}

#[test]
fn checked_in_the_flow_that_uses_it() {
    let set = "coordinator set(who: string) can desk.write { require who in TEAM\n desk.assign(owner: who) }\n";
    accepts(&format!("{set}{}", flow("page = web.fetch(url: url)\n set(page.body)")));
    let of =
        "coordinator set(who: string, of: [string]) can desk.write { require who in of\n desk.assign(owner: who) }\n";
    accepts(&format!("{of}{}", flow("page = web.fetch(url: url)\n set(page.body, TEAM)")));
    refuses(
        &format!("{of}{}", flow("page = web.fetch(url: url)\n set(who, [page.body])\n set(page.title, [page.body])")),
        &["[page.body]", "[page.body]"],
    );
}
