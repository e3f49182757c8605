//! `files.list`: the files of a folder that match a pattern.

use super::read::{modified, size_value};
use crate::tool::Fault;
use crate::tools::atomic::TEMP_PREFIX;
use crate::tools::fault::io_fault;
use crate::tools::sandbox::{Ground, Place, Sandbox, follow};
use fs_err as fs;
use globset::{GlobBuilder, GlobMatcher};
use std::io;
use std::path::{Path, PathBuf};
use weir_stdlib::value::Value;

/// Most files that one listing gives.
const MOST: usize = 100_000;

/// Folders are not entered deeper than this.
const DEEPEST: usize = 64;

pub(super) fn list(sandbox: &Sandbox, folder: &Place, pattern: &str) -> Result<Value, Fault> {
    let what = format!("cannot list `{}`", folder.shown);
    let matcher = matcher(pattern)?;
    match fs::metadata(&folder.target) {
        Err(error) => return Err(io_fault(&what, &error)),
        Ok(data) if !data.is_dir() => {
            let message = format!("`{}` is a file, not a folder; `files.read` reads it", folder.shown);
            return Err(Fault::clean("invalid_input", message));
        }
        Ok(_) => {}
    }
    let depth = if pattern.contains("**") { DEEPEST } else { pattern.matches('/').count() };
    let ground = sandbox.ground().map_err(|error| io_fault(&what, &error))?;
    let mut listing = Listing { ground, matcher, base: folder.target.clone(), found: Vec::new() };
    listing.walk(&folder.target, depth).map_err(|error| io_fault(&what, &error))?;
    if listing.found.len() > MOST {
        let message = format!("{what}: more than {MOST} files match `{pattern}`; narrow the pattern");
        return Err(Fault::clean("invalid_input", message));
    }
    listing.found.sort_by(|(a, _), (b, _)| a.cmp(b));
    let files: Vec<_> = listing.found.into_iter().map(|(_, file)| file).collect();
    Ok(Value::record([("files", Value::list(files))]))
}

fn matcher(pattern: &str) -> Result<GlobMatcher, Fault> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| {
        let message = format!("the pattern `{pattern}` does not read as one: {}", error.kind());
        Fault::clean("invalid_input", message)
    })
}

struct Listing {
    ground: Ground,
    matcher: GlobMatcher,
    base: PathBuf,
    found: Vec<(String, Value)>,
}

impl Listing {
    /// Collects the matching files of a folder and, `depth` levels down, of those in it. Linked folders are not entered.
    fn walk(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                if depth > 0 && self.ground.holds(&path) {
                    self.walk(&path, depth - 1)?;
                }
            } else if self.found.len() <= MOST
                && let Some(file) = self.file(&path)
            {
                self.found.push(file);
            }
        }
        Ok(())
    }

    /// The file's entry; None where it does not match, leads outside, is no file, is gone, or has no UTF-8 name.
    fn file(&self, path: &Path) -> Option<(String, Value)> {
        let name = path.file_name()?.to_str()?;
        if name.starts_with(TEMP_PREFIX) || !self.matcher.is_match(path.strip_prefix(&self.base).ok()?) {
            return None;
        }
        let target = follow(path, false).ok()?;
        let data = fs::metadata(&target).ok().filter(|data| data.is_file())?;
        if !self.ground.holds(&target) {
            return None;
        }
        let shown = self.ground.shown(path)?;
        let file = Value::record([
            ("path", Value::text(shown.as_str())),
            ("name", Value::text(name)),
            ("size", size_value(data.len())),
            ("modified", Value::text(modified(&data))),
        ]);
        Some((shown, file))
    }
}
