//! First pass: modules, scopes, imports, signatures. Afterwards every name at the top of a file is known.

use super::Checker;
use super::errors;
use super::program::{Entity, FlowDecl, ItemRef, ModuleInfo, Param, flow_item, full_name};
use crate::registry::{Tool, ToolSource};
use ecow::EcoString;
use indexmap::IndexMap;
use std::sync::Arc;
use weir_lang::ast::{Ident, ItemKind, Path, Use};
use weir_lang::span::Loc;
use weir_lang::types::Type;

impl Checker {
    /// Names of all modules and their own declarations.
    pub(super) fn collect_items(&mut self) {
        for module in 0..self.program.modules.len() {
            let ast = self.program.ast(module);
            for (item, node) in ast.items.iter().enumerate() {
                self.collect_item(ItemRef { module, item }, &node.kind);
            }
        }
    }

    fn collect_item(&mut self, at: ItemRef, kind: &ItemKind) {
        match kind {
            ItemKind::Flow(flow) => {
                let name = full_name(self.program.module_name(at.module), &flow.name.name);
                let place = self.program.flows.len();
                if self.declare(at.module, &flow.name, Entity::Flow(place)) {
                    self.program.flow_places.insert(name.clone(), place);
                }
                let decl = FlowDecl { name, at, role: flow.role, params: Vec::new(), returns: None, can: Vec::new() };
                self.program.flows.push(decl);
            }
            ItemKind::Type(decl) => {
                let full = full_name(self.program.module_name(at.module), &decl.name.name);
                if Type::base_named(&decl.name.name).is_some() {
                    let loc = self.program.loc(at.module, decl.name.span);
                    self.report(errors::base_type_taken(loc, &decl.name.name));
                } else if self.declare(at.module, &decl.name, Entity::Type(full.clone())) {
                    self.type_places.insert(full, at);
                }
            }
            ItemKind::Const(decl) => {
                let place = self.program.consts.len();
                self.program.consts.push(at);
                self.const_types.push(None);
                self.declare(at.module, &decl.name, Entity::Const(place));
            }
            ItemKind::Policy(decl) => {
                let place = self.program.policies.len();
                self.program.policies.push(at);
                self.declare(at.module, &decl.name, Entity::Policy(place));
            }
            ItemKind::Error(Some(name)) => self.declare_broken(at.module, name),
            ItemKind::Campaign(decl) => {
                let name = ecow::eco_format!("campaign {}", decl.name.name);
                let loc = self.program.loc(at.module, decl.name.span);
                match self.declared.get(&(at.module, name.clone())).copied() {
                    Some(first) => self.report(errors::duplicate_name(loc, &decl.name.name, first)),
                    None => {
                        self.declared.insert((at.module, name), loc);
                    }
                }
            }
            _ => {}
        }
    }

    /// Brings a name into a module's scope; reports and refuses a second one.
    fn declare(&mut self, module: usize, name: &Ident, entity: Entity) -> bool {
        let loc = self.program.loc(module, name.span);
        if let Some(first) = self.declared.get(&(module, name.name.clone())) {
            let first = *first;
            self.report(errors::duplicate_name(loc, &name.name, first));
            return false;
        }
        self.declared.insert((module, name.name.clone()), loc);
        if let Some(module) = self.program.modules.get_mut(module) {
            module.scope.insert(name.name.clone(), entity);
        }
        true
    }

    /// `use` of every module, and circles among them.
    pub(super) fn collect_uses(&mut self) {
        let mut edges: Vec<Vec<(usize, Loc)>> = Vec::with_capacity(self.program.modules.len());
        for module in 0..self.program.modules.len() {
            let ast = self.program.ast(module);
            let mut used_here = Vec::new();
            for item in &ast.items {
                if let ItemKind::Use(used) = &item.kind
                    && let Some(other) = self.collect_use(module, used)
                {
                    used_here.push((other, self.program.loc(module, used.path.span)));
                }
            }
            edges.push(used_here);
        }
        self.report_import_cycles(&edges);
    }

    fn collect_use(&mut self, module: usize, used: &Use) -> Option<usize> {
        if let Some(names) = &used.names {
            let Some(other) = self.module_or_report(module, &used.path) else {
                for one in names {
                    self.declare_broken(module, one.alias.as_ref().unwrap_or(&one.name));
                }
                return None;
            };
            for one in names {
                let alias = one.alias.as_ref().unwrap_or(&one.name);
                self.import(module, other, &one.name, alias);
            }
            return Some(other);
        }
        if let Some(other) = self.program.module_named(&used.path.text()) {
            let alias = used.path.parts.last()?.clone();
            self.declare(module, &alias, Entity::Module(other));
            return Some(other);
        }
        let (last, front) = used.path.parts.split_last()?;
        let span = front
            .first()
            .map_or(used.path.span, |first| first.span.to(front.last().map_or(first.span, |last| last.span)));
        let known = self.program.module_named(&Path { parts: front.to_vec(), span }.text());
        let Some(other) = known else {
            self.module_or_report(module, &used.path);
            self.declare_broken(module, last);
            return None;
        };
        self.import(module, other, last, last);
        Some(other)
    }

