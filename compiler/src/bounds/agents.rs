//! Agents: a model decides the calls, so only the budget bounds them.

use super::steps::Known;
use super::sum::Sum;
use super::work::{Calls, Work};
use crate::check::Checked;
use crate::check::program::Callee;
use crate::plan::{FlowPlan, Plan};
use ecow::{EcoString, eco_format};
use weir_lang::ast::FlowClauseKind;

/// Work without any bound.
pub(super) fn endless(why: EcoString) -> Work {
    let unbounded = Sum::Unbounded;
    Work {
        attempts: unbounded.clone(),
        cost: unbounded.clone(),
        time: unbounded.clone(),
        depth: unbounded,
        ..Work::default()
    }
    .because(why)
}

/// The work of an agent, before its own budget: every listed tool as often as the model likes.
pub(super) fn work(checked: &Checked, plan: &Plan, flow: &FlowPlan, known: &dyn Known, free: bool) -> Work {
    let mut work = endless(eco_format!("a model decides how often `{}` calls its tools", flow.name));
    let program = &checked.facts.program;
    let Some(place) = program.flow_places.get(&flow.name) else { return work };
    let (Some(decl), Some(tree)) = (program.flows.get(*place), program.flow_ast(*place)) else { return work };
    let often = Calls { calls: Sum::Unbounded, attempts: Sum::Unbounded };
    for clause in &tree.clauses {
        let FlowClauseKind::Tools(paths) = &clause.kind else { continue };
        for path in paths {
            match program.callee(decl.at.module, path) {
                Some(Callee::Tool(tool)) => {
                    let timeout = program.tools.get(&tool).map_or(0, |tool| tool.timeout_ms);
                    work.rest = work.rest.or(&Sum::number(timeout), true);
                    work.tools.insert(tool, often.clone());
                }
                Some(Callee::Flow(listed)) if listed != *place => {
                    let name = program.flows.get(listed).map(|flow| flow.name.clone()).unwrap_or_default();
                    let Some(at) = plan.flows.iter().position(|flow| flow.name == name) else { continue };
                    let below = known.flow(u32::try_from(at).unwrap_or(u32::MAX), free);
                    work.rest = work.rest.or(&below.rest, true);
                    work.tools.extend(below.tools.into_keys().map(|tool| (tool, often.clone())));
                }
                _ => {}
            }
        }
    }
    if let Some(calls) = flow.clauses.budget.calls {
        work.why.clear();
        work = work.because(eco_format!("a model decides the {calls} calls of `{}`", flow.name));
    }
    work
}
