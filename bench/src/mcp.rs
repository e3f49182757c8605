//! Calls a second of an MCP server over stdio: through Weir's whole tool stack (drift, the contract's check of arguments
//! and result, trace, limits, the value at the end), beside the bare SDK client with a process of its own. Two servers:
//! this program as a small one that answers at once, so that the client is what is measured, and a real one where
//! `scripts/install-mcp-servers` has put it.

use crate::out::line;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ElicitationCapability, Implementation, ProtocolVersion,
    RequestParamsMeta, TASKS_EXTENSION_ID,
};
use rmcp::service::{ClientLifecycleMode, RunningService};
use rmcp::{ClientServiceExt, RoleClient};
use serde_json::{Value as Json, json};
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_compiler::project::ToolSection;
use weir_compiler::registry::Definition;
use weir_runtime::servers::{Contracts, Server, mcp};
use weir_runtime::tool::Call;
use weir_stdlib::value::Value;

/// Rounds of each; the best counts, so that other work on the machine does not.
const ROUNDS: usize = 7;
/// Calls at once in the second figure.
const AT_ONCE: usize = 8;

/// Prints the figures.
pub fn run() {
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() else {
        line("no runtime");
        return;
    };
    let own = std::env::current_exe().unwrap_or_default();
    let small = vec![own.display().to_string(), SERVE.to_owned()];
    report(&runtime, "a server that answers at once", small, "get", json!({"n": 7}), 4_000);
    let real = PathBuf::from(".tools/mcp/python/bin/mcp-server-time");
    if let Ok(real) = real.canonicalize() {
        let command = vec![real.display().to_string()];
        let args = json!({"source_timezone": "Europe/Berlin", "time": "12:00", "target_timezone": "UTC"});
        report(&runtime, "mcp-server-time", command, "convert_time", args, 200);
    } else {
        line("mcp-server-time is not installed: scripts/install-mcp-servers");
    }
}

fn report(runtime: &tokio::runtime::Runtime, name: &str, command: Vec<String>, tool: &str, args: Json, calls: usize) {
    if let Err(why) = runtime.block_on(compared(name, command, tool, args, calls)) {
        line(&format!("{name}: {why}"));
    }
}

async fn compared(name: &str, command: Vec<String>, tool: &str, args: Json, calls: usize) -> Result<(), String> {
    let weir = Weir::start(command.clone(), tool, &args).await?;
    let protocol = weir.protocol.as_deref();
    let same = Bare::start(&command, protocol, tool, &args, Says::TheSame).await?;
    let least = Bare::start(&command, protocol, tool, &args, Says::TheLeast).await?;
    for at_once in [1, AT_ONCE] {
        let [mut ours, mut with_same, mut with_least] = [Duration::MAX; 3];
        for _ in 0..ROUNDS {
            with_same = with_same.min(timed(calls, at_once, || same.call()).await?);
            ours = ours.min(timed(calls, at_once, || weir.call()).await?);
            with_least = with_least.min(timed(calls, at_once, || least.call()).await?);
        }
        let rate = |time: Duration| calls as f64 / time.as_secs_f64();
        line(&format!(
            "{name}, {at_once} at once: {:.0} calls/s; bare SDK client {:.0} with the same messages, ratio {:.3}; \
             {:.0} without trace and capabilities, ratio {:.3}",
            rate(ours),
            rate(with_same),
            rate(ours) / rate(with_same),
            rate(with_least),
            rate(ours) / rate(with_least)
        ));
    }
    weir.server.close().await;
    Ok(())
}

async fn timed<F>(calls: usize, at_once: usize, call: impl Fn() -> F) -> Result<Duration, String>
where
    F: Future<Output = Result<(), String>>,
{
    let begun = Instant::now();
    let lane = || async {
        for _ in 0..calls / at_once {
            call().await?;
        }
        Ok::<(), String>(())
    };
    futures_util::future::try_join_all((0..at_once).map(|_| lane())).await?;
    Ok(begun.elapsed())
}

/// Our side, as the engine calls it.
struct Weir {
    server: Arc<dyn Server>,
    contracts: Contracts,
    definition: Arc<Definition>,
    call: Call,
    /// What was agreed on with the server.
    protocol: Option<ecow::EcoString>,
}

