//! Real servers of both protocols, where `scripts/install-mcp-servers` has put them: each is listed, locked, typed and
//! called. What they offer is the table in `docs/mcp-servers.md`; `WEIR_BLESS=1` writes it.

use crate::support::{call, listed, run};
use futures_util::StreamExt;
use indexmap::IndexMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use weir_compiler::project::{ProjectSource, ToolSection};
use weir_compiler::registry::{Listing, Lock};
use weir_runtime::servers::mcp;
use weir_runtime::tool::{Call, Fault};
use weir_stdlib::Value;

/// A server, how it is started below `.tools/mcp`, and a call of it.
struct Real {
    name: &'static str,
    package: &'static str,
    command: &'static [&'static str],
    tool: &'static str,
    args: &'static str,
    answer: Answer,
}

/// What a call is to give.
enum Answer {
    /// This is part of the result.
    Has(&'static str),
    /// The server answers, if only that it needs an account, a browser or the network.
    Any,
}

use Answer::{Any, Has};

/// `FOLDER` stands for a folder of the test's, `REPOSITORY` for a Git repository in it, `PAGE` for the address of a page.
const SERVERS: [Real; 13] = [
    Real {
        name: "filesystem",
        package: "@modelcontextprotocol/server-filesystem 2026.8.31",
        command: &["node", "node/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js", "FOLDER"],
        tool: "read_text_file",
        args: r#"{"path": "FOLDER/a.txt"}"#,
        answer: Has("hello from a file"),
    },
    Real {
        name: "memory",
        package: "@modelcontextprotocol/server-memory 2026.8.31",
        command: &["node", "node/node_modules/@modelcontextprotocol/server-memory/dist/index.js"],
        tool: "create_entities",
        args: r#"{"entities": [{"name": "Ada", "entityType": "person", "observations": ["wrote the first program"]}]}"#,
        answer: Has("Ada"),
    },
    Real {
        name: "everything",
        package: "@modelcontextprotocol/server-everything 2026.8.31",
        command: &["node", "node/node_modules/@modelcontextprotocol/server-everything/dist/index.js"],
        tool: "echo",
        args: r#"{"message": "hello"}"#,
        answer: Has("hello"),
    },
    Real {
        name: "thinking",
        package: "@modelcontextprotocol/server-sequential-thinking 2026.8.31",
        command: &["node", "node/node_modules/@modelcontextprotocol/server-sequential-thinking/dist/index.js"],
        tool: "sequentialthinking",
        args: r#"{"thought": "so", "nextThoughtNeeded": false, "thoughtNumber": 1, "totalThoughts": 1}"#,
        answer: Has("thoughtNumber"),
    },
    Real {
        name: "playwright",
        package: "@playwright/mcp 0.0.83",
        command: &["node", "node/node_modules/@playwright/mcp/cli.js", "--headless"],
        tool: "browser_close",
        args: "{}",
        answer: Any,
    },
    Real {
        name: "notion",
        package: "@notionhq/notion-mcp-server 2.5.2",
        command: &["node", "node/node_modules/@notionhq/notion-mcp-server/bin/cli.mjs"],
        tool: "API-get-self",
        args: "{}",
        answer: Any,
    },
    Real {
        name: "context7",
        package: "@upstash/context7-mcp 4.1.1",
        command: &["node", "node/node_modules/@upstash/context7-mcp/dist/index.js"],
        tool: "resolve-library-id",
        args: r#"{"libraryName": "react", "query": "hooks"}"#,
        answer: Any,
    },
    Real {
        name: "old_everything",
        package: "@modelcontextprotocol/server-everything 0.6.2",
        command: &["node", "node/node_modules/old-everything/dist/index.js"],
        tool: "add",
        args: r#"{"a": 2, "b": 3}"#,
        answer: Has("5"),
    },
    Real {
        name: "old_filesystem",
        package: "@modelcontextprotocol/server-filesystem 0.6.2",
        command: &["node", "node/node_modules/old-filesystem/dist/index.js", "FOLDER"],
        tool: "read_file",
        args: r#"{"path": "FOLDER/a.txt"}"#,
        answer: Has("hello from a file"),
    },
    Real {
        name: "git",
        package: "mcp-server-git 2026.10.19",
        command: &["python/bin/mcp-server-git", "--repository", "REPOSITORY"],
        tool: "git_log",
        args: r#"{"repo_path": "REPOSITORY"}"#,
        answer: Has("the first commit"),
    },
    Real {
        name: "time",
        package: "mcp-server-time 2026.10.19",
        command: &["python/bin/mcp-server-time"],
        tool: "convert_time",
        args: r#"{"source_timezone": "Europe/Berlin", "time": "12:00", "target_timezone": "UTC"}"#,
        answer: Has("UTC"),
    },
    Real {
        name: "fetch",
        package: "mcp-server-fetch 2026.10.24",
        command: &["python/bin/mcp-server-fetch", "--ignore-robots-txt"],
        tool: "fetch",
        args: r#"{"url": "PAGE"}"#,
        answer: Any,
    },
    Real {
        name: "sqlite",
        package: "mcp-server-sqlite 2025.4.25",
        command: &["old-python/bin/mcp-server-sqlite", "--db-path", "FOLDER/data.db"],
        tool: "create_table",
        args: r#"{"query": "create table people (name text)"}"#,
        answer: Has("created"),
    },
];

/// Servers that start side by side: more make each of them slow.
const AT_ONCE: usize = 4;

struct Bench {
    folder: tempfile::TempDir,
    page: String,
}

impl Bench {
    async fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.txt"), "hello from a file\n").unwrap();
        let repository = folder.path().join("repository");
        std::fs::create_dir(&repository).unwrap();
        for args in [
            vec!["init", "-q"],
            vec![
                "-c",
                "user.name=A",
                "-c",
                "user.email=a@b.c",
                "commit",
                "-q",
                "--allow-empty",
                "-m",
                "the first commit",
            ],
        ] {
            let status = std::process::Command::new("git").args(&args).current_dir(&repository).status().unwrap();
            assert!(status.success());
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let page = format!("http://{}/", listener.local_addr().unwrap());
        let app = axum::Router::new().route("/", axum::routing::get(|| async { "a page of plain words" }));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Bench { folder, page }
    }

