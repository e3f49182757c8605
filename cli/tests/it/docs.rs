//! Every flow in the books checks without errors. A block with the info string `flow fragment` is no whole file.

use crate::blocks::{fenced, project};
use crate::support::repository;
use std::path::PathBuf;
use weir_compiler::check;
use weir_lang::diagnostic::Severity;

fn pages() -> Vec<PathBuf> {
    let root = repository();
    let mut pages = vec![root.join("README.md")];
    let folders = [root.join("docs")];
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
        pages.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    pages.retain(|page| page.is_file());
    pages.sort();
    pages
}

#[test]
fn every_flow_block_checks() {
    let mut failures = Vec::new();
    let mut blocks = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for block in fenced(&text).into_iter().filter(|block| block.info == "flow") {
            blocks += 1;
            let line = block.line;
            let checked = check(project(&[block]));
            let errors = checked.diagnostics.iter().filter(|one| one.severity == Severity::Error);
            failures
                .extend(errors.map(|one| format!("{}:{line}: {}: {}", page.display(), one.rule.name(), one.message)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(blocks > 0, "no flow block found: is README.md there?");
}
