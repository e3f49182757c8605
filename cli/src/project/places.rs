//! The places where other programs keep MCP servers: those of the project are read as they are, those elsewhere where
//! `weir.toml` names them.

use super::read::source;
use super::{Loaded, shown};
use crate::exit::Error;
use std::path::{Path, PathBuf};
use weir_compiler::project::{Config, MCP_FILES, read_mcp};
use weir_lang::diagnostic::{Diagnostic, Severity};
use weir_lang::rules::Rule;
use weir_lang::span::{FileId, Loc, Span};

/// Reads them; they stand behind `weir.toml` and the lock file.
pub fn add_mcp(loaded: &mut Loaded) -> Result<(), Error> {
    for name in MCP_FILES {
        let path = loaded.root.join(name);
        if path.is_file() {
            add(loaded, &path)?;
        }
    }
    let Some((_, text)) = loaded.source.config.clone() else { return Ok(()) };
    let named = Config::parse(&text).map(|config| config.project.mcp).unwrap_or_default();
    for (at, name) in named.iter().enumerate() {
        let path = full(&loaded.root, name);
        match usable(&path, name) {
            Ok(()) => add(loaded, &path)?,
            Err(why) => {
                let problem = at_entry(loaded, &text, at, &why);
                loaded.problems.push(problem);
            }
        }
    }
    Ok(())
}

fn add(loaded: &mut Loaded, path: &Path) -> Result<(), Error> {
    let shown = shown(path);
    let source_files = loaded.paths.len() + loaded.source.mcp.len();
    let before = source_files + usize::from(loaded.source.config.is_some()) + usize::from(loaded.source.lock.is_some());
    let place = u32::try_from(before).unwrap_or(u32::MAX);
    let (text, problem) = source(path, &shown, place, Rule::InvalidProject)?;
    loaded.problems.extend(problem);
    loaded.source.mcp.push((shown.into(), text));
    Ok(())
}

/// `~/` is the home folder of whoever runs this.
fn full(root: &Path, name: &str) -> PathBuf {
    match (name.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => root.join(name),
    }
}

/// A file outside the project is only read on when it holds servers: nothing else of it is ever shown.
fn usable(path: &Path, name: &str) -> Result<(), String> {
    if !path.is_file() {
        return Err(format!("there is no file `{name}`"));
    }
    let (text, problem) = source(path, name, 0, Rule::InvalidProject).map_err(|error| error.messages.join("; "))?;
    let whole = problem.is_none() && !read_mcp(&text).servers.is_empty();
    if whole { Ok(()) } else { Err(format!("`{name}` holds no MCP servers")) }
}

/// At its entry in `weir.toml`. Not everyone has such a file, so the rest counts all the same.
fn at_entry(loaded: &Loaded, text: &str, at: usize, why: &str) -> Diagnostic {
    let file = FileId(u32::try_from(loaded.paths.len()).unwrap_or(u32::MAX));
    let places = Config::all_places(text);
    let place = places.get(["project".into(), "mcp".into()].as_slice());
    let span = place.and_then(|place| place.entries.get(at).cloned()).unwrap_or_default();
    let loc = Loc { file, span: Span::new(span.start, span.end) };
    let help = "`mcp` names files of MCP servers that other programs keep, such as `~/.cursor/mcp.json`";
    let mut problem = Diagnostic::new(Rule::InvalidProject, loc, why).help(help);
    problem.severity = Severity::Warning;
    problem
}
