//! Types and parameters.

use super::doc::{Doc, cat, group, indent, text};
use super::layout::{FIELDS, Layout, PARENS};
use crate::ast::{FieldDecl, Mark, Param, TypeExpr, TypeExprKind};
use crate::span::Span;

impl Layout<'_> {
    pub(super) fn ty(&mut self, ty: &TypeExpr) -> Doc {
        match &ty.kind {
            TypeExprKind::Name(path) => self.path(path),
            TypeExprKind::Literal(_) => self.slice(ty.span),
            TypeExprKind::Error => self.slice(ty.span),
            TypeExprKind::List(inner) => cat([text("["), self.ty(inner), text("]")]),
            TypeExprKind::Map(inner) => cat([text("map<"), self.ty(inner), text(">")]),
            TypeExprKind::Paren(inner) => cat([text("("), self.ty(inner), text(")")]),
            TypeExprKind::Nullable(inner) => cat([self.ty(inner), text("?")]),
            TypeExprKind::Record(fields) => {
                self.entries(FIELDS, ty.span, fields, field_span, |layout, field| layout.field(field))
            }
            TypeExprKind::Union(parts) => self.joined(parts, "| "),
            TypeExprKind::Intersection(parts) => self.intersection(parts),
            TypeExprKind::Matching(inner, regex) => cat([self.ty(inner), text(" matching "), self.slice(regex.span)]),
            TypeExprKind::Within(inner, low, high) => {
                let inner = self.ty(inner);
                let mut bound = |end: &Option<Box<crate::ast::Expr>>| match end {
                    Some(end) => self.expr(end),
                    None => text(""),
                };
                cat([inner, text(" in "), bound(low), text(".."), bound(high)])
            }
            TypeExprKind::Marked(mark, inner) => cat([text(mark_word(*mark)), text(" "), self.ty(inner)]),
        }
    }

    /// `A & B`; a record at the end opens on the same line.
    fn intersection(&mut self, parts: &[TypeExpr]) -> Doc {
        match parts.split_last() {
            Some((last, front)) if matches!(last.kind, TypeExprKind::Record(_)) && !front.is_empty() => {
                let front = self.joined(front, "& ");
                cat([front, text(" & "), self.ty(last)])
            }
            _ => self.joined(parts, "& "),
        }
    }

    fn joined(&mut self, parts: &[TypeExpr], sign: &'static str) -> Doc {
        let mut docs = Vec::new();
        let mut first = None;
        for part in parts {
            let doc = self.ty(part);
            match first {
                None => first = Some(doc),
                Some(_) => docs.push(cat([Doc::Line, text(sign), doc])),
            }
        }
        group(cat(first.into_iter().chain([indent(cat(docs))])), false)
    }

    fn field(&mut self, field: &FieldDecl) -> Doc {
        let mark = if field.optional { "?: " } else { ": " };
        cat([self.name(&field.name), text(mark), self.ty(&field.ty)])
    }

    /// Parameters in parentheses; `place` reaches from the opening to the closing one.
    pub(super) fn params(&mut self, params: &[Param], place: Span) -> Doc {
        self.entries(PARENS, place, params, param_span, |layout, param| {
            let mark = if param.optional { "?: " } else { ": " };
            let mut docs = vec![layout.name(&param.name), text(mark), layout.ty(&param.ty)];
            if let Some(default) = &param.default {
                docs.extend([text(" = "), layout.expr(default)]);
            }
            cat(docs)
        })
    }
}

fn field_span(field: &FieldDecl) -> Span {
    field.name.span.to(field.ty.span)
}

fn param_span(param: &Param) -> Span {
    let end = param.default.as_ref().map_or(param.ty.span, |default| default.span);
    param.name.span.to(end)
}

fn mark_word(mark: Mark) -> &'static str {
    match mark {
        Mark::Trusted => "trusted",
        Mark::Untrusted => "untrusted",
        Mark::Secret => "secret",
    }
}
