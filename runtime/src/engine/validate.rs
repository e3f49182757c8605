//! What a plan asks for and this engine cannot do yet: refused before anything starts, never ignored.

use weir_compiler::plan::{Act, BlockPlan, FlowPlan, Plan, StepKind, StepPlan, Target};
use weir_lang::ast::Role;
use weir_stdlib::narrow;
use weir_stdlib::value::Value;

/// One line for each flow and clause that cannot be carried out yet; empty: it can run.
pub fn validate(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    if plan.entry_flow().is_none() {
        lines.push("the plan has no entry flow".to_owned());
    }
    for flow in &plan.flows {
        clauses(flow, &mut lines);
        limited_calls(plan, flow, &mut lines);
    }
    lines
}

/// One line for each argument of the entry flow that reaches a place which data from outside must not steer; empty: the
/// flow can be started with such arguments.
pub fn from_outside(plan: &Plan) -> Vec<String> {
    let Some(flow) = plan.entry_flow() else { return Vec::new() };
    let line = |steered| {
        let why = "the arguments of this run come from outside";
        format!("{steered}, and {why}: endorse it in `{}` first (`require … in …`, `check`)", flow.name)
    };
    flow.steered.iter().map(line).collect()
}

/// One line for each argument of the entry flow that is missing, unknown or does not fit; empty: it can start.
pub fn check_args(plan: &Plan, args: &Value) -> Vec<String> {
    let Some(flow) = plan.entry_flow() else { return vec!["the plan has no entry flow".to_owned()] };
    let Some(given) = args.as_record() else {
        return vec![format!("the arguments of `{}` are a record, found {}", flow.name, args.kind())];
    };
    let mut lines = Vec::new();
    for param in &flow.params {
        let (name, ty) = (&param.name, &param.ty.ty);
        match given.fields.get(name) {
            Some(value) if value.is_null() && param.optional => {}
            Some(value) => {
                if let Err(misfit) = narrow(value, &param.ty, &plan.types) {
                    lines.push(format!("argument `{name}: {ty}` of `{}`: {misfit}", flow.name));
                }
            }
            None if param.optional || param.default.is_some() || ty.has_null(&plan.types) => {}
            None => lines.push(format!("argument `{name}: {ty}` of `{}` is missing", flow.name)),
        }
    }
    for name in given.fields.keys().filter(|name| !flow.params.iter().any(|param| param.name == **name)) {
        let known: Vec<String> = flow.params.iter().map(|param| format!("`{}`", param.name)).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        lines.push(format!("`{}` has no argument `{name}`; it takes {known}", flow.name));
    }
    lines
}

fn clauses(flow: &FlowPlan, lines: &mut Vec<String>) {
    let name = &flow.name;
    let mut refuse = |has: bool, clause: &str, instead: &str| {
        if has {
            lines.push(format!("`{name}`: `{clause}` cannot be carried out yet: {instead}"));
        }
    };
    refuse(flow.role == Role::Agent, "agent", "call its tools from a coordinator");
}

/// One line for each call of a flow that limits its runs: what is called is no run of its own.
fn limited_calls(plan: &Plan, flow: &FlowPlan, lines: &mut Vec<String>) {
    acts(&flow.body, &mut |step, act| {
        let undo = act.undo.as_ref().map(|undo| &undo.target);
        for target in std::iter::once(&act.target).chain(undo) {
            let Target::Flow { flow: called, .. } = target else { continue };
            let Some(called) = plan.flows.get(*called as usize) else { continue };
            let clauses = &called.clauses;
            let clause = if clauses.limit.is_some() { "limit" } else { "concurrency" };
            if clauses.limit.is_some() || clauses.concurrency.is_some() {
                lines.push(format!(
                    "`{}`, step `{}`: `{}` limits its runs (`{clause}`), and a call is no run of its own: `start` it, or put \
                     the clause on `{}`",
                    flow.name, step.name, called.name, flow.name
                ));
            }
        }
    });
}

/// One line for each start that is to happen later.
pub(super) fn delayed(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for flow in &plan.flows {
        acts(&flow.body, &mut |step, act| {
            if let Target::Start { delay: Some(_), .. } = act.target {
                lines.push(format!(
                    "`{}`, step `{}`: what is started `after` a while or `at` a time needs a journal that stays: leave out \
                     `--ephemeral`",
                    flow.name, step.name
                ));
            }
        });
    }
    lines
}

/// Every step that does something outside, in the blocks inside too.
fn acts(plan: &BlockPlan, see: &mut dyn FnMut(&StepPlan, &Act)) {
    for step in plan.graph.node_weights() {
        match &step.kind {
            StepKind::Act(act) => {
                see(step, act);
                for arm in act.handlers.iter().flat_map(|layer| &layer.arms) {
                    acts(&arm.block, see);
                }
            }
            StepKind::Branch { arms, .. } => arms.iter().for_each(|arm| acts(&arm.block, see)),
            StepKind::For(plan) => acts(&plan.body, see),
            StepKind::Repeat(plan) => acts(&plan.body, see),
            _ => {}
        }
    }
}
