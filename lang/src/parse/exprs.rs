//! Expressions: operators by strength, operands and what is attached to them.
//!
//! Chains (`a + b + …`, `a.b.c…`, `a |> f |> g …`) are flat in the grammar and are put together without
//! recursion; their height counts against the deepest tree allowed before their operands are built.

use super::build::{Builder, ident, span};
use super::grammar::Rule;
use super::kids::{Kids, Node};
use super::say;
use crate::ast::{Arg, BinaryOp, Expr, ExprKind, Ident, Path, Stage, UnaryOp};
use crate::span::Span;

/// Binding strength times two, so that a range fits between comparison and `??`.
const PIPE: u8 = 2;
const NOT: u8 = 8;
const RANGE: u8 = 11;
const CAST: u8 = 18;
const NEG: u8 = 20;

#[derive(Clone, Copy)]
enum Op {
    Prefix(UnaryOp),
    Infix(BinaryOp),
    Range,
}

#[derive(Clone, Copy)]
struct Placed {
    op: Op,
    span: Span,
}

/// One piece of a flat expression.
enum Piece<'a> {
    Op(Placed),
    Operand(Node<'a>, Vec<Node<'a>>),
    Cast(Node<'a>),
    Pipe(Node<'a>, Vec<Node<'a>>),
}

impl Op {
    fn strength(self) -> u8 {
        match self {
            Op::Prefix(UnaryOp::Not) => NOT,
            Op::Prefix(UnaryOp::Neg) => NEG,
            Op::Range => RANGE,
            Op::Infix(op) => op.strength() * 2,
        }
    }

    fn is_prefix(self) -> bool {
        matches!(self, Op::Prefix(_))
    }
}

impl<'a> Builder<'a> {
    /// The next child as an expression.
    pub(super) fn next_expr(&mut self, kids: &mut Kids<'a>, place: Span) -> Expr {
        match kids.next() {
            Some(node) => self.expr(node),
            None => self.missing(place),
        }
    }

    /// The next child as an expression, if there is one.
    pub(super) fn maybe_expr(&mut self, kids: &mut Kids<'a>) -> Option<Expr> {
        let node = kids.next()?;
        Some(self.expr(node))
    }

    /// An expression and the clauses behind it.
    pub(super) fn claused(&mut self, kids: &mut Kids<'a>, place: Span) -> Expr {
        let value = self.next_expr(kids, place);
        self.with_clauses(value, kids)
    }

    pub(super) fn expr(&mut self, node: Node<'a>) -> Expr {
        let whole = span(&node);
        match node.as_rule() {
            Rule::expr | Rule::guard | Rule::small | Rule::source => {}
            _ => return self.primary(node),
        }
        let mut kids = Kids::of(node);
        let mut heads = Vec::new();
        while let Some(head) = kids.next_if(Rule::lambda_head) {
            heads.push((span(&head).start, Kids::of(head).map(|name| ident(&name)).collect::<Vec<Ident>>()));
        }
        let levels = heads.len() + 1;
        let built = self.deeper(levels, whole, |builder| {
            let mut value = builder.flat(kids, whole);
            for (start, params) in heads.into_iter().rev() {
                let span = Span { start, end: value.span.end };
                value = builder.expr_at(ExprKind::Lambda { params, body: Box::new(value) }, span);
            }
            value
        });
        built.unwrap_or_else(|| self.missing(whole))
    }

    fn flat(&mut self, mut kids: Kids<'a>, whole: Span) -> Expr {
        let mut pieces = Vec::with_capacity(1);
        while let Some(node) = kids.next() {
            pieces.push(match node.as_rule() {
                Rule::prefix | Rule::infix => Piece::Op(placed(&node)),
                Rule::cast => Piece::Cast(node),
                Rule::pipe => match kids.next() {
                    Some(stage) => Piece::Pipe(stage, postfixes(&mut kids)),
                    None => continue,
                },
                _ => Piece::Operand(node, postfixes(&mut kids)),
            });
        }
        let height = height(&pieces);
        let built = self.deeper(height, whole, |builder| builder.combine(pieces));
        built.flatten().unwrap_or_else(|| self.missing(whole))
    }

