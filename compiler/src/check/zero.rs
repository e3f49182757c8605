//! What conditions say to be no zero: enough for `if n > 0 { sum / n }`.

use weir_lang::ast::{BinaryOp, Expr, ExprKind, Lit};

/// A name, fields of it, or a function of such, as one text; nothing for any other expression.
pub fn spelling(expr: &Expr) -> Option<String> {
    match &expr.unparen().kind {
        ExprKind::Name(name) => Some(name.name.to_string()),
        ExprKind::Field { base, name, optional: false } => Some(format!("{}.{}", spelling(base)?, name.name)),
        ExprKind::Call { callee, args } => {
            let [arg] = args.as_slice() else { return None };
            Some(format!("{}({})", callee.text(), spelling(&arg.value)?))
        }
        _ => None,
    }
}

/// Adds what is no zero where `cond` holds, or where it does not.
pub fn not_zero(cond: &Expr, holds: bool, out: &mut Vec<String>) {
    let ExprKind::Binary { op, left, right, .. } = &cond.unparen().kind else { return };
    let tells = match (op, holds) {
        (BinaryOp::And, true) | (BinaryOp::Or, false) => {
            not_zero(left, holds, out);
            return not_zero(right, holds, out);
        }
        (BinaryOp::Ne | BinaryOp::Gt, true) | (BinaryOp::Eq | BinaryOp::Le, false) => is_zero(right),
        (BinaryOp::Ge, true) | (BinaryOp::Lt, false) => is_one(right),
        _ => false,
    };
    if tells {
        out.extend(spelling(left));
    }
}

fn is_zero(expr: &Expr) -> bool {
    match &expr.unparen().kind {
        ExprKind::Lit(Lit::Int(0) | Lit::Duration(0)) => true,
        ExprKind::Lit(Lit::Number(text)) => text.parse() == Ok(0.0),
        _ => false,
    }
}

fn is_one(expr: &Expr) -> bool {
    matches!(expr.unparen().kind, ExprKind::Lit(Lit::Int(1)))
}
