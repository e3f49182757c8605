//! Calls that come back unfinished: their tool asks a person something, or works on as a task of its own. The call is
//! made again with the answers and with what the tool wants to see again; until then a question is open like that of
//! an `ask`, and no attempt's time runs.

use super::Machine;
use super::code::Code;
use super::event::{AskEffect, CallEffect, Effect};
use super::failure::Failure;
use super::note::NoteKind;
use super::state::{FlowId, TaskId};
use crate::tool::{Continuation, Fault, Unfinished};
use weir_lang::types::Type;
use weir_stdlib::value::Value;

/// How often one attempt may come back.
const ROUNDS: u32 = 16;

/// A call that came back, and what with.
#[derive(Debug)]
pub(super) struct Suspended {
    call: CallEffect,
    left: Unfinished,
}

impl Machine {
    /// A step's call has come back: goes on with it, or asks first.
    pub(super) fn call_unfinished(&mut self, code: &Code, id: TaskId, call: CallEffect, left: Unfinished) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        let block = task.block;
        let Some(run) = task.act.as_mut() else { return };
        run.rounds += 1;
        if run.rounds > ROUNDS {
            let message = format!("`{}` came back more than {ROUNDS} times without an end", call.tool);
            return self.call_failed(code, id, &Fault::open("bad_response", message));
        }
        if left.questions.is_empty() {
            let call = goes_on(call, left, None);
            return self.owe(id, Effect::Call(Box::new(call)));
        }
        if self.stopping(block) || self.is_beside(id) {
            let call = goes_on(call, left, Some(&Value::NULL));
            return self.owe(id, Effect::Call(Box::new(call)));
        }
        let ask = AskEffect {
            key: call.key.clone(),
            question: question(&call, &left),
            ty: answer_type(&left),
            from: None,
            until: None,
        };
        let reason = format!("asks {}", ask.question.mask().display_text());
        if let Some(run) = self.tasks.get_mut(id).and_then(|task| task.act.as_mut()) {
            run.suspended = Some(Box::new(Suspended { call, left }));
        }
        let path = self.task_path(id);
        self.note_task(id, &path, NoteKind::RunWaiting, Some(reason));
        self.owe(id, Effect::Ask(Box::new(ask)));
    }

    /// A tool's question was answered: the call is made again. Gives false where the step has no such call.
    pub(super) fn call_answered(&mut self, id: TaskId, answer: &Value) -> bool {
        let suspended = self.tasks.get_mut(id).and_then(|task| task.act.as_mut()?.suspended.take());
        let Some(suspended) = suspended else { return false };
        let Suspended { call, left } = *suspended;
        let call = goes_on(call, left, Some(answer));
        self.owe(id, Effect::Call(Box::new(call)));
        true
    }

    /// The step is to end: its question is withdrawn, and the tool is told that there is no answer, so that it lets go of
    /// what it holds. Gives false where nothing was asked.
    pub(super) fn answer_nothing(&mut self, id: TaskId) -> bool {
        let asks = self.tasks.get(id).is_some_and(|task| task.act.as_ref().is_some_and(|run| run.suspended.is_some()));
        if asks {
            self.settle_owed(id, None);
        }
        asks && self.call_answered(id, &Value::NULL)
    }

    /// A call that takes something back has come back. It may work on; asking is more than an undo may do.
    pub(super) fn undo_unfinished(&mut self, id: FlowId, call: CallEffect, left: Unfinished) {
        if left.questions.is_empty() {
            let call = goes_on(call, left, None);
            return self.undo_owes(id, Effect::Call(Box::new(call)));
        }
        let message = format!("`{}` asks a person something, which no `undo` can answer", call.tool);
        self.undo_failed(id, &Failure::new("failed", message));
    }
}

/// The same call once more, with what it needs to go on.
fn goes_on(call: CallEffect, left: Unfinished, answer: Option<&Value>) -> CallEffect {
    let one = left.questions.len() == 1;
    let answers = left.questions.into_iter().map(|question| {
        let value = match answer {
            Some(answer) if one => answer.clone(),
            Some(answer) => answer.field(&question.id),
            None => Value::NULL,
        };
        (question.id, value)
    });
    let rest = Continuation {
        declined: answer.is_some_and(Value::is_null),
        answers: answers.collect(),
        state: left.state,
        task: left.task,
        instance: left.instance,
    };
    CallEffect { rest: Some(Box::new(rest)), ..call }
}

fn question(call: &CallEffect, left: &Unfinished) -> Value {
    let texts: Vec<&str> = left.questions.iter().map(|question| question.text.as_str()).collect();
    Value::text(format!("`{}` asks: {}", call.tool, texts.join("\n")))
}

/// What the answer must fit; null declines.
fn answer_type(left: &Unfinished) -> Type {
    let ty = match left.questions.as_slice() {
        [one] => one.ty.clone(),
        many => Type::record(many.iter().map(|question| (question.id.clone(), question.ty.clone()))),
    };
    ty.nullable()
}