    fn module_or_report(&mut self, module: usize, path: &Path) -> Option<usize> {
        let text = path.text();
        let found = self.program.module_named(&text);
        if found.is_none() {
            let known = self.program.modules.iter().map(|module| module.name.as_str());
            let near = self.near(&text, known).map(str::to_string);
            let loc = self.program.loc(module, path.span);
            self.report(errors::unknown_module(loc, &text, near.as_deref()));
        }
        found
    }

    fn import(&mut self, module: usize, other: usize, name: &Ident, alias: &Ident) {
        if other == module {
            return; // A module that uses itself is reported as a circle.
        }
        let Some(theirs) = self.program.modules.get(other) else { return };
        // What a module declares itself can be imported, not what it has imported.
        let at = |place: Option<&ItemRef>| place.is_some_and(|at| at.module == other);
        let own = |entity: &&Entity| match entity {
            Entity::Flow(flow) => at(self.program.flows.get(*flow).map(|flow| &flow.at)),
            Entity::Type(full) => at(self.type_places.get(full)),
            Entity::Const(place) => at(self.program.consts.get(*place)),
            Entity::Policy(place) => at(self.program.policies.get(*place)),
            Entity::Module(_) => false,
        };
        if matches!(theirs.scope.get(&name.name), Some(Entity::Type(full)) if full.is_empty()) {
            return self.declare_broken(module, alias);
        }
        match theirs.scope.get(&name.name).filter(own).cloned() {
            Some(entity) => {
                self.declare(module, alias, entity);
            }
            None => {
                let near = self.near(&name.name, theirs.scope.keys().map(EcoString::as_str)).map(str::to_string);
                let diagnostic = errors::unknown_import(
                    self.program.loc(module, name.span),
                    &theirs.name.clone(),
                    &name.name,
                    near.as_deref(),
                );
                self.report(diagnostic);
                self.declare_broken(module, alias);
            }
        }
    }

    /// A name whose import failed: using it is no second mistake.
    fn declare_broken(&mut self, module: usize, name: &Ident) {
        self.declare(module, name, Entity::Type("".into()));
    }

    fn report_import_cycles(&mut self, edges: &[Vec<(usize, Loc)>]) {
        for cycle in super::graphs::cycles(edges.len(), |node| {
            edges.get(node).into_iter().flatten().map(|(to, _)| *to).collect()
        }) {
            let mut names: Vec<EcoString> =
                cycle.iter().filter_map(|at| self.program.modules.get(*at)).map(|module| module.name.clone()).collect();
            names.extend(names.first().cloned());
            let next = cycle.get(1).or(cycle.first()).copied();
            let first = cycle.first().and_then(|at| edges.get(*at)).into_iter().flatten();
            let loc = first.clone().find(|(to, _)| Some(*to) == next).or(first.clone().next()).map(|(_, loc)| *loc);
            if let Some(loc) = loc {
                self.report(errors::import_cycle(loc, &names));
            }
        }
    }

    /// Types of the flows' parameters and results.
    pub(super) fn collect_signatures(&mut self) {
        for place in 0..self.program.flows.len() {
            let Some(at) = self.program.flows.get(place).map(|flow| flow.at) else { continue };
            let (module, ast) = (at.module, self.program.ast(at.module));
            let Some(flow) = flow_item(&ast, at.item) else { continue };
            let params = self.params(module, &flow.params);
            let returns = flow.returns.as_ref().map(|ty| self.resolve_type(module, ty));
            let can = self.flow_can(module, &flow.clauses);
            if let Some(decl) = self.program.flows.get_mut(place) {
                (decl.params, decl.returns, decl.can) = (params, returns, can);
            }
        }
    }

    /// Resolves parameters and reports names that stand twice.
    pub(super) fn params(&mut self, module: usize, params: &[weir_lang::ast::Param]) -> Vec<Param> {
        let mut out: Vec<Param> = Vec::new();
        for (at, param) in params.iter().enumerate() {
            let ty = self.resolve_type(module, &param.ty);
            let before = params.iter().take(at).find(|other| other.name.name == param.name.name);
            if let Some(first) = before {
                let (loc, first) =
                    (self.program.loc(module, param.name.span), self.program.loc(module, first.name.span));
                self.report(errors::duplicate_name(loc, &param.name.name, first));
                continue;
            }
            let optional = param.optional || param.default.is_some();
            let nullable = param.optional && param.default.is_none();
            out.push(Param { name: param.name.name.clone(), ty, optional, nullable });
        }
        out
    }

