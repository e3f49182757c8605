//! Trust: where untrusted data goes, through every flow, and whether it reaches what it must not steer.
//!
//! Each flow is looked at once, called flows first, with labels that depend on its parameters; what it gives and
//! which parameters reach trusted places is its [`Summary`], which a call fills with what is known of the arguments.

mod approve;
mod calls;
mod endorse;
mod exprs;
mod form;
mod label;
mod library;
mod log;
mod loops;
mod marks;
mod outside;
mod paths;
mod report;
mod steered;
mod steps;
mod subst;
mod taint;
mod walk;

use super::Checker;
use ecow::EcoString;
use indexmap::IndexMap;
use label::Label;
pub use log::{Endorsement, FlowTrust, SinkState, TrustPlace, TrustSink};
use marks::Marks;
use paths::{Paths, Step};
use std::rc::Rc;
use taint::{Atom, Form, Origin, Origins, Taint};
use walk::{Mode, Walk};
use weir_lang::ast::Role;
use weir_lang::span::Loc;

/// A place that untrusted data must not steer.
#[derive(Clone, Debug)]
struct Sink {
    /// `` `to` of `mail.send` ``
    what: EcoString,
    /// The argument there, or the step.
    loc: Loc,
    /// The tool's server: ids of its own do no harm. Empty for a flow.
    server: EcoString,
    /// Whether it is the choice of a step (strict), not an argument.
    step: bool,
    /// Arguments of calls on the way to it, outermost first.
    via: Vec<Loc>,
}

impl Sink {
    /// An argument on the way to it, further out than those that are known. Only the outermost are ever shown.
    fn through(&mut self, loc: Loc) {
        self.via.truncate(8);
        self.via.insert(0, loc);
    }
}

/// What a call needs to know of a flow.
#[derive(Clone, Debug, Default)]
struct Summary {
    /// Its value.
    result: Label,
    /// What of its parameters reaches which place.
    sinks: IndexMap<(Atom, EcoString), Rc<Sink>>,
    /// The same for what a validator let pass for its form, with the validator.
    forms: IndexMap<(Atom, usize), Rc<Sink>>,
}

/// What a validator requires something of.
#[derive(Clone, Debug)]
struct Endorsed {
    /// Which part of its first parameter.
    steps: Vec<Step>,
    /// Only length and order, not the elements.
    own: bool,
    /// Whether all that is required is about form.
    form: bool,
}

/// What depends on what: a flow's value on its parameters, through reads too.
#[derive(Clone, Debug, Default)]
struct Depends {
    result: Label,
    /// Of a validator.
    endorsed: Vec<Endorsed>,
    /// Where a validator's conditions about form stand.
    condition: Option<Loc>,
}

/// Untrusted data at a place that it must not steer.
#[derive(Debug)]
struct Finding {
    sink: Rc<Sink>,
    origin: Origin,
    /// What to compare: `page.body`.
    path: Option<EcoString>,
    /// A `check` on the way that endorsed nothing, and why.
    note: Option<(Loc, EcoString)>,
}

/// Everything that is known while flows are looked at.
struct World<'a> {
    checker: &'a Checker,
    marks: Marks,
    paths: Paths,
    origins: Origins,
    summaries: Vec<Rc<Summary>>,
    depends: Vec<Option<Rc<Depends>>>,
    strict: bool,
    findings: IndexMap<Loc, Finding>,
    /// What is told beside what is wrong, where that is wanted.
    log: Option<log::Log>,
    /// Validators that look at the form only, with a place that their values reach.
    forms: IndexMap<usize, (Rc<Sink>, Option<Origin>)>,
}

impl Checker {
    /// Follows untrusted data through all flows.
    pub(super) fn check_trust(&mut self) {
        let mut world = World::new(self);
        world.log = self.tell_trust.then(log::Log::default);
        world.flows();
        world.outside();
        let told = world.told();
        let steered = world.steered();
        let diagnostics = world.diagnostics();
        (self.trust_told, self.steered) = (told, steered);
        for diagnostic in diagnostics {
            self.report(diagnostic);
        }
    }
}

