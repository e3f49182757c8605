//! `weir runs events|watch --thread`: the list of the events of a conversation or subject.

use crate::support::{Ended, Folder, ended, folder};
use serde_json::Value;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const FLOWS: &str = r#"
coordinator asks() -> bool can store.write {
  store.put(collection: "a", id: "1", value: "first")
  yes = ask "Go on?" as bool
  return yes
}

coordinator quick() -> int {
  return 1
}
"#;

#[cfg(unix)]
const SLOW: &str = r#"
coordinator main() can shell.exec {
  done = shell.run(command: "sh", args: ["-c", "touch made; while ! test -e fast; do sleep 0.05; done"])
}
"#;

#[cfg(unix)]
const SHELL: &str = "[project]\nname = \"t\"\n\n[tools.shell]\ncommands = [\"sh\"]\n";

fn here() -> Folder {
    folder(&[("a.flow", FLOWS)])
}

/// Runs a flow in a thread, and gives the run's id.
#[track_caller]
fn run(here: &Folder, flow: &str, thread: &str, code: i32) -> String {
    let envelope = here.weir(&["run", &format!("a.flow:{flow}"), "--thread", thread]).code(code).json();
    envelope["metadata"]["run_id"].as_str().unwrap().to_owned()
}

/// The list as JSON.
#[track_caller]
fn events(here: &Folder, more: &[&str]) -> Vec<Value> {
    let args = [&["runs", "events", "--thread", "order/7", "--format", "json"], more].concat();
    here.weir(&args).code(0).stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn told(events: &[Value]) -> Vec<(&str, &str)> {
    events.iter().map(|event| (event["run_id"].as_str().unwrap(), event["event"].as_str().unwrap())).collect()
}

#[test]
fn the_events_of_a_thread_are_listed_in_the_order_in_which_they_were_written_down() {
    let here = here();
    let asks = run(&here, "asks", "order/7", 5);
    let quick = run(&here, "quick", "order/7", 0);
    run(&here, "quick", "order/8", 0);
    here.weir(&["runs", "answer", &asks, "yes"]).code(0);
    let all = events(&here, &[]);
    let (asks, quick) = (asks.as_str(), quick.as_str());
    let expected = [
        (asks, "run.started"),
        (asks, "step.started"),
        (asks, "step.succeeded"),
        (asks, "step.started"),
        (asks, "run.waiting"),
        (quick, "run.started"),
        (quick, "run.succeeded"),
        (asks, "step.succeeded"),
        (asks, "run.succeeded"),
    ];
    assert_eq!(told(&all), expected);
    let positions: Vec<u64> = all.iter().map(|event| event["position"].as_u64().unwrap()).collect();
    assert!(positions.is_sorted(), "{positions:?}");
    // Each event is what the run's own list has.
    let own = here.weir(&["runs", "events", quick, "--format", "json"]).code(0).stdout;
    let own: Vec<Value> = own.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut of_thread: Vec<Value> = all.iter().filter(|event| event["run_id"] == quick).cloned().collect();
    of_thread.iter_mut().for_each(|event| drop(event.as_object_mut().unwrap().remove("position")));
    assert_eq!(of_thread, own);
    let behind = positions[positions.len() / 2];
    let rest: Vec<Value> = all.iter().filter(|event| event["position"].as_u64().unwrap() > behind).cloned().collect();
    assert!(!rest.is_empty());
    assert_eq!(events(&here, &["--after", &behind.to_string()]), rest);
    here.weir(&["runs", "events", "--thread", "order/7"]).code(0).prints(&[
        quick,
        asks,
        "run.succeeded",
        "asks Go on?",
    ]);
}

#[test]
fn a_thread_that_is_not_there_is_told_with_what_to_do() {
    let here = here();
    run(&here, "quick", "order/7", 0);
    for what in ["events", "watch"] {
        let ended = here.weir(&["runs", what, "--thread", "order/8"]).code(2).silent();
        ended.says(&["there is no thread `order/8`", "did you mean `order/7`?", "--thread THREAD"]);
        let error = here.weir(&["runs", what, "--thread", "none", "--format", "json"]).code(2).json();
        assert_eq!(error["error"]["code"], "no_thread");
        here.weir(&["runs", what]).code(2).silent();
        here.weir(&["runs", what, "01", "--thread", "order/7"]).code(2).silent();
        here.weir(&["runs", what, "01", "--after", "3"]).code(2).silent();
    }
}

/// A process that is not left behind when a test fails.
#[cfg(unix)]
struct Process(Option<Child>);

#[cfg(unix)]
impl Process {
    fn new(here: &Folder, args: &[&str]) -> Process {
        Process(Some(here.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    fn ended(mut self) -> Ended {
        ended(&self.0.take().unwrap().wait_with_output().unwrap())
    }
}

#[cfg(unix)]
impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(unix)]
#[test]
fn a_thread_is_watched_until_its_runs_have_ended_or_rest() {
    let here = folder(&[("a.flow", FLOWS), ("b.flow", SLOW), ("weir.toml", SHELL)]);
    let asks = run(&here, "asks", "order/7", 5);
    let watch = ["runs", "watch", "--thread", "order/7"];
    here.weir(&watch).code(0).prints(&[&asks, "run.waiting"]);
    let slow = Process::new(&here, &["run", "b.flow", "--grant", "shell.exec", "--thread", "order/7"]);
    let until = Instant::now() + Duration::from_secs(60);
    while !here.path("made").exists() {
        assert!(Instant::now() < until, "the call is never made");
        std::thread::sleep(Duration::from_millis(20));
    }
    let watching = Process::new(&here, &watch);
    here.write("fast", "");
    slow.ended().code(0);
    let seen = watching.ended().code(0);
    seen.prints(&[&asks, "run.started b.main", "run.succeeded b.main"]);
}
