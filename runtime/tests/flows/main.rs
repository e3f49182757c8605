//! Flows from text to envelope: every `tests/run/<area>/<name>.flow` is compiled, run by the local engine on a virtual
//! clock with tools that do what its comments say, and what happened must be what stands beside it in `<name>.out`.
//! `WEIR_BLESS=1` writes the expected files; `WEIR_ONLY=sagas` runs those whose name has that in it.
//!
//! What comments may say, besides talking:
//!
//! ```text
//! // main: flow             the flow to run (otherwise `main`)
//! // args: {"a": 1}
//! // grant: a.read, a.write (otherwise what the flow says that it can)
//! // delivery               the gate is open
//! // flag: name
//! // toml: [project]        a line of weir.toml
//! // lock: {                a line of weir.lock.json
//! // a.write: ok {"id": "1"} | 2s fail timeout maybe | panic | hang
//! // a.read {"q": "x"}: ok {"n": 1}      only for these arguments
//! // answer step: {"approved": true} | null
//! // 2s signal name key: {"amount": 1}
//! // 2s cancel
//! // again: {"a": 2}        a second run in the same project, with these arguments
//! ```
//!
//! Replies are used in order, the last one again and again. A call takes 10 ms unless its reply says otherwise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot go on fails"
)]

mod play;
mod script;
mod show;

use std::path::{Path, PathBuf};

#[test]
fn every_flow_does_what_is_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/run");
    let bless = std::env::var("WEIR_BLESS").is_ok();
    let only = std::env::var("WEIR_ONLY").unwrap_or_default();
    let mut wrong = String::new();
    for area in entries(&root) {
        for path in entries(&area) {
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            if path.extension().is_none_or(|extension| extension != "flow") || !name.contains(&only) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let found = play::play(&name, &text);
            let expected = path.with_extension("out");
            if bless {
                std::fs::write(&expected, &found).unwrap();
                continue;
            }
            let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
            if wanted != found {
                wrong += &format!("--- {name}: expected\n{wanted}--- found\n{found}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}\nWEIR_BLESS=1 writes what is found");
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}
