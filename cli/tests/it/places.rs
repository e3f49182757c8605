//! The places where people keep MCP servers: `.mcp.json` and its like, with references, beside `weir.toml`.

use crate::support::{Folder, ended, folder};
use std::process::Command;

/// A server of the first protocol era in a few lines.
const SERVER: &str = r#"
import json, os, sys
for line in sys.stdin:
    ask = json.loads(line)
    if "id" not in ask:
        continue
    method, answer = ask["method"], None
    if method == "initialize":
        answer = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "small", "version": "1"}}
    elif method == "tools/list":
        answer = {"tools": [{"name": "echo", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}}]}
    elif method == "tools/call":
        words = [ask["params"]["arguments"]["text"], os.environ.get("TOKEN", "-"), sys.argv[1], os.path.basename(os.getcwd())]
        answer = {"content": [{"type": "text", "text": " ".join(words)}]}
    reply = {"jsonrpc": "2.0", "id": ask["id"]}
    reply.update({"result": answer} if answer is not None else {"error": {"code": -32601, "message": "no such method"}})
    print(json.dumps(reply), flush=True)
"#;

const MCP: &str = r#"{
  // As other programs keep it.
  "mcpServers": {
    "small-one": {
      "type": "stdio",
      "command": "python3",
      "args": ["${workspaceFolder}/server.py", "${WEIR_TEST_MODE:-plain}"],
      "env": { "TOKEN": "${WEIR_TEST_TOKEN}" },
    },
  },
}
"#;

const FLOW: &str = "coordinator main() -> string can small_one.write {\n  return small_one.echo(text: \"hi\")\n}\n";

fn python() -> bool {
    let found = Command::new("python3").arg("-V").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: python3 is not here");
    }
    found
}

fn project(place: &str, text: &str) -> Folder {
    folder(&[("weir.toml", ""), ("server.py", SERVER), (place, text), ("a.flow", FLOW)])
}

fn with_token(here: &Folder, args: &[&str]) -> crate::support::Ended {
    ended(&here.command(args).env("WEIR_TEST_TOKEN", "t0ken-t0ken").output().unwrap())
}

#[test]
fn a_server_of_mcp_json_is_locked_and_called() {
    if !python() {
        return;
    }
    let vs_code = MCP.replace("mcpServers", "servers").replace("${WEIR_TEST_TOKEN}", "${env:WEIR_TEST_TOKEN}");
    for (place, text) in [(".mcp.json", MCP), (".vscode/mcp.json", &vs_code), (".cursor/mcp.json", MCP)] {
        let here = project(place, text);
        let missing = here.weir(&["tools", "sync"]).code(1);
        missing.prints(&["`WEIR_TEST_TOKEN` is not set"]);
        with_token(&here, &["tools", "sync"]).code(0).prints(&["small_one", "1 tool"]);
        here.weir(&["check", "--deny-warnings"]).code(0);
        assert!(!here.read("weir.lock.json").contains("t0ken"));
        let value = with_token(&here, &["run", "a.flow"]).code(0).json()["records"][0]["value"].clone();
        let text = value.as_str().unwrap();
        assert!(text.starts_with("hi t0ken-t0ken plain "), "{text}");
        here.weir(&["run", "a.flow"]).code(1).silent().says(&["`WEIR_TEST_TOKEN` is not set", "nothing was started"]);
    }
}

#[test]
fn weir_toml_adds_to_a_server_and_names_files_elsewhere() {
    if !python() {
        return;
    }
    let elsewhere = folder(&[("mcp.json", MCP)]);
    let here = project("unused", "");
    let named = format!("[project]\nmcp = [\"{}\"]\n", elsewhere.path("mcp.json").display());
    here.write(
        "weir.toml",
        &format!("{named}[tools.small-one]\nenv = {{ TOKEN = \"ours\" }}\n[tools.small-one.tool.echo]\ncapability = \"small.read\"\n"),
    );
    here.write("a.flow", &FLOW.replace("small_one.write", "small.read").replace("small_one.echo", "`small-one`.echo"));
    here.weir(&["tools", "sync"]).code(0);
    let value = here.weir(&["run", "a.flow"]).code(0).json()["records"][0]["value"].clone();
    assert!(value.as_str().unwrap().starts_with("hi ours plain"), "{value}");
}

#[test]
fn what_is_wrong_with_the_files_is_told_at_its_place() {
    let here = folder(&[("weir.toml", ""), ("a.flow", "coordinator main() -> int {\n  return 1\n}\n")]);
    let short = |here: &Folder| here.weir(&["check", "--format", "short"]);
    here.write(".mcp.json", "{\n  \"mcpServers\": {\n    \"a\": oops }}\n");
    short(&here).code(1).prints(&[".mcp.json:3:", "no JSON"]);
    here.write(".mcp.json", "{\"mcpServers\": {\n  \"a\": {},\n  \"files\": {\"command\": \"x\"}}}");
    short(&here).code(1).prints(&[".mcp.json:2:3", "neither a `command` nor a `url`", "`files` is left out"]);
    here.write(".mcp.json", "{\"mcpServers\": {\"a\": {\"command\": \"x\"}, \"off\": {\"disabled\": true}}}");
    here.write(".vscode/mcp.json", "{\"servers\": {\"a\": {\"command\": \"y\"}}}");
    short(&here).code(0).prints(&[".vscode/mcp.json:1:", "another server here"]);
    std::fs::remove_dir_all(here.path(".vscode")).unwrap();
    here.write("weir.toml", "[tools.a]\ncommand = [\"z\"]\n");
    short(&here).code(0).prints(&[".mcp.json:1:", "weir.toml, which counts"]);
}

#[test]
fn a_file_elsewhere_that_holds_no_servers_is_never_shown() {
    let elsewhere = folder(&[("secret", "password hunter2\n"), ("other.json", "{\"password\": \"hunter2\"}")]);
    let here = folder(&[("a.flow", "coordinator main() -> int {\n  return 1\n}\n")]);
    for name in ["secret", "other.json", "missing"] {
        let path = elsewhere.path(name);
        here.write("weir.toml", &format!("[project]\nmcp = [\"{}\"]\n", path.display()));
        let told = here.weir(&["check"]).code(0);
        assert!(!told.stdout.contains("hunter2") && !told.stderr.contains("hunter2"), "{told:?}");
        let all = format!("{}{}", told.stdout, told.stderr);
        assert!(all.contains("weir.toml:2:8") && all.contains("mcp"), "{all}");
    }
}
