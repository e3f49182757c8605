//! Validators that only look at form.

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
