//! Beginning calls, questions, receipts and starts: arguments, permission, gate, budget, and the effect of each
//! attempt.

use super::ambient::{self, later};
use super::code::{ActCode, Code, Deed};
use super::event::{AskEffect, CallEffect, Claim, Effect, Key, ReceiveEffect, SpawnEffect, Timer};
use super::failure::{Failure, Fallible};
use super::note::NoteKind;
use super::state::{ActRun, BlockId, Caller, FlowId, Place, State, TaskId, Value0, Waiter};
use super::steps::Begun;
use super::{Machine, Refusal};
use ecow::EcoString;
use jiff::Timestamp;
use std::sync::Arc;
use weir_compiler::plan::ToolPlan;
use weir_lang::ast::Role;
use weir_stdlib::pure::Pure;
use weir_stdlib::value::Value;

impl Machine {
    /// Begins a step with clauses. Its own failures go through its handlers, so it is a task from the start.
    pub(super) fn begin_act(&mut self, code: &Code, block: BlockId, node: u32, act: &ActCode) -> Fallible<Begun> {
        if let Some(value) = self.sampled_out(code, block, node, act) {
            return Ok(Begun::Through(value));
        }
        let mut task = self.new_task(block, node);
        task.attempt = 0;
        task.act = Some(Box::default());
        let task = self.open_task(block, task);
        if !matches!(act.target, Deed::Flow { .. }) {
            self.count_act(code, block);
        }
        if let Err(failure) = self.prepare(code, task, block, act).and_then(|()| self.attempt(code, task, act)) {
            self.act_failed(code, task, failure);
        }
        Ok(Begun::Waits)
    }

    /// A monitor carries out a share of its calls.
    fn sampled_out(&mut self, code: &Code, block: BlockId, node: u32, act: &ActCode) -> Option<Value> {
        let Deed::Flow { flow, .. } = &act.target else { return None };
        let flow = code.flow(*flow)?;
        let share = flow.clauses.sample.filter(|_| flow.role == Role::Monitor)?;
        let (frame, number) = self.blocks.get(block).map(|block| (block.frame, block.code))?;
        let name = &code.node(number, node)?.name;
        let path = self.path_in(frame, name);
        if ambient::share(&self.run.id, &path, "sample", 0) < share {
            return None;
        }
        let reason = format!("monitor `{}` carries out {}% of its calls", flow.name, share * 100.0);
        self.note_in(block, name, NoteKind::StepSkipped, Some(reason));
        Some(Value::NULL)
    }

    /// What is evaluated once, before the first attempt.
    fn prepare(&mut self, code: &Code, task: TaskId, block: BlockId, act: &ActCode) -> Fallible<()> {
        let timeout = match &act.timeout {
            Some(pure) => Some(ambient::millis(&self.eval(code, block, "timeout", pure)?, "`timeout`")?),
            None => None,
        };
        let within = match act.until.as_ref().and_then(|until| until.within.as_ref()) {
            Some(pure) => {
                let millis = ambient::millis(&self.eval(code, block, "within", pure)?, "`within`")?;
                Some(later(self.run.now, millis))
            }
            None => None,
        };
        let mut run =
            ActRun { timeout_ms: timeout.and_then(|millis| millis.try_into().ok()), within, ..ActRun::default() };
        match &act.target {
            Deed::Tool { tool, args } => {
                let tool = code.tool(*tool).ok_or_else(Box::<Failure>::default)?;
                let args = self.eval(code, block, &tool.name, args)?;
                let args = Machine::narrow(code, &args, &tool.input).map_err(|misfit| {
                    Failure::new("invalid_input", format!("argument of `{}`: {misfit}", tool.name))
                })?;
                (run.claim, run.sent_key) = self.claim(code, block, act, tool, &args)?.unzip();
                run.args = Value0(args);
            }
            Deed::Flow { flow, args } | Deed::Start { flow, args, .. } => {
                let name = code.flow(*flow).map(|flow| flow.name.as_str()).unwrap_or_default();
                let args = self.eval(code, block, name, args)?;
                if matches!(act.target, Deed::Flow { .. }) && self.goes_beside(code, *flow) {
                    run.args = Value0(args);
                } else {
                    run.bound = self.bind_args(code, *flow, &args)?;
                }
                if let Deed::Start { delay: Some(delay), .. } = &act.target {
                    let when = self.eval(code, block, "start", delay)?;
                    run.due = Some(ambient::moment(&when, self.run.now, "the time of a `start`")?);
                }
            }
            Deed::Ask { .. } | Deed::Receive { .. } | Deed::Missing(_) => {}
        }
        run.ready = true;
        if let Some(task) = self.tasks.get_mut(task) {
            task.act = Some(Box::new(run));
        }
        Ok(())
    }

