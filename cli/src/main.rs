//! The `weir` command: reads its arguments, runs one command, ends with its exit code.

mod args;
mod commands;
mod escape;
mod exit;
mod graph;
mod interrupts;
mod locked;
mod lsp;
mod moves;
mod notation;
mod out;
mod project;
mod report;
mod serve;
mod servers;
mod suggest;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(tell_of_panic));
    let arguments = args::Arguments::parse();
    let exit = commands::run(arguments.command).unwrap_or_else(|error| {
        error.show();
        error.exit
    });
    ExitCode::from(exit.code())
}

/// A bug of ours, told without a backtrace.
fn tell_of_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
    let what = panic.payload_as_str().unwrap_or("no message");
    exit::Error::failed(format!("this is a bug in weir, not in your flow{place}: {what}"))
        .help("please report it with the command and the files that led here")
        .show();
}
