//! A slow and obvious interpreter of the tree, one step after the other. It shares nothing with compiler and machine but
//! the parser, and it judges: no type trouble, no call beyond what a flow says that it can, no untrusted value in a
//! trusted parameter.

use super::value::{D, V, v};
use super::world::{Answer, Moods};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use weir_lang::ast::*;

/// Why a block ends before its end.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    Return(V),
    /// A code.
    Fail(String),
    /// Somebody has to look.
    Attention,
    /// What must not happen in a program that checks.
    Wrong(String),
}

type Res = Result<V, Stop>;

pub fn wrong<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Wrong(what.into()))
}

/// A running flow.
struct Frame<'a> {
    names: Vec<(String, V)>,
    undos: Vec<(String, Json)>,
    saga: bool,
    /// The name of its flow.
    flow: String,
    policy: Option<&'a Policy>,
    /// A delivery's key, and what it came to.
    key: Option<String>,
    delivered: Option<V>,
}

pub struct Reference<'a> {
    flows: BTreeMap<&'a str, &'a Flow>,
    tools: BTreeMap<String, &'a ToolDecl>,
    types: BTreeMap<&'a str, &'a TypeExpr>,
    policies: BTreeMap<&'a str, &'a Policy>,
    consts: Vec<(String, V)>,
    moods: Moods,
    /// What every flow around says that it can.
    can: Vec<Vec<String>>,
    /// Writes that arrived: tool and arguments.
    pub writes: Vec<(String, Json)>,
    keys: BTreeMap<String, (Json, V)>,
    /// What the flow that ended last hands up: how to take it back.
    handed: Vec<(String, Json)>,
    /// Whether deliveries send.
    delivers: bool,
    pub lied: bool,
    fuel: u32,
}

pub fn can_of(flow: &Flow) -> Vec<String> {
    let clauses = flow.clauses.iter().filter_map(|clause| match &clause.kind {
        FlowClauseKind::Can(all) => Some(all.iter().map(|one| one.path.text().to_string())),
        _ => None,
    });
    clauses.flatten().collect()
}

impl<'a> Reference<'a> {
    pub fn new(module: &'a Module, moods: Moods, delivers: bool) -> Self {
        let mut out = Reference {
            flows: BTreeMap::new(),
            tools: BTreeMap::new(),
            types: BTreeMap::new(),
            policies: BTreeMap::new(),
            consts: Vec::new(),
            moods,
            can: Vec::new(),
            writes: Vec::new(),
            keys: BTreeMap::new(),
            handed: Vec::new(),
            delivers,
            lied: false,
            fuel: 200_000,
        };
        for item in &module.items {
            match &item.kind {
                ItemKind::Flow(flow) => drop(out.flows.insert(&flow.name.name, flow)),
                ItemKind::Tool(tool) => drop(out.tools.insert(tool.path.text().to_string(), tool)),
                ItemKind::Policy(policy) => drop(out.policies.insert(&policy.name.name, policy)),
                ItemKind::Type(decl) => drop(out.types.insert(&decl.name.name, &decl.ty)),
                ItemKind::Const(decl) => {
                    let names = vec![("TEAM".to_owned(), V::of(&json!(["ann", "bob"])))];
                    assert_eq!(decl.name.name, "TEAM");
                    out.consts = names;
                }
                _ => {}
            }
        }
        out
    }

    pub fn main(&mut self, args: &[V]) -> Res {
        let flow = self.flows["main"];
        self.flow(flow, args.to_vec(), false)
    }

    // ---- types

