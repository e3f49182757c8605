//! The audit: who let what be done, and what came of it. Every call that is attempted, refused or answered from its key,
//! and every decision of a person, is a record; each record holds the hash of the one before, so that a change to what
//! was written shows. Records stand in the journal and are committed with the calls that they tell of: a call whose record
//! cannot be written is not made.

mod chain;

pub use chain::{Break, BreakKind, Chain, Head, Link, Verified, hash};

use crate::machine::Key;
use crate::tool::{Fault, Happened, Outcome};
use ecow::EcoString;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use weir_stdlib::hex;
use weir_stdlib::value::{Hash, Value};

tokio::task_local! {
    /// On whose behalf this task works.
    static ACTING: EcoString;
}

/// Does some work on somebody's behalf: the audit says so of what engines are told meanwhile in this task. An engine that
/// has its own ([`crate::engine::LocalEngine::by`]) names that one.
pub async fn acting_as<T>(who: impl Into<EcoString>, work: impl Future<Output = T>) -> T {
    ACTING.scope(who.into(), work).await
}

/// On whose behalf this task works.
pub(crate) fn acting() -> Option<EcoString> {
    ACTING.try_with(Clone::clone).ok()
}

/// Bytes of arguments or of an answer that a record shows; the hash stands for all of them.
const SHOWN: usize = 1_024;

/// What a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum What {
    /// A run was put into the queue.
    #[serde(rename = "run.queued")]
    RunQueued,
    /// A run began, or was started again from a failed step.
    #[serde(rename = "run.started")]
    RunStarted,
    /// A run was refused before it could call anything.
    #[serde(rename = "run.refused")]
    RunRefused,
    /// Nothing new is called.
    #[serde(rename = "run.paused")]
    RunPaused,
    /// It goes on.
    #[serde(rename = "run.resumed")]
    RunResumed,
    /// It is to end.
    #[serde(rename = "run.cancelled")]
    RunCancelled,
    /// A call is about to be made. One that only reads and succeeds has no other record.
    #[serde(rename = "call.attempted")]
    CallAttempted,
    /// A call that changes something succeeded.
    #[serde(rename = "call.succeeded")]
    CallSucceeded,
    /// It came back unfinished: it asks something, or works on.
    #[serde(rename = "call.unfinished")]
    CallUnfinished,
    /// It failed.
    #[serde(rename = "call.failed")]
    CallFailed,
    /// Nobody knows whether it happened.
    #[serde(rename = "call.unknown")]
    CallUnknown,
    /// It was not made, or its tool refused it: no permission, a closed gate, a used up budget, a key that stands for
    /// something else.
    #[serde(rename = "call.refused")]
    CallRefused,
    /// It was not made: its result was recorded under its key.
    #[serde(rename = "call.replayed")]
    CallReplayed,
    /// A person answered a question.
    #[serde(rename = "question.answered")]
    Answered,
    /// An operator decided about a step.
    #[serde(rename = "step.decided")]
    Decided,
    /// An event came in.
    #[serde(rename = "event.received")]
    Received,
}

impl What {
    /// Every kind, by its name.
    pub const NAMES: [&'static str; 16] = [
        "run.queued",
        "run.started",
        "run.refused",
        "run.paused",
        "run.resumed",
        "run.cancelled",
        "call.attempted",
        "call.succeeded",
        "call.unfinished",
        "call.failed",
        "call.unknown",
        "call.refused",
        "call.replayed",
        "question.answered",
        "step.decided",
        "event.received",
    ];
}

