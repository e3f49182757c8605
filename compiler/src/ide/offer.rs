//! What is offered once the place is known: names with their types, calls with their arguments, capabilities, codes.

use super::complete::{EntryKind, Finder, PROBE, brief};
use super::declared::{path, word};
use super::symbol::LocalKind;
use super::types;
use super::view::local_type;
use super::words::{BASE_TYPES, CODES, Place};
use crate::check::program::{AmbientFn, Callee, Entity};
use ecow::EcoString;
use weir_lang::ast::Role;
use weir_lang::types::{Type, fits};

impl Finder<'_, '_> {
    pub(super) fn capabilities(&mut self, flow: Option<&str>) {
        let program = &self.view.checked.facts.program;
        let place = flow.and_then(|name| program.flow_in(self.view.file, name));
        let decl = place.and_then(|place| program.flows.get(place));
        let declared = decl.map(|decl| decl.can.clone()).unwrap_or_default();
        let needs = place.and_then(|place| self.view.checked.facts.effects.get(place)).map(|effects| &effects.needs);
        let needed: Vec<EcoString> = needs.into_iter().flatten().map(|(need, _)| need.clone()).collect();
        let all = self.view.checked.tools.values().flat_map(|tool| &tool.capabilities);
        let all: std::collections::BTreeSet<EcoString> = all.cloned().chain(needed.iter().cloned()).collect();
        for capability in all.into_iter().filter(|one| !declared.contains(one)) {
            let rank = u8::from(!needed.contains(&capability));
            let entry = self.push(capability.to_string(), EntryKind::Capability, rank);
            entry.detail = (rank == 0).then(|| "needed here".to_owned());
        }
    }

    pub(super) fn types(&mut self) {
        for (name, doc) in BASE_TYPES {
            self.push(name, EntryKind::Type, 1).doc = Some(doc.to_owned());
        }
        self.words(Place::Type, 2, |_| true);
        let scope = self.view.program().modules.get(self.view.file).map(|module| &module.scope);
        let own: Vec<(EcoString, EcoString)> = scope
            .into_iter()
            .flatten()
            .filter_map(|(name, entity)| match entity {
                Entity::Type(full) if !full.is_empty() => Some((name.clone(), full.clone())),
                _ => None,
            })
            .collect();
        for (name, full) in own {
            let detail = self.view.checked.types.types.get(&full).map(brief);
            self.push(name.to_string(), EntryKind::Type, 0).detail = detail;
        }
    }

    pub(super) fn used(&mut self, path: &str, braces: bool) {
        let program = self.view.program();
        if braces {
            let Some(module) = program.module_named(path).and_then(|at| program.modules.get(at)) else { return };
            for (name, entity) in module.scope.clone() {
                let kind = match entity {
                    Entity::Flow(_) => EntryKind::Flow,
                    Entity::Type(_) => EntryKind::Type,
                    Entity::Const(_) => EntryKind::Const,
                    Entity::Policy(_) => EntryKind::Policy,
                    Entity::Module(_) => continue,
                };
                self.push(name.to_string(), kind, 0);
            }
            return;
        }
        let own = program.module_name(self.view.file);
        let modules: Vec<EcoString> = program
            .modules
            .iter()
            .map(|module| module.name.clone())
            .filter(|name| !name.is_empty() && name != own)
            .collect();
        for module in modules {
            self.push(module.to_string(), EntryKind::Module, 0);
        }
    }

    pub(super) fn codes(&mut self) {
        for (code, doc) in CODES {
            self.push(code, EntryKind::Code, 1).doc = Some(doc.to_owned());
        }
        let own: std::collections::BTreeSet<EcoString> =
            self.view.checked.tools.values().flat_map(|tool| tool.codes.iter().cloned()).collect();
        for code in own {
            self.push(code.to_string(), EntryKind::Code, 0);
        }
    }

    pub(super) fn policies(&mut self) {
        let scope = self.view.program().modules.get(self.view.file).map(|module| module.scope.clone());
        for (name, entity) in scope.into_iter().flatten() {
            if matches!(entity, Entity::Policy(_)) {
                self.push(name.to_string(), EntryKind::Policy, 0);
            }
        }
    }

    pub(super) fn values(&mut self, expected: Option<&Type>) {
        let constants = expected.map(|ty| types::constants(ty, &self.view.checked.types)).unwrap_or_default();
        for constant in constants {
            self.push(constant, EntryKind::Value, 0);
        }
    }

    pub(super) fn expression(&mut self, offset: u32) {
        let expected =
            matches!(self.text(0), "==" | "!=").then(|| self.before.and_then(|at| self.view.type_before(at)));
        let expected = expected.flatten();
        self.values(expected.as_ref());
        self.names(offset, expected.as_ref());
        self.words(Place::Expr, 6, |_| true);
    }

