//! What a run leaves in the audit: calls with their outcomes, what was refused, and what people decided.

use super::local::LocalEngine;
use super::queue::When;
use super::run::{InFlight, RunLoop};
use crate::audit::{Entry, What, outcome};
use crate::machine::{CallEffect, Event, Key, Refusal, Started};
use crate::tool::{Fault, Outcome};
use ecow::EcoString;
use weir_compiler::plan::Plan;
use weir_stdlib::narrow::Boundary;
use weir_stdlib::value::Value;

impl RunLoop {
    fn entry(&self, what: What) -> Entry {
        Entry::new(self.engine.inner.clock.now(), what, &self.run_id)
    }

    /// The run begins; with what was refused at once.
    pub(super) fn begun(&mut self, parent: Option<EcoString>) -> Vec<String> {
        self.begun_with(parent.or_else(|| self.engine.whom()), String::new())
    }

    /// The run begins where another one failed.
    pub(super) fn begun_anew(&mut self, old: &str) -> Vec<String> {
        self.begun_with(self.engine.whom(), format!("retry of run {old}"))
    }

    fn begun_with(&mut self, by: Option<EcoString>, reason: String) -> Vec<String> {
        let record = self.machine.record();
        let mut entry = self.entry(What::RunStarted).because(reason).by(by);
        entry.flow = record.flow.clone();
        entry.grants.clone_from(&record.grants);
        let mut lines = vec![entry.line()];
        lines.append(&mut self.first_refusals);
        lines
    }

    /// A call is about to be made.
    pub(super) fn attempted(&self, call: &CallEffect, instance: &EcoString) -> String {
        let entry =
            self.entry(What::CallAttempted).at_step(&call.key).of_tool(&call.tool).with_value(&call.args).at(instance);
        if call.reads { entry.line() } else { entry.with_hash(&call.args.hash()).line() }
    }

    /// What came of it.
    pub(super) fn came_of(
        &self,
        call: &InFlight,
        key: &Key,
        came: &Result<Outcome, Fault>,
        recorded: bool,
    ) -> Option<String> {
        if call.tool.is_empty() {
            return None;
        }
        let what = outcome(came, call.reads, call.repeatable, recorded)?;
        let entry = self.entry(what).at_step(key).of_tool(&call.tool).at(&call.instance);
        Some(match came {
            Ok(_) => entry.line(),
            Err(fault) => entry.with_fault(fault).line(),
        })
    }

    /// A call that was under way when the process died.
    pub(super) fn found_unknown(&self, call: &CallEffect, event: &Event) -> Option<String> {
        let Event::Failed { fault, .. } = event else { return None };
        Some(self.entry(What::CallUnknown).at_step(&call.key).of_tool(&call.tool).with_fault(fault).line())
    }

    /// What the machine did not allow.
    pub(super) fn refusals(&self, refused: Vec<Refusal>) -> Vec<String> {
        let line = |refusal: Refusal| {
            let what = if refusal.key.step.is_empty() { What::RunRefused } else { What::CallRefused };
            let mut entry = self.entry(what).at_step(&refusal.key).because(refusal.reason);
            entry.code = refusal.code;
            match what {
                What::RunRefused => entry.flow = refusal.what,
                _ => entry.tool = refusal.what,
            }
            entry.line()
        };
        refused.into_iter().map(line).collect()
    }

    /// What a person, or somebody outside, said.
    pub(super) fn decision(&self, event: &Event, by: Option<EcoString>) -> Option<String> {
        let entry = match event {
            Event::Answered { key, value, .. } => {
                let (question, value) = self.asked(key, value);
                self.entry(What::Answered).at_step(key).with_value(&value).with_hash(&value.hash()).because(question)
            }
            Event::Decided { key, decision, .. } => {
                let entry = self.entry(What::Decided).at_step(key).because(decision.words());
                match decision.value() {
                    Some(value) => entry.with_hash(&value.hash()),
                    None => entry,
                }
            }
            Event::Received { event, key, value, .. } => {
                let key = key.as_ref().map_or_else(String::new, |key| format!(" key {key}"));
                self.entry(What::Received).because(format!("{event}{key}")).with_hash(&value.hash())
            }
            Event::Cancelled { reason, .. } => self.entry(What::RunCancelled).because(reason.as_str()),
            Event::Paused { .. } => self.entry(What::RunPaused),
            Event::Resumed { .. } => self.entry(What::RunResumed),
            _ => return None,
        };
        Some(entry.by(by).line())
    }

    /// The question that is answered, and the answer with the labels of its type, so that secrets in it are masked.
    fn asked(&self, key: &Key, value: &Value) -> (String, Value) {
        let open = self.machine.owed().find_map(|effect| match effect {
            crate::machine::Effect::Ask(ask) if ask.key == *key => Some(ask),
            _ => None,
        });
        let Some(ask) = open else { return (String::new(), value.clone()) };
        let narrowed = weir_stdlib::narrow(value, &Boundary::new(ask.ty.clone()), &self.plan.types);
        (ask.question.mask().display_text(), narrowed.unwrap_or_else(|_| value.clone()))
    }
}

impl LocalEngine {
    /// A run is put into the queue.
    pub(super) fn put_down(
        &self,
        flow: &EcoString,
        started: &Started,
        parent: Option<&EcoString>,
        when: &When,
    ) -> String {
        let by = parent.map(|parent| format!("run {parent}").into()).or_else(|| self.whom());
        let mut entry = Entry::new(self.inner.clock.now(), What::RunQueued, &started.run_id);
        entry.flow = flow.clone();
        entry.grants.clone_from(&started.grants);
        entry.because(when.source.as_str()).by(by).line()
    }

    /// A run that is not even created.
    pub(super) fn refused(&self, plan: &Plan, lines: &[String]) {
        let mut entry = Entry::new(self.inner.clock.now(), What::RunRefused, &EcoString::new());
        entry.flow = plan.entry_flow().map(|flow| flow.name.clone()).unwrap_or_default();
        let line = entry.because(lines.join("\n")).by(self.whom()).line();
        // Not waited for: nothing follows that would have to be stopped.
        drop(self.inner.journal.audit(vec![line]));
    }
}
