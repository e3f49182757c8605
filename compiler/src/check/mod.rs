//! Checking: everything that can be known before running. Always returns a value with diagnostics.

mod again;
mod blame;
mod bodies;
mod body;
mod branch;
mod call;
mod campaigns;
mod capture;
mod clause;
mod collect;
mod conditions;
mod consts;
mod distrust;
mod effects;
mod empty;
pub(crate) mod errors;
mod expr;
mod facts;
mod fixes;
mod flows;
mod follow;
mod generic;
mod grants;
mod graphs;
mod habits;
mod hints;
mod lacking;
pub(crate) mod locked;
mod lookalike;
mod mcp;
mod opposite;
mod ops;
pub(crate) mod outline;
mod over;
mod parse;
mod policies;
pub(crate) mod program;
mod roles;
mod sagas;
mod scope;
mod settings;
mod suppress;
pub(crate) mod tests;
mod torn;
pub mod trust;
pub(crate) mod types;
mod unused;
mod zero;

pub use again::Memory;
pub use campaigns::STATUSES;
pub(crate) use clause::TRANSIENT;
pub(crate) use effects::Effects;

use crate::plan::Plan;
use crate::project::{Config, ProjectSource, SourceFile};
use crate::registry::{BUILTIN, Tool};
use ecow::EcoString;
use indexmap::IndexMap;
use program::{ItemRef, ModuleInfo, Program};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use weir_lang::ast::{ExprId, Module, Role};
use weir_lang::diagnostic::{Diagnostic, Severity};
use weir_lang::rules::Rule;
use weir_lang::span::{FileId, Loc, Span};
use weir_lang::types::{Type, TypeTable};

/// A checked project.
#[derive(Debug, Default)]
pub struct Checked {
    /// The files that [`weir_lang::span::FileId`]s stand for: flow files, then `weir.toml`, then the lock file.
    pub files: Vec<SourceFile>,
    /// What is wrong, ordered by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The project file; empty when there is none or it cannot be read.
    pub config: Config,
    /// Every flow, by full name.
    pub flows: IndexMap<EcoString, FlowInfo>,
    /// Every tool, by full name, sorted.
    pub tools: IndexMap<EcoString, Tool>,
    /// What type names stand for.
    pub types: TypeTable,
    pub(crate) facts: Facts,
}

/// What checking found out and lowering needs.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Names.
    pub program: Program,
    /// Number literals that stand for decimals.
    pub decimals: FxHashSet<(usize, ExprId)>,
    /// `xs |> check v` that go through the elements.
    pub each: FxHashSet<(usize, ExprId)>,
    /// Types written in casts, `ask` and `receive`.
    pub written: FxHashMap<(usize, ExprId), Type>,
    /// The type of each campaign's `event`, by module and the first byte of its name.
    pub events: FxHashMap<(usize, u32), Type>,
    /// What each flow does, by place.
    pub effects: Vec<Effects>,
    /// The type of each expression, by module and number.
    pub expr_types: Vec<Vec<Type>>,
    /// The type of each bound name, by module and the first byte of its binding.
    pub bindings: FxHashMap<(usize, u32), Type>,
    /// The types of the constants, by place.
    pub const_types: Vec<Option<Type>>,
    /// Where the declared types stand, by full name.
    pub type_places: IndexMap<EcoString, ItemRef>,
}

/// A flow as the outside sees it.
#[derive(Clone, Debug)]
pub struct FlowInfo {
    /// Full name: `leads.intake.find_leads`; in a file alone, the bare name.
    pub name: EcoString,
    /// Its role.
    pub role: Role,
    /// Documentation.
    pub doc: Option<EcoString>,
    /// Where its name stands.
    pub loc: Loc,
    /// Its parameters.
    pub params: Vec<ParamInfo>,
    /// What it returns.
    pub returns: Option<Type>,
    /// Its `can` clause.
    pub can: Vec<EcoString>,
    /// Full names of the flows that it calls, starts or undoes with.
    pub calls: Vec<EcoString>,
    /// The least `can`: every capability that it or what it reaches needs, sorted.
    pub needs: Vec<EcoString>,
    /// What of its parameters must not come from outside, a line each: `` `to` reaches `to` of `mail.send` ``.
    pub steered: Vec<EcoString>,
}

/// A parameter of a flow.
#[derive(Clone, Debug)]
pub struct ParamInfo {
    /// Its name.
    pub name: EcoString,
    /// Its type.
    pub ty: Type,
    /// May be left out (optional, or with a default).
    pub optional: bool,
    /// Documentation.
    pub doc: Option<EcoString>,
}

