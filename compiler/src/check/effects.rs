//! What a flow does, its own and through everything that it calls: capabilities, order, what is not settled for a saga.

use super::Checker;
use super::errors;
use super::outline::{self, Site, SiteKind};
use super::program::{Callee, Program};
use ecow::EcoString;
use indexmap::IndexMap;
use weir_lang::ast::{ClauseKind, FlowClause, FlowClauseKind, PolicyEnd, Role};
use weir_lang::diagnostic::Diagnostic;
use weir_lang::span::{Loc, Span};

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

impl Effects {
    /// What changes when more becomes known: it only grows.
    fn size(&self) -> (usize, bool, bool, bool, bool, bool) {
        (self.needs.len(), self.barrier, self.idempotent, self.passes_final, self.unsettled.is_some(), self.impure)
    }
}

/// How one flow leads to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Its steps are steps of this flow: called, checked with, listed by an agent.
    Inside,
    /// On its own: started, undone with, hooked, escalated to.
    Beside,
}

/// A way from one flow to another.
#[derive(Clone, Copy, Debug)]
struct Edge {
    to: usize,
    span: Span,
    how: How,
    /// The call says how to take it back, or that it is final.
    settled: bool,
}

/// What a flow does itself, and the flows that it leads to.
#[derive(Debug, Default)]
struct Own {
    effects: Effects,
    edges: Vec<Edge>,
}

impl Checker {
    /// Effects of all flows, to a fixed point; then what they say about `can`, recursion, sagas and retries.
    pub(super) fn check_effects(&mut self) {
        let own: Vec<Own> = (0..self.program.flows.len()).map(|flow| self.own(flow)).collect();
        let mut edges = Vec::with_capacity(own.len());
        for one in own {
            self.effects.push(one.effects);
            edges.push(one.edges);
        }
        self.spread_effects(&edges);
        let in_saga = self.reached_by_sagas(&edges);
        for (flow, in_saga) in in_saga.iter().enumerate() {
            self.check_capabilities(flow);
            self.check_sagas(flow, *in_saga);
        }
        self.check_recursion();
        self.check_undo_reached(&in_saga);
    }

    /// Takes over what the called flows do, until nothing is new. A flow is looked at again only when one that it
    /// leads to has grown.
    fn spread_effects(&mut self, edges: &[Vec<Edge>]) {
        let mut callers: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
        for (from, edges) in edges.iter().enumerate() {
            for edge in edges {
                if let Some(callers) = callers.get_mut(edge.to) {
                    callers.push(from);
                }
            }
        }
        let mut open: Vec<usize> = (0..edges.len()).collect();
        let mut waits = vec![true; edges.len()];
        while let Some(flow) = open.pop() {
            if let Some(waits) = waits.get_mut(flow) {
                *waits = false;
            }
            if !self.absorb_all(flow, edges.get(flow).map(Vec::as_slice).unwrap_or_default()) {
                continue;
            }
            for caller in callers.get(flow).into_iter().flatten() {
                if let Some(waits) = waits.get_mut(*caller)
                    && !*waits
                {
                    *waits = true;
                    open.push(*caller);
                }
            }
        }
    }

    /// Takes over what the flows behind the edges do. Says whether anything was new.
    fn absorb_all(&mut self, flow: usize, edges: &[Edge]) -> bool {
        let Some(slot) = self.effects.get_mut(flow) else { return false };
        let mut effects = std::mem::take(slot);
        let before = effects.size();
        for edge in edges.iter().filter(|edge| edge.to != flow) {
            self.absorb(&mut effects, edge);
        }
        let changed = before != effects.size();
        if let Some(slot) = self.effects.get_mut(flow) {
            *slot = effects;
        }
        changed
    }

    fn absorb(&self, effects: &mut Effects, edge: &Edge) {
        let (Some(other), Some(decl)) = (self.effects.get(edge.to), self.program.flows.get(edge.to)) else { return };
        for capability in other.needs.keys() {
            if !effects.needs.contains_key(capability) {
                effects.needs.insert(capability.clone(), (edge.span, decl.name.clone()));
            }
        }
        if edge.how == How::Beside {
            return;
        }
        effects.barrier |= other.barrier;
        effects.impure |= other.impure;
        effects.idempotent &= other.idempotent;
        effects.passes_final |= other.passes_final;
        if effects.unsettled.is_none() && !edge.settled && decl.role != Role::Saga {
            effects.unsettled = other.unsettled.as_ref().map(|inner| match inner.contains("(through") {
                true => inner.clone(),
                false => ecow::eco_format!("{inner} (through `{}`)", decl.name),
            });
        }
    }

