//! `weir tools sync`: asks the servers what they offer and writes it into the lock file. What changed is told, and what
//! servers claim is told with the line that would believe it.

use super::asked::{Answer, Project, lock_path, project};
use crate::args::{Format, ToolsServersArgs};
use crate::escape;
use crate::exit::{Error, Exit, Outcome};
use crate::out::{self, Style, styled};
use crate::report::counted;
use ecow::EcoString;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use weir_compiler::registry::{Definition, LOCK_VERSION, Listing, Lock, ServerKind};
use weir_runtime::servers::changes;

/// What became of a server.
struct Synced {
    server: EcoString,
    /// `new`, `changed`, `unchanged`, `removed` or `failed`.
    what: &'static str,
    why: Option<String>,
    tools: usize,
    added: Vec<String>,
    removed: Vec<String>,
    /// Tool and what changed.
    changed: Vec<(String, Vec<String>)>,
    /// What the server claims that the project does not believe.
    claims: Claims,
    /// Instances that could not be asked.
    silent: Vec<(EcoString, String)>,
}

/// Tools by what their server claims of them.
#[derive(Default)]
struct Claims {
    read_only: Vec<String>,
    idempotent: Vec<String>,
    destructive: Vec<String>,
}

/// Asks, writes, tells.
pub fn run(args: &ToolsServersArgs) -> Outcome {
    let project = project(args.project.as_ref())?;
    if let (Some(error), false) = (&project.lock_error, args.servers.is_empty()) {
        let message = format!("weir.lock.json cannot be read: {}", error.message);
        return Err(Error::failed(message).help("`weir tools sync` without a name writes it anew from all servers"));
    }
    let names = project.meant(&args.servers)?;
    let answers = project.ask(&names)?;
    let mut lock = Lock { version: LOCK_VERSION, ..project.lock.clone() };
    let mut synced: Vec<Synced> = answers.into_iter().map(|answer| take(&project, &mut lock, answer)).collect();
    if args.servers.is_empty() {
        synced.extend(forgotten(&project, &mut lock));
    }
    let known = synced.iter().any(|one| one.what != "failed");
    let written = known && (lock.servers != project.lock.servers || project.lock_error.is_some());
    if written {
        write(&project.root, &lock)?;
    }
    match args.format {
        Format::Json => out::result_line(&machine(&synced, written)),
        Format::Human => out::result(&human(&project, &synced, written)),
    }
    Ok(if synced.iter().any(|one| one.what == "failed") { Exit::Failed } else { Exit::Done })
}

/// Puts one answer into the lock file; a server that failed keeps what stands there.
fn take(project: &Project, lock: &mut Lock, answer: Answer) -> Synced {
    let mut synced = Synced::of(answer.server);
    synced.silent = answer.silent;
    let listing = match answer.listing {
        Ok(listing) => listing,
        Err(why) => {
            (synced.what, synced.why) = ("failed", Some(why));
            return synced;
        }
    };
    synced.tools = listing.tools.len();
    let trusts = project.checked.config.tools.get(&synced.server);
    if listing.kind != ServerKind::Openapi && trusts.and_then(|section| section.annotations.as_deref()) != Some("trust")
    {
        synced.claims = Claims::of(&listing);
    }
    let before = lock.servers.get(&synced.server);
    synced.compare(before, &listing);
    synced.what = match before {
        None => "new",
        Some(before) if *before == listing => "unchanged",
        Some(_) => "changed",
    };
    lock.servers.insert(synced.server.clone(), listing);
    synced
}

/// Servers of the lock file that the project no longer has.
fn forgotten(project: &Project, lock: &mut Lock) -> Vec<Synced> {
    let sections = &project.checked.config.tools;
    let has = |name: &EcoString| sections.get(name).is_some_and(|section| !section.kinds().is_empty());
    let gone: Vec<EcoString> = lock.servers.keys().filter(|name| !has(name)).cloned().collect();
    gone.iter().for_each(|name| drop(lock.servers.shift_remove(name)));
    gone.into_iter().map(|name| Synced { what: "removed", ..Synced::of(name) }).collect()
}

impl Synced {
    fn of(server: EcoString) -> Synced {
        Synced {
            server,
            what: "unchanged",
            why: None,
            tools: 0,
            added: Vec::new(),
            removed: Vec::new(),
            changed: Vec::new(),
            claims: Claims::default(),
            silent: Vec::new(),
        }
    }

    fn compare(&mut self, before: Option<&Listing>, now: &Listing) {
        let Some(before) = before else { return };
        for (name, definition) in &now.tools {
            match before.tools.get(name) {
                None => self.added.push(name.to_string()),
                Some(old) if old.hash() != definition.hash() => {
                    self.changed.push((name.to_string(), changes(old, definition)));
                }
                Some(_) => {}
            }
        }
        let gone = before.tools.keys().filter(|name| !now.tools.contains_key(*name));
        self.removed.extend(gone.map(ToString::to_string));
    }
}

impl Claims {
    fn of(listing: &Listing) -> Claims {
        let that = |claim: fn(&Definition) -> Option<bool>| {
            let claimed = listing.tools.iter().filter(move |(_, tool)| claim(tool) == Some(true));
            claimed.map(|(name, _)| name.to_string()).collect::<Vec<_>>()
        };
        Claims {
            read_only: that(|tool| tool.annotations.read_only),
            idempotent: that(|tool| tool.annotations.idempotent.filter(|_| tool.annotations.read_only != Some(true))),
            destructive: that(|tool| tool.annotations.destructive.filter(|_| tool.annotations.read_only != Some(true))),
        }
    }
}

