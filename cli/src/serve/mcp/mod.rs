//! Flows as MCP tools: an MCP client calls a checked flow instead of raw tools. A call starts a run and gives what the
//! flow returns; the run's events are its progress, cancelling it cancels the run, and a question of the run goes to the
//! client where that can ask somebody who may answer.

mod call;
mod form;
mod given_up;

use super::App;
use super::access::Caller;
use super::offers::Offer;
use axum::http::request::Parts;
use given_up::GivenUp;
use indexmap::IndexMap;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelledNotificationParam, ErrorData, Extensions, Implementation,
    JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ServerHandler, ServiceExt};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// The tool that tells how a run is.
const SHOW: &str = "weir_run";
/// Names of tools may be so long; some clients take no longer ones.
const LONGEST: usize = 60;

/// What MCP clients talk to.
#[derive(Clone)]
pub struct Door {
    app: Arc<App>,
    /// Flows by the names of their tools.
    names: Arc<IndexMap<String, String>>,
    /// Of one client over stdin and stdout.
    given_up: Option<GivenUp>,
}

impl Door {
    /// The flows that can be started.
    pub fn new(app: &Arc<App>) -> Door {
        let mut names: IndexMap<String, String> = IndexMap::new();
        for (flow, _) in app.offers.iter().filter(|(_, offer)| offer.refused.is_none()) {
            let plain: String =
                flow.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(LONGEST).collect();
            let numbered = (2..).map(|n| format!("{plain}_{n}"));
            let free = |name: &String| name != SHOW && !names.contains_key(name);
            let name = std::iter::once(plain.clone()).chain(numbered).find(free).unwrap_or(plain.clone());
            names.insert(name, flow.to_string());
        }
        Door { app: Arc::clone(app), names: Arc::new(names), given_up: None }
    }

    /// Over HTTP, for the router. Hosts, origins and tokens are looked at before.
    pub fn over_http(self) -> StreamableHttpService<Door, LocalSessionManager> {
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .with_max_request_body_bytes(super::body::LARGEST);
        StreamableHttpService::new(move || Ok(self.clone()), Arc::new(LocalSessionManager::default()), config)
    }

    /// Over stdin and stdout, until the client goes.
    pub async fn over_stdio(self) -> Result<(), String> {
        let given_up = GivenUp::new();
        let door = Door { given_up: Some(given_up.clone()), ..self };
        let running = door.serve(rmcp::transport::io::stdio()).await.map_err(|error| error.to_string())?;
        let ended = running.waiting().await.map(drop).map_err(|error| error.to_string());
        given_up.rest().await;
        ended
    }

    fn tools(&self) -> Vec<Tool> {
        let flows = self.names.iter().filter_map(|(name, flow)| Some(tool(name, self.app.offers.get(flow.as_str())?)));
        flows.chain([show()]).collect()
    }
}

/// A flow as a tool.
fn tool(name: &str, offer: &Offer) -> Tool {
    let doc = offer.info.doc.clone().unwrap_or_default();
    let doc = if doc.is_empty() { format!("Runs the flow {}.", offer.info.name) } else { doc.to_string() };
    let reads = offer.info.can.iter().all(|capability| capability.ends_with(".read"));
    let annotations = if reads { ToolAnnotations::new().read_only(true) } else { ToolAnnotations::new() };
    let mut tool = Tool::new(name.to_owned(), doc, object(&offer.input));
    tool.output_schema = Some(Arc::new(object(&output(offer))));
    tool.with_title(offer.info.name.to_string()).with_annotations(annotations)
}

fn show() -> Tool {
    let schema = json!({ "type": "object", "required": ["run_id"],
        "properties": { "run_id": { "type": "string", "description": "as a call of a flow named it" } } });
    Tool::new(SHOW, "How a run of a flow is: its status, what it returned, what it waits for.", object(&schema))
        .with_annotations(ToolAnnotations::new().read_only(true))
}

/// What a flow returns, as an object: records and maps as they are, anything else in `result`.
fn output(offer: &Offer) -> Json {
    if !offer.wrapped {
        return offer.output.clone();
    }
    let mut inner = offer.output.clone();
    let defs = inner.as_object_mut().and_then(|fields| fields.remove("$defs"));
    let mut schema = json!({ "type": "object", "properties": { "result": inner }, "required": ["result"],
        "x-fastmcp-wrap-result": true });
    if let (Some(defs), Some(fields)) = (defs, schema.as_object_mut()) {
        fields.insert("$defs".into(), defs);
    }
    schema
}

fn object(schema: &Json) -> JsonObject {
    schema.as_object().cloned().unwrap_or_default()
}

/// Who calls: whoever the token says, or somebody on this computer.
fn caller(extensions: &Extensions) -> Caller {
    let parts = extensions.get::<Parts>();
    parts.and_then(|parts| parts.extensions.get::<Caller>()).cloned().unwrap_or_else(Caller::local)
}

impl ServerHandler for Door {
    fn get_info(&self) -> ServerConfig {
        let about =
            Implementation::new("weir", env!("CARGO_PKG_VERSION")).with_title(format!("Flows of {}", self.app.name));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build()).with_server_info(about).with_instructions(
            "Each tool runs a checked flow. A call that says that its run waits for an answer is answered by a person; \
             `weir_run` tells how that run is.",
        )
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools().into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if request.name == SHOW {
            return Ok(self.show(&request).await.into());
        }
        let Some(flow) = self.names.get(request.name.as_ref()) else {
            return Err(ErrorData::invalid_params(format!("there is no tool `{}`", request.name), None));
        };
        let caller = caller(&context.extensions);
        let _under_way = match &self.given_up {
            Some(given_up) => Some(given_up.under_way().await),
            None => None,
        };
        call::Call { app: &self.app, flow, context, caller, given_up: self.given_up.as_ref() }.run(request).await
    }

    async fn on_cancelled(&self, notification: CancelledNotificationParam, _: NotificationContext<RoleServer>) {
        if let (Some(given_up), Some(id)) = (&self.given_up, &notification.request_id) {
            given_up.add(id);
        }
    }
}
