//! Which files make up a project, and the modules that they are.

use super::read::{read_whole, source};
use super::{Loaded, is_flow_file, missing, places, project_above, shown};
use crate::exit::Error;
use ecow::EcoString;
use std::path::{Path, PathBuf};
use weir_compiler::project::{Config, SourceFile};
use weir_compiler::registry::LOCK_FILE;
use weir_lang::diagnostic::Diagnostic;
use weir_lang::rules::Rule;
use weir_lang::span::{FileId, Loc, Span};

/// Folders that hold other people's things.
const SKIPPED: [&str; 2] = ["target", "node_modules"];

/// A folder as one project, with its `weir.toml` where it has one.
pub fn load_folder(root: &Path) -> Result<Loaded, Error> {
    let root = root.canonicalize().map_err(|_| missing(root))?;
    let config = read_config(&root)?;
    let mut loaded = Loaded { root: root.clone(), ..Loaded::default() };
    let mut astray = Vec::new();
    let mut folders = flow_folders(config.as_ref().map(|(_, text, _)| text.as_str()));
    if folders == ["."] && root.join("flows").is_dir() {
        // Nothing said: modules are named from `flows/` where there is one, and files beside it are found too.
        folders.insert(0, "flows".to_string());
    }
    for folder in folders {
        match inside(&root, &folder) {
            Ok(full) => add_folder(&mut loaded, &full)?,
            Err(why) => astray.push((folder, why)),
        }
    }
    add_config(&mut loaded, config, &astray);
    loaded.source.lock = read_lock(&root)?;
    places::add_mcp(&mut loaded)?;
    Ok(loaded)
}

/// A file with the project that it belongs to; a file that belongs to none stands alone.
pub fn load_file(path: &Path) -> Result<Loaded, Error> {
    let full = path.canonicalize().map_err(|_| missing(path))?;
    let folder = full.parent().unwrap_or(&full).to_owned();
    let Some(root) = project_above(&folder) else {
        return load_alone(folder, full, None);
    };
    let loaded = load_folder(&root)?;
    match loaded.place_of(&full) {
        Some(_) => Ok(loaded),
        None => {
            let config = read_config(&root)?;
            load_alone(root, full, config)
        }
    }
}

fn load_alone(root: PathBuf, file: PathBuf, config: Option<ConfigText>) -> Result<Loaded, Error> {
    let mut loaded = Loaded { root, ..Loaded::default() };
    add_file(&mut loaded, file, String::new())?;
    let of_project = config.is_some();
    add_config(&mut loaded, config, &[]);
    if of_project {
        loaded.source.lock = read_lock(&loaded.root)?;
        places::add_mcp(&mut loaded)?;
    }
    Ok(loaded)
}

/// Folders below `folder` that hold a `weir.toml`, and whether there are flow files outside them.
pub fn projects_under(folder: &Path) -> (Vec<PathBuf>, bool) {
    let mut projects = Vec::new();
    let mut loose = false;
    for entry in walk(folder, false).flatten() {
        let path = entry.path();
        let of_project = projects.iter().any(|project: &PathBuf| path.starts_with(project));
        if of_project {
            continue;
        }
        if entry.file_type().is_some_and(|kind| kind.is_dir()) && path.join("weir.toml").is_file() {
            projects.push(path.to_owned());
        } else if is_flow_file(path) {
            loose = true;
        }
    }
    (projects, loose)
}

/// Everything below a folder in a fixed order, without hidden files and other people's things.
fn walk(folder: &Path, stop_at_projects: bool) -> ignore::Walk {
    let mut builder = ignore::WalkBuilder::new(folder);
    builder.standard_filters(false).hidden(true).sort_by_file_name(Ord::cmp);
    builder.filter_entry(move |entry| {
        let folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        let skipped = SKIPPED.iter().any(|name| entry.file_name() == *name);
        let other_project = stop_at_projects && entry.path().join("weir.toml").is_file();
        entry.depth() == 0 || !folder || !(skipped || other_project)
    });
    builder.build()
}

