//! What a tool server is spared: calls at once, calls in a stretch of time, and calls while it is down. Held over all runs
//! of a process; a call that has to wait waits before it is written down as made, so a crash leaves no doubt about it.

mod breaker;
mod gate;
mod health;
mod instances;
mod line;
mod window;

pub use breaker::Trip;
pub(crate) use gate::gone;
pub use gate::{Admission, Change, Gate, Permit, Waiting};
pub use instances::Wish;
pub use window::Window;

use ecow::EcoString;
use weir_compiler::project::{Breaker, ToolSection, parse_breaker, parse_duration, parse_limit};

/// The limits of one server, as `weir.toml` names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `concurrency = 4`: calls at once.
    pub concurrency: Option<u32>,
    /// `limit = "10 per 1s"`: calls in so many milliseconds.
    pub rate: Option<(u32, i64)>,
    /// `breaker = "5 failures per 1m open 30s"`
    pub breaker: Option<Breaker>,
    /// `health = "10s"`: each instance is asked that often, in milliseconds, whether it is well.
    pub health_ms: Option<i64>,
    /// `shared_keys = true`: instances know each other's idempotency keys.
    pub shared_keys: bool,
}

impl Limits {
    /// What a section of `weir.toml` says. What does not read as a limit has been reported by the check.
    pub fn of(section: &ToolSection) -> Limits {
        Limits {
            concurrency: section.concurrency.filter(|most| *most > 0),
            rate: section.limit.as_deref().and_then(parse_limit),
            breaker: section.breaker.as_deref().and_then(parse_breaker),
            health_ms: section.health.as_deref().and_then(parse_duration).filter(|ms| *ms > 0),
            shared_keys: section.shared_keys,
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
    /// Its instances, where it has several.
    pub instances: Vec<InstanceState>,
}

/// How one instance of a server stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct InstanceState {
    /// Its name.
    pub instance: EcoString,
    /// Calls under way there.
    pub active: u32,
    /// As of [`GateState::breaker`].
    pub breaker: Option<&'static str>,
    /// `up`, `failing` (called where nothing else is there), `changed` (not what the lock file holds: not called).
    pub state: &'static str,
}
