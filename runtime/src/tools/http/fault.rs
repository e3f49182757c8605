//! From statuses and broken connections to faults. A status below 500 says that the server refused: nothing happened.

use super::client::{Received, Sent};
use crate::tool::{Fault, Happened};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};
use weir_stdlib::value::Value;

/// Letters of a server's own words that are kept.
const WORDS: usize = 300;
/// The longest patience that a server may ask for: a day.
const LONGEST_WAIT_MS: u64 = 86_400_000;

/// The fault for a status that is no success.
pub(crate) fn of_status(sent: &Sent, received: &Received) -> Fault {
    let status = received.status;
    let code = match status {
        400 | 411 | 413 | 414 | 415 | 416 | 422 | 431 => "invalid_input",
        401 | 403 | 407 | 451 => "permission",
        404 | 410 => "not_found",
        409 | 412 | 423 => "conflict",
        408 | 504 => "timeout",
        429 => "rate_limited",
        425 | 500 | 502 | 503 => "unavailable",
        _ => "failed",
    };
    // 408 comes from gateways too, behind which the request may have been carried out.
    let refused = (400..500).contains(&status) && status != 408;
    let words = words(received).map(|words| format!(": {words}")).unwrap_or_default();
    Fault {
        code: code.into(),
        message: format!("{} answered {status}{words}", sent.shown()),
        happened: if refused { Happened::No } else { sent.happened() },
        retry_after_ms: retry_after(&received.headers, now_ms()),
    }
}

/// The fault for a request that got no answer.
pub(super) fn of_transport(sent: &Sent, error: &reqwest::Error) -> Fault {
    let shown = sent.shown();
    if let Some(refused) = causes(error).find_map(|cause| cause.downcast_ref::<super::resolve::Refused>()) {
        return Fault::clean("permission", refused.0.clone());
    }
    let why = causes(error).last().map(ToString::to_string).unwrap_or_default();
    let (why, _) = clipped(&why);
    if causes(error).any(|cause| cause.to_string().contains("certificate")) {
        return Fault::clean("failed", format!("{shown}: the server's certificate does not hold: {why}"));
    }
    if error.is_connect() || error.is_dns() || error.is_builder() {
        return Fault::clean("unavailable", format!("{shown}: no connection: {why}"));
    }
    let happened = sent.happened();
    let message = format!("{shown}: the connection broke or the answer is no HTTP: {why}");
    Fault { happened, ..Fault::clean("unavailable", message) }
}

pub(super) fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |error: &&'_ (dyn Error + 'static)| (*error).source())
}

/// What the server says is wrong, where it says so in a usual place.
fn words(received: &Received) -> Option<String> {
    let text = String::from_utf8_lossy(&received.body);
    let found = match Value::from_json(&text) {
        Ok(value) => said(&value, 0)?,
        Err(_) if received.is_text() => text.into_owned(),
        Err(_) => return None,
    };
    let (clipped, empty) = clipped(&found);
    (!empty).then_some(clipped)
}

/// `message`, `detail`, `error.message`, `errors[0].message`, …
fn said(value: &Value, depth: usize) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    if depth > 3 {
        return None;
    }
    if let Some(items) = value.as_list() {
        return items.first().and_then(|item| said(item, depth + 1));
    }
    let record = value.as_record()?;
    ["message", "detail", "error_description", "error", "errors", "title", "description", "msg"]
        .iter()
        .filter_map(|name| record.fields.get(*name))
        .find_map(|value| said(value, depth + 1))
}

/// One line without control characters, cut; and whether nothing is left.
fn clipped(text: &str) -> (String, bool) {
    let line: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let line = line.join(" ");
    let cut: String = line.chars().take(WORDS).collect();
    (cut, line.is_empty())
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// `retry-after`: seconds, or a date.
fn retry_after(headers: &HeaderMap, now_ms: u64) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(1000),
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
            u64::try_from(at).ok()?.saturating_sub(now_ms)
        }
    };
    Some(wait.min(LONGEST_WAIT_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_read_as_seconds_and_as_a_date() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers, 784_111_770_000)
        };
        assert_eq!(wait("3"), Some(3000));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7000));
        assert_eq!(wait("Sat, 06 Nov 1993 08:49:37 GMT"), Some(0));
        assert_eq!(wait("999999999999"), Some(LONGEST_WAIT_MS));
        assert_eq!(wait("soon"), None);
    }
}
