//! What a flow may use up: its own `budget`, and in a run that another one started what was left there. So nothing gets
//! out of a budget by way of runs that it starts. Time is not handed on: a run may be started for later.

use super::Machine;
use super::code::Code;
use super::event::Allowance;
use super::failure::Fallible;
use super::state::{Caller, Flow, FlowId};
use std::fmt::Display;
use weir_compiler::plan::Budget;

/// One upper bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound<T> {
    pub number: T,
    /// It is what was left to the flow that started the run.
    handed_on: bool,
}

impl<T: Display + PartialOrd + Copy> Bound<T> {
    /// The smaller one of the flow's own and what was handed on.
    fn least(own: Option<T>, handed_on: Option<T>) -> Option<Bound<T>> {
        match (own, handed_on) {
            (own, Some(number)) if own.is_none_or(|own| number < own) => Some(Bound { number, handed_on: true }),
            (own, _) => own.map(|number| Bound { number, handed_on: false }),
        }
    }

    /// In words.
    pub(super) fn of(self, before: &str, behind: &str) -> String {
        let whose = if self.handed_on { ", all that was left to the run that started this one" } else { "" };
        format!("{before}{}{behind}{whose}", self.number)
    }
}

/// What a flow may use up.
pub(super) struct Most {
    pub calls: Option<Bound<u64>>,
    pub cost: Option<Bound<f64>>,
    pub depth: Option<Bound<u64>>,
}

impl Most {
    fn of(own: Option<&Budget>, handed_on: Option<&Allowance>) -> Most {
        Most {
            calls: Bound::least(own.and_then(|own| own.calls), handed_on.and_then(|left| left.calls)),
            cost: Bound::least(own.and_then(|own| own.cost), handed_on.and_then(|left| left.cost)),
            depth: Bound::least(own.and_then(|own| own.depth), handed_on.and_then(|left| left.levels)),
        }
    }
}

impl Machine {
    /// What a flow may use up.
    pub(super) fn most(&self, code: &Code, flow: &Flow) -> Most {
        let handed_on = self.run.allowance.as_ref().filter(|_| matches!(flow.caller, Caller::Entry));
        Most::of(code.flow(flow.code).map(|plan| &plan.clauses.budget), handed_on)
    }

    /// Whether the flows around let there be a flow, or a run, this deep.
    pub(super) fn within_depth(&mut self, code: &Code, around: Option<FlowId>, depth: u64) -> Fallible<()> {
        let mut at = around;
        while let Some(id) = at {
            let Some(flow) = self.flows.get(id) else { break };
            let most = self.most(code, flow).depth;
            if let Some(most) = most.filter(|most| depth - flow.depth > most.number) {
                return Err(self.spent(id, &most.of("a depth of ", "")));
            }
            at = self.flow_around(id);
        }
        Ok(())
    }

    /// Whether a flow may start a run: it is one level deeper. What undoes may, and so could all flows of an earlier Weir.
    pub(super) fn deep_enough_to_start(&mut self, code: &Code, flow: FlowId) -> Fallible<()> {
        if self.run.allowance.is_none() {
            return Ok(());
        }
        match self.flows.get(flow).filter(|flow| !flow.exempt).map(|flow| flow.depth + 1) {
            Some(depth) => self.within_depth(code, Some(flow), depth),
            None => Ok(()),
        }
    }

    /// What a run has that a flow starts now: the least that is left to the flow and to those around it. What undoes
    /// hands no budget on.
    pub(super) fn left(&self, code: &Code, starter: FlowId) -> Allowance {
        let depth = self.flows.get(starter).map_or(0, |flow| flow.depth) + 1;
        let above = self.run.allowance.as_ref().map_or(0, |allowance| allowance.depth);
        let mut left = Allowance { depth: above + depth, ..Allowance::default() };
        let mut at = Some(starter);
        while let Some((id, flow)) = at.and_then(|id| Some((id, self.flows.get(id)?))).filter(|(_, flow)| !flow.exempt)
        {
            let most = self.most(code, flow);
            less(&mut left.calls, most.calls.map(|most| most.number.saturating_sub(flow.calls)));
            less(&mut left.cost, most.cost.map(|most| rounded(most.number - flow.cost)));
            less(&mut left.levels, most.depth.map(|most| most.number.saturating_sub(depth - flow.depth)));
            at = self.flow_around(id);
        }
        left
    }

    /// What the run may still use up. None: it has no budget but of time.
    pub(crate) fn budget_left(&self, allowance: Option<&Allowance>) -> Option<(Option<u64>, Option<f64>, Option<u64>)> {
        let most = Most::of(self.code.plan.entry_flow().map(|plan| &plan.clauses.budget), allowance);
        let (calls, cost) = self.run.charged;
        let calls = most.calls.map(|most| most.number.saturating_sub(calls));
        let cost = most.cost.map(|most| rounded(most.number - cost));
        let depth = most.depth.map(|most| most.number);
        (calls.is_some() || cost.is_some() || depth.is_some()).then_some((calls, cost, depth))
    }
}

fn less<T: PartialOrd>(least: &mut Option<T>, other: Option<T>) {
    if let Some(other) = other
        && least.as_ref().is_none_or(|least| other < *least)
    {
        *least = Some(other);
    }
}

/// A cost without what adding up has blurred; never below nothing.
fn rounded(cost: f64) -> f64 {
    (cost.max(0.0) * 1e9).round() / 1e9
}
