//! Types where they are written.

use super::build::{Builder, span};
use super::grammar::Rule;
use super::kids::{Kids, Node};
use crate::ast::{Expr, ExprKind, FieldDecl, Lit, Mark, Path, TypeExpr, TypeExprKind, UnaryOp};
use crate::span::Span;

impl<'a> Builder<'a> {
    pub(super) fn next_type(&mut self, kids: &mut Kids<'a>, place: Span) -> TypeExpr {
        match kids.next_if(Rule::r#type) {
            Some(node) => self.ty(node),
            None => TypeExpr { kind: TypeExprKind::Error, span: place },
        }
    }

    fn ty(&mut self, node: Node<'a>) -> TypeExpr {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let mut marks = Vec::new();
        while let Some(mark) = kids.next_if(Rule::mark) {
            marks.push((mark_of(mark.as_str()), span(&mark).start));
        }
        let levels = marks.len() + 2;
        let members = self.at_most(kids, "the members of a type").into_iter();
        let inner = self.deeper(levels, whole, |builder| members.map(|part| builder.type_and(part)).collect());
        let mut ty = joined(inner.unwrap_or_default(), whole, TypeExprKind::Union);
        for (mark, start) in marks.into_iter().rev() {
            let span = Span { start, end: ty.span.end };
            ty = TypeExpr { kind: TypeExprKind::Marked(mark, Box::new(ty)), span };
        }
        ty
    }

    fn type_and(&mut self, node: Node<'a>) -> TypeExpr {
        let whole = span(&node);
        let parts = Kids::of(node).map(|part| self.type_post(part)).collect();
        joined(parts, whole, TypeExprKind::Intersection)
    }

    fn type_post(&mut self, node: Node<'a>) -> TypeExpr {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let atom = kids.next();
        let suffixes: Vec<Node<'a>> = kids.collect();
        let built = self.deeper(suffixes.len(), whole, |builder| {
            let mut ty = match atom {
                Some(atom) => builder.type_atom(atom),
                None => TypeExpr { kind: TypeExprKind::Error, span: whole },
            };
            for suffix in suffixes {
                let span = ty.span.to(span(&suffix));
                ty = TypeExpr { kind: builder.suffixed(ty, suffix), span };
            }
            ty
        });
        built.unwrap_or(TypeExpr { kind: TypeExprKind::Error, span: whole })
    }

    fn suffixed(&mut self, ty: TypeExpr, suffix: Node<'a>) -> TypeExprKind {
        let rule = suffix.as_rule();
        let mut kids = Kids::of(suffix);
        match rule {
            Rule::matching => match kids.next() {
                Some(regex) => TypeExprKind::Matching(Box::new(ty), self.regex(&regex)),
                None => TypeExprKind::Error,
            },
            Rule::within => {
                let low = kids.next_if(Rule::low).map(|bound| Box::new(self.bound(bound)));
                kids.has(Rule::dots);
                let high = kids.next_if(Rule::high).map(|bound| Box::new(self.bound(bound)));
                TypeExprKind::Within(Box::new(ty), low, high)
            }
            _ => TypeExprKind::Nullable(Box::new(ty)),
        }
    }

    fn bound(&mut self, node: Node<'a>) -> Expr {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let minus = kids.has(Rule::minus);
        let value = match kids.next() {
            Some(node) if node.as_rule() == Rule::path => {
                let path = self.path(node);
                self.path_value(path)
            }
            Some(node) => {
                let lit = self.number(&node);
                self.expr_at(ExprKind::Lit(lit), span(&node))
            }
            None => self.missing(whole),
        };
        if minus {
            return self.expr_at(ExprKind::Unary { op: UnaryOp::Neg, operand: Box::new(value) }, whole);
        }
        value
    }

    /// A dotted name read as a value: fields of its first part.
    pub(super) fn path_value(&mut self, path: Path) -> Expr {
        let mut parts = path.parts.into_iter();
        let Some(first) = parts.next() else {
            return self.missing(path.span);
        };
        let start = first.span;
        let mut value = self.expr_at(ExprKind::Name(first), start);
        for name in parts {
            let span = start.to(name.span);
            value = self.expr_at(ExprKind::Field { base: Box::new(value), name, optional: false }, span);
        }
        value
    }

    fn type_atom(&mut self, node: Node<'a>) -> TypeExpr {
        let whole = span(&node);
        let rule = node.as_rule();
        let kind = match rule {
            Rule::path => TypeExprKind::Name(self.path(node)),
            Rule::type_lit => TypeExprKind::Literal(self.type_lit(node)),
            Rule::type_record => {
                let fields = self.at_most(Kids::of(node), "the fields of a type");
                TypeExprKind::Record(fields.into_iter().map(|field| self.field_decl(field)).collect())
            }
            _ => {
                let inner = Box::new(self.next_type(&mut Kids::of(node), whole));
                match rule {
                    Rule::type_map => TypeExprKind::Map(inner),
                    Rule::type_list => TypeExprKind::List(inner),
                    _ => TypeExprKind::Paren(inner),
                }
            }
        };
        TypeExpr { kind, span: whole }
    }

    fn type_lit(&mut self, node: Node<'a>) -> Lit {
        self.constant(&mut Kids::of(node))
    }

    fn field_decl(&mut self, node: Node<'a>) -> FieldDecl {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let name = self.ident_or(kids.next(), whole);
        let optional = kids.has(Rule::opt_mark);
        FieldDecl { doc: self.doc_before(whole.start), name, optional, ty: self.next_type(&mut kids, whole) }
    }
}

fn joined(mut parts: Vec<TypeExpr>, span: Span, join: fn(Vec<TypeExpr>) -> TypeExprKind) -> TypeExpr {
    match parts.len() {
        0 => TypeExpr { kind: TypeExprKind::Error, span },
        1 => parts.pop().unwrap_or(TypeExpr { kind: TypeExprKind::Error, span }),
        _ => TypeExpr { kind: join(parts), span },
    }
}

fn mark_of(word: &str) -> Mark {
    match word {
        "trusted" => Mark::Trusted,
        "secret" => Mark::Secret,
        _ => Mark::Untrusted,
    }
}