/// One record, before it has its place in the chain. What does not apply is left out.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
    /// Of which run.
    #[serde(skip_serializing_if = "EcoString::is_empty")]
    pub run_id: EcoString,
    /// Full name of the entry flow, for what concerns the run as a whole.
    #[serde(skip_serializing_if = "EcoString::is_empty")]
    pub flow: EcoString,
    /// Path of the step.
    #[serde(skip_serializing_if = "EcoString::is_empty")]
    pub step: EcoString,
    /// Which attempt.
    #[serde(skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// `server.tool`
    #[serde(skip_serializing_if = "EcoString::is_empty")]
    pub tool: EcoString,
    /// Which instance of its server, where there are several.
    #[serde(skip_serializing_if = "EcoString::is_empty")]
    pub instance: EcoString,
    /// Arguments, answer, result that an operator told: secrets masked, the beginning only where it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Box<RawValue>>,
    /// Hash of all of it, in hexadecimal.
    #[serde(skip_serializing_if = "EcoString::is_empty")]
    pub hash: EcoString,
    /// Capabilities that the run was granted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<EcoString>,
    /// What a call failed with.
    #[serde(skip_serializing_if = "EcoString::is_empty")]
    pub code: EcoString,
    /// Why, or which decision.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who: the user of a command, the name of a token, the run that started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<EcoString>,
}

fn is_zero(attempt: &u32) -> bool {
    *attempt == 0
}

impl Entry {
    /// A record about a run.
    pub fn new(at: Timestamp, what: What, run_id: &EcoString) -> Entry {
        Entry {
            at,
            what,
            run_id: run_id.clone(),
            flow: EcoString::new(),
            step: EcoString::new(),
            attempt: 0,
            tool: EcoString::new(),
            instance: EcoString::new(),
            value: None,
            hash: EcoString::new(),
            grants: Vec::new(),
            code: EcoString::new(),
            reason: String::new(),
            by: None,
        }
    }

    /// The same about a step.
    pub fn at_step(mut self, key: &Key) -> Entry {
        self.step = key.step.clone();
        self.attempt = key.attempt;
        self
    }

    /// The same about a tool.
    pub fn of_tool(mut self, tool: &EcoString) -> Entry {
        self.tool = tool.clone();
        self
    }

    /// The same about an instance of the tool's server.
    pub fn at(mut self, instance: &EcoString) -> Entry {
        self.instance = instance.clone();
        self
    }

    /// The same with what was given, secrets masked.
    pub fn with_value(mut self, value: &Value) -> Entry {
        let (text, cut) = value.masked_within(SHOWN);
        self.value = match cut {
            false => RawValue::from_string(text).ok(),
            true => to_raw_value(&format!("{text}…")).ok(),
        };
        self
    }

    /// The same with the hash of what was given.
    pub fn with_hash(mut self, hash: &Hash) -> Entry {
        self.hash = hex(hash).into();
        self
    }

    /// The same with the reason.
    pub fn because(mut self, reason: impl Into<String>) -> Entry {
        self.reason = reason.into();
        self
    }

    /// The same with who.
    pub fn by(mut self, who: Option<EcoString>) -> Entry {
        self.by = who;
        self
    }

    /// The same with what a call came to.
    pub fn with_fault(mut self, fault: &Fault) -> Entry {
        self.code = fault.code.clone();
        self.reason.clone_from(&fault.message);
        self
    }

    /// One line of JSON: what is chained.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What a call's outcome is in the audit; None: what only reads and succeeds is told by its attempt alone.
pub(crate) fn outcome(outcome: &Result<Outcome, Fault>, reads: bool, repeatable: bool, recorded: bool) -> Option<What> {
    Some(match outcome {
        Ok(_) if recorded => What::CallReplayed,
        Ok(_) if reads => return None,
        Ok(Outcome::Done(_)) => What::CallSucceeded,
        Ok(Outcome::Unfinished(_)) => What::CallUnfinished,
        Err(fault) if fault.code == "unknown" => What::CallUnknown,
        Err(fault) if fault.happened == Happened::Maybe && !repeatable => What::CallUnknown,
        Err(fault) if fault.happened == Happened::No && matches!(fault.code.as_str(), "permission" | "conflict") => {
            What::CallRefused
        }
        Err(_) => What::CallFailed,
    })
}
