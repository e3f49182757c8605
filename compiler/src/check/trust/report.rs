//! What was found, as diagnostics.

use super::{Finding, World};
use crate::check::errors;
use weir_lang::diagnostic::Diagnostic;
use weir_lang::span::Loc;

impl World<'_> {
    pub fn diagnostics(self) -> Vec<Diagnostic> {
        let mut out: Vec<Diagnostic> =
            self.findings.iter().map(|(loc, finding)| self.untrusted(*loc, finding)).collect();
        for (validator, (sink, origin)) in &self.forms {
            let decl = self.checker.program.flows.get(*validator);
            let depends = self.depends.get(*validator).and_then(Option::as_ref);
            let (Some(decl), Some(loc)) = (decl, depends.and_then(|depends| depends.condition)) else { continue };
            let source = origin.and_then(|origin| self.origins.way(origin).into_iter().next());
            let source = source.map(|place| (place.loc, place.text.to_string()));
            out.push(errors::endorses_by_form(loc, &decl.name, &sink.what, sink.loc, source));
        }
        out
    }

    fn untrusted(&self, loc: Loc, finding: &Finding) -> Diagnostic {
        let sink = &finding.sink;
        let mut diagnostic = match sink.step {
            true => errors::untrusted_choice(loc, &sink.what),
            false => errors::untrusted_to_trusted(loc, &sink.what, finding.path.as_deref()),
        };
        let way = self.origins.way(finding.origin);
        for place in way.iter().filter(|place| place.loc != loc) {
            diagnostic = diagnostic.label(place.loc, place.text.as_str());
        }
        if let Some(place) = way.iter().find(|place| place.loc == loc) {
            diagnostic = diagnostic.here(place.text.as_str());
        }
        if let Some((at, note)) = &finding.note {
            diagnostic = diagnostic.label(*at, note.as_str());
        }
        for at in sink.via.iter().skip(1).take(2).filter(|at| **at != loc) {
            diagnostic = diagnostic.label(*at, "it is passed on here");
        }
        if sink.loc != loc {
            let text =
                if sink.step { "it decides this step".to_string() } else { format!("and becomes {} here", sink.what) };
            diagnostic = diagnostic.label(sink.loc, text);
        }
        diagnostic
    }
}
