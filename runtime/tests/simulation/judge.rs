//! What is held against the world in the end: nothing unsafe was done twice, what envelopes claim is what the world saw,
//! what people were told is so, and everything that was done is in the audit.

use crate::disk::Disk;
use crate::flows::Program;
use crate::keys::{Keys, shared};
use crate::people::{Known, People};
use crate::world::{Place, Thing, World};
use ecow::EcoString;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weir_runtime::audit::Chain;
use weir_runtime::engine::{Engine, LocalEngine};
use weir_runtime::envelope::Envelope;
use weir_runtime::journal::{Filter, Journal, RunRecord};
use weir_runtime::machine::Status;

/// Everything that is known in the end.
struct Case<'a> {
    world: &'a World,
    known: &'a Known,
    runs: Vec<RunRecord>,
    envelopes: BTreeMap<EcoString, Envelope>,
    wrong: Vec<String>,
}

/// What is wrong; empty: nothing.
pub async fn judge(engine: &LocalEngine, disk: &Disk, world: &Arc<World>, people: &Arc<People>) -> Vec<String> {
    let mut envelopes = BTreeMap::new();
    let mut wrong = Vec::new();
    let runs = match engine.list(&Filter::default()).await {
        Ok(runs) => runs,
        Err(error) => return vec![format!("the runs cannot be listed: {error}")],
    };
    for run in &runs {
        match engine.status(&run.run_id).await {
            Ok(envelope) => {
                people.saw(&envelope);
                envelopes.insert(run.run_id.clone(), envelope);
            }
            Err(error) => wrong.push(format!("run {}: {error}", run.run_id)),
        }
    }
    let audit = audit(disk, &mut wrong);
    let known = people.known();
    let mut case = Case { world, known: &known, runs, envelopes, wrong };
    case.ended();
    case.effects();
    case.statuses();
    case.starts();
    case.audited(&audit);
    case.keys(disk);
    let mut wrong = case.wrong;
    wrong.extend(known.wrong.iter().cloned());
    wrong.extend(world.state().wrong.iter().cloned());
    wrong
}

/// The records of the audit, whose chain must hold.
fn audit(disk: &Disk, wrong: &mut Vec<String>) -> Vec<Json> {
    let page = match disk.audited(0, usize::MAX >> 1) {
        Ok(page) => page,
        Err(error) => {
            wrong.push(format!("the audit cannot be read: {error}"));
            return Vec::new();
        }
    };
    let mut chain = Chain::default();
    page.links.iter().for_each(|link| chain.follow(link));
    wrong.extend(chain.end(page.head).breaks.iter().map(|one| format!("the audit's chain breaks: {one:?}")));
    page.links.iter().map(|link| serde_json::from_str(&link.text).unwrap()).collect()
}

