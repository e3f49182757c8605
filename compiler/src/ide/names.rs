//! Finds what every word of a file stands for: one walk over its tree, with the names that are in reach at each place.

use super::symbol::{Local, LocalKind, Mention, Names, Symbol};
use crate::Checked;
use crate::check::program::{Callee, Entity, Program};
use ecow::EcoString;
use weir_lang::ast::{
    Arg, ArmBody, Block, CapabilityRef, Clause, ClauseKind, Delay, Expr, ExprKind, Ident, Item, ItemKind, Otherwise,
    Param, Part, Path, RecordEntry, Step, StepKind, TypeExpr, TypeExprKind, Use,
};
use weir_lang::span::{Loc, Span};
use weir_lang::types::Type;

/// The names of a module's file.
pub fn names(checked: &Checked, module: usize) -> Names {
    let program = &checked.facts.program;
    let mut walk = Walk { checked, program, module, scope: Vec::new(), open: Span::default(), out: Names::default() };
    let ast = program.ast(module);
    for item in &ast.items {
        walk.item(item);
        walk.scope.clear();
    }
    walk.out.mentions.sort_by_key(|mention| (mention.span.start, mention.span.end));
    walk.out.mentions.dedup();
    walk.out
}

pub(super) struct Walk<'a> {
    checked: &'a Checked,
    pub(super) program: &'a Program,
    pub(super) module: usize,
    /// Names in reach with the places where they are bound, innermost last.
    scope: Vec<(EcoString, Span)>,
    /// Where what is bound now can be used.
    pub(super) open: Span,
    out: Names,
}

