//! The dispatcher: takes runs out of the queue when their time has come and there is room for them, wakes those that
//! sleep, and goes on with those whose process died. Several dispatchers, in as many processes, share one journal.

mod fair;

use crate::engine::{Engine, EngineError, LocalEngine, Queued, StartRequest, When};
use crate::journal::{Depth, Filter};
use crate::machine::Status;
use ecow::EcoString;
use fair::Ready;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use weir_compiler::plan::Plan;

/// How many runs are asked for at once.
const MANY: usize = 512;
/// How long what was read of the queue is believed.
const FRESH: Duration = Duration::from_millis(100);
/// How often runs are looked for whose process died.
const ROUND: Duration = Duration::from_secs(5);
/// How soon it is tried again where runs were due and none could be had.
const AGAIN: Duration = Duration::from_millis(200);
/// How long a run that cannot be carried on (its tools are missing, its journal is damaged) is left alone.
const STUCK: Duration = Duration::from_secs(60);

/// How a dispatcher works.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Runs under way at once. One that waits for a person, an event or a long while is not under way.
    pub most: usize,
    /// How often the queue is looked at, where nothing calls earlier: what other processes put there is seen so late.
    pub poll: Duration,
    /// How long runs may take, when the dispatcher stops, to end the calls that are under way.
    pub grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { most: 256, poll: Duration::from_millis(200), grace: Duration::from_secs(20) }
    }
}

/// Carries runs on.
pub struct Dispatcher {
    engine: LocalEngine,
    settings: Settings,
    going: Arc<AtomicUsize>,
}

/// What one dispatcher remembers while it works.
#[derive(Default)]
struct Desk {
    tasks: JoinSet<()>,
    ready: Ready,
    /// When the queue was read.
    read: Option<Instant>,
    /// When runs were looked for whose process died.
    round: Option<Instant>,
    /// Runs that could not be carried on, and until when they are left alone.
    stuck: BTreeMap<EcoString, Instant>,
    /// The last trouble with the journal, so that it is told once.
    trouble: Option<String>,
}

impl Dispatcher {
    /// A dispatcher for the runs of this engine's journal.
    pub fn new(engine: LocalEngine, settings: Settings) -> Self {
        Dispatcher { engine, settings, going: Arc::default() }
    }

    /// The engine that runs are carried on with.
    pub fn engine(&self) -> &LocalEngine {
        &self.engine
    }

    /// Puts a run into the queue; see [`LocalEngine::enqueue`].
    ///
    /// # Errors
    /// [`EngineError::Refused`] before anything was written; a journal that cannot be written.
    pub async fn enqueue(&self, plan: Arc<Plan>, request: StartRequest, when: When) -> Result<Queued, EngineError> {
        self.engine.enqueue(plan, request, when).await
    }

    /// How the queue is.
    ///
    /// # Errors
    /// A journal that cannot be read.
    pub fn depth(&self) -> Result<Depth, EngineError> {
        self.engine.depth()
    }

    /// Runs that this dispatcher has under way.
    pub fn going(&self) -> usize {
        self.going.load(Ordering::Relaxed)
    }

