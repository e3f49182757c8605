//! The work of a flow's steps, read off its plan.

use super::scope::{Scope, Want};
use super::source::{Part, Root};
use super::sum::{Atom, Sum};
use super::work::{Calls, Work};
use crate::plan::{
    Act, BlockPlan, CheckPlan, FlowPlan, ForPlan, Plan, PolicyEndPlan, RetryPlan, StepKind, StepPlan, Target, UntilPlan,
};
use ecow::{EcoString, eco_format};
use petgraph::Direction;
use weir_lang::ast::Role;
use weir_stdlib::pure::{Pure, PureEntry};
use weir_stdlib::value::Data;

/// Rounds of a loop that run side by side at most, and elements that one `check` looks at.
const WIDTH: u64 = 10_000;
const CHECKS: u64 = 8;

/// What is known of called flows: their work, as it is charged and, for undoing, as it is without limits.
pub(super) trait Known {
    /// The work of a flow.
    fn flow(&self, flow: u32, free: bool) -> Work;
}

/// What a parameter's part comes to in a call: the scope around, what is wanted, which parameter, the way into it, and
/// what to call it where it has no name.
type Given<'g, 'p> = dyn FnMut(&Scope<'p>, Want, u16, &[Part], &str) -> Option<Sum> + 'g;

/// Reads one flow.
pub(super) struct Steps<'p, 'k> {
    pub plan: &'p Plan,
    pub scope: Scope<'p>,
    pub known: &'k dyn Known,
    /// Budgets and timeouts do not hold: something is being undone.
    pub free: bool,
}

impl<'p> Steps<'p, '_> {
    /// Steps that wait for each other as the plan says.
    pub fn block(&mut self, block: &'p BlockPlan) -> Work {
        let mut all = Work::default();
        let mut through: Vec<Sum> = Vec::with_capacity(block.graph.node_count());
        let mut last = Sum::default();
        for index in block.graph.node_indices() {
            let Some(step) = block.graph.node_weight(index) else { continue };
            let work = self.step(step);
            let before = block.graph.neighbors_directed(index, Direction::Incoming);
            let begun = before.fold(Sum::default(), |late, from| match through.get(from.index()) {
                Some(end) => late.or(end, true),
                None => late,
            });
            let end = begun.plus(&work.time);
            if block.graph.neighbors(index).next().is_none() {
                last = last.or(&end, true);
            }
            through.push(end);
            all.beside(&work);
        }
        all.time = last;
        all
    }

    fn step(&mut self, step: &'p StepPlan) -> Work {
        match &step.kind {
            StepKind::Act(act) => self.act(step, act),
            StepKind::Check(check) => self.check(step, check),
            StepKind::Branch { arms, .. } => {
                let mut all = Work::default();
                for arm in arms {
                    let one = self.block(&arm.block);
                    all.or(&one);
                }
                all
            }
            StepKind::For(plan) => self.for_loop(step, plan),
            StepKind::Repeat(plan) => {
                let rounds = self.scope.measure(Want::Whole, &plan.at_most, &[], &step.name);
                self.scope.enter(&plan.body, None);
                let body = self.block(&plan.body);
                self.scope.leave();
                body.times(&rounds, 1)
            }
            StepKind::Wait(until) => self.wait(step, until),
            _ => Work::default(),
        }
    }

    fn for_loop(&mut self, step: &'p StepPlan, plan: &'p ForPlan) -> Work {
        let rounds = self.scope.measure(Want::Length, &plan.source, &[], &step.name);
        let beside = match &plan.parallel {
            Some(Pure::Const(width)) => width.as_int().and_then(|width| u64::try_from(width).ok()).unwrap_or(1),
            _ => 1,
        };
        self.scope.enter(&plan.body, Some(&plan.source));
        let body = self.block(&plan.body);
        self.scope.leave();
        body.times(&rounds, beside.clamp(1, WIDTH))
    }

    fn wait(&mut self, step: &StepPlan, until: &Pure) -> Work {
        let is_time = matches!(until, Pure::Const(value) if matches!(value.data, Data::Duration(_)));
        let time = self.scope.measure(Want::Time, until, &[], &step.name);
        if is_time || self.is_duration(until) {
            return Work { time, ..Work::default() };
        }
        let why = eco_format!("`{}` waits for a moment that only the run knows", step.name);
        Work { time: Sum::Unbounded, ..Work::default() }.because(why)
    }

    /// Whether a value is surely a duration: a parameter that is declared so.
    fn is_duration(&self, value: &Pure) -> bool {
        let Sum::Of(terms) = self.scope.measure(Want::Time, value, &[], "") else { return false };
        terms.keys().flatten().all(|atom| match atom {
            Atom::Time(source) => match (&source.root, source.parts.as_slice()) {
                (Root::Param(at, _), parts) => self.param_is_duration(*at, parts),
                _ => false,
            },
            _ => false,
        }) && !terms.is_empty()
    }

    fn param_is_duration(&self, at: u16, parts: &[Part]) -> bool {
        use weir_lang::types::Type;
        let Some(param) = self.scope.flow().params.get(usize::from(at)) else { return false };
        let mut ty = &param.ty.ty;
        for part in parts {
            let next = match (part, self.plan.types.head(ty)) {
                (Part::Field(name), Type::Record(record)) => record.fields.get(name).map(|field| &field.ty),
                (Part::Each, Type::List(inner) | Type::Map(inner)) => Some(&**inner),
                _ => None,
            };
            let Some(next) = next else { return false };
            ty = next;
        }
        self.plan.types.members(ty).iter().all(|member| matches!(member.base(), Type::Duration | Type::Null))
    }

    fn check(&mut self, step: &'p StepPlan, check: &'p CheckPlan) -> Work {
        let function = self.plan.flows.get(check.flow as usize).is_some_and(|flow| flow.function.is_some());
        if function {
            return Work::default();
        }
        let callee = self.known.flow(check.flow, self.free);
        let parts: &[Part] = if check.each { &[Part::Each] } else { &[] };
        let one = self.filled(check.flow, &callee, &mut |scope, want, param, rest, hint| {
            if param == 0 {
                let parts: Vec<Part> = parts.iter().chain(rest).cloned().collect();
                return Some(scope.measure(want, &check.first, &parts, hint));
            }
            argument(scope, self.plan, check.flow, &check.rest, want, param, rest, hint)
        });
        match check.each {
            true => {
                let count = self.scope.measure(Want::Length, &check.first, &[], &step.name);
                one.times(&count, CHECKS)
            }
            false => one,
        }
    }

    /// A called flow's work with its parameters replaced by the arguments.
    fn filled(&self, flow: u32, work: &Work, given: &mut Given<'_, 'p>) -> Work {
        let name = self.plan.flows.get(flow as usize).map(|flow| flow.name.clone()).unwrap_or_default();
        let mut filled = work.with(&mut |atom| {
            let Some((want, source)) = Want::of(atom) else { return Sum::atom(atom.clone()) };
            let Root::Param(at, param) = &source.root else { return Sum::atom(atom.clone()) };
            let hint = eco_format!("{name}({param})");
            given(&self.scope, want, *at, &source.parts, &hint)
                .unwrap_or_else(|| want.atom(Root::Other(hint), &source.parts))
        });
        filled.depth = filled.depth.plus(&Sum::number(1));
        filled
    }

    fn act(&mut self, step: &'p StepPlan, act: &'p Act) -> Work {
        let retries = Retries::of(act);
        let polls = self.polls(step, act.until.as_ref());
        let mut work = match &act.target {
            Target::Tool { tool, .. } => self.tool(step, act, tool, &retries, &polls),
            Target::Flow { flow, args } => self.flow(step, act, *flow, args, &retries, &polls),
            Target::Ask { .. } => self.person(step, act, "nobody has to answer `{}`: it has no `timeout`", true),
            Target::Receive { .. } => self.person(step, act, "`{}` may wait for ever: it has no `timeout`", false),
            Target::Start { flow, .. } => {
                let name = self.plan.flows.get(*flow as usize).map(|flow| flow.name.clone()).unwrap_or_default();
                let starts = [(name, Sum::number(1))].into_iter().collect();
                Work { starts, depth: Sum::number(1), ..Work::default() }
            }
        };
        if retries.count.is_none() && matches!(act.target, Target::Tool { .. } | Target::Flow { .. }) {
            work = work.because(eco_format!("`{}` is retried for ever", step.name));
        }
        self.undo(act, &retries, &polls, &mut work);
        let rest = work.rest.clone();
        for handler in &act.handlers {
            let mut layer = Work::default();
            for arm in &handler.arms {
                let one = self.block(&arm.block);
                layer.or(&one);
            }
            work.then(&layer);
            work.rest = work.rest.plus(&layer.time);
        }
        work.rest = work.rest.or(&rest, true);
        self.escalations(step, act, &mut work);
        work
    }

    fn person(&mut self, step: &StepPlan, act: &Act, why: &str, asks: bool) -> Work {
        let asks = Sum::number(u64::from(asks));
        match &act.timeout {
            Some(timeout) => {
                let time = self.scope.measure(Want::Time, timeout, &[], &step.name);
                Work { time, asks, ..Work::default() }
            }
            None => {
                let why = EcoString::from(why.replace("{}", &step.name));
                Work { time: Sum::Unbounded, asks, ..Work::default() }.because(why)
            }
        }
    }

    fn tool(&mut self, step: &StepPlan, act: &Act, tool: &EcoString, retries: &Retries, polls: &Polls) -> Work {
        let Some(plan) = self.plan.tools.get(tool) else { return Work::default() };
        let attempt = match &act.timeout {
            Some(timeout) => self.scope.measure(Want::Time, timeout, &[], &step.name),
            None => Sum::number(plan.timeout_ms),
        };
        let tries = retries.attempts();
        let attempts = tries.times(&polls.count);
        let round = attempt.times(&tries).plus(&retries.backoff);
        let calls = Calls { calls: Sum::number(1), attempts: attempts.clone() };
        let mut work = Work {
            tools: [(tool.clone(), calls)].into_iter().collect(),
            cost: attempts.times(&Sum::number(billionths(plan.cost))),
            attempts,
            time: polls.time.plus(&round),
            rest: attempt,
            ..Work::default()
        };
        work.why.extend(polls.why.clone());
        work
    }

    fn flow(
        &mut self,
        step: &StepPlan,
        act: &'p Act,
        flow: u32,
        args: &'p Pure,
        retries: &Retries,
        polls: &Polls,
    ) -> Work {
        if self.plan.flows.get(flow as usize).is_some_and(|flow| flow.function.is_some()) {
            return Work::default();
        }
        let callee = self.known.flow(flow, self.free);
        let mut one = self.filled(flow, &callee, &mut |scope, want, param, rest, hint| {
            argument(scope, self.plan, flow, args, want, param, rest, hint)
        });
        if let Some(timeout) = &act.timeout {
            let most = self.scope.measure(Want::Time, timeout, &[], &step.name);
            one.time = stopped(&one.time, &most, &one.rest);
        }
        let tries = retries.attempts();
        let mut round = one.times(&tries, 1);
        round.time = round.time.plus(&retries.backoff);
        let time = round.time.clone();
        let mut work = round.times(&polls.count, 1);
        work.time = polls.time.plus(&time);
        work.why.extend(polls.why.clone());
        work
    }

    /// `until`: how often it looks at most, and how long it goes on before the last look.
    fn polls(&mut self, step: &StepPlan, until: Option<&UntilPlan>) -> Polls {
        let Some(until) = until else {
            return Polls { count: Sum::number(1), time: Sum::default(), why: None };
        };
        let every = match &until.every {
            Pure::Const(every) => match every.data {
                Data::Duration(ms) => u64::try_from(ms).unwrap_or(0),
                _ => 0,
            },
            _ => 0,
        };
        let Some(within) = &until.within else {
            let why = eco_format!("`{}` may be polled for ever: `until` has no `within`", step.name);
            return Polls { count: Sum::Unbounded, time: Sum::Unbounded, why: Some(why) };
        };
        let time = self.scope.measure(Want::Time, within, &[], &step.name);
        if every == 0 {
            let why = eco_format!("how often `{}` is polled is only known in the run", step.name);
            return Polls { count: Sum::Unbounded, time, why: Some(why) };
        }
        Polls { count: time.shared_by(every).plus(&Sum::number(1)), time, why: None }
    }

    /// What taking the call back comes to, should a saga have to.
    fn undo(&mut self, act: &'p Act, retries: &Retries, polls: &Polls, work: &mut Work) {
        let Some(undo) = &act.undo else { return };
        // A result that does not fit counts as done, and a retry of it as done twice.
        let again = if act.repeatable { retries.again().times(&polls.count) } else { Sum::number(1) };
        match &undo.target {
            Target::Tool { tool, .. } => {
                let timeout = self.plan.tools.get(tool).map_or(0, |tool| tool.timeout_ms);
                let slot = work.owed.entry(tool.clone()).or_default();
                *slot = slot.plus(&again);
                work.owed_time = work.owed_time.plus(&Sum::number(timeout).times(&again));
            }
            Target::Flow { flow, args } => {
                let callee = self.known.flow(*flow, true);
                let one = self.filled(*flow, &callee, &mut |scope, want, param, rest, hint| {
                    argument(scope, self.plan, *flow, args, want, param, rest, hint)
                });
                let one = one.times(&again, 1);
                for (tool, calls) in &one.tools {
                    let slot = work.owed.entry(tool.clone()).or_default();
                    *slot = slot.plus(&calls.attempts);
                }
                work.owed_time = work.owed_time.plus(&one.time);
                work.why.extend(one.why);
            }
            _ => {}
        }
    }

    fn escalations(&mut self, step: &StepPlan, act: &Act, work: &mut Work) {
        for arm in &act.policy {
            let PolicyEndPlan::Escalate(flow) = &arm.then else { continue };
            let name = self.plan.flows.get(*flow as usize).map(|flow| flow.name.clone()).unwrap_or_default();
            work.starts.insert(name, Sum::Unbounded);
            work.time = Sum::Unbounded;
            work.attempts = Sum::Unbounded;
            work.cost = Sum::Unbounded;
            work.tools.values_mut().for_each(|calls| calls.attempts = Sum::Unbounded);
            work.why.insert(eco_format!("`{}` may wait for an operator", step.name));
        }
    }
}