    fn fits(&self, value: &V, ty: &TypeExpr) -> Option<V> {
        Some(match (&ty.kind, &value.d) {
            (TypeExprKind::Marked(mark, inner), _) => {
                let it = self.fits(value, inner)?;
                it.tainted(*mark == Mark::Untrusted)
            }
            (TypeExprKind::Name(path), d) => match (path.text().as_str(), d) {
                ("int", D::Int(_)) | ("string", D::Str(_)) | ("bool", D::Bool(_)) => value.clone(),
                ("int" | "string" | "bool", _) => return None,
                (name, _) => self.fits(value, self.types[name])?,
            },
            (TypeExprKind::List(inner), D::List(items)) => {
                v(D::List(items.iter().map(|it| self.fits(it, inner)).collect::<Option<_>>()?), value.t)
            }
            (TypeExprKind::Record(decls), D::Rec(fields)) => {
                let mut out = BTreeMap::new();
                for decl in decls {
                    out.insert(decl.name.name.to_string(), self.fits(fields.get(decl.name.name.as_str())?, &decl.ty)?);
                }
                v(D::Rec(out), value.t)
            }
            _ => return None,
        })
    }

    fn must_be_trusted(ty: &TypeExpr) -> bool {
        matches!(ty.kind, TypeExprKind::Marked(Mark::Trusted, _))
    }

    // ---- flows

    fn flow(&mut self, flow: &'a Flow, args: Vec<V>, in_saga: bool) -> Res {
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
        let mut frame = Frame { names, undos: Vec::new(), saga, flow: name, policy, key: None, delivered: None };
        let ended = self.block(&mut frame, &flow.body, &mut Vec::new());
        let ended = match ended {
            Ok(_) => Ok(v(D::Null, false)),
            Err(Stop::Return(value)) => Ok(value),
            Err(stop) => Err(stop),
        };
        if matches!(ended, Err(Stop::Fail(_))) && frame.saga {
            for (tool, args) in frame.undos.iter().rev() {
                self.writes.push((tool.clone(), args.clone()));
            }
        }
        self.can.pop();
        // What succeeded is taken back by whoever called it.
        self.handed = if ended.is_ok() { frame.undos } else { Vec::new() };
        match (ended?, &flow.returns) {
            (_, None) if flow.role == Role::Delivery => {
                Ok(frame.delivered.unwrap_or_else(|| delivered("disabled", None)))
            }
            (value, Some(ty)) => self.fits(&value, ty).map_or_else(|| wrong("the returned value"), Ok),
            (_, None) => Ok(v(D::Null, false)),
        }
    }

    fn block(&mut self, frame: &mut Frame<'a>, block: &'a Block, yields: &mut Vec<V>) -> Res {
        let names = frame.names.len();
        let mut value = v(D::Null, false);
        for step in &block.steps {
            value = self.step(frame, step, yields)?;
        }
        frame.names.truncate(names);
        Ok(value)
    }

    fn step(&mut self, frame: &mut Frame<'a>, step: &'a Step, yields: &mut Vec<V>) -> Res {
        self.fuel = self.fuel.saturating_sub(1);
        if self.fuel == 0 {
            return wrong("too long");
        }
        match &step.kind {
            StepKind::Bind { name, value } => {
                let value = self.expr(frame, value, yields, Some(&name.name))?;
                frame.names.push((name.name.to_string(), value.clone()));
                Ok(value)
            }
            StepKind::Expr(value) => self.expr(frame, value, yields, None),
            StepKind::Yield(value) => {
                let value = self.expr(frame, value, yields, None)?;
                yields.push(value.clone());
                Ok(value)
            }
            StepKind::Next(value) => {
                let value = self.expr(frame, value, yields, None)?;
                frame.names.push(("next".into(), value.clone()));
                Ok(value)
            }
            StepKind::Return(Some(value)) => Err(Stop::Return(self.expr(frame, value, yields, None)?)),
            StepKind::Key { key, .. } => {
                frame.key = Some(self.pure(frame, key)?.str()?.to_owned());
                Ok(v(D::Null, false))
            }
            StepKind::Wait(_) => Ok(v(D::Null, false)),
            StepKind::Require { cond, otherwise } => {
                if self.pure(frame, cond)?.bool()? {
                    self.endorse(frame, cond)?;
                    return Ok(v(D::Null, false));
                }
                Err(Stop::Fail(match otherwise {
                    Some(Otherwise::Exit(Expr { kind: ExprKind::Fail { code: Some(code), .. }, .. })) => {
                        code.name.to_string()
                    }
                    _ => "blocked".into(),
                }))
            }
            StepKind::Check { callee, args } => {
                let values: Vec<V> = args.iter().map(|arg| self.pure(frame, &arg.value)).collect::<Result<_, _>>()?;
                let flow = self.flows[callee.text().as_str()];
                self.flow(flow, values.clone(), frame.saga)?;
                if !values.iter().skip(1).any(V::deep) {
                    self.endorse_by(frame, flow, &args[0].value);
                }
                Ok(v(D::Null, false))
            }
            other => wrong(format!("{other:?}")),
        }
    }

