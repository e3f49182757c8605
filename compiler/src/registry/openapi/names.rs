//! Readable names: of tools from `operationId` or path, of arguments from parameters.

use ecow::{EcoString, eco_format};
use std::collections::BTreeSet;

/// Names that are given away already.
#[derive(Default)]
pub(super) struct Taken(BTreeSet<EcoString>);

impl Taken {
    /// The name, or with a number behind it where it is taken.
    pub(super) fn unique(&mut self, name: &EcoString) -> EcoString {
        let mut free = name.clone();
        let mut number = 2;
        while !self.0.insert(free.clone()) {
            free = eco_format!("{name}_{number}");
            number += 1;
        }
        free
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// The text as a name: what is no letter, digit or `_` becomes one `_`. Empty where nothing is left.
pub(super) fn identifier(text: &str) -> EcoString {
    let mut name = EcoString::new();
    for letter in text.chars() {
        match letter.is_ascii_alphanumeric() {
            true => name.push(letter),
            false if name.is_empty() || name.ends_with('_') => {}
            false => name.push('_'),
        }
    }
    let name = name.trim_end_matches('_');
    match name.starts_with(|first: char| first.is_ascii_digit()) {
        true => eco_format!("n{name}"),
        false => name.into(),
    }
}

/// `GET /pets/{id}/photos` as `get_pets_by_id_photos`.
pub(super) fn of_path(method: &str, path: &str) -> EcoString {
    let path = path.replace('{', "by_");
    identifier(&format!("{}_{path}", method.to_ascii_lowercase()))
}
