//! The table of pure functions: signature in Weir's notation, doc, example, implementation.

/// A function of the standard library, by its place in the table; serialized as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionId(pub u16);
