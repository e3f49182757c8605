//! Reads between two barriers run side by side, so that another of them may fail first than the one in front. What a
//! failed step's neighbours would have come to is found by doing them too.

use super::{Frame, Reference, Stop};
use weir_lang::ast::*;

/// What nothing starts after before it is through.
const BARRIERS: [&str; 6] = ["require", "check", "return", "fail", "block", "merge"];
const WAITS: [&str; 4] = ["wait", "ask", "receive", "start"];

pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|sign: char| !(sign.is_alphanumeric() || sign == '_' || sign == '.'))
}

fn bound(step: &Step) -> Option<&str> {
    match &step.kind {
        StepKind::Bind { name, .. } => Some(&name.name),
        _ => None,
    }
}

impl<'a> Reference<'a> {
    /// Whether a text has an effect, or waits; inside a flow that is called only that makes a barrier.
    fn stands_between(&self, text: &str, called: bool) -> bool {
        words(text).any(|word| {
            WAITS.contains(&word)
                || (!called && BARRIERS.contains(&word))
                || self.tools.get(word).is_some_and(|tool| !tool.path.text().starts_with("src."))
                || self.flows.get(word).is_some_and(|flow| self.stands_between(flow.body.span.text(self.text), true))
        })
    }

    pub(super) fn is_barrier(&self, step: &Step) -> bool {
        self.stands_between(step.span.text(self.text), false)
    }

    pub(super) fn look_beside(
        &mut self,
        frame: &mut Frame<'a>,
        failed: &'a Step,
        rest: &'a [Step],
    ) -> Result<(), Stop> {
        let (names, text) = (frame.names.len(), self.text);
        let mut missing: Vec<&str> = bound(failed).into_iter().collect();
        let mut before = failed;
        for step in rest {
            if self.is_barrier(before) || self.is_barrier(step) {
                break;
            }
            before = step;
            let waits =
                words(step.span.text(text)).any(|word| missing.contains(&word.split('.').next().unwrap_or(word)));
            let ended = if waits { Err(Stop::Attention) } else { self.step(frame, step, &mut Vec::new()) };
            match ended {
                Ok(_) => {}
                Err(Stop::Wrong(what)) => return Err(Stop::Wrong(what)),
                Err(stop) => {
                    if let Stop::Fail(code) = stop {
                        self.beside.push(code);
                    }
                    missing.extend(bound(step));
                }
            }
        }
        frame.names.truncate(names);
        Ok(())
    }
}
