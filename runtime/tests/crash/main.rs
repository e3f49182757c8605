//! The crash sweep: a process that carries runs on is killed at *every* system call that touches its store, or that call
//! fails (disk full, IO error); then another process goes on. It must end as if nothing had happened, and no unsafe call
//! may have been made twice, as counted by the tool's own log.
//!
//! By default about 2,600 kills and 1,600 failures, every flow in a test of its own. `WEIR_SWEEP=long` also kills the
//! process that goes on, again and again, and lets calls fail at every point: some 25,000 kills and 5,000 failures. `tests/crash/broken.rs` holds journals
//! with a planted fault each; the sweep must find every one.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot go on fails"
)]

#[macro_use]
#[path = "../build/pass_on.rs"]
mod pass_on;

mod broken;
mod child;
mod flows;
mod sweep;
mod ticks;
mod tracer;

use broken::Which;
use sweep::{Harm, sweep};

/// Not a test by itself: what the swept process does.
#[test]
fn child() {
    if let Ok(folder) = std::env::var("WEIR_CRASH") {
        child::run(folder.as_ref());
    }
}

macro_rules! sweeps {
    ($($flow:ident)*) => {
        $(#[test]
        fn $flow() {
            let name = stringify!($flow);
            let killed = sweep(name, Harm::Kill, Which::Right).unwrap();
            let full = sweep(name, Harm::NoSpace, Which::Right).unwrap();
            let broken = sweep(name, Harm::IoError, Which::Right).unwrap();
            eprintln!("{name}: killed at {killed} points, disk full at {full}, IO error at {broken}");
            assert!(killed >= 40 && full >= 10 && broken >= 10, "{killed} {full} {broken}");
        })*
    };
}

sweeps! {
    saga nested_saga compensates parallel_loop approval timer receive delivery sub_runs thread schedule campaign keyed retries
    long_loop monitors
}

#[test]
fn the_sweep_finds_planted_faults() {
    for which in [Which::Forgets, Which::Late, Which::Skips] {
        let found = sweep("saga", Harm::Kill, which);
        assert!(found.is_err(), "{which:?} was not found in {found:?} points");
    }
}
