//! Data folders of the tests' own, and file systems mounted for them. Gone when the test ends.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::statvfs;

use crate::support::Server;
use crate::support::mount::Mount;

/// A folder, in which the data folder is still to be made.
pub(crate) struct Folder {
    path: PathBuf,
    mount: Option<Mount>,
}

impl Folder {
    /// On the disk where things are built, not in memory.
    pub(crate) fn new() -> Self {
        Self::within(Path::new(env!("CARGO_TARGET_TMPDIR")))
    }

    pub(crate) fn within(parent: &Path) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("snug-board-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("a folder");
        Self { path, mount: None }
    }

    /// A disk of so many MiB, in memory. `None`, with a word about it, where that is not allowed.
    pub(crate) fn small_disk(mebibytes: u32) -> Option<Self> {
        let mut folder = Self::new();
        folder.mount = Some(Mount::small_disk(&folder.path, &format!("size={mebibytes}m"))?);
        Some(folder)
    }

    /// From now on nothing can be written here. `None` as above.
    pub(crate) fn read_only(mut self) -> Option<Self> {
        self.mount = Some(Mount::read_only(&self.path)?);
        Some(self)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The data folder.
    pub(crate) fn data(&self) -> String {
        self.path.join("data").to_str().expect("UTF-8").to_owned()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("data/snug.db")
    }

    /// The write-ahead log.
    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("data/snug.db-wal")
    }

    pub(crate) fn server(&self, flags: &[&str]) -> Server {
        Server::start(&[&["--data", &self.data()], flags].concat())
    }

    /// How many bytes are free.
    pub(crate) fn free(&self) -> u64 {
        let room = statvfs(&self.path).expect("it is there");
        room.f_bavail * room.f_frsize
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What lies below it is what is removed.
        self.mount = None;
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// So that another user can reach what lies here: every folder above may be passed through.
pub(crate) fn can_be_reached(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.ancestors()
        .skip(1)
        .all(|above| std::fs::metadata(above).is_ok_and(|above| above.permissions().mode() & 0o001 != 0))
}
