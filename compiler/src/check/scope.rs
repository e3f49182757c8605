//! Names inside a body: what is bound, what is known about it at this point, and whether it was used.

use ecow::EcoString;
use rustc_hash::FxHashMap;
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
    /// Whether it is a parameter of the flow.
    pub parameter: bool,
}

/// The names of a body, innermost last, and facts about them.
#[derive(Debug, Default)]
pub struct Scope {
    bindings: Vec<Binding>,
    /// Places of the bindings of a name, innermost last.
    places: FxHashMap<EcoString, Vec<usize>>,
    facts: Vec<Fact>,
    /// Where in `facts` a path (known) or a name (forgotten) stands, the last one last.
    fact_places: FxHashMap<EcoString, Vec<usize>>,
    forgotten: FxHashMap<EcoString, Vec<usize>>,
    depth: usize,
    /// Names whose blocks have ended, with what would be said if nothing had read them.
    ended: FxHashMap<EcoString, Vec<Binding>>,
    /// Where in `ended` the binding of a name at a place stands: loops are gone through more than once.
    ended_places: FxHashMap<(EcoString, Span), usize>,
}

/// What is known of a path, or that nothing of a name is known any more because another value bears it now.
#[derive(Debug)]
enum Fact {
    Known(EcoString, Type),
    Forget(EcoString),
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

    /// Ends a block: its names are gone.
    pub fn leave(&mut self, mark: Mark) {
        self.depth = self.depth.saturating_sub(1);
        for fact in self.facts.split_off(mark.facts.min(self.facts.len())) {
            let places = match &fact {
                Fact::Known(path, _) => self.fact_places.get_mut(path),
                Fact::Forget(name) => self.forgotten.get_mut(name),
            };
            places.and_then(Vec::pop);
        }
        for binding in self.bindings.split_off(mark.bindings.min(self.bindings.len())) {
            if let Some(places) = self.places.get_mut(&binding.name) {
                places.pop();
            }
            let ended = self.ended.entry(binding.name.clone()).or_default();
            let at = *self.ended_places.entry((binding.name.clone(), binding.span)).or_insert(ended.len());
            match ended.get_mut(at) {
                Some(before) => before.used |= binding.used,
                None => ended.push(binding),
            }
        }
    }

    /// Where a name was last bound, in a block that has ended; from now on it counts as used.
    pub fn ended(&mut self, name: &str) -> Option<Span> {
        let binding = self.ended.get_mut(name)?.last_mut()?;
        binding.used = true;
        Some(binding.span)
    }

    /// Whether a name was bound in a block that has ended.
    pub fn was_bound(&self, name: &str) -> bool {
        self.ended.contains_key(name)
    }

    /// Every binding that nothing has read and that should have been.
    pub fn unused(&mut self) -> Vec<Binding> {
        let all = std::mem::take(&mut self.ended).into_values().flatten();
        let mut unused: Vec<Binding> =
            all.filter(|binding| binding.warn && !binding.used && !binding.name.starts_with('_')).collect();
        unused.sort_by_key(|binding| binding.span.start);
        unused
    }

    /// Binds a name. Returns the binding of the same name that stands in the same block (first) or around (second).
    pub fn bind(&mut self, name: &EcoString, ty: Type, span: Span, warn: bool) -> (Option<Span>, Option<Span>) {
        let had = self.get(name);
        let same = had.filter(|binding| binding.depth == self.depth).map(|binding| binding.span);
        let outer = had.filter(|binding| binding.depth < self.depth).map(|binding| binding.span);
        if had.is_some() {
            self.note(Fact::Forget(name.clone()));
        }
        let depth = self.depth;
        self.places.entry(name.clone()).or_default().push(self.bindings.len());
        self.bindings.push(Binding {
            name: name.clone(),
            ty,
            span,
            used: false,
            warn,
            depth,
            untyped: None,
            parameter: false,
        });
        (same, outer)
    }

    /// Says of the newest binding that it holds the undeclared result of a tool.
    pub fn mark_untyped(&mut self, tool: EcoString) {
        if let Some(last) = self.bindings.last_mut() {
            last.untyped = Some(tool);
        }
    }

    /// Says of the newest binding that it is a parameter of the flow.
    pub fn mark_parameter(&mut self) {
        if let Some(last) = self.bindings.last_mut() {
            last.parameter = true;
        }
    }

    /// The binding of a name, marked as read.
    pub fn read(&mut self, name: &str) -> Option<&Binding> {
        let at = *self.places.get(name)?.last()?;
        let binding = self.bindings.get_mut(at)?;
        binding.used = true;
        Some(binding)
    }

    /// The binding of a name.
    pub fn get(&self, name: &str) -> Option<&Binding> {
        self.bindings.get(*self.places.get(name)?.last()?)
    }

    /// Every name in reach.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.bindings.iter().map(|binding| binding.name.as_str())
    }

    /// What is known of a path beyond its declared type.
    pub fn fact(&self, path: &str) -> Option<&Type> {
        let known = *self.fact_places.get(path)?.last()?;
        let name = path.split('.').next().unwrap_or(path);
        let forgotten = self.forgotten.get(name).and_then(|places| places.last());
        match self.facts.get(known) {
            Some(Fact::Known(_, ty)) if forgotten.is_none_or(|at| *at < known) => Some(ty),
            _ => None,
        }
    }

    /// Notes facts for the rest of the block.
    pub fn assume(&mut self, facts: Vec<(EcoString, Type)>) {
        facts.into_iter().for_each(|(path, ty)| self.note(Fact::Known(path, ty)));
    }

    fn note(&mut self, fact: Fact) {
        let places = match &fact {
            Fact::Known(path, _) => self.fact_places.entry(path.clone()),
            Fact::Forget(name) => self.forgotten.entry(name.clone()),
        };
        places.or_default().push(self.facts.len());
        self.facts.push(fact);
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
