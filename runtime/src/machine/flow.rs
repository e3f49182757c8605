//! Flows: binding arguments, the capabilities in force, clocks and budgets, and how a flow ends.

use super::act::delivery_status;
use super::ambient::later;
use super::code::Code;
use super::event::{Effect, Key, Timer};
use super::failure::{Failure, Fallible};
use super::note::NoteKind;
use super::state::{Caller, Flow, FlowId, Frame, Owner, Phase, Place, State, Stop};
use super::{DEPTH, Machine};
use ecow::EcoString;
use std::sync::Arc;
use weir_compiler::plan::ToolPlan;
use weir_lang::ast::Role;
use weir_stdlib::eval::{Env, apply, eval};
use weir_stdlib::narrow::narrow_open;
use weir_stdlib::value::Value;

/// What a flow begins with, beside its arguments.
pub(super) struct Born {
    pub caller: Caller,
    pub can: Arc<[EcoString]>,
    pub depth: u64,
    pub in_saga: bool,
    pub exempt: bool,
}

/// The slots of a flow that is about to begin.
struct Fresh<'a>(&'a [Value]);

impl Env for Fresh<'_> {
    fn slot(&self, up: u16, at: u16) -> Option<&Value> {
        if up == 0 { self.0.get(usize::from(at)) } else { None }
    }
}

impl Machine {
    /// The parameters of a flow from a record of arguments: defaults put in, each narrowed to its type.
    pub(super) fn bind_args(&self, code: &Code, flow: u32, args: &Value) -> Fallible<Vec<Value>> {
        self.bind(code, flow, &|_, name| {
            let given = args.as_record().and_then(|record| record.fields.get(name));
            given.map(|value| value.clone().joined(&args.labels))
        })
    }

    /// What the `concurrency` of the entry flow counts runs with these arguments under, and how many may go at once.
    /// None: it has none. `Err` says which argument does not fit.
    pub(crate) fn slot(&self, args: &Value) -> Result<Option<(EcoString, u64)>, String> {
        let code = Arc::clone(&self.code);
        let Some(flow) = code.plan.entry_flow() else { return Ok(None) };
        let Some((most, by)) = &flow.clauses.concurrency else { return Ok(None) };
        let Some(by) = by else { return Ok(Some((flow.name.clone(), *most))) };
        let bound = self.bind_args(&code, code.plan.entry, args).map_err(|failure| failure.text())?;
        let value = eval(by, &Fresh(&bound), &code.program()).map_err(|error| Box::<Failure>::from(error).text())?;
        Ok(Some((format!("{} by {}", flow.name, value.to_json()).into(), *most)))
    }

    /// The same from a function that knows the arguments by place and name.
    pub(super) fn bind(
        &self,
        code: &Code,
        flow: u32,
        given: &dyn Fn(usize, &str) -> Option<Value>,
    ) -> Fallible<Vec<Value>> {
        let plan = code.flow(flow).ok_or_else(|| Failure::new("failed", "the plan does not hold the flow"))?;
        let mut bound = Vec::with_capacity(usize::from(plan.slots).max(plan.params.len()));
        for (at, param) in plan.params.iter().enumerate() {
            let value = match (given(at, &param.name), &param.default) {
                (Some(value), _) if value.is_null() && param.optional => value,
                // What an enricher's caller knows of a record goes through it.
                (Some(value), _) if plan.role == Role::Enricher && at == 0 => {
                    narrow_open(&value, &param.ty, &code.plan.types)
                        .map_err(|misfit| misfit_of(&plan.name, &param.name, &misfit.to_string()))?
                }
                (Some(value), _) => Machine::narrow(code, &value, &param.ty)
                    .map_err(|misfit| misfit_of(&plan.name, &param.name, &misfit))?,
                (None, Some(default)) => {
                    eval(default, &Fresh(&bound), &code.program()).map_err(Box::<Failure>::from)?
                }
                (None, None) if param.optional => Value::NULL,
                (None, None) => Machine::narrow(code, &Value::NULL, &param.ty)
                    .map_err(|_| misfit_of(&plan.name, &param.name, "is missing"))?,
            };
            bound.push(value);
        }
        Ok(bound)
    }