    fn combine(&mut self, pieces: Vec<Piece<'a>>) -> Option<Expr> {
        let (mut values, mut ops): (Vec<Expr>, Vec<Placed>) = (Vec::new(), Vec::new());
        for piece in pieces {
            match piece {
                Piece::Op(placed) => {
                    if !placed.op.is_prefix() {
                        self.reduce(&mut values, &mut ops, placed.op.strength());
                    }
                    ops.push(placed);
                }
                Piece::Operand(primary, postfixes) => values.push(self.operand(primary, postfixes)),
                Piece::Cast(node) => {
                    self.reduce(&mut values, &mut ops, CAST);
                    let value = values.pop()?;
                    values.push(self.cast(value, node));
                }
                Piece::Pipe(stage, postfixes) => {
                    self.reduce(&mut values, &mut ops, PIPE);
                    let value = values.pop()?;
                    let piped = self.pipe(value, stage);
                    values.push(self.attach(piped, postfixes));
                }
            }
        }
        self.reduce(&mut values, &mut ops, 0);
        values.pop()
    }

    /// Puts together what binds at least as tightly as `strength`.
    fn reduce(&mut self, values: &mut Vec<Expr>, ops: &mut Vec<Placed>, strength: u8) {
        while let Some(top) = ops.pop_if(|top| top.op.strength() >= strength) {
            let Some(right) = values.pop() else { return };
            let right = Box::new(right);
            let (kind, span) = match top.op {
                Op::Prefix(op) => {
                    let span = top.span.to(right.span);
                    (ExprKind::Unary { op, operand: right }, span)
                }
                op => {
                    let Some(left) = values.pop() else { return };
                    let (span, left) = (left.span.to(right.span), Box::new(left));
                    match op {
                        Op::Infix(op) => (ExprKind::Binary { op, op_span: top.span, left, right }, span),
                        _ => (ExprKind::Range { lo: left, hi: right }, span),
                    }
                }
            };
            let value = self.expr_at(kind, span);
            values.push(value);
        }
    }

    fn cast(&mut self, value: Expr, node: Node<'a>) -> Expr {
        let whole = value.span.to(span(&node));
        let mut kids = Kids::of(node);
        let optional = kids.has(Rule::opt_mark);
        let ty = self.next_type(&mut kids, whole);
        self.expr_at(ExprKind::Cast { value: Box::new(value), ty, optional }, whole)
    }

    fn pipe(&mut self, value: Expr, node: Node<'a>) -> Expr {
        let at = span(&node);
        let mut kids = Kids::of(node);
        let check = kids.has(Rule::kw_check);
        let path = kids.next_if(Rule::path);
        let start = path.as_ref().map_or(at.start, |path| span(path).start);
        let stage = Stage {
            check,
            callee: self.path_or(path, at),
            args: self.args(kids.next_if(Rule::args)),
            span: Span { start, end: at.end },
        };
        let whole = value.span.to(at);
        self.expr_at(ExprKind::Pipe { value: Box::new(value), stage }, whole)
    }

    /// An operand with what is attached to it: a dotted name before `(` is a callee, else field accesses.
    fn operand(&mut self, primary: Node<'a>, postfixes: Vec<Node<'a>>) -> Expr {
        if primary.as_rule() == Rule::name {
            let first = ident(&primary);
            let fields = postfixes.iter().take_while(|node| node.as_rule() == Rule::field).count();
            if postfixes.get(fields).is_some_and(|node| node.as_rule() == Rule::args) {
                return self.call(first, fields, postfixes);
            }
            let span = first.span;
            let value = self.expr_at(ExprKind::Name(first), span);
            return self.attach(value, postfixes);
        }
        let value = self.primary(primary);
        self.attach(value, postfixes)
    }

