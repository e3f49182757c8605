//! The walk through a plan that nothing is carried out of.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that fails may panic"
)]

mod build;

use build::*;
use weir_lang::ast::Role;
use weir_runtime::dry_run::DryRun;

#[test]
fn order_width_and_clauses_can_be_read_off_the_plan() {
    let open = flow(Role::Executor, "open", block(vec![done("acc", 0)]));
    let body = block(vec![read("price", 2), read("stock", 3), call("o", 1, &[], 4)]);
    let main = flow(
        Role::Saga,
        "main",
        block(vec![
            read("a", 0).optional(),
            read("b", 1),
            let_("x", int(1), 2),
            each("all", numbers(9), Some(4), 4, body),
            branch("way", yes(), block(vec![write("w", 5).last()]), block(vec![])),
        ]),
    );
    let dry = DryRun::of(&plan(vec![main, open]));
    let lines: Vec<String> = dry
        .steps
        .iter()
        .map(|step| {
            let text =
                format!("{}{} {}: {} [{}]", "  ".repeat(step.depth), step.beside, step.path, step.what, step.note);
            text.trim_end_matches(" []").to_owned()
        })
        .collect();
    assert_eq!(
        lines,
        [
            "1 a: src.get [optional]",
            "1 b: src.get",
            "2 all: for each of a list, 4 at once",
            "  3 all[i]/price: src.get",
            "  3 all[i]/stock: src.get",
            "  4 all[i]/o: executor open",
            "    5 all[i]/o/acc: crm.add [undone by crm.del]",
            "6 way: one of 2 ways",
            "  6 way: when true",
            "    7 w: crm.add [the point of no return]",
            "  6 way: when else",
        ]
    );
}
