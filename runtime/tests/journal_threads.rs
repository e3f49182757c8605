//! The lists of threads in a real file: brought up from a journal that had none, damaged, over several processes, and no
//! dearer the longer they are.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use rusqlite::Connection;
use std::path::PathBuf;
use weir_runtime::journal::{
    Batch, Journal, JournalError, Line, NewRun, RunRecord, SqliteJournal, ThreadLine, Trouble,
};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join(".weir/weir.db")
    }

    fn open(&self) -> SqliteJournal {
        SqliteJournal::open(self.file()).unwrap()
    }

    fn sql(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }
}

fn create(journal: &SqliteJournal, id: &str, thread: Option<&str>) {
    let run = RunRecord {
        run_id: id.into(),
        flow: "main".into(),
        program: "sha256:1".into(),
        status: "running".into(),
        started_at: "2026-11-05T10:00:00Z".into(),
        finished_at: None,
        parent: None,
        thread: thread.map(Into::into),
    };
    let new = NewRun { run, plan: "{}".into(), start_key: None, lines: vec![], audit: vec![] };
    journal.create(new).wait().unwrap();
}

fn append(journal: &SqliteJournal, id: &str, token: u64, seq: u64, lines: usize) -> Result<u64, JournalError> {
    let lines = (seq..).take(lines).map(|at| Line { text: format!("\"{id}-{at}\""), large: None }).collect();
    let batch = Batch { run_id: id.into(), token, seq, lines, sync: true, ..Batch::default() };
    journal.append(batch).wait().map(|done| done.seq)
}

fn texts(lines: &[ThreadLine]) -> Vec<&str> {
    lines.iter().map(|one| one.line.text.trim_matches('"')).collect()
}

/// Two runs of a thread, by turns.
fn two() -> Place {
    let place = Place::new();
    let journal = place.open();
    create(&journal, "r1", Some("t"));
    create(&journal, "r2", Some("t"));
    for (id, seq, lines) in [("r1", 0, 2), ("r2", 0, 1), ("r1", 2, 1), ("r2", 1, 2), ("r1", 3, 1)] {
        append(&journal, id, 1, seq, lines).unwrap();
    }
    place
}

#[test]
fn damage_is_named_with_the_record() {
    let harmed = |sql: &str| {
        let place = two();
        place.sql().execute_batch(sql).unwrap();
        let error = place.open().thread_lines("t", 0, 100).unwrap_err();
        assert_eq!(error.trouble, Trouble::Damaged, "{sql}: {error}");
        assert!(error.what.contains("thread `t`") && error.what.contains("weir.db"), "{error}");
        error.why
    };
    for (sql, named) in [
        ("DELETE FROM thread_events WHERE position = 2", "line 1 of run r1 is missing in the list of thread `t`"),
        ("DELETE FROM thread_events WHERE position = 4", "line 2 of run r1 is missing in the list of thread `t`"),
        ("DELETE FROM thread_events WHERE position = 7", "line 3 of run r1 is missing in the list of thread `t`"),
        ("UPDATE thread_events SET first = 1 WHERE position = 2", "position 2 of thread `t` does not fit its checksum"),
        ("UPDATE thread_events SET position = 9 WHERE position = 4", "position 9 of thread `t` does not fit"),
        ("UPDATE thread_events SET run = 7 WHERE position = 4", "the run at position 4 of thread `t` is missing"),
        ("UPDATE thread_events SET thread = 'u' WHERE position = 4", "line 2 of run r1 is missing in the list"),
        ("DELETE FROM log WHERE run = 1 AND seq = 2", "line 2 of run r1 is missing"),
        ("UPDATE log SET lines = '9' WHERE run = 2 AND seq = 0", "line 0 of run r2 does not fit its checksum"),
        ("DELETE FROM thread_events", "line 0 of run r1 is missing in the list of thread `t`"),
        ("DELETE FROM runs WHERE number = 2", "the run at position 3 of thread `t` is missing"),
    ] {
        let why = harmed(sql);
        assert!(why.contains(named), "{sql}: {why}");
    }
}