    fn filled(&self, text: &str) -> String {
        let folder = self.folder.path().canonicalize().unwrap();
        let repository = folder.join("repository");
        text.replace("FOLDER", &folder.display().to_string())
            .replace("REPOSITORY", &repository.display().to_string())
            .replace("PAGE", &self.page)
    }

    fn section(&self, real: &Real) -> ToolSection {
        let tools = tools_folder();
        let part = |part: &&str| match tools.join(part) {
            path if path.is_file() => path.display().to_string(),
            _ => self.filled(part),
        };
        let mut section = ToolSection { command: Some(real.command.iter().map(part).collect()), ..Default::default() };
        section.env.insert("MEMORY_FILE_PATH".into(), self.filled("FOLDER/memory.jsonl"));
        section.env.insert("NOTION_TOKEN".into(), "ntn_none".to_owned());
        section
    }

    fn call(&self, tool: &str, args: &str) -> Call {
        Call { args: Value::from_json(&self.filled(args)).unwrap(), timeout: Duration::from_secs(50), ..call(tool) }
    }
}

fn tools_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/mcp").canonicalize().unwrap_or_default()
}

/// The servers that are installed here; says which are not.
fn installed() -> Vec<&'static Real> {
    let there = |real: &&Real| {
        let program = if real.command[0] == "node" { real.command[1] } else { real.command[0] };
        let found = tools_folder().join(program).is_file();
        if !found {
            println!("skipped: `{}` is not installed; scripts/install-mcp-servers does it", real.package);
        }
        found
    };
    SERVERS.iter().filter(there).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_listed_locked_typed_and_called() {
    let bench = Bench::new().await;
    let installed = installed();
    let work = futures_util::stream::iter(installed.iter().map(|real| one(&bench, real)));
    let listings: IndexMap<_, Listing> = work.buffered(AT_ONCE).collect().await;
    let lock = Lock { version: 1, servers: listings };
    let printed = lock.print();
    assert_eq!(Lock::parse(&printed).unwrap(), lock);
    let rows = typed(&lock, &printed, &installed);
    if installed.len() == SERVERS.len() {
        table(&rows);
    }
}

