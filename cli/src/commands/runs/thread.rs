//! `weir runs events|watch --thread`: the list of a thread's events.

use super::{Here, said, show};
use crate::args::Format;
use crate::escape;
use crate::exit::{Error, Exit, Outcome};
use crate::out;
use crate::suggest::did_you_mean;
use std::collections::BTreeSet;
use std::time::Duration;
use weir_runtime::engine::{EngineError, ThreadEvent, ThreadReader};
use weir_runtime::journal::Filter;
use weir_runtime::machine::Status;

/// Events that are read at once.
const PAGE: usize = 1_000;
/// How often a thread is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// Every decision in the runs of a thread.
pub fn events(here: &Here, thread: &str, after: u64) -> Outcome {
    print(here, &mut open(here, thread, after)?)?;
    Ok(Exit::Done)
}

/// Tells every new decision until all runs of the thread have ended or rest.
pub fn watch(here: &Here, thread: &str, after: u64) -> Outcome {
    let mut reader = open(here, thread, after)?;
    loop {
        // Asked before: what is told afterwards is all that there is.
        let goes = goes(here, thread)?;
        print(here, &mut reader)?;
        if !goes {
            return Ok(Exit::Done);
        }
        std::thread::sleep(LOOK);
    }
}

fn open(here: &Here, thread: &str, after: u64) -> Result<ThreadReader, Error> {
    here.looking().read_thread(thread, after).map_err(|error| match error {
        EngineError::NoThread(_) => no_thread(here, thread),
        error => said(error),
    })
}

fn no_thread(here: &Here, given: &str) -> Error {
    let recent = here.journal.list(&Filter { limit: 1_000, ..Filter::default() }).unwrap_or_default();
    let threads: BTreeSet<_> = recent.into_iter().filter_map(|run| run.thread).collect();
    let guess = did_you_mean(given, threads.iter().map(|thread| thread.as_str()));
    let how = "`weir run FLOW --thread THREAD` puts a run into one";
    let help = guess.map_or_else(|| how.to_owned(), |guess| format!("{guess} {how}"));
    Error::usage(format!("there is no thread `{}`", escape::short(given, 80))).help(help).code("no_thread")
}

/// Tells what is there.
fn print(here: &Here, reader: &mut ThreadReader) -> Result<(), Error> {
    loop {
        let events = reader.more(PAGE).map_err(said)?;
        if events.is_empty() {
            return Ok(());
        }
        events.iter().for_each(|one| out::result_line(&line(here.format, one)));
    }
}

/// Whether a run of the thread goes on by itself.
fn goes(here: &Here, thread: &str) -> Result<bool, Error> {
    let moves = [Status::Queued, Status::Running, Status::Compensating].map(|status| status.word().into()).to_vec();
    let filter = Filter { thread: Some(thread.into()), status: moves, unfinished: true, limit: 1, ..Filter::default() };
    let found = here.journal.list(&filter).map_err(|error| Error::failed(error.to_string()))?;
    Ok(!found.is_empty())
}

/// One decision.
fn line(format: Format, one: &ThreadEvent) -> String {
    match format {
        Format::Json => escape::json(&serde_json::to_string(one).unwrap_or_default()).into_owned(),
        Format::Human => format!("{} {} {}", one.position, one.event.run_id, show::line(format, &one.event)),
    }
}
