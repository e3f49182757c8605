//! Faults that are planted into the journal, to show that the simulation finds them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use weir_runtime::journal::{Batch, JournalError, Loaded, NewRun};

/// What is wrong with the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// It does not write down that a call is about to be made.
    Forgets,
    /// It says that something has reached the disk before it has.
    Late,
    /// It passes over calls that were about to be made when a run is read back.
    Skips,
    /// It lets every run have every key.
    Keyless,
    /// It does not know which keys have started a run.
    Restarts,
    /// It loses what was left for a run.
    Deaf,
    /// It forgets to record calls in the audit.
    Unwatched,
}

impl Fault {
    pub const ALL: [Fault; 7] =
        [Fault::Forgets, Fault::Late, Fault::Skips, Fault::Keyless, Fault::Restarts, Fault::Deaf, Fault::Unwatched];
}

/// A planted fault.
#[derive(Clone, Default)]
pub struct Planted {
    pub fault: Fault,
    /// Lines that were passed over, by run.
    skipped: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Planted {
    pub fn new(fault: Fault) -> Planted {
        Planted { fault, skipped: Arc::default() }
    }

    pub fn never_syncs(&self) -> bool {
        self.fault == Fault::Late
    }

    pub fn create(&self, mut run: NewRun) -> NewRun {
        if self.fault == Fault::Restarts {
            run.start_key = None;
        }
        run
    }

    /// The batch as it is written, and how many lines fewer the run is told of.
    pub fn append(&self, mut batch: Batch) -> (Batch, u64) {
        match self.fault {
            Fault::Forgets => batch.calls.iter_mut().for_each(|call| call.line = None),
            Fault::Keyless => {
                batch.calls.iter_mut().for_each(|call| call.claim = None);
                batch.keys.clear();
            }
            Fault::Unwatched => batch.calls.iter_mut().for_each(|call| call.audit = None),
            // The run hears it, and its journal does not say so.
            Fault::Deaf => batch.lines.iter_mut().for_each(|line| {
                if line.text.starts_with("{\"event\":{\"received\"") {
                    line.text = line.text.replace("\"settled\"", "\"lost\"");
                }
            }),
            _ => {}
        }
        let skipped = self.skipped.lock().unwrap().get(batch.run_id.as_str()).copied().unwrap_or(0);
        batch.seq += skipped;
        (batch, skipped)
    }

    pub fn load(&self, run_id: &str, mut loaded: Option<Loaded>) -> Result<Option<Loaded>, JournalError> {
        if let (Fault::Skips, Some(loaded)) = (self.fault, &mut loaded) {
            let before = loaded.lines.len();
            loaded.lines.retain(|line| !line.text.starts_with("{\"claimed\""));
            self.skipped.lock().unwrap().insert(run_id.to_owned(), (before - loaded.lines.len()) as u64);
        }
        Ok(loaded)
    }
}
