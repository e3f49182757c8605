//! Following a run that another process may carry on: its journal is read on from where it was read last.

use super::EngineError;
use super::line::Line;
use super::local::LocalEngine;
use super::run::RunLoop;
use crate::envelope::Envelope;
use crate::observe::Observed;

/// A run, as far as it has been read.
pub struct Followed(RunLoop);

impl LocalEngine {
    /// Follows a run; gives what was decided in it so far.
    ///
    /// # Errors
    /// No such run, a damaged journal.
    pub fn follow(&self, run_id: &str) -> Result<(Followed, Vec<Observed>), EngineError> {
        let (run, _, notes) = RunLoop::replayed(self, run_id)?;
        let mut followed = Followed(run);
        followed.0.told = 0;
        let observed = followed.0.numbered(notes);
        Ok((followed, observed))
    }
}

impl Followed {
    /// What was decided since.
    ///
    /// # Errors
    /// The run is no longer there, a damaged journal.
    pub fn more(&mut self) -> Result<Vec<Observed>, EngineError> {
        let run = &mut self.0;
        let found = run.engine.inner.journal.lines(&run.run_id, run.seq);
        let lines = found.map_err(|source| EngineError::of(&run.run_id, source))?;
        let mut notes = Vec::new();
        for line in &lines {
            let read = Line::read(line).map_err(|error| EngineError::Damaged {
                run_id: run.run_id.clone(),
                seq: usize::try_from(run.seq).unwrap_or(usize::MAX),
                why: error.to_string(),
            })?;
            if let Line::Event(event) = read {
                notes.extend(run.machine.apply(&event).notes);
            }
            run.seq += 1;
        }
        Ok(run.numbered(notes))
    }

    /// How it is.
    pub fn envelope(&self) -> Envelope {
        self.0.envelope()
    }
}

impl std::fmt::Debug for Followed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Followed").field(&self.0.run_id).finish()
    }
}
