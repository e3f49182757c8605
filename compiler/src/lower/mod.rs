//! Lowering: from checked trees to the plan. Names become slots and locals, policies are merged, order becomes edges.

mod acts;
mod block;
mod campaigns;
mod exprs;
mod function;
mod policy;
mod reads;
mod steps;
mod tests;

pub(crate) use campaigns::campaigns;
pub(crate) use exprs::has_blocks;
pub(crate) use tests::tests;

use crate::check::Checked;
use crate::check::program::{FlowDecl, Program};
use crate::check::types::input_type;
use crate::plan::{Budget, FlowClauses, FlowPlan, ParamPlan, Plan, ToolPlan, VERSION};
use crate::registry::Tool;
use ecow::EcoString;
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use weir_lang::ast::{BudgetPart, Flow, FlowClauseKind, Role};
use weir_lang::types::{FieldType, LambdaType, RecordType, Type, TypeTable};
use weir_stdlib::narrow::Boundary;
use weir_stdlib::pure::{Function, Pure};

/// The plan of a flow and all that it can reach.
pub(crate) fn lower(checked: &Checked, flow: &str) -> Option<Plan> {
    let program = &checked.facts.program;
    let entry = *program.flow_places.get(flow)?;
    let mut lower = Lower::new(checked);
    let entry = lower.flow(entry);
    lower.finish(entry)
}

/// One plan of many flows and all that they can reach; the first is its entry.
pub(crate) fn lower_all(checked: &Checked, flows: &[usize]) -> Option<Plan> {
    let mut lower = Lower::new(checked);
    flows.iter().for_each(|flow| {
        lower.flow(*flow);
    });
    lower.finish(0)
}
/// The state of lowering one plan.
pub(crate) struct Lower<'a> {
    checked: &'a Checked,
    program: &'a Program,
    /// Flow declarations in plan order.
    order: Vec<usize>,
    places: FxHashMap<usize, u32>,
    flows: Vec<FlowPlan>,
    functions: Vec<Option<Function>>,
    function_places: FxHashMap<usize, u32>,
    tools: IndexMap<EcoString, ToolPlan>,
    types: TypeTable,
    /// Stands for the checked project's types in the keys of boundaries.
    table_key: u64,
}

impl<'a> Lower<'a> {
    fn new(checked: &'a Checked) -> Self {
        Lower {
            checked,
            program: &checked.facts.program,
            order: Vec::new(),
            places: FxHashMap::default(),
            flows: Vec::new(),
            functions: Vec::new(),
            function_places: FxHashMap::default(),
            tools: IndexMap::new(),
            types: TypeTable::default(),
            table_key: table_key(&checked.types),
        }
    }

    /// The plan of everything that was asked for.
    fn finish(mut self, entry: u32) -> Option<Plan> {
        let mut at = 0;
        while let Some(place) = self.order.get(at).copied() {
            let plan = self.flow_plan(place)?;
            self.flows.push(plan);
            at += 1;
        }
        let functions = std::mem::take(&mut self.functions).into_iter().collect::<Option<Vec<Function>>>()?;
        Some(Plan {
            version: VERSION,
            entry,
            flows: self.flows,
            functions,
            tools: self.tools,
            types: self.types,
            files: self.checked.files.iter().map(|file| file.path.clone()).collect(),
        })
    }

    /// The plan's place of a flow; it will be lowered.
    fn flow(&mut self, decl: usize) -> u32 {
        if let Some(place) = self.places.get(&decl) {
            return *place;
        }
        let place = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
        self.order.push(decl);
        self.places.insert(decl, place);
        place
    }

    /// The plan's function for a transformer or pure validator.
    fn function(&mut self, decl: usize) -> u32 {
        if let Some(place) = self.function_places.get(&decl) {
            return *place;
        }
        let place = u32::try_from(self.functions.len()).unwrap_or(u32::MAX);
        self.function_places.insert(decl, place);
        self.functions.push(None);
        let function = function::function(self, decl);
        if let Some(slot) = self.functions.get_mut(place as usize) {
            *slot = function;
        }
        place
    }

