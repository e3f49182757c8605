//! Bounds: what a flow comes to at most, as formulas over the sizes of its inputs, and what its budget has to say to
//! that. Read off the plans, so that what is bounded is what runs.
//!
//! Not counted, since no program says it: the patience that a server asks for (`retry-after`, an hour for each retry
//! at most), the time that calls queue for a tool's limits, the pauses of a run and the time until a person has looked
//! at what needs attention.

mod agents;
mod errors;
mod least;
mod order;
mod scope;
mod show;
mod source;
mod steps;
mod sum;
mod work;

pub use show::{Unit, cost, duration};
pub use source::{Part, Root, Source};
pub use sum::{Atom, Sum};

use crate::check::Checked;
use crate::plan::{Budget, FlowPlan, Plan};
use ecow::EcoString;
use least::Least;
use rustc_hash::FxHashMap;
use scope::Scope;
use std::collections::BTreeSet;
use steps::{Known, Steps, billionths, limited};
use weir_lang::ast::{FlowClauseKind, Role};
use weir_lang::diagnostic::Diagnostic;
use weir_lang::span::Loc;
use work::Work;

/// The worst case of a flow.
#[derive(Clone, Debug)]
pub struct Bound {
    /// Full name.
    pub flow: EcoString,
    /// Its role.
    pub role: Role,
    /// Where its name stands.
    pub loc: Loc,
    /// Every tool that it may call, itself or below.
    pub tools: Vec<ToolBound>,
    /// Attempts of all tools.
    pub attempts: Sum,
    /// Milliseconds from start to end, without undoing.
    pub time: Sum,
    /// Billionths of what tools cost.
    pub cost: Sum,
    /// Questions to people.
    pub asks: Sum,
    /// Runs of their own that it starts, by flow.
    pub starts: Vec<(EcoString, Sum)>,
    /// Calls that take something back, each counted once: they are tried until they succeed.
    pub undo: Vec<(EcoString, Sum)>,
    /// Milliseconds that undoing takes where every call succeeds at once.
    pub undo_time: Sum,
    /// Flow calls inside each other.
    pub depth: Sum,
    /// Why something has no bound.
    pub why: BTreeSet<EcoString>,
    /// Each part of its `budget`, and its `timeout`.
    pub budget: Vec<Limit>,
}

/// A tool in a [`Bound`].
#[derive(Clone, Debug)]
pub struct ToolBound {
    /// `server.tool`
    pub tool: EcoString,
    /// How often a step calls it.
    pub calls: Sum,
    /// The same with retries and polls.
    pub attempts: Sum,
}

/// A limit that a flow sets itself.
#[derive(Clone, Debug)]
pub struct Limit {
    /// `calls`, `time`, `cost`, `depth` or `timeout`.
    pub what: &'static str,
    /// The number, in [`Limit::unit`]s.
    pub most: u64,
    /// What the numbers are.
    pub unit: Unit,
    /// What the flow comes to without the limit.
    pub needs: Sum,
    /// What is known.
    pub verdict: Verdict,
}

/// What is known of a limit before any run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It cannot be exceeded.
    Proven,
    /// It depends on the sizes of inputs.
    Depends,
    /// It may be exceeded whatever the inputs are; the limit then ends the flow.
    Limits,
}

impl Checked {
    /// The worst case of every flow, in the order of the files. Empty while the project has errors.
    pub fn bounds(&self) -> Vec<Bound> {
        let places: Vec<usize> = (0..self.facts.program.flows.len()).collect();
        if self.has_errors() {
            return Vec::new();
        }
        let Some(plan) = crate::lower::lower_all(self, &places) else { return Vec::new() };
        let book = Book::read(self, &plan);
        let found = self.flows.values().filter_map(|flow| {
            let place = plan.flows.iter().position(|one| one.name == flow.name)?;
            book.bound(&plan, place, flow.loc)
        });
        let mut found: Vec<Bound> = found.collect();
        found.sort_by_key(|bound| bound.loc);
        found
    }

    /// Budgets that a flow exceeds even where nothing fails. A `timeout` may be meant to run out.
    pub(crate) fn exceeded(&self) -> Vec<Diagnostic> {
        let limited = |flow: &usize| {
            let tree = self.facts.program.flow_ast(*flow);
            tree.is_some_and(|tree| tree.clauses.iter().any(|clause| matches!(clause.kind, FlowClauseKind::Budget(_))))
        };
        let places: Vec<usize> = (0..self.facts.program.flows.len()).filter(limited).collect();
        if places.is_empty() || self.has_errors() {
            return Vec::new();
        }
        let Some(plan) = crate::lower::lower_all(self, &places) else { return Vec::new() };
        let order = order::called_first(&plan);
        let least = Least::read(&plan, &order);
        plan.flows.iter().enumerate().flat_map(|(at, flow)| self.exceeds(flow, at, &least)).collect()
    }