impl Weir {
    async fn start(command: Vec<String>, tool: &str, args: &Json) -> Result<Weir, String> {
        let section = ToolSection { command: Some(command), ..ToolSection::default() };
        let server = mcp::open("bench", &section, &std::env::temp_dir(), None)?;
        let listing = server.list().await.map_err(|fault| fault.to_string())?;
        let definition = Arc::new(listing.tools.get(tool).cloned().ok_or("it has no such tool")?);
        let call = Call {
            tool: tool.into(),
            args: Value::from(args.clone()),
            key: None,
            run_id: "0192f0c8-0000-7000-8000-000000000000".into(),
            step: "a".into(),
            attempt: 1,
            timeout: Duration::from_secs(30),
            grants: Vec::new(),
            definition: Some(Arc::clone(&definition)),
            instance: Default::default(),
            progress: None,
        };
        Ok(Weir { server, contracts: Contracts::default(), definition, call, protocol: listing.protocol })
    }

    async fn call(&self) -> Result<(), String> {
        let contract = self.contracts.of("bench", &self.definition).map_err(|fault| fault.to_string())?;
        contract.check_arguments("bench", &self.call.args).map_err(|fault| fault.to_string())?;
        let value = self.server.call(&self.call).await.map_err(|fault| fault.to_string())?;
        contract.check_result("bench", &value)
    }
}

/// What the bare client puts into its messages: a server pays for reading it.
#[derive(Clone, Copy)]
enum Says {
    /// What Weir does: a trace, questions and tasks that it takes.
    TheSame,
    /// Nothing that the protocol does not ask for.
    TheLeast,
}

/// The SDK's client with its own transport, in the same protocol: a server of the new one does more for each call.
struct Bare {
    running: RunningService<RoleClient, ClientConfig>,
    params: CallToolRequestParams,
    _process: tokio::process::Child,
}

impl Bare {
    async fn start(
        command: &[String],
        protocol: Option<&str>,
        tool: &str,
        args: &Json,
        says: Says,
    ) -> Result<Bare, String> {
        let (program, rest) = command.split_first().ok_or("no command")?;
        let mut process = tokio::process::Command::new(program)
            .args(rest)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| error.to_string())?;
        let (Some(output), Some(input)) = (process.stdout.take(), process.stdin.take()) else {
            return Err("no pipes".to_owned());
        };
        let new = ProtocolVersion::V_2026_07_28;
        let mode = match protocol {
            Some(version) if version >= new.as_str() => ClientLifecycleMode::Discover { preferred_versions: vec![new] },
            _ => ClientLifecycleMode::Initialize,
        };
        let mut capabilities = ClientCapabilities::default();
        if matches!(says, Says::TheSame) {
            capabilities.extensions = Some([(TASKS_EXTENSION_ID.to_owned(), Default::default())].into());
            capabilities.elicitation = Some(ElicitationCapability::new().with_form(Default::default()));
        }
        let config = ClientConfig::new(capabilities, Implementation::new("weir", env!("CARGO_PKG_VERSION")));
        let running = config.serve_with_lifecycle((output, input), mode).await.map_err(|error| error.to_string())?;
        let Json::Object(args) = args else { return Err("the arguments are no object".to_owned()) };
        let mut params = CallToolRequestParams::new(tool.to_owned()).with_arguments(args.clone());
        if matches!(says, Says::TheSame) {
            params.set_traceparent("00-0192f0c8000070008000000000000000-00f067aa0ba902b7-01");
        }
        Ok(Bare { running, params, _process: process })
    }

    async fn call(&self) -> Result<(), String> {
        self.running.call_tool(self.params.clone()).await.map(|_| ()).map_err(|error| error.to_string())
    }
}

/// The argument that makes this program the small server.
pub const SERVE: &str = "serve-mcp";

/// The small server: one tool with an output schema, the protocol of 2025-06-18.
pub fn serve() {
    let mut out = std::io::stdout().lock();
    for text in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Json>(&text) else { continue };
        let Some(id) = message.get("id") else { continue };
        let reply = match message.get("method").and_then(Json::as_str) {
            Some("initialize") => json!({"jsonrpc": "2.0", "id": id, "result": {"protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}}, "serverInfo": {"name": "bench", "version": "1"}}}),
            Some("tools/list") => {
                let number = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
                json!({"jsonrpc": "2.0", "id": id, "result": {"tools": [
                    {"name": "get", "inputSchema": number, "outputSchema": number}]}})
            }
            Some("tools/call") => json!({"jsonrpc": "2.0", "id": id, "result": {
                "content": [{"type": "text", "text": "{\"n\":7}"}], "structuredContent": {"n": 7}}}),
            _ => json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "Method not found"}}),
        };
        if writeln!(out, "{reply}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}
