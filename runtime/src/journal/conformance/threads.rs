//! What every journal promises of the lists of threads.

use super::{Verdict, batch, create, held, key, new_run, ok, run, same};
use crate::journal::{
    Admitted, Batch, Created, DueCall, Journal, Line, NewRun, Place, RunRecord, StatusChange, ThreadLine,
};

/// A run of a thread.
fn of(thread: &str, id: &str) -> NewRun {
    NewRun { run: RunRecord { thread: Some(thread.into()), ..run(id) }, ..new_run(id) }
}

fn begin(journal: &dyn Journal, thread: &str, id: &str, lines: &[&str]) -> Verdict {
    let lines = batch(id, 1, 0, lines).lines;
    same("a new run", ok(journal.create(NewRun { lines, ..of(thread, id) }).wait())?, Created::New)
}

fn append(journal: &dyn Journal, id: &str, seq: u64, lines: &[&str]) -> Verdict {
    ok(journal.append(batch(id, 1, seq, lines)).wait()).map(drop)
}

fn end(journal: &dyn Journal, id: &str, seq: u64, at: &str) -> Verdict {
    let change = StatusChange { status: "succeeded", finished_at: Some(at.into()) };
    let ends = Batch { status: Some(change), release: true, ..batch(id, 1, seq, &[]) };
    ok(journal.append(ends).wait()).map(drop)
}

/// `run seq text` of each line behind a position, in order.
fn told(lines: &[ThreadLine]) -> Vec<String> {
    lines.iter().map(|one| format!("{} {} {}", one.run_id, one.seq, one.line.text)).collect()
}

fn listed(journal: &dyn Journal, thread: &str, after: u64) -> Result<Vec<ThreadLine>, String> {
    ok(journal.thread_lines(thread, after, usize::MAX))
}

fn strings<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(String::from).to_vec()
}

/// Two runs of one thread beside one of another thread and one of none.
fn several(journal: &dyn Journal) -> Verdict {
    begin(journal, "t", "r1", &["1"])?;
    begin(journal, "other", "r2", &["1", "2"])?;
    begin(journal, "t", "r3", &["1"])?;
    create(journal, "r4")?;
    append(journal, "r4", 0, &["1", "2", "3"])?;
    append(journal, "r3", 1, &["2", "3"])?;
    append(journal, "r1", 1, &["2"])?;
    append(journal, "r2", 2, &["3"])?;
    append(journal, "r3", 3, &["4"])
}

const ALL: [&str; 6] = ["r1 0 1", "r3 0 1", "r3 1 2", "r3 2 3", "r1 1 2", "r3 3 4"];

pub(super) fn order(journal: &dyn Journal) -> Verdict {
    same("a thread that is not there", listed(journal, "t", 0)?, vec![])?;
    several(journal)?;
    same("the thread", told(&listed(journal, "t", 0)?), strings(ALL))?;
    same("another thread", told(&listed(journal, "other", 0)?), strings(["r2 0 1", "r2 1 2", "r2 2 3"]))?;
    same("no thread", listed(journal, "", 0)?, vec![])?;
    let lines = listed(journal, "t", 0)?;
    let rises = lines.is_sorted_by(|one, next| one.position < next.position);
    same("whether positions rise", rises && lines.first().is_some_and(|first| first.position > 0), true)
}

pub(super) fn pages(journal: &dyn Journal) -> Verdict {
    several(journal)?;
    let all = listed(journal, "t", 0)?;
    for limit in 1..=all.len() {
        let (mut seen, mut after) = (Vec::new(), 0);
        loop {
            let page = ok(journal.thread_lines("t", after, limit))?;
            same("whether a page keeps to its limit", page.len() <= limit, true)?;
            let Some(last) = page.last() else { break };
            after = last.position;
            seen.extend(page);
        }
        same("the pages together", seen, all.clone())?;
    }
    let last = all.last().map(|line| line.position).unwrap_or_default();
    same("what is behind the last", listed(journal, "t", last)?, vec![])?;
    same("what is behind any", listed(journal, "t", u64::MAX)?, vec![])?;
    same("no line", ok(journal.thread_lines("t", 0, 0))?, vec![])?;
    append(journal, "r1", 2, &["3"])?;
    same("what came since", told(&listed(journal, "t", last)?), strings(["r1 2 3"]))
}

