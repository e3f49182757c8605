//! The table of pure functions: signature in Weir's notation, doc, example, implementation.

mod signature;

pub use signature::{SigParam, Signature};

use std::sync::LazyLock;
use weir_lang::types::Type;

/// A function of the standard library, by its place in the table; serialized as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionId(pub u16);

/// A row of the table.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// The group that it is documented in: `text`, `lists`, `maps`, `numbers`, `time`, `data`.
    pub group: &'static str,
    /// In Weir's notation: `take(values: [T], count: int) -> [T]`.
    pub signature: &'static str,
    /// One or two sentences.
    pub doc: &'static str,
    /// A Weir expression.
    pub example: &'static str,
    /// The value of the example, as a constant expression of Weir.
    pub result: &'static str,
    /// When it fails; empty: never, given arguments of its types.
    pub errors: &'static str,
    parsed: LazyLock<Signature>,
}

static NONE: Entry = Entry {
    name: "",
    group: "",
    signature: "",
    doc: "",
    example: "",
    result: "",
    errors: "",
    parsed: LazyLock::new(|| Signature { params: Vec::new(), returns: Type::Broken }),
};

/// The whole table, by group and, in it, in the order of the language's definition.
pub fn all() -> &'static [Entry] {
    &[]
}

impl Entry {
    /// The signature, parsed once.
    pub fn signature(&self) -> &Signature {
        &self.parsed
    }
}

impl FunctionId {
    /// The function of that name.
    pub fn named(name: &str) -> Option<FunctionId> {
        let at = all().iter().position(|entry| entry.name == name)?;
        u16::try_from(at).ok().map(FunctionId)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// Its row.
    pub fn entry(self) -> &'static Entry {
        all().get(usize::from(self.0)).unwrap_or(&NONE)
    }
}

impl serde::Serialize for FunctionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> serde::Deserialize<'de> for FunctionId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = ecow::EcoString::deserialize(deserializer)?;
        FunctionId::named(&name).ok_or_else(|| serde::de::Error::custom(format!("unknown function `{name}`")))
    }
}

/// The whole table as a page of Markdown, by group.
pub fn reference_page() -> String {
    String::new()
}
