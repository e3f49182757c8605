//! Source text as a row of tokens. Never fails: editors ask about texts that do not parse. Unlike the grammar it knows
//! no structure, only where words, texts and comments begin and end.

use weir_lang::span::Span;

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Which kind.
    pub kind: TokenKind,
    /// Where.
    pub span: Span,
}

/// The kinds of [`Token`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A name or keyword; with its backticks where it has some.
    Word,
    /// `42`, `1h30m`, `10%`
    Number,
    /// A piece of a text: quotes and what stands around `{…}`.
    Text,
    /// `/…/`
    Regex,
    /// `// …`
    Comment,
    /// `///`
    Doc,
    /// Operators and brackets; two- and three-letter ones are one token.
    Sign,
}

const SIGNS: [&str; 17] =
    ["...", "..", "=>", "->", "|>", "?.", "??", "==", "!=", "<=", ">=", "(", ")", "[", "]", "{", "}"];

/// Inside what the reader is.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    /// `{` of code.
    Brace,
    /// `{` inside a text, which goes on behind `}`; whether the text is a block.
    Hole(bool),
}

/// The tokens of a text, in order, without blanks.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader { source, at: 0, open: Vec::new(), operand: false, out: Vec::new() };
    while let Some(next) = reader.rest().chars().next() {
        reader.token(next);
    }
    reader.out
}

struct Reader<'s> {
    source: &'s str,
    at: usize,
    open: Vec<Open>,
    /// Whether the last token ends an operand, so that `/` divides.
    operand: bool,
    out: Vec<Token>,
}

impl<'s> Reader<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn push(&mut self, kind: TokenKind, length: usize, operand: bool) {
        let end = (self.at + length).min(self.source.len());
        self.out.push(Token { kind, span: Span::new(self.at, end) });
        self.at = end;
        self.operand = operand;
    }

    fn token(&mut self, next: char) {
        let rest = self.rest();
        match next {
            _ if next.is_whitespace() || next == '\u{feff}' => self.at += next.len_utf8(),
            '"' => self.text(if rest.starts_with("\"\"\"") { 3 } else { 1 }),
            '/' if rest.starts_with("//") => self.comment(rest),
            '/' if !self.operand => self.regex(rest),
            '`' => self.quoted(rest),
            _ if next.is_ascii_digit() => self.number(rest),
            _ if next.is_alphabetic() || next == '_' => self.word(rest),
            '}' => self.close(),
            _ => self.sign(rest, next),
        }
    }

    fn comment(&mut self, rest: &str) {
        let kind =
            if rest.starts_with("///") && !rest.starts_with("////") { TokenKind::Doc } else { TokenKind::Comment };
        let operand = self.operand;
        self.push(kind, rest.find('\n').unwrap_or(rest.len()), operand);
    }

    fn regex(&mut self, rest: &str) {
        let mut escaped = false;
        for (at, letter) in rest.char_indices().skip(1) {
            match letter {
                '\n' => break,
                '/' if !escaped => return self.push(TokenKind::Regex, at + 1, true),
                _ => escaped = letter == '\\' && !escaped,
            }
        }
        self.push(TokenKind::Sign, 1, false);
    }

    fn quoted(&mut self, rest: &str) {
        let line = rest.find('\n').unwrap_or(rest.len());
        let end = rest.get(1..line).and_then(|line| line.find('`')).map_or(line, |at| at + 2);
        self.push(TokenKind::Word, end, true);
    }

    fn number(&mut self, rest: &str) {
        let mut end = 0;
        for (at, letter) in rest.char_indices() {
            let point =
                letter == '.' && rest.get(at + 1..).is_some_and(|more| more.starts_with(|c: char| c.is_ascii_digit()));
            if !(letter.is_alphanumeric() || letter == '_' || point) {
                break;
            }
            end = at + letter.len_utf8();
        }
        let percent = rest.get(end..).is_some_and(|more| more.starts_with('%'));
        self.push(TokenKind::Number, end + usize::from(percent), true);
    }

    fn word(&mut self, rest: &str) {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or("");
        let operand = !matches!(
            word,
            "if" | "then"
                | "else"
                | "match"
                | "for"
                | "in"
                | "and"
                | "or"
                | "not"
                | "matches"
                | "matching"
                | "return"
                | "yield"
                | "require"
                | "as"
                | "when"
        );
        self.push(TokenKind::Word, end, operand);
    }

    fn sign(&mut self, rest: &str, next: char) {
        if next == '{' {
            self.open.push(Open::Brace);
        }
        let length = SIGNS.iter().find(|sign| rest.starts_with(**sign)).map_or(next.len_utf8(), |sign| sign.len());
        self.push(TokenKind::Sign, length, matches!(next, ')' | ']'));
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Open::Hole(block)) => {
                self.at += 1;
                self.text_from(self.at - 1, block);
            }
            _ => self.push(TokenKind::Sign, 1, true),
        }
    }

    fn text(&mut self, quotes: usize) {
        let start = self.at;
        self.at += quotes;
        self.text_from(start, quotes == 3);
    }

    /// Reads a text on from `self.at` up to its end, its line's end, or `{`.
    fn text_from(&mut self, start: usize, block: bool) {
        let rest = self.rest();
        let mut escaped = false;
        let mut end = rest.len();
        for (at, letter) in rest.char_indices() {
            let here = rest.get(at..).unwrap_or("");
            if escaped {
                escaped = false;
            } else if letter == '\\' {
                escaped = true;
            } else if letter == '{' {
                self.open.push(Open::Hole(block));
                end = at + 1;
                break;
            } else if here.starts_with(if block { "\"\"\"" } else { "\"" }) {
                end = at + if block { 3 } else { 1 };
                break;
            } else if letter == '\n' && !block {
                end = at;
                break;
            }
        }
        let length = self.at - start + end;
        self.at = start;
        self.push(TokenKind::Text, length, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<(TokenKind, &str)> {
        tokens(source).iter().map(|token| (token.kind, token.span.text(source))).collect()
    }

    #[test]
    fn texts_are_read_around_their_holes() {
        use TokenKind::{Sign, Text, Word};
        let found = kinds("a = \"x {b.c} y\" }");
        let wanted = [
            (Word, "a"),
            (Sign, "="),
            (Text, "\"x {"),
            (Word, "b"),
            (Sign, "."),
            (Word, "c"),
            (Text, "} y\""),
            (Sign, "}"),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_text_that_does_not_end_ends_with_its_line() {
        assert_eq!(kinds("\"abc\nx"), [(TokenKind::Text, "\"abc"), (TokenKind::Word, "x")]);
        assert_eq!(kinds("\"\"\"abc\nx").len(), 1);
    }

    #[test]
    fn regular_expressions_and_divisions_are_told_apart() {
        assert_eq!(kinds("a matches /x y/").last(), Some(&(TokenKind::Regex, "/x y/")));
        assert_eq!(kinds("a / b / c").len(), 5);
        assert_eq!(
            kinds("`a-b` 1h30m 10%").iter().map(|(_, text)| *text).collect::<Vec<_>>(),
            ["`a-b`", "1h30m", "10%"]
        );
    }
}
