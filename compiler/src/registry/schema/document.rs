//! A schema as a document: its parts, and what `$ref` leads to inside it. Nothing outside is ever looked at.

use super::Refused;
use super::limits::shown;
use ecow::{EcoString, eco_format};
use serde_json::{Map, Value as Json};

/// A schema, and the nearest one around it that has an identity of its own (`$id`), which references start from.
#[derive(Clone, Copy)]
pub(super) struct Place<'s> {
    pub schema: &'s Json,
    pub base: &'s Json,
}

impl<'s> Place<'s> {
    /// Tells this schema from every other one.
    pub fn id(self) -> usize {
        std::ptr::from_ref(self.schema) as usize
    }

    /// A schema inside this one.
    pub fn inside(self, schema: &'s Json) -> Place<'s> {
        Place { schema, base: if has_id(schema) { schema } else { self.base } }
    }
}

/// A schema inside another one.
pub(super) struct Child<'s> {
    pub place: Place<'s>,
    /// Whether it is about the same value as the schema around it.
    pub same_value: bool,
}

/// The schemas directly inside a schema, definitions included.
pub(super) fn children(place: Place<'_>) -> Vec<Child<'_>> {
    let Json::Object(map) = place.schema else { return Vec::new() };
    let mut out = Vec::new();
    for (keyword, json) in map {
        let Some((same_value, shape)) = applicator(keyword) else { continue };
        let mut add = |schema| out.push(Child { place: place.inside(schema), same_value });
        match (shape, json) {
            (Shape::One, _) | (Shape::OneOrList, Json::Object(_) | Json::Bool(_)) => add(json),
            (Shape::OneOrList | Shape::List, Json::Array(list)) => list.iter().for_each(add),
            (Shape::Named, Json::Object(named)) => {
                named.values().filter(|schema| !schema.is_array()).for_each(add);
            }
            _ => {}
        }
    }
    out
}

#[derive(Clone, Copy)]
enum Shape {
    One,
    List,
    OneOrList,
    Named,
}

/// Whether the keyword's schemas are about the same value, and how they are written.
fn applicator(keyword: &str) -> Option<(bool, Shape)> {
    Some(match keyword {
        "allOf" | "anyOf" | "oneOf" => (true, Shape::List),
        "not" | "if" | "then" | "else" => (true, Shape::One),
        "dependentSchemas" | "dependencies" => (true, Shape::Named),
        "properties" | "patternProperties" | "$defs" | "definitions" => (false, Shape::Named),
        "items" => (false, Shape::OneOrList),
        "prefixItems" => (false, Shape::List),
        "additionalProperties"
        | "additionalItems"
        | "contains"
        | "propertyNames"
        | "unevaluatedItems"
        | "unevaluatedProperties" => (false, Shape::One),
        _ => return None,
    })
}

/// A whole schema.
pub(super) struct Document<'s> {
    root: &'s Json,
    /// Schemas with an `$id` that is an address.
    ids: Vec<(&'s str, Place<'s>)>,
    /// Schemas with a name for `#name`.
    anchors: Vec<(&'s str, Place<'s>)>,
    /// Drafts up to 7: what stands beside `$ref` does not count.
    pub lone_refs: bool,
    /// Whether some schema limits fields beside the declared ones.
    pub closed: bool,
}

/// The dialects that are understood, by what their `$schema` contains.
const DIALECTS: [&str; 5] = ["draft-04", "draft-06", "draft-07", "2019-09", "2020-12"];

impl<'s> Document<'s> {
    /// # Errors
    /// [`Refused`] for a dialect that nobody here knows.
    pub fn new(root: &'s Json) -> Result<Self, Refused> {
        let dialect = root.get("$schema").and_then(Json::as_str).unwrap_or_default();
        let known = DIALECTS.iter().any(|known| is_dialect(dialect, known));
        if !dialect.is_empty() && !known {
            return Err(Refused(eco_format!("its schema is written in `{}`, which is not known", shown(dialect))));
        }
        let lone_refs = ["draft-04", "draft-06", "draft-07"].iter().any(|known| is_dialect(dialect, known));
        let mut document = Document { root, ids: Vec::new(), anchors: Vec::new(), lone_refs, closed: false };
        document.scan();
        Ok(document)
    }

