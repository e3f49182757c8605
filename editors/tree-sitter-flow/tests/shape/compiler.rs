//! The tree that the compiler's parser gives, as a list of nodes.

use super::Node;
use weir_lang::ast::*;
use weir_lang::span::Span;

/// Every node that is compared, in order.
pub fn shape(module: &Module) -> Vec<Node> {
    let mut shape = Shape(Vec::new());
    module.items.iter().for_each(|item| shape.item(item));
    shape.0.sort();
    shape.0
}

struct Shape(Vec<Node>);

impl Shape {
    fn add(&mut self, name: &'static str, span: Span) {
        self.0.push((name, span.start, span.end));
    }

    fn item(&mut self, item: &Item) {
        let name = match &item.kind {
            ItemKind::Use(_) => "use",
            ItemKind::Const(decl) => {
                self.expr(&decl.value);
                "const"
            }
            ItemKind::Type(decl) => {
                self.ty(&decl.ty);
                "type"
            }
            ItemKind::Tool(decl) => {
                self.params(&decl.params);
                decl.returns.iter().for_each(|ty| self.ty(ty));
                for attr in &decl.attrs {
                    match attr {
                        ToolAttr::Timeout(value) | ToolAttr::Costs(value) => self.expr(value),
                        ToolAttr::Can(paths) => self.can(paths),
                        _ => {}
                    }
                }
                "tool"
            }
            ItemKind::Flow(flow) => {
                self.flow(flow);
                "flow"
            }
            ItemKind::Policy(policy) => {
                policy.arms.iter().filter_map(|arm| arm.retry.as_ref()).for_each(|retry| self.retry(retry));
                policy.timeout.iter().for_each(|value| self.expr(value));
                "policy"
            }
            ItemKind::Campaign(campaign) => {
                campaign.parts.iter().for_each(|part| self.campaign_part(&part.kind));
                "campaign"
            }
            ItemKind::Test(test) => {
                test.steps.iter().for_each(|step| self.test_step(step));
                "test"
            }
            ItemKind::Error(_) => "error",
        };
        self.add(name, item.span);
    }

    /// The word `can` itself has no place in a tool's tree.
    fn can(&mut self, paths: &[CapabilityRef]) {
        if let (Some(first), Some(last)) = (paths.first(), paths.last()) {
            self.0.push(("can", first.path.span.start - 4, last.path.span.end));
        }
    }

    fn flow(&mut self, flow: &Flow) {
        self.params(&flow.params);
        flow.returns.iter().for_each(|ty| self.ty(ty));
        for clause in &flow.clauses {
            match &clause.kind {
                FlowClauseKind::Can(_) => self.add("can", clause.span),
                FlowClauseKind::Limit { count, per } => {
                    self.add("limit", clause.span);
                    self.expr(count);
                    self.expr(per);
                }
                FlowClauseKind::Concurrency { count, by } => {
                    self.add("concurrency", clause.span);
                    self.expr(count);
                    by.iter().for_each(|by| self.expr(by));
                }
                FlowClauseKind::Budget(parts) => {
                    self.add("budget", clause.span);
                    for part in parts {
                        let (BudgetPart::Calls(value)
                        | BudgetPart::Time(value)
                        | BudgetPart::Cost(value)
                        | BudgetPart::Depth(value)) = part;
                        self.expr(value);
                    }
                }
                FlowClauseKind::With(_) => self.add("with", clause.span),
                FlowClauseKind::Timeout(value)
                | FlowClauseKind::Priority(value)
                | FlowClauseKind::Sample(value)
                | FlowClauseKind::Model(value) => self.expr(value),
                _ => {}
            }
        }
        self.block(&flow.body);
    }

    fn params(&mut self, params: &[Param]) {
        for param in params {
            self.ty(&param.ty);
            param.default.iter().for_each(|value| self.expr(value));
        }
    }

    fn campaign_part(&mut self, part: &CampaignPartKind) {
        match part {
            CampaignPartKind::Cron { schedule, zone } => {
                self.expr(schedule);
                zone.iter().for_each(|zone| self.expr(zone));
            }
            CampaignPartKind::OnEvent { event: value, ty } | CampaignPartKind::OnWebhook { path: value, ty } => {
                self.expr(value);
                self.ty(ty);
            }
            CampaignPartKind::Run { args, .. } => self.args(args),
            CampaignPartKind::Every(value) | CampaignPartKind::Flag(value) | CampaignPartKind::Priority(value) => {
                self.expr(value);
            }
            CampaignPartKind::Delivery(_) | CampaignPartKind::Overlap(_) => {}
        }
    }

