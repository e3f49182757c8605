//! What `weir check --trust` tells: sources, places that must be trusted, endorsements, with the way between them.

use super::World;
use super::taint::{Origin, Taint};
use ecow::EcoString;
use indexmap::{IndexMap, IndexSet};
use weir_lang::span::Loc;

/// Trust in one flow.
#[derive(Clone, Debug)]
pub struct FlowTrust {
    /// Full name.
    pub flow: EcoString,
    /// Where its name stands.
    pub loc: Loc,
    /// Where untrusted data comes in.
    pub sources: Vec<TrustPlace>,
    /// Arguments that untrusted data must not steer.
    pub sinks: Vec<TrustSink>,
    /// What makes values trusted.
    pub endorsements: Vec<Endorsement>,
}

/// A place with a word about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPlace {
    /// Where.
    pub loc: Loc,
    /// What happens there.
    pub text: EcoString,
}

/// A trusted parameter that a call fills.
#[derive(Clone, Debug)]
pub struct TrustSink {
    /// Where the argument stands.
    pub loc: Loc,
    /// `` `to` of `mail.send` ``
    pub what: EcoString,
    /// What is known of the argument.
    pub state: SinkState,
}

/// What is known of a value at a place that must be trusted.
#[derive(Clone, Debug)]
pub enum SinkState {
    /// Nothing in it comes from outside.
    Trusted,
    /// It came from outside, and was endorsed: by the endorsement at this place of the flow's list.
    Endorsed(usize),
    /// It is as trusted as these parameters of the flow; callers are held to that.
    Parameters(Vec<EcoString>),
    /// A validator let it pass for its form only.
    Form(EcoString),
    /// It is untrusted: the way from its source.
    Untrusted(Vec<TrustPlace>),
}

/// A value that was made trusted.
#[derive(Clone, Debug)]
pub struct Endorsement {
    /// The `require`, `check` or condition.
    pub loc: Loc,
    /// What became trusted.
    pub path: EcoString,
    /// By what.
    pub by: EcoString,
    /// From its source to here; empty for a parameter.
    pub way: Vec<TrustPlace>,
}

/// What walks write down, by flow. A flow may be walked several times.
#[derive(Debug, Default)]
pub(super) struct Log {
    sources: IndexSet<(usize, Loc, EcoString)>,
    sinks: IndexMap<(usize, Loc, EcoString), Noted>,
    endorsements: IndexMap<(usize, Loc, EcoString), (EcoString, Option<Origin>)>,
}

/// An argument at a trusted parameter.
#[derive(Debug)]
struct Noted {
    taint: Taint,
    server: EcoString,
    path: Option<EcoString>,
}

impl Log {
    pub fn source(&mut self, flow: usize, loc: Loc, text: &EcoString) {
        self.sources.insert((flow, loc, text.clone()));
    }

    pub fn sink(
        &mut self,
        flow: usize,
        loc: Loc,
        what: EcoString,
        taint: Taint,
        server: &str,
        path: Option<EcoString>,
    ) {
        self.sinks.insert((flow, loc, what), Noted { taint, server: server.into(), path });
    }

    pub fn endorsement(&mut self, flow: usize, loc: Loc, path: EcoString, by: EcoString, before: Option<Origin>) {
        self.endorsements.insert((flow, loc, path), (by, before));
    }
}

impl World<'_> {
    /// What was written down, by flow, in the order of the files. Flows without any of it are left out.
    pub fn told(&self) -> Vec<FlowTrust> {
        let Some(log) = &self.log else { return Vec::new() };
        let program = &self.checker.program;
        let flows = program.flows.iter().enumerate().filter_map(|(at, decl)| {
            let tree = program.flow_ast(at)?;
            let loc = program.loc(decl.at.module, tree.name.span);
            Some(self.flow_told(log, at, decl.name.clone(), loc))
        });
        let something =
            |flow: &FlowTrust| !(flow.sources.is_empty() && flow.sinks.is_empty() && flow.endorsements.is_empty());
        let mut out: Vec<FlowTrust> = flows.filter(something).collect();
        out.sort_by_key(|flow| flow.loc);
        out
    }

    fn flow_told(&self, log: &Log, flow: usize, name: EcoString, loc: Loc) -> FlowTrust {
        let sources = log.sources.iter().filter(|(at, ..)| *at == flow);
        let mut sources: Vec<TrustPlace> =
            sources.map(|(_, loc, text)| TrustPlace { loc: *loc, text: text.clone() }).collect();
        sources.sort_by_key(|place| place.loc);
        let endorsements = log.endorsements.iter().filter(|((at, ..), _)| *at == flow);
        let mut endorsements: Vec<Endorsement> = endorsements
            .map(|((_, loc, path), (by, before))| Endorsement {
                loc: *loc,
                path: path.clone(),
                by: by.clone(),
                way: self.way_of(*before),
            })
            .collect();
        endorsements.sort_by_key(|one| one.loc);
        let sinks = log.sinks.iter().filter(|((at, ..), _)| *at == flow);
        let mut sinks: Vec<TrustSink> = sinks
            .map(|((_, loc, what), noted)| TrustSink {
                loc: *loc,
                what: what.clone(),
                state: self.state(noted, *loc, &endorsements, flow),
            })
            .collect();
        sinks.sort_by_key(|sink| sink.loc);
        FlowTrust { flow: name, loc, sources, sinks, endorsements }
    }

    fn way_of(&self, origin: Option<Origin>) -> Vec<TrustPlace> {
        let way = origin.map(|origin| self.origins.whole_way(origin)).unwrap_or_default();
        way.into_iter().map(|place| TrustPlace { loc: place.loc, text: place.text.clone() }).collect()
    }

    fn state(&self, noted: &Noted, loc: Loc, endorsements: &[Endorsement], flow: usize) -> SinkState {
        if let Some(origin) = noted.taint.blame(&noted.server) {
            return SinkState::Untrusted(self.way_of(Some(origin)));
        }
        if let Some(form) = &noted.taint.form {
            let name = self.checker.program.flows.get(form.validator).map(|decl| decl.name.clone());
            return SinkState::Form(name.unwrap_or_default());
        }
        let endorsed = noted.path.as_ref().and_then(|path| {
            let covers = |one: &Endorsement| {
                let rest = path.strip_prefix(one.path.as_str());
                one.loc < loc && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            endorsements.iter().rposition(covers)
        });
        if let Some(place) = endorsed {
            return SinkState::Endorsed(place);
        }
        let params = self.checker.program.flows.get(flow).map(|decl| decl.params.as_slice()).unwrap_or_default();
        let mut names: Vec<EcoString> = Vec::new();
        for atom in &noted.taint.atoms {
            let (param, _) = self.paths.get(super::Paths::of_atom(*atom));
            let name = params.get(param).map(|param| param.name.clone()).unwrap_or_default();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() { SinkState::Trusted } else { SinkState::Parameters(names) }
    }
}
