//! The result of a call as a value: structured content where the tool has an output schema, else its text. Pictures,
//! sounds and other bytes become files; their paths stand in the text.

use super::call::unknown_tool;
use crate::tool::Fault;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use sha2::{Digest, Sha256};
use std::path::Path;
use weir_stdlib::value::Value;

/// Where bytes go, below the project's folder.
const BLOBS: &str = ".weir/blobs";

/// How a tool's result is read.
pub(super) struct Reading<'a> {
    /// `server.tool`
    pub name: &'a str,
    /// It has an output schema.
    pub typed: bool,
    /// It wraps its results as `{"result": …}` and its schema says so.
    pub wrapped: bool,
    /// The project's folder.
    pub root: &'a Path,
}

/// The value of a result, or the fault that it reports.
pub(super) fn value(reading: &Reading<'_>, result: CallToolResult) -> Result<Value, Fault> {
    if result.is_error == Some(true) {
        return Err(reported(reading, &result));
    }
    if !reading.typed {
        return text(reading, &result.content).map(Value::text);
    }
    let name = reading.name;
    let Some(content) = result.structured_content else {
        let message = format!("`{name}` has an output schema, but its result came without structured content");
        return Err(Fault::open("bad_response", message));
    };
    if !reading.wrapped {
        return Ok(Value::from(content));
    }
    match content {
        serde_json::Value::Object(mut fields) if fields.contains_key("result") => {
            Ok(Value::from(fields.swap_remove("result").unwrap_or_default()))
        }
        _ => Err(Fault::open("bad_response", format!("the result of `{name}` lacks its field `result`"))),
    }
}

/// A result that says that the call failed. That is an answer, so the call did not happen; the tool's `errors` table
/// gives it a code by its text.
fn reported(reading: &Reading<'_>, result: &CallToolResult) -> Fault {
    let texts = result.content.iter().filter_map(|block| match block {
        ContentBlock::Text(block) => Some(block.text.as_str()),
        _ => None,
    });
    let said = texts.collect::<Vec<_>>().join("\n");
    let code = match said.as_str() {
        text if text.contains("MCP error -32601") || unknown_tool(text) => "not_found",
        text if text.contains("MCP error -32602") || text.starts_with("Input validation error") => "invalid_input",
        _ => "failed",
    };
    let said = if said.is_empty() { "it gave no reason".to_owned() } else { said };
    Fault::clean(code, format!("`{}` failed: {said}", reading.name))
}

/// All blocks, one below the other.
fn text(reading: &Reading<'_>, content: &[ContentBlock]) -> Result<String, Fault> {
    let mut parts = Vec::with_capacity(content.len());
    for block in content {
        parts.push(match block {
            ContentBlock::Text(block) => block.text.clone(),
            ContentBlock::ResourceLink(link) => link.uri.clone(),
            ContentBlock::Resource(embedded) => match &embedded.resource {
                ResourceContents::TextResourceContents { text, .. } => text.clone(),
                ResourceContents::BlobResourceContents { blob, mime_type, .. } => {
                    file(reading, blob, mime_type.as_deref())?
                }
                _ => continue,
            },
            ContentBlock::Image(image) => file(reading, &image.data, Some(&image.mime_type))?,
            ContentBlock::Audio(audio) => file(reading, &audio.data, Some(&audio.mime_type))?,
            _ => continue,
        });
    }
    Ok(parts.join("\n"))
}

/// Keeps bytes in a file that is named after them; gives its path below the project's folder.
fn file(reading: &Reading<'_>, data: &str, kind: Option<&str>) -> Result<String, Fault> {
    let open = |what: String| Fault::open("bad_response", format!("the result of `{}` {what}", reading.name));
    let bytes = BASE64_STANDARD.decode(data.trim()).map_err(|_| open("holds bytes that are no base64".to_owned()))?;
    let mut hash = weir_stdlib::hex(&Sha256::digest(&bytes));
    hash.truncate(32);
    let path = format!("{BLOBS}/{hash}.{}", extension(kind));
    let full = reading.root.join(&path);
    if !full.exists() {
        let written = fs_err::create_dir_all(reading.root.join(BLOBS)).and_then(|()| fs_err::write(&full, &bytes));
        written.map_err(|error| Fault::open("failed", format!("the result of `{}` is lost: {error}", reading.name)))?;
    }
    Ok(path)
}

/// Of a media type that we know; never a text of the server's.
fn extension(kind: Option<&str>) -> &'static str {
    match kind.unwrap_or_default().split(';').next().unwrap_or_default().trim() {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/svg+xml" => "svg",
        "audio/wav" | "audio/x-wav" => "wav",
        "audio/mpeg" => "mp3",
        "audio/ogg" => "ogg",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "application/gzip" => "gz",
        "application/json" => "json",
        "text/plain" => "txt",
        _ => "bin",
    }
}
