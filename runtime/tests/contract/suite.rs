//! The official test suite. Soundness: what the type accepts and the check lets pass is valid. Completeness: what is
//! valid is accepted by the type, save whole numbers beyond 64 bits, which are refused and never rounded.

use crate::{both, data};
use serde_json::{Value as Json, json};
use std::path::Path;

#[derive(Default)]
struct Figures {
    schemas: usize,
    refused: Vec<String>,
    values: usize,
    unsound: Vec<String>,
    incomplete: Vec<String>,
    too_strict: Vec<String>,
    beyond_64_bits: usize,
    invalid: usize,
    caught_by_type: usize,
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn with_dialect(schema: &Json, dialect: &str) -> Json {
    let mut schema = schema.clone();
    if let Json::Object(map) = &mut schema {
        map.entry("$schema").or_insert(json!(dialect));
    }
    schema
}

fn big(value: &Json) -> bool {
    match value {
        Json::Number(number) => {
            number.as_i64().is_none()
                && number.as_f64().is_some_and(|double| double.fract() == 0.0 && double.abs() > 9e15)
        }
        Json::Array(items) => items.iter().any(big),
        Json::Object(fields) => fields.values().any(big),
        _ => false,
    }
}

fn run(folder: &str, dialect: &str) -> Figures {
    let root = data("json-schema-test-suite").join(folder);
    let mut figures = Figures::default();
    let mut open = files(&root);
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(files(&path));
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let groups: Vec<Json> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for group in groups {
            group_of(&mut figures, &name, &group, dialect);
        }
    }
    figures
}

fn group_of(figures: &mut Figures, file: &str, group: &Json, dialect: &str) {
    figures.schemas += 1;
    let schema = with_dialect(&group["schema"], dialect);
    let title = format!("{file}: {}", group["description"].as_str().unwrap());
    let both = match both(&schema) {
        Ok(both) => both,
        Err(why) => return figures.refused.push(format!("{title}: {why}")),
    };
    for test in group["tests"].as_array().unwrap() {
        figures.values += 1;
        let (value, valid) = (&test["data"], test["valid"].as_bool().unwrap());
        let (fits, holds) = (both.fits(value), both.holds(value));
        let line = format!("{title}: {}: `{}` as `{}`", test["description"].as_str().unwrap(), value, both.ty);
        figures.invalid += usize::from(!valid);
        figures.caught_by_type += usize::from(!valid && !fits);
        if valid && !fits && big(value) {
            figures.beyond_64_bits += 1;
        } else if valid && !fits {
            figures.incomplete.push(line.clone());
        }
        if fits && holds && !valid {
            figures.unsound.push(line.clone());
        }
        if valid && !holds {
            figures.too_strict.push(line);
        }
    }
}

fn report(folder: &str, figures: &Figures) {
    println!(
        "{folder}: {} schemas, {} refused; {} values: unsound {}, incomplete {}, beyond 64 bits {}, valid and refused by the check {}; of {} invalid ones the type alone refuses {}",
        figures.schemas,
        figures.refused.len(),
        figures.values,
        figures.unsound.len(),
        figures.incomplete.len(),
        figures.beyond_64_bits,
        figures.too_strict.len(),
        figures.invalid,
        figures.caught_by_type,
    );
    for line in figures.refused.iter().chain(&figures.unsound).chain(&figures.incomplete).chain(&figures.too_strict) {
        println!("  {line}");
    }
}

/// What is refused leads outside or is written in another dialect; nothing valid is refused otherwise.
fn judge(figures: &Figures) {
    assert!(figures.unsound.is_empty() && figures.incomplete.is_empty() && figures.too_strict.is_empty());
    let outside = |why: &String| why.contains("nothing is fetched") || why.contains("which is not known");
    assert!(figures.refused.iter().all(outside), "{:#?}", figures.refused);
    // Types that are all `json` would be complete too, and say nothing.
    assert!(figures.caught_by_type * 5 > figures.invalid, "{} of {}", figures.caught_by_type, figures.invalid);
}

#[test]
fn the_suite_of_draft_7() {
    let figures = run("draft7", "http://json-schema.org/draft-07/schema#");
    report("draft7", &figures);
    judge(&figures);
}

#[test]
fn the_suite_of_draft_2020_12() {
    let figures = run("draft2020-12", "https://json-schema.org/draft/2020-12/schema");
    report("draft2020-12", &figures);
    judge(&figures);
}
