//! Calls that a server goes on with as a task: looked at in its own rhythm until it is done. The task's id is in the
//! journal by then, so a run that is resumed looks at it instead of calling again.

use super::call;
use super::questions;
use super::result::{self, Reading};
use super::session::Session;
use crate::tool::{Continuation, Fault, Happened, Outcome, Unfinished};
use ecow::EcoString;
use rmcp::model::{
    CallToolResult, CancelTaskParams, DetailedTask, ErrorData, GetTaskParams, Task, TaskPayload, UpdateTaskParams,
};
use rmcp::service::ServiceError;
use rmcp::{Peer, RoleClient};
use std::time::Duration;

/// How often a task is looked at whose server does not say.
const RHYTHM: Duration = Duration::from_secs(1);
/// What a server may ask for instead.
const RHYTHMS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(30));
/// How long a server may take to answer one look.
const LOOK: Duration = Duration::from_secs(30);
/// How many looks in a row may fail before the task counts as lost.
const PATIENCE: u32 = 3;
/// Longest id that is kept.
const ID: usize = 1024;

/// The server goes on with the call as a task.
pub(super) fn begun(name: &str, task: Task) -> Result<Outcome, Fault> {
    if task.task_id.is_empty() || task.task_id.len() > ID {
        return Err(Fault::open("bad_response", format!("`{name}` began a task without a usable id")));
    }
    let left = Unfinished { task: Some(task.task_id.into()), ..Unfinished::default() };
    Ok(Outcome::Unfinished(Box::new(left)))
}

/// Ends a task when nobody waits for it any more.
struct Abandoned {
    peer: Peer<RoleClient>,
    id: Option<EcoString>,
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) {
            let peer = self.peer.clone();
            runtime.spawn(async move {
                let _ = tokio::time::timeout(LOOK, peer.cancel_task(CancelTaskParams::new(id.as_str()))).await;
            });
        }
    }
}

/// Ends a task.
pub(super) async fn cancel(session: &Session, id: &str) {
    let _ = tokio::time::timeout(LOOK, session.peer.cancel_task(CancelTaskParams::new(id))).await;
}

/// Looks at a task until it is done or asks; `rest` may bring answers to what it asked.
pub(super) async fn follow(
    session: &Session,
    reading: &Reading<'_>,
    tool: &str,
    id: &EcoString,
    rest: &Continuation,
) -> Result<Outcome, Fault> {
    let mut abandoned = Abandoned { peer: session.peer.clone(), id: Some(id.clone()) };
    let came = followed(session, reading, tool, id, rest).await;
    abandoned.id = None;
    came
}

async fn followed(
    session: &Session,
    reading: &Reading<'_>,
    tool: &str,
    id: &EcoString,
    rest: &Continuation,
) -> Result<Outcome, Fault> {
    if !rest.answers.is_empty() {
        let answers = UpdateTaskParams::new(id.as_str(), questions::responses(rest));
        look(session, tool, || session.peer.update_task(answers.clone())).await?;
    }
    let mut answered = !rest.answers.is_empty();
    loop {
        let state = look(session, tool, || session.peer.get_task(GetTaskParams::new(id.as_str()))).await?;
        let pause = state.task.task.poll_interval_ms.map_or(RHYTHM, Duration::from_millis);
        match settled(reading, id, state.task, answered)? {
            Some(outcome) => return Ok(outcome),
            None => tokio::time::sleep(pause.clamp(RHYTHMS.0, RHYTHMS.1)).await,
        }
        // An answer takes its time to reach the task.
        answered = false;
    }
}

/// One look, with patience for a connection that comes back. A task that the server does not know is lost: whether it
/// did its work is open.
async fn look<T, F>(session: &Session, tool: &str, mut ask: impl FnMut() -> F) -> Result<T, Fault>
where
    F: Future<Output = Result<T, ServiceError>>,
{
    let name = &session.name;
    let mut left = PATIENCE;
    loop {
        let fault = match tokio::time::timeout(LOOK, ask()).await {
            Ok(Ok(state)) => return Ok(state),
            Ok(Err(ServiceError::McpError(error))) => {
                let message = format!("the server `{name}` has lost the task of `{name}.{tool}`: {}", error.message);
                return Err(Fault::open("unavailable", message));
            }
            Ok(Err(error)) => Fault { happened: Happened::Maybe, ..call::fault(session, tool, &error).await },
            Err(_) => Fault::open("timeout", format!("the server `{name}` does not say how the task of `{tool}` is")),
        };
        if left == 0 || !session.alive() {
            return Err(fault);
        }
        left -= 1;
        tokio::time::sleep(RHYTHM).await;
    }
}

/// What a task came to; None: it works on.
fn settled(
    reading: &Reading<'_>,
    id: &EcoString,
    task: DetailedTask,
    answered: bool,
) -> Result<Option<Outcome>, Fault> {
    let name = reading.name;
    match task.payload {
        TaskPayload::Working => Ok(None),
        TaskPayload::InputRequired { .. } if answered => Ok(None),
        TaskPayload::InputRequired { input_requests } => {
            questions::unfinished(name, Some(input_requests), None, Some(id.clone())).map(Some)
        }
        TaskPayload::Completed { result } => {
            let result: CallToolResult = serde_json::from_value(result.into()).map_err(|error| {
                Fault::open("bad_response", format!("the task of `{name}` ended with what is no result: {error}"))
            })?;
            result::value(reading, result).map(|value| Some(Outcome::Done(value)))
        }
        TaskPayload::Failed { error } => Err(match serde_json::from_value::<ErrorData>(error.into()) {
            Ok(error) => call::refused(name, &error),
            Err(_) => Fault::open("failed", format!("the task of `{name}` failed and does not say why")),
        }),
        TaskPayload::Cancelled => Err(Fault::open("failed", format!("the server cancelled the task of `{name}`"))),
        _ => Err(Fault::open("bad_response", format!("the task of `{name}` is in an unknown state"))),
    }
}