impl Case<'_> {
    fn say(&mut self, what: String) {
        self.wrong.push(what);
    }

    /// Every run has ended, and is listed as it is.
    fn ended(&mut self) {
        for run in self.runs.clone() {
            let Some(envelope) = self.envelopes.get(&run.run_id) else { continue };
            let status = envelope.metadata.status;
            if run.finished_at.is_none() || envelope.metadata.finished_at.is_none() {
                let waits = envelope.metadata.waiting.clone();
                self.say(format!("run {} of `{}` has not ended: {status:?}, {waits:?}", run.run_id, run.flow));
            }
            if run.status != status.word() {
                self.say(format!("run {} is listed as {} and is {status:?}", run.run_id, run.status));
            }
        }
    }

    /// What envelopes say was done was, and was undone where they say so; what was done they say.
    fn effects(&mut self) {
        let things: BTreeMap<String, Thing> = self.world.state().things.clone();
        let mut claimed: BTreeSet<Place> = BTreeSet::new();
        let mut wrong = Vec::new();
        for (run_id, envelope) in &self.envelopes {
            for effect in &envelope.metadata.side_effects {
                let place = (run_id.clone(), effect.step.clone());
                let made: Vec<&Thing> = things.values().filter(|thing| thing.place == place).collect();
                // A key that its server knows, and a call that may be repeated, stand for what another call made.
                let same = effect.tool == "t.set" && shared(&effect.step).is_some();
                let shared = (effect.tool == "t.pay" || same) && made.is_empty();
                let exists = made.iter().any(|thing| thing.exists);
                if made.is_empty() && !shared {
                    wrong.push(format!("run {run_id} claims `{}`, which never was", effect.step));
                } else if !shared && exists == effect.undone && (exists || !self.is_left(run_id, &effect.step)) {
                    // Where nobody heard that it was undone, it is listed as left.
                    wrong.push(format!(
                        "run {run_id} says of `{}` undone: {}, and it exists: {exists}",
                        effect.step, effect.undone
                    ));
                }
                claimed.insert(place);
            }
        }
        for (id, thing) in &things {
            let (run_id, step) = &thing.place;
            if claimed.contains(&thing.place) || self.is_left(run_id, step) || !thing.exists || thing.told {
                continue;
            }
            wrong.push(format!("run {run_id} says nothing of `{id}`, which its step `{step}` made"));
        }
        self.wrong.extend(wrong);
    }

    /// Whether the run says that nobody took it back, or people gave it up where no saga is.
    fn is_left(&self, run_id: &EcoString, step: &EcoString) -> bool {
        let Some(envelope) = self.envelopes.get(run_id) else { return false };
        let named = format!("`{step}`");
        envelope.metadata.not_undone.iter().any(|left| left.starts_with(&named))
            || (self.may_stay(run_id, envelope.metadata.status)
                && (self.known.given_up.contains(&(run_id.clone(), step.clone()))
                    || self.world.state().unheard.contains(&(run_id.clone(), step.clone()))))
    }

    /// Whether what nobody heard of may stay without a word: no saga is there, it went on without, or could not go back.
    fn may_stay(&self, run_id: &EcoString, status: Status) -> bool {
        let gone_too_far = self.program(run_id).is_some_and(|program| program.name == "final_step");
        !self.is_saga(run_id) || status == Status::Succeeded || gone_too_far
    }

    fn program(&self, run_id: &EcoString) -> Option<&Program> {
        let intent = self.known.intents.iter().find(|intent| intent.begun.as_ref() == Some(run_id))?;
        Some(&intent.program)
    }

    fn is_saga(&self, run_id: &EcoString) -> bool {
        self.program(run_id).is_some_and(|program| program.saga)
    }

    /// A saga that failed has left nothing, or says what.
    fn statuses(&mut self) {
        let things: Vec<Thing> = self.world.state().things.values().cloned().collect();
        let mut wrong = Vec::new();
        for (run_id, envelope) in &self.envelopes {
            let (status, left) = (envelope.metadata.status, &envelope.metadata.not_undone);
            if (status == Status::CompensationFailed) == left.is_empty()
                && status != Status::Succeeded
                && !left.is_empty()
            {
                wrong.push(format!("run {run_id} is {status:?} and left {left:?}"));
            }
            if status == Status::CompensationFailed && left.is_empty() {
                wrong.push(format!("run {run_id} could not undo everything, and does not say what"));
            }
            let exempt = self.program(run_id).is_none_or(|program| program.name == "final_step");
            let failed = [Status::Compensated, Status::Failed, Status::Blocked, Status::Cancelled].contains(&status);
            if self.is_saga(run_id) && failed && !exempt {
                let effects = &envelope.metadata.side_effects;
                let known = |thing: &Thing| !thing.told || effects.iter().any(|effect| effect.step == thing.place.1);
                let stays = things.iter().filter(|thing| thing.place.0 == *run_id && thing.exists && known(thing));
                let stays: Vec<&EcoString> = stays.map(|thing| &thing.place.1).collect();
                if !stays.is_empty() {
                    wrong.push(format!("run {run_id} is {status:?}, and {stays:?} were not undone"));
                }
            }
        }
        self.wrong.extend(wrong);
    }

    /// What people were told has begun has, once; and it started what it was to start.
    fn starts(&mut self) {
        let mut by_key: BTreeMap<EcoString, BTreeSet<EcoString>> = BTreeMap::new();
        for intent in &self.known.intents {
            let Some(run_id) = &intent.begun else {
                self.wrong.push(format!("nobody began what was wanted at {} ms", intent.at));
                continue;
            };
            if !self.envelopes.contains_key(run_id) {
                self.wrong.push(format!("run {run_id} was begun, and is not there"));
            }
            if let Some(key) = &intent.key {
                by_key.entry(key.clone()).or_default().insert(run_id.clone());
            }
            let status = self.envelopes.get(run_id).map(|envelope| envelope.metadata.status);
            let children = self.runs.iter().filter(|run| run.parent.as_ref() == Some(run_id)).count();
            if let (Some(starts), Some(Status::Succeeded)) = (intent.program.starts, status)
                && children != starts
            {
                self.wrong.push(format!("run {run_id} succeeded and started {children} runs, not {starts}"));
            }
        }
        for (key, runs) in by_key {
            if runs.len() > 1 {
                self.wrong.push(format!("key `{key}` started {runs:?}"));
            }
        }
        // Ids that were tried under a key and refused leave no run.
        let begun: BTreeSet<&EcoString> =
            self.known.intents.iter().filter_map(|intent| intent.begun.as_ref()).collect();
        let strange = self.runs.iter().filter(|run| run.parent.is_none() && !begun.contains(&run.run_id));
        let strange: Vec<String> =
            strange.map(|run| format!("run {} of `{}` was begun by nobody", run.run_id, run.flow)).collect();
        self.wrong.extend(strange);
    }

    /// What steps that want one key came to.
    fn keys(&mut self, disk: &Disk) {
        for run in &self.runs {
            let mut keys = Keys::default();
            match disk.lines(&run.run_id, 0) {
                Ok(lines) => lines.iter().for_each(|line| keys.line(&line.text)),
                Err(error) => self.wrong.push(format!("run {}: {error}", run.run_id)),
            }
            self.wrong.extend(keys.wrong.iter().map(|wrong| format!("run {}: {wrong}", run.run_id)));
            let mut state = self.world.state();
            (state.taken, state.conflicts) = (state.taken + keys.taken, state.conflicts + keys.conflicts);
        }
    }

    /// Every call that reached a tool, and every word that was accepted, is in the audit.
    fn audited(&mut self, audit: &[Json]) {
        let mut attempted: BTreeMap<(String, String, u64), u64> = BTreeMap::new();
        let mut words: BTreeMap<(String, String), u64> = BTreeMap::new();
        for entry in audit {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            if text("what") == "call.attempted" {
                *attempted
                    .entry((text("run_id"), text("step"), entry["attempt"].as_u64().unwrap_or(0)))
                    .or_default() += 1;
            }
            *words.entry((text("run_id"), text("what"))).or_default() += 1;
        }
        let state = self.world.state();
        for ((run_id, step, attempt), made) in &state.made {
            let place = (run_id.to_string(), step.to_string(), u64::from(*attempt));
            let known = attempted.get(&place).copied().unwrap_or(0);
            let reads = state.reads.contains(&(run_id.clone(), step.clone()));
            if known < *made && !reads {
                self.wrong.push(format!(
                    "`{step}` of {run_id}, attempt {attempt}, was made {made} times and recorded {known} times"
                ));
            }
        }
        let mut told: BTreeMap<(String, String), u64> = BTreeMap::new();
        for ((run_id, kind, _), times) in self.known.told.iter().filter(|((_, kind, _), _)| *kind != "seen") {
            *told.entry((run_id.to_string(), (*kind).to_owned())).or_default() += times;
        }
        for ((run_id, kind), times) in told {
            let known = words.get(&(run_id.clone(), kind.clone())).copied().unwrap_or(0);
            if known < times {
                self.wrong.push(format!("run {run_id} was told {kind} {times} times, and {known} are recorded"));
            }
        }
    }
}
