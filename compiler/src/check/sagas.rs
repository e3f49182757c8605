//! Sagas and repetition: what is not taken back, what fails too late, what could happen twice.

use super::Checker;
use super::TRANSIENT;
use super::errors;
use super::outline::{self, Node, Site, SiteKind};
use super::program::Callee;
use weir_lang::ast::{ClauseKind, Role};
use weir_lang::diagnostic::Diagnostic;
use weir_lang::span::{Loc, Span};

impl Checker {
    /// Everything about undo, final, retry and keys in one flow, which may be a saga or run in one.
    pub(super) fn check_sagas(&mut self, place: usize, in_saga: bool) {
        let (Some(decl), Some(tree)) = (self.program.flows.get(place), self.program.flow_ast(place)) else { return };
        let (module, role) = (decl.at.module, decl.role);
        let mut found = Vec::new();
        {
            let nodes = outline::outline(&self.program, module, &tree.body);
            outline::sites(&nodes, &mut |site| {
                self.check_undo(module, site, &mut found);
                self.check_repetition(module, site, &mut found);
                self.check_falls_back(module, tree, site, &mut found);
            });
            if role == Role::Saga {
                outline::sites(&nodes, &mut |site| found.extend(self.check_settled(module, site)));
            }
            if in_saga {
                self.check_final(place, &outline::with_failures(&self.program, module, &tree.body), &mut found);
            }
            if role == Role::Coordinator {
                found.extend(self.check_writes(module, place, &nodes, tree.name.span));
            }
        }
        for diagnostic in found {
            self.report(diagnostic);
        }
    }

    /// Every write, exec and send in a saga has `undo` or `final`, or is in a flow that does.
    fn check_settled(&self, module: usize, site: &Site) -> Option<Diagnostic> {
        if site.settled() {
            return None;
        }
        let loc = self.program.loc(module, site.span);
        match &site.kind {
            SiteKind::Tool(tool) if self.has_effect(site) && !self.sends(tool) => {
                let opposite = self.opposite(tool);
                let found = errors::missing_undo(loc, &format!("`{tool}`"), "saga", opposite.as_deref());
                Some(self.with_undo(found, module, site, opposite.as_deref()))
            }
            SiteKind::Flow(flow) => {
                let called = self.program.flows.get(*flow)?;
                if self.is_broken(*flow) {
                    return None;
                }
                if let Some(caught) = self.caught_unknown(module, site, *flow) {
                    return Some(caught);
                }
                if called.role == Role::Saga {
                    return None;
                }
                let inner = self.effects.get(*flow)?.unsettled.clone()?;
                if called.role == Role::Delivery {
                    let end = self.behind(module, site);
                    let end = Loc { span: Span { start: end.span.end, end: end.span.end }, ..end };
                    let edits = super::fixes::insert(end, " final");
                    return Some(errors::missing_final(loc, &called.name).fix("add `final`", edits));
                }
                Some(errors::missing_undo(loc, &format!("{inner} in `{}`", called.name), "saga", None))
            }
            SiteKind::Start(_) => {
                let found = errors::missing_undo(loc, "`start`", "saga", Some("runs.cancel"));
                let end = self.behind(module, site);
                let end = Loc { span: Span { start: end.span.end, end: end.span.end }, ..end };
                let edits = super::fixes::insert(end, " undo runs.cancel(id: it)");
                Some(found.fix("add `undo runs.cancel(id: it)`", edits))
            }
            _ => None,
        }
    }

