//! A disk that can lose its power: a file system (ext4) within a file. What the file holds is what has reached the disk.
//! Must not know what is on it.
//!
//! Nothing goes there by itself for a long time (`commit=300`), so that it is only what somebody has waited for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Room for all that is said, and little to copy.
const SIZE: u64 = 64 * 1024 * 1024;

/// Mounted as long as it lives, and gone with it.
pub(crate) struct Disk {
    folder: PathBuf,
    image: PathBuf,
    copies: u32,
}

impl Disk {
    pub(crate) fn new(place: &Path) -> Self {
        let folder = place.join(format!("snug-power-{}", std::process::id()));
        fs::create_dir_all(folder.join("mounted")).expect("a folder to mount on");
        let image = folder.join("image-0");
        fs::File::create(&image).and_then(|file| file.set_len(SIZE)).expect("an image");
        let disk = Self { folder, image, copies: 0 };
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&disk.image));
        disk.mount();
        disk
    }

    /// Where a server keeps its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.mounted().join("data")
    }

    /// What has reached the disk. Nobody may be writing meanwhile.
    pub(crate) fn copy(&mut self) -> PathBuf {
        self.copies += 1;
        let copy = self.folder.join(format!("image-{}", self.copies));
        run(Command::new("cp").arg("--sparse=always").arg(&self.image).arg(&copy));
        copy
    }

    /// Goes on with the copy. Nobody may use the disk any more.
    pub(crate) fn become_copy(&mut self, copy: PathBuf) {
        run(Command::new("umount").arg(self.mounted()));
        fs::remove_file(&self.image).expect("it was there");
        self.image = copy;
        self.mount();
    }

    fn mount(&self) {
        run(Command::new("mount").args(["-o", "loop,commit=300"]).arg(&self.image).arg(self.mounted()));
    }

    fn mounted(&self) -> PathBuf {
        self.folder.join("mounted")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: if something has failed, somebody may still use it.
        let _ = Command::new("umount").arg("--lazy").arg(self.mounted()).status();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn run(command: &mut Command) {
    let status = command.status();
    assert!(status.as_ref().is_ok_and(std::process::ExitStatus::success), "{command:?}: {status:?}");
}
