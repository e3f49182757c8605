//! A cheap look at sizes and nesting before pest runs, so that no input can exhaust the stack.
//!
//! It knows strings, comments, regular expressions and interpolation. Where it guesses (a `/` may divide or
//! open a regular expression) a wrong guess costs at most a wrong count.

use super::{MAX_NESTING, MAX_SOURCE, MAX_STRING, MAX_WORDS, say, spelling};
use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Loc, Span};

/// What is wrong with the size of `source`, if anything is.
pub(super) fn limits(file: FileId, source: &str) -> Option<Diagnostic> {
    if source.len() > MAX_SOURCE {
        return Some(say::source_too_large(Loc { file, span: Span::default() }, MAX_SOURCE));
    }
    Scan { source: source.as_bytes(), file, at: 0, open: Vec::new(), operand: false, heads: 0, words: 0 }.run()
}

#[derive(Clone, Copy, PartialEq)]
enum Open {
    Bracket,
    Angle,
    /// `"` or `"""`, which is where the string started.
    Quote {
        start: usize,
        block: bool,
    },
}

struct Scan<'a> {
    source: &'a [u8],
    file: FileId,
    at: usize,
    open: Vec<Open>,
    /// Whether the last token ends an operand, so that `/` divides.
    operand: bool,
    /// Words like `if` and `for` since the last bracket: each may nest without one.
    heads: usize,
    /// Words, numbers and signs so far: memory grows with them, not with the bytes.
    words: usize,
}

impl Scan<'_> {
    fn run(mut self) -> Option<Diagnostic> {
        while let Some(byte) = self.peek(0) {
            let found = match self.open.last() {
                Some(Open::Quote { start, block }) => {
                    let (start, block) = (*start, *block);
                    self.in_text(byte, start, block)
                }
                _ => self.in_code(byte),
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.source.get(self.at + ahead).copied()
    }

    fn starts(&self, text: &[u8]) -> bool {
        self.source.get(self.at..).is_some_and(|rest| rest.starts_with(text))
    }

    fn in_text(&mut self, byte: u8, start: usize, block: bool) -> Option<Diagnostic> {
        let quote: &[u8] = if block { b"\"\"\"" } else { b"\"" };
        let step = match byte {
            b'\\' => 2,
            b'{' => return self.push(Open::Bracket),
            b'\n' if !block => return self.pop(1),
            _ if self.starts(quote) => {
                let end = self.at + quote.len();
                let too_large = (end - start > MAX_STRING).then(|| self.too_large(start, end));
                self.operand = true;
                return too_large.or_else(|| self.pop(quote.len()));
            }
            _ => 1,
        };
        self.at += step;
        None
    }

    fn in_code(&mut self, byte: u8) -> Option<Diagnostic> {
        self.words += usize::from(!byte.is_ascii_whitespace());
        if self.words > MAX_WORDS {
            return Some(say::too_many_words(Loc { file: self.file, span: Span::new(self.at, self.at) }, MAX_WORDS));
        }
        match byte {
            b'\n' => self.line_start(),
            b' ' | b'\t' | b'\r' => self.at += 1,
            b'"' => {
                let block = self.starts(b"\"\"\"");
                let start = self.at;
                self.open.push(Open::Quote { start, block });
                self.at += if block { 3 } else { 1 };
            }
            b'/' => self.slash(),
            b'`' => self.skip_quoted(),
            b'(' | b'[' | b'{' => return self.push(Open::Bracket),
            b')' | b']' | b'}' => return self.close(),
            b'>' if self.open.last() == Some(&Open::Angle) => return self.pop(1),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => return self.word(),
            b'0'..=b'9' => self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_', true),
            _ => {
                self.operand = false;
                self.at += 1;
            }
        }
        None
    }

    fn push(&mut self, open: Open) -> Option<Diagnostic> {
        self.open.push(open);
        self.operand = false;
        self.heads = 0;
        if self.open.iter().filter(|open| !matches!(open, Open::Quote { .. })).count() > MAX_NESTING {
            return Some(self.too_deep());
        }
        self.at += 1;
        None
    }

    fn pop(&mut self, width: usize) -> Option<Diagnostic> {
        self.open.pop();
        self.at += width;
        None
    }

    fn close(&mut self) -> Option<Diagnostic> {
        while self.open.pop_if(|open| *open == Open::Angle).is_some() {}
        self.operand = true;
        self.heads = 0;
        self.pop(1)
    }

    /// At a line end: a line that starts a declaration ends whatever was left open.
    fn line_start(&mut self) {
        self.at += 1;
        let rest = self.source.get(self.at..).unwrap_or(&[]);
        let length = rest.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        let word = rest.get(..length).and_then(|word| std::str::from_utf8(word).ok()).unwrap_or("");
        if length > 0 && rest.get(length) == Some(&b' ') && spelling::starts_item(word) {
            self.open.clear();
            self.heads = 0;
        }
    }

    fn slash(&mut self) {
        if self.starts(b"//") {
            self.skip_while(|byte| byte != b'\n', self.operand);
            return;
        }
        let rest = self.source.get(self.at + 1..).unwrap_or(&[]);
        let mut length = 0;
        while let Some(byte) = rest.get(length).filter(|byte| **byte != b'\n' && !self.operand) {
            match byte {
                b'/' => {
                    self.at += length + 2;
                    self.operand = true;
                    return;
                }
                b'\\' => length += 2,
                _ => length += 1,
            }
        }
        self.operand = false;
        self.at += 1;
    }

    fn skip_quoted(&mut self) {
        self.at += 1;
        self.skip_while(|byte| byte != b'`' && byte != b'\n', true);
        if self.peek(0) == Some(b'`') {
            self.at += 1;
        }
    }

    fn skip_while(&mut self, goes_on: impl Fn(u8) -> bool, operand: bool) {
        while self.peek(0).is_some_and(&goes_on) {
            self.at += 1;
        }
        self.operand = operand;
    }

    fn word(&mut self) -> Option<Diagnostic> {
        let start = self.at;
        self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_', true);
        let word = self.source.get(start..self.at).and_then(|word| std::str::from_utf8(word).ok()).unwrap_or("");
        let is_value = matches!(word, "true" | "false" | "null") || !spelling::is_reserved(word);
        self.operand = is_value && word != "matching";
        if word == "map" && self.peek(0) == Some(b'<') {
            return self.push(Open::Angle);
        }
        match word {
            "if" | "for" | "match" | "repeat" => self.heads += 1,
            // What may stand between two `if`s that are not inside each other.
            "else" | "require" | "return" | "yield" | "wait" => self.heads = self.heads.saturating_sub(1),
            _ => {}
        }
        (self.heads > MAX_NESTING).then(|| self.too_deep())
    }

    fn too_deep(&self) -> Diagnostic {
        say::too_deep(Loc { file: self.file, span: Span::new(self.at, self.at) }, MAX_NESTING)
    }

    fn too_large(&self, start: usize, end: usize) -> Diagnostic {
        say::string_too_large(Loc { file: self.file, span: Span::new(start, end) }, MAX_STRING)
    }
}
