//! What a flow does, its own and through everything that it calls: capabilities, order, what is not settled for a saga.

use super::Checker;
use super::errors;
use super::outline::{self, Site, SiteKind};
use super::program::{Callee, Program};
use ecow::EcoString;
use indexmap::IndexMap;
use weir_lang::ast::{FlowClauseKind, PolicyEnd, Role};
use weir_lang::span::Span;

/// What a flow does.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Capabilities needed, each with the place that needs it first and what stands there.
    pub needs: IndexMap<EcoString, (Span, EcoString)>,
    /// Flows that it calls, starts, checks with, undoes with, escalates or hooks to.
    pub calls: Vec<usize>,
    /// Writes, sends, executes, waits, asks, receives or starts, itself or below.
    pub barrier: bool,
    /// Every effect is idempotent, so that calling it again is harmless.
    pub idempotent: bool,
    /// May pass a `final`.
    pub passes_final: bool,
    /// A write without `undo` or `final` that a saga around it would miss: what.
    pub unsettled: Option<EcoString>,
    /// Calls tools, asks, waits …: is not pure.
    pub impure: bool,
}

impl Checker {
    /// Effects of all flows, to a fixed point; then what they say about `can`, recursion, sagas and retries.
    pub(super) fn check_effects(&mut self) {
        self.effects = own_effects(&self.program);
        loop {
            let mut changed = false;
            for flow in 0..self.effects.len() {
                changed |= self.absorb_calls(flow);
            }
            if !changed {
                break;
            }
        }
        for flow in 0..self.program.flows.len() {
            self.check_capabilities(flow);
            self.check_sagas(flow);
        }
        self.check_recursion();
    }

    /// Takes over what the called flows do. Says whether anything was new.
    fn absorb_calls(&mut self, flow: usize) -> bool {
        let Some(mut effects) = self.effects.get(flow).cloned() else { return false };
        let before = (
            effects.needs.len(),
            effects.barrier,
            effects.idempotent,
            effects.passes_final,
            effects.impure,
            effects.unsettled.is_some(),
        );
        let module = self.program.flows.get(flow).map(|flow| flow.at.module).unwrap_or_default();
        let Some(tree) = self.program.flow_ast(flow) else { return false };
        let nodes = outline::outline(&self.program, module, &tree.body);
        outline::sites(&nodes, &mut |site| self.absorb(&mut effects, site));
        for call in effects.calls.clone() {
            if let (Some(other), Some(name)) =
                (self.effects.get(call), self.program.flows.get(call).map(|flow| flow.name.clone()))
            {
                for capability in other.needs.keys() {
                    effects.needs.entry(capability.clone()).or_insert_with(|| (tree.name.span, name.clone()));
                }
            }
        }
        let after = (
            effects.needs.len(),
            effects.barrier,
            effects.idempotent,
            effects.passes_final,
            effects.impure,
            effects.unsettled.is_some(),
        );
        if let Some(slot) = self.effects.get_mut(flow) {
            *slot = effects;
        }
        before != after
    }

    fn absorb(&self, effects: &mut Effects, site: &Site) {
        let called = match &site.kind {
            SiteKind::Flow(flow) | SiteKind::Check(flow) => Some(*flow),
            _ => None,
        };
        let undone = match &site.undo {
            Some(Callee::Flow(flow)) => Some(*flow),
            _ => None,
        };
        let started = match &site.kind {
            SiteKind::Start(flow) => Some(*flow),
            _ => None,
        };
        for flow in [called, undone, started].into_iter().flatten() {
            let (Some(other), Some(decl)) = (self.effects.get(flow), self.program.flows.get(flow)) else { continue };
            for capability in other.needs.keys() {
                effects.needs.entry(capability.clone()).or_insert_with(|| (site.span, decl.name.clone()));
            }
        }
        let Some(called) = called else { return };
        let (Some(other), Some(decl)) = (self.effects.get(called), self.program.flows.get(called)) else { return };
        effects.barrier |= other.barrier || matches!(site.kind, SiteKind::Check(_));
        effects.impure |= other.impure;
        effects.idempotent &= other.idempotent;
        effects.passes_final |= other.passes_final;
        if effects.unsettled.is_none() && !site.settled() && decl.role != Role::Saga {
            effects.unsettled =
                other.unsettled.clone().map(|inner| ecow::eco_format!("{} (through `{}`)", inner, decl.name));
        }
    }

