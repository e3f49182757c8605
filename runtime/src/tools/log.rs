//! `log.write`: one JSON line a call, into `.weir/log.jsonl` and to whoever listens.

use super::fault::{blocking, io_fault};
use crate::tool::{Call, Fault, Tool};
use async_trait::async_trait;
use camino::Utf8Path;
use ecow::EcoString;
use fs_err as fs;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_stdlib::value::Value;

/// A line of the log, secrets masked.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// The message.
    pub message: String,
    /// What belongs to it, null or an object.
    pub fields: Value,
    /// The run that wrote it.
    pub run_id: EcoString,
    /// The step's path.
    pub step: EcoString,
    /// The whole line as JSON, control characters escaped.
    pub json: String,
}

/// Sees every line.
pub type LogSink = Arc<dyn Fn(&LogLine) + Send + Sync>;

/// The server `log`.
pub struct Log {
    file: PathBuf,
    sink: Option<LogSink>,
}

impl Log {
    /// The project's log.
    pub fn new(project_root: &Utf8Path, sink: Option<LogSink>) -> Self {
        Log { file: project_root.join(".weir/log.jsonl").into(), sink }
    }
}

#[async_trait]
impl Tool for Log {
    fn describe(&self) -> Vec<EcoString> {
        vec!["write".into()]
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        if call.tool != "write" {
            return Err(call.no_such_tool("log", &["write"]));
        }
        let line = line(call)?;
        if let Some(sink) = &self.sink {
            sink(&line);
        }
        let file = self.file.clone();
        blocking(move || {
            append(&file, &line.json).map_err(|error| io_fault("cannot write the log `.weir/log.jsonl`", &error))
        })
        .await?;
        Ok(Value::NULL)
    }
}

fn line(call: &Call) -> Result<LogLine, Fault> {
    let level = call.text("level")?;
    if !["debug", "info", "warn", "error"].contains(&level.as_str()) {
        return Err(call.wrong("level", "`debug`, `info`, `warn` or `error`"));
    }
    call.text("message")?;
    let message = call.args.field("message").mask();
    let fields = call.args.field("fields").mask();
    if !fields.is_null() && fields.as_record().is_none() {
        return Err(call.wrong("fields", "an object: `{ name: value }`"));
    }
    let mut parts = vec![
        ("at", Value::text(jiff::Timestamp::now().to_string())),
        ("level", Value::text(level.as_str())),
        ("message", message.clone()),
    ];
    if !fields.is_null() {
        parts.push(("fields", fields.clone()));
    }
    parts.push(("run_id", Value::text(call.run_id.as_str())));
    parts.push(("step", Value::text(call.step.as_str())));
    Ok(LogLine {
        level,
        message: message.display_text(),
        fields,
        run_id: call.run_id.clone(),
        step: call.step.clone(),
        json: escaped(&Value::record(parts).to_json()),
    })
}

/// The same JSON with what could steer a terminal or reorder a line written as `\u…`; JSON itself escapes the rest.
fn escaped(json: &str) -> String {
    let steers = |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    json.chars().fold(String::with_capacity(json.len()), |mut out, c| {
        if steers(c) {
            // Writing into a String cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
        out
    })
}

/// Adds the line in one write, so that lines of several processes do not mix.
fn append(file: &Path, json: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        crate::journal::database::own_folder(folder)?;
    }
    let line = format!("{json}\n");
    fs::OpenOptions::new().create(true).append(true).open(file)?.write_all(line.as_bytes())
}
