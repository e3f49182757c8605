//! `ask` on a terminal, made with `script`, which most systems have.

use crate::support::folder;
use std::io::Write;
use std::process::{Command, Stdio};

const ASKS: &str = r#"
coordinator main() -> { yes: bool, size: "s" | "m", note: string } {
  yes = ask "Go on?\u{1B}[2J" as bool
  size = ask "Which size?" as "s" | "m"
  form = ask "Why?" as { note: string }
  return { yes, size, note: form.note }
}
"#;

#[test]
#[cfg(target_os = "linux")]
fn answers_are_typed_and_asked_again_when_they_do_not_fit() {
    let here = folder(&[("a.flow", ASKS)]);
    let program = format!("{} run a.flow", env!("CARGO_BIN_EXE_weir"));
    let mut command = Command::new("script");
    command.args(["-qec", &program, "/dev/null"]).current_dir(here.dir.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        return;
    };
    let mut keyboard = child.stdin.take().unwrap();
    for line in ["perhaps", "yes", "l", "m", "because"] {
        std::thread::sleep(std::time::Duration::from_millis(700));
        keyboard.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
    std::thread::sleep(std::time::Duration::from_millis(700));
    drop(keyboard);
    let output = child.wait_with_output().unwrap();
    let screen = String::from_utf8_lossy(&output.stdout);
    assert!(screen.contains("\"note\": \"because\"") && screen.contains("\"size\": \"m\""), "{screen}");
    assert!(screen.contains("Go on?\\u{1b}[2J"), "{screen:?}");
}