    /// What a flow does itself.
    fn own(&self, flow: usize) -> Own {
        let mut own = Own { effects: Effects { idempotent: true, ..Effects::default() }, edges: Vec::new() };
        let (Some(decl), Some(tree)) = (self.program.flows.get(flow), self.program.flow_ast(flow)) else { return own };
        let module = decl.at.module;
        let nodes = outline::outline(&self.program, module, &tree.body);
        let mut default = None;
        for clause in &tree.clauses {
            self.own_clause(&mut own, flow, module, clause);
            if let FlowClauseKind::With(policy) = &clause.kind {
                default = self.program.policy_of(module, &policy.name);
            }
        }
        outline::sites(&nodes, &mut |site| self.own_site(&mut own, module, default, site));
        own.effects.barrier |= decl.role == Role::Agent;
        own.effects.impure |= decl.role == Role::Agent;
        own.effects.calls = own.edges.iter().map(|edge| edge.to).collect();
        own.effects.calls.sort_unstable();
        own.effects.calls.dedup();
        own
    }

    fn own_clause(&self, own: &mut Own, flow: usize, module: usize, clause: &FlowClause) {
        match &clause.kind {
            FlowClauseKind::Before(path) | FlowClauseKind::After(path) | FlowClauseKind::OnError(path) => {
                if let Some(Callee::Flow(to)) = self.program.callee(module, path) {
                    own.edges.push(Edge { to, span: path.span, how: How::Beside, settled: true });
                }
            }
            FlowClauseKind::Tools(paths) => paths.iter().for_each(|path| match self.program.callee(module, path) {
                Some(Callee::Tool(tool)) => {
                    need(&self.program, &mut own.effects, &tool, path.span);
                    let found = self.program.tools.get(&tool);
                    if found.is_some_and(|tool| !tool.reads_only()) {
                        own.effects.idempotent &= found.is_some_and(|tool| tool.idempotent);
                        own.effects.unsettled.get_or_insert_with(|| ecow::eco_format!("`{tool}`"));
                    }
                }
                Some(Callee::Flow(to)) if to != flow => {
                    own.edges.push(Edge { to, span: path.span, how: How::Inside, settled: false });
                }
                _ => {}
            }),
            _ => {}
        }
    }

    fn own_site(&self, own: &mut Own, module: usize, default: Option<usize>, site: &Site) {
        let settled = site.settled();
        let mut edge = |to: usize, span: Span, how: How| own.edges.push(Edge { to, span, how, settled });
        match &site.kind {
            SiteKind::Flow(flow) | SiteKind::Check(flow) => edge(*flow, site.span, How::Inside),
            SiteKind::Start(flow) => edge(*flow, site.span, How::Beside),
            _ => {}
        }
        if let Some(Callee::Flow(flow)) = &site.undo {
            edge(*flow, site.undo_span, How::Beside);
        }
        for (to, span) in self.escalations(module, default, site) {
            edge(to, span, How::Beside);
        }
        own_site(&self.program, &mut own.effects, site);
    }

