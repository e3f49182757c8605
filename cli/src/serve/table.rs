//! The routes of the HTTP API: one table, from which both the router and the OpenAPI document are made.

use super::access::{self, Gate};
use super::problem::Problem;
use super::{App, events, flows, home, hooks, runs, schemas, steer};
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;
use weir_compiler::project::ServeRole;

/// One route.
pub struct Route {
    /// `get` or `post`.
    pub method: &'static str,
    /// Parts in braces stand for what the caller writes there.
    pub path: &'static str,
    /// Its name in the OpenAPI document, never changed.
    pub name: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Who may ask; None: everybody.
    pub role: Option<ServeRole>,
    /// What stands in the query or in headers.
    pub params: &'static [Param],
    /// The schema of its body.
    pub body: Option<&'static str>,
    /// What it answers when all is well: status, schema; `events` is a stream.
    pub answers: &'static [(u16, &'static str)],
    /// What it answers otherwise.
    pub problems: &'static [u16],
    handler: fn() -> MethodRouter<Arc<App>>,
}

/// A parameter that may be left out.
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// `query` or `header`.
    pub place: &'static str,
    /// `string`, `integer`, `boolean`.
    pub kind: &'static str,
    /// What it does.
    pub doc: &'static str,
}

const fn query(name: &'static str, kind: &'static str, doc: &'static str) -> Param {
    Param { name, place: "query", kind, doc }
}

const fn header(name: &'static str, doc: &'static str) -> Param {
    Param { name, place: "header", kind: "string", doc }
}

const LAST_EVENT: Param =
    header("Last-Event-ID", "The `id` of the last event that was seen: the stream goes on behind it");
const VIEWER: Option<ServeRole> = Some(ServeRole::Viewer);
const OPERATOR: Option<ServeRole> = Some(ServeRole::Operator);
const APPROVER: Option<ServeRole> = Some(ServeRole::Approver);

