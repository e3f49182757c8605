//! What a person sees of every program of the corpus, in the file `rendered.txt` of its area. `WEIR_BLESS=1` writes
//! what is found.

use crate::support::{folder, repository};
use std::path::{Path, PathBuf};

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// A copy of a program, so that it stands alone and its path is the same everywhere.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        entries(from).iter().for_each(|path| copy(path, &to.join(path.file_name().unwrap())));
    } else {
        std::fs::copy(from, to).unwrap();
    }
}

#[test]
fn every_program_of_the_corpus_is_rendered_as_it_stands_beside_it() {
    let bless = std::env::var("WEIR_BLESS").is_ok();
    let mut wrong = Vec::new();
    for area in entries(&repository().join("tests/check")) {
        let name = area.file_name().unwrap().to_str().unwrap().to_owned();
        if name == "accept" {
            continue;
        }
        let mut text = String::new();
        for path in
            entries(&area).iter().filter(|path| path.is_dir() || path.extension().is_some_and(|end| end == "flow"))
        {
            let here = folder(&[]);
            let program = path.file_name().unwrap().to_str().unwrap();
            copy(path, &here.path(program));
            let ended = here.weir(&["check", program]);
            assert_eq!(ended.stderr, "", "{}", path.display());
            text.push_str(&format!("==== {program}\n{}\n", ended.stdout));
        }
        let beside = area.join("rendered.txt");
        if bless {
            std::fs::write(&beside, &text).unwrap();
        } else if std::fs::read_to_string(&beside).unwrap_or_default() != text {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "these areas are rendered otherwise: {wrong:?}; WEIR_BLESS=1 writes what is found");
}
