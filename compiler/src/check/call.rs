//! Calls: which argument is which parameter, and what the call gives.

use super::body::Body;
use super::errors;
use super::program::{AmbientFn, Callee, Param};
use ecow::EcoString;
use indexmap::IndexMap;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use weir_lang::ast::{Arg, Delay, Expr, ExprKind, Path, Role, Stage};
use weir_lang::span::Span;
use weir_lang::types::{FieldType, RecordType, Type, fits};
use weir_stdlib::functions::{FunctionId, Signature};

/// How many arguments are few.
const FEW: usize = 8;

/// The value of a delivery.
pub fn delivery_type() -> Type {
    let status = Type::union([Type::text("sent"), Type::text("duplicate"), Type::text("disabled")]);
    Type::record([("status", status), ("id", Type::STRING.nullable())])
}

/// An argument: written, or piped in with a type that is known.
pub(super) enum Given<'e> {
    /// Written.
    Expr(&'e Expr),
    /// Left of `|>`.
    Piped(Type, Span),
}

impl Body<'_> {
    pub(super) fn call(&mut self, callee: &Path, args: &[Arg], piped: Option<(Type, Span)>) -> Type {
        let bare = callee.parts.len() == 1;
        if self.test && bare && matches!(callee.text().as_str(), "calls" | "attempts") {
            return self.tool_counts(&callee.text(), callee, args);
        }
        let hidden = bare && self.scope.get(&callee.text()).is_some();
        let Some(target) = self.checker.program.callee(self.module, callee) else {
            self.unknown_callee(callee, hidden);
            for arg in args.iter().filter(|arg| !matches!(arg.value.kind, ExprKind::Lambda { .. })) {
                self.infer_claused(&arg.value, None, None);
            }
            return Type::Broken;
        };
        match target {
            Callee::Function(function) => self.library_call(function, args, piped, callee.span),
            Callee::Flow(flow) => self.flow_call(flow, args, piped, callee),
            Callee::Tool(tool) => {
                let loc = self.loc(callee.span);
                self.checker.called.entry(tool.clone()).or_insert(loc);
                let params = self.checker.params_of(&tool);
                self.arguments(&tool, &params, args, piped, callee.span);
                self.checker.program.tools.get(&tool).map_or(Type::Broken, |tool| tool.output.clone())
            }
            Callee::Ambient(ambient) => self.ambient_call(ambient, args, callee.span),
        }
    }

    /// Whether what declares a name could not be read.
    fn is_broken_name(&self, name: &str) -> bool {
        let entity = self.checker.program.entity(self.module, name);
        matches!(entity, Some(super::program::Entity::Type(full)) if full.is_empty())
    }

    fn unknown_callee(&mut self, path: &Path, bound: bool) {
        let text = path.text();
        let loc = self.loc(path.span);
        if bound {
            // A binding that is broken was reported where it was made.
            if self.scope.read(&text).is_some_and(|binding| !matches!(binding.ty, Type::Broken)) {
                self.report(errors::not_callable(loc, &text));
            }
            return;
        }
        if let [name] = path.parts.as_slice() {
            if self.is_broken_name(&name.name) {
                return;
            }
            let scope = self.checker.program.modules.get(self.module).map(|module| module.scope.keys());
            let own = scope.into_iter().flatten().map(EcoString::as_str);
            let library = weir_stdlib::functions::all().iter().map(|entry| entry.name);
            let ambient = AmbientFn::ALL.iter().map(|(name, _)| *name);
            let near = self.checker.near(&text, own.chain(library).chain(ambient)).map(str::to_string);
            self.report(errors::unknown_flow(loc, &text, near.as_deref()));
            return;
        }
        if self.is_broken_name(&text) {
            return;
        }
        if let [base, .., method] = path.parts.as_slice()
            && self.scope.read(&base.name).is_some()
        {
            let value = text.strip_suffix(&format!(".{}", method.name)).unwrap_or(&base.name).to_string();
            self.report(errors::no_method(loc, &value, &method.name));
            return;
        }
        let diagnostic = self.checker.absent_tool(loc, &text);
        diagnostic.into_iter().for_each(|diagnostic| self.report(diagnostic));
    }

    /// Matches arguments to parameters, checks each, reports what is missing or too much.
    pub(super) fn arguments(
        &mut self,
        callee: &str,
        params: &[Param],
        args: &[Arg],
        piped: Option<(Type, Span)>,
        span: Span,
    ) -> Vec<Option<Type>> {
        let mut types: Vec<Option<Type>> = vec![None; params.len()];
        for (place, given) in self.places(callee, params.iter().map(|param| &param.name), args, piped) {
            let (Some(param), Some(slot)) = (params.get(place), types.get_mut(place)) else { continue };
            let context = format!("the argument `{}` of `{callee}`", param.name);
            let wanted = if param.nullable { param.ty.clone().nullable() } else { param.ty.clone() };
            *slot = Some(match given {
                Given::Expr(value) => {
                    self.expect_claused(value, &wanted, &context);
                    self.type_of(value)
                }
                Given::Piped(ty, at) => {
                    self.fit(at, &ty, &wanted, &context);
                    ty
                }
            });
        }
        let missing = params.iter().zip(&types).filter(|(param, given)| given.is_none() && !param.optional);
        let missing: Vec<(&EcoString, &Type)> = missing.map(|(param, _)| (&param.name, &param.ty)).collect();
        self.missing_arguments(callee, params.iter().map(|param| &param.name), args, &missing, span);
        types
    }

    /// Reports parameters that nothing is given for, unless an argument under another name was meant for them.
    fn missing_arguments<'n>(
        &mut self,
        callee: &str,
        names: impl Iterator<Item = &'n EcoString>,
        args: &[Arg],
        missing: &[(&EcoString, &Type)],
        span: Span,
    ) {
        if missing.is_empty() {
            return;
        }
        let given = args.iter().any(|arg| arg.name.is_some());
        let names: FxHashSet<&EcoString> = if given { names.collect() } else { FxHashSet::default() };
        let strangers = args.iter().filter_map(|arg| arg.name.as_ref()).filter(|name| !names.contains(&name.name));
        for (name, ty) in missing.iter().skip(strangers.count()).take(errors::MOST_NAMED) {
            let loc = self.loc(span);
            let found = errors::missing_argument(loc, callee, name, ty);
            let found = match self.scope.get(name).is_some_and(|known| {
                fits(&known.ty, ty, &self.checker.program.types).is_ok() && !matches!(known.ty, Type::Broken)
            }) {
                true => {
                    found.fix(format!("pass `{name}`"), self.argument_edits(span, args, &format!("{name}: {name}")))
                }
                false => found,
            };
            self.report(found);
        }
    }

    /// Adds an argument to a call.
    fn argument_edits(&self, callee: Span, args: &[Arg], text: &str) -> super::fixes::Edits {
        let call = self.loc(callee);
        match args.last() {
            Some(last) => {
                let end = Span { start: last.value.span.end, end: last.value.span.end };
                super::fixes::insert(self.loc(end), format!(", {text}"))
            }
            None => {
                let inside = self.checker.text_of(call).find('(').map(|at| call.span.start as usize + at + 1);
                let at = inside.unwrap_or(call.span.end as usize + 1);
                super::fixes::insert(self.loc(Span::new(at, at)), text)
            }
        }
    }

    /// The place of each argument among the parameters.
    pub(super) fn places<'e, 'n>(
        &mut self,
        callee: &str,
        names: impl Iterator<Item = &'n EcoString>,
        args: &'e [Arg],
        piped: Option<(Type, Span)>,
    ) -> Vec<(usize, Given<'e>)> {
        let names: Vec<&EcoString> = names.collect();
        // A few arguments are found by going through the names, many by looking them up.
        let many = args.len() > FEW;
        let known: FxHashMap<&EcoString, usize> =
            names.iter().enumerate().filter(|_| many).map(|(at, name)| (*name, at)).collect();
        let place_of = |name: &EcoString| match many {
            true => known.get(name).copied(),
            false => names.iter().position(|known| *known == name),
        };
        let mut out: Vec<(usize, Given)> = Vec::new();
        let mut taken: FxHashSet<usize> = FxHashSet::default();
        let mut next = 0;
        if let Some((ty, span)) = piped {
            if names.is_empty() {
                let loc = self.loc(span);
                self.report(errors::too_many_arguments(loc, callee, 0));
            }
            out.push((0, Given::Piped(ty, span)));
            taken.insert(0);
            next = 1;
        }
        for arg in args {
            let place = match &arg.name {
                Some(name) => place_of(&name.name),
                None => {
                    next += 1;
                    (next <= names.len()).then_some(next - 1)
                }
            };
            match (place, &arg.name) {
                (Some(place), _) if taken.contains(&place) => {
                    let loc = self.loc(arg.value.span);
                    let name = names.get(place).map(|name| name.as_str()).unwrap_or_default().to_string();
                    let own = match &arg.value.kind {
                        ExprKind::Name(own) if arg.name.is_none() => place_of(&own.name),
                        _ => None,
                    };
                    match own.filter(|own| taken.insert(*own)) {
                        Some(own) => {
                            let name = names.get(own).map(|name| name.as_str()).unwrap_or_default();
                            self.report(errors::argument_without_name(loc, name));
                            out.push((own, Given::Expr(&arg.value)));
                        }
                        None => {
                            self.report(errors::argument_twice(loc, callee, &name));
                            self.infer_claused(&arg.value, None, None);
                        }
                    }
                }
                (Some(place), _) => {
                    taken.insert(place);
                    out.push((place, Given::Expr(&arg.value)));
                }
                (None, Some(name)) => {
                    let near =
                        self.checker.near(&name.name, names.iter().map(|name| name.as_str())).map(str::to_string);
                    let known = errors::listed(names.iter().map(|name| format!("`{name}`")), ", ");
                    let loc = self.loc(name.span);
                    self.report(errors::unknown_argument(loc, callee, &name.name, near.as_deref(), &known));
                    self.infer_claused(&arg.value, None, None);
                }
                (None, None) => {
                    let loc = self.loc(arg.value.span);
                    self.report(errors::too_many_arguments(loc, callee, names.len()));
                    self.infer_claused(&arg.value, None, None);
                }
            }
        }
        out
    }

    pub(super) fn flow_call(&mut self, flow: usize, args: &[Arg], piped: Option<(Type, Span)>, callee: &Path) -> Type {
        let Some(decl) = self.checker.program.flows.get(flow).cloned() else { return Type::Broken };
        let given = self.arguments(&callee.text(), &decl.params, args, piped, callee.span);
        match (decl.role, &decl.returns) {
            (Role::Delivery, _) => delivery_type(),
            (Role::Enricher, Some(returns)) => self.enriched(&decl.params, given.first().cloned().flatten(), returns),
            (_, Some(returns)) => returns.clone(),
            (Role::Router, None) => Type::Json,
            (_, None) => Type::Null,
        }
    }

    /// An enricher keeps the caller's record type and adds its own fields.
    fn enriched(&self, params: &[Param], given: Option<Type>, returns: &Type) -> Type {
        let types = &self.checker.program.types;
        let (Some(param), Some(given)) = (params.first(), given) else { return returns.clone() };
        let record = |ty: &Type| match types.head(ty) {
            Type::List(element) => match types.head(element) {
                Type::Record(record) => Some(record.clone()),
                _ => None,
            },
            _ => None,
        };
        let (Some(declared), Some(theirs), Some(base)) = (record(returns), record(&given), record(&param.ty)) else {
            return returns.clone();
        };
        let mut fields: IndexMap<EcoString, FieldType> = theirs.fields.clone();
        for (name, field) in declared.fields.iter().filter(|(name, _)| !base.fields.contains_key(*name)) {
            fields.insert(name.clone(), field.clone());
        }
        Type::list(Type::Record(Arc::new(RecordType { fields })))
    }

    fn ambient_call(&mut self, ambient: AmbientFn, args: &[Arg], span: Span) -> Type {
        let text =
            |name: &str, optional: bool| Param { name: name.into(), ty: Type::STRING, optional, nullable: false };
        let (params, ty) = match ambient {
            AmbientFn::Now => (vec![], Type::Time),
            AmbientFn::Today => (vec![text("zone", true)], Type::Date),
            AmbientFn::Uuid => (vec![], Type::STRING),
            AmbientFn::Random => (vec![], Type::NUMBER),
            AmbientFn::Flag => (vec![text("name", false)], Type::Bool),
        };
        self.arguments(ambient.name(), &params, args, None, span);
        ty
    }

    pub(super) fn pipe(&mut self, expr: &Expr, value: &Expr, stage: &Stage) -> Type {
        let ty = self.infer_claused(value, None, None);
        if stage.check {
            return self.check_stage(expr, value, ty, stage);
        }
        self.call(&stage.callee, &stage.args, Some((ty, value.span)))
    }

    /// `xs |> check v`: the whole where it fits, else element by element.
    fn check_stage(&mut self, expr: &Expr, value: &Expr, ty: Type, stage: &Stage) -> Type {
        let Some(decl) = self.validator(&stage.callee) else { return ty };
        let types = &self.checker.program.types;
        let whole = decl.params.first().is_none_or(|param| fits(&ty, &param.ty, types).is_ok());
        let element = match types.head(&ty) {
            Type::List(element) if !whole => Some((**element).clone()),
            _ => None,
        };
        let piped = match element {
            Some(element) => {
                self.checker.each.insert((self.module, expr.id));
                (element, value.span)
            }
            None => (ty.clone(), value.span),
        };
        self.arguments(&stage.callee.text(), &decl.params, &stage.args, Some(piped), stage.callee.span);
        ty
    }

    pub(super) fn check_step(&mut self, callee: &Path, args: &[Arg]) {
        match self.validator(callee) {
            Some(decl) => {
                self.arguments(&callee.text(), &decl.params, args, None, callee.span);
            }
            None => {
                for arg in args {
                    self.infer_claused(&arg.value, None, None);
                }
            }
        }
    }

    /// The validator that a `check` names.
    fn validator(&mut self, callee: &Path) -> Option<super::program::FlowDecl> {
        let loc = self.loc(callee.span);
        match self.checker.program.callee(self.module, callee) {
            Some(Callee::Flow(flow)) => {
                let decl = self.checker.program.flows.get(flow)?.clone();
                if decl.role == Role::Validator {
                    return Some(decl);
                }
                let message = format!("`check` runs a validator, and `{}` is a {}", callee.text(), decl.role.word());
                self.report(errors::invalid_clause(loc, message, "call it without `check`"));
            }
            Some(_) => {
                let message = format!("`check` runs a validator, and `{}` is none", callee.text());
                self.report(errors::invalid_clause(loc, message, "use `require` for a condition"));
            }
            None if self.is_broken_name(&callee.text()) => {}
            None => {
                let flows = &self.checker.program.flows;
                let validators = flows.iter().filter(|flow| flow.role == Role::Validator);
                let near = self
                    .checker
                    .near(&callee.text(), validators.map(|flow| flow.name.rsplit('.').next().unwrap_or("")));
                let near = near.map(str::to_string);
                self.report(errors::unknown_flow(loc, &callee.text(), near.as_deref()));
            }
        }
        None
    }

    pub(super) fn start(&mut self, expr: &Expr, callee: &Path, args: &[Arg], delay: Option<&Delay>) -> Type {
        match self.checker.program.callee(self.module, callee) {
            Some(Callee::Flow(flow)) => {
                self.flow_call(flow, args, None, callee);
            }
            Some(_) => {
                let loc = self.loc(expr.span);
                self.report(errors::invalid_clause(
                    loc,
                    format!("`start` starts a flow, and `{}` is none", callee.text()),
                    "call it instead",
                ));
            }
            None => {
                self.call(callee, args, None);
            }
        }
        match delay {
            Some(Delay::After(duration)) => {
                let ty = self.infer(duration, Some(&Type::Duration));
                if fits(&ty, &Type::Duration, &self.checker.program.types).is_err() {
                    let loc = self.loc(duration.span);
                    self.report(errors::not_duration(loc, "`after`", &ty));
                }
            }
            Some(Delay::At(time)) => {
                self.expect(time, &Type::Time, "`at`");
            }
            None => {}
        }
        Type::STRING
    }

    /// A function of the library: type variables are bound by the arguments, then by the lambdas' results.
    fn library_call(&mut self, function: FunctionId, args: &[Arg], piped: Option<(Type, Span)>, span: Span) -> Type {
        let entry = function.entry();
        let signature = entry.signature();
        let mut bound: IndexMap<EcoString, Type> = IndexMap::new();
        let mut given: Vec<bool> = vec![false; signature.params.len()];
        let mut lambdas: Vec<(usize, &Expr)> = Vec::new();
        let names: Vec<EcoString> = signature.params.iter().map(|param| param.name.clone()).collect();
        for (place, value) in self.places(entry.name, names.iter(), args, piped) {
            if let Some(slot) = given.get_mut(place) {
                *slot = true;
            }
            let Some(param) = signature.params.get(place) else { continue };
            match value {
                Given::Expr(value) if matches!(value.unparen().kind, ExprKind::Lambda { .. }) => {
                    lambdas.push((place, value))
                }
                Given::Expr(value) => {
                    let hint = self.hint(&param.ty, &bound);
                    let ty = self.infer_claused(value, hint.as_ref(), None);
                    self.bind_argument(entry.name, signature, place, &ty, value.span, &mut bound);
                }
                Given::Piped(ty, at) => self.bind_argument(entry.name, signature, place, &ty, at, &mut bound),
            }
        }
        for (place, value) in lambdas {
            self.bind_lambda(entry.name, signature, place, value, &mut bound);
        }
        let missing = signature.params.iter().zip(&given).filter(|(param, given)| !**given && !param.optional);
        let missing: Vec<(&EcoString, &Type)> = missing.map(|(param, _)| (&param.name, &param.ty)).collect();
        self.missing_arguments(entry.name, names.iter(), args, &missing, span);
        if let Some(special) = self.special_result(entry.name, args) {
            return special;
        }
        substitute(&signature.returns, &bound)
    }

    /// What is known of a parameter's type before its argument is looked at.
    fn hint(&self, ty: &Type, bound: &IndexMap<EcoString, Type>) -> Option<Type> {
        let ty = substitute_known(ty, bound)?;
        Some(ty)
    }

    fn bind_argument(
        &mut self,
        callee: &str,
        signature: &Signature,
        place: usize,
        ty: &Type,
        span: Span,
        bound: &mut IndexMap<EcoString, Type>,
    ) {
        let Some(param) = signature.params.get(place) else { return };
        super::generic::unify(&param.ty, ty, bound, &self.checker.program.types);
        let wanted = super::generic::substitute_bound(&param.ty, bound);
        let wanted = if param.optional { wanted.nullable() } else { wanted };
        self.fit(span, ty, &wanted, &format!("the argument `{}` of `{callee}`", param.name));
    }

    fn bind_lambda(
        &mut self,
        callee: &str,
        signature: &Signature,
        place: usize,
        value: &Expr,
        bound: &mut IndexMap<EcoString, Type>,
    ) {
        let Some(param) = signature.params.get(place) else { return };
        let ExprKind::Lambda { params, body } = &value.unparen().kind else { return };
        let lambda = self.checker.program.types.members(&param.ty).into_iter().find_map(|member| match member {
            Type::Lambda(lambda) => Some(lambda.clone()),
            _ => None,
        });
        let Some(lambda) = lambda else {
            let loc = self.loc(value.span);
            let message = format!(
                "the argument `{}` of `{callee}` is no lambda, but a `{}`",
                param.name,
                errors::brief(&param.ty)
            );
            self.report(errors::invalid_clause(loc, message, ""));
            return;
        };
        if params.len() > lambda.params.len() {
            let loc = self.loc(value.span);
            self.report(errors::too_many_arguments(loc, "this lambda", lambda.params.len()));
        }
        let mark = self.scope.enter();
        for (name, ty) in params.iter().zip(&lambda.params) {
            let ty = substitute(ty, bound);
            self.bind(name, ty, false);
        }
        let hint = substitute_known(&lambda.returns, bound);
        let ty = self.infer(body, hint.as_ref());
        self.leave(mark);
        super::generic::unify(&lambda.returns, &ty, bound, &self.checker.program.types);
        let wanted = substitute(&lambda.returns, bound);
        self.fit(body.span, &ty, &wanted, &format!("the lambda of `{callee}`"));
        let lambda_type = weir_lang::types::LambdaType { params: lambda.params.clone(), returns: ty };
        self.checker.set_type(self.module, value.unparen().id, Type::Lambda(Arc::new(lambda_type)));
    }

    /// Results that depend on more than types: the named groups of a pattern.
    fn special_result(&mut self, name: &str, args: &[Arg]) -> Option<Type> {
        if name != "capture" {
            return None;
        }
        let pattern = args.iter().find_map(|arg| match &arg.value.unparen().kind {
            ExprKind::Regex(regex) => Some(regex.pattern.clone()),
            _ => None,
        })?;
        Some(super::capture::groups(&pattern)?.nullable())
    }
}

pub(super) use super::generic::{substitute, substitute_known};
