//! Where the file lies, and who may have it: one client at a time. Must not know what stands in it.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use protocol::chat::name;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::{Disk, Name};

/// The largest file that is read, in bytes: a pipe may have 1,024 lines of 16 KiB unconfirmed, and the file may be a bit
/// more than twice as long as what counts in it.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Why nothing can be kept. The client goes on without.
#[derive(Debug)]
pub enum Fault {
    /// Nobody says where a user's state is.
    NoHome,
    /// Another client has the file.
    InUse,
    /// The system says no.
    Io {
        /// For which file or folder.
        path: PathBuf,
        /// As it says.
        error: io::Error,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHome => f.write_str("neither XDG_STATE_HOME nor HOME is set")?,
            Self::InUse => f.write_str("another client with this server and nick has the file for it")?,
            Self::Io { path, error } => write!(f, "{}: {error}", path.display())?,
        }
        f.write_str("; so if this client is killed, what it has not sent is lost")
    }
}

/// The folder of this program's state (XDG Base Directory Specification 0.8): `$XDG_STATE_HOME/snug`, or
/// `~/.local/state/snug`.
///
/// # Errors
/// If neither is set.
pub fn folder(environment: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Fault> {
    // "All paths must be absolute. … consider the path invalid and ignore it."
    let absolute = |name| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    Ok(state.ok_or(Fault::NoHome)?.join("snug"))
}

/// The name of the file for a server, the nick that is wanted there, and a room if there is only one.
#[must_use]
pub fn file_name(server: &str, nick: Option<&str>, room: Option<&str>) -> String {
    let mut file = String::new();
    let nick: String = name::fold(nick.unwrap_or_default()).collect();
    for (at, part) in [Some(server), Some(nick.as_str()), room].into_iter().flatten().enumerate() {
        if at > 0 {
            file.push(',');
        }
        for c in part.chars() {
            match c {
                // What separates, in a path and here, and what no name can have.
                '/' | ',' | '%' | '\0' => file.push_str(&format!("%{:02X}", u32::from(c))),
                c => file.push(c),
            }
        }
    }
    file
}

/// The file of one client, which nobody else has as long as this value lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    file: String,
    /// Held, so that the lock is.
    _lock: File,
    journal: Option<File>,
    new: Option<File>,
}

impl Folder {
    /// Makes the folder if there is none, and takes the file.
    ///
    /// # Errors
    /// If there can be no folder, or another client has the file.
    pub fn open(path: PathBuf, file: String) -> Result<Self, Fault> {
        let at = |path: &Path| {
            let path = path.to_owned();
            |error| Fault::Io { path, error }
        };
        make(&path).map_err(at(&path))?;
        // A file of its own, since a lock belongs to a file and not to its name, and the name goes to a new one.
        let lock_path = path.join(format!("{file}.lock"));
        let lock = private().create(true).truncate(false).open(&lock_path).map_err(at(&lock_path))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path, file, _lock: lock, journal: None, new: None }),
            Err(Errno::WOULDBLOCK) => Err(Fault::InUse),
            Err(error) => Err(at(&lock_path)(error.into())),
        }
    }

    /// Where a file is.
    #[must_use]
    pub fn path(&self, name: Name) -> PathBuf {
        match name {
            Name::Journal => self.path.join(&self.file),
            Name::New => self.path.join(format!("{}.new", self.file)),
        }
    }

    fn handle(&mut self, name: Name) -> io::Result<&mut File> {
        let path = self.path(name);
        let handle = match name {
            Name::Journal => &mut self.journal,
            Name::New => &mut self.new,
        };
        if handle.is_none() {
            *handle = Some(private().append(true).open(path)?);
        }
        handle.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for Folder {
    fn read(&mut self, name: Name) -> io::Result<Option<Vec<u8>>> {
        match File::open(self.path(name)) {
            Ok(file) => {
                // What has no end is none of ours, as a device.
                let size = file.metadata()?.len();
                if size > LARGEST {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                let mut bytes = Vec::new();
                file.take(size).read_to_end(&mut bytes)?;
                Ok(Some(bytes))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&mut self, name: Name) -> io::Result<()> {
        let file = private().create(true).truncate(true).open(self.path(name))?;
        // Opened to be written at its end from now on.
        drop(file);
        match name {
            Name::Journal => self.journal = None,
            Name::New => self.new = None,
        }
        self.handle(name).map(drop)
    }

    fn append(&mut self, name: Name, bytes: &[u8]) -> io::Result<()> {
        self.handle(name)?.write_all(bytes)
    }

    fn sync(&mut self, name: Name) -> io::Result<()> {
        self.handle(name)?.sync_data()
    }

    fn replace(&mut self) -> io::Result<()> {
        fs::rename(self.path(Name::New), self.path(Name::Journal))?;
        self.journal = self.new.take();
        Ok(())
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// Nobody else may read it: the key in it is a password.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// Makes a folder and those above it, for this user alone, and puts each name on the disk.
fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let Some(parent) = path.parent() else { return Err(io::ErrorKind::NotFound.into()) };
    make(parent)?;
    match DirBuilder::new().mode(0o700).create(path) {
        // Another client was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => File::open(parent)?.sync_all(),
    }
}
