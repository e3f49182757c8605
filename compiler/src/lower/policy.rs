//! What a failure leads to: the call's own clauses, then the flow's policy, the tool's, the project's, the default.

use super::exprs::Site;
use super::steps::FlowBody;
use crate::check::TRANSIENT;
use crate::check::program::{Callee, Entity};
use crate::plan::{PolicyArmPlan, PolicyEndPlan, RetryPlan, Target};
use weir_lang::ast::{Clause, ClauseKind, FlowClauseKind, PolicyEnd, Retry};
use weir_stdlib::pure::Pure;
use weir_stdlib::value::{Data, Value};

/// Retries of a call that may be repeated when nothing else is said.
const DEFAULT: RetryPlan = RetryPlan { count: Some(3), lo_ms: 200, hi_ms: 30_000, only_if_not_happened: false };

impl FlowBody<'_, '_> {
    /// The merged policy of a call: the first arm that names a code counts.
    pub(super) fn policy(&mut self, target: &Target, clauses: &[Clause]) -> Vec<PolicyArmPlan> {
        let repeatable = self.repeatable(target, clauses);
        let mut arms = Vec::new();
        for clause in clauses {
            if let ClauseKind::Retry(retry) = &clause.kind {
                let codes = match retry.on.is_empty() {
                    true => TRANSIENT.iter().map(|code| (*code).into()).collect(),
                    false => retry.on.iter().map(|code| code.name.clone()).collect(),
                };
                let retry = self.retry(retry);
                arms.push(PolicyArmPlan { codes, retry: Some(retry), then: PolicyEndPlan::Fail });
            }
        }
        for policy in self.policies(target, clauses) {
            self.policy_arms(policy, &mut arms);
        }
        if matches!(target, Target::Tool { .. }) {
            let codes = TRANSIENT.iter().map(|code| (*code).into()).collect();
            arms.push(PolicyArmPlan { codes, retry: Some(DEFAULT), then: PolicyEndPlan::Fail });
        }
        for retry in arms.iter_mut().filter_map(|arm| arm.retry.as_mut()) {
            retry.only_if_not_happened = !repeatable;
        }
        arms
    }

    /// The nearest policy's timeout.
    pub(super) fn policy_timeout(&mut self, target: &Target, clauses: &[Clause]) -> Option<Pure> {
        let program = self.lower.program;
        let ms = self.policies(target, clauses).into_iter().find_map(|policy| {
            let (module, decl) = program.policy_ast(policy)?;
            program.constant_ms(module, decl.timeout.as_ref()?)
        })?;
        Some(Pure::Const(Value::new(Data::Duration(i64::try_from(ms).unwrap_or(i64::MAX)))))
    }

    /// Named policies that hold for a call, nearest first.
    fn policies(&mut self, target: &Target, clauses: &[Clause]) -> Vec<usize> {
        let program = self.lower.program;
        let module = self.module();
        let named = |name: &str| match program.entity(module, name) {
            Some(Entity::Policy(place)) => Some(*place),
            _ => None,
        };
        let mut out = Vec::new();
        out.extend(clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::With(policy) => named(&policy.name),
            _ => None,
        }));
        if !matches!(target, Target::Tool { .. }) {
            return out;
        }
        out.extend(self.flow_clauses().iter().find_map(|clause| match &clause.kind {
            FlowClauseKind::With(policy) => named(&policy.name),
            _ => None,
        }));
        if let Target::Tool { tool, .. } = target {
            let own = program.tools.get(tool).and_then(|tool| tool.policy.as_ref());
            out.extend(own.and_then(|name| program.policy_by_name(name)));
        }
        let project = self.lower.checked.config.project.policy.as_ref();
        out.extend(project.and_then(|name| program.policy_by_name(name)));
        out
    }

    fn policy_arms(&mut self, policy: usize, arms: &mut Vec<PolicyArmPlan>) {
        let Some((module, decl)) = self.lower.program.policy_ast(policy) else { return };
        for arm in &decl.arms {
            let then = match &arm.then {
                Some(PolicyEnd::Fallback) => PolicyEndPlan::Fallback,
                Some(PolicyEnd::Escalate(path)) => match self.lower.program.callee(module, path) {
                    Some(Callee::Flow(flow)) => PolicyEndPlan::Escalate(self.lower.flow(flow)),
                    _ => PolicyEndPlan::Fail,
                },
                Some(PolicyEnd::Fail) | None => PolicyEndPlan::Fail,
            };
            let retry = arm.retry.as_ref().map(|retry| self.retry_in(module, retry));
            arms.push(PolicyArmPlan { codes: arm.codes.iter().map(|code| code.name.clone()).collect(), retry, then });
        }
    }

    fn retry(&mut self, retry: &Retry) -> RetryPlan {
        let module = self.module();
        self.retry_in(module, retry)
    }

    fn retry_in(&self, module: usize, retry: &Retry) -> RetryPlan {
        let program = self.lower.program;
        let count = retry
            .count
            .as_ref()
            .map(|count| program.constant_int(module, count).and_then(|count| u32::try_from(count).ok()).unwrap_or(0));
        let (lo, hi) = match &retry.backoff {
            Some((lo, hi)) => (program.constant_ms(module, lo), program.constant_ms(module, hi)),
            None => (None, None),
        };
        RetryPlan {
            count,
            lo_ms: lo.unwrap_or(DEFAULT.lo_ms),
            hi_ms: hi.unwrap_or(DEFAULT.hi_ms),
            only_if_not_happened: false,
        }
    }
}
