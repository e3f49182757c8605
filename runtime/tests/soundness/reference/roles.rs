//! What only an aggregator does.

use super::{Frame, Reference, Res, wrong};
use crate::value::{D, V, v};
use weir_lang::ast::*;

impl<'a> Reference<'a> {
    /// One list of many, one element a key: the source that is preferred first wins.
    pub(super) fn merge(&mut self, frame: &mut Frame<'a>, key: &'a Expr, prefer: &[Ident]) -> Res {
        let ExprKind::Lambda { params, body } = &key.kind else { return wrong("no lambda") };
        let mut order: Vec<String> = prefer.iter().map(|name| name.name.to_string()).collect();
        let others = frame.sources.iter().filter(|name| !order.contains(name)).cloned().collect::<Vec<_>>();
        order.extend(others);
        let (mut out, mut keys, mut t): (Vec<V>, Vec<V>, bool) = (Vec::new(), Vec::new(), false);
        for source in order {
            let Some((_, list)) = frame.names.iter().find(|(name, _)| *name == source).cloned() else {
                return wrong(format!("no source {source}"));
            };
            if list.d == D::Null {
                continue;
            }
            t |= list.t;
            for item in list.list()?.clone() {
                frame.names.push((params[0].name.to_string(), item.clone()));
                let key = self.pure(frame, body);
                frame.names.pop();
                let key = key?;
                // Which of two stays, an untrusted key says.
                t |= key.deep();
                if !keys.iter().any(|had| had.json() == key.json()) {
                    out.push(item.tainted(list.t || key.deep()));
                    keys.push(key);
                }
            }
        }
        Ok(v(D::List(out), t))
    }
}
