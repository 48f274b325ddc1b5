//! File systems that are mounted for a test, where that is allowed. By system calls: a child process would for a moment
//! hold the locks of the tests beside this one.

use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_remount, unmount};

/// Something mounted on a folder, for as long as this lives.
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// A small disk in memory, such as `size=8m`. `None`, with a word about it, where that is not allowed.
    pub(crate) fn small_disk(folder: &Path, size: &str) -> Option<Self> {
        let options = std::ffi::CString::new(size).expect("no NUL");
        Self::or_skipped(folder, mount("tmpfs", folder, "tmpfs", MountFlags::empty(), options.as_c_str()))
    }

    /// From now on nothing can be written here. `None` as above.
    pub(crate) fn read_only(folder: &Path) -> Option<Self> {
        let mounted = Self::or_skipped(folder, mount_bind(folder, folder))?;
        mount_remount(folder, MountFlags::RDONLY | MountFlags::BIND, c"").expect("it is mounted");
        Some(mounted)
    }

    fn or_skipped(folder: &Path, done: rustix::io::Result<()>) -> Option<Self> {
        if let Err(error) = done {
            println!("SKIPPED: cannot mount here: {error}");
            return None;
        }
        Some(Self(folder.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Detached: a server may still run in it, if a test has failed.
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}