    /// The flows that a call's policies may escalate to: its own, the flow's, the tool's, the project's.
    fn escalations(&self, module: usize, default: Option<usize>, site: &Site) -> Vec<(usize, Span)> {
        let own = site.clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::With(policy) => self.program.policy_of(module, &policy.name),
            _ => None,
        });
        let mut policies: Vec<usize> = own.into_iter().collect();
        if let SiteKind::Tool(tool) = &site.kind {
            policies.extend(default);
            let named = self.program.tools.get(tool).and_then(|tool| tool.policy.as_ref());
            policies.extend(named.and_then(|name| self.program.policy_by_name(name)));
            policies.extend(self.config.project.policy.as_ref().and_then(|name| self.program.policy_by_name(name)));
        }
        let mut found = Vec::new();
        for (home, decl) in policies.into_iter().filter_map(|place| self.program.policy_ast(place)) {
            for arm in &decl.arms {
                if let Some(PolicyEnd::Escalate(path)) = &arm.then
                    && let Some(Callee::Flow(flow)) = self.program.callee(home, path)
                {
                    found.push((flow, site.span));
                }
            }
            // Its `else` takes every failure: wider policies never see one.
            if decl.arms.iter().any(|arm| arm.codes.is_empty()) {
                break;
            }
        }
        found
    }

    /// Which flows are sagas, or run inside of one.
    fn reached_by_sagas(&self, edges: &[Vec<Edge>]) -> Vec<bool> {
        let mut reached = vec![false; edges.len()];
        let sagas = |flow: &usize| self.program.flows.get(*flow).is_some_and(|flow| flow.role == Role::Saga);
        let mut open: Vec<usize> = (0..edges.len()).filter(sagas).collect();
        while let Some(flow) = open.pop() {
            if reached.get_mut(flow).is_none_or(|slot| std::mem::replace(slot, true)) {
                continue;
            }
            open.extend(
                edges.get(flow).into_iter().flatten().filter(|edge| edge.how == How::Inside).map(|edge| edge.to),
            );
        }
        reached
    }

    /// An `undo` that no saga ever runs: its flow is reached from none.
    fn check_undo_reached(&mut self, reached: &[bool]) {
        let mut found = Vec::new();
        for (flow, _) in reached.iter().enumerate().filter(|(_, reached)| !**reached) {
            let (Some(decl), Some(tree)) = (self.program.flows.get(flow), self.program.flow_ast(flow)) else {
                continue;
            };
            // An executor says how it is taken back whether or not a saga uses it yet: that is its contract.
            if decl.role == Role::Executor || self.is_broken(flow) {
                continue;
            }
            let nodes = outline::outline(&self.program, decl.at.module, &tree.body);
            outline::sites(&nodes, &mut |site| {
                if let Some(clause) = site.clauses.iter().find(|clause| matches!(clause.kind, ClauseKind::Undo(_))) {
                    let loc = self.program.loc(decl.at.module, clause.span);
                    let edits = self.without(loc);
                    found.push(errors::undo_never_runs(loc, &decl.name).fix("take the `undo` out", edits));
                }
            });
        }
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
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
        let agent = decl.role == Role::Agent;
        let declared: Vec<(Loc, EcoString)> = match clause.map(|clause| &clause.kind) {
            Some(FlowClauseKind::Can(list)) => {
                list.iter().map(|one| (self.program.loc(module, one.path.span), one.path.text())).collect()
            }
            _ => Vec::new(),
        };
        let mut unused: Vec<usize> = Vec::new();
        if !agent && !self.leads_to_broken(flow) {
            let needless = |(_, text): &(Loc, EcoString)| decl.can.contains(text) && !effects.needs.contains_key(text);
            unused.extend(declared.iter().enumerate().filter(|(_, one)| needless(one)).map(|(at, _)| at));
        }
        let mut lacking: IndexMap<(Span, &EcoString), Vec<&str>> = IndexMap::new();
        for (capability, (span, via)) in effects.needs.iter().filter(|(capability, _)| !decl.can.contains(*capability))
        {
            lacking.entry((*span, via)).or_default().push(capability);
        }
        let can_is_wrong = can_loc.is_some_and(|can| self.is_wrong(can));
        let mut found = Vec::new();
        let mut lacked: Option<(Diagnostic, Vec<&str>)> = None;
        for ((span, via), mut capabilities) in lacking.into_iter().filter(|_| !can_is_wrong) {
            let way = self.way_to(via, capabilities.first().copied().unwrap_or_default());
            // A misspelt capability is one mistake: not needed as it stands, and missing as it was meant.
            capabilities.retain(|capability| {
                let meant = |at: &usize| {
                    declared.get(*at).is_some_and(|(_, text)| errors::nearest(text, [*capability]).is_some())
                };
                let Some(at) = unused.iter().position(meant).map(|place| unused.remove(place)) else { return true };
                if let Some((loc, text)) = declared.get(at) {
                    found.push(errors::misspelt_capability(*loc, text, capability, &decl.name, &way));
                }
                false
            });
            if capabilities.is_empty() {
                continue;
            }
            let loc = self.program.loc(module, span);
            // One `can` is one mistake, wherever what it lacks is needed.
            lacked = Some(match lacked.take() {
                None => (errors::undeclared_capability(loc, &capabilities, &decl.name, &way, can_loc), capabilities),
                Some((one, mut all)) => {
                    all.extend(&capabilities);
                    (errors::also_undeclared(one, loc, &capabilities, &all, can_loc.is_some()), all)
                }
            });
        }
        if let Some((one, all)) = lacked {
            let list = all.join(", ");
            found.push(match declared.last() {
                Some((last, _)) => {
                    let end = Loc { span: Span { start: last.span.end, end: last.span.end }, ..*last };
                    one.fix(format!("add `{list}` to its `can`"), super::fixes::insert(end, format!(", {list}")))
                }
                None => {
                    let body = self.program.loc(module, tree.body.span);
                    one.fix(format!("declare `can {list}`"), super::fixes::insert(body, format!("can {list} ")))
                }
            });
        }
        let entries: Vec<Loc> = declared.iter().map(|(loc, _)| *loc).collect();
        for at in unused {
            let Some((loc, text)) = declared.get(at) else { continue };
            let edits = match (self.without_entry(&entries, at), can_loc) {
                (Some(edits), _) => edits,
                (None, Some(can)) => self.without(can),
                (None, None) => continue,
            };
            found.push(errors::unused_capability(*loc, text, &decl.name).fix(format!("take `{text}` out"), edits));
        }
        for diagnostic in found {
            self.report(diagnostic);
        }
    }

    /// From a flow or tool that needs a capability to the tool that it needs it for.
    pub(super) fn way_to(&self, via: &EcoString, capability: &str) -> Vec<EcoString> {
        let mut way = vec![via.clone()];
        while let Some(flow) = way.last().and_then(|name| self.program.flow_places.get(name)) {
            let next =
                self.effects.get(*flow).and_then(|effects| effects.needs.get(capability)).map(|(_, via)| via.clone());
            match next {
                Some(next) if !way.contains(&next) => way.push(next),
                _ => break,
            }
        }
        way
    }

    /// Whether something in a flow could not be read or resolved, so that what it lacks is no second mistake.
    pub(super) fn is_broken(&self, flow: usize) -> bool {
        let Some(decl) = self.program.flows.get(flow) else { return false };
        let Some(tree) = self.program.flow_ast(flow) else { return false };
        self.is_wrong(self.program.loc(decl.at.module, tree.body.span))
    }

    /// Whether a flow, or one that it reaches, is broken: what it needs is not known then.
    fn leads_to_broken(&self, flow: usize) -> bool {
        if self.wrong.is_empty() {
            return false;
        }
        let mut seen = vec![false; self.program.flows.len()];
        let mut open = vec![flow];
        while let Some(flow) = open.pop() {
            if seen.get_mut(flow).is_none_or(|slot| std::mem::replace(slot, true)) {
                continue;
            }
            if self.is_broken(flow) {
                return true;
            }
            open.extend(self.effects.get(flow).into_iter().flat_map(|effects| effects.calls.iter().copied()));
        }
        false
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

fn own_site(program: &Program, effects: &mut Effects, site: &Site) {
    match &site.kind {
        SiteKind::Tool(name) => {
            need(program, effects, name, site.span);
            let Some(tool) = program.tools.get(name) else { return };
            effects.impure = true;
            if !tool.reads_only() {
                effects.barrier = true;
                let keyed = tool.accepts_key.is_some() && site.has(|kind| matches!(kind, ClauseKind::Key { .. }));
                effects.idempotent &= tool.idempotent || keyed;
                if !site.settled() && effects.unsettled.is_none() {
                    effects.unsettled = Some(ecow::eco_format!("`{name}`"));
                }
            }
        }
        SiteKind::Start(_) => {
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
    if let Some(Callee::Tool(tool)) = &site.undo {
        need(program, effects, tool, site.undo_span);
    }
}

fn need(program: &Program, effects: &mut Effects, tool: &EcoString, span: Span) {
    let Some(found) = program.tools.get(tool) else { return };
    for capability in &found.capabilities {
        effects.needs.entry(capability.clone()).or_insert_with(|| (span, tool.clone()));
    }
}
