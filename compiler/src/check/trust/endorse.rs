//! Endorsement: `require` of equality or membership, and `check`. Nothing else makes a value trusted.

use super::Endorsed;
use super::calls::Given;
use super::label::Label;
use super::paths::{Paths, Step};
use super::taint::{Form, Taint};
use super::walk::{Condition, Mode, Walk, root_of};
use crate::check::program::Callee;
use ecow::EcoString;
use std::rc::Rc;
use weir_lang::ast::{Arg, BinaryOp, Expr, ExprKind, Path, Stage};
use weir_lang::span::Span;
use weir_lang::types::Type;

/// A condition that must hold.
pub(super) struct Conjunct<'a> {
    pub cond: &'a Expr,
    pub taint: Taint,
    /// The name or field path that it endorses, and what that depends on.
    pub endorses: Option<(&'a Expr, Taint)>,
    /// What a person saw and said yes to.
    pub approves: Vec<&'a Expr>,
}

impl<'a> Walk<'_, 'a> {
    /// The conditions of a `require` that must all hold, with what each endorses.
    pub fn conjuncts(&mut self, cond: &'a Expr, out: &mut Vec<Conjunct<'a>>) {
        let mut one = Conjunct { cond, taint: Taint::default(), endorses: None, approves: self.approved_by(cond) };
        match &cond.kind {
            ExprKind::Paren(inner) => return self.conjuncts(inner, out),
            ExprKind::Binary { op: BinaryOp::And, left, right, .. } => {
                self.conjuncts(left, out);
                return self.conjuncts(right, out);
            }
            ExprKind::Binary { op: op @ (BinaryOp::Eq | BinaryOp::In), left, right, .. } => {
                let (a, b) = (self.expr(left).deep(), self.expr(right).deep());
                let member = *op == BinaryOp::In && self.is_collection(right);
                if *op == BinaryOp::Eq || member {
                    one.endorses = self.endorsed_by(left, &a, &b);
                }
                if *op == BinaryOp::Eq && one.endorses.is_none() {
                    one.endorses = self.endorsed_by(right, &b, &a);
                }
                one.taint = a.joined(&b).computed();
            }
            _ => one.taint = self.expr(cond).deep().computed(),
        }
        out.push(one);
    }

    /// A list, a map or `lo..hi`: not a text, of which any part would be "in" it.
    fn is_collection(&self, expr: &Expr) -> bool {
        let types = &self.world.checker.program.types;
        let ty = self.type_of(expr);
        matches!(types.head(&ty), Type::List(_) | Type::Map(_) | Type::Record(_))
    }

    /// The endorsement of `subject` by something that it equals, where that is trusted (or as far as the parameters
    /// are that it depends on).
    fn endorsed_by(&self, subject: &'a Expr, before: &Taint, other: &Taint) -> Option<(&'a Expr, Taint)> {
        self.place(&root_of(subject)?.name)?;
        if other.origin.is_some() || other.id_of.is_some() || !before.counts() {
            return None;
        }
        Some((subject, other.clone().computed()))
    }

    /// Changes the label of a name, or of a field path of it, from here on.
    pub fn endorse_path(&mut self, expr: &Expr, change: &mut dyn FnMut(&Label, &mut Paths) -> Label) {
        let mut steps = Vec::new();
        let mut at = expr;
        let name = loop {
            match &at.kind {
                ExprKind::Paren(inner) => at = inner,
                ExprKind::Field { base, name, .. } => {
                    steps.push(Step::Field(name.name.clone()));
                    at = base;
                }
                ExprKind::Name(name) => break name,
                _ => return,
            }
        };
        steps.reverse();
        let Some(place) = self.place(&name.name) else { return };
        let ty = self.type_of(at);
        let Some(label) = self.env.get(place).map(|binding| binding.label.clone()) else { return };
        let label = self.replaced(&label, &ty, &steps, change);
        self.set(place, label);
    }

    /// `check v(x, …)`
    pub fn check(&mut self, callee: &'a Path, args: &'a [Arg], span: Span) {
        let Some(Callee::Flow(flow)) = self.world.checker.program.callee(self.module, callee) else {
            args.iter().for_each(|arg| drop(self.expr(&arg.value)));
            return;
        };
        let Some(given) = self.run_validator(flow, args, None, span) else { return };
        let Some(subject) = given.first().cloned().flatten() else { return };
        self.endorse_by(flow, &given, subject.value, span);
    }

    /// `x |> check v`, of the whole or of each element. Gives the value.
    pub fn check_stage(&mut self, stage: &'a Stage, piped: Given<'a>, expr: &'a Expr) -> Label {
        let Some(Callee::Flow(flow)) = self.world.checker.program.callee(self.module, &stage.callee) else {
            stage.args.iter().for_each(|arg| drop(self.expr(&arg.value)));
            return piped.label;
        };
        let each = self.world.checker.each.contains(&(self.module, expr.id));
        let label = piped.label.clone();
        let subject = if each { label.elem(&mut self.world.paths) } else { label.clone() };
        let value = piped.value;
        let piped = Given { value, label: subject };
        let Some(given) = self.run_validator(flow, &stage.args, Some(piped), stage.span) else { return label };
        if self.mode == Mode::Depends {
            return label;
        }
        if !each {
            self.endorse_by(flow, &given, value, stage.span);
        }
        let ty = self.type_of(value);
        let Some((base, endorsed)) = self.endorsements(flow, &given) else { return label };
        let front: Vec<Step> = if each { vec![Step::Elem] } else { Vec::new() };
        self.endorsed(&label, &ty, &front, &endorsed, &base, flow)
    }

    /// The reads of a validator as a call, and its conditions where a validator runs another.
    fn run_validator(
        &mut self,
        flow: usize,
        args: &'a [Arg],
        piped: Option<Given<'a>>,
        span: Span,
    ) -> Option<Vec<Option<Given<'a>>>> {
        let decl = self.world.checker.program.flows.get(flow)?;
        let names: Vec<EcoString> = decl.params.iter().map(|param| param.name.clone()).collect();
        let given = self.given(&names, args, piped);
        if self.mode == Mode::Trust {
            self.call_given(flow, &given, span);
            return Some(given);
        }
        let labels = self.arguments(flow, &given, decl.role);
        let depends = self.world.depends.get(flow).cloned().flatten()?;
        let loc = self.loc(span);
        for one in &depends.endorsed {
            let mut label = labels.first().cloned().unwrap_or_default();
            for step in &one.steps {
                label = label.project(step, &mut self.world.paths);
            }
            let taint = if one.own { label.own() } else { label.deep() };
            self.conditions.push(Condition { taint, form: one.form, loc });
        }
        Some(given)
    }

    /// Endorses a name by a validator that let it pass.
    fn endorse_by(&mut self, flow: usize, given: &[Option<Given<'a>>], subject: &'a Expr, span: Span) {
        if self.mode == Mode::Depends {
            return;
        }
        let Some(place) = root_of(subject).and_then(|name| self.place(&name.name)) else { return };
        let name = self.world.checker.program.flows.get(flow).map(|decl| decl.name.clone()).unwrap_or_default();
        let at = self.loc(span);
        let note = match self.endorsements(flow, given) {
            None => Some(ecow::eco_format!("`{name}` endorses nothing here: its other arguments are untrusted")),
            Some((_, endorsed)) if endorsed.is_empty() => {
                Some(ecow::eco_format!("`{name}` endorses nothing: it requires nothing of its first parameter"))
            }
            Some((base, endorsed)) => {
                let ty = self.type_of(subject);
                let label = self.expr(subject);
                let before = label.deep();
                let label = self.endorsed(&label, &ty, &[], &endorsed, &base, flow);
                if !endorsed.is_empty() {
                    self.note_endorsed(subject, span, &format!("`check {name}`"), &before);
                }
                self.endorse_path(subject, &mut |_, _| label.clone());
                let parts = endorsed.iter().filter(|one| !one.own).map(|one| text_of(&one.steps)).collect::<Vec<_>>();
                let parts = parts.join(", ");
                (!parts.is_empty() && !endorsed.iter().any(|one| one.steps.is_empty()))
                    .then(|| ecow::eco_format!("`{name}` endorses only {parts}"))
            }
        };
        if let Some(binding) = self.env.get_mut(place) {
            binding.note = note.map(|note| (at, note));
        }
    }

    /// What a validator endorses, and what that depends on: its further arguments. None where those are untrusted.
    fn endorsements(&mut self, flow: usize, given: &[Option<Given<'a>>]) -> Option<(Taint, Vec<Endorsed>)> {
        let mut base = Taint::default();
        for given in given.iter().skip(1).flatten() {
            base.add(&given.label.deep());
        }
        let base = base.computed();
        if base.origin.is_some() {
            return None;
        }
        let depends = self.world.depends.get(flow).cloned().flatten().unwrap_or_default();
        Some((base, depends.endorsed.clone()))
    }

    /// A label with what a validator endorses of it.
    fn endorsed(
        &mut self,
        label: &Label,
        ty: &Type,
        front: &[Step],
        endorsed: &[Endorsed],
        base: &Taint,
        flow: usize,
    ) -> Label {
        let param = self
            .world
            .checker
            .program
            .flows
            .get(flow)
            .and_then(|decl| decl.params.first())
            .map(|param| param.ty.clone());
        let param = param.unwrap_or(Type::Json);
        let mut label = label.clone();
        for one in endorsed {
            let mut places = Vec::new();
            self.declared_below(&param, &one.steps, &mut places);
            for below in places {
                let steps: Vec<Step> = front.iter().chain(&below).cloned().collect();
                label = self.replaced(&label, ty, &steps, &mut |old, paths| passed(old, one, base, flow, paths));
            }
        }
        label
    }

    /// A path of a parameter, or where a record stands there its declared fields: others did not pass the validator.
    fn declared_below(&self, param: &Type, steps: &[Step], out: &mut Vec<Vec<Step>>) {
        let types = &self.world.checker.program.types;
        let mut ty = param.clone();
        for step in steps {
            ty = super::marks::part_type(&ty, step, types);
        }
        match super::marks::fields(&ty, types) {
            Some(fields) => {
                for (name, _) in fields {
                    out.push(steps.iter().cloned().chain([Step::Field(name.clone())]).collect());
                }
            }
            None => out.push(steps.to_vec()),
        }
    }
}

/// A value that a validator let pass.
fn passed(old: &Label, one: &Endorsed, base: &Taint, flow: usize, paths: &mut Paths) -> Label {
    let before = old.deep();
    if !before.counts() {
        return old.clone();
    }
    let mut taint = base.clone();
    if one.form {
        let hard = before.computed();
        taint.form = Some(Rc::new(Form { validator: flow, origin: hard.origin, atoms: hard.atoms }));
    }
    if !one.own {
        return Label::leaf(taint);
    }
    let parts = [Step::Elem, Step::Key].map(|step| (step.clone(), old.project(&step, paths)));
    Label::record(parts).sized(&taint)
}

fn text_of(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Field(name) if text.is_empty() => text.push_str(name),
            Step::Field(name) => {
                text.push('.');
                text.push_str(name);
            }
            Step::Elem => text.push_str("[]"),
            Step::Key => {}
        }
    }
    format!("`{text}`")
}
