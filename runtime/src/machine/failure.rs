//! Failures inside a run: a code, a message, and what they prove about what happened.

use crate::tool::{Fault, Happened};
use ecow::EcoString;
use weir_stdlib::Raise;
use weir_stdlib::value::{Labels, Value};

/// Why a step failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    /// `timeout`, `not_found`, …
    pub code: EcoString,
    /// For people, with the labels of what it was made from.
    pub message: Value,
    /// Path of the step that failed first.
    pub step: EcoString,
    /// Whether the call can have had its effect.
    pub happened: Happened,
    /// The server asked for this much patience, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// A failed compensation: nobody catches it.
    pub lasting: bool,
}

/// What can fail inside the machine.
pub(crate) type Fallible<T> = Result<T, Box<Failure>>;

impl Failure {
    /// A failure of the machine's own: nothing was called.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Box<Self> {
        Failure::labelled(code.into(), Value::text(message.into()))
    }

    /// A failure with a message that a flow made.
    pub(crate) fn labelled(code: EcoString, message: Value) -> Box<Self> {
        Box::new(Failure {
            code,
            message,
            step: EcoString::new(),
            happened: Happened::No,
            retry_after_ms: None,
            lasting: false,
        })
    }

    /// What a tool reported. Its words come from outside.
    pub(crate) fn fault(fault: &Fault) -> Box<Self> {
        let message = Value::text(fault.message.as_str()).with_labels(Labels::NONE.as_untrusted());
        Box::new(Failure {
            happened: fault.happened,
            retry_after_ms: fault.retry_after_ms,
            ..*Failure::labelled(fault.code.clone(), message)
        })
    }

    /// The same, at a step, unless it already says where it arose.
    pub(crate) fn at(mut self: Box<Self>, step: &str) -> Box<Self> {
        if self.step.is_empty() {
            self.step = step.into();
        }
        self
    }

    /// Whether trying again may help.
    pub(crate) fn transient(&self) -> bool {
        transient(&self.code)
    }

    /// `code: message`, secrets masked.
    pub(crate) fn shown(&self) -> String {
        format!("{}: {}", self.code, self.text())
    }

    /// The message, secrets masked.
    pub(crate) fn text(&self) -> String {
        self.message.mask().display_text()
    }

    /// What `as e` binds: `{ code, message, transient }`.
    pub(crate) fn record(&self) -> Value {
        Value::record([
            ("code", Value::text(self.code.as_str())),
            ("message", self.message.clone()),
            ("transient", Value::bool(self.transient())),
        ])
    }

    /// Whether handlers with these codes (none: all others) take it.
    pub(crate) fn taken_by(&self, codes: &[EcoString]) -> bool {
        if self.lasting || self.code == "cancelled" {
            return false;
        }
        if codes.is_empty() { !by_name(&self.code) } else { codes.contains(&self.code) }
    }
}

impl From<Raise> for Box<Failure> {
    fn from(raise: Raise) -> Self {
        Failure::labelled(raise.code, Value::text(raise.message))
    }
}

/// Whether a code is one of the transient ones.
pub(crate) fn transient(code: &str) -> bool {
    matches!(code, "timeout" | "rate_limited" | "unavailable")
}

/// Whether a code is caught only by name.
pub(crate) fn by_name(code: &str) -> bool {
    matches!(code, "blocked" | "budget" | "unknown")
}
