//! What types say: where marks make a value untrusted, which parts of a parameter must be trusted, which fields pass.

use super::label::Label;
use super::paths::{DEPTH, Paths, Step};
use super::taint::{Origin, Taint};
use ecow::EcoString;
use rustc_hash::{FxHashMap, FxHashSet};
use weir_lang::ast::Mark;
use weir_lang::types::{Type, TypeTable};

/// Looks for marks, knowing which named types have any.
#[derive(Debug, Default)]
pub(super) struct Marks {
    known: FxHashSet<(EcoString, Mark)>,
}

impl Marks {
    /// Finds out which named types have marks, through whichever other names.
    pub fn new(types: &TypeTable) -> Marks {
        let mut users: FxHashMap<EcoString, Vec<EcoString>> = FxHashMap::default();
        let mut found: Vec<(EcoString, Mark)> = Vec::new();
        for (name, ty) in &types.types {
            each_part(ty, &mut |part| match part {
                Type::Named(used) => users.entry(used.clone()).or_default().push(name.clone()),
                Type::Marked(mark, _) => found.push((name.clone(), *mark)),
                _ => {}
            });
        }
        let mut known = FxHashSet::default();
        while let Some((name, mark)) = found.pop() {
            if known.insert((name.clone(), mark)) {
                found.extend(users.get(&name).into_iter().flatten().map(|user| (user.clone(), mark)));
            }
        }
        Marks { known }
    }

    /// Whether a mark stands anywhere in a type.
    pub fn has(&self, ty: &Type, mark: Mark) -> bool {
        let mut found = false;
        each_part(ty, &mut |part| match part {
            Type::Marked(known, _) => found |= *known == mark,
            Type::Named(name) => found |= !self.known.is_empty() && self.known.contains(&(name.clone(), mark)),
            _ => {}
        });
        found
    }

    /// The label of a value of a type: untrusted where it is marked so.
    pub fn label(&self, ty: &Type, origin: Origin, types: &TypeTable, paths: &mut Paths) -> Label {
        self.label_at(ty, origin, types, paths, 0)
    }

    fn label_at(&self, ty: &Type, origin: Origin, types: &TypeTable, paths: &mut Paths, depth: usize) -> Label {
        if !self.has(ty, Mark::Untrusted) {
            return Label::default();
        }
        if depth > DEPTH {
            return Label::leaf(Taint::of(origin));
        }
        let mut below = |ty: &Type| self.label_at(ty, origin, types, paths, depth + 1);
        match ty {
            Type::Marked(Mark::Untrusted, _) => Label::leaf(Taint::of(origin)),
            Type::Marked(_, inner) => below(inner),
            Type::Named(name) => types.types.get(name).map(&mut below).unwrap_or_default(),
            Type::List(inner) | Type::Map(inner) => Label::record([(Step::Elem, below(inner))]),
            Type::Record(record) => {
                let fields = record.fields.iter().map(|(name, field)| (Step::Field(name.clone()), below(&field.ty)));
                Label::record(fields.filter(|(_, label)| !label.is_clean()).collect::<Vec<_>>())
            }
            Type::Union(members) => {
                let labels: Vec<Label> = members.iter().map(below).collect();
                labels.iter().fold(Label::default(), |all, one| all.joined(one, paths))
            }
            _ => Label::default(),
        }
    }

    /// The parts of a parameter that must be trusted.
    pub fn trusted(&self, ty: &Type, types: &TypeTable) -> Vec<Vec<Step>> {
        let mut out = Vec::new();
        self.trusted_at(ty, types, &mut Vec::new(), &mut out);
        out
    }

    fn trusted_at(&self, ty: &Type, types: &TypeTable, at: &mut Vec<Step>, out: &mut Vec<Vec<Step>>) {
        if at.len() >= DEPTH || out.len() >= 256 || !self.has(ty, Mark::Trusted) {
            return;
        }
        match ty {
            Type::Marked(Mark::Trusted, _) if out.contains(at) => {}
            Type::Marked(Mark::Trusted, _) => out.push(at.clone()),
            Type::Marked(_, inner) => self.trusted_at(inner, types, at, out),
            Type::Named(name) => {
                if let Some(ty) = types.types.get(name) {
                    self.trusted_at(ty, types, at, out);
                }
            }
            Type::List(inner) | Type::Map(inner) => {
                at.push(Step::Elem);
                self.trusted_at(inner, types, at, out);
                at.pop();
            }
            Type::Record(record) => {
                for (name, field) in &record.fields {
                    at.push(Step::Field(name.clone()));
                    self.trusted_at(&field.ty, types, at, out);
                    at.pop();
                }
            }
            Type::Union(members) => members.iter().for_each(|member| self.trusted_at(member, types, at, out)),
            _ => {}
        }
    }
}

