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
        let mut muted = 0;
        for node in Kids::of(node) {
            if node.as_rule() == Rule::unclosed {
                let brace = Span { start: whole.start, end: whole.start + 1 };
                self.unclosed(brace, span(&node));
                continue;
            }
            if span(&node).start < muted {
                continue;
            }
            if let Some(end) = self.misspelt_word(steps.last_mut(), &node) {
                muted = end;
                steps.push(Step { kind: StepKind::Error, span: span(&node) });
                continue;
            }
            let step = self.step(node);
            if self.is_stray_unit(steps.last(), &step) {
                continue;
            }
            if let Some(before) = steps.last_mut()
                && let Some(end) = self.meaningless_pair(before, &step)
            {
                muted = end;
                continue;
            }
            steps.push(step);
        }
        steps
    }

    /// A closing brace is missing; said once a declaration, for the outermost brace.
    pub(super) fn unclosed(&mut self, opened: Span, end: Span) {
        let inside = Span { start: opened.start, end: end.start }.text(self.source);
        let (opened, end) = match super::brackets::unclosed_by_indent(inside) {
            Some((open, close)) => {
                let at = |offset: usize| opened.start + offset as u32;
                (Span { start: at(open), end: at(open) + 1 }, Span { start: at(close), end: at(close) })
            }
            None => (opened, end),
        };
        let diagnostic = say::unclosed_brace(self.loc(self.trimmed_end(end)), self.loc(opened));
        let mut own = self.diagnostics.split_off(self.said.min(self.diagnostics.len()));
        own.retain(|other| other.loc() != diagnostic.loc() || other.message != diagnostic.message);
        self.diagnostics.append(&mut own);
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

    /// Gives the end of the line where its rest means nothing.
    ///
    /// `let x = 5`, `async f()`, `x = await f()`: a bare name with a step behind it on its line.
    fn meaningless_pair(&mut self, before: &mut Step, step: &Step) -> Option<u32> {
        let between = Span { start: before.span.end, end: step.span.start };
        let value = match &before.kind {
            StepKind::Expr(value) => value,
            StepKind::Bind { value, .. } => value,
            _ => return None,
        };
        let ExprKind::Name(word) = &value.kind else {
            return None;
        };
        if between.text(self.source).contains('\n') {
            return None;
        }
        let brings_nothing = !spelling::only_in_front(&word.name);
        let span = Span { start: word.span.start, end: step.span.end };
        let is_binding = matches!(before.kind, StepKind::Bind { .. });
        let mut said = false;
        if let Some(diagnostic) = self.explain_pair(span, step.span.start, is_binding) {
            self.report_once(span, diagnostic);
            match &mut before.kind {
                StepKind::Bind { value, .. } => value.kind = ExprKind::Error,
                // `found crm.find(…)`: the name would have been bound.
                StepKind::Expr(Expr { kind: ExprKind::Name(name), id, span }) => {
                    let value = Expr { kind: ExprKind::Error, span: *span, id: *id };
                    before.kind = StepKind::Bind { name: name.clone(), value };
                }
                kind => *kind = StepKind::Error,
            }
            said = true;
        }
        (said && brings_nothing).then(|| span.start + line_length(span.start, self.source))
    }

    /// `undoo crm.delete(…)`, `reqire x > 0`, `while x { … }`: a bare name that is nearly a word of the language, or one
    /// of another language, with more behind it on its line. Gives the end of that line, whose rest is no second mistake; what stands before a clause that was
    /// meant counts as broken too.
    fn misspelt_word(&mut self, before: Option<&mut Step>, node: &Node<'a>) -> Option<u32> {
        if !matches!(node.as_rule(), Rule::plain_step | Rule::broken_step) {
            return None;
        }
        let start = span(node).start;
        let word = super::mistakes::token(self.source.get(start as usize..)?);
        let end = start + line_length(start, self.source);
        let behind = Span { start: start + word.len() as u32, end }.text(self.source).trim_start();
        let operand = behind.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '"' | '{'))
            || behind.starts_with(|c: char| c.is_ascii_digit());
        let operator = ["in ", "and ", "or ", "as ", "matches "].iter().any(|word| behind.starts_with(word));
        if !operand || operator || spelling::is_reserved(word) {
            return None;
        }
        let clause = spelling::near(word, &spelling::CLAUSES)
            .or_else(|| spelling::near(word, &["else"]))
            .filter(|_| before.is_some());
        let loc = self.loc(Span { start, end: start + word.len() as u32 });
        let known = self.explain_foreign(Span { start, end }).filter(|_| !spelling::only_in_front(word));
        let diagnostic = match known {
            Some(known) => known,
            None => say::misspelt(loc, word, clause.or_else(|| spelling::near_step(word))?),
        };
        self.report_once(Span { start, end }, diagnostic);
        if let (Some(before), Some(_)) = (before, clause) {
            match &mut before.kind {
                StepKind::Bind { value, .. } => value.kind = ExprKind::Error,
                kind => *kind = StepKind::Error,
            }
        }
        Some(end)
    }

    /// What a broken step would have bound is known, so that reading it is no second mistake.
    fn broken_step(&mut self, place: Span) -> StepKind {
        match self.bound_by(place) {
            Some(name) => StepKind::Bind { name, value: self.missing(place) },
            None => StepKind::Error,
        }
    }

    /// The name before `=`, `:=` or `: T =`.
    fn bound_by(&self, place: Span) -> Option<Ident> {
        let text = place.text(self.source);
        let name = super::mistakes::token(text);
        let head = text.get(name.len()..)?.trim_start();
        let (sign, rest) = head.split_once('=')?;
        let typed = sign.strip_prefix(':').is_some_and(|ty| !ty.contains(['\n', '!', '(', '"', '<']));
        let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_') && !spelling::is_reserved(name);
        let binds = is_name && (sign.is_empty() || typed) && !rest.starts_with(['=', '>']);
        let span = Span { start: place.start, end: place.start + name.len() as u32 };
        binds.then(|| Ident { name: name.into(), span })
    }

    fn step(&mut self, node: Node<'a>) -> Step {
        let whole = span(&node);
        let rule = node.as_rule();
        if rule == Rule::broken_step {
            let span = self.trimmed(whole);
            self.explain_step(span);
            return Step { kind: self.broken_step(span), span };
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

/// Bytes from `start` to the end of its line.
fn line_length(start: u32, source: &str) -> u32 {
    let rest = source.get(start as usize..).unwrap_or("");
    rest.find('\n').unwrap_or(rest.len()) as u32
}
