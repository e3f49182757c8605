//! Traces: each run is a trace, its steps and the attempts of its calls are spans. Ids are hashes of run, step and
//! attempt, so that the one that a tool is told (`traceparent`) is the one that is exported, whoever exports it.

mod export;
mod fold;

pub use export::{Exporter, Otlp};
pub use fold::{Span, Spans};

use crate::machine::trace_id;
use crate::tool::Call;
use sha2::{Digest, Sha256};
use weir_stdlib::hex;

/// The id of a span: of a run (no step), a step (attempt 0) or an attempt.
pub fn span_id(run_id: &str, step: &str, attempt: u32) -> [u8; 8] {
    let mut hasher = Sha256::new();
    for part in [run_id, step] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher.update(attempt.to_be_bytes());
    let mut id = [0; 8];
    id.iter_mut().zip(hasher.finalize()).for_each(|(to, from)| *to = from);
    // All zeros stand for no span.
    if id == [0; 8] { [1; 8] } else { id }
}

/// What a tool is told of the trace that its call belongs to (W3C trace context).
pub(crate) fn traceparent(call: &Call) -> String {
    let span = span_id(&call.run_id, &call.step, call.attempt);
    format!("00-{}-{}-01", trace_id(&call.run_id), hex(&span))
}
