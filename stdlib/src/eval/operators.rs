//! The infix operators on two values. Labels are joined by the caller.

use crate::patterns::compiled;
use crate::raise::Raise;
use crate::value::number::{to_decimal, to_double};
use crate::value::{Data, Value, compare, equals, parse_duration};
use jiff::SignedDuration;
use jiff::civil::Date;
use rust_decimal::Decimal;
use std::cmp::Ordering;
use weir_lang::ast::BinaryOp;

const DAY: i64 = 86_400_000;
/// Elements that a list may have.
pub(crate) const MAX_ITEMS: usize = 1_000_000;

/// Any operator that needs both sides.
pub(crate) fn binary(op: BinaryOp, a: &Value, b: &Value) -> Result<Data, Raise> {
    if let Some((a, b)) = moments_read(a, b) {
        return binary(op, &a, &b);
    }
    match op {
        BinaryOp::Eq => Ok(Data::Bool(equals(a, b))),
        BinaryOp::Ne => Ok(Data::Bool(!equals(a, b))),
        BinaryOp::Lt => ordered(op, a, b).map(|order| Data::Bool(order == Ordering::Less)),
        BinaryOp::Le => ordered(op, a, b).map(|order| Data::Bool(order != Ordering::Greater)),
        BinaryOp::Gt => ordered(op, a, b).map(|order| Data::Bool(order == Ordering::Greater)),
        BinaryOp::Ge => ordered(op, a, b).map(|order| Data::Bool(order != Ordering::Less)),
        BinaryOp::In => contains(b, a).map(Data::Bool),
        BinaryOp::NotIn => contains(b, a).map(|found| Data::Bool(!found)),
        BinaryOp::Matches => matches(a, b).map(Data::Bool),
        _ => arithmetic(op, a, b),
    }
}

/// A text beside a time, date or duration, read as one: `order.due < "2026-03-01"`.
fn moments_read(a: &Value, b: &Value) -> Option<(Value, Value)> {
    let read = |text: &str, like: &Data| match like {
        Data::Time(_) => text.parse().ok().map(Data::Time),
        Data::Date(_) if text.len() == 10 => text.parse().ok().map(Data::Date),
        Data::Duration(_) => parse_duration(text).map(Data::Duration),
        _ => None,
    };
    match (&a.data, &b.data) {
        (Data::Time(_) | Data::Date(_) | Data::Duration(_), Data::String(text)) => {
            read(&text.text, &a.data).map(|data| (a.clone(), Value::new(data)))
        }
        (Data::String(text), Data::Time(_) | Data::Date(_) | Data::Duration(_)) => {
            read(&text.text, &b.data).map(|data| (Value::new(data), b.clone()))
        }
        _ => None,
    }
}

fn ordered(op: BinaryOp, a: &Value, b: &Value) -> Result<Ordering, Raise> {
    compare(a, b).ok_or_else(|| unfit(op, a, b))
}

fn unfit(op: BinaryOp, a: &Value, b: &Value) -> Raise {
    let help = if op == BinaryOp::Add && (a.as_str().is_some() || b.as_str().is_some()) {
        "; write texts into one another: `\"{a}{b}\"`"
    } else {
        ""
    };
    Raise::invalid(format!("`{}` does not work on {} and {}{help}", op.word(), a.kind(), b.kind()))
}

/// `part in whole`: an element of a list, a key of a record or map, a part of a text.
pub(crate) fn contains(whole: &Value, part: &Value) -> Result<bool, Raise> {
    match (&whole.data, &part.data) {
        (Data::List(list), _) => Ok(list.items.iter().any(|item| equals(item, part))),
        (Data::Record(record), Data::String(name)) => {
            Ok(record.fields.get(&*name.text).is_some_and(|value| !value.is_null()))
        }
        (Data::String(whole), Data::String(part)) => Ok(whole.text.contains(&*part.text)),
        _ => Err(unfit(BinaryOp::In, part, whole)),
    }
}

