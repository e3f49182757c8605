//! One life of a process: an engine on the disk as it was left, clients that start runs, an operator who does what runs
//! wait for. It ends when everything is done, or when the fuse has burnt down.

use crate::chance::Chance;
use crate::disk::Disk;
use crate::fuse::Fuse;
use crate::operator;
use crate::people::{How, People};
use crate::world::{Server, World};
use async_trait::async_trait;
use ecow::EcoString;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use weir_runtime::dispatch::{Dispatcher, Settings};
use weir_runtime::engine::{Answerer, Clock, Engine, EngineError, LocalEngine, Question, StartRequest, Toolbox, When};
use weir_runtime::journal::Journal;
use weir_runtime::machine::NoteKind;
use weir_stdlib::value::Value;

/// Longer than any run may take, in virtual time.
const LIMIT: Duration = Duration::from_secs(6 * 3_600);

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Died,
    /// It was asked to stop, and did.
    Left,
    /// There was nothing left to do.
    Done,
    Hung,
}

/// Goes on where the last life ended.
#[derive(Clone)]
pub struct SimClock {
    /// Milliseconds since the world began.
    pub base: u64,
    pub began: Instant,
}

impl SimClock {
    pub fn millis(&self) -> u64 {
        self.base + u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let epoch: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        epoch.checked_add(SignedDuration::from_millis(i64::try_from(self.millis()).unwrap())).unwrap()
    }
}

/// Somebody at the terminal.
struct Somebody(u64);

#[async_trait]
impl Answerer for Somebody {
    async fn answer(&self, question: &Question) -> Option<Value> {
        let mut chance = Chance::of(self.0, &format!("answer {} {}", question.run_id, question.step));
        tokio::time::sleep(Duration::from_millis(chance.below(5_000))).await;
        chance.percent(70).then(|| Value::bool(chance.percent(70)))
    }
}

/// What a life is about.
pub struct Life {
    pub number: u32,
    pub world: Arc<World>,
    pub people: Arc<People>,
    pub disk: Disk,
    pub fuse: Arc<Fuse>,
    /// Milliseconds since the world began.
    pub base: u64,
    /// Nothing happens to it any more.
    pub last: bool,
}

/// What everybody in a life needs.
#[derive(Clone)]
pub struct Around {
    pub engine: LocalEngine,
    pub people: Arc<People>,
    pub world: Arc<World>,
    pub clock: SimClock,
    /// A dispatcher carries runs on.
    pub serves: bool,
    pub last: bool,
}

/// Lives it; gives how it ended and what time it is then.
pub fn live(life: Life) -> (End, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (end, base) = runtime.block_on(go(life));
    // Whatever was under way is gone.
    drop(runtime);
    (end, base)
}

/// An engine on this disk.
pub fn engine(life: &Life, clock: &SimClock, somebody: bool) -> LocalEngine {
    let server = Server { world: Arc::clone(&life.world), fuse: Arc::clone(&life.fuse) };
    let tools = Toolbox::new().with("t", Arc::new(server));
    let journal: Arc<dyn Journal> = Arc::new(life.disk.clone());
    let engine = LocalEngine::new(journal, tools).with_clock(Arc::new(clock.clone()));
    if somebody { engine.with_answerer(Arc::new(Somebody(life.people.seed))) } else { engine }
}

