//! The program from the outside: every command, its exit codes, and what it says to a person who got something wrong.
//! One binary, so that it is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod arguments;
mod asking;
mod audit;
mod blocks;
mod check;
mod cli_page;
mod docs;
mod editor;
mod examples;
mod explain;
mod fixes;
mod flow_tests;
mod fmt;
mod graph;
mod hostile;
mod house;
mod instances;
mod kept;
mod killed;
mod mistakes;
mod new;
mod places;
mod programs;
mod proofs;
mod rendered;
mod reports;
mod rule_pages;
mod run;
mod runs;
mod serve;
mod servers;
mod signals;
mod standing;
mod stdlib_page;
mod support;
mod threads;
mod tools;
