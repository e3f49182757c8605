//! Flows: what goes in, what comes out, what is taken back; calls of them, again where a clause or policy says so.

use super::tools::{delivered, times};
use super::{Frame, Reference, Res, Stop, can_of, wrong};
use crate::value::{D, V, v};
use crate::world::Said;
use weir_lang::ast::*;

fn gives_its_last(role: Role) -> bool {
    matches!(role, Role::Router | Role::Aggregator | Role::Enricher)
}

impl<'a> Reference<'a> {
    pub(super) fn flow(&mut self, flow: &'a Flow, args: Vec<V>, in_saga: bool) -> Res {
        let mut names = Vec::new();
        for (param, arg) in flow.params.iter().zip(args) {
            if Self::must_be_trusted(&param.ty) && arg.deep() {
                return wrong(format!("untrusted data in `{}` of `{}`", param.name.name, flow.name.name));
            }
            let Some(arg) = self.fits(&arg, &param.ty) else { return wrong(format!("argument of {}", flow.name.name)) };
            names.push((param.name.name.to_string(), arg));
        }
        self.can.push(can_of(flow));
        let saga = in_saga || flow.role == Role::Saga;
        let policy = flow.clauses.iter().find_map(|clause| match &clause.kind {
            FlowClauseKind::With(name) => self.policies.get(name.name.as_str()).copied(),
            _ => None,
        });
        let name = flow.name.name.to_string();
        let mut frame = Frame {
            names,
            undos: Vec::new(),
            saga,
            flow: name,
            policy,
            passed: false,
            approvals: Vec::new(),
            sources: Vec::new(),
            chosen: false,
            key: None,
            delivered: None,
        };
        let ended = self.block(&mut frame, &flow.body, &mut Vec::new());
        let ended = match ended {
            // A router and an aggregator give what stands last.
            Ok(value) => Ok(if gives_its_last(flow.role) { value } else { v(D::Null, false) }),
            Err(Stop::Return(value)) => Ok(value),
            Err(stop) => Err(stop),
        };
        let ended = match ended {
            Err(Stop::Fail(_) | Stop::Left) if frame.saga => {
                self.writes.extend(frame.undos.iter().rev().flatten().cloned());
                if frame.undos.iter().any(Option::is_none) { Err(Stop::Left) } else { ended }
            }
            ended => ended,
        };
        self.can.pop();
        // What succeeded is taken back by whoever called it.
        self.passed = frame.passed;
        self.handed = if ended.is_ok() { frame.undos } else { Vec::new() };
        match (ended?, &flow.returns) {
            (_, None) if flow.role == Role::Delivery => {
                Ok(frame.delivered.unwrap_or_else(|| delivered("disabled", None)))
            }
            // What an enricher adds to has not been narrowed.
            (value, Some(ty)) if flow.role == Role::Enricher => {
                self.fits(&value, ty).map_or_else(|| wrong("the returned value"), |_| Ok(value))
            }
            (value, Some(ty)) => self.fits(&value, ty).map_or_else(|| wrong("the returned value"), Ok),
            (_, None) => Ok(v(D::Null, false)),
        }
    }

    /// Calls a flow once.
    pub(super) fn call_flow(&mut self, frame: &mut Frame<'a>, flow: &'a Flow, args: Vec<V>) -> Res {
        let ended = self.flow(flow, args, frame.saga);
        if self.passed {
            frame.passed = true;
            frame.undos.clear();
        }
        if frame.saga && !frame.passed {
            frame.undos.append(&mut self.handed);
        }
        ended
    }

    /// Calls a flow, and again where its own clauses or the policy that it is called with say so.
    pub(super) fn call_flow_again(
        &mut self,
        frame: &mut Frame<'a>,
        flow: &'a Flow,
        args: &[V],
        clauses: &'a [Clause],
        name: Option<&str>,
    ) -> Res {
        let mut retries = 0;
        loop {
            let touches = self.touches;
            let ended = self.call_flow(frame, flow, args.to_vec());
            let Err(Stop::Fail(code)) = &ended else { return ended };
            // Whether it was a read that may have happened, nobody asks.
            let changed = self.touches > touches || self.open;
            let may = !changed || self.changes_nothing_more(flow);
            let (most, end) = self.arm(None, clauses, code).unwrap_or((0, None));
            if may && retries < most && code != "unknown" {
                retries += 1;
                continue;
            }
            match end {
                Some(PolicyEnd::Escalate(page)) if code != "unknown" => {
                    if self.hand_over(page, code, name)? != Said::Again {
                        return ended;
                    }
                }
                _ => return ended,
            }
        }
    }

    /// Whether a flow may be called again: every call in it reads, is idempotent or bears a key that its tool knows.
    fn changes_nothing_more(&self, flow: &Flow) -> bool {
        flow.body.span.text(self.text).lines().all(|line| {
            super::beside::words(line).all(|word| match (self.tools.get(word), self.flows.get(word)) {
                (Some(tool), _) => {
                    let has = |wanted: &str| tool.attrs.iter().any(|attr| format!("{attr:?}").starts_with(wanted));
                    word.starts_with("src.") || has("Idempotent") || (has("AcceptsKey") && line.contains(" key "))
                }
                (None, Some(flow)) => self.changes_nothing_more(flow),
                _ => true,
            })
        })
    }

    /// The first of the call's clauses and the policies that speaks of a code: how often it is retried, and what then.
    pub(super) fn arm(
        &self,
        around: Option<&'a Policy>,
        clauses: &'a [Clause],
        code: &str,
    ) -> Option<(u32, Option<&'a PolicyEnd>)> {
        let transient = ["timeout", "rate_limited", "unavailable"].contains(&code);
        for clause in clauses {
            if let ClauseKind::Retry(retry) = &clause.kind
                && (retry.on.iter().any(|on| on.name == code) || (retry.on.is_empty() && transient))
            {
                return Some((times(retry), None));
            }
        }
        let with = clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::With(name) => self.policies.get(name.name.as_str()).copied(),
            _ => None,
        });
        for policy in with.into_iter().chain(around) {
            let arm = policy.arms.iter().find(|arm| {
                arm.codes.iter().any(|one| one.name == code)
                    || (arm.codes.is_empty() && code != "blocked" && code != "budget")
            });
            if let Some(arm) = arm {
                return Some((arm.retry.as_ref().map_or(0, times), arm.then.as_ref()));
            }
        }
        None
    }
}