    /// The real set against `can`.
    fn check_capabilities(&mut self, flow: usize) {
        let (Some(decl), Some(effects), Some(tree)) =
            (self.program.flows.get(flow), self.effects.get(flow), self.program.flow_ast(flow))
        else {
            return;
        };
        let module = decl.at.module;
        let clause = tree.clauses.iter().find(|clause| matches!(clause.kind, FlowClauseKind::Can(_)));
        let can_loc = clause.map(|clause| self.program.loc(module, clause.span));
        let mut found = Vec::new();
        let agent = decl.role == Role::Agent;
        for (capability, (span, via)) in &effects.needs {
            if !decl.can.contains(capability) {
                let loc = self.program.loc(module, *span);
                found.push(errors::undeclared_capability(loc, capability, &decl.name, &format!("`{via}`"), can_loc));
            }
        }
        if let Some(FlowClauseKind::Can(capabilities)) = clause.map(|clause| &clause.kind) {
            for capability in capabilities {
                let text = capability.path.text();
                if decl.can.contains(&text) && !effects.needs.contains_key(&text) && !agent && !self.is_broken(flow) {
                    found.push(errors::unused_capability(
                        self.program.loc(module, capability.path.span),
                        &text,
                        &decl.name,
                    ));
                }
            }
        }
        for diagnostic in found {
            self.report(diagnostic);
        }
    }

    /// Whether something in a flow could not be read or resolved, so that what it lacks is no second mistake.
    pub(super) fn is_broken(&self, flow: usize) -> bool {
        let Some(decl) = self.program.flows.get(flow) else { return false };
        let Some(tree) = self.program.flow_ast(flow) else { return false };
        let file = self.program.loc(decl.at.module, tree.body.span).file;
        let span = tree.body.span;
        self.diagnostics.iter().any(|diagnostic| {
            let loc = diagnostic.loc();
            use weir_lang::rules::Rule::{RoleViolation, Syntax, UnknownName, UnknownTool};
            loc.file == file
                && span.start <= loc.span.start
                && loc.span.start < span.end
                && matches!(diagnostic.rule, Syntax | UnknownName | UnknownTool | RoleViolation)
        })
    }

    fn check_recursion(&mut self) {
        let program = &self.program;
        let agent = |flow: usize| program.flows.get(flow).is_some_and(|flow| flow.role == Role::Agent);
        let edges = |flow: usize| -> Vec<usize> {
            if agent(flow) {
                return Vec::new();
            }
            self.effects.get(flow).map(|effects| effects.calls.clone()).unwrap_or_default()
        };
        let mut found = Vec::new();
        for cycle in super::graphs::cycles(program.flows.len(), edges) {
            let flows: Vec<_> = cycle.iter().filter_map(|flow| program.flows.get(*flow)).collect();
            let mut names: Vec<EcoString> = flows.iter().map(|flow| flow.name.clone()).collect();
            names.extend(names.first().cloned());
            let tree = cycle.first().and_then(|flow| program.flow_ast(*flow));
            if let (Some(first), Some(tree)) = (flows.first(), tree) {
                found.push(errors::unbounded_recursion(program.loc(first.at.module, tree.name.span), &names));
            }
        }
        for diagnostic in found {
            self.report(diagnostic);
        }
    }
}

/// What each flow does itself.
fn own_effects(program: &Program) -> Vec<Effects> {
    (0..program.flows.len()).map(|flow| own(program, flow)).collect()
}

