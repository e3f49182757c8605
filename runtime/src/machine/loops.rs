//! `for` and `repeat`: rounds as frames, so many at once, results in the order of the list. A finished round leaves
//! only its results.

use super::Machine;
use super::WIDTH;
use super::code::{Code, Op};
use super::failure::{Failure, Fallible};
use super::state::{BlockId, Frame, FrameId, LoopRun, Owner, Place, Round, State, Stop, TaskId};
use super::steps::Begun;
use ecow::EcoString;
use std::collections::BTreeMap;
use weir_stdlib::pure::Pure;
use weir_stdlib::value::Value;

impl Machine {
    /// How many rounds each loop over a list that is under way has.
    pub(crate) fn rounds(&self) -> Vec<(EcoString, usize)> {
        let mut all = Vec::new();
        for (_, id) in self.blocks.iter().flat_map(|block| &block.live) {
            let Some(State::Loop(run)) = self.tasks.get(*id).map(|task| &task.state) else { continue };
            if run.state.is_none() {
                all.push((self.task_path(*id), run.total));
            }
        }
        all
    }

    /// `for`
    pub(super) fn begin_for(
        &mut self,
        code: &Code,
        id: BlockId,
        node: u32,
        name: &str,
        source: &Pure,
        parallel: Option<&Pure>,
    ) -> Fallible<Begun> {
        let items = self.eval(code, id, name, source)?;
        let total = items
            .as_list()
            .map(<[Value]>::len)
            .ok_or_else(|| Failure::new("invalid_input", format!("`for` goes over a list, found {}", items.kind())))?;
        let width = match parallel {
            Some(width) => self.eval(code, id, name, width)?.as_int().unwrap_or(1),
            None => 1,
        };
        let width = usize::try_from(width).ok().filter(|width| *width > 0).ok_or_else(|| {
            Failure::new("invalid_input", format!("`parallel {width}`: at least one round has to run"))
        })?;
        if total == 0 {
            return Ok(Begun::Through(Value::list(Vec::new())));
        }
        self.begin_loop(code, id, node, items, None, total, width.min(WIDTH));
        Ok(Begun::Waits)
    }

    /// `repeat`
    pub(super) fn begin_repeat(
        &mut self,
        code: &Code,
        id: BlockId,
        node: u32,
        name: &str,
        init: &Pure,
        at_most: &Pure,
    ) -> Fallible<Begun> {
        let init = self.eval(code, id, name, init)?;
        let most = self.eval(code, id, name, at_most)?.as_int().unwrap_or(0);
        let most = usize::try_from(most).unwrap_or(0);
        if most == 0 {
            return Ok(Begun::Through(Value::list(Vec::new())));
        }
        self.begin_loop(code, id, node, Value::NULL, Some(init), most, 1);
        Ok(Begun::Waits)
    }

    #[allow(clippy::too_many_arguments)]
    fn begin_loop(
        &mut self,
        code: &Code,
        id: BlockId,
        node: u32,
        items: Value,
        state: Option<Value>,
        total: usize,
        width: usize,
    ) {
        let mut task = self.new_task(id, node);
        let (live, early) = (BTreeMap::new(), BTreeMap::new());
        let run =
            LoopRun { items, state, next: 0, total, width, live, early, merged: 0, out: Vec::new(), failed: None };
        task.state = State::Loop(Box::new(run));
        let task = self.open_task(id, task);
        self.advance_loop(code, task);
    }

    /// Starts as many rounds as may run, or ends the loop.
    fn advance_loop(&mut self, code: &Code, id: TaskId) {
        let stopping = self.tasks.get(id).is_none_or(|task| self.stopping(task.block));
        while let Some(run) = self.loop_of(id) {
            let full = run.live.len() >= run.width || run.next >= run.total;
            let Some(first) = (if stopping || full || run.failed.is_some() { None } else { run.first_slots() }) else {
                break;
            };
            let index = run.next;
            run.next += 1;
            self.open_round(code, id, index, first);
        }
        let Some(run) = self.loop_of(id).filter(|run| run.live.is_empty()) else { return };
        let out = std::mem::take(&mut run.out);
        match run.failed.take() {
            _ if stopping => {
                self.close_task(id);
            }
            Some((_, stop)) => self.stop_task(code, id, stop),
            None => self.finish_task(code, id, Value::list(out)),
        }
    }

    fn loop_of(&mut self, id: TaskId) -> Option<&mut LoopRun> {
        match &mut self.tasks.get_mut(id)?.state {
            State::Loop(run) => Some(run),
            _ => None,
        }
    }