/// Every flow file below a folder, those of projects inside too.
pub fn flow_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in walk(folder, false) {
        let entry = entry.map_err(|error| Error::usage(format!("cannot read the folder: {error}")))?;
        if is_flow_file(entry.path()) && entry.file_type().is_some_and(|kind| kind.is_file()) {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

fn add_folder(loaded: &mut Loaded, folder: &Path) -> Result<(), Error> {
    for entry in walk(folder, true) {
        let entry = entry.map_err(|error| Error::usage(format!("cannot read the folder: {error}")))?;
        let path = entry.path();
        if !is_flow_file(path) || !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        if loaded.paths.iter().any(|known| known == path) {
            continue;
        }
        add_file(loaded, path.to_owned(), module_name(folder, path))?;
    }
    Ok(())
}

fn add_file(loaded: &mut Loaded, path: PathBuf, module: String) -> Result<(), Error> {
    let shown = shown(&path);
    let place = u32::try_from(loaded.paths.len()).unwrap_or(u32::MAX);
    let (text, problem) = source(&path, &shown, place, Rule::Syntax)?;
    loaded.problems.extend(problem);
    loaded.source.files.push(SourceFile { path: shown.into(), module: module.into(), text });
    loaded.paths.push(path);
    Ok(())
}

/// `leads/intake.flow` is `leads.intake`.
fn module_name(folder: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(folder).unwrap_or(file).with_extension("");
    let parts: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    parts.join(".")
}

/// The module that a file of a project would be.
pub fn module_of(root: &Path, config: Option<&str>, file: &Path) -> Option<String> {
    if !is_flow_file(file) || file.parent().and_then(project_above).is_some_and(|other| other != root) {
        return None;
    }
    let mut folders = flow_folders(config);
    if folders == ["."] && root.join("flows").is_dir() {
        folders.insert(0, "flows".to_string());
    }
    let folder =
        folders.iter().filter_map(|folder| inside(root, folder).ok()).find(|folder| file.starts_with(folder))?;
    Some(module_name(&folder, file))
}

/// Path as shown, text, and what is wrong with its bytes (its place not yet known).
/// The largest lock file, in bytes: some thousands of tools.
const LOCK: u64 = 32 << 20;

type ConfigText = (String, String, Option<Diagnostic>);

fn read_config(root: &Path) -> Result<Option<ConfigText>, Error> {
    let path = root.join("weir.toml");
    if !path.is_file() {
        return Ok(None);
    }
    let shown = shown(&path);
    let (text, problem) = source(&path, &shown, 0, Rule::InvalidProject)?;
    Ok(Some((shown, text, problem)))
}

/// The lock file as shown and its text, where there is one.
fn read_lock(root: &Path) -> Result<Option<(EcoString, String)>, Error> {
    let path = root.join(LOCK_FILE);
    if !path.is_file() {
        return Ok(None);
    }
    if std::fs::metadata(&path).is_ok_and(|about| about.len() > LOCK) {
        let message = format!("`{}` is larger than {} MiB", shown(&path), LOCK >> 20);
        return Err(Error::usage(message)
            .help("move it away; `weir tools sync` writes it anew, and `deny` in weir.toml leaves tools out"));
    }
    Ok(Some((shown(&path).into(), read_whole(&path)?)))
}

/// The folders that `weir.toml` names; a broken one is read as far as it goes, so that its flows keep their names.
fn flow_folders(config: Option<&str>) -> Vec<String> {
    let Some(text) = config else { return vec![".".into()] };
    let named = match Config::parse(text) {
        Ok(config) => config.project.flows,
        Err(_) => toml::from_str::<toml::Table>(text).ok().and_then(|table| {
            let folders = table.get("project")?.get("flows")?.as_array()?;
            Some(folders.iter().filter_map(|folder| folder.as_str().map(str::to_owned)).collect())
        }),
    };
    named.unwrap_or_else(|| vec![".".into()])
}

/// The folder in full, when it is one and lies inside the project.
fn inside(root: &Path, folder: &str) -> Result<PathBuf, String> {
    let full = root.join(folder).canonicalize().map_err(|_| format!("there is no folder `{folder}`"))?;
    if !full.is_dir() {
        return Err(format!("`{folder}` is no folder"));
    }
    if full.starts_with(root) { Ok(full) } else { Err(format!("`{folder}` lies outside the project")) }
}

/// `weir.toml` comes behind the flow files.
fn add_config(loaded: &mut Loaded, config: Option<ConfigText>, astray: &[(String, String)]) {
    let Some((path, text, problem)) = config else { return };
    let file = FileId(u32::try_from(loaded.paths.len()).unwrap_or(u32::MAX));
    loaded.problems.extend(problem.map(|mut problem| {
        problem.labels.iter_mut().for_each(|label| label.loc.file = file);
        problem
    }));
    for (folder, why) in astray {
        let start = ['"', '\''].iter().find_map(|quote| text.find(&format!("{quote}{folder}{quote}"))).unwrap_or(0);
        let loc = Loc { file, span: Span::new(start, start + folder.len() + 2) };
        let help = "`flows` names folders of the project that hold `.flow` files";
        loaded.problems.push(Diagnostic::new(Rule::InvalidProject, loc, why.clone()).help(help));
    }
    loaded.source.config = Some((path.into(), text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_named_after_their_path() {
        assert_eq!(module_name(Path::new("/p/flows"), Path::new("/p/flows/leads/intake.flow")), "leads.intake");
        assert_eq!(module_name(Path::new("/p"), Path::new("/p/main.flow")), "main");
    }

    #[test]
    fn a_broken_project_file_still_names_its_folders() {
        assert_eq!(flow_folders(Some("[project]\nflows = [\"a\"]\nnmae = 1\n")), ["a"]);
        assert_eq!(flow_folders(Some("[project\n")), ["."]);
        assert_eq!(flow_folders(None), ["."]);
    }
}