    /// The idempotency key of a call: its own, or the delivery's for what sends.
    fn claim(
        &mut self,
        code: &Code,
        block: BlockId,
        act: &ActCode,
        tool: &ToolPlan,
        args: &Value,
    ) -> Fallible<Option<(Claim, EcoString)>> {
        let flow = self.blocks.get(block).map(|block| block.flow);
        let running = flow.and_then(|flow| self.flows.get(flow));
        let delivery = running.filter(|_| tool.sends()).and_then(|flow| flow.key.clone().map(|key| (flow.code, key)));
        let delivers = act.key.is_none();
        let (owner, key, per_run): (EcoString, EcoString, bool) = match (&act.key, delivery) {
            (Some(plan), _) => {
                let key = self.eval(code, block, "key", &plan.key)?.display_text();
                (tool.name.clone(), key.into(), plan.per_run)
            }
            (None, Some((flow, (key, per_run)))) => {
                (code.flow(flow).map(|flow| flow.name.clone()).unwrap_or_default(), key, per_run)
            }
            (None, None) => return Ok(None),
        };
        // A delivery's key says what is sent: one that is known was sent, in whatever words.
        let args = if delivers { Value::NULL.hash() } else { args.hash() };
        let whose = if per_run { &self.run.id } else { &self.run.project };
        let scope = format!("{}:{whose}:{owner}", if per_run { "run" } else { "project" });
        // The tool knows of no scope: where it is narrower than the tool, the key that is sent says so.
        let narrower = [(per_run, &self.run.id), (delivers, &owner)];
        let sent: Vec<&str> =
            narrower.iter().filter(|(is, _)| *is).map(|(_, name)| name.as_str()).chain([&*key]).collect();
        let sent = sent.join(":").into();
        Ok(Some((Claim { scope: scope.into(), key, args }, sent)))
    }

    /// Makes the next attempt.
    pub(super) fn attempt(&mut self, code: &Code, id: TaskId, act: &ActCode) -> Fallible<()> {
        let Some(task) = self.tasks.get_mut(id) else { return Ok(()) };
        task.attempt += 1;
        task.state = State::Owed;
        let (block, attempt) = (task.block, task.attempt);
        if let Some(run) = task.act.as_mut() {
            run.rounds = 0;
        }
        let Some(flow) = self.blocks.get(block).map(|block| block.flow) else { return Ok(()) };
        let path = self.task_path(id);
        if attempt == 1 {
            self.note_task(id, &path, NoteKind::StepStarted, None);
        }
        match &act.target {
            Deed::Tool { tool, .. } => self.attempt_call(code, id, flow, path, *tool, act),
            Deed::Flow { flow: callee, .. } if self.goes_beside(code, *callee) => {
                self.call_beside(code, id, flow, path, *callee);
                Ok(())
            }
            Deed::Flow { flow: callee, .. } => self.attempt_flow(code, id, flow, path, *callee),
            Deed::Ask { question, ty, from } => {
                let question = self.eval(code, block, "ask", question)?;
                let from = match from {
                    Some(from) => Some(self.eval(code, block, "from", from)?.display_text().into()),
                    None => None,
                };
                self.note_task(
                    id,
                    &path,
                    NoteKind::RunWaiting,
                    Some(format!("asks {}", question.mask().display_text())),
                );
                let key = Key::new(path, attempt);
                let until = self.limit(id, &key);
                self.owe(id, Effect::Ask(Box::new(AskEffect { key, question, ty: ty.ty.clone(), from, until })));
                Ok(())
            }
            Deed::Receive { event, ty } => self.attempt_receive(code, id, block, path, event, ty, act),
            Deed::Start { flow: callee, .. } => self.attempt_start(code, id, flow, path, *callee),
            Deed::Missing(tool) => Err(Failure::new("unavailable", format!("the plan does not hold tool `{tool}`"))),
        }
    }

    fn attempt_call(
        &mut self,
        code: &Code,
        id: TaskId,
        flow: FlowId,
        path: EcoString,
        tool: u32,
        act: &ActCode,
    ) -> Fallible<()> {
        if self.is_beside(id) {
            let name = code.tool(tool).map(|tool| tool.name.as_str()).unwrap_or_default();
            self.stand_behind(id, name.split_once('.').map_or(name, |(server, _)| server));
            return Ok(());
        }
        self.make_call(code, id, flow, path, tool, act)
    }