/// What a flow's limits leave of its work.
pub(super) fn limited(flow: &FlowPlan, mut work: Work) -> Work {
    let budget = &flow.clauses.budget;
    if let Some(most) = budget.calls {
        work.attempts = capped(&work.attempts, most);
        work.tools.values_mut().for_each(|calls| calls.attempts = capped(&calls.attempts, most));
    }
    if let Some(cost) = budget.cost {
        work.cost = capped(&work.cost, billionths(cost));
    }
    for most in [flow.clauses.timeout_ms, budget.time_ms].into_iter().flatten() {
        work.time = stopped(&work.time, &Sum::number(most), &work.rest);
    }
    if let Some(depth) = budget.depth {
        work.depth = capped(&work.depth, depth);
    }
    if flow.role == Role::Saga {
        work.undo = work.owed.clone();
        work.undo_time = work.owed_time.clone();
    }
    work
}

/// No more than a number, where the formula says nothing better.
fn capped(sum: &Sum, most: u64) -> Sum {
    match (sum, sum.constant()) {
        (Sum::Unbounded, _) => Sum::number(most),
        (_, Some(number)) if number > most => Sum::number(most),
        _ => sum.clone(),
    }
}

/// A time that is cut off after `most`, with what is under way then brought to rest.
fn stopped(time: &Sum, most: &Sum, rest: &Sum) -> Sum {
    match (time.constant(), most.constant()) {
        (Some(time), Some(most)) if time <= most => Sum::number(time),
        _ => most.plus(rest),
    }
}

