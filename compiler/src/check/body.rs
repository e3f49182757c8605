//! Bodies: blocks and steps of a flow, with the names that they bind.

use super::Checker;
use super::errors;
use super::outline::SiteKind;
use super::scope::{Mark, Scope};
use ecow::EcoString;
use rustc_hash::FxHashSet;
use weir_lang::ast::{Block, Expr, ExprKind, Ident, Otherwise, Role, Step, StepKind};
use weir_lang::diagnostic::Diagnostic;
use weir_lang::span::{Loc, Span};
use weir_lang::types::{Type, fits};

/// Checking one body, constant or test.
pub struct Body<'a> {
    /// Everything else.
    pub(super) checker: &'a mut Checker,
    /// Whose names are in reach.
    pub(super) module: usize,
    /// The role of the flow; None outside flows.
    pub(super) role: Option<Role>,
    /// The declared result, when there is one.
    pub(super) returns: Option<Type>,
    /// Names.
    pub(super) scope: Scope,
    /// Loops around, innermost last.
    pub(super) loops: Vec<Loop>,
    /// Whether a value was returned.
    pub(super) returned: bool,
    /// An aggregator's sources, in order.
    pub(super) sources: Vec<(EcoString, Type)>,
    /// Whether it is a test: `calls(tool)` and `attempts(tool)` are known.
    pub(super) test: bool,
    /// Names that were reported as unknown: each once.
    pub(super) unknown: FxHashSet<EcoString>,
    /// The flow's own name; empty outside flows.
    pub(super) flow: EcoString,
    /// Whether it is a campaign with a clock, which has no `event`.
    pub(super) clock: bool,
}

/// A loop that is being checked.
#[derive(Debug, Default)]
pub struct Loop {
    /// Types yielded.
    pub yields: Vec<Type>,
    /// Types given to `next`.
    pub next: Vec<Type>,
    /// Whether it is a `repeat`.
    pub repeat: bool,
    /// What its yields should be, where its list is wanted somewhere.
    pub expected: Option<Type>,
}

/// What a block gives.
#[derive(Debug)]
pub struct BlockType {
    /// The type of its last expression; null when it ends with another step.
    pub value: Type,
    /// Whether it always leaves (return, fail, block, drop).
    pub leaves: bool,
    /// Whether it ends with an expression.
    pub has_value: bool,
}

impl<'a> Body<'a> {
    pub(super) fn new(checker: &'a mut Checker, module: usize, role: Option<Role>) -> Self {
        Body {
            checker,
            module,
            role,
            returns: None,
            scope: Scope::default(),
            loops: Vec::new(),
            returned: false,
            sources: Vec::new(),
            test: false,
            unknown: FxHashSet::default(),
            flow: EcoString::new(),
            clock: false,
        }
    }

    pub(super) fn loc(&self, span: Span) -> Loc {
        self.checker.program.loc(self.module, span)
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.checker.report(diagnostic);
    }

    /// The type found for an expression so far.
    pub(super) fn type_of(&self, expr: &Expr) -> Type {
        self.checker.expr_type(self.module, expr.id)
    }

    pub(super) fn bind(&mut self, name: &Ident, ty: Type, warn: bool) {
        self.checker.bindings.insert((self.module, name.span.start), ty.clone());
        let (same, outer) = self.scope.bind(&name.name, ty, name.span, warn);
        let loc = self.loc(name.span);
        if let Some(first) = same {
            let first = self.loc(first);
            self.report(errors::duplicate_name(loc, &name.name, first));
            self.scope.read(&name.name);
        } else if let Some(outer) = outer {
            let outer = self.loc(outer);
            self.report(errors::shadowed_name(loc, &name.name, outer));
        }
    }

    pub(super) fn leave(&mut self, mark: Mark) {
        self.scope.leave(mark);
    }

    /// Ends the body: names that nothing read are reported, unless something in `place` is wrong: then the mistake may
    /// be the reason.
    pub(super) fn finish(mut self, place: Span) {
        if self.checker.is_wrong(self.loc(place)) {
            return;
        }
        for unused in self.scope.unused() {
            let loc = self.loc(unused.span);
            let found = match unused.parameter {
                true => super::hints::unused_parameter(loc, &unused.name, &self.flow),
                false => errors::unused_binding(loc, &unused.name),
            };
            self.report(found);
        }
    }

