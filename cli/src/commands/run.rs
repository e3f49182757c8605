//! `weir run FLOW`: not yet.
use crate::args::RunArgs;
use crate::exit::{Exit, Outcome};
/// Runs.
pub fn run(_args: &RunArgs) -> Outcome { Ok(Exit::Done) }
