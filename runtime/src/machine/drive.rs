//! Running blocks: which step may start, what follows when one is through, how a block ends. A queue instead of
//! recursion: depth does not grow with the length of a run.

use super::Machine;
use super::code::Code;
use super::failure::Failure;
use super::state::{Block, BlockId, FlowId, FrameId, Owner, Stop, Task, TaskId, Work};
use super::steps::Begun;
use super::{LIVE, STEPS};
use weir_stdlib::value::Value;

impl Machine {
    /// Everything that follows from what was told, until only events can bring the run further.
    pub(super) fn drive(&mut self, code: &Code) {
        loop {
            match self.work.pop_front() {
                Some(Work::Pump(block)) => self.pump(code, block),
                Some(Work::Undo(flow)) => self.undo_next(code, flow),
                None if self.next_beside(code) => {}
                None => break,
            }
        }
    }

    /// Begins a block; its steps start when the queue comes to it.
    pub(super) fn open_block(
        &mut self,
        code: &Code,
        number: u32,
        frame: FrameId,
        flow: FlowId,
        owner: Owner,
    ) -> BlockId {
        let plan = code.blocks.get(number as usize);
        let mut ready = plan.map(|plan| plan.first.clone()).unwrap_or_default();
        ready.reverse();
        let block = self.blocks.insert(Block {
            code: number,
            frame,
            flow,
            owner,
            waits_for: plan.map(|plan| plan.waits_for.clone()).unwrap_or_default(),
            ready,
            unfinished: plan.map_or(0, |plan| plan.nodes.len()),
            live: Vec::new(),
            stop: None,
        });
        self.work.push_back(Work::Pump(block));
        block
    }

    /// Starts what may start, in the order of the text, and ends the block when nothing is left.
    fn pump(&mut self, code: &Code, id: BlockId) {
        while let Some(block) = self.blocks.get_mut(id) {
            if block.stop.is_some() {
                break;
            }
            let Some(node) = block.ready.pop() else { break };
            match self.begin(code, id, node) {
                Begun::Through(value) => self.through(code, id, node, value),
                Begun::Waits => {}
                Begun::Stops(stop) => self.stop_block(code, id, node, stop),
            }
        }
        let Some(block) = self.blocks.get(id) else { return };
        let done = block.stop.is_some() || block.unfinished == 0;
        if done && block.live.is_empty() {
            self.end_block(code, id);
        }
    }

    /// A step's value is known: bind it, and let those that waited for it come closer.
    pub(super) fn through(&mut self, code: &Code, id: BlockId, node: u32, value: Value) {
        let Some(block) = self.blocks.get_mut(id) else { return };
        block.unfinished = block.unfinished.saturating_sub(1);
        let Some(plan) = code.node(block.code, node) else { return };
        for next in &plan.then {
            let Some(waits) = block.waits_for.get_mut(*next as usize) else { continue };
            *waits = waits.saturating_sub(1);
            if *waits == 0 {
                let place = block.ready.partition_point(|other| other > next);
                block.ready.insert(place, *next);
            }
        }
        if let Some(slot) = plan.bind {
            self.set_slot(id, slot, value);
        }
    }

    /// A step begins to wait for something.
    pub(super) fn open_task(&mut self, block: BlockId, task: Task) -> TaskId {
        let node = task.node;
        let id = self.tasks.insert(task);
        if let Some(block) = self.blocks.get_mut(block) {
            let place = block.live.partition_point(|(other, _)| *other < node);
            block.live.insert(place, (node, id));
        }
        id
    }

    /// A step no longer waits. Whoever is interested in the block looks at it next.
    pub(super) fn close_task(&mut self, id: TaskId) -> Option<Task> {
        let path = self.tasks.get(id).filter(|task| !task.owed.is_empty()).map(|_| self.task_path(id));
        let mut task = self.tasks.remove(id)?;
        if let Some(path) = path {
            let owed = std::mem::take(&mut task.owed);
            self.waiters.remove(&path);
            self.withdraw(&owed);
        }
        if let Some(block) = self.blocks.get_mut(task.block) {
            let place = block.live.partition_point(|(other, _)| *other < task.node);
            if block.live.get(place).is_some_and(|(other, _)| *other == task.node) {
                block.live.remove(place);
            }
        }
        self.work.push_back(Work::Pump(task.block));
        Some(task)
    }

    /// A step that waited has its value.
    pub(super) fn finish_task(&mut self, code: &Code, id: TaskId, value: Value) {
        self.note_task_end(id, None);
        if let Some(task) = self.close_task(id)
            && !self.stopping(task.block)
        {
            self.through(code, task.block, task.node, value);
        }
    }

    /// A step that waited has failed for good, or ends more than itself.
    pub(super) fn stop_task(&mut self, code: &Code, id: TaskId, stop: Stop) {
        if let Stop::Fail(failure) = &stop {
            let failure = failure.clone();
            if self.attend_unknown(code, id, &failure) {
                return;
            }
            self.note_task_end(id, Some(&failure));
        }
        if let Some(task) = self.close_task(id) {
            self.stop_block(code, task.block, task.node, stop);
        }
    }

    /// Every step of the block is through, or what stopped it has come to rest.
    fn end_block(&mut self, code: &Code, id: BlockId) {
        let Some(block) = self.blocks.get_mut(id) else { return };
        let (owner, frame, number) = (block.owner, block.frame, block.code);
        let end = match block.stop.take() {
            Some((_, stop)) => Err(stop),
            None => {
                let value = code.blocks.get(number as usize).and_then(|plan| plan.value.as_ref());
                let name = match owner {
                    Owner::Arm(task) | Owner::Handler(task) => self.task_name(code, task),
                    Owner::Flow(_) | Owner::Round(..) => "value".into(),
                };
                let value = value.map_or(Ok(Value::NULL), |value| self.eval_in(code, frame, &name, value));
                value.map_err(|failure| Stop::Fail(failure.at(&self.path_in(frame, &name))))
            }
        };
        self.blocks.remove(id);
        match owner {
            Owner::Flow(flow) => self.flow_body_ended(code, flow, end),
            Owner::Round(task, index) => self.round_ended(code, task, index, frame, end),
            Owner::Arm(task) => match end {
                Ok(value) => self.finish_task(code, task, value),
                Err(stop) => self.stop_task(code, task, stop),
            },
            Owner::Handler(task) => self.handler_ended(code, task, end),
        }
    }

    /// Whether nothing new starts in a block.
    pub(super) fn stopping(&self, block: BlockId) -> bool {
        self.blocks.get(block).is_none_or(|block| block.stop.is_some())
    }

    /// One more step, unless that is too many.
    pub(super) fn count_step(&mut self) -> Result<(), Box<Failure>> {
        self.run.worked += 1;
        if self.run.worked > STEPS {
            return Err(Failure::new("budget", format!("the run has taken {STEPS} steps, which is the most")));
        }
        if self.tasks.len() >= LIVE {
            let message = format!("{LIVE} steps are under way, which is the most: lower `parallel`");
            return Err(Failure::new("budget", message));
        }
        Ok(())
    }
}
