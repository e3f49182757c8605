//! `shell.run`: a program that `weir.toml` names, with a list of arguments and no shell. It runs in a process group of
//! its own, which ends with the call, whatever way the call ends.

use super::sandbox::Sandbox;
use crate::process::{self, Ended, Group, Keep, Unattended};
use crate::tool::{Call, Fault, Tool};
use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};
use ecow::EcoString;
use serde::Deserialize;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::process::Child;
use weir_stdlib::value::{Data, Value};

/// Most that is kept of each stream, in bytes.
const MOST: usize = 1024 * 1024;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// `[tools.shell]` of `weir.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShellConfig {
    /// Programs that may be run: names that are looked up in `PATH`, or paths relative to the project's folder.
    #[serde(default)]
    pub commands: Vec<String>,
}

/// The server `shell`.
pub struct Shell {
    project: Utf8PathBuf,
    folders: Sandbox,
    config: ShellConfig,
}

/// One program to run.
struct Job {
    command: String,
    args: Vec<String>,
    stdin: String,
    folder: PathBuf,
    timeout: Duration,
}

impl Shell {
    /// The programs of a project.
    pub fn new(project_root: &Utf8Path, config: ShellConfig) -> Self {
        let folders = Sandbox::new(project_root, vec![".".into()], "nothing: `folder` must be inside the project's");
        Shell { project: project_root.to_owned(), folders, config }
    }
}

#[async_trait]
impl Tool for Shell {
    fn describe(&self) -> Vec<EcoString> {
        vec!["run".into()]
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        if call.tool != "run" {
            return Err(call.no_such_tool("shell", &["run"]));
        }
        let job = self.job(call)?;
        let (mut child, group) = self.start(&job)?;
        let ended = tokio::time::timeout(job.timeout, attend(&mut child, &group, &job)).await;
        drop(group);
        ended.unwrap_or_else(|_| {
            let message = format!(
                "`{}` was stopped after {} ms; it may have done its work. `timeout` gives it longer",
                job.command,
                job.timeout.as_millis()
            );
            Err(Fault::open("timeout", message))
        })
    }
}

impl Shell {
    fn job(&self, call: &Call) -> Result<Job, Fault> {
        let command = call.text("command")?;
        self.permit(call, &command)?;
        let args = call.texts("args")?;
        if args.iter().any(|arg| arg.contains('\0')) {
            return Err(call.wrong("args", "free of zero characters"));
        }
        let folder = self.folders.place(call.optional_text("folder")?.as_deref().unwrap_or("."))?;
        if !folder.target.is_dir() {
            return Err(Fault::clean("not_found", format!("there is no folder `{}` to run in", folder.shown)));
        }
        let stdin = call.optional_text("stdin")?.unwrap_or_default();
        Ok(Job { command, args, stdin, folder: folder.target, timeout: timeout(call)? })
    }

    /// Named in `weir.toml`, and granted to the run.
    fn permit(&self, call: &Call, command: &str) -> Result<(), Fault> {
        let denied = |message: String| Err(Fault::clean("permission", message));
        if !self.config.commands.iter().any(|named| named == command) {
            return denied(format!(
                "`{command}` may not be run: weir.toml does not name it; `[tools.shell]` `commands = [\"{}\"]` would",
                command.escape_default()
            ));
        }
        if !call.grants.iter().any(|grant| grant == "shell.exec") {
            return denied(format!(
                "`{command}` may not be run: `shell.exec` is not granted; name it for the entry flow under `[grants]` \
                 in weir.toml, or pass `--grant shell.exec`"
            ));
        }
        Ok(())
    }

    /// A path is meant from the project's folder; a bare name is looked up in `PATH`.
    fn program(&self, command: &str) -> PathBuf {
        if !command.contains('/') {
            return command.into();
        }
        let path = self.project.join(command).into_std_path_buf();
        std::path::absolute(&path).unwrap_or(path)
    }

    fn start(&self, job: &Job) -> Result<(Child, Group), Fault> {
        let mut command = process::command(&self.program(&job.command), &job.args, &job.folder, []);
        let child = command.spawn().map_err(|error| process::not_started(&job.command, &error))?;
        let group = Group::of(&child);
        Ok((child, group))
    }
}

fn timeout(call: &Call) -> Result<Duration, Fault> {
    match call.args.field("timeout").data {
        Data::Null => Ok(DEFAULT_TIMEOUT),
        Data::Duration(millis) if millis > 0 => Ok(Duration::from_millis(millis.unsigned_abs())),
        _ => Err(call.wrong("timeout", "a duration above zero")),
    }
}

/// Feeds the program and reads what it says until it has ended.
async fn attend(child: &mut Child, group: &Group, job: &Job) -> Result<Value, Fault> {
    let ended = process::attend(child, group, job.stdin.as_bytes(), Keep::All(MOST), Keep::All(MOST)).await;
    let Ended { status, stdout, stderr } = ended.map_err(|why| match why {
        Unattended::TooMuch => too_much(&job.command),
        Unattended::Lost(error) => Fault::open("failed", format!("the end of `{}` was lost: {error}", job.command)),
    })?;
    Ok(Value::record([
        ("code", Value::int(exit_code(status))),
        ("stdout", Value::text(String::from_utf8_lossy(&stdout))),
        ("stderr", Value::text(String::from_utf8_lossy(&stderr))),
    ]))
}

fn too_much(command: &str) -> Fault {
    let message = format!(
        "`{command}` wrote more than {} MiB and was stopped; it may have done its work. Let it write a file instead",
        MOST >> 20
    );
    Fault::open("bad_response", message)
}

fn exit_code(status: ExitStatus) -> i64 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return i64::from(128 + signal);
    }
    i64::from(status.code().unwrap_or(-1))
}
