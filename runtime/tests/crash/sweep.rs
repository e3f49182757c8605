//! One flow, harmed at each of its points in turn.

use crate::broken::Which;
use crate::child::LOG;
use crate::flows;
pub use crate::tracer::Harm;
use crate::tracer::{Traced, trace};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use weir_compiler::plan::Plan;
use weir_compiler::project::{ProjectSource, SourceFile};
use weir_runtime::journal::SqliteJournal;

/// How a flow ends, and what its tool did.
#[derive(Debug, PartialEq, Eq)]
struct End {
    outcome: String,
    /// Calls that must not be repeated, sorted, without run ids.
    unsafe_calls: Vec<String>,
}

/// Harms the flow at each point; gives their number.
///
/// # Errors
/// The first point after which it ends differently, or something unsafe was repeated.
pub fn sweep(name: &str, harm: Harm, which: Which) -> Result<usize, String> {
    let plan = plan(name);
    let label = format!("{name}-{harm:?}-{}", which.word());
    let folder = fresh(&label, &plan);
    let whole = process(&folder, which, None);
    let expected = end(&folder);
    if whole.code != Some(0) {
        return Err(format!("{name}: unharmed it ends with {:?}", whole.code));
    }
    let long = std::env::var("WEIR_SWEEP").is_ok_and(|mode| mode == "long");
    let mut points = 0;
    // Failing calls are tried at each third point, killing at each; in the long mode both at each.
    let stride = if long || harm == Harm::Kill { 1 } else { 3 };
    for at in (1..).step_by(stride) {
        let folder = fresh(&label, &plan);
        let traced = process(&folder, which, Some((harm, at)));
        if traced.calls < at {
            return Ok(points);
        }
        points += 1;
        let place = format!("{name}, {harm:?} at {at}");
        check_code(&place, &traced)?;
        if long {
            points += resumed_in_pieces(&place, &folder, which)?;
        }
        finish(&place, &folder, which, &expected)?;
    }
    Ok(points)
}

/// The process that goes on is killed too, a few calls further each time, until it gets through.
fn resumed_in_pieces(place: &str, folder: &Path, which: Which) -> Result<usize, String> {
    for piece in 1..400 {
        let traced = process(folder, which, Some((Harm::Kill, piece)));
        check_code(place, &traced)?;
        if traced.code == Some(0) {
            return Ok(piece - 1);
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
fn finish(place: &str, folder: &Path, which: Which, expected: &End) -> Result<(), String> {
    let gone_on = child(folder, which).stdin(Stdio::null()).output().unwrap();
    if gone_on.status.code() != Some(0) {
        let said = String::from_utf8_lossy(&gone_on.stderr);
        return Err(format!("{place}: it cannot go on ({:?}): {said}", gone_on.status.code()));
    }
    let found = end(folder);
    if found == *expected { Ok(()) } else { Err(format!("{place}: {found:#?}, not {expected:#?}")) }
}

fn process(folder: &Path, which: Which, harm: Option<(Harm, usize)>) -> Traced {
    trace(child(folder, which), folder, harm)
}

fn child(folder: &Path, which: Which) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture", "--test-threads=1"]);
    command.env("WEIR_CRASH", folder).env("WEIR_CRASH_JOURNAL", which.word());
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

/// An empty folder with the plan in it.
fn fresh(label: &str, plan: &str) -> PathBuf {
    // In memory, where there is such a place: what a killed process wrote is there all the same, and flushing is quick.
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory } else { Path::new(env!("CARGO_TARGET_TMPDIR")) };
    let folder = place.join(format!("weir-crash-{}-{label}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("plan.json"), plan).unwrap();
    if !label.starts_with("saga") {
        // Making the store is swept with one flow; the others find it made.
        drop(SqliteJournal::open(folder.join(".weir/weir.db")).unwrap());
    }
    folder.canonicalize().unwrap()
}

fn plan(name: &str) -> String {
    let file = SourceFile { path: "crash.flow".into(), module: "".into(), text: flows::text(name) };
    let checked = weir_compiler::check(ProjectSource { files: vec![file], ..ProjectSource::default() });
    let errors: Vec<_> = checked.diagnostics.iter().filter(|one| one.severity.word() == "error").collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}");
    let plan: Arc<Plan> = Arc::new(checked.plan("main").unwrap());
    serde_json::to_string(&*plan).unwrap()
}
