//! JSON, CSV, numbers in texts, hashes, encodings.

use super::call::Call;
use super::{Entry, row};
use crate::eval::{Report, ReportKind};
use crate::raise::Raise;
use crate::value::number::{decimal_from_text, nearest_double};
use crate::value::{Data, Fields, Value};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

type Made = Result<Value, Raise>;

#[rustfmt::skip]
pub(super) fn entries() -> Vec<Entry> {
    vec![
        row("to_json(value: json, pretty?: bool) -> string", "As JSON. Decimals are numbers with their exact text, times RFC 3339, durations in Weir's notation.", "to_json({ a: [1, null] })", r#""\{\"a\":[1,null]}""#, |call| { let text = if call.bool_or(1, false)? { call.value(0).to_json_pretty() } else { call.value(0).to_json() }; call.make_text(text) }).errors("`invalid_input` beyond 16 MiB"),
        row("parse_json(text: string) -> json", "The value of a JSON text, or null when it is none. Cast it: `parse_json(text) as? Lead`.", r#"parse_json("[1, 2]")"#, "[1, 2]", |call| Ok(Value::from_json(call.text(0)?).unwrap_or(Value::NULL))),
        row("parse_csv(text: string, separator?: string, ragged?: \"fail\" | \"skip\") -> [map<string>]", "The rows below the header line, by its names; separated by `,`. A row with too few or too many fields fails the whole, naming its line; with `ragged: \"skip\"` it is left out and goes into the report.", r#"parse_csv("a,b\n1,2\n")"#, r#"[{ a: "1", b: "2" }]"#, parse_csv).errors("`invalid_input` naming the lines of ragged rows, for a header that names a column twice, and for a separator that is not one ASCII character"),
        row("to_csv(rows: [map<json>], columns?: [string], separator?: string) -> string", "A header line and a line for each row. The columns are those given, or all in order of first sight; missing and null are empty.", r#"to_csv([{ a: 1, b: "x,y" }])"#, r#""a,b\n1,\"x,y\"\n""#, to_csv).errors("`invalid_input` for a separator that is not one ASCII character"),
        row("parse_int(text: string) -> int?", "The integer that the text is, blanks around it aside, or null.", r#"parse_int(" 42 ")"#, "42", |call| Ok(call.text(0)?.trim().parse().map_or(Value::NULL, Value::int))),
        row("parse_number(text: string) -> number?", "The number that the text is, blanks around it aside, or null.", r#"parse_number("1.5e3")"#, "1500", parse_number),
        row("parse_decimal(text: string) -> decimal?", "The exact decimal that the text is, blanks around it aside, or null; 28 digits.", r#"parse_decimal("19.90")"#, "19.90", |call| Ok(decimal_from_text(call.text(0)?.trim()).map_or(Value::NULL, |value| Value::new(Data::Decimal(value))))),
        row("sha256(text: string) -> string", "The SHA-256 of the text in UTF-8, in hexadecimal.", r#"sha256("")"#, r#""e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855""#, |call| { let hash = Sha256::digest(call.text(0)?.as_bytes()); Ok(Value::text(crate::hex(&hash))) }),
        row("base64(text: string) -> string", "The text in UTF-8, in Base64 with padding.", r#"base64("weir")"#, r#""d2Vpcg==""#, |call| { let text = STANDARD.encode(call.text(0)?); call.make_text(text) }),
        row("base64_decode(text: string) -> string?", "The text behind Base64 of either alphabet, with or without padding, or null when it is none.", r#"base64_decode("d2Vpcg==")"#, r#""weir""#, base64_decode),
    ]
}

fn parse_number(call: &mut Call<'_, '_>) -> Made {
    let text = call.text(0)?.trim();
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
    let found = nearest_double(text).filter(|_| plain);
    Ok(found.map_or(Value::NULL, |number| Value::new(Data::Number(if number == 0.0 { 0.0 } else { number }))))
}

fn separator(call: &Call<'_, '_>, at: usize) -> Result<u8, Raise> {
    match call.text_or(at, ",")?.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
        _ => Err(Raise::invalid("a `separator` is one ASCII character")),
    }
}

/// A row that has not as many fields as the header.
struct Ragged {
    line: u64,
    fields: Vec<String>,
    reason: String,
}

fn parse_csv(call: &mut Call<'_, '_>) -> Made {
    let skip = match call.text_or(2, "fail")? {
        "fail" => false,
        "skip" => true,
        _ => return Err(Raise::invalid("`ragged` is `\"fail\"` or `\"skip\"`")),
    };
    let (rows, ragged) = csv_rows(call.text(0)?, separator(call, 1)?)?;
    if !skip && !ragged.is_empty() {
        let named: Vec<&str> = ragged.iter().take(10).map(|row| row.reason.as_str()).collect();
        let more = if ragged.len() > 10 { format!(" and {} more", ragged.len() - 10) } else { String::new() };
        return Err(Raise::invalid(format!("ragged rows: {}{more}", named.join("; "))));
    }
    let labels = call.value(0).labels.clone();
    for row in ragged {
        let fields = row.fields.into_iter().map(Value::text).collect::<Vec<_>>();
        let line = Value::int(i64::try_from(row.line).unwrap_or(i64::MAX));
        let record = Value::record([("line", line), ("fields", Value::list(fields))]).with_labels(labels.clone());
        call.eval.report.push(Report { kind: ReportKind::Dropped, record, reason: row.reason });
    }
    call.make_list(rows)
}

fn csv_rows(text: &str, separator: u8) -> Result<(Vec<Value>, Vec<Ragged>), Raise> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).flexible(true).has_headers(false).from_reader(text.as_bytes());
    let mut records = reader.records();
    let wrong = |error: csv::Error| Raise::invalid(format!("not CSV: {error}"));
    let Some(header) = records.next().transpose().map_err(wrong)? else { return Ok((Vec::new(), Vec::new())) };
    for (at, name) in header.iter().enumerate() {
        if header.iter().take(at).any(|earlier| earlier == name) {
            return Err(Raise::invalid(format!("the header names the column `{name}` twice")));
        }
    }
    let (mut rows, mut ragged) = (Vec::new(), Vec::new());
    for record in records {
        let record = record.map_err(wrong)?;
        if record.len() == header.len() {
            rows.push(Value::record(header.iter().zip(&record).map(|(name, field)| (name, Value::text(field)))));
        } else {
            let line = record.position().map_or(0, csv::Position::line);
            let reason = format!("line {line} has {} fields, the header {}", record.len(), header.len());
            ragged.push(Ragged { line, fields: record.iter().map(str::to_owned).collect(), reason });
        }
        if rows.len() > crate::eval::MAX_ITEMS {
            return Err(Raise::too_large("the list", "1,000,000 elements"));
        }
    }
    Ok((rows, ragged))
}

fn to_csv(call: &mut Call<'_, '_>) -> Made {
    let list = call.list(0)?;
    let rows = list.as_list().unwrap_or_default();
    let columns = columns(call, rows)?;
    let mut writer = csv::WriterBuilder::new().delimiter(separator(call, 2)?).from_writer(Vec::new());
    let wrong = |error: csv::Error| Raise::invalid(format!("this does not fit into CSV: {error}"));
    writer.write_record(columns.iter().map(String::as_str)).map_err(wrong)?;
    for row in rows {
        let row = row.as_record().ok_or_else(|| Raise::kind("a record for each row", row.kind()))?;
        let cell = |name: &String| row.fields.get(name.as_str()).filter(|value| !value.is_null());
        let cells = columns.iter().map(|name| cell(name).map(Value::display_text).unwrap_or_default());
        writer.write_record(cells).map_err(wrong)?;
    }
    let bytes = writer.into_inner().map_err(|_| Raise::invalid("this does not fit into CSV"))?;
    call.make_text(String::from_utf8_lossy(&bytes).into_owned())
}

fn columns(call: &Call<'_, '_>, rows: &[Value]) -> Result<Vec<String>, Raise> {
    if call.given(1) {
        let list = call.list(1)?;
        return Ok(list.as_list().unwrap_or_default().iter().map(Value::display_text).collect());
    }
    let mut columns = Fields::default();
    for name in rows.iter().filter_map(Value::as_record).flat_map(|row| row.fields.keys()) {
        columns.entry(name.clone()).or_insert(Value::NULL);
    }
    Ok(columns.keys().map(ToString::to_string).collect())
}

fn base64_decode(call: &mut Call<'_, '_>) -> Made {
    let text: String = call.text(0)?.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    let found = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].iter().find_map(|kind| kind.decode(&text).ok());
    match found.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => call.make_text(text),
        None => Ok(Value::NULL),
    }
}
