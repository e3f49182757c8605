//! Plays a program on the engine: in its world, on a virtual clock, with somebody to answer and to decide.

use super::world::{Answer, SERVERS, Said, Seen, Server, World, instead};
use async_trait::async_trait;
use ecow::EcoString;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use weir_runtime::engine::{
    Answerer, Clock, Engine, EngineError, LocalEngine, Question, Signal, StartRequest, Toolbox,
};
use weir_runtime::envelope::Envelope;
use weir_runtime::journal::MemoryJournal;
use weir_runtime::machine::Decision;
use weir_stdlib::value::Value;

/// The run.
pub const MAIN: &str = "00000000-0000-7000-8000-000000000001";

/// What came of it.
pub struct Played {
    pub envelope: Option<Envelope>,
    /// Milliseconds.
    pub took: u128,
    /// Somebody asked for another attempt.
    pub again: bool,
}

struct Virtual(Instant);

impl Clock for Virtual {
    fn now(&self) -> jiff::Timestamp {
        let epoch: jiff::Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        let passed = i64::try_from(self.0.elapsed().as_millis()).unwrap();
        epoch.checked_add(jiff::SignedDuration::from_millis(passed)).unwrap()
    }
}

pub async fn play(
    world: Arc<World>,
    plan: Arc<weir_compiler::plan::Plan>,
    args: &Json,
    can: &[EcoString],
    delivery: bool,
) -> Played {
    let began = world.began;
    let mut toolbox = Toolbox::new();
    for (name, tools) in SERVERS {
        toolbox.add(name, Arc::new(Server { name, tools, world: Arc::clone(&world) }));
    }
    let answerer = Arc::new(Somebody(Arc::clone(&world)));
    let engine = LocalEngine::new(Arc::new(MemoryJournal::new()), toolbox)
        .with_clock(Arc::new(Virtual(began)))
        .with_answerer(answerer);
    let request = StartRequest {
        args: Value::from_json(&args.to_string()).unwrap(),
        grants: can.to_vec(),
        delivery,
        run_id: Some(MAIN.into()),
        ..StartRequest::new("test")
    };
    let mut desk = Desk { engine: engine.clone(), world, counts: BTreeMap::new(), again: false };
    let posts = desk.send_events();
    let run = async {
        let mut envelope = engine.start(plan, request).await.ok()?;
        for _ in 0..500 {
            if !desk.attend(&envelope).await {
                return Some(envelope);
            }
            envelope = engine.resume(MAIN).await.ok()?;
        }
        None
    };
    let ended = tokio::time::timeout(Duration::from_secs(30 * 86_400), run).await;
    posts.abort();
    Played { envelope: ended.ok().flatten(), took: began.elapsed().as_millis(), again: desk.again }
}

/// Answers what the world says, or nothing.
struct Somebody(Arc<World>);

#[async_trait]
impl Answerer for Somebody {
    async fn answer(&self, question: &Question) -> Option<Value> {
        let answer = self.0.moods.says(&question.text, &question.ty.to_string())?;
        Some(Value::from_json(&answer.to_string()).unwrap())
    }
}

/// Where runs are attended to that cannot go on by themselves.
struct Desk {
    engine: LocalEngine,
    world: Arc<World>,
    /// How often a step of each name was handed over.
    counts: BTreeMap<String, u32>,
    again: bool,
}

impl Desk {
    fn send_events(&self) -> tokio::task::JoinHandle<()> {
        let (engine, events) = (self.engine.clone(), self.world.moods.events());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            for (event, key, value) in events {
                let value = Value::from_json(&value.to_string()).unwrap();
                let signal = Signal { id: None, event: event.into(), key: key.map(Into::into), value };
                // A run that has ended takes none.
                drop(engine.signal(MAIN, signal).await);
            }
        })
    }

    /// Does what brings a run further; false: nothing does.
    async fn attend(&mut self, envelope: &Envelope) -> bool {
        let waiting = &envelope.metadata.waiting;
        if waiting.iter().any(|one| one.kind == "unknown") {
            return false;
        }
        let escalated: Vec<_> = waiting.iter().filter(|one| one.kind == "escalated").collect();
        for one in &escalated {
            self.decide(&one.step).await;
        }
        if !escalated.is_empty() {
            return true;
        }
        let until = waiting.iter().filter_map(|one| one.until.as_ref()?.parse::<jiff::Timestamp>().ok()).min();
        let Some(until) = until else { return false };
        // Events are on their way.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let now = Virtual(self.world.began).now();
        if self.world.began.elapsed() > Duration::from_millis(6) {
            tokio::time::sleep(until.duration_since(now).unsigned_abs()).await;
        }
        true
    }

    async fn decide(&mut self, step: &str) {
        let name = step.rsplit('/').next().unwrap_or(step);
        let name = name.split(['@', '[', '#']).next().unwrap_or(name);
        let nth = self.counts.entry(name.to_owned()).or_default();
        *nth += 1;
        let last =
            self.world.seen.lock().unwrap().iter().rev().find(|one| one.run == MAIN && one.step == step).cloned();
        let decision = match (self.world.moods.decides(name, *nth), &last) {
            (_, Some(Seen { answer: Answer::Lie(_), .. })) => Decision::GiveUp,
            (Said::Again, _) => {
                self.again = true;
                Decision::Again
            }
            (Said::Skip, Some(seen)) => Decision::Skip(Value::from_json(&instead(&seen.tool).to_string()).unwrap()),
            _ => Decision::GiveUp,
        };
        if std::env::var("WEIR_SEED").is_ok() {
            println!("{step} ({nth}): {decision:?}");
        }
        match self.engine.decide(MAIN, step, decision).await {
            // What was decided about another step has ended the run.
            Ok(()) | Err(EngineError::Ended { .. }) => {}
            Err(error) => panic!("{step}: {error}"),
        }
    }
}
