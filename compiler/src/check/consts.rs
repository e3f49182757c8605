//! Constants, and values that must be constant.

use super::Checker;
use super::body::Body;
use super::errors;
use super::program::Entity;
use ecow::EcoString;
use weir_lang::ast::{Expr, ExprKind, ItemKind, Lit};
use weir_lang::types::Type;

/// `Error` and `Envelope`.
pub fn builtin_types() -> Vec<(EcoString, Type)> {
    let error = Type::record([("code", Type::STRING), ("message", Type::STRING), ("transient", Type::Bool)]);
    let step_error =
        Type::record([("code", Type::STRING), ("message", Type::STRING), ("step", Type::STRING.nullable())]);
    let effect = Type::record([
        ("step", Type::STRING),
        ("tool", Type::STRING),
        ("id", Type::STRING.nullable()),
        ("undone", Type::Bool),
    ]);
    let report = Type::record([
        ("step", Type::STRING),
        ("kind", Type::STRING),
        ("record", Type::Json),
        ("reason", Type::STRING),
    ]);
    let origin =
        Type::record([("step", Type::STRING), ("tool", Type::STRING), ("attempt", Type::INT), ("at", Type::STRING)]);
    let metadata = Type::record([
        ("run_id", Type::STRING),
        ("flow", Type::STRING),
        ("program", Type::STRING),
        ("status", Type::STRING),
        ("started_at", Type::STRING),
        ("finished_at", Type::STRING.nullable()),
        ("partial", Type::Bool),
        ("blocked", Type::Bool),
        ("reason", Type::STRING.nullable()),
        ("error", step_error.nullable()),
        ("steps", Type::INT),
        ("attempts", Type::INT),
        ("side_effects", Type::list(effect)),
        ("report", Type::list(report)),
        ("trace_id", Type::STRING),
    ]);
    let record = Type::record([("value", Type::Json), ("provenance", Type::list(origin))]);
    let envelope = Type::record([("metadata", metadata), ("records", Type::list(record))]);
    vec![("Error".into(), error), ("Envelope".into(), envelope)]
}

impl Checker {
    /// Types of the constants, those that others use first; one that leads back to itself is broken.
    pub(super) fn check_consts(&mut self) {
        let uses: Vec<Vec<usize>> = (0..self.program.consts.len()).map(|place| self.const_uses(place)).collect();
        for group in super::graphs::groups(uses.len(), |place| uses.get(place).cloned().unwrap_or_default()) {
            let round = group.len() > 1
                || group.first().is_some_and(|one| uses.get(*one).is_some_and(|uses| uses.contains(one)));
            if round {
                self.break_consts(&group);
            }
            for place in group {
                let ty = if round { Type::Broken } else { self.infer_const(place) };
                if let Some(slot) = self.const_types.get_mut(place) {
                    *slot = Some(ty);
                }
            }
        }
    }

    fn break_consts(&mut self, group: &[usize]) {
        let first = group.iter().min().and_then(|place| self.program.const_ast(*place));
        if let Some((module, decl)) = first {
            let loc = self.program.loc(module, decl.name.span);
            let message = format!("`{}` is defined by itself", decl.name.name);
            self.report(errors::invalid_constant(loc, message).help("give one of them a value of its own"));
        }
    }

    /// The constants that a constant's value names.
    fn const_uses(&self, place: usize) -> Vec<usize> {
        let Some((module, decl)) = self.program.const_ast(place) else { return Vec::new() };
        let mut uses = Vec::new();
        each_name(&decl.value, &mut |name| {
            if let Some(Entity::Const(other)) = self.program.entity(module, name) {
                uses.push(*other);
            }
        });
        uses
    }

    /// The type of a constant.
    pub(super) fn const_type(&mut self, place: usize) -> Type {
        self.const_types.get(place).cloned().flatten().unwrap_or(Type::Broken)
    }

    fn infer_const(&mut self, place: usize) -> Type {
        let Some(at) = self.program.consts.get(place).copied() else { return Type::Broken };
        let (module, ast) = (at.module, self.program.ast(at.module));
        let Some(ItemKind::Const(decl)) = ast.items.get(at.item).map(|item| &item.kind) else { return Type::Broken };
        let mut body = Body::new(self, module, None);
        let ty = body.infer(&decl.value, None);
        body.finish(decl.value.span);
        self.require_pure(module, &decl.value, "a constant");
        ty
    }

