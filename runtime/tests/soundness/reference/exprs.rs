//! Expressions: what a value is, and whether an outsider may have written it.

use super::calls::is_call;
use super::{Frame, Reference, Res, Stop, wrong};
use crate::value::{D, V, v};
use std::collections::BTreeMap;
use weir_lang::ast::*;

impl<'a> Reference<'a> {
    pub fn pure(&mut self, frame: &mut Frame<'a>, expr: &'a Expr) -> Res {
        self.expr(frame, expr, &mut Vec::new(), None)
    }

    pub(super) fn expr(
        &mut self,
        frame: &mut Frame<'a>,
        expr: &'a Expr,
        yields: &mut Vec<V>,
        name: Option<&str>,
    ) -> Res {
        Ok(match &expr.kind {
            ExprKind::Paren(inner) => self.expr(frame, inner, yields, name)?,
            ExprKind::Lit(lit) => v(
                match lit {
                    Lit::Null => D::Null,
                    Lit::Bool(it) => D::Bool(*it),
                    Lit::Int(it) => D::Int(*it),
                    Lit::String(it) => D::Str(it.to_string()),
                    other => return wrong(format!("{other:?}")),
                },
                false,
            ),
            ExprKind::Template(parts) => {
                let (mut text, mut t) = (String::new(), false);
                for part in parts {
                    match part {
                        Part::Text(it) => text += it,
                        Part::Expr(it) => {
                            let it = self.pure(frame, it)?;
                            t |= it.deep();
                            match &it.d {
                                D::Str(it) => text += it,
                                D::Int(it) => text += &it.to_string(),
                                other => return wrong(format!("{other:?} in a text")),
                            }
                        }
                    }
                }
                v(D::Str(text), t)
            }
            ExprKind::Name(name) => {
                let found = frame.names.iter().rev().chain(&self.consts).find(|(known, _)| known == name.name.as_str());
                match found {
                    Some((_, value)) => value.clone(),
                    None => return wrong(format!("no name {}", name.name)),
                }
            }
            ExprKind::Field { base, name: field, .. } if is_call(base) => {
                self.call(frame, base, &[], name)?.field(&field.name)?
            }
            ExprKind::Field { base, name, .. } => self.pure(frame, base)?.field(&name.name)?,
            ExprKind::Index { base, index } => {
                let (base, index) = (self.pure(frame, base)?, self.pure(frame, index)?);
                let (items, at) = (base.list()?, index.int()?);
                let at = if at < 0 { at + i64::try_from(items.len()).unwrap() } else { at };
                let found = usize::try_from(at).ok().and_then(|at| items.get(at)).cloned();
                found.unwrap_or(v(D::Null, false)).tainted(base.t || index.deep())
            }
            ExprKind::Unary { op: UnaryOp::Not, operand } => {
                let it = self.pure(frame, operand)?;
                v(D::Bool(!it.bool()?), it.deep())
            }
            ExprKind::Binary { op, left, right, .. } => self.binary(frame, *op, left, right)?,
            ExprKind::Choose { cond, then, otherwise } => {
                let cond = self.pure(frame, cond)?;
                let taken = if cond.bool()? { then } else { otherwise };
                self.pure(frame, taken)?.tainted(cond.deep())
            }
            ExprKind::Match { subject, arms } => {
                let subject = self.pure(frame, subject)?;
                let text = subject.str()?.to_owned();
                let arm = arms.iter().find(|arm| {
                    format!("{:?}", arm.patterns).contains(&format!("{text:?}")) || arm.patterns.is_empty()
                });
                match arm.map(|arm| &arm.body) {
                    Some(ArmBody::Expr(body)) => self.pure(frame, body)?.tainted(subject.deep()),
                    _ => return wrong("no arm"),
                }
            }
            ExprKind::List(items) => {
                let mut out = Vec::new();
                for item in items {
                    out.push(self.pure(frame, &item.value)?);
                }
                v(D::List(out), false)
            }
            ExprKind::Record(entries) => {
                let mut out = BTreeMap::new();
                for entry in entries {
                    if let RecordEntry::Spread(of) = entry {
                        let of = self.pure(frame, of)?;
                        let D::Rec(fields) = of.d else { return wrong("a spread of no record") };
                        out.extend(fields.into_iter().map(|(name, it)| (name, it.tainted(of.t))));
                        continue;
                    }
                    let RecordEntry::Field { name, value: Some(value) } = entry else { return wrong("entry") };
                    out.insert(name.name.to_string(), self.pure(frame, value)?);
                }
                v(D::Rec(out), false)
            }
            ExprKind::Comprehension { value, var, source, cond, .. } => {
                let source = self.pure(frame, source)?;
                let (mut out, mut t) = (Vec::new(), source.t);
                for item in source.list()?.clone() {
                    // Every element comes: only their number is the list's own.
                    frame.names.push((var.name.to_string(), item));
                    let keep = match cond {
                        Some(cond) => self.pure(frame, cond),
                        None => Ok(v(D::Bool(true), false)),
                    };
                    let made = keep.and_then(|keep| Ok((keep.bool()?, keep.deep(), self.pure(frame, value)?)));
                    frame.names.pop();
                    let (keep, chosen, made) = made?;
                    t |= chosen;
                    if keep {
                        out.push(made.tainted(chosen));
                    }
                }
                v(D::List(out), t)
            }
            ExprKind::Call { .. } => self.call(frame, expr, &[], name)?,
            ExprKind::Claused { value, clauses } => match &value.kind {
                ExprKind::Field { base, name: field, .. } if is_call(base) => {
                    // What is caught stands for the value with its fields.
                    let caught = std::cell::Cell::new(false);
                    let value = self.claused(frame, base, clauses, name, &caught)?;
                    if caught.get() { value } else { value.field(&field.name)? }
                }
                _ => self.claused(frame, value, clauses, name, &std::cell::Cell::new(false))?,
            },
            ExprKind::If { cond, then, otherwise } => {
                let (written, cond) = (cond, self.pure(frame, cond)?);
                let (count, names) = (yields.len(), frame.names.clone());
                // How many a loop yields hangs on the condition too.
                frame.chosen |= cond.deep() && expr.span.text(self.text).contains("yield ");
                let value = match otherwise {
                    _ if cond.bool()? => {
                        self.approve_all(frame, written);
                        let approved = frame.names != names;
                        let value = self.block(frame, then, yields)?;
                        if approved {
                            frame.names = names;
                        }
                        value
                    }
                    Some(otherwise) => self.block(frame, otherwise, yields)?,
                    None => v(D::Null, false),
                };
                for one in &mut yields[count..] {
                    *one = one.clone().tainted(cond.deep());
                }
                value.tainted(cond.deep())
            }
            ExprKind::For { var, source, body, .. } => {
                let source = self.pure(frame, source)?;
                let (mut out, mut t) = (Vec::new(), source.t);
                for item in source.list()?.clone() {
                    let (mark, count) = (frame.names.len(), out.len());
                    let around = std::mem::take(&mut frame.chosen);
                    frame.names.push((var.name.to_string(), item));
                    match self.block(frame, body, &mut out) {
                        Err(Stop::Drop) => out.truncate(count),
                        other => drop(other?),
                    }
                    frame.names.truncate(mark);
                    let chosen = std::mem::replace(&mut frame.chosen, around);
                    t |= chosen;
                    for one in &mut out[count..] {
                        *one = one.clone().tainted(chosen);
                    }
                }
                v(D::List(out), t)
            }
            ExprKind::Repeat { var, init, at_most, body } => {
                let (mut state, most) = (self.pure(frame, init)?, self.pure(frame, at_most)?.int()?);
                let mut out = Vec::new();
                let around = std::mem::take(&mut frame.chosen);
                for _ in 0..most {
                    let mark = frame.names.len();
                    frame.names.push((var.name.to_string(), state.clone()));
                    let ended = self.block_keeping_next(frame, body, &mut out)?;
                    frame.names.truncate(mark);
                    match ended {
                        Some(next) => state = next,
                        None => break,
                    }
                }
                let chosen = std::mem::replace(&mut frame.chosen, around);
                v(D::List(out), false).tainted(chosen)
            }
            other => return wrong(format!("{other:?}")),
        })
    }