    /// Checks that a type fits, with the words for who wants it.
    pub(super) fn fit(&mut self, span: Span, found: &Type, expected: &Type, context: &str) -> bool {
        match fits(found, expected, &self.checker.program.types) {
            Ok(()) => true,
            Err(wrong) => {
                let loc = self.loc(span);
                self.report(errors::mismatch(loc, &wrong, context));
                false
            }
        }
    }

    /// The steps of a block in a scope of their own.
    pub(super) fn block(&mut self, block: &Block, expected: Option<&Type>) -> BlockType {
        let mark = self.scope.enter();
        let result = self.steps(block, expected);
        self.leave(mark);
        result
    }

    /// The steps of a block in the scope that is open.
    pub(super) fn steps(&mut self, block: &Block, expected: Option<&Type>) -> BlockType {
        let mut result = BlockType { value: Type::Null, leaves: false, has_value: false };
        for (at, step) in block.steps.iter().enumerate() {
            let last = at + 1 == block.steps.len();
            self.check_reached_step(block, at, result.leaves);
            let value = match &step.kind {
                StepKind::Expr(expr) if last => {
                    result.has_value = true;
                    self.last_expr(expr, expected)
                }
                _ => self.step(step),
            };
            if let Some(value) = value {
                result.leaves |= matches!(value, Type::Never);
                result.value = value;
            } else if last {
                result.value = Type::Null;
            }
        }
        result
    }

    /// The first step behind one that always leaves.
    fn check_reached_step(&mut self, block: &Block, at: usize, left: bool) {
        let before = at.checked_sub(1).and_then(|before| block.steps.get(before));
        let (Some(step), Some(before), true) = (block.steps.get(at), before, left) else { return };
        let leaves = super::outline::leaves_step(before);
        if leaves && !matches!(step.kind, StepKind::Error) {
            let (loc, before) = (self.loc(step.span), self.loc(before.span));
            self.report(super::hints::unreachable_step(loc, before));
        }
    }

    /// The block's value, without complaining where the value is not wanted.
    fn last_expr(&mut self, expr: &Expr, expected: Option<&Type>) -> Option<Type> {
        let ty = self.infer_claused(expr, expected, None);
        self.assume_after(expr);
        Some(ty)
    }

    /// Checks a step. Gives [`Type::Never`] when it always leaves.
    fn step(&mut self, step: &Step) -> Option<Type> {
        match &step.kind {
            StepKind::Bind { name, value } => self.bind_step(name, value),
            StepKind::Expr(expr) => {
                let ty = self.infer_claused(expr, None, None);
                self.check_is_step(expr);
                self.assume_after(expr);
                return matches!(ty, Type::Never).then_some(Type::Never);
            }
            StepKind::Yield(value) => self.yield_step(step.span, value),
            StepKind::Return(value) => return self.return_step(step.span, value.as_ref()),
            StepKind::Require { cond, otherwise } => self.require_step(cond, otherwise.as_ref()),
            StepKind::Check { callee, args } => self.check_step(callee, args),
            StepKind::Wait(expr) => self.wait_step(expr),
            StepKind::WaitUntil(expr) => {
                self.expect(expr, &Type::Time, "`wait until`");
            }
            StepKind::Next(expr) => self.next_step(step.span, expr),
            StepKind::Drop(reason) | StepKind::Annotate(reason) => {
                self.text(reason);
                self.check_report_step(step);
                return matches!(step.kind, StepKind::Drop(_)).then_some(Type::Never);
            }
            StepKind::Key { key, .. } => self.key_value(key),
            StepKind::Prompt(text) => self.text(text),
            StepKind::From { source, name } => self.source_step(source, name),
            StepKind::Merge { key, prefer } => return Some(self.merge_step(key, prefer)),
            StepKind::Error => {}
        }
        None
    }

