//! Journals against real files: the contract, damaged and foreign files, two at once, a folder that cannot be written.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use weir_runtime::journal::{
    EphemeralJournal, Journal, JournalError, MemoryJournal, RunRecord, SqliteJournal, conformance,
};

/// A place for a new journal under the build's own folder for tests.
fn new_file() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("journal-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder.join(".weir/weir.db")
}

fn run(id: &str) -> RunRecord {
    RunRecord {
        run_id: id.into(),
        flow: "main".into(),
        program: "sha256:1".into(),
        status: "running".into(),
        started_at: "2026-11-05T10:00:00Z".into(),
        finished_at: None,
    }
}

fn refusal(path: &Path) -> JournalError {
    SqliteJournal::open(path).err().expect("it must be refused")
}

#[test]
fn memory_conforms() {
    conformance::check(&|| Box::new(MemoryJournal::new())).unwrap();
}

#[test]
fn sqlite_conforms() {
    conformance::check(&|| Box::new(SqliteJournal::open(new_file()).unwrap())).unwrap();
}

#[test]
fn ephemeral_conforms() {
    conformance::check(&|| {
        Box::new(EphemeralJournal { runs: MemoryJournal::new(), keys: SqliteJournal::open(new_file()).unwrap() })
    })
    .unwrap();
}

#[test]
fn keys_are_claimed_once_between_two_journals_on_one_file() {
    let file = new_file();
    let (one, other) = (SqliteJournal::open(&file).unwrap(), SqliteJournal::open(&file).unwrap());
    conformance::check_shared(&one, &other).unwrap();
}

#[test]
fn many_open_one_new_file_at_once() {
    let file = new_file();
    std::thread::scope(|scope| {
        let opened: Vec<_> = (0..8).map(|_| scope.spawn(|| SqliteJournal::open(&file).map(drop))).collect();
        opened.into_iter().for_each(|one| one.join().unwrap().unwrap());
    });
}

#[test]
fn everything_is_there_after_opening_again() {
    let file = new_file();
    let journal = SqliteJournal::open(&file).unwrap();
    journal.create(&run("r1"), "{}").unwrap();
    journal.append("r1", 0, &["{\"event\":1}".into()], true).unwrap();
    drop(journal);
    let (record, plan, events) = SqliteJournal::open(&file).unwrap().load("r1").unwrap().unwrap();
    assert_eq!((record, plan.as_str(), events.as_slice()), (run("r1"), "{}", &["{\"event\":1}".to_owned()][..]));
    assert_eq!(std::fs::read_to_string(file.with_file_name(".gitignore")).unwrap(), "*\n");
}

#[test]
fn a_plan_is_stored_once() {
    let file = new_file();
    let journal = SqliteJournal::open(&file).unwrap();
    journal.create(&run("r1"), "{}").unwrap();
    journal.create(&run("r2"), "{}").unwrap();
    let plans: i64 =
        Connection::open(&file).unwrap().query_row("SELECT count(*) FROM plans", [], |row| row.get(0)).unwrap();
    assert_eq!(plans, 1);
}

#[test]
fn foreign_newer_and_broken_files_are_refused_and_left_alone() {
    let file = new_file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let before = std::fs::read(&file).unwrap();
    assert!(refusal(&file).why.contains("another program"), "{}", refusal(&file));
    assert_eq!(std::fs::read(&file).unwrap(), before);

    let file = new_file();
    drop(SqliteJournal::open(&file).unwrap());
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(refusal(&file).why.contains("newer Weir"), "{}", refusal(&file));

    let file = new_file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "this is no database, but it is long enough to have a header of one ".repeat(40)).unwrap();
    assert!(refusal(&file).why.contains("no SQLite file"), "{}", refusal(&file));
    assert!(refusal(&file).what.contains("weir.db"));
}

#[test]
fn a_damaged_run_is_refused_with_the_event_named() {
    let file = new_file();
    let journal = SqliteJournal::open(&file).unwrap();
    for id in ["hole", "garbage"] {
        journal.create(&run(id), "{}").unwrap();
        journal.append(id, 0, &["0".into(), "1".into(), "2".into()], true).unwrap();
    }
    let sql = Connection::open(&file).unwrap();
    sql.execute("DELETE FROM events WHERE run_id = 'hole' AND seq = 1", []).unwrap();
    sql.execute("UPDATE events SET json = '{\"cut' WHERE run_id = 'garbage' AND seq = 2", []).unwrap();
    let error = journal.load("hole").unwrap_err();
    assert!(error.what.contains("run hole") && error.why.contains("event 1 is missing"), "{error}");
    let error = journal.load("garbage").unwrap_err();
    assert!(error.why.contains("event 2 cannot be read"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_says_what_to_do() {
    let error = refusal(Path::new("/sys/weir/.weir/weir.db"));
    assert!(error.why.contains("make it writable") && error.why.contains("--ephemeral"), "{error}");
}

#[test]
fn a_second_process_cannot_continue_the_same_run() {
    let file = new_file();
    let (one, other) = (SqliteJournal::open(&file).unwrap(), SqliteJournal::open(&file).unwrap());
    one.create(&run("r1"), "{}").unwrap();
    one.append("r1", 0, &["1".into()], true).unwrap();
    let error = other.append("r1", 0, &["2".into()], true).unwrap_err();
    assert!(error.why.contains("another process continues it"), "{error}");
}
