//! MCP servers: a hostile one of our own over stdio and HTTP, and real ones where they are installed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

mod faults;
mod instances;
mod life;
mod listings;
mod over_http;
mod real;
mod support;
mod unfinished;
