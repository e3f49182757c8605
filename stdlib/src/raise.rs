//! Errors of pure code, and the sentences that they are reported with.

use ecow::EcoString;

/// How pure code ends when it has no value: one of the language's error codes and a message for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Raise {
    /// `invalid_input`, `bad_response`, `budget`, `blocked`, `failed` or a code that the flow chose.
    pub code: EcoString,
    /// What happened, lower case, user text in backticks.
    pub message: String,
}

impl Raise {
    /// An error with a code of the language or of a flow.
    pub fn new(code: impl Into<EcoString>, message: impl Into<String>) -> Self {
        Raise { code: code.into(), message: message.into() }
    }

    /// `invalid_input`: a value that the operation has no answer for.
    pub fn invalid(message: impl Into<String>) -> Self {
        Raise::new("invalid_input", message)
    }

    /// `bad_response`: a cast that did not hold.
    pub fn bad_response(message: impl Into<String>) -> Self {
        Raise::new("bad_response", message)
    }

    /// `budget`: more steps, depth or size than one evaluation may take.
    pub fn budget(message: impl Into<String>) -> Self {
        Raise::new("budget", message)
    }

    /// An argument of another kind than the function takes.
    pub(crate) fn kind(wanted: &str, found: &str) -> Self {
        Raise::invalid(format!("expected {wanted}, found {found}"))
    }

    /// An integer, number or decimal left its range.
    pub(crate) fn overflow(what: &str) -> Self {
        Raise::invalid(format!("{what} is out of range"))
    }

    /// `/` or `%` by zero.
    pub(crate) fn zero() -> Self {
        Raise::invalid("division by zero")
    }

    /// A text or list that would be larger than any value may be.
    pub(crate) fn too_large(what: &str, limit: &str) -> Self {
        Raise::invalid(format!("{what} would be larger than {limit}"))
    }
}
