//! Reads a broken piece again to find out where it breaks and what was expected there.

use super::build::Builder;
use super::grammar::{Grammar, Rule};
use super::mistakes::Broken;
use super::say;
use super::spelling::spelling as spelled;
use super::spelling::{self, Weight};
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};

impl Builder<'_> {
    pub(super) fn explain_item(&mut self, span: Span) {
        self.explain(span, Rule::one_item);
    }

    pub(super) fn explain_step(&mut self, span: Span) {
        self.explain(span, if self.in_test { Rule::one_test_step } else { Rule::one_step });
    }

    /// Reports what is wrong with a broken piece, unless it is the rest of a line that is already known broken.
    pub(super) fn report_once(&mut self, span: Span, diagnostic: Diagnostic) {
        let before = self.explained.replace(span.end);
        let is_rest = before.is_some_and(|end| {
            let start = end.min(span.start);
            let between = Span { start, end: span.start };
            !between.text(self.source).contains('\n')
        });
        if !is_rest {
            self.report(diagnostic);
        }
    }

    /// What a step that starts with a word of another language is written as.
    pub(super) fn explain_foreign(&self, span: Span) -> Option<Diagnostic> {
        Broken { source: self.source, span, at: span.start as usize, wanted: Vec::new(), rule: Rule::one_step }
            .by_first_word(self.file)
    }

    /// What two steps on one line, of which the first is a bare name or gives a name to one, were meant to be.
    pub(super) fn explain_pair(&self, span: Span, second: u32, is_binding: bool) -> Option<Diagnostic> {
        let broken =
            Broken { source: self.source, span, at: second as usize, wanted: Vec::new(), rule: Rule::one_step };
        let known = broken.by_first_word(self.file);
        if is_binding || known.is_some() {
            return known;
        }
        let word = super::mistakes::token(span.text(self.source));
        Some(say::name_as_step(self.loc(Span { start: span.start, end: span.start + word.len() as u32 }), word))
    }

    fn explain(&mut self, span: Span, rule: Rule) {
        let source = self.source;
        let alone = reread(rule, span.text(source));
        let to_end = Span { start: span.start, end: Span::new(0, source.len()).end };
        let (at, wanted) = match alone.or_else(|| reread(rule, to_end.text(source))) {
            Some((at, wanted)) => (at, wanted),
            None => (0, Vec::new()),
        };
        let broken = Broken { source, span, at: (span.start as usize + at).min(source.len()), wanted, rule };
        let diagnostic = broken.explained(self.file);
        self.report_once(span, diagnostic);
    }
}

/// Where `rule` fails on `text`, and which rules were tried there.
fn reread(rule: Rule, text: &str) -> Option<(usize, Vec<Rule>)> {
    let error = Grammar::parse(rule, text).err()?;
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let wanted = match error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives,
        ErrorVariant::CustomError { .. } => Vec::new(),
    };
    Some((at, wanted))
}

impl Broken<'_> {
    /// The message: one of the common mistakes, or what was expected and what stands there.
    pub(super) fn explained(&self, file: crate::span::FileId) -> Diagnostic {
        if let Some(diagnostic) = self.common(file) {
            return diagnostic;
        }
        let expected: Vec<&'static str> = self.expected().iter().flat_map(|words| words.split('`')).collect();
        for (start, word) in self.words() {
            if let Some(meant) = spelling::near(word, &expected).or_else(|| spelling::near_any(word)) {
                return say::misspelt(self.loc(file, start, word.len()), word, meant);
            }
        }
        let found = self.found();
        let end = self.before().trim_end().len();
        if self.expected().iter().any(|one| one.starts_with("`{`"))
            && self.before().get(end..).unwrap_or("").contains('\n')
        {
            // The line that lacks the brace, not the next one.
            let loc = self.loc(file, self.span.start as usize + end, 0);
            return say::unexpected(loc, &self.expected(), "the end of the line");
        }
        let loc = self.loc(file, self.place(), found.len());
        say::unexpected(loc, &self.expected(), &self.found_name())
    }

    /// What was expected, in the user's words.
    pub(super) fn expected(&self) -> Vec<&'static str> {
        let spelled: Vec<_> = self.wanted.iter().map(|rule| spelled(*rule)).collect();
        let best = spelled.iter().map(|(weight, _)| *weight).max().unwrap_or(Weight::Hidden);
        let mut words: Vec<&'static str> = Vec::new();
        for (weight, word) in spelled {
            if weight == best && weight != Weight::Hidden && !words.contains(&word) {
                words.push(word);
            }
        }
        if words.contains(&"an expression") {
            words.retain(|word| !matches!(*word, "a name" | "a number" | "a text" | "a regular expression `/…/`"));
        }
        if words.len() > 4 {
            words.truncate(0);
        }
        words
    }
}
