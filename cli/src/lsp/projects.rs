//! The projects that the open texts belong to: what is on disk with what is open laid over it, and the last check.

use super::documents::{Document, Documents, uri_of};
use super::text::Text;
use crate::project::{self, Loaded};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use weir_compiler::project::SourceFile;
use weir_compiler::{Checked, Memory};
use weir_lang::diagnostic::Diagnostic;

/// A project that is being worked on.
pub struct Project {
    /// Its folder, or its one file where that stands alone.
    pub key: PathBuf,
    loaded: Loaded,
    memory: Memory,
    /// What it is now; None when it has to be checked.
    state: Option<Arc<State>>,
    /// Whether the editor was told of the present state.
    pub told: bool,
    /// Files that the editor was told something about.
    pub told_files: Vec<PathBuf>,
}

/// A checked project.
pub struct State {
    /// What checking found out.
    pub checked: Checked,
    /// Where each of its files is, in full.
    pub paths: Vec<PathBuf>,
    /// The texts of its files, in the same order.
    pub texts: Vec<Text>,
    /// Where its state lives.
    pub root: PathBuf,
}

impl State {
    /// Place of a file.
    pub fn place_of(&self, path: &Path) -> Option<usize> {
        self.paths.iter().position(|known| known == path)
    }

    /// What the editor calls a file.
    pub fn uri(&self, file: u32, documents: &Documents) -> Option<String> {
        let path = self.paths.get(file as usize)?;
        Some(documents.at(path).map_or_else(|| uri_of(path), |document| document.uri.clone()))
    }
}

/// All of them.
#[derive(Default)]
pub struct Projects {
    open: Vec<Project>,
}

impl Projects {
    /// The project of an open text, loaded where it is not yet.
    pub fn of(&mut self, document: &Document, documents: &Documents) -> Option<&mut Project> {
        let place = self.keyed(key_of(&document.path), documents);
        let has = self.open.get(place).is_some_and(|project| project.has(&document.path));
        // A file of the folder that is none of the project's modules stands alone.
        let place = if has { place } else { self.keyed(document.path.clone(), documents) };
        self.open.get_mut(place)
    }

    /// The place of the project that is known by a path, loaded where it is not yet.
    fn keyed(&mut self, key: PathBuf, documents: &Documents) -> usize {
        match self.open.iter().position(|project| project.key == key) {
            Some(place) => place,
            None => {
                self.open.push(Project::new(key, documents));
                self.open.len() - 1
            }
        }
    }

    /// Loads the projects of a folder.
    pub fn add_folder(&mut self, folder: &Path, documents: &Documents) {
        let (roots, _) = project::projects_under(folder);
        for root in roots.into_iter().filter_map(|root| root.canonicalize().ok()) {
            if !self.open.iter().any(|project| project.key == root) {
                let mut project = Project::new(root, documents);
                // Nobody opened a file of it: its mistakes are not told.
                project.told = true;
                self.open.push(project);
            }
        }
    }

    /// Every project.
    pub fn all(&mut self) -> &mut [Project] {
        &mut self.open
    }

    /// An open text changed.
    pub fn changed(&mut self, document: &Document, documents: &Documents) {
        let mut known = false;
        for project in &mut self.open {
            known |= project.overlay(document);
        }
        if !known {
            self.of(document, documents);
        }
    }

    /// What is on disk changed, or what is open: everything is read again.
    pub fn reload(&mut self, documents: &Documents) -> Vec<PathBuf> {
        let mut gone = Vec::new();
        let wanted: Vec<&Path> = documents.all().map(|document| document.path.as_path()).collect();
        self.open.retain_mut(|project| {
            project.load(documents);
            let used = wanted.iter().any(|path| project.has(path));
            if !used {
                gone.append(&mut project.told_files);
            }
            used
        });
        gone
    }
}

impl Project {
    fn new(key: PathBuf, documents: &Documents) -> Self {
        let mut project = Project {
            key,
            loaded: Loaded::default(),
            memory: Memory::default(),
            state: None,
            told: false,
            told_files: Vec::new(),
        };
        project.load(documents);
        project
    }

