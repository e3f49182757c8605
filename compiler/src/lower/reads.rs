//! Which slots of its own frame a step reads, whether it yields, and what order has to respect in a block.

use crate::plan::{Act, BlockPlan, EffectClass, Exit, HandlerPlan, StepKind, Target};
use weir_stdlib::pure::{Pure, PureArm, PureEntry, PureItem};

/// Slots of the step's own frame that it reads, in the blocks inside it too.
pub(super) fn slots_read(kind: &StepKind) -> Vec<u16> {
    let mut reads = Reads { out: Vec::new(), depth: 0 };
    reads.kind(kind);
    reads.out
}

/// Whether a step yields into the loop around.
pub(super) fn yields(kind: &StepKind) -> bool {
    let block = |block: &BlockPlan| block.graph.node_weights().any(|step| yields(&step.kind));
    match kind {
        StepKind::Yield(_) => true,
        StepKind::Branch { arms, .. } => arms.iter().any(|arm| block(&arm.block)),
        StepKind::Act(act) => act.handlers.iter().flat_map(|handler| &handler.arms).any(|arm| block(&arm.block)),
        _ => false,
    }
}

/// What order has to respect in a block: the strongest of its steps.
pub(super) fn class_of<'b>(blocks: impl IntoIterator<Item = &'b BlockPlan>) -> EffectClass {
    let mut class = EffectClass::Pure;
    for step in blocks.into_iter().flat_map(|block| block.graph.node_weights()) {
        class = stronger(class, step.effect);
    }
    class
}

/// The stronger of two.
pub(super) fn stronger(a: EffectClass, b: EffectClass) -> EffectClass {
    match (a, b) {
        (EffectClass::Barrier, _) | (_, EffectClass::Barrier) => EffectClass::Barrier,
        (EffectClass::Read, _) | (_, EffectClass::Read) => EffectClass::Read,
        _ => EffectClass::Pure,
    }
}

struct Reads {
    out: Vec<u16>,
    depth: u16,
}

impl Reads {
    fn kind(&mut self, kind: &StepKind) {
        match kind {
            StepKind::Let(pure)
            | StepKind::Wait(pure)
            | StepKind::Yield(pure)
            | StepKind::Next(pure)
            | StepKind::Annotate(pure)
            | StepKind::Key { key: pure, .. } => self.pure(pure),
            StepKind::Return(value) => value.iter().for_each(|value| self.pure(value)),
            StepKind::Act(act) => self.act(act),
            StepKind::Check(check) => {
                self.pure(&check.first);
                self.pure(&check.rest);
            }
            StepKind::Require { cond, otherwise } => {
                self.pure(cond);
                self.exit(otherwise);
            }
            StepKind::Exit(exit) => self.exit(exit),
            StepKind::Branch { subject, arms } => {
                self.pure(subject);
                for arm in arms {
                    arm.guard.iter().for_each(|guard| self.pure(guard));
                    self.block(&arm.block);
                }
            }
            StepKind::For(plan) => {
                self.pure(&plan.source);
                plan.parallel.iter().for_each(|parallel| self.pure(parallel));
                self.round(&plan.body);
            }
            StepKind::Repeat(plan) => {
                self.pure(&plan.init);
                self.pure(&plan.at_most);
                self.round(&plan.body);
            }
            StepKind::Ambient(ambient) => match ambient {
                crate::plan::Ambient::Today(pure) | crate::plan::Ambient::Flag(pure) => self.pure(pure),
                _ => {}
            },
            StepKind::Merge { sources, key, .. } => {
                sources.iter().for_each(|(_, slot)| self.slot(0, *slot));
                self.pure(key);
            }
        }
    }

    fn round(&mut self, body: &BlockPlan) {
        self.depth += 1;
        self.block(body);
        self.depth -= 1;
    }

    fn block(&mut self, block: &BlockPlan) {
        block.graph.node_weights().for_each(|step| self.kind(&step.kind));
        block.value.iter().for_each(|value| self.pure(value));
    }

    fn exit(&mut self, exit: &Exit) {
        match exit {
            Exit::Raise { message, .. } | Exit::Drop(message) => self.pure(message),
        }
    }

    fn act(&mut self, act: &Act) {
        self.target(&act.target);
        let optional = [&act.value, &act.timeout];
        optional.into_iter().flatten().for_each(|pure| self.pure(pure));
        if let Some(until) = &act.until {
            self.pure(&until.cond);
            self.pure(&until.every);
            until.within.iter().for_each(|within| self.pure(within));
        }
        act.handlers.iter().for_each(|handler| self.handler(handler));
        act.undo.iter().for_each(|undo| self.target(&undo.target));
        act.key.iter().for_each(|key| self.pure(&key.key));
    }

    fn handler(&mut self, handler: &HandlerPlan) {
        handler.arms.iter().for_each(|arm| self.block(&arm.block));
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Tool { args, .. } | Target::Flow { args, .. } => self.pure(args),
            Target::Ask { question, from, .. } => {
                self.pure(question);
                from.iter().for_each(|from| self.pure(from));
            }
            Target::Receive { event, .. } => self.pure(event),
            Target::Start { args, delay, .. } => {
                self.pure(args);
                delay.iter().for_each(|delay| self.pure(delay));
            }
        }
    }

    fn slot(&mut self, up: u16, at: u16) {
        if up == self.depth && !self.out.contains(&at) {
            self.out.push(at);
        }
    }

    fn pure(&mut self, pure: &Pure) {
        match pure {
            Pure::Slot { up, at } => self.slot(*up, *at),
            Pure::Const(_) | Pure::Local(_) | Pure::Regex(_) => {}
            Pure::Field(base, _) | Pure::Unary(_, base) | Pure::Narrow(base, _) => self.pure(base),
            Pure::Cast { value, .. } | Pure::Raise { message: value, .. } | Pure::Lambda { body: value, .. } => {
                self.pure(value)
            }
            Pure::Index(a, b) | Pure::Binary(_, a, b) | Pure::Range(a, b) | Pure::Let(a, b) => {
                self.pure(a);
                self.pure(b);
            }
            Pure::Call(_, args) | Pure::Apply(_, args) | Pure::Template(args) => {
                args.iter().for_each(|arg| self.pure(arg))
            }
            Pure::If(a, b, c) => [a, b, c].into_iter().for_each(|one| self.pure(one)),
            Pure::Match(subject, arms) => {
                self.pure(subject);
                arms.iter().for_each(|arm| self.arm(arm));
            }
            Pure::List(items) => items.iter().for_each(|item| match item {
                PureItem::One(one) | PureItem::Spread(one) => self.pure(one),
            }),
            Pure::Record(entries) => entries.iter().for_each(|entry| match entry {
                PureEntry::Field(_, value) | PureEntry::Spread(value) => self.pure(value),
            }),
            Pure::Each { source, cond, value, .. } => {
                self.pure(source);
                cond.iter().for_each(|cond| self.pure(cond));
                self.pure(value);
            }
        }
    }

    fn arm(&mut self, arm: &PureArm) {
        arm.guard.iter().for_each(|guard| self.pure(guard));
        self.pure(&arm.body);
    }
}
