//! The real SQLite file, as a process that died or a loss of power leaves it: what the write-ahead log holds behind its
//! last sync is cut off, overwritten in part, or kept.
//!
//! SQLite promises: with `synchronous = FULL` a commit has synced the log; without, commits are lost from the end of the
//! log only, since each frame's checksum goes on from the one before; what was brought over into the database file
//! (`nBackfill`) had been synced before. See <https://sqlite.org/walformat.html>.

use crate::chance::Chance;
use crate::disk::Platter;
use crate::op::Op;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use weir_runtime::journal::{Journal, SqliteJournal};

/// A journal in a folder of its own.
pub struct File {
    journal: Option<SqliteJournal>,
    folder: PathBuf,
    number: u32,
    /// Generation and frames of the log that a loss of power leaves.
    synced: (u32, u32),
    groups: u64,
}

/// What the log's index says.
#[derive(Clone, Copy, Debug)]
struct Log {
    salt: u32,
    frames: u32,
    backfilled: u32,
    page: u64,
}

impl File {
    /// A new one.
    pub fn new(name: &str) -> File {
        // In memory, where there is such a place: flushing is quick, and what is lost is decided here anyway.
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory } else { Path::new(env!("CARGO_TARGET_TMPDIR")) };
        let folder = place.join(format!("weir-sim-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let mut file = File { journal: None, folder, number: 0, synced: (0, 0), groups: 0 };
        file.journal = Some(SqliteJournal::open(file.path()).unwrap());
        file.sync();
        file
    }

    fn place(&self) -> PathBuf {
        self.folder.join(format!("{}", self.number))
    }

    fn path(&self) -> PathBuf {
        self.place().join("weir.db")
    }

    fn beside(&self, end: &str) -> PathBuf {
        self.place().join(format!("weir.db{end}"))
    }

    /// Everything that is there now stays.
    fn sync(&mut self) {
        self.synced = self.log().map_or((0, 0), |log| (log.salt, log.frames));
    }

    /// The head of `weir.db-shm`: the header of the index, then what was brought over.
    fn log(&self) -> Option<Log> {
        let mut head = [0_u8; 100];
        fs::File::open(self.beside("-shm")).ok()?.read_exact(&mut head).ok()?;
        let number = |at: usize| u32::from_ne_bytes(head[at..at + 4].try_into().unwrap());
        let size = u64::from(u16::from_ne_bytes(head[14..16].try_into().unwrap()));
        let page = (size & 0xfe00) + ((size & 1) << 16);
        Some(Log { salt: number(32), frames: number(16), backfilled: number(96), page })
    }

    /// Frames of the log that a loss of power has to leave.
    fn stays(&self, log: &Log) -> u32 {
        let synced = if self.synced.0 == log.salt { self.synced.1 } else { 0 };
        synced.max(log.backfilled).min(log.frames)
    }

    /// Harms the copy of the log behind these frames.
    fn harm(wal: &Path, log: &Log, stays: u32, chance: &mut Chance) -> std::io::Result<u64> {
        let at = |frame: u32| 32 + u64::from(frame) * (24 + log.page);
        let mut file = fs::OpenOptions::new().read(true).write(true).open(wal)?;
        let left = if chance.percent(50) { stays } else { chance.between(stays.into(), log.frames.into()) as u32 };
        if left == log.frames {
            return Ok(0);
        }
        match chance.below(3) {
            0 => file.set_len(at(left))?,
            // The last frame that is there is there in part.
            1 => file.set_len(at(left) + chance.below(24 + log.page))?,
            // Later frames have reached the disk, this one has not.
            _ => {
                file.seek(SeekFrom::Start(at(left)))?;
                file.write_all(&vec![0; usize::try_from(24 + log.page).unwrap()])?;
            }
        }
        Ok(u64::from(log.frames - left))
    }

    /// The witness is never synced by itself: it may be there, in part, or not.
    fn witness(mark: &Path, chance: &mut Chance) -> std::io::Result<()> {
        match chance.below(4) {
            0 => fs::remove_file(mark),
            1 => {
                let length = fs::metadata(mark)?.len();
                fs::OpenOptions::new().write(true).open(mark)?.set_len(chance.below(length + 1))
            }
            _ => Ok(()),
        }
    }
}

impl Platter for File {
    fn journal(&self) -> &dyn Journal {
        self.journal.as_ref().unwrap()
    }

    fn committed(&mut self, _: &[Op], synced: bool) {
        self.groups += 1;
        if synced {
            self.sync();
        }
    }

    fn crash(mut self: Box<Self>, chance: &mut Chance, power: bool) -> Result<(Box<dyn Platter>, u64), String> {
        let log = self.log();
        let mut next = File {
            journal: None,
            folder: std::mem::take(&mut self.folder),
            number: self.number + 1,
            synced: (0, 0),
            groups: self.groups,
        };
        self.folder.clone_from(&next.folder);
        fs::create_dir_all(next.place()).map_err(|error| error.to_string())?;
        for end in ["", "-wal", "-mark"] {
            // As they stand: the writer has nothing to do, since every commit was waited for.
            let _ = fs::copy(self.beside(end), next.beside(end));
        }
        let mut lost = 0;
        if let (true, Some(log)) = (power, log) {
            lost = File::harm(&next.beside("-wal"), &log, self.stays(&log), chance).unwrap_or(0);
            let _ = File::witness(&next.beside("-mark"), chance);
        }
        // The old one takes leave of files that nobody looks at any more.
        drop(self.journal.take());
        let _ = fs::remove_dir_all(self.place());
        self.folder = PathBuf::new();
        let opened = SqliteJournal::open(next.path());
        next.journal = Some(opened.map_err(|error| format!("the journal cannot be opened: {error}"))?);
        next.sync();
        Ok((Box::new(next), lost))
    }

    fn check(&self) -> Result<(), String> {
        let sql = rusqlite::Connection::open(self.path()).map_err(|error| error.to_string())?;
        let found: String =
            sql.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(|error| error.to_string())?;
        if found == "ok" { Ok(()) } else { Err(format!("the file is damaged: {found}")) }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(self.journal.take());
        if !self.folder.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
