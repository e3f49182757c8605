//! The label of a value, by field path. What taints a value itself taints all its parts; each part may be tainted
//! more. Labels are shared and never change.

use super::paths::{PathId, Paths, Step};
use super::taint::{OWN, Taint};
use ecow::EcoVec;
use std::rc::Rc;

/// Why which part of a value is not trusted. The default: all of it is trusted.
#[derive(Clone, Debug, Default)]
pub(super) struct Label(Option<Rc<Node>>);

#[derive(Debug)]
pub(super) struct Node {
    /// Of the value and all its parts: a text, or which record or element it is.
    pub own: Taint,
    /// Of a list's length and order, or a map's size: its elements are none the worse for it.
    pub size: Taint,
    /// It may be what stands at these paths of parameters.
    pub syms: EcoVec<PathId>,
    /// Parts that are told apart, sorted. A field that stands here is not looked for in `syms`.
    pub parts: Vec<(Step, Label)>,
    /// All of it.
    deep: Taint,
    weight: u32,
    depth: u8,
}

/// Larger or deeper labels are not told apart by part.
const MAX_WEIGHT: u32 = 1024;
const MAX_DEPTH: u8 = 12;

impl Label {
    pub fn leaf(own: Taint) -> Label {
        Label::new(own, Taint::default(), EcoVec::new(), Vec::new())
    }

    /// What stands at a parameter's path.
    pub fn sym(path: PathId) -> Label {
        Label::new(Taint::default(), Taint::default(), EcoVec::from([path]), Vec::new())
    }

    /// A record with these fields.
    pub fn record(fields: impl IntoIterator<Item = (Step, Label)>) -> Label {
        let mut parts: Vec<(Step, Label)> = fields.into_iter().collect();
        parts.sort_by(|a, b| a.0.cmp(&b.0));
        Label::new(Taint::default(), Taint::default(), EcoVec::new(), parts)
    }

    /// A list of such elements.
    pub fn list(element: Label, size: Taint) -> Label {
        Label::new(Taint::default(), size, EcoVec::new(), vec![(Step::Elem, element)])
    }

    pub fn new(own: Taint, size: Taint, syms: EcoVec<PathId>, parts: Vec<(Step, Label)>) -> Label {
        let mut deep = own.joined(&size);
        deep.add_atoms(syms.iter().map(|sym| Paths::deep(*sym)));
        let (mut weight, mut depth) = (1u32, 0u8);
        for (_, part) in &parts {
            let Some(node) = &part.0 else { continue };
            deep.add(&node.deep);
            weight = weight.saturating_add(node.weight);
            depth = depth.max(node.depth.saturating_add(1));
        }
        if deep.is_empty() {
            return Label(None);
        }
        if weight > MAX_WEIGHT || depth > MAX_DEPTH {
            return Label::leaf(deep);
        }
        Label(Some(Rc::new(Node { own, size, syms, parts, deep, weight, depth })))
    }

    pub fn node(&self) -> Option<&Node> {
        self.0.as_deref()
    }

    pub fn is_clean(&self) -> bool {
        self.0.is_none()
    }

    /// Of the value with all its parts.
    pub fn deep(&self) -> Taint {
        self.node().map(|node| node.deep.clone()).unwrap_or_default()
    }

    /// Of the value alone: its length, its order, whether it is null.
    pub fn own(&self) -> Taint {
        let Some(node) = self.node() else { return Taint::default() };
        self.choice().joined(&node.size)
    }

    /// Of what chose the value, or which elements a list has: not of their order.
    pub fn choice(&self) -> Taint {
        let Some(node) = self.node() else { return Taint::default() };
        let mut own = node.own.clone();
        own.add_atoms(node.syms.iter().map(|sym| Paths::deep(*sym) | OWN));
        own
    }

    /// The label of something computed from it.
    pub fn derived(&self) -> Label {
        Label::leaf(self.deep().computed())
    }

    /// The same value, chosen by something with that taint.
    pub fn steered(&self, by: &Taint) -> Label {
        if by.is_empty() {
            return self.clone();
        }
        match self.node() {
            None => Label::leaf(by.clone()),
            Some(node) => Label::new(node.own.joined(by), node.size.clone(), node.syms.clone(), node.parts.clone()),
        }
    }

    /// The same list in an order or of a length that something with that taint decides.
    pub fn sized(&self, by: &Taint) -> Label {
        if by.is_empty() {
            return self.clone();
        }
        match self.node() {
            None => Label::new(Taint::default(), by.clone(), EcoVec::new(), Vec::new()),
            Some(node) => Label::new(node.own.clone(), node.size.joined(by), node.syms.clone(), node.parts.clone()),
        }
    }

    fn part(&self, step: &Step) -> Option<&Label> {
        let node = self.node()?;
        let at = node.parts.binary_search_by(|(known, _)| known.cmp(step)).ok()?;
        node.parts.get(at).map(|(_, part)| part)
    }

