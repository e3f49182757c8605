//! `weir lsp` from the outside, as an editor sees it.

mod client;
mod fuzz;
mod queries;
mod sessions;
