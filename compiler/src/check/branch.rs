//! `if`, `match`, `for`, `repeat`: what their blocks know and what they give.

use super::body::Body;
use super::errors;
use super::ops::{join, join_all};
use super::scope::path_of;
use super::types::literal_type;
use rust_decimal::Decimal;
use rustc_hash::FxHashSet;
use weir_lang::ast::{ArmBody, Block, Expr, ExprKind, Ident, Lit, MatchArm, Pattern, PatternKind};
use weir_lang::span::Span;
use weir_lang::types::{Literal, Range, Type, fits};

impl Body<'_> {
    pub(super) fn if_blocks(
        &mut self,
        cond: &Expr,
        then: &Block,
        otherwise: Option<&Block>,
        expected: Option<&Type>,
    ) -> Type {
        self.condition(cond, "`if`");
        let yes = self.branch(cond, true, then, expected);
        let no = match otherwise {
            Some(block) => self.branch(cond, false, block, expected),
            None => Type::Null,
        };
        join(&yes, &no, &self.checker.program.types)
    }

    fn branch(&mut self, cond: &Expr, holds: bool, block: &Block, expected: Option<&Type>) -> Type {
        let mark = self.scope.enter();
        let facts = self.facts(cond, holds);
        self.assume(cond.span, facts);
        let result = self.steps(block, expected);
        self.leave(mark);
        if result.leaves { Type::Never } else { result.value }
    }

    pub(super) fn match_arms(
        &mut self,
        span: Span,
        subject: &Expr,
        arms: &[MatchArm],
        expected: Option<&Type>,
    ) -> Type {
        let ty = self.infer_claused(subject, None, None);
        let mut left = ty.clone();
        let mut results = Vec::new();
        let mut met = Met::default();
        for (at, arm) in arms.iter().enumerate() {
            if matches!(left, Type::Never) {
                let loc = self.loc(arm.span);
                let found = errors::unreachable_arm(loc, "the arms before it take every case");
                let before = at.checked_sub(1).and_then(|before| arms.get(before)).map(|before| before.span.end);
                self.report(match before {
                    Some(start) => {
                        let gone = self.loc(Span { start, end: arm.span.end });
                        found.fix("take the arm out", vec![(gone, String::new())])
                    }
                    None => found,
                });
            }
            self.check_patterns(&ty, &left, arm, &met);
            let mark = self.scope.enter();
            let taken = self.taken(&ty, &left, &arm.patterns);
            self.assume_subject(subject, &taken, &arm.patterns);
            if let Some(guard) = &arm.guard {
                self.condition(guard, "`when`");
                let facts = self.facts(guard, true);
                self.assume(guard.span, facts);
            }
            results.push(self.arm_body(&arm.body, expected));
            self.leave(mark);
            if arm.guard.is_none() {
                arm.patterns.iter().for_each(|pattern| met.add(pattern));
                left = self.remaining(&left, &arm.patterns);
            }
        }
        self.check_exhaustive(span, &left, arms);
        join_all(results, &self.checker.program.types)
    }

    /// The value of an arm; [`Type::Never`] when it always leaves.
    pub(super) fn arm_body(&mut self, body: &ArmBody, expected: Option<&Type>) -> Type {
        match body {
            ArmBody::Expr(expr) => self.infer_claused(expr, expected, None),
            ArmBody::Block(block) => {
                let result = self.block(block, expected);
                if result.leaves { Type::Never } else { result.value }
            }
        }
    }

    fn check_patterns(&mut self, ty: &Type, left: &Type, arm: &MatchArm, met: &Met) {
        for pattern in &arm.patterns {
            let literal = pattern_type(pattern);
            let types = &self.checker.program.types;
            let possible = matches!(types.head(ty), Type::Json | Type::Broken)
                || types.members(ty).iter().any(|member| fits(&literal, &member.base(), types).is_ok());
            let loc = self.loc(pattern.span);
            if !possible {
                let message = format!("`match` on `{}` can never meet `{literal}`", errors::brief(ty));
                self.report(weir_lang::diagnostic::Diagnostic::new(weir_lang::rules::Rule::TypeMismatch, loc, message));
            } else if !matches!(left, Type::Never) && (met.has(pattern) || !self.still_possible(left, pattern)) {
                let why = if met.has(pattern) || self.still_possible(ty, pattern) {
                    "an arm before it takes this case"
                } else {
                    "the value is never that"
                };
                self.report(errors::unreachable_arm(loc, why));
            }
        }
    }

    fn still_possible(&self, left: &Type, pattern: &Pattern) -> bool {
        let types = &self.checker.program.types;
        let literal = pattern_type(pattern);
        types.members(left).into_iter().any(|member| match member {
            Type::Literal(_) | Type::Null if matches!(pattern.kind, PatternKind::Lit(_)) => *member == literal,
            Type::Bool | Type::Json | Type::Broken => true,
            other => fits(&literal, &other.base(), types).is_ok(),
        })
    }

    /// What the subject is in an arm.
    fn taken(&self, ty: &Type, left: &Type, patterns: &[Pattern]) -> Type {
        if patterns.is_empty() {
            return left.clone();
        }
        let plain = patterns.iter().all(|pattern| matches!(pattern.kind, PatternKind::Lit(_)));
        if plain { Type::union(patterns.iter().map(pattern_type)) } else { ty.non_null(&self.checker.program.types) }
    }

    fn assume_subject(&mut self, subject: &Expr, taken: &Type, patterns: &[Pattern]) {
        let mut facts = Vec::new();
        if let Some(path) = path_of(subject) {
            facts.push((path, taken.clone()));
        }
        if let ExprKind::Field { base, name, .. } = &subject.unparen().kind
            && let Some(path) = path_of(base)
        {
            let base_ty = self.type_of(base);
            let types = &self.checker.program.types;
            let members = types.members(taken);
            let narrowed = if patterns.is_empty() {
                members
                    .iter()
                    .map(|member| self.narrow_by_field(&base_ty, &name.name, member, true))
                    .collect::<Vec<_>>()
            } else {
                patterns
                    .iter()
                    .map(|pattern| self.narrow_by_field(&base_ty, &name.name, &pattern_type(pattern), true))
                    .collect()
            };
            if !narrowed.is_empty() {
                facts.push((path, Type::union(narrowed)));
            }
        }
        self.assume(subject.span, facts);
    }

    /// What is left after an arm without guard.
    fn remaining(&self, left: &Type, patterns: &[Pattern]) -> Type {
        if patterns.is_empty() {
            return Type::Never;
        }
        let mut left = left.clone();
        for pattern in patterns {
            left = match &pattern.kind {
                PatternKind::Lit(Lit::Int(value)) => self.without_range(&left, *value, *value),
                PatternKind::Range(Lit::Int(lo), Lit::Int(hi)) => self.without_range(&left, *lo, *hi),
                PatternKind::Range(..) => left,
                PatternKind::Lit(_) => self.without(&left, &pattern_type(pattern)),
            };
        }
        left
    }

    fn without(&self, left: &Type, literal: &Type) -> Type {
        match literal {
            Type::Null => left.non_null(&self.checker.program.types),
            _ => self.narrow_literal(left, literal, false),
        }
    }

    /// What is left of ints without `lo..=hi`: a bounded int falls into the parts on both sides.
    fn without_range(&self, left: &Type, lo: i64, hi: i64) -> Type {
        let types = &self.checker.program.types;
        let (from, to) = (Decimal::from(lo), Decimal::from(hi));
        let mut kept = Vec::new();
        for member in types.members(left) {
            match member {
                Type::Literal(Literal::Int(value)) if (lo..=hi).contains(value) => {}
                Type::Int(Range { lo: Some(least), hi: Some(most) }) => {
                    let sides = [(*least, (*most).min(from - Decimal::ONE)), ((*least).max(to + Decimal::ONE), *most)];
                    let sides = sides.into_iter().filter(|(lo, hi)| lo <= hi);
                    kept.extend(sides.map(|(lo, hi)| Type::Int(Range { lo: Some(lo), hi: Some(hi) })));
                }
                other => kept.push(other.clone()),
            }
        }
        Type::union(kept)
    }

    fn check_exhaustive(&mut self, span: Span, left: &Type, arms: &[MatchArm]) {
        let types = &self.checker.program.types;
        let missing: Vec<String> = types
            .members(left)
            .into_iter()
            .filter(|member| !matches!(member, Type::Never | Type::Broken))
            .map(|member| match member {
                Type::Literal(_) | Type::Null | Type::Bool => member.to_string(),
                Type::Int(Range { lo: Some(lo), hi: Some(hi) }) if lo == hi => lo.to_string(),
                Type::Int(Range { lo: Some(lo), hi: Some(hi) }) => format!("{lo}..{hi}"),
                other => format!("any other {}", errors::brief(other)),
            })
            .collect();
        if !missing.is_empty() {
            let loc = self.loc(weir_lang::span::Span { start: span.start, end: (span.start + 5).min(span.end) });
            let literal = |member: &&Type| matches!(member, Type::Literal(_) | Type::Null);
            let literals = types.members(left).into_iter().filter(literal).count() == missing.len();
            let found = errors::not_exhaustive(loc, &missing);
            self.report(match arms.last() {
                Some(last) => {
                    let end = self.loc(Span { start: last.span.end, end: last.span.end });
                    let indent = self.checker.indent_of(self.loc(last.span));
                    let arm = |pattern: &str| format!("\n{indent}{pattern} => fail \"this case is not handled yet\"");
                    let text = if literals { missing.iter().map(|one| arm(one)).collect() } else { arm("else") };
                    found.fix("add what is missing, failing for now", super::fixes::insert(end, text))
                }
                None => found,
            });
        }
    }

    pub(super) fn for_loop(
        &mut self,
        var: &Ident,
        index: Option<&Ident>,
        source: &Expr,
        parallel: Option<&Expr>,
        body: &Block,
        expected: Option<&Type>,
    ) -> Type {
        let element = self.element_of(source, "`for … in`");
        if let Some(parallel) = parallel {
            let at_least_one = weir_lang::types::Range { lo: Some(rust_decimal::Decimal::ONE), hi: None };
            self.expect(parallel, &Type::Int(at_least_one), "`parallel`");
        }
        let mark = self.scope.enter();
        self.bind(var, element, false);
        if let Some(index) = index {
            self.bind(index, Type::INT, true);
        }
        let done = self.loop_body(body, false, expected);
        self.leave(mark);
        Type::list(join_all(done.yields, &self.checker.program.types))
    }

    fn loop_body(&mut self, body: &Block, repeat: bool, expected: Option<&Type>) -> super::body::Loop {
        let expected = expected.and_then(|expected| self.element(expected));
        self.loops.push(super::body::Loop { repeat, expected, ..Default::default() });
        let mark = self.scope.enter();
        self.steps(body, None);
        self.leave(mark);
        self.loops.pop().unwrap_or_default()
    }

    /// The state's type is what `init` and every `next` have in common. A round that finds that it is wider is
    /// done again, and what it said is forgotten; the type is kept for loops that stand in such rounds.
    pub(super) fn repeat_loop(
        &mut self,
        expr: &Expr,
        var: &Ident,
        init: &Expr,
        at_most: &Expr,
        body: &Block,
        expected: Option<&Type>,
    ) -> Type {
        let init = self.infer_claused(init, None, None).widened();
        self.expect(at_most, &Type::INT, "`at most`");
        let known = self.checker.states.get(&(self.module, expr.id)).cloned();
        let mut state = known.map_or(init.clone(), |known| join(&init, &known, &self.checker.program.types));
        for round in 0.. {
            let said = self.checker.said();
            let done = self.repeat_round(var, &state, body, expected);
            let types = &self.checker.program.types;
            let joined = done.next.iter().fold(state.clone(), |joined, ty| join(&joined, &ty.widened(), types));
            if joined == state || round == 4 {
                self.checker.states.insert((self.module, expr.id), state);
                return Type::list(join_all(done.yields, types));
            }
            self.checker.unsay(said);
            state = joined;
        }
        Type::Broken
    }

    fn repeat_round(&mut self, var: &Ident, state: &Type, body: &Block, expected: Option<&Type>) -> super::body::Loop {
        let mark = self.scope.enter();
        self.bind(var, state.clone(), false);
        let done = self.loop_body(body, true, expected);
        self.leave(mark);
        done
    }
}

