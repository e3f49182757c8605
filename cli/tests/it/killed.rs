//! `kill -9` in the middle of a call: its key stays claimed, and no later run makes the call again by itself.

use crate::support::{Folder, folder};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const TOML: &str = "[project]\nname = \"t\"\n\n[tools.shell]\ncommands = [\"sh\"]\n";

/// A call that writes a line and then takes its time.
const SLOW: &str = r#"
coordinator main() -> string can shell.exec {
  done = shell.run(command: "sh", args: ["-c", "echo made >> made.txt; sleep 3; echo over >> made.txt"]) key "once"
  return done.stdout
}

coordinator asks_again() -> string can shell.exec {
  done = shell.run(command: "sh", args: ["-c", "echo made >> made.txt; sleep 3; echo over >> made.txt"]) key "once"
    catch { unknown => ({ stdout: "nobody knows" }) }
  return done.stdout
}
"#;

const GRANT: [&str; 2] = ["--grant", "shell.exec"];

fn under_way(here: &Folder, flow: &str) -> Child {
    let mut command = here.command(&[&["run", flow], &GRANT[..]].concat());
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while !here.path("made.txt").exists() {
        assert!(Instant::now() < until, "the call was never made");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

#[test]
#[cfg(unix)]
fn a_killed_call_keeps_its_key_and_is_not_made_again() {
    let here = folder(&[("a.flow", SLOW), ("weir.toml", TOML)]);
    let mut child = under_way(&here, "a.flow:main");
    child.kill().unwrap();
    child.wait().unwrap();
    let again = here.weir(&[&["run", "a.flow:main"], &GRANT[..]].concat()).code(5).json();
    assert_eq!(again["metadata"]["status"], "needs_attention", "{again}");
    assert_eq!(again["metadata"]["error"]["code"], "unknown", "{again}");
    let caught = here.weir(&[&["run", "a.flow:asks_again"], &GRANT[..]].concat()).code(0).json();
    assert_eq!(caught["records"][0]["value"], "nobody knows", "{caught}");
    assert_eq!(here.read("made.txt").matches("made").count(), 1);
}
