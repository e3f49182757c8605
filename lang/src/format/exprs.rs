//! Expressions.

use super::doc::{Doc, cat, group, indent, nil, text};
use super::layout::{BRACES, Layout, PARENS, SQUARE};
use crate::ast::{
    Arg, ArmBody, BinaryOp, Block, Delay, Expr, ExprKind, ListItem, MatchArm, Pattern, RecordEntry, Stage, UnaryOp,
};
use crate::span::Span;

impl Layout<'_> {
    pub(super) fn expr(&mut self, expr: &Expr) -> Doc {
        match &expr.kind {
            ExprKind::Lit(_) | ExprKind::Template(_) | ExprKind::Regex(_) | ExprKind::Error => self.slice(expr.span),
            ExprKind::Name(name) => self.name(name),
            ExprKind::Field { base, name, optional } => {
                let dot = if *optional { "?." } else { "." };
                cat([self.expr(base), text(dot), self.name(name)])
            }
            ExprKind::Index { base, index } => cat([self.expr(base), text("["), self.expr(index), text("]")]),
            ExprKind::Call { callee, args } => {
                let open = Span { start: callee.span.end, end: expr.span.end };
                cat([self.path(callee), self.args(args, open)])
            }
            ExprKind::Unary { op: UnaryOp::Not, operand } => cat([text("not "), self.expr(operand)]),
            ExprKind::Unary { op: UnaryOp::Neg, operand } => cat([text("-"), self.expr(operand)]),
            ExprKind::Binary { op, .. } => {
                let mut docs = Vec::new();
                let mut broken = false;
                let first = self.chain(expr, op.strength(), &mut docs, &mut broken);
                group(cat([first, indent(cat(docs))]), broken)
            }
            ExprKind::Range { lo, hi } => cat([self.expr(lo), text(".."), self.expr(hi)]),
            ExprKind::Choose { cond, then, otherwise } => self.choose(cond, then, otherwise),
            ExprKind::If { cond, then, otherwise } => self.branch(cond, then, otherwise.as_ref()),
            ExprKind::Match { subject, arms } => self.matching(subject, arms, expr.span),
            ExprKind::List(items) => self.entries(SQUARE, expr.span, items, |item| item.value.span, Self::list_item),
            ExprKind::Comprehension { .. } => self.comprehension(expr),
            ExprKind::Record(entries) => self.entries(BRACES, expr.span, entries, entry_span, Self::record_entry),
            ExprKind::Lambda { params, body } => {
                let names: Vec<&str> = params.iter().map(|name| name.span.text(self.source)).collect();
                let head = match names.as_slice() {
                    [one] => (*one).to_owned(),
                    all => format!("({})", all.join(", ")),
                };
                cat([text(head), text(" => "), self.expr(body)])
            }
            ExprKind::Cast { value, ty, optional } => {
                let word = if *optional { " as? " } else { " as " };
                cat([self.expr(value), text(word), self.ty(ty)])
            }
            ExprKind::Pipe { .. } => self.pipe(expr),
            ExprKind::Claused { value, clauses } => self.claused(value, clauses),
            ExprKind::Paren(inner) => cat([text("("), self.expr(inner), text(")")]),
            _ => self.effect(expr),
        }
    }

    /// Expressions that wait, start or end something, and loops.
    fn effect(&mut self, expr: &Expr) -> Doc {
        match &expr.kind {
            ExprKind::For { var, index, source, parallel, body } => {
                let mut docs = vec![text("for "), self.name(var)];
                if let Some(index) = index {
                    docs.extend([text(", "), self.name(index)]);
                }
                docs.extend([text(" in "), self.expr(source)]);
                if let Some(parallel) = parallel {
                    docs.extend([text(" parallel "), self.expr(parallel)]);
                }
                docs.extend([text(" "), self.block(body)]);
                cat(docs)
            }
            ExprKind::Repeat { var, init, at_most, body } => cat([
                text("repeat "),
                self.name(var),
                text(" = "),
                self.expr(init),
                text(" at most "),
                self.expr(at_most),
                text(" "),
                self.block(body),
            ]),
            ExprKind::Ask { question, ty } => cat([text("ask "), self.expr(question), text(" as "), self.ty(ty)]),
            ExprKind::Receive { event, ty } => cat([text("receive "), self.expr(event), text(" as "), self.ty(ty)]),
            ExprKind::Start { callee, args, delay } => {
                let end = match delay {
                    Some(Delay::After(value) | Delay::At(value)) => value.span.start,
                    None => expr.span.end,
                };
                let place = self.args_span(callee.span.end, end, args);
                let mut docs = vec![text("start "), self.path(callee), self.args(args, place)];
                match delay {
                    Some(Delay::After(value)) => docs.extend([text(" after "), self.expr(value)]),
                    Some(Delay::At(value)) => docs.extend([text(" at "), self.expr(value)]),
                    None => {}
                }
                cat(docs)
            }
            ExprKind::Block(reason) => cat([text("block "), self.expr(reason)]),
            ExprKind::Fail { code: Some(code), message } => {
                cat([text("fail "), self.name(code), text(" "), self.expr(message)])
            }
            ExprKind::Fail { code: None, message } => cat([text("fail "), self.expr(message)]),
            _ => self.slice(expr.span),
        }
    }

    /// Where the parentheses of a call stand when the call does not end with them.
    pub(super) fn args_span(&self, from: u32, to: u32, args: &[Arg]) -> Span {
        let after = args.last().map_or(from, |arg| arg.value.span.end);
        let rest = Span { start: after, end: to }.text(self.source);
        let close = rest.find(')').map_or(to, |at| after + at as u32 + 1);
        Span { start: from, end: close }
    }

    pub(super) fn args(&mut self, args: &[Arg], place: Span) -> Doc {
        let at = place.text(self.source).find('(').unwrap_or(0) as u32;
        let place = Span { start: place.start + at, end: place.end };
        self.entries(PARENS, place, args, arg_span, |layout, arg| match &arg.name {
            Some(name) => cat([layout.name(name), text(": "), layout.expr(&arg.value)]),
            None => layout.expr(&arg.value),
        })
    }

    /// Operators of one strength that group to the left, as one list.
    fn chain(&mut self, expr: &Expr, strength: u8, docs: &mut Vec<Doc>, broken: &mut bool) -> Doc {
        let mut links: Vec<(BinaryOp, Span, &Expr)> = Vec::new();
        let mut at = expr;
        while let ExprKind::Binary { op, op_span, left, right } = &at.kind {
            if op.strength() != strength {
                break;
            }
            links.push((*op, *op_span, right));
            at = left;
        }
        let first = self.expr(at);
        let mut end = at.span.end;
        for (op, op_span, right) in links.into_iter().rev() {
            *broken |= self.breaks_between(end, op_span.start) || self.breaks_between(op_span.end, right.span.start);
            docs.extend([Doc::Line, text(op.word()), text(" "), self.expr(right)]);
            end = right.span.end;
        }
        first
    }

    /// `if c then a else if d then b else e`: one line, or one line a choice.
    fn choose(&mut self, cond: &Expr, then: &Expr, otherwise: &Expr) -> Doc {
        let mut broken = self.breaks_between(then.span.end, otherwise.span.start);
        let head = cat([text("if "), self.choice(cond, then)]);
        let mut docs = Vec::new();
        let mut rest = otherwise;
        while let ExprKind::Choose { cond, then, otherwise } = &rest.kind {
            broken |= self.breaks_between(then.span.end, otherwise.span.start);
            docs.extend([Doc::Line, text("else if "), self.choice(cond, then)]);
            rest = otherwise;
        }
        docs.extend([Doc::Line, text("else "), self.expr(rest)]);
        group(cat([head, indent(cat(docs))]), broken)
    }

    /// `c then a`, broken before `then` only where it is too long for a line.
    fn choice(&mut self, cond: &Expr, then: &Expr) -> Doc {
        let broken = self.breaks_between(cond.span.end, then.span.start);
        let cond = self.expr(cond);
        group(cat([cond, indent(cat([Doc::Line, text("then "), self.expr(then)]))]), broken)
    }

    fn branch(&mut self, cond: &Expr, then: &Block, otherwise: Option<&Block>) -> Doc {
        let mut docs = vec![text("if "), self.expr(cond), text(" "), self.block(then)];
        match otherwise {
            Some(block) if is_else_if(block, self.source) => {
                docs.push(text(" else "));
                if let Some(crate::ast::StepKind::Expr(inner)) = block.steps.first().map(|step| &step.kind) {
                    docs.push(self.expr(inner));
                }
            }
            Some(block) => docs.extend([text(" else "), self.block(block)]),
            None => {}
        }
        cat(docs)
    }

    fn matching(&mut self, subject: &Expr, arms: &[MatchArm], whole: Span) -> Doc {
        let head = cat([text("match "), self.expr(subject), text(" ")]);
        let body = self.arms(arms, Span { start: subject.span.end, end: whole.end }, |arm| arm.span, Self::match_arm);
        cat([head, body])
    }

    /// Arms in braces: on one line where they were, else one a line.
    pub(super) fn arms<T>(
        &mut self,
        arms: &[T],
        place: Span,
        span: fn(&T) -> Span,
        mut one: impl FnMut(&mut Self, &T) -> Doc,
    ) -> Doc {
        let close = place.end.saturating_sub(1);
        let inline = !self.breaks_between(place.start, place.end) && !self.has_comment(place);
        if !inline {
            let opening = self.trail_open(place);
            return cat([text("{"), indent(opening), self.lines(arms, span, close, one), Doc::Hard, text("}")]);
        }
        let mut docs = Vec::new();
        for (at, arm) in arms.iter().enumerate() {
            docs.extend([if at == 0 { nil() } else { Doc::IfFlat(" ") }, Doc::Line, one(self, arm)]);
        }
        if docs.is_empty() {
            return text("{}");
        }
        group(cat([text("{"), indent(cat(docs)), Doc::Line, text("}")]), false)
    }

    /// The comment behind an opening brace somewhere in `place`.
    pub(super) fn trail_open(&mut self, place: Span) -> Doc {
        let at = place.text(self.source).find('{').unwrap_or(0) as u32;
        self.trail(place.start + at + 1)
    }

    fn match_arm(&mut self, arm: &MatchArm) -> Doc {
        let mut docs = match arm.patterns.as_slice() {
            [] => vec![text("else")],
            patterns => vec![self.patterns(patterns)],
        };
        if let Some(guard) = &arm.guard {
            docs.extend([text(" when "), self.expr(guard)]);
        }
        docs.extend([text(" => "), self.arm_body(&arm.body)]);
        cat(docs)
    }

    fn patterns(&mut self, patterns: &[Pattern]) -> Doc {
        let texts: Vec<&str> = patterns.iter().map(|pattern| pattern.span.text(self.source)).collect();
        text(texts.join(" | "))
    }

    pub(super) fn arm_body(&mut self, body: &ArmBody) -> Doc {
        match body {
            ArmBody::Expr(value) => self.expr(value),
            ArmBody::Block(block) => self.block(block),
        }
    }

    fn list_item(&mut self, item: &ListItem) -> Doc {
        cat([if item.spread { text("...") } else { nil() }, self.expr(&item.value)])
    }

    fn record_entry(&mut self, entry: &RecordEntry) -> Doc {
        match entry {
            RecordEntry::Field { name, value: Some(value) } => cat([self.name(name), text(": "), self.expr(value)]),
            RecordEntry::Field { name, value: None } => self.name(name),
            RecordEntry::Spread(value) => cat([text("..."), self.expr(value)]),
        }
    }

    fn comprehension(&mut self, expr: &Expr) -> Doc {
        let ExprKind::Comprehension { value, var, index, source, cond } = &expr.kind else {
            return nil();
        };
        let broken = self.breaks_between(expr.span.start, value.span.start);
        let value = self.expr(value);
        let mut head = vec![Doc::Line, text("for "), self.name(var)];
        if let Some(index) = index {
            head.extend([text(", "), self.name(index)]);
        }
        head.extend([text(" in "), self.expr(source)]);
        if let Some(cond) = cond {
            head.extend([Doc::Line, text("if "), self.expr(cond)]);
        }
        group(cat([text("["), indent(cat([Doc::Soft, value, cat(head)])), Doc::Soft, text("]")]), broken)
    }

    /// A pipeline with all its stages; a line end before a stage stays.
    fn pipe(&mut self, expr: &Expr) -> Doc {
        let mut stages: Vec<(&Stage, u32)> = Vec::new();
        let mut at = expr;
        while let ExprKind::Pipe { value, stage } = &at.kind {
            stages.push((stage, value.span.end));
            at = value;
        }
        let first = self.expr(at);
        let mut docs = Vec::new();
        let mut broken = false;
        for (stage, before) in stages.into_iter().rev() {
            broken |= self.breaks_between(before, stage.span.start);
            docs.extend([Doc::Line, text("|> "), self.stage(stage)]);
        }
        group(cat([first, indent(cat(docs))]), broken)
    }

    fn stage(&mut self, stage: &Stage) -> Doc {
        let check = if stage.check { text("check ") } else { nil() };
        let callee = self.path(&stage.callee);
        let place = Span { start: stage.callee.span.end, end: stage.span.end };
        let has_args = place.start < place.end;
        let args = match has_args && !(stage.check && stage.args.is_empty()) {
            true => self.args(&stage.args, place),
            false if stage.check => nil(),
            false => text("()"),
        };
        cat([check, callee, args])
    }
}

/// Whether an `otherwise` block stands for `else if`.
fn is_else_if(block: &Block, source: &str) -> bool {
    !block.span.text(source).starts_with('{')
}

fn arg_span(arg: &Arg) -> Span {
    arg.name.as_ref().map_or(arg.value.span, |name| name.span.to(arg.value.span))
}

fn entry_span(entry: &RecordEntry) -> Span {
    match entry {
        RecordEntry::Field { name, value } => value.as_ref().map_or(name.span, |value| name.span.to(value.span)),
        RecordEntry::Spread(value) => value.span,
    }
}