fn matches(text: &Value, pattern: &Value) -> Result<bool, Raise> {
    match (text.as_str(), pattern.as_str()) {
        (Some(text), Some(pattern)) => Ok(compiled(pattern)?.is_match(text)),
        _ => Err(unfit(BinaryOp::Matches, text, pattern)),
    }
}

/// `-a`
pub(crate) fn negate(value: &Value) -> Result<Data, Raise> {
    match &value.data {
        Data::Int(number) => number.checked_neg().map(Data::Int).ok_or_else(|| Raise::overflow("the result")),
        Data::Number(number) => Ok(Data::Number(0.0 - number)),
        Data::Decimal(number) => Ok(Data::Decimal(-*number)),
        Data::Duration(millis) => millis.checked_neg().map(Data::Duration).ok_or_else(|| Raise::overflow("the result")),
        Data::RawNumber(_) => to_double(&value.data).map(|number| Data::Number(0.0 - number)).ok_or_else(exactness),
        _ => Err(Raise::invalid(format!("`-` does not work on {}", value.kind()))),
    }
}

/// `+ - * / %`
pub(crate) fn arithmetic(op: BinaryOp, a: &Value, b: &Value) -> Result<Data, Raise> {
    match (&a.data, &b.data) {
        (Data::Int(a), Data::Int(b)) => integers(op, *a, *b),
        (Data::Number(a), Data::Number(b)) => doubles(op, *a, *b),
        (x, y) if numeric(x) && numeric(y) => mixed(op, x, y),
        (Data::List(x), Data::List(y)) if op == BinaryOp::Add => {
            if x.items.len() + y.items.len() > MAX_ITEMS {
                return Err(Raise::too_large("the list", "1,000,000 elements"));
            }
            Ok(Value::list(x.items.iter().chain(&y.items).cloned().collect::<Vec<_>>()).data)
        }
        _ => moments(op, a, b),
    }
}

fn numeric(data: &Data) -> bool {
    matches!(data, Data::Int(_) | Data::Number(_) | Data::Decimal(_) | Data::RawNumber(_))
}

fn mixed(op: BinaryOp, a: &Data, b: &Data) -> Result<Data, Raise> {
    if matches!(a, Data::Decimal(_)) || matches!(b, Data::Decimal(_)) {
        let (a, b) = to_decimal(a).zip(to_decimal(b)).ok_or_else(exactness)?;
        return decimals(op, a, b);
    }
    let (a, b) = to_double(a).zip(to_double(b)).ok_or_else(exactness)?;
    doubles(op, a, b)
}

fn exactness() -> Raise {
    Raise::invalid("a number has more digits than the calculation can keep exactly")
}

fn integers(op: BinaryOp, a: i64, b: i64) -> Result<Data, Raise> {
    let result = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Sub => a.checked_sub(b),
        BinaryOp::Mul => a.checked_mul(b),
        BinaryOp::Rem if b == 0 => return Err(Raise::zero()),
        BinaryOp::Rem => Some(a.wrapping_rem(b)),
        _ => return doubles(op, a as f64, b as f64),
    };
    result.map(Data::Int).ok_or_else(|| Raise::overflow("the result"))
}

/// Arithmetic on doubles; what is not finite is an error.
pub(crate) fn doubles(op: BinaryOp, a: f64, b: f64) -> Result<Data, Raise> {
    let result = match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div | BinaryOp::Rem if b == 0.0 => return Err(Raise::zero()),
        BinaryOp::Div => a / b,
        _ => a % b,
    };
    if !result.is_finite() {
        return Err(Raise::overflow("the result"));
    }
    Ok(Data::Number(if result == 0.0 { 0.0 } else { result }))
}

