//! Expressions: pure parts become pure code, parts that act become steps before the one that uses them.

use super::Lower;
use super::block::Place;
use crate::check::outline::{self, SiteKind};
use crate::check::program::{Callee, Entity};
use ecow::EcoString;
use rust_decimal::Decimal;
use weir_lang::ast::{
    Arg, ArmBody, BinaryOp, Expr, ExprId, ExprKind, Ident, Lit, MatchArm, Part, Path, Pattern, PatternKind,
    RecordEntry, Stage,
};
use weir_lang::types::Type;
use weir_stdlib::eval::{Env, Program as EvalProgram};
use weir_stdlib::functions::FunctionId;
use weir_stdlib::pure::{Pure, PureArm, PureEntry, PureItem, PurePattern};
use weir_stdlib::value::{Data, Value};

/// What lowering an expression needs of its surroundings: names, and somewhere to put steps.
pub(super) trait Site<'a> {
    /// The plan that is being lowered.
    fn lower(&mut self) -> &mut Lower<'a>;
    /// The module whose names are in reach.
    fn module(&self) -> usize;
    /// Names and counts.
    fn names(&mut self) -> &mut Names;
    /// Lowers an expression that is more than pure code, as steps; gives what stands for its value.
    fn act(&mut self, expr: &Expr) -> Pure;
}

/// Names in reach while lowering.
#[derive(Debug, Default)]
pub(super) struct Names {
    scope: Vec<(EcoString, Place)>,
    /// Locals in use.
    pub locals: u16,
    /// Level of the innermost frame.
    pub level: usize,
    /// An expression that is already there under another form.
    pub replaced: Vec<(ExprId, Pure)>,
}

impl Names {
    /// Brings a name into reach.
    pub fn bind(&mut self, name: &EcoString, place: Place) {
        self.scope.push((name.clone(), place));
    }

    /// Where the scope is now.
    pub fn mark(&self) -> usize {
        self.scope.len()
    }

    /// Takes names out of reach again.
    pub fn reset(&mut self, mark: usize) {
        self.scope.truncate(mark);
    }

    fn find(&self, name: &str) -> Option<Pure> {
        let (_, place) = self.scope.iter().rev().find(|(known, _)| known == name)?;
        Some(match place {
            Place::Slot { level, at } => {
                Pure::Slot { up: u16::try_from(self.level.saturating_sub(*level)).unwrap_or(u16::MAX), at: *at }
            }
            Place::Local(at) => Pure::Local(*at),
            Place::Stands(pure, level) => raise(pure.clone(), self.level.saturating_sub(*level)),
        })
    }
}

/// The same expression seen from `by` frames further in.
fn raise(pure: Pure, by: usize) -> Pure {
    match pure {
        Pure::Slot { up, at } => Pure::Slot { up: up.saturating_add(u16::try_from(by).unwrap_or(u16::MAX)), at },
        Pure::Field(base, name) => Pure::Field(Box::new(raise(*base, by)), name),
        other => other,
    }
}

/// Whether an expression does more than compute: it has to become steps.
pub(super) fn acts<'a>(site: &mut impl Site<'a>, expr: &Expr) -> bool {
    if has_blocks(expr) {
        return true;
    }
    let module = site.module();
    let lower = site.lower();
    let mut found = false;
    let nodes = outline::outline_expr(lower.program, module, expr);
    outline::sites(&nodes, &mut |one| {
        found |= match &one.kind {
            SiteKind::Flow(flow) => {
                lower.program.flows.get(*flow).is_some_and(|flow| flow.role != weir_lang::ast::Role::Transformer)
            }
            SiteKind::Raise => false,
            _ => one.pure_place.is_none(),
        };
    });
    found
}

