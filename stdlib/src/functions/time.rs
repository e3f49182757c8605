//! Times, dates and durations. ISO 8601 by default, otherwise strftime patterns; zones by IANA name, UTC by default.
//! `+`, `-` and comparisons are operators.

use super::call::Call;
use super::{Entry, row};
use crate::raise::Raise;
use crate::value::{Data, Value, duration_text, parse_duration};
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned, fmt::strtime};

type Made = Result<Value, Raise>;

#[rustfmt::skip]
pub(super) fn entries() -> Vec<Entry> {
    let zones = "`invalid_input` for an unknown zone";
    vec![
        row("format_time(value: time | date, format?: string, zone?: string) -> string", "ISO 8601, or by a strftime pattern, in a zone.", r#"format_time("2026-03-01", "%-d %B %Y")"#, r#""1 March 2026""#, format_time).errors("`invalid_input` for an unknown zone or a wrong pattern"),
        row("parse_time(text: string, format?: string, zone?: string) -> time?", "The instant that the text names, or null. Without an offset in the text it is read in `zone`.", r#"parse_time("01.03.2026 12:00", "%d.%m.%Y %H:%M", "Europe/Oslo")"#, r#""2026-03-01T11:00:00Z""#, parse_time).errors(zones),
        row("parse_date(text: string, format?: string) -> date?", "The day that the text names, or null.", r#"parse_date("1/3/26", "%d/%m/%y")"#, r#""2026-03-01""#, parse_date),
        row("format_duration(value: duration) -> string", "In Weir's notation.", "format_duration(90m)", r#""1h30m""#, |call| Ok(Value::text(duration_text(duration(call, 0)?)))),
        row("parse_duration(text: string) -> duration?", "A duration in Weir's notation, or null.", r#"parse_duration("1h30m")"#, "1h30m", |call| Ok(parse_duration(call.text(0)?).map_or(Value::NULL, |millis| Value::new(Data::Duration(millis))))),
        row("weekday(value: time | date, zone?: string) -> string", "The day of the week, `monday` to `sunday`.", r#"weekday("2026-03-01")"#, r#""sunday""#, weekday).errors(zones),
        row("date_of(value: time, zone?: string) -> date", "The day of an instant in a zone.", r#"date_of("2026-03-01T23:30:00Z", "Europe/Oslo")"#, r#""2026-03-02""#, |call| Ok(Value::new(Data::Date(day(call, 1)?)))).errors(zones),
        row("time_of(value: date, zone?: string) -> time", "The instant at which a day starts in a zone; add a duration for a time of day.", r#"time_of("2026-03-01", "Europe/Oslo")"#, r#""2026-02-28T23:00:00Z""#, start).errors(zones),
        row("start_of_day(value: time, zone?: string) -> time", "The instant at which its day starts in a zone.", r#"start_of_day("2026-03-01T15:00:00Z")"#, r#""2026-03-01T00:00:00Z""#, start).errors(zones),
        row("year(value: time | date, zone?: string) -> int", "The year.", r#"year("2026-03-01")"#, "2026", |call| Ok(Value::int(day(call, 1)?.year().into()))).errors(zones),
        row("month(value: time | date, zone?: string) -> int", "The month, 1 to 12.", r#"month("2026-03-01")"#, "3", |call| Ok(Value::int(day(call, 1)?.month().into()))).errors(zones),
        row("day(value: time | date, zone?: string) -> int", "The day of the month, 1 to 31.", r#"day("2026-03-01")"#, "1", |call| Ok(Value::int(day(call, 1)?.day().into()))).errors(zones),
        row("hour(value: time, zone?: string) -> int", "The hour, 0 to 23.", r#"hour("2026-03-01T15:04:00Z")"#, "15", |call| Ok(Value::int(zoned(call, 1)?.hour().into()))).errors(zones),
        row("minute(value: time, zone?: string) -> int", "The minute, 0 to 59.", r#"minute("2026-03-01T15:04:00Z")"#, "4", |call| Ok(Value::int(zoned(call, 1)?.minute().into()))).errors(zones),
        row("add_months(value: date, count: int) -> date", "The same day so many months later, or the last day of a shorter month.", r#"add_months("2026-01-31", 1)"#, r#""2026-02-28""#, add_months).errors("`invalid_input` beyond the year 9999"),
        row("from_unix(seconds: number) -> time", "The instant so many seconds after 1970.", "from_unix(0)", r#""1970-01-01T00:00:00Z""#, from_unix).errors("`invalid_input` beyond the year 9999"),
        row("to_unix(value: time) -> int", "Whole seconds since 1970.", r#"to_unix("1970-01-02T00:00:00Z")"#, "86400", |call| Ok(Value::int(zoned(call, 1)?.timestamp().as_second()))),
    ]
}

/// Whether a time zone has that IANA name.
pub fn is_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

/// The IANA names of all time zones.
pub fn zones() -> &'static [String] {
    static ZONES: std::sync::LazyLock<Vec<String>> =
        std::sync::LazyLock::new(|| jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect());
    &ZONES
}

fn zone(call: &Call<'_, '_>, at: usize) -> Result<TimeZone, Raise> {
    if !call.given(at) {
        return Ok(TimeZone::UTC);
    }
    let name = call.text(at)?;
    TimeZone::get(name).map_err(|_| Raise::invalid(format!("there is no time zone `{name}`")))
}

/// The first argument as a moment in the zone of argument `at`.
fn zoned(call: &Call<'_, '_>, at: usize) -> Result<Zoned, Raise> {
    match &call.value(0).data {
        Data::Time(time) => Ok(time.to_zoned(zone(call, at)?)),
        Data::Date(date) => date.to_zoned(zone(call, at)?).map_err(|_| Raise::overflow("the time")),
        Data::String(text) => match text.text.parse::<Timestamp>() {
            Ok(time) => Ok(time.to_zoned(zone(call, at)?)),
            Err(_) => match text.text.parse::<Date>().ok().filter(|_| text.text.len() == 10) {
                Some(date) => date.to_zoned(zone(call, at)?).map_err(|_| Raise::overflow("the time")),
                None => Err(call.unfit(0, "a time")),
            },
        },
        _ => Err(call.unfit(0, "a time or date")),
    }
}

fn day(call: &Call<'_, '_>, at: usize) -> Result<Date, Raise> {
    match &call.value(0).data {
        Data::Date(date) => Ok(*date),
        Data::String(text) if text.text.len() == 10 => text.text.parse().map_err(|_| call.unfit(0, "a date")),
        _ => zoned(call, at).map(|zoned| zoned.date()),
    }
}

fn duration(call: &Call<'_, '_>, at: usize) -> Result<i64, Raise> {
    match call.value(at).data {
        Data::Duration(millis) => Ok(millis),
        Data::String(ref text) => parse_duration(&text.text).ok_or_else(|| call.unfit(at, "a duration")),
        _ => Err(call.unfit(at, "a duration")),
    }
}

fn format_time(call: &mut Call<'_, '_>) -> Made {
    let format = if call.given(1) { Some(call.text(1)?) } else { None };
    let wrong = |_| Raise::invalid(format!("`{}` is no pattern for this value", format.unwrap_or_default()));
    let text = match (&call.value(0).data, format) {
        (Data::Date(date), None) => date.to_string(),
        (Data::Date(date), Some(format)) => strtime::format(format, *date).map_err(wrong)?,
        (Data::Time(time), None) if !call.given(2) => time.to_string(),
        (_, format) => {
            let format = format.unwrap_or("%Y-%m-%dT%H:%M:%S%.f%:z");
            strtime::format(format, &zoned(call, 2)?).map_err(wrong)?
        }
    };
    call.make_text(text)
}

fn parse_time(call: &mut Call<'_, '_>) -> Made {
    let zone = zone(call, 2)?;
    let text = call.text(0)?.trim();
    let civil = |civil: DateTime| civil.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp());
    let found = if call.given(1) {
        strtime::parse(call.text(1)?, text).ok().and_then(|parts| {
            let named = parts.to_timestamp().ok();
            let local = || parts.to_datetime().or_else(|_| parts.to_date().map(DateTime::from)).ok().and_then(civil);
            named.or_else(local)
        })
    } else {
        let named = text.parse::<Timestamp>().ok();
        let local = || text.parse::<DateTime>().ok().and_then(civil);
        let mail = || jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp());
        named.or_else(local).or_else(mail)
    };
    Ok(found.map_or(Value::NULL, |time| Value::new(Data::Time(time))))
}

fn parse_date(call: &mut Call<'_, '_>) -> Made {
    let text = call.text(0)?.trim();
    let found = if call.given(1) {
        strtime::parse(call.text(1)?, text).ok().and_then(|parts| parts.to_date().ok())
    } else if text.len() == 10 {
        text.parse::<Date>().ok()
    } else {
        None
    };
    Ok(found.map_or(Value::NULL, |date| Value::new(Data::Date(date))))
}

fn weekday(call: &mut Call<'_, '_>) -> Made {
    Ok(Value::text(match day(call, 1)?.weekday() {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }))
}

fn start(call: &mut Call<'_, '_>) -> Made {
    let start = zoned(call, 1)?.start_of_day().map_err(|_| Raise::overflow("the time"))?;
    Ok(Value::new(Data::Time(start.timestamp())))
}

fn add_months(call: &mut Call<'_, '_>) -> Made {
    let range = || Raise::overflow("the date");
    let months = Span::new().try_months(call.int(1)?).map_err(|_| range())?;
    day(call, 9)?.checked_add(months).map(|date| Value::new(Data::Date(date))).map_err(|_| range())
}

fn from_unix(call: &mut Call<'_, '_>) -> Made {
    let millis = (call.double(0)? * 1000.0).round();
    if millis.abs() > 9.0e17 {
        return Err(Raise::overflow("the time"));
    }
    let time = Timestamp::from_millisecond(millis as i64).map_err(|_| Raise::overflow("the time"))?;
    Ok(Value::new(Data::Time(time)))
}
