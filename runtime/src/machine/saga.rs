//! Sagas: what a call did is registered with the way to take it back; a flow that fails before its point of no return
//! takes everything back, newest first, each until it succeeds.

use super::Machine;
use super::ambient::{backoff, later};
use super::code::{ActCode, Code, Deed};
use super::event::{CallEffect, Effect, Key, Timer};
use super::failure::{Failure, transient};
use super::note::NoteKind;
use super::run::SideEffect;
use super::state::{Caller, FlowId, Phase, Place, TaskId, Undo, UndoDeed, Undoing, Waiter, Work};
use crate::tool::Fault;
use ecow::EcoString;
use std::sync::Arc;
use weir_stdlib::value::Value;

/// First and longest delay between attempts of an undo, in milliseconds.
const UNDO_BACKOFF: (u64, u64) = (200, 30_000);

impl Machine {
    /// A call succeeded (or was found to have): lists what it changed, registers its undo, passes the point of no
    /// return. What was only replayed from an earlier recording is not this run's to take back; calls that take
    /// something back are not listed.
    pub(super) fn completed(&mut self, code: &Code, id: TaskId, act: &ActCode, value: &Value, recorded: bool) {
        let Some(flow) = self.tasks.get(id).and_then(|task| self.blocks.get(task.block)).map(|block| block.flow) else {
            return;
        };
        self.known_now(id, flow);
        let mut effect = None;
        let undoes = self.flows.get(flow).is_some_and(|flow| flow.exempt);
        if let Deed::Tool { tool, .. } = &act.target
            && let Some(tool) = code.tool(*tool).filter(|tool| !tool.reads_only() && !recorded && !undoes)
        {
            effect = Some(self.run.effects.len());
            let (step, id) = (self.task_path(id), value.field("id"));
            self.run.effects.push(SideEffect { step, tool: tool.name.clone(), id, undone: false });
            if let Some(flow) = self.flows.get_mut(flow) {
                flow.risky |= !act.repeatable;
            }
        }
        if act.is_final {
            self.pass_final(flow);
        } else if let Some(undo) = act.undo.as_ref().filter(|_| !recorded) {
            let registers = self.flows.get(flow).is_some_and(|flow| flow.in_saga && !flow.passed_final);
            if registers {
                self.register(code, id, flow, undo, effect);
            }
        }
    }

    /// After this nothing is undone, by this flow or by those around it.
    fn pass_final(&mut self, flow: FlowId) {
        let mut at = Some(flow);
        while let Some(id) = at {
            at = self.flow_around(id);
            let Some(flow) = self.flows.get_mut(id) else { break };
            if flow.exempt {
                break;
            }
            flow.passed_final = true;
            flow.undos.clear();
        }
    }

    fn register(&mut self, code: &Code, id: TaskId, flow: FlowId, undo: &Deed, effect: Option<usize>) {
        let Some(task) = self.tasks.get(id) else { return };
        let claim = task.act.as_ref().and_then(|run| run.claim.clone());
        let block = task.block;
        let step = self.task_path(id);
        let deed = match undo {
            Deed::Tool { tool, args } => self.eval(code, block, "undo", args).and_then(|args| {
                let plan = code.tool(*tool).ok_or_else(Box::<Failure>::default)?;
                let args = Machine::narrow(code, &args, &plan.input)
                    .map_err(|misfit| Failure::new("invalid_input", misfit))?;
                Ok(UndoDeed::Tool { tool: *tool, args })
            }),
            Deed::Flow { flow, args } => {
                self.eval(code, block, "undo", args).map(|args| UndoDeed::Flow { flow: *flow, args })
            }
            _ => Err(Failure::new("failed", format!("the undo of `{step}` is neither a tool nor a flow"))),
        };
        let deed = deed.map_err(|failure| EcoString::from(failure.shown()));
        if let Err(why) = &deed {
            let reason = format!("`{step}` cannot be undone should it have to: {why}");
            self.note_task(id, &step, NoteKind::Alert, Some(reason));
        }
        let seq = self.run.next_seq();
        if let Some(flow) = self.flows.get_mut(flow) {
            let can = Arc::clone(&flow.can);
            flow.undos.push(Undo { seq, step, deed, claim, can, effect });
        }
    }

    /// A flow ended without knowing whether its call happened, and it was found that it did: its own undo went with it.
    /// A saga that has to take everything back lists it.
    pub(super) fn not_to_be_undone(&mut self, id: TaskId) {
        self.cannot_undo(id, "it was found to have happened, and the step that found it has no `undo`".into());
    }

    /// A call that may be made again has failed for good, and an attempt of it may have happened: without its result
    /// there is nothing that takes it back. A saga that has to take everything back lists it.
    pub(super) fn may_stay(&mut self, code: &Code, id: TaskId, act: &ActCode, why: &str) {
        let maybe = self.tasks.get(id).and_then(|task| task.act.as_ref()).is_some_and(|run| run.maybe);
        let Deed::Tool { tool, .. } = &act.target else { return };
        if maybe && code.tool(*tool).is_some_and(|tool| !tool.reads_only()) {
            let why = format!("an attempt of it may have happened, and its result is not known: {why}");
            self.cannot_undo(id, why.into());
        }
    }

