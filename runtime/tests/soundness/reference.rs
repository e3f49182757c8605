//! A slow and obvious interpreter of the tree, one step after the other. It shares nothing with compiler and machine but
//! the parser, and it judges: no type trouble, no call beyond what a flow says that it can, no untrusted value in a
//! trusted parameter.

mod beside;
mod calls;
mod exprs;
mod tools;

use tools::delivered;

use super::value::{D, V, v};
use super::world::Moods;
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
pub struct Frame<'a> {
    pub names: Vec<(String, V)>,
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
    /// What was called under a key: with these arguments, and what it came to where that is known.
    keys: BTreeMap<String, (Json, Option<V>)>,
    /// Whether the attempt that failed last may have happened.
    open: bool,
    /// Attempts that count for budgets.
    pub attempts: u64,
    /// What else a failure may have been: reads run side by side.
    pub beside: Vec<String>,
    /// One of several such failures was caught: what followed hangs on which came first.
    pub torn: bool,
    text: &'a str,
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
    pub fn new(module: &'a Module, text: &'a str, moods: Moods, delivers: bool) -> Self {
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
            open: false,
            attempts: 0,
            beside: Vec::new(),
            torn: false,
            text,
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
        for (at, step) in block.steps.iter().enumerate() {
            value = match self.step(frame, step, yields) {
                Err(Stop::Fail(code)) => {
                    self.look_beside(frame, step, &block.steps[at + 1..])?;
                    return Err(Stop::Fail(code));
                }
                other => other?,
            };
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
}
