//! The data folder: who may use it, what lies where in it, and how much room is left. Must not know what is in the
//! database.
//!
//! ```text
//! snug.lock              held by the server that runs (flock(2)); the system lets go of it whatever the server ends by
//! snug.db                the database
//! snug.db-wal, -shm      SQLite's own: what was committed and has not been moved into snug.db
//! snug.db.new            a database that is being made; it becomes snug.db when it is whole
//! snug.db.damaged-1 ...  databases that were damaged, with their -wal, as they were found
//! ```

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, fcntl_lock, flock, statvfs};
use rustix::io::Errno;

use super::fault::Fault;

/// What is said in a chat is nobody's business but the server's.
const ONLY_OURS: u32 = 0o600;

/// Entries are refused when less than this is free: moving what was committed into the database takes room, and whoever
/// comes to make room needs some. On a small file system a sixteenth has to do.
const SPARE: u64 = 16 * 1024 * 1024;

/// The folder, held against other servers for as long as this lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is not there, but not those above it; and locks it.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let fault = |error: io::Error| Fault::io(path, &error);
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => sync_folder(&above(path)).map_err(fault)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(fault(error)),
        }
        let lock = open_ours(&path.join("snug.lock")).map_err(|error| match error.kind() {
            io::ErrorKind::NotADirectory => Fault::NotAFolder(path.to_owned()),
            _ => fault(error),
        })?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(Errno::WOULDBLOCK) => Err(Fault::InUse(path.to_owned())),
            Err(error) => Err(fault(error.into())),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn database(&self) -> PathBuf {
        self.path.join("snug.db")
    }

    /// The database that is being made.
    pub(super) fn draft(&self) -> PathBuf {
        self.path.join("snug.db.new")
    }

    /// Makes an empty draft. It also says, until it is put in place, that what was begun is not finished.
    pub(super) fn begin_draft(&self) -> io::Result<PathBuf> {
        let draft = self.draft();
        for rest in ["-wal", "-shm", "-journal"] {
            remove(&beside(&draft, rest))?;
        }
        remove(&draft)?;
        open_ours(&draft)?.sync_all()?;
        sync_folder(&self.path)?;
        Ok(draft)
    }

    /// The draft is whole: it is the database from now on.
    pub(super) fn finish_draft(&self) -> io::Result<()> {
        File::open(self.draft())?.sync_all()?;
        fs::rename(self.draft(), self.database())?;
        sync_folder(&self.path)
    }

    /// Sees to it that nobody else can read the database, and that we can write it. Not to be called while it is open:
    /// to close a file takes away all of a process's locks on it (fcntl(2)).
    pub(super) fn tighten(&self) -> io::Result<()> {
        for file in [self.database(), beside(&self.database(), "-wal")] {
            if file.exists() {
                let file = OpenOptions::new().read(true).write(true).open(file)?;
                if file.metadata()?.permissions().mode() & 0o777 != ONLY_OURS {
                    file.set_permissions(Permissions::from_mode(ONLY_OURS))?;
                }
            }
        }
        Ok(())
    }

    /// Whether another program has the database open, such as `sqlite3`: it then has locked some bytes of it. Not to be
    /// called while it is open here, as for [`Self::tighten`].
    pub(super) fn is_shared(&self) -> io::Result<bool> {
        let file = OpenOptions::new().read(true).write(true).open(self.database())?;
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(false),
            Err(Errno::ACCESS | Errno::AGAIN) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves the database, with what belongs to it, to a name that nothing has yet, and tells it.
    pub(super) fn move_aside(&self) -> io::Result<PathBuf> {
        let aside = self.damaged(self.last_damaged() + 1);
        // The log first: a database without its log would be older than it should be, a log alone is ignored.
        for rest in ["-wal", ""] {
            let from = beside(&self.database(), rest);
            if from.exists() {
                fs::rename(from, beside(&aside, rest))?;
            }
        }
        remove(&beside(&self.database(), "-shm"))?;
        sync_folder(&self.path)?;
        Ok(aside)
    }

    /// The database that was moved aside last, if any.
    pub(super) fn latest_aside(&self) -> Option<PathBuf> {
        let path = self.damaged(self.last_damaged());
        path.exists().then_some(path)
    }

    /// Whether there is so little room that nothing should be added.
    pub(super) fn is_full(&self) -> bool {
        let Ok(room) = statvfs(&self.path) else { return false };
        let bytes = |blocks: u64| blocks.saturating_mul(room.f_frsize);
        bytes(room.f_bavail) < SPARE.min(bytes(room.f_blocks) / 16)
    }

    fn damaged(&self, number: u32) -> PathBuf {
        self.path.join(format!("snug.db.damaged-{number}"))
    }

    fn last_damaged(&self) -> u32 {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let number = |name: OsString| {
            let number = name.to_str()?.strip_prefix("snug.db.damaged-")?;
            number.split('-').next()?.parse::<u32>().ok()
        };
        entries.filter_map(|entry| number(entry.file_name())).max().unwrap_or(0)
    }
}

/// The path of a file whose name goes on.
pub(super) fn beside(path: &Path, rest: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(rest);
    path.into()
}

/// It does not matter if there is none.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes names last that were made or changed in a folder (fsync(2): a file's own fsync does not).
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn open_ours(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(ONLY_OURS).open(path)
}

fn above(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
