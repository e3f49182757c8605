//! Lowering.
use crate::check::Checked; use crate::plan::Plan;
pub(crate) fn lower(_: &Checked, _: &str) -> Option<Plan> { None }
