//! A flow's body reduced to what has consequences: calls, waits and exits in the order in which they happen, with
//! their clauses, inside branches and loops. Roles, capabilities, sagas and order are judged on this.

use super::program::{AmbientFn, Callee, Program};
use ecow::EcoString;
use weir_lang::ast::{
    Arg, ArmBody, Block, Clause, ClauseKind, Delay, Expr, ExprKind, Otherwise, Part, Path, RecordEntry, Step, StepKind,
};
use weir_lang::span::Span;

/// One thing with consequences, or a structure of them.
#[derive(Clone, Debug)]
pub enum Node<'a> {
    /// One thing.
    Site(Site<'a>),
    /// Exactly one (or none) of these happens.
    Branch(Vec<Vec<Node<'a>>>),
    /// Happens any number of times.
    Loop { parallel: bool, body: Vec<Node<'a>> },
}

/// One thing with consequences.
#[derive(Clone, Debug)]
pub struct Site<'a> {
    /// What.
    pub kind: SiteKind,
    /// The call, `wait`, `require`, …
    pub span: Span,
    /// Its clauses.
    pub clauses: &'a [Clause],
    /// Inside a lambda, comprehension or guard: which.
    pub pure_place: Option<&'static str>,
    /// What its `undo` calls.
    pub undo: Option<Callee>,
    /// Where the `undo` call stands.
    pub undo_span: Span,
}

/// The kinds of [`Site`].
#[derive(Clone, Debug, PartialEq)]
pub enum SiteKind {
    /// A tool is called.
    Tool(EcoString),
    /// A flow is called.
    Flow(usize),
    /// A validator is run by `check`.
    Check(usize),
    /// A flow is started.
    Start(usize),
    /// `ask`
    Ask,
    /// `receive`
    Receive,
    /// `wait`
    Wait,
    /// `now()` and its like
    Ambient(AmbientFn),
    /// `require`
    Require,
    /// `fail`, `block`
    Raise,
    /// `return`
    Return,
    /// `key` of a delivery
    Key,
    /// `yield`
    Yield,
    /// `drop`, `annotate`
    Report,
    /// `from`
    From,
    /// `merge`
    Merge,
    /// `prompt`
    Prompt,
    /// `x as T`, only in [`with_failures`]: it may not be one
    Cast,
    /// `a / b`, `a % b`, only in [`with_failures`]: `b` may be zero
    Division,
}

impl Site<'_> {
    /// Whether it has a clause of that kind.
    pub fn has(&self, is: impl Fn(&ClauseKind) -> bool) -> bool {
        self.clauses.iter().any(|clause| is(&clause.kind))
    }

    /// Whether it says how to take it back, or that it is final.
    pub fn settled(&self) -> bool {
        self.has(|kind| matches!(kind, ClauseKind::Undo(_) | ClauseKind::Final))
    }

    /// Whether it is the point of no return.
    pub fn is_final(&self) -> bool {
        self.has(|kind| matches!(kind, ClauseKind::Final))
    }
}

/// The call under field accesses and parentheses.
pub fn core_of(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Field { base, .. } => {
            let core = core_of(base);
            if matches!(core.kind, ExprKind::Call { .. } | ExprKind::Pipe { .. } | ExprKind::Receive { .. }) {
                core
            } else {
                expr
            }
        }
        ExprKind::Paren(inner) => core_of(inner),
        _ => expr,
    }
}

/// Whether a block always leaves the flow (or the round).
pub fn always_leaves(block: &Block) -> bool {
    block.steps.iter().any(leaves_step)
}

/// Whether a step always leaves.
pub fn leaves_step(step: &Step) -> bool {
    match &step.kind {
        StepKind::Return(_) | StepKind::Drop(_) => true,
        StepKind::Expr(expr) | StepKind::Bind { value: expr, .. } => expr_leaves(expr),
        _ => false,
    }
}