    /// `tool` declarations of the built-in file.
    pub(super) fn collect_builtin(&mut self, builtin: ModuleInfo) {
        let ast = builtin.ast.clone();
        self.program.modules.push(builtin);
        let module = self.program.modules.len() - 1;
        for item in &ast.items {
            if let ItemKind::Tool(decl) = &item.kind {
                let tool = self.tool(module, decl, item.doc.clone(), ToolSource::Builtin);
                Arc::make_mut(&mut self.program.tools).insert(tool.name.clone(), tool);
            }
        }
        self.program.modules.pop();
    }

    /// `tool` declarations of every module; then all tools sorted by name.
    pub(super) fn collect_tools(&mut self) {
        for module in 0..self.program.modules.len() {
            let ast = self.program.ast(module);
            for item in &ast.items {
                if let ItemKind::Tool(decl) = &item.kind {
                    self.collect_tool(module, decl, item.doc.clone());
                }
            }
        }
        self.apply_settings();
        Arc::make_mut(&mut self.program.tools).sort_keys();
        let codes: std::collections::BTreeSet<&EcoString> =
            self.program.tools.values().flat_map(|tool| &tool.codes).collect();
        self.codes = codes.into_iter().cloned().collect();
        self.collect_spellings();
    }

    fn collect_tool(&mut self, module: usize, decl: &weir_lang::ast::ToolDecl, doc: Option<EcoString>) {
        let written = decl.path.text();
        let name = match self.program.tool_named(&written) {
            Some(super::program::Callee::Tool(full)) => full,
            _ => written,
        };
        let loc = self.program.loc(module, decl.path.span);
        let had = self.program.tools.get(&name).cloned();
        if let Some(ToolSource::Declared { loc: first, .. }) = had.as_ref().map(|had| had.source) {
            self.report(errors::tool_declared_twice(loc, &name, first));
            return;
        }
        if let Some(server) = decl.path.parts.first()
            && self.program.module_named(&server.name).is_some()
        {
            let at = self.program.loc(module, server.span);
            self.report(errors::module_and_tool(at, &server.name));
        }
        let builtin = had.as_ref().is_some_and(|had| had.source == ToolSource::Builtin);
        let mut tool = self.tool(module, decl, doc, ToolSource::Declared { loc, builtin });
        if let Some(had) = had.filter(|_| !builtin) {
            self.check_over(module, decl, &tool, &had);
            tool.name = name.clone();
            tool.definition = had.definition;
            tool.http = had.http;
            tool.doc = tool.doc.or(had.doc);
        }
        Arc::make_mut(&mut self.program.tools).insert(name, tool);
    }

    /// What `weir.toml` says of tools that are there.
    fn apply_settings(&mut self) {
        let config = self.config.clone();
        self.check_settings(&config);
        for (name, tool) in Arc::make_mut(&mut self.program.tools) {
            if let Some(section) = name.split('.').next().and_then(|server| config.tools.get(server)) {
                if let Some(ms) = section.timeout.as_deref().and_then(crate::project::parse_duration) {
                    tool.timeout_ms = u64::try_from(ms).unwrap_or(tool.timeout_ms);
                }
                tool.policy = section.policy.clone();
                let own = name.split_once('.').map_or("", |(_, own)| own);
                if let Some(settings) = section.tool.get(own) {
                    apply_tool_settings(tool, settings);
                }
            }
        }
        for (server, section) in &config.tools {
            for denied in &section.deny {
                let name = ecow::eco_format!("{server}.{denied}");
                // All of them are sorted later.
                if Arc::make_mut(&mut self.program.tools).swap_remove(&name).is_some() {
                    self.servers.denied.insert(name);
                }
            }
        }
    }

    /// For tools whose names are no identifiers: the same with `_`, where that is unambiguous.
    pub(super) fn collect_spellings(&mut self) {
        self.program.tool_spellings.clear();
        let mut spellings: IndexMap<EcoString, Vec<EcoString>> = IndexMap::new();
        for name in self.program.tools.keys() {
            let plain: EcoString = match name.split_once('.') {
                Some((server, own)) => {
                    let plain = |text: &str| text.replace(['-', '/', '.', ' '], "_");
                    ecow::eco_format!("{}.{}", plain(server), plain(own))
                }
                None => continue,
            };
            if plain != *name {
                spellings.entry(plain).or_default().push(name.clone());
            }
        }
        for (plain, names) in spellings {
            if let ([only], false) = (names.as_slice(), self.program.tools.contains_key(&plain)) {
                self.program.tool_spellings.insert(plain, only.clone());
            }
        }
    }
}

fn apply_tool_settings(tool: &mut Tool, settings: &crate::project::ToolSettings) {
    tool.errors = settings.errors.clone();
    tool.codes.extend(settings.errors.values().cloned());
    tool.policy = settings.policy.clone().or(tool.policy.take());
    if let Some(ms) = settings.timeout.as_deref().and_then(crate::project::parse_duration) {
        tool.timeout_ms = u64::try_from(ms).unwrap_or(tool.timeout_ms);
    }
    tool.cost = settings.cost.unwrap_or(tool.cost);
}
