//! Beginning a step, by kind. Pure steps are through at once.

use super::Machine;
use super::ambient;
use super::code::{Arm, Code, Op};
use super::event::{Effect, Key, Timer};
use super::failure::{Failure, Fallible};
use super::note::NoteKind;
use super::state::{BlockId, Owner, State, Stop, Task};
use weir_compiler::plan::{Ambient, Exit};
use weir_stdlib::ReportKind;
use weir_stdlib::pure::{Pure, PurePattern};
use weir_stdlib::value::{Value, compare, equals};

/// What beginning a step led to.
pub(super) enum Begun {
    /// It is through, with this value.
    Through(Value),
    /// It is under way as a task.
    Waits,
    /// It ends its block.
    Stops(Stop),
}

impl From<Fallible<Value>> for Begun {
    fn from(result: Fallible<Value>) -> Self {
        match result {
            Ok(value) => Begun::Through(value),
            Err(failure) => Begun::Stops(Stop::Fail(failure)),
        }
    }
}

impl Machine {
    /// Begins a step; a failure learns where it arose.
    pub(super) fn begin(&mut self, code: &Code, id: BlockId, node: u32) -> Begun {
        let Some(number) = self.blocks.get(id).map(|block| block.code) else { return Begun::Waits };
        let Some(plan) = code.node(number, node) else { return Begun::Through(Value::NULL) };
        let begun = match self.count_step() {
            Ok(()) => self.begin_op(code, id, node, &plan.name, plan.order, &plan.op),
            Err(failure) => Err(failure),
        };
        begun.unwrap_or_else(|failure| {
            let failure = match self.blocks.get(id) {
                Some(block) => failure.at(&self.path_in(block.frame, &plan.name)),
                None => failure,
            };
            Begun::Stops(Stop::Fail(failure))
        })
    }

    fn begin_op(&mut self, code: &Code, id: BlockId, node: u32, name: &str, order: u32, op: &Op) -> Fallible<Begun> {
        Ok(match op {
            Op::Let(pure) => Begun::Through(self.eval(code, id, name, pure)?),
            Op::Act(act) => return self.begin_act(code, id, node, act),
            Op::Check(check) => return self.begin_check(code, id, node, name, check),
            Op::Require { cond, otherwise } => {
                if self.eval(code, id, name, cond)?.as_bool() == Some(true) {
                    Begun::Through(Value::NULL)
                } else {
                    Begun::Stops(self.exit(code, id, name, otherwise)?)
                }
            }
            Op::Branch { subject, arms } => return self.begin_branch(code, id, node, name, subject, arms),
            Op::For { source, parallel, .. } => {
                return self.begin_for(code, id, node, name, source, parallel.as_ref());
            }
            Op::Repeat { init, at_most, .. } => return self.begin_repeat(code, id, node, name, init, at_most),
            Op::Wait(until) => return self.begin_wait(code, id, node, name, until),
            Op::Ambient(ambient) => Begun::Through(self.ambient(code, id, name, ambient)?),
            Op::Yield(pure) => {
                let value = self.eval(code, id, name, pure)?;
                self.in_round(id, |round| round.yields.push((order, value)));
                Begun::Through(Value::NULL)
            }
            Op::Next(pure) => {
                let value = self.eval(code, id, name, pure)?;
                self.in_round(id, |round| round.next = Some(value));
                Begun::Through(Value::NULL)
            }
            Op::Annotate(pure) => {
                let reason = self.eval(code, id, name, pure)?;
                self.remark(id, name, ReportKind::Annotated, reason);
                Begun::Through(Value::NULL)
            }
            Op::Exit(exit) => Begun::Stops(self.exit(code, id, name, exit)?),
            Op::Return(value) => {
                let value = value.as_ref().map_or(Ok(Value::NULL), |value| self.eval(code, id, name, value))?;
                if let Some(flow) = self.blocks.get(id).and_then(|block| self.flows.get_mut(block.flow)) {
                    flow.value = Some(value);
                }
                Begun::Stops(Stop::Return)
            }
            Op::Key { key, per_run } => {
                let key = self.eval(code, id, name, key)?.display_text();
                if let Some(flow) = self.blocks.get(id).and_then(|block| self.flows.get_mut(block.flow)) {
                    flow.key = Some((key.into(), *per_run));
                }
                Begun::Through(Value::NULL)
            }
            Op::Merge { sources, element, key } => Begun::Through(self.merge(code, id, name, sources, *element, key)?),
        })
    }

    /// What `fail`, `block` and `drop` do.
    fn exit(&mut self, code: &Code, id: BlockId, name: &str, exit: &Exit) -> Fallible<Stop> {
        match exit {
            Exit::Raise { code: error, message } => {
                let message = self.eval(code, id, name, message)?;
                Err(Failure::labelled(error.clone(), message))
            }
            Exit::Drop(reason) => {
                let reason = self.eval(code, id, name, reason)?;
                self.remark(id, name, ReportKind::Dropped, reason);
                Ok(Stop::Drop)
            }
        }
    }

