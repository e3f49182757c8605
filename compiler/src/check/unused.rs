//! Imports, constants, types and policies that nothing names. Counted by word in the text outside comments, so that
//! a name that stands anywhere counts as used.

use super::Checker;
use super::hints;
use rustc_hash::FxHashMap;
use weir_lang::ast::{FlowClauseKind, Ident, Item, ItemKind, PolicyEnd, Use};
use weir_lang::diagnostic::Diagnostic;
use weir_lang::span::{Loc, Span};

/// How often each word stands in a text.
type Words<'t> = FxHashMap<&'t str, usize>;

impl Checker {
    /// Reports what is declared and named nowhere.
    pub(super) fn check_unused(&mut self) {
        let declares = |item: &Item| {
            matches!(item.kind, ItemKind::Use(_) | ItemKind::Const(_) | ItemKind::Policy(_) | ItemKind::Type(_))
        };
        if !self.program.modules.iter().any(|module| module.ast.items.iter().any(declares)) {
            return;
        }
        let mut all = Words::default();
        count(&self.config_text, &[], &mut all);
        for (module, text) in self.program.modules.iter().zip(&self.texts) {
            count(text, &comments(&module.ast), &mut all);
        }
        let mut found = Vec::new();
        for (at, text) in self.texts.iter().enumerate() {
            let Some(module) = self.program.modules.get(at) else { continue };
            let mut own: Option<Words> = None;
            for item in &module.ast.items {
                match &item.kind {
                    ItemKind::Use(used) => {
                        let words = own.get_or_insert_with(|| outside_uses(text, &module.ast));
                        self.unused_imports(at, item, used, words, &mut found);
                    }
                    ItemKind::Const(one) => self.unused_name(at, "constant", &one.name, &all, &mut found),
                    ItemKind::Policy(one) => self.unused_name(at, "policy", &one.name, &all, &mut found),
                    ItemKind::Type(one) => self.unused_name(at, "type", &one.name, &all, &mut found),
                    _ => {}
                }
            }
        }
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
    }

    fn unused_name(&self, module: usize, what: &str, name: &Ident, all: &Words, found: &mut Vec<Diagnostic>) {
        if all.get(name.name.as_str()).copied().unwrap_or_default() <= 1 && !name.name.starts_with('_') {
            found.push(hints::unused_declaration(self.program.loc(module, name.span), what, &name.name));
        }
    }

    fn unused_imports(&self, module: usize, item: &Item, used: &Use, words: &Words, found: &mut Vec<Diagnostic>) {
        let unused = |name: &Ident| !words.contains_key(name.name.as_str());
        let item_loc = self.program.loc(module, item.span);
        let Some(names) = &used.names else {
            if let Some(last) = used.path.parts.last().filter(|last| unused(last)) {
                let loc = self.program.loc(module, last.span);
                found.push(hints::unused_import(loc, &last.name).fix("take the `use` out", self.without(item_loc)));
            }
            return;
        };
        let entry = |one: &weir_lang::ast::UseName| {
            self.program.loc(module, one.alias.as_ref().map_or(one.name.span, |alias| one.name.span.to(alias.span)))
        };
        let entries: Vec<Loc> = names.iter().map(entry).collect();
        for (at, one) in names.iter().enumerate() {
            let name = one.alias.as_ref().unwrap_or(&one.name);
            if unused(name) {
                let loc = self.program.loc(module, name.span);
                let edits = self.without_entry(&entries, at).unwrap_or_else(|| self.without(item_loc));
                found.push(hints::unused_import(loc, &name.name).fix(format!("take `{}` out", name.name), edits));
            }
        }
    }

    /// Flows whose parameters are set by their place.
    pub(super) fn collect_placed(&mut self) {
        let mut placed = rustc_hash::FxHashSet::default();
        let mut add = |module: usize, path| {
            if let Some(super::program::Callee::Flow(flow)) = self.program.callee(module, path) {
                placed.insert(flow);
            }
        };
        for (at, module) in self.program.modules.iter().enumerate() {
            for item in &module.ast.items {
                match &item.kind {
                    ItemKind::Flow(flow) => flow.clauses.iter().for_each(|clause| match &clause.kind {
                        FlowClauseKind::Before(path) | FlowClauseKind::After(path) | FlowClauseKind::OnError(path) => {
                            add(at, path)
                        }
                        _ => {}
                    }),
                    ItemKind::Policy(policy) => policy.arms.iter().for_each(|arm| {
                        if let Some(PolicyEnd::Escalate(path)) = &arm.then {
                            add(at, path);
                        }
                    }),
                    _ => {}
                }
            }
        }
        self.placed = placed;
    }

    /// `${x}`: the `$` stays in the text. Given the expression behind the brace.
    pub(super) fn literal_dollar(&self, loc: Loc) -> Option<Diagnostic> {
        let text = self.texts.get(loc.file.0 as usize)?;
        let before = text.get(..loc.span.start as usize)?.trim_end().strip_suffix('{')?;
        let start = before.strip_suffix('$')?.len();
        let place = Loc { file: loc.file, span: Span::new(start, start + 1) };
        let inner = self.text_of(loc);
        Some(hints::literal_dollar(place, inner).fix("take the `$` out", vec![(place, String::new())]))
    }
}

fn comments(module: &weir_lang::ast::Module) -> Vec<Span> {
    module.comments.iter().map(|comment| comment.span).collect()
}

/// The words of a module outside its `use`s.
fn outside_uses<'t>(text: &'t str, module: &weir_lang::ast::Module) -> Words<'t> {
    let uses = module.items.iter().filter(|item| matches!(item.kind, ItemKind::Use(_))).map(|item| item.span);
    let mut skipped: Vec<Span> = comments(module).into_iter().chain(uses).collect();
    skipped.sort();
    let mut words = Words::default();
    count(text, &skipped, &mut words);
    words
}

/// Counts the words of a text that stand in none of the places, which are in order.
fn count<'t>(text: &'t str, skipped: &[Span], words: &mut Words<'t>) {
    let mut from = 0;
    let ends = skipped.iter().map(|span| (span.start as usize, span.end as usize));
    for (start, end) in ends.chain([(text.len(), text.len())]) {
        let piece = text.get(from..start.max(from)).unwrap_or("");
        for word in piece.split(|sign: char| !sign.is_alphanumeric() && sign != '_').filter(|word| !word.is_empty()) {
            *words.entry(word).or_default() += 1;
        }
        from = end.max(from);
    }
}