async fn go(life: Life) -> (End, u64) {
    let mut chance = Chance::of(life.people.seed, &format!("life {}", life.number));
    let clock = SimClock { base: life.base, began: Instant::now() };
    tokio::spawn(life.disk.clone().write());
    let serves = chance.percent(50);
    let around = Around {
        engine: engine(&life, &clock, chance.percent(30)),
        people: Arc::clone(&life.people),
        world: Arc::clone(&life.world),
        clock: clock.clone(),
        serves,
        last: life.last,
    };
    let (stop, stopped) = oneshot::channel();
    let mut dispatcher = None;
    life.world.state().log.push(format!("life {} begins at {} ms, serves: {serves}", life.number, life.base));
    let (mut watch, tells, at) = (around.engine.watch(), Arc::clone(&life.world), clock.clone());
    tokio::spawn(async move {
        while let Some(one) = watch.recv().await {
            if one.event == NoteKind::Alert {
                let line = format!("{} ms: run {}: {}", at.millis(), one.run_id, one.reason.unwrap_or_default());
                tells.state().log.push(line);
            }
        }
    });
    if serves {
        let settings = Settings { poll: Duration::from_secs(chance.between(1, 20)), ..Settings::default() };
        let works = Dispatcher::new(around.engine.clone(), settings);
        dispatcher = Some(tokio::spawn(async move { works.run(async { drop(stopped.await) }).await }));
    }
    let count = around.people.known().intents.len();
    for at in 0..count {
        tokio::spawn(pursue(around.clone(), at));
    }
    let leaves = if chance.percent(25) && !life.last { chance.below(60_000) } else { u64::MAX / 4 };
    let end = tokio::select! {
        biased;
        () = life.fuse.burn_down() => End::Died,
        () = operator::operate(&around) => End::Done,
        () = tokio::time::sleep(LIMIT) => End::Hung,
        () = leave(&around, Duration::from_millis(leaves), stop, dispatcher) => End::Left,
    };
    (end, clock.millis())
}

/// The process is asked to end.
async fn leave(around: &Around, after: Duration, stop: oneshot::Sender<()>, dispatcher: Option<JoinHandle<()>>) {
    tokio::time::sleep(after).await;
    drop(stop);
    if let Some(dispatcher) = dispatcher {
        let _ = dispatcher.await;
    }
    around.engine.leave(Duration::from_secs(30)).await;
}

/// A client tries until it is told that its run has begun.
async fn pursue(around: Around, at: usize) {
    let people = &around.people;
    let wanted = people.known().intents[at].at;
    tokio::time::sleep(Duration::from_millis(wanted.saturating_sub(around.clock.millis()))).await;
    for _ in 0..1_000 {
        if people.known().intents[at].begun.is_some() {
            return;
        }
        match attempt(&around, at).await {
            Ok(run_id) => {
                people.known().intents[at].begun = Some(run_id);
                return;
            }
            Err(EngineError::Journal { .. }) => tokio::time::sleep(Duration::from_secs(1)).await,
            Err(error) => return people.wrong(format!("a start failed: {error}")),
        }
    }
    people.wrong("a run cannot be started");
}

async fn attempt(around: &Around, at: usize) -> Result<EcoString, EngineError> {
    let intent = {
        let mut known = around.people.known();
        let intent = &mut known.intents[at];
        let before = intent.clone();
        intent.tried = true;
        before
    };
    let run_id = match intent.key {
        Some(_) => around.people.new_id(),
        None => intent.run_id.clone(),
    };
    if intent.tried && around.engine.status(&run_id).await.is_ok() {
        return Ok(run_id);
    }
    let request = StartRequest {
        run_id: Some(run_id.clone()),
        key: intent.key.clone(),
        grants: ["t.read", "t.write", "t.send"].map(Into::into).to_vec(),
        delivery: true,
        ..StartRequest::new("sim")
    };
    let plan = Arc::clone(&intent.program.plan);
    match intent.how {
        How::Start => {
            let envelope = around.engine.start(plan, request).await?;
            around.people.saw(&envelope);
            Ok(envelope.metadata.run_id)
        }
        How::Begin => Ok(around.engine.begin(plan, request).await?.run_id),
        How::Later(millis) => {
            let due = around.clock.now().checked_add(SignedDuration::from_millis(millis as i64)).unwrap();
            let when = When { due: Some(due), source: "client".into(), ..When::default() };
            Ok(around.engine.enqueue(plan, request, when).await?.run_id)
        }
    }
}
