//! An operation's request body: the fields of a JSON object or form become arguments, anything else one argument.

use super::super::{Body, Place};
use super::args::{Arg, Args};
use super::document::{Document, reference};
use super::response::is_json;
use ecow::EcoString;
use serde_json::{Map, Value as Json, json};

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";
/// How deep `allOf` and references may nest in a body whose fields become arguments.
const DEEPEST: usize = 8;

/// A field of a body.
struct Field<'a> {
    name: &'a str,
    schema: &'a Json,
}

/// Adds the body's arguments and says how they are written.
pub(super) fn read<'a>(
    document: &Document<'a>,
    args: &mut Args<'_, 'a>,
    operation: &'a Json,
) -> Result<Option<Body>, String> {
    let Some(body) = operation.get("requestBody") else { return Ok(None) };
    let body = document.follow(body)?;
    let content = body.get("content").and_then(Json::as_object);
    let Some((kind, media)) = content.and_then(preferred) else { return Ok(None) };
    let schema = media.get("schema").unwrap_or(&Json::Null);
    let required = body.get("required").and_then(Json::as_bool).unwrap_or_default();
    let content_type =
        EcoString::from(if kind == "*/*" || kind == "application/*" { "application/json" } else { kind });
    let spread = is_json(kind) || is_form(kind);
    if let Some((fields, wanted)) = fields(document, schema, 0).filter(|(fields, _)| spread && !fields.is_empty()) {
        for field in fields {
            add(args, &field, wanted.contains(&field.name), media, kind)?;
        }
        return Ok(Some(Body { content_type, whole: None }));
    }
    if is_form(kind) && !schema.is_object() {
        return Err(format!("its `{kind}` body has no fields that the document names"));
    }
    let schema = match is_json(kind) || is_form(kind) {
        true => args.bundle.convert(schema, 0),
        false => json!({ "type": "string" }),
    };
    let place = Place { place: "body".into(), name: None, style: None, explode: None };
    let whole = args.add(Arg { name: "body".into(), schema, required, place });
    Ok(Some(Body { content_type, whole: Some(whole) }))
}

fn is_form(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case(FORM) || kind.eq_ignore_ascii_case(MULTIPART)
}

/// JSON before forms before anything else.
fn preferred(content: &Map<String, Json>) -> Option<(&str, &Json)> {
    let rank = |kind: &str| match kind {
        "application/json" => 0,
        kind if is_json(kind) => 1,
        FORM => 2,
        kind if is_form(kind) => 3,
        kind if kind.starts_with("text/") => 4,
        _ => 5,
    };
    content.iter().map(|(kind, media)| (kind.as_str(), media)).min_by_key(|(kind, _)| rank(kind))
}

fn add<'a>(args: &mut Args<'_, 'a>, field: &Field<'a>, required: bool, media: &Json, kind: &str) -> Result<(), String> {
    if args.bundle.hidden(field.schema) {
        return Ok(());
    }
    let encoding = media.get("encoding").and_then(|all| all.get(field.name)).filter(|_| is_form(kind));
    let style = encoding.and_then(|one| one.get("style")).and_then(Json::as_str).map(EcoString::from);
    let explode = encoding.and_then(|one| one.get("explode")).and_then(Json::as_bool);
    let place = Place { place: "body".into(), name: Some(field.name.into()), style, explode };
    let schema = args.bundle.convert(field.schema, 1);
    args.add(Arg { name: field.name.into(), schema, required, place });
    Ok(())
}

/// The fields of a plain object, through references and `allOf`, and those that must be there. None where it is more
/// than that: a choice, null, a map.
fn fields<'a>(document: &Document<'a>, schema: &'a Json, depth: usize) -> Option<(Vec<Field<'a>>, Vec<&'a str>)> {
    const MORE: [&str; 8] = [
        "oneOf",
        "anyOf",
        "not",
        "if",
        "patternProperties",
        "unevaluatedProperties",
        "propertyNames",
        "dependentSchemas",
    ];
    let beside_reference = document.siblings && reference(schema).is_some() && schema.as_object()?.len() > 1;
    if depth > DEEPEST || beside_reference {
        return None;
    }
    let object = document.follow(schema).ok()?.as_object()?;
    let is_object = object.get("type").is_none_or(|kind| kind == "object");
    let open = object.get("additionalProperties").is_some_and(|more| more.is_object() || *more == Json::Bool(true));
    let null = object.get("nullable") == Some(&Json::Bool(true));
    if !is_object || open || null || MORE.iter().any(|key| object.contains_key(*key)) {
        return None;
    }
    let (mut found, mut wanted) = (Vec::new(), Vec::new());
    for part in object.get("allOf").and_then(Json::as_array).into_iter().flatten() {
        let (more, must) = fields(document, part, depth + 1)?;
        merge(&mut found, more)?;
        wanted.extend(must);
    }
    let own = object.get("properties").and_then(Json::as_object).into_iter().flatten();
    merge(&mut found, own.map(|(name, schema)| Field { name, schema }).collect())?;
    wanted.extend(object.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str));
    Some((found, wanted))
}

/// None where both parts say something else about one field.
fn merge<'a>(found: &mut Vec<Field<'a>>, more: Vec<Field<'a>>) -> Option<()> {
    for field in more {
        match found.iter().find(|known| known.name == field.name) {
            Some(known) if known.schema == field.schema => {}
            Some(_) => return None,
            None => found.push(field),
        }
    }
    Some(())
}
