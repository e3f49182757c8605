//! What every construct is laid out with: source slices, comments, lists of entries.

use super::doc::{Doc, cat, group, indent, nil, text};
use crate::ast::{Comment, Ident, Path};
use crate::span::Span;

/// Builds the document in the order of the source, so that comments find their place.
pub(super) struct Layout<'a> {
    pub(super) source: &'a str,
    comments: &'a [Comment],
    /// The next comment to print.
    next: usize,
    /// Where the last thing that was laid out ended.
    end: u32,
}

impl<'a> Layout<'a> {
    pub(super) fn new(source: &'a str, comments: &'a [Comment]) -> Self {
        Layout { source, comments, next: 0, end: 0 }
    }

    /// The text as it was written.
    pub(super) fn slice(&self, span: Span) -> Doc {
        text(span.text(self.source).replace("\r\n", "\n"))
    }

    pub(super) fn name(&self, name: &Ident) -> Doc {
        self.slice(name.span)
    }

    pub(super) fn path(&self, path: &Path) -> Doc {
        let parts: Vec<&str> = path.parts.iter().map(|part| part.span.text(self.source)).collect();
        text(parts.join("."))
    }

    fn pending(&self) -> Option<&'a Comment> {
        self.comments.get(self.next)
    }

    /// Whether a line end stands in the source between two places.
    pub(super) fn breaks_between(&self, from: u32, to: u32) -> bool {
        Span { start: from, end: to }.text(self.source).contains('\n')
    }

    /// Whether something starts on another line than the bracket that opens at `open`.
    pub(super) fn was_broken(&self, open: u32, first: Option<u32>) -> bool {
        first.is_some_and(|first| self.breaks_between(open, first))
    }

    fn has_blank_before(&self, start: u32) -> bool {
        Span { start: self.end, end: start }.text(self.source).matches('\n').count() > 1
    }

    /// Comments on lines of their own before `start`, each with its line end.
    pub(super) fn lead(&mut self, start: u32, first: bool) -> Doc {
        let mut docs = Vec::new();
        let mut first = first;
        while let Some(comment) = self.pending().filter(|comment| comment.span.start < start) {
            if !first && self.has_blank_before(comment.span.start) {
                docs.push(Doc::Blank);
            }
            docs.push(text(comment.text.as_str()));
            docs.push(Doc::Hard);
            self.end = comment.span.end;
            self.next += 1;
            first = false;
        }
        if !first && self.has_blank_before(start) {
            docs.push(Doc::Blank);
        }
        cat(docs)
    }

    /// Comments inside what has just been laid out, and the one behind it on its line.
    pub(super) fn trail(&mut self, end: u32) -> Doc {
        self.end = self.end.max(end);
        let mut docs: Vec<Doc> = Vec::new();
        while let Some(comment) = self.pending().filter(|comment| self.is_trailing(comment, end)) {
            let column = self.column_of(comment.span.start);
            if docs.is_empty() {
                docs.push(Doc::Trailing(comment.text.to_string(), column));
            } else {
                docs.extend([Doc::Hard, text(comment.text.as_str())]);
            }
            self.end = self.end.max(comment.span.end);
            self.next += 1;
        }
        cat(docs)
    }

    fn is_trailing(&self, comment: &Comment, end: u32) -> bool {
        if comment.span.start < end {
            return true;
        }
        let between = Span { start: end, end: comment.span.start }.text(self.source);
        !comment.own_line && between.chars().all(|c| matches!(c, ' ' | '\t' | ','))
    }

    /// The column of a comment that was set apart by more than one blank, so that columns of comments stay.
    fn column_of(&self, at: u32) -> usize {
        let before = Span { start: 0, end: at }.text(self.source);
        if !before.ends_with("  ") {
            return 0;
        }
        before.rsplit('\n').next().unwrap_or("").chars().count()
    }

    /// Whether a comment stands in `span`.
    pub(super) fn has_comment(&self, span: Span) -> bool {
        let at = self.comments.partition_point(|comment| comment.span.start < span.start);
        self.comments.get(at).is_some_and(|comment| comment.span.start < span.end)
    }

    /// Things that stand each on a line of its own between braces.
    pub(super) fn lines<T>(
        &mut self,
        things: &[T],
        span: fn(&T) -> Span,
        close: u32,
        mut one: impl FnMut(&mut Self, &T) -> Doc,
    ) -> Doc {
        let mut docs = Vec::new();
        for (at, thing) in things.iter().enumerate() {
            let place = span(thing);
            docs.push(Doc::Hard);
            docs.push(self.lead(place.start, at == 0));
            docs.push(one(self, thing));
            docs.push(self.trail(place.end));
        }
        docs.push(self.last_comments(close, things.is_empty()));
        indent(cat(docs))
    }

    /// Comments before a closing bracket.
    pub(super) fn last_comments(&mut self, close: u32, first: bool) -> Doc {
        let mut docs = Vec::new();
        let mut first = first;
        while let Some(comment) = self.pending().filter(|comment| comment.span.start < close) {
            if !first && self.has_blank_before(comment.span.start) {
                docs.push(Doc::Blank);
            }
            docs.push(Doc::Hard);
            docs.push(text(comment.text.as_str()));
            self.end = comment.span.end;
            self.next += 1;
            first = false;
        }
        cat(docs)
    }

    /// Entries between brackets: on one line, or one a line where they were or where they do not fit.
    pub(super) fn entries<T>(
        &mut self,
        brackets: Brackets,
        place: Span,
        things: &[T],
        span: fn(&T) -> Span,
        mut one: impl FnMut(&mut Self, &T) -> Doc,
    ) -> Doc {
        let close = place.end.saturating_sub(1);
        if things.is_empty() && !self.has_comment(place) {
            return text(format!("{}{}", brackets.open, brackets.close));
        }
        let broken = self.was_broken(place.start, things.first().map(|first| span(first).start));
        let opening = self.trail(place.start + 1);
        let mut docs = vec![opening];
        for (at, thing) in things.iter().enumerate() {
            let whole = span(thing);
            docs.push(if at == 0 && !brackets.blanks { Doc::Soft } else { Doc::Line });
            docs.push(self.lead(whole.start, at == 0));
            docs.push(one(self, thing));
            let last = at + 1 == things.len();
            docs.push(match (last, brackets.commas) {
                (false, true) => text(","),
                (true, true) => Doc::IfBroken(","),
                (false, false) => Doc::IfFlat(","),
                (true, false) => nil(),
            });
            docs.push(self.trail(whole.end));
        }
        docs.push(self.last_comments(close, things.is_empty()));
        self.end = self.end.max(place.end);
        let closing = if brackets.blanks { Doc::Line } else { Doc::Soft };
        group(cat([text(brackets.open), indent(cat(docs)), closing, text(brackets.close)]), broken)
    }
}

/// A pair of brackets and how entries stand in it.
#[derive(Clone, Copy)]
pub(super) struct Brackets {
    open: &'static str,
    close: &'static str,
    blanks: bool,
    /// Whether commas stay where every entry has its line.
    commas: bool,
}

pub(super) const PARENS: Brackets = Brackets { open: "(", close: ")", blanks: false, commas: true };
pub(super) const SQUARE: Brackets = Brackets { open: "[", close: "]", blanks: false, commas: true };
pub(super) const BRACES: Brackets = Brackets { open: "{", close: "}", blanks: true, commas: true };
pub(super) const FIELDS: Brackets = Brackets { open: "{", close: "}", blanks: true, commas: false };
pub(super) const NAMES: Brackets = Brackets { open: "{", close: "}", blanks: false, commas: true };

impl Layout<'_> {
    /// Whether a place lies in a comment.
    pub(super) fn in_comment(&self, at: u32) -> bool {
        self.comments.iter().any(|comment| comment.span.start < at && at <= comment.span.end)
    }
}
