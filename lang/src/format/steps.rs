//! Blocks and steps.

use super::doc::{Doc, cat, group, indent, text};
use super::layout::Layout;
use crate::ast::{Block, Expr, MockOutcome, Otherwise, Step, StepKind, TestStep, TestStepKind};
use crate::span::Span;

impl Layout<'_> {
    /// A block: one step a line, or on one line where one step stood on one line.
    pub(super) fn block(&mut self, block: &Block) -> Doc {
        let close = block.span.end.saturating_sub(1);
        let inline = !self.breaks_between(block.span.start, block.span.end) && !self.has_comment(block.span);
        match block.steps.as_slice() {
            [] if inline || !self.has_comment(block.span) => text("{}"),
            [only] if inline => {
                let step = self.one_step(only);
                group(cat([text("{"), indent(cat([Doc::Line, step])), Doc::Line, text("}")]), false)
            }
            steps => {
                let opening = indent(self.trail(block.span.start + 1));
                let body = self.lines(steps, |step| step.span, close, Self::one_step);
                cat([text("{"), opening, body, Doc::Hard, text("}")])
            }
        }
    }

    pub(super) fn one_step(&mut self, step: &Step) -> Doc {
        let word = |layout: &mut Self, word: &'static str, value: &Expr| cat([text(word), layout.expr(value)]);
        match &step.kind {
            StepKind::Bind { name, value } => cat([self.name(name), text(" = "), self.expr(value)]),
            StepKind::Expr(value) => self.expr(value),
            StepKind::Yield(value) => word(self, "yield ", value),
            StepKind::Return(Some(value)) => word(self, "return ", value),
            StepKind::Return(None) => text("return"),
            StepKind::Require { cond, otherwise } => self.require(cond, otherwise.as_ref()),
            StepKind::Check { callee, args } => {
                let place = Span { start: callee.span.end, end: step.span.end };
                cat([text("check "), self.path(callee), self.args(args, place)])
            }
            StepKind::Wait(value) => word(self, "wait ", value),
            StepKind::WaitUntil(value) => word(self, "wait until ", value),
            StepKind::Next(value) => word(self, "next ", value),
            StepKind::Drop(value) => word(self, "drop ", value),
            StepKind::Annotate(value) => word(self, "annotate ", value),
            StepKind::Key { key, per_run } => self.key(key, *per_run),
            StepKind::Prompt(value) => word(self, "prompt ", value),
            StepKind::From { source, name } => self.from(source, name),
            StepKind::Merge { key, prefer } => {
                let mut docs = vec![text("merge by "), self.expr(key)];
                if !prefer.is_empty() {
                    docs.extend([text(" prefer "), self.names(prefer)]);
                }
                cat(docs)
            }
            StepKind::Error => self.slice(step.span),
        }
    }

    fn from(&mut self, source: &Expr, name: &crate::ast::Ident) -> Doc {
        let (value, clauses) = match &source.kind {
            crate::ast::ExprKind::Claused { value, clauses } => (&**value, clauses.as_slice()),
            _ => (source, &[][..]),
        };
        let head = cat([text("from "), self.expr(value), text(" as "), self.name(name)]);
        let clauses = self.clause_list(name.span.end, clauses);
        cat([head, clauses])
    }

    fn require(&mut self, cond: &Expr, otherwise: Option<&Otherwise>) -> Doc {
        let head = cat([text("require "), self.expr(cond)]);
        let (word, value) = match otherwise {
            None => return head,
            Some(Otherwise::Reason(value) | Otherwise::Exit(value)) => ("else ", value),
            Some(Otherwise::Drop(value)) => ("else drop ", value),
        };
        let broken = self.breaks_between(cond.span.end, value.span.start);
        let tail = cat([Doc::Line, text(word), self.expr(value)]);
        cat([head, group(indent(tail), broken)])
    }

    pub(super) fn test_step(&mut self, step: &TestStep) -> Doc {
        match &step.kind {
            TestStepKind::Mock { tool, args, outcomes } => {
                let mut docs = vec![text("mock "), self.path(tool)];
                if let Some(args) = args {
                    let place = self.args_span(tool.span.end, step.span.end, args);
                    docs.push(self.args(args, place));
                }
                docs.push(text(" => "));
                for (at, outcome) in outcomes.iter().enumerate() {
                    docs.push(text(if at == 0 { "" } else { " then " }));
                    docs.push(self.outcome(outcome));
                }
                cat(docs)
            }
            TestStepKind::Bind { name, value } => cat([self.name(name), text(" = "), self.expr(value)]),
            TestStepKind::Expect(value) => cat([text("expect "), self.expr(value)]),
            TestStepKind::Answer { question, value } => {
                cat([text("answer "), self.expr(question), text(" => "), self.expr(value)])
            }
            TestStepKind::Signal { event, key, value } => {
                let mut docs = vec![text("signal "), self.expr(event)];
                if let Some(key) = key {
                    docs.extend([text(" key "), self.expr(key)]);
                }
                docs.extend([text(" => "), self.expr(value)]);
                cat(docs)
            }
            TestStepKind::Crash(path) => cat([text("crash after "), self.path(path)]),
            TestStepKind::Error => self.slice(step.span),
        }
    }

    fn outcome(&mut self, outcome: &MockOutcome) -> Doc {
        match outcome {
            MockOutcome::Value(value) => self.expr(value),
            MockOutcome::Fail { code, message } => {
                let mut docs = vec![text("fail "), self.name(code)];
                if let Some(message) = message {
                    docs.extend([text(" "), self.expr(message)]);
                }
                cat(docs)
            }
        }
    }
}
