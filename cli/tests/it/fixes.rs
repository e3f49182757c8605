//! `weir check --fix` and baselines.

use crate::support::folder;

const CRM: &str = "tool crm.create_row(name: string) -> { id: string } can crm.write
tool crm.delete_row(id: string) can crm.write idempotent
tool crm.find(q: string) -> { kind: \"a\" | \"b\" } can crm.read
tool post.send(to: string, text: string) -> { id: string } can post.send
";

#[test]
fn every_fix_that_is_offered_is_made_and_the_rest_told() {
    let broken = format!(
        "{CRM}
saga save(nmae: string) -> string can crm.write, crm.read {{
  made = crm.create_row(name: name)
  extra = 3
  return made.id
}}

coordinator kinds(q: string) -> int {{
  found = crm.fnd(q: q)
  return match found.kind {{
    \"a\" => 1
  }}
}}

delivery hello(user_id: string, to: string) can post.send {{
  post.send(to: to, text: \"hello ${{user_id}}\")
}}
"
    )
    .replace("save(nmae", "save(name");
    let here = folder(&[("a.flow", broken.as_str())]);
    let ended = here.weir(&["check", "a.flow", "--fix"]).code(0);
    let text = here.read("a.flow");
    for part in [
        "crm.create_row(name: name) undo crm.delete_row(id: it.id)",
        "_extra = 3",
        "can crm.write {",
        "crm.find(q: q)",
        "can crm.read {",
        "\"b\" => fail \"this case is not handled yet\"",
        "key \"hello-{user_id}\"",
        "\"hello {user_id}\"",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}\n{ended:?}");
    }
    ended.says(&["a.flow: replace with `crm.find`", "8 fixes made"]).prints(&["no problems"]);
    here.weir(&["check", "a.flow", "--fix"]).code(0).says(&["0 fixes made"]);
    assert_eq!(here.read("a.flow"), text);
}

#[test]
fn a_file_that_would_get_worse_is_left_alone_and_others_are_not() {
    // The name that is meant has another type: replacing it mends one error and makes another.
    let worse = "transformer one(count: int) -> string {\n  return lower(cuont) + lower(count)\n}\n";
    let better = "transformer two(count: int) -> int {\n  return cuont + 1\n}\n";
    let here = folder(&[("a.flow", worse), ("b.flow", better)]);
    let before = here.weir(&["check", "--format", "json"]).code(1).json();
    here.weir(&["check", "--fix"]).code(1);
    assert!(here.read("b.flow").contains("return count + 1"));
    let after = here.weir(&["check", "--format", "json"]).code(1).json();
    assert!(after["errors"].as_u64() < before["errors"].as_u64());
    let errors = |report: &serde_json::Value| {
        report["diagnostics"].as_array().unwrap().iter().filter(|one| one["file"] == "a.flow").count()
    };
    assert!(errors(&after) <= errors(&before));
}

#[test]
fn only_the_files_that_were_asked_for_change_and_nothing_is_formatted() {
    let odd = "transformer  one( count : int )->int{ return   cuont  }\n";
    let here = folder(&[("weir.toml", ""), ("a.flow", odd), ("b.flow", &odd.replace("one", "two"))]);
    here.weir(&["check", "a.flow", "--fix"]).code(0);
    assert_eq!(here.read("a.flow"), odd.replace("cuont", "count"));
    assert_eq!(here.read("b.flow"), odd.replace("one", "two"));
}

#[test]
fn the_project_file_is_mended_too() {
    let here = folder(&[
        ("weir.toml", "[grants]\n\"a.look\" = [\"crm.read\", \"crm.write\"]\n"),
        (
            "a.flow",
            &format!(
                "{CRM}\ncoordinator look(q: string) -> string can crm.read {{\n  return crm.find(q: q).kind\n}}\n"
            ),
        ),
    ]);
    here.weir(&["check", "--fix"]).code(0).says(&["weir.toml: take `crm.write` out", "1 fix made"]);
    assert_eq!(here.read("weir.toml"), "[grants]\n\"a.look\" = [\"crm.read\"]\n");
}

const UNUSED: &str = "transformer one(x: int) -> int {\n  left = 1\n  return x\n}\n";

#[test]
fn what_a_baseline_knows_is_not_told_however_it_moves() {
    let here = folder(&[("flows/a.flow", UNUSED), ("weir.toml", "")]);
    here.weir(&["check", "--deny-warnings", "--baseline", "known.json"])
        .code(2)
        .says(&["no baseline", "--write-baseline"]);
    here.weir(&["check", "--baseline", "known.json", "--write-baseline"]).code(0).says(&["knows 1 problem now"]);
    let hidden = here.weir(&["check", "--deny-warnings", "--baseline", "known.json"]).code(0);
    hidden.prints(&["no problems"]).says(&["1 known problem in `known.json`"]);
    // Moved and indented: known. From another folder too.
    here.write("flows/a.flow", &UNUSED.replace("  left", "\n\n      left"));
    here.weir(&["check", "--deny-warnings", "--baseline", "known.json"]).code(0);
    // A second one on the same kind of line, and a changed one, are new.
    here.write("flows/a.flow", &UNUSED.replace("left = 1", "left = 1\n  right = 2"));
    here.weir(&["check", "--deny-warnings", "--baseline", "known.json"]).code(1).prints(&["right", "1 warning"]);
    // What is fixed is told, and taken out by writing again.
    here.write("flows/a.flow", &UNUSED.replace("  left = 1\n", ""));
    let fixed = here.weir(&["check", "--baseline", "known.json"]).code(0);
    fixed.says(&["fixed: flows/a.flow: unused-binding: left = 1", "1 of the baseline are fixed"]);
    here.weir(&["check", "--baseline", "known.json", "--write-baseline"]).code(0).says(&["knows 0 problems now"]);
    here.write("known.json", "{}");
    here.weir(&["check", "--baseline", "known.json"]).code(2).says(&["is no baseline"]);
}