/// Whether blocks of steps stand in it (`if { }`, `for`, `match` with blocks), outside of lambdas.
pub(crate) fn has_blocks(expr: &Expr) -> bool {
    let any = |exprs: &[&Expr]| exprs.iter().any(|expr| has_blocks(expr));
    match &expr.kind {
        ExprKind::If { .. } | ExprKind::For { .. } | ExprKind::Repeat { .. } => true,
        ExprKind::Match { subject, arms } => {
            has_blocks(subject)
                || arms.iter().any(|arm| match &arm.body {
                    ArmBody::Block(_) => true,
                    ArmBody::Expr(expr) => has_blocks(expr),
                })
        }
        ExprKind::Paren(inner) | ExprKind::Unary { operand: inner, .. } | ExprKind::Field { base: inner, .. } => {
            has_blocks(inner)
        }
        ExprKind::Cast { value, .. } | ExprKind::Claused { value, .. } => has_blocks(value),
        ExprKind::Binary { left, right, .. }
        | ExprKind::Range { lo: left, hi: right }
        | ExprKind::Index { base: left, index: right } => any(&[left, right]),
        ExprKind::Choose { cond, then, otherwise } => any(&[cond, then, otherwise]),
        ExprKind::Call { args, .. } => args.iter().any(|arg| has_blocks(&arg.value)),
        ExprKind::Pipe { value, stage } => has_blocks(value) || stage.args.iter().any(|arg| has_blocks(&arg.value)),
        ExprKind::List(items) => items.iter().any(|item| has_blocks(&item.value)),
        ExprKind::Record(entries) => entries.iter().any(|entry| match entry {
            RecordEntry::Field { value: Some(value), .. } | RecordEntry::Spread(value) => has_blocks(value),
            RecordEntry::Field { value: None, .. } => false,
        }),
        ExprKind::Template(parts) => parts.iter().any(|part| matches!(part, Part::Expr(expr) if has_blocks(expr))),
        ExprKind::Comprehension { source, .. } => has_blocks(source),
        _ => false,
    }
}

/// Lowers an expression. Parts that act become steps of `site`, in the order written.
pub(super) fn expr<'a>(site: &mut impl Site<'a>, expr_: &Expr) -> Pure {
    if let Some((_, pure)) = site.names().replaced.iter().rev().find(|(id, _)| *id == expr_.id) {
        return pure.clone();
    }
    match &expr_.kind {
        ExprKind::Paren(inner) => expr(site, inner),
        ExprKind::Lit(lit) => literal(site, expr_.id, lit),
        ExprKind::Template(parts) => {
            let parts = parts.iter().map(|part| match part {
                Part::Text(text) => Pure::Const(Value::text(text.as_str())),
                Part::Expr(inner) => expr(site, inner),
            });
            Pure::Template(parts.collect())
        }
        ExprKind::Regex(regex) => Pure::Regex(regex.pattern.clone()),
        ExprKind::Name(ident) => name(site, ident),
        ExprKind::Field { base, name, .. } => Pure::Field(Box::new(expr(site, base)), name.name.clone()),
        ExprKind::Index { base, index } => Pure::Index(Box::new(expr(site, base)), Box::new(expr(site, index))),
        ExprKind::Call { callee, args } => call(site, expr_, callee, args),
        ExprKind::Unary { op, operand } => Pure::Unary(*op, Box::new(expr(site, operand))),
        ExprKind::Binary { op, left, right, .. } => binary(site, expr_, *op, left, right),
        ExprKind::Range { lo, hi } => Pure::Range(Box::new(expr(site, lo)), Box::new(expr(site, hi))),
        ExprKind::Choose { cond, then, otherwise } => {
            if acts(site, then) || acts(site, otherwise) {
                return site.act(expr_);
            }
            let cond = expr(site, cond);
            Pure::If(Box::new(cond), Box::new(expr(site, then)), Box::new(expr(site, otherwise)))
        }
        ExprKind::Match { subject, arms } => match_expr(site, expr_, subject, arms),
        ExprKind::List(items) => {
            let items = items.iter().map(|item| {
                let value = expr(site, &item.value);
                if item.spread { PureItem::Spread(value) } else { PureItem::One(value) }
            });
            Pure::List(items.collect())
        }
        ExprKind::Comprehension { value, var, index, source, cond } => {
            each(site, value, var, index.as_ref(), source, cond.as_deref())
        }
        ExprKind::Record(entries) => {
            let entries = entries.iter().map(|entry| match entry {
                RecordEntry::Field { name: field, value: Some(value) } => {
                    PureEntry::Field(field.name.clone(), expr(site, value))
                }
                RecordEntry::Field { name: field, value: None } => {
                    PureEntry::Field(field.name.clone(), name(site, field))
                }
                RecordEntry::Spread(value) => PureEntry::Spread(expr(site, value)),
            });
            Pure::Record(entries.collect())
        }
        ExprKind::Lambda { params, body } => lambda(site, params, body),
        ExprKind::Cast { value, optional, .. } => {
            let value = Box::new(expr(site, value));
            let module = site.module();
            let ty = site.lower().checked.facts.written.get(&(module, expr_.id)).cloned().unwrap_or(Type::Json);
            let ty = site.lower().boundary(&ty);
            Pure::Cast { value, ty, optional: *optional }
        }
        ExprKind::Pipe { value, stage } => pipe(site, expr_, value, stage),
        ExprKind::Block(reason) => Pure::Raise { code: "blocked".into(), message: Box::new(expr(site, reason)) },
        ExprKind::Fail { code, message } => Pure::Raise {
            code: code.as_ref().map_or_else(|| "failed".into(), |code| code.name.clone()),
            message: Box::new(expr(site, message)),
        },
        ExprKind::If { .. }
        | ExprKind::For { .. }
        | ExprKind::Repeat { .. }
        | ExprKind::Ask { .. }
        | ExprKind::Receive { .. }
        | ExprKind::Start { .. }
        | ExprKind::Claused { .. } => site.act(expr_),
        ExprKind::Error => Pure::Const(Value::NULL),
    }
}

