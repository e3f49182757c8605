//! A value that fits a type: for the mock that a test lacks, and so that its run can go on to show what else it lacks.

use super::notation::{name_text, one_line, tool_text};
use rust_decimal::prelude::ToPrimitive;
use weir_compiler::plan::ToolPlan;
use weir_lang::types::{Literal, Range, Type, TypeTable};
use weir_stdlib::value::{Data, Value};

/// How deep samples nest; a recursive type ends there.
const DEEP: usize = 8;

/// The line that mocks a tool, for calls with these arguments if there are any.
pub fn mock_line(tool: &ToolPlan, types: &TypeTable, args: Option<&Value>) -> String {
    let given = args.and_then(Value::as_record).filter(|args| !args.fields.is_empty());
    let given = given.map_or_else(String::new, |args| {
        let all = args.fields.iter().map(|(name, value)| format!("{}: {}", name_text(name), one_line(value)));
        format!("({})", all.collect::<Vec<_>>().join(", "))
    });
    format!("mock {}{given} => {}", tool_text(&tool.name), one_line(&sample(&tool.output.ty, types)))
}

/// A small value of that type. One that must match a pattern may not.
pub fn sample(ty: &Type, types: &TypeTable) -> Value {
    of(ty, types, 0)
}

fn of(ty: &Type, types: &TypeTable, depth: usize) -> Value {
    if depth > DEEP {
        return Value::NULL;
    }
    match ty {
        Type::Marked(_, inner) => of(inner, types, depth),
        Type::Named(name) => types.types.get(name).map_or(Value::NULL, |ty| of(ty, types, depth + 1)),
        Type::Json => Value::record::<&str>([]),
        Type::Bool => Value::bool(true),
        Type::Int(range) => Value::int(whole(range)),
        Type::Number(range) | Type::Decimal(range) => number(range, ty),
        Type::String(_) => Value::text("…"),
        Type::Time => Value::text(super::BEGIN),
        Type::Date => Value::text(super::BEGIN.get(..10).unwrap_or_default()),
        Type::Duration => Value::new(Data::Duration(1_000)),
        Type::Literal(literal) => constant(literal),
        Type::List(inner) if depth < DEEP => Value::list(vec![of(inner, types, depth + 1)]),
        Type::List(_) => Value::list(Vec::new()),
        Type::Record(record) => {
            let wanted = record.fields.iter().filter(|(_, field)| !field.optional);
            Value::record(wanted.map(|(name, field)| (name.clone(), of(&field.ty, types, depth + 1))))
        }
        Type::Union(members) => {
            let null = |ty: &&Type| !matches!(types.head(ty), Type::Null);
            members.iter().find(null).map_or(Value::NULL, |first| of(first, types, depth + 1))
        }
        Type::Map(_) => Value::record::<&str>([]),
        _ => Value::NULL,
    }
}

/// The whole number of the range that is nearest to 1.
fn whole(range: &Range) -> i64 {
    let lo = range.lo.map(|lo| lo.ceil()).and_then(|lo| lo.to_i64()).unwrap_or(i64::MIN);
    let hi = range.hi.map(|hi| hi.floor()).and_then(|hi| hi.to_i64()).unwrap_or(i64::MAX);
    1.max(lo).min(hi)
}

fn number(range: &Range, ty: &Type) -> Value {
    let mut value = rust_decimal::Decimal::ONE;
    value = range.lo.map_or(value, |lo| value.max(lo));
    value = range.hi.map_or(value, |hi| value.min(hi));
    match (ty, value.to_i64().filter(|_| value.fract().is_zero())) {
        (Type::Decimal(_), _) => Value::new(Data::Decimal(value)),
        (_, Some(whole)) => Value::int(whole),
        _ => Value::new(Data::Number(value.to_f64().unwrap_or(1.0))),
    }
}

fn constant(literal: &Literal) -> Value {
    match literal {
        Literal::Bool(value) => Value::bool(*value),
        Literal::Int(value) => Value::int(*value),
        Literal::Number(value) => Value::new(Data::Number(value.to_f64().unwrap_or(0.0))),
        Literal::String(text) => Value::text(text.as_str()),
    }
}
