//! An answer to a value: JSON with its numbers exact, text, or null.

use crate::tool::{Fault, Happened};
use crate::tools::http::{Received, Sent, of_status};
use reqwest::Method;
use weir_stdlib::value::Value;

/// The value of an answer, or the fault for its status.
pub(super) fn read(sent: &Sent, received: &Received) -> Result<Value, Fault> {
    if !(200..300).contains(&received.status) {
        return Err(of_status(sent, received));
    }
    if received.body.is_empty() || sent.method == Method::HEAD {
        return Ok(Value::NULL);
    }
    // The server has said that it is done; only its words cannot be read.
    let broken = |why: String| {
        let happened = if sent.happened() == Happened::No { Happened::No } else { Happened::Maybe };
        Fault { happened, ..Fault::clean("bad_response", format!("{} answered {why}", sent.shown())) }
    };
    let text = std::str::from_utf8(&received.body).map_err(|_| broken("with bytes that are no UTF-8 text".into()))?;
    match received.is_json() {
        true => Value::from_json(text).map_err(|error| broken(format!("with broken JSON: {error}"))),
        false if received.kind().is_empty() => Ok(Value::from_json(text).unwrap_or_else(|_| Value::text(text))),
        false => Ok(Value::text(text)),
    }
}
