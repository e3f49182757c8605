//! Bodies of flows that need no second look. What a body is held against stands outside of all bodies: signatures, types,
//! tools, constants, policies, the project file, the lock file. While that stays as it is, an edit inside one body leaves
//! what was found out about the flows of every other file as it was.

use super::again::Read;
use super::{Checker, FxHashMap, FxHashSet};
use crate::project::ProjectSource;
use ecow::EcoString;
use rustc_hash::FxHasher;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use weir_lang::ast::{ExprId, ItemKind, Module};
use weir_lang::diagnostic::{Diagnostic, Severity};
use weir_lang::span::Loc;
use weir_lang::types::Type;

/// What was found out about the bodies of a project's flows, by module.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// All that stands outside of them.
    pub(super) outside: u64,
    modules: FxHashMap<usize, Bodies>,
}

/// What was found out about the bodies of one file.
#[derive(Debug)]
struct Bodies {
    /// The file as it was parsed.
    tree: Arc<Module>,
    types: Vec<Type>,
    found: Found,
}

/// What checking a body adds.
#[derive(Clone, Debug, Default)]
struct Found {
    diagnostics: Vec<Diagnostic>,
    states: FxHashMap<(usize, ExprId), Type>,
    decimals: FxHashSet<(usize, ExprId)>,
    each: FxHashSet<(usize, ExprId)>,
    written: FxHashMap<(usize, ExprId), Type>,
    bindings: FxHashMap<(usize, u32), Type>,
    called: BTreeMap<EcoString, Loc>,
}

impl Kept {
    /// Forgets everything when something outside of the bodies is another than it was.
    pub(super) fn hold_against(&mut self, source: &ProjectSource, parsed: &[Read]) {
        let outside = outside(source, parsed);
        if self.outside != outside {
            *self = Kept { outside, modules: FxHashMap::default() };
        }
    }
}

/// A number for all that stands outside of the bodies.
fn outside(source: &ProjectSource, parsed: &[Read]) -> u64 {
    let mut hasher = FxHasher::default();
    for (file, read) in source.files.iter().zip(parsed) {
        (&file.path, &file.module).hash(&mut hasher);
        let mut from = 0;
        for item in &read.module.items {
            if let ItemKind::Flow(flow) = &item.kind {
                let span = flow.body.span;
                file.text.get(from..span.start as usize).hash(&mut hasher);
                from = span.end as usize;
            }
        }
        file.text.get(from..).hash(&mut hasher);
    }
    (&source.config, &source.lock, &source.mcp).hash(&mut hasher);
    hasher.finish()
}

impl Checker {
    /// Checks the flows of a module, or takes over what is known of them.
    pub(super) fn check_bodies(&mut self, module: usize, places: &[usize]) {
        let Some(mut kept) = self.kept.take() else {
            return self.check_flows_at(places);
        };
        let tree = self.program.ast(module);
        match kept.modules.get(&module).filter(|known| Arc::ptr_eq(&known.tree, &tree)) {
            Some(known) => {
                self.set_types(module, known.types.clone());
                self.add(known.found.clone());
            }
            None => {
                let aside = self.swap(Found::default());
                self.check_flows_at(places);
                let found = self.swap(aside);
                self.add(found.clone());
                let types = self.expr_types.get(module).cloned().unwrap_or_default();
                kept.modules.insert(module, Bodies { tree, types, found });
            }
        }
        self.kept = Some(kept);
    }

    fn check_flows_at(&mut self, places: &[usize]) {
        places.iter().for_each(|place| self.check_flow_at(*place));
    }

    fn set_types(&mut self, module: usize, types: Vec<Type>) {
        if let Some(slot) = self.expr_types.get_mut(module) {
            *slot = types;
        }
    }

    /// Puts this in place of what was found so far, and gives that.
    fn swap(&mut self, found: Found) -> Found {
        Found {
            diagnostics: std::mem::replace(&mut self.diagnostics, found.diagnostics),
            states: std::mem::replace(&mut self.states, found.states),
            decimals: std::mem::replace(&mut self.decimals, found.decimals),
            each: std::mem::replace(&mut self.each, found.each),
            written: std::mem::replace(&mut self.written, found.written),
            bindings: std::mem::replace(&mut self.bindings, found.bindings),
            called: std::mem::replace(&mut self.called, found.called),
        }
    }

    fn add(&mut self, found: Found) {
        let errors = found.diagnostics.iter().filter(|one| one.severity == Severity::Error);
        self.wrong.extend(errors.map(|one| (one.loc().file.0, one.loc().span.start)));
        self.diagnostics.extend(found.diagnostics);
        self.states.extend(found.states);
        self.decimals.extend(found.decimals);
        self.each.extend(found.each);
        self.written.extend(found.written);
        self.bindings.extend(found.bindings);
        for (tool, loc) in found.called {
            self.called.entry(tool).or_insert(loc);
        }
    }
}
