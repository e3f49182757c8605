//! What names stand for while a flow's plan is read: how long a list can be, how large a number, in terms of the flow's
//! parameters and of what calls give.

use super::source::{Part, Root, Source};
use super::sum::{Atom, Sum};
use crate::plan::{Act, BlockPlan, FlowPlan, Plan, StepKind, StepPlan, Target};
use ecow::{EcoString, eco_format};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use weir_lang::ast::BinaryOp;
use weir_stdlib::functions::FunctionId;
use weir_stdlib::pure::{Pure, PureEntry, PureItem};
use weir_stdlib::value::{Data, Value};

/// What is wanted of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Want {
    /// The length of a list.
    Length,
    /// A whole number.
    Whole,
    /// A duration in milliseconds.
    Time,
}

impl Want {
    pub(super) fn of(atom: &Atom) -> Option<(Want, &Source)> {
        match atom {
            Atom::Length(source) => Some((Want::Length, source)),
            Atom::Whole(source) => Some((Want::Whole, source)),
            Atom::Time(source) => Some((Want::Time, source)),
            Atom::Share(..) | Atom::Largest(..) => None,
        }
    }

    pub(super) fn atom(self, root: Root, parts: &[Part]) -> Sum {
        let source = Source { root, parts: parts.to_vec() };
        Sum::atom(match self {
            Want::Length => Atom::Length(source),
            Want::Whole => Atom::Whole(source),
            Want::Time => Atom::Time(source),
        })
    }

    fn unknown(self, name: impl Into<EcoString>, parts: &[Part]) -> Sum {
        self.atom(Root::Other(name.into()), parts)
    }

    fn largest(self, left: &Sum, right: &Sum) -> Sum {
        left.or(right, self == Want::Time)
    }
}

/// What a slot holds.
#[derive(Clone, Copy)]
enum Holds<'p> {
    Param(usize),
    /// The value of a step.
    Step(&'p StepPlan),
    /// A call's own result.
    Result(&'p Act),
    /// An element of a list that is found in the frame around.
    Element(&'p Pure),
}

type Frame<'p> = FxHashMap<u16, Holds<'p>>;

/// A part of a slot that was asked for: level, place, what is wanted, the way into it.
type Asked = (usize, u16, Want, Vec<Part>);

/// How far a value is followed.
const DEPTH: u32 = 48;

/// A flow's frames, the innermost last.
pub(super) struct Scope<'p> {
    plan: &'p Plan,
    flow: &'p FlowPlan,
    frames: Vec<Frame<'p>>,
    /// What was found: what is used twice is looked up once.
    known: RefCell<FxHashMap<Asked, Sum>>,
}

/// Where a value is looked at, and what of it is wanted.
#[derive(Clone, Copy)]
struct Look<'h> {
    want: Want,
    level: usize,
    depth: u32,
    /// The step that asks, for what has no name.
    hint: &'h str,
}

impl<'p> Scope<'p> {
    pub fn new(plan: &'p Plan, flow: &'p FlowPlan) -> Self {
        let params = 0..flow.params.len();
        let mut frame: Frame<'p> = params.filter_map(|at| Some((u16::try_from(at).ok()?, Holds::Param(at)))).collect();
        collect(&flow.body, &mut frame);
        Scope { plan, flow, frames: vec![frame], known: RefCell::default() }
    }