/// Whole or not at all: a reader never sees half a file.
fn write(root: &Path, lock: &Lock) -> Result<(), Error> {
    let path = lock_path(root);
    let failed = |error: &dyn std::fmt::Display| {
        Error::failed(format!("cannot write `{}`: {error}", crate::project::shown(&path)))
            .help("check that the folder can be written to; what stood there is unchanged")
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".weir.lock.");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(root).map_err(|error| failed(&error))?;
    file.write_all(lock.print().as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(|error| failed(&error))?;
    file.persist(&path).map(drop).map_err(|error| failed(&error.error))
}

fn human(project: &Project, synced: &[Synced], written: bool) -> String {
    if synced.is_empty() {
        return "no server to ask: weir.toml and .mcp.json name none whose tools are not declared\n".to_owned();
    }
    let mut text = String::new();
    for one in synced {
        let (sign, style) = match one.what {
            "failed" => ("✗", Style::Red),
            "unchanged" => ("=", Style::Dim),
            "removed" => ("-", Style::Yellow),
            _ => ("✓", Style::Green),
        };
        let name = styled(Style::Bold, &escape::line(&one.server));
        text.push_str(&format!(
            "{} {name} {}\n",
            styled(style, sign),
            gist(one, project.lock.servers.contains_key(&one.server))
        ));
        for (name, why) in &one.silent {
            let why = escape::lines(why).replace('\n', "\n    ");
            text.push_str(&format!("    the instance {} was not asked: {why}\n", escape::line(name)));
        }
        lines("+", &one.added, &mut text);
        lines("-", &one.removed, &mut text);
        for (tool, changes) in &one.changed {
            text.push_str(&format!("    ~ {}: {}\n", escape::short(tool, 80), escape::short(&changes.join(", "), 300)));
        }
        claims(project, one, &mut text);
    }
    let path = crate::project::shown(&lock_path(&project.root));
    text.push_str(&match written {
        true => format!("wrote {path}\n"),
        false if project.source.lock.is_none() => "nothing was written\n".to_owned(),
        false => format!("{path} is as it was\n"),
    });
    text
}

/// `known`: the lock file holds something of it.
fn gist(one: &Synced, known: bool) -> String {
    match one.what {
        "failed" => {
            let why = escape::lines(one.why.as_deref().unwrap_or_default()).replace('\n', "\n    ");
            match known {
                true => format!("was not asked: {why}\n    what weir.lock.json holds of it stays"),
                false => format!("was not asked: {why}"),
            }
        }
        "removed" => "is no longer in weir.toml or .mcp.json".to_owned(),
        "new" => format!("is new: {}", counted(one.tools, "tool")),
        "changed" if one.added.is_empty() && one.removed.is_empty() && one.changed.is_empty() => {
            format!("names another version or address of itself: {}, as they were", counted(one.tools, "tool"))
        }
        "changed" => format!("has changed: {}", counted(one.tools, "tool")),
        _ => format!("is unchanged: {}", counted(one.tools, "tool")),
    }
}

fn lines(sign: &str, names: &[String], text: &mut String) {
    for name in names {
        text.push_str(&format!("    {sign} {}\n", escape::short(name, 80)));
    }
}

/// What the server claims, and the line that would believe it.
fn claims(project: &Project, one: &Synced, text: &mut String) {
    let told = [("only read", &one.claims.read_only), ("may be repeated", &one.claims.idempotent)];
    let mut any = false;
    for (what, tools) in told.iter().filter(|(_, tools)| !tools.is_empty()) {
        any = true;
        text.push_str(&format!("    claims that these {what}: {}\n", few(tools)));
    }
    if any && one.what != "unchanged" {
        let section = project.checked.config.tools.keys().find(|name| **name == one.server);
        let name = section.map(|name| name.as_str()).unwrap_or_default();
        text.push_str(&format!(
            "    to believe it: `annotations = \"trust\"` under `[tools.{}]` in weir.toml\n",
            escape::line(name)
        ));
    }
    if !one.claims.destructive.is_empty() && one.what != "unchanged" {
        text.push_str(&format!("    claims that these may destroy: {}\n", few(&one.claims.destructive)));
    }
}

/// At most eight names.
fn few(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(8).map(|name| escape::short(name, 60)).collect();
    let more = names.len().saturating_sub(8);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

fn machine(synced: &[Synced], written: bool) -> String {
    let one = |one: &Synced| -> Value {
        let changed: Vec<Value> =
            one.changed.iter().map(|(tool, changes)| json!({ "tool": tool, "changes": changes })).collect();
        let silent: Vec<Value> =
            one.silent.iter().map(|(name, why)| json!({ "instance": name.as_str(), "error": why })).collect();
        json!({ "server": one.server.as_str(), "silent": silent, "status": one.what, "error": one.why, "tools": one.tools,
            "added": one.added, "removed": one.removed, "changed": changed,
            "claims": { "read_only": one.claims.read_only, "idempotent": one.claims.idempotent,
                "destructive": one.claims.destructive } })
    };
    json!({ "servers": synced.iter().map(one).collect::<Vec<_>>(), "written": written }).to_string()
}