    /// Makes an attempt of a call, where it may be made.
    pub(super) fn make_call(
        &mut self,
        code: &Code,
        id: TaskId,
        flow: FlowId,
        path: EcoString,
        tool: u32,
        act: &ActCode,
    ) -> Fallible<()> {
        let tool = code.tool(tool).ok_or_else(Box::<Failure>::default)?;
        let can = self.flows.get(flow).map(|flow| Arc::clone(&flow.can)).unwrap_or_default();
        let allowed = permitted(code, tool, &can, act.undo.as_ref(), &self.flow_name(flow));
        self.allowed(id, &path, &tool.name, allowed)?;
        let role = self.flows.get(flow).and_then(|flow| code.flow(flow.code)).map(|flow| flow.role);
        if role == Some(Role::Delivery) && tool.sends() && !self.run.delivery {
            self.gate(code, id, flow, &path, &tool.name);
            return Ok(());
        }
        let most = self.time_beside(flow, role)?;
        let charged = self.charge(flow, tool);
        self.allowed(id, &path, &tool.name, charged)?;
        self.run.attempts += 1;
        let Some(task) = self.tasks.get_mut(id) else { return Ok(()) };
        let Some(run) = &mut task.act else { return Ok(()) };
        run.calls += 1;
        let claim = run.claim.clone();
        let effect = CallEffect {
            key: Key::new(path, task.attempt),
            tool: tool.name.clone(),
            args: run.args.0.clone(),
            timeout_ms: run.timeout_ms.unwrap_or(tool.timeout_ms).min(most),
            send_key: run.sent_key.clone().filter(|_| tool.accepts_key.is_some()),
            claim,
            repeatable: act.repeatable,
            reads: tool.reads_only(),
            grants: can,
            rest: None,
        };
        self.owe(id, Effect::Call(Box::new(effect)));
        Ok(())
    }

    /// Remembers what was not allowed.
    fn allowed(&mut self, id: TaskId, path: &EcoString, what: &EcoString, allowed: Fallible<()>) -> Fallible<()> {
        if let Err(failure) = &allowed {
            self.refuse(id, path, what, &failure.code, failure.text());
        }
        allowed
    }

    fn refuse(&mut self, id: TaskId, path: &EcoString, what: &EcoString, code: &str, reason: String) {
        let attempt = self.tasks.get(id).map_or(1, |task| task.attempt);
        let key = Key::new(path.clone(), attempt);
        self.out.refused.push(Refusal { key, what: what.clone(), code: code.into(), reason });
    }

    /// The gate is closed: the delivery ends here, as `disabled`.
    fn gate(&mut self, code: &Code, id: TaskId, flow: FlowId, path: &EcoString, tool: &EcoString) {
        let reason = "deliveries are off: the run needs `--allow-delivery` or the project `allow_delivery = true`";
        self.refuse(id, path, tool, "disabled", reason.into());
        self.note_task(id, path, NoteKind::DeliveryGated, Some(reason.into()));
        if let Some(flow) = self.flows.get_mut(flow) {
            flow.delivered = Some(delivery_status("disabled", Value::NULL));
            flow.partial = true;
        }
        self.stop_task(code, id, super::state::Stop::Return);
    }

