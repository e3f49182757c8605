//! What a server asks in the middle of a call (`input_required`): its form as a type, and the answers as it wants them.

use crate::tool::{Continuation, Fault, Outcome, ToolQuestion, Unfinished};
use ecow::EcoString;
use indexmap::IndexMap;
use rmcp::model::{ElicitRequestParams, InputRequest, InputRequests, InputResponses};
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;
use weir_lang::types::{FieldType, Literal, Range, RecordType, Type};

/// Most questions at once.
const QUESTIONS: usize = 16;
/// Longest question, in characters.
const TEXT: usize = 4_000;

/// A call that came back with questions, or only with a state to go on from.
///
/// # Errors
/// What a server may not ask of us, or too much of it. It has not carried the call out.
pub(super) fn unfinished(
    name: &str,
    requests: Option<InputRequests>,
    state: Option<String>,
    task: Option<EcoString>,
) -> Result<Outcome, Fault> {
    let requests = requests.unwrap_or_default();
    if requests.len() > QUESTIONS {
        return Err(Fault::clean("bad_response", format!("`{name}` asks more than {QUESTIONS} things at once")));
    }
    let questions = requests.into_iter().map(|(id, request)| question(name, id, request)).collect::<Result<_, _>>()?;
    Ok(Outcome::Unfinished(Box::new(Unfinished { questions, state, task, instance: None })))
}

fn question(name: &str, id: String, request: InputRequest) -> Result<ToolQuestion, Fault> {
    let InputRequest::Elicitation(request) = request else {
        let message = format!("`{name}` wants a model or our folders to go on, which weir does not lend");
        return Err(Fault::clean("failed", message));
    };
    let ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } = request.params else {
        let message = format!("`{name}` wants a person to visit an address, which weir does not offer");
        return Err(Fault::clean("failed", message));
    };
    let form = serde_json::to_value(&requested_schema).unwrap_or_default();
    let mut text: String = message.chars().take(TEXT).collect();
    for (field, schema) in fields(&form) {
        if let Some(said) = ["description", "title"].iter().find_map(|key| schema.get(*key)?.as_str()) {
            text.push_str(&format!("\n  {field}: {}", said.chars().take(TEXT).collect::<String>()));
        }
    }
    Ok(ToolQuestion { id: id.into(), text, ty: form_type(&form) })
}

fn fields(form: &Json) -> impl Iterator<Item = (&String, &Json)> {
    form.get("properties").and_then(Json::as_object).into_iter().flatten()
}

/// A form is an object of texts, numbers, truth values and choices.
fn form_type(form: &Json) -> Type {
    let must: Vec<&str> =
        form.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    let fields: IndexMap<EcoString, FieldType> = fields(form)
        .map(|(name, schema)| {
            let optional = !must.contains(&name.as_str());
            (name.as_str().into(), FieldType { ty: field_type(schema), optional, doc: None })
        })
        .collect();
    Type::Record(Arc::new(RecordType { fields }))
}

fn field_type(schema: &Json) -> Type {
    if let Some(choices) = choices(schema) {
        return Type::union(choices.into_iter().map(|choice| Type::Literal(Literal::String(choice.into()))));
    }
    match schema.get("type").and_then(Json::as_str) {
        Some("boolean") => Type::Bool,
        Some("integer") => Type::Int(range(schema)),
        Some("number") => Type::Number(range(schema)),
        Some("array") => Type::list(schema.get("items").map_or(Type::STRING, field_type)),
        Some("string") => Type::STRING,
        _ => Type::Json,
    }
}

/// `enum`, or `oneOf`/`anyOf` of titled constants.
fn choices(schema: &Json) -> Option<Vec<&str>> {
    if let Some(values) = schema.get("enum").and_then(Json::as_array) {
        return values.iter().map(Json::as_str).collect();
    }
    let titled = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
    titled.iter().map(|choice| choice.get("const")?.as_str()).collect()
}

fn range(schema: &Json) -> Range {
    let bound = |key: &str| schema.get(key)?.to_string().parse::<Decimal>().ok();
    Range { lo: bound("minimum"), hi: bound("maximum") }
}

/// The answers as the protocol wants them.
pub(super) fn responses(rest: &Continuation) -> InputResponses {
    let answer = |value: &weir_stdlib::Value| match value.to_serde() {
        Json::Object(fields) => {
            let given: Map<String, Json> = fields.into_iter().filter(|(_, value)| !value.is_null()).collect();
            json!({"action": "accept", "content": given})
        }
        _ => json!({"action": "decline"}),
    };
    rest.answers.iter().map(|(id, value)| (id.to_string(), answer(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_become_types() {
        let form = json!({"type": "object", "required": ["a"], "properties": {
            "a": {"type": "string", "enum": ["x", "y"]},
            "b": {"type": "integer", "minimum": 1, "maximum": 3},
            "c": {"type": "array", "items": {"anyOf": [{"const": "p", "title": "P"}, {"const": "q"}]}},
            "d": {"type": "number"}, "e": {"type": "boolean"}, "f": {"type": "string", "format": "email"}
        }});
        assert_eq!(
            form_type(&form).to_string(),
            "{ a: \"x\" | \"y\", b?: int in 1..3, c?: [\"p\" | \"q\"], d?: number, e?: bool, f?: string }"
        );
    }
}
