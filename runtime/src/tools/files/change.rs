//! `files.write`, `append`, `copy`, `move`, `delete`, `make_dir`: what changes the disk.

use super::LIMIT;
use super::read::size_value;
use crate::tool::Fault;
use crate::tools::atomic::{self, Existing, sync_folder};
use crate::tools::fault::{io_fault, open_io_fault};
use crate::tools::sandbox::Place;
use fs_err as fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use weir_stdlib::value::Value;

pub(super) fn write(place: &Place, text: &str) -> Result<Value, Fault> {
    check_text(place, text)?;
    check_regular(place)?;
    atomic::write(&place.target, &place.shown, Existing::Replace, text.as_bytes())?;
    Ok(written(place, text.len() as u64))
}

pub(super) fn append(place: &Place, text: &str) -> Result<Value, Fault> {
    check_text(place, text)?;
    check_regular(place)?;
    let what = format!("cannot add to `{}`", place.shown);
    let mut file = open_to_append(&place.target).map_err(|error| io_fault(&what, &error))?;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match file.write(rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if rest.len() == text.len() => return Err(io_fault(&what, &error)),
            Err(error) => return Err(open_io_fault(&what, &error)),
        }
    }
    let synced = file.sync_all().and_then(|()| file.metadata());
    let data = synced.map_err(|error| open_io_fault(&what, &error))?;
    Ok(written(place, data.len()))
}

fn open_to_append(target: &Path) -> io::Result<fs::File> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::OpenOptions::new().create(true).append(true).open(target)
}

pub(super) fn copy(from: &Place, to: &Place, overwrite: bool) -> Result<Value, Fault> {
    let what = format!("cannot copy `{}`", from.shown);
    let data = fs::metadata(&from.target).map_err(|error| io_fault(&what, &error))?;
    if !data.is_file() {
        return Err(Fault::clean("invalid_input", format!("`{}` is no file; only files are copied", from.shown)));
    }
    check_regular(to)?;
    if to.target.exists() {
        if same_bytes(&from.target, &to.target).map_err(|error| io_fault(&what, &error))? {
            return Ok(at(to));
        }
        if !overwrite {
            return Err(taken(to));
        }
    }
    let existing = if overwrite { Existing::Replace } else { Existing::Keep };
    duplicate(from, to, existing)?;
    Ok(at(to))
}

fn duplicate(from: &Place, to: &Place, existing: Existing) -> Result<(), Fault> {
    atomic::fill(&to.target, &to.shown, existing, |file| {
        let mut source = fs::File::open(&from.target)?;
        io::copy(&mut source, file)?;
        Ok(())
    })
}

/// Moves. Where the source is gone and the target is there, it was done before.
pub(super) fn shift(from: &Place, to: &Place, overwrite: bool) -> Result<Value, Fault> {
    let there = |path: &Path| fs::symlink_metadata(path).ok();
    let what = format!("cannot move `{}`", from.shown);
    if from.is_root {
        return Err(root(from));
    }
    match (there(&from.entry), there(&to.entry)) {
        (None, Some(_)) => return Ok(at(to)),
        (None, None) => {
            return Err(Fault::clean("not_found", format!("{what}: neither it nor `{}` is there", to.shown)));
        }
        (Some(_), Some(_)) if from.entry == to.entry => return Ok(at(to)),
        (Some(_), Some(target)) if !overwrite || target.is_dir() => return Err(taken(to)),
        (Some(_), _) => {}
    }
    if let Some(folder) = to.entry.parent() {
        fs::create_dir_all(folder).map_err(|error| io_fault(&what, &error))?;
    }
    match rename(&from.entry, &to.entry, overwrite) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => across(from, to, overwrite)?,
        Err(error) => return Err(io_fault(&what, &error)),
        Ok(()) => {}
    }
    let folders = [from.entry.parent(), to.entry.parent()];
    let synced = folders.into_iter().flatten().try_for_each(sync_folder);
    synced.map_err(|error| open_io_fault(&what, &error))?;
    Ok(at(to))
}

