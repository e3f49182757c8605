//! Paths into parameters, each with a number: `lead.email` of the second parameter.

use super::taint::Atom;
use ecow::EcoString;
use rustc_hash::FxHashMap;

/// The number of a path, the same in every flow.
pub(super) type PathId = u32;

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Step {
    /// A field of a record, a value of a map by its key.
    Field(EcoString),
    /// The elements of a list, the values of a map.
    Elem,
    /// The keys of a map.
    Key,
}

/// Every path that was met.
#[derive(Debug, Default)]
pub(super) struct Paths {
    nodes: Vec<Node>,
    roots: Vec<PathId>,
    index: FxHashMap<(PathId, Step), PathId>,
}

#[derive(Debug)]
struct Node {
    param: usize,
    steps: Vec<Step>,
}

/// Deeper than this nothing is told apart.
pub(super) const DEPTH: usize = 8;

impl Paths {
    /// A parameter by its place.
    pub fn root(&mut self, param: usize) -> PathId {
        while self.roots.len() <= param {
            let id = self.push(Node { param: self.roots.len(), steps: Vec::new() });
            self.roots.push(id);
        }
        self.roots.get(param).copied().unwrap_or_default()
    }

    /// One step further; none where that is too deep.
    pub fn child(&mut self, path: PathId, step: &Step) -> Option<PathId> {
        if let Some(known) = self.index.get(&(path, step.clone())) {
            return Some(*known);
        }
        let node = self.nodes.get(path as usize)?;
        if node.steps.len() >= DEPTH {
            return None;
        }
        let mut steps = node.steps.clone();
        steps.push(step.clone());
        let id = self.push(Node { param: node.param, steps });
        self.index.insert((path, step.clone()), id);
        Some(id)
    }

    fn push(&mut self, node: Node) -> PathId {
        self.nodes.push(node);
        PathId::try_from(self.nodes.len().saturating_sub(1)).unwrap_or(PathId::MAX)
    }

    /// The parameter and the steps of a path.
    pub fn get(&self, path: PathId) -> (usize, &[Step]) {
        self.nodes.get(path as usize).map_or((usize::MAX, &[]), |node| (node.param, node.steps.as_slice()))
    }

    /// Everything at and below a path.
    pub fn deep(path: PathId) -> Atom {
        path << 2
    }

    pub fn of_atom(atom: Atom) -> PathId {
        atom >> 2
    }
}
