//! Boundaries: a value is narrowed to the declared type, undeclared fields do not pass, bounds and patterns hold.

use serde::{Deserialize, Serialize};
use weir_lang::types::Type;

/// A type at a boundary, with a key that stands for its expanded structure (for [`crate::value::Memo::fits`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Boundary {
    /// The type.
    pub ty: Type,
    /// Set by `seal` with the plan's type table; zero: not sealed, nothing is remembered.
    #[serde(skip)]
    pub key: u64,
}

impl PartialEq for Boundary {
    fn eq(&self, other: &Self) -> bool {
        self.ty == other.ty
    }
}
