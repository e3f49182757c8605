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

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
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

#[test]
#[cfg(unix)]
fn an_interrupt_undoes_and_says_so() {
    let here = folder(&[("a.flow", SLOW)]);
    let child = under_way(&here);
    interrupt(&child);
    let ended = ended(&child.wait_with_output().unwrap()).code(130).says(&["cancel", "undone"]);
    let envelope = ended.json();
    assert_eq!(envelope["metadata"]["side_effects"][0]["undone"], true);
    assert_eq!(here.weir(&["run", "a.flow:look"]).json()["records"][0]["value"], 0);
}
