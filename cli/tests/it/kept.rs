//! Journals that earlier versions of Weir left (`tests/data/journal-N.sql`) are brought up and gone on with.

use super::support::{Folder, folder, repository};
use rusqlite::Connection;
use serde_json::Value;
use std::path::PathBuf;

/// The dump of a journal of this version of the tables.
fn kept(version: i64) -> PathBuf {
    repository().join(format!("tests/data/journal-{version}.sql"))
}

fn version(journal: &Connection) -> i64 {
    journal.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

/// Brings a kept journal up and goes on with it; gives how its runs ended.
fn goes_on(kept: &str) -> Vec<(String, String)> {
    let here = folder(&[("weir.toml", "[project]\nname = \"kept\"\n"), (".weir/.gitignore", "*\n")]);
    let journal = Connection::open(here.path(".weir/weir.db")).unwrap();
    journal.execute_batch(kept).unwrap();
    let audited = version(&journal) >= 4;
    drop(journal);
    for run in runs(&here) {
        let id = run["run_id"].as_str().unwrap();
        here.weir(&["runs", "events", id]).code(0);
        let shown = here.weir(&["runs", "show", id, "--format", "json"]).code(0).json();
        assert_eq!(shown["metadata"]["status"], run["status"], "{shown}");
        for waits in shown["metadata"]["waiting"].as_array().into_iter().flatten() {
            match waits["kind"].as_str().unwrap() {
                "ask" => {
                    let answer = if waits["type"] == "bool" { "true" } else { r#"{"yes": true}"# };
                    here.weir(&["runs", "answer", id, answer]).code(0)
                }
                "receive" => here.weir(&["runs", "signal", id, "paid", "--value", r#"{"n": 1}"#]).code(0),
                _ => continue,
            };
        }
    }
    let whole = here.weir(&["audit", "verify", "--format", "json"]);
    if audited {
        assert!(whole.code(0).json()["records"].as_i64().unwrap() > 20);
    }
    let of = |run: &Value| (run["flow"].as_str().unwrap().to_owned(), run["status"].as_str().unwrap().to_owned());
    runs(&here).iter().map(of).collect()
}

fn runs(here: &Folder) -> Vec<Value> {
    let listed = here.weir(&["runs", "list", "--format", "json"]).code(0).json();
    listed["runs"].as_array().unwrap().clone()
}

#[test]
fn a_journal_of_each_earlier_version_is_kept_and_goes_on() {
    let here = folder(&[("a.flow", "coordinator main() -> int {\n  return 1\n}\n")]);
    here.weir(&["run", "a.flow:main"]).code(0);
    let newest = version(&Connection::open(here.path(".weir/weir.db")).unwrap());
    for version in 1..newest {
        let kept = std::fs::read_to_string(kept(version)).unwrap_or_else(|error| panic!("version {version}: {error}"));
        let ended = goes_on(&kept);
        assert!(
            ended.iter().any(|(flow, status)| flow.ends_with("main") && status == "succeeded"),
            "{version}: {ended:?}"
        );
        assert!(ended.iter().all(|(_, status)| status != "running"), "{version}: {ended:?}");
    }
}
