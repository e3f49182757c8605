//! Names inside a body: what is bound, what is known about it at this point, and whether it was used.

use ecow::EcoString;
use weir_lang::ast::{Expr, ExprKind};
use weir_lang::span::Span;
use weir_lang::types::Type;

/// A bound name.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Its name.
    pub name: EcoString,
    /// Its type.
    pub ty: Type,
    /// Where it was bound.
    pub span: Span,
    /// Whether anything read it.
    pub used: bool,
    /// Whether not reading it is worth a warning.
    pub warn: bool,
    /// Whether it is a parameter of a pure lambda or comprehension.
    pub depth: usize,
    /// The tool whose undeclared result it holds.
    pub untyped: Option<EcoString>,
}

/// The names of a body, innermost last, and facts about them.
#[derive(Debug, Default)]
pub struct Scope {
    bindings: Vec<Binding>,
    facts: Vec<(EcoString, Type)>,
    depth: usize,
}

/// Where a scope was when a block began.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    bindings: usize,
    facts: usize,
}

impl Scope {
    /// Begins a block.
    pub fn enter(&mut self) -> Mark {
        self.depth += 1;
        Mark { bindings: self.bindings.len(), facts: self.facts.len() }
    }

    /// Ends a block: its names are gone, those never read are returned.
    pub fn leave(&mut self, mark: Mark) -> Vec<Binding> {
        self.depth = self.depth.saturating_sub(1);
        self.facts.truncate(mark.facts);
        let ended = self.bindings.split_off(mark.bindings.min(self.bindings.len()));
        ended.into_iter().filter(|binding| binding.warn && !binding.used && !binding.name.starts_with('_')).collect()
    }

    /// Binds a name. Returns the binding of the same name that stands in the same block (first) or around (second).
    pub fn bind(&mut self, name: &EcoString, ty: Type, span: Span, warn: bool) -> (Option<Span>, Option<Span>) {
        let had = self.bindings.iter().rev().find(|binding| binding.name == *name);
        let same = had.filter(|binding| binding.depth == self.depth).map(|binding| binding.span);
        let outer = had.filter(|binding| binding.depth < self.depth).map(|binding| binding.span);
        let depth = self.depth;
        self.facts.retain(|(path, _)| path != name && !path.starts_with(&format!("{name}.")));
        self.bindings.push(Binding { name: name.clone(), ty, span, used: false, warn, depth, untyped: None });
        (same, outer)
    }

    /// Says of the newest binding that it holds the undeclared result of a tool.
    pub fn mark_untyped(&mut self, tool: EcoString) {
        if let Some(last) = self.bindings.last_mut() {
            last.untyped = Some(tool);
        }
    }

    /// The binding of a name, marked as read.
    pub fn read(&mut self, name: &str) -> Option<&Binding> {
        let binding = self.bindings.iter_mut().rev().find(|binding| binding.name == name)?;
        binding.used = true;
        Some(binding)
    }

    /// The binding of a name.
    pub fn get(&self, name: &str) -> Option<&Binding> {
        self.bindings.iter().rev().find(|binding| binding.name == name)
    }

    /// Every name in reach.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.bindings.iter().map(|binding| binding.name.as_str())
    }

    /// What is known of a path beyond its declared type.
    pub fn fact(&self, path: &str) -> Option<&Type> {
        self.facts.iter().rev().find(|(known, _)| known == path).map(|(_, ty)| ty)
    }

    /// Notes facts for the rest of the block.
    pub fn assume(&mut self, facts: Vec<(EcoString, Type)>) {
        self.facts.extend(facts);
    }
}

/// `a.b.c` of a name and plain field reads: what facts are known by. None for anything else.
pub fn path_of(expr: &Expr) -> Option<EcoString> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name.name.clone()),
        ExprKind::Field { base, name, .. } => {
            let mut path = path_of(base)?;
            path.push('.');
            path.push_str(&name.name);
            Some(path)
        }
        ExprKind::Paren(inner) => path_of(inner),
        _ => None,
    }
}

impl Scope {
    /// Types of the names that hold lists: an aggregator's sources.
    pub fn sources(&self) -> Vec<&Type> {
        self.bindings.iter().filter(|binding| binding.depth > 0).map(|binding| &binding.ty).collect()
    }
}
