//! Where a size comes from, as it was written: a parameter or a call, and the fields on the way.

use ecow::EcoString;
use std::fmt;

/// What a path of fields begins with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Root {
    /// A parameter of the flow, by place.
    Param(u16, EcoString),
    /// A call, or whatever else has no size that is known: its name.
    Other(EcoString),
}

/// A step into a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// `.name`
    Field(EcoString),
    /// Any element.
    Each,
}

/// A place in a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// Where it begins.
    pub root: Root,
    /// The way from there.
    pub parts: Vec<Part>,
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            Root::Param(_, name) | Root::Other(name) => out.write_str(name)?,
        }
        for part in &self.parts {
            match part {
                Part::Field(name) => write!(out, ".{name}")?,
                Part::Each => out.write_str("[]")?,
            }
        }
        Ok(())
    }
}
