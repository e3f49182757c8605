//! `weir tools diff`: what the servers offer now beside what the lock file holds; for each change whether it breaks
//! calls that were right, and the lines of flows that would no longer check.

use super::asked::{Answer, Project, project};
use crate::args::{Format, ToolsServersArgs};
use crate::escape;
use crate::exit::{Error, Exit, Outcome};
use crate::out::{self, Style, styled};
use crate::report::counted;
use serde_json::{Value, json};
use weir_compiler::registry::{LOCK_FILE, LOCK_VERSION, Listing, Lock, breaks};
use weir_compiler::{Checked, check};
use weir_lang::diagnostic::{Diagnostic, Severity};
use weir_lang::span::Lines;
use weir_runtime::servers::changes;

/// A tool that is not what the lock file holds.
struct Change {
    tool: String,
    /// `added`, `removed` or `changed`.
    what: &'static str,
    details: Vec<String>,
    /// Why calls that were right may be wrong now.
    breaks: Vec<String>,
}

/// A line of a flow that no longer checks.
struct Broken {
    file: String,
    line: u32,
    column: u32,
    rule: &'static str,
    message: String,
}

/// Asks, compares, tells.
pub fn run(args: &ToolsServersArgs) -> Outcome {
    let project = project(args.project.as_ref())?;
    if let Some(error) = &project.lock_error {
        return Err(Error::failed(format!("weir.lock.json cannot be read: {}", error.message))
            .help("`weir tools sync` writes it anew"));
    }
    let names = project.meant(&args.servers)?;
    let answers = project.ask(&names)?;
    let mut now = Lock { version: LOCK_VERSION, ..project.lock.clone() };
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    for Answer { server, listing, silent } in answers {
        failed.extend(silent.into_iter().map(|(name, why)| (format!("{server} at {name}"), why)));
        match listing {
            Ok(listing) => {
                compare(&server, project.lock.servers.get(&server), &listing, &mut found);
                now.servers.insert(server, listing);
            }
            Err(why) => failed.push((server.to_string(), why)),
        }
    }
    let broken = if found.is_empty() { Vec::new() } else { broken(&project, &now) };
    match args.format {
        Format::Json => out::result_line(&machine(&found, &broken, &failed)),
        Format::Human => out::result(&human(&found, &broken, &failed)),
    }
    let bad = !failed.is_empty() || !broken.is_empty() || found.iter().any(|change| !change.breaks.is_empty());
    Ok(if bad { Exit::Failed } else { Exit::Done })
}

fn compare(server: &str, before: Option<&Listing>, now: &Listing, found: &mut Vec<Change>) {
    let empty = Default::default();
    let old = before.map_or(&empty, |before| &before.tools);
    for (name, definition) in &now.tools {
        let tool = format!("{server}.{name}");
        match old.get(name) {
            None => found.push(Change { tool, what: "added", details: Vec::new(), breaks: Vec::new() }),
            Some(locked) if locked.hash() != definition.hash() => found.push(Change {
                tool,
                what: "changed",
                details: changes(locked, definition),
                breaks: breaks(locked, definition),
            }),
            Some(_) => {}
        }
    }
    for name in old.keys().filter(|name| !now.tools.contains_key(*name)) {
        let breaks = vec!["the server no longer offers it".to_owned()];
        found.push(Change { tool: format!("{server}.{name}"), what: "removed", details: Vec::new(), breaks });
    }
}

/// What is wrong with the project on the new definitions and was not before.
fn broken(project: &Project, now: &Lock) -> Vec<Broken> {
    let mut source = project.source.clone();
    let shown = source.lock.map_or_else(|| LOCK_FILE.into(), |(path, _)| path);
    source.lock = Some((shown, now.print()));
    let after = check(source);
    let is_new = |one: &&Diagnostic| {
        one.severity == Severity::Error && !project.checked.diagnostics.iter().any(|old| alike(old, one))
    };
    after.diagnostics.iter().filter(is_new).filter_map(|one| place(&after, one)).collect()
}

/// The same mistake: flow files are the same in both checks, the lock file is not.
fn alike(a: &Diagnostic, b: &Diagnostic) -> bool {
    a.rule == b.rule && a.message == b.message && a.loc() == b.loc()
}

fn place(checked: &Checked, one: &Diagnostic) -> Option<Broken> {
    let loc = one.loc();
    let file = checked.files.get(loc.file.0 as usize)?;
    if file.path.ends_with(LOCK_FILE) {
        return None;
    }
    let (line, column) = Lines::new(&file.text).position(&file.text, loc.span.start);
    let message = one.message.to_string();
    Some(Broken { file: file.path.to_string(), line, column, rule: one.rule.name(), message })
}

fn human(found: &[Change], broken: &[Broken], failed: &[(String, String)]) -> String {
    let mut text = String::new();
    for change in found {
        let (sign, style) = match change.what {
            "added" => ("+", Style::Green),
            "removed" => ("-", Style::Red),
            _ => ("~", Style::Yellow),
        };
        let verdict = match (change.what, change.breaks.is_empty()) {
            ("added", _) => "is new".to_owned(),
            ("removed", _) => "is gone".to_owned(),
            (_, true) => "has changed; calls that were right stay right".to_owned(),
            (_, false) => "has changed, and breaks calls that were right".to_owned(),
        };
        text.push_str(&format!("{} {} {verdict}\n", styled(style, sign), escape::short(&change.tool, 120)));
        for detail in &change.details {
            text.push_str(&format!("    {}\n", escape::short(detail, 300)));
        }
        if change.what == "changed" {
            for why in &change.breaks {
                text.push_str(&format!("    {} {}\n", styled(Style::Red, "breaks:"), escape::short(why, 300)));
            }
        }
    }
    if !broken.is_empty() {
        text.push_str(&format!("{}\n", styled(Style::Bold, "with these, this would no longer check:")));
    }
    for one in broken {
        let message = escape::short(&one.message, 300);
        text.push_str(&format!("  {}:{}:{}: {message} [{}]\n", one.file, one.line, one.column, one.rule));
    }
    for (server, why) in failed {
        let why = escape::lines(why).replace('\n', "\n    ");
        text.push_str(&format!("{} {} was not asked: {why}\n", styled(Style::Red, "✗"), escape::line(server)));
    }
    text.push_str(&last(found, broken, failed));
    text
}

fn last(found: &[Change], broken: &[Broken], failed: &[(String, String)]) -> String {
    if found.is_empty() {
        return if failed.is_empty() { "weir.lock.json is what the servers offer\n".to_owned() } else { String::new() };
    }
    let lines = if broken.is_empty() { "no line of a flow".to_owned() } else { counted(broken.len(), "line") };
    format!("{}; breaks {lines}; `weir tools sync` accepts it\n", counted(found.len(), "difference"))
}

fn machine(found: &[Change], broken: &[Broken], failed: &[(String, String)]) -> String {
    let changes: Vec<Value> = found
        .iter()
        .map(|one| json!({ "tool": one.tool, "change": one.what, "details": one.details, "breaks": one.breaks }))
        .collect();
    let lines: Vec<Value> = broken
        .iter()
        .map(|one| {
            json!({ "file": one.file, "line": one.line, "column": one.column, "rule": one.rule, "message": one.message })
        })
        .collect();
    let failed: Vec<Value> = failed.iter().map(|(server, why)| json!({ "server": server, "error": why })).collect();
    json!({ "changes": changes, "broken": lines, "failed": failed }).to_string()
}
