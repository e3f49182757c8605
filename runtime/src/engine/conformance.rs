//! What every engine must do, as a suite that any implementation can be held to: through the facade alone, with tools of
//! the suite's own, on a place that engines are opened on one after the other.
//!
//! ```
//! use std::sync::Arc;
//! use weir_runtime::engine::conformance::{Home, check};
//! use weir_runtime::engine::{Engine, LocalEngine, Toolbox};
//! use weir_runtime::journal::MemoryJournal;
//!
//! struct Memory(Arc<MemoryJournal>);
//!
//! impl Home for Memory {
//!     fn open(&self, tools: Toolbox) -> Result<Arc<dyn Engine>, String> {
//!         Ok(Arc::new(LocalEngine::new(Arc::clone(&self.0) as _, tools)))
//!     }
//! }
//!
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! runtime.block_on(check(&|| Ok(Box::new(Memory(Arc::default())))))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod family;
mod lab;
mod people;
mod runs;
mod sub_runs;
mod threads;

pub use lab::{Home, Verdict};

use lab::Lab;

/// Holds an engine to the contract; `new` gives an empty place each time.
///
/// # Errors
/// The first promise that it breaks.
pub async fn check(new: &(dyn Fn() -> Result<Box<dyn Home>, String> + Sync)) -> Verdict {
    macro_rules! promises {
        ($($what:literal: $promise:path;)*) => {
            $($promise(&Lab::new(new()?)).await.map_err(|why| format!("{}: {why}", $what))?;)*
        };
    }
    promises! {
        "a run gives its envelope, and is known by it": runs::start;
        "what cannot run is refused before anything is started": runs::refused;
        "one start key is one run, also for those that come later": runs::start_with_key_once;
        "a run that is begun goes on by itself, and every decision is told once and in order": runs::begin_and_watch;
        "a saga that fails takes back what it did, newest first": runs::compensates;
        "a retried run does again only what failed": runs::retry;
        "nothing is known of a run that never was": runs::unknown_run;
        "runs of one thread are listed together": threads::listed;
        "the events of a thread stand in one list, in order, and are read on from any position": threads::events;
        "a thread is followed, runs that begin later included": threads::followed;
        "cancelling takes back what a saga did, once": people::cancel;
        "a paused run ends its call and makes no other until it is resumed": people::pause;
        "a question waits for an answer that fits, in whichever process": people::answer;
        "an event is kept, matched by name and key, and counted once": people::signal;
        "a call of which nobody knows whether it happened is an operator's to decide": people::decide;
        "a run that waits goes on where it was in the next process": people::resume_after_reopen;
        "a run that is started knows who started it, and is waited for": sub_runs::parent;
        "a run that is started may do no more than the one that starts it": sub_runs::grants;
        "depth and budget hold over the flows that a run calls": sub_runs::budget;
        "depth and budget hold over the runs that a run starts, in whichever process": sub_runs::handed_on;
        "cancelling reaches the sagas inside, and runs whose start is undone": sub_runs::cancel;
        "cancelling reaches the runs that a run started, and theirs": family::cancel;
        "a run that cancelling did not reach in one process is reached in the next": family::cancel_later;
        "a run that is started again has started what the failed one had": family::retried;
        "a run that ends, or fails, does not cancel what it started": family::outlives;
    }
    Ok(())
}
