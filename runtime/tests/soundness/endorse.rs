//! How the reference makes a value trusted: by its name, or a field of it.

use super::reference::Frame;
use super::value::{D, V};
use weir_lang::ast::*;

/// Whether a condition speaks of a field of a parameter.
pub fn mentions(cond: &Expr, param: &str, field: &str) -> bool {
    match &cond.kind {
        ExprKind::Field { base, name, .. } => {
            name.name == field && matches!(&base.kind, ExprKind::Name(base) if base.name == param)
        }
        ExprKind::Binary { left, right, .. } => mentions(left, param, field) || mentions(right, param, field),
        ExprKind::Call { args, .. } => args.iter().any(|arg| mentions(&arg.value, param, field)),
        ExprKind::Paren(inner) => mentions(inner, param, field),
        _ => false,
    }
}

pub fn set_clean(frame: &mut Frame<'_>, path: &Expr) {
    set_clean_at(frame, path, None);
}

/// Makes a name, or a field of it, trusted from here on.
pub fn set_clean_at(frame: &mut Frame<'_>, path: &Expr, below: Option<&str>) {
    let mut fields: Vec<&str> = below.into_iter().collect();
    let mut at = path;
    let root = loop {
        match &at.kind {
            ExprKind::Name(name) => break name,
            ExprKind::Field { base, name, .. } => {
                fields.push(&name.name);
                at = base;
            }
            ExprKind::Paren(inner) => at = inner,
            _ => return,
        }
    };
    let found = frame.names.iter_mut().rev().find(|(name, _)| name == root.name.as_str());
    let Some((_, value)) = found else { return };
    fn clean(value: &V, fields: &[&str]) -> V {
        let Some((last, rest)) = fields.split_last() else { return value.clone().clean() };
        let mut out = value.clone();
        if out.t {
            // The parts are told apart from here on.
            out = out.tainted(true);
            out.t = false;
        }
        if let D::Rec(fields) = &mut out.d
            && let Some(part) = fields.get_mut(*last)
        {
            *part = clean(part, rest);
        }
        out
    }
    *value = clean(value, &fields);
}
