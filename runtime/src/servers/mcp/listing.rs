//! `tools/list`, page by page, into definitions that the lock file keeps.

use super::call;
use super::session::Session;
use crate::tool::Fault;
use ecow::EcoString;
use indexmap::IndexMap;
use rmcp::model::{ClientRequest, ListToolsRequest, ListToolsResult, PaginatedRequestParams, ServerResult, Tool};
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;
use std::time::Duration;
use weir_compiler::registry::{Annotations, Definition, Listing, ServerKind};

/// Most pages of one listing.
const PAGES: usize = 200;
/// Most tools of one server.
const TOOLS: usize = 5_000;
/// Largest schema, in bytes of JSON.
const SCHEMA: usize = 512 * 1024;
/// Deepest schema.
const DEPTH: usize = 64;
/// Longest name, in bytes.
const NAME: usize = 256;
/// How long a listing may take, all pages together.
const LIMIT: Duration = Duration::from_secs(60);
/// FastMCP's mark on a schema whose value it has wrapped as `{"result": …}`.
const WRAPPED: &str = "x-fastmcp-wrap-result";

/// What a server offers now.
#[derive(Debug)]
pub(super) struct Live {
    pub listing: Listing,
    /// Tools whose results come as `{"result": …}` and go on without.
    pub wrapped: BTreeSet<EcoString>,
}

/// Asks a server for its tools.
pub(super) async fn ask(session: &Session) -> Result<Live, Fault> {
    match tokio::time::timeout(LIMIT, pages(session)).await {
        Ok(tools) => live(session, tools?),
        Err(_) => Err(bad(session, format!("did not list its tools within {} s", LIMIT.as_secs()))),
    }
}

async fn pages(session: &Session) -> Result<Vec<Tool>, Fault> {
    let mut tools = Vec::new();
    let mut cursor: Option<String> = None;
    let mut seen = BTreeSet::new();
    for _ in 0..PAGES {
        let page = page(session, cursor.take()).await?;
        tools.extend(page.tools);
        if tools.len() > TOOLS {
            return Err(bad(session, format!("lists more than {TOOLS} tools")));
        }
        match page.next_cursor.filter(|cursor| !cursor.is_empty()) {
            None => return Ok(tools),
            Some(next) if !seen.insert(next.clone()) => {
                return Err(bad(session, "lists its tools in a circle".to_owned()));
            }
            Some(next) => cursor = Some(next),
        }
    }
    Err(bad(session, format!("lists its tools on more than {PAGES} pages")))
}

async fn page(session: &Session, cursor: Option<String>) -> Result<ListToolsResult, Fault> {
    let request = ListToolsRequest {
        method: Default::default(),
        params: Some(PaginatedRequestParams::default().with_cursor(cursor)),
        extensions: Default::default(),
    };
    match session.peer.send_request(ClientRequest::ListToolsRequest(request)).await {
        Ok(ServerResult::ListToolsResult(page)) => Ok(page),
        Ok(_) => Err(bad(session, "answers `tools/list` with something else".to_owned())),
        Err(error) => Err(call::not_called(session, &error).await),
    }
}

fn live(session: &Session, tools: Vec<Tool>) -> Result<Live, Fault> {
    let mut wrapped = BTreeSet::new();
    let mut definitions = IndexMap::new();
    for tool in tools {
        let name = EcoString::from(tool.name.as_ref());
        if let Some(why) = bad_name(&name) {
            return Err(bad(session, format!("has a tool whose name `{}` {why}", name.escape_debug())));
        }
        let (definition, wraps) = definition(tool);
        let schemas = [Some(&definition.input), definition.output.as_ref()];
        if let Some(why) = schemas.into_iter().flatten().find_map(too_large) {
            return Err(bad(session, format!("has a tool `{name}` whose schema {why}")));
        }
        if wraps {
            wrapped.insert(name.clone());
        }
        if definitions.insert(name.clone(), definition).is_some() {
            return Err(bad(session, format!("has two tools of the name `{name}`")));
        }
    }
    let info = session.peer.peer_info();
    let server = info.as_ref().and_then(|info| info.server_info.as_ref());
    let listing = Listing {
        kind: ServerKind::Mcp,
        server: server.map(|server| format!("{} {}", server.name, server.version).into()),
        protocol: session.protocol().map(EcoString::from),
        base_url: None,
        tools: definitions,
    };
    Ok(Live { listing, wrapped })
}

