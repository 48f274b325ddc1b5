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
    // A log that was made longer, and whose head is not written yet, can hold one commit that nobody was told of.
    let is_blank = header == [0; HEADER];
    let Some(mut head) = (if is_blank { Some(Head::BLANK) } else { Head::read(&header) }) else {
        found.headless = true;
        return Ok(found);
    };
    let mut sum = head.sum;
    let mut is_sound = !is_blank;
    let mut frame = vec![0; FRAME_HEADER + head.page];
    let mut at = HEADER as u64;
    while fill(file, &mut frame)? == frame.len() {
        at += frame.len() as u64;
        let commits = number(&frame, 4) != 0;
        let salt = (number(&frame, 8), number(&frame, 12));
        if head.salt == Head::BLANK.salt {
            head.salt = salt;
        }
        let ours = salt == head.salt;
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
    /// What is not known of a log without a head is as in every log of ours, or found in its frames.
    const BLANK: Self = Self { high_first: false, page: 4096, salt: (0, 0), sum: (0, 0) };

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

#[cfg(test)]
mod tests {
    use super::*;

    /// A log with so many commits, as SQLite writes it.
    fn log(commits: usize) -> Vec<u8> {
        let test = std::thread::current().name().unwrap_or("").replace(':', "-");
        let path = std::env::temp_dir().join(format!("snug-wal-{}-{test}", std::process::id()));
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)").unwrap();
        for _ in 1..commits {
            conn.execute("INSERT INTO t VALUES (randomblob(100))", []).unwrap();
        }
        let wal = beside(&path, "-wal");
        let bytes = fs::read(&wal).unwrap();
        drop(conn);
        [path.clone(), wal, beside(&path, "-shm")].iter().for_each(|path| drop(fs::remove_file(path)));
        bytes
    }

    fn found(bytes: &[u8]) -> Found {
        walk(&mut &*bytes).unwrap()
    }

    #[test]
    fn a_sound_log_is_sound_to_its_end() {
        let log = log(7);
        assert_eq!(found(&log), Found { sound: log.len() as u64, lost: 0, headless: false });
        assert_eq!(found(&[]), Found::default());
        assert_eq!(found(&[0; 5000]), Found::default());
    }

    /// Cut off anywhere, it ends with its last whole commit, as after a crash. That is no damage.
    #[test]
    fn a_log_that_was_cut_off_is_sound_as_far_as_it_goes() {
        let log = log(3);
        for end in 0..=log.len() {
            let found = found(&log[..end]);
            assert!(found.sound <= end as u64 && !found.is_damaged(), "{end}: {found:?}");
        }
    }

    /// The last commit may be one that was being written; but not two.
    #[test]
    fn every_flipped_bit_is_found() {
        let log = log(7);
        let frames: Vec<usize> = (HEADER..log.len()).step_by(FRAME_HEADER + 4096).collect();
        let last_but_one = frames.iter().rev().filter(|at| number(&log, **at + 4) != 0).nth(1).unwrap();
        let end = last_but_one + FRAME_HEADER + 4096;
        for at in (0..end).filter(|at| *at < 4 * FRAME_HEADER || at % 97 == 0) {
            let mut log = log.clone();
            log[at] ^= 1 << (at % 8);
            assert!(found(&log).is_damaged(), "byte {at}");
        }
        for block in (0..end - 512).step_by(512) {
            let mut zeros = log.clone();
            zeros[block..block + 512].fill(0);
            assert!(zeros == log || found(&zeros).is_damaged(), "zeros from {block}");
        }
    }
}
