//! The commands, one file each.

mod audit;
mod check;
mod completions;
mod explain;
mod fix;
mod fmt;
pub mod graph;
mod new;
mod proofs;
pub mod run;
mod runs;
mod serve;
mod test;
mod tools;

use crate::args::Command;
use crate::exit::Outcome;

/// Runs one command.
pub fn run(command: Command) -> Outcome {
    match command {
        Command::New(args) => new::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Fmt(args) => fmt::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Graph(args) => graph::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Tools(args) => tools::run(&args),
        Command::Lsp(_) => crate::lsp::run(),
        Command::Runs(args) => runs::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
}
