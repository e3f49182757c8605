//! An editor for tests: speaks the protocol to `weir lsp` and remembers what it was told.

use crate::support::Folder;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Longer than anything takes that works.
const HANG: Duration = Duration::from_secs(60);

pub struct Editor {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    next: i64,
    versions: HashMap<PathBuf, i64>,
    pub texts: HashMap<PathBuf, String>,
    /// Newest diagnostics by URI, with the version that they are of.
    told: HashMap<String, (Option<i64>, Vec<Value>)>,
    /// Notifications other than diagnostics.
    pub notes: Vec<Value>,
}

/// Line and column (in UTF-8) of a byte.
pub fn position(text: &str, at: usize) -> Value {
    let before = &text[..at];
    let line = before.matches('\n').count();
    json!({ "line": line, "character": at - before.rfind('\n').map_or(0, |at| at + 1) })
}

pub fn uri(path: &Path) -> String {
    format!("file://{}", path.to_str().unwrap())
}

impl Editor {
    /// Starts a server in a folder.
    pub fn start(folder: &Folder) -> Editor {
        Self::start_at(&folder.dir.path().canonicalize().unwrap())
    }

    pub fn start_at(root: &Path) -> Editor {
        let mut editor = Self::spawn(root);
        let folders = json!([{ "uri": uri(root), "name": "test" }]);
        let capabilities = json!({
            "general": { "positionEncodings": ["utf-8", "utf-16"] },
            "textDocument": { "completion": { "completionItem": { "snippetSupport": true } } },
        });
        let params =
            json!({ "processId": null, "rootUri": null, "workspaceFolders": folders, "capabilities": capabilities });
        editor.request("initialize", params).unwrap();
        editor.notify("initialized", json!({}));
        editor
    }

    /// A server that was not greeted yet.
    pub fn spawn(root: &Path) -> Editor {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.args(["lsp", "--stdio"]).current_dir(root);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (sender, messages) = channel();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            while let Some(message) = frame(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take().unwrap();
        Editor {
            child,
            input,
            messages,
            next: 0,
            versions: HashMap::new(),
            texts: HashMap::new(),
            told: HashMap::new(),
            notes: Vec::new(),
        }
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).unwrap();
        self.input.flush().unwrap();
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Asks without waiting; gives the request's number.
    pub fn ask(&mut self, method: &str, params: Value) -> i64 {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// Waits for the answer to a request.
    pub fn answer(&mut self, id: i64) -> Result<Value, Value> {
        loop {
            let message = self.receive();
            if message["id"] == json!(id) && message.get("method").is_none() {
                return match message.get("error") {
                    Some(error) => Err(error.clone()),
                    None => Ok(message["result"].clone()),
                };
            }
        }
    }

    pub fn request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.ask(method, params);
        self.answer(id)
    }

    /// The next message; what was told is noted.
    fn receive(&mut self) -> Value {
        let message = self.messages.recv_timeout(HANG).expect("the server is silent or gone");
        if message["method"] == "textDocument/publishDiagnostics" {
            let params = &message["params"];
            let diagnostics = params["diagnostics"].as_array().unwrap().clone();
            self.told.insert(params["uri"].as_str().unwrap().to_owned(), (params["version"].as_i64(), diagnostics));
        } else if message.get("method").is_some() {
            if let Some(id) = message.get("id") {
                let answer = json!({ "jsonrpc": "2.0", "id": id, "result": null });
                self.send(&answer);
            }
            self.notes.push(message.clone());
        }
        message
    }

    pub fn open(&mut self, path: &Path, text: &str) {
        self.versions.insert(path.to_owned(), 1);
        self.texts.insert(path.to_owned(), text.to_owned());
        let document = json!({ "uri": uri(path), "languageId": "flow", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": document }));
    }

    pub fn close(&mut self, path: &Path) {
        self.notify("textDocument/didClose", json!({ "textDocument": { "uri": uri(path) } }));
        self.texts.remove(path);
    }

    /// Replaces a stretch of an open text.
    pub fn edit(&mut self, path: &Path, from: usize, to: usize, new: &str) {
        let text = self.texts.get_mut(path).unwrap();
        let range = json!({ "start": position(text, from), "end": position(text, to) });
        text.replace_range(from..to, new);
        let version = self.versions.get_mut(path).unwrap();
        *version += 1;
        let document = json!({ "uri": uri(path), "version": *version });
        let change = json!({ "range": range, "text": new });
        self.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [change] }));
    }

    /// Sets an open text as a whole.
    pub fn set(&mut self, path: &Path, text: &str) {
        let end = self.texts[path].len();
        self.edit(path, 0, end, text);
    }

    /// The diagnostics of the present text of an open file.
    pub fn diagnostics(&mut self, path: &Path) -> Vec<Value> {
        let version = self.versions[path];
        while self.told.get(&uri(path)).is_none_or(|(known, _)| *known != Some(version)) {
            self.receive();
        }
        self.told[&uri(path)].1.clone()
    }

    /// Waits until something is told of a file that `holds`.
    pub fn wait(&mut self, path: &Path, holds: impl Fn(&[Value]) -> bool) {
        while !self.told.get(&uri(path)).is_some_and(|(_, found)| holds(found)) {
            self.receive();
        }
    }

    /// Asks at a byte of an open text.
    pub fn at(&mut self, method: &str, path: &Path, at: usize) -> Result<Value, Value> {
        let params = json!({ "textDocument": { "uri": uri(path) }, "position": position(&self.texts[path], at) });
        self.request(method, params)
    }

    /// Asks about an open text as a whole.
    pub fn of(&mut self, method: &str, path: &Path) -> Result<Value, Value> {
        let text = &self.texts[path];
        let range = json!({ "start": position(text, 0), "end": position(text, text.len()) });
        let options = json!({ "tabSize": 2, "insertSpaces": true });
        let context = json!({ "diagnostics": [] });
        let document = json!({ "uri": uri(path) });
        self.request(
            method,
            json!({ "textDocument": document, "range": range, "options": options, "context": context }),
        )
    }

    /// The labels of what is offered at a byte.
    pub fn completions(&mut self, path: &Path, at: usize) -> Vec<String> {
        let found = self.at("textDocument/completion", path, at).unwrap();
        found["items"].as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap().to_owned()).collect()
    }

    /// Ends in order; gives the exit code.
    pub fn stop(mut self) -> i32 {
        self.request("shutdown", Value::Null).unwrap();
        self.notify("exit", Value::Null);
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn frame(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
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
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

/// The rules that diagnostics are of.
pub fn rules(found: &[Value]) -> Vec<&str> {
    found.iter().map(|one| one["code"].as_str().unwrap()).collect()
}

/// A text with `$0` where the cursor is: without it, and its place.
pub fn cursor(marked: &str) -> (String, usize) {
    let at = marked.find("$0").unwrap();
    (marked.replacen("$0", "", 1), at)
}