/// Renames; without `overwrite` a name that was taken meanwhile is not replaced.
fn rename(from: &Path, to: &Path, overwrite: bool) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if !overwrite {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
            done => return done.map_err(io::Error::from),
        }
    }
    if !overwrite && fs::symlink_metadata(to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}

/// Between two disks: a copy, then the original goes.
fn across(from: &Place, to: &Place, overwrite: bool) -> Result<(), Fault> {
    let what = format!("cannot move `{}`", from.shown);
    if !from.entry.is_file() || from.entry.is_symlink() {
        let message = format!("{what}: `{}` is on another disk, and only files are moved there", to.shown);
        return Err(Fault::clean("failed", message));
    }
    duplicate(from, to, if overwrite { Existing::Replace } else { Existing::Keep })?;
    fs::remove_file(&from.entry).map_err(|error| open_io_fault(&what, &error))
}

pub(super) fn delete(place: &Place) -> Result<Value, Fault> {
    let what = format!("cannot delete `{}`", place.shown);
    if place.is_root {
        return Err(root(place));
    }
    let removed = match fs::symlink_metadata(&place.entry) {
        Ok(data) if data.is_dir() => fs::remove_dir(&place.entry),
        Ok(_) => fs::remove_file(&place.entry),
        Err(error) => Err(error),
    };
    let deleted = match removed {
        Ok(()) => true,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => false,
        Err(error) => return Err(io_fault(&what, &error)),
    };
    if deleted && let Some(folder) = place.entry.parent() {
        sync_folder(folder).map_err(|error| open_io_fault(&what, &error))?;
    }
    Ok(Value::record([("deleted", Value::bool(deleted))]))
}

pub(super) fn make_dir(place: &Place) -> Result<Value, Fault> {
    let what = format!("cannot make the folder `{}`", place.shown);
    fs::create_dir_all(&place.target).map_err(|error| io_fault(&what, &error))?;
    Ok(at(place))
}

fn check_text(place: &Place, text: &str) -> Result<(), Fault> {
    if text.len() as u64 <= LIMIT {
        return Ok(());
    }
    let message = format!("the text for `{}` is larger than {} MiB; write it in parts", place.shown, LIMIT >> 20);
    Err(Fault::clean("invalid_input", message))
}

/// What is replaced or added to must be a file.
fn check_regular(place: &Place) -> Result<(), Fault> {
    match fs::metadata(&place.target) {
        Ok(data) if data.is_dir() => {
            let message = format!("cannot write `{}`: a folder bears the name; choose another", place.shown);
            Err(Fault::clean("conflict", message))
        }
        Ok(data) if !data.is_file() => {
            Err(Fault::clean("conflict", format!("cannot write `{}`: it is no regular file", place.shown)))
        }
        _ => Ok(()),
    }
}

fn same_bytes(a: &Path, b: &Path) -> io::Result<bool> {
    if fs::metadata(a)?.len() != fs::metadata(b)?.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (BufReader::new(fs::File::open(a)?), BufReader::new(fs::File::open(b)?));
    loop {
        let (left, right) = (a.fill_buf()?, b.fill_buf()?);
        let count = left.len().min(right.len());
        if left.get(..count) != right.get(..count) {
            return Ok(false);
        }
        if count == 0 {
            return Ok(left.is_empty() && right.is_empty());
        }
        a.consume(count);
        b.consume(count);
    }
}

fn taken(to: &Place) -> Fault {
    let message = format!("`{}` is there already and was left alone; `overwrite: true` replaces a file", to.shown);
    Fault::clean("conflict", message)
}

fn root(place: &Place) -> Fault {
    Fault::clean("permission", format!("`{}` is one of the roots in weir.toml; roots stay where they are", place.shown))
}

fn written(place: &Place, size: u64) -> Value {
    Value::record([("path", Value::text(place.shown.as_str())), ("size", size_value(size))])
}

fn at(place: &Place) -> Value {
    Value::record([("path", Value::text(place.shown.as_str()))])
}
