//! Carrying out plans: the machine, engines, journals and tools. No printing, no arguments, no terminal.

pub mod audit;
pub mod campaigns;
pub mod dispatch;
pub mod dry_run;
pub mod engine;
pub mod envelope;
pub mod journal;
pub mod limits;
pub mod machine;
pub mod metrics;
pub mod observe;
pub mod process;
pub mod progress;
pub mod servers;
pub mod testing;
pub mod timeline;
pub mod tool;
pub mod tools;
pub mod traces;
