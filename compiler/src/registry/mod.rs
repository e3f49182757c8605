//! The registry: every tool that flows may call, from declarations and from the built-in ones.

mod change;
mod definition;
mod lock;
pub mod openapi;
pub mod schema;

pub use change::breaks;
pub use definition::{Annotations, Body, Definition, Operation, Place, Written};
pub use lock::{LOCK_FILE, LOCK_VERSION, Listing, Lock, LockError, ServerKind};

use ecow::EcoString;
use indexmap::IndexMap;
use std::sync::Arc;
use weir_lang::span::Loc;
use weir_lang::types::Type;

/// The built-in tools' declarations.
pub const BUILTIN: &str = include_str!("builtin.flow");

/// A tool that flows may call.
#[derive(Clone, Debug)]
pub struct Tool {
    /// `server.tool`
    pub name: EcoString,
    /// Documentation.
    pub doc: Option<EcoString>,
    /// Parameters by name; the key parameter is not among them.
    pub params: IndexMap<EcoString, ToolParam>,
    /// What it returns, marks included; `null` when it declares nothing.
    pub output: Type,
    /// `crm.write`, …
    pub capabilities: Vec<EcoString>,
    /// Calling again with the same arguments changes nothing more.
    pub idempotent: bool,
    /// Parameter (or `header:Name`) that takes an idempotency key.
    pub accepts_key: Option<EcoString>,
    /// Its results may be written by outsiders, wherever its type does not say so by field.
    pub untrusted: bool,
    /// Longest time of an attempt, milliseconds.
    pub timeout_ms: u64,
    /// What a call costs.
    pub cost: f64,
    /// Error codes of its own, beside the language's.
    pub codes: Vec<EcoString>,
    /// Part of a server's message to error code.
    pub errors: IndexMap<EcoString, EcoString>,
    /// Policy named in the project file.
    pub policy: Option<EcoString>,
    /// Where it comes from.
    pub source: ToolSource,
    /// What its server says of it, where the lock file holds that.
    pub definition: Option<Arc<Written>>,
    /// How the operation of an HTTP API is called.
    pub http: Option<Arc<Operation>>,
}

/// A parameter of a tool.
#[derive(Clone, Debug)]
pub struct ToolParam {
    /// Its type without marks at the top.
    pub ty: Type,
    /// May be left out.
    pub optional: bool,
    /// Must not be steered by outsiders.
    pub trusted: bool,
    /// Documentation.
    pub doc: Option<EcoString>,
}

/// Where a tool comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolSource {
    /// Built in.
    Builtin,
    /// The lock file.
    Locked,
    /// A `tool` declaration in a flow file.
    Declared {
        /// Where.
        loc: Loc,
        /// Whether it retypes a built-in tool.
        builtin: bool,
    },
}

impl Tool {
    /// Whether it only reads.
    pub fn reads_only(&self) -> bool {
        self.capabilities.iter().all(|capability| capability.ends_with(".read"))
    }

    /// The part before the first dot.
    pub fn server(&self) -> &str {
        self.name.split('.').next().unwrap_or(&self.name)
    }

    /// Whether something can carry it out: built-in, or a server that `weir.toml` configures.
    pub fn is_builtin(&self) -> bool {
        matches!(self.source, ToolSource::Builtin | ToolSource::Declared { builtin: true, .. })
    }
}