    /// What a step's call made is known now: what was not known before is to be undone no more.
    fn known_now(&mut self, id: TaskId, flow: FlowId) {
        if self.flows.get(flow).is_some_and(|flow| flow.undos.iter().any(|undo| undo.deed.is_err())) {
            let step = self.task_path(id);
            if let Some(flow) = self.flows.get_mut(flow) {
                flow.undos.retain(|undo| undo.deed.is_ok() || undo.step != step);
            }
        }
    }

    fn cannot_undo(&mut self, id: TaskId, why: EcoString) {
        let Some(block) = self.tasks.get(id).map(|task| task.block) else { return };
        let Some(flow) = self.blocks.get(block).map(|block| block.flow) else { return };
        let undoes = |flow: &super::state::Flow| flow.in_saga && !flow.passed_final && flow.called.is_none();
        if !self.flows.get(flow).is_some_and(undoes) {
            return;
        }
        let step = self.task_path(id);
        self.note_task(id, &step, NoteKind::Alert, Some(format!("`{step}` cannot be undone should it have to: {why}")));
        let seq = self.run.next_seq();
        if let Some(flow) = self.flows.get_mut(flow) {
            let can = Arc::clone(&flow.can);
            flow.undos.push(Undo { seq, step, deed: Err(why), claim: None, can, effect: None });
        }
    }

    /// A flow has failed and everything in it is at rest: it takes back what it did, if it is in a saga.
    pub(super) fn flow_failed(&mut self, code: &Code, id: FlowId, failure: Box<Failure>) {
        let Some(flow) = self.flows.get(id) else { return };
        let may_undo = flow.in_saga && !flow.passed_final && flow.called.is_none();
        if may_undo && self.waits_for_beside(id, &failure) {
            return;
        }
        let Some(flow) = self.flows.get_mut(id) else { return };
        if !may_undo || flow.undos.is_empty() {
            return self.flow_gave_up(code, id, failure);
        }
        let mut left = std::mem::take(&mut flow.undos);
        left.sort_by_key(|undo| undo.seq);
        let (number, began) = (left.len(), self.run.now);
        let reason = format!("{number} to undo after {}", failure.shown());
        let undoing = Undoing { failure, left, current: None, attempt: 0, owed: None, began, lost: false };
        flow.phase = Phase::Undoing(Box::new(undoing));
        let clocks = std::mem::take(&mut flow.clocks);
        let frame = flow.frame;
        if !clocks.is_empty() {
            let path = self.frame_path(frame);
            self.clocks.remove(&path);
            self.withdraw(&clocks);
        }
        self.undoings += 1;
        self.note_flow(id, NoteKind::RunCompensating, reason);
        self.work.push_back(Work::Undo(id));
    }

    fn undoing(&mut self, id: FlowId) -> Option<&mut Undoing> {
        match &mut self.flows.get_mut(id)?.phase {
            Phase::Undoing(undoing) => Some(undoing),
            Phase::Running(_) => None,
        }
    }

    /// Takes the newest call back that is left; when none is, the flow ends.
    pub(super) fn undo_next(&mut self, code: &Code, id: FlowId) {
        let now = self.run.now;
        let Some(undoing) = self.undoing(id) else { return };
        undoing.attempt = 0;
        undoing.owed = None;
        undoing.began = now;
        undoing.current = undoing.left.pop();
        match &undoing.current {
            Some(Undo { deed: Err(why), .. }) => {
                let why = why.clone();
                self.undo_lost(id, &why);
            }
            Some(_) => self.undo_attempt(code, id),
            None => {
                let mut failure = undoing.failure.clone();
                failure.lasting |= undoing.lost;
                self.flow_gave_up(code, id, failure);
            }
        }
    }

    fn undo_attempt(&mut self, code: &Code, id: FlowId) {
        let Some(undoing) = self.undoing(id) else { return };
        undoing.attempt += 1;
        let attempt = undoing.attempt;
        let Some(undo) = undoing.current.clone() else { return };
        let path = undo_path(&undo);
        match undo.deed {
            Ok(UndoDeed::Tool { tool, args }) => {
                let Some(tool) = code.tool(tool) else { return self.undo_lost(id, "the plan does not hold the tool") };
                let effect = CallEffect {
                    key: Key::new(path, attempt),
                    tool: tool.name.clone(),
                    args,
                    timeout_ms: tool.timeout_ms,
                    claim: None,
                    send_key: None,
                    repeatable: true,
                    reads: tool.reads_only(),
                    grants: undo.can,
                    rest: None,
                };
                self.run.attempts += 1;
                self.undo_owes(id, Effect::Call(Box::new(effect)));
            }
            Ok(UndoDeed::Flow { flow, args }) => {
                let place = Place::At { path, attempt };
                let opened = self.bind_args(code, flow, &args).and_then(|bound| {
                    if let Some(function) = code.flow(flow).and_then(|flow| flow.function) {
                        return self.call_function(code, function, bound, &undo.step).map(|_| true);
                    }
                    self.open_flow(code, flow, bound, place, Caller::Undo(id), Some(id)).map(|_| false)
                });
                match opened {
                    Ok(true) => self.undo_done(id),
                    Ok(false) => {}
                    Err(failure) => self.undo_failed(id, &failure),
                }
            }
            Err(why) => self.undo_lost(id, &why),
        }
    }