    fn exceeds(&self, flow: &FlowPlan, at: usize, least: &Least) -> Vec<Diagnostic> {
        let program = &self.facts.program;
        let Some(place) = program.flow_places.get(&flow.name) else { return Vec::new() };
        let (Some(decl), Some(tree)) = (program.flows.get(*place), program.flow_ast(*place)) else { return Vec::new() };
        let Some(needs) = least.of(at) else { return Vec::new() };
        let Budget { calls, time_ms, cost, depth } = flow.clauses.budget;
        let over = |most: Option<u64>, needs: u64| most.filter(|most| needs > *most);
        let mut found = Vec::new();
        for clause in &tree.clauses {
            let loc = program.loc(decl.at.module, clause.span);
            let mut say = |most: Option<u64>, needs: u64, unit: Unit, word: &str| {
                if let Some(most) = over(most, needs) {
                    found.push(errors::budget_exceeded(
                        loc,
                        &flow.name,
                        word,
                        &unit.quantity(needs),
                        &unit.quantity(most),
                    ));
                }
            };
            if matches!(clause.kind, FlowClauseKind::Budget(_)) {
                say(calls, needs.calls, Unit::Count, "calls");
                say(time_ms, needs.time, Unit::Time, "time");
                say(cost.map(billionths), needs.cost, Unit::Cost, "cost");
                say(depth, needs.depth, Unit::Count, "depth");
            }
        }
        found.truncate(1);
        found
    }
}

/// The work of every flow of a plan.
struct Book {
    /// By flow, and whether limits hold. The second: before the flow's own limits.
    works: FxHashMap<(u32, bool), (Work, Work)>,
}

impl Known for Book {
    fn flow(&self, flow: u32, free: bool) -> Work {
        match self.works.get(&(flow, free)) {
            Some((_, work)) => work.clone(),
            None => agents::endless("flows call each other without end".into()),
        }
    }
}

impl Book {
    /// Reads all flows, called ones first. Flows that call each other have no bound but their budgets.
    fn read(checked: &Checked, plan: &Plan) -> Book {
        let mut book = Book { works: FxHashMap::default() };
        let order = order::called_first(plan);
        let undone = order::undone_with(plan);
        for place in order {
            let Some(flow) = plan.flows.get(place as usize) else { continue };
            for free in [false, true] {
                if free && !undone.contains(&place) {
                    continue;
                }
                let raw = book.work(checked, plan, flow, free);
                let kept = if free { raw.clone() } else { limited(flow, raw.clone()) };
                book.works.insert((place, free), (raw, kept));
            }
        }
        book
    }

    fn work(&self, checked: &Checked, plan: &Plan, flow: &FlowPlan, free: bool) -> Work {
        if flow.role == Role::Agent {
            return agents::work(checked, plan, flow, self, free);
        }
        let mut steps = Steps { plan, scope: Scope::new(plan, flow), known: self, free };
        let mut work = steps.block(&flow.body);
        for hook in [flow.clauses.after, flow.clauses.on_error].into_iter().flatten() {
            if let Some(hook) = plan.flows.get(hook as usize) {
                let slot = work.starts.entry(hook.name.clone()).or_default();
                *slot = slot.plus(&Sum::number(1));
            }
        }
        work
    }

    fn bound(&self, plan: &Plan, place: usize, loc: Loc) -> Option<Bound> {
        let flow = plan.flows.get(place)?;
        let (raw, work) = self.works.get(&(u32::try_from(place).ok()?, false))?;
        let tools = work.tools.iter().map(|(tool, calls)| ToolBound {
            tool: tool.clone(),
            calls: calls.calls.clone(),
            attempts: calls.attempts.clone(),
        });
        Some(Bound {
            flow: flow.name.clone(),
            role: flow.role,
            loc,
            tools: tools.collect(),
            attempts: work.attempts.clone(),
            time: work.time.clone(),
            cost: work.cost.clone(),
            asks: work.asks.clone(),
            starts: work.starts.iter().map(|(flow, count)| (flow.clone(), count.clone())).collect(),
            undo: work.undo.iter().map(|(tool, count)| (tool.clone(), count.clone())).collect(),
            undo_time: work.undo_time.clone(),
            depth: work.depth.clone(),
            why: work.why.clone(),
            budget: limits(flow, raw),
        })
    }
}

fn limits(flow: &FlowPlan, raw: &Work) -> Vec<Limit> {
    let budget = &flow.clauses.budget;
    let rows = [
        ("calls", budget.calls, Unit::Count, &raw.attempts),
        ("time", budget.time_ms, Unit::Time, &raw.time),
        ("cost", budget.cost.map(billionths), Unit::Cost, &raw.cost),
        ("depth", budget.depth, Unit::Count, &raw.depth),
        ("timeout", flow.clauses.timeout_ms, Unit::Time, &raw.time),
    ];
    rows.into_iter()
        .filter_map(|(what, most, unit, needs)| {
            let most = most?;
            let verdict = match (needs, needs.constant()) {
                (_, Some(number)) if number <= most => Verdict::Proven,
                (Sum::Unbounded, _) | (_, Some(_)) => Verdict::Limits,
                _ => Verdict::Depends,
            };
            Some(Limit { what, most, unit, needs: needs.clone(), verdict })
        })
        .collect()
}
