//! What looks like chance and clock but is not: hashes of run and path, and the time of the event.

use super::failure::{Failure, Fallible};
use ecow::EcoString;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use weir_stdlib::value::{Data, Value};

/// 32 bytes that depend on nothing but their inputs.
fn digest(run: &str, path: &str, what: &str, number: u64) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [run, path, what] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher.update(number.to_be_bytes());
    hasher.finalize().into()
}

fn word(bytes: &[u8; 32]) -> u64 {
    bytes.iter().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// A number from 0 up to, not including, 1.
#[allow(clippy::cast_precision_loss)]
pub(super) fn share(run: &str, path: &str, what: &str, number: u64) -> f64 {
    const STEPS: f64 = 9_007_199_254_740_992.0;
    (word(&digest(run, path, what, number)) >> 11) as f64 / STEPS
}

/// `uuid()`: version 8 (made by a rule of our own).
pub(super) fn uuid(run: &str, path: &str) -> EcoString {
    let bytes = digest(run, path, "uuid", 0);
    let mut half = [0; 16];
    half.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    uuid::Builder::from_custom_bytes(half).into_uuid().to_string().into()
}

/// The id of a run that a step starts: a UUID v7 with the time of the event, else a hash of run and path.
pub(super) fn child_run(run: &str, path: &str, attempt: u32, now: Timestamp) -> EcoString {
    let bytes = digest(run, path, "start", u64::from(attempt));
    let mut tail = [0; 10];
    tail.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid().to_string().into()
}

/// The delay before attempt `retry + 1`: exponential from `lo` to `hi`, full jitter.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(super) fn backoff(run: &str, path: &str, retry: u32, lo: u64, hi: u64) -> u64 {
    let doubled = lo.saturating_mul(1_u64.checked_shl(retry.saturating_sub(1).min(40)).unwrap_or(u64::MAX));
    let most = doubled.min(hi.max(lo));
    (share(run, path, "jitter", u64::from(retry)) * most as f64) as u64
}

/// `now` and so many milliseconds, as late as times go.
pub(super) fn later(now: Timestamp, millis: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_millis(millis)).unwrap_or(Timestamp::MAX)
}

/// Milliseconds of a duration.
pub(super) fn millis(value: &Value, what: &str) -> Fallible<i64> {
    match &value.data {
        Data::Duration(millis) if *millis >= 0 => Ok(*millis),
        Data::Duration(_) => Err(Failure::new("invalid_input", format!("{what} is negative"))),
        _ => Err(Failure::new("invalid_input", format!("{what} is no duration but {}", value.kind()))),
    }
}

/// The time that a duration or time names.
pub(super) fn moment(value: &Value, now: Timestamp, what: &str) -> Fallible<Timestamp> {
    match &value.data {
        Data::Time(time) => Ok(*time),
        Data::Duration(_) => Ok(later(now, millis(value, what)?)),
        _ => Err(Failure::new("invalid_input", format!("{what} is neither duration nor time but {}", value.kind()))),
    }
}

/// `today(zone)`
pub(super) fn today(now: Timestamp, zone: &Value) -> Fallible<Value> {
    let name = zone.as_str().unwrap_or("UTC");
    match jiff::tz::TimeZone::get(name) {
        Ok(zone) => Ok(Value::new(Data::Date(now.to_zoned(zone).date()))),
        Err(_) => Err(Failure::new(
            "invalid_input",
            format!("`{name}` is no time zone: write an IANA name such as \"Europe/Oslo\""),
        )),
    }
}
