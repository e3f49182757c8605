//! Whether the server is there, and what it can do.

use super::problem::Problem;
use super::{App, table};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use weir_runtime::engine::Engine;
use weir_runtime::journal::Filter;
use weir_runtime::metrics::CONTENT_TYPE;

/// `GET /healthz`
pub async fn health(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let readable = app.engine.list(&Filter { limit: 1, ..Filter::default() }).await;
    readable.map_err(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "journal", "the journal cannot be read"))?;
    Ok(Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION"), "under_way": app.engine.under_way() })))
}

/// `GET /metrics`
pub async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    app.hub.metrics.gates(&app.engine.gates());
    // Counting what waits reads the journal: a thread that may take its time does that.
    let text = tokio::task::spawn_blocking(move || app.hub.metrics.text(&*app.journal)).await;
    let broken = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "broken", "counting broke off");
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text.map_err(broken)?).into_response())
}

/// `GET /openapi.json`
pub async fn document() -> Json<Value> {
    Json(table::document())
}
