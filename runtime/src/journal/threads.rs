//! What a journal lists of a thread: the lines of its runs, in the order in which they were committed.

use super::Line;
use ecow::EcoString;

/// A line of a run, as it stands in the list of the run's thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadLine {
    /// Where it stands: larger than all before it, in whichever thread, and never given to another line.
    pub position: u64,
    /// Of which run.
    pub run_id: EcoString,
    /// Its number in the run, from 0.
    pub seq: u64,
    /// What it says.
    pub line: Line,
}
