//! `weir runs`: listing, showing, answering later, going on after a kill.

use crate::support::{Folder, folder};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::{Duration, Instant};

const ASKS: &str = r#"
coordinator main() -> { yes: bool } can store.write {
  store.put(collection: "a", id: "1", value: "first")
  yes = ask "Go on?" as bool
  store.put(collection: "a", id: "2", value: "second")
  return { yes }
}

saga fails() can store.write {
  store.put(collection: "b", id: "1", value: 1)
    undo store.delete(collection: "b", id: "1")
  got = receive "go" as { n: int }
  require got.n > 1 else fail conflict "too small"
}
"#;

fn id(here: &Folder, flow: &str, code: i32) -> String {
    let envelope = here.weir(&["run", flow]).code(code).json();
    envelope["metadata"]["run_id"].as_str().unwrap().to_owned()
}

fn shown(here: &Folder, id: &str) -> Value {
    here.weir(&["runs", "show", id, "--format", "json"]).code(0).json()
}

#[test]
fn a_question_is_answered_later_and_the_run_goes_on() {
    let here = folder(&[("a.flow", ASKS)]);
    let id = id(&here, "a.flow:main", 5);
    let runs = here.weir(&["runs", "list", "--status", "waiting", "--format", "json"]).code(0).json();
    assert_eq!(runs["runs"][0]["run_id"], id.as_str());
    here.weir(&["runs", "show", &id]).code(0).prints(&[
        "waiting",
        "asks “Go on?”",
        "weir runs answer",
        "where ANSWER is bool",
    ]);
    here.weir(&["runs", "answer", &id, "perhaps"]).code(2).says(&["does not fit `bool`"]).silent();
    here.weir(&["runs", "answer", &id, "yes", "--step", "yess"]).code(2).says(&["did you mean `yes`?"]).silent();
    let done = here.weir(&["runs", "answer", &id, "yes"]).code(0).json();
    assert_eq!(done["records"][0]["value"]["yes"], true);
    here.weir(&["runs", "answer", &id, "yes"]).code(2).says(&["nothing in run"]).silent();
    let shown = shown(&here, &id);
    let states: Vec<_> =
        shown["steps"].as_array().unwrap().iter().map(|step| step["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["succeeded"; 3]);
    here.weir(&["runs", "events", &id]).code(0).prints(&[
        "run.started",
        "run.waiting yes: asks Go on?",
        "run.succeeded",
    ]);
}

#[test]
fn a_signal_moves_a_run_and_cancelling_undoes() {
    let here = folder(&[("a.flow", ASKS)]);
    let first = id(&here, "a.flow:fails", 5);
    let done = here.weir(&["runs", "signal", &first, "go", "--value", r#"{"n": 1}"#]).code(4).json();
    assert_eq!(done["metadata"]["status"], "compensated");
    let second = id(&here, "a.flow:fails", 5);
    here.weir(&["runs", "pause", &second]).code(0).says(&["is paused"]);
    assert_eq!(shown(&here, &second)["run"]["status"], "paused");
    here.weir(&["runs", "resume", &second]).code(5);
    let done = here.weir(&["runs", "cancel", &second, "--reason", "no longer"]).code(4).json();
    assert_eq!(done["metadata"]["error"]["message"], "no longer");
}

#[test]
fn a_run_that_is_started_shows_how_deep_it_is_and_what_is_left_to_it() {
    let flow = "coordinator main() can store.write budget 3 calls, depth 2 {\n  store.put(collection: \"a\", id: \"1\", value: 1)\n  start part()\n}\n\ncoordinator part() can store.write {\n  store.put(collection: \"a\", id: \"2\", value: 2)\n  ask \"Go on?\" as bool\n  start leaf()\n}\n\ncoordinator leaf() can store.write {\n  for n in 1..5 {\n    store.put(collection: \"a\", id: \"{n}\", value: 3)\n  }\n}\n";
    let here = folder(&[("a.flow", flow)]);
    let main = id(&here, "a.flow:main", 0);
    let runs = here.weir(&["runs", "list", "--format", "json"]).code(0).json();
    let part = runs["runs"].as_array().unwrap().iter().find(|run| run["parent"] == main.as_str()).unwrap();
    let part = part["run_id"].as_str().unwrap();
    let metadata = shown(&here, part)["metadata"].clone();
    assert_eq!((&metadata["depth"], &metadata["budget_left"]), (&1.into(), &json!({ "calls": 1, "depth": 1 })));
    here.weir(&["runs", "show", part]).code(0).prints(&[
        &format!("by run   {main}"),
        "depth    1",
        "1 call, depth 1 left",
    ]);
    here.weir(&["runs", "answer", part, "yes"]).code(0);
    let runs = here.weir(&["runs", "list", "--status", "failed", "--format", "json"]).code(0).json();
    let leaf = shown(&here, runs["runs"][0]["run_id"].as_str().unwrap());
    assert_eq!(leaf["metadata"]["error"]["code"], "budget");
    assert_eq!((&leaf["metadata"]["depth"], &leaf["run"]["parent"]), (&2.into(), &part.into()));
    let again = here.weir(&["runs", "retry", runs["runs"][0]["run_id"].as_str().unwrap()]).code(1).json();
    assert_eq!(again["metadata"]["error"]["code"], "budget", "to try again gives no more");
}

const STARTS: &str = r#"
coordinator main() can store.write {
  start part()
  start mid()
  start later() after 3d
  start later() after 4d final
  ask "Go on?" as bool
}

saga part() can store.write {
  store.put(collection: "b", id: "1", value: 1)
    undo store.delete(collection: "b", id: "1")
  ask "Go on here?" as bool
}

coordinator mid() {
  start leaf()
  ask "Go on there?" as bool
}

coordinator leaf() {
  ask "Go on below?" as bool
}

coordinator later() {
}
"#;

#[test]
fn cancelling_reaches_the_runs_that_a_run_started_and_theirs() {
    let here = folder(&[("a.flow", STARTS)]);
    let main = id(&here, "a.flow:main", 5);
    let cancelled = here.weir(&["runs", "cancel", &main, "--reason", "no longer"]).code(130);
    let done = cancelled.says(&["also cancelled: 4 runs that it had started"]).json();
    assert_eq!(done["metadata"]["also_cancelled"].as_array().unwrap().len(), 4, "{done}");
    let runs = here.weir(&["runs", "list", "--format", "json"]).code(0).json();
    let mut states: Vec<String> = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| format!("{} {}", run["flow"].as_str().unwrap(), run["status"].as_str().unwrap()))
        .collect();
    states.sort();
    let all =
        ["later cancelled", "later queued", "leaf cancelled", "main cancelled", "mid cancelled", "part compensated"];
    assert_eq!(states, all);
    let part = runs["runs"].as_array().unwrap().iter().find(|run| run["flow"] == "part").unwrap();
    let part = shown(&here, part["run_id"].as_str().unwrap());
    assert_eq!(part["metadata"]["error"]["message"], format!("cancelled with its parent, run {main}"));
    here.weir(&["runs", "cancel", &main]).code(2).says(&["has ended"]).silent();
    let audit = here.weir(&["audit", "list", "--what", "run.cancelled", "--format", "json"]).code(0).stdout;
    assert_eq!(audit.matches(&format!("\"by\":\"run {main}\"")).count(), 3, "{audit}");
}

#[test]
fn an_id_may_be_short_and_a_wrong_one_is_told() {
    let here = folder(&[("a.flow", ASKS)]);
    here.weir(&["runs", "list"]).code(2).says(&["nothing has run"]).silent();
    let id = id(&here, "a.flow:main", 5);
    here.weir(&["runs", "show", &id[..13]]).code(0).prints(&[&id]);
    let wrong = format!("{}x", &id[..35]);
    here.weir(&["runs", "show", &wrong]).code(2).says(&["there is no run", "did you mean"]).silent();
    here.weir(&["runs", "list", "--status", "succeded"]).code(2).says(&["did you mean `succeeded`?"]).silent();
}

const RETRIED: &str = r#"
coordinator main(n: int) -> int can store.write, files.read {
  store.put(collection: "made", id: "1", value: 1)
  text = files.read(path: "n.txt")
  return n
}

coordinator clear() can store.write {
  store.delete(collection: "made", id: "1")
}

coordinator made_at() -> json can store.write {
  done = store.put(collection: "made", id: "{uuid()}", value: 1)
  at = store.put(collection: "made", id: "{now()}", value: 1)
  fail conflict "no"
}

coordinator named() -> string can store.write, files.read {
  name = uuid()
  store.put(collection: "made", id: name, value: 1)
  text = files.read(path: "late.txt")
  return name
}

coordinator count() -> int can store.read {
  return store.count(collection: "made").count
}
"#;

#[test]
fn a_failed_run_is_retried_from_the_step_that_failed() {
    let here = folder(&[("a.flow", RETRIED), ("weir.toml", "[project]\nname = \"t\"\n")]);
    let envelope = here.weir(&["run", "a.flow:main", "--arg", "n=1"]).code(1).json();
    let id = envelope["metadata"]["run_id"].as_str().unwrap().to_owned();
    here.weir(&["run", "a.flow:clear"]).code(0);
    here.write("n.txt", "x");
    let again = here.weir(&["runs", "retry", &id, "--args", r#"{"n": 7}"#]).code(0).json();
    assert_eq!(again["records"][0]["value"], 7);
    assert_ne!(again["metadata"]["run_id"], id.as_str());
    assert_eq!(here.weir(&["run", "a.flow:count"]).json()["records"][0]["value"], 0, "not made again");
    let other = here.weir(&["run", "a.flow:made_at"]).code(1).json();
    let other = other["metadata"]["run_id"].as_str().unwrap();
    here.weir(&["runs", "retry", other]).code(1).says(&["has been done with other input"]).silent();
    here.weir(&["run", "a.flow:clear"]).code(0);
    let before = here.weir(&["run", "a.flow:count"]).json()["records"][0]["value"].clone();
    let named = here.weir(&["run", "a.flow:named"]).code(1).json();
    here.write("late.txt", "x");
    let again = here.weir(&["runs", "retry", named["metadata"]["run_id"].as_str().unwrap()]).code(0).json();
    assert!(again["records"][0]["value"].is_string());
    let after = here.weir(&["run", "a.flow:count"]).json()["records"][0]["value"].clone();
    assert_eq!(after.as_i64(), before.as_i64().map(|count| count + 1), "made once, under the same name");
    here.weir(&["runs", "retry", &id, "--args", r#"{"m": 7}"#]).code(2).says(&["`n: int` of `a.main` is missing"]);
    let done = again["metadata"]["run_id"].as_str().unwrap();
    here.weir(&["runs", "retry", done]).code(1).says(&["only a run that has failed"]).silent();
}

const SLOW: &str = r#"
coordinator main() -> string can shell.exec, store.write {
  store.put(collection: "a", id: "1", value: 1)
  done = shell.run(command: "sh", args: ["-c", "echo made >> made.txt; test -e fast || sleep 20"])
  return "through"
}
"#;

#[test]
#[cfg(unix)]
fn after_a_kill_an_operator_says_what_happened_and_the_run_goes_on() {
    let toml = "[project]\nname = \"t\"\n\n[tools.shell]\ncommands = [\"sh\"]\n";
    for (decision, made) in [("--again", 2), ("--happened={\"code\": 0, \"stdout\": \"\", \"stderr\": \"\"}", 1)] {
        let here = folder(&[("a.flow", SLOW), ("weir.toml", toml)]);
        let mut command = here.command(&["run", "a.flow", "--grant", "shell.exec"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        while !here.path("made.txt").exists() {
            assert!(Instant::now() < until, "the call was never made");
            std::thread::sleep(Duration::from_millis(20));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        here.write("fast", "");
        let list = here.weir(&["runs", "list", "--unfinished", "--format", "json"]).code(0).json();
        let id = list["runs"][0]["run_id"].as_str().unwrap().to_owned();
        here.weir(&["runs", "show", &id]).code(0).prints(&["it was cut off", "weir runs resume"]);
        let waits = here.weir(&["runs", "resume", &id]).code(5).json();
        assert_eq!(waits["metadata"]["waiting"][0]["kind"], "unknown", "{waits}");
        here.weir(&["runs", "show", &id]).code(0).prints(&["may have happened", "--happened JSON"]);
        let done = here.weir(&["runs", "answer", &id, decision]).code(0).json();
        assert_eq!(done["records"][0]["value"], "through");
        assert_eq!(here.read("made.txt").matches("made").count(), made);
    }
}

#[test]
#[cfg(unix)]
fn another_process_reaches_a_run_where_it_is_carried_on() {
    let flow = "saga main() can store.write {\n  store.put(collection: \"a\", id: \"1\", value: 1)\n    undo store.delete(collection: \"a\", id: \"1\")\n  wait 10m\n}\n";
    let here = folder(&[("a.flow", flow)]);
    let mut command = here.command(&["run", "a.flow"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    let id = loop {
        assert!(Instant::now() < until, "the run never waited");
        std::thread::sleep(Duration::from_millis(50));
        if here.path(".weir/weir.db").exists() {
            let list = here.weir(&["runs", "list", "--status", "waiting", "--format", "json"]);
            if let Some(id) = list.json()["runs"][0]["run_id"].as_str() {
                break id.to_owned();
            }
        }
    };
    here.weir(&["runs", "cancel", &id, "--reason", "from beside"]);
    let ended = crate::support::ended(&child.wait_with_output().unwrap()).code(4);
    assert_eq!(ended.json()["metadata"]["error"]["message"], "from beside");
}

#[test]
fn old_runs_are_forgotten_where_the_project_says_so() {
    let here = folder(&[("a.flow", RETRIED), ("weir.toml", "[project]\nname = \"t\"\n")]);
    for _ in 0..2 {
        here.weir(&["run", "a.flow:count"]).code(0);
    }
    here.write("weir.toml", "[project]\nname = \"t\"\n[runs]\nkeep = \"1ms\"\n");
    here.weir(&["run", "a.flow:count"]).code(0);
    let list = here.weir(&["runs", "list", "--format", "json"]).code(0).json();
    assert_eq!(list["runs"].as_array().unwrap().len(), 1, "{list}");
    here.write("weir.toml", "[project]\nname = \"t\"\n[runs]\nkeep = \"soon\"\n");
    here.weir(&["run", "a.flow:count"]).code(1).says(&["`soon` is no duration"]);
}

#[cfg(unix)]
#[test]
fn what_an_archiver_could_not_keep_is_tried_once_more_before_the_command_ends() {
    // The shelf is there from the second time on.
    let program = "cat >/dev/null; if [ -e tried ]; then touch kept; echo null; else touch tried; exit 66; fi\n";
    let flow = "tool shelf.put(what: string) can shelf.write idempotent\n\narchiver keep(e: Envelope) can shelf.write {\n  shelf.put(what: e.metadata.flow)\n}\n\ncoordinator main() -> int can shelf.write after keep {\n  return 1\n}\n";
    let toml = "[tools.shelf]\nexec = [\"sh\", \"shelf.sh\"]\n";
    let here = folder(&[("weir.toml", toml), ("shelf.sh", program), ("a.flow", flow)]);
    here.weir(&["run", "a.flow"]).code(0);
    assert!(here.path("kept").exists());
    let runs = here.weir(&["runs", "list", "--format", "json"]).code(0).json();
    assert!(runs["runs"].as_array().unwrap().iter().all(|run| run["status"] == "succeeded"), "{runs}");
    // One that stays away waits for a server, and that is said.
    let here = folder(&[("weir.toml", toml), ("shelf.sh", "cat >/dev/null; exit 66\n"), ("a.flow", flow)]);
    here.weir(&["run", "a.flow"]).code(0).says(&["1 run of archivers failed", "`weir serve`"]);
}