    fn call(&mut self, first: Ident, fields: usize, mut postfixes: Vec<Node<'a>>) -> Expr {
        let rest = postfixes.split_off(fields + 1);
        let args = postfixes.pop();
        let mut parts = vec![first];
        parts.extend(postfixes.into_iter().filter_map(|field| Kids::of(field).next()).map(|name| ident(&name)));
        let start = parts.first().map_or(Span::default(), |first| first.span);
        let path_span = parts.last().map_or(start, |last| start.to(last.span));
        let whole = args.as_ref().map_or(path_span, |args| start.to(span(args)));
        let args = self.args(args);
        let value = self.expr_at(ExprKind::Call { callee: Path { parts, span: path_span }, args }, whole);
        self.attach(value, rest)
    }

    fn attach(&mut self, mut value: Expr, postfixes: Vec<Node<'a>>) -> Expr {
        for node in postfixes {
            let whole = value.span.to(span(&node));
            let rule = node.as_rule();
            if rule == Rule::args {
                let diagnostic = say::not_callable(self.loc(span(&node)), &value, self.source);
                self.report(diagnostic);
                continue;
            }
            let mut kids = Kids::of(node);
            let base = Box::new(value);
            let kind = match rule {
                Rule::index => ExprKind::Index { base, index: Box::new(self.next_expr(&mut kids, whole)) },
                rule => {
                    ExprKind::Field { base, name: self.ident_or(kids.next(), whole), optional: rule == Rule::opt_field }
                }
            };
            value = self.expr_at(kind, whole);
        }
        value
    }

    pub(super) fn args(&mut self, node: Option<Node<'a>>) -> Vec<Arg> {
        let Some(node) = node else { return Vec::new() };
        Kids::of(node).map(|arg| self.arg(arg)).collect()
    }

    fn arg(&mut self, node: Node<'a>) -> Arg {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let name = kids.next_if(Rule::member).map(|name| ident(&name));
        Arg { name, value: self.claused(&mut kids, whole) }
    }
}

fn postfixes<'a>(kids: &mut Kids<'a>) -> Vec<Node<'a>> {
    let mut found = Vec::new();
    while matches!(kids.peek(), Some(Rule::field | Rule::opt_field | Rule::index | Rule::args)) {
        found.extend(kids.next());
    }
    found
}

fn placed(node: &Node<'_>) -> Placed {
    let op = match (node.as_rule(), node.as_str()) {
        (Rule::prefix, "not") => Op::Prefix(UnaryOp::Not),
        (Rule::prefix, _) => Op::Prefix(UnaryOp::Neg),
        (_, "..") => Op::Range,
        (_, word) if word.starts_with("not") => Op::Infix(BinaryOp::NotIn),
        (_, word) => {
            let found = BinaryOp::ALL.iter().find(|(spelling, _, _)| *spelling == word);
            Op::Infix(found.map_or(BinaryOp::Add, |(_, op, _)| *op))
        }
    };
    Placed { op, span: span(node) }
}

/// How many levels the operators of a flat expression will add above its deepest operand.
fn height(pieces: &[Piece<'_>]) -> usize {
    let (mut heights, mut ops): (Vec<usize>, Vec<Op>) = (Vec::new(), Vec::new());
    for piece in pieces {
        match piece {
            Piece::Op(placed) => {
                if !placed.op.is_prefix() {
                    lower(&mut heights, &mut ops, placed.op.strength());
                }
                ops.push(placed.op);
            }
            Piece::Operand(_, postfixes) => heights.push(postfixes.len()),
            Piece::Cast(_) => {
                lower(&mut heights, &mut ops, CAST);
                heights.last_mut().into_iter().for_each(|top| *top += 1);
            }
            Piece::Pipe(_, postfixes) => {
                lower(&mut heights, &mut ops, PIPE);
                heights.last_mut().into_iter().for_each(|top| *top += 1 + postfixes.len());
            }
        }
    }
    lower(&mut heights, &mut ops, 0);
    heights.pop().unwrap_or(0)
}

fn lower(heights: &mut Vec<usize>, ops: &mut Vec<Op>, strength: u8) {
    while let Some(top) = ops.pop_if(|top| top.strength() >= strength) {
        let right = heights.pop().unwrap_or(0);
        let left = if top.is_prefix() { 0 } else { heights.pop().unwrap_or(0) };
        heights.push(1 + right.max(left));
    }
}
