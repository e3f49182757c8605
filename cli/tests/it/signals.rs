//! Ctrl-C in the middle of a run: what a saga had begun is undone, and the reader is told.

use crate::support::{Folder, ended, folder};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SLOW: &str = r#"
saga main() can store.write {
  store.put(collection: "a", id: "1", value: 1)
    undo store.delete(collection: "a", id: "1")
  wait 10m
}

coordinator look() -> int can store.read {
  return store.count(collection: "a").count
}
"#;

fn interrupt(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap().success());
}

/// A run that has made its first step.
fn under_way(here: &Folder) -> Child {
    let mut command = here.command(&["run", "a.flow:main"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while here.weir(&["run", "a.flow:look"]).json()["records"][0]["value"] != 1 {
        assert!(Instant::now() < until, "the run never made its first step");
        std::thread::sleep(Duration::from_millis(50));
    }
    child
}

const STUBBORN: &str = r#"
saga main() can store.write {
  store.put(collection: "a", id: "1", value: 1)
    undo slowly(id: "1")
  wait 10m
}

coordinator slowly(id: string) can store.write {
  wait 10m
  store.delete(collection: "a", id: id)
}

coordinator look() -> int can store.read {
  return store.count(collection: "a").count
}
"#;

#[test]
#[cfg(unix)]
fn a_second_interrupt_leaves_at_once_and_says_what_that_means() {
    use std::io::{BufRead, BufReader, Read};
    let here = folder(&[("a.flow", STUBBORN)]);
    let mut child = under_way(&here);
    let mut told = BufReader::new(child.stderr.take().unwrap());
    interrupt(&child, "INT");
    let mut first = String::new();
    told.read_line(&mut first).unwrap();
    assert!(first.contains("Ctrl-C again leaves at once"), "{first}");
    interrupt(&child, "INT");
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("what was begun is not undone"), "{rest}");
    ended(&child.wait_with_output().unwrap()).code(130).silent();
    assert_eq!(here.weir(&["run", "a.flow:look"]).json()["records"][0]["value"], 1);
}

#[test]
#[cfg(unix)]
fn a_service_manager_that_ends_the_run_has_it_undone_too() {
    for signal in ["TERM", "HUP"] {
        let here = folder(&[("a.flow", SLOW)]);
        let child = under_way(&here);
        interrupt(&child, signal);
        let ended = ended(&child.wait_with_output().unwrap()).code(130).says(&[signal, "undone"]);
        assert_eq!(ended.json()["metadata"]["status"], "compensated");
    }
}

#[test]
fn what_a_failed_compensation_leaves_is_listed() {
    let flow = r#"
saga main() can store.write {
  store.put(collection: "a", id: "1", value: 1)
    undo store.delete(collection: "a", id: "1")
  store.put(collection: "a", id: "2", value: 2)
    undo never(id: "2")
  fail conflict "the third step is refused"
}

coordinator never(id: string) can store.write {
  fail permission "nobody may take {id} back"
  store.delete(collection: "a", id: id)
}

coordinator look() -> int can store.read {
  return store.count(collection: "a").count
}
"#;
    let here = folder(&[("a.flow", flow)]);
    let ended = here.weir(&["run", "a.flow:main"]).code(1);
    let ended = ended.says(&["compensation failed", "the third step is refused", "1 undone", "left for you"]);
    let ended = ended.says(&["`store.put#2` was not undone: permission: nobody may take 2 back"]);
    let metadata = &ended.json()["metadata"];
    assert_eq!(metadata["status"], "compensation_failed");
    assert_eq!(metadata["not_undone"].as_array().unwrap().len(), 1);
    let undone: Vec<_> = metadata["side_effects"].as_array().unwrap().iter().map(|one| one["undone"].clone()).collect();
    assert_eq!(undone, [true, false]);
    let id = metadata["run_id"].as_str().unwrap();
    let shown = here.weir(&["runs", "show", id]).code(0);
    let (_, left) = shown.stdout.split_once("could not be taken back, and is left for you to look at:").unwrap();
    assert_eq!(left.trim(), metadata["not_undone"][0].as_str().unwrap(), "{}", shown.stdout);
    let all = here.weir(&["runs", "show", id, "--format", "json"]).code(0).json();
    assert_eq!(all["metadata"]["not_undone"], metadata["not_undone"]);
    // The other undo ran all the same.
    assert_eq!(here.weir(&["run", "a.flow:look"]).json()["records"][0]["value"], 1);
}

#[test]
#[cfg(unix)]
fn an_interrupt_undoes_and_says_so() {
    let here = folder(&[("a.flow", SLOW)]);
    let child = under_way(&here);
    interrupt(&child, "INT");
    let ended = ended(&child.wait_with_output().unwrap()).code(130).says(&["cancel", "undone"]);
    let envelope = ended.json();
    assert_eq!(envelope["metadata"]["side_effects"][0]["undone"], true);
    assert_eq!(here.weir(&["run", "a.flow:look"]).json()["records"][0]["value"], 0);
}
