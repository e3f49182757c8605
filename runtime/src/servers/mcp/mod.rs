//! MCP servers as tool servers, over stdio and streamable HTTP, through the official SDK. One process or session
//! serves all steps; it is started when it is first needed and again, with growing pauses, when it has died.
//!
//! What a server sends is never trusted: every message, listing and result has limits, every wait has an end, and the
//! tools must still be what the lock file holds.

mod call;
mod fate;
mod http;
mod ledger;
mod lines;
mod listing;
mod open;
mod progress;
mod questions;
mod result;
mod session;
mod start;
mod task;

pub use open::open;

use super::Server;
use crate::tool::{Call, Continuation, Fault, Outcome, Tool};
use async_trait::async_trait;
use ecow::EcoString;
use futures_util::future::{BoxFuture, FutureExt, Shared};
use result::Reading;
use rmcp::model::CallToolResponse;
use session::Session;
use start::Launch;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::AbortHandle;
use weir_compiler::registry::Listing;
use weir_stdlib::value::Value;

/// The first pause before a server that died is started again; it doubles each time.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Shortest credential that is masked in messages.
const SECRET: usize = 6;

/// Credentials that never stand in a message.
#[derive(Clone, Debug)]
struct Secrets(Arc<[String]>);

impl Secrets {
    /// The text without those that a server may have repeated.
    fn mask(&self, mut text: String) -> String {
        for secret in self.0.iter() {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "***");
            }
        }
        text
    }
}

/// One MCP server.
pub(super) struct McpServer {
    inner: Arc<Inner>,
}

struct Inner {
    name: EcoString,
    launch: Launch,
    /// The project's folder.
    root: PathBuf,
    locked: Option<Listing>,
    /// Resolved credentials, masked in messages.
    secrets: Secrets,
    state: Mutex<State>,
    /// Deaths and failed starts since the last call that went well.
    failures: AtomicU32,
}

#[derive(Default)]
struct State {
    session: Option<Arc<Session>>,
    starting: Option<(Starting, AbortHandle)>,
    /// The protocol that was agreed on before.
    protocol: Option<String>,
}

