//! What a flow comes to at least, in any run that ends well: what no budget can be below. Whatever may be left out,
//! fail and be caught, or not be reached counts nothing.

use super::steps::billionths;
use crate::plan::{Act, BlockPlan, CheckPlan, Plan, StepKind, StepPlan, Target};
use weir_lang::ast::Role;
use weir_stdlib::pure::Pure;
use weir_stdlib::value::{Data, Value};

/// A lower bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// Attempts of tools.
    pub calls: u64,
    /// Milliseconds.
    pub time: u64,
    /// Billionths.
    pub cost: u64,
    /// Flow calls inside each other; a start is one.
    pub depth: u64,
}

impl Needs {
    fn then(self, next: Needs) -> Needs {
        Needs {
            calls: self.calls.saturating_add(next.calls),
            time: self.time.saturating_add(next.time),
            cost: self.cost.saturating_add(next.cost),
            depth: self.depth.max(next.depth),
        }
    }

    fn or(self, other: Needs) -> Needs {
        Needs {
            calls: self.calls.min(other.calls),
            time: self.time.min(other.time),
            cost: self.cost.min(other.cost),
            depth: self.depth.min(other.depth),
        }
    }

    fn times(self, count: u64) -> Needs {
        if count == 0 {
            return Needs::default();
        }
        Needs {
            calls: self.calls.saturating_mul(count),
            time: self.time.saturating_mul(count),
            cost: self.cost.saturating_mul(count),
            depth: self.depth,
        }
    }
}

/// How a block can end well: by its last step, by a `return`.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    through: Option<Needs>,
    returns: Option<Needs>,
}

fn least(left: Option<Needs>, right: Option<Needs>) -> Option<Needs> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.or(right)),
        (one, other) => one.or(other),
    }
}

/// The lower bounds of every flow.
pub(super) struct Least {
    flows: Vec<Option<Needs>>,
}

impl Least {
    /// Reads all flows, called ones first.
    pub fn read(plan: &Plan, order: &[u32]) -> Least {
        let mut out = Least { flows: vec![Some(Needs::default()); plan.flows.len()] };
        for place in order {
            let Some(flow) = plan.flows.get(*place as usize).filter(|flow| flow.role != Role::Agent) else { continue };
            let ends = out.block(plan, &flow.body, flow.role == Role::Delivery);
            if let Some(slot) = out.flows.get_mut(*place as usize) {
                *slot = least(ends.through, ends.returns);
            }
        }
        out
    }

    /// The lower bound of a flow; none where it never ends well.
    pub fn of(&self, flow: usize) -> Option<Needs> {
        self.flows.get(flow).copied().flatten()
    }

    fn called(&self, flow: u32) -> Option<Needs> {
        let mut needs = self.flows.get(flow as usize).copied().flatten()?;
        needs.depth = needs.depth.saturating_add(1);
        Some(needs)
    }

    fn block(&self, plan: &Plan, block: &BlockPlan, delivery: bool) -> Ends {
        let mut ends = Ends { through: Some(Needs::default()), returns: None };
        for step in block.graph.node_weights() {
            let Some(before) = ends.through else { break };
            let one = self.step(plan, step, delivery);
            ends.returns = least(ends.returns, one.returns.map(|needs| before.then(needs)));
            ends.through = one.through.map(|needs| before.then(needs));
        }
        ends
    }

    fn step(&self, plan: &Plan, step: &StepPlan, delivery: bool) -> Ends {
        let through = |needs| Ends { through: Some(needs), returns: None };
        match &step.kind {
            StepKind::Act(act) => self.act(plan, act, delivery),
            StepKind::Check(check) => Ends { through: self.check(plan, check), returns: None },
            StepKind::Branch { arms, .. } => {
                let mut all = Ends::default();
                for arm in arms {
                    let one = self.block(plan, &arm.block, delivery);
                    all.through = least(all.through, one.through);
                    all.returns = least(all.returns, one.returns);
                }
                all
            }
            StepKind::For(loops) => {
                let rounds = length(&loops.source);
                let body = self.block(plan, &loops.body, delivery);
                let beside = loops.parallel.is_some();
                let mut needs = least(body.through, body.returns).unwrap_or_default().times(rounds);
                // Side by side, or a record that is left out early: only what one round takes is sure, if that.
                if beside {
                    needs.time = 0;
                }
                through(if drops(&loops.body) { Needs::default() } else { needs })
            }
            StepKind::Wait(Pure::Const(Value { data: Data::Duration(ms), .. })) => {
                through(Needs { time: u64::try_from(*ms).unwrap_or(0), ..Needs::default() })
            }
            StepKind::Return(_) => Ends { through: None, returns: Some(Needs::default()) },
            StepKind::Exit(crate::plan::Exit::Raise { .. }) => Ends::default(),
            _ => through(Needs::default()),
        }
    }

    fn check(&self, plan: &Plan, check: &CheckPlan) -> Option<Needs> {
        let function = plan.flows.get(check.flow as usize).is_some_and(|flow| flow.function.is_some());
        if function || check.each {
            return Some(Needs::default());
        }
        self.called(check.flow)
    }

    fn act(&self, plan: &Plan, act: &Act, delivery: bool) -> Ends {
        let nothing = Ends { through: Some(Needs::default()), returns: None };
        // A closed gate ends a delivery before it sends; what is caught may not have been tried.
        if !act.handlers.is_empty() {
            return nothing;
        }
        match &act.target {
            Target::Tool { tool, .. } => {
                let Some(tool) = plan.tools.get(tool) else { return nothing };
                if delivery && tool.sends() {
                    return Ends { through: None, returns: Some(Needs::default()) };
                }
                let needs = Needs { calls: 1, cost: billionths(tool.cost), ..Needs::default() };
                Ends { through: Some(needs), returns: None }
            }
            Target::Flow { flow, .. } => {
                let Some(callee) = plan.flows.get(*flow as usize) else { return nothing };
                // Their failures do not count; a monitor may be left out.
                if callee.function.is_some() || matches!(callee.role, Role::Monitor | Role::Archiver | Role::Agent) {
                    return nothing;
                }
                Ends { through: self.called(*flow), returns: None }
            }
            Target::Start { .. } => Ends { through: Some(Needs { depth: 1, ..Needs::default() }), returns: None },
            _ => nothing,
        }
    }
}

/// The length of a list that is known.
fn length(source: &Pure) -> u64 {
    match source {
        Pure::Const(value) => value.as_list().map_or(0, <[Value]>::len) as u64,
        Pure::List(items) => {
            items.iter().filter(|item| matches!(item, weir_stdlib::pure::PureItem::One(_))).count() as u64
        }
        Pure::Range(lo, hi) => match (&**lo, &**hi) {
            (Pure::Const(lo), Pure::Const(hi)) => match (lo.as_int(), hi.as_int()) {
                (Some(lo), Some(hi)) => u64::try_from(i128::from(hi) - i128::from(lo) + 1).unwrap_or(0),
                _ => 0,
            },
            _ => 0,
        },
        _ => 0,
    }
}

/// Whether a round may end early.
fn drops(block: &BlockPlan) -> bool {
    block.graph.node_weights().any(|step| match &step.kind {
        StepKind::Exit(crate::plan::Exit::Drop(_)) => true,
        StepKind::Require { otherwise: crate::plan::Exit::Drop(_), .. } => true,
        StepKind::Branch { arms, .. } => arms.iter().any(|arm| drops(&arm.block)),
        StepKind::Act(act) => act.handlers.iter().flat_map(|handler| &handler.arms).any(|arm| drops(&arm.block)),
        _ => false,
    })
}
