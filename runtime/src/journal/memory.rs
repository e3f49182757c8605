//! Journals in memory: for tests, and for runs that leave no trace but their keys.

use super::{Claimed, Journal, JournalError, KeyClaim, Loaded, NO_RUN, RUN_EXISTS, RunRecord, SqliteJournal};
use ecow::EcoString;
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use weir_stdlib::value::{Hash, Value};

/// Runs and keys in memory, gone with the process.
#[derive(Default)]
pub struct MemoryJournal {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    plans: BTreeMap<EcoString, String>,
    runs: IndexMap<EcoString, (RunRecord, Vec<String>)>,
    keys: BTreeMap<(EcoString, EcoString), Held>,
}

struct Held {
    args: Hash,
    run_id: EcoString,
    since: EcoString,
    value: Option<Value>,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        MemoryJournal::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn error(what: String, why: impl Into<String>) -> JournalError {
    JournalError { what, why: why.into() }
}

impl Journal for MemoryJournal {
    fn create(&self, run: &RunRecord, plan_json: &str) -> Result<(), JournalError> {
        let mut state = self.state();
        if state.runs.contains_key(&run.run_id) {
            return Err(error(format!("cannot start run {}", run.run_id), RUN_EXISTS));
        }
        state.plans.entry(run.program.clone()).or_insert_with(|| plan_json.into());
        state.runs.insert(run.run_id.clone(), (run.clone(), Vec::new()));
        Ok(())
    }

    fn append(&self, run_id: &str, seq: u64, events: &[String], _sync: bool) -> Result<(), JournalError> {
        let what = || format!("cannot write event {seq} of run {run_id}");
        let mut state = self.state();
        let (_, known) = state.runs.get_mut(run_id).ok_or_else(|| error(what(), NO_RUN))?;
        if known.len() as u64 != seq {
            return Err(error(what(), super::out_of_turn(known.len() as u64)));
        }
        known.extend_from_slice(events);
        Ok(())
    }

    fn set_status(&self, run_id: &str, status: &str, finished_at: Option<&str>) -> Result<(), JournalError> {
        let mut state = self.state();
        let Some((run, _)) = state.runs.get_mut(run_id) else {
            return Err(error(format!("cannot set run {run_id} to `{status}`"), NO_RUN));
        };
        run.status = status.into();
        run.finished_at = finished_at.map(Into::into);
        Ok(())
    }

    fn load(&self, run_id: &str) -> Result<Option<Loaded>, JournalError> {
        let state = self.state();
        Ok(state.runs.get(run_id).map(|(run, events)| {
            let plan = state.plans.get(&run.program).cloned().unwrap_or_default();
            (run.clone(), plan, events.clone())
        }))
    }

    fn list(&self, limit: usize) -> Result<Vec<RunRecord>, JournalError> {
        Ok(self.state().runs.values().rev().take(limit).map(|(run, _)| run.clone()).collect())
    }

    fn claim(&self, claim: &KeyClaim) -> Result<Claimed, JournalError> {
        let mut state = self.state();
        let place = (claim.scope.clone(), claim.key.clone());
        Ok(match state.keys.get(&place) {
            Some(held) if held.args != claim.args => Claimed::Conflict,
            Some(Held { value: Some(value), .. }) => Claimed::Recorded(value.clone()),
            Some(held) => Claimed::InFlight { run_id: held.run_id.clone(), since: held.since.clone() },
            None => {
                let (run_id, since) = (claim.run_id.clone(), super::now().into());
                state.keys.insert(place, Held { args: claim.args, run_id, since, value: None });
                Claimed::New
            }
        })
    }

    fn complete(&self, scope: &str, key: &str, run_id: &str, value: &Value) -> Result<(), JournalError> {
        match self.state().keys.get_mut(&(scope.into(), key.into())) {
            Some(held) if held.run_id == run_id => {
                held.value = Some(value.clone());
                Ok(())
            }
            _ => Err(error(format!("cannot record the result under key `{key}`"), super::not_held(run_id))),
        }
    }

    fn release(&self, scope: &str, key: &str, run_id: &str) -> Result<(), JournalError> {
        let mut state = self.state();
        let place = (scope.into(), key.into());
        if state.keys.get(&place).is_some_and(|held| held.run_id == run_id) {
            state.keys.remove(&place);
        }
        Ok(())
    }
}

/// `weir run --ephemeral`: the run is forgotten, its keys are not, so that nothing is sent twice.
pub struct EphemeralJournal {
    /// Where the runs are.
    pub runs: MemoryJournal,
    /// Where the keys are: the project's own journal.
    pub keys: SqliteJournal,
}

impl Journal for EphemeralJournal {
    fn create(&self, run: &RunRecord, plan_json: &str) -> Result<(), JournalError> {
        self.runs.create(run, plan_json)
    }

    fn append(&self, run_id: &str, seq: u64, events: &[String], sync: bool) -> Result<(), JournalError> {
        self.runs.append(run_id, seq, events, sync)
    }

    fn set_status(&self, run_id: &str, status: &str, finished_at: Option<&str>) -> Result<(), JournalError> {
        self.runs.set_status(run_id, status, finished_at)
    }

    fn load(&self, run_id: &str) -> Result<Option<Loaded>, JournalError> {
        self.runs.load(run_id)
    }

    fn list(&self, limit: usize) -> Result<Vec<RunRecord>, JournalError> {
        self.runs.list(limit)
    }

    fn claim(&self, claim: &KeyClaim) -> Result<Claimed, JournalError> {
        self.keys.claim(claim)
    }

    fn complete(&self, scope: &str, key: &str, run_id: &str, value: &Value) -> Result<(), JournalError> {
        self.keys.complete(scope, key, run_id, value)
    }

    fn release(&self, scope: &str, key: &str, run_id: &str) -> Result<(), JournalError> {
        self.keys.release(scope, key, run_id)
    }
}