/// Every route.
pub const ROUTES: &[Route] = &[
    Route {
        method: "get",
        path: "/healthz",
        name: "health",
        summary: "Whether the server is there and its journal can be read",
        role: None,
        params: &[],
        body: None,
        answers: &[(200, "Health")],
        problems: &[503],
        handler: || get(home::health),
    },
    Route {
        method: "get",
        path: "/metrics",
        name: "metrics",
        summary: "Figures for Prometheus, in the OpenMetrics text format",
        role: VIEWER,
        params: &[],
        body: None,
        answers: &[(200, "metrics")],
        problems: &[],
        handler: || get(home::metrics),
    },
    Route {
        method: "get",
        path: "/openapi.json",
        name: "describe",
        summary: "This document",
        role: None,
        params: &[],
        body: None,
        answers: &[(200, "Document")],
        problems: &[],
        handler: || get(home::document),
    },
    Route {
        method: "get",
        path: "/v1/flows",
        name: "list_flows",
        summary: "The flows that are offered",
        role: VIEWER,
        params: &[],
        body: None,
        answers: &[(200, "Flows")],
        problems: &[],
        handler: || get(flows::list),
    },
    Route {
        method: "get",
        path: "/v1/flows/{flow}",
        name: "show_flow",
        summary: "One flow: its parameters, and schemas of what it takes and gives",
        role: VIEWER,
        params: &[],
        body: None,
        answers: &[(200, "Flow")],
        problems: &[404],
        handler: || get(flows::show),
    },
    Route {
        method: "post",
        path: "/v1/flows/{flow}/runs",
        name: "start_run",
        summary: "Start a run. It is written down when this is answered. With `Accept: text/event-stream` its events follow",
        role: OPERATOR,
        params: &[header("Idempotency-Key", "Starting with the same key again gives the run of the first time")],
        body: Some("Start"),
        answers: &[(201, "Begun"), (200, "Begun"), (201, "events"), (200, "events")],
        problems: &[400, 404, 409, 413, 415, 422, 503],
        handler: || post(flows::start),
    },
    Route {
        method: "get",
        path: "/v1/runs",
        name: "list_runs",
        summary: "Runs, newest first",
        role: VIEWER,
        params: &[
            query("status", "string", "Only of these statuses, with commas between them"),
            query("flow", "string", "Only of this flow"),
            query("parent", "string", "Only those that this run started"),
            query("thread", "string", "Only of this thread"),
            query("unfinished", "boolean", "Only those that have not ended"),
            query("progress", "boolean", "With how far those have come that have not ended. Each of them is read"),
            query("limit", "integer", "At most so many, up to 1000; default: 50"),
        ],
        body: None,
        answers: &[(200, "Runs")],
        problems: &[400],
        handler: || get(runs::list),
    },
    Route {
        method: "get",
        path: "/v1/runs/{run_id}",
        name: "show_run",
        summary: "A snapshot of a run: metadata, records, steps, progress and what would move it, up to the event of number `seq`",
        role: VIEWER,
        params: &[],
        body: None,
        answers: &[(200, "Snapshot")],
        problems: &[404],
        handler: || get(runs::show),
    },
    Route {
        method: "get",
        path: "/v1/runs/{run_id}/events",
        name: "run_events",
        summary: "Every decision in a run, in order. With `Accept: text/event-stream` they are sent as they come",
        role: VIEWER,
        params: &[query("after", "integer", "Only events behind this number"), LAST_EVENT],
        body: None,
        answers: &[(200, "Events"), (200, "events"), (204, "")],
        problems: &[400, 404],
        handler: || get(events::of_run),
    },
    Route {
        method: "get",
        path: "/v1/events",
        name: "all_events",
        summary: "What is decided in all runs from now on, as a stream",
        role: VIEWER,
        params: &[LAST_EVENT],
        body: None,
        answers: &[(200, "events")],
        problems: &[400],
        handler: || get(events::of_all),
    },
    Route {
        method: "post",
        path: "/v1/events",
        name: "send_event",
        summary: "Start the campaigns that wait for this event; the same id starts once",
        role: OPERATOR,
        params: &[],
        body: Some("Sent"),
        answers: &[(202, "Came")],
        problems: &[400, 413, 415, 422, 503],
        handler: || post(hooks::event),
    },
    Route {
        method: "post",
        path: "/hooks/{*path}",
        name: "call_webhook",
        summary: "A webhook, signed as `[webhooks]` in weir.toml says; the same call starts its campaigns once",
        role: None,
        params: &[
            header("webhook-id", "The call counts once by it"),
            header("webhook-timestamp", "Seconds since 1970"),
            header("webhook-signature", "Of id, time and body; or `X-Hub-Signature-256`"),
        ],
        body: Some("Any"),
        answers: &[(202, "Came")],
        problems: &[400, 401, 404, 413, 503],
        handler: || post(hooks::webhook),
    },
    Route {
        method: "get",
        path: "/v1/threads/{thread}/events",
        name: "thread_events",
        summary: "Every decision in the runs of a thread, in the order in which they were written down. With `Accept: text/event-stream` \
                  they are sent as they come, also those of runs that begin later",
        role: VIEWER,
        params: &[
            query("after", "integer", "Only events behind this position"),
            query(
                "limit",
                "integer",
                "A page has so many, up to 1000, and those at the position of the last one; default: 100",
            ),
            LAST_EVENT,
        ],
        body: None,
        answers: &[(200, "ThreadEvents"), (200, "events")],
        problems: &[400, 404],
        handler: || get(events::of_thread),
    },
    Route {
        method: "post",
        path: "/v1/runs/{run_id}/answer",
        name: "answer_run",
        summary: "Answer an open question",
        role: APPROVER,
        params: &[],
        body: Some("Answer"),
        answers: &[(200, "State")],
        problems: &[400, 404, 409, 413, 415, 422],
        handler: || post(steer::answer),
    },
    Route {
        method: "post",
        path: "/v1/runs/{run_id}/decide",
        name: "decide_run",
        summary: "Decide about a step that waits for an operator",
        role: OPERATOR,
        params: &[],
        body: Some("Decide"),
        answers: &[(200, "State")],
        problems: &[400, 404, 409, 413, 415, 422],
        handler: || post(steer::decide),
    },
    Route {
        method: "post",
        path: "/v1/runs/{run_id}/signal",
        name: "signal_run",
        summary: "Send an event to a run, counted once by its id",
        role: OPERATOR,
        params: &[],
        body: Some("Signal"),
        answers: &[(200, "State")],
        problems: &[400, 404, 409, 413, 415, 422],
        handler: || post(steer::signal),
    },
    Route {
        method: "post",
        path: "/v1/runs/{run_id}/pause",
        name: "pause_run",
        summary: "Call nothing new until the run is resumed",
        role: OPERATOR,
        params: &[],
        body: Some("Nothing"),
        answers: &[(200, "State")],
        problems: &[400, 404, 409],
        handler: || post(steer::pause),
    },
    Route {
        method: "post",
        path: "/v1/runs/{run_id}/resume",
        name: "resume_run",
        summary: "Go on with a run",
        role: OPERATOR,
        params: &[],
        body: Some("Nothing"),
        answers: &[(200, "State")],
        problems: &[400, 404, 409],
        handler: || post(steer::resume),
    },
    Route {
        method: "post",
        path: "/v1/runs/{run_id}/cancel",
        name: "cancel_run",
        summary: "End a run: what is in flight is awaited, what sagas did is undone",
        role: OPERATOR,
        params: &[],
        body: Some("Cancel"),
        answers: &[(200, "State")],
        problems: &[400, 404, 409, 413, 415, 422],
        handler: || post(steer::cancel),
    },
    Route {
        method: "post",
        path: "/v1/runs/{run_id}/retry",
        name: "retry_run",
        summary: "Start a failed run again from the step that failed it, as a new run",
        role: OPERATOR,
        params: &[],
        body: Some("Retry"),
        answers: &[(201, "Begun")],
        problems: &[400, 404, 409, 413, 415, 422],
        handler: || post(steer::retry),
    },
];

