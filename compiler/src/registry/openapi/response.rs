//! The schema of what an operation gives: one for each success status, joined.

use super::document::Document;
use super::schema::{Bundle, Direction};
use serde_json::{Map, Value as Json, json};

/// What the operation gives when it succeeds.
pub(super) fn schema(document: &Document<'_>, nodes: usize, method: &str, operation: &Json) -> Result<Json, String> {
    if method == "HEAD" {
        return Ok(json!({ "type": "null" }));
    }
    let mut bundle = Bundle::new(document, Direction::Response, nodes);
    let responses = operation.get("responses").and_then(Json::as_object);
    let mut kinds: Vec<Json> = Vec::new();
    for response in responses.map(successes).unwrap_or_default() {
        let kind = content(document, &mut bundle, response)?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let root = match kinds.len() {
        0 => json!({}),
        1 => kinds.pop().unwrap_or_default(),
        _ if kinds.iter().any(is_anything) => json!({}),
        _ => json!({ "anyOf": kinds }),
    };
    bundle.finish(root)
}

fn is_anything(kind: &Json) -> bool {
    kind.as_object().is_some_and(Map::is_empty)
}

/// Those of 2xx, else the default one.
fn successes(responses: &Map<String, Json>) -> Vec<&Json> {
    let found: Vec<&Json> =
        responses.iter().filter(|(status, _)| status.starts_with('2')).map(|(_, response)| response).collect();
    match found.is_empty() {
        true => responses.get("default").into_iter().collect(),
        false => found,
    }
}

fn content<'a>(document: &Document<'a>, bundle: &mut Bundle<'_, 'a>, response: &'a Json) -> Result<Json, String> {
    let response = document.follow(response)?;
    let content = response.get("content").and_then(Json::as_object).filter(|content| !content.is_empty());
    let Some(content) = content else { return Ok(json!({ "type": "null" })) };
    match content.iter().find(|(kind, _)| is_json(kind)) {
        Some((_, media)) => Ok(media.get("schema").map_or_else(|| json!({}), |schema| bundle.convert(schema, 0))),
        None => Ok(json!({ "type": "string" })),
    }
}

/// Whether a content type is JSON: `application/json`, `application/vnd.acme+json; v=1`, `*/*`.
pub(super) fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.ends_with("/json") || kind.ends_with("+json") || kind == "*/*" || kind == "application/*"
}
