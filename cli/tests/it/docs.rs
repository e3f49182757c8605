//! Every flow in the books checks without errors. A block with the info string `flow fragment` is no whole file.

use crate::blocks::{fenced, project};
use crate::support::{folder, repository};
use std::path::PathBuf;
use weir_compiler::check;
use weir_lang::diagnostic::Severity;

fn pages() -> Vec<PathBuf> {
    let root = repository();
    let mut pages = vec![root.join("README.md")];
    let folders = [root.join("docs"), root.join("docs/how-to")];
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

/// The table of built-in tools in the language's book is the registry's.
#[test]
fn the_table_of_built_in_tools_is_fresh() {
    const HEAD: &str = "| tool | capability | for |\n|---|---|---|\n";
    let tools = folder(&[]).weir(&["tools", "list", "--format", "json"]).code(0).json();
    let tools = tools.as_array().or_else(|| tools["tools"].as_array()).unwrap().clone();
    let rows: String = tools.iter().map(row).collect();
    let path = repository().join("docs/language.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, behind) = page.split_once(HEAD).unwrap();
    let (written, after) = behind.split_at(behind.find("\n\n").map_or(0, |at| at + 1));
    if std::env::var_os("WEIR_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{HEAD}{rows}\n{}", after.trim_start_matches('\n'))).unwrap();
        return;
    }
    assert_eq!(written, rows, "run this with WEIR_BLESS=1");
}

/// Name, capabilities, and the first sentence of its documentation.
fn row(tool: &serde_json::Value) -> String {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("").to_owned();
    let doc = text(&tool["doc"]).replace('\n', " ");
    let sentence = doc.split(". ").next().unwrap_or("").trim_end_matches('.');
    let can: Vec<String> =
        tool["capabilities"].as_array().unwrap().iter().map(|one| format!("`{}`", text(one))).collect();
    format!("| `{}` | {} | {sentence} |\n", text(&tool["name"]), can.join(", "))
}

#[test]
fn every_test_in_the_books_passes() {
    let mut tests = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let is_tested = |block: &crate::blocks::Fenced| block.info == "flow" && block.text.contains("\ntest \"");
        for block in fenced(&text).into_iter().filter(is_tested) {
            let here = folder(&[("main.flow", &block.text)]);
            let told = here.weir(&["test", "main.flow", "--explore"]);
            assert_eq!(told.code, 0, "{}:{}:\n{}{}", page.display(), block.line, told.stdout, told.stderr);
            tests += block.text.matches("\ntest \"").count();
        }
    }
    assert!(tests > 4, "{tests} tests found");
}