    fn bind_step(&mut self, name: &Ident, value: &Expr) {
        let ty = self.infer_claused(value, None, Some(name));
        self.assume_after(value);
        let warn = !matches!(ty, Type::Broken) && !self.names_a_step(value);
        self.bind(name, ty, warn);
        if let Some(tool) = self.untyped_tool(value) {
            self.scope.mark_untyped(tool);
        }
    }

    /// Whether a binding's value has consequences: then its name names the step, whoever needs the value.
    fn names_a_step(&self, value: &Expr) -> bool {
        let nodes = super::outline::outline_expr(&self.checker.program, self.module, value);
        let mut acts = false;
        super::outline::sites(&nodes, &mut |site| {
            acts |= matches!(site.kind, SiteKind::Ask | SiteKind::Receive | SiteKind::Wait)
                || self.checker.has_effect(site);
        });
        acts
    }

    /// A step that is only an expression must do something.
    fn check_is_step(&mut self, expr: &Expr) {
        let core = match &expr.kind {
            ExprKind::Claused { value, .. } => value,
            _ => expr,
        };
        let acts = matches!(
            super::outline::core_of(core).kind,
            ExprKind::Call { .. }
                | ExprKind::Ask { .. }
                | ExprKind::Receive { .. }
                | ExprKind::Start { .. }
                | ExprKind::For { .. }
                | ExprKind::Repeat { .. }
                | ExprKind::If { .. }
                | ExprKind::Match { .. }
                | ExprKind::Pipe { .. }
                | ExprKind::Block(_)
                | ExprKind::Fail { .. }
                | ExprKind::Error
        );
        if !acts && !matches!(self.type_of(core), Type::Broken) {
            let loc = self.loc(expr.span);
            let help = "bind it to a name, or remove it";
            self.report(errors::invalid_clause(loc, "this step computes a value that nothing uses", help));
        }
    }

    /// After `if x == null { return }` it is known that `x` is not null.
    fn assume_after(&mut self, expr: &Expr) {
        let ExprKind::If { cond, then, otherwise } = &expr.kind else { return };
        let leaves = |block: &Block| super::outline::always_leaves(block);
        let mut facts = Vec::new();
        if leaves(then) {
            facts.extend(self.facts(cond, false));
        }
        if otherwise.as_ref().is_some_and(leaves) {
            facts.extend(self.facts(cond, true));
        }
        self.scope.assume(facts);
    }

    fn yield_step(&mut self, span: Span, value: &Expr) {
        let expected = self.loops.last().and_then(|innermost| innermost.expected.clone());
        let ty = self.infer_claused(value, expected.as_ref(), None);
        match self.loops.last_mut() {
            Some(innermost) => innermost.yields.push(ty),
            None => {
                let loc = self.loc(span);
                self.report(errors::invalid_clause(loc, "`yield` stands in a `for` or `repeat`", "use `return`"));
            }
        }
    }

    fn return_step(&mut self, span: Span, value: Option<&Expr>) -> Option<Type> {
        if !self.loops.is_empty() {
            let loc = self.loc(span);
            let help = "`yield` what the loop finds, and return after it";
            self.report(errors::invalid_clause(loc, "`return` cannot stand inside `for` or `repeat`", help));
        }
        self.returned = true;
        match (value, self.returns.clone()) {
            (Some(value), Some(expected)) => self.expect_claused(value, &expected, "`return`"),
            (Some(value), None) => {
                self.infer_claused(value, None, None);
                let loc = self.loc(value.span);
                let ty = self.type_of(value);
                self.report(errors::undeclared_value(loc, &ty));
            }
            (None, Some(expected)) => {
                let loc = self.loc(span);
                self.report(errors::bare_return(loc, &expected));
            }
            (None, None) => {}
        }
        Some(Type::Never)
    }

