//! Expressions: what their values are made of.

use super::label::Label;
use super::marks::fields;
use super::paths::Step;
use super::taint::Taint;
use super::walk::{Mode, Walk};
use weir_lang::ast::{BinaryOp, Delay, Expr, ExprKind, Ident, ListItem, Lit, Part, RecordEntry, Role, TypeExpr};
use weir_lang::types::Type;

impl<'a> Walk<'_, 'a> {
    /// The label of an expression's value.
    pub fn expr(&mut self, expr: &'a Expr) -> Label {
        match &expr.kind {
            ExprKind::Lit(_) | ExprKind::Regex(_) | ExprKind::Lambda { .. } | ExprKind::Error => Label::default(),
            ExprKind::Template(parts) => self.template(parts),
            ExprKind::Name(name) => self.name(&name.name),
            ExprKind::Field { base, name, .. } => {
                let base = self.expr(base);
                base.field(&name.name, &mut self.world.paths)
            }
            ExprKind::Index { base, index } => self.index(base, index),
            ExprKind::Call { callee, args } => self.call(callee, args, None, expr),
            ExprKind::Unary { operand, .. } => self.expr(operand).derived(),
            ExprKind::Binary { op, left, right, .. } => self.binary(*op, left, right, expr),
            ExprKind::Range { lo, hi } => {
                let (lo, hi) = (self.expr(lo).deep(), self.expr(hi).deep());
                Label::leaf(lo.joined(&hi).computed())
            }
            ExprKind::Choose { cond, then, otherwise } => self.choose(cond, then, otherwise),
            ExprKind::If { cond, then, otherwise } => self.if_blocks(cond, then, otherwise.as_ref()),
            ExprKind::Match { subject, arms } => self.match_arms(subject, arms),
            ExprKind::List(items) => self.list(items),
            ExprKind::Comprehension { value, var, index, source, cond } => {
                self.comprehension(value, (var, index.as_ref()), source, cond.as_deref())
            }
            // What is wrong with it was told.
            ExprKind::Record(entries) if self.type_of(expr) == Type::Broken => {
                self.record(entries);
                Label::default()
            }
            ExprKind::Record(entries) => self.record(entries),
            ExprKind::Cast { value, ty, .. } => self.cast(value, ty, expr),
            ExprKind::Pipe { value, stage } => self.pipe(value, stage, expr),
            ExprKind::Claused { .. } => self.claused(expr, None),
            ExprKind::For { var, index, source, parallel, body } => {
                if let Some(parallel) = parallel {
                    self.expr(parallel);
                }
                self.for_loop(var, index.as_ref(), source, body)
            }
            ExprKind::Repeat { var, init, at_most, body } => {
                self.expr(at_most);
                self.repeat_loop(var, init, body)
            }
            ExprKind::Ask { question, .. } => {
                self.expr(question);
                self.written(expr, "the answer's type says")
            }
            ExprKind::Receive { event, .. } => {
                self.expr(event);
                let origin = self.source(expr.span, "this comes from `receive`: whoever can send the event wrote it");
                Label::leaf(Taint::of(origin))
            }
            ExprKind::Start { callee, args, delay } => {
                self.call(callee, args, None, expr);
                if let Some(Delay::After(when) | Delay::At(when)) = delay {
                    self.expr(when);
                }
                Label::default()
            }
            ExprKind::Block(text) | ExprKind::Fail { message: text, .. } => {
                self.expr(text);
                Label::default()
            }
            ExprKind::Paren(inner) => self.expr(inner),
        }
    }

    /// The marks of a type that is written in an expression.
    fn written(&mut self, expr: &Expr, what: &str) -> Label {
        let written = self.world.checker.written.get(&(self.module, expr.id));
        match (written, self.mode) {
            (Some(ty), Mode::Trust) => self.marked(&ty.clone(), expr.span, what),
            _ => Label::default(),
        }
    }

    fn template(&mut self, parts: &'a [Part]) -> Label {
        let mut taint = Taint::default();
        for part in parts {
            if let Part::Expr(expr) = part {
                let part = self.expr(expr).deep();
                taint.add(&part);
            }
        }
        Label::leaf(taint.computed())
    }

    pub fn name(&mut self, name: &str) -> Label {
        let place = self.place(name);
        place.and_then(|at| self.env.get(at)).map(|binding| binding.label.clone()).unwrap_or_default()
    }

    fn index(&mut self, base: &'a Expr, index: &'a Expr) -> Label {
        let base = self.expr(base);
        let by = self.expr(index).deep();
        self.at(&base, Some(index), &by)
    }

    /// The value at an index or key.
    pub fn at(&mut self, base: &Label, index: Option<&Expr>, by: &Taint) -> Label {
        if let Some(ExprKind::Lit(Lit::String(key))) = index.map(|index| &index.unparen().kind) {
            return base.field(key, &mut self.world.paths);
        }
        base.item(&mut self.world.paths).steered(&by.clone().computed())
    }

    fn binary(&mut self, op: BinaryOp, left: &'a Expr, right: &'a Expr, expr: &Expr) -> Label {
        let a = self.expr(left);
        let sometimes = matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Coalesce);
        let decides = match op {
            BinaryOp::Coalesce => a.own(),
            BinaryOp::And | BinaryOp::Or => a.deep(),
            _ => Taint::default(),
        };
        let b = if sometimes {
            let before = self.pc.clone();
            self.pc.add(&decides);
            let b = self.perhaps(|walk| walk.expr(right));
            self.pc = before;
            b
        } else {
            self.expr(right)
        };
        if matches!(op, BinaryOp::Eq | BinaryOp::Ne) && self.mode == Mode::Trust && (is_null(left) || is_null(right)) {
            return Label::leaf(a.own().joined(&b.own()).computed());
        }
        let list = op == BinaryOp::Add && self.is_list(&self.type_of(expr));
        match op {
            BinaryOp::Coalesce => a.joined(&b.steered(&decides.computed()), &mut self.world.paths),
            BinaryOp::Add if list => a.joined(&b, &mut self.world.paths),
            _ => Label::leaf(a.deep().joined(&b.deep()).computed()),
        }
    }

    pub fn is_list(&self, ty: &Type) -> bool {
        matches!(self.world.checker.program.types.head(ty), Type::List(_))
    }

    fn list(&mut self, items: &'a [ListItem]) -> Label {
        let (mut element, mut size) = (Label::default(), Taint::default());
        for item in items {
            let label = self.expr(&item.value);
            let label = if item.spread {
                size.add(&label.own());
                label.elem(&mut self.world.paths)
            } else {
                label
            };
            element = element.joined(&label, &mut self.world.paths);
        }
        Label::list(element, size)
    }

    fn record(&mut self, entries: &'a [RecordEntry]) -> Label {
        let mut parts: Vec<(Step, Label)> = Vec::with_capacity(entries.len());
        let mut open = Label::default();
        for entry in entries {
            match entry {
                RecordEntry::Field { name, value } => {
                    let label = match value {
                        Some(value) => self.expr(value),
                        None => self.name(&name.name),
                    };
                    set(&mut parts, Step::Field(name.name.clone()), label);
                }
                RecordEntry::Spread(value) => {
                    let label = self.expr(value);
                    open = self.spread(&mut parts, &label, value, open);
                }
            }
        }
        if open.is_clean() {
            return Label::record(parts);
        }
        for (step, part) in parts {
            open = open.with(&step, part, &mut self.world.paths);
        }
        open
    }

    /// The fields of a spread record; gives what may have fields that are not declared.
    fn spread(&mut self, parts: &mut Vec<(Step, Label)>, label: &Label, value: &Expr, open: Label) -> Label {
        let ty = self.type_of(value);
        let types = &self.world.checker.program.types;
        let declared = fields(&ty, types);
        for (name, _) in declared.iter().flatten() {
            let step = Step::Field((*name).clone());
            let part = label.project(&step, &mut self.world.paths);
            set(parts, step, part);
        }
        if declared.is_some() && self.role != Some(Role::Enricher) {
            return open;
        }
        for (step, part) in parts.iter_mut().filter(|_| declared.is_none()) {
            let other = label.project(step, &mut self.world.paths);
            *part = part.joined(&other, &mut self.world.paths);
        }
        open.joined(&label.pushed(&mut self.world.paths), &mut self.world.paths)
    }

    fn cast(&mut self, value: &'a Expr, _ty: &TypeExpr, expr: &Expr) -> Label {
        let label = self.expr(value);
        let marked = self.written(expr, "its type says");
        label.joined(&marked, &mut self.world.paths)
    }

    /// A lambda's value for these arguments.
    pub fn lambda(&mut self, params: &'a [Ident], body: &'a Expr, args: &[Label]) -> Label {
        let count = self.env.len();
        for (param, label) in params.iter().zip(args) {
            self.bind(&param.name, label.clone());
        }
        let value = self.expr(body);
        self.unbind(count);
        value
    }
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr.unparen().kind, ExprKind::Lit(Lit::Null))
}

/// Sets a field, the last of one name counts.
fn set(parts: &mut Vec<(Step, Label)>, step: Step, label: Label) {
    match parts.iter_mut().find(|(known, _)| *known == step) {
        Some((_, part)) => *part = label,
        None => parts.push((step, label)),
    }
}
