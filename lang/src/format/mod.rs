//! The one style of Weir source: two blanks a level, about a hundred columns, comments and the writer's line
//! ends inside brackets kept. What is printed is parsed again and compared before anyone sees it.

mod clauses;
mod doc;
mod exprs;
mod items;
mod layout;
mod same;
mod steps;
mod types;

use crate::ast::Module;
use crate::diagnostic::{Diagnostic, Severity};
use crate::parse::{Parsed, parse};
use crate::rules::Rule;
use crate::span::{FileId, Loc, Span};
pub use same::same_tree;

/// `source` in Weir's style.
///
/// # Errors
/// The diagnostics of a text that does not parse; such a text is left alone.
pub fn format(source: &str) -> Result<String, Vec<Diagnostic>> {
    let Parsed { module, diagnostics } = parse(FileId(0), source);
    if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(diagnostics);
    }
    let text = printed(source, &module);
    match verified(&module, &text) {
        true => Ok(text),
        false => Err(vec![damaged()]),
    }
}

fn printed(source: &str, module: &Module) -> String {
    let mut layout = layout::Layout::new(source, &module.comments);
    let mut text = doc::print(&layout.file(&module.items));
    text.truncate(text.trim_end().len());
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Whether a printed text says the same as the module it was printed from, comments included.
fn verified(module: &Module, text: &str) -> bool {
    let again = parse(FileId(0), text);
    let comments = |module: &Module| module.comments.iter().map(|comment| comment.text.clone()).collect::<Vec<_>>();
    again.diagnostics.is_empty() && same_tree(module, &again.module) && comments(module) == comments(&again.module)
}

fn damaged() -> Diagnostic {
    let place = Loc { file: FileId(0), span: Span::default() };
    Diagnostic::new(Rule::Syntax, place, "the formatter would have changed what this file says, so it left it alone")
        .help("this is a mistake of the formatter; please report it with the file")
}
