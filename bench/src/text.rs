//! Parsing, formatting and checking at 1k, 10k and 100k lines: growth should be linear.

use crate::out::{best, line, ms};
use crate::source::project;
use std::time::Duration;
use weir_lang::span::FileId;

/// Prints the table.
pub fn run() {
    line("lines     parse              check (parse included)     lower");
    for lines in [1_000, 10_000, 100_000] {
        let (source, bytes, lines) = project(lines);
        let parse = best(|| {
            for (at, file) in source.files.iter().enumerate() {
                let parsed = weir_lang::parse(FileId(u32::try_from(at).unwrap_or(0)), &file.text);
                std::hint::black_box(parsed);
            }
        });
        let check = best(|| {
            std::hint::black_box(weir_compiler::check(source.clone()));
        });
        let checked = weir_compiler::check(source.clone());
        if let Some(first) = checked.diagnostics.first() {
            line(&format!("the text does not check: {}", first.message));
        }
        let lower = best(|| {
            std::hint::black_box(checked.plan("part0.onboard0"));
        });
        line(&format!(
            "{lines:<9} {:>10} {:>9}  {:>10} {:>9} {:>12}  {:>10}",
            ms(parse),
            rate(bytes, parse),
            ms(check),
            rate(bytes, check),
            format!("{:.0} lines/s", lines as f64 / check.as_secs_f64()),
            ms(lower),
        ));
    }
}

fn rate(bytes: usize, time: Duration) -> String {
    format!("{:.1} MB/s", bytes as f64 / 1e6 / time.as_secs_f64())
}
