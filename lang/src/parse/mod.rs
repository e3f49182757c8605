//! From source text to [`Module`]: never fails, never panics, reports several mistakes at once.
//!
//! A cheap scan first looks at sizes and nesting, then pest reads the whole file with the grammar in
//! `weir.pest`, whose two catch-alls keep a broken step or declaration from costing more than itself, and the
//! builder turns what pest found into the tree. Broken pieces are read again to find out what was expected.

mod brackets;
mod build;
mod clauses;
mod explain;
mod exprs;
mod flows;
mod forms;
mod grammar;
mod items;
mod kids;
mod literals;
mod mistakes;
mod say;
mod scan;
mod spelling;
mod steps;
mod texts;
mod types;

pub use brackets::pair_up;

use crate::ast::{Comment, Module};
use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Loc, Span};
use build::Builder;
use grammar::{Grammar, Rule};
use pest::Parser;
use pest::iterators::Pairs;

/// Largest source file in bytes.
pub const MAX_SOURCE: usize = 1 << 20;
/// Most words, numbers and signs of a source file.
pub const MAX_WORDS: usize = 250_000;
/// Most parameters of a flow or tool, fields and members of a type, arms of a `match` or a policy.
pub const MAX_WIDTH: usize = 4_000;
/// Largest string literal in bytes.
pub const MAX_STRING: usize = 64 << 10;
/// Deepest nesting of brackets and blocks.
pub const MAX_NESTING: usize = 64;
/// Deepest tree: nesting, and operators or field accesses in a chain (`a + b + c` is a tree two deep).
pub const MAX_TREE_DEPTH: usize = 256;

/// What parsing gives: a tree for everything that could be read, and what is wrong with the rest.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The tree; broken pieces are `Error` nodes.
    pub module: Module,
    /// Mistakes in the order of the text; empty when the text is sound.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads one source file.
pub fn parse(file: FileId, source: &str) -> Parsed {
    if let Some(diagnostic) = scan::limits(file, source) {
        return Parsed { module: Module::default(), diagnostics: vec![diagnostic] };
    }
    match Grammar::parse(Rule::file, source) {
        Ok(pairs) => build(file, source, pairs),
        Err(_) => {
            let place = Loc { file, span: Span::default() };
            let diagnostics = vec![say::too_deep(place, MAX_NESTING)];
            Parsed { module: Module::default(), diagnostics }
        }
    }
}

fn build(file: FileId, source: &str, pairs: Pairs<'_, Rule>) -> Parsed {
    let mut builder = Builder::new(file, source);
    builder.tokens(pairs.clone());
    builder.turning_characters();
    let items = pairs.flat_map(|file| file.into_inner()).filter_map(|node| builder.item(node)).collect();
    let mut diagnostics = builder.diagnostics;
    diagnostics.sort_by_key(|diagnostic| diagnostic.loc().span.start);
    Parsed { module: Module { items, comments: builder.comments, exprs: builder.exprs }, diagnostics }
}

impl Builder<'_> {
    /// Gathers the comments, and refuses letters in names that readers could take for others.
    fn tokens(&mut self, pairs: Pairs<'_, Rule>) {
        for pair in pairs.flatten() {
            match pair.as_rule() {
                Rule::comment => self.comment(pair.as_span().start(), pair.as_str()),
                Rule::name | Rule::member if !pair.as_str().is_ascii() && !pair.as_str().starts_with('`') => {
                    let diagnostic = mistakes::odd_character(self.loc(build::span(&pair)), pair.as_str());
                    self.report(diagnostic);
                }
                _ => {}
            }
        }
    }

    /// Characters that turn the order in which a line is read, so that it is not what it seems to be.
    fn turning_characters(&mut self) {
        for (at, sign) in self.source.char_indices() {
            if matches!(sign, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}') {
                let place = Span::new(at, at + sign.len_utf8());
                self.report(say::turning_character(self.loc(place), sign));
            }
        }
    }

    fn comment(&mut self, start: usize, text: &str) {
        let text = text.trim_end();
        let line = self.source.get(..start).unwrap_or("").rsplit('\n').next().unwrap_or("");
        let own_line = line.trim_start_matches('\u{FEFF}').trim().is_empty();
        self.comments.push(Comment { text: text.into(), span: Span::new(start, start + text.len()), own_line });
    }
}
