//! The world of a test: tools that answer as their mocks say, people who answer as the test says, and a record of it all.

use super::notation::quoted;
use super::report::{CallEnd, CallTold, Failure, Reason};
use super::sample::{mock_line, sample};
use super::{MOST_CALLS, Setting};
use crate::engine::{Answerer, Clock, Question};
use crate::tool::{Call, Fault, Tool};
use async_trait::async_trait;
use ecow::EcoString;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::time::Instant;
use weir_compiler::plan::{Plan, ToolPlan};
use weir_lang::diagnostic::Label;
use weir_lang::span::Loc;
use weir_stdlib::value::{Value, equals};

/// Turns that a call takes, itself and for each one that is under way: no time passes, but results come one by one, in
/// the order of the calls.
const TURNS: usize = 4;

/// Calls for which a call waits.
const BESIDE: usize = 8;

/// Answers of an unfit kind that a question gets before it is left open.
const ANSWERS: usize = 1;

/// A mock that was set up.
pub(super) struct Mock {
    pub tool: EcoString,
    pub given: Vec<(EcoString, Value)>,
    pub outcomes: Vec<Outcome>,
    pub used: usize,
}

/// What a mock answers.
#[derive(Clone)]
pub(super) enum Outcome {
    Value(Value),
    Fail(EcoString, String),
}

/// An answer that was set up.
pub(super) struct Answer {
    pub question: String,
    pub value: Value,
    pub used: usize,
    pub loc: Loc,
}

/// `crash after tool`
pub(super) struct Crash {
    pub tool: EcoString,
    pub loc: Loc,
    pub hit: bool,
}

/// A call that has no mock.
pub(super) struct Missing {
    pub tool: EcoString,
    pub args: Value,
    pub run_id: EcoString,
    pub step: EcoString,
    /// The mock to write.
    pub line: String,
    /// It has mocks, for other arguments.
    pub others: bool,
}

/// Why nothing more happens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The engine was killed.
    Killed,
    /// Too many calls.
    Endless,
}

#[derive(Default)]
pub(super) struct State {
    pub mocks: Vec<Mock>,
    pub answers: Vec<Answer>,
    pub crashes: Vec<Crash>,
    pub calls: Vec<CallTold>,
    pub missing: Vec<Missing>,
    pub failures: Vec<Failure>,
    /// Questions that nobody answered.
    pub open: Vec<(EcoString, String)>,
    /// The result behind which the engine is killed: run, step, attempt.
    cut: Option<(EcoString, EcoString, u32)>,
    stop: Option<Stop>,
    /// Calls that have not been answered.
    in_flight: usize,
    /// Milliseconds since the test began, when the clock was last set going.
    base: i64,
    began: Option<Instant>,
}

/// Everything around the runs of a test.
pub(super) struct World {
    state: Mutex<State>,
    stopped: Notify,
    tools: IndexMap<EcoString, (ToolPlan, Arc<Plan>)>,
    kill_after: Vec<usize>,
}

