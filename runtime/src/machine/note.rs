//! Decisions that people can watch: every one becomes an observed event.

use super::code::Deed;
use super::failure::Failure;
use super::run::Status;
use super::state::{BlockId, FlowId, State, TaskId, Waiter};
use super::{Key, Machine};
use ecow::EcoString;
use jiff::Timestamp;
use serde::Serialize;
use weir_lang::ast::Role;

/// What can be observed, by the names of the command line's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum NoteKind {
    /// The run began.
    #[serde(rename = "run.started")]
    RunStarted,
    /// It begins later, or when there is room for it; the reason says which.
    #[serde(rename = "run.queued")]
    RunQueued,
    /// A person or an event is waited for.
    #[serde(rename = "run.waiting")]
    RunWaiting,
    /// Nothing new is called.
    #[serde(rename = "run.paused")]
    RunPaused,
    /// The run goes on.
    #[serde(rename = "run.resumed")]
    RunResumed,
    /// A saga takes back what it did.
    #[serde(rename = "run.compensating")]
    RunCompensating,
    /// It ended well.
    #[serde(rename = "run.succeeded")]
    RunSucceeded,
    /// A rule stopped it.
    #[serde(rename = "run.blocked")]
    RunBlocked,
    /// It failed.
    #[serde(rename = "run.failed")]
    RunFailed,
    /// It took back what it did.
    #[serde(rename = "run.compensated")]
    RunCompensated,
    /// Something could not be taken back.
    #[serde(rename = "run.compensation_failed")]
    RunCompensationFailed,
    /// It was cancelled.
    #[serde(rename = "run.cancelled")]
    RunCancelled,
    /// Nobody knows whether a call happened; an operator has to say.
    #[serde(rename = "run.needs_attention")]
    RunNeedsAttention,
    /// A step began.
    #[serde(rename = "step.started")]
    StepStarted,
    /// A call waits at its server's gate; the reason says for what.
    #[serde(rename = "step.queued")]
    StepQueued,
    /// A call is made at one of its server's instances. Told when it is, and nowhere kept.
    #[serde(rename = "step.sent")]
    StepSent,
    /// One attempt failed; the reason says what follows.
    #[serde(rename = "step.attempt_failed")]
    AttemptFailed,
    /// How far the tool says that a call is. Told while it lasts, and nowhere kept.
    #[serde(rename = "step.progress")]
    StepProgress,
    /// A step gave its value.
    #[serde(rename = "step.succeeded")]
    StepSucceeded,
    /// A step failed for good.
    #[serde(rename = "step.failed")]
    StepFailed,
    /// A step was not carried out, or its failure does not count.
    #[serde(rename = "step.skipped")]
    StepSkipped,
    /// A call was taken back.
    #[serde(rename = "step.undone")]
    StepUndone,
    /// A call may have happened.
    #[serde(rename = "step.unknown")]
    StepUnknown,
    /// Which branch was taken.
    #[serde(rename = "routing.decision")]
    Routing,
    /// A delivery was not sent: the gate is closed.
    #[serde(rename = "delivery.gated")]
    DeliveryGated,
    /// A budget is used up.
    #[serde(rename = "budget.spent")]
    BudgetSpent,
    /// A campaign has started its flow.
    #[serde(rename = "campaign.started")]
    CampaignStarted,
    /// A campaign has not started its flow; the reason says why.
    #[serde(rename = "campaign.skipped")]
    CampaignSkipped,
    /// A server has failed too often: its calls are refused for a while.
    #[serde(rename = "breaker.opened")]
    BreakerOpened,
    /// A call tries whether a server that was not called is back.
    #[serde(rename = "breaker.half_open")]
    BreakerHalfOpen,
    /// A server answers again.
    #[serde(rename = "breaker.closed")]
    BreakerClosed,
    /// Somebody should look.
    #[serde(rename = "alert.raised")]
    Alert,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note {
    /// What.
    pub event: NoteKind,
    /// Full name of the flow.
    pub flow: EcoString,
    /// Path of the step; empty for the run.
    pub step: EcoString,
    /// Of which attempt.
    pub attempt: Option<u32>,
    /// Why.
    pub reason: Option<String>,
    /// The tool that the step calls.
    pub tool: EcoString,
    /// How many calls of it the step has made: an attempt that was refused is none.
    pub calls: u32,
    /// The arm that a branch took.
    pub arm: Option<EcoString>,
    /// When the next attempt begins, in milliseconds from now.
    pub retry_in_ms: Option<u64>,
    /// How long the step or run took.
    pub duration_ms: Option<i64>,
    /// When.
    pub at: Timestamp,
}

impl Machine {
    pub(super) fn note(
        &mut self,
        event: NoteKind,
        flow: EcoString,
        step: EcoString,
        attempt: Option<u32>,
        reason: Option<String>,
    ) {
        let at = self.run.now;
        self.out.notes.push(Note {
            event,
            flow,
            step,
            attempt,
            reason,
            tool: EcoString::new(),
            calls: 0,
            arm: None,
            retry_in_ms: None,
            duration_ms: None,
            at,
        });
    }

