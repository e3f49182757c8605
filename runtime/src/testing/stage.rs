//! Where the runs of a test take place. Each time something is to happen, an engine is set up on the journal of the test;
//! killing it is leaving its runtime.

use super::Setting;
use super::cut::CutJournal;
use super::settle::{Signals, Stuck, settle};
use super::world::{MockServer, Stop, TestClock, World};
use crate::engine::{Engine, EngineError, LocalEngine, StartRequest, Toolbox, When};
use crate::envelope::Envelope;
use crate::journal::{Filter, MemoryJournal};
use ecow::EcoString;
use std::sync::Arc;
use std::time::Duration;
use weir_compiler::plan::Plan;
use weir_stdlib::value::Value;

/// Years that may pass in one go; more is taken for endless.
const LONGEST: u32 = 200;

/// tokio's clocks are not made for more than two.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// The place of a test's runs.
pub(super) struct Stage {
    pub world: Arc<World>,
    pub signals: Signals,
    journal: Arc<MemoryJournal>,
    toolbox: Toolbox,
    setting: Setting,
    runs: u32,
}

/// How a run is.
pub(super) struct Seen {
    pub run_id: EcoString,
    pub envelope: Envelope,
    /// What it returned, secrets and all.
    pub value: Option<Value>,
}

/// What is begun.
type Beginning = (Arc<Plan>, StartRequest);

impl Stage {
    pub fn new(plans: &[Arc<Plan>], setting: &Setting) -> Self {
        let world = Arc::new(World::new(plans, setting));
        let mut toolbox = Toolbox::new();
        for (name, tools) in world.servers() {
            let server = MockServer { name: name.clone(), tools, world: Arc::clone(&world) };
            toolbox.add(name, Arc::new(server));
        }
        let journal = Arc::new(MemoryJournal::new());
        Stage { world, signals: Signals::default(), journal, toolbox, setting: setting.clone(), runs: 0 }
    }

    /// The id of the next run.
    pub fn next_id(&mut self) -> EcoString {
        self.runs += 1;
        format!("00000000-0000-7000-8000-{:012}", self.runs).into()
    }

    /// Starts a run with everything that its flow may do, and carries it on as far as it gets.
    pub fn start(&mut self, run_id: &EcoString, plan: &Arc<Plan>, args: Value) -> Result<(), Stuck> {
        let request = StartRequest {
            run_id: Some(run_id.clone()),
            args,
            grants: plan.entry_flow().map(|flow| flow.can.clone()).unwrap_or_default(),
            delivery: true,
            flags: self.setting.flags.clone(),
            ..StartRequest::new(self.setting.project.clone())
        };
        self.go(Some((Arc::clone(plan), request)))
    }

    /// Goes on with the runs that have not ended.
    pub fn go_on(&mut self) -> Result<(), Stuck> {
        self.go(None)
    }

    fn go(&mut self, mut begin: Option<Beginning>) -> Result<(), Stuck> {
        loop {
            let runtime = runtime()?;
            let done = runtime.block_on(self.act(begin.take()));
            runtime.shutdown_background();
            match self.world.take_stop() {
                None => return done,
                Some(Stop::Killed) => {}
                Some(Stop::Endless) => {
                    let why = format!("it made {} calls and did not end", super::MOST_CALLS);
                    return Err(Stuck::Endless(why));
                }
            }
        }
    }

    fn engine(&self) -> LocalEngine {
        let journal = CutJournal::new(Arc::clone(&self.journal), Arc::clone(&self.world));
        LocalEngine::new(Arc::new(journal), self.toolbox.clone())
            .with_clock(Arc::new(TestClock(Arc::clone(&self.world))))
            .with_answerer(Arc::clone(&self.world) as Arc<dyn crate::engine::Answerer>)
    }

    async fn act(&mut self, begin: Option<Beginning>) -> Result<(), Stuck> {
        let world = Arc::clone(&self.world);
        world.start_clock();
        let engine = self.engine();
        let work = async {
            if let Some((plan, request)) = begin {
                engine.enqueue(plan, request, When::default()).await?;
            }
            settle(&engine, &world, &mut self.signals).await
        };
        let done = tokio::select! {
            biased;
            () = world.stopped() => Ok(()),
            done = work => done,
            () = long() => Err(Stuck::Endless(format!("it waits for more than {LONGEST} years"))),
        };
        world.stop_clock();
        done
    }

    /// How every run is, the oldest first.
    pub fn look(&self) -> Result<Vec<Seen>, Stuck> {
        let runtime = runtime()?;
        runtime.block_on(async {
            let engine = self.engine();
            let mut seen = Vec::new();
            for run in engine.list(&Filter::default()).await?.into_iter().rev() {
                let (envelope, value) = (engine.status(&run.run_id).await?, engine.returned(&run.run_id)?);
                seen.push(Seen { run_id: run.run_id, envelope, value });
            }
            Ok(seen)
        })
    }
}

async fn long() {
    for _ in 0..LONGEST {
        tokio::time::sleep(YEAR).await;
    }
}

/// A runtime of one thread whose clock stands still, and moves on when there is nothing left to do.
fn runtime() -> Result<tokio::runtime::Runtime, Stuck> {
    let built = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    built.map_err(|error| Stuck::Engine(EngineError::Unfit(format!("no runtime could be set up: {error}"))))
}