    /// Runs a transformer or pure validator.
    pub(super) fn call_function(
        &mut self,
        code: &Code,
        function: u32,
        bound: Vec<Value>,
        path: &EcoString,
    ) -> Fallible<Value> {
        let function = code.functions.get(function as usize).ok_or_else(Box::<Failure>::default)?;
        let (value, report) = apply(function, bound, &code.program()).map_err(Box::<Failure>::from)?;
        self.report(path, report);
        Ok(value)
    }

    /// Begins a flow.
    pub(super) fn open_flow(
        &mut self,
        code: &Code,
        number: u32,
        bound: Vec<Value>,
        place: Place,
        caller: Caller,
        around: Option<FlowId>,
    ) -> Fallible<FlowId> {
        let plan = code.flow(number).ok_or_else(|| Failure::new("failed", "the plan does not hold the flow"))?;
        let parent = around.and_then(|around| self.flows.get(around));
        let undoing = matches!(caller, Caller::Undo(_));
        let depth = parent.map_or(0, |flow| flow.depth + 1);
        let can = match parent {
            Some(parent) => common(&plan.can, &parent.can),
            None => common(&plan.can, &self.run.grants),
        };
        let in_saga = !undoing && (plan.role == Role::Saga || parent.is_some_and(|flow| flow.in_saga));
        let exempt = undoing || parent.is_some_and(|flow| flow.exempt);
        if !exempt {
            self.deep_enough(code, around, depth)?;
        }
        Ok(self.insert_flow(code, number, bound, place, Born { caller, can, depth, in_saga, exempt }))
    }

    /// Puts a flow in, and begins its steps.
    pub(super) fn insert_flow(
        &mut self,
        code: &Code,
        number: u32,
        bound: Vec<Value>,
        place: Place,
        born: Born,
    ) -> FlowId {
        let Born { caller, can, depth, in_saga, exempt } = born;
        let (most, root) = code.flow(number).map_or((0, 0), |plan| (usize::from(plan.slots), plan.root));
        let mut slots = bound;
        slots.resize(most.max(slots.len()), Value::NULL);
        let flow = self.flows.insert(Flow {
            code: number,
            frame: self.frames.dangling(),
            caller,
            can,
            depth,
            partial: false,
            value: None,
            key: None,
            delivered: None,
            undos: Vec::new(),
            passed_final: false,
            in_saga,
            exempt,
            touched: false,
            risky: false,
            calls: 0,
            steps: 0,
            began: self.run.now,
            cost: 0.0,
            clocks: Vec::new(),
            phase: Phase::Running(None),
            called: None,
            failed: None,
        });
        let frame = self.frames.insert(Frame { slots, up: None, place, round: None });
        if let Some(flow) = self.flows.get_mut(flow) {
            flow.frame = frame;
        }
        let root = self.open_block(code, root, frame, flow, Owner::Flow(flow));
        if let Some(flow) = self.flows.get_mut(flow) {
            flow.phase = Phase::Running(Some(root));
        }
        if !exempt {
            self.wind_clocks(code, flow, number);
        }
        flow
    }

    fn wind_clocks(&mut self, code: &Code, id: FlowId, number: u32) {
        let Some(plan) = code.flow(number) else { return };
        let clocks = [(Timer::Deadline, plan.clauses.timeout_ms), (Timer::Budget, plan.clauses.budget.time_ms)];
        for (timer, millis) in clocks {
            let (Some(millis), Some(flow)) = (millis, self.flows.get(id)) else { continue };
            let path = self.frame_path(flow.frame);
            let until = later(self.run.now, millis.try_into().unwrap_or(i64::MAX));
            let sleep = Effect::Sleep { key: Key::new(path.clone(), 0), timer, until };
            self.clocks.insert(path, id);
            if let Some(flow) = self.flows.get_mut(id) {
                flow.clocks.push(sleep.clone());
            }
            self.emit(sleep);
        }
    }

    /// Whether flows may be nested this deep.
    pub(super) fn deep_enough(&mut self, code: &Code, around: Option<FlowId>, depth: u64) -> Fallible<()> {
        self.within_depth(code, around, depth)?;
        if depth > DEPTH {
            return Err(Failure::new("budget", format!("flows are nested {DEPTH} deep, which is the most")));
        }
        Ok(())
    }

