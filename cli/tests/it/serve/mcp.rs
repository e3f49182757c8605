//! Flows as MCP tools, for a real client (rmcp's), over HTTP and over stdio.

use super::support::{FLOWS, Served, again, served};
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
    ErrorData, Implementation, ProgressNotificationParam,
};
use rmcp::service::{NotificationContext, PeerRequestOptions, RequestContext, RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::{ClientHandler, ServiceExt};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// A client that remembers what it was told, and answers questions if it can.
#[derive(Clone, Default)]
struct Client {
    progress: Arc<Mutex<Vec<String>>>,
    asked: Arc<Mutex<Vec<String>>>,
    answer: Option<Value>,
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let can = ClientCapabilities::builder();
        let can = if self.answer.is_some() { can.enable_elicitation().build() } else { can.build() };
        ClientConfig::new(can, Implementation::new("test", "1"))
    }

    async fn on_progress(&self, told: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.progress.lock().unwrap().push(told.message.unwrap_or_default());
    }

    async fn create_elicitation(
        &self,
        asked: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } = asked else {
            panic!("a form is asked for");
        };
        assert!(requested_schema.properties.contains_key("approved"));
        self.asked.lock().unwrap().push(message);
        let mut result = ElicitResult::new(ElicitationAction::Accept);
        result.content = self.answer.clone();
        Ok(result)
    }
}

type Running = RunningService<RoleClient, Client>;

async fn connected(server: &Served, client: Client) -> Running {
    let transport = StreamableHttpClientTransport::from_uri(format!("http://{}/mcp", server.address));
    client.serve(transport).await.unwrap()
}

fn call(name: &'static str, args: &Value) -> CallToolRequestParams {
    let mut call = CallToolRequestParams::new(name);
    call.arguments = args.as_object().cloned();
    call
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_are_tools_with_their_types() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = served("");
    let client = connected(&server, Client::default()).await;
    let tools = client.list_all_tools().await.unwrap();
    let hello = tools.iter().find(|tool| tool.name == "shop_hello").unwrap();
    assert_eq!(hello.description.as_deref(), Some("Greets somebody."));
    assert_eq!(hello.input_schema["required"], json!(["name"]));
    assert_eq!(hello.output_schema.as_ref().unwrap()["properties"]["times"]["type"], "integer");
    let paid = tools.iter().find(|tool| tool.name == "shop_paid").unwrap();
    assert_eq!(paid.output_schema.as_ref().unwrap()["x-fastmcp-wrap-result"], json!(true));
    let told = client.call_tool(call("shop_hello", &json!({ "name": "Ann" }))).await.unwrap();
    assert_eq!(told.structured_content, Some(json!({ "text": "hello Ann", "times": 1 })));
    let wrong = client.call_tool(call("shop_hello", &json!({ "nmae": "Ann" }))).await.unwrap();
    assert!(
        wrong.is_error == Some(true) && format!("{:?}", wrong.content).contains("did you mean `name`?"),
        "{wrong:?}"
    );
    let failed = client.call_tool(call("shop_fails", &json!({ "file": "a" }))).await.unwrap();
    assert!(failed.is_error == Some(true) && format!("{:?}", failed.content).contains("not_found"), "{failed:?}");
    assert!(client.call_tool(call("shop_none", &json!({}))).await.is_err());
    client.cancel().await.unwrap();
    server.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_goes_to_the_client_or_is_reported() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = served("");
    let asked = Client { answer: Some(json!({ "approved": true })), ..Client::default() };
    let client = connected(&server, asked.clone()).await;
    let done = client.call_tool(call("shop_careful", &json!({ "what": "this" }))).await.unwrap();
    assert_eq!(done.structured_content, Some(json!({ "result": "this" })), "{done:?}");
    assert_eq!(*asked.asked.lock().unwrap(), ["really this?"]);
    client.cancel().await.unwrap();
    let client = connected(&server, Client::default()).await;
    let waits = client.call_tool(call("shop_careful", &json!({ "what": "that" }))).await.unwrap();
    assert!(waits.is_error == Some(true) && format!("{:?}", waits.content).contains("really that?"), "{waits:?}");
    let run_id = waits.meta.as_ref().unwrap().0["weir/run_id"].as_str().unwrap().to_owned();
    server.post(&format!("/v1/runs/{run_id}/answer"), &json!({ "value": { "approved": true } })).ok(200);
    server.until(&run_id, &["succeeded"]);
    let shown = client.call_tool(call("weir_run", &json!({ "run_id": run_id }))).await.unwrap();
    assert!(format!("{:?}", shown.content).contains("succeeded"), "{shown:?}");
    client.cancel().await.unwrap();
    server.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_run_reports_progress_and_is_cancelled_with_its_call() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = served("");
    let watching = Client::default();
    let client = connected(&server, watching.clone()).await;
    let request = rmcp::model::CallToolRequest::new(call("shop_waits", &json!({})));
    let handle = client.send_cancellable_request(request.into(), PeerRequestOptions::no_options()).await.unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while watching.progress.lock().unwrap().is_empty() {
        assert!(std::time::Instant::now() < until, "no progress was told");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let run_id = server.get("/v1/runs").ok(200)["runs"][0]["run_id"].as_str().unwrap().to_owned();
    handle.cancel(Some("enough".into())).await.unwrap();
    server.until(&run_id, &["cancelled"]);
    client.cancel().await.unwrap();
    server.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn over_stdio_too() {
    let here = crate::support::folder(&[("flows/shop.flow", FLOWS), ("weir.toml", "")]);
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_weir"));
    command.args(["serve", "--mcp"]).current_dir(here.dir.path());
    let client = Client::default();
    let transport = rmcp::transport::TokioChildProcess::builder(command).stderr(std::process::Stdio::piped()).spawn();
    let (transport, stderr) = transport.unwrap();
    let client = client.serve(transport).await.unwrap();
    let told = client.call_tool(call("shop_hello", &json!({ "name": "Ann", "times": 3 }))).await.unwrap();
    assert_eq!(told.structured_content, Some(json!({ "text": "hello Ann", "times": 3 })));
    client.cancel().await.unwrap();
    let mut said = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stderr.unwrap(), &mut said).await.unwrap();
    assert!(said.contains("the end") && !said.contains("bug in weir"), "{said}");
    // What has run stands in the journal.
    let server = again(here, &[]);
    assert_eq!(server.get("/v1/runs").ok(200)["runs"][0]["status"], "succeeded");
    server.kill();
}
