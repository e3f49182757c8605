//! Loops, branches and comprehensions: what decides which value there is, or whether there is one.

use super::super::outline::always_leaves;
use super::label::Label;
use super::taint::Taint;
use super::walk::{Frame, Walk};
use weir_lang::ast::{ArmBody, Block, Expr, ExprKind, Ident, MatchArm};

impl<'a> Walk<'_, 'a> {
    /// Runs under a condition.
    fn under<R>(&mut self, cond: &Taint, run: impl FnOnce(&mut Self) -> R) -> R {
        let before = self.pc.clone();
        self.pc.add(cond);
        let result = run(self);
        self.pc = before;
        result
    }

    pub fn choose(&mut self, cond: &'a Expr, then: &'a Expr, otherwise: &'a Expr) -> Label {
        let cond = self.expr(cond).deep().computed();
        let yes = self.under(&cond, |walk| walk.perhaps(|walk| walk.expr(then)));
        let no = self.under(&cond, |walk| walk.perhaps(|walk| walk.expr(otherwise)));
        yes.joined(&no, &mut self.world.paths).steered(&cond)
    }

    pub fn if_blocks(&mut self, cond: &'a Expr, then: &'a Block, otherwise: Option<&'a Block>) -> Label {
        let (approved, span) = (self.all_approved(cond), cond.span);
        let cond = self.expr(cond).deep().computed();
        let mut value = Label::default();
        let mut ends = Vec::new();
        for (block, approved) in [(Some(then), approved), (otherwise, Vec::new())] {
            let mark = self.begin();
            self.approve(&approved, span);
            let label = self.under(&cond, |walk| block.map(|block| walk.block(block)).unwrap_or_default());
            let changed = self.end(mark);
            if !block.is_some_and(always_leaves) {
                value = value.joined(&label, &mut self.world.paths);
                ends.push(changed);
            }
        }
        self.merge(ends);
        value.steered(&cond)
    }

    pub fn match_arms(&mut self, subject: &'a Expr, arms: &'a [MatchArm]) -> Label {
        let mut cond = self.expr(subject).deep().computed();
        let mut value = Label::default();
        let mut ends = Vec::new();
        for arm in arms {
            if let Some(guard) = &arm.guard {
                let guard = self.expr(guard).deep().computed();
                cond.add(&guard);
            }
            let mark = self.begin();
            let label = self.under(&cond, |walk| walk.arm(&arm.body));
            let changed = self.end(mark);
            if !arm_leaves(&arm.body) {
                value = value.joined(&label, &mut self.world.paths);
                ends.push(changed);
            }
        }
        self.merge(ends);
        value.steered(&cond)
    }

    pub fn for_loop(&mut self, var: &'a Ident, index: Option<&'a Ident>, source: &'a Expr, body: &'a Block) -> Label {
        let source = self.expr(source);
        let frame = self.round(body, &source.choice(), |walk| {
            let element = source.elem(&mut walk.world.paths);
            walk.bind(&var.name, element);
            if let Some(index) = index {
                walk.bind(&index.name, Label::leaf(source.own()));
            }
        });
        Label::list(frame.yields, source.own()).steered(&frame.chosen)
    }

    /// A loop's body, once. What was endorsed in it is not afterwards: there may have been no round.
    /// `rounds`: of what decides whether there is any.
    fn round(&mut self, body: &'a Block, rounds: &Taint, names: impl FnOnce(&mut Self)) -> Frame {
        let around = self.around.joined(&self.decided()).joined(rounds);
        let before =
            (std::mem::take(&mut self.pc), std::mem::take(&mut self.left), std::mem::replace(&mut self.around, around));
        self.frames.push(Frame::default());
        let (mark, count) = (self.begin(), self.env.len());
        names(self);
        self.steps(body);
        self.unbind(count);
        self.end(mark);
        let mut frame = self.frames.pop().unwrap_or_default();
        frame.chosen.add(&self.left);
        (self.pc, self.left, self.around) = before;
        frame
    }

    /// Rounds with what state there can be, until it stays. The state of an inner loop only grows from one round of
    /// the outer loop to the next, so that nested loops take no more than a few rounds each.
    pub fn repeat_loop(&mut self, var: &'a Ident, init: &'a Expr, body: &'a Block) -> Label {
        let mut state = self.expr(init);
        if let Some((_, known)) = self.states.iter().find(|(span, _)| *span == body.span) {
            state = state.joined(known, &mut self.world.paths);
        }
        let mut frame = Frame::default();
        for round in 0..=ROUNDS {
            frame = self.round(body, &Taint::default(), |walk| walk.bind(&var.name, state.clone()));
            let next = state.joined(&frame.next, &mut self.world.paths);
            if next.same(&state) {
                break;
            }
            state = if round + 2 > ROUNDS { Label::leaf(next.deep()) } else { next };
        }
        // Whether there is another round, where `next` decides that, is a choice of all steps in it.
        if self.world.strict && frame.rounds.counts() {
            frame = self.round(body, &frame.rounds, |walk| walk.bind(&var.name, state.clone()));
        }
        self.states.retain(|(span, _)| *span != body.span);
        self.states.push((body.span, state));
        Label::list(frame.yields, frame.next.deep().computed()).steered(&frame.chosen)
    }

    pub fn comprehension(
        &mut self,
        value: &'a Expr,
        names: (&'a Ident, Option<&'a Ident>),
        source: &'a Expr,
        cond: Option<&'a Expr>,
    ) -> Label {
        let source = self.expr(source);
        let count = self.env.len();
        let element = source.elem(&mut self.world.paths);
        self.bind(&names.0.name, element);
        if let Some(index) = names.1 {
            self.bind(&index.name, Label::leaf(source.own()));
        }
        let cond = cond.map(|cond| self.expr(cond).deep().computed()).unwrap_or_default();
        let element = self.expr(value);
        self.unbind(count);
        Label::list(element, source.own()).steered(&cond)
    }
}

/// Whether an arm always leaves the flow or the round.
fn arm_leaves(body: &ArmBody) -> bool {
    match body {
        ArmBody::Block(block) => always_leaves(block),
        ArmBody::Expr(expr) => matches!(expr.unparen().kind, ExprKind::Fail { .. } | ExprKind::Block(_)),
    }
}

/// How often a `repeat` is walked through before parts of its state are no longer told apart.
const ROUNDS: usize = 4;
