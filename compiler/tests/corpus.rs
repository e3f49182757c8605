//! The corpus: every program in `tests/check` says exactly what stands in the `.out` beside it; those in `accept`
//! say nothing. `WEIR_BLESS=1` writes the expected files.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests read files")]

mod support;

use std::collections::BTreeMap;
use weir_lang::rules::Rule;

#[test]
fn every_program_says_what_stands_beside_it() {
    let bless = std::env::var("WEIR_BLESS").is_ok();
    let mut wrong = String::new();
    for case in support::cases() {
        let found = support::said(&weir_compiler::check(case.source));
        let beside = case.path.with_extension("out");
        if case.name.starts_with("accept/") {
            if !found.is_empty() {
                wrong += &format!("--- {} must be accepted\n{found}", case.name);
            }
            continue;
        }
        if bless {
            std::fs::write(&beside, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        if expected != found {
            wrong += &format!("--- {} expected\n{expected}--- found\n{found}", case.name);
        } else if found.is_empty() {
            wrong += &format!("--- {} says nothing\n", case.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong}\nWEIR_BLESS=1 writes what is found");
}

/// One program, one mistake, unless its name says `two_` or `several_`.
#[test]
fn one_mistake_gives_one_error() {
    let mut wrong = Vec::new();
    for case in support::cases() {
        let name = case.name.rsplit('/').next().unwrap_or_default();
        if case.name.starts_with("accept/") || name.starts_with("two_") || name.starts_with("several_") {
            continue;
        }
        let count = weir_compiler::check(case.source).diagnostics.len();
        if count != 1 {
            wrong.push(format!("{}: {count}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_corpus_is_wide() {
    let mut rules: BTreeMap<&str, usize> = Rule::ALL.iter().map(|rule| (rule.name(), 0)).collect();
    let (mut accepted, mut refused) = (0, 0);
    for case in support::cases() {
        if case.name.starts_with("accept/") {
            accepted += 1;
        } else {
            refused += 1;
        }
        for diagnostic in weir_compiler::check(case.source).diagnostics {
            *rules.entry(diagnostic.rule.name()).or_default() += 1;
        }
    }
    // Trust has a corpus of its own; sizes are tested where they are made.
    let elsewhere = ["untrusted-to-trusted", "endorses-by-form", "too-large", "too-deep"];
    let missing: Vec<_> = rules.iter().filter(|(name, count)| **count == 0 && !elsewhere.contains(name)).collect();
    assert!(missing.is_empty(), "no program breaks {missing:?}");
    assert!(accepted >= 40 && refused >= 120, "{accepted} accepted, {refused} refused");
}

#[test]
fn the_examples_check_without_a_word() {
    let mut wrong = String::new();
    for (name, source) in support::examples() {
        let found = support::said(&weir_compiler::check(source));
        if !found.is_empty() {
            wrong += &format!("--- {name}\n{found}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The first fenced `flow` block below a heading of a rule's page.
fn fenced<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let (_, below) = page.split_once(&format!("## {heading}\n"))?;
    let below = below.split("\n## ").next()?;
    below.split_once("```flow\n")?.1.split_once("```").map(|(text, _)| text)
}

#[test]
fn the_examples_of_rule_pages_do_as_they_say() {
    let mut wrong = String::new();
    for rule in Rule::ALL {
        // Trust is another room's; sizes and projects cannot be shown in one block (the pages' own test runs them).
        if matches!(
            rule.name(),
            "untrusted-to-trusted"
                | "endorses-by-form"
                | "too-large"
                | "too-deep"
                | "import-cycle"
                | "invalid-project"
                | "invalid-lock"
                | "stale-lock"
                | "unusable-tool"
                | "contradicts-schema"
                | "missing-grant"
                | "unused-grant"
                | "unserved-webhook"
        ) {
            continue;
        }
        for heading in ["Wrong", "Right"] {
            let Some(text) = fenced(rule.page(), heading) else { continue };
            let checked = weir_compiler::check(support::alone("page.flow", text));
            let fine = match heading {
                "Wrong" => !checked.diagnostics.is_empty() && checked.diagnostics.iter().all(|one| one.rule == *rule),
                _ => checked.diagnostics.is_empty(),
            };
            if !fine {
                wrong += &format!("--- {} {heading}\n{}", rule.name(), support::said(&checked));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
