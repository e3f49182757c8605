//! The servers of a project, asked what they offer now.

use crate::exit::{Error, Exit};
use crate::interrupts::Interrupts;
use crate::out;
use crate::project::{Loaded, load_folder, missing, project_above};
use crate::report::{self, Findings};
use crate::servers::{Instances, PATIENCE, close, opened};
use crate::suggest::did_you_mean;
use ecow::EcoString;
use futures_util::future::join_all;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_compiler::Checked;
use weir_compiler::project::{Config, ProjectSource};
use weir_compiler::registry::{LOCK_FILE, Listing, Lock, LockError, ToolSource};
use weir_runtime::servers::{Server, changes};

/// A project whose servers are asked.
pub struct Project {
    /// Its folder.
    pub root: PathBuf,
    /// What the compiler reads of it.
    pub source: ProjectSource,
    /// The project with the lock file as it is.
    pub checked: Checked,
    /// The lock file; empty where there is none.
    pub lock: Lock,
    /// What keeps the lock file from being read.
    pub lock_error: Option<LockError>,
}

/// What a server said.
pub struct Answer {
    /// Its name.
    pub server: EcoString,
    /// What it offers, or why that is not known.
    pub listing: Result<Listing, String>,
    /// Instances of it that could not be asked, and why.
    pub silent: Vec<(EcoString, String)>,
}

/// The project named, or the one around. Its flows need not check: what they call may not be known yet.
pub fn project(folder: Option<&PathBuf>) -> Result<Project, Error> {
    let root = match folder {
        Some(folder) if !folder.is_dir() => return Err(missing(folder)),
        Some(folder) => project_above(folder).unwrap_or_else(|| folder.clone()),
        None => project_above(Path::new(".")).ok_or_else(|| {
            let help = "go into a folder with a `weir.toml`, or name one with `--project`";
            Error::usage("there is no project here").help(help)
        })?,
    };
    let loaded = load_folder(&root)?;
    readable(&loaded)?;
    let parsed = loaded.source.lock.as_ref().map(|(_, text)| Lock::parse(text));
    let (lock, lock_error) = match parsed {
        Some(Ok(lock)) => (lock, None),
        Some(Err(error)) => (Lock::default(), Some(error)),
        None => (Lock::default(), None),
    };
    let source = loaded.source.clone();
    let (root, checked) = loaded.check();
    Ok(Project { root, source, checked, lock, lock_error })
}

/// Without a project file that can be read nobody knows which servers there are.
fn readable(loaded: &Loaded) -> Result<(), Error> {
    match &loaded.source.config {
        Some((path, text)) if Config::parse(text).is_err() => {
            let only = ProjectSource { config: Some((path.clone(), text.clone())), ..ProjectSource::default() };
            let checked = weir_compiler::check(only);
            out::note(&report::human(&[Findings::all(&checked)], out::stderr_colour()));
            Err(Error::failed(format!("`{path}` cannot be read, so nothing was asked")))
        }
        _ => Ok(()),
    }
}

impl Project {
    /// The servers outside, by name.
    fn outside(&self) -> impl Iterator<Item = &EcoString> {
        self.checked.config.tools.iter().filter(|(_, section)| !section.kinds().is_empty()).map(|(name, _)| name)
    }