    /// Milliseconds of a constant duration, at least zero.
    pub(super) fn constant_ms(&mut self, module: usize, expr: &Expr, what: &str) -> Option<u64> {
        if let Some(ms) = self.program.constant_ms(module, expr) {
            return Some(ms);
        }
        let loc = self.program.loc(module, expr.span);
        let ty = Body::new(self, module, None).infer(expr, None);
        if ty == Type::Duration {
            self.report(errors::not_constant(loc, what));
        } else {
            self.report(errors::not_duration(loc, what, &ty));
        }
        None
    }
}

impl super::program::Program {
    /// The expression that a name of a constant stands for, through at most 16 names.
    fn constant_expr<'a>(&'a self, mut module: usize, mut expr: &'a Expr) -> Option<&'a Expr> {
        for _ in 0..16 {
            let ExprKind::Name(name) = &expr.unparen().kind else { return Some(expr.unparen()) };
            let Entity::Const(place) = self.entity(module, &name.name)? else { return None };
            let (other, decl) = self.const_ast(*place)?;
            (module, expr) = (other, &decl.value);
        }
        None
    }

    /// Milliseconds of a duration that is written out or a constant's name.
    pub fn constant_ms(&self, module: usize, expr: &Expr) -> Option<u64> {
        match self.constant_expr(module, expr)?.kind {
            ExprKind::Lit(Lit::Duration(ms)) => u64::try_from(ms).ok(),
            _ => None,
        }
    }

    /// A text that is written out or a constant's name.
    pub fn constant_text(&self, module: usize, expr: &Expr) -> Option<EcoString> {
        match &self.constant_expr(module, expr)?.kind {
            ExprKind::Lit(Lit::String(text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// A whole number that is written out or a constant's name.
    pub fn constant_int(&self, module: usize, expr: &Expr) -> Option<i64> {
        match self.constant_expr(module, expr)?.kind {
            ExprKind::Lit(Lit::Int(value)) => Some(value),
            _ => None,
        }
    }

    /// A number or share that is written out or a constant's name.
    pub fn constant_f64(&self, module: usize, expr: &Expr) -> Option<f64> {
        match &self.constant_expr(module, expr)?.kind {
            ExprKind::Lit(Lit::Int(value)) => Some(*value as f64),
            ExprKind::Lit(Lit::Number(text)) => text.parse().ok(),
            ExprKind::Lit(Lit::Percent(text)) => text.parse::<f64>().ok().map(|percent| percent / 100.0),
            _ => None,
        }
    }
}

/// Visits the plain names of an expression (those that a constant can use).
fn each_name(expr: &Expr, visit: &mut dyn FnMut(&str)) {
    match &expr.kind {
        ExprKind::Name(name) => visit(&name.name),
        ExprKind::Paren(inner) | ExprKind::Unary { operand: inner, .. } | ExprKind::Field { base: inner, .. } => {
            each_name(inner, visit)
        }
        ExprKind::Cast { value, .. } => each_name(value, visit),
        ExprKind::Binary { left, right, .. }
        | ExprKind::Range { lo: left, hi: right }
        | ExprKind::Index { base: left, index: right } => {
            each_name(left, visit);
            each_name(right, visit);
        }
        ExprKind::Choose { cond, then, otherwise } => {
            each_name(cond, visit);
            each_name(then, visit);
            each_name(otherwise, visit);
        }
        ExprKind::List(items) => items.iter().for_each(|item| each_name(&item.value, visit)),
        ExprKind::Record(entries) => {
            for entry in entries {
                match entry {
                    weir_lang::ast::RecordEntry::Field { value: Some(value), .. }
                    | weir_lang::ast::RecordEntry::Spread(value) => {
                        each_name(value, visit);
                    }
                    weir_lang::ast::RecordEntry::Field { name, value: None } => visit(&name.name),
                }
            }
        }
        ExprKind::Call { args, .. } => args.iter().for_each(|arg| each_name(&arg.value, visit)),
        ExprKind::Pipe { value, stage } => {
            each_name(value, visit);
            stage.args.iter().for_each(|arg| each_name(&arg.value, visit));
        }
        ExprKind::Template(parts) => parts.iter().for_each(|part| {
            if let weir_lang::ast::Part::Expr(expr) = part {
                each_name(expr, visit);
            }
        }),
        _ => {}
    }
}
