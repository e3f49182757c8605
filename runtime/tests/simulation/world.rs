//! The world outside: what tools have done, as they know it themselves. It outlives every process, and is what the
//! envelopes are held against.

use crate::chance::Chance;
use crate::fate::{Answer, Fate};
use crate::fuse::Fuse;
use crate::keys::shared;
use async_trait::async_trait;
use ecow::EcoString;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use weir_runtime::tool::{Call, Fault, Tool};
use weir_stdlib::value::Value;

/// A step of a run.
pub type Place = (EcoString, EcoString);

/// Something that a call has made.
#[derive(Clone, Debug)]
pub struct Thing {
    pub place: Place,
    pub tool: EcoString,
    /// What it was called with.
    pub name: String,
    /// Recognised by its server, or by how flows use its tool.
    pub key: Option<String>,
    pub exists: bool,
    /// By a monitor: where its answer is lost, nobody speaks of it any more.
    pub told: bool,
}

/// How the last call of a step stands, as far as its caller can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It may have happened.
    Open,
    /// It has not.
    Clean,
}

/// What has happened.
#[derive(Default)]
pub struct State {
    pub things: BTreeMap<String, Thing>,
    /// Calls that reached a tool, by step and attempt.
    pub made: BTreeMap<(EcoString, EcoString, u32), u64>,
    /// Effects of each step that may happen only once.
    effects: BTreeMap<Place, u64>,
    visits: BTreeMap<Place, u64>,
    standing: BTreeMap<Place, Standing>,
    /// What must never have happened.
    pub wrong: Vec<String>,
    /// What happened, in order: the same seed gives the same.
    pub log: Vec<String>,
    /// Steps that may be called again, of which a call was not answered.
    pub unheard: BTreeSet<Place>,
    /// Steps that only look.
    pub reads: BTreeSet<Place>,
    pub calls: u64,
    pub faults: u64,
    /// Steps that took what another step had done under their key, or were refused because of other arguments.
    pub taken: u64,
    pub conflicts: u64,
}

/// Shared by all processes.
pub struct World {
    seed: u64,
    /// In percent.
    pub faults: u64,
    state: Mutex<State>,
}

impl World {
    pub fn new(seed: u64, faults: u64) -> Arc<World> {
        Arc::new(World { seed, faults, state: Mutex::default() })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// What the step's call has made, if it has.
    pub fn made_by(&self, place: &Place) -> Option<Value> {
        let state = self.state();
        let found = state.things.iter().find(|(_, thing)| thing.place == *place && thing.exists);
        found.map(|(id, _)| Value::record([("id", Value::text(id.as_str()))]))
    }

    /// An operator has looked, and said so.
    pub fn may_call_again(&self, place: &Place) {
        self.state().standing.insert(place.clone(), Standing::Clean);
    }

    fn begin(&self, call: &Call) -> Fate {
        let place = (call.run_id.clone(), call.step.clone());
        let mut state = self.state();
        state.calls += 1;
        *state.made.entry((place.0.clone(), place.1.clone(), call.attempt)).or_default() += 1;
        if ["get", "find"].contains(&call.tool.as_str()) {
            state.reads.insert(place.clone());
        }
        if !is_once(&call.tool) {
            state.unheard.insert(place.clone());
        }
        let visit = state.visits.entry(place.clone()).or_default();
        *visit += 1;
        let visit = *visit;
        if is_once(&call.tool) && state.standing.get(&place) == Some(&Standing::Open) {
            state.wrong.push(format!("`{}` of {place:?} was called again, and may have happened before", call.tool));
        }
        if is_once(&call.tool)
            && let Some(other) = state.beside(&place)
        {
            state.wrong.push(format!("{place:?} called under the key of {other:?}, which may have happened"));
        }
        state.standing.insert(place.clone(), Standing::Open);
        let line = format!("call {} {} {} {}", call.tool, place.0, place.1, call.attempt);
        state.log.push(line);
        let name = format!("{} {} {} {visit}", call.tool, place.0, place.1);
        let fate = Fate::of(&call.tool, &call.step, visit, self.faults, &mut Chance::of(self.seed, &name));
        state.faults += u64::from(fate.is_fault());
        fate
    }

    /// The call does what it does; gives its result.
    fn act(&self, call: &Call) -> Value {
        let place = (call.run_id.clone(), call.step.clone());
        let mut state = self.state();
        state.log.push(format!("done {} {} {}", call.tool, place.0, place.1));
        let text = |name: &str| call.args.field(name).as_str().unwrap_or_default().to_owned();
        match call.tool.as_str() {
            "get" => Value::record([("n", Value::text(text("n")))]),
            "find" => {
                let here = |thing: &Thing| thing.exists && thing.place.0 == place.0 && thing.name == text("n");
                let found = state.things.iter().find(|(_, thing)| here(thing));
                found.map_or(Value::NULL, |(id, _)| Value::record([("id", Value::text(id.as_str()))]))
            }
            "del" => {
                if let Some(thing) = state.things.get_mut(&text("id")) {
                    thing.exists = false;
                }
                Value::NULL
            }
            set @ ("set" | "count") => state.set(set, place, text("n")),
            "pay" => {
                let key = call.key.as_ref().map(ToString::to_string);
                let known = state.things.iter().find(|(_, thing)| thing.exists && key.is_some() && thing.key == key);
                match known.map(|(id, _)| id.clone()) {
                    Some(id) => Value::record([("id", Value::text(id))]),
                    None => state.make_new(place, "pay", (text("n"), key)),
                }
            }
            "once" => state.make_once(place, "once", text("n")),
            "send" => state.make_once(place, "send", text("to")),
            put => {
                let count = state.effects.entry(place.clone()).or_default();
                *count += 1;
                if *count > 1 {
                    state.wrong.push(format!("`{put}` of {place:?} had its effect more than once"));
                }
                state.make_new(place, put, (text("n"), None))
            }
        }
    }

    fn answered(&self, call: &Call, clean: bool) {
        let standing = if clean { Standing::Clean } else { Standing::Open };
        self.state().standing.insert((call.run_id.clone(), call.step.clone()), standing);
    }
}

impl State {
    /// Another step of the run that has called under the same key, and may have done what it was to do.
    fn beside(&self, place: &Place) -> Option<Place> {
        let key = shared(&place.1)?.key;
        let same = |other: &Place| {
            other.0 == place.0 && other.1 != place.1 && shared(&other.1).is_some_and(|other| other.key == key)
        };
        let mut open = self.standing.iter().filter(|(_, standing)| **standing == Standing::Open);
        open.find(|(other, _)| same(other)).map(|(other, _)| other.clone())
    }

