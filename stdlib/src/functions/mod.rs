//! The table of pure functions: signature in Weir's notation, doc, example, implementation.

mod call;
mod data;
mod lists;
mod mail;
mod maps;
mod numbers;
mod page;
mod signature;
#[cfg(test)]
mod tests;
mod text;
mod time;

pub(crate) use call::{Arg, call};
pub use page::reference_page;
pub use signature::{SigParam, Signature};
pub use time::{is_zone, zones};

use crate::raise::Raise;
use crate::value::Value;
use call::Call;
use indexmap::IndexMap;
use std::sync::{LazyLock, OnceLock};
use weir_lang::types::Type;

/// A function of the standard library, by its place in the table; serialized as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionId(pub u16);

/// What runs a function.
type Run = fn(&mut Call<'_, '_>) -> Result<Value, Raise>;

/// Which labels a result has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// Those of all arguments and all their parts.
    Joined,
    /// Its parts keep their own; the list arguments' own come on top, and what only decided (counts, keys) adds no
    /// more than the untrusted mark.
    Elements,
    /// As `Elements`, and the secret mark of keys as well: they become names of fields.
    Keyed,
    /// Those of the arguments themselves and of what lambdas gave, not those of the elements.
    Own,
}

/// A row of the table.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// The group that it is documented in: `text`, `lists`, `maps`, `numbers`, `time`, `data`, `mail`.
    pub group: &'static str,
    /// In Weir's notation: `take(values: [T], count: int) -> [T]`.
    pub signature: &'static str,
    /// One or two sentences.
    pub doc: &'static str,
    /// A Weir expression.
    pub example: &'static str,
    /// The value of the example in Weir's notation (a time or date as its text).
    pub result: &'static str,
    /// When it fails; empty: never, given arguments of its types.
    pub errors: &'static str,
    pub(crate) keeps: Keeps,
    pub(crate) run: Run,
    parsed: OnceLock<Signature>,
}

/// A row whose result has the labels of all arguments.
fn row(signature: &'static str, doc: &'static str, example: &'static str, result: &'static str, run: Run) -> Entry {
    Entry {
        name: signature.split_once('(').map_or("", |(name, _)| name),
        group: "",
        signature,
        doc,
        example,
        result,
        errors: "",
        keeps: Keeps::Joined,
        run,
        parsed: OnceLock::new(),
    }
}

static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let groups = [
        ("text", text::entries()),
        ("lists", lists::entries()),
        ("maps", maps::entries()),
        ("numbers", numbers::entries()),
        ("time", time::entries()),
        ("data", data::entries()),
        ("mail", mail::entries()),
    ];
    let rows = groups.into_iter().flat_map(|(group, rows)| rows.into_iter().map(move |row| Entry { group, ..row }));
    rows.collect()
});

static NAMES: LazyLock<IndexMap<&'static str, u16, rustc_hash::FxBuildHasher>> =
    LazyLock::new(|| TABLE.iter().zip(0..).map(|(entry, at)| (entry.name, at)).collect());

/// The row of a function that is not in the table.
static NONE: LazyLock<Entry> =
    LazyLock::new(|| row("", "", "", "", |_| Err(Raise::new("failed", "there is no such function"))));

/// The whole table, by group and, in it, in the order of the language's definition.
pub fn all() -> &'static [Entry] {
    &TABLE
}

impl Entry {
    /// The signature, parsed once.
    pub fn signature(&self) -> &Signature {
        let nothing = || Signature { params: Vec::new(), returns: Type::Broken };
        self.parsed.get_or_init(|| Signature::parse(self.signature).unwrap_or_else(nothing))
    }

    /// The same, with elements that keep their own labels.
    fn keeps(self) -> Entry {
        Entry { keeps: Keeps::Elements, ..self }
    }

    /// The same, with another rule for labels.
    fn labels(self, keeps: Keeps) -> Entry {
        Entry { keeps, ..self }
    }

    /// The same, with a note when it fails.
    fn errors(self, errors: &'static str) -> Entry {
        Entry { errors, ..self }
    }
}

impl FunctionId {
    /// The function of that name.
    pub fn named(name: &str) -> Option<FunctionId> {
        NAMES.get(name).copied().map(FunctionId)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// Its row.
    pub fn entry(self) -> &'static Entry {
        TABLE.get(usize::from(self.0)).unwrap_or(&NONE)
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