type Starting = Shared<BoxFuture<'static, Result<Arc<Session>, Fault>>>;

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a session in a task of its own: it goes on whoever stops waiting for it.
    fn start(self: &Arc<Self>, state: &State) -> (Starting, AbortHandle) {
        let (inner, known) = (Arc::clone(self), state.protocol.clone());
        let pause = self.pause();
        let task = tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let started = start::start(&inner.name, &inner.launch, known.as_deref()).await.map(Arc::new);
            let mut state = inner.state();
            state.starting = None;
            match &started {
                Ok(session) => {
                    state.protocol = session.protocol();
                    state.session = Some(Arc::clone(session));
                }
                Err(_) => {
                    inner.failures.fetch_add(1, Ordering::SeqCst);
                }
            }
            started
        });
        let (abort, name) = (task.abort_handle(), self.name.clone());
        let starting = task.map(move |joined| {
            joined.unwrap_or_else(|_| {
                Err(Fault::clean("unavailable", format!("the server `{name}` was closed while it started")))
            })
        });
        (starting.boxed().shared(), abort)
    }

    fn pause(&self) -> Duration {
        match self.failures.load(Ordering::SeqCst) {
            0 => Duration::ZERO,
            failures => PAUSE.saturating_mul(1 << (failures - 1).min(10)).min(LONGEST_PAUSE),
        }
    }

    /// The session, started if there is none that lives.
    async fn session(self: &Arc<Self>) -> Result<Arc<Session>, Fault> {
        let starting = {
            let mut state = self.state();
            if let Some(session) = &state.session {
                if session.alive() {
                    return Ok(Arc::clone(session));
                }
                session.end("it died");
                state.session = None;
                self.failures.fetch_add(1, Ordering::SeqCst);
            }
            match &state.starting {
                Some((starting, _)) => starting.clone(),
                None => {
                    let (starting, abort) = self.start(&state);
                    state.starting = Some((starting.clone(), abort));
                    starting
                }
            }
        };
        starting.await
    }

    /// The same without the credentials that a server may have repeated.
    fn masked(&self, mut fault: Fault) -> Fault {
        fault.message = self.secrets.mask(fault.message);
        fault
    }

    async fn attempt(self: &Arc<Self>, call: &Call, rest: Option<&Continuation>) -> Result<Outcome, Fault> {
        if let Some(rest) = rest.filter(|rest| rest.declined) {
            self.let_go(rest).await;
            let message = format!("`{}.{}` asked something that nobody wanted to answer", self.name, call.tool);
            return Err(Fault::clean("permission", message));
        }
        let session = self.session().await?;
        let live = session.live().await?;
        if let Some(locked) = &call.definition {
            session.compare(&call.tool, locked, &live)?;
        }
        let name = format!("{}.{}", self.name, call.tool);
        let Some(definition) = live.listing.tools.get(&call.tool) else {
            return Err(Fault::clean("not_found", format!("the server `{}` has no tool `{}`", self.name, call.tool)));
        };
        let reading = Reading {
            name: &name,
            typed: definition.output.is_some(),
            wrapped: live.wrapped.contains(&call.tool),
            root: &self.root,
        };
        if let Some((id, rest)) = rest.and_then(|rest| Some((rest.task.clone()?, rest))) {
            return task::follow(&session, &reading, &call.tool, &id, rest).await;
        }
        let params = call::params(call, rest)?;
        let _hearing = session.fate.hearers.hear(&params, call.progress.as_ref(), &self.secrets);
        let answered = session.peer.call_tool_once(params).await;
        let answer = match answered {
            Ok(answer) => answer,
            Err(error) => return Err(call::fault(&session, &call.tool, &error).await),
        };
        self.failures.store(0, Ordering::SeqCst);
        match answer {
            CallToolResponse::Complete(result) => result::value(&reading, result).map(Outcome::Done),
            CallToolResponse::InputRequired(asked) => {
                questions::unfinished(&name, asked.input_requests, asked.request_state, None)
            }
            CallToolResponse::Task(created) => task::begun(&name, created.task),
            _ => Err(Fault::open("bad_response", format!("`{name}` answered with an unknown kind of result"))),
        }
    }

    /// Nobody answers what a call asked: its task, where it has one, is ended.
    async fn let_go(self: &Arc<Self>, rest: &Continuation) {
        if let Some(id) = &rest.task
            && let Ok(session) = self.session().await
        {
            task::cancel(&session, id).await;
        }
    }
}

#[async_trait]
impl Tool for McpServer {
    fn describe(&self) -> Vec<EcoString> {
        self.inner.locked.iter().flat_map(|listing| listing.tools.keys().cloned()).collect()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        let mut rest = None;
        loop {
            let left = match self.attempt(call, rest.as_ref()).await? {
                Outcome::Done(value) => return Ok(value),
                Outcome::Unfinished(left) => *left,
            };
            if !left.questions.is_empty() || (left.task.is_none() && rest.is_some()) {
                let message = format!("`{}.{}` asks a person something: call it in a flow", self.inner.name, call.tool);
                return Err(Fault::clean("permission", message));
            }
            rest = Some(Continuation { state: left.state, task: left.task, ..Continuation::default() });
        }
    }

    async fn attempt(&self, call: &Call, rest: Option<&Continuation>) -> Result<Outcome, Fault> {
        self.inner.attempt(call, rest).await.map_err(|fault| self.inner.masked(fault))
    }
}

#[async_trait]
impl Server for McpServer {
    async fn list(&self) -> Result<Listing, Fault> {
        let listed = async {
            let session = self.inner.session().await?;
            Ok(session.ask_again().await?.listing.clone())
        };
        listed.await.map_err(|fault| self.inner.masked(fault))
    }

    async fn close(&self) {
        let (session, starting) = {
            let mut state = self.inner.state();
            (state.session.take(), state.starting.take())
        };
        if let Some((_, abort)) = starting {
            abort.abort();
        }
        if let Some(session) = session {
            session.close().await;
        }
        self.inner.failures.store(0, Ordering::SeqCst);
    }
}
