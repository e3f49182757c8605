//! `test` blocks: mocks against schemas, runs, expectations.

use super::Checker;
use super::body::Body;
use super::errors;
use super::program::{AmbientFn, Callee};
use ecow::EcoString;
use weir_lang::ast::{Arg, Expr, ExprKind, ItemKind, MockOutcome, Path, TestStep, TestStepKind};
use weir_lang::types::Type;

impl Checker {
    pub(super) fn check_tests(&mut self) {
        for module in 0..self.program.modules.len() {
            let Some(ast) = self.program.modules.get(module).map(|module| module.ast.clone()) else { continue };
            for item in &ast.items {
                if let ItemKind::Test(test) = &item.kind {
                    let mut body = Body::new(self, module, None);
                    body.test = true;
                    let mark = body.scope.enter();
                    test.steps.iter().for_each(|step| body.test_step(step));
                    body.leave(mark);
                    body.finish(item.span);
                    test.steps.iter().for_each(|step| self.check_test_purity(module, step));
                }
            }
        }
    }
}

impl Checker {
    /// A flow is run by a step of its own, `name = flow(…)`; everything else in a test only computes.
    fn check_test_purity(&mut self, module: usize, step: &TestStep) {
        let mut exprs: Vec<&Expr> = Vec::new();
        match &step.kind {
            TestStepKind::Mock { args, outcomes, .. } => {
                exprs.extend(args.iter().flatten().map(|arg| &arg.value));
                exprs.extend(outcomes.iter().filter_map(|outcome| match outcome {
                    MockOutcome::Value(value) => Some(value),
                    MockOutcome::Fail { message, .. } => message.as_ref(),
                }));
            }
            TestStepKind::Bind { value, .. } => match &value.unparen().kind {
                ExprKind::Call { callee, args } if self.runs(module, callee) => {
                    exprs.extend(args.iter().map(|arg| &arg.value));
                }
                ExprKind::Claused { value: call, .. } if self.is_flow_call(module, call) => {
                    let loc = self.program.loc(module, value.span);
                    self.report(errors::invalid_clause(
                        loc,
                        "a run in a test takes no clauses",
                        "put them on the calls in the flow; a test says `run = flow(…)`",
                    ));
                }
                _ => exprs.push(value),
            },
            TestStepKind::Expect(value) => exprs.push(value),
            TestStepKind::Answer { question, value } => exprs.extend([question, value]),
            TestStepKind::Signal { event, key, value } => exprs.extend([event, value].into_iter().chain(key)),
            TestStepKind::Crash(_) | TestStepKind::Error => {}
        }
        for expr in exprs {
            if crate::lower::has_blocks(expr) {
                let loc = self.program.loc(module, expr.span);
                self.report(errors::impure_step(loc, "a block of steps", "a test"));
            } else {
                self.require_pure(module, expr, "a test");
            }
        }
    }

    fn is_flow_call(&self, module: usize, call: &Expr) -> bool {
        matches!(&call.unparen().kind, ExprKind::Call { callee, .. }
            if matches!(self.program.callee(module, callee), Some(Callee::Flow(_))))
    }

    /// Whether a step of a test may call it: a flow, or `now()`.
    fn runs(&self, module: usize, callee: &Path) -> bool {
        matches!(self.program.callee(module, callee), Some(Callee::Flow(_) | Callee::Ambient(AmbientFn::Now)))
    }
}

impl Body<'_> {
    fn test_step(&mut self, step: &TestStep) {
        match &step.kind {
            TestStepKind::Mock { tool, args, outcomes } => self.mock(tool, args.as_deref(), outcomes),
            TestStepKind::Bind { name, value } => {
                let run = self.checker.is_flow_call(self.module, value);
                let ty = self.infer(value, None);
                self.bind(name, if run { Checker::run_type(ty) } else { ty }, !run);
            }
            TestStepKind::Expect(expr) => self.condition(expr, "`expect`"),
            TestStepKind::Answer { question, value } => {
                self.text(question);
                self.infer(value, None);
            }
            TestStepKind::Signal { event, key, value } => {
                self.text(event);
                if let Some(key) = key {
                    self.key_value(key);
                }
                self.infer(value, None);
            }
            TestStepKind::Crash(path) => {
                self.tool_or_report(path);
            }
            TestStepKind::Error => {}
        }
    }

    fn tool_or_report(&mut self, path: &Path) -> Option<EcoString> {
        match self.checker.program.callee(self.module, path) {
            Some(Callee::Tool(tool)) => Some(tool),
            _ => {
                let diagnostic = self.checker.absent_tool(self.loc(path.span), &path.text());
                diagnostic.into_iter().for_each(|diagnostic| self.report(diagnostic));
                None
            }
        }
    }

    fn mock(&mut self, path: &Path, args: Option<&[Arg]>, outcomes: &[MockOutcome]) {
        let tool = self.tool_or_report(path);
        let output =
            tool.as_ref().and_then(|tool| self.checker.program.tools.get(tool)).map(|tool| tool.output.clone());
        let codes = tool.as_ref().and_then(|tool| self.checker.program.tools.get(tool)).map(|tool| tool.codes.clone());
        if let (Some(tool), Some(args)) = (&tool, args) {
            let mut params = self.checker.program.tool_params(tool);
            params.iter_mut().for_each(|param| param.optional = true);
            self.arguments(tool, &params, args, None, path.span);
        }
        for outcome in outcomes {
            match outcome {
                MockOutcome::Value(value) => match &output {
                    // A tool that gives nothing may be mocked like any other: what it answers is left out.
                    Some(Type::Null) if is_empty_record(value) => {
                        self.infer(value, None);
                    }
                    Some(output) => {
                        self.expect(value, output, &format!("the result of `{}`", path.text()));
                    }
                    None => {
                        self.infer(value, None);
                    }
                },
                MockOutcome::Fail { code, message } => {
                    self.check_code(code, codes.as_deref().unwrap_or(&[]));
                    if let Some(message) = message {
                        self.text(message);
                    }
                }
            }
        }
    }

    /// `calls(tool)`: the arguments of each call; `attempts(tool)`: how many there were.
    pub(super) fn tool_counts(&mut self, name: &str, callee: &Path, args: &[Arg]) -> Type {
        let [Arg { name: None, value }] = args else {
            let loc = self.loc(callee.span);
            self.report(errors::invalid_clause(
                loc,
                format!("`{name}` wants one tool"),
                &format!("`{name}(crm.search)`"),
            ));
            return Type::Broken;
        };
        let tool = tool_path(value).and_then(|path| self.tool_or_report(&path));
        match (name, tool.and_then(|tool| self.checker.program.tools.get(&tool))) {
            (_, None) => Type::Broken,
            ("attempts", Some(_)) => Type::INT,
            (_, Some(tool)) => Type::list(super::types::input_type(tool)),
        }
    }
}

fn is_empty_record(value: &Expr) -> bool {
    matches!(&value.unparen().kind, ExprKind::Record(entries) if entries.is_empty())
}

/// `crm.search` as the path that it is.
pub(crate) fn tool_path(expr: &Expr) -> Option<Path> {
    match &expr.kind {
        ExprKind::Name(name) => Some(Path { parts: vec![name.clone()], span: expr.span }),
        ExprKind::Field { base, name, .. } => {
            let mut path = tool_path(base)?;
            path.parts.push(name.clone());
            path.span = expr.span;
            Some(path)
        }
        _ => None,
    }
}