    fn require_step(&mut self, cond: &Expr, otherwise: Option<&Otherwise>) {
        self.condition(cond, "`require`");
        let mark = self.scope.enter();
        let facts = self.facts(cond, false);
        self.scope.assume(facts);
        match otherwise {
            Some(Otherwise::Reason(text)) => self.text(text),
            Some(Otherwise::Exit(exit)) => {
                self.infer(exit, None);
            }
            Some(Otherwise::Drop(reason)) => self.text(reason),
            None => {}
        }
        self.leave(mark);
        let facts = self.facts(cond, true);
        self.scope.assume(facts);
    }

    fn wait_step(&mut self, expr: &Expr) {
        let ty = self.infer(expr, Some(&Type::Duration));
        if fits(&ty, &Type::Duration, &self.checker.program.types).is_err() {
            let loc = self.loc(expr.span);
            self.report(errors::not_duration(loc, "`wait`", &ty));
        }
    }

    fn next_step(&mut self, span: Span, expr: &Expr) {
        let ty = self.infer_claused(expr, None, None);
        match self.loops.last_mut() {
            Some(innermost) if innermost.repeat => innermost.next.push(ty),
            _ => {
                let loc = self.loc(span);
                self.report(errors::invalid_clause(loc, "`next` stands directly in a `repeat`", ""));
            }
        }
    }

    fn check_report_step(&mut self, step: &Step) {
        let loc = self.loc(step.span);
        let word = if matches!(step.kind, StepKind::Drop(_)) { "drop" } else { "annotate" };
        if self.loops.is_empty() {
            let message = format!("`{word}` stands in a `for`: it is about the loop's record");
            self.report(errors::invalid_clause(loc, message, ""));
        } else if !matches!(self.role, Some(Role::Transformer | Role::Enricher)) {
            let message = format!("`{word}` is for transformers and enrichers");
            self.report(errors::invalid_clause(loc, message, "leave the record out by not yielding it"));
        }
    }

    /// A key: text, number or a list of them.
    pub(super) fn key_value(&mut self, key: &Expr) {
        let ty = self.infer(key, None);
        let scalar = Type::union([Type::STRING, Type::INT, Type::Date, Type::Time, Type::Bool]);
        if fits(&ty, &scalar, &self.checker.program.types).is_err() {
            let loc = self.loc(key.span);
            self.report(errors::wants(loc, "a key", "a text or a whole number, never null", &ty));
        }
    }

    fn source_step(&mut self, source: &Expr, name: &Ident) {
        let ty = self.infer_claused(source, None, Some(name));
        let list = Type::list(Type::Broken).nullable();
        if fits(&ty, &list, &self.checker.program.types).is_err() {
            let loc = self.loc(source.span);
            self.report(
                errors::wants(loc, "`from`", "a list", &ty)
                    .help("read the list out of the result: `from crm.search(…).rows as crm`"),
            );
        }
        self.bind(name, ty.clone(), false);
        self.sources.push((name.name.clone(), ty));
    }

    fn merge_step(&mut self, key: &Expr, prefer: &[Ident]) -> Type {
        for one in prefer {
            if !self.sources.iter().any(|(name, _)| *name == one.name) {
                let near =
                    errors::nearest(&one.name, self.sources.iter().map(|(name, _)| name.as_str())).map(str::to_string);
                let loc = self.loc(one.span);
                self.report(errors::unknown_source(loc, &one.name, near.as_deref()));
            }
        }
        let element = self.source_element();
        let ExprKind::Lambda { params, body } = &key.unparen().kind else {
            let loc = self.loc(key.span);
            self.report(errors::invalid_clause(loc, "`merge by` wants a lambda", "`merge by record => record.id`"));
            return Type::list(element);
        };
        let mark = self.scope.enter();
        for param in params {
            self.bind(param, element.clone(), false);
        }
        let ty = self.infer(body, None);
        self.checker.set_type(self.module, key.id, ty);
        self.leave(mark);
        Type::list(element)
    }

    /// The union of what an aggregator's sources hold.
    fn source_element(&self) -> Type {
        let types = &self.checker.program.types;
        let mut elements = Vec::new();
        for (_, ty) in &self.sources {
            for member in types.members(ty) {
                if let Type::List(element) = member {
                    elements.push((**element).clone());
                }
            }
        }
        super::ops::join_all(elements, types)
    }
}
