//! From modules to plans: project and registry, names, types, roles, effects, lowering. No IO.

pub mod bounds;
pub mod check;
pub mod ide;
mod lower;
pub mod plan;
pub mod project;
pub mod registry;
pub mod test_plan;

pub use check::{Checked, FlowInfo, Memory, STATUSES, check, check_trust, trust};