    pub(super) fn undo_owes(&mut self, id: FlowId, effect: Effect) {
        if let Some(key) = effect.key() {
            self.waiters.insert(key.step.clone(), Waiter::Undo(id));
        }
        if let Some(undoing) = self.undoing(id) {
            undoing.owed = Some(effect.clone());
        }
        self.emit(effect);
    }

    /// Whether this is the event that the undo waits for; it waits no longer then.
    pub(super) fn undo_settle(&mut self, id: FlowId, key: &Key, timer: Option<Timer>) -> Option<Effect> {
        let undoing = self.undoing(id)?;
        let fits = undoing.owed.as_ref().is_some_and(|owed| owed.key() == Some(key) && owed.timer() == timer);
        if !fits {
            return None;
        }
        let owed = undoing.owed.take();
        self.waiters.remove(&key.step);
        owed
    }

    /// The clock of another attempt has run.
    pub(super) fn undo_woke(&mut self, code: &Code, id: FlowId) {
        self.undo_attempt(code, id);
    }

    /// A tool failed to take something back.
    pub(super) fn undo_fault(&mut self, id: FlowId, fault: &Fault) {
        self.undo_failed(id, &Failure::fault(fault));
    }

    /// An attempt failed. `not_found` counts as undone; what may pass is tried again, for ever.
    pub(super) fn undo_failed(&mut self, id: FlowId, failure: &Failure) {
        if failure.code == "not_found" {
            return self.undo_done(id);
        }
        let run = self.run.id.clone();
        let now = self.run.now;
        let Some(undoing) = self.undoing(id) else { return };
        let (attempt, Some(undo)) = (undoing.attempt, undoing.current.as_ref()) else { return };
        if failure.lasting || !transient(&failure.code) {
            return self.undo_lost(id, &failure.shown());
        }
        let path = undo_path(undo);
        let delay = backoff(&run, &path, attempt, UNDO_BACKOFF.0, UNDO_BACKOFF.1).max(1);
        let delay = delay.max(failure.retry_after_ms.unwrap_or(0).min(UNDO_BACKOFF.1));
        let reason = format!("{}; undoing is tried again in {delay} ms", failure.shown());
        let name = self.flow_name(id);
        self.note(NoteKind::AttemptFailed, name, path.clone(), Some(attempt), Some(reason));
        let until = later(now, i64::try_from(delay).unwrap_or(i64::MAX));
        self.undo_owes(id, Effect::Sleep { key: Key::new(path, attempt + 1), timer: Timer::Retry, until });
    }

    /// The call is taken back; its key, if it has one, is given back too.
    pub(super) fn undo_done(&mut self, id: FlowId) {
        let now = self.run.now;
        let Some(undoing) = self.undoing(id) else { return };
        let attempt = undoing.attempt;
        let took = now.duration_since(undoing.began).as_millis();
        let Some(undo) = undoing.current.as_mut() else { return };
        let claim = undo.claim.take();
        let undo = undo.clone();
        match undo.effect {
            Some(at) => {
                if let Some(effect) = self.run.effects.get_mut(at) {
                    effect.undone = true;
                }
            }
            None => self.all_undone_below(&undo.step),
        }
        self.run.undone = true;
        self.note_undone(id, &undo.step, attempt, took);
        match claim {
            Some(claim) => {
                let key = Key::new(undo_path(&undo), attempt);
                self.undo_owes(id, Effect::Release { key, claim });
            }
            None => self.work.push_back(Work::Undo(id)),
        }
    }

    /// The key is given back.
    pub(super) fn undo_released(&mut self, id: FlowId) {
        self.work.push_back(Work::Undo(id));
    }

    fn all_undone_below(&mut self, step: &str) {
        for effect in &mut self.run.effects {
            let below = effect.step.strip_prefix(step);
            if below.is_some_and(|below| below.starts_with('/') || below.starts_with('@')) {
                effect.undone = true;
            }
        }
    }

    /// It cannot be taken back: the others are, and the run says what is left.
    fn undo_lost(&mut self, id: FlowId, why: &str) {
        let name = self.flow_name(id);
        let Some(undoing) = self.undoing(id) else { return };
        undoing.lost = true;
        let attempt = undoing.attempt.max(1);
        let Some(undo) = undoing.current.clone() else { return };
        let line = format!("`{}` was not undone: {why}", undo.step);
        self.run.left.push(line.clone());
        self.note(NoteKind::Alert, name, undo_path(&undo), Some(attempt), Some(line));
        self.work.push_back(Work::Undo(id));
    }
}

/// `step/undo`
fn undo_path(undo: &Undo) -> EcoString {
    format!("{}/undo", undo.step).into()
}