    /// Charges an attempt to the flow and all around it.
    pub(super) fn charge(&mut self, flow: FlowId, tool: &ToolPlan) -> Fallible<()> {
        let code = Arc::clone(&self.code);
        let mut at = Some(flow);
        while let Some(id) = at {
            let Some(flow) = self.flows.get(id).filter(|flow| !flow.exempt) else { break };
            let most = self.most(&code, flow);
            if let Some(most) = most.calls.filter(|most| flow.calls + 1 > most.number) {
                return Err(self.spent(id, &most.of("", " calls")));
            }
            if let Some(most) = most.cost.filter(|most| flow.cost + tool.cost > most.number + 1e-9) {
                return Err(self.spent(id, &most.of("a cost of ", "")));
            }
            at = self.flow_around(id);
        }
        let mut at = Some(flow);
        while let Some(id) = at {
            at = self.flow_around(id);
            if let Some(flow) = self.flows.get_mut(id) {
                flow.calls += 1;
                flow.cost += tool.cost;
                if matches!(flow.caller, Caller::Entry) {
                    self.run.charged = (flow.calls, flow.cost);
                }
            }
        }
        if !tool.reads_only() {
            self.touch(flow);
        }
        Ok(())
    }

    /// The flow and all around it may have changed something: should they fail, that proves nothing any more.
    pub(super) fn touch(&mut self, flow: FlowId) {
        let mut at = Some(flow);
        while let Some(id) = at {
            at = self.flow_around(id);
            if let Some(flow) = self.flows.get_mut(id) {
                flow.touched = true;
            }
        }
    }

    /// The failure of a used up budget, and its note.
    pub(super) fn spent(&mut self, id: FlowId, what: &str) -> Box<Failure> {
        let name = self.flow_name(id);
        let message = format!("the budget of `{name}` is used up: {what}");
        let path = self.flows.get(id).map(|flow| self.frame_path(flow.frame)).unwrap_or_default();
        self.note(NoteKind::BudgetSpent, name, path, None, Some(message.clone()));
        Failure::new("budget", message)
    }

    /// The steps of a flow have come to an end.
    pub(super) fn flow_body_ended(&mut self, code: &Code, id: FlowId, end: Result<Value, Stop>) {
        let Some(flow) = self.flows.get_mut(id) else { return };
        flow.phase = Phase::Running(None);
        let value = match end {
            Ok(value) => Ok(value),
            Err(Stop::Return) => Ok(flow.value.take().unwrap_or(Value::NULL)),
            Err(Stop::Drop) => Ok(Value::NULL),
            Err(Stop::Fail(failure) | Stop::Beside(failure) | Stop::Abort(failure)) => Err(failure),
        };
        match value.and_then(|value| self.flow_value(code, id, value)) {
            Ok(value) => self.flow_succeeded(code, id, value),
            Err(failure) => self.flow_failed(code, id, failure),
        }
    }

    /// What the flow's type lets through.
    fn flow_value(&mut self, code: &Code, id: FlowId, value: Value) -> Fallible<Value> {
        let Some(flow) = self.flows.get_mut(id) else { return Ok(value) };
        let Some(plan) = code.flow(flow.code) else { return Ok(value) };
        if plan.role == Role::Delivery {
            return Ok(flow.delivered.take().unwrap_or_else(|| delivery_status("disabled", Value::NULL)));
        }
        match (&plan.returns, plan.role) {
            (Some(returns), role) => match Machine::narrow(code, &value, returns) {
                Ok(_) if role == Role::Enricher => Ok(value),
                Ok(narrow) => Ok(narrow),
                Err(misfit) => {
                    let frame = flow.frame;
                    let message = format!("what `{}` returns does not fit its type: {misfit}", plan.name);
                    Err(Failure::new("invalid_input", message).at(&self.frame_path(frame)))
                }
            },
            (None, Role::Router | Role::Enricher | Role::Aggregator) => Ok(value),
            (None, _) => Ok(Value::NULL),
        }
    }

    fn flow_succeeded(&mut self, code: &Code, id: FlowId, value: Value) {
        let around = self.flow_around(id);
        self.hook(code, id, Ok(&value));
        let Some(mut flow) = self.close_flow(id) else { return };
        if let Some(caller) = around.and_then(|around| self.flows.get_mut(around)) {
            caller.partial |= flow.partial;
            if caller.in_saga && !caller.passed_final {
                caller.undos.append(&mut flow.undos);
            }
        }
        match flow.caller {
            Caller::Entry => self.run_succeeded(value, flow.partial),
            Caller::Act(task) => self.act_value(code, task, value, false),
            Caller::Check(task) => self.check_ended(code, task, None),
            Caller::Checks(task, index) => self.checks_ended(code, task, index, None),
            Caller::Undo(saga) => self.undo_done(saga),
            Caller::Beside(_) => self.ended_beside(code, id, flow, Ok(())),
        }
    }

