//! What can go wrong with a database on a disk, and what people are told. Must not know how it is found out.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

/// Why the store cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The folder that the data folder is to be made in is not there.
    Missing(PathBuf),
    /// There is something else where the folder should be.
    NotAFolder(PathBuf),
    /// Not allowed to read or write there.
    Denied(PathBuf),
    /// The file system is mounted read-only.
    ReadOnly(PathBuf),
    /// Another server uses the folder.
    InUse(PathBuf),
    /// No space left.
    Full(PathBuf),
    /// A newer version of this program has written the database.
    Newer(PathBuf),
    /// The SQLite that was linked has a fault that can lose data.
    OldSqlite(&'static str),
    /// The system gave no random numbers for a new epoch.
    Random,
    /// Anything else that reading or writing ended in.
    Io(PathBuf, String),
}

impl Fault {
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing(path),
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => Self::NotAFolder(path),
            io::ErrorKind::PermissionDenied => Self::Denied(path),
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly(path),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(path),
            _ => Self::Io(path, error.to_string()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => {
                write!(
                    f,
                    "cannot make the data folder {}: the folder above it does not exist",
                    path.display()
                )
            }
            Self::NotAFolder(path) => write!(f, "cannot keep data in {}: it is not a folder", path.display()),
            Self::Denied(path) => write!(
                f,
                "cannot keep data in {}: no permission to write there; start as its owner, or name another folder",
                path.display()
            ),
            Self::ReadOnly(path) => {
                write!(f, "cannot keep data in {}: its file system is mounted read-only", path.display())
            }
            Self::InUse(path) => write!(f, "another server already keeps its data in {}", path.display()),
            Self::Full(path) => write!(f, "cannot keep data in {}: no space is left there", path.display()),
            Self::Newer(path) => write!(
                f,
                "cannot read {}: a newer version of this program has written it; start that version",
                path.display()
            ),
            Self::OldSqlite(version) => write!(
                f,
                "this program was built with SQLite {version}, which can lose data; build it with 3.51.3 or newer"
            ),
            Self::Random => f.write_str("cannot begin an epoch: the system gives no random numbers"),
            Self::Io(path, what) => write!(f, "cannot keep data in {}: {what}", path.display()),
        }
    }
}

impl std::error::Error for Fault {}

/// Something that people have to be told, in the log and in the rooms, although the server goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What was wrong.
    pub why: String,
    /// Where the damaged database lies now.
    pub moved: PathBuf,
    /// How many entries could be read and are kept.
    pub kept: u64,
    /// How many entries are surely lost: their numbers are missing between others. Those at the ends are not counted.
    pub missing: u64,
    /// Whether reading came to its end everywhere. If not, more may be lost than is known.
    pub whole: bool,
}

impl Notice {
    /// For those in the rooms, to whom files mean nothing.
    #[must_use]
    pub fn sentence(&self) -> String {
        let lost = match (self.missing, self.whole) {
            (0, true) => "nothing is known to be lost".to_owned(),
            (0, false) => "some of what was said may be lost".to_owned(),
            (1, _) => "at least one message is lost".to_owned(),
            (missing, _) => format!("at least {missing} messages are lost, in all rooms together"),
        };
        format!("The server's database was damaged. What could be read is kept; {lost}.")
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { why, moved, kept, missing, whole } = self;
        write!(
            f,
            "the database was damaged ({why}) and lies in {} now; {kept} entries are kept",
            moved.display()
        )?;
        match (missing, whole) {
            (0, true) => f.write_str(", none is known to be lost"),
            (0, false) => f.write_str(", some may be lost"),
            (missing, _) => write!(f, ", at least {missing} are lost"),
        }
    }
}

/// What ended an attempt to work with the database.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Something is there that was never written, or something is not there that was.
    Damaged(String),
    /// No space left: nothing of the transaction is stored.
    Full,
    /// A newer version of this program has written it.
    Newer,
    /// Another program has held it for too long: nothing of the transaction is stored.
    Busy,
    /// Anything else. If it came from a commit, the transaction may be stored or not.
    Other(String),
}

impl Trouble {
    pub(super) fn damaged(what: &str) -> Self {
        Self::Damaged(what.to_owned())
    }

    pub(super) fn at(self, folder: &Path) -> Fault {
        match self {
            Self::Full => Fault::Full(folder.to_owned()),
            Self::Newer => Fault::Newer(folder.to_owned()),
            trouble => Fault::Io(folder.to_owned(), trouble.to_string()),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(what) | Self::Other(what) => f.write_str(what),
            Self::Full => f.write_str("no space left"),
            Self::Newer => f.write_str("a newer version of this program has written it"),
            Self::Busy => f.write_str("another program has the database open, and is in the way"),
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        match &error {
            // A column of another type, text that is no UTF-8, a table that is not there: nobody has written that.
            E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::InvalidColumnType(..)
            | E::Utf8Error(..)
            | E::SqlInputError { .. }
            | E::QueryReturnedNoRows => return Self::Damaged(error.to_string()),
            _ => {}
        }
        // The file ends where it should not, or the file system has noticed what we would have.
        let extended = error.sqlite_extended_error_code();
        if let Some(ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_CORRUPTFS) = extended {
            return Self::Damaged(error.to_string());
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            // Numbers and ids are looked up before they are given, so one that is taken was not found: a broken tree.
            Some(ErrorCode::ConstraintViolation | ErrorCode::Unknown | ErrorCode::TypeMismatch) => {
                Self::Damaged(error.to_string())
            }
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Other(error.to_string()),
        }
    }
}
