//! Measures Weir and prints the figures, so that a claim of speed has a program behind it. Nothing is asserted: a
//! machine differs from the next, growth does not.
//! `cargo run --release -p weir-bench [-- text|machine|engine|scale|mcp|process|editor|serve [--seconds N] [--rate N]]`.

mod editor;
mod engine;
mod lab;
mod machine;
mod mcp;
mod out;
mod process;
mod scale;
mod serve;
mod source;
mod text;

use std::process::ExitCode;

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let (wanted, load) = serve::settings(&given);
    if wanted.iter().any(|one| one == mcp::SERVE) {
        mcp::serve();
        return ExitCode::SUCCESS;
    }
    let parts: [(&str, &dyn Fn()); 8] = [
        ("text", &text::run),
        ("machine", &machine::run),
        ("engine", &engine::run),
        ("scale", &scale::run),
        ("mcp", &mcp::run),
        ("process", &process::run),
        ("editor", &editor::run),
        ("serve", &|| serve::run(load)),
    ];
    let unknown = wanted.iter().find(|name| !parts.iter().any(|(part, _)| part == name));
    if let Some(unknown) = unknown {
        out::line(&format!("there is no part `{unknown}`: text, machine, engine, scale, mcp, process, editor, serve"));
        return ExitCode::from(2);
    }
    for (name, run) in parts {
        if wanted.is_empty() || wanted.iter().any(|one| one == name) {
            out::line(&format!("\n== {name}"));
            run();
        }
    }
    ExitCode::SUCCESS
}