    /// The flow failed and has undone what it had to: the caller learns of it.
    pub(super) fn flow_gave_up(&mut self, code: &Code, id: FlowId, mut failure: Box<Failure>) {
        if self.put_into_outbox(id, &failure) {
            return;
        }
        self.hook(code, id, Err(&failure));
        let Some(flow) = self.close_flow(id) else { return };
        if flow.touched {
            failure.happened = crate::tool::Happened::Maybe;
        }
        let plan = code.flow(flow.code);
        let role = plan.map(|plan| plan.role);
        let name = plan.map(|plan| plan.name.clone()).unwrap_or_default();
        match flow.caller {
            Caller::Entry => self.run_failed(failure, role == Some(Role::Saga), flow.partial),
            Caller::Act(task) if self.absorbs(role, task, &failure) => {
                self.absorb(code, task, role, &name, &failure, flow.risky)
            }
            Caller::Act(task) => self.act_failed(code, task, failure),
            Caller::Check(task) => self.check_ended(code, task, Some(failure)),
            Caller::Checks(task, index) => self.checks_ended(code, task, index, Some(failure)),
            Caller::Undo(saga) => self.undo_failed(saga, &failure),
            Caller::Beside(_) => self.ended_beside(code, id, flow, Err(&failure)),
        }
    }

    /// Monitors and archivers never fail their caller.
    fn absorbs(&self, role: Option<Role>, task: super::state::TaskId, failure: &Failure) -> bool {
        let stopping = self.tasks.get(task).is_none_or(|task| self.stopping(task.block));
        matches!(role, Some(Role::Monitor | Role::Archiver)) && !stopping && !failure.lasting
    }

    fn absorb(
        &mut self,
        code: &Code,
        task: super::state::TaskId,
        role: Option<Role>,
        name: &str,
        failure: &Failure,
        risky: bool,
    ) {
        let path = self.task_path(task);
        let (kind, what) = match role {
            Some(Role::Archiver) => (NoteKind::Alert, "archiver"),
            _ => (NoteKind::StepSkipped, "monitor"),
        };
        self.note_task(
            task,
            &path,
            kind,
            Some(format!("{what} `{name}` failed and was left out: {}", failure.shown())),
        );
        // What has been written in part, or may have been, is not written again by itself.
        if role == Some(Role::Archiver) && !risky && failure.code != "unknown" {
            self.archive_later(code, task);
        }
        self.settle_owed(task, None);
        self.finish_task(code, task, Value::NULL);
    }

    /// Takes a flow and its frame away, and stops its clocks.
    pub(super) fn close_flow(&mut self, id: FlowId) -> Option<Flow> {
        let frame = self.flows.get(id)?.frame;
        if self.flows.get(id).is_some_and(|flow| !flow.clocks.is_empty()) {
            let path = self.frame_path(frame);
            self.clocks.remove(&path);
        }
        self.hand_on_beside(id);
        let flow = self.flows.remove(id)?;
        self.undoings -= usize::from(matches!(flow.phase, Phase::Undoing(_)));
        self.frames.remove(frame);
        self.withdraw(&flow.clocks);
        if let Caller::Act(task) | Caller::Check(task) = flow.caller
            && let Some(task) = self.tasks.get_mut(task)
            && matches!(task.state, State::Flow(_))
        {
            task.state = State::Owed;
        }
        Some(flow)
    }
}

/// What both may do.
pub(super) fn common(own: &Arc<[EcoString]>, passed: &[EcoString]) -> Arc<[EcoString]> {
    if own.iter().all(|capability| passed.contains(capability)) {
        return Arc::clone(own);
    }
    own.iter().filter(|capability| passed.contains(capability)).cloned().collect()
}

fn misfit_of(flow: &str, param: &str, misfit: &str) -> Box<Failure> {
    Failure::new("invalid_input", format!("argument `{param}` of `{flow}`: {misfit}"))
}
