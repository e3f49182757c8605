//! Carries every run of a test on until nothing is left to do: those whose time has come, in the order of the queue;
//! then those that begin or wake later, when the clock has got there.

use super::MOST_RUNS;
use super::world::World;
use crate::engine::{Engine, EngineError, LocalEngine, Signal};
use crate::envelope::Envelope;
use crate::journal::Filter;
use ecow::EcoString;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Rounds in which nothing moved on, before it is given up.
const IDLE: usize = 10_000;

/// How many due runs are looked at in one go.
const MANY: usize = 512;

/// The runs under way, each with what it comes to.
type Going = JoinSet<Result<Envelope, EngineError>>;

/// An event that the test sends.
#[derive(Clone)]
pub(super) struct Sent {
    pub event: EcoString,
    pub key: Option<EcoString>,
    pub value: weir_stdlib::value::Value,
}

/// What runs are told, and which of them know.
#[derive(Default)]
pub(super) struct Signals {
    pub sent: Vec<Sent>,
    told: BTreeSet<(EcoString, usize)>,
}

/// Why a test cannot go on.
pub(super) enum Stuck {
    /// It starts ever more runs, or turns in circles.
    Endless(String),
    /// The engine says so.
    Engine(EngineError),
}

impl From<EngineError> for Stuck {
    fn from(error: EngineError) -> Self {
        Stuck::Engine(error)
    }
}

/// Carries on until only a person or an event could bring any run further.
pub(super) async fn settle(engine: &LocalEngine, world: &Arc<World>, signals: &mut Signals) -> Result<(), Stuck> {
    let mut going = Going::new();
    let mut idle = 0;
    tell(engine, signals).await?;
    resume(engine, &mut going).await?;
    loop {
        take_due(engine, &mut going).await?;
        let now = engine.now();
        let next = engine.depth()?.next.map(|next| u64::try_from(next.saturating_sub(now)).unwrap_or(0));
        if going.is_empty() && next.is_none() {
            if !tell(engine, signals).await? {
                return Ok(());
            }
            resume(engine, &mut going).await?;
        }
        idle += 1;
        if idle > IDLE + world.state().calls.len() {
            return Err(Stuck::Endless("its runs are woken again and again and never end".into()));
        }
        let later = Duration::from_millis(next.unwrap_or(0).max(1));
        tokio::select! {
            biased;
            Some(ended) = going.join_next() => ended.map_err(|_| EngineError::Broken(EcoString::new()))?.map(drop)?,
            () = engine.news() => {}
            () = tokio::time::sleep(later), if next.is_some() => {}
            else => {}
        }
    }
}

/// Takes over every run whose time has come.
async fn take_due(engine: &LocalEngine, going: &mut Going) -> Result<(), Stuck> {
    for due in engine.due(MANY)? {
        take(engine, going, &due.run_id).await?;
    }
    Ok(())
}

async fn take(engine: &LocalEngine, going: &mut Going, run_id: &str) -> Result<(), Stuck> {
    if let Some(run) = engine.turn_of(run_id).await? {
        going.spawn(run);
    }
    Ok(())
}

/// Goes on with every run that has begun: the engine before this one was killed, or the runs wait for what they have
/// been told since.
async fn resume(engine: &LocalEngine, going: &mut Going) -> Result<(), Stuck> {
    for run in unfinished(engine).await? {
        if run.1 != "queued" {
            take(engine, going, &run.0).await?;
        }
    }
    Ok(())
}

/// Runs that have not ended, oldest first, with how they are.
async fn unfinished(engine: &LocalEngine) -> Result<Vec<(EcoString, EcoString)>, Stuck> {
    let all = engine.list(&Filter::default()).await?;
    if all.len() > MOST_RUNS {
        return Err(Stuck::Endless(format!("it started more than {MOST_RUNS} runs and did not end")));
    }
    let open = all.into_iter().rev().filter(|run| run.finished_at.is_none());
    Ok(open.map(|run| (run.run_id, run.status)).collect())
}

/// Tells every run that has not ended of the events that it does not know; says whether there were any.
async fn tell(engine: &LocalEngine, signals: &mut Signals) -> Result<bool, Stuck> {
    let mut told = false;
    if signals.sent.is_empty() {
        return Ok(false);
    }
    for (run_id, _) in unfinished(engine).await? {
        for (at, sent) in signals.sent.iter().enumerate() {
            if signals.told.insert((run_id.clone(), at)) {
                let id = Some(format!("signal {at}").into());
                let (event, key, value) = (sent.event.clone(), sent.key.clone(), sent.value.clone());
                engine.signal(&run_id, Signal { id, event, key, value }).await?;
                told = true;
            }
        }
    }
    Ok(told)
}
