//! The names of a project: modules, what each brings into scope, flows, constants, policies, tools.

use crate::registry::Tool;
use ecow::EcoString;
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use weir_lang::ast::{Campaign, Const, Flow, Item, ItemKind, Module, Path, Policy, Role};
use weir_lang::span::{FileId, Loc, Span};
use weir_lang::types::{Type, TypeTable};
use weir_stdlib::functions::FunctionId;

/// Everything that names can stand for, after collecting and before bodies are checked.
#[derive(Debug, Default)]
pub struct Program {
    /// The modules in file order.
    pub modules: Vec<ModuleInfo>,
    /// Place in `modules` by full name.
    pub module_places: FxHashMap<EcoString, usize>,
    /// Flows in file order.
    pub flows: Vec<FlowDecl>,
    /// Place in `flows` by full name.
    pub flow_places: FxHashMap<EcoString, usize>,
    /// Constants in file order.
    pub consts: Vec<ItemRef>,
    /// Policies in file order.
    pub policies: Vec<ItemRef>,
    /// Every tool by full name.
    pub tools: Arc<IndexMap<EcoString, Tool>>,
    /// Other spellings of tool names.
    pub tool_spellings: FxHashMap<EcoString, EcoString>,
    /// What type names stand for.
    pub types: TypeTable,
}

/// A parsed file and what its names stand for.
#[derive(Debug)]
pub struct ModuleInfo {
    /// `leads.intake`; empty for a file alone.
    pub name: EcoString,
    /// Its file.
    pub file: FileId,
    /// Its tree.
    pub ast: Arc<Module>,
    /// What its own and imported names stand for.
    pub scope: IndexMap<EcoString, Entity>,
}

/// What a name at the top of a module stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entity {
    /// A flow, by place.
    Flow(usize),
    /// A type, by full name.
    Type(EcoString),
    /// A constant, by place.
    Const(usize),
    /// A policy, by place.
    Policy(usize),
    /// Another module, by place.
    Module(usize),
}

/// A declaration, by module and item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemRef {
    /// Place of the module.
    pub module: usize,
    /// Place of the item in it.
    pub item: usize,
}

/// A flow and its signature.
#[derive(Clone, Debug)]
pub struct FlowDecl {
    /// Full name.
    pub name: EcoString,
    /// Its tree.
    pub at: ItemRef,
    /// Its role.
    pub role: Role,
    /// Its parameters.
    pub params: Vec<Param>,
    /// What it returns, if declared.
    pub returns: Option<Type>,
    /// Its `can` clause.
    pub can: Vec<EcoString>,
}

/// A parameter, of a flow or a tool.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: EcoString,
    /// Its type.
    pub ty: Type,
    /// `b?: T` or with a default: may be left out.
    pub optional: bool,
    /// `b?: T`: reads as null when left out.
    pub nullable: bool,
}

/// What a call calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Callee {
    /// A pure function of the standard library.
    Function(FunctionId),
    /// A flow, by place.
    Flow(usize),
    /// A tool, by full name.
    Tool(EcoString),
    /// `now` and its like.
    Ambient(AmbientFn),
}

/// The functions that are journaled steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmbientFn {
    /// `now()`
    Now,
    /// `today(zone)`
    Today,
    /// `uuid()`
    Uuid,
    /// `random()`
    Random,
    /// `flag(name)`
    Flag,
}

impl AmbientFn {
    /// All of them with their names.
    pub const ALL: [(&'static str, AmbientFn); 5] = [
        ("now", AmbientFn::Now),
        ("today", AmbientFn::Today),
        ("uuid", AmbientFn::Uuid),
        ("random", AmbientFn::Random),
        ("flag", AmbientFn::Flag),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("", |(name, _)| name)
    }
}

impl Program {
    /// The place of a span in a module.
    pub fn loc(&self, module: usize, span: Span) -> Loc {
        Loc { file: self.modules.get(module).map(|module| module.file).unwrap_or_default(), span }
    }

    /// An item of a module.
    pub fn item(&self, at: ItemRef) -> Option<&Item> {
        self.modules.get(at.module)?.ast.items.get(at.item)
    }

    /// The tree of a flow.
    pub fn flow_ast(&self, flow: usize) -> Option<&Flow> {
        match &self.item(self.flows.get(flow)?.at)?.kind {
            ItemKind::Flow(flow) => Some(flow),
            _ => None,
        }
    }

