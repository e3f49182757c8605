//! One walk through a flow: names with their labels, conditions around, and what is found out on the way.

use super::label::Label;
use super::marks::expanded;
use super::paths::{PathId, Paths, Step};
use super::subst::Args;
use super::taint::{COMPUTED, OWN, Origin, Taint};
use super::{Depends, Endorsed, Finding, Sink, Summary, World};
use crate::check::program::Callee;
use crate::reach::Reach;
use ecow::EcoString;
use std::rc::Rc;
use weir_lang::ast::{Expr, ExprKind, Flow, FlowClauseKind, Ident, Mark, Role};
use weir_lang::span::{Loc, Span};
use weir_lang::types::Type;

/// What a walk wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Where untrusted data goes.
    Trust,
    /// What depends on the parameters, through reads too.
    Depends,
}

/// A name.
pub(super) struct Binding {
    /// Tells it from others of its name.
    id: u32,
    pub label: Label,
    /// A `check` that endorsed nothing here, and why.
    pub note: Option<(Loc, EcoString)>,
}

/// A loop around.
#[derive(Default)]
pub(super) struct Frame {
    pub yields: Label,
    /// Of conditions that decide what is yielded.
    pub chosen: Taint,
    pub next: Label,
    /// Of what decides whether there is another round.
    pub rounds: Taint,
}

/// A condition of a validator's `require`.
pub(super) struct Condition {
    pub taint: Taint,
    pub form: bool,
    pub loc: Loc,
}

