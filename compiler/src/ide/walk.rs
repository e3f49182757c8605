//! Every expression and step of a module, for questions that look at all of them.

use weir_lang::ast::{
    Arg, ArmBody, Block, CampaignPartKind, Clause, ClauseKind, Delay, Expr, ExprKind, FlowClauseKind, ItemKind,
    MockOutcome, Module, Otherwise, Part, RecordEntry, Step, StepKind, TestStepKind,
};

/// What is met on the way: a step, a block, an expression.
pub enum Met<'a> {
    /// A block, before its steps.
    Block(&'a Block),
    /// A step, before its parts.
    Step(&'a Step),
    /// An expression, before its parts.
    Expr(&'a Expr),
}

/// Every expression.
pub fn exprs<'a>(module: &'a Module, visit: &mut dyn FnMut(&'a Expr)) {
    all(module, &mut |met| {
        if let Met::Expr(expr) = met {
            visit(expr);
        }
    });
}

/// Everything in a module.
pub fn all<'a>(module: &'a Module, visit: &mut dyn FnMut(Met<'a>)) {
    let mut walk = Walk { visit };
    for item in &module.items {
        walk.item(&item.kind);
    }
}

struct Walk<'v, 'a> {
    visit: &'v mut dyn FnMut(Met<'a>),
}

impl<'a> Walk<'_, 'a> {
    fn item(&mut self, item: &'a ItemKind) {
        match item {
            ItemKind::Const(decl) => self.expr(&decl.value),
            ItemKind::Flow(flow) => {
                flow.params.iter().filter_map(|param| param.default.as_ref()).for_each(|expr| self.expr(expr));
                for clause in &flow.clauses {
                    if let FlowClauseKind::Concurrency { by: Some(by), .. } = &clause.kind {
                        self.expr(by);
                    }
                }
                self.block(&flow.body);
            }
            ItemKind::Campaign(campaign) => {
                for part in &campaign.parts {
                    if let CampaignPartKind::Run { args, .. } = &part.kind {
                        self.args(args);
                    }
                }
            }
            ItemKind::Test(test) => test.steps.iter().for_each(|step| self.test_step(&step.kind)),
            ItemKind::Use(_) | ItemKind::Type(_) | ItemKind::Tool(_) | ItemKind::Policy(_) | ItemKind::Error(_) => {}
        }
    }

    fn test_step(&mut self, step: &'a TestStepKind) {
        match step {
            TestStepKind::Mock { args, outcomes, .. } => {
                args.iter().for_each(|args| self.args(args));
                for outcome in outcomes {
                    if let MockOutcome::Value(value) = outcome {
                        self.expr(value);
                    }
                }
            }
            TestStepKind::Bind { value, .. } | TestStepKind::Expect(value) => self.expr(value),
            TestStepKind::Answer { question, value } => {
                self.expr(question);
                self.expr(value);
            }
            TestStepKind::Signal { event, key, value } => {
                self.expr(event);
                key.iter().for_each(|key| self.expr(key));
                self.expr(value);
            }
            TestStepKind::Crash(_) | TestStepKind::Error => {}
        }
    }

    fn args(&mut self, args: &'a [Arg]) {
        args.iter().for_each(|arg| self.expr(&arg.value));
    }

    fn block(&mut self, block: &'a Block) {
        (self.visit)(Met::Block(block));
        for step in &block.steps {
            self.step(step);
        }
    }

    fn step(&mut self, step: &'a Step) {
        (self.visit)(Met::Step(step));
        match &step.kind {
            StepKind::Bind { value: expr, .. }
            | StepKind::Expr(expr)
            | StepKind::Yield(expr)
            | StepKind::Return(Some(expr))
            | StepKind::Wait(expr)
            | StepKind::WaitUntil(expr)
            | StepKind::Next(expr)
            | StepKind::Drop(expr)
            | StepKind::Annotate(expr)
            | StepKind::Key { key: expr, .. }
            | StepKind::Prompt(expr)
            | StepKind::From { source: expr, .. }
            | StepKind::Merge { key: expr, .. } => self.expr(expr),
            StepKind::Require { cond, otherwise } => {
                self.expr(cond);
                match otherwise {
                    Some(Otherwise::Reason(expr) | Otherwise::Exit(expr) | Otherwise::Drop(expr)) => self.expr(expr),
                    None => {}
                }
            }
            StepKind::Check { args, .. } => self.args(args),
            StepKind::Return(None) | StepKind::Error => {}
        }
    }

    fn arm(&mut self, body: &'a ArmBody) {
        match body {
            ArmBody::Expr(expr) => self.expr(expr),
            ArmBody::Block(block) => self.block(block),
        }
    }

    fn clause(&mut self, clause: &'a Clause) {
        match &clause.kind {
            ClauseKind::Catch(arms) => arms.iter().for_each(|arm| self.arm(&arm.body)),
            ClauseKind::Timeout(expr)
            | ClauseKind::Fallback(expr)
            | ClauseKind::Undo(expr)
            | ClauseKind::From(expr)
            | ClauseKind::Key { key: expr, .. } => self.expr(expr),
            ClauseKind::Until { cond, every, within } => {
                self.expr(cond);
                every.iter().chain(within).for_each(|expr| self.expr(expr));
            }
            ClauseKind::Retry(_) | ClauseKind::With(_) | ClauseKind::Optional | ClauseKind::Final => {}
        }
    }

    fn expr(&mut self, expr: &'a Expr) {
        (self.visit)(Met::Expr(expr));
        match &expr.kind {
            ExprKind::Lit(_) | ExprKind::Regex(_) | ExprKind::Name(_) | ExprKind::Error => {}
            ExprKind::Template(parts) => parts.iter().for_each(|part| {
                if let Part::Expr(expr) = part {
                    self.expr(expr);
                }
            }),
            ExprKind::Field { base: inner, .. }
            | ExprKind::Unary { operand: inner, .. }
            | ExprKind::Cast { value: inner, .. }
            | ExprKind::Lambda { body: inner, .. }
            | ExprKind::Ask { question: inner, .. }
            | ExprKind::Receive { event: inner, .. }
            | ExprKind::Block(inner)
            | ExprKind::Fail { message: inner, .. }
            | ExprKind::Paren(inner) => self.expr(inner),
            ExprKind::Index { base: left, index: right }
            | ExprKind::Binary { left, right, .. }
            | ExprKind::Range { lo: left, hi: right } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Call { args, .. } => self.args(args),
            ExprKind::Choose { cond, then, otherwise } => {
                self.expr(cond);
                self.expr(then);
                self.expr(otherwise);
            }
            ExprKind::If { cond, then, otherwise } => {
                self.expr(cond);
                self.block(then);
                otherwise.iter().for_each(|block| self.block(block));
            }
            ExprKind::Match { subject, arms } => {
                self.expr(subject);
                for arm in arms {
                    arm.guard.iter().for_each(|guard| self.expr(guard));
                    self.arm(&arm.body);
                }
            }
            ExprKind::List(items) => items.iter().for_each(|item| self.expr(&item.value)),
            ExprKind::Comprehension { value, source, cond, .. } => {
                self.expr(source);
                self.expr(value);
                cond.iter().for_each(|cond| self.expr(cond));
            }
            ExprKind::Record(entries) => entries.iter().for_each(|entry| match entry {
                RecordEntry::Field { value: Some(value), .. } | RecordEntry::Spread(value) => self.expr(value),
                RecordEntry::Field { value: None, .. } => {}
            }),
            ExprKind::Pipe { value, stage } => {
                self.expr(value);
                self.args(&stage.args);
            }
            ExprKind::Claused { value, clauses } => {
                self.expr(value);
                clauses.iter().for_each(|clause| self.clause(clause));
            }
            ExprKind::For { source, parallel, body, .. } => {
                self.expr(source);
                parallel.iter().for_each(|parallel| self.expr(parallel));
                self.block(body);
            }
            ExprKind::Repeat { init, at_most, body, .. } => {
                self.expr(init);
                self.expr(at_most);
                self.block(body);
            }
            ExprKind::Start { args, delay, .. } => {
                self.args(args);
                match delay {
                    Some(Delay::After(when) | Delay::At(when)) => self.expr(when),
                    None => {}
                }
            }
        }
    }
}
