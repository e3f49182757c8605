//! From modules to plans: project and registry, names, types, roles, effects, lowering. No IO.

pub mod bounds;
pub mod check;
pub mod ide;
mod lower;
pub mod plan;
pub mod project;
pub mod registry;

pub use check::{Checked, FlowInfo, Memory, check, check_trust, trust};
