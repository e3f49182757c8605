//! A text with its lines: bytes to the positions that the editor counts in, and back.

use gen_lsp_types::{Position, Range};
use line_index::{LineCol, LineIndex, TextSize, WideEncoding, WideLineCol};
use std::sync::Arc;
use weir_lang::span::Span;

/// What the editor counts columns in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units: what every editor knows.
    Utf16,
}

/// A text and its lines. Cheap to share.
#[derive(Clone, Debug)]
pub struct Text {
    /// The text.
    pub text: Arc<str>,
    index: Arc<LineIndex>,
}

impl Text {
    /// Reads the lines of a text.
    pub fn new(text: &str) -> Self {
        Text { text: text.into(), index: Arc::new(LineIndex::new(text)) }
    }

    /// The position of a byte. One inside a character counts as the character's start, one behind the end as the end.
    pub fn position(&self, offset: u32, encoding: Encoding) -> Position {
        let mut at = (offset as usize).min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let found = self.index.try_line_col(size(at)).unwrap_or(LineCol { line: 0, col: 0 });
        let column = match encoding {
            Encoding::Utf8 => found.col,
            Encoding::Utf16 => self.index.to_wide(WideEncoding::Utf16, found).map_or(found.col, |wide| wide.col),
        };
        Position { line: found.line, character: column }
    }

    /// The byte of a position. One behind its line's end counts as that end, one behind the text as the text's end.
    pub fn offset(&self, position: Position, encoding: Encoding) -> u32 {
        let Some(line) = self.index.line(position.line) else { return u32::from(self.index.len()) };
        let column = match encoding {
            Encoding::Utf8 => position.character,
            Encoding::Utf16 => {
                let wide = WideLineCol { line: position.line, col: position.character };
                self.index.to_utf8(WideEncoding::Utf16, wide).map_or(position.character, |found| found.col)
            }
        };
        let (start, end) = (usize::from(line.start()), usize::from(line.end()));
        let content = self.text.get(start..end).unwrap_or("").trim_end_matches(['\n', '\r']).len();
        let mut at = start + (column as usize).min(content);
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// The range of a span.
    pub fn range(&self, span: Span, encoding: Encoding) -> Range {
        Range { start: self.position(span.start, encoding), end: self.position(span.end.max(span.start), encoding) }
    }

    /// The span of a range.
    pub fn span(&self, range: Range, encoding: Encoding) -> Span {
        let (start, end) = (self.offset(range.start, encoding), self.offset(range.end, encoding));
        Span { start: start.min(end), end: end.max(start) }
    }

    /// The same text with one range replaced.
    pub fn replaced(&self, range: Range, new: &str, encoding: Encoding) -> Text {
        let span = self.span(range, encoding);
        let before = self.text.get(..span.start as usize).unwrap_or("");
        let after = self.text.get(span.end as usize..).unwrap_or("");
        Text::new(&[before, new, after].concat())
    }
}

fn size(at: usize) -> TextSize {
    TextSize::from(u32::try_from(at).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_as_the_editor_counts() {
        let text = Text::new("a𝄞b\næ = 1\r\n");
        assert_eq!(text.position(5, Encoding::Utf16), Position { line: 0, character: 3 });
        assert_eq!(text.position(5, Encoding::Utf8), Position { line: 0, character: 5 });
        assert_eq!(text.offset(Position { line: 0, character: 3 }, Encoding::Utf16), 5);
        assert_eq!(text.offset(Position { line: 1, character: 1 }, Encoding::Utf16), 9);
        assert_eq!(text.position(3, Encoding::Utf8), Position { line: 0, character: 1 }, "inside a character");
    }

    #[test]
    fn what_lies_outside_is_taken_inside() {
        let text = Text::new("ab\r\ncd");
        assert_eq!(text.offset(Position { line: 0, character: 99 }, Encoding::Utf16), 2);
        assert_eq!(text.offset(Position { line: 9, character: 9 }, Encoding::Utf16), 6);
        assert_eq!(text.position(99, Encoding::Utf16), Position { line: 1, character: 2 });
    }

    #[test]
    fn edits_replace_ranges() {
        let text = Text::new("one\ntwo\n");
        let range = Range { start: Position { line: 0, character: 1 }, end: Position { line: 1, character: 1 } };
        assert_eq!(&*text.replaced(range, "X", Encoding::Utf16).text, "oXwo\n");
    }
}
