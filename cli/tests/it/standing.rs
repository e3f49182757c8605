//! What stands in a line, what breaks off in the middle, and what a person is told of it.

use crate::support::{Ended, Folder, ended, folder};
use rusqlite::Connection;
use serde_json::Value;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

const FLOWS: &str = r#"
coordinator alone(n: int) -> int concurrency 1 {
  wait 10m
  return n
}

coordinator seldom() -> int limit 1 per 1h {
  return 1
}

coordinator later() -> string {
  run = start nothing() after 1h
  return run
}

coordinator parent() -> string {
  run = start hopeless()
  return run
}

coordinator hopeless() -> int {
  fail conflict "there is no hope"
}

coordinator nothing() {
  return
}

coordinator paid() -> int {
  got = receive "pay" as { amount: int }
  return got.amount
}
"#;

const STEPS: &str = r#"
coordinator main() -> string can shell.exec, store.write {
  store.put(collection: "a", id: "1", value: 1)
  done = shell.run(command: "sh", args: ["-c", "touch made; while ! test -e fast; do sleep 0.05; done"])
  store.put(collection: "a", id: "2", value: 2)
  return "through"
}
"#;

const SHELL: &str = "[project]\nname = \"t\"\n\n[tools.shell]\ncommands = [\"sh\"]\n";

/// A process that is not left behind when a test fails.
struct Begun(Option<Child>);