    /// A decision about a step under way.
    pub(super) fn note_task(&mut self, id: TaskId, path: &EcoString, event: NoteKind, reason: Option<String>) {
        let keeps = matches!(event, NoteKind::Alert | NoteKind::RunWaiting | NoteKind::DeliveryGated);
        if !self.detail && !keeps {
            return;
        }
        let flow = self.task_flow(id).map(|flow| self.flow_name(flow)).unwrap_or_default();
        let attempt = self.tasks.get(id).map(|task| task.attempt.max(1));
        let (tool, calls) = (self.tool_of(id), self.calls_of(id));
        self.note(event, flow, path.clone(), attempt, reason);
        if let Some(note) = self.out.notes.last_mut() {
            (note.tool, note.calls) = (tool, calls);
        }
    }

    /// The tool that a step calls; empty where it calls none.
    fn tool_of(&self, id: TaskId) -> EcoString {
        let Some((_, act)) = self.act_of(&self.code, id) else { return EcoString::new() };
        match &act.target {
            Deed::Tool { tool, .. } => self.code.tool(*tool).map(|tool| tool.name.clone()).unwrap_or_default(),
            _ => EcoString::new(),
        }
    }

    fn calls_of(&self, id: TaskId) -> u32 {
        let act = self.tasks.get(id).and_then(|task| task.act.as_ref());
        act.map_or(0, |act| act.calls)
    }

    /// Full name of the flow that a call under way belongs to.
    pub(crate) fn flow_of(&self, key: &Key) -> Option<EcoString> {
        let flow = match *self.waiters.get(&key.step)? {
            Waiter::Task(id) => self.task_flow(id)?,
            Waiter::Undo(id) => id,
            Waiter::Hook | Waiter::Started => return None,
        };
        Some(self.flow_name(flow))
    }

    /// Whether the step is a monitor's, which nobody waits for.
    pub(crate) fn is_telemetry(&self, key: &Key) -> bool {
        let Some(Waiter::Task(id)) = self.waiters.get(&key.step) else { return false };
        let flow = self.task_flow(*id).and_then(|flow| self.flows.get(flow)).and_then(|flow| self.code.flow(flow.code));
        flow.is_some_and(|flow| flow.role == Role::Monitor)
    }

    /// A branch has taken one of its arms.
    pub(super) fn note_arm(&mut self, block: BlockId, name: &str, arm: &EcoString) {
        if !self.detail {
            return;
        }
        self.note_in(block, name, NoteKind::Routing, Some(format!("took `{arm}`")));
        if let Some(note) = self.out.notes.last_mut() {
            note.arm = Some(arm.clone());
        }
    }

    /// A decision about a step that is no task.
    pub(super) fn note_in(&mut self, block: BlockId, name: &str, event: NoteKind, reason: Option<String>) {
        let Some(block) = self.blocks.get(block).filter(|_| self.detail) else { return };
        let (flow, path) = (self.flow_name(block.flow), self.path_in(block.frame, name));
        self.note(event, flow, path, None, reason);
    }

    /// A step under way has ended.
    pub(super) fn note_task_end(&mut self, id: TaskId, failure: Option<&Failure>) {
        if !self.detail {
            return;
        }
        let Some(task) = self.tasks.get(id) else { return };
        if matches!(task.state, State::Arm(_) | State::Loop(_) | State::Beside) && failure.is_none() {
            return;
        }
        let path = self.task_path(id);
        let took = self.run.now.duration_since(task.began).as_millis();
        let event = if failure.is_some() { NoteKind::StepFailed } else { NoteKind::StepSucceeded };
        self.note_task(id, &path, event, failure.map(Failure::shown));
        if let Some(note) = self.out.notes.last_mut() {
            note.duration_ms = i64::try_from(took).ok();
        }
    }

    /// A call was taken back.
    pub(super) fn note_undone(&mut self, flow: FlowId, step: &EcoString, attempt: u32, took: i128) {
        let name = self.flow_name(flow);
        self.note(NoteKind::StepUndone, name, step.clone(), Some(attempt), None);
        if let Some(note) = self.out.notes.last_mut() {
            note.duration_ms = i64::try_from(took).ok();
        }
    }

    /// A decision about a flow inside the run.
    pub(super) fn note_flow(&mut self, flow: FlowId, event: NoteKind, reason: String) {
        let path = self.flows.get(flow).map(|flow| self.frame_path(flow.frame)).unwrap_or_default();
        let name = self.flow_name(flow);
        self.note(event, name, path, None, Some(reason));
    }

    /// A decision about the run.
    pub(super) fn note_run(&mut self, event: NoteKind, reason: Option<String>) {
        let flow = self.run.flow.clone();
        self.note(event, flow, EcoString::new(), None, reason);
    }

    /// How the run ended.
    pub(super) fn note_end(&mut self, status: Status) {
        let event = match status {
            Status::Blocked => NoteKind::RunBlocked,
            Status::Compensated => NoteKind::RunCompensated,
            Status::CompensationFailed => NoteKind::RunCompensationFailed,
            Status::Cancelled => NoteKind::RunCancelled,
            Status::NeedsAttention => NoteKind::RunNeedsAttention,
            Status::Failed => NoteKind::RunFailed,
            _ => NoteKind::RunSucceeded,
        };
        let reason = self.run.failure.as_ref().map(|failure| failure.shown());
        self.note_run(event, reason);
        let took = self.run.started_at.map(|began| self.run.now.duration_since(began).as_millis());
        if let Some(note) = self.out.notes.last_mut() {
            note.duration_ms = took.and_then(|took| i64::try_from(took).ok());
        }
    }
}
