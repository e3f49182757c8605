//! One flow, harmed at each of its points in turn.

use crate::broken::Which;
use crate::child::LOG;
use crate::flows;
pub use crate::tracer::Harm;
use crate::tracer::{Traced, trace};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use weir_runtime::journal::SqliteJournal;

/// In the long mode: how much further a process that goes on gets each time.
const STEP: usize = 11;

/// How a flow ends, and what its tool did.
#[derive(Debug, PartialEq, Eq)]
struct End {
    outcome: String,
    /// Calls that must not be repeated, sorted, without run ids.
    unsafe_calls: Vec<String>,
}

/// What is swept: a flow by its name, on one of the journals.
#[derive(Clone, Copy)]
struct Swept<'a> {
    name: &'a str,
    which: Which,
}

/// Whether everything is tried.
pub fn is_long() -> bool {
    std::env::var("WEIR_SWEEP").is_ok_and(|mode| mode == "long")
}

/// Harms the flow at each point; gives their number.
///
/// # Errors
/// The first point after which it ends differently, or something unsafe was repeated.
pub fn sweep(name: &str, harm: Harm, which: Which) -> Result<usize, String> {
    let (swept, label) = (Swept { name, which }, format!("{name}-{harm:?}-{}", which.word()));
    let began = Instant::now();
    let points = at_each_point(swept, harm, &label);
    if is_long() {
        eprintln!("{label}: {points:?} points in {} s", began.elapsed().as_secs());
    }
    if points.is_ok() || which != Which::Right {
        // What went wrong can be looked at; the rest is not kept.
        let _ = std::fs::remove_dir_all(place(&label));
    }
    points
}

fn at_each_point(swept: Swept<'_>, harm: Harm, label: &str) -> Result<usize, String> {
    let name = swept.name;
    let plan = serde_json::to_string(&flows::plan(name)).unwrap();
    let folder = fresh(label, &plan);
    let whole = process(&folder, swept, None);
    let expected = end(&folder);
    if whole.code != Some(0) {
        return Err(format!("{name}: unharmed it ends with {:?}", whole.code));
    }
    let (long, mut points) = (is_long(), 0);
    // Failing calls are tried at each third point, killing at each; in the long mode both at each.
    let stride = if long || harm == Harm::Kill { 1 } else { 3 };
    for at in (1..).step_by(stride) {
        let folder = fresh(label, &plan);
        let traced = process(&folder, swept, Some((harm, at)));
        if traced.calls < at {
            break;
        }
        points += 1;
        let place = format!("{name}, {harm:?} at {at}");
        check_code(&place, &traced)?;
        if long && harm == Harm::Kill {
            points += resumed_in_pieces(&place, &folder, swept, at)?;
        }
        finish(&place, &folder, swept, &expected)?;
    }
    Ok(points)
}

/// The process that goes on is killed too, further on each time, until it gets through. Where it is killed first depends
/// on the point, so that all points together come to every call.
fn resumed_in_pieces(place: &str, folder: &Path, swept: Swept<'_>, at: usize) -> Result<usize, String> {
    let pieces = (1 + at % STEP..).step_by(STEP);
    for (harmed, piece) in pieces.take(400).enumerate() {
        let traced = process(folder, swept, Some((Harm::Kill, piece)));
        check_code(place, &traced)?;
        if traced.code == Some(0) {
            return Ok(harmed);
        }
    }
    Err(format!("{place}: it does not get through"))
}

fn check_code(place: &str, traced: &Traced) -> Result<(), String> {
    match traced.code {
        None | Some(0 | 3) => Ok(()),
        Some(code) => Err(format!("{place}: the process ended with {code}")),
    }
}

/// Unharmed, it ends as it would have.
fn finish(place: &str, folder: &Path, swept: Swept<'_>, expected: &End) -> Result<(), String> {
    let gone_on = child(folder, swept).stdin(Stdio::null()).output().unwrap();
    if gone_on.status.code() != Some(0) {
        let said = String::from_utf8_lossy(&gone_on.stderr);
        return Err(format!("{place}: it cannot go on ({:?}): {said}", gone_on.status.code()));
    }
    let found = end(folder);
    if found == *expected { Ok(()) } else { Err(format!("{place}: {found:#?}, not {expected:#?}")) }
}

fn process(folder: &Path, swept: Swept<'_>, harm: Option<(Harm, usize)>) -> Traced {
    trace(child(folder, swept), folder, harm)
}

fn child(folder: &Path, swept: Swept<'_>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture", "--test-threads=1"]);
    command.env("WEIR_CRASH", folder).env("WEIR_CRASH_JOURNAL", swept.which.word());
    command.env("WEIR_CRASH_FLOW", swept.name);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn end(folder: &Path) -> End {
    let outcome = std::fs::read_to_string(folder.join("outcome")).unwrap_or_default();
    let log = std::fs::read_to_string(folder.join(LOG)).unwrap_or_default();
    let calls = log.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mut unsafe_calls: Vec<String> = calls
        .filter(|parts| ["put", "send"].contains(&parts[0]))
        .map(|parts| format!("{} {}", parts[0], parts[2]))
        .collect();
    unsafe_calls.sort();
    End { outcome, unsafe_calls }
}

/// In memory, where there is such a place: what a killed process wrote is there all the same, and flushing is quick.
fn place(label: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory } else { Path::new(env!("CARGO_TARGET_TMPDIR")) };
    place.join(format!("weir-crash-{}-{label}", std::process::id()))
}

/// An empty folder with the plan in it.
fn fresh(label: &str, plan: &str) -> PathBuf {
    let folder = place(label);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("plan.json"), plan).unwrap();
    if !label.starts_with("saga") {
        // Making the store is swept with one flow; the others find it made.
        drop(SqliteJournal::open(folder.join(".weir/weir.db")).unwrap());
    }
    folder.canonicalize().unwrap()
}
