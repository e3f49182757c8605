//! `weir runs list`

use super::Here;
use crate::args::{Format, RunsListArgs};
use crate::exit::{Error, Exit, Outcome};
use crate::out;
use crate::suggest::did_you_mean;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};
use weir_compiler::STATUSES;
use weir_runtime::engine::{Engine, EngineError, LocalEngine};
use weir_runtime::journal::{Filter, RunRecord};
use weir_runtime::progress::Progress;

/// Lists.
pub fn run(here: &Here, args: &RunsListArgs) -> Outcome {
    for status in &args.status {
        if !STATUSES.contains(&status.as_str()) {
            let all = format!("the statuses are {}", STATUSES.join(", "));
            let help = did_you_mean(status, STATUSES).map_or_else(|| all.clone(), |guess| format!("{guess} {all}"));
            return Err(Error::usage(format!("no run is ever `{status}`")).help(help));
        }
    }
    let filter = Filter {
        status: args.status.iter().map(|status| status.as_str().into()).collect(),
        flow: args.flow.as_deref().map(Into::into),
        thread: args.thread.as_deref().map(Into::into),
        unfinished: args.unfinished,
        limit: args.limit,
        ..Filter::default()
    };
    let runs = here.journal.list(&filter).map_err(|error| Error::failed(error.to_string()))?;
    match here.format {
        Format::Json => {
            let runs = super::now(with_progress(here.looking(), &runs))?;
            out::result_line(&json!({ "runs": runs }).to_string());
        }
        Format::Human if runs.is_empty() => out::note_line("no such run"),
        Format::Human => out::result_line(&table(&runs)),
    }
    Ok(Exit::Done)
}

/// The runs, with how far those have come that have not ended. One that cannot be read is listed all the same. One engine
/// looks at all of them, so that a plan is worked out once for all its runs.
async fn with_progress(engine: LocalEngine, runs: &[RunRecord]) -> Result<Vec<Value>, EngineError> {
    let mut listed = Vec::with_capacity(runs.len());
    for run in runs {
        let mut shown = json!(run);
        if run.finished_at.is_none()
            && let Ok(history) = engine.history(&run.run_id).await
            && let Some(shown) = shown.as_object_mut()
        {
            shown.insert("progress".to_owned(), json!(Progress::of(&history)));
        }
        listed.push(shown);
    }
    Ok(listed)
}

fn table(runs: &[RunRecord]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    for run in runs {
        let took = run.finished_at.as_deref().map_or("", |_| "ended");
        let flow = crate::escape::line(&run.flow).into_owned();
        table.add_row([run.run_id.as_str(), &flow, &run.status, seconds(&run.started_at), took]);
    }
    table.trim_fmt()
}

/// A time without parts of a second.
pub fn seconds(time: &str) -> &str {
    time.split('.').next().unwrap_or(time)
}
