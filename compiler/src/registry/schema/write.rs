//! [`Type`] to JSON Schema (2020-12), for what we offer to others: flows over HTTP and as MCP tools. Every value that fits
//! the type fits the schema.

use ecow::EcoString;
use indexmap::IndexSet;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use weir_lang::types::{Literal, Range, RecordType, Type, TypeTable};

/// The schema of a type. Named types stand under `$defs`.
pub fn of_type(ty: &Type, types: &TypeTable) -> Json {
    let mut writer = Writer { types, named: IndexSet::new() };
    let schema = writer.schema(ty);
    writer.with_names(schema)
}

/// The schema of an object with these fields: name, type, whether it may be left out, documentation.
pub fn of_fields<'a>(
    fields: impl IntoIterator<Item = (&'a str, &'a Type, bool, Option<&'a str>)>,
    types: &TypeTable,
) -> Json {
    let mut writer = Writer { types, named: IndexSet::new() };
    let mut object = Object::default();
    for (name, ty, optional, doc) in fields {
        let schema = writer.schema(ty);
        object.add(name, schema, optional, doc);
    }
    let schema = object.schema();
    writer.with_names(schema)
}

#[derive(Default)]
struct Object {
    properties: Map<String, Json>,
    required: Vec<Json>,
}

impl Object {
    fn add(&mut self, name: &str, mut schema: Json, optional: bool, doc: Option<&str>) {
        if let (Some(doc), Some(fields)) = (doc, schema.as_object_mut()) {
            fields.insert("description".into(), doc.into());
        }
        self.properties.insert(name.to_owned(), schema);
        if !optional {
            self.required.push(name.into());
        }
    }

    fn schema(self) -> Json {
        let mut schema = json!({ "type": "object", "properties": self.properties });
        if let (false, Some(fields)) = (self.required.is_empty(), schema.as_object_mut()) {
            fields.insert("required".into(), self.required.into());
        }
        schema
    }
}

struct Writer<'a> {
    types: &'a TypeTable,
    /// Names that were met, each written once.
    named: IndexSet<EcoString>,
}

impl Writer<'_> {
    /// The schema with every name that it leads to.
    fn with_names(mut self, mut schema: Json) -> Json {
        let mut defs = Map::new();
        let mut at = 0;
        while let Some(name) = self.named.get_index(at).cloned() {
            let types = self.types;
            let body = types.types.get(&name).map_or_else(|| json!({}), |ty| self.schema(ty));
            defs.insert(name.to_string(), body);
            at += 1;
        }
        if let (false, Some(fields)) = (defs.is_empty(), schema.as_object_mut()) {
            fields.insert("$defs".into(), Json::Object(defs));
        }
        schema
    }

    fn schema(&mut self, ty: &Type) -> Json {
        match ty {
            Type::Null => json!({ "type": "null" }),
            Type::Bool => json!({ "type": "boolean" }),
            Type::Int(range) => bounded("integer", range),
            Type::Number(range) | Type::Decimal(range) => bounded("number", range),
            Type::String(None) => json!({ "type": "string" }),
            // The syntax of patterns is not quite that of JSON Schema, so a person is told.
            Type::String(Some(pattern)) => json!({ "type": "string", "description": format!("matches /{pattern}/") }),
            Type::Time => json!({ "type": "string", "format": "date-time" }),
            Type::Date => json!({ "type": "string", "format": "date" }),
            Type::Duration => json!({ "type": "string", "description": "a duration such as 1h30m" }),
            Type::Literal(literal) => json!({ "const": constant(literal) }),
            Type::List(of) => json!({ "type": "array", "items": self.schema(of) }),
            Type::Map(of) => json!({ "type": "object", "additionalProperties": self.schema(of) }),
            Type::Record(record) => self.record(record),
            Type::Union(members) => self.union(members),
            Type::Marked(_, of) => self.schema(of),
            Type::Named(name) => {
                self.named.insert(name.clone());
                json!({ "$ref": format!("#/$defs/{name}") })
            }
            Type::Never => json!({ "not": {} }),
            Type::Json | Type::Regex | Type::Lambda(_) | Type::Var(_) | Type::Broken => json!({}),
        }
    }

    fn record(&mut self, record: &RecordType) -> Json {
        let mut object = Object::default();
        for (name, field) in &record.fields {
            // What may be absent may be null too.
            let ty = field.read();
            object.add(name, self.schema(&ty), field.optional, field.doc.as_deref());
        }
        object.schema()
    }

    fn union(&mut self, members: &[Type]) -> Json {
        let literal = |member: &Type| match member {
            Type::Literal(literal) => Some(constant(literal)),
            _ => None,
        };
        if let Some(all) = members.iter().map(literal).collect::<Option<Vec<Json>>>() {
            return json!({ "enum": all });
        }
        let any: Vec<Json> = members.iter().map(|member| self.schema(member)).collect();
        json!({ "anyOf": any })
    }
}