    /// The flow that is read.
    pub fn flow(&self) -> &'p FlowPlan {
        self.flow
    }

    /// Enters a loop's round. `element` is what the first slot is an element of.
    pub fn enter(&mut self, body: &'p BlockPlan, element: Option<&'p Pure>) {
        let mut frame = Frame::default();
        if let Some(source) = element {
            frame.insert(0, Holds::Element(source));
        }
        collect(body, &mut frame);
        self.frames.push(frame);
    }

    pub fn leave(&mut self) {
        self.frames.pop();
        let depth = self.frames.len();
        self.known.borrow_mut().retain(|(level, ..), _| *level < depth);
    }

    /// What is wanted of a value that the innermost frame sees, or of a part of it. Never more in a run.
    pub fn measure(&self, want: Want, value: &Pure, parts: &[Part], hint: &str) -> Sum {
        let look = Look { want, level: self.frames.len().saturating_sub(1), depth: 0, hint };
        self.value(look, value, parts)
    }

    fn value(&self, look: Look<'_>, value: &Pure, parts: &[Part]) -> Sum {
        let unknown = || look.want.unknown(look.hint, parts);
        if look.depth > DEPTH {
            return unknown();
        }
        let look = Look { depth: look.depth + 1, ..look };
        let within = |inner: &Pure, part: Part| {
            let parts: Vec<Part> = std::iter::once(part).chain(parts.iter().cloned()).collect();
            self.value(look, inner, &parts)
        };
        match value {
            Pure::Const(value) => constant(look.want, value, parts),
            Pure::Slot { up, at } => match look.level.checked_sub(usize::from(*up)) {
                Some(level) => self.slot(Look { level, ..look }, *at, parts),
                None => unknown(),
            },
            Pure::Field(inner, name) => within(inner, Part::Field(name.clone())),
            Pure::Index(inner, _) => within(inner, Part::Each),
            Pure::Cast { value: inner, .. } | Pure::Narrow(inner, _) => self.value(look, inner, parts),
            Pure::Record(entries) => self.record(look, entries, parts),
            Pure::List(items) => self.list(look, items, parts),
            Pure::Each { source, .. } if parts.is_empty() && look.want == Want::Length => self.value(look, source, &[]),
            Pure::If(_, then, otherwise) => self.larger(look, then, otherwise, parts),
            Pure::Match(_, arms) => arms
                .iter()
                .map(|arm| self.value(look, &arm.body, parts))
                .fold(Sum::default(), |all, one| look.want.largest(&all, &one)),
            Pure::Binary(BinaryOp::Coalesce, left, right) => self.larger(look, left, right, parts),
            Pure::Binary(BinaryOp::Add, left, right) => {
                let (left, right) = (self.value(look, left, parts), self.value(look, right, parts));
                if parts.is_empty() { left.plus(&right) } else { look.want.largest(&left, &right) }
            }
            Pure::Range(lo, hi) if parts.is_empty() => self.range(look, lo, hi),
            Pure::Call(function, args) => self.call(look, *function, args, parts),
            Pure::Apply(function, _) => {
                let name = self.plan.functions.get(*function as usize).map(|function| function.name.clone());
                look.want.unknown(name.unwrap_or_default(), parts)
            }
            Pure::Raise { .. } => Sum::default(),
            _ => unknown(),
        }
    }

    fn larger(&self, look: Look<'_>, left: &Pure, right: &Pure, parts: &[Part]) -> Sum {
        look.want.largest(&self.value(look, left, parts), &self.value(look, right, parts))
    }

    fn slot(&self, look: Look<'_>, at: u16, parts: &[Part]) -> Sum {
        let key = (look.level, at, look.want, parts.to_vec());
        if let Some(known) = self.known.borrow().get(&key) {
            return known.clone();
        }
        let Some(holds) = self.frames.get(look.level).and_then(|frame| frame.get(&at)) else {
            return look.want.unknown(look.hint, parts);
        };
        let found = match holds {
            Holds::Param(param) => {
                let name = self.flow.params.get(*param).map(|param| param.name.clone()).unwrap_or_default();
                look.want.atom(Root::Param(u16::try_from(*param).unwrap_or(u16::MAX), name), parts)
            }
            Holds::Result(act) => look.want.unknown(self.target(&act.target), parts),
            Holds::Element(source) => match look.level.checked_sub(1) {
                Some(level) => {
                    let parts: Vec<Part> = std::iter::once(Part::Each).chain(parts.iter().cloned()).collect();
                    self.value(Look { level, ..look }, source, &parts)
                }
                None => look.want.unknown(look.hint, parts),
            },
            Holds::Step(step) => self.step(look, step, parts),
        };
        self.known.borrow_mut().insert(key, found.clone());
        found
    }

    fn step(&self, look: Look<'_>, step: &StepPlan, parts: &[Part]) -> Sum {
        let look = Look { hint: &step.name, ..look };
        match &step.kind {
            StepKind::Let(value) => self.value(look, value, parts),
            StepKind::Act(act) => {
                let own = match &act.value {
                    Some(value) => self.value(look, value, parts),
                    None => look.want.unknown(self.target(&act.target), parts),
                };
                let arms = act.handlers.iter().flat_map(|handler| &handler.arms);
                arms.fold(own, |all, arm| look.want.largest(&all, &self.block(look, &arm.block, parts)))
            }
            StepKind::Check(check) => self.value(look, &check.first, parts),
            StepKind::Branch { arms, .. } => arms
                .iter()
                .fold(Sum::default(), |all, arm| look.want.largest(&all, &self.block(look, &arm.block, parts))),
            StepKind::For(plan) if parts.is_empty() && look.want == Want::Length => {
                self.value(look, &plan.source, &[]).times(&Sum::number(yields(&plan.body)))
            }
            StepKind::Repeat(plan) if parts.is_empty() && look.want == Want::Length => {
                let look = Look { want: Want::Whole, ..look };
                self.value(look, &plan.at_most, &[]).times(&Sum::number(yields(&plan.body)))
            }
            _ => look.want.unknown(step.name.clone(), parts),
        }
    }

    fn block(&self, look: Look<'_>, block: &BlockPlan, parts: &[Part]) -> Sum {
        block.value.as_ref().map(|value| self.value(look, value, parts)).unwrap_or_default()
    }

    fn record(&self, look: Look<'_>, entries: &[PureEntry], parts: &[Part]) -> Sum {
        let Some((Part::Field(wanted), rest)) = parts.split_first() else {
            return look.want.unknown(look.hint, parts);
        };
        let mut found = Sum::default();
        for entry in entries.iter().rev() {
            match entry {
                PureEntry::Field(name, value) if name == wanted => {
                    return look.want.largest(&found, &self.value(look, value, rest));
                }
                PureEntry::Field(..) => {}
                PureEntry::Spread(value) => found = look.want.largest(&found, &self.value(look, value, parts)),
            }
        }
        found
    }

    fn list(&self, look: Look<'_>, items: &[PureItem], parts: &[Part]) -> Sum {
        let Some((_, rest)) = parts.split_first() else {
            return items.iter().fold(Sum::default(), |all, item| match item {
                PureItem::One(_) => all.plus(&Sum::number(1)),
                PureItem::Spread(value) => all.plus(&self.value(look, value, &[])),
            });
        };
        items.iter().fold(Sum::default(), |all, item| {
            let one = match item {
                PureItem::One(value) => self.value(look, value, rest),
                PureItem::Spread(value) => self.value(look, value, parts),
            };
            look.want.largest(&all, &one)
        })
    }

    fn range(&self, look: Look<'_>, lo: &Pure, hi: &Pure) -> Sum {
        let number = |pure: &Pure| match pure {
            Pure::Const(value) => value.as_int(),
            _ => None,
        };
        match (number(lo), number(hi)) {
            (Some(lo), Some(hi)) => Sum::number(u64::try_from(i128::from(hi) - i128::from(lo) + 1).unwrap_or(0)),
            (Some(lo), None) if lo >= 0 => {
                let hi = self.value(Look { want: Want::Whole, ..look }, hi, &[]);
                hi.plus(&Sum::number(u64::from(lo == 0)))
            }
            _ => look.want.unknown(look.hint, &[]),
        }
    }

    /// The length of what a library function gives, where it cannot be longer than what it was given.
    fn call(&self, look: Look<'_>, function: FunctionId, args: &[Pure], parts: &[Part]) -> Sum {
        let name = function.name();
        let given = args.first().map(|first| eco_format!("{name}({})", self.spelling(look, first)));
        let unknown = || look.want.unknown(given.clone().unwrap_or_else(|| name.into()), parts);
        let Some(first) = args.first() else { return unknown() };
        match (name, look.want) {
            ("len" | "count", Want::Whole) if parts.is_empty() && !matches!(first, Pure::Const(_)) => {
                match self.value(Look { want: Want::Length, ..look }, first, &[]) {
                    // The length of a text is no list's.
                    sum if name == "count" || self.is_list(look, first) => sum,
                    _ => unknown(),
                }
            }
            ("sort" | "reverse" | "unique" | "compact" | "skip" | "difference", Want::Length) => {
                self.value(look, first, parts)
            }
            ("sort" | "reverse" | "unique" | "compact" | "skip" | "difference" | "take", _) if !parts.is_empty() => {
                self.value(look, first, parts)
            }
            ("chunk", Want::Length) if parts.is_empty() => self.value(look, first, parts),
            ("first" | "last" | "get" | "max" | "min", _) => {
                let parts: Vec<Part> = std::iter::once(Part::Each).chain(parts.iter().cloned()).collect();
                if name == "get" { unknown() } else { self.value(look, first, &parts) }
            }
            ("take", Want::Length) => match args.get(1) {
                Some(Pure::Const(count)) => {
                    Sum::number(count.as_int().and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
                }
                _ => self.value(look, first, parts),
            },
            _ => unknown(),
        }
    }

    /// Whether a value is surely a list: it goes through something that only takes lists. A slot may hold a text.
    fn is_list(&self, look: Look<'_>, value: &Pure) -> bool {
        match value {
            Pure::List(_) | Pure::Range(..) | Pure::Each { .. } => true,
            Pure::Slot { up, at } => {
                let level = look.level.checked_sub(usize::from(*up));
                let holds = level.and_then(|level| self.frames.get(level)).and_then(|frame| frame.get(at));
                match holds {
                    Some(Holds::Step(step)) => matches!(step.kind, StepKind::For(_) | StepKind::Repeat(_)),
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// A value as it could be written, as far as it is a name with fields.
    fn spelling(&self, look: Look<'_>, value: &Pure) -> EcoString {
        match value {
            Pure::Field(inner, name) => eco_format!("{}.{name}", self.spelling(look, inner)),
            Pure::Slot { up, at } => {
                let level = look.level.checked_sub(usize::from(*up));
                let holds = level.and_then(|level| self.frames.get(level)).and_then(|frame| frame.get(at));
                match holds {
                    Some(Holds::Param(param)) => {
                        self.flow.params.get(*param).map(|param| param.name.clone()).unwrap_or_default()
                    }
                    Some(Holds::Step(step)) => step.name.clone(),
                    Some(Holds::Result(act)) => self.target(&act.target),
                    Some(Holds::Element(_)) | None => "…".into(),
                }
            }
            _ => "…".into(),
        }
    }

    /// The name of what is called.
    fn target(&self, target: &Target) -> EcoString {
        match target {
            Target::Tool { tool, .. } => tool.clone(),
            Target::Flow { flow, .. } | Target::Start { flow, .. } => {
                self.plan.flows.get(*flow as usize).map(|flow| flow.name.clone()).unwrap_or_default()
            }
            Target::Ask { .. } => "ask".into(),
            Target::Receive { .. } => "receive".into(),
        }
    }
}

/// What the slots of a frame hold.
fn collect<'p>(block: &'p BlockPlan, frame: &mut Frame<'p>) {
    for step in block.graph.node_weights() {
        if let Some(slot) = step.bind {
            frame.insert(slot, Holds::Step(step));
        }
        match &step.kind {
            StepKind::Act(act) => {
                if Some(act.result) != step.bind {
                    frame.insert(act.result, Holds::Result(act));
                }
                let arms = act.handlers.iter().flat_map(|handler| &handler.arms);
                arms.for_each(|arm| collect(&arm.block, frame));
            }
            StepKind::Branch { arms, .. } => arms.iter().for_each(|arm| collect(&arm.block, frame)),
            _ => {}
        }
    }
}

/// How often a round yields at most.
fn yields(block: &BlockPlan) -> u64 {
    block.graph.node_weights().map(step_yields).fold(0, u64::saturating_add)
}

fn step_yields(step: &StepPlan) -> u64 {
    match &step.kind {
        StepKind::Yield(_) => 1,
        StepKind::Branch { arms, .. } => arms.iter().map(|arm| yields(&arm.block)).max().unwrap_or(0),
        StepKind::Act(act) => act
            .handlers
            .iter()
            .flat_map(|handler| &handler.arms)
            .map(|arm| yields(&arm.block))
            .fold(0, u64::saturating_add),
        _ => 0,
    }
}

pub(super) fn constant(want: Want, value: &Value, parts: &[Part]) -> Sum {
    if let Some((part, rest)) = parts.split_first() {
        return match (part, &value.data) {
            (Part::Field(name), _) => constant(want, &value.field(name), rest),
            (Part::Each, Data::Record(record)) => largest_of(want, record.fields.values(), rest),
            (Part::Each, _) => largest_of(want, value.as_list().unwrap_or_default().iter(), rest),
        };
    }
    let number = match (want, &value.data) {
        (Want::Length, _) => value.as_list().map_or(0, <[Value]>::len) as u64,
        (Want::Whole, Data::Int(number)) => u64::try_from(*number).unwrap_or(0),
        (Want::Time, Data::Duration(ms)) => u64::try_from(*ms).unwrap_or(0),
        _ => 0,
    };
    Sum::number(number)
}

fn largest_of<'v>(want: Want, values: impl Iterator<Item = &'v Value>, parts: &[Part]) -> Sum {
    values.fold(Sum::default(), |all, one| want.largest(&all, &constant(want, one, parts)))
}