fn decimals(op: BinaryOp, a: Decimal, b: Decimal) -> Result<Data, Raise> {
    let result = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Sub => a.checked_sub(b),
        BinaryOp::Mul => a.checked_mul(b),
        BinaryOp::Div | BinaryOp::Rem if b.is_zero() => return Err(Raise::zero()),
        BinaryOp::Div => a.checked_div(b).map(|quotient| quotient.normalize()),
        _ => a.checked_rem(b),
    };
    result.map(Data::Decimal).ok_or_else(|| Raise::overflow("the result"))
}

/// Times, dates and durations.
fn moments(op: BinaryOp, a: &Value, b: &Value) -> Result<Data, Raise> {
    use BinaryOp::{Add, Div, Mul, Rem, Sub};
    let range = || Raise::overflow("the result");
    let found = match (op, &a.data, &b.data) {
        (Add, Data::Duration(a), Data::Duration(b)) => a.checked_add(*b).map(Data::Duration),
        (Sub, Data::Duration(a), Data::Duration(b)) => a.checked_sub(*b).map(Data::Duration),
        (Div | Rem, Data::Duration(_), Data::Duration(0)) => return Err(Raise::zero()),
        (Div, Data::Duration(a), Data::Duration(b)) => Some(Data::Number(*a as f64 / *b as f64)),
        (Rem, Data::Duration(a), Data::Duration(b)) => a.checked_rem(*b).map(Data::Duration),
        (Mul, Data::Duration(_), other) | (Mul, other, Data::Duration(_)) if numeric(other) => {
            let millis = if matches!(a.data, Data::Duration(_)) { &a.data } else { &b.data };
            return scaled(op, millis, other);
        }
        (Div, Data::Duration(_), other) if numeric(other) => return scaled(op, &a.data, other),
        (Add, Data::Time(time), Data::Duration(by)) | (Add, Data::Duration(by), Data::Time(time)) => {
            time.checked_add(SignedDuration::from_millis(*by)).ok().map(Data::Time)
        }
        (Sub, Data::Time(time), Data::Duration(by)) => {
            time.checked_sub(SignedDuration::from_millis(*by)).ok().map(Data::Time)
        }
        (Sub, Data::Time(a), Data::Time(b)) => i64::try_from(a.duration_since(*b).as_millis()).ok().map(Data::Duration),
        (Add, Data::Date(date), Data::Duration(by)) | (Add, Data::Duration(by), Data::Date(date)) => {
            return days_later(*date, *by);
        }
        (Sub, Data::Date(date), Data::Duration(by)) => return days_later(*date, by.checked_neg().ok_or_else(range)?),
        (Sub, Data::Date(a), Data::Date(b)) => {
            a.duration_since(*b).as_hours().checked_mul(3_600_000).map(Data::Duration)
        }
        _ => return Err(unfit(op, a, b)),
    };
    found.ok_or_else(range)
}

fn days_later(date: Date, millis: i64) -> Result<Data, Raise> {
    if millis % DAY != 0 {
        return Err(Raise::invalid("a date moves by whole days; `time_of(date)` gives an instant"));
    }
    let days = SignedDuration::from_hours(millis / DAY * 24);
    date.checked_add(days).map(Data::Date).map_err(|_| Raise::overflow("the date"))
}

/// A duration times or divided by a number, to the nearest millisecond.
fn scaled(op: BinaryOp, millis: &Data, by: &Data) -> Result<Data, Raise> {
    let Data::Duration(millis) = millis else { return Err(Raise::overflow("the result")) };
    if let (BinaryOp::Mul, Data::Int(by)) = (op, by) {
        return millis.checked_mul(*by).map(Data::Duration).ok_or_else(|| Raise::overflow("the result"));
    }
    let by = to_double(by).ok_or_else(exactness)?;
    match doubles(op, *millis as f64, by)? {
        Data::Number(result) if result.abs() < 9.0e18 => Ok(Data::Duration(result.round() as i64)),
        _ => Err(Raise::overflow("the result")),
    }
}