/// A type and everything that is written in it.
fn each_part(ty: &Type, visit: &mut dyn FnMut(&Type)) {
    visit(ty);
    match ty {
        Type::Marked(_, inner) | Type::List(inner) | Type::Map(inner) => each_part(inner, visit),
        Type::Record(record) => record.fields.values().for_each(|field| each_part(&field.ty, visit)),
        Type::Union(members) => members.iter().for_each(|member| each_part(member, visit)),
        _ => {}
    }
}

/// The fields of a record type, or of the records of a union; none where there may be others.
pub(super) fn fields<'t>(ty: &'t Type, types: &'t TypeTable) -> Option<Vec<(&'t EcoString, &'t Type)>> {
    let mut out: Vec<(&EcoString, &Type)> = Vec::new();
    let mut records = 0;
    for member in types.members(ty) {
        match member {
            Type::Record(record) => {
                records += 1;
                for (name, field) in &record.fields {
                    if records == 1 || !out.iter().any(|(known, _)| *known == name) {
                        out.push((name, &field.ty));
                    }
                }
            }
            Type::Null | Type::Never => {}
            _ => return None,
        }
    }
    (records > 0).then_some(out)
}

/// What a type says of a field.
pub(super) enum Declared<'t> {
    /// It is there.
    As(&'t Type),
    /// There is none.
    Not,
    /// There may be any.
    Open,
}

/// Whether a record type, or a record of a union, declares a field.
pub(super) fn declared<'t>(ty: &'t Type, name: &str, types: &'t TypeTable) -> Declared<'t> {
    let (mut found, mut records) = (None, false);
    for member in types.members(ty) {
        match member {
            Type::Record(record) => {
                records = true;
                found = found.or(record.fields.get(name).map(|field| &field.ty));
            }
            Type::Null | Type::Never => {}
            _ => return Declared::Open,
        }
    }
    match (found, records) {
        (Some(ty), _) => Declared::As(ty),
        (None, true) => Declared::Not,
        (None, false) => Declared::Open,
    }
}

/// The type of a part.
pub(super) fn part_type(ty: &Type, step: &Step, types: &TypeTable) -> Type {
    let found = match step {
        Step::Field(name) => match declared(ty, name, types) {
            Declared::As(ty) => Some(ty),
            Declared::Not | Declared::Open => element(ty, types),
        },
        _ => element(ty, types),
    };
    found.cloned().unwrap_or(Type::Json)
}

/// The element type of a list or map.
pub(super) fn element<'t>(ty: &'t Type, types: &'t TypeTable) -> Option<&'t Type> {
    types.members(ty).into_iter().find_map(|member| match member {
        Type::List(inner) | Type::Map(inner) => Some(&**inner),
        _ => None,
    })
}

/// A value at a boundary: what its type does not declare does not pass.
pub(super) fn narrowed(label: &Label, ty: &Type, types: &TypeTable) -> Label {
    let Some(node) = label.node().filter(|node| !node.parts.is_empty()) else { return label.clone() };
    let element = element(ty, types);
    let mut parts = Vec::new();
    for (step, part) in &node.parts {
        let part = match (step, element) {
            (Step::Field(name), _) => match declared(ty, name, types) {
                Declared::As(ty) => narrowed(part, ty, types),
                Declared::Open => part.clone(),
                Declared::Not => continue,
            },
            (Step::Elem, Some(element)) => narrowed(part, element, types),
            _ => part.clone(),
        };
        parts.push((step.clone(), part));
    }
    Label::new(node.own.clone(), node.size.clone(), node.syms.clone(), parts)
}

/// The label of a record by its declared fields, so that each can be told apart. With `open` it may have others too.
pub(super) fn expanded(label: &Label, ty: &Type, open: bool, types: &TypeTable, paths: &mut Paths) -> Label {
    let Some(node) = label.node() else { return Label::default() };
    let Some(declared) = fields(ty, types) else { return label.clone() };
    if open {
        return label.pushed(paths);
    }
    let size = node.size.clone();
    let mut parts: Vec<(Step, Label)> = Vec::with_capacity(declared.len());
    for (name, _) in declared {
        let step = Step::Field(name.clone());
        let part = label.project(&step, paths);
        parts.push((step, part));
    }
    parts.sort_by(|a, b| a.0.cmp(&b.0));
    Label::new(Taint::default(), size, ecow::EcoVec::new(), parts)
}