    fn open_round(&mut self, code: &Code, id: TaskId, index: usize, first: Value) {
        let Some(task) = self.tasks.get(id) else { return };
        let Some(block) = self.blocks.get(task.block) else { return };
        let (slots, body, repeats) = match code.node(block.code, task.node).map(|node| &node.op) {
            Some(Op::For { slots, body, .. }) => (*slots, *body, false),
            Some(Op::Repeat { slots, body, .. }) => (*slots, *body, true),
            _ => return,
        };
        let (up, flow) = (block.frame, block.flow);
        let mut values = vec![Value::NULL; usize::from(slots)];
        if let Some(slot) = values.get_mut(0) {
            *slot = first;
        }
        if let Some(slot) = values.get_mut(1).filter(|_| !repeats) {
            *slot = Value::int(i64::try_from(index).unwrap_or(i64::MAX));
        }
        let place = Place::Round { task: id, index };
        let frame = Frame { slots: values, up: Some(up), place, round: Some(Box::new(Round::default())) };
        let frame = self.frames.insert(frame);
        let block = self.open_block(code, body, frame, flow, Owner::Round(id, index));
        if let Some(run) = self.loop_of(id) {
            run.live.insert(index, block);
        }
    }

    /// A round is over; its frame goes, its results stay.
    pub(super) fn round_ended(
        &mut self,
        code: &Code,
        id: TaskId,
        index: usize,
        frame: FrameId,
        end: Result<Value, Stop>,
    ) {
        let said = self.frames.remove(frame).and_then(|frame| frame.round).unwrap_or_default();
        let Some(run) = self.loop_of(id) else { return };
        run.live.remove(&index);
        match end {
            Ok(_) => run.take(index, *said),
            Err(Stop::Drop) => run.take(index, Round { yields: Vec::new(), next: said.next }),
            Err(stop) => self.round_failed(code, id, index, stop),
        }
        self.reached_most(id);
        self.advance_loop(code, id);
    }

    /// No new rounds; the others come to rest. Of several failures the one of the first round counts.
    fn round_failed(&mut self, code: &Code, id: TaskId, index: usize, stop: Stop) {
        let Some(run) = self.loop_of(id) else { return };
        let rank = |stop: &Stop| match stop {
            Stop::Fail(failure) if failure.code != "cancelled" => 0,
            Stop::Return => 1,
            _ => 2,
        };
        let first = run.failed.as_ref().is_none_or(|(at, had)| (rank(&stop), index) < (rank(had), *at));
        let fresh = run.failed.is_none();
        if first {
            run.failed = Some((index, stop.clone()));
        }
        if !fresh {
            return;
        }
        let live: Vec<BlockId> = run.live.values().copied().collect();
        let cause = super::stop::cause_of(&stop);
        for block in live {
            self.abort_block(code, block, &cause);
        }
    }

    /// A `repeat` that would go on but may not leaves the flow partial.
    fn reached_most(&mut self, id: TaskId) {
        let Some(run) = self.loop_of(id) else { return };
        if run.next < run.total || run.state.take().is_none() {
            return;
        }
        let most = run.total;
        let path = self.task_path(id);
        let reason = format!("`repeat` reached its maximum of {most} rounds: the result is partial");
        self.note_task(id, &path, super::NoteKind::StepSkipped, Some(reason));
        let flow = self.tasks.get(id).and_then(|task| self.blocks.get(task.block)).map(|block| block.flow);
        if let Some(flow) = flow.and_then(|flow| self.flows.get_mut(flow)) {
            flow.partial = true;
        }
    }
}

impl LoopRun {
    /// Slot 0 of the next round; None when `repeat` has no next state.
    fn first_slots(&mut self) -> Option<Value> {
        match self.items.as_list() {
            Some(items) => items.get(self.next).map(|item| item.clone().joined(&self.items.labels)),
            None => self.state.take(),
        }
    }

    /// Keeps the results of a round, in the order of the list.
    fn take(&mut self, index: usize, mut said: Round) {
        if self.items.is_null() {
            self.state = said.next.filter(|next| !next.is_null());
        }
        said.yields.sort_by_key(|(order, _)| *order);
        let values = said.yields.into_iter().map(|(_, value)| value);
        if index == self.merged {
            self.out.extend(values);
            self.merged += 1;
            while let Some(values) = self.early.remove(&self.merged) {
                self.out.extend(values);
                self.merged += 1;
            }
        } else {
            self.early.insert(index, values.collect());
        }
    }
}
