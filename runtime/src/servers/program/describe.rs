//! The tools of a program as it describes them: the shape of MCP's `tools/list` result.

use ecow::EcoString;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value as Json;
use weir_compiler::registry::{Annotations, Definition, Listing, ServerKind};

/// Longest schema of one tool, in bytes of its text.
const LARGEST: usize = 512 * 1024;

/// `{ "tools": [ … ] }`; what MCP says beside it is left alone.
#[derive(Deserialize)]
struct Description {
    name: Option<EcoString>,
    version: Option<EcoString>,
    tools: Vec<Described>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    name: EcoString,
    description: Option<EcoString>,
    input_schema: Option<Json>,
    output_schema: Option<Json>,
    #[serde(default)]
    annotations: Option<Claims>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    read_only_hint: Option<bool>,
    idempotent_hint: Option<bool>,
    destructive_hint: Option<bool>,
    open_world_hint: Option<bool>,
}

/// Reads a description.
///
/// # Errors
/// In the reader's words: no JSON, another shape, a name twice, a schema that is none or too large.
pub fn parse(text: &str) -> Result<Listing, String> {
    let description: Description = serde_json::from_str(text).map_err(|error| {
        format!("{error}; expected {{\"tools\": [{{\"name\": …, \"description\": …, \"inputSchema\": …}}]}}")
    })?;
    let mut tools = IndexMap::new();
    for described in description.tools {
        let name = described.name.clone();
        well_named(&name)?;
        if tools.insert(name.clone(), definition(described)?).is_some() {
            return Err(format!("the tool `{name}` is described twice"));
        }
    }
    let server = description.name.map(|name| match description.version {
        Some(version) => ecow::eco_format!("{name} {version}"),
        None => name,
    });
    Ok(Listing { kind: ServerKind::Program, server, protocol: None, base_url: None, tools })
}

/// The name becomes an argument of the program: it must not look like an option.
fn well_named(name: &str) -> Result<(), String> {
    let plain = !name.is_empty() && name.len() <= 128 && !name.starts_with('-') && !name.chars().any(char::is_control);
    if plain { Ok(()) } else { Err(format!("`{}` is no name for a tool", name.escape_debug())) }
}

fn definition(described: Described) -> Result<Definition, String> {
    let name = described.name;
    let input = described.input_schema.unwrap_or_else(|| serde_json::json!({ "type": "object", "properties": {} }));
    for schema in std::iter::once(&input).chain(&described.output_schema) {
        if !(schema.is_object() || schema.is_boolean()) {
            return Err(format!("a schema of `{name}` is no JSON Schema: it must be an object"));
        }
        if schema.to_string().len() > LARGEST {
            return Err(format!("a schema of `{name}` is larger than {} KiB", LARGEST >> 10));
        }
    }
    let claims = described.annotations.unwrap_or_default();
    Ok(Definition {
        description: described.description,
        input,
        output: described.output_schema,
        annotations: Annotations {
            read_only: claims.read_only_hint,
            idempotent: claims.idempotent_hint,
            destructive: claims.destructive_hint,
            open_world: claims.open_world_hint,
        },
        ..Definition::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_as_mcp_writes_it() {
        let text = r#"{"tools": [{"name": "score", "title": "Score", "description": "How risky.",
            "inputSchema": {"type": "object", "properties": {"email": {"type": "string"}}},
            "outputSchema": {"type": "object"}, "annotations": {"title": "x", "readOnlyHint": true}}]}"#;
        let listing = parse(text).unwrap();
        let score = &listing.tools["score"];
        assert_eq!(score.description.as_deref(), Some("How risky."));
        assert_eq!(score.annotations.read_only, Some(true));
        assert!(score.output.is_some() && listing.kind == ServerKind::Program);
    }

    #[test]
    fn what_is_no_description_is_refused_with_its_reason() {
        for (text, why) in [
            ("", "expected {\"tools\""),
            ("[]", "expected {\"tools\""),
            (r#"{"tools": [{"name": "a"}, {"name": "a"}]}"#, "`a` is described twice"),
            (r#"{"tools": [{"name": "--rm"}]}"#, "no name for a tool"),
            (r#"{"tools": [{"name": "a", "inputSchema": 3}]}"#, "must be an object"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