    /// A part, without what taints the whole.
    fn raw(&self, step: &Step, paths: &mut Paths) -> Label {
        let Some(node) = self.node() else { return Label::default() };
        let mut out = match (step, self.part(step)) {
            (Step::Field(_), Some(part)) => return part.clone(),
            (Step::Field(_), None) => self.part(&Step::Elem).cloned().unwrap_or_default(),
            (_, part) => part.cloned().unwrap_or_default(),
        };
        if *step == Step::Elem {
            for (known, part) in &node.parts {
                if matches!(known, Step::Field(_)) {
                    out = out.joined(part, paths);
                }
            }
        }
        for sym in &node.syms {
            let below = match paths.child(*sym, step) {
                Some(path) => Label::sym(path),
                None => Label::leaf(Taint::atom(Paths::deep(*sym))),
            };
            out = out.joined(&below, paths);
        }
        out
    }

    /// A part.
    pub fn project(&self, step: &Step, paths: &mut Paths) -> Label {
        let Some(node) = self.node() else { return Label::default() };
        self.raw(step, paths).steered(&node.own)
    }

    pub fn field(&self, name: &str, paths: &mut Paths) -> Label {
        self.project(&Step::Field(name.into()), paths)
    }

    /// The elements, as a loop meets them.
    pub fn elem(&self, paths: &mut Paths) -> Label {
        self.project(&Step::Elem, paths)
    }

    /// One element that is chosen by its place.
    pub fn item(&self, paths: &mut Paths) -> Label {
        self.elem(paths).steered(&self.own())
    }

    /// What may be the one or the other.
    pub fn joined(&self, other: &Label, paths: &mut Paths) -> Label {
        let (Some(a), Some(b)) = (&self.0, &other.0) else {
            return if self.is_clean() { other.clone() } else { self.clone() };
        };
        if Rc::ptr_eq(a, b) {
            return self.clone();
        }
        let mut syms = a.syms.clone();
        for sym in &b.syms {
            if !syms.contains(sym) {
                syms.push(*sym);
            }
        }
        let mut steps: Vec<&Step> = a.parts.iter().chain(&b.parts).map(|(step, _)| step).collect();
        steps.sort_unstable();
        steps.dedup();
        let mut parts = Vec::with_capacity(steps.len());
        for step in steps {
            let part = match step {
                Step::Field(_) => self.raw(step, paths).joined(&other.raw(step, paths), paths),
                _ => {
                    let (x, y) = (self.part(step).cloned(), other.part(step).cloned());
                    x.unwrap_or_default().joined(&y.unwrap_or_default(), paths)
                }
            };
            parts.push((step.clone(), part));
        }
        Label::new(a.own.joined(&b.own), a.size.joined(&b.size), syms, parts)
    }

    /// The same with its own taint moved into its parts.
    pub fn pushed(&self, paths: &mut Paths) -> Label {
        let Some(node) = self.node().filter(|node| !node.own.is_empty()) else { return self.clone() };
        let mut parts: Vec<(Step, Label)> =
            node.parts.iter().map(|(step, part)| (step.clone(), part.steered(&node.own))).collect();
        let rest = Label::leaf(node.own.clone());
        match parts.iter_mut().find(|(step, _)| *step == Step::Elem) {
            Some((_, elem)) => *elem = elem.joined(&rest, paths),
            None => {
                parts.push((Step::Elem, rest));
                parts.sort_by(|a, b| a.0.cmp(&b.0));
            }
        }
        Label::new(Taint::default(), node.size.clone(), node.syms.clone(), parts)
    }

    /// The same with one part replaced.
    pub fn with(&self, step: &Step, part: Label, paths: &mut Paths) -> Label {
        if self.is_clean() && part.is_clean() {
            return Label::default();
        }
        let base = self.pushed(paths);
        let node = base.node();
        let mut parts = node.map(|node| node.parts.clone()).unwrap_or_default();
        let mut size = node.map(|node| node.size.clone()).unwrap_or_default();
        let mut syms = node.map(|node| node.syms.clone()).unwrap_or_default();
        if *step == Step::Elem {
            size = base.own().joined(&self.own());
            syms = EcoVec::new();
            parts.clear();
        }
        parts.retain(|(known, _)| known != step);
        parts.push((step.clone(), part));
        parts.sort_by(|a, b| a.0.cmp(&b.0));
        Label::new(Taint::default(), size, syms, parts)
    }

    /// Every taint in it through `change`.
    pub fn map(&self, change: &mut dyn FnMut(&Taint) -> Taint) -> Label {
        let Some(node) = self.node() else { return Label::default() };
        let parts = node.parts.iter().map(|(step, part)| (step.clone(), part.map(change))).collect();
        Label::new(change(&node.own), change(&node.size), node.syms.clone(), parts)
    }

    /// The same but for where it comes from.
    pub fn same(&self, other: &Label) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(a), Some(b)) => {
                Rc::ptr_eq(a, b)
                    || (a.own.same(&b.own)
                        && a.size.same(&b.size)
                        && a.syms == b.syms
                        && a.parts.len() == b.parts.len()
                        && a.parts.iter().zip(&b.parts).all(|(x, y)| x.0 == y.0 && x.1.same(&y.1)))
            }
            _ => false,
        }
    }
}