    /// Says something about the innermost loop's record.
    pub(super) fn remark(&mut self, id: BlockId, name: &str, kind: ReportKind, reason: Value) {
        let Some(frame) = self.blocks.get(id).map(|block| block.frame) else { return };
        let record = self.loop_record(frame);
        let step = match kind {
            ReportKind::Dropped => self.frame_path(frame),
            _ => self.path_in(frame, name),
        };
        self.report_line(step, kind, record, reason);
    }

    fn in_round(&mut self, id: BlockId, change: impl FnOnce(&mut super::state::Round)) {
        let Some(frame) = self.blocks.get(id).map(|block| block.frame) else { return };
        if let Some(round) = self.frames.get_mut(frame).and_then(|frame| frame.round.as_mut()) {
            change(round);
        }
    }

    fn begin_branch(
        &mut self,
        code: &Code,
        id: BlockId,
        node: u32,
        name: &str,
        subject: &Pure,
        arms: &[Arm],
    ) -> Fallible<Begun> {
        let subject = self.eval(code, id, name, subject)?;
        for arm in arms {
            let fits = arm.patterns.is_empty() || arm.patterns.iter().any(|pattern| holds(pattern, &subject));
            if !fits {
                continue;
            }
            if let Some(guard) = &arm.guard
                && self.eval(code, id, name, guard)?.as_bool() != Some(true)
            {
                continue;
            }
            self.note_arm(id, name, &arm.label);
            self.open_arm(code, id, node, arm.block);
            return Ok(Begun::Waits);
        }
        Err(Failure::new("invalid_input", format!("no case of the match holds for {}", subject.masked())))
    }

    fn open_arm(&mut self, code: &Code, id: BlockId, node: u32, number: u32) {
        let Some((frame, flow)) = self.blocks.get(id).map(|block| (block.frame, block.flow)) else { return };
        let task = self.open_task(id, self.new_task(id, node));
        let block = self.open_block(code, number, frame, flow, Owner::Arm(task));
        if let Some(task) = self.tasks.get_mut(task) {
            task.state = State::Arm(block);
        }
    }

    /// A step that begins now.
    pub(super) fn new_task(&self, block: BlockId, node: u32) -> Task {
        Task { block, node, attempt: 1, began: self.run.now, state: State::Owed, act: None, owed: Vec::new() }
    }

    fn begin_wait(&mut self, code: &Code, id: BlockId, node: u32, name: &str, until: &Pure) -> Fallible<Begun> {
        let until = self.eval(code, id, name, until)?;
        let until = ambient::moment(&until, self.run.now, "what `wait` waits for")?;
        if until <= self.run.now {
            return Ok(Begun::Through(Value::NULL));
        }
        let task = self.open_task(id, self.new_task(id, node));
        let path = self.task_path(task);
        self.note_task(task, &path, NoteKind::StepStarted, Some(format!("waits until {until}")));
        self.owe(task, Effect::Sleep { key: Key::new(path, 1), timer: Timer::Wait, until });
        Ok(Begun::Waits)
    }

    fn ambient(&mut self, code: &Code, id: BlockId, name: &str, what: &Ambient) -> Fallible<Value> {
        use weir_stdlib::value::Data;
        let now = self.run.now;
        let frame = self.blocks.get(id).map(|block| block.frame);
        let path = frame.map(|frame| self.path_in(frame, name)).unwrap_or_default();
        Ok(match what {
            Ambient::Now => Value::new(Data::Time(now)),
            Ambient::Today(zone) => {
                let zone = self.eval(code, id, name, zone)?;
                ambient::today(now, &zone)?
            }
            Ambient::Uuid => Value::text(ambient::uuid(&self.run.seed, &path).as_str()),
            Ambient::Random => Value::new(Data::Number(ambient::share(&self.run.seed, &path, "random", 0))),
            Ambient::Flag(flag) => {
                let flag = self.eval(code, id, name, flag)?;
                let flag = flag.as_str().unwrap_or_default();
                Value::bool(self.run.flags.get(flag).copied().unwrap_or(false))
            }
        })
    }
}

/// Whether a pattern holds.
fn holds(pattern: &PurePattern, value: &Value) -> bool {
    match pattern {
        PurePattern::Is(constant) => equals(value, constant),
        PurePattern::Within(lo, hi) => {
            compare(value, lo).is_some_and(std::cmp::Ordering::is_ge)
                && compare(value, hi).is_some_and(std::cmp::Ordering::is_le)
        }
    }
}
