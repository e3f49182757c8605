//! Projects in temporary folders, and the program run in them without a terminal.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A temporary folder with files.
pub struct Folder {
    pub dir: TempDir,
}

/// What a run of the program left.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A folder with these files.
pub fn folder(files: &[(&str, &str)]) -> Folder {
    let folder = Folder { dir: tempfile::tempdir().unwrap() };
    for (path, text) in files {
        folder.write(path, text);
    }
    folder
}

impl Folder {
    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    /// The program, not yet started, in this folder.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env("TERM", "xterm");
        command
    }

    /// Runs the program here.
    pub fn weir(&self, args: &[&str]) -> Ended {
        ended(&self.command(args).output().unwrap())
    }

    /// Runs the program here with text on stdin.
    pub fn weir_reading(&self, args: &[&str], stdin: &str) -> Ended {
        use std::io::Write;
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It may end before it has read everything.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        ended(&child.wait_with_output().unwrap())
    }
}

pub fn ended(output: &std::process::Output) -> Ended {
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout.clone()).unwrap(),
        stderr: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}

impl Ended {
    /// Its exit code is this one.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// All of these stand on stderr.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in stderr:\n{}\nstdout:\n{}", self.stderr, self.stdout);
        }
        self
    }

    /// All of these stand on stdout.
    #[track_caller]
    pub fn prints(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stdout.contains(word), "no {word:?} in stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        }
        self
    }

    /// Nothing stands on stdout.
    #[track_caller]
    pub fn silent(self) -> Self {
        assert_eq!(self.stdout, "", "stderr:\n{}", self.stderr);
        self
    }

    /// stdout is one JSON text.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr))
    }
}

/// The repository's own folder.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A flow that greets; it needs nothing.
pub const GREET: &str = r#"coordinator main(name: string, times: int in 1..3 = 1, loud?: bool) -> { text: string } {
  return { text: if (loud ?? false) and times == 2 then upper("Hello, {name}") else "Hello, {name}" }
}
"#;
