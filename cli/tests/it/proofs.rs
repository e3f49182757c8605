//! `weir check --bounds` and `--trust`

use crate::support::folder;

const FLOW: &str = r#"tool crm.search(q: string) -> { contacts: [{ name: untrusted string }] } can crm.read timeout 5s
tool crm.note(owner: trusted string, text: string) can crm.write idempotent costs 0.5 timeout 1s

coordinator note(owner: string) can crm.write {
  crm.note(owner: owner, text: "hello") retry 1 backoff 1s..1s
}

coordinator main(queries: [string], team: [string]) can crm.read, crm.write budget 40 calls {
  for q in queries parallel 2 {
    for found in crm.search(q: q).contacts {
      who = found.name
      require who in team
      note(who)
    }
  }
}

coordinator small(q: string) -> int can crm.read budget 4 calls {
  wait 2m
  return len(crm.search(q: q).contacts)
}
"#;

#[test]
fn bounds_are_formulas_over_inputs() {
    let here = folder(&[("a.flow", FLOW)]);
    here.weir(&["check", "--bounds", "a.flow"]).code(0).prints(&[
        "coordinator main  a.flow:8",
        "crm.search  len(queries)  (attempts: 4 * len(queries))",
        "len(queries) * len(crm.search.contacts)",
        "ceil(len(queries) / 2)",
        "40 calls: holds while",
        "4 calls: proven, at most 4",
    ]);
    let report = here.weir(&["check", "--bounds", "--format", "json", "a.flow"]).code(0).json();
    let small = &report["flows"][2];
    assert_eq!((&small["attempts"]["number"], &small["budget"][0]["verdict"]), (&4.0.into(), &"proven".into()));
    // Two minutes, four attempts of five seconds, and 0.2 + 0.4 + 0.8 s between them.
    assert_eq!(small["time"]["number"], 141_400.0);
    assert_eq!(report["flows"][0]["cost"]["number"], 1.0);
}

#[test]
fn a_budget_that_no_run_can_keep_is_an_error_and_bounds_say_so() {
    let here = folder(&[("a.flow", &FLOW.replace("budget 4 calls", "budget 1m"))]);
    let ended = here.weir(&["check", "--bounds", "a.flow"]).code(1);
    ended.prints(&["budget-exceeded", "`small` waits for at least 2m, and its budget is 1m"]);
}

#[test]
fn bounds_are_not_known_while_another_file_has_errors() {
    let here = folder(&[("weir.toml", ""), ("a.flow", FLOW), ("b.flow", "coordinator b() -> string { return 1 }")]);
    let ended = here.weir(&["check", "--bounds", "a.flow"]).code(1);
    ended.says(&["nothing is known of the bounds while another file has errors", "b.flow:1:36: error[type-mismatch]"]);
}

#[test]
fn trust_is_listed_with_the_way_between() {
    let here = folder(&[("a.flow", FLOW)]);
    here.weir(&["check", "--trust", "a.flow"]).code(0).prints(&[
        "`owner` of `crm.note`: as trusted as `owner`",
        "source       a.flow:10  this comes from `crm.search`",
        "`owner` of `crm.note`: endorsed: a.flow:12  `who`",
    ]);
    let spoilt = folder(&[("a.flow", &FLOW.replace("      require who in team\n", ""))]);
    let ended = spoilt.weir(&["check", "--trust", "--format", "json", "a.flow"]).code(1);
    let report = ended.json();
    let main = report["flows"].as_array().unwrap().iter().find(|flow| flow["flow"] == "main").unwrap().clone();
    let sink = &main["sinks"][0];
    assert_eq!((&sink["state"], &sink["at"]), (&"untrusted".into(), &"a.flow:12".into()));
    assert_eq!(sink["way"][0]["at"], "a.flow:10");
}

#[test]
fn one_listing_at_a_time() {
    folder(&[("a.flow", FLOW)]).weir(&["check", "--trust", "--bounds", "a.flow"]).code(2);
}
