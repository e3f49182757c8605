//! Carrying runs on: those that waited or were cut off when the server starts, and those that another process leaves.

use super::App;
use crate::escape;
use crate::out;
use ecow::EcoString;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use weir_runtime::engine::{Engine, EngineError};
use weir_runtime::journal::Filter;

/// How often it is looked for runs that nobody carries on.
const ROUND: Duration = Duration::from_secs(5);
/// How often old runs are forgotten, in rounds.
const FORGETS: u64 = 60;

/// Goes on with every run that has not ended and that nobody else carries on; again and again, until the server ends.
pub async fn keep(app: Arc<App>) {
    let mut stop = app.stop.clone();
    let mut refused: BTreeMap<EcoString, ()> = BTreeMap::new();
    for round in 0_u64.. {
        if round % FORGETS == 0 {
            app.forget_old();
        }
        let filter = Filter { unfinished: true, ..Filter::default() };
        let runs = app.engine.list(&filter).await.unwrap_or_default();
        for run in runs.into_iter().filter(|run| !app.engine.is_under_way(&run.run_id)) {
            if refused.contains_key(&run.run_id) {
                continue;
            }
            if app.lacks(&run.program) {
                refused.insert(run.run_id.clone(), ());
                let (flow, id) = (escape::line(&run.flow).into_owned(), &run.run_id);
                out::note_line(&format!("run {id} of {flow} is left: its plan calls tools that nothing here carries out"));
                continue;
            }
            app.carry_on(&run.run_id);
        }
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

impl App {
    /// Goes on with a run here, unless somebody carries it on. Not waited for.
    pub fn carry_on(&self, run_id: &str) {
        if self.engine.is_under_way(run_id) {
            return;
        }
        let (engine, run_id) = (self.engine.clone(), EcoString::from(run_id));
        tokio::spawn(async move {
            match engine.carry_on(&run_id).await {
                Ok(_) | Err(EngineError::NoRun(_) | EngineError::Held(_)) => {}
                Err(error) => out::note_line(&format!("run {run_id}: {}", escape::lines(&error.to_string()))),
            }
        });
    }
}