async fn one(bench: &Bench, real: &Real) -> (ecow::EcoString, Listing) {
    let server = mcp::open(real.name, &bench.section(real), bench.folder.path(), None).unwrap();
    let listing = listed(&server).await.unwrap_or_else(|fault| panic!("{}: {fault}", real.name));
    let definition =
        listing.tools.get(real.tool).unwrap_or_else(|| panic!("{} has {:?}", real.name, listing.tools.keys()));
    let call = Call { definition: Some(Arc::new(definition.clone())), ..bench.call(real.tool, real.args) };
    let answered: Result<Value, Fault> = run(&server, &call).await;
    match (&answered, &real.answer) {
        (Ok(value), Has(part)) => assert!(value.to_json().contains(part), "{}: {}", real.name, value.to_json()),
        (Err(fault), Has(_)) => panic!("{}: {fault}", real.name),
        (Ok(_), Any) => {}
        (Err(fault), Any) => assert!(["failed", "not_found", "permission"].contains(&fault.code.as_str()), "{fault}"),
    }
    let wrong = run(&server, &Call { tool: "no_such_tool_here".into(), definition: None, ..call }).await.unwrap_err();
    assert_eq!(wrong.code, "not_found", "{}: {wrong}", real.name);
    server.close().await;
    (real.name.into(), listing)
}

/// What the checker makes of the lock: a row for each server.
fn typed(lock: &Lock, printed: &str, installed: &[&Real]) -> Vec<String> {
    let mut config = String::new();
    for name in lock.servers.keys() {
        writeln!(config, "[tools.{name}]\ncommand = [\"x\"]").unwrap();
    }
    let source = ProjectSource {
        config: Some(("weir.toml".into(), config)),
        lock: Some(("weir.lock.json".into(), printed.to_owned())),
        ..ProjectSource::default()
    };
    let checked = weir_compiler::check(source);
    let problems: Vec<String> = checked.diagnostics.iter().map(|one| one.message.to_string()).collect();
    assert_eq!(problems, Vec::<String>::new());
    let row = |(real, (name, listing)): (&&Real, (&ecow::EcoString, &Listing))| {
        let outputs = listing.tools.values().filter(|tool| tool.output.is_some()).count();
        let reads = listing.tools.values().filter(|tool| tool.annotations.read_only == Some(true)).count();
        for tool in listing.tools.keys() {
            let full = format!("{name}.{tool}");
            assert!(checked.tools.contains_key(full.as_str()), "{full} is no typed tool");
        }
        let count = listing.tools.len();
        let declare = match count - outputs {
            0 => "nothing".to_owned(),
            1 => "1 result is text".to_owned(),
            left => format!("{left} results are text"),
        };
        format!(
            "| `{}` | {} | {count} | {outputs} | {reads} | {declare} |",
            real.package,
            listing.protocol.as_deref().unwrap_or_default()
        )
    };
    installed.iter().zip(&lock.servers).map(row).collect()
}

fn table(rows: &[String]) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/mcp-servers.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (before, rest) = text.split_once("<!-- servers -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    let head =
        "| server | protocol | tools | typed results | claim to only read | to declare |\n|---|---|---|---|---|---|";
    let now = format!("{before}<!-- servers -->\n{head}\n{}\n<!-- end -->{after}", rows.join("\n"));
    if std::env::var_os("WEIR_BLESS").is_some() {
        std::fs::write(&page, now).unwrap();
    } else {
        assert_eq!(text, now, "docs/mcp-servers.md is not what the servers say; WEIR_BLESS=1 writes it");
    }
}

/// The same server over HTTP, in a process that the test starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_is_reached_over_http() {
    let Some(real) = installed().into_iter().find(|real| real.name == "everything") else { return };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut process = tokio::process::Command::new("node")
        .arg(tools_folder().join(real.command[1]))
        .arg("streamableHttp")
        .env("PORT", free.port().to_string())
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let section = ToolSection { url: vec![format!("http://127.0.0.1:{}/mcp", free.port())], ..Default::default() };
    let server = mcp::open("everything", &section, Path::new("/"), None).unwrap();
    let mut listing = listed(&server).await;
    for _ in 0..100 {
        match &listing {
            Err(fault) if fault.code == "unavailable" => tokio::time::sleep(Duration::from_millis(200)).await,
            _ => break,
        }
        listing = listed(&server).await;
    }
    assert!(listing.unwrap().tools.contains_key("echo"));
    let echo = Call { args: Value::record([("message", Value::text("over http"))]), ..call("echo") };
    assert!(run(&server, &echo).await.unwrap().to_json().contains("over http"));
    server.close().await;
    let _ = process.kill().await;
}
