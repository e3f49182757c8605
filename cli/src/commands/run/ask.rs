//! `ask` on the terminal: the question, then an answer of its type; one that does not fit is asked for again.

use super::arguments::read_text;
use crate::escape;
use crate::out::{self, Style, styled};
use weir_lang::types::{Literal, RecordType, Type, TypeTable};
use weir_stdlib::value::Value;

/// Asks until the answer fits; `problem` says what was wrong with the last one. None: the keyboard is gone.
pub fn ask(
    question: &str,
    from: Option<&str>,
    problem: Option<&str>,
    ty: &Type,
    types: &TypeTable,
    next: &mut dyn FnMut() -> Option<String>,
) -> Option<Value> {
    let whom = from.map(|from| format!(" (for {})", escape::line(from))).unwrap_or_default();
    out::note_line(&format!("\n{}{whom}", styled(Style::Bold, &escape::lines(question))));
    if let Some(problem) = problem {
        again(problem);
    }
    Form { types, next }.value("", ty)
}

struct Form<'a> {
    types: &'a TypeTable,
    next: &'a mut dyn FnMut() -> Option<String>,
}

impl Form<'_> {
    fn value(&mut self, name: &str, ty: &Type) -> Option<Value> {
        match self.types.head(ty).clone() {
            Type::Record(record) if name.is_empty() => self.record(&record),
            Type::Union(_) if name.is_empty() && self.form(ty).is_some() => {
                if self.declines()? {
                    return Some(Value::NULL);
                }
                self.record(&self.form(ty)?)
            }
            _ => loop {
                match self.one(name, ty, false)? {
                    Ok(value) => return Some(value),
                    Err(why) => again(&why),
                }
            },
        }
    }

    /// The record of a type that is one or null.
    fn form(&self, ty: &Type) -> Option<RecordType> {
        match self.types.members(ty).as_slice() {
            [Type::Record(record), Type::Null] | [Type::Null, Type::Record(record)] => Some((**record).clone()),
            _ => None,
        }
    }

    /// Whether a form that may be left out is.
    fn declines(&mut self) -> Option<bool> {
        loop {
            match self.one("answer it", &Type::Bool, false)? {
                Ok(value) => return Some(value.as_bool() != Some(true)),
                Err(why) => again(&why),
            }
        }
    }

    fn record(&mut self, record: &RecordType) -> Option<Value> {
        let mut fields: Vec<(String, Value)> = Vec::new();
        for (name, field) in &record.fields {
            let value = loop {
                match self.one(name, &field.ty, field.optional)? {
                    Ok(value) => break value,
                    Err(why) => again(&why),
                }
            };
            if !(field.optional && value.is_null()) {
                fields.push((name.to_string(), value));
            }
        }
        Some(Value::record(fields))
    }

    /// One line from the keyboard, read by its type.
    fn one(&mut self, name: &str, ty: &Type, optional: bool) -> Option<Result<Value, String>> {
        let choices = choices(ty, self.types);
        let hint = match &choices {
            Some(choices) => choices.join(" / "),
            None => self.hint(ty),
        };
        let empty = if optional { ", empty for none" } else { "" };
        let name = if name.is_empty() { String::new() } else { format!("{} ", escape::line(name)) };
        out::note(&format!("{name}{}: ", styled(Style::Dim, &format!("[{hint}{empty}]"))));
        let line = (self.next)()?.trim().to_owned();
        if optional && line.is_empty() {
            return Some(Ok(Value::NULL));
        }
        Some(self.read(&line, ty))
    }

    fn hint(&self, ty: &Type) -> String {
        match self.types.head(ty) {
            Type::Bool => "yes / no".to_owned(),
            Type::String(None) => "text".to_owned(),
            Type::List(_) | Type::Map(_) | Type::Record(_) | Type::Json => format!("JSON for {ty}"),
            _ => ty.to_string(),
        }
    }

    fn read(&self, line: &str, ty: &Type) -> Result<Value, String> {
        if matches!(self.types.head(ty), Type::Bool) {
            return match line.to_lowercase().as_str() {
                "y" | "yes" | "true" => Ok(Value::bool(true)),
                "n" | "no" | "false" => Ok(Value::bool(false)),
                _ => Err("answer `yes` or `no`".to_owned()),
            };
        }
        read_text(line, ty, self.types)
    }
}

fn again(why: &str) {
    out::note_line(&styled(Style::Yellow, &escape::line(why)));
}

/// The texts of a union of string literals.
fn choices(ty: &Type, types: &TypeTable) -> Option<Vec<String>> {
    let text = |member: &&Type| match member {
        Type::Literal(Literal::String(text)) => Some(escape::line(text).into_owned()),
        _ => None,
    };
    types.members(ty).iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(typed: &str, ty: &Type) -> Option<String> {
        let mut lines = typed.lines().map(str::to_owned);
        ask("?", None, None, ty, &TypeTable::default(), &mut || lines.next()).map(|value| value.to_json())
    }

    #[test]
    fn answers_are_read_by_type_and_asked_for_again() {
        assert_eq!(answer("perhaps\nyes\n", &Type::Bool).as_deref(), Some("true"));
        assert_eq!(answer("", &Type::Bool), None);
        assert_eq!(answer("x\n7\n", &Type::INT).as_deref(), Some("7"));
        assert_eq!(answer("any text\n", &Type::STRING).as_deref(), Some("\"any text\""));
    }

    #[test]
    fn a_form_may_be_declined() {
        let ty = Type::record([("sure", Type::Bool)]).nullable();
        assert_eq!(answer("no\n", &ty).as_deref(), Some("null"));
        assert_eq!(answer("yes\nmaybe\nno\n", &ty).as_deref(), Some("{\"sure\":false}"));
    }

    #[test]
    fn a_record_is_asked_field_by_field() {
        let ty = Type::record([("approved", Type::Bool), ("note", Type::STRING)]);
        assert_eq!(answer("no\ntoo dear\n", &ty).as_deref(), Some("{\"approved\":false,\"note\":\"too dear\"}"));
    }
}
