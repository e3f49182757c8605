//! Writing a file in one go: beside it, then renamed over it. A crash at any point leaves the old file or the new one.

use super::fault::{io_fault, open_io_fault};
use crate::tool::Fault;
use fs_err as fs;
use std::io::{self, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// How files begin that a crash may leave behind; listings leave them out.
pub(super) const TEMP_PREFIX: &str = ".weir-write-";

/// Whether a file that is there is replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// It is.
    Replace,
    /// It stays, and the call fails with `conflict`.
    Keep,
}

/// Makes the folder and writes the file; durable when it returns. `shown` is the path in the flow's words.
pub(super) fn write(target: &Path, shown: &str, existing: Existing, bytes: &[u8]) -> Result<(), Fault> {
    fill(target, shown, existing, |file| file.write_all(bytes))
}

/// The same with a writer.
pub(super) fn fill(
    target: &Path,
    shown: &str,
    existing: Existing,
    fill: impl FnOnce(&mut std::fs::File) -> io::Result<()>,
) -> Result<(), Fault> {
    let what = format!("cannot write `{shown}`");
    let folder = target.parent().unwrap_or(Path::new("/"));
    let temp = prepare(folder, target, fill).map_err(|error| io_fault(&what, &error))?;
    let renamed = match existing {
        Existing::Replace => temp.persist(target),
        Existing::Keep => temp.persist_noclobber(target),
    };
    renamed.map_err(|error| io_fault(&what, &error.error))?;
    sync_folder(folder).map_err(|error| open_io_fault(&what, &error))
}

fn prepare(
    folder: &Path,
    target: &Path,
    fill: impl FnOnce(&mut std::fs::File) -> io::Result<()>,
) -> io::Result<NamedTempFile> {
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMP_PREFIX);
    let kept = fs::metadata(target).ok().map(|data| data.permissions());
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temp = builder.tempfile_in(folder)?;
    if let Some(permissions) = kept {
        temp.as_file().set_permissions(permissions)?;
    }
    fill(temp.as_file_mut())?;
    temp.as_file().sync_all()?;
    Ok(temp)
}

/// Makes a new, renamed or deleted name durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}