impl Checked {
    /// Whether anything keeps the project from running.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The flow to run when only a file or project is named: `main`, else the one that no other flow of the file
    /// calls. `file`: index into `files`; None: the whole project (only `main` counts, in any module).
    pub fn entry(&self, file: Option<u32>) -> Result<&FlowInfo, Vec<&FlowInfo>> {
        let of_file = |flow: &&FlowInfo| file.is_none_or(|file| flow.loc.file.0 == file);
        let flows: Vec<&FlowInfo> = self.flows.values().filter(of_file).collect();
        let named: Vec<&FlowInfo> =
            flows.iter().copied().filter(|flow| flow.name.rsplit('.').next() == Some("main")).collect();
        if let [only] = named.as_slice() {
            return Ok(only);
        }
        let called =
            |flow: &FlowInfo| flows.iter().any(|other| other.name != flow.name && other.calls.contains(&flow.name));
        let free: Vec<&FlowInfo> = flows.iter().copied().filter(|flow| !called(flow)).collect();
        match free.as_slice() {
            [only] if file.is_some() => Ok(only),
            _ => Err(if file.is_some() { free } else { flows }),
        }
    }

    /// The plan of a flow and all that it can reach. `None` while the project has errors or has no such flow.
    pub fn plan(&self, flow: &str) -> Option<Plan> {
        if self.has_errors() {
            return None;
        }
        crate::lower::lower(self, flow)
    }

    /// What starts flows by itself, in the order of the files. `None` while the project has errors.
    pub fn campaigns(&self) -> Option<Vec<crate::plan::CampaignPlan>> {
        (!self.has_errors()).then(|| crate::lower::campaigns(self))
    }

    /// The tests of the project, in the order of the files. `None` while the project has errors.
    pub fn tests(&self) -> Option<crate::test_plan::TestSuite> {
        (!self.has_errors()).then(|| crate::lower::tests(self))
    }
}

/// Checks a project: parses every file, resolves names, types, roles, effects.
pub fn check(source: ProjectSource) -> Checked {
    Checker::default().run(source).0
}

/// Checks a project, and tells for each flow where untrusted data comes from, where it must not go, and what makes it
/// trusted. As far as that is known where there are errors.
pub fn check_trust(source: ProjectSource) -> (Checked, Vec<trust::FlowTrust>) {
    Checker { tell_trust: true, ..Checker::default() }.run(source)
}

impl Checker {
    fn run(mut self, source: ProjectSource) -> (Checked, Vec<trust::FlowTrust>) {
        let parsed = parse::all(&source.files).into_iter().map(again::Read::from).collect();
        self.collect(&source, parsed);
        self.judge();
        let told = std::mem::take(&mut self.trust_told);
        (self.finish(source), told)
    }
}

/// The tree of the built-in tools' declarations, parsed once.
static BUILTIN_TREE: LazyLock<Arc<Module>> =
    LazyLock::new(|| Arc::new(weir_lang::parse(FileId(u32::MAX), BUILTIN).module));

fn builtin_module() -> ModuleInfo {
    ModuleInfo { name: EcoString::new(), file: FileId(u32::MAX), ast: BUILTIN_TREE.clone(), scope: IndexMap::new() }
}

/// The state of a check.
#[derive(Default)]
pub(crate) struct Checker {
    pub(crate) program: Program,
    config: Arc<Config>,
    config_text: String,
    /// Where its keys stand, once somebody asks.
    config_places: std::cell::OnceCell<IndexMap<Vec<EcoString>, crate::project::ConfigPlace>>,
    /// `weir.toml` could not be read: what it configures is not known.
    unreadable: bool,
    /// There is a `weir.toml`: what it leaves out is left out.
    has_config: bool,
    /// The text of each flow file.
    texts: Vec<String>,
    /// Flows whose parameters are set by their place: hooks, and those that policies escalate to.
    placed: FxHashSet<usize>,
    diagnostics: Vec<Diagnostic>,
    /// Types of the states of `repeat` loops.
    states: FxHashMap<(usize, ExprId), Type>,
    declared: FxHashMap<(usize, EcoString), Loc>,
    type_places: IndexMap<EcoString, ItemRef>,
    types_open: Vec<EcoString>,
    const_types: Vec<Option<Type>>,
    expr_types: Vec<Vec<Type>>,
    decimals: FxHashSet<(usize, ExprId)>,
    each: FxHashSet<(usize, ExprId)>,
    written: FxHashMap<(usize, ExprId), Type>,
    /// The type of each campaign's `event`.
    events: FxHashMap<(usize, u32), Type>,
    effects: Vec<Effects>,
    servers: locked::Servers,
    /// Locked tools that flows call, each with the first place.
    called: std::collections::BTreeMap<EcoString, Loc>,
    own_codes: FxHashSet<EcoString>,
    /// Codes that tools declare, each once.
    codes: Vec<EcoString>,
    /// Where parsing reported something: nothing more is said there.
    misread: FxHashSet<(u32, u32)>,
    /// Whether what trust rests on is told.
    tell_trust: bool,
    trust_told: Vec<trust::FlowTrust>,
    /// What of each flow's parameters must be trusted.
    steered: Vec<Vec<EcoString>>,
    /// The work of all searches for the name that was meant.
    searched: std::cell::Cell<usize>,
    /// The fields that all spreads of wide records have given.
    spread: usize,
    /// Where errors stand, by file and place: what is missing in a flow that has one is no second mistake.
    wrong: BTreeSet<(u32, u32)>,
    /// The type of each bound name, for editors.
    bindings: FxHashMap<(usize, u32), Type>,
    /// Set from outside when nobody waits for the answer any more.
    stop: Arc<AtomicBool>,
    /// Bodies that were checked before, where checks follow each other.
    kept: Option<bodies::Kept>,
}

