//! What every journal promises of its queue.

use super::{Verdict, batch, held, new_run, ok, refused, run, same};
use crate::journal::{Admitted, Batch, Created, Depth, Journal, NewRun, Place, Standing, StatusChange};

fn place(due: i64) -> Place {
    Place { due, source: "s".into(), started: Some("\"begins\"".into()), ..Place::default() }
}

fn enqueue(journal: &dyn Journal, id: &str, place: Place) -> Verdict {
    let record = crate::journal::RunRecord { status: "queued".into(), ..run(id) };
    let new = NewRun { run: record, ..new_run(id) };
    same("a queued run", ok(journal.enqueue(new, place).wait())?, Created::New)
}

fn due(journal: &dyn Journal, now: i64) -> Result<Vec<String>, String> {
    Ok(ok(journal.due(now, 100))?.into_iter().map(|due| due.run_id.to_string()).collect())
}

/// Why a run stands in the queue. A journal may tell of none.
fn stands(journal: &dyn Journal, id: &str, now: i64, expected: Option<Standing>) -> Verdict {
    match ok(journal.standing(id, now))? {
        None => Ok(()),
        found => same("why it stands in the queue", found, expected),
    }
}

fn admit(journal: &dyn Journal, id: &str, now: i64) -> Result<u64, String> {
    match ok(journal.admit(id, now).wait())? {
        Admitted::Go(token) => Ok(token),
        other => Err(format!("run {id} was not let in: {other:?}")),
    }
}

/// Lets a run begin.
fn begin(journal: &dyn Journal, id: &str, now: i64) -> Result<u64, String> {
    let token = admit(journal, id, now)?;
    let running = StatusChange { status: "running", finished_at: None };
    ok(journal.append(Batch { status: Some(running), ..batch(id, token, 0, &["1"]) }).wait())?;
    Ok(token)
}

/// Lets go of a run that has begun.
fn rest(journal: &dyn Journal, id: &str, token: u64, frees: bool, wake: Option<i64>) -> Verdict {
    let waiting = StatusChange { status: "waiting", finished_at: None };
    let rests = Batch { status: Some(waiting), release: true, frees, wake, ..batch(id, token, 1, &[]) };
    ok(journal.append(rests).wait()).map(drop)
}

pub(super) fn begins(journal: &dyn Journal) -> Verdict {
    enqueue(journal, "r1", place(1_000))?;
    let new = NewRun { start_key: Some("k".into()), ..new_run("r2") };
    same("under a key", ok(journal.enqueue(new, place(0)).wait())?, Created::New)?;
    let again = NewRun { start_key: Some("k".into()), ..new_run("r3") };
    same("under it again", ok(journal.enqueue(again, place(0)).wait())?, Created::Known("r2".into()))?;
    same("too early", due(journal, 999)?, vec!["r2".into()])?;
    same("let in too early", ok(journal.admit("r1", 999).wait())?, Admitted::Later(1_000))?;
    stands(journal, "r1", 999, Some(Standing::Later(1_000)))?;
    stands(journal, "r1", 1_000, Some(Standing::Ready))?;
    same("what it begins with", ok(journal.queued("r1"))?, Some("\"begins\"".into()))?;
    same("in time", due(journal, 1_000)?, vec!["r2".into(), "r1".into()])?;
    let depth = Depth { ready: 1, later: 1, asleep: 0, next: Some(1_000) };
    same("the queue", ok(journal.depth(999))?, depth)?;
    begin(journal, "r1", 1_000)?;
    same("when it has begun", due(journal, 2_000)?, vec!["r2".into()])?;
    same("what it began with", ok(journal.queued("r1"))?, None)?;
    stands(journal, "r1", 2_000, None)?;
    refused(journal.admit("nobody", 0).wait())
}

pub(super) fn order(journal: &dyn Journal) -> Verdict {
    for (id, source, priority, at) in
        [("a1", "a", 0, 1), ("a2", "a", 0, 2), ("a3", "a", 0, 3), ("b1", "b", 0, 4), ("c1", "a", 7, 5)]
    {
        enqueue(journal, id, Place { source: source.into(), priority, ..place(at) })?;
    }
    let expected = ["c1", "a1", "b1", "a2", "a3"].map(String::from).to_vec();
    same("the order", due(journal, 10)?, expected)?;
    same("the first two", ok(journal.due(10, 2))?.len(), 2)
}