    fn test_step(&mut self, step: &TestStep) {
        match &step.kind {
            TestStepKind::Mock { args, outcomes, .. } => {
                args.iter().for_each(|args| self.args(args));
                for outcome in outcomes {
                    match outcome {
                        MockOutcome::Value(value) => self.expr(value),
                        MockOutcome::Fail { message, .. } => message.iter().for_each(|text| self.expr(text)),
                    }
                }
            }
            TestStepKind::Bind { value, .. } => {
                self.add("bind", step.span);
                self.expr(value);
            }
            TestStepKind::Expect(value) => self.expr(value),
            TestStepKind::Answer { question, value } => {
                [question, value].map(|one| self.expr(one)).into_iter().collect()
            }
            TestStepKind::Signal { event, key, value } => {
                [Some(event), key.as_ref(), Some(value)].into_iter().flatten().for_each(|one| self.expr(one));
            }
            TestStepKind::Crash(_) | TestStepKind::Error => {}
        }
    }

    fn block(&mut self, block: &Block) {
        self.add("block", block.span);
        block.steps.iter().for_each(|step| self.step(step));
    }

    fn step(&mut self, step: &Step) {
        let name = match &step.kind {
            StepKind::Bind { value, .. } => self.over(value, "bind"),
            StepKind::Expr(value) => self.over(value, "expression step"),
            StepKind::Yield(value) => self.over(value, "yield"),
            StepKind::Return(value) => {
                value.iter().for_each(|value| self.expr(value));
                "return"
            }
            StepKind::Require { cond, otherwise } => {
                self.expr(cond);
                if let Some(Otherwise::Reason(value) | Otherwise::Exit(value) | Otherwise::Drop(value)) = otherwise {
                    self.expr(value);
                }
                "require"
            }
            StepKind::Check { args, .. } => {
                self.args(args);
                "check"
            }
            StepKind::Wait(value) | StepKind::WaitUntil(value) => self.over(value, "wait"),
            StepKind::Next(value) => self.over(value, "next"),
            StepKind::Drop(value) => return self.expr(value),
            StepKind::Annotate(value) => self.over(value, "annotate"),
            StepKind::Key { key, .. } => self.over(key, "key step"),
            StepKind::Prompt(value) => self.over(value, "prompt"),
            StepKind::From { source, .. } => {
                match &source.kind {
                    ExprKind::Claused { value, clauses } => {
                        self.expr(value);
                        clauses.iter().for_each(|clause| self.clause(clause));
                    }
                    _ => self.expr(source),
                }
                "from"
            }
            StepKind::Merge { key, .. } => self.over(key, "merge"),
            StepKind::Error => "error",
        };
        self.add(name, step.span);
    }

    fn over(&mut self, value: &Expr, name: &'static str) -> &'static str {
        self.expr(value);
        name
    }

    fn clause(&mut self, clause: &Clause) {
        let name = match &clause.kind {
            ClauseKind::Retry(retry) => {
                self.retry(retry);
                "retry"
            }
            ClauseKind::Timeout(value) => return self.expr(value),
            ClauseKind::With(_) => "with",
            ClauseKind::Catch(arms) => {
                for arm in arms {
                    self.add("catch arm", arm.span);
                    self.arm(&arm.body);
                }
                "catch"
            }
            ClauseKind::Fallback(value) => self.over(value, "fallback"),
            ClauseKind::Optional => "optional",
            ClauseKind::Undo(value) => self.over(value, "undo"),
            ClauseKind::Final => "final",
            ClauseKind::Key { key, .. } => self.over(key, "key"),
            ClauseKind::Until { cond, every, within } => {
                [Some(cond), every.as_ref(), within.as_ref()].into_iter().flatten().for_each(|one| self.expr(one));
                "until"
            }
            ClauseKind::From(value) => self.over(value, "from clause"),
        };
        self.add(name, clause.span);
    }

    fn retry(&mut self, retry: &Retry) {
        retry.count.iter().for_each(|count| self.expr(count));
        if let Some((lo, hi)) = &retry.backoff {
            self.add("range", lo.span.to(hi.span));
            self.expr(lo);
            self.expr(hi);
        }
    }

    fn arm(&mut self, body: &ArmBody) {
        match body {
            ArmBody::Expr(value) => self.expr(value),
            ArmBody::Block(block) => self.block(block),
        }
    }

    fn args(&mut self, args: &[Arg]) {
        args.iter().for_each(|arg| self.expr(&arg.value));
    }

    fn all<'a>(&mut self, values: impl IntoIterator<Item = &'a Expr>) {
        values.into_iter().for_each(|value| self.expr(value));
    }