impl World {
    pub fn new(plans: &[Arc<Plan>], setting: &Setting) -> Self {
        let tools = plans
            .iter()
            .flat_map(|plan| plan.tools.iter().map(|(name, tool)| (name.clone(), (tool.clone(), Arc::clone(plan)))));
        let kill_after = setting.kill_after.clone();
        World { state: Mutex::default(), stopped: Notify::new(), tools: tools.collect(), kill_after }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names of the tools that runs may call, by server.
    pub fn servers(&self) -> IndexMap<EcoString, Vec<EcoString>> {
        let mut servers: IndexMap<EcoString, Vec<EcoString>> = IndexMap::new();
        for name in self.tools.keys() {
            let (server, tool) = name.split_once('.').unwrap_or((name, ""));
            servers.entry(server.into()).or_default().push(tool.into());
        }
        servers
    }

    /// Whether the engine is dead.
    pub fn is_stopped(&self) -> bool {
        self.state().stop.is_some()
    }

    /// Ends with the engine.
    pub async fn stopped(&self) {
        while !self.is_stopped() {
            self.stopped.notified().await;
        }
    }

    /// Why the engine died, if it has; a new one may begin.
    pub fn take_stop(&self) -> Option<Stop> {
        let mut state = self.state();
        state.cut = None;
        state.in_flight = 0;
        state.stop.take()
    }

    fn stop(&self, why: Stop) {
        self.state().stop.get_or_insert(why);
        self.stopped.notify_one();
    }

    /// Whether the engine dies when the result of this attempt is written down.
    pub fn is_cut(&self, run_id: &str, step: &str, attempt: u32) -> bool {
        self.state().cut.as_ref().is_some_and(|(run, at, number)| run == run_id && at == step && *number == attempt)
    }

    /// The engine dies.
    pub fn die(&self) {
        self.stop(Stop::Killed);
    }

    /// The clock goes on from where it was, in the runtime that this is called in.
    pub fn start_clock(&self) {
        self.state().began = Some(Instant::now());
    }

    /// The clock stands still until it is started again.
    pub fn stop_clock(&self) {
        let mut state = self.state();
        state.base = state.now_ms();
        state.began = None;
    }

    /// A call has been answered.
    fn answered(&self) {
        let mut state = self.state();
        state.in_flight = state.in_flight.saturating_sub(1);
    }

    /// Calls that are under way with this new one.
    fn under_way(&self) -> usize {
        let mut state = self.state();
        state.in_flight += 1;
        state.in_flight
    }

    /// Notes a call down and says what it is answered; None: never.
    fn called(&self, name: &EcoString, call: &Call) -> Option<Result<Value, Fault>> {
        let (tool, plan) = self.tools.get(name)?;
        let mut state = self.state();
        if state.stop.is_some() {
            return None;
        }
        if state.calls.len() >= MOST_CALLS {
            drop(state);
            self.stop(Stop::Endless);
            return None;
        }
        let args = without_key(tool, &call.args);
        if state.kills(name, &self.kill_after) {
            state.cut = Some((call.run_id.clone(), call.step.clone(), call.attempt));
        }
        let end = state.answer(name, &args);
        let end = end.unwrap_or_else(|others| {
            let line = mock_line(tool, &plan.types, others.then_some(&args));
            let (run_id, step) = (call.run_id.clone(), call.step.clone());
            state.missing.push(Missing { tool: name.clone(), args: args.clone(), run_id, step, line, others });
            CallEnd::Unmocked
        });
        let answer = match &end {
            CallEnd::Answered(value) => Ok(value.clone()),
            CallEnd::Failed(code, message) => Err(fault(code, message)),
            // The run goes on with something that fits, to show what else is missing.
            CallEnd::Unmocked => Ok(sample(&tool.output.ty, &plan.types)),
        };
        let at_ms = state.now_ms();
        state.calls.push(CallTold {
            tool: name.clone(),
            args,
            key: call.key.clone(),
            run_id: call.run_id.clone(),
            step: call.step.clone(),
            attempt: call.attempt,
            at_ms,
            end,
        });
        Some(answer)
    }
}

impl State {
    /// Milliseconds since the test began.
    pub fn now_ms(&self) -> i64 {
        let passed = self.began.map_or(0, |began| i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX));
        self.base.saturating_add(passed)
    }

    /// Whether the engine is to be killed behind this call.
    fn kills(&mut self, tool: &str, also: &[usize]) -> bool {
        let armed = self.crashes.iter_mut().find(|crash| !crash.hit && crash.tool == tool);
        let hit = armed.map(|crash| crash.hit = true).is_some();
        hit || also.contains(&self.calls.len())
    }

