//! `weir explain`, `weir completions` and wrong usage.

use crate::support::folder;
use weir_lang::rules::Rule;

#[test]
fn every_rule_has_a_page() {
    let here = folder(&[]);
    for rule in Rule::ALL {
        here.weir(&["explain", rule.name()]).code(0).prints(&[rule.name()]);
    }
}

#[test]
fn without_a_rule_all_are_listed() {
    let listed = folder(&[]).weir(&["explain"]).code(0).stdout;
    assert_eq!(listed.lines().count(), Rule::ALL.len());
    assert!(listed.contains("missing-undo"), "{listed}");
}

#[test]
fn a_typo_in_a_rule_is_guessed() {
    folder(&[])
        .weir(&["explain", "mising-undo"])
        .code(2)
        .silent()
        .says(&["mising-undo", "did you mean `missing-undo`?"]);
}

#[test]
fn completions_for_every_shell() {
    let here = folder(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        here.weir(&["completions", shell]).code(0).prints(&["weir"]);
    }
    here.weir(&["completions", "bsh"]).code(2).says(&["bsh"]);
}

#[test]
fn a_typo_in_a_command_is_guessed() {
    folder(&[]).weir(&["chekc"]).code(2).says(&["chekc", "check"]);
    folder(&[]).weir(&["check", "--fromat", "json"]).code(2).says(&["--format"]);
    folder(&[]).weir(&["check", "--format", "jsn"]).code(2).says(&["json"]);
    folder(&[]).weir(&[]).code(2).says(&["Usage"]);
}

#[test]
fn pages_are_plain_without_a_terminal() {
    let page = folder(&[]).weir(&["explain", "syntax"]).code(0).stdout;
    assert!(!page.contains('\u{1b}') && !page.contains("```"), "{page}");
}