/// From a journal of version 4, whose runs had threads and nothing else.
#[test]
fn a_journal_of_version_4_is_brought_up_with_its_threads_in_the_order_of_their_times() {
    let place = Place::new();
    std::fs::create_dir_all(place.file().parent().unwrap()).unwrap();
    place.sql().execute_batch(include_str!("../../tests/data/journal-4-threads.sql")).unwrap();
    let journal = place.open();
    let of = |thread: &str| {
        let lines = journal.thread_lines(thread, 0, 100).unwrap();
        let flow = |id: &str| journal.load(id).unwrap().unwrap().run.flow;
        lines.iter().map(|one| format!("{} {}", flow(&one.run_id), one.seq)).collect::<Vec<_>>()
    };
    let expected = ["main 0", "main 1", "main 2", "quick 0", "main 3", "part 0", "part 1", "main 4", "part 2"];
    assert_eq!(of("order/7"), expected.map(|line| format!("a.{line}")));
    assert_eq!(of("order/8"), ["a.quick 0"]);
    // What comes now stands behind it.
    create(&journal, "new", Some("order/7"));
    append(&journal, "new", 1, 0, 1).unwrap();
    let lines = journal.thread_lines("order/7", 0, 100).unwrap();
    assert_eq!(lines.len(), 10);
    assert!(lines.is_sorted_by_key(|one| one.position) && lines.last().unwrap().run_id == "new");
}

#[test]
fn a_run_without_a_thread_stands_in_no_list() {
    let place = two();
    let journal = place.open();
    create(&journal, "r3", None);
    append(&journal, "r3", 1, 0, 3).unwrap();
    let rows = |what: &str| -> i64 {
        place.sql().query_row(&format!("SELECT count(*) FROM thread_events {what}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((rows("WHERE run = 3"), rows("")), (0, 5));
}

/// What a process wrote that was then taken over stands before what the next one writes, and what it could not write does
/// not stand there at all.
#[test]
fn two_processes_write_one_list() {
    let place = Place::new();
    let (one, other) = (place.open(), place.open());
    create(&one, "r1", Some("t"));
    create(&other, "r2", Some("t"));
    for at in 0..5 {
        append(&one, "r1", 1, at, 1).unwrap();
        append(&other, "r2", 1, 2 * at, 2).unwrap();
    }
    one.release("r1", 1).wait().unwrap();
    let token = other.claim("r1").wait().unwrap();
    append(&other, "r1", token, 5, 1).unwrap();
    assert!(append(&one, "r1", 1, 6, 1).is_err());
    let expected: Vec<String> = (0..5)
        .flat_map(|at| [format!("r1-{at}"), format!("r2-{}", 2 * at), format!("r2-{}", 2 * at + 1)])
        .chain(["r1-5".to_owned()])
        .collect();
    for journal in [&one, &other] {
        assert_eq!(texts(&journal.thread_lines("t", 0, 100).unwrap()), expected);
    }
}

/// Of a thread of 100 runs with 100 lines each, a page reads the runs that stand on it, and nothing of the others: all of
/// them are damaged, and nobody is told.
#[test]
fn a_page_reads_what_stands_on_it() {
    let place = Place::new();
    let journal = place.open();
    for run in 0..100 {
        let id = format!("r{run}");
        create(&journal, &id, Some("t"));
        for at in 0..10 {
            append(&journal, &id, 1, at * 10, 10).unwrap();
        }
    }
    let page = |after| journal.thread_lines("t", after, 25);
    let middle = page(5_040).unwrap();
    assert_eq!(texts(&middle).first(), Some(&"r50-40"));
    let others = "UPDATE log SET sum = 0 WHERE run <> 51 OR seq NOT IN (40, 50, 60); \
                  UPDATE thread_events SET sum = 0 WHERE run <> 51";
    place.sql().execute_batch(others).unwrap();
    assert_eq!(page(5_040).unwrap(), middle);
    assert_eq!(page(5_000).unwrap_err().trouble, Trouble::Damaged);
    let plan =
        "EXPLAIN QUERY PLAN SELECT position FROM thread_events WHERE thread = 't' AND position > 5 ORDER BY position";
    let plan: String = place.sql().query_row(plan, [], |row| row.get(3)).unwrap();
    assert!(plan.contains("thread_events_thread (thread=? AND rowid>?)"), "{plan}");
}
