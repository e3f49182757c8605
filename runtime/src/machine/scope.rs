//! Looking things up while steps run: slots, paths, expressions.

use super::Machine;
use super::code::Code;
use super::failure::{Failure, Fallible};
use super::run::ReportLine;
use super::slab::Slab;
use super::state::{BlockId, FlowId, Frame, FrameId, Place, TaskId};
use ecow::EcoString;
use std::fmt::Write;
use weir_stdlib::eval::{Env, eval_reported};
use weir_stdlib::narrow::Boundary;
use weir_stdlib::pure::Pure;
use weir_stdlib::value::Value;
use weir_stdlib::{ReportKind, narrow};

/// The slots that a step sees.
struct Slots<'a> {
    frames: &'a Slab<Frame>,
    at: FrameId,
}

impl Env for Slots<'_> {
    fn slot(&self, up: u16, at: u16) -> Option<&Value> {
        let mut frame = self.frames.get(self.at)?;
        for _ in 0..up {
            frame = self.frames.get(frame.up?)?;
        }
        frame.slots.get(usize::from(at))
    }
}

impl Machine {
    /// The value of an expression in a block; reports of transformers go into the run's.
    pub(super) fn eval(&mut self, code: &Code, block: BlockId, name: &str, pure: &Pure) -> Fallible<Value> {
        let Some(frame) = self.blocks.get(block).map(|block| block.frame) else {
            return Err(Box::default());
        };
        self.eval_in(code, frame, name, pure)
    }

    /// The same in a frame.
    pub(super) fn eval_in(&mut self, code: &Code, frame: FrameId, name: &str, pure: &Pure) -> Fallible<Value> {
        if let Pure::Const(value) = pure {
            return Ok(value.clone());
        }
        let outcome = eval_reported(pure, &Slots { frames: &self.frames, at: frame }, &code.program());
        let outcome = outcome.map_err(Box::<Failure>::from)?;
        if !outcome.report.is_empty() {
            let step = self.path_in(frame, name);
            self.report(&step, outcome.report);
        }
        Ok(outcome.value)
    }

    /// Adds what a transformer or validator said about records.
    pub(super) fn report(&mut self, step: &EcoString, lines: Vec<weir_stdlib::Report>) {
        for line in lines {
            let reason = Value::text(line.reason);
            self.report_line(step.clone(), line.kind, line.record, reason);
        }
    }

    /// Adds one line to the report.
    pub(super) fn report_line(&mut self, step: EcoString, kind: ReportKind, record: Value, reason: Value) {
        self.run.report.push(ReportLine { step, kind, record, reason });
    }

    /// The part of a value that a boundary lets through.
    pub(super) fn narrow(code: &Code, value: &Value, to: &Boundary) -> Result<Value, String> {
        narrow(value, to, &code.plan.types).map_err(|misfit| misfit.to_string())
    }

    /// Puts a value into a slot of a block's frame.
    pub(super) fn set_slot(&mut self, block: BlockId, slot: u16, value: Value) {
        let Some(frame) = self.blocks.get(block).map(|block| block.frame) else { return };
        let place = self.frames.get_mut(frame).and_then(|frame| frame.slots.get_mut(usize::from(slot)));
        if let Some(place) = place {
            *place = value;
        }
    }

    /// The record of the innermost loop: slot 0 of the round.
    pub(super) fn loop_record(&self, frame: FrameId) -> Value {
        let frame = self.frames.get(frame).filter(|frame| frame.round.is_some());
        frame.and_then(|frame| frame.slots.first()).cloned().unwrap_or(Value::NULL)
    }

    /// The path of a step of this name in a frame.
    pub(super) fn path_in(&self, frame: FrameId, name: &str) -> EcoString {
        let mut out = String::with_capacity(48);
        self.write_frame(frame, &mut out);
        push_segment(&mut out, name);
        out.into()
    }

    /// The path of a frame; empty for the entry flow's.
    pub(super) fn frame_path(&self, frame: FrameId) -> EcoString {
        let mut out = String::new();
        self.write_frame(frame, &mut out);
        out.into()
    }

    /// The path of a step under way.
    pub(super) fn task_path(&self, task: TaskId) -> EcoString {
        let mut out = String::with_capacity(48);
        self.write_task(task, &mut out);
        out.into()
    }

    /// The name of a step under way.
    pub(super) fn task_name(&self, code: &Code, task: TaskId) -> EcoString {
        let task = self.tasks.get(task);
        let block = task.and_then(|task| self.blocks.get(task.block));
        let node = task.zip(block).and_then(|(task, block)| code.node(block.code, task.node));
        node.map(|node| node.name.clone()).unwrap_or_default()
    }

    fn write_task(&self, task: TaskId, out: &mut String) {
        let Some(task) = self.tasks.get(task) else { return };
        let Some(block) = self.blocks.get(task.block) else { return };
        self.write_frame(block.frame, out);
        if let Some(node) = self.code.node(block.code, task.node) {
            push_segment(out, &node.name);
        }
    }

    fn write_frame(&self, frame: FrameId, out: &mut String) {
        let Some(frame) = self.frames.get(frame) else { return };
        match &frame.place {
            Place::Entry => {}
            Place::Call { task, attempt } => {
                self.write_task(*task, out);
                push_attempt(out, *attempt);
            }
            Place::Round { task, index } => {
                self.write_task(*task, out);
                let _ = write!(out, "[{index}]");
            }
            Place::At { path, attempt } => {
                out.push_str(path);
                push_attempt(out, *attempt);
            }
        }
    }

    /// The flow that a flow was called by, if any.
    pub(super) fn flow_around(&self, flow: FlowId) -> Option<FlowId> {
        use super::state::Caller;
        let task = match self.flows.get(flow)?.caller {
            Caller::Entry | Caller::Beside(_) => return None,
            Caller::Undo(flow) => return Some(flow),
            Caller::Act(task) | Caller::Check(task) | Caller::Checks(task, _) => task,
        };
        Some(self.blocks.get(self.tasks.get(task)?.block)?.flow)
    }

    /// The full name of a running flow.
    pub(super) fn flow_name(&self, flow: FlowId) -> EcoString {
        let code = self.flows.get(flow).and_then(|flow| self.code.flow(flow.code));
        code.map(|flow| flow.name.clone()).unwrap_or_default()
    }
}

fn push_segment(out: &mut String, name: &str) {
    if !out.is_empty() {
        out.push('/');
    }
    out.push_str(name);
}

fn push_attempt(out: &mut String, attempt: u32) {
    if attempt > 1 {
        let _ = write!(out, "@{attempt}");
    }
}
