//! A witness beside the journal: the run that was made durable last, and how many lines it had; and the end of the audit. SQLite takes the damaged
//! end of its write-ahead log for a commit that never was; with the witness, what is missing there is noticed. It needs
//! no flush of its own: it never says more than what is durable.

use super::append;
use super::sum;
use super::writer::Stop;
use crate::audit::Head;
use ecow::eco_format;
use rusqlite::Connection;
use std::fmt::Write as _;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use weir_stdlib::hex;

/// The file `weir.db-mark`.
pub(super) struct Mark {
    path: PathBuf,
    file: Option<fs_err::File>,
    /// What it says.
    text: String,
}

impl Mark {
    pub(super) fn open(journal: &Path) -> Mark {
        let mut path = journal.as_os_str().to_owned();
        path.push("-mark");
        Mark { path: path.into(), file: None, text: String::new() }
    }

    /// Refuses a journal that has lost what was durable. A witness that cannot be read says nothing.
    pub(super) fn check(&self, sql: &Connection) -> Result<(), Stop> {
        let Some((run_id, next)) = fs_err::read_to_string(&self.path).ok().and_then(|text| read(&text)) else {
            return Ok(());
        };
        let found = append::look(sql, &run_id)?;
        match found {
            Some(known) if known.next >= next => Ok(()),
            found => {
                let has = found.map_or(0, |known| known.next);
                Err(Stop::damaged(format_args!(
                    "run {run_id} has {has} lines of the {next} that were written; the end of the journal is missing. \
                     Bring back weir.db and weir.db-wal from a copy; or, to go on with what is there although calls \
                     may be made again, remove {}",
                    self.path.display()
                )))
            }
        }
    }

    /// The end that the audit had then.
    pub(super) fn audit(&self) -> Option<Head> {
        let text = fs_err::read_to_string(&self.path).ok()?;
        let [number, hash, found] = parts(text.lines().nth(1)?)?;
        let number: u64 = number.parse().ok()?;
        let pair = |at: usize| hash.get(2 * at..2 * at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let bytes: Option<Vec<u8>> = (0..32).map(pair).collect();
        is_sum_of(found, hash, number).then_some(())?;
        Some(Head { number, hash: bytes?.try_into().ok()? })
    }

    /// This is durable now.
    pub(super) fn set(&mut self, run_id: &str, next: u64, audit: Option<Head>) {
        self.text.clear();
        let _ = writeln!(self.text, "{run_id} {next:020} {:016x}", sum_of(run_id, next));
        if let Some(Head { number, hash }) = audit {
            let hash = hex(&hash);
            let _ = writeln!(self.text, "{number:020} {hash} {:016x}", sum_of(&hash, number));
        }
        if self.file.is_none() {
            self.file = fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(&self.path).ok();
        }
        if let Some(file) = &mut self.file {
            let written = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(self.text.as_bytes()));
            if written.is_err() {
                self.clear();
            }
        }
    }

    /// Says nothing any more.
    pub(super) fn clear(&mut self) {
        self.file = None;
        let _ = fs_err::remove_file(&self.path);
    }
}

fn read(text: &str) -> Option<(String, u64)> {
    let [run_id, next, found] = parts(text.lines().next()?)?;
    let next = next.parse().ok()?;
    is_sum_of(found, run_id, next).then(|| (run_id.to_owned(), next))
}

fn parts(line: &str) -> Option<[&str; 3]> {
    line.split(' ').collect::<Vec<_>>().try_into().ok()
}

fn sum_of(what: &str, number: u64) -> i64 {
    sum::sum(&[what, &eco_format!("{number}")])
}

fn is_sum_of(found: &str, what: &str, number: u64) -> bool {
    found == eco_format!("{:016x}", sum_of(what, number))
}
