//! A slow and obvious interpreter of the tree, one step after the other. It shares nothing with compiler and machine but
//! the parser, and it judges: no type trouble, no call beyond what a flow says that it can, no untrusted value in a
//! trusted parameter.

mod beside;
mod calls;
mod exprs;
mod flows;
mod roles;
mod tools;
mod waits;

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
    /// A record is left out.
    Drop,
    /// An operator leaves a step out; this stands for its result.
    Skipped(V),
    /// It was done before, under its key.
    Known(V),
    /// A saga could not take everything back: nobody catches that.
    Left,
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
    /// How to take back what was done; None where nothing can, since its result is not known.
    undos: Vec<Option<(String, Json)>>,
    saga: bool,
    /// The name of its flow.
    flow: String,
    policy: Option<&'a Policy>,
    /// The point of no return is behind.
    passed: bool,
    /// What questions showed that a person has answered, by the name of the answer.
    pub approvals: Vec<(String, Vec<&'a Expr>)>,
    /// An aggregator's sources.
    sources: Vec<String>,
    /// Whether an untrusted condition has said what a loop's round gives.
    chosen: bool,
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
    /// Calls that change something, with those that were only looked up.
    touches: u64,
    /// Whether a person gave the last answer.
    answered: bool,
    /// How often a step of each name was handed to an operator.
    decided: BTreeMap<String, u32>,
    /// Events that nobody has received yet.
    inbox: Vec<(&'static str, Option<&'static str>, Json)>,
    /// Whether the flow that ended last passed the point of no return.
    passed: bool,
    /// What else a failure may have been: reads run side by side.
    pub beside: Vec<String>,
    /// One of several such failures was caught: what followed hangs on which came first.
    pub torn: bool,
    text: &'a str,
    /// What the flow that ended last hands up: how to take it back.
    handed: Vec<Option<(String, Json)>>,
    /// Whether any attempt of the call that failed last for good may have happened.
    stays: bool,
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
            stays: false,
            attempts: 0,
            touches: 0,
            answered: false,
            decided: BTreeMap::new(),
            inbox: moods.events(),
            passed: false,
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
                ("Error", _) => value.clone(),
                (name, _) => self.fits(value, self.types[name])?,
            },
            (TypeExprKind::List(inner), D::List(items)) => {
                v(D::List(items.iter().map(|it| self.fits(it, inner)).collect::<Option<_>>()?), value.t)
            }
            (TypeExprKind::Paren(inner), _) => self.fits(value, inner)?,
            (TypeExprKind::Nullable(_), D::Null) => value.clone(),
            (TypeExprKind::Nullable(inner), _) => self.fits(value, inner)?,
            // On records: the fields of both.
            (TypeExprKind::Intersection(all), D::Rec(_)) => {
                let mut out = BTreeMap::new();
                for one in all {
                    if let D::Rec(fields) = self.fits(value, one)?.d {
                        out.extend(fields);
                    }
                }
                v(D::Rec(out), value.t)
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

    fn block(&mut self, frame: &mut Frame<'a>, block: &'a Block, yields: &mut Vec<V>) -> Res {
        let names = frame.names.len();
        let mut value = v(D::Null, false);
        let mut handed = 0;
        for (at, step) in block.steps.iter().enumerate() {
            let before: u32 = self.decided.values().sum();
            value = match self.step(frame, step, yields) {
                Err(Stop::Fail(code)) => {
                    self.look_beside(frame, step, &block.steps[at + 1..])?;
                    // Whether somebody was asked again before a read beside it failed, time tells.
                    self.torn |= !self.decided.is_empty() && !self.is_barrier(step);
                    return Err(Stop::Fail(code));
                }
                other => other?,
            };
            // Of two reads beside each other that are handed over, time tells who is told of first.
            let told = self.decided.values().sum::<u32>() > before;
            handed = if self.is_barrier(step) { 0 } else { handed + u32::from(told) };
            self.torn |= handed > 1;
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
                let written = value;
                self.answered = false;
                let value = self.expr(frame, value, yields, Some(&name.name))?;
                frame.names.push((name.name.to_string(), value.clone()));
                self.shown(frame, &name.name, written);
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
            StepKind::From { source, name } => {
                let value = self.expr(frame, source, yields, Some(&name.name))?;
                frame.names.push((name.name.to_string(), value.clone()));
                frame.sources.push(name.name.to_string());
                Ok(value)
            }
            StepKind::Merge { key, prefer } => self.merge(frame, key, prefer),
            StepKind::Require { cond, otherwise } => {
                let holds = self.pure(frame, cond)?;
                let drops = matches!(otherwise, Some(Otherwise::Drop(_)));
                frame.chosen |= drops && holds.deep();
                if holds.bool()? {
                    self.endorse(frame, cond)?;
                    return Ok(v(D::Null, false));
                }
                if drops {
                    return Err(Stop::Drop);
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
                self.call_flow(frame, flow, values.clone())?;
                if !values.iter().skip(1).any(V::deep) {
                    self.endorse_by(frame, flow, &args[0].value);
                }
                Ok(v(D::Null, false))
            }
            other => wrong(format!("{other:?}")),
        }
    }
}