/// The cost in billionths.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and costs are not negative")]
pub(super) fn billionths(cost: f64) -> u64 {
    (cost * 1e9).round() as u64
}

/// An argument of a call, or the parameter's default.
#[allow(clippy::too_many_arguments)]
fn argument(
    scope: &Scope<'_>,
    plan: &Plan,
    flow: u32,
    args: &Pure,
    want: Want,
    param: u16,
    parts: &[Part],
    hint: &str,
) -> Option<Sum> {
    let param = plan.flows.get(flow as usize)?.params.get(usize::from(param))?;
    let Pure::Record(entries) = args else { return None };
    let given = entries.iter().rev().find_map(|entry| match entry {
        PureEntry::Field(name, value) if *name == param.name => Some(value),
        _ => None,
    });
    match (given, &param.default) {
        (Some(value), _) => Some(scope.measure(want, value, parts, hint)),
        (None, Some(Pure::Const(value))) => Some(super::scope::constant(want, value, parts)),
        (None, Some(_)) => None,
        (None, None) => Some(Sum::default()),
    }
}

/// The polls of an `until`.
struct Polls {
    count: Sum,
    time: Sum,
    why: Option<EcoString>,
}

/// What a call's policy allows.
struct Retries {
    /// After the first attempt; none: for ever.
    count: Option<u64>,
    /// Of those that a result which does not fit may cause.
    misfits: Option<u64>,
    /// The longest waits between them, added up.
    backoff: Sum,
}

