//! What every journal must do, as a suite that any implementation can be held to.

mod queue;
mod threads;

use super::{
    Appended, Batch, Claimed, Created, DueCall, Filter, Journal, JournalError, KeyChange, KeyClaim, Line, Loaded,
    NewRun, RunRecord, StatusChange, Trouble,
};
use crate::audit::Chain;
use std::fmt::Debug;
use weir_stdlib::value::{Data, Value};

/// What went wrong, in words.
pub type Verdict = Result<(), String>;

/// Holds a journal to the contract; `new` gives an empty one each time.
///
/// # Errors
/// The first promise that it breaks.
pub fn check(new: &dyn Fn() -> Box<dyn Journal>) -> Verdict {
    type Promise = (&'static str, fn(&dyn Journal) -> Verdict);
    let promises: [Promise; 27] = [
        ("a run comes back as it was written", comes_back),
        ("one id is one run", one_id_one_run),
        ("one start key is one run", one_key_one_run),
        ("lines keep their order, and out of turn is refused", in_turn),
        ("a large value comes back with its line", large),
        ("a status is set with the lines", status),
        ("runs are listed newest first, by what is asked for", listed),
        ("who took a run over has it, whoever had it before writes nothing", fenced),
        ("a claimed key is in flight", in_flight),
        ("a completed key is replayed exactly", replayed),
        ("other arguments conflict", conflict),
        ("only the holder completes or gives up", holder),
        ("word that is left stays until it is dealt with", posts),
        ("old finished runs are forgotten, their keys are not", forgotten),
        ("what is recorded is one chain, in its order, and says of calls only those that are made", audited),
        ("a queued run begins when its time has come, once", queue::begins),
        ("queued runs come by priority, and sources take turns", queue::order),
        ("no more go at once than may, whoever died or waits", queue::room),
        ("no more begin in a stretch of time than may", queue::rate),
        ("a run that rests is woken", queue::wakes),
        ("a run that is let go of in the middle is found", queue::found),
        ("what is remembered is known", queue::remembers),
        ("the lines of a thread stand in the order in which they were written, and no others", threads::order),
        ("a thread is read on from any position", threads::pages),
        ("what was not written stands in no thread", threads::only_written),
        ("a queued run stands in its thread once it has lines", threads::queued),
        ("runs that are forgotten leave their thread, and their positions are not used again", threads::forgotten),
    ];
    promises.iter().try_for_each(|(name, promise)| promise(&*new()).map_err(|why| format!("{name}: {why}")))
}

/// Holds two journals on the same runs and keys (two processes, or two connections) to the contract: of claims made at
/// once from both, exactly one is new; a run that one carries on is not the other's.
///
/// # Errors
/// The first promise that they break.
pub fn check_shared(one: &dyn Journal, other: &dyn Journal) -> Verdict {
    create(one, "a")?;
    create(other, "b")?;
    for round in 0..50 {
        let name = format!("shared-{round}");
        let claim = |journal: &dyn Journal, run_id: &str| claims(journal, run_id, key(&name, 1));
        let (a, b) = std::thread::scope(|scope| {
            let a = scope.spawn(|| claim(one, "a"));
            let b = scope.spawn(|| claim(other, "b"));
            (a.join(), b.join())
        });
        let (Ok(a), Ok(b)) = (a, b) else {
            return Err("a claim panicked".into());
        };
        let (a, b) = (a?, b?);
        let new = [&a, &b].iter().filter(|claimed| matches!(claimed, Claimed::New)).count();
        same("claims that are new", new, 1)?;
    }
    held(other.claim("a").wait())?;
    ok(other.post("a", "\"word\"".into()).wait())?;
    same("word for its run", ok(one.posts())?.len(), 1)?;
    same("word for another's run", ok(other.posts())?.len(), 0)?;
    ok(one.release("a", 1).wait())?;
    let token = ok(other.claim("a").wait())?;
    let seq = texts(one, "a")?.len() as u64;
    held(one.append(batch("a", 1, seq, &["\"late\""])).wait())?;
    ok(other.append(batch("a", token, seq, &["\"in time\""])).wait()).map(drop)
}

fn comes_back(journal: &dyn Journal) -> Verdict {
    create(journal, "r1")?;
    same("an unknown run", ok(journal.load("r2"))?, None)?;
    same(
        "a new run",
        ok(journal.load("r1"))?,
        Some(Loaded { run: run("r1"), plan: "{\"plan\":1}".into(), lines: vec![] }),
    )
}

fn one_id_one_run(journal: &dyn Journal) -> Verdict {
    create(journal, "r1")?;
    refused(journal.create(new_run("r1")).wait())?;
    create(journal, "r2")
}

fn one_key_one_run(journal: &dyn Journal) -> Verdict {
    let keyed = |id: &str, key: &str| NewRun { start_key: Some(key.into()), ..new_run(id) };
    same("the first", ok(journal.create(keyed("r1", "k")).wait())?, Created::New)?;
    same("the second", ok(journal.create(keyed("r2", "k")).wait())?, Created::Known("r1".into()))?;
    same("another key", ok(journal.create(keyed("r3", "l")).wait())?, Created::New)?;
    same("runs", ok(journal.list(&Filter::default()))?.len(), 2)
}

fn in_turn(journal: &dyn Journal) -> Verdict {
    create(journal, "r1")?;
    create(journal, "r2")?;
    let unsynced = Batch { sync: false, ..batch("r1", 1, 0, &["\"a\"", "\"b\""]) };
    let first = journal.append(unsynced);
    ok(journal.append(batch("r2", 1, 0, &["\"x\""])).wait())?;
    same("lines", ok(first.wait())?.seq, 2)?;
    held(journal.append(batch("r1", 1, 0, &["\"again\""])).wait())?;
    held(journal.append(batch("r1", 1, 5, &["\"gap\""])).wait())?;
    refused(journal.append(batch("nobody", 1, 0, &["\"a\""])).wait())?;
    ok(journal.append(batch("r1", 1, 2, &["\"ø\\n\""])).wait())?;
    let last: Vec<String> = ok(journal.lines("r1", 2))?.into_iter().map(|line| line.text).collect();
    same("the lines from the third on", last, vec!["\"ø\\n\"".to_owned()])?;
    same("the lines behind the last", ok(journal.lines("r1", 3))?.len(), 0)?;
    same("the lines", texts(journal, "r1")?, vec!["\"a\"".into(), "\"b\"".into(), "\"ø\\n\"".into()])
}

fn large(journal: &dyn Journal) -> Verdict {
    create(journal, "r1")?;
    let text = format!("\"{}\"", "ø".repeat(10_000));
    let line = |at: u32| Line { text: format!("{{\"at\":{at}}}"), large: Some(text.clone()) };
    let lines = vec![line(1), line(2), Line { text: "3".into(), large: None }];
    ok(journal.append(Batch { lines: lines.clone(), ..batch("r1", 1, 0, &[]) }).wait())?;
    same("the lines", ok(journal.load("r1"))?.map(|loaded| loaded.lines), Some(lines))
}

fn status(journal: &dyn Journal) -> Verdict {
    create(journal, "r1")?;
    let change = StatusChange { status: "succeeded", finished_at: Some("2026-11-05T10:00:01Z".into()) };
    let done = Batch { status: Some(change), release: true, ..batch("r1", 1, 0, &["1"]) };
    ok(journal.append(done).wait())?;
    let expected =
        RunRecord { status: "succeeded".into(), finished_at: Some("2026-11-05T10:00:01Z".into()), ..run("r1") };
    same("the run", ok(journal.load("r1"))?.map(|loaded| loaded.run), Some(expected))
}

fn listed(journal: &dyn Journal) -> Verdict {
    for id in ["r1", "r0", "s2"] {
        create(journal, id)?;
    }
    let child = RunRecord { parent: Some("r1".into()), flow: "audit".into(), ..run("s3") };
    ok(journal.create(NewRun { run: child, ..new_run("s3") }).wait())?;
    let ids = |filter: Filter| -> Result<Vec<String>, String> {
        Ok(ok(journal.list(&filter))?.into_iter().map(|run| run.run_id.to_string()).collect())
    };
    let any = Filter::default;
    same("the newest two", ids(Filter { limit: 2, ..any() })?, vec!["s3".into(), "s2".into()])?;
    same("by id", ids(Filter { id: Some("r".into()), ..any() })?, vec!["r0".into(), "r1".into()])?;
    same("by flow", ids(Filter { flow: Some("audit".into()), ..any() })?, vec!["s3".into()])?;
    same("by parent", ids(Filter { parent: Some("r1".into()), ..any() })?, vec!["s3".into()])?;
    same("by status", ids(Filter { status: vec!["failed".into()], ..any() })?, vec![])?;
    same("unfinished", ids(Filter { unfinished: true, ..any() })?.len(), 4)
}

fn fenced(journal: &dyn Journal) -> Verdict {
    create(journal, "r1")?;
    ok(journal.append(batch("r1", 1, 0, &["1"])).wait())?;
    let token = ok(journal.claim("r1").wait())?;
    if token <= 1 {
        return Err(format!("the second holder has token {token}"));
    }
    held(journal.append(batch("r1", 1, 1, &["\"late\""])).wait())?;
    ok(journal.release("r1", 1).wait())?;
    ok(journal.append(batch("r1", token, 1, &["2"])).wait())?;
    refused(journal.claim("nobody").wait())?;
    same("the lines", texts(journal, "r1")?, vec!["1".into(), "2".into()])
}

fn in_flight(journal: &dyn Journal) -> Verdict {
    create(journal, "r1")?;
    create(journal, "r2")?;
    expect(journal, "r1", key("k", 1), |claimed| matches!(claimed, Claimed::New))?;
    // An earlier attempt of the same run that never ended: it is made again under its key.
    expect(journal, "r1", key("k", 1), |claimed| matches!(claimed, Claimed::New))?;
    let held = |claimed: &Claimed| matches!(claimed, Claimed::InFlight { run_id, since } if run_id == "r1" && since.parse::<jiff::Timestamp>().is_ok());
    expect(journal, "r2", key("k", 1), held)?;
    same("a refused call leaves no line", texts(journal, "r2")?.len(), 0)?;
    let other = KeyClaim { scope: "other".into(), ..key("k", 1) };
    expect(journal, "r2", other, |claimed| matches!(claimed, Claimed::New))
}

fn replayed(journal: &dyn Journal) -> Verdict {
    let value = Value::record([
        ("id", Value::text("a\u{0}1")),
        ("big", Value::new(Data::RawNumber("12345678901234567890.10".into()))),
        ("took", Value::new(Data::Duration(1500))),
        ("none", Value::NULL),
    ]);
    create(journal, "r1")?;
    create(journal, "r2")?;
    expect(journal, "r1", key("k", 1), |claimed| matches!(claimed, Claimed::New))?;
    ok(settle(journal, "r1", 1, KeyChange::Complete("scope".into(), "k".into(), value.clone())))?;
    let again = |claimed: &Claimed| matches!(claimed, Claimed::Recorded(known) if exact(known) == exact(&value));
    expect(journal, "r1", key("k", 1), again)?;
    expect(journal, "r2", key("k", 1), again)
}

fn conflict(journal: &dyn Journal) -> Verdict {
    let conflicts = |claimed: &Claimed| matches!(claimed, Claimed::Conflict);
    create(journal, "r1")?;
    expect(journal, "r1", key("k", 1), |claimed| matches!(claimed, Claimed::New))?;
    expect(journal, "r1", key("k", 2), conflicts)?;
    ok(settle(journal, "r1", 1, KeyChange::Complete("scope".into(), "k".into(), Value::NULL)))?;
    expect(journal, "r1", key("k", 2), conflicts)?;
    expect(journal, "r1", key("k", 1), |claimed| matches!(claimed, Claimed::Recorded(value) if value.is_null()))
}

fn holder(journal: &dyn Journal) -> Verdict {
    let complete = || KeyChange::Complete("scope".into(), "k".into(), Value::NULL);
    let release = || KeyChange::Release("scope".into(), "k".into());
    create(journal, "r1")?;
    create(journal, "r2")?;
    refused(settle(journal, "r1", 0, complete()))?;
    ok(settle(journal, "r1", 0, release()))?;
    expect(journal, "r1", key("k", 1), |claimed| matches!(claimed, Claimed::New))?;
    refused(settle(journal, "r2", 0, complete()))?;
    ok(settle(journal, "r2", 0, release()))?;
    expect(journal, "r2", key("k", 1), |claimed| matches!(claimed, Claimed::InFlight { .. }))?;
    ok(settle(journal, "r1", 1, release()))?;
    expect(journal, "r2", key("k", 2), |claimed| matches!(claimed, Claimed::New))
}

fn posts(journal: &dyn Journal) -> Verdict {
    create(journal, "r1")?;
    refused(journal.post("nobody", "1".into()).wait())?;
    ok(journal.post("r1", "\"one\"".into()).wait())?;
    ok(journal.post("r1", "\"two\"".into()).wait())?;
    let left = ok(journal.posts())?;
    let texts: Vec<String> = left.iter().map(|post| post.text.clone()).collect();
    same("what was left", texts, vec!["\"one\"".to_owned(), "\"two\"".to_owned()])?;
    let posts = left.iter().take(1).map(|post| post.number).collect();
    ok(journal.append(Batch { posts, ..batch("r1", 1, 0, &["1"]) }).wait())?;
    same("what is still left", ok(journal.posts())?.len(), 1)
}

fn forgotten(journal: &dyn Journal) -> Verdict {
    let keyed = |id: &str| NewRun { start_key: Some("began".into()), ..new_run(id) };
    same("a new run", ok(journal.create(keyed("r1")).wait())?, Created::New)?;
    for id in ["r2", "r3"] {
        create(journal, id)?;
    }
    expect(journal, "r1", key("k", 1), |claimed| matches!(claimed, Claimed::New))?;
    ok(settle(journal, "r1", 1, KeyChange::Complete("scope".into(), "k".into(), Value::NULL)))?;
    for (id, seq, at) in [("r1", 1, "2026-11-05T10:00:01Z"), ("r2", 0, "2026-11-06T10:00:01Z")] {
        let change = StatusChange { status: "succeeded", finished_at: Some(at.into()) };
        ok(journal.append(Batch { status: Some(change), release: true, ..batch(id, 1, seq, &[]) }).wait())?;
    }
    same("runs forgotten", ok(journal.forget("2026-11-06T00:00:00Z", 10).wait())?, 1)?;
    same("the old run", ok(journal.load("r1"))?, None)?;
    same("runs left", ok(journal.list(&Filter::default()))?.len(), 2)?;
    same("a start under its key", ok(journal.create(keyed("r4")).wait())?, Created::Known("r1".into()))?;
    expect(journal, "r3", key("k", 1), |claimed| matches!(claimed, Claimed::Recorded(_)))
}

fn audited(journal: &dyn Journal) -> Verdict {
    let new = |id: &str| NewRun { audit: vec![format!("\"{id} began\"")], ..new_run(id) };
    same("a new run", ok(journal.create(new("r1")).wait())?, Created::New)?;
    same("another", ok(journal.create(new("r2")).wait())?, Created::New)?;
    refused(journal.create(new("r1")).wait())?;
    for (id, what) in [("r1", "made"), ("r2", "not made")] {
        let audit = Some(format!("\"call {what}\""));
        let call = DueCall { line: None, claim: Some(key("k", 1)), audit };
        let turn = Batch { audit: vec![format!("\"{id} said\"")], calls: vec![call], ..batch(id, 1, 0, &["1"]) };
        ok(journal.append(turn).wait())?;
    }
    held(journal.append(Batch { audit: vec!["\"out of turn\"".into()], ..batch("r1", 1, 9, &["1"]) }).wait())?;
    ok(journal.audit(vec!["\"beside\"".into()]).wait())?;
    let (first, rest) = (ok(journal.audited(0, 2))?, ok(journal.audited(2, 100))?);
    let mut chain = Chain::default();
    let links: Vec<_> = first.links.iter().chain(&rest.links).collect();
    links.iter().for_each(|link| chain.follow(link));
    let texts: Vec<&str> = links.iter().map(|link| link.text.trim_matches('"')).collect();
    let expected = vec!["r1 began", "r2 began", "r1 said", "call made", "r2 said", "beside"];
    same("what was recorded", texts, expected)?;
    same("its breaks", chain.end(rest.head).breaks, Vec::new())
}

fn run(id: &str) -> RunRecord {
    RunRecord {
        run_id: id.into(),
        flow: "leads.onboard".into(),
        program: "sha256:1".into(),
        status: "running".into(),
        started_at: "2026-11-05T10:00:00Z".into(),
        finished_at: None,
        parent: None,
        thread: None,
    }
}

fn new_run(id: &str) -> NewRun {
    NewRun { run: run(id), plan: "{\"plan\":1}".into(), start_key: None, lines: vec![], audit: vec![] }
}

fn create(journal: &dyn Journal, id: &str) -> Verdict {
    same("a new run", ok(journal.create(new_run(id)).wait())?, Created::New)
}

fn batch(run_id: &str, token: u64, seq: u64, lines: &[&str]) -> Batch {
    let lines = lines.iter().map(|text| Line { text: (*text).to_owned(), large: None }).collect();
    Batch { run_id: run_id.into(), token, seq, lines, sync: true, ..Batch::default() }
}

fn settle(journal: &dyn Journal, run_id: &str, seq: u64, change: KeyChange) -> Result<Appended, JournalError> {
    journal.append(Batch { keys: vec![change], ..batch(run_id, 1, seq, &[]) }).wait()
}

fn texts(journal: &dyn Journal, run_id: &str) -> Result<Vec<String>, String> {
    let loaded = ok(journal.load(run_id))?.ok_or("there is no such run")?;
    Ok(loaded.lines.into_iter().map(|line| line.text).collect())
}

fn key(key: &str, args: u8) -> KeyClaim {
    KeyClaim { scope: "scope".into(), key: key.into(), args: [args; 32], step: "send".into() }
}

/// The value with its kinds, not only what `==` sees.
fn exact(value: &Value) -> String {
    format!("{:?}", value.data)
}

/// Claims a key for a call, whose line is written where the claim is granted.
fn claims(journal: &dyn Journal, run_id: &str, claim: KeyClaim) -> Result<Claimed, String> {
    let seq = texts(journal, run_id)?.len() as u64;
    let call = DueCall { line: Some(Line { text: "\"call\"".into(), large: None }), claim: Some(claim), audit: None };
    let appended = ok(journal.append(Batch { calls: vec![call], ..batch(run_id, 1, seq, &[]) }).wait())?;
    appended.claimed.into_iter().next().ok_or_else(|| "a claim without an answer".to_owned())
}

fn expect(journal: &dyn Journal, run_id: &str, claim: KeyClaim, expected: impl Fn(&Claimed) -> bool) -> Verdict {
    let key = claim.key.clone();
    let claimed = claims(journal, run_id, claim)?;
    if expected(&claimed) { Ok(()) } else { Err(format!("a claim by {run_id} on `{key}` gave {claimed:?}")) }
}

fn ok<T>(result: Result<T, JournalError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn refused<T>(result: Result<T, JournalError>) -> Verdict {
    match result {
        Ok(_) => Err("something was taken that had to be refused".into()),
        Err(_) => Ok(()),
    }
}

fn held<T>(result: Result<T, JournalError>) -> Verdict {
    match result {
        Err(error) if error.trouble == Trouble::Held => Ok(()),
        Err(error) => Err(format!("it was refused for another reason: {error}")),
        Ok(_) => Err("something was taken that had to be refused".into()),
    }
}

fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Verdict {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, not {expected:?}")) }
}
