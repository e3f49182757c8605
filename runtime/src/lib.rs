//! Carrying out plans: the machine, engines, journals and tools. No printing, no arguments, no terminal.

pub mod envelope;
pub mod journal;
pub mod machine;
pub mod tool;
pub mod tools;
