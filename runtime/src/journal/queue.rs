//! What a journal knows of runs that begin later.

use ecow::EcoString;

/// Where a run stands in the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Not before this time, in milliseconds since 1970.
    pub due: i64,
    /// Larger goes first.
    pub priority: i64,
    /// Who started it, e.g. a campaign. Sources of one priority take turns.
    pub source: EcoString,
    /// Of the runs with the same name, at most so many go at once.
    pub slot: Option<(EcoString, u64)>,
    /// At most so many runs of the flow begin in so many milliseconds.
    pub rate: Option<(u64, u64)>,
    /// Not before this run is over.
    pub behind: Option<EcoString>,
    /// What the run begins with, as JSON; None where it has begun and is only to be woken. A run that takes over what
    /// another one had done has lines already.
    pub started: Option<String>,
}

/// A run that may be carried on now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Which run.
    pub run_id: EcoString,
    /// When its time came, in milliseconds since 1970.
    pub due: i64,
    /// Larger goes first.
    pub priority: i64,
    /// As in [`Place::source`].
    pub source: EcoString,
    /// It has begun and is only to be woken.
    pub woken: bool,
}

/// How the queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Depth {
    /// Runs that have not begun and whose time has come.
    pub ready: u64,
    /// Runs that have not begun and whose time has not come.
    pub later: u64,
    /// Runs that have begun and sleep until a time.
    pub asleep: u64,
    /// When the next one is due, in milliseconds since 1970, where none is yet.
    pub next: Option<i64>,
}

/// Whether a run may be carried on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It may, with this fencing token.
    Go(u64),
    /// Not now: as many as may be going are going, or as many as may have begun have begun. Why, for people.
    Full(String),
    /// It begins at this time, in milliseconds since 1970.
    Later(i64),
}

/// Why a run that has not begun stands in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It begins at this time, in milliseconds since 1970.
    Later(i64),
    /// There is no room for it.
    Full {
        /// Why, for people.
        why: String,
        /// When there is, in milliseconds since 1970; None: that hangs on other runs.
        until: Option<i64>,
    },
    /// There is room for it: whoever carries runs on begins it.
    Ready,
}
