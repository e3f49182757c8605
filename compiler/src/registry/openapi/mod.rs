//! An OpenAPI 3 document to a [`Listing`]: each operation becomes a tool. Pure: the document is given, nothing is read
//! and nothing is fetched.

mod args;
mod body;
mod document;
mod names;
mod response;
mod schema;
mod security;

use super::schema::{self as json_schema, Refused};
use super::{Annotations, Definition, Listing, Operation, ServerKind};
use document::Document;
use ecow::{EcoString, eco_format};
use indexmap::IndexMap;
use names::Taken;
use serde_json::Value as Json;

/// The most schema nodes that one document's tools may hold together; each tool gets its share.
const LISTING_NODES: usize = 1_000_000;
/// The most schema nodes of one tool's input or output.
const SCHEMA_NODES: usize = 10_000;
/// The fewest, however many tools there are.
const FEWEST_NODES: usize = 100;
/// Below so many nodes no smaller schema is tried.
const SMALLEST_TRY: usize = 8;
/// Letters of a description that are kept.
const DOC_LETTERS: usize = 1_000;

/// What a document gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// Its operations as tools.
    pub listing: Listing,
    /// The operations that became no tool.
    pub skipped: Vec<Skipped>,
    /// How the API wants its callers to identify themselves, one sentence each.
    pub credentials: Vec<String>,
}

/// An operation that became no tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// `GET /contacts/{id}`
    pub operation: EcoString,
    /// Why, in the reader's words.
    pub reason: String,
}

/// Reads an OpenAPI 3.0 or 3.1 document.
///
/// # Errors
/// In the reader's words, where it is no such document at all. An operation that cannot be a tool is no error: it
/// stands in [`Import::skipped`].
pub fn import(json: &Json) -> Result<Import, String> {
    version(json)?;
    let document = Document::new(json);
    let paths = json.get("paths").and_then(Json::as_object);
    let operations: Vec<Source<'_>> = paths.into_iter().flatten().flat_map(|path| document.operations(path)).collect();
    let (tools, skipped) = tools(&document, operations);
    Ok(Import {
        listing: Listing {
            kind: ServerKind::Openapi,
            server: server(json),
            protocol: None,
            base_url: document.base_url(),
            tools,
        },
        skipped,
        credentials: security::sentences(json),
    })
}

fn version(json: &Json) -> Result<(), String> {
    if json.get("swagger").is_some() {
        return Err(
            "this is Swagger 2.0; Weir reads OpenAPI 3.0 and 3.1: convert it first (`swagger2openapi` does)".into()
        );
    }
    match json.get("openapi").and_then(Json::as_str) {
        Some(version) if version.starts_with("3.") => Ok(()),
        Some(version) => Err(format!("this is OpenAPI `{version}`; Weir reads 3.0 and 3.1")),
        None => Err("this is no OpenAPI document: it has no `openapi: 3.…` at the top".into()),
    }
}

fn server(json: &Json) -> Option<EcoString> {
    let info = json.get("info")?;
    let title = info.get("title")?.as_str()?.trim();
    let version = info.get("version").and_then(Json::as_str).unwrap_or_default();
    Some(eco_format!("{title} {version}").trim().into())
}

fn tools(document: &Document<'_>, operations: Vec<Source<'_>>) -> (IndexMap<EcoString, Definition>, Vec<Skipped>) {
    let nodes = (LISTING_NODES / operations.len().max(1) / 2).clamp(FEWEST_NODES, SCHEMA_NODES);
    let (mut tools, mut skipped, mut taken) = (IndexMap::new(), Vec::new(), Taken::default());
    for source in operations {
        match source.definition(document, nodes) {
            Ok(definition) => drop(tools.insert(taken.unique(&source.name()), definition)),
            Err(reason) => {
                skipped.push(Skipped { operation: eco_format!("{} {}", source.method, source.path), reason })
            }
        }
    }
    (tools, skipped)
}

/// An operation as the document holds it.
struct Source<'a> {
    method: &'static str,
    path: &'a str,
    /// The path item; None where it is broken.
    item: Result<&'a Json, String>,
    json: &'a Json,
}

impl<'a> Source<'a> {
    /// Its `operationId`, else its method and path.
    fn name(&self) -> EcoString {
        let id = self.json.get("operationId").and_then(Json::as_str).map(names::identifier);
        id.filter(|id| !id.is_empty()).unwrap_or_else(|| names::of_path(self.method, self.path))
    }

    fn definition(&self, document: &Document<'a>, nodes: usize) -> Result<Definition, String> {
        let item = self.item.clone()?;
        if self.method == "TRACE" {
            return Err("`TRACE` shows a request to its sender and is no tool".into());
        }
        document.same_server(item, self.json)?;
        let auth = security::of(document, self.json);
        let request = |nodes| {
            let mut args = args::Args::read(document, nodes, item, self.json, self.path, auth.as_deref())?;
            let body = body::read(document, &mut args, self.json)?;
            let key_header = args.key_header.take();
            let (input, params) = args.finish()?;
            Ok((input, (params, body, key_header)))
        };
        let response = |nodes| Ok((response::schema(document, nodes, self.method, self.json)?, ()));
        let (input, (params, body, key_header)) = usable(nodes, request)?;
        let (output, ()) = usable(nodes, response)?;
        let http = Operation {
            method: self.method.into(),
            path: self.path.into(),
            params,
            body,
            key_header,
            auth: auth.clone(),
        };
        Ok(Definition {
            description: doc(self.json),
            input,
            output: Some(output),
            annotations: annotations(self.method),
            http: Some(http),
        })
    }
}

/// A schema that can be used. One that costs too much once its references are followed is made again of fewer nodes.
fn usable<T>(nodes: usize, build: impl Fn(usize) -> Result<(Json, T), String>) -> Result<(Json, T), String> {
    let mut nodes = nodes;
    loop {
        let (schema, rest) = build(nodes)?;
        match json_schema::check(&schema) {
            Ok(()) => return Ok((schema, rest)),
            Err(Refused(why)) if nodes < SMALLEST_TRY => return Err(why.into()),
            Err(_) => nodes /= 4,
        }
    }
}

/// Summary and description, with a word where it is deprecated.
fn doc(operation: &Json) -> Option<EcoString> {
    let text = |key: &str| operation.get(key).and_then(Json::as_str).map(str::trim).unwrap_or_default();
    let (summary, description) = (text("summary"), text("description"));
    let deprecated = operation.get("deprecated").and_then(Json::as_bool).unwrap_or_default();
    let parts = [if deprecated { "Deprecated." } else { "" }, summary, description];
    let mut parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.dedup();
    Some(shortened(&parts.join("\n\n"), DOC_LETTERS)).filter(|text| !text.is_empty())
}

/// The text, cut after so many letters.
fn shortened(text: &str, letters: usize) -> EcoString {
    match text.char_indices().nth(letters) {
        Some((at, _)) => eco_format!("{}…", text.get(..at).unwrap_or_default().trim_end()),
        None => text.into(),
    }
}

/// What a method means (RFC 9110).
fn annotations(method: &str) -> Annotations {
    let reads = matches!(method, "GET" | "HEAD" | "OPTIONS");
    let idempotent = reads || matches!(method, "PUT" | "DELETE");
    Annotations {
        read_only: Some(reads),
        idempotent: Some(idempotent),
        destructive: (method == "DELETE").then_some(true),
        open_world: None,
    }
}

#[cfg(test)]
mod tests;
