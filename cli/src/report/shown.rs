//! One thing that is wrong, as miette shows it: the message, its source with the places that have to do with it, and what
//! to write instead. Places in other files are told below.

use super::Findings;
use super::snippet::Snippets;
use crate::escape;
use miette::{GraphicalReportHandler, LabeledSpan, Severity, SourceCode};
use std::fmt::{self, Display, Formatter};
use weir_lang::span::{FileId, Loc};

/// What is shown.
pub(super) struct Shown<'a> {
    message: String,
    help: Option<String>,
    snippets: Option<Snippets<'a>>,
    labels: Vec<LabeledSpan>,
    rule: Option<(Severity, String)>,
}

impl<'a> Shown<'a> {
    /// About a file. The first label in it is the place itself.
    pub(super) fn new(
        findings: &'a Findings<'_>,
        file: FileId,
        message: &str,
        help: Option<&str>,
        labels: impl IntoIterator<Item = (Loc, &'a str)>,
    ) -> Self {
        let (here, elsewhere): (Vec<_>, Vec<_>) = labels.into_iter().partition(|(loc, _)| loc.file == file);
        let notes = elsewhere.into_iter().map(|(loc, text)| format!("{}: {text}", findings.place_text(loc)));
        let help: Vec<String> = help.map(str::to_owned).into_iter().chain(notes).collect();
        let help = (!help.is_empty()).then(|| escape::lines(&help.join("\n")).into_owned());
        let snippets = findings.source(file).map(Snippets::new);
        let labels = snippets.as_ref().map(|snippets| marked(snippets, &here)).unwrap_or_default();
        Shown { message: escape::line(message).into_owned(), help, snippets, labels, rule: None }
    }

    /// With the rule that was broken.
    pub(super) fn with_rule(self, severity: Severity, rule: String) -> Self {
        Shown { rule: Some((severity, rule)), ..self }
    }

    /// Appends it; `instead` where it cannot be shown, with the message.
    pub(super) fn render(
        &self,
        handler: &GraphicalReportHandler,
        text: &mut String,
        instead: impl FnOnce(&str) -> String,
    ) {
        let before = text.len();
        if handler.render_report(text, self).is_err() {
            text.truncate(before);
            text.push_str(&instead(&self.message));
        }
    }
}

fn marked(snippets: &Snippets<'_>, labels: &[(Loc, &str)]) -> Vec<LabeledSpan> {
    let marked = |(at, (loc, text)): (usize, &(Loc, &str))| {
        let text = (!text.is_empty()).then(|| escape::line(text).into_owned());
        let span = snippets.marked(loc.span);
        match at {
            0 => LabeledSpan::new_primary_with_span(text, span),
            _ => LabeledSpan::new_with_span(text, span),
        }
    };
    labels.iter().enumerate().map(marked).collect()
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.rule.as_ref().map(|(_, rule)| Box::new(rule) as Box<dyn Display>)
    }

    fn severity(&self) -> Option<Severity> {
        self.rule.as_ref().map(|(severity, _)| *severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.snippets.as_ref().map(|snippets| snippets as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.snippets.as_ref()?;
        Some(Box::new(self.labels.iter().cloned()))
    }
}
