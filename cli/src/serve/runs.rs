//! Looking at runs.

use super::asked::Asked;
use super::problem::Problem;
use super::{App, raw};
use crate::moves::moves;
use crate::suggest::did_you_mean;
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use weir_compiler::STATUSES;
use weir_runtime::engine::{Engine, History};
use weir_runtime::journal::{Filter, Journal, RunRecord};
use weir_runtime::progress::Progress;
use weir_runtime::timeline::steps;

/// So many runs are listed where nothing else is said.
const SOME: usize = 50;
/// So many at most.
const MOST: usize = 1_000;

/// `GET /v1/runs`
pub async fn list(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, Problem> {
    let asked = asked.only(&["status", "flow", "parent", "thread", "unfinished", "progress", "limit"])?;
    let statuses: Vec<&str> = asked.text("status").map(|text| text.split(',').collect()).unwrap_or_default();
    for status in &statuses {
        if !STATUSES.contains(status) {
            let all = format!("the statuses are {}", STATUSES.join(", "));
            let help = did_you_mean(status, STATUSES).map_or_else(|| all.clone(), |guess| format!("{guess} {all}"));
            let message = format!("no run is ever `{}`", crate::escape::short(status, 40));
            return Err(Problem::bad("bad_query", message).help(help));
        }
    }
    let filter = Filter {
        status: statuses.into_iter().map(Into::into).collect(),
        flow: asked.text("flow").map(Into::into),
        parent: asked.text("parent").map(Into::into),
        thread: asked.text("thread").map(Into::into),
        unfinished: asked.flag("unfinished")?,
        limit: asked.number("limit")?.map_or(SOME, |limit| usize::try_from(limit).unwrap_or(MOST).clamp(1, MOST)),
        ..Filter::default()
    };
    let progress = asked.flag("progress")?;
    let runs = app.engine.list(&filter).await?;
    let runs = if progress { with_progress(&app, &runs).await } else { json!(runs) };
    Ok(raw(json!({ "runs": runs })))
}

/// The runs, with how far those have come that have not ended. One that cannot be read is listed all the same.
async fn with_progress(app: &App, runs: &[RunRecord]) -> Json {
    let mut listed = Vec::with_capacity(runs.len());
    for run in runs {
        let mut shown = json!(run);
        if run.finished_at.is_none()
            && let Ok(history) = app.history(&run.run_id).await
            && let Some(shown) = shown.as_object_mut()
        {
            shown.insert("progress".to_owned(), json!(Progress::of(&history)));
        }
        listed.push(shown);
    }
    listed.into()
}

/// `GET /v1/runs/{run_id}`
pub async fn show(State(app): State<Arc<App>>, Path(run_id): Path<String>) -> Result<Response, Problem> {
    let history = app.history(&run_id).await?;
    Ok(raw(snapshot(&*app.journal, &history)))
}

/// A run as it is, up to its last event.
pub fn snapshot(journal: &dyn Journal, history: &History) -> Json {
    let mut all: Json = serde_json::from_str(&history.envelope.to_json()).unwrap_or_default();
    if let Some(fields) = all.as_object_mut() {
        fields.insert("run".into(), json!(history.record));
        fields.insert("seq".into(), history.events.len().into());
        fields.insert("steps".into(), json!(steps(history)));
        fields.insert("progress".into(), json!(Progress::of(history)));
        fields.insert("moves".into(), json!(moves(journal, history)));
    }
    all
}
