//! Calls of tools and flows: what their arguments must not be, and what they give.

use super::label::Label;
use super::marks::narrowed;
use super::paths::Step;
use super::subst::Args;
use super::taint::Taint;
use super::walk::{Mode, Walk};
use super::{Sink, Summary};
use crate::check::program::{Callee, Param};
use ecow::EcoString;
use std::rc::Rc;
use weir_lang::ast::{Arg, Expr, Path, Role, Stage};
use weir_lang::span::Span;
use weir_lang::types::Type;

/// An argument.
#[derive(Clone)]
pub(super) struct Given<'a> {
    pub value: &'a Expr,
    pub label: Label,
}

impl<'a> Walk<'_, 'a> {
    /// A call; `piped` is what stands left of `|>`.
    pub fn call(&mut self, callee: &'a Path, args: &'a [Arg], piped: Option<Given<'a>>, expr: &'a Expr) -> Label {
        match self.world.checker.program.callee(self.module, callee) {
            Some(Callee::Function(function)) => self.library(function, args, piped),
            Some(Callee::Tool(tool)) => self.tool(&tool, args, piped, expr.span),
            Some(Callee::Flow(flow)) => self.flow_call(flow, args, piped, expr.span),
            Some(Callee::Ambient(_)) | None => {
                let mut taint = piped.map(|piped| piped.label.deep()).unwrap_or_default();
                for arg in args {
                    let label = self.expr(&arg.value);
                    taint.add(&label.deep());
                }
                Label::leaf(if self.mode == Mode::Depends { taint.computed() } else { Taint::default() })
            }
        }
    }

    pub fn pipe(&mut self, value: &'a Expr, stage: &'a Stage, expr: &'a Expr) -> Label {
        let label = self.expr(value);
        let piped = Given { value, label };
        if stage.check {
            return self.check_stage(stage, piped, expr);
        }
        self.call(&stage.callee, &stage.args, Some(piped), expr)
    }

    /// Arguments by the place of their parameter.
    pub fn given(&mut self, names: &[EcoString], args: &'a [Arg], piped: Option<Given<'a>>) -> Vec<Option<Given<'a>>> {
        let mut out: Vec<Option<Given>> = vec![None; names.len()];
        let mut next = 0;
        if piped.is_some() {
            next = 1;
            if let Some(slot) = out.first_mut() {
                *slot = piped;
            }
        }
        for arg in args {
            let label = self.expr(&arg.value);
            let place = match &arg.name {
                Some(name) => names.iter().position(|known| *known == name.name),
                None => {
                    next += 1;
                    Some(next - 1)
                }
            };
            if let Some(slot) = place.and_then(|place| out.get_mut(place)).filter(|slot| slot.is_none()) {
                *slot = Some(Given { value: &arg.value, label });
            }
        }
        out
    }

    fn tool(&mut self, name: &EcoString, args: &'a [Arg], piped: Option<Given<'a>>, span: Span) -> Label {
        let checker = self.world.checker;
        let Some(tool) = checker.program.tools.get(name) else { return Label::default() };
        let names: Vec<EcoString> = tool.params.keys().cloned().collect();
        let given = self.given(&names, args, piped);
        if self.mode == Mode::Depends {
            let taint = given.iter().flatten().fold(Taint::default(), |all, given| all.joined(&given.label.deep()));
            return Label::leaf(taint.computed());
        }
        for ((param, decl), given) in tool.params.iter().zip(&given) {
            let Some(given) = given else { continue };
            let callee = (name, tool.server());
            self.argument(callee, param, &decl.ty, decl.trusted, given);
        }
        if !tool.reads_only() {
            self.step_choice(span, name);
        }
        let origin = |walk: &mut Self| walk.source(span, ecow::eco_format!("this comes from `{name}`"));
        if tool.untrusted {
            let origin = origin(self);
            let result = self.server_result(&tool.output, origin, tool.server(), 0);
            return self.delivered(tool, result);
        }
        if !self.world.marks.has(&tool.output, weir_lang::ast::Mark::Untrusted) {
            return Label::default();
        }
        let origin = origin(self);
        let world = &mut *self.world;
        let result = world.marks.label(&tool.output, origin, &checker.program.types, &mut world.paths);
        self.delivered(tool, result)
    }

    /// What a tool gave; a delivery gives its caller the id of it.
    fn delivered(&mut self, tool: &crate::registry::Tool, result: Label) -> Label {
        if self.role == Some(Role::Delivery) && tool.capabilities.iter().any(|capability| capability.ends_with(".send"))
        {
            let id = result.field("id", &mut self.world.paths);
            self.sent = self.sent.joined(&id, &mut self.world.paths);
        }
        result
    }

    /// The result of a server that is not ours: untrusted, but an id is good for the server that gave it.
    fn server_result(&mut self, output: &Type, origin: u32, server: &str, depth: usize) -> Label {
        let types = &self.world.checker.program.types;
        let all = Label::leaf(Taint::of(origin));
        if depth > 6 {
            return all;
        }
        if let (true, Some(element)) = (self.is_list(output), super::marks::element(output, types)) {
            return Label::list(self.server_result(element, origin, server, depth + 1), Taint::of(origin));
        }
        let Some(fields) = super::marks::fields(output, types) else { return all };
        let mut parts = Vec::new();
        for (name, ty) in fields {
            let part = match name.as_str() {
                "id" => Label::leaf(Taint { id_of: Some((origin, server.into())), ..Taint::default() }),
                name if name.ends_with("_id") || name.ends_with("Id") => {
                    Label::leaf(Taint { id_of: Some((origin, server.into())), ..Taint::default() })
                }
                _ => self.server_result(ty, origin, server, depth + 1),
            };
            parts.push((Step::Field(name.clone()), part));
        }
        Label::record(parts)
    }

    /// An argument of a tool, or of a flow that asks for trust itself.
    fn argument(&mut self, callee: (&EcoString, &str), param: &EcoString, ty: &Type, trusted: bool, given: &Given<'a>) {
        if given.label.is_clean() && self.world.log.is_none() {
            return;
        }
        let types = &self.world.checker.program.types;
        let mut places = self.world.marks.trusted(ty, types);
        if trusted {
            places.push(Vec::new());
        }
        for steps in places {
            let mut label = narrowed(&given.label, ty, types);
            let mut name = param.clone();
            for step in &steps {
                label = label.project(step, &mut self.world.paths);
                if let Step::Field(field) = step {
                    name = ecow::eco_format!("{name}.{field}");
                }
            }
            let what = ecow::eco_format!("`{name}` of `{}`", callee.0);
            self.note_sink(given.value, &what, &label.deep(), callee.1);
            let loc = self.loc(given.value.span);
            let sink = Sink { what, loc, server: callee.1.into(), step: false, via: Vec::new() };
            if self.sink(given.value.span, Some(given.value), &label.deep(), &Rc::new(sink)) {
                self.endorse_path(given.value, &mut |_, _| Label::default());
                return;
            }
        }
    }

    /// In strict projects untrusted data must not decide whether a step runs that writes, sends or executes.
    fn step_choice(&mut self, span: Span, name: &str) {
        if !self.world.strict || self.undoing {
            return;
        }
        let gate = self.around.joined(&self.decided());
        let sink = Sink {
            what: ecow::eco_format!("whether `{name}` is called"),
            loc: self.loc(span),
            server: EcoString::new(),
            step: true,
            via: Vec::new(),
        };
        self.note_step(span, &sink.what, &gate);
        self.sink(span, None, &gate, &Rc::new(sink));
    }

    pub fn flow_call(&mut self, flow: usize, args: &'a [Arg], piped: Option<Given<'a>>, span: Span) -> Label {
        let checker = self.world.checker;
        let Some(decl) = checker.program.flows.get(flow) else { return Label::default() };
        let names: Vec<EcoString> = decl.params.iter().map(|param| param.name.clone()).collect();
        let given = self.given(&names, args, piped);
        self.call_given(flow, &given, span)
    }

    /// A call of a flow whose arguments were looked at.
    pub fn call_given(&mut self, flow: usize, given: &[Option<Given<'a>>], span: Span) -> Label {
        let checker = self.world.checker;
        let Some(decl) = checker.program.flows.get(flow) else { return Label::default() };
        let labels = self.arguments(flow, given, decl.role);
        if self.mode == Mode::Depends {
            let depends = self.world.depends.get(flow).cloned().flatten().unwrap_or_default();
            return Args { labels: &labels, paths: &mut self.world.paths }.label(&depends.result);
        }
        for ((param, one), label) in decl.params.iter().zip(given).zip(&labels) {
            match (one, steering(given, label)) {
                (Some(one), _) => self.argument((&decl.name, ""), &param.name, &param.ty, false, one),
                // A default that is made of other arguments.
                (None, Some(other)) => {
                    let made = Given { value: other.value, label: label.clone() };
                    self.argument((&decl.name, ""), &param.name, &param.ty, false, &made);
                }
                (None, None) => {}
            }
        }
        let effects = checker.effects.get(flow);
        if effects.is_some_and(|effects| effects.needs.keys().any(|capability| !capability.ends_with(".read"))) {
            self.step_choice(span, &decl.name);
        }
        let summary = self.world.summaries.get(flow).cloned().unwrap_or_default();
        self.pass_on(&summary, &labels, given);
        if decl.role == Role::Agent {
            let origin = self.source(span, ecow::eco_format!("this is the answer of the agent `{}`", decl.name));
            return Label::leaf(Taint::of(origin));
        }
        let result = Args { labels: &labels, paths: &mut self.world.paths }.label(&summary.result);
        if summary.result.deep().origin.is_none() {
            return result;
        }
        let loc = self.loc(span);
        self.moved(&result, loc, &ecow::eco_format!("`{}` gives it back here", decl.name))
    }

    /// The arguments as the flow sees them.
    pub fn arguments(&mut self, flow: usize, given: &[Option<Given<'a>>], role: Role) -> Vec<Label> {
        let checker = self.world.checker;
        let types = &checker.program.types;
        let params = checker.program.flows.get(flow).map(|decl| decl.params.as_slice()).unwrap_or_default();
        let mut labels = Vec::with_capacity(params.len());
        for (at, param) in params.iter().enumerate() {
            let label = match given.get(at).and_then(Option::as_ref) {
                Some(given) => given.label.clone(),
                None => self.default(flow, at, params, &labels),
            };
            let open = role == Role::Enricher && at == 0;
            labels.push(if open { label } else { narrowed(&label, &param.ty, types) });
        }
        labels
    }

    /// What a parameter is that is left out: its default, which may be made of the parameters before it.
    fn default(&mut self, flow: usize, at: usize, params: &[Param], before: &[Label]) -> Label {
        let program = &self.world.checker.program;
        let (Some(decl), Some(tree)) = (program.flows.get(flow), program.flow_ast(flow)) else {
            return Label::default();
        };
        let Some(default) = tree.params.get(at).and_then(|param| param.default.as_ref()) else {
            return Label::default();
        };
        let around = std::mem::replace(&mut self.module, decl.at.module);
        let names = std::mem::take(&mut self.env);
        for (param, label) in params.iter().zip(before) {
            self.bind(&param.name, label.clone());
        }
        let mark = self.begin();
        let label = self.expr(default);
        self.end(mark);
        self.env = names;
        self.module = around;
        label
    }

    /// What the called flow does with its parameters, done with these arguments.
    fn pass_on(&mut self, summary: &Summary, labels: &[Label], given: &[Option<Given<'a>>]) {
        let mut refused = Vec::new();
        for ((atom, _), sink) in &summary.sinks {
            let taint = Args { labels, paths: &mut self.world.paths }.taint(&Taint::atom(*atom));
            let path = super::paths::Paths::of_atom(*atom);
            let param = self.world.paths.get(path).0;
            let given = given.get(param).and_then(Option::as_ref).or_else(|| steering(given, labels.get(param)?));
            let Some(given) = given else { continue };
            self.note_sink(given.value, &sink.what, &taint, &sink.server);
            if taint.is_empty() {
                continue;
            }
            let sink = self.reached_through(sink, given.value);
            if self.sink(given.value.span, Some(given.value), &taint, &sink) && !sink.step {
                refused.push(param);
                self.endorse_path(given.value, &mut |_, _| Label::default());
            }
        }
        for ((atom, validator), sink) in &summary.forms {
            let taint = Args { labels, paths: &mut self.world.paths }.taint(&Taint::atom(*atom)).computed();
            let param = self.world.paths.get(super::paths::Paths::of_atom(*atom)).0;
            if taint.counts() && !refused.contains(&param) {
                let form = super::Form { validator: *validator, origin: taint.origin, atoms: taint.atoms };
                let taint = Taint { form: Some(Rc::new(form)), ..Taint::default() };
                self.sink(Span::default(), None, &taint, sink);
            }
        }
    }

    /// A place in a called flow, with this argument on the way to it.
    fn reached_through(&self, sink: &Rc<Sink>, value: &Expr) -> Rc<Sink> {
        let mut sink = (**sink).clone();
        sink.through(self.loc(value.span));
        Rc::new(sink)
    }
}

/// The argument that makes a default untrusted, or may.
fn steering<'g, 'a>(given: &'g [Option<Given<'a>>], label: &Label) -> Option<&'g Given<'a>> {
    label.deep().counts().then(|| given.iter().flatten().find(|one| one.label.deep().counts())).flatten()
}
