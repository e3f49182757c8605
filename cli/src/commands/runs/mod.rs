//! `weir runs …`: what ran and what waits. Looking is done by reading the journal; whatever brings a run further goes on
//! with it here, unless another process carries it on.

mod answer;
mod follow;
mod list;
mod show;
mod thread;

pub use list::seconds;

use super::run::follow::{journal, user};
use crate::args::{Format, RunsArgs, RunsCommand};
use crate::exit::{Error, Outcome};
use crate::out;
use crate::project::{load_folder, missing, project_above};
use crate::suggest::did_you_mean;
use ecow::EcoString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_compiler::project::Config;
use weir_compiler::registry::Lock;
use weir_runtime::engine::{Engine, EngineError, LocalEngine, Toolbox};
use weir_runtime::journal::{Filter, Journal, Trouble};

/// The project whose runs are meant.
pub struct Here {
    root: PathBuf,
    config: Config,
    lock: Lock,
    journal: Arc<dyn Journal>,
    format: Format,
}

/// Runs one of the commands. With `--format json` what goes wrong is told on stdout too.
pub fn run(args: &RunsArgs) -> Outcome {
    match done(args) {
        Err(error) if args.format == Format::Json => {
            out::result_line(&error.to_json());
            Ok(error.exit)
        }
        done => done,
    }
}

fn done(args: &RunsArgs) -> Outcome {
    let here = Here::find(args)?;
    match &args.command {
        RunsCommand::List(args) => list::run(&here, args),
        RunsCommand::Show(args) => show::show(&here, &args.id),
        RunsCommand::Events(args) => match &args.thread {
            Some(name) => thread::events(&here, name, args.after.unwrap_or(0)),
            None => show::events(&here, args.id.as_deref().unwrap_or_default()),
        },
        RunsCommand::Watch(args) => match &args.thread {
            Some(name) => thread::watch(&here, name, args.after.unwrap_or(0)),
            None => follow::watch(&here, args.id.as_deref().unwrap_or_default()),
        },
        RunsCommand::Answer(args) => answer::run(here, args),
        RunsCommand::Signal(args) => follow::signal(here, args),
        RunsCommand::Pause(args) => follow::pause(&here, &args.id),
        RunsCommand::Resume(args) => follow::resume(here, &args.id),
        RunsCommand::Cancel(args) => follow::cancel(here, args),
        RunsCommand::Retry(args) => follow::retry(here, args),
    }
}

impl Here {
    fn find(args: &RunsArgs) -> Result<Here, Error> {
        let folder = args.project.as_deref().unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return Err(missing(folder));
        }
        let root = project_above(folder).unwrap_or_else(|| folder.to_owned());
        if !root.join(".weir").join("weir.db").exists() {
            let message = format!("nothing has run in `{}` yet", root.display());
            return Err(Error::usage(message).help("`weir run FLOW` runs a flow; `--project FOLDER` names a project"));
        }
        // What the flows say now does not matter: a run keeps its own plan.
        let loaded = load_folder(&root)?;
        let lock = loaded.lock();
        let config = loaded.check().1.config;
        let journal =
            journal(&root, false, config.runs.durability).map_err(|error| Error::failed(error.to_string()))?;
        Ok(Here { root, config, lock, journal, format: args.format })
    }

    /// An engine that looks, and calls nothing.
    fn looking(&self) -> LocalEngine {
        LocalEngine::new(Arc::clone(&self.journal), Toolbox::new()).by(user())
    }

    /// The run that is meant by an id or the beginning of one.
    fn run_id(&self, given: &str) -> Result<EcoString, Error> {
        let filter = Filter { id: Some(given.into()), limit: 3, ..Filter::default() };
        let found = self.journal.list(&filter).map_err(|error| Error::failed(error.to_string()))?;
        match found.as_slice() {
            [run] => Ok(run.run_id.clone()),
            [] => Err(self.no_run(given)),
            [first, ..] if first.run_id == given => Ok(first.run_id.clone()),
            several => {
                let ids: Vec<String> = several.iter().map(|run| format!("`{}`", run.run_id)).collect();
                let message = format!("several runs begin with `{given}`");
                Err(Error::usage(message).help(format!("say more of the id: {}, …", ids.join(", "))))
            }
        }
    }

    fn no_run(&self, given: &str) -> Error {
        let recent = self.journal.list(&Filter { limit: 1_000, ..Filter::default() }).unwrap_or_default();
        let guess = did_you_mean(given, recent.iter().map(|run| run.run_id.as_str()));
        let list = "`weir runs list` shows those that there are";
        let help = guess.map_or_else(|| list.to_owned(), |guess| format!("{guess} {list}"));
        Error::usage(format!("there is no run `{given}`")).help(help).code("no_run")
    }
}

/// Waits for an answer of the engine.
fn now<T>(work: impl Future<Output = Result<T, EngineError>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::failed(format!("cannot start threads: {error}")))?;
    runtime.block_on(work).map_err(said)
}

/// What an engine could not do, for the reader: 2 where the command asks for what cannot be, 1 where it was hindered.
pub fn said(error: EngineError) -> Error {
    let text = error.to_string();
    match error {
        EngineError::NoRun(_) => Error::usage(text).code("no_run"),
        EngineError::NoThread(_) => Error::usage(text).code("no_thread"),
        EngineError::Unread(source) if source.trouble == Trouble::Damaged => Error::failed(text).code("damaged"),
        EngineError::Unread(_) => Error::failed(text).code("journal"),
        EngineError::Unfit(_) => Error::usage(text).code("unfit"),
        EngineError::Ended { .. } => Error::usage(text).code("ended"),
        EngineError::Refused(messages) => {
            Error { messages, ..Error::failed(text) }.help("nothing was started").code("refused")
        }
        EngineError::Held(_) => Error::failed(text).code("held"),
        EngineError::Journal { .. } => Error::failed(text).code("journal"),
        EngineError::Damaged { .. } => Error::failed(text).code("damaged"),
        EngineError::Broken(_) => Error::failed(text).code("broken"),
    }
}

/// The history of a run.
fn history(here: &Here, given: &str) -> Result<weir_runtime::engine::History, Error> {
    let run_id = here.run_id(given)?;
    let engine = here.looking();
    now(async move { engine.history(&run_id).await })
}