/// The router of the table.
pub fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let mut router = Router::new();
    for route in ROUTES {
        let mut handler = (route.handler)();
        if let Some(role) = route.role {
            let gate = Gate { app: Arc::clone(app), role };
            handler = handler.layer(from_fn_with_state(gate, access::check));
        }
        router = router.route(route.path, handler);
    }
    router.method_not_allowed_fallback(|| async {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "nothing is done here by this method")
            .help("`GET /openapi.json` lists what there is")
    })
}

/// The OpenAPI document of the table.
pub fn document() -> Json {
    let mut paths: Map<String, Json> = Map::new();
    for route in ROUTES {
        let place = paths.entry(route.path.replace("{*", "{")).or_insert_with(|| json!({}));
        if let Some(place) = place.as_object_mut() {
            place.insert(route.method.into(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Weir", "version": env!("CARGO_PKG_VERSION"),
            "description": "Starts runs of flows, follows them and steers them."
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } }
        }
    })
}

fn operation(route: &Route) -> Json {
    let mut operation = json!({
        "operationId": route.name, "summary": route.summary,
        "parameters": parameters(route), "responses": responses(route)
    });
    if let Some(fields) = operation.as_object_mut() {
        if let Some(body) = route.body {
            let content = json!({ "application/json": { "schema": schemas::named(body) } });
            fields.insert("requestBody".into(), json!({ "required": false, "content": content }));
        }
        if let Some(role) = route.role {
            fields.insert("security".into(), json!([{ "token": [] }]));
            fields.insert("description".into(), format!("Asks for the role `{}`.", access::word(role)).into());
        }
    }
    operation
}

fn parameters(route: &Route) -> Vec<Json> {
    let written = route
        .path
        .split('/')
        .filter_map(|part| Some(part.strip_prefix('{')?.strip_suffix('}')?.trim_start_matches('*')));
    let in_path =
        written.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let others = route.params.iter().map(|param| {
        json!({ "name": param.name, "in": param.place, "required": false, "description": param.doc,
            "schema": { "type": param.kind } })
    });
    in_path.chain(others).collect()
}

fn responses(route: &Route) -> Json {
    let mut responses: Map<String, Json> = Map::new();
    for (status, schema) in route.answers {
        let place = responses.entry(status.to_string()).or_insert_with(|| json!({ "description": said(*status) }));
        let (kind, content) = match *schema {
            "" => continue,
            "events" => ("text/event-stream", json!({ "schema": { "type": "string" } })),
            "metrics" => ("application/openmetrics-text", json!({ "schema": { "type": "string" } })),
            name => ("application/json", json!({ "schema": schemas::named(name) })),
        };
        if let Some(place) = place.as_object_mut() {
            let contents = place.entry("content").or_insert_with(|| json!({}));
            if let Some(contents) = contents.as_object_mut() {
                contents.insert(kind.into(), content);
            }
        }
    }
    let guarded: &[u16] = if route.role.is_some() { &[401, 403, 429] } else { &[403] };
    for status in guarded.iter().chain(route.problems) {
        let content = json!({ "application/json": { "schema": schemas::named("Problem") } });
        responses.insert(status.to_string(), json!({ "description": said(*status), "content": content }));
    }
    Json::Object(responses)
}

fn said(status: u16) -> &'static str {
    match status {
        200 => "Done",
        201 => "Written down, and under way",
        202 => "Taken",
        204 => "Nothing more will come",
        400 => "The request is not what it should be",
        401 => "No token, or one that nobody knows",
        403 => "The caller may not do this, or it came by a foreign name",
        404 => "There is no such thing",
        409 => "It cannot be done as things are",
        413 => "The body is too large",
        415 => "The body is not JSON",
        422 => "What was sent does not fit",
        429 => "Too many wrong tokens came from this address",
        503 => "Not now",
        _ => "",
    }
}