pub(super) struct Walk<'w, 'a> {
    pub world: &'w mut World<'a>,
    pub mode: Mode,
    pub module: usize,
    pub role: Option<Role>,
    /// The flow, unless it is something outside of any.
    flow: Option<usize>,
    /// Answers of people, with what their questions showed.
    pub approvals: Vec<(u32, Vec<(u32, &'a Expr)>)>,
    pub env: Reach<Binding>,
    /// Labels that names had before, for going back to the start of a branch.
    log: Vec<(usize, Label)>,
    /// Of conditions that decide whether this step is reached, since the loop around began.
    pub pc: Taint,
    /// The same of steps before that may have left.
    pub left: Taint,
    /// The same outside the loop around.
    pub around: Taint,
    pub frames: Vec<Frame>,
    pub returned: Label,
    /// The id that a delivery's send gave.
    pub sent: Label,
    /// The elements of an aggregator's sources.
    pub sources: Label,
    /// Inside an `undo`.
    pub undoing: bool,
    pub conditions: Vec<Condition>,
    /// What the state of each `repeat` was at last.
    pub states: Vec<(Span, Label)>,
    /// For a `validator`: what its names stand for.
    pub lets: Vec<(EcoString, &'a Expr)>,
    summary: Summary,
    /// How many names there were.
    bound: u32,
    /// Paths of which something was said already.
    told: Vec<(u32, EcoString)>,
}

impl<'w, 'a> Walk<'w, 'a> {
    pub fn new(world: &'w mut World<'a>, module: usize, mode: Mode) -> Self {
        Walk {
            world,
            mode,
            module,
            role: None,
            flow: None,
            approvals: Vec::new(),
            env: Reach::default(),
            log: Vec::new(),
            pc: Taint::default(),
            left: Taint::default(),
            around: Taint::default(),
            frames: Vec::new(),
            returned: Label::default(),
            sent: Label::default(),
            sources: Label::default(),
            undoing: false,
            conditions: Vec::new(),
            states: Vec::new(),
            lets: Vec::new(),
            summary: Summary::default(),
            bound: 0,
            told: Vec::new(),
        }
    }

    /// Walks through a flow.
    pub fn flow(world: &'w mut World<'a>, flow: usize, mode: Mode) -> Option<Self> {
        let checker = world.checker;
        let (decl, tree) = (checker.program.flows.get(flow)?, checker.program.flow_ast(flow)?);
        let mut walk = Walk::new(world, decl.at.module, mode);
        walk.role = Some(decl.role);
        walk.flow = Some(flow);
        for (at, param) in tree.params.iter().enumerate() {
            let ty = decl.params.get(at).map(|param| &param.ty);
            let label = walk.parameter(at, ty, &param.name);
            walk.bind(&param.name.name, label);
        }
        walk.before(tree);
        let value = walk.steps(&tree.body);
        if !super::super::outline::always_leaves(&tree.body) {
            walk.returns(value);
        }
        if let Some(returns) = decl.returns.as_ref().filter(|_| mode == Mode::Trust && decl.role != Role::Enricher) {
            let marked = walk.marked(returns, tree.name.span, "its type says");
            let label = super::marks::narrowed(&walk.returned, returns, &checker.program.types);
            walk.returned = label.joined(&marked, &mut walk.world.paths);
        }
        Some(walk)
    }

    /// What a `before` validator does with the flow's parameters. It endorses nothing: only `check` does.
    fn before(&mut self, tree: &'a Flow) {
        for clause in &tree.clauses {
            let FlowClauseKind::Before(path) = &clause.kind else { continue };
            let Some(Callee::Flow(flow)) = self.world.checker.program.callee(self.module, path) else { continue };
            let labels: Vec<Label> = self.env.values().map(|binding| binding.label.clone()).collect();
            let summary = self.world.summaries.get(flow).cloned().unwrap_or_default();
            for ((atom, _), sink) in &summary.sinks {
                let taint = Args { labels: &labels, paths: &mut self.world.paths }.taint(&Taint::atom(*atom));
                let sink = Sink { via: vec![self.loc(path.span)], ..(**sink).clone() };
                self.sink(path.span, None, &taint, &Rc::new(sink));
            }
        }
    }

    fn parameter(&mut self, at: usize, ty: Option<&Type>, name: &Ident) -> Label {
        let root = self.world.paths.root(at);
        let mut label = Label::sym(root);
        let (Some(ty), Mode::Trust) = (ty, self.mode) else { return label };
        let types = &self.world.checker.program.types;
        for steps in self.world.marks.trusted(ty, types) {
            label = self.replaced(&label, ty, &steps, &mut |_, _| Label::default());
        }
        let text = ecow::eco_format!("`{}`, whose type says", name.name);
        let marked = self.marked(ty, name.span, &text);
        label.joined(&marked, &mut self.world.paths)
    }

    /// What the marks of a type add to a value.
    pub fn marked(&mut self, ty: &Type, span: Span, what: &str) -> Label {
        if !self.world.marks.has(ty, Mark::Untrusted) {
            return Label::default();
        }
        let loc = self.loc(span);
        let text = ecow::eco_format!("{what} that it is untrusted");
        self.note_source(loc, &text);
        let world = &mut *self.world;
        let origin = world.origins.source(loc, text);
        world.marks.label(ty, origin, &world.checker.program.types, &mut world.paths)
    }

    pub fn loc(&self, span: Span) -> Loc {
        self.world.checker.program.loc(self.module, span)
    }

    pub fn type_of(&self, expr: &Expr) -> Type {
        self.world.checker.expr_type(self.module, expr.id)
    }

    /// A source here.
    pub fn source(&mut self, span: Span, text: impl Into<EcoString>) -> Origin {
        let (loc, text) = (self.loc(span), text.into());
        self.note_source(loc, &text);
        self.world.origins.source(loc, text)
    }

    fn note_source(&mut self, loc: Loc, text: &EcoString) {
        if let (Mode::Trust, Some(flow), Some(log)) = (self.mode, self.flow, &mut self.world.log) {
            log.source(flow, loc, text);
        }
    }

    /// Writes a trusted parameter down, with what is known of its argument.
    pub fn note_sink(&mut self, value: &Expr, what: &EcoString, taint: &Taint, server: &str) {
        let loc = self.loc(value.span);
        if let (Mode::Trust, Some(flow), Some(log)) = (self.mode, self.flow, &mut self.world.log) {
            log.sink(flow, loc, what.clone(), taint.clone(), server, super::super::scope::path_of(value));
        }
    }

    /// Writes the choice of a step down, in strict projects.
    pub fn note_step(&mut self, span: Span, what: &EcoString, taint: &Taint) {
        let loc = self.loc(span);
        if let (Mode::Trust, Some(flow), Some(log)) = (self.mode, self.flow, &mut self.world.log) {
            log.sink(flow, loc, what.clone(), taint.clone(), "", None);
        }
    }

    /// Writes down that a value became trusted, if it was not.
    pub fn note_endorsed(&mut self, subject: &Expr, span: Span, by: &str, before: &Taint) {
        let (loc, path) = (self.loc(span), super::super::scope::path_of(subject));
        if let (Mode::Trust, Some(flow), Some(log), true, Some(path)) =
            (self.mode, self.flow, &mut self.world.log, before.counts(), path)
        {
            log.endorsement(flow, loc, path, by.into(), before.blame(""));
        }
    }

    pub fn bind(&mut self, name: &EcoString, label: Label) {
        self.bound += 1;
        self.env.push(name.clone(), Binding { id: self.bound, label, note: None });
    }

    /// Ends the names since there were `count`.
    pub fn unbind(&mut self, count: usize) {
        self.env.truncate(count);
    }

    /// What tells a name from others of its name.
    pub fn id_of(&self, name: &str) -> Option<u32> {
        self.place(name).and_then(|at| self.env.get(at)).map(|binding| binding.id)
    }

    pub fn place(&self, name: &str) -> Option<usize> {
        self.env.place(name)
    }

    pub fn set(&mut self, at: usize, label: Label) {
        if let Some(binding) = self.env.get_mut(at) {
            self.log.push((at, std::mem::replace(&mut binding.label, label)));
        }
    }

    /// Begins a branch.
    pub fn begin(&self) -> usize {
        self.log.len()
    }

    /// Ends a branch: the labels of names are as before; gives what they were in it.
    pub fn end(&mut self, mark: usize) -> Vec<(usize, Label)> {
        let mut changed: Vec<(usize, Label)> = Vec::new();
        while self.log.len() > mark {
            let Some((at, before)) = self.log.pop() else { break };
            let Some(binding) = self.env.get_mut(at) else { continue };
            let now = std::mem::replace(&mut binding.label, before);
            if !changed.iter().any(|(known, _)| *known == at) {
                changed.push((at, now));
            }
        }
        changed
    }

    /// After branches of which exactly one was taken; those that left are not among them.
    pub fn merge(&mut self, branches: Vec<Vec<(usize, Label)>>) {
        let Some(first) = branches.first() else { return };
        let places: Vec<usize> = first.iter().map(|(at, _)| *at).collect();
        for at in places {
            let Some(before) = self.env.get(at).map(|binding| binding.label.clone()) else { continue };
            let mut joined = Label::default();
            for branch in &branches {
                let label = branch.iter().find(|(place, _)| *place == at).map_or(&before, |(_, label)| label);
                joined = joined.joined(label, &mut self.world.paths);
            }
            self.set(at, joined);
        }
    }

    /// Runs something that may not have happened afterwards.
    pub fn perhaps<R>(&mut self, run: impl FnOnce(&mut Self) -> R) -> R {
        let mark = self.begin();
        let result = run(self);
        self.end(mark);
        result
    }

    /// A label with the part at `steps` changed; its parts are told apart as the type declares them.
    pub fn replaced(
        &mut self,
        label: &Label,
        ty: &Type,
        steps: &[Step],
        change: &mut dyn FnMut(&Label, &mut Paths) -> Label,
    ) -> Label {
        let Some((first, rest)) = steps.split_first() else { return change(label, &mut self.world.paths) };
        if label.is_clean() {
            return Label::default();
        }
        let types = &self.world.checker.program.types;
        let open = self.role == Some(Role::Enricher);
        let label = match first {
            Step::Field(_) => expanded(label, ty, open, types, &mut self.world.paths),
            _ => label.clone(),
        };
        let below = super::marks::part_type(ty, first, types);
        let part = label.project(first, &mut self.world.paths);
        let part = self.replaced(&part, &below, rest, change);
        label.with(first, part, &mut self.world.paths)
    }

    /// What was decided before this step, by conditions and by steps that may have left.
    pub fn decided(&self) -> Taint {
        self.pc.joined(&self.left)
    }

    pub fn returns(&mut self, value: Label) {
        let value = value.steered(&self.decided());
        self.returned = self.returned.joined(&value, &mut self.world.paths);
        self.left = self.decided();
    }

    /// Holds a value against a place that it must not steer. Says whether something is wrong.
    pub fn sink(&mut self, span: Span, value: Option<&Expr>, taint: &Taint, sink: &Rc<Sink>) -> bool {
        if self.mode != Mode::Trust || taint.is_empty() {
            return false;
        }
        if taint.blame(&sink.server).is_some() {
            self.refuse(span, value, taint, sink);
            return true;
        }
        if let Some(form) = &taint.form {
            self.world.meet_form(form, sink);
            for atom in &form.atoms {
                self.summary.forms.entry((*atom, form.validator)).or_insert_with(|| sink.clone());
            }
        }
        for atom in &taint.atoms {
            self.summary.sinks.entry((*atom, sink.server.clone())).or_insert_with(|| sink.clone());
        }
        false
    }

    /// Says that a value is untrusted, once for each path.
    fn refuse(&mut self, span: Span, value: Option<&Expr>, taint: &Taint, sink: &Rc<Sink>) {
        let root = value.and_then(root_of).and_then(|name| self.place(&name.name)).and_then(|at| self.env.get(at));
        let path = value.and_then(super::super::scope::path_of);
        let note = root.and_then(|binding| binding.note.clone());
        if let (Some(root), Some(path), false) = (root, &path, sink.step) {
            let told = (root.id, path.clone());
            if self.told.contains(&told) {
                return;
            }
            self.told.push(told);
        }
        let loc = self.loc(span);
        let found = |origin: Origin| Finding { sink: sink.clone(), origin, path, note };
        self.world.meet(loc, taint, found, &sink.server);
    }

    pub fn summary(self) -> Summary {
        let result = match self.role {
            // Its status is ours, its id is what the tool said.
            Some(Role::Delivery) => Label::record([(Step::Field("id".into()), self.sent)]),
            _ => self.returned,
        };
        Summary { result, ..self.summary }
    }

    /// What a validator endorses: the parts of its first parameter that its conditions depend on.
    pub fn depends(self) -> Depends {
        let mut endorsed: Vec<Endorsed> = Vec::new();
        for condition in &self.conditions {
            for atom in &condition.taint.atoms {
                let path: PathId = Paths::of_atom(*atom);
                let (param, steps) = self.world.paths.get(path);
                if param != 0 {
                    continue;
                }
                let own = atom & !COMPUTED & OWN != 0;
                match endorsed.iter_mut().find(|one| one.own == own && one.steps == steps) {
                    Some(one) => one.form &= condition.form,
                    None => endorsed.push(Endorsed { steps: steps.to_vec(), own, form: condition.form }),
                }
            }
        }
        endorsed.sort_by(|a, b| (&a.steps, a.own).cmp(&(&b.steps, b.own)));
        let condition = self.conditions.iter().find(|condition| condition.form).map(|condition| condition.loc);
        Depends { result: self.returned, endorsed, condition }
    }
}

/// The name that a path of fields begins with.
pub(super) fn root_of(expr: &Expr) -> Option<&Ident> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Field { base, .. } => root_of(base),
        ExprKind::Paren(inner) => root_of(inner),
        _ => None,
    }
}