pub(super) fn only_written(journal: &dyn Journal) -> Verdict {
    begin(journal, "t", "r1", &["1"])?;
    begin(journal, "t", "r2", &["1"])?;
    let call =
        || DueCall { line: Some(Line { text: "\"call\"".into(), large: None }), claim: Some(key("k", 1)), audit: None };
    ok(journal.append(Batch { calls: vec![call()], ..batch("r1", 1, 1, &["2"]) }).wait())?;
    // Under the other's key: the call is not made, and has no line.
    ok(journal.append(Batch { calls: vec![call()], ..batch("r2", 1, 1, &[]) }).wait())?;
    held(journal.append(batch("r1", 1, 1, &["\"out of turn\""])).wait())?;
    held(journal.append(batch("r2", 7, 1, &["\"not its own\""])).wait())?;
    let large = Line { text: "3".into(), large: Some(format!("\"{}\"", "ø".repeat(10_000))) };
    ok(journal.append(Batch { lines: vec![large.clone()], ..batch("r1", 1, 3, &[]) }).wait())?;
    let lines = listed(journal, "t", 0)?;
    same("the thread", told(&lines), strings(["r1 0 1", "r2 0 1", "r1 1 2", "r1 2 \"call\"", "r1 3 3"]))?;
    same("a large value", lines.last().map(|last| last.line.clone()), Some(large))
}

pub(super) fn queued(journal: &dyn Journal) -> Verdict {
    let place = || Place { started: Some("\"begins\"".into()), ..Place::default() };
    same("a queued run", ok(journal.enqueue(of("t", "r1"), place()).wait())?, Created::New)?;
    same("what it has said", listed(journal, "t", 0)?, vec![])?;
    // One that takes over what another had done has lines already.
    let lines = batch("r2", 0, 0, &["1", "2"]).lines;
    same("another", ok(journal.enqueue(NewRun { lines, ..of("t", "r2") }, place()).wait())?, Created::New)?;
    let Admitted::Go(token) = ok(journal.admit("r1", 1).wait())? else { return Err("it was not let in".into()) };
    ok(journal.append(batch("r1", token, 0, &["1"])).wait())?;
    same("the thread", told(&listed(journal, "t", 0)?), strings(["r2 0 1", "r2 1 2", "r1 0 1"]))
}

pub(super) fn forgotten(journal: &dyn Journal) -> Verdict {
    several(journal)?;
    let last = listed(journal, "t", 0)?.last().map(|line| line.position).unwrap_or_default();
    end(journal, "r3", 4, "2026-11-05T10:00:01Z")?;
    same("runs forgotten", ok(journal.forget("2026-11-06T00:00:00Z", 10).wait())?, 1)?;
    same("what is left", told(&listed(journal, "t", 0)?), strings(["r1 0 1", "r1 1 2"]))?;
    // A position that was given out is not given out again, also where it was the last.
    append(journal, "r1", 2, &["3"])?;
    same("what came since", told(&listed(journal, "t", last)?), strings(["r1 2 3"]))?;
    end(journal, "r1", 3, "2026-11-05T10:00:01Z")?;
    same("runs forgotten then", ok(journal.forget("2026-11-06T00:00:00Z", 10).wait())?, 1)?;
    same("what is left then", listed(journal, "t", 0)?, vec![])?;
    begin(journal, "t", "r5", &["1"])?;
    same("what came then", told(&listed(journal, "t", last + 1)?), strings(["r5 0 1"]))
}
