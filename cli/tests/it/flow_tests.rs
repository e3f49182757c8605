//! `weir test` from the outside. The corpus `tests/test` holds flow files and projects with tests, with everything that
//! is told about each beside it; `WEIR_BLESS=1` writes that anew.

use crate::support::{Ended, ended, folder, repository};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn corpus() -> PathBuf {
    repository().join("tests/test")
}

fn weir_test(args: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    ended(&command.arg("test").args(args).current_dir(corpus()).env("NO_COLOR", "1").output().unwrap())
}

/// Flow files and projects of the corpus, by name.
fn cases() -> Vec<String> {
    let is_case =
        |path: &Path| path.join("weir.toml").exists() || path.extension().is_some_and(|extension| extension == "flow");
    let all = std::fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> =
        all.filter(|path| is_case(path)).map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// The same without those that make a great many calls.
fn quick_cases() -> Vec<String> {
    cases().into_iter().filter(|name| name != "endless.flow").collect()
}

#[track_caller]
fn stands_beside(name: &str, found: &str) {
    let beside = corpus().join(name);
    if std::env::var_os("WEIR_BLESS").is_some() {
        std::fs::write(&beside, found).unwrap();
    }
    let expected = std::fs::read_to_string(&beside).unwrap_or_default();
    assert_eq!(found, expected, "{name}: `WEIR_BLESS=1` writes it anew");
}

#[test]
fn every_report_stands_beside_its_tests() {
    assert!(cases().len() >= 10, "{:?}", cases());
    for name in cases() {
        let told = weir_test(&[&name]);
        let text = format!("{}{}exit {}\n", told.stderr, told.stdout, told.code);
        stands_beside(&format!("{name}.out"), &text);
    }
}

#[test]
fn every_format_tells_the_same() {
    for name in quick_cases() {
        let json = weir_test(&[&name, "--format", "json"]).json();
        let failed = json["failed"].as_u64().unwrap();
        let broken = json["errors"].as_u64().unwrap();
        let tests = json["tests"].as_array().unwrap();
        let failures: usize = tests.iter().map(|test| test["failures"].as_array().unwrap().len()).sum();
        assert_eq!(tests.iter().filter(|test| test["status"] == "failed").count() as u64, failed, "{name}");
        let code = i32::from(failed + broken > 0);
        let short = weir_test(&[&name, "--format", "short"]).code(code);
        assert_eq!(short.stdout.lines().count(), failures + usize::try_from(broken).unwrap(), "{}", short.stdout);
        let github = weir_test(&[&name, "--format", "github"]).code(code);
        assert_eq!(
            github.stdout.lines().filter(|line| line.starts_with("::error file=")).count(),
            short.stdout.lines().count()
        );
        let junit = weir_test(&[&name, "--format", "junit"]).code(code);
        assert_eq!(junit.stdout.matches("<failure ").count(), failures, "{}", junit.stdout);
        assert_eq!(junit.stdout.matches("<testcase ").count() as u64, tests.len() as u64 + broken, "{}", junit.stdout);
    }
}

#[test]
fn formats_for_programs_stay_as_they_are() {
    for format in ["json", "junit", "github", "short"] {
        let told = weir_test(&["sagas.flow", "missing.flow", "--format", format]).code(1);
        let text = match format {
            "json" => format!("{:#}\n", told.json()),
            _ => told.stdout,
        };
        stands_beside(&format!("formats/{format}.txt"), &text);
    }
}

#[test]
fn a_name_picks_tests_and_a_place_says_where() {
    let names = |told: &Ended| -> Vec<String> {
        let tests = told.json()["tests"].as_array().unwrap().clone();
        tests.iter().map(|test| test["name"].as_str().unwrap().to_owned()).collect()
    };
    let told = weir_test(&["signals.flow", "refused", "one answer", "--format", "json"]).code(0);
    assert_eq!(names(&told), ["refused", "one answer after the other"]);
    // A whole name means that test alone, also where others contain it.
    let told = weir_test(&["sagas.flow", "unknown", "--format", "json"]).code(0);
    assert_eq!(names(&told), ["unknown"]);
    weir_test(&["signals.flow", "refusd"])
        .code(2)
        .silent()
        .says(&["no test is called `refusd`", "did you mean `refused`?"]);
    weir_test(&["nowhere.flow"]).code(2).silent().says(&["nowhere.flow"]);
    // What looks like a path is none of a test's name, unless a test is called like that.
    weir_test(&["sagas.flow", "../flow_tets"]).code(2).silent().says(&["there is no `../flow_tets`"]);
    weir_test(&["signals.flow", "refused", "./signal"]).code(2).silent().says(&["there is no `./signal`"]);
}

#[test]
fn nothing_is_started_opened_or_written() {
    let started = "[tools.crm]\nexec = [\"touch\", \"started\"]\n";
    let flow = r#"
tool crm.put(id: string) -> { id: string } can crm.write idempotent
coordinator main() -> string can crm.write, files.write, log.write, store.write {
  files.write(path: "made.txt", text: "here")
  log.write(level: "info", message: "said")
  store.put(collection: "c", id: "1", value: { a: 1 })
  return crm.put(id: "a").id
}
test "only mocks" {
  mock files.write => { path: "made.txt", size: 4 }
  mock log.write => null
  mock store.put => { id: "1" }
  mock crm.put => { id: "b" }
  run = main()
  expect run.value == "b"
}
test "no mocks" {
  run = main()
  expect run.value == "b"
}
"#;
    let here = folder(&[("weir.toml", started), ("flows/main.flow", flow)]);
    let told = here.weir(&["test"]);
    assert!(
        told.stdout.contains("✓ only mocks") && told.stdout.contains("✗ no mocks"),
        "{}{}",
        told.stdout,
        told.stderr
    );
    let mut left: Vec<String> = walk(here.dir.path());
    left.sort();
    assert_eq!(left, ["flows/main.flow", "weir.toml"]);
}

fn walk(folder: &Path) -> Vec<String> {
    fn into(root: &Path, folder: &Path, out: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => into(root, &path, out),
                false => out.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()),
            }
        }
    }
    let mut out = Vec::new();
    into(folder, folder, &mut out);
    out
}

