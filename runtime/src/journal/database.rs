//! Opening Weir's SQLite files: the folder with its `.gitignore`, a refusal of files that are not ours or from a newer
//! Weir, settings, migrations; and what SQLite's errors mean to a person.

use super::{JournalError, Trouble};
use rusqlite::{Connection, ErrorCode};
use rusqlite_migration::Migrations;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How long a process waits for another one that writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A kind of file that Weir keeps.
pub(crate) struct Kind {
    /// What a message calls it: `journal`, `store`.
    pub name: &'static str,
    /// Stands in the file's header, so that no other SQLite file is taken for it.
    pub application_id: i32,
    /// What is kept there, and what follows where that cannot be.
    pub note: &'static str,
    /// From an empty file to the newest version.
    pub migrations: fn() -> Migrations<'static>,
    /// The newest version: how many migrations there are.
    pub version: i64,
}

/// Opens the file, made where there is none, and brings it to the newest version.
pub(crate) fn open(path: &Path, kind: &Kind) -> Result<Connection, JournalError> {
    let fail = |why: String| JournalError {
        what: format!("cannot open the {} {}", kind.name, path.display()),
        why,
        trouble: Trouble::Unusable,
    };
    let lock = prepare_folder(path).map_err(|error| fail(explain_io(&error, kind.note)))?;
    let mut connection = Connection::open(path).map_err(|error| fail(explain(&error, kind.note)))?;
    recognise(&connection, kind).map_err(&fail)?;
    settle(&mut connection, kind).map_err(|error| fail(explain_migration(&error, kind.note)))?;
    drop(lock);
    Ok(connection)
}

/// Makes the folder and waits until no other process is opening a file in it.
fn prepare_folder(path: &Path) -> io::Result<fs_err::File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    own_folder(folder)?;
    let lock = fs_err::OpenOptions::new().create(true).append(true).open(folder.join("lock"))?;
    lock.file().lock()?;
    Ok(lock)
}

/// Makes the folder; `.weir` gets a `.gitignore`, so that nobody commits what is in it.
pub(crate) fn own_folder(folder: &Path) -> io::Result<()> {
    fs_err::create_dir_all(folder)?;
    let ignore = folder.join(".gitignore");
    if folder.file_name().is_some_and(|name| name == ".weir") && !ignore.exists() {
        fs_err::write(ignore, "*\n")?;
    }
    Ok(())
}

/// Refuses what is not ours, or newer than we are; a new file passes.
fn recognise(connection: &Connection, kind: &Kind) -> Result<(), String> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let id = number("application_id").map_err(|error| explain(&error, kind.note))?;
    let version = number("user_version").map_err(|error| explain(&error, kind.note))?;
    let tables = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
        .map_err(|error| explain(&error, kind.note))?;
    if id != i64::from(kind.application_id) && (id, version, tables) != (0, 0, 0) {
        return Err(format!(
            "it is an SQLite file of another program (application id {id}), not a Weir {}; move it away, or correct the path",
            kind.name
        ));
    }
    if version > kind.version {
        return Err(format!(
            "it was written by a newer Weir (its version is {version}, this one knows up to {}); update Weir",
            kind.version
        ));
    }
    Ok(())
}

fn settle(connection: &mut Connection, kind: &Kind) -> Result<(), rusqlite_migration::Error> {
    connection.busy_timeout(PATIENCE)?;
    // Counts for new files only: space that is free is given back a little at a time.
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Before there is a table: a file that was left in the middle is known as ours.
    connection.pragma_update(None, "application_id", kind.application_id)?;
    (kind.migrations)().to_latest(connection)?;
    Ok(())
}

fn explain_migration(error: &rusqlite_migration::Error, note: &str) -> String {
    match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => explain(err, note),
        other => format!("its tables could not be set up: {other}"),
    }
}

/// Why, and what to do next.
pub(crate) fn explain(error: &rusqlite::Error, note: &str) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full; free some space and run again".into(),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            format!("{UNWRITABLE}; {note}")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("another process has held it for {} s; let it end, then run again", PATIENCE.as_secs())
        }
        Some(ErrorCode::NotADatabase) => "it is no SQLite file; move it away, and Weir starts a new one".into(),
        Some(ErrorCode::DatabaseCorrupt) => format!(
            "it is damaged ({error}); nothing was changed. `sqlite3 FILE .recover` saves what can be read; \
             moved away, Weir starts a new one"
        ),
        Some(ErrorCode::SystemIoFailure) => format!("the disk does not answer as it should ({error})"),
        Some(ErrorCode::Unknown) if error.to_string().starts_with("no such ") => format!(
            "{error}: another program has changed it; bring a copy back that is whole, or move it away, and Weir starts a \
             new one"
        ),
        Some(ErrorCode::ConstraintViolation) => format!(
            "it refuses what is written ({error}): another program has changed it; `sqlite3 FILE .schema` shows what is in it"
        ),
        _ => error.to_string(),
    }
}

/// What to do about a folder that cannot be written.
const UNWRITABLE: &str = "its folder is not writable; make it writable for this user";

/// Why, and what to do next, for a folder.
fn explain_io(error: &io::Error, note: &str) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("{error}: {UNWRITABLE}; {note}")
        }
        io::ErrorKind::StorageFull => {
            format!("{error}: the disk is full; free some space and run again")
        }
        _ => error.to_string(),
    }
}
