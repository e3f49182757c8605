//! An answer to a value.

use crate::tool::Fault;
use crate::tools::http::{Received, Sent, of_status};
use reqwest::Method;
use weir_stdlib::value::Value;

/// The value of an answer, or the fault for its status.
pub(super) fn read(sent: &Sent, received: &Received) -> Result<Value, Fault> {
    match received.status {
        200..300 if sent.method == Method::HEAD => Ok(Value::NULL),
        200..300 => received.value(sent),
        _ => Err(of_status(sent, received)),
    }
}
