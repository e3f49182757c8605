//! `weir completions SHELL`

use crate::args::{Arguments, CompletionsArgs};
use crate::exit::{Exit, Outcome};
use crate::out;
use clap::CommandFactory;

/// Prints the completion script.
pub fn run(args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "weir", &mut script);
    out::result(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
