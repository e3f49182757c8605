//! Carrying runs on: those of the queue, those that waited or were cut off, and those that were told something.

use super::App;
use crate::escape;
use crate::out;
use ecow::EcoString;
use std::sync::Arc;
use std::time::Duration;
use weir_runtime::dispatch::{Dispatcher, Settings};
use weir_runtime::engine::{Engine, EngineError};

/// How often old runs are forgotten.
const FORGETS: Duration = Duration::from_secs(300);

/// Carries runs on until the server ends.
pub async fn dispatch(app: Arc<App>) {
    Dispatcher::new(app.engine.clone(), Settings::default()).run(app.ends()).await;
}

/// Starts what the clock says until the server ends.
pub async fn campaigns(app: Arc<App>) {
    app.campaigns.run(app.ends()).await;
}

/// Forgets old runs, a few at a time, until the server ends.
pub async fn forget(app: Arc<App>) {
    loop {
        app.forget_old();
        tokio::select! {
            () = tokio::time::sleep(FORGETS) => {}
            () = app.ends() => return,
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
