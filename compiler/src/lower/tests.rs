//! Tests: mocks, runs and expectations, each with the places that a report points at.

use super::Lower;
use super::acts::record;
use super::block::Place;
use super::exprs::{Names, Site, expr, placed};
use crate::check::Checked;
use crate::check::program::{AmbientFn, Callee};
use crate::check::tests::tool_path;
use crate::plan::Plan;
use crate::test_plan::{
    Claim, ClaimKind, MockPlan, Operand, OutcomeKind, OutcomePlan, Probe, RunPlan, TestAction, TestPlan, TestSuite,
};
use ecow::EcoString;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_lang::ast::{
    Arg, BinaryOp, Expr, ExprKind, Ident, ItemKind, MockOutcome, Part, Path, RecordEntry, Test, TestStep, TestStepKind,
    UnaryOp,
};
use weir_lang::span::{Loc, Span};
use weir_stdlib::pure::Pure;
use weir_stdlib::value::Value;

/// Every test of a project.
pub(crate) fn tests(checked: &Checked) -> TestSuite {
    let mut lower = Lower::new(checked);
    let mut plans = BTreeMap::new();
    let mut tests = Vec::new();
    for (at, module) in checked.facts.program.modules.iter().enumerate() {
        for item in &module.ast.items {
            if let ItemKind::Test(test) = &item.kind {
                tests.push(one(&mut lower, &mut plans, at, test));
            }
        }
    }
    let (tools, types) = (std::mem::take(&mut lower.tools), std::mem::take(&mut lower.types));
    let functions = lower.functions.into_iter().collect::<Option<Vec<_>>>().unwrap_or_default();
    TestSuite { tests, functions, types, tools }
}

/// Plans by the place of their entry flow: tests of one flow share them.
type Plans = BTreeMap<usize, Arc<Plan>>;

fn one(lower: &mut Lower<'_>, plans: &mut Plans, module: usize, test: &Test) -> TestPlan {
    let name = lower.program.module_name(module).into();
    let loc = lower.program.loc(module, test.name_span);
    let mut body =
        TestBody { lower, plans, module, names: Names::default(), slots: 0, probes: Vec::new(), steps: Vec::new() };
    test.steps.iter().for_each(|step| body.step(step));
    let TestBody { slots, probes, steps, .. } = body;
    TestPlan { name: test.name.clone(), module: name, loc, slots, probes, steps }
}

struct TestBody<'l, 'a> {
    lower: &'l mut Lower<'a>,
    plans: &'l mut Plans,
    module: usize,
    names: Names,
    slots: u16,
    probes: Vec<(u16, Probe)>,
    steps: Vec<TestAction>,
}

impl<'a> Site<'a> for TestBody<'_, 'a> {
    fn lower(&mut self) -> &mut Lower<'a> {
        self.lower
    }
    fn module(&self) -> usize {
        self.module
    }
    fn names(&mut self) -> &mut Names {
        &mut self.names
    }

    /// `calls(tool)` and `attempts(tool)` read a slot that the runner fills; nothing else gets here.
    fn act(&mut self, expr: &Expr) -> Pure {
        let Some(probe) = self.probe(expr) else { return Pure::Const(Value::NULL) };
        let at = match self.probes.iter().find(|(_, known)| *known == probe) {
            Some((at, _)) => *at,
            None => {
                let at = self.slot();
                self.probes.push((at, probe));
                at
            }
        };
        Pure::Slot { up: 0, at }
    }
}

impl TestBody<'_, '_> {
    fn slot(&mut self) -> u16 {
        let at = self.slots;
        self.slots = at.saturating_add(1);
        at
    }

    /// A new slot under a name.
    fn bind(&mut self, name: &Ident) -> u16 {
        let at = self.slot();
        self.names.bind(&name.name, Place::Slot { level: 0, at });
        at
    }

    fn loc(&self, span: Span) -> Loc {
        self.lower.program.loc(self.module, span)
    }

    fn tool(&mut self, path: &Path) -> Option<EcoString> {
        match self.lower.program.callee(self.module, path)? {
            Callee::Tool(tool) => Some(self.lower.tool(&tool)),
            _ => None,
        }
    }

    fn probe(&mut self, expr: &Expr) -> Option<Probe> {
        let ExprKind::Call { callee, args } = &expr.unparen().kind else { return None };
        let [Arg { name: None, value }] = args.as_slice() else { return None };
        let tool = self.tool(&tool_path(value)?)?;
        match callee.text().as_str() {
            "calls" => Some(Probe::Calls(tool)),
            "attempts" => Some(Probe::Attempts(tool)),
            _ => None,
        }
    }

    fn step(&mut self, step: &TestStep) {
        let loc = self.loc(step.span);
        let action = match &step.kind {
            TestStepKind::Mock { tool, args, outcomes } => self.mock(loc, tool, args.as_deref(), outcomes),
            TestStepKind::Bind { name, value } => self.bound(name, value),
            TestStepKind::Expect(cond) => Some(TestAction::Expect(self.claim(cond))),
            TestStepKind::Answer { question, value } => {
                Some(TestAction::Answer { question: expr(self, question), value: expr(self, value), loc })
            }
            TestStepKind::Signal { event, key, value } => Some(TestAction::Signal {
                event: expr(self, event),
                key: key.as_ref().map(|key| expr(self, key)),
                value: expr(self, value),
                loc,
            }),
            TestStepKind::Crash(path) => self.tool(path).map(|tool| TestAction::Crash { tool, loc }),
            TestStepKind::Error => None,
        };
        self.steps.extend(action);
    }

