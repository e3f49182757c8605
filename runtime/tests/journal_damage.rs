//! A journal that is cut short, or in which single bits are flipped: no panic, nothing is guessed, nothing that was
//! recorded is taken for missing. `WEIR_SWEEP=long` flips a bit in every byte and cuts at every one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that fails may panic"
)]

use std::path::{Path, PathBuf};
use weir_runtime::journal::{
    Batch, Claimed, DueCall, Filter, Journal, JournalError, KeyChange, KeyClaim, Line, NewRun, RunRecord,
    SqliteJournal, StatusChange, Trouble,
};
use weir_stdlib::value::Value;

fn folder(name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory } else { Path::new(env!("CARGO_TARGET_TMPDIR")) };
    let folder = place.join(format!("weir-damage-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn key(name: &str) -> KeyClaim {
    KeyClaim { scope: "scope".into(), key: name.into(), args: [1; 32], step: "send".into() }
}

fn line(text: &str) -> Line {
    Line { text: text.into(), large: None }
}

fn run(id: &str) -> RunRecord {
    RunRecord {
        run_id: id.into(),
        flow: "main".into(),
        program: "sha256:1".into(),
        status: "running".into(),
        started_at: "2026-11-05T10:00:00Z".into(),
        finished_at: None,
        parent: None,
        thread: None,
    }
}

/// Two runs, one with a large value, a key and a thread.
fn fill(folder: &Path) {
    let journal = SqliteJournal::open(folder.join("weir.db")).unwrap();
    let first =
        NewRun { run: run("r1"), plan: "{\"plan\":1}".into(), start_key: None, lines: vec![line("0")], audit: vec![] };
    let of_thread = RunRecord { thread: Some("t".into()), ..run("r1") };
    journal.create(NewRun { run: of_thread, ..first.clone() }).wait().unwrap();
    journal.create(NewRun { run: run("r2"), ..first }).wait().unwrap();
    let call = DueCall { line: Some(line("\"claimed\"")), claim: Some(key("k")), audit: None };
    let batch = Batch { run_id: "r1".into(), token: 1, seq: 1, calls: vec![call], sync: true, ..Batch::default() };
    journal.append(batch.clone()).wait().unwrap();
    let large = Line { text: "\"done\"".into(), large: Some(format!("\"{}\"", "y".repeat(9_000))) };
    let keys = vec![KeyChange::Complete("scope".into(), "k".into(), Value::int(7))];
    let change = StatusChange { status: "waiting", finished_at: None };
    let done = Batch { seq: 2, lines: vec![large], calls: vec![], keys, status: Some(change), release: true, ..batch };
    journal.append(done).wait().unwrap();
}

/// Everything that going on rests on.
fn look(folder: &Path) -> Result<Vec<String>, JournalError> {
    let journal = SqliteJournal::open(folder.join("weir.db"))?;
    let mut seen = Vec::new();
    for id in ["r1", "r2"] {
        let loaded = journal.load(id)?.map(|loaded| (loaded.plan, loaded.lines));
        seen.push(format!("{loaded:?}"));
    }
    seen.push(journal.list(&Filter::default())?.len().to_string());
    seen.push(format!("{:?}", journal.thread_lines("t", 0, 100)?));
    let token = journal.claim("r1").wait()?;
    let call = DueCall { line: Some(line("\"again\"")), claim: Some(key("k")), audit: None };
    let batch = Batch { run_id: "r1".into(), token, seq: 3, calls: vec![call], sync: true, ..Batch::default() };
    let claimed = journal.append(batch).wait()?.claimed;
    seen.push(matches!(&claimed[0], Claimed::Recorded(value) if *value == Value::int(7)).to_string());
    Ok(seen)
}

fn harmed(name: &str, harm: impl Fn(&mut Vec<u8>, usize), points: impl Iterator<Item = usize>) {
    let whole = folder(name);
    fill(&whole);
    let files = |from: &Path, to: &Path| {
        for file in ["weir.db", "weir.db-mark"] {
            std::fs::copy(from.join(file), to.join(file)).unwrap();
        }
    };
    let copy = folder(&format!("{name}-copy"));
    files(&whole, &copy);
    let expected = look(&copy).unwrap();
    let bytes = std::fs::read(whole.join("weir.db")).unwrap();
    let (mut told, mut harmless, mut wrong) = (0, 0, Vec::new());
    for at in points.take_while(|at| *at < bytes.len()) {
        let copy = folder(&format!("{name}-copy"));
        files(&whole, &copy);
        let mut hurt = bytes.clone();
        harm(&mut hurt, at);
        std::fs::write(copy.join("weir.db"), hurt).unwrap();
        match look(&copy) {
            Ok(seen) if seen == expected => harmless += 1,
            Ok(seen) => wrong.push(format!("{at}: {seen:?}")),
            Err(error) => {
                assert!(error.what.contains("weir.db"), "{error}");
                told += usize::from(error.trouble == Trouble::Damaged);
            }
        }
    }
    eprintln!("{name}: {told} named as damage, {harmless} without effect, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "expected {expected:?}, but\n{}", wrong.join("\n"));
    assert!(told > 0);
    let _ = std::fs::remove_dir_all(&whole);
    let _ = std::fs::remove_dir_all(folder(&format!("{name}-copy")));
}

fn stride(short: usize) -> usize {
    if std::env::var("WEIR_SWEEP").is_ok_and(|mode| mode == "long") { 1 } else { short }
}

#[test]
fn cut_short() {
    harmed("cut", |bytes, at| bytes.truncate(at), (0..).step_by(stride(509)));
}

#[test]
fn single_bits_flipped() {
    harmed("flip", |bytes, at| bytes[at] ^= 1 << (at % 8), (0..).step_by(stride(67)));
}
