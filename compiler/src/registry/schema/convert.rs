//! One schema after the other to types: references, combinations, and what is put down as widened.

use super::document::{Document, Place, map_of};
use super::limits::{self, MAX_DEPTH, MAX_NODES};
use super::meet::{FUEL, Meet, everything, plain};
use super::{Refused, Typed, Widened, values};
use ecow::{EcoString, eco_format};
use indexmap::{IndexMap, IndexSet};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value as Json};
use weir_lang::types::{Type, TypeTable};

/// A part that stands in several places gets a name of its own from this many schemas on.
const NAMED_FROM: usize = 24;

/// Something wrong deep inside ends the whole.
pub(super) type Converted = Result<Type, Refused>;

/// A conversion under way.
pub(super) struct Converter<'d, 's> {
    document: &'d Document<'s>,
    prefix: &'d str,
    root: &'d str,
    taken: &'d TypeTable,
    typed: Typed,
    nodes: usize,
    fuel: usize,
    depth: usize,
    path: Vec<EcoString>,
    open: Vec<usize>,
    recursive: FxHashSet<usize>,
    named: IndexMap<usize, EcoString, rustc_hash::FxBuildHasher>,
    done: FxHashMap<usize, (Type, usize)>,
}

impl<'d, 's> Converter<'d, 's> {
    pub fn new(document: &'d Document<'s>, prefix: &'d str, root: &'d str, taken: &'d TypeTable) -> Self {
        Converter {
            document,
            prefix,
            root,
            taken,
            typed: Typed { ty: Type::Json, names: IndexMap::new(), widened: IndexSet::new() },
            nodes: 0,
            fuel: FUEL,
            depth: 0,
            path: Vec::new(),
            open: Vec::new(),
            recursive: FxHashSet::default(),
            named: IndexMap::default(),
            done: FxHashMap::default(),
        }
    }

    /// The type of the whole schema.
    pub fn whole(mut self) -> Result<Typed, Refused> {
        let root = self.document.root();
        let name = self.root;
        let ty = self.target(root, name)?;
        let ty = self.settle(ty);
        self.typed.ty = ty;
        Ok(self.typed)
    }

    /// Puts down what the type does not say.
    pub fn widen(&mut self, keyword: &str, why: impl Into<EcoString>) {
        let path = self.path.join("").trim_start_matches('.').into();
        self.typed.widened.insert(Widened { path, keyword: keyword.into(), why: why.into() });
    }