    // ---- endorsement

    fn endorse(&mut self, frame: &mut Frame<'a>, cond: &'a Expr) -> Result<(), Stop> {
        match &cond.kind {
            ExprKind::Paren(inner) => self.endorse(frame, inner),
            ExprKind::Binary { op: BinaryOp::And, left, right, .. } => {
                self.endorse(frame, left)?;
                self.endorse(frame, right)
            }
            ExprKind::Binary { op: BinaryOp::Eq, left, right, .. } => {
                let (a, b) = (self.pure(frame, left)?.deep(), self.pure(frame, right)?.deep());
                if !b {
                    set_clean(frame, left);
                } else if !a {
                    set_clean(frame, right);
                }
                Ok(())
            }
            ExprKind::Binary { op: BinaryOp::In, left, right, .. } => {
                if !self.pure(frame, right)?.deep() {
                    set_clean(frame, left);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Exactly the fields that the validator's conditions speak of.
    fn endorse_by(&mut self, frame: &mut Frame<'a>, validator: &'a Flow, subject: &'a Expr) {
        let first = &validator.params[0].name.name;
        for step in &validator.body.steps {
            let StepKind::Require { cond, .. } = &step.kind else { continue };
            for field in ["a", "b"] {
                if mentions(cond, first, field) {
                    set_clean_at(frame, subject, Some(field));
                }
            }
        }
    }

    // ---- expressions

    fn pure(&mut self, frame: &mut Frame<'a>, expr: &'a Expr) -> Res {
        self.expr(frame, expr, &mut Vec::new(), None)
    }

    fn expr(&mut self, frame: &mut Frame<'a>, expr: &'a Expr, yields: &mut Vec<V>, name: Option<&str>) -> Res {
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
            ExprKind::Field { base, name, .. } if is_call(base) => {
                self.call(frame, base, &[], None)?.field(&name.name)?
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
                let cond = self.pure(frame, cond)?;
                let count = yields.len();
                if cond.bool()? {
                    self.block(frame, then, yields)?;
                } else if let Some(otherwise) = otherwise {
                    self.block(frame, otherwise, yields)?;
                }
                for one in &mut yields[count..] {
                    *one = one.clone().tainted(cond.deep());
                }
                v(D::Null, false)
            }
            ExprKind::For { var, source, body, .. } => {
                let source = self.pure(frame, source)?;
                let mut out = Vec::new();
                for item in source.list()?.clone() {
                    let mark = frame.names.len();
                    frame.names.push((var.name.to_string(), item));
                    self.block(frame, body, &mut out)?;
                    frame.names.truncate(mark);
                }
                v(D::List(out), source.t)
            }
            ExprKind::Repeat { var, init, at_most, body } => {
                let (mut state, most) = (self.pure(frame, init)?, self.pure(frame, at_most)?.int()?);
                let mut out = Vec::new();
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
                v(D::List(out), false)
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

    // ---- calls

    fn args(&mut self, frame: &mut Frame<'a>, args: &'a [Arg]) -> Result<Vec<(Option<String>, V)>, Stop> {
        let mut out = Vec::new();
        for arg in args {
            out.push((arg.name.as_ref().map(|name| name.name.to_string()), self.pure(frame, &arg.value)?));
        }
        Ok(out)
    }

    fn call(&mut self, frame: &mut Frame<'a>, expr: &'a Expr, clauses: &'a [Clause], name: Option<&str>) -> Res {
        let ExprKind::Call { callee, args } = &expr.kind else { return wrong("no call") };
        let callee = callee.text().to_string();
        let given = self.args(frame, args)?;
        if let Some(flow) = self.flows.get(callee.as_str()).copied() {
            let value = self.flow(flow, given.into_iter().map(|(_, value)| value).collect(), frame.saga)?;
            if frame.saga {
                frame.undos.append(&mut self.handed);
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

    fn claused(
        &mut self,
        frame: &mut Frame<'a>,
        value: &'a Expr,
        clauses: &'a [Clause],
        name: Option<&str>,
        caught: &std::cell::Cell<bool>,
    ) -> Res {
        let is_tool =
            matches!(&value.kind, ExprKind::Call { callee, .. } if self.tools.contains_key(callee.text().as_str()));
        let result = self.call(frame, value, clauses, name);
        let Err(Stop::Fail(code)) = &result else { return result };
        let by_name = ["blocked", "budget", "unknown"].contains(&code.as_str());
        let mut handlers: Vec<(Vec<String>, &'a Expr)> = Vec::new();
        for clause in clauses {
            match &clause.kind {
                ClauseKind::Catch(arms) => {
                    for arm in arms {
                        let ArmBody::Expr(body) = &arm.body else { continue };
                        handlers.push((arm.codes.iter().map(|code| code.name.to_string()).collect(), body));
                    }
                }
                ClauseKind::Fallback(body) => handlers.push((Vec::new(), body)),
                _ => {}
            }
        }
        for (codes, body) in handlers {
            if codes.contains(code) || (codes.is_empty() && !by_name) {
                caught.set(true);
                return self.pure(frame, body);
            }
        }
        if code == "unknown" && is_tool { Err(Stop::Attention) } else { result }
    }

    fn tool(
        &mut self,
        frame: &mut Frame<'a>,
        tool: &'a ToolDecl,
        name: &str,
        given: Vec<(Option<String>, V)>,
        clauses: &'a [Clause],
        bound: Option<&str>,
    ) -> Res {
        let mut args = serde_json::Map::new();
        for (at, (label, value)) in given.into_iter().enumerate() {
            let param = match &label {
                Some(label) => tool.params.iter().find(|param| param.name.name == label.as_str()),
                None => tool.params.get(at),
            };
            let Some(param) = param else { return wrong("no such parameter") };
            if Self::must_be_trusted(&param.ty) && value.deep() {
                return wrong(format!("untrusted data in `{}` of `{name}`", param.name.name));
            }
            let Some(value) = self.fits(&value, &param.ty) else { return wrong(format!("argument of {name}")) };
            args.insert(param.name.name.to_string(), value.json());
        }
        let args = Json::Object(args);
        let (mut capabilities, mut idempotent, mut accepts) = (Vec::new(), false, None);
        for attr in &tool.attrs {
            match attr {
                ToolAttr::Can(all) => capabilities.extend(all.iter().map(|one| one.path.text().to_string())),
                ToolAttr::Idempotent(_) => idempotent = true,
                ToolAttr::AcceptsKey(name) => accepts = Some(name.name.as_str()),
                _ => {}
            }
        }
        for can in &self.can {
            if let Some(missing) = capabilities.iter().find(|one| !can.contains(one)) {
                return wrong(format!("`{name}` needs `{missing}`"));
            }
        }
        let key = clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::Key { key, .. } => Some(key),
            _ => None,
        });
        let reads = capabilities.iter().all(|one| one.ends_with(".read"));
        let repeatable = reads || idempotent || (accepts.is_some() && key.is_some());
        let sends = capabilities.iter().any(|one| one.ends_with(".send"));
        if sends && !self.delivers {
            frame.delivered = Some(delivered("disabled", None));
            return Err(Stop::Return(v(D::Null, false)));
        }
        let key = match key {
            Some(key) => Some(self.pure(frame, key)?.str()?.to_owned()),
            None if sends => frame.key.as_ref().map(|key| format!("{}:{key}", frame.flow)),
            None => None,
        };
        if let Some((had, value)) = key.as_ref().and_then(|key| self.keys.get(key)) {
            if sends {
                frame.delivered = Some(delivered("duplicate", Some(value)));
                return Ok(value.clone());
            }
            return if *had == args { Ok(value.clone()) } else { Err(Stop::Fail("conflict".into())) };
        }
        let mut sent = args.clone();
        if let (Some(parameter), Some(key), Some(fields)) = (accepts, &key, sent.as_object_mut()) {
            fields.insert(parameter.to_owned(), Json::from(key.as_str()));
        }
        let call = Call { tool, name, args: &sent, clauses, policy: frame.policy, repeatable, reads };
        let until = clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::Until { cond, .. } => Some(cond),
            _ => None,
        });
        let mut attempt = 0;
        let value = loop {
            let value = self.attempts(&call, &mut attempt)?;
            let Some(cond) = until else { break value };
            frame.names.push(("it".to_owned(), value.clone()));
            let holds = self.pure(frame, cond);
            frame.names.pop();
            let holds = holds?;
            if holds.bool()? {
                break value.tainted(holds.deep());
            }
        };
        if sends {
            frame.delivered = Some(delivered("sent", Some(&value)));
        }
        if let Some(key) = key {
            self.keys.insert(key, (args, value.clone()));
        }
        for clause in clauses {
            if let (ClauseKind::Undo(undo), true) = (&clause.kind, frame.saga) {
                let ExprKind::Call { callee, args } = &undo.kind else { return wrong("undo") };
                frame.names.push((bound.unwrap_or("it").to_owned(), value.clone()));
                let given = self.args(frame, args)?;
                frame.names.pop();
                let given = given.into_iter().map(|(name, value)| (name.unwrap(), value.json())).collect();
                frame.undos.push((callee.text().to_string(), Json::Object(given)));
            }
        }
        Ok(value)
    }

    /// Attempts until one succeeds or no more are allowed.
    fn attempts(&mut self, call: &Call<'_>, attempt: &mut u32) -> Res {
        let (mut retries, name) = (0, call.name);
        loop {
            *attempt += 1;
            let answer = self.moods.answer(name, call.args, *attempt);
            if !call.reads {
                self.writes.push((name.to_owned(), call.args.clone()));
            }
            let (mut code, maybe) = match answer {
                Answer::Ok(json) => match &call.tool.returns {
                    None => return Ok(v(D::Null, false)),
                    Some(ty) => match self.fits(&V::of(&json), ty) {
                        Some(value) => return Ok(value),
                        None => {
                            self.lied = true;
                            ("bad_response", true)
                        }
                    },
                },
                Answer::Fail(code, maybe) => (code, maybe),
                Answer::Hang => ("timeout", true),
            };
            if maybe && !call.repeatable && code != "bad_response" {
                code = "unknown";
            }
            let again = code != "unknown" && (call.repeatable || !maybe) && retries < self.allowed(call, code);
            if !again {
                return Err(if code == "unknown" && !caught_by_name(call.clauses) {
                    Stop::Attention
                } else {
                    Stop::Fail(code.into())
                });
            }
            retries += 1;
        }
    }

    /// How often a failure is retried: the first that speaks of its code counts, the call's clause, its policy, the
    /// flow's policy, the default.
    fn allowed(&self, call: &Call<'_>, code: &str) -> u32 {
        let transient = ["timeout", "rate_limited", "unavailable"].contains(&code);
        for clause in call.clauses {
            if let ClauseKind::Retry(retry) = &clause.kind
                && (retry.on.iter().any(|on| on.name == code) || (retry.on.is_empty() && transient))
            {
                return times(retry);
            }
        }
        let with = call.clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::With(name) => self.policies.get(name.name.as_str()).copied(),
            _ => None,
        });
        let policies: [Option<&Policy>; 2] = [with, call.policy];
        for policy in policies.into_iter().flatten() {
            let arm = policy.arms.iter().find(|arm| {
                arm.codes.iter().any(|one| one.name == code)
                    || (arm.codes.is_empty() && code != "blocked" && code != "budget")
            });
            if let Some(arm) = arm {
                return arm.retry.as_ref().map_or(0, times);
            }
        }
        if transient { 3 } else { 0 }
    }
}

/// A call of a tool.
struct Call<'c> {
    tool: &'c ToolDecl,
    name: &'c str,
    args: &'c Json,
    clauses: &'c [Clause],
    policy: Option<&'c Policy>,
    repeatable: bool,
    reads: bool,
}

/// How often a `retry` tries again.
fn times(retry: &Retry) -> u32 {
    match retry.count.as_ref().map(|count| &count.kind) {
        Some(ExprKind::Lit(Lit::Int(count))) => u32::try_from(*count).unwrap(),
        _ => u32::MAX,
    }
}

/// What a delivery gives.
fn delivered(status: &str, sent: Option<&V>) -> V {
    let id = sent.and_then(|sent| sent.field("id").ok()).unwrap_or(v(D::Null, false));
    v(D::Rec([("status".to_owned(), v(D::Str(status.into()), false)), ("id".to_owned(), id)].into()), false)
}

fn caught_by_name(clauses: &[Clause]) -> bool {
    clauses.iter().any(|clause| match &clause.kind {
        ClauseKind::Catch(arms) => arms.iter().any(|arm| arm.codes.iter().any(|code| code.name == "unknown")),
        _ => false,
    })
}

fn is_call(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Call { callee, .. } if callee.parts.len() == 2)
}

/// Whether a condition speaks of a field of a parameter.
fn mentions(cond: &Expr, param: &str, field: &str) -> bool {
    match &cond.kind {
        ExprKind::Field { base, name, .. } => {
            name.name == field && matches!(&base.kind, ExprKind::Name(base) if base.name == param)
        }
        ExprKind::Binary { left, right, .. } => mentions(left, param, field) || mentions(right, param, field),
        ExprKind::Call { args, .. } => args.iter().any(|arg| mentions(&arg.value, param, field)),
        ExprKind::Paren(inner) => mentions(inner, param, field),
        _ => false,
    }
}

fn set_clean(frame: &mut Frame<'_>, path: &Expr) {
    set_clean_at(frame, path, None);
}

/// Makes a name, or a field of it, trusted from here on.
fn set_clean_at(frame: &mut Frame<'_>, path: &Expr, below: Option<&str>) {
    let mut fields: Vec<&str> = below.into_iter().collect();
    let mut at = path;
    let root = loop {
        match &at.kind {
            ExprKind::Name(name) => break name,
            ExprKind::Field { base, name, .. } => {
                fields.push(&name.name);
                at = base;
            }
            ExprKind::Paren(inner) => at = inner,
            _ => return,
        }
    };
    let found = frame.names.iter_mut().rev().find(|(name, _)| name == root.name.as_str());
    let Some((_, value)) = found else { return };
    fn clean(value: &V, fields: &[&str]) -> V {
        let Some((last, rest)) = fields.split_last() else { return value.clone().clean() };
        let mut out = value.clone();
        if out.t {
            // The parts are told apart from here on.
            out = out.tainted(true);
            out.t = false;
        }
        if let D::Rec(fields) = &mut out.d
            && let Some(part) = fields.get_mut(*last)
        {
            *part = clean(part, rest);
        }
        out
    }
    *value = clean(value, &fields);
}