    fn block_keeping_next(
        &mut self,
        frame: &mut Frame<'a>,
        block: &'a Block,
        yields: &mut Vec<V>,
    ) -> Result<Option<V>, Stop> {
        for step in &block.steps {
            self.step(frame, step, yields)?;
        }
        Ok(frame.names.iter().rev().find(|(name, _)| name == "next").map(|(_, value)| value.clone()))
    }

    fn binary(&mut self, frame: &mut Frame<'a>, op: BinaryOp, left: &'a Expr, right: &'a Expr) -> Res {
        let a = self.pure(frame, left)?;
        match op {
            BinaryOp::And if !a.bool()? => return Ok(a),
            BinaryOp::Or if a.bool()? => return Ok(a),
            BinaryOp::Coalesce if a.d != D::Null => return Ok(a),
            _ => {}
        }
        let b = self.pure(frame, right)?;
        let t = a.deep() || b.deep();
        Ok(match op {
            BinaryOp::And | BinaryOp::Or => v(D::Bool(b.bool()?), t),
            BinaryOp::Coalesce => b.tainted(a.deep()),
            BinaryOp::Eq => v(D::Bool(a.json() == b.json()), t),
            BinaryOp::Lt => v(D::Bool(a.int()? < b.int()?), t),
            BinaryOp::Gt => v(D::Bool(a.int()? > b.int()?), t),
            BinaryOp::In => v(D::Bool(b.list()?.iter().any(|it| it.json() == a.json())), t),
            BinaryOp::Add => match (&a.d, &b.d) {
                (D::List(x), D::List(y)) => v(D::List(x.iter().chain(y).cloned().collect()), a.t || b.t),
                _ => v(D::Int(a.int()? + b.int()?), t),
            },
            other => return wrong(format!("{other:?}")),
        })
    }
}
