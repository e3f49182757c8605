//! The entries of `fuzz/` without cargo-fuzz: every kept case, and what chance makes of seeds of this repository.
//! `WEIR_FUZZ_ROUNDS=100000` goes on for longer.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests read files, print, and stop where something is wrong"
)]

#[path = "../../fuzz/entry.rs"]
mod entry;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn below(folder: &Path, wanted: &dyn Fn(&str) -> bool, out: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            below(&path, wanted, out);
        } else if path.is_file() && wanted(&name) {
            out.extend(std::fs::read_to_string(&path).ok());
        }
    }
}

/// Seeds of an entry.
fn seeds(entry: &str) -> Vec<String> {
    let wanted = |name: &str| match entry {
        "parse" | "check" => name.ends_with(".flow"),
        "project" => name == "weir.toml",
        "lock" => name.ends_with("lock.json"),
        _ => name.ends_with(".json"),
    };
    let mut out = Vec::new();
    for folder in ["examples", "tests", "compiler/tests", "runtime/tests", "fuzz/cases"] {
        below(&root().join(folder), &wanted, &mut out);
    }
    out.push(String::new());
    let made = match entry {
        "lock" => {
            r#"{"version":1,"servers":{"crm":{"kind":"mcp","tools":{"find":{"description":"d","input":{"type":"object","properties":{"id":{"type":"string"}}},"hash":"sha256:0"}}}}}"#
        }
        "schema" => {
            r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/b"},"c":{"anyOf":[{"type":"null"},{"enum":[1,"x"]}]}},"required":["a"],"$defs":{"b":{"type":"array","items":{"type":"number","minimum":0}}}}"##
        }
        "openapi" => {
            r##"{"openapi":"3.0.0","paths":{"/pets/{id}":{"get":{"operationId":"pet","parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}],"responses":{"200":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/P"}}}}}}}},"components":{"schemas":{"P":{"type":"object"}}}}"##
        }
        "project" => {
            "[project]\nname = \"x\"\ntrust = \"strict\"\n\n[tools.crm]\ncommand = \"crm\"\nargs = [\"a\"]\n\n[tools.crm.tool.find]\ncan = [\"crm.read\"]\n"
        }
        _ => "",
    };
    out.push(made.into());
    out.retain(|text| text.len() < 60_000);
    out
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % most.max(1) as u64).unwrap()
    }
}

/// A text with pieces cut, doubled, moved, swapped with another's, or a character changed.
fn spoilt(seeds: &[String], dice: &mut Dice) -> String {
    const ODD: [&str; 24] = [
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "\"",
        "\\",
        "\u{0}",
        "\u{202e}",
        "é",
        "9999999999999999999",
        "-1",
        "null",
        "\n",
        "/",
        "$ref",
        "#/",
        "\"\"\"",
        "..",
        "1e999",
        "'",
        "=",
        "\u{feff}",
    ];
    let mut text: Vec<char> = seeds[dice.below(seeds.len())].chars().collect();
    for _ in 0..1 + dice.below(6) {
        let (a, b) = (dice.below(text.len() + 1), dice.below(40));
        let to = (a + b).min(text.len());
        match dice.below(6) {
            0 => drop(text.drain(a..to)),
            1 => {
                let piece: Vec<char> = text[a..to].to_vec();
                let at = dice.below(text.len() + 1);
                text.splice(at..at, piece);
            }
            2 => {
                let other: Vec<char> = seeds[dice.below(seeds.len())].chars().collect();
                let from = dice.below(other.len() + 1);
                text.splice(a..to, other[from..(from + b).min(other.len())].iter().copied());
            }
            3 | 4 => drop(text.splice(a..a, ODD[dice.below(ODD.len())].chars())),
            _ => text.truncate(a.max(text.len() / 2)),
        }
    }
    text.into_iter().collect()
}

#[test]
fn kept_cases_do_no_harm() {
    for (name, entry) in entry::ENTRIES {
        let mut cases = Vec::new();
        below(&root().join("fuzz/cases").join(name), &|_| true, &mut cases);
        cases.iter().for_each(|text| entry(text));
    }
}

#[test]
fn spoilt_files_do_no_harm() {
    let rounds = std::env::var("WEIR_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    for (number, (name, entry)) in entry::ENTRIES.into_iter().enumerate() {
        let seeds = seeds(name);
        let mut dice = Dice(number as u64 + 1);
        for round in 0..rounds {
            let text = spoilt(&seeds, &mut dice);
            let ended = std::panic::catch_unwind(|| entry(&text));
            assert!(ended.is_ok(), "`{name}` panics in round {round} on\n{text}");
        }
    }
}
