//! How the process ends: the exit codes, and the errors that end it before there is a result.

use crate::escape;
use crate::out::{self, Style, styled};
use serde_json::json;

/// Exit codes, as the manual lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, also partially.
    Done,
    /// The check found errors, or the run failed.
    Failed,
    /// Wrong usage: arguments, a missing file, an unknown flow.
    Usage,
    /// A rule of the flow stopped it.
    Blocked,
    /// A saga gave everything back.
    Compensated,
    /// It waits for a person or an operator.
    Waiting,
    /// Ctrl-C.
    Cancelled,
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Blocked => 3,
            Exit::Compensated => 4,
            Exit::Waiting => 5,
            Exit::Cancelled => 130,
        }
    }
}

/// Why a command could not do its work, in the reader's words: what, and what to do next.
#[derive(Debug)]
pub struct Error {
    /// How the process ends.
    pub exit: Exit,
    /// What is wrong, a line each.
    pub messages: Vec<String>,
    /// What to do next.
    pub help: Option<String>,
    /// For programs; None: what the exit code says.
    pub code: Option<&'static str>,
}

impl Error {
    /// Wrong usage.
    pub fn usage(message: impl Into<String>) -> Self {
        Error { exit: Exit::Usage, messages: vec![message.into()], help: None, code: None }
    }

    /// Right usage that could not be carried out.
    pub fn failed(message: impl Into<String>) -> Self {
        Error { exit: Exit::Failed, ..Error::usage(message) }
    }

    /// Adds what to do next.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds what to do next, where there is something to say.
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Says what it is, for programs.
    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The same for programs: `{ error: { code, message, help } }`, as the HTTP API has it.
    pub fn to_json(&self) -> String {
        let code = self.code.unwrap_or(match self.exit {
            Exit::Usage => "usage",
            Exit::Cancelled => "cancelled",
            _ => "failed",
        });
        let error = json!({ "code": code, "message": self.messages.join("\n"), "help": self.help });
        escape::json(&json!({ "error": error }).to_string()).into_owned()
    }

    /// Tells the reader.
    pub fn show(&self) {
        for message in &self.messages {
            out::note_line(&format!("{} {}", styled(Style::Red, "error:"), escape::lines(message)));
        }
        if let Some(help) = &self.help {
            out::note_line(&format!("{} {}", styled(Style::Bold, "help:"), escape::lines(help)));
        }
    }
}

/// What a command gives.
pub type Outcome = Result<Exit, Error>;
