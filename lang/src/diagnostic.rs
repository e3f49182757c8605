//! What is said about a source text: one mistake, one [`Diagnostic`].

use crate::rules::Rule;
use crate::span::Loc;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing runs.
    Error,
    /// It runs, but a person should look.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// A place with a word about it. The first label of a diagnostic is its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub loc: Loc,
    /// What about it; may be empty on the first label.
    pub text: String,
}

/// A change of the text that mends the mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, e.g. ``replace with `crm.search` ``.
    pub title: String,
    /// What is replaced (empty span: inserted) and by what.
    pub edits: Vec<(Loc, String)>,
}

/// One mistake: which rule, what, where, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule, whose page says more.
    pub rule: Rule,
    /// Error or warning.
    pub severity: Severity,
    /// Lower case, no full stop, user text in backticks.
    pub message: String,
    /// The place, then related places.
    pub labels: Vec<Label>,
    /// What to write instead.
    pub help: Option<String>,
    /// A change that mends it.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// A diagnostic of `rule` (with the rule's severity) at one place.
    pub fn new(rule: Rule, loc: Loc, message: impl Into<String>) -> Self {
        Diagnostic {
            rule,
            severity: rule.severity(),
            message: message.into(),
            labels: vec![Label { loc, text: String::new() }],
            help: None,
            fix: None,
        }
    }

    /// Adds what to write instead.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a related place.
    pub fn label(mut self, loc: Loc, text: impl Into<String>) -> Self {
        self.labels.push(Label { loc, text: text.into() });
        self
    }

    /// Says something about the first place.
    pub fn here(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    /// Adds a change that mends it.
    pub fn fix(mut self, title: impl Into<String>, edits: Vec<(Loc, String)>) -> Self {
        self.fix = Some(Fix { title: title.into(), edits });
        self
    }

    /// The first place.
    pub fn loc(&self) -> Loc {
        self.labels.first().map(|label| label.loc).unwrap_or_default()
    }
}
