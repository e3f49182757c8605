//! Where the step of a path stands in the text.

use weir_compiler::plan::{Act, BlockPlan, Plan, StepKind, StepPlan, Target};
use weir_lang::span::Loc;

/// The place of the step with this path, in a run of this plan; of the nearest step around it where it has none.
pub fn step_place(plan: &Plan, path: &str) -> Option<Loc> {
    let body = &plan.entry_flow()?.body;
    walk(plan, body, path)
}

fn walk(plan: &Plan, block: &BlockPlan, path: &str) -> Option<Loc> {
    let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let name = first.split_once('[').map_or(first, |(name, _)| name);
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    let step = find(block, name)?;
    let deeper = rest.and_then(|rest| walk(plan, below(plan, step)?, rest));
    Some(deeper.unwrap_or(step.loc))
}

/// The block of a frame below a step.
fn below<'a>(plan: &'a Plan, step: &'a StepPlan) -> Option<&'a BlockPlan> {
    let flow = |at: u32| plan.flows.get(at as usize).map(|flow| &flow.body);
    match &step.kind {
        StepKind::Act(act) => match &act.target {
            Target::Flow { flow: called, .. } => flow(*called),
            _ => None,
        },
        StepKind::Check(check) => flow(check.flow),
        StepKind::For(plan) => Some(&plan.body),
        StepKind::Repeat(plan) => Some(&plan.body),
        _ => None,
    }
}

/// The step of that name in a frame: branches and handlers belong to the frame around them.
fn find<'a>(block: &'a BlockPlan, name: &str) -> Option<&'a StepPlan> {
    block.graph.node_weights().find_map(|step| {
        if step.name == name {
            return Some(step);
        }
        match &step.kind {
            StepKind::Branch { arms, .. } => arms.iter().find_map(|arm| find(&arm.block, name)),
            StepKind::Act(act) => in_handlers(act, name),
            _ => None,
        }
    })
}

fn in_handlers<'a>(act: &'a Act, name: &str) -> Option<&'a StepPlan> {
    act.handlers.iter().flat_map(|layer| &layer.arms).find_map(|arm| find(&arm.block, name))
}
