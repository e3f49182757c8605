//! A project that is served, and a small HTTP client that a test can look inside of.

use crate::support::{Folder, folder};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Flows that answer at once, wait for a person, for a time, for an event, and fail.
pub const FLOWS: &str = r#"
/// Greets somebody.
coordinator hello(
  name: string
  times: int in 1..5 = 1
) -> { text: string, times: int } {
  return { text: "hello {name}", times }
}

coordinator careful(what: string) -> string {
  ok = ask "really {what}?" as { approved: bool, note?: string } timeout 1h
  require ok.approved else "not approved"
  return what
}

coordinator waits() -> [int] {
  wait 10m
  return [1]
}

coordinator paid() -> string {
  got = receive "payment" as { by: string } timeout 1h
  return got.by
}

coordinator fails(file: string) -> string can files.read {
  found = files.read(path: "nowhere.txt")
  return found.text
}
"#;

/// How long a test waits for what should come at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that is not left behind when a test fails.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server under way.
pub struct Served {
    pub here: Folder,
    pub child: Process,
    pub address: String,
    pub stderr: BufReader<std::process::ChildStderr>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON, after a look at the status.
    #[track_caller]
    pub fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// The code of the problem.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        let json = self.ok(status);
        assert!(json["error"]["message"].is_string(), "{json}");
        json["error"]["code"].as_str().unwrap().to_owned()
    }
}

/// The flows above, served with these lines in `weir.toml`.
pub fn served(toml: &str) -> Served {
    let here = folder(&[("flows/shop.flow", FLOWS), ("weir.toml", &format!("[project]\nname = \"t\"\n{toml}"))]);
    again(here, &[])
}

/// A folder, served (once more).
pub fn again(here: Folder, more: &[&str]) -> Served {
    let args = [&["serve", "--listen", "127.0.0.1:0"], more].concat();
    let mut command = here.command(&args);
    let mut child = command.env("WEIR_TEST_TOKEN", "a-token-of-some-length").stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains(" at http://") {
        assert!(stderr.read_line(&mut told).unwrap() > 0, "it ended before it listened: {told}");
    }
    let address = told.rsplit("http://").next().unwrap().trim().to_owned();
    Served { here, child: Process(child), address, stderr }
}

impl Served {
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends a request as it is and reads all that comes. HTTP 1.0, so that nothing is chunked and the end is the end.
    pub fn send(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut stream = self.connect();
        let mut head = format!("{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|header| header.to_lowercase().starts_with("host:")) {
            head.push_str(&format!("Host: {}\r\n", self.address));
        }
        headers.iter().for_each(|header| head.push_str(&format!("{header}\r\n")));
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        // What is refused at once may not be read to the end.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &["Content-Type: application/json"], body.to_string().as_bytes())
    }

    /// Starts a run and gives its id.
    #[track_caller]
    pub fn start(&self, flow: &str, args: &Value) -> String {
        let begun = self.post(&format!("/v1/flows/shop.{flow}/runs"), &serde_json::json!({ "args": args })).ok(201);
        begun["run_id"].as_str().unwrap().to_owned()
    }

    /// Looks at a run until its status is one of these.
    #[track_caller]
    pub fn until(&self, run_id: &str, statuses: &[&str]) -> Value {
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            let run = self.get(&format!("/v1/runs/{run_id}")).ok(200);
            if statuses.contains(&run["metadata"]["status"].as_str().unwrap()) {
                return run;
            }
            assert!(std::time::Instant::now() < until, "never {statuses:?}: {run}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How the run is listed, once it is listed so.
    #[track_caller]
    pub fn listed(&self, run_id: &str, status: &str) -> Value {
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            let listed = self.get(&format!("/v1/runs?status={status}")).ok(200);
            if let Some(run) = listed["runs"].as_array().unwrap().iter().find(|run| run["run_id"] == run_id) {
                return run.clone();
            }
            assert!(std::time::Instant::now() < until, "never listed as {status}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Opens a stream; its events are read with [`Stream::next`].
    pub fn stream(&self, path: &str, headers: &[&str]) -> Stream {
        let mut stream = self.connect();
        let mut head = format!("GET {path} HTTP/1.0\r\nHost: {}\r\nAccept: text/event-stream\r\n", self.address);
        headers.iter().for_each(|header| head.push_str(&format!("{header}\r\n")));
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        while !line.trim().is_empty() {
            line.clear();
            lines.read_line(&mut line).unwrap();
        }
        Stream { status, lines }
    }

    /// Asks it to end, as a service manager does, and gives its exit code and what it said.
    pub fn end(mut self) -> (i32, String, Folder) {
        assert!(Command::new("kill").args(["-TERM", &self.child.0.id().to_string()]).status().unwrap().success());
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        (self.child.0.wait().unwrap().code().unwrap_or(-1), said, self.here)
    }

    /// Kills it at once.
    pub fn kill(self) -> Folder {
        drop(self.child);
        self.here
    }
}

/// Server-sent events.
pub struct Stream {
    pub status: u16,
    lines: BufReader<TcpStream>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: String,
    pub name: String,
    pub data: Value,
}

impl Stream {
    /// The next event; None at the end.
    pub fn next(&mut self) -> Option<Event> {
        let mut event = Event { id: String::new(), name: String::new(), data: Value::Null };
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => event.id = id.to_owned(),
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                _ if line.trim().is_empty() && !event.data.is_null() => return Some(event),
                _ => {}
            }
        }
    }

    /// All events until the end.
    pub fn rest(mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.next()).collect()
    }
}
