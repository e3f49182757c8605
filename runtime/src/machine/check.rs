//! `check v(x)`: a validator that blocks its caller; on a list, one that sorts the elements out.

use super::Machine;
use super::code::Code;
use super::failure::{Failure, Fallible};
use super::note::NoteKind;
use super::state::{BlockId, Caller, ChecksRun, FlowId, Place, State, Stop, TaskId};
use super::steps::Begun;
use ecow::EcoString;
use std::collections::BTreeMap;
use weir_compiler::plan::CheckPlan;
use weir_stdlib::ReportKind;
use weir_stdlib::value::Value;

/// Elements that one `check` looks at side by side: validators only read.
const BESIDE: usize = 8;

impl Machine {
    /// `check`
    pub(super) fn begin_check(
        &mut self,
        code: &Code,
        id: BlockId,
        node: u32,
        name: &str,
        check: &CheckPlan,
    ) -> Fallible<Begun> {
        let first = self.eval(code, id, name, &check.first)?;
        let rest = self.eval(code, id, name, &check.rest)?;
        if check.each {
            return self.begin_checks(code, id, node, name, check, first, &rest);
        }
        let bound = self.bind_check(code, check.flow, &first, &rest)?;
        if let Some(function) = code.flow(check.flow).and_then(|flow| flow.function) {
            let path = self.block_path(id, name);
            self.call_function(code, function, bound, &path)?;
            return Ok(Begun::Through(first));
        }
        let task = self.open_task(id, self.new_task(id, node));
        let path = self.task_path(task);
        self.note_task(task, &path, NoteKind::StepStarted, None);
        let around = self.blocks.get(id).map(|block| block.flow);
        let place = Place::Call { task, attempt: 1 };
        match self.open_flow(code, check.flow, bound, place, Caller::Check(task), around) {
            Ok(flow) => {
                if let Some(task) = self.tasks.get_mut(task) {
                    task.state = State::Check { flow, value: first };
                }
            }
            Err(failure) => self.stop_task(code, task, Stop::Fail(failure.at(&path))),
        }
        Ok(Begun::Waits)
    }

    fn block_path(&self, id: BlockId, name: &str) -> EcoString {
        self.blocks.get(id).map(|block| self.path_in(block.frame, name)).unwrap_or_default()
    }

    fn bind_check(&self, code: &Code, flow: u32, first: &Value, rest: &Value) -> Fallible<Vec<Value>> {
        self.bind(code, flow, &|at, name| {
            if at == 0 {
                return Some(first.clone());
            }
            rest.as_record().and_then(|record| record.fields.get(name)).cloned()
        })
    }

