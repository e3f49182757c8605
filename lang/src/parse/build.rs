//! What every part of the tree builder needs: spans, names, docs, expression ids, depth.

use super::grammar::Rule;
use super::kids::Node;
use super::{MAX_TREE_DEPTH, MAX_WIDTH, say};
use crate::ast::{Comment, Doc, Expr, ExprId, ExprKind, Ident, Path};
use crate::diagnostic::Diagnostic;
use crate::span::{FileId, Loc, Span};
use ecow::EcoString;

/// Turns pest's nodes into the tree and gathers diagnostics on the way.
pub(super) struct Builder<'a> {
    pub(super) file: FileId,
    pub(super) source: &'a str,
    pub(super) comments: Vec<Comment>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) exprs: u32,
    pub(super) depth: usize,
    pub(super) in_test: bool,
    /// Regular expressions that are known to be sound.
    pub(super) sound: std::collections::BTreeSet<EcoString>,
    /// How much work they were to compile.
    pub(super) patterns: usize,
    /// Where the last broken piece that was explained ended.
    pub(super) explained: Option<u32>,
    /// How many diagnostics there were when this declaration began.
    pub(super) said: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(file: FileId, source: &'a str) -> Self {
        Builder {
            file,
            source,
            comments: Vec::new(),
            diagnostics: Vec::new(),
            exprs: 0,
            depth: 0,
            in_test: false,
            sound: Default::default(),
            patterns: 0,
            explained: None,
            said: 0,
        }
    }

    pub(super) fn loc(&self, span: Span) -> Loc {
        Loc { file: self.file, span }
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// A new expression.
    pub(super) fn expr_at(&mut self, kind: ExprKind, span: Span) -> Expr {
        let id = ExprId(self.exprs);
        self.exprs += 1;
        Expr { kind, span, id }
    }

    /// Builds something `levels` deeper, or says that this is too deep.
    pub(super) fn deeper<T>(&mut self, levels: usize, span: Span, build: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth + levels > MAX_TREE_DEPTH {
            self.too_deep(span);
            return None;
        }
        self.depth += levels;
        let built = build(self);
        self.depth -= levels;
        Some(built)
    }

    fn too_deep(&mut self, span: Span) {
        let place = Span { start: span.start, end: span.start };
        let diagnostic = say::too_deep(self.loc(place), MAX_TREE_DEPTH);
        if !self.diagnostics.iter().any(|other| other.rule == diagnostic.rule) {
            self.report(diagnostic);
        }
    }

    /// As many children as one thing may have; more are reported and left out.
    pub(super) fn at_most<'k>(&mut self, kids: impl Iterator<Item = Node<'k>>, what: &str) -> Vec<Node<'k>> {
        let mut kids: Vec<Node<'k>> = kids.collect();
        if let Some(first) = kids.get(MAX_WIDTH) {
            let diagnostic = say::too_wide(self.loc(span(first)), what, MAX_WIDTH);
            self.report(diagnostic);
            kids.truncate(MAX_WIDTH);
        }
        kids
    }

    pub(super) fn missing(&mut self, span: Span) -> Expr {
        self.expr_at(ExprKind::Error, span)
    }

    pub(super) fn ident(&self, node: &Node<'_>) -> Ident {
        ident(node)
    }

    pub(super) fn ident_or(&self, node: Option<Node<'_>>, span: Span) -> Ident {
        node.map_or_else(|| Ident { name: EcoString::new(), span }, |node| ident(&node))
    }

    /// A dotted name; children that are no names are left out.
    pub(super) fn path(&self, node: Node<'_>) -> Path {
        let span = span(&node);
        let parts = node.into_inner().filter(|part| matches!(part.as_rule(), Rule::name | Rule::member));
        Path { parts: parts.map(|part| ident(&part)).collect(), span }
    }

    pub(super) fn path_or(&self, node: Option<Node<'_>>, span: Span) -> Path {
        match node {
            Some(node) => self.path(node),
            None => Path { parts: Vec::new(), span },
        }
    }

    /// The `///` lines that end right before `start`.
    pub(super) fn doc_before(&self, start: u32) -> Doc {
        let mut at = self.comments.partition_point(|comment| comment.span.end <= start);
        let mut end = start;
        let mut lines = Vec::new();
        while let Some(comment) = at.checked_sub(1).and_then(|at| self.comments.get(at)) {
            let between = Span { start: comment.span.end, end }.text(self.source);
            if !comment.own_line
                || !is_doc(&comment.text)
                || !between.trim().is_empty()
                || between.matches('\n').count() > 1
            {
                break;
            }
            lines.push(comment.text.get(3..).map_or("", |line| line.strip_prefix(' ').unwrap_or(line)));
            end = comment.span.start;
            at -= 1;
        }
        lines.reverse();
        (!lines.is_empty()).then(|| lines.join("\n").into())
    }
}

fn is_doc(text: &str) -> bool {
    text.starts_with("///") && !text.starts_with("////")
}

/// Where a node stands.
pub(super) fn span(node: &Node<'_>) -> Span {
    let span = node.as_span();
    Span::new(span.start(), span.end())
}

/// A name without its backticks.
pub(super) fn ident(node: &Node<'_>) -> Ident {
    Ident { name: node.as_str().trim_matches('`').into(), span: span(node) }
}
