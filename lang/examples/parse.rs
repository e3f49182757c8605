//! Prints what parsing the files given as arguments says, and how long it took.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a tool for people who work on the parser")]

use weir_lang::span::{FileId, Lines};

fn main() {
    for path in std::env::args().skip(1) {
        let source = std::fs::read_to_string(&path).expect("a readable file");
        let begun = std::time::Instant::now();
        let parsed = weir_lang::parse(FileId(0), &source);
        let took = begun.elapsed();
        println!("{path}: {} items, {} expressions, {took:?}", parsed.module.items.len(), parsed.module.exprs);
        let lines = Lines::new(&source);
        for diagnostic in parsed.diagnostics.iter().take(50) {
            let (line, column) = lines.position(&source, diagnostic.loc().span.start);
            println!("{line}:{column} {} {}", diagnostic.rule.name(), diagnostic.message);
            diagnostic.help.iter().for_each(|help| println!("  help: {help}"));
        }
        if std::env::var("TREE").is_ok() {
            println!("{:#?}", parsed.module);
        }
    }
}
