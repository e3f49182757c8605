//! Evaluation of pure code: one walk over [`Pure`], with a budget of steps, a limit of depth, and labels that travel
//! with the values.

mod blocks;
mod exprs;
pub(crate) mod operators;
#[cfg(test)]
mod tests;

use crate::pure::{Function, Pure};
use crate::raise::Raise;
use crate::value::{Labels, MAX_DEPTH, Value};
use weir_lang::types::TypeTable;

pub(crate) use exprs::integer_range;
pub(crate) use operators::MAX_ITEMS;

/// Steps of one evaluation.
pub const MAX_STEPS: u64 = 10_000_000;
/// How deep expressions, lambdas and functions may call one another.
const MAX_CALLS: u32 = 320;
/// Bytes that a text may have.
pub const MAX_TEXT: usize = 16 << 20;

/// The slots of the running flow.
pub trait Env {
    /// The value of a slot: `up` frames outwards, then by place. None reads as null.
    fn slot(&self, up: u16, at: u16) -> Option<&Value>;
}

/// No slots: for constants and functions.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSlots;

impl Env for NoSlots {
    fn slot(&self, _up: u16, _at: u16) -> Option<&Value> {
        None
    }
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
    Eval::new(env, *program).eval(pure)
}

/// Evaluates an expression and keeps the report of transformers that it calls.
///
/// # Errors
/// As [`eval`].
pub fn eval_reported(pure: &Pure, env: &dyn Env, program: &Program) -> Result<Outcome, Raise> {
    let mut eval = Eval::new(env, *program);
    let value = eval.eval(pure)?;
    Ok(Outcome { value, report: eval.report })
}

/// Runs a transformer or pure validator on arguments, which are narrowed to its parameters first.
///
/// # Errors
/// As [`eval`]; `blocked` where a `require` or `block` says so.
pub fn apply(function: &Function, args: Vec<Value>, program: &Program) -> Result<(Value, Vec<Report>), Raise> {
    let mut eval = Eval::new(&NoSlots, *program);
    let value = eval.apply(function, args)?;
    Ok((value, eval.report))
}

/// One evaluation.
pub(crate) struct Eval<'a> {
    env: &'a dyn Env,
    program: Program<'a>,
    locals: Vec<Value>,
    /// Where the locals of the running function start.
    base: usize,
    /// Steps left.
    steps: u64,
    calls: u32,
    pub(crate) report: Vec<Report>,
    /// The loops of the running function, innermost last.
    rounds: Vec<blocks::Round>,
    /// Whether untrusted data decided that the running block runs.
    steered: bool,
}

impl<'a> Eval<'a> {
    fn new(env: &'a dyn Env, program: Program<'a>) -> Self {
        Eval {
            env,
            program,
            locals: Vec::new(),
            base: 0,
            steps: MAX_STEPS,
            calls: 0,
            report: Vec::new(),
            rounds: Vec::new(),
            steered: false,
        }
    }

    /// Takes `count` steps off the budget.
    pub(crate) fn charge(&mut self, count: usize) -> Result<(), Raise> {
        match self.steps.checked_sub(count as u64) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => Err(Raise::budget("the expression takes more than 10,000,000 steps")),
        }
    }

    /// Runs `body` one level deeper.
    fn deeper<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T, Raise>) -> Result<T, Raise> {
        if self.calls >= MAX_CALLS {
            return Err(Raise::budget(format!("the expression is nested deeper than {MAX_CALLS} levels")));
        }
        self.calls += 1;
        let result = body(self);
        self.calls -= 1;
        result
    }

    /// Runs `body` with more locals, which end with it.
    pub(crate) fn with_locals<T>(
        &mut self,
        locals: impl IntoIterator<Item = Value>,
        body: impl FnOnce(&mut Self) -> Result<T, Raise>,
    ) -> Result<T, Raise> {
        let before = self.locals.len();
        self.locals.extend(locals);
        let result = body(self);
        self.locals.truncate(before);
        result
    }
}

/// A value that was just made, unless it nests too deep.
pub(crate) fn bounded(value: Value) -> Result<Value, Raise> {
    if value.depth() > MAX_DEPTH {
        return Err(Raise::invalid(format!("the value would be nested deeper than {MAX_DEPTH}")));
    }
    Ok(value)
}

/// A text that was just made, unless it is too long.
pub(crate) fn bounded_text(text: String) -> Result<Value, Raise> {
    if text.len() > MAX_TEXT {
        return Err(Raise::too_large("the text", "16 MiB"));
    }
    Ok(Value::text(text))
}

/// `value` as chosen by something with these labels.
pub(crate) fn steered(mut value: Value, by: &Labels) -> Value {
    if by.untrusted() {
        value.labels = value.labels.steered_by(by);
    }
    value
}

/// The text of a reason or message; one made from secrets is not told.
pub(crate) fn told(value: &Value) -> String {
    if value.deep_labels().secret() { "•••".to_owned() } else { value.display_text() }
}
