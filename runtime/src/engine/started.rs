//! Cancelling reaches the runs that steps have started, and theirs: each is told once, durably, before the run that started
//! it is over.

use super::carry::{Message, carry_on};
use super::local::{LocalEngine, Told};
use super::run::{InFlight, RunLoop};
use super::{Engine, EngineError};
use crate::journal::{Filter, Trouble};
use crate::machine::Key;
use crate::tool::Outcome;
use ecow::EcoString;
use futures_util::StreamExt;
use std::collections::BTreeSet;
use weir_stdlib::value::Value;

/// Runs that are told at once: what they write down is committed together.
const AT_ONCE: usize = 64;

impl RunLoop {
    /// Cancels runs that this one has started. Those that have something to take back do so.
    pub(super) fn cancel_started(&mut self, key: Key, runs: Vec<EcoString>) {
        let engine = self.engine.by(format!("run {}", self.run_id));
        let (sender, run_id) = (self.sender.clone(), self.run_id.clone());
        self.calls.insert(key.clone(), InFlight::start());
        self.children.push(tokio::spawn(async move {
            let reached = match engine.cancel_below(&run_id, runs).await {
                Ok(reached) => reached,
                Err(error) => {
                    // Who could not be told is told when this run is gone on with.
                    let _ = sender.send(Message::Stop(error));
                    return;
                }
            };
            let told: Vec<Value> = reached.iter().map(|run| Value::text(run.as_str())).collect();
            let _ = sender.send(Message::called(key, Ok(Outcome::Done(Value::list(told)))));
            futures_util::future::join_all(reached.into_iter().map(|run| carry_on(engine.clone(), run))).await;
        }));
    }
}

/// What came of telling a run.
enum Reached {
    /// It is being cancelled.
    Now,
    /// It is over, so those that it started are told.
    Over,
    /// It is being cancelled already, and those that it started with it; or nothing is known of it any more.
    Left,
}

impl LocalEngine {
    /// Cancels these runs, and behind those that are over the ones that they started; the others reach theirs themselves.
    /// Gives those that were not over.
    async fn cancel_below(&self, top: &EcoString, runs: Vec<EcoString>) -> Result<Vec<EcoString>, EngineError> {
        let mut reached = Vec::new();
        let mut levels = vec![(top.clone(), runs)];
        while let Some((parent, runs)) = levels.pop() {
            let over = self.over_below(&parent)?;
            let whose = if parent == *top { "parent" } else { "ancestor" };
            let reason = format!("cancelled with its {whose}, run {top}");
            let told = runs.into_iter().map(|run| {
                let (over, reason) = (over.contains(&run), reason.clone());
                async move { (self.cancel_one(&run, reason, over).await, run) }
            });
            let mut told = futures_util::stream::iter(told).buffered(AT_ONCE);
            while let Some((came, run)) = told.next().await {
                match came? {
                    Reached::Now => reached.push(run),
                    Reached::Over => levels.extend(self.started_by(&run)?.map(|runs| (run, runs))),
                    Reached::Left => {}
                }
            }
        }
        Ok(reached)
    }

    async fn cancel_one(&self, run_id: &str, reason: String, over: bool) -> Result<Reached, EngineError> {
        if over {
            return Ok(Reached::Over);
        }
        match self.tell(run_id, Told::Cancel(reason.into())).await {
            Ok(true) => Ok(Reached::Now),
            Ok(false) | Err(EngineError::NoRun(_)) => Ok(Reached::Left),
            Err(EngineError::Ended { .. }) => Ok(Reached::Over),
            Err(error) if is_damaged(&error) => {
                self.lost(&run_id.into(), &error);
                Ok(Reached::Left)
            }
            Err(error) => Err(error),
        }
    }

    /// Runs that a run started and that are over, as they are listed.
    fn over_below(&self, run_id: &EcoString) -> Result<BTreeSet<EcoString>, EngineError> {
        let filter = Filter { parent: Some(run_id.clone()), ..Filter::default() };
        let found = self.inner.journal.list(&filter).map_err(|source| EngineError::of(run_id, source))?;
        Ok(found.into_iter().filter(|run| run.finished_at.is_some()).map(|run| run.run_id).collect())
    }

    /// What the steps of a run that is over have started. None: nothing.
    fn started_by(&self, run_id: &EcoString) -> Result<Option<Vec<EcoString>>, EngineError> {
        let filter = Filter { parent: Some(run_id.clone()), limit: 1, ..Filter::default() };
        let found = self.inner.journal.list(&filter).map_err(|source| EngineError::of(run_id, source))?;
        if found.is_empty() {
            return Ok(None);
        }
        match RunLoop::load(self, run_id) {
            Ok(run) => Ok(Some(run.machine.started_runs().to_vec())),
            Err(EngineError::NoRun(_)) => Ok(None),
            Err(error) if is_damaged(&error) => {
                self.lost(run_id, &error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Runs that were cancelled with this one, those that theirs had started included: as far as they have been told by
    /// now.
    ///
    /// # Errors
    /// As [`Engine::status`].
    pub async fn cancelled_with(&self, run_id: &str) -> Result<Vec<EcoString>, EngineError> {
        let mut all = Vec::new();
        let mut left = vec![EcoString::from(run_id)];
        while let Some(run_id) = left.pop() {
            let below = self.status(&run_id).await?.metadata.also_cancelled;
            left.extend(below.iter().cloned());
            all.extend(below);
        }
        Ok(all)
    }
}

fn is_damaged(error: &EngineError) -> bool {
    match error {
        EngineError::Damaged { .. } => true,
        EngineError::Journal { source, .. } => source.trouble == Trouble::Damaged,
        _ => false,
    }
}
