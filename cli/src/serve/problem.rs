//! What the HTTP API answers when it cannot do what it was asked: `{ error: { code, message, help, details } }`.

use crate::out;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde_json::json;
use weir_runtime::engine::EngineError;
use weir_runtime::journal::Trouble;

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    /// For programs; never renamed.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    help: Option<String>,
    /// In so many seconds it may be worth while.
    after: Option<u64>,
    /// A line for each single thing that is wrong.
    pub details: Vec<String>,
}

impl Problem {
    /// What is wrong, for a program and for a person.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Problem { status, code, message: message.into(), help: None, after: None, details: Vec::new() }
    }

    /// A request that says something wrong.
    pub fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A request whose parts do not fit what it is about.
    pub fn unfit(message: impl Into<String>) -> Self {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unfit", message)
    }

    /// Adds what to do next.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds how long to wait, in seconds.
    pub fn after(mut self, seconds: u64) -> Self {
        self.after = Some(seconds);
        self
    }

    /// Adds the single things.
    pub fn details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }

    /// There is no such run.
    pub fn no_run(run_id: &str) -> Self {
        Problem::new(StatusCode::NOT_FOUND, "no_run", format!("there is no run `{run_id}`"))
            .help("`GET /v1/runs` lists those that there are; an id is written in full")
    }

    /// No run is of that thread.
    pub fn no_thread(thread: &str) -> Self {
        let shown = crate::escape::short(thread, 80);
        Problem::new(StatusCode::NOT_FOUND, "no_thread", format!("there is no thread `{shown}`"))
            .help("a run is put into one by `thread` when it is started")
    }

    /// Everything on one line, for those who get no JSON.
    pub fn line(&self) -> String {
        let mut line = self.message.clone();
        if !self.details.is_empty() {
            line.push_str(&format!(": {}", self.details.join("; ")));
        }
        line
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let conflict = |code, message: String| Problem::new(StatusCode::CONFLICT, code, message);
        match error {
            EngineError::Refused(lines) => conflict("refused", "nothing was started".into()).details(lines),
            EngineError::NoRun(run_id) => Problem::no_run(&run_id),
            EngineError::NoThread(thread) => Problem::no_thread(&thread),
            EngineError::Unread(ref source) if source.trouble == Trouble::Damaged => {
                let problem = "the journal is damaged".into();
                broken(&error, StatusCode::INTERNAL_SERVER_ERROR, "damaged", problem)
            }
            EngineError::Unread(_) => {
                broken(&error, StatusCode::SERVICE_UNAVAILABLE, "journal", "the journal cannot be read".into())
            }
            EngineError::Ended { run_id, status } => {
                conflict("ended", format!("run {run_id} has ended: it is {status}"))
            }
            EngineError::Held(run_id) => conflict("held", format!("another process carries run {run_id} on")),
            EngineError::Unfit(why) => Problem::unfit(why),
            EngineError::Journal { ref run_id, .. } => {
                let problem = "the journal cannot be read or written, so nothing more is done";
                broken(&error, StatusCode::SERVICE_UNAVAILABLE, "journal", format!("run {run_id}: {problem}"))
            }
            EngineError::Damaged { ref run_id, .. } => {
                let problem = format!("the journal of run {run_id} is damaged");
                broken(&error, StatusCode::INTERNAL_SERVER_ERROR, "damaged", problem)
            }
            EngineError::Broken(ref run_id) => {
                let problem = format!("run {run_id} broke off; it can be resumed");
                broken(&error, StatusCode::INTERNAL_SERVER_ERROR, "broken", problem)
            }
        }
    }
}

/// What is wrong with us: the whole of it is for our own log.
fn broken(error: &EngineError, status: StatusCode, code: &'static str, message: String) -> Problem {
    out::note_line(&crate::escape::lines(&error.to_string()));
    Problem::new(status, code, message).help("the log of the server says more")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut error = json!({ "code": self.code, "message": self.message, "help": self.help });
        if let (false, Some(fields)) = (self.details.is_empty(), error.as_object_mut()) {
            fields.insert("details".into(), self.details.into());
        }
        let after = self.after.map(|seconds| [(header::RETRY_AFTER, seconds.to_string())]);
        (self.status, after.map(AppendHeaders), Json(json!({ "error": error }))).into_response()
    }
}
