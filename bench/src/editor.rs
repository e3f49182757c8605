//! The language server as an editor meets it: a letter is typed, and the next answer is waited for. Through the protocol,
//! with the whole process. Build it first: `cargo build --release -p weir`.

use crate::out::line;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Letters typed for each figure.
const EDITS: usize = 200;

/// Prints the table.
pub fn run() {
    let Some(weir) = crate::process::binary() else {
        line("there is no `weir` beside this program: `cargo build --release -p weir` builds it");
        return;
    };
    line("from a letter typed to the answer, ms          completion         hover     diagnostics");
    line("                                             p50     p99     p50     p99     p50     p99");
    for (what, lines, parts) in [
        ("one file", 100, usize::MAX),
        ("files of 500 lines", 1_000, 1),
        ("files of 500 lines", 5_000, 1),
        ("one file", 5_000, usize::MAX),
    ] {
        match measure(&weir, lines, parts) {
            Some((lines, rows)) => {
                let figures: String =
                    rows.iter().map(|(p50, p99)| format!("{:>8.1}{:>8.1}", ms(*p50), ms(*p99))).collect();
                line(&format!("{:<41}{figures}", format!("{lines} lines, {what}")));
            }
            None => line("the server did not answer"),
        }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

type Percentiles = (Duration, Duration);

/// `parts`: how many files of the project, of some 500 lines each, are joined into one.
fn measure(weir: &Path, lines: usize, parts: usize) -> Option<(usize, Vec<Percentiles>)> {
    let folder = std::env::temp_dir().join(format!("weir-bench-editor-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("flows")).ok()?;
    std::fs::write(folder.join("weir.toml"), "[project]\nname = \"bench\"\nflows = [\"flows\"]\n").ok()?;
    let (source, _, lines) = crate::source::project(lines);
    let texts: Vec<&str> = source.files.iter().map(|file| file.text.as_str()).collect();
    let mut last = (PathBuf::new(), String::new());
    for (at, chunk) in texts.chunks(parts.min(texts.len().max(1))).enumerate() {
        let path = folder.join(format!("flows/m{at}.flow"));
        last = (path, chunk.concat());
        std::fs::write(&last.0, &last.1).ok()?;
    }
    let root = folder.canonicalize().ok()?;
    let path = root.join(last.0.strip_prefix(&folder).ok()?);
    let mut editor = Editor::start(weir, &root)?;
    let rows = editor.type_letters(&path, &last.1);
    editor.end();
    let _ = std::fs::remove_dir_all(&folder);
    Some((lines, rows?))
}

struct Editor {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    next: i64,
    /// The newest version that diagnostics were told of, by URI.
    told: std::collections::HashMap<String, i64>,
}

impl Editor {
    fn start(weir: &Path, root: &Path) -> Option<Editor> {
        let mut command = Command::new(weir);
        command.arg("lsp").current_dir(root).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let (input, output) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        let mut editor = Editor { child, input, output, next: 0, told: Default::default() };
        let capabilities = json!({ "general": { "positionEncodings": ["utf-8"] } });
        editor.request("initialize", json!({ "processId": null, "rootUri": null, "capabilities": capabilities }))?;
        editor.notify("initialized", json!({}))?;
        Some(editor)
    }

    fn end(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Types a name letter by letter into a flow near the file's end; after each letter one answer is waited for.
    fn type_letters(&mut self, path: &Path, text: &str) -> Option<Vec<Percentiles>> {
        let uri = format!("file://{}", path.to_str()?);
        let place = text.rfind("  count = len(best)")?;
        let row = text.get(..place)?.matches('\n').count();
        let document = json!({ "uri": uri, "languageId": "flow", "version": 0, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }))?;
        self.diagnostics(&uri, 0)?;
        let mut version = 0;
        let mut rows = Vec::new();
        for asked in ["textDocument/completion", "textDocument/hover", ""] {
            let mut times = Vec::new();
            for round in 0..EDITS {
                version += 1;
                let column = 10 + round % 8;
                let (end, letter) = if round % 8 == 7 { (column, "") } else { (column, "x") };
                let start = if letter.is_empty() { 10 } else { column };
                let at = |column: usize| json!({ "line": row, "character": column });
                let change = json!({ "range": { "start": at(start), "end": at(end) }, "text": letter });
                let params = json!({ "textDocument": { "uri": uri, "version": version }, "contentChanges": [change] });
                let begun = Instant::now();
                self.notify("textDocument/didChange", params)?;
                if asked.is_empty() {
                    self.diagnostics(&uri, version)?;
                } else {
                    self.request(asked, json!({ "textDocument": { "uri": uri }, "position": at(11) }))?;
                }
                times.push(begun.elapsed());
                // The next letter comes when the screen is quiet.
                self.quiet(&uri, version, asked)?;
            }
            times.sort();
            rows.push((*times.get(EDITS / 2)?, *times.get(EDITS * 99 / 100)?));
        }
        Some(rows)
    }

    fn quiet(&mut self, uri: &str, version: i64, asked: &str) -> Option<()> {
        if asked.is_empty() { Some(()) } else { self.diagnostics(uri, version) }
    }

    fn diagnostics(&mut self, uri: &str, version: i64) -> Option<()> {
        while self.told.get(uri) != Some(&version) {
            self.read()?;
        }
        Some(())
    }

    fn send(&mut self, message: &Value) -> Option<()> {
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).ok()?;
        self.input.flush().ok()
    }

    fn notify(&mut self, method: &str, params: Value) -> Option<()> {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }))
    }

    fn request(&mut self, method: &str, params: Value) -> Option<Value> {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        loop {
            let message = self.read()?;
            if message.get("id").and_then(Value::as_i64) == Some(id) {
                return message.get("result").cloned();
            }
        }
    }

    fn read(&mut self) -> Option<Value> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(found) = line.strip_prefix("Content-Length: ") {
                length = found.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).ok()?;
        let message: Value = serde_json::from_slice(&body).ok()?;
        let text = |key: &str| message.pointer(key).and_then(Value::as_str).map(str::to_owned);
        let version = message.pointer("/params/version").and_then(Value::as_i64);
        if let (Some(uri), Some(version)) = (text("/params/uri"), version) {
            self.told.insert(uri, version);
        }
        Some(message)
    }
}
