//! Runs a flow file in its world and tells what happened.

use crate::script::{Reply, Script, Told, What};
use crate::show;
use async_trait::async_trait;
use ecow::EcoString;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use weir_compiler::project::{ProjectSource, SourceFile};
use weir_runtime::engine::{
    Answerer, Clock, Engine, EngineError, LocalEngine, Question, Signal, StartRequest, Toolbox,
};
use weir_runtime::journal::MemoryJournal;
use weir_runtime::tool::{Call, Fault, Tool};
use weir_stdlib::value::Value;

/// What a file comes to.
pub fn play(name: &str, text: &str) -> String {
    let script = Script::read(text);
    let file = SourceFile { path: name.into(), module: "".into(), text: text.into() };
    let config = (!script.toml.is_empty()).then(|| ("weir.toml".into(), script.toml.clone()));
    let lock = (!script.lock.is_empty()).then(|| ("weir.lock.json".into(), script.lock.clone()));
    let checked = weir_compiler::check(ProjectSource { files: vec![file], config, lock, ..ProjectSource::default() });
    let errors: Vec<String> =
        checked.diagnostics.iter().filter(|one| one.severity.word() == "error").map(show::diagnostic).collect();
    if !errors.is_empty() {
        return errors.concat();
    }
    let main = script.main.clone().unwrap_or_else(|| "main".into());
    let Some(plan) = checked.plan(&main) else { return format!("no flow `{main}`\n") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(run(script, Arc::new(plan)))
}

/// Lines of what happened, by virtual time.
#[derive(Clone)]
pub struct Trace {
    lines: Arc<Mutex<Vec<(u128, String)>>>,
    began: Instant,
}

impl Trace {
    fn at(&self) -> u128 {
        self.began.elapsed().as_millis()
    }

    fn line(&self, text: String) {
        self.lines.lock().unwrap().push((self.at(), text));
    }
}

impl Clock for Trace {
    fn now(&self) -> jiff::Timestamp {
        let epoch: jiff::Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        epoch.checked_add(jiff::SignedDuration::from_millis(i64::try_from(self.at()).unwrap())).unwrap()
    }
}

struct World {
    script: Script,
    trace: Trace,
    used: Mutex<BTreeMap<usize, usize>>,
    made: Mutex<BTreeMap<EcoString, u32>>,
    asked: Mutex<BTreeMap<String, usize>>,
}

impl World {
    fn reply(&self, tool: &str, args: &Value) -> Reply {
        let given = self.script.tools.iter().position(|one| {
            one.tool == tool
                && one.given.as_ref().is_none_or(|given| {
                    given
                        .as_record()
                        .unwrap()
                        .fields
                        .iter()
                        .all(|(name, value)| args.field(name).to_json() == value.to_json())
                })
        });
        let Some(at) = given else {
            let mut made = self.made.lock().unwrap();
            let count = made.entry(tool.into()).or_default();
            *count += 1;
            let short = tool.split('.').nth(1).unwrap_or(tool);
            return Reply {
                after: Duration::from_millis(10),
                what: What::Ok(format!("{{\"id\":\"{short}-{count}\"}}")),
            };
        };
        let replies = &self.script.tools[at].replies;
        let mut used = self.used.lock().unwrap();
        let count = used.entry(at).or_default();
        let reply = replies.get(*count).or(replies.last()).unwrap().clone();
        *count += 1;
        reply
    }
}

struct Server {
    name: String,
    tools: Vec<EcoString>,
    world: Arc<World>,
}

#[async_trait]
impl Tool for Server {
    fn describe(&self) -> Vec<EcoString> {
        self.tools.clone()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        let world = &self.world;
        // What was decided before is told before.
        tokio::task::yield_now().await;
        let tool = format!("{}.{}", self.name, call.tool);
        let mut line = format!("{} {tool} {}", call.step, call.args.to_json());
        if call.attempt > 1 {
            line += &format!(" try {}", call.attempt);
        }
        if let Some(key) = &call.key {
            line += &format!(" key {key}");
        }
        let reply = world.reply(&tool, &call.args);
        let place = world.trace.lines.lock().unwrap().len();
        world.trace.line(line);
        tokio::time::sleep(reply.after).await;
        let (said, outcome) = match reply.what {
            What::Ok(text) => {
                let mut text = if text.is_empty() { "null".to_owned() } else { text };
                for (name, value) in &call.args.as_record().unwrap().fields {
                    text = text.replace(&format!("${name}"), &value.display_text());
                }
                (String::new(), Ok(Value::from_json(&text).unwrap_or_else(|error| panic!("{text}: {error}"))))
            }
            What::Fail { code, happened, retry_after, message } => {
                let message = message.unwrap_or_else(|| format!("{tool} says {code}"));
                let fault = Fault { code: code.as_str().into(), message, happened, retry_after_ms: retry_after };
                (format!(" ✗ {code}"), Err(fault))
            }
            What::Panic => panic!("as the script says"),
            What::Hang => {
                world.trace.lines.lock().unwrap()[place].1 += " hangs";
                std::future::pending().await
            }
        };
        let took = world.trace.at();
        let mut lines = world.trace.lines.lock().unwrap();
        let began = lines[place].0;
        lines[place].1 +=
            &format!("{said}{}", if took == began + 10 { String::new() } else { format!(" ({} ms)", took - began) });
        outcome
    }
}

/// Says so when a question is taken back.
struct Withdrawn(Trace, String);

impl Drop for Withdrawn {
    fn drop(&mut self) {
        self.0.line(format!("{} is asked no more", self.1));
    }
}

#[async_trait]
impl Answerer for World {
    async fn answer(&self, question: &Question) -> Option<Value> {
        let step = question.step.to_string();
        let at = {
            let mut asked = self.asked.lock().unwrap();
            let at = asked.entry(step.clone()).or_default();
            *at += 1;
            *at - 1
        };
        let from = question.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
        let problem = question.problem.as_ref().map(|problem| format!(" ({problem})")).unwrap_or_default();
        let answers = self.script.answers.get(&step);
        let answer = answers.and_then(|answers| answers.get(at).or(answers.last())).cloned();
        let shown = answer.as_ref().map_or("nobody".to_owned(), Value::to_json);
        self.trace.line(format!("{step} asks “{}”{from}{problem}: {shown}", question.text));
        if answer.is_none() && self.script.answers.contains_key("slowly") {
            let _withdrawn = Withdrawn(self.trace.clone(), step);
            return std::future::pending().await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        answer
    }
}

async fn run(script: Script, plan: Arc<weir_compiler::plan::Plan>) -> String {
    let trace = Trace { lines: Arc::default(), began: Instant::now() };
    let mut servers: BTreeMap<String, Vec<EcoString>> = BTreeMap::new();
    for tool in plan.tools.keys() {
        let (server, name) = tool.split_once('.').unwrap();
        servers.entry(server.into()).or_default().push(name.into());
    }
    let world = Arc::new(World {
        script,
        trace: trace.clone(),
        used: Mutex::default(),
        made: Mutex::default(),
        asked: Mutex::default(),
    });
    let mut toolbox = Toolbox::new();
    for (name, tools) in servers {
        toolbox.add(name.as_str(), Arc::new(Server { name: name.clone(), tools, world: Arc::clone(&world) }));
    }
    let engine = LocalEngine::new(Arc::new(MemoryJournal::new()), toolbox)
        .with_clock(Arc::new(trace.clone()))
        .with_answerer(Arc::clone(&world) as Arc<dyn Answerer>);
    let engine = if world.script.told.is_empty() { engine } else { engine.staying() };
    let mut out = String::new();
    for (number, args) in world.script.runs.iter().enumerate() {
        if number > 0 {
            out += "\nagain\n";
        }
        out += &one_run(&engine, &world, &plan, number, args).await;
    }
    out
}

async fn one_run(
    engine: &LocalEngine,
    world: &Arc<World>,
    plan: &Arc<weir_compiler::plan::Plan>,
    number: usize,
    args: &Value,
) -> String {
    let run_id: EcoString = format!("00000000-0000-7000-8000-00000000000{}", number + 1).into();
    let entry = plan.entry_flow().unwrap();
    let grants = match &world.script.grants {
        Some(grants) => grants.iter().map(|grant| grant.as_str().into()).collect(),
        None => entry.can.clone(),
    };
    let request = StartRequest {
        run_id: Some(run_id.clone()),
        args: args.clone(),
        grants,
        delivery: world.script.delivery,
        flags: world.script.flags.iter().map(|flag| (flag.as_str().into(), true)).collect(),
        ..StartRequest::new("test")
    };
    let mut watch = engine.watch();
    let noting = {
        let (trace, run_id) = (world.trace.clone(), run_id.clone());
        tokio::spawn(async move {
            while let Some(one) = watch.recv().await {
                if let Some(line) = show::note(&one, &run_id) {
                    trace.line(line);
                }
            }
        })
    };
    for (after, what) in world.script.told.clone().into_iter().filter(|_| number == 0) {
        let (engine, run_id, trace) = (engine.clone(), run_id.clone(), world.trace.clone());
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let (said, result) = tell(&engine, &run_id, what).await;
            let why = result.err().map(|error| format!(": {error}")).unwrap_or_default();
            trace.line(format!("· {said}{why}"));
        });
    }
    let ended = tokio::time::timeout(Duration::from_secs(40 * 86_400), engine.start(Arc::clone(plan), request)).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    noting.abort();
    let mut out = String::new();
    let lines = std::mem::take(&mut *world.trace.lines.lock().unwrap());
    for (at, line) in lines {
        out += &format!("{at:>6} {line}\n");
    }
    match ended {
        Err(_) => out + "does not end\n",
        Ok(Err(error)) => out + &format!("refused: {error}\n"),
        Ok(Ok(envelope)) => {
            let again = engine.status(&run_id).await.unwrap();
            assert_eq!(again.to_json(), envelope.to_json(), "the journal tells another story");
            out + &show::envelope(&envelope)
        }
    }
}

async fn tell(engine: &LocalEngine, run_id: &str, what: Told) -> (String, Result<(), EngineError>) {
    match what {
        Told::Cancel => ("cancel".into(), engine.cancel(run_id, "by hand").await),
        Told::Signal { event, key, value } => {
            let said = format!("signal {event} {} {}", key.as_deref().unwrap_or("-"), value.to_json());
            let signal = Signal { id: None, event: event.into(), key: key.map(Into::into), value };
            (said, engine.signal(run_id, signal).await)
        }
    }
}