    fn mock(&mut self, loc: Loc, path: &Path, args: Option<&[Arg]>, outcomes: &[MockOutcome]) -> Option<TestAction> {
        let tool = self.tool(path)?;
        let params = self.lower.program.tool_params(&tool);
        let names: Vec<EcoString> = params.into_iter().map(|param| param.name).collect();
        let given = placed(self, &names, args.unwrap_or_default(), None);
        let given = names.into_iter().zip(given).filter_map(|(name, value)| Some((name, value?))).collect();
        let outcomes = outcomes.iter().map(|outcome| self.outcome(loc, outcome)).collect();
        Some(TestAction::Mock(MockPlan { tool, given, outcomes, loc }))
    }

    fn outcome(&mut self, whole: Loc, outcome: &MockOutcome) -> OutcomePlan {
        match outcome {
            MockOutcome::Value(value) => {
                OutcomePlan { kind: OutcomeKind::Value(expr(self, value)), loc: self.loc(value.span) }
            }
            MockOutcome::Fail { code, message } => {
                let message = message.as_ref().map(|message| expr(self, message));
                let loc = Loc { span: code.span, ..whole };
                OutcomePlan { kind: OutcomeKind::Fail { code: code.name.clone(), message }, loc }
            }
        }
    }

    /// A flow call gives a run, `now()` the time, anything else its value.
    fn bound(&mut self, name: &Ident, value: &Expr) -> Option<TestAction> {
        let loc = self.loc(value.span);
        if let ExprKind::Call { callee, args } = &value.unparen().kind {
            match self.lower.program.callee(self.module, callee) {
                Some(Callee::Flow(flow)) => return self.run(loc, name, flow, args),
                Some(Callee::Ambient(AmbientFn::Now)) => return Some(TestAction::Now { slot: self.bind(name) }),
                _ => {}
            }
        }
        let value = expr(self, value);
        Some(TestAction::Bind { slot: self.bind(name), value, loc })
    }

    fn run(&mut self, loc: Loc, name: &Ident, flow: usize, args: &[Arg]) -> Option<TestAction> {
        let decl = self.lower.program.flows.get(flow)?;
        let params: Vec<EcoString> = decl.params.iter().map(|param| param.name.clone()).collect();
        let placed = placed(self, &params, args, None);
        let args = record(params.iter().zip(placed));
        let plan = self.plan(flow)?;
        let slot = self.bind(name);
        Some(TestAction::Run(Box::new(RunPlan { name: name.name.clone(), slot, plan, args, loc })))
    }

    fn plan(&mut self, flow: usize) -> Option<Arc<Plan>> {
        if let Some(known) = self.plans.get(&flow) {
            return Some(Arc::clone(known));
        }
        let mut lower = Lower::new(self.lower.checked);
        let entry = lower.flow(flow);
        let plan = Arc::new(lower.finish(entry)?);
        self.plans.insert(flow, Arc::clone(&plan));
        Some(plan)
    }

    fn claim(&mut self, cond: &Expr) -> Claim {
        let bare = cond.unparen();
        let kind = match &bare.kind {
            ExprKind::Binary { op: BinaryOp::And, left, right, .. } => {
                ClaimKind::All(vec![self.claim(left), self.claim(right)])
            }
            ExprKind::Binary { op, left, right, .. } if compares(*op) => {
                ClaimKind::Compare { op: *op, left: self.operand(left), right: self.operand(right) }
            }
            _ => {
                let mut seen = Vec::new();
                self.looked_at(bare, &mut seen);
                ClaimKind::Holds(seen)
            }
        };
        Claim { cond: expr(self, cond), loc: self.loc(bare.span), kind }
    }

    fn operand(&mut self, value: &Expr) -> Operand {
        Operand { pure: expr(self, value), loc: self.loc(value.span), literal: is_literal(value) }
    }

    /// The values that an expression looks at: names with what is read of them, and what was called.
    fn looked_at(&mut self, value: &Expr, seen: &mut Vec<Operand>) {
        match &value.unparen().kind {
            ExprKind::Name(_) | ExprKind::Field { .. } | ExprKind::Index { .. } => seen.push(self.operand(value)),
            ExprKind::Call { args, .. } if self.probe(value).is_none() => {
                args.iter().for_each(|arg| self.looked_at(&arg.value, seen));
            }
            ExprKind::Call { .. } => seen.push(self.operand(value)),
            ExprKind::Unary { op: UnaryOp::Not | UnaryOp::Neg, operand } => self.looked_at(operand, seen),
            ExprKind::Binary { left, right, .. } => {
                self.looked_at(left, seen);
                self.looked_at(right, seen);
            }
            ExprKind::Pipe { value, .. } => self.looked_at(value, seen),
            ExprKind::Choose { cond, .. } => self.looked_at(cond, seen),
            ExprKind::Match { subject, .. } => self.looked_at(subject, seen),
            ExprKind::Comprehension { source, .. } => self.looked_at(source, seen),
            _ => {}
        }
    }
}

fn compares(op: BinaryOp) -> bool {
    use BinaryOp::{Eq, Ge, Gt, In, Le, Lt, Ne, NotIn};
    matches!(op, Eq | Ne | Lt | Le | Gt | Ge | In | NotIn)
}

/// Whether an expression is written out in full.
fn is_literal(value: &Expr) -> bool {
    match &value.unparen().kind {
        ExprKind::Lit(_) | ExprKind::Regex(_) => true,
        ExprKind::Unary { operand, .. } => is_literal(operand),
        ExprKind::List(items) => items.iter().all(|item| !item.spread && is_literal(&item.value)),
        ExprKind::Record(entries) => entries
            .iter()
            .all(|entry| matches!(entry, RecordEntry::Field { value: Some(value), .. } if is_literal(value))),
        ExprKind::Template(parts) => parts.iter().all(|part| matches!(part, Part::Text(_))),
        _ => false,
    }
}