    fn has(&self, path: &Path) -> bool {
        self.loaded.place_of_open(path).is_some() || (is_config(path) && path.parent() == Some(&self.loaded.root))
    }

    fn load(&mut self, documents: &Documents) {
        let loaded = if self.key.is_dir() { project::load_folder(&self.key) } else { project::load_file(&self.key) };
        self.loaded = loaded.unwrap_or_default();
        if self.loaded.paths.is_empty() && !self.key.is_dir() {
            self.loaded.root = self.key.parent().map(Path::to_owned).unwrap_or_default();
            self.add(self.key.clone(), String::new());
        }
        if self.key.is_dir() {
            for document in documents.all() {
                if self.loaded.place_of_open(&document.path).is_none()
                    && let Some(module) = self.loaded.module_of(&document.path)
                {
                    self.add(document.path.clone(), module);
                }
            }
        }
        self.state = None;
        self.told = false;
        documents.all().for_each(|document| {
            self.overlay(document);
        });
    }

    fn add(&mut self, path: PathBuf, module: String) {
        let shown = project::shown(&path);
        let file = SourceFile { path: shown.into(), module: module.into(), text: String::new() };
        self.loaded.source.files.push(file);
        self.loaded.paths.push(path);
    }

    /// Lays an open text over what is on disk. False when it is none of the project's.
    fn overlay(&mut self, document: &Document) -> bool {
        let text = &document.text.text;
        let slot = match self.loaded.place_of_open(&document.path) {
            Some(place) => self.loaded.source.files.get_mut(place).map(|file| &mut file.text),
            None if is_config(&document.path) && document.path.parent() == Some(&self.loaded.root) => {
                self.loaded.source.config.as_mut().map(|(_, text)| text)
            }
            None => None,
        };
        let Some(slot) = slot else { return false };
        if **slot != **text {
            *slot = text.to_string();
            self.state = None;
        }
        // Also where the text is the same: its version is another, and editors wait for what is said of that.
        self.told = false;
        true
    }

    /// The project checked as it is now. None when `stop` was set meanwhile.
    pub fn state(&mut self, documents: &Documents, stop: &Arc<AtomicBool>) -> Option<Arc<State>> {
        if let Some(state) = &self.state {
            return Some(state.clone());
        }
        let mut checked = self.memory.check(self.loaded.source.clone(), stop)?;
        self.tell_unreadable(&mut checked, documents);
        let mut paths = self.loaded.paths.clone();
        let here = std::env::current_dir().unwrap_or_default();
        for file in checked.files.iter().skip(paths.len()) {
            let path = here.join(file.path.as_str());
            paths.push(path.canonicalize().unwrap_or(path));
        }
        let texts = checked.files.iter().map(|file| Text::new(&file.text)).collect();
        let state = Arc::new(State { checked, paths, texts, root: self.loaded.root.clone() });
        self.state = Some(state.clone());
        Some(state)
    }

    /// What reading from disk found out, for files that are not open.
    fn tell_unreadable(&self, checked: &mut Checked, documents: &Documents) {
        let open = |problem: &&Diagnostic| {
            let path = self.loaded.paths.get(problem.loc().file.0 as usize);
            path.is_some_and(|path| documents.at(path).is_some())
        };
        let problems: Vec<Diagnostic> = self.loaded.problems.iter().filter(|one| !open(one)).cloned().collect();
        let files: Vec<_> = problems.iter().map(|problem| problem.loc().file).collect();
        checked.diagnostics.retain(|diagnostic| !files.contains(&diagnostic.loc().file));
        checked.diagnostics.extend(problems);
        checked.diagnostics.sort_by_key(Diagnostic::loc);
    }

    /// What would be known if a file had another text.
    pub fn probe(&mut self, file: usize, text: String) -> Checked {
        self.memory.probe(self.loaded.source.clone(), file, text)
    }
}

/// What the project of a file is known by.
fn key_of(path: &Path) -> PathBuf {
    path.parent().and_then(project::project_above).unwrap_or_else(|| path.to_owned())
}

fn is_config(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "weir.toml")
}
