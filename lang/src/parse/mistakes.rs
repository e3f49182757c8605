//! The commonest mistakes, told apart by what stands around the place where a broken piece breaks.

use super::grammar::Rule;
use super::{say, spelling};
use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Loc, Span};

/// A broken piece and where reading it stopped.
pub(super) struct Broken<'a> {
    pub(super) source: &'a str,
    pub(super) span: Span,
    /// Byte offset in `source`.
    pub(super) at: usize,
    /// The rules that were tried there.
    pub(super) wanted: Vec<Rule>,
    /// The rule that the piece was read with.
    pub(super) rule: Rule,
}

impl<'a> Broken<'a> {
    pub(super) fn loc(&self, file: FileId, start: usize, length: usize) -> Loc {
        Loc { file, span: Span::new(start, start + length) }
    }

    /// The text from the place on.
    pub(super) fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or("")
    }

    /// The broken piece up to the place.
    pub(super) fn before(&self) -> &'a str {
        self.source.get(self.span.start as usize..self.at).unwrap_or("")
    }

    /// Where the message points: at the place, or behind the last thing before it at a line's end.
    pub(super) fn place(&self) -> usize {
        match self.found().is_empty() {
            true => self.span.start as usize + self.before().trim_end().len(),
            false => self.at,
        }
    }

    /// The token at the place; empty at the end of a line or of the text.
    pub(super) fn found(&self) -> &'a str {
        token(self.rest())
    }

    pub(super) fn found_name(&self) -> String {
        match self.found() {
            "" if self.rest().trim().is_empty() => "the end of the file".to_owned(),
            "" => "the end of the line".to_owned(),
            text if text.starts_with('"') => "a text".to_owned(),
            "`" => "a backtick".to_owned(),
            text => format!("`{text}`"),
        }
    }

    pub(super) fn common(&self, _file: FileId) -> Option<Diagnostic> {
        None
    }
}

/// The first token of a text: a word, a number, a sign.
pub(super) fn token(text: &str) -> &str {
    let Some(first) = text.chars().next() else { return "" };
    if first == '\n' || first == '\r' {
        return "";
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let end = if is_word(first) {
        text.find(|c: char| !is_word(c)).unwrap_or(text.len())
    } else {
        let double = ["==", "=>", "!=", "<=", ">=", "&&", "||", "|>", "??", "?.", "..", "->", "++", "+="];
        double.iter().find(|sign| text.starts_with(**sign)).map_or(first.len_utf8(), |sign| sign.len())
    };
    text.get(..end).unwrap_or("")
}
