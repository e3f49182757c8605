//! What stands in a line: a run in the queue, a call at the gate of its server. No event says so; it is worked out when
//! somebody looks.

use super::carry::Message;
use super::local::{LocalEngine, spawned};
use super::queue::Taken;
use super::run::RunLoop;
use super::{Engine, EngineError};
use crate::envelope::{Envelope, Waiting};
use crate::journal::{Filter, RunRecord, Standing};
use crate::machine::{Status, path};
use ecow::EcoString;
use jiff::Timestamp;
use std::sync::PoisonError;

impl LocalEngine {
    /// The envelope with what a run that has not begun waits for.
    pub(super) fn with_standing(&self, mut envelope: Envelope) -> Envelope {
        let metadata = &mut envelope.metadata;
        if matches!(metadata.status, Status::Queued | Status::Running) {
            let found = self.inner.journal.standing(&metadata.run_id, self.now());
            metadata.waiting.extend(found.ok().flatten().map(queued));
        }
        envelope
    }

    /// As [`super::Engine::carry_on`], and whether somebody else has the run: then it is as it was found.
    ///
    /// # Errors
    /// As [`super::Engine::carry_on`].
    pub async fn carry_on_or_leave(&self, run_id: &str) -> Result<(Envelope, bool), EngineError> {
        match self.take_due(run_id).await? {
            Taken::Go(run) => Ok((spawned(*run).await?, false)),
            Taken::Over(envelope) => Ok((*envelope, false)),
            Taken::Full(_) | Taken::Later => Ok((self.status(run_id).await?, false)),
            Taken::Elsewhere => Ok((self.status(run_id).await?, true)),
        }
    }

    /// A run as it is listed.
    pub(super) fn listed(&self, run_id: &str) -> Result<Option<RunRecord>, EngineError> {
        let filter = Filter { id: Some(run_id.into()), limit: 1, ..Filter::default() };
        let found = self.inner.journal.list(&filter).map_err(|source| EngineError::of(run_id, source))?;
        Ok(found.into_iter().next())
    }

    /// Whether a run is over, as it is listed.
    pub(super) fn has_ended(&self, run_id: &str) -> Result<bool, EngineError> {
        Ok(self.listed(run_id)?.is_some_and(|run| run.finished_at.is_some()))
    }

    /// The calls of a run that wait in line, where it is under way here.
    pub(super) async fn lines(&self, run_id: &str) -> Vec<Waiting> {
        let Some(sender) = self.sender(run_id) else { return Vec::new() };
        let (reply, answer) = tokio::sync::oneshot::channel();
        if sender.send(Message::Lines(reply)).is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }

    /// A run breaks off: how it was.
    pub(super) fn keep_last(&self, envelope: Envelope) {
        *self.inner.broke.lock().unwrap_or_else(PoisonError::into_inner) = Some(envelope);
    }

    /// How a run was when it broke off here, as far as it was known: some of that may be written down nowhere. Only the
    /// last one that broke off is known.
    pub fn last_known(&self, run_id: &str) -> Option<Envelope> {
        let broke = self.inner.broke.lock().unwrap_or_else(PoisonError::into_inner);
        broke.clone().filter(|envelope| envelope.metadata.run_id == run_id)
    }
}

fn queued(standing: Standing) -> Waiting {
    let (why, until) = match standing {
        Standing::Later(due) => ("it begins later".to_owned(), Some(due)),
        Standing::Full { why, until } => (why, until),
        Standing::Ready => ("its turn has come".to_owned(), None),
    };
    let until = until.and_then(|until| Timestamp::from_millisecond(until).ok());
    Waiting {
        step: EcoString::new(),
        kind: "queue",
        question: Some(why),
        ty: None,
        from: None,
        until: until.map(|until| until.to_string().into()),
    }
}

impl RunLoop {
    /// The calls that wait at the gates of their servers.
    pub(super) fn in_line(&self) -> Vec<Waiting> {
        let one = |(key, line): (&crate::machine::Key, &super::run::InLine)| Waiting {
            step: key.step.clone(),
            kind: "queue",
            question: Some(line.why.clone()),
            ty: None,
            from: None,
            until: None,
        };
        let mut lines: Vec<Waiting> = self.waiting.iter().map(one).collect();
        lines.sort_by(|a, b| path::compare(&a.step, &b.step));
        lines
    }

    /// Calls that are not made while the run holds; read off its journal.
    pub(super) fn not_made(&self) -> Vec<EcoString> {
        if !self.machine.holds() {
            return Vec::new();
        }
        let calls = self.machine.owed().filter_map(|effect| match effect {
            crate::machine::Effect::Call(call) => Some(&call.key),
            _ => None,
        });
        calls.filter(|key| !self.claimed.contains_key(*key)).map(|key| key.step.clone()).collect()
    }
}
