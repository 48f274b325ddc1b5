//! What survives this client's own end: what was said and is not confirmed, which person said it, and how far each
//! room was read. Owns the file and its safety; must not know the chat, the loop or the link.
//!
//! One small file for each server and nick, `$XDG_STATE_HOME/snug/SERVER,NICK` (or below `~/.local/state`), for piped
//! lines one for each room too. [`journal`] says what stands in it, [`folder`] where it lies and who may have it.
//! What must be there is there after [`Keeper::settle`], whatever happens next to the program or to the power. A line
//! that is struck out, and a place in a room, may get lost then: the line is sent again, under the id by which the
//! server knows it, and what was read last is read again.

pub mod folder;
pub mod journal;
#[cfg(test)]
mod tests;

use std::io;

use protocol::chat::id::{RequestId, SessionKey};
use protocol::chat::request::Envelope;

use self::journal::{Image, Record};
use crate::model::Kept;
use crate::model::room::Room;

/// How long the file may grow, in bytes, before it is looked at whether most of it is of no use any more. Two hundred
/// lines of talk, and one turn of a memory card's smallest block.
const TIDY: usize = 64 * 1024;

/// The two names in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// The file itself.
    Journal,
    /// The one that will take its place.
    New,
}

/// What is asked of a disk: five system calls. The tests have one whose power can be cut.
pub trait Disk {
    /// All bytes of a file; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    fn read(&mut self, name: Name) -> io::Result<Option<Vec<u8>>>;

    /// Makes an empty file.
    ///
    /// # Errors
    /// As open(2).
    fn create(&mut self, name: Name) -> io::Result<()>;

    /// Writes behind what is there.
    ///
    /// # Errors
    /// As write(2); some of it may be written then.
    fn append(&mut self, name: Name, bytes: &[u8]) -> io::Result<()>;

    /// What was written is on the disk.
    ///
    /// # Errors
    /// As fsync(2); nobody knows then what is on the disk.
    fn sync(&mut self, name: Name) -> io::Result<()>;

    /// The new file takes the name of the old one.
    ///
    /// # Errors
    /// As rename(2).
    fn replace(&mut self) -> io::Result<()>;

    /// The names are on the disk.
    ///
    /// # Errors
    /// As fsync(2).
    fn sync_folder(&mut self) -> io::Result<()>;
}

/// See the head of this file. After an error it is of no use: what it says about the file may not be so.
#[derive(Debug)]
pub struct Keeper<D> {
    disk: D,
    /// What the file comes to, with all that is still to be written.
    image: Image,
    /// Records that are still to be written.
    unwritten: Vec<u8>,
    /// Something must be on the disk before anybody acts on it.
    urgent: bool,
    file: File,
    length: usize,
    /// At which length the file is looked at again.
    tidy_at: usize,
    /// What was kept in this run.
    fresh: Vec<RequestId<'static>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum File {
    /// There is none.
    Missing,
    /// It is there, but its name may not be on the disk.
    Made,
    /// It is there.
    Safe,
}

impl<D: Disk> Keeper<D> {
    /// Reads what an earlier run has left behind, and which person it was.
    ///
    /// # Errors
    /// If it cannot be read, or was damaged and cannot be written anew.
    pub fn open(mut disk: D) -> io::Result<(Self, Option<SessionKey>, Kept)> {
        let bytes = disk.read(Name::Journal)?;
        let file = if bytes.is_some() { File::Made } else { File::Missing };
        let bytes = bytes.unwrap_or_default();
        let (mut image, is_whole) = Image::read(&bytes);
        // Ids count per person. Under another key each line could be said twice.
        let nobodys = if image.person.is_none() { std::mem::take(&mut image.lines) } else { Vec::new() };
        let kept = Kept {
            unconfirmed: image.lines.clone(),
            nobodys,
            places: image.places.clone(),
            rooms: image.rooms.clone(),
        };
        let person = image.person;
        let (unwritten, urgent, fresh) = (Vec::new(), false, Vec::new());
        let length = bytes.len();
        let mut keeper = Self { disk, image, unwritten, urgent, file, length, tidy_at: TIDY, fresh };
        if !is_whole || !kept.nobodys.is_empty() {
            keeper.rewrite()?;
        }
        Ok((keeper, person, kept))
    }

