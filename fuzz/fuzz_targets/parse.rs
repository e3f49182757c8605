//! Fuzzes the entry `parse`.
#![no_main]

#[path = "../entry.rs"]
#[allow(dead_code, reason = "the other entries have targets of their own")]
mod entry;

libfuzzer_sys::fuzz_target!(|text: &str| entry::parse(text));
