//! What tests of flows look at: a run's value as the flow returned it, and which call a line of a journal ends.

use super::line::Line;
use super::run::RunLoop;
use super::{EngineError, LocalEngine};
use crate::journal;
use crate::machine::Event;
use ecow::EcoString;
use weir_stdlib::value::Value;

/// Step and attempt of the call that ends with this line.
pub(crate) fn ended_call(line: &journal::Line) -> Option<(EcoString, u32)> {
    match Line::read(line).ok()? {
        Line::Event(Event::Done { key, .. } | Event::Failed { key, .. }) => Some((key.step, key.attempt)),
        _ => None,
    }
}

impl LocalEngine {
    /// What a run that is not under way has returned, secrets and all.
    pub(crate) fn returned(&self, run_id: &str) -> Result<Option<Value>, EngineError> {
        Ok(RunLoop::load(self, run_id)?.machine.record().value.clone())
    }
}
