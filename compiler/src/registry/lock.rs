//! `weir.lock.json`: what each server offered when `weir tools sync` last asked it. Sorted, one tool a block, so that
//! a change reads well in a review.

use super::definition::{Definition, sorted};
use ecow::EcoString;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// The file's name, beside `weir.toml`.
pub const LOCK_FILE: &str = "weir.lock.json";

/// The format that this version writes.
pub const LOCK_VERSION: u32 = 1;

/// The lock file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock<S = Json> {
    /// [`LOCK_VERSION`] of the writer.
    pub version: u32,
    /// What each server offered, by its name in `weir.toml`.
    #[serde(default = "IndexMap::new")]
    pub servers: IndexMap<EcoString, Listing<S>>,
}

impl<S> Default for Lock<S> {
    fn default() -> Self {
        Lock { version: 0, servers: IndexMap::new() }
    }
}

/// What a server offers at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing<S = Json> {
    /// What kind of server it is.
    pub kind: ServerKind,
    /// The name that it gives itself, with its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<EcoString>,
    /// MCP: the protocol version that was spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<EcoString>,
    /// OpenAPI: the document's own first server address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<EcoString>,
    /// Its tools, by their own names.
    #[serde(default = "IndexMap::new")]
    pub tools: IndexMap<EcoString, Definition<S>>,
}

/// The kinds of tool server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerKind {
    /// An MCP server, over stdio or HTTP.
    Mcp,
    /// An HTTP API with an OpenAPI document.
    Openapi,
    /// A program: JSON in, JSON out.
    Program,
}

/// Why a lock file cannot be read, with the byte where that shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockError {
    /// In the reader's words.
    pub message: String,
    /// Byte in the text.
    pub at: usize,
}

impl<'t, S: Deserialize<'t>> Lock<S> {
    /// Reads a lock file; its schemas are read as `S`.
    ///
    /// # Errors
    /// [`LockError`] where it is no JSON, not of this shape, or of a newer version.
    pub fn read(text: &'t str) -> Result<Lock<S>, LockError> {
        let lock: Lock<S> = serde_json::from_str(text).map_err(|error| LockError {
            at: byte_of(text, error.line(), error.column()),
            message: error.to_string(),
        })?;
        if lock.version > LOCK_VERSION {
            let message = format!("written by a newer weir (version {}, this one reads {LOCK_VERSION})", lock.version);
            return Err(LockError { message, at: 0 });
        }
        Ok(lock)
    }
}

impl Lock {
    /// Reads a lock file whole.
    ///
    /// # Errors
    /// [`LockError`] where it is no JSON, not of this shape, or of a newer version.
    pub fn parse(text: &str) -> Result<Lock, LockError> {
        Lock::read(text)
    }

    /// The file's text: servers, tools and keys in order, ends with a line break.
    pub fn print(&self) -> String {
        let json = sorted(serde_json::to_value(self).unwrap_or_default());
        let mut text = serde_json::to_string_pretty(&json).unwrap_or_default();
        text.push('\n');
        text
    }
}

fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_the_same_and_is_sorted() {
        let text = r#"{"version":1,"servers":{"b":{"kind":"mcp","tools":{"z":{"input":{"type":"object","a":1}},
            "a":{"input":{}}}},"a":{"kind":"program"}}}"#;
        let lock = Lock::parse(text).unwrap();
        let printed = lock.print();
        assert_eq!(Lock::parse(&printed).unwrap(), lock);
        assert!(printed.find("\"a\": {").unwrap() < printed.find("\"b\": {").unwrap());
        assert_eq!(Lock::parse(&printed).unwrap().print(), printed);
    }

    #[test]
    fn a_broken_file_is_placed() {
        let error = Lock::parse("{\n  \"version\": x").unwrap_err();
        assert_eq!(error.at, 15);
    }
}
