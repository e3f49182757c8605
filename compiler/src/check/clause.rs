//! Clauses behind a call: what each wants, and what the call gives with them.

use super::body::Body;
use super::errors;
use super::ops::join;
use super::outline::core_of;
use super::program::Callee;
use ecow::EcoString;
use rustc_hash::FxHashSet;
use weir_lang::ast::{CatchArm, Clause, ClauseKind, Expr, ExprKind, Ident, Retry};
use weir_lang::types::{Type, fits};

/// The error codes of the language: transient ones first.
pub const CODES: [&str; 12] = [
    "timeout",
    "rate_limited",
    "unavailable",
    "bad_response",
    "invalid_input",
    "permission",
    "not_found",
    "conflict",
    "blocked",
    "budget",
    "unknown",
    "failed",
];

/// Codes that are transient.
pub const TRANSIENT: [&str; 3] = ["timeout", "rate_limited", "unavailable"];

impl Body<'_> {
    /// An expression in a place that takes clauses. `name` is what it will be bound to.
    pub(super) fn infer_claused(&mut self, expr: &Expr, expected: Option<&Type>, name: Option<&Ident>) -> Type {
        let ExprKind::Claused { value, clauses } = &expr.kind else { return self.infer(expr, expected) };
        let ty = self.infer(value, expected);
        let core = core_of(value);
        let raw = self.type_of(core);
        let ty = self.clauses(expr, core, clauses, &raw, ty, expected, name);
        self.checker.set_type(self.module, expr.id, ty.clone());
        ty
    }

    #[allow(clippy::too_many_arguments, reason = "a call, its two types and its clauses belong together")]
    fn clauses(
        &mut self,
        expr: &Expr,
        core: &Expr,
        clauses: &[Clause],
        raw: &Type,
        ty: Type,
        expected: Option<&Type>,
        name: Option<&Ident>,
    ) -> Type {
        if !self.takes_clauses(core) {
            let key = clauses.iter().find(|clause| matches!(clause.kind, ClauseKind::Key { .. }));
            if let (Some(weir_lang::ast::Role::Delivery), Some(key)) = (self.role, key) {
                let loc = self.loc(key.span);
                self.report(errors::missing_key(loc));
                return ty;
            }
            let loc = self.loc(clauses.first().map_or(expr.span, |clause| clause.span));
            let help = "clauses such as `retry`, `timeout` and `fallback` stand behind the call of a tool or flow";
            self.report(errors::invalid_clause(loc, "this is no call, so it takes no clauses", help));
            return ty;
        }
        self.check_reached(clauses);
        let codes = self.tool_codes(core);
        let mut result = ty.clone();
        let wanted = expected.cloned().unwrap_or_else(|| ty.clone());
        for (at, clause) in clauses.iter().enumerate() {
            self.check_place(core, clause, clauses.get(..at).unwrap_or(&[]));
            match &clause.kind {
                ClauseKind::Retry(retry) => self.retry(retry, &codes),
                ClauseKind::Timeout(timeout) => self.duration(timeout, "`timeout`"),
                ClauseKind::With(policy) => self.with_policy(policy, clauses),
                ClauseKind::Catch(arms) => result = self.catch(arms, &codes, &wanted, result),
                ClauseKind::Fallback(value) => {
                    let found = self.infer(value, Some(&wanted));
                    result = join(&result, &found, &self.checker.program.types);
                }
                ClauseKind::Optional => result = result.nullable(),
                ClauseKind::Undo(call) => self.undo(call, raw, &ty, name),
                ClauseKind::Final => {}
                ClauseKind::Key { key, .. } => self.key_value(key),
                ClauseKind::Until { cond, every, within } => {
                    self.until(cond, every.as_ref(), within.as_ref(), raw, &ty, name)
                }
                ClauseKind::From(who) => self.text(who),
            }
        }
        result
    }

    /// Whether clauses make sense behind an expression: it is a call of a tool or flow, or waits for someone.
    fn takes_clauses(&self, core: &Expr) -> bool {
        match &core.kind {
            ExprKind::Call { callee, .. } => !matches!(
                self.checker.program.callee(self.module, callee),
                Some(Callee::Function(_) | Callee::Ambient(_))
            ),
            ExprKind::Pipe { stage, .. } => {
                stage.check
                    || !matches!(
                        self.checker.program.callee(self.module, &stage.callee),
                        Some(Callee::Function(_) | Callee::Ambient(_))
                    )
            }
            ExprKind::Ask { .. } | ExprKind::Receive { .. } | ExprKind::Start { .. } | ExprKind::Error => true,
            _ => false,
        }
    }

    fn check_place(&mut self, core: &Expr, clause: &Clause, before: &[Clause]) {
        let loc = self.loc(clause.span);
        let word = clause_word(&clause.kind);
        if before.iter().any(|other| std::mem::discriminant(&other.kind) == std::mem::discriminant(&clause.kind)) {
            self.report(errors::invalid_clause(loc, format!("`{word}` stands here twice"), "keep one"));
        }
        let fits_here = match (&core.kind, &clause.kind) {
            (ExprKind::Ask { .. }, ClauseKind::From(_)) => true,
            (_, ClauseKind::From(_)) => false,
            (
                ExprKind::Ask { .. },
                ClauseKind::Timeout(_) | ClauseKind::Fallback(_) | ClauseKind::Catch(_) | ClauseKind::Optional,
            ) => true,
            (ExprKind::Ask { .. }, _) => false,
            (
                ExprKind::Receive { .. },
                ClauseKind::Timeout(_)
                | ClauseKind::Fallback(_)
                | ClauseKind::Catch(_)
                | ClauseKind::Optional
                | ClauseKind::Key { .. },
            ) => true,
            (ExprKind::Receive { .. }, _) => false,
            (ExprKind::Start { .. }, ClauseKind::Undo(_) | ClauseKind::Final | ClauseKind::Key { .. }) => true,
            (ExprKind::Start { .. }, _) => false,
            _ => true,
        };
        if !fits_here {
            let help = match &clause.kind {
                ClauseKind::From(_) => "`from` says whom an `ask` asks",
                _ => "take it out",
            };
            let what = match &core.kind {
                ExprKind::Ask { .. } => "`ask`",
                ExprKind::Receive { .. } => "`receive`",
                ExprKind::Start { .. } => "`start`",
                _ => "a call",
            };
            self.report(errors::invalid_clause(loc, format!("{what} takes no `{word}`"), help));
        }
    }

    /// `fallback`, `optional` and a `catch` with `else` each take every failure, so a second one never sees any. (A
    /// policy may still fall back past a `catch`.)
    fn check_reached(&mut self, clauses: &[Clause]) {
        let takes_all = |clause: &&Clause| match &clause.kind {
            ClauseKind::Catch(arms) => arms.iter().any(|arm| arm.codes.is_empty()),
            ClauseKind::Fallback(_) | ClauseKind::Optional => true,
            _ => false,
        };
        let policy = clauses.iter().any(|clause| matches!(clause.kind, ClauseKind::With(_)));
        let mut all =
            clauses.iter().filter(takes_all).filter(|clause| !policy || !matches!(clause.kind, ClauseKind::Catch(_)));
        if let (Some(first), Some(second)) = (all.next(), all.next()) {
            let (loc, first) = (self.loc(second.span), clause_word(&first.kind));
            self.report(errors::unreachable_clause(loc, clause_word(&second.kind), first));
        }
    }

    pub(super) fn duration(&mut self, expr: &Expr, what: &str) {
        let ty = self.infer(expr, Some(&Type::Duration));
        if fits(&ty, &Type::Duration, &self.checker.program.types).is_err() || matches!(ty, Type::Literal(_)) {
            let loc = self.loc(expr.span);
            self.report(errors::not_duration(loc, what, &ty));
        }
    }

    fn retry(&mut self, retry: &Retry, codes: &[EcoString]) {
        self.checker.check_retry(self.module, retry);
        for code in &retry.on {
            self.check_code(code, codes);
        }
    }

    fn with_policy(&mut self, policy: &Ident, clauses: &[Clause]) {
        let Some(found) = self.checker.policy_named(self.module, policy) else { return };
        let falls_back = self.checker.policy_falls_back(found);
        let has = clauses.iter().any(|clause| matches!(clause.kind, ClauseKind::Fallback(_) | ClauseKind::Optional));
        if falls_back && !has {
            let loc = self.loc(policy.span);
            self.report(errors::missing_fallback(loc, &policy.name));
        }
    }

    fn catch(&mut self, arms: &[CatchArm], codes: &[EcoString], wanted: &Type, ty: Type) -> Type {
        let mut result = ty;
        let mut seen: FxHashSet<EcoString> = FxHashSet::default();
        let mut all = false;
        for arm in arms {
            if all {
                let loc = self.loc(arm.span);
                self.report(errors::unreachable_arm(loc, "`else` before it takes every code"));
            }
            for code in &arm.codes {
                self.check_code(code, codes);
                if !seen.insert(code.name.clone()) {
                    let loc = self.loc(code.span);
                    self.report(errors::unreachable_arm(loc, "an arm before it takes this code"));
                }
            }
            all |= arm.codes.is_empty();
            let mark = self.scope.enter();
            if let Some(name) = &arm.binding {
                self.bind(name, Type::Named("Error".into()), true);
            }
            let found = self.arm_body(&arm.body, Some(wanted));
            self.leave(mark);
            result = join(&result, &found, &self.checker.program.types);
        }
        result
    }

    pub(super) fn check_code(&mut self, code: &Ident, own: &[EcoString]) {
        let known = |name: &str| {
            CODES.contains(&name) || own.iter().any(|one| one == name) || self.checker.own_codes.contains(name)
        };
        if known(&code.name) {
            return;
        }
        let loc = self.loc(code.span);
        if code.name == "cancelled" {
            self.report(errors::invalid_clause(
                loc,
                "a cancelled run cannot be caught",
                "take it out: what is done is undone, and the run ends",
            ));
            return;
        }
        let near = self
            .checker
            .near(&code.name, CODES.into_iter().chain(own.iter().map(EcoString::as_str)))
            .map(str::to_string);
        let list = errors::listed(CODES.into_iter().chain(own.iter().map(EcoString::as_str)).map(str::to_owned), " ");
        self.report(errors::unknown_error_code(loc, &code.name, near.as_deref(), &list));
    }

    /// The code of a `fail`: the language's, or one that some tool declares.
    pub(super) fn check_own_code(&mut self, code: &Ident) {
        let declared = self.checker.declared_codes();
        if CODES.contains(&code.name.as_str())
            || declared.contains(&code.name)
            || self.checker.own_codes.contains(&code.name)
        {
            return;
        }
        let loc = self.loc(code.span);
        let near = self
            .checker
            .near(&code.name, CODES.into_iter().chain(declared.iter().map(EcoString::as_str)))
            .map(str::to_string);
        self.report(errors::no_error_code(loc, &code.name, near.as_deref(), &CODES.join(" ")));
    }

    /// Codes that the called tool declares itself.
    fn tool_codes(&self, core: &Expr) -> Vec<EcoString> {
        let callee = match &core.kind {
            ExprKind::Call { callee, .. } => callee,
            ExprKind::Pipe { stage, .. } => &stage.callee,
            _ => return Vec::new(),
        };
        match self.checker.program.callee(self.module, callee) {
            Some(Callee::Tool(tool)) => {
                self.checker.program.tools.get(&tool).map(|tool| tool.codes.clone()).unwrap_or_default()
            }
            // What a flow fails with comes from any tool that it reaches.
            Some(Callee::Flow(_)) => self.checker.declared_codes(),
            _ => Vec::new(),
        }
    }

    /// `undo call(…)`: sees the call's own result as `it`, and the name.
    fn undo(&mut self, call: &Expr, raw: &Type, ty: &Type, name: Option<&Ident>) {
        let mark = self.scope.enter();
        self.bind_result(raw, ty, name);
        self.infer(call, None);
        self.leave(mark);
        let target = core_of(call);
        let fine = match &target.kind {
            ExprKind::Call { callee, .. } => {
                matches!(
                    self.checker.program.callee(self.module, callee),
                    Some(Callee::Tool(_) | Callee::Flow(_)) | None
                )
            }
            _ => matches!(target.kind, ExprKind::Error),
        };
        if !fine {
            let loc = self.loc(call.span);
            self.report(errors::invalid_clause(loc, "`undo` wants the call of a tool or flow", ""));
        }
    }

    fn bind_result(&mut self, raw: &Type, ty: &Type, name: Option<&Ident>) {
        let it: EcoString = "it".into();
        let types = &self.checker.program.types;
        let (raw, ty) = (raw.clone(), ty.non_null(types));
        self.scope.bind(&it, raw, Default::default(), false);
        if let Some(name) = name {
            self.scope.bind(&name.name, ty, name.span, false);
        }
    }

    fn until(
        &mut self,
        cond: &Expr,
        every: Option<&Expr>,
        within: Option<&Expr>,
        raw: &Type,
        ty: &Type,
        name: Option<&Ident>,
    ) {
        let mark = self.scope.enter();
        self.bind_result(raw, ty, name);
        self.condition(cond, "`until`");
        self.leave(mark);
        for (duration, word) in [(every, "`every`"), (within, "`within`")] {
            if let Some(duration) = duration {
                self.duration(duration, word);
            }
        }
    }
}

/// The word that opens a clause.
pub fn clause_word(kind: &ClauseKind) -> &'static str {
    match kind {
        ClauseKind::Retry(_) => "retry",
        ClauseKind::Timeout(_) => "timeout",
        ClauseKind::With(_) => "with",
        ClauseKind::Catch(_) => "catch",
        ClauseKind::Fallback(_) => "fallback",
        ClauseKind::Optional => "optional",
        ClauseKind::Undo(_) => "undo",
        ClauseKind::Final => "final",
        ClauseKind::Key { .. } => "key",
        ClauseKind::Until { .. } => "until",
        ClauseKind::From(_) => "from",
    }
}
