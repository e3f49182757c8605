//! Prints the files given as arguments in Weir's style.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a tool for people who work on the formatter")]

fn main() {
    for path in std::env::args().skip(1) {
        let source = std::fs::read_to_string(&path).expect("a readable file");
        match weir_lang::format(&source) {
            Ok(text) => print!("{text}"),
            Err(found) => println!("{path}: {found:?}"),
        }
    }
}
