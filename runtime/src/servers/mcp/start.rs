//! Starting an MCP server and agreeing on a protocol with it: first the new one, which old servers refuse, leave
//! unanswered or die of; then the old one, where it must be in a new process.

use super::fate::Fate;
use super::http;
use super::ledger::Lent;
use super::lines::Lines;
use super::session::Session;
use crate::process::{self, Group};
use crate::tool::{Fault, Happened};
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
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::time::Instant;

/// How long a server that nobody knows yet may take before another process is asked in the old way.
const TRY: Duration = Duration::from_secs(3);
/// How long, at least and at most, the first one then still may take.
const MARGIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// How long a server may take to start.
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

/// Both pipes of a process.
type Pipes = Lines<ChildStdout, ChildStdin>;

pub(super) type Running = RunningService<RoleClient, Client>;

/// Why a start failed.
struct Refused {
    fault: Fault,
    /// Another protocol may do better.
    again: bool,
}

/// Starts a session. `known` is the protocol that the server spoke before.
///
/// # Errors
/// `unavailable`, `not_found`, `permission`: with the server's own last words.
pub(super) async fn start(name: &str, launch: &Launch, known: Option<&str>) -> Result<Session, Fault> {
    let old = ProtocolVersion::V_2026_07_28.as_str();
    let first = match known {
        Some(version) if version < old => one(name, launch, Way::Old).await,
        Some(_) => one(name, launch, Way::New).await,
        None => return find_out(name, launch).await,
    };
    match first {
        Ok(session) => Ok(session),
        Err(refused) if !refused.again => Err(refused.fault),
        // It may have moved to another protocol.
        Err(_) => find_out(name, launch).await,
    }
}

/// How a session begins.
#[derive(Clone, Copy)]
enum Way {
    /// `server/discover`
    New,
    /// `initialize`
    Old,
    /// The first, and where that is refused the second on the same connection.
    Either,
}

/// Finds out what a server speaks that nobody knows. One that leaves the first question unanswered may be slow to start,
/// or hang at it as very old ones do; another process, asked in the old way, tells which: when that one is ready, the
/// first has had all the time that a start takes.
async fn find_out(name: &str, launch: &Launch) -> Result<Session, Fault> {
    let first = one(name, launch, Way::Either);
    let begun = Instant::now();
    tokio::pin!(first);
    match tokio::time::timeout(TRY, &mut first).await {
        Ok(Ok(session)) => return Ok(session),
        Ok(Err(refused)) if !refused.again => return Err(refused.fault),
        Ok(Err(_)) => return one(name, launch, Way::Old).await.map_err(|refused| refused.fault),
        Err(_) => {}
    }
    let second = one(name, launch, Way::Old);
    tokio::pin!(second);
    tokio::select! {
        came = &mut first => match came {
            Ok(session) => Ok(session),
            Err(_) => second.await.map_err(|refused| refused.fault),
        },
        came = &mut second => match came {
            Ok(session) => {
                let took = begun.elapsed().saturating_sub(TRY).clamp(MARGIN.0, MARGIN.1);
                match tokio::time::timeout(took, first).await {
                    Ok(Ok(first)) => Ok(first),
                    _ => Ok(session),
                }
            }
            Err(refused) => first.await.map_err(|_| refused.fault),
        },
    }
}

fn mode(way: Way) -> ClientLifecycleMode {
    match way {
        Way::Old => ClientLifecycleMode::Initialize,
        Way::New | Way::Either => {
            ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
        }
    }
}

/// One process or connection, begun in one way.
async fn one(name: &str, launch: &Launch, way: Way) -> Result<Session, Refused> {
    let fate = Arc::new(Fate::new());
    let client = Client { changes: Arc::default() };
    let changes = Arc::clone(&client.changes);
    let stopped = |fault| Refused { fault, again: false };
    let (group, begun) = match launch {
        Launch::Stdio(stdio) => {
            let (transport, group) = spawn(stdio, &fate).map_err(stopped)?;
            (Some(group), tokio::time::timeout(START, over_stdio(client, transport, way)).await)
        }
        Launch::Http(address) => (None, tokio::time::timeout(START, over_http(client, address, &fate, way)).await),
    };
    match begun {
        Ok(Ok(running)) => Ok(Session::new(name, running, fate, group, changes)),
        Ok(Err(Failed::Fault(fault))) => Err(stopped(fault)),
        Ok(Err(Failed::Sdk(error))) => Err(refused(name, &fate, &error, group.is_some()).await),
        Err(_) => {
            fate.end("it answered nothing");
            let why = fate.story();
            let message = format!("the server `{name}` did not get ready within {} s: {why}", START.as_secs());
            Err(Refused { fault: Fault::clean("unavailable", message), again: true })
        }
    }
}

/// Why a connection did not begin.
enum Failed {
    Fault(Fault),
    Sdk(Box<ClientInitializeError>),
}

impl From<ClientInitializeError> for Failed {
    fn from(error: ClientInitializeError) -> Self {
        Failed::Sdk(Box::new(error))
    }
}

async fn over_stdio(client: Client, pipes: Pipes, way: Way) -> Result<Running, Failed> {
    let (lent, back) = Lent::new(pipes);
    let refused = match client.clone().serve_with_lifecycle(lent, mode(way)).await {
        Ok(running) => return Ok(running),
        Err(error) => error,
    };
    match back.take().filter(|_| matches!(way, Way::Either) && is_old(&refused)) {
        Some(pipes) => Ok(client.serve_with_lifecycle(pipes, mode(Way::Old)).await?),
        None => Err(refused.into()),
    }
}

async fn over_http(client: Client, address: &http::Address, fate: &Arc<Fate>, way: Way) -> Result<Running, Failed> {
    let transport = || http::transport(address, fate).map_err(Failed::Fault);
    match client.clone().serve_with_lifecycle(transport()?, mode(way)).await {
        Ok(running) => Ok(running),
        Err(error) if matches!(way, Way::Either) && (is_old(&error) || !http::is_final(&error)) => {
            Ok(client.serve_with_lifecycle(transport()?, mode(Way::Old)).await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// Any error in answer to the new question may come from a server that does not know it.
fn is_old(error: &ClientInitializeError) -> bool {
    matches!(error, ClientInitializeError::JsonRpcError(_) | ClientInitializeError::ExpectedInitResult(_))
}

async fn refused(name: &str, fate: &Fate, error: &ClientInitializeError, process: bool) -> Refused {
    if let Some(fault) = http::refused(name, error) {
        let fault = Fault { happened: Happened::No, ..fault };
        return Refused { again: fault.code == "unavailable" && fault.retry_after_ms.is_none(), fault };
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
    Refused { fault: Fault::clean("unavailable", format!("the server `{name}` did not start: {why}")), again: true }
}

/// Starts the process, and the tasks that watch it.
fn spawn(stdio: &Stdio, fate: &Arc<Fate>) -> Result<(Pipes, Group), Fault> {
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
