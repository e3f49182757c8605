//! `weir check --trust`: where untrusted data comes from, where it must not go, and what makes it trusted.

use serde::Serialize;
use std::fmt::Write;
use weir_compiler::trust::{Endorsement, FlowTrust, SinkState, TrustPlace};
use weir_lang::span::Loc;

/// Trust in a flow, and how its places are written.
pub struct Told<'a> {
    /// What is told.
    pub flow: &'a FlowTrust,
    /// `file:line` of a place.
    pub at: &'a dyn Fn(Loc) -> String,
}

/// For a person.
pub fn human(flows: &[Told<'_>]) -> String {
    if flows.is_empty() {
        return "no untrusted data, and nothing that must be trusted\n".into();
    }
    flows.iter().map(flow).collect::<Vec<_>>().join("\n")
}

fn flow(told: &Told<'_>) -> String {
    let (flow, at) = (told.flow, told.at);
    let mut out = format!("{}  {}\n", flow.flow, at(flow.loc));
    for source in &flow.sources {
        let _ = writeln!(out, "  source       {}  {}", at(source.loc), source.text);
    }
    for sink in &flow.sinks {
        let state = match &sink.state {
            SinkState::Trusted => "trusted: nothing in it comes from outside".into(),
            SinkState::Endorsed(place) => {
                let by = flow.endorsements.get(*place);
                by.map(|one| format!("endorsed: {}", endorsed(one, at))).unwrap_or_default()
            }
            SinkState::Parameters(names) => format!("as trusted as {}, which callers are held to", quoted(names)),
            SinkState::Form(validator) => format!("let pass by `{validator}` for its form only"),
            SinkState::Untrusted(_) => "UNTRUSTED".into(),
        };
        let _ = writeln!(out, "  must be      {}  {}: {state}", at(sink.loc), sink.what);
        if let SinkState::Untrusted(way) = &sink.state {
            way_lines(&mut out, way, at);
        }
    }
    for one in &flow.endorsements {
        let _ = writeln!(out, "  endorsement  {}", endorsed(one, at));
        way_lines(&mut out, &one.way, at);
    }
    out
}

fn endorsed(one: &Endorsement, at: &dyn Fn(Loc) -> String) -> String {
    format!("{}  `{}`, since {}", at(one.loc), one.path, one.by)
}

fn way_lines(out: &mut String, way: &[TrustPlace], at: &dyn Fn(Loc) -> String) {
    for place in way {
        let _ = writeln!(out, "    from       {}  {}", at(place.loc), place.text);
    }
}

fn quoted<N: AsRef<str>>(names: &[N]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

#[derive(Serialize)]
struct Report {
    flows: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    flow: String,
    at: String,
    sources: Vec<Place>,
    sinks: Vec<Sink>,
    endorsements: Vec<Endorsed>,
}

#[derive(Serialize)]
struct Place {
    at: String,
    text: String,
}

#[derive(Serialize)]
struct Sink {
    at: String,
    what: String,
    state: &'static str,
    /// The way from the source of what is untrusted.
    way: Vec<Place>,
    /// Of an endorsed one, its place in `endorsements`.
    endorsement: Option<usize>,
    parameters: Vec<String>,
}

#[derive(Serialize)]
struct Endorsed {
    at: String,
    path: String,
    by: String,
    way: Vec<Place>,
}

/// One JSON object.
pub fn json(flows: &[Told<'_>]) -> String {
    serde_json::to_string(&Report { flows: flows.iter().map(entry).collect() }).unwrap_or_default()
}

fn entry(told: &Told<'_>) -> Entry {
    let (flow, at) = (told.flow, told.at);
    let place = |place: &TrustPlace| Place { at: at(place.loc), text: place.text.to_string() };
    let places = |all: &[TrustPlace]| all.iter().map(place).collect::<Vec<_>>();
    let sinks = flow.sinks.iter().map(|sink| {
        let (state, way, endorsement, parameters) = match &sink.state {
            SinkState::Trusted => ("trusted", Vec::new(), None, Vec::new()),
            SinkState::Endorsed(place) => ("endorsed", Vec::new(), Some(*place), Vec::new()),
            SinkState::Parameters(names) => {
                ("parameters", Vec::new(), None, names.iter().map(ToString::to_string).collect())
            }
            SinkState::Form(_) => ("form", Vec::new(), None, Vec::new()),
            SinkState::Untrusted(way) => ("untrusted", places(way), None, Vec::new()),
        };
        Sink { at: at(sink.loc), what: sink.what.to_string(), state, way, endorsement, parameters }
    });
    let endorsements = flow.endorsements.iter().map(|one| Endorsed {
        at: at(one.loc),
        path: one.path.to_string(),
        by: one.by.to_string(),
        way: places(&one.way),
    });
    Entry {
        flow: flow.flow.to_string(),
        at: at(flow.loc),
        sources: places(&flow.sources),
        sinks: sinks.collect(),
        endorsements: endorsements.collect(),
    }
}
