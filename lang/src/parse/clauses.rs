//! Clauses behind a call.

use super::build::{Builder, ident, span};
use super::grammar::Rule;
use super::kids::{Kids, Node};
use super::say;
use crate::ast::{CatchArm, Clause, ClauseKind, Expr, ExprKind, Ident, Retry};
use crate::span::Span;

impl<'a> Builder<'a> {
    /// `value` with the clauses that follow, if any do.
    pub(super) fn with_clauses(&mut self, value: Expr, kids: &mut Kids<'a>) -> Expr {
        let mut clauses = Vec::new();
        while kids.peek().is_some_and(is_clause) {
            if let Some(node) = kids.next() {
                clauses.push(Clause { span: span(&node), kind: self.clause(node) });
            }
        }
        let Some(last) = clauses.last() else {
            return value;
        };
        let whole = value.span.to(last.span);
        self.expr_at(ExprKind::Claused { value: Box::new(value), clauses }, whole)
    }

    fn clause(&mut self, node: Node<'a>) -> ClauseKind {
        let whole = span(&node);
        let rule = node.as_rule();
        let mut kids = Kids::of(node);
        match rule {
            Rule::optional_c => ClauseKind::Optional,
            Rule::final_c => ClauseKind::Final,
            Rule::with_c => ClauseKind::With(self.ident_or(kids.next(), whole)),
            Rule::retry_c => ClauseKind::Retry(self.retry(kids, whole)),
            Rule::catch_c => {
                let arms = self.deeper(1, whole, |builder| kids.map(|arm| builder.catch_arm(arm)).collect());
                ClauseKind::Catch(arms.unwrap_or_default())
            }
            Rule::until_c => self.until(kids, whole),
            Rule::timeout_c => ClauseKind::Timeout(self.next_expr(&mut kids, whole)),
            Rule::fallback_c => ClauseKind::Fallback(self.next_expr(&mut kids, whole)),
            Rule::undo_c => ClauseKind::Undo(self.next_expr(&mut kids, whole)),
            Rule::key_c => ClauseKind::Key { key: self.next_expr(&mut kids, whole), per_run: kids.has(Rule::per_run) },
            _ => ClauseKind::From(self.next_expr(&mut kids, whole)),
        }
    }

    fn retry(&mut self, mut kids: Kids<'a>, whole: Span) -> Retry {
        let count = (!kids.has(Rule::kw_forever)).then(|| self.next_expr(&mut kids, whole));
        let backoff = kids.next_if(Rule::backoff).and_then(|node| self.backoff(node));
        let on = kids.next_if(Rule::on_codes).map(|node| Kids::of(node).map(|code| ident(&code)).collect());
        Retry { count, backoff, on: on.unwrap_or_default() }
    }

    /// `backoff lo..hi`
    pub(super) fn backoff(&mut self, node: Node<'a>) -> Option<(Expr, Expr)> {
        let whole = span(&node);
        let value = self.next_expr(&mut Kids::of(node), whole);
        if let ExprKind::Range { lo, hi } = value.kind {
            return Some((*lo, *hi));
        }
        let diagnostic = say::backoff_without_range(self.loc(value.span), value.span.text(self.source));
        self.report(diagnostic);
        None
    }

    fn until(&mut self, mut kids: Kids<'a>, whole: Span) -> ClauseKind {
        let cond = self.next_expr(&mut kids, whole);
        let mut part = |rule: Rule, builder: &mut Self| {
            kids.next_if(rule).map(|node| builder.next_expr(&mut Kids::of(node), whole))
        };
        let every = part(Rule::every_part, self);
        let within = part(Rule::within_part, self);
        ClauseKind::Until { cond, every, within }
    }

    fn catch_arm(&mut self, node: Node<'a>) -> CatchArm {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let codes = self.codes(kids.next_if(Rule::codes));
        let binding = kids.next_if(Rule::name).map(|name| ident(&name));
        CatchArm { codes, binding, body: self.arm_body(&mut kids, whole), span: whole }
    }

    /// Error codes; none for `else`.
    pub(super) fn codes(&self, node: Option<Node<'a>>) -> Vec<Ident> {
        node.into_iter()
            .flat_map(Kids::of)
            .filter(|code| code.as_rule() == Rule::name)
            .map(|code| ident(&code))
            .collect()
    }
}

fn is_clause(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::timeout_c
            | Rule::fallback_c
            | Rule::retry_c
            | Rule::undo_c
            | Rule::key_c
            | Rule::optional_c
            | Rule::final_c
            | Rule::catch_c
            | Rule::with_c
            | Rule::until_c
            | Rule::from_c
    )
}
