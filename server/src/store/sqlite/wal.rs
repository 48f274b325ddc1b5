//! Reads SQLite's write-ahead log, to tell what SQLite itself does not: whether commits are lost in it. And makes it
//! certain again after a write that failed. Must not know what the pages mean.
//!
//! SQLite takes the log up to the last commit before the first frame that is not sound, and says nothing of the rest.
//! That is right after a crash, when the rest is the one transaction that was being written: each is on the disk before
//! the next begins. If several commits lie behind an unsound frame, somebody was told that they are stored.
//!
//! The format is in <https://www.sqlite.org/fileformat2.html#walformat>: a header of 32 bytes, then frames: a header of
//! 24 bytes and a page. All numbers have their high byte first; the checksums go on from one frame to the next.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write as _};
use std::path::Path;

use super::folder::{beside, sync_folder};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// What a log holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// How many bytes there are up to the end of the last sound commit.
    pub(super) sound: u64,
    /// How many commits lie behind that.
    pub(super) lost: u32,
    /// The header is not one.
    pub(super) headless: bool,
}

impl Found {
    /// Whether something is lost that was committed.
    pub(super) fn is_damaged(&self) -> bool {
        self.headless || self.lost > 1
    }
}

/// Reads a log. One that is not there, or empty, holds nothing.
pub(super) fn look(path: &Path) -> io::Result<Found> {
    match File::open(path) {
        Ok(file) => walk(&mut BufReader::new(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::default()),
        Err(error) => Err(error),
    }
}

/// Leaves in a log what is sound. After a failed fsync(2) (not `certain`) the system may hold that in memory as if it were
/// on the disk, and will not write it again; so it is copied, and the copy takes its place. Not to be called while the
/// database is open.
pub(super) fn mend(path: &Path, certain: bool) -> io::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let sound = look(path)?.sound;
    // First of all this makes room, on a disk that may be full.
    let log = fs::OpenOptions::new().write(true).open(path)?;
    log.set_len(sound)?;
    if certain {
        return log.sync_all();
    }
    let copy = beside(path, ".mended");
    let mut from = File::open(path)?.take(sound);
    let mut to = File::create(&copy)?;
    to.set_permissions(from.get_ref().metadata()?.permissions())?;
    // Not fs::copy: a file system that shares blocks between files would share those that were not written.
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = fill(&mut from, &mut buffer)?;
        let Some(part) = buffer.get(..count).filter(|part| !part.is_empty()) else { break };
        to.write_all(part)?;
    }
    to.sync_all()?;
    fs::rename(&copy, path)?;
    sync_folder(path.parent().unwrap_or_else(|| Path::new(".")))
}

fn walk(file: &mut impl Read) -> io::Result<Found> {
    let mut found = Found::default();
    let mut header = [0; HEADER];
    if fill(file, &mut header)? < HEADER {
        return Ok(found); // it was just being made
    }
    if header == [0; HEADER] {
        return Ok(found); // made longer, and not written yet
    }
    let Some(head) = Head::read(&header) else {
        found.headless = true;
        return Ok(found);
    };
    let mut sum = head.sum;
    let mut is_sound = true;
    let mut frame = vec![0; FRAME_HEADER + head.page];
    let mut at = HEADER as u64;
    while fill(file, &mut frame)? == frame.len() {
        at += frame.len() as u64;
        let commits = number(&frame, 4) != 0;
        let ours = (number(&frame, 8), number(&frame, 12)) == head.salt;
        sum = head.checksum(head.checksum(sum, &frame[..8]), &frame[FRAME_HEADER..]);
        is_sound &= ours && number(&frame, 0) != 0 && sum == (number(&frame, 16), number(&frame, 20));
        if is_sound && commits {
            found.sound = at;
        }
        if !is_sound && ours && commits {
            found.lost += 1;
        }
    }
    Ok(found)
}

struct Head {
    /// Which byte of a word comes first for the checksum.
    high_first: bool,
    page: usize,
    salt: (u32, u32),
    sum: (u32, u32),
}

impl Head {
    fn read(bytes: &[u8; HEADER]) -> Option<Self> {
        let magic = number(bytes, 0);
        let page = usize::try_from(number(bytes, 8)).ok()?;
        let head = Self {
            high_first: magic & 1 == 1,
            page,
            salt: (number(bytes, 16), number(bytes, 20)),
            sum: (number(bytes, 24), number(bytes, 28)),
        };
        let known = magic & !1 == 0x377f_0682 && (512..=65536).contains(&page) && page.is_power_of_two();
        (known && head.checksum((0, 0), &bytes[..24]) == head.sum).then_some(head)
    }

    fn checksum(&self, start: (u32, u32), bytes: &[u8]) -> (u32, u32) {
        let word = |at: &[u8]| match *at {
            [a, b, c, d] if self.high_first => u32::from_be_bytes([a, b, c, d]),
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
            _ => 0,
        };
        bytes.chunks_exact(8).fold(start, |(one, two), pair| {
            let (left, right) = pair.split_at(4);
            let one = one.wrapping_add(word(left)).wrapping_add(two);
            (one, two.wrapping_add(word(right)).wrapping_add(one))
        })
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .map_or(0, |bytes| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

/// Reads as much as there is, at most all that fits.
fn fill(file: &mut impl Read, to: &mut [u8]) -> io::Result<usize> {
    let mut full = 0;
    while let Some(rest) = to.get_mut(full..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => full += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(full)
}