impl Checker {
    fn report(&mut self, mut diagnostic: Diagnostic) {
        let loc = diagnostic.loc();
        self.quote_fix(&mut diagnostic);
        if self.misread.contains(&(loc.file.0, loc.span.start)) {
            return;
        }
        if diagnostic.severity == Severity::Error {
            self.wrong.insert((loc.file.0, loc.span.start));
        }
        self.diagnostics.push(diagnostic);
    }

    /// What replaces a quoted value of `weir.toml` is quoted too.
    fn quote_fix(&self, diagnostic: &mut Diagnostic) {
        for (loc, text) in diagnostic.fix.iter_mut().flat_map(|fix| &mut fix.edits) {
            let of_project = loc.file.0 as usize == self.texts.len();
            let quoted = |text: &str| text.starts_with(['"', '\'']);
            if of_project && quoted(loc.span.text(&self.config_text)) && !text.is_empty() && !quoted(text) {
                *text = format!("{text:?}");
            }
        }
    }

    /// Whether an error was found inside a place.
    fn is_wrong(&self, loc: Loc) -> bool {
        self.wrong.range((loc.file.0, loc.span.start)..(loc.file.0, loc.span.end)).next().is_some()
    }

    /// The nearest of `known` to `name`, where the check has not searched too much before.
    fn near<'a>(&self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        errors::nearest_while(name, known, &self.searched)
    }

    /// How much was said so far.
    fn said(&self) -> usize {
        self.diagnostics.len()
    }

    /// Takes back what was said since.
    fn unsay(&mut self, said: usize) {
        for diagnostic in self.diagnostics.split_off(said.min(self.diagnostics.len())) {
            let loc = diagnostic.loc();
            self.wrong.remove(&(loc.file.0, loc.span.start));
        }
    }

    /// Every error code that some tool declares itself.
    fn declared_codes(&self) -> Vec<EcoString> {
        self.codes.clone()
    }

    fn set_type(&mut self, module: usize, id: ExprId, ty: Type) {
        if let Some(slot) = self.expr_types.get_mut(module).and_then(|types| types.get_mut(id.0 as usize)) {
            *slot = ty;
        }
    }

    fn expr_type(&self, module: usize, id: ExprId) -> Type {
        self.expr_types.get(module).and_then(|types| types.get(id.0 as usize)).cloned().unwrap_or(Type::Broken)
    }

    /// Whether nobody waits for the answer any more.
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Names, types, tools and signatures: what stands at the top of the files.
    fn collect(&mut self, source: &ProjectSource, parsed: Vec<again::Read>) {
        self.load(source, parsed);
        self.collect_items();
        self.collect_uses();
        self.collect_builtin(builtin_module());
        self.collect_locked();
        self.collect_types();
        self.collect_tools();
        self.collect_signatures();
        self.check_consts();
        self.check_policies();
    }

    /// Everything below the top.
    fn judge(&mut self) {
        let parts: [fn(&mut Self); 9] = [
            Self::check_flows,
            Self::check_effects,
            Self::check_campaigns,
            Self::check_called,
            Self::check_trust,
            Self::check_values,
            Self::check_tests,
            Self::check_unused,
            Self::check_lookalikes,
        ];
        for part in parts {
            if !self.stopped() {
                part(self);
            }
        }
    }

    /// Takes over the parsed files and reads the project file.
    fn load(&mut self, source: &ProjectSource, parsed: Vec<again::Read>) {
        for ((at, file), parsed) in source.files.iter().enumerate().zip(parsed) {
            let id = FileId(u32::try_from(at).unwrap_or(u32::MAX));
            let places =
                parsed.diagnostics.iter().map(|diagnostic| (id.0, diagnostic.loc().span.start)).collect::<Vec<_>>();
            parsed.diagnostics.iter().for_each(|diagnostic| self.report(diagnostic.clone()));
            self.misread.extend(places);
            self.expr_types.push(vec![Type::Broken; parsed.module.exprs as usize]);
            let module = ModuleInfo { name: file.module.clone(), file: id, ast: parsed.module, scope: IndexMap::new() };
            if !file.module.is_empty() {
                self.program.module_places.entry(file.module.clone()).or_insert(at);
            }
            self.program.modules.push(module);
            self.texts.push(file.text.clone());
        }
        for (name, ty) in consts::builtin_types() {
            self.program.types.types.insert(name, ty);
        }
        if let Some((_, text)) = &source.config {
            let file = FileId(u32::try_from(source.files.len()).unwrap_or(u32::MAX));
            self.config_text = text.clone();
            self.has_config = true;
            match Config::parse(text) {
                Ok(config) => self.config = Arc::new(config),
                Err(error) => {
                    self.unreadable = true;
                    let loc = Loc { file, span: Span::new(error.span.start, error.span.end) };
                    self.report(errors::unreadable_project(loc, &error.message));
                }
            }
        }
        self.load_mcp(source);
        self.load_lock(source);
        let codes = self.config.tools.values().flat_map(|section| section.tool.values());
        self.own_codes = codes.flat_map(|settings| settings.errors.values().cloned()).collect();
    }

    fn finish(mut self, source: ProjectSource) -> Checked {
        self.diagnostics.sort_by_key(|diagnostic| (diagnostic.loc(), diagnostic.rule));
        self.diagnostics.dedup();
        self.drop_consequences(&source.files);
        // What looks unused in the project may be what a mistake was about.
        if self.diagnostics.iter().any(|one| one.severity == Severity::Error) {
            let whole = [Rule::UnusedDeclaration, Rule::UnusedGrant, Rule::MissingGrant];
            self.diagnostics.retain(|one| !whole.contains(&one.rule));
        }
        // What looks unused may be used in a piece that could not be read.
        if self.diagnostics.iter().any(|one| matches!(one.rule, Rule::Syntax | Rule::InvalidLock)) {
            let unused = [Rule::UnusedBinding, Rule::UnusedCapability, Rule::UnusedParameter];
            self.diagnostics.retain(|one| !unused.contains(&one.rule));
        }
        let mut files = source.files;
        for (path, text) in source.config.into_iter().chain(source.lock) {
            files.push(SourceFile { path, module: EcoString::new(), text });
        }
        let behind = source.mcp.into_iter();
        files.extend(behind.map(|(path, text)| SourceFile { path, module: EcoString::new(), text }));
        self.suppress(&files);
        let flows = (0..self.program.flows.len()).filter_map(|flow| self.flow_info(flow));
        let flows = flows.map(|flow| (flow.name.clone(), flow)).collect();
        let mut checked = Checked {
            files,
            diagnostics: self.diagnostics,
            config: (*self.config).clone(),
            flows,
            tools: self.program.tools.clone(),
            types: self.program.types.clone(),
            facts: Facts {
                program: self.program,
                decimals: self.decimals,
                each: self.each,
                written: self.written,
                events: self.events,
                effects: self.effects,
                expr_types: self.expr_types,
                bindings: self.bindings,
                const_types: self.const_types,
                type_places: self.type_places,
            },
        };
        checked.diagnostics.extend(checked.exceeded());
        checked.diagnostics.sort_by_key(|diagnostic| (diagnostic.loc(), diagnostic.rule));
        checked
    }

    fn flow_info(&self, flow: usize) -> Option<FlowInfo> {
        let decl = self.program.flows.get(flow)?;
        let ast = self.program.flow_ast(flow)?;
        let params = decl.params.iter().zip(&ast.params).map(|(param, tree)| ParamInfo {
            name: param.name.clone(),
            ty: param.ty.clone(),
            optional: param.optional,
            doc: tree.doc.clone(),
        });
        let effects = self.effects.get(flow);
        let calls = effects.into_iter().flat_map(|effects| effects.calls.iter());
        let mut needs: Vec<EcoString> = effects.into_iter().flat_map(|effects| effects.needs.keys().cloned()).collect();
        needs.sort();
        Some(FlowInfo {
            name: decl.name.clone(),
            role: decl.role,
            doc: self.program.item(decl.at).and_then(|item| item.doc.clone()),
            loc: self.program.loc(decl.at.module, ast.name.span),
            params: params.collect(),
            returns: decl.returns.clone(),
            can: decl.can.clone(),
            needs,
            steered: self.steered.get(flow).cloned().unwrap_or_default(),
            calls: calls.filter_map(|call| self.program.flows.get(*call)).map(|flow| flow.name.clone()).collect(),
        })
    }
}
