//! From the errors of files and threads to faults that say what to do.

use crate::tool::{Fault, Happened};
use std::io::{self, ErrorKind};

/// Does blocking work on a thread made for it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Fault::open("failed", format!("the tool broke off in the middle: {error}"))),
    }
}

/// The fault for an error before anything was changed; `what` says what could not be done: ``cannot write `a.txt` ``.
pub(super) fn io_fault(what: &str, error: &io::Error) -> Fault {
    let (code, hint) = match error.kind() {
        ErrorKind::NotFound => ("not_found", "there is no such file or folder"),
        ErrorKind::PermissionDenied => ("permission", "the system does not let this user; change the permissions"),
        ErrorKind::ReadOnlyFilesystem => ("permission", "the disk or folder is read-only; make it writable"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ("failed", "the disk is full; free some space"),
        ErrorKind::NotADirectory => ("conflict", "a file stands where a folder is meant"),
        ErrorKind::IsADirectory => ("conflict", "a folder bears the name"),
        ErrorKind::AlreadyExists => ("conflict", "the name is taken"),
        ErrorKind::DirectoryNotEmpty => ("conflict", "the folder is not empty"),
        ErrorKind::InvalidFilename => ("invalid_input", "the name is too long or not allowed here"),
        ErrorKind::InvalidInput => ("invalid_input", "the name is not allowed here"),
        _ => return Fault::clean("failed", format!("{what}: {error}")),
    };
    Fault::clean(code, format!("{what}: {hint}"))
}

/// The same for an error after which it is open whether something was changed.
pub(super) fn open_io_fault(what: &str, error: &io::Error) -> Fault {
    Fault { happened: Happened::Maybe, ..io_fault(what, error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Errors that a test cannot make a real disk give, by their numbers on Linux.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_or_read_only_disk_is_named() {
        for (number, code, hint) in
            [(28, "failed", "the disk is full"), (30, "permission", "read-only"), (122, "failed", "full")]
        {
            let fault = io_fault("cannot write `a`", &io::Error::from_raw_os_error(number));
            assert_eq!(fault.code, code);
            assert!(fault.message.starts_with("cannot write `a`: ") && fault.message.contains(hint), "{fault}");
        }
    }

    #[test]
    fn the_flows_own_name_stands_in_the_message_not_ours() {
        let error = fs_err::read("/nowhere/at/all").unwrap_err();
        let fault = io_fault("cannot read `data/x`", &error);
        assert_eq!(fault.message, "cannot read `data/x`: there is no such file or folder");
    }
}
