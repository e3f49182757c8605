//! The part of a source text that is shown around a place: a few lines, cut where they are very long, harmless to a
//! terminal.

use super::Source;
use crate::escape;
use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use std::borrow::Cow;
use weir_lang::span::{Lines, Span};

/// Lines longer than this are cut around the place.
const LONG: usize = 400;

/// A source text that miette can show parts of.
pub struct Snippets<'a> {
    path: &'a str,
    text: Cow<'a, str>,
    lines: &'a Lines,
}

impl<'a> Snippets<'a> {
    pub(super) fn new(source: &'a Source<'_>) -> Self {
        let text = source.file.text.as_str();
        Snippets {
            path: &source.file.path,
            text: escape::source(text),
            lines: source.lines.get_or_init(|| Lines::new(text)),
        }
    }

    /// The span as it is marked: in the text, within one line when it covers more than four, and never very long.
    pub fn marked(&self, span: Span) -> SourceSpan {
        let start = self.boundary((span.start as usize).min(self.text.len()));
        let end = self.boundary((span.end as usize).clamp(start, self.text.len()));
        let covered = self.text.get(start..end).unwrap_or("");
        let kept =
            if covered.matches('\n').count() > 3 { covered.lines().next().unwrap_or("").len() } else { covered.len() };
        let end = self.boundary(start + kept.min(LONG / 2));
        (start, end.saturating_sub(start)).into()
    }

    /// The nearest character start at or before `at`.
    fn boundary(&self, at: usize) -> usize {
        (0..=at).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0)
    }

    /// Start of the line that is `count` lines above the one of `at`.
    fn line_start(&self, at: usize, count: usize) -> usize {
        let mut start = self.start_of_line(at);
        for _ in 0..count {
            start = if start == 0 { 0 } else { self.start_of_line(start - 1) };
        }
        start
    }

    fn start_of_line(&self, at: usize) -> usize {
        self.text.get(..at).and_then(|text| text.rfind('\n')).map_or(0, |newline| newline + 1)
    }

    /// End of the line that is `count` lines below the one of `at`, without its line end.
    fn line_end(&self, at: usize, count: usize) -> usize {
        let mut end = self.end_of_line(at);
        for _ in 0..count {
            end = if end >= self.text.len() { end } else { self.end_of_line(end + 1) };
        }
        end
    }

    fn end_of_line(&self, at: usize) -> usize {
        self.text.get(at..).and_then(|text| text.find('\n')).map_or(self.text.len(), |newline| at + newline)
    }
}

impl SourceCode for Snippets<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (from, to) = (span.offset(), span.offset() + span.len());
        // Without context the part starts at the place itself: that is how its line and column are asked for.
        let mut start = if before == 0 { from } else { self.line_start(from, before) };
        let mut end = self.line_end(to, after);
        if from - start > LONG {
            start = self.start_of_line(from).max(self.boundary(from.saturating_sub(LONG / 4)));
        }
        if end.saturating_sub(to) > LONG {
            end = self.end_of_line(to).min(self.boundary(to + LONG / 4));
        }
        let data = self.text.get(start..end).ok_or(MietteError::OutOfBounds)?;
        let at = |offset: usize| self.lines.position(&self.text, u32::try_from(offset).unwrap_or(u32::MAX));
        let (line, column) = at(start);
        let place = (start, end - start).into();
        let rows = data.lines().count();
        let contents = MietteSpanContents::new_named(
            self.path.to_owned(),
            data.as_bytes(),
            place,
            line as usize - 1,
            column as usize - 1,
            rows,
        );
        Ok(Box::new(contents))
    }
}
