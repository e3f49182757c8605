//! The language itself: grammar, tree, parser, formatter, diagnostics and types. No IO, no tool schemas.

pub mod ast;
pub mod diagnostic;
pub mod format;
pub mod parse;
pub mod rules;
pub mod span;
pub mod types;

pub use format::{format, same_tree};
pub use parse::{Parsed, pair_up, parse};
