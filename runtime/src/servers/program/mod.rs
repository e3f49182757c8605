//! Programs as tools (`exec` in `weir.toml`): one process a call. It gets the tool's name as its last argument, the
//! arguments of the call as one JSON object on stdin, and prints one JSON value. What it exits with and what it says
//! when it fails become faults; `docs/cli.md` has the table.

mod describe;
mod ending;

pub use describe::parse as parse_description;

use super::{Server, credential};
use crate::process::{self, Group, Keep, Unattended};
use crate::tool::{Call, Fault, Tool};
use async_trait::async_trait;
use ecow::EcoString;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;
use weir_compiler::project::{ToolSection, parse_duration};
use weir_compiler::registry::Listing;
use weir_stdlib::value::Value;

/// Most that a program may print, in bytes.
const MOST: usize = 16 * 1024 * 1024;

/// What is kept of the end of stderr, in bytes.
const TAIL: usize = 4 * 1024;

/// Shortest credential that is masked in messages.
const SECRET: usize = 6;

/// How long `--describe` may take where the section has no `timeout`.
const DESCRIBE: Duration = Duration::from_secs(30);

/// A program whose tools flows call.
pub struct Program {
    name: EcoString,
    program: PathBuf,
    args: Vec<String>,
    folder: PathBuf,
    env: Vec<(OsString, OsString)>,
    /// Credentials, masked in what the program says when it fails.
    secrets: Vec<String>,
    schema: Option<PathBuf>,
    timeout: Duration,
    tools: Vec<EcoString>,
}

/// The program of a section, with the tools of `listing`. Nothing is started.
///
/// # Errors
/// In the reader's words: an `exec` without a program, a folder or a credential that is not there.
pub fn open(name: &str, section: &ToolSection, root: &Path, listing: Option<Listing>) -> Result<Program, String> {
    let Some((program, args)) = section.exec.as_deref().unwrap_or_default().split_first() else {
        return Err("`exec` is empty: its first entry is the program".to_owned());
    };
    let folder = root.join(section.cwd.as_deref().unwrap_or("."));
    if !folder.is_dir() {
        return Err(format!("there is no folder `{}` to start in", section.cwd.as_deref().unwrap_or(".")));
    }
    let mut secrets = Vec::new();
    let mut env = Vec::new();
    for (key, text) in &section.env {
        let value = credential(text, root).map_err(|why| format!("`env` `{key}`: {why}"))?;
        if value != *text && value.len() >= SECRET {
            secrets.push(value.clone());
        }
        env.push((key.as_str().into(), value.into()));
    }
    let timeout = section.timeout.as_deref().and_then(parse_duration).and_then(|ms| u64::try_from(ms).ok());
    Ok(Program {
        name: name.into(),
        program: located(program, root),
        args: args.to_vec(),
        env,
        secrets,
        schema: section.schema.as_ref().map(|path| root.join(path)),
        timeout: timeout.map_or(DESCRIBE, Duration::from_millis),
        tools: listing.map(|listing| listing.tools.into_keys().collect()).unwrap_or_default(),
        folder,
    })
}

/// A bare name is looked up in `PATH`; a path is meant from the project's folder.
fn located(program: &str, root: &Path) -> PathBuf {
    if !program.contains('/') {
        return program.into();
    }
    let path = root.join(program);
    std::path::absolute(&path).unwrap_or(path)
}

#[async_trait]
impl Tool for Program {
    fn describe(&self) -> Vec<EcoString> {
        self.tools.clone()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        let shown = self.shown(&call.tool);
        let input = call.args.to_json();
        let ended = self.run(&call.tool, input.as_bytes(), told(call), &shown).await?;
        ending::value(&shown, &ended).map_err(|fault| self.masked(fault))
    }
}

#[async_trait]
impl Server for Program {
    async fn list(&self) -> Result<Listing, Fault> {
        if let Some(path) = &self.schema {
            let text = fs_err::read_to_string(path);
            let text = text.map_err(|error| Fault::clean("not_found", format!("`schema` cannot be read: {error}")))?;
            return describe::parse(&text).map_err(|why| {
                Fault::clean("bad_response", format!("`{}` does not describe tools: {why}", path.display()))
            });
        }
        let shown = self.shown("--describe");
        let described = tokio::time::timeout(self.timeout, self.run("--describe", b"", Vec::new(), &shown)).await;
        let ended = described.map_err(|_| {
            let message = format!("`{shown}` gave no answer within {} ms", self.timeout.as_millis());
            Fault::clean("timeout", message)
        })??;
        let text = ending::text(&shown, &ended).map_err(|fault| self.masked(fault))?;
        describe::parse(text)
            .map_err(|why| Fault::clean("bad_response", format!("`{shown}` does not describe tools: {why}")))
    }

    async fn close(&self) {}
}

impl Program {
    /// The command as a person would type it.
    fn shown(&self, last: &str) -> String {
        let program = self.program.file_name().unwrap_or(self.program.as_os_str()).to_string_lossy();
        let words = std::iter::once(program.as_ref()).chain(self.args.iter().map(String::as_str)).chain([last]);
        words.collect::<Vec<_>>().join(" ")
    }

    /// Runs it once. Dropped before the end, it ends with everything that it started.
    async fn run(&self, last: &str, input: &[u8], told: Told, shown: &str) -> Result<process::Ended, Fault> {
        let mut child = self.command(last, told).spawn().map_err(|error| self.not_started(&error))?;
        let group = Group::of(&child);
        let ended = process::attend(&mut child, &group, input, Keep::All(MOST), Keep::Tail(TAIL)).await;
        ended.map_err(|why| match why {
            Unattended::TooMuch => Fault::open(
                "bad_response",
                format!("`{shown}` printed more than {} MiB and was stopped; let it write a file instead", MOST >> 20),
            ),
            Unattended::Lost(error) => Fault::open("failed", format!("the end of `{shown}` was lost: {error}")),
        })
    }

    fn masked(&self, mut fault: Fault) -> Fault {
        for secret in &self.secrets {
            fault.message = fault.message.replace(secret.as_str(), "***");
        }
        fault
    }

    fn command(&self, last: &str, told: Told) -> Command {
        let mut args = self.args.clone();
        args.push(last.to_owned());
        process::command(&self.program, &args, &self.folder, told.into_iter().chain(self.env.iter().cloned()))
    }

    fn not_started(&self, error: &std::io::Error) -> Fault {
        let mut fault = process::not_started(&self.program.display().to_string(), error);
        fault.message.push_str(&format!(" (`exec` of `[tools.{}]` in weir.toml)", self.name));
        fault
    }
}

/// Variables that a program is told.
type Told = Vec<(OsString, OsString)>;

/// Who asks, as which attempt, and the trace that it belongs to.
fn told(call: &Call) -> Told {
    let mut told = vec![
        ("WEIR_TOOL", call.tool.to_string()),
        ("WEIR_RUN", call.run_id.to_string()),
        ("WEIR_STEP", call.step.to_string()),
        ("WEIR_ATTEMPT", call.attempt.to_string()),
        ("WEIR_TIMEOUT_MS", call.timeout.as_millis().to_string()),
        ("TRACEPARENT", crate::traces::traceparent(call)),
    ];
    told.extend(call.key.as_ref().map(|key| ("WEIR_KEY", key.to_string())));
    // A zero character cannot stand in a variable.
    told.into_iter().map(|(name, value)| (name.into(), value.replace('\0', "").into())).collect()
}
