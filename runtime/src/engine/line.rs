//! The lines of a run's journal: events, and before a call that changes something a record that it is about to be made.

use crate::machine::{Event, Key};
use serde::{Deserialize, Serialize};
use weir_stdlib::value::Hash;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// Told to the machine.
    Event(Event),
    /// A call that does not only read is about to be made. On resume an unfinished one that is not repeatable is
    /// `unknown`; one with other arguments is not made.
    Claimed {
        /// Step and attempt.
        key: Key,
        /// Hash of the arguments, in hexadecimal.
        args: String,
    },
}

impl Line {
    pub(super) fn event(event: &Event) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "snake_case")]
        enum Borrowed<'a> {
            Event(&'a Event),
        }
        serde_json::to_string(&Borrowed::Event(event)).unwrap_or_default()
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A hash in hexadecimal.
pub(super) fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