fn expr_leaves(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Block(_) | ExprKind::Fail { .. } => true,
        ExprKind::Paren(inner) => expr_leaves(inner),
        ExprKind::If { then, otherwise: Some(otherwise), .. } => always_leaves(then) && always_leaves(otherwise),
        ExprKind::Match { arms, .. } => arms.iter().all(|arm| match &arm.body {
            ArmBody::Expr(expr) => expr_leaves(expr),
            ArmBody::Block(block) => always_leaves(block),
        }),
        _ => false,
    }
}

/// Every value that the rounds of a loop yield, those of loops inside left out.
pub fn each_yield<'a>(body: &'a Block, visit: &mut dyn FnMut(&'a Expr)) {
    for step in &body.steps {
        match &step.kind {
            StepKind::Yield(value) => visit(value),
            StepKind::Expr(expr) | StepKind::Bind { value: expr, .. } => yields_of(expr, visit),
            _ => {}
        }
    }
}

fn yields_of<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    match &expr.kind {
        ExprKind::If { then, otherwise, .. } => {
            each_yield(then, visit);
            otherwise.iter().for_each(|block| each_yield(block, visit));
        }
        ExprKind::Match { arms, .. } => {
            for arm in arms {
                if let ArmBody::Block(block) = &arm.body {
                    each_yield(block, visit);
                }
            }
        }
        _ => {}
    }
}

/// The outline of a body, seen from its module.
pub fn outline<'a>(program: &'a Program, module: usize, body: &'a Block) -> Vec<Node<'a>> {
    let mut walk = Walk { program, module, pure_place: None, failures: None };
    let mut out = Vec::new();
    walk.block(body, &mut out);
    out
}

/// The outline of a body in which pure expressions that may fail are sites, too. They have the clauses of the call whose
/// arguments they stand in, since those handle their failure.
pub fn with_failures<'a>(program: &'a Program, module: usize, body: &'a Block) -> Vec<Node<'a>> {
    let mut walk = Walk { program, module, pure_place: None, failures: Some(Failures::default()) };
    let mut out = Vec::new();
    walk.block(body, &mut out);
    out
}

/// The outline of one expression.
pub fn outline_expr<'a>(program: &'a Program, module: usize, expr: &'a Expr) -> Vec<Node<'a>> {
    let mut walk = Walk { program, module, pure_place: None, failures: None };
    let mut out = Vec::new();
    walk.expr(expr, &[], &mut out);
    out
}

/// Every site, in order.
pub fn sites<'n, 'a>(nodes: &'n [Node<'a>], visit: &mut dyn FnMut(&'n Site<'a>)) {
    for node in nodes {
        match node {
            Node::Site(site) => visit(site),
            Node::Branch(arms) => arms.iter().for_each(|arm| sites(arm, visit)),
            Node::Loop { body, .. } => sites(body, visit),
        }
    }
}

struct Walk<'a> {
    program: &'a Program,
    module: usize,
    pure_place: Option<&'static str>,
    failures: Option<Failures<'a>>,
}

/// What is known where a pure expression may fail.
#[derive(Default)]
struct Failures<'a> {
    /// The clauses of the call around it.
    clauses: &'a [Clause],
    /// What conditions around it say to be no zero, as [`super::zero::spelling`] writes it.
    not_zero: Vec<String>,
}

impl<'a> Walk<'a> {
    /// Walks the arguments of a call with those clauses.
    fn call_args(&mut self, args: &'a [Arg], clauses: &'a [Clause], out: &mut Vec<Node<'a>>) {
        let before = self.failures.as_mut().map(|failures| std::mem::replace(&mut failures.clauses, clauses));
        self.args(args, out);
        if let (Some(failures), Some(before)) = (&mut self.failures, before) {
            failures.clauses = before;
        }
    }

    /// Walks what is only reached where a condition holds, or where it does not.
    fn guarded(&mut self, cond: &'a Expr, holds: bool, walk: impl FnOnce(&mut Self)) {
        let known = self.failures.as_mut().map(|failures| {
            let known = failures.not_zero.len();
            super::zero::not_zero(cond, holds, &mut failures.not_zero);
            known
        });
        walk(self);
        if let (Some(failures), Some(known)) = (&mut self.failures, known) {
            failures.not_zero.truncate(known);
        }
    }