    fn attempt_flow(&mut self, code: &Code, id: TaskId, flow: FlowId, path: EcoString, callee: u32) -> Fallible<()> {
        let Some(task) = self.tasks.get(id) else { return Ok(()) };
        let attempt = task.attempt;
        let bound = task.act.as_ref().map(|run| run.bound.clone()).unwrap_or_default();
        if let Some(function) = code.flow(callee).and_then(|flow| flow.function) {
            let value = self.call_function(code, function, bound, &path)?;
            self.act_value(code, id, value, false);
            return Ok(());
        }
        let place = Place::Call { task: id, attempt };
        let opened = self.open_flow(code, callee, bound, place, Caller::Act(id), Some(flow))?;
        let key = Key::new(path.clone(), attempt);
        if let Some(task) = self.tasks.get_mut(id) {
            task.state = State::Flow(opened);
        }
        if self.limit(id, &key).is_some() {
            self.waiters.insert(path, Waiter::Task(id));
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn attempt_receive(
        &mut self,
        code: &Code,
        id: TaskId,
        block: BlockId,
        path: EcoString,
        event: &Pure,
        ty: &weir_stdlib::Boundary,
        act: &ActCode,
    ) -> Fallible<()> {
        let event: EcoString = self.eval(code, block, "receive", event)?.display_text().into();
        let with = match &act.key {
            Some(plan) => Some(EcoString::from(self.eval(code, block, "key", &plan.key)?.display_text())),
            None => None,
        };
        if let Some(value) = self.take_mail(&event, with.as_ref()) {
            self.received(code, id, value);
            return Ok(());
        }
        self.note_task(id, &path, NoteKind::RunWaiting, Some(format!("waits for the event `{event}`")));
        let attempt = self.tasks.get(id).map_or(1, |task| task.attempt);
        let key = Key::new(path, attempt);
        let until = self.limit(id, &key);
        self.receivers.push(id);
        self.owe(id, Effect::Receive(Box::new(ReceiveEffect { key, event, with, ty: ty.ty.clone(), until })));
        Ok(())
    }

    fn attempt_start(&mut self, code: &Code, id: TaskId, flow: FlowId, path: EcoString, callee: u32) -> Fallible<()> {
        let Some(plan) = code.flow(callee) else { return Err(Box::default()) };
        let can = self.flows.get(flow).map(|flow| Arc::clone(&flow.can)).unwrap_or_default();
        if let Some(missing) = plan.can.iter().find(|capability| !can.contains(capability)) {
            let message =
                format!("`{}` needs `{missing}`, which was not passed on to `{}`", plan.name, self.flow_name(flow));
            return self.allowed(id, &path, &plan.name, Err(Failure::new("permission", message)));
        }
        let deep = self.deep_enough_to_start(code, flow);
        self.allowed(id, &path, &plan.name, deep)?;
        self.touch(flow);
        let allowance = self.left(code, flow);
        let Some(task) = self.tasks.get(id) else { return Ok(()) };
        let bound = task.act.as_ref().map(|run| run.bound.clone()).unwrap_or_default();
        let due = task.act.as_ref().and_then(|run| run.due);
        let args = Value::record(plan.params.iter().map(|param| param.name.clone()).zip(bound));
        let labels = args.deep_labels();
        let effect = SpawnEffect {
            run_id: ambient::child_run(&self.run.id, &path, task.attempt, self.run.now),
            key: Key::new(path, task.attempt),
            flow: callee,
            name: plan.name.clone(),
            args,
            grants: plan.can.to_vec(),
            delivery: self.run.delivery,
            flags: self.run.flags.clone(),
            project: self.run.project.clone(),
            untrusted: labels.untrusted(),
            secret: labels.secret(),
            due,
            behind: None,
            allowance,
        };
        self.owe(id, Effect::Spawn(Box::new(effect)));
        Ok(())
    }

    /// Starts the clock of a step's time limit, if it has one.
    fn limit(&mut self, id: TaskId, key: &Key) -> Option<Timestamp> {
        let millis = self.tasks.get(id)?.act.as_ref()?.timeout_ms?;
        let until = later(self.run.now, millis.try_into().unwrap_or(i64::MAX));
        let sleep = Effect::Sleep { key: key.clone(), timer: Timer::Limit, until };
        if let Some(task) = self.tasks.get_mut(id) {
            task.owed.push(sleep.clone());
        }
        self.emit(sleep);
        Some(until)
    }

    /// A step asks for something; its event will be known by the effect's key.
    pub(super) fn owe(&mut self, id: TaskId, effect: Effect) {
        if let Some(key) = effect.key() {
            self.waiters.insert(key.step.clone(), Waiter::Task(id));
        }
        if let Some(task) = self.tasks.get_mut(id) {
            task.owed.push(effect.clone());
        }
        self.emit(effect);
    }

    /// Hands an effect out; while paused, or while an outcome is unknown, calls, starts and questions are held.
    pub(super) fn emit(&mut self, effect: Effect) {
        let holds = matches!(effect, Effect::Call(_) | Effect::Spawn(_) | Effect::Ask(_) | Effect::Release { .. });
        if (self.paused || self.unknowns > 0) && holds {
            self.held.push(effect);
        } else {
            self.out.effects.push(effect);
        }
    }
}

/// `{ status, id }` of a delivery.
pub(super) fn delivery_status(status: &str, id: Value) -> Value {
    Value::record([("status", Value::text(status)), ("id", id)])
}

/// Whether a call, and the call that takes it back, is within what the flow may do.
fn permitted(code: &Code, tool: &ToolPlan, can: &[EcoString], undo: Option<&Deed>, flow: &str) -> Fallible<()> {
    let undo: &[EcoString] = match undo {
        Some(Deed::Tool { tool, .. }) => code.tool(*tool).map(|tool| tool.capabilities.as_slice()).unwrap_or_default(),
        Some(Deed::Flow { flow, .. }) => code.flow(*flow).map(|flow| &*flow.can).unwrap_or_default(),
        _ => &[],
    };
    match tool.capabilities.iter().chain(undo).find(|capability| !can.contains(capability)) {
        None => Ok(()),
        Some(missing) => {
            let message = format!(
                "`{}` needs `{missing}`, which `{flow}` was not granted: add it to the flow's `can` and to `[grants]`, \
                 or run with `--grant {missing}`",
                tool.name
            );
            Err(Failure::new("permission", message))
        }
    }
}
