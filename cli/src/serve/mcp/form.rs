//! The question of a run as a form of MCP: an object of plain fields. What is no such object stands in a field of its own.

use rmcp::model::{ElicitRequestParams, ElicitationSchema};
use serde_json::{Map, Value as Json, json};
use weir_compiler::registry::schema;
use weir_lang::types::{RecordType, Type, TypeTable};

/// The field of an answer that is no object.
pub const ANSWER: &str = "answer";

/// A form.
pub struct Form {
    /// As it is asked for.
    pub request: ElicitRequestParams,
}

impl Form {
    /// The form of a question, where its answer can be given in one.
    pub fn of(question: &str, ty: &Type, types: &TypeTable) -> Option<Form> {
        let schema = match types.head(ty) {
            Type::Record(record) => fields(record, types)?,
            _ => {
                let field = plain(ty, types)?;
                json!({ "type": "object", "properties": { ANSWER: field }, "required": [ANSWER] })
            }
        };
        let requested_schema: ElicitationSchema = serde_json::from_value(schema).ok()?;
        let message = question.to_owned();
        Some(Form { request: ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema } })
    }
}

/// Whether the answer stands in a field of its own.
pub fn is_wrapped(ty: &Type, types: &TypeTable) -> bool {
    !matches!(types.head(ty), Type::Record(_))
}

fn fields(record: &RecordType, types: &TypeTable) -> Option<Json> {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, field) in &record.fields {
        properties.insert(name.to_string(), plain(&field.ty, types)?);
        if !field.optional {
            required.push(name.to_string());
        }
    }
    Some(json!({ "type": "object", "properties": properties, "required": required }))
}

/// The schema of one plain field: text, number, choice, yes or no.
fn plain(ty: &Type, types: &TypeTable) -> Option<Json> {
    let mut schema = schema::of_type(types.head(ty), types);
    let fields = schema.as_object_mut()?;
    if let Some(choices) = fields.get("enum").and_then(Json::as_array) {
        if !choices.iter().all(Json::is_string) {
            return None;
        }
        fields.insert("type".into(), "string".into());
    }
    let kind = fields.get("type").and_then(Json::as_str)?;
    matches!(kind, "string" | "integer" | "number" | "boolean").then_some(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(ty: &Type) -> Option<Json> {
        let form = Form::of("sure?", ty, &TypeTable::default())?;
        Some(serde_json::to_value(form.request).unwrap()["requestedSchema"].clone())
    }

    #[test]
    fn plain_answers_have_a_form() {
        let size = Type::union([Type::text("s"), Type::text("m")]);
        let asked = form(&Type::record([("approved", Type::Bool), ("size", size), ("count", Type::INT)])).unwrap();
        assert_eq!(asked["properties"]["approved"]["type"], "boolean");
        assert_eq!(asked["properties"]["size"]["enum"], json!(["s", "m"]));
        assert_eq!(asked["required"], json!(["approved", "size", "count"]));
        assert_eq!(form(&Type::STRING).unwrap()["required"], json!([ANSWER]));
    }

    #[test]
    fn others_are_answered_elsewhere() {
        assert!(form(&Type::list(Type::STRING)).is_none());
        assert!(form(&Type::record([("inner", Type::record([("a", Type::INT)]))])).is_none());
        assert!(form(&Type::Json).is_none());
    }
}