    /// What a call has made is taken back, as its caller knows.
    fn taken_back(&mut self, id: &str) {
        let place = self.things.get(id).map(|thing| thing.place.clone());
        if let Some(standing) = place.and_then(|place| self.standing.get_mut(&place)) {
            *standing = Standing::Clean;
        }
    }

    fn make(&mut self, id: String, place: Place, tool: &str, (name, key): (String, Option<String>)) -> Value {
        let value = Value::record([("id", Value::text(id.as_str()))]);
        let told = ["tell", "count"].contains(&tool);
        self.things.insert(id, Thing { place, tool: tool.into(), name, key, exists: true, told });
        value
    }

    /// The same for the same arguments: under one key the steps of a run make one thing.
    fn set(&mut self, tool: &str, place: Place, name: String) -> Value {
        let whose = shared(&place.1).map_or(place.1.clone(), |_| name.as_str().into());
        let id = format!("{tool} {} {whose}", place.0);
        match self.things.get(&id).is_some_and(|thing| thing.exists) {
            true => Value::record([("id", Value::text(id))]),
            false => self.make(id, place, tool, (name, None)),
        }
    }

    fn make_new(&mut self, place: Place, tool: &str, named: (String, Option<String>)) -> Value {
        let id = format!("{tool}-{} {} {}", self.things.len(), place.0, place.1);
        self.make(id, place, tool, named)
    }

    /// Flows use a key for this: there is one of it at a time.
    fn make_once(&mut self, place: Place, tool: &str, key: String) -> Value {
        let there = |thing: &&Thing| thing.exists && thing.tool == tool && thing.key.as_ref() == Some(&key);
        if let Some(before) = self.things.values().find(there) {
            self.wrong.push(format!("`{tool}` made `{key}` for {place:?}, and had for {:?}", before.place));
        }
        self.make_new(place, tool, (key.clone(), Some(key)))
    }
}

/// Not repeatable.
pub fn is_once(tool: &str) -> bool {
    ["put", "once", "send", "tell"].contains(&tool)
}

/// The tools, as one process reaches them.
pub struct Server {
    pub world: Arc<World>,
    pub fuse: Arc<Fuse>,
}

/// A call on its way. Whoever drops it (a time limit, a process that dies) does not stop it.
struct OnItsWay<'a> {
    server: &'a Server,
    call: &'a Call,
    fate: Fate,
    acted: bool,
}

impl OnItsWay<'_> {
    fn act(&mut self) -> Value {
        self.acted = true;
        self.server.world.act(self.call)
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        if !self.acted && self.fate.lands_anyway {
            drop(self.act());
        }
    }
}

#[async_trait]
impl Tool for Server {
    fn describe(&self) -> Vec<EcoString> {
        ["get", "find", "put", "once", "set", "pay", "send", "del", "tell", "count"].map(Into::into).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        self.fuse.act().await;
        let fate = self.world.begin(call);
        let mut way = OnItsWay { server: self, call, fate, acted: false };
        tokio::time::sleep(Duration::from_millis(way.fate.before)).await;
        self.fuse.act().await;
        let made = way.fate.acts.then(|| way.act());
        way.acted = true;
        tokio::time::sleep(Duration::from_millis(way.fate.after)).await;
        self.fuse.live().await;
        match &way.fate.answer {
            Answer::Result => {
                if call.tool == "del" {
                    self.world.state().taken_back(call.args.field("id").as_str().unwrap_or_default());
                }
                self.world.state().unheard.remove(&(call.run_id.clone(), call.step.clone()));
                Ok(made.unwrap_or(Value::NULL))
            }
            Answer::Misfit => Ok(Value::record([("misfit", Value::int(1))])),
            Answer::Silence => std::future::pending().await,
            Answer::Panic => panic!("as planned"),
            Answer::Fault(fault) => {
                self.world.answered(call, fault.happened == weir_runtime::tool::Happened::No);
                Err(fault.clone())
            }
        }
    }
}