    /// The tree of a module, shared: to be read while other parts of the program change.
    pub fn ast(&self, module: usize) -> Arc<Module> {
        self.modules.get(module).map(|module| module.ast.clone()).unwrap_or_default()
    }

    /// The full name of a module.
    pub fn module_name(&self, module: usize) -> &str {
        self.modules.get(module).map_or("", |module| module.name.as_str())
    }

    /// The tree of a constant.
    pub fn const_ast(&self, constant: usize) -> Option<(usize, &Const)> {
        let at = *self.consts.get(constant)?;
        match &self.item(at)?.kind {
            ItemKind::Const(constant) => Some((at.module, constant)),
            _ => None,
        }
    }

    /// The tree of a policy.
    pub fn policy_ast(&self, policy: usize) -> Option<(usize, &Policy)> {
        let at = *self.policies.get(policy)?;
        match &self.item(at)?.kind {
            ItemKind::Policy(policy) => Some((at.module, policy)),
            _ => None,
        }
    }

    /// Every campaign with its module.
    pub fn campaigns(&self) -> impl Iterator<Item = (usize, &Campaign)> {
        self.modules.iter().enumerate().flat_map(|(at, module)| {
            module.ast.items.iter().filter_map(move |item| match &item.kind {
                ItemKind::Campaign(campaign) => Some((at, campaign)),
                _ => None,
            })
        })
    }

    /// What the name stands for in a module.
    pub fn entity(&self, module: usize, name: &str) -> Option<&Entity> {
        self.modules.get(module)?.scope.get(name)
    }

    /// The place of the module with that full name.
    pub fn module_named(&self, name: &str) -> Option<usize> {
        self.module_places.get(name).copied()
    }

    /// What a path calls, seen from a module. A module's own names come before the standard library's.
    pub fn callee(&self, module: usize, path: &Path) -> Option<Callee> {
        match path.parts.as_slice() {
            [name] => self.bare_callee(module, &name.name),
            [.., _] => self.flow_of_module(module, path).map(Callee::Flow).or_else(|| self.tool_named(&path.text())),
            [] => None,
        }
    }

    fn bare_callee(&self, module: usize, name: &str) -> Option<Callee> {
        match self.entity(module, name) {
            Some(Entity::Flow(flow)) => return Some(Callee::Flow(*flow)),
            Some(_) => return None,
            None => {}
        }
        if let Some((_, ambient)) = AmbientFn::ALL.iter().find(|(known, _)| *known == name) {
            return Some(Callee::Ambient(*ambient));
        }
        FunctionId::named(name).map(Callee::Function)
    }

    /// `intake.find_leads` through a module in scope, or `leads.intake.find_leads` by full name.
    fn flow_of_module(&self, module: usize, path: &Path) -> Option<usize> {
        let (last, front) = path.parts.split_last()?;
        if let [alias] = front
            && let Some(Entity::Module(other)) = self.entity(module, &alias.name)
        {
            return self.flow_in(*other, &last.name);
        }
        self.flow_places.get(&path.text()).copied()
    }

    /// A flow of a module by its own name.
    pub fn flow_in(&self, module: usize, name: &str) -> Option<usize> {
        let full = full_name(&self.modules.get(module)?.name, name);
        self.flow_places.get(&full).copied()
    }

    /// A tool by its full name or another spelling of it.
    pub fn tool_named(&self, name: &str) -> Option<Callee> {
        if self.tools.contains_key(name) {
            return Some(Callee::Tool(name.into()));
        }
        self.tool_spellings.get(name).cloned().map(Callee::Tool)
    }

    /// The parameters of a tool as calls see them.
    pub fn tool_params(&self, tool: &str) -> Vec<Param> {
        let Some(tool) = self.tools.get(tool) else { return Vec::new() };
        let param = |(name, param): (&EcoString, &crate::registry::ToolParam)| Param {
            name: name.clone(),
            ty: param.ty.clone(),
            optional: param.optional,
            nullable: param.optional,
        };
        tool.params.iter().map(param).collect()
    }
}

/// The flow that an item is.
pub fn flow_item(ast: &Module, item: usize) -> Option<&Flow> {
    match &ast.items.get(item)?.kind {
        ItemKind::Flow(flow) => Some(flow),
        _ => None,
    }
}

/// `module.name`, or the bare name in a file alone.
pub fn full_name(module: &str, name: &str) -> EcoString {
    if module.is_empty() { name.into() } else { ecow::eco_format!("{module}.{name}") }
}