    /// `catch { unknown => … }` behind a flow: what the flow did may have happened, and the value that is looked up
    /// carries no undo, since only a call's own `undo` sees it.
    fn caught_unknown(&self, module: usize, site: &Site, flow: usize) -> Option<Diagnostic> {
        let effects = self.effects.get(flow)?;
        if effects.idempotent || !effects.barrier {
            return None;
        }
        let arms = site.clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::Catch(arms) => Some(arms),
            _ => None,
        })?;
        let code = arms.iter().flat_map(|arm| &arm.codes).find(|code| code.name == "unknown")?;
        let name = &self.program.flows.get(flow)?.name;
        Some(errors::unknown_without_undo(self.program.loc(module, code.span), name))
    }

    fn check_undo(&self, module: usize, site: &Site, found: &mut Vec<Diagnostic>) {
        let loc = self.program.loc(module, site.undo_span);
        match &site.undo {
            Some(Callee::Tool(name))
                if self.program.tools.get(name).is_some_and(|tool| !tool.idempotent && !tool.reads_only()) =>
            {
                found.push(errors::undo_not_idempotent(loc, name));
            }
            Some(Callee::Flow(flow)) => {
                if let (Some(effects), Some(decl)) = (self.effects.get(*flow), self.program.flows.get(*flow))
                    && !effects.idempotent
                {
                    found.push(errors::undo_not_idempotent(loc, &decl.name));
                }
            }
            _ => {}
        }
    }

    /// `retry`, `until` and policies on calls that must not happen twice; keys that stay here.
    fn check_repetition(&self, module: usize, site: &Site, found: &mut Vec<Diagnostic>) {
        let (what, tool, repeatable) = match &site.kind {
            SiteKind::Tool(name) => {
                let Some(tool) = self.program.tools.get(name) else { return };
                let keyed = site.has(|kind| matches!(kind, ClauseKind::Key { .. }));
                if keyed && tool.accepts_key.is_none() && !tool.reads_only() {
                    let span = site.clauses.iter().find(|clause| matches!(clause.kind, ClauseKind::Key { .. }));
                    let span = span.map_or(site.span, |clause| clause.span);
                    found.push(errors::key_not_sent(self.program.loc(module, span), name));
                }
                let repeatable = tool.reads_only() || tool.idempotent || (keyed && tool.accepts_key.is_some());
                (format!("`{name}`"), Some(name.as_str()), repeatable)
            }
            SiteKind::Flow(flow) => {
                let (Some(effects), Some(decl)) = (self.effects.get(*flow), self.program.flows.get(*flow)) else {
                    return;
                };
                (format!("what `{}` does", decl.name), None, effects.idempotent)
            }
            _ => return,
        };
        if repeatable {
            return;
        }
        for clause in site.clauses {
            let unsafe_clause = match &clause.kind {
                ClauseKind::Retry(retry) => {
                    let codes: Vec<&str> = retry.on.iter().map(|code| code.name.as_str()).collect();
                    codes.is_empty() || codes.iter().any(|code| *code != "rate_limited")
                }
                ClauseKind::Until { .. } => true,
                ClauseKind::With(policy) => self.policy_repeats(module, &policy.name),
                _ => false,
            };
            if unsafe_clause {
                let loc = self.program.loc(module, clause.span);
                let word = match &clause.kind {
                    ClauseKind::With(policy) => format!("`with {}`", policy.name),
                    kind => format!("`{}`", super::clause::clause_word(kind)),
                };
                found.push(errors::unsafe_retry(loc, &what, &word, tool));
            }
        }
    }

    /// A policy that falls back needs a `fallback` on each call of a tool that it holds for: the flow's, the tool's in
    /// `weir.toml`, the project's, the nearest first, up to one that takes every code.
    fn check_falls_back(&self, module: usize, tree: &weir_lang::ast::Flow, site: &Site, found: &mut Vec<Diagnostic>) {
        let SiteKind::Tool(tool) = &site.kind else { return };
        if site.has(|kind| matches!(kind, ClauseKind::Fallback(_) | ClauseKind::Optional)) {
            return;
        }
        let own = site.clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::With(policy) => self.program.policy_of(module, &policy.name),
            _ => None,
        });
        if own.is_some_and(|own| self.takes_all(own) || self.policy_falls_back(own)) {
            return;
        }
        let flow = tree.clauses.iter().find_map(|clause| match &clause.kind {
            weir_lang::ast::FlowClauseKind::With(policy) => self.program.policy_of(module, &policy.name),
            _ => None,
        });
        let of_tool = self.program.tools.get(tool).and_then(|tool| tool.policy.as_ref());
        let of_tool = of_tool.and_then(|name| self.program.policy_by_name(name));
        let project = self.config.project.policy.as_ref().and_then(|name| self.program.policy_by_name(name));
        for policy in [flow, of_tool, project].into_iter().flatten() {
            if self.policy_falls_back(policy) {
                let name = self.program.policy_ast(policy).map(|(_, decl)| decl.name.name.clone()).unwrap_or_default();
                found.push(errors::missing_fallback(self.program.loc(module, site.span), &name));
                return;
            }
            if self.takes_all(policy) {
                return;
            }
        }
    }

    /// Whether a policy has an `else`: wider policies never see a failure.
    fn takes_all(&self, policy: usize) -> bool {
        self.program.policy_ast(policy).is_some_and(|(_, decl)| decl.arms.iter().any(|arm| arm.codes.is_empty()))
    }

    /// Whether a policy that a call names retries errors after which the call may have happened.
    fn policy_repeats(&self, module: usize, name: &str) -> bool {
        self.program.policy_of(module, name).is_some_and(|place| self.policy_retries(place))
    }

    pub(super) fn policy_retries(&self, place: usize) -> bool {
        let Some((module, policy)) = self.program.policy_ast(place) else { return false };
        policy.arms.iter().any(|arm| {
            let retries = arm.retry.as_ref().is_some_and(|retry| {
                retry.count.as_ref().is_none_or(|count| self.program.constant_int(module, count) != Some(0))
            });
            retries && (arm.codes.is_empty() || arm.codes.iter().any(|code| code.name != "rate_limited"))
        })
    }

    /// A coordinator that writes twice and takes nothing back.
    fn check_writes(&self, module: usize, place: usize, nodes: &[Node], name: Span) -> Option<Diagnostic> {
        let mut settled = false;
        outline::sites(nodes, &mut |site| settled |= site.settled());
        let writes = self.count_writes(nodes);
        let flow = self.program.flows.get(place)?;
        let loc = self.program.loc(module, name);
        (writes >= 2 && !settled).then(|| errors::write_without_undo(loc, &flow.name, writes))
    }

    /// Writes on one way through the steps that are neither idempotent nor taken back. One write in a loop counts
    /// once: the rounds stand for themselves.
    fn count_writes(&self, nodes: &[Node]) -> usize {
        let count = |node: &Node| match node {
            Node::Site(site) => usize::from(self.is_open_write(site)),
            Node::Branch(arms) => arms.iter().map(|arm| self.count_writes(arm)).max().unwrap_or_default(),
            Node::Loop { body, .. } => self.count_writes(body),
        };
        nodes.iter().map(count).sum()
    }

    fn is_open_write(&self, site: &Site) -> bool {
        match &site.kind {
            SiteKind::Tool(tool) => {
                self.program.tools.get(tool).is_some_and(|tool| !tool.reads_only() && !tool.idempotent)
                    && !self.sends(tool)
            }
            SiteKind::Flow(flow) => {
                let role = self.program.flows.get(*flow).map(|flow| flow.role);
                let open = |effects: &super::Effects| effects.unsettled.is_some() && !effects.idempotent;
                !matches!(role, Some(Role::Saga | Role::Delivery | Role::Monitor | Role::Archiver))
                    && self.effects.get(*flow).is_some_and(open)
            }
            _ => false,
        }
    }

    fn sends(&self, tool: &str) -> bool {
        self.program.tools.get(tool).is_some_and(|tool| tool.capabilities.iter().any(|one| one.ends_with(".send")))
    }

    fn check_final(&self, place: usize, nodes: &[Node], found: &mut Vec<Diagnostic>) {
        let Some(flow) = self.program.flows.get(place) else { return };
        let mut scan = Scan {
            checker: self,
            module: flow.at.module,
            delivery: flow.role == Role::Delivery,
            found: Vec::new(),
            in_parallel: false,
        };
        scan.nodes(nodes, None);
        for diagnostic in scan.found {
            if !found.contains(&diagnostic) {
                found.push(diagnostic);
            }
        }
    }

    /// Whether a site may fail for good, unhandled.
    fn can_fail(&self, site: &Site) -> Option<String> {
        let handled = site.clauses.iter().any(|clause| match &clause.kind {
            ClauseKind::Fallback(_) | ClauseKind::Optional => true,
            ClauseKind::Catch(arms) => arms.iter().any(|arm| arm.codes.is_empty()),
            ClauseKind::Retry(retry) => {
                !matches!(site.kind, SiteKind::Cast | SiteKind::Division)
                    && retry.count.is_none()
                    && TRANSIENT.iter().all(|code| retry.on.is_empty() || retry.on.iter().any(|on| on.name == *code))
            }
            _ => false,
        });
        if handled {
            return None;
        }
        Some(match &site.kind {
            SiteKind::Tool(tool) => format!("`{tool}`"),
            SiteKind::Flow(flow) => {
                let decl = self.program.flows.get(*flow)?;
                format!("`{}`", decl.name)
            }
            SiteKind::Check(_) => "`check`".into(),
            SiteKind::Require => "`require`".into(),
            SiteKind::Raise => "this exit".into(),
            SiteKind::Cast => "`as`".into(),
            SiteKind::Division => "a division by what may be zero".into(),
            SiteKind::Receive if site.has(|kind| matches!(kind, ClauseKind::Timeout(_))) => "`receive`".into(),
            SiteKind::Ask if site.has(|kind| matches!(kind, ClauseKind::Timeout(_))) => "`ask`".into(),
            _ => return None,
        })
    }
}

