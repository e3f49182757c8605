//! How far a run has come, read off its plan and what has happened. Loops count by the rounds that are known: those of a list
//! that is being gone through all, those of a loop that has not begun as one. Arms of a branch that is not yet decided
//! count by the longest.

use crate::engine::History;
use crate::machine::NoteKind;
use crate::observe::Observed;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use weir_compiler::plan::{ArmPlan, BlockPlan, EffectClass, Plan, StepKind, StepPlan, Target};

/// How far a run has come, in calls, questions, receipts, starts, checks and waits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// Through, whatever came of them.
    pub done: u64,
    /// Under way.
    pub running: u64,
    /// Under way, and nothing is done meanwhile: a person, an event or a time is waited for.
    pub waiting: u64,
    /// In all, as far as it is known.
    pub total: u64,
    /// Of `total`, from 0 to 1.
    pub share: f64,
    /// How much longer it takes if it goes on as before, in milliseconds; not while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_ms: Option<i64>,
}

impl Progress {
    /// Of this run.
    #[allow(clippy::cast_precision_loss)]
    pub fn of(history: &History) -> Progress {
        let happened = Happened::of(history);
        let metadata = &history.envelope.metadata;
        let mut walk = Walk { plan: &history.plan, happened: &happened, flows: vec![history.plan.entry] };
        let entry = history.plan.entry_flow();
        let (mut done, mut total) = entry.map_or((0, 0), |flow| walk.block(&flow.body, ""));
        if metadata.status.is_final() {
            total = done;
        }
        let waiting = metadata.waiting.iter().filter(|wait| !wait.step.is_empty()).count() as u64;
        let running = if metadata.status.is_final() { 0 } else { happened.open().saturating_sub(waiting) };
        done = done.min(total);
        let share = if total == 0 { 1.0 } else { done as f64 / total as f64 };
        let share = if total == 0 && !metadata.status.is_final() { 0.0 } else { share };
        let estimate_ms = (running > 0 && done > 0).then(|| happened.time_for(total - done, done)).flatten();
        Progress { done, running, waiting, total, share, estimate_ms }
    }
}

/// What has happened, by path.
#[derive(Default)]
struct Happened<'a> {
    begun: BTreeSet<&'a str>,
    ended: BTreeSet<&'a str>,
    /// Arms that were taken.
    took: BTreeMap<&'a str, &'a str>,
    /// Rounds of loops: known, else seen.
    rounds: BTreeMap<&'a str, u64>,
    first: Option<jiff::Timestamp>,
    last: Option<jiff::Timestamp>,
}

impl<'a> Happened<'a> {
    fn of(history: &'a History) -> Self {
        let mut happened = Happened::default();
        history.events.iter().for_each(|event| happened.see(event));
        for (path, rounds) in &history.rounds {
            happened.rounds.insert(path, *rounds as u64);
        }
        happened
    }

    fn see(&mut self, event: &'a Observed) {
        self.first.get_or_insert(event.at);
        self.last = Some(event.at);
        let step = event.step.as_str();
        if step.is_empty() {
            return;
        }
        self.begun.insert(step);
        match event.event {
            NoteKind::StepSucceeded | NoteKind::StepFailed | NoteKind::StepSkipped => drop(self.ended.insert(step)),
            NoteKind::Routing => self.took.extend(event.arm.as_deref().map(|arm| (step, arm))),
            _ => {}
        }
        for (at, _) in step.match_indices('[') {
            let (loop_path, rest) = step.split_at(at);
            let index = rest.get(1..).and_then(|rest| rest.split(']').next()).and_then(|index| index.parse().ok());
            let rounds = self.rounds.entry(loop_path).or_default();
            *rounds = (*rounds).max(index.unwrap_or(0) + 1);
        }
    }

    /// Whether something has happened at this step or below it.
    fn active(&self, path: &str) -> bool {
        self.begun.contains(path) || ["/", "[", "@"].into_iter().any(|mark| self.below(path, mark))
    }