impl<'a> World<'a> {
    fn new(checker: &'a Checker) -> Self {
        let count = checker.program.flows.len();
        World {
            checker,
            marks: Marks::new(&checker.program.types),
            paths: Paths::default(),
            origins: Origins::default(),
            summaries: vec![Rc::default(); count],
            depends: vec![None; count],
            strict: checker.config.project.trust == Some(crate::project::Trust::Strict),
            findings: IndexMap::new(),
            log: None,
            forms: IndexMap::new(),
        }
    }

    /// Every flow, called ones first; flows that call each other until nothing changes.
    fn flows(&mut self) {
        let count = self.summaries.len();
        let calls =
            |flow: usize| self.checker.effects.get(flow).map(|effects| effects.calls.as_slice()).unwrap_or_default();
        let needed = self.below_validators(&calls);
        let order = components(count, &calls);
        for group in order {
            for _ in 0..ROUNDS {
                let mut changed = false;
                for flow in &group {
                    if needed.get(*flow).copied().unwrap_or_default() {
                        self.depend(*flow);
                    }
                    changed |= self.summarise(*flow);
                }
                if !changed
                    || group.len() == 1 && !calls(*group.first().unwrap_or(&0)).contains(group.first().unwrap_or(&0))
                {
                    break;
                }
            }
        }
    }

    /// Which flows validators lead to.
    fn below_validators(&self, calls: &dyn Fn(usize) -> &'a [usize]) -> Vec<bool> {
        let flows = &self.checker.program.flows;
        let mut needed = vec![false; flows.len()];
        let mut open: Vec<usize> =
            flows.iter().enumerate().filter(|(_, flow)| flow.role == Role::Validator).map(|(at, _)| at).collect();
        while let Some(flow) = open.pop() {
            if let Some(seen) = needed.get_mut(flow).filter(|seen| !**seen) {
                *seen = true;
                open.extend(calls(flow));
            }
        }
        needed
    }

    /// Looks at a flow. Says whether its summary is another than before.
    fn summarise(&mut self, flow: usize) -> bool {
        let Some(summary) = Walk::flow(self, flow, Mode::Trust).map(Walk::summary) else { return false };
        let Some(slot) = self.summaries.get_mut(flow) else { return false };
        let same = slot.result.same(&summary.result)
            && slot.sinks.len() == summary.sinks.len()
            && slot.forms.len() == summary.forms.len();
        *slot = Rc::new(summary);
        !same
    }

    fn depend(&mut self, flow: usize) {
        let Some(depends) = Walk::flow(self, flow, Mode::Depends).map(Walk::depends) else { return };
        if let Some(slot) = self.depends.get_mut(flow) {
            *slot = Some(Rc::new(depends));
        }
    }

    /// Untrusted data from `taint` at a place, if there is any.
    fn meet(&mut self, loc: Loc, taint: &Taint, finding: impl FnOnce(Origin) -> Finding, server: &str) -> bool {
        let Some(origin) = taint.blame(server) else { return false };
        self.findings.entry(loc).or_insert_with(|| finding(origin));
        true
    }

    /// A value that only its form endorsed at a place.
    fn meet_form(&mut self, form: &Form, sink: &Rc<Sink>) {
        if form.origin.is_some() && !sink.step {
            self.forms.entry(form.validator).or_insert_with(|| (sink.clone(), form.origin));
        }
    }
}

/// How often flows that call each other are looked at, at most.
const ROUNDS: usize = 6;

/// The flows in groups that call each other, called groups first.
fn components<'c>(count: usize, calls: &dyn Fn(usize) -> &'c [usize]) -> Vec<Vec<usize>> {
    let mut graph = petgraph::graph::DiGraph::<usize, ()>::with_capacity(count, count);
    let nodes: Vec<_> = (0..count).map(|flow| graph.add_node(flow)).collect();
    for (flow, node) in nodes.iter().enumerate() {
        for called in calls(flow).iter().filter_map(|called| nodes.get(*called)) {
            graph.add_edge(*node, *called, ());
        }
    }
    // Kosaraju's way needs no recursion: a chain of flows may be long.
    let groups = petgraph::algo::kosaraju_scc(&graph);
    groups
        .into_iter()
        .map(|group| group.into_iter().filter_map(|node| graph.node_weight(node).copied()).collect())
        .collect()
}
