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
use weir_runtime::metrics::{BreakerState, CONTENT_TYPE};

/// `GET /healthz`
pub async fn health(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let readable = app.engine.list(&Filter { limit: 1, ..Filter::default() }).await;
    readable.map_err(|_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "journal", "the journal cannot be read"))?;
    Ok(Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION"), "under_way": app.engine.under_way() })))
}

/// `GET /openapi.json`
pub async fn document() -> Json<Value> {
    Json(table::document())
}

/// `GET /metrics`
pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    for gate in app.engine.gates() {
        let state = match gate.breaker {
            Some("open") => BreakerState::Open,
            Some("half_open") => BreakerState::HalfOpen,
            Some(_) => BreakerState::Closed,
            None => continue,
        };
        app.metrics.breaker(&gate.server, state);
    }
    let text = app.metrics.text(&*app.journal);
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}
