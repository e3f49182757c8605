//! Programs that we start: each in a process group of its own that ends with its owner, with an allow-list of
//! variables instead of our environment, and never through a shell.

use crate::tool::Fault;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Stdio;
use tokio::process::{Child, Command};

/// What a program sees of our environment.
pub const ENVIRONMENT: [&str; 5] = ["PATH", "HOME", "USER", "LANG", "TMPDIR"];

/// A program that is ready to start: streams piped, a process group of its own, the allow-list and `env` as its
/// whole environment.
pub fn command(
    program: &Path,
    args: &[String],
    folder: &Path,
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).env_clear().kill_on_drop(true);
    command.envs(ENVIRONMENT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.envs(env);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// Why a program did not start; nothing has happened.
pub fn not_started(command: &str, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => {
            let message = format!("`{command}` is not installed here, or not in PATH; install it");
            Fault::clean("not_found", message)
        }
        io::ErrorKind::PermissionDenied => {
            Fault::clean("permission", format!("the system does not let this user run `{command}` ({error})"))
        }
        io::ErrorKind::ArgumentListTooLong => {
            Fault::clean("invalid_input", format!("the arguments of `{command}` are too long; pass them by `stdin`"))
        }
        _ => Fault::clean("failed", format!("`{command}` could not be started: {error}")),
    }
}

/// The process group of a program: it ends when this is dropped.
#[derive(Debug)]
pub struct Group(Option<u32>);

impl Group {
    /// The group of a child that was started by [`command`].
    pub fn of(child: &Child) -> Self {
        Group(child.id())
    }

    /// Ends every process of the group at once.
    pub fn kill(&self) {
        #[cfg(unix)]
        if let Some(pid) = self.0.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw) {
            // Gone already is as good as killed.
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