impl Walk<'_> {
    fn loc(&self, span: Span) -> Loc {
        self.program.loc(self.module, span)
    }

    pub(super) fn mention(&mut self, span: Span, symbol: Symbol) {
        self.out.mentions.push(Mention { span, symbol, declares: false, shorthand: false });
    }

    pub(super) fn declare(&mut self, span: Span, symbol: Symbol) {
        self.out.mentions.push(Mention { span, symbol, declares: true, shorthand: false });
    }

    /// Binds a local name from here to the end of what is open.
    pub(super) fn bind(&mut self, name: &Ident, kind: LocalKind, extent: Span) {
        self.scope.push((name.name.clone(), name.span));
        self.out.locals.push(Local { name: name.name.clone(), span: name.span, extent, kind });
        let symbol = Symbol::Local(self.loc(name.span));
        self.declare(name.span, symbol);
    }

    /// Binds a name that no word declares: `it`, `event`.
    pub(super) fn bind_hidden(&mut self, name: &str, at: Span, extent: Span) {
        self.scope.push((name.into(), at));
        self.out.locals.push(Local { name: name.into(), span: at, extent, kind: LocalKind::Variable });
    }

    pub(super) fn scoped(&mut self, open: Span, work: impl FnOnce(&mut Self)) {
        let (before, mark) = (std::mem::replace(&mut self.open, open), self.scope.len());
        work(self);
        self.scope.truncate(mark);
        self.open = before;
    }

    fn local(&self, name: &str) -> Option<Symbol> {
        let (_, span) = self.scope.iter().rev().find(|(known, _)| known == name)?;
        Some(Symbol::Local(self.loc(*span)))
    }

    fn entity(&self, name: &str) -> Option<Symbol> {
        match self.program.entity(self.module, name)? {
            Entity::Flow(flow) => Some(Symbol::Flow(*flow)),
            Entity::Type(full) if full.is_empty() => None,
            Entity::Type(full) => Some(Symbol::Type(full.clone())),
            Entity::Const(place) => Some(Symbol::Const(*place)),
            Entity::Policy(place) => Some(Symbol::Policy(*place)),
            Entity::Module(place) => Some(Symbol::Module(*place)),
        }
    }

    fn item(&mut self, item: &Item) {
        let top = |walk: &Self, name: &Ident| walk.entity(&name.name);
        match &item.kind {
            ItemKind::Use(used) => self.used(used),
            ItemKind::Const(decl) => {
                self.declare_top(&decl.name, top(self, &decl.name));
                self.expr(&decl.value);
            }
            ItemKind::Type(decl) => {
                let symbol = top(self, &decl.name);
                self.declare_top(&decl.name, symbol.clone());
                let owner = match symbol {
                    Some(Symbol::Type(full)) => full,
                    _ => EcoString::new(),
                };
                self.fields_of(&decl.ty, &owner);
            }
            ItemKind::Tool(decl) => self.tool(decl),
            ItemKind::Flow(flow) => self.flow(flow, item.span),
            ItemKind::Policy(policy) => {
                self.declare_top(&policy.name, top(self, &policy.name));
                self.policy(policy);
            }
            ItemKind::Campaign(campaign) => self.campaign(campaign, item.span),
            ItemKind::Test(test) => self.test(test, item.span),
            ItemKind::Error(_) => {}
        }
    }

    fn declare_top(&mut self, name: &Ident, symbol: Option<Symbol>) {
        if let Some(symbol) = symbol {
            self.declare(name.span, symbol);
        }
    }

    fn used(&mut self, used: &Use) {
        let module = |walk: &Self, text: &str| walk.program.module_named(text).map(Symbol::Module);
        match &used.names {
            Some(names) => {
                if let Some(symbol) = module(self, &used.path.text()) {
                    self.mention(used.path.span, symbol);
                }
                for one in names {
                    let alias = one.alias.as_ref().unwrap_or(&one.name);
                    if let Some(symbol) = self.entity(&alias.name) {
                        self.mention(one.name.span, symbol.clone());
                        if one.alias.is_some() {
                            self.mention(alias.span, symbol);
                        }
                    }
                }
            }
            None => {
                let Some((last, front)) = used.path.parts.split_last() else { return };
                if let Some(symbol) = self.entity(&last.name) {
                    self.mention(last.span, symbol);
                }
                if let (Some(first), Some(end)) = (front.first(), front.last()) {
                    let path = Path { parts: front.to_vec(), span: first.span.to(end.span) };
                    if let Some(symbol) = module(self, &path.text()) {
                        self.mention(path.span, symbol);
                    }
                }
            }
        }
    }

    pub(super) fn params(&mut self, params: &[Param], extent: Span) {
        for param in params {
            self.ty(&param.ty);
            param.default.iter().for_each(|default| self.expr(default));
        }
        for param in params {
            self.bind(&param.name, LocalKind::Param, extent);
        }
    }

    pub(super) fn capabilities(&mut self, capabilities: &[CapabilityRef]) {
        for capability in capabilities {
            self.mention(capability.path.span, Symbol::Capability(capability.path.text()));
        }
    }

    pub(super) fn codes(&mut self, codes: &[Ident]) {
        for code in codes {
            self.mention(code.span, Symbol::Code(code.name.clone()));
        }
    }

    pub(super) fn policy_name(&mut self, name: &Ident) {
        if let Some(policy) = self.program.policy_of(self.module, &name.name) {
            self.mention(name.span, Symbol::Policy(policy));
        }
    }

    /// A type, whose fields belong to a declared one.
    fn fields_of(&mut self, ty: &TypeExpr, owner: &EcoString) {
        match &ty.kind {
            TypeExprKind::Record(fields) => {
                for field in fields {
                    self.declare(field.name.span, Symbol::Field(owner.clone(), field.name.name.clone()));
                    self.ty(&field.ty);
                }
            }
            TypeExprKind::Intersection(members) | TypeExprKind::Union(members) => {
                members.iter().for_each(|member| self.fields_of(member, owner));
            }
            TypeExprKind::Paren(inner) | TypeExprKind::Marked(_, inner) | TypeExprKind::Nullable(inner) => {
                self.fields_of(inner, owner);
            }
            TypeExprKind::List(inner) | TypeExprKind::Map(inner) | TypeExprKind::Matching(inner, _) => {
                self.fields_of(inner, &EcoString::new());
            }
            TypeExprKind::Within(base, lo, hi) => {
                self.fields_of(base, owner);
                lo.iter().chain(hi).for_each(|bound| self.expr(bound));
            }
            TypeExprKind::Name(path) => self.type_name(path),
            TypeExprKind::Literal(_) | TypeExprKind::Error => {}
        }
    }

    pub(super) fn ty(&mut self, ty: &TypeExpr) {
        self.fields_of(ty, &EcoString::new());
    }

    fn type_name(&mut self, path: &Path) {
        let Some(last) = path.parts.last() else { return };
        if path.parts.len() == 1 {
            let base = Type::base_named(&last.name).is_some() || matches!(last.name.as_str(), "Error" | "Envelope");
            match self.entity(&last.name) {
                Some(symbol @ Symbol::Type(_)) => self.mention(last.span, symbol),
                _ if base => self.mention(last.span, Symbol::BaseType(last.name.clone())),
                _ => {}
            }
            return;
        }
        let text = path.text();
        let own = text.strip_suffix(".input").or_else(|| text.strip_suffix(".output"));
        if let Some(Callee::Tool(tool)) = own.and_then(|tool| self.program.tool_named(tool)) {
            self.mention(path.span, Symbol::Tool(tool));
            return;
        }
        let place = match path.parts.as_slice() {
            [alias, _] => match self.program.entity(self.module, &alias.name) {
                Some(Entity::Module(module)) => Some(*module),
                _ => None,
            },
            _ => None,
        };
        let full =
            place.map_or(text, |module| crate::check::program::full_name(self.program.module_name(module), &last.name));
        if self.checked.facts.type_places.contains_key(&full) {
            self.front(path, place.map(Symbol::Module));
            self.mention(last.span, Symbol::Type(full));
        }
    }

    /// The parts of a path before its last one.
    fn front(&mut self, path: &Path, symbol: Option<Symbol>) {
        if let (Some(symbol), [front @ .., _]) = (symbol, path.parts.as_slice())
            && let (Some(first), Some(last)) = (front.first(), front.last())
        {
            self.mention(first.span.to(last.span), symbol);
        }
    }

    /// `calls(a.b)` and `attempts(a.b)` of a test name a tool.
    fn counts(&mut self, callee: &Path, args: &[Arg]) -> bool {
        let [Arg { name: None, value }] = args else { return false };
        let counted = matches!(callee.text().as_str(), "calls" | "attempts")
            && self.program.callee(self.module, callee).is_none();
        let tool = crate::check::tests::tool_path(value).filter(|_| counted);
        tool.is_some_and(|tool| self.callee(&tool).is_some())
    }

    pub(super) fn callee(&mut self, path: &Path) -> Option<Callee> {
        let last = path.parts.last()?;
        let callee = self.program.callee(self.module, path)?;
        match &callee {
            Callee::Flow(flow) => {
                let home = self.program.flows.get(*flow).map(|flow| flow.at.module);
                self.front(path, home.map(Symbol::Module));
                self.mention(last.span, Symbol::Flow(*flow));
            }
            Callee::Tool(tool) => {
                let server = tool.split('.').next().unwrap_or_default().into();
                if let Some(first) = path.parts.first() {
                    self.mention(first.span, Symbol::Server(server));
                }
                self.mention(last.span, Symbol::Tool(tool.clone()));
            }
            Callee::Function(function) => self.mention(last.span, Symbol::Function(*function)),
            Callee::Ambient(ambient) => self.mention(last.span, Symbol::Ambient(ambient.name())),
        }
        Some(callee)
    }

    pub(super) fn call(&mut self, path: &Path, args: &[Arg]) {
        let callee = self.callee(path);
        for arg in args {
            if let (Some(name), Some(callee)) = (&arg.name, &callee)
                && let Some(symbol) = self.argument(callee, &name.name)
            {
                self.mention(name.span, symbol);
            }
            self.expr(&arg.value);
        }
    }

    fn argument(&self, callee: &Callee, name: &EcoString) -> Option<Symbol> {
        match callee {
            Callee::Flow(flow) => {
                let tree = self.program.flow_ast(*flow)?;
                let home = self.program.flows.get(*flow)?.at.module;
                let param = tree.params.iter().find(|param| param.name.name == *name)?;
                Some(Symbol::Local(self.program.loc(home, param.name.span)))
            }
            Callee::Tool(tool) => Some(Symbol::ToolParam(tool.clone(), name.clone())),
            Callee::Function(function) => Some(Symbol::FunctionParam(*function, name.clone())),
            Callee::Ambient(_) => None,
        }
    }

    pub(super) fn block(&mut self, block: &Block) {
        self.scoped(block.span, |walk| walk.steps(block));
    }

    pub(super) fn steps(&mut self, block: &Block) {
        for step in &block.steps {
            self.step(step);
        }
    }

    /// From a place to the end of what is open.
    pub(super) fn onward(&self, from: u32) -> Span {
        Span { start: from, end: self.open.end.max(from) }
    }

    fn step(&mut self, step: &Step) {
        match &step.kind {
            StepKind::Bind { name, value } => {
                // The name is known to the clauses of its own call, and from the next step on.
                self.own_clauses(name, value);
                let extent = self.onward(step.span.end);
                self.bind(name, LocalKind::Step, extent);
            }
            StepKind::Expr(expr) | StepKind::Yield(expr) | StepKind::Wait(expr) | StepKind::WaitUntil(expr) => {
                self.expr(expr);
            }
            StepKind::Next(expr) | StepKind::Drop(expr) | StepKind::Annotate(expr) | StepKind::Prompt(expr) => {
                self.expr(expr);
            }
            StepKind::Return(value) => value.iter().for_each(|value| self.expr(value)),
            StepKind::Require { cond, otherwise } => {
                self.expr(cond);
                match otherwise {
                    Some(Otherwise::Reason(expr) | Otherwise::Exit(expr) | Otherwise::Drop(expr)) => self.expr(expr),
                    None => {}
                }
            }
            StepKind::Check { callee, args } => self.call(callee, args),
            StepKind::Key { key, .. } => self.expr(key),
            StepKind::From { source, name } => {
                self.own_clauses(name, source);
                let extent = self.onward(step.span.end);
                self.bind(name, LocalKind::Step, extent);
            }
            StepKind::Merge { key, prefer } => {
                self.expr(key);
                for name in prefer {
                    self.name(name);
                }
            }
            StepKind::Error => {}
        }
    }

    /// The value of a binding; its clauses may use the name that it gets.
    fn own_clauses(&mut self, name: &Ident, value: &Expr) {
        let ExprKind::Claused { value, clauses } = &value.kind else { return self.expr(value) };
        self.expr(value);
        for clause in clauses {
            let mark = self.scope.len();
            self.scope.push((name.name.clone(), name.span));
            self.clause(clause, value.span);
            self.scope.truncate(mark);
        }
        if let (Some(first), Some(last)) = (clauses.first(), clauses.last()) {
            let extent = first.span.to(last.span);
            self.out.locals.push(Local { name: name.name.clone(), span: name.span, extent, kind: LocalKind::Step });
        }
    }

    fn name(&mut self, name: &Ident) {
        if let Some(symbol) = self.local(&name.name).or_else(|| self.entity(&name.name)) {
            self.mention(name.span, symbol);
        }
    }

    /// The declared type that an expression's fields belong to.
    fn owner(&self, base: &Expr) -> EcoString {
        let types = self.checked.facts.expr_types.get(self.module);
        let ty = types.and_then(|types| types.get(base.id.0 as usize)).unwrap_or(&Type::Broken);
        super::types::declared_name(ty).unwrap_or_default()
    }

    fn arm(&mut self, body: &ArmBody) {
        match body {
            ArmBody::Expr(expr) => self.expr(expr),
            ArmBody::Block(block) => self.block(block),
        }
    }

    fn clause(&mut self, clause: &Clause, call: Span) {
        match &clause.kind {
            ClauseKind::Retry(retry) => {
                retry.count.iter().for_each(|count| self.expr(count));
                retry.backoff.iter().for_each(|(lo, hi)| {
                    self.expr(lo);
                    self.expr(hi);
                });
                self.codes(&retry.on);
            }
            ClauseKind::Timeout(expr) | ClauseKind::Fallback(expr) | ClauseKind::From(expr) => self.expr(expr),
            ClauseKind::With(name) => self.policy_name(name),
            ClauseKind::Catch(arms) => {
                for arm in arms {
                    self.codes(&arm.codes);
                    self.scoped(arm.span, |walk| {
                        if let Some(name) = &arm.binding {
                            walk.bind(name, LocalKind::Variable, arm.span);
                        }
                        walk.arm(&arm.body);
                    });
                }
            }
            ClauseKind::Optional | ClauseKind::Final => {}
            ClauseKind::Key { key, .. } => self.expr(key),
            ClauseKind::Undo(expr) => self.with_it(call, clause.span, |walk| walk.expr(expr)),
            ClauseKind::Until { cond, every, within } => {
                self.with_it(call, clause.span, |walk| walk.expr(cond));
                every.iter().chain(within).for_each(|expr| self.expr(expr));
            }
        }
    }

    fn with_it(&mut self, call: Span, extent: Span, work: impl FnOnce(&mut Self)) {
        let mark = self.scope.len();
        self.bind_hidden("it", call, extent);
        work(self);
        self.scope.truncate(mark);
    }

    #[allow(clippy::too_many_lines, reason = "one line a form of expression")]
    pub(super) fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Lit(_) | ExprKind::Regex(_) | ExprKind::Error => {}
            ExprKind::Template(parts) => parts.iter().for_each(|part| {
                if let Part::Expr(expr) = part {
                    self.expr(expr);
                }
            }),
            ExprKind::Name(name) => self.name(name),
            ExprKind::Field { base, name, .. } => {
                self.expr(base);
                let owner = self.owner(base);
                self.mention(name.span, Symbol::Field(owner, name.name.clone()));
            }
            ExprKind::Index { base, index } => {
                self.expr(base);
                self.expr(index);
            }
            ExprKind::Call { callee, args } if self.counts(callee, args) => {}
            ExprKind::Call { callee, args } => self.call(callee, args),
            ExprKind::Unary { operand, .. } => self.expr(operand),
            ExprKind::Binary { left, right, .. } | ExprKind::Range { lo: left, hi: right } => {
                self.expr(left);
                self.expr(right);
            }
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
            ExprKind::Comprehension { value, var, index, source, cond } => {
                self.expr(source);
                self.scoped(expr.span, |walk| {
                    walk.bind(var, LocalKind::Variable, expr.span);
                    index.iter().for_each(|index| walk.bind(index, LocalKind::Variable, expr.span));
                    walk.expr(value);
                    cond.iter().for_each(|cond| walk.expr(cond));
                });
            }
            ExprKind::Record(entries) => entries.iter().for_each(|entry| self.entry(entry)),
            ExprKind::Lambda { params, body } => self.scoped(expr.span, |walk| {
                params.iter().for_each(|param| walk.bind(param, LocalKind::Variable, expr.span));
                walk.expr(body);
            }),
            ExprKind::Cast { value, ty, .. } => {
                self.expr(value);
                self.ty(ty);
            }
            ExprKind::Pipe { value, stage } => {
                self.expr(value);
                self.call(&stage.callee, &stage.args);
            }
            ExprKind::Claused { value, clauses } => {
                self.expr(value);
                clauses.iter().for_each(|clause| self.clause(clause, value.span));
            }
            ExprKind::For { var, index, source, parallel, body } => {
                self.expr(source);
                parallel.iter().for_each(|parallel| self.expr(parallel));
                self.scoped(body.span, |walk| {
                    walk.bind(var, LocalKind::Variable, body.span);
                    index.iter().for_each(|index| walk.bind(index, LocalKind::Variable, body.span));
                    walk.steps(body);
                });
            }
            ExprKind::Repeat { var, init, at_most, body } => {
                self.expr(init);
                self.expr(at_most);
                self.scoped(body.span, |walk| {
                    walk.bind(var, LocalKind::Variable, body.span);
                    walk.steps(body);
                });
            }
            ExprKind::Ask { question: text, ty } | ExprKind::Receive { event: text, ty } => {
                self.expr(text);
                self.ty(ty);
            }
            ExprKind::Start { callee, args, delay } => {
                self.call(callee, args);
                match delay {
                    Some(Delay::After(when) | Delay::At(when)) => self.expr(when),
                    None => {}
                }
            }
            ExprKind::Block(text) => self.expr(text),
            ExprKind::Fail { code, message } => {
                self.codes(code.as_slice());
                self.expr(message);
            }
            ExprKind::Paren(inner) => self.expr(inner),
        }
    }

    fn entry(&mut self, entry: &RecordEntry) {
        match entry {
            RecordEntry::Spread(value) => self.expr(value),
            RecordEntry::Field { name, value: Some(value) } => {
                self.mention(name.span, Symbol::Field(EcoString::new(), name.name.clone()));
                self.expr(value);
            }
            RecordEntry::Field { name, value: None } => {
                if let Some(symbol) = self.local(&name.name).or_else(|| self.entity(&name.name)) {
                    self.out.mentions.push(Mention { span: name.span, symbol, declares: false, shorthand: true });
                }
            }
        }
    }
}
