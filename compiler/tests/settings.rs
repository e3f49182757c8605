//! Every rule in several settings: on its own, through a sub-flow or another declaration, inside a loop or branch.
//! Prints the table (`--no-capture`).

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a test reads its files")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop where it is wrong")]

mod support;

use std::collections::BTreeMap;
use weir_lang::rules::Rule;

/// Rules about whole files, projects and declarations: they have no loop to stand in.
const OF_DECLARATIONS: [&str; 11] = [
    "too-deep",
    "import-cycle",
    "invalid-cron",
    "invalid-project",
    "missing-return",
    "undeclared-capability",
    "unused-declaration",
    "unused-grant",
    "missing-grant",
    "write-without-undo",
    "unbounded-recursion",
];

/// Rules about lock files and settings: their corpus is one of projects, which have no such places.
const OF_PROJECTS: [&str; 6] =
    ["unserved-webhook", "contradicts-schema", "invalid-lock", "stale-lock", "unusable-tool", "too-large"];

/// Where a program's mistake stands, by the program's name.
fn setting(name: &str) -> usize {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["sub_flow", "through", "sub_record", "transitive", "each_other"]) {
        1
    } else if has(&[
        "in_loop",
        "in_branch",
        "_loop",
        "in_one_branch",
        "in_second_round",
        "in_guard",
        "in_comprehension",
        "in_lambda",
        "in_arm",
        "in_parallel",
        "of_catch",
    ]) {
        2
    } else {
        0
    }
}

#[test]
fn every_rule_in_three_settings() {
    let mut table: BTreeMap<&str, [usize; 3]> = Rule::ALL.iter().map(|rule| (rule.name(), [0; 3])).collect();
    for case in support::cases() {
        let checked = weir_compiler::check(case.source);
        let mut rules: Vec<&str> = checked.diagnostics.iter().map(|one| one.rule.name()).collect();
        rules.dedup();
        for rule in rules {
            table.entry(rule).or_default()[setting(&case.name)] += 1;
        }
    }
    println!("{:24} {:>6} {:>8} {:>12}", "rule", "direct", "through", "loop, branch");
    let mut lacking = Vec::new();
    for (rule, [direct, through, inside]) in &table {
        println!("{rule:24} {direct:>6} {through:>8} {inside:>12}");
        let all = *direct > 0 && *through > 0 && *inside > 0;
        let three = direct + through + inside >= 3;
        if !OF_PROJECTS.contains(rule) && !(three && (all || OF_DECLARATIONS.contains(rule))) {
            lacking.push(*rule);
        }
    }
    assert!(lacking.is_empty(), "not in three settings: {lacking:?}");
}