pub(super) fn room(journal: &dyn Journal) -> Verdict {
    let one = || Place { slot: Some(("order 7".into(), 1)), ..place(0) };
    for id in ["r1", "r2"] {
        enqueue(journal, id, one())?;
    }
    enqueue(journal, "r3", Place { slot: Some(("order 8".into(), 1)), ..place(0) })?;
    let token = begin(journal, "r1", 0)?;
    same("beside it", due(journal, 0)?, vec!["r3".into()])?;
    full(journal, "r2")?;
    // Whoever was cut off in the middle has its place all the same.
    rest(journal, "r1", token, false, None)?;
    full(journal, "r2")?;
    let token = admit(journal, "r1", 0)?;
    rest(journal, "r1", token, true, None)?;
    begin(journal, "r2", 0)?;
    full(journal, "r1")?;
    // One run behind another.
    enqueue(journal, "r4", Place { behind: Some("r2".into()), ..place(0) })?;
    enqueue(journal, "r5", Place { behind: Some("nobody".into()), ..place(0) })?;
    same("beside those", due(journal, 0)?, vec!["r3".into(), "r5".into()])?;
    full(journal, "r4")
}

fn full(journal: &dyn Journal, id: &str) -> Verdict {
    match ok(journal.admit(id, 0).wait())? {
        Admitted::Full(_) => Ok(()),
        other => Err(format!("run {id} had no room: {other:?}")),
    }
}

pub(super) fn rate(journal: &dyn Journal) -> Verdict {
    for id in ["r1", "r2", "r3"] {
        enqueue(journal, id, Place { rate: Some((2, 1_000)), ..place(0) })?;
    }
    begin(journal, "r1", 10)?;
    let token = begin(journal, "r2", 20)?;
    same("the third", due(journal, 1_000)?, vec![])?;
    match ok(journal.admit("r3", 1_009).wait())? {
        Admitted::Full(_) => {}
        other => return Err(format!("too many began: {other:?}")),
    }
    match ok(journal.standing("r3", 1_009))? {
        None | Some(Standing::Full { until: Some(1_010), .. }) => {}
        other => return Err(format!("the third stands in the queue otherwise: {other:?}")),
    }
    // What has begun goes on, whatever the limit.
    rest(journal, "r2", token, true, Some(500))?;
    same("one that is woken", due(journal, 1_000)?, vec!["r2".into()])?;
    admit(journal, "r2", 1_000)?;
    same("later", due(journal, 1_010)?, vec!["r3".into()])?;
    begin(journal, "r3", 1_010).map(drop)
}

pub(super) fn wakes(journal: &dyn Journal) -> Verdict {
    enqueue(journal, "r1", place(0))?;
    enqueue(journal, "r2", Place { priority: 9, ..place(0) })?;
    let token = begin(journal, "r1", 0)?;
    rest(journal, "r1", token, true, Some(50))?;
    held(journal.append(batch("r1", 0, 1, &["\"late\""])).wait())?;
    same("asleep", ok(journal.depth(0))?, Depth { ready: 1, later: 0, asleep: 1, next: Some(50) })?;
    same("before its time", due(journal, 49)?, vec!["r2".into()])?;
    same("what has begun goes first", due(journal, 50)?, vec!["r1".into(), "r2".into()])?;
    let token = admit(journal, "r1", 50)?;
    rest(journal, "r1", token, true, None)?;
    same("it waits for somebody", due(journal, 99)?, vec!["r2".into()])
}

pub(super) fn found(journal: &dyn Journal) -> Verdict {
    // It keeps its place among those that go, and that does not stand in its own way.
    enqueue(journal, "r1", Place { slot: Some(("order 7".into(), 1)), ..place(0) })?;
    let token = admit(journal, "r1", 0)?;
    ok(journal.release("r1", token).wait())?;
    same("before it has begun", due(journal, 9)?, vec!["r1".into()])?;
    same("what it begins with", ok(journal.queued("r1"))?, Some("\"begins\"".into()))?;
    let token = begin(journal, "r1", 0)?;
    let waiting = StatusChange { status: "waiting", finished_at: None };
    ok(journal.append(Batch { status: Some(waiting), ..batch("r1", token, 1, &[]) }).wait())?;
    same("while somebody has it", due(journal, 9)?, vec![])?;
    ok(journal.release("r1", token - 1).wait())?;
    same("when somebody else let go of it", due(journal, 9)?, vec![])?;
    ok(journal.release("r1", token).wait())?;
    same("when nobody has it", due(journal, 9)?, vec!["r1".into()])?;
    let token = admit(journal, "r1", 9)?;
    let over = StatusChange { status: "failed", finished_at: Some("2026-11-05T10:00:01Z".into()) };
    ok(journal
        .append(Batch { status: Some(over), release: true, frees: true, ..batch("r1", token, 1, &["2"]) })
        .wait())?;
    ok(journal.release("r1", token).wait())?;
    same("when it has ended", due(journal, 9)?, vec![])
}

pub(super) fn remembers(journal: &dyn Journal) -> Verdict {
    same("nothing", ok(journal.recall("a"))?, None)?;
    ok(journal.remember("a", "1".into()).wait())?;
    ok(journal.remember("b", "2".into()).wait())?;
    ok(journal.remember("a", "\"ø\"".into()).wait())?;
    same("the last", ok(journal.recall("a"))?, Some("\"ø\"".into()))?;
    same("beside it", ok(journal.recall("b"))?, Some("2".into()))
}
