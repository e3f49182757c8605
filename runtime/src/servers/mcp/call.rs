//! One call: what is sent, and what comes back as a value, a question, a task or a fault.

use super::lines::{MESSAGE, UNREADABLE};
use super::session::Session;
use super::{http, questions};
use crate::tool::{Call, Continuation, Fault, Happened};
use crate::traces;
use rmcp::model::{CallToolRequestParams, ErrorCode, ErrorData, RequestParamsMeta};
use rmcp::service::ServiceError;
use serde_json::Value as Json;
use std::time::Duration;

/// How long the end of a process is waited for, to say how it ended.
const LAST_WORDS: Duration = Duration::from_millis(600);

/// The request for a call.
pub(super) fn params(call: &Call, rest: Option<&Continuation>) -> Result<CallToolRequestParams, Fault> {
    let Json::Object(arguments) = call.args.to_serde() else {
        return Err(Fault::clean("invalid_input", format!("the arguments of `{}` are not a record", call.tool)));
    };
    let size = serde_json::to_vec(&arguments).map_or(0, |text| text.len());
    if size > MESSAGE {
        return Err(Fault::clean("invalid_input", format!("the arguments of `{}` are larger than 16 MiB", call.tool)));
    }
    let mut params = CallToolRequestParams::new(call.tool.to_string()).with_arguments(arguments);
    params.set_traceparent(&traces::traceparent(call));
    if let Some(rest) = rest {
        params.request_state = rest.state.clone();
        params.input_responses = (!rest.answers.is_empty()).then(|| questions::responses(rest));
    }
    Ok(params)
}

/// The fault for a call that brought no result.
pub(super) async fn fault(session: &Session, tool: &str, error: &ServiceError) -> Fault {
    let name = format!("{}.{tool}", session.name);
    match error {
        ServiceError::McpError(error) => refused(&name, error),
        ServiceError::UnexpectedResponse => {
            Fault::open("bad_response", format!("`{name}` answered with what is no result of a call"))
        }
        ServiceError::Cancelled { reason } => {
            let reason = reason.as_deref().unwrap_or("it gave no reason");
            Fault::open("failed", format!("the server cancelled `{name}`: {reason}"))
        }
        other => lost(session, other, &format!("in a call of `{name}`")).await,
    }
}

/// The fault for a question about the server itself: nothing has happened.
pub(super) async fn not_called(session: &Session, error: &ServiceError) -> Fault {
    let fault = match error {
        ServiceError::McpError(error) => {
            Fault::clean("failed", format!("the server `{}` does not list its tools: {}", session.name, error.message))
        }
        other => lost(session, other, "while it was asked for its tools").await,
    };
    Fault { happened: Happened::No, ..fault }
}

async fn lost(session: &Session, error: &ServiceError, when: &str) -> Fault {
    if let ServiceError::TransportSend(error) = error {
        if let Some(fault) = http::fault(&session.name, error.error.as_ref()) {
            return fault;
        }
        // A message without its end was not read by anybody.
        let _ = tokio::time::timeout(LAST_WORDS, session.fate.over()).await;
        let message = format!("the server `{}` took no more messages {when}: {}", session.name, session.fate.story());
        return Fault::clean("unavailable", message);
    }
    let _ = tokio::time::timeout(LAST_WORDS, session.fate.over()).await;
    Fault::open("unavailable", format!("the server `{}` was lost {when}: {}", session.name, session.fate.story()))
}

/// What a JSON-RPC error means.
pub(super) fn refused(name: &str, error: &ErrorData) -> Fault {
    let said = error.message.as_ref();
    match error.code {
        UNREADABLE => Fault::open("bad_response", format!("`{name}` gave no readable result: {said}")),
        ErrorCode::INVALID_PARAMS if unknown_tool(said) => Fault::clean("not_found", no_tool(name, said)),
        ErrorCode::INVALID_PARAMS => Fault::clean("invalid_input", format!("`{name}` refuses its arguments: {said}")),
        ErrorCode::METHOD_NOT_FOUND => Fault::clean("not_found", no_tool(name, said)),
        ErrorCode::RESOURCE_NOT_FOUND => Fault::clean("not_found", format!("`{name}`: {said}")),
        ErrorCode::INVALID_REQUEST | ErrorCode::PARSE_ERROR => {
            Fault::clean("failed", format!("the server does not understand the call of `{name}`: {said}"))
        }
        ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY => {
            Fault::clean("failed", format!("`{name}` needs something of its caller that weir does not offer: {said}"))
        }
        _ => Fault::open("failed", format!("`{name}` failed: {said}")),
    }
}

fn no_tool(name: &str, said: &str) -> String {
    format!("the server has no tool `{name}` any more ({said}): `weir tools diff` shows what changed")
}

pub(super) fn unknown_tool(said: &str) -> bool {
    let said = said.to_lowercase();
    said.contains("unknown tool") || (said.contains("tool") && said.contains("not found"))
}
