//! Starting an MCP server and agreeing on a protocol with it: first the new one, which old servers refuse, leave
//! unanswered or die of; then the old one, in a new process.

use super::fate::Fate;
use super::http;
use super::lines::Lines;
use super::session::Session;
use crate::process::{self, Group};
use crate::tool::Fault;
use rmcp::model::{
    ClientCapabilities, ClientConfig, ElicitationCapability, Implementation, ProtocolVersion, TASKS_EXTENSION_ID,
};
use rmcp::service::{ClientInitializeError, ClientLifecycleMode, NotificationContext, RunningService};
use rmcp::{ClientHandler, ClientServiceExt, RoleClient};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr};

/// How long a server may think about a protocol that it may not know.
const TRY: Duration = Duration::from_secs(4);
/// How long a server may take to start with a protocol that it should know.
const START: Duration = Duration::from_secs(30);
/// How long what a dead process wrote is still read.
const GRACE: Duration = Duration::from_millis(200);

/// Everything that it takes to reach a server, credentials resolved.
#[derive(Clone)]
pub(super) enum Launch {
    Stdio(Stdio),
    Http(http::Address),
}

/// A program to start.
#[derive(Clone)]
pub(super) struct Stdio {
    /// As it stands in weir.toml.
    pub shown: String,
    pub program: PathBuf,
    pub args: Vec<String>,
    pub folder: PathBuf,
    pub env: Vec<(OsString, OsString)>,
}

/// Our side of a session, as the SDK calls it.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// How often the server has said that its tools changed.
    pub changes: Arc<AtomicU64>,
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        capabilities.extensions = Some([(TASKS_EXTENSION_ID.to_owned(), Default::default())].into());
        capabilities.elicitation = Some(ElicitationCapability::new().with_form(Default::default()));
        ClientConfig::new(capabilities, Implementation::new("weir", env!("CARGO_PKG_VERSION")))
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }
}

pub(super) type Running = RunningService<RoleClient, Client>;

/// Why a start failed.
struct Refused {
    fault: Fault,
    /// Another protocol may do better.
    again: bool,
    slow: bool,
}

/// Starts a session. `known` is the protocol that the server spoke before.
///
/// # Errors
/// `unavailable`, `not_found`, `permission`: with the server's own last words.
pub(super) async fn start(name: &str, launch: &Launch, known: Option<&str>) -> Result<Session, Fault> {
    let old = || ClientLifecycleMode::Initialize;
    let first = match known {
        Some(version) if version < ProtocolVersion::V_2026_07_28.as_str() => (old(), START),
        Some(_) => (new(), START),
        None => (either(), TRY),
    };
    let refused = match one(name, launch, first).await {
        Ok(session) => return Ok(session),
        Err(refused) if !refused.again => return Err(refused.fault),
        Err(refused) => refused,
    };
    let second = if known.is_some() { either() } else { old() };
    let then = match one(name, launch, (second, START)).await {
        Ok(session) => return Ok(session),
        Err(then) => then,
    };
    if refused.slow && then.again && !then.slow {
        // It was only slow to start, and speaks nothing but the new protocol.
        return one(name, launch, (new(), START)).await.map_err(|refused| refused.fault);
    }
    Err(then.fault)
}

fn new() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
}

fn either() -> ClientLifecycleMode {
    ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: Some(ProtocolVersion::V_2025_11_25),
    }
}

/// One process or connection, one way to begin.
async fn one(name: &str, launch: &Launch, (mode, limit): (ClientLifecycleMode, Duration)) -> Result<Session, Refused> {
    let fate = Arc::new(Fate::new());
    let client = Client { changes: Arc::default() };
    let changes = Arc::clone(&client.changes);
    let stopped = |fault| Refused { fault, again: false, slow: false };
    let (group, begun) = match launch {
        Launch::Stdio(stdio) => {
            let (transport, group) = spawn(stdio, &fate).map_err(stopped)?;
            (Some(group), tokio::time::timeout(limit, client.serve_with_lifecycle(transport, mode)).await)
        }
        Launch::Http(address) => {
            let transport = http::transport(address, &fate).map_err(stopped)?;
            (None, tokio::time::timeout(limit, client.serve_with_lifecycle(transport, mode)).await)
        }
    };
    let running = match begun {
        Ok(Ok(running)) => running,
        Ok(Err(error)) => return Err(refused(name, &fate, &error, group.is_some()).await),
        Err(_) => {
            let message = format!("the server `{name}` did not get ready within {} s: {}", limit.as_secs(), {
                fate.end("it answered nothing");
                fate.story()
            });
            return Err(Refused { fault: Fault::clean("unavailable", message), again: true, slow: true });
        }
    };
    Ok(Session::new(name, running, fate, group, changes))
}

async fn refused(name: &str, fate: &Fate, error: &ClientInitializeError, process: bool) -> Refused {
    if let Some(fault) = http::refused(name, error) {
        return Refused { again: fault.code == "unavailable" && fault.retry_after_ms.is_none(), fault, slow: false };
    }
    let closed =
        matches!(error, ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::TransportError { .. });
    let why = if closed && process {
        // Its exit status says more than the closed pipe.
        let _ = tokio::time::timeout(GRACE * 2, fate.over()).await;
        fate.story()
    } else {
        format!("{error}; {}", fate.story())
    };
    Refused {
        fault: Fault::clean("unavailable", format!("the server `{name}` did not start: {why}")),
        again: true,
        slow: false,
    }
}

/// Starts the process, and the tasks that watch it.
fn spawn(
    stdio: &Stdio,
    fate: &Arc<Fate>,
) -> Result<(Lines<tokio::process::ChildStdout, tokio::process::ChildStdin>, Group), Fault> {
    let mut command = process::command(&stdio.program, &stdio.args, &stdio.folder, stdio.env.iter().cloned());
    let mut child = command.spawn().map_err(|error| process::not_started(&stdio.shown, &error))?;
    let group = Group::of(&child);
    let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(Fault::clean("failed", format!("`{}` has no pipes", stdio.shown)));
    };
    tokio::spawn(listen(errors, Arc::clone(fate)));
    tokio::spawn(attend(child, Arc::clone(fate)));
    Ok((Lines::new(output, input, Arc::clone(fate)), group))
}

/// Reads the standard error to its end, so that a server never waits for us to do so.
async fn listen(mut errors: ChildStderr, fate: Arc<Fate>) {
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(read) = errors.read(&mut buffer).await {
        if read == 0 {
            return;
        }
        fate.said(buffer.get(..read).unwrap_or_default());
    }
}

/// Waits for the end of the process; what it has written by then is still read.
async fn attend(mut child: Child, fate: Arc<Fate>) {
    let status = child.wait().await;
    tokio::time::sleep(GRACE).await;
    fate.end(match status {
        Ok(status) => format!("its process ended with {status}"),
        Err(error) => format!("its process is lost ({error})"),
    });
}