fn own(program: &Program, flow: usize) -> Effects {
    let mut effects = Effects { idempotent: true, ..Effects::default() };
    let (Some(decl), Some(tree)) = (program.flows.get(flow), program.flow_ast(flow)) else { return effects };
    let module = decl.at.module;
    let nodes = outline::outline(program, module, &tree.body);
    outline::sites(&nodes, &mut |site| own_site(program, &mut effects, site));
    for clause in &tree.clauses {
        match &clause.kind {
            FlowClauseKind::Before(path) | FlowClauseKind::After(path) | FlowClauseKind::OnError(path) => {
                if let Some(Callee::Flow(other)) = program.callee(module, path) {
                    effects.calls.push(other);
                }
            }
            FlowClauseKind::With(policy) => effects.calls.extend(escalations(program, module, &policy.name)),
            FlowClauseKind::Tools(paths) => paths.iter().for_each(|path| match program.callee(module, path) {
                Some(Callee::Tool(tool)) => need(program, &mut effects, &tool, path.span),
                Some(Callee::Flow(other)) if other != flow => effects.calls.push(other),
                _ => {}
            }),
            _ => {}
        }
    }
    outline::sites(&nodes, &mut |site| {
        for clause in site.clauses {
            if let weir_lang::ast::ClauseKind::With(policy) = &clause.kind {
                effects.calls.extend(escalations(program, module, &policy.name));
            }
        }
    });
    effects.barrier |= decl.role == Role::Agent;
    effects.impure |= decl.role == Role::Agent;
    effects.calls.sort_unstable();
    effects.calls.dedup();
    effects
}

fn own_site(program: &Program, effects: &mut Effects, site: &Site) {
    match &site.kind {
        SiteKind::Tool(name) => {
            need(program, effects, name, site.span);
            let Some(tool) = program.tools.get(name) else { return };
            effects.impure = true;
            if !tool.reads_only() {
                effects.barrier = true;
                effects.idempotent &= tool.idempotent;
                if !site.settled() && effects.unsettled.is_none() {
                    effects.unsettled = Some(ecow::eco_format!("`{name}`"));
                }
            }
        }
        SiteKind::Flow(flow) | SiteKind::Check(flow) => effects.calls.push(*flow),
        SiteKind::Start(flow) => {
            effects.calls.push(*flow);
            effects.barrier = true;
            effects.impure = true;
            effects.idempotent = false;
            if !site.settled() && effects.unsettled.is_none() {
                effects.unsettled = Some("`start`".into());
            }
        }
        SiteKind::Ask | SiteKind::Receive | SiteKind::Wait => {
            effects.barrier = true;
            effects.impure = true;
        }
        SiteKind::Ambient(_) => effects.impure = true,
        _ => {}
    }
    effects.passes_final |= site.is_final();
    match &site.undo {
        Some(Callee::Tool(tool)) => need(program, effects, tool, site.undo_span),
        Some(Callee::Flow(flow)) => effects.calls.push(*flow),
        _ => {}
    }
}

fn need(program: &Program, effects: &mut Effects, tool: &EcoString, span: Span) {
    let Some(found) = program.tools.get(tool) else { return };
    for capability in &found.capabilities {
        effects.needs.entry(capability.clone()).or_insert_with(|| (span, tool.clone()));
    }
}

/// The flows that a policy escalates to.
fn escalations(program: &Program, module: usize, policy: &str) -> Vec<usize> {
    let Some(super::program::Entity::Policy(place)) = program.entity(module, policy) else { return Vec::new() };
    let Some((home, decl)) = program.policy_ast(*place) else { return Vec::new() };
    let ends = decl.arms.iter().filter_map(|arm| match &arm.then {
        Some(PolicyEnd::Escalate(path)) => program.callee(home, path),
        _ => None,
    });
    ends.filter_map(|callee| match callee {
        Callee::Flow(flow) => Some(flow),
        _ => None,
    })
    .collect()
}
