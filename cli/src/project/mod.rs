//! Projects on disk: which files belong together, what they are called, and which of their flows is meant.

mod gather;
mod paths;
mod places;
mod read;
mod target;

pub use gather::{flow_files, load_file, load_folder, projects_under};
pub use paths::{missing, project_above, shown};
pub use read::read_whole;
pub use target::{Target, resolve};

use std::path::{Path, PathBuf};
use weir_compiler::project::ProjectSource;
use weir_compiler::registry::Lock;
use weir_compiler::{Checked, check};
use weir_lang::diagnostic::Diagnostic;

/// A project as it was read from disk, not yet checked.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Where its state lives: the folder of `weir.toml`, else of the file.
    pub root: PathBuf,
    /// What the compiler reads.
    pub source: ProjectSource,
    /// Where each of the flow files is, in full.
    pub paths: Vec<PathBuf>,
    /// What reading found out; its places are those of the checked files.
    pub problems: Vec<Diagnostic>,
}

impl Loaded {
    /// Place of a file among the flow files.
    pub fn place_of(&self, path: &Path) -> Option<u32> {
        let full = path.canonicalize().ok()?;
        self.paths.iter().position(|other| *other == full).and_then(|at| u32::try_from(at).ok())
    }

    /// Place of a file among the flow files, by a path that is full already; the file need not exist.
    pub fn place_of_open(&self, full: &Path) -> Option<usize> {
        self.paths.iter().position(|other| other == full)
    }

    /// The module that a file would be, whether or not it is on disk yet. None when it lies outside the flow folders.
    pub fn module_of(&self, full: &Path) -> Option<String> {
        gather::module_of(&self.root, self.source.config.as_ref().map(|(_, text)| text.as_str()), full)
    }

    /// The lock file; empty where there is none. A broken one is a mistake that the check reports.
    pub fn lock(&self) -> Lock {
        let read = self.source.lock.as_ref().and_then(|(_, text)| Lock::parse(text).ok());
        read.unwrap_or_default()
    }

    /// Checks it; what reading found out stands beside what checking did, one mistake told once.
    pub fn check(self) -> (PathBuf, Checked) {
        let (root, checked, _) = self.check_with(|source| (check(source), ()));
        (root, checked)
    }

    /// The same by another way to check, with what else that gives.
    pub fn check_with<T>(self, check: impl FnOnce(ProjectSource) -> (Checked, T)) -> (PathBuf, Checked, T) {
        let unreadable: Vec<u32> = self.problems.iter().map(|problem| problem.loc().file.0).collect();
        let config = u32::try_from(self.source.files.len()).unwrap_or(u32::MAX);
        let (mut checked, more) = check(self.source);
        let undecoded = unreadable.contains(&config)
            && checked.files.get(config as usize).is_some_and(|file| file.text.contains('\u{fffd}'));
        let told = |at: u32| (at != config || undecoded) && unreadable.contains(&at);
        checked.diagnostics.retain(|diagnostic| !told(diagnostic.loc().file.0));
        checked.diagnostics.extend(self.problems);
        checked.diagnostics.sort_by_key(Diagnostic::loc);
        (self.root, checked, more)
    }
}

/// Whether it is called like a flow file.
pub fn is_flow_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "flow")
}
