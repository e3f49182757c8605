//! What the swept process does with campaigns: what `weir serve` does, over a clock that is set by hand and, like the real
//! one, goes on where it was when the process died. Ticks, events from outside, a dispatcher that carries the runs out.

use crate::child::help;
use crate::flows;
use jiff::{SignedDuration, Timestamp};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use weir_compiler::project::Missed;
use weir_runtime::campaigns::{Campaigns, Settings};
use weir_runtime::dispatch::{self, Dispatcher};
use weir_runtime::engine::{Clock, Engine, EngineError, LocalEngine};
use weir_runtime::journal::Filter;
use weir_runtime::machine::NoteKind;
use weir_runtime::observe::Observed;
use weir_stdlib::value::Value;

/// Where the clock stands in turn, in minutes behind ten. In between, times are missed.
const STEPS: [i64; 2] = [0, 30];

/// A clock whose stand is the length of a file.
pub struct Hands {
    file: PathBuf,
    now: Mutex<Timestamp>,
}

impl Hands {
    /// As it stands.
    pub fn new(folder: &Path) -> Arc<Hands> {
        let hands = Hands { file: folder.join("clock"), now: Mutex::default() };
        hands.set();
        Arc::new(hands)
    }

    /// How often it was moved.
    fn stand(&self) -> usize {
        std::fs::metadata(&self.file).map_or(0, |file| usize::try_from(file.len()).unwrap())
    }

    fn set(&self) {
        let ten: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let minutes = STEPS.get(self.stand()).copied().unwrap_or_default();
        *self.now.lock().unwrap() = ten + SignedDuration::from_mins(minutes);
    }

    /// Moves it on.
    fn on(&self) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.file).unwrap();
        file.write_all(b"x").unwrap();
        self.set();
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until the clock has run, and everything has ended that was started.
pub async fn go(engine: &LocalEngine, clock: &Hands, folder: &Path) -> Result<(), String> {
    let (stop, stopped) = oneshot::channel::<()>();
    let settings = dispatch::Settings { poll: Duration::from_millis(2), ..dispatch::Settings::default() };
    let dispatcher = Dispatcher::new(engine.clone(), settings);
    let works = tokio::spawn(async move { dispatcher.run(async { drop(stopped.await) }).await });
    let settings = Settings { project: "crash".into(), missed: Missed::All, ..Settings::default() };
    let campaigns = Campaigns::new(engine.clone(), flows::campaigns(), settings).map_err(|wrong| wrong.join("; "))?;
    let mut watch = engine.watch();
    while clock.stand() < STEPS.len() {
        step(engine, &campaigns, clock.stand(), folder, &mut watch).await?;
        clock.on();
    }
    drop(stop);
    works.await.map_err(|error| error.to_string())
}

/// What the clock says and what came in is started and carried out.
async fn step(
    engine: &LocalEngine,
    campaigns: &Campaigns,
    stand: usize,
    folder: &Path,
    watch: &mut UnboundedReceiver<Observed>,
) -> Result<(), String> {
    let said = |error: EngineError| error.to_string();
    campaigns.tick().await.map_err(said)?;
    // Whoever sends it does so until it was taken.
    let event = Value::record([("n", Value::text(format!("event {stand}")))]);
    campaigns.event("came", &format!("e{stand}"), &event).await.map_err(said)?;
    loop {
        if let Some(alert) = alert(watch) {
            return Err(alert);
        }
        let open = engine.list(&Filter { unfinished: true, ..Filter::default() }).await.map_err(said)?;
        if open.is_empty() {
            return Ok(());
        }
        for run in open {
            let envelope = engine.status(&run.run_id).await.map_err(said)?;
            help(engine, &envelope, folder).await.map_err(said)?;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A run that cannot go on in this process.
fn alert(watch: &mut UnboundedReceiver<Observed>) -> Option<String> {
    let told = std::iter::from_fn(|| watch.try_recv().ok());
    told.filter(|one| one.event == NoteKind::Alert).map(|one| one.reason.unwrap_or_default()).next()
}