fn literal<'a>(site: &mut impl Site<'a>, id: ExprId, lit: &Lit) -> Pure {
    let module = site.module();
    let decimal = site.lower().checked.facts.decimals.contains(&(module, id));
    Pure::Const(literal_value(lit, decimal))
}

/// The value of a literal.
pub(super) fn literal_value(lit: &Lit, decimal: bool) -> Value {
    match lit {
        Lit::Null => Value::NULL,
        Lit::Bool(value) => Value::bool(*value),
        Lit::Int(value) if decimal => Value::new(Data::Decimal(Decimal::from(*value))),
        Lit::Int(value) => Value::int(*value),
        Lit::Number(text) => match crate::check::types::decimal(text).filter(|_| decimal) {
            Some(value) => Value::new(Data::Decimal(value)),
            None => Value::new(Data::Number(text.parse().unwrap_or(0.0))),
        },
        Lit::String(text) => Value::text(text.as_str()),
        Lit::Duration(ms) => Value::new(Data::Duration(*ms)),
        Lit::Percent(text) => Value::new(Data::Number(text.parse::<f64>().unwrap_or(0.0) / 100.0)),
    }
}

fn name<'a>(site: &mut impl Site<'a>, ident: &Ident) -> Pure {
    if let Some(pure) = site.names().find(&ident.name) {
        return pure;
    }
    let module = site.module();
    let lower = site.lower();
    match lower.program.entity(module, &ident.name) {
        Some(Entity::Const(place)) => {
            let place = *place;
            constant(lower, place)
        }
        _ => Pure::Const(Value::NULL),
    }
}

/// A constant: its value where it can be computed now, else its expression.
fn constant(lower: &mut Lower<'_>, place: usize) -> Pure {
    let Some((module, decl)) = lower.program.const_ast(place) else { return Pure::Const(Value::NULL) };
    let mut site = PureSite { lower, module, names: Names::default() };
    let pure = expr(&mut site, &decl.value);
    let program = EvalProgram { functions: &[], types: &lower.checked.types };
    match weir_stdlib::eval::eval(&pure, &NoSlots, &program) {
        Ok(value) => Pure::Const(value),
        Err(_) => pure,
    }
}

struct NoSlots;

impl Env for NoSlots {
    fn slot(&self, _up: u16, _at: u16) -> Option<&Value> {
        None
    }
}