/// Walks the outline of a saga, or of a flow in one, in order, knowing whether a `final` may have been passed.
struct Scan<'a> {
    checker: &'a Checker,
    module: usize,
    /// What a delivery sends is out, whether or not its call says so.
    delivery: bool,
    found: Vec<Diagnostic>,
    in_parallel: bool,
}

impl Scan<'_> {
    /// Returns the `final` that may have been passed after these nodes.
    fn nodes(&mut self, nodes: &[Node], mut passed: Option<Loc>) -> Option<Loc> {
        for node in nodes {
            passed = match node {
                Node::Site(site) => self.site(site, passed),
                Node::Branch(arms) => {
                    let after: Vec<Option<Loc>> = arms.iter().map(|arm| self.nodes(arm, passed)).collect();
                    passed.or_else(|| after.into_iter().flatten().next())
                }
                Node::Loop { parallel, body, .. } => {
                    let outer = self.in_parallel;
                    self.in_parallel |= *parallel;
                    let once = self.nodes(body, passed);
                    let twice =
                        if once.is_some() && passed.is_none() && !*parallel { self.nodes(body, once) } else { once };
                    self.in_parallel = outer;
                    twice
                }
            };
        }
        passed
    }

    fn site(&mut self, site: &Site, passed: Option<Loc>) -> Option<Loc> {
        let loc = self.checker.program.loc(self.module, site.span);
        if let (Some(last), Some(what)) = (passed, self.checker.can_fail(site)) {
            self.found.push(errors::fallible_after_final(loc, &what, last, &site.kind));
        }
        let inner = match &site.kind {
            SiteKind::Flow(flow) => self.checker.effects.get(*flow).is_some_and(|effects| effects.passes_final),
            _ => false,
        };
        let sent = self.delivery && matches!(&site.kind, SiteKind::Tool(tool) if self.checker.sends(tool));
        if !site.is_final() && !inner && !sent {
            return passed;
        }
        if self.in_parallel {
            self.found.push(errors::final_in_parallel(loc));
        }
        passed.or(Some(loc))
    }
}
