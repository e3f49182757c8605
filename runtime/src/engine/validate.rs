//! What a plan asks for and this engine cannot do yet: refused before anything starts, never ignored.

use weir_compiler::plan::{BlockPlan, FlowPlan, Plan, StepKind, Target};
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
        block(flow, &flow.body, &mut lines);
    }
    lines
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
            None => lines.push(format!("argument `{name}: {ty}` of `{}` is missing: add `--arg {name}=…`", flow.name)),
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
    let clauses = &flow.clauses;
    refuse(flow.role == Role::Agent, "agent", "call its tools from a coordinator");
    refuse(clauses.limit.is_some(), "limit", "leave it out, or limit the tool");
    refuse(clauses.concurrency.is_some(), "concurrency", "leave it out");
}

fn block(flow: &FlowPlan, plan: &BlockPlan, lines: &mut Vec<String>) {
    for step in plan.graph.node_weights() {
        match &step.kind {
            StepKind::Act(act) => {
                if let Target::Start { delay: Some(_), .. } = act.target {
                    lines.push(format!(
                        "`{}`, step `{}`: a start with `after` or `at` cannot be carried out yet: `wait` first, or start at once",
                        flow.name, step.name
                    ));
                }
                for arm in act.handlers.iter().flat_map(|layer| &layer.arms) {
                    block(flow, &arm.block, lines);
                }
            }
            StepKind::Branch { arms, .. } => arms.iter().for_each(|arm| block(flow, &arm.block, lines)),
            StepKind::For(plan) => block(flow, &plan.body, lines),
            StepKind::Repeat(plan) => block(flow, &plan.body, lines),
            _ => {}
        }
    }
}
