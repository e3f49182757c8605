//! Events as a stream (server-sent events). Those of one run are always read from its journal, so that they are the same
//! whoever carries the run on and however often a reader comes back; what is observed here only wakes the reader. So are
//! those of a thread. Those of all runs are told as they come, and from the journals where a reader comes back too late for that.

mod all;
mod one;
mod thread;

pub use all::of_all;
pub use thread::of_thread;

use super::asked::Asked;
use super::problem::Problem;
use super::{App, raw};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use serde_json::{Value as Json, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use weir_runtime::engine::History;
use weir_runtime::observe::Observed;

/// How often a stream says that it is still there.
const STILL_THERE: Duration = Duration::from_secs(15);

/// Whether a stream is wanted.
pub fn wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream")))
}

/// `GET /v1/runs/{run_id}/events`
pub async fn of_run(
    State(app): State<Arc<App>>,
    Path(run_id): Path<String>,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = asked.only(&["after"])?;
    let after = asked.number("after")?;
    let history = app.history(&run_id).await?;
    if !wanted(&headers) {
        return Ok(raw(json!({ "events": listed(&history, after.unwrap_or(0)) })));
    }
    let seen = match last_seen(&headers) {
        Some(text) => Some(text.parse().map_err(|_| {
            Problem::bad("bad_event_id", "`Last-Event-ID` is the `id` of an event of this run, a whole number")
        })?),
        None => after,
    };
    let last = history.events.len() as u64;
    if over(&history) && seen.is_some_and(|seen| seen >= last) {
        // A reader that comes back for more is told that there is none.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(follow(&app, &run_id, seen.unwrap_or(0)))
}

/// The events of a run behind some number, as they come, until it ends.
pub fn follow(app: &Arc<App>, run_id: &str, after: u64) -> Response {
    stream(one::Follow::new(app, run_id, after).stream())
}

fn stream(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    Sse::new(events).keep_alive(KeepAlive::new().interval(STILL_THERE)).into_response()
}

/// Whether a run has ended.
pub fn over(history: &History) -> bool {
    history.envelope.metadata.finished_at.is_some()
}

fn last_seen(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?")).filter(|text| !text.is_empty())
}

fn listed(history: &History, after: u64) -> Vec<Json> {
    history.events.iter().filter(|event| event.seq > after).map(numbered).collect()
}

/// An event with its number.
fn numbered(event: &Observed) -> Json {
    let mut json = json!({ "seq": event.seq });
    if let (Some(fields), Ok(Json::Object(rest))) = (json.as_object_mut(), serde_json::to_value(event)) {
        fields.extend(rest);
    }
    json
}

/// An event as it is sent.
fn sent(event: &Observed, id: Option<String>) -> Event {
    written(&numbered(event), id)
}

/// The same of an event that is JSON already.
fn written(event: &Json, id: Option<String>) -> Event {
    let text = crate::escape::json(&event.to_string()).into_owned();
    let sent = Event::default().data(text);
    match id {
        Some(id) => sent.id(id),
        None => sent,
    }
}