    /// What the mocks say: of those whose arguments the call has, the one that names most of them, and of these the last
    /// one. `Err`: none does; whether the tool has others.
    fn answer(&mut self, tool: &str, args: &Value) -> Result<CallEnd, bool> {
        let fits = |mock: &Mock| mock.given.iter().all(|(name, value)| equals(&args.field(name), value));
        let others = self.mocks.iter().any(|mock| mock.tool == tool);
        let found = self.mocks.iter_mut().filter(|mock| mock.tool == tool && fits(mock));
        let mock = found.max_by_key(|mock| mock.given.len()).ok_or(others)?;
        let outcome = mock.outcomes.get(mock.used).or(mock.outcomes.last()).cloned().ok_or(others)?;
        mock.used += 1;
        Ok(match outcome {
            Outcome::Value(value) => CallEnd::Answered(value),
            Outcome::Fail(code, message) => CallEnd::Failed(code, message),
        })
    }

    /// What the next one who asks this is told.
    fn reply(&mut self, question: &str) -> Option<(Value, Loc)> {
        let asked: Vec<usize> =
            self.answers.iter().enumerate().filter(|(_, one)| one.question == question).map(|(at, _)| at).collect();
        let fresh = asked.iter().find(|at| self.answers.get(**at).is_some_and(|one| one.used == 0));
        let at = *fresh.or(asked.last())?;
        let answer = self.answers.get_mut(at)?;
        answer.used += 1;
        Some((answer.value.clone(), answer.loc))
    }
}

/// What a mock's `fail` means: a timeout and an unknown outcome leave open whether it happened, as they do outside; any
/// other failure is the tool's word that it did not.
fn fault(code: &EcoString, message: &str) -> Fault {
    match code.as_str() {
        "timeout" | "unknown" | "bad_response" => Fault::open(code, message),
        _ => Fault::clean(code, message),
    }
}

/// The arguments as flows give them.
fn without_key(tool: &ToolPlan, args: &Value) -> Value {
    let Some(key) = tool.accepts_key.as_ref().filter(|key| !key.starts_with("header:")) else { return args.clone() };
    match args.as_record() {
        Some(record) if record.fields.contains_key(key) => {
            let mut fields = record.fields.clone();
            fields.shift_remove(key);
            Value::from_fields(fields).with_labels(args.labels.clone())
        }
        _ => args.clone(),
    }
}

/// The tools of one server.
pub(super) struct MockServer {
    pub name: EcoString,
    pub tools: Vec<EcoString>,
    pub world: Arc<World>,
}

#[async_trait]
impl Tool for MockServer {
    fn describe(&self) -> Vec<EcoString> {
        self.tools.clone()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        let name = format!("{}.{}", self.name, call.tool).into();
        let Some(answer) = self.world.called(&name, call) else { return std::future::pending().await };
        for _ in 0..self.world.under_way().min(BESIDE) * TURNS {
            tokio::task::yield_now().await;
        }
        self.world.answered();
        answer
    }
}

#[async_trait]
impl Answerer for World {
    async fn answer(&self, question: &Question) -> Option<Value> {
        let mut state = self.state();
        let reply = state.reply(&question.text);
        let Some((value, loc)) = reply else {
            state.open.push((question.run_id.clone(), question.text.clone()));
            return None;
        };
        let Some(problem) = &question.problem else { return Some(value) };
        if state.failures.len() < ANSWERS {
            state.failures.push(Failure {
                reason: Reason::AnswerMisfit,
                message: problem.clone(),
                labels: vec![Label { loc, text: format!("{} wants `{}`", quoted(&question.text), question.ty) }],
                help: None,
                write: None,
                expected: None,
                actual: None,
                diff: Vec::new(),
            });
        }
        None
    }
}

/// The clock of a test: it begins at [`super::BEGIN`], and moves on when there is nothing left to do.
pub(super) struct TestClock(pub Arc<World>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let begin: Timestamp = super::BEGIN.parse().unwrap_or_default();
        let passed = SignedDuration::from_millis(self.0.state().now_ms());
        begin.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    fn may_be_set(&self) -> bool {
        false
    }
}