fn bad(session: &Session, what: String) -> Fault {
    Fault::clean("bad_response", format!("the server `{}` {what}", session.name))
}

/// Names that a person cannot read as they stand (T27), or that cannot be written in a flow.
fn bad_name(name: &str) -> Option<&'static str> {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    match name {
        "" => Some("is empty"),
        _ if name.len() > NAME => Some("is too long"),
        _ if name.chars().any(unseen) => Some("has characters that cannot be seen or change the direction of text"),
        _ if name.contains('`') => Some("has a backtick"),
        _ => None,
    }
}

fn too_large(schema: &Json) -> Option<String> {
    if schema.to_string().len() > SCHEMA {
        return Some("is larger than 512 KiB".to_owned());
    }
    (depth(schema) > DEPTH).then(|| format!("is more than {DEPTH} levels deep"))
}

/// The SDK has read it, so it is at most 128 levels deep.
fn depth(json: &Json) -> usize {
    let inside = match json {
        Json::Array(items) => items.iter().map(depth).max(),
        Json::Object(fields) => fields.values().map(depth).max(),
        _ => return 0,
    };
    1 + inside.unwrap_or(0)
}

/// The definition, and whether its results come wrapped.
fn definition(tool: Tool) -> (Definition, bool) {
    let claims = tool.annotations.unwrap_or_default();
    let output = tool.output_schema.map(|schema| (*schema).clone());
    let (output, wraps) = match output {
        Some(schema) => match unwrapped(&schema) {
            Some(inner) => (Some(inner), true),
            None => (Some(Json::Object(schema)), false),
        },
        None => (None, false),
    };
    let definition = Definition {
        description: tool.description.map(|text| text.as_ref().into()),
        input: Json::Object((*tool.input_schema).clone()),
        output,
        annotations: Annotations {
            read_only: claims.read_only_hint,
            idempotent: claims.idempotent_hint,
            destructive: claims.destructive_hint,
            open_world: claims.open_world_hint,
        },
        http: None,
    };
    (definition, wraps)
}

/// The schema of the value that FastMCP has wrapped, where the schema says so; what it refers to comes along.
fn unwrapped(schema: &Map<String, Json>) -> Option<Json> {
    if schema.get(WRAPPED) != Some(&Json::Bool(true)) {
        return None;
    }
    let mut inner = schema.get("properties")?.get("result")?.clone();
    if let Some(fields) = inner.as_object_mut() {
        for shared in ["$defs", "definitions", "$schema"] {
            if let Some(value) = schema.get(shared) {
                fields.entry(shared).or_insert_with(|| value.clone());
            }
        }
    }
    Some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_mark_unwraps() {
        let plain = json!({"type": "object", "properties": {"result": {"type": "string"}}, "required": ["result"]});
        assert_eq!(unwrapped(plain.as_object().unwrap()), None);
        let mut marked = plain.clone();
        marked[WRAPPED] = json!(true);
        marked["$defs"] = json!({"A": {}});
        assert_eq!(unwrapped(marked.as_object().unwrap()), Some(json!({"type": "string", "$defs": {"A": {}}})));
    }

    #[test]
    fn names_that_lie_are_found() {
        for name in ["", "a\u{202e}b", "a\u{200b}b", "a\x1b[31mb", "a`b", &"x".repeat(300)] {
            assert!(bad_name(name).is_some(), "{name:?}");
        }
        for name in ["read_file", "create-issue", "a.b/c", "größe"] {
            assert_eq!(bad_name(name), None);
        }
    }
}
