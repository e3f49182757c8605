//! Everybody outside: clients that want flows run and try until they are told that it was begun, and what they have been
//! told since. It is held against what the journal says in the end.

use crate::chance::Chance;
use crate::flows::{self, Program};
use crate::generate;
use ecow::EcoString;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use weir_runtime::envelope::Envelope;

/// How a client starts a run.
#[derive(Clone, Copy, Debug)]
pub enum How {
    /// Waits for its envelope.
    Start,
    /// Only for its id.
    Begin,
    /// Queued, to begin so many milliseconds later.
    Later(u64),
}

/// What a client wants.
#[derive(Clone)]
pub struct Intent {
    /// Milliseconds since the world began.
    pub at: u64,
    pub program: Arc<Program>,
    pub key: Option<EcoString>,
    pub how: How,
    /// The client's own id for the run, where there is no key.
    pub run_id: EcoString,
    pub tried: bool,
    /// The run that it was told of.
    pub begun: Option<EcoString>,
}

/// What people know.
#[derive(Default)]
pub struct Known {
    pub intents: Vec<Intent>,
    /// Ids that have been given out.
    ids: u64,
    /// Words that were accepted, by run, kind and step; how often.
    pub told: BTreeMap<(EcoString, &'static str, EcoString), u64>,
    /// Steps that were given up.
    pub given_up: BTreeSet<(EcoString, EcoString)>,
    /// How runs ended, as people were told.
    pub ends: BTreeMap<EcoString, String>,
    /// What must not have happened.
    pub wrong: Vec<String>,
}

/// People outlive every process.
pub struct People {
    pub seed: u64,
    known: Mutex<Known>,
}

impl People {
    pub fn new(seed: u64) -> Arc<People> {
        let mut chance = Chance::of(seed, "people");
        let people = People { seed, known: Mutex::default() };
        for _ in 0..chance.between(1, 5) {
            let intent = people.wants(&mut chance);
            people.known().intents.push(intent);
        }
        // Somebody wants the same again, under the same key.
        let keyed = people.known().intents.iter().find(|intent| intent.key.is_some()).cloned();
        if let Some(again) = keyed {
            let run_id = people.new_id();
            let at = again.at + chance.below(2_000);
            people.known().intents.push(Intent { at, run_id, how: How::Begin, ..again });
        }
        Arc::new(people)
    }

    fn wants(&self, chance: &mut Chance) -> Intent {
        let program = match chance.below(10) {
            0..6 => Arc::clone(chance.pick(flows::all())),
            _ => generate::program(&mut Chance::of(self.seed ^ chance.next(), "program")),
        };
        let key = chance.percent(50).then(|| format!("start {}", chance.below(1_000_000)).into());
        let how = match chance.below(4) {
            0 => How::Begin,
            1 => How::Later(chance.below(120_000)),
            _ => How::Start,
        };
        let at = chance.below(3_000);
        Intent { at, program, key, how, run_id: self.new_id(), tried: false, begun: None }
    }

    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }

    /// A run id of this seed's.
    pub fn new_id(&self) -> EcoString {
        let mut known = self.known();
        known.ids += 1;
        format!("{:08x}-{:04x}-7000-8000-000000000000", self.seed & 0xffff_ffff, known.ids).into()
    }

    pub fn wrong(&self, what: impl Into<String>) {
        self.known().wrong.push(what.into());
    }

    /// A word was accepted.
    pub fn accepted(&self, run_id: &str, kind: &'static str, step: &str) {
        *self.known().told.entry((run_id.into(), kind, step.into())).or_default() += 1;
    }

    pub fn times_told(&self, run_id: &str, kind: &'static str, step: &str) -> u64 {
        self.known().told.get(&(run_id.into(), kind, step.into())).copied().unwrap_or(0)
    }

    /// Somebody was shown an envelope.
    pub fn saw(&self, envelope: &Envelope) {
        if envelope.metadata.finished_at.is_none() {
            return;
        }
        let (run_id, json) = (envelope.metadata.run_id.clone(), envelope.to_json());
        let mut known = self.known();
        let before = known.ends.entry(run_id.clone()).or_insert_with(|| json.clone());
        if *before != json {
            let what = format!("run {run_id} had ended, and ends another way now:\n{before}\n{json}");
            known.wrong.push(what);
        }
    }

    pub fn all_begun(&self) -> bool {
        self.known().intents.iter().all(|intent| intent.begun.is_some())
    }
}
