//! What is offered, and starting it.

use super::access::Caller;
use super::body::Body;
use super::events;
use super::offers::Offer;
use super::problem::Problem;
use super::{App, raw};
use crate::commands::run::LONGEST_THREAD;
use crate::commands::run::arguments::{sent, signature};
use crate::suggest::did_you_mean;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use ecow::EcoString;
use serde_json::{Value as Json_, json};
use std::sync::Arc;
use weir_runtime::engine::{Begun, Engine, StartRequest};
use weir_stdlib::value::Value;

/// A key may have at most so many bytes.
const LONGEST_KEY: usize = 255;

/// `GET /v1/flows`
pub async fn list(State(app): State<Arc<App>>) -> Json<Json_> {
    let flows: Vec<Json_> = app.offers.values().map(Offer::summary).collect();
    Json(json!({ "flows": flows }))
}

/// `GET /v1/flows/{flow}`
pub async fn show(State(app): State<Arc<App>>, Path(flow): Path<String>) -> Result<Json<Json_>, Problem> {
    Ok(Json(app.offer(&flow)?.whole()))
}

/// `POST /v1/flows/{flow}/runs`
pub async fn start(
    State(app): State<Arc<App>>,
    Path(flow): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = body.only(&["args", "thread"])?;
    let key = key(&headers)?;
    let thread = body.text("thread")?.map(str::to_owned);
    if thread.as_ref().is_some_and(|thread| thread.is_empty() || thread.len() > LONGEST_THREAD) {
        return Err(Problem::unfit(format!("`thread` has 1 to {LONGEST_THREAD} bytes")));
    }
    let args = body.value("args").unwrap_or_else(|| Value::record::<&str>([]));
    let begun = app.begin(&flow, &args, Start { key, thread, by: caller.name }).await?;
    let status = if begun.known { StatusCode::OK } else { StatusCode::CREATED };
    let place = [(header::LOCATION, format!("/v1/runs/{}", begun.run_id))];
    if events::wanted(&headers) {
        return Ok((status, place, events::follow(&app, &begun.run_id, 0)).into_response());
    }
    let said = app.said(&begun, "queued").await?;
    Ok((status, place, raw(said)).into_response())
}

/// The key that was sent.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| !key.trim().is_empty() && key.len() <= LONGEST_KEY);
    key.map(|key| Some(key.to_owned())).ok_or_else(|| {
        Problem::bad("bad_key", format!("an `Idempotency-Key` is a text of 1 to {LONGEST_KEY} visible characters"))
    })
}

/// How a run is started.
pub struct Start {
    /// Starts once.
    pub key: Option<String>,
    /// Of this conversation or subject.
    pub thread: Option<String>,
    /// Who starts it.
    pub by: EcoString,
}

impl App {
    /// The flow of that name.
    pub fn offer(&self, name: &str) -> Result<&Offer, Problem> {
        self.offers.get(name).ok_or_else(|| {
            let shown = crate::escape::short(name, 80);
            let problem = Problem::new(StatusCode::NOT_FOUND, "no_flow", format!("no flow `{shown}` is offered"));
            let guess = did_you_mean(name, self.offers.keys().map(|name| name.as_str()));
            problem.help(guess.unwrap_or_else(|| "`GET /v1/flows` lists those that are".into()))
        })
    }

    /// Starts a run of a flow with arguments from outside; it is written down when this returns.
    pub async fn begin(&self, flow: &str, args: &Value, start: Start) -> Result<Begun, Problem> {
        let offer = self.offer(flow)?;
        if let Some(lines) = &offer.refused {
            let message = format!("`{flow}` cannot be started here");
            return Err(Problem::new(StatusCode::CONFLICT, "not_ready", message).details(lines.clone()));
        }
        let args = sent(&offer.info, &self.types, args).map_err(|wrong| {
            let message = format!("the arguments do not fit `{flow}`");
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_arguments", message)
                .help(format!("the flow is `{}`", signature(&offer.info)))
                .details(wrong)
        })?;
        self.unchanged(offer).await?;
        let request = StartRequest {
            key: start.key.map(Into::into),
            args,
            grants: offer.grants.clone(),
            delivery: self.delivery,
            flags: self.flags.clone(),
            untrusted: true,
            thread: start.thread.map(Into::into),
            ..StartRequest::new(self.name.clone())
        };
        Ok(self.engine.by(start.by).begin(Arc::clone(&offer.plan), request).await?)
    }

    /// Refuses a flow whose servers are not what the lock file says.
    async fn unchanged(&self, offer: &Offer) -> Result<(), Problem> {
        for (name, server) in &self.outside {
            let prefix = format!("{name}.");
            if !offer.plan.tools.keys().any(|tool| tool.starts_with(&prefix)) {
                continue;
            }
            if let Err(weir_runtime::servers::Unverified::Drifted(lines)) = server.verify().await {
                let message = format!("the server `{name}` is not what weir.lock.json says");
                return Err(Problem::new(StatusCode::CONFLICT, "tool_changed", message)
                    .help(
                        "`weir tools diff` shows the difference; it is asked again at the next start, and `weir serve` is \
                         to be restarted where another lock file is accepted",
                    )
                    .details(lines));
            }
        }
        Ok(())
    }

    /// A run that was begun, as it is answered; `new` is how one is that was not there before.
    pub async fn said(&self, begun: &Begun, new: &'static str) -> Result<Json_, Problem> {
        let status = if begun.known { self.status_of(&begun.run_id).await? } else { new };
        Ok(json!({ "run_id": begun.run_id, "status": status, "known": begun.known }))
    }

    /// How a run is, in a word.
    pub async fn status_of(&self, run_id: &str) -> Result<&'static str, Problem> {
        Ok(self.engine.status(run_id).await?.metadata.status.word())
    }
}
