//! Calls: of flows, of tools, of the few functions that programs use; and what catches their failures.

use super::{Frame, Reference, Res, Stop, wrong};
use crate::value::{D, V, v};
use weir_lang::ast::*;

impl<'a> Reference<'a> {
    pub(super) fn args(&mut self, frame: &mut Frame<'a>, args: &'a [Arg]) -> Result<Vec<(Option<String>, V)>, Stop> {
        let mut out = Vec::new();
        for arg in args {
            out.push((arg.name.as_ref().map(|name| name.name.to_string()), self.pure(frame, &arg.value)?));
        }
        Ok(out)
    }

    pub(super) fn call(
        &mut self,
        frame: &mut Frame<'a>,
        expr: &'a Expr,
        clauses: &'a [Clause],
        name: Option<&str>,
    ) -> Res {
        let ExprKind::Call { callee, args } = &expr.kind else { return wrong("no call") };
        let callee = callee.text().to_string();
        let given = self.args(frame, args)?;
        if let Some(flow) = self.flows.get(callee.as_str()).copied() {
            let args: Vec<V> = given.into_iter().map(|(_, value)| value).collect();
            let value = self.call_flow_again(frame, flow, &args, clauses, name)?;
            if clauses.iter().any(|clause| matches!(clause.kind, ClauseKind::Final)) {
                frame.passed = true;
                frame.undos.clear();
            }
            return Ok(value);
        }
        if let Some(tool) = self.tools.get(&callee).copied() {
            return self.tool(frame, tool, &callee, given, clauses, name);
        }
        let x = &given[0].1;
        Ok(match callee.as_str() {
            "len" => match &x.d {
                D::List(items) => v(D::Int(i64::try_from(items.len()).unwrap()), x.t),
                _ => v(D::Int(i64::try_from(x.str()?.chars().count()).unwrap()), x.t),
            },
            "lower" => v(D::Str(x.str()?.to_lowercase()), x.deep()),
            "first" => x.list()?.first().cloned().unwrap_or(v(D::Null, false)).tainted(x.t),
            "take" => {
                let count = usize::try_from(given[1].1.int()?).unwrap_or(0);
                v(D::List(x.list()?.iter().take(count).cloned().collect()), x.t).tainted(given[1].1.deep())
            }
            "reverse" => v(D::List(x.list()?.iter().rev().cloned().collect()), x.t),
            "max" => {
                let found = x.list()?.iter().max_by_key(|it| it.int().unwrap_or(0)).cloned();
                found.unwrap_or(v(D::Null, false)).tainted(x.deep())
            }
            other => return wrong(format!("no function {other}")),
        })
    }

    pub(super) fn claused(
        &mut self,
        frame: &mut Frame<'a>,
        value: &'a Expr,
        clauses: &'a [Clause],
        name: Option<&str>,
        caught: &std::cell::Cell<bool>,
    ) -> Res {
        let is_tool =
            matches!(&value.kind, ExprKind::Call { callee, .. } if self.tools.contains_key(callee.text().as_str()));
        let result = match &value.kind {
            ExprKind::Ask { question, ty } => self.ask(frame, question, ty),
            ExprKind::Receive { event, ty } => self.receive(frame, event, ty, clauses),
            _ => self.call(frame, value, clauses, name),
        };
        let Err(Stop::Fail(code)) = &result else { return result };
        let by_name = ["blocked", "budget", "unknown"].contains(&code.as_str());
        let mut handlers: Vec<(Vec<String>, Option<&'a Expr>)> = Vec::new();
        for clause in clauses {
            match &clause.kind {
                ClauseKind::Catch(arms) => {
                    for arm in arms {
                        let ArmBody::Expr(body) = &arm.body else { continue };
                        handlers.push((arm.codes.iter().map(|code| code.name.to_string()).collect(), Some(body)));
                    }
                }
                ClauseKind::Fallback(body) => handlers.push((Vec::new(), Some(body))),
                ClauseKind::Optional => handlers.push((Vec::new(), None)),
                _ => {}
            }
        }
        for (codes, body) in handlers {
            if codes.contains(code) || (codes.is_empty() && !by_name) {
                caught.set(true);
                self.torn |= !self.beside.is_empty();
                return body.map_or(Ok(v(D::Null, false)), |body| self.pure(frame, body));
            }
        }
        if code == "unknown" && is_tool { Err(Stop::Attention) } else { result }
    }
}

/// Whether this calls a tool.
pub(super) fn is_call(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Call { callee, .. } if callee.parts.len() == 2)
}