    /// Works until told otherwise. Then no run begins, no run begins a call; calls under way are awaited, and what is left
    /// of the runs stays in the journal for whoever goes on with it.
    pub async fn run(&self, until: impl Future<Output = ()> + Send) {
        self.engine.will_be_dispatched();
        let mut until = pin!(until);
        let mut desk = Desk::default();
        loop {
            let wait = self.fill(&mut desk).await;
            let joined = async {
                if desk.tasks.join_next().await.is_none() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                biased;
                () = &mut until => break,
                () = joined => {}
                () = self.engine.news() => {}
                () = tokio::time::sleep(wait) => desk.read = None,
            }
            while desk.tasks.try_join_next().is_some() {}
        }
        self.engine.drain();
        let rest = async { while desk.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(self.settings.grace, rest).await.is_err() {
            desk.tasks.detach_all();
        }
    }

    /// Takes over as many runs as there is room for; says how long nothing else is to be done.
    async fn fill(&self, desk: &mut Desk) -> Duration {
        if desk.round.is_none_or(|round| round.elapsed() >= ROUND) {
            desk.round = Some(Instant::now());
            desk.stuck.retain(|_, until| *until > Instant::now());
            let found = self.cut_off().await;
            self.take(desk, found).await;
        }
        loop {
            let room = self.settings.most.saturating_sub(desk.tasks.len());
            if room == 0 {
                return self.settings.poll;
            }
            let old = desk.ready.is_empty() || desk.read.is_none_or(|read| read.elapsed() >= FRESH);
            if old && let Some(wait) = self.read(desk) {
                return wait;
            }
            let picked: Vec<EcoString> = std::iter::from_fn(|| desk.ready.pick()).take(room).collect();
            if self.take(desk, picked).await == 0 {
                // Others were quicker, or have the room.
                return self.settings.poll.min(AGAIN);
            }
        }
    }

    /// Reads the queue; says how long to wait where nothing is due.
    fn read(&self, desk: &mut Desk) -> Option<Duration> {
        let now = self.engine.now();
        let found = self.engine.due(MANY).and_then(|due| Ok((due, self.engine.depth()?)));
        let (mut due, depth) = match found {
            Ok(found) => found,
            Err(error) => {
                let trouble = error.to_string();
                if desk.trouble.as_ref() != Some(&trouble) {
                    self.engine.lost(&EcoString::new(), &error);
                    desk.trouble = Some(trouble);
                }
                return Some(self.settings.poll.max(Duration::from_secs(1)));
            }
        };
        desk.trouble = None;
        desk.read = Some(Instant::now());
        due.retain(|due| !desk.stuck.contains_key(&due.run_id) && !self.engine.is_under_way(&due.run_id));
        desk.ready.fill(due);
        let next = depth.next.map(|next| Duration::from_millis(next.saturating_sub(now).try_into().unwrap_or(0)));
        let wait = next.map_or(self.settings.poll, |next| next.min(self.settings.poll));
        desk.ready.is_empty().then_some(wait.max(Duration::from_millis(1)))
    }

    /// Runs that were under way in a process that died.
    async fn cut_off(&self) -> Vec<EcoString> {
        let filter = Filter { cut_off: true, ..Filter::default() };
        let found = self.engine.list(&filter).await.unwrap_or_default();
        let begun = found.into_iter().filter(|run| run.status != Status::Queued.word());
        begun.map(|run| run.run_id).filter(|run_id| !self.engine.is_under_way(run_id)).collect()
    }

    /// Takes these runs over, together, and sets them going; says how many.
    async fn take(&self, desk: &mut Desk, run_ids: Vec<EcoString>) -> usize {
        let before = desk.tasks.len();
        let turns = join_all(run_ids.iter().map(|run_id| self.engine.turn_of(run_id))).await;
        for (run_id, turn) in run_ids.into_iter().zip(turns) {
            match turn {
                Ok(None) => {}
                Ok(Some(run)) => {
                    let (engine, going) = (self.engine.clone(), Arc::clone(&self.going));
                    going.fetch_add(1, Ordering::Relaxed);
                    desk.tasks.spawn(async move {
                        let ended = tokio::spawn(run).await;
                        going.fetch_sub(1, Ordering::Relaxed);
                        match ended {
                            Ok(Ok(_)) => {}
                            Ok(Err(error)) => engine.lost(&run_id, &error),
                            Err(_) => engine.lost(&run_id, &EngineError::Broken(run_id.clone())),
                        }
                    });
                }
                Err(error) => {
                    self.engine.lost(&run_id, &error);
                    desk.stuck.insert(run_id, Instant::now() + STUCK);
                }
            }
        }
        desk.tasks.len() - before
    }
}
