//! Journals against real files: the contract, damaged and foreign files, two at once, a folder that cannot be written.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use weir_runtime::audit::Chain;
use weir_runtime::journal::{
    Admitted, Appended, Batch, Created, Depth, EphemeralJournal, Filter, Journal, JournalError, Line, MemoryJournal,
    NewRun, RunRecord, SqliteJournal, StatusChange, Trouble, conformance,
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
        parent: None,
        thread: None,
    }
}

fn create(journal: &SqliteJournal, id: &str) {
    let new = NewRun { run: run(id), plan: "{}".into(), start_key: None, lines: vec![], audit: vec![] };
    assert_eq!(journal.create(new).wait().unwrap(), Created::New);
}

fn append(journal: &SqliteJournal, id: &str, seq: u64, texts: &[&str]) -> Result<Appended, JournalError> {
    let lines = texts.iter().map(|text| Line { text: (*text).to_owned(), large: None }).collect();
    journal.append(Batch { run_id: id.into(), token: 1, seq, lines, sync: true, ..Batch::default() }).wait()
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
    create(&journal, "r1");
    append(&journal, "r1", 0, &["{\"event\":1}"]).unwrap();
    drop(journal);
    let loaded = SqliteJournal::open(&file).unwrap().load("r1").unwrap().unwrap();
    assert_eq!((loaded.run, loaded.plan.as_str()), (run("r1"), "{}"));
    assert_eq!(loaded.lines, [Line { text: "{\"event\":1}".into(), large: None }]);
    assert_eq!(std::fs::read_to_string(file.with_file_name(".gitignore")).unwrap(), "*\n");
}