    fn expr(&mut self, expr: &Expr) {
        let name = match &expr.kind {
            ExprKind::Lit(_) | ExprKind::Name(_) | ExprKind::Regex(_) => return,
            ExprKind::Template(parts) => {
                for part in parts {
                    if let Part::Expr(value) = part {
                        self.expr(value);
                    }
                }
                return;
            }
            ExprKind::Field { base, .. } => self.over(base, "field"),
            ExprKind::Index { base, index } => {
                self.all([&**base, index]);
                "index"
            }
            ExprKind::Call { callee, args } => {
                self.callee(callee);
                self.args(args);
                "call"
            }
            ExprKind::Unary { operand, .. } => self.over(operand, "unary"),
            ExprKind::Binary { left, right, .. } => {
                self.all([&**left, right]);
                "binary"
            }
            ExprKind::Range { lo, hi } => {
                self.all([&**lo, hi]);
                "range"
            }
            ExprKind::Choose { cond, then, otherwise } => {
                self.all([&**cond, then, otherwise]);
                "choose"
            }
            ExprKind::If { cond, then, otherwise } => {
                self.expr(cond);
                self.block(then);
                match otherwise.as_ref().map(|block| (block, block.steps.as_slice())) {
                    Some((block, [Step { kind: StepKind::Expr(inner), .. }]))
                        if block.span == inner.span && matches!(inner.kind, ExprKind::If { .. }) =>
                    {
                        self.expr(inner);
                    }
                    Some((block, _)) => self.block(block),
                    None => {}
                }
                "if"
            }
            ExprKind::Match { subject, arms } => {
                self.expr(subject);
                for arm in arms {
                    self.add("match arm", arm.span);
                    arm.patterns.iter().for_each(|pattern| self.add("pattern", pattern.span));
                    arm.guard.iter().for_each(|guard| self.expr(guard));
                    self.arm(&arm.body);
                }
                "match"
            }
            ExprKind::List(items) => {
                self.all(items.iter().map(|item| &item.value));
                "list"
            }
            ExprKind::Comprehension { value, source, cond, .. } => {
                self.all([Some(value), Some(source), cond.as_ref()].into_iter().flatten().map(|one| &**one));
                "comprehension"
            }
            ExprKind::Record(entries) => {
                for entry in entries {
                    match entry {
                        RecordEntry::Field { value, .. } => self.all(value),
                        RecordEntry::Spread(value) => self.expr(value),
                    }
                }
                "record"
            }
            ExprKind::Lambda { body, .. } => self.over(body, "lambda"),
            ExprKind::Cast { value, ty, .. } => {
                self.expr(value);
                self.ty(ty);
                "cast"
            }
            ExprKind::Pipe { value, stage } => {
                self.expr(value);
                self.args(&stage.args);
                self.add("stage", stage.span);
                "pipe"
            }
            ExprKind::Claused { value, clauses } => {
                self.expr(value);
                clauses.iter().for_each(|clause| self.clause(clause));
                "claused"
            }
            ExprKind::For { source, parallel, body, .. } => {
                self.expr(source);
                self.all(parallel.iter().map(|one| &**one));
                self.block(body);
                "for"
            }
            ExprKind::Repeat { init, at_most, body, .. } => {
                self.all([&**init, at_most]);
                self.block(body);
                "repeat"
            }
            ExprKind::Ask { question: value, ty } => {
                self.expr(value);
                self.ty(ty);
                "ask"
            }
            ExprKind::Receive { event: value, ty } => {
                self.expr(value);
                self.ty(ty);
                "receive"
            }
            ExprKind::Start { args, delay, .. } => {
                self.args(args);
                if let Some(Delay::After(value) | Delay::At(value)) = delay {
                    self.expr(value);
                }
                "start"
            }
            ExprKind::Block(value) => self.over(value, "block exit"),
            ExprKind::Fail { message, .. } => self.over(message, "fail"),
            ExprKind::Paren(value) => self.over(value, "parenthesized"),
            ExprKind::Error => "error",
        };
        self.add(name, expr.span);
    }

    /// `a.b.c(` calls one path for the compiler, a field of a field for an editor.
    fn callee(&mut self, callee: &Path) {
        for part in callee.parts.iter().skip(1) {
            self.0.push(("field", callee.span.start, part.span.end));
        }
    }

    fn ty(&mut self, ty: &TypeExpr) {
        let name = match &ty.kind {
            TypeExprKind::Name(_) => "type name",
            TypeExprKind::Literal(_) => return,
            TypeExprKind::List(inner) => self.over_type(inner, "list type"),
            TypeExprKind::Map(inner) => self.over_type(inner, "map type"),
            TypeExprKind::Record(fields) => {
                fields.iter().for_each(|field| self.ty(&field.ty));
                "record type"
            }
            TypeExprKind::Union(members) => {
                members.iter().for_each(|member| self.ty(member));
                "union type"
            }
            TypeExprKind::Intersection(members) => {
                members.iter().for_each(|member| self.ty(member));
                "intersection type"
            }
            TypeExprKind::Nullable(inner) => self.over_type(inner, "nullable type"),
            TypeExprKind::Matching(inner, _) => self.over_type(inner, "matching type"),
            TypeExprKind::Within(inner, ..) => self.over_type(inner, "bounded type"),
            TypeExprKind::Marked(_, inner) => self.over_type(inner, "marked type"),
            TypeExprKind::Paren(inner) => return self.ty(inner),
            TypeExprKind::Error => "error",
        };
        self.add(name, ty.span);
    }

    fn over_type(&mut self, inner: &TypeExpr, name: &'static str) -> &'static str {
        self.ty(inner);
        name
    }
}
