//! What the engine needs of a tool: it is called with a record and gives a value or a [`Fault`].

use async_trait::async_trait;
use ecow::EcoString;
use indexmap::IndexMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use weir_compiler::registry::Definition;
use weir_lang::types::Type;
use weir_stdlib::value::Value;

/// A set of tools that one server offers (`crm`, `files`, …): the built-in ones, an MCP server, an HTTP API, a program.
#[async_trait]
pub trait Tool: Send + Sync {
    /// Names of the tools that it carries out, without the server's.
    fn describe(&self) -> Vec<EcoString>;

    /// Carries out one call. The engine enforces the time limit by dropping the future.
    async fn call(&self, call: &Call) -> Result<Value, Fault>;

    /// The same for tools whose calls may come back unfinished; `rest` goes on with one that did.
    async fn attempt(&self, call: &Call, rest: Option<&Continuation>) -> Result<Outcome, Fault> {
        let _ = rest;
        self.call(call).await.map(Outcome::Done)
    }

    /// The names of its instances, where it has several: [`Call::instance`] says which one a call is for.
    fn instances(&self) -> Vec<EcoString> {
        Vec::new()
    }

    /// Whether an instance is not to be called, as it offers other tools than the lock file holds.
    fn is_out(&self, instance: &str) -> bool {
        let _ = instance;
        false
    }

    /// Asks an instance (the empty name: the only one) whether it is well. Changes nothing outside.
    async fn look(&self, instance: &str) -> Result<(), Fault> {
        let _ = instance;
        Ok(())
    }

    /// Ends an instance's process or session, which nobody uses and which does not answer. A later call starts it again.
    async fn restart(&self, instance: &str) {
        let _ = instance;
    }
}

/// What an attempt of a call came to, where it did not fail.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Its result.
    Done(Value),
    /// It is not through: it has to be made again with what is missing.
    Unfinished(Box<Unfinished>),
}

/// A call that is not through.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Unfinished {
    /// What a person has to be asked first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<ToolQuestion>,
    /// What the tool wants to see again, as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The tool works on under this id; it is looked at instead of called again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<EcoString>,
    /// The instance that began it and that knows the rest, where its server has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<EcoString>,
}

/// A question of a tool's.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ToolQuestion {
    /// The tool's name for it.
    pub id: EcoString,
    /// In the tool's words: it comes from outside.
    pub text: String,
    /// What the answer must fit.
    pub ty: Type,
}

/// What an unfinished call goes on with.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Continuation {
    /// The person did not want to answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub declined: bool,
    /// Answer by question.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub answers: IndexMap<EcoString, Value>,
    /// As in [`Unfinished::state`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// As in [`Unfinished::task`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<EcoString>,
    /// As in [`Unfinished::instance`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<EcoString>,
}

/// One attempt of a call.
#[derive(Clone, Debug)]
pub struct Call {
    /// The tool's name without the server's.
    pub tool: EcoString,
    /// Arguments, already narrowed to the tool's input.
    pub args: Value,
    /// The idempotency key, where the tool accepts one.
    pub key: Option<EcoString>,
    /// Run and step, for logs and trace context.
    pub run_id: EcoString,
    /// The step's path.
    pub step: EcoString,
    /// From 1.
    pub attempt: u32,
    /// Time limit of this attempt.
    pub timeout: Duration,
    /// Capabilities in force: declared, granted and passed on. The engine has checked the tool's own already; tools
    /// that are granted by name (`shell.run`) look here.
    pub grants: Vec<EcoString>,
    /// What the tool's server said of it when the program was compiled.
    pub definition: Option<Arc<Definition>>,
    /// The instance that the call is for, where the server has several; empty: any.
    pub instance: EcoString,
    /// Takes the tool's word of how far it is; only the last one counts. None: nobody listens.
    pub progress: Option<watch::Sender<Progress>>,
}

/// How far a call is, in the tool's own measure. It comes from outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// So much is done.
    pub done: f64,
    /// Of so much, where the tool knows.
    pub total: Option<f64>,
    /// In the tool's words.
    pub text: Option<String>,
}

/// Longest text of a tool's that is told, in characters.
const PROGRESS_TEXT: usize = 200;

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.total {
            Some(total) => write!(f, "{} of {total}", self.done)?,
            None => write!(f, "{}", self.done)?,
        }
        match self.text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => write!(f, ": {}", text.chars().take(PROGRESS_TEXT).collect::<String>()),
            None => Ok(()),
        }
    }
}

/// A tool's failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("{code}: {message}")]
pub struct Fault {
    /// `timeout`, `not_found`, …
    pub code: EcoString,
    /// In the reader's words: what, where, why and what to do next.
    pub message: String,
    /// Whether the call can have had its effect.
    pub happened: Happened,
    /// The server asked for this much patience, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// Whether a failed call can have had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// It has not.
    No,
    /// It may have.
    Maybe,
}

impl Fault {
    /// A failure that proves that nothing happened.
    pub fn clean(code: &str, message: impl Into<String>) -> Self {
        Fault { code: code.into(), message: message.into(), happened: Happened::No, retry_after_ms: None }
    }

    /// A failure that leaves open whether it happened.
    pub fn open(code: &str, message: impl Into<String>) -> Self {
        Fault { happened: Happened::Maybe, ..Fault::clean(code, message) }
    }
}