    /// The servers that are meant: those named, or all but programs that flow files declare whole.
    pub fn meant(&self, names: &[String]) -> Result<Vec<EcoString>, Error> {
        if names.is_empty() {
            return Ok(self.outside().filter(|name| !self.only_declared(name)).cloned().collect());
        }
        let unknown = names.iter().find(|name| !self.outside().any(|known| known == name.as_str()));
        if let Some(unknown) = unknown {
            let own = unknown.split_once('.').map(|(server, _)| server);
            let known = || self.outside().map(|name| name.as_str());
            let guess = own.filter(|own| known().any(|known| known == *own));
            let help = match guess.map(str::to_owned).or_else(|| did_you_mean(unknown, known())) {
                Some(guess) if guess.contains(' ') => guess,
                Some(server) => format!("whole servers are meant here: `{server}`"),
                None if known().next().is_none() => "weir.toml and .mcp.json name no server".to_owned(),
                None => format!("there is {}", known().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
            };
            return Err(Error::usage(format!("there is no server `{unknown}`")).help(help));
        }
        Ok(names.iter().map(|name| name.as_str().into()).collect())
    }

    /// A program without a description whose tools stand in flow files: there is nothing to ask.
    pub fn only_declared(&self, name: &EcoString) -> bool {
        let described = self.lock.servers.contains_key(name);
        let section = self.checked.config.tools.get(name);
        let program = section.is_some_and(|section| section.exec.is_some() && section.schema.is_none());
        let mut tools = self.checked.tools.values().filter(|tool| tool.server() == name.as_str()).peekable();
        program
            && !described
            && tools.peek().is_some()
            && tools.all(|tool| matches!(tool.source, ToolSource::Declared { .. }))
    }

    /// Asks all of them at once; ends them again, also when it is interrupted.
    pub fn ask(&self, names: &[EcoString]) -> Result<Vec<Answer>, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::failed(format!("cannot start threads: {error}")))?;
        let answers = runtime.block_on(self.ask_all(names));
        runtime.shutdown_background();
        weir_runtime::process::end_all();
        answers
    }

    async fn ask_all(&self, names: &[EcoString]) -> Result<Vec<Answer>, Error> {
        let mut interrupts = Interrupts::new();
        let servers: Vec<_> = names.iter().map(|name| (name, self.open(name))).collect();
        let asking = join_all(servers.iter().map(|(name, server)| ask_one((*name).clone(), server)));
        let answers = tokio::select! {
            biased;
            by = interrupts.next() => {
                Err(Error { exit: Exit::Cancelled, ..Error::failed(format!("{by}: nothing was written")) })
            }
            answers = asking => Ok(answers),
        };
        close(servers.iter().filter_map(|(_, all)| all.as_ref().ok()).flatten().map(|(_, server)| server)).await;
        answers
    }

    fn open(&self, name: &EcoString) -> Result<Instances, String> {
        let section = self.checked.config.tools.get(name).ok_or("it is not configured")?;
        opened(name, section, &self.root, None).map_err(|error| error.messages.join("; "))
    }
}

async fn ask_one(server: EcoString, opened: &Result<Instances, String>) -> Answer {
    let instances = match opened {
        Ok(instances) => instances,
        Err(why) => return Answer { server, listing: Err(why.clone()), silent: Vec::new() },
    };
    let asked = join_all(instances.iter().map(|(_, server)| listed(server))).await;
    let mut silent = Vec::new();
    let mut first: Option<(&EcoString, Listing)> = None;
    for ((name, _), came) in instances.iter().zip(asked) {
        match (came, &first) {
            (Err(why), _) => silent.push((name.clone(), why)),
            (Ok(listing), None) => first = Some((name, listing)),
            (Ok(listing), Some((known, same))) => {
                if let Some(difference) = differ(same, &listing) {
                    let why = format!("its instances {known} and {name} do not offer the same: {difference}");
                    return Answer { server, listing: Err(why), silent };
                }
            }
        }
    }
    match first {
        Some((_, listing)) => Answer { server, listing: Ok(listing), silent },
        None => {
            let why = silent.drain(..).map(|(name, why)| if name.is_empty() { why } else { format!("{name}: {why}") });
            Answer { server, listing: Err(why.collect::<Vec<_>>().join("; ")), silent: Vec::new() }
        }
    }
}

async fn listed(server: &Arc<dyn Server>) -> Result<Listing, String> {
    match tokio::time::timeout(PATIENCE, server.list()).await {
        Ok(listed) => listed.map_err(|fault| fault.message),
        Err(_) => Err(format!("it did not say what it offers within {} s", PATIENCE.as_secs())),
    }
}

/// The first tool that two instances do not both offer so.
fn differ(one: &Listing, other: &Listing) -> Option<String> {
    let lacks = |of: &Listing, name: &EcoString| !of.tools.contains_key(name);
    if let Some(name) = one.tools.keys().find(|name| lacks(other, name)) {
        return Some(format!("only the first has `{name}`"));
    }
    if let Some(name) = other.tools.keys().find(|name| lacks(one, name)) {
        return Some(format!("only the second has `{name}`"));
    }
    one.tools.iter().find_map(|(name, here)| {
        let there = other.tools.get(name).filter(|there| there.hash() != here.hash())?;
        Some(format!("of `{name}` {}", changes(here, there).join(", ")))
    })
}

/// Where the lock file is.
pub fn lock_path(root: &Path) -> PathBuf {
    root.join(LOCK_FILE)
}
