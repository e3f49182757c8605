//! Numbers. `round` goes half away from zero, as people do with money.

use super::call::Call;
use super::{Entry, row};
use crate::raise::Raise;
use crate::value::number::Exact;
use crate::value::{Data, Value, compare};
use rust_decimal::{Decimal, RoundingStrategy};
use std::cmp::Ordering;

type Made = Result<Value, Raise>;

#[rustfmt::skip]
pub(super) fn entries() -> Vec<Entry> {
    vec![
        row("round(value: N, places?: int) -> N", "To `places` (0) places, half away from zero; negative places round tens, hundreds, … A number is rounded as it is written: `round(2.675, 2)` is `2.68`.", "round(2.675, 2)", "2.68", round).errors("`invalid_input` when the result is out of range"),
        row("floor(value: number | decimal) -> int", "The largest integer that is not above it.", "floor(-1.5)", "-2", |call| whole(call, RoundingStrategy::ToNegativeInfinity)).errors("`invalid_input` beyond 64 bits"),
        row("ceil(value: number | decimal) -> int", "The smallest integer that is not below it.", "ceil(1.2)", "2", |call| whole(call, RoundingStrategy::ToPositiveInfinity)).errors("`invalid_input` beyond 64 bits"),
        row("abs(value: Q) -> Q", "Without its sign.", "abs(-3)", "3", abs).errors("`invalid_input` for the smallest integer"),
        row("clamp(value: T, lo: T, hi: T) -> T", "`lo` below it, `hi` above it, otherwise the value.", "clamp(120, 0, 100)", "100", clamp).errors("`invalid_input` when `lo` is above `hi` or the values have no order"),
        row("format_number(value: number | decimal, places?: int, group?: string, point?: string) -> string", "For people: rounded to `places` (as it is), thousands parted by `group` (`,`), `point` (`.`) before the places.", "format_number(1234567.5, 2)", r#""1,234,567.50""#, format_number).errors("`invalid_input` for places outside 0..28"),
    ]
}

fn round(call: &mut Call<'_, '_>) -> Made {
    let places = if call.given(1) { call.int(1)? } else { 0 };
    let value = call.value(0);
    match &value.data {
        Data::Int(_) if places >= 0 => Ok(value.clone()),
        Data::Int(number) => {
            let rounded = rounded(Decimal::from(*number), places)?;
            integer(rounded).map(Value::int)
        }
        Data::Decimal(number) => rounded(*number, places).map(|number| Value::new(Data::Decimal(number))),
        Data::Number(number) => Ok(Value::new(Data::Number(round_double(*number, places)?))),
        _ => Err(call.unfit(0, "a number")),
    }
}

/// Rounds a decimal half away from zero.
pub(crate) fn rounded(value: Decimal, places: i64) -> Result<Decimal, Raise> {
    let away = RoundingStrategy::MidpointAwayFromZero;
    if let Ok(places) = u32::try_from(places) {
        return Ok(value.round_dp_with_strategy(places.min(28), away));
    }
    let tens = u32::try_from(places.unsigned_abs()).ok().filter(|tens| *tens <= 28);
    let Some(unit) = tens.and_then(|tens| 10i128.checked_pow(tens)) else { return Ok(Decimal::ZERO) };
    let unit = Decimal::try_from_i128_with_scale(unit, 0).map_err(|_| Raise::overflow("the result"))?;
    let scaled = value.checked_div(unit).ok_or_else(|| Raise::overflow("the result"))?;
    scaled.round_dp_with_strategy(0, away).checked_mul(unit).ok_or_else(|| Raise::overflow("the result"))
}

/// Rounds the shortest text of a double, so that what looks like a half is one.
fn round_double(value: f64, places: i64) -> Result<f64, Raise> {
    let Some(exact) = Exact::of(&Data::Number(value)).and_then(|exact| exact.to_decimal()) else {
        let tiny = value.abs() < 1.0;
        return Ok(if tiny && places < 28 { 0.0 } else { value });
    };
    let text = rounded(exact, places)?.to_string();
    let result = crate::value::number::nearest_double(&text).ok_or_else(|| Raise::overflow("the result"))?;
    Ok(if result == 0.0 { 0.0 } else { result })
}

fn integer(value: Decimal) -> Result<i64, Raise> {
    Exact::of(&Data::Decimal(value)).and_then(|exact| exact.to_int()).ok_or_else(|| Raise::overflow("the result"))
}

fn whole(call: &mut Call<'_, '_>, strategy: RoundingStrategy) -> Made {
    let value = call.value(0);
    match &value.data {
        Data::Int(_) => Ok(value.clone()),
        Data::Decimal(number) => integer(number.round_dp_with_strategy(0, strategy)).map(Value::int),
        _ => {
            let number = call.double(0)?;
            let number = if strategy == RoundingStrategy::ToNegativeInfinity { number.floor() } else { number.ceil() };
            if number.abs() >= 9.2e18 {
                return Err(Raise::overflow("the result"));
            }
            Ok(Value::int(number as i64))
        }
    }
}

fn abs(call: &mut Call<'_, '_>) -> Made {
    let data = match &call.value(0).data {
        Data::Int(number) => number.checked_abs().map(Data::Int),
        Data::Duration(millis) => millis.checked_abs().map(Data::Duration),
        Data::Number(number) => Some(Data::Number(number.abs())),
        Data::Decimal(number) => Some(Data::Decimal(number.abs())),
        _ => return Err(call.unfit(0, "a number or duration")),
    };
    data.map(Value::new).ok_or_else(|| Raise::overflow("the result"))
}

fn clamp(call: &mut Call<'_, '_>) -> Made {
    let (value, lo, hi) = (call.value(0), call.value(1), call.value(2));
    let order = |a: &Value, b: &Value| {
        compare(a, b).ok_or_else(|| Raise::invalid(format!("{} and {} have no order", a.kind(), b.kind())))
    };
    if order(lo, hi)? == Ordering::Greater {
        return Err(Raise::invalid("`clamp` expects a `lo` that is not above `hi`"));
    }
    let chosen = match (order(value, lo)?, order(value, hi)?) {
        (Ordering::Less, _) => lo,
        (_, Ordering::Greater) => hi,
        _ => value,
    };
    Ok(chosen.clone())
}

fn format_number(call: &mut Call<'_, '_>) -> Made {
    let places = if call.given(1) { Some(call.int(1)?) } else { None };
    if places.is_some_and(|places| !(0..=28).contains(&places)) {
        return Err(Raise::invalid("`format_number` expects 0 to 28 `places`"));
    }
    let (group, point) = (call.text_or(2, ",")?, call.text_or(3, ".")?);
    let value = &call.value(0).data;
    let exact = Exact::of(value).ok_or_else(|| call.unfit(0, "a number"))?;
    let Some(decimal) = (match value {
        Data::Decimal(decimal) => Some(*decimal),
        _ => exact.to_decimal(),
    }) else {
        return Ok(Value::text(call.value(0).to_json()));
    };
    let decimal = places.map_or(Ok(decimal), |places| rounded(decimal, places))?;
    let text = decimal.abs().to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction =
        places.map_or_else(|| fraction.to_owned(), |places| format!("{fraction:0<width$}", width = places as usize));
    let mut out = String::new();
    if decimal.is_sign_negative() && !decimal.is_zero() {
        out.push('-');
    }
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push_str(group);
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push_str(point);
        out.push_str(&fraction);
    }
    call.make_text(out)
}
