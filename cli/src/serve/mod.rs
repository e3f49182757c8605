//! `weir serve`: one process that carries the runs of a project on, and offers the engine's facade over HTTP and as MCP
//! tools. Nothing is run here but through the engine.

mod access;
mod asked;
mod body;
mod events;
mod flows;
mod guesses;
mod home;
mod hooks;
mod host;
mod hub;
mod keep;
mod listen;
mod mcp;
mod offers;
mod open;
mod problem;
mod runs;
mod schemas;
mod steer;
mod table;

pub use offers::Project;
pub use open::serve;

use crate::servers::Outside;
use access::{Gate, Tokens};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use ecow::EcoString;
use host::Hosts;
use hub::Hub;
use indexmap::IndexMap;
use offers::Offer;
use problem::Problem;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use weir_compiler::project::ServeRole;
use weir_lang::types::TypeTable;
use weir_runtime::campaigns::{Campaigns, Proof};
use weir_runtime::engine::{Engine, History, LocalEngine};
use weir_runtime::journal::Journal;

/// How long an answer may take to begin.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is served.
pub struct App {
    engine: LocalEngine,
    journal: Arc<dyn Journal>,
    offers: IndexMap<EcoString, Offer>,
    types: TypeTable,
    outside: Outside,
    /// The project's name.
    name: String,
    flags: IndexMap<EcoString, bool>,
    delivery: bool,
    /// Ended runs are kept for so many milliseconds.
    keeps: Option<i64>,
    tokens: Tokens,
    hosts: Hosts,
    hub: Arc<Hub>,
    campaigns: Campaigns,
    /// What calls of webhooks have to prove, by path.
    proofs: IndexMap<EcoString, Proof>,
    stop: watch::Receiver<bool>,
}

impl App {
    /// Everything about a run. Reading it is left to a thread that may take its time.
    async fn history(&self, run_id: &str) -> Result<History, Problem> {
        let (engine, run_id, handle) = (self.engine.clone(), run_id.to_owned(), tokio::runtime::Handle::current());
        let read = tokio::task::spawn_blocking(move || handle.block_on(engine.history(&run_id))).await;
        let broken = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "broken", "reading the run broke off");
        Ok(read.map_err(broken)??)
    }

    /// Until the server ends.
    async fn ends(&self) {
        let mut stop = self.stop.clone();
        // Nobody is left to say so: that is an end too.
        let _ = stop.wait_for(|stop| *stop).await;
    }
}

/// The whole API.
fn router(app: &Arc<App>) -> Router {
    let gate = Gate { app: Arc::clone(app), role: ServeRole::Operator };
    let mcp = Router::new()
        .route_service("/mcp", mcp::Door::new(app).over_http())
        .layer(from_fn_with_state(gate, access::check));
    table::router(app)
        .fallback(|| async {
            Problem::new(StatusCode::NOT_FOUND, "no_such_place", "there is nothing here")
                .help("`GET /openapi.json` lists what there is")
        })
        .layer(from_fn(in_time))
        .merge(mcp)
        .layer(from_fn_with_state(Arc::clone(app), host::check))
        .layer(from_fn(plainly))
        .with_state(Arc::clone(app))
}

/// An answer that does not come is a problem too.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(PATIENCE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "the answer took too long").into_response(),
    }
}

/// Nothing of ours is to be guessed at or kept by browsers.
async fn plainly(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// JSON, with control characters and the like escaped.
fn raw(value: Value) -> Response {
    let text = crate::escape::json(&value.to_string()).into_owned();
    ([(header::CONTENT_TYPE, "application/json")], Body::from(text)).into_response()
}