/// A place where only pure code stands: constants, defaults.
pub(super) struct PureSite<'l, 'a> {
    pub lower: &'l mut Lower<'a>,
    pub module: usize,
    pub names: Names,
}

impl<'a> Site<'a> for PureSite<'_, 'a> {
    fn lower(&mut self) -> &mut Lower<'a> {
        self.lower
    }
    fn module(&self) -> usize {
        self.module
    }
    fn names(&mut self) -> &mut Names {
        &mut self.names
    }
    fn act(&mut self, _expr: &Expr) -> Pure {
        Pure::Const(Value::NULL)
    }
}

fn binary<'a>(site: &mut impl Site<'a>, whole: &Expr, op: BinaryOp, left: &Expr, right: &Expr) -> Pure {
    if matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Coalesce) && acts(site, right) {
        return site.act(whole);
    }
    let left = expr(site, left);
    Pure::Binary(op, Box::new(left), Box::new(expr(site, right)))
}

fn match_expr<'a>(site: &mut impl Site<'a>, whole: &Expr, subject: &Expr, arms: &[MatchArm]) -> Pure {
    let steps = arms.iter().any(|arm| match &arm.body {
        ArmBody::Block(_) => true,
        ArmBody::Expr(body) => acts(site, body),
    });
    if steps {
        return site.act(whole);
    }
    let subject = expr(site, subject);
    let mut out = Vec::new();
    for arm in arms {
        let ArmBody::Expr(body) = &arm.body else { continue };
        let guard = arm.guard.as_ref().map(|guard| expr(site, guard));
        out.push(PureArm { patterns: patterns(&arm.patterns), guard, body: expr(site, body) });
    }
    Pure::Match(Box::new(subject), out)
}

/// Patterns as constants.
pub(super) fn patterns(patterns: &[Pattern]) -> Vec<PurePattern> {
    let one = |pattern: &Pattern| match &pattern.kind {
        PatternKind::Lit(lit) => PurePattern::Is(literal_value(lit, false)),
        PatternKind::Range(lo, hi) => PurePattern::Within(literal_value(lo, false), literal_value(hi, false)),
    };
    patterns.iter().map(one).collect()
}

fn each<'a>(
    site: &mut impl Site<'a>,
    value: &Expr,
    var: &Ident,
    index: Option<&Ident>,
    source: &Expr,
    cond: Option<&Expr>,
) -> Pure {
    let source = Box::new(expr(site, source));
    let (mark, locals) = (site.names().mark(), site.names().locals);
    bind_local(site, &var.name);
    if let Some(index) = index {
        bind_local(site, &index.name);
    }
    let cond = cond.map(|cond| Box::new(expr(site, cond)));
    let value = Box::new(expr(site, value));
    site.names().reset(mark);
    site.names().locals = locals;
    Pure::Each { source, index: index.is_some(), cond, value }
}

/// Gives a name the next local.
pub(super) fn bind_local<'a>(site: &mut impl Site<'a>, name: &EcoString) {
    let names = site.names();
    let at = names.locals;
    names.locals = names.locals.saturating_add(1);
    names.bind(name, Place::Local(at));
}

fn lambda<'a>(site: &mut impl Site<'a>, params: &[Ident], body: &Expr) -> Pure {
    let (mark, locals) = (site.names().mark(), site.names().locals);
    params.iter().for_each(|param| bind_local(site, &param.name));
    let body = Box::new(expr(site, body));
    site.names().reset(mark);
    site.names().locals = locals;
    Pure::Lambda { params: u16::try_from(params.len()).unwrap_or(u16::MAX), body }
}

fn call<'a>(site: &mut impl Site<'a>, whole: &Expr, callee: &Path, args: &[Arg]) -> Pure {
    let module = site.module();
    match site.lower().program.callee(module, callee) {
        Some(Callee::Function(function)) => library(site, function, args, None),
        Some(Callee::Flow(flow)) if is_transformer(site.lower(), flow) => apply(site, flow, args, None),
        // In a test, `calls` and `attempts` are no flow's names.
        Some(_) | None => site.act(whole),
    }
}