    /// Whether something has happened at a path that goes on with this.
    fn below(&self, path: &str, mark: &str) -> bool {
        let from = format!("{path}{mark}");
        let range = (Bound::Included(from.as_str()), Bound::Unbounded);
        self.begun.range::<str, _>(range).next().is_some_and(|next| next.starts_with(&from))
    }

    /// Steps that have begun and not ended, those around others left out.
    fn open(&self) -> u64 {
        let open = self.begun.difference(&self.ended);
        open.filter(|path| !self.below(path, "/") && !self.took.contains_key(*path)).count() as u64
    }

    /// The time for so many steps, by that for those that are done, in milliseconds.
    fn time_for(&self, left: u64, done: u64) -> Option<i64> {
        let millis = self.last?.duration_since(self.first?).as_millis();
        i64::try_from(millis * i128::from(left) / i128::from(done.max(1))).ok()
    }
}

struct Walk<'a> {
    plan: &'a Plan,
    happened: &'a Happened<'a>,
    /// Flows that are being walked through: a recursive one is entered once.
    flows: Vec<u32>,
}

type Counts = (u64, u64);

fn sum(a: Counts, b: Counts) -> Counts {
    (a.0 + b.0, a.1 + b.1)
}

impl Walk<'_> {
    fn block(&mut self, block: &BlockPlan, frame: &str) -> Counts {
        let steps: Vec<(&StepPlan, String)> =
            block.graph.node_weights().map(|step| (step, join(frame, &step.name))).collect();
        // Nothing behind a barrier begins before everything in front of it is through.
        let reached =
            steps.iter().rposition(|(step, path)| step.effect == EffectClass::Barrier && self.happened.active(path));
        let mut all = (0, 0);
        for (at, (step, path)) in steps.iter().enumerate() {
            let (done, total) = self.step(step, path, frame);
            let through = reached.is_some_and(|reached| at < reached);
            all = sum(all, (if through { total } else { done }, total));
        }
        all
    }

    fn step(&mut self, step: &StepPlan, path: &str, frame: &str) -> Counts {
        let ended = self.happened.ended.contains(path);
        match &step.kind {
            StepKind::Act(act) => match &act.target {
                Target::Flow { flow, .. } => self.flow(*flow, path, ended),
                _ => (u64::from(ended), 1),
            },
            StepKind::Check(check) if !check.each => self.flow(check.flow, path, ended),
            StepKind::Check(_) | StepKind::Wait(_) => (u64::from(ended), 1),
            StepKind::Branch { arms, .. } => self.arms(arms, path, frame),
            StepKind::For(plan) => self.rounds(&plan.body, path),
            StepKind::Repeat(plan) => self.rounds(&plan.body, path),
            _ => (0, 0),
        }
    }

    fn flow(&mut self, number: u32, path: &str, ended: bool) -> Counts {
        let Some(flow) = self.plan.flows.get(number as usize) else { return (0, 0) };
        if flow.function.is_some() || self.flows.contains(&number) {
            return (0, 0);
        }
        self.flows.push(number);
        let (done, total) = self.block(&flow.body, path);
        self.flows.pop();
        (if ended { total } else { done }, total)
    }

    fn arms(&mut self, arms: &[ArmPlan], path: &str, frame: &str) -> Counts {
        let taken = self.happened.took.get(path);
        if let Some(arm) = arms.iter().find(|arm| taken.is_some_and(|taken| arm.label == *taken)) {
            return self.block(&arm.block, frame);
        }
        let totals = arms.iter().map(|arm| self.block(&arm.block, frame).1);
        (0, totals.max().unwrap_or(0))
    }

    fn rounds(&mut self, body: &BlockPlan, path: &str) -> Counts {
        let rounds = self.happened.rounds.get(path).copied();
        let Some(rounds) = rounds else {
            return (0, self.block(body, &format!("{path}[0]")).1);
        };
        (0..rounds).fold((0, 0), |all, round| sum(all, self.block(body, &format!("{path}[{round}]"))))
    }
}

fn join(frame: &str, name: &str) -> String {
    if frame.is_empty() { name.to_owned() } else { format!("{frame}/{name}") }
}
