//! Carrying out plans: the machine, engines, journals and tools. No printing, no arguments, no terminal.

pub mod journal;
pub mod tool;
pub mod tools;
