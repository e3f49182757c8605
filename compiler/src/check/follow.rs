//! Follows values through a flow, as far as names go: where secrets end up, and what a key depends on. A flow is
//! looked at after those that it calls; what a call needs to know of them is their [`Summary`].

use super::Checker;
use super::hints;
use super::program::Callee;
use ecow::EcoString;
use std::ops::BitOrAssign;
use weir_lang::ast::{
    Arg, ArmBody, Block, Clause, ClauseKind, Delay, Expr, ExprKind, ListItem, Mark, Otherwise, Part, Path, RecordEntry,
    Role, Step, StepKind,
};
use weir_lang::diagnostic::Diagnostic;
use weir_lang::span::{Loc, Span};
use weir_lang::types::{Type, TypeTable};

/// What a value depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Deps {
    /// Parameters, a bit each.
    params: u64,
    /// Loops around with whose rounds it changes, a bit each, the outermost first.
    rounds: u64,
    /// Something from outside, which is another at every call.
    outside: bool,
    /// A secret.
    secret: bool,
}

impl BitOrAssign for Deps {
    fn bitor_assign(&mut self, other: Deps) {
        self.params |= other.params;
        self.rounds |= other.rounds;
        self.outside |= other.outside;
        self.secret |= other.secret;
    }
}

/// What a call needs to know of a flow.
#[derive(Clone, Debug, Default)]
struct Summary {
    /// Parameters that become part of a place where a secret is exposed: which place.
    exposes: Vec<(u64, EcoString, Loc)>,
    /// Keys that depend on nothing but parameters.
    keys: Vec<Key>,
    /// What its value depends on.
    returns: Deps,
}

/// A key that depends on nothing but parameters.
#[derive(Clone, Debug)]
struct Key {
    params: u64,
    /// What the call with the key does otherwise depend on; None where it must never be done twice (a delivery).
    args: Option<u64>,
    what: EcoString,
    loc: Loc,
}

struct Follow<'a> {
    checker: &'a Checker,
    summaries: &'a [Summary],
    module: usize,
    env: Vec<(EcoString, Deps)>,
    loops: u32,
    /// Whether the rounds of the innermost loop yield a secret, or hand one on to the next.
    yields_secret: bool,
    found: Vec<Diagnostic>,
    summary: Summary,
}

impl Checker {
    /// Secrets that become part of messages, and keys that cannot tell things apart.
    pub(super) fn check_values(&mut self) {
        let count = self.program.flows.len();
        let calls = |flow: usize| self.effects.get(flow).map(|effects| effects.calls.clone()).unwrap_or_default();
        let mut summaries = vec![Summary::default(); count];
        let mut found = Vec::new();
        for flow in super::graphs::groups(count, calls).into_iter().flatten() {
            let Some((summary, diagnostics)) = self.follow(flow, &summaries) else { continue };
            found.extend(diagnostics);
            if let Some(slot) = summaries.get_mut(flow) {
                *slot = summary;
            }
        }
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
    }

    fn follow(&self, flow: usize, summaries: &[Summary]) -> Option<(Summary, Vec<Diagnostic>)> {
        let (decl, tree) = (self.program.flows.get(flow)?, self.program.flow_ast(flow)?);
        let mut follow = Follow {
            checker: self,
            summaries,
            module: decl.at.module,
            env: Vec::new(),
            loops: 0,
            yields_secret: false,
            found: Vec::new(),
            summary: Summary::default(),
        };
        for (at, param) in tree.params.iter().enumerate() {
            follow.bind(&param.name.name, Deps { params: 1 << at.min(63), ..Deps::default() });
        }
        let delivery = (decl.role == Role::Delivery).then_some(&decl.name);
        let mut last = Deps::default();
        for step in &tree.body.steps {
            match (&step.kind, delivery) {
                (StepKind::Key { key, per_run }, Some(name)) => follow.delivery_key(key, *per_run, name),
                (StepKind::Expr(value), _) => last = follow.expr(value),
                _ => follow.step(step),
            }
        }
        follow.summary.returns |= last;
        Some((follow.summary, follow.found))
    }
}

