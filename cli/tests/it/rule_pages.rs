//! Every rule's page: its wrong example reports exactly its rule and nothing else, its right example nothing.

use crate::blocks::{Fenced, fenced, project};
use weir_compiler::check;
use weir_lang::rules::Rule;

/// Its wrong example would be a file of a mebibyte.
const NO_WRONG: &[Rule] = &[Rule::TooLarge];

fn section(page: &str, heading: &str) -> Vec<Fenced> {
    let part = page.split("\n## ").find(|part| part.starts_with(heading)).unwrap_or("");
    fenced(part)
}

fn rules_of(blocks: &[Fenced]) -> Vec<(&'static str, String)> {
    let checked = check(project(blocks));
    checked.diagnostics.iter().map(|one| (one.rule.name(), one.message.clone())).collect()
}

#[test]
fn every_page_is_complete() {
    for rule in Rule::ALL {
        let page = rule.page();
        assert!(page.starts_with(&format!("# {}\n", rule.name())), "{}: heading", rule.name());
        assert!(!section(page, "Right").is_empty(), "{}: no right example", rule.name());
        let wrong = section(page, "Wrong");
        assert_eq!(wrong.is_empty(), NO_WRONG.contains(rule), "{}: wrong example", rule.name());
    }
}

#[test]
fn wrong_examples_report_their_rule_and_right_ones_nothing() {
    let mut failures = Vec::new();
    for rule in Rule::ALL {
        let wrong = rules_of(&section(rule.page(), "Wrong"));
        let good = !wrong.is_empty() && wrong.iter().all(|(name, _)| *name == rule.name());
        if !good && !NO_WRONG.contains(rule) {
            failures.push(format!("{}: the wrong example reports {wrong:?}", rule.name()));
        }
        let right = rules_of(&section(rule.page(), "Right"));
        if !right.is_empty() {
            failures.push(format!("{}: the right example reports {right:?}", rule.name()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
