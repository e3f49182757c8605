//! Values, the one table of pure functions, and the evaluation of pure code. No IO, no clock, no randomness: the
//! same code and the same values give the same result, in the compiler's constants and in the machine alike.

pub mod eval;
pub mod functions;
mod hex;
pub mod narrow;
mod patterns;
pub mod pure;
mod raise;
mod seal;
#[cfg(test)]
mod testing;
pub mod value;

pub use eval::{Env, Outcome, Program, Report, ReportKind, apply, eval};
pub use functions::reference_page;
pub use functions::{Entry, FunctionId, Signature};
pub use hex::hex;
pub use narrow::{Boundary, Misfit, narrow, table_key};
pub use raise::Raise;
pub use value::Value;
