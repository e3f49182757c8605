//! In which order the flows of a plan are read: called ones first.

use crate::plan::{BlockPlan, Plan, StepKind, StepPlan, Target};
use petgraph::graph::DiGraph;
use rustc_hash::FxHashSet;

/// The flows, called ones first; those that call each other in some order.
pub(super) fn called_first(plan: &Plan) -> Vec<u32> {
    let mut graph = DiGraph::<u32, ()>::new();
    let numbers = 0..u32::try_from(plan.flows.len()).unwrap_or(u32::MAX);
    let nodes: Vec<_> = numbers.map(|at| graph.add_node(at)).collect();
    for (flow, node) in plan.flows.iter().zip(&nodes) {
        each_call(&flow.body, &mut |to, _| {
            if let Some(to) = nodes.get(to as usize) {
                graph.update_edge(*node, *to, ());
            }
        });
        if let Some(before) = flow.clauses.before.and_then(|before| nodes.get(before as usize)) {
            graph.update_edge(*node, *before, ());
        }
    }
    // Kosaraju's way needs no recursion: a chain of flows may be long.
    let groups = petgraph::algo::kosaraju_scc(&graph);
    groups.into_iter().flatten().filter_map(|node| graph.node_weight(node).copied()).collect()
}

/// The flows that something is undone with, and those that they call.
pub(super) fn undone_with(plan: &Plan) -> FxHashSet<u32> {
    let mut open = Vec::new();
    for flow in &plan.flows {
        each_call(&flow.body, &mut |to, undo| {
            if undo {
                open.push(to);
            }
        });
    }
    let mut found = FxHashSet::default();
    while let Some(place) = open.pop() {
        if found.insert(place)
            && let Some(flow) = plan.flows.get(place as usize)
        {
            each_call(&flow.body, &mut |to, _| open.push(to));
        }
    }
    found
}

/// Every flow that a block calls, checks with, or undoes with.
fn each_call(block: &BlockPlan, found: &mut dyn FnMut(u32, bool)) {
    block.graph.node_weights().for_each(|step| step_calls(step, found));
}

fn step_calls(step: &StepPlan, found: &mut dyn FnMut(u32, bool)) {
    match &step.kind {
        StepKind::Act(act) => {
            if let Target::Flow { flow, .. } = &act.target {
                found(*flow, false);
            }
            if let Some(Target::Flow { flow, .. }) = act.undo.as_ref().map(|undo| &undo.target) {
                found(*flow, true);
            }
            act.handlers.iter().flat_map(|handler| &handler.arms).for_each(|arm| each_call(&arm.block, found));
        }
        StepKind::Check(check) => found(check.flow, false),
        StepKind::Branch { arms, .. } => arms.iter().for_each(|arm| each_call(&arm.block, found)),
        StepKind::For(plan) => each_call(&plan.body, found),
        StepKind::Repeat(plan) => each_call(&plan.body, found),
        _ => {}
    }
}
