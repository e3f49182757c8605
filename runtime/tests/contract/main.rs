//! JSON Schema to types and to the check at the boundary: against the official test suite, real tools, random schemas
//! and hostile ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "tests read files and print their figures")]

mod differential;
mod hostile;
mod real;
mod suite;

use serde_json::{Value as Json, json};
use std::path::PathBuf;
use weir_compiler::registry::{Definition, schema};
use weir_lang::types::{Type, TypeTable};
use weir_runtime::servers::Contract;
use weir_stdlib::narrow::{Boundary, narrow};
use weir_stdlib::value::Value;

/// A file of `tests/data`.
pub fn data(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(path)
}

/// A schema as a type and as a check.
pub struct Both {
    /// The type.
    pub ty: Type,
    /// What it names.
    pub table: TypeTable,
    /// What it leaves to the check.
    pub widened: Vec<schema::Widened>,
    /// The check.
    pub contract: Contract,
}

/// Both readings of a schema.
pub fn both(schema: &Json) -> Result<Both, String> {
    let typed =
        schema::to_type(schema, "crm.search", "Output", &TypeTable::default()).map_err(|why| why.to_string())?;
    let definition = Definition { input: json!({}), output: Some(schema.clone()), ..Definition::default() };
    let contract = Contract::new(&definition)?;
    let widened = typed.widened.into_iter().collect();
    Ok(Both { ty: typed.ty, table: TypeTable { types: typed.names, ..TypeTable::default() }, widened, contract })
}

impl Both {
    /// Whether the type accepts the value.
    pub fn fits(&self, value: &Json) -> bool {
        narrow(&Value::from(value.clone()), &Boundary::new(self.ty.clone()), &self.table).is_ok()
    }

    /// What the type lets through of the value.
    pub fn narrowed(&self, value: &Json) -> Option<Json> {
        let found = narrow(&Value::from(value.clone()), &Boundary::new(self.ty.clone()), &self.table);
        found.ok().map(|value| value.to_serde())
    }

    /// Whether the check accepts the value.
    pub fn holds(&self, value: &Json) -> bool {
        self.contract.check_result("crm.search", &Value::from(value.clone())).is_ok()
    }
}
