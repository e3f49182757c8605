//! Strings and text blocks: escapes, interpolation, indentation.

use super::build::{Builder, span};
use super::grammar::Rule;
use super::kids::{Kids, Node};
use super::say;
use crate::ast::{Expr, ExprKind, Lit, Part};
use crate::span::Span;
use ecow::EcoString;

impl<'a> Builder<'a> {
    pub(super) fn string(&mut self, node: Node<'a>) -> Expr {
        let whole = span(&node);
        let parts = Kids::of(node).map(|part| self.part(part)).collect();
        self.text_expr(parts, whole)
    }

    pub(super) fn text_block(&mut self, node: Node<'a>) -> Expr {
        let whole = span(&node);
        let pieces: Vec<Node<'a>> = Kids::of(node).collect();
        let indent = common_indent(&pieces);
        let last = pieces.len().saturating_sub(1);
        let mut parts = Vec::new();
        for (at, piece) in pieces.into_iter().enumerate() {
            if piece.as_rule() == Rule::block_text {
                parts.push(Part::Text(unindented(piece.as_str(), indent, at == 0, at == last)));
            } else {
                parts.push(self.part(piece));
            }
        }
        self.text_expr(parts, whole)
    }

    /// A string in a place where nothing can be interpolated.
    pub(super) fn plain_string(&mut self, node: Node<'a>) -> EcoString {
        let value = match node.as_rule() {
            Rule::text_block => self.text_block(node),
            _ => self.string(node),
        };
        match value.kind {
            ExprKind::Lit(Lit::String(text)) => text,
            _ => {
                let diagnostic = say::no_interpolation(self.loc(value.span));
                self.report(diagnostic);
                EcoString::new()
            }
        }
    }

    fn text_expr(&mut self, parts: Vec<Part>, whole: Span) -> Expr {
        let mut joined: Vec<Part> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (_, Part::Text(text)) if text.is_empty() => {}
                (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
                (_, part) => joined.push(part),
            }
        }
        let kind = match joined.as_slice() {
            [] => ExprKind::Lit(Lit::String(EcoString::new())),
            [Part::Text(text)] => ExprKind::Lit(Lit::String(text.clone())),
            _ => ExprKind::Template(joined),
        };
        self.expr_at(kind, whole)
    }

    fn part(&mut self, node: Node<'a>) -> Part {
        let at = span(&node);
        match node.as_rule() {
            Rule::interp => Part::Expr(self.interpolation(node, at)),
            Rule::escape => Part::Text(self.escape(node.as_str(), at)),
            _ => Part::Text(node.as_str().into()),
        }
    }

    fn interpolation(&mut self, node: Node<'a>, at: Span) -> Expr {
        let value = self.next_expr(&mut Kids::of(node), at);
        if matches!(value.unparen().kind, ExprKind::Lit(_)) {
            let diagnostic = say::interpolated_constant(self.loc(at), at.text(self.source));
            self.report(diagnostic);
        }
        value
    }

    fn escape(&mut self, text: &str, at: Span) -> EcoString {
        let plain = match text {
            "\\n" => "\n",
            "\\t" => "\t",
            "\\\\" => "\\",
            "\\\"" => "\"",
            "\\{" => "{",
            _ => {
                let code = text.strip_prefix("\\u{").and_then(|text| text.strip_suffix('}'));
                let code = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
                let Some(character) = code else {
                    let diagnostic = say::bad_escape(self.loc(at), text);
                    self.report(diagnostic);
                    return EcoString::new();
                };
                return character.into();
            }
        };
        plain.into()
    }
}

/// The indentation that all lines of a text block share; blank lines and the closing line do not count.
fn common_indent(pieces: &[Node<'_>]) -> usize {
    let mut common: Option<usize> = None;
    for (at, piece) in pieces.iter().enumerate() {
        if piece.as_rule() != Rule::block_text {
            continue;
        }
        let is_last = at + 1 == pieces.len();
        let mut lines = piece.as_str().split('\n').skip(1).peekable();
        while let Some(line) = lines.next() {
            let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
            let is_blank = line.trim().is_empty() && (lines.peek().is_some() || is_last);
            if !is_blank {
                common = Some(common.map_or(indent, |least| least.min(indent)));
            }
        }
    }
    common.unwrap_or(0)
}

/// One stretch of text without the common indentation; the line ends next to the quotes are not part of it.
fn unindented(text: &str, indent: usize, is_first: bool, is_last: bool) -> EcoString {
    let mut plain = EcoString::new();
    let mut lines = text.split('\n').enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        let is_end = lines.peek().is_none();
        let line = if is_end { line } else { line.strip_suffix('\r').unwrap_or(line) };
        let blank = line.trim().is_empty();
        match at {
            0 if is_first && blank && !is_end => continue,
            0 => plain.push_str(line),
            _ => {
                if is_end && is_last && blank {
                    break;
                }
                if !(is_first && at == 1 && first_is_blank(text)) {
                    plain.push('\n');
                }
                plain.push_str(line.get(indent..).unwrap_or(line.trim_start_matches([' ', '\t'])));
            }
        }
    }
    plain
}

fn first_is_blank(text: &str) -> bool {
    text.split('\n').next().is_some_and(|line| line.trim().is_empty())
}
