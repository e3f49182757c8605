//! What endorses, and what does not.

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

const WORKS: &str =
    "validator works(name: string) can staff.read { entry = staff.find(name: name)\n require entry.known else \"no\" }";

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
    let v =
        format!("{WORKS}\nvalidator v(p: {{ body: string, title: string }}) can staff.read {{ check works(p.body) }}");
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
        &format!("{reads}\ncoordinator set(x: string) can desk.write, staff.read before v {{ desk.note(text: x) }}"),
        "set(page.body)",
        "page.body",
    );
    bad(reads, "check v(page.body)\n desk.assign(owner: page.body)", "page.body");
}