impl Follow<'_> {
    fn loc(&self, span: Span) -> Loc {
        self.checker.program.loc(self.module, span)
    }

    fn bind(&mut self, name: &EcoString, deps: Deps) {
        self.env.push((name.clone(), deps));
    }

    /// Every loop around, a bit each.
    fn around(&self) -> u64 {
        (1_u64 << self.loops.min(63)) - 1
    }

    /// What comes from outside here.
    fn outside(&self) -> Deps {
        Deps { rounds: self.around(), outside: true, ..Deps::default() }
    }

    /// The key that a delivery begins with.
    fn delivery_key(&mut self, key: &Expr, per_run: bool, name: &EcoString) {
        let deps = self.expr(key);
        self.expose(key, deps, "a key");
        if deps.outside {
            return;
        }
        let loc = self.loc(key.span);
        if deps.params == 0 && !per_run {
            self.found.push(hints::constant_delivery_key(loc, name));
            return;
        }
        let what = ecow::eco_format!("`{name}`");
        self.summary.keys.push(Key { params: deps.params, args: None, what, loc });
    }

    /// A key behind a call whose arguments depend on `args`.
    fn call_key(&mut self, span: Span, key: Deps, args: Deps, what: EcoString) {
        if key.outside {
            return;
        }
        let loc = self.loc(span);
        if args.rounds & !key.rounds != 0 {
            self.found.push(hints::constant_key(loc, loc, &what));
        } else {
            self.summary.keys.push(Key { params: key.params, args: Some(args.params), what, loc });
        }
    }

    /// The keys of a called flow, with what is known of the arguments.
    fn called_keys(&mut self, span: Span, flow: usize, args: &[Deps]) {
        let summaries = self.summaries;
        for key in summaries.get(flow).map(|summary| summary.keys.as_slice()).unwrap_or_default() {
            let of_key = chosen(key.params, args);
            let of_args = key.args.map(|params| chosen(params, args));
            if of_key.outside {
                continue;
            }
            let differs = of_args.map_or(self.around(), |args| args.rounds);
            if differs & !of_key.rounds != 0 {
                let loc = self.loc(span);
                self.found.push(hints::constant_key(loc, key.loc, &key.what));
            } else {
                let args = of_args.map(|args| args.params);
                self.summary.keys.push(Key { params: of_key.params, args, ..key.clone() });
            }
        }
    }

    /// A value that people or other programs will see.
    fn expose(&mut self, expr: &Expr, deps: Deps, place: &str) {
        let types = &self.checker.program.types;
        if deps.secret || holds_secret(&self.checker.expr_type(self.module, expr.id), types, 0) {
            let loc = self.loc(expr.span);
            self.found.push(hints::secret_exposed(loc, place));
        } else if deps.params != 0 {
            let loc = self.loc(expr.span);
            self.summary.exposes.push((deps.params, place.into(), loc));
        }
    }

    fn shown(&mut self, expr: &Expr, place: &str) {
        let deps = self.expr(expr);
        self.expose(expr, deps, place);
    }

    fn block(&mut self, block: &Block) -> Deps {
        let mark = self.env.len();
        let mut last = Deps::default();
        for step in &block.steps {
            match &step.kind {
                StepKind::Expr(value) => last = self.expr(value),
                _ => self.step(step),
            }
        }
        self.env.truncate(mark);
        last
    }

    fn step(&mut self, step: &Step) {
        match &step.kind {
            StepKind::Bind { name, value } => {
                let deps = self.expr(value);
                self.bind(&name.name, deps);
            }
            StepKind::From { source, name } => {
                let deps = self.expr(source);
                self.bind(&name.name, deps);
            }
            StepKind::Expr(value) | StepKind::Wait(value) | StepKind::WaitUntil(value) => {
                self.expr(value);
            }
            StepKind::Yield(value) | StepKind::Next(value) => {
                let deps = self.expr(value);
                self.yields_secret |= deps.secret;
            }
            StepKind::Return(Some(value)) => {
                let deps = self.expr(value);
                self.summary.returns |= deps;
            }
            StepKind::Require { cond, otherwise } => {
                self.expr(cond);
                match otherwise {
                    Some(Otherwise::Reason(text) | Otherwise::Drop(text)) => self.shown(text, "a reason"),
                    Some(Otherwise::Exit(exit)) => {
                        self.expr(exit);
                    }
                    None => {}
                }
            }
            StepKind::Check { args, .. } => {
                self.args(args);
            }
            StepKind::Drop(text) | StepKind::Annotate(text) => self.shown(text, "a reason"),
            StepKind::Key { key, .. } => self.shown(key, "a key"),
            StepKind::Prompt(text) => self.shown(text, "a prompt"),
            StepKind::Merge { key, .. } => {
                self.expr(key);
            }
            StepKind::Return(None) | StepKind::Error => {}
        }
    }

    fn args(&mut self, args: &[Arg]) -> Deps {
        let mut all = Deps::default();
        for arg in args {
            all |= self.expr(&arg.value);
        }
        all
    }

    fn arm(&mut self, body: &ArmBody) -> Deps {
        match body {
            ArmBody::Expr(expr) => self.expr(expr),
            ArmBody::Block(block) => self.block(block),
        }
    }

    /// What an expression depends on.
    fn expr(&mut self, expr: &Expr) -> Deps {
        let mut deps = self.parts(expr);
        let ty = self.checker.expr_type(self.module, expr.id);
        match self.checker.program.types.head(&ty) {
            // Whether something holds gives the secret away no more than the flow's own steps do.
            Type::Bool => deps.secret = false,
            _ => deps.secret |= is_secret(&ty),
        }
        deps
    }

    fn parts(&mut self, expr: &Expr) -> Deps {
        match &expr.kind {
            ExprKind::Lit(_) | ExprKind::Regex(_) | ExprKind::Error => Deps::default(),
            ExprKind::Name(name) => {
                let known = self.env.iter().rev().find(|(known, _)| *known == name.name);
                known.map(|(_, deps)| *deps).unwrap_or_default()
            }
            ExprKind::Template(parts) => {
                let mut all = Deps::default();
                for part in parts {
                    if let Part::Expr(value) = part {
                        all |= self.expr(value);
                    }
                }
                all
            }
            ExprKind::Field { base, .. } => self.expr(base),
            ExprKind::Paren(inner) | ExprKind::Unary { operand: inner, .. } | ExprKind::Cast { value: inner, .. } => {
                self.expr(inner)
            }
            ExprKind::Index { base: one, index: other }
            | ExprKind::Binary { left: one, right: other, .. }
            | ExprKind::Range { lo: one, hi: other } => self.both(one, other),
            ExprKind::Choose { cond, then, otherwise } => {
                let mut all = self.both(then, otherwise);
                all |= self.expr(cond);
                all
            }
            ExprKind::If { cond, then, otherwise } => {
                let mut all = self.expr(cond);
                all |= self.block(then);
                if let Some(block) = otherwise {
                    all |= self.block(block);
                }
                all
            }
            ExprKind::Match { subject, arms } => {
                let mut all = self.expr(subject);
                for arm in arms {
                    if let Some(guard) = &arm.guard {
                        all |= self.expr(guard);
                    }
                    all |= self.arm(&arm.body);
                }
                all
            }
            ExprKind::List(items) => self.list(items),
            ExprKind::Record(entries) => self.record(entries),
            ExprKind::Lambda { params, body } => {
                let mark = self.env.len();
                params.iter().for_each(|param| self.bind(&param.name, Deps::default()));
                let deps = self.expr(body);
                self.env.truncate(mark);
                deps
            }
            ExprKind::Comprehension { value, var, index, source, cond } => {
                let of = self.expr(source);
                let mark = self.env.len();
                self.bind(&var.name, of);
                index.iter().for_each(|index| self.bind(&index.name, of));
                let mut all = self.expr(value);
                all |= of;
                if let Some(cond) = cond {
                    all |= self.expr(cond);
                }
                self.env.truncate(mark);
                all
            }
            ExprKind::For { var, index, source, body, .. } => {
                let mut of = self.expr(source);
                of.rounds |= 1 << self.loops.min(63);
                self.rounds(&[Some(&var.name), index.as_ref().map(|index| &index.name)], of, body)
            }
            ExprKind::Repeat { var, init, at_most, body } => {
                let mut of = self.both(init, at_most);
                of.rounds |= 1 << self.loops.min(63);
                self.rounds(&[Some(&var.name)], of, body)
            }
            ExprKind::Call { callee, args } => self.call(expr.span, callee, None, args),
            ExprKind::Pipe { value, stage } if stage.check => {
                self.args(&stage.args);
                self.expr(value)
            }
            ExprKind::Pipe { value, stage } => self.call(stage.span, &stage.callee, Some(value), &stage.args),
            ExprKind::Claused { value, clauses } => self.claused(value, clauses),
            ExprKind::Ask { question, .. } => {
                self.shown(question, "a question");
                self.outside()
            }
            ExprKind::Receive { event, .. } => {
                self.expr(event);
                self.outside()
            }
            ExprKind::Start { callee, args, delay } => {
                match delay {
                    Some(Delay::After(when) | Delay::At(when)) => {
                        self.expr(when);
                    }
                    None => {}
                }
                self.call(expr.span, callee, None, args);
                self.outside()
            }
            ExprKind::Block(text) | ExprKind::Fail { message: text, .. } => {
                self.shown(text, "a reason");
                Deps::default()
            }
        }
    }

    fn both(&mut self, one: &Expr, other: &Expr) -> Deps {
        let mut all = self.expr(one);
        all |= self.expr(other);
        all
    }

    fn list(&mut self, items: &[ListItem]) -> Deps {
        let mut all = Deps::default();
        items.iter().for_each(|item| all |= self.expr(&item.value));
        all
    }

    fn record(&mut self, entries: &[RecordEntry]) -> Deps {
        let mut all = Deps::default();
        for entry in entries {
            match entry {
                // A field that is a secret as a whole keeps its mark in the record's type.
                RecordEntry::Field { value: Some(value), .. } => {
                    let mut deps = self.expr(value);
                    deps.secret &= !is_secret(&self.checker.expr_type(self.module, value.id));
                    all |= deps;
                }
                RecordEntry::Spread(value) => all |= self.expr(value),
                RecordEntry::Field { name, value: None } => {
                    let known = self.env.iter().rev().find(|(known, _)| *known == name.name);
                    all |= known.map(|(_, deps)| *deps).unwrap_or_default();
                }
            }
        }
        all
    }

    fn rounds(&mut self, names: &[Option<&EcoString>], of: Deps, body: &Block) -> Deps {
        let mark = self.env.len();
        names.iter().flatten().for_each(|name| self.bind(name, of));
        self.loops += 1;
        let around = std::mem::take(&mut self.yields_secret);
        self.block(body);
        self.loops -= 1;
        self.env.truncate(mark);
        let secret = std::mem::replace(&mut self.yields_secret, around);
        // What the rounds yield otherwise is taken for something from outside: it is not followed.
        Deps { secret, ..self.outside() }
    }

    /// A call; `piped` is its first argument.
    fn call(&mut self, span: Span, callee: &Path, piped: Option<&Expr>, args: &[Arg]) -> Deps {
        let first = piped.map(|value| (value, self.expr(value)));
        let rest: Vec<(&Expr, Deps)> = args.iter().map(|arg| (&arg.value, self.expr(&arg.value))).collect();
        let given: Vec<(Option<&EcoString>, &Expr, Deps)> = first
            .into_iter()
            .map(|(value, deps)| (None, value, deps))
            .chain(
                args.iter()
                    .zip(rest)
                    .map(|(arg, (value, deps))| (arg.name.as_ref().map(|name| &name.name), value, deps)),
            )
            .collect();
        let mut all = Deps::default();
        given.iter().for_each(|(_, _, deps)| all |= *deps);
        match self.checker.program.callee(self.module, callee) {
            Some(Callee::Function(_)) => {
                let one_way = matches!(callee.text().as_str(), "sha256" | "len");
                Deps { secret: all.secret && !one_way, ..all }
            }
            Some(Callee::Tool(tool)) => {
                if let Some(place) = self.place_of(&tool) {
                    given.iter().for_each(|(_, value, deps)| self.expose(value, *deps, &place));
                }
                self.outside()
            }
            Some(Callee::Flow(flow)) => self.flow_call(span, flow, &given, all),
            Some(Callee::Ambient(_)) | None => self.outside(),
        }
    }

    fn flow_call(&mut self, span: Span, flow: usize, given: &[(Option<&EcoString>, &Expr, Deps)], all: Deps) -> Deps {
        let Some(decl) = self.checker.program.flows.get(flow) else { return self.outside() };
        let mut args = vec![Deps::default(); decl.params.len()];
        let mut places: Vec<Option<&Expr>> = vec![None; decl.params.len()];
        for (at, (name, value, deps)) in given.iter().enumerate() {
            let at = name.map_or(Some(at), |name| decl.params.iter().position(|param| param.name == *name));
            if let Some(at) = at
                && let (Some(slot), Some(place)) = (args.get_mut(at), places.get_mut(at))
            {
                (*slot, *place) = (*deps, Some(*value));
            }
        }
        self.called_keys(span, flow, &args);
        let summaries = self.summaries;
        for (params, what, _) in summaries.get(flow).map(|summary| summary.exposes.as_slice()).unwrap_or_default() {
            for (at, value) in places.iter().enumerate() {
                let Some(value) = value.filter(|_| params & (1 << at.min(63)) != 0) else { continue };
                let deps = args.get(at).copied().unwrap_or_default();
                // A record is shown by its fields, which are looked at where they stand.
                let whole = Deps { secret: deps.secret, params: deps.params, ..Deps::default() };
                let place = match what.contains("` of `") || what.ends_with(')') {
                    true => what.clone(),
                    false => ecow::eco_format!("{what} (in `{}`)", decl.name),
                };
                if whole.secret {
                    let loc = self.loc(value.span);
                    self.found.push(hints::secret_exposed(loc, &place));
                } else if whole.params != 0 {
                    let loc = self.loc(value.span);
                    self.summary.exposes.push((whole.params, place, loc));
                }
            }
        }
        if decl.role == Role::Transformer {
            return all;
        }
        let returned = summaries.get(flow).map(|summary| summary.returns).unwrap_or_default();
        Deps { secret: returned.secret || chosen(returned.params, &args).secret, ..self.outside() }
    }

    fn claused(&mut self, value: &Expr, clauses: &[Clause]) -> Deps {
        let mut deps = self.expr(value);
        let args = self.arguments_of(super::outline::core_of(value));
        for clause in clauses {
            match &clause.kind {
                ClauseKind::Key { key, per_run } => {
                    let found = self.expr(key);
                    self.expose(key, found, "a key");
                    if let Some((what, args)) = args.clone().filter(|_| !per_run || self.loops > 0) {
                        self.call_key(key.span, found, args, what);
                    }
                }
                ClauseKind::Fallback(other) => deps |= self.expr(other),
                ClauseKind::Catch(arms) => {
                    for arm in arms {
                        deps |= self.arm(&arm.body);
                    }
                }
                ClauseKind::From(who) => self.shown(who, "a question"),
                ClauseKind::Until { cond, .. } => {
                    self.expr(cond);
                }
                _ => {}
            }
        }
        deps
    }

    /// What a call is called, and what its arguments depend on. Nothing is reported a second time.
    fn arguments_of(&mut self, call: &Expr) -> Option<(EcoString, Deps)> {
        let (callee, piped, args) = match &call.kind {
            ExprKind::Call { callee, args } | ExprKind::Start { callee, args, .. } => (callee, None, args),
            ExprKind::Pipe { value, stage } if !stage.check => (&stage.callee, Some(value), &stage.args),
            _ => return None,
        };
        let (said, keys, exposes) = (self.found.len(), self.summary.keys.len(), self.summary.exposes.len());
        let mut all = self.args(args);
        if let Some(piped) = piped {
            all |= self.expr(piped);
        }
        self.found.truncate(said);
        self.summary.keys.truncate(keys);
        self.summary.exposes.truncate(exposes);
        Some((ecow::eco_format!("`{}`", callee.text()), all))
    }

    /// What people or other programs see of a tool's arguments; None where they stay with the tool.
    fn place_of(&self, tool: &str) -> Option<EcoString> {
        let found = self.checker.program.tools.get(tool)?;
        let sends = found.capabilities.iter().any(|capability| capability.ends_with(".send"));
        Some(match found.server() {
            "log" => "a log line".into(),
            "ai" => "a prompt".into(),
            "http" => "a web request".into(),
            "mail" => "a message".into(),
            _ if sends => ecow::eco_format!("what `{tool}` sends"),
            _ => return None,
        })
    }
}

/// The arguments that a set of parameters stands for.
fn chosen(params: u64, args: &[Deps]) -> Deps {
    let mut all = Deps::default();
    for (at, deps) in args.iter().enumerate() {
        if params & (1 << at.min(63)) != 0 {
            all |= *deps;
        }
    }
    all
}

/// Whether a type is marked `secret` as a whole.
fn is_secret(ty: &Type) -> bool {
    match ty {
        Type::Marked(Mark::Secret, _) => true,
        Type::Marked(_, inner) => is_secret(inner),
        Type::Union(members) => members.iter().any(is_secret),
        _ => false,
    }
}

/// Whether a secret stands anywhere in a type.
fn holds_secret(ty: &Type, types: &TypeTable, depth: usize) -> bool {
    if is_secret(ty) {
        return true;
    }
    if depth > 8 {
        return false;
    }
    types.members(ty).iter().any(|member| match member {
        Type::List(inner) | Type::Map(inner) => holds_secret(inner, types, depth + 1),
        Type::Record(record) => record.fields.values().any(|field| holds_secret(&field.ty, types, depth + 1)),
        _ => false,
    })
}
