//! Scopes while lowering: frames of slots, locals of pure code, and the block that steps are added to.

use crate::plan::{BlockPlan, Edge, EffectClass, StepPlan};
use ecow::EcoString;
use petgraph::graph::{DiGraph, NodeIndex};
use rustc_hash::FxHashMap;
use weir_stdlib::pure::Pure;

/// Where a name's value is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// A slot of the frame at that level (0: the flow's own).
    Slot { level: usize, at: u16 },
    /// A local of the pure code that is being lowered.
    Local(u16),
    /// An expression that stands for it (`it` in an `undo`, an earlier argument in a default).
    Stands(Pure, usize),
}

/// A frame: the flow's, or a loop's round.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// Slots given out.
    pub slots: u16,
    /// How often a step name was used.
    names: FxHashMap<EcoString, u32>,
}

impl Frame {
    /// The next slot.
    pub fn slot(&mut self) -> u16 {
        let at = self.slots;
        self.slots = self.slots.saturating_add(1);
        at
    }

    /// A name that no other step of the frame has: `name`, then `name#2`, `name#3`.
    pub fn unique(&mut self, name: &str) -> EcoString {
        let count = self.names.entry(name.into()).or_insert(0);
        *count += 1;
        if *count == 1 { name.into() } else { ecow::eco_format!("{name}#{count}") }
    }
}

/// A block that is being built: every step gets its edges when it is added.
#[derive(Debug, Default)]
pub(super) struct Builder {
    graph: DiGraph<StepPlan, Edge>,
    barrier: Option<NodeIndex>,
    since: Vec<NodeIndex>,
    producers: FxHashMap<u16, NodeIndex>,
    last_yield: Option<NodeIndex>,
}

impl Builder {
    /// Adds a step behind everything that it has to wait for.
    pub fn add(&mut self, step: StepPlan, writes: &[u16]) {
        let reads = super::reads::slots_read(&step.kind);
        let yields = super::reads::yields(&step.kind);
        let is_barrier = step.effect == EffectClass::Barrier;
        let mut before: Vec<(NodeIndex, Edge)> = Vec::new();
        for slot in reads {
            if let Some(node) = self.producers.get(&slot) {
                push(&mut before, *node, Edge::Data);
            }
        }
        if is_barrier {
            self.since.iter().for_each(|node| push(&mut before, *node, Edge::Order));
        }
        if let Some(barrier) = self.barrier.filter(|_| !is_barrier || self.since.is_empty()) {
            push(&mut before, barrier, Edge::Order);
        }
        if let Some(earlier) = self.last_yield.filter(|_| yields) {
            push(&mut before, earlier, Edge::Order);
        }
        let node = self.graph.add_node(step);
        for (from, edge) in before {
            self.graph.add_edge(from, node, edge);
        }
        if is_barrier {
            self.barrier = Some(node);
            self.since.clear();
        } else {
            self.since.push(node);
        }
        if yields {
            self.last_yield = Some(node);
        }
        for slot in writes {
            self.producers.insert(*slot, node);
        }
    }

    /// The finished block.
    pub fn finish(self, value: Option<Pure>) -> BlockPlan {
        BlockPlan { graph: self.graph, value }
    }
}

fn push(before: &mut Vec<(NodeIndex, Edge)>, node: NodeIndex, edge: Edge) {
    if !before.iter().any(|(had, _)| *had == node) {
        before.push((node, edge));
    }
}
