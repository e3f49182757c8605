//! Numbers of every kind by their decimal value: comparing, hashing and writing without rounding. A double counts
//! as its shortest text, so `0.1` read from JSON equals the decimal `0.1`.

use super::Data;
use rust_decimal::Decimal;
use std::cmp::Ordering;
use std::fmt::Write;

/// Digits of a literal that every double keeps.
pub(crate) const DOUBLE_DIGITS: usize = 15;
/// Digits that a decimal keeps.
const DECIMAL_DIGITS: usize = 28;

/// A number as `0.DIGITS × 10^exp`; zero has no digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exact {
    negative: bool,
    digits: String,
    exp: i64,
}

impl Exact {
    /// The value of a numeric kind; None for the others.
    pub(crate) fn of(data: &Data) -> Option<Exact> {
        match data {
            Data::Int(value) => Exact::parse(&value.to_string()),
            Data::Number(value) => Exact::parse(&format!("{value:e}")),
            Data::Decimal(value) => Exact::parse(&value.to_string()),
            Data::RawNumber(text) => Exact::parse(text),
            _ => None,
        }
    }

    /// Reads a JSON number. None if it is none or its exponent is beyond ±1,000,000,000.
    pub(crate) fn parse(text: &str) -> Option<Exact> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let bytes = whole.bytes().chain(fraction.bytes());
        if (whole.is_empty() && fraction.is_empty()) || bytes.clone().any(|byte| !byte.is_ascii_digit()) {
            return None;
        }
        let zeros = bytes.clone().take_while(|byte| *byte == b'0').count();
        let mut digits: String = bytes.skip(zeros).map(char::from).collect();
        digits.truncate(digits.trim_end_matches('0').len());
        if digits.is_empty() {
            return Some(Exact { negative: false, digits, exp: 0 });
        }
        let exp = exponent.checked_add(whole.len() as i64)?.checked_sub(zeros as i64)?;
        (exp.abs() <= 1_000_000_000).then_some(Exact { negative, digits, exp })
    }

    /// How many digits it takes to write it.
    pub(crate) fn significant(&self) -> usize {
        self.digits.len()
    }

    /// Whether it has no fraction.
    pub(crate) fn is_integer(&self) -> bool {
        self.exp >= self.digits.len() as i64
    }

    /// The 64 bit integer of this value, if there is one.
    pub(crate) fn to_int(&self) -> Option<i64> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let zeros = usize::try_from(self.exp - self.digits.len() as i64).ok().filter(|zeros| *zeros < 20)?;
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}{}", self.digits, "0".repeat(zeros)).parse().ok()
    }

    /// The decimal of this value, if 28 digits and 28 places hold it.
    pub(crate) fn to_decimal(&self) -> Option<Decimal> {
        if self.digits.is_empty() {
            return Some(Decimal::ZERO);
        }
        let places = self.digits.len() as i64 - self.exp;
        if self.digits.len() > DECIMAL_DIGITS || places > DECIMAL_DIGITS as i64 || self.exp > DECIMAL_DIGITS as i64 {
            return None;
        }
        let zeros = usize::try_from(-places).unwrap_or(0);
        let mantissa: i128 = format!("{}{}", self.digits, "0".repeat(zeros)).parse().ok()?;
        let scale = u32::try_from(places.max(0)).ok()?;
        Decimal::try_from_i128_with_scale(if self.negative { -mantissa } else { mantissa }, scale).ok()
    }

    /// Bytes that are the same for equal values and differ otherwise.
    pub(crate) fn canonical(&self) -> String {
        format!("{}{}e{}", if self.negative { "-" } else { "" }, self.digits, self.exp)
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |exact: &Exact| match (exact.digits.is_empty(), exact.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let by_sign = sign(self).cmp(&sign(other));
        let size = self.exp.cmp(&other.exp).then_with(|| self.digits.cmp(&other.digits));
        by_sign.then(if self.negative { size.reverse() } else { size })
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of two numbers of any kinds; None when one is no number.
pub(crate) fn compare_numbers(a: &Data, b: &Data) -> Option<Ordering> {
    const SAFE: i64 = 1 << 53;
    match (a, b) {
        (Data::Int(a), Data::Int(b)) => Some(a.cmp(b)),
        (Data::Number(a), Data::Number(b)) => a.partial_cmp(b),
        (Data::Decimal(a), Data::Decimal(b)) => Some(a.cmp(b)),
        (Data::Int(a), Data::Decimal(b)) => Some(Decimal::from(*a).cmp(b)),
        (Data::Decimal(a), Data::Int(b)) => Some(a.cmp(&Decimal::from(*b))),
        (Data::Int(a), Data::Number(b)) if (-SAFE..=SAFE).contains(a) => (*a as f64).partial_cmp(b),
        (Data::Number(a), Data::Int(b)) if (-SAFE..=SAFE).contains(b) => a.partial_cmp(&(*b as f64)),
        _ => Some(Exact::of(a)?.cmp(&Exact::of(b)?)),
    }
}

/// The double of an exact decimal text, rounded to the nearest.
pub(crate) fn nearest_double(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// The decimal of a numeric kind, exactly: a double only if it has at most 15 digits, as its text may then be taken
/// for what was written.
pub(crate) fn to_decimal(data: &Data) -> Option<Decimal> {
    match data {
        Data::Decimal(value) => Some(*value),
        Data::Int(value) => Some(Decimal::from(*value)),
        Data::Number(_) => Exact::of(data).filter(|exact| exact.significant() <= DOUBLE_DIGITS)?.to_decimal(),
        Data::RawNumber(text) => decimal_from_text(text),
        _ => None,
    }
}

/// Reads a decimal and keeps its places (`1.50`); None if 28 digits cannot hold it exactly.
pub(crate) fn decimal_from_text(text: &str) -> Option<Decimal> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-');
    let exact = Exact::parse(text)?;
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if plain && digits <= DECIMAL_DIGITS {
        return Decimal::from_str_exact(text).ok();
    }
    exact.to_decimal()
}

/// The double of a numeric kind. Integers beyond 2^53 that a double cannot hold give None: never rounded.
pub(crate) fn to_double(data: &Data) -> Option<f64> {
    match data {
        Data::Number(value) => Some(*value),
        Data::Int(value) if value.unsigned_abs() <= 1 << 53 => Some(*value as f64),
        Data::Int(value) => Some(*value as f64).filter(|double| format!("{double}") == value.to_string()),
        Data::Decimal(value) => nearest_double(&value.to_string()),
        Data::RawNumber(text) => {
            let double = nearest_double(text)?;
            let exact = Exact::parse(text)?;
            let kept = !exact.is_integer() || Exact::of(&Data::Number(double)).is_some_and(|back| back == exact);
            kept.then_some(double)
        }
        _ => None,
    }
}

/// Writes a double as the shortest text that reads back, without `.0`; beyond 21 digits with an exponent.
pub(crate) fn write_double(out: &mut String, value: f64) {
    let size = value.abs();
    let written = if value == 0.0 {
        out.push('0');
        Ok(())
    } else if (1e-7..1e21).contains(&size) {
        write!(out, "{value}")
    } else {
        write!(out, "{value:e}")
    };
    debug_assert!(written.is_ok(), "writing to a string does not fail");
}
