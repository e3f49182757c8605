//! Goes through the steps of a test, one after the other; every expectation is looked at, also behind one that failed.

use super::Setting;
use super::explain::{Scene, not_computed};
use super::notation::one_line;
use super::place::step_place;
use super::report::{CallEnd, CallTold, Failure, Reason, Remark, RunTold, TestReport};
use super::settle::{Sent, Stuck};
use super::stage::{Seen, Stage};
use super::world::{Answer, Crash, Missing, Mock, Outcome};
use crate::engine::EngineError;
use crate::machine::Status;
use crate::servers::Contracts;
use ecow::EcoString;
use std::collections::BTreeSet;
use std::sync::Arc;
use weir_compiler::plan::Plan;
use weir_compiler::test_plan::{MockPlan, OutcomeKind, Probe, RunPlan, TestAction, TestPlan, TestSuite};
use weir_lang::diagnostic::Label;
use weir_lang::span::Loc;
use weir_stdlib::eval::{Env, Program};
use weir_stdlib::narrow::narrow;
use weir_stdlib::pure::Pure;
use weir_stdlib::value::Value;

/// Codes that may pass by themselves.
const TRANSIENT: [&str; 3] = ["timeout", "rate_limited", "unavailable"];

/// Calls without a mock that are told of one test.
const MISSING: usize = 20;

/// A test under way.
pub(super) struct TestRun<'a> {
    suite: &'a TestSuite,
    test: &'a TestPlan,
    stage: Stage,
    slots: Slots,
    /// The runs that the test has started.
    runs: Vec<(EcoString, &'a RunPlan)>,
    failures: Vec<Failure>,
    remarks: Vec<Remark>,
    expects: bool,
}

/// The values of a test's names.
struct Slots(Vec<Value>);

impl Env for Slots {
    fn slot(&self, _up: u16, at: u16) -> Option<&Value> {
        self.0.get(usize::from(at))
    }
}

/// The test cannot go on; why is among its failures.
struct Over;

impl<'a> TestRun<'a> {
    pub fn new(suite: &'a TestSuite, test: &'a TestPlan, setting: &Setting) -> Self {
        let plans: Vec<Arc<Plan>> = test.steps.iter().filter_map(plan_of).collect();
        TestRun {
            suite,
            test,
            stage: Stage::new(&plans, setting),
            slots: Slots(vec![Value::NULL; usize::from(test.slots)]),
            runs: Vec::new(),
            failures: Vec::new(),
            remarks: Vec::new(),
            expects: false,
        }
    }

    pub fn carry_out(mut self) -> TestReport {
        let over = self.test.steps.iter().try_for_each(|step| self.step(step)).is_err();
        let seen = self.stage.look().unwrap_or_default();
        if !over {
            self.conclude(&seen);
        }
        let runs = seen.iter().map(|one| self.told(one)).collect();
        let mut state = self.stage.world.state();
        self.failures.append(&mut state.failures);
        let (calls, virtual_ms) = (std::mem::take(&mut state.calls), state.now_ms());
        let (name, module, loc) = (self.test.name.clone(), self.test.module.clone(), self.test.loc);
        drop(state);
        TestReport { name, module, loc, failures: self.failures, remarks: self.remarks, runs, calls, virtual_ms }
    }

    fn step(&mut self, step: &'a TestAction) -> Result<(), Over> {
        self.probe();
        match step {
            TestAction::Mock(mock) => self.mock(mock),
            TestAction::Run(run) => self.run(run),
            TestAction::Bind { slot, value, loc } => {
                let value = self.value(value, *loc)?;
                self.set(*slot, value);
                Ok(())
            }
            TestAction::Now { slot } => {
                let clock = super::world::TestClock(Arc::clone(&self.stage.world));
                let now = crate::engine::Clock::now(&clock);
                self.set(*slot, Value::new(weir_stdlib::value::Data::Time(now)));
                Ok(())
            }
            TestAction::Expect(claim) => {
                self.expects = true;
                let refuted = self.scene().refute(claim);
                self.failures.extend(refuted);
                Ok(())
            }
            TestAction::Answer { question, value, loc } => {
                let (question, value) = (self.value(question, *loc)?.display_text(), self.value(value, *loc)?);
                self.stage.world.state().answers.push(Answer { question, value, used: 0, loc: *loc });
                self.go_on(*loc)
            }
            TestAction::Signal { event, key, value, loc } => {
                let event = self.value(event, *loc)?.display_text().into();
                let key = match key {
                    Some(key) => Some(self.value(key, *loc)?.display_text().into()),
                    None => None,
                };
                let value = self.value(value, *loc)?;
                self.stage.signals.sent.push(Sent { event, key, value });
                self.go_on(*loc)
            }
            TestAction::Crash { tool, loc } => {
                self.stage.world.state().crashes.push(Crash { tool: tool.clone(), loc: *loc, hit: false });
                Ok(())
            }
        }
    }

