//! Strict projects.

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
fn whether_a_repeat_goes_on() {
    let pages = |next: &str| {
        format!(
            "repeat at = url at most 5 {{\n page = web.fetch(url: at ?? url)\n desk.note(text: who)\n next {next}\n}}"
        )
    };
    told(&flow(&pages("if page.body == \"x\" then null else page.title")), &["desk.note(text: who)"]);
    told(&flow(&pages("if page.size > 3 then null else url")), &[]);
    let always = "repeat at = url at most 5 {\n page = web.fetch(url: at)\n desk.note(text: who)\n next page.title\n}";
    told(&flow(always), &[]);
    let chosen = "repeat at = url at most 5 {\n page = web.fetch(url: at)\n desk.note(text: who)\n if page.body == \"x\" { next url }\n}";
    told(&flow(chosen), &["desk.note(text: who)"]);
}

#[test]
fn in_a_loop() {
    told(
        &flow("for m in box.mails().mails { if m.subject == \"x\" { desk.note(text: m.id) } }"),
        &["desk.note(text: m.id)"],
    );
    told(&flow("for m in box.mails().mails { desk.note(text: m.subject) }"), &[]);
}
