//! Whether the server is there, and what it can do.

use super::problem::Problem;
use super::{App, table};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use weir_runtime::engine::Engine;
use weir_runtime::journal::Filter;

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
