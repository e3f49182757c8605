//! The events of a thread: a page of its list, or the list from a position on as it grows. An id is `position.seq`; who comes
//! back with one gets exactly what follows. A position alone stands for all that is there.

use super::super::problem::Problem;
use super::{App, Asked, last_seen, numbered, raw, stream, wanted, written};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::StreamExt;
use serde_json::{Value as Json, json};
use std::future::ready;
use std::sync::Arc;
use weir_runtime::engine::{Engine, EngineError, ThreadEvent};

/// So many events are on a page where nothing else is said.
const SOME: usize = 100;
/// So many at most.
const MOST: usize = 1_000;

/// `GET /v1/threads/{thread}/events`
pub async fn of_thread(
    State(app): State<Arc<App>>,
    Path(thread): Path<String>,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = asked.only(&["after", "limit"])?;
    let after = asked.number("after")?.unwrap_or(0);
    let limit = asked.number("limit")?.map_or(SOME, |limit| usize::try_from(limit).unwrap_or(MOST).clamp(1, MOST));
    if !wanted(&headers) {
        let events = app.engine.thread_events(&thread, after, limit).await?;
        let events: Vec<Json> = events.iter().map(placed).collect();
        return Ok(raw(json!({ "thread": thread, "events": events })));
    }
    let seen = last_seen(&headers).map(read).transpose()?.unwrap_or(Seen { position: after, seq: None });
    follow(&app, &thread, seen).await
}

/// How far a reader has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    position: u64,
    /// Of what stands there, up to this number; None: all of it.
    seq: Option<u64>,
}

fn read(id: &str) -> Result<Seen, Problem> {
    let (position, seq) = id.split_once('.').map_or((id, None), |(position, seq)| (position, Some(seq)));
    match (position.parse(), seq.map(str::parse).transpose()) {
        (Ok(position), Ok(seq)) => Ok(Seen { position, seq }),
        _ => Err(Problem::bad("bad_event_id", "`Last-Event-ID` is the `id` of an event of this thread, or a position")),
    }
}

async fn follow(app: &Arc<App>, thread: &str, seen: Seen) -> Result<Response, Problem> {
    let after = if seen.seq.is_some() { seen.position.saturating_sub(1) } else { seen.position };
    let mut stop = app.stop.clone();
    let stopped = async move {
        // Nobody is left to say so: that is an end too.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let events = app.engine.follow_thread(thread, after).await?.take_until(Box::pin(stopped));
    Ok(stream(events.filter_map(move |next| ready(sent(next, seen).map(Ok)))))
}

/// The next event, where the reader has not seen it; an error ends the stream, and is for our own log.
fn sent(next: Result<ThreadEvent, EngineError>, seen: Seen) -> Option<axum::response::sse::Event> {
    let one = next.map_err(|error| drop(Problem::from(error))).ok()?;
    let known = one.position == seen.position && seen.seq.is_some_and(|seq| one.event.seq <= seq);
    (!known).then(|| written(&placed(&one), Some(format!("{}.{}", one.position, one.event.seq))))
}

/// An event with its place in the list.
fn placed(one: &ThreadEvent) -> Json {
    let mut json = numbered(&one.event);
    if let Some(fields) = json.as_object_mut() {
        fields.insert("position".into(), one.position.into());
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_position_and_perhaps_a_number() {
        assert_eq!(read("41.7"), Ok(Seen { position: 41, seq: Some(7) }));
        assert_eq!(read("41"), Ok(Seen { position: 41, seq: None }));
        for wrong in ["", "x", "41.", ".7", "41.7.1", "-1", "41 "] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
