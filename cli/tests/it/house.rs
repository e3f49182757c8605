//! The house rules that a compiler does not know: the dependency line, and tidy files.

use crate::support::repository;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// From the ground up; each may use those before it.
const LINE: [&str; 5] = ["weir-lang", "weir-stdlib", "weir-compiler", "weir-runtime", "weir"];
/// These do no IO, so they wait for nothing.
const NO_TOKIO: [&str; 3] = ["weir-lang", "weir-stdlib", "weir-compiler"];
const LONGEST: usize = 800;

fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let host = String::from_utf8(rustc.stdout).unwrap();
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned();
    let mut command = Command::new(cargo);
    // Only this platform: the crates of others may never have been downloaded.
    command
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &host])
        .current_dir(repository());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Name and direct dependencies (without those for tests and builds) of a package's node.
fn dependencies(node: &Value) -> Vec<String> {
    let normal = |dep: &&Value| dep["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
    node["deps"].as_array().unwrap().iter().filter(normal).map(|dep| dep["pkg"].as_str().unwrap().to_owned()).collect()
}

fn node<'a>(metadata: &'a Value, id: &str) -> &'a Value {
    metadata["resolve"]["nodes"].as_array().unwrap().iter().find(|node| node["id"] == id).unwrap()
}

fn package<'a>(metadata: &'a Value, name: &str) -> &'a Value {
    let members: Vec<&str> =
        metadata["workspace_members"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let own = |package: &&Value| package["name"] == name && members.contains(&package["id"].as_str().unwrap());
    metadata["packages"].as_array().unwrap().iter().find(own).unwrap()
}

#[test]
fn the_crates_form_a_straight_line() {
    let metadata = metadata();
    let ids: Vec<&str> = LINE.iter().map(|name| package(&metadata, name)["id"].as_str().unwrap()).collect();
    for (at, id) in ids.iter().enumerate() {
        let used = dependencies(node(&metadata, id));
        for later in &ids[at..] {
            assert!(!used.contains(&(*later).to_owned()), "`{}` points back along the line", LINE[at]);
        }
        if at > 0 {
            assert!(used.contains(&ids[at - 1].to_owned()), "`{}` does not use `{}`", LINE[at], LINE[at - 1]);
        }
    }
}

#[test]
fn what_does_no_io_has_no_tokio() {
    let metadata = metadata();
    for name in NO_TOKIO {
        let mut open = vec![package(&metadata, name)["id"].as_str().unwrap().to_owned()];
        let mut seen = open.clone();
        while let Some(id) = open.pop() {
            assert!(!id.contains("#tokio@"), "`{name}` depends on tokio");
            for dependency in dependencies(node(&metadata, &id)) {
                if !seen.contains(&dependency) {
                    seen.push(dependency.clone());
                    open.push(dependency);
                }
            }
        }
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "target" && name != "node_modules" && !name.to_string_lossy().starts_with('.') {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_file_is_tidy() {
    let mut files = Vec::new();
    rust_files(&repository(), &mut files);
    assert!(files.len() > 10);
    let unfinished = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("unimple", "mented!"), concat!("to", "do!")];
    let mut failures = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut says = |what: String| failures.push(format!("{}: {what}", path.display()));
        if !text.starts_with("//!") {
            says("does not open with `//!`".into());
        }
        if text.lines().count() > LONGEST {
            says(format!("has more than {LONGEST} lines"));
        }
        for word in unfinished {
            if text.contains(word) {
                says(format!("holds `{word}`"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