    /// Whether a flow is lowered to a function.
    fn is_function(&self, decl: usize) -> bool {
        let Some(flow) = self.program.flows.get(decl) else { return false };
        let pure = self.checked.facts.effects.get(decl).is_some_and(|effects| !effects.impure);
        flow.role == Role::Transformer || (flow.role == Role::Validator && pure)
    }

    /// A type at a boundary; the names in it come into the plan's table.
    fn boundary(&mut self, ty: &Type) -> Boundary {
        let ty = undocumented(ty);
        self.take_names(&ty);
        let mut boundary = Boundary::new(ty);
        boundary.seal(self.table_key);
        boundary
    }

    fn take_names(&mut self, ty: &Type) {
        let mut open = named_in(ty);
        while let Some(name) = open.pop() {
            if self.types.types.contains_key(&name) {
                continue;
            }
            if let Some(found) = self.checked.types.types.get(&name) {
                let found = undocumented(found);
                open.extend(named_in(&found));
                self.types.types.insert(name, found);
            }
        }
    }

    /// The name of a tool; it comes into the plan.
    fn tool(&mut self, name: &EcoString) -> EcoString {
        if let (false, Some(tool)) = (self.tools.contains_key(name), self.program.tools.get(name)) {
            let plan = self.tool_plan(tool);
            self.tools.insert(name.clone(), plan);
        }
        name.clone()
    }

    fn tool_plan(&mut self, tool: &Tool) -> ToolPlan {
        ToolPlan {
            name: tool.name.clone(),
            input: self.boundary(&input_type(tool)),
            output: self.boundary(&tool.output),
            capabilities: tool.capabilities.clone(),
            idempotent: tool.idempotent,
            accepts_key: tool.accepts_key.clone(),
            untrusted: tool.untrusted,
            cost: tool.cost,
            errors: tool.errors.clone(),
            timeout_ms: tool.timeout_ms,
            definition: tool.definition.clone(),
        }
    }

    fn flow_plan(&mut self, place: usize) -> Option<FlowPlan> {
        let program = self.program;
        let decl = program.flows.get(place)?;
        let tree = program.flow_ast(place)?;
        let clauses = self.clauses(decl, tree);
        let before = self.before(decl, tree);
        let function = self.is_function(place).then(|| self.function(place));
        let mut body = steps::FlowBody::new(self, decl, tree);
        let params = body.params();
        let block = if function.is_some() { Default::default() } else { body.body(before) };
        let slots = body.slots();
        Some(FlowPlan {
            name: decl.name.clone(),
            role: decl.role,
            params,
            steered: self.checked.flows.get(&decl.name).map(|flow| flow.steered.clone()).unwrap_or_default(),
            returns: self.returns(decl),
            can: decl.can.clone(),
            slots,
            body: block,
            function,
            barrier: self.checked.facts.effects.get(place).is_some_and(|effects| effects.barrier),
            clauses,
        })
    }

    fn returns(&mut self, decl: &FlowDecl) -> Option<Boundary> {
        match (decl.role, &decl.returns) {
            (Role::Router, None) => Some(self.boundary(&Type::Json)),
            (_, Some(ty)) => Some(self.boundary(ty)),
            (_, None) => None,
        }
    }

    fn param_plan(&mut self, decl: &FlowDecl, at: usize, default: Option<Pure>) -> Option<ParamPlan> {
        let param = decl.params.get(at)?;
        let ty = if param.nullable { param.ty.clone().nullable() } else { param.ty.clone() };
        Some(ParamPlan { name: param.name.clone(), ty: self.boundary(&ty), optional: param.nullable, default })
    }

