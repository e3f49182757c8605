//! The machine: steps and calls a second, memory a step.

/// Prints the figures.
pub fn run() {}
