//! Policies: their codes, retries and ends; where one is named.

use super::Checker;
use super::clause::CODES;
use super::errors;
use super::program::{Callee, Entity};
use ecow::EcoString;
use rustc_hash::FxHashSet;
use weir_lang::ast::{Ident, ItemKind, PolicyArm, PolicyEnd, Retry};
use weir_lang::types::{Type, fits};

impl Checker {
    pub(super) fn check_policies(&mut self) {
        for policy in 0..self.program.policies.len() {
            let Some(at) = self.program.policies.get(policy).copied() else { continue };
            let (module, ast) = (at.module, self.program.ast(at.module));
            let Some(ItemKind::Policy(decl)) = ast.items.get(at.item).map(|item| &item.kind) else { continue };
            if let Some(timeout) = &decl.timeout {
                self.constant_ms(module, timeout, "`timeout`");
            }
            let mut seen: FxHashSet<EcoString> = FxHashSet::default();
            let mut all = false;
            for arm in &decl.arms {
                self.check_policy_arm(module, arm, &mut seen, all);
                all |= arm.codes.is_empty();
            }
        }
        self.check_named_policies();
    }

    fn check_policy_arm(&mut self, module: usize, arm: &PolicyArm, seen: &mut FxHashSet<EcoString>, all: bool) {
        let loc = self.program.loc(module, arm.span);
        if all {
            self.report(errors::unreachable_arm(loc, "`else` before it takes every code"));
        }
        for code in &arm.codes {
            let at = self.program.loc(module, code.span);
            let known = CODES.contains(&code.name.as_str()) || self.codes.contains(&code.name);
            if !known && !self.own_codes.contains(&code.name) {
                let near = errors::nearest(&code.name, CODES).map(str::to_string);
                self.report(errors::no_error_code(at, &code.name, near.as_deref(), &CODES.join(" ")));
            }
            if !seen.insert(code.name.clone()) {
                self.report(errors::unreachable_arm(at, "an arm before it takes this code"));
            }
        }
        if let Some(retry) = &arm.retry {
            self.check_retry(module, retry);
        }
        if let Some(PolicyEnd::Escalate(path)) = &arm.then {
            let at = self.program.loc(module, path.span);
            match self.program.callee(module, path) {
                Some(Callee::Flow(flow)) => {
                    let error = Type::Named("Error".into());
                    let fine = self.program.flows.get(flow).is_some_and(|decl| match decl.params.as_slice() {
                        [only] => fits(&error, &only.ty, &self.program.types).is_ok(),
                        _ => false,
                    });
                    if !fine {
                        let message = format!("`escalate` calls `{}` with `error: Error`", path.text());
                        self.report(errors::invalid_clause(at, message, "give it this one parameter"));
                    }
                }
                _ => {
                    let flows = self.program.flows.iter().map(|flow| flow.name.as_str());
                    let near = self.near(&path.text(), flows).map(str::to_string);
                    self.report(errors::unknown_flow(at, &path.text(), near.as_deref()));
                }
            }
        }
    }

    /// Count and delays of a `retry` are constants in their bounds.
    pub(super) fn check_retry(&mut self, module: usize, retry: &Retry) {
        if let Some(count) = &retry.count {
            match self.program.constant_int(module, count) {
                Some(0..=1000) => {}
                Some(_) => {
                    let loc = self.program.loc(module, count.span);
                    self.report(
                        errors::invalid_constant(loc, "`retry` counts from 0 to 1000").help("or write `retry forever`"),
                    );
                }
                None => {
                    let loc = self.program.loc(module, count.span);
                    self.report(errors::not_constant(loc, "the count of `retry`"));
                }
            }
        }
        if let Some((lo, hi)) = &retry.backoff {
            let bounds = (self.constant_ms(module, lo, "`backoff`"), self.constant_ms(module, hi, "`backoff`"));
            if let (Some(lo_ms), Some(hi_ms)) = bounds
                && lo_ms > hi_ms
            {
                let loc = self.program.loc(module, lo.span.to(hi.span));
                self.report(errors::invalid_constant(loc, "`backoff` goes from the shorter to the longer delay"));
            }
        }
    }

    /// The policy that a `with` names; reported when there is none.
    pub(super) fn policy_named(&mut self, module: usize, name: &Ident) -> Option<usize> {
        if let Some(Entity::Policy(place)) = self.program.entity(module, &name.name) {
            return Some(*place);
        }
        if matches!(self.program.entity(module, &name.name), Some(Entity::Type(full)) if full.is_empty()) {
            return None;
        }
        let places = 0..self.program.policies.len();
        let known = places.filter_map(|place| self.program.policy_ast(place)).map(|(_, one)| one.name.name.as_str());
        let near = self.near(&name.name, known).map(str::to_string);
        let loc = self.program.loc(module, name.span);
        self.report(errors::unknown_policy(loc, &name.name, near.as_deref()));
        None
    }

    pub(super) fn policy_names(&self) -> Vec<EcoString> {
        let places = 0..self.program.policies.len();
        places.filter_map(|place| self.program.policy_ast(place)).map(|(_, policy)| policy.name.name.clone()).collect()
    }

    /// Whether a policy sends any code to the call's `fallback`.
    pub(super) fn policy_falls_back(&self, policy: usize) -> bool {
        let Some((_, decl)) = self.program.policy_ast(policy) else { return false };
        decl.arms.iter().any(|arm| matches!(arm.then, Some(PolicyEnd::Fallback)))
    }
}

impl super::program::Program {
    /// The policy that a name stands for in a module.
    pub fn policy_of(&self, module: usize, name: &str) -> Option<usize> {
        match self.entity(module, name)? {
            Entity::Policy(place) => Some(*place),
            _ => None,
        }
    }

    /// A policy by its own name, in whichever module.
    pub fn policy_by_name(&self, name: &str) -> Option<usize> {
        let named = |place: &usize| self.policy_ast(*place).is_some_and(|(_, decl)| decl.name.name == name);
        (0..self.policies.len()).find(named)
    }
}
