//! Programs that we start: each in a process group of its own that ends with its owner, with an allow-list of
//! variables instead of our environment, and never through a shell. One that runs once and ends is seen through here.

use crate::tool::Fault;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

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

/// The groups that are alive, so that a process that leaves at once leaves none behind.
static ALIVE: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// The process group of a program: it ends when this is dropped.
#[derive(Debug)]
pub struct Group(Option<u32>);

/// Ends every program that is still running, with all that it started: for leaving without waiting for anything.
pub fn end_all() {
    for id in std::mem::take(&mut *ALIVE.lock().unwrap_or_else(PoisonError::into_inner)) {
        kill(id);
    }
}

fn kill(id: u32) {
    #[cfg(unix)]
    if let Some(pid) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw) {
        // Gone already is as good as killed.
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

impl Group {
    /// The group of a child that was started by [`command`].
    pub fn of(child: &Child) -> Self {
        let id = child.id();
        ALIVE.lock().unwrap_or_else(PoisonError::into_inner).extend(id);
        Group(id)
    }

    /// Ends every process of the group at once.
    pub fn kill(&self) {
        if let Some(id) = self.0 {
            kill(id);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        if let Some(id) = self.0 {
            ALIVE.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        }
    }
}

/// How long the streams of a program that has ended may stay open in its children's hands.
const GRACE: Duration = Duration::from_millis(200);

/// What a program that has ended left.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// All that it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What was kept of stderr.
    pub stderr: Vec<u8>,
}

/// How much of a stream is kept, in bytes.
#[derive(Clone, Copy, Debug)]
pub enum Keep {
    /// All of it; more than this is an error.
    All(usize),
    /// The end of it; the rest is read and forgotten.
    Tail(usize),
}

/// Why a program was not seen through to its end.
#[derive(Debug)]
pub enum Unattended {
    /// A stream went past its limit.
    TooMuch,
    /// How it ended cannot be found out.
    Lost(io::Error),
}

/// Feeds a program and reads what it says until it has ended. Children that keep its streams open are ended with it.
///
/// # Errors
/// [`Unattended`]; the program may still be running: dropping its [`Group`] ends it.
pub async fn attend(
    child: &mut Child,
    group: &Group,
    input: &[u8],
    stdout_keep: Keep,
    stderr_keep: Keep,
) -> Result<Ended, Unattended> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (out, err, stdin) = (child.stdout.take(), child.stderr.take(), child.stdin.take());
    let status = {
        let reading =
            async { tokio::try_join!(collect(out, &mut stdout, stdout_keep), collect(err, &mut stderr, stderr_keep)) };
        let feeding = feed(stdin, input);
        tokio::pin!(reading, feeding);
        let (mut read, mut fed) = (false, false);
        let status = loop {
            tokio::select! {
                done = &mut reading, if !read => { done?; read = true; }
                () = &mut feeding, if !fed => fed = true,
                status = child.wait() => break status,
            }
        };
        if !read {
            let mut last = tokio::time::timeout(GRACE, &mut reading).await;
            if last.is_err() {
                group.kill();
                last = tokio::time::timeout(GRACE, &mut reading).await;
            }
            if let Ok(Err(why)) = last {
                return Err(why);
            }
        }
        status.map_err(Unattended::Lost)?
    };
    Ok(Ended { status, stdout, stderr })
}

async fn collect(stream: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>, keep: Keep) -> Result<(), Unattended> {
    let Some(mut stream) = stream else { return Ok(()) };
    match keep {
        Keep::All(most) => {
            // A broken pipe ends the stream like its end does.
            let _ = stream.take(most as u64 + 1).read_to_end(into).await;
            if into.len() > most { Err(Unattended::TooMuch) } else { Ok(()) }
        }
        Keep::Tail(most) => {
            let mut piece = vec![0; 8192];
            while let Ok(count @ 1..) = stream.read(&mut piece).await {
                into.extend_from_slice(piece.get(..count).unwrap_or_default());
                let over = into.len().saturating_sub(most);
                into.drain(..over);
            }
            Ok(())
        }
    }
}

async fn feed(stdin: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut stdin) = stdin {
        // A program need not read what it is given.
        let _ = stdin.write_all(input).await;
        let _ = stdin.shutdown().await;
    }
}