impl Retries {
    fn of(act: &Act) -> Retries {
        // The first line that names a code counts: one whose codes are all taken is never reached.
        let mut taken: Vec<&EcoString> = Vec::new();
        let mut all = false;
        let mut live = Vec::new();
        for arm in &act.policy {
            let reached = arm.codes.is_empty() || arm.codes.iter().any(|code| !taken.contains(&code));
            if let (true, false, Some(retry)) = (reached, all, &arm.retry) {
                live.push((arm, retry));
            }
            taken.extend(&arm.codes);
            all |= arm.codes.is_empty();
        }
        let plans = || live.iter().copied();
        let count = most(plans().map(|(_, plan)| plan));
        let misfit = |codes: &[EcoString]| {
            codes.is_empty() || codes.iter().any(|code| !crate::check::TRANSIENT.contains(&code.as_str()))
        };
        let misfits = most(plans().filter(|(arm, _)| misfit(&arm.codes)).map(|(_, plan)| plan));
        let lo = plans().map(|(_, plan)| plan.lo_ms).max().unwrap_or(0);
        let hi = plans().map(|(_, plan)| plan.hi_ms.max(plan.lo_ms)).max().unwrap_or(0);
        Retries { count, misfits, backoff: count.map_or(Sum::Unbounded, |count| backoff(count, lo, hi)) }
    }

    fn attempts(&self) -> Sum {
        self.count.map_or(Sum::Unbounded, |count| Sum::number(count.saturating_add(1)))
    }

    fn again(&self) -> Sum {
        self.misfits.map_or(Sum::Unbounded, |count| Sum::number(count.saturating_add(1)))
    }
}

/// The most retries of some lines of a policy; none: for ever.
fn most<'a>(mut plans: impl Iterator<Item = &'a RetryPlan>) -> Option<u64> {
    plans.try_fold(0_u64, |most, plan| plan.count.map(|count| most.max(u64::from(count))))
}

/// All delays of so many retries at their longest: doubling from `lo` up to `hi`.
fn backoff(count: u64, lo: u64, hi: u64) -> Sum {
    let (mut total, mut delay, mut left) = (0_u64, lo, count);
    while left > 0 && delay < hi && delay > 0 {
        total = total.saturating_add(delay);
        delay = delay.saturating_mul(2);
        left -= 1;
    }
    Sum::number(total.saturating_add(left.saturating_mul(delay.min(hi))))
}
