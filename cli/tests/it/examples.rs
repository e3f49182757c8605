//! Every example is checked, is in style, and runs as its `expected.json` says (`examples/README.md` explains it).

use crate::support::{Ended, Folder, folder, repository};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn examples() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join("examples")).unwrap();
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(!folders.is_empty());
    folders
}

/// A copy in a folder of the same name, without what earlier runs left. What examples use of the repository around them
/// stands around the copy too.
fn copied(example: &Path) -> (Folder, String) {
    let copy = folder(&[]);
    let name = format!("examples/{}", example.file_name().unwrap().to_string_lossy());
    copy_into(example, &copy.path(&name));
    #[cfg(unix)]
    for around in [".git", ".tools"].into_iter().filter(|around| repository().join(around).exists()) {
        std::os::unix::fs::symlink(repository().join(around), copy.path(around)).unwrap();
    }
    (copy, name)
}

/// What an example needs and is not here: programs, or files of the repository.
fn lacks(expected: &Value) -> Option<String> {
    let needs = expected["needs"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let found = |need: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        repository().join(need).exists() || std::env::split_paths(&path).any(|folder| folder.join(need).is_file())
    };
    needs.map(str::to_owned).find(|need| !found(need))
}

fn copy_into(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let name = entry.file_name();
        match entry.path().is_dir() {
            true if name == ".weir" || name == "outbox" => {}
            true if name == "out" => std::fs::create_dir(to.join(name)).unwrap(),
            true => copy_into(&entry.path(), &to.join(name)),
            false => drop(std::fs::copy(entry.path(), to.join(name)).unwrap()),
        }
    }
}

#[test]
fn examples_check_without_warnings_and_are_in_style() {
    for example in examples() {
        let (copy, name) = copied(&example);
        copy.weir(&["check", &name, "--deny-warnings"]).code(0);
        copy.weir(&["fmt", "--check", &name]).code(0).silent();
    }
}

#[test]
fn examples_are_tested_also_where_the_engine_is_killed() {
    for example in examples() {
        let (copy, name) = copied(&example);
        let told = copy.weir(&["test", &name, "--explore", "--format", "json"]).code(0).json();
        assert!(told["passed"].as_u64() > Some(0), "{name} has no tests");
        assert!(!copy.path(&format!("{name}/.weir")).exists(), "{name}");
    }
}

#[test]
fn examples_do_what_they_say() {
    let failures: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = examples().into_iter().map(|example| scope.spawn(move || run_example(&example))).collect();
        runs.into_iter().flat_map(|run| run.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The server that an example calls, on a free port. It ends with the run.
struct Server(Child);

impl Server {
    fn of(expected: &Value, copy: &Folder, name: &str) -> Option<Server> {
        let words: Vec<&str> = expected["server"]["start"].as_array()?.iter().filter_map(Value::as_str).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(copy.path(name)).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut server = Server(command.spawn().unwrap());
        let mut address = String::new();
        BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let settings = format!("{name}/weir.toml");
        let text = copy.read(&settings);
        let fixed = expected["server"]["address"].as_str().unwrap();
        assert!(text.contains(fixed) && address.starts_with("http"), "{fixed} {address}");
        copy.write(&settings, &text.replace(fixed, address.trim()));
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run_example(example: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(example.join("expected.json"))
        .unwrap_or_else(|error| panic!("{}: expected.json: {error}", example.display()));
    let expected: Value = serde_json::from_str(&text).unwrap();
    if let Some(lack) = lacks(&expected) {
        eprintln!("skipped: {} needs `{lack}`, which is not here", example.display());
        return Vec::new();
    }
    let mut failures = Vec::new();
    let others = expected["instead"].as_array().cloned().unwrap_or_default();
    for first in std::iter::once(&expected).chain(&others) {
        let (copy, name) = copied(example);
        let _server = Server::of(&expected, &copy, &name);
        let mut next = Some(first);
        while let Some(expected) = next {
            run_once(&copy, &name, expected, &mut failures);
            next = expected.get("second_run");
        }
    }
    failures
}

fn run_once(copy: &Folder, name: &str, expected: &Value, failures: &mut Vec<String>) {
    let mut args = vec!["run", name];
    args.extend(expected["args"].as_array().into_iter().flatten().filter_map(Value::as_str));
    let ended = copy.weir(&args);
    let before = failures.len();
    let mut says = |what: String| failures.push(format!("weir {}: {what}", args.join(" ")));
    if expected.get("exit").is_some_and(|exit| *exit != ended.code) {
        says(format!("exit {} instead of {}", ended.code, expected["exit"]));
    }
    match serde_json::from_str::<Value>(&ended.stdout) {
        Ok(envelope) => compare(&envelope, expected, &mut says),
        Err(error) => says(format!("stdout is no envelope: {error}")),
    }
    for (pattern, count) in expected["files"].as_object().into_iter().flatten() {
        let found = matching(&copy.path(name), pattern);
        if Some(found) != count.as_u64() {
            says(format!("{found} files match {pattern} instead of {count}"));
        }
    }
    if failures.len() > before {
        let Ended { stdout, stderr, .. } = ended;
        failures.push(format!(
            "  stderr: {}\n  stdout: {}",
            stderr.trim(),
            stdout.chars().take(2000).collect::<String>()
        ));
    }
}

fn compare(envelope: &Value, expected: &Value, says: &mut dyn FnMut(String)) {
    let metadata = &envelope["metadata"];
    for field in ["status", "partial"] {
        if expected.get(field).is_some_and(|wanted| *wanted != metadata[field]) {
            says(format!("{field} is {} instead of {}", metadata[field], expected[field]));
        }
    }
    for (field, list) in [
        ("records", &envelope["records"]),
        ("report", &metadata["report"]),
        ("side_effects", &metadata["side_effects"]),
    ] {
        let count = list.as_array().map(Vec::len);
        if expected.get(field).is_some_and(|wanted| wanted.as_u64() != count.map(|count| count as u64)) {
            says(format!("{count:?} {field} instead of {}", expected[field]));
        }
    }
    if let Some(wanted) = expected.get("value")
        && !covers(&envelope["records"][0]["value"], wanted)
    {
        says(format!("value is {} instead of {wanted}", envelope["records"][0]["value"]));
    }
    if let Some(wanted) = expected.get("waiting") {
        let same = wanted.as_array().map(Vec::len) == metadata["waiting"].as_array().map(Vec::len);
        if !same || !covers(&metadata["waiting"], wanted) {
            says(format!("waiting is {} instead of {wanted}", metadata["waiting"]));
        }
    }
}

/// Whether `found` has everything that `wanted` has; numbers by value.
fn covers(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            wanted.iter().all(|(name, value)| covers(found.get(name).unwrap_or(&Value::Null), value))
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| covers(found, wanted))
        }
        (Value::Number(found), Value::Number(wanted)) => found.as_f64() == wanted.as_f64(),
        _ => found == wanted,
    }
}

fn matching(root: &Path, pattern: &str) -> u64 {
    let matcher = globset::GlobBuilder::new(pattern).literal_separator(true).build().unwrap().compile_matcher();
    let mut open = vec![root.to_owned()];
    let mut found = 0;
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => open.push(path),
                path => found += u64::from(matcher.is_match(path.strip_prefix(root).unwrap())),
            }
        }
    }
    found
}
