//! `catch`, `fallback`, `optional`: layers of handlers, an error in one goes to the next.

use super::Machine;
use super::code::{ActCode, Code, Deed, Handler, Layer};
use super::failure::Failure;
use super::note::NoteKind;
use super::state::{Owner, State, Stop, TaskId};
use weir_lang::ast::Role;
use weir_stdlib::ReportKind;
use weir_stdlib::value::Value;

impl Machine {
    /// The first layer left that takes the failure handles it; else the step has failed for good.
    pub(super) fn handle(&mut self, code: &Code, id: TaskId, act: &ActCode, failure: Box<Failure>) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        let block = task.block;
        let Some(run) = task.act.as_mut() else { return };
        let taken = act.layers.iter().enumerate().skip(run.layer).find_map(|(at, layer)| {
            let arm = layer.arms.iter().find(|arm| failure.taken_by(&arm.codes))?;
            Some((at, layer, arm))
        });
        let Some((at, layer, arm)) = taken else {
            return self.give_up(code, id, failure);
        };
        let lookup = failure.code == "unknown" && matches!(act.target, Deed::Tool { .. } | Deed::Flow { .. });
        if self.stopping(block) && !lookup {
            self.settle_owed(id, None);
            self.close_task(id);
            return;
        }
        if let Some(run) = self.tasks.get_mut(id).and_then(|task| task.act.as_mut()) {
            run.layer = at + 1;
        }
        self.open_handler(code, id, layer, arm, &failure, lookup);
    }

    fn open_handler(&mut self, code: &Code, id: TaskId, layer: &Layer, arm: &Handler, failure: &Failure, lookup: bool) {
        let Some(block) = self.tasks.get(id).map(|task| task.block) else { return };
        let Some((frame, flow)) = self.blocks.get(block).map(|block| (block.frame, block.flow)) else { return };
        let path = self.task_path(id);
        if layer.optional {
            self.note_task(id, &path, NoteKind::StepSkipped, Some(format!("optional: {}", failure.shown())));
            self.mark_partial(code, block, id, failure);
        } else {
            self.note_task(id, &path, NoteKind::Routing, Some(format!("caught {}", failure.shown())));
        }
        if let Some(slot) = arm.error {
            self.set_slot(block, slot, failure.record());
        }
        let block = self.open_block(code, arm.block, frame, flow, Owner::Handler(id));
        if let Some(task) = self.tasks.get_mut(id) {
            task.state = State::Handler { block, lookup };
        }
    }

    /// Taking `optional` leaves the flow partial; in an enricher the record is annotated too.
    fn mark_partial(&mut self, code: &Code, block: super::state::BlockId, id: TaskId, failure: &Failure) {
        let Some(running) = self.blocks.get(block) else { return };
        let Some(flow) = self.flows.get_mut(running.flow) else { return };
        flow.partial = true;
        if code.flow(flow.code).is_some_and(|plan| plan.role == Role::Enricher) {
            let name = self.tasks.get(id).and_then(|task| code.node(running.code, task.node));
            let name = name.map(|node| node.name.clone()).unwrap_or_default();
            let reason = format!("`{name}` is missing: {}", failure.shown());
            let reason = Value::text(reason).with_labels(failure.message.labels.clone());
            self.remark(block, &name, ReportKind::Annotated, reason);
        }
    }

    /// A handler has come to an end.
    pub(super) fn handler_ended(&mut self, code: &Code, id: TaskId, end: Result<Value, Stop>) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        let lookup = matches!(task.state, State::Handler { lookup: true, .. });
        task.state = State::Owed;
        let (block, node) = (task.block, task.node);
        let number = self.blocks.get(block).map(|block| block.code);
        let Some(act) = number.and_then(|number| code.act(number, node)) else { return };
        match end {
            Ok(value) => {
                if lookup && !value.is_null() {
                    self.set_slot(block, act.result, value.clone());
                    self.completed(code, id, act, &value, false);
                    if matches!(act.target, Deed::Flow { .. }) && act.undo.is_none() && !act.is_final {
                        self.not_to_be_undone(id);
                    }
                }
                self.finish_task(code, id, value);
            }
            Err(Stop::Fail(mut failure)) => {
                if lookup {
                    let message = format!("looking up what happened failed at `{}`: {}", failure.step, failure.shown());
                    failure.message = Value::text(message).with_labels(failure.message.labels.clone());
                    failure.code = "unknown".into();
                }
                self.handle(code, id, act, failure);
            }
            Err(stop) => self.stop_task(code, id, stop),
        }
    }
}
