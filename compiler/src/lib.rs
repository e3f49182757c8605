//! From modules to plans: project and registry, names, types, roles, effects, lowering. No IO.

pub mod plan;
