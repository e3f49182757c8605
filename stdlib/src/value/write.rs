//! Values as JSON text, the way people and tools see them. Decimals are JSON numbers with their exact text (`1.50`),
//! times RFC 3339 in UTC, dates `YYYY-MM-DD`, durations Weir's own notation (`1h30m`).

use super::number::write_double;
use super::{Data, Value};
use ecow::EcoString;
use std::fmt::Write;

/// What stands for a secret part.
const MASK: &str = "\"•••\"";

impl Value {
    /// One line of JSON.
    pub fn to_json(&self) -> String {
        self.written(None, false)
    }

    /// Indented by two blanks.
    pub fn to_json_pretty(&self) -> String {
        self.written(Some(0), false)
    }

    /// One line of JSON in which every part with a secret label is `"•••"`: for events, logs, audit and pages.
    pub fn masked(&self) -> String {
        self.written(None, true)
    }

    /// The beginning of [`Value::masked`], so many bytes of text or a little more, and whether something was left out. A
    /// large value costs no more than what is written.
    pub fn masked_within(&self, most: usize) -> (String, bool) {
        let mut out = String::new();
        let mut writer = Writer { out: &mut out, indent: None, mask: true, most, cut: false };
        writer.value(self);
        let cut = writer.cut;
        (out, cut)
    }

    /// The same value with every secret part replaced by the text `•••`; shared parts without secrets stay shared.
    pub fn mask(&self) -> Value {
        if !self.deep_labels().secret() {
            return self.clone();
        }
        if self.labels.secret() {
            return Value::text("•••");
        }
        match &self.data {
            Data::List(list) => Value::list(list.items.iter().map(Value::mask).collect::<Vec<_>>()),
            Data::Record(record) => {
                Value::from_fields(record.fields.iter().map(|(name, value)| (name.clone(), value.mask())).collect())
            }
            _ => self.clone(),
        }
    }

    /// What a template shows: texts bare, everything else as JSON without quotes around times, dates and durations.
    pub fn display_text(&self) -> String {
        let mut out = String::new();
        self.write_display(&mut out);
        out
    }

    /// Appends [`Value::display_text`].
    pub(crate) fn write_display(&self, out: &mut String) {
        match &self.data {
            Data::String(text) => out.push_str(&text.text),
            _ if self.write_bare(out) => {}
            _ => Writer { out, indent: None, mask: false, most: usize::MAX, cut: false }.value(self),
        }
    }

    fn written(&self, indent: Option<usize>, mask: bool) -> String {
        let mut out = String::new();
        Writer { out: &mut out, indent, mask, most: usize::MAX, cut: false }.value(self);
        out
    }

    /// Writes the kinds whose text stands without quotes in a template; false for the others.
    fn write_bare(&self, out: &mut String) -> bool {
        let written = match &self.data {
            Data::Time(time) => write!(out, "{time}"),
            Data::Date(date) => write!(out, "{date}"),
            Data::Duration(millis) => {
                write_duration(out, *millis);
                Ok(())
            }
            _ => return false,
        };
        written.is_ok()
    }
}

struct Writer<'o> {
    out: &'o mut String,
    indent: Option<usize>,
    mask: bool,
    /// From this length on, nothing more is written.
    most: usize,
    /// Something was left out.
    cut: bool,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value) {
        if self.mask && value.labels.secret() {
            return self.out.push_str(MASK);
        }
        match &value.data {
            Data::Null => self.out.push_str("null"),
            Data::Bool(flag) => self.out.push_str(if *flag { "true" } else { "false" }),
            Data::Int(number) => self.show(number),
            Data::Number(number) => write_double(self.out, *number),
            Data::Decimal(number) => self.show(number),
            Data::RawNumber(text) => self.out.push_str(text),
            Data::String(text) => self.text(&text.text),
            Data::Time(_) | Data::Date(_) | Data::Duration(_) => {
                self.out.push('"');
                value.write_bare(self.out);
                self.out.push('"');
            }
            Data::List(list) => self.group('[', ']', list.items.iter(), |writer, item| writer.value(item)),
            Data::Record(record) => self.group('{', '}', record.fields.iter(), Writer::field),
        }
    }

    fn text(&mut self, text: &str) {
        let room = self.most.saturating_sub(self.out.len());
        let fits = text.get(..text.floor_char_boundary(room)).unwrap_or_default();
        self.cut |= fits.len() < text.len();
        write_string(self.out, fits);
    }

    fn field(&mut self, (name, value): (&EcoString, &Value)) {
        write_string(self.out, name);
        self.out.push_str(if self.indent.is_some() { ": " } else { ":" });
        self.value(value);
    }

    fn show(&mut self, shown: impl std::fmt::Display) {
        let written = write!(self.out, "{shown}");
        debug_assert!(written.is_ok(), "writing to a string does not fail");
    }

    fn group<T>(&mut self, open: char, close: char, items: impl Iterator<Item = T>, each: impl Fn(&mut Self, T)) {
        self.out.push(open);
        let outer = self.indent;
        self.indent = outer.map(|depth| depth + 1);
        let mut any = false;
        for item in items {
            if self.out.len() >= self.most {
                self.cut = true;
                break;
            }
            if any {
                self.out.push(',');
            }
            any = true;
            self.line();
            each(self, item);
        }
        self.indent = outer;
        if any {
            self.line();
        }
        self.out.push(close);
    }

    fn line(&mut self) {
        if let Some(depth) = self.indent {
            self.out.push('\n');
            (0..depth).for_each(|_| self.out.push_str("  "));
        }
    }
}

/// Writes a JSON string with its quotes.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..=0x1f | 0x7f => "",
            _ => continue,
        };
        out.push_str(text.get(plain..at).unwrap_or_default());
        plain = at + 1;
        if escape.is_empty() {
            let written = write!(out, "\\u{byte:04x}");
            debug_assert!(written.is_ok(), "writing to a string does not fail");
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(text.get(plain..).unwrap_or_default());
    out.push('"');
}

/// Units of Weir's durations in milliseconds, largest first.
const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A duration in Weir's notation: `1h30m`, `0s`, `-5s`.
pub fn duration_text(millis: i64) -> String {
    let mut out = String::new();
    write_duration(&mut out, millis);
    out
}

pub(crate) fn write_duration(out: &mut String, millis: i64) {
    if millis == 0 {
        return out.push_str("0s");
    }
    if millis < 0 {
        out.push('-');
    }
    let mut rest = millis.unsigned_abs();
    for (unit, size) in UNITS {
        if rest >= size {
            let written = write!(out, "{}{unit}", rest / size);
            debug_assert!(written.is_ok(), "writing to a string does not fail");
            rest %= size;
        }
    }
}

/// Reads a duration in Weir's notation (`1h30m`, `200ms`, `-5s`) in milliseconds; None if it is none. Each unit
/// stands once, larger ones first.
pub fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mut total, mut smallest) = (0u64, u64::MAX);
    while !rest.is_empty() || smallest == u64::MAX {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (count, after) = rest.split_at_checked(digits)?;
        let letters = after.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, after) = after.split_at_checked(letters)?;
        let size = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size)?;
        if size >= smallest {
            return None;
        }
        smallest = size;
        total = total.checked_add(count.parse::<u64>().ok()?.checked_mul(size)?)?;
        rest = after;
    }
    let total = i64::try_from(total).ok()?;
    Some(if negative { -total } else { total })
}
