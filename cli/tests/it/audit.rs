//! `weir audit`: what was done is told, and a change to what was told is found.

use crate::support::{Folder, folder};

const FLOWS: &str = r#"
saga main() can store.write {
  store.put(collection: "a", id: "1", value: 1)
    undo store.delete(collection: "a", id: "1")
  go = ask "Go on?" as bool
  require go else fail conflict "no"
}

delivery tells() can mail.send {
  key "k"
  mail.send(to: "ann@acme.test", subject: "Hello", body: "You")
}
"#;

fn ran() -> (Folder, String) {
    let here = folder(&[("a.flow", FLOWS)]);
    let mut command = here.command(&["run", "a.flow:main"]);
    let ended = crate::support::ended(&command.env("USER", "ann").output().unwrap()).code(5).json();
    let id = ended["metadata"]["run_id"].as_str().unwrap().to_owned();
    let mut command = here.command(&["runs", "answer", &id, "no"]);
    crate::support::ended(&command.env("USER", "bob").output().unwrap()).code(4);
    here.weir(&["run", "a.flow:tells"]).code(0);
    (here, id)
}

fn lines(here: &Folder, args: &[&str]) -> Vec<serde_json::Value> {
    let all = [&["audit", "list", "--format", "json"], args].concat();
    here.weir(&all).code(0).stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn calls_and_decisions_are_listed_with_who_made_them() {
    let (here, id) = ran();
    let what: Vec<String> = lines(&here, &["--run", &id[..30]]).iter().map(|line| line["what"].to_string()).collect();
    let expected =
        ["run.started", "call.attempted", "call.succeeded", "question.answered", "call.attempted", "call.succeeded"];
    assert_eq!(what, expected.map(|what| format!("\"{what}\"")));
    let answered = lines(&here, &["--what", "question"]);
    assert_eq!(answered.len(), 1);
    assert_eq!((&answered[0]["by"], &answered[0]["value"]), (&"bob".into(), &false.into()));
    let refused = lines(&here, &["--tool", "mail", "--what", "call.refused"]);
    assert_eq!(refused[0]["code"], "disabled");
    assert_eq!(lines(&here, &["--limit", "2"]).len(), 2);
    here.weir(&["audit", "list"]).code(0).prints(&["run.started", "main by ann", "question.answered", "store.delete"]);
    here.weir(&["audit", "list", "--what", "call.refuse"]).code(2).says(&["did you mean `call.refused`?"]).silent();
}

#[test]
fn a_whole_chain_is_told_as_whole_and_a_changed_one_where_it_breaks() {
    let (here, _) = ran();
    let whole = here.weir(&["audit", "verify", "--format", "json"]).code(0).json();
    assert_eq!((&whole["whole"], &whole["records"]), (&true.into(), &8.into()), "{whole}");
    let noted = whole["head"].as_str().unwrap().to_owned();
    here.weir(&["audit", "verify", "--noted", &noted]).code(0).prints(&["8 records", "the last one is 8:"]);
    here.weir(&["audit", "verify", "--noted", "8:12"]).code(2).says(&["is no end of an audit"]).silent();
    let other = noted.replace(&noted[2..10], "00000000");
    here.weir(&["audit", "verify", "--noted", &other]).code(1).prints(&["record 8 is not the one that was noted"]);
    let file = std::fs::read(here.path(".weir/weir.db")).unwrap();
    let at = file.windows(9).position(|part| part == b"\"by\":\"bob").expect("the record of the answer");
    let mut changed = file.clone();
    changed[at + 6..at + 9].copy_from_slice(b"eve");
    std::fs::write(here.path(".weir/weir.db"), changed).unwrap();
    let broken = here.weir(&["audit", "verify", "--format", "json"]).code(1).json();
    assert_eq!(broken["breaks"][0]["kind"], "altered", "{broken}");
    assert_eq!(broken["breaks"][0]["number"], 4);
    here.weir(&["audit", "verify"]).code(1).prints(&["record 4 is not what was written"]);
}

#[test]
fn a_run_that_is_refused_for_its_grants_is_told() {
    let toml = "[project]\nname = \"t\"\n\n[grants]\n\"a.main\" = []\n";
    let here = folder(&[("a.flow", FLOWS), ("weir.toml", toml)]);
    here.weir(&["run", "a.main", "--dry-run"]).code(1);
    here.weir(&["run", "a.main"]).code(1).says(&["store.write"]).silent();
    let told = lines(&here, &[]);
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["what"], &told[0]["flow"]), (&"run.refused".into(), &"a.main".into()));
    assert!(told[0]["reason"].as_str().unwrap().contains("store.write"), "{told:?}");
}

#[test]
fn where_nothing_ran_there_is_nothing_to_verify() {
    let here = folder(&[("a.flow", FLOWS)]);
    here.weir(&["audit", "verify"]).code(2).says(&["nothing has run"]).silent();
}

#[test]
fn an_audit_that_was_emptied_beside_its_runs_is_missed() {
    let (here, _) = ran();
    here.weir(&["audit", "verify", "--noted", &format!("0:{}", "0".repeat(64))]).code(2).says(&["is no end"]).silent();
    let database = rusqlite::Connection::open(here.path(".weir/weir.db")).unwrap();
    database.execute_batch("DELETE FROM log; DELETE FROM audit_head").unwrap();
    // The witness beside the journal still knows the end.
    for kind in ["truncated", "missing"] {
        let found = here.weir(&["audit", "verify", "--format", "json"]).code(1).json();
        assert_eq!((&found["whole"], &found["breaks"][0]["kind"]), (&false.into(), &kind.into()), "{found}");
        let _ = std::fs::remove_file(here.path(".weir/weir.db-mark"));
    }
}
