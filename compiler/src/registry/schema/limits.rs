//! What a schema may cost: size, depth, nodes with their references followed, and circles that no value ends.

use super::Refused;
use super::document::{Document, Place, children};
use ecow::{EcoString, eco_format};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value as Json;

/// Longest text of a schema.
pub const MAX_BYTES: usize = 512 << 10;
/// Schemas inside each other, references followed.
pub const MAX_DEPTH: usize = 64;
/// Schemas, counted as often as references reach them.
pub const MAX_NODES: usize = 10_000;

/// Different patterns in one schema: each takes memory of its own once it is compiled.
const MAX_PATTERNS: usize = 200;

/// JSON inside JSON: a schema inside a schema takes two levels.
const JSON_DEPTH: usize = 2 * MAX_DEPTH;

pub(super) fn too_deep() -> Refused {
    Refused(eco_format!("its schema is nested deeper than {MAX_DEPTH} levels"))
}

pub(super) fn too_many() -> Refused {
    Refused(eco_format!("its schema comes to more than {MAX_NODES} parts once its references are followed"))
}

/// Depth and size of the text, without recursion and before anything else reads it.
pub(super) fn check_text(schema: &Json) -> Result<(), Refused> {
    let mut bytes = 0usize;
    let mut open = vec![(schema, 1usize)];
    while let Some((json, depth)) = open.pop() {
        if depth > JSON_DEPTH {
            return Err(too_deep());
        }
        bytes += match json {
            Json::String(text) => text.len() + 2,
            Json::Object(fields) => fields.keys().map(|key| key.len() + 4).sum::<usize>() + 2,
            _ => 4,
        };
        if bytes > MAX_BYTES {
            return Err(Refused(eco_format!("its schema is longer than {} KiB", MAX_BYTES >> 10)));
        }
        match json {
            Json::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Json::Object(fields) => open.extend(fields.values().map(|value| (value, depth + 1))),
            _ => {}
        }
    }
    Ok(())
}

/// Follows every reference: a value must not be checked against more than [`MAX_NODES`] schemas in one place, nor
/// against a schema that leads to itself in the same place.
pub(super) fn check_cost(document: &Document) -> Result<(), Refused> {
    let mut cost = Cost {
        document,
        known: FxHashMap::default(),
        open: Vec::new(),
        later: vec![document.root()],
        patterns: FxHashSet::default(),
    };
    while let Some(place) = cost.later.pop() {
        cost.of(place)?;
    }
    Ok(())
}

struct Cost<'d, 's> {
    document: &'d Document<'s>,
    known: FxHashMap<usize, usize>,
    open: Vec<usize>,
    later: Vec<Place<'s>>,
    patterns: FxHashSet<&'s str>,
}

impl<'s> Cost<'_, 's> {
    fn of(&mut self, place: Place<'s>) -> Result<usize, Refused> {
        let id = place.id();
        if let Some(known) = self.known.get(&id) {
            return Ok(*known);
        }
        if self.open.contains(&id) {
            return Err(Refused(
                "its schema refers to itself with nothing around it, so no value could be checked".into(),
            ));
        }
        if self.open.len() > MAX_DEPTH {
            return Err(too_deep());
        }
        self.open.push(id);
        self.count_patterns(place)?;
        let mut total = 1usize;
        for child in children(place) {
            if child.same_value {
                total = total.saturating_add(self.of(child.place)?);
            } else if !self.known.contains_key(&child.place.id()) {
                self.later.push(child.place);
            }
        }
        if let Some(target) = self.document.target_of(place)? {
            total = total.saturating_add(self.of(target)?);
        }
        self.open.pop();
        if total > MAX_NODES {
            return Err(too_many());
        }
        self.known.insert(id, total);
        Ok(total)
    }
}

impl<'s> Cost<'_, 's> {
    fn count_patterns(&mut self, place: Place<'s>) -> Result<(), Refused> {
        self.patterns.extend(place.schema.get("pattern").and_then(Json::as_str));
        let named = place.schema.get("patternProperties").and_then(Json::as_object);
        self.patterns.extend(named.into_iter().flatten().map(|(pattern, _)| pattern.as_str()));
        if self.patterns.len() > MAX_PATTERNS {
            return Err(Refused(eco_format!("its schema has more than {MAX_PATTERNS} patterns")));
        }
        Ok(())
    }
}

/// `#/$defs/Node` for messages, cut short.
pub(super) fn shown(reference: &str) -> EcoString {
    let short: String = reference.chars().take(80).collect();
    if short.len() < reference.len() { eco_format!("{short}…") } else { short.into() }
}
