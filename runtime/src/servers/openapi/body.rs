//! Request bodies: JSON, forms, multipart, text.

use super::request::{Given, joined};
use super::style::{Style, pairs};
use crate::tool::Fault;
use crate::tools::http::{LARGEST_BODY, Sent};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use weir_compiler::registry::{Body, Operation};
use weir_stdlib::value::Value;

/// Writes the body of a request, where the operation has one.
pub(super) fn write(
    sent: &mut Sent,
    operation: &Operation,
    input: &Json,
    args: &Value,
    given: &[Given<'_>],
) -> Result<(), Fault> {
    let Some(body) = &operation.body else { return Ok(()) };
    let fields: Vec<&Given<'_>> = given.iter().filter(|one| one.place.place == "body").collect();
    let whole = body.whole.as_ref().map(|name| args.as_record().and_then(|args| args.fields.get(name)).cloned());
    if matches!(whole, Some(None)) {
        return Ok(());
    }
    let whole = whole.flatten();
    let kind = body.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (bytes, content_type) = match kind.as_str() {
        "application/x-www-form-urlencoded" => {
            (form(&fields, whole.as_ref()).into_bytes(), body.content_type.to_string())
        }
        "multipart/form-data" => multipart(&fields, whole.as_ref(), input),
        kind if kind.ends_with("/json") || kind.ends_with("+json") => {
            (whole.unwrap_or_else(|| record(&fields)).to_json().into_bytes(), body.content_type.to_string())
        }
        _ => (text(body, whole)?, body.content_type.to_string()),
    };
    if bytes.len() > LARGEST_BODY {
        return Err(Fault::clean("invalid_input", format!("the body is larger than {} MiB", LARGEST_BODY >> 20)));
    }
    let unfit = |_| Fault::clean("failed", format!("`{}` is no content type", body.content_type));
    sent.headers.insert(CONTENT_TYPE, HeaderValue::from_str(&content_type).map_err(unfit)?);
    sent.body = Some(bytes);
    Ok(())
}

fn record(fields: &[&Given<'_>]) -> Value {
    Value::record(fields.iter().map(|one| (one.name(), one.value.clone())))
}

fn text(body: &Body, whole: Option<Value>) -> Result<Vec<u8>, Fault> {
    let text = whole.as_ref().and_then(Value::as_str).map(|text| text.as_bytes().to_vec());
    text.ok_or_else(|| Fault::clean("invalid_input", format!("the body is `{}` and must be a text", body.content_type)))
}

/// Fields of a form, from arguments or from one record.
fn each<'v>(fields: &'v [&Given<'_>], whole: Option<&'v Value>) -> Vec<(String, &'v Value, Option<Style<'v>>)> {
    let own = fields.iter().map(|one| (one.name().to_owned(), &one.value, declared(one)));
    let record = whole.and_then(Value::as_record).into_iter().flat_map(|record| record.fields.iter());
    own.chain(record.map(|(name, value)| (name.to_string(), value, None)))
        .filter(|(_, value, _)| !value.is_null())
        .collect()
}

fn declared<'v>(one: &'v Given<'_>) -> Option<Style<'v>> {
    (one.place.style.is_some() || one.place.explode.is_some()).then(|| one.style())
}

/// Lists repeat their name; records without a declared style are JSON.
fn form(fields: &[&Given<'_>], whole: Option<&Value>) -> String {
    let mut found = Vec::new();
    for (name, value, style) in each(fields, whole) {
        let name_of_style = if value.as_record().is_some() { "json" } else { "form" };
        found.extend(pairs(&name, value, style.unwrap_or(Style { name: name_of_style, explode: true })));
    }
    joined(&found, "&")
}

fn multipart(fields: &[&Given<'_>], whole: Option<&Value>, input: &Json) -> (Vec<u8>, String) {
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, value, _) in each(fields, whole) {
        let file = is_file(fields, input, &name);
        let items = value.as_list().unwrap_or_else(|| std::slice::from_ref(value));
        for item in items {
            let deep = item.as_record().is_some() || item.as_list().is_some();
            let text = if deep { item.to_json() } else { item.display_text() };
            let kind = if deep { "\r\nContent-Type: application/json" } else { "" };
            let quoted = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
            let file = if file {
                format!("; filename=\"{quoted}\"\r\nContent-Type: application/octet-stream")
            } else {
                String::new()
            };
            parts.push((format!("Content-Disposition: form-data; name=\"{quoted}\"{file}{kind}"), text.into_bytes()));
        }
    }
    let boundary = boundary(&parts);
    let mut body = Vec::new();
    for (head, content) in parts {
        body.extend_from_slice(format!("--{boundary}\r\n{head}\r\n\r\n").as_bytes());
        body.extend_from_slice(&content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (body, format!("multipart/form-data; boundary={boundary}"))
}

/// Whether the API wants a field as a file.
fn is_file(fields: &[&Given<'_>], input: &Json, name: &str) -> bool {
    let arg = fields.iter().find(|one| one.name() == name).map(|one| one.arg.as_str());
    let schema = arg.and_then(|arg| input.get("properties")?.get(arg));
    let binary = |schema: &Json| {
        schema.get("format").is_some_and(|format| format == "binary") || schema.get("contentMediaType").is_some()
    };
    schema.is_some_and(|schema| binary(schema) || schema.get("items").is_some_and(binary))
}

/// Made from the content, so that no part contains it and a repeat is the same.
fn boundary(parts: &[(String, Vec<u8>)]) -> String {
    let mut hash = Sha256::new();
    for (head, content) in parts {
        hash.update(head);
        hash.update(content);
    }
    let mut hex = weir_stdlib::hex(&hash.finalize());
    hex.truncate(32);
    format!("weir-{hex}")
}
