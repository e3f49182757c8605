//! `files.read`, `files.exists`, `files.info`: what is there.

use super::LIMIT;
use crate::tool::Fault;
use crate::tools::fault::io_fault;
use crate::tools::sandbox::Place;
use fs_err as fs;
use jiff::Timestamp;
use std::fs::Metadata;
use std::io::{self, Read};
use weir_stdlib::value::Value;

pub(super) fn read(place: &Place) -> Result<Value, Fault> {
    let bytes = read_bytes(place, LIMIT)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let message = format!("`{}` is no UTF-8 text (first at byte {at}); convert it first", place.shown);
        Fault::clean("invalid_input", message)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(Value::record([("text", Value::text(text))]))
}

/// The bytes of a file of at most `limit` bytes.
pub(in crate::tools) fn read_bytes(place: &Place, limit: u64) -> Result<Vec<u8>, Fault> {
    let data = metadata(place)?;
    if !data.is_file() {
        let kind = if data.is_dir() { "a folder; `files.list` shows its files" } else { "no regular file" };
        return Err(Fault::clean("invalid_input", format!("`{}` is {kind}", place.shown)));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(data.len().min(limit)).unwrap_or(0));
    let mut read = || fs::File::open(&place.target)?.take(limit + 1).read_to_end(&mut bytes);
    read().map_err(|error| reading(place, &error))?;
    if bytes.len() as u64 > limit {
        let message = format!("`{}` is larger than {} MiB; split it, or pass its path on", place.shown, LIMIT >> 20);
        return Err(Fault::clean("invalid_input", message));
    }
    Ok(bytes)
}

pub(super) fn exists(place: &Place) -> Result<Value, Fault> {
    match metadata(place) {
        Ok(_) => Ok(Value::record([("exists", Value::bool(true))])),
        Err(fault) if fault.code == "not_found" => Ok(Value::record([("exists", Value::bool(false))])),
        Err(fault) => Err(fault),
    }
}

pub(super) fn info(place: &Place) -> Result<Value, Fault> {
    let data = metadata(place)?;
    let (kind, size) = if data.is_dir() { ("folder", 0) } else { ("file", data.len()) };
    Ok(Value::record([
        ("path", Value::text(place.shown.as_str())),
        ("name", Value::text(place.entry.file_name().unwrap_or_default().to_string_lossy())),
        ("kind", Value::text(kind)),
        ("size", size_value(size)),
        ("modified", Value::text(modified(&data))),
    ]))
}

fn metadata(place: &Place) -> Result<Metadata, Fault> {
    fs::metadata(&place.target).map_err(|error| reading(place, &error))
}

/// A file where a folder was meant has nothing below it: that is not found, too.
fn reading(place: &Place, error: &io::Error) -> Fault {
    let what = format!("cannot read `{}`", place.shown);
    match error.kind() {
        io::ErrorKind::NotADirectory => Fault::clean("not_found", format!("{what}: there is no such file or folder")),
        _ => io_fault(&what, error),
    }
}

/// When it was last changed, ISO 8601 in UTC.
pub(super) fn modified(data: &Metadata) -> String {
    let time = data.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    time.unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// A size in bytes as a value.
pub(super) fn size_value(size: u64) -> Value {
    Value::int(i64::try_from(size).unwrap_or(i64::MAX))
}
