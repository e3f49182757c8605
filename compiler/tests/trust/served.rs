//! Flows that are started from outside: which of their arguments must not come from there.

use super::*;

#[track_caller]
fn steered(text: &str, wanted: &[&str]) {
    let checked = weir_compiler::check(project(&format!("{TOOLS}\n{text}"), ""));
    assert!(!checked.has_errors(), "{:#?}", checked.diagnostics);
    assert_eq!(checked.flows["main"].steered, wanted, "{text}");
    assert_eq!(checked.plan("main").unwrap().entry_flow().unwrap().steered, wanted, "{text}");
}

#[test]
fn an_argument_at_a_trusted_parameter() {
    steered(&flow("desk.assign(owner: who)"), &["`who` reaches `owner` of `desk.assign`"]);
    steered(&flow("desk.assign(owner: \"mr {who}\")"), &["`who` reaches `owner` of `desk.assign`"]);
    steered(&flow("desk.run(args: known)"), &["`known` reaches `args` of `desk.run`"]);
    steered(&flow("desk.note(text: who)"), &[]);
}

#[test]
fn an_endorsed_argument() {
    steered(&flow("require who in TEAM\n desk.assign(owner: who)"), &[]);
    steered(&flow("require who in known\n desk.assign(owner: who)"), &["`known` reaches `owner` of `desk.assign`"]);
}

#[test]
fn through_flows_and_fields() {
    let assign = "coordinator assign(order: { owner: string, note: string }) can desk.write {\n desk.assign(owner: order.owner, note: order.note)\n}\n";
    let through = flow("assign({ owner: who, note: url })");
    steered(&format!("{assign}{through}"), &["`who` reaches `owner` of `desk.assign`"]);
    let main = "coordinator main(order: { owner: string, note: string }) can desk.write {\n desk.assign(owner: order.owner, note: order.note)\n}\n";
    steered(main, &["`order.owner` reaches `owner` of `desk.assign`"]);
}

#[test]
fn a_parameter_that_says_so() {
    let main = "coordinator main(to: trusted string) -> string { return lower(to) }\n";
    steered(main, &["`to` is `trusted`"]);
}

#[test]
fn what_only_reads_is_open_to_all() {
    steered(&flow("return web.fetch(url: url).body"), &[]);
}