    pub fn root(&self) -> Place<'s> {
        Place { schema: self.root, base: self.root }
    }

    fn scan(&mut self) {
        let mut open = vec![self.root()];
        while let Some(place) = open.pop() {
            for name in ["$anchor", "$dynamicAnchor"] {
                self.anchors.extend(place.schema.get(name).and_then(Json::as_str).map(|name| (name, place)));
            }
            if let Some(id) = identity(place.schema) {
                match id.strip_prefix('#') {
                    Some(anchor) => self.anchors.push((anchor, place)),
                    None => self.ids.push((id.trim_end_matches('#'), place)),
                }
            }
            self.closed |= limits_others(place.schema);
            open.extend(children(place).into_iter().map(|child| child.place));
        }
    }

    /// What `$ref` of a schema leads to; None: it has none, or one that only the check at run time follows.
    ///
    /// # Errors
    /// [`Refused`] for a reference that leads outside or nowhere.
    pub fn target_of(&self, place: Place<'s>) -> Result<Option<Place<'s>>, Refused> {
        match place.schema.get("$ref") {
            Some(Json::String(reference)) => self.resolve(place.base, reference),
            _ => Ok(None),
        }
    }

    fn resolve(&self, base: &'s Json, reference: &str) -> Result<Option<Place<'s>>, Refused> {
        let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let start = if address.is_empty() {
            Place { schema: base, base }
        } else if let Some(found) = self.embedded(address) {
            found
        } else if DIALECTS.iter().any(|known| is_dialect(address, known)) {
            return Ok(None);
        } else {
            return Err(Refused(eco_format!(
                "its schema refers to `{}`, which lies outside it: nothing is fetched",
                shown(reference)
            )));
        };
        let fragment = unescaped(fragment);
        let found = match fragment.strip_prefix('/') {
            None if fragment.is_empty() => Some(start),
            None => self.anchors.iter().find(|(name, _)| *name == fragment).map(|(_, place)| *place),
            Some(pointer) => walk(start, pointer).or_else(|| walk(self.root(), pointer)),
        };
        let found = found.filter(|found| found.schema.is_object() || found.schema.is_boolean());
        found.map(Some).ok_or_else(|| {
            Refused(eco_format!("its schema refers to `{}`, and nothing in it is called so", shown(reference)))
        })
    }

    /// The schema inside with that address. Addresses may be relative on either side.
    fn embedded(&self, address: &str) -> Option<Place<'s>> {
        let last = |text: &str| -> EcoString { text.rsplit('/').next().unwrap_or(text).into() };
        let same = self.ids.iter().find(|(id, _)| *id == address);
        let near = || self.ids.iter().find(|(id, _)| !last(id).is_empty() && last(id) == last(address));
        same.or_else(near).map(|(_, place)| *place)
    }
}

fn limits_others(schema: &Json) -> bool {
    let limits = |keyword: &str| schema.get(keyword).is_some_and(|limit| *limit != Json::Bool(true));
    limits("additionalProperties") || limits("unevaluatedProperties") || limits("patternProperties")
}

fn is_dialect(address: &str, known: &str) -> bool {
    address.contains("json-schema.org/") && address.contains(known)
}

fn has_id(schema: &Json) -> bool {
    identity(schema).is_some_and(|id| !id.starts_with('#'))
}

/// `$id`, where it counts.
fn identity(schema: &Json) -> Option<&str> {
    schema.get("$id").or_else(|| schema.get("id").filter(|_| schema.get("$schema").is_some()))?.as_str()
}

fn walk<'s>(start: Place<'s>, pointer: &str) -> Option<Place<'s>> {
    let mut at = start;
    for token in pointer.split('/') {
        let token = token.replace("~1", "/").replace("~0", "~");
        let inner = match at.schema {
            Json::Object(fields) => fields.get(&token)?,
            Json::Array(items) => items.get(token.parse::<usize>().ok()?)?,
            _ => return None,
        };
        at = at.inside(inner);
    }
    Some(at)
}

/// `%25` and its like.
fn unescaped(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let hex = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The keyword as a map, where it is one.
pub(super) fn map_of<'s>(schema: &'s Map<String, Json>, keyword: &str) -> Option<&'s Map<String, Json>> {
    schema.get(keyword).and_then(Json::as_object)
}