fn pipe<'a>(site: &mut impl Site<'a>, whole: &Expr, value: &Expr, stage: &Stage) -> Pure {
    let module = site.module();
    match site.lower().program.callee(module, &stage.callee) {
        Some(Callee::Function(function)) if !stage.check => {
            let value = expr(site, value);
            library(site, function, &stage.args, Some(value))
        }
        Some(Callee::Flow(flow)) if !stage.check && is_transformer(site.lower(), flow) => {
            let value = expr(site, value);
            apply(site, flow, &stage.args, Some(value))
        }
        _ => site.act(whole),
    }
}

fn is_transformer(lower: &Lower<'_>, flow: usize) -> bool {
    lower.program.flows.get(flow).is_some_and(|flow| flow.role == weir_lang::ast::Role::Transformer)
}

/// Arguments in the order of the parameters; left-out ones at the end are left out, others are null.
pub(super) fn placed<'a>(
    site: &mut impl Site<'a>,
    names: &[EcoString],
    args: &[Arg],
    piped: Option<Pure>,
) -> Vec<Option<Pure>> {
    let mut out: Vec<Option<Pure>> = vec![None; names.len()];
    let mut next = 0;
    if let Some(value) = piped {
        if let Some(slot) = out.first_mut() {
            *slot = Some(value);
        }
        next = 1;
    }
    for arg in args {
        let place = match &arg.name {
            Some(name) => names.iter().position(|known| *known == name.name),
            None => {
                next += 1;
                Some(next - 1)
            }
        };
        let value = expr(site, &arg.value);
        if let Some(slot) = place.and_then(|place| out.get_mut(place)) {
            *slot = Some(value);
        }
    }
    out
}

fn library<'a>(site: &mut impl Site<'a>, function: FunctionId, args: &[Arg], piped: Option<Pure>) -> Pure {
    let names: Vec<EcoString> = function.entry().signature().params.iter().map(|param| param.name.clone()).collect();
    let mut placed = placed(site, &names, args, piped);
    while matches!(placed.last(), Some(None)) {
        placed.pop();
    }
    let args = placed.into_iter().map(|arg| arg.unwrap_or(Pure::Const(Value::NULL)));
    Pure::Call(function, args.collect())
}

fn apply<'a>(site: &mut impl Site<'a>, flow: usize, args: &[Arg], piped: Option<Pure>) -> Pure {
    let lower = site.lower();
    let Some(decl) = lower.program.flows.get(flow) else { return Pure::Const(Value::NULL) };
    let names: Vec<EcoString> = decl.params.iter().map(|param| param.name.clone()).collect();
    let placed = placed(site, &names, args, piped);
    let locals = site.names().locals;
    let lower = site.lower();
    let args = with_defaults(lower, flow, locals, &names, placed);
    Pure::Apply(lower.function(flow), args)
}

/// Arguments with the defaults of those left out; a default may use the parameters before it. It is evaluated where the
/// call stands, behind the locals that are in use there.
fn with_defaults(
    lower: &mut Lower<'_>,
    flow: usize,
    locals: u16,
    names: &[EcoString],
    placed: Vec<Option<Pure>>,
) -> Vec<Pure> {
    let program = lower.program;
    let (module, tree) = match (program.flows.get(flow), program.flow_ast(flow)) {
        (Some(decl), Some(tree)) => (decl.at.module, tree),
        _ => return Vec::new(),
    };
    let mut site = PureSite { lower, module, names: Names { locals, ..Names::default() } };
    let mut out: Vec<Pure> = Vec::new();
    for (at, given) in placed.into_iter().enumerate() {
        let default = tree.params.get(at).and_then(|param| param.default.as_ref());
        let value = match (given, default) {
            (Some(value), _) => value,
            (None, Some(default)) => expr(&mut site, default),
            (None, None) => Pure::Const(Value::NULL),
        };
        if let Some(name) = names.get(at) {
            site.names.bind(name, Place::Stands(value.clone(), 0));
        }
        out.push(value);
    }
    out
}
