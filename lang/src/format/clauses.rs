//! Clauses behind calls and in the heads of flows and tools.

use super::doc::{Doc, cat, group, indent, nil, text};
use super::layout::Layout;
use crate::ast::{
    BudgetPart, CapabilityRef, CatchArm, Clause, ClauseKind, Expr, FlowClauseKind, Ident, Path, Retry, ToolAttr,
};
use crate::span::Span;

impl Layout<'_> {
    /// A call with its clauses; a clause that stood on a line of its own keeps it.
    pub(super) fn claused(&mut self, value: &Expr, clauses: &[Clause]) -> Doc {
        let first = self.expr(value);
        cat([first, self.clause_list(value.span.end, clauses)])
    }

    /// Clauses behind something that ends at `end`.
    pub(super) fn clause_list(&mut self, mut end: u32, clauses: &[Clause]) -> Doc {
        let mut docs = Vec::new();
        for clause in clauses {
            let own_line = self.breaks_between(end, clause.span.start);
            let before = self.trail(end);
            let own_line = own_line || before.forces();
            let lead = if own_line { self.lead(clause.span.start, true) } else { nil() };
            let body = self.clause(clause);
            docs.push(match own_line {
                true => indent(cat([before, Doc::Hard, lead, body])),
                // A clause with lines of its own stays where it stood: its braces mark it.
                false if body.forces() => cat([text(" "), body]),
                false => group(indent(cat([Doc::Line, body])), false),
            });
            end = clause.span.end;
        }
        cat(docs)
    }

    fn clause(&mut self, clause: &Clause) -> Doc {
        match &clause.kind {
            ClauseKind::Retry(retry) => self.retry(retry),
            ClauseKind::Timeout(value) => cat([text("timeout "), self.expr(value)]),
            ClauseKind::With(name) => cat([text("with "), self.name(name)]),
            ClauseKind::Catch(arms) => {
                let body = self.arms(arms, clause.span, |arm| arm.span, Self::catch_arm);
                cat([text("catch "), body])
            }
            ClauseKind::Fallback(value) => cat([text("fallback "), self.expr(value)]),
            ClauseKind::Optional => text("optional"),
            ClauseKind::Undo(value) => cat([text("undo "), self.expr(value)]),
            ClauseKind::Final => text("final"),
            ClauseKind::Key { key, per_run } => self.key(key, *per_run),
            ClauseKind::Until { cond, every, within } => {
                let mut docs = vec![text("until "), self.expr(cond)];
                for (word, part) in [(" every ", every), (" within ", within)] {
                    if let Some(part) = part {
                        docs.extend([text(word), self.expr(part)]);
                    }
                }
                cat(docs)
            }
            ClauseKind::From(value) => cat([text("from "), self.expr(value)]),
        }
    }

    pub(super) fn key(&mut self, key: &Expr, per_run: bool) -> Doc {
        cat([text("key "), self.expr(key), text(if per_run { " per run" } else { "" })])
    }

    pub(super) fn retry(&mut self, retry: &Retry) -> Doc {
        let mut docs = vec![text("retry ")];
        docs.push(match &retry.count {
            Some(count) => self.expr(count),
            None => text("forever"),
        });
        if let Some((low, high)) = &retry.backoff {
            docs.extend([text(" backoff "), self.expr(low), text(".."), self.expr(high)]);
        }
        if !retry.on.is_empty() {
            docs.extend([text(" on "), self.names(&retry.on)]);
        }
        cat(docs)
    }

    fn catch_arm(&mut self, arm: &CatchArm) -> Doc {
        let mut docs = vec![self.codes(&arm.codes)];
        if let Some(binding) = &arm.binding {
            docs.extend([text(" as "), self.name(binding)]);
        }
        docs.extend([text(" => "), self.arm_body(&arm.body)]);
        cat(docs)
    }

    pub(super) fn codes(&self, codes: &[Ident]) -> Doc {
        if codes.is_empty() { text("else") } else { self.names(codes) }
    }

    pub(super) fn names(&self, names: &[Ident]) -> Doc {
        let texts: Vec<&str> = names.iter().map(|name| name.span.text(self.source)).collect();
        text(texts.join(", "))
    }

    fn paths<'p>(&self, word: &'static str, paths: impl Iterator<Item = &'p Path>) -> Doc {
        let mut docs = Vec::new();
        for path in paths {
            if !docs.is_empty() {
                docs.extend([text(","), Doc::Line]);
            }
            docs.push(self.path(path));
        }
        group(cat([text(word), indent(cat(docs))]), false)
    }

    fn can(&self, capabilities: &[CapabilityRef]) -> Doc {
        self.paths("can ", capabilities.iter().map(|capability| &capability.path))
    }

    pub(super) fn flow_clause(&mut self, clause: &FlowClauseKind) -> Doc {
        match clause {
            FlowClauseKind::Can(capabilities) => self.can(capabilities),
            FlowClauseKind::Tools(paths) => self.paths("tools ", paths.iter()),
            FlowClauseKind::Timeout(value) => cat([text("timeout "), self.expr(value)]),
            FlowClauseKind::Limit { count, per } => {
                cat([text("limit "), self.expr(count), text(" per "), self.expr(per)])
            }
            FlowClauseKind::Concurrency { count, by } => {
                let mut docs = vec![text("concurrency "), self.expr(count)];
                if let Some(by) = by {
                    docs.extend([text(" by "), self.expr(by)]);
                }
                cat(docs)
            }
            FlowClauseKind::Priority(value) => cat([text("priority "), self.expr(value)]),
            FlowClauseKind::Budget(parts) => self.budget(parts),
            FlowClauseKind::Before(path) => cat([text("before "), self.path(path)]),
            FlowClauseKind::After(path) => cat([text("after "), self.path(path)]),
            FlowClauseKind::OnError(path) => cat([text("on error "), self.path(path)]),
            FlowClauseKind::Sample(value) => cat([text("sample "), self.expr(value)]),
            FlowClauseKind::Model(value) => cat([text("model "), self.expr(value)]),
            FlowClauseKind::With(name) => cat([text("with "), self.name(name)]),
        }
    }

    fn budget(&mut self, parts: &[BudgetPart]) -> Doc {
        let mut docs = vec![text("budget ")];
        for (at, part) in parts.iter().enumerate() {
            docs.push(text(if at == 0 { "" } else { ", " }));
            let (before, value, after) = match part {
                BudgetPart::Calls(value) => ("", value, " calls"),
                BudgetPart::Time(value) => ("", value, ""),
                BudgetPart::Cost(value) => ("cost ", value, ""),
                BudgetPart::Depth(value) => ("depth ", value, ""),
            };
            docs.extend([text(before), self.expr(value), text(after)]);
        }
        cat(docs)
    }

    pub(super) fn tool_attr(&mut self, attr: &ToolAttr) -> Doc {
        match attr {
            ToolAttr::Can(capabilities) => self.can(capabilities),
            ToolAttr::Idempotent(_) => text("idempotent"),
            ToolAttr::Timeout(value) => cat([text("timeout "), self.expr(value)]),
            ToolAttr::AcceptsKey(name) => cat([text("accepts key "), self.name(name)]),
            ToolAttr::Costs(value) => cat([text("costs "), self.expr(value)]),
            ToolAttr::Fails(codes) => cat([text("fails "), self.names(codes)]),
        }
    }
}

/// Where an attribute of a tool starts, as far as its tree says.
pub(super) fn attr_start(attr: &ToolAttr) -> Span {
    match attr {
        ToolAttr::Can(capabilities) => capabilities.first().map(|first| first.path.span).unwrap_or_default(),
        ToolAttr::Idempotent(span) => *span,
        ToolAttr::Timeout(value) | ToolAttr::Costs(value) => value.span,
        ToolAttr::AcceptsKey(name) => name.span,
        ToolAttr::Fails(codes) => codes.first().map(|code| code.span).unwrap_or_default(),
    }
}
