//! Numbers, durations, percents and regular expressions.

use super::build::{Builder, span};
use super::kids::Node;
use super::say;
use crate::ast::{ExprKind, Lit, Regex};
use crate::span::Span;
use ecow::EcoString;
use regex::RegexBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// Largest compiled size of a regular expression in bytes.
const MAX_REGEX: usize = 1 << 20;
/// The work that the regular expressions of one file may be together: a few hundred large ones, thousands of usual ones.
const MOST_PATTERNS: usize = 1_000_000;
/// The units of a duration in milliseconds.
pub(super) const UNITS: [(&str, i64); 6] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

impl Builder<'_> {
    pub(super) fn number(&mut self, node: &Node<'_>) -> Lit {
        self.signed_number(node, false)
    }

    /// A number as a value; one that is wrong is no value, so that its type is no second mistake.
    pub(super) fn number_value(&mut self, node: &Node<'_>) -> ExprKind {
        let before = self.diagnostics.len();
        let lit = self.number(node);
        if self.diagnostics.len() == before { ExprKind::Lit(lit) } else { ExprKind::Error }
    }

    /// A number, percent or duration; `minus` belongs to it (in types and patterns).
    pub(super) fn signed_number(&mut self, node: &Node<'_>, minus: bool) -> Lit {
        let text = node.as_str();
        let loc = self.loc(span(node));
        let sign = if minus { "-" } else { "" };
        let plain = format!("{sign}{}", text.replace('_', ""));
        if let Some(percent) = plain.strip_suffix('%').filter(|number| is_number(number)) {
            return Lit::Percent(percent.into());
        }
        if text.ends_with('_') || !is_number(&plain) {
            return self.duration(text, minus, loc);
        }
        if plain.contains('.') {
            return Lit::Number(plain.into());
        }
        match plain.parse() {
            Ok(value) => Lit::Int(value),
            Err(_) => {
                self.report(say::integer_too_large(loc, text));
                Lit::Int(0)
            }
        }
    }

    fn duration(&mut self, text: &str, minus: bool, loc: crate::span::Loc) -> Lit {
        match milliseconds(text) {
            Some(Some(value)) => Lit::Duration(if minus { -value } else { value }),
            Some(None) => {
                self.report(say::duration_too_long(loc, text));
                Lit::Duration(0)
            }
            None => {
                self.report(say::bad_number(loc, text));
                Lit::Int(0)
            }
        }
    }

    pub(super) fn regex(&mut self, node: &Node<'_>) -> Regex {
        let text = node.as_str();
        let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or("");
        let pattern: EcoString = inner.replace("\\/", "/").into();
        let at = span(node);
        let known = self.sound.contains(&pattern);
        if !known && self.patterns >= MOST_PATTERNS {
            self.too_many_patterns(at);
        } else if !known {
            self.patterns = self.patterns.saturating_add(weight(&pattern));
            let built = RegexBuilder::new(&pattern).size_limit(MAX_REGEX).nest_limit(64).build();
            match built {
                Ok(_) => drop(self.sound.insert(pattern.clone())),
                Err(error) => self.report(say::invalid_regex(self.loc(at), &error)),
            }
        }
        Regex { pattern, span: at }
    }

    /// Said once of a file.
    fn too_many_patterns(&mut self, at: Span) {
        let found = say::too_many_patterns(self.loc(at));
        if !self.diagnostics.iter().any(|one| one.message == found.message) {
            self.report(found);
        }
    }
}

/// About how much work it is to compile a regular expression: its letters, ranges and repetitions written out. One that is
/// refused for its size costs what the limit of one costs.
fn weight(pattern: &str) -> usize {
    const MOST: usize = 50_000;
    fn of(hir: &Hir) -> usize {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => 1,
            HirKind::Literal(text) => text.0.len(),
            HirKind::Class(Class::Unicode(class)) => class.ranges().len(),
            HirKind::Class(Class::Bytes(class)) => class.ranges().len(),
            HirKind::Repetition(again) => of(&again.sub).saturating_mul(again.max.unwrap_or(again.min).max(1) as usize),
            HirKind::Capture(inner) => of(&inner.sub),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => {
                parts.iter().fold(1, |sum: usize, part| sum.saturating_add(of(part)))
            }
        }
    }
    let read = regex_syntax::ParserBuilder::new().nest_limit(64).build().parse(pattern);
    100 + read.map_or(pattern.len(), |hir| of(&hir)).min(MOST)
}

/// Digits, perhaps with one fraction.
fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(text),
    }
}

/// `1h30m` in milliseconds: `None` where it is no duration, `Some(None)` where it does not fit.
fn milliseconds(text: &str) -> Option<Option<i64>> {
    let mut total = Some(0_i64);
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '_').filter(|at| *at > 0)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor)?;
        let value = number.replace('_', "").parse::<i64>().ok().and_then(|value| value.checked_mul(factor));
        total = total.zip(value).and_then(|(total, value)| total.checked_add(value));
        rest = after;
    }
    Some(total)
}