    /// Names that have a value, or that can be called.
    pub(super) fn names(&mut self, offset: u32, expected: Option<&Type>) {
        let table = &self.view.checked.types;
        let rank = |ty: &Type| match expected {
            Some(expected) if fits(ty, expected, table).is_ok() => 1,
            Some(_) => 3,
            None => 2,
        };
        let locals: Vec<(EcoString, Option<Type>, LocalKind)> = self
            .view
            .names
            .reach(offset)
            .into_iter()
            .map(|local| (local.name.clone(), local_type(self.view.checked, self.view.loc(local.span)), local.kind))
            .collect();
        for (name, ty, _) in locals.into_iter().filter(|(name, _, _)| !name.contains(PROBE)) {
            let place = ty.as_ref().map_or(2, &rank);
            self.push(word(&name), EntryKind::Local, place).detail = ty.as_ref().map(brief);
        }
        let scope = self.view.program().modules.get(self.view.file).map(|module| module.scope.clone());
        for (name, entity) in scope.into_iter().flatten() {
            match entity {
                Entity::Const(place) => {
                    let ty = self.view.checked.facts.const_types.get(place).cloned().flatten();
                    let place = ty.as_ref().map_or(3, &rank);
                    self.push(name.to_string(), EntryKind::Const, place).detail = ty.as_ref().map(brief);
                }
                Entity::Module(_) => {
                    self.push(name.to_string(), EntryKind::Module, 4);
                }
                _ => {}
            }
        }
        self.flows(3);
        self.servers();
        for entry in weir_stdlib::functions::all() {
            let found = self.push(entry.name, EntryKind::Function, 5);
            found.snippet = format!("{}($0)", entry.name);
            found.detail = Some(entry.signature.to_owned());
            found.doc = Some(entry.doc.to_owned());
        }
        for (name, _) in AmbientFn::ALL {
            let found = self.push(name, EntryKind::Function, 5);
            found.snippet = if matches!(name, "today" | "flag") { format!("{name}($0)") } else { format!("{name}()") };
        }
    }

    pub(super) fn servers(&mut self) {
        let servers: std::collections::BTreeSet<String> =
            self.view.checked.tools.values().map(|tool| tool.server().to_owned()).collect();
        for server in servers {
            self.push(word(&server), EntryKind::Server, 4);
        }
    }

    pub(super) fn called(&mut self, label: String, kind: EntryKind, rank: u8, callee: &Callee) {
        let params = self.view.params_of(callee);
        let bracket =
            self.view.text.get(self.typed.end as usize..).unwrap_or("").trim_start_matches(PROBE).starts_with('(');
        let mut snippet = label.clone();
        if !bracket {
            let required = params.iter().filter(|param| !param.optional).enumerate();
            let args: Vec<String> =
                required.map(|(at, param)| format!("{}: ${{{}}}", word(&param.name), at + 1)).collect();
            snippet = format!("{label}({})$0", args.join(", "));
        }
        let (detail, doc) = match callee {
            Callee::Tool(name) => {
                let tool = self.view.checked.tools.get(name);
                (
                    tool.map(|tool| format!("{} {}", brief(&tool.output), tool.capabilities.join(", "))),
                    tool.and_then(|tool| tool.doc.clone()),
                )
            }
            Callee::Flow(place) => {
                let decl = self.view.program().flows.get(*place);
                let item = decl.and_then(|decl| self.view.program().item(decl.at));
                (decl.map(|decl| decl.role.word().to_owned()), item.and_then(|item| item.doc.clone()))
            }
            _ => (None, None),
        };
        let entry = self.push(label, kind, rank);
        entry.snippet = snippet;
        entry.detail = detail;
        entry.doc = doc.map(|doc| doc.to_string());
    }

    pub(super) fn flows(&mut self, rank: u8) {
        let scope = self.view.program().modules.get(self.view.file).map(|module| module.scope.clone());
        for (name, entity) in scope.into_iter().flatten() {
            if let Entity::Flow(place) = entity {
                self.called(name.to_string(), EntryKind::Flow, rank, &Callee::Flow(place));
            }
        }
    }

    pub(super) fn validators(&mut self) {
        let scope = self.view.program().modules.get(self.view.file).map(|module| module.scope.clone());
        for (name, entity) in scope.into_iter().flatten() {
            if let Entity::Flow(place) = entity
                && self.view.program().flows.get(place).is_some_and(|flow| flow.role == Role::Validator)
            {
                self.called(name.to_string(), EntryKind::Flow, 0, &Callee::Flow(place));
            }
        }
    }

    /// Tools by their full names; of those that an undo may call, the idempotent ones come first.
    pub(super) fn tools(&mut self, rank: u8, undo: bool) {
        let tools: Vec<(EcoString, bool)> =
            self.view.checked.tools.values().map(|tool| (tool.name.clone(), tool.idempotent)).collect();
        for (tool, idempotent) in tools {
            let rank = rank + u8::from(undo && !idempotent);
            self.called(path(&tool), EntryKind::Tool, rank, &Callee::Tool(tool));
        }
    }
}
