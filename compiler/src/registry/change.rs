//! What of a changed definition breaks the flows that were written for the old one.

use super::definition::Definition;
use super::schema::{Refused, to_type};
use crate::check::locked::parameters;
use weir_lang::types::{FieldType, RecordType, Type, TypeTable, fits};

/// Each reason why a call that was right for `before` may be wrong for `now`, in the reader's words; empty: none.
/// What a type cannot say is held against the schema itself when a flow runs, and is not looked at here.
pub fn breaks(before: &Definition, now: &Definition) -> Vec<String> {
    compare(before, now).unwrap_or_else(|Refused(why)| vec![format!("it cannot be used any more: {why}")])
}

fn compare(before: &Definition, now: &Definition) -> Result<Vec<String>, Refused> {
    let mut table = TypeTable::default();
    let old = parameters_of(before, "before", &mut table)?;
    let new = parameters_of(now, "now", &mut table)?;
    let mut out = Vec::new();
    for (name, field) in &old.fields {
        match new.fields.get(name) {
            None => out.push(format!("the argument `{name}` is gone")),
            Some(other) => narrowed(name, field, other, &table, &mut out),
        }
    }
    let added = new.fields.iter().filter(|(name, field)| !field.optional && !old.fields.contains_key(*name));
    out.extend(added.map(|(name, _)| format!("the argument `{name}` must be given now")));
    let old = output_of(before, "before", &mut table)?;
    let new = output_of(now, "now", &mut table)?;
    results(&old, &new, &table, &mut out);
    Ok(out)
}

fn narrowed(name: &str, old: &FieldType, new: &FieldType, table: &TypeTable, out: &mut Vec<String>) {
    if old.optional && !new.optional {
        out.push(format!("the argument `{name}` must be given now"));
    }
    if fits(&old.ty, &new.ty, table).is_err() {
        let (old, new) = (shown(&old.ty, table), shown(&new.ty, table));
        out.push(format!("the argument `{name}` takes `{new}` now, it took `{old}`"));
    }
}

/// A result must still fit what flows expect of it; told by field where it is a record.
fn results(old: &Type, new: &Type, table: &TypeTable, out: &mut Vec<String>) {
    if fits(new, old, table).is_ok() {
        return;
    }
    let length = out.len();
    if let (Type::Record(before), Type::Record(now)) = (table.head(old), table.head(new)) {
        for (name, field) in &before.fields {
            match now.fields.get(name) {
                None if field.optional => {}
                None => out.push(format!("the result's field `{name}` is gone")),
                Some(other) if other.optional && !field.optional => {
                    out.push(format!("the result's field `{name}` may be missing now"));
                }
                Some(other) if fits(&other.ty, &field.ty, table).is_err() => {
                    let (is, was) = (shown(&other.ty, table), shown(&field.ty, table));
                    out.push(format!("the result's field `{name}` is `{is}` now, it was `{was}`"));
                }
                Some(_) => {}
            }
        }
    }
    if out.len() == length {
        out.push(format!("the result is `{}` now, it was `{}`", shown(new, table), shown(old, table)));
    }
}

/// A named type as what it stands for: the names here mean nothing to a reader.
fn shown(ty: &Type, table: &TypeTable) -> String {
    let text = table.head(ty).to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(59).chain(['…']).collect() }
}

fn parameters_of(definition: &Definition, prefix: &str, table: &mut TypeTable) -> Result<RecordType, Refused> {
    let typed = to_type(&definition.input, prefix, "Input", table)?;
    let record = parameters(&typed)?;
    table.types.extend(typed.names);
    Ok(record)
}

fn output_of(definition: &Definition, prefix: &str, table: &mut TypeTable) -> Result<Type, Refused> {
    let Some(schema) = &definition.output else { return Ok(Type::STRING) };
    let typed = to_type(schema, prefix, "Output", table)?;
    table.types.extend(typed.names);
    Ok(typed.ty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    fn tool(input: Json, output: Option<Json>) -> Definition {
        Definition { input, output, ..Definition::default() }
    }

    fn object(properties: Json, required: &[&str]) -> Json {
        json!({ "type": "object", "properties": properties, "required": required })
    }

    #[test]
    fn what_widens_breaks_nothing() {
        let before = tool(object(json!({"a": {"type": "integer"}}), &["a"]), None);
        let mut now = tool(object(json!({"a": {"type": "number"}, "b": {"type": "string"}}), &[]), None);
        now.description = Some("new words".into());
        assert_eq!(breaks(&before, &now), Vec::<String>::new());
        let before = tool(json!({}), Some(object(json!({"x": {"type": "string"}}), &["x"])));
        let now = tool(json!({}), Some(object(json!({"x": {"type": "string"}, "y": {}}), &["x", "y"])));
        assert_eq!(breaks(&before, &now), Vec::<String>::new());
    }

    #[test]
    fn every_way_to_break_a_call_is_named() {
        let before = tool(object(json!({"a": {"type": "number"}, "b": {"type": "string"}, "c": {}}), &["a"]), None);
        let now = tool(
            object(
                json!({"a": {"type": "integer"}, "b": {"type": "string"}, "d": {"type": "string"}}),
                &["a", "b", "d"],
            ),
            Some(json!({"type": "object"})),
        );
        let told = breaks(&before, &now);
        for part in ["`a` takes `int` now", "`b` must be given", "`c` is gone", "`d` must be given", "the result is"] {
            assert!(told.iter().any(|one| one.contains(part)), "{part}: {told:?}");
        }
        assert_eq!(told.len(), 5, "{told:?}");
    }

    #[test]
    fn results_are_told_by_field() {
        let result = |properties: Json, required: &[&str]| tool(json!({}), Some(object(properties, required)));
        let before = result(
            json!({"a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "string"}}),
            &["a", "b", "c"],
        );
        let now = result(json!({"b": {"type": "integer"}, "c": {"type": "string"}}), &["b"]);
        let told = breaks(&before, &now);
        assert!(told.iter().any(|one| one == "the result's field `a` is gone"), "{told:?}");
        assert!(told.iter().any(|one| one.contains("`b` is `int` now")), "{told:?}");
        assert!(told.iter().any(|one| one.contains("`c` may be missing")), "{told:?}");
    }

    #[test]
    fn a_schema_that_cannot_be_used_any_more_breaks() {
        let now = tool(json!({"$ref": "https://elsewhere/schema"}), None);
        assert!(breaks(&tool(json!({}), None), &now)[0].contains("cannot be used"));
    }
}