/// What the arms before take whatever else there is: on a type without end nothing is ever used up.
#[derive(Default)]
struct Met {
    literals: FxHashSet<Type>,
    ranges: Vec<(i64, i64)>,
}

impl Met {
    fn add(&mut self, pattern: &Pattern) {
        match &pattern.kind {
            PatternKind::Lit(_) => drop(self.literals.insert(pattern_type(pattern))),
            PatternKind::Range(Lit::Int(lo), Lit::Int(hi)) => self.ranges.push((*lo, *hi)),
            PatternKind::Range(..) => {}
        }
    }

    fn has(&self, pattern: &Pattern) -> bool {
        let within = |least: i64, most: i64| self.ranges.iter().any(|(lo, hi)| *lo <= least && most <= *hi);
        match &pattern.kind {
            PatternKind::Lit(Lit::Int(value)) if within(*value, *value) => true,
            PatternKind::Lit(_) => self.literals.contains(&pattern_type(pattern)),
            PatternKind::Range(Lit::Int(lo), Lit::Int(hi)) => within(*lo, *hi),
            PatternKind::Range(..) => false,
        }
    }
}

fn pattern_type(pattern: &Pattern) -> Type {
    match &pattern.kind {
        PatternKind::Lit(lit) => literal_type(lit),
        PatternKind::Range(lo, _) => literal_type(lo).base(),
    }
}
