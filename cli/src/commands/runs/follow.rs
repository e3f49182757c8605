//! `weir runs watch|signal|pause|resume|cancel|retry`: following a run, and bringing it further.

use super::{Here, history, now, said, show};
use crate::args::{RunsCancelArgs, RunsRetryArgs, RunsSignalArgs};
use crate::commands::run::follow::{Prepared, Saying, Work, follow};
use crate::commands::run::summary::{self, Around};
use crate::commands::run::tell;
use crate::exit::{Error, Exit, Outcome};
use crate::out;
use crate::servers;
use std::sync::Arc;
use std::time::Duration;
use weir_runtime::engine::{Engine, History, Signal};
use weir_runtime::machine::Status;
use weir_stdlib::value::Value;

/// How often a run is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// So often it is looked whether another process has paused a run.
const HEARD: usize = 10;

/// Goes on with a run here, until it ends or rests.
pub fn go_on(here: Here, history: &History, work: Work) -> Outcome {
    let (builtin, control) = servers::builtin_servers(&here.root, &here.config, &history.plan)?;
    let outside = servers::needed(&history.plan, &builtin, &here.config, &here.lock)?.open(&here.root)?;
    let root = here.root.clone();
    let runs = here.config.runs.clone();
    let allows = here.config.project.allow_delivery;
    // Opened once more by the run itself.
    let limits = servers::limits(&here.config);
    drop(here);
    let around = Around {
        flow: history.record.flow.to_string(),
        flag_allows: true,
        project_allows: allows,
        ..Around::default()
    };
    let prepared = Prepared { plan: Arc::clone(&history.plan), work, builtin, outside, limits, control, root, runs };
    let (envelope, around) = follow(prepared, around, false)?;
    tell(&envelope, &around, false);
    Ok(summary::exit(&envelope, &around))
}

/// Goes on.
pub fn resume(here: Here, given: &str) -> Outcome {
    let history = history(&here, given)?;
    let work = Work::Resume(history.record.run_id.clone());
    go_on(here, &history, work)
}

/// Sends an event.
pub fn signal(here: Here, args: &RunsSignalArgs) -> Outcome {
    let history = history(&here, &args.id)?;
    if args.event.is_empty() {
        return Err(Error::usage("an event has a name, and this one is empty").code("unfit"));
    }
    let value = json(&args.value, "what `--value` says")?;
    let signal = Signal {
        id: args.event_id.as_deref().map(Into::into),
        event: args.event.as_str().into(),
        key: args.key.as_deref().map(Into::into),
        value,
    };
    let work = Work::Tell(history.record.run_id.clone(), Saying::Signal(signal));
    go_on(here, &history, work)
}

/// Ends a run.
pub fn cancel(here: Here, args: &RunsCancelArgs) -> Outcome {
    let history = history(&here, &args.id)?;
    let work = Work::Tell(history.record.run_id.clone(), Saying::Cancel(args.reason.clone()));
    go_on(here, &history, work)
}

/// Starts again from the step that failed.
pub fn retry(here: Here, args: &RunsRetryArgs) -> Outcome {
    let history = history(&here, &args.id)?;
    let given = args.args.as_deref().map(|text| json(text, "what `--args` says")).transpose()?;
    if let Some(given) = &given {
        let wrong = weir_runtime::engine::check_args(&history.plan, given);
        if !wrong.is_empty() {
            let help =
                "`--args` takes all arguments of the flow as one JSON object; without it those of the failed run count";
            return Err(Error { messages: wrong, ..Error::usage("") }.help(help).code("bad_arguments"));
        }
    }
    let work = Work::Retry(history.record.run_id.clone(), given);
    go_on(here, &history, work)
}

fn json(text: &str, what: &str) -> Result<Value, Error> {
    Value::from_json(text).map_err(|error| Error::usage(format!("{what} is not JSON: {error}")))
}

/// Calls nothing new.
pub fn pause(here: &Here, given: &str) -> Outcome {
    let run_id = here.run_id(given)?;
    let engine = here.looking();
    let id = run_id.clone();
    let paused = now(async move {
        engine.pause(&id).await?;
        // Another process hears it in a moment.
        for _ in 0..HEARD {
            let status = engine.status(&id).await?.metadata.status;
            if status == Status::Paused || status.is_final() {
                return Ok(status == Status::Paused);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(false)
    })?;
    out::note_line(&match paused {
        true => format!("run {run_id} is paused; `weir runs resume {run_id}` goes on with it"),
        false => format!(
            "the process that carries run {run_id} on was told, and has not paused it yet; `weir runs show {run_id}` tells"
        ),
    });
    Ok(Exit::Done)
}

/// Tells every new decision until the run ends or rests.
pub fn watch(here: &Here, given: &str) -> Outcome {
    let run_id = here.run_id(given)?;
    let (mut followed, mut events) = here.looking().follow(&run_id).map_err(said)?;
    loop {
        for event in &events {
            out::result_line(&show::line(here.format, event));
        }
        let envelope = followed.envelope();
        if !matches!(envelope.metadata.status, Status::Queued | Status::Running | Status::Compensating) {
            return Ok(summary::exit(&envelope, &Around::default()));
        }
        std::thread::sleep(LOOK);
        events = followed.more().map_err(said)?;
    }
}