    fn clauses(&mut self, decl: &'a FlowDecl, tree: &'a Flow) -> FlowClauses {
        let program = self.program;
        let module = decl.at.module;
        let count = |expr| program.constant_int(module, expr).and_then(|count| u64::try_from(count).ok());
        let mut out = FlowClauses::default();
        for clause in &tree.clauses {
            match &clause.kind {
                FlowClauseKind::Timeout(expr) => out.timeout_ms = program.constant_ms(module, expr),
                FlowClauseKind::Limit { count: n, per } => out.limit = count(n).zip(program.constant_ms(module, per)),
                FlowClauseKind::Concurrency { count: n, by } => {
                    let by = by.as_ref().map(|by| steps::FlowBody::new(self, decl, tree).parameter_expr(by));
                    out.concurrency = count(n).map(|n| (n, by));
                }
                FlowClauseKind::Priority(expr) => out.priority = program.constant_int(module, expr).unwrap_or(0),
                FlowClauseKind::Budget(parts) => out.budget = self.budget(module, parts),
                FlowClauseKind::Before(path) => out.before = self.hook(module, path),
                FlowClauseKind::After(path) => out.after = self.hook(module, path),
                FlowClauseKind::OnError(path) => out.on_error = self.hook(module, path),
                FlowClauseKind::Sample(expr) => out.sample = program.constant_f64(module, expr),
                FlowClauseKind::Can(_)
                | FlowClauseKind::Model(_)
                | FlowClauseKind::Tools(_)
                | FlowClauseKind::With(_) => {}
            }
        }
        out
    }

    fn budget(&self, module: usize, parts: &[BudgetPart]) -> Budget {
        let count = |expr| self.program.constant_int(module, expr).and_then(|count| u64::try_from(count).ok());
        let mut out = Budget::default();
        for part in parts {
            match part {
                BudgetPart::Calls(expr) => out.calls = count(expr),
                BudgetPart::Time(expr) => out.time_ms = self.program.constant_ms(module, expr),
                BudgetPart::Cost(expr) => out.cost = self.program.constant_f64(module, expr),
                BudgetPart::Depth(expr) => out.depth = count(expr),
            }
        }
        out
    }

    /// The validator that a flow begins with.
    fn before(&self, decl: &FlowDecl, tree: &'a Flow) -> Option<&'a weir_lang::ast::Path> {
        let path = tree.clauses.iter().find_map(|clause| match &clause.kind {
            FlowClauseKind::Before(path) => Some(path),
            _ => None,
        })?;
        self.program.callee(decl.at.module, path).map(|_| path)
    }

    fn hook(&mut self, module: usize, path: &weir_lang::ast::Path) -> Option<u32> {
        match self.program.callee(module, path)? {
            crate::check::program::Callee::Flow(flow) => Some(self.flow(flow)),
            _ => None,
        }
    }
}

fn table_key(types: &TypeTable) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = rustc_hash::FxHasher::default();
    for (name, ty) in &types.types {
        name.hash(&mut hasher);
        ty.hash(&mut hasher);
    }
    hasher.finish() | 1
}

/// A type without the documentation of its fields, which is no part of a program.
fn undocumented(ty: &Type) -> Type {
    match ty {
        Type::List(inner) => Type::list(undocumented(inner)),
        Type::Map(inner) => Type::map(undocumented(inner)),
        Type::Marked(mark, inner) => Type::Marked(*mark, Arc::new(undocumented(inner))),
        Type::Union(members) => Type::Union(Arc::new(members.iter().map(undocumented).collect())),
        Type::Lambda(lambda) => Type::Lambda(Arc::new(LambdaType {
            params: lambda.params.iter().map(undocumented).collect(),
            returns: undocumented(&lambda.returns),
        })),
        Type::Record(record) => {
            let fields = record.fields.iter().map(|(name, field)| {
                (name.clone(), FieldType { ty: undocumented(&field.ty), optional: field.optional, doc: None })
            });
            Type::Record(Arc::new(RecordType { fields: fields.collect() }))
        }
        other => other.clone(),
    }
}

/// The names in a type, the last first.
fn named_in(ty: &Type) -> Vec<EcoString> {
    fn walk(ty: &Type, out: &mut Vec<EcoString>) {
        match ty {
            Type::Named(name) => out.push(name.clone()),
            Type::List(inner) | Type::Map(inner) | Type::Marked(_, inner) => walk(inner, out),
            Type::Record(record) => record.fields.values().for_each(|field| walk(&field.ty, out)),
            Type::Union(members) => members.iter().for_each(|member| walk(member, out)),
            _ => {}
        }
    }
    let mut out = Vec::new();
    walk(ty, &mut out);
    out.reverse();
    out
}
