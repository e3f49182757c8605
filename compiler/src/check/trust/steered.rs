//! What of a flow's parameters reaches a place that untrusted data must not steer. Inside a project callers are held to
//! that; whoever starts the flow with arguments from outside is held to it when the run starts.

use super::World;
use super::paths::{Paths, Step};
use ecow::{EcoString, eco_format};
use indexmap::IndexSet;
use std::fmt::Write;

impl World<'_> {
    /// For each flow a line for each part of a parameter and where it goes: `` `to` reaches `to` of `mail.send` ``.
    pub(super) fn steered(&self) -> Vec<Vec<EcoString>> {
        (0..self.summaries.len()).map(|flow| self.steered_in(flow)).collect()
    }

    fn steered_in(&self, flow: usize) -> Vec<EcoString> {
        let Some(decl) = self.checker.program.flows.get(flow) else { return Vec::new() };
        let name = |param: usize, steps: &[Step]| decl.params.get(param).map(|param| part(&param.name, steps));
        let mut lines: IndexSet<EcoString> = IndexSet::new();
        for (at, param) in decl.params.iter().enumerate() {
            for steps in self.marks.trusted(&param.ty, &self.checker.program.types) {
                lines.extend(name(at, &steps).map(|part| eco_format!("`{part}` is `trusted`")));
            }
        }
        let sinks = self.summaries.get(flow).into_iter().flat_map(|summary| &summary.sinks);
        for ((atom, _), sink) in sinks {
            let (param, steps) = self.paths.get(Paths::of_atom(*atom));
            lines.extend(name(param, steps).map(|part| eco_format!("`{part}` reaches {}", sink.what)));
        }
        lines.into_iter().collect()
    }
}

/// `order.lines[].account`
fn part(param: &str, steps: &[Step]) -> String {
    steps.iter().fold(param.to_owned(), |mut text, step| {
        let _ = match step {
            Step::Field(name) => write!(text, ".{name}"),
            Step::Elem | Step::Key => write!(text, "[]"),
        };
        text
    })
}
