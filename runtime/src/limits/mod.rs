//! What a tool server is spared: calls at once, calls in a stretch of time, and calls while it is down. Held over all runs
//! of a process; a call that has to wait waits before it is written down as made, so a crash leaves no doubt about it.

mod breaker;
mod gate;
mod line;
mod window;

pub use breaker::Trip;
pub use gate::{Admission, Change, Gate, Permit, Waiting};
pub use window::Window;

use ecow::EcoString;
use weir_compiler::project::{Breaker, ToolSection, parse_breaker, parse_limit};

/// The limits of one server, as `weir.toml` names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `concurrency = 4`: calls at once.
    pub concurrency: Option<u32>,
    /// `limit = "10 per 1s"`: calls in so many milliseconds.
    pub rate: Option<(u32, i64)>,
    /// `breaker = "5 failures per 1m open 30s"`
    pub breaker: Option<Breaker>,
}

impl Limits {
    /// What a section of `weir.toml` says. What does not read as a limit has been reported by the check.
    pub fn of(section: &ToolSection) -> Limits {
        Limits {
            concurrency: section.concurrency.filter(|most| *most > 0),
            rate: section.limit.as_deref().and_then(parse_limit),
            breaker: section.breaker.as_deref().and_then(parse_breaker),
        }
    }

    /// Whether nothing is limited.
    pub fn none(&self) -> bool {
        *self == Limits::default()
    }
}

/// How a server's gate stands, for people and metrics.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct GateState {
    /// The server's name.
    pub server: EcoString,
    /// Calls under way.
    pub active: u32,
    /// Calls that wait for their turn.
    pub waiting: usize,
    /// `closed` (calls pass), `open` (calls are refused), `half_open` (one call tries); None: it has no breaker.
    pub breaker: Option<&'static str>,
}
