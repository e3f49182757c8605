//! `weir check` on a one-page file as a whole process. Build it first: `cargo build --release -p weir`.

use crate::out::{best, line, ms};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Prints the time, beside that of a process that does nothing.
pub fn run() {
    let Some(weir) = binary() else {
        line("there is no `weir` beside this program: `cargo build --release -p weir` builds it");
        return;
    };
    let folder = std::env::temp_dir().join(format!("weir-bench-{}", std::process::id()));
    let file = folder.join("page.flow");
    let (source, _, lines) = crate::source::project(60);
    let text: String = source.files.into_iter().map(|file| file.text).collect();
    if std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, text)).is_err() {
        line("cannot write a file to check");
        return;
    }
    let run = |command: &mut Command| {
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    };
    let check = best(|| run(Command::new(&weir).arg("check").arg(&file)));
    let nothing = best(|| run(&mut Command::new("true")));
    line(&format!("weir check, {lines} lines: {}   (a process that does nothing: {})", ms(check), ms(nothing)));
    let _ = std::fs::remove_dir_all(&folder);
}

/// The program beside this one.
pub fn binary() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok()?.with_file_name("weir");
    beside.is_file().then_some(beside)
}
