//! The parser that pest derives from `weir.pest`, the only grammar.

#![allow(
    missing_docs,
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "derived code"
)]

use pest_derive::Parser;

#[derive(Parser)]
#[grammar = "weir.pest"]
pub(super) struct Grammar;
