//! Blocks, steps, and the steps of tests.

use super::build::{Builder, span};
use super::grammar::Rule;
use super::kids::{Kids, Node};
use super::{say, spelling};
use crate::ast::{Block, Expr, ExprKind, Ident, Lit, MockOutcome, Otherwise, Step, StepKind, TestStep, TestStepKind};
use crate::span::Span;

impl<'a> Builder<'a> {
    pub(super) fn next_block(&mut self, kids: &mut Kids<'a>, place: Span) -> Block {
        match kids.next_if(Rule::block) {
            Some(node) => self.block(node),
            None => Block { steps: Vec::new(), span: place },
        }
    }

    pub(super) fn block(&mut self, node: Node<'a>) -> Block {
        let whole = span(&node);
        let steps = self.deeper(1, whole, |builder| builder.steps(node, whole)).unwrap_or_default();
        Block { steps, span: whole }
    }

    fn steps(&mut self, node: Node<'a>, whole: Span) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for node in Kids::of(node) {
            if node.as_rule() == Rule::unclosed {
                let brace = Span { start: whole.start, end: whole.start + 1 };
                self.unclosed(brace, span(&node));
                continue;
            }
            let step = self.step(node);
            if self.is_stray_unit(steps.last(), &step) {
                continue;
            }
            if let Some(before) = steps.last_mut() {
                self.meaningless_pair(before, &step);
            }
            steps.push(step);
        }
        steps
    }

    /// A closing brace is missing; said once a declaration, for the outermost brace.
    pub(super) fn unclosed(&mut self, opened: Span, end: Span) {
        let diagnostic = say::unclosed_brace(self.loc(self.trimmed_end(end)), self.loc(opened));
        self.diagnostics.retain(|other| other.message != diagnostic.message || other.loc() != diagnostic.loc());
        self.report(diagnostic);
    }

    /// The place right behind the last thing before `end`.
    fn trimmed_end(&self, end: Span) -> Span {
        let at = self.trimmed(Span { start: 0, end: end.start }).end;
        Span { start: at, end: at }
    }

    /// `wait 5 s`: the `s` became a step of its own.
    fn is_stray_unit(&mut self, before: Option<&Step>, step: &Step) -> bool {
        let (Some(before), StepKind::Expr(Expr { kind: ExprKind::Name(unit), .. })) = (before, &step.kind) else {
            return false;
        };
        let between = Span { start: before.span.end, end: step.span.start }.text(self.source);
        let number = before.span.text(self.source).rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
        if number.is_empty() || between.contains('\n') || !spelling::looks_like_unit(&unit.name) {
            return false;
        }
        let start = before.span.end - number.len() as u32;
        let diagnostic = say::detached_unit(self.loc(Span { start, end: step.span.end }), number, &unit.name);
        self.report(diagnostic);
        true
    }

    /// `let x = 5`, `async f()`, `x = await f()`: a bare name with a step behind it on its line.
    fn meaningless_pair(&mut self, before: &mut Step, step: &Step) {
        let between = Span { start: before.span.end, end: step.span.start };
        let value = match &before.kind {
            StepKind::Expr(value) => value,
            StepKind::Bind { value, .. } => value,
            _ => return,
        };
        let ExprKind::Name(word) = &value.kind else {
            return;
        };
        if between.text(self.source).contains('\n') {
            return;
        }
        let span = Span { start: word.span.start, end: step.span.end };
        if let Some(diagnostic) = self.explain_pair(span, step.span.start, matches!(before.kind, StepKind::Bind { .. }))
        {
            self.report_once(span, diagnostic);
            before.kind = StepKind::Error;
        }
    }

    fn step(&mut self, node: Node<'a>) -> Step {
        let whole = span(&node);
        let rule = node.as_rule();
        if rule == Rule::broken_step {
            let span = self.trimmed(whole);
            self.explain_step(span);
            return Step { kind: StepKind::Error, span };
        }
        let mut kids = Kids::of(node);
        let kind = match rule {
            Rule::plain_step => self.plain_step(&mut kids, whole),
            Rule::require_step => self.require_step(&mut kids, whole),
            Rule::check_step => {
                StepKind::Check { callee: self.path_or(kids.next(), whole), args: self.args(kids.next()) }
            }
            Rule::yield_step => StepKind::Yield(self.claused(&mut kids, whole)),
            Rule::return_step => StepKind::Return(kids.peek().is_some().then(|| self.claused(&mut kids, whole))),
            Rule::wait_step if kids.has(Rule::kw_until) => StepKind::WaitUntil(self.next_expr(&mut kids, whole)),
            Rule::wait_step => StepKind::Wait(self.next_expr(&mut kids, whole)),
            Rule::key_step => StepKind::Key { key: self.next_expr(&mut kids, whole), per_run: kids.has(Rule::per_run) },
            Rule::from_step => self.source_step(&mut kids, whole),
            Rule::merge_step => StepKind::Merge {
                key: self.next_expr(&mut kids, whole),
                prefer: kids.map(|name| self.ident(&name)).collect(),
            },
            _ => self.word_step(&mut kids, whole),
        };
        Step { kind, span: whole }
    }

    fn plain_step(&mut self, kids: &mut Kids<'a>, whole: Span) -> StepKind {
        match kids.next_if(Rule::bind_name) {
            Some(bind) => StepKind::Bind { name: self.bind_name(bind), value: self.claused(kids, whole) },
            None => StepKind::Expr(self.claused(kids, whole)),
        }
    }

    fn bind_name(&self, node: Node<'a>) -> Ident {
        let whole = span(&node);
        self.ident_or(Kids::of(node).next(), whole)
    }

    fn word_step(&mut self, kids: &mut Kids<'a>, whole: Span) -> StepKind {
        let word = kids.next_if(Rule::step_word).map_or("", |word| word.as_str());
        let value = self.next_expr(kids, whole);
        match word {
            "next" => StepKind::Next(value),
            "drop" => StepKind::Drop(value),
            "annotate" => StepKind::Annotate(value),
            _ => StepKind::Prompt(value),
        }
    }

    fn require_step(&mut self, kids: &mut Kids<'a>, whole: Span) -> StepKind {
        let cond = self.next_expr(kids, whole);
        kids.has(Rule::kw_else);
        let otherwise = kids.next_if(Rule::otherwise).map(|node| {
            let mut inner = Kids::of(node);
            let is_drop = inner.has(Rule::kw_drop);
            let value = self.next_expr(&mut inner, whole);
            match value.kind {
                _ if is_drop => Otherwise::Drop(value),
                ExprKind::Fail { .. } | ExprKind::Block(_) => Otherwise::Exit(value),
                _ => Otherwise::Reason(value),
            }
        });
        StepKind::Require { cond, otherwise }
    }

    fn source_step(&mut self, kids: &mut Kids<'a>, whole: Span) -> StepKind {
        let value = self.next_expr(kids, whole);
        let name = self.ident_or(kids.next_if(Rule::name), whole);
        StepKind::From { source: self.with_clauses(value, kids), name }
    }

    pub(super) fn test_step(&mut self, node: Node<'a>) -> TestStep {
        let whole = span(&node);
        let rule = node.as_rule();
        if rule == Rule::broken_step {
            let span = self.trimmed(whole);
            self.explain_step(span);
            return TestStep { kind: TestStepKind::Error, span };
        }
        let mut kids = Kids::of(node);
        let kind = match rule {
            Rule::mock_step => self.mock_step(kids, whole),
            Rule::expect_step => TestStepKind::Expect(self.next_expr(&mut kids, whole)),
            Rule::answer_step => TestStepKind::Answer {
                question: self.next_expr(&mut kids, whole),
                value: self.next_expr(&mut kids, whole),
            },
            Rule::signal_step => self.signal_step(kids, whole),
            Rule::crash_step => TestStepKind::Crash(self.path_or(kids.next(), whole)),
            _ => TestStepKind::Bind {
                name: kids.next().map_or_else(|| self.ident_or(None, whole), |bind| self.bind_name(bind)),
                value: self.claused(&mut kids, whole),
            },
        };
        TestStep { kind, span: whole }
    }

    fn signal_step(&mut self, mut kids: Kids<'a>, whole: Span) -> TestStepKind {
        let event = self.next_expr(&mut kids, whole);
        let second = self.next_expr(&mut kids, whole);
        match self.maybe_expr(&mut kids) {
            Some(value) => TestStepKind::Signal { event, key: Some(second), value },
            None => TestStepKind::Signal { event, key: None, value: second },
        }
    }

    fn mock_step(&mut self, mut kids: Kids<'a>, whole: Span) -> TestStepKind {
        let tool = self.path_or(kids.next_if(Rule::path), whole);
        let args = kids.next_if(Rule::args).map(|args| self.args(Some(args)));
        let mut outcomes = Vec::new();
        while let Some(rule) = kids.peek() {
            match rule {
                Rule::fail_outcome => outcomes.extend(kids.next().map(|node| self.fail_outcome(node))),
                Rule::kw_then => drop(kids.next()),
                _ => outcomes.push(MockOutcome::Value(self.next_expr(&mut kids, whole))),
            }
        }
        TestStepKind::Mock { tool, args, outcomes }
    }

    fn fail_outcome(&mut self, node: Node<'a>) -> MockOutcome {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        MockOutcome::Fail { code: self.ident_or(kids.next(), whole), message: self.maybe_expr(&mut kids) }
    }

    /// A literal in a type or pattern.
    pub(super) fn constant(&mut self, kids: &mut Kids<'a>) -> Lit {
        let minus = kids.has(Rule::minus);
        match kids.next() {
            Some(node) if node.as_rule() == Rule::number => self.signed_number(&node, minus),
            Some(node) if node.as_rule() == Rule::literal => literal_word(node.as_str()),
            Some(node) => Lit::String(self.plain_string(node)),
            None => Lit::Null,
        }
    }
}

/// `true`, `false`, `null`
pub(super) fn literal_word(word: &str) -> Lit {
    match word {
        "null" => Lit::Null,
        word => Lit::Bool(word == "true"),
    }
}
