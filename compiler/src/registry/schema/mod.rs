//! JSON Schema (draft-07 to 2020-12, with OpenAPI 3.0's idioms) to [`Type`]. The type accepts at least every value that
//! the schema accepts; what it cannot say is listed as widened, and is held against the schema itself when a flow runs.

mod convert;
mod document;
mod limits;
mod meet;
mod normal;
mod objects;
mod pattern;
mod values;
mod write;

pub use limits::{MAX_BYTES, MAX_DEPTH, MAX_NODES};
pub use normal::normal;
pub use write::{of_fields, of_type};

use ecow::{EcoString, eco_format};
use indexmap::{IndexMap, IndexSet};
use jsonschema::{PatternOptions, Validator};
use serde_json::Value as Json;
use weir_lang::types::{Type, TypeTable};

/// What a schema became.
#[derive(Clone, Debug, PartialEq)]
pub struct Typed {
    /// The type of the whole.
    pub ty: Type,
    /// The types that it names: recursive ones, and large ones that stand in several places.
    pub names: IndexMap<EcoString, Type>,
    /// What the type leaves to the check against the schema itself.
    pub widened: IndexSet<Widened>,
}

/// A part of a schema that no type says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Widened {
    /// Where in the value: `contacts[].email`; empty for the whole.
    pub path: EcoString,
    /// The keyword.
    pub keyword: EcoString,
    /// What is left open, in the reader's words.
    pub why: EcoString,
}

/// Why a schema cannot be used at all, in the reader's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub EcoString);

/// The type of a schema. `prefix` is the full name of its tool, the first part of the names of its types; `root` names
/// the type of the whole where that is recursive; names in
/// `taken` are not used again.
///
/// # Errors
/// [`Refused`] where the schema is too large, refers outside itself or in a circle, or is no schema.
pub fn to_type(schema: &Json, prefix: &str, root: &str, taken: &TypeTable) -> Result<Typed, Refused> {
    limits::check_text(schema)?;
    let schema = normal(schema);
    let document = document::Document::new(&schema)?;
    limits::check_cost(&document)?;
    convert::Converter::new(&document, prefix, root, taken).whole()
}

/// The check of values against the schema itself. Nothing is fetched; formats are annotations and not checked.
///
/// # Errors
/// [`Refused`] as for [`to_type`], and where the schema breaks the rules of schemas.
pub fn compile(schema: &Json) -> Result<Validator, Refused> {
    limits::check_text(schema)?;
    let schema = normal(schema);
    limits::check_cost(&document::Document::new(&schema)?)?;
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(BACKTRACKS)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES);
    let options = jsonschema::options().offline().should_validate_formats(false).with_pattern_options(patterns);
    options.build(&schema).map_err(|error| {
        let path = error.instance_path().to_string();
        let place = if path.is_empty() { String::new() } else { format!(" at `{path}`") };
        Refused(eco_format!(
            "its schema breaks the rules of schemas{place}: {}",
            error.masked_with("what stands there")
        ))
    })
}

/// Whether a schema may be used at all: its size, what it refers to, what following that would cost.
///
/// # Errors
/// [`Refused`] as for [`to_type`].
pub fn check(schema: &Json) -> Result<(), Refused> {
    limits::check_text(schema)?;
    let schema = normal(schema);
    limits::check_cost(&document::Document::new(&schema)?)
}

/// Steps back that a pattern may take before it counts as not fitting.
const BACKTRACKS: usize = 100_000;
/// Bytes that a compiled pattern may take.
const PATTERN_BYTES: usize = 1 << 20;