#[test]
fn a_thousand_tests_at_once() {
    let mut flow = String::from(
        "tool crm.get(id: string) -> { n: int } can crm.read\n\
         coordinator main(id: string) -> int can crm.read {\n  found = crm.get(id: id)\n  wait 1w\n  return found.n + 1\n}\n",
    );
    for n in 0..1000 {
        let wanted = if n == 617 { 0 } else { n + 1 };
        flow += &format!(
            "test \"number {n}\" {{\n  mock crm.get => {{ n: {n} }}\n  run = main(\"{n}\")\n  expect run.value == {wanted}\n}}\n"
        );
    }
    let here = folder(&[("main.flow", &flow)]);
    let first = here.weir(&["test", "main.flow"]).code(1).prints(&["1 failed, 999 passed in 1 file", "✗ number 617"]);
    let second = here.weir(&["test", "main.flow"]).code(1);
    assert_eq!(first.stdout, second.stdout);
}

#[test]
fn what_each_test_finds_is_the_same_each_time() {
    for name in quick_cases() {
        let once = weir_test(&[&name, "--format", "json"]).stdout;
        assert_eq!(once, weir_test(&[&name, "--format", "json"]).stdout, "{name}");
    }
}

#[test]
fn exploring_kills_behind_every_call() {
    weir_test(&["sagas.flow", "killed behind", "killed while", "unknown", "--explore"]).code(0).prints(&["3 passed"]);
    let flow = r#"
tool crm.put(n: int) -> { id: string } can crm.write
coordinator main() -> [string] can crm.write {
  return for n in [1, 2] parallel 2 { yield crm.put(n: n).id }
}
test "two beside each other" {
  mock crm.put => { id: "b" }
  run = main()
  expect run.status == "succeeded"
}
"#;
    let here = folder(&[("main.flow", flow)]);
    here.weir(&["test", "main.flow"]).code(0);
    let told = here.weir(&["test", "main.flow", "--explore"]).code(1);
    let told = told.prints(&["killed behind call 1 (`crm.put` at ", "`run` is `needs_attention`: unknown"]);
    assert!(told.stderr.is_empty(), "{}", told.stderr);
}

#[test]
fn a_project_that_has_no_tests_says_so() {
    let here = folder(&[("weir.toml", ""), ("flows/main.flow", "coordinator main() -> string { return \"x\" }\n")]);
    here.weir(&["test"]).code(0).prints(&["no tests in 1 file"]);
    let json: Value = here.weir(&["test", "--format", "json"]).code(0).json();
    assert_eq!(json["tests"], serde_json::json!([]));
    folder(&[("weir.toml", "")]).weir(&["test"]).code(0).prints(&["no tests in 0 files"]);
}