    fn may_fail(&self, kind: SiteKind, span: Span, out: &mut Vec<Node<'a>>) {
        if let Some(failures) = &self.failures {
            self.site(kind, span, failures.clauses, out);
        }
    }

    fn may_be_zero(&self, divisor: &Expr) -> bool {
        let constant = self.program.constant_f64(self.module, divisor).is_some_and(|value| value != 0.0)
            || self.program.constant_ms(self.module, divisor).is_some_and(|ms| ms != 0);
        let known = |failures: &Failures| {
            super::zero::spelling(divisor).is_some_and(|divisor| failures.not_zero.contains(&divisor))
        };
        !constant && !self.failures.as_ref().is_some_and(known)
    }

    fn site(&self, kind: SiteKind, span: Span, clauses: &'a [Clause], out: &mut Vec<Node<'a>>) {
        let undo = clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::Undo(call) => Some(core_of(call)),
            _ => None,
        });
        let undo_callee = undo.and_then(|call| match &call.kind {
            ExprKind::Call { callee, .. } => self.program.callee(self.module, callee),
            _ => None,
        });
        let undo_span = undo.map(|call| call.span).unwrap_or_default();
        out.push(Node::Site(Site { kind, span, clauses, pure_place: self.pure_place, undo: undo_callee, undo_span }));
    }

    fn block(&mut self, block: &'a Block, out: &mut Vec<Node<'a>>) {
        for step in &block.steps {
            self.step(step, out);
        }
    }

    fn step(&mut self, step: &'a Step, out: &mut Vec<Node<'a>>) {
        let mut then = |walk: &Self, kind: SiteKind| walk.site(kind, step.span, &[], out);
        match &step.kind {
            StepKind::Bind { value, .. } | StepKind::Expr(value) => self.expr(value, &[], out),
            StepKind::Yield(value) => {
                self.expr(value, &[], out);
                self.site(SiteKind::Yield, step.span, &[], out);
            }
            StepKind::Next(value) => self.expr(value, &[], out),
            StepKind::Return(value) => {
                if let Some(value) = value {
                    self.expr(value, &[], out);
                }
                self.site(SiteKind::Return, step.span, &[], out);
            }
            StepKind::Require { cond, otherwise } => {
                self.expr(cond, &[], out);
                match otherwise {
                    Some(Otherwise::Reason(expr) | Otherwise::Drop(expr)) => self.expr(expr, &[], out),
                    Some(Otherwise::Exit(exit)) => self.exit_parts(exit, out),
                    None => {}
                }
                let kind = match otherwise {
                    Some(Otherwise::Drop(_)) => SiteKind::Report,
                    _ => SiteKind::Require,
                };
                self.site(kind, step.span, &[], out);
            }
            StepKind::Check { callee, args } => {
                self.args(args, out);
                if let Some(Callee::Flow(flow)) = self.program.callee(self.module, callee) {
                    self.site(SiteKind::Check(flow), step.span, &[], out);
                }
            }
            StepKind::Wait(value) | StepKind::WaitUntil(value) => {
                self.expr(value, &[], out);
                self.site(SiteKind::Wait, step.span, &[], out);
            }
            StepKind::Drop(_) | StepKind::Annotate(_) => then(self, SiteKind::Report),
            StepKind::Key { key, .. } => {
                self.expr(key, &[], out);
                self.site(SiteKind::Key, step.span, &[], out);
            }
            StepKind::Prompt(text) => {
                self.expr(text, &[], out);
                self.site(SiteKind::Prompt, step.span, &[], out);
            }
            StepKind::From { source, .. } => {
                self.expr(source, &[], out);
                self.site(SiteKind::From, step.span, &[], out);
            }
            StepKind::Merge { .. } => then(self, SiteKind::Merge),
            StepKind::Error => {}
        }
    }

    /// Parts of a `fail` or `block` behind `else`, without the exit itself.
    fn exit_parts(&mut self, exit: &'a Expr, out: &mut Vec<Node<'a>>) {
        match &exit.kind {
            ExprKind::Block(text) | ExprKind::Fail { message: text, .. } => self.expr(text, &[], out),
            _ => self.expr(exit, &[], out),
        }
    }

    fn args(&mut self, args: &'a [Arg], out: &mut Vec<Node<'a>>) {
        for arg in args {
            self.expr(&arg.value, &[], out);
        }
    }

    fn pure(&mut self, place: &'static str, expr: &'a Expr, out: &mut Vec<Node<'a>>) {
        let before = self.pure_place.replace(place);
        self.expr(expr, &[], out);
        self.pure_place = before;
    }

    fn call(&mut self, callee: &'a Path, span: Span, clauses: &'a [Clause], out: &mut Vec<Node<'a>>) {
        match self.program.callee(self.module, callee) {
            Some(Callee::Tool(tool)) => self.site(SiteKind::Tool(tool), span, clauses, out),
            Some(Callee::Flow(flow)) => self.site(SiteKind::Flow(flow), span, clauses, out),
            Some(Callee::Ambient(ambient)) => self.site(SiteKind::Ambient(ambient), span, clauses, out),
            Some(Callee::Function(_)) | None => {}
        }
    }

    fn clauses(&mut self, clauses: &'a [Clause], out: &mut Vec<Node<'a>>) {
        for clause in clauses {
            match &clause.kind {
                ClauseKind::Catch(arms) => {
                    let mut branches = vec![Vec::new()];
                    for arm in arms {
                        let mut body = Vec::new();
                        self.arm(&arm.body, &mut body);
                        branches.push(body);
                    }
                    push_branch(branches, out);
                }
                ClauseKind::Fallback(value) => {
                    let mut body = Vec::new();
                    self.expr(value, &[], &mut body);
                    push_branch(vec![Vec::new(), body], out);
                }
                _ => {}
            }
        }
    }

    fn arm(&mut self, body: &'a ArmBody, out: &mut Vec<Node<'a>>) {
        match body {
            ArmBody::Expr(expr) => self.expr(expr, &[], out),
            ArmBody::Block(block) => self.block(block, out),
        }
    }

    #[allow(clippy::too_many_lines, reason = "one line a form of expression")]
    fn expr(&mut self, expr: &'a Expr, clauses: &'a [Clause], out: &mut Vec<Node<'a>>) {
        match &expr.kind {
            ExprKind::Claused { value, clauses } => {
                self.expr(value, clauses, out);
                self.clauses(clauses, out);
            }
            ExprKind::Paren(inner) => self.expr(inner, clauses, out),
            ExprKind::Field { base, .. } => self.expr(base, clauses, out),
            ExprKind::Call { callee, args } => {
                self.call_args(args, clauses, out);
                self.call(callee, expr.span, clauses, out);
            }
            ExprKind::Pipe { value, stage } => {
                self.expr(value, &[], out);
                self.call_args(&stage.args, clauses, out);
                match self.program.callee(self.module, &stage.callee) {
                    Some(Callee::Flow(flow)) if stage.check => {
                        self.site(SiteKind::Check(flow), stage.span, clauses, out)
                    }
                    _ => self.call(&stage.callee, stage.span, clauses, out),
                }
            }
            ExprKind::Template(parts) => {
                for part in parts {
                    if let Part::Expr(expr) = part {
                        self.expr(expr, &[], out);
                    }
                }
            }
            ExprKind::Index { base, index } => {
                self.expr(base, &[], out);
                self.expr(index, &[], out);
            }
            ExprKind::Unary { operand, .. } => self.expr(operand, &[], out),
            ExprKind::Binary { op, left, right, .. } => {
                self.expr(left, &[], out);
                use weir_lang::ast::BinaryOp::{And, Coalesce, Or};
                if matches!(op, And | Or | Coalesce) {
                    let mut body = Vec::new();
                    self.expr(right, &[], &mut body);
                    push_branch(vec![Vec::new(), body], out);
                } else {
                    self.expr(right, &[], out);
                }
                use weir_lang::ast::BinaryOp::{Div, Rem};
                if matches!(op, Div | Rem) && self.may_be_zero(right) {
                    self.may_fail(SiteKind::Division, expr.span, out);
                }
            }
            ExprKind::Range { lo, hi } => {
                self.expr(lo, &[], out);
                self.expr(hi, &[], out);
            }
            ExprKind::Choose { cond, then, otherwise } => {
                self.expr(cond, &[], out);
                let (mut yes, mut no) = (Vec::new(), Vec::new());
                self.guarded(cond, true, |walk| walk.expr(then, &[], &mut yes));
                self.guarded(cond, false, |walk| walk.expr(otherwise, &[], &mut no));
                push_branch(vec![yes, no], out);
            }
            ExprKind::If { cond, then, otherwise } => {
                self.expr(cond, &[], out);
                let (mut yes, mut no) = (Vec::new(), Vec::new());
                self.guarded(cond, true, |walk| walk.block(then, &mut yes));
                if let Some(block) = otherwise {
                    self.guarded(cond, false, |walk| walk.block(block, &mut no));
                }
                out.push(Node::Branch(vec![yes, no]));
            }
            ExprKind::Match { subject, arms } => {
                self.expr(subject, &[], out);
                let mut branches = Vec::new();
                for arm in arms {
                    if let Some(guard) = &arm.guard {
                        self.pure("a `when` guard", guard, out);
                    }
                    let mut body = Vec::new();
                    self.arm(&arm.body, &mut body);
                    branches.push(body);
                }
                out.push(Node::Branch(branches));
            }
            ExprKind::List(items) => items.iter().for_each(|item| self.expr(&item.value, &[], out)),
            ExprKind::Comprehension { value, source, cond, .. } => {
                self.expr(source, &[], out);
                if let Some(cond) = cond {
                    self.pure("a comprehension", cond, out);
                }
                self.pure("a comprehension", value, out);
            }
            ExprKind::Record(entries) => {
                for entry in entries {
                    match entry {
                        RecordEntry::Field { value: Some(value), .. } | RecordEntry::Spread(value) => {
                            self.expr(value, &[], out)
                        }
                        RecordEntry::Field { value: None, .. } => {}
                    }
                }
            }
            ExprKind::Lambda { body, .. } => self.pure("a lambda", body, out),
            ExprKind::Cast { value, optional, .. } => {
                self.expr(value, &[], out);
                if !optional {
                    self.may_fail(SiteKind::Cast, expr.span, out);
                }
            }
            ExprKind::For { source, parallel, body, .. } => {
                self.expr(source, &[], out);
                let mut inner = Vec::new();
                self.block(body, &mut inner);
                out.push(Node::Loop { parallel: parallel.is_some(), body: inner });
            }
            ExprKind::Repeat { init, at_most, body, .. } => {
                self.expr(init, &[], out);
                self.expr(at_most, &[], out);
                let mut inner = Vec::new();
                self.block(body, &mut inner);
                out.push(Node::Loop { parallel: false, body: inner });
            }
            ExprKind::Ask { question, .. } => {
                self.expr(question, &[], out);
                self.site(SiteKind::Ask, expr.span, clauses, out);
            }
            ExprKind::Receive { event, .. } => {
                self.expr(event, &[], out);
                self.site(SiteKind::Receive, expr.span, clauses, out);
            }
            ExprKind::Start { callee, args, delay } => {
                self.args(args, out);
                match delay {
                    Some(Delay::After(when) | Delay::At(when)) => self.expr(when, &[], out),
                    None => {}
                }
                if let Some(Callee::Flow(flow)) = self.program.callee(self.module, callee) {
                    self.site(SiteKind::Start(flow), expr.span, clauses, out);
                }
            }
            ExprKind::Block(text) | ExprKind::Fail { message: text, .. } => {
                self.expr(text, &[], out);
                self.site(SiteKind::Raise, expr.span, &[], out);
            }
            ExprKind::Lit(_) | ExprKind::Regex(_) | ExprKind::Name(_) | ExprKind::Error => {}
        }
    }
}

/// A branch that only matters when something happens in it.
fn push_branch<'a>(arms: Vec<Vec<Node<'a>>>, out: &mut Vec<Node<'a>>) {
    if arms.iter().any(|arm| !arm.is_empty()) {
        out.push(Node::Branch(arms));
    }
}