impl Begun {
    fn new(here: &Folder, args: &[&str]) -> Begun {
        let mut command = here.command(args);
        Begun(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    fn ended(mut self) -> Ended {
        ended(&self.0.take().unwrap().wait_with_output().unwrap())
    }

    fn interrupt(&self) {
        let id = self.0.as_ref().unwrap().id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The only run of this status, once there is one.
fn listed(here: &Folder, status: &str) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        if here.path(".weir/weir.db").exists() {
            let list = here.weir(&["runs", "list", "--status", status, "--format", "json"]);
            if let Some(id) = list.json()["runs"][0]["run_id"].as_str() {
                return id.to_owned();
            }
        }
        assert!(Instant::now() < until, "no run was ever {status}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn shown(here: &Folder, id: &str) -> Value {
    here.weir(&["runs", "show", id, "--format", "json"]).code(0).json()
}

fn database(here: &Folder) -> Connection {
    let database = Connection::open(here.path(".weir/weir.db")).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    database
}

#[test]
#[cfg(unix)]
fn a_run_in_the_queue_says_why_it_waits_and_what_would_move_it() {
    let here = folder(&[("a.flow", FLOWS)]);
    let first = Begun::new(&here, &["run", "a.flow:alone", "--arg", "n=1"]);
    listed(&here, "waiting");
    let second = Begun::new(&here, &["run", "a.flow:alone", "--arg", "n=2"]);
    let id = listed(&here, "queued");
    let run = shown(&here, &id);
    let wait = &run["metadata"]["waiting"][0];
    assert_eq!((&wait["kind"], &wait["step"]), (&"queue".into(), &"".into()), "{run}");
    assert_eq!(wait["question"], "1 of 1 runs of `alone` go already (`concurrency`)");
    here.weir(&["runs", "show", &id]).code(0).prints(&[
        "it stands in the queue",
        "(`concurrency`)",
        "weir runs cancel",
    ]);
    here.weir(&["runs", "resume", &id]).code(5).says(&["it stands in the queue"]);
    second.interrupt();
    second.ended().code(130).says(&["waits for its turn: 1 of 1 runs", "Ctrl-C cancels it"]);
    first.interrupt();
    first.ended().code(130);
}

#[test]
#[cfg(unix)]
fn a_run_that_begins_later_says_when() {
    let here = folder(&[("a.flow", FLOWS)]);
    here.weir(&["run", "a.flow:seldom"]).code(0);
    let second = Begun::new(&here, &["run", "a.flow:seldom"]);
    let run = shown(&here, &listed(&here, "queued"));
    assert!(run["metadata"]["waiting"][0]["until"].is_string(), "{run}");
    assert!(run["moves"][0].as_str().unwrap().contains("(`limit`), until 2"), "{run}");
    second.interrupt();
    second.ended().code(130);
    here.weir(&["run", "a.flow:later"]).code(0);
    let id = listed(&here, "queued");
    here.weir(&["runs", "show", &id]).code(0).prints(&["it begins later, until 2"]);
    // What it waits for is no step of it.
    assert_eq!(shown(&here, &id)["progress"]["waiting"], 0);
}

#[test]
fn an_event_that_does_not_fit_is_refused_and_the_run_stays() {
    let here = folder(&[("a.flow", FLOWS)]);
    let id = here.weir(&["run", "a.flow:paid"]).code(5).json()["metadata"]["run_id"].as_str().unwrap().to_owned();
    let send = |value: &str, more: &[&str]| {
        let args = [&["runs", "signal", &id, "pay", "--value", value], more].concat();
        here.weir(&args)
    };
    send("{\"amount\": 1.5}", &[]).code(2).says(&["step `got` waits for `pay`", "does not fit"]).silent();
    let told = send("{\"amount\": 1.5}", &["--format", "json"]).code(2);
    assert_eq!(told.json()["error"]["code"], "unfit");
    assert_eq!(shown(&here, &id)["run"]["status"], "waiting");
    assert_eq!(send("{\"amount\": 2}", &[]).code(0).json()["records"][0]["value"], 2);
    for what in [&["pause", &id][..], &["cancel", &id], &["signal", &id, "pay"]] {
        here.weir(&[&["runs"], what].concat()).code(2).says(&["has ended"]).silent();
        let told = here.weir(&[&["runs"], what, &["--format", "json"]].concat()).code(2);
        assert_eq!(told.json()["error"]["code"], "ended", "{told:?}");
    }
    here.weir(&["runs", "signal", &id, ""]).code(2).says(&["an event has a name"]);
}

#[test]
fn a_run_that_was_started_and_failed_is_told_of() {
    let here = folder(&[("a.flow", FLOWS)]);
    let ended = here.weir(&["run", "a.flow:parent", "--thread", "t1"]).code(0);
    let ended = ended.says(&["of hopeless, which was started here, did not succeed: ", "there is no hope"]);
    assert_eq!(ended.stderr.matches("did not succeed").count(), 1, "{}", ended.stderr);
    let list = here.weir(&["runs", "list", "--thread", "t1", "--format", "json"]).code(0).json();
    assert_eq!(list["runs"].as_array().unwrap().len(), 2, "{list}");
    here.weir(&["run", "a.flow:nothing", "--thread", ""]).code(2).says(&["1 to 200 bytes"]).silent();
}

/// A run whose second step is under way.
#[cfg(unix)]
fn in_the_middle() -> (Folder, Begun) {
    let here = folder(&[("a.flow", STEPS), ("weir.toml", SHELL)]);
    let begun = Begun::new(&here, &["run", "a.flow", "--grant", "shell.exec"]);
    let until = Instant::now() + PATIENCE;
    while !here.path("made").exists() {
        assert!(Instant::now() < until, "the call was never made");
        std::thread::sleep(Duration::from_millis(20));
    }
    (here, begun)
}

#[test]
#[cfg(unix)]
fn a_run_that_cannot_be_written_down_any_more_gives_its_envelope_all_the_same() {
    for (change, says) in [
        (
            "CREATE TRIGGER no BEFORE INSERT ON log BEGIN SELECT raise(abort, 'no'); END",
            "another program has changed it",
        ),
        // Somebody else has taken it over.
        ("UPDATE runs SET token = token + 1, owner = 'other'", "another process"),
        ("DROP TABLE log", "bring a copy back"),
    ] {
        let (here, begun) = in_the_middle();
        database(&here).execute_batch(change).unwrap();
        here.write("fast", "");
        let ended = begun.ended().code(1).says(&["error:", says]);
        assert_eq!(ended.stdout.lines().count(), 1, "{ended:?}");
        let envelope = ended.json();
        assert_eq!(envelope["metadata"]["flow"], "a.main");
        assert_eq!(envelope["metadata"]["side_effects"][0]["tool"], "store.put", "{envelope}");
    }
}

#[test]
#[cfg(unix)]
fn a_pause_is_told_when_it_holds_and_what_is_held_back_is_not_running() {
    let (here, begun) = in_the_middle();
    let id = listed(&here, "running");
    here.weir(&["runs", "pause", &id]).code(0).says(&["is paused"]);
    assert_eq!(shown(&here, &id)["metadata"]["status"], "paused");
    here.weir(&["runs", "cancel", &id]).code(5).says(&["another process carries run", "it was told there"]);
    // It hears of it in a moment; what is in flight is awaited.
    let until = Instant::now() + PATIENCE;
    while here.weir(&["audit", "list", "--what", "run.cancelled"]).stdout.is_empty() {
        assert!(Instant::now() < until, "it never heard that it is cancelled");
        std::thread::sleep(Duration::from_millis(50));
    }
    here.write("fast", "");
    begun.ended().code(130);
    let shown = shown(&here, &id);
    let states: Vec<&str> =
        shown["steps"].as_array().unwrap().iter().map(|step| step["state"].as_str().unwrap()).collect();
    assert!(!states.contains(&"running") && !states.contains(&"waiting"), "{shown}");
}

#[test]
#[cfg(unix)]
fn a_call_that_is_due_while_the_run_is_paused_is_held() {
    let (here, begun) = in_the_middle();
    let id = listed(&here, "running");
    here.weir(&["runs", "pause", &id]).code(0);
    here.write("fast", "");
    begun.ended().code(5);
    let states = |all: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        all["steps"].as_array().unwrap().iter().map(|step| (text(&step["step"]), text(&step["state"]))).collect()
    };
    let steps = |last: &str| {
        let steps = [("store.put", "succeeded"), ("done", "succeeded"), ("store.put#2", last)];
        steps.map(|(step, state)| (step.to_owned(), state.to_owned()))
    };
    assert_eq!(states(&shown(&here, &id)), steps("held"));
    let page = here.weir(&["runs", "show", &id]).code(0).stdout;
    assert!(page.lines().any(|line| line.split_whitespace().eq(["held", "store.put#2"])), "{page}");
    here.weir(&["runs", "resume", &id]).code(0);
    assert_eq!(states(&shown(&here, &id)), steps("succeeded"));
}

#[test]
fn a_question_that_is_cancelled_waits_no_more() {
    let here = folder(&[("a.flow", "coordinator main() -> bool {\n  yes = ask \"Go on?\" as bool\n  return yes\n}\n")]);
    let asked = here.weir(&["run", "a.flow"]).code(5);
    let id = asked.json()["metadata"]["run_id"].as_str().unwrap().to_owned();
    assert!(asked.stderr.contains(&format!("`weir runs answer {id} ANSWER`")), "{}", asked.stderr);
    assert!(!asked.stderr.contains("weir run a"), "it would begin anew: {}", asked.stderr);
    here.weir(&["runs", "answer", &id, "--give-up"]).code(2).says(&["takes an answer, not a decision"]).silent();
    here.weir(&["runs", "cancel", &id]).code(130);
    assert_eq!(shown(&here, &id)["steps"][0]["state"], "cancelled");
    // One that lives in memory only is asked anew.
    here.weir(&["run", "a.flow", "--ephemeral"]).code(5).says(&["to be asked, run `weir run a.flow`"]);
}

#[test]
fn who_gives_too_few_arguments_to_a_retry_is_told_its_own_flag() {
    let here = folder(&[("a.flow", "coordinator main(n: int) -> int {\n  fail conflict \"no {n}\"\n}\n")]);
    let id =
        here.weir(&["run", "a.flow", "--arg", "n=1"]).code(1).json()["metadata"]["run_id"].as_str().unwrap().to_owned();
    let told = here.weir(&["runs", "retry", &id, "--args", "{}"]).code(2).says(&["`n: int`", "`--args` takes all"]);
    assert!(!told.stderr.contains("--arg n"), "{}", told.stderr);
    here.weir(&["runs", "retry", &id, "--args", "{"]).code(2).says(&["what `--args` says is not JSON"]).silent();
    let shown = here.weir(&["runs", "show", &id]).code(0);
    assert_eq!(shown.stdout.matches("no 1").count(), 1, "{}", shown.stdout);
}
