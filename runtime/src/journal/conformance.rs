//! What every journal must do, as a suite that any implementation can be held to.

use super::{Claimed, Journal, JournalError, KeyClaim, RunRecord};
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
    let promises: [Promise; 9] = [
        ("a run comes back as it was written", comes_back),
        ("one id is one run", one_id_one_run),
        ("events keep their order, and out of turn is refused", in_turn),
        ("a status is set, on known runs only", status),
        ("runs are listed newest first", listed),
        ("a claimed key is in flight", in_flight),
        ("a completed key is replayed exactly", replayed),
        ("other arguments conflict", conflict),
        ("only the holder completes or gives up", holder),
    ];
    promises.iter().try_for_each(|(name, promise)| promise(&*new()).map_err(|why| format!("{name}: {why}")))
}

/// Holds two journals on the same keys (two processes, or two connections) to the contract: of claims made at once
/// from both, exactly one is new.
///
/// # Errors
/// The first promise that they break.
pub fn check_shared(one: &dyn Journal, other: &dyn Journal) -> Verdict {
    for round in 0..50 {
        let claim = |run_id: &str| KeyClaim { run_id: run_id.into(), ..key(&format!("shared-{round}"), 1) };
        let (a, b) = std::thread::scope(|scope| {
            let a = scope.spawn(|| one.claim(&claim("a")));
            let b = scope.spawn(|| other.claim(&claim("b")));
            (a.join(), b.join())
        });
        let (Ok(a), Ok(b)) = (a, b) else {
            return Err("a claim panicked".into());
        };
        let new = [ok(a)?, ok(b)?].iter().filter(|claimed| matches!(claimed, Claimed::New)).count();
        same("claims that are new", new, 1)?;
    }
    Ok(())
}

fn comes_back(journal: &dyn Journal) -> Verdict {
    ok(journal.create(&run("r1"), "{\"plan\":1}"))?;
    same("an unknown run", ok(journal.load("r2"))?, None)?;
    same("a new run", ok(journal.load("r1"))?, Some((run("r1"), "{\"plan\":1}".into(), vec![])))
}

fn one_id_one_run(journal: &dyn Journal) -> Verdict {
    ok(journal.create(&run("r1"), "1"))?;
    refused(journal.create(&run("r1"), "1"))?;
    ok(journal.create(&run("r2"), "1"))
}

fn in_turn(journal: &dyn Journal) -> Verdict {
    ok(journal.create(&run("r1"), "1"))?;
    ok(journal.create(&run("r2"), "1"))?;
    ok(journal.append("r1", 0, &["\"a\"".into(), "\"b\"".into()], false))?;
    ok(journal.append("r2", 0, &["\"x\"".into()], true))?;
    refused(journal.append("r1", 0, &["\"again\"".into()], true))?;
    refused(journal.append("r1", 5, &["\"gap\"".into()], true))?;
    refused(journal.append("nobody", 0, &["\"a\"".into()], true))?;
    ok(journal.append("r1", 2, &["\"ø\\n\"".into()], true))?;
    let events = ok(journal.load("r1"))?.map(|(_, _, events)| events);
    same("the events", events, Some(vec!["\"a\"".into(), "\"b\"".into(), "\"ø\\n\"".into()]))
}

fn status(journal: &dyn Journal) -> Verdict {
    ok(journal.create(&run("r1"), "1"))?;
    ok(journal.set_status("r1", "succeeded", Some("2026-11-05T10:00:01Z")))?;
    refused(journal.set_status("r2", "succeeded", None))?;
    let expected =
        RunRecord { status: "succeeded".into(), finished_at: Some("2026-11-05T10:00:01Z".into()), ..run("r1") };
    same("the run", ok(journal.load("r1"))?.map(|(run, ..)| run), Some(expected))
}

fn listed(journal: &dyn Journal) -> Verdict {
    for id in ["r1", "r0", "r2"] {
        ok(journal.create(&run(id), "1"))?;
    }
    let ids: Vec<_> = ok(journal.list(2))?.into_iter().map(|run| run.run_id.to_string()).collect();
    same("the newest two", ids, vec!["r2".into(), "r0".into()])
}

