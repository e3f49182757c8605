//! One scalar against one type: conversions that lose nothing, bounds, patterns, literals.

use crate::patterns::compiled;
use crate::value::number::{DOUBLE_DIGITS, Exact, decimal_from_text, nearest_double, to_decimal, to_double};
use crate::value::{Data, Value, equals, parse_duration};
use rust_decimal::Decimal;
use std::fmt::Display;
use weir_lang::types::{Literal, Range, Type};

/// How a scalar fits: unchanged, as another kind, or not (with a reason, if there is more to say than the type).
pub(super) enum Fit {
    Same,
    As(Data),
    Not(Option<&'static str>),
}

const INEXACT: &str = "it has more digits than a double keeps exactly";

/// Fits `data` to a type that is neither list, map, record nor union.
pub(super) fn fit_scalar(data: &Data, ty: &Type) -> Fit {
    match (ty, data) {
        (Type::Json | Type::Var(_) | Type::Broken, _)
        | (Type::Null, Data::Null)
        | (Type::Bool, Data::Bool(_))
        | (Type::Time, Data::Time(_))
        | (Type::Date, Data::Date(_))
        | (Type::Duration, Data::Duration(_)) => Fit::Same,
        (Type::Int(range), _) => fit_int(data, range),
        (Type::Number(range), _) => fit_number(data, range),
        (Type::Decimal(range), _) => fit_decimal(data, range),
        (Type::String(None), Data::String(_)) => Fit::Same,
        (Type::String(Some(pattern)), Data::String(text)) => match compiled(pattern) {
            Ok(regex) if regex.is_match(&text.text) => Fit::Same,
            _ => Fit::Not(None),
        },
        (Type::Time | Type::Date | Type::Duration, Data::String(text)) => fit_reading(&text.text, ty),
        (Type::Literal(literal), _) => fit_literal(data, literal),
        _ => Fit::Not(None),
    }
}

fn fit_int(data: &Data, range: &Range) -> Fit {
    let value = match data {
        Data::Int(value) => Some(*value),
        Data::Number(_) => {
            Exact::of(data).filter(|exact| exact.significant() <= DOUBLE_DIGITS).and_then(|exact| exact.to_int())
        }
        Data::Decimal(_) | Data::RawNumber(_) => Exact::of(data).and_then(|exact| exact.to_int()),
        _ => None,
    };
    match value {
        Some(value) if range.is_full() || range.holds(Decimal::from(value)) => match data {
            Data::Int(_) => Fit::Same,
            _ => Fit::As(Data::Int(value)),
        },
        None if matches!(data, Data::RawNumber(_)) => Fit::Not(Some("it is no whole number of 64 bits")),
        _ => Fit::Not(None),
    }
}

fn fit_number(data: &Data, range: &Range) -> Fit {
    let value = match data {
        Data::Decimal(decimal) => Exact::of(data)
            .filter(|exact| exact.significant() <= DOUBLE_DIGITS)
            .and_then(|_| to_double(data))
            .or_else(|| to_double(data).filter(|double| to_decimal(&Data::Number(*double)) == Some(*decimal))),
        _ => to_double(data),
    };
    match value {
        Some(value) if within(value, range) => match data {
            Data::Number(_) => Fit::Same,
            _ => Fit::As(Data::Number(value)),
        },
        None if Exact::of(data).is_some() => Fit::Not(Some(INEXACT)),
        _ => Fit::Not(None),
    }
}

fn within(value: f64, range: &Range) -> bool {
    let bound = |bound: Decimal| nearest_double(&bound.to_string());
    range.lo.and_then(bound).is_none_or(|lo| value >= lo) && range.hi.and_then(bound).is_none_or(|hi| value <= hi)
}

fn fit_decimal(data: &Data, range: &Range) -> Fit {
    let value = match data {
        Data::String(text) => decimal_from_text(&text.text),
        _ => to_decimal(data),
    };
    match value {
        Some(value) if range.holds(value) => match data {
            Data::Decimal(_) => Fit::Same,
            _ => Fit::As(Data::Decimal(value)),
        },
        None if matches!(data, Data::Number(_)) => Fit::Not(Some(INEXACT)),
        None if matches!(data, Data::RawNumber(_)) => Fit::Not(Some("a decimal keeps 28 digits")),
        _ => Fit::Not(None),
    }
}

fn fit_reading(text: &str, ty: &Type) -> Fit {
    let data = match ty {
        Type::Time => text.parse().ok().map(Data::Time),
        Type::Date => (text.len() == 10).then(|| text.parse().ok().map(Data::Date)).flatten(),
        _ => parse_duration(text).map(Data::Duration),
    };
    data.map_or(Fit::Not(None), Fit::As)
}

fn fit_literal(data: &Data, literal: &Literal) -> Fit {
    let wanted = match literal {
        Literal::Bool(value) => Data::Bool(*value),
        Literal::Int(value) => Data::Int(*value),
        Literal::Number(value) => match nearest_double(&value.to_string()) {
            Some(value) => Data::Number(value),
            None => Data::Decimal(*value),
        },
        Literal::String(text) => match data {
            Data::String(found) if *found.text == **text => return Fit::Same,
            _ => return Fit::Not(None),
        },
    };
    if std::mem::discriminant(&wanted) == std::mem::discriminant(data) {
        let same = equals(&Value::new(wanted), &Value::new(data.clone()));
        return if same { Fit::Same } else { Fit::Not(None) };
    }
    let same = equals(&Value::new(wanted.clone()), &Value::new(data.clone()));
    if same { Fit::As(wanted) } else { Fit::Not(None) }
}

/// The sentence for a value that does not fit.
pub(super) fn expected(ty: &dyn Display, found: &Value, why: Option<&str>) -> String {
    let mut wanted = ty.to_string();
    if wanted.chars().count() > 120 {
        wanted = format!("{}…", wanted.chars().take(120).collect::<String>());
    }
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    format!("expected `{wanted}`, found {}{why}", shown(found))
}

fn shown(found: &Value) -> String {
    match &found.data {
        _ if found.labels.secret() => "`•••`".to_owned(),
        Data::List(_) => "a list".to_owned(),
        Data::Record(_) => "a record".to_owned(),
        _ => {
            let text = found.to_json();
            let short: String = text.chars().take(60).collect();
            if short.len() < text.len() { format!("`{short}…`") } else { format!("`{text}`") }
        }
    }
}