    /// Keeps what this person says. It is safe after the next [`Keeper::settle`].
    pub fn keep(&mut self, person: SessionKey, envelope: Envelope<'static>) {
        if self.image.person != Some(person) {
            self.record(Record::Person(person));
        }
        self.fresh.extend(envelope.id.clone());
        self.record(Record::Said(envelope));
        self.urgent = true;
    }

    /// Strikes out what was kept. Nothing depends on it: what is not struck out is sent again, and the server knows it.
    pub fn forget(&mut self, id: &RequestId<'static>) {
        if self.image.has(id) {
            self.record(Record::Answered(id.clone()));
        }
        self.fresh.retain(|fresh| fresh != id);
    }

    /// Strikes out what this run has kept and could not deliver, since somebody else has taken it back.
    pub fn give_back(&mut self) {
        for id in std::mem::take(&mut self.fresh) {
            self.forget(&id);
            self.urgent = true;
        }
    }

    /// Whether these rooms, and how far they were read, are not what the file says.
    #[must_use]
    pub fn differs(&self, rooms: &[Room]) -> Difference {
        let known = |room: &Room| self.image.rooms.contains(&room.name);
        if rooms.len() != self.image.rooms.len() || !rooms.iter().all(known) {
            return Difference::Rooms;
        }
        match rooms.iter().filter_map(Room::place).all(|place| self.image.places.contains(&place)) {
            true => Difference::None,
            false => Difference::Places,
        }
    }

    /// Notes in which rooms we are, and how far they were read.
    pub fn note(&mut self, rooms: &[Room]) {
        for gone in self.image.rooms.clone() {
            if rooms.iter().all(|room| room.name != gone) {
                self.record(Record::Left(gone));
            }
        }
        for room in rooms {
            if !self.image.rooms.contains(&room.name) {
                self.record(Record::Inside(room.name.clone()));
            }
            if let Some(place) = room.place().filter(|place| !self.image.places.contains(place)) {
                self.record(Record::Place(place));
            }
        }
    }

    /// This run ends as it should.
    pub fn end(&mut self) {
        if !self.image.rooms.is_empty() {
            self.record(Record::Ended);
        }
    }

    /// The disk it is kept on.
    #[must_use]
    pub fn disk(&self) -> &D {
        &self.disk
    }

    /// Whether something was kept that is not safe yet.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// Writes what is to be written. What was kept is on the disk when this returns: one fsync(2) for all of it.
    ///
    /// # Errors
    /// If it cannot be written. Then nothing of it may be relied on.
    pub fn settle(&mut self) -> io::Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        if self.file == File::Missing {
            self.disk.create(Name::Journal)?;
            self.file = File::Made;
        }
        let records = std::mem::take(&mut self.unwritten);
        self.disk.append(Name::Journal, &records)?;
        self.length += records.len();
        if std::mem::take(&mut self.urgent) {
            self.disk.sync(Name::Journal)?;
            if self.file == File::Made {
                self.disk.sync_folder()?;
                self.file = File::Safe;
            }
        }
        if self.length >= self.tidy_at {
            self.tidy()?;
        }
        Ok(())
    }

    fn record(&mut self, record: Record) {
        record.write(&mut self.unwritten);
        self.image.apply(record);
    }

    fn tidy(&mut self) -> io::Result<()> {
        let useful = self.image.write().len();
        if self.length / 2 > useful {
            self.rewrite()?;
        }
        self.tidy_at = TIDY.max(self.length.saturating_mul(2));
        Ok(())
    }

    /// Writes the file anew, with nothing in it but what counts.
    fn rewrite(&mut self) -> io::Result<()> {
        let bytes = self.image.write();
        self.disk.create(Name::New)?;
        self.disk.append(Name::New, &bytes)?;
        self.disk.sync(Name::New)?;
        self.disk.replace()?;
        self.disk.sync_folder()?;
        self.file = File::Safe;
        self.length = bytes.len();
        Ok(())
    }
}

/// In what the rooms are not what the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// In nothing.
    None,
    /// In how far they were read.
    Places,
    /// In which rooms they are.
    Rooms,
}
