//! What starts campaigns from outside: events, and webhooks that prove that they are genuine.

use super::body::Body;
use super::problem::Problem;
use super::{App, raw};
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ecow::EcoString;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use weir_runtime::campaigns::{Came, Hook, Refusal};
use weir_runtime::engine::LocalEngine;
use weir_stdlib::value::Value;

/// `POST /v1/events`
pub async fn event(State(app): State<Arc<App>>, body: Body) -> Result<Response, Problem> {
    let body = body.only(&["event", "id", "value"])?;
    let id = body.text("id")?.map_or_else(LocalEngine::new_run_id, EcoString::from);
    let value = body.value("value").unwrap_or(Value::NULL);
    let came = app.campaigns.event(body.needed("event")?, &id, &value).await?;
    Ok((StatusCode::ACCEPTED, raw(told(came))).into_response())
}

/// `POST /hooks/{path}`
pub async fn webhook(
    State(app): State<Arc<App>>,
    Path(path): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    // A campaign may name the whole path, or what stands behind `/hooks`.
    let named = [format!("/{path}"), format!("/hooks/{path}")];
    let Some((path, proof)) = named.iter().find_map(|path| Some((path, app.proofs.get(path.as_str())?))) else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "no_hook", "there is no such webhook"));
    };
    let headers = request.headers().clone();
    let most = usize::try_from(proof.max_bytes()).unwrap_or(usize::MAX);
    let too_long = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", Refusal::TooLong.to_string());
    let bytes = to_bytes(request.into_body(), most).await.map_err(|_| too_long())?;
    let named = |name: &str| text(&headers, name);
    let hook = Hook {
        id: named("webhook-id"),
        timestamp: named("webhook-timestamp"),
        signature: named("webhook-signature").or_else(|| named("x-hub-signature-256")),
        body: &bytes,
    };
    let id = proof.verify(&hook, jiff::Timestamp::now()).map_err(|refusal| match refusal {
        Refusal::TooLong => too_long(),
        Refusal::Signature | Refusal::Stale => {
            Problem::new(StatusCode::UNAUTHORIZED, "not_genuine", refusal.to_string())
        }
    })?;
    let sent = std::str::from_utf8(&bytes).ok().and_then(|text| Value::from_json(text).ok());
    let value = sent.ok_or_else(|| Problem::bad("bad_json", "the body is not JSON"))?;
    let came = app.campaigns.webhook(path, &id, &value).await?;
    Ok((StatusCode::ACCEPTED, raw(told(came))).into_response())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What came of it, campaign by campaign.
fn told(came: Vec<(EcoString, Came)>) -> Json {
    let campaigns: Vec<Json> = came
        .into_iter()
        .map(|(campaign, came)| match came {
            Came::Started(queued) => {
                json!({ "campaign": campaign, "run_id": queued.run_id, "known": !queued.new, "skipped": null })
            }
            Came::Skipped(why) => json!({ "campaign": campaign, "run_id": null, "known": false, "skipped": why }),
        })
        .collect();
    json!({ "campaigns": campaigns })
}