    /// Counts one more schema.
    fn spend(&mut self, nodes: usize) -> Result<(), Refused> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES { Err(limits::too_many()) } else { Ok(()) }
    }

    /// The type of a part of the value: a field, an element.
    pub fn part(&mut self, segment: EcoString, place: Place<'s>) -> Converted {
        self.path.push(segment);
        let converted = self.schema(place);
        let settled = converted.map(|ty| if ty == Type::Never { ty } else { self.settle(ty) });
        self.path.pop();
        settled
    }

    /// The type as it is shown: what is open for every kind of value is `json`.
    fn settle(&mut self, ty: Type) -> Type {
        if ty == Type::Never {
            self.widen("false", "no value is allowed here");
            return Type::Json;
        }
        let Some(limited) = everything(&ty) else { return ty };
        if limited {
            self.widen("type", "the schema does not say what kind of value this is, only what some kinds are held to");
        }
        Type::Json
    }

    pub fn schema(&mut self, place: Place<'s>) -> Converted {
        self.spend(1)?;
        if self.depth >= MAX_DEPTH {
            return Err(limits::too_deep());
        }
        self.depth += 1;
        let converted = match place.schema {
            Json::Bool(true) => Ok(Type::Json),
            Json::Bool(false) => Ok(Type::Never),
            Json::Object(map) => self.object(place, map),
            other => Err(Refused(eco_format!(
                "its schema holds `{}` where a schema should stand",
                limits::shown(&other.to_string())
            ))),
        };
        self.depth -= 1;
        converted
    }

    fn object(&mut self, place: Place<'s>, map: &'s Map<String, Json>) -> Converted {
        let mut whole = Type::Json;
        if map.get("$ref").is_some_and(Json::is_string) {
            whole = self.reference(place)?;
            if self.document.lone_refs {
                return Ok(whole);
            }
        }
        for name in ["$dynamicRef", "$recursiveRef"] {
            if map.contains_key(name) {
                self.widen(name, "what it refers to is known only when a value is checked");
            }
        }
        let kinds = self.kinds(place, map)?;
        whole = self.both(whole, kinds);
        if let Some(listed) = values::listed(map) {
            if listed.loose {
                self.widen(listed.keyword, "lists, records and numbers of great size are compared when it runs");
            }
            whole = self.both(whole, listed.ty);
        }
        whole = self.all_of(place, map, whole)?;
        for keyword in ["anyOf", "oneOf"] {
            whole = self.one_of(place, map, keyword, whole)?;
        }
        self.conditions(map, &whole);
        Ok(whole)
    }

    fn all_of(&mut self, place: Place<'s>, map: &'s Map<String, Json>, mut whole: Type) -> Converted {
        for member in list(map, "allOf") {
            let ty = self.schema(place.inside(member))?;
            whole = self.both(whole, ty);
        }
        Ok(whole)
    }

    fn one_of(&mut self, place: Place<'s>, map: &'s Map<String, Json>, keyword: &str, whole: Type) -> Converted {
        let schemas = list(map, keyword);
        if schemas.is_empty() {
            return Ok(whole);
        }
        let mut members = Vec::with_capacity(schemas.len());
        for member in schemas {
            members.push(self.schema(place.inside(member))?);
        }
        if keyword == "oneOf" && !self.apart(&members) {
            self.widen("oneOf", "a value that fits more than one of them is refused");
        }
        if members.len() > 1 && members.iter().any(|member| everything(member) == Some(true)) {
            self.widen(keyword, "it must fit one of several limits, which are checked when it runs");
        }
        let union = plain(members);
        Ok(self.both(whole, union))
    }

    /// Keywords that decide by other parts of the value.
    fn conditions(&mut self, map: &Map<String, Json>, whole: &Type) {
        if map.contains_key("not") {
            self.widen("not", "no type says what a value must not be");
        }
        if map.contains_key("if") && (map.contains_key("then") || map.contains_key("else")) {
            self.widen("if", "what holds depends on other parts of the value");
        }
        for keyword in ["dependentSchemas", "dependentRequired", "dependencies"] {
            if map.contains_key(keyword) {
                self.widen(keyword, "which fields are needed depends on other fields");
            }
        }
        // A record lets no other fields through anyway; but a field that is only `required`, and declared nowhere, is one.
        let declared = map_of(map, "properties");
        let named = |name: &EcoString| declared.is_some_and(|declared| declared.contains_key(name.as_str()));
        let closed = members(whole).all(|member| match member {
            Type::Json | Type::Map(_) | Type::Named(_) => false,
            Type::Record(record) => {
                record.fields.iter().all(|(name, field)| field.optional || field.ty != Type::Json || named(name))
            }
            _ => true,
        });
        for (keyword, said) in [("unevaluatedItems", false), ("unevaluatedProperties", closed)] {
            let limit = map.get(keyword).filter(|limit| **limit != Json::Bool(true));
            if limit.is_some_and(|limit| !(said && *limit == Json::Bool(false))) {
                self.widen(keyword, "which parts it is about is known only when a value is checked");
            }
        }
    }

    /// Whether no value can fit two of the members.
    fn apart(&mut self, members: &[Type]) -> bool {
        let mut meeting = Meet::new(&self.typed.names, self.fuel);
        let apart = meeting.apart(members);
        self.fuel = meeting.fuel;
        apart && self.fuel > 0
    }

    /// What fits both.
    pub fn both(&mut self, a: Type, b: Type) -> Type {
        let mut meeting = Meet::new(&self.typed.names, self.fuel);
        let ty = meeting.both(&a, &b);
        let (fuel, lossy, grew) = (meeting.fuel, meeting.lossy, meeting.grew);
        self.fuel = fuel;
        if grew && self.document.closed {
            self.widen("additionalProperties", "which other fields are allowed is checked when it runs");
        }
        if lossy {
            self.widen("allOf", "what several limits have in common is checked when it runs");
        }
        ty
    }

    fn reference(&mut self, place: Place<'s>) -> Converted {
        let Some(target) = self.document.target_of(place)? else {
            self.widen("$ref", "the reference leads to a description of schemas, which is checked when it runs");
            return Ok(Type::Json);
        };
        let reference = place.schema.get("$ref").and_then(Json::as_str).unwrap_or_default();
        let name = match reference.rsplit(['/', '#']).find(|part| !part.is_empty()) {
            Some(last) if target.id() != self.document.root().id() => type_name(last),
            _ => self.root.into(),
        };
        self.target(target, &name)
    }

    /// The type of what a reference leads to: its name where it is recursive, or large and wanted again.
    fn target(&mut self, target: Place<'s>, name: &str) -> Converted {
        let id = target.id();
        if let Some(name) = self.named.get(&id) {
            return Ok(Type::Named(name.clone()));
        }
        if self.open.contains(&id) {
            self.recursive.insert(id);
            let full = self.free_name(name);
            self.named.insert(id, full.clone());
            return Ok(Type::Named(full));
        }
        if let Some((ty, size)) = self.done.get(&id).cloned() {
            if size < NAMED_FROM {
                self.spend(size)?;
                return Ok(ty);
            }
            let full = self.free_name(name);
            self.typed.names.insert(full.clone(), ty);
            self.named.insert(id, full.clone());
            return Ok(Type::Named(full));
        }
        let before = self.nodes;
        self.open.push(id);
        let ty = self.schema(target);
        self.open.pop();
        let ty = ty?;
        if self.recursive.contains(&id)
            && let Some(full) = self.named.get(&id).cloned()
        {
            let ty = self.settle(ty);
            self.typed.names.insert(full.clone(), ty);
            return Ok(Type::Named(full));
        }
        self.done.insert(id, (ty.clone(), self.nodes - before));
        Ok(ty)
    }

    #[allow(clippy::disallowed_methods, reason = "any of them, in whatever order")]
    fn free_name(&self, name: &str) -> EcoString {
        let taken = |full: &EcoString| {
            self.taken.types.contains_key(full)
                || self.typed.names.contains_key(full)
                || self.named.values().any(|other| other == full)
        };
        let first = eco_format!("{}.{name}", self.prefix);
        if !taken(&first) {
            return first;
        }
        let numbered = (2..).map(|at| eco_format!("{}.{name}{at}", self.prefix)).find(|full| !taken(full));
        numbered.unwrap_or(first)
    }
}

/// `#/$defs/tree-node` names `TreeNode`.
fn type_name(last: &str) -> EcoString {
    let last = last.rsplit('.').next().unwrap_or(last);
    let words = last.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut out = EcoString::new();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    if out.starts_with(|c: char| c.is_ascii_uppercase()) { out } else { eco_format!("Part{out}") }
}

/// The members of a union, or the type alone.
fn members(ty: &Type) -> impl Iterator<Item = &Type> {
    match ty {
        Type::Union(members) => members.as_slice(),
        one => std::slice::from_ref(one),
    }
    .iter()
}

/// The list under a keyword.
pub(super) fn list<'s>(map: &'s Map<String, Json>, keyword: &str) -> &'s [Json] {
    map.get(keyword).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}