    /// The validator has spoken.
    pub(super) fn check_ended(&mut self, code: &Code, id: TaskId, failure: Option<Box<Failure>>) {
        match failure {
            Some(failure) => {
                let path = self.task_path(id);
                self.stop_task(code, id, Stop::Fail(failure.at(&path)));
            }
            None => {
                let value = match self.tasks.get(id).map(|task| &task.state) {
                    Some(State::Check { value, .. }) => value.clone(),
                    _ => Value::NULL,
                };
                self.finish_task(code, id, value);
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn begin_checks(
        &mut self,
        code: &Code,
        id: BlockId,
        node: u32,
        name: &str,
        check: &CheckPlan,
        items: Value,
        rest: &Value,
    ) -> Fallible<Begun> {
        let Some(elements) = items.as_list() else {
            return Err(Failure::new("invalid_input", format!("`check` goes over a list, found {}", items.kind())));
        };
        let Some(function) = code.flow(check.flow).and_then(|flow| flow.function) else {
            let run =
                ChecksRun { items: items.clone(), next: 0, live: BTreeMap::new(), kept: BTreeMap::new(), failed: None };
            let mut task = self.new_task(id, node);
            task.state = State::Checks(Box::new(run));
            let task = self.open_task(id, task);
            self.advance_checks(code, task);
            return Ok(Begun::Waits);
        };
        let path = self.block_path(id, name);
        let mut kept = Vec::with_capacity(elements.len());
        for element in elements {
            let element = element.clone().joined(&items.labels);
            let bound = self.bind_check(code, check.flow, &element, rest);
            let verdict = bound.and_then(|bound| self.call_function(code, function, bound, &path));
            match verdict {
                Ok(_) => kept.push(element),
                Err(failure) if failure.code == "blocked" => self.reject(path.clone(), element, &failure),
                Err(failure) => return Err(failure),
            }
        }
        Ok(Begun::Through(Value::list(kept).with_labels(items.labels.clone())))
    }

    fn reject(&mut self, path: EcoString, element: Value, failure: &Failure) {
        self.report_line(path, ReportKind::Rejected, element, failure.message.clone());
    }

    fn checks_of(&mut self, id: TaskId) -> Option<&mut ChecksRun> {
        match &mut self.tasks.get_mut(id)?.state {
            State::Checks(run) => Some(run),
            _ => None,
        }
    }

    fn advance_checks(&mut self, code: &Code, id: TaskId) {
        let stopping = self.tasks.get(id).is_none_or(|task| self.stopping(task.block));
        while let Some(run) = self.checks_of(id) {
            let items = run.items.as_list().unwrap_or_default();
            let Some(element) = items.get(run.next) else { break };
            if stopping || run.failed.is_some() || run.live.len() >= BESIDE {
                break;
            }
            let element = element.clone().joined(&run.items.labels);
            let index = run.next;
            run.next += 1;
            match self.open_one_check(code, id, index, &element) {
                Ok(flow) => {
                    if let Some(run) = self.checks_of(id) {
                        run.live.insert(index, flow);
                        run.kept.insert(index, element);
                    }
                }
                Err(failure) => {
                    let failure = failure.at(&self.task_path(id));
                    if let Some(run) = self.checks_of(id) {
                        run.failed = Some((index, failure));
                    }
                }
            }
        }
        let Some(run) = self.checks_of(id).filter(|run| run.live.is_empty()) else { return };
        let kept: Vec<Value> = std::mem::take(&mut run.kept).into_values().collect();
        let labels = run.items.labels.clone();
        match run.failed.take() {
            _ if stopping => {
                self.close_task(id);
            }
            Some((_, failure)) => self.stop_task(code, id, Stop::Fail(failure)),
            None => self.finish_task(code, id, Value::list(kept).with_labels(labels)),
        }
    }

    fn open_one_check(&mut self, code: &Code, id: TaskId, index: usize, element: &Value) -> Fallible<FlowId> {
        let Some(task) = self.tasks.get(id) else { return Err(Box::default()) };
        let (block, node) = (task.block, task.node);
        let Some((number, around)) = self.blocks.get(block).map(|block| (block.code, block.flow)) else {
            return Err(Box::default());
        };
        let Some(super::code::Op::Check(check)) = code.node(number, node).map(|node| &node.op) else {
            return Err(Box::default());
        };
        let rest = self.eval(code, block, "check", &check.rest)?;
        let bound = self.bind_check(code, check.flow, element, &rest)?;
        let place = Place::Round { task: id, index };
        self.open_flow(code, check.flow, bound, place, Caller::Checks(id, index), Some(around))
    }

    /// One element's validator has spoken.
    pub(super) fn checks_ended(&mut self, code: &Code, id: TaskId, index: usize, failure: Option<Box<Failure>>) {
        let path = self.task_path(id);
        let Some(run) = self.checks_of(id) else { return };
        run.live.remove(&index);
        if let Some(failure) = failure {
            let element = run.kept.remove(&index).unwrap_or(Value::NULL);
            if failure.code == "blocked" {
                self.reject(format!("{path}[{index}]").into(), element, &failure);
            } else if run.failed.as_ref().is_none_or(|(first, _)| index < *first) {
                run.failed = Some((index, failure.at(&path)));
            }
        }
        self.advance_checks(code, id);
    }
}