fn in_flight(journal: &dyn Journal) -> Verdict {
    claimed(journal, &key("k", 1), |claimed| matches!(claimed, Claimed::New))?;
    let held = |claimed: &Claimed| matches!(claimed, Claimed::InFlight { run_id, since } if run_id == "r1" && since.parse::<jiff::Timestamp>().is_ok());
    claimed(journal, &key("k", 1), held)?;
    claimed(journal, &KeyClaim { run_id: "r2".into(), ..key("k", 1) }, held)?;
    claimed(journal, &KeyClaim { scope: "other".into(), ..key("k", 1) }, |claimed| matches!(claimed, Claimed::New))
}

fn replayed(journal: &dyn Journal) -> Verdict {
    let value = Value::record([
        ("id", Value::text("a\u{0}1")),
        ("big", Value::new(Data::RawNumber("12345678901234567890.10".into()))),
        ("took", Value::new(Data::Duration(1500))),
        ("none", Value::NULL),
    ]);
    claimed(journal, &key("k", 1), |claimed| matches!(claimed, Claimed::New))?;
    ok(journal.complete("scope", "k", "r1", &value))?;
    let again = |claimed: &Claimed| matches!(claimed, Claimed::Recorded(known) if exact(known) == exact(&value));
    claimed(journal, &key("k", 1), again)?;
    claimed(journal, &KeyClaim { run_id: "r2".into(), ..key("k", 1) }, again)
}

fn conflict(journal: &dyn Journal) -> Verdict {
    let conflicts = |claimed: &Claimed| matches!(claimed, Claimed::Conflict);
    claimed(journal, &key("k", 1), |claimed| matches!(claimed, Claimed::New))?;
    claimed(journal, &key("k", 2), conflicts)?;
    ok(journal.complete("scope", "k", "r1", &Value::NULL))?;
    claimed(journal, &key("k", 2), conflicts)?;
    claimed(journal, &key("k", 1), |claimed| matches!(claimed, Claimed::Recorded(value) if value.is_null()))
}

fn holder(journal: &dyn Journal) -> Verdict {
    refused(journal.complete("scope", "k", "r1", &Value::NULL))?;
    ok(journal.release("scope", "k", "r1"))?;
    claimed(journal, &key("k", 1), |claimed| matches!(claimed, Claimed::New))?;
    refused(journal.complete("scope", "k", "r2", &Value::NULL))?;
    ok(journal.release("scope", "k", "r2"))?;
    claimed(journal, &key("k", 1), |claimed| matches!(claimed, Claimed::InFlight { .. }))?;
    ok(journal.release("scope", "k", "r1"))?;
    claimed(journal, &key("k", 2), |claimed| matches!(claimed, Claimed::New))
}

fn run(id: &str) -> RunRecord {
    RunRecord {
        run_id: id.into(),
        flow: "leads.onboard".into(),
        program: "sha256:1".into(),
        status: "running".into(),
        started_at: "2026-11-05T10:00:00Z".into(),
        finished_at: None,
    }
}

fn key(key: &str, args: u8) -> KeyClaim {
    KeyClaim { scope: "scope".into(), key: key.into(), args: [args; 32], run_id: "r1".into(), step: "send".into() }
}

/// The value with its kinds, not only what `==` sees.
fn exact(value: &Value) -> String {
    format!("{:?}", value.data)
}

fn claimed(journal: &dyn Journal, claim: &KeyClaim, expected: impl Fn(&Claimed) -> bool) -> Verdict {
    let claimed = ok(journal.claim(claim))?;
    if expected(&claimed) {
        Ok(())
    } else {
        Err(format!("a claim by {} on `{}` gave {claimed:?}", claim.run_id, claim.key))
    }
}

fn ok<T>(result: Result<T, JournalError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn refused(result: Result<(), JournalError>) -> Verdict {
    match result {
        Ok(()) => Err("something was taken that had to be refused".into()),
        Err(_) => Ok(()),
    }
}

fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Verdict {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, not {expected:?}")) }
}
