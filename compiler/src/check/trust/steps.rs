//! Steps and blocks, and the clauses behind calls.

use super::label::Label;
use super::paths::Step as Part;
use super::taint::{Origin, Taint};
use super::walk::{Condition, Mode, Walk};
use weir_lang::ast::{ArmBody, Block, Clause, ClauseKind, Expr, ExprKind, Ident, Otherwise, Step, StepKind};

impl<'a> Walk<'_, 'a> {
    /// A block in a scope of its own. Gives its value.
    pub fn block(&mut self, block: &'a Block) -> Label {
        let count = self.env.len();
        let value = self.steps(block);
        self.unbind(count);
        value
    }

    /// The steps of a block; the value is that of its last expression.
    pub fn steps(&mut self, block: &'a Block) -> Label {
        let mut value = Label::default();
        for step in &block.steps {
            value = self.step(step);
        }
        value
    }

    fn step(&mut self, step: &'a Step) -> Label {
        match &step.kind {
            StepKind::Bind { name, value } => {
                let label = self.claused(value, Some(name));
                let label = self.passes(label, name, value);
                if self.mode == Mode::Depends {
                    self.lets.push((name.name.clone(), value));
                }
                self.bind(&name.name, label);
                self.shown(name, value);
            }
            StepKind::Expr(value) => return self.expr(value),
            StepKind::Yield(value) => self.yields(value),
            StepKind::Return(value) => {
                let label = value.as_ref().map(|value| self.expr(value)).unwrap_or_default();
                self.returns(label);
            }
            StepKind::Require { cond, otherwise } => self.require(cond, otherwise.as_ref()),
            StepKind::Check { callee, args } => self.check(callee, args, step.span),
            StepKind::Next(value) => {
                let decided = self.decided();
                let label = self.expr(value).steered(&decided);
                let checker = self.world.checker;
                let ends = checker.expr_type(self.module, value.id).has_null(&checker.program.types);
                if let Some(frame) = self.frames.last_mut() {
                    frame.rounds.add(&if ends { label.deep().computed() } else { decided });
                    frame.next = frame.next.joined(&label, &mut self.world.paths);
                }
            }
            StepKind::Drop(reason) => {
                self.expr(reason);
                self.left = self.decided();
            }
            StepKind::From { source, name } => {
                let label = self.claused(source, Some(name));
                let element = label.elem(&mut self.world.paths);
                self.sources = self.sources.joined(&element, &mut self.world.paths);
                self.bind(&name.name, label);
            }
            StepKind::Merge { key, .. } => return self.merge_sources(key),
            StepKind::Wait(value)
            | StepKind::WaitUntil(value)
            | StepKind::Annotate(value)
            | StepKind::Key { key: value, .. }
            | StepKind::Prompt(value) => {
                self.expr(value);
            }
            StepKind::Error => {}
        }
        Label::default()
    }

    fn yields(&mut self, value: &'a Expr) {
        let decided = self.decided();
        let label = self.expr(value).steered(&decided);
        if let Some(frame) = self.frames.last_mut() {
            frame.yields = frame.yields.joined(&label, &mut self.world.paths);
            frame.chosen.add(&decided);
        }
    }

    /// `merge by`: of records with one key the preferred source's stays.
    fn merge_sources(&mut self, key: &'a Expr) -> Label {
        let element = self.sources.clone();
        let keys = match &key.unparen().kind {
            ExprKind::Lambda { params, body } => {
                self.lambda(params, body, std::slice::from_ref(&element)).deep().computed()
            }
            _ => element.deep().computed(),
        };
        Label::list(element, Taint::default()).steered(&keys)
    }

    fn require(&mut self, cond: &'a Expr, otherwise: Option<&'a Otherwise>) {
        let mut conjuncts = Vec::new();
        self.conjuncts(cond, &mut conjuncts);
        if let Some(Otherwise::Reason(text) | Otherwise::Drop(text) | Otherwise::Exit(text)) = otherwise {
            self.perhaps(|walk| walk.expr(text));
        }
        let mut open = Taint::default();
        for one in conjuncts {
            match (self.mode, one.endorses) {
                (Mode::Trust, Some((subject, by))) => {
                    let before = self.expr(subject).deep();
                    self.note_endorsed(subject, one.cond.span, "what it equals or is one of is trusted", &before);
                    self.endorse_path(subject, &mut |_, _| Label::leaf(by.clone()));
                }
                (Mode::Trust, None) => open.add(&one.taint),
                (Mode::Depends, _) => {
                    open.add(&one.taint);
                    let form = !self.knows(one.cond);
                    let loc = self.loc(one.cond.span);
                    self.conditions.push(Condition { taint: one.taint, form, loc });
                }
            }
            self.approve(&one.approves, one.cond.span);
        }
        if matches!(otherwise, Some(Otherwise::Drop(_))) {
            self.left = self.decided().joined(&open);
        }
    }

    /// An expression with its clauses, bound to `name` if it is.
    pub fn claused(&mut self, expr: &'a Expr, name: Option<&'a Ident>) -> Label {
        let ExprKind::Claused { value, clauses } = &expr.kind else { return self.expr(expr) };
        let rescued = clauses
            .iter()
            .any(|clause| matches!(clause.kind, ClauseKind::Catch(_) | ClauseKind::Fallback(_) | ClauseKind::Optional));
        let mark = self.begin();
        let (raw, label) = self.with_raw(value);
        if rescued {
            self.end(mark);
        }
        let mut result = label.clone();
        for clause in clauses {
            // Which look at it is the last one is decided by the condition.
            if let ClauseKind::Until { cond, .. } = &clause.kind {
                let mut chosen = Taint::default();
                self.with_result(&raw, &label, name, |walk| chosen = walk.expr(cond).deep().computed());
                result = result.steered(&chosen);
                continue;
            }
            if let Some(other) = self.clause(clause, &raw, &label, name) {
                result = result.joined(&other, &mut self.world.paths);
            }
        }
        result
    }

    /// The label of the call under field accesses, and that of the whole.
    fn with_raw(&mut self, value: &'a Expr) -> (Label, Label) {
        match &value.kind {
            ExprKind::Field { base, name, .. } => {
                let (raw, label) = self.with_raw(base);
                let field = label.field(&name.name, &mut self.world.paths);
                (raw, field)
            }
            ExprKind::Paren(inner) => self.with_raw(inner),
            _ => {
                let label = self.expr(value);
                (label.clone(), label)
            }
        }
    }

    /// A clause; gives the value that may stand in place of the call's.
    fn clause(&mut self, clause: &'a Clause, raw: &Label, label: &Label, name: Option<&'a Ident>) -> Option<Label> {
        match &clause.kind {
            ClauseKind::Catch(arms) => {
                let mut result = Label::default();
                for arm in arms {
                    let count = self.env.len();
                    if let Some(error) = &arm.binding {
                        let caught = self.caught(error);
                        self.bind(&error.name, caught);
                    }
                    let label = self.perhaps(|walk| walk.arm(&arm.body));
                    self.unbind(count);
                    result = result.joined(&label, &mut self.world.paths);
                }
                Some(result)
            }
            ClauseKind::Fallback(value) => Some(self.perhaps(|walk| walk.expr(value))),
            ClauseKind::Undo(call) => {
                self.with_result(raw, label, name, |walk| {
                    let before = std::mem::replace(&mut walk.undoing, true);
                    walk.expr(call);
                    walk.undoing = before;
                });
                None
            }
            ClauseKind::Key { key: value, .. } | ClauseKind::Timeout(value) | ClauseKind::From(value) => {
                self.expr(value);
                None
            }
            _ => None,
        }
    }

    /// Runs with `it` and the name standing for a call's result.
    fn with_result(&mut self, raw: &Label, label: &Label, name: Option<&Ident>, run: impl FnOnce(&mut Self)) {
        let count = self.env.len();
        self.bind(&"it".into(), raw.clone());
        if let Some(name) = name {
            self.bind(&name.name, label.clone());
        }
        self.perhaps(run);
        self.unbind(count);
    }

    /// A caught error: its message may quote anyone.
    fn caught(&mut self, name: &Ident) -> Label {
        let origin = self.source(name.span, "an error's message may quote what an outsider wrote");
        error_label(origin)
    }

    /// The value of an arm.
    pub fn arm(&mut self, body: &'a ArmBody) -> Label {
        match body {
            ArmBody::Expr(value) => self.expr(value),
            ArmBody::Block(block) => self.block(block),
        }
    }

    /// A value on its way through a name: told where it is not plain from the line itself.
    fn passes(&mut self, label: Label, name: &Ident, value: &Expr) -> Label {
        let deep = label.deep();
        let Some(origin) = deep.blame("") else { return label };
        let loc = self.loc(value.span);
        let here = self.world.origins.get(origin).is_some_and(|place| {
            place.loc.file == loc.file && loc.span.start <= place.loc.span.start && place.loc.span.end <= loc.span.end
        });
        if here {
            return label;
        }
        let at = self.loc(name.span);
        self.moved(&label, at, &ecow::eco_format!("`{}` is made of it", name.name))
    }

    /// The label with a step of the way added to all that is untrusted in it.
    pub fn moved(&mut self, label: &Label, at: weir_lang::span::Loc, text: &ecow::EcoString) -> Label {
        let origins = &mut self.world.origins;
        let mut steps: Vec<(Origin, Origin)> = Vec::new();
        let mut step = |from: Origin| match steps.iter().find(|(known, _)| *known == from) {
            Some((_, to)) => *to,
            None => {
                let to = origins.step(from, at, text.clone());
                steps.push((from, to));
                to
            }
        };
        label.map(&mut |taint| {
            let mut taint = taint.clone();
            taint.origin = taint.origin.map(&mut step);
            taint.id_of = taint.id_of.take().map(|(origin, server)| (step(origin), server));
            taint
        })
    }
}

/// The label of an [`Error`] record.
pub(super) fn error_label(origin: Origin) -> Label {
    Label::record([(Part::Field("message".into()), Label::leaf(Taint::of(origin)))])
}
