//! `weir runs list`

use super::Here;
use crate::args::{Format, RunsListArgs};
use crate::exit::{Error, Exit, Outcome};
use crate::out;
use crate::suggest::did_you_mean;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};
use weir_compiler::STATUSES;
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
        unfinished: args.unfinished,
        limit: args.limit,
        ..Filter::default()
    };
    let runs = here.journal.list(&filter).map_err(|error| Error::failed(error.to_string()))?;
    match here.format {
        Format::Json => {
            let runs: Vec<Value> = runs.iter().map(|run| with_progress(here, run)).collect();
            out::result_line(&json!({ "runs": runs }).to_string());
        }
        Format::Human if runs.is_empty() => out::note_line("no such run"),
        Format::Human => out::result_line(&table(&runs)),
    }
    Ok(Exit::Done)
}

/// A run, with how far it has come where it has not ended. One that cannot be read is listed all the same.
fn with_progress(here: &Here, run: &RunRecord) -> Value {
    let mut shown = json!(run);
    if run.finished_at.is_none()
        && let Ok(history) = super::history(here, &run.run_id)
        && let Some(shown) = shown.as_object_mut()
    {
        shown.insert("progress".to_owned(), json!(Progress::of(&history)));
    }
    shown
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
