//! `FLOW` on the command line: a project folder, `file.flow`, `file.flow:name`, or `module.name` inside a project.

use super::{Loaded, is_flow_file, load_file, load_folder, missing, project_above};
use crate::exit::{Error, Exit};
use crate::out;
use crate::report::{self, Findings};
use crate::suggest::nearest;
use std::path::{Path, PathBuf};
use weir_compiler::registry::Lock;
use weir_compiler::{Checked, FlowInfo};

/// A flow that checks.
pub struct Target {
    /// Where the project's state lives.
    pub root: PathBuf,
    /// Its project.
    pub checked: Checked,
    /// What its servers offered when they were last asked.
    pub lock: Lock,
    /// The flow's full name.
    pub flow: String,
}

/// Which flow of the project is meant.
enum Wanted {
    /// The project's `main`.
    Main,
    /// The only entry of a file.
    EntryOf(u32),
    /// A flow of a file by its name there.
    In(u32, String),
    /// A flow by its full name.
    Named(String),
}

/// Finds the flow and checks its project. Mistakes in it are shown on stderr.
pub fn resolve(text: &str) -> Result<Target, Error> {
    let (loaded, wanted) = locate(text)?;
    let lock = loaded.lock();
    let (root, checked) = loaded.check();
    if checked.has_errors() {
        out::note(&report::human(&[Findings::all(&checked)], out::stderr_colour()));
        let message = format!("`{text}` does not check, so nothing was started");
        return Err(Error { exit: Exit::Failed, messages: vec![message], help: None, code: None });
    }
    let flow = choose(&checked, &wanted, text)?.name.to_string();
    Ok(Target { root, checked, lock, flow })
}

fn locate(text: &str) -> Result<(Loaded, Wanted), Error> {
    if let Some((file, name)) = text.rsplit_once(".flow:") {
        let path = PathBuf::from(format!("{file}.flow"));
        let (loaded, place) = locate_file(&path)?;
        return Ok((loaded, Wanted::In(place, name.to_owned())));
    }
    let path = Path::new(text);
    if path.is_dir() {
        let root = project_above(path).unwrap_or_else(|| path.to_owned());
        return Ok((load_folder(&root)?, Wanted::Main));
    }
    if is_flow_file(path) || path.is_file() || text.contains(['/', '\\']) {
        let (loaded, place) = locate_file(path)?;
        return Ok((loaded, Wanted::EntryOf(place)));
    }
    let Some(root) = project_above(Path::new(".")) else {
        let help = "name a project folder, `file.flow` or `file.flow:name`; `module.name` works inside a project";
        let missing = missing(path);
        let error = Error::usage(format!("there is no file or folder `{text}`, and no project here"));
        return Err(if missing.help.is_some() { error.maybe_help(missing.help) } else { error.help(help) });
    };
    Ok((load_folder(&root)?, Wanted::Named(text.to_owned())))
}

fn locate_file(path: &Path) -> Result<(Loaded, u32), Error> {
    if !path.exists() {
        return Err(missing(path));
    }
    if !is_flow_file(path) {
        let help = "name a project folder, `file.flow`, `file.flow:name`, or `module.name` inside a project";
        return Err(Error::usage(format!("`{}` is no `.flow` file", path.display())).help(help));
    }
    let loaded = load_file(path)?;
    let place = loaded.place_of(path).ok_or_else(|| missing(path))?;
    Ok((loaded, place))
}

fn choose<'a>(checked: &'a Checked, wanted: &Wanted, text: &str) -> Result<&'a FlowInfo, Error> {
    match wanted {
        Wanted::Main => checked.entry(None).map_err(|others| no_entry(text, "no flow named `main`", &others)),
        Wanted::EntryOf(file) => {
            checked.entry(Some(*file)).map_err(|others| no_entry(text, "no single entry flow", &others))
        }
        Wanted::In(file, name) => {
            let of_file: Vec<&FlowInfo> = checked.flows.values().filter(|flow| flow.loc.file.0 == *file).collect();
            let found = of_file.iter().find(|flow| flow.name == name.as_str() || last_part(flow) == name);
            found.copied().ok_or_else(|| unknown(name, &of_file, last_part))
        }
        Wanted::Named(name) => checked.flows.get(name.as_str()).ok_or_else(|| {
            let all: Vec<&FlowInfo> = checked.flows.values().collect();
            unknown(name, &all, |flow| &flow.name)
        }),
    }
}

fn last_part(flow: &FlowInfo) -> &str {
    flow.name.rsplit('.').next().unwrap_or(&flow.name)
}

fn no_entry(text: &str, what: &str, others: &[&FlowInfo]) -> Error {
    if others.is_empty() {
        return Error::usage(format!("there is no flow in `{text}`"))
            .help("a flow is declared with its role: `coordinator main() { … }`");
    }
    Error::usage(format!("`{text}` has {what}")).help(format!("name one of {}", listed(others, |flow| &flow.name)))
}

fn unknown(name: &str, known: &[&FlowInfo], naming: impl Fn(&FlowInfo) -> &str) -> Error {
    let error = Error::usage(format!("there is no flow `{name}`"));
    if let Some(full) =
        known.iter().map(|flow| naming(flow)).find(|full| full.rsplit('.').next() == name.rsplit('.').next())
    {
        return error.help(format!("did you mean `{full}`?"));
    }
    match nearest(name, known.iter().map(|flow| naming(flow))) {
        Some(guess) => error.help(format!("did you mean `{guess}`?")),
        None if known.is_empty() => error,
        None => error.help(format!("there is {}", listed(known, naming))),
    }
}

/// At most ten names in backticks.
fn listed(flows: &[&FlowInfo], naming: impl Fn(&FlowInfo) -> &str) -> String {
    let names: Vec<String> = flows.iter().take(10).map(|flow| format!("`{}`", naming(flow))).collect();
    let more = flows.len().saturating_sub(10);
    if more == 0 { names.join(", ") } else { format!("{} and {more} more", names.join(", ")) }
}
