//! Carrying runs on: those of the queue, those that waited or were cut off, and those that were told something.

use super::App;
use crate::escape;
use crate::out;
use ecow::EcoString;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_runtime::dispatch::{Dispatcher, Settings};
use weir_runtime::engine::{Engine, EngineError};

/// How often it is looked for old runs.
const FORGETS: Duration = Duration::from_secs(300);

/// So many runs are forgotten at once: others write in between.
const BITE: usize = 100;

/// Carries runs on until the server ends.
pub async fn dispatch(app: Arc<App>) {
    Dispatcher::new(app.engine.clone(), Settings::default()).run(app.ends()).await;
}

/// Starts what the clock says until the server ends.
pub async fn campaigns(app: Arc<App>) {
    app.campaigns.run(app.ends()).await;
}

/// Forgets old runs until the server ends: each time all that are due, a few at a time.
pub async fn forget(app: Arc<App>) {
    loop {
        tokio::select! {
            () = async {
                app.forget_old().await;
                tokio::time::sleep(FORGETS).await;
            } => {}
            () = app.ends() => return,
        }
    }
}

impl App {
    /// Forgets the runs that ended longer ago than they are kept, as much of the time as others are left.
    async fn forget_old(&self) {
        let Some(keeps) = self.keeps.map(jiff::SignedDuration::from_millis) else { return };
        let Ok(before) = jiff::Timestamp::now().checked_sub(keeps) else { return };
        loop {
            let began = Instant::now();
            match self.journal.forget(&before.to_string(), BITE).await {
                Ok(BITE..) => tokio::time::sleep(began.elapsed()).await,
                Ok(_) => return,
                Err(error) => {
                    return out::note_line(&format!(
                        "old runs are not forgotten: {}",
                        escape::lines(&error.to_string())
                    ));
                }
            }
        }
    }

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
