//! Keys that several steps of one run want, also at once. A step that wants one says so in its name: `k_KEY_ARGS_TOOL`
//! and a number calls that tool under `KEY`, which belongs to its run, with the arguments `ARGS`.
//!
//! What must hold, as the run's journal tells it: under a key one step calls at a time; once a result is recorded the tool
//! is not called again, and every step with the same arguments ends with that result; other arguments are `conflict`; a
//! call that may have happened is followed by another one only where the tool may be called again. An undo frees the key.

use crate::world::is_once;
use ecow::EcoString;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use weir_runtime::machine::{Decision, Event, Key};
use weir_runtime::tool::{Fault, Happened};
use weir_stdlib::value::Value;

/// What a step calls under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    pub key: EcoString,
    pub args: EcoString,
    /// Its tool may not be called again.
    pub once: bool,
}

/// The key that a step wants; None where it has none, or none that others have.
pub fn shared(step: &str) -> Option<Shared> {
    let last = step.rsplit('/').next()?;
    let mut parts = last.strip_prefix("k_")?.split('_');
    let (key, args, tool) = (parts.next()?, parts.next()?, parts.next()?);
    let once = is_once(tool.trim_end_matches(|c: char| c.is_ascii_digit()));
    Some(Shared { key: key.into(), args: args.into(), once })
}

/// How a key stands.
#[derive(Clone, Debug, Default)]
enum Stands {
    #[default]
    Free,
    /// This step is calling.
    Calling(EcoString),
    /// This step has called, and it may have happened.
    Open(EcoString),
    Recorded(Value),
}

#[derive(Default)]
struct Known {
    stands: Stands,
    /// With these arguments.
    args: EcoString,
    /// How it stood before that: what was refused then may be written down now.
    before: (Stands, EcoString),
    /// What has ever been recorded: who was told of it before an undo may end with it after.
    values: Vec<Value>,
}

impl Known {
    fn turns(&mut self, stands: Stands, args: EcoString) {
        self.before = (std::mem::replace(&mut self.stands, stands), std::mem::replace(&mut self.args, args));
    }
}

/// The keys of one run, as its journal tells of them.
#[derive(Default)]
pub struct Keys {
    known: BTreeMap<EcoString, Known>,
    pub wrong: Vec<String>,
    /// Steps that ended with what another one had done.
    pub taken: u64,
    /// Steps that were refused because of other arguments.
    pub conflicts: u64,
}

impl Keys {
    /// The next line of the journal.
    pub fn line(&mut self, text: &str) {
        let mut line: Json = serde_json::from_str(text).unwrap();
        if let Some(claimed) = line.get_mut("claimed") {
            let key: Key = serde_json::from_value(claimed["key"].take()).unwrap();
            return self.calls(&key.step);
        }
        match serde_json::from_value(line["event"].take()).unwrap() {
            Event::Done { key, value, recorded, .. } => self.done(&key.step, value, recorded),
            Event::Failed { key, fault, .. } => self.failed(&key.step, &fault),
            Event::Decided { key, decision, .. } => self.decided(&key.step, decision),
            _ => {}
        }
    }

    fn calls(&mut self, step: &EcoString) {
        let Some(Shared { key, args, once }) = shared(step) else { return };
        let known = self.known.entry(key.clone()).or_default();
        let why = match &known.stands {
            Stands::Calling(other) if other != step => format!("while `{other}` was calling"),
            Stands::Open(other) if other != step && once => format!("and `{other}` may have done it"),
            Stands::Recorded(value) => format!("and {} was recorded", value.to_json()),
            _ => String::new(),
        };
        if !why.is_empty() {
            self.wrong.push(format!("`{step}` called under `{key}` {why}"));
        }
        known.turns(Stands::Calling(step.clone()), args);
    }

    fn done(&mut self, step: &EcoString, value: Value, recorded: bool) {
        let Some(Shared { key, args, .. }) = shared(step) else {
            return self.undone(step);
        };
        let known = self.known.entry(key.clone()).or_default();
        self.taken += u64::from(recorded);
        let why = match &known.stands {
            Stands::Recorded(_) | Stands::Free if recorded && args == known.args && known.values.contains(&value) => "",
            Stands::Calling(other) if !recorded && other == step => "",
            // It was freed, and another one calls: what was taken before is still on its way.
            Stands::Calling(_) | Stands::Open(_) if recorded && known.values.contains(&value) => "",
            _ => "which is not what the key has",
        };
        if !why.is_empty() {
            let stands = &known.stands;
            self.wrong.push(format!("`{step}` ended with {} under `{key}`, {why}: {stands:?}", value.to_json()));
        }
        if !recorded {
            known.values.push(value.clone());
            known.turns(Stands::Recorded(value), args);
        }
    }

    /// A call was taken back: its key is free.
    fn undone(&mut self, step: &str) {
        let taken = step.strip_suffix("/undo").and_then(shared);
        // Told twice: when it was taken back, and when its key was given back. Another step may be calling by then.
        if let Some(known) = taken.and_then(|taken| self.known.get_mut(&taken.key))
            && !matches!(known.stands, Stands::Calling(_))
        {
            known.turns(Stands::Free, known.args.clone());
        }
    }

    fn failed(&mut self, step: &EcoString, fault: &Fault) {
        let Some(Shared { key, args, once }) = shared(step) else { return };
        let known = self.known.entry(key.clone()).or_default();
        if matches!(&known.stands, Stands::Calling(other) if other == step) {
            let stands = match fault.happened {
                Happened::No => Stands::Free,
                _ => Stands::Open(step.clone()),
            };
            return known.turns(stands, args);
        }
        // It was not made.
        self.conflicts += u64::from(args != known.args && fault.code == "conflict");
        let right = |stands: &Stands, held: &EcoString| match (stands, fault.code.as_str()) {
            (_, "cancelled") => true,
            (Stands::Free, _) => false,
            (_, "conflict") => args != *held,
            (Stands::Open(_), "unknown") => once && args == *held,
            _ => false,
        };
        if !right(&known.stands, &known.args) && !right(&known.before.0, &known.before.1) {
            let (stands, code) = (&known.stands, &fault.code);
            self.wrong.push(format!("`{step}` was refused as {code} under `{key}`: {}; {stands:?}", fault.message));
        }
    }

    fn decided(&mut self, step: &EcoString, decision: Decision) {
        let Decision::Happened(value) = decision else { return };
        let Some(Shared { key, args, .. }) = shared(step) else {
            return self.undone(step);
        };
        let known = self.known.entry(key).or_default();
        known.values.push(value.clone());
        known.turns(Stands::Recorded(value), args);
    }
}