    fn set(&mut self, slot: u16, value: Value) {
        if let Some(place) = self.slots.0.get_mut(usize::from(slot)) {
            *place = value;
        }
    }

    /// Fills the slots that tell of the calls so far.
    fn probe(&mut self) {
        let filled: Vec<(u16, Value)> = {
            let state = self.stage.world.state();
            let probes = self.test.probes.iter();
            probes.map(|(slot, probe)| (*slot, probed(probe, &state.calls))).collect()
        };
        filled.into_iter().for_each(|(slot, value)| self.set(slot, value));
    }

    fn scene(&self) -> Scene<'_> {
        let program = Program { functions: &self.suite.functions, types: &self.suite.types };
        Scene { env: &self.slots, program }
    }

    fn value(&mut self, pure: &Pure, loc: Loc) -> Result<Value, Over> {
        self.scene().value(pure).map_err(|raise| self.fail(not_computed(loc, &raise)))
    }

    fn fail(&mut self, failure: Failure) -> Over {
        self.failures.push(failure);
        Over
    }

    /// Sets a mock up, and holds what it answers against the tool.
    fn mock(&mut self, mock: &MockPlan) -> Result<(), Over> {
        let mut outcomes = Vec::new();
        for outcome in &mock.outcomes {
            outcomes.push(match &outcome.kind {
                OutcomeKind::Value(value) => {
                    let value = self.value(value, outcome.loc)?;
                    let value = self.answered(&mock.tool, value);
                    self.hold(&mock.tool, &value, outcome.loc)?;
                    Outcome::Value(value)
                }
                OutcomeKind::Fail { code, message } => {
                    let said = match message {
                        Some(message) => self.value(message, outcome.loc)?.display_text(),
                        None => format!("the mock of `{}` says so", mock.tool),
                    };
                    Outcome::Fail(code.clone(), said)
                }
            });
        }
        let mut given = Vec::new();
        for (name, value) in &mock.given {
            given.push((name.clone(), self.value(value, mock.loc)?));
        }
        // Of mocks for the same arguments the last one counts.
        self.stage.world.state().mocks.push(Mock { tool: mock.tool.clone(), given, outcomes, used: 0 });
        Ok(())
    }

    /// `{}` of a tool that gives nothing is nothing.
    fn answered(&self, name: &EcoString, value: Value) -> Value {
        let nothing =
            self.suite.tools.get(name).is_some_and(|tool| matches!(tool.output.ty, weir_lang::types::Type::Null));
        let empty = value.as_record().is_some_and(|record| record.fields.is_empty());
        if nothing && empty { Value::NULL } else { value }
    }

    /// A mock answers only what its tool could.
    fn hold(&mut self, name: &EcoString, value: &Value, loc: Loc) -> Result<(), Over> {
        let Some(tool) = self.suite.tools.get(name) else { return Ok(()) };
        let typed = narrow(value, &tool.output, &self.suite.types)
            .map_err(|misfit| format!("`{name}` cannot answer this: {misfit}"));
        let held = typed.and_then(|_| match &tool.definition {
            Some(definition) => {
                let contract = Contracts::default().of(name, definition).map_err(|fault| fault.message)?;
                contract.check_result(name, value)
            }
            None => Ok(()),
        });
        let Err(why) = held else { return Ok(()) };
        let help = "to see what a flow makes of a tool that breaks its word, write `fail bad_response`";
        Err(self.fail(plain(Reason::MockMisfit, loc, why, Some(help.into()))))
    }

    fn run(&mut self, run: &'a RunPlan) -> Result<(), Over> {
        let args = self.value(&run.args, run.loc)?;
        let wrong = crate::engine::check_args(&run.plan, &args);
        if !wrong.is_empty() {
            return Err(self.fail(plain(Reason::Refused, run.loc, wrong.join("; "), None)));
        }
        let run_id = self.stage.next_id();
        self.runs.push((run_id.clone(), run));
        let started = self.stage.start(&run_id, &run.plan, args);
        self.carried_on(run.loc, started)
    }

    /// Runs that wait go on, now that they may have been told something.
    fn go_on(&mut self, loc: Loc) -> Result<(), Over> {
        if self.runs.is_empty() {
            return Ok(());
        }
        let went_on = self.stage.go_on();
        self.carried_on(loc, went_on)
    }

    /// A mock that is missing counts before what came of the answer that was made up.
    fn carried_on(&mut self, loc: Loc, done: Result<(), Stuck>) -> Result<(), Over> {
        if let Err(stuck) = done {
            let seen = self.stage.look().unwrap_or_default();
            self.missing(&seen)?;
            return Err(self.stuck(loc, stuck));
        }
        self.refresh(loc)
    }

    /// The names of runs hold how the runs are now.
    fn refresh(&mut self, loc: Loc) -> Result<(), Over> {
        let seen = self.stage.look().map_err(|stuck| self.stuck(loc, stuck))?;
        self.missing(&seen)?;
        let runs = self.runs.iter().filter_map(|(run_id, run)| {
            let one = seen.iter().find(|one| one.run_id == *run_id)?;
            Some((run.slot, run_value(one)))
        });
        let runs: Vec<(u16, Value)> = runs.collect();
        runs.into_iter().for_each(|(slot, value)| self.set(slot, value));
        let failed = !self.stage.world.state().failures.is_empty();
        if failed { Err(Over) } else { Ok(()) }
    }

    fn stuck(&mut self, loc: Loc, stuck: Stuck) -> Over {
        let (reason, message) = match stuck {
            Stuck::Endless(why) => (Reason::Endless, why),
            Stuck::Engine(EngineError::Refused(lines)) => (Reason::Refused, lines.join("; ")),
            Stuck::Engine(error) => (Reason::Broken, error.to_string()),
        };
        let help = (reason == Reason::Endless).then(|| {
            "give the loop an end: `within` for `until`, a number for `retry`, another answer of a mock".into()
        });
        self.fail(plain(reason, loc, message, help))
    }

    /// Calls that have no mock end the test: what follows from an answer that was made up says nothing.
    fn missing(&mut self, seen: &[Seen]) -> Result<(), Over> {
        let missing = std::mem::take(&mut self.stage.world.state().missing);
        if missing.is_empty() {
            return Ok(());
        }
        let mut told = BTreeSet::new();
        for one in missing {
            let which = if one.others { format!("{} {}", one.tool, one_line(&one.args)) } else { one.tool.to_string() };
            if told.len() < MISSING && told.insert(which) {
                let place = self.place(seen, &one.run_id, &one.step);
                self.failures.push(self.lacks(&one, place));
            }
        }
        Err(Over)
    }

    fn lacks(&self, one: &Missing, place: Option<Loc>) -> Failure {
        let tool = &one.tool;
        let message = match one.others {
            true => format!("`{tool}` was called with {}, and its mocks are for other arguments", one_line(&one.args)),
            false => format!("`{tool}` was called and has no mock"),
        };
        let mut failure = plain(Reason::MissingMock, place.unwrap_or(self.test.loc), message, None);
        failure.write = Some(one.line.clone());
        failure
    }

    /// Where a step of a run stands.
    fn place(&self, seen: &[Seen], run_id: &str, step: &str) -> Option<Loc> {
        let named = self.runs.iter().find(|(known, _)| known == run_id).map(|(_, run)| &run.plan);
        if let Some(plan) = named {
            return step_place(plan, step);
        }
        // A run that another one started has the plan of one of the test's runs, with another entry.
        let flow = &seen.iter().find(|one| one.run_id == run_id)?.envelope.metadata.flow;
        let steps = self.test.steps.iter().filter_map(plan_of);
        let plan = steps.into_iter().find_map(|plan| {
            let entry = plan.flows.iter().position(|known| known.name == *flow)?;
            Some(Plan { entry: u32::try_from(entry).ok()?, ..(*plan).clone() })
        })?;
        step_place(&plan, step)
    }

    /// What can only be said at the end.
    fn conclude(&mut self, seen: &[Seen]) {
        let state = self.stage.world.state();
        let missed: Vec<_> =
            state.crashes.iter().filter(|crash| !crash.hit).map(|one| (one.loc, one.tool.clone())).collect();
        let unasked: Vec<_> =
            state.answers.iter().filter(|one| one.used == 0).map(|one| (one.loc, one.question.clone())).collect();
        let open: Vec<String> = state.open.iter().map(|(_, text)| text.clone()).collect();
        drop(state);
        for (loc, tool) in missed {
            let message = format!("the engine was not killed: `{tool}` was never called");
            self.failures.push(plain(Reason::NotReached, loc, message, None));
        }
        for (loc, question) in unasked {
            let asked = open
                .last()
                .map_or_else(String::new, |text| format!("; what was asked is {}", super::notation::quoted(text)));
            let text = format!("nobody asked {}{asked}", super::notation::quoted(&question));
            self.remarks.push(Remark { loc, text });
        }
        if !self.expects {
            self.all_succeeded(seen);
        }
    }

    /// A test that expects nothing expects that its runs succeed.
    fn all_succeeded(&mut self, seen: &[Seen]) {
        for (run_id, run) in &self.runs {
            let Some(one) = seen.iter().find(|one| one.run_id == *run_id) else { continue };
            let metadata = &one.envelope.metadata;
            if metadata.status != Status::Succeeded {
                let message = format!("expected that `{}` succeeds, found `{}`", run.name, metadata.status.word());
                let help = format!(
                    "write `expect {}.status == \"{}\"` if this is as it should be",
                    run.name,
                    metadata.status.word()
                );
                self.failures.push(plain(Reason::Unsuccessful, run.loc, message, Some(help)));
            }
        }
    }

    fn told(&self, seen: &Seen) -> RunTold {
        let metadata = &seen.envelope.metadata;
        let name = self.runs.iter().find(|(run_id, _)| *run_id == seen.run_id).map(|(_, run)| run.name.clone());
        let failed = metadata.error.as_ref().map(|error| error.step.clone());
        RunTold {
            name,
            flow: metadata.flow.clone(),
            status: metadata.status.word(),
            reason: metadata.reason.clone(),
            place: failed.and_then(|step| self.place(std::slice::from_ref(seen), &seen.run_id, &step)),
            error: metadata.error.clone(),
            waiting: metadata.waiting.clone(),
            not_undone: metadata.not_undone.clone(),
            value: seen.value.clone(),
        }
    }
}