fn bounded(kind: &str, range: &Range) -> Json {
    let mut schema = json!({ "type": kind });
    if let Some(fields) = schema.as_object_mut() {
        for (keyword, bound) in [("minimum", range.lo), ("maximum", range.hi)] {
            if let Some(bound) = bound {
                fields.insert(keyword.into(), number(bound));
            }
        }
    }
    schema
}

fn constant(literal: &Literal) -> Json {
    match literal {
        Literal::Bool(value) => (*value).into(),
        Literal::Int(value) => (*value).into(),
        Literal::Number(value) => number(*value),
        Literal::String(value) => value.as_str().into(),
    }
}

/// A number of the source as one of JSON.
fn number(value: Decimal) -> Json {
    let text = value.normalize().to_string();
    serde_json::from_str(&text).unwrap_or(Json::Null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_lang::types::FieldType;

    fn table() -> TypeTable {
        let tree = Type::record([("name", Type::STRING), ("below", Type::list(Type::Named("a.Tree".into())))]);
        TypeTable { types: [("a.Tree".into(), tree)].into_iter().collect(), ..TypeTable::default() }
    }

    fn holds(ty: &Type, json: &str) -> bool {
        let schema = of_type(ty, &table());
        let validator = jsonschema::validator_for(&schema).unwrap();
        validator.is_valid(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn scalars_lists_and_unions() {
        assert!(holds(&Type::INT, "3") && !holds(&Type::INT, "3.5"));
        let score = Type::Int(Range { lo: Some(0.into()), hi: Some(10.into()) });
        assert!(holds(&score, "10") && !holds(&score, "11"));
        let size = Type::union([Type::text("s"), Type::text("m")]);
        assert_eq!(of_type(&size, &table()), json!({ "enum": ["s", "m"] }));
        assert!(holds(&Type::list(Type::STRING).nullable(), "null"));
        assert!(!holds(&Type::list(Type::STRING), "[1]"));
        assert!(holds(&Type::map(Type::Bool), r#"{"a": true}"#) && !holds(&Type::map(Type::Bool), r#"{"a": 1}"#));
        assert!(holds(&Type::Json, "[{}]"));
    }

    #[test]
    fn an_optional_field_may_be_absent_or_null() {
        let note = FieldType { ty: Type::STRING, optional: true, doc: Some("why".into()) };
        let name = FieldType { ty: Type::STRING, optional: false, doc: None };
        let fields = [("name".into(), name), ("note".into(), note)].into_iter().collect();
        let ty = Type::Record(std::sync::Arc::new(RecordType { fields }));
        assert!(holds(&ty, r#"{"name": "a"}"#) && holds(&ty, r#"{"name": "a", "note": null}"#));
        assert!(!holds(&ty, r#"{"note": "b"}"#) && !holds(&ty, r#"{"name": "a", "note": 1}"#));
    }

    #[test]
    fn a_type_that_holds_itself_is_named() {
        let tree = Type::Named("a.Tree".into());
        assert!(holds(&tree, r#"{"name": "a", "below": [{"name": "b", "below": []}]}"#));
        assert!(!holds(&tree, r#"{"name": "a", "below": [{"name": "b"}]}"#));
    }

    #[test]
    fn our_own_reading_of_a_written_schema_takes_the_same_values() {
        let ty =
            Type::record([("name", Type::STRING), ("sizes", Type::list(Type::INT)), ("at", Type::STRING.nullable())]);
        let read = super::super::to_type(&of_type(&ty, &table()), "a.b", "B", &TypeTable::default()).unwrap();
        assert_eq!(read.ty, ty);
    }
}