#[test]
fn a_plan_is_stored_once() {
    let file = new_file();
    let journal = SqliteJournal::open(&file).unwrap();
    create(&journal, "r1");
    create(&journal, "r2");
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
fn damage_is_refused_with_the_record_named() {
    let harm = |sql: &str| {
        let file = new_file();
        let journal = SqliteJournal::open(&file).unwrap();
        create(&journal, "r1");
        append(&journal, "r1", 0, &["0", "1", "2"]).unwrap();
        let large = vec![Line { text: "3".into(), large: Some("\"big\"".into()) }];
        let batch = Batch { run_id: "r1".into(), token: 1, seq: 3, lines: large, ..Batch::default() };
        journal.append(Batch { sync: true, release: true, ..batch }).wait().unwrap();
        Connection::open(&file).unwrap().execute_batch(sql).unwrap();
        let error = journal.load("r1").unwrap_err();
        assert_eq!(error.trouble, Trouble::Damaged, "{sql}: {error}");
        assert!(error.what.contains("weir.db"), "{error}");
        error.why
    };
    for (sql, named) in [
        ("DELETE FROM log WHERE seq = 0", "line 2 of run r1 is missing"),
        ("DELETE FROM log WHERE seq = 3", "line 3 of run r1 is missing"),
        ("DELETE FROM log", "line 3 of run r1 is missing"),
        ("UPDATE log SET lines = '9' WHERE seq = 0", "line 0 of run r1 does not fit its checksum"),
        ("UPDATE log SET seq = 5 WHERE seq = 3", "line 5 of run r1 does not fit its checksum"),
        ("UPDATE log SET before = NULL", "line 2 of run r1 is missing"),
        ("UPDATE log SET before = number", "line 2 of run r1 is missing"),
        ("UPDATE log SET run = 2 WHERE seq = 0", "line 2 of run r1 is missing"),
        ("UPDATE payloads SET json = '\"bug\"'", "of line 3 of run r1 does not fit its hash"),
        ("DELETE FROM payloads", "of line 3 of run r1 is missing"),
        ("UPDATE ends SET next = 3", "the end of run r1 is not what was written"),
        ("DELETE FROM ends", "the end of run r1 is not what was written"),
        ("UPDATE runs SET flow = 'b.main'", "the record of run r1 does not fit its checksum"),
        ("UPDATE plans SET json = '[]'", "plan sha256:1 does not fit its checksum"),
        ("DELETE FROM plans", "plan sha256:1 of run r1 is missing"),
    ] {
        assert!(harm(sql).contains(named), "{sql}: {}", harm(sql));
    }
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
    create(&one, "r1");
    append(&one, "r1", 0, &["1"]).unwrap();
    let error = append(&other, "r1", 0, &["2"]).unwrap_err();
    assert!(error.why.contains("another process carries the run on"), "{error}");
    let error = other.claim("r1").wait().unwrap_err();
    assert_eq!(error.trouble, Trouble::Held);
    drop(one);
    assert_eq!(other.claim("r1").wait().unwrap(), 2);
}

/// What a worker looks like that stopped for too long: its process lives, its time is up.
#[test]
fn a_worker_that_slept_too_long_loses_its_runs_and_writes_nothing_any_more() {
    let file = new_file();
    let (one, other) = (SqliteJournal::open(&file).unwrap(), SqliteJournal::open(&file).unwrap());
    create(&one, "r1");
    append(&one, "r1", 0, &["1"]).unwrap();
    Connection::open(&file).unwrap().execute("UPDATE workers SET until = 1", []).unwrap();
    assert_eq!(other.claim("r1").wait().unwrap(), 2);
    let error = append(&one, "r1", 1, &["\"too late\""]).unwrap_err();
    assert_eq!(error.trouble, Trouble::Held, "{error}");
    assert_eq!(other.load("r1").unwrap().unwrap().lines.len(), 1);
}

#[test]
fn a_journal_of_version_1_is_brought_up_with_all_that_it_holds() {
    let file = new_file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let kept = include_str!("../../tests/data/journal-1.sql");
    Connection::open(&file).unwrap().execute_batch(kept).unwrap();
    let journal = SqliteJournal::open(&file).unwrap();
    let runs = journal.list(&Filter::default()).unwrap();
    let found: Vec<_> = runs.iter().map(|run| (run.flow.as_str(), run.status.as_str())).collect();
    assert_eq!(found, [("a.kept", "succeeded"), ("a.keyed", "compensated"), ("a.main", "waiting")]);
    let lines: Vec<_> = runs.iter().map(|run| journal.load(&run.run_id).unwrap().unwrap().lines.len()).collect();
    assert_eq!(lines, [3, 6, 3]);
    let keys: i64 =
        Connection::open(&file).unwrap().query_row("SELECT count(*) FROM keys", [], |row| row.get(0)).unwrap();
    assert_eq!(keys, 1);
}

#[test]
fn a_journal_of_version_2_is_brought_up_with_all_that_it_holds() {
    let file = new_file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let kept = include_str!("../../tests/data/journal-2.sql");
    Connection::open(&file).unwrap().execute_batch(kept).unwrap();
    let journal = SqliteJournal::open(&file).unwrap();
    let runs = journal.list(&Filter::default()).unwrap();
    let found: Vec<_> = runs.iter().map(|run| (run.flow.as_str(), run.status.as_str())).collect();
    assert_eq!(
        found,
        [("a.keeps", "succeeded"), ("a.parent", "succeeded"), ("a.undoes", "compensated"), ("a.main", "waiting")]
    );
    let lines: Vec<_> = runs.iter().map(|run| journal.load(&run.run_id).unwrap().unwrap().lines.len()).collect();
    assert_eq!(lines, [3, 2, 6, 3]);
    assert_eq!(runs[0].parent.as_ref(), Some(&runs[1].run_id));
    // What is new works on it.
    let main = runs[3].run_id.as_str();
    assert!(matches!(journal.admit(main, 0).wait().unwrap(), Admitted::Go(_)));
    assert_eq!(journal.depth(0).unwrap(), Depth::default());
    assert_eq!(journal.recall("server crm").unwrap(), None);
}

#[test]
fn the_lines_can_be_read_with_sqlite_alone() {
    let file = new_file();
    let journal = SqliteJournal::open(&file).unwrap();
    create(&journal, "r1");
    let done = r#"{"event":{"done":{"at":"2026-11-05T10:00:00Z","key":{"step":"a","attempt":2},"value":1}}}"#;
    append(&journal, "r1", 0, &[done, r#"{"claimed":{"key":{"step":"b","attempt":1},"args":"00"}}"#]).unwrap();
    let sql = Connection::open(&file).unwrap();
    let mut rows = sql.prepare("SELECT kind, step, attempt FROM journal").unwrap();
    let rows: Vec<(String, String, i64)> =
        rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows, [("done".into(), "a".into(), 2), ("claimed".into(), "b".into(), 1)]);
}

/// The end of the write-ahead log is cut off: SQLite takes it for a commit that never was, the witness does not.
#[test]
fn a_lost_end_is_noticed() {
    let file = new_file();
    let journal = SqliteJournal::open(&file).unwrap();
    create(&journal, "r1");
    append(&journal, "r1", 0, &["1"]).unwrap();
    let copy = new_file();
    let folder = copy.parent().unwrap();
    std::fs::create_dir_all(folder).unwrap();
    std::fs::copy(&file, &copy).unwrap();
    std::fs::copy(file.with_file_name("weir.db-wal"), folder.join("weir.db-wal")).unwrap();
    append(&journal, "r1", 1, &["2"]).unwrap();
    std::fs::copy(file.with_file_name("weir.db-mark"), folder.join("weir.db-mark")).unwrap();
    let error = refusal(&copy);
    assert_eq!(error.trouble, Trouble::Damaged);
    assert!(error.why.contains("run r1 has 1 lines of the 2"), "{error}");
    // Once the witness is gone, what is there can be gone on with.
    std::fs::remove_file(folder.join("weir.db-mark")).unwrap();
    SqliteJournal::open(&copy).unwrap();
}

/// Many runs write at once, so their lines stand between each other's, beside records that stay.
#[test]
fn the_room_of_forgotten_runs_is_given_back_and_the_audit_stays_whole() {
    let file = new_file();
    let journal = SqliteJournal::open(&file).unwrap();
    let runs: Vec<String> = (0..60).map(|number| format!("r{number}")).collect();
    runs.iter().for_each(|run| create(&journal, run));
    let text = |what: &str, seq: u64| format!("{{\"{what}\":{seq},\"text\":\"{}\"}}", "x".repeat(300));
    for seq in 0..20 {
        for run in &runs {
            let line = Line { text: text("line", seq), large: None };
            let (lines, audit) = (vec![line], vec![text("record", seq)]);
            let batch = Batch { run_id: run.as_str().into(), token: 1, seq, lines, audit, ..Batch::default() };
            drop(journal.append(batch));
        }
    }
    let (lives, over) = runs.split_last().unwrap();
    for run in over {
        let status = StatusChange { status: "succeeded", finished_at: Some("2020-01-01T00:00:00Z".into()) };
        let status = Some(status);
        let batch = Batch { run_id: run.as_str().into(), token: 1, seq: 20, status, release: true, ..Batch::default() };
        journal.append(Batch { sync: true, ..batch }).wait().unwrap();
    }
    let sql = Connection::open(&file).unwrap();
    let number = |name: &str| sql.pragma_query_value(None, name, |row| row.get::<_, u64>(0)).unwrap();
    let pages = || number("page_count") * 4_096;
    let before = pages();
    let links = |journal: &SqliteJournal| journal.audited(0, 10_000).unwrap().links;
    let written = links(&journal);
    assert_eq!(written.len(), 60 * 20);
    while journal.forget("2021-01-01T00:00:00Z", 10).wait().unwrap() > 0 {}
    let kept: u64 = written.iter().map(|link| link.text.len() as u64).sum();
    // The lines were as long as the records.
    assert!(before > 2 * kept, "{before} of {kept}");
    assert_eq!(number("freelist_count"), 0);
    assert!(pages() < before - kept, "{} of {before}, {kept} of it records", pages());
    assert_eq!(links(&journal), written);
    let mut chain = Chain::default();
    written.iter().for_each(|link| chain.follow(link));
    assert_eq!(chain.end(journal.audited(0, 1).unwrap().head).breaks, []);
    for after in [0, 1, 7, 599, 1_199, 1_200] {
        let page = journal.audited(after, 3).unwrap().links;
        let numbers: Vec<u64> = page.iter().map(|link| link.number).collect();
        assert_eq!(numbers, (after + 1..=1_200).take(3).collect::<Vec<_>>());
    }
    assert_eq!(journal.load(lives).unwrap().unwrap().lines.len(), 20);
}

/// A run that goes on alone does not say with each row where it ends; whoever looks finds it all the same.
#[test]
fn the_end_of_a_run_that_goes_on_alone_is_found_by_everybody() {
    let file = new_file();
    let journal = SqliteJournal::open(&file).unwrap();
    create(&journal, "r1");
    create(&journal, "r2");
    let sql = Connection::open(&file).unwrap();
    let said = |run: i64| {
        let said = sql.query_row("SELECT next FROM ends WHERE run = ?1", [run], |row| row.get::<_, u64>(0));
        said.unwrap()
    };
    let lines = |journal: &SqliteJournal, run: &str| journal.load(run).unwrap().unwrap().lines.len() as u64;
    for seq in 0..100 {
        append(&journal, "r1", seq, &["1"]).unwrap();
        assert_eq!(lines(&journal, "r1"), seq + 1);
        assert!(said(1) + 32 >= seq, "{} of {seq}", said(1));
    }
    assert!(said(1) < 100);
    // Another run's turn, and another process's: what was not said is said first.
    append(&journal, "r2", 0, &["1"]).unwrap();
    assert_eq!((said(1), said(2)), (100, 0));
    append(&journal, "r2", 1, &["1", "2"]).unwrap();
    let other = SqliteJournal::open(&file).unwrap();
    assert_eq!((lines(&other, "r2"), said(2)), (3, 0));
    for turn in 0..70 {
        create(&other, &format!("o{turn}"));
        assert_eq!((lines(&journal, "r2"), said(2)), (3, 3));
    }
    append(&journal, "r2", 3, &["3"]).unwrap();
    assert_eq!((lines(&other, "r2"), said(2)), (4, 3));
    // What is missing behind the end that was said is missed, as far as something stands behind it.
    append(&journal, "r2", 4, &["4"]).unwrap();
    sql.execute("DELETE FROM log WHERE run = 2 AND seq = 3", []).unwrap();
    let error = other.load("r2").unwrap_err();
    assert!(error.why.contains("line 3 of run r2 is missing"), "{error}");
    // Where the end itself is missing, the witness tells whoever opens the journal.
    sql.execute("DELETE FROM log WHERE run = 2 AND seq > 2", []).unwrap();
    assert!(refusal(&file).why.contains("run r2 has 3 lines of the 5 that were written"), "{}", refusal(&file));
}

/// The witness speaks of what is durable, not of what could not be committed.
#[test]
fn the_witness_does_not_speak_of_what_was_given_up() {
    let file = new_file();
    let journal = SqliteJournal::open(&file).unwrap();
    create(&journal, "r1");
    append(&journal, "r1", 0, &["1"]).unwrap();
    let sql = Connection::open(&file).unwrap();
    // Everything is written but the last.
    sql.execute_batch("CREATE TRIGGER no BEFORE INSERT ON audit_head BEGIN SELECT raise(abort, 'no'); END").unwrap();
    let line = Line { text: "2".into(), large: None };
    let status = Some(StatusChange { status: "waiting", finished_at: None });
    let batch = Batch { run_id: "r1".into(), token: 1, seq: 1, lines: vec![line], status, ..Batch::default() };
    let failed = journal.append(Batch { audit: vec!["{}".into()], sync: true, ..batch }).wait().unwrap_err();
    assert!(failed.why.contains("no"), "{failed}");
    sql.execute_batch("DROP TRIGGER no").unwrap();
    journal.audit(Vec::new()).wait().unwrap();
    drop(journal);
    assert_eq!(SqliteJournal::open(&file).unwrap().load("r1").unwrap().unwrap().lines.len(), 1);
}

/// A worker leaves, and cannot say where its run ends: whoever goes on finds the end.
#[test]
fn a_worker_that_cannot_leave_in_good_order_loses_nothing() {
    let file = new_file();
    let journal = SqliteJournal::open(&file).unwrap();
    create(&journal, "r1");
    append(&journal, "r1", 0, &["1", "2"]).unwrap();
    let sql = Connection::open(&file).unwrap();
    sql.execute_batch("CREATE TRIGGER no BEFORE UPDATE ON ends BEGIN SELECT raise(abort, 'no'); END").unwrap();
    drop(journal);
    sql.execute_batch("DROP TRIGGER no").unwrap();
    let journal = SqliteJournal::open(&file).unwrap();
    assert_eq!(journal.claim("r1").wait().unwrap(), 2);
    assert_eq!(journal.load("r1").unwrap().unwrap().lines.len(), 2);
}
