//! Evaluation of pure code: one walk over [`Pure`], with a budget of steps, a limit of depth, and labels that travel
//! with the values.

use crate::pure::{Function, Pure};
use crate::raise::Raise;
use crate::value::Value;
use weir_lang::types::TypeTable;

/// The slots of the running flow.
pub trait Env {
    /// The value of a slot: `up` frames outwards, then by place. None reads as null.
    fn slot(&self, up: u16, at: u16) -> Option<&Value>;
}

/// What pure code refers to: the plan's pure functions and named types.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Transformers and pure validators, by place.
    pub functions: &'a [Function],
    /// Named types.
    pub types: &'a TypeTable,
}

/// What happened to a record in a transformer or validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// Left out.
    Dropped,
    /// Kept, with a remark.
    Annotated,
    /// Refused by a validator.
    Rejected,
}

/// A line of a run's report.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Report {
    /// What happened.
    pub kind: ReportKind,
    /// The record that it happened to.
    pub record: Value,
    /// Why.
    pub reason: String,
}

/// A value and the report of the transformers that ran on the way to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The value.
    pub value: Value,
    /// In order.
    pub report: Vec<Report>,
}

/// Evaluates an expression; the report of transformers that it calls is left out.
///
/// # Errors
/// What the code raises, `invalid_input`, `bad_response` for casts, `budget` beyond the limits.
pub fn eval(pure: &Pure, env: &dyn Env, program: &Program) -> Result<Value, Raise> {
    eval_reported(pure, env, program).map(|outcome| outcome.value)
}

/// Evaluates an expression and keeps the report of transformers that it calls.
///
/// # Errors
/// As [`eval`].
pub fn eval_reported(_pure: &Pure, _env: &dyn Env, _program: &Program) -> Result<Outcome, Raise> {
    Err(Raise::new("failed", "not built yet"))
}

/// Runs a transformer or pure validator on arguments, which are narrowed to its parameters first.
///
/// # Errors
/// As [`eval`]; `blocked` where a `require` or `block` says so.
pub fn apply(_function: &Function, _args: Vec<Value>, _program: &Program) -> Result<(Value, Vec<Report>), Raise> {
    Err(Raise::new("failed", "not built yet"))
}
