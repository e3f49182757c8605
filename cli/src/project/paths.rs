//! Paths as people see them, and the nearest project above one.

use crate::exit::Error;
use crate::suggest::did_you_mean;
use std::path::{Component, Path, PathBuf};

/// The path relative to the working directory, with `/`, safe to print.
pub fn shown(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let relative = relative(&full, &here).unwrap_or(full);
    let text = relative.to_string_lossy().replace('\\', "/");
    if text.is_empty() { ".".to_owned() } else { text }
}

/// `path` seen from `base`; both absolute.
fn relative(path: &Path, base: &Path) -> Option<PathBuf> {
    if !path.is_absolute() || !base.is_absolute() {
        return None;
    }
    let (mut path_parts, mut base_parts) = (path.components().peekable(), base.components().peekable());
    let mut common = 0;
    while let (Some(a), Some(b)) = (path_parts.peek(), base_parts.peek()) {
        if a != b {
            break;
        }
        common += 1;
        path_parts.next();
        base_parts.next();
    }
    // Only the root in common: the full path says more.
    if common <= 1 && base_parts.peek().is_some() {
        return None;
    }
    let up = base_parts.map(|_| Component::ParentDir);
    Some(up.chain(path_parts).collect())
}

/// The nearest folder from `folder` upwards that holds a `weir.toml`.
pub fn project_above(folder: &Path) -> Option<PathBuf> {
    let full = folder.canonicalize().ok()?;
    full.ancestors().find(|folder| folder.join("weir.toml").is_file()).map(Path::to_owned)
}

/// There is no such path: names the nearest one in the same folder.
pub fn missing(path: &Path) -> Error {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names: Vec<String> = std::fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let guess = did_you_mean(&name, names.iter().map(String::as_str).filter(|other| *other != name));
    Error::usage(format!("there is no `{}`", path.display())).maybe_help(guess)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_working_directory() {
        let from = |path: &str, base: &str| {
            relative(Path::new(path), Path::new(base)).map(|path| path.to_string_lossy().into_owned())
        };
        assert_eq!(from("/a/b/c.flow", "/a/b"), Some("c.flow".into()));
        assert_eq!(from("/a/x/c.flow", "/a/b"), Some("../x/c.flow".into()));
        assert_eq!(from("/srv/c.flow", "/home/ann"), None);
        assert_eq!(from("/srv/c.flow", "/"), Some("srv/c.flow".into()));
    }
}
