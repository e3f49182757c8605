//! The shape of a file: its declarations, what can be folded, and what a growing selection takes in.

use super::declared::signature;
use super::tokens::TokenKind;
use super::view::View;
use super::walk::{Met, all};
use weir_lang::ast::{Item, ItemKind, TypeExprKind};
use weir_lang::span::Span;

/// What a declaration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named after what it stands for")]
pub enum DeclKind {
    Flow,
    Type,
    Field,
    Const,
    Tool,
    Policy,
    Campaign,
    Test,
}

/// A declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct Decl {
    /// Its name.
    pub name: String,
    /// Role, type or signature.
    pub detail: String,
    /// What it is.
    pub kind: DeclKind,
    /// The whole of it.
    pub span: Span,
    /// Its name's place.
    pub name_span: Span,
    /// What is declared in it.
    pub children: Vec<Decl>,
}

/// What can be folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldKind {
    /// Code.
    Region,
    /// Comments.
    Comment,
    /// `use` lines.
    Imports,
}

impl View<'_> {
    /// The declarations of the file.
    pub fn declarations(&self) -> Vec<Decl> {
        self.ast.items.iter().filter_map(|item| self.declaration(item)).collect()
    }

    fn declaration(&self, item: &Item) -> Option<Decl> {
        let span = self.trimmed(item.span);
        let decl = |name: &str, name_span: Span, kind: DeclKind, detail: String| Decl {
            name: name.to_owned(),
            detail,
            kind,
            span: span.to(name_span),
            name_span,
            children: Vec::new(),
        };
        Some(match &item.kind {
            ItemKind::Flow(flow) => decl(&flow.name.name, flow.name.span, DeclKind::Flow, signature(flow, self.text)),
            ItemKind::Type(ty) => {
                let mut found = decl(&ty.name.name, ty.name.span, DeclKind::Type, String::new());
                if let TypeExprKind::Record(fields) = &ty.ty.kind {
                    found.children = fields
                        .iter()
                        .map(|field| Decl {
                            name: field.name.name.to_string(),
                            detail: field.ty.span.text(self.text).to_owned(),
                            kind: DeclKind::Field,
                            span: field.name.span.to(field.ty.span),
                            name_span: field.name.span,
                            children: Vec::new(),
                        })
                        .collect();
                }
                found
            }
            ItemKind::Const(constant) => {
                let value = constant.value.span.text(self.text).to_owned();
                decl(&constant.name.name, constant.name.span, DeclKind::Const, value)
            }
            ItemKind::Tool(tool) => decl(&tool.path.text(), tool.path.span, DeclKind::Tool, String::new()),
            ItemKind::Policy(policy) => decl(&policy.name.name, policy.name.span, DeclKind::Policy, String::new()),
            ItemKind::Campaign(campaign) => {
                decl(&campaign.name.name, campaign.name.span, DeclKind::Campaign, String::new())
            }
            ItemKind::Test(test) => decl(&test.name, test.name_span, DeclKind::Test, String::new()),
            ItemKind::Use(_) | ItemKind::Error(_) => return None,
        })
    }

    /// A span without the blanks at its end.
    pub(super) fn trimmed(&self, span: Span) -> Span {
        let text = span.text(self.text).trim_end();
        Span { start: span.start, end: span.start + u32::try_from(text.len()).unwrap_or(0) }
    }

    /// Stretches of several lines that can be folded.
    pub fn folds(&self) -> Vec<(Span, FoldKind)> {
        let mut out = Vec::new();
        let mut open: Vec<u32> = Vec::new();
        for token in &self.tokens {
            match token.span.text(self.text) {
                "(" | "[" | "{" => open.push(token.span.start),
                ")" | "]" | "}" => {
                    if let Some(start) = open.pop() {
                        out.push((Span { start, end: token.span.start }, FoldKind::Region));
                    }
                }
                _ if token.kind == TokenKind::Text => out.push((token.span, FoldKind::Region)),
                _ => {}
            }
        }
        out.extend(
            self.runs(|at| matches!(self.tokens.get(at).map(|t| t.kind), Some(TokenKind::Comment | TokenKind::Doc)))
                .into_iter()
                .map(|span| (span, FoldKind::Comment)),
        );
        out.extend(self.imports().map(|span| (span, FoldKind::Imports)));
        out.retain(|(span, _)| span.text(self.text).contains('\n'));
        out.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
        out
    }

    /// Runs of tokens of one sort, side by side.
    fn runs(&self, is: impl Fn(usize) -> bool) -> Vec<Span> {
        let mut out: Vec<Span> = Vec::new();
        let mut last: Option<Span> = None;
        for (at, token) in self.tokens.iter().enumerate() {
            last = match (last, is(at)) {
                (Some(run), true) => Some(run.to(token.span)),
                (None, true) => Some(token.span),
                (Some(run), false) => {
                    out.push(run);
                    None
                }
                (None, false) => None,
            };
        }
        out.extend(last);
        out
    }

    fn imports(&self) -> Option<Span> {
        let mut used = self.ast.items.iter().take_while(|item| matches!(item.kind, ItemKind::Use(_)));
        let first = used.next()?.span;
        Some(used.last().map_or(first, |last| first.to(self.trimmed(last.span))))
    }

    /// What a growing selection takes in at an offset, smallest first.
    pub fn selections(&self, offset: u32) -> Vec<Span> {
        let mut out: Vec<Span> = Vec::new();
        let mut add = |span: Span| {
            if span.touches(offset) && span.end > span.start {
                out.push(span);
            }
        };
        self.tokens.iter().for_each(|token| add(token.span));
        all(&self.ast, &mut |met| match met {
            Met::Block(block) => add(block.span),
            Met::Step(step) => add(step.span),
            Met::Expr(expr) => add(expr.span),
        });
        self.ast.items.iter().for_each(|item| add(self.trimmed(item.span)));
        add(Span::new(0, self.text.len()));
        out.sort_by_key(|span| (span.end - span.start, span.start));
        // Each must hold the one before it.
        let mut chain: Vec<Span> = Vec::new();
        for span in out {
            if chain.last().is_none_or(|last| span.start <= last.start && span.end >= last.end && span != *last) {
                chain.push(span);
            }
        }
        chain
    }
}
