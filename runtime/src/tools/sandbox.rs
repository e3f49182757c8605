//! Where a tool may touch files: paths are resolved link by link, and what ends outside the roots is refused. A link
//! that is changed by another program between this check and the use is not caught: the roots must not be writable
//! for others.

use super::fault::io_fault;
use crate::tool::Fault;
use camino::Utf8Path;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Links followed in one path before it counts as a circle.
const MAX_LINKS: usize = 40;

/// Weir's own settings in the project's folder: a flow that could write them could widen its own grants.
const SETTINGS: [&str; 3] = ["weir.toml", "weir.lock.json", ".mcp.json"];

/// Folders that a tool may touch.
#[derive(Clone)]
pub(super) struct Sandbox {
    project: PathBuf,
    roots: Vec<String>,
    /// Which setting of `weir.toml` names the roots.
    setting: &'static str,
}

/// A path that was found to lie inside.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// As the flow wrote it.
    pub shown: String,
    /// Without links but for the last part: what is deleted or moved.
    pub entry: PathBuf,
    /// Without any link: what is read or written.
    pub target: PathBuf,
    /// Whether it is one of the roots itself.
    pub is_root: bool,
}

/// The project's folder and the roots without links.
pub(super) struct Ground {
    project: PathBuf,
    roots: Vec<PathBuf>,
}

impl Ground {
    /// Whether a path without links may be touched.
    pub(super) fn holds(&self, path: &Path) -> bool {
        self.inside(path) && !self.own(path)
    }

    /// The path relative to the project's folder, absolute where it lies elsewhere; None where it is no UTF-8.
    pub(super) fn shown(&self, path: &Path) -> Option<String> {
        let shown = path.strip_prefix(&self.project).unwrap_or(path);
        let parts: Option<Vec<_>> = shown.components().map(|part| part.as_os_str().to_str()).collect();
        parts.map(|parts| parts.join("/").replace("//", "/"))
    }

    fn inside(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| path.starts_with(root))
    }

    /// Whether it is Weir's own: `.weir` and the settings, in any case, for disks that do not know the difference.
    fn own(&self, path: &Path) -> bool {
        let Ok(rest) = path.strip_prefix(&self.project) else { return false };
        let mut parts = rest.components().map(|part| part.as_os_str().to_string_lossy().to_ascii_lowercase());
        let (first, second) = (parts.next(), parts.next());
        match first.as_deref() {
            Some(".weir") => true,
            Some(name) => second.is_none() && SETTINGS.contains(&name),
            None => false,
        }
    }
}

impl Sandbox {
    pub(super) fn new(project: &Utf8Path, roots: Vec<String>, setting: &'static str) -> Self {
        Sandbox { project: project.into(), roots, setting }
    }

    /// Finds where a path leads; `permission` where that is outside.
    pub(super) fn place(&self, shown: &str) -> Result<Place, Fault> {
        if shown.is_empty() || shown.contains('\0') {
            return Err(Fault::clean("invalid_input", "a path must not be empty or contain a zero character"));
        }
        let failed = |error: io::Error| io_fault(&format!("cannot follow `{shown}`"), &error);
        let ground = self.ground().map_err(failed)?;
        let entry = follow(&ground.project.join(shown), true).map_err(failed)?;
        let target = follow(&ground.project.join(shown), false).map_err(failed)?;
        if !ground.inside(&entry) || !ground.inside(&target) {
            return Err(self.outside(shown));
        }
        if ground.own(&entry) || ground.own(&target) {
            return Err(own(shown));
        }
        let is_root = ground.roots.contains(&target) || ground.roots.contains(&entry);
        Ok(Place { shown: shown.to_owned(), entry, target, is_root })
    }

    /// The project's folder and the roots as they are on the disk now.
    pub(super) fn ground(&self) -> io::Result<Ground> {
        let folder = if self.project.as_os_str().is_empty() { Path::new(".") } else { &self.project };
        let project = std::path::absolute(folder).and_then(|path| follow(&path, false))?;
        let roots = self.roots.iter().map(|root| follow(&project.join(root), false)).collect::<io::Result<_>>()?;
        Ok(Ground { project, roots })
    }

    fn outside(&self, shown: &str) -> Fault {
        let message = match self.roots.as_slice() {
            [] => format!(
                "`{shown}` may not be touched: no folder is open to `files.*`; name it in weir.toml: \
                 `[tools.files]` `roots = [\"data\"]`"
            ),
            roots => format!(
                "`{shown}` leads outside of {}; use a path inside, or widen {} in weir.toml",
                roots.iter().map(|root| format!("`{root}`")).collect::<Vec<_>>().join(", "),
                self.setting
            ),
        };
        Fault::clean("permission", message)
    }
}

fn own(shown: &str) -> Fault {
    let message = format!("`{shown}` belongs to Weir itself (its journal or settings) and is closed to flows");
    Fault::clean("permission", message)
}

/// Follows every link of an absolute path, also those that lead nowhere; what does not exist is taken as it stands.
/// With `keep_last` the last part stays itself even if it is a link.
pub(super) fn follow(path: &Path, keep_last: bool) -> io::Result<PathBuf> {
    let mut found = PathBuf::new();
    let mut links = 0;
    let mut rest: VecDeque<OsString> = parts(path).collect();
    while let Some(part) = rest.pop_front() {
        match Path::new(&part).components().next() {
            Some(Component::ParentDir) => drop(found.pop()),
            Some(Component::Normal(_)) => {
                let next = found.join(&part);
                match link_target(&next)? {
                    Some(target) if !(keep_last && rest.is_empty()) => {
                        links += 1;
                        if links > MAX_LINKS {
                            return Err(io::Error::new(io::ErrorKind::InvalidInput, "its links lead in a circle"));
                        }
                        parts(&target).rev().for_each(|part| rest.push_front(part));
                    }
                    _ => found = next,
                }
            }
            Some(Component::CurDir) | None => {}
            Some(Component::RootDir | Component::Prefix(_)) => found.push(&part),
        }
    }
    Ok(found)
}

fn parts(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().map(|part| part.as_os_str().to_owned()).collect::<Vec<_>>().into_iter()
}

/// Where a link leads; None where there is none.
fn link_target(path: &Path) -> io::Result<Option<PathBuf>> {
    match fs_err::symlink_metadata(path) {
        Ok(data) if data.is_symlink() => fs_err::read_link(path).map(Some),
        Ok(_) => Ok(None),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