fn plan_of(step: &TestAction) -> Option<Arc<Plan>> {
    match step {
        TestAction::Run(run) => Some(Arc::clone(&run.plan)),
        _ => None,
    }
}

fn plain(reason: Reason, loc: Loc, message: String, help: Option<String>) -> Failure {
    let labels = vec![Label { loc, text: String::new() }];
    Failure { reason, message, labels, help, write: None, expected: None, actual: None, diff: Vec::new() }
}

/// `calls(tool)`: the arguments of each call, however often it was tried; `attempts(tool)`: how often it was tried.
fn probed(probe: &Probe, calls: &[CallTold]) -> Value {
    match probe {
        Probe::Attempts(tool) => {
            let count = calls.iter().filter(|call| call.tool == *tool).count();
            Value::int(i64::try_from(count).unwrap_or(i64::MAX))
        }
        Probe::Calls(tool) => {
            let mut seen = BTreeSet::new();
            let first = calls.iter().filter(|call| call.tool == *tool && seen.insert((&call.run_id, &call.step)));
            Value::list(first.map(|call| call.args.clone()).collect::<Vec<_>>())
        }
    }
}

/// A run as its name in the test holds it.
fn run_value(seen: &Seen) -> Value {
    let metadata = &seen.envelope.metadata;
    let text = |text: &str| Value::text(text);
    let count = |count: u64| Value::int(i64::try_from(count).unwrap_or(i64::MAX));
    let error = metadata.error.as_ref().map_or(Value::NULL, |error| {
        Value::record([
            ("code", text(&error.code)),
            ("message", text(&error.message)),
            ("transient", Value::bool(TRANSIENT.contains(&error.code.as_str()))),
        ])
    });
    Value::record([
        ("status", text(metadata.status.word())),
        ("partial", Value::bool(metadata.partial)),
        ("blocked", Value::bool(metadata.blocked)),
        ("reason", metadata.reason.as_deref().map_or(Value::NULL, text)),
        ("value", seen.value.clone().unwrap_or(Value::NULL)),
        ("error", error),
        ("steps", count(metadata.steps)),
        ("attempts", count(metadata.attempts)),
        ("envelope", Value::from_json(&seen.envelope.to_json()).unwrap_or(Value::NULL)),
    ])
}

impl CallTold {
    /// A line: tool, arguments, what came of it.
    pub fn line(&self) -> String {
        let end = match &self.end {
            CallEnd::Answered(value) => one_line(value),
            CallEnd::Failed(code, message) => format!("fail {code} {}", super::notation::quoted(message)),
            CallEnd::Unmocked => "no mock".into(),
        };
        format!("{} {} => {end}", super::notation::tool_text(&self.tool), one_line(&self.args))
    }
}
