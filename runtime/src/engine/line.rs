//! The lines of a run's journal: events, and before a call that changes something a record that it is about to be made.

use crate::journal;
use crate::machine::{Event, Key};
use ecow::EcoString;
use serde::{Deserialize, Serialize};
use weir_stdlib::hex;
use weir_stdlib::value::{Hash, Value};

/// From so many bytes on, a line's value stands beside it, stored once for all lines that have it.
const LARGE: usize = 8 * 1024;

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
        /// Where, where its server has several instances.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instance: Option<EcoString>,
    },
}

impl Line {
    /// An event as it is written down.
    pub(super) fn event(event: &Event) -> journal::Line {
        let text = written(event);
        if text.len() < LARGE || value_of(event).is_none() {
            return journal::Line { text, large: None };
        }
        let mut rest = event.clone();
        let value = value_of_mut(&mut rest).map(|value| std::mem::replace(value, Value::NULL));
        let large = value.map(|value| serde_json::to_string(&value).unwrap_or_default());
        journal::Line { text: written(&rest), large }
    }

    /// The record of a call that is about to be made.
    pub(super) fn claimed(key: &Key, args: &Hash, instance: Option<EcoString>) -> journal::Line {
        let line = Line::Claimed { key: key.clone(), args: hex(args), instance };
        journal::Line { text: serde_json::to_string(&line).unwrap_or_default(), large: None }
    }

    /// The line that was written down.
    pub(super) fn read(line: &journal::Line) -> Result<Line, serde_json::Error> {
        let mut read: Line = serde_json::from_str(&line.text)?;
        if let (Some(large), Line::Event(event)) = (&line.large, &mut read)
            && let Some(place) = value_of_mut(event)
        {
            *place = serde_json::from_str(large)?;
        }
        Ok(read)
    }
}

fn written(event: &Event) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Borrowed<'a> {
        Event(&'a Event),
    }
    serde_json::to_string(&Borrowed::Event(event)).unwrap_or_default()
}

/// The value that may be large.
fn value_of(event: &Event) -> Option<&Value> {
    match event {
        Event::Started(started) => Some(&started.args),
        Event::Done { value, .. } | Event::Answered { value, .. } | Event::Received { value, .. } => Some(value),
        _ => None,
    }
}

fn value_of_mut(event: &mut Event) -> Option<&mut Value> {
    match event {
        Event::Started(started) => Some(&mut started.args),
        Event::Done { value, .. } | Event::Answered { value, .. } | Event::Received { value, .. } => Some(value),
        _ => None,
    }
}
